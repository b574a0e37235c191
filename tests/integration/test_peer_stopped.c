/* A subscriber whose process is stopped: what `$sys/peer` and the counters say of it meanwhile, and what it is told of it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <maiko/bridge.h>
#include <maiko/counters.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>

#include "lib/child.h"
#include "lib/report_end.h"
#include "lib/suite.h"

static int subscribe_until_killed(const char *pattern)
{
    static struct report_end end;

    report_end_make(&end, "subscriber", NULL);
    if (maiko_bridge_import(end.bridge, &(maiko_bridge_pattern){.pattern = pattern}) != MAIKO_OK ||
        report_end_try(&end) != MAIKO_OK)
        return 9;
    /* What it misses is said here: the test reads the line and kills it. */
    while (!report_end_hears(&end, MAIKO_PEER_GAP, NULL)) {
    }
    printf("gap %s %llu\n", report_end_find(&end, MAIKO_PEER_GAP, NULL)->reason,
           (unsigned long long)report_end_find(&end, MAIKO_PEER_GAP, NULL)->lost);
    fflush(stdout);
    while (!wait_until(false, 1000)) {
    }
    return 0;
}

enum { SENT = 20000 };

/* The counters file has what the bridge counts, link by link.  A drain is about what has left the mailboxes: here, all. */
static void check_link(struct report_end *end, const char *peer)
{
    maiko_counters *counters = NULL;
    maiko_bridge_counters sums;
    maiko_counters_link link;

    CU_ASSERT(wait_until(report_end_counters(end).exported == SENT, 60000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(end->bridge), MAIKO_OK);
    sums = report_end_counters(end);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(maiko_supervisor_counters_path(end->sup), &counters), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_get_link(counters, 0, &link), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(link.peer, peer);
    CU_ASSERT_EQUAL(link.offered, SENT);
    CU_ASSERT_EQUAL(link.offered, link.acknowledged + link.lost + link.queued);
    CU_ASSERT_EQUAL(link.acknowledged, sums.acknowledged);
    CU_ASSERT_EQUAL(link.lost_deadline, sums.lost);
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(counters, MAIKO_DROPPED_LINK_DEADLINE), sums.lost);
    CU_ASSERT_EQUAL(link.window, 64);
    maiko_counters_free(counters);
}

/* A short deadline and little room. */
static maiko_bridge_config impatient(maiko_transport transport, uint64_t silence_ns)
{
    return (maiko_bridge_config){.space = "reports",
                                 .transport = transport,
                                 .deadline_ns = MAIKO_MS(300),
                                 .window_events = 64,
                                 .silence_ns = silence_ns,
                                 .log_bytes = 64 * 1024};
}

/* A publisher, and a subscriber in a process that is stopped when it is ready. */
static void begin_with_stopped(struct report_end *publisher, const maiko_bridge_config *config, struct child *child)
{
    char program[] = "/proc/self/exe";
    char role[] = "--subscriber";
    char *argv[] = {program, role, NULL};

    report_ends_begin();
    report_end_make(publisher, "publisher", config);
    CU_ASSERT_EQUAL(maiko_bridge_export(publisher->bridge, &(maiko_bridge_pattern){.pattern = "count/#"}), MAIKO_OK);
    report_end_start(publisher);
    CU_ASSERT_TRUE_FATAL(child_start_program(child, argv));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher->bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    child_signal(child, SIGSTOP);
}

static void publish_to_stopped(struct report_end *publisher)
{
    uint64_t number;

    for (number = 1; number <= SENT; number++)
        CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(publisher->sup), counted, .number = number), MAIKO_OK);
}

/* What the subscriber was told of its first gap. */
static void read_gap(struct child *child, char *reason, size_t size, unsigned long long *lost)
{
    char line[64] = "";
    char word[32] = "";

    *lost = 0;
    CU_ASSERT(read(child->output_fd, line, sizeof(line) - 1) > 0);
    CU_ASSERT_EQUAL(sscanf(line, "gap %31s %llu", word, lost), 2);
    snprintf(reason, size, "%s", word);
}

static void finish_with_killed(struct report_end *publisher, struct child *child)
{
    child_signal(child, SIGKILL);
    child_end(child, 60000);
    report_end_stop(publisher);
    report_ends_finish();
}

