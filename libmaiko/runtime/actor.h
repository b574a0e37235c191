/* Actor: the user's component as the runtime sees it.  Everything here belongs to the thread of its shard, except
 * what is marked otherwise.  The memory of an actor is never given back before its supervisor ends (contexts that are
 * used too late must find a record), only reused under a new generation once no event of it is left anywhere. */
#ifndef RUNTIME_ACTOR_H
#define RUNTIME_ACTOR_H

#include "base/timer_heap.h"
#include "routing/broker.h"
#include "routing/streams.h"
#include "runtime/counters_file.h"
#include "runtime/mailbox.h"
#include "runtime/take.h"
#include <assert.h>
#include <maiko/actor.h>
#include <maiko/context.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

struct shard;
struct ticket;
struct maiko_supervisor;

#define ACTOR_MAGIC 0x6d61c701u
#define ACTOR_ALIGNMENT ((uintptr_t)64)

/* A context is the address of its record with a generation in the bits that are the same in all addresses: the low ones, by the
 * alignment, and with 64 of them eight above the 48 that a process has.  The topmost byte stays as it is, for hosts that mark
 * memory with it. */
#define ACTOR_LOW_BITS 6
#if UINTPTR_MAX > UINT32_MAX
#define ACTOR_HIGH_BITS 8
#define ACTOR_HIGH_AT 48
#else
#define ACTOR_HIGH_BITS 0
#define ACTOR_HIGH_AT 0
#endif
#define ACTOR_HIGH_MASK ((((uintptr_t)1 << ACTOR_HIGH_BITS) - 1) << ACTOR_HIGH_AT)
#define ACTOR_GENERATION_MASK (ACTOR_HIGH_MASK | (ACTOR_ALIGNMENT - 1))
#define ACTOR_GENERATIONS ((uint32_t)1 << (ACTOR_LOW_BITS + ACTOR_HIGH_BITS))
static_assert(ACTOR_ALIGNMENT == (uintptr_t)1 << ACTOR_LOW_BITS, "the low bits are those below the alignment");

enum actor_state {
    ACTOR_FREE = 0, /* record without an actor */
    ACTOR_ADDED,    /* on_start has not run */
    ACTOR_RUNNING,
    ACTOR_DRAINING, /* told to stop: handles what is queued, receives nothing new */
    ACTOR_STOPPED,  /* all hooks done */
};

enum actor_step_state {
    ACTOR_STEP_NEVER = 0,
    ACTOR_STEP_READY,
    ACTOR_STEP_AFTER_EVENTS,
    ACTOR_STEP_TIMER,
};

/* How many batches it may handle in a row. */
enum actor_weight {
    ACTOR_USUAL = 0, /* one */
    ACTOR_LIGHT,     /* several: the last sampled activation was short */
    ACTOR_EXACT,     /* one, always: it has a step, or its spec says how many events a batch has */
};

/* Why an actor does not run although it has work.  Debt is apart: it is a count. */
enum actor_hold {
    ACTOR_HELD_BY_RING = 1, /* outbox limit or a ring above its mark */
    ACTOR_HELD_BY_RETRY = 2,
};

struct actor_timer {
    struct timer timer;
    struct actor *actor;
    bool ends_retry; /* else the backoff of the step */
};

/* What few actors need: made with the first use, or when the actor is added. */
struct actor_rare {
    struct actor *actor;
    struct actor_timer step_timer;
    struct actor_timer retry_timer;
    struct mailbox control;          /* priority lane; capacity 0: none yet */
    struct envelope *retry_envelope; /* to be handled again; NULL: none */
    bool retries_step;               /* the step is to be run again, before any event */
    uint32_t retries;                /* in a row, of the event */
    uint32_t step_retries;           /* likewise */
    maiko_take take;                 /* NULL: it gets what is queued only */
    maiko_actor_ops *own_ops;        /* a copy of a shorter table */
    const maiko_actor_ops *hooks;    /* of a dedicated actor, whose ops are those of offline.h */
    const char **publish;            /* NULL-terminated, inside the actor's block; NULL: may send on every topic */
    bool is_publisher;               /* counted in the streams */
    bool owns_self;
    bool step_went_on;    /* by itself, when ends of cycles were looked for the last time */
    bool asks_predicates; /* of a dedicated actor: see offline.h */
    size_t self_size;
    struct ticket *ticket;            /* an outside thread waits for on_start; our reference */
    struct ticket *removers;          /* outside threads wait for the end; likewise */
    struct arming *armings;           /* subscriptions whose completion it wants to hear of; see arming.h */
    const struct topic *publish_seen; /* the last topic found in the publish list */
    uint16_t error_backoff_ms;        /* after failed steps that were ignored */
    bool tells_refusal;               /* the text is of a refused send, and says nothing about other failures */
    char error_text[229];
};

