/* Export: the actors that take events out of the topic space.
 *
 * One actor for all patterns, because the order of one sender's events holds across topics.  It encodes each event and hands a
 * batch over after every turn; outflow.c does the rest on the bridge's thread.  Where somebody has no room under BLOCK the
 * topic is marked, and the senders of further events to it are held, each by itself: the others go on.  A second kind of actor,
 * one per announced publisher, does nothing but notice that the publisher has finished.
 *
 * When all publishers have finished the export actor says so, and goes on until it is told that this was seen: what came in from
 * outside before, and was answered well, is in front of that word. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "message/envelope.h"
#include "node/guest.h"
#include "node/last_word.h"
#include "node/node.h"
#include "node/pool.h"
#include "runtime/stay.h"
#include <maiko/maiko.h>

enum {
    BATCH_BYTES = 64 * 1024,
    /* of large events that wait here: more would be out of the caches when their turn comes */
    WAITING_BYTES = 1024 * 1024
};

static const uint64_t retry_after_ns = MAIKO_MS(10); /* without memory */

/* ---- on the shards ---- */

/* Without memory for it the sender goes on, which is no loss. */
static struct sender_hold *hold_sender(maiko_bridge *bridge, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct sender_hold *hold = heap_alloc_zeroed(bridge->heap, 1, sizeof(*hold));

    if (hold != NULL && maiko_hold_sender(ctx, envelope, &hold->hold) == MAIKO_OK)
        return hold;
    heap_free(bridge->heap, hold, sizeof(*hold));
    return NULL;
}

/* True: the bridge's thread has a lot to take. */
static bool give(maiko_bridge *bridge, struct batch *batch)
{
    bool is_asleep;
    bool is_too_much = handover_give(&bridge->handover, batch, &is_asleep); /* one that has ended drops and counts it */

    if (is_asleep || node_guest_is_looking_aside(bridge))
        handover_wake(&bridge->handover); /* step: wake_instead */
    return is_too_much;
}

/* Until the bridge's thread has taken what it was given.  `envelope`: the event that was added last, if it was large; its sender
 * waits, too, so that it does not fill memory with what nobody takes yet. */
static void wait_for_room(maiko_bridge *bridge, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct sender_hold *sender = NULL;
    maiko_hold *hold = NULL;

    bridge->gave_too_much = false;
    if (maiko_hold_new(ctx, &hold) == MAIKO_OK && !handover_hold(&bridge->handover, hold))
        maiko_hold_release(hold); /* there is room by now */
    if (envelope != NULL && maiko_event_overflow(envelope->type) == MAIKO_BLOCK)
        sender = hold_sender(bridge, ctx, envelope);
    if (sender != NULL && !handover_hold_sender(&bridge->handover, sender))
        sender_hold_release(bridge->heap, sender);
}

static void hand_over(maiko_bridge *bridge, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct batch *batch = batch_close(&bridge->building);

    if (batch != NULL && !node_guest_send(bridge, batch) && give(bridge, batch))
        bridge->gave_too_much = true;
    if (bridge->gave_too_much)
        wait_for_room(bridge, ctx, envelope);
}

/* Is there room in the batch, or in another one?  The actor waits in its own step, which follows. */
static bool makes_room(maiko_bridge *bridge)
{
    struct batch *batch;

    if (batch_builder_len(&bridge->building) < BATCH_BYTES)
        return !bridge->gave_too_much;
    batch = batch_close(&bridge->building);
    bridge->gave_too_much = batch != NULL && give(bridge, batch);
    return batch != NULL && !bridge->gave_too_much;
}

/* An event like the last one. */
static bool export_take(void *self, const struct maiko_taking *taking)
{
    maiko_bridge *bridge = self;

    return makes_room(bridge) && batch_take_like(&bridge->building, taking);
}

/* What came before waits in the bridge's thread. */
static maiko_status export_start(void *self, maiko_context *ctx)
{
    maiko_bridge *bridge = self;

    atomic_store(&bridge->is_running, true);
    handover_wake(&bridge->handover);
    return maiko_context_take(ctx, export_take);
}

