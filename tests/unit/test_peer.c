/* Peer: handshake, windows, policies, ends and restarts, one link and no network. */
#include <stdio.h>
#include <string.h>

#include "lib/failing_allocator.h"
#include "lib/narrow_pair.h"
#include "lib/sample_events.h"
#include "lib/suite.h"

static void a_link_begins_and_ends_with_this_conversation(void)
{
    static const char *const publish_list[] = {"t", NULL};

    narrow_begin();
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, "t", FROM_LIVE), MAIKO_OK);
    pair_connect(&pair);
    CU_ASSERT_EQUAL(pair_publish(&pair.a, "t", MAIKO_BLOCK, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(pair_publish(&pair.a, "u", MAIKO_BLOCK, 2), MAIKO_OK);
    CU_ASSERT_EQUAL(exporter_finish(pair.a.exporter, "sender", publish_list, pair.now), MAIKO_OK);
    pair_settle(&pair);
    pair_pass(&pair, MAIKO_MS(20));
    CU_ASSERT(exporter_is_drained(pair.a.exporter));
    peer_bye(pair.a.peer, "stop", pair.now);
    pair_settle(&pair);
    CU_ASSERT_STRING_EQUAL(text_str(&pair.trace), "a: hello\n"
                                                  "b: welcome\n"
                                                  "b: up \n"
                                                  "b: subscribe\n"
                                                  "a: up \n"
                                                  "a: subscribe\n"
                                                  "b: ready\n"
                                                  "b: subscribed \n"
                                                  "a: ready\n"
                                                  "a: subscribed \n"
                                                  "b: ready \n"
                                                  "a: ready \n"
                                                  "a: data\n"
                                                  "b: has t 1\n"
                                                  "b: end of sender on t\n"
                                                  "b: ack\n"
                                                  "a: bye\n"
                                                  "a: down stop\n"
                                                  "b: down closed\n");
    pair_deinit(&pair);
}

static void expect_refusal(const char *news_of_a, const char *news_of_b)
{
    narrow_open();
    pair_connect(&pair);
    CU_ASSERT_STRING_EQUAL(pair.a.news, news_of_a);
    CU_ASSERT_STRING_EQUAL(pair.b.news, news_of_b);
    CU_ASSERT_EQUAL(peer_state(pair.a.peer), PEER_REFUSED);
    CU_ASSERT(!peer_may_retry(pair.a.peer));
    CU_ASSERT_EQUAL(pair.a.closes, 1);
    pair_deinit(&pair);
}

static void strangers_are_refused_with_a_reason(void)
{
    pair_init(&pair, heap_default());
    pair.b.config.identity.space = "other";
    expect_refusal("refused:space ", "refused:space ");
    pair_init(&pair, heap_default());
    pair.b.config.identity.node = pair.a.config.identity.node;
    expect_refusal("refused:self ", "refused:self ");
}

static void the_same_refusal_is_told_once(void)
{
    pair_init(&pair, heap_default());
    pair.b.config.identity.space = "other";
    narrow_open();
    pair_connect(&pair);
    pair_break(&pair);
    pair_connect(&pair);
    CU_ASSERT_STRING_EQUAL(pair.a.news, "refused:space ");
    CU_ASSERT_STRING_EQUAL(pair.b.news, "refused:space ");
    CU_ASSERT_EQUAL(peer_state(pair.a.peer), PEER_REFUSED);
    pair_deinit(&pair);
}

/* It would stand in logs and reports. */
static void a_name_no_node_may_have_is_refused(void)
{
    static const char *const names[] = {"a/b", ".a", "\x1b[2J",
                                        "12345678901234567890123456789012345678901234567890123456789012345"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        pair_init(&pair, heap_default());
        pair.a.config.identity.name = names[i]; /* who connects: refused by its hello */
        narrow_open();
        pair_connect(&pair);
        CU_ASSERT_STRING_EQUAL(pair.a.news, "refused:protocol ");
        CU_ASSERT_STRING_EQUAL(pair.b.news, "refused:protocol ");
        pair_deinit(&pair);
        pair_init(&pair, heap_default());
        pair.b.config.identity.name = names[i]; /* who accepts: by its welcome */
        narrow_open();
        pair_connect(&pair);
        CU_ASSERT_STRING_EQUAL(pair.a.news, "refused:protocol ");
        CU_ASSERT_EQUAL(peer_state(pair.a.peer), PEER_REFUSED);
        pair_deinit(&pair);
    }
}

static void versions_that_do_not_meet_are_refused(void)
{
    struct frame hello = {.kind = FRAME_HELLO,
                          .session = 1,
                          .hello = {.min = 2, .max = 9, .space = slice_of("space"), .name = slice_of("c"), .node = {9, 9}}};
    struct frame answer;

    narrow_begin();
    narrow_say(&hello);
    CU_ASSERT_EQUAL_FATAL(pair.b.out_count, 1);
    CU_ASSERT_EQUAL(frame_read(pair.b.out[0].bytes, pair.b.out[0].len, &answer, NULL), MAIKO_OK);
    CU_ASSERT(answer.kind == FRAME_REFUSE && slice_is(answer.reason, "version"));
    CU_ASSERT(slice_is(answer.text, "versions 1 to 1 here, 2 to 9 there"));
    CU_ASSERT_EQUAL(peer_state(pair.b.peer), PEER_DOWN);
    /* An older or newer peer that speaks ours as well is taken. */
    hello.hello.min = 1;
    narrow_say(&hello);
    CU_ASSERT_EQUAL(peer_state(pair.b.peer), PEER_UP);
    pair_deinit(&pair);
}

static void no_more_than_a_window_is_sent_and_the_sender_is_held(void)
{
    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 7);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 4);
    CU_ASSERT(exporter_holds(pair.a.exporter, "t"));
    CU_ASSERT(!exporter_holds(pair.a.exporter, "u"));
    pair_deliver(&pair.b);
    CU_ASSERT_EQUAL(pair.b.events, 7);
    CU_ASSERT(!exporter_holds(pair.a.exporter, "t"));
    CU_ASSERT(!exporter_is_drained(pair.a.exporter));
    pair_deliver(&pair.b);
    pair_pass(&pair, MAIKO_MS(20));
    CU_ASSERT(exporter_is_drained(pair.a.exporter));
    pair_deinit(&pair);
}

