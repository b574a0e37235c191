/* Supervisor: the private side.  The public one is <maiko/supervisor.h>. */
#ifndef RUNTIME_SUPERVISOR_INTERNAL_H
#define RUNTIME_SUPERVISOR_INTERNAL_H

#include "base/text_pool.h"
#include "runtime/actor_names.h"
#include "runtime/inbox.h"
#include "runtime/shard.h"
#include <maiko/supervisor.h>
#include <string.h>

#define SUPERVISOR_MAGIC 0x6d61c702u

enum supervisor_state {
    SUP_NEW = 0,
    SUP_RUNNING,
    SUP_STOPPING,
    SUP_STOPPED,
};

/* What the lookout last saw a shard do. */
struct lookout_sight {
    const struct actor *actor;
    uint16_t activation;
    uint64_t turn;
    uint64_t since_ns;
    uint64_t next_ns; /* not to be named before */
};

/* See lookout.h.  Under the lock; the sights are its thread's. */
struct lookout {
    pthread_t thread;
    bool has_thread;
    bool must_exit;
    bool is_asleep; /* no shard was busy at its last look */
    pthread_cond_t wanted;
    struct lookout_sight sights[SHARD_MAX];
};

struct maiko_supervisor {
    /* set at creation */
    uint32_t magic;
    struct envelope_root *root; /* all memory */
    maiko_config config;        /* defaults filled in */
    char name[64];
    struct clock clock;
    uint32_t ring_mark_events; /* RING_MARK_EVENTS, and less in tests */
    size_t ring_segment_bytes; /* RING_SEGMENT_BYTES, likewise */
    volatile uint64_t *fork_word;
    struct counters_file *counters;
    struct registry registry;
    /* shards: the array grows at the end, an entry is set before the count that covers it (release/acquire) */
    struct shard *shards[SHARD_MAX];
    _Atomic uint32_t shard_count;
    _Atomic bool is_pausing; /* looked at by every turn, beside the count */
    bool may_balance;        /* automatic placement, and more than one shard */
    uint32_t next_shard;     /* under the lock: for placement in turn */
    /* outside events */
    struct inbox *inboxes; /* all; only grows before start */
    struct inbox *inbox;   /* the supervisor's own */
    uint32_t inbox_count;
    struct maiko_importer *importers;
    /* under the lock */
    pthread_mutex_t lock;   /* recursive; before start it is also held over every call that sets up */
    pthread_cond_t changed; /* monotonic clock; any of what follows changed */
    struct actor_table actors;
    struct actor_names names;
    struct text_pool patterns; /* of subscriptions */
    uint64_t next_actor_id;
    uint64_t next_anonymous;
    maiko_status failure; /* first */
    char failure_text[256];
    uint64_t cycle_searches; /* for ends of cycles, so far; under the lock */
    uint64_t idle_shards;    /* bit per shard that sleeps with nothing to do */
    uint64_t paused_shards;  /* bit per shard that stands still for a pause */
    uint64_t claimed_shards; /* bit per shard that is offline, and kept so for a pause */
    uint64_t quiet_shards;   /* of the idle ones, those on which no event is alive */
    uint64_t deadlocks;      /* resolved */
    uint64_t looked_at;      /* actors, by searches for deadlocks and by balancing, while all shards stood still */
    uint64_t loads_since_ns; /* of placement: when it last looked at what its actors took; since start at first */
    uint64_t exited_shards;
    struct lookout lookout;
    uint32_t hooks_missing;     /* shards that have not run their on_stop hooks yet */
    uint64_t hooks_deadline_ns; /* written before the hooks are wanted */
    struct stop_tally *tally;   /* of the stop that is under way */
    maiko_stop_report report;   /* of the one that was */
    uint32_t visitors;          /* outside threads in a call that may wait: whoever frees waits for them */
    bool is_being_freed;
    uint32_t attachments; /* see attachment.h */
    bool is_given_up;     /* the last one that leaves frees it */
    maiko_status start_refusal;
    char start_refusal_text[256];
    bool is_hurried;    /* a stop waits for the queues no longer */
    bool was_cut_short; /* by that, and not by its deadline */
    /* any thread */
    _Atomic uint8_t state; /* enum supervisor_state; written under the lock */
    _Atomic bool stop_requested;
    _Atomic bool is_polled;       /* somebody is in maiko_supervisor_poll() */
    _Atomic bool is_run;          /* somebody is in maiko_supervisor_run() */
    _Atomic bool runs_stop_hooks; /* nothing ends any more: what finishes now does so because of the stop */
    _Atomic size_t live_actors;
    _Atomic uint32_t payments; /* under way whose actor nothing else keeps: meanwhile no record is reused, nor moved */
    int join_fd;               /* eventfd: a stop was asked for, an actor failed, or all have stopped */
    bool is_abandoned;         /* a stuck thread was left behind: nothing may be freed */
    uint64_t poll_random;      /* deterministic mode: state of the scheduler's generator */
    struct maiko_rooms *rooms; /* where large events may be made; set before start */
};

