/* World: nodes, network and the two promises, checked after every step that can break them. */
#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/network.h"
#include <maiko/topic.h>

#define TALLY_FIELDS(F) F(UINT32, node) F(UINT32, life) F(UINT64, number)
MAIKO_EVENT(tally, MAIKO_COMPUTED_TOPIC, TALLY_FIELDS)

/* One topic per policy but FAIL, and one that nobody wants. */
static const struct {
    const char *name;
    maiko_overflow overflow;
} topics[WORLD_TOPICS] = {
    {"t/block", MAIKO_BLOCK}, {"t/newest", MAIKO_DROP_NEWEST}, {"t/oldest", MAIKO_DROP_OLDEST}, {"u/block", MAIKO_BLOCK}};

static const char *const wishes[] = {"#", "t/#", "t/block", "+/block", "t/oldest"};

/* What a receiver has of one life of one sender. */
struct seen {
    uint64_t last;
    uint64_t delivered;
    uint64_t reported;
    uint64_t unknown;
};

/* An exporter's counters when it met the life of the receiver that is there now. */
struct base {
    uint64_t epoch;
    uint64_t offered;
    uint64_t acknowledged;
    uint64_t lost;
    uint64_t dropped;
    uint64_t refused;     /* of ours */
    uint64_t turned_away; /* of theirs */
    uint64_t past;        /* had left the log before the receiver came */
};

struct pending {
    unsigned from;
    uint64_t stream;
    uint64_t position;
    bool is_refused;
};

struct node {
    unsigned index;
    unsigned life;
    uint64_t started_ns;
    uint64_t number;                      /* of the last event published */
    uint64_t held_since[WORLD_NODES_MAX]; /* by each peer */
    uint64_t progress[WORLD_NODES_MAX];
    uint64_t stopped_until;
    const char *wish;
    struct exporter *exporter;
    struct peer *peers[WORLD_NODES_MAX];
    struct seen seen[WORLD_NODES_MAX][WORLD_LIVES_MAX];
    uint64_t published[WORLD_LIVES_MAX][WORLD_TOPICS];
    struct pending *pending; /* events taken and not delivered, oldest first */
    size_t pending_count;
    uint64_t stream_from[WORLD_NODES_MAX]; /* the one the newest event came by */
    uint64_t taken_from[WORLD_NODES_MAX];  /* events the sink got from there, this life */
    uint64_t not_taken[WORLD_NODES_MAX];   /* of these, events it would not have */
    struct base base[WORLD_NODES_MAX];
    struct world *world;
};

struct world {
    const struct world_config *config;
    struct world_result *result;
    struct heap heap;
    uint64_t now;
    uint64_t random;
    struct network network;
    struct node nodes[WORLD_NODES_MAX];
    unsigned window_events;
};

static uint64_t draw(struct world *world, uint64_t below)
{
    world->random = world->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return below > 0 ? (world->random >> 33) % below : 0;
}

static bool chance(struct world *world, unsigned percent)
{
    return draw(world, 100) < percent;
}

