/* World: nodes, network, and what goes wrong; promises.c checks every step that can break one. */
#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/promises.h"
#include "sim/world_state.h"
#include <maiko/topic.h>

/* One topic per policy but FAIL, and one that nobody wants. */
const struct world_topic world_topics[WORLD_TOPICS] = {
    {"t/block", MAIKO_BLOCK}, {"t/newest", MAIKO_DROP_NEWEST}, {"t/oldest", MAIKO_DROP_OLDEST}, {"u/block", MAIKO_BLOCK}};

static const char *const wishes[] = {"#", "t/#", "t/block", "+/block", "t/oldest"};

static uint64_t draw(struct world *world, uint64_t below)
{
    world->random = world->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return below > 0 ? (world->random >> 33) % below : 0;
}

static bool chance(struct world *world, unsigned percent)
{
    return draw(world, 100) < percent;
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

/* ---- Clocks ---- */

static uint64_t clock_of(const struct node *node)
{
    return world_clock(node, node->world->now);
}

/* When the node's clock shows that. */
static uint64_t time_of(const struct node *node, uint64_t clock_ns)
{
    uint64_t at = clock_ns - node->ahead_ns;

    if (clock_ns == UINT64_MAX)
        return UINT64_MAX;
    at -= (uint64_t)((int64_t)(at / 10000) * node->drift);
    while (world_clock(node, at) < clock_ns)
        at += clock_ns - world_clock(node, at);
    return at;
}

/* ---- The sink ---- */

static void on_send(struct peer *peer, const uint8_t *bytes, size_t len, void *userdata)
{
    struct node *node = userdata;
    struct world *world = node->world;
    unsigned to = other_of(node, peer);
    struct frame frame;

    if (frame_read(bytes, len, &frame, NULL) != MAIKO_OK)
        world_fail(world, "node %u sent a frame that cannot be read", node->index);
    trace(world, "%u -> %u %s %llu next %llu", node->index, to, frame_kind_name(frame.kind), (unsigned long long)frame.session,
          (unsigned long long)(frame.kind == FRAME_DATA ? frame.first : frame.next));
    network_send(&world->network, node->index, to, bytes, len);
}

static void on_close(struct peer *peer, void *userdata)
{
    struct node *node = userdata;

    network_close(&node->world->network, node->index, other_of(node, peer));
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
    return world_topics[(node->world->config->seed + node->index) % WORLD_TOPICS].name;
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
        world_fail(world, "node %u cannot read an event", node->index);
        payload_plan_free(plan);
        return true;
    }
    payload_plan_free(plan);
    event->channel->is_native = is_near(peer, node);
    promises_check_order(node, &value, is_refused);
    promises_check_age(node, &value, event->time_ns);
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
        world_fail(world, "node %u was sent more than any window", node->index);
        return true;
    }
    node->pending[node->pending_count++] = (struct pending){.from = other_of(node, peer),
                                                            .stream = event->stream,
                                                            .position = event->position,
                                                            .bytes = event->payload.len,
                                                            .is_refused = is_refused};
    return false;
}

static void on_backlog(struct peer *peer, struct peer_backlog *ret_backlog, void *userdata)
{
    struct node *node = userdata;
    size_t i;

    *ret_backlog = (struct peer_backlog){.events = 0};
    for (i = 0; i < node->pending_count; i++) {
        bool is_its = node->pending[i].from == other_of(node, peer);

        ret_backlog->events += is_its;
        ret_backlog->bytes += is_its ? node->pending[i].bytes : 0;
    }
}

/* Everybody here keeps to the windows. */
static void check_limit(struct node *node, const struct peer_notice *notice)
{
    if (notice->news == PEER_NEWS_DOWN && strcmp(notice->reason, "limit") == 0)
        world_fail(node->world, "node %u ended a session by the window: %s", node->index, notice->text);
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
                          .lost = world_lost(counters),
                          .dropped = counters->lost_peer,
                          .refused = counters->refused,
                          .turned_away = world_turned_away(node, other_of(node, peer))};
}

