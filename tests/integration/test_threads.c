/* The runtime on threads: the random actors of the simulation, pinned at random or spread over four shards.  What depends
 * on who ran first is left to the simulation; here the promises have to hold in whatever order threads run.
 * MAIKO_SEED=number plays one run again. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/suite.h"
#include "sim/troupe.h"

enum { DISTURBANCES = 12 };

static bool play_seed(uint64_t seed)
{
    static struct troupe troupe;
    maiko_stop_report report;
    bool has_failed;
    int i;

    if (troupe_init(&troupe, seed, true)) {
        for (i = 0; i < DISTURBANCES && !atomic_load(&troupe.has_failed); i++)
            troupe_disturb(&troupe);
        (void)maiko_supervisor_halt(troupe.sup, &report);
        troupe_check(&troupe, &report);
        maiko_stop_report_deinit(&report);
        (void)maiko_supervisor_stop(&troupe.sup, NULL);
        troupe_deinit(&troupe);
        if (!failing_allocator_is_balanced(&troupe.memory))
            troupe_fail(&troupe, "%ld blocks were not released", atomic_load(&troupe.memory.blocks_out));
        if (atomic_load(&troupe.boxes) != 0)
            troupe_fail(&troupe, "%ld events were not destroyed", atomic_load(&troupe.boxes));
    }
    has_failed = atomic_load(&troupe.has_failed);
    if (has_failed)
        SUITE_FAIL("MAIKO_SEED=%llu: %s", (unsigned long long)seed, troupe.failure);
    return !has_failed;
}

static void play_seeds(uint64_t first, unsigned long count)
{
    const char *value = getenv("MAIKO_SEED");
    unsigned failures = 0;
    unsigned long i;

    if (value != NULL) {
        first = strtoull(value, NULL, 0);
        count = 1;
    }
    printf("# seeds %llu to %llu\n", (unsigned long long)first, (unsigned long long)(first + count - 1));
    for (i = 0; i < count && failures < 10; i++)
        failures += !play_seed(first + i);
}

static void every_promise_holds_on_threads(void)
{
    play_seeds(1, suite_scale(300, 5000) / suite_slowdown());
}

static void every_promise_holds_with_everything_apart(void)
{
    setenv("MAIKO_PLACEMENT", "spread", 1);
    play_seeds(100001, suite_scale(200, 2000) / suite_slowdown());
    unsetenv("MAIKO_PLACEMENT");
}

static const struct test_case cases[] = {
    TEST_CASE(every_promise_holds_on_threads),
    TEST_CASE(every_promise_holds_with_everything_apart),
};
SUITE_MAIN_TIMEOUT("threads", cases, 60)
