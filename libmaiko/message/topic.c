/* Topic: validation and matching by levels, after MQTT 3.1.1 section 4.7. */
#include "message/topic.h"

#include <string.h>

#include "base/utf8.h"

/* What names and patterns have in common. */
static maiko_status text_check(const char *text)
{
    size_t len;

    if (text == NULL)
        return MAIKO_EINVAL;
    len = strnlen(text, MAIKO_TOPIC_MAX + 1);
    if (len == 0)
        return MAIKO_ETOPIC;
    if (len > MAIKO_TOPIC_MAX)
        return MAIKO_ETOOLONG;
    if (!utf8_is_valid(text, len))
        return MAIKO_EUTF8;
    return utf8_has_control(text, len) ? MAIKO_ETOPIC : MAIKO_OK;
}

maiko_status maiko_topic_check(const char *topic)
{
    const maiko_status status = text_check(topic);

    if (status != MAIKO_OK)
        return status;
    return strpbrk(topic, "+#") == NULL ? MAIKO_OK : MAIKO_ETOPIC;
}

/* A level with a wildcard is that wildcard alone, and nothing follows a '#'. */
static bool level_is_valid(struct topic_level level, bool is_last)
{
    if (topic_level_is_hash(level))
        return is_last;
    if (topic_level_is_plus(level))
        return true;
    return memchr(level.text, '+', level.len) == NULL && memchr(level.text, '#', level.len) == NULL;
}

maiko_status maiko_pattern_check(const char *pattern)
{
    const maiko_status status = text_check(pattern);
    const char *at = pattern;

    if (status != MAIKO_OK)
        return status;
    while (at != NULL) {
        const struct topic_level level = topic_level_next(&at);

        if (!level_is_valid(level, at == NULL))
            return MAIKO_ETOPIC;
    }
    return MAIKO_OK;
}

bool maiko_topic_is_reserved(const char *topic)
{
    return topic != NULL && strncmp(topic, "$sys", 4) == 0 && (topic[4] == '\0' || topic[4] == '/');
}

maiko_status topic_check_sendable(const char *topic)
{
    const maiko_status status = maiko_topic_check(topic);

    if (status != MAIKO_OK)
        return status;
    return maiko_topic_is_reserved(topic) ? MAIKO_EPERM : MAIKO_OK;
}

bool maiko_pattern_has_wildcard(const char *pattern)
{
    return maiko_pattern_check(pattern) == MAIKO_OK && strpbrk(pattern, "+#") != NULL;
}

bool maiko_topic_matches(const char *pattern, const char *topic)
{
    return maiko_pattern_check(pattern) == MAIKO_OK && maiko_topic_check(topic) == MAIKO_OK && topic_matches(pattern, topic);
}

/* A level both patterns accept, neither being '#': bytes of the shortest, or -1 when there is none. */
static long levels_meet(struct topic_level a, struct topic_level b)
{
    if (topic_level_is_plus(a))
        return topic_level_is_plus(b) ? 0 : (long)b.len;
    if (topic_level_is_plus(b))
        return (long)a.len;
    return topic_level_equals(a, b) ? (long)a.len : -1;
}

/* Bytes of the shortest topic part that falls under what is left of a pattern, with the '/' before each level. */
static long rest_length(const char *at)
{
    long len = 0;

    while (at != NULL) {
        const struct topic_level level = topic_level_next(&at);

        if (!topic_level_is_hash(level))
            len += 1 + (topic_level_is_plus(level) ? 0 : (long)level.len);
    }
    return len;
}

/* In a valid pattern a '#' at the start of a level is that level. */
static bool at_hash(const char *at)
{
    return at != NULL && at[0] == '#';
}

/* Walks both at once and adds up the shortest common topic, which must not be longer than a topic can be. */
static bool patterns_overlap(const char *a, const char *b)
{
    long len = -1; /* the first level has no '/' before it */

    while (a != NULL && b != NULL && !at_hash(a) && !at_hash(b)) {
        const long level_len = levels_meet(topic_level_next(&a), topic_level_next(&b));

        if (level_len < 0)
            return false;
        len += 1 + level_len;
    }
    if (at_hash(a))
        len += rest_length(b);
    else if (at_hash(b))
        len += rest_length(a);
    else if (a != NULL || b != NULL)
        return false;
    return len <= MAIKO_TOPIC_MAX;
}

/* A '#' or '+' at the front does not meet a name that begins with '$'. */
static bool front_excludes(const char *a, const char *b)
{
    return a[0] == '$' && (b[0] == '+' || b[0] == '#');
}

/* The one pair that would meet in the empty name only, which is none. */
static bool meets_in_nothing(const char *a, const char *b)
{
    return strcmp(a, "+") == 0 && strcmp(b, "/#") == 0;
}

bool maiko_patterns_overlap(const char *a, const char *b)
{
    if (maiko_pattern_check(a) != MAIKO_OK || maiko_pattern_check(b) != MAIKO_OK)
        return false;
    if (front_excludes(a, b) || front_excludes(b, a) || meets_in_nothing(a, b) || meets_in_nothing(b, a))
        return false;
    return patterns_overlap(a, b);
}
