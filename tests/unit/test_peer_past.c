/* Peer: what a late joiner gets of what was published before it came. */
#include <string.h>

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

/* The hello of a node that started at 990 s and has published is written at 1000 s and arrives at 1030 s. */
static uint64_t past_after_a_late_hello(uint64_t made_at_ns, uint64_t clock, const char *host)
{
    struct pattern wish = {.text = (char *)(uintptr_t) "t", .made_at_ns = made_at_ns};
    uint64_t events;

    narrow_begin();
    pair.a.peer = peer_free(pair.a.peer);
    pair.b.peer = peer_free(pair.b.peer);
    pair.a.config.identity.started_ns = MAIKO_SECONDS(990);
    pair.a.config.identity.clock = 7;
    pair.a.config.identity.host = "h";
    pair.b.config.identity.clock = clock;
    pair.b.config.identity.host = host;
    CU_ASSERT_EQUAL(peer_new(&pair.a.config, &pair.a.peer), MAIKO_OK);
    CU_ASSERT_EQUAL(peer_new(&pair.b.config, &pair.b.peer), MAIKO_OK);
    narrow_publish("t", MAIKO_BLOCK, 2);
    CU_ASSERT_EQUAL(peer_subscribe(pair.b.peer, &wish, pair.now), MAIKO_OK);
    peer_connected(pair.a.peer, pair.now);
    pair.now += MAIKO_SECONDS(30);
    pair_settle(&pair);
    events = pair.b.events;
    pair_deinit(&pair);
    return events;
}

static void a_late_hello_does_not_make_a_subscription_older(void)
{
    CU_ASSERT_EQUAL(past_after_a_late_hello(MAIKO_SECONDS(1000), 7, "h"), 0);
    CU_ASSERT_EQUAL(past_after_a_late_hello(MAIKO_SECONDS(990) + 1, 7, "h"), 0);
    CU_ASSERT_EQUAL(past_after_a_late_hello(MAIKO_SECONDS(990), 7, "h"), 2);
    CU_ASSERT_EQUAL(past_after_a_late_hello(MAIKO_SECONDS(900), 7, "h"), 2);
}

/* Rather something twenty seconds old than a first event missing. */
static void without_one_clock_a_late_hello_brings_too_much_rather_than_too_little(void)
{
    CU_ASSERT_EQUAL(past_after_a_late_hello(MAIKO_SECONDS(1000), 8, "h"), 2);
    CU_ASSERT_EQUAL(past_after_a_late_hello(MAIKO_SECONDS(1000), 7, "another"), 2);
    CU_ASSERT_EQUAL(past_after_a_late_hello(MAIKO_SECONDS(1000), 0, "h"), 2);
    CU_ASSERT_EQUAL(past_after_a_late_hello(MAIKO_SECONDS(1025), 0, "h"), 0);
}

static const struct test_case cases[] = {
    TEST_CASE(late_joiners_choose_how_much_of_the_past_they_get),
    TEST_CASE(a_subscription_added_later_brings_its_past_once),
    TEST_CASE(a_subscription_older_than_the_node_misses_nothing),
    TEST_CASE(a_late_hello_does_not_make_a_subscription_older),
    TEST_CASE(without_one_clock_a_late_hello_brings_too_much_rather_than_too_little),
};
SUITE_MAIN("peer_past", cases)
