/* Streak: counting less while one hook sends on and on to a topic whose only subscriber lives on the same shard.  Then nothing is
 * stored per event but the count in its id, which is there anyway, and readers derive the rest (struct counters_streak).
 *
 * A streak begins when events pile up at the receiver of a route, whose `care` says so from then on.  It ends before anything
 * else is made or delivered on the shard, before one of its three counters is read there, with the activation of its sender,
 * and when its route changes: nobody else counts in these words meanwhile. */
#ifndef RUNTIME_STREAK_H
#define RUNTIME_STREAK_H

#include "routing/broker.h"
#include "runtime/counters_file.h"

/* Beginning and ending cost as much as counting four events: it is thought of when so many, or a multiple, wait at the
 * receiver, which is never where events are handled one by one. */
#define STREAK_EVERY 4u

/* Owner thread only. */
struct streak {
    struct counters_streak *shown;
    struct route *route;      /* of the streak, NULL: none goes on */
    const struct route *last; /* where it was thought of last */
    uint64_t number;          /* of the last streak */
    _Atomic uint64_t *words[COUNTERS_ROLES];
};

/* `first`: the low half of the id that the shard's first event gets. */
static inline void streak_init(struct streak *streak, struct counters_streak *shown, uint64_t first)
{
    *streak = (struct streak){.shown = shown};
    atomic_store_explicit(&shown->next, first, memory_order_relaxed);
}

/* An event was handed over and counted, and a streak may begin: it does the second time in a row on a route. */
void streak_consider(struct streak *streak, struct route *route, struct counters_actor *sender, struct counters_actor *receiver);
void streak_end(struct streak *streak);

/* One more event of the shard: the low half of its id. */
static inline uint64_t streak_make(struct streak *streak)
{
    uint64_t next = atomic_load_explicit(&streak->shown->next, memory_order_relaxed);

    atomic_store_explicit(&streak->shown->next, next + 1, memory_order_relaxed);
    return next;
}

/* Before anything is made or delivered that does not go on with it. */
static inline void streak_stop(struct streak *streak)
{
    if (__builtin_expect(streak->route != NULL, 0))
        streak_end(streak);
}

/* An event was handed over and counted; so many wait there now. */
static inline void streak_note(struct streak *streak, struct route *route, struct counters_actor *sender,
                               struct counters_actor *receiver, uint32_t depth)
{
#ifndef MAIKO_NO_COUNTERS
    if (__builtin_expect(depth % STREAK_EVERY == 0, 0))
        streak_consider(streak, route, sender, receiver);
#else
    (void)streak, (void)route, (void)sender, (void)receiver, (void)depth;
#endif
}

#endif
