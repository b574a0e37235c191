/* Native bytes between two peers that share memory: who gets them, what events in a row keep of their own, and other sessions. */
#include <string.h>

#include "lib/narrow_pair.h"
#include "lib/sample_events.h"
#include "lib/suite.h"
#include "link/origins.h"
#include "link/stream.h"
#include "wire/parts.h"

static void be_near(bool a, bool b)
{
    pair.a.is_near = a;
    pair.b.is_near = b;
}

static void events_of_a_type_both_know_come_as_native_bytes(void)
{
    narrow_begin();
    be_near(true, true);
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 1); /* the type is met */
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.natives, 0);
    narrow_publish("t", MAIKO_BLOCK, 1);
    narrow_publish("u", MAIKO_BLOCK, 1); /* another channel of it */
    pair_settle(&pair);
    pair_pass(&pair, MAIKO_MS(20));
    CU_ASSERT_EQUAL(pair.b.events, 3);
    CU_ASSERT_EQUAL(pair.b.natives, 2);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->native_out, 2);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->native_in, 2);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->converted, 0);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->malformed, 0);
    pair_deinit(&pair);
}

/* Events in a row, each of which differs from the one before in something. */
static const struct {
    const char *sender;
    const char *topic;
    uint64_t id_lo;
    uint64_t time_ns;
    maiko_id parent;
    maiko_id correlation; /* nil: its own id */
} in_a_row[] = {{"s", "t", 1000, 2000, {0, 0}, {0, 0}},       {"s", "t", 1001, 2001, {0, 0}, {0, 0}},
                {"s", "t", 1002, 2001, {5, 1001}, {0, 0}},    {"s", "t", 1003, 2003, {0, 0}, {0, 0}},
                {"s", "t", 1004, 2004, {0, 0}, {9, 9}},       {"s", "t", 1005, 2005, {0, 0}, {0, 0}},
                {"s", "t", 1006, 0, {0, 0}, {0, 0}},          {"s", "t", 1007, 2007, {0, 0}, {0, 0}},
                {"s", "u", 1008, 2008, {0, 0}, {0, 0}},       {"s", "u", 1009, 2009, {0, 0}, {0, 0}},
                {"r", "u", 1010, 2010, {0, 0}, {0, 0}},       {"s", "t", 1011, 2011, {0, 0}, {0, 0}},
                {"s", "t", 1012, 2012, {5, 1}, {9, 9}},       {"s", "t", 1013, 2013, {5, 1}, {9, 9}},
                {"s", "t", 1014, UINT64_MAX, {0, 0}, {0, 0}}, {"s", "t", UINT64_MAX, 1, {0, 0}, {0, 0}}};
enum { IN_A_ROW = sizeof(in_a_row) / sizeof(in_a_row[0]) };

static void publish_in_a_row(size_t i, size_t end)
{
    for (; i < end; i++) {
        numbers value = {.u64 = 100 + i};
        struct export_event event = {.type = MAIKO_TYPE(numbers),
                                     .payload = &value,
                                     .topic = in_a_row[i].topic,
                                     .sender = in_a_row[i].sender,
                                     .id = {5, in_a_row[i].id_lo},
                                     .parent = in_a_row[i].parent,
                                     .correlation = in_a_row[i].correlation,
                                     .time_ns = in_a_row[i].time_ns};

        if (maiko_id_is_nil(event.correlation))
            event.correlation = event.id;
        CU_ASSERT_EQUAL(exporter_publish(pair.a.exporter, &event, pair.now), MAIKO_OK);
    }
}

static void send_in_a_row(uint32_t run_most)
{
    size_t i;

    pair_init(&pair, heap_default());
    narrow_open();
    be_near(true, true);
    pair.b.run_most = run_most;
    narrow_link_up("#", FROM_LIVE);
    publish_in_a_row(0, 1); /* the type is met */
    pair_settle(&pair);
    publish_in_a_row(1, IN_A_ROW);
    pair_settle(&pair);
    CU_ASSERT_EQUAL_FATAL(pair.b.events, IN_A_ROW);
    CU_ASSERT_EQUAL(pair.b.natives, IN_A_ROW - 1);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->native_in, IN_A_ROW - 1);
    for (i = 0; i < IN_A_ROW; i++) {
        const struct inbound_event *seen = &pair.b.seen[i];
        const maiko_id id = {5, in_a_row[i].id_lo};

        CU_ASSERT_EQUAL(pair.b.seen_numbers[i], 100 + i);
        CU_ASSERT_EQUAL(seen->position, pair.b.seen[0].position + i);
        CU_ASSERT(i == 0 || seen->native.data + seen->native.len == seen->payload.data + seen->payload.len);
        CU_ASSERT_STRING_EQUAL(seen->channel->topic, in_a_row[i].topic);
        CU_ASSERT_STRING_EQUAL(seen->channel->sender, in_a_row[i].sender);
        CU_ASSERT_TRUE(maiko_id_equal(seen->id, id));
        CU_ASSERT_EQUAL(seen->time_ns, in_a_row[i].time_ns);
        CU_ASSERT_TRUE(maiko_id_equal(seen->parent, in_a_row[i].parent));
        CU_ASSERT_TRUE(
            maiko_id_equal(seen->correlation, maiko_id_is_nil(in_a_row[i].correlation) ? id : in_a_row[i].correlation));
    }
    CU_ASSERT_EQUAL(pair.b.runs > 0, run_most > 0);
    pair_deinit(&pair);
}

