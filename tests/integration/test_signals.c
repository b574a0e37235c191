/* Signals while a supervisor runs, with programs of their own to send them to. */
#include "lib/child.h"
#include "lib/shortage.h"
#include "lib/stage.h"
#include "lib/suite.h"
#include "lib/wait.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVENTS = 100 };

/* What a child and its test tell each other. */
static int to_test[2];
static int to_child[2];

static void open_pipes(void)
{
    CU_ASSERT_EQUAL_FATAL(pipe(to_test), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(to_child), 0);
}

static void close_pipes(void)
{
    int i;

    for (i = 0; i < 2; i++) {
        close(to_test[i]);
        close(to_child[i]);
    }
}

static void tell(const int ends[2])
{
    (void)!write(ends[1], "!", 1);
}

static void hear(const int ends[2])
{
    char byte;

    (void)!read(ends[0], &byte, 1);
}

static void block_in_this_thread(int signal_number)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal_number);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static bool has_ended(const struct child *child)
{
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

/* --- a stop that does not end --- */

static maiko_status answer(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    if (player->events == 100) /* it goes round for some time */
        tell(to_test);
    return maiko_send_child(ctx, envelope, number, .value = player->events);
}

/* Two that answer each other for ever: their queues never are empty. */
static int run_in_a_circle(void *userdata)
{
    static struct player players[2] = {{.handle = answer}, {.handle = answer}};
    maiko_supervisor *sup = maiko_supervisor_new(
        &(maiko_config){.shards = 1, .no_counters_file = true, .stop_deadline_ns = MAIKO_SECONDS(UINT64_C(3600))});
    maiko_status status;

    (void)userdata;
    block_in_this_thread(SIGTERM); /* those that come behind the end of run */
    (void)maiko_supervisor_add(sup, PLAYER("ping", &players[0], .subscribe = MAIKO_TOPICS("number")));
    (void)maiko_supervisor_add(sup, PLAYER("pong", &players[1], .subscribe = MAIKO_TOPICS("number")));
    (void)maiko_send(maiko_supervisor_context(sup), number, .value = 0);
    status = maiko_supervisor_run(sup);
    printf("%s: %s\n", maiko_status_name(status), maiko_supervisor_error_text(sup));
    fflush(stdout);
    if (players[0].stops != 1 || players[1].stops != 1)
        return 1;
    return maiko_supervisor_stop(&sup, NULL) == MAIKO_ETIMEDOUT ? 0 : 2;
}

static void a_second_signal_ends_the_wait_for_the_queues(void)
{
    struct child child;
    char output[1000];

    open_pipes();
    CU_ASSERT_TRUE_FATAL(child_start(&child, run_in_a_circle, NULL));
    hear(to_test);
    CU_ASSERT_TRUE(wait_until((child_signal(&child, SIGTERM), has_ended(&child)), 20000));
    if (!has_ended(&child))
        child_signal(&child, SIGKILL);
    (void)child_read_output(&child, output, sizeof output);
    CU_ASSERT_EQUAL(child_end(&child, 5000), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "MAIKO_ETIMEDOUT"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "second signal"));
    close_pipes();
}

/* --- a stop that has much to do --- */

static maiko_status wait_once(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)envelope;
    if (player->events == 1) {
        tell(to_test);
        hear(to_child);
    }
    return MAIKO_OK;
}

static int run_with_full_queues(void *userdata)
{
    static struct player player = {.handle = wait_once};
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.shards = 1, .no_counters_file = true});
    int i;

    (void)userdata;
    (void)maiko_supervisor_add(sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("number")));
    for (i = 0; i < EVENTS; i++)
        (void)maiko_send(maiko_supervisor_context(sup), number, .value = i);
    if (maiko_supervisor_run(sup) != MAIKO_OK)
        return 1;
    if (maiko_supervisor_stop(&sup, NULL) != MAIKO_OK)
        return 2;
    return player.events == EVENTS ? 0 : 3;
}

