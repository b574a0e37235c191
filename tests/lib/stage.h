/*
 * Stage: a supervisor set up for a test case (log kept, counters in a directory of its own, books checked at the end), and
 * players: actors whose hooks are the test's functions and which note what happens to them.
 */
#ifndef TESTS_LIB_STAGE_H
#define TESTS_LIB_STAGE_H

#include <maiko/counters.h>
#include <maiko/maiko.h>
#include <pthread.h>
#include <stdatomic.h>

#include "lib/scratch.h"

#define NUMBER_FIELDS(F) F(INT64, value)
MAIKO_EVENT(number, "number", NUMBER_FIELDS)

enum { PLAYER_KEEPS = 64 };

/* Hooks that are NULL do nothing; a NULL step is MAIKO_STEP_NEVER, a NULL on_error stops the actor. */
struct player {
    maiko_status (*on_start)(struct player *player, maiko_context *ctx);
    maiko_status (*handle)(struct player *player, maiko_context *ctx, const maiko_envelope *envelope);
    maiko_step (*step)(struct player *player, maiko_context *ctx);
    maiko_error_action (*on_error)(struct player *player, maiko_context *ctx, maiko_status error);
    maiko_status (*on_end)(struct player *player, maiko_context *ctx);
    maiko_status (*on_stop)(struct player *player, maiko_context *ctx);
    void *data;
    int64_t wanted; /* for the test's use */
    /* what happened: counted before the test's function runs, readable from any thread */
    _Atomic int starts;
    _Atomic int events;
    _Atomic int steps;
    _Atomic int errors;
    _Atomic int ends;
    _Atomic int stops;
    _Atomic(maiko_context *) ctx; /* since on_start */
    int64_t values[PLAYER_KEEPS]; /* of the first number events; the actor's thread */
};

extern const maiko_actor_ops player_ops;

struct stage {
    maiko_supervisor *sup;
    struct scratch scratch;
    char counters[600];
    maiko_stop_report report; /* of stage_stop() */
    bool keeps_no_books;      /* the test ends with events of unknown fate: books are not checked */
    pthread_mutex_t lock;
    char log[8192];
};

/* NULL: MAIKO_DETERMINISTIC with one shard.  Counters of the config are the stage's, and the log unless one is given. */
void stage_open(struct stage *stage, const maiko_config *config);

/* A spec: the name, the player, then whatever other members it sets (ISO C wants one argument for the dots: the player). */
#define PLAYER(name_, ...) (&(maiko_actor_spec){.name = (name_), .ops = &player_ops, .self = __VA_ARGS__})

/* Subscribed to "number". */
maiko_status stage_add(struct stage *stage, const char *name, struct player *player);

/* Sends a number event from outside. */
maiko_status stage_send(struct stage *stage, int64_t value);

/* Polls until nothing can run. */
void stage_settle(struct stage *stage);

bool stage_logged(struct stage *stage, const char *text);
int stage_count_logged(struct stage *stage, const char *text);

/* Stops, checks the books of what it did, and frees.  What maiko_supervisor_stop() returned; the report stays. */
maiko_status stage_stop(struct stage *stage);

/* Of an actor after stage_stop(): events received, handled, ... ; all zero when there is none of that name. */
maiko_counters_actor stage_counted(struct stage *stage, const char *name);
uint64_t stage_dropped_for(struct stage *stage, maiko_drop_reason reason);

void stage_close(struct stage *stage);

#endif
