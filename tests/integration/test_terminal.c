/* An app at a terminal: what it says when it is used wrongly or alone, and how it goes when somebody presses Ctrl-C. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <maiko/app.h>
#include <maiko/counters.h>
#include <maiko/maiko.h>
#include <maiko/space.h>

#include "lib/process.h"
#include "lib/suite.h"
#include "lib/wait.h"

#define TICK_FIELDS(F) F(UINT64, number)
MAIKO_EVENT_WITH(tick, "t", TICK_FIELDS, .overflow = MAIKO_DROP_NEWEST)

/* Sends for ever, and is never held. */
static maiko_step send_tick(void *self, maiko_context *ctx)
{
    (void)self;
    (void)maiko_send(ctx, tick, .number = 1);
    return MAIKO_STEP_BACKOFF(MAIKO_MS(1));
}

static const maiko_actor_ops ops = {.handle = NULL};
static const maiko_actor_ops ticking = {.step = send_tick};

static const maiko_actor_spec actors[] = {
    {.name = "near", .ops = &ticking, .publish = MAIKO_TOPICS("t")},
    {.name = "far", .ops = &ops, .subscribe = MAIKO_TOPICS("t")},
};

static maiko_status prepare(int argc, char **argv, void *userdata)
{
    (void)argv;
    (void)userdata;
    return argc <= 1 ? MAIKO_OK : MAIKO_EINVAL;
}

static int run_app(int argc, char **argv)
{
    return maiko_app_main(argc, argv, &MAIKO_APP("terminal", actors, .arguments = "WORD", .prepare = prepare));
}

static struct host host;

static void start(struct process *process, const char *options)
{
    char line[700];

    snprintf(line, sizeof(line), "--app %s", options);
    process_start(process, "/proc/self/exe", line, NULL);
}

static void count_ready(const maiko_node_info *node, void *userdata)
{
    *(unsigned *)userdata += node->is_ready;
}

/* The dead count, too: who has gone in order has left nothing. */
static unsigned nodes_of_space(void)
{
    unsigned count = 0;

    (void)maiko_space_list(NULL, "wx", count_ready, &count, NULL, 0);
    return count;
}

static void expect_refusal(const char *options, const char *text)
{
    struct process process;

    start(&process, options);
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 2);
    if (!process_says(&process, text))
        SUITE_FAIL("%s: expected \"%s\", got %s", options, text, process.output);
}

static void a_signal_while_it_waits_for_others_leaves_the_space_in_order(void)
{
    static const int signals[] = {SIGINT, SIGTERM};
    struct process process;
    size_t i;

    host_init(&host);
    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        start(&process, "--space wx --actors near --wait 600");
        CU_ASSERT(wait_until(nodes_of_space() == 1, 60000));
        child_signal(&process.child, signals[i]);
        process_finish(&process);
        CU_ASSERT_EQUAL(process.code, 128 + signals[i]);
        CU_ASSERT_EQUAL(nodes_of_space(), 0);
    }
    host_deinit(&host);
}

/* The link of the app to its other half, as the counters file has it; all zero while there is none. */
static maiko_counters_link link_of(const struct process *process)
{
    maiko_counters *counters = NULL;
    maiko_counters_link link = {.peer = ""};
    char path[600];

    snprintf(path, sizeof(path), "%s/maiko/counters/terminal.%d.0", host.scratch.path, (int)process->child.pid);
    if (maiko_counters_open(path, &counters) == MAIKO_OK && maiko_counters_link_count(counters) > 0)
        (void)maiko_counters_get_link(counters, 0, &link);
    maiko_counters_free(counters);
    return link;
}