/* As from a shell and from timeout(1), who also tell the process group.  Both are there when it wakes. */
static void two_at_once_are_one_request(void)
{
    struct child child;

    open_pipes();
    CU_ASSERT_TRUE_FATAL(child_start(&child, run_with_full_queues, NULL));
    hear(to_test);
    child_signal(&child, SIGSTOP);
    child_signal(&child, SIGTERM);
    child_signal(&child, SIGINT);
    child_signal(&child, SIGCONT);
    tell(to_child);
    CU_ASSERT_EQUAL(child_end(&child, 20000), 0);
    close_pipes();
}

/* --- what is ignored --- */

/* Of the first thread, which is in run. */
static bool is_blocked(int signal_number)
{
    FILE *file = fopen("/proc/self/status", "re");
    unsigned long long mask = 0;
    char line[256];

    while (file != NULL && fgets(line, sizeof line, file) != NULL && sscanf(line, "SigBlk: %llx", &mask) != 1)
        ;
    if (file != NULL)
        fclose(file);
    return (mask >> (signal_number - 1) & 1) != 0;
}

static maiko_status look_at_the_mask(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)envelope;
    player->wanted = is_blocked(SIGTERM) && !is_blocked(SIGINT);
    kill(getpid(), SIGINT);
    kill(getpid(), SIGTERM);
    return MAIKO_OK;
}

static int run_in_the_background(void *userdata)
{
    static struct player player = {.handle = look_at_the_mask};
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.shards = 1, .no_counters_file = true});

    (void)userdata;
    signal(SIGINT, SIG_IGN);
    (void)maiko_supervisor_add(sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("number")));
    (void)maiko_send(maiko_supervisor_context(sup), number, .value = 1);
    if (maiko_supervisor_run(sup) != MAIKO_OK)
        return 1;
    return maiko_supervisor_stop(&sup, NULL) == MAIKO_OK && player.wanted ? 0 : 2;
}

/* Blocked, it would be kept and come out of the descriptor. */
static void what_the_program_ignores_stays_ignored(void)
{
    struct child child;

    CU_ASSERT_TRUE_FATAL(child_start(&child, run_in_the_background, NULL));
    CU_ASSERT_EQUAL(child_end(&child, 20000), 0);
}

/* --- no descriptors --- */

static void without_a_descriptor_run_starts_nothing(void)
{
    struct player player = {.wanted = 0};
    struct shortage shortage;
    struct stage stage;
    sigset_t mask;

    stage_open(&stage, &(maiko_config){.shards = 1});
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    shortage_begin(&shortage);
    CU_ASSERT_EQUAL(maiko_supervisor_run(stage.sup), MAIKO_ESYSTEM);
    shortage_end(&shortage);
    CU_ASSERT_STRING_EQUAL(maiko_supervisor_error_text(stage.sup), "no descriptor to read signals from");
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    CU_ASSERT_EQUAL(sigismember(&mask, SIGTERM), 0);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_ESYSTEM); /* it sticks */
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ESYSTEM);
    CU_ASSERT_EQUAL(player.starts, 0);
    stage_close(&stage);
}

/* --- more than one thread, more than one supervisor --- */

static char logged[256];

static void keep_log(maiko_log_level level, const char *text, void *userdata)
{
    (void)userdata;
    if (level >= MAIKO_LOG_WARNING)
        snprintf(logged, sizeof logged, "%s", text);
}

static const maiko_config one_shard = {.shards = 1, .no_counters_file = true, .log = keep_log};

/* A supervisor in run in a thread of its own. */
struct runner {
    maiko_supervisor *sup;
    struct player player;
    pthread_t thread;
    _Atomic bool may_run;
    maiko_status status;
};

static void *run_in_thread(void *userdata)
{
    struct runner *runner = userdata;

    (void)wait_until(atomic_load(&runner->may_run), 20000);
    runner->status = maiko_supervisor_run(runner->sup);
    return NULL;
}

