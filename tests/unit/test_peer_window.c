/* Peer, receiving: who sends more than its window ends the session; who does not never does, whatever waits. */
#include <string.h>

#include "lib/narrow_pair.h"
#include "lib/sample_events.h"
#include "lib/suite.h"
#include "link/peer_state.h"

enum { WINDOW = 4, RUN = 20 };

/* a does not know any limit in this session. */
static void forget_the_window(void)
{
    pair.a.peer->stream.window_events = SIZE_MAX;
    pair.a.peer->stream.window_bytes = SIZE_MAX;
}

static void begin_hostile(void)
{
    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("#", FROM_LIVE);
    forget_the_window();
}

static bool was_cut(void)
{
    return strstr(pair.b.news, "down:limit") != NULL;
}

/* All that is offered arrives, once, when the receivers take it. */
static void take_all(uint64_t events)
{
    uint64_t rounds;

    for (rounds = 0; rounds < 2 * events && pair.b.events < events; rounds++)
        pair_deliver(&pair.b);
    pair_deliver(&pair.b);
    pair_pass(&pair, MAIKO_SECONDS(1));
    CU_ASSERT_EQUAL(pair.b.events, events);
    CU_ASSERT_EQUAL(pair.b.lost + pair.b.unknown_gaps, 0);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, events);
}

/* How many of three are sent before anything is taken, when the window has `halves` times half of the bytes of one. */
static void expect_under_way(unsigned halves, uint64_t expected)
{
    struct stream *stream;

    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("#", FROM_LIVE);
    stream = &pair.a.peer->stream;
    narrow_publish("t", MAIKO_BLOCK, 1);
    stream->window_bytes = stream->admitted_bytes * halves / 2;
    narrow_publish("t", MAIKO_BLOCK, 2);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, expected);
    CU_ASSERT_TRUE(exporter_holds(pair.a.exporter, "t"));
    take_all(3);
    CU_ASSERT_FALSE(was_cut());
    pair_deinit(&pair);
}

/* Else of records of more than half a window none could be sent while another one is read. */
static void a_record_that_begins_inside_of_the_window_is_sent(void)
{
    expect_under_way(1, 1);
    expect_under_way(2, 1);
    expect_under_way(3, 2);
    expect_under_way(4, 2);
}

static void more_records_than_the_window_end_the_session(void)
{
    begin_hostile();
    narrow_publish("t", MAIKO_BLOCK, WINDOW);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, WINDOW);
    CU_ASSERT_FALSE(was_cut());
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_TRUE(was_cut());
    CU_ASSERT_EQUAL(pair.b.events, WINDOW); /* none beyond */
    CU_ASSERT(strstr(pair.a.news, "down:closed") != NULL);
    pair_deliver(&pair.b); /* before it comes back, with what it has taken to be sent */
    pair_connect(&pair);
    CU_ASSERT(peer_is_ready(pair.b.peer));
    take_all(WINDOW + 1);
    pair_deinit(&pair);
}

/* Whatever they are: a record that is no event waits behind those that are. */
static void it_is_all_records_that_count(void)
{
    static const char *const publish[] = {"t", NULL};

    begin_hostile();
    narrow_publish("t", MAIKO_BLOCK, 1);
    CU_ASSERT_EQUAL(exporter_finish(pair.a.exporter, "one", publish, pair.now), MAIKO_OK);
    CU_ASSERT_EQUAL(exporter_finish(pair.a.exporter, "two", publish, pair.now), MAIKO_OK);
    CU_ASSERT_EQUAL(exporter_finish(pair.a.exporter, "three", publish, pair.now), MAIKO_OK);
    pair_settle(&pair);
    CU_ASSERT_FALSE(was_cut());
    CU_ASSERT_EQUAL(pair.b.ends, 3);
    CU_ASSERT_EQUAL(exporter_finish(pair.a.exporter, "four", publish, pair.now), MAIKO_OK);
    pair_settle(&pair);
    CU_ASSERT_TRUE(was_cut());
    CU_ASSERT_EQUAL(pair.b.ends, 3);
    pair_deinit(&pair);
}

