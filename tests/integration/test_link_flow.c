/* Flow over links: whatever the size of the events, under BLOCK nothing is lost while a peer takes its time, what waits is
 * bounded, and only senders to what the slow peer subscribed to are held. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/bridge_end.h"
#include "lib/process.h"
#include "lib/suite.h"

#define BULK_FIELDS(F) F(UINT64, number) F(TAIL, bytes, BYTES)
MAIKO_EVENT(bulk, "bulk", BULK_FIELDS)

static struct host host;

/* An actor that sends numbered events on a topic until it has sent enough. */
struct source {
    const char *topic;
    uint64_t wanted;
    size_t len; /* 0: counted, else bulk with so many bytes */
    _Atomic uint64_t made;
};

static maiko_status send_one(struct source *source, maiko_context *ctx)
{
    uint64_t nth = atomic_load(&source->made) + 1;
    bulk *event;
    maiko_status status;

    if (source->len == 0) {
        status = maiko_send_to(ctx, source->topic, counted, .number = nth);
    } else {
        event = maiko_reserve(ctx, bulk, source->len);
        if (event == NULL)
            return maiko_context_last_refusal(ctx);
        event->number = nth;
        memset(event->bytes, (int)(nth & 0xff), source->len);
        status = maiko_commit(ctx, event);
    }
    if (status == MAIKO_OK)
        atomic_store(&source->made, nth);
    return status;
}

static maiko_step produce(void *self, maiko_context *ctx)
{
    struct source *source = self;
    int burst;

    for (burst = 0; burst < 16 && source->made < source->wanted && !maiko_is_sender_full(ctx); burst++)
        if (send_one(source, ctx) != MAIKO_OK)
            break; /* full: tried again at the next step */
    return source->made < source->wanted ? MAIKO_STEP_CONTINUE : MAIKO_STEP_NEVER;
}

static const maiko_actor_ops source_ops = {.step = produce};

/* Sources begin when told, so that the links are there. */
static maiko_status add_source(struct bridge_end *end, const char *name, struct source *source)
{
    return maiko_supervisor_add(end->sup, &(maiko_actor_spec){.name = name, .ops = &source_ops, .self = source});
}

/* ---- the receiving side of bulk events ---- */

struct sink {
    atomic_bool may_go_on; /* until then it stands at its first event, and everything behind it fills */
    _Atomic uint64_t received;
    _Atomic uint64_t holes;
    _Atomic uint64_t damaged;
};

static maiko_status take_bulk(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const bulk *event = maiko_event_as(envelope, bulk);
    struct sink *sink = self;

    (void)ctx;
    if (sink->received == 0)
        CU_ASSERT(wait_until(sink->may_go_on, 60000));
    sink->holes += event->number != sink->received + 1;
    sink->damaged += event->bytes_count == 0 || event->bytes[0] != (uint8_t)event->number ||
                     event->bytes[event->bytes_count - 1] != (uint8_t)event->number;
    sink->received++;
    return MAIKO_OK;
}

static const maiko_actor_ops sink_ops = {.handle = take_bulk};

