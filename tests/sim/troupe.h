/*
 * Troupe: random actors that keep book of everything they send and handle, and the promises checked against these books.
 * What an actor does is drawn from its own numbers, so the same troupe plays on virtual shards and on threads.
 */
#ifndef TESTS_SIM_TROUPE_H
#define TESTS_SIM_TROUPE_H

#include <maiko/counters.h>
#include <maiko/import.h>
#include <maiko/maiko.h>
#include <stdatomic.h>

#include "lib/failing_allocator.h"
#include "lib/random.h"

enum {
    TROUPE_ACTORS = 40,
    TROUPE_EVENTS = 4096,
    TROUPE_NAMES = 14,
    TROUPE_TOPICS = 12,
    TROUPE_SUBSCRIPTIONS = 4,
    TROUPE_KEPT = 2,
    TROUPE_HOLDS = 16
};

/* What may happen in a run; drawn by the seed, so that most promises meet many runs without exceptions to them. */
struct plot {
    uint32_t shards;
    uint32_t actors;    /* at the start */
    uint32_t events;    /* at most */
    uint32_t outbox;    /* limit */
    uint32_t overdraft; /* events */
    uint32_t ring_mark; /* events */
    uint32_t segment;   /* bytes */
    bool has_errors;    /* handlers and hooks fail */
    bool has_changes;   /* subscriptions come and go */
    bool has_arrivals;  /* actors are added, removed, stop */
    bool has_fail;      /* policy FAIL */
    bool has_streams;   /* publish lists and maiko_finish */
    bool has_steps;
    bool has_bursts;  /* more than the outbox limit in one handler call */
    bool stops_early; /* halted while events are under way */
    bool fails_to_allocate;
    bool has_dedicated;   /* actors with a shard of their own, which may come late */
    bool has_holds;       /* something outside holds actors for a while */
    bool has_import;      /* events of a foreign sender, with ids of their own */
    bool has_clock_jumps; /* wall time goes backwards */
    bool is_polled;       /* MAIKO_POLLED instead of virtual shards; on a virtual clock, too */
    bool is_threaded;
};

/* One event.  Written by its sender before the send (accepted: after it), read by receivers. */
struct told {
    uint32_t sender;
    uint32_t serial; /* of the sender, from 1 */
    uint32_t cause;  /* 1 + number of the event whose handler sent it; 0: none */
    uint8_t topic;
    bool is_child;
    bool is_last_word; /* sent by an on_stop hook, or while they run */
    bool accepted;
    maiko_id id;                   /* given from outside; nil: made by the library */
    uint32_t known[TROUPE_ACTORS]; /* serial per sender: what came before it */
};

struct receipt {
    uint32_t number;
    maiko_id id;
    maiko_id parent;
    maiko_id correlation;
};

struct performer {
    struct troupe *troupe;
    struct random random;
    uint32_t index;
    char name[12];
    _Atomic bool is_cast; /* all of it is set up */
    bool is_added;        /* the call to add it succeeded */
    bool is_first;        /* there before start */
    bool is_stable;       /* never changed its subscriptions, never asked to stop, no error */
    bool receives_own;
    bool has_step;
    bool has_publish;
    uint32_t steps_left;
    uint32_t serial;
    uint32_t known[TROUPE_ACTORS];   /* its causal past */
    uint32_t seen[2][TROUPE_ACTORS]; /* by lane: what its deliveries imply */
    uint64_t time[2][TROUPE_ACTORS]; /* by lane: of the last event from each */
    uint32_t subscribed_at;          /* number of the next event when it last subscribed while it ran */
    uint32_t starts;
    uint32_t started;
    uint32_t ends;
    uint32_t stops;
    uint32_t finishes;
    uint32_t armings;  /* subscriptions whose completion it asked about and may still hear of */
    uint32_t holds;    /* while there are any it does not run */
    uint32_t handling; /* 1 + number; 0: none */
    uint32_t retries;
    uint32_t retrying; /* 1 + number of the event that on_error asked for again */
    bool is_stopping;
    bool is_ending;
    struct receipt *receipts;
    uint32_t receipt_count;
    uint32_t receipt_size;
    maiko_envelope *kept[TROUPE_KEPT];
    uint32_t kept_number[TROUPE_KEPT];
    maiko_subscription subscriptions[TROUPE_SUBSCRIPTIONS + 1];
    const char *publish[3];
    maiko_actor_spec spec;
};

