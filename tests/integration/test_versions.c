/* Old and new peers together: versions of the protocol that meet or do not, and versions of an event type: fields that one side
 * does not have, other widths and orders, values that do not fit, kinds that differ.  The old peer is a process of its own. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <maiko/bridge.h>
#include <maiko/json.h>
#include <maiko/maiko.h>
#include <maiko/schema.h>

#include "lib/process.h"
#include "lib/suite.h"
#include "wire/frame.h"

static struct host host;

/* ---- three versions of one type ---- */

enum release { OLD, NEW, ODD };

static maiko_schema *make_reading(enum release release, const maiko_event_type **ret_type)
{
    maiko_schema *schema = maiko_schema_new("reading", NULL);

    if (release == NEW) {
        maiko_schema_add(schema, MAIKO_KIND_UINT64, "number");
        maiko_schema_add_string(schema, "station", 32);
        maiko_schema_add(schema, MAIKO_KIND_DOUBLE, "celsius");
        maiko_schema_add(schema, MAIKO_KIND_DOUBLE, "humidity");
    } else {
        maiko_schema_add_string(schema, "station", 16);
        if (release == OLD)
            maiko_schema_add(schema, MAIKO_KIND_FLOAT, "celsius");
        else
            maiko_schema_add_string(schema, "celsius", 16);
        maiko_schema_add(schema, MAIKO_KIND_UINT32, "number");
    }
    if (maiko_schema_finish(schema, ret_type) != MAIKO_OK)
        return maiko_schema_free(schema), NULL;
    return schema;
}

/* ---- a node that sends on one topic and notes as JSON what comes on the other ---- */

struct node {
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    maiko_schema *schema;
    const maiko_event_type *type;
    const char *out;
    _Atomic unsigned received;
    char texts[8][160];
};

static maiko_status note(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct node *node = self;
    unsigned index = atomic_load(&node->received);

    (void)ctx;
    if (index < 8)
        (void)maiko_event_to_json(envelope->type, envelope->payload, envelope->payload_len, node->texts[index],
                                  sizeof(node->texts[0]), NULL);
    atomic_store(&node->received, index + 1);
    return MAIKO_OK;
}

static maiko_status start_node(struct node *node, const char *name, enum release release)
{
    static const maiko_actor_ops ops = {.handle = note};
    static const char *const endless[] = {"endless", NULL};
    const maiko_bridge_config config = {.space = "versions", .node = name};
    const char *in = release == NEW ? "to/new" : "to/old";
    const char *const topics[] = {in, "endless", NULL};
    maiko_status status;

    memset(node, 0, sizeof(*node));
    node->out = release == NEW ? "to/old" : "to/new";
    node->schema = make_reading(release, &node->type);
    node->sup = maiko_supervisor_new(NULL);
    node->bridge = maiko_bridge_new(node->sup, &config);
    (void)maiko_bridge_know_type(node->bridge, node->type);
    (void)maiko_bridge_export(node->bridge, &(maiko_bridge_pattern){.pattern = node->out});
    (void)maiko_bridge_import(node->bridge, &(maiko_bridge_pattern){.pattern = in});
    (void)maiko_supervisor_add(
        node->sup, &(maiko_actor_spec){.name = "note", .ops = &ops, .self = node, .subscribe = topics, .publish = endless});
    status = maiko_bridge_start(node->bridge);
    if (status == MAIKO_OK)
        status = maiko_supervisor_start(node->sup);
    if (status == MAIKO_OK)
        status = maiko_bridge_wait_ready(node->bridge, node->out, 1, MAIKO_SECONDS(60));
    return status;
}

static void stop_node(struct node *node)
{
    (void)maiko_supervisor_halt(node->sup, NULL);
    (void)maiko_bridge_stop(&node->bridge);
    (void)maiko_supervisor_stop(&node->sup, NULL);
    maiko_schema_free(node->schema);
}

static maiko_status send_json(struct node *node, const char *json)
{
    const maiko_send_opts opts = {.struct_size = sizeof(opts), .topic = node->out};
    unsigned char event[256];
    size_t len = 0;
    maiko_status status = maiko_event_from_json(node->type, json, strlen(json), event, sizeof(event), &len, NULL, 0);

    if (status != MAIKO_OK)
        return status;
    return maiko_send_options(maiko_supervisor_context(node->sup), &opts, node->type, event, len);
}