__attribute__((format(printf, 2, 3))) static void fail(struct world *world, const char *format, ...)
{
    va_list args;

    if (!world->result->is_sound)
        return;
    world->result->is_sound = false;
    va_start(args, format);
    vsnprintf(world->result->reason, sizeof(world->result->reason), format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static void trace(struct world *world, const char *format, ...)
{
    va_list args;

    if (world->config->trace == NULL)
        return;
    text_append_format(world->config->trace, "[%6llu] ", (unsigned long long)(world->now / 1000000));
    va_start(args, format);
    text_append_vformat(world->config->trace, format, args);
    va_end(args);
    text_append(world->config->trace, "\n");
}

static unsigned other_of(struct node *node, struct peer *peer)
{
    unsigned i;

    for (i = 0; i < WORLD_NODES_MAX; i++)
        if (node->peers[i] == peer)
            return i;
    return node->index;
}

/* ---- The sink ---- */

static void on_send(struct peer *peer, const uint8_t *bytes, size_t len, void *userdata)
{
    struct node *node = userdata;
    struct world *world = node->world;
    unsigned to = other_of(node, peer);
    struct frame frame;

    if (frame_read(bytes, len, &frame, NULL) != MAIKO_OK)
        fail(world, "node %u sent a frame that cannot be read", node->index);
    trace(world, "%u -> %u %s %llu next %llu", node->index, to, frame_kind_name(frame.kind), (unsigned long long)frame.session,
          (unsigned long long)(frame.kind == FRAME_DATA ? frame.first : frame.next));
    network_send(&world->network, node->index, to, bytes, len);
}

static void on_close(struct peer *peer, void *userdata)
{
    struct node *node = userdata;

    network_close(&node->world->network, node->index, other_of(node, peer));
}

/* Promise 1: per sender in order; promise 2: never twice. */
static void check_order(struct node *node, const tally *event, bool is_refused)
{
    struct seen *seen;

    if (event->node >= WORLD_NODES_MAX || event->life >= WORLD_LIVES_MAX) {
        fail(node->world, "node %u got an event nobody sent", node->index);
        return;
    }
    seen = &node->seen[event->node][event->life];
    if (event->number <= seen->last)
        fail(node->world, "node %u got event %llu of node %u (life %u) behind %llu: order or duplicate", node->index,
             (unsigned long long)event->number, event->node, event->life, (unsigned long long)seen->last);
    seen->last = event->number;
    seen->delivered += !is_refused;
    node->world->result->delivered += !is_refused;
}

/* A live subscriber gets nothing older than itself of a node that was there before it, however late that node's hello comes. */
static void check_age(struct node *node, const tally *event, uint64_t published_ns)
{
    const struct node *from = &node->world->nodes[event->node % WORLD_NODES_MAX];

    if (!node->world->result->is_sound || !node->world->config->is_live || from->life != event->life ||
        from->started_ns >= node->started_ns)
        return;
    if (published_ns < node->started_ns)
        fail(node->world, "node %u is live and got event %llu of node %u from before it was there", node->index,
             (unsigned long long)event->number, event->node);
}

static bool is_near(struct peer *peer, void *userdata)
{
    struct node *node = userdata;
    unsigned mask = node->world->config->near_mask;

    return mask >> node->index & mask >> other_of(node, peer) & 1;
}

static maiko_status read_event(struct node *node, const struct payload_plan *plan, const struct inbound_event *event,
                               tally *value)
{
    if (!payload_is_native(event->payload))
        return payload_read(plan, event->payload, value, sizeof(*value), NULL);
    node->world->result->natives++;
    return event->channel->type->is_native ? payload_read_native(plan, event->payload, value, sizeof(*value), NULL) : MAIKO_ETYPE;
}

/* Which topic a node will not have; those with an even number do not allow it, the others cannot take it. */
static const char *refused_topic(const struct node *node)
{
    return topics[(node->world->config->seed + node->index) % WORLD_TOPICS].name;
}

static bool may_publish(struct peer *peer, const char *topic, void *userdata)
{
    const struct node *node = userdata;

    return !node->world->config->has_refusals || node->index % 2 != 0 || strcmp(topic, refused_topic(node)) != 0;
}

static bool cannot_take(const struct node *node, const char *topic)
{
    return node->world->config->has_refusals && node->index % 2 != 0 && strcmp(topic, refused_topic(node)) == 0;
}

/* Now, or when its turn has come. */
static void refuse(struct node *node, unsigned from, uint64_t stream)
{
    peer_refuse(node->peers[from], stream, refused_topic(node), "type");
}

static bool on_deliver(struct peer *peer, const struct inbound_event *event, void *userdata)
{
    struct node *node = userdata;
    struct world *world = node->world;
    struct payload_plan *plan = NULL;
    bool is_refused = cannot_take(node, event->channel->topic);
    tally value;

    if (payload_plan_new(&world->heap, MAIKO_TYPE(tally), event->channel->type, &plan, NULL) != MAIKO_OK ||
        read_event(node, plan, event, &value) != MAIKO_OK) {
        fail(world, "node %u cannot read an event", node->index);
        payload_plan_free(plan);
        return true;
    }
    payload_plan_free(plan);
    event->channel->is_native = is_near(peer, node);
    check_order(node, &value, is_refused);
    check_age(node, &value, event->time_ns);
    node->taken_from[other_of(node, peer)]++;
    node->not_taken[other_of(node, peer)] += is_refused;
    node->stream_from[other_of(node, peer)] = event->stream;
    trace(world, "%u has %u/%u #%llu", node->index, value.node, value.life, (unsigned long long)value.number);
    if (!world->config->faults.has_slow_receivers || (node->pending_count == 0 && chance(world, 70))) {
        if (is_refused)
            refuse(node, other_of(node, peer), event->stream);
        return true;
    }
    if (node->pending_count == WORLD_PENDING_MAX) {
        fail(world, "node %u was sent more than any window", node->index);
        return true;
    }
    node->pending[node->pending_count++] = (struct pending){
        .from = other_of(node, peer), .stream = event->stream, .position = event->position, .is_refused = is_refused};
    return false;
}

static uint64_t lost_by(const struct peer_counters *counters)
{
    return counters->lost_window + counters->lost_oldest + counters->lost_deadline + counters->lost_log;
}

/* Events from there that came and were not taken. */
static uint64_t turned_away(const struct node *node, unsigned from)
{
    return peer_counters(node->peers[from])->denied + node->not_taken[from];
}

static void note_life(struct node *node, struct peer *peer)
{
    struct base *base = &node->base[other_of(node, peer)];
    const struct peer_counters *counters = peer_counters(peer);

    if (base->epoch == peer_remote(peer)->epoch)
        return;
    *base = (struct base){.epoch = peer_remote(peer)->epoch,
                          .offered = counters->offered,
                          .acknowledged = counters->acknowledged,
                          .lost = lost_by(counters),
                          .dropped = counters->lost_peer,
                          .refused = counters->refused,
                          .turned_away = turned_away(node, other_of(node, peer))};
}

static void on_news(struct peer *peer, const struct peer_notice *notice, void *userdata)
{
    struct node *node = userdata;
    unsigned from = other_of(node, peer);
    const struct frame_hello *remote = peer_remote(peer);
    unsigned life = remote != NULL ? (unsigned)remote->epoch - 1 : 0;

    trace(node->world, "%u: %u is %s %s", node->index, from, peer_news_name(notice->news), notice->reason);
    if (node->world->config->faults.is_one_host && strcmp(notice->reason, "silent") == 0 && notice->news == PEER_NEWS_DOWN)
        fail(node->world, "node %u took node %u for dead, which was only stopped", node->index, from);
    if (notice->news == PEER_NEWS_UP)
        note_life(node, peer);
    if (notice->news == PEER_NEWS_SUBSCRIBED && peer_counters(peer)->acknowledged == node->base[from].acknowledged)
        node->base[from].past = peer_counters(peer)->lost_log;
    if (notice->news != PEER_NEWS_GAP || life >= WORLD_LIVES_MAX)
        return;
    if (notice->lost == LOST_UNKNOWN)
        node->seen[from][life].unknown++;
    else
        node->seen[from][life].reported += notice->lost;
}

static bool is_alive(struct peer *peer, void *userdata)
{
    const struct node *node = userdata;

    return node->world->config->faults.is_one_host;
}

static const struct peer_sink sink = {.send = on_send,
                                      .close = on_close,
                                      .deliver = on_deliver,
                                      .is_near = is_near,
                                      .news = on_news,
                                      .is_alive = is_alive,
                                      .may_publish = may_publish};

/* ---- Nodes ---- */

static maiko_id id_of(const struct node *node)
{
    return (maiko_id){.hi = node->index + 1, .lo = node->life + 1};
}

static void add_peer(struct world *world, struct node *node, unsigned other)
{
    bool is_narrow = world->config->is_narrow;
    char name[16];
    struct peer_config config = {.heap = &world->heap,
                                 .exporter = node->exporter,
                                 .identity = {.space = "sim",
                                              .name = name,
                                              .node = id_of(node),
                                              .epoch = node->life + 1,
                                              .started_ns = node->started_ns,
                                              .clock = 1},
                                 .sink = &sink,
                                 .userdata = node,
                                 .session_seed = (uint64_t)(node->life + 1) * 1000,
                                 .window_events = world->window_events,
                                 .window_bytes = is_narrow ? 400 : 0,
                                 .oldest_tail = 3,
                                 .batch_bytes = is_narrow ? 150 : 0};
    struct pattern wish = {.from = world->config->is_live ? FROM_LIVE : FROM_LOG,
                           .made_at_ns = node->started_ns,
                           .text = (char *)(uintptr_t)node->wish};

    snprintf(name, sizeof(name), "n%u", node->index);
    if (peer_new(&config, &node->peers[other]) != MAIKO_OK || peer_subscribe(node->peers[other], &wish, world->now) != MAIKO_OK)
        fail(world, "no peer");
}

static void node_start(struct world *world, struct node *node)
{
    struct exporter_config config = {.heap = &world->heap,
                                     .log_bytes = world->config->is_narrow ? 1024 : 0,
                                     .stream_seed = (uint64_t)(node->life + 1) * 100000 + node->index * 1000 + 1};
    unsigned i;

    node->started_ns = world->now;
    node->number = 0;
    node->pending_count = 0;
    memset(node->seen, 0, sizeof(node->seen));
    memset(node->taken_from, 0, sizeof(node->taken_from));
    memset(node->not_taken, 0, sizeof(node->not_taken));
    memset(node->base, 0, sizeof(node->base));
    if (exporter_new(&config, &node->exporter) != MAIKO_OK) {
        fail(world, "no exporter");
        return;
    }
    for (i = 0; i < world->config->nodes; i++)
        if (i != node->index)
            add_peer(world, node, i);
}

static void node_stop(struct world *world, struct node *node)
{
    unsigned i;

    for (i = 0; i < world->config->nodes; i++)
        node->peers[i] = peer_free(node->peers[i]);
    node->exporter = exporter_free(node->exporter);
    network_kill(&world->network, node->index);
}

static void publish(struct world *world, struct node *node)
{
    unsigned topic = (unsigned)draw(world, WORLD_TOPICS);
    tally event = {.node = node->index, .life = node->life, .number = node->number + 1};
    struct export_event export = {.type = MAIKO_TYPE(tally),
                                  .payload = &event,
                                  .topic = topics[topic].name,
                                  .sender = "sender",
                                  .id = {.hi = 7, .lo = node->number + 1},
                                  .correlation = {.hi = 7, .lo = node->number + 1},
                                  .time_ns = world->now,
                                  .overflow = topics[topic].overflow};

    if (exporter_holds(node->exporter, topics[topic].name) && chance(world, 80))
        return; /* its senders are held; the rest was on its way before */
    if (exporter_publish(node->exporter, &export, world->now) != MAIKO_OK) {
        fail(world, "node %u cannot publish", node->index);
        return;
    }
    node->number++;
    node->published[node->life][topic]++;
    world->result->published++;
    world->result->held += exporter_holds(node->exporter, topics[topic].name);
}

/* ---- Promise 2 while running: bounds ---- */

static size_t pending_from(const struct node *node, unsigned from)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < node->pending_count; i++)
        count += node->pending[i].from == from && node->pending[i].stream == node->stream_from[from];
    return count;
}

