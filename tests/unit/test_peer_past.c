/* Peer: what a late joiner gets of what was published before it came. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/narrow_pair.h"
#include "lib/sample_events.h"
#include "lib/suite.h"

static void late_joiners_choose_how_much_of_the_past_they_get(void)
{
    static const unsigned expected[] = {0, 2, 5};
    unsigned from;

    for (from = FROM_LIVE; from <= FROM_LOG; from++) {
        narrow_begin();
        pair.b.config.window_events = 100;
        narrow_publish("x", MAIKO_BLOCK, 3);
        narrow_publish("y", MAIKO_BLOCK, 2);
        narrow_link_up("#", (enum pattern_from)from);
        pair_pass(&pair, MAIKO_MS(100));
        CU_ASSERT_EQUAL(pair.b.events, expected[from]);
        narrow_publish("x", MAIKO_BLOCK, 1);
        pair_settle(&pair);
        CU_ASSERT_EQUAL(pair.b.events, expected[from] + 1);
        pair_deinit(&pair);
    }
}

static void a_subscription_added_later_brings_its_past_once(void)
{
    narrow_begin();
    narrow_publish("x", MAIKO_BLOCK, 1);
    narrow_publish("y", MAIKO_BLOCK, 1);
    narrow_link_up("x", FROM_LOG);
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, "#", FROM_LOG), MAIKO_OK);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 2);
    peer_unsubscribe(pair.b.peer, "#", pair.now);
    pair_settle(&pair);
    narrow_publish("y", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 2);
    pair_deinit(&pair);
}

static void a_subscription_older_than_the_node_misses_nothing(void)
{
    struct pattern wish = {.text = (char *)(uintptr_t) "t", .made_at_ns = MAIKO_SECONDS(900)};

    narrow_begin();
    pair.a.peer = peer_free(pair.a.peer);
    pair.a.config.identity.started_ns = MAIKO_SECONDS(950);
    CU_ASSERT_EQUAL(peer_new(&pair.a.config, &pair.a.peer), MAIKO_OK);
    narrow_publish("t", MAIKO_BLOCK, 2);
    CU_ASSERT_EQUAL(peer_subscribe(pair.b.peer, &wish, pair.now), MAIKO_OK);
    pair_connect(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 2);
    pair_deinit(&pair);
}

/* Node a started at 990 s and has published two events; what it says at 1000 s arrives at 1030 s.  Node b is to have a wish that
 * was made at some time by a's clock; its own is `ahead` of that. */
struct meeting {
    uint64_t made_at_ns;
    enum pattern_from from;
    uint64_t ahead_ns;
    uint64_t clock; /* of b; a's is 7 of host "h" */
    const char *host;
    bool b_connects;
};

static void open_meeting(const struct meeting *meeting)
{
    struct pattern wish = {
        .text = (char *)(uintptr_t) "t", .from = meeting->from, .made_at_ns = meeting->made_at_ns + meeting->ahead_ns};

    pair_init(&pair, heap_default());
    pair.a.config.identity.started_ns = MAIKO_SECONDS(990);
    pair.a.config.identity.clock = 7;
    pair.a.config.identity.host = "h";
    pair.b.ahead_ns = meeting->ahead_ns;
    pair.b.config.identity.started_ns = meeting->made_at_ns + meeting->ahead_ns;
    pair.b.config.identity.clock = meeting->clock;
    pair.b.config.identity.host = meeting->host;
    narrow_open();
    narrow_publish("t", MAIKO_BLOCK, 2);
    CU_ASSERT_EQUAL(peer_subscribe(pair.b.peer, &wish, pair.now + meeting->ahead_ns), MAIKO_OK);
}

/* Until the words of a that come late are on their way. */
static void meet_late(const struct meeting *meeting)
{
    if (meeting->b_connects) {
        peer_connected(pair.b.peer, pair.now + meeting->ahead_ns);
        CU_ASSERT(pair_move_one(&pair.b));
    } else {
        peer_connected(pair.a.peer, pair.now);
    }
    pair.now += MAIKO_SECONDS(30);
    text_clear(&pair.trace);
}

