/* Placement: what an actor is found to cost, and how soon somebody looks at it then. */
#include "lib/suite.h"
#include "runtime/placement.h"

#include <string.h>

#define LAST_LOOK MAIKO_SECONDS(5)

static struct shard shard;
static struct actor actor;

/* A light actor at home; the last look at it found nothing to do, so that the next one is `gap_ns` away. */
static void set_scene(uint64_t gap_ns)
{
    memset(&shard, 0, sizeof shard);
    memset(&actor, 0, sizeof actor);
    actor.is_load = true; /* in the list already */
    actor.shard = &shard;
    actor.cost_ns = 100;
    shard.balance_gap_ns = gap_ns;
    shard.balance_at_ns = LAST_LOOK + gap_ns;
}

static void note(unsigned times, uint64_t ns_each)
{
    while (times-- > 0)
        placement_note(&shard, &actor, 10 * ns_each, 10);
}

static void one_that_turns_heavy_late_is_looked_at_soon(void)
{
    set_scene(MAIKO_SECONDS(1));
    note(5, MAIKO_US(30));
    CU_ASSERT_TRUE(shard.wants_balance);
    CU_ASSERT_EQUAL(shard.balance_at_ns, LAST_LOOK + MAIKO_MS(10));
    CU_ASSERT_EQUAL(shard.balance_gap_ns, MAIKO_MS(10));
}

static void a_short_gap_is_left_alone(void)
{
    set_scene(MAIKO_MS(2));
    note(5, MAIKO_US(30));
    CU_ASSERT_TRUE(shard.wants_balance);
    CU_ASSERT_EQUAL(shard.balance_at_ns, LAST_LOOK + MAIKO_MS(2));
}

/* Or those that cannot be moved would have everybody stopped a hundred times a second. */
static void one_that_stays_heavy_waits_its_time(void)
{
    set_scene(MAIKO_SECONDS(1));
    actor.cost_ns = 30000;
    note(20, MAIKO_US(30));
    CU_ASSERT_TRUE(shard.wants_balance);
    CU_ASSERT_EQUAL(shard.balance_at_ns, LAST_LOOK + MAIKO_SECONDS(1));
}

/* Nor one that is now above what counts as heavy and now below, or that would happen every few hundred events. */
static void one_at_the_border_waits_its_time(void)
{
    set_scene(MAIKO_SECONDS(1));
    actor.cost_ns = 1900;
    note(5, MAIKO_US(2));
    CU_ASSERT_TRUE(shard.wants_balance);
    CU_ASSERT_EQUAL(shard.balance_at_ns, LAST_LOOK + MAIKO_SECONDS(1));
}

static void neither_a_few_slow_ones_nor_a_bound_actor_hurry_anybody(void)
{
    set_scene(MAIKO_SECONDS(1));
    note(4, MAIKO_US(30));
    note(1, 100);
    CU_ASSERT_FALSE(shard.wants_balance);
    actor.is_pinned = true;
    note(20, MAIKO_US(30));
    CU_ASSERT_FALSE(shard.wants_balance);
    CU_ASSERT_EQUAL(shard.balance_at_ns, LAST_LOOK + MAIKO_SECONDS(1));
}

static const struct test_case cases[] = {
    TEST_CASE(one_that_turns_heavy_late_is_looked_at_soon),
    TEST_CASE(a_short_gap_is_left_alone),
    TEST_CASE(one_that_stays_heavy_waits_its_time),
    TEST_CASE(one_at_the_border_waits_its_time),
    TEST_CASE(neither_a_few_slow_ones_nor_a_bound_actor_hurry_anybody),
};
SUITE_MAIN("placement_note", cases)
