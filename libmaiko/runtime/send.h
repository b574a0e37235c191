/* Send: from the public calls to shard_publish(). */
#ifndef RUNTIME_SEND_H
#define RUNTIME_SEND_H

#include "message/schema.h"
#include "runtime/inbox.h"
#include "runtime/supervisor_internal.h"
#include <maiko/send.h>

/* Counts it and keeps it as the actor's last error; returns the status. */
maiko_status send_refuse(struct actor *actor, maiko_status status);

/* MAIKO_OK: the actor's own hook runs on this thread. */
MAIKO_MUST_CHECK maiko_status send_check_sender(struct actor *actor);

/* May these bytes be an event of the type? */
static inline maiko_status send_check_payload(const struct shard *shard, const struct type_entry *entry, const void *event,
                                              size_t len)
{
    if (__builtin_expect(!entry->needs_validation && len == entry->type->size, 1))
        return event == NULL && len > 0 ? MAIKO_EINVAL : MAIKO_OK;
    if (len > shard->sup->config.max_payload_bytes)
        return MAIKO_ETOOLONG;
    if (event == NULL)
        return MAIKO_EINVAL;
    return schema_validate(entry->type, event, len);
}

enum { SEND_TOPIC_BUFFER = MAIKO_TOPIC_MAX + 2 };

/* What the type computes for the event, perhaps in the buffer; NULL: none. */
const char *send_computed_topic(const maiko_event_type *type, const void *event, char buffer[SEND_TOPIC_BUFFER]);

/* Sends an event that was made in place, `len` bytes of it; its envelope is taken on MAIKO_OK only.  Of an outside thread's it is
 * one on the heap that is too large for the pool. */
maiko_status send_in_place(struct actor *actor, const maiko_send_opts *opts, struct envelope *envelope, size_t len);

/* --- take.c --- */

/* Of a route that is ROUTE_TAKEN: its subscriber may have the event at once.  False: nothing was done. */
bool take_at_once(struct actor *sender, struct route *route, const maiko_event_type *type, const void *event, size_t len);

/* --- send_reserve.c --- */

/* Gives up what the hook that just returned had reserved and neither committed nor abandoned. */
void send_abandon_forgotten_slow(struct shard *shard);

/* The same for what outside threads had reserved, when nobody sends any more. */
void send_abandon_outside(struct inbox *inbox);

/* Lets go of the rooms of others (rooms.h). */
void send_free_rooms(struct maiko_supervisor *sup);

static inline void send_abandon_forgotten(struct shard *shard)
{
    if (__builtin_expect(shard->reserved != NULL, 0))
        send_abandon_forgotten_slow(shard);
}

/* --- send_outside.c --- */

/* Checks an outside event and hands it to the inbox; `meta` says what of its metadata is known already. */
maiko_status send_from_outside(struct inbox *inbox, const maiko_send_opts *opts, const maiko_event_type *type, const void *event,
                               size_t len, struct inbox_event *meta);

/* Entry and topic of an outside event, as send_from_outside() finds them for every one. */
MAIKO_MUST_CHECK maiko_status send_look_up(const struct inbox *inbox, const maiko_event_type *type, const char *topic,
                                           struct inbox_event *ret_event);

#endif