/* Nothing else keeps it: a receiver that is killed before it settled gets it again. */
static void nothing_is_acknowledged_before_it_is_with_its_receivers(void)
{
    narrow_begin();
    narrow_link_up("t", FROM_LIVE);
    pair.b.is_unsettled = true;
    narrow_publish("t", MAIKO_BLOCK, 3);
    pair_pass(&pair, MAIKO_SECONDS(2));
    CU_ASSERT_EQUAL(pair.b.events, 3);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, 0);
    CU_ASSERT(!exporter_is_drained(pair.a.exporter));
    pair.b.is_unsettled = false;
    pair_pass(&pair, MAIKO_SECONDS(1));
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, 3);
    CU_ASSERT(exporter_is_drained(pair.a.exporter));
    pair_deinit(&pair);
}

static void what_a_peer_does_not_want_costs_it_nothing(void)
{
    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("t", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 6);
    narrow_publish("u", MAIKO_BLOCK, 80000); /* more than the log holds */
    CU_ASSERT(exporter_log(pair.a.exporter)->first > 6);
    pair_settle(&pair);
    pair_deliver(&pair.b);
    CU_ASSERT_EQUAL(pair.b.events, 6);
    CU_ASSERT_EQUAL(pair.b.lost, 0);
    pair_deinit(&pair);
}

static void a_full_window_costs_the_newest_or_the_oldest(void)
{
    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 4);
    narrow_publish("n", MAIKO_DROP_NEWEST, 5);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_window, 5);
    CU_ASSERT(!exporter_holds(pair.a.exporter, "t"));
    narrow_publish("o", MAIKO_DROP_OLDEST, 130);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_oldest, 2);
    while (!peer_is_drained(pair.a.peer)) {
        pair_pass(&pair, MAIKO_MS(20));
        pair_deliver(&pair.b);
    }
    CU_ASSERT_EQUAL(pair.b.events, 4 + 128);
    CU_ASSERT_EQUAL(pair.b.lost, 5 + 2);
    pair_deinit(&pair);
}

