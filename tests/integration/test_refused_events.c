/* Events that the other node will not have: each reason is told on `$sys/peer` with the topic and the number, and there in the
 * log.  And shared memory that the other node will not have, which is told once however often it is tried. */
#include <stdio.h>
#include <string.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>

#include "lib/report_end.h"
#include "lib/suite.h"
#include "node/node.h"

static void make_pair(struct report_end *publisher, struct report_end *subscriber, const maiko_config *there,
                      const maiko_bridge_pattern *import)
{
    report_ends_begin();
    report_end_make(publisher, "publisher", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_export(publisher->bridge, &(maiko_bridge_pattern){.pattern = "#"}), MAIKO_OK);
    report_end_start(publisher);
    report_end_make_on(subscriber, there, "subscriber", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_import(subscriber->bridge, import), MAIKO_OK);
    report_end_start(subscriber);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher->bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
}

static void end_pair(struct report_end *publisher, struct report_end *subscriber)
{
    report_end_stop(subscriber);
    report_end_stop(publisher);
    report_ends_finish();
}

static void expect_refused(struct report_end *publisher, const char *reason, const char *topic)
{
    const maiko_peer_report *report;

    CU_ASSERT_TRUE_FATAL(report_end_hears(publisher, MAIKO_PEER_REFUSED, reason));
    report = report_end_find(publisher, MAIKO_PEER_REFUSED, reason);
    CU_ASSERT_STRING_EQUAL(report->pattern, topic);
    CU_ASSERT_STRING_EQUAL(report->peer, "subscriber");
    CU_ASSERT_FALSE(report->is_ours);
    CU_ASSERT_TRUE(report->is_lost_known);
    CU_ASSERT(report->lost > 0);
}

/* With the name it would have there. */
static void an_event_whose_topic_is_too_long_there_is_refused_as_topic(void)
{
    struct report_end publisher;
    struct report_end subscriber;
    char as[256] = "";

    memset(as, 'x', 249);
    strcat(as, "/#");
    make_pair(&publisher, &subscriber, NULL, &(maiko_bridge_pattern){.pattern = "#", .as = as});
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(publisher.sup), counted, .number = 1), MAIKO_OK);
    expect_refused(&publisher, "topic", "count/up");
    CU_ASSERT_EQUAL(subscriber.unwelcome_lines, 1);
    CU_ASSERT_EQUAL(subscriber.received, 0);
    end_pair(&publisher, &subscriber);
}

static void events_on_more_topics_than_there_may_be_are_refused_as_limit(void)
{
    struct report_end publisher;
    struct report_end subscriber;
    char topic[32];
    unsigned i;

    make_pair(&publisher, &subscriber, &(maiko_config){.dynamic_topics = 8}, &(maiko_bridge_pattern){.pattern = "count/#"});
    for (i = 0; i < 16; i++) {
        snprintf(topic, sizeof(topic), "count/%02u", i);
        CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(publisher.sup), topic, counted, .number = i), MAIKO_OK);
    }
    CU_ASSERT(wait_until(report_end_counters(&publisher).refused_there >= 8, 60000));
    CU_ASSERT_TRUE(report_end_hears(&publisher, MAIKO_PEER_REFUSED, "limit"));
    CU_ASSERT_STRING_EQUAL(report_end_find(&publisher, MAIKO_PEER_REFUSED, "limit")->peer, "subscriber");
    CU_ASSERT(strncmp(report_end_find(&publisher, MAIKO_PEER_REFUSED, "limit")->pattern, "count/", 6) == 0);
    end_pair(&publisher, &subscriber);
}

/* The publisher cannot know of the stop yet, and goes on: that is in order, and no flood of warnings. */
static void what_comes_behind_a_stop_is_refused_as_closed_and_said_in_one_line(void)
{
    struct report_end publisher;
    struct report_end subscriber;
    uint64_t number = 0;

    make_pair(&publisher, &subscriber, NULL, &(maiko_bridge_pattern){.pattern = "count/up"});
    while (subscriber.received < 1000 && number < 1000000)
        (void)maiko_send(maiko_supervisor_context(publisher.sup), counted, .number = number++);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(subscriber.sup, NULL), MAIKO_OK);
    while (report_end_counters(&publisher).refused_there < 1000 && number < 10000000)
        (void)maiko_send(maiko_supervisor_context(publisher.sup), counted, .number = number++);
    expect_refused(&publisher, "closed", "count/up");
    CU_ASSERT(report_end_counters(&subscriber).import_refused >= 1000);
    CU_ASSERT_EQUAL(subscriber.unwelcome_lines, 0);
    CU_ASSERT_EQUAL(subscriber.stopped_lines, 1);
    end_pair(&publisher, &subscriber);
}

/* ---- shared memory ---- */

/* When the only peer is dialled again; 0: no peer, UINT64_MAX: not now. */
static uint64_t redial_of(struct report_end *end)
{
    const struct node_peer *peer;
    uint64_t redial_ns = 0;

    pthread_mutex_lock(&end->bridge->turn);
    if (!list_is_empty(&end->bridge->peers)) {
        peer = CONTAINER_OF(list_first(&end->bridge->peers), struct node_peer, link);
        redial_ns = peer->redial_ns;
    }
    pthread_mutex_unlock(&end->bridge->turn);
    return redial_ns;
}

static bool is_dialled_anew(struct report_end *end, uint64_t *before)
{
    uint64_t redial_ns = redial_of(end);
    bool is_new = redial_ns != 0 && redial_ns != UINT64_MAX && redial_ns > *before;

    if (is_new)
        *before = redial_ns;
    return is_new;
}

static void shared_memory_that_is_refused_is_told_once(void)
{
    struct report_end wants;
    struct report_end has_none;
    uint64_t redial_ns = 0;
    unsigned i;

    report_ends_begin();
    report_end_make(&has_none, "b", &(maiko_bridge_config){.space = "reports", .transport = MAIKO_TRANSPORT_ZMQ});
    report_end_start(&has_none);
    report_end_make(&wants, "a", &(maiko_bridge_config){.space = "reports", .transport = MAIKO_TRANSPORT_SHM});
    report_end_start(&wants);
    for (i = 0; i < 4; i++) /* refused as often */
        CU_ASSERT(wait_until(is_dialled_anew(&wants, &redial_ns), 60000));
    CU_ASSERT_TRUE(report_end_hears(&wants, MAIKO_PEER_REFUSED, NULL));
    CU_ASSERT_EQUAL(wants.refused_lines, 1);
    CU_ASSERT_EQUAL(report_end_counters(&wants).refusals, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(report_end_find(&wants, MAIKO_PEER_REFUSED, NULL)->text, "no shared memory with node b"));
    report_end_stop(&wants);
    report_end_stop(&has_none);
    report_ends_finish();
}

static const struct test_case cases[] = {
    TEST_CASE(an_event_whose_topic_is_too_long_there_is_refused_as_topic),
    TEST_CASE(events_on_more_topics_than_there_may_be_are_refused_as_limit),
    TEST_CASE(what_comes_behind_a_stop_is_refused_as_closed_and_said_in_one_line),
    TEST_CASE(shared_memory_that_is_refused_is_told_once),
};

SUITE_MAIN("refused_events", cases)
