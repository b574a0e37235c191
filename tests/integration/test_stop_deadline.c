/* Stops whose queues would never be empty, or not in time: they end, run the last hooks, and leave no hook running. */
#include "lib/stage.h"
#include "lib/suite.h"
#include "lib/wait.h"
#include "runtime/supervisor_internal.h"

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

/* --- a batch under way when time is up --- */

enum { BATCH = 10 };

/* Events are queued before the first is handled, which lasts until time is up. */
struct batch {
    struct stage stage;
    struct player first; /* the first to be stopped */
    struct player keeper;
    struct player behind; /* has its turn after the keeper */
    _Atomic bool is_open;
    _Atomic int seen; /* events of the two that had been handled before the first on_stop */
};

static maiko_status note_what_was_handled(struct player *player, maiko_context *ctx)
{
    struct batch *batch = player->data;

    (void)ctx;
    atomic_store(&batch->seen, atomic_load(&batch->keeper.events) + atomic_load(&batch->behind.events));
    return MAIKO_OK;
}

/* When all have started. */
static maiko_step send_a_batch(struct player *player, maiko_context *ctx)
{
    int i;

    if (player->steps < 2)
        return MAIKO_STEP_CONTINUE;
    for (i = 0; i < BATCH; i++)
        CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = i), MAIKO_OK);
    return MAIKO_STEP_NEVER;
}

static maiko_status stay_until_time_is_up(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct batch *batch = player->data;

    (void)ctx;
    (void)envelope;
    CU_ASSERT_TRUE(wait_until(atomic_load(&batch->stage.sup->runs_stop_hooks), LONG_MS));
    return MAIKO_OK;
}

static maiko_status stay_until_let_go(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct batch *batch = player->data;

    (void)ctx;
    (void)envelope;
    CU_ASSERT_TRUE(wait_until(atomic_load(&batch->is_open), LONG_MS));
    return MAIKO_OK;
}

static void batch_begin(struct batch *batch, uint64_t part_ns)
{
    batch->first = (struct player){.step = send_a_batch, .on_stop = note_what_was_handled, .data = batch};
    batch->keeper.data = batch;
    stage_open(&batch->stage, &(maiko_config){.shards = 1,
                                              .tick_limit = 2 * BATCH,
                                              .handle_no_signals = true,
                                              .stop_deadline_ns = MAIKO_MS(20),
                                              .actor_stop_deadline_ns = part_ns});
    CU_ASSERT_EQUAL(maiko_supervisor_add(batch->stage.sup, PLAYER("first", &batch->first)), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&batch->stage, "keeper", &batch->keeper), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&batch->stage, "behind", &batch->behind), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(batch->stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&batch->keeper.events) == 1, LONG_MS));
}

/* Of both, because of the stop. */
static uint64_t left_behind_dropped(maiko_supervisor *sup)
{
    maiko_counters *counters = NULL;
    maiko_counters_balance balance;
    uint64_t dropped;

    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_counters(sup, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    CU_ASSERT(balance.is_balanced && balance.unfinished == 0);
    dropped = maiko_counters_dropped_for(counters, MAIKO_DROPPED_STOPPED);
    (void)maiko_counters_free(counters);
    return dropped;
}

static void when_time_is_up_the_last_hooks_come_behind_the_event_under_way(void)
{
    struct batch batch = {.keeper = {.handle = stay_until_time_is_up}};

    batch_begin(&batch, MAIKO_SECONDS(600));
    CU_ASSERT_EQUAL(stage_stop(&batch.stage), MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL(batch.seen, 1);
    CU_ASSERT_EQUAL(batch.keeper.events, BATCH); /* one by one, before its own */
    CU_ASSERT_EQUAL(batch.keeper.stops + batch.behind.stops, 2);
    CU_ASSERT_EQUAL(batch.stage.report.unfinished, (uint64_t)(BATCH - batch.behind.events));
    stage_close(&batch.stage);
}

static void a_thread_left_behind_handles_nothing_more(void)
{
    static struct batch batch = {.keeper = {.handle = stay_until_let_go}};
    static maiko_supervisor *left_behind; /* memory that a hook still uses stays for ever: reachable from here, so no leak */

    suite_allow_leaks();
    batch_begin(&batch, MAIKO_MS(20));
    batch.stage.keeps_no_books = true;
    left_behind = batch.stage.sup;
    CU_ASSERT_EQUAL(stage_stop(&batch.stage), MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL(batch.stage.report.unfinished, 2 * BATCH - 1); /* all but the one that is being handled */
    CU_ASSERT_EQUAL_FATAL(batch.stage.report.actor_count, 2);
    CU_ASSERT(strcmp(batch.stage.report.actors[0].name, "keeper") == 0 && batch.stage.report.actors[0].busy);
    CU_ASSERT_EQUAL(batch.stage.report.actors[0].events, BATCH - 1);
    CU_ASSERT(strcmp(batch.stage.report.actors[1].name, "behind") == 0 && !batch.stage.report.actors[1].busy);
    CU_ASSERT_EQUAL(batch.stage.report.actors[1].events, BATCH);
    atomic_store(&batch.is_open, true);
    CU_ASSERT_EQUAL(pthread_join(left_behind->shards[0]->thread, NULL), 0);
    CU_ASSERT_EQUAL(batch.keeper.events, 1);
    CU_ASSERT_EQUAL(batch.behind.events, 0);
    CU_ASSERT_EQUAL(left_behind_dropped(left_behind), 2 * BATCH - 1);
    stage_close(&batch.stage);
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
    TEST_CASE(when_time_is_up_the_last_hooks_come_behind_the_event_under_way),
    TEST_CASE(a_thread_left_behind_handles_nothing_more),
    TEST_CASE(a_stop_waits_for_the_hook_of_another_thread_that_polls),
};
SUITE_MAIN("stop deadlines", cases)
