/* Counters: reads the figures of any supervisor of the same user from its counters file, without asking it, so a
 * program that hangs or has died can be inspected like one that runs. */
#ifndef MAIKO_COUNTERS_H
#define MAIKO_COUNTERS_H

#include <maiko/supervisor.h>
#include <stdbool.h>

MAIKO_BEGIN_DECLS

/** Why an event was dropped: X(NAME, number, before_dispatch, text).  Numbers are never reused. */
#define MAIKO_DROP_REASON_MAP(X)                                                                                                 \
    X(NEWEST, 1, 0, "mailbox full, policy DROP_NEWEST: the new event was dropped")                                               \
    X(OLDEST, 2, 0, "mailbox full, policy DROP_OLDEST: an older event made room, or the new one found none to evict")            \
    X(FAILED, 3, 0, "the subscriber failed before it handled the event")                                                         \
    X(STOPPED, 4, 0, "the subscriber stopped before it handled the event")                                                       \
    X(RING, 5, 1, "ring to another shard above its mark, policy DROP_NEWEST or DROP_OLDEST")                                     \
    X(NO_MEMORY, 6, 0, "no memory to queue the event")                                                                           \
    X(RING_NO_MEMORY, 7, 1, "no memory to hand the event to another shard")                                                      \
    X(LINK_WINDOW, 8, 0, "no room in the window of a link, policy DROP_NEWEST or FAIL")                                          \
    X(LINK_OLDEST, 9, 0, "no room in the window of a link, policy DROP_OLDEST: an older event made room")                        \
    X(LINK_DEADLINE, 10, 0, "the other node took nothing for the deadline of the link")                                          \
    X(LINK_LOG, 11, 0, "the event had left the retained log before it was sent")                                                 \
    X(LINK_PEER, 12, 0, "under way to another node when one of the two ended")                                                   \
    X(LINK_DENIED, 13, 0, "the other node has it, and its allow list does not let it in")                                        \
    X(LINK_REFUSED, 14, 0, "the other node has it, and could not take it: another type, no such topic, no memory")

typedef enum maiko_drop_reason {
#define MAIKO_DROP_ENUM_(name, number, before_dispatch, text) MAIKO_DROPPED_##name = number,
    MAIKO_DROP_REASON_MAP(MAIKO_DROP_ENUM_)
#undef MAIKO_DROP_ENUM_
} maiko_drop_reason;

/** What an actor is doing, as the counters show it: X(NAME, number, text). */
#define MAIKO_ACTOR_PHASE_MAP(X)                                                                                                 \
    X(ADDED, 0, "added")       /* on_start has not run */                                                                        \
    X(RUNNING, 1, "running")   /* handles events, or waits for them */                                                           \
    X(HELD, 2, "held")         /* owes blocked events and does not run */                                                        \
    X(FINISHED, 3, "finished") /* said that it sends no more; still handles events */                                            \
    X(STOPPING, 4, "stopping") /* handles what is queued, then stops */                                                          \
    X(STOPPED, 5, "stopped")                                                                                                     \
    X(FAILED, 6, "failed")

typedef enum maiko_actor_phase {
#define MAIKO_ACTOR_PHASE_ENUM_(name, number, text) MAIKO_ACTOR_##name = number,
    MAIKO_ACTOR_PHASE_MAP(MAIKO_ACTOR_PHASE_ENUM_)
#undef MAIKO_ACTOR_PHASE_ENUM_
} maiko_actor_phase;

/** Which program wrote a counters file, as far as one can tell now. */
typedef enum maiko_counters_state {
    MAIKO_COUNTERS_LIVE = 0,    /* the process runs; the figures may be moving */
    MAIKO_COUNTERS_STOPPED = 1, /* its supervisor stopped in order; the figures are final */
    MAIKO_COUNTERS_DEAD = 2     /* the process ended without stopping (killed, crashed, exited); the figures are final */
} maiko_counters_state;

/** A snapshot of one counters file: a copy, so nothing in it moves until maiko_counters_refresh(). */
typedef struct maiko_counters maiko_counters;

