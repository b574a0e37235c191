/* Send: the public calls, their checks, and the envelope. */
#include "runtime/send.h"

#include "message/schema.h"
#include "message/topic.h"
#include "runtime/dead_letters.h"
#include "runtime/inbox.h"
#include "runtime/offline.h"
#include "runtime/refusal.h"
#include "runtime/supervisor_internal.h"
#include "runtime/topic_names.h"
#include <maiko/send.h>
#include <string.h>

#define COPY_BY_WORDS ((size_t)128)

/* What one send is about. */
struct sending {
    struct actor *actor;
    const struct type_entry *entry;
    struct route *route;
    const maiko_envelope *parent;
    bool try_only;
};

maiko_status send_refuse(struct actor *actor, maiko_status status)
{
    actor->last_refusal = status;
    COUNT(actor->counters, refused, 1);
    return status;
}

/* --- who sends --- */

static maiko_status why_not_ours(const struct actor *actor)
{
    if (supervisor_is_forked(actor->shard->sup))
        return MAIKO_EFORKED;
    if (actor->state == ACTOR_STOPPED || supervisor_state(actor->shard->sup) == SUP_STOPPED)
        return MAIKO_ECLOSED;
    return MAIKO_ETHREAD;
}

/* MAIKO_OK: the actor's own hook runs on this thread. */
static inline maiko_status check_sender(struct actor *actor)
{
    struct shard *shard = actor->shard;

    if (__builtin_expect(shard != shard_of_this_thread || shard->current != actor, 0))
        return why_not_ours(actor);
    if (__builtin_expect(*shard->fork_word == 0, 0))
        return MAIKO_EFORKED;
    return __builtin_expect(actor->has_finished, 0) ? MAIKO_ECLOSED : MAIKO_OK;
}

maiko_status send_check_sender(struct actor *actor)
{
    return check_sender(actor);
}

/* --- which type, which topic --- */

static inline struct type_cache_line *cache_line(struct shard *shard, const maiko_event_type *type)
{
    uintptr_t at = (uintptr_t)type;

    return &shard->types[((at >> 4) ^ (at >> 12)) & (TYPE_CACHE - 1)];
}

static maiko_status fill_cache_line(struct shard *shard, struct type_cache_line *line, const maiko_event_type *type)
{
    char buffer[256];
    struct text error;
    const struct type_entry *entry;
    struct route *route = NULL;
    maiko_status status;

    text_init_buffer(&error, buffer, sizeof buffer);
    status = registry_type(&shard->sup->registry, type, &error, &entry);
    if (status != MAIKO_OK) {
        supervisor_log(shard->sup, MAIKO_LOG_ERROR, "event type refused: %s", text_str(&error));
        return status;
    }
    if (entry->topic != NULL) {
        route = shard_route(shard, entry->topic);
        if (route == NULL)
            return MAIKO_ENOMEM;
    }
    line->type = type;
    line->entry = entry;
    line->route = route;
    line->needs_look = entry->needs_validation;
    line->usual_class = (uint16_t)pool_class(type->size);
    line->usual_len = (uint32_t)type->size;
    if (type->tail_size > 0 || type->destroy != NULL || line->usual_class == POOL_CLASSES ||
        (line->needs_look && type->size > shard->sup->config.max_payload_bytes))
        line->usual_len = UINT32_MAX;
    return MAIKO_OK;
}

/* Acquire pairs with registry_bind(): the policy that the type gave the topic is seen too. */
static bool is_bound_by(struct route *route, const maiko_event_type *type)
{
    if (atomic_load_explicit(&route->topic->bound_by, memory_order_acquire) != type)
        return false;
    route->bound_by = type;
    return true;
}

/* May the actor send on a topic of this name?  Before it becomes one: names are kept, and refusals are not to use them up. */
static bool may_name(const struct actor *actor, const char *name)
{
    const char *const *pattern = actor->rare == NULL || actor->rare->publish == NULL ? NULL : actor->rare->publish;

    while (pattern != NULL && *pattern != NULL && !maiko_topic_matches(*pattern, name))
        pattern++;
    return pattern == NULL || *pattern != NULL;
}

