/* Relays over real sockets, the relay a process of its own: what it passes on arrives once, from where it began, and a node that
 * is not told to pass on does not. */
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <maiko/bridge.h>
#include <maiko/import.h>
#include <maiko/maiko.h>

#include "lib/child.h"
#include "lib/suite.h"

#define HOPPED_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(hopped, "hop/up", HOPPED_FIELDS)

enum { EVENTS = 1000 };

static char directory[64];

static void endpoint_of(char *text, size_t size, const char *name)
{
    snprintf(text, size, "ipc://%s/%s", directory, name);
}

/* ---- one end: no space, only what it is told to listen at and connect to ---- */

struct end {
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    _Atomic uint64_t received;
    _Atomic uint64_t last;
    _Atomic uint64_t not_rising;
    _Atomic uint32_t most_hops;
    char sender[64];
};

static maiko_status note(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const hopped *event = maiko_event_as(envelope, hopped);
    struct end *end = self;

    if (event == NULL)
        return MAIKO_OK;
    end->not_rising += event->number <= end->last;
    end->last = event->number;
    if (maiko_envelope_hops(envelope) > end->most_hops)
        end->most_hops = maiko_envelope_hops(envelope);
    snprintf(end->sender, sizeof(end->sender), "%s", maiko_envelope_sender(envelope));
    end->received++;
    return MAIKO_OK;
}

static const maiko_actor_ops note_ops = {.handle = note};

static void make_end(struct end *end, const char *node, const char *listen_at)
{
    static const char *const topics[] = {"hop/#", "endless", NULL};
    static const char *const endless[] = {"endless", NULL};
    maiko_bridge_config config = {.node = node};
    char endpoint[128];

    memset(end, 0, sizeof(*end));
    end->sup = maiko_supervisor_new(NULL);
    end->bridge = maiko_bridge_new(end->sup, &config);
    (void)maiko_supervisor_add(
        end->sup, &(maiko_actor_spec){.name = "note", .ops = &note_ops, .self = end, .subscribe = topics, .publish = endless});
    if (listen_at == NULL)
        return;
    endpoint_of(endpoint, sizeof(endpoint), listen_at);
    (void)maiko_bridge_listen(end->bridge, endpoint);
}

static void connect_end(struct end *end, const char *to)
{
    char endpoint[128];

    endpoint_of(endpoint, sizeof(endpoint), to);
    (void)maiko_bridge_connect(end->bridge, endpoint, NULL);
}

/* From the log: nobody here can see when a subscription has reached the middle, and so be sure that it is before all events. */
static void exchange(struct end *end, bool is_relay)
{
    (void)maiko_bridge_export(end->bridge, &(maiko_bridge_pattern){.pattern = "hop/#", .relay = is_relay});
    (void)maiko_bridge_import(end->bridge, &(maiko_bridge_pattern){.pattern = "hop/#", .from = MAIKO_FROM_LOG});
}

static maiko_status start_end(struct end *end)
{
    maiko_status status = maiko_bridge_start(end->bridge);

    return status == MAIKO_OK ? maiko_supervisor_start(end->sup) : status;
}

static void stop_end(struct end *end)
{
    (void)maiko_supervisor_halt(end->sup, NULL);
    (void)maiko_bridge_stop(&end->bridge);
    (void)maiko_supervisor_stop(&end->sup, NULL);
}

static maiko_bridge_counters counters_of(const struct end *end)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    (void)maiko_bridge_count(end->bridge, &counters);
    return counters;
}

/* ---- the one in the middle, in a process of its own ---- */

static volatile sig_atomic_t is_told_to_end;

static void tell_to_end(int signal_number)
{
    is_told_to_end = 1;
}

static int be_in_the_middle(const char *where, bool is_relay)
{
    static struct end end;

    snprintf(directory, sizeof(directory), "%s", where);
    signal(SIGTERM, tell_to_end);
    make_end(&end, "middle", "middle");
    exchange(&end, is_relay);
    if (start_end(&end) != MAIKO_OK)
        return 9;
    while (!wait_until(is_told_to_end, 1000)) {
    }
    (void)maiko_supervisor_halt(end.sup, NULL); /* what was passed on may still wait for our own listener */
    printf("%" PRIu64 " %" PRIu64 "\n", (uint64_t)end.received, counters_of(&end).relayed);
    fflush(stdout);
    stop_end(&end);
    return 0;
}

static void start_middle(struct child *child, const char *role)
{
    char program[] = "/proc/self/exe";
    char how[32];
    char *argv[] = {program, how, directory, NULL};

    snprintf(how, sizeof(how), "%s", role);
    CU_ASSERT_TRUE_FATAL(child_start_program(child, argv));
}

static void end_middle(struct child *child, uint64_t *ret_received, uint64_t *ret_relayed)
{
    char output[64] = "";

    child_signal(child, SIGTERM);
    child_read_output(child, output, sizeof(output));
    CU_ASSERT_EQUAL(child_end(child, 60000), 0);
    CU_ASSERT_EQUAL(sscanf(output, "%" SCNu64 " %" SCNu64, ret_received, ret_relayed), 2);
}

