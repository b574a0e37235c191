/* Dead letters: dropped events are reported on $sys/dead, sampled, at the end of the turn; counting is not sampled. */
#ifndef RUNTIME_DEAD_LETTERS_H
#define RUNTIME_DEAD_LETTERS_H

#include "runtime/shard.h"

/* Notes one drop, if somebody listens.  `subscriber` NULL: on the way to another shard. */
void dead_letter(struct shard *shard, const struct actor *subscriber, const struct envelope *envelope, maiko_drop_reason reason);

/* Sends what was noted.  True when there was anything. */
bool dead_letters_send(struct shard *shard);

void dead_letters_deinit(struct shard *shard);

#endif