static void check_node(struct world *world, struct node *node)
{
    unsigned i;

    for (i = 0; i < world->config->nodes; i++) {
        const struct peer_counters *counters;
        uint64_t events, bytes;

        if (node->peers[i] == NULL)
            continue;
        counters = peer_counters(node->peers[i]);
        peer_depth(node->peers[i], &events, &bytes);
        if (counters->malformed > 0)
            fail(world, "node %u found a frame of node %u malformed", node->index, i);
        if (counters->acknowledged + counters->lost_window + counters->lost_oldest + counters->lost_deadline +
                counters->lost_log + counters->lost_peer >
            counters->offered)
            fail(world, "node %u to %u: more acknowledged and lost than offered", node->index, i);
        if (counters->refused > counters->acknowledged)
            fail(world, "node %u to %u: more refused than acknowledged", node->index, i);
        if (!world->config->faults.has_long_faults && events > world->window_events + 4 * world->config->rounds + 64)
            fail(world, "node %u to %u: %llu records queued", node->index, i, (unsigned long long)events);
    }
    for (i = 0; i < world->config->nodes; i++)
        if (pending_from(node, i) > world->window_events)
            fail(world, "node %u has %zu events of node %u that were acknowledged too early", node->index, pending_from(node, i),
                 i);
}

