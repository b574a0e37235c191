/* World: stops all shards between turns for the rare decision that needs to see several of them at once (deadlocks, ends
 * of cycles, moves).  Whoever stops the world works under the supervisor's lock; shards that sleep cannot get past it,
 * shards that run come to it at their next turn, and shards that are in a long hook are left out. */
#ifndef RUNTIME_WORLD_H
#define RUNTIME_WORLD_H

#include "runtime/shard.h"

/* By a shard between turns.  Takes the lock and returns with the shards that stand still, as bits, its own included; 0
 * when somebody else is at it (no lock then).  Waits at most 2 ms for the others. */
uint64_t world_pause(struct shard *shard);

/* Lets them go on and gives the lock back. */
void world_resume(struct shard *shard);

/* By a shard at the beginning of its turn when a pause is wanted: stands still until it is over. */
void world_join_pause(struct shard *shard);

/* Under the lock: ends the actors that hear only each other and have nothing to do.  True when there were any. */
bool world_end_cycles(struct maiko_supervisor *sup);

#endif