static uint64_t depth(void)
{
    uint64_t events;
    uint64_t bytes;

    peer_depth(pair.a.peer, &events, &bytes);
    return events;
}

static void drain_slowly(uint64_t expected)
{
    while (!peer_is_drained(pair.a.peer)) {
        pair_pass(&pair, MAIKO_MS(20));
        pair_deliver(&pair.b);
    }
    CU_ASSERT_EQUAL(pair.b.events + pair.b.lost, expected);
}

/* Found by the model of the policies (tests/model): one record was kept per loss. */
static void what_a_stopped_peer_loses_takes_no_room(void)
{
    int i;

    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 4);
    for (i = 0; i < 2000; i++) {
        narrow_publish("n", MAIKO_DROP_NEWEST, 1);
        narrow_publish("o", MAIKO_DROP_OLDEST, 1);
    }
    CU_ASSERT(depth() <= 4 + 128 + 2 * 129); /* window, tail, and two reasons for a loss between any two of them */
    drain_slowly(4 + 2 * 2000);
    pair_deinit(&pair);
}

static void what_a_lossy_link_loses_takes_no_room(void)
{
    int i;

    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 5);
    pair_pass(&pair, MAIKO_SECONDS(5.5));
    CU_ASSERT(peer_is_lossy(pair.a.peer));
    for (i = 0; i < 2000; i++) {
        narrow_publish("n", MAIKO_DROP_NEWEST, 1);
        narrow_publish("t", MAIKO_BLOCK, 1);
    }
    CU_ASSERT(depth() <= 5 + 2);
    drain_slowly(5 + 2 * 2000);
    pair_deinit(&pair);
}

static void a_full_window_under_fail_ends_the_subscription_at_both_ends(void)
{
    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("f/#", FROM_LIVE);
    narrow_publish("f/1", MAIKO_FAIL, 5);
    CU_ASSERT(strstr(pair.a.news, "failed:overflow") != NULL);
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "f/1"), 0);
    pair_settle(&pair);
    pair_deliver(&pair.b);
    pair_pass(&pair, MAIKO_MS(20));
    CU_ASSERT(strstr(pair.b.news, "gap:window failed:overflow") != NULL);
    narrow_publish("f/1", MAIKO_FAIL, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 4);
    pair_deinit(&pair);
}

/* An allow list that was changed counts from the next session, or the next list, on; a failure stays one. */
static void what_was_denied_is_judged_anew(void)
{
    narrow_begin();
    pair.a.denied = "t";
    narrow_link_up("t", FROM_LIVE);
    CU_ASSERT(strstr(pair.b.news, "refused:denied") != NULL);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 0);
    pair.a.denied = NULL;
    pair_break(&pair);
    pair_connect(&pair);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 1);
    pair.a.denied = "t"; /* and back, with a list that has one more */
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, "f", FROM_LIVE), MAIKO_OK);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t"), 0);
    narrow_publish("f", MAIKO_FAIL, 6);
    pair_settle(&pair);
    CU_ASSERT(strstr(pair.b.news, "failed:overflow") != NULL);
    pair_break(&pair);
    pair_connect(&pair);
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "f"), 0);
    pair_deinit(&pair);
}