static void native_events_in_a_row_keep_what_is_their_own(void)
{
    send_in_a_row(0);
    send_in_a_row(1);
    send_in_a_row(100);
}

enum { IN_A_RUN = 20, FIRST_ID = 1000 };

static void publish_alike(uint64_t first, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        numbers value = {.u64 = first + i};
        maiko_id id = {5, FIRST_ID + first + i};
        struct export_event event = {.type = MAIKO_TYPE(numbers),
                                     .payload = &value,
                                     .topic = "t",
                                     .sender = "s",
                                     .id = id,
                                     .correlation = id,
                                     .time_ns = 2000 + i};

        CU_ASSERT_EQUAL(exporter_publish(pair.a.exporter, &event, pair.now), MAIKO_OK);
    }
}

/* Those that are not taken with the others come alone, and all in order. */
static void a_run_may_be_taken_in_pieces(void)
{
    uint32_t most;
    size_t i;

    for (most = 0; most < IN_A_RUN + 2; most++) {
        pair_init(&pair, heap_default());
        narrow_open();
        be_near(true, true);
        pair.b.run_most = most;
        narrow_link_up("#", FROM_LIVE);
        publish_alike(1, 1);
        pair_settle(&pair);
        publish_alike(2, IN_A_RUN);
        pair_settle(&pair);
        CU_ASSERT_EQUAL_FATAL(pair.b.events, 1 + IN_A_RUN);
        for (i = 0; i < 1 + IN_A_RUN; i++) {
            CU_ASSERT_EQUAL(pair.b.seen_numbers[i], 1 + i);
            CU_ASSERT_EQUAL(pair.b.seen[i].id.lo, FIRST_ID + 1 + i);
            CU_ASSERT_EQUAL(pair.b.seen[i].position, pair.b.seen[0].position + i);
        }
        CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->delivered, 1 + IN_A_RUN);
        CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->native_in, IN_A_RUN);
        CU_ASSERT_EQUAL(pair.b.runs, most == 0 ? 0 : (IN_A_RUN - 1 + most - 1) / most); /* the first one comes alone */
        pair_deinit(&pair);
    }
}

/* What waits is not acknowledged, whichever of its events were: up to the last that was delivered, once it is said of that. */
static void a_run_that_waits_is_acknowledged_as_it_is_delivered(void)
{
    uint32_t most;

    for (most = 1; most < IN_A_RUN + 2; most++) {
        uint64_t first;

        pair_init(&pair, heap_default());
        narrow_open();
        be_near(true, true);
        pair.b.run_most = most;
        narrow_link_up("#", FROM_LIVE);
        publish_alike(1, 1);
        pair_settle(&pair);
        pair_pass(&pair, MAIKO_MS(20));
        CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, 1);
        pair.b.keeps_events = true;
        first = pair.b.last_position + 1;
        publish_alike(2, IN_A_RUN);
        pair_settle(&pair);
        pair_pass(&pair, MAIKO_MS(20));
        CU_ASSERT_EQUAL(pair.b.events, 1 + IN_A_RUN);
        CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, 1);
        peer_delivered(pair.b.peer, pair.b.last_stream, first + IN_A_RUN / 2, pair.now);
        pair_pass(&pair, MAIKO_MS(20));
        CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, 1 + IN_A_RUN / 2 + 1);
        peer_delivered(pair.b.peer, pair.b.last_stream, first + IN_A_RUN - 1, pair.now);
        pair_pass(&pair, MAIKO_MS(20));
        CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, 1 + IN_A_RUN);
        CU_ASSERT(exporter_is_drained(pair.a.exporter));
        pair_deinit(&pair);
    }
}