static uint64_t past_after_a_late_hello(const struct meeting *meeting)
{
    uint64_t events;

    open_meeting(meeting);
    meet_late(meeting);
    pair_settle(&pair);
    CU_ASSERT(peer_is_ready(pair.b.peer));
    events = pair.b.events;
    pair_deinit(&pair);
    return events;
}

static void a_late_hello_does_not_make_a_subscription_older(void)
{
    struct meeting meeting = {.clock = 7, .host = "h"};

    meeting.made_at_ns = MAIKO_SECONDS(1000);
    CU_ASSERT_EQUAL(past_after_a_late_hello(&meeting), 0);
    meeting.made_at_ns = MAIKO_SECONDS(990) + 1;
    CU_ASSERT_EQUAL(past_after_a_late_hello(&meeting), 0);
    meeting.made_at_ns = MAIKO_SECONDS(990);
    CU_ASSERT_EQUAL(past_after_a_late_hello(&meeting), 2);
    meeting.made_at_ns = MAIKO_SECONDS(900);
    CU_ASSERT_EQUAL(past_after_a_late_hello(&meeting), 2);
}

/* As of 1030 s: a is up for 40 s, and clocks that differ by one part in 4096 make 10 ms of that. */
static void nor_does_it_where_clocks_have_nothing_in_common(void)
{
    static const struct meeting meetings[] = {{.clock = 8, .host = "h", .ahead_ns = MAIKO_SECONDS(500)},
                                              {.clock = 7, .host = "another", .ahead_ns = MAIKO_SECONDS(77777)},
                                              {.clock = 0, .host = "h"}};
    static const uint64_t made_ns[] = {
        MAIKO_SECONDS(1029), MAIKO_SECONDS(1000), MAIKO_SECONDS(990) + MAIKO_MS(10), MAIKO_SECONDS(990) + MAIKO_MS(9),
        MAIKO_SECONDS(990),  MAIKO_SECONDS(900)};
    static const unsigned expected[] = {0, 0, 0, 2, 2, 2};
    unsigned i;

    for (i = 0; i < 3 * 2 * 6; i++) {
        struct meeting meeting = meetings[i % 3];

        meeting.b_connects = i / 3 % 2;
        meeting.made_at_ns = made_ns[i / 6];
        CU_ASSERT_EQUAL(past_after_a_late_hello(&meeting), expected[i / 6]);
    }
}

static void it_gets_of_the_past_what_it_asks_for(void)
{
    struct meeting meeting = {.clock = 8, .host = "h", .made_at_ns = MAIKO_SECONDS(1000)};

    meeting.from = FROM_LAST;
    CU_ASSERT_EQUAL(past_after_a_late_hello(&meeting), 1);
    meeting.from = FROM_LOG;
    CU_ASSERT_EQUAL(past_after_a_late_hello(&meeting), 2);
}

static void who_hears_late_of_a_node_hears_it_again(void)
{
    struct meeting meeting = {.clock = 8, .host = "another", .ahead_ns = MAIKO_SECONDS(500)};

    meeting.made_at_ns = MAIKO_SECONDS(1000);
    open_meeting(&meeting);
    meet_late(&meeting);
    pair_settle(&pair);
    CU_ASSERT_STRING_EQUAL(text_str(&pair.trace), "b: welcome\n"
                                                  "b: up \n"
                                                  "b: subscribe\n"
                                                  "a: up \n"
                                                  "a: subscribe\n"
                                                  "b: ready\n"
                                                  "b: subscribed \n"
                                                  "a: hello\n" /* instead of ready */
                                                  "b: welcome\n"
                                                  "a: ready \n"
                                                  "b: subscribe\n"
                                                  "a: ready\n"
                                                  "a: subscribed \n"
                                                  "b: ready \n");
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->stale + peer_counters(pair.b.peer)->stale, 0);
    pair_deinit(&pair);
}

