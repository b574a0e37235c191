/* The runtime as a whole, on virtual shards: random actors, random traffic, and the promises that hold whatever happens.
 * MAIKO_SEED=number (printed by a failure) plays one run again, with its log. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/suite.h"
#include "sim/troupe.h"

enum { POLLS_AT_MOST = 100000 };

/* Until nothing happens any more, the world outside interfering for a while. */
static void perform(struct troupe *troupe, struct random *random)
{
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
        if (maiko_supervisor_poll(troupe->sup, budget) == 0 && disturbances == 0)
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
}

static bool play_seed(uint64_t seed)
{
    static struct troupe troupe;
    struct random random = {.state = seed ^ UINT64_C(0x5eed)};
    maiko_stop_report report;
    bool has_failed;

    if (troupe_init(&troupe, seed, false)) {
        perform(&troupe, &random);
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

static void every_promise_holds_whatever_happens(void)
{
    const char *value = getenv("MAIKO_SEED");
    uint64_t first = value != NULL ? strtoull(value, NULL, 0) : 1;
    unsigned long count = value != NULL ? 1 : suite_scale(5000, 100000) / suite_slowdown();
    unsigned failures = 0;
    unsigned long i;

    printf("# seeds %llu to %llu\n", (unsigned long long)first, (unsigned long long)(first + count - 1));
    for (i = 0; i < count && failures < 10; i++)
        failures += !play_seed(first + i);
}

static const struct test_case cases[] = {TEST_CASE(every_promise_holds_whatever_happens)};
SUITE_MAIN_TIMEOUT("runtime", cases, 120)
