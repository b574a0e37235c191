/* Streak: its beginning and its end. */
#include "runtime/streak.h"

static void take(struct streak *streak, enum counters_role role, void *line, _Atomic uint64_t *word, uint64_t next)
{
    struct counters_streak *shown = streak->shown;

    streak->words[role] = word;
    atomic_store_explicit(&shown->rows[role], counters_label(line)->row, memory_order_relaxed);
    atomic_store_explicit(&shown->from[role], atomic_load_explicit(word, memory_order_relaxed) - next, memory_order_relaxed);
}

static void begin(struct streak *streak, struct route *route, struct counters_actor *sender, struct counters_actor *receiver)
{
    struct counters_streak *shown = streak->shown;
    const uint64_t next = atomic_load_explicit(&shown->next, memory_order_relaxed);

    take(streak, COUNTERS_SENDER, sender, &sender->sent, next);
    take(streak, COUNTERS_TOPIC, route->counters, &route->counters->sent, next);
    take(streak, COUNTERS_RECEIVER, receiver, &receiver->received, next);
    atomic_store_explicit(&shown->number, ++streak->number, memory_order_release); /* the rest is there */
    route->care = ROUTE_STREAK;
    streak->route = route;
}

void streak_consider(struct streak *streak, struct route *route, struct counters_actor *sender, struct counters_actor *receiver)
{
    if (streak->last == route)
        begin(streak, route, sender, receiver);
    else
        streak->last = route;
}

void streak_end(struct streak *streak)
{
    struct counters_streak *shown = streak->shown;
    const uint64_t next = atomic_load_explicit(&shown->next, memory_order_relaxed);
    int role;

    for (role = 0; role < COUNTERS_ROLES; role++)
        atomic_store_explicit(streak->words[role], atomic_load_explicit(&shown->from[role], memory_order_relaxed) + next,
                              memory_order_relaxed);
    atomic_store_explicit(&shown->number, 0, memory_order_release); /* the words have it */
    /* Who finds any of what follows, the next event or the next streak, finds that this one is over: that store alone lets later
     * ones overtake it.  Pairs with the fence in front of the second look at the number (counters_image.c). */
    atomic_thread_fence(memory_order_release);
    if (streak->route->care == ROUTE_STREAK)
        streak->route->care = ROUTE_SINGLE;
    streak->route = NULL;
}
