/* Broker: building routes from subscriptions, and keeping them up to date. */
#include "routing/broker.h"

#include "message/topic.h"
#include <string.h>

/* The interest of another shard, on behalf of all its subscribers. */
struct remote {
    struct subscription subscription;
    struct subscription_terms terms;
    uint32_t shard;
    uint32_t count; /* subscriptions this stands for */
    char key[];     /* shard, policy, pattern */
};

static const char *remote_key(const void *value)
{
    return ((const struct remote *)value)->key;
}

void broker_init(struct broker *broker, struct heap *heap, uint32_t shard)
{
    memset(broker, 0, sizeof *broker);
    broker->heap = heap;
    broker->shard = shard;
    topic_index_init(&broker->index, heap);
    topic_set_init(&broker->topics, heap);
    hash_table_init(&broker->remotes, heap, remote_key);
}

#define ROUTE_ALIGNMENT ((uintptr_t)64)
#define ROUTE_BLOCK (sizeof(struct route) + ROUTE_ALIGNMENT)

static struct route *route_new(struct broker *broker)
{
    void *block = heap_alloc_zeroed(broker->heap, 1, ROUTE_BLOCK);
    struct route *route;

    if (block == NULL)
        return NULL;
    route = (struct route *)(((uintptr_t)block + ROUTE_ALIGNMENT - 1) & ~(ROUTE_ALIGNMENT - 1));
    route->block = block;
    return route;
}

static void route_free(struct broker *broker, struct route *route)
{
    heap_free(broker->heap, route->targets, route->target_size * sizeof *route->targets);
    heap_free(broker->heap, route->alternatives, route->alternative_size * sizeof *route->alternatives);
    heap_free(broker->heap, route->block, ROUTE_BLOCK);
}

static size_t remote_size(const struct remote *remote)
{
    return sizeof *remote + strlen(remote->key) + 1;
}

void broker_deinit(struct broker *broker)
{
    size_t position = 0;
    struct remote *remote;
    uint32_t i;

    topic_index_deinit(&broker->index);
    topic_set_deinit(&broker->topics);
    while ((remote = hash_table_next(&broker->remotes, &position)) != NULL)
        heap_free(broker->heap, remote, remote_size(remote));
    hash_table_deinit(&broker->remotes);
    for (i = 0; i < broker->route_size; i++) {
        if (broker->routes[i] != NULL)
            route_free(broker, broker->routes[i]);
    }
    heap_free(broker->heap, broker->routes, broker->route_size * sizeof(struct route *));
}

/* --- routes --- */

static bool room_for_id(struct broker *broker, uint32_t id)
{
    uint32_t size = broker->route_size == 0 ? 16 : broker->route_size;
    struct route **routes;

    while (size <= id)
        size *= 2;
    if (size == broker->route_size)
        return true;
    routes = heap_resize(broker->heap, broker->routes, broker->route_size * sizeof *routes, size * sizeof *routes);
    if (routes == NULL)
        return false;
    memset(routes + broker->route_size, 0, (size - broker->route_size) * sizeof *routes);
    broker->routes = routes;
    broker->route_size = size;
    return true;
}

struct route *broker_route(struct broker *broker, struct topic *topic)
{
    struct route *route;

    if (topic->id < broker->route_size && broker->routes[topic->id] != NULL)
        return broker->routes[topic->id];
    if (!room_for_id(broker, topic->id))
        return NULL;
    route = route_new(broker);
    if (route == NULL)
        return NULL;
    if (topic_set_add(&broker->topics, topic->name, &route->entry) != MAIKO_OK) {
        route_free(broker, route);
        return NULL;
    }
    route->topic = topic;
    route->name_len = (uint8_t)topic->len;
    route->name = topic->len < ROUTE_SHORT_NAME ? memcpy(route->short_name, topic->name, topic->len + 1u) : topic->name;
    route->is_stale = true;
    broker->routes[topic->id] = route;
    return route;
}

static bool room_for_targets(struct broker *broker, struct route *route, uint32_t size)
{
    struct route_target *targets =
        heap_resize(broker->heap, route->targets, route->target_size * sizeof *targets, size * sizeof *targets);

    if (targets == NULL)
        return false;
    route->targets = targets;
    route->target_size = size;
    return true;
}

/* There is room. */
static void add_target(struct route *route, struct subscription *subscription)
{
    route->targets[route->target_count++] =
        (struct route_target){.subscriber = subscription->subscriber, .choice = (uintptr_t)subscription};
}

