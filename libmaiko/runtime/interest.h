/* Interest: what other shards must know of our subscriptions.  One announcement per pattern and policy, however many
 * actors share it, in order with our events. */
#ifndef RUNTIME_INTEREST_H
#define RUNTIME_INTEREST_H

#include "runtime/shard.h"

struct ticket;

const char *interest_key(const void *value);

/* A subscription of this shard begins.  `ticket` (may be NULL) counts the shards that still have to arm it.
 * MAIKO_OK or MAIKO_ENOMEM (nothing changed here). */
MAIKO_MUST_CHECK maiko_status interest_add(struct shard *shard, const struct subscription *subscription, struct ticket *ticket);

/* It ends. */
void interest_remove(struct shard *shard, const struct subscription *subscription);

/* Everything at once, to a shard that does not run yet; under the announce_lock of the first.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status interest_teach(const struct shard *shard, struct shard *newcomer);

void interests_deinit(struct shard *shard);

/* Sends a command in order with the events; before the start, when no thread runs, it runs at once. */
MAIKO_MUST_CHECK maiko_status shard_tell(struct shard *shard, uint32_t target, struct command *command);

#endif
