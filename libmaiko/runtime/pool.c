/* The slow half of the pool: slabs from the heap, cut into envelopes of one class. */
#include "runtime/pool.h"

#include <string.h>

#define FIRST_SLAB ((size_t)4096)
#define LARGEST_SLAB ((size_t)262144)
#define LINE ((size_t)64)

struct pool_slab {
    struct pool_slab *next;
    size_t size;
};

void pool_init(struct pool *pool, struct heap *heap)
{
    memset(pool, 0, sizeof *pool);
    pool->heap = heap;
    pool->slab_size = FIRST_SLAB;
}

void pool_deinit(struct pool *pool)
{
    while (pool->slabs != NULL) {
        struct pool_slab *slab = pool->slabs;

        pool->slabs = slab->next;
        memory_unpoison(slab, slab->size);
        heap_free(pool->heap, slab, slab->size);
    }
}

/* The first 8 bytes stay readable: they hold the free list's link. */
void pool_poison(struct envelope *envelope)
{
    size_t size = pool_block_size(envelope->size_class);

    memory_poison((char *)envelope + sizeof(struct pool_free), size - sizeof(struct pool_free));
}

void pool_unpoison(struct envelope *envelope, unsigned size_class)
{
    memory_unpoison(envelope, pool_block_size(size_class));
}

static void cut(struct pool *pool, char *at, size_t count, unsigned size_class)
{
    size_t size = pool_block_size(size_class);

    while (count-- > 0) {
        struct pool_free *free = (struct pool_free *)(void *)(at + count * size);

        struct envelope *envelope = (struct envelope *)(void *)free;

        free->next = pool->free[size_class];
        pool->free[size_class] = free;
        envelope->head.payload = envelope + 1;
        envelope->home = HOME_POOL;
        envelope->size_class = (uint8_t)size_class;
        if (MEMORY_POISONS)
            pool_poison(envelope);
    }
}

struct envelope *pool_refill(struct pool *pool, unsigned size_class)
{
    size_t size = pool_block_size(size_class);
    size_t slab_size = pool->slab_size > size + 2 * LINE ? pool->slab_size : size + 2 * LINE;
    struct pool_slab *slab = heap_alloc(pool->heap, slab_size);
    struct pool_free *free;
    char *first;

    if (slab == NULL)
        return NULL;
    slab->next = pool->slabs;
    slab->size = slab_size;
    pool->slabs = slab;
    if (pool->slab_size < LARGEST_SLAB)
        pool->slab_size *= 2;
    first = (char *)(((uintptr_t)(slab + 1) + LINE - 1) & ~(uintptr_t)(LINE - 1));
    cut(pool, first, (slab_size - (size_t)(first - (char *)slab)) / size, size_class);
    free = pool->free[size_class];
    pool_unpoison((struct envelope *)(void *)free, size_class);
    pool->free[size_class] = free->next;
    return (struct envelope *)(void *)free;
}

bool pool_advance_epoch(struct pool *pool)
{
    uint8_t next = (uint8_t)((pool->epoch + 1) % POOL_EPOCHS);

    if (pool->live[next] != 0)
        return false;
    pool->epoch = next;
    return true;
}
