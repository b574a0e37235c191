/* When who got no link tries again (PROTOCOL.md 2), as somebody sees it who listens and answers as a test wants.  Late is a busy
 * machine; early is a fault. */
#include <string.h>
#include <time.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>

#include "lib/raw_link.h"
#include "lib/report_end.h"
#include "lib/suite.h"

static const uint64_t sooner_ns = MAIKO_MS(100); /* a hello that was late makes the time to the next one short */

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void begin(struct report_end *client, struct raw_link *raw)
{
    report_ends_begin();
    raw_link_listen(raw, "raw", "maiko");
    report_end_make(client, "client", &(maiko_bridge_config){.node = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_connect(client->bridge, raw->endpoint, NULL), MAIKO_OK);
    report_end_start(client);
    CU_ASSERT_TRUE_FATAL(raw_link_hears(raw, FRAME_HELLO));
}

static void finish(struct report_end *client, struct raw_link *raw)
{
    report_end_stop(client);
    raw_link_close(raw);
    report_ends_finish();
}

static void an_unanswered_hello_is_repeated_each_second(void)
{
    struct report_end client;
    struct raw_link raw;
    uint64_t session;
    uint64_t first_ns;

    begin(&client, &raw);
    first_ns = now_ns();
    session = raw.session;
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_HELLO));
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_HELLO));
    CU_ASSERT(now_ns() - first_ns >= MAIKO_SECONDS(2) - sooner_ns);
    CU_ASSERT_EQUAL(raw.session, session);
    CU_ASSERT_TRUE(report_end_hears(&client, MAIKO_PEER_DOWN, "no_answer"));
    CU_ASSERT_EQUAL(client.count, 1); /* once, not with every hello */
    finish(&client, &raw);
}

/* From a refusal to the next hello: the shortest of some times, as one may be late. */
static uint64_t time_to_next(struct raw_link *raw, const char *reason, int times)
{
    uint64_t shortest_ns = UINT64_MAX;
    int i;

    for (i = 0; i < times; i++) {
        uint64_t began_ns = now_ns();
        uint64_t took_ns;

        raw_link_say(raw, (struct frame){.kind = FRAME_REFUSE, .reason = slice_of(reason), .text = slice_of("by hand")});
        CU_ASSERT_TRUE_FATAL(raw_link_hears(raw, FRAME_HELLO));
        took_ns = now_ns() - began_ns;
        shortest_ns = took_ns < shortest_ns ? took_ns : shortest_ns;
    }
    return shortest_ns;
}

static void expect_retry(const char *reason, int times, uint64_t least_ns, uint64_t most_ns)
{
    struct report_end client;
    struct raw_link raw;
    uint64_t time_ns;

    begin(&client, &raw);
    time_ns = time_to_next(&raw, reason, times);
    if (time_ns + sooner_ns < least_ns || time_ns > most_ns)
        SUITE_FAIL("after %s the next hello came after %llu ms", reason, (unsigned long long)(time_ns / 1000000));
    CU_ASSERT_TRUE(report_end_hears(&client, MAIKO_PEER_REFUSED, reason));
    CU_ASSERT_EQUAL(client.count, 1); /* a second one was no news */
    finish(&client, &raw);
}

static void what_may_pass_is_tried_again_after_a_second(void)
{
    expect_retry("limit", 3, MAIKO_SECONDS(1), MAIKO_SECONDS(4));
}

static void what_somebody_must_change_is_tried_again_after_five(void)
{
    expect_retry("version", 1, MAIKO_SECONDS(5), MAIKO_SECONDS(60));
}

static const struct test_case cases[] = {
    TEST_CASE(an_unanswered_hello_is_repeated_each_second),
    TEST_CASE(what_may_pass_is_tried_again_after_a_second),
    TEST_CASE(what_somebody_must_change_is_tried_again_after_five),
};

SUITE_MAIN("retry_times", cases)
