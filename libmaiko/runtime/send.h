/* Send: from the public calls to shard_publish(). */
#ifndef RUNTIME_SEND_H
#define RUNTIME_SEND_H

#include "runtime/inbox.h"
#include "runtime/shard.h"
#include <maiko/send.h>

/* Gives up what the hook that just returned had reserved and neither committed nor abandoned. */
void send_abandon_forgotten_slow(struct shard *shard);

static inline void send_abandon_forgotten(struct shard *shard)
{
    if (__builtin_expect(shard->reserved != NULL, 0))
        send_abandon_forgotten_slow(shard);
}

/* Checks an outside event and hands it to the inbox; `meta` says what of its metadata is known already. */
maiko_status send_from_outside(struct inbox *inbox, const maiko_send_opts *opts, const maiko_event_type *type, const void *event,
                               size_t len, struct inbox_event *meta);

/* Entry and topic of an outside event, as send_from_outside() finds them for every one. */
MAIKO_MUST_CHECK maiko_status send_look_up(struct maiko_supervisor *sup, const maiko_event_type *type, const char *topic,
                                           struct inbox_event *ret_event);

#endif