/* What came by another way meanwhile is in the middle of nothing: a run begins behind it. */
static void of_a_run_that_was_heard_in_part_the_rest_comes(void)
{
    struct origins origins;
    struct origin *origin;
    uint64_t heard;

    for (heard = 1; heard <= IN_A_RUN + 1; heard++) {
        origins_init(&origins, heap_default());
        pair_init(&pair, heap_default());
        pair.b.config.origins = &origins;
        narrow_open();
        be_near(true, true);
        pair.b.run_most = 100;
        narrow_link_up("#", FROM_LIVE);
        publish_alike(1, 1);
        pair_settle(&pair);
        origin = origins_join(&origins, 5, "t", "s", pair.a.config.identity.node, (maiko_id){9, 9});
        CU_ASSERT_PTR_NOT_NULL_FATAL(origin);
        CU_ASSERT_EQUAL(origin_hear(origin, FIRST_ID + heard), heard > 1);
        publish_alike(2, IN_A_RUN);
        pair_settle(&pair);
        CU_ASSERT_EQUAL(pair.b.events, 1 + IN_A_RUN - (heard - 1));
        CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->repeated, heard - 1);
        CU_ASSERT_EQUAL(pair.b.last_number, heard <= IN_A_RUN ? 1 + IN_A_RUN : 1);
        origins_leave(&origins, origin);
        pair_deinit(&pair);
        origins_deinit(&origins);
    }
}

/* What is said of the first holds for each of them: nobody asks for them any more. */
static void native_events_in_a_row_are_refused_one_by_one(void)
{
    pair_init(&pair, heap_default());
    narrow_open();
    be_near(true, true);
    narrow_link_up("#", FROM_LIVE);
    publish_in_a_row(0, 1);
    pair_settle(&pair);
    publish_in_a_row(1, 2);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.natives, 1);
    publish_in_a_row(7, 8);
    publish_in_a_row(7, 8);
    publish_in_a_row(7, 8);
    peer_unsubscribe(pair.b.peer, "#", pair.now);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 2);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->delivered, 2);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->denied, 3);
    pair_deinit(&pair);
}

/* So many alike in one block of `len` bytes each, as the export actor makes them; `told` is the number that is in them. */
static void append_block(uint64_t first, size_t count, uint32_t told)
{
    struct export_event event = {.type = MAIKO_TYPE(numbers), .topic = "t", .sender = "s", .id = {5, 0}, .time_ns = 2000};
    struct export_run run = {.count = count, .channel = told, .is_native = true};
    struct export_channel *channel = NULL;
    struct pack pack;
    size_t done = 0;
    size_t size;
    size_t i;

    pack_init(&pack, heap_default(), SIZE_MAX);
    for (i = 0; i < count; i++) {
        numbers value = {.u64 = first + i};

        record_write_native(&pack, &(struct event_head){.channel = told, .id_lo = FIRST_ID + first + i, .time_ns = 2000}, &value,
                            sizeof(value));
    }
    run.len = pack.len / count;
    size = pack.size;
    run.records = pack_release(&pack, &size);
    run.block = retained_block_new(heap_default(), run.records, size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(run.block);
    CU_ASSERT_EQUAL_FATAL(exporter_channel(pair.a.exporter, &event, &channel), MAIKO_OK);
    CU_ASSERT_EQUAL(exporter_append(pair.a.exporter, channel, &run, pair.now, &done), MAIKO_OK);
    CU_ASSERT_EQUAL(done, count);
    CU_ASSERT_EQUAL(run.channel, channel->base.number); /* a piece of it that comes later may go to another */
    retained_block_unref(run.block);
}

/* Long runs and short ones by turns, more of them than a frame has parts. */
static void send_runs(size_t batch_bytes)
{
    static const size_t counts[] = {1, 30, 3, 17, 100, 2};
    enum { BLOCKS = 3 * PARTS_STAY_MAX };
    const struct peer_counters *counters;
    uint64_t first = 2;
    size_t i;

    pair_init(&pair, heap_default());
    pair.a.config.batch_bytes = batch_bytes;
    narrow_open();
    be_near(true, true);
    pair.b.run_most = 100;
    narrow_link_up("#", FROM_LIVE);
    publish_alike(1, 1);
    pair_settle(&pair);
    for (i = 0; i < BLOCKS; i++) {
        size_t count = counts[i % (sizeof(counts) / sizeof(counts[0]))];

        append_block(first, count, i % 5 == 0 ? 4711 : 0); /* some have the number of another channel in them */
        first += count;
    }
    pair_settle(&pair);
    pair_pass(&pair, MAIKO_MS(20));
    CU_ASSERT_EQUAL(pair.b.events, first - 1);
    CU_ASSERT_EQUAL(pair.b.natives, first - 2);
    CU_ASSERT_EQUAL(pair.b.last_number, first - 1);
    for (i = 0; i < PAIR_SEEN; i++)
        CU_ASSERT_EQUAL(pair.b.seen_numbers[(first - 1 - PAIR_SEEN + i) % PAIR_SEEN], first - PAIR_SEEN + i);
    counters = peer_counters(pair.a.peer);
    CU_ASSERT_EQUAL(counters->native_out, first - 2);
    CU_ASSERT_EQUAL(counters->bytes_out, peer_counters(pair.b.peer)->bytes_in);
    CU_ASSERT(pair.a.longest < batch_bytes + 256); /* a head, the array's, and one record too much */
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->malformed, 0);
    CU_ASSERT(pair.a.parts > 0);
    pair_deinit(&pair);
}

