/* Sending: macros that let the compiler check the event's fields, on top of functions that take a descriptor and bytes.
 *
 *     maiko_send(ctx, hello, .name = "World");                   a temporary of the type, C only; fields left out are zero
 *     maiko_send_event(ctx, hello, &event);                      a filled struct, C and C++, with its tail right behind it
 *     frame *f = maiko_reserve(ctx, frame, 100);  …  maiko_commit(ctx, f);       a variable tail, written in place
 *
 * Every send answers alike, so it is said once:
 *   - The event is copied, or was written in place; nothing of the caller's is kept, except what the pointers of a local_only
 *     type point to, which belong to the event once the send succeeded (and stay the caller's when it is refused).
 *   - A refused send is not accepted anywhere, is counted, and is kept as maiko_context_last_refusal().  One that was a mistake
 *     of the program, not for want of room, is told to the log with the field or topic, once for several in a row.
 *   - @return MAIKO_OK; MAIKO_EINVAL (NULL, stale event); MAIKO_ETYPE (illegal bytes, see maiko_schema_validate(), or a bad
 *     descriptor); MAIKO_ETOOLONG (over 16 MiB); MAIKO_ETOPIC (bad name, or topic_of refused); MAIKO_EPERM (a topic of the
 *     library's own); MAIKO_EUNDECLARED (not in the actor's publish list); MAIKO_ECONFLICT (another type gives this topic
 *     another policy); MAIKO_ECLOSED (stopped, or said maiko_finish()); MAIKO_EFULL (a try_ send that would have to wait, far
 *     more than the outbox limit in one handler call, or more than it from outside before start); MAIKO_EDEADLOCK (refused to
 *     resolve a deadlock); MAIKO_ENOMEM; MAIKO_ELIMIT; MAIKO_ETHREAD; MAIKO_EFORKED.
 *   - Threads: the context's (an actor's context: its own hooks; the supervisor's: any).  Blocking: an actor never waits inside a
 *     send, it may not run again before its debt is paid; foreign threads and dedicated actors really wait, unless they try_. */
#ifndef MAIKO_SEND_H
#define MAIKO_SEND_H

#include <maiko/actor.h>
#include <maiko/envelope.h>
#include <maiko/event.h>

MAIKO_BEGIN_DECLS

/** How to send, where it differs from a plain send.  Zero means: no difference. */
typedef struct maiko_send_opts {
    size_t struct_size;           /* sizeof(maiko_send_opts) of the calling program */
    const char *topic;            /* this topic instead of the type's; copied */
    const maiko_envelope *parent; /* the event this one was sent because of: becomes its parent and hands down its correlation */
    bool try_only;                /* MAIKO_EFULL instead of waiting or going into debt */
} maiko_send_opts;

/**
 * Send the bytes of an event of any type on the type's own topic.
 *
 * @param type   lives as long as the supervisor; checked when it is first seen.
 * @param event  copied; a fixed part and, for types with one, its tail.
 * @param len    bytes.
 */
MAIKO_API maiko_status maiko_send_bytes(maiko_context *ctx, const maiko_event_type *type, const void *event, size_t len);

/** The same with options.  `opts` may be NULL. */
MAIKO_API maiko_status maiko_send_options(maiko_context *ctx, const maiko_send_opts *opts, const maiko_event_type *type,
                                          const void *event, size_t len);

