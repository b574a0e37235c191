/* What the library owes the program it lives in: its signals, its threads' names, and that two supervisors are strangers. */
#include "lib/stage.h"
#include "lib/suite.h"
#include "lib/wait.h"
#include <errno.h>
#include <signal.h>
#include <string.h>

static const maiko_config one_thread = {.name = "plant", .shards = 1};

/* --- signals --- */

struct runner {
    pthread_t thread;
    int signal_number;
    maiko_supervisor *sup;
};

/* Of the thread that is in run, as a shell's kill would hit it if it were the only one. */
static maiko_step signal_the_runner(struct player *player, maiko_context *ctx)
{
    struct runner *runner = player->data;

    (void)ctx;
    CU_ASSERT_EQUAL(pthread_kill(runner->thread, runner->signal_number), 0);
    return MAIKO_STEP_NEVER;
}

static bool same_mask(const sigset_t *a, const sigset_t *b)
{
    int i;

    for (i = 1; i < SIGRTMAX; i++) {
        if (sigismember(a, i) != sigismember(b, i))
            return false;
    }
    return true;
}

static void run_ends_with(int signal_number)
{
    struct runner runner = {.thread = pthread_self(), .signal_number = signal_number};
    struct player player = {.step = signal_the_runner, .data = &runner};
    struct stage stage;
    sigset_t before;
    sigset_t after;

    pthread_sigmask(SIG_BLOCK, NULL, &before);
    stage_open(&stage, &one_thread);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_run(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(player.stops, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    CU_ASSERT_TRUE(same_mask(&before, &after));
}

static void run_ends_with_sigint_and_sigterm(void)
{
    run_ends_with(SIGINT);
    run_ends_with(SIGTERM);
}

static maiko_supervisor *asked;

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    errno = 4711;
    (void)maiko_supervisor_request_stop(asked);
    if (errno != 4711)
        asked = NULL; /* a handler that changes errno breaks whom it interrupts */
}

static void a_program_may_handle_signals_itself(void)
{
    struct runner runner = {.thread = pthread_self(), .signal_number = SIGTERM};
    struct player player = {.step = signal_the_runner, .data = &runner};
    struct sigaction own = {.sa_handler = ask_to_stop};
    struct sigaction before;
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 1, .handle_no_signals = true});
    asked = stage.sup;
    CU_ASSERT_EQUAL(sigaction(SIGTERM, &own, &before), 0);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_run(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(sigaction(SIGTERM, &before, NULL), 0);
    CU_ASSERT_PTR_EQUAL(asked, stage.sup);
    CU_ASSERT_EQUAL(player.stops, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- threads --- */

struct sight {
    sigset_t blocked;
    char name[16];
};

static maiko_status look_around(struct player *player, maiko_context *ctx)
{
    struct sight *sight = player->data;

    (void)ctx;
    CU_ASSERT_EQUAL(pthread_sigmask(SIG_BLOCK, NULL, &sight->blocked), 0);
    CU_ASSERT_EQUAL(pthread_getname_np(pthread_self(), sight->name, sizeof sight->name), 0);
    return MAIKO_OK;
}

/* As an actor of the first shard and as a dedicated one sees it. */
static void look_from_inside(struct sight sights[2])
{
    struct player near = {.on_start = look_around, .data = &sights[0]};
    struct player far = {.on_start = look_around, .data = &sights[1]};
    struct stage stage;

    stage_open(&stage, &one_thread);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("near", &near)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("far", &far, .dedicated = true)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(near.stops, 1);
    CU_ASSERT_EQUAL(far.stops, 1);
    stage_close(&stage);
}

static void signals_of_the_program_reach_no_thread_of_the_library(void)
{
    static const int of_the_program[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1, SIGPIPE, SIGPROF};
    struct sight sights[2];
    size_t i;

    look_from_inside(sights);
    for (i = 0; i < sizeof of_the_program / sizeof of_the_program[0]; i++) {
        CU_ASSERT_EQUAL(sigismember(&sights[0].blocked, of_the_program[i]), 1);
        CU_ASSERT_EQUAL(sigismember(&sights[1].blocked, of_the_program[i]), 1);
    }
}

/* Blocked they would end the program without asking the handler of its crash reporter. */
static void faults_of_a_handler_reach_the_programs_crash_reporter(void)
{
    static const int of_the_thread[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    struct sight sights[2];
    size_t i;

    look_from_inside(sights);
    for (i = 0; i < sizeof of_the_thread / sizeof of_the_thread[0]; i++) {
        CU_ASSERT_EQUAL(sigismember(&sights[0].blocked, of_the_thread[i]), 0);
        CU_ASSERT_EQUAL(sigismember(&sights[1].blocked, of_the_thread[i]), 0);
    }
}

static void threads_carry_the_name_of_their_supervisor(void)
{
    struct sight sights[2];

    look_from_inside(sights);
    CU_ASSERT_STRING_EQUAL(sights[0].name, "plant/0");
    CU_ASSERT_STRING_EQUAL(sights[1].name, "plant/1");
}

/* --- two of them --- */

static maiko_status pass_to_the_other(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    const number *event = maiko_event_as(envelope, number);

    (void)ctx;
    return maiko_send(maiko_supervisor_context(player->data), number, .value = event->value + 1);
}

static void two_supervisors_share_nothing(void)
{
    struct player first = {.handle = pass_to_the_other};
    struct player second = {.wanted = 0};
    struct stage one;
    struct stage other;

    stage_open(&one, &one_thread);
    stage_open(&other, &one_thread);
    first.data = other.sup;
    CU_ASSERT_EQUAL(stage_add(&one, "player", &first), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&other, "player", &second), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(one.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(other.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&one, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&one), MAIKO_OK); /* what it sent to the other one is with the other one then */
    CU_ASSERT_EQUAL(stage_send(&other, 10), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&other), MAIKO_OK);
    CU_ASSERT_EQUAL(first.events, 1);
    CU_ASSERT_EQUAL(second.events, 2);
    CU_ASSERT_EQUAL(second.values[0], 2);
    CU_ASSERT_EQUAL(second.values[1], 10);
    stage_close(&one);
    stage_close(&other);
}

/* --- spinning --- */

static maiko_status answer_until_100(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    const number *event = maiko_event_as(envelope, number);

    (void)player;
    return event->value >= 100 ? maiko_stop_runtime(ctx) : maiko_send_child(ctx, envelope, number, .value = event->value + 1);
}

static void shards_may_spin_before_they_sleep(void)
{
    struct player ping = {.handle = answer_until_100};
    struct player pong = {.handle = answer_until_100};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 2, .spin_ns = MAIKO_MS(1), .placement = MAIKO_PLACEMENT_FIXED});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("ping", &ping, .shard = MAIKO_SHARD(0), .subscribe = MAIKO_TOPICS("number"))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("pong", &pong, .shard = MAIKO_SHARD(1), .subscribe = MAIKO_TOPICS("number"))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_join(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_TRUE(ping.events + pong.events >= 101);
    stage_close(&stage);
}

/* A shard that spins has read its clock before the event came: its time is to be that of the event at least. */
static void note_time(struct player *player, const maiko_context *ctx, const maiko_envelope *envelope)
{
    player->wanted += maiko_context_time(ctx) < maiko_envelope_time(envelope);
}

static maiko_status note_time_until_2000(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    const number *event = maiko_event_as(envelope, number);

    note_time(player, ctx, envelope);
    return event->value >= 2000 ? maiko_stop_runtime(ctx) : maiko_send_child(ctx, envelope, number, .value = event->value + 1);
}

static maiko_step keep_busy(struct player *player, maiko_context *ctx)
{
    (void)player;
    (void)ctx;
    return MAIKO_STEP_CONTINUE;
}

/* One of the two shards never spins, so its events are newer than what the other one read while it waited. */
static void no_event_is_newer_than_its_handler(void)
{
    struct player ping = {.handle = note_time_until_2000};
    struct player pong = {.handle = note_time_until_2000};
    struct player busy = {.step = keep_busy};
    struct stage stage;

    stage_open(&stage,
               &(maiko_config){.shards = 2, .spin_ns = MAIKO_MS(1), .turn_budget_events = 1, .placement = MAIKO_PLACEMENT_FIXED});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("ping", &ping, .shard = MAIKO_SHARD(0), .subscribe = MAIKO_TOPICS("number"))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("pong", &pong, .shard = MAIKO_SHARD(1), .subscribe = MAIKO_TOPICS("number"))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("busy", &busy, .shard = MAIKO_SHARD(0))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_join(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(ping.wanted + pong.wanted, 0);
    stage_close(&stage);
}

static maiko_status note_time_and_pass(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    note_time(player, ctx, envelope);
    return pass_to_the_other(player, ctx, envelope);
}

static maiko_status note_time_until_the_end(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    return maiko_event_as(envelope, number)->value >= 2000 ? maiko_stop_runtime(ctx) : note_time_and_pass(player, ctx, envelope);
}

static void nor_is_one_from_outside(void)
{
    const maiko_config spinning = {.shards = 1, .spin_ns = MAIKO_MS(1)};
    struct player first = {.handle = note_time_until_the_end};
    struct player second = {.handle = note_time_and_pass};
    struct stage one;
    struct stage other;

    stage_open(&one, &spinning);
    stage_open(&other, &spinning);
    first.data = other.sup;
    second.data = one.sup;
    CU_ASSERT_EQUAL(stage_add(&one, "first", &first), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&other, "second", &second), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(one.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(other.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&one, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_join(one.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&other), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&one), MAIKO_OK);
    CU_ASSERT_EQUAL(first.wanted + second.wanted, 0);
    stage_close(&one);
    stage_close(&other);
}

static const struct test_case cases[] = {
    TEST_CASE(run_ends_with_sigint_and_sigterm),
    TEST_CASE(a_program_may_handle_signals_itself),
    TEST_CASE(signals_of_the_program_reach_no_thread_of_the_library),
    TEST_CASE(faults_of_a_handler_reach_the_programs_crash_reporter),
    TEST_CASE(threads_carry_the_name_of_their_supervisor),
    TEST_CASE(two_supervisors_share_nothing),
    TEST_CASE(shards_may_spin_before_they_sleep),
    TEST_CASE(no_event_is_newer_than_its_handler),
    TEST_CASE(nor_is_one_from_outside),
};
SUITE_MAIN("host", cases)
