/* Mesh: nodes that pass on what they take, see mesh.h. */
#include "sim/mesh.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "link/origins.h"
#include "link/peer.h"
#include "sim/network.h"

#define HOPPING_FIELDS(F) F(UINT32, node) F(UINT64, number)
MAIKO_EVENT(hopping, "hop/topic", HOPPING_FIELDS)

enum { PENDING_MAX = MESH_NODES_MAX * MESH_EVENTS_MAX };

/* Taken, and to be passed on when the sink has returned. */
struct taken {
    hopping event;
    maiko_id id;
    unsigned hops;
};

struct mesh_node {
    unsigned index;
    struct exporter *exporter;
    struct origins origins;
    struct peer *peers[MESH_NODES_MAX];
    uint64_t last[MESH_NODES_MAX]; /* number of the newest event, by origin */
    unsigned published;
    struct taken taken[PENDING_MAX];
    unsigned taken_count;
    struct mesh *mesh;
};

struct mesh {
    const struct mesh_config *config;
    struct mesh_result *result;
    struct heap heap;
    struct network network;
    struct mesh_node nodes[MESH_NODES_MAX];
    bool is_joined[MESH_NODES_MAX][MESH_NODES_MAX];
    uint64_t now;
    uint64_t random;
};

static unsigned draw(struct mesh *mesh, unsigned below)
{
    mesh->random = mesh->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((mesh->random >> 33) % below);
}

__attribute__((format(printf, 2, 3))) static void fail(struct mesh *mesh, const char *format, ...)
{
    va_list args;

    if (!mesh->result->is_sound)
        return;
    mesh->result->is_sound = false;
    va_start(args, format);
    vsnprintf(mesh->result->reason, sizeof(mesh->result->reason), format, args);
    va_end(args);
}

/* ---- one node ---- */

static unsigned other_of(const struct mesh_node *node, const struct peer *peer)
{
    unsigned i;

    for (i = 0; i < MESH_NODES_MAX; i++)
        if (node->peers[i] == peer)
            return i;
    return node->index;
}

static void on_send(struct peer *peer, const uint8_t *bytes, size_t len, void *userdata)
{
    struct mesh_node *node = userdata;

    network_send(&node->mesh->network, node->index, other_of(node, peer), bytes, len);
}

static void on_close(struct peer *peer, void *userdata)
{
    struct mesh_node *node = userdata;

    network_close(&node->mesh->network, node->index, other_of(node, peer));
}

static void export_event(struct mesh_node *node, const hopping *event, maiko_id id, maiko_id origin, unsigned hops)
{
    struct export_event export = {.type = MAIKO_TYPE(hopping),
                                  .payload = event,
                                  .topic = "hop/topic",
                                  .sender = "sender",
                                  .id = id,
                                  .correlation = id,
                                  .origin = origin,
                                  .hops = hops,
                                  .time_ns = node->mesh->now,
                                  .overflow = MAIKO_BLOCK};

    if (exporter_publish(node->exporter, &export, node->mesh->now) != MAIKO_OK)
        fail(node->mesh, "node %u cannot publish", node->index);
}

/* At most once and in order per sender, by whatever way it comes. */
static void check_order(struct mesh_node *node, const hopping *event)
{
    struct mesh *mesh = node->mesh;

    if (event->node == node->index)
        fail(mesh, "node %u got its own event back", node->index);
    else if (event->number <= node->last[event->node])
        fail(mesh, "node %u got event %llu of node %u behind %llu: order or duplicate", node->index,
             (unsigned long long)event->number, event->node, (unsigned long long)node->last[event->node]);
    node->last[event->node] = event->number;
    mesh->result->received[node->index][event->node]++;
    mesh->result->delivered++;
}

/* As the bridge does it: the origin is looked up again when the event leaves. */
static void pass_on(struct mesh_node *node)
{
    unsigned i;

    for (i = 0; i < node->taken_count; i++) {
        const struct taken *taken = &node->taken[i];

        export_event(node, &taken->event, taken->id, origins_of_prefix(&node->origins, taken->id.hi), taken->hops);
        node->mesh->result->relayed++;
    }
    node->taken_count = 0;
}

