/* Channels: their numbers are given to others when all are taken, and never while something refers to them. */
#include <stdio.h>
#include <string.h>

#include "lib/peer_pair.h"
#include "lib/suite.h"
#include "link/channels.h"

static struct pair pair;

static void begin(size_t channels)
{
    pair_init(&pair, heap_default());
    pair.a.channels = channels;
    CU_ASSERT_EQUAL_FATAL(pair_open(&pair), MAIKO_OK);
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, "#", FROM_LIVE), MAIKO_OK);
    pair_connect(&pair);
}

static maiko_status publish_as(unsigned sender, uint64_t number)
{
    char name[32];

    snprintf(name, sizeof(name), "sender %u", sender);
    return pair_publish_as(&pair.a, name, "t", MAIKO_BLOCK, number);
}

static void more_senders_than_numbers_are_told_apart(void)
{
    unsigned i;

    begin(8);
    for (i = 0; i < 100; i++) {
        char name[32];

        CU_ASSERT_EQUAL(publish_as(i, i), MAIKO_OK);
        pair_settle(&pair);
        pair_pass(&pair, MAIKO_MS(20)); /* acknowledged: nothing but the log refers to it */
        snprintf(name, sizeof(name), "sender %u", i);
        CU_ASSERT_STRING_EQUAL(pair.b.last_sender, name);
        CU_ASSERT_EQUAL(pair.b.events, i + 1);
    }
    CU_ASSERT(pair.b.forgotten >= 92); /* what was worked out for the old meanings is given up */
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->malformed, 0);
    pair_deinit(&pair);
}

/* Old and new senders mixed: each has the name it had, also when its number was another's meanwhile. */
static void an_old_sender_is_itself_again(void)
{
    unsigned i;

    begin(4);
    for (i = 0; i < 200; i++) {
        unsigned sender = i * 7 % 11;
        char name[32];

        CU_ASSERT_EQUAL(publish_as(sender, i), MAIKO_OK);
        pair_settle(&pair);
        pair_pass(&pair, MAIKO_MS(20));
        snprintf(name, sizeof(name), "sender %u", sender);
        CU_ASSERT_STRING_EQUAL(pair.b.last_sender, name);
        CU_ASSERT_EQUAL(pair.b.last_number, i);
    }
    pair_deinit(&pair);
}

static void what_is_under_way_keeps_its_numbers(void)
{
    unsigned i;

    begin(8);
    pair.b.keeps_events = true;
    for (i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(publish_as(i, i), MAIKO_OK);
    CU_ASSERT_EQUAL(publish_as(8, 8), MAIKO_ELIMIT); /* refused, not lost in silence */
    CU_ASSERT_EQUAL(publish_as(3, 9), MAIKO_OK);     /* known ones go on */
    pair_settle(&pair);
    pair_deliver(&pair.b);
    pair_pass(&pair, MAIKO_MS(20));
    pair_deliver(&pair.b);
    pair_pass(&pair, MAIKO_MS(20));
    CU_ASSERT_EQUAL(publish_as(8, 10), MAIKO_OK);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 10);
    CU_ASSERT_STRING_EQUAL(pair.b.last_sender, "sender 8");
    pair_deinit(&pair);
}

static void after_a_replay_numbers_mean_what_they_meant(void)
{
    unsigned i;

    begin(4);
    for (i = 0; i < 12; i++) {
        CU_ASSERT_EQUAL(publish_as(i, i), MAIKO_OK);
        if (i % 4 == 2)
            pair_break(&pair); /* what was under way is gone, and sent again */
        if (i % 4 == 2)
            pair_connect(&pair);
        pair_settle(&pair);
        pair_pass(&pair, MAIKO_MS(20));
        CU_ASSERT_EQUAL(pair.b.events, i + 1);
        CU_ASSERT_EQUAL(pair.b.last_number, i);
    }
    CU_ASSERT_EQUAL(pair.b.lost, 0);
    pair_deinit(&pair);
}

static const struct test_case cases[] = {TEST_CASE(more_senders_than_numbers_are_told_apart),
                                         TEST_CASE(an_old_sender_is_itself_again), TEST_CASE(what_is_under_way_keeps_its_numbers),
                                         TEST_CASE(after_a_replay_numbers_mean_what_they_meant)};
SUITE_MAIN("channels", cases)