static void a_stopped_peer_is_stalled_then_ready_and_told_of_its_gap(void)
{
    maiko_bridge_config config = impatient(MAIKO_TRANSPORT_AUTO, MAIKO_SECONDS(60));
    struct report_end publisher;
    struct child child;
    unsigned long long lost;
    char reason[32];

    begin_with_stopped(&publisher, &config, &child);
    publish_to_stopped(&publisher);
    CU_ASSERT(report_end_hears(&publisher, MAIKO_PEER_STALLED, "deadline"));
    publisher.count = 0; /* only this thread's own reports follow: the peer does not run */
    child_signal(&child, SIGCONT);
    CU_ASSERT(report_end_hears(&publisher, MAIKO_PEER_READY, NULL));
    check_link(&publisher, "subscriber");
    read_gap(&child, reason, sizeof(reason), &lost);
    CU_ASSERT_STRING_EQUAL(reason, "deadline");
    child_signal(&child, SIGKILL);
    child_end(&child, 60000);
    CU_ASSERT(report_end_hears(&publisher, MAIKO_PEER_DOWN, NULL));
    CU_ASSERT_STRING_EQUAL(report_end_find(&publisher, MAIKO_PEER_DOWN, NULL)->peer, "subscriber");
    report_end_stop(&publisher);
    report_ends_finish();
}

static maiko_counters_link link_of(struct report_end *end)
{
    maiko_counters *counters = NULL;
    maiko_counters_link link;

    memset(&link, 0, sizeof(link));
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(maiko_supervisor_counters_path(end->sup), &counters), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_get_link(counters, 0, &link), MAIKO_OK);
    maiko_counters_free(counters);
    return link;
}

static bool is_settled(struct report_end *publisher)
{
    maiko_bridge_counters counters = report_end_counters(publisher);

    return counters.acknowledged + counters.lost == SENT;
}

/* On one host its process is known to live: it is stalled, however long that takes, and what it misses is the deadline's. */
static void a_process_stopped_for_longer_than_the_silence_is_stalled_over_shared_memory(void)
{
    maiko_bridge_config config = impatient(MAIKO_TRANSPORT_SHM, MAIKO_SECONDS(2));
    maiko_counters_link link;
    struct report_end publisher;
    struct child child;
    unsigned long long lost;
    char reason[32];

    begin_with_stopped(&publisher, &config, &child);
    CU_ASSERT(report_end_hears(&publisher, MAIKO_PEER_STALLED, "silent"));
    CU_ASSERT_EQUAL(report_end_counters(&publisher).peers, 1);
    publish_to_stopped(&publisher);
    CU_ASSERT(report_end_hears(&publisher, MAIKO_PEER_STALLED, "deadline"));
    CU_ASSERT(wait_until(report_end_counters(&publisher).exported == SENT, 60000));
    child_signal(&child, SIGCONT);
    CU_ASSERT(report_end_hears(&publisher, MAIKO_PEER_READY, "caught up"));
    CU_ASSERT(wait_until(is_settled(&publisher), 60000));
    check_link(&publisher, "subscriber");
    link = link_of(&publisher);
    CU_ASSERT_EQUAL(link.sessions, 1);
    CU_ASSERT_EQUAL(link.lost_deadline, link.lost);
    read_gap(&child, reason, sizeof(reason), &lost);
    CU_ASSERT_STRING_EQUAL(reason, "deadline");
    CU_ASSERT_EQUAL(lost, link.lost);
    CU_ASSERT_PTR_NULL(report_end_find(&publisher, MAIKO_PEER_DOWN, NULL));
    finish_with_killed(&publisher, &child);
}

/* Over a socket silence is all there is to know: it is down.  Nobody is held for it past the deadline; it goes on where it was
 * and is told how much the log does not have any more. */
