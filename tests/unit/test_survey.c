/* Survey: how many events of a topic wait for the peers, and when the oldest of them was sent. */
#include <string.h>

#include "lib/narrow_pair.h"
#include "lib/sample_events.h"
#include "lib/suite.h"
#include "link/peer_state.h"

enum { ALL = 1000000 };

static uint64_t next_number;

static void publish_at(const char *topic, maiko_overflow overflow, uint64_t time_ns)
{
    numbers value = {.u64 = ++next_number};
    struct export_event event = {.type = MAIKO_TYPE(numbers),
                                 .payload = &value,
                                 .topic = topic,
                                 .sender = "sender",
                                 .id = {5, next_number},
                                 .correlation = {5, next_number},
                                 .time_ns = time_ns,
                                 .overflow = overflow};

    CU_ASSERT_EQUAL(exporter_publish(pair.a.exporter, &event, pair.now), MAIKO_OK);
}

static const struct retained_topic *topic_of(const char *name)
{
    return retained_find_topic(exporter_log(pair.a.exporter), name);
}

static void expect(const char *name, uint64_t queued, uint64_t high_water, uint64_t oldest_ns)
{
    const struct retained_topic *topic = topic_of(name);

    CU_ASSERT_EQUAL(topic->queued, queued);
    CU_ASSERT_EQUAL(topic->high_water, high_water);
    CU_ASSERT_EQUAL(topic->oldest_ns, oldest_ns);
}

static void expect_surveyed(const char *name, uint64_t queued, uint64_t high_water, uint64_t oldest_ns)
{
    CU_ASSERT(exporter_survey(pair.a.exporter, ALL));
    expect(name, queued, high_water, oldest_ns);
}

/* b takes four events at a time, and keeps them. */
static void begin(void)
{
    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("#", FROM_LIVE);
}

static void the_oldest_that_was_not_acknowledged_is_found_by_topic(void)
{
    begin();
    publish_at("t", MAIKO_BLOCK, 100);
    publish_at("t", MAIKO_BLOCK, 110);
    publish_at("u", MAIKO_BLOCK, 105);
    publish_at("t", MAIKO_BLOCK, 120);
    publish_at("u", MAIKO_BLOCK, 130);
    pair_settle(&pair);
    expect_surveyed("t", 3, 3, 100);
    expect("u", 2, 2, 105);
    CU_ASSERT(exporter_log(pair.a.exporter)->has_new_high == false);
    pair_deliver(&pair.b);
    pair_pass(&pair, MAIKO_MS(20));
    expect_surveyed("t", 0, 3, 0);
    expect("u", 1, 2, 130); /* the window had four */
    pair_deliver(&pair.b);
    pair_pass(&pair, MAIKO_MS(20));
    expect_surveyed("u", 0, 2, 0);
    pair_deinit(&pair);
}

static void what_is_lost_or_dropped_does_not_wait(void)
{
    unsigned i;

    begin();
    for (i = 0; i < 7; i++)
        publish_at("t", MAIKO_DROP_NEWEST, 100 + i);
    for (i = 0; i < 200; i++)
        publish_at("u", MAIKO_DROP_OLDEST, 200 + i);
    pair_settle(&pair);
    expect_surveyed("t", 4, 4, 100);
    CU_ASSERT_EQUAL(topic_of("u")->queued, pair.a.peer->config.oldest_tail);
    CU_ASSERT_EQUAL(topic_of("u")->oldest_ns, 400 - topic_of("u")->queued);
    peer_died(pair.a.peer, pair.now);
    expect_surveyed("t", 0, 4, 0);
    CU_ASSERT_EQUAL(topic_of("u")->queued, 0);
    CU_ASSERT_EQUAL(topic_of("u")->oldest_ns, 0);
    pair_deinit(&pair);
}

/* As bridges publish: events alike that share an entry. */
static void what_waits_of_a_run_is_counted(void)
{
    unsigned i;

    begin();
    pair.b.keeps_events = false;
    for (i = 0; i < 100; i++)
        publish_at("t", MAIKO_BLOCK, 1000 + i);
    CU_ASSERT_EQUAL(topic_of("t")->queued, 100);
    pair_settle(&pair);
    for (i = 0; i < 100; i++)
        pair_pass(&pair, MAIKO_MS(20));
    expect_surveyed("t", 0, 100, 0);
    pair_deinit(&pair);
}

static void an_event_without_a_time_is_one_of_1970(void)
{
    begin();
    publish_at("t", MAIKO_BLOCK, 0);
    expect_surveyed("t", 1, 1, 1);
    pair_deinit(&pair);
}

/* What is there for one survey need not be looked at in one go. */
static void a_survey_may_be_made_in_pieces(void)
{
    struct peer *second = NULL;

    begin();
    CU_ASSERT_EQUAL_FATAL(peer_new(&pair.a.peer->config, &second), MAIKO_OK);
    publish_at("t", MAIKO_BLOCK, 100);
    CU_ASSERT(!exporter_survey(pair.a.exporter, 1));
    CU_ASSERT_EQUAL(topic_of("t")->oldest_ns, 0); /* not yet */
    expect_surveyed("t", 1, 1, 100);
    CU_ASSERT(!exporter_survey(pair.a.exporter, 1)); /* another one */
    publish_at("u", MAIKO_BLOCK, 50);
    CU_ASSERT(exporter_survey(pair.a.exporter, 1));
    expect("t", 1, 1, 100);
    expect_surveyed("u", 1, 1, 50);
    peer_free(second);
    pair_deinit(&pair);
}

static const struct test_case cases[] = {
    TEST_CASE(the_oldest_that_was_not_acknowledged_is_found_by_topic),
    TEST_CASE(what_is_lost_or_dropped_does_not_wait),
    TEST_CASE(what_waits_of_a_run_is_counted),
    TEST_CASE(an_event_without_a_time_is_one_of_1970),
    TEST_CASE(a_survey_may_be_made_in_pieces),
};
SUITE_MAIN("survey", cases)
