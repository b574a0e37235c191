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

/* --- what is refused while it runs --- */

static maiko_status have_no_session(struct player *player, maiko_context *ctx)
{
    (void)player;
    return maiko_error(ctx, MAIKO_EACTOR, "no such session");
}

static maiko_status return_an_errno(struct player *player, maiko_context *ctx)
{
    (void)ctx;
    return (maiko_status)player->wanted;
}

static maiko_status handle_with_an_errno(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    return return_an_errno(player, ctx);
}

static void expect_refused(struct stage *stage, maiko_status status, maiko_status expected, const char *text)
{
    CU_ASSERT_EQUAL(status, expected);
    CU_ASSERT_STRING_EQUAL(maiko_supervisor_error_text(stage->sup), text);
    CU_ASSERT_TRUE(stage_logged(stage, text));
}

static void a_refused_add_says_why_and_is_no_failure(void)
{
    struct player player = {.wanted = 0};
    struct player late = {.on_start = have_no_session};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 2});
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    expect_refused(&stage, stage_add(&stage, "player", &late), MAIKO_EEXIST, "actor name 'player': already exists");
    expect_refused(&stage, maiko_supervisor_add(stage.sup, PLAYER("a", &late, .subscribe = MAIKO_TOPICS("a#b"))), MAIKO_ETOPIC,
                   "actor 'a': subscription 'a#b': invalid topic name or pattern");
    expect_refused(&stage, maiko_supervisor_add(stage.sup, PLAYER("a", &late, .with = "nobody")), MAIKO_ENOTFOUND,
                   "actor 'a': companion (.with) 'nobody': not found");
    expect_refused(&stage, maiko_supervisor_add(stage.sup, PLAYER("a", &late, .publish = MAIKO_TOPICS("$sys/x"))), MAIKO_EPERM,
                   "actor 'a': publication '$sys/x': not permitted");
    expect_refused(&stage, stage_add(&stage, "session", &late), MAIKO_EACTOR, "actor 'session': no such session");
    CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "session"), MAIKO_ENOTFOUND);
    CU_ASSERT_STRING_EQUAL(maiko_supervisor_error_text(stage.sup), "actor 'session' was not removed: not found");
    CU_ASSERT_EQUAL(maiko_supervisor_status(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "other", &player), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(maiko_supervisor_error_text(stage.sup), "");
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(late.starts, 1);
    CU_ASSERT_EQUAL(late.stops, 0);
    stage_close(&stage);
}

static void fail_with(struct player *player, const char *text)
{
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    stage_settle(&stage);
    (void)stage_stop(&stage);
    CU_ASSERT_STRING_EQUAL(stage.report.text, text);
    stage_close(&stage);
}

static void what_is_no_status_is_an_error(void)
{
    fail_with(&(struct player){.on_start = return_an_errno, .wanted = 2},
              "actor 'player': on_start returned 2, which is no status");
    fail_with(&(struct player){.handle = handle_with_an_errno, .wanted = 5},
              "actor 'player': a handler returned 5, which is no status");
    fail_with(&(struct player){.on_stop = return_an_errno, .wanted = 1},
              "actor 'player': on_stop returned 1, which is no status");
    fail_with(&(struct player){.handle = handle_with_an_errno, .wanted = -77}, "actor 'player': unknown status -77");
}

static void a_report_can_be_had_after_the_stop(void)
{
    struct player player = {.wanted = 0};
    maiko_stop_report first;
    maiko_stop_report again;
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(stage.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(stage.sup, &first), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(stage.sup, &again), MAIKO_OK);
    CU_ASSERT_EQUAL(first.unfinished, 1);
    CU_ASSERT_EQUAL(again.unfinished, 1);
    CU_ASSERT_EQUAL_FATAL(again.actor_count, 1);
    CU_ASSERT_STRING_EQUAL(again.actors[0].name, first.actors[0].name);
    maiko_stop_report_deinit(&first);
    maiko_stop_report_deinit(&again);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage.report.unfinished, 1);
    stage_close(&stage);
}

static maiko_step rest_an_hour(struct player *player, maiko_context *ctx)
{
    if (player->steps == 1) {
        player->wanted = (int64_t)maiko_context_time(ctx);
        return MAIKO_STEP_BACKOFF(MAIKO_HOURS(1));
    }
    player->wanted = (int64_t)maiko_context_time(ctx) - player->wanted;
    return MAIKO_STEP_NEVER;
}

static void a_retry_does_not_end_the_backoff_of_the_step(void)
{
    struct player player = {.step = rest_an_hour, .handle = fail_in_handle, .on_error = retry_each_second, .wanted = 1};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.events, 2); /* the same one twice */
    CU_ASSERT_EQUAL(player.steps, 2);
    CU_ASSERT_TRUE((uint64_t)player.wanted >= MAIKO_HOURS(1));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static maiko_step send_each_half_second(struct player *player, maiko_context *ctx)
{
    CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = player->steps), MAIKO_OK);
    return player->steps < 100 ? MAIKO_STEP_BACKOFF(MAIKO_MS(500)) : MAIKO_STEP_NEVER;
}