static bool room_for_alternatives(struct broker *broker, struct route *route, uint32_t count)
{
    uint32_t size = route->alternative_size == 0 ? 4 : 2 * route->alternative_size;
    struct route_alternative *alternatives;

    if (route->alternative_count + count <= route->alternative_size)
        return true;
    alternatives = heap_resize(broker->heap, route->alternatives, route->alternative_size * sizeof *alternatives,
                               size * sizeof *alternatives);
    if (alternatives == NULL)
        return false;
    route->alternatives = alternatives;
    route->alternative_size = size;
    return true;
}

/* A further subscription of a subscriber that is a target already: heard when the predicates before it say no. */
static bool add_alternative(struct broker *broker, struct route *route, struct route_target *target,
                            struct subscription *subscription)
{
    uint32_t *more;

    if (!room_for_alternatives(broker, route, 2))
        return false;
    if (!(target->choice & 1)) {
        route->alternatives[route->alternative_count] =
            (struct route_alternative){.subscription = (struct subscription *)target->choice};
        target->choice = 2 * (uintptr_t)route->alternative_count++ + 1;
    }
    for (more = &route->alternatives[target->choice / 2].more; *more != 0; more = &route->alternatives[*more - 1].more)
        ;
    route->alternatives[route->alternative_count++] = (struct route_alternative){.subscription = subscription};
    *more = route->alternative_count;
    return true;
}

static void add_remote(struct route *route, const struct remote *remote)
{
    uint64_t bit = UINT64_C(1) << remote->shard;
    uint8_t topic_policy = atomic_load_explicit(&route->topic->overflow, memory_order_relaxed);
    maiko_overflow policy = remote->terms.choice > 0 ? (maiko_overflow)remote->terms.choice : (maiko_overflow)topic_policy;

    if (route->topic->is_system)
        policy = MAIKO_DROP_OLDEST;
    if (atomic_load_explicit(&route->topic->is_control, memory_order_relaxed))
        policy = MAIKO_BLOCK; /* no policy drops it */
    if (policy == MAIKO_DROP_NEWEST && !(route->remote_shards & bit))
        route->remote_newest |= bit;
    if (policy != MAIKO_DROP_NEWEST)
        route->remote_newest &= ~bit;
    if (policy != MAIKO_DROP_NEWEST && policy != MAIKO_DROP_OLDEST)
        route->remote_holding |= bit;
    route->remote_shards |= bit;
}

/* Is it a target of the route already?  What stands at its mark says so, whatever route the mark is from. */
static bool is_marked(const struct route *route, const struct subscriber *subscriber)
{
    return subscriber->mark_at < route->target_count && route->targets[subscriber->mark_at].subscriber == subscriber;
}

static void found(struct topic_index_entry *entry, void *userdata)
{
    struct broker *broker = userdata;
    struct route *route = broker->building;
    struct subscription *subscription = CONTAINER_OF(entry, struct subscription, entry);
    struct subscriber *subscriber = subscription->subscriber;

    if (subscriber == NULL) {
        add_remote(route, CONTAINER_OF(subscription, struct remote, subscription));
    } else if (is_marked(route, subscriber)) {
        struct route_target *target = &route->targets[subscriber->mark_at];

        if (subscription_has_predicate(route_target_first(route, target)) &&
            !add_alternative(broker, route, target, subscription))
            broker->has_failed = true;
    } else if (route->target_count < route->target_size) {
        subscriber->mark_at = route->target_count;
        add_target(route, subscription);
    } else {
        broker->missing_targets++;
    }
}

/* Sticky topics go to every shard: each keeps the last value for those who subscribe there later. */
static void widen_sticky(struct broker *broker, struct route *route)
{
    if (atomic_load_explicit(&route->topic->is_sticky, memory_order_relaxed))
        route->remote_shards |= broker->all_remotes;
}

static void fill(struct broker *broker, struct route *route)
{
    route->target_count = 0;
    route->alternative_count = 0;
    route->remote_shards = 0;
    route->remote_holding = 0;
    route->remote_newest = 0;
    broker->missing_targets = 0;
    broker->has_failed = false;
    broker->building = route;
    (void)topic_index_resolve(&broker->index, route->topic->name, found, broker);
    broker->building = NULL;
}

/* Where there are more targets than ever before they are counted first, so that their array fits them exactly. */
maiko_status broker_build(struct broker *broker, struct route *route)
{
    route->care = ROUTE_UNSEEN;
    fill(broker, route);
    if (broker->missing_targets > 0 && room_for_targets(broker, route, route->target_count + broker->missing_targets))
        fill(broker, route);
    broker->has_failed = broker->has_failed || broker->missing_targets > 0;
    widen_sticky(broker, route);
    route->is_stale = broker->has_failed;
    return broker->has_failed ? MAIKO_ENOMEM : MAIKO_OK;
}

static void spoil(struct route *route)
{
    route->is_stale = true;
    route->care = ROUTE_UNSEEN;
}

