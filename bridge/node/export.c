/* Export: the actor that takes events out of the topic space, and what the bridge's thread does with them.
 *
 * One actor for all patterns, because the order of one sender's events holds across topics.  It keeps each event, hands a batch
 * over after every turn, and is held while a peer that must not lose anything has no room; its mailbox then fills, and holds the
 * senders.  A second kind of actor, one per announced publisher, does nothing but notice that the publisher has finished. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "node/node.h"
#include "node/rename.h"
#include <maiko/maiko.h>

#define EXPORT_ACTOR "bridge export"
#define END_EVENT_TOPIC "$maiko/ended"

/* An end watcher says to the export actor: everything of this publisher came before. */
#define ENDED_FIELDS(F) F(UINT32, index)
MAIKO_EVENT(node_ended, END_EVENT_TOPIC, ENDED_FIELDS)

/* ---- on the shards ---- */

static void add_to_batch(maiko_bridge *bridge, maiko_envelope *kept, uint32_t pattern)
{
    struct handed *handed = heap_alloc_zeroed(bridge->heap, 1, sizeof(*handed));

    if (handed == NULL) {
        maiko_envelope_unref(kept);
        atomic_fetch_add_explicit(&bridge->export_refused, 1, memory_order_relaxed);
        return;
    }
    handed->envelope = kept;
    handed->pattern = pattern;
    fifo_push(&bridge->batch, &handed->link);
    bridge->batch_count++;
}

static bool is_imported(const maiko_bridge *bridge, const maiko_envelope *envelope)
{
    return maiko_envelope_hops(envelope) > 0 || maiko_envelope_is_from(envelope, bridge->importer.importer);
}

/* The first pattern that the topic falls under decides what it is called outside. */
static uint32_t pattern_of(const maiko_bridge *bridge, const char *topic)
{
    uint32_t i;

    for (i = 0; i < bridge->export_count; i++)
        if (maiko_topic_matches(bridge->exports[i].pattern, topic))
            return i;
    return 0;
}

/* What came before waits in the bridge's thread. */
static maiko_status export_start(void *self, maiko_context *ctx)
{
    maiko_bridge *bridge = self;

    atomic_store(&bridge->is_running, true);
    handover_wake(&bridge->handover);
    return MAIKO_OK;
}

static maiko_status export_handle(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    maiko_bridge *bridge = self;
    const node_ended *ended = maiko_event_as(envelope, node_ended);
    maiko_envelope *kept = NULL;

    if (ended != NULL) {
        add_to_batch(bridge, NULL, ended->index);
        return MAIKO_OK;
    }
    if (is_imported(bridge, envelope))
        return MAIKO_OK;
    if (maiko_envelope_keep(envelope, &kept) != MAIKO_OK) {
        atomic_fetch_add_explicit(&bridge->export_refused, 1, memory_order_relaxed);
        return MAIKO_OK;
    }
    add_to_batch(bridge, kept, pattern_of(bridge, maiko_envelope_topic(envelope)));
    return MAIKO_OK;
}

static void hand_over(maiko_bridge *bridge, maiko_context *ctx)
{
    size_t count = bridge->batch_count;
    struct fifo batch = bridge->batch;
    maiko_hold *hold = NULL;

    bridge->batch = (struct fifo){.first = NULL};
    bridge->batch_count = 0;
    if (count == 0 || !handover_give(&bridge->handover, &batch, count))
        return;
    if (maiko_hold_new(ctx, &hold) == MAIKO_OK && !handover_hold(&bridge->handover, hold))
        maiko_hold_release(hold); /* there is room by now */
}

static maiko_step export_step(void *self, maiko_context *ctx)
{
    const maiko_bridge *bridge = self;

    hand_over(self, ctx);
    if (bridge->export_count > 0 || bridge->has_watchers)
        return MAIKO_STEP_AWAIT_EVENT;
    (void)maiko_stop(ctx); /* it was there to say that the supervisor runs; nobody waits for its end */
    return MAIKO_STEP_NEVER;
}

static maiko_status export_stop(void *self, maiko_context *ctx)
{
    hand_over(self, ctx);
    return MAIKO_OK;
}

static const maiko_actor_ops export_ops = {
    .on_start = export_start, .handle = export_handle, .step = export_step, .on_end = export_stop, .on_stop = export_stop};

/* Its only subscription is the end topic, which nobody but the publisher declares and nobody ever sends on. */
static maiko_status watcher_end(void *self, maiko_context *ctx)
{
    const struct node_actor *actor = self;

    return maiko_send(ctx, node_ended, .index = actor->index);
}

static const maiko_actor_ops watcher_ops = {.on_end = watcher_end};

/* ---- set-up ---- */

static maiko_status add_watcher(maiko_bridge *bridge, struct node_actor *actor)
{
    static const char *const publish[] = {END_EVENT_TOPIC, NULL};
    const char *subscribe[] = {actor->end_topic, NULL};
    char name[NODE_NAME_SIZE];
    maiko_actor_spec spec = {.name = name, .ops = &watcher_ops, .self = actor, .subscribe = subscribe, .publish = publish};

    snprintf(name, sizeof(name), "bridge end %.230s", actor->name);
    return maiko_supervisor_add(bridge->sup, &spec);
}

