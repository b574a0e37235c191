/* Counters: reads the figures of any supervisor of the same user from its counters file, without asking it, so a
 * program that hangs or has died can be inspected like one that runs. */
#ifndef MAIKO_COUNTERS_H
#define MAIKO_COUNTERS_H

#include <maiko/base.h>
#include <maiko/status.h>
#include <stdbool.h>

MAIKO_BEGIN_DECLS

/** Why an event was dropped: X(NAME, number, before_dispatch, text).  Numbers are never reused. */
#define MAIKO_DROP_REASON_MAP(X)                                                                                                 \
    X(NEWEST, 1, 0, "mailbox full, policy DROP_NEWEST: the new event was dropped")                                               \
    X(OLDEST, 2, 0, "mailbox full, policy DROP_OLDEST: an older event made room, or the new one found none to evict")            \
    X(FAILED, 3, 0, "the subscriber failed before it handled the event")                                                         \
    X(STOPPED, 4, 0, "the subscriber stopped before it handled the event")                                                       \
    X(RING, 5, 1, "ring to another shard above its mark, policy DROP_NEWEST or DROP_OLDEST")                                     \
    X(NO_MEMORY, 6, 0, "no memory to queue the event")                                                                           \
    X(RING_NO_MEMORY, 7, 1, "no memory to hand the event to another shard")

typedef enum maiko_drop_reason {
#define MAIKO_DROP_ENUM_(name, number, before_dispatch, text) MAIKO_DROP_##name = number,
    MAIKO_DROP_REASON_MAP(MAIKO_DROP_ENUM_)
#undef MAIKO_DROP_ENUM_
} maiko_drop_reason;

/** What an actor is doing, as the counters show it: X(NAME, number, text). */
#define MAIKO_ACTOR_PHASE_MAP(X)                                                                                                 \
    X(ADDED, 0, "added")       /* on_start has not run */                                                                        \
    X(RUNNING, 1, "running")   /* handles events, or waits for them */                                                           \
    X(HELD, 2, "held")         /* owes blocked events and does not run */                                                        \
    X(FINISHED, 3, "finished") /* said that it sends no more; still handles events */                                            \
    X(STOPPING, 4, "stopping") /* handles what is queued, then stops */                                                          \
    X(STOPPED, 5, "stopped")                                                                                                     \
    X(FAILED, 6, "failed")

typedef enum maiko_actor_phase {
#define MAIKO_ACTOR_PHASE_ENUM_(name, number, text) MAIKO_ACTOR_##name = number,
    MAIKO_ACTOR_PHASE_MAP(MAIKO_ACTOR_PHASE_ENUM_)
#undef MAIKO_ACTOR_PHASE_ENUM_
} maiko_actor_phase;

MAIKO_END_DECLS

#endif