static void on_news(struct peer *peer, const struct peer_notice *notice, void *userdata)
{
    struct node *node = userdata;
    unsigned from = other_of(node, peer);
    const struct frame_hello *remote = peer_remote(peer);
    unsigned life = remote != NULL ? (unsigned)remote->epoch - 1 : 0;

    trace(node->world, "%u: %u is %s %s", node->index, from, peer_news_name(notice->news), notice->reason);
    check_limit(node, notice);
    if (node->world->config->faults.is_one_host && strcmp(notice->reason, "silent") == 0 && notice->news == PEER_NEWS_DOWN)
        world_fail(node->world, "node %u took node %u for dead, which was only stopped", node->index, from);
    if (notice->news == PEER_NEWS_UP)
        note_life(node, peer);
    if (notice->news == PEER_NEWS_SUBSCRIBED && peer_counters(peer)->acknowledged == node->base[from].acknowledged)
        node->base[from].past = peer_counters(peer)->lost_log;
    if (notice->news == PEER_NEWS_SUBSCRIBED && node->world->now - node->asked_ns[from] > node->base[from].asking_ns)
        node->base[from].asking_ns = node->world->now - node->asked_ns[from];
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
                                      .backlog = on_backlog,
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
                                              .started_ns = world_clock(node, node->started_ns),
                                              .clock = world->config->has_own_clocks ? node->index + 1 : 1},
                                 .sink = &sink,
                                 .userdata = node,
                                 .session_seed = (uint64_t)(node->life + 1) * 1000,
                                 .window_events = world->window_events,
                                 .window_bytes = is_narrow ? 400 : 0,
                                 .oldest_tail = 3,
                                 .batch_bytes = is_narrow ? 150 : 0};
    struct pattern wish = {.from = world->config->is_live ? FROM_LIVE : FROM_LOG,
                           .made_at_ns = world_clock(node, node->started_ns),
                           .text = (char *)(uintptr_t)node->wish};

    snprintf(name, sizeof(name), "n%u", node->index);
    if (peer_new(&config, &node->peers[other]) != MAIKO_OK ||
        peer_subscribe(node->peers[other], &wish, clock_of(node)) != MAIKO_OK)
        world_fail(world, "no peer");
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
    memset(node->asked_session, 0, sizeof(node->asked_session));
    if (exporter_new(&config, &node->exporter) != MAIKO_OK) {
        world_fail(world, "no exporter");
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

/* Ids as long as those of programs, so that records are written in their usual form. */
static const uint64_t first_id = UINT64_C(1) << 32;

/* Up to `count` events as a batch brings them, the first of which is `export`: those whose records are as long as its own.
 * 0: refused. */
static size_t publish_run(struct node *node, const struct export_event *export, size_t count)
{
    struct export_channel *channel;
    struct export_run run = {.count = 0};
    tally event = *(const tally *)export->payload;
    struct pack pack;
    size_t size;

    if (exporter_channel(node->exporter, export, &channel) != MAIKO_OK)
        return 0;
    run.is_native = channel->type->is_native;
    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    for (; run.count < count; run.count++, event.number++) {
        size_t before = pack.len;

        record_begin_event(&pack, &(struct event_head){.id_lo = first_id + event.number, .time_ns = export->time_ns});
        if (run.is_native)
            payload_write_native(channel->type->plan, &pack, &event);
        else
            payload_write_array(channel->type->plan, &pack, &event);
        run.len = run.count == 0 ? pack.len : run.len;
        if (pack.len - before != run.len)
            break;
    }
    run.records = pack_release(&pack, &size);
    run.block = retained_block_new(heap_default(), run.records, size);
    if (exporter_append(node->exporter, channel, &run, clock_of(node), &count) != MAIKO_OK)
        count = 0;
    retained_block_unref(run.block);
    exporter_evict(node->exporter);
    return count;
}

static void publish(struct world *world, struct node *node)
{
    unsigned topic = (unsigned)draw(world, WORLD_TOPICS);
    tally event = {.node = node->index, .life = node->life, .number = node->number + 1};
    size_t count = 1;
    struct export_event export = {.type = MAIKO_TYPE(tally),
                                  .payload = &event,
                                  .topic = world_topics[topic].name,
                                  .sender = "sender",
                                  .id = {.hi = 7, .lo = first_id + node->number + 1},
                                  .correlation = {.hi = 7, .lo = first_id + node->number + 1},
                                  .time_ns = world->now,
                                  .overflow = world_topics[topic].overflow};

    if (exporter_holds(node->exporter, world_topics[topic].name) && chance(world, 80))
        return; /* its senders are held; the rest was on its way before */
    if (chance(world, 25))
        count = publish_run(node, &export, 1 + draw(world, 8));
    else if (exporter_publish(node->exporter, &export, clock_of(node)) != MAIKO_OK)
        count = 0;
    if (count == 0) {
        world_fail(world, "node %u cannot publish", node->index);
        return;
    }
    node->number += count;
    node->published[node->life][topic] += count;
    world->result->published += count;
    world->result->held += exporter_holds(node->exporter, world_topics[topic].name);
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
            peer_delivered(node->peers[pending->from], pending->stream, pending->position, clock_of(node));
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
            uint64_t due = node->peers[j] != NULL ? time_of(node, peer_deadline(node->peers[j])) : UINT64_MAX;

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

            if (node->peers[j] != NULL && world->now >= node->stopped_until && peer_deadline(node->peers[j]) <= clock_of(node))
                peer_tick(node->peers[j], clock_of(node));
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
                peer_connected(node->peers[j], clock_of(node));
            }
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
                peer_flush(node->peers[j], clock_of(node));
        promises_check_node(world, node);
    }
}

