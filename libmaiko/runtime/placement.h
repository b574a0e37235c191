/* Placement: which shard an actor lives on.  Actors begin together, which is fastest while handlers are cheap, and are
 * spread when they prove heavy.  A move happens while all shards stand still, with all rings read to the end, so that no
 * event is on its way to the old place. */
#ifndef RUNTIME_PLACEMENT_H
#define RUNTIME_PLACEMENT_H

#include "runtime/shard.h"

/* By a shard: an activation took `duration_ns` for `units` events handled and sent.  Notes what the actor costs. */
void placement_note(struct shard *shard, struct actor *actor, uint64_t duration_ns, uint64_t units);

/* By a shard between turns, when heavy actors were noted: moves some of its actors to a less busy shard, if that helps. */
void placement_balance(struct shard *shard);

/* Not pinned, in debt, held, or about to stop. */
bool placement_is_movable(const struct actor *actor);

/* With the world stopped and under its lock: moves one actor.  False when it cannot be moved now (see above; or memory is
 * short, or it has events of an actor that has stopped): nothing changed then. */
bool placement_move(struct actor *actor, struct shard *target);

/* With the world stopped: reads all rings to the end.  False when events are held back for rings above their mark. */
bool placement_settle_rings(struct maiko_supervisor *sup);

#endif
