/* Nodes that leave: what is told of a death by which nothing was lost, and of an end in order of which nothing was heard. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>

#include "lib/child.h"
#include "lib/report_end.h"
#include "lib/suite.h"
#include "node/node.h"

enum { BEFORE = 100, AFTER = 50 };

/* ---- the other process ---- */

static void say(const char *line)
{
    puts(line);
    fflush(stdout);
}

static void await(int signal_number)
{
    sigset_t set;
    int came;

    sigemptyset(&set);
    sigaddset(&set, signal_number);
    sigwait(&set, &came);
}

static maiko_bridge_config config_of(const char *transport)
{
    return (maiko_bridge_config){.space = "reports",
                                 .transport = strcmp(transport, "shm") == 0 ? MAIKO_TRANSPORT_SHM : MAIKO_TRANSPORT_ZMQ,
                                 .silence_ns = MAIKO_SECONDS(3600)};
}

static bool send_all(struct report_end *end, uint64_t first, uint64_t last)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};
    uint64_t number;

    for (number = first; number <= last; number++)
        if (maiko_send(maiko_supervisor_context(end->sup), counted, .number = number) != MAIKO_OK)
            return false;
    return wait_until(
        maiko_bridge_count(end->bridge, &counters) == MAIKO_OK && counters.exported == last && end->received == last, 60000);
}

/* Some before anybody is there, some when it is told to; then it waits to be killed. */
static int publish_until_killed(const char *transport)
{
    static struct report_end end;
    maiko_bridge_config config = config_of(transport);

    report_end_make(&end, "publisher", &config);
    if (maiko_bridge_export(end.bridge, &(maiko_bridge_pattern){.pattern = "count/#"}) != MAIKO_OK ||
        report_end_try(&end) != MAIKO_OK || !send_all(&end, 1, BEFORE))
        return 9;
    say("sent");
    await(SIGUSR1);
    if (!send_all(&end, BEFORE + 1, BEFORE + AFTER))
        return 9;
    for (;;)
        pause();
}

/* Its bridge stands still until it is told to end, and does that then, in order. */
static int be_silent(void)
{
    static struct report_end end;
    maiko_bridge_config config = config_of("zmq");

    report_end_make(&end, "silent", &config);
    if (report_end_try(&end) != MAIKO_OK || !report_end_hears(&end, MAIKO_PEER_READY, NULL))
        return 9;
    pthread_mutex_lock(&end.bridge->turn);
    say("silent");
    await(SIGUSR1);
    pthread_mutex_unlock(&end.bridge->turn);
    report_end_stop(&end);
    say("ended");
    return 0;
}

static void start(struct child *child, const char *role, const char *argument)
{
    CU_ASSERT_TRUE_FATAL(child_start_role(child, role, argument));
}

static void expect_line(struct child *child, const char *expected)
{
    char line[16] = "";

    CU_ASSERT(read(child->output_fd, line, strlen(expected) + 1) > 0);
    if (strncmp(line, expected, strlen(expected)) != 0)
        SUITE_FAIL("\"%s\" instead of \"%s\"", line, expected);
}

/* ---- cases ---- */

/* It came late and wanted only what was new: what was published before is no loss of its. */
static void kill_a_publisher_behind_a_late_joiner(const char *transport, const char *name)
{
    maiko_bridge_config config = config_of(transport);
    struct report_end late;
    struct child child;

    report_ends_begin();
    start(&child, "--publisher", transport);
    expect_line(&child, "sent");
    report_end_make(&late, name, &config);
    CU_ASSERT_EQUAL(maiko_bridge_import(late.bridge, &(maiko_bridge_pattern){.pattern = "count/up"}), MAIKO_OK);
    report_end_start(&late);
    CU_ASSERT(report_end_hears(&late, MAIKO_PEER_READY, NULL));
    child_signal(&child, SIGUSR1);
    CU_ASSERT(wait_until(late.received == AFTER, 60000));
    child_signal(&child, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&child, 60000), 128 + SIGKILL);
    CU_ASSERT(report_end_hears(&late, MAIKO_PEER_DOWN, NULL));
    CU_ASSERT(wait_until(report_end_counters(&late).peers == 0, 60000));
    CU_ASSERT_PTR_NULL(report_end_find(&late, MAIKO_PEER_GAP, NULL));
    CU_ASSERT_EQUAL(report_end_counters(&late).gaps, 0);
    report_end_stop(&late);
    report_ends_finish();
}

static void a_death_by_which_nothing_was_lost_is_no_gap(void)
{
    kill_a_publisher_behind_a_late_joiner("shm", "a");
    kill_a_publisher_behind_a_late_joiner("shm", "z");
}

static void nor_is_it_over_zeromq(void)
{
    kill_a_publisher_behind_a_late_joiner("zmq", "a");
    kill_a_publisher_behind_a_late_joiner("zmq", "z");
}

static bool is_alone(struct report_end *end)
{
    bool is_alone;

    pthread_mutex_lock(&end->bridge->turn);
    is_alone = list_is_empty(&end->bridge->peers);
    pthread_mutex_unlock(&end->bridge->turn);
    return is_alone;
}

/* The link had ended before, and who ended it could not say goodbye; but its counters file is in order. */
static void who_was_silent_and_leaves_in_order_has_not_died(void)
{
    maiko_bridge_config config = {.space = "reports", .transport = MAIKO_TRANSPORT_ZMQ, .silence_ns = MAIKO_MS(1500)};
    struct report_end witness;
    struct child child;

    report_ends_begin();
    report_end_make(&witness, "a", &config);
    report_end_start(&witness);
    start(&child, "--silent", "");
    expect_line(&child, "silent");
    CU_ASSERT(report_end_hears(&witness, MAIKO_PEER_DOWN, "silent"));
    child_signal(&child, SIGUSR1);
    expect_line(&child, "ended");
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    CU_ASSERT(wait_until(is_alone(&witness), 60000));
    CU_ASSERT_PTR_NULL(report_end_find(&witness, MAIKO_PEER_DOWN, "died"));
    if (strstr(witness.log, "died") != NULL)
        SUITE_FAIL("%s", witness.log);
    report_end_stop(&witness);
    report_ends_finish();
}

static const struct test_case cases[] = {
    TEST_CASE(a_death_by_which_nothing_was_lost_is_no_gap),
    TEST_CASE(nor_is_it_over_zeromq),
    TEST_CASE(who_was_silent_and_leaves_in_order_has_not_died),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "departures", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};
    sigset_t told;

    sigemptyset(&told);
    sigaddset(&told, SIGUSR1);
    if (argc > 2)
        sigprocmask(SIG_BLOCK, &told, NULL);
    if (argc > 2 && strcmp(argv[1], "--publisher") == 0)
        return publish_until_killed(argv[2]);
    if (argc > 2 && strcmp(argv[1], "--silent") == 0)
        return be_silent();
    return suite_main(argc, argv, &suite);
}
