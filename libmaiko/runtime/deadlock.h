/* Deadlock: finds actors that wait for each other in a cycle and lets one of them go.
 *
 * A held actor waits for all actors in whose mailboxes its events wait; so it cannot go on exactly when one of them is
 * in a cycle, and a cycle never goes away by itself: whatever is found is real, and needs no second look. */
#ifndef RUNTIME_DEADLOCK_H
#define RUNTIME_DEADLOCK_H

#include "runtime/shard.h"

/* After each turn: searches when events have been waiting here for config.deadlock_check_ns. */
void deadlock_look(struct shard *shard);

/* With nothing to run: the same, but at once when no other shard is involved.  True when somebody was let go. */
bool deadlock_look_idle(struct shard *shard);

/* Takes those out of the shard's list of the crowded that are so no longer, as whoever has stopped. */
void deadlock_forget_crowded(struct shard *shard);

/* Searches now, with the world stopped.  True when somebody was let go. */
bool deadlock_search(struct shard *shard);

#endif
