/* Name cache: the routes of topics that are named at the send, found by their text without a lock and without another check
 * of the name.  It may forget a route, never mistake one. */
#ifndef RUNTIME_NAME_CACHE_H
#define RUNTIME_NAME_CACHE_H

#include "base/hash.h"
#include "routing/broker.h"
#include <string.h>

#define NAME_CACHE_WAYS 2u

/* The topic stands here too, so that its name can be compared while the route is still on its way from memory. */
struct name_cache_line {
    struct route *route; /* NULL: free */
    const struct topic *topic;
};

/* One thread.  Nothing is allocated before the first name. */
struct name_cache {
    struct name_cache_line *lines; /* sets of NAME_CACHE_WAYS */
    uint32_t size;                 /* lines, 0 or a power of two */
    uint32_t count;                /* routes put in since the last growth */
};

void name_cache_deinit(struct name_cache *cache, struct heap *heap);

/* From now on the route is found, if there is memory for it. */
void name_cache_add(struct name_cache *cache, struct heap *heap, struct route *route);

/* Every byte counts: names often differ in the middle only. */
static inline uint64_t name_cache_hash(const char *name, size_t len)
{
    uint64_t hash = len;
    uint64_t word = 0;
    size_t at;

    for (at = 0; at + sizeof word <= len; at += sizeof word) {
        memcpy(&word, name + at, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    if (len >= sizeof word) {
        memcpy(&word, name + len - sizeof word, sizeof word); /* overlaps what was read already */
    } else {
        for (word = 0; at < len; at++)
            word = word << 8 | (unsigned char)name[at];
    }
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 32;
    return hash * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

static inline bool name_cache_is(const struct name_cache_line *line, const char *name, size_t len)
{
    return line->route != NULL && line->topic->len == len && memcmp(line->topic->name, name, len) == 0;
}

/* NULL: not known here. */
static inline struct route *name_cache_find(const struct name_cache *cache, const char *name)
{
    size_t len = strlen(name);
    const struct name_cache_line *set;

    if (__builtin_expect(cache->size == 0, 0))
        return NULL;
    set = &cache->lines[name_cache_hash(name, len) & (cache->size - NAME_CACHE_WAYS)];
    if (__builtin_expect(name_cache_is(&set[0], name, len), 1))
        return set[0].route;
    return name_cache_is(&set[1], name, len) ? set[1].route : NULL;
}

#endif
