/* Shard: one thread with its run loop, its pool, its routing table and the actors that live on it.
 *
 * Inside a shard nothing is locked.  Between two shards there is one ring each way; a turn's output becomes visible
 * with one store of `published`.  Each batch carries what its writer had consumed, and a reader takes in what a batch
 * depends on before the batch itself, which is what keeps causes before effects on any number of shards.
 *
 * | call                                      | may overlap with                                   |
 * |-------------------------------------------|----------------------------------------------------|
 * | shard_post, shard_close_posts, shard_wake | anything, from any thread                          |
 * | everything else                           | nothing of the same shard: its thread, or none     |
 */
#ifndef RUNTIME_SHARD_H
#define RUNTIME_SHARD_H

#include "base/clock.h"
#include "base/id.h"
#include "base/list.h"
#include "routing/broker.h"
#include "routing/streams.h"
#include "runtime/actor.h"
#include "runtime/drop_cache.h"
#include "runtime/load_list.h"
#include "runtime/name_cache.h"
#include "runtime/pool.h"
#include "runtime/registry.h"
#include "runtime/ring.h"
#include "runtime/streak.h"
#include "runtime/wakeup.h"
#include <pthread.h>

#define SHARD_MAX BROKER_MAX_SHARDS
#define TYPE_CACHE 256

/* A ring above its mark holds the senders of BLOCK and FAIL events until it is under half of it. */
#define RING_MARK_EVENTS 4096u
#define RING_MARK_BYTES (1024u * 1024u)

/* For the path of an event: calls between its parts cost a tenth of it. */
#define HOT static inline __attribute__((always_inline))

struct shard;
struct exchange_tail;

/* When an event was sent, in an order of all events that puts causes before effects: the sum of what its shard had consumed
 * and of its own flush.  Of equal sums one shard's taught the other's, which came later. */
struct moment {
    uint64_t sum;
    uint32_t shard; /* that sent it */
};

/* In front of an event that was held back: the flush it would have gone with, and its moment. */
struct held_since {
    uint64_t flush;
    uint64_t sum;
};

/* What stands in a ring for a pooled envelope, in front of its payload. */
struct ring_event {
    const maiko_event_type *type;
    uint64_t facts[ENVELOPE_FACTS / sizeof(uint64_t)];
};

/* Work for a shard from another one (through the ring, in order with the events) or from outside (shard_post). */
struct command {
    struct fifo_link link;
    void (*run)(struct shard *shard, struct command *command); /* frees it or hands it on */
    uint32_t size;                                             /* of the whole allocation */
    uint32_t from;                                             /* shard that made it */
};

struct type_cache_line {
    const maiko_event_type *type;
    const struct type_entry *entry;
    struct route *route;  /* of the constant topic; NULL when the topic is computed */
    uint32_t usual_len;   /* bytes of an event that is sent the usual way; UINT32_MAX: none is */
    uint16_t usual_class; /* pool class of those */
    bool needs_look;      /* its bytes are not all legal */
};

struct shard {
    /* set at creation */
    struct maiko_supervisor *sup;
    struct heap *heap;
    const volatile uint64_t *fork_word; /* 0 in a forked child */
    uint32_t index;
    bool is_dedicated; /* for one actor at a time */
    bool is_taken;     /* there is one; under the supervisor's lock */
    int stop_fd;       /* eventfd, see stop_notice.h; -1: not asked for yet.  Likewise */

    /* owner thread: the hot part */
    struct actor *current;     /* whose hook runs */
    uint32_t over_mark;        /* events that this hook sent into rings above their mark */
    uint32_t scarce_for;       /* 1 + index of the actor that got room for a large event among the last; 0: none so far */
    struct envelope *reserved; /* events reserved by the running hook */
    struct envelope *current_envelope;
    struct streak streak;
    uint32_t look_every; /* activations between two looks at the clock, a power of two */
    bool times_all;      /* polled modes: every activation is timed, so that the slow ones are named */
    bool looks_on;       /* it spins, and looks on behind this turn as long as nothing in it takes long */
    uint16_t scarce_in;  /* in which of that actor's activations */
    struct actor *run_first;
    struct actor *run_last;
    struct pool pool;
    struct id_source ids; /* of which only the prefix is looked at: the count is where readers of the counters see it */
    uint64_t wall_ns;     /* of this turn; 0: not read yet */
    uint64_t wall_last;
    uint64_t wall_ahead;    /* read for the next turn while nothing was to be done; 0: not */
    uint64_t wall_ahead_of; /* the one that this turn began with; 0: none, or something later made it void */
    uint64_t mono_ns;       /* when last read */
    uint64_t handled;       /* events, for poll() and the stop report */
    uint64_t steps;         /* that ran, for poll() */
    struct type_cache_line types[TYPE_CACHE];
    struct name_cache names; /* of topics named at the send */

