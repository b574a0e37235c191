/* Peer: who says nothing is gone, or stopped, or it was we who stood still. */
#include <string.h>

#include "lib/narrow_pair.h"
#include "lib/sample_events.h"
#include "lib/suite.h"

static void silence_ends_a_session_but_a_stall_of_our_own_does_not(void)
{
    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    pair.now += MAIKO_SECONDS(60); /* both stood still */
    peer_tick(pair.a.peer, pair.now);
    CU_ASSERT_EQUAL(peer_state(pair.a.peer), PEER_UP);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->own_stalls, 1);
    pair_settle(&pair);
    pair_pass(&pair, MAIKO_SECONDS(20));
    CU_ASSERT_EQUAL(peer_state(pair.a.peer), PEER_UP);
    for (unsigned second = 0; second < 6; second++) {
        pair.now += MAIKO_SECONDS(1); /* b says nothing */
        peer_tick(pair.a.peer, pair.now);
    }
    CU_ASSERT(strstr(pair.a.news, "down:silent") != NULL);
    CU_ASSERT_EQUAL(pair.a.closes, 1);
    pair_deinit(&pair);
}

/* Only a runs: b is stopped, and its process known to live. */
static void pass_without_b(unsigned seconds)
{
    for (; seconds > 0; seconds--) {
        pair.now += MAIKO_SECONDS(1);
        peer_tick(pair.a.peer, pair.now);
        peer_flush(pair.a.peer, pair.now);
    }
}

static void a_stopped_process_is_stalled_and_what_it_misses_is_the_deadlines(void)
{
    const struct peer_counters *counters;

    narrow_begin();
    pair.a.knows_life = true;
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 6); /* a window, and two that wait */
    pass_without_b(60);
    CU_ASSERT_EQUAL(peer_state(pair.a.peer), PEER_UP);
    CU_ASSERT(peer_is_stalled(pair.a.peer));
    CU_ASSERT(!exporter_holds(pair.a.exporter, "t"));
    CU_ASSERT(strstr(pair.a.news, "stalled:deadline") != NULL);
    CU_ASSERT(strstr(pair.a.news, "down") == NULL);
    narrow_publish("t", MAIKO_BLOCK, 80000); /* more than the log holds */
    pass_without_b(1);
    counters = peer_counters(pair.a.peer);
    CU_ASSERT_EQUAL(counters->lost_deadline, 80000);
    CU_ASSERT_EQUAL(counters->lost_log, 0);
    pair_settle(&pair);
    pair_pass(&pair, MAIKO_SECONDS(1));
    CU_ASSERT_EQUAL(pair.b.events, 6);
    CU_ASSERT_EQUAL(pair.b.lost, 80000);
    CU_ASSERT_EQUAL(pair.b.unknown_gaps, 0);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, 6);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->sessions, 1);
    CU_ASSERT(strstr(pair.a.news, "ready:caught up") != NULL);
    CU_ASSERT(!peer_is_stalled(pair.a.peer));
    pair_deinit(&pair);
}

/* Nobody takes them out of the ring, which must not be full of them when the process goes on after a week. */
static void a_stopped_process_without_work_is_reported_and_left_alone(void)
{
    size_t out;

    narrow_begin();
    pair.a.knows_life = true;
    narrow_link_up("#", FROM_LIVE);
    pass_without_b(6);
    CU_ASSERT(strstr(pair.a.news, "stalled:silent") != NULL);
    out = pair.a.out_count;
    pass_without_b(24 * 3600);
    CU_ASSERT(pair.a.out_count - out < 20);
    CU_ASSERT(peer_deadline(pair.a.peer) > pair.now); /* and it does not spin */
    CU_ASSERT_EQUAL(peer_state(pair.a.peer), PEER_UP);
    CU_ASSERT_EQUAL(pair.a.closes, 0);
    pair_pass(&pair, MAIKO_SECONDS(1));
    CU_ASSERT(strstr(pair.a.news, "ready:caught up") != NULL);
    out = peer_counters(pair.a.peer)->frames_out;
    pair_pass(&pair, MAIKO_SECONDS(10));
    CU_ASSERT(peer_counters(pair.a.peer)->frames_out - out >= 9); /* heartbeats as ever */
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->sessions, 1);
    pair_deinit(&pair);
}

/* Then the way they are connected has broken. */
static void a_silent_process_that_is_not_known_to_live_any_more_is_down(void)
{
    narrow_begin();
    pair.a.knows_life = true;
    narrow_link_up("#", FROM_LIVE);
    pass_without_b(4);
    pair.a.knows_life = false;
    pass_without_b(2);
    CU_ASSERT(strstr(pair.a.news, "down:silent") != NULL);
    pair_deinit(&pair);
}

/* Over a socket a stop that is longer than the silence is a death as far as anybody can tell: nobody is held for longer than the
 * deadline, and what the log does not have any more is counted as that. */
