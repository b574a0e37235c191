/* A supervisor owns actors, the broker that connects them by topic, and the shards (threads) they run on.
 *
 * What each call does in each state is one table, rendered in maiko_supervisor(3) and executed by a test. */
#ifndef MAIKO_SUPERVISOR_H
#define MAIKO_SUPERVISOR_H

#include <maiko/actor.h>
#include <maiko/allocator.h>
#include <maiko/context.h>

MAIKO_BEGIN_DECLS

/** Who runs the shards. */
typedef enum maiko_mode {
    MAIKO_THREADS = 0,      /* the library's own threads */
    MAIKO_POLLED = 1,       /* one shard, run inside maiko_supervisor_poll() by the thread that calls it */
    MAIKO_DETERMINISTIC = 2 /* any number of virtual shards inside poll(), on a virtual clock, order drawn from the seed */
} maiko_mode;

typedef enum maiko_log_level { MAIKO_LOG_DEBUG = 0, MAIKO_LOG_INFO, MAIKO_LOG_WARNING, MAIKO_LOG_ERROR } maiko_log_level;

/** When heavy actors are moved to idle cores. */
typedef enum maiko_placement {
    MAIKO_PLACEMENT_AUTO = 0, /* together at first, spread when handlers prove heavy */
    MAIKO_PLACEMENT_FIXED,    /* where .shard, .with and the rest put them: never moved */
    MAIKO_PLACEMENT_SPREAD    /* apart from the first event on; also by the environment MAIKO_PLACEMENT=spread */
} maiko_placement;

/** Settings of a supervisor.  Zero means the default, so `{.mailbox_capacity = 16}` changes just that.  A 0 that somebody chose
 * cannot be told from it here: refuse it where it comes from, as the options of <maiko/app.h> do. */
typedef struct maiko_config {
    const char *name;                 /* of the supervisor, in counters and thread names; "maiko" */
    maiko_mode mode;                  /* MAIKO_THREADS */
    maiko_placement placement;        /* MAIKO_PLACEMENT_AUTO */
    uint32_t shards;                  /* most shards without the dedicated ones; usable cores (affinity, cgroups) */
    uint32_t mailbox_capacity;        /* events; 128 */
    uint32_t tick_limit;              /* events per actor and batch; 10 */
    uint32_t outbox_limit_events;     /* events one sender may have under way; 256 */
    uint64_t outbox_limit_bytes;      /* 1 MiB */
    uint32_t turn_budget_events;      /* events per turn of a shard; 1024 */
    uint64_t turn_budget_ns;          /* 50 us */
    uint64_t stop_deadline_ns;        /* drain and all on_stop hooks together, which have an actor's part if it is up; 30 s */
    uint64_t actor_stop_deadline_ns;  /* one actor's part of it, before it is named as holding up the stop; 5 s */
    uint64_t deadlock_check_ns;       /* hold that starts a search; 20 ms */
    uint32_t overdraft_events;        /* events an overdrawn actor may add; 128 */
    uint64_t spin_ns;                 /* how long a shard spins before it sleeps; 0: not at all */
    uint64_t watchdog_ns;             /* an actor that holds its shard longer (a batch, a step) is logged; 100 ms */
    uint32_t dynamic_topics;          /* topic names, most; 65 536.  Those ever sent on: none is given back */
    uint64_t max_payload_bytes;       /* of one event; 16 MiB */
    uint64_t memory_cap_bytes;        /* of all the supervisor allocates; 0: no cap */
    const maiko_allocator *allocator; /* copied; NULL: malloc and free */
    void (*log)(maiko_log_level level, const char *text, void *userdata); /* any library thread; NULL: silent */
    void *log_userdata;
    const char *counters_path; /* counters file; NULL: $MAIKO_COUNTERS_DIR or $XDG_RUNTIME_DIR/maiko/counters/NAME.PID.N */
    bool no_counters_file;     /* counters in private memory only */
    bool keep_counters;        /* leave the file behind on a clean stop */
    bool handle_no_signals;    /* maiko_supervisor_run() leaves SIGINT and SIGTERM alone */
    uint64_t seed;             /* of MAIKO_DETERMINISTIC */
    uint64_t mailbox_bytes;    /* of events above 4 KiB that a mailbox holds; 0: as many as their number allows */
} maiko_config;

/** One actor that a stop could not finish, or one name under which events came from outside that got no further. */
typedef struct maiko_unfinished {
    const char *name; /* valid until the report is freed */
    uint64_t events;  /* queued or held and never handled */
    bool busy;        /* a hook of it was still running at the deadline */
} maiko_unfinished;

