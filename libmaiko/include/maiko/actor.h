/* An actor is the user's component: a table of hooks, a state, and a spec that says what it subscribes to.
 * Hooks of one actor never overlap and all run on the actor's shard; none may block unless the spec says .dedicated. */
#ifndef MAIKO_ACTOR_H
#define MAIKO_ACTOR_H

#include <maiko/base.h>
#include <maiko/envelope.h>
#include <maiko/event.h>
#include <maiko/status.h>
#include <maiko/topics.h>
#include <stdbool.h>

MAIKO_BEGIN_DECLS

/** What an actor's hooks use to talk to the runtime; see <maiko/context.h>. */
typedef struct maiko_context maiko_context;

/**
 * What a step wants next: one of the constants below, MAIKO_STEP_BACKOFF(ns), or a negative maiko_status (an error;
 * `return maiko_error(ctx, status, "…")`).
 */
typedef int64_t maiko_step;

enum {
    MAIKO_STEP_CONTINUE = 0,    /* again, after a batch of events had its turn */
    MAIKO_STEP_YIELD = 1,       /* again, after every other ready actor of the shard had its turn */
    MAIKO_STEP_AWAIT_EVENT = 2, /* once after the next batch of events */
    MAIKO_STEP_NEVER = 3        /* not any more */
};

/** Again after `ns` nanoseconds (at least 16); events are handled meanwhile and do not change the delay. */
#define MAIKO_STEP_BACKOFF(ns) ((maiko_step)((uint64_t)(ns) < 16 ? 16 : (uint64_t)(ns) > INT64_MAX ? INT64_MAX : (uint64_t)(ns)))

/** What to do about an error; made by the functions below, returned by on_error. */
typedef struct maiko_error_action {
    int32_t kind;
    uint32_t limit;
    uint64_t after_ns;
} maiko_error_action;

enum {
    MAIKO_ERROR_IGNORE = 0,
    MAIKO_ERROR_STOP_ACTOR = 1,
    MAIKO_ERROR_STOP_RUNTIME = 2,
    MAIKO_ERROR_RESTART = 3,
    MAIKO_ERROR_RETRY = 4
};

static inline maiko_error_action maiko_error_action_(int32_t kind, uint64_t after_ns, uint32_t limit)
{
    maiko_error_action action;

    action.kind = kind;
    action.limit = limit;
    action.after_ns = after_ns;
    return action;
}

/** Go on with the next event; a failed step runs again after 1 ms, then after twice as long each time, at most 1 s. */
static inline maiko_error_action maiko_error_ignore(void)
{
    return maiko_error_action_(MAIKO_ERROR_IGNORE, 0, 0);
}

/** Stop this actor as failed: its queue is dropped and counted, on_stop runs, the error comes out of join and stop. */
static inline maiko_error_action maiko_error_stop_actor(void)
{
    return maiko_error_action_(MAIKO_ERROR_STOP_ACTOR, 0, 0);
}

/** Stop the whole runtime, draining; the error comes out of join and stop. */
static inline maiko_error_action maiko_error_stop_runtime(void)
{
    return maiko_error_action_(MAIKO_ERROR_STOP_RUNTIME, 0, 0);
}

/** Restart the actor.  Needs supervision: until then it acts as stop_actor with the status MAIKO_ENOTSUP. */
static inline maiko_error_action maiko_error_restart(void)
{
    return maiko_error_action_(MAIKO_ERROR_RESTART, 0, 0);
}

/**
 * Handle the same event (or run the step) again after `after_ns`, at most `limit` times in a row (0 is refused as an
 * error); the actor handles nothing else meanwhile.  When the limit is used up the error stops the actor.
 */
static inline maiko_error_action maiko_error_retry(uint64_t after_ns, uint32_t limit)
{
    return maiko_error_action_(MAIKO_ERROR_RETRY, after_ns, limit);
}