/* A topic given at the send or computed from the event. */
static maiko_status find_route(const struct actor *actor, const struct type_entry *entry, const char *name,
                               struct route **ret_route)
{
    struct shard *shard = actor->shard;
    char buffer[256];
    struct text error;
    struct topic *topic;
    maiko_status status;

    *ret_route = name == NULL ? NULL : name_cache_find(&shard->names, name);
    if (*ret_route != NULL && is_bound_by(*ret_route, entry->type))
        return MAIKO_OK;
    status = name == NULL ? MAIKO_ETOPIC : topic_check_sendable(name);
    if (status == MAIKO_OK && !may_name(actor, name))
        status = MAIKO_EUNDECLARED;
    if (status == MAIKO_OK)
        status = topic_names_find(shard->sup, name, &topic);
    if (status != MAIKO_OK)
        return status;
    *ret_route = shard_route(shard, topic);
    if (*ret_route == NULL)
        return MAIKO_ENOMEM;
    name_cache_add(&shard->names, shard->heap, *ret_route);
    if (is_bound_by(*ret_route, entry->type))
        return MAIKO_OK;
    text_init_buffer(&error, buffer, sizeof buffer);
    status = registry_bind(&shard->sup->registry, topic, entry->type, &error);
    if (status != MAIKO_OK)
        supervisor_log(shard->sup, MAIKO_LOG_ERROR, "send refused: %s", text_str(&error));
    return status;
}

const char *send_computed_topic(const maiko_event_type *type, const void *event, char buffer[SEND_TOPIC_BUFFER])
{
    buffer[SEND_TOPIC_BUFFER - 1] = '\0'; /* it need not end what fills its room, which then is too long */
    return type->topic_of == NULL ? NULL : type->topic_of(event, buffer, SEND_TOPIC_BUFFER - 1);
}

static maiko_status computed_route(const struct actor *actor, const struct type_entry *entry, const void *event,
                                   struct route **ret_route)
{
    char buffer[SEND_TOPIC_BUFFER];

    return find_route(actor, entry, send_computed_topic(entry->type, event, buffer), ret_route);
}

static bool is_declared(struct actor *actor, const struct topic *topic)
{
    struct actor_rare *rare = actor->rare;
    size_t i;

    if (rare->publish_seen == topic || topic->is_system)
        return true;
    for (i = 0; rare->publish[i] != NULL; i++) {
        if (maiko_topic_matches(rare->publish[i], topic->name)) {
            rare->publish_seen = topic;
            return true;
        }
    }
    return false;
}

/* --- may it --- */

/* Has it no room in the lane that events of this topic take? */
static bool lane_is_full(const struct route *route, const struct actor *actor)
{
    const struct mailbox *lane = &actor->mailbox;

    if (atomic_load_explicit(&route->topic->is_control, memory_order_relaxed)) {
        if (actor->rare == NULL || actor->rare->control.capacity == 0)
            return false;
        lane = &actor->rare->control;
    }
    return lane->depth >= lane->capacity;
}

/* By any of its subscriptions: which one takes the event is for predicates to say, later. */
static bool target_may_block(const struct route *route, const struct route_target *target)
{
    const struct subscription *subscription = route_target_first(route, target);
    uint32_t more = target->choice & 1 ? route->alternatives[target->choice / 2].more : 0;

    if (atomic_load_explicit(&route->topic->is_control, memory_order_relaxed))
        return true;
    while (shard_policy_of(route, subscription) != MAIKO_BLOCK) {
        if (more == 0)
            return false;
        subscription = route->alternatives[more - 1].subscription;
        more = route->alternatives[more - 1].more;
    }
    return true;
}

