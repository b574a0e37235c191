/* Batch: events on their way out, encoded by the export actor one behind the other and given to the bridge's thread as a
 * whole. */
#ifndef BRIDGE_BATCH_H
#define BRIDGE_BATCH_H

#include "node/source.h"
#include "runtime/take.h"
#include "wire/frame.h"
#include <maiko/import.h>

/* A sender that is held: it sent to a topic somebody has no room for. */
struct sender_hold {
    struct fifo_link link;
    maiko_hold *hold;
};

enum batch_kind {
    BATCH_EVENT,
    BATCH_REFUSED, /* an event of a source that cannot be exported */
    BATCH_END      /* of a publisher of ours */
};

struct batch_record {
    struct source *source; /* NULL: an end */
    struct sender_hold *hold;
    struct retained_block *block; /* of its own, with a payload that is referred to; NULL: it is in the batch's */
    size_t offset;                /* of the first event */
    uint32_t len;                 /* of each event */
    uint32_t events;              /* alike, one behind the other; more than one without hold and block of their own only */
    uint32_t channel;             /* the number that is written in them */
    uint32_t index;               /* an end: whose */
    enum batch_kind kind;
    bool is_native; /* the payload is native bytes */
};

struct batch {
    struct fifo_link link;
    struct heap *heap;
    struct retained_block *block; /* the encoded events */
    size_t len;                   /* bytes of all, with those that are referred to */
    size_t referred_len;          /* of the latter */
    struct batch_record *records;
    size_t count;
    size_t capacity;
    size_t events;        /* of all records; ends are none */
    struct fifo given_up; /* sources nobody refers to behind this batch */
};

/* How the next event is known as one like the last, at a glance: topics of pooled events and ids of senders mean one thing for
 * good. */
struct batch_like {
    struct source *source; /* NULL: nothing is known of the last */
    const maiko_event_type *type;
    const struct topic *topic;
    uint64_t sender_id;
    uint64_t prefix;
    uint32_t channel; /* the number that is written in the record */
    bool is_compact;  /* whatever the event is */
    struct record_like record;
};

/* The batch being made; the export actor's.  Bytes and list are written in memory that stays. */
struct batch_builder {
    struct heap *heap;
    struct pack pack;
    struct batch_record *records;
    size_t count;
    size_t capacity;
    size_t ends_due; /* places that are kept for ends */
    size_t events;
    size_t referred_len; /* bytes of records with blocks of their own */
    size_t expected;     /* bytes of the batch before */
    struct fifo given_up;
    struct batch_like like;
};

/* `bytes`: the heap of the encoded events. */
void batch_builder_init(struct batch_builder *builder, struct heap *heap, struct heap *bytes);
void batch_builder_deinit(struct batch_builder *builder);

/*
 * Encodes an event behind the others, or its head only: a large payload is kept instead.  Takes `hold` (may be NULL) over on
 * success.  MAIKO_OK, MAIKO_ENOMEM, MAIKO_ETOOLONG.
 */
MAIKO_MUST_CHECK maiko_status batch_add_event(struct batch_builder *builder, struct source *source,
                                              const maiko_envelope *envelope, struct sender_hold *hold);
/* The same for an event like the last one, whatever its source is; nobody is held for it.  False: nothing was done, look
 * closer. */
MAIKO_MUST_CHECK bool batch_add_like(struct batch_builder *builder, const maiko_envelope *envelope);

/* The same of one without an envelope. */
MAIKO_MUST_CHECK bool batch_take_like(struct batch_builder *builder, const struct maiko_taking *taking);

/* Sources go: the next event is like none. */
static inline void batch_forget_like(struct batch_builder *builder)
{
    builder->like.source = NULL;
}

/* So many ends will come: there is room for them whatever happens to memory.  MAIKO_OK, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status batch_await_ends(struct batch_builder *builder, size_t ends);

/* MAIKO_OK; MAIKO_ENOMEM: only when more come than were awaited. */
MAIKO_MUST_CHECK maiko_status batch_add_end(struct batch_builder *builder, uint32_t index);

/* Bytes so far, for whoever decides when to close. */
static inline size_t batch_builder_len(const struct batch_builder *builder)
{
    return builder->pack.len + builder->referred_len;
}

/* What was added, as one batch; NULL when that is nothing, or without memory: then it is still there. */
struct batch *batch_close(struct batch_builder *builder);

/* Releases what it still holds.  NULL is allowed. */
void batch_free(struct batch *batch);

/* NULL is allowed. */
void sender_hold_release(struct heap *heap, struct sender_hold *hold);

#endif
