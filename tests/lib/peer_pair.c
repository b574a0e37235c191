/* Peer pair: the sink writes down, the queues move. */
#include "lib/peer_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sample_events.h"

static void on_send(struct peer *peer, const uint8_t *bytes, size_t len, void *userdata)
{
    struct pair_node *node = userdata;
    struct frame frame;

    if (frame_read(bytes, len, &frame, NULL) == MAIKO_OK && frame.kind != FRAME_HEARTBEAT)
        text_append_format(&node->pair->trace, "%s: %s\n", node->name, frame_kind_name(frame.kind));
    node->longest = len > node->longest ? len : node->longest;
    if (node->out_count == PAIR_FRAMES_MAX)
        return;
    node->out[node->out_count].bytes = malloc(len);
    memcpy(node->out[node->out_count].bytes, bytes, len);
    node->out[node->out_count++].len = len;
}

static bool takes_parts(struct peer *peer, void *userdata)
{
    return ((struct pair_node *)userdata)->is_near;
}

static void on_send_parts(struct peer *peer, const struct slice *parts, size_t count, void *userdata)
{
    struct pair_node *node = userdata;
    struct pack whole;
    size_t i;

    node->parts += count;
    pack_init(&whole, heap_default(), WIRE_FRAME_MAX);
    for (i = 0; i < count; i++)
        pack_raw(&whole, parts[i].data, parts[i].len);
    on_send(peer, whole.data, whole.len, userdata);
    pack_deinit(&whole);
}

static void on_close(struct peer *peer, void *userdata)
{
    struct pair_node *node = userdata;

    node->closes++;
}

static void read_event(struct pair_node *node, const struct payload_plan *plan, const struct inbound_event *event, numbers *value)
{
    if (!payload_is_native(event->payload)) {
        (void)!payload_read(plan, event->payload, value, sizeof(*value), NULL);
        return;
    }
    if (event->channel->type->is_native && payload_read_native(plan, event->payload, value, sizeof(*value), NULL) == MAIKO_OK)
        node->natives++;
}

static bool is_near(struct peer *peer, void *userdata)
{
    return ((struct pair_node *)userdata)->is_near;
}

static bool on_deliver(struct peer *peer, const struct inbound_event *event, void *userdata)
{
    struct pair_node *node = userdata;
    struct payload_plan *plan = NULL;
    numbers value = {.u64 = 0};

    if (payload_plan_new(heap_default(), MAIKO_TYPE(numbers), event->channel->type, &plan, NULL) == MAIKO_OK)
        read_event(node, plan, event, &value);
    payload_plan_free(plan);
    event->channel->is_native = node->is_near && maiko_event_is(MAIKO_TYPE(numbers), event->channel->type->type);
    text_append_format(&node->pair->trace, "%s: has %s %llu\n", node->name, event->channel->topic, (unsigned long long)value.u64);
    node->seen[node->events % PAIR_SEEN] = *event;
    node->seen_numbers[node->events % PAIR_SEEN] = value.u64;
    node->events++;
    node->last_number = value.u64;
    snprintf(node->last_sender, sizeof(node->last_sender), "%s", event->channel->sender);
    event->channel->user = node;
    node->last_stream = event->stream;
    node->last_position = event->position;
    return !node->keeps_events;
}

static uint32_t on_deliver_run(struct peer *peer, const struct inbound_run *run, bool *ret_is_pending, void *userdata)
{
    struct pair_node *node = userdata;
    uint32_t count = run->records.count < node->run_most ? run->records.count : node->run_most;
    uint32_t i;

    for (i = 0; i < count; i++) {
        const maiko_id id = {run->channel->prefix, record_run_id(&run->records, i)};
        const struct inbound_event event = {.channel = run->channel,
                                            .id = id,
                                            .correlation = id,
                                            .time_ns = record_run_time(&run->records, i),
                                            .payload = record_run_payload(&run->records, i),
                                            .native = record_run_native(&run->records, i),
                                            .stream = run->stream,
                                            .position = run->position + i};

        (void)on_deliver(peer, &event, userdata);
    }
    node->runs += count > 0;
    *ret_is_pending = count > 0 && node->keeps_events;
    return count;
}

static void on_backlog(struct peer *peer, struct peer_backlog *ret_backlog, void *userdata)
{
    *ret_backlog = ((struct pair_node *)userdata)->backlog;
}

static bool on_settle(struct peer *peer, void *userdata)
{
    return !((struct pair_node *)userdata)->is_unsettled;
}

static void on_forgotten(struct peer *peer, struct inbound_channel *channel, void *userdata)
{
    ((struct pair_node *)userdata)->forgotten += channel->user != NULL;
}

static void on_ended(struct peer *peer, const char *publisher, const char *const *publish, void *userdata)
{
    struct pair_node *node = userdata;

    node->ends++;
    text_append_format(&node->pair->trace, "%s: end of %s on %s\n", node->name, publisher, publish[0] != NULL ? publish[0] : "");
}

static void on_news(struct peer *peer, const struct peer_notice *notice, void *userdata)
{
    struct pair_node *node = userdata;
    size_t len = strlen(node->news);
    struct text news;

    text_append_format(&node->pair->trace, "%s: %s %s\n", node->name, peer_news_name(notice->news), notice->reason);
    text_init_buffer(&news, node->news + len, sizeof(node->news) - len);
    text_append_format(&news, "%s%s%s ", peer_news_name(notice->news), notice->reason[0] != '\0' ? ":" : "", notice->reason);
    if (notice->news == PEER_NEWS_GAP && notice->lost == LOST_UNKNOWN)
        node->unknown_gaps++;
    else if (notice->news == PEER_NEWS_GAP)
        node->lost += notice->lost;
}