    /* owner thread: exchange with other shards */
    uint32_t known_shards;   /* as of the beginning of this turn */
    uint64_t dirty_rings;    /* bit per ring with an open batch */
    struct envelope *put_off; /* the first event of the open batches, whose copy is not written yet; NULL: none */
    struct ring_record *put_off_room;
    uint64_t flush;          /* number of the last flush */
    uint64_t told_dedicated; /* bit per dedicated shard that was sent commands since they were last served */
    uint32_t told_count;     /* those commands */
    bool is_to_serve;        /* so many that it is time */
    bool is_draining;        /* a destructor or a predicate that sends runs within the reading of a ring */
    uint32_t noticed;        /* 1 + the only shard that a look found to have a batch for us, one that is alone; 0: none */
    uint64_t noticed_flush;
    uint64_t to_confirm; /* bit per shard of which batches were taken in since the last confirmation */
    uint64_t consumed[SHARD_MAX];
    struct moment taking;                   /* when what is being taken in was sent */
    struct ring *in[SHARD_MAX];             /* made by others; NULL: not looked for yet, or not there */
    _Alignas(128) _Atomic(struct ring *) out[SHARD_MAX]; /* made by us; readers load the pointer, so apart from what is written */
    uint64_t depended[SHARD_MAX];           /* what the batches taken in from others depended on */
    struct exchange_tail *tails[SHARD_MAX]; /* DROP_OLDEST events held back for rings above their mark; made on first use */
    uint64_t tail_rings;

    /* owner thread: the rest */
    struct broker broker;
    struct streams streams; /* changed under announce_lock */
    struct timer_heap timers;
    bool wants_balance;     /* some actor proved heavy, or light far from home */
    uint64_t balance_at_ns; /* not before */
    uint64_t balance_gap_ns;
    struct load_list loads; /* who may have to be moved, and what the others take */
    struct list actors;     /* in order of addition */
    struct inbox *gates;    /* whose gates live here */
    void *block;            /* allocation that holds this struct */
    struct list held_by_ring;
    struct fifo retiring;  /* stopped actors whose events may still be somewhere; see retire.h */
    uint64_t heap_live;    /* references to heap envelopes on this shard */
    uint64_t waiting;      /* entries in mailboxes here whose senders are in debt for them */
    struct actor *crowded; /* through crowded_next: in whose mailboxes they are; some may be there that were so before */
    struct counters_shard *counters;
    struct drop_cache drops;
    struct hash_table interests;     /* what other shards were told of our subscriptions; changed under announce_lock */
    struct interest *last_interest;  /* the latest that was looked for; NULL: none, or gone */
    struct list last_values;         /* of the sticky topics met here; the list is changed under announce_lock */
    struct last_value *fresh_values; /* those sent here since the last flush */
    struct list untold_values;       /* kept from some shard by the mark of its ring */
    uint64_t untold_shards;          /* bit per such shard */
    const struct route *kept_back;   /* of the latest value that a ring's mark kept from somebody */
    uint64_t kept_back_at;           /* `flush` then */
    uint64_t kept_values;            /* so many were kept: counts on */
    uint32_t greeted;                /* shards that get every event of a sticky topic: those with lower numbers */
    struct route *dead_route;        /* of $sys/dead */
    struct dead_letters *dead;       /* drops to be reported at the end of the turn; NULL: none yet */
    uint64_t deadlock_at_ns;         /* next search; 0: none due */
    uint64_t deadlock_gap_ns;        /* grows while searches find nothing */
    uint32_t deadlock_turns;
    bool sources_closed; /* stopping: no step, no outside sends */
    bool stop_hooks;     /* stopping: run every on_stop in the next turn */
    bool has_new_ends;   /* since ends of cycles were looked for something changed that may make some: see world_end_cycles() */
    bool has_late_listeners; /* maybe: some that heard nobody but who had finished when they subscribed, or unsubscribed */

    /* stopping, see stop_cut.h; under the supervisor's lock */
    struct actor *cut_off; /* held behind the event it is in; NULL: nobody */
    bool is_left_behind;   /* its thread did not come back in time */
    _Atomic bool is_cut;   /* also looked at without it: nobody else has a turn */

    /* what others were told of us: changed by us, read and the number of peers raised by who adds a shard */
    pthread_mutex_t announce_lock;
    uint32_t peers; /* shards that hear of our subscriptions and publications: those with lower numbers */

