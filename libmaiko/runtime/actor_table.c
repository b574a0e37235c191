/* Actor table: slabs of records. */
#include "runtime/actor_table.h"

#include <string.h>

#define SLAB_BYTES (ACTOR_ALIGNMENT + ACTOR_SLAB_RECORDS * sizeof(struct actor))

static_assert(sizeof(struct actor) % ACTOR_ALIGNMENT == 0, "the low bits of every record's address are 0");

void actor_table_init(struct actor_table *table, struct heap *heap)
{
    memset(table, 0, sizeof *table);
    table->heap = heap;
}

void actor_table_deinit(struct actor_table *table)
{
    while (table->slab_count > 0)
        heap_free(table->heap, table->slabs[--table->slab_count].block, SLAB_BYTES);
    heap_free(table->heap, table->slabs, table->slab_size * sizeof *table->slabs);
}

static bool room_for_slab(struct actor_table *table)
{
    const uint32_t size = table->slab_size == 0 ? 8 : 2 * table->slab_size;
    struct actor_slab *slabs;

    if (table->slab_count < table->slab_size)
        return true;
    slabs = heap_resize(table->heap, table->slabs, table->slab_size * sizeof *slabs, size * sizeof *slabs);
    if (slabs == NULL)
        return false;
    table->slabs = slabs;
    table->slab_size = size;
    return true;
}

static bool add_slab(struct actor_table *table)
{
    struct actor_slab *slab;
    uint32_t i;

    if (table->slab_count > UINT32_MAX / ACTOR_SLAB_RECORDS - 1 || !room_for_slab(table))
        return false;
    slab = &table->slabs[table->slab_count];
    slab->block = heap_alloc_zeroed(table->heap, 1, SLAB_BYTES);
    if (slab->block == NULL)
        return false;
    slab->records = (struct actor *)(((uintptr_t)slab->block + ACTOR_ALIGNMENT - 1) & ~(ACTOR_ALIGNMENT - 1));
    for (i = ACTOR_SLAB_RECORDS; i-- > 0;) {
        slab->records[i].index = table->slab_count * ACTOR_SLAB_RECORDS + i;
        slab->records[i].run_next = table->unused;
        table->unused = &slab->records[i];
    }
    table->slab_count++;
    return true;
}

struct actor *actor_table_take(struct actor_table *table)
{
    struct actor *actor;
    uint32_t index;
    uint8_t generation;

    if (table->unused == NULL && !add_slab(table))
        return NULL;
    actor = table->unused;
    table->unused = actor->run_next;
    generation = (uint8_t)((actor->generation + 1) % ACTOR_ALIGNMENT);
    index = actor->index;
    if (actor->magic == ACTOR_MAGIC) /* a new slab is zeroed */
        memset(actor, 0, sizeof *actor);
    actor->run_next = NULL;
    actor->index = index;
    actor->magic = ACTOR_MAGIC;
    actor->generation = generation;
    return actor;
}

void actor_table_give(struct actor_table *table, struct actor *actor)
{
    actor->state = ACTOR_FREE;
    actor->sender.id = 0; /* heap events of the old actor may still name the record */
    actor->generation =
        (uint8_t)((actor->generation + 1) % ACTOR_ALIGNMENT); /* contexts of the old actor are stale from now on */
    actor->run_next = table->unused;
    table->unused = actor;
}

void actor_table_for_each(struct actor_table *table, void (*found)(struct actor *actor, void *userdata), void *userdata)
{
    uint32_t index;

    for (index = 0; index < table->slab_count * ACTOR_SLAB_RECORDS; index++) {
        if (actor_table_at(table, index)->magic == ACTOR_MAGIC)
            found(actor_table_at(table, index), userdata);
    }
}
