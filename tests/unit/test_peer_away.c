/* Peer: who is gone for longer than the deadline costs a position, not a queue, and gets what the log has when it is back. */
#include "lib/failing_allocator.h"
#include "lib/narrow_pair.h"
#include "lib/sample_events.h"
#include "lib/suite.h"

enum { MANY = 1000, MORE_THAN_THE_LOG = 100000, SOME = 5000 };

/* Linked up, then gone for longer than the deadline. */
static void go_away(const char *pattern)
{
    narrow_begin();
    narrow_link_up(pattern, FROM_LIVE);
    pair_break(&pair);
    pair_pass(&pair, MAIKO_SECONDS(6));
    CU_ASSERT(peer_is_lossy(pair.a.peer));
}

static void come_back(void)
{
    pair_connect(&pair);
    while (!peer_is_drained(pair.a.peer))
        pair_pass(&pair, MAIKO_MS(20));
}

static uint64_t depth(void)
{
    uint64_t events;
    uint64_t bytes;

    peer_depth(pair.a.peer, &events, &bytes);
    return events;
}

/* ---- what they cost ---- */

static void ignore_frame(struct peer *peer, const uint8_t *bytes, size_t len, void *userdata)
{
    (void)peer, (void)bytes, (void)len, (void)userdata;
}

static void ignore_news(struct peer *peer, const struct peer_notice *notice, void *userdata)
{
    (void)peer, (void)notice, (void)userdata;
}

static void ignore_close(struct peer *peer, void *userdata)
{
    (void)peer, (void)userdata;
}

static void greet(struct peer *peer, struct pack *pack, unsigned index)
{
    struct frame hello = {.kind = FRAME_HELLO,
                          .session = 1,
                          .hello = {.min = 1, .max = 1, .space = slice_of("space"), .name = slice_of("c"), .node = {9, index}}};

    pack_clear(pack);
    frame_write(pack, &hello);
    peer_frame(peer, pack->data, pack->len, pair.now);
}

static void want_all(struct peer *peer, struct pack *pack)
{
    pack_clear(pack);
    frame_begin_subscribe(pack, &(struct frame){.kind = FRAME_SUBSCRIBE, .session = 1, .number = 1});
    pack_array(pack, 1);
    frame_write_pattern(pack, &(struct frame_pattern){.text = slice_of("#"), .id = 1, .from = slice_of("live")});
    peer_frame(peer, pack->data, pack->len, pair.now);
}

/* One more for the exporter of a, which comes, wants everything and breaks off without a word. */
static struct peer *meet_and_part(unsigned index)
{
    static const struct peer_sink sink = {.send = ignore_frame, .close = ignore_close, .news = ignore_news};
    struct peer_config config = pair.a.config;
    struct pack pack;
    struct peer *peer;

    pack_init(&pack, heap_default(), 4096);
    config.sink = &sink;
    CU_ASSERT_EQUAL_FATAL(peer_new(&config, &peer), MAIKO_OK);
    greet(peer, &pack, index);
    want_all(peer, &pack);
    pack_deinit(&pack);
    CU_ASSERT(exporter_subscribers(pair.a.exporter, "t") > 0);
    peer_disconnected(peer, "broken", pair.now);
    return peer;
}

static void events_cost_nothing_for_those_who_are_away(void)
{
    struct peer *peers[MANY];
    struct heap heap;
    size_t before;
    size_t i;

    heap_init(&heap, NULL, 0);
    pair_init(&pair, &heap);
    narrow_open();
    for (i = 0; i < MANY; i++)
        peers[i] = meet_and_part((unsigned)i + 1);
    narrow_publish("t", MAIKO_BLOCK, SOME); /* waits for them, up to the deadline */
    for (i = 0; i < MANY; i++)
        peer_tick(peers[i], pair.now + MAIKO_SECONDS(5));
    narrow_publish("t", MAIKO_BLOCK, MORE_THAN_THE_LOG);
    before = heap_used(&heap);
    narrow_publish("t", MAIKO_BLOCK, MORE_THAN_THE_LOG);
    CU_ASSERT(heap_used(&heap) < before + before / 16);
    CU_ASSERT(before < exporter_log(pair.a.exporter)->max_bytes * 4 + MANY * 16384);
    CU_ASSERT(!exporter_is_drained(pair.a.exporter));
    for (i = 0; i < MANY; i++) {
        uint64_t events;
        uint64_t bytes;

        peer_depth(peers[i], &events, &bytes);
        CU_ASSERT_EQUAL(events, SOME + 2 * MORE_THAN_THE_LOG);
        peer_free(peers[i]);
    }
    pair_deinit(&pair);
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
}