static uint64_t refused_by(struct node *node)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    (void)maiko_bridge_count(node->bridge, &counters);
    return counters.import_refused;
}

/* Of what it sent, as the other one says. */
static uint64_t refused_there(struct node *node)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    (void)maiko_bridge_count(node->bridge, &counters);
    return counters.refused_there;
}

/* ---- the other process: sends one event, says what it got ---- */

static volatile sig_atomic_t is_told_to_end;

static void tell_to_end(int signal_number)
{
    (void)signal_number;
    is_told_to_end = 1;
}

static int be_other(enum release release)
{
    struct node node;
    unsigned i;

    signal(SIGTERM, tell_to_end);
    if (start_node(&node, "other", release) != MAIKO_OK)
        return 9;
    if (send_json(&node, release == OLD ? "{\"station\":\"S1\",\"celsius\":21.5,\"number\":7}"
                                        : "{\"station\":\"S1\",\"celsius\":\"warm\",\"number\":7}") != MAIKO_OK)
        return 8;
    while (!wait_until(is_told_to_end, 1000)) {
    }
    (void)maiko_supervisor_halt(node.sup, NULL); /* what came in is handled */
    for (i = 0; i < node.received && i < 8; i++)
        puts(node.texts[i]);
    printf("{\"refused\":%llu}\n", (unsigned long long)refused_by(&node));
    fflush(stdout);
    stop_node(&node);
    return 0;
}

static void begin(struct node *node, struct process *other, const char *role)
{
    host_init(&host);
    process_start(other, "/proc/self/exe", role, NULL);
    CU_ASSERT_EQUAL_FATAL(start_node(node, "here", NEW), MAIKO_OK);
}

static void finish(struct node *node, struct process *other)
{
    CU_ASSERT_EQUAL(maiko_supervisor_halt(node->sup, NULL), MAIKO_OK); /* everything sent is with the bridge */
    CU_ASSERT_EQUAL(maiko_bridge_drain(node->bridge), MAIKO_OK);
    child_signal(&other->child, SIGTERM);
    process_finish(other);
    CU_ASSERT_EQUAL(other->code, 0);
    stop_node(node);
    host_deinit(&host);
}

/* ---- cases ---- */

static void old_and_new_peers_understand_what_both_know(void)
{
    struct node node;
    struct process old;

    begin(&node, &old, "--old");
    CU_ASSERT_EQUAL(send_json(&node, "{\"number\":8,\"station\":\"S2\",\"celsius\":-3.25,\"humidity\":0.5}"), MAIKO_OK);
    CU_ASSERT(wait_until(node.received == 1, 60000));
    CU_ASSERT_STRING_EQUAL(node.texts[0], "{\"number\":7,\"station\":\"S1\",\"celsius\":21.5,\"humidity\":0}");
    finish(&node, &old);
    CU_ASSERT_TRUE(process_says(&old, "{\"station\":\"S2\",\"celsius\":-3.25,\"number\":8}\n"));
    CU_ASSERT_EQUAL(process_figure(&old, "refused"), 0);
}