static void runs_stay_in_the_log_until_they_are_sent(void)
{
    send_runs(256 * 1024);
    send_runs(1000);
}

/* Only what follows each other in the entry is one run. */
static void events_that_lie_apart_are_no_run(void)
{
    static const uint8_t order[] = {0, 2, 3, 3, 4, 5, 1};
    static const size_t runs[] = {1, 2, 1, 3, 2, 1, 1};
    struct retained_channel channel = {.refs = 0};
    struct retained_run run = {.channel = &channel, .len = 10, .count = 6};
    struct stream stream;
    struct retained log;
    size_t count;
    size_t i;

    retained_init(&log, heap_default(), 1 << 20);
    CU_ASSERT_EQUAL_FATAL(retained_topic(&log, "t", MAIKO_BLOCK, &run.topic), MAIKO_OK);
    run.block = retained_block_new(heap_default(), heap_alloc(heap_default(), 60), 60);
    CU_ASSERT_PTR_NOT_NULL_FATAL(run.block);
    run.bytes = run.block->data;
    CU_ASSERT_EQUAL(retained_append_run(&log, &run, &count), MAIKO_OK);
    stream_init(&stream, heap_default(), &log);
    stream.window_bytes = stream.window_events = 1000;
    for (i = 0; i < sizeof(order); i++)
        stream_push_past(&stream, retained_at(&log, 0), order[i]);
    for (i = 0; i < sizeof(order); i++)
        CU_ASSERT_EQUAL(stream_sendable_run(&stream, i, 100), runs[i]);
    CU_ASSERT_EQUAL(stream_sendable_run(&stream, 3, 2), 2); /* no more than asked for */
    stream_deinit(&stream);
    retained_block_unref(run.block);
    retained_deinit(&log);
}

/* Either side may decide against it. */
static void who_shares_no_memory_gets_arrays(void)
{
    unsigned who;

    for (who = 0; who < 2; who++) {
        narrow_begin();
        be_near(who == 0, who == 1);
        narrow_link_up("#", FROM_LIVE);
        narrow_publish("t", MAIKO_BLOCK, 1);
        pair_settle(&pair);
        narrow_publish("t", MAIKO_BLOCK, 2);
        pair_settle(&pair);
        CU_ASSERT_EQUAL(pair.b.events, 3);
        CU_ASSERT_EQUAL(pair.b.natives, 0);
        pair_deinit(&pair);
    }
}

/* What the log has as native bytes becomes an array for a session that did not ask for them, or not yet. */
static void another_session_begins_with_arrays(void)
{
    uint64_t before;

    narrow_begin();
    be_near(true, true);
    pair.b.keeps_events = true;
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    narrow_publish("t", MAIKO_BLOCK, 2); /* with the one before the window, nothing acknowledged */
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.natives, 2);
    narrow_publish("t", MAIKO_BLOCK, 4); /* no room for the last ones, which wait as native bytes */
    pair_settle(&pair);
    before = pair.b.events;
    CU_ASSERT_EQUAL(before, 4);
    pair_break(&pair);
    be_near(false, false);
    pair.b.keeps_events = false;
    pair_connect(&pair);
    pair_deliver(&pair.b);
    pair_pass(&pair, MAIKO_SECONDS(1));
    CU_ASSERT_EQUAL(pair.b.events, 7);
    CU_ASSERT_EQUAL(pair.b.natives, 3);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->converted, 3);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->malformed, 0);
    pair_deinit(&pair);
}

static const struct test_case cases[] = {
    TEST_CASE(events_of_a_type_both_know_come_as_native_bytes),
    TEST_CASE(native_events_in_a_row_keep_what_is_their_own),
    TEST_CASE(a_run_may_be_taken_in_pieces),
    TEST_CASE(a_run_that_waits_is_acknowledged_as_it_is_delivered),
    TEST_CASE(of_a_run_that_was_heard_in_part_the_rest_comes),
    TEST_CASE(native_events_in_a_row_are_refused_one_by_one),
    TEST_CASE(runs_stay_in_the_log_until_they_are_sent),
    TEST_CASE(events_that_lie_apart_are_no_run),
    TEST_CASE(who_shares_no_memory_gets_arrays),
    TEST_CASE(another_session_begins_with_arrays),
};
SUITE_MAIN("peer_native", cases)
