/* Name cache: the routes of topics that are named at the send, found by their text without a lock and without another check
 * of the name.  Names often follow each other as they did before, so the one that followed last time is tried first, and the
 * one behind it is fetched from memory meanwhile.  The cache may forget a route, never mistake one: a hit is an equal text. */
#ifndef RUNTIME_NAME_CACHE_H
#define RUNTIME_NAME_CACHE_H

#include "base/hash.h"
#include "routing/broker.h"
#include <string.h>

#define NAME_CACHE_WAYS 2u

/* One thread.  Nothing is allocated before the first name. */
struct name_cache {
    struct route **lines; /* sets of NAME_CACHE_WAYS; NULL: free */
    struct route *last;   /* found most recently; NULL: none */
    uint32_t size;        /* lines, 0 or a power of two */
    uint32_t count;       /* routes put in since the last growth */
};

void name_cache_deinit(struct name_cache *cache, struct heap *heap);

/* From now on the route is found, if there is memory for it. */
void name_cache_add(struct name_cache *cache, struct heap *heap, struct route *route);

/* Where its text points; NULL: not known here. */
struct route *name_cache_find_text(const struct name_cache *cache, const char *name, size_t len);

/* Names are short: by the word, the last one overlapping, is faster than a call. */
static inline bool name_cache_equal(const char *one, const char *other, size_t len)
{
    uint64_t word;
    uint64_t expected;
    size_t at;

    if (len < sizeof word)
        return memcmp(one, other, len) == 0;
    for (at = 0; at + sizeof word < len; at += sizeof word) {
        memcpy(&word, one + at, sizeof word);
        memcpy(&expected, other + at, sizeof expected);
        if (word != expected)
            return false;
    }
    memcpy(&word, one + len - sizeof word, sizeof word);
    memcpy(&expected, other + len - sizeof expected, sizeof expected);
    return word == expected;
}

static inline bool name_cache_is(const struct route *line, const char *name, size_t len)
{
    return line != NULL && line->name_len == len && name_cache_equal(line->name, name, len);
}

/* NULL: not known here. */
static inline struct route *name_cache_find(struct name_cache *cache, const char *name)
{
    const size_t len = strlen(name);
    struct route *last = cache->last;
    struct route *route = last == NULL ? NULL : last->named_next;

    if (__builtin_expect(!name_cache_is(route, name, len), 0)) {
        route = name_cache_find_text(cache, name, len);
        if (route == NULL)
            return NULL;
        if (last != NULL)
            last->named_next = route;
    }
    cache->last = route;
    if (route->named_next != NULL)
        __builtin_prefetch(route->named_next->named_next);
    return route;
}

#endif
