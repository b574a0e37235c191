/* Handover: who is woken, and how often that is written. */
#include "lib/suite.h"
#include "node/handover.h"

#include <poll.h>
#include <unistd.h>

static bool is_woken(const struct handover *handover)
{
    struct pollfd fd = {.fd = handover->wake_fd, .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

static void who_is_woken_twice_is_written_to_once(void)
{
    struct handover handover;
    uint64_t count = 0;

    CU_ASSERT_EQUAL_FATAL(handover_init(&handover, heap_default()), MAIKO_OK);
    CU_ASSERT(!is_woken(&handover));
    handover_wake(&handover);
    handover_wake(&handover);
    CU_ASSERT_EQUAL(read(handover.wake_fd, &count, sizeof(count)), sizeof(count));
    CU_ASSERT_EQUAL(count, 1);
    handover_deinit(&handover);
}

static void who_has_looked_is_woken_again(void)
{
    struct handover handover;
    int i;

    CU_ASSERT_EQUAL_FATAL(handover_init(&handover, heap_default()), MAIKO_OK);
    for (i = 0; i < 3; i++) {
        handover_wake(&handover);
        CU_ASSERT(is_woken(&handover));
        handover_clear_wake(&handover);
        CU_ASSERT(!is_woken(&handover));
        handover_clear_wake(&handover); /* for nothing */
    }
    handover_deinit(&handover);
}

static struct batch *batch_of(size_t events)
{
    struct batch *batch = heap_alloc_zeroed(heap_default(), 1, sizeof(*batch));

    CU_ASSERT_PTR_NOT_NULL_FATAL(batch);
    batch->heap = heap_default();
    batch->events = events;
    return batch;
}

/* An actor that was left behind in a hook may come when the bridge has ended. */
static void what_nobody_takes_any_more_is_counted(void)
{
    struct handover handover;
    bool is_asleep;

    CU_ASSERT_EQUAL_FATAL(handover_init(&handover, heap_default()), MAIKO_OK);
    CU_ASSERT_FALSE(handover_give(&handover, batch_of(3), &is_asleep));
    CU_ASSERT_EQUAL(handover.dropped, 0);
    handover_close(&handover);
    CU_ASSERT_EQUAL(handover.dropped, 3);
    CU_ASSERT_FALSE(handover_give(&handover, batch_of(2 * HANDOVER_MARK_EVENTS), &is_asleep));
    CU_ASSERT_EQUAL(handover.dropped, 3 + 2 * HANDOVER_MARK_EVENTS);
    CU_ASSERT_TRUE(handover_is_empty(&handover));
    handover_deinit(&handover);
}

static const struct test_case cases[] = {
    TEST_CASE(who_is_woken_twice_is_written_to_once),
    TEST_CASE(who_has_looked_is_woken_again),
    TEST_CASE(what_nobody_takes_any_more_is_counted),
};

SUITE_MAIN("handover", cases)