    /* outside threads, under the lock */
    pthread_mutex_t post_lock;
    struct fifo posted;
    bool is_closed;
    struct command stop_command; /* of the phases of a stop, so that stopping needs no memory */
    struct command source_command;
    _Atomic bool has_posted;

    /* any thread */
    _Alignas(128) _Atomic uint64_t published; /* number of the last flush that readers may take in */
    _Alignas(128) _Atomic(struct actor *) wake_stack;
    _Atomic(struct actor *) slow_actor; /* named by the lookout, which wrote the two below before; NULL: none */
    _Atomic uint64_t slow_id;           /* these may be written again while lookout_account() reads: by a later look */
    _Atomic uint64_t slow_since_ns;
    pthread_mutex_t duty;       /* of a dedicated shard: its thread's but for the time of hooks; see offline.h */
    _Atomic bool is_offline;    /* such a hook runs */
    _Atomic bool wants_confirm; /* sleeps with actors held by rings: readers wake it when they confirm */
    struct wakeup wakeup;
    pthread_t thread;
    bool has_thread;
    _Atomic bool must_exit;
    _Atomic bool has_exited;
};

extern _Thread_local struct shard *shard_of_this_thread;      /* what it holds may be touched */
extern _Thread_local struct shard *shard_left_by_this_thread; /* for a hook of a dedicated actor: see offline.h */

/* Whose thread is it?  NULL: one from outside. */
static inline struct shard *shard_of_caller(void)
{
    return shard_of_this_thread != NULL ? shard_of_this_thread : shard_left_by_this_thread;
}

/* For an event that is made here and in no streak, or goes on with the one there is. */
HOT maiko_id shard_next_id(struct shard *shard)
{
    return (maiko_id){.hi = shard->ids.prefix, .lo = streak_make(&shard->streak)};
}

/* The one it is going to be. */
static inline maiko_id shard_coming_id(const struct shard *shard)
{
    return (maiko_id){.hi = shard->ids.prefix, .lo = atomic_load_explicit(&shard->streak.shown->next, memory_order_relaxed)};
}

/* Relaxed: the report of a stop that ran out of time looks at it from outside. */
static inline void shard_set_current(struct shard *shard, struct actor *actor)
{
    __atomic_store_n(&shard->current, actor, __ATOMIC_RELAXED);
    COUNT_SET(shard->counters, current_actor, actor == NULL ? 0 : actor->sender.id);
}

MAIKO_MUST_CHECK maiko_status shard_init(struct shard *shard, struct maiko_supervisor *sup, uint32_t index);
void shard_deinit(struct shard *shard);

/* Events wait in the actor's mailbox: searches for deadlocks look at it until they find none there. */
static inline void shard_note_crowded(struct shard *shard, struct actor *actor)
{
    if (actor->is_crowded)
        return;
    actor->is_crowded = true;
    actor->crowded_next = shard->crowded;
    shard->crowded = actor;
}

/* Is no event alive on this shard: none queued, waiting, held back or being retried? */
bool shard_is_empty(const struct shard *shard);

/* Bit per shard that is to get something when the ring to it is under half its mark. */
static inline uint64_t shard_rings_held_back(const struct shard *shard)
{
    return shard->tail_rings | shard->untold_shards;
}

/* Empty, with nothing held back for other shards. */
static inline bool shard_is_quiet(const struct shard *shard)
{
    return shard_is_empty(shard) && shard_rings_held_back(shard) == 0;
}

/* One turn: take in rings and posts, run ready actors within the budget, publish.  True when anything was done. */
bool shard_turn(struct shard *shard, uint64_t budget_events);

/* Without a thread any more: takes in what others left in rings and posts, runs no hook.  True when there was any. */
bool shard_settle(struct shard *shard);

/* Has it nothing to do until something arrives or a timer is due? */
bool shard_is_idle(const struct shard *shard);

/* The thread's main function; the argument is the shard. */
void *shard_main(void *arg);

/* Makes room for the timers of one more actor, and for those of the gates.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status shard_reserve_timers(struct shard *shard);

/* The actor's step is due after `after_ns`.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status shard_delay_step(struct shard *shard, struct actor *actor, uint64_t after_ns);

/* The actor runs again after `after_ns`, and until then not at all.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status shard_hold_for_retry(struct shard *shard, struct actor *actor, uint64_t after_ns);

/* A sampled activation took so long. */
void shard_account_time(struct shard *shard, struct actor *actor, uint64_t duration_ns);

/* One more attempt at the same event or step, for the counters. */
void shard_account_retry(struct shard *shard, struct actor *actor);

