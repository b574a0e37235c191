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

static const struct test_case cases[] = {
    TEST_CASE(who_is_woken_twice_is_written_to_once),
    TEST_CASE(who_has_looked_is_woken_again),
};

SUITE_MAIN("handover", cases)