static void runner_open(struct runner *runner, const maiko_config *config)
{
    memset(runner, 0, sizeof *runner);
    runner->sup = maiko_supervisor_new(config);
    (void)maiko_supervisor_add(runner->sup, PLAYER("player", &runner->player, .subscribe = MAIKO_TOPICS("number")));
}

/* It runs once this thread has come back: in pthread_create() a thread blocks all signals. */
static bool runner_create(struct runner *runner)
{
    bool is_there = pthread_create(&runner->thread, NULL, run_in_thread, runner) == 0;

    atomic_store(&runner->may_run, true);
    return is_there;
}

/* Until its actor has started. */
static bool runner_start(struct runner *runner)
{
    return runner_create(runner) && wait_until(atomic_load(&runner->player.starts) == 1, 20000);
}

/* The failure that stuck, if there was one, comes out again. */
static bool runner_has_ended(struct runner *runner, maiko_status expected)
{
    bool is_right = runner->status == expected && atomic_load(&runner->player.stops) == (expected == MAIKO_OK);

    return maiko_supervisor_stop(&runner->sup, NULL) == expected && is_right;
}

static int run_two_at_once(void *userdata)
{
    struct runner first;
    struct runner second;

    (void)userdata;
    block_in_this_thread(SIGTERM);
    block_in_this_thread(SIGINT);
    runner_open(&first, &one_shard);
    runner_open(&second, &one_shard);
    if (!runner_start(&first) || maiko_supervisor_run(first.sup) != MAIKO_ESTATE)
        return 1;
    if (maiko_supervisor_run(second.sup) != MAIKO_ESTATE || strstr(logged, "another supervisor") == NULL)
        return 2;
    kill(getpid(), SIGTERM);
    pthread_join(first.thread, NULL);
    if (!runner_has_ended(&first, MAIKO_OK))
        return 3;
    /* now it is the only one */
    if (!runner_start(&second))
        return 4;
    kill(getpid(), SIGINT);
    pthread_join(second.thread, NULL);
    return runner_has_ended(&second, MAIKO_OK) ? 0 : 5;
}

static void of_two_supervisors_in_run_the_second_is_refused(void)
{
    CU_ASSERT_EQUAL(child_run(run_two_at_once, NULL, 20000), 0);
}

static int run_beside_an_open_thread(void *userdata)
{
    struct runner runner;

    (void)userdata;
    (void)pthread_setname_np(pthread_self(), "the main one");
    block_in_this_thread(SIGINT);
    runner_open(&runner, &one_shard);
    if (!runner_start(&runner))
        return 1;
    (void)maiko_supervisor_request_stop(runner.sup);
    pthread_join(runner.thread, NULL);
    if (!runner_has_ended(&runner, MAIKO_OK) || strstr(logged, "'the main one'") == NULL)
        return 2;
    logged[0] = '\0';
    block_in_this_thread(SIGTERM);
    runner_open(&runner, &one_shard);
    if (!runner_start(&runner))
        return 3;
    kill(getpid(), SIGTERM);
    pthread_join(runner.thread, NULL);
    return runner_has_ended(&runner, MAIKO_OK) && logged[0] == '\0' ? 0 : 4;
}

static void where_a_signal_would_end_the_program_run_says_so(void)
{
    CU_ASSERT_EQUAL(child_run(run_beside_an_open_thread, NULL, 20000), 0);
}

static struct runner both[2];

static void stop_both(int signal_number)
{
    (void)signal_number;
    (void)maiko_supervisor_request_stop(both[0].sup);
    (void)maiko_supervisor_request_stop(both[1].sup);
}

static int run_two_that_opt_out(void *userdata)
{
    maiko_config config = one_shard;

    (void)userdata;
    config.handle_no_signals = true;
    signal(SIGTERM, stop_both);
    runner_open(&both[0], &config);
    runner_open(&both[1], &config);
    if (!runner_start(&both[0]) || !runner_start(&both[1]))
        return 1;
    kill(getpid(), SIGTERM);
    pthread_join(both[0].thread, NULL);
    pthread_join(both[1].thread, NULL);
    return runner_has_ended(&both[0], MAIKO_OK) && runner_has_ended(&both[1], MAIKO_OK) ? 0 : 2;
}

