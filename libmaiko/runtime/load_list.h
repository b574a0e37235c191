/* Load list: the actors of a shard that were found to take time, so that balancing looks at these and not at all there are.
 * Entered when an activation was timed; out again when they have rested from one look to the next and are light and at home. */
#ifndef RUNTIME_LOAD_LIST_H
#define RUNTIME_LOAD_LIST_H

#include "base/heap.h"
#include "runtime/actor.h"

struct load {
    struct actor *actor;
    uint32_t units_seen; /* events handled and sent at the last look; wraps */
};

struct load_list {
    struct load *entries;
    uint32_t count;
    uint32_t size;
};

/* Harmless when it is there.  Without memory it stays out until it is timed again: balancing does without it so long. */
void load_list_add(struct load_list *list, struct heap *heap, struct actor *actor, uint32_t units_seen);

/* The entry's actor is in the list no longer; the last entry stands there now. */
void load_list_remove_at(struct load_list *list, uint32_t at);

/* With what was seen of it.  Harmless when it is not there. */
void load_list_move(struct load_list *from, struct load_list *to, struct heap *heap, struct actor *actor);

/* Those that have stopped: their records are about to be reused.  One walk for all of them. */
void load_list_forget_stopped(struct load_list *list);

void load_list_deinit(struct load_list *list, struct heap *heap);

#endif