/* A full peer holds senders to what it subscribed to, and nobody else. */
static void check_who_is_held(struct world *world, const struct node *node)
{
    bool is_holding = false;
    unsigned topic, i;

    for (i = 0; i < world->config->nodes; i++)
        is_holding = is_holding || (node->peers[i] != NULL && peer_holds(node->peers[i]));
    for (topic = 0; topic < WORLD_TOPICS; topic++) {
        bool is_full = false;

        if (!is_holding || !exporter_holds(node->exporter, topics[topic].name))
            continue;
        for (i = 0; i < world->config->nodes; i++) {
            uint64_t events = 0, bytes;

            if (node->peers[i] != NULL && patterns_match(peer_interest(node->peers[i]), topics[topic].name))
                peer_depth(node->peers[i], &events, &bytes);
            is_full = is_full || events >= world->window_events || (world->config->is_narrow && events > 0);
        }
        if (!is_full)
            fail(world, "node %u holds senders to %s although whoever wants it has room", node->index, topics[topic].name);
    }
}

/* Everything below is acknowledged only when its receiver has it. */
static void check_acknowledged(struct world *world, struct node *from, struct node *to)
{
    const struct peer_counters *counters = peer_counters(from->peers[to->index]);
    const struct base *base = &from->base[to->index];
    size_t pending = 0;
    uint64_t taken = to->taken_from[from->index] + peer_counters(to->peers[from->index])->denied;
    size_t i;

    if (base->epoch != to->life + 1)
        return;
    for (i = 0; i < to->pending_count; i++)
        pending += to->pending[i].from == from->index;
    if (pending > 0 && counters->acknowledged - base->acknowledged + pending > taken)
        fail(world, "node %u has events of node %u acknowledged that its receivers do not have", to->index, from->index);
}