/* Would a subscriber here let the sender wait?  One elsewhere may, which counts for those who must not add to their debt. */
static bool may_block(struct shard *shard, const struct sending *sending)
{
    struct route *route = sending->route;
    uint32_t i;

    if (route->is_stale && broker_build(&shard->broker, route) != MAIKO_OK)
        return true;
    for (i = 0; i < route->target_count; i++) {
        struct actor *actor = CONTAINER_OF(route->targets[i].subscriber, struct actor, subscriber);

        if (lane_is_full(route, actor) && target_may_block(route, &route->targets[i]) &&
            (actor != sending->actor || actor->receives_own))
            return true;
    }
    return route->remote_holding != 0 && sending->actor->is_overdrawn;
}

static bool would_wait(struct shard *shard, const struct sending *sending)
{
    return actor_in_debt(sending->actor) || (sending->actor->hold & ACTOR_HELD_BY_RING) || may_block(shard, sending);
}

/* The rare reasons to refuse: too much already in debt, overdrawn, a try that would wait. */
static maiko_status check_limits(struct shard *shard, const struct sending *sending)
{
    struct actor *actor = sending->actor;

    if (actor->is_overdrawn && actor->overdraft == 0 && may_block(shard, sending))
        return MAIKO_EDEADLOCK;
    if (!actor->is_overdrawn &&
        (actor->debt >= shard->sup->config.outbox_limit_events || shard->over_mark >= shard->sup->config.outbox_limit_events))
        return MAIKO_EFULL;
    if (sending->try_only && would_wait(shard, sending))
        return MAIKO_EFULL;
    return MAIKO_OK;
}

static inline maiko_status check_actor(struct shard *shard, const struct sending *sending)
{
    struct actor *actor = sending->actor;

    if (__builtin_expect(actor->rare != NULL, 0) && actor->rare->publish != NULL && !is_declared(actor, sending->route->topic))
        return MAIKO_EUNDECLARED;
    if (__builtin_expect(actor->debt != 0 || shard->over_mark != 0 || actor->is_overdrawn || sending->try_only, 0))
        return check_limits(shard, sending);
    return MAIKO_OK;
}

/* --- the envelope --- */

static struct envelope *make_envelope(struct shard *shard, const maiko_event_type *type, size_t len, const struct topic *topic,
                                      const struct sender *sender)
{
    struct envelope *envelope;

    if (__builtin_expect(len <= POOL_LARGEST && type->destroy == NULL, 1)) {
        envelope = pool_take(&shard->pool, pool_class(len), len);
        if (envelope == NULL)
            return NULL;
        envelope->topic = topic;
        envelope->sender = sender;
    } else {
        envelope = envelope_new_heap(shard->sup->root, type, len, topic, sender);
        if (envelope == NULL)
            return NULL;
        envelope->owner_shard = (uint16_t)shard->index;
        shard->heap_live++;
    }
    envelope->head.type = type;
    return envelope;
}

HOT void stamp(struct shard *shard, struct actor *actor, struct envelope *envelope, const maiko_envelope *parent)
{
    envelope->hops = 0;
    envelope->from_system = shard->current_envelope != NULL && shard->current_envelope->from_system;
    envelope->id = shard_next_id(shard);
    envelope->time_ns = shard_wall(shard);
    envelope->origin = actor;
    if (parent != NULL) {
        envelope->parent = envelope_of(parent)->id;
        envelope->correlation = envelope_of(parent)->correlation;
    } else {
        envelope->parent = (maiko_id){0, 0};
        envelope->correlation = envelope->id;
    }
}

/* A dedicated actor's: its hook may last, so what it sends goes now and not when the turn is over. */
static __attribute__((noinline)) void go_at_once(struct shard *shard, struct actor *actor)
{
    exchange_flush(shard);
    if (actor_is_held(actor))
        shard_wait_until_free(shard, actor);
}

static inline void publish(struct shard *shard, const struct sending *sending, struct envelope *envelope)
{
    struct actor *actor = sending->actor;

    streak_stop(&shard->streak);
    stamp(shard, actor, envelope, sending->parent);
    COUNT(actor->counters, sent, 1);
    /* what other shards make wait is not known here in time: all of it counts as if it did */
    if (__builtin_expect(actor->is_overdrawn, 0) && sending->route->remote_shards != 0 && actor->overdraft > 0)
        actor->overdraft--;
    shard_publish(shard, actor, sending->route, envelope);
    if (__builtin_expect(actor->is_dedicated, 0) && !shard->is_draining)
        go_at_once(shard, actor);
}