static inline enum supervisor_state supervisor_state(const struct maiko_supervisor *sup)
{
    return (enum supervisor_state)atomic_load_explicit(&sup->state, memory_order_acquire);
}

/* A bit per shard. */
static inline uint64_t supervisor_all_shards(const struct maiko_supervisor *sup)
{
    uint32_t count = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);

    return count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

/* NULL or freed: false. */
static inline bool supervisor_is_valid(const struct maiko_supervisor *sup)
{
    return sup != NULL && sup->magic == SUPERVISOR_MAGIC;
}

static inline bool supervisor_is_forked(const struct maiko_supervisor *sup)
{
    return *sup->fork_word == 0;
}

/* By a stop or a removal, which its own thread may not have come to yet. */
static inline bool actor_is_told_to_stop(const struct actor *actor)
{
    return supervisor_state(actor->shard->sup) > SUP_RUNNING || atomic_load_explicit(&actor->is_to_leave, memory_order_acquire);
}

/* Does the calling thread run one of its shards? */
static inline bool supervisor_is_inside(const struct maiko_supervisor *sup)
{
    const struct shard *shard = shard_of_caller();

    return shard != NULL && shard->sup == sup;
}

/* Appends a string at `*at` and moves behind it: for blocks that hold several. */
static inline const char *supervisor_copy_text(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);

    *at += size;
    return copy;
}

/* --- failures and log --- */

/* Keeps the first failure with its text; tells whoever joins.  `actor` and `text` may be NULL. */
void supervisor_note_failure(struct maiko_supervisor *sup, maiko_status status, const char *actor, const char *text);

/* "" when there is none. */
const char *supervisor_failure_text(const struct maiko_supervisor *sup);

/* What the status means, with its number in the buffer when that is unknown. */
const char *supervisor_status_text(maiko_status status, char *buffer, size_t size);

/* Why a call of this thread was refused, until its next one: no failure of the supervisor. */
void supervisor_note_refusal(struct maiko_supervisor *sup, const char *reason);
const char *supervisor_refusal_text(const struct maiko_supervisor *sup); /* "" when it was not */

/* Memory ran out where no call can report it: a failure of the supervisor. */
void supervisor_memory_failed(struct shard *shard, const char *what);

void supervisor_log(struct maiko_supervisor *sup, maiko_log_level level, const char *format, ...) MAIKO_PRINTF(3, 4);

/* Nobody uses it any more. */
void supervisor_free(struct maiko_supervisor *sup);

/* --- outside threads --- */

/* Around a call that may wait: the supervisor is not freed meanwhile. */
void supervisor_enter(struct maiko_supervisor *sup);
void supervisor_leave(struct maiko_supervisor *sup);

/* Under the lock: waits until something changed; false at the deadline (monotonic ns; UINT64_MAX: none). */
bool supervisor_wait_changed(struct maiko_supervisor *sup, uint64_t deadline_ns);

/* --- shards --- */

/* The next shard, without a thread and not yet to be seen by the others.  MAIKO_OK, MAIKO_ELIMIT, MAIKO_ENOMEM, MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status supervisor_new_shard(struct maiko_supervisor *sup, struct shard **ret_shard);
void supervisor_publish_shard(struct shard *shard);
void supervisor_free_shard(struct shard *shard); /* one that was not published; NULL is allowed */

