/* Handover: the queue through which shards give events to the bridge's thread.  The export actor hands over one batch per turn
 * and, when much has not been taken yet, a hold that keeps it from running; the bridge's thread gives the hold back when it
 * takes. */
#ifndef BRIDGE_HANDOVER_H
#define BRIDGE_HANDOVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/heap.h"
#include "base/list.h"
#include "node/batch.h"

/*
 * who               | may call                       | beside
 * export actor      | handover_give, handover_hold   | the bridge's thread
 * who has the turn  | handover_take, _is_empty,      | the export actor, unless it is the one
 * (guest.h)         | _rest, _rise                   |
 * any               | handover_wake, _has_some       | all
 */
struct handover {
    int wake_fd;           /* eventfd the bridge's thread sleeps on */
    _Atomic bool is_woken; /* it was written, or is about to be, and has not been read since: who wakes again writes nothing */
    pthread_mutex_t lock;
    /* under the lock */
    struct fifo queue; /* batches */
    size_t events;
    size_t bytes;
    bool is_closed;
    maiko_hold *hold;      /* of the export actor */
    _Atomic bool has_some; /* changed under the lock: the queue is not empty */
    /* Set under the lock, when there is nothing to take; cleared without it: who sees that late wakes once too often. */
    _Atomic bool is_asleep;
    _Atomic uint64_t dropped; /* events that came when nobody took any more, or that nobody took before; read by any */
    struct fifo senders;      /* struct sender_hold: of large events; under the lock */
    struct heap *heap;        /* of those */
};

/* Past either the export actor is held until all was taken. */
enum { HANDOVER_MARK_EVENTS = 4096, HANDOVER_MARK_BYTES = 1024 * 1024 };

MAIKO_MUST_CHECK maiko_status handover_init(struct handover *handover, struct heap *heap);

/* Drops what nobody took, and releases the hold. */
void handover_deinit(struct handover *handover);

/* Takes the batch over.  True: the caller had better take a hold and offer it.  *ret_is_asleep: nobody is about to take it, so
 * the caller sees to it that somebody does. */
bool handover_give(struct handover *handover, struct batch *batch, bool *ret_is_asleep);

/* Takes the hold over unless there is room by now; then it is the caller's to release.  True: taken. */
bool handover_hold(struct handover *handover, maiko_hold *hold);

/* The same of a sender's. */
bool handover_hold_sender(struct handover *handover, struct sender_hold *hold);

/* Nothing was given since the last take. */
bool handover_is_empty(struct handover *handover);

/* The same the other way round, without the lock: maybe not yet. */
static inline bool handover_has_some(const struct handover *handover)
{
    return atomic_load_explicit(&handover->has_some, memory_order_relaxed); /* a hint: who takes has the lock */
}

/* The bridge's thread wants to sleep: false when something was given since the last take, else who gives is told so. */
bool handover_rest(struct handover *handover);

/* It is awake, and takes before it rests again: nobody need wake it. */
void handover_rise(struct handover *handover);

/* All that was given; whoever gave it may go on. */
struct fifo handover_take(struct handover *handover);

/* Nothing will be taken any more: what nobody took, and what is given from now on, is dropped and counted. */
void handover_close(struct handover *handover);

void handover_wake(struct handover *handover);

/* Reads the wake-ups away; bridge's thread. */
void handover_clear_wake(struct handover *handover);

#endif