/* Every actor of the shard asks itself whether it may end. */
void shard_check_ends(struct shard *shard);

/* Puts an actor in the run queue if it is ready and not there yet. */
void shard_ready(struct shard *shard, struct actor *actor);

/* Actors whose debt elsewhere is paid become ready.  True when there were any. */
bool shard_take_wake_stack(struct shard *shard);

/* Takes it out of the run queue: it has stopped.  Walks the queue if it is in it, which an actor that runs is only when its
 * last hooks made it ready. */
void shard_unready(struct shard *shard, struct actor *actor);

/* Empties the run queue: everybody stops now, and none of them has to be looked for. */
void shard_unready_all(struct shard *shard);

/* The actor is ready and not in the run queue. */
static inline void shard_queue(struct shard *shard, struct actor *actor)
{
    actor->is_queued = true;
    actor->run_next = NULL;
    if (shard->run_first == NULL)
        shard->run_first = actor;
    else
        shard->run_last->run_next = actor;
    shard->run_last = actor;
}

/* Its mailbox is not empty: the usual answer without the other questions of actor_is_ready(). */
static inline void shard_ready_for_event(struct shard *shard, struct actor *actor)
{
    if (actor->is_queued)
        return;
    if (__builtin_expect(actor->state == ACTOR_RUNNING && !actor_is_held(actor), 1))
        shard_queue(shard, actor);
    else
        shard_ready(shard, actor);
}

/* Any thread: runs the command on the shard's thread, in no order with the events.  False when the shard is closed: its
 * thread has ended or was left behind, and the command stays the caller's. */
bool shard_post(struct shard *shard, struct command *command);

/* By whoever stops the supervisor: what was posted before is run by shard_settle(). */
void shard_close_posts(struct shard *shard);
void shard_wake(struct shard *shard);

/* --- turn_time.c --- */

/* A turn begins. */
void shard_begin_time(struct shard *shard);

/* Wall-clock time of this turn, read at its first use; or before the turn, by a shard that spins. */
uint64_t shard_wall_slow(struct shard *shard);
static inline uint64_t shard_wall(struct shard *shard)
{
    return __builtin_expect(shard->wall_ns != 0, 1) ? shard->wall_ns : shard_wall_slow(shard);
}

void shard_met_later(struct shard *shard, uint64_t time_ns);

/* Something that happened at `time_ns` came in (UINT64_MAX: now): a time that was read before the turn gives way to it. */
static inline void shard_met_time(struct shard *shard, uint64_t time_ns)
{
    if (__builtin_expect(shard->wall_ahead_of != 0 && time_ns > shard->wall_ns, 0))
        shard_met_later(shard, time_ns);
}

/* --- dispatch.c: events into mailboxes --- */

/* Routes an event of `sender` from here to everybody; consumes the caller's reference. */
void shard_publish(struct shard *shard, struct actor *sender, struct route *route, struct envelope *envelope);

/* The only one who gets the events of a route, when nothing but room in its mailbox is asked; NULL: shard_publish() knows who
 * does.  Good until a hook runs. */
struct actor *shard_single_receiver(struct shard *shard, struct route *route);

/* So many events, at least one, of somebody else's were put into its mailbox, with the only reference to each. */
void shard_count_handed_over(struct shard *shard, struct route *route, struct actor *actor, uint32_t events);

/* Hands the last value of a sticky topic to the local subscribers, at nobody's cost; borrows it. */
void shard_dispatch_last(struct shard *shard, struct route *route, struct envelope *envelope);

/* The route of a topic with its counters, made on first use.  NULL when out of memory (or for NULL). */
struct route *shard_route(struct shard *shard, struct topic *topic);

/* Hands an event that arrived here to the local subscribers; consumes the caller's reference. */
void shard_dispatch(struct shard *shard, struct route *route, struct envelope *envelope);

/* Only to one local subscriber (the last value of a sticky topic); consumes the caller's reference. */
void shard_dispatch_to(struct shard *shard, struct route *route, const struct route_target *target, struct envelope *envelope);

/* The policy that applies: $sys/ is always DROP_OLDEST, then the subscription's, then the topic's. */
maiko_overflow shard_policy_of(const struct route *route, const struct subscription *subscription);

/* A dedicated actor in a send: keeps its shard going, without running hooks, until the actor is free again. */
void shard_wait_until_free(struct shard *shard, struct actor *actor);

/* Any thread: its shard looks at it again. */
void shard_push_awake(struct actor *actor);

