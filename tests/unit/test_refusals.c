/* Refusals: who sent events learns which of them the other side would not have: by topic and reason, once, exactly, and whatever
 * breaks between. */
#include <stdio.h>
#include <string.h>

#include "lib/peer_pair.h"
#include "lib/suite.h"
#include "link/refusals.h"

static struct pair pair;

/* b will not have "forged" from a. */
static void begin(void)
{
    pair_init(&pair, heap_default());
    CU_ASSERT_EQUAL_FATAL(pair_open(&pair), MAIKO_OK);
    pair.b.denied = "forged";
    CU_ASSERT_EQUAL_FATAL(pair_subscribe(&pair.b, "forged", FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(pair_subscribe(&pair.b, "good", FROM_LIVE), MAIKO_OK);
    pair_connect(&pair);
}

static void publish(const char *topic, uint64_t number)
{
    CU_ASSERT_EQUAL_FATAL(pair_publish(&pair.a, topic, MAIKO_BLOCK, number), MAIKO_OK);
}

static uint64_t refused(void)
{
    return peer_counters(pair.a.peer)->refused;
}

static unsigned count_news(const char *word)
{
    unsigned count = 0;
    const char *at;

    for (at = strstr(pair.a.news, word); at != NULL; at = strstr(at + 1, word))
        count++;
    return count;
}

static void what_is_refused_is_told_with_its_acknowledgement(void)
{
    const struct refusal *row;

    begin();
    publish("forged", 1);
    publish("good", 2);
    publish("forged", 3);
    pair_settle(&pair);
    pair_pass(&pair, MAIKO_MS(30));
    CU_ASSERT_EQUAL(pair.b.events, 1);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, 3);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->denied, 2);
    CU_ASSERT_EQUAL(refused(), 2);
    row = refusals_at(peer_refused(pair.a.peer), 0);
    CU_ASSERT_STRING_EQUAL(row->topic, "forged");
    CU_ASSERT_STRING_EQUAL(row->reason, "denied");
    CU_ASSERT_EQUAL(row->sum, 2);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->refused, 0);
    pair_deinit(&pair);
}

static void it_is_news_once_per_topic_and_session(void)
{
    begin();
    publish("forged", 1);
    pair_pass(&pair, MAIKO_SECONDS(2));
    publish("forged", 2);
    pair_pass(&pair, MAIKO_SECONDS(2));
    CU_ASSERT_EQUAL(count_news("refused:denied"), 1);
    pair_break(&pair);
    pair_connect(&pair);
    pair_pass(&pair, MAIKO_SECONDS(2));
    CU_ASSERT_EQUAL(count_news("refused:denied"), 1); /* nothing new was refused */
    publish("forged", 3);
    pair_pass(&pair, MAIKO_SECONDS(2));
    CU_ASSERT_EQUAL(count_news("refused:denied"), 2);
    CU_ASSERT_EQUAL(refused(), 3);
    pair_deinit(&pair);
}

/* The acknowledgement that would have told it is lost: the subscribe of the next session repairs that. */
static void a_lost_acknowledgement_loses_no_count(void)
{
    begin();
    publish("forged", 1);
    pair_settle(&pair); /* it came, nothing was acknowledged yet */
    CU_ASSERT_EQUAL(refused(), 0);
    pair_break(&pair);
    pair_connect(&pair);
    CU_ASSERT_EQUAL(refused(), 1);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, 1);
    publish("good", 2);
    pair_pass(&pair, MAIKO_SECONDS(3));
    CU_ASSERT_EQUAL(refused(), 1);
    pair_deinit(&pair);
}

/* Handed over, and refused later: told when it is acknowledged, not before. */
static void what_is_refused_late_is_told_then(void)
{
    begin();
    pair.b.keeps_events = true;
    publish("good", 1);
    publish("forged", 2); /* refused at once, acknowledged behind the first */
    pair_pass(&pair, MAIKO_SECONDS(2));
    CU_ASSERT_EQUAL(refused(), 0);
    peer_refuse(pair.b.peer, pair.b.last_stream, "good", "type");
    peer_refuse(pair.b.peer, pair.b.last_stream + 1, "good", "type"); /* of a stream that is over */
    pair_deliver(&pair.b);
    pair_pass(&pair, MAIKO_SECONDS(2));
    CU_ASSERT_EQUAL(refused(), 2);
    CU_ASSERT_EQUAL(count_news("refused:type"), 1);
    CU_ASSERT_EQUAL(count_news("refused:denied"), 1);
    pair_deinit(&pair);
}