/** One line of a per-type handler table: events of `type` go to `handle`.  Written with MAIKO_ON(). */
typedef struct maiko_handler {
    const maiko_event_type *type;
    maiko_status (*handle)(void *self, maiko_context *ctx, const void *event, const maiko_envelope *envelope);
} maiko_handler;

/**
 * The hooks of an actor; every one may be NULL.  `self` is the spec's state.  An error return goes to on_error, and
 * without on_error (or when on_start, on_end or on_stop fail) stops the actor as failed.  C++: no exception may leave a hook,
 * predicate or allocator: on a thread of the library it ends the program, and through maiko_supervisor_poll() it leaves the
 * supervisor inside the hook for ever.  Catch it and return an error.
 */
typedef struct maiko_actor_ops {
    /** Once, before anything else.  When it fails the actor never runs and on_stop is not called. */
    maiko_status (*on_start)(void *self, maiko_context *ctx);
    /** Once per event.  The envelope is borrowed for the call. */
    maiko_status (*handle)(void *self, maiko_context *ctx, const maiko_envelope *envelope);
    /** Between batches of events, never interrupted, never starved; the place to produce events. */
    maiko_step (*step)(void *self, maiko_context *ctx);
    /** Decides about an error of handle or step; its text is maiko_context_error_text(ctx).  NULL: stop_actor. */
    maiko_error_action (*on_error)(void *self, maiko_context *ctx, maiko_status error);
    /** Once, when every declared publisher of all this actor subscribes to has finished and its queue is empty. */
    maiko_status (*on_end)(void *self, maiko_context *ctx);
    /** Once, last, whenever on_start succeeded: after a stop, an end and a failure alike. */
    maiko_status (*on_stop)(void *self, maiko_context *ctx);
    /** Per-type handlers, tried before handle; ended by a line with a NULL type.  NULL: none. */
    const maiko_handler *handlers;
} maiko_actor_ops;

/** A subscription with more than a pattern. */
typedef struct maiko_subscription {
    const char *pattern;            /* topic or MQTT pattern; NULL ends the table */
    maiko_overflow_choice overflow; /* MAIKO_OVERFLOW_OF_TOPIC (default), or a policy that overrides the topic's */
    /** Wanted?  Pure: sees only the event; runs before a queue place is taken, on any library thread.  NULL: all. */
    bool (*predicate)(const void *event, const maiko_event_type *type, void *userdata);
    void *userdata; /* for the predicate */
    bool notify;    /* maiko_subscribe(): a maiko_armed event says when it is in force everywhere; see <maiko/system.h> */
} maiko_subscription;

/** Where an actor may run: MAIKO_ANY_SHARD, or MAIKO_SHARD(n) with n from 0. */
typedef int32_t maiko_shard;
#define MAIKO_ANY_SHARD 0
#define MAIKO_SHARD(n) ((maiko_shard)((n) + 1))

/**
 * Declares one actor.  Read during the call only (copied), except ops, self and predicates' userdata, which stay the
 * caller's and must live until the actor has stopped.
 */
typedef struct maiko_actor_spec {
    const char *name;             /* unique in the supervisor, 1..255 bytes UTF-8 without '/', '+', '#'; NULL: anonymous */
    const maiko_actor_ops *ops;   /* required */
    void *self;                   /* state handed to the hooks */
    size_t state_size;            /* when not 0 and self is NULL: zeroed state of so many bytes, owned by the runtime */
    const char *const *subscribe; /* MAIKO_TOPICS("a/b", "c/#"), MAIKO_ALL_TOPICS, or NULL: none */
    const maiko_subscription *subscriptions; /* further subscriptions, with policy and predicate */
    const char *const *publish;              /* topics or patterns it sends on; given: sending on others is an error */
    uint32_t capacity;                       /* events its mailbox holds; 0: the supervisor's default (128) */
    uint32_t tick_limit;                     /* events per batch, exactly; 0: the supervisor's default (10), see below */
    maiko_shard shard;                       /* pins the actor to one shard */
    const char *with;                        /* name of an actor already added whose shard it shares */
    bool thread_affine;                      /* stays on the thread it started on */
    bool dedicated;                          /* a thread of its own: its hooks may block, its sends wait (MAIKO_POLLED: none) */
    bool receive_own;                        /* also receives what it sends itself */
    const maiko_event_type *const *types;    /* MAIKO_TYPES(MAIKO_TYPE(reading)): types it deals with, or NULL; see below */
    uint64_t capacity_bytes;                 /* bytes its mailbox holds, see below; 0: the supervisor's mailbox_bytes */
    bool bytes_hold_only;                    /* they hold senders under BLOCK, and make no other policy drop or fail */
} maiko_actor_spec;

