/* Outflow: what the bridge's thread does with the events that were handed over: into the log, to the peers, to plain
 * listeners; and who is held meanwhile.  Everything that was handed over is published at once: what finds no room waits in the
 * streams, which refer to it until it is acknowledged or its peer's deadline has passed, and its senders are held.  So what
 * waits is bounded by the handover's mark and what those senders had under way. */
#include <string.h>

#include "base/clock.h"
#include "node/node.h"
#include <maiko/maiko.h>

enum { SHOWN_AT_ONCE = 64 /* topics */ };

void node_outflow_refuse(maiko_bridge *bridge, const char *topic, maiko_status status)
{
    uint64_t before = atomic_fetch_add_explicit(&bridge->export_refused, 1, memory_order_relaxed);

    if ((before & (before - 1)) == 0) /* the 1st, 2nd, 3rd, 5th, 9th…: known, and no flood */
        node_log(bridge, MAIKO_LOG_WARNING, "an event on \"%s\" cannot be exported: %s (%llu so far)", topic,
                 maiko_strerror(status), (unsigned long long)before + 1);
}

/* ---- who is held ---- */

static void release_all(maiko_bridge *bridge, struct source_topic *topic)
{
    struct fifo_link *link;

    atomic_store_explicit(&topic->is_held, false, memory_order_relaxed); /* see add_event() in export.c */
    while ((link = fifo_pop(&topic->holds)) != NULL)
        sender_hold_release(bridge->heap, CONTAINER_OF(link, struct sender_hold, link));
    list_remove(&topic->held_link);
    list_init(&topic->held_link);
}

static void hold(maiko_bridge *bridge, struct source_topic *topic, struct sender_hold *hold)
{
    if (topic->retained == NULL || topic->retained->holding == 0) {
        if (hold != NULL)
            sender_hold_release(bridge->heap, hold); /* there is room by now */
        return;
    }
    if (!atomic_load_explicit(&topic->is_held, memory_order_relaxed)) {
        atomic_store_explicit(&topic->is_held, true, memory_order_relaxed);
        list_push_back(&bridge->held_topics, &topic->held_link);
        atomic_fetch_add_explicit(&bridge->window_waits, 1, memory_order_relaxed);
    }
    if (hold != NULL)
        fifo_push(&topic->holds, &hold->link);
}

void node_outflow_release(maiko_bridge *bridge)
{
    struct list *after;
    struct list *link;

    LIST_FOR_EACH_SAFE (link, after, &bridge->held_topics) {
        struct source_topic *topic = CONTAINER_OF(link, struct source_topic, held_link);

        if (topic->retained->holding == 0)
            release_all(bridge, topic);
    }
}

void node_outflow_stop(maiko_bridge *bridge)
{
    while (!list_is_empty(&bridge->held_topics))
        release_all(bridge, CONTAINER_OF(list_first(&bridge->held_topics), struct source_topic, held_link));
}

/* ---- events ---- */

static struct export_event about(const struct source *source)
{
    return (struct export_event){.type = source->type,
                                 .topic = source->topic->outside,
                                 .sender = source->sender,
                                 .id = {source->prefix, 0},
                                 .origin = source->origin,
                                 .hops = source->hops,
                                 .overflow = maiko_event_overflow(source->type)};
}

/* What came from elsewhere is passed on with the node where it began; that is known as long as its origin is remembered. */
static maiko_status find_origin(const maiko_bridge *bridge, struct source *source)
{
    if (source->hops == 0)
        return MAIKO_OK;
    source->origin = origins_of_prefix(&bridge->origins, source->prefix);
    return maiko_id_is_nil(source->origin) ? MAIKO_ENOTFOUND : MAIKO_OK;
}

/* For people who look at the space: nothing depends on it.  The first topics at once; when there are many, once a second. */
static void show_topic(maiko_bridge *bridge, const struct source *source)
{
    struct source_topic *topic = source->topic;
    struct node_record *record = bridge->space == NULL ? NULL : space_record(bridge->space);

    if (record == NULL || topic->is_shown)
        return;
    topic->is_shown = true;
    if (!node_record_add_topic(record, topic->outside, source->type->name, source->sender))
        return;
    if (record->topics.count <= 3 * SHOWN_AT_ONCE)
        bridge->record_is_stale = true;
    else if (bridge->record_due_ns == UINT64_MAX)
        bridge->record_due_ns = clock_deadline(node_now(bridge), MAIKO_SECONDS(1));
}