/* ---- One step: the earliest of frame, timer, and end of the round ---- */

static void drain_pending(struct world *world, struct node *node, size_t count)
{
    size_t i;

    if (count > node->pending_count)
        count = node->pending_count;
    for (i = 0; i < count; i++) {
        struct pending *pending = &node->pending[i];

        if (pending->is_refused && node->peers[pending->from] != NULL)
            refuse(node, pending->from, pending->stream);
        if (node->peers[pending->from] != NULL)
            peer_delivered(node->peers[pending->from], pending->stream, pending->position, world->now);
    }
    memmove(node->pending, node->pending + count, (node->pending_count - count) * sizeof(*node->pending));
    node->pending_count -= count;
}

static uint64_t next_timer(const struct world *world)
{
    uint64_t earliest = UINT64_MAX;
    unsigned i, j;

    for (i = 0; i < world->config->nodes; i++)
        for (j = 0; j < world->config->nodes; j++) {
            const struct node *node = &world->nodes[i];
            uint64_t due = node->peers[j] != NULL ? peer_deadline(node->peers[j]) : UINT64_MAX;

            if (due < node->stopped_until)
                due = node->stopped_until;
            if (due < earliest)
                earliest = due;
        }
    return earliest;
}

static void run_timers(struct world *world)
{
    unsigned i, j;

    for (i = 0; i < world->config->nodes; i++)
        for (j = 0; j < world->config->nodes; j++) {
            struct node *node = &world->nodes[i];

            if (node->peers[j] != NULL && world->now >= node->stopped_until && peer_deadline(node->peers[j]) <= world->now)
                peer_tick(node->peers[j], world->now);
        }
}

/* The connecting side of a pair is the lower one. */
static void connect_pairs(struct world *world)
{
    unsigned i, j;

    for (i = 0; i < world->config->nodes; i++)
        for (j = i + 1; j < world->config->nodes; j++) {
            struct node *node = &world->nodes[i];

            if (node->peers[j] == NULL || world->nodes[j].peers[i] == NULL || world->now < node->stopped_until)
                continue;
            if (network_connect(&world->network, i, j, world->now)) {
                trace(world, "%u connects to %u", i, j);
                peer_connected(node->peers[j], world->now);
            }
        }
}

