/* Streams: what a listener hears, against a list of publishers. */
#include <maiko/topic.h>
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

static struct streams_state expected(const struct publisher *publishers, const struct listener *listener)
{
    struct streams_state state = {0, 0};
    uint32_t i;
    int k;

    for (i = 0; i < PUBLISHERS; i++) {
        for (k = 0; k < PATTERNS && i != listener->publisher; k++) {
            if (!hears(listener, publishers[i].publish[k]))
                continue;
            state.total += publishers[i].was_opened;
            state.open += publishers[i].is_open;
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
    struct streams_state want;
    struct streams_state got;

    listener.heard[0] = (struct subscription){.pattern = patterns[dice_below(dice, PATTERN_COUNT)], .next = &listener.heard[1]};
    listener.heard[1] = (struct subscription){.pattern = patterns[dice_below(dice, PATTERN_COUNT)]};
    if (own != NULL && !own->was_opened)
        own = NULL;
    want = expected(publishers, &listener);
    got = streams_heard(streams, &listener.heard[0], own == NULL ? NULL : own->publish, own != NULL && own->is_open);
    CU_ASSERT_EQUAL(got.open, want.open);
    CU_ASSERT_EQUAL(got.total, want.total);
}

/* Two shards hear of it, one of them says it: not always the same one, since actors move.  The first may lack memory. */
static void step(struct streams tables[2], struct publisher *publisher, bool is_said_by_second)
{
    bool may_end;

    if (!publisher->was_opened) {
        if (streams_open(&tables[0], publisher->publish, !is_said_by_second) != MAIKO_OK)
            return;
        CU_ASSERT_EQUAL(streams_open(&tables[1], publisher->publish, is_said_by_second), MAIKO_OK);
        publisher->was_opened = publisher->is_open = true;
    } else if (publisher->is_open) {
        CU_ASSERT_EQUAL(streams_close(&tables[0], publisher->publish, !is_said_by_second, &may_end), MAIKO_OK);
        CU_ASSERT_EQUAL(streams_close(&tables[1], publisher->publish, is_said_by_second, &may_end), MAIKO_OK);
        publisher->is_open = false;
    }
}

/* A shard that comes later: each of the others tells it what it said itself. */
static void check_late(const struct streams tables[2], const struct publisher *publishers, struct dice *dice)
{
    const struct publication *publication;
    struct streams late;
    int i;

    streams_init(&late, heap_default());
    for (i = 0; i < 2; i++) {
        for (publication = tables[i].first; publication != NULL; publication = publication->next)
            CU_ASSERT_EQUAL(streams_add(&late, publication->pattern, publication->own), MAIKO_OK);
    }
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
            step(tables, &publishers[dice_below(&dice, PUBLISHERS)], dice_below(&dice, 2) == 1);
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
    bool may_end = true;

    streams_init(&streams, heap_default());
    CU_ASSERT_EQUAL(streams_open(&streams, both, true), MAIKO_OK);
    CU_ASSERT_EQUAL(streams_open(&streams, one, true), MAIKO_OK);
    CU_ASSERT_EQUAL(streams_open(&streams, one, false), MAIKO_OK);
    CU_ASSERT_EQUAL(streams_close(&streams, one, true, &may_end), MAIKO_OK);
    CU_ASSERT_FALSE(may_end);
    CU_ASSERT_EQUAL(streams_close(&streams, one, false, &may_end), MAIKO_OK);
    CU_ASSERT_TRUE(may_end);
    CU_ASSERT_EQUAL(streams_close(&streams, both, true, &may_end), MAIKO_OK);
    CU_ASSERT_TRUE(may_end);
    streams_deinit(&streams);
}

static const struct test_case cases[] = {
    TEST_CASE(a_listener_hears_the_others_that_are_open),
    TEST_CASE(the_last_close_but_one_says_so),
};
SUITE_MAIN("streams", cases)
