/* Events that the library itself sends, on topics that begin with `$sys/`.  Their policy is always DROP_OLDEST, they hold
 * nobody, and what happens in their handlers is not reported again. */
#ifndef MAIKO_SYSTEM_H
#define MAIKO_SYSTEM_H

#include <maiko/event.h>

/** Where dropped events are reported, and sends refused with MAIKO_EDEADLOCK; sampled: the first ones of every turn one by one,
 * the rest as a number. */
#define MAIKO_TOPIC_DEAD "$sys/dead"

#define MAIKO_DEAD_LETTER_FIELDS(F)                                                                                              \
    F(STRING, topic, 256)    /* of the dropped event */                                                                          \
    F(STRING, type, 64)      /* name of its type */                                                                              \
    F(STRING, sender, 256)   /* who sent it */                                                                                   \
    F(STRING, receiver, 256) /* who does not get it; "" when dropped on the way to another shard, or refused */                  \
    F(STRING, reason, 128)   /* as in the counters, or the text of MAIKO_EDEADLOCK */                                            \
    F(UINT32, reason_code)   /* maiko_drop_reason; 0: the send was refused */                                                    \
    F(UINT64, id_hi)         /* id of the dropped event; a refused one has none */                                               \
    F(UINT64, id_lo)                                                                                                             \
    F(UINT64, unreported) /* more of both since the last report that get none of their own */

MAIKO_EVENT_WITH(maiko_dead_letter, MAIKO_TOPIC_DEAD, MAIKO_DEAD_LETTER_FIELDS, .overflow = MAIKO_DROP_OLDEST)

/** Topic of maiko_armed.  Subscribing to it has no use: it goes only to the actor it is about. */
#define MAIKO_TOPIC_ARMED "$sys/armed"

#define MAIKO_ARMED_FIELDS(F) F(STRING, pattern, 256) /* as subscribed to */

/**
 * A subscription that a hook made with `.notify` is in force on all shards: whatever is sent on the pattern from now on, by
 * anybody, is received.  Comes once per maiko_subscribe(), in the priority lane, never dropped, unless the subscription has been
 * undone meanwhile.
 */
MAIKO_EVENT_WITH(maiko_armed, MAIKO_TOPIC_ARMED, MAIKO_ARMED_FIELDS, .control = true)

#endif
