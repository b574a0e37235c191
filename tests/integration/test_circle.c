/* Ends of circles.  In one process a circle ends when it is idle and its outside publisher has finished.  Over two processes it
 * waits, and ends when one of its actors finishes, or by a stop; everything that was sent is handled in each case. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <maiko/app.h>
#include <maiko/maiko.h>

#include "lib/child.h"
#include "lib/scratch.h"
#include "lib/suite.h"

#define BALL_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(serve, "circle/serve", BALL_FIELDS)
MAIKO_EVENT(ping, "circle/ping", BALL_FIELDS)
MAIKO_EVENT(pong, "circle/pong", BALL_FIELDS)

enum { ROUNDS = 50 };

static uint64_t pings;
static uint64_t pongs;

static bool finishes(void)
{
    return getenv("CIRCLE_FINISHES") != NULL;
}

static maiko_step serve_once(void *self, maiko_context *ctx)
{
    (void)maiko_send(ctx, serve, .number = 0);
    return maiko_finish(ctx) == MAIKO_OK ? MAIKO_STEP_NEVER : MAIKO_STEP_CONTINUE;
}

/* A file that the test waits for. */
static void say_idle(void)
{
    const char *path = getenv("CIRCLE_IDLE");
    FILE *file = path != NULL ? fopen(path, "w") : NULL;

    if (file != NULL)
        fclose(file);
}

/* Sends each ball on until it has gone round often enough; then the circle is idle. */
static maiko_status hit(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const pong *back = maiko_event_as(envelope, pong);
    uint64_t number = back == NULL ? 0 : back->number;

    pongs += back != NULL;
    if (number < ROUNDS)
        return maiko_send(ctx, ping, .number = number + 1);
    say_idle();
    return finishes() ? maiko_finish(ctx) : MAIKO_OK;
}

static maiko_status hit_back(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const ping *ball = maiko_event_as(envelope, ping);

    pings++;
    return ball == NULL ? MAIKO_OK : maiko_send(ctx, pong, .number = ball->number);
}

static const maiko_actor_ops server_ops = {.step = serve_once};
static const maiko_actor_ops hitter_ops = {.handle = hit};
static const maiko_actor_ops returner_ops = {.handle = hit_back};

static const maiko_actor_spec table[] = {
    {.name = "server", .ops = &server_ops, .publish = MAIKO_TOPICS("circle/serve")},
    {.name = "hitter",
     .ops = &hitter_ops,
     .subscribe = MAIKO_TOPICS("circle/serve", "circle/pong"),
     .publish = MAIKO_TOPICS("circle/ping")},
    {.name = "returner", .ops = &returner_ops, .subscribe = MAIKO_TOPICS("circle/ping"), .publish = MAIKO_TOPICS("circle/pong")},
};

static int run_app(int argc, char **argv)
{
    int code = maiko_app_main(argc, argv, &MAIKO_APP("circle", table));

    printf("%d pings %d pongs\n", (int)pings, (int)pongs);
    return code;
}

/* ---- */

static bool start_one(struct child *child, const char *actors)
{
    char program[] = "/proc/self/exe";
    char role[] = "--app";
    char option[] = "--actors";
    char names[32];
    char space[] = "--space";
    char name[] = "circle";
    char *all[] = {program, role, NULL};
    char *some[] = {program, role, option, names, space, name, NULL};

    snprintf(names, sizeof(names), "%s", actors);
    return child_start_program(child, actors[0] == '\0' ? all : some);
}

static void expect_end(struct child *child, const char *expected)
{
    char output[512] = "";

    child_read_output(child, output, sizeof(output));
    CU_ASSERT_EQUAL(child_end(child, 60000), 0);
    if (strstr(output, expected) == NULL)
        SUITE_FAIL("\"%s\" is not in \"%s\"", expected, output);
}

/* What the records of the nodes say of it. */
static bool has_ended(const char *runtime_dir, const char *actor)
{
    char command[1024];

    snprintf(command, sizeof(command), "grep -qs '\"finished\":\\[[^]]*\"%s\"' %s/maiko/circle/*/node", actor, runtime_dir);
    return system(command) == 0;
}

static void in_one_process_a_circle_ends_when_it_is_idle(void)
{
    struct child child;

    CU_ASSERT_TRUE_FATAL(start_one(&child, ""));
    expect_end(&child, "50 pings 50 pongs");
}

static void over_two_processes_it_ends_when_one_of_it_finishes(void)
{
    struct scratch scratch;
    struct child left;
    struct child right;

    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    setenv("XDG_RUNTIME_DIR", scratch.path, 1);
    setenv("CIRCLE_FINISHES", "1", 1);
    CU_ASSERT_TRUE_FATAL(start_one(&left, "server,hitter"));
    CU_ASSERT_TRUE_FATAL(start_one(&right, "returner"));
    unsetenv("CIRCLE_FINISHES");
    expect_end(&left, "0 pings 50 pongs");
    expect_end(&right, "50 pings 0 pongs");
    scratch_deinit(&scratch);
}

static void over_two_processes_it_waits_and_a_stop_ends_it(void)
{
    struct scratch scratch;
    struct child left;
    struct child right;
    char idle[600];

    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    setenv("XDG_RUNTIME_DIR", scratch.path, 1);
    (void)scratch_file(&scratch, "idle", idle, sizeof(idle));
    setenv("CIRCLE_IDLE", idle, 1);
    CU_ASSERT_TRUE_FATAL(start_one(&left, "server,hitter"));
    CU_ASSERT_TRUE_FATAL(start_one(&right, "returner"));
    unsetenv("CIRCLE_IDLE");
    CU_ASSERT(wait_until(has_ended(scratch.path, "server"), 60000));
    CU_ASSERT(wait_until(access(idle, F_OK) == 0, 60000));
    CU_ASSERT_FALSE(wait_until(has_ended(scratch.path, "hitter") || has_ended(scratch.path, "returner"), 300));
    child_signal(&left, SIGTERM);
    child_signal(&right, SIGTERM);
    expect_end(&left, "0 pings 50 pongs");
    expect_end(&right, "50 pings 0 pongs");
    scratch_deinit(&scratch);
}

static const struct test_case cases[] = {
    TEST_CASE(in_one_process_a_circle_ends_when_it_is_idle),
    TEST_CASE(over_two_processes_it_ends_when_one_of_it_finishes),
    TEST_CASE(over_two_processes_it_waits_and_a_stop_ends_it),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "circle", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 1 && strcmp(argv[1], "--app") == 0)
        return run_app(argc - 1, argv + 1);
    return suite_main(argc, argv, &suite);
}
