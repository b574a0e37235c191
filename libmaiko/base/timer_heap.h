/* Timer heap: the internal timers of one shard, ordered by deadline.  A binary heap of pointers; every timer
 * knows its place, so removal needs no search.  Timers with equal deadlines come out in the order they went in. */
#ifndef BASE_TIMER_HEAP_H
#define BASE_TIMER_HEAP_H

#include "base/heap.h"
#include <maiko/status.h>

#define TIMER_NEVER UINT64_MAX

/* Embedded in its owner (CONTAINER_OF gets back there). */
struct timer {
    uint64_t deadline_ns; /* monotonic */
    uint64_t order;       /* set by the heap: who came first among equals */
    size_t place;         /* 1-based index; 0: not queued.  All zero is a valid timer that is not queued. */
};

/* One thread. */
struct timer_heap {
    struct heap *heap;
    struct timer **timers; /* [0] is the root */
    size_t count;
    size_t capacity;
    uint64_t next_order;
};

void timer_heap_init(struct timer_heap *timers, struct heap *heap);

/* The timers themselves belong to their owners; those still queued are marked as not queued. */
void timer_heap_deinit(struct timer_heap *timers);

/* Makes room for `count` timers in all.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status timer_heap_reserve(struct timer_heap *timers, size_t count);

/* Queues the timer, or moves it when it is queued already (which cannot fail).  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status timer_heap_insert(struct timer_heap *timers, struct timer *timer, uint64_t deadline_ns);

/* Harmless when it is not queued. */
void timer_heap_remove(struct timer_heap *timers, struct timer *timer);

/* Takes out and returns the earliest timer whose deadline is <= now, else NULL. */
struct timer *timer_heap_pop_due(struct timer_heap *timers, uint64_t now_ns);

/* TIMER_NEVER when there is none. */
static inline uint64_t timer_heap_next_deadline(const struct timer_heap *timers)
{
    return timers->count > 0 ? timers->timers[0]->deadline_ns : TIMER_NEVER;
}

static inline bool timer_is_queued(const struct timer *timer)
{
    return timer->place != 0;
}

#endif
