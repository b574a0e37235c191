/* Envelope: the private layout behind maiko_envelope.  One event, its metadata, and the payload right behind, or in memory of
 * somebody else's.  Pooled envelopes belong to one shard and count references without atomics; kept ones live on the heap and
 * may travel between threads. */
#ifndef MESSAGE_ENVELOPE_H
#define MESSAGE_ENVELOPE_H

#include "base/heap.h"
#include <maiko/envelope.h>
#include <maiko/schema.h>

/* Who sent: an actor of this process or, for events that came over a bridge, a foreign one. */
struct sender {
    uint64_t id; /* unique per incarnation; 0: the supervisor */
    const char *name;
};

/* A topic name, made once per supervisor and never changed or freed before it, so any thread may hold one. */
struct topic {
    uint32_t id; /* dense, from 0 */
    uint16_t len;
    bool is_system; /* begins with $sys/ */
    /* set once under the registry's lock when the first type is bound; read relaxed: a topic is bound before it is sent on */
    _Atomic uint8_t overflow;
    _Atomic bool is_bound;
    _Atomic bool is_control;
    _Atomic bool is_sticky;
    _Atomic(const maiko_event_type *) bound_by; /* set before is_bound; release, so that who sees it sees the policy too */
    char name[];
};

enum envelope_home { HOME_POOL, HOME_HEAP };

/* The heap of a supervisor, which lives until the supervisor and the last of its kept envelopes are gone; and the types that came
 * from elsewhere, which live as long. */
struct envelope_root {
    struct heap heap;
    struct shelf shelf;                /* the heap's, for large events */
    uint32_t refs;                     /* atomic */
    _Atomic(struct adopted *) adopted; /* pushed by any thread, taken by the last reference */
};

/* What stands where the ids will be while the event is made in place (runtime/send_reserve.c): a ring of the open ones. */
struct envelope_room {
    struct envelope *next;
    struct envelope *prev;
};

struct envelope {
    maiko_envelope head;
    uint32_t refs; /* HOME_POOL: owner shard only; HOME_HEAP: atomic */
    uint8_t home;
    uint8_t size_class; /* HOME_POOL */
    uint8_t epoch;      /* HOME_POOL: for the grace period of ended senders */
    uint8_t hops;       /* links crossed */
    union {
        struct {
            maiko_id id;
            maiko_id parent;
            maiko_id correlation;
        };
        struct envelope_room room; /* reserved and not yet sent */
    };
    uint64_t time_ns;
    const struct topic *topic;
    const struct sender *sender; /* identity, for names and the self-delivery filter */
    struct actor *origin;        /* whose debt it is when it has to wait; NULL for kept copies */
    struct envelope_root *root;  /* HOME_HEAP: where it came from */
    uint32_t home_size;          /* HOME_HEAP: bytes of the whole block, names included, not a foreign payload */
    uint16_t owner_shard;        /* types with a destructor: the shard that must call it */
    uint8_t from_system;         /* a $sys/ event, or sent by the handler of one: its loss is not reported */
    uint8_t is_foreign;          /* HOME_HEAP: the payload is somebody else's memory */
};

/* Bytes from the id to the origin: what makes a pooled envelope, besides type, hops and from_system. */
#define ENVELOPE_FACTS (offsetof(struct envelope, root) - offsetof(struct envelope, id))

/* A foreign payload's owner; stands behind the envelope, where the payload would be. */
struct envelope_foreign {
    void (*release)(void *owner);
    void *owner;
};

static inline struct envelope *envelope_of(const maiko_envelope *head)
{
    return (struct envelope *)(uintptr_t)head;
}

/* The payload of an envelope under construction; never a foreign one. */
static inline void *envelope_payload(struct envelope *envelope)
{
    return envelope + 1;
}

/* NULL when out of memory.  The allocator is copied. */
MAIKO_MUST_CHECK struct envelope_root *envelope_root_new(const maiko_allocator *allocator, size_t cap_bytes);
void envelope_root_unref(struct envelope_root *root);

/* Takes the schema over.  Any thread.  MAIKO_OK, MAIKO_ENOMEM: then it is still the caller's. */
MAIKO_MUST_CHECK maiko_status envelope_root_adopt(struct envelope_root *root, maiko_schema *schema);

/* An envelope outside every pool with one reference, its payload not filled in.  Topic and sender are copied into the
 * block, so it depends on nothing but its type.  NULL when out of memory or over 4 GiB. */
MAIKO_MUST_CHECK struct envelope *envelope_new_heap(struct envelope_root *root, const maiko_event_type *type, size_t payload_len,
                                                    const struct topic *topic, const struct sender *sender);

/* The same before its topic is known: the block has room for any.  The first type->size bytes of the payload are zero. */
MAIKO_MUST_CHECK struct envelope *envelope_new_room(struct envelope_root *root, const maiko_event_type *type, size_t payload_len,
                                                    const struct sender *sender);

/* The same around room that is there already, of type->size bytes of zeros and more; see envelope_new_foreign(). */
MAIKO_MUST_CHECK struct envelope *envelope_new_foreign_room(struct envelope_root *root, const maiko_event_type *type,
                                                            void *payload, size_t payload_len, const struct sender *sender,
                                                            struct envelope_foreign foreign);

/* Of a room: copies topic and sender behind the payload, which may have become shorter than it. */
void envelope_name_heap(struct envelope *envelope, size_t payload_len, const struct topic *topic, const struct sender *sender);

/* A copy of an event without a destructor, with all its metadata but nobody's debt.  NULL when out of memory. */
MAIKO_MUST_CHECK struct envelope *envelope_copy_heap(struct envelope_root *root, const struct envelope *from);

/*
 * An envelope on the heap around a payload that is there already and stays where it is: complete, aligned to 8, not changed any
 * more.  Whoever drops the last reference, on any thread, calls release(owner) once, behind the type's destructor; without
 * success it is not called.  The heap counts the payload as its own bytes, so that a cap bounds what events take wherever it
 * lies.  NULL also when the cap would be passed.
 */
MAIKO_MUST_CHECK struct envelope *envelope_new_foreign(struct envelope_root *root, const maiko_event_type *type,
                                                       const void *payload, size_t payload_len, const struct topic *topic,
                                                       const struct sender *sender, struct envelope_foreign foreign);

/* HOME_HEAP only: bytes that a reference keeps, those of a foreign payload, too. */
static inline size_t envelope_kept_bytes(const struct envelope *envelope)
{
    return envelope->home_size + (envelope->is_foreign ? envelope->head.payload_len : 0);
}

/* HOME_HEAP only, any thread. */
void envelope_ref_heap(struct envelope *envelope);

/* HOME_HEAP only, any thread.  True when it was the last reference: the caller destroys it on the owner shard. */
bool envelope_unref_heap(struct envelope *envelope);

/* After the last reference is gone, or for one that was never sent: frees without the type's destructor; a foreign payload
 * goes back to its owner. */
void envelope_free_heap(struct envelope *envelope);

/* After the last reference is gone: calls the type's destructor and frees. */
void envelope_destroy_heap(struct envelope *envelope);

#endif
