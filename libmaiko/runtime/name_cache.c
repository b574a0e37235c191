/* Name cache: growing, so that eight lines stand for each name. */
#include "runtime/name_cache.h"

#define FIRST_SIZE 64u
#define LARGEST_SIZE (1u << 18)
#define LINES_PER_NAME 8u

void name_cache_deinit(struct name_cache *cache, struct heap *heap)
{
    heap_free(heap, cache->lines, cache->size * sizeof *cache->lines);
    *cache = (struct name_cache){.lines = NULL};
}

/* Every byte counts: names often differ in the middle only. */
static struct route **set_of(const struct name_cache *cache, const char *name, size_t len)
{
    return &cache->lines[hash_bytes(name, len, 0) & (cache->size - NAME_CACHE_WAYS)];
}

struct route *name_cache_find_text(const struct name_cache *cache, const char *name, size_t len)
{
    struct route *const *set;

    if (__builtin_expect(cache->size == 0, 0))
        return NULL;
    set = set_of(cache, name, len);
    if (__builtin_expect(name_cache_is(set[0], name, len), 1))
        return set[0];
    return name_cache_is(set[1], name, len) ? set[1] : NULL;
}

/* The newest stands first; whoever stood second is forgotten. */
static void put(struct name_cache *cache, struct route *route)
{
    struct route **set = set_of(cache, route->name, route->name_len);

    if (set[0] == route)
        return;
    set[1] = set[0];
    set[0] = route;
    cache->count++;
}

static void grow(struct name_cache *cache, struct heap *heap)
{
    struct name_cache grown = {.size = cache->size == 0 ? FIRST_SIZE : 2 * cache->size, .last = cache->last};
    uint32_t i;

    grown.lines = heap_alloc_zeroed(heap, grown.size, sizeof *grown.lines);
    if (grown.lines == NULL)
        return;
    for (i = 0; i < cache->size; i++) {
        if (cache->lines[i] != NULL)
            put(&grown, cache->lines[i]);
    }
    name_cache_deinit(cache, heap);
    *cache = grown;
}

void name_cache_add(struct name_cache *cache, struct heap *heap, struct route *route)
{
    if (cache->count >= cache->size / LINES_PER_NAME && cache->size < LARGEST_SIZE)
        grow(cache, heap);
    if (cache->size != 0)
        put(cache, route);
}