/* ---- the importer's rows ---- */

static uint64_t told(const struct refusals *refusals)
{
    const struct refusal *row;
    uint64_t events = 0;
    size_t i;

    for (i = 0; (row = refusals_at(refusals, i)) != NULL; i++)
        events += row->events;
    return events;
}

static void nothing_is_told_before_it_is_acknowledged(void)
{
    struct refusals refusals;

    refusals_init(&refusals, heap_default());
    refusals_note(&refusals, "t", "denied"); /* position 5 */
    refusals_settle(&refusals, 3, 6);
    CU_ASSERT_EQUAL(told(&refusals), 0);
    refusals_note(&refusals, "t", "denied"); /* position 8 */
    refusals_settle(&refusals, 5, 9);
    CU_ASSERT_EQUAL(told(&refusals), 0);
    refusals_settle(&refusals, 6, 9);
    CU_ASSERT_EQUAL(told(&refusals), 1);
    refusals_settle(&refusals, 9, 9);
    CU_ASSERT_EQUAL(told(&refusals), 2);
    refusals_restart(&refusals);
    refusals_settle(&refusals, 9, 9);
    CU_ASSERT_EQUAL(told(&refusals), 0);
    refusals_deinit(&refusals);
}

static void more_topics_than_rows_are_one_number(void)
{
    struct refusals refusals;
    char topic[16];
    unsigned i;

    refusals_init(&refusals, heap_default());
    for (i = 0; i < 3 * REFUSALS_MAX; i++) {
        snprintf(topic, sizeof(topic), "t/%u", i);
        refusals_note(&refusals, topic, "denied");
    }
    refusals_settle(&refusals, 100, 100);
    CU_ASSERT_EQUAL(refusals.count, REFUSALS_MAX);
    CU_ASSERT_EQUAL(refusals_at(&refusals, REFUSALS_MAX)->events, 2 * REFUSALS_MAX);
    CU_ASSERT_STRING_EQUAL(refusals_at(&refusals, REFUSALS_MAX)->topic, "");
    CU_ASSERT_PTR_NULL(refusals_at(&refusals, REFUSALS_MAX + 1));
    CU_ASSERT_EQUAL(told(&refusals), 3 * REFUSALS_MAX);
    refusals_deinit(&refusals);
}

/* ---- what the other side tells ---- */

static unsigned heard;

static void hear(const struct refusal *refusal, void *userdata)
{
    heard++;
}

/* An array of rows t/0, t/1, … with this count each. */
static maiko_status tell(struct refusals *refusals, uint64_t stream, uint64_t limit, unsigned count, uint64_t events)
{
    char topic[16];
    struct pack pack;
    maiko_status status;
    unsigned i;

    pack_init(&pack, heap_default(), 65536);
    pack_array(&pack, count);
    for (i = 0; i < count; i++) {
        snprintf(topic, sizeof(topic), "t/%u", i);
        frame_write_refusal(&pack,
                            &(struct frame_refusal){.topic = slice_of(topic), .reason = slice_of("denied"), .events = events});
    }
    status = refusals_hear(refusals, pack_slice(&pack), stream, 1, limit, hear, NULL, NULL);
    pack_deinit(&pack);
    return status;
}

static void counts_of_a_stream_only_grow_and_those_of_streams_add_up(void)
{
    struct refusals refusals;

    heard = 0;
    refusals_init(&refusals, heap_default());
    CU_ASSERT_EQUAL(tell(&refusals, 7, 1000, 1, 5), MAIKO_OK);
    CU_ASSERT_EQUAL(tell(&refusals, 7, 1000, 1, 3), MAIKO_OK); /* an older frame */
    CU_ASSERT_EQUAL(refusals.sum, 5);
    CU_ASSERT_EQUAL(tell(&refusals, 8, 1000, 1, 3), MAIKO_OK); /* a new life of the other side */
    CU_ASSERT_EQUAL(refusals.sum, 8);
    CU_ASSERT_EQUAL(heard, 1);
    CU_ASSERT_EQUAL(tell(&refusals, 8, 1000, 0, 0), MAIKO_OK);
    CU_ASSERT_EQUAL(refusals.sum, 8);
    refusals_deinit(&refusals);
}

