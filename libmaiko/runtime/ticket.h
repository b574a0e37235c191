/* Ticket: an outside thread waits for the answer of a shard.  Counted, because either side may leave first: the thread at its
 * deadline or because the supervisor has stopped, the shard when it has answered.  Whoever may still answer or acknowledge
 * holds a reference. */
#ifndef RUNTIME_TICKET_H
#define RUNTIME_TICKET_H

#include "base/heap.h"
#include "base/text.h"
#include <maiko/supervisor.h>

struct ticket {
    uint32_t refs;       /* atomic */
    struct ticket *next; /* of those that wait for the end of the same actor: its shard's */
    /* under the supervisor's lock */
    uint32_t acks_missing; /* shards that have not armed the subscriptions */
    bool is_answered;
    maiko_status status;
    char text[256]; /* why, when it is not MAIKO_OK; "": nothing more is known */
};

/* With one reference, the waiting thread's.  NULL when out of memory. */
MAIKO_MUST_CHECK struct ticket *ticket_new(struct heap *heap);
struct ticket *ticket_ref(struct ticket *ticket);
void ticket_unref(struct heap *heap, struct ticket *ticket);

/* The first answer counts.  Takes the reference in `*ticket`, which becomes NULL; harmless when it is. */
void ticket_answer(maiko_supervisor *sup, struct ticket **ticket, maiko_status status);

/* Before the answer: why it will be no good one. */
void ticket_explain(maiko_supervisor *sup, struct ticket *ticket, const char *actor, const char *reason);

/* One more shard is to arm subscriptions, with a reference of its own; it has (or will not). */
void ticket_expect(maiko_supervisor *sup, struct ticket *ticket);
void ticket_acknowledge(maiko_supervisor *sup, struct ticket *ticket);

/* By the thread, whose reference it takes: waits for the answer and, if that is MAIKO_OK, for all shards.  MAIKO_ECLOSED when the
 * supervisor stopped without one, MAIKO_ETIMEDOUT at the deadline (monotonic ns; UINT64_MAX: none).  `error` may be NULL. */
maiko_status ticket_wait(maiko_supervisor *sup, struct ticket *ticket, uint64_t deadline_ns, struct text *error);

#endif