static bool on_deliver(struct peer *peer, const struct inbound_event *event, void *userdata)
{
    struct mesh_node *node = userdata;
    struct payload_plan *plan = NULL;
    hopping value;

    if (payload_plan_new(&node->mesh->heap, MAIKO_TYPE(hopping), event->channel->type, &plan, NULL) != MAIKO_OK ||
        payload_read(plan, event->payload, &value, sizeof(value), NULL) != MAIKO_OK || value.node >= MESH_NODES_MAX) {
        fail(node->mesh, "node %u cannot read an event", node->index);
        payload_plan_free(plan);
        return true;
    }
    payload_plan_free(plan);
    check_order(node, &value);
    if (event->channel->hops > node->mesh->config->hop_limit)
        fail(node->mesh, "node %u got an event over %u links", node->index, event->channel->hops);
    if (node->taken_count == PENDING_MAX)
        fail(node->mesh, "node %u takes more events than there are", node->index);
    else
        node->taken[node->taken_count++] = (struct taken){.event = value, .id = event->id, .hops = event->channel->hops};
    return true;
}

static const struct peer_sink sink = {.send = on_send, .close = on_close, .deliver = on_deliver};

static void add_peer(struct mesh_node *node, unsigned other)
{
    struct mesh *mesh = node->mesh;
    char name[16];
    struct peer_config config = {.heap = &mesh->heap,
                                 .exporter = node->exporter,
                                 .origins = &node->origins,
                                 .identity = {.space = "mesh", .name = name, .node = {node->index + 1, 1}, .epoch = 1},
                                 .sink = &sink,
                                 .userdata = node,
                                 .session_seed = 1,
                                 .hop_limit = mesh->config->hop_limit};
    struct pattern wish = {.from = FROM_LOG, .text = (char *)(uintptr_t) "hop/#"};

    snprintf(name, sizeof(name), "n%u", node->index);
    if (peer_new(&config, &node->peers[other]) != MAIKO_OK || peer_subscribe(node->peers[other], &wish, mesh->now) != MAIKO_OK)
        fail(mesh, "no peer");
}

static void node_init(struct mesh *mesh, unsigned index)
{
    struct mesh_node *node = &mesh->nodes[index];
    struct exporter_config config = {.heap = &mesh->heap, .stream_seed = 1000 * (index + 1)};
    unsigned i;

    node->index = index;
    node->mesh = mesh;
    origins_init(&node->origins, &mesh->heap);
    if (exporter_new(&config, &node->exporter) != MAIKO_OK) {
        fail(mesh, "no exporter");
        return;
    }
    for (i = 0; i < mesh->config->nodes; i++)
        if (mesh->is_joined[index][i])
            add_peer(node, i);
}

static void node_deinit(struct mesh_node *node)
{
    unsigned i;

    for (i = 0; i < MESH_NODES_MAX; i++)
        node->peers[i] = peer_free(node->peers[i]);
    exporter_free(node->exporter);
    origins_deinit(&node->origins);
}

/* ---- shape ---- */

static void join(struct mesh *mesh, unsigned a, unsigned b)
{
    if (a != b)
        mesh->is_joined[a][b] = mesh->is_joined[b][a] = true;
}

static void draw_shape(struct mesh *mesh)
{
    unsigned count = mesh->config->nodes;
    unsigned i, j;

    for (i = 0; i < count; i++)
        for (j = i + 1; j < count; j++)
            if (mesh->config->shape == MESH_FULL || (mesh->config->shape == MESH_RANDOM && draw(mesh, 3) == 0))
                join(mesh, i, j);
    for (i = 0; i + 1 < count && mesh->config->shape != MESH_FULL; i++) /* a line through all: nobody is left out */
        join(mesh, i, i + 1);
    if (mesh->config->shape == MESH_RING)
        join(mesh, 0, count - 1);
}

/* ---- time ---- */

#define FOR_EACH_PEER(mesh, i, j)                                                                                                \
    for (i = 0; i < (mesh)->config->nodes; i++)                                                                                  \
        for (j = 0; j < (mesh)->config->nodes; j++)                                                                              \
            if ((mesh)->nodes[i].peers[j] != NULL)

static void connect_pairs(struct mesh *mesh)
{
    unsigned i, j;

    FOR_EACH_PEER(mesh, i, j)
    {
        if (i < j && network_connect(&mesh->network, i, j, mesh->now))
            peer_connected(mesh->nodes[i].peers[j], mesh->now);
    }
}

static uint64_t run_timers(struct mesh *mesh)
{
    uint64_t next = UINT64_MAX;
    unsigned i, j;

    FOR_EACH_PEER(mesh, i, j)
    {
        struct peer *peer = mesh->nodes[i].peers[j];

        if (peer_deadline(peer) <= mesh->now)
            peer_tick(peer, mesh->now);
        pass_on(&mesh->nodes[i]);
        peer_flush(peer, mesh->now);
        if (peer_deadline(peer) < next)
            next = peer_deadline(peer);
    }
    return next;
}