static maiko_step fail_always(struct player *player, maiko_context *ctx)
{
    if (player->steps > 1)
        CU_ASSERT_EQUAL(player->events, player->wanted);
    player->wanted = player->events;
    return complain(ctx);
}

static maiko_error_action retry_thrice(struct player *player, maiko_context *ctx, maiko_status error)
{
    (void)player;
    (void)ctx;
    (void)error;
    return maiko_error_retry(MAIKO_SECONDS(1), 3);
}

static void no_event_comes_between_a_failed_step_and_its_retries(void)
{
    struct player source = {.step = send_each_half_second};
    struct player player = {.step = fail_always, .on_error = retry_thrice};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(source.steps, 100);
    CU_ASSERT_EQUAL(player.steps, 4);
    CU_ASSERT_EQUAL(player.stops, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EACTOR);
    stage_close(&stage);
}

static void a_stop_does_not_wait_for_the_retry_of_a_step(void)
{
    struct player player = {.step = fail_always, .on_error = retry_thrice};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_supervisor_poll(stage.sup, 1) >= 1);
    CU_ASSERT_EQUAL(player.errors, 1);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(player.events, 1);
    CU_ASSERT_EQUAL(player.steps, 1);
    stage_close(&stage);
}

/* The second has no place and its policy is to fail. */
static maiko_status send_two_to_itself(struct player *player, maiko_context *ctx)
{
    (void)player;
    CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = 1), MAIKO_OK);
    (void)maiko_send(ctx, number, .value = 2);
    return MAIKO_OK;
}

static void an_actor_that_fails_itself_in_on_start_is_told_to_who_added_it(void)
{
    static const maiko_subscription subscriptions[] = {{.pattern = "number", .overflow = MAIKO_FAIL}, {.pattern = NULL}};
    struct player player = {.on_start = send_two_to_itself};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 1});
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_NOT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player, .capacity = 1, .receive_own = true,
                                                               .subscriptions = subscriptions)),
                        MAIKO_OK);
    CU_ASSERT_STRING_NOT_EQUAL(maiko_supervisor_error_text(stage.sup), "");
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(player.stops, 1);
    stage_close(&stage);
}

/* A log that sends what it is told, and gets it wrong. */
struct faulty_log {
    maiko_supervisor *sup;
    unsigned depth;
    unsigned deepest;
    unsigned lines;
};

static void send_wrongly(maiko_log_level level, const char *text, void *userdata)
{
    struct faulty_log *log = userdata;
    maiko_context *ctx = maiko_supervisor_context(log->sup);

    (void)level;
    (void)text;
    log->lines++;
    log->depth++;
    log->deepest = log->depth > log->deepest ? log->depth : log->deepest;
    if (log->depth < 100) { /* each is another mistake than the one before */
        CU_ASSERT_EQUAL(maiko_send_to(ctx, "a/#", number, .value = 1), MAIKO_ETOPIC);
        CU_ASSERT_PTR_NOT_NULL(strstr(maiko_context_error_text(ctx), "a/#"));
        CU_ASSERT_EQUAL(maiko_send_to(ctx, "$sys/log", number, .value = 1), MAIKO_EPERM);
    }
    log->depth--;
}

static void a_log_that_makes_mistakes_by_turns_is_not_told_of_them(void)
{
    struct player player = {.wanted = 0};
    struct faulty_log log = {.sup = NULL};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 1, .log = send_wrongly, .log_userdata = &log});
    log.sup = stage.sup;
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    log.lines = 0;
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(stage.sup), "b/+", number, .value = 1), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(log.lines, 1);
    CU_ASSERT_EQUAL(log.deepest, 1);
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(stage.sup), "b/+", number, .value = 1), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(log.lines, 2); /* its own mistake was another one, and the guard has gone with the call */
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(a_refused_add_says_why_and_is_no_failure),
    TEST_CASE(what_is_no_status_is_an_error),
    TEST_CASE(a_log_that_makes_mistakes_by_turns_is_not_told_of_them),
    TEST_CASE(a_report_can_be_had_after_the_stop),
    TEST_CASE(a_stop_of_the_runtime_drains_and_keeps_the_error),
    TEST_CASE(an_error_of_on_end_is_a_failure),
    TEST_CASE(a_step_is_tried_again),
    TEST_CASE(retries_run_out),
    TEST_CASE(a_retry_does_not_end_the_backoff_of_the_step),
    TEST_CASE(no_event_comes_between_a_failed_step_and_its_retries),
    TEST_CASE(a_stop_does_not_wait_for_the_retry_of_a_step),
    TEST_CASE(an_actor_that_fails_itself_in_on_start_is_told_to_who_added_it),
};
SUITE_MAIN("errors", cases)
