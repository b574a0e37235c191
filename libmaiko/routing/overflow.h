/* Overflow: what becomes of an event at a subscriber's mailbox.  The whole policy is this one pure table; runtime and
 * links carry out what it says.
 *
 * A mailbox is one FIFO: the first `capacity` events are queued, those behind wait and keep their sender in debt.  All
 * that is let in goes to the end, so no newcomer, whatever its policy, passes one that waits. */
#ifndef ROUTING_OVERFLOW_H
#define ROUTING_OVERFLOW_H

#include <maiko/event.h>

/* X(NAME, "name", what the caller does) */
#define OVERFLOW_ACTION_MAP(X)                                                                                                   \
    X(ENQUEUE, "enqueue", "there is room: append it")                                                                            \
    X(WAIT, "wait", "append it behind the queued ones and put its sender in debt")                                               \
    X(DROP_NEWEST, "drop_newest", "drop and count it")                                                                           \
    X(EVICT_OLDEST, "evict_oldest", "drop and count the oldest evictable one, let the first waiter move up, append it")          \
    X(DROP_NO_VICTIM, "drop_no_victim", "DROP_OLDEST found nothing to evict: drop and count it, as DROP_OLDEST")                 \
    X(FAIL_SUBSCRIBER, "fail_subscriber", "drop and count it; the subscriber fails")

enum overflow_action {
#define OVERFLOW_ACTION_ENUM_(name, text, what) OVERFLOW_##name,
    OVERFLOW_ACTION_MAP(OVERFLOW_ACTION_ENUM_)
#undef OVERFLOW_ACTION_ENUM_
};

struct overflow_state {
    size_t depth;       /* events queued and waiting */
    size_t capacity;    /* events */
    bool has_evictable; /* one of the depth events arrived under DROP_OLDEST */
};

/* The policy is that of the subscription, or else of the topic; MAIKO_OVERFLOW_OF_TOPIC and unknown numbers count as
 * MAIKO_BLOCK, which loses nothing. */
enum overflow_action overflow_decide(maiko_overflow policy, const struct overflow_state *state);

/* Such as "evict_oldest"; "?" for other numbers. */
const char *overflow_action_name(enum overflow_action action);

#endif