/* What was taken leaves room, also when nobody has been told of it yet. */
static void what_was_taken_does_not_count(void)
{
    begin_hostile();
    narrow_publish("t", MAIKO_BLOCK, WINDOW);
    pair_settle(&pair);
    peer_delivered(pair.b.peer, pair.b.last_stream, pair.b.last_position - 2, pair.now);
    narrow_publish("t", MAIKO_BLOCK, 2);
    pair_settle(&pair);
    CU_ASSERT_FALSE(was_cut());
    CU_ASSERT_EQUAL(pair.b.events, WINDOW + 2);
    pair.b.keeps_events = false;
    pair_deliver(&pair.b);
    narrow_publish("t", MAIKO_BLOCK, 5 * WINDOW);
    pair_settle(&pair);
    CU_ASSERT_FALSE(was_cut());
    CU_ASSERT_EQUAL(pair.b.events, 6 * WINDOW + 2);
    pair_deinit(&pair);
}

/* The same bytes for all but their numbers, so they come as one run. */
static void publish_alike(uint64_t first, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        numbers value = {.u64 = first + i};
        const maiko_id id = {5, 1000 + first + i};
        const struct export_event event = {.type = MAIKO_TYPE(numbers),
                                           .payload = &value,
                                           .topic = "t",
                                           .sender = "s",
                                           .id = id,
                                           .correlation = id,
                                           .time_ns = 1};

        CU_ASSERT_EQUAL(exporter_publish(pair.a.exporter, &event, pair.now), MAIKO_OK);
    }
}

static void a_run_is_taken_up_to_the_window(uint32_t run_most)
{
    pair_init(&pair, heap_default());
    pair.b.config.window_events = RUN / 2;
    narrow_open();
    pair.a.is_near = pair.b.is_near = true;
    pair.b.run_most = run_most;
    narrow_link_up("#", FROM_LIVE);
    publish_alike(1, 1); /* the type is met */
    pair_settle(&pair);
    pair.b.keeps_events = true;
    forget_the_window();
    publish_alike(2, RUN);
    pair_settle(&pair);
    CU_ASSERT_TRUE(was_cut());
    CU_ASSERT_EQUAL(pair.b.events, 1 + RUN / 2);
    pair_deinit(&pair);
}

static void runs_are_taken_up_to_the_window(void)
{
    a_run_is_taken_up_to_the_window(0);
    a_run_is_taken_up_to_the_window(3);
    a_run_is_taken_up_to_the_window(RUN);
}

static void more_bytes_than_the_window_end_the_session(void)
{
    begin_hostile();
    pair.b.backlog.bytes = UINT64_MAX / 2; /* nothing of this stream: one record always fits */
    pair.b.peer->left_bytes = 0;
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_FALSE(was_cut());
    CU_ASSERT_EQUAL(pair.b.events, 1);
    pair.b.backlog.bytes = 4 * pair.b.peer->config.window_bytes - 1;
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_FALSE(was_cut());
    CU_ASSERT_EQUAL(pair.b.events, 2);
    pair.b.backlog.bytes++;
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_TRUE(was_cut());
    CU_ASSERT_EQUAL(pair.b.events, 2);
    pair_deinit(&pair);
}

/* a again, in another life: its stream is another. */
static void restart_a(void)
{
    peer_died(pair.b.peer, pair.now);
    peer_free(pair.a.peer);
    pair.a.config.identity.epoch++;
    pair.a.config.identity.node.lo += 10;
    CU_ASSERT_EQUAL_FATAL(peer_new(&pair.a.config, &pair.a.peer), MAIKO_OK);
    pair.b.news[0] = '\0';
    pair_connect(&pair);
}

static bool has_to_wait(void)
{
    return strstr(pair.b.news, "refused:limit") != NULL && !was_cut() && !peer_is_ready(pair.b.peer);
}

/* The other direction goes on meanwhile, and nothing of this one is lost. */
static void what_waits_of_earlier_streams_is_waited_for(void)
{
    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    pair.b.backlog.events = WINDOW;
    restart_a();
    CU_ASSERT_EQUAL(pair_subscribe(&pair.a, "back", FROM_LIVE), MAIKO_OK);
    narrow_publish("t", MAIKO_BLOCK, WINDOW);
    pair_pass(&pair, MAIKO_SECONDS(3));
    CU_ASSERT_TRUE(has_to_wait());
    CU_ASSERT_PTR_EQUAL(strstr(strstr(pair.b.news, "refused:limit") + 1, "refused:limit"), NULL); /* told once */
    CU_ASSERT_EQUAL(pair.b.events, 0);
    CU_ASSERT_EQUAL(pair_publish(&pair.b, "back", MAIKO_BLOCK, 7), MAIKO_OK);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.a.last_number, 7);
    pair.b.backlog.events = WINDOW - 1;
    pair.b.keeps_events = true;
    pair_pass(&pair, MAIKO_SECONDS(3));
    CU_ASSERT_TRUE(peer_is_ready(pair.b.peer));
    CU_ASSERT_EQUAL(pair.b.events, WINDOW);                /* the window is whole for this stream */
    CU_ASSERT_EQUAL(pair.b.lost + pair.b.unknown_gaps, 1); /* that of the life before */
    pair.b.backlog.events = 5 * WINDOW;                    /* the same stream goes on, whatever waits */
    pair_break(&pair);
    pair_connect(&pair);
    CU_ASSERT_TRUE(peer_is_ready(pair.b.peer));
    CU_ASSERT_FALSE(was_cut());
    pair_deinit(&pair);
}