static maiko_status add_export_actor(maiko_bridge *bridge)
{
    const char *subscribe[NODE_PATTERNS_MAX + 2];
    static const char *const nothing[] = {NULL};
    maiko_actor_spec spec = {
        .name = EXPORT_ACTOR, .ops = &export_ops, .self = bridge, .subscribe = subscribe, .publish = nothing, .tick_limit = 256};
    size_t count = 0;
    size_t i;

    for (i = 0; i < bridge->export_count; i++)
        subscribe[count++] = bridge->exports[i].pattern;
    if (bridge->has_watchers)
        subscribe[count++] = END_EVENT_TOPIC;
    subscribe[count] = NULL;
    return maiko_supervisor_add(bridge->sup, &spec);
}

static bool has_end(const struct node_actor *actor)
{
    return actor->publish[0] != NULL;
}

maiko_status node_export_set_up(maiko_bridge *bridge)
{
    maiko_status status;
    struct list *link;

    LIST_FOR_EACH (link, &bridge->placed)
        bridge->has_watchers = bridge->has_watchers || has_end(CONTAINER_OF(link, struct node_actor, link));
    status = add_export_actor(bridge);
    LIST_FOR_EACH (link, &bridge->placed) {
        struct node_actor *actor = CONTAINER_OF(link, struct node_actor, link);

        if (status == MAIKO_OK && has_end(actor))
            status = add_watcher(bridge, actor);
    }
    return status;
}

/* ---- on the bridge's thread ---- */

static void refuse(maiko_bridge *bridge, const maiko_envelope *envelope, maiko_status status)
{
    uint64_t before = atomic_fetch_add_explicit(&bridge->export_refused, 1, memory_order_relaxed);

    if ((before & (before - 1)) == 0) /* the 1st, 2nd, 3rd, 5th, 9th…: known, and no flood */
        node_log(bridge, MAIKO_LOG_WARNING, "an event on \"%s\" cannot be exported: %s (%llu so far)",
                 maiko_envelope_topic(envelope), maiko_strerror(status), (unsigned long long)before + 1);
}

static void publish(maiko_bridge *bridge, const maiko_envelope *envelope, const struct node_pattern *pattern)
{
    char renamed[MAIKO_TOPIC_MAX + 1];
    struct export_event event = {.type = envelope->type,
                                 .payload = envelope->payload,
                                 .topic = maiko_envelope_topic(envelope),
                                 .sender = maiko_envelope_sender(envelope),
                                 .id = maiko_envelope_id(envelope),
                                 .parent = maiko_envelope_parent(envelope),
                                 .correlation = maiko_envelope_correlation(envelope),
                                 .hops = maiko_envelope_hops(envelope),
                                 .time_ns = maiko_envelope_time(envelope),
                                 .overflow = maiko_event_overflow(envelope->type)};
    struct known_type *known;
    maiko_status status;

    if (pattern->as[0] != '\0') {
        if (!rename_topic(pattern->pattern, pattern->as, event.topic, renamed)) {
            refuse(bridge, envelope, MAIKO_ETOOLONG);
            return;
        }
        event.topic = renamed;
    }
    status = types_learn(&bridge->types, envelope->type, &known);
    if (status == MAIKO_OK)
        status = exporter_publish(bridge->exporter, &event, node_now(bridge), NULL);
    if (status != MAIKO_OK) {
        refuse(bridge, envelope, status);
        return;
    }
    types_note_topic(&bridge->types, event.topic, known);
    atomic_fetch_add_explicit(&bridge->exported, 1, memory_order_relaxed);
    node_door_listen(bridge, &event, envelope->payload_len,
                     retained_find_topic(exporter_log(bridge->exporter), event.topic)->count);
}

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

    if (actor == NULL || actor->is_finished)
        return;
    actor->is_finished = true;
    bridge->record_is_stale = true;
    if (exporter_finish(bridge->exporter, actor->name, actor->publish, node_now(bridge)) != MAIKO_OK)
        node_log(bridge, MAIKO_LOG_ERROR, "the end of \"%s\" could not be passed on: out of memory", actor->name);
}

void node_export_run(maiko_bridge *bridge)
{
    struct fifo_link *link;
    struct fifo queue;
    size_t count;
    bool is_held;

    queue = handover_take(&bridge->handover, &count);
    while ((link = fifo_pop(&queue)) != NULL) {
        struct handed *handed = CONTAINER_OF(link, struct handed, link);

        if (handed->envelope != NULL)
            publish(bridge, handed->envelope, &bridge->exports[handed->pattern]);
        else
            finish(bridge, handed->pattern);
        handed_free(bridge->heap, handed);
    }
    is_held = exporter_held_from(bridge->exporter) != UINT64_MAX;
    if (is_held && !bridge->is_held)
        atomic_fetch_add_explicit(&bridge->window_waits, 1, memory_order_relaxed);
    bridge->is_held = is_held;
    handover_set_room(&bridge->handover, !is_held);
}
