/* Peer: the other side decides how long its lists are and how often it sends one; what it asks costs no others their turn, and
 * takes no memory without end. */
#include <stdio.h>
#include <string.h>

#include "lib/failing_allocator.h"
#include "lib/narrow_pair.h"
#include "lib/suite.h"
#include "link/peer_state.h"

enum { TOPICS = 100, TURNS_MAX = 1000 };

static uint64_t list_number;

/* b is a stranger from here on, whose frames are made by hand; a has so many topics with an event each. */
static void begin(unsigned topics)
{
    char topic[32];
    unsigned i;

    pair_init(&pair, heap_default());
    narrow_open();
    for (i = 0; i < topics; i++) {
        snprintf(topic, sizeof(topic), "t/%u", i);
        narrow_publish(topic, MAIKO_BLOCK, 1);
    }
    narrow_link_up("nothing", FROM_LIVE);
    list_number = 100;
}

static void hear(const struct pack *pack)
{
    CU_ASSERT_EQUAL(pack_status(pack), MAIKO_OK);
    peer_frame(pair.a.peer, pack->data, pack->len, pair.now);
}

/* a receives a list of `count` patterns, which differ where there is a star. */
static void say_list(const char *text, unsigned count, const struct frame_pattern *like)
{
    struct frame subscribe = {
        .kind = FRAME_SUBSCRIBE, .session = pair.a.peer->session, .number = ++list_number, .stream = pair.a.peer->stream.id};
    struct frame_pattern pattern = *like;
    int star = (int)strcspn(text, "*");
    struct pack pack;
    char pattern_text[64];
    unsigned i;

    subscribe.next = stream_next(&pair.a.peer->stream);
    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    frame_begin_subscribe(&pack, &subscribe);
    pack_array(&pack, count);
    for (i = 0; i < count; i++) {
        if (text[star] == '*')
            snprintf(pattern_text, sizeof(pattern_text), "%.*s%u%s", star, text, i, text + star + 1);
        else
            snprintf(pattern_text, sizeof(pattern_text), "%s", text);
        pattern.text = slice_of(pattern_text);
        frame_write_pattern(&pack, &pattern);
    }
    hear(&pack);
    pack_deinit(&pack);
}

static const struct frame_pattern live;
static const struct frame_pattern with_log = {.from = {(const uint8_t *)"log", 3}};
static const struct frame_pattern with_last = {.from = {(const uint8_t *)"last", 4}};

static bool is_answered(void)
{
    return pair.a.peer->interest_number == list_number;
}

/* As the node does it: one tick when it is time, and others have their turn. */
static unsigned turns_until_answered(void)
{
    unsigned turns = 0;

    while (!is_answered() && turns++ < TURNS_MAX) {
        CU_ASSERT(peer_deadline(pair.a.peer) <= pair.now);
        peer_tick(pair.a.peer, pair.now);
    }
    return turns;
}

static void a_list_of_usual_length_is_answered_at_once(void)
{
    begin(TOPICS);
    say_list("+/*", 80, &live);
    CU_ASSERT(is_answered());
    CU_ASSERT(peer_deadline(pair.a.peer) > pair.now);
    pair_deinit(&pair);
}

static void the_longest_list_takes_turns(void)
{
    begin(TOPICS);
    say_list("+/x*/#", WIRE_PATTERNS_MAX, &live);
    CU_ASSERT_FALSE(is_answered());
    CU_ASSERT_EQUAL(turns_until_answered(), TOPICS / 2 - 1); /* the first was with the frame */
    CU_ASSERT(peer_deadline(pair.a.peer) > pair.now);
    say_list("+/*", WIRE_PATTERNS_MAX, &with_log); /* the past is another look */
    CU_ASSERT_FALSE(is_answered());
    CU_ASSERT_EQUAL(turns_until_answered(), TOPICS - 1);
    pair_deinit(&pair);
}

/* What is published while the list is looked at, on topics old and new, comes once or is counted as earlier. */
static void what_is_published_meanwhile_is_not_missed(void)
{
    uint64_t offered;

    begin(TOPICS);
    say_list("t/*", 1, &live);
    CU_ASSERT(is_answered());
    say_list("t/*", WIRE_PATTERNS_MAX, &with_log);
    offered = peer_counters(pair.a.peer)->offered;
    narrow_publish("t/0", MAIKO_BLOCK, 3); /* by the list before */
    narrow_publish("t/1", MAIKO_BLOCK, 1); /* by the log */
    narrow_publish("t/4000", MAIKO_BLOCK, 1);
    narrow_publish("t/5000", MAIKO_BLOCK, 1); /* not at all */
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->offered, offered + 3);
    CU_ASSERT(turns_until_answered() > 1);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->offered, offered + 3 + (TOPICS - 1) + 2);
    CU_ASSERT_EQUAL(pair.a.peer->ready.earlier, 1); /* of the first list */
    narrow_publish("t/4000", MAIKO_BLOCK, 1);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->offered, offered + 3 + (TOPICS - 1) + 3);
    pair_deinit(&pair);
}

