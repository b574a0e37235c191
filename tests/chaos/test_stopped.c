/* A subscriber that is stopped (SIGSTOP) and goes on later, under each policy of the link: who is held, what is lost, that the
 * publisher's memory stays flat meanwhile, and that afterwards everything is delivered or counted. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/bridge_end.h"
#include "lib/process.h"
#include "lib/suite.h"

/* The slack: queues, pools and the pages of a ring fill up to their bounds at the pace of threads.  The smallest allocation kept
 * for each event would take 32 bytes times LATE - EARLY, 5.5 MiB. */
enum { WINDOW = 64, EARLY = 20000, LATE = 200000, SLACK_BYTES = 4 * 1024 * 1024 };

static struct host host;
static maiko_transport transport;

/* ---- the process that is stopped ---- */

static volatile sig_atomic_t is_told_to_end;

static void tell_to_end(int signal_number)
{
    (void)signal_number;
    is_told_to_end = 1;
}

static int subscribe_until_told(maiko_overflow_choice overflow)
{
    const maiko_bridge_pattern pattern = {.pattern = "count/up", .overflow = overflow};
    struct bridge_end end;

    signal(SIGTERM, tell_to_end);
    bridge_end_make(&end, "subscriber", NULL, "count/up");
    if (maiko_bridge_import(end.bridge, &pattern) != MAIKO_OK || bridge_end_start(&end) != MAIKO_OK)
        return 9;
    while (!wait_until(is_told_to_end, 1000)) {
    }
    bridge_end_stop(&end);
    printf("{\"received\":%" PRIu64 ",\"not_rising\":%" PRIu64 ",\"holes\":%" PRIu64 ",\"first\":%" PRIu64 ",\"last\":%" PRIu64
           "}\n",
           (uint64_t)end.received, (uint64_t)end.not_rising, (uint64_t)end.holes, (uint64_t)end.first, (uint64_t)end.last);
    fflush(stdout);
    return 0;
}

/* ---- the publisher ---- */

static void begin(struct bridge_end *publisher, const maiko_bridge_config *config, maiko_overflow_choice overflow,
                  struct process *subscriber)
{
    host_init(&host);
    bridge_end_use(transport);
    bridge_end_make(publisher, "publisher", config, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(publisher, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(publisher), MAIKO_OK);
    memset(subscriber, 0, sizeof(*subscriber));
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&subscriber->child, "--subscriber", (uint64_t)overflow));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher->bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    child_signal(&subscriber->child, SIGSTOP);
}

