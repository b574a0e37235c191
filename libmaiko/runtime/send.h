/* Send: from the public calls to shard_publish(). */
#ifndef RUNTIME_SEND_H
#define RUNTIME_SEND_H

#include "runtime/shard.h"

/* Gives up what the hook that just returned had reserved and neither committed nor abandoned. */
void send_abandon_forgotten_slow(struct shard *shard);

static inline void send_abandon_forgotten(struct shard *shard)
{
    if (__builtin_expect(shard->reserved != NULL, 0))
        send_abandon_forgotten_slow(shard);
}

#endif