/* Its actors have stopped, and what they sent cannot arrive because the other process is stopped. */
static void a_signal_while_it_waits_for_the_last_events_to_arrive_ends_it_in_order(void)
{
    maiko_counters_link link;
    struct process near;
    struct process far;

    host_init(&host);
    start(&far, "--space wx --actors far --wait 600");
    start(&near, "--space wx --actors near --wait 600 --keep-counters");
    CU_ASSERT(wait_until(link_of(&near).acknowledged > 0, 60000));
    child_signal(&far.child, SIGSTOP);
    CU_ASSERT(wait_until(link_of(&near).queued > 64, 60000));
    child_signal(&near.child, SIGTERM); /* for its actors */
    child_signal(&near.child, SIGINT);  /* for the wait behind them */
    process_finish(&near);
    CU_ASSERT_EQUAL(near.code, 1);
    CU_ASSERT(process_says(&near, "not everything arrived"));
    link = link_of(&near);
    CU_ASSERT(link.lost_peer > 0);
    CU_ASSERT_EQUAL(link.queued, 0);
    CU_ASSERT_EQUAL(link.offered, link.acknowledged + link.lost);
    CU_ASSERT_EQUAL(nodes_of_space(), 1); /* the other one */
    child_signal(&far.child, SIGCONT);
    child_signal(&far.child, SIGTERM);
    process_finish(&far);
    CU_ASSERT_EQUAL(far.code, 0);
    host_deinit(&host);
}

/* A pipe without room: whoever writes there waits. */
static int make_full_pipe(const char *path)
{
    static const char bytes[4096];
    int fd;

    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    while (write(fd, bytes, sizeof(bytes)) > 0)
        ;
    return fd;
}

static void start_with_errors_to(struct process *process, const char *path, const char *options)
{
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char script[900];
    char program[512] = "";
    char *const command[] = {shell, option, script, program, NULL};

    CU_ASSERT_FATAL(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
    snprintf(script, sizeof(script), "exec \"$0\" --app %s 2>'%s'", options, path);
    memset(process, 0, sizeof(*process));
    CU_ASSERT_TRUE_FATAL(child_start_program(&process->child, command));
}

/* Its actors have stopped, and the thread is there that takes signals in the final wait; none is on its way to it. */
static bool is_in_final_wait(const struct process *process)
{
    char command[200];
    char text[16];
    int pid = (int)process->child.pid;

    snprintf(command, sizeof(command),
             "grep -qx 'maiko wait' /proc/%d/task/*/comm && grep -q '^ShdPnd:[[:space:]]*0*$' /proc/%d/status", pid, pid);
    return shell_output(command, text, sizeof(text));
}

/* The first one cannot end it, because what it has to say finds nobody who reads; the second one kills. */
static void a_second_signal_in_the_final_wait_kills_at_once(void)
{
    struct process near;
    struct process far;
    char path[600];
    int fd;

    host_init(&host);
    scratch_file(&host.scratch, "errors", path, sizeof(path));
    fd = make_full_pipe(path);
    start(&far, "--space wx --actors far --wait 600");
    start_with_errors_to(&near, path, "--space wx --actors near --wait 600 --keep-counters");
    CU_ASSERT(wait_until(link_of(&near).acknowledged > 0, 60000));
    child_signal(&far.child, SIGSTOP);
    CU_ASSERT(wait_until(link_of(&near).queued > 64, 60000));
    child_signal(&near.child, SIGTERM); /* for its actors */
    CU_ASSERT(wait_until(is_in_final_wait(&near), 60000));
    child_signal(&near.child, SIGINT); /* for the wait */
    CU_ASSERT(wait_until(is_in_final_wait(&near), 60000));
    child_signal(&near.child, SIGTERM);
    CU_ASSERT_EQUAL(child_end(&near.child, 60000), 128 + SIGTERM);
    CU_ASSERT(link_of(&near).queued > 0); /* it did not leave in order */
    close(fd);
    child_signal(&far.child, SIGCONT);
    child_signal(&far.child, SIGTERM);
    process_finish(&far);
    CU_ASSERT_EQUAL(far.code, 0);
    host_deinit(&host);
}

static void who_waits_in_vain_is_told_where_to_look(void)
{
    struct process process;
    char options[640];
    char text[640];

    host_init(&host);
    start(&process, "--space wx --actors near --wait 0.1");
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 4);
    CU_ASSERT(process_says(&process, "not present after 0.1 s: far"));
    CU_ASSERT(process_says(&process, "maiko ps --space wx shows who is there"));
    snprintf(options, sizeof(options), "--connect ipc://%s/none --actors near --wait 0.1", host.scratch.path);
    start(&process, options);
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 4);
    snprintf(text, sizeof(text), "no link with ipc://%s/none", host.scratch.path);
    CU_ASSERT(process_says(&process, text));
    host_deinit(&host);
}