/**
 * Get room for one event inside the library, to be filled in and handed back by exactly one commit or maiko_abandon().
 * It is what the event's readers will see: no copy is made on its way to them within the process, except from shard to shard and
 * from outside threads of events up to 4 KiB.
 *
 * @param len  bytes of fixed part and tail.
 * @return room, 16-byte aligned, its first type->size bytes zero and the tail as it happens to be: write all of it.  NULL:
 *         MAIKO_EINVAL, MAIKO_ETYPE, MAIKO_ETOOLONG, MAIKO_ENOMEM, MAIKO_ETHREAD, MAIKO_ECLOSED by maiko_context_last_refusal().
 * Threads: the context's; commit from the same one.  An actor commits before its hook returns: what it forgot is abandoned then.
 * The room may be shared memory: a child forked before the commit must not write there, its parent would send that.
 * Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK void *maiko_reserve_bytes(maiko_context *ctx, const maiko_event_type *type, size_t len);

/**
 * Send a reserved event.  Its length is what its fixed part and the tail's count say now: a count made smaller since the reserve
 * is good (less than half of the room is copied out of it), a larger one is MAIKO_ETYPE.  The room is given up whatever the
 * result, but for MAIKO_ETHREAD: then it is the hook's as before.  To abandon it all the same after a refusal is harmless.
 * What the pointers of a local_only type point to is the caller's again when the result is not MAIKO_OK.
 *
 * @param opts   may be NULL.
 * @param event  what maiko_reserve_bytes() returned to this context and is not given up; anything else is MAIKO_EINVAL.
 */
MAIKO_API maiko_status maiko_commit_options(maiko_context *ctx, const maiko_send_opts *opts, void *event);

/** Give up reserved room without sending.  NULL is allowed.  Without effect on anything that maiko_commit_options() would refuse
 *  as no room of this context, and on another thread than the hook's. */
MAIKO_API void maiko_abandon(maiko_context *ctx, void *event);

/* ---- Typed sends of a filled struct, in C and C++: `event` is a const name * ---- */

/** Send on the type's own topic; starts a chain of its own. */
#define maiko_send_event(ctx, name, event) maiko_send_whole_(ctx, NULL, NULL, false, MAIKO_TYPE(name), maiko_expect_##name(event))

