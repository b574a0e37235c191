/* Actor table: records of actors in slabs that are never given back before the supervisor ends, so that a stale context
 * always points at a record.  No context is ever given twice: a record whose generations are used up is not used again, which
 * costs 0.02 bytes per actor that was added and removed (5 bytes where addresses have 32 bits).  Under the supervisor's lock. */
#ifndef RUNTIME_ACTOR_TABLE_H
#define RUNTIME_ACTOR_TABLE_H

#include "runtime/actor.h"

#define ACTOR_SLAB_RECORDS 64u

struct actor_slab {
    struct actor *records; /* the first */
    void *block;           /* allocation that holds them */
};

struct actor_table {
    struct heap *heap;
    struct actor_slab *slabs;
    uint32_t slab_count;
    uint32_t slab_size;
    struct actor *unused; /* through run_next */
};

void actor_table_init(struct actor_table *table, struct heap *heap);
void actor_table_deinit(struct actor_table *table);

/* A zeroed record with magic and context set.  NULL when out of memory. */
struct actor *actor_table_take(struct actor_table *table);

/* A record nobody refers to any more: it may be taken again, under the next generation. */
void actor_table_give(struct actor_table *table, struct actor *actor);

/* The record with that index; it was taken some time. */
static inline struct actor *actor_table_at(const struct actor_table *table, uint32_t index)
{
    return &table->slabs[index / ACTOR_SLAB_RECORDS].records[index % ACTOR_SLAB_RECORDS];
}

/* Every record that was ever taken. */
void actor_table_for_each(struct actor_table *table, void (*found)(struct actor *actor, void *userdata), void *userdata);

#endif
