/* Clock: the virtual one moves when told, and time stamps never go back. */
#include "base/clock.h"
#include "lib/suite.h"

#include <maiko/base.h>

static void a_virtual_clock_moves_only_when_told(void)
{
    struct clock clock;

    clock_init_virtual(&clock, 100, 1000);
    CU_ASSERT_EQUAL(clock_mono_ns(&clock), 100);
    CU_ASSERT_EQUAL(clock_wall_ns(&clock), 1000);
    clock_advance(&clock, MAIKO_HOURS(6));
    CU_ASSERT_EQUAL(clock_mono_ns(&clock), 100 + MAIKO_HOURS(6));
    CU_ASSERT_EQUAL(clock_wall_ns(&clock), 1000 + MAIKO_HOURS(6));
    clock_advance(&clock, UINT64_MAX);
    CU_ASSERT_EQUAL(clock_mono_ns(&clock), UINT64_MAX);
}

static void stamps_stand_still_while_the_wall_clock_is_set_back(void)
{
    struct clock clock;
    uint64_t last = 0;

    clock_init_virtual(&clock, 0, 5000);
    CU_ASSERT_EQUAL(clock_wall_clamped(&clock, &last), 5000);
    clock_set_wall(&clock, 2000);
    CU_ASSERT_EQUAL(clock_mono_ns(&clock), 0);
    CU_ASSERT_EQUAL(clock_wall_ns(&clock), 2000);
    CU_ASSERT_EQUAL(clock_wall_clamped(&clock, &last), 5000);
    clock_advance(&clock, 3001);
    CU_ASSERT_EQUAL(clock_wall_clamped(&clock, &last), 5001);
}

static void the_real_clock_goes_on_and_cannot_be_moved(void)
{
    struct clock clock;
    uint64_t mono;

    clock_init(&clock);
    mono = clock_mono_ns(&clock);
    CU_ASSERT_TRUE(mono > 0);
    clock_advance(&clock, MAIKO_HOURS(100000));
    clock_set_wall(&clock, 1);
    CU_ASSERT_TRUE(clock_mono_ns(&clock) >= mono);
    CU_ASSERT_TRUE(clock_mono_ns(&clock) < mono + MAIKO_HOURS(1));
    CU_ASSERT_TRUE(clock_wall_ns(&clock) > MAIKO_HOURS(24) * 365 * 50);
}

static void deadlines_saturate(void)
{
    CU_ASSERT_EQUAL(clock_deadline(5, 10), 15);
    CU_ASSERT_EQUAL(clock_deadline(5, UINT64_MAX), UINT64_MAX);
    CU_ASSERT_EQUAL(clock_deadline(UINT64_MAX, 1), UINT64_MAX);
}

static const struct test_case cases[] = {
    TEST_CASE(a_virtual_clock_moves_only_when_told),
    TEST_CASE(stamps_stand_still_while_the_wall_clock_is_set_back),
    TEST_CASE(the_real_clock_goes_on_and_cannot_be_moved),
    TEST_CASE(deadlines_saturate),
};
SUITE_MAIN("clock", cases)
