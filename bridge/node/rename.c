/* Rename, see rename.h. */
#include "node/rename.h"

#include <string.h>

struct level {
    const char *text;
    size_t len;
};

/* Moves `*at` behind the level; NULL after the last. */
static struct level next_level(const char **at)
{
    struct level level = {.text = *at, .len = strcspn(*at, "/")};

    *at = level.text[level.len] == '/' ? level.text + level.len + 1 : NULL;
    return level;
}

static bool is_wildcard(struct level level)
{
    return level.len == 1 && (level.text[0] == '+' || level.text[0] == '#');
}

/* The next wildcard of a pattern, '\0' when there is none left. */
static char next_wildcard(const char **at)
{
    while (*at != NULL) {
        struct level level = next_level(at);

        if (is_wildcard(level))
            return level.text[0];
    }
    return '\0';
}

maiko_status rename_check(const char *pattern, const char *as)
{
    maiko_status status = maiko_pattern_check(pattern);
    char wildcard;

    if (status == MAIKO_OK)
        status = maiko_pattern_check(as);
    if (status != MAIKO_OK)
        return status;
    do {
        wildcard = next_wildcard(&pattern);
        if (wildcard != next_wildcard(&as))
            return MAIKO_EINVAL;
    } while (wildcard != '\0');
    return MAIKO_OK;
}

/* What the next wildcard of `*pattern` stands for in `*topic`; a '#' may stand for nothing. */
static struct level next_meaning(const char **pattern, const char **topic)
{
    static const struct level nothing = {.text = NULL};

    while (*pattern != NULL) {
        struct level wanted = next_level(pattern);
        struct level got;

        if (is_wildcard(wanted) && wanted.text[0] == '#') {
            got = *topic == NULL ? nothing : (struct level){.text = *topic, .len = strlen(*topic)};
            *topic = NULL;
            return got;
        }
        if (*topic == NULL)
            return nothing;
        got = next_level(topic);
        if (is_wildcard(wanted))
            return got;
    }
    return nothing;
}

static bool append(char *text, size_t *len, struct level part, bool is_first)
{
    size_t slash = is_first ? 0 : 1;

    if (*len + slash + part.len > MAIKO_TOPIC_MAX)
        return false;
    if (!is_first)
        text[(*len)++] = '/';
    memcpy(text + *len, part.text, part.len);
    *len += part.len;
    return true;
}

bool rename_topic(const char *pattern, const char *as, const char *topic, char ret_topic[MAIKO_TOPIC_MAX + 1])
{
    bool is_first = true;
    size_t len = 0;

    while (as != NULL) {
        struct level level = next_level(&as);

        if (is_wildcard(level)) {
            bool is_rest = level.text[0] == '#';

            level = next_meaning(&pattern, &topic);
            if (is_rest && level.text == NULL)
                break; /* "a/#" for "a" */
        }
        if (!append(ret_topic, &len, level, is_first))
            return false;
        is_first = false;
    }
    ret_topic[len] = '\0';
    return true;
}

bool topic_stays_here(const char *topic)
{
    static const char own[] = "$maiko";
    static const size_t len = sizeof(own) - 1;

    if (topic == NULL)
        return false;
    return maiko_topic_is_reserved(topic) || (strncmp(topic, own, len) == 0 && (topic[len] == '\0' || topic[len] == '/'));
}