static void deliver(struct mesh *mesh)
{
    struct network_frame frame = network_pop(&mesh->network);
    struct peer *peer = mesh->nodes[frame.to].peers[frame.from];

    if (frame.len == 0)
        peer_disconnected(peer, "broken", mesh->now);
    else
        peer_frame(peer, frame.bytes, frame.len, mesh->now);
    network_release(&mesh->network, &frame);
}

static void run_until(struct mesh *mesh, uint64_t until)
{
    while (mesh->result->is_sound) {
        uint64_t timer_at;
        uint64_t frame_at;

        connect_pairs(mesh);
        timer_at = run_timers(mesh);
        frame_at = network_next(&mesh->network);
        if ((frame_at < timer_at ? frame_at : timer_at) > until)
            break;
        if ((frame_at < timer_at ? frame_at : timer_at) > mesh->now)
            mesh->now = frame_at < timer_at ? frame_at : timer_at;
        if (frame_at <= timer_at)
            deliver(mesh);
    }
    mesh->now = until;
}

static void run_round(struct mesh *mesh)
{
    unsigned a = draw(mesh, mesh->config->nodes);
    unsigned b = draw(mesh, mesh->config->nodes);
    unsigned i;

    if (mesh->is_joined[a][b] && draw(mesh, 100) < mesh->config->break_percent)
        network_break(&mesh->network, a, b, mesh->now, 1 + draw(mesh, 200000000));
    for (i = 0; i < mesh->config->nodes; i++) {
        struct mesh_node *node = &mesh->nodes[i];

        if (node->published < mesh->config->events && draw(mesh, 2) == 0) {
            hopping event = {.node = i, .number = ++node->published};

            export_event(node, &event, (maiko_id){.hi = 100 + i, .lo = node->published}, (maiko_id){0, 0}, 0);
        }
    }
    run_until(mesh, mesh->now + 1 + draw(mesh, 20000000));
}

/* ---- the books ---- */

static void add_up(struct mesh *mesh)
{
    unsigned i, j;

    FOR_EACH_PEER(mesh, i, j)
    {
        const struct peer_counters *counters = peer_counters(mesh->nodes[i].peers[j]);

        mesh->result->repeated += counters->repeated;
        mesh->result->loops += counters->loops;
        mesh->result->too_many_hops += counters->too_many_hops;
        if (counters->malformed > 0)
            fail(mesh, "node %u found a frame of node %u malformed", i, j);
        if (counters->delivered + counters->repeated + counters->loops + counters->too_many_hops !=
            peer_counters(mesh->nodes[j].peers[i])->acknowledged)
            fail(mesh, "node %u to %u: what was acknowledged is not what came", j, i);
    }
}

/* No way without a circle is longer than this: with so many links allowed everybody has everything. */
static void check_reach(struct mesh *mesh)
{
    unsigned i, j;

    for (i = 0; i < mesh->config->nodes && mesh->config->hop_limit + 1 >= mesh->config->nodes; i++)
        for (j = 0; j < mesh->config->nodes; j++)
            if (i != j && mesh->result->received[i][j] != mesh->config->events)
                fail(mesh, "node %u has %u of %u events of node %u", i, mesh->result->received[i][j], mesh->config->events, j);
}

void mesh_run(const struct mesh_config *config, struct mesh_result *ret_result)
{
    static struct mesh mesh;
    unsigned round;
    unsigned i;

    memset(&mesh, 0, sizeof(mesh));
    memset(ret_result, 0, sizeof(*ret_result));
    ret_result->is_sound = true;
    mesh.config = config;
    mesh.result = ret_result;
    mesh.random = config->seed * 2 + 1;
    mesh.now = MAIKO_SECONDS(1000);
    heap_init(&mesh.heap, NULL, 0);
    network_init(&mesh.network, config->seed, false, 0);
    draw_shape(&mesh);
    for (i = 0; i < config->nodes; i++)
        node_init(&mesh, i);
    for (round = 0; round < 4 * config->events && ret_result->is_sound; round++)
        run_round(&mesh);
    for (i = 0; i < config->nodes; i++)
        while (ret_result->is_sound && mesh.nodes[i].published < config->events)
            run_round(&mesh);
    network_heal(&mesh.network, mesh.now);
    run_until(&mesh, mesh.now + MAIKO_SECONDS(20)); /* an end: nothing goes round for ever */
    add_up(&mesh);
    check_reach(&mesh);
    for (i = 0; i < config->nodes; i++)
        node_deinit(&mesh.nodes[i]);
    network_deinit(&mesh.network);
    if (heap_used(&mesh.heap) != 0)
        fail(&mesh, "%zu bytes left behind", heap_used(&mesh.heap));
}
