/* Take: how an actor of another library of this package gets events without envelopes and out of turn.  Exported for them and
 * declared in no public header. */
#ifndef RUNTIME_TAKE_H
#define RUNTIME_TAKE_H

#include <maiko/context.h>
#include <maiko/event.h>
#include <maiko/id.h>

struct sender;
struct topic;

MAIKO_BEGIN_DECLS

/* An event that is being sent: it begins a chain of its own, on this shard.  Borrowed for the call. */
struct maiko_taking {
    const maiko_event_type *type;
    const struct topic *topic;
    const struct sender *sender;
    maiko_id id;
    uint64_t time_ns;
    const void *event;
    size_t len;
};

/* `self` is the actor's.  True: it has the event.  False: nothing was done.  Calls nothing of the runtime. */
typedef bool (*maiko_take)(void *self, const struct maiko_taking *taking);

/*
 * From on_start only, of an actor with a step: what other actors of its shard send to topics that nobody else subscribes to may
 * be given to `take`, inside of the send, while nothing waits in front of the actor and it could run.  What it takes counts as
 * received and handled, and the step runs before long; everything else comes as it does to others, in order with what was taken.
 * MAIKO_OK, MAIKO_ENOMEM; errors as of maiko_stop().
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_context_take(maiko_context *ctx, maiko_take take);

MAIKO_END_DECLS

#endif