/** What a stop did. */
typedef struct maiko_stop_report {
    maiko_status status; /* MAIKO_OK, the first failure, or MAIKO_ETIMEDOUT */
    uint64_t duration_ns;
    uint64_t handled;         /* events handled during the stop */
    uint64_t unfinished;      /* events accepted and never handled; one that no actor has counts once */
    size_t actor_count;       /* entries below */
    maiko_unfinished *actors; /* freed by maiko_stop_report_deinit() */
    char text[256];           /* reason when status is not MAIKO_OK */
} maiko_stop_report;

/**
 * Create a supervisor.
 *
 * @param config  NULL for defaults; copied.  A bad value does not fail here, nor does a lack of descriptors (MAIKO_ESYSTEM): it
 *                sticks and comes out of start and stop.
 * @return the supervisor, or NULL when out of memory (every call accepts NULL and answers MAIKO_EINVAL).
 * Threads: any.  Blocking: never; starts no thread.
 */
static inline maiko_supervisor *maiko_supervisor_new(const maiko_config *config);

/**
 * Add an actor: before start, while running (from any thread or from a hook), until stop.
 *
 * Before start the first failure sticks to the supervisor.  From outside while running it returns when the actor's
 * subscriptions are armed everywhere and its on_start returned, whose error it hands back; from a hook it returns at
 * once, with the subscriptions armed as maiko_subscribe() says.  What the call returns is the caller's to settle, not the
 * runtime's failure: it is logged, and told by maiko_supervisor_error_text().  An on_start that nobody waits for (added from
 * a hook, or where the caller polls) and that fails is the runtime's.  A stop ends the wait at the latest, with MAIKO_ECLOSED.
 * @return MAIKO_OK, MAIKO_EINVAL, MAIKO_ENAME, MAIKO_EEXIST (name taken), MAIKO_ETOPIC, MAIKO_EPERM (.publish below `$sys/`),
 *         MAIKO_ECONFLICT, MAIKO_ENOMEM, MAIKO_ELIMIT (64 shards with the dedicated ones, topics), MAIKO_ENOTFOUND (.with),
 *         MAIKO_ESYSTEM (no thread for a dedicated actor), MAIKO_ESTATE (stopping), MAIKO_ECLOSED, on_start's error.
 */
static inline maiko_status maiko_supervisor_add(maiko_supervisor *sup, const maiko_actor_spec *spec);

/** Add a whole table of actors, `count` of them; stops at the first failure. */
static inline maiko_status maiko_supervisor_add_table(maiko_supervisor *sup, const maiko_actor_spec *specs, size_t count);

/**
 * Stop one actor by name: queued events are handled, on_stop runs, the name becomes free.
 * @return MAIKO_OK, MAIKO_EINVAL, MAIKO_ENOTFOUND, MAIKO_ESTATE (not running).  From outside it returns when the actor has
 *         stopped or after its stop deadline with MAIKO_ETIMEDOUT (it then stops later); from a hook at once.
 */
MAIKO_API maiko_status maiko_supervisor_remove(maiko_supervisor *sup, const char *name);

/**
 * Start the threads and run every on_start.  Returns when the threads are ready, not when the hooks have run.
 * @return MAIKO_OK, the sticky set-up failure (see maiko_supervisor_error_text), MAIKO_ESTATE (started before),
 *         MAIKO_ESYSTEM (a thread or descriptor could not be made; nothing keeps running), MAIKO_EFORKED.
 */
MAIKO_API maiko_status maiko_supervisor_start(maiko_supervisor *sup);

/**
 * Wait until every actor has stopped or ended, a stop was asked for, or an actor failed.
 * @return MAIKO_OK, the first failure, MAIKO_ESTATE (not started), MAIKO_ETHREAD (from a hook), MAIKO_ENOTSUP (polled modes).
 */
MAIKO_API maiko_status maiko_supervisor_join(maiko_supervisor *sup);

/**
 * Start, handle SIGINT and SIGTERM as requests to stop (unless opted out), join and halt.
 *
 * A second signal, a tenth of a second after the first or later, ends the wait for the queues as the stop's deadline would
 * (MAIKO_ETIMEDOUT); the last hooks still run.  Signals that came until it returns are used up.  One that is ignored stays so.
 * The signals are blocked in the calling thread alone.  So call it in the only thread, or block both in the others, where the
 * signal would end the program; and in one supervisor at a time, which gets them.  With more than one thread or supervisor opt
 * out and call maiko_supervisor_request_stop() for each in a handler of your own.
 * A thread that is there and does not block a signal nobody handles is named in a warning to `log`.
 * @return the first failure; with nothing started MAIKO_ESYSTEM (no descriptor for the signals) and MAIKO_ESTATE (another
 *         supervisor is in run without opting out: this one may run later; started before); else as maiko_supervisor_start()
 *         and maiko_supervisor_halt().
 */
