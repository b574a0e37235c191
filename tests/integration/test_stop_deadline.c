/* Stops whose queues would never be empty, or not in time: they end, run the last hooks, and leave no hook running. */
#include "lib/stage.h"
#include "lib/suite.h"
#include "lib/wait.h"

#include <pthread.h>

enum { BACKLOG = 5000, HANDLER_MS = 5, LONG_MS = 30000 };

static maiko_status send_on(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    const number *event = maiko_event_as(envelope, number);

    (void)player;
    return maiko_send(ctx, number, .value = event->value + 1);
}

static void stop_who_never_rests(int players)
{
    static const char *const names[2] = {"one", "two"};
    struct player all[2] = {{.handle = send_on}, {.handle = send_on}};
    struct stage stage;
    int i;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2, .stop_deadline_ns = MAIKO_SECONDS(1)});
    for (i = 0; i < players; i++)
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER(names[i], &all[i], .subscribe = MAIKO_TOPICS("number"),
                                                               .receive_own = players == 1)),
                        MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_supervisor_poll(stage.sup, 10) >= 10);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ETIMEDOUT);
    if (players == 1) /* else the last event went to one that had stopped */
        CU_ASSERT_TRUE(stage.report.unfinished > 0);
    for (i = 0; i < players; i++)
        CU_ASSERT_EQUAL(all[i].stops, 1);
    stage_close(&stage);
}

static void an_actor_that_sends_to_itself_for_ever_is_stopped(void)
{
    stop_who_never_rests(1);
}

static void actors_that_send_to_each_other_for_ever_are_stopped(void)
{
    stop_who_never_rests(2);
}

static maiko_status work(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)player;
    (void)ctx;
    (void)envelope;
    (void)wait_until(false, HANDLER_MS);
    return MAIKO_OK;
}

static maiko_status send_backlog(struct player *player, maiko_context *ctx)
{
    int i;

    (void)player;
    for (i = 0; i < BACKLOG; i++)
        CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = i), MAIKO_OK);
    return MAIKO_OK;
}

static void a_long_queue_is_cut_and_its_actor_stopped_in_order(void)
{
    struct player slow = {.handle = work};
    struct player source = {.on_start = send_backlog};
    struct stage stage;
    int handled;

    stage_open(&stage, &(maiko_config){.shards = 1,
                                       .mailbox_capacity = BACKLOG,
                                       .handle_no_signals = true,
                                       .stop_deadline_ns = MAIKO_MS(50),
                                       .actor_stop_deadline_ns = MAIKO_SECONDS(4)});
    CU_ASSERT_EQUAL(stage_add(&stage, "slow", &slow), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&slow.events) > 0, LONG_MS));
    CU_ASSERT_EQUAL(maiko_supervisor_halt(stage.sup, &stage.report), MAIKO_ETIMEDOUT);
    handled = slow.events;
    CU_ASSERT_EQUAL(slow.stops, 1);
    CU_ASSERT_EQUAL(stage.report.unfinished, (uint64_t)(BACKLOG - handled));
    maiko_stop_report_deinit(&stage.report);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL(slow.events, handled);
    stage_close(&stage);
}

/* --- a stop while another thread polls --- */

struct visit {
    struct stage stage;
    struct player player;
    _Atomic int inside;
    _Atomic bool may_leave;
    int64_t polled;
};

static maiko_status stay(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct visit *visit = player->data;

    (void)ctx;
    (void)envelope;
    CU_ASSERT_EQUAL(atomic_fetch_add(&visit->inside, 1), 0);
    CU_ASSERT_TRUE(wait_until(atomic_load(&visit->may_leave), LONG_MS));
    atomic_fetch_sub(&visit->inside, 1);
    return MAIKO_OK;
}

static void *poll_once(void *arg)
{
    struct visit *visit = arg;

    visit->polled = maiko_supervisor_poll(visit->stage.sup, 0);
    return NULL;
}

static void *halt(void *arg)
{
    struct visit *visit = arg;

    CU_ASSERT_EQUAL(maiko_supervisor_halt(visit->stage.sup, NULL), MAIKO_OK);
    return NULL;
}

static void a_stop_waits_for_the_hook_of_another_thread_that_polls(void)
{
    struct visit visit = {.player = {.handle = stay, .data = &visit}};
    pthread_t poller;
    pthread_t halter;

    stage_open(&visit.stage, &(maiko_config){.mode = MAIKO_POLLED});
    CU_ASSERT_EQUAL(stage_add(&visit.stage, "guest", &visit.player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(visit.stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&visit.stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&visit.stage, 2), MAIKO_OK);
    CU_ASSERT_EQUAL(pthread_create(&poller, NULL, poll_once, &visit), 0);
    CU_ASSERT_TRUE(wait_until(atomic_load(&visit.inside) == 1, LONG_MS));
    CU_ASSERT_EQUAL(pthread_create(&halter, NULL, halt, &visit), 0);
    CU_ASSERT_TRUE(wait_until(maiko_supervisor_poll(visit.stage.sup, 0) == MAIKO_ECLOSED, LONG_MS));
    atomic_store(&visit.may_leave, true);
    CU_ASSERT_EQUAL(pthread_join(poller, NULL), 0);
    CU_ASSERT_EQUAL(pthread_join(halter, NULL), 0);
    CU_ASSERT_TRUE(visit.polled > 0);
    CU_ASSERT_EQUAL(visit.player.events, 2);
    CU_ASSERT_EQUAL(visit.player.stops, 1);
    CU_ASSERT_EQUAL(stage_stop(&visit.stage), MAIKO_OK);
    stage_close(&visit.stage);
}

static const struct test_case cases[] = {
    TEST_CASE(an_actor_that_sends_to_itself_for_ever_is_stopped),
    TEST_CASE(actors_that_send_to_each_other_for_ever_are_stopped),
    TEST_CASE(a_long_queue_is_cut_and_its_actor_stopped_in_order),
    TEST_CASE(a_stop_waits_for_the_hook_of_another_thread_that_polls),
};
SUITE_MAIN("stop deadlines", cases)