/* Promise 4: no peer holds anybody for longer than its deadline, unless there is progress. */
static void check_hold(struct world *world, struct node *node)
{
    unsigned i;

    for (i = 0; i < world->config->nodes; i++) {
        const struct peer *peer = node->peers[i];
        uint64_t progress = peer != NULL ? peer_acknowledged(peer) : 0;

        if (peer == NULL || !peer_holds(peer) || node->held_since[i] < node->stopped_until || progress != node->progress[i])
            node->held_since[i] = world->now;
        node->progress[i] = progress;
        if (world->now - node->held_since[i] > MAIKO_SECONDS(8))
            fail(world, "node %u is held by node %u for longer than the deadline", node->index, i);
    }
}

static void after_step(struct world *world)
{
    unsigned i, j;

    for (i = 0; i < world->config->nodes; i++) {
        struct node *node = &world->nodes[i];

        if (node->exporter == NULL || world->now < node->stopped_until)
            continue;
        for (j = 0; j < world->config->nodes; j++)
            if (node->peers[j] != NULL)
                peer_flush(node->peers[j], world->now);
        check_hold(world, node);
        check_node(world, node);
        check_who_is_held(world, node);
        for (j = 0; j < world->config->nodes; j++)
            if (node->peers[j] != NULL && world->nodes[j].exporter != NULL)
                check_acknowledged(world, node, &world->nodes[j]);
    }
}

static void deliver_frame(struct world *world, struct network_frame *frame)
{
    struct node *to = &world->nodes[frame->to];

    if (to->peers[frame->from] == NULL)
        return;
    if (world->now < to->stopped_until) { /* waits in its socket */
        network_again(&world->network, frame, to->stopped_until);
        return;
    }
    if (frame->len == 0)
        peer_disconnected(to->peers[frame->from], "broken", world->now);
    else
        peer_frame(to->peers[frame->from], frame->bytes, frame->len, world->now);
}

static void run_until(struct world *world, uint64_t until)
{
    connect_pairs(world);
    while (world->result->is_sound) {
        uint64_t frame_at = network_next(&world->network);
        uint64_t timer_at = next_timer(world);
        uint64_t at = frame_at < timer_at ? frame_at : timer_at;

        if (at > until)
            break;
        if (at > world->now)
            world->now = at;
        if (frame_at <= timer_at) {
            struct network_frame frame = network_pop(&world->network);

            deliver_frame(world, &frame);
            network_release(&world->network, &frame);
        } else {
            run_timers(world);
        }
        connect_pairs(world);
        after_step(world);
    }
    world->now = until;
}

/* ---- What goes wrong in a round ---- */

static uint64_t fault_duration(struct world *world)
{
    const struct world_faults *faults = &world->config->faults;

    if (faults->has_long_faults && chance(world, 30))
        return MAIKO_SECONDS(5) + draw(world, MAIKO_SECONDS(10));
    return 1 + draw(world, faults->longest_ns);
}

static void make_trouble(struct world *world)
{
    const struct world_faults *faults = &world->config->faults;
    unsigned a = (unsigned)draw(world, world->config->nodes);
    unsigned b = (unsigned)draw(world, world->config->nodes);
    struct node *node = &world->nodes[a];

    if (a != b && chance(world, faults->break_percent)) {
        trace(world, "break %u-%u", a, b);
        network_break(&world->network, a, b, world->now, fault_duration(world));
    }
    if (a != b && chance(world, faults->partition_percent)) {
        trace(world, "cut %u-%u", a, b);
        network_cut(&world->network, a, b, world->now + fault_duration(world));
    }
    if (chance(world, faults->stop_percent)) {
        uint64_t until = world->now + fault_duration(world);

        trace(world, "stop %u", a);
        if (until > node->stopped_until) /* else what waits for it would come behind what is sent later */
            node->stopped_until = until;
    }
    if (chance(world, faults->crash_percent) && node->life + 1 < WORLD_LIVES_MAX) {
        trace(world, "crash %u", a);
        node_stop(world, node);
        node->life++;
        node->stopped_until = 0;
        node_start(world, node);
    }
}