/* All that was exported is delivered or lost; then the subscriber says what it has. */
static void go_on(struct bridge_end *publisher, struct process *subscriber, uint64_t exported)
{
    child_signal(&subscriber->child, SIGCONT);
    CU_ASSERT(wait_until(bridge_end_counters(publisher).exported == exported, 60000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(publisher->bridge), MAIKO_OK);
    child_signal(&subscriber->child, SIGTERM);
    process_finish(subscriber);
    CU_ASSERT_EQUAL(subscriber->code, 0);
    CU_ASSERT_EQUAL(process_figure(subscriber, "not_rising"), 0);
    CU_ASSERT_EQUAL(process_figure(subscriber, "received"), bridge_end_counters(publisher).acknowledged);
}

static void finish(struct bridge_end *publisher)
{
    bridge_end_stop(publisher);
    host_deinit(&host);
}

static void publish(struct bridge_end *publisher, uint64_t from, uint64_t to)
{
    for (; from <= to; from++)
        CU_ASSERT_EQUAL(bridge_end_publish(publisher, from), MAIKO_OK);
}

static uint64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long all = 0;
    unsigned long resident = 0;

    if (file == NULL || fscanf(file, "%lu %lu", &all, &resident) != 2)
        SUITE_FAIL("no /proc/self/statm");
    if (file != NULL)
        fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Publishes to a subscriber that does not read, ten times what fills every queue there is; sanitizers keep what was freed. */
static void publish_with_flat_memory(struct bridge_end *publisher)
{
    uint64_t before;
    uint64_t after;

    publish(publisher, 1, EARLY);
    CU_ASSERT(wait_until(bridge_end_counters(publisher).exported == EARLY, 60000));
    before = resident_bytes();
    publish(publisher, EARLY + 1, LATE);
    CU_ASSERT(wait_until(bridge_end_counters(publisher).exported == LATE, 60000));
    after = resident_bytes();
    if (suite_slowdown() == 1 && after > before + SLACK_BYTES)
        SUITE_FAIL("resident memory grew from %llu to %llu bytes", (unsigned long long)before, (unsigned long long)after);
}

static const maiko_bridge_config small = {
    .deadline_ns = MAIKO_MS(300), .window_events = WINDOW, .silence_ns = MAIKO_SECONDS(60), .log_bytes = 64 * 1024};

/* ---- cases ---- */

static void under_block_the_sender_is_held_and_nothing_is_lost(void)
{
    const maiko_bridge_config patient = {
        .deadline_ns = MAIKO_SECONDS(60), .silence_ns = MAIKO_SECONDS(60), .window_events = WINDOW};
    struct bridge_end publisher;
    struct process subscriber;
    uint64_t accepted = 0;
    maiko_status status = MAIKO_OK;

    begin(&publisher, &patient, MAIKO_BLOCK, &subscriber);
    while (accepted < 1000000 && status == MAIKO_OK) {
        status = maiko_try_send(maiko_supervisor_context(publisher.sup), counted, .number = accepted + 1);
        accepted += status == MAIKO_OK;
        if (status == MAIKO_EFULL && wait_until(!maiko_is_sender_full(maiko_supervisor_context(publisher.sup)), 300))
            status = MAIKO_OK; /* the shards are only busy */
    }
    CU_ASSERT_EQUAL(status, MAIKO_EFULL);
    CU_ASSERT(accepted < EARLY); /* window, handover, mailbox, outbox: bounded */
    CU_ASSERT_EQUAL(bridge_end_counters(&publisher).lost, 0);
    go_on(&publisher, &subscriber, accepted);
    CU_ASSERT_EQUAL(bridge_end_counters(&publisher).acknowledged, accepted);
    CU_ASSERT_EQUAL(bridge_end_counters(&publisher).lost, 0);
    CU_ASSERT_EQUAL(process_figure(&subscriber, "holes"), 0);
    finish(&publisher);
}

static void under_block_the_link_turns_lossy_after_its_deadline(void)
{
    struct bridge_end publisher;
    struct process subscriber;
    maiko_bridge_counters counters;

    begin(&publisher, &small, MAIKO_BLOCK, &subscriber);
    publish_with_flat_memory(&publisher);
    counters = bridge_end_counters(&publisher);
    CU_ASSERT(counters.window_waits > 0);
    CU_ASSERT(counters.lost > 0);
    go_on(&publisher, &subscriber, LATE);
    counters = bridge_end_counters(&publisher);
    CU_ASSERT_EQUAL(counters.acknowledged + counters.lost, LATE);
    CU_ASSERT_EQUAL(process_figure(&subscriber, "first"), 1);
    CU_ASSERT_EQUAL(process_figure(&subscriber, "holes"), 0); /* what waited kept its place; the newer ones were dropped */
    finish(&publisher);
}

static void under_drop_newest_nobody_is_held_and_the_oldest_arrive(void)
{
    struct bridge_end publisher;
    struct process subscriber;
    maiko_bridge_counters counters;

    begin(&publisher, &small, MAIKO_DROP_NEWEST, &subscriber);
    publish_with_flat_memory(&publisher);
    CU_ASSERT_EQUAL(bridge_end_counters(&publisher).window_waits, 0);
    go_on(&publisher, &subscriber, LATE);
    counters = bridge_end_counters(&publisher);
    CU_ASSERT_EQUAL(counters.acknowledged + counters.lost, LATE);
    CU_ASSERT_EQUAL(process_figure(&subscriber, "first"), 1);
    CU_ASSERT(process_figure(&subscriber, "received") >= WINDOW && process_figure(&subscriber, "received") < EARLY);
    finish(&publisher);
}

static void under_drop_oldest_nobody_is_held_and_the_newest_arrive(void)
{
    struct bridge_end publisher;
    struct process subscriber;
    maiko_bridge_counters counters;

    begin(&publisher, &small, MAIKO_DROP_OLDEST, &subscriber);
    publish_with_flat_memory(&publisher);
    CU_ASSERT_EQUAL(bridge_end_counters(&publisher).window_waits, 0);
    go_on(&publisher, &subscriber, LATE);
    counters = bridge_end_counters(&publisher);
    CU_ASSERT_EQUAL(counters.acknowledged + counters.lost, LATE);
    CU_ASSERT_EQUAL(process_figure(&subscriber, "first"), 1); /* was under way already */
    CU_ASSERT_EQUAL(process_figure(&subscriber, "last"), LATE);
    CU_ASSERT(process_figure(&subscriber, "received") < EARLY);
    finish(&publisher);
}

static void under_fail_the_subscription_ends_and_nobody_is_held(void)
{
    struct bridge_end publisher;
    struct process subscriber;
    maiko_bridge_counters counters;

    begin(&publisher, &small, MAIKO_FAIL, &subscriber);
    publish_with_flat_memory(&publisher);
    CU_ASSERT_EQUAL(bridge_end_counters(&publisher).window_waits, 0);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_MS(50)), MAIKO_ETIMEDOUT);
    go_on(&publisher, &subscriber, LATE);
    counters = bridge_end_counters(&publisher);
    CU_ASSERT_EQUAL(counters.lost, 1); /* the one that did not fit; the subscription was over then */
    CU_ASSERT_EQUAL(process_figure(&subscriber, "first"), 1);
    CU_ASSERT_EQUAL(process_figure(&subscriber, "holes"), 0);
    finish(&publisher);
}

