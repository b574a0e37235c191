/* The runtime on threads: the random actors of the simulation, pinned at random or spread over four shards.  What depends
 * on who ran first is left to the simulation; here the promises have to hold in whatever order threads run.
 * MAIKO_SEED=number plays one run again. */
#include <stdlib.h>

#include "lib/suite.h"
#include "sim/troupe.h"

enum { DISTURBANCES = 12 };

static void perform(struct troupe *troupe)
{
    int i;

    for (i = 0; i < DISTURBANCES && !atomic_load(&troupe->has_failed); i++)
        troupe_disturb(troupe);
}

static void every_promise_holds_on_threads(void)
{
    CU_ASSERT(troupe_play_seeds(1, suite_scale(300, 5000) / suite_slowdown(), true, perform));
}

static void every_promise_holds_with_everything_apart(void)
{
    setenv("MAIKO_PLACEMENT", "spread", 1);
    CU_ASSERT(troupe_play_seeds(100001, suite_scale(200, 2000) / suite_slowdown(), true, perform));
    unsetenv("MAIKO_PLACEMENT");
}

static const struct test_case cases[] = {
    TEST_CASE(every_promise_holds_on_threads),
    TEST_CASE(every_promise_holds_with_everything_apart),
};
SUITE_MAIN_TIMEOUT("threads", cases, 300)