/* --- subscriptions --- */

static void mark_stale(struct topic_set_entry *entry, void *userdata)
{
    (void)userdata;
    spoil(CONTAINER_OF(entry, struct route, entry));
}

/* The common case while many actors join one topic: it has no other subscription of this subscriber, so appending is what
 * a build would do. */
struct joining {
    struct broker *broker;
    struct subscription *subscription;
};

static void append(struct topic_set_entry *entry, void *userdata)
{
    const struct joining *joining = userdata;
    struct subscription *subscription = joining->subscription;
    struct route *route = CONTAINER_OF(entry, struct route, entry);
    bool is_only =
        subscription->subscriber != NULL && subscription->subscriber->first == subscription && subscription->next == NULL;

    if (route->is_stale)
        return;
    route->care = ROUTE_UNSEEN;
    if (is_only && (route->target_count < route->target_size ||
                    room_for_targets(joining->broker, route, route->target_size + route->target_size / 2 + 4)))
        add_target(route, subscription);
    else
        spoil(route);
}

maiko_status broker_subscribe(struct broker *broker, struct subscription *subscription)
{
    struct joining joining = {.broker = broker, .subscription = subscription};
    maiko_status status = topic_index_add(&broker->index, subscription->pattern, &subscription->entry);

    if (status != MAIKO_OK)
        return status;
    (void)topic_set_for_each(&broker->topics, subscription->pattern, append, &joining);
    return MAIKO_OK;
}

void broker_unsubscribe(struct broker *broker, struct subscription *subscription)
{
    if (!topic_index_has(&subscription->entry))
        return;
    topic_index_remove(&broker->index, &subscription->entry);
    (void)topic_set_for_each(&broker->topics, subscription->pattern, mark_stale, NULL);
}

static void write_key(char *key, uint32_t shard, const char *pattern, int8_t choice)
{
    key[0] = (char)(shard + 1);
    key[1] = (char)('0' + choice);
    memcpy(key + 2, pattern, strlen(pattern) + 1);
}

static struct remote *remote_new(struct broker *broker, uint32_t shard, const char *pattern, int8_t choice)
{
    struct remote *remote = heap_alloc_zeroed(broker->heap, 1, sizeof *remote + 2 + strlen(pattern) + 1);

    if (remote == NULL)
        return NULL;
    write_key(remote->key, shard, pattern, choice);
    remote->subscription.pattern = remote->key + 2;
    remote->subscription.terms = &remote->terms;
    remote->terms.choice = choice;
    remote->shard = shard;
    return remote;
}

static struct remote *remote_find(struct broker *broker, uint32_t shard, const char *pattern, int8_t choice)
{
    char key[260];

    write_key(key, shard, pattern, choice);
    return hash_table_find(&broker->remotes, key);
}

static maiko_status remote_begin(struct broker *broker, uint32_t shard, const char *pattern, int8_t choice)
{
    struct remote *remote = remote_new(broker, shard, pattern, choice);
    maiko_status status;

    if (remote == NULL)
        return MAIKO_ENOMEM;
    status = hash_table_insert(&broker->remotes, remote);
    if (status == MAIKO_OK) {
        status = broker_subscribe(broker, &remote->subscription);
        if (status != MAIKO_OK)
            (void)hash_table_remove(&broker->remotes, remote->key);
    }
    if (status != MAIKO_OK) {
        heap_free(broker->heap, remote, remote_size(remote));
        return MAIKO_ENOMEM;
    }
    remote->count = 1;
    return MAIKO_OK;
}

maiko_status broker_remote(struct broker *broker, uint32_t shard, const char *pattern, int8_t choice, int delta)
{
    struct remote *remote = remote_find(broker, shard, pattern, choice);

    broker->all_remotes |= UINT64_C(1) << shard;
    if (remote == NULL)
        return delta > 0 ? remote_begin(broker, shard, pattern, choice) : MAIKO_OK;
    remote->count += (uint32_t)delta;
    if (remote->count == 0) {
        (void)hash_table_remove(&broker->remotes, remote->key);
        broker_unsubscribe(broker, &remote->subscription);
        heap_free(broker->heap, remote, remote_size(remote));
    }
    return MAIKO_OK;
}

void broker_look_again(struct broker *broker)
{
    size_t i;

    for (i = 0; i < broker->route_size; i++) {
        if (broker->routes[i] != NULL)
            broker->routes[i]->care = ROUTE_UNSEEN;
    }
}

void broker_knows_shard(struct broker *broker, uint32_t shard)
{
    size_t i;

    broker->all_remotes |= UINT64_C(1) << shard;
    for (i = 0; i < broker->route_size; i++) {
        if (broker->routes[i] != NULL)
            spoil(broker->routes[i]);
    }
}
