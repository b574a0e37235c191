/* Stop report: it says what was not handled, and nothing that is handled after all. */
#include "lib/stage.h"
#include "lib/suite.h"
#include "runtime/supervisor_internal.h"

#include <string.h>

enum { LONG_MS = 30000 };

/* What a handler waits for, and how it tells that it does. */
struct door {
    maiko_supervisor *sup;
    _Atomic bool is_reached;
    _Atomic bool is_open;
};

static const maiko_unfinished *reported(const struct stage *stage, const char *name)
{
    size_t i;

    for (i = 0; i < stage->report.actor_count; i++) {
        if (strcmp(stage->report.actors[i].name, name) == 0)
            return &stage->report.actors[i];
    }
    return NULL;
}

/* One that is stopped in time after its deadline: the first hook ends when the stop goes on to the last hooks. */
static maiko_status stay_past_the_deadline(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct door *door = player->data;

    (void)ctx;
    (void)envelope;
    if (player->events > 1)
        return MAIKO_OK;
    atomic_store(&door->is_reached, true);
    CU_ASSERT_TRUE(wait_until(atomic_load(&door->sup->runs_stop_hooks), LONG_MS));
    return MAIKO_OK;
}

static maiko_status start_behind_the_door(struct player *player, maiko_context *ctx)
{
    struct door *door = player->data;

    (void)ctx;
    atomic_store(&door->is_reached, true);
    CU_ASSERT_TRUE(wait_until(atomic_load(&door->is_open), LONG_MS));
    return MAIKO_OK;
}

static void send_some(struct stage *stage, int count)
{
    while (count-- > 0)
        CU_ASSERT_EQUAL(stage_send(stage, count), MAIKO_OK);
}

static const maiko_config short_of_time = {
    .shards = 1, .stop_deadline_ns = MAIKO_MS(20), .actor_stop_deadline_ns = MAIKO_SECONDS(600)};

static void what_came_from_outside_and_is_handled_after_the_deadline_is_not_reported(void)
{
    struct door door = {.is_reached = false};
    struct player keeper = {.handle = stay_past_the_deadline, .data = &door};
    struct stage stage;

    stage_open(&stage, &short_of_time);
    door.sup = stage.sup;
    CU_ASSERT_EQUAL(stage_add(&stage, "keeper", &keeper), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    send_some(&stage, 1);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&door.is_reached), LONG_MS));
    send_some(&stage, 4);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL(keeper.events + stage.report.unfinished, 5);
    CU_ASSERT_EQUAL(stage_counted(&stage, "keeper").handled, 5);
    CU_ASSERT_EQUAL_FATAL(stage.report.actor_count, 1);
    CU_ASSERT_STRING_EQUAL(stage.report.actors[0].name, "keeper");
    CU_ASSERT(stage.report.actors[0].busy && stage.report.actors[0].events == 0);
    CU_ASSERT_STRING_EQUAL(stage.report.text, "actor 'keeper': did not finish before the stop deadline");
    stage_close(&stage);
}

#define ORDER_FIELDS(F) F(INT64, value)
MAIKO_EVENT(order, "order", ORDER_FIELDS)

static maiko_status pass_on(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)player;
    (void)envelope;
    return maiko_send(ctx, order, .value = 1);
}

/* The sender stands still when time is up, with events in its queue, but goes on when its subscriber does. */
static void what_a_held_actor_handles_after_the_deadline_is_not_reported(void)
{
    struct door door = {.is_reached = false};
    struct player relay = {.handle = pass_on};
    struct player keeper = {.handle = stay_past_the_deadline, .data = &door};
    struct stage stage;
    const maiko_unfinished *left;

    stage_open(&stage, &short_of_time);
    door.sup = stage.sup;
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("keeper", &keeper, .subscribe = MAIKO_TOPICS("order"), .capacity = 1,
                                                           .dedicated = true)),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "relay", &relay), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    send_some(&stage, 9);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&door.is_reached), LONG_MS));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ETIMEDOUT);
    left = reported(&stage, "relay");
    CU_ASSERT_EQUAL(relay.events + (left == NULL ? 0 : left->events), 9);
    CU_ASSERT_EQUAL(stage_counted(&stage, "relay").dropped, left == NULL ? 0 : left->events);
    stage_close(&stage);
}