/* Their bytes are not held against the new stream's window, and do not add to it. */
static void bytes_of_earlier_streams_are_told_apart(void)
{
    uint64_t most;

    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    most = 4 * (uint64_t)pair.b.peer->config.window_bytes;
    pair.b.backlog.bytes = most;
    restart_a();
    CU_ASSERT_TRUE(has_to_wait());
    CU_ASSERT_EQUAL(pair.b.peer->left_bytes, 0); /* or the former stream would find a window more when it comes back */
    pair.b.backlog.bytes = most - 1;
    pair_pass(&pair, MAIKO_SECONDS(3));
    CU_ASSERT_TRUE(peer_is_ready(pair.b.peer));
    pair.b.keeps_events = true;
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    pair.b.backlog.bytes = 2 * most - 2;
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 2);
    CU_ASSERT_FALSE(was_cut());
    pair.b.backlog.bytes = 2 * most - 1;
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_TRUE(was_cut());
    pair_deinit(&pair);
}

/* An honest one behind receivers that take nothing, over breaks at every length, under each policy. */
static void an_honest_sender_is_never_cut(void)
{
    unsigned waits;

    for (waits = 0; waits <= WINDOW; waits++) {
        narrow_begin();
        pair.b.keeps_events = true;
        narrow_link_up("#", FROM_LIVE);
        narrow_publish("t", MAIKO_BLOCK, 2 * WINDOW);
        narrow_publish("n", MAIKO_DROP_NEWEST, 2);
        narrow_publish("o", MAIKO_DROP_OLDEST, 200);
        pair_settle(&pair);
        peer_delivered(pair.b.peer, pair.b.last_stream, waits, pair.now);
        pair_break(&pair);
        pair_connect(&pair);
        peer_on_replay(pair.a.peer, peer_acknowledged(pair.a.peer), pair.now);
        pair_settle(&pair);
        while (!peer_is_drained(pair.a.peer)) {
            pair_deliver(&pair.b);
            pair_pass(&pair, MAIKO_MS(20));
        }
        CU_ASSERT_FALSE(was_cut());
        CU_ASSERT_EQUAL(pair.b.events + pair.b.lost, 2 * WINDOW + 2 + 200);
        pair_deinit(&pair);
    }
}

static void a_window_as_large_as_can_be_said_is_one(void)
{
    static const size_t windows[] = {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 4 + 1, SIZE_MAX / 4};
    size_t i;

    for (i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        pair_init(&pair, heap_default());
        pair.b.config.window_bytes = windows[i];
        pair.b.keeps_events = true;
        narrow_open();
        narrow_link_up("t", FROM_LIVE);
        narrow_publish("t", MAIKO_BLOCK, 2 * WINDOW);
        pair_settle(&pair);
        pair.b.backlog = (struct peer_backlog){.events = 2 * WINDOW, .bytes = 100};
        narrow_publish("t", MAIKO_BLOCK, 2 * WINDOW);
        pair_settle(&pair);
        CU_ASSERT_FALSE(was_cut());
        CU_ASSERT_EQUAL(pair.b.events, 4 * WINDOW);
        pair_deinit(&pair);
    }
}

static const struct test_case cases[] = {
    TEST_CASE(a_record_that_begins_inside_of_the_window_is_sent),
    TEST_CASE(more_records_than_the_window_end_the_session),
    TEST_CASE(it_is_all_records_that_count),
    TEST_CASE(what_was_taken_does_not_count),
    TEST_CASE(runs_are_taken_up_to_the_window),
    TEST_CASE(more_bytes_than_the_window_end_the_session),
    TEST_CASE(what_waits_of_earlier_streams_is_waited_for),
    TEST_CASE(bytes_of_earlier_streams_are_told_apart),
    TEST_CASE(an_honest_sender_is_never_cut),
    TEST_CASE(a_window_as_large_as_can_be_said_is_one),
};
SUITE_MAIN("peer_window", cases)