/** Whose figures these are.  Strings are borrowed until the snapshot is refreshed or freed. */
typedef struct maiko_counters_info {
    const char *name;           /* of the supervisor */
    const char *path;           /* of the file; "" for a snapshot taken inside the program */
    uint64_t pid;               /* as the program saw itself: inside a container another number than outside */
    maiko_counters_state state; /* at the time of the snapshot */
    bool is_kept;               /* the file was asked to stay after a clean stop */
    bool is_complete;           /* false: the program had more rows than its file could take, or the file is cut off */
    uint64_t started_ns;        /* wall clock, since 1970 */
    uint64_t stopped_ns;        /* 0: not stopped in order */
    uint64_t unfinished;        /* events that an orderly stop reported as never handled */
} maiko_counters_info;

/** One actor.  All figures are counted since the actor was added, in events unless the name says otherwise. */
typedef struct maiko_counters_actor {
    const char *name; /* "" for an anonymous one; borrowed as above */
    uint64_t id;
    uint32_t shard;
    uint32_t capacity; /* of its mailbox */
    maiko_actor_phase phase;
    bool has_ended; /* it is gone; shown until its place is used again, no longer part of depth */
    uint64_t depth; /* received and neither handled nor dropped yet */
    uint64_t received;
    uint64_t handled;
    uint64_t sent;
    uint64_t refused;
    uint64_t dropped;
    uint64_t errors;
    uint64_t high_water;
    uint64_t activations;    /* runs */
    uint64_t samples;        /* runs whose duration was taken; the next two are over these */
    uint64_t handler_ns;     /* sum */
    uint64_t handler_max_ns; /* longest */
    uint64_t retries;
} maiko_counters_actor;

/** One topic, summed over the shards that sent on it. */
typedef struct maiko_counters_topic {
    const char *name;
    uint64_t sent;
    uint64_t unrouted;
    uint64_t routed; /* copies */
} maiko_counters_topic;

typedef struct maiko_counters_shard {
    const char *name; /* of its thread */
    uint32_t shard;
    uint64_t routed; /* copies */
    uint64_t dispatched;
    uint64_t ring_dropped;
    uint64_t turns;
    uint64_t sleeps;
    uint64_t current_actor; /* id; 0: none is running.  The same one and the same `turns` in two snapshots: it hangs. */
} maiko_counters_shard;

/** Drops of one topic for one reason: of one actor, (actor 0) by one shard before dispatch, or of one link by its other end. */
typedef struct maiko_counters_drop {
    const char *topic; /* "": not told apart (no memory, too many topics, or the actor or link is gone) */
    const char *actor; /* name; "" when anonymous, gone or none */
    uint64_t actor_id; /* 0: none, or not told apart */
    uint32_t shard;
    maiko_drop_reason reason;
    uint64_t events;
    const char *peer; /* LINK_DENIED and LINK_REFUSED: name of the node that would not have them; else "" */
} maiko_counters_drop;

/**
 * One link to another node: offered = acknowledged + lost + queued, in events times this node.  Counted by the bridge, once per
 * turn of its thread.
 */
typedef struct maiko_counters_link {
    const char *peer; /* name of the other node; "": the sum of links that have ended and are not listed any more */
    bool has_ended;   /* it is gone, and its figures are in that sum, too */
    uint32_t window;  /* events that may be under way at once */
    /* out */
    uint64_t offered; /* what the other node had subscribed to when it was exported */
    uint64_t acknowledged;
    uint64_t lost; /* these five: MAIKO_DROPPED_LINK_… */
    uint64_t lost_window;
    uint64_t lost_oldest;
    uint64_t lost_deadline;
    uint64_t lost_log;
    uint64_t lost_peer;
    uint64_t queued;
    /* in */
    uint64_t delivered;
    uint64_t lost_here;    /* reported by the other node */
    uint64_t gaps;         /* such reports */
    uint64_t gaps_unknown; /* of these, without a number */
    uint64_t repeated;     /* came before, over this link or another one */
    uint64_t turned_away;  /* our own, over too many links, or not allowed */
    uint64_t sessions;
    uint64_t frames;
    /* out */
    uint64_t refused_there; /* of acknowledged: MAIKO_DROPPED_LINK_DENIED and _LINK_REFUSED, by topic among the drops */
} maiko_counters_link;

/**
 * One topic that a bridge exports: what other nodes have not acknowledged yet, times the nodes it is for.  Brought up to date by
 * the bridge ten times a second at most; what is acknowledged within a tenth of a second may never show.
 */
