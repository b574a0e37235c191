/* A context is an actor's side of the runtime: who am I, stop me, subscribe me.  Sends are in <maiko/send.h>.
 *
 * Threads: an actor's context is for that actor's own hooks; anywhere else calls give MAIKO_ETHREAD.  The
 * supervisor's context (maiko_supervisor_context) is for any thread.  A context whose actor is gone gives MAIKO_ECLOSED. */
#ifndef MAIKO_CONTEXT_H
#define MAIKO_CONTEXT_H

#include <maiko/actor.h>

MAIKO_BEGIN_DECLS

typedef struct maiko_supervisor maiko_supervisor;

/** @return the actor's name; "supervisor" for the supervisor's context, "" when the context is stale.  Borrowed. */
MAIKO_API const char *maiko_context_name(const maiko_context *ctx);

/** @return a number that no other actor of this supervisor has or had; 0 for the supervisor's context and stale ones. */
MAIKO_API uint64_t maiko_context_id(const maiko_context *ctx);

/**
 * @return true while the actor goes on: neither stopped nor told to.  It is told to by maiko_stop(), its removal and the stop of
 *         the whole runtime, also while a hook of it runs: one of a dedicated actor that lasts asks again and again.
 */
MAIKO_API bool maiko_context_is_alive(const maiko_context *ctx);

/**
 * For a dedicated actor whose hooks wait in poll(): one more descriptor to poll.
 *
 * @return a descriptor that becomes readable when the actor is told to stop by its removal or the stop of the runtime; not to be
 *         read nor closed.  The same one at every call; it is the library's and may not outlive the actor.  -1: the actor is not
 *         dedicated (nor is any in the polled modes), the context is not that of the running hook, or no descriptor is left.
 * Threads: the context's.  Blocking: never.
 */
MAIKO_API int maiko_context_stop_fd(maiko_context *ctx);

/** @return the supervisor the actor belongs to, or NULL when the context is stale. */
MAIKO_API maiko_supervisor *maiko_context_supervisor(const maiko_context *ctx);

/** @return wall-clock nanoseconds since 1970 as of this batch: the time that events sent now will carry. */
MAIKO_API uint64_t maiko_context_time(const maiko_context *ctx);

/** @return events waiting in the actor's mailbox, the one being handled not counted. */
MAIKO_API size_t maiko_context_depth(const maiko_context *ctx);

/**
 * @return true when the actor had better stop producing: it is in debt, or has its outbox limit (256 events or 1 MiB)
 *         under way to other shards, or room for large events that other processes read in place has become scarce in
 *         this activation.  For the supervisor's context: the next send would wait.  A producing step checks
 *         it in its loop and returns MAIKO_STEP_CONTINUE when true.
 */
MAIKO_API bool maiko_is_sender_full(const maiko_context *ctx);

/**
 * Stop this actor: what is queued for it is still handled, then on_stop runs.  New events are not routed to it.
 * @return MAIKO_OK, MAIKO_EINVAL (NULL or the supervisor's context), MAIKO_ETHREAD, MAIKO_ECLOSED (already stopped).
 */
MAIKO_API maiko_status maiko_stop(maiko_context *ctx);

/**
 * Ask the whole runtime to stop: sources are closed, queues drained, then every on_stop runs, and run and join return.
 * @return MAIKO_OK (also when already asked), MAIKO_EINVAL, MAIKO_ECLOSED.  Threads: the context's.
 */
MAIKO_API maiko_status maiko_stop_runtime(maiko_context *ctx);

/**
 * Say that this actor will send no more: its subscribers end once their other publishers have finished too.
 * It goes on handling events; its later sends give MAIKO_ECLOSED and its step is not run again.
 * @return MAIKO_OK (also when already said), MAIKO_EINVAL, MAIKO_ETHREAD, MAIKO_ECLOSED.
 */
MAIKO_API maiko_status maiko_finish(maiko_context *ctx);

/**
 * Subscribe this actor to one more topic or pattern.
 *
 * Armed on the actor's own shard at once; on other shards before any event that is sent because of what this actor
 * sends after the call, so that a reply never overtakes the subscription made before its request.  For events that others
 * send on their own, `.notify` asks for a maiko_armed event (<maiko/system.h>) that says when it is in force everywhere.
 * @return MAIKO_OK, MAIKO_EINVAL, MAIKO_ETOPIC (with reason as error text), MAIKO_EEXIST (same pattern twice),
 *         MAIKO_ENOMEM, MAIKO_ETHREAD, MAIKO_ECLOSED.
 */
MAIKO_API maiko_status maiko_subscribe(maiko_context *ctx, const maiko_subscription *subscription);

/**
 * Undo one subscription by its pattern.  In force when the call returns: nothing more is queued for it; what is queued already
 * is still handled.  MAIKO_ENOTFOUND when there is none.
 */
MAIKO_API maiko_status maiko_unsubscribe(maiko_context *ctx, const char *pattern);

/**
 * Record an error with its text and hand `status` back: `return maiko_error(ctx, MAIKO_EACTOR, "disk %s is full", name);`
 * @param status  negative; anything else becomes MAIKO_EACTOR.
 */
MAIKO_API maiko_status maiko_error(maiko_context *ctx, maiko_status status, const char *format, ...) MAIKO_PRINTF(3, 4);

/**
 * @return the text of the actor's last error ("" when none): inside on_error, the error's.  Borrowed until the next one.  A send
 *         that is refused as a mistake of the program (not MAIKO_EFULL, MAIKO_ENOMEM and the like) is one: it says which field or
 *         topic it was, also in the failure when a hook returns its status.  Of the supervisor's context: of this thread's sends.
 */
MAIKO_API const char *maiko_context_error_text(const maiko_context *ctx);

/** @return the status of the last refused send of this context, MAIKO_OK when none was refused. */
MAIKO_API maiko_status maiko_context_last_refusal(const maiko_context *ctx);

MAIKO_END_DECLS

#endif