/* The channel of a source is looked up when it is new, and when its number was given to another one. */
static maiko_status introduce(maiko_bridge *bridge, struct source *source)
{
    maiko_status status = MAIKO_OK;
    struct export_event event;

    if (source->known == NULL) {
        status = find_origin(bridge, source);
        if (status == MAIKO_OK)
            status = types_learn(&bridge->types, source->type, &source->known);
        if (status == MAIKO_OK)
            types_note_topic(&bridge->types, source->topic->outside, source->known);
    }
    event = about(source);
    if (status == MAIKO_OK)
        status = exporter_channel(bridge->exporter, &event, &source->channel);
    if (status != MAIKO_OK)
        return status;
    source->generation = source->channel->generation;
    atomic_store_explicit(&source->number, source->channel->base.number, memory_order_relaxed); /* see add_event() in batch.c */
    source->topic->retained = source->channel->topic;
    show_topic(bridge, source);
    return MAIKO_OK;
}

static maiko_status event_len(const struct payload_plan *plan, struct slice payload, size_t *ret_len)
{
    return payload_is_native(payload) ? payload_native_len(plan, payload, ret_len, NULL)
                                      : payload_len(plan, payload, ret_len, NULL);
}

static maiko_status read_event(const struct payload_plan *plan, struct slice payload, void *event, size_t len)
{
    return payload_is_native(payload) ? payload_read_native(plan, payload, event, len, NULL)
                                      : payload_read(plan, payload, event, len, NULL);
}

/* The event of a record, and where that has what it is made of.  MAIKO_OK: *ret_event is the caller's. */
static maiko_status make_again(maiko_bridge *bridge, const struct source *source, struct slice bytes, struct record *ret_record,
                               void **ret_event, size_t *ret_len)
{
    struct reader reader = reader_of(bytes);
    maiko_status status = frame_next_record(&reader, ret_record, NULL);

    if (status == MAIKO_OK)
        status = event_len(source->known->plan, ret_record->payload, ret_len);
    if (status != MAIKO_OK)
        return status;
    *ret_event = heap_alloc(bridge->heap, *ret_len);
    if (*ret_event == NULL)
        return MAIKO_ENOMEM;
    status = read_event(source->known->plan, ret_record->payload, *ret_event, *ret_len);
    if (status != MAIKO_OK)
        heap_free(bridge->heap, *ret_event, *ret_len);
    return status;
}

/* For plain listeners the event is made again from its record; they are rare. */
static void let_listen(maiko_bridge *bridge, const struct source *source, const uint8_t *bytes, size_t len, uint64_t seq)
{
    struct export_event event = about(source);
    struct record record;
    size_t len_there = 0;
    void *payload;

    if (!zmq_port_has_listener(bridge->port, event.topic))
        return;
    if (make_again(bridge, source, (struct slice){bytes, len}, &record, &payload, &len_there) != MAIKO_OK) {
        atomic_fetch_add_explicit(&bridge->publish_lost, 1, memory_order_relaxed);
        return;
    }
    event.payload = payload;
    event.id.lo = record.id_lo;
    event.parent = record.parent;
    event.correlation = maiko_id_is_nil(record.correlation) ? event.id : record.correlation;
    event.time_ns = record.time_ns;
    node_door_listen(bridge, &event, len_there, seq);
    heap_free(bridge->heap, payload, len_there);
}

/* A large one is there still. */
static void let_listen_to_kept(maiko_bridge *bridge, const struct source *source, const maiko_envelope *kept)
{
    struct export_event event = about(source);

    event.payload = kept->payload;
    event.id = maiko_envelope_id(kept);
    event.parent = maiko_envelope_parent(kept);
    event.correlation = maiko_envelope_correlation(kept);
    event.time_ns = maiko_envelope_time(kept);
    node_door_listen(bridge, &event, kept->payload_len, source->topic->retained->count);
}

/* In which form its next events are best written is known here. */
static void choose_form(struct source *source)
{
    bool is_native = source->channel->type->is_native;

    if (atomic_load_explicit(&source->is_native, memory_order_relaxed) != is_native)
        atomic_store_explicit(&source->is_native, is_native, memory_order_relaxed); /* see batch_add_event() */
}