typedef struct maiko_counters_export {
    const char *topic;   /* as other nodes know it; "": those that have no row of their own, behind the first 1024 */
    uint64_t queued;     /* events sent and not acknowledged, or waiting for room */
    uint64_t high_water; /* the most there ever were */
    uint64_t oldest_ns;  /* wall time at which the oldest of them was sent, by the clock of its sender's host; 0: there is none */
} maiko_counters_export;

/** What a counter means, from the file itself: also for files of a newer library. */
typedef struct maiko_counters_field {
    const char *name; /* such as "actor.handled" */
    const char *unit; /* such as "events" */
    const char *kind; /* "counter" (only grows), "gauge" or "max" */
    const char *text; /* a sentence */
} maiko_counters_field;

/** The books of a program.  They balance when both differences are there (never negative) and the sums agree. */
typedef struct maiko_counters_balance {
    bool is_balanced;
    bool is_final;     /* the program has stopped or died; while it runs, figures read a moment apart may not agree */
    uint64_t sent;     /* events accepted from all senders */
    uint64_t unrouted; /* of these, without a subscriber */
    uint64_t refused;  /* sends that were not accepted */
    uint64_t matched;  /* event and subscriber pairs: handled + dropped + unfinished */
    uint64_t handled;
    uint64_t dropped;
    uint64_t unfinished; /* queued, or in a handler, when the figures were taken */
    uint64_t routed;     /* copies to other shards: dispatched + ring_dropped + in_flight */
    uint64_t dispatched;
    uint64_t ring_dropped;
    uint64_t in_flight;
    char text[256];   /* the first thing that does not agree; "" when balanced */
    uint64_t waiting; /* of sent: from other threads or links, not taken over by a shard yet; no topic shows them */
} maiko_counters_balance;

/**
 * The directory where counters files are by default: $MAIKO_COUNTERS_DIR, else $XDG_RUNTIME_DIR/maiko/counters, else
 * /tmp/maiko-UID/counters.
 *
 * @param buffer  `size` bytes of the caller for the path with its NUL; 1024 always do.
 * @return MAIKO_OK, MAIKO_EINVAL, MAIKO_ETOOLONG, MAIKO_ENOTFOUND (no program has made it yet), MAIKO_EPERM (somebody else's,
 *         or others may write to it), MAIKO_ESYSTEM.
 *
 * Threads: any.  Blocking: file system only.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_counters_directory(char *buffer, size_t size);

/**
 * Call a function with the path of every file in a directory that is named like a counters file.
 *
 * @param directory  NULL: the default one; when that does not exist there are no files, and no error.
 * @param found      path is borrowed for the call; a return other than MAIKO_OK ends the walk and is handed back.
 * @return MAIKO_OK, what `found` returned, MAIKO_EINVAL, MAIKO_ENOTFOUND, MAIKO_EPERM, MAIKO_ESYSTEM.
 *
 * Threads: any.  Blocking: file system only.
 */
MAIKO_API maiko_status maiko_counters_list(const char *directory, maiko_status (*found)(const char *path, void *userdata),
                                           void *userdata);

/**
 * Take a snapshot of a counters file, of a program that runs, hangs, has stopped or is dead.
 *
 * Each figure is exact at some moment between the call and its return; two figures of a running program may be a moment
 * apart.  Nothing in the file is trusted: whatever it holds, reading it is safe.
 * @param ret_counters  set on success only; free it with maiko_counters_free().
 * @return MAIKO_OK, MAIKO_EINVAL (NULL), MAIKO_ENOTFOUND, MAIKO_EPERM (may not be read, or belongs to another user),
 *         MAIKO_EPROTOCOL (not a counters file, or none yet), MAIKO_ENOTSUP (of another version or byte order),
 *         MAIKO_ENOMEM, MAIKO_ESYSTEM.
 *
 * Threads: any; one thread at a time per snapshot.  Blocking: file system only.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_counters_open(const char *path, maiko_counters **ret_counters);

/**
 * Take a snapshot of a supervisor of this program, all its figures included, whether they are in a file or not.
 * @return MAIKO_OK, MAIKO_EINVAL, MAIKO_ENOMEM, MAIKO_EFORKED.
 *
 * Threads: any, hooks included.  Blocking: while an actor is being added.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_supervisor_counters(maiko_supervisor *sup, maiko_counters **ret_counters);

/**
 * Take the snapshot again, of the same file, also when that has been removed meanwhile.
 * @return as maiko_counters_open(); MAIKO_ESTATE for a snapshot taken inside a program.  On a failure the old snapshot stays.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_counters_refresh(maiko_counters *counters);

/** NULL is allowed; returns NULL. */
MAIKO_API maiko_counters *maiko_counters_free(maiko_counters *counters);

