/* Patterns: a list, and one byte per topic that remembers the answer. */
#include "link/patterns.h"

#include <string.h>

#include <maiko/topic.h>

void patterns_init(struct patterns *patterns, struct heap *heap)
{
    *patterns = (struct patterns){.heap = heap};
}

void patterns_changed(struct patterns *patterns)
{
    patterns->generation++;
    if (patterns->cache_size > 0)
        memset(patterns->cache, PATTERNS_UNKNOWN, patterns->cache_size);
}

void patterns_clear(struct patterns *patterns)
{
    size_t i;

    for (i = 0; i < patterns->count; i++)
        heap_strfree(patterns->heap, patterns->list[i].text);
    patterns->count = 0;
    patterns_changed(patterns);
}

void patterns_deinit(struct patterns *patterns)
{
    patterns_clear(patterns);
    heap_free(patterns->heap, patterns->list, patterns->capacity * sizeof(*patterns->list));
    heap_free(patterns->heap, patterns->cache, patterns->cache_size);
    patterns_init(patterns, patterns->heap);
}

static maiko_status grow_list(struct patterns *patterns)
{
    size_t capacity = patterns->capacity > 0 ? 2 * patterns->capacity : 8;
    void *list;

    if (patterns->count < patterns->capacity)
        return MAIKO_OK;
    list = heap_resize(patterns->heap, patterns->list, patterns->capacity * sizeof(*patterns->list),
                       capacity * sizeof(*patterns->list));
    if (list == NULL)
        return MAIKO_ENOMEM;
    patterns->list = list;
    patterns->capacity = capacity;
    return MAIKO_OK;
}

maiko_status patterns_add(struct patterns *patterns, const struct pattern *pattern)
{
    maiko_status status = maiko_pattern_check(pattern->text);
    struct pattern *added;

    if (status == MAIKO_OK)
        status = grow_list(patterns);
    if (status != MAIKO_OK)
        return status;
    added = &patterns->list[patterns->count];
    *added = *pattern;
    added->text = heap_strdup(patterns->heap, pattern->text);
    if (added->text == NULL)
        return MAIKO_ENOMEM;
    added->len = (uint8_t)strlen(added->text); /* at most MAIKO_TOPIC_MAX */
    added->is_plain = strpbrk(added->text, "+#") == NULL;
    patterns->count++;
    patterns_changed(patterns);
    return MAIKO_OK;
}

void patterns_remove(struct patterns *patterns, struct pattern *pattern)
{
    heap_strfree(patterns->heap, pattern->text);
    memmove(pattern, pattern + 1, (size_t)(patterns->list + patterns->count - (pattern + 1)) * sizeof(*pattern));
    patterns->count--;
    patterns_changed(patterns);
}

struct pattern *patterns_find(const struct patterns *patterns, const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < patterns->count; i++)
        if (patterns->list[i].len == len && memcmp(patterns->list[i].text, text, len) == 0)
            return &patterns->list[i];
    return NULL;
}

/* The byte the cache keeps for a topic. */
static uint8_t judge(const struct patterns *patterns, const struct retained_topic *topic)
{
    maiko_overflow overflow = MAIKO_OVERFLOW_OF_TOPIC;
    bool is_wanted = false;
    size_t i;

    for (i = 0; i < patterns->count && overflow == MAIKO_OVERFLOW_OF_TOPIC; i++) {
        const struct pattern *pattern = &patterns->list[i];

        if (!pattern_is_live(pattern) || !pattern_matches(pattern, topic->name))
            continue;
        is_wanted = true;
        overflow = pattern->overflow;
    }
    if (!is_wanted)
        return PATTERNS_UNWANTED;
    if (overflow == MAIKO_OVERFLOW_OF_TOPIC)
        overflow = topic->overflow == MAIKO_OVERFLOW_OF_TOPIC ? MAIKO_BLOCK : topic->overflow;
    return (uint8_t)(PATTERNS_WANTED + overflow);
}

/* Room for this topic; without memory the answer is worked out every time. */
static bool grow_cache(struct patterns *patterns, uint32_t index)
{
    size_t size = patterns->cache_size > 0 ? patterns->cache_size : 32;
    uint8_t *cache;

    if (index < patterns->cache_size)
        return true;
    while (size <= index)
        size *= 2;
    cache = heap_resize(patterns->heap, patterns->cache, patterns->cache_size, size);
    if (cache == NULL)
        return false;
    memset(cache + patterns->cache_size, PATTERNS_UNKNOWN, size - patterns->cache_size);
    patterns->cache = cache;
    patterns->cache_size = size;
    return true;
}

uint8_t patterns_judge(struct patterns *patterns, const struct retained_topic *topic)
{
    uint8_t answer = judge(patterns, topic);

    if (grow_cache(patterns, topic->index))
        patterns->cache[topic->index] = answer;
    return answer;
}

bool patterns_match(const struct patterns *patterns, const char *topic)
{
    size_t i;

    for (i = 0; i < patterns->count; i++)
        if (pattern_is_live(&patterns->list[i]) && pattern_matches(&patterns->list[i], topic))
            return true;
    return false;
}