static void a_process_stopped_for_longer_than_the_silence_is_down_over_zeromq(void)
{
    maiko_bridge_config config = impatient(MAIKO_TRANSPORT_ZMQ, MAIKO_SECONDS(3));
    maiko_counters_link link;
    struct report_end publisher;
    struct child child;
    unsigned long long lost;
    char reason[32];

    begin_with_stopped(&publisher, &config, &child);
    CU_ASSERT(report_end_hears(&publisher, MAIKO_PEER_DOWN, "silent"));
    publish_to_stopped(&publisher);
    CU_ASSERT(wait_until(report_end_counters(&publisher).exported == SENT, 60000));
    child_signal(&child, SIGCONT);
    CU_ASSERT(wait_until(is_settled(&publisher), 60000));
    CU_ASSERT(wait_until(link_of(&publisher).queued == 0, 60000));
    link = link_of(&publisher);
    CU_ASSERT_EQUAL(link.offered, SENT);
    CU_ASSERT(link.sessions > 1);
    CU_ASSERT(link.acknowledged >= 64 && link.lost_log > 0);
    CU_ASSERT_EQUAL(link.lost, link.lost_log + link.lost_deadline); /* the second on a machine so slow that it was down before */
    CU_ASSERT_EQUAL(link.acknowledged + link.lost, SENT);
    read_gap(&child, reason, sizeof(reason), &lost);
    CU_ASSERT(lost > 0 && lost <= link.lost);
    finish_with_killed(&publisher, &child);
}

/* ---- a publisher that is killed ---- */

enum { WINDOW = 64, PUBLISHED = WINDOW + 2 };

/* Without a word to the suite, which this process has none of. */
static bool has_exported(struct report_end *end, uint64_t events)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    return maiko_bridge_count(end->bridge, &counters) == MAIKO_OK && counters.exported == events;
}

/* Counts up when it is told to, to a subscriber that does not look; then the test reads the line and kills it. */
static int publish_until_killed(const char *topic_outside)
{
    static struct report_end end;
    maiko_bridge_config config = {.space = "reports", .window_events = WINDOW, .deadline_ns = MAIKO_SECONDS(600)};
    const char *as = strcmp(topic_outside, "count/up") == 0 ? NULL : "north/count/#";
    sigset_t go;
    uint64_t number;
    int signal_number;

    sigemptyset(&go);
    sigaddset(&go, SIGUSR1);
    sigprocmask(SIG_BLOCK, &go, NULL);
    report_end_make(&end, "publisher", &config);
    if (maiko_bridge_export(end.bridge, &(maiko_bridge_pattern){.pattern = "count/#", .as = as}) != MAIKO_OK ||
        report_end_try(&end) != MAIKO_OK ||
        maiko_bridge_wait_ready(end.bridge, topic_outside, 1, MAIKO_SECONDS(60)) != MAIKO_OK)
        return 9;
    printf("ready\n");
    fflush(stdout);
    sigwait(&go, &signal_number);
    for (number = 1; number <= PUBLISHED; number++)
        if (maiko_send(maiko_supervisor_context(end.sup), counted, .number = number) != MAIKO_OK)
            return 9;
    /* What no shard has taken over has no topic yet. */
    while (!wait_until(has_exported(&end, PUBLISHED) && end.received == PUBLISHED, 60000)) {
    }
    printf("sent\n");
    fflush(stdout);
    for (;;)
        pause();
}

static void start_role(struct child *child, const char *role, const char *argument)
{
    CU_ASSERT_TRUE_FATAL(child_start_role(child, role, argument));
}

static void expect_line(struct child *child, const char *expected)
{
    char line[16] = "";

    CU_ASSERT(read(child->output_fd, line, strlen(expected)) > 0);
    if (strcmp(line, expected) != 0)
        SUITE_FAIL("\"%s\" instead of \"%s\"", line, expected);
}

static void the_dead_leaves_a_gap(const char *subscriber_role, const char *topic_outside)
{
    struct child publisher;
    struct child subscriber;
    siginfo_t stopped;
    unsigned long long lost;
    char reason[32];

    report_ends_begin();
    start_role(&subscriber, subscriber_role, "");
    start_role(&publisher, "--publisher", topic_outside);
    expect_line(&publisher, "ready\n");
    child_signal(&subscriber, SIGSTOP);
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)subscriber.pid, &stopped, WSTOPPED | WNOWAIT), 0);
    child_signal(&publisher, SIGUSR1);
    expect_line(&publisher, "sent\n");
    child_signal(&publisher, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&publisher, 60000), 128 + SIGKILL);
    child_signal(&subscriber, SIGCONT);
    read_gap(&subscriber, reason, sizeof(reason), &lost);
    CU_ASSERT_STRING_EQUAL(reason, "died");
    /* More where it was killed before the window was full, and 0, unknown, where it was before its books were written. */
    if (lost != 0 && (lost < PUBLISHED - WINDOW || lost > PUBLISHED))
        SUITE_FAIL("%llu lost", lost);
    child_signal(&subscriber, SIGKILL);
    child_end(&subscriber, 60000);
    report_ends_finish();
}

