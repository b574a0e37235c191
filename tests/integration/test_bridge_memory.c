/* A bridge without memory: every allocation of its set-up, start and stop fails once, and once with all behind it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <maiko/event.h>
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

/* What came out of it, after everything was taken down.  Without a heap the bridge has what its supervisor has. */
static maiko_status run(maiko_supervisor *sup, struct heap *heap)
{
    maiko_bridge_config config = {.space = "memory", .key_file = key_file, .allow_file = allow_file, .linger_ns = 1};
    maiko_bridge *bridge = heap != NULL ? node_new(heap, sup, &config, sizeof(config)) : maiko_bridge_new(sup, &config);
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

static void check(const struct failing_allocator *failing, long nth, maiko_status status)
{
    if (status != MAIKO_OK && (status != MAIKO_ENOMEM || !failing_allocator_has_failed(failing)))
        SUITE_FAIL("allocation %ld: %s: %s", nth, maiko_strerror(status), reason);
    if (!failing_allocator_is_balanced(failing))
        SUITE_FAIL("allocation %ld: leaks", nth);
}

static void fail_every_allocation(bool stay_failed)
{
    struct failing_allocator failing;
    bool was_hit = true;
    long nth;

    for (nth = 0; was_hit && nth < 2000; nth++) {
        maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.name = "memory", .no_counters_file = true});
        maiko_status status;
        struct heap heap;

        failing_allocator_init(&failing);
        heap_init(&heap, &failing.allocator, 0);
        if (stay_failed)
            failing_allocator_fail_from(&failing, nth);
        else
            failing_allocator_fail_nth(&failing, nth);
        status = run(sup, &heap);
        was_hit = failing_allocator_has_failed(&failing);
        check(&failing, nth, status);
    }
    CU_ASSERT_FALSE(was_hit);
    CU_ASSERT(nth > 30);
}

/* The bridge and its supervisor by one allocator, which the program gave to the supervisor only. */
static void fail_every_allocation_of_both(void)
{
    struct failing_allocator failing;
    bool was_hit = true;
    long nth;

    for (nth = 0; was_hit && nth < 4000; nth++) {
        maiko_supervisor *sup;
        maiko_status status;

        failing_allocator_init(&failing);
        sup = maiko_supervisor_new(
            &(maiko_config){.name = "memory", .no_counters_file = true, .shards = 1, .allocator = &failing.allocator});
        CU_ASSERT_PTR_NOT_NULL_FATAL(sup);
        failing_allocator_fail_nth(&failing, nth);
        status = run(sup, NULL);
        was_hit = failing_allocator_has_failed(&failing);
        check(&failing, nth, status);
    }
    CU_ASSERT_FALSE(was_hit);
    CU_ASSERT(nth > 60); /* those of the bridge are among them */
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

static void the_allocator_of_the_supervisor_is_the_bridges_and_may_fail(void)
{
    host_init(&host);
    write_files();
    fail_every_allocation_of_both();
    host_deinit(&host);
}

/* ---- a batch that found no memory, and then no supervisor ---- */

#define PARCEL_FIELDS(F) F(UINT64, number) F(TAIL, content, BYTES)
MAIKO_EVENT(parcel, "parcel", PARCEL_FIELDS)

enum { CONTENT = 1000, STUCK_AT = 50, BURST = 30 }; /* of 4096 bytes that an inbox has at first */

struct stuck_reader {
    _Atomic uint64_t count;
    atomic_bool may_go;
};

static maiko_status read_until_stuck(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct stuck_reader *reader = self;

    if (++reader->count == STUCK_AT)
        CU_ASSERT(wait_until(reader->may_go, 60000));
    return MAIKO_OK;
}

static void make_node(maiko_supervisor **sup, maiko_bridge **bridge, const maiko_allocator *allocator, const char *name,
                      struct stuck_reader *reader)
{
    static const maiko_actor_ops ops = {.handle = read_until_stuck};
    const maiko_bridge_config config = {.space = "memory", .node = name};

    *sup = maiko_supervisor_new(&(maiko_config){.name = name, .shards = 1, .allocator = allocator, .no_counters_file = true});
    *bridge = node_new(heap_default(), *sup, &config, sizeof(config)); /* which has memory when the supervisor has none */
    if (reader == NULL)
        (void)maiko_bridge_export(*bridge, &(maiko_bridge_pattern){.pattern = "parcel"});
    else
        (void)maiko_bridge_import(*bridge, &(maiko_bridge_pattern){.pattern = "parcel"});
    if (reader != NULL)
        (void)maiko_supervisor_add(*sup, &(maiko_actor_spec){.name = "reader",
                                                             .ops = &ops,
                                                             .self = reader,
                                                             .subscribe = MAIKO_TOPICS("parcel", "endless"),
                                                             .publish = MAIKO_TOPICS("endless")});
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_start(*bridge), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_start(*sup), MAIKO_OK);
}