/* `count` events, which were just published, are at `records`. */
static void let_listen_to_all(maiko_bridge *bridge, const struct batch_record *record, const uint8_t *records, size_t count)
{
    const struct source *source = record->source;
    size_t i;

    if (record->block != NULL)
        let_listen_to_kept(bridge, source, record->block->owner);
    for (i = 0; record->block == NULL && i < count; i++)
        let_listen(bridge, source, records + i * record->len, record->len, source->topic->retained->count - (count - 1 - i));
}

/* Those of a record from number `from` on; *ret_count of them were published. */
static maiko_status publish(maiko_bridge *bridge, const struct batch *batch, struct batch_record *record, size_t from,
                            uint64_t now_ns, size_t *ret_count)
{
    struct retained_block *block = record->block != NULL ? record->block : batch->block;
    struct source *source = record->source;
    struct export_run run;
    maiko_status status = MAIKO_OK;

    *ret_count = 0;
    if (record->kind == BATCH_REFUSED)
        return source->status;
    if (source->channel == NULL || source->channel->generation != source->generation)
        status = introduce(bridge, source);
    if (status != MAIKO_OK)
        return status;
    run = (struct export_run){.block = block,
                              .records = block->data + record->offset + from * record->len,
                              .len = record->len,
                              .count = record->events - from,
                              .channel = record->channel,
                              .is_native = record->is_native};
    status = exporter_append(bridge->exporter, source->channel, &run, now_ns, ret_count);
    record->channel = run.channel; /* in the rest of them, too */
    if (*ret_count > 0 && zmq_port_is_listened_to(bridge->port))
        let_listen_to_all(bridge, record, run.records, *ret_count);
    choose_form(source);
    return status;
}

/* All of a record: what is refused is refused event by event. */
static size_t publish_all(maiko_bridge *bridge, const struct batch *batch, struct batch_record *record, uint64_t now_ns)
{
    size_t published = 0;
    size_t done = 0;

    while (done < record->events) {
        size_t count;
        maiko_status status = publish(bridge, batch, record, done, now_ns, &count);

        published += count;
        done += count;
        if (status == MAIKO_OK)
            continue;
        node_outflow_refuse(bridge, record->source->topic->name, status);
        done++;
    }
    return published;
}

/* ---- ends ---- */

static struct node_actor *placed_at(maiko_bridge *bridge, uint32_t index)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->placed) {
        struct node_actor *actor = CONTAINER_OF(link, struct node_actor, link);

        if (actor->index == index)
            return actor;
    }
    return NULL;
}

static void finish(maiko_bridge *bridge, uint32_t index)
{
    struct node_actor *actor = placed_at(bridge, index);
    maiko_status status;

    if (actor == NULL || actor->is_finished)
        return;
    actor->is_finished = true;
    bridge->record_is_stale = true;
    status = exporter_finish(bridge->exporter, actor->name, actor->publish, node_now(bridge));
    if (status != MAIKO_OK)
        node_log(bridge, MAIKO_LOG_ERROR, "the end of \"%s\" could not be passed on: %s", actor->name, maiko_strerror(status));
}

/* ---- batches ---- */

void node_outflow_batch(maiko_bridge *bridge, struct batch *batch, uint64_t now_ns)
{
    uint64_t exported = 0;
    uint64_t relayed = 0;
    size_t i;

    for (i = 0; i < batch->count; i++) {
        struct batch_record *record = &batch->records[i];
        size_t published;

        if (record->kind == BATCH_END) {
            finish(bridge, record->index);
            continue;
        }
        published = publish_all(bridge, batch, record, now_ns);
        exported += published;
        relayed += record->source->hops > 0 ? published : 0;
        hold(bridge, record->source->topic, record->hold);
        record->hold = NULL;
    }
    atomic_fetch_add_explicit(&bridge->exported, exported, memory_order_relaxed);
    if (relayed > 0)
        atomic_fetch_add_explicit(&bridge->relayed, relayed, memory_order_relaxed);
    batch_free(batch);
}

void node_outflow_run(maiko_bridge *bridge)
{
    struct fifo queue = handover_take(&bridge->handover);
    struct fifo_link *link;

    while ((link = fifo_pop(&queue)) != NULL) {
        node_outflow_batch(bridge, CONTAINER_OF(link, struct batch, link), node_now(bridge));
        exporter_evict(bridge->exporter);
    }
}