/* Starts its thread with all signals blocked.  MAIKO_OK or MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status supervisor_start_thread(struct shard *shard);

/* By the shard, around its sleep and at its exit. */
void supervisor_shard_idle(struct shard *shard);
void supervisor_shard_busy(struct shard *shard);
void supervisor_shard_exited(struct shard *shard);

/* Under the lock: do all shards sleep with nothing under way between them? */
bool supervisor_is_quiet(struct maiko_supervisor *sup);

/* By a shard in its turn: every on_stop of its actors. */
void supervisor_run_stop_hooks(struct shard *shard);

/* Events handled so far on all shards; approximate while they run. */
uint64_t supervisor_handled(const struct maiko_supervisor *sup);

/* One turn in a polled mode; when nothing else can happen virtual time may move to the next timer, as far as `until_ns`
 * (0: not at all).  `budget` bounds a turn of MAIKO_POLLED.  False when nothing at all can happen. */
bool supervisor_poll_once(struct maiko_supervisor *sup, uint64_t until_ns, uint64_t budget);

/* MAIKO_POLLED, with nothing to do: waits for the next retry of an accepted event, until `until_ns` at most.  False when there is
 * none.  Holds are not waited for: the calling thread may be the one to release them. */
bool supervisor_poll_wait(struct maiko_supervisor *sup, uint64_t until_ns);

/* --- actors --- */

/* By the actor's shard after its last hook. */
void supervisor_actor_stopped(struct actor *actor);

/* By the actor's shard: puts it in its lists and tables and announces it.  MAIKO_OK or MAIKO_ENOMEM (nothing installed). */
MAIKO_MUST_CHECK maiko_status supervisor_install(struct shard *shard, struct actor *actor, struct ticket *ticket);

/* By the shard: one more subscription of one of its actors, with the last values of sticky topics.  MAIKO_OK or
 * MAIKO_ENOMEM (nothing changed). */
MAIKO_MUST_CHECK maiko_status supervisor_subscribe(struct shard *shard, struct subscription *subscription, struct ticket *ticket);

/* Undoes it at once; the memory stays the caller's. */
void supervisor_unsubscribe(struct shard *shard, struct subscription *subscription);

/* It has subscriptions that it had not, or is without some it had: whom it hears now may have finished before. */
void supervisor_listens_anew(struct actor *actor);

/* The supervisor's own gate for outside threads; a further one for an importer. */
MAIKO_MUST_CHECK maiko_status supervisor_make_gate(struct maiko_supervisor *sup, const char *name, struct inbox **ret_inbox);

/* An actor's or importer's name: as the public comment says, with the reason in `error`. */
MAIKO_MUST_CHECK maiko_status supervisor_check_name(const char *name, struct text *error);

/* A publisher with these patterns begins: known to every shard in order with what the calling shard sent.  MAIKO_OK or
 * MAIKO_ENOMEM (nobody counts it). */
MAIKO_MUST_CHECK maiko_status supervisor_announce_stream(struct shard *shard, const char *const *patterns);

/* When no thread runs any more, in this order.  What is queued is dropped and counted first. */
void supervisor_discard_all(struct maiko_supervisor *sup);
void supervisor_free_inboxes(struct maiko_supervisor *sup);
void supervisor_free_actors(struct maiko_supervisor *sup);

/* All that a record holds; the record itself stays its table's. */
void supervisor_free_record(struct maiko_supervisor *sup, struct actor *actor);

void supervisor_free_importers(struct maiko_supervisor *sup);

/* The outside loop is about to sleep on our descriptor (MAIKO_POLLED). */
void supervisor_prepare_sleep(struct maiko_supervisor *sup);

/* Tells every shard, in order with the actor's events, that it has finished. */
void supervisor_announce_finished(struct actor *actor);

/* Something else than a hook's error stopped being possible; wakes join. */
void supervisor_wake_join(struct maiko_supervisor *sup);

#endif