static void add_event(maiko_bridge *bridge, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct sender_hold *hold = NULL;
    struct source *source;

    if (envelope_of(envelope)->hops > 0 && (!bridge->has_relays || last_word_is_before(bridge, envelope)))
        return;
    if (sources_are_full(&bridge->sources) && fifo_is_empty(&bridge->building.given_up)) {
        bridge->building.given_up = sources_give_up(&bridge->sources);
        batch_forget_like(&bridge->building);
    }
    source = sources_find(&bridge->sources, envelope);
    if (source != NULL && source->hops > 0 && !source->topic->is_relayed)
        return; /* it came from another node and stays here */
    /* relaxed: seen a little later it holds a little later */
    if (source != NULL && atomic_load_explicit(&source->topic->is_held, memory_order_relaxed))
        hold = hold_sender(bridge, ctx, envelope);
    if (source != NULL && envelope->payload_len >= POOL_FROM && source->plan != NULL &&
        atomic_load_explicit(&source->is_native, memory_order_relaxed)) /* only the form depends on it */
        node_pool_note(bridge, source->plan);
    if (source != NULL && batch_add_event(&bridge->building, source, envelope, hold) == MAIKO_OK)
        return;
    sender_hold_release(bridge->heap, hold);
    atomic_fetch_add_explicit(&bridge->export_refused, 1, memory_order_relaxed);
}

/* NULL: it is an event like others.  The topic is ours alone (topic_stays_here()); the type by itself is not: whatever has its
 * name and fields is the same. */
static const maiko_bridge_ended *ended_of(const maiko_envelope *envelope)
{
    const char *topic = envelope_of(envelope)->topic->name;

    if (__builtin_expect(topic[0] != '$', 1) || strcmp(topic, END_EVENT_TOPIC) != 0 || envelope_of(envelope)->hops > 0 ||
        !maiko_event_is(envelope->type, MAIKO_TYPE(maiko_bridge_ended)))
        return NULL;
    return envelope->payload;
}

static maiko_status export_handle(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    maiko_bridge *bridge = self;
    const maiko_bridge_ended *ended;

    if (__builtin_expect(!batch_add_like(&bridge->building, envelope), 0)) {
        ended = ended_of(envelope);
        if (ended != NULL && ended->index == LAST_WORD)
            return last_word_hear(bridge, envelope) ? maiko_stop(ctx) : MAIKO_OK;
        if (ended != NULL) {
            (void)!batch_add_end(&bridge->building, ended->index); /* without memory for it only when it has come before */
            return MAIKO_OK;
        }
        add_event(bridge, ctx, envelope);
    }
    if (batch_builder_len(&bridge->building) >= BATCH_BYTES)
        hand_over(bridge, ctx, envelope->payload_len >= POOL_FROM ? envelope : NULL);
    return MAIKO_OK;
}

static maiko_step export_step(void *self, maiko_context *ctx)
{
    const maiko_bridge *bridge = self;

    hand_over(self, ctx, NULL);
    if (bridge->building.count > 0)
        return MAIKO_STEP_BACKOFF(retry_after_ns);
    if (bridge->export_count > 0 || bridge->has_watchers)
        return MAIKO_STEP_AWAIT_EVENT;
    (void)maiko_stop(ctx); /* it was there to say that the supervisor runs; nobody waits for its end */
    return MAIKO_STEP_NEVER;
}

/* What could not be handed over for want of memory, up to the end. */
static void count_rest(maiko_bridge *bridge)
{
    size_t rest = bridge->building.events;

    if (rest == 0)
        return;
    atomic_fetch_add_explicit(&bridge->export_refused, rest, memory_order_relaxed);
    node_log(bridge, MAIKO_LOG_ERROR, "out of memory: %zu events are not exported", rest);
}

static maiko_status export_stop(void *self, maiko_context *ctx)
{
    maiko_bridge *bridge = self;

    hand_over(bridge, ctx, NULL);
    count_rest(bridge);
    atomic_store(&bridge->has_export_ended, true);
    atomic_store(&bridge->has_export_stopped, true);
    return MAIKO_OK;
}

/* Nothing that comes from outside is let in for it any more, once the bridge's thread has seen this. */
static maiko_status export_end(void *self, maiko_context *ctx)
{
    maiko_bridge *bridge = self;
    maiko_status status = bridge->is_started ? maiko_context_stay(ctx) : MAIKO_OK;

    atomic_store(&bridge->has_export_ended, true);
    atomic_store(&bridge->wants_last_word, true);
    handover_wake(&bridge->handover);
    return status;
}