static void what_does_not_fit_the_older_type_is_refused_and_the_link_goes_on(void)
{
    struct node node;
    struct process old;

    begin(&node, &old, "--old");
    CU_ASSERT_EQUAL(send_json(&node, "{\"number\":\"4294967296\",\"station\":\"S2\",\"celsius\":0,\"humidity\":0}"), MAIKO_OK);
    CU_ASSERT_EQUAL(send_json(&node, "{\"number\":9,\"station\":\"sixteen bytes or more\",\"celsius\":0,\"humidity\":0}"),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(send_json(&node, "{\"number\":10,\"station\":\"S2\",\"celsius\":1e300,\"humidity\":0}"), MAIKO_OK);
    CU_ASSERT_EQUAL(send_json(&node, "{\"number\":4294967295,\"station\":\"S2\",\"celsius\":1,\"humidity\":0}"), MAIKO_OK);
    CU_ASSERT(wait_until(refused_there(&node) == 3, 60000));
    finish(&node, &old);
    CU_ASSERT_EQUAL(process_figure(&old, "refused"), 3);
    CU_ASSERT_EQUAL(process_figure(&old, "number"), UINT32_MAX); /* the only one that came */
}

static void a_field_of_another_kind_is_refused_on_both_sides(void)
{
    struct node node;
    struct process odd;

    begin(&node, &odd, "--odd");
    CU_ASSERT_EQUAL(send_json(&node, "{\"number\":8,\"station\":\"S2\",\"celsius\":-3.25,\"humidity\":0.5}"), MAIKO_OK);
    CU_ASSERT(wait_until(refused_by(&node) == 1, 60000));
    CU_ASSERT(wait_until(refused_there(&node) == 1, 60000));
    finish(&node, &odd);
    CU_ASSERT_EQUAL(node.received, 0);
    CU_ASSERT_EQUAL(process_figure(&odd, "refused"), 1);
    CU_ASSERT_FALSE(process_says(&odd, "station"));
}

/* ---- versions of the protocol ---- */

static void say_hello(void *socket, uint64_t session, uint64_t min, uint64_t max)
{
    struct pack pack;
    const struct frame hello = {.kind = FRAME_HELLO,
                                .session = session,
                                .hello = {.min = min,
                                          .max = max,
                                          .space = slice_of("versions"),
                                          .name = slice_of("stranger"),
                                          .host = slice_of(""),
                                          .node = {.hi = 1, .lo = session},
                                          .epoch = 1}};

    pack_init(&pack, heap_default(), 4096);
    frame_write(&pack, &hello);
    CU_ASSERT_EQUAL(zmq_send(socket, pack.data, pack.len, 0), (int)pack.len);
    pack_deinit(&pack);
}

static enum frame_kind answer_to(const char *endpoint, uint64_t min, uint64_t max, struct frame *frame, uint8_t *bytes,
                                 size_t size)
{
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_DEALER);
    int timeout_ms = 60000;
    int zero = 0;
    int len;

    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof(timeout_ms));
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof(zero));
    CU_ASSERT_EQUAL(zmq_connect(socket, endpoint), 0);
    say_hello(socket, 1, min, max);
    len = zmq_recv(socket, bytes, size, 0);
    CU_ASSERT_FATAL(len > 0 && (size_t)len <= size);
    CU_ASSERT_EQUAL(frame_read(bytes, (size_t)len, frame, NULL), MAIKO_OK);
    zmq_close(socket);
    zmq_ctx_term(context);
    return frame->kind;
}

static void protocol_versions_meet_or_are_refused_by_name(void)
{
    const maiko_bridge_config config = {.space = "versions", .node = "here"};
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    struct frame frame;
    uint8_t bytes[2048];
    char text[256];

    host_init(&host);
    sup = maiko_supervisor_new(NULL);
    bridge = maiko_bridge_new(sup, &config);
    CU_ASSERT_EQUAL(maiko_bridge_listen(bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_start(bridge), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT_EQUAL(answer_to(maiko_bridge_endpoint(bridge, 0), 1, 9, &frame, bytes, sizeof(bytes)), FRAME_WELCOME);
    CU_ASSERT_EQUAL(frame.hello.version, 1);
    CU_ASSERT_EQUAL(answer_to(maiko_bridge_endpoint(bridge, 0), 2, 9, &frame, bytes, sizeof(bytes)), FRAME_REFUSE);
    CU_ASSERT_TRUE(slice_is(frame.reason, "version"));
    snprintf(text, sizeof(text), "%.*s", (int)frame.text.len, (const char *)frame.text.data);
    if (strstr(text, "2") == NULL || strstr(text, "9") == NULL || strstr(text, "1") == NULL)
        SUITE_FAIL("names no ranges: %s", text);
    (void)maiko_supervisor_halt(sup, NULL);
    (void)maiko_bridge_stop(&bridge);
    (void)maiko_supervisor_stop(&sup, NULL);
    host_deinit(&host);
}

static const struct test_case cases[] = {
    TEST_CASE(old_and_new_peers_understand_what_both_know),
    TEST_CASE(what_does_not_fit_the_older_type_is_refused_and_the_link_goes_on),
    TEST_CASE(a_field_of_another_kind_is_refused_on_both_sides),
    TEST_CASE(protocol_versions_meet_or_are_refused_by_name),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "versions", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 1 && strcmp(argv[1], "--old") == 0)
        return be_other(OLD);
    if (argc > 1 && strcmp(argv[1], "--odd") == 0)
        return be_other(ODD);
    return suite_main(argc, argv, &suite);
}
