/* Retire: gives the record and the name of a stopped actor back once no event of it is left on any shard. */
#ifndef RUNTIME_RETIRE_H
#define RUNTIME_RETIRE_H

#include "runtime/shard.h"

/* By the actor's shard.  When memory is short the record is not reused, which costs memory but nothing else. */
void retire_begin(struct shard *shard, struct actor *actor);

/* Once per turn while something is retiring. */
void retire_advance(struct shard *shard);

/* By who acts for a shard that is offline (offline.h): the same, and whoever has no event there is through at once. */
void retire_unseen(struct shard *shard);

/* At the end: what is still retiring is simply forgotten; the records go with their table. */
void retire_deinit(struct shard *shard);

#endif