static void bulk_arrives_whole(maiko_transport transport, size_t len, uint64_t count)
{
    /* A log that keeps nothing and a window of one or two events: what waits is what the streams refer to. */
    maiko_bridge_config config = {
        .transport = transport, .log_bytes = 4096, .window_bytes = 65536, .deadline_ns = MAIKO_SECONDS(60)};
    struct source source = {.wanted = count, .len = len};
    struct sink sink = {.received = 0};
    struct bridge_end publisher, subscriber;
    maiko_bridge_counters counters;

    host_init(&host);
    bridge_end_make(&publisher, "publisher", &config, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&publisher, "bulk", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&publisher), MAIKO_OK);
    bridge_end_make(&subscriber, "subscriber", &config, NULL);
    CU_ASSERT_EQUAL(bridge_end_import(&subscriber, "bulk", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(
                        subscriber.sup,
                        &(maiko_actor_spec){.name = "sink", .ops = &sink_ops, .self = &sink, .subscribe = MAIKO_TOPICS("bulk")}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&subscriber), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "bulk", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL(add_source(&publisher, "source", &source), MAIKO_OK);
    CU_ASSERT(wait_until(bridge_end_counters(&publisher).window_waits > 0, 60000));
    sink.may_go_on = true;
    CU_ASSERT(wait_until(sink.received == count, 60000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(publisher.bridge), MAIKO_OK);
    counters = bridge_end_counters(&publisher);
    CU_ASSERT_EQUAL(counters.acknowledged, count);
    CU_ASSERT_EQUAL(counters.lost, 0);
    CU_ASSERT_EQUAL(bridge_end_counters(&subscriber).gaps, 0);
    CU_ASSERT_EQUAL(sink.holes + sink.damaged, 0);
    bridge_end_stop(&subscriber);
    bridge_end_stop(&publisher);
    host_deinit(&host);
}

static void large_events_lose_nothing_to_the_log(void)
{
    bulk_arrives_whole(MAIKO_TRANSPORT_ZMQ, 65536, 200);
    bulk_arrives_whole(MAIKO_TRANSPORT_ZMQ, 1048576, 30);
    bulk_arrives_whole(MAIKO_TRANSPORT_AUTO, 65536, 200);
    bulk_arrives_whole(MAIKO_TRANSPORT_AUTO, 1048576, 30);
}

/* ---- the other side in a process of its own, which is stopped ---- */

static volatile sig_atomic_t is_told_to_end;

static void tell_to_end(int signal_number)
{
    is_told_to_end = 1;
}

/* Subscribes to flow/a; says at the end what came. */
static int subscribe_until_told(void)
{
    struct bridge_end end;

    is_told_to_end = 0;
    signal(SIGTERM, tell_to_end);
    bridge_end_make(&end, "slow", NULL, "flow/a");
    if (bridge_end_import(&end, "flow/a", MAIKO_FROM_LIVE) != MAIKO_OK || bridge_end_import(&end, "bulk", MAIKO_FROM_LIVE) ||
        bridge_end_start(&end) != MAIKO_OK)
        return 9;
    while (!wait_until(is_told_to_end, 1000)) {
    }
    bridge_end_stop(&end);
    printf("%" PRIu64 " %" PRIu64 "\n", (uint64_t)end.received, (uint64_t)(end.not_rising + end.holes));
    fflush(stdout);
    return 0;
}

static const maiko_bridge_config patient = {
    .deadline_ns = MAIKO_SECONDS(120), .silence_ns = MAIKO_SECONDS(120), .window_events = 256};

static void a_stopped_reader_holds_senders_to_its_topic_and_no_others(void)
{
    enum { MANY = 50000 };
    struct source a = {.topic = "flow/a", .wanted = MANY};
    struct source b = {.topic = "flow/b", .wanted = MANY};
    struct bridge_end publisher, reader;
    char output[64] = "";
    struct child child;
    uint64_t made;

    host_init(&host);
    bridge_end_make(&publisher, "publisher", &patient, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&publisher, "flow/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&publisher), MAIKO_OK);
    bridge_end_make(&reader, "reader", NULL, "flow/b");
    CU_ASSERT_EQUAL(bridge_end_import(&reader, "flow/b", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&reader), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--subscriber", 0));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "flow/b", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "flow/a", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    child_signal(&child, SIGSTOP);
    CU_ASSERT_EQUAL(add_source(&publisher, "a", &a), MAIKO_OK);
    CU_ASSERT(wait_until(bridge_end_counters(&publisher).window_waits > 0, 60000));
    CU_ASSERT_EQUAL(add_source(&publisher, "b", &b), MAIKO_OK);
    CU_ASSERT(wait_until(reader.received == MANY, 60000)); /* all of b, while a stands still */
    do
        made = a.made;
    while (wait_until(a.made > made, 100)); /* until it is held */
    CU_ASSERT(made < MANY / 2);             /* window, handover and mailbox: bounded */
    CU_ASSERT_EQUAL(bridge_end_counters(&publisher).lost, 0);
    child_signal(&child, SIGCONT);
    CU_ASSERT(wait_until(a.made == MANY, 60000));
    CU_ASSERT(wait_until(bridge_end_counters(&publisher).exported == 2 * MANY, 60000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(publisher.bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_counters(&publisher).lost, 0);
    CU_ASSERT_EQUAL(reader.not_rising + reader.holes, 0);
    child_signal(&child, SIGTERM);
    child_read_output(&child, output, sizeof(output));
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    CU_ASSERT_STRING_EQUAL(output, "50000 0\n");
    bridge_end_stop(&reader);
    bridge_end_stop(&publisher);
    host_deinit(&host);
}

/* Large events for a reader that stands still: what is taken out of the space is bounded in bytes. */
static void what_waits_for_a_stopped_reader_is_bounded_in_bytes(void)
{
    struct source source = {.wanted = 100000, .len = 65536};
    struct bridge_end publisher;
    struct child child;
    uint64_t exported;

    host_init(&host);
    bridge_end_make(&publisher, "publisher", &patient, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&publisher, "bulk", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&publisher), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--subscriber", 0));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "bulk", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    child_signal(&child, SIGSTOP);
    CU_ASSERT_EQUAL(add_source(&publisher, "source", &source), MAIKO_OK);
    CU_ASSERT(wait_until(bridge_end_counters(&publisher).window_waits > 0, 60000));
    do
        exported = source.made;
    while (wait_until(source.made > exported, 200)); /* until it is held */
    CU_ASSERT(source.made < 512);                    /* window and mark, 1 MiB each, and a mailbox */
    CU_ASSERT_EQUAL(bridge_end_counters(&publisher).lost, 0);
    child_signal(&child, SIGCONT);
    CU_ASSERT(wait_until(source.made > exported, 60000));
    child_signal(&child, SIGKILL);
    child_end(&child, 60000);
    CU_ASSERT(wait_until(source.made > exported + 2000, 60000)); /* the dead hold nobody */
    bridge_end_stop(&publisher);
    host_deinit(&host);
}

/* In one step, so that the export has not had a turn meanwhile. */
static maiko_step send_until_full(void *self, maiko_context *ctx)
{
    struct source *source = self;
    uint64_t made = 0;

    while (made < source->wanted && !maiko_is_sender_full(ctx)) {
        bulk *event = maiko_reserve(ctx, bulk, source->len);

        if (event == NULL || maiko_commit(ctx, event) != MAIKO_OK)
            break;
        made++;
    }
    atomic_store(&source->made, made);
    return MAIKO_STEP_NEVER;
}

static const maiko_actor_ops hasty_ops = {.step = send_until_full};

static uint64_t sent_before_it_is_held(size_t len)
{
    struct source source = {.wanted = 64, .len = len};
    struct bridge_end publisher;

    host_init(&host);
    bridge_end_configure(&(maiko_config){.shards = 1});
    bridge_end_make(&publisher, "publisher", NULL, NULL);
    bridge_end_configure(&(maiko_config){.shards = 0});
    CU_ASSERT_EQUAL(bridge_end_export(&publisher, "bulk", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(publisher.sup, &(maiko_actor_spec){.name = "hasty", .ops = &hasty_ops, .self = &source}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&publisher), MAIKO_OK);
    CU_ASSERT_FATAL(wait_until(source.made > 0, 30000));
    bridge_end_stop(&publisher);
    host_deinit(&host);
    return source.made;
}

static void a_sender_of_large_events_gets_a_mebibyte_ahead_of_its_export(void)
{
    CU_ASSERT_EQUAL(sent_before_it_is_held((size_t)1024 * 1024), 2); /* one fills it, one waits */
    CU_ASSERT_EQUAL(sent_before_it_is_held((size_t)256 * 1024), 5);
    CU_ASSERT_EQUAL(sent_before_it_is_held(1024), 64);
}

static const struct test_case cases[] = {
    TEST_CASE(large_events_lose_nothing_to_the_log),
    TEST_CASE(a_stopped_reader_holds_senders_to_its_topic_and_no_others),
    TEST_CASE(what_waits_for_a_stopped_reader_is_bounded_in_bytes),
    TEST_CASE(a_sender_of_large_events_gets_a_mebibyte_ahead_of_its_export),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "flow over links", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 1 && strcmp(argv[1], "--subscriber") == 0)
        return subscribe_until_told();
    return suite_main(argc, argv, &suite);
}
