/* Streams: what a listener hears, against a list of publishers. */
#include <maiko/topic.h>
#include <stdio.h>
#include <string.h>

#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "routing/streams.h"

enum { PUBLISHERS = 12, PATTERNS = 2 };

static const char *const patterns[] = {"a", "a/b", "a/+", "a/#", "b", "b/c", "#", "+/c", "c"};
#define PATTERN_COUNT (sizeof patterns / sizeof patterns[0])

struct publisher {
    const char *publish[PATTERNS + 1];
    bool was_opened;
    bool is_open;
    bool is_second; /* lives on the second shard */
};

struct listener {
    struct subscription heard[PATTERNS];
    uint32_t publisher; /* which of them it is itself; PUBLISHERS: none */
};

static bool hears(const struct listener *listener, const char *pattern)
{
    int i;

    for (i = 0; i < PATTERNS; i++) {
        if (maiko_patterns_overlap(listener->heard[i].pattern, pattern))
            return true;
    }
    return false;
}

static enum streams_state expected(const struct publisher *publishers, const struct listener *listener)
{
    enum streams_state state = STREAMS_NONE;
    uint32_t i;
    int k;

    for (i = 0; i < PUBLISHERS; i++) {
        for (k = 0; k < PATTERNS && i != listener->publisher; k++) {
            if (!hears(listener, publishers[i].publish[k]))
                continue;
            if (publishers[i].is_open)
                return STREAMS_OPEN;
            if (publishers[i].was_opened)
                state = STREAMS_ENDED;
        }
    }
    return state;
}

static void draw(struct publisher *publisher, struct dice *dice)
{
    size_t first = dice_below(dice, PATTERN_COUNT);

    publisher->publish[0] = patterns[first];
    publisher->publish[1] = patterns[(first + 1 + dice_below(dice, PATTERN_COUNT - 1)) % PATTERN_COUNT];
}

static void check(const struct streams *streams, const struct publisher *publishers, struct dice *dice)
{
    struct listener listener = {.publisher = (uint32_t)dice_below(dice, PUBLISHERS + 1)};
    const struct publisher *own = listener.publisher == PUBLISHERS ? NULL : &publishers[listener.publisher];
    enum streams_state want;
    enum streams_state got;

    listener.heard[0] = (struct subscription){.pattern = patterns[dice_below(dice, PATTERN_COUNT)], .next = &listener.heard[1]};
    listener.heard[1] = (struct subscription){.pattern = patterns[dice_below(dice, PATTERN_COUNT)]};
    if (own != NULL && !own->was_opened)
        own = NULL;
    want = expected(publishers, &listener);
    got = streams_heard(streams, &listener.heard[0], own == NULL ? NULL : own->publish, own != NULL && own->is_open);
    CU_ASSERT_EQUAL(got, want);
}

/* Two shards hear of it, one of them says it: not always the same one, since actors move.  The first may lack memory. */
static void step(struct streams tables[2], struct publisher *publisher, bool is_said_by_second)
{
    if (!publisher->was_opened) {
        if (streams_open(&tables[0], publisher->publish, !is_said_by_second) != MAIKO_OK)
            return;
        CU_ASSERT_EQUAL(streams_open(&tables[1], publisher->publish, is_said_by_second), MAIKO_OK);
        publisher->was_opened = publisher->is_open = true;
        publisher->is_second = is_said_by_second;
    } else if (publisher->is_open) {
        if (is_said_by_second != publisher->is_second) { /* it has moved meanwhile */
            streams_move(&tables[publisher->is_second], &tables[is_said_by_second], publisher->publish);
            publisher->is_second = is_said_by_second;
        }
        (void)streams_close(&tables[0], publisher->publish, !is_said_by_second);
        (void)streams_close(&tables[1], publisher->publish, is_said_by_second);
        publisher->is_open = false;
    }
}

