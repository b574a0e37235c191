/* Errors of hooks, and what the answers of on_error do. */
#include "lib/stage.h"
#include "lib/suite.h"
#include <string.h>

static maiko_status complain(maiko_context *ctx)
{
    return maiko_error(ctx, MAIKO_EACTOR, "disk %d is full", 3);
}

static maiko_status fail_in_handle(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    return player->events == 1 ? complain(ctx) : MAIKO_OK;
}

static maiko_status fail_in_hook(struct player *player, maiko_context *ctx)
{
    (void)player;
    return complain(ctx);
}

static maiko_error_action stop_all(struct player *player, maiko_context *ctx, maiko_status error)
{
    (void)player;
    CU_ASSERT_EQUAL(error, MAIKO_EACTOR);
    CU_ASSERT_STRING_EQUAL(maiko_context_error_text(ctx), "disk 3 is full");
    return maiko_error_stop_runtime();
}

/* Five events for everybody; the first one's handler fails and asks for the end of all. */
static void a_stop_of_the_runtime_drains_and_keeps_the_error(void)
{
    struct player failing = {.handle = fail_in_handle, .on_error = stop_all};
    struct player other = {.wanted = 0};
    struct stage stage;
    int i;

    stage_open(&stage, &(maiko_config){.shards = 1, .handle_no_signals = true});
    CU_ASSERT_EQUAL(stage_add(&stage, "failing", &failing), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "other", &other), MAIKO_OK);
    for (i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_run(stage.sup), MAIKO_EACTOR);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(stage.sup), "disk 3 is full"));
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(stage.sup), "failing"));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EACTOR);
    CU_ASSERT_EQUAL(failing.events, 5); /* it has not failed itself, so it drains like the others */
    CU_ASSERT_EQUAL(other.events, 5);
    CU_ASSERT_EQUAL(failing.stops, 1);
    CU_ASSERT_EQUAL(other.stops, 1);
    stage_close(&stage);
}

static maiko_step finish_at_once(struct player *player, maiko_context *ctx)
{
    (void)player;
    CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_finish(ctx), MAIKO_OK);
    return MAIKO_STEP_NEVER;
}

static void an_error_of_on_end_is_a_failure(void)
{
    struct player source = {.step = finish_at_once};
    struct player sink = {.on_end = fail_in_hook};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source, .publish = MAIKO_TOPICS("number"))), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "sink", &sink), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(sink.events, 1);
    CU_ASSERT_EQUAL(sink.ends, 1);
    CU_ASSERT_EQUAL(sink.errors, 0); /* on_error decides about handle and step only */
    CU_ASSERT_EQUAL(sink.stops, 1);
    CU_ASSERT_EQUAL(maiko_supervisor_status(stage.sup), MAIKO_EACTOR);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EACTOR);
    stage_close(&stage);
}

/* Fails until its third run. */
static maiko_step fail_twice(struct player *player, maiko_context *ctx)
{
    if (player->steps < 3)
        return complain(ctx);
    player->wanted = (int64_t)maiko_context_time(ctx);
    return MAIKO_STEP_NEVER;
}

static maiko_error_action retry_each_second(struct player *player, maiko_context *ctx, maiko_status error)
{
    (void)ctx;
    (void)error;
    return maiko_error_retry(MAIKO_SECONDS(1), (uint32_t)player->wanted);
}

static void a_step_is_tried_again(void)
{
    struct player player = {.step = fail_twice, .on_error = retry_each_second, .wanted = 2};
    struct stage stage;
    uint64_t began;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    began = maiko_context_time(maiko_supervisor_context(stage.sup));
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.steps, 3);
    CU_ASSERT_EQUAL(player.errors, 2);
    CU_ASSERT_TRUE((uint64_t)player.wanted >= began + MAIKO_SECONDS(2));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* One retry allowed, two needed; and none allowed, which is no retry. */
static void retries_run_out(void)
{
    int allowed;

    for (allowed = 0; allowed < 2; allowed++) {
        struct player player = {.step = fail_twice, .on_error = retry_each_second, .wanted = allowed};
        struct stage stage;

        stage_open(&stage, NULL);
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player)), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
        stage_settle(&stage);
        CU_ASSERT_EQUAL(player.steps, allowed + 1);
        CU_ASSERT_EQUAL(player.stops, 1);
        CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EACTOR);
        stage_close(&stage);
    }
}

static const struct test_case cases[] = {
    TEST_CASE(a_stop_of_the_runtime_drains_and_keeps_the_error),
    TEST_CASE(an_error_of_on_end_is_a_failure),
    TEST_CASE(a_step_is_tried_again),
    TEST_CASE(retries_run_out),
};
SUITE_MAIN("errors", cases)
