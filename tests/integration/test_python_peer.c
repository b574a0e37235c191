/* Peers in Python, written from PROTOCOL.md (python_peer.py): through the open door, and as a node with a link of its own.  What
 * leaves here comes back as it was, to the bit, with the ids and parents that the peer gave it. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>

#include "lib/process.h"
#include "lib/sample_events.h"
#include "lib/suite.h"

enum { KINDS = 4, BODY_LEN = 256 * 300 };

/* ---- what is sent ---- */

struct parcel {
    const char *out;
    const char *back;
    const maiko_event_type *type;
    void *event;
    size_t len;
};

static sample *make_sample(size_t *len)
{
    static const int16_t samples[] = {-32768, 0, 32767};
    const uint64_t nan_bits = UINT64_C(0x7ff8000000000123);
    sample *event = calloc(1, *len = sizeof(*event) + sizeof(samples));

    CU_ASSERT_PTR_NOT_NULL_FATAL(event);
    event->on = true;
    event->i8 = INT8_MIN;
    event->i16 = INT16_MIN;
    event->i32 = INT32_MIN;
    event->i64 = -INT64_C(9007199254740993);
    event->u8 = UINT8_MAX;
    event->u16 = UINT16_MAX;
    event->u32 = UINT32_MAX;
    event->u64 = UINT64_MAX;
    event->f32 = 1.5f;
    memcpy(&event->f64, &nan_bits, sizeof(nan_bits));
    CU_ASSERT_EQUAL(maiko_set(&event->name, "grüße 𝄞"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_set_blob(&event->key, "\x00\xff\x80\x01\x02", 5), MAIKO_OK);
    event->shade = COLOR_DEEP;
    event->best = (mark){.label = "a", .at = {1, -2}, .visible = true};
    event->values[0] = INFINITY;
    event->values[1] = -INFINITY;
    event->values[2] = 0.1;
    event->flags[0] = event->flags[2] = true;
    event->shades[0] = GREEN;
    event->shades[1] = COLOR_BLUE;
    event->marks[1] = (mark){.label = "ü", .at = {7, 8}, .visible = true};
    event->samples_count = 3;
    memcpy(event->samples, samples, sizeof(samples));
    return event;
}

static body *make_body(size_t count, size_t *len)
{
    body *event = calloc(1, *len = sizeof(*event) + count);
    size_t i;

    CU_ASSERT_PTR_NOT_NULL_FATAL(event);
    event->body_count = count;
    for (i = 0; i < count; i++)
        event->body[i] = (unsigned char)i;
    return event;
}

static line *make_line(size_t *len)
{
    static const char text[] = "Zeile ✓\nzwei";
    line *event = calloc(1, *len = sizeof(*event) + sizeof(text) - 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(event);
    event->number = 7;
    event->text_count = sizeof(text) - 1;
    memcpy(event->text, text, sizeof(text) - 1);
    return event;
}

static struct parcel parcels[KINDS] = {
    {.out = "out/sample", .back = "back/sample", .type = MAIKO_TYPE(sample)},
    {.out = "out/body", .back = "back/body", .type = MAIKO_TYPE(body)},
    {.out = "out/empty", .back = "back/empty", .type = MAIKO_TYPE(body)},
    {.out = "out/line", .back = "back/line", .type = MAIKO_TYPE(line)},
};

static void make_parcels(void)
{
    parcels[0].event = make_sample(&parcels[0].len);
    parcels[1].event = make_body(BODY_LEN, &parcels[1].len);
    parcels[2].event = make_body(0, &parcels[2].len);
    parcels[3].event = make_line(&parcels[3].len);
}

static void free_parcels(void)
{
    int i;

    for (i = 0; i < KINDS; i++)
        free(parcels[i].event);
}

/* ---- the node ---- */

static struct host host;

struct node {
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    const char *sender; /* expected of what comes back */
    maiko_id sent[KINDS];
    _Atomic int good;
    _Atomic int bad;
    char reason[200];
};

static bool is_as_sent(struct node *node, int i, const maiko_envelope *envelope)
{
    const struct parcel *parcel = &parcels[i];
    maiko_id id = maiko_envelope_id(envelope);

    if (!maiko_event_is(envelope->type, parcel->type) || envelope->payload_len != parcel->len ||
        memcmp(envelope->payload, parcel->event, parcel->len) != 0)
        snprintf(node->reason, sizeof(node->reason), "%s came back as something else", parcel->out);
    else if (!maiko_id_equal(maiko_envelope_parent(envelope), node->sent[i]) ||
             !maiko_id_equal(maiko_envelope_correlation(envelope), node->sent[i]) || maiko_id_is_nil(id))
        snprintf(node->reason, sizeof(node->reason), "%s: parent or correlation", parcel->back);
    else if (strcmp(maiko_envelope_sender(envelope), node->sender) != 0)
        snprintf(node->reason, sizeof(node->reason), "%s: sender %s", parcel->back, maiko_envelope_sender(envelope));
    return node->reason[0] == '\0';
}

/* Notes the ids of what goes out; compares what comes back and answers it. */
static maiko_status meet(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct node *node = self;
    const char *topic = maiko_envelope_topic(envelope);
    int i;

    for (i = 0; i < KINDS; i++) {
        if (strcmp(topic, parcels[i].out) == 0)
            node->sent[i] = maiko_envelope_id(envelope);
        if (strcmp(topic, parcels[i].back) != 0)
            continue;
        atomic_fetch_add(is_as_sent(node, i, envelope) ? &node->good : &node->bad, 1);
        return maiko_send_child_to(ctx, envelope, "out/reply", tick);
    }
    return MAIKO_OK;
}

static const maiko_actor_ops meet_ops = {.handle = meet};

static void start_node(struct node *node, const char *sender, uint64_t log_bytes)
{
    static const char *const publish[] = {"out/#", NULL};
    static const char *const subscribe[] = {"back/#", "out/#", NULL};
    const maiko_bridge_config config = {.space = "python", .node = "here", .log_bytes = log_bytes, .heartbeat_ns = MAIKO_MS(200)};
    const char *end;

    memset(node, 0, sizeof(*node));
    node->sender = sender;
    node->sup = maiko_supervisor_new(NULL);
    node->bridge = maiko_bridge_new(node->sup, &config);
    (void)maiko_bridge_export(node->bridge, &(maiko_bridge_pattern){.pattern = "out/#"});
    (void)maiko_bridge_import(node->bridge, &(maiko_bridge_pattern){.pattern = "back/#"});
    (void)maiko_bridge_know_type(node->bridge, MAIKO_TYPE(sample));
    (void)maiko_bridge_know_type(node->bridge, MAIKO_TYPE(body));
    (void)maiko_bridge_know_type(node->bridge, MAIKO_TYPE(line));
    (void)maiko_bridge_listen(node->bridge, "tcp://127.0.0.1:*");
    (void)maiko_bridge_publish_at(node->bridge, "tcp://127.0.0.1:*");
    end = maiko_bridge_announce(node->bridge, "node actor", publish, subscribe);
    {
        const char *const topics[] = {"out/#", end, NULL};

        (void)maiko_supervisor_add(
            node->sup,
            &(maiko_actor_spec){.name = "node actor", .ops = &meet_ops, .self = node, .subscribe = subscribe, .publish = topics});
    }
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_start(node->bridge), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_start(node->sup), MAIKO_OK);
}

static void stop_node(struct node *node)
{
    (void)maiko_supervisor_halt(node->sup, NULL);
    (void)maiko_bridge_stop(&node->bridge);
    (void)maiko_supervisor_stop(&node->sup, NULL);
}

static void send_parcels(struct node *node)
{
    int i;

    for (i = 0; i < KINDS; i++) {
        const maiko_send_opts opts = {.struct_size = sizeof(opts), .topic = parcels[i].out};

        CU_ASSERT_EQUAL(
            maiko_send_options(maiko_supervisor_context(node->sup), &opts, parcels[i].type, parcels[i].event, parcels[i].len),
            MAIKO_OK);
    }
}

/* The interpreter that has the two modules: the first in PATH, or the system's. */
static const char *find_python(void)
{
    static const char *const candidates[] = {"python3", "/usr/bin/python3"};
    char text[256];
    size_t i;

    for (i = 0; i < 2; i++) {
        char command[128];

        snprintf(command, sizeof(command), "%s -c 'import zmq, msgpack'", candidates[i]);
        if (shell_output(command, text, sizeof(text)))
            return candidates[i];
    }
    suite_skip("no python3 with zmq and msgpack");
    return NULL;
}

static void start_peer(struct process *process, const char *python, const char *role, const char *endpoints)
{
    char options[1400];
    const char *source = getenv("MAIKO_SRCDIR");

    snprintf(options, sizeof(options), "%s/tests/integration/python_peer.py %s %s", source != NULL ? source : "..", role,
             endpoints);
    process_start(process, python, options, NULL);
}

static void end_peer(struct node *node, struct process *process)
{
    process_finish(process);
    CU_ASSERT_EQUAL(process->code, 0);
    CU_ASSERT_TRUE(process_says(process, "python_peer: ok"));
    CU_ASSERT_EQUAL(node->good, KINDS);
    if (node->bad > 0)
        SUITE_FAIL("%s", node->reason);
}

/* ---- cases ---- */

static maiko_bridge_counters counters_of(const struct node *node)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    CU_ASSERT_EQUAL(maiko_bridge_count(node->bridge, &counters), MAIKO_OK);
    return counters;
}

