/* Peer: what becomes of a single pattern: denied, allowed again, failed, and that both sides say the same of it. */
#include <string.h>

#include "lib/narrow_pair.h"
#include "lib/suite.h"

/* b wants this, too: a list that is judged anew. */
static void ask_for_one_more(const char *pattern)
{
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, pattern, FROM_LIVE), MAIKO_OK);
}

static void what_came_while_its_topic_was_denied_says_nothing_of_what_comes_later(void)
{
    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("t", FROM_LIVE);
    narrow_publish("n", MAIKO_BLOCK, 1);
    ask_for_one_more("n");
    pair_settle(&pair);
    narrow_publish("n", MAIKO_BLOCK, 4); /* all b takes at once */
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    pair.a.denied = "t";
    ask_for_one_more("f");
    pair_settle(&pair);
    CU_ASSERT(strstr(pair.b.news, "refused:denied") != NULL);
    pair.a.denied = NULL;
    ask_for_one_more("g");
    pair_deliver(&pair.b); /* and the one that waited comes, before the answer that allows the topic */
    CU_ASSERT_EQUAL(pair.b.events, 4);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->denied, 1);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 5);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->denied, 1);
    pair_deinit(&pair);
}

static void link_up_and_fail(void)
{
    narrow_fail();
    pair.b.keeps_events = false;
    pair.b.events = 0;
    pair.b.news[0] = '\0';
}

/* In the same life of both nodes: the machine of one of them is another one. */
static void forget(struct pair_node *node)
{
    pair_break(&pair);
    node->peer = peer_free(node->peer);
    CU_ASSERT_EQUAL_FATAL(peer_new(&node->config, &node->peer), MAIKO_OK);
}

static void expect_that_both_know_the_end(void)
{
    uint64_t offered = peer_counters(pair.a.peer)->offered;

    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t"), 0);
    narrow_publish("t", MAIKO_BLOCK, 2);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 0);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->denied, 0); /* nothing is sent to be refused */
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->offered, offered);
}

static void an_exporter_that_forgot_hears_what_has_failed(void)
{
    link_up_and_fail();
    forget(&pair.a);
    pair_connect(&pair);
    expect_that_both_know_the_end();
    CU_ASSERT(strstr(pair.b.news, "failed") == NULL); /* it was told that before */
    pair_deinit(&pair);
}

static void an_importer_that_forgot_is_told_what_has_failed(void)
{
    link_up_and_fail();
    forget(&pair.b);
    ask_for_one_more("t");
    pair_connect(&pair);
    CU_ASSERT(strstr(pair.b.news, "failed:overflow ready") != NULL);
    expect_that_both_know_the_end();
    pair_break(&pair); /* from now on it says so itself */
    forget(&pair.a);
    pair_connect(&pair);
    expect_that_both_know_the_end();
    pair_deinit(&pair);
}

static void deny_what_has_failed(void)
{
    link_up_and_fail();
    pair.a.denied = "t";
    ask_for_one_more("f");
    pair_settle(&pair);
    CU_ASSERT(strstr(pair.b.news, "refused:denied") != NULL);
    pair.a.denied = NULL;
}

static void what_has_failed_stays_so_when_it_was_denied_in_between(void)
{
    deny_what_has_failed();
    ask_for_one_more("g");
    pair_settle(&pair);
    expect_that_both_know_the_end();
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "g"), 1);
    pair_deinit(&pair);
}

/* Each side by itself. */
static void a_denial_makes_nobody_forget_what_has_failed(void)
{
    deny_what_has_failed();
    forget(&pair.a);
    pair_connect(&pair);
    expect_that_both_know_the_end();
    CU_ASSERT(strstr(pair.b.news, "failed") == NULL); /* nor is it news */
    pair_deinit(&pair);
    deny_what_has_failed();
    forget(&pair.b);
    ask_for_one_more("t");
    pair_connect(&pair);
    expect_that_both_know_the_end();
    pair_deinit(&pair);
}