/* Any thread: takes one from the actor's remote debt; at 0 it runs again.  Nothing but the debt has to keep the actor. */
void shard_pay_from_outside(struct actor *actor);

/* The entry that just moved from waiting to queued, if one did, has a place: pay for it. */
void shard_pay_for_room(struct shard *shard, struct mailbox *mailbox);

static inline struct envelope *shard_take_from(struct shard *shard, struct mailbox *mailbox)
{
    uintptr_t entry = mailbox_pop(mailbox);

    if (__builtin_expect(mailbox->depth >= mailbox->capacity, 0))
        shard_pay_for_room(shard, mailbox);
    return mailbox_envelope(entry);
}

/* The next event of the actor, control lane first; the caller owns the reference.  NULL when empty. */
static inline struct envelope *shard_take(struct shard *shard, struct actor *actor)
{
    if (__builtin_expect(actor->rare != NULL, 0) && actor->rare->control.depth != 0)
        return shard_take_from(shard, &actor->rare->control);
    return actor->mailbox.depth == 0 ? NULL : shard_take_from(shard, &actor->mailbox);
}

/* Drops everything queued for an actor, counted under the reason. */
void shard_discard(struct shard *shard, struct actor *actor, maiko_drop_reason reason);

/* One more reference on this shard. */
static inline void envelope_hold(struct shard *shard, struct envelope *envelope)
{
    if (__builtin_expect(envelope->home == HOME_POOL, 1)) {
        envelope->refs++;
    } else {
        envelope_ref_heap(envelope);
        shard->heap_live++;
    }
}

void shard_release_heap(struct shard *shard, struct envelope *envelope);
void shard_release_last(struct shard *shard, struct envelope *envelope);

static inline void shard_release(struct shard *shard, struct envelope *envelope)
{
    if (__builtin_expect(envelope->home != HOME_POOL, 0))
        shard_release_heap(shard, envelope);
    else if (--envelope->refs == 0)
        pool_give(&shard->pool, envelope);
}

/* Counts a drop by actor, topic and reason, and reports it, sampled, on $sys/dead. */
void shard_count_drop(struct shard *shard, struct actor *subscriber, const struct topic *topic, struct envelope *envelope,
                      maiko_drop_reason reason);

/* --- exchange.c: events and commands between shards --- */

void exchange_publish(struct shard *shard, struct actor *sender, struct route *route, struct envelope *envelope);

/* Through the ring, in order with the events; ownership goes along on success.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status exchange_command(struct shard *shard, uint32_t target, struct command *command);

/* Makes this turn's output visible and wakes who sleeps. */
void exchange_flush(struct shard *shard);

/* Flushes, and also if there was nothing to write: what is sent from here on is of a later moment than all before. */
void exchange_end_flush(struct shard *shard);

/* The moment of what is sent here and goes out with the next flush. */
struct moment exchange_now(const struct shard *shard);

/* Lets actors go whose events have left the rings, and writes out what was held back for them.  True when it wrote. */
bool exchange_release_held(struct shard *shard);

/* May some actor held by rings go on (or some tail be written out)?  Asked before sleeping. */
bool exchange_has_news(const struct shard *shard);

/* Frees the rings this shard writes; their contents were taken in or are lost. */
void exchange_deinit(struct shard *shard);

/* Does the sender have to wait for the rings?  Marks it held. */
bool exchange_is_over_limit(const struct shard *shard, const struct actor *actor);

/* NULL as long as that shard has written nothing to this one. */
struct ring *exchange_ring_from(const struct shard *shard, uint32_t source);

/* A copy that does not get to its shard. */
void exchange_count_drop(struct shard *shard, const struct envelope *envelope, maiko_drop_reason reason);

/* --- exchange_read.c --- */

/* Takes in what the other shards published, causes first.  True when there was anything.  Within itself, from a destructor that
 * sends, it does nothing: the rings are half read then, and what would be told to their writers is not true yet. */
bool exchange_drain(struct shard *shard);

/* Is anything unread in the rings to this shard?  Owner thread. */
bool exchange_has_input(const struct shard *shard);

/* The same by a shard that spins: what there is then is on its way to the processor. */
bool exchange_look(struct shard *shard);

/* While all shards stand still: is anything for this shard in a ring?  What others published for somebody else is not. */
bool exchange_has_unread(const struct shard *shard);

/* --- exchange_home.c --- */

/* Does the envelope's destructor belong here, on this thread? */
bool exchange_is_home(const struct shard *shard, const struct envelope *envelope);

/* Sends it there if not; false when memory is short. */
MAIKO_MUST_CHECK bool exchange_send_home(struct shard *shard, struct envelope *envelope);

#endif
