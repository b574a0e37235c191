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

static const struct test_case cases[] = {
    TEST_CASE(a_second_signal_ends_the_wait_for_the_queues),
    TEST_CASE(two_at_once_are_one_request),
    TEST_CASE(what_the_program_ignores_stays_ignored),
    TEST_CASE(without_a_descriptor_run_starts_nothing),
};
SUITE_MAIN("signals", cases)