static void run_round(struct world *world)
{
    unsigned i;
    unsigned count;

    make_trouble(world);
    for (i = 0; i < world->config->nodes; i++) {
        struct node *node = &world->nodes[i];

        if (world->now < node->stopped_until || (world->config->only_sender > 0 && i + 1 != world->config->only_sender))
            continue;
        for (count = (unsigned)draw(world, 6); count > 0 && world->result->is_sound; count--)
            publish(world, node);
        drain_pending(world, node, (size_t)draw(world, 8));
    }
    after_step(world);
    run_until(world, world->now + 1 + draw(world, world->config->faults.has_long_faults ? MAIKO_SECONDS(2) : MAIKO_MS(60)));
}

/* ---- The end: everything is healed, then the books are compared ---- */

static bool is_settled(const struct world *world)
{
    unsigned i, j;

    for (i = 0; i < world->config->nodes; i++)
        for (j = 0; j < world->config->nodes; j++) {
            const struct node *node = &world->nodes[i];

            if (node->peers[j] == NULL)
                continue;
            if (peer_state(node->peers[j]) != PEER_UP || !peer_is_ready(node->peers[j]) || !peer_is_drained(node->peers[j]) ||
                node->pending_count > 0)
                return false;
        }
    return true;
}

static void settle(struct world *world)
{
    unsigned tries;
    unsigned i;

    network_heal(&world->network, world->now);
    for (i = 0; i < world->config->nodes; i++)
        if (world->nodes[i].stopped_until > world->now)
            world->nodes[i].stopped_until = world->now;
    for (tries = 0; tries < 600 && world->result->is_sound && !is_settled(world); tries++) {
        for (i = 0; i < world->config->nodes; i++)
            drain_pending(world, &world->nodes[i], WORLD_PENDING_MAX);
        after_step(world);
        run_until(world, world->now + MAIKO_MS(100));
    }
    if (world->result->is_sound && !is_settled(world))
        fail(world, "not settled a minute after everything was healed");
}

static uint64_t wanted(const struct node *from, const struct node *to)
{
    uint64_t count = 0;
    unsigned i;

    for (i = 0; i < WORLD_TOPICS; i++)
        if (maiko_topic_matches(to->wish, topics[i].name))
            count += from->published[from->life][i];
    return count;
}

/* Published = received + reported lost, for every pair of lives that knew each other all the time. */
static void compare_books(struct world *world, struct node *from, struct node *to)
{
    const struct seen *seen = &to->seen[from->index][from->life];
    const struct peer_counters *counters = peer_counters(from->peers[to->index]);
    const struct base *base = &from->base[to->index];
    uint64_t expected = to->started_ns <= from->started_ns ? wanted(from, to) : counters->offered - base->offered;
    uint64_t lost = lost_by(counters) - base->lost;
    uint64_t turned = turned_away(to, from->index) - to->base[from->index].turned_away;

    world->result->refused += turned;
    world->result->lost += seen->reported;
    world->result->unknown_gaps += seen->unknown;
    world->result->duplicates += counters->duplicates;
    world->result->replays += counters->replays;
    world->result->sessions += counters->sessions;
    world->result->converted += counters->converted;
    if (to->started_ns > from->started_ns && counters->lost_peer > base->dropped)
        return; /* the stream began twice: the receiver never heard of the first one */
    if (seen->delivered + seen->reported + turned != expected)
        fail(world, "node %u published %llu for node %u, which has %llu, was told of %llu lost and refused %llu", from->index,
             (unsigned long long)expected, to->index, (unsigned long long)seen->delivered, (unsigned long long)seen->reported,
             (unsigned long long)turned);
    if (counters->refused - base->refused != turned && counters->lost_peer == base->dropped)
        fail(world, "node %u was told of %llu events that node %u refused, which refused %llu", from->index,
             (unsigned long long)(counters->refused - base->refused), to->index, (unsigned long long)turned);
    if (seen->reported != lost && counters->lost_peer == base->dropped)
        fail(world, "node %u lost %llu for node %u, which was told of %llu", from->index, (unsigned long long)lost, to->index,
             (unsigned long long)seen->reported);
}