static void who_hears_of_it_soon_is_not_told_again(void)
{
    struct meeting meeting = {.clock = 8, .host = "another", .made_at_ns = MAIKO_SECONDS(980)};

    open_meeting(&meeting);
    peer_connected(pair.a.peer, pair.now);
    text_clear(&pair.trace);
    pair_settle(&pair);
    CU_ASSERT(strstr(text_str(&pair.trace), "hello") == NULL);
    CU_ASSERT_EQUAL(pair.b.events, 2);
    pair_deinit(&pair);
}

/* The answer to the first hello is lost, so there is another one a second later: a is older by that then, but so is the wish. */
static void a_hello_that_is_repeated_makes_no_subscription_younger(void)
{
    struct meeting meeting = {.clock = 8, .host = "another", .made_at_ns = MAIKO_SECONDS(990) - MAIKO_MS(500)};

    open_meeting(&meeting);
    peer_connected(pair.a.peer, pair.now);
    CU_ASSERT(pair_move_one(&pair.a));
    for (; pair.b.out_count > 0; pair.b.out_count--)
        free(pair.b.out[pair.b.out_count - 1].bytes);
    pair_pass(&pair, MAIKO_SECONDS(2));
    CU_ASSERT(peer_is_ready(pair.b.peer));
    CU_ASSERT_EQUAL(pair.b.events, 2);
    pair_deinit(&pair);
}

/* A subscribe of somebody who began a session with b at 1000 s: an age and what it heard, 0 for either that it does not say. */
static void say_subscribe(uint64_t number, uint64_t age_ns, uint64_t heard_ns)
{
    struct frame subscribe = {.kind = FRAME_SUBSCRIBE, .session = 1, .number = number, .heard_ns = heard_ns};
    struct pack pack;

    pack_init(&pack, heap_default(), 4096);
    frame_begin_subscribe(&pack, &subscribe);
    pack_array(&pack, 1);
    frame_write_pattern(&pack, &(struct frame_pattern){.text = slice_of("t"), .from = slice_of("log"), .age_ns = age_ns});
    text_clear(&pair.trace);
    peer_frame(pair.b.peer, pack.data, pack.len, pair.now);
    pack_deinit(&pack);
}

static void say_hello(void)
{
    struct frame hello = {.kind = FRAME_HELLO,
                          .session = 1,
                          .hello = {.min = 1, .max = 1, .space = slice_of("space"), .name = slice_of("c"), .node = {9, 9}}};

    pair_init(&pair, heap_default());
    pair.b.config.identity.started_ns = MAIKO_SECONDS(990);
    narrow_open();
    narrow_say(&hello);
    pair.now += MAIKO_SECONDS(10); /* up for 20 s by now */
}

/* It is told again for how long b is up, and its subscription waits. */
static bool was_told_again(void)
{
    return strcmp(text_str(&pair.trace), "b: welcome\n") == 0 && !peer_is_subscribed(pair.b.peer, "t");
}

static void who_says_no_age_is_believed(void)
{
    say_hello();
    say_subscribe(1, 0, 0);
    CU_ASSERT(peer_is_subscribed(pair.b.peer, "t"));
    pair_deinit(&pair);
}

static void who_does_not_say_what_it_heard_is_asked_once(void)
{
    say_hello();
    say_subscribe(1, MAIKO_SECONDS(19), 0);
    CU_ASSERT(was_told_again());
    say_subscribe(1, MAIKO_SECONDS(19), 0);
    CU_ASSERT(peer_is_subscribed(pair.b.peer, "t"));
    pair_deinit(&pair);
}

/* The first question or its answer may be lost, or a repeated frame may have crossed it. */
static void who_heard_nothing_since_is_asked_again(void)
{
    say_hello();
    say_subscribe(1, MAIKO_SECONDS(19), MAIKO_SECONDS(10));
    CU_ASSERT(was_told_again());
    pair.now += MAIKO_SECONDS(1);
    say_subscribe(1, MAIKO_SECONDS(20), MAIKO_SECONDS(10));
    CU_ASSERT(was_told_again());
    pair.now += MAIKO_SECONDS(1);
    say_subscribe(1, MAIKO_SECONDS(21), MAIKO_SECONDS(20)); /* as young as ever, but that is all there is to know */
    CU_ASSERT(peer_is_subscribed(pair.b.peer, "t"));
    pair_deinit(&pair);
}

