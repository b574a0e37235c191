/* Processes that send more than their window: the session ends with `limit`, memory stays as it is, others are served.  And who
 * is honest never meets that, however often it is cut off, stopped, or killed and back. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <maiko/peer.h>

#include "lib/bridge_end.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "link/peer_state.h"
#include "link/stream_queue.h"
#include "node/node.h"

enum {
    WINDOW = 256,
    GREEDY_EVENTS = 100000,
    OTHER_EVENTS = 200,
    HONEST_EVENTS = 2000,
    LIFE_EVENTS = 20 * WINDOW,
    LIVES = 8,
    STOPS = 4,
    WIDE_EVENTS = 12000,
    SLACK_BYTES = 16 * 1024 * 1024
};

#define WIDE_FIELDS(F)                                                                                                           \
    F(UINT64, number)                                                                                                            \
    F(STRING, a, 256)                                                                                                            \
    F(STRING, b, 256)                                                                                                            \
    F(STRING, c, 256)                                                                                                            \
    F(STRING, d, 256)                                                                                                            \
    F(STRING, e, 256) F(STRING, f, 256) F(STRING, g, 256) F(STRING, h, 256) F(STRING, i, 256) F(STRING, j, 256)                  \
        F(STRING, k, 256) F(STRING, l, 256) F(STRING, m, 256) F(STRING, n, 256) F(STRING, o, 256) F(STRING, p, 256)
MAIKO_EVENT(wide, "held", WIDE_FIELDS)

static struct host host;

static const maiko_bridge_config narrow = {
    .window_events = WINDOW, .deadline_ns = MAIKO_SECONDS(60), .silence_ns = MAIKO_SECONDS(60)};

/* ---- the other processes ---- */

struct maker {
    uint64_t first;
    uint64_t last;
};

static maiko_step produce(void *self, maiko_context *ctx)
{
    struct maker *maker = self;

    while (maker->first <= maker->last && !maiko_is_sender_full(ctx) &&
           maiko_send_to(ctx, "held", counted, .number = maker->first) == MAIKO_OK)
        maker->first++;
    return maker->first <= maker->last ? MAIKO_STEP_CONTINUE : MAIKO_STEP_NEVER;
}

static maiko_step produce_wide(void *self, maiko_context *ctx)
{
    struct maker *maker = self;

    while (maker->first <= maker->last && !maiko_is_sender_full(ctx) && maiko_send(ctx, wide, .number = maker->first) == MAIKO_OK)
        maker->first++;
    return maker->first <= maker->last ? MAIKO_STEP_CONTINUE : MAIKO_STEP_NEVER;
}

typedef maiko_step stepping(void *self, maiko_context *ctx);

static bool begin_to_send(struct bridge_end *end, const maiko_bridge_config *config, stepping *step, uint64_t first,
                          uint64_t last)
{
    static struct maker maker;
    static maiko_actor_ops ops;

    maker = (struct maker){.first = first, .last = last};
    ops = (maiko_actor_ops){.step = step};
    bridge_end_make(end, "b", config, NULL);
    return bridge_end_export(end, "#", NULL) == MAIKO_OK && bridge_end_start(end) == MAIKO_OK &&
           maiko_bridge_wait_ready(end->bridge, "held", 1, MAIKO_SECONDS(60)) == MAIKO_OK &&
           maiko_supervisor_add(end->sup, &(maiko_actor_spec){.name = "pusher", .ops = &ops, .self = &maker}) == MAIKO_OK;
}

/* Its bridge knows no window any more, in any session. */
static void tear_windows_open(maiko_bridge *bridge)
{
    struct list *link;

    pthread_mutex_lock(&bridge->turn);
    LIST_FOR_EACH (link, &bridge->peers) {
        struct stream *stream = &CONTAINER_OF(link, struct node_peer, link)->peer->stream;

        stream->window_events = SIZE_MAX;
        stream->window_bytes = SIZE_MAX;
        stream_admit(stream);
    }
    pthread_mutex_unlock(&bridge->turn);
    handover_wake(&bridge->handover);
}