static void past_the_deadline_a_link_is_lossy_until_the_peer_has_caught_up(void)
{
    narrow_begin();
    pair.b.keeps_events = true;
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 6);
    pair_pass(&pair, MAIKO_SECONDS(4.5));
    CU_ASSERT(!peer_is_lossy(pair.a.peer));
    pair_pass(&pair, MAIKO_SECONDS(1));
    CU_ASSERT(peer_is_lossy(pair.a.peer));
    CU_ASSERT(strstr(pair.a.news, "stalled:deadline") != NULL);
    CU_ASSERT(!exporter_holds(pair.a.exporter, "t"));
    narrow_publish("t", MAIKO_BLOCK, 3);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_deadline, 3);
    pair_deliver(&pair.b);
    CU_ASSERT(!peer_is_lossy(pair.a.peer));
    CU_ASSERT(strstr(pair.a.news, "ready:caught up") != NULL);
    pair_deliver(&pair.b);
    CU_ASSERT_EQUAL(pair.b.events, 6);
    CU_ASSERT_EQUAL(pair.b.lost, 3);
    pair_deinit(&pair);
}

static void what_was_under_way_when_the_link_broke_comes_once(void)
{
    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 2);
    peer_flush(pair.a.peer, pair.now);
    pair_break(&pair);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_connect(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 3);
    CU_ASSERT_EQUAL(pair.b.lost + pair.b.unknown_gaps, 0);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->sessions, 2);
    pair_deinit(&pair);
}

static void what_a_broken_link_owes_is_waited_for_until_the_peer_leaves(void)
{
    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 2);
    peer_flush(pair.a.peer, pair.now);
    pair_break(&pair);
    CU_ASSERT(!exporter_is_drained(pair.a.exporter)); /* it may come back for them */
    pair_connect(&pair);
    pair_pass(&pair, MAIKO_MS(20));
    CU_ASSERT(exporter_is_drained(pair.a.exporter));
    pair.b.is_unsettled = true;
    narrow_publish("t", MAIKO_BLOCK, 2);
    pair_settle(&pair);
    CU_ASSERT(!exporter_is_drained(pair.a.exporter));
    peer_bye(pair.b.peer, PEER_BYE_STOP, pair.now);
    pair_settle(&pair);
    CU_ASSERT(exporter_is_drained(pair.a.exporter)); /* nobody will have them */
    CU_ASSERT(peer_is_drained(pair.a.peer));
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_peer, 2);
    pair_deinit(&pair);
}

/* It comes back as another life, which nothing of what was kept would be for. */
static void who_says_goodbye_is_kept_nothing_and_holds_nobody(void)
{
    uint64_t events, bytes;

    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    peer_bye(pair.b.peer, PEER_BYE_STOP, pair.now);
    pair_settle(&pair);
    narrow_publish("t", MAIKO_BLOCK, 100); /* windows are narrow */
    peer_depth(pair.a.peer, &events, &bytes);
    CU_ASSERT_EQUAL(events, 0);
    CU_ASSERT(!exporter_holds(pair.a.exporter, "t"));
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->offered, 0);
    pair_deinit(&pair);
}

/* Its exporter counts it as a subscriber by then, so what is published is for it. */
static void a_link_that_breaks_before_its_first_answer_loses_nothing(void)
{
    int i;

    narrow_begin();
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, "#", FROM_LIVE), MAIKO_OK);
    peer_connected(pair.a.peer, pair.now);
    for (i = 0; i < 100 && !peer_is_subscribed(pair.a.peer, "t"); i++)
        if (!pair_move_one(&pair.a))
            (void)pair_move_one(&pair.b);
    CU_ASSERT(peer_is_subscribed(pair.a.peer, "t"));
    CU_ASSERT(!peer_is_ready(pair.b.peer));
    narrow_publish("t", MAIKO_BLOCK, 2);
    peer_flush(pair.a.peer, pair.now);
    pair_break(&pair);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_connect(&pair);
    pair_pass(&pair, MAIKO_SECONDS(1));
    CU_ASSERT_EQUAL(pair.b.events, 3);
    CU_ASSERT_EQUAL(pair.b.lost + pair.b.unknown_gaps, 0);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_peer, 0);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->acknowledged, 3);
    pair_deinit(&pair);
}