/* What does not fit into the record, one allocation. */
struct actor_block {
    uint32_t size; /* bytes, of all */
    uint32_t more; /* subscriptions of the spec behind the first */
    struct subscription subscriptions[];
    /* then: terms of subscriptions, publish list, its text, a long name */
};

/* What an actor has under way in rings since the last confirmation: made with its first event for another shard. */
struct actor_outbox {
    struct actor *actor;
    struct list held_link; /* in the shard's list of actors held by rings */
    uint64_t bytes;
    uint64_t flush;   /* number of the flush that carries the last of them */
    uint64_t targets; /* bit per shard */
};

#define ACTOR_SHORT_NAME 16 /* bytes of a name, its NUL included, that need no memory of their own */

/* One activation in SAMPLE_EVERY is timed, the third of an actor first: heavy ones are known soon, and a million that start and
 * handle one event each are not timed. */
#define SAMPLE_EVERY 64u
#define ACTIVATIONS_FIRST (SAMPLE_EVERY - 3)
#define ACTOR_LIGHT_NS 10000u /* an activation up to here, with the further batches it may already have had */

/* A million of them may run, so what few need stands apart; a delivery touches the first cache line, an activation the
 * first two. */
struct actor {
    /* what a delivery touches */
    struct mailbox mailbox;
    struct actor *run_next;
    uint32_t debt;                /* own events waiting in mailboxes of this shard */
    _Atomic uint32_t remote_debt; /* any thread: own events waiting in mailboxes of other shards; rarely written */
    /* standing: four bytes that actor_is_plain() reads at once */
    uint8_t state;          /* enum actor_state */
    uint8_t step_state;     /* enum actor_step_state */
    uint8_t hold;           /* enum actor_hold, or-ed */
    bool is_overdrawn : 1;  /* resolves a deadlock: runs although in debt */
    bool has_overdraft : 1; /* from then until its debt is 0: `overdraft` is what is left, also when a hold came between */
    bool end_pending : 1;   /* every publisher it hears has finished: on_end runs when the queue is empty */
    bool fail_pending : 1;  /* to be stopped as failed with `failure` when it runs next */
    bool : 0;
    /* written often, so outside of them: a load after narrower stores to the same bytes waits for them */
    bool is_queued : 1;     /* in the shard's run queue */
    bool sends_simply : 1;  /* neither dedicated nor a gate, and has not finished */
    bool is_shown_held : 1; /* in the counters */
    uint8_t weight : 2;     /* enum actor_weight */
    uint8_t suspicion : 3;  /* heavy samples in a row: then every activation is sampled */
    bool is_gate;           /* its events come from outside threads, through the inbox that is its `self`; any thread asks */
    uint16_t activations;   /* for the sampling of handler time; begins at ACTIVATIONS_FIRST */
    /* what an activation touches */
    struct shard *shard;
    maiko_context *context; /* what hooks and users know it by, its generation included */
    const maiko_actor_ops *ops;
    void *self;
    struct counters_actor *counters;
    struct actor_rare *rare;
    uint32_t tick_limit;  /* events per batch */
    uint32_t ring_events; /* under way in rings since the last confirmation */
    struct sender sender; /* identity; read by other shards through envelopes.  Its id is the last of these */
    /* the rest */
    uint16_t home;                 /* shard it was added to */
    bool has_finished;             /* sends no more */
    bool is_candidate : 1;         /* while ends of cycles, or deadlocks, are looked for */
    bool is_crowded : 1;           /* in its shard's list of those in whose mailboxes events wait */
    bool is_load : 1;              /* in its shard's load list */
    uint32_t magic;                /* ACTOR_MAGIC in every record that was ever used */
    struct subscriber subscriber;  /* its subscriptions on the shard's broker */
    struct subscription first;     /* the first subscription of its spec, if it has any */
    struct list siblings;          /* in the shard's list of actors, in order of addition */
    struct actor *wake_next;       /* owned by whoever set is_on_wake_stack */
    struct actor *blocked_by;      /* while deadlocks are looked for: somebody in whose mailbox an event of it waits */
    struct actor_outbox *outbox;   /* NULL: nothing was sent to other shards yet */
    struct actor_block *block;     /* NULL: none */
    struct actor *crowded_next;    /* in that list */
    uint32_t index;                /* of the record in its table */
    uint32_t overdraft;            /* events it may still add */
    uint32_t cost_ns;              /* per event handled or sent: the least of the last samples */
    uint32_t least_ns;             /* of the samples under way */
    int16_t failure;               /* maiko_status */
    int16_t last_refusal;          /* maiko_status */
    uint8_t fail_reason;           /* maiko_drop_reason of what is queued when it fails */
    _Atomic bool is_on_wake_stack; /* any thread */
    _Atomic bool is_to_leave;      /* it is being removed; set under the supervisor's lock */
    bool is_dedicated : 1;
    bool receives_own : 1;
    bool is_pinned : 1;     /* automatic placement leaves it where it is */
    bool has_ended : 1;     /* on_end ran */
    bool stays : 1;         /* all the same, until it says so; see stay.h */
    bool was_started : 1;   /* on_start succeeded */
    bool drain_pending : 1; /* told to stop before its on_start ran */
    bool is_quick : 1;      /* its last sampled activation was short, and so were those that were timed since */
    char short_name[ACTOR_SHORT_NAME];
};
static_assert(offsetof(struct actor, shard) == 64, "a delivery touches one cache line");
static_assert(offsetof(struct actor, sender.id) + sizeof(uint64_t) == 128, "an activation touches two");
static_assert(sizeof(struct actor) == 320, "whole cache lines");

