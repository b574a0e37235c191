/* Pool: the envelopes of one shard, by size class, last freed first used.  Nothing here is atomic: a pool belongs to
 * its shard's thread. */
#ifndef RUNTIME_POOL_H
#define RUNTIME_POOL_H

#include "base/heap.h"
#include "base/poison.h"
#include "message/envelope.h"

/* Payload bytes of the classes; larger events live on the heap and cross shards without a copy. */
#define POOL_CLASSES 7
#define POOL_LARGEST 4096
#define POOL_EPOCHS 4

struct pool_free {
    struct pool_free *next;
};

struct pool {
    struct heap *heap;
    struct pool_free *free[POOL_CLASSES];
    uint64_t live[POOL_EPOCHS]; /* envelopes in use, by the epoch they were made in */
    uint8_t epoch;
    struct pool_slab *slabs;
    size_t slab_size; /* of the next slab */
};

void pool_init(struct pool *pool, struct heap *heap);
void pool_deinit(struct pool *pool);

/* 0..POOL_CLASSES-1, or POOL_CLASSES when too large for the pool. */
static inline unsigned pool_class(size_t payload_len)
{
    if (payload_len <= 64)
        return 0;
    if (payload_len > POOL_LARGEST)
        return POOL_CLASSES;
    return 58u - (unsigned)__builtin_clzll((unsigned long long)payload_len - 1);
}

/* NULL when out of memory. */
struct envelope *pool_refill(struct pool *pool, unsigned size_class);

/* Of the envelope with its payload, in bytes. */
static inline size_t pool_block_size(unsigned size_class)
{
    return sizeof(struct envelope) + ((size_t)64 << size_class);
}

void pool_poison(struct envelope *envelope);
void pool_unpoison(struct envelope *envelope, unsigned size_class);

/* An envelope with one reference, metadata not filled in (payload pointer, home and class stay as pool_refill made them).
 * NULL when out of memory. */
static inline struct envelope *pool_take(struct pool *pool, unsigned size_class, size_t payload_len)
{
    struct pool_free *free = pool->free[size_class];
    struct envelope *envelope = (struct envelope *)(void *)free;

    if (__builtin_expect(free == NULL, 0)) {
        envelope = pool_refill(pool, size_class);
        if (envelope == NULL)
            return NULL;
    } else {
        if (MEMORY_POISONS)
            pool_unpoison(envelope, size_class);
        pool->free[size_class] = free->next;
    }
    envelope->head.payload_len = payload_len;
    envelope->refs = 1;
    envelope->epoch = pool->epoch;
    pool->live[pool->epoch]++;
    return envelope;
}

static inline void pool_give(struct pool *pool, struct envelope *envelope)
{
    struct pool_free *free = (struct pool_free *)(void *)envelope;
    unsigned size_class = envelope->size_class;

    pool->live[envelope->epoch]--;
    free->next = pool->free[size_class];
    pool->free[size_class] = free;
    if (MEMORY_POISONS)
        pool_poison(envelope);
}

/* Starts a new epoch if nothing of the one to be overwritten is left; true when it did. */
bool pool_advance_epoch(struct pool *pool);

#endif
