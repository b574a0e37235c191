/* Actor table: slabs of records. */
#include "runtime/actor_table.h"

#include <string.h>

#define SLAB_RECORDS 64u

void actor_table_init(struct actor_table *table, struct heap *heap)
{
    memset(table, 0, sizeof *table);
    table->heap = heap;
}

void actor_table_deinit(struct actor_table *table)
{
    while (table->slabs != NULL) {
        struct actor_slab *slab = table->slabs;

        table->slabs = slab->next;
        heap_free(table->heap, slab, slab->size);
    }
}

static size_t record_size(void)
{
    return (sizeof(struct actor) + ACTOR_ALIGNMENT - 1) & ~(size_t)(ACTOR_ALIGNMENT - 1);
}

static struct actor *record_at(struct actor_slab *slab, uint32_t i)
{
    char *first = (char *)(((uintptr_t)(slab + 1) + ACTOR_ALIGNMENT - 1) & ~(ACTOR_ALIGNMENT - 1));

    return (struct actor *)(void *)(first + i * record_size());
}

static bool add_slab(struct actor_table *table)
{
    size_t size = sizeof(struct actor_slab) + ACTOR_ALIGNMENT + SLAB_RECORDS * record_size();
    struct actor_slab *slab = heap_alloc_zeroed(table->heap, 1, size);
    uint32_t i;

    if (slab == NULL)
        return false;
    slab->size = size;
    slab->next = table->slabs;
    table->slabs = slab;
    for (i = SLAB_RECORDS; i-- > 0;) {
        struct actor *actor = record_at(slab, i);

        actor->run_next = table->unused;
        table->unused = actor;
    }
    return true;
}

struct actor *actor_table_take(struct actor_table *table)
{
    struct actor *actor;
    uint8_t generation;

    if (table->unused == NULL && !add_slab(table))
        return NULL;
    actor = table->unused;
    table->unused = actor->run_next;
    generation = (uint8_t)((actor->generation + 1) % ACTOR_ALIGNMENT);
    memset(actor, 0, sizeof *actor);
    actor->magic = ACTOR_MAGIC;
    actor->generation = generation;
    return actor;
}

void actor_table_give(struct actor_table *table, struct actor *actor)
{
    actor->state = ACTOR_FREE;
    actor->generation =
        (uint8_t)((actor->generation + 1) % ACTOR_ALIGNMENT); /* contexts of the old actor are stale from now on */
    actor->run_next = table->unused;
    table->unused = actor;
}

void actor_table_for_each(struct actor_table *table, void (*found)(struct actor *actor, void *userdata), void *userdata)
{
    struct actor_slab *slab;
    uint32_t i;

    for (slab = table->slabs; slab != NULL; slab = slab->next) {
        for (i = 0; i < SLAB_RECORDS; i++) {
            if (record_at(slab, i)->magic == ACTOR_MAGIC)
                found(record_at(slab, i), userdata);
        }
    }
}