/*
 * In a spec 0 is what was not set, so no 0 is refused here: whoever takes a capacity or tick limit from somebody else refuses it
 * there, as the options of <maiko/app.h> do.
 *
 * Of several patterns that match an event, that of the earliest subscription decides, its policy and its predicate; when the
 * predicate says no, the next one.  Their order is that of `subscribe`, then `subscriptions`, then maiko_subscribe().
 *
 * With a bound in bytes a mailbox is also full when its queued events above 4 KiB have so many bytes: for all under BLOCK, whose
 * senders then wait, and for further ones above 4 KiB under the other policies.  DROP_OLDEST drops as many old ones of these as
 * make room for the new one, and the new one where they could not.  An event goes in while there are fewer bytes, whatever its
 * own size, so the largest always finds a place.  Smaller ones under these policies, and the priority lane, are bounded by
 * `capacity` alone.
 */

/*
 * An actor without a step, whose spec leaves the tick limit to the supervisor and whose activations take 10 us at most,
 * may handle up to six batches before the next actor's turn.
 *
 * Two types that give one topic different policies contradict each other (MAIKO_ECONFLICT).  Types with handlers and those in
 * .types are met when their actor is added, so that this is an error of add and start; a type that nobody declared, and topics
 * named or computed at the send, are met at their first send, which is then refused.
 */

/** A list of event types for .types: `MAIKO_TYPES(MAIKO_TYPE(reading), MAIKO_TYPE(alert))`; as MAIKO_TOPICS() in all else. */
#ifdef __cplusplus
#define MAIKO_TYPES(...)                                                                                                         \
    ([]() -> const maiko_event_type *const * {                                                                                   \
        static const maiko_event_type *const types_[] = {__VA_ARGS__, NULL};                                                     \
        return types_;                                                                                                           \
    }())
#else
#define MAIKO_TYPES(...) ((const maiko_event_type *const[]){__VA_ARGS__, NULL})
#endif

/** Subscribes to every topic outside `$sys/`, now and later. */
#define MAIKO_ALL_TOPICS MAIKO_TOPICS("#")

#ifdef __cplusplus
#define MAIKO_ON(type_name, function)                                                                                            \
    {                                                                                                                            \
        MAIKO_TYPE(type_name),                                                                                                   \
            (maiko_status(*)(void *, maiko_context *, const void *, const maiko_envelope *))(                                    \
                static_cast<maiko_status (*)(void *, maiko_context *, const type_name *, const maiko_envelope *)>(function))     \
    }
#else
/** A handler line: `maiko_status function(void *self, maiko_context *ctx, const type_name *event, const maiko_envelope *)`. */
#define MAIKO_ON(type_name, function)                                                                                            \
    {                                                                                                                            \
        MAIKO_TYPE(type_name),                                                                                                   \
            (maiko_status(*)(void *, maiko_context *, const void *, const maiko_envelope *))(                                    \
                1 ? (function) : (maiko_status(*)(void *, maiko_context *, const type_name *, const maiko_envelope *))0)         \
    }
#endif

/** Ends a handler table. */
#define MAIKO_HANDLERS_END                                                                                                       \
    {                                                                                                                            \
        NULL, NULL                                                                                                               \
    }

MAIKO_END_DECLS

#endif
