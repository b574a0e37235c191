/* Stop notice: how a dedicated actor, whose hook may last, hears that it is to stop while the hook runs.  A flag of its record,
 * and a descriptor of its shard that it can poll beside its own. */
#ifndef RUNTIME_STOP_NOTICE_H
#define RUNTIME_STOP_NOTICE_H

#include "runtime/shard.h"

/* Under the supervisor's lock, all but the last. */
void stop_notice_give(struct shard *shard);      /* whoever polls its descriptor wakes up */
void stop_notice_take_back(struct shard *shard); /* for the next actor */

/* The descriptor, made at the first call; -1 when there is none left.  By the actor. */
int stop_notice_fd(struct actor *actor);

#endif