/* --- sends of an actor --- */

static __attribute__((noinline, cold)) maiko_status refuse_event(struct actor *actor, const maiko_send_opts *opts,
                                                                 const maiko_event_type *type, const void *event, size_t len,
                                                                 maiko_status status)
{
    struct refusal refusal = {status, actor->last_refusal, opts == NULL ? NULL : opts->topic};

    (void)send_refuse(actor, status); /* first: the program's log may send, and be refused */
    refusal_tell(actor, &refusal, type, event, len);
    return status;
}

/* May this event go, and where to?  A refusal is counted. */
static inline maiko_status admit(struct sending *sending, const maiko_send_opts *opts, const maiko_event_type *type,
                                 const void *event, size_t len)
{
    struct actor *actor = sending->actor;
    struct shard *shard = actor->shard;
    struct type_cache_line *line = cache_line(shard, type);
    maiko_status status = MAIKO_OK;

    if (actor->is_dedicated) /* its hook may last: who subscribed meanwhile is to get it */
        (void)exchange_drain(shard);
    if (__builtin_expect(line->type != type, 0))
        status = fill_cache_line(shard, line, type);
    if (__builtin_expect(status != MAIKO_OK, 0))
        return send_refuse(actor, status);
    sending->entry = line->entry;
    sending->route = line->route;
    status = send_check_payload(shard, line->entry, event, len);
    if (opts != NULL) {
        sending->parent = opts->parent;
        sending->try_only = opts->try_only;
        if (opts->topic != NULL && status == MAIKO_OK)
            status = find_route(actor, line->entry, opts->topic, &sending->route);
    }
    if (sending->route == NULL && status == MAIKO_OK)
        status = computed_route(actor, line->entry, event, &sending->route);
    if (status == MAIKO_OK)
        status = check_actor(shard, sending);
    if (__builtin_expect(status == MAIKO_EDEADLOCK, 0))
        dead_letter_refused(shard, actor, sending->route->topic, type, status);
    return __builtin_expect(status != MAIKO_OK, 0) ? refuse_event(actor, opts, type, event, len, status) : MAIKO_OK;
}

static maiko_status send_from_actor(struct actor *actor, const maiko_send_opts *opts, const maiko_event_type *type,
                                    const void *event, size_t len)
{
    struct shard *shard = actor->shard;
    struct sending sending = {.actor = actor};
    struct envelope *envelope;
    maiko_status status = admit(&sending, opts, type, event, len);

    if (__builtin_expect(status != MAIKO_OK, 0))
        return status;
    envelope = make_envelope(shard, type, len, sending.route->topic, &actor->sender);
    if (envelope == NULL)
        return send_refuse(actor, MAIKO_ENOMEM);
    if (len > 0)
        memcpy(envelope_payload(envelope), event, len);
    publish(shard, &sending, envelope);
    return MAIKO_OK;
}

/* Its envelope is there already; what is on the heap brings its names along. */
static maiko_status send_made(struct actor *actor, const maiko_send_opts *opts, struct envelope *envelope, size_t len)
{
    struct shard *shard = actor->shard;
    struct sending sending = {.actor = actor};
    maiko_status status = admit(&sending, opts, envelope->head.type, envelope->head.payload, len);

    if (status != MAIKO_OK)
        return status;
    if (envelope->home == HOME_HEAP) {
        envelope_name_heap(envelope, len, sending.route->topic, &actor->sender);
        envelope->owner_shard = (uint16_t)shard->index;
        shard->heap_live++;
    } else {
        envelope->head.payload_len = len;
        envelope->topic = sending.route->topic;
        envelope->sender = &actor->sender;
    }
    publish(shard, &sending, envelope);
    return MAIKO_OK;
}