static void an_outsider_listens_and_publishes(void)
{
    const char *python = find_python();
    struct node node;
    struct process process;
    char endpoints[256];

    if (python == NULL)
        return;
    host_init(&host);
    make_parcels();
    start_node(&node, "python", 0);
    snprintf(endpoints, sizeof(endpoints), "%s %s", maiko_bridge_endpoint(node.bridge, 1), maiko_bridge_endpoint(node.bridge, 0));
    start_peer(&process, python, "door", endpoints);
    /* Until the subscription has arrived; the peer takes no notice of this topic. */
    CU_ASSERT_TRUE(wait_until(maiko_send_to(maiko_supervisor_context(node.sup), "out/knock", tick) == MAIKO_OK &&
                                  counters_of(&node).published > 0,
                              60000));
    send_parcels(&node);
    end_peer(&node, &process);
    CU_ASSERT_EQUAL(counters_of(&node).imported, KINDS); /* nothing of what was refused */
    CU_ASSERT_EQUAL(counters_of(&node).publish_lost, 0);
    stop_node(&node);
    free_parcels();
    host_deinit(&host);
}

/* The peer makes a link and asks for the log.  False: there is no Python to run it. */
static bool start_link(struct node *node, struct process *process, const char *role)
{
    const char *python = find_python();

    if (python == NULL)
        return false;
    host_init(&host);
    make_parcels();
    start_node(node, "python actor", 0);
    send_parcels(node);
    start_peer(process, python, role, maiko_bridge_endpoint(node->bridge, 0));
    return true;
}