static const maiko_actor_ops export_ops = {
    .on_start = export_start, .handle = export_handle, .step = export_step, .on_end = export_end, .on_stop = export_stop};

/* Its only subscription is the end topic, which nobody but the publisher declares and nobody ever sends on. */
static maiko_status watcher_end(void *self, maiko_context *ctx)
{
    const struct node_actor *actor = self;

    return maiko_send(ctx, maiko_bridge_ended, .index = actor->index);
}

static const maiko_actor_ops watcher_ops = {.on_end = watcher_end};

/* ---- set-up ---- */

/* As much of the actor's name as fits, whole characters; its number tells those apart that begin alike. */
static void name_watcher(char name[NODE_NAME_SIZE], const struct node_actor *actor)
{
    static const size_t room = NODE_NAME_SIZE - sizeof("bridge end 4294967295 ");
    size_t len = strlen(actor->name);

    if (len <= room)
        snprintf(name, NODE_NAME_SIZE, "bridge end %s", actor->name);
    else
        snprintf(name, NODE_NAME_SIZE, "bridge end %u %.*s", (unsigned)actor->index, (int)utf8_floor(actor->name, len, room),
                 actor->name);
}

static maiko_status add_watcher(maiko_bridge *bridge, struct node_actor *actor)
{
    static const char *const publish[] = {END_EVENT_TOPIC, NULL};
    const char *subscribe[] = {actor->end_topic, NULL};
    char name[NODE_NAME_SIZE];
    maiko_actor_spec spec = {.name = name, .ops = &watcher_ops, .self = actor, .subscribe = subscribe, .publish = publish};

    name_watcher(name, actor);
    return maiko_supervisor_add(bridge->sup, &spec);
}

static maiko_status add_export_actor(maiko_bridge *bridge)
{
    const char *subscribe[NODE_PATTERNS_MAX + 3];
    static const char *const nothing[] = {NULL};
    maiko_actor_spec spec = {.name = EXPORT_ACTOR,
                             .ops = &export_ops,
                             .self = bridge,
                             .subscribe = subscribe,
                             .publish = nothing,
                             .tick_limit = 256,
                             .capacity_bytes = WAITING_BYTES,
                             .bytes_hold_only = true}; /* what else becomes of events is decided at each link */
    size_t count = 0;
    size_t i;

    for (i = 0; i < bridge->export_count; i++)
        subscribe[count++] = bridge->exports[i].pattern;
    subscribe[count++] = END_EVENT_TOPIC;
    if (bridge->stays_with != NULL)
        subscribe[count++] = bridge->stays_with;
    subscribe[count] = NULL;
    return maiko_supervisor_add(bridge->sup, &spec);
}

void node_export_stay(maiko_bridge *bridge, const char *topic)
{
    bridge->stays_with = topic;
}

static bool has_end(const struct node_actor *actor)
{
    return actor->publish[0] != NULL;
}

maiko_status node_export_name_end(maiko_bridge *bridge, struct text *error)
{
    maiko_import_path *path = NULL;
    maiko_status status =
        maiko_import_path_new(bridge->importers[0].importer, END_EVENT_TOPIC, MAIKO_TYPE(maiko_bridge_ended), NULL, &path);

    if (status != MAIKO_OK)
        text_append_format(error, "topic %s and type %s, which are the library's: %s", END_EVENT_TOPIC,
                           MAIKO_TYPE(maiko_bridge_ended)->name, maiko_strerror(status));
    maiko_import_path_free(path); /* what it has looked up remains */
    return status;
}

maiko_status node_export_set_up(maiko_bridge *bridge)
{
    maiko_status status;
    struct list *link;
    size_t ends = 0;

    bridge->sources.pattern_count = bridge->export_count;
    LIST_FOR_EACH (link, &bridge->placed)
        ends += has_end(CONTAINER_OF(link, struct node_actor, link));
    bridge->has_watchers = ends > 0;
    status = batch_await_ends(&bridge->building, ends);
    if (status == MAIKO_OK)
        status = add_export_actor(bridge);
    LIST_FOR_EACH (link, &bridge->placed) {
        struct node_actor *actor = CONTAINER_OF(link, struct node_actor, link);

        if (status == MAIKO_OK && has_end(actor))
            status = add_watcher(bridge, actor);
    }
    return status;
}