/* It runs, with such a step, and nothing else: four bytes at once. */
static inline bool actor_stands(const struct actor *actor, uint8_t step_state)
{
    const uint8_t wanted[] = {ACTOR_RUNNING, step_state, 0, 0};
    uint32_t standing;
    uint32_t expected;

    memcpy(&standing, (const char *)actor + offsetof(struct actor, state), sizeof standing);
    memcpy(&expected, wanted, sizeof expected);
    return standing == expected;
}

/* Only events can make it do anything: it runs, has no step to come, is not held and not about to end or to fail.  Debt is
 * another matter. */
static inline bool actor_is_plain(const struct actor *actor)
{
    return actor_stands(actor, ACTOR_STEP_NEVER);
}

/* The same, with a step that comes behind its events. */
static inline bool actor_is_about_to_step(const struct actor *actor)
{
    return actor_stands(actor, ACTOR_STEP_READY) || actor_stands(actor, ACTOR_STEP_AFTER_EVENTS);
}
static_assert(offsetof(struct actor, hold) == offsetof(struct actor, state) + 2 &&
                  offsetof(struct actor, is_gate) == offsetof(struct actor, state) + 5,
              "the standing is four bytes, and the flags behind it are another one");

/* What an activation touches behind the first line, which the list it stands in brings; NULL is harmless. */
static inline void actor_fetch_rest(const struct actor *actor)
{
    __builtin_prefetch((const void *)((uintptr_t)actor + 64));
}

/* A subscription made while running, an allocation of its own. */
struct running_subscription {
    struct subscription subscription;
    struct subscription_terms terms;
};

/* The context that stands for the actor; and back, NULL when it is stale or no context at all. */
static inline maiko_context *actor_context(const struct actor *actor)
{
    return actor->context;
}

static inline struct actor *actor_of_context(const maiko_context *ctx)
{
    struct actor *actor = (struct actor *)((uintptr_t)ctx & ~ACTOR_GENERATION_MASK);

    if (__builtin_expect(actor == NULL || actor->magic != ACTOR_MAGIC, 0))
        return NULL;
    return actor->context == ctx ? actor : NULL;
}

/* Of one that is used where it belongs: in a hook of the actor, which is no gate. */
MAIKO_MUST_CHECK maiko_status context_own_actor(const maiko_context *ctx, struct actor **ret_actor);

/* In debt, here or elsewhere.  Relaxed: the release that ends a remote debt also queues the actor through the wake
 * stack, which is what makes it run; a stale value here only delays it until then. */
static inline bool actor_in_debt(const struct actor *actor)
{
    return actor->debt != 0 || atomic_load_explicit(&actor->remote_debt, memory_order_relaxed) != 0;
}