/* A shard that comes later: each of the others tells it what it said itself. */
static void check_late(const struct streams tables[2], const struct publisher *publishers, struct dice *dice)
{
    struct streams late;
    int i;

    streams_init(&late, heap_default());
    for (i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(streams_teach(&tables[i], &late), MAIKO_OK);
    check(&late, publishers, dice);
    streams_deinit(&late);
}

static void a_listener_hears_the_others_that_are_open(void)
{
    unsigned long round;

    for (round = 0; round < suite_scale(300, 5000); round++) {
        struct publisher publishers[PUBLISHERS] = {{.was_opened = false}};
        struct failing_allocator memory;
        struct streams tables[2];
        struct heap heap;
        struct dice dice;
        int i;

        failing_allocator_init(&memory);
        heap_init(&heap, &memory.allocator, 0);
        dice_init_seeded(&dice, round);
        streams_init(&tables[0], &heap);
        streams_init(&tables[1], heap_default());
        for (i = 0; i < PUBLISHERS; i++)
            draw(&publishers[i], &dice);
        if (round % 3 == 0)
            failing_allocator_fail_nth(&memory, (long)dice_below(&dice, 10));
        for (i = 0; i < 60; i++) {
            struct publisher *publisher = &publishers[dice_below(&dice, PUBLISHERS)];

            step(tables, publisher, dice_below(&dice, 2) == 1);
            check(&tables[0], publishers, &dice);
            check_late(tables, publishers, &dice);
        }
        streams_deinit(&tables[0]);
        streams_deinit(&tables[1]);
        CU_ASSERT(failing_allocator_is_balanced(&memory));
    }
}

/* The word that makes everybody ask themselves whether they may end must not fail to come. */
static void the_last_close_but_one_says_so(void)
{
    static const char *const both[] = {"a", "b", NULL};
    static const char *const one[] = {"a", NULL};
    struct streams streams;

    streams_init(&streams, heap_default());
    CU_ASSERT_EQUAL(streams_open(&streams, both, true), MAIKO_OK);
    CU_ASSERT_EQUAL(streams_open(&streams, one, true), MAIKO_OK);
    CU_ASSERT_EQUAL(streams_open(&streams, one, false), MAIKO_OK);
    CU_ASSERT_FALSE(streams_close(&streams, one, true));
    CU_ASSERT_TRUE(streams_close(&streams, one, false));
    CU_ASSERT_TRUE(streams_close(&streams, both, true));
    streams_deinit(&streams);
}

static enum streams_state ask(const struct streams *streams, const char *pattern)
{
    return streams_heard(streams, &(struct subscription){.pattern = pattern}, NULL, false);
}

/* Streams with names of their own come and go: what they leave behind has an end, and the latest are there for who comes late. */
static void the_latest_that_ended_are_remembered(void)
{
    struct failing_allocator memory;
    struct streams streams;
    struct heap heap;
    long bytes = 0;
    uint32_t i;

    failing_allocator_init(&memory);
    heap_init(&heap, &memory.allocator, 0);
    streams_init(&streams, &heap);
    for (i = 0; i < 4 * STREAMS_REMEMBERED; i++) {
        char name[32];

        snprintf(name, sizeof name, "session/%06u/out", i);
        CU_ASSERT_EQUAL_FATAL(streams_open(&streams, (const char *const[]){name, NULL}, true), MAIKO_OK);
        CU_ASSERT_TRUE_FATAL(streams_close(&streams, (const char *const[]){name, NULL}, true));
        if (i == 2 * STREAMS_REMEMBERED)
            bytes = memory.bytes_out;
    }
    CU_ASSERT_EQUAL(memory.bytes_out, bytes);
    CU_ASSERT_EQUAL(ask(&streams, "session/000000/out"), STREAMS_NONE);
    CU_ASSERT_EQUAL(ask(&streams, "session/016383/out"), STREAMS_ENDED);
    CU_ASSERT_EQUAL(ask(&streams, "session/012288/out"), STREAMS_ENDED);
    CU_ASSERT_EQUAL(ask(&streams, "session/012287/out"), STREAMS_NONE);
    CU_ASSERT_EQUAL(ask(&streams, "session/+/out"), STREAMS_ENDED);
    CU_ASSERT_EQUAL(ask(&streams, "+/+"), STREAMS_NONE);
    streams_deinit(&streams);
    CU_ASSERT(failing_allocator_is_balanced(&memory));
}

static void one_that_never_began_leaves_nothing(void)
{
    static const char *const both[] = {"a", "b/#", NULL};
    static const char *const one[] = {"a", NULL};
    struct streams streams;

    streams_init(&streams, heap_default());
    CU_ASSERT_EQUAL(streams_open(&streams, both, true), MAIKO_OK);
    CU_ASSERT_TRUE(streams_take_back(&streams, both, true));
    CU_ASSERT_TRUE(streams_is_empty(&streams));
    CU_ASSERT_EQUAL(streams_open(&streams, one, true), MAIKO_OK);
    CU_ASSERT_EQUAL(streams_open(&streams, both, false), MAIKO_OK);
    (void)streams_take_back(&streams, both, false);
    CU_ASSERT_EQUAL(ask(&streams, "a"), STREAMS_OPEN);
    CU_ASSERT_EQUAL(ask(&streams, "b/c"), STREAMS_NONE);
    CU_ASSERT_FALSE(streams_close(&streams, (const char *const[]){"c", NULL}, false));
    CU_ASSERT_TRUE(streams_close(&streams, one, true));
    CU_ASSERT_EQUAL(ask(&streams, "a"), STREAMS_ENDED);
    streams_deinit(&streams);
}

static const struct test_case cases[] = {
    TEST_CASE(a_listener_hears_the_others_that_are_open),
    TEST_CASE(the_last_close_but_one_says_so),
    TEST_CASE(the_latest_that_ended_are_remembered),
    TEST_CASE(one_that_never_began_leaves_nothing),
};
SUITE_MAIN("streams", cases)