static void over_a_socket_a_stop_is_taken_for_the_end_and_counted_as_the_logs(void)
{
    const struct peer_counters *counters;

    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 6);
    pass_without_b(6);
    CU_ASSERT(strstr(pair.a.news, "down:silent") != NULL);
    pass_without_b(5);
    CU_ASSERT(!exporter_holds(pair.a.exporter, "t"));
    narrow_publish("t", MAIKO_BLOCK, 250000); /* several times what the log holds */
    pair_break(&pair);
    pair_connect(&pair);
    while (!peer_is_drained(pair.a.peer))
        pair_pass(&pair, MAIKO_MS(20));
    counters = peer_counters(pair.a.peer);
    CU_ASSERT_EQUAL(counters->lost_deadline, 0);
    CU_ASSERT(counters->lost_log > 0);
    CU_ASSERT_EQUAL(counters->acknowledged + counters->lost_log, 250006);
    CU_ASSERT_EQUAL(pair.b.events, counters->acknowledged);
    CU_ASSERT_EQUAL(pair.b.lost, counters->lost_log);
    CU_ASSERT_EQUAL(pair.b.unknown_gaps, 0);
    pair_deinit(&pair);
}

static void who_is_busy_sending_has_not_stood_still(void)
{
    unsigned i;

    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    for (i = 0; i < 12; i++) { /* what is sent puts every other timer off, and b says nothing */
        pair.now += MAIKO_MS(500);
        CU_ASSERT_EQUAL(pair_publish(&pair.a, "t", MAIKO_DROP_NEWEST, i + 1), MAIKO_OK);
        peer_flush(pair.a.peer, pair.now);
    }
    peer_tick(pair.a.peer, pair.now);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->own_stalls, 0);
    CU_ASSERT(strstr(pair.a.news, "down:silent") != NULL);
    pair_deinit(&pair);
}

static void the_dead_hold_nobody(void)
{
    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 9);
    CU_ASSERT(exporter_holds(pair.a.exporter, "t"));
    peer_died(pair.a.peer, pair.now);
    CU_ASSERT(!exporter_holds(pair.a.exporter, "t"));
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_peer, 9);
    pair_deinit(&pair);
}

/* Ten events for a peer with room for four, and a tail of three, that is gone: for less than the deadline, or longer. */
struct absence {
    maiko_overflow overflow;
    bool is_long;
    uint64_t delivered;
    uint64_t lost_window;
    uint64_t lost_oldest;
    bool is_held;
    bool has_failed;
};

static void be_absent(const struct absence *absence)
{
    const struct peer_counters *counters;

    pair_init(&pair, heap_default());
    pair.a.config.oldest_tail = 3;
    pair.b.config.window_events = 4;
    narrow_open();
    narrow_link_up("t", FROM_LIVE);
    pair_break(&pair);
    if (absence->is_long)
        pair_pass(&pair, MAIKO_SECONDS(6));
    narrow_publish("t", absence->overflow, 10);
    CU_ASSERT_EQUAL(exporter_holds(pair.a.exporter, "t"), absence->is_held);
    pair_connect(&pair);
    pair_pass(&pair, MAIKO_SECONDS(1));
    counters = peer_counters(pair.a.peer);
    CU_ASSERT_EQUAL(pair.b.events, absence->delivered);
    CU_ASSERT_EQUAL(counters->lost_window, absence->lost_window);
    CU_ASSERT_EQUAL(counters->lost_oldest, absence->lost_oldest);
    CU_ASSERT_EQUAL(counters->lost_deadline + counters->lost_log, 0);
    CU_ASSERT_EQUAL(pair.b.lost, absence->lost_window + absence->lost_oldest);
    CU_ASSERT_EQUAL(strstr(pair.b.news, "failed:overflow") != NULL, absence->has_failed);
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t"), absence->has_failed ? 0 : 1);
    pair_deinit(&pair);
}

static void who_was_gone_gets_what_the_policy_kept(void)
{
    be_absent(&(struct absence){.overflow = MAIKO_BLOCK, .delivered = 10, .is_held = true});
    be_absent(&(struct absence){.overflow = MAIKO_DROP_NEWEST, .delivered = 4, .lost_window = 6});
    be_absent(&(struct absence){.overflow = MAIKO_DROP_OLDEST, .delivered = 7, .lost_oldest = 3});
    be_absent(&(struct absence){.overflow = MAIKO_FAIL, .delivered = 4, .lost_window = 1, .has_failed = true});
}

static void who_was_gone_for_longer_gets_what_the_log_has_under_every_policy(void)
{
    static const maiko_overflow policies[] = {MAIKO_BLOCK, MAIKO_DROP_NEWEST, MAIKO_DROP_OLDEST, MAIKO_FAIL};
    size_t i;

    for (i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
        be_absent(&(struct absence){.overflow = policies[i], .is_long = true, .delivered = 10});
}

static const struct test_case cases[] = {
    TEST_CASE(silence_ends_a_session_but_a_stall_of_our_own_does_not),
    TEST_CASE(a_stopped_process_is_stalled_and_what_it_misses_is_the_deadlines),
    TEST_CASE(a_stopped_process_without_work_is_reported_and_left_alone),
    TEST_CASE(a_silent_process_that_is_not_known_to_live_any_more_is_down),
    TEST_CASE(over_a_socket_a_stop_is_taken_for_the_end_and_counted_as_the_logs),
    TEST_CASE(who_is_busy_sending_has_not_stood_still),
    TEST_CASE(the_dead_hold_nobody),
    TEST_CASE(who_was_gone_gets_what_the_policy_kept),
    TEST_CASE(who_was_gone_for_longer_gets_what_the_log_has_under_every_policy),
};
SUITE_MAIN("peer_silence", cases)
