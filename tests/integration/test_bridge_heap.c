/* A bridge on the memory of its supervisor: what it takes goes back there, and is counted against its cap. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <maiko/bridge.h>
#include <maiko/event.h>
#include <maiko/maiko.h>

#include "base/heap.h"
#include "lib/failing_allocator.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "runtime/shared_heap.h"

#define PARCEL_FIELDS(F) F(UINT64, number) F(TAIL, body, BYTES)
MAIKO_EVENT(parcel, "out/parcel", PARCEL_FIELDS)

enum { PARCELS = 200, PARCEL_LEN = 100000, CAP = 8 * 1024 * 1024 }; /* more than twice the cap */

static struct host host;

struct end {
    struct failing_allocator memory;
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    _Atomic uint64_t received;
};

static maiko_status note(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct end *end = self;

    end->received += maiko_event_is(envelope->type, MAIKO_TYPE(parcel)) && envelope->payload_len > PARCEL_LEN;
    return MAIKO_OK;
}

static const maiko_actor_ops note_ops = {.handle = note};

static void make_end(struct end *end, const char *node, size_t cap, maiko_transport transport)
{
    memset(end, 0, sizeof(*end));
    failing_allocator_init(&end->memory);
    end->sup = maiko_supervisor_new(&(maiko_config){
        .name = node, .shards = 1, .no_counters_file = true, .memory_cap_bytes = cap, .allocator = &end->memory.allocator});
    end->bridge = maiko_bridge_new(end->sup, &(maiko_bridge_config){.space = "memory", .node = node, .transport = transport});
    CU_ASSERT_PTR_NOT_NULL_FATAL(end->bridge);
}

static void start_end(struct end *end)
{
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_start(end->bridge), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_start(end->sup), MAIKO_OK);
}

static void stop_end(struct end *end)
{
    (void)maiko_supervisor_halt(end->sup, NULL);
    (void)maiko_bridge_stop(&end->bridge);
    (void)maiko_supervisor_stop(&end->sup, NULL);
    CU_ASSERT(failing_allocator_is_balanced(&end->memory));
}

static maiko_bridge_counters count(maiko_bridge *bridge)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    CU_ASSERT_EQUAL(maiko_bridge_count(bridge, &counters), MAIKO_OK);
    return counters;
}

/* Each is taken by the bridge before the next is sent, so that no more than that is on its way. */
static void send_parcels(struct end *end)
{
    size_t len = sizeof(parcel) + PARCEL_LEN;
    parcel *event = calloc(1, len);
    uint64_t i;

    CU_ASSERT_PTR_NOT_NULL_FATAL(event);
    event->body_count = PARCEL_LEN;
    for (i = 0; i < PARCELS; i++) {
        const maiko_send_opts opts = {.struct_size = sizeof(opts), .topic = "out/parcel"};

        event->number = i;
        CU_ASSERT_EQUAL(maiko_send_options(maiko_supervisor_context(end->sup), &opts, MAIKO_TYPE(parcel), event, len), MAIKO_OK);
        CU_ASSERT(wait_until(count(end->bridge).exported == i + 1, 60000));
    }
    free(event);
}

static void make_from(struct end *from, size_t cap, maiko_transport transport)
{
    make_end(from, "from", cap, transport);
    CU_ASSERT_EQUAL(maiko_bridge_export(from->bridge, &(maiko_bridge_pattern){.pattern = "out/#"}), MAIKO_OK);
    start_end(from);
}

static void make_to(struct end *to, maiko_transport transport)
{
    make_end(to, "to", 0, transport);
    (void)maiko_supervisor_add(to->sup, &(maiko_actor_spec){.name = "note",
                                                            .ops = &note_ops,
                                                            .self = to,
                                                            .subscribe = MAIKO_TOPICS("out/parcel", "endless"),
                                                            .publish = MAIKO_TOPICS("endless")});
    CU_ASSERT_EQUAL(maiko_bridge_import(to->bridge, &(maiko_bridge_pattern){.pattern = "out/#"}), MAIKO_OK);
    start_end(to);
}

/* Large frames are not given to libzmq then, which would free them as if they were malloc's. */
static void send_by(size_t cap, maiko_transport transport)
{
    struct end from;
    struct end to;

    host_init(&host);
    make_from(&from, cap, transport);
    make_to(&to, transport);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(from.bridge, "out/parcel", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    send_parcels(&from);
    CU_ASSERT(wait_until(to.received == PARCELS, 60000));
    CU_ASSERT_EQUAL(count(from.bridge).export_refused + count(from.bridge).lost, 0);
    stop_end(&to);
    stop_end(&from);
    host_deinit(&host);
}

static void what_is_taken_for_links_over_zmq_goes_back_to_the_allocator(void)
{
    send_by(0, MAIKO_TRANSPORT_ZMQ);
}

static void what_is_taken_for_links_over_shared_memory_goes_back_to_the_allocator(void)
{
    send_by(0, MAIKO_TRANSPORT_SHM);
}

static void under_a_cap_events_leave_over_zmq(void)
{
    send_by(CAP, MAIKO_TRANSPORT_ZMQ);
}

static void a_bridge_counts_against_the_cap_of_its_supervisor(void)
{
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.no_counters_file = true, .memory_cap_bytes = CAP});
    struct heap *heap = maiko_supervisor_heap(sup);
    size_t before;
    maiko_bridge *bridge;

    CU_ASSERT_PTR_NOT_NULL_FATAL(heap);
    before = heap_used(heap);
    bridge = maiko_bridge_new(sup, NULL);
    CU_ASSERT(heap_used(heap) > before);
    (void)maiko_bridge_stop(&bridge);
    CU_ASSERT_EQUAL(heap_used(heap), before);
    heap->cap = before + 1;
    CU_ASSERT_PTR_NULL(maiko_bridge_new(sup, NULL));
    (void)maiko_supervisor_stop(&sup, NULL);

    sup = maiko_supervisor_new(&(maiko_config){.no_counters_file = true});
    CU_ASSERT_PTR_NULL(maiko_supervisor_heap(sup)); /* nothing to count, and malloc() is what it has, too */
    (void)maiko_supervisor_stop(&sup, NULL);
    CU_ASSERT_PTR_NULL(maiko_supervisor_heap(NULL));
}

/* What is kept of the past leaves room for what comes: several times the cap passes through the log. */
static void the_past_leaves_room_under_a_cap(void)
{
    struct end from;

    host_init(&host);
    make_from(&from, CAP / 4, MAIKO_TRANSPORT_ZMQ);
    send_parcels(&from);
    CU_ASSERT_EQUAL(count(from.bridge).export_refused, 0);
    stop_end(&from);
    host_deinit(&host);
}

static const struct test_case cases[] = {
    TEST_CASE(what_is_taken_for_links_over_zmq_goes_back_to_the_allocator),
    TEST_CASE(what_is_taken_for_links_over_shared_memory_goes_back_to_the_allocator),
    TEST_CASE(under_a_cap_events_leave_over_zmq),
    TEST_CASE(a_bridge_counts_against_the_cap_of_its_supervisor),
    TEST_CASE(the_past_leaves_room_under_a_cap),
};
SUITE_MAIN_TIMEOUT("bridge_heap", cases, 300)