static void a_list_that_changes_later_is_not_doubted(void)
{
    say_hello();
    say_subscribe(1, MAIKO_SECONDS(20), MAIKO_SECONDS(10));
    pair.now += MAIKO_SECONDS(1);
    say_subscribe(2, MAIKO_SECONDS(1), MAIKO_SECONDS(10));
    CU_ASSERT(strstr(text_str(&pair.trace), "b: ready\n") != NULL);
    CU_ASSERT(strstr(text_str(&pair.trace), "b: welcome\n") == NULL);
    pair_deinit(&pair);
}

/* Nobody owed it to a newcomer: it is told, and no loss of ours. */
static void what_has_left_the_log_before_somebody_asks_is_past(void)
{
    const struct peer_counters *counters;

    narrow_begin();
    narrow_publish("t", MAIKO_BLOCK, 250000); /* several times what the log holds */
    narrow_link_up("t", FROM_LOG);
    while (!peer_is_drained(pair.a.peer))
        pair_pass(&pair, MAIKO_MS(20));
    counters = peer_counters(pair.a.peer);
    CU_ASSERT(counters->lost_log > 0);
    CU_ASSERT_EQUAL(counters->lost_past, counters->lost_log);
    CU_ASSERT_EQUAL(pair.b.lost, counters->lost_log);
    CU_ASSERT_EQUAL(pair.b.events + pair.b.lost, 250000);
    pair_deinit(&pair);
}

/* ---- what all that was published makes together ---- */

/* Everything that was published for b: it came, or b knows that it does not. */
static void expect_all_known(uint64_t published)
{
    uint64_t known = 0;

    CU_ASSERT_TRUE(peer_received(pair.b.peer, &known));
    CU_ASSERT_EQUAL(known, published);
}

static void how_much_was_published_before_is_known(void)
{
    unsigned from;

    for (from = FROM_LIVE; from <= FROM_LOG; from++) {
        narrow_begin();
        pair.b.config.window_events = 100;
        narrow_publish("x", MAIKO_BLOCK, 3);
        narrow_publish("y", MAIKO_BLOCK, 2);
        narrow_link_up("#", (enum pattern_from)from);
        pair_pass(&pair, MAIKO_MS(100));
        expect_all_known(5);
        narrow_publish("x", MAIKO_BLOCK, 1);
        narrow_publish("new", MAIKO_BLOCK, 2);
        pair_pass(&pair, MAIKO_MS(100));
        expect_all_known(8);
        pair_break(&pair);
        narrow_publish("x", MAIKO_BLOCK, 1);
        pair_connect(&pair);
        pair_pass(&pair, MAIKO_MS(100));
        expect_all_known(9); /* the same stream goes on */
        pair_deinit(&pair);
    }
}

static void of_a_pattern_that_is_added_later_too(void)
{
    narrow_begin();
    pair.b.config.window_events = 100;
    narrow_publish("x", MAIKO_BLOCK, 3);
    narrow_publish("y", MAIKO_BLOCK, 4);
    narrow_link_up("x", FROM_LIVE);
    expect_all_known(3);
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, "#", FROM_LIVE), MAIKO_OK);
    pair_settle(&pair);
    expect_all_known(7); /* x is not counted twice */
    narrow_publish("y", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    expect_all_known(8);
    CU_ASSERT_EQUAL(pair.b.events, 1);
    pair_deinit(&pair);
}