/* Each of them twice. */
#define OVER_BOTH(name)                                                                                                          \
    static void name##_zmq(void)                                                                                                 \
    {                                                                                                                            \
        transport = MAIKO_TRANSPORT_ZMQ;                                                                                         \
        name();                                                                                                                  \
    }                                                                                                                            \
    static void name##_shm(void)                                                                                                 \
    {                                                                                                                            \
        transport = MAIKO_TRANSPORT_SHM;                                                                                         \
        name();                                                                                                                  \
    }

OVER_BOTH(under_block_the_sender_is_held_and_nothing_is_lost)
OVER_BOTH(under_block_the_link_turns_lossy_after_its_deadline)
OVER_BOTH(under_drop_newest_nobody_is_held_and_the_oldest_arrive)
OVER_BOTH(under_drop_oldest_nobody_is_held_and_the_newest_arrive)
OVER_BOTH(under_fail_the_subscription_ends_and_nobody_is_held)

static const struct test_case cases[] = {
    TEST_CASE(under_block_the_sender_is_held_and_nothing_is_lost_zmq),
    TEST_CASE(under_block_the_sender_is_held_and_nothing_is_lost_shm),
    TEST_CASE(under_block_the_link_turns_lossy_after_its_deadline_zmq),
    TEST_CASE(under_block_the_link_turns_lossy_after_its_deadline_shm),
    TEST_CASE(under_drop_newest_nobody_is_held_and_the_oldest_arrive_zmq),
    TEST_CASE(under_drop_newest_nobody_is_held_and_the_oldest_arrive_shm),
    TEST_CASE(under_drop_oldest_nobody_is_held_and_the_newest_arrive_zmq),
    TEST_CASE(under_drop_oldest_nobody_is_held_and_the_newest_arrive_shm),
    TEST_CASE(under_fail_the_subscription_ends_and_nobody_is_held_zmq),
    TEST_CASE(under_fail_the_subscription_ends_and_nobody_is_held_shm),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "stopped", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 2 && strcmp(argv[1], "--subscriber") == 0)
        return subscribe_until_told((maiko_overflow_choice)strtoul(argv[2], NULL, 10));
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* or one byte more may make 2 MiB resident */
    return suite_main(argc, argv, &suite);
}
