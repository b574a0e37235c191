/* Links through shared memory while their other ends are killed, stopped, continued and started again, at random instants and at
 * the stores of the link code: those that live go on, nobody hangs, every event is delivered once or accounted for, and nothing
 * is left behind. */
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/bridge_life.h"
#include "lib/dice.h"
#include "lib/fault_points.h"
#include "lib/leaks.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "node/node.h"

enum { LIVES = 3, PUBLISHED_AT_ONCE = 300, FAULT_AT_MOST = 40 };

/* Of two nodes the one with the smaller name connects: some connect to the publisher, some are connected to. */
static const char *const names[LIVES] = {"a", "n", "z"};
static const char publisher_name[] = "m";

static struct host host;

/* ---- one participant and its lives ---- */

struct participant {
    const char *name;
    struct child child;
    bool is_alive;
    bool is_stopped;
    bool was_stopped; /* in this life: the link may have turned lossy */
};

struct books {
    struct bridge_end publisher;
    struct bridge_end steady;
    struct participant others[LIVES];
    uint64_t number;
    uint64_t accepted; /* by all who have died */
    unsigned deaths;
    struct dice dice;
};

static bool start(struct participant *participant, unsigned index, const char *fault)
{
    bool is_started;

    if (fault != NULL)
        setenv("MAIKO_FAULT_POINT", fault, 1);
    is_started = bridge_end_start_other(&participant->child, "--subscriber", index);
    unsetenv("MAIKO_FAULT_POINT");
    participant->name = names[index];
    participant->is_alive = is_started;
    participant->is_stopped = participant->was_stopped = false;
    return is_started;
}

/* What the dead one had; a life that was never stopped has seen every event from its first on. */
static void close_books(struct books *books, struct participant *participant, pid_t pid)
{
    uint64_t accepted = bridge_life_accepted(participant->name, pid);
    struct bridge_end *end = bridge_life_map(pid);

    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    CU_ASSERT(end->received <= accepted);
    CU_ASSERT_EQUAL(end->not_rising, 0);
    if (!participant->was_stopped)
        CU_ASSERT_EQUAL(end->holes, 0);
    bridge_life_unmap(end);
    bridge_life_forget(pid);
    books->accepted += accepted;
    books->deaths++;
}

static void kill_one(struct books *books, struct participant *participant)
{
    pid_t pid = participant->child.pid;

    child_signal(&participant->child, SIGCONT); /* it may have stopped before it had any books */
    CU_ASSERT_TRUE_FATAL(wait_until(bridge_life_has_books(participant->name, pid), 60000));
    child_signal(&participant->child, SIGKILL); /* it may have killed itself */
    CU_ASSERT_EQUAL(child_end(&participant->child, 60000), 128 + SIGKILL);
    participant->is_alive = false;
    close_books(books, participant, pid);
}

/* A plan for one of the places this process has come past itself. */
static const char *some_fault(struct books *books, bool *ret_stops)
{
    static char plan[96];
    const char *passed[FAULT_POINTS_MAX];
    size_t count = fault_points_passed(passed);
    const char *point;

    *ret_stops = dice_percent(&books->dice, 30);
    if (count == 0 || dice_percent(&books->dice, 40))
        return NULL;
    point = passed[dice_below(&books->dice, count)];
    snprintf(plan, sizeof(plan), "%s:%zu:%d", point, 1 + dice_below(&books->dice, FAULT_AT_MOST), *ret_stops ? SIGSTOP : SIGKILL);
    return plan;
}

static void change_one(struct books *books)
{
    unsigned index = (unsigned)dice_below(&books->dice, LIVES);
    struct participant *participant = &books->others[index];
    bool stops;

    if (!participant->is_alive) {
        const char *fault = some_fault(books, &stops);

        CU_ASSERT_TRUE_FATAL(start(participant, index, fault));
        participant->was_stopped = fault != NULL && stops;
    } else if (participant->is_stopped && dice_percent(&books->dice, 50)) {
        child_signal(&participant->child, SIGCONT);
        participant->is_stopped = false;
    } else if (dice_percent(&books->dice, 30)) {
        child_signal(&participant->child, SIGSTOP);
        participant->is_stopped = participant->was_stopped = true;
    } else {
        kill_one(books, participant);
    }
}

