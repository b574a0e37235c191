/* Name cache: growing, so that four lines stand for each name. */
#include "runtime/name_cache.h"

#define FIRST_SIZE 64u
#define LARGEST_SIZE (1u << 18)
#define LINES_PER_NAME 4u

void name_cache_deinit(struct name_cache *cache, struct heap *heap)
{
    heap_free(heap, cache->lines, cache->size * sizeof *cache->lines);
    *cache = (struct name_cache){.lines = NULL};
}

/* The newest stands first; whoever stood second is forgotten. */
static void put(struct name_cache *cache, struct route *route)
{
    struct name_cache_line *set =
        &cache->lines[name_cache_hash(route->topic->name, route->topic->len) & (cache->size - NAME_CACHE_WAYS)];

    if (set[0].route == route)
        return;
    set[1] = set[0];
    set[0] = (struct name_cache_line){.route = route, .topic = route->topic};
    cache->count++;
}

static void grow(struct name_cache *cache, struct heap *heap)
{
    struct name_cache grown = {.size = cache->size == 0 ? FIRST_SIZE : 2 * cache->size};
    uint32_t i;

    grown.lines = heap_alloc_zeroed(heap, grown.size, sizeof *grown.lines);
    if (grown.lines == NULL)
        return;
    for (i = 0; i < cache->size; i++) {
        if (cache->lines[i].route != NULL)
            put(&grown, cache->lines[i].route);
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
