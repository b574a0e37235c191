/* Dead letters: dropped events, and sends refused to end a deadlock, are reported on $sys/dead, sampled, at the end of the turn;
 * counting is not sampled. */
#ifndef RUNTIME_DEAD_LETTERS_H
#define RUNTIME_DEAD_LETTERS_H

#include "runtime/shard.h"

/* Notes one drop, if somebody listens.  `subscriber` NULL: on the way to another shard. */
void dead_letter(struct shard *shard, const struct actor *subscriber, const struct envelope *envelope, maiko_drop_reason reason);

/* Notes one send that was refused so that a deadlock ends: nobody got it, and its sender may have looked away. */
void dead_letter_refused(struct shard *shard, const struct actor *sender, const struct topic *topic, const maiko_event_type *type,
                         maiko_status status);

/* Sends what was noted.  True when there was anything. */
bool dead_letters_send_noted(struct shard *shard);
static inline bool dead_letters_send(struct shard *shard)
{
    return __builtin_expect(shard->dead != NULL, 0) && dead_letters_send_noted(shard);
}

void dead_letters_deinit(struct shard *shard);

#endif