static void what_a_killed_publisher_could_not_send_is_a_gap(void)
{
    the_dead_leaves_a_gap("--subscriber", "count/up");
}

static void a_killed_publisher_of_another_name_outside_leaves_the_same_gap(void)
{
    the_dead_leaves_a_gap("--subscriber-of-north", "north/count/up");
}

/* ---- how long what it has not taken waits ---- */

static maiko_counters_export exported_by(struct report_end *end)
{
    maiko_counters *counters = NULL;
    maiko_counters_export exported;

    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(maiko_supervisor_counters_path(end->sup), &counters), MAIKO_OK);
    (void)maiko_counters_get_export(counters, 0, &exported);
    if (maiko_counters_export_count(counters) > 0)
        CU_ASSERT_STRING_EQUAL(exported.topic, "count/up");
    exported.topic = "";
    maiko_counters_free(counters);
    return exported;
}

static uint64_t wall_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void send_some(struct report_end *publisher, unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++)
        CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(publisher->sup), counted, .number = i), MAIKO_OK);
}

static void what_a_stopped_peer_has_not_taken_has_an_age(maiko_transport transport)
{
    maiko_bridge_config config = {
        .space = "reports", .transport = transport, .deadline_ns = MAIKO_SECONDS(600), .silence_ns = MAIKO_SECONDS(600)};
    maiko_counters_export first;
    struct report_end publisher;
    struct child child;
    siginfo_t stopped;
    uint64_t begun_ns;

    begin_with_stopped(&publisher, &config, &child);
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)child.pid, &stopped, WSTOPPED | WNOWAIT), 0);
    begun_ns = wall_now();
    send_some(&publisher, 10);
    CU_ASSERT(wait_until(exported_by(&publisher).queued == 10, 60000));
    first = exported_by(&publisher);
    CU_ASSERT(first.oldest_ns + MAIKO_SECONDS(1) >= begun_ns);
    CU_ASSERT(first.oldest_ns <= wall_now());
    send_some(&publisher, 5);
    CU_ASSERT(wait_until(exported_by(&publisher).queued == 15, 60000));
    CU_ASSERT_EQUAL(exported_by(&publisher).oldest_ns, first.oldest_ns); /* older by now */
    child_signal(&child, SIGCONT);
    CU_ASSERT(wait_until(exported_by(&publisher).queued == 0, 60000));
    CU_ASSERT_EQUAL(exported_by(&publisher).oldest_ns, 0);
    CU_ASSERT_EQUAL(exported_by(&publisher).high_water, 15);
    finish_with_killed(&publisher, &child);
}

static void what_a_stopped_peer_has_not_taken_has_an_age_over_shared_memory(void)
{
    what_a_stopped_peer_has_not_taken_has_an_age(MAIKO_TRANSPORT_SHM);
}

static void what_a_stopped_peer_has_not_taken_has_an_age_over_zeromq(void)
{
    what_a_stopped_peer_has_not_taken_has_an_age(MAIKO_TRANSPORT_ZMQ);
}

static const struct test_case cases[] = {
    TEST_CASE(a_stopped_peer_is_stalled_then_ready_and_told_of_its_gap),
    TEST_CASE(a_process_stopped_for_longer_than_the_silence_is_stalled_over_shared_memory),
    TEST_CASE(a_process_stopped_for_longer_than_the_silence_is_down_over_zeromq),
    TEST_CASE(what_a_stopped_peer_has_not_taken_has_an_age_over_shared_memory),
    TEST_CASE(what_a_stopped_peer_has_not_taken_has_an_age_over_zeromq),
    TEST_CASE(what_a_killed_publisher_could_not_send_is_a_gap),
    TEST_CASE(a_killed_publisher_of_another_name_outside_leaves_the_same_gap),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "peer_stopped", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 1 && strcmp(argv[1], "--subscriber") == 0)
        return subscribe_until_killed("count/up");
    if (argc > 1 && strcmp(argv[1], "--subscriber-of-north") == 0)
        return subscribe_until_killed("north/count/up");
    if (argc > 2 && strcmp(argv[1], "--publisher") == 0)
        return publish_until_killed(argv[2]);
    return suite_main(argc, argv, &suite);
}
