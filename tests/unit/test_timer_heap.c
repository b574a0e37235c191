/* Timer heap: a random history compared with a search through an array, and allocation failure. */
#include "base/timer_heap.h"
#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"

enum { TIMERS = 200 };

/* The timer that ought to be first: earliest deadline, then earliest insertion. */
static struct timer *first_of(struct timer *timers)
{
    struct timer *first = NULL;

    for (int i = 0; i < TIMERS; i++) {
        struct timer *timer = &timers[i];

        if (!timer_is_queued(timer))
            continue;
        if (first == NULL || timer->deadline_ns < first->deadline_ns ||
            (timer->deadline_ns == first->deadline_ns && timer->order < first->order))
            first = timer;
    }
    return first;
}

static void a_random_history_agrees_with_a_search(void)
{
    static struct timer timers[TIMERS];
    struct timer_heap queue;
    struct dice dice;
    struct heap heap;
    uint64_t now = 0;

    dice_init(&dice);
    heap_init(&heap, NULL, 0);
    timer_heap_init(&queue, &heap);
    CU_ASSERT_EQUAL(timer_heap_next_deadline(&queue), TIMER_NEVER);
    for (int round = 0; round < 20000; round++) {
        struct timer *timer = &timers[dice_below(&dice, TIMERS)];
        struct timer *first = first_of(timers);

        CU_ASSERT_EQUAL(timer_heap_next_deadline(&queue), first != NULL ? first->deadline_ns : TIMER_NEVER);
        switch (dice_below(&dice, 4)) {
        case 0:
            timer_heap_remove(&queue, timer);
            CU_ASSERT_FALSE(timer_is_queued(timer));
            break;
        case 1:
            now += dice_below(&dice, 3);
            CU_ASSERT_PTR_EQUAL(timer_heap_pop_due(&queue, now), first != NULL && first->deadline_ns <= now ? first : NULL);
            break;
        default:
            CU_ASSERT_EQUAL(timer_heap_insert(&queue, timer, now + dice_below(&dice, 30)), MAIKO_OK);
            break;
        }
    }
    timer_heap_deinit(&queue);
    CU_ASSERT_PTR_NULL(first_of(timers));
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
}

static void equal_deadlines_fire_in_the_order_they_were_set(void)
{
    struct timer timers[50] = {{0}};
    struct timer_heap queue;

    timer_heap_init(&queue, heap_default());
    for (int i = 0; i < 50; i++)
        CU_ASSERT_EQUAL(timer_heap_insert(&queue, &timers[i], 7), MAIKO_OK);
    CU_ASSERT_PTR_NULL(timer_heap_pop_due(&queue, 6));
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(timer_heap_insert(&queue, &timers[i], 7), MAIKO_OK); /* set again: now behind the others */
    for (int i = 0; i < 50; i++)
        CU_ASSERT_PTR_EQUAL(timer_heap_pop_due(&queue, 7), &timers[(20 + i) % 50]);
    CU_ASSERT_PTR_NULL(timer_heap_pop_due(&queue, 7));
    timer_heap_deinit(&queue);
}

static void a_timer_that_finds_no_memory_is_not_queued(void)
{
    struct timer timers[40] = {{0}};
    struct failing_allocator failing;
    struct timer_heap queue;
    struct heap heap;
    int refused = 0;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    timer_heap_init(&queue, &heap);
    for (int i = 0; i < 40; i++) {
        failing_allocator_fail_nth(&failing, 0);
        if (timer_heap_insert(&queue, &timers[i], (uint64_t)(100 - i)) != MAIKO_OK) {
            refused++;
            CU_ASSERT_FALSE(timer_is_queued(&timers[i]));
            CU_ASSERT_EQUAL(queue.count, (size_t)i);
            CU_ASSERT_EQUAL(timer_heap_insert(&queue, &timers[i], (uint64_t)(100 - i)), MAIKO_OK);
        }
    }
    CU_ASSERT_EQUAL(refused, 4);
    CU_ASSERT_EQUAL(timer_heap_reserve(&queue, SIZE_MAX), MAIKO_ENOMEM);
    for (int i = 39; i >= 0; i--)
        CU_ASSERT_PTR_EQUAL(timer_heap_pop_due(&queue, TIMER_NEVER), &timers[i]);
    timer_heap_deinit(&queue);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
}

static const struct test_case cases[] = {
    TEST_CASE(a_random_history_agrees_with_a_search),
    TEST_CASE(equal_deadlines_fire_in_the_order_they_were_set),
    TEST_CASE(a_timer_that_finds_no_memory_is_not_queued),
};
SUITE_MAIN("timer_heap", cases)