/* The exporter has forgotten b: what b missed by that is a gap of its own, and said. */
static void a_stream_that_is_not_resumed_says_what_came_before_it(void)
{
    narrow_begin();
    narrow_link_up("#", FROM_LOG);
    narrow_publish("t", MAIKO_BLOCK, 2);
    pair_settle(&pair);
    pair_break(&pair);
    pair.a.peer = peer_free(pair.a.peer);
    CU_ASSERT_EQUAL(peer_new(&pair.a.config, &pair.a.peer), MAIKO_OK);
    narrow_publish("t", MAIKO_BLOCK, 3);
    pair_connect(&pair);
    CU_ASSERT_EQUAL(pair.b.unknown_gaps, 1);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 3);
    expect_all_known(6);
    pair_deinit(&pair);
}

/* What a sent to b as one that does not know the key sends it. */
static void forget_earlier(void)
{
    size_t i;

    for (i = 0; i < pair.a.out_count; i++) {
        struct pair_frame *sent = &pair.a.out[i];
        struct frame frame;
        struct pack pack;

        if (frame_read(sent->bytes, sent->len, &frame, NULL) != MAIKO_OK || frame.kind != FRAME_READY)
            continue;
        CU_ASSERT_TRUE(frame.is_earlier_known);
        frame.is_earlier_known = false;
        pack_init(&pack, heap_default(), 4096);
        frame_write(&pack, &frame);
        CU_ASSERT_FATAL(pack_status(&pack) == MAIKO_OK && pack.len <= sent->len);
        memcpy(sent->bytes, pack.data, pack.len);
        sent->len = pack.len;
        pack_deinit(&pack);
    }
}

static bool is_known_of_older_peer(enum pattern_from from)
{
    uint64_t known;
    bool is_known;

    narrow_begin();
    pair.b.config.window_events = 100;
    narrow_publish("x", MAIKO_BLOCK, 3);
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, "#", from), MAIKO_OK);
    peer_connected(pair.a.peer, pair.now);
    do
        forget_earlier();
    while (pair_move_one(&pair.a) || pair_move_one(&pair.b));
    CU_ASSERT_TRUE(peer_is_ready(pair.b.peer));
    is_known = peer_received(pair.b.peer, &known);
    CU_ASSERT(!is_known || known == 3);
    pair_deinit(&pair);
    return is_known;
}

/* What a sent to b as somebody who counts without end. */
static void exaggerate_earlier(void)
{
    size_t i;

    for (i = 0; i < pair.a.out_count; i++) {
        struct pair_frame *sent = &pair.a.out[i];
        struct frame frame;
        struct pack pack;

        if (frame_read(sent->bytes, sent->len, &frame, NULL) != MAIKO_OK || frame.kind != FRAME_READY)
            continue;
        frame.earlier = UINT64_MAX;
        pack_init(&pack, heap_default(), 4096);
        frame_write(&pack, &frame);
        CU_ASSERT_FATAL(pack_status(&pack) == MAIKO_OK);
        sent->bytes = realloc(sent->bytes, pack.len);
        memcpy(sent->bytes, pack.data, pack.len);
        sent->len = pack.len;
        pack_deinit(&pack);
    }
}

/* A sum of what others say stays at the most there is. */
static void more_than_can_be_counted_is_the_most_there_is(void)
{
    uint64_t known = 0;

    narrow_begin();
    narrow_publish("x", MAIKO_BLOCK, 1);
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, "#", FROM_LIVE), MAIKO_OK);
    peer_connected(pair.a.peer, pair.now);
    do
        exaggerate_earlier();
    while (pair_move_one(&pair.a) || pair_move_one(&pair.b));
    narrow_publish("x", MAIKO_BLOCK, 2);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 2);
    CU_ASSERT_TRUE(peer_received(pair.b.peer, &known));
    CU_ASSERT_EQUAL(known, UINT64_MAX);
    pair_deinit(&pair);
}

static void of_an_older_peer_it_is_known_only_with_all_of_its_past(void)
{
    CU_ASSERT_FALSE(is_known_of_older_peer(FROM_LIVE));
    CU_ASSERT_FALSE(is_known_of_older_peer(FROM_LAST));
    CU_ASSERT_TRUE(is_known_of_older_peer(FROM_LOG));
}

