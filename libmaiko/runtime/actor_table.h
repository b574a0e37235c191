/* Actor table: records of actors in slabs that are never given back before the supervisor ends, so that a stale context
 * always points at a record.  Under the supervisor's lock. */
#ifndef RUNTIME_ACTOR_TABLE_H
#define RUNTIME_ACTOR_TABLE_H

#include "runtime/actor.h"

struct actor_slab {
    struct actor_slab *next;
    size_t size;
};

struct actor_table {
    struct heap *heap;
    struct actor_slab *slabs;
    struct actor *unused; /* through run_next: never used */
};

void actor_table_init(struct actor_table *table, struct heap *heap);
void actor_table_deinit(struct actor_table *table);

/* A zeroed record with magic and generation set.  NULL when out of memory. */
struct actor *actor_table_take(struct actor_table *table);

/* A record nobody refers to any more: it may be taken again, under the next generation. */
void actor_table_give(struct actor_table *table, struct actor *actor);

/* Every record that was ever taken. */
void actor_table_for_each(struct actor_table *table, void (*found)(struct actor *actor, void *userdata), void *userdata);

#endif