MAIKO_API maiko_status maiko_supervisor_run(maiko_supervisor *sup);

/**
 * Run shards inside the caller's own loop (MAIKO_POLLED, MAIKO_DETERMINISTIC).
 *
 * @param budget   events to handle and steps to run at most, but for the rest of the batch (in deterministic mode: of a virtual
 *                 shard's turn) that reaches it; 0: until nothing can run, so for ever with a step that always goes on.  In
 *                 deterministic mode time then advances to the next timer; with nothing left at all the call returns.
 * @return events handled and steps run, 0 when nothing could run; or a negative maiko_status: MAIKO_ETHREAD from a hook, or while
 *         another thread is in it.  Blocking: never.
 */
MAIKO_API int64_t maiko_supervisor_poll(maiko_supervisor *sup, uint32_t budget);

/** @return a descriptor that is readable when poll() has work (MAIKO_POLLED), or -1.  Stays the supervisor's. */
MAIKO_API int maiko_supervisor_fd(maiko_supervisor *sup);

/** Ask for a stop and return at once.  The one call that is safe in a signal handler; also from any thread or hook. */
MAIKO_API maiko_status maiko_supervisor_request_stop(maiko_supervisor *sup);

/**
 * Stop: close the sources, drain the queues, run every on_stop, end the threads; keep the handle.
 *
 * @param report  NULL, or filled in, also when the stop was over before the call: that of maiko_supervisor_run(), say.  Free it
 *                with maiko_stop_report_deinit().
 * @return MAIKO_OK, the first failure of set-up or of an actor, MAIKO_ETIMEDOUT (the report names who held it up;
 *         a thread stuck in a hook is left behind and its memory with it), MAIKO_ENOMEM (also when what was sent from outside
 *         had to be given up: nothing was left to wait for that could have given back memory), MAIKO_ETHREAD (from a hook).
 * Blocking: until stopped or config.stop_deadline_ns.
 */
MAIKO_API maiko_status maiko_supervisor_halt(maiko_supervisor *sup, maiko_stop_report *report);

/** Halt and free; *sup becomes NULL.  With nothing started it just frees and returns the sticky failure, if any.  While a bridge
 * uses it, it is only halted, and freed with the bridge.  Calls of other threads that wait (in add, remove, join, halt, or for
 * room in a send) return first; none may begin once this is called. */
MAIKO_API maiko_status maiko_supervisor_stop(maiko_supervisor **sup, maiko_stop_report *report);

/** Free what a report holds.  NULL is allowed. */
MAIKO_API void maiko_stop_report_deinit(maiko_stop_report *report);

/** @return the context for sends from outside actors, from any thread; sender "supervisor".  Borrowed; NULL for NULL. */
MAIKO_API maiko_context *maiko_supervisor_context(maiko_supervisor *sup);

/** @return why the last call of this thread was refused, if that was an add or remove while it runs; else the text of the first
 * failure ("" when none): which actor, which argument.  Borrowed until the thread's next call, or stop. */
MAIKO_API const char *maiko_supervisor_error_text(const maiko_supervisor *sup);

/** @return the first failure of set-up or of an actor, MAIKO_OK when none; MAIKO_EFORKED in a forked child. */
MAIKO_API maiko_status maiko_supervisor_status(const maiko_supervisor *sup);

/** @return actors that have not stopped, the supervisor itself not counted. */
MAIKO_API size_t maiko_supervisor_actor_count(maiko_supervisor *sup);

/** @return path of the counters file; "" when there is none. */
MAIKO_API const char *maiko_supervisor_counters_path(const maiko_supervisor *sup);

/* The calls behind the inline ones; they carry the sizes the calling program was compiled with. */
MAIKO_API maiko_supervisor *maiko_supervisor_new_sized(const maiko_config *config, size_t config_size);
MAIKO_API maiko_status maiko_supervisor_add_sized(maiko_supervisor *sup, const maiko_actor_spec *specs, size_t count,
                                                  size_t spec_size, size_t ops_size);

static inline maiko_supervisor *maiko_supervisor_new(const maiko_config *config)
{
    return maiko_supervisor_new_sized(config, sizeof(maiko_config));
}

static inline maiko_status maiko_supervisor_add(maiko_supervisor *sup, const maiko_actor_spec *spec)
{
    return maiko_supervisor_add_sized(sup, spec, 1, sizeof(maiko_actor_spec), sizeof(maiko_actor_ops));
}

static inline maiko_status maiko_supervisor_add_table(maiko_supervisor *sup, const maiko_actor_spec *specs, size_t count)
{
    return maiko_supervisor_add_sized(sup, specs, count, sizeof(maiko_actor_spec), sizeof(maiko_actor_ops));
}

MAIKO_END_DECLS

#endif