static bool is_alive(struct peer *peer, void *userdata)
{
    return ((struct pair_node *)userdata)->knows_life;
}

static bool may_subscribe(struct peer *peer, const char *pattern, void *userdata)
{
    struct pair_node *node = userdata;

    return node->denied == NULL || strcmp(node->denied, pattern) != 0;
}

static const struct peer_sink sink = {.send = on_send,
                                      .close = on_close,
                                      .deliver = on_deliver,
                                      .deliver_run = on_deliver_run,
                                      .backlog = on_backlog,
                                      .settle = on_settle,
                                      .is_near = is_near,
                                      .takes_parts = takes_parts,
                                      .send_parts = on_send_parts,
                                      .forgotten = on_forgotten,
                                      .ended = on_ended,
                                      .news = on_news,
                                      .is_alive = is_alive,
                                      .may_subscribe = may_subscribe,
                                      .may_publish = may_subscribe};

static void init_node(struct pair *pair, struct pair_node *node, struct pair_node *other, const char *name, uint64_t id)
{
    *node = (struct pair_node){.name = name, .other = other, .pair = pair};
    node->config = (struct peer_config){.heap = pair->heap,
                                        .identity = {.space = "space", .name = name, .node = {id, id}, .epoch = 1},
                                        .sink = &sink,
                                        .userdata = node};
}

void pair_init(struct pair *pair, struct heap *heap)
{
    pair->heap = heap;
    pair->now = MAIKO_SECONDS(1000);
    init_node(pair, &pair->a, &pair->b, "a", 1);
    init_node(pair, &pair->b, &pair->a, "b", 2);
    text_init_heap(&pair->trace, heap_default(), SIZE_MAX / 4);
}

static maiko_status open_node(struct pair_node *node)
{
    struct exporter_config config = {
        .heap = node->config.heap, .channels = node->channels, .stream_seed = 100 * node->config.identity.epoch};
    maiko_status status = exporter_new(&config, &node->exporter);

    if (status != MAIKO_OK)
        return status;
    node->config.exporter = node->exporter;
    return peer_new(&node->config, &node->peer);
}

maiko_status pair_open(struct pair *pair)
{
    maiko_status status = open_node(&pair->a);

    return status == MAIKO_OK ? open_node(&pair->b) : status;
}

static void drop_frames(struct pair_node *node)
{
    for (; node->out_count > 0; node->out_count--)
        free(node->out[node->out_count - 1].bytes);
}

static void close_node(struct pair_node *node)
{
    drop_frames(node);
    node->peer = peer_free(node->peer);
    node->exporter = exporter_free(node->exporter);
}

void pair_deinit(struct pair *pair)
{
    close_node(&pair->a);
    close_node(&pair->b);
    text_deinit(&pair->trace);
}

static uint64_t now_of(const struct pair_node *node)
{
    return node->pair->now + node->ahead_ns;
}

void pair_connect(struct pair *pair)
{
    peer_connected(pair->a.peer, now_of(&pair->a));
    pair_settle(pair);
}

bool pair_move_one(struct pair_node *node)
{
    struct pair_frame first = node->out[0];

    if (node->out_count == 0)
        return false;
    memmove(node->out, node->out + 1, --node->out_count * sizeof(first));
    peer_frame(node->other->peer, first.bytes, first.len, now_of(node->other));
    free(first.bytes);
    return true;
}

void pair_settle(struct pair *pair)
{
    bool is_busy = true;

    while (is_busy) {
        peer_flush(pair->a.peer, now_of(&pair->a));
        peer_flush(pair->b.peer, now_of(&pair->b));
        is_busy = pair_move_one(&pair->a);
        is_busy |= pair_move_one(&pair->b);
    }
}

void pair_pass(struct pair *pair, uint64_t duration_ns)
{
    uint64_t end = pair->now + duration_ns;

    while (pair->now < end) {
        pair->now = end - pair->now > MAIKO_MS(500) ? pair->now + MAIKO_MS(500) : end;
        peer_tick(pair->a.peer, now_of(&pair->a));
        peer_tick(pair->b.peer, now_of(&pair->b));
        pair_settle(pair);
    }
}

void pair_break(struct pair *pair)
{
    drop_frames(&pair->a);
    drop_frames(&pair->b);
    peer_disconnected(pair->a.peer, "broken", now_of(&pair->a));
    peer_disconnected(pair->b.peer, "broken", now_of(&pair->b));
    drop_frames(&pair->a);
    drop_frames(&pair->b);
}

maiko_status pair_subscribe(struct pair_node *node, const char *pattern, enum pattern_from from)
{
    struct pattern wish = {.id = 1, .from = from, .made_at_ns = UINT64_MAX, .text = (char *)(uintptr_t)pattern};

    return peer_subscribe(node->peer, &wish, now_of(node));
}

maiko_status pair_publish_as(struct pair_node *node, const char *sender, const char *topic, maiko_overflow overflow,
                             uint64_t number)
{
    numbers value = {.u64 = number};
    struct export_event event = {.type = MAIKO_TYPE(numbers),
                                 .payload = &value,
                                 .topic = topic,
                                 .sender = sender,
                                 .id = {5, number},
                                 .correlation = {5, number},
                                 .overflow = overflow};

    return exporter_publish(node->exporter, &event, now_of(node));
}

maiko_status pair_publish(struct pair_node *node, const char *topic, maiko_overflow overflow, uint64_t number)
{
    return pair_publish_as(node, "sender", topic, overflow, number);
}

void pair_deliver(struct pair_node *node)
{
    peer_delivered(node->peer, node->last_stream, node->last_position, now_of(node));
    pair_settle(node->pair);
}
