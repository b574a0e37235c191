/* Inflow: what one peer sends us: where we are in its stream, what was handed over, what its channels and types mean. */
#ifndef LINK_INFLOW_H
#define LINK_INFLOW_H

#include "link/origins.h"
#include "link/peer.h"
#include "link/refusals.h"

/* A channel of this session, with what was decided about it. */
struct inflow_channel {
    struct inbound_channel channel;
    char *topic;
    char *sender;
    struct origin *origin; /* NULL: nothing of it was taken yet, or nobody remembers */
    uint64_t judged;       /* by the subscriptions of which generation, plus one; 0: not yet */
    uint8_t verdict;       /* enum verdict */
};

enum verdict { VERDICT_TAKE, VERDICT_LOOP, VERDICT_HOPS, VERDICT_UNASKED, VERDICT_DENIED };

struct inflow {
    struct heap *heap;
    struct origins *origins;          /* of the node; NULL: none */
    maiko_id remote;                  /* the other node */
    uint64_t stream;                  /* 0: none yet */
    uint64_t next;                    /* the position we expect */
    uint64_t undelivered;             /* positions from here on may be with the receivers; equal to next: none is */
    uint64_t last_pending;            /* highest position handed over and not confirmed, plus one */
    uint64_t acked;                   /* what we told last */
    size_t unacked_bytes;             /* received since */
    struct refusals refusals;         /* of this stream: what the other side is told */
    bool is_ready;                    /* the stream of this session is known */
    struct inflow_channel **channels; /* by number */
    size_t channel_capacity;
    struct foreign_type **types;
    size_t type_count;
    size_t type_capacity;
    void (*forgotten)(struct inbound_channel *channel, void *userdata); /* before a channel is freed */
    void *userdata;
};

void inflow_init(struct inflow *inflow, struct heap *heap);
void inflow_deinit(struct inflow *inflow);

/* Another session: types and channels are told anew, the position stays. */
void inflow_begin_session(struct inflow *inflow);

/* Another stream, from this position. */
void inflow_restart(struct inflow *inflow, uint64_t stream, uint64_t next);

/* What a data frame tells.  MAIKO_OK, MAIKO_EPROTOCOL, MAIKO_ELIMIT, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status inflow_learn(struct inflow *inflow, const struct frame *frame, struct text *error);

/* The type of a channel is taken as native bytes from now on, too. */
void inflow_take_native(struct inflow *inflow, const struct inflow_channel *channel);

/* NULL when it was not told. */
struct inflow_channel *inflow_channel(const struct inflow *inflow, uint64_t number);

/* The receivers have everything up to this position. */
void inflow_delivered(struct inflow *inflow, uint64_t position);

/* Events from this position on were handed over and their receivers do not have them yet. */
void inflow_pending(struct inflow *inflow, uint64_t position, uint32_t count);

/* Is something of the stream still with the receivers? */
static inline bool inflow_waits(const struct inflow *inflow)
{
    return inflow->undelivered < inflow->last_pending;
}

/* Everything below is with its receivers. */
uint64_t inflow_done(const struct inflow *inflow);

#endif