/* ---- cases ---- */

static void begin(void)
{
    strcpy(directory, "/tmp/maiko-relay-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
}

static void finish(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", directory);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void publish_all(struct end *end)
{
    uint64_t number;

    for (number = 1; number <= EVENTS; number++)
        CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(end->sup), hopped, .number = number), MAIKO_OK);
}

/* first - middle - last; the last passes on, too, so everything comes back to the middle and is dropped there. */
static void a_relay_passes_on_with_origin_and_hops(void)
{
    struct child middle;
    struct end first;
    struct end last;
    uint64_t received = 0;
    uint64_t relayed = 0;

    begin();
    start_middle(&middle, "--relay");
    make_end(&first, "first", NULL);
    connect_end(&first, "middle");
    exchange(&first, false);
    CU_ASSERT_EQUAL_FATAL(start_end(&first), MAIKO_OK);
    make_end(&last, "last", NULL);
    connect_end(&last, "middle");
    exchange(&last, true);
    CU_ASSERT_EQUAL_FATAL(start_end(&last), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(first.bridge, "hop/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(last.bridge, "hop/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    publish_all(&first);
    CU_ASSERT(wait_until(last.received == EVENTS, 60000));
    CU_ASSERT_EQUAL(last.not_rising, 0);
    CU_ASSERT_EQUAL(last.most_hops, 2);
    CU_ASSERT(wait_until(counters_of(&last).relayed == EVENTS, 60000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(last.bridge), MAIKO_OK);
    CU_ASSERT(wait_until(counters_of(&first).looped == EVENTS, 60000)); /* the middle tells everybody, the first included */
    end_middle(&middle, &received, &relayed);
    CU_ASSERT_EQUAL(received, EVENTS); /* its own and the last one's copy: once */
    CU_ASSERT_EQUAL(relayed, EVENTS);
    CU_ASSERT_EQUAL(first.received, EVENTS); /* its own, inside */
    stop_end(&last);
    stop_end(&first);
    finish();
}

/* first - middle - last and first - last: two ways, one of them twice as long. */
static void what_comes_by_two_ways_is_received_once(void)
{
    struct child middle;
    struct end first;
    struct end last;
    uint64_t received = 0;
    uint64_t relayed = 0;

    begin();
    start_middle(&middle, "--relay");
    make_end(&first, "first", "first");
    connect_end(&first, "middle");
    exchange(&first, false);
    CU_ASSERT_EQUAL_FATAL(start_end(&first), MAIKO_OK);
    make_end(&last, "last", NULL);
    connect_end(&last, "middle");
    connect_end(&last, "first");
    exchange(&last, false);
    CU_ASSERT_EQUAL_FATAL(start_end(&last), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(first.bridge, "hop/up", 2, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(last.bridge, "hop/up", 2, MAIKO_SECONDS(60)), MAIKO_OK);
    publish_all(&first);
    CU_ASSERT(wait_until(last.received + counters_of(&last).repeated == 2 * EVENTS, 60000));
    CU_ASSERT_EQUAL(last.received, EVENTS);
    CU_ASSERT_EQUAL(last.not_rising, 0);
    CU_ASSERT_EQUAL(counters_of(&last).repeated, EVENTS);
    end_middle(&middle, &received, &relayed);
    CU_ASSERT_EQUAL(received, EVENTS);
    CU_ASSERT_EQUAL(relayed, EVENTS);
    stop_end(&last);
    stop_end(&first);
    finish();
}

static void nothing_is_passed_on_unless_told(void)
{
    struct child middle;
    struct end first;
    struct end last;
    uint64_t received = 0;
    uint64_t relayed = 0;

    begin();
    start_middle(&middle, "--no-relay");
    make_end(&first, "first", NULL);
    connect_end(&first, "middle");
    exchange(&first, false);
    CU_ASSERT_EQUAL_FATAL(start_end(&first), MAIKO_OK);
    make_end(&last, "last", NULL);
    connect_end(&last, "middle");
    exchange(&last, false);
    CU_ASSERT_EQUAL_FATAL(start_end(&last), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(first.bridge, "hop/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(last.bridge, "hop/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    publish_all(&first);
    CU_ASSERT(wait_until(counters_of(&first).exported == EVENTS, 60000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(first.bridge), MAIKO_OK);
    end_middle(&middle, &received, &relayed);
    CU_ASSERT_EQUAL(received, EVENTS);
    CU_ASSERT_EQUAL(relayed, 0);
    CU_ASSERT_EQUAL(last.received, 0);
    stop_end(&last);
    stop_end(&first);
    finish();
}

static const struct test_case cases[] = {
    TEST_CASE(a_relay_passes_on_with_origin_and_hops),
    TEST_CASE(what_comes_by_two_ways_is_received_once),
    TEST_CASE(nothing_is_passed_on_unless_told),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "relay", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 2)
        return be_in_the_middle(argv[2], strcmp(argv[1], "--relay") == 0);
    return suite_main(argc, argv, &suite);
}
