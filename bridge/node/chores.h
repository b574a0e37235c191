/* Chores: what the bridge's thread does that nobody waits for, and that takes long: giving back memory, removing what the dead
 * have left, writing the record.  It does a piece of it now and then, without `turn` (guest.h), so that events flow meanwhile.
 *
 * Who holds the turn adds chores; the bridge's thread alone does them. */
#ifndef NODE_CHORES_H
#define NODE_CHORES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct maiko_bridge;

struct chore {
    struct fifo_link link;
    bool is_waiting; /* to be done; false: it may be added */
    /* With the turn, before a piece; NULL: nothing to prepare. */
    void (*begin)(struct chore *chore);
    /* A piece, without the turn; what it touches is nobody else's.  True: there is more.  False: it may be freed. */
    bool (*work)(struct chore *chore);
    /* With the turn, behind the last piece; NULL: nothing, and the chore is not touched any more. */
    void (*end)(struct chore *chore);
};

/* It stays the caller's, who must not free it before it is done.  One that waits already is not added again. */
void node_chores_add(struct maiko_bridge *bridge, struct chore *chore);

/* Before sleeping: does a piece, if it is time for one.  Returns when it is for the next, at the latest `deadline_ns`. */
uint64_t node_chores_run(struct maiko_bridge *bridge, uint64_t deadline_ns);

/* For the end: all of them, at once. */
void node_chores_finish(struct maiko_bridge *bridge);

/* Is there one that the bridge's thread does not know of, as it sleeps? */
bool node_chores_are_news(const struct maiko_bridge *bridge);

#endif