static void a_newer_list_takes_the_place_of_one_that_is_looked_at(void)
{
    begin(TOPICS);
    say_list("+/x*/#", WIRE_PATTERNS_MAX, &live);
    list_number--;
    say_list("+/x*/#", WIRE_PATTERNS_MAX, &live); /* the same again */
    CU_ASSERT_FALSE(is_answered());
    say_list("t/*", 2, &live);
    CU_ASSERT(is_answered());
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t/1"), 1);
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t/x1/y"), 0);
    pair_deinit(&pair);
}

static void a_list_that_is_looked_at_ends_with_its_session(void)
{
    begin(TOPICS);
    say_list("t/*", WIRE_PATTERNS_MAX, &live);
    pair_break(&pair);
    peer_tick(pair.a.peer, pair.now);
    CU_ASSERT_FALSE(pair.a.peer->asking.is_there);
    pair_connect(&pair);
    CU_ASSERT(peer_is_ready(pair.b.peer));
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t/1"), 0);
    pair_deinit(&pair);
}

static void what_is_denied_meanwhile_is_asked_for_again(void)
{
    begin(TOPICS);
    say_list("t/*", WIRE_PATTERNS_MAX, &live);
    pair.a.denied = "t/1";
    peer_review(pair.a.peer, pair.now);
    CU_ASSERT_FALSE(pair.a.peer->asking.is_there);
    list_number--;
    say_list("t/*", WIRE_PATTERNS_MAX, &live); /* as whoever has no answer does */
    (void)turns_until_answered();
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t/1"), 0);
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t/2"), 1);
    pair_deinit(&pair);
}

static size_t depth(void)
{
    uint64_t events;
    uint64_t bytes;

    peer_depth(pair.a.peer, &events, &bytes);
    return (size_t)events;
}

/* Toggles the list and takes nothing. */
static void the_past_is_not_given_again_and_again(void)
{
    enum { AGAIN = 16384, ROUNDS = 3 * AGAIN / TOPICS };
    uint64_t lost;
    unsigned i;

    begin(TOPICS);
    for (i = 0; i < ROUNDS; i++) {
        say_list("#", 1, i % 2 == 0 ? &with_log : &with_last);
        say_list("#", 0, &live);
    }
    CU_ASSERT(depth() > AGAIN);
    CU_ASSERT(depth() < AGAIN + 3 * TOPICS);
    lost = peer_counters(pair.a.peer)->lost_log;
    CU_ASSERT(lost > 0);
    say_list("#", 1, &with_log);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_log, lost + TOPICS); /* and that is told */
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_past, lost + TOPICS);
    pair_deinit(&pair);
}

/* Topics it has not had yet are not meant by that, nor is who takes what comes. */
static void who_asks_once_gets_all_of_it(void)
{
    enum { EVENTS = 17000 };

    begin(TOPICS);
    narrow_publish("a", MAIKO_BLOCK, EVENTS);
    narrow_publish("b", MAIKO_BLOCK, EVENTS);
    say_list("a", 1, &with_log);
    say_list("+", 1, &with_log);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->lost_log, 0);
    CU_ASSERT_EQUAL(depth(), 2 * EVENTS);
    pair_deinit(&pair);
}

static void failures_that_nobody_takes_are_bounded(void)
{
    struct frame_pattern pattern = {.overflow = {(const uint8_t *)"fail", 4}};
    unsigned i;

    begin(TOPICS);
    pair.a.peer->config.window_events = 1;
    pair_break(&pair);
    pair_connect(&pair);
    for (i = 0; i < 4; i++) {
        pattern.id++;
        say_list("t/+", WIRE_PATTERNS_MAX, &pattern); /* all the same one */
        (void)turns_until_answered();
        narrow_publish("t/1", MAIKO_BLOCK, 3);
    }
    CU_ASSERT_EQUAL(pair.a.peer->stream.failures, WIRE_PATTERNS_MAX);
    CU_ASSERT(depth() < WIRE_PATTERNS_MAX + 16);
    say_list("t/+", WIRE_PATTERNS_MAX, &pattern); /* known to have failed, by what is told or was listed */
    (void)turns_until_answered();
    CU_ASSERT_EQUAL(exporter_subscribers(pair.a.exporter, "t/1"), 0);
    pair_deinit(&pair);
}

