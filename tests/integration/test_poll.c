/* A supervisor inside somebody else's loop: each poll gives the loop back. */
#include "lib/stage.h"
#include "lib/suite.h"
#include <poll.h>
#include <pthread.h>

enum { LONG_MS = 30000 };

static const maiko_config polled = {.mode = MAIKO_POLLED};

static maiko_step send_to_nobody(struct player *player, maiko_context *ctx)
{
    CU_ASSERT_EQUAL(maiko_send_to(ctx, "elsewhere", number, .value = player->steps), MAIKO_OK);
    return MAIKO_STEP_CONTINUE;
}

static maiko_step go_on(struct player *player, maiko_context *ctx)
{
    (void)player;
    (void)ctx;
    return MAIKO_STEP_CONTINUE;
}

static bool is_readable(const struct stage *stage, int timeout_ms)
{
    struct pollfd fd = {.fd = maiko_supervisor_fd(stage->sup), .events = POLLIN};

    return poll(&fd, 1, timeout_ms) == 1;
}

/* Nobody handles anything: the budget counts steps. */
static void a_step_that_always_goes_on_gives_the_loop_back(const maiko_config *config,
                                                           maiko_step (*step)(struct player *, maiko_context *))
{
    struct player source = {.step = step};
    struct stage stage;
    int64_t done;

    stage_open(&stage, config);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    done = maiko_supervisor_poll(stage.sup, 5);
    CU_ASSERT_EQUAL(done, source.steps);
    CU_ASSERT_TRUE(done >= 5);
    CU_ASSERT_TRUE(done < 5 + 8); /* a virtual shard's turn is not cut */
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void a_source_without_subscribers_gives_the_loop_back(void)
{
    a_step_that_always_goes_on_gives_the_loop_back(&polled, send_to_nobody);
    a_step_that_always_goes_on_gives_the_loop_back(NULL, send_to_nobody);
}

static void a_busy_step_gives_the_loop_back(void)
{
    a_step_that_always_goes_on_gives_the_loop_back(&polled, go_on);
    a_step_that_always_goes_on_gives_the_loop_back(NULL, go_on);
}

static void work_that_is_left_makes_the_descriptor_readable(void)
{
    struct player source = {.step = go_on};
    struct stage stage;

    stage_open(&stage, &polled);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(stage.sup, 5), 5);
    CU_ASSERT_TRUE(is_readable(&stage, 0));
    CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "source"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(stage.sup, 0), 0);
    CU_ASSERT_FALSE(is_readable(&stage, 0));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* Many actors with one event each: the budget is exact when it ends between batches. */
static void a_poll_handles_as_many_events_as_it_was_given(void)
{
    struct player players[40] = {{.wanted = 0}};
    struct stage stage;
    char name[16];
    int i;

    stage_open(&stage, &polled);
    for (i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "p%d", i);
        CU_ASSERT_EQUAL(stage_add(&stage, name, &players[i]), MAIKO_OK);
    }
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(stage.sup, 0), 40); /* everybody's first step */
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    for (i = 0; i < 40; i++) {
        CU_ASSERT_TRUE(is_readable(&stage, 0));
        CU_ASSERT_EQUAL(maiko_supervisor_poll(stage.sup, 1), 1);
    }
    CU_ASSERT_EQUAL(maiko_supervisor_poll(stage.sup, 1), 0);
    CU_ASSERT_EQUAL(stage_send(&stage, 2), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(stage.sup, 25), 25);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(stage.sup, 25), 15);
    CU_ASSERT_FALSE(is_readable(&stage, 0));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void a_loop_may_wait_before_it_polls(void)
{
    struct stage stage;
    struct player player = {.wanted = 0};

    stage_open(&stage, &polled);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(is_readable(&stage, LONG_MS));
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.starts, 1);
    CU_ASSERT_FALSE(is_readable(&stage, 0));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void a_send_before_the_first_poll_wakes_the_loop(void)
{
    struct stage stage;

    stage_open(&stage, &polled);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_FALSE(is_readable(&stage, 0));
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE(is_readable(&stage, LONG_MS));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static maiko_supervisor *polled_by_two;

static void *poll_too(void *ret_result)
{
    *(int64_t *)ret_result = maiko_supervisor_poll(polled_by_two, 0);
    return NULL;
}

static maiko_step let_another_poll(struct player *player, maiko_context *ctx)
{
    int64_t result = 0;
    pthread_t thread;

    (void)ctx;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, poll_too, &result), 0);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(result, MAIKO_ETHREAD);
    return MAIKO_STEP_NEVER;
}

static void a_second_thread_does_not_poll_meanwhile(void)
{
    struct player player = {.step = let_another_poll};
    struct stage stage;

    stage_open(&stage, &polled);
    polled_by_two = stage.sup;
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(stage.sup, 0), 1);
    CU_ASSERT_EQUAL(player.steps, 1);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(stage.sup, 0), 0); /* the next one may */
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(a_source_without_subscribers_gives_the_loop_back),
    TEST_CASE(a_busy_step_gives_the_loop_back),
    TEST_CASE(work_that_is_left_makes_the_descriptor_readable),
    TEST_CASE(a_poll_handles_as_many_events_as_it_was_given),
    TEST_CASE(a_loop_may_wait_before_it_polls),
    TEST_CASE(a_send_before_the_first_poll_wakes_the_loop),
    TEST_CASE(a_second_thread_does_not_poll_meanwhile),
};
SUITE_MAIN("poll", cases)
