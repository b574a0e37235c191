/* Topic internals: levels, one after the other, and the unchecked forms for text that was checked before. */
#ifndef MESSAGE_TOPIC_H
#define MESSAGE_TOPIC_H

#include <stddef.h>
#include <string.h>

#include <maiko/topic.h>

/* One level of a name or pattern; not NUL-terminated. */
struct topic_level {
    const char *text;
    size_t len;
};

/* Reads the level at `*at` and moves behind it; `*at` becomes NULL after the last.  Start with the whole text. */
static inline struct topic_level topic_level_next(const char **at)
{
    struct topic_level level = {.text = *at};

    while (level.text[level.len] != '/' && level.text[level.len] != '\0')
        level.len++;
    *at = level.text[level.len] == '/' ? level.text + level.len + 1 : NULL;
    return level;
}

static inline bool topic_level_is_plus(struct topic_level level)
{
    return level.len == 1 && level.text[0] == '+';
}

static inline bool topic_level_is_hash(struct topic_level level)
{
    return level.len == 1 && level.text[0] == '#';
}

static inline bool topic_level_equals(struct topic_level a, struct topic_level b)
{
    return a.len == b.len && memcmp(a.text, b.text, a.len) == 0;
}

/* Both arguments are valid: the public form without the checks. */
bool topic_matches(const char *pattern, const char *topic);

/* What a program may send on: maiko_topic_check(), and MAIKO_EPERM for names the library keeps. */
MAIKO_MUST_CHECK maiko_status topic_check_sendable(const char *topic);

#endif