static void nobody_refuses_more_than_it_has(void)
{
    struct refusals refusals;

    refusals_init(&refusals, heap_default());
    CU_ASSERT_EQUAL(tell(&refusals, 7, 10, 2, UINT64_MAX), MAIKO_OK);
    CU_ASSERT_EQUAL(refusals.sum, 10);
    CU_ASSERT_EQUAL(tell(&refusals, 7, 12, 3 * REFUSALS_MAX, UINT64_MAX), MAIKO_OK);
    CU_ASSERT_EQUAL(refusals.sum, 12);
    CU_ASSERT_EQUAL(refusals.count, REFUSALS_MAX);
    refusals_deinit(&refusals);
}

static void without_memory_all_are_one_number(void)
{
    struct refusals refusals;
    struct heap heap;

    heap_init(&heap, NULL, 64);
    refusals_init(&refusals, &heap);
    CU_ASSERT_EQUAL(tell(&refusals, 7, 1000, 3, 4), MAIKO_OK);
    CU_ASSERT_EQUAL(refusals.count, 0);
    CU_ASSERT_EQUAL(refusals.sum, 12);
    refusals_deinit(&refusals);
}

/* ---- peers of other versions ---- */

static void send_ack(uint64_t next, const char *key, bool is_right)
{
    struct pack pack;

    pack_init(&pack, heap_default(), 4096);
    pack_map(&pack, 4);
    pack_str(&pack, "kind");
    pack_str(&pack, "ack");
    pack_str(&pack, "session");
    pack_uint(&pack, 1);
    pack_str(&pack, "next");
    pack_uint(&pack, next);
    pack_str(&pack, key);
    pack_array(&pack, 1);
    if (is_right) {
        pack_map(&pack, 2);
        pack_str(&pack, "events");
        pack_uint(&pack, 1);
        pack_str(&pack, "of a later version");
        pack_uint(&pack, 1);
    } else {
        pack_uint(&pack, 1);
    }
    peer_frame(pair.a.peer, pack.data, pack.len, pair.now);
    pack_deinit(&pack);
}

static void begin_with_one_sent(void)
{
    begin();
    publish("good", 1);
    peer_flush(pair.a.peer, pair.now);
}

static void a_peer_that_tells_nothing_is_none_that_refuses(void)
{
    begin_with_one_sent();
    send_ack(1, "something else", true);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, 1);
    CU_ASSERT_EQUAL(refused(), 0);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->malformed, 0);
    pair_deinit(&pair);
}

static void a_row_without_a_topic_stands_for_all_others(void)
{
    begin_with_one_sent();
    send_ack(1, "refused", true);
    CU_ASSERT_EQUAL(refused(), 1);
    CU_ASSERT_EQUAL(count_news("refused:others"), 1);
    CU_ASSERT_EQUAL(peer_state(pair.a.peer), PEER_UP);
    pair_deinit(&pair);
}

static void a_row_of_another_kind_ends_the_session(void)
{
    begin_with_one_sent();
    send_ack(1, "refused", false);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->malformed, 1);
    CU_ASSERT_EQUAL(peer_state(pair.a.peer), PEER_DOWN);
    pair_deinit(&pair);
}

static const struct test_case cases[] = {
    TEST_CASE(what_is_refused_is_told_with_its_acknowledgement),
    TEST_CASE(it_is_news_once_per_topic_and_session),
    TEST_CASE(a_lost_acknowledgement_loses_no_count),
    TEST_CASE(what_is_refused_late_is_told_then),
    TEST_CASE(nothing_is_told_before_it_is_acknowledged),
    TEST_CASE(more_topics_than_rows_are_one_number),
    TEST_CASE(counts_of_a_stream_only_grow_and_those_of_streams_add_up),
    TEST_CASE(nobody_refuses_more_than_it_has),
    TEST_CASE(without_memory_all_are_one_number),
    TEST_CASE(a_peer_that_tells_nothing_is_none_that_refuses),
    TEST_CASE(a_row_without_a_topic_stands_for_all_others),
    TEST_CASE(a_row_of_another_kind_ends_the_session),
};
SUITE_MAIN("refusals", cases)
