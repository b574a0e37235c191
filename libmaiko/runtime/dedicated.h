/* Dedicated shards: a thread of its own for each actor that asks for one.  The shard of a dedicated actor that has stopped
 * stays, asleep, and is the next one's. */
#ifndef RUNTIME_DEDICATED_H
#define RUNTIME_DEDICATED_H

#include "runtime/supervisor_internal.h"

/* Under the supervisor's lock: a free one, or a new one; before the start without a thread.  MAIKO_OK, MAIKO_ELIMIT (too many
 * shards), MAIKO_ENOMEM, MAIKO_ESYSTEM (no thread or descriptor), MAIKO_ESTATE and MAIKO_ECLOSED (stopping, stopped). */
MAIKO_MUST_CHECK maiko_status dedicated_take(struct maiko_supervisor *sup, struct shard **ret_shard);

/* Under the supervisor's lock: its actor is gone, or was never made.  Harmless for other shards. */
void dedicated_give(struct shard *shard);

#endif