/* ---- what they get ---- */

static void who_is_back_gets_what_the_log_has_and_is_told_the_rest(void)
{
    const struct peer_counters *counters;

    go_away("t");
    narrow_publish("other", MAIKO_BLOCK, 5);
    CU_ASSERT_EQUAL(depth(), 0);
    CU_ASSERT(peer_is_drained(pair.a.peer) && !peer_is_owed(pair.a.peer));
    narrow_publish("t", MAIKO_BLOCK, MORE_THAN_THE_LOG);
    narrow_publish("other", MAIKO_BLOCK, MORE_THAN_THE_LOG / 4);
    CU_ASSERT_EQUAL(depth(), MORE_THAN_THE_LOG);
    CU_ASSERT(peer_is_owed(pair.a.peer) && !exporter_is_drained(pair.a.exporter));
    come_back();
    counters = peer_counters(pair.a.peer);
    CU_ASSERT(pair.b.lost > 0 && pair.b.events > 0);
    CU_ASSERT_EQUAL(pair.b.events + pair.b.lost, MORE_THAN_THE_LOG);
    CU_ASSERT_EQUAL(pair.b.unknown_gaps, 0);
    CU_ASSERT_EQUAL(counters->lost_log, pair.b.lost);
    CU_ASSERT_EQUAL(counters->offered, counters->acknowledged + counters->lost_log);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events + pair.b.lost, MORE_THAN_THE_LOG + 1);
    pair_deinit(&pair);
}

/* They arrived, and the word of it did not: in the log or not, they are neither lost nor sent twice. */
static void what_was_sent_is_kept_until_it_is_known_to_have_come(void)
{
    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 6);
    peer_flush(pair.a.peer, pair.now);
    CU_ASSERT(pair_move_one(&pair.a)); /* four of them come, the others wait */
    CU_ASSERT_EQUAL(pair.b.events, 4);
    pair_break(&pair);
    pair_pass(&pair, MAIKO_SECONDS(6));
    narrow_publish("t", MAIKO_BLOCK, MORE_THAN_THE_LOG);
    come_back();
    CU_ASSERT_EQUAL(pair.b.events + pair.b.lost, 6 + MORE_THAN_THE_LOG);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, pair.b.events);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_log, pair.b.lost);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->duplicates, 0);
    pair_deinit(&pair);
}

/* What was lost for another reason stays where it was, and what waits behind it is taken from the log. */
static void losses_from_before_stay_in_their_place(void)
{
    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("n", MAIKO_DROP_NEWEST, 6);
    pair_break(&pair);
    narrow_publish("t", MAIKO_BLOCK, 3);
    pair_pass(&pair, MAIKO_SECONDS(6));
    CU_ASSERT_EQUAL(depth(), 4 + 1 + 3);
    narrow_publish("n", MAIKO_DROP_NEWEST, 3);
    CU_ASSERT_EQUAL(depth(), 4 + 1 + 6);
    pair.b.keeps_events = false;
    pair_connect(&pair);
    pair_deliver(&pair.b);
    pair_pass(&pair, MAIKO_SECONDS(1));
    CU_ASSERT_EQUAL(pair.b.events, 4 + 6);
    CU_ASSERT_EQUAL(pair.b.lost, 2);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_window, 2);
    pair_deinit(&pair);
}

static void who_goes_again_and_again_gets_everything_once(void)
{
    unsigned i;

    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    for (i = 0; i < 20; i++) {
        pair_break(&pair);
        pair_pass(&pair, MAIKO_SECONDS(6));
        narrow_publish("t", MAIKO_BLOCK, 7);
        peer_connected(pair.a.peer, pair.now);
        while (peer_state(pair.a.peer) != PEER_UP || !peer_is_subscribed(pair.a.peer, "t"))
            if (!pair_move_one(&pair.b))
                CU_ASSERT_FATAL(pair_move_one(&pair.a));
    }
    come_back();
    CU_ASSERT_EQUAL(pair.b.events, 20 * 7);
    CU_ASSERT_EQUAL(pair.b.lost, 0);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->offered, 20 * 7);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, 20 * 7);
    pair_deinit(&pair);
}

/* ---- what else happens meanwhile ---- */

