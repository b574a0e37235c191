/* Events with a destructor, and worlds that are stopped: what other shards are asked to do is done by their own threads. */
#include "lib/stage.h"
#include "lib/suite.h"
#include "runtime/placement.h"
#include "runtime/supervisor_internal.h"
#include "runtime/world.h"

struct crate {
    int alive;
    int elsewhere; /* destroyed by another shard than the first */
};

#define CRATE_FIELDS(F) F(POINTER, crate, struct crate)
static void break_up(void *event);
MAIKO_EVENT_WITH(parcel, "parcel", CRATE_FIELDS, .local_only = true, .destroy = break_up)
MAIKO_EVENT_WITH(last_parcel, "last/parcel", CRATE_FIELDS, .local_only = true, .sticky = true, .destroy = break_up)

static void break_up(void *event)
{
    struct crate *crate = ((parcel *)event)->crate;

    crate->alive--;
    crate->elsewhere += shard_of_this_thread != NULL && shard_of_this_thread->index != 0;
}

static void what_is_left_when_a_supervisor_is_freed_is_destroyed(void)
{
    struct crate crate = {.alive = 0};
    struct player player = {.wanted = 0};
    struct stage stage;
    int i;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("parcel"), .shard = MAIKO_SHARD(1))),
        MAIKO_OK);
    for (i = 0; i < 3; i++) {
        crate.alive++;
        CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(stage.sup), parcel, .crate = &crate), MAIKO_OK);
    }
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK); /* never started: they are in the player's mailbox, on another shard */
    CU_ASSERT_EQUAL(stage.report.unfinished, 3);
    CU_ASSERT_EQUAL(crate.alive, 0);
    stage_close(&stage);
}

static void a_last_value_is_destroyed_where_it_was_made(void)
{
    struct crate crate = {.alive = 0};
    struct player player = {.wanted = 0};
    struct stage stage;
    int i;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2});
    CU_ASSERT_EQUAL(maiko_supervisor_add(
                        stage.sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("last/parcel"), .shard = MAIKO_SHARD(1))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (i = 0; i < 5; i++) {
        crate.alive++;
        CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(stage.sup), last_parcel, .crate = &crate), MAIKO_OK);
        stage_settle(&stage);
    }
    CU_ASSERT_EQUAL(player.events, 5);
    CU_ASSERT_EQUAL(crate.alive, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(crate.alive, 0);
    CU_ASSERT_EQUAL(crate.elsewhere, 0);
    stage_close(&stage);
}

static void turn(struct stage *stage, uint32_t index)
{
    shard_of_this_thread = stage->sup->shards[index];
    (void)shard_turn(stage->sup->shards[index], 100);
    shard_of_this_thread = NULL;
}

/* Whoever stops the world reads the rings of all: what comes home there waits for the thread it belongs to. */
static void a_stopped_world_runs_no_destructor_of_another_shard(void)
{
    struct crate crate = {.alive = 1};
    struct player player = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("parcel"), .shard = MAIKO_SHARD(1))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(stage.sup), parcel, .crate = &crate), MAIKO_OK);
    turn(&stage, 0);
    turn(&stage, 1);
    CU_ASSERT_EQUAL(player.events, 1);
    shard_of_this_thread = stage.sup->shards[1];
    pthread_mutex_lock(&stage.sup->lock);
    CU_ASSERT_TRUE(placement_settle_rings(stage.sup));
    pthread_mutex_unlock(&stage.sup->lock);
    shard_of_this_thread = NULL;
    CU_ASSERT_EQUAL(crate.alive, 1);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(crate.alive, 0);
    CU_ASSERT_EQUAL(crate.elsewhere, 0);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static bool is_quiet(struct stage *stage)
{
    bool is_quiet;

    pthread_mutex_lock(&stage->sup->lock);
    is_quiet = supervisor_is_quiet(stage->sup);
    pthread_mutex_unlock(&stage->sup->lock);
    return is_quiet;
}

/* Shard 1 sleeps; its ring is read for it, and it has not woken up yet.  A stop that took it for quiet ended actors too early. */
static void a_sleeper_that_got_an_event_in_a_stopped_world_is_not_quiet(void)
{
    struct player player = {.wanted = 0};
    struct stage stage;
    struct shard *const *shards;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("number"), .shard = MAIKO_SHARD(1))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    shards = stage.sup->shards;
    supervisor_shard_idle(shards[1]);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    turn(&stage, 0);
    CU_ASSERT_NOT_EQUAL(world_pause(shards[0]), 0);
    (void)placement_settle_rings(stage.sup);
    world_resume(shards[0]);
    turn(&stage, 0);
    supervisor_shard_idle(shards[0]);
    CU_ASSERT_FALSE(is_quiet(&stage));
    supervisor_shard_busy(shards[1]);
    turn(&stage, 1);
    CU_ASSERT_EQUAL(player.events, 1);
    supervisor_shard_idle(shards[1]);
    CU_ASSERT_TRUE(is_quiet(&stage));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- a destructor that sends, within a drain --- */