static void options_that_would_encrypt_nothing_are_refused(void)
{
    host_init(&host);
    expect_refusal("--connect tcp://127.0.0.1:1 --peer-key x", "--peer-key needs --key");
    expect_refusal("--listen tcp://127.0.0.1:* --allow x", "--allow needs --key");
    expect_refusal("--connect tcp://127.0.0.1:1 --key x", "needs --peer-key: the public key of who listens there");
    expect_refusal("--listen tcp://127.0.0.1:* --key x", "nobody could connect");
    expect_refusal("--publish-at tcp://127.0.0.1:* --key x", "nobody could connect");
    host_deinit(&host);
}

/* Nobody would use them there, until the same line gets its --space. */
static void patterns_and_names_that_are_none_are_refused_also_by_a_process_alone(void)
{
    host_init(&host);
    expect_refusal("--export =x", "--export =x: ");
    expect_refusal("--export a/#=b", "--export a/#=b: ");
    expect_refusal("--import +=x", "--import +=x: ");
    expect_refusal("--import a=", "--import a=: ");
    expect_refusal("--relay a/#b", "--relay a/#b: ");
    expect_refusal("--export $maiko/x", "--export $maiko/x: ");
    expect_refusal("--node 1234567890123456789012345678901234567890123456789012345678901234567890", "not 1 to 64 bytes");
    expect_refusal("--node a/b", "--node a/b: not 1 to 64 bytes");
    expect_refusal("--space .x", "--space .x: not 1 to 64 bytes");
    host_deinit(&host);
}

static void what_is_given_in_the_wrong_place_is_named(void)
{
    host_init(&host);
    expect_refusal("--space wx --actors ,", "--actors ,: which?");
    expect_refusal("word --space wx", "options come before the arguments: --space");
    host_deinit(&host);
}

static bool is_null_device(const struct process *process, int fd)
{
    char path[64];
    char target[64] = "";

    snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)process->child.pid, fd);
    return readlink(path, target, sizeof(target) - 1) > 0 && strcmp(target, "/dev/null") == 0;
}

/* Else the numbers are given to what is opened next, and the next line that is printed goes into a socket. */
static void standard_descriptors_that_were_closed_are_nobody_elses(void)
{
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char script[] = "exec \"$0\" --app --space wx --actors near --wait 600 <&- >&- 2>&-";
    char program[512] = "";
    char *const command[] = {shell, option, script, program, NULL};
    struct process process = {.code = 0};
    int fd;

    host_init(&host);
    CU_ASSERT_FATAL(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
    CU_ASSERT_FATAL(child_start_program(&process.child, command));
    CU_ASSERT(wait_until(nodes_of_space() == 1, 60000));
    for (fd = 0; fd <= STDERR_FILENO; fd++)
        CU_ASSERT(is_null_device(&process, fd));
    child_signal(&process.child, SIGTERM);
    CU_ASSERT_EQUAL(child_end(&process.child, 60000), 128 + SIGTERM);
    host_deinit(&host);
}

static const struct test_case cases[] = {
    TEST_CASE(a_signal_while_it_waits_for_others_leaves_the_space_in_order),
    TEST_CASE(a_signal_while_it_waits_for_the_last_events_to_arrive_ends_it_in_order),
    TEST_CASE(a_second_signal_in_the_final_wait_kills_at_once),
    TEST_CASE(who_waits_in_vain_is_told_where_to_look),
    TEST_CASE(options_that_would_encrypt_nothing_are_refused),
    TEST_CASE(patterns_and_names_that_are_none_are_refused_also_by_a_process_alone),
    TEST_CASE(what_is_given_in_the_wrong_place_is_named),
    TEST_CASE(standard_descriptors_that_were_closed_are_nobody_elses),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "terminal", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 1 && strcmp(argv[1], "--app") == 0)
        return run_app(argc - 1, argv + 1);
    return suite_main(argc, argv, &suite);
}
