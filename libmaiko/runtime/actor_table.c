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

/* NULL also for memory at an address that leaves no room for generations. */
static void *make_block(struct actor_table *table)
{
    void *block = heap_alloc_zeroed(table->heap, 1, SLAB_BYTES);

    if ((((uintptr_t)block | ((uintptr_t)block + SLAB_BYTES)) & ACTOR_HIGH_MASK) == 0)
        return block;
    heap_free(table->heap, block, SLAB_BYTES);
    return NULL;
}

static bool add_slab(struct actor_table *table)
{
    struct actor_slab *slab;
    uint32_t i;

    if (table->slab_count > UINT32_MAX / ACTOR_SLAB_RECORDS - 1 || !room_for_slab(table))
        return false;
    slab = &table->slabs[table->slab_count];
    slab->block = make_block(table);
    if (slab->block == NULL)
        return false;
    slab->records = (struct actor *)(((uintptr_t)slab->block + ACTOR_ALIGNMENT - 1) & ~(ACTOR_ALIGNMENT - 1));
    for (i = ACTOR_SLAB_RECORDS; i-- > 0;) {
        slab->records[i].index = table->slab_count * ACTOR_SLAB_RECORDS + i;
        slab->records[i].context = (maiko_context *)&slab->records[i];
        slab->records[i].run_next = table->unused;
        table->unused = &slab->records[i];
    }
    table->slab_count++;
    return true;
}

struct actor *actor_table_take(struct actor_table *table)
{
    struct actor *actor;
    maiko_context *context;
    uint32_t index;

    if (table->unused == NULL && !add_slab(table))
        return NULL;
    actor = table->unused;
    table->unused = actor->run_next;
    context = actor->context;
    index = actor->index;
    if (actor->magic == ACTOR_MAGIC) /* a new slab is zeroed */
        memset(actor, 0, sizeof *actor);
    actor->run_next = NULL;
    actor->index = index;
    actor->magic = ACTOR_MAGIC;
    actor->context = context;
    return actor;
}

/* The generation behind the context's: with the last one the record is used up. */
static bool next_generation(struct actor *actor)
{
    uintptr_t context = (uintptr_t)actor->context;
    uint32_t generation =
        (uint32_t)(context % ACTOR_ALIGNMENT + ((context & ACTOR_HIGH_MASK) >> ACTOR_HIGH_AT) * ACTOR_ALIGNMENT);

    if (++generation == ACTOR_GENERATIONS) {
        actor->context = NULL;
        return false;
    }
    actor->context = (maiko_context *)((uintptr_t)actor + generation % ACTOR_ALIGNMENT +
                                       ((uintptr_t)(generation / ACTOR_ALIGNMENT) << ACTOR_HIGH_AT));
    return true;
}

void actor_table_give(struct actor_table *table, struct actor *actor)
{
    actor->state = ACTOR_FREE;
    actor->sender.id = 0;        /* heap events of the old actor may still name the record */
    if (!next_generation(actor)) /* contexts of the old actor are stale from now on, and for ever */
        return;
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
