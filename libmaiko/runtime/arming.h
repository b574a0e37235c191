/* Arming: tells an actor that asked for it when a subscription made in a hook is in force on every shard. */
#ifndef RUNTIME_ARMING_H
#define RUNTIME_ARMING_H

#include "runtime/shard.h"

/* By the actor's shard, right after the subscription was announced: a maiko_armed event follows when every shard has taken it
 * in.  MAIKO_OK or MAIKO_ENOMEM (no event will come). */
MAIKO_MUST_CHECK maiko_status arming_begin(struct actor *actor, const struct subscription *subscription);

/* By the actor's shard: it has stopped. */
void arming_forget(struct actor *actor);

#endif
