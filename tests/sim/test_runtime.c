/* The runtime as a whole, on virtual shards or polled: random actors, random traffic, and the promises that hold whatever
 * happens.  MAIKO_SEED=number (printed by a failure) plays one run again, with its log. */
#include "lib/suite.h"
#include "sim/troupe.h"

enum { POLLS_AT_MOST = 100000 };

/* Nothing can happen by itself: time passes, or something outside lets an actor go.  False when there is nothing left. */
static bool go_on(struct troupe *troupe)
{
    return troupe_pass_time(troupe) || troupe_let_go(troupe);
}

/* Until nothing happens any more, the world outside interfering for a while. */
static void perform(struct troupe *troupe)
{
    struct random *random = &troupe->performers[0].random;
    uint32_t disturbances = (uint32_t)random_below(random, 12);
    uint32_t stop_at = troupe->plot.stops_early ? (uint32_t)random_below(random, 40) : POLLS_AT_MOST;
    bool is_settled = false;
    uint32_t polls;

    for (polls = 0; polls < stop_at && !atomic_load(&troupe->has_failed); polls++) {
        uint32_t budget = 1 + (uint32_t)random_below(random, 16);

        if (disturbances > 0 && random_below(random, 3) == 0) {
            disturbances--;
            troupe_disturb(troupe);
        }
        if (maiko_supervisor_poll(troupe->sup, budget) == 0 && disturbances == 0 && !go_on(troupe))
            is_settled = true;
        if (is_settled)
            break;
        if (polls % 4 == 0)
            troupe_inspect(troupe);
    }
    troupe_inspect(troupe);
    if (is_settled)
        troupe_settled(troupe);
    if (polls == POLLS_AT_MOST)
        troupe_fail(troupe, "it never settles");
    while (random_below(random, 3) > 0 && troupe_let_go(troupe)) /* some are still held when it stops */
        ;
}

static void every_promise_holds_whatever_happens(void)
{
    CU_ASSERT(troupe_play_seeds(1, suite_scale(5000, 100000) / suite_slowdown(), false, perform));
}

static const struct test_case cases[] = {TEST_CASE(every_promise_holds_whatever_happens)};
SUITE_MAIN_TIMEOUT("runtime", cases, 300)