/* These end by a signal. */
static int be_greedy(void)
{
    static struct bridge_end end;

    if (!begin_to_send(&end, &narrow, produce, 1, GREEDY_EVENTS))
        return 9;
    for (;;) {
        tear_windows_open(end.bridge);
        poll(NULL, 0, 2);
    }
}

static int be_honest(const maiko_bridge_config *config, stepping *step, uint64_t first, uint64_t last)
{
    static struct bridge_end end;

    if (!begin_to_send(&end, config, step, first, last))
        return 9;
    for (;;)
        pause();
}

static int take_part(const char *role, uint64_t number)
{
    maiko_bridge_config impatient = narrow;

    impatient.silence_ns = MAIKO_MS(500);
    impatient.heartbeat_ns = MAIKO_MS(100);
    if (strcmp(role, "--greedy") == 0)
        return be_greedy();
    if (strcmp(role, "--impatient") == 0)
        return be_honest(&impatient, produce, 1, HONEST_EVENTS);
    if (strcmp(role, "--life") == 0)
        return be_honest(&narrow, produce, 1 + number * LIFE_EVENTS, (number + 1) * LIFE_EVENTS);
    if (strcmp(role, "--wide") == 0)
        return be_honest(&(maiko_bridge_config){.deadline_ns = MAIKO_SECONDS(60)}, produce_wide, 1, WIDE_EVENTS);
    return 8;
}

static void kill_it(struct child *child)
{
    child_signal(child, SIGKILL);
    (void)child_end(child, 60000);
}

/* ---- this one: somebody stands at the first event on "held" ---- */

struct yard {
    struct bridge_end near;
    _Atomic(maiko_hold *) hold;
    _Atomic uint64_t received;
    _Atomic uint64_t not_rising;
    _Atomic uint64_t holes;
    _Atomic uint64_t last;
    _Atomic uint32_t limits; /* reports of it */
    uint64_t most_waiting;
};

static maiko_status stand(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const counted *event = maiko_event_as(envelope, counted);
    const maiko_peer_report *report = maiko_event_as(envelope, maiko_peer_report);
    uint64_t number = event != NULL ? event->number : 0;
    struct yard *yard = self;
    maiko_hold *hold = NULL;

    if (report != NULL) {
        yard->limits +=
            (report->news == MAIKO_PEER_DOWN || report->news == MAIKO_PEER_REFUSED) && strcmp(report->reason, "limit") == 0;
        return MAIKO_OK;
    }
    if (event == NULL)
        number = maiko_event_as(envelope, wide)->number;
    yard->not_rising += number <= yard->last;
    yard->holes += number > yard->last + 1;
    yard->last = number;
    if (yard->received++ > 0)
        return MAIKO_OK;
    CU_ASSERT_EQUAL(maiko_hold_new(ctx, &hold), MAIKO_OK);
    yard->hold = hold;
    return MAIKO_OK;
}

static maiko_status listen_to_reports(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    return stand(self, ctx, envelope);
}

static const maiko_actor_ops stand_ops = {.handle = stand};
static const maiko_actor_ops report_ops = {.handle = listen_to_reports};