/* --- the usual send: from the running hook, an event of fixed size, nobody held --- */

/* The actor whose hook runs on this thread, if it is the one of the context and may simply send; else NULL. */
HOT struct actor *simple_sender(const maiko_context *ctx)
{
    struct shard *shard = shard_of_this_thread;
    struct actor *actor = __builtin_expect(shard != NULL, 1) ? shard->current : NULL;

    if (__builtin_expect(actor == NULL || actor_context(actor) != ctx || *shard->fork_word == 0, 0))
        return NULL;
    return __builtin_expect(!actor->sends_simply || (actor->debt | shard->over_mark) != 0, 0) ? NULL : actor;
}

HOT bool may_send_on(const struct actor *actor, const struct topic *topic)
{
    return __builtin_expect(actor->rare == NULL, 1) || actor->rare->publish == NULL || actor->rare->publish_seen == topic;
}

/* Straight into the only subscriber's mailbox, which takes over our reference.  False: nothing was done, publish it. */
HOT bool hand_over(struct shard *shard, const struct actor *sender, struct route *route, struct envelope *envelope)
{
    struct actor *actor;

    if (__builtin_expect(route->care != ROUTE_SINGLE, 0))
        return false;
    actor = CONTAINER_OF(route->single, struct actor, subscriber);
    if (__builtin_expect(actor->mailbox.depth >= actor->mailbox.limit || (actor == sender && !actor->receives_own), 0))
        return false;
    mailbox_put(&actor->mailbox, (uintptr_t)envelope);
    if (__builtin_expect(actor == sender, 0))
        actor_note_depth(actor);
    shard_ready_for_event(shard, actor);
    COUNT(sender->counters, sent, 1);
    COUNT(route->counters, sent, 1);
    COUNT(actor->counters, received, 1);
    if (actor != sender)
        streak_note(&shard->streak, route, sender->counters, actor->counters, actor->mailbox.depth);
    return true;
}

/* NULL: no streak goes on with this event. */
HOT struct actor *streak_receiver(const struct route *route)
{
    struct actor *actor;

    if (route->care != ROUTE_STREAK)
        return NULL;
    actor = CONTAINER_OF(route->single, struct actor, subscriber);
    return __builtin_expect(actor->mailbox.depth < actor->mailbox.limit, 1) ? actor : NULL;
}

/* NULL: unknown, or no type or another one is bound to it. */
HOT struct route *named_route(struct shard *shard, const char *topic, const maiko_event_type *type)
{
    struct route *route = name_cache_find(&shard->names, topic);

    return __builtin_expect(route != NULL && route->bound_by == type, 1) ? route : NULL;
}

/* False: nothing was done, look closer. */
HOT bool send_simply(maiko_context *ctx, const char *topic, const maiko_event_type *type, const void *event, size_t len,
                     const maiko_envelope *parent)
{
    struct actor *actor = simple_sender(ctx);
    struct type_cache_line *line;
    struct envelope *envelope;
    struct actor *receiver;
    struct route *route;
    struct shard *shard;

    if (__builtin_expect(actor == NULL || event == NULL, 0))
        return false;
    shard = actor->shard;
    line = cache_line(shard, type);
    if (__builtin_expect(line->type != type || line->usual_len != len, 0))
        return false;
    if (line->needs_look && !schema_is_met(line->entry->type, line->entry->look, event))
        return false;
    route = topic == NULL ? line->route : named_route(shard, topic, line->entry->type);
    if (__builtin_expect(route == NULL || !may_send_on(actor, route->topic), 0))
        return false;
    if (__builtin_expect(route->care == ROUTE_TAKEN, 0) && parent == NULL && take_at_once(actor, route, type, event, len))
        return true;
    envelope = pool_take(&shard->pool, line->usual_class, len);
    if (__builtin_expect(envelope == NULL, 0))
        return false;
    envelope->head.type = type;
    envelope->topic = route->topic;
    envelope->sender = &actor->sender;
    memcpy(envelope_payload(envelope), event, len);
    receiver = streak_receiver(route);
    if (receiver == NULL)
        streak_stop(&shard->streak);
    stamp(shard, actor, envelope, parent); /* in a streak this counts it, too */
    if (receiver != NULL) {
        mailbox_put(&receiver->mailbox, (uintptr_t)envelope);
        shard_ready_for_event(shard, receiver);
    } else if (!hand_over(shard, actor, route, envelope)) {
        COUNT(actor->counters, sent, 1);
        shard_publish(shard, actor, route, envelope);
    }
    return true;
}