static maiko_bridge_counters count(maiko_bridge *bridge)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    CU_ASSERT_EQUAL(maiko_bridge_count(bridge, &counters), MAIKO_OK);
    return counters;
}

static void send_parcel(maiko_supervisor *sup, uint64_t number)
{
    maiko_context *ctx = maiko_supervisor_context(sup);
    parcel *event = maiko_reserve(ctx, parcel, CONTENT);

    CU_ASSERT_PTR_NOT_NULL_FATAL(event);
    event->number = number;
    memset(event->content, 0, CONTENT);
    CU_ASSERT_EQUAL(maiko_commit(ctx, event), MAIKO_OK);
}

static void *halt(void *sup)
{
    (void)maiko_supervisor_halt(sup, NULL);
    return NULL;
}

/* The reader holds its shard, so nothing is taken out of the importer's inbox, which cannot grow: the batch stays with the bridge
 * until there is no supervisor for it.  Who sent it hears that, although nothing of it was refused by itself. */
static void a_batch_that_a_halting_supervisor_does_not_take_is_told(void)
{
    struct failing_allocator failing;
    struct stuck_reader reader = {.count = 0};
    maiko_supervisor *sender, *taker;
    maiko_bridge *from, *to;
    pthread_t thread;
    uint64_t before;
    uint64_t i;

    host_init(&host);
    failing_allocator_init(&failing);
    make_node(&sender, &from, NULL, "from", NULL);
    make_node(&taker, &to, &failing.allocator, "to", &reader);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(from, "parcel", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    for (i = 1; i <= STUCK_AT; i++) {
        send_parcel(sender, i);
        CU_ASSERT_FATAL(wait_until(reader.count == i, 60000));
    }
    failing_allocator_fail_from(&failing, 0);
    for (; i <= STUCK_AT + BURST; i++)
        send_parcel(sender, i);
    CU_ASSERT(wait_until(count(to).import_refused > 0, 60000)); /* a few are in, the rest found no room in their batch */
    before = count(to).import_refused;
    for (; i <= STUCK_AT + 2 * BURST; i++)
        send_parcel(sender, i);
    CU_ASSERT(wait_until(count(to).import_refused > before, 60000)); /* so is the rest of these, and a few are in no inbox */
    before = count(to).import_refused;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, halt, taker), 0);
    CU_ASSERT(wait_until(count(to).import_refused > before && count(from).refused_there == count(to).import_refused, 60000));
    failing_allocator_fail_nth(&failing, -1);
    reader.may_go = true;
    pthread_join(thread, NULL);
    (void)maiko_bridge_stop(&to);
    (void)maiko_supervisor_stop(&taker, NULL);
    (void)maiko_supervisor_halt(sender, NULL);
    (void)maiko_bridge_stop(&from);
    (void)maiko_supervisor_stop(&sender, NULL);
    CU_ASSERT(failing_allocator_is_balanced(&failing));
    host_deinit(&host);
}

static const struct test_case cases[] = {
    TEST_CASE(each_allocation_of_a_bridge_may_fail),
    TEST_CASE(memory_may_run_out_in_a_bridge_and_stay_so),
    TEST_CASE(the_allocator_of_the_supervisor_is_the_bridges_and_may_fail),
    TEST_CASE(a_batch_that_a_halting_supervisor_does_not_take_is_told),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "bridge memory", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 240};

    return suite_main(argc, argv, &suite);
}