/* Nothing under BLOCK is lost as long as everybody keeps within the deadline; and who lives on the same host is never given
 * up. */
static void check_no_loss(struct world *world, struct node *from, struct node *to)
{
    const struct peer_counters *counters = peer_counters(from->peers[to->index]);

    if (world->config->faults.is_one_host && world->config->faults.crash_percent == 0 &&
        counters->lost_log > from->base[to->index].past)
        fail(world, "node %u lost events for node %u by its log although both lived", from->index, to->index);
    if (!world->config->faults.has_long_faults && counters->lost_deadline + counters->lost_log > from->base[to->index].past)
        fail(world, "node %u lost events under BLOCK for node %u although nobody was late", from->index, to->index);
}

static void check_end(struct world *world)
{
    unsigned i, j;

    for (i = 0; i < world->config->nodes; i++)
        for (j = 0; j < world->config->nodes; j++)
            if (i != j && world->result->is_sound) {
                compare_books(world, &world->nodes[i], &world->nodes[j]);
                check_no_loss(world, &world->nodes[i], &world->nodes[j]);
            }
}

void world_run(const struct world_config *config, struct world_result *ret_result)
{
    struct world *world = calloc(1, sizeof(*world));
    unsigned i;

    *ret_result = (struct world_result){.is_sound = true};
    world->config = config;
    world->result = ret_result;
    world->now = MAIKO_SECONDS(100);
    world->random = config->seed * 2 + 1;
    world->window_events = config->is_narrow ? 8 : 4096;
    heap_init(&world->heap, NULL, 0);
    network_init(&world->network, config->seed, config->faults.is_datagram, config->faults.loss_percent);
    for (i = 0; i < config->nodes; i++) {
        world->nodes[i].index = i;
        world->nodes[i].world = world;
        world->nodes[i].wish = wishes[draw(world, sizeof(wishes) / sizeof(wishes[0]))];
        world->nodes[i].pending = calloc(WORLD_PENDING_MAX, sizeof(struct pending));
        node_start(world, &world->nodes[i]);
    }
    connect_pairs(world);
    for (i = 0; i < config->rounds && ret_result->is_sound; i++)
        run_round(world);
    network_set_reliable(&world->network);
    settle(world);
    if (ret_result->is_sound)
        check_end(world);
    for (i = 0; i < config->nodes; i++) {
        node_stop(world, &world->nodes[i]);
        free(world->nodes[i].pending);
    }
    network_deinit(&world->network);
    if (heap_used(&world->heap) != 0)
        fail(world, "%zu bytes left behind", heap_used(&world->heap));
    free(world);
}

struct world_config world_of_seed(uint64_t seed)
{
    uint64_t bits = seed * UINT64_C(0x9e3779b97f4a7c15);
    struct world_config config = {.seed = seed, .rounds = 12 + (unsigned)(bits >> 60), .is_narrow = bits >> 20 & 1};

    config.nodes = (bits >> 8 & 15) == 0 ? 8 : 2 + (unsigned)(bits >> 12 & 3);
    config.faults.is_datagram = bits >> 21 & 1;
    config.faults.loss_percent = (bits >> 22 & 3) * 8;
    config.faults.break_percent = (bits >> 24 & 3) * 15;
    config.faults.partition_percent = (bits >> 26 & 3) * 10;
    config.faults.crash_percent = (bits >> 28 & 3) == 3 ? 10 : 0;
    config.faults.stop_percent = (bits >> 30 & 1) * 10;
    config.faults.has_long_faults = bits >> 31 & 1;
    config.faults.has_slow_receivers = bits >> 32 & 1;
    config.is_live = bits >> 34 & 1;
    config.has_refusals = bits >> 43 & 1;
    config.faults.longest_ns = (bits >> 33 & 1) ? MAIKO_MS(50) : MAIKO_MS(900);
    config.near_mask = (unsigned)(bits >> 35 & 0xff);
    return config;
}