/* Another life of a, linked. */
static void restart_exporter(void)
{
    struct exporter_config config = {.heap = heap_default(), .stream_seed = 900};

    pair_break(&pair);
    pair.a.peer = peer_free(pair.a.peer);
    pair.a.exporter = exporter_free(pair.a.exporter);
    CU_ASSERT_EQUAL_FATAL(exporter_new(&config, &pair.a.exporter), MAIKO_OK);
    pair.a.config.exporter = pair.a.exporter;
    pair.a.config.identity.epoch = 2;
    pair.a.config.identity.node.lo = 77;
    CU_ASSERT_EQUAL_FATAL(peer_new(&pair.a.config, &pair.a.peer), MAIKO_OK);
    pair_connect(&pair);
}

static void what_has_failed_is_asked_for_again_in_the_next_life(void)
{
    narrow_fail();
    pair_break(&pair);
    pair_connect(&pair);
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t"), 0); /* the same life */
    restart_exporter();
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t"), 1);
    narrow_publish("t", MAIKO_FAIL, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 5);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->denied, 0);
    pair_deinit(&pair);
}

static void a_restarted_exporter_is_a_gap_of_unknown_size(void)
{
    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    restart_exporter();
    CU_ASSERT_EQUAL(pair.b.unknown_gaps, 1);
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 2);
    pair_deinit(&pair);
}

static void events_that_come_home_or_have_come_far_are_dropped(void)
{
    const numbers value = {.u64 = 1};
    struct export_event event = {
        .type = MAIKO_TYPE(numbers), .payload = &value, .topic = "t", .sender = "s", .overflow = MAIKO_BLOCK};

    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    event.origin = pair.b.config.identity.node;
    CU_ASSERT_EQUAL(exporter_publish(pair.a.exporter, &event, pair.now), MAIKO_OK);
    event.origin = (maiko_id){9, 9};
    event.hops = 8;
    CU_ASSERT_EQUAL(exporter_publish(pair.a.exporter, &event, pair.now), MAIKO_OK);
    event.hops = 7;
    CU_ASSERT_EQUAL(exporter_publish(pair.a.exporter, &event, pair.now), MAIKO_OK);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->loops, 1);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->too_many_hops, 1);
    CU_ASSERT_EQUAL(pair.b.events, 1);
    pair_deinit(&pair);
}

static void allow_lists_bind_both_directions(void)
{
    narrow_begin();
    pair.a.denied = "secret/#";
    pair.b.denied = "forged";
    CU_ASSERT_EQUAL(pair_subscribe(&pair.b, "secret/#", FROM_LIVE), MAIKO_OK);
    narrow_link_up("forged", FROM_LIVE);
    CU_ASSERT(strstr(pair.b.news, "refused:denied") != NULL);
    narrow_publish("secret/1", MAIKO_BLOCK, 1);
    narrow_publish("forged", MAIKO_BLOCK, 2);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(pair.b.events, 0);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->denied, 2);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->offered, 2);
    pair_deinit(&pair);
}

static void a_late_joiner_learns_who_has_finished(void)
{
    narrow_begin();
    CU_ASSERT_EQUAL(exporter_finish(pair.a.exporter, "gone", NULL, pair.now), MAIKO_OK);
    narrow_link_up("#", FROM_LIVE);
    CU_ASSERT_EQUAL(pair.b.ends, 1);
    pair_deinit(&pair);
}

/* Ends stay for those who come later, as many as a node can have actors. */
static void ends_are_kept_for_all_actors_a_node_can_have(void)
{
    char name[16];
    unsigned i;

    narrow_begin();
    for (i = 0; i < WIRE_ACTORS_MAX; i++) {
        snprintf(name, sizeof(name), "actor %u", i);
        CU_ASSERT_EQUAL_FATAL(exporter_finish(pair.a.exporter, name, NULL, pair.now), MAIKO_OK);
    }
    CU_ASSERT_EQUAL(exporter_finish(pair.a.exporter, "one more", NULL, pair.now), MAIKO_ELIMIT);
    narrow_link_up("#", FROM_LIVE);
    for (i = 0; i < 100 && pair.b.ends < WIRE_ACTORS_MAX; i++)
        pair_pass(&pair, MAIKO_MS(20)); /* window by window */
    CU_ASSERT_EQUAL(pair.b.ends, WIRE_ACTORS_MAX);
    pair_deinit(&pair);
}

