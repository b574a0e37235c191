/* Links under every fault a seed can draw: per sender in order, nothing twice, and published = received + reported lost. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/suite.h"
#include "sim/world.h"

/* MAIKO_SEED runs that one and nothing else; MAIKO_TRACE prints what happens. */
static void run_seeds(unsigned long count, void (*adjust)(struct world_config *config))
{
    const char *given = getenv("MAIKO_SEED");
    unsigned long first = given != NULL ? strtoul(given, NULL, 0) : 1;
    unsigned long last = given != NULL ? first : count;
    struct world_result sum = {.is_sound = true};
    struct text trace;
    unsigned long seed;

    for (seed = first; seed <= last; seed++) {
        struct world_config config = world_of_seed(seed);
        struct world_result result;

        if (adjust != NULL)
            adjust(&config);
        if (getenv("MAIKO_TRACE") != NULL) {
            text_init_heap(&trace, heap_default(), SIZE_MAX / 4);
            config.trace = &trace;
        }
        world_run(&config, &result);
        if (config.trace != NULL) {
            printf("%s", text_str(&trace));
            text_deinit(&trace);
        }
        if (!result.is_sound) {
            SUITE_FAIL("MAIKO_SEED=%lu: %s", seed, result.reason);
            return;
        }
        sum.published += result.published;
        sum.delivered += result.delivered;
        sum.lost += result.lost;
        sum.duplicates += result.duplicates;
        sum.replays += result.replays;
        sum.sessions += result.sessions;
        sum.held += result.held;
        sum.natives += result.natives;
        sum.converted += result.converted;
        sum.refused += result.refused;
    }
    printf("# seeds %lu..%lu: %llu published, %llu delivered, %llu lost and reported, %llu duplicates, %llu replays, %llu "
           "sessions, %llu times held, %llu native, %llu converted, %llu refused\n",
           first, last, (unsigned long long)sum.published, (unsigned long long)sum.delivered, (unsigned long long)sum.lost,
           (unsigned long long)sum.duplicates, (unsigned long long)sum.replays, (unsigned long long)sum.sessions,
           (unsigned long long)sum.held, (unsigned long long)sum.natives, (unsigned long long)sum.converted,
           (unsigned long long)sum.refused);
    if (given == NULL) {
        CU_ASSERT(sum.lost > 0);
        CU_ASSERT(sum.replays > 0);
        CU_ASSERT(sum.held > 0);
        CU_ASSERT(sum.refused > 0);
        CU_ASSERT(sum.duplicates > 0);
        CU_ASSERT(sum.natives > 0);
        CU_ASSERT(sum.converted > 0);
    }
}

/* Of many seeds, as small as a check under a sanitizer has them. */
static void worlds_of_every_size_are_drawn(void)
{
    unsigned worlds[WORLD_NODES_MAX + 1] = {0};
    unsigned nodes;
    uint64_t seed;

    for (seed = 1; seed <= 500; seed++)
        worlds[world_of_seed(seed).nodes]++;
    for (nodes = 2; nodes <= WORLD_NODES_MAX; nodes++)
        CU_ASSERT(worlds[nodes] > 0);
}

static void all_faults_keep_the_promises(void)
{
    run_seeds(suite_scale(5000, 100000) / suite_slowdown(), NULL);
}

/* One sender, subscribers that are killed and come again, windows that are full most of the time: whoever lives loses nothing
 * under BLOCK, see check_no_loss() of world.c. */
static void kill_subscribers(struct world_config *config)
{
    config->nodes = 4;
    config->only_sender = 1;
    config->is_narrow = true;
    config->faults.crash_percent = 30;
    config->faults.has_long_faults = false;
}

static void subscribers_that_die_cost_the_others_nothing(void)
{
    run_seeds(suite_scale(1000, 100000) / suite_slowdown(), kill_subscribers);
}

/* Of one host: a process that stands still for longer than deadline and silence is not taken for dead, and what it misses is the
 * deadline's. */
static void stop_processes_of_one_host(struct world_config *config)
{
    config->faults = (struct world_faults){.is_one_host = true,
                                           .stop_percent = 60,
                                           .has_long_faults = true,
                                           .has_slow_receivers = config->faults.has_slow_receivers,
                                           .longest_ns = config->faults.longest_ns};
}

static void processes_of_one_host_that_stop_are_not_taken_for_dead(void)
{
    run_seeds(suite_scale(1000, 100000) / suite_slowdown(), stop_processes_of_one_host);
}

/* Nodes come and go while words are long under way: who wants nothing from before it was there gets nothing of it, and who was
 * there before misses nothing, whatever their clocks show. */
static void let_live_subscribers_come_late(struct world_config *config)
{
    config->is_live = true;
    config->has_own_clocks = config->seed % 4 != 0;
    config->faults.is_datagram = config->seed % 8 == 1;
    config->faults.crash_percent = 30;
    config->faults.partition_percent = 40;
}

static void what_is_long_under_way_makes_no_subscription_older(void)
{
    run_seeds(suite_scale(1000, 100000) / suite_slowdown(), let_live_subscribers_come_late);
}

static const struct test_case cases[] = {TEST_CASE(worlds_of_every_size_are_drawn), TEST_CASE(all_faults_keep_the_promises),
                                         TEST_CASE(subscribers_that_die_cost_the_others_nothing),
                                         TEST_CASE(processes_of_one_host_that_stop_are_not_taken_for_dead),
                                         TEST_CASE(what_is_long_under_way_makes_no_subscription_older)};
SUITE_MAIN_TIMEOUT("links", cases, 1200)