/* Hello and welcome, and no answer to what b asks for. */
static void expect_without_answer(enum pattern_from from, bool is_promised, bool is_known)
{
    uint64_t known = 7;

    narrow_begin();
    narrow_publish("x", MAIKO_BLOCK, 3);
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, "#", from), MAIKO_OK);
    CU_ASSERT_FALSE(peer_awaits_nothing(pair.b.peer)); /* nor has it met anybody */
    CU_ASSERT_FALSE(peer_received(pair.b.peer, &known));
    peer_connected(pair.a.peer, pair.now);
    CU_ASSERT_TRUE(pair_move_one(&pair.a));
    CU_ASSERT_EQUAL(peer_state(pair.b.peer), PEER_UP);
    CU_ASSERT_EQUAL(peer_awaits_nothing(pair.b.peer), !is_promised);
    CU_ASSERT_EQUAL(peer_received(pair.b.peer, &known), is_known);
    CU_ASSERT_EQUAL(known, 0);
    pair_deinit(&pair);
}

static void nothing_is_promised_before_the_first_answer(void)
{
    expect_without_answer(FROM_LIVE, false, false);
    expect_without_answer(FROM_LAST, true, false);
    expect_without_answer(FROM_LOG, true, true);
}

/* How long the list is decides the other side, how long the log is this one: a look at each event for each pattern is minutes. */
static void a_long_list_is_held_against_topics_not_events(void)
{
    enum { PATTERNS = 4000, EVENTS = 20000 };
    char text[32];
    clock_t before;
    unsigned i;

    narrow_begin();
    pair.a.config.window_events = pair.b.config.window_events = EVENTS;
    narrow_publish("t", MAIKO_BLOCK, EVENTS);
    for (i = 0; i < PATTERNS; i++) {
        snprintf(text, sizeof(text), "+/x%u/#", i);
        CU_ASSERT_EQUAL(pair_subscribe(&pair.b, text, FROM_LOG), MAIKO_OK);
    }
    before = clock();
    pair_connect(&pair);
    CU_ASSERT(clock() - before < 2 * CLOCKS_PER_SEC);
    CU_ASSERT_EQUAL(pair.b.events, 0);
    pair_deinit(&pair);
}

static const struct test_case cases[] = {
    TEST_CASE(how_much_was_published_before_is_known),
    TEST_CASE(of_a_pattern_that_is_added_later_too),
    TEST_CASE(a_stream_that_is_not_resumed_says_what_came_before_it),
    TEST_CASE(of_an_older_peer_it_is_known_only_with_all_of_its_past),
    TEST_CASE(more_than_can_be_counted_is_the_most_there_is),
    TEST_CASE(nothing_is_promised_before_the_first_answer),
    TEST_CASE(late_joiners_choose_how_much_of_the_past_they_get),
    TEST_CASE(a_subscription_added_later_brings_its_past_once),
    TEST_CASE(a_subscription_older_than_the_node_misses_nothing),
    TEST_CASE(a_late_hello_does_not_make_a_subscription_older),
    TEST_CASE(nor_does_it_where_clocks_have_nothing_in_common),
    TEST_CASE(it_gets_of_the_past_what_it_asks_for),
    TEST_CASE(who_hears_late_of_a_node_hears_it_again),
    TEST_CASE(who_hears_of_it_soon_is_not_told_again),
    TEST_CASE(a_hello_that_is_repeated_makes_no_subscription_younger),
    TEST_CASE(who_says_no_age_is_believed),
    TEST_CASE(who_does_not_say_what_it_heard_is_asked_once),
    TEST_CASE(who_heard_nothing_since_is_asked_again),
    TEST_CASE(a_list_that_changes_later_is_not_doubted),
    TEST_CASE(what_has_left_the_log_before_somebody_asks_is_past),
    TEST_CASE(a_long_list_is_held_against_topics_not_events),
};
SUITE_MAIN("peer_past", cases)
