/* Origins: what comes by a second way is known, also after the first has gone; memory has an end. */
#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "link/origins.h"

static const maiko_id here = {1, 1};
static const maiko_id there = {2, 2};

static void one_way_is_taken_as_it_comes(void)
{
    struct origins origins;
    struct origin *origin;

    origins_init(&origins, heap_default());
    origin = origins_join(&origins, 7, "topic", "sender", here, here);
    CU_ASSERT_TRUE(origin_hear(origin, 5));
    CU_ASSERT_TRUE(origin_hear(origin, 3)); /* ids that somebody made up: positions see to duplicates */
    CU_ASSERT_TRUE(origin_hear(origin, 5));
    origins_leave(&origins, origin);
    origins_deinit(&origins);
}

static void what_comes_by_a_second_way_is_known(void)
{
    struct origins origins;
    struct origin *first;
    struct origin *second;

    origins_init(&origins, heap_default());
    first = origins_join(&origins, 7, "topic", "sender", here, here);
    CU_ASSERT_TRUE(origin_hear(first, 5));
    origins_leave(&origins, first); /* its session is over */
    second = origins_join(&origins, 7, "topic", "sender", here, there);
    CU_ASSERT_PTR_EQUAL(first, second);
    CU_ASSERT_FALSE(origin_hear(second, 5));
    CU_ASSERT_TRUE(origin_hear(second, 6));
    CU_ASSERT_PTR_EQUAL(origins_join(&origins, 7, "topic", "sender", here, here), second);
    CU_ASSERT_FALSE(origin_hear(second, 6));
    origins_leave(&origins, second);
    CU_ASSERT_TRUE(origin_hear(second, 7)); /* one channel is left */
    origins_leave(&origins, second);
    origins_deinit(&origins);
}

static void origins_differ_by_prefix_topic_and_sender(void)
{
    struct origins origins;
    struct origin *made[4];
    unsigned i;
    unsigned j;

    origins_init(&origins, heap_default());
    made[0] = origins_join(&origins, 7, "topic", "sender", here, here);
    made[1] = origins_join(&origins, 8, "topic", "sender", there, here);
    made[2] = origins_join(&origins, 7, "other", "sender", here, here);
    made[3] = origins_join(&origins, 7, "topic", "another", here, here);
    for (i = 0; i < 4; i++)
        for (j = i + 1; j < 4; j++)
            CU_ASSERT_PTR_NOT_EQUAL(made[i], made[j]);
    CU_ASSERT_TRUE(maiko_id_equal(origins_of_prefix(&origins, 7), here));
    CU_ASSERT_TRUE(maiko_id_equal(origins_of_prefix(&origins, 8), there));
    CU_ASSERT_TRUE(maiko_id_is_nil(origins_of_prefix(&origins, 9)));
    for (i = 0; i < 4; i++)
        origins_leave(&origins, made[i]);
    origins_deinit(&origins);
}

static void the_longest_unused_is_forgotten_first(void)
{
    struct origins origins;
    uint64_t prefix;

    origins_init(&origins, heap_default());
    origins.limit = 2;
    for (prefix = 1; prefix <= 3; prefix++)
        origins_leave(&origins, origins_join(&origins, prefix, "topic", "sender", here, here));
    CU_ASSERT_EQUAL(origins.table.count, 2);
    CU_ASSERT_TRUE(maiko_id_is_nil(origins_of_prefix(&origins, 1)));
    CU_ASSERT_FALSE(maiko_id_is_nil(origins_of_prefix(&origins, 2)));
    CU_ASSERT_FALSE(maiko_id_is_nil(origins_of_prefix(&origins, 3)));
    origins_deinit(&origins);
}

static void every_allocation_failure_is_reported_and_leaks_nothing(void)
{
    struct failing_allocator failing;
    struct origin *origin = NULL;
    struct origins origins;
    struct heap heap;
    long nth;

    for (nth = 0; origin == NULL && nth < 16; nth++) {
        failing_allocator_init(&failing);
        failing_allocator_fail_nth(&failing, nth);
        heap_init(&heap, &failing.allocator, 0);
        origins_init(&origins, &heap);
        origin = origins_join(&origins, 7, "topic", "sender", here, here);
        if (origin != NULL)
            origins_leave(&origins, origin);
        origins_deinit(&origins);
        CU_ASSERT_EQUAL(heap_used(&heap), 0);
    }
    CU_ASSERT_PTR_NOT_NULL(origin);
    CU_ASSERT(nth > 3);
}

static const struct test_case cases[] = {
    TEST_CASE(one_way_is_taken_as_it_comes),
    TEST_CASE(what_comes_by_a_second_way_is_known),
    TEST_CASE(origins_differ_by_prefix_topic_and_sender),
    TEST_CASE(the_longest_unused_is_forgotten_first),
    TEST_CASE(every_allocation_failure_is_reported_and_leaks_nothing),
};
SUITE_MAIN("origins", cases)