/* Who wants it again says so by another id. */
static void what_has_failed_is_alive_again_under_another_id(void)
{
    struct pattern wish = {.id = 2, .made_at_ns = UINT64_MAX, .text = (char *)(uintptr_t) "t"};

    link_up_and_fail();
    CU_ASSERT_EQUAL(peer_subscribe(pair.b.peer, &wish, pair.now), MAIKO_OK);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t"), 1);
    narrow_publish("t", MAIKO_FAIL, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 1);
    pair_deinit(&pair);
}

static void an_answer_with_nonsense_for_a_pattern_ends_the_session(void)
{
    struct frame ready = {.kind = FRAME_READY};
    struct pack failed;

    narrow_begin();
    narrow_link_up("t", FROM_LIVE);
    ask_for_one_more("n");
    pack_init(&failed, heap_default(), 64);
    pack_array(&failed, 1);
    pack_uint(&failed, 1);
    ready.session = 1;
    ready.number = 3;
    ready.failed = pack_slice(&failed);
    narrow_say(&ready);
    pack_deinit(&failed);
    CU_ASSERT_EQUAL(peer_state(pair.b.peer), PEER_DOWN);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->malformed, 1);
    pair_deinit(&pair);
}

static void a_list_that_denies_holds_for_a_link_there_is(void)
{
    narrow_begin();
    narrow_link_up("t", FROM_LIVE);
    ask_for_one_more("f");
    pair_settle(&pair);
    pair.b.news[0] = '\0';
    pair.a.denied = "t";
    peer_review(pair.a.peer, pair.now);
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t"), 0);
    narrow_publish("t", MAIKO_BLOCK, 1);
    narrow_publish("f", MAIKO_BLOCK, 1);
    peer_review(pair.a.peer, pair.now); /* nothing else is said of a list that says the same */
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 1);
    CU_ASSERT_STRING_EQUAL(pair.b.news, "refused:denied ");
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->offered, 1);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->sessions, 1);
    CU_ASSERT(peer_is_ready(pair.b.peer));
    pair.a.denied = NULL;
    peer_review(pair.a.peer, pair.now);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 2);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->denied, 0);
    pair_deinit(&pair);
}

/* It has all of the log by then, as a subscription that is new has. */
static void what_a_list_allows_begins_with_the_past_that_was_asked_for(void)
{
    narrow_begin();
    pair.a.denied = "t";
    narrow_publish("t", MAIKO_BLOCK, 2);
    narrow_link_up("t", FROM_LOG);
    CU_ASSERT_EQUAL(pair.b.events, 0);
    pair.a.denied = NULL;
    peer_review(pair.a.peer, pair.now);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 2);
    pair_deinit(&pair);
}

static void what_was_on_its_way_when_a_list_denied_it_is_refused_and_counted(void)
{
    narrow_begin();
    narrow_link_up("t", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 4);
    pair.b.denied = "t"; /* to be published there */
    peer_review(pair.b.peer, pair.now);
    pair_settle(&pair);
    pair_pass(&pair, MAIKO_MS(20));
    CU_ASSERT_EQUAL(pair.b.events, 0);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->denied, 4);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->refused, 4);
    pair_deinit(&pair);
}

/* Without a link, too: nothing is kept for a pattern that is denied, also when it is allowed again before they meet. */
static void nothing_is_kept_for_what_was_denied_while_there_was_no_link(void)
{
    narrow_begin();
    narrow_link_up("t", FROM_LIVE);
    pair_break(&pair);
    pair.a.denied = "t";
    peer_review(pair.a.peer, pair.now);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair.a.denied = NULL;
    peer_review(pair.a.peer, pair.now);
    narrow_publish("t", MAIKO_BLOCK, 1);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->offered, 0);
    pair_connect(&pair);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 1);
    pair_deinit(&pair);
}

static void who_is_shut_out_gets_nothing_more(void)
{
    narrow_begin();
    narrow_link_up("t", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 6); /* two more than b takes at a time */
    peer_shut_out(pair.a.peer, pair.now);
    narrow_publish("t", MAIKO_BLOCK, 1);
    CU_ASSERT(exporter_is_drained(pair.a.exporter));
    pair_settle(&pair);
    CU_ASSERT(pair.b.events <= 4);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->offered, 6);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_peer, 6);
    CU_ASSERT(strstr(pair.a.news, "down:denied") != NULL);
    CU_ASSERT(strstr(pair.b.news, "down:closed") != NULL);
    pair_deinit(&pair);
}