static void add_actors(struct yard *yard)
{
    CU_ASSERT_EQUAL(maiko_supervisor_add(yard->near.sup, &(maiko_actor_spec){.name = "stands",
                                                                             .ops = &stand_ops,
                                                                             .self = yard,
                                                                             .subscribe = MAIKO_TOPICS("held", "stands"),
                                                                             .publish = MAIKO_TOPICS("stands")}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(
            yard->near.sup,
            &(maiko_actor_spec){.name = "hears", .ops = &report_ops, .self = yard, .subscribe = MAIKO_TOPICS("$sys/peer")}),
        MAIKO_OK);
}

static void open_yard(struct yard *yard, maiko_transport transport, const maiko_bridge_config *config)
{
    static const char *const pushed[] = {"held", NULL};

    memset(yard, 0, sizeof(*yard));
    host_init(&host);
    bridge_end_use(transport);
    bridge_end_configure(&(maiko_config){.outbox_limit_events = 7, .mailbox_capacity = 16});
    bridge_end_make(&yard->near, "m", config, "count/up");
    bridge_end_configure(&(maiko_config){.name = NULL});
    CU_ASSERT_EQUAL(bridge_end_import(&yard->near, "held", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_import(&yard->near, "count/up", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_expect(yard->near.bridge, "pusher", pushed), MAIKO_OK); /* has a way in of its own */
    add_actors(yard);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&yard->near), MAIKO_OK);
}

static void close_yard(struct yard *yard)
{
    bridge_end_stop(&yard->near);
    bridge_end_use(MAIKO_TRANSPORT_AUTO);
    host_deinit(&host);
}

/* What waits of nodes of that name, whether they are there or not. */
static uint64_t waiting(struct yard *yard)
{
    maiko_bridge *bridge = yard->near.bridge;
    uint64_t events = 0;
    struct list *link;

    pthread_mutex_lock(&bridge->turn);
    LIST_FOR_EACH (link, &bridge->peers)
        events += CONTAINER_OF(link, struct node_peer, link)->backlog->waiting.events;
    LIST_FOR_EACH (link, &bridge->left_backlogs)
        events += CONTAINER_OF(link, struct node_backlog, link)->waiting.events;
    pthread_mutex_unlock(&bridge->turn);
    yard->most_waiting = events > yard->most_waiting ? events : yard->most_waiting;
    return events;
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

/* Sanitizers keep what was freed. */
static void check_memory(uint64_t before)
{
    uint64_t after = resident_bytes();

    if (suite_slowdown() == 1 && after > before + SLACK_BYTES)
        SUITE_FAIL("resident memory grew from %llu to %llu bytes", (unsigned long long)before, (unsigned long long)after);
}

static void be_served(struct yard *yard)
{
    struct bridge_end other;
    uint64_t i;

    bridge_end_make(&other, "other", &narrow, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&other, "#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&other), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(other.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    for (i = 1; i <= OTHER_EVENTS; i++)
        CU_ASSERT_EQUAL(bridge_end_publish(&other, i), MAIKO_OK);
    CU_ASSERT(wait_until(yard->near.received == OTHER_EVENTS, 60000));
    CU_ASSERT_EQUAL(yard->near.not_rising + yard->near.holes, 0);
    bridge_end_stop(&other);
}

/* It may not even have begun to stand: what comes before the supervisor has started waits as well. */
static void release(struct yard *yard)
{
    CU_ASSERT_FATAL(wait_until(yard->hold != NULL, 60000));
    maiko_hold_release(yard->hold);
}

static void let_go(struct yard *yard, uint64_t last)
{
    release(yard);
    CU_ASSERT(wait_until(yard->last == last, 60000));
    CU_ASSERT_EQUAL(yard->not_rising, 0);
}

/* ---- cases ---- */

static void who_goes_beyond_the_window_is_cut(maiko_transport transport)
{
    struct child greedy;
    struct yard yard;
    uint64_t before;

    open_yard(&yard, transport, &narrow);
    before = resident_bytes();
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&greedy, "--greedy", 0));
    CU_ASSERT(wait_until(waiting(&yard) > WINDOW + 64 || yard.limits >= 3, 60000));
    CU_ASSERT(yard.limits >= 3);
    check_memory(before);
    be_served(&yard);
    CU_ASSERT(waiting(&yard) <= WINDOW);
    CU_ASSERT(yard.most_waiting <= WINDOW);
    CU_ASSERT(yard.received <= 1);
    kill_it(&greedy);
    release(&yard);
    CU_ASSERT(wait_until(waiting(&yard) == 0, 60000));
    CU_ASSERT_EQUAL(yard.not_rising, 0);
    close_yard(&yard);
}

static void in_shared_memory_who_goes_beyond_the_window_is_cut(void)
{
    who_goes_beyond_the_window_is_cut(MAIKO_TRANSPORT_SHM);
}

static void over_zmq_who_goes_beyond_the_window_is_cut(void)
{
    who_goes_beyond_the_window_is_cut(MAIKO_TRANSPORT_ZMQ);
}

/* As often as it is killed: at most a window of those before, and one of its own. */
static void lives_do_not_add_up(maiko_transport transport)
{
    struct child child;
    struct yard yard;
    uint64_t life;

    open_yard(&yard, transport, &narrow);
    for (life = 0; life < LIVES; life++) {
        uint64_t before = waiting(&yard);
        uint32_t limits = yard.limits;

        CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--life", life));
        /* What has just begun to wait may find room once more: then there is some for the next life, too. */
        CU_ASSERT(wait_until((life == 0 && yard.received > 0 && waiting(&yard) == WINDOW) ||
                                 (life > 0 && waiting(&yard) > before + WINDOW / 2) || yard.limits > limits,
                             60000));
        if (life + 1 < LIVES)
            kill_it(&child);
    }
    CU_ASSERT(yard.limits > 0);
    CU_ASSERT(yard.most_waiting <= 2 * WINDOW);
    let_go(&yard, (uint64_t)LIVES * LIFE_EVENTS);
    kill_it(&child);
    close_yard(&yard);
}

static void lives_in_shared_memory_do_not_add_up(void)
{
    lives_do_not_add_up(MAIKO_TRANSPORT_SHM);
}

static void lives_over_zmq_do_not_add_up(void)
{
    lives_do_not_add_up(MAIKO_TRANSPORT_ZMQ);
}

/* What waits is known again by each session, and all of it comes once. */
static void an_honest_process_loses_nothing_by_breaks(void)
{
    maiko_bridge_config impatient = narrow;
    struct child child;
    struct yard yard;
    unsigned stops;

    impatient.silence_ns = MAIKO_MS(500);
    impatient.heartbeat_ns = MAIKO_MS(100);
    open_yard(&yard, MAIKO_TRANSPORT_ZMQ, &impatient);
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--impatient", 0));
    CU_ASSERT(wait_until(waiting(&yard) > WINDOW / 2, 60000));
    for (stops = 0; stops < STOPS; stops++) {
        child_signal(&child, SIGSTOP);
        CU_ASSERT(wait_until(bridge_end_counters(&yard.near).peers == 0, 60000));
        child_signal(&child, SIGCONT);
        CU_ASSERT(wait_until(bridge_end_counters(&yard.near).peers == 1, 60000));
    }
    let_go(&yard, HONEST_EVENTS);
    CU_ASSERT_EQUAL(yard.received, HONEST_EVENTS);
    CU_ASSERT_EQUAL(yard.holes, 0);
    CU_ASSERT_EQUAL(yard.limits, 0);
    CU_ASSERT(yard.most_waiting <= WINDOW);
    kill_it(&child);
    close_yard(&yard);
}

/* Events of empty strings are two hundred times as long as what came, which is kept until there is room. */
static void what_waits_is_no_larger_than_it_came(void)
{
    const maiko_bridge_config config = {.deadline_ns = MAIKO_SECONDS(60)};
    struct child child;
    struct yard yard;
    uint64_t before;

    open_yard(&yard, MAIKO_TRANSPORT_AUTO, &config);
    before = resident_bytes();
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--wide", 0));
    CU_ASSERT(wait_until(waiting(&yard) > WIDE_EVENTS - 1000, 60000));
    check_memory(before);
    let_go(&yard, WIDE_EVENTS);
    CU_ASSERT_EQUAL(yard.holes, 0);
    kill_it(&child);
    close_yard(&yard);
}

static const struct test_case cases[] = {
    TEST_CASE(in_shared_memory_who_goes_beyond_the_window_is_cut),
    TEST_CASE(over_zmq_who_goes_beyond_the_window_is_cut),
    TEST_CASE(lives_in_shared_memory_do_not_add_up),
    TEST_CASE(lives_over_zmq_do_not_add_up),
    TEST_CASE(an_honest_process_loses_nothing_by_breaks),
    TEST_CASE(what_waits_is_no_larger_than_it_came),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "window", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 2 && strncmp(argv[1], "--", 2) == 0 && strtoul(argv[2], NULL, 10) < 1000000)
        return take_part(argv[1], strtoul(argv[2], NULL, 10));
    return suite_main(argc, argv, &suite);
}