/* Its turn has just begun when it is given up: all that waits for it would be handled in the rest of that turn. */
static void what_is_reported_of_a_thread_left_behind_it_does_not_handle(void)
{
    static struct stage stage;
    static maiko_supervisor *left_behind; /* memory that a hook still uses stays for ever: reachable from here, so no leak */
    static struct door door;
    static struct player keeper = {.on_start = start_behind_the_door, .data = &door};

    suite_allow_leaks(); /* what a thread that does not come back in time uses: descriptors */
    stage_open(&stage, &(maiko_config){.shards = 1, .stop_deadline_ns = MAIKO_MS(20), .actor_stop_deadline_ns = MAIKO_MS(20)});
    stage.keeps_no_books = true;
    left_behind = stage.sup;
    CU_ASSERT_EQUAL(stage_add(&stage, "keeper", &keeper), MAIKO_OK);
    send_some(&stage, 6);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&door.is_reached), LONG_MS));
    send_some(&stage, 3);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL(stage.report.unfinished, 9);
    CU_ASSERT_EQUAL_FATAL(stage.report.actor_count, 2);
    CU_ASSERT(strcmp(stage.report.actors[0].name, "keeper") == 0 && stage.report.actors[0].busy);
    CU_ASSERT(strcmp(stage.report.actors[1].name, "supervisor") == 0 && stage.report.actors[1].events == 9);
    atomic_store(&door.is_open, true);
    pthread_join(left_behind->shards[0]->thread, NULL);
    CU_ASSERT_EQUAL(keeper.events, 0);
    stage_close(&stage);
}

static maiko_status handle_behind_the_door(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    return start_behind_the_door(player, ctx);
}

static uint64_t on_the_way(struct stage *stage)
{
    maiko_counters *counters = NULL;
    maiko_counters_balance balance;

    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_counters(stage->sup, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    maiko_counters_free(counters);
    return balance.in_flight;
}

/* Whether they have come to its shard or are on their way there. */
static void what_waits_at_a_dedicated_actor_that_does_not_come_back_is_reported(void)
{
    static struct stage stage;
    static maiko_supervisor *left_behind; /* memory that a hook still uses stays for ever: reachable from here, so no leak */
    static struct door door;
    static struct player keeper = {.handle = handle_behind_the_door, .data = &door};

    suite_allow_leaks(); /* what a thread that does not come back in time uses: descriptors */
    stage_open(&stage, &(maiko_config){.shards = 1, .stop_deadline_ns = MAIKO_MS(20), .actor_stop_deadline_ns = MAIKO_MS(20)});
    stage.keeps_no_books = true;
    left_behind = stage.sup;
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("keeper", &keeper, .subscribe = MAIKO_TOPICS("number"), .dedicated = true)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    send_some(&stage, 1);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&door.is_reached), LONG_MS));
    send_some(&stage, 6);
    CU_ASSERT_TRUE_FATAL(wait_until(on_the_way(&stage) + stage_counted(&stage, "keeper").received == 7, LONG_MS));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL(stage.report.unfinished, 6);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reported(&stage, "keeper"));
    CU_ASSERT(reported(&stage, "keeper")->busy);
    atomic_store(&door.is_open, true);
    pthread_join(left_behind->shards[1]->thread, NULL);
    CU_ASSERT_EQUAL(keeper.events, 1);
    stage_close(&stage);
}

static maiko_step send_to_some_and_nobody(struct player *player, maiko_context *ctx)
{
    char topic[16];
    int i;

    (void)player;
    CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = 1), MAIKO_OK);
    for (i = 0; i < 20; i++) {
        snprintf(topic, sizeof topic, "typo/%d", i % 10);
        CU_ASSERT_EQUAL(maiko_send_to(ctx, topic, number, .value = i), MAIKO_OK);
    }
    return MAIKO_STEP_NEVER;
}

static void topics_that_nobody_heard_are_named(void)
{
    struct player sender = {.step = send_to_some_and_nobody};
    struct player listener = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sender", &sender, .shard = MAIKO_SHARD(0))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(
                        stage.sup, PLAYER("listener", &listener, .subscribe = MAIKO_TOPICS("number"), .shard = MAIKO_SHARD(1))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(listener.events, 1);
    CU_ASSERT_EQUAL(stage_count_logged(&stage, ": 2 events were sent, and nobody was subscribed"), 8);
    CU_ASSERT_EQUAL(stage_count_logged(&stage, "2 more topics had no subscriber"), 1);
    CU_ASSERT_EQUAL(stage_count_logged(&stage, "'number'"), 0);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(what_came_from_outside_and_is_handled_after_the_deadline_is_not_reported),
    TEST_CASE(what_a_held_actor_handles_after_the_deadline_is_not_reported),
    TEST_CASE(what_is_reported_of_a_thread_left_behind_it_does_not_handle),
    TEST_CASE(what_waits_at_a_dedicated_actor_that_does_not_come_back_is_reported),
    TEST_CASE(topics_that_nobody_heard_are_named),
};
SUITE_MAIN("stop report", cases)
