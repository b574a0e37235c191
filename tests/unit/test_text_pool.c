/* Text pool: equal texts are one, and the last reference frees it. */
#include "base/text_pool.h"

#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include <stdio.h>
#include <string.h>

enum { TEXTS = 12, ROUNDS = 5000 };

struct stage {
    struct failing_allocator memory;
    struct heap heap;
    struct text_pool pool;
};

static void init(struct stage *stage)
{
    failing_allocator_init(&stage->memory);
    heap_init(&stage->heap, &stage->memory.allocator, 0);
    text_pool_init(&stage->pool, &stage->heap);
}

static void deinit(struct stage *stage)
{
    text_pool_deinit(&stage->pool);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&stage->memory));
}

static void equal_texts_are_stored_once(void)
{
    char typed[] = "a/b";
    struct stage stage;
    const char *first, *second, *other;

    init(&stage);
    first = text_pool_take(&stage.pool, "a/b");
    other = text_pool_take(&stage.pool, "a/c");
    second = text_pool_take(&stage.pool, typed);
    CU_ASSERT_PTR_EQUAL(first, second);
    CU_ASSERT_PTR_NOT_EQUAL(first, typed);
    CU_ASSERT_STRING_EQUAL(other, "a/c");
    text_pool_give(&stage.pool, first);
    CU_ASSERT_TRUE(text_pool_has(&stage.pool, "a/b"));
    text_pool_give(&stage.pool, second);
    CU_ASSERT_FALSE(text_pool_has(&stage.pool, "a/b"));
    text_pool_give(&stage.pool, NULL);
    deinit(&stage); /* the other one was never given back */
}

static void a_random_history_keeps_what_is_referenced(void)
{
    struct stage stage;
    struct dice dice;
    const char *held[TEXTS] = {NULL};
    unsigned count[TEXTS] = {0};

    init(&stage);
    dice_init(&dice);
    for (int round = 0; round < ROUNDS; round++) {
        const size_t which = dice_below(&dice, TEXTS);
        char text[16];

        snprintf(text, sizeof text, "text/%zu", which);
        CU_ASSERT_EQUAL(text_pool_has(&stage.pool, text), count[which] > 0);
        if (count[which] > 0 && dice_percent(&dice, 50)) {
            CU_ASSERT_STRING_EQUAL(held[which], text);
            text_pool_give(&stage.pool, held[which]);
            count[which]--;
        } else {
            held[which] = text_pool_take(&stage.pool, text);
            count[which]++;
        }
    }
    deinit(&stage);
}

static void every_allocation_failure_leaves_the_pool_as_it_was(void)
{
    struct stage stage;
    const char *text = NULL;

    init(&stage);
    for (long nth = 0; text == NULL && nth < 8; nth++) {
        failing_allocator_fail_nth(&stage.memory, nth);
        text = text_pool_take(&stage.pool, "a");
        CU_ASSERT_EQUAL(text_pool_has(&stage.pool, "a"), text != NULL);
    }
    CU_ASSERT_PTR_NOT_NULL(text);
    text_pool_give(&stage.pool, text);
    deinit(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(equal_texts_are_stored_once),
    TEST_CASE(a_random_history_keeps_what_is_referenced),
    TEST_CASE(every_allocation_failure_leaves_the_pool_as_it_was),
};
SUITE_MAIN("text_pool", cases)