static void who_is_forgotten_is_told_to_begin_anew(void)
{
    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    peer_disconnected(pair.b.peer, "broken", pair.now); /* a has not noticed */
    narrow_publish("t", MAIKO_BLOCK, 1);
    pair_settle(&pair);
    CU_ASSERT(strstr(pair.a.news, "down:reset") != NULL);
    CU_ASSERT_EQUAL(peer_state(pair.b.peer), PEER_UP);
    CU_ASSERT_EQUAL(pair.b.events, 1);
    pair_deinit(&pair);
}

/* libzmq may send again, over its next connection, what it had not sent over the last one. */
static void a_session_that_is_over_is_not_begun_twice(void)
{
    struct frame hello = {.kind = FRAME_HELLO,
                          .session = 7,
                          .hello = {.min = 1, .max = 1, .space = slice_of("space"), .name = slice_of("a"), .node = {1, 1}}};
    struct pack pack;

    narrow_begin();
    pack_init(&pack, heap_default(), 4096);
    frame_write(&pack, &hello);
    peer_frame(pair.b.peer, pack.data, pack.len, pair.now);
    CU_ASSERT_EQUAL(peer_state(pair.b.peer), PEER_UP);
    peer_disconnected(pair.b.peer, "broken", pair.now);
    peer_frame(pair.b.peer, pack.data, pack.len, pair.now);
    CU_ASSERT_EQUAL(peer_state(pair.b.peer), PEER_DOWN);
    hello.session++;
    pack_clear(&pack);
    frame_write(&pack, &hello);
    peer_frame(pair.b.peer, pack.data, pack.len, pair.now);
    CU_ASSERT_EQUAL(peer_state(pair.b.peer), PEER_UP);
    pack_deinit(&pack);
    pair_deinit(&pair);
}

static void nonsense_ends_the_session_and_nothing_else(void)
{
    narrow_begin();
    narrow_link_up("#", FROM_LIVE);
    peer_frame(pair.b.peer, (const uint8_t *)"\xc1", 1, pair.now);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(peer_counters(pair.b.peer)->malformed, 1);
    CU_ASSERT_EQUAL(peer_state(pair.a.peer), PEER_DOWN);
    pair_connect(&pair);
    CU_ASSERT(peer_is_ready(pair.b.peer));
    pair_deinit(&pair);
}

static void the_largest_session_is_followed_by_a_sound_one(void)
{
    struct frame hello = {.kind = FRAME_HELLO,
                          .session = UINT64_MAX,
                          .hello = {.min = 1, .max = 1, .space = slice_of("space"), .name = slice_of("a"), .node = {1, 1}}};
    struct frame own;
    struct pack pack;

    narrow_begin();
    pack_init(&pack, heap_default(), 4096);
    frame_write(&pack, &hello);
    peer_frame(pair.b.peer, pack.data, pack.len, pair.now);
    CU_ASSERT_EQUAL(peer_state(pair.b.peer), PEER_UP);
    pair_break(&pair);
    peer_connected(pair.b.peer, pair.now);
    CU_ASSERT_EQUAL_FATAL(pair.b.out_count, 1);
    CU_ASSERT_EQUAL(frame_read(pair.b.out[0].bytes, pair.b.out[0].len, &own, NULL), MAIKO_OK);
    pair_settle(&pair);
    CU_ASSERT_EQUAL(peer_state(pair.b.peer), PEER_UP);
    pack_deinit(&pack);
    pair_deinit(&pair);
}