static void one_handler_ends_two_that_opt_out(void)
{
    CU_ASSERT_EQUAL(child_run(run_two_that_opt_out, NULL, 20000), 0);
}

static void do_nothing(int signal_number)
{
    (void)signal_number;
}

/* The program has thought of its signals. */
static int run_beside_a_handler(void *userdata)
{
    struct runner runner;

    (void)userdata;
    signal(SIGTERM, do_nothing);
    signal(SIGINT, do_nothing);
    runner_open(&runner, &one_shard);
    if (!runner_start(&runner))
        return 1;
    (void)maiko_supervisor_request_stop(runner.sup);
    pthread_join(runner.thread, NULL);
    return runner_has_ended(&runner, MAIKO_OK) ? 0 : 2;
}

static void a_handler_of_the_program_may_have_its_thread(void)
{
    CU_ASSERT_EQUAL(child_run(run_beside_a_handler, NULL, 20000), 0);
}

/* It comes as far as its start, which a thread sanitizer would not survive in a child of many threads. */
static int run_what_cannot_start(void *userdata)
{
    struct runner runner;

    (void)userdata;
    runner_open(&runner, &one_shard);
    (void)maiko_supervisor_add(runner.sup, PLAYER("supervisor", &runner.player));
    runner.status = maiko_supervisor_run(runner.sup);
    return runner_has_ended(&runner, MAIKO_ENAME) ? 0 : 1;
}

static maiko_status fork_and_run(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    player->wanted = child_run(run_what_cannot_start, NULL, 20000);
    return maiko_stop_runtime(ctx);
}

static void a_child_forked_while_its_parent_runs_may_run_one_of_its_own(void)
{
    struct player player = {.handle = fork_and_run, .wanted = -1};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 1});
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_run(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(player.wanted, 0);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static int run_anew(void *userdata)
{
    struct runner runner;

    (void)userdata;
    runner_open(&runner, &one_shard);
    (void)maiko_supervisor_request_stop(runner.sup);
    runner.status = maiko_supervisor_run(runner.sup);
    return runner_has_ended(&runner, MAIKO_OK) ? 0 : 1;
}

static bool first_thread_has_ended(void)
{
    char path[64];
    char text[256] = "";
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)getpid());
    file = fopen(path, "re");
    if (file != NULL && fgets(text, sizeof text, file) == NULL)
        text[0] = '\0';
    if (file != NULL)
        fclose(file);
    return strstr(text, ") Z ") != NULL;
}

static void *run_as_the_last_one(void *userdata)
{
    _exit(wait_until(first_thread_has_ended(), 20000) ? run_anew(userdata) : 2);
}

static int leave_the_first_thread(void *userdata)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run_as_the_last_one, userdata) == 0)
        pthread_exit(NULL);
    return 1;
}

/* The kernel shows the first one, with the mask it had, as long as there are others. */
static void a_thread_that_has_ended_is_in_nobodys_way(void)
{
    CU_ASSERT_EQUAL(child_run(leave_the_first_thread, NULL, 20000), 0);
}

static const struct test_case cases[] = {
    TEST_CASE(a_second_signal_ends_the_wait_for_the_queues),
    TEST_CASE(two_at_once_are_one_request),
    TEST_CASE(what_the_program_ignores_stays_ignored),
    TEST_CASE(without_a_descriptor_run_starts_nothing),
    TEST_CASE(of_two_supervisors_in_run_the_second_is_refused),
    TEST_CASE(where_a_signal_would_end_the_program_run_says_so),
    TEST_CASE(one_handler_ends_two_that_opt_out),
    TEST_CASE(a_handler_of_the_program_may_have_its_thread),
    TEST_CASE(a_child_forked_while_its_parent_runs_may_run_one_of_its_own),
    TEST_CASE(a_thread_that_has_ended_is_in_nobodys_way),
};
SUITE_MAIN("signals", cases)