/* Hello, welcome and what b wants; the answer is still under way when the connection breaks. */
static void link_up_without_an_answer(void)
{
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, "t", FROM_LOG), MAIKO_OK);
    peer_connected(pair.a.peer, pair.now);
    while (!peer_is_subscribed(pair.a.peer, "t"))
        CU_ASSERT_FATAL(pair_move_one(&pair.a) || pair_move_one(&pair.b));
    CU_ASSERT_FALSE(peer_is_ready(pair.b.peer));
    pair_break(&pair);
}

/* It was counted as lost when the key was taken off, so it is not read from the log by whoever has that key again. */
static void what_was_lost_with_a_key_does_not_come_from_the_log(void)
{
    uint64_t known = 0;

    narrow_begin();
    narrow_publish("t", MAIKO_BLOCK, 2);
    link_up_without_an_answer();
    narrow_publish("t", MAIKO_BLOCK, 3);
    peer_shut_out(pair.a.peer, pair.now);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_peer, 5);
    narrow_publish("t", MAIKO_BLOCK, 1); /* while it was nobody's */
    peer_shut_out(pair.a.peer, pair.now);
    pair_connect(&pair);
    CU_ASSERT(peer_is_ready(pair.b.peer));
    CU_ASSERT_EQUAL(pair.b.events, 0);
    CU_ASSERT_EQUAL(pair.b.lost, 5);
    CU_ASSERT(peer_received(pair.b.peer, &known) && known == 6);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 1);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->offered, 6);
    CU_ASSERT(peer_received(pair.b.peer, &known) && known == 7);
    pair_deinit(&pair);
}

/* The answer that says so may be lost, too: it is given again, and nothing is lost with it. */
static void it_is_told_until_it_was_heard(void)
{
    narrow_begin();
    link_up_without_an_answer();
    narrow_publish("t", MAIKO_BLOCK, 3);
    peer_shut_out(pair.a.peer, pair.now);
    link_up_without_an_answer();
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_connect(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 1);
    CU_ASSERT_EQUAL(pair.b.lost, 3);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_peer, 3);
    pair_deinit(&pair);
}

/* Who had asked for nothing yet has lost nothing. */
static void a_key_that_is_listed_late_has_the_past_it_asks_for(void)
{
    narrow_begin();
    narrow_publish("t", MAIKO_BLOCK, 2);
    peer_shut_out(pair.a.peer, pair.now);
    narrow_link_up("t", FROM_LOG);
    CU_ASSERT_EQUAL(pair.b.events, 2);
    CU_ASSERT_EQUAL(pair.b.lost, 0);
    pair_deinit(&pair);
}

static const struct test_case cases[] = {
    TEST_CASE(what_came_while_its_topic_was_denied_says_nothing_of_what_comes_later),
    TEST_CASE(an_exporter_that_forgot_hears_what_has_failed),
    TEST_CASE(an_importer_that_forgot_is_told_what_has_failed),
    TEST_CASE(what_has_failed_stays_so_when_it_was_denied_in_between),
    TEST_CASE(a_denial_makes_nobody_forget_what_has_failed),
    TEST_CASE(what_has_failed_is_alive_again_under_another_id),
    TEST_CASE(a_list_that_denies_holds_for_a_link_there_is),
    TEST_CASE(what_a_list_allows_begins_with_the_past_that_was_asked_for),
    TEST_CASE(what_was_on_its_way_when_a_list_denied_it_is_refused_and_counted),
    TEST_CASE(nothing_is_kept_for_what_was_denied_while_there_was_no_link),
    TEST_CASE(who_is_shut_out_gets_nothing_more),
    TEST_CASE(what_was_lost_with_a_key_does_not_come_from_the_log),
    TEST_CASE(it_is_told_until_it_was_heard),
    TEST_CASE(a_key_that_is_listed_late_has_the_past_it_asks_for),
    TEST_CASE(an_answer_with_nonsense_for_a_pattern_ends_the_session),
};
SUITE_MAIN("peer_patterns", cases)