/** Send because of the event in `envelope`: its parent becomes that event, its correlation the same. */
#define maiko_send_child_event(ctx, envelope, name, event)                                                                       \
    maiko_send_whole_(ctx, NULL, envelope, false, MAIKO_TYPE(name), maiko_expect_##name(event))

/** Send on another topic than the type's. */
#define maiko_send_event_to(ctx, topic, name, event)                                                                             \
    maiko_send_whole_(ctx, topic, NULL, false, MAIKO_TYPE(name), maiko_expect_##name(event))

/** Both. */
#define maiko_send_child_event_to(ctx, envelope, topic, name, event)                                                             \
    maiko_send_whole_(ctx, topic, envelope, false, MAIKO_TYPE(name), maiko_expect_##name(event))

/** MAIKO_EFULL instead of waiting or going into debt. */
#define maiko_try_send_event(ctx, name, event)                                                                                   \
    maiko_send_whole_(ctx, NULL, NULL, true, MAIKO_TYPE(name), maiko_expect_##name(event))

/* ---- Typed sends of a temporary, C only: `maiko_send(ctx, hello, .name = "World")` ----
 * It has no tail: a count of one other than 0 is MAIKO_ETYPE, see maiko_reserve(). */

#ifndef __cplusplus
#define maiko_send(ctx, ...) MAIKO_SEND_(ctx, NULL, NULL, false, __VA_ARGS__, )
#define maiko_send_child(ctx, envelope, ...) MAIKO_SEND_(ctx, NULL, envelope, false, __VA_ARGS__, )
#define maiko_send_to(ctx, topic, ...) MAIKO_SEND_(ctx, topic, NULL, false, __VA_ARGS__, )
#define maiko_send_child_to(ctx, envelope, topic, ...) MAIKO_SEND_(ctx, topic, envelope, false, __VA_ARGS__, )
#define maiko_try_send(ctx, ...) MAIKO_SEND_(ctx, NULL, NULL, true, __VA_ARGS__, )

/** A temporary of the type with these fields, all others zero: `hello *e = MAIKO_VALUE(hello, .name = "x")`. */
#define MAIKO_VALUE(...) MAIKO_VALUE_(__VA_ARGS__, )
#endif

/* ---- Events with a variable tail ---- */

/**
 * Room for an event of the type with `count` elements in its tail (0 for types without one), typed and with the count filled in.
 * See maiko_reserve_bytes().
 */
#define maiko_reserve(ctx, name, count) ((struct name *)maiko_reserve_tail(ctx, MAIKO_TYPE(name), count))

static inline MAIKO_MUST_CHECK void *maiko_reserve_tail(maiko_context *ctx, const maiko_event_type *type, size_t count)
{
    uint64_t count64 = count;
    bool fits = count <= MAIKO_EVENT_MAX && (type->tail_size > 0 || count == 0);
    /* SIZE_MAX is refused by maiko_reserve_bytes, which so keeps the reason. */
    void *event = maiko_reserve_bytes(ctx, type, fits ? type->size + count * type->tail_size : SIZE_MAX);

    if (event != NULL && type->tail_size > 0)
        memcpy((char *)event + type->size - sizeof(count64), &count64, sizeof(count64));
    return event;
}

/** Send a reserved event on its type's own topic. */
static inline maiko_status maiko_commit(maiko_context *ctx, void *event)
{
    return maiko_commit_options(ctx, NULL, event);
}

static inline maiko_send_opts maiko_send_opts_(const char *topic, const maiko_envelope *parent, bool try_only)
{
    maiko_send_opts opts;

    opts.struct_size = sizeof(opts);
    opts.topic = topic;
    opts.parent = parent;
    opts.try_only = try_only;
    return opts;
}

/** Send a reserved event on another topic. */
static inline maiko_status maiko_commit_to(maiko_context *ctx, const char *topic, void *event)
{
    maiko_send_opts opts = maiko_send_opts_(topic, NULL, false);

    return maiko_commit_options(ctx, &opts, event);
}

/** Send a reserved event because of the event in `envelope`. */
static inline maiko_status maiko_commit_child(maiko_context *ctx, const maiko_envelope *envelope, void *event)
{
    maiko_send_opts opts = maiko_send_opts_(NULL, envelope, false);

    return maiko_commit_options(ctx, &opts, event);
}

/* ---- Names that end in _ are not for programs. ---- */

static inline maiko_status maiko_send_len_(maiko_context *ctx, const char *topic, const maiko_envelope *parent, bool try_only,
                                           const maiko_event_type *type, const void *event, size_t len)
{
    maiko_send_opts opts;

    if (topic == NULL && parent == NULL && !try_only)
        return maiko_send_bytes(ctx, type, event, len);
    opts = maiko_send_opts_(topic, parent, try_only);
    return maiko_send_options(ctx, &opts, type, event, len);
}

static inline maiko_status maiko_send_whole_(maiko_context *ctx, const char *topic, const maiko_envelope *parent, bool try_only,
                                             const maiko_event_type *type, const void *event)
{
    return maiko_send_len_(ctx, topic, parent, try_only, type, event, event != NULL ? maiko_event_len(type, event) : 0);
}

/* Nothing stands behind a temporary: whatever its tail's count says, its bytes are those of the struct. */
#define MAIKO_SEND_(ctx, topic, parent, try_only, name, ...)                                                                     \
    maiko_send_len_(ctx, topic, parent, try_only, MAIKO_TYPE(name), maiko_expect_##name(MAIKO_VALUE_(name, __VA_ARGS__)),        \
                    sizeof(struct name))

/* The initialisers arrive with a comma behind them, or as one empty argument.  ISO C has no empty braces: {0} stands for them
 * then. Empty is what begins a call when a macro name stands before it and () behind it, and does not when there is no () behind
 * it. */
#define MAIKO_VALUE_(name, ...) (&(struct name){MAIKO_INITIAL_(__VA_ARGS__, ~)(__VA_ARGS__)})
#define MAIKO_INITIAL_(first, ...)                                                                                               \
    MAIKO_PASTE_(MAIKO_PASTE_(MAIKO_INITIAL_, MAIKO_SECOND_(MAIKO_PROBE_CALL_ first() ~, 1, ~)),                                 \
                 MAIKO_SECOND_(MAIKO_PROBE_CALL_ first ~, 1, ~))
#define MAIKO_PROBE_CALL_(...) ~, 0,
#define MAIKO_INITIAL_01(...) 0
#define MAIKO_INITIAL_11(...) __VA_ARGS__
#define MAIKO_INITIAL_10(...) __VA_ARGS__
#define MAIKO_INITIAL_00(...) __VA_ARGS__

MAIKO_END_DECLS

#endif