static void publish_some(struct books *books)
{
    size_t count = 1 + dice_below(&books->dice, PUBLISHED_AT_ONCE);

    while (count-- > 0)
        CU_ASSERT_EQUAL(bridge_end_publish(&books->publisher, ++books->number), MAIKO_OK);
}

/* ---- what is left behind ---- */

static unsigned node_directories(void)
{
    char path[600];
    struct dirent *entry;
    unsigned count = 0;
    DIR *directory;

    snprintf(path, sizeof(path), "%s/maiko/bridge", host.scratch.path);
    directory = opendir(path);
    if (directory == NULL)
        return 0;
    while ((entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void begin(struct books *books)
{
    /* A log that is soon full, so that memory has no reason to grow. */
    maiko_bridge_config config = {.transport = MAIKO_TRANSPORT_SHM, .deadline_ns = MAIKO_MS(100), .log_bytes = 64 * 1024};

    memset(books, 0, sizeof(*books));
    dice_init(&books->dice);
    host_init(&host);
    bridge_end_configure(&(maiko_config){.memory_cap_bytes = 256 * 1048576}); /* under a cap memory is counted */
    bridge_end_make(&books->publisher, publisher_name, &config, NULL);
    bridge_end_configure(&(maiko_config){.memory_cap_bytes = 0});
    CU_ASSERT_EQUAL(bridge_end_export(&books->publisher, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&books->publisher), MAIKO_OK);
    config.deadline_ns = 0;
    bridge_end_make(&books->steady, "steady", &config, "count/up");
    CU_ASSERT_EQUAL(bridge_end_import(&books->steady, "count/up", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&books->steady), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(books->publisher.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
}

static void finish(struct books *books)
{
    bridge_end_stop(&books->steady);
    bridge_end_stop(&books->publisher);
    host_deinit(&host);
}

/* Who dies before anybody has heard of it leaves its directory to the next one that starts. */
static void start_another(void)
{
    struct bridge_end end;

    bridge_end_make(&end, "another", NULL, NULL);
    CU_ASSERT_EQUAL(bridge_end_start(&end), MAIKO_OK);
    bridge_end_stop(&end);
}

/* What the publisher has while only the steady one is there. */
struct belongings {
    unsigned descriptors;
    unsigned mappings;
    size_t heap;
};

static struct belongings belongings_of(const struct books *books)
{
    return (struct belongings){.descriptors = leaks_count_fds(),
                               .mappings = leaks_count_shared_mappings(),
                               .heap = heap_used(books->publisher.bridge->heap)};
}

static void kill_all(struct books *books)
{
    unsigned i;

    for (i = 0; i < LIVES; i++)
        if (books->others[i].is_alive)
            kill_one(books, &books->others[i]);
    CU_ASSERT(wait_until(bridge_end_counters(&books->publisher).peers == 1, 60000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(books->publisher.bridge), MAIKO_OK);
}

/* Tables and batches that stay have grown to what they need; what a death left for ever would be there once for each of the
 * second half: some 7, in check-long 56. */
static void expect_flat(const struct books *books, const struct belongings *before)
{
    static const size_t allowed = 64 * 1024;
    struct belongings now;

    /* Less: a bridge was reading its space when they were counted. */
    if (!wait_until(leaks_count_fds() <= before->descriptors, 60000))
        SUITE_FAIL("%u descriptors instead of %u", leaks_count_fds(), before->descriptors);
    CU_ASSERT(wait_until(leaks_count_shared_mappings() == before->mappings, 60000));
    CU_ASSERT(wait_until(belongings_of(books).heap <= before->heap + allowed, 60000));
    now = belongings_of(books);
    printf("# %zu bytes of memory, %zu after half of it\n", now.heap, before->heap);
}

/* ---- cases ---- */

static void those_that_live_go_on_and_the_books_close(void)
{
    unsigned long rounds = suite_scale(30, 300);
    static struct books books;
    maiko_bridge_counters counters;
    struct belongings before;
    unsigned long i;

    begin(&books);
    publish_some(&books);
    CU_ASSERT(wait_until(books.steady.received == books.number, 60000));
    before = belongings_of(&books);
    CU_ASSERT(before.mappings > 0);
    for (i = 0; i < rounds; i++) {
        if (i == rounds / 2) {
            kill_all(&books);
            CU_ASSERT(wait_until(leaks_count_shared_mappings() == before.mappings, 60000));
            before.heap = belongings_of(&books).heap;
        }
        change_one(&books);
        publish_some(&books);
        CU_ASSERT_FATAL(wait_until(books.steady.received == books.number, 60000));
    }
    kill_all(&books);
    counters = bridge_end_counters(&books.publisher);
    CU_ASSERT_EQUAL(books.steady.not_rising + books.steady.holes, 0);
    CU_ASSERT(books.accepted + books.steady.received >= counters.acknowledged);
    CU_ASSERT(books.accepted + books.steady.received <= counters.acknowledged + counters.lost);
    start_another();
    CU_ASSERT(wait_until(node_directories() == 2, 60000));
    expect_flat(&books, &before);
    printf("# %u deaths, %" PRIu64 " events, %" PRIu64 " accepted by the dead, %" PRIu64 " lost\n", books.deaths, books.number,
           books.accepted, counters.lost);
    finish(&books);
}

/* The fork has the sockets, the locks of the open files and the eventfds; it does not have the memory. */
static void a_death_is_noticed_although_a_forked_child_holds_everything(void)
{
    struct bridge_end publisher;
    struct child child;
    char text[64] = "";
    pid_t pid;

    host_init(&host);
    bridge_end_make(&publisher, publisher_name, &(maiko_bridge_config){.silence_ns = MAIKO_SECONDS(600)}, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&publisher, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&publisher), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--forking", 0));
    CU_ASSERT_EQUAL(read(child.output_fd, text, sizeof(text) - 1) > 0, true);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_counters(&publisher).peers, 1);
    pid = bridge_life_kill(&child);
    CU_ASSERT(wait_until(bridge_end_counters(&publisher).peers == 0, 60000));
    CU_ASSERT_EQUAL(kill((pid_t)strtol(text, NULL, 10), SIGKILL), 0); /* it was there all the time */
    bridge_life_forget(pid);
    bridge_end_stop(&publisher);
    host_deinit(&host);
}

/* Forks when it is linked, says the pid of the fork, and waits to be killed. */
static int subscribe_and_fork(void)
{
    struct bridge_end end;
    pid_t fork_pid;

    bridge_end_make(&end, names[0], NULL, "count/up");
    if (bridge_end_import(&end, "count/up", MAIKO_FROM_LIVE) != MAIKO_OK || bridge_end_start(&end) != MAIKO_OK ||
        !wait_until(bridge_end_counters(&end).peers == 1, 60000))
        return 9;
    fork_pid = fork();
    if (fork_pid == 0) {
        close(STDOUT_FILENO); /* the test reads to its end */
        close(STDERR_FILENO);
        for (;;)
            pause();
    }
    printf("%d\n", (int)fork_pid);
    fflush(stdout);
    for (;;)
        pause();
}

static const struct test_case cases[] = {
    TEST_CASE(those_that_live_go_on_and_the_books_close),
    TEST_CASE(a_death_is_noticed_although_a_forked_child_holds_everything),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "shm_chaos", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 2 && strcmp(argv[1], "--subscriber") == 0) {
        fault_points_plan_from_environment();
        return bridge_life_subscribe(names[strtoul(argv[2], NULL, 10) % LIVES]);
    }
    if (argc > 1 && strcmp(argv[1], "--forking") == 0)
        return subscribe_and_fork();
    return suite_main(argc, argv, &suite);
}