static void stop_link(struct node *node)
{
    stop_node(node);
    free_parcels();
    host_deinit(&host);
}

static void a_node_of_another_language_has_a_link_like_any_other(void)
{
    struct node node;
    struct process process;

    if (!start_link(&node, &process, "node"))
        return;
    end_peer(&node, &process);
    CU_ASSERT_EQUAL(counters_of(&node).imported, KINDS);
    CU_ASSERT_EQUAL(counters_of(&node).acknowledged, 2 * KINDS);
    CU_ASSERT_EQUAL(counters_of(&node).lost + counters_of(&node).gaps, 0);
    stop_link(&node);
}

static void what_it_will_not_have_is_told_both_ways(void)
{
    struct node node;
    struct process process;

    if (!start_link(&node, &process, "refusing"))
        return;
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 0);
    CU_ASSERT_TRUE(process_says(&process, "python_peer: ok"));
    CU_ASSERT(wait_until(counters_of(&node).refused_there == KINDS, 60000));
    CU_ASSERT_EQUAL(counters_of(&node).acknowledged, KINDS);
    CU_ASSERT_EQUAL(counters_of(&node).imported, 0);
    CU_ASSERT_EQUAL(node.good + node.bad, 0);
    stop_link(&node);
}

/* What this node has in its log is older than the peer's subscription, and the peer is older than this node's. */
static void who_hears_late_of_another_is_told_again(void)
{
    struct node node;
    struct process process;

    if (!start_link(&node, &process, "late"))
        return;
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 0);
    CU_ASSERT_TRUE(process_says(&process, "python_peer: ok"));
    CU_ASSERT_EQUAL(counters_of(&node).exported, KINDS);
    CU_ASSERT_EQUAL(counters_of(&node).acknowledged + counters_of(&node).lost, 0);
    stop_link(&node);
}

/* Events of many lengths, and the loss of those that had left the log, which is a record of another kind. */
static void publish_more_than_the_log_holds(struct node *node)
{
    size_t count;

    for (count = 1; count <= 400; count++) {
        const maiko_send_opts opts = {.struct_size = sizeof(opts), .topic = "out/body"};
        size_t len;
        body *event = make_body(1 + count * 37 % 500, &len);

        CU_ASSERT_EQUAL(maiko_send_options(maiko_supervisor_context(node->sup), &opts, MAIKO_TYPE(body), event, len), MAIKO_OK);
        free(event);
    }
    CU_ASSERT(wait_until(counters_of(node).exported == 400, 60000));
}

static void play_window(const char *bytes_and_events)
{
    const char *python = find_python();
    struct process process;
    char endpoints[256];
    struct node node;

    if (python == NULL)
        return;
    host_init(&host);
    start_node(&node, "python actor", 20000);
    publish_more_than_the_log_holds(&node);
    snprintf(endpoints, sizeof(endpoints), "%s %s", maiko_bridge_endpoint(node.bridge, 0), bytes_and_events);
    start_peer(&process, python, "window", endpoints);
    process_finish(&process);
    CU_ASSERT_EQUAL(process.code, 0);
    CU_ASSERT_TRUE(process_says(&process, "python_peer: ok"));
    stop_node(&node);
    host_deinit(&host);
}

static void a_window_of_bytes_counts_what_the_protocol_says(void)
{
    play_window("4000 1000");
}

static void a_window_of_events_counts_all_records(void)
{
    play_window("1000000 10");
}

static const struct test_case cases[] = {
    TEST_CASE(an_outsider_listens_and_publishes),
    TEST_CASE(a_node_of_another_language_has_a_link_like_any_other),
    TEST_CASE(what_it_will_not_have_is_told_both_ways),
    TEST_CASE(who_hears_late_of_another_is_told_again),
    TEST_CASE(a_window_of_bytes_counts_what_the_protocol_says),
    TEST_CASE(a_window_of_events_counts_all_records),
};
SUITE_MAIN_TIMEOUT("python_peer", cases, 300)