/* How many there are; 0 for NULL. */
MAIKO_API size_t maiko_counters_actor_count(const maiko_counters *counters);
MAIKO_API size_t maiko_counters_topic_count(const maiko_counters *counters);
MAIKO_API size_t maiko_counters_shard_count(const maiko_counters *counters);
MAIKO_API size_t maiko_counters_drop_count(const maiko_counters *counters);
MAIKO_API size_t maiko_counters_link_count(const maiko_counters *counters);
MAIKO_API size_t maiko_counters_export_count(const maiko_counters *counters);
MAIKO_API size_t maiko_counters_field_count(const maiko_counters *counters);

/*
 * One of them: actors and shards in order of their rows, topics by name, drops, links and exports in order of their rows.
 * MAIKO_OK; MAIKO_EINVAL (NULL, or an index past the end): the struct is then all zero, its strings are "".
 */
static inline maiko_status maiko_counters_get_info(const maiko_counters *counters, maiko_counters_info *ret_info);
static inline maiko_status maiko_counters_get_actor(const maiko_counters *counters, size_t index,
                                                    maiko_counters_actor *ret_actor);
static inline maiko_status maiko_counters_get_topic(const maiko_counters *counters, size_t index,
                                                    maiko_counters_topic *ret_topic);
static inline maiko_status maiko_counters_get_shard(const maiko_counters *counters, size_t index,
                                                    maiko_counters_shard *ret_shard);
static inline maiko_status maiko_counters_get_drop(const maiko_counters *counters, size_t index, maiko_counters_drop *ret_drop);
static inline maiko_status maiko_counters_get_link(const maiko_counters *counters, size_t index, maiko_counters_link *ret_link);
static inline maiko_status maiko_counters_get_export(const maiko_counters *counters, size_t index,
                                                     maiko_counters_export *ret_export);
static inline maiko_status maiko_counters_get_field(const maiko_counters *counters, size_t index,
                                                    maiko_counters_field *ret_field);

/** The sums over all actors there are and were. */
static inline maiko_status maiko_counters_get_totals(const maiko_counters *counters, maiko_counters_actor *ret_totals);

/** The first actor of this name that has not ended.  MAIKO_OK, MAIKO_EINVAL, MAIKO_ENOTFOUND. */
static inline maiko_status maiko_counters_find_actor(const maiko_counters *counters, const char *name,
                                                     maiko_counters_actor *ret_actor);

/** Events dropped for one reason, by all actors, shards and links there are and were; 0 for a reason that is none. */
MAIKO_API uint64_t maiko_counters_dropped_for(const maiko_counters *counters, maiko_drop_reason reason);

/**
 * Check the books of a program.
 *
 * 1. Per copy to another shard: routed = dispatched + ring_dropped + in flight.
 * 2. Per event and matching subscriber: matched = handled + dropped + unfinished, for each actor and in all.
 * 3. After an orderly stop nothing is in flight, and unfinished is what the stop reported.
 * 4. What actors sent, topics carried, or it is waiting; what actors and shards dropped, the drop rows explain.  A program
 *    killed between two of these counts may be one event per shard off.
 * @return MAIKO_OK when the books were checked, whatever came out; MAIKO_EINVAL; MAIKO_ENOTSUP when rows are missing.
 */
static inline maiko_status maiko_counters_check_balance(const maiko_counters *counters, maiko_counters_balance *ret_balance);

/** A sentence about a reason; "unknown reason" for other numbers. */
MAIKO_API const char *maiko_drop_reason_text(maiko_drop_reason reason);

/** A word for a phase, such as "running"; "unknown" for other numbers. */
MAIKO_API const char *maiko_actor_phase_name(maiko_actor_phase phase);