/* --- the public calls --- */

/* Counted only where nobody else counts. */
static maiko_status refuse_sender(struct actor *actor, maiko_status status)
{
    return status == MAIKO_ECLOSED && actor->counters != NULL && shard_of_this_thread == actor->shard ? send_refuse(actor, status)
                                                                                                      : status;
}

static maiko_status send_from_offline(maiko_context *ctx, const maiko_send_opts *opts, const maiko_event_type *type,
                                      const void *event, size_t len);

static maiko_status send(maiko_context *ctx, const maiko_send_opts *opts, const maiko_event_type *type, const void *event,
                         size_t len)
{
    struct actor *actor = actor_of_context(ctx);
    maiko_status status;

    if (__builtin_expect(actor == NULL, 0))
        return ctx == NULL ? MAIKO_EINVAL : MAIKO_ECLOSED;
    if (__builtin_expect(actor->is_gate, 0)) {
        struct inbox_event meta = {.entry = NULL};

        return send_from_outside(actor_inbox(actor), opts, type, event, len, &meta);
    }
    status = check_sender(actor);
    if (__builtin_expect(status != MAIKO_OK, 0))
        return shard_left_by_this_thread != NULL ? send_from_offline(ctx, opts, type, event, len) : refuse_sender(actor, status);
    if (__builtin_expect(type == NULL, 0))
        return send_refuse(actor, MAIKO_ETYPE);
    return send_from_actor(actor, opts, type, event, len);
}

/* In the hook of a dedicated actor. */
static __attribute__((noinline)) maiko_status send_from_offline(maiko_context *ctx, const maiko_send_opts *opts,
                                                                const maiko_event_type *type, const void *event, size_t len)
{
    struct shard *left = offline_return();
    maiko_status status = send(ctx, opts, type, event, len);

    offline_leave(left);
    return status;
}

maiko_status maiko_send_bytes(maiko_context *ctx, const maiko_event_type *type, const void *event, size_t len)
{
    return send_simply(ctx, NULL, type, event, len, NULL) ? MAIKO_OK : send(ctx, NULL, type, event, len);
}

/* The options of an older program are shorter: what it does not have is zero. */
static const maiko_send_opts *widen(const maiko_send_opts *opts, maiko_send_opts *wide)
{
    if (opts == NULL || opts->struct_size >= sizeof *opts)
        return opts;
    memset(wide, 0, sizeof *wide);
    memcpy(wide, opts, opts->struct_size);
    return wide;
}

maiko_status maiko_send_options(maiko_context *ctx, const maiko_send_opts *opts, const maiko_event_type *type, const void *event,
                                size_t len)
{
    maiko_send_opts wide;

    if (opts != NULL && opts->struct_size == sizeof *opts && !opts->try_only && type != NULL &&
        send_simply(ctx, opts->topic, type, event, len, opts->parent))
        return MAIKO_OK;
    return send(ctx, widen(opts, &wide), type, event, len);
}

maiko_status send_in_place(struct actor *actor, const maiko_send_opts *opts, struct envelope *envelope, size_t len)
{
    struct inbox_event meta = {.entry = NULL, .made = envelope};
    maiko_send_opts wide;
    maiko_status status;

    opts = widen(opts, &wide);
    if (actor->is_gate)
        return send_from_outside(actor_inbox(actor), opts, envelope->head.type, envelope->head.payload, len, &meta);
    status = check_sender(actor);
    return status == MAIKO_OK ? send_made(actor, opts, envelope, len) : refuse_sender(actor, status);
}