struct troupe {
    struct plot plot;
    maiko_supervisor *sup;
    struct failing_allocator memory;
    struct performer performers[TROUPE_ACTORS]; /* the first is the world outside, the second may be a foreign sender */
    struct performer *foreign;                  /* NULL: none */
    maiko_importer *importer;
    maiko_hold *holds[TROUPE_HOLDS];
    struct performer *held[TROUPE_HOLDS];
    uint32_t hold_count;
    _Atomic uint32_t performer_count;
    struct told *told;
    _Atomic uint32_t told_count;
    _Atomic long boxes; /* alive events with a destructor */
    _Atomic bool has_failed;
    _Atomic uint32_t deadlocks;
    _Atomic uint64_t reported; /* drops a listener heard of, one by one or as a number */
    char failure[512];
};

/* Draws plot and actors, makes and starts the supervisor.  False when the supervisor could not be made. */
bool troupe_init(struct troupe *troupe, uint64_t seed, bool is_threaded);

/* The world outside does something: sends, adds, removes, lets go of what it holds, sets the clock. */
void troupe_disturb(struct troupe *troupe);

/* Lets one of those go that are held from outside; false when there is none. */
bool troupe_let_go(struct troupe *troupe);

/* MAIKO_POLLED: time goes on to the next timer; false when there is none. */
bool troupe_pass_time(struct troupe *troupe);

/* Plays one run to its end and checks everything; `perform` is what happens between start and stop.  False when some promise did
 * not hold: reported with the seed. */
bool troupe_play(uint64_t seed, bool is_threaded, void (*perform)(struct troupe *troupe));

/* troupe_play() for so many seeds, or for the one of MAIKO_SEED; up to ten failures.  False when there was one, or when
 * nothing was played. */
bool troupe_play_seeds(uint64_t first, unsigned long count, bool is_threaded, void (*perform)(struct troupe *troupe));

/* After the halt: every promise against the books. */
void troupe_check(struct troupe *troupe, const maiko_stop_report *report);

/* Frees everything; the supervisor has been stopped. */
void troupe_deinit(struct troupe *troupe);

/* Keeps the first. */
void troupe_fail(struct troupe *troupe, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Of a deterministic run between two polls: debts, waiters, bounds. */
void troupe_inspect(struct troupe *troupe);

/* Of a deterministic run when poll has nothing more to do. */
void troupe_settled(struct troupe *troupe);

/* --- between troupe.c, performer.c and troupe_check.c --- */

struct stage {
    const char *topic;
    const maiko_event_type *type;
    bool is_control;
    bool is_sticky;
};

extern const struct stage troupe_stages[TROUPE_TOPICS];

/* One more performer, drawn by the seed; NULL when there are enough. */
struct performer *troupe_cast(struct troupe *troupe, uint64_t seed);

/* By its own numbers. */
bool performer_chance(struct performer *performer, unsigned percent);

/* Sends a few events; `parent` may be NULL. */
void performer_say_some(struct performer *performer, maiko_context *ctx, const maiko_envelope *parent, uint32_t ttl);

/* Adds an actor, or removes one, as this performer. */
void performer_arrive(struct performer *performer);
void performer_remove_somebody(struct performer *performer);

/* The envelope it kept there is as it was; lets go of it. */
void performer_check_kept(struct performer *performer, uint32_t slot);

bool troupe_even(const void *event, const maiko_event_type *type, void *userdata);
bool troupe_wants(const struct performer *performer, uint32_t number, maiko_overflow *ret_policy);

#endif