static void note_asked(struct node *node, const struct network_frame *bytes)
{
    struct frame frame;

    if (frame_read(bytes->bytes, bytes->len, &frame, NULL) != MAIKO_OK || frame.kind != FRAME_SUBSCRIBE ||
        frame.session <= node->asked_session[bytes->from])
        return;
    node->asked_session[bytes->from] = frame.session;
    node->asked_ns[bytes->from] = node->world->now;
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
    if (frame->len == 0) {
        peer_disconnected(to->peers[frame->from], "broken", clock_of(to));
        return;
    }
    note_asked(to, frame);
    peer_frame(to->peers[frame->from], frame->bytes, frame->len, clock_of(to));
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

/* ---- The end: everything is healed ---- */

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

static uint64_t acknowledged(const struct world *world)
{
    uint64_t sum = 0;
    unsigned i, j;

    for (i = 0; i < world->config->nodes; i++)
        for (j = 0; j < world->config->nodes; j++)
            if (world->nodes[i].peers[j] != NULL)
                sum += peer_counters(world->nodes[i].peers[j])->acknowledged;
    return sum;
}

/* Datagrams still overtake each other, and a narrow window may then move by one event per replay: what must not be is a minute
 * in which nothing moves. */
static void settle(struct world *world)
{
    uint64_t sum = 0;
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
        if (acknowledged(world) > sum) {
            sum = acknowledged(world);
            tries = 0;
        }
    }
    if (world->result->is_sound && !is_settled(world))
        world_fail(world, "nothing moved for a minute after everything was healed, and it is not settled");
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
        if (config->has_own_clocks) {
            world->nodes[i].ahead_ns = draw(world, MAIKO_SECONDS(1000));
            world->nodes[i].drift = (int)draw(world, 3) - 1;
        }
        world->nodes[i].pending = calloc(WORLD_PENDING_MAX, sizeof(struct pending));
        node_start(world, &world->nodes[i]);
    }
    connect_pairs(world);
    for (i = 0; i < config->rounds && ret_result->is_sound; i++)
        run_round(world);
    network_set_reliable(&world->network);
    settle(world);
    if (ret_result->is_sound)
        promises_check_end(world);
    for (i = 0; i < config->nodes; i++) {
        node_stop(world, &world->nodes[i]);
        free(world->nodes[i].pending);
    }
    network_deinit(&world->network);
    if (heap_used(&world->heap) != 0)
        world_fail(world, "%zu bytes left behind", heap_used(&world->heap));
    free(world);
}

struct world_config world_of_seed(uint64_t seed)
{
    uint64_t bits = seed * UINT64_C(0x9e3779b97f4a7c15);
    struct world_config config = {.seed = seed, .rounds = 12 + (unsigned)(bits >> 60), .is_narrow = bits >> 20 & 1};

    config.nodes = (bits >> 8 & 15) == 0 ? 6 + (unsigned)(bits >> 45) % 3 : 2 + (unsigned)(bits >> 12 & 3);
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
    config.has_own_clocks = bits >> 44 & 1;
    config.faults.longest_ns = (bits >> 33 & 1) ? MAIKO_MS(50) : MAIKO_MS(900);
    config.near_mask = (unsigned)(bits >> 35 & 0xff);
    return config;
}
