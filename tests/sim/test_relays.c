/* Relays: in any mesh every event reaches every node at most once, in the order of its sender, and nothing goes round for
 * ever. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/suite.h"
#include "sim/mesh.h"

static bool run_one(const struct mesh_config *config, struct mesh_result *ret_result)
{
    mesh_run(config, ret_result);
    if (!ret_result->is_sound)
        SUITE_FAIL("MAIKO_SEED=%llu, %u nodes, shape %d, %u links at most: %s", (unsigned long long)config->seed, config->nodes,
                   config->shape, config->hop_limit, ret_result->reason);
    return ret_result->is_sound;
}

static struct mesh_config of_seed(uint64_t seed)
{
    return (struct mesh_config){.seed = seed,
                                .shape = (enum mesh_shape)(seed % 4),
                                .nodes = 2 + (unsigned)(seed / 4 % 7),
                                .hop_limit = seed / 28 % 3 == 0 ? 2 : 8,
                                .events = 8,
                                .break_percent = seed / 84 % 2 == 0 ? 0 : 40};
}

static void everything_comes_once_and_in_order_by_any_way(void)
{
    const char *given = getenv("MAIKO_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 0) : 1;
    uint64_t last = given != NULL ? first : suite_scale(1000, 20000) / suite_slowdown();
    struct mesh_result sum = {.delivered = 0};
    uint64_t seed;

    for (seed = first; seed <= last; seed++) {
        struct mesh_config config = of_seed(seed);
        struct mesh_result result;

        if (!run_one(&config, &result))
            return;
        sum.delivered += result.delivered;
        sum.repeated += result.repeated;
        sum.loops += result.loops;
        sum.too_many_hops += result.too_many_hops;
    }
    printf("# seeds %llu..%llu: %llu delivered, %llu came again, %llu came home, %llu over too many links\n",
           (unsigned long long)first, (unsigned long long)last, (unsigned long long)sum.delivered,
           (unsigned long long)sum.repeated, (unsigned long long)sum.loops, (unsigned long long)sum.too_many_hops);
    if (given != NULL)
        return;
    CU_ASSERT(sum.repeated > 0);
    CU_ASSERT(sum.loops > 0);
    CU_ASSERT(sum.too_many_hops > 0);
}

static void a_line_ends_where_the_hop_limit_says(void)
{
    struct mesh_config config = {.seed = 1, .shape = MESH_LINE, .nodes = 8, .hop_limit = 3, .events = 5};
    struct mesh_result result;
    unsigned i;

    CU_ASSERT_TRUE_FATAL(run_one(&config, &result));
    for (i = 1; i < config.nodes; i++)
        CU_ASSERT_EQUAL(result.received[i][0], i <= config.hop_limit ? config.events : 0);
    CU_ASSERT(result.too_many_hops > 0);
}

static void a_ring_is_gone_round_at_most_once(void)
{
    struct mesh_config config = {.seed = 1, .shape = MESH_RING, .events = 5, .hop_limit = 8};
    struct mesh_result result;

    for (config.nodes = 3; config.nodes <= MESH_NODES_MAX; config.nodes++) {
        CU_ASSERT_TRUE_FATAL(run_one(&config, &result));
        CU_ASSERT_EQUAL(result.delivered, (uint64_t)config.nodes * (config.nodes - 1) * config.events);
        CU_ASSERT_EQUAL(result.relayed, result.delivered); /* each node passes each event on once */
    }
}

static const struct test_case cases[] = {
    TEST_CASE(everything_comes_once_and_in_order_by_any_way),
    TEST_CASE(a_line_ends_where_the_hop_limit_says),
    TEST_CASE(a_ring_is_gone_round_at_most_once),
};
SUITE_MAIN_TIMEOUT("relays", cases, 600)