/* The calls behind the inline ones; they carry the sizes the calling program was compiled with. */
MAIKO_API maiko_status maiko_counters_info_sized(const maiko_counters *counters, maiko_counters_info *ret_info, size_t size);
MAIKO_API maiko_status maiko_counters_actor_sized(const maiko_counters *counters, size_t index, maiko_counters_actor *ret_actor,
                                                  size_t size);
MAIKO_API maiko_status maiko_counters_topic_sized(const maiko_counters *counters, size_t index, maiko_counters_topic *ret_topic,
                                                  size_t size);
MAIKO_API maiko_status maiko_counters_shard_sized(const maiko_counters *counters, size_t index, maiko_counters_shard *ret_shard,
                                                  size_t size);
MAIKO_API maiko_status maiko_counters_drop_sized(const maiko_counters *counters, size_t index, maiko_counters_drop *ret_drop,
                                                 size_t size);
MAIKO_API maiko_status maiko_counters_link_sized(const maiko_counters *counters, size_t index, maiko_counters_link *ret_link,
                                                 size_t size);
MAIKO_API maiko_status maiko_counters_export_sized(const maiko_counters *counters, size_t index,
                                                   maiko_counters_export *ret_export, size_t size);
MAIKO_API maiko_status maiko_counters_field_sized(const maiko_counters *counters, size_t index, maiko_counters_field *ret_field,
                                                  size_t size);
MAIKO_API maiko_status maiko_counters_totals_sized(const maiko_counters *counters, maiko_counters_actor *ret_totals, size_t size);
MAIKO_API maiko_status maiko_counters_find_actor_sized(const maiko_counters *counters, const char *name,
                                                       maiko_counters_actor *ret_actor, size_t size);
MAIKO_API maiko_status maiko_counters_balance_sized(const maiko_counters *counters, maiko_counters_balance *ret_balance,
                                                    size_t size);

static inline maiko_status maiko_counters_get_info(const maiko_counters *counters, maiko_counters_info *ret_info)
{
    return maiko_counters_info_sized(counters, ret_info, sizeof(*ret_info));
}

static inline maiko_status maiko_counters_get_actor(const maiko_counters *counters, size_t index, maiko_counters_actor *ret_actor)
{
    return maiko_counters_actor_sized(counters, index, ret_actor, sizeof(*ret_actor));
}

static inline maiko_status maiko_counters_get_topic(const maiko_counters *counters, size_t index, maiko_counters_topic *ret_topic)
{
    return maiko_counters_topic_sized(counters, index, ret_topic, sizeof(*ret_topic));
}

static inline maiko_status maiko_counters_get_shard(const maiko_counters *counters, size_t index, maiko_counters_shard *ret_shard)
{
    return maiko_counters_shard_sized(counters, index, ret_shard, sizeof(*ret_shard));
}

static inline maiko_status maiko_counters_get_drop(const maiko_counters *counters, size_t index, maiko_counters_drop *ret_drop)
{
    return maiko_counters_drop_sized(counters, index, ret_drop, sizeof(*ret_drop));
}

static inline maiko_status maiko_counters_get_link(const maiko_counters *counters, size_t index, maiko_counters_link *ret_link)
{
    return maiko_counters_link_sized(counters, index, ret_link, sizeof(*ret_link));
}

static inline maiko_status maiko_counters_get_export(const maiko_counters *counters, size_t index,
                                                     maiko_counters_export *ret_export)
{
    return maiko_counters_export_sized(counters, index, ret_export, sizeof(*ret_export));
}

static inline maiko_status maiko_counters_get_field(const maiko_counters *counters, size_t index, maiko_counters_field *ret_field)
{
    return maiko_counters_field_sized(counters, index, ret_field, sizeof(*ret_field));
}

static inline maiko_status maiko_counters_get_totals(const maiko_counters *counters, maiko_counters_actor *ret_totals)
{
    return maiko_counters_totals_sized(counters, ret_totals, sizeof(*ret_totals));
}

static inline maiko_status maiko_counters_find_actor(const maiko_counters *counters, const char *name,
                                                     maiko_counters_actor *ret_actor)
{
    return maiko_counters_find_actor_sized(counters, name, ret_actor, sizeof(*ret_actor));
}

static inline maiko_status maiko_counters_check_balance(const maiko_counters *counters, maiko_counters_balance *ret_balance)
{
    return maiko_counters_balance_sized(counters, ret_balance, sizeof(*ret_balance));
}

MAIKO_END_DECLS

#endif
