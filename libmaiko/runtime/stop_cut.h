/* Stop cut: when a stop's time is up no further handler starts, until the last hooks run.  Whoever has a hook running is held as
 * by a maiko_hold, so that its batch ends behind the event it is in and the batches of others cost nothing; and who is held finds
 * that nobody behind it on its shard has a turn.  An actor that began in the moment of the cut may be missed: it has one event,
 * as the stop lets every activation have. */
#ifndef RUNTIME_STOP_CUT_H
#define RUNTIME_STOP_CUT_H

#include "runtime/shard.h"

/* By who stops. */
void stop_cut(struct maiko_supervisor *sup);

/* By the shard: an actor of it has run and is held. */
static inline void stop_cut_meet(struct shard *shard)
{
    if (atomic_load_explicit(&shard->is_cut, memory_order_relaxed))
        shard_unready_all(shard);
}

/* By the shard: the last hooks come, and with them the last events.  Nobody is ready but the gates. */
void stop_cut_end(struct shard *shard);

#endif
