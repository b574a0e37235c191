/* Actor names: open addressing with linear probing, at most three quarters full, removal by moving entries back. */
#include "runtime/actor_names.h"

#include "base/hash.h"
#include <string.h>

#define FIRST_SLOTS ((size_t)16)

void actor_names_init(struct actor_names *names, struct actor_table *actors)
{
    *names = (struct actor_names){.actors = actors};
}

void actor_names_deinit(struct actor_names *names)
{
    heap_free(names->actors->heap, names->slots, names->slot_count * sizeof *names->slots);
    actor_names_init(names, names->actors);
}

static uint32_t hash_of(const char *name)
{
    return (uint32_t)(hash_bytes(name, strlen(name), 0) >> 32);
}

static size_t next(const struct actor_names *names, size_t slot)
{
    return (slot + 1) & (names->slot_count - 1);
}

static struct actor *actor_at(const struct actor_names *names, size_t slot)
{
    return actor_table_at(names->actors, names->slots[slot].number - 1);
}

static void place(struct actor_names *names, struct actor_name_slot entry)
{
    size_t slot = entry.hash & (names->slot_count - 1);

    while (names->slots[slot].number != 0)
        slot = next(names, slot);
    names->slots[slot] = entry;
}

static bool grow(struct actor_names *names)
{
    struct actor_names grown = *names;
    size_t i;

    grown.slot_count = names->slot_count == 0 ? FIRST_SLOTS : 2 * names->slot_count;
    grown.slots = heap_alloc_zeroed(names->actors->heap, grown.slot_count, sizeof *grown.slots);
    if (grown.slots == NULL)
        return false;
    for (i = 0; i < names->slot_count; i++) {
        if (names->slots[i].number != 0)
            place(&grown, names->slots[i]);
    }
    heap_free(names->actors->heap, names->slots, names->slot_count * sizeof *names->slots);
    *names = grown;
    return true;
}

/* The slot of a name; slot_count when nobody has it. */
static size_t slot_of(const struct actor_names *names, const char *name, uint32_t hash)
{
    size_t slot;

    if (names->slot_count == 0)
        return 0;
    for (slot = hash & (names->slot_count - 1); names->slots[slot].number != 0; slot = next(names, slot)) {
        if (names->slots[slot].hash == hash && strcmp(actor_at(names, slot)->sender.name, name) == 0)
            return slot;
    }
    return names->slot_count;
}

maiko_status actor_names_insert(struct actor_names *names, const struct actor *actor)
{
    const uint32_t hash = hash_of(actor->sender.name);

    if (slot_of(names, actor->sender.name, hash) != names->slot_count)
        return MAIKO_EEXIST;
    if (names->count + 1 > names->slot_count - names->slot_count / 4 && !grow(names))
        return MAIKO_ENOMEM;
    place(names, (struct actor_name_slot){.hash = hash, .number = actor->index + 1});
    names->count++;
    return MAIKO_OK;
}

struct actor *actor_names_find(const struct actor_names *names, const char *name)
{
    const size_t slot = slot_of(names, name, hash_of(name));

    return slot == names->slot_count ? NULL : actor_at(names, slot);
}

/* May the entry move back into the gap: is its home outside of (gap, entry]? */
static bool may_fill(const struct actor_names *names, size_t gap, size_t entry)
{
    const size_t mask = names->slot_count - 1;

    return ((entry - names->slots[entry].hash) & mask) >= ((entry - gap) & mask);
}

void actor_names_remove(struct actor_names *names, const struct actor *actor)
{
    size_t gap = slot_of(names, actor->sender.name, hash_of(actor->sender.name));
    size_t entry;

    if (gap == names->slot_count || actor_at(names, gap) != actor)
        return;
    for (entry = next(names, gap); names->slots[entry].number != 0; entry = next(names, entry)) {
        if (!may_fill(names, gap, entry))
            continue;
        names->slots[gap] = names->slots[entry];
        gap = entry;
    }
    names->slots[gap].number = 0;
    names->count--;
}

struct actor *actor_names_next(const struct actor_names *names, size_t *position)
{
    while (*position < names->slot_count) {
        const size_t slot = (*position)++;

        if (names->slots[slot].number != 0)
            return actor_at(names, slot);
    }
    return NULL;
}