/* Everything once, with allocation number nth failing. */
static void live_a_life(struct heap *heap)
{
    static const char *const publish_list[] = {"t", NULL};
    struct slice topic = slice_of("t");
    struct frame_actor actor = {.name = slice_of("actor"), .publish = &topic, .publish_count = 1};
    unsigned i;

    pair_init(&pair, heap);
    pair.b.config.window_events = 4;
    pair.a.is_near = pair.b.is_near = true;
    if (pair_open(&pair) == MAIKO_OK) {
        (void)!pair_subscribe(&pair.b, "#", FROM_LOG);
        (void)!peer_announce(pair.a.peer, &actor, 1, pair.now);
        pair_connect(&pair);
        for (i = 0; i < 80; i++)
            (void)!pair_publish(&pair.a, i % 3 == 0 ? "t" : "u", MAIKO_BLOCK, i + 1);
        pair_settle(&pair);
        (void)!exporter_finish(pair.a.exporter, "sender", publish_list, pair.now);
        pair_pass(&pair, MAIKO_SECONDS(1));
        if (peer_state(pair.a.peer) != PEER_UP)
            pair_connect(&pair);
        pair_pass(&pair, MAIKO_SECONDS(7));
    }
}

static void every_allocation_failure_is_survived_and_leaks_nothing(void)
{
    struct failing_allocator failing;
    struct heap heap;
    bool has_failed = true;
    long nth;

    for (nth = 0; has_failed && nth < 3000; nth++) {
        failing_allocator_init(&failing);
        heap_init(&heap, &failing.allocator, 0);
        failing_allocator_fail_nth(&failing, nth);
        live_a_life(&heap);
        has_failed = failing_allocator_has_failed(&failing);
        if (!has_failed) {
            CU_ASSERT_EQUAL(pair.b.events, 80);
            CU_ASSERT_EQUAL(pair.b.ends, 1);
        }
        pair_deinit(&pair);
        CU_ASSERT(failing_allocator_is_balanced(&failing));
    }
    CU_ASSERT(!has_failed);
    CU_ASSERT(nth > 50);
}

static const struct test_case cases[] = {
    TEST_CASE(a_link_begins_and_ends_with_this_conversation),
    TEST_CASE(strangers_are_refused_with_a_reason),
    TEST_CASE(the_same_refusal_is_told_once),
    TEST_CASE(a_name_no_node_may_have_is_refused),
    TEST_CASE(versions_that_do_not_meet_are_refused),
    TEST_CASE(no_more_than_a_window_is_sent_and_the_sender_is_held),
    TEST_CASE(nothing_is_acknowledged_before_it_is_with_its_receivers),
    TEST_CASE(what_a_peer_does_not_want_costs_it_nothing),
    TEST_CASE(a_full_window_costs_the_newest_or_the_oldest),
    TEST_CASE(what_a_stopped_peer_loses_takes_no_room),
    TEST_CASE(what_a_lossy_link_loses_takes_no_room),
    TEST_CASE(a_full_window_under_fail_ends_the_subscription_at_both_ends),
    TEST_CASE(what_was_denied_is_judged_anew),
    TEST_CASE(past_the_deadline_a_link_is_lossy_until_the_peer_has_caught_up),
    TEST_CASE(what_was_under_way_when_the_link_broke_comes_once),
    TEST_CASE(what_a_broken_link_owes_is_waited_for_until_the_peer_leaves),
    TEST_CASE(who_says_goodbye_is_kept_nothing_and_holds_nobody),
    TEST_CASE(a_link_that_breaks_before_its_first_answer_loses_nothing),
    TEST_CASE(what_has_failed_is_asked_for_again_in_the_next_life),
    TEST_CASE(a_restarted_exporter_is_a_gap_of_unknown_size),
    TEST_CASE(events_that_come_home_or_have_come_far_are_dropped),
    TEST_CASE(allow_lists_bind_both_directions),
    TEST_CASE(a_late_joiner_learns_who_has_finished),
    TEST_CASE(ends_are_kept_for_all_actors_a_node_can_have),
    TEST_CASE(who_is_forgotten_is_told_to_begin_anew),
    TEST_CASE(a_session_that_is_over_is_not_begun_twice),
    TEST_CASE(nonsense_ends_the_session_and_nothing_else),
    TEST_CASE(the_largest_session_is_followed_by_a_sound_one),
    TEST_CASE(every_allocation_failure_is_survived_and_leaks_nothing),
};
SUITE_MAIN("peer", cases)
