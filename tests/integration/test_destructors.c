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

static const struct test_case cases[] = {
    TEST_CASE(what_is_left_when_a_supervisor_is_freed_is_destroyed),
    TEST_CASE(a_last_value_is_destroyed_where_it_was_made),
    TEST_CASE(a_stopped_world_runs_no_destructor_of_another_shard),
    TEST_CASE(a_sleeper_that_got_an_event_in_a_stopped_world_is_not_quiet),
};
SUITE_MAIN("destructors", cases)