#define RETURN_FIELDS(F) F(POINTER, journey, struct journey) F(INT32, number)
struct journey;
static void come_home(void *event);
MAIKO_EVENT_WITH(journeyer, "journey", RETURN_FIELDS, .local_only = true, .destroy = come_home)

enum { JOURNEYS = 6, PER_BATCH = 2 };

/* An actor with a shard of its own, the second, whose hook drains when it sends. */
struct journey {
    struct stage *stage;
    maiko_context *ctx; /* while its hook runs; else NULL */
    int returned;
    uint64_t confirmed; /* what the other shard was told before */
};

static struct ring *ring_home(const struct journey *journey)
{
    return atomic_load(&journey->stage->sup->shards[0]->out[1]);
}

/* Brought home by a batch that is being read. */
static void come_home(void *event)
{
    struct journey *journey = ((journeyer *)event)->journey;
    struct shard *shard = journey->stage->sup->shards[1];
    uint64_t consumed = shard->consumed[0];

    CU_ASSERT_EQUAL(((journeyer *)event)->number, journey->returned);
    journey->returned++;
    if (journey->ctx == NULL)
        return;
    CU_ASSERT_EQUAL(maiko_send(journey->ctx, number, .value = journey->returned), MAIKO_OK);
    CU_ASSERT_EQUAL(((journeyer *)event)->number, journey->returned - 1); /* nobody else came home within */
    CU_ASSERT_EQUAL(shard->consumed[0], consumed);
    CU_ASSERT_EQUAL(atomic_load(&ring_home(journey)->confirmed_flush), journey->confirmed);
}

/* Sends some away, to where they are handled and sent home while this hook goes on, then one more, which drains. */
static maiko_step travel(struct player *player, maiko_context *ctx)
{
    struct journey *journey = player->data;
    struct shard *shard = journey->stage->sup->shards[1];
    struct actor *actor = shard->current;
    int i;

    for (i = 0; i < JOURNEYS; i++) {
        CU_ASSERT_EQUAL(maiko_send(ctx, journeyer, .journey = journey, .number = i), MAIKO_OK);
        if (i % PER_BATCH != PER_BATCH - 1)
            continue;
        exchange_flush(shard);
        turn(journey->stage, 0);
        shard_of_this_thread = shard;
    }
    CU_ASSERT_TRUE(exchange_has_unread(shard));
    CU_ASSERT_EQUAL(journey->returned, 0);
    journey->confirmed = atomic_load(&ring_home(journey)->confirmed_flush);
    actor->is_dedicated = true; /* as it is on threads */
    actor->sends_simply = false;
    journey->ctx = ctx;
    CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = 100), MAIKO_OK);
    journey->ctx = NULL;
    actor->is_dedicated = false;
    CU_ASSERT_EQUAL(journey->returned, JOURNEYS);
    CU_ASSERT_FALSE(exchange_has_unread(shard));
    return MAIKO_STEP_NEVER;
}

/* Also of the last record of a batch, behind which the next one could be opened. */
static void a_destructor_that_sends_within_a_drain_does_not_drain(void)
{
    struct stage stage;
    struct journey journey = {.stage = &stage};
    struct player traveller = {.step = travel, .data = &journey};
    struct player inn = {.wanted = 0};
    struct player ear = {.wanted = 0};
    int i;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("inn", &inn, .subscribe = MAIKO_TOPICS("journey"))), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "ear", &ear), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("traveller", &traveller, .dedicated = true)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(traveller.steps, 1);
    CU_ASSERT_EQUAL(inn.events, JOURNEYS);
    CU_ASSERT_EQUAL(ear.events, JOURNEYS + 1);
    for (i = 0; i < JOURNEYS; i++)
        CU_ASSERT_EQUAL(ear.values[i], i + 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(what_is_left_when_a_supervisor_is_freed_is_destroyed),
    TEST_CASE(a_last_value_is_destroyed_where_it_was_made),
    TEST_CASE(a_stopped_world_runs_no_destructor_of_another_shard),
    TEST_CASE(a_destructor_that_sends_within_a_drain_does_not_drain),
    TEST_CASE(a_sleeper_that_got_an_event_in_a_stopped_world_is_not_quiet),
};
SUITE_MAIN("destructors", cases)