/* With nothing relaxed: with the end of the debt whoever ended it is seen, see shard_pay_from_outside(). */
static inline bool actor_has_paid(const struct actor *actor)
{
    return actor->debt == 0 && atomic_load_explicit(&actor->remote_debt, memory_order_acquire) == 0;
}

/* Its debt is paid. */
static inline void actor_end_overdraft(struct actor *actor)
{
    if (__builtin_expect(!actor->has_overdraft, 1))
        return;
    actor->has_overdraft = false;
    actor->is_overdrawn = false;
    actor->sends_simply = !actor->is_dedicated && !actor->has_finished;
}

static inline bool actor_is_held(const struct actor *actor)
{
    return actor->hold != 0 || (actor_in_debt(actor) && !actor->is_overdrawn);
}

/* Nothing leaves a mailbox but in its actor's turns, so that at their beginning, and where an actor sends to itself, it is
 * as full as it was since the last time. */
static inline void actor_note_depth(const struct actor *actor)
{
    COUNT_MAX(actor->counters, high_water, actor->mailbox.depth);
}

static inline bool actor_has_events(const struct actor *actor)
{
    return actor->mailbox.depth != 0 || (actor->rare != NULL && actor->rare->control.depth != 0);
}

/* Where the events of a gate come from. */
static inline struct inbox *actor_inbox(const struct actor *gate)
{
    return gate->self;
}

/* Subscription `i` of its spec, whether it still stands or not; NULL behind the last. */
static inline struct subscription *actor_declared(struct actor *actor, uint32_t i)
{
    if (i == 0)
        return actor->first.subscriber == NULL ? NULL : &actor->first;
    return actor->block == NULL || i > actor->block->more ? NULL : &actor->block->subscriptions[i - 1];
}

/* Gives it the name and, when there is need of one, a block with room for `more` subscriptions, `size` further bytes (zero)
 * and a name that is too long for the record.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status actor_make_block(struct actor *actor, const char *name, size_t more, size_t size);

/* Frees the block and what its subscriptions refer to; harmless when there is none. */
void actor_free_block(struct actor *actor);

/* `terms` is where they are to be kept; left alone when there are none. */
static inline void subscription_terms_set(struct actor *actor, struct subscription *subscription,
                                          struct subscription_terms *terms, const maiko_subscription *from)
{
    if (from->predicate != NULL && actor->is_dedicated)
        actor->rare->asks_predicates = true;
    if (from->predicate == NULL && from->overflow == MAIKO_OVERFLOW_OF_TOPIC)
        return;
    *terms =
        (struct subscription_terms){.predicate = from->predicate, .userdata = from->userdata, .choice = (int8_t)from->overflow};
    subscription->terms = terms;
}

/* Frees one that was made while running; those of the spec stay, for who looks at what was declared. */
void actor_free_subscription(struct actor *actor, struct subscription *subscription);

/* Made on first use.  NULL when out of memory. */
struct actor_outbox *actor_outbox(struct actor *actor);

/* Made on first use.  NULL when out of memory. */
struct actor_rare *actor_rare(struct actor *actor);

/* Has it anything to do now? */
bool actor_is_ready(const struct actor *actor);

/* One turn of the actor: start, a batch of events, a step, an end, a stop; as far as it is not held. */
void actor_activate(struct actor *actor);

/* How it stands with the publishers that it hears. */
enum streams_state actor_streams(const struct actor *actor);

/* Does its step go on producing by itself? */
bool actor_step_goes_on(const struct actor *actor);

/* Receives nothing new from the next dispatch on.  Harmless when there is nothing to undo. */
void actor_unsubscribe_all(struct actor *actor);

/* No step runs any more: one that waits for its retry does not hold the events behind it. */
void actor_forget_step(struct actor *actor);

/* Receives nothing new from now on; handles what is queued, then stops. */
void actor_drain(struct actor *actor);

/* Stops it as failed when it runs next, which it then does whatever holds it: what is queued is dropped and counted
 * under `reason`; on_stop runs.  `text` is constant, or NULL: what maiko_error() recorded.  Runs no user code, so
 * dispatch may call it. */
void actor_fail(struct actor *actor, maiko_status status, maiko_drop_reason reason, const char *text);

/* Says to everybody that it sends no more.  Harmless when said before. */
void actor_finish(struct actor *actor);

/* May it end?  Called when some publisher finished. */
void actor_check_end(struct actor *actor);

/* The last hook and the end: on_stop if it was started, then the record leaves the shard. */
void actor_stop_now(struct actor *actor);

#endif