static void expect_refused(const char *list, const struct frame *frame)
{
    struct pack pack;

    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    frame_write(&pack, frame);
    hear(&pack);
    pack_deinit(&pack);
    CU_ASSERT_EQUAL(peer_state(pair.a.peer), PEER_DOWN);
    CU_ASSERT(strstr(pair.a.news, "down:protocol") != NULL);
    if (strstr(pair.a.news, "down:protocol") == NULL)
        fprintf(stderr, "%s: %s\n", list, pair.a.news);
}

/* Answers are about what was asked, so they are as short as that may be. */
static void longer_answers_than_questions_end_the_session(void)
{
    struct frame frame = {.kind = FRAME_READY};
    struct pack list;
    unsigned i;
    unsigned kind;

    pack_init(&list, heap_default(), WIRE_FRAME_MAX);
    pack_array(&list, WIRE_PATTERNS_MAX + 1);
    for (i = 0; i <= WIRE_PATTERNS_MAX; i++)
        pack_str(&list, "x");
    for (kind = 0; kind < 3; kind++) {
        begin(1);
        frame = (struct frame){.kind = kind < 2 ? FRAME_READY : FRAME_ACK, .session = pair.a.peer->session, .number = 1};
        *(kind == 0 ? &frame.denied : kind == 1 ? &frame.failed : &frame.refused) = pack_slice(&list);
        expect_refused(kind == 0 ? "denied" : kind == 1 ? "failed" : "refused", &frame);
        pair_deinit(&pair);
    }
    pack_deinit(&list);
}

/* Without memory the session ends, and the next one is answered. */
static void without_memory_for_a_list_the_session_ends(void)
{
    struct failing_allocator failing;
    struct heap heap;
    bool has_failed = true;
    long nth;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    for (nth = 0; has_failed; nth++) {
        pair_init(&pair, &heap);
        narrow_open();
        narrow_publish("a", MAIKO_BLOCK, 3);
        narrow_publish("b", MAIKO_BLOCK, 3);
        narrow_link_up("nothing", FROM_LIVE);
        list_number = 100;
        failing_allocator_fail_nth(&failing, nth);
        say_list("+", 3, nth % 2 == 0 ? &with_log : &with_last);
        has_failed = failing_allocator_has_failed(&failing);
        failing_allocator_fail_nth(&failing, -1);
        CU_ASSERT(is_answered() || peer_state(pair.a.peer) == PEER_DOWN);
        if (!has_failed)
            CU_ASSERT(is_answered());
        pair_break(&pair);
        pair_connect(&pair);
        CU_ASSERT(peer_is_ready(pair.b.peer));
        pair_deinit(&pair);
        CU_ASSERT(failing_allocator_is_balanced(&failing));
    }
    CU_ASSERT(nth > 3);
}

/* A frame of 28 bytes is not worth a window, nor a repeated list an answer as long as it was, as often as somebody likes. */
static void what_is_asked_for_again_and_again_is_sent_now_and_then(void)
{
    struct frame replay = {.kind = FRAME_REPLAY};
    uint64_t before;
    struct pack pack;
    unsigned i;

    begin(TOPICS);
    say_list("t/*", 10, &live);
    narrow_publish("t/1", MAIKO_BLOCK, 100);
    peer_flush(pair.a.peer, pair.now);
    replay.session = pair.a.peer->session;
    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    frame_write(&pack, &replay);
    before = peer_counters(pair.a.peer)->frames_out;
    for (i = 0; i < 100; i++)
        hear(&pack);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->frames_out, before + 1);
    pair.now += MAIKO_MS(250); /* as importers ask */
    hear(&pack);
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->frames_out, before + 2);
    for (i = 0; i < 100; i++) {
        list_number--;
        say_list("t/*", 10, &live);
    }
    CU_ASSERT_EQUAL(peer_counters(pair.a.peer)->frames_out, before + 3);
    pack_deinit(&pack);
    pair_deinit(&pair);
}

static const struct test_case cases[] = {
    TEST_CASE(a_list_of_usual_length_is_answered_at_once),
    TEST_CASE(the_longest_list_takes_turns),
    TEST_CASE(what_is_published_meanwhile_is_not_missed),
    TEST_CASE(a_newer_list_takes_the_place_of_one_that_is_looked_at),
    TEST_CASE(a_list_that_is_looked_at_ends_with_its_session),
    TEST_CASE(what_is_denied_meanwhile_is_asked_for_again),
    TEST_CASE(the_past_is_not_given_again_and_again),
    TEST_CASE(who_asks_once_gets_all_of_it),
    TEST_CASE(failures_that_nobody_takes_are_bounded),
    TEST_CASE(longer_answers_than_questions_end_the_session),
    TEST_CASE(without_memory_for_a_list_the_session_ends),
    TEST_CASE(what_is_asked_for_again_and_again_is_sent_now_and_then),
};
SUITE_MAIN("peer_lists", cases)
