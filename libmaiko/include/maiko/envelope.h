/* An envelope is one event plus its metadata, immutable once built.
 * Handlers borrow envelopes; maiko_envelope_keep() makes one that may outlive the call. */
#ifndef MAIKO_ENVELOPE_H
#define MAIKO_ENVELOPE_H

#include <maiko/base.h>
#include <maiko/event.h>
#include <maiko/id.h>

MAIKO_BEGIN_DECLS

/**
 * The public head of an envelope; read-only.  More fields follow in private, so programs never make one by hand.
 */
struct maiko_envelope {
    const maiko_event_type *type; /* descriptor the sender used */
    const void *payload;          /* the event: type->size bytes, then the variable tail if the type has one */
    size_t payload_len;           /* bytes */
};

/**
 * The event as its C type: `const hello *event = maiko_event_as(envelope, hello);`, or NULL when it is an event of another type
 * (or the envelope is NULL).  Borrowed, valid as long as the envelope.  Threads: any.  Blocking: never.
 */
#define maiko_event_as(envelope, name) ((const struct name *)maiko_envelope_payload_as(envelope, MAIKO_TYPE(name)))

/** The function behind maiko_event_as(). */
static inline const void *maiko_envelope_payload_as(const maiko_envelope *envelope, const maiko_event_type *type)
{
    if (envelope != NULL && (envelope->type == type || maiko_event_is(envelope->type, type)))
        return envelope->payload;
    return NULL;
}

/** @return the sender's actor name ("supervisor" for sends from outside actors); borrowed, valid as long as the envelope. */
MAIKO_API const char *maiko_envelope_sender(const maiko_envelope *envelope);

/** @return the topic the event was sent on; borrowed, valid as long as the envelope. */
MAIKO_API const char *maiko_envelope_topic(const maiko_envelope *envelope);

/** @return the event's id, unique across processes. */
MAIKO_API maiko_id maiko_envelope_id(const maiko_envelope *envelope);

/** @return the id of the event whose handler sent this one with maiko_send_child(), or the nil id. */
MAIKO_API maiko_id maiko_envelope_parent(const maiko_envelope *envelope);

/** @return the id of the first event of the chain this one belongs to; an event sent without a parent starts a chain. */
MAIKO_API maiko_id maiko_envelope_correlation(const maiko_envelope *envelope);

/** @return nanoseconds since 1970 by the sender's wall clock, read once per batch: equal stamps are normal within a shard.  A
 * shard that spins reads it up to about a microsecond before the batch begins, never as earlier than the event it begins with. */
MAIKO_API uint64_t maiko_envelope_time(const maiko_envelope *envelope);

/**
 * Make an envelope that may outlive the handler call or leave its thread.
 *
 * The event is copied (once, out of the shard's pool); an event of a type with a destructor moves behind the same count.
 * @param ret_envelope  set on success only; the caller owns one reference.
 * @return MAIKO_OK, MAIKO_EINVAL (NULL), MAIKO_ENOMEM.
 * Threads: the thread that was handed the envelope; for a kept envelope, any.  Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_envelope_keep(const maiko_envelope *envelope, maiko_envelope **ret_envelope);

/**
 * Drop one reference of a kept envelope.  NULL is allowed; returns NULL.
 * Threads: any.  Blocking: never.  Calling it on a borrowed envelope is ignored.
 */
MAIKO_API maiko_envelope *maiko_envelope_unref(maiko_envelope *envelope);

MAIKO_END_DECLS

#endif
