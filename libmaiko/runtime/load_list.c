/* Load list: an array, so that the record of an actor has no links for it. */
#include "runtime/load_list.h"

#define FIRST_SIZE 16u

static bool make_room(struct load_list *list, struct heap *heap)
{
    uint32_t size = list->size == 0 ? FIRST_SIZE : 2 * list->size;
    struct load *entries;

    if (list->count < list->size)
        return true;
    entries = heap_resize(heap, list->entries, list->size * sizeof *entries, size * sizeof *entries);
    if (entries == NULL)
        return false;
    list->entries = entries;
    list->size = size;
    return true;
}

void load_list_add(struct load_list *list, struct heap *heap, struct actor *actor, uint32_t units_seen)
{
    if (actor->is_load || !make_room(list, heap))
        return;
    list->entries[list->count++] = (struct load){.actor = actor, .units_seen = units_seen};
    actor->is_load = true;
}

void load_list_remove_at(struct load_list *list, uint32_t at)
{
    list->entries[at].actor->is_load = false;
    list->entries[at] = list->entries[--list->count];
}

void load_list_move(struct load_list *from, struct load_list *to, struct heap *heap, struct actor *actor)
{
    uint32_t units_seen;
    uint32_t at = 0;

    if (!actor->is_load)
        return;
    while (from->entries[at].actor != actor)
        at++;
    units_seen = from->entries[at].units_seen;
    load_list_remove_at(from, at);
    load_list_add(to, heap, actor, units_seen);
}

void load_list_forget_stopped(struct load_list *list)
{
    uint32_t at;

    for (at = list->count; at-- > 0;) {
        if (list->entries[at].actor->state == ACTOR_STOPPED)
            load_list_remove_at(list, at);
    }
}

void load_list_deinit(struct load_list *list, struct heap *heap)
{
    heap_free(heap, list->entries, list->size * sizeof *list->entries);
}
