/* A bridge without memory: every allocation of its set-up, start and stop fails once, and once with all behind it. */
#include <stdio.h>

#include <maiko/keypair.h>
#include <maiko/maiko.h>

#include "lib/failing_allocator.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "node/node.h"

static struct host host;
static char reason[256];
static char key_file[600];
static char allow_file[600];

static maiko_status set_up(maiko_bridge *bridge)
{
    maiko_status status = maiko_bridge_export(bridge, &(maiko_bridge_pattern){.pattern = "out/#", .relay = true});

    if (status == MAIKO_OK)
        status = maiko_bridge_import(bridge, &(maiko_bridge_pattern){.pattern = "in/#"});
    if (status == MAIKO_OK)
        status = maiko_bridge_expect(bridge, "somebody", MAIKO_TOPICS("in/a"));
    if (status == MAIKO_OK)
        status = maiko_bridge_listen(bridge, "tcp://127.0.0.1:*");
    if (status == MAIKO_OK)
        status = maiko_bridge_publish_at(bridge, "tcp://127.0.0.1:*");
    if (status == MAIKO_OK)
        status = maiko_bridge_connect(bridge, "ipc:///nowhere", NULL);
    return status;
}

/* What came out of it, after everything was taken down. */
static maiko_status run(struct heap *heap)
{
    maiko_bridge_config config = {.space = "memory", .key_file = key_file, .allow_file = allow_file, .linger_ns = 1};
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.name = "memory", .no_counters_file = true});
    maiko_bridge *bridge = node_new(heap, sup, &config, sizeof(config));
    maiko_status status = bridge == NULL ? MAIKO_ENOMEM : set_up(bridge);

    if (status == MAIKO_OK)
        status = maiko_bridge_start(bridge);
    if (status == MAIKO_OK)
        status = maiko_supervisor_start(sup);
    snprintf(reason, sizeof(reason), "%s", maiko_bridge_error_text(bridge));
    (void)maiko_supervisor_halt(sup, NULL);
    (void)maiko_bridge_stop(&bridge);
    (void)maiko_supervisor_stop(&sup, NULL);
    return status;
}

static void fail_every_allocation(bool stay_failed)
{
    struct failing_allocator failing;
    bool was_hit = true;
    long nth;

    for (nth = 0; was_hit && nth < 2000; nth++) {
        maiko_status status;
        struct heap heap;

        failing_allocator_init(&failing);
        heap_init(&heap, &failing.allocator, 0);
        if (stay_failed)
            failing_allocator_fail_from(&failing, nth);
        else
            failing_allocator_fail_nth(&failing, nth);
        status = run(&heap);
        was_hit = failing_allocator_has_failed(&failing);
        if (status != MAIKO_OK && (status != MAIKO_ENOMEM || !was_hit))
            SUITE_FAIL("allocation %ld: %s: %s", nth, maiko_strerror(status), reason);
        if (!failing_allocator_is_balanced(&failing))
            SUITE_FAIL("allocation %ld: leaks", nth);
    }
    CU_ASSERT_FALSE(was_hit);
    CU_ASSERT(nth > 30);
}

static void write_files(void)
{
    maiko_keypair pair;
    FILE *file;

    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&pair), MAIKO_OK);
    scratch_file(&host.scratch, "key", key_file, sizeof(key_file));
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_save(&pair, key_file, NULL, 0), MAIKO_OK);
    file = fopen(scratch_file(&host.scratch, "allow", allow_file, sizeof(allow_file)), "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file, "[north]\nkey = %s\npublish = in/#\nsubscribe = out/#\n", pair.public_key);
    fclose(file);
}

static void each_allocation_of_a_bridge_may_fail(void)
{
    host_init(&host);
    write_files();
    fail_every_allocation(false);
    host_deinit(&host);
}

static void memory_may_run_out_in_a_bridge_and_stay_so(void)
{
    host_init(&host);
    write_files();
    fail_every_allocation(true);
    host_deinit(&host);
}

static const struct test_case cases[] = {
    TEST_CASE(each_allocation_of_a_bridge_may_fail),
    TEST_CASE(memory_may_run_out_in_a_bridge_and_stay_so),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "bridge memory", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 240};

    return suite_main(argc, argv, &suite);
}