static void ends_come_behind_what_was_missed(void)
{
    static const char *const topics[] = {"t", NULL};

    go_away("t");
    CU_ASSERT_EQUAL(exporter_finish(pair.a.exporter, "sender", topics, pair.now), MAIKO_OK);
    CU_ASSERT(peer_is_owed(pair.a.peer));
    narrow_publish("t", MAIKO_BLOCK, 3);
    come_back();
    pair_pass(&pair, MAIKO_MS(100));
    CU_ASSERT_EQUAL(pair.b.events, 3);
    CU_ASSERT_EQUAL(pair.b.ends, 1);
    CU_ASSERT(!peer_is_owed(pair.a.peer));
    pair_deinit(&pair);
}

static void who_is_taken_for_dead_then_has_lost_it_all(void)
{
    go_away("t");
    narrow_publish("t", MAIKO_BLOCK, MORE_THAN_THE_LOG);
    peer_died(pair.a.peer, pair.now);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_peer, MORE_THAN_THE_LOG);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->offered, MORE_THAN_THE_LOG);
    CU_ASSERT_EQUAL(depth(), 0);
    narrow_publish("t", MAIKO_BLOCK, 3);
    CU_ASSERT_EQUAL(depth(), 0);
    pair_connect(&pair);
    CU_ASSERT_EQUAL(pair.b.unknown_gaps, 1);
    narrow_publish("t", MAIKO_BLOCK, 3);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 3);
    pair_deinit(&pair);
}

/* What was published before still goes there, and nothing more until it is answered. */
static void what_is_denied_meanwhile_ends_there(void)
{
    go_away("t");
    narrow_publish("t", MAIKO_BLOCK, 3);
    pair.a.denied = "t";
    peer_review(pair.a.peer, pair.now);
    narrow_publish("t", MAIKO_BLOCK, 5);
    CU_ASSERT_EQUAL(depth(), 3);
    come_back();
    pair_pass(&pair, MAIKO_MS(100));
    CU_ASSERT_EQUAL(pair.b.events + peer_counters(pair.b.peer)->denied, 3);
    CU_ASSERT_EQUAL(pair.b.lost, 0);
    pair_deinit(&pair);
}

/* ---- without memory ---- */

static void be_away(struct heap *heap)
{
    static uint64_t number;
    unsigned i;

    pair_init(&pair, heap);
    if (pair_open(&pair) != MAIKO_OK || pair_subscribe(&pair.b, "#", FROM_LIVE) != MAIKO_OK)
        return;
    pair_connect(&pair);
    pair_break(&pair);
    pair_pass(&pair, MAIKO_SECONDS(6));
    for (i = 0; i < 200; i++)
        (void)!pair_publish(&pair.a, i % 2 > 0 ? "t" : "u", MAIKO_BLOCK, ++number);
    for (i = 0; i < 3; i++) {
        peer_connected(pair.a.peer, pair.now);
        pair_pass(&pair, MAIKO_SECONDS(7));
    }
}

static void every_allocation_failure_meanwhile_is_survived(void)
{
    struct failing_allocator failing;
    struct heap heap;
    bool has_failed = true;
    long nth;

    for (nth = 0; has_failed && nth < 3000; nth++) {
        failing_allocator_init(&failing);
        heap_init(&heap, &failing.allocator, 0);
        failing_allocator_fail_nth(&failing, nth);
        be_away(&heap);
        has_failed = failing_allocator_has_failed(&failing);
        if (!has_failed)
            CU_ASSERT_EQUAL(pair.b.events, 200);
        if (pair.a.peer != NULL && pair.b.peer != NULL && peer_counters(pair.b.peer)->gaps_unknown == 0)
            CU_ASSERT(pair.b.events + pair.b.lost <= peer_counters(pair.a.peer)->offered);
        pair_deinit(&pair);
        CU_ASSERT(failing_allocator_is_balanced(&failing));
    }
    CU_ASSERT(!has_failed && nth > 50);
}

static const struct test_case cases[] = {
    TEST_CASE(events_cost_nothing_for_those_who_are_away),
    TEST_CASE(who_is_back_gets_what_the_log_has_and_is_told_the_rest),
    TEST_CASE(what_was_sent_is_kept_until_it_is_known_to_have_come),
    TEST_CASE(losses_from_before_stay_in_their_place),
    TEST_CASE(who_goes_again_and_again_gets_everything_once),
    TEST_CASE(ends_come_behind_what_was_missed),
    TEST_CASE(who_is_taken_for_dead_then_has_lost_it_all),
    TEST_CASE(what_is_denied_meanwhile_ends_there),
    TEST_CASE(every_allocation_failure_meanwhile_is_survived),
};
SUITE_MAIN("peer_away", cases)
