/* Last values: keeping, announcing, teaching and giving them. */
#include "runtime/last_values.h"

#include "runtime/interest.h"
#include "runtime/supervisor_internal.h"
#include <maiko/topic.h>

static struct envelope *newest_of(const struct route *route)
{
    return route->last == NULL ? NULL : route->last->newest;
}

/* Causes are before their effects; what crossed is in some order, the same everywhere. */
static bool moment_is_before(struct moment a, struct moment b)
{
    return a.sum != b.sum ? a.sum < b.sum : a.shard < b.shard;
}

/* Of what one flush brought ids count. */
static bool is_before(const struct envelope *a, struct moment a_at, const struct envelope *b, struct moment b_at)
{
    if (a_at.sum != b_at.sum || a_at.shard != b_at.shard)
        return moment_is_before(a_at, b_at);
    return a->id.hi == b->id.hi && a->id.lo < b->id.lo;
}

static void release(struct shard *shard, struct envelope **value)
{
    struct envelope *released = *value;

    *value = NULL;
    if (released != NULL && envelope_unref_heap(released))
        shard_release_last(shard, released);
}

/* --- keeping --- */

static struct last_value *value_of(struct shard *shard, struct route *route)
{
    struct last_value *value = route->last;

    if (value != NULL)
        return value;
    value = heap_alloc_zeroed(shard->heap, 1, sizeof *value);
    if (value == NULL)
        return NULL;
    value->route = route;
    pthread_mutex_lock(&shard->announce_lock);
    list_push_back(&shard->last_values, &value->link);
    pthread_mutex_unlock(&shard->announce_lock);
    route->last = value;
    return value;
}

/* The last value is a copy on the heap: it may live for ever, and pooled envelopes delay the reuse of ended senders. */
static struct envelope *copy_of(struct shard *shard, struct envelope *envelope)
{
    if (envelope->head.type->destroy == NULL)
        return envelope_copy_heap(shard->sup->root, envelope);
    envelope_ref_heap(envelope);
    return envelope;
}

/* Under the announce_lock. */
static void replace_announced(struct shard *shard, struct last_value *value)
{
    list_remove(&value->link);
    list_push_back(&shard->last_values, &value->link);
    value->outdated = value->announced;
    value->announced = value->newest;
    value->announced_at = value->newest_at;
    envelope_ref_heap(value->newest);
}

/* What was sent later than our own its sender announces, and what is later still in turn: nobody needs ours any more. */
static void give_way(struct shard *shard, struct last_value *value)
{
    if (value->announced == NULL || !moment_is_before(value->announced_at, value->newest_at))
        return;
    pthread_mutex_lock(&shard->announce_lock);
    value->outdated = value->announced;
    value->announced = NULL;
    pthread_mutex_unlock(&shard->announce_lock);
    release(shard, &value->outdated);
}

/* What was to be told later to these shards. */
struct untold {
    struct list link; /* of the shard */
    struct last_value *value;
    struct envelope *envelope;
    uint64_t shards;
    struct moment moment;
};

static void forget_untold(struct shard *shard, struct last_value *value)
{
    struct untold *untold = value->untold;

    value->untold = NULL;
    if (untold == NULL)
        return;
    list_remove(&untold->link);
    release(shard, &untold->envelope);
    heap_free(shard->heap, untold, sizeof *untold);
}

/* What is told late comes behind all of its flush that has been read meanwhile, and another topic's value may have been sent
 * because of it: that goes with a later flush. */
static void part_from_kept_back(struct shard *shard, const struct route *route)
{
    if (shard->kept_back != NULL && shard->kept_back != route && shard->kept_back_at == shard->flush)
        exchange_end_flush(shard);
}

void last_values_keep(struct shard *shard, struct route *route, struct envelope *envelope, bool is_own)
{
    struct last_value *value = value_of(shard, route);
    struct envelope *copy = value == NULL ? NULL : copy_of(shard, envelope);

    if (is_own)
        part_from_kept_back(shard, route);
    if (copy == NULL) {
        supervisor_memory_failed(shard, "last value of a topic");
        return;
    }
    release(shard, &value->newest);
    value->newest = copy;
    value->newest_at = is_own ? exchange_now(shard) : shard->taking;
    value->order = ++shard->kept_values;
    value->routed_to = route->remote_shards;
    if (is_own)
        forget_untold(shard, value);
    if (!is_own) {
        give_way(shard, value);
    } else if (!value->is_fresh) {
        value->is_fresh = true;
        value->next_fresh = shard->fresh_values;
        shard->fresh_values = value;
    }
}

/* --- their order: one may have been sent because of another --- */

static bool comes_before(const struct last_value *a, const struct last_value *b)
{
    if (is_before(a->newest, a->newest_at, b->newest, b->newest_at))
        return true;
    return !is_before(b->newest, b->newest_at, a->newest, a->newest_at) && a->order < b->order;
}

static struct last_value *merge(struct last_value *a, struct last_value *b)
{
    struct last_value *first = NULL;
    struct last_value **end = &first;

    while (a != NULL && b != NULL) {
        struct last_value **next = comes_before(b, a) ? &b : &a;

        *end = *next;
        end = &(*next)->next_given;
        *next = *end;
    }
    *end = a != NULL ? a : b;
    return first;
}

/* Sorts a list that is linked by `next_given`. */
static struct last_value *in_order(struct last_value *values)
{
    struct last_value *sorted[64] = {NULL}; /* the n-th: none, or 2^n of them */
    struct last_value *all = NULL;
    int i;

    while (values != NULL) {
        struct last_value *run = values;

        values = run->next_given;
        run->next_given = NULL;
        for (i = 0; sorted[i] != NULL; i++) {
            run = merge(sorted[i], run);
            sorted[i] = NULL;
        }
        sorted[i] = run;
    }
    for (i = 0; i < 64; i++)
        all = merge(sorted[i], all);
    return all;
}

/* --- to shards that come later --- */

struct last_value_command {
    struct command command;
    struct envelope *envelope;
};

static void take(struct shard *shard, struct route *route, struct envelope *envelope)
{
    shard_dispatch_last(shard, route, envelope);
    last_values_keep(shard, route, envelope, false);
}

static void run_last_value(struct shard *shard, struct command *command)
{
    struct last_value_command *told = CONTAINER_OF(command, struct last_value_command, command);
    struct envelope *envelope = told->envelope;
    struct route *route = shard_route(shard, registry_topic_by_id(&shard->sup->registry, envelope->topic->id));

    COUNT(shard->counters, dispatched, 1);
    shard->heap_live++;
    if (route == NULL)
        supervisor_memory_failed(shard, "last value of a topic");
    else
        take(shard, route, envelope);
    shard_release(shard, envelope);
    heap_free(shard->heap, told, command->size);
}

static maiko_status tell(struct shard *shard, uint32_t newcomer, struct last_value *value)
{
    struct last_value_command *told = heap_alloc_zeroed(shard->heap, 1, sizeof *told);

    if (told == NULL)
        return MAIKO_ENOMEM;
    told->command.run = run_last_value;
    told->command.size = sizeof *told;
    told->envelope = value->newest;
    envelope_ref_heap(value->newest);
    if (shard_tell(shard, newcomer, &told->command) == MAIKO_OK) {
        COUNT(shard->counters, routed, 1);
        COUNT(value->route->counters, routed, 1);
        return MAIKO_OK;
    }
    (void)envelope_unref_heap(value->newest); /* not the last one */
    heap_free(shard->heap, told, sizeof *told);
    return MAIKO_ENOMEM;
}

/* It came after the values were sent, or we had not heard of it yet: from now on it gets every event of a sticky topic. */
static bool greet(struct shard *shard, uint32_t newcomer, struct last_value *fresh)
{
    bool told_all = true;

    broker_knows_shard(&shard->broker, newcomer);
    for (; fresh != NULL; fresh = fresh->next_given) {
        if (!(fresh->routed_to >> newcomer & 1) && tell(shard, newcomer, fresh) != MAIKO_OK)
            told_all = false;
    }
    return told_all;
}

static struct last_value *fresh_in_order(struct shard *shard)
{
    struct last_value *value;

    for (value = shard->fresh_values; value != NULL; value = value->next_fresh)
        value->next_given = value->next_fresh;
    return in_order(shard->fresh_values);
}

bool last_values_begin_flush(struct shard *shard)
{
    struct last_value *fresh = fresh_in_order(shard);
    bool told_all = true;

    pthread_mutex_lock(&shard->announce_lock);
    for (; shard->greeted < shard->peers; shard->greeted++) {
        if (shard->greeted != shard->index)
            told_all &= greet(shard, shard->greeted, fresh);
    }
    for (; fresh != NULL; fresh = fresh->next_given)
        replace_announced(shard, fresh);
    return told_all;
}

void last_values_end_flush(struct shard *shard, bool told_all)
{
    struct last_value *value;

    pthread_mutex_unlock(&shard->announce_lock);
    if (!told_all) /* said here: whoever adds a shard has the supervisor's lock and waits for ours */
        supervisor_memory_failed(shard, "last value of a topic");
    while ((value = shard->fresh_values) != NULL) {
        shard->fresh_values = value->next_fresh;
        value->is_fresh = false;
        release(shard, &value->outdated);
    }
}

/* What stood there is another shard's, too: this is not its last reference. */
static void adopt(struct envelope **value, struct envelope *other)
{
    if (*value != NULL)
        (void)envelope_unref_heap(*value);
    envelope_ref_heap(other);
    *value = other;
}

static maiko_status teach(struct shard *newcomer, const struct last_value *known)
{
    struct route *route = shard_route(newcomer, known->route->topic);
    struct last_value *value = route == NULL ? NULL : value_of(newcomer, route);

    if (value == NULL)
        return MAIKO_ENOMEM;
    if (value->newest != NULL && !moment_is_before(value->newest_at, known->announced_at))
        return MAIKO_OK;
    adopt(&value->newest, known->announced);
    value->newest_at = known->announced_at;
    value->order = ++newcomer->kept_values;
    list_remove(&value->link);
    list_push_back(&newcomer->last_values, &value->link);
    return MAIKO_OK;
}

/* Each shard teaches the latest it sent itself, and no other: what it has of others may be old, their later ones being under way
 * to it still. */
maiko_status last_values_teach(const struct shard *shard, struct shard *newcomer)
{
    maiko_status status = MAIKO_OK;
    const struct list *link;

    for (link = shard->last_values.next; link != &shard->last_values && status == MAIKO_OK; link = link->next) {
        const struct last_value *known = CONTAINER_OF(link, struct last_value, link);

        if (known->announced != NULL)
            status = teach(newcomer, known);
    }
    return status;
}

/* --- what a ring's mark kept from somebody --- */

struct late_command {
    struct command command;
    struct envelope *envelope;
    struct moment moment;
};

static struct untold *untold_new(struct shard *shard, struct last_value *value)
{
    struct untold *untold = heap_alloc_zeroed(shard->heap, 1, sizeof *untold);

    if (untold == NULL) {
        supervisor_memory_failed(shard, "last value of a topic");
        return NULL;
    }
    untold->value = value;
    untold->envelope = value->newest;
    envelope_ref_heap(value->newest);
    untold->moment = value->newest_at;
    list_push_back(&shard->untold_values, &untold->link);
    return untold;
}

void last_values_note_untold(struct shard *shard, struct route *route, const struct envelope *envelope, uint32_t target)
{
    struct last_value *value = route->last;

    if (value == NULL || value->newest == NULL || !maiko_id_equal(value->newest->id, envelope->id))
        return; /* there was no memory to keep it */
    if (value->untold == NULL)
        value->untold = untold_new(shard, value);
    if (value->untold == NULL)
        return;
    shard->kept_back = route;
    shard->kept_back_at = shard->flush;
    value->untold->shards |= UINT64_C(1) << target;
    shard->untold_shards |= UINT64_C(1) << target;
}

static void run_late(struct shard *shard, struct command *command)
{
    struct late_command *told = CONTAINER_OF(command, struct late_command, command);
    struct envelope *envelope = told->envelope;
    struct route *route = shard_route(shard, registry_topic_by_id(&shard->sup->registry, envelope->topic->id));

    if (route == NULL)
        supervisor_memory_failed(shard, "last value of a topic");
    else
        last_values_keep_late(shard, route, envelope, told->moment);
    shard->heap_live++;
    shard_release(shard, envelope);
    heap_free(shard->heap, told, command->size);
}

static maiko_status tell_late(struct shard *shard, uint32_t target, const struct untold *untold)
{
    struct late_command *told = heap_alloc_zeroed(shard->heap, 1, sizeof *told);

    if (told == NULL)
        return MAIKO_ENOMEM;
    told->command.run = run_late;
    told->command.size = sizeof *told;
    told->envelope = untold->envelope;
    told->moment = untold->moment;
    envelope_ref_heap(untold->envelope);
    if (exchange_command(shard, target, &told->command) == MAIKO_OK)
        return MAIKO_OK;
    (void)envelope_unref_heap(untold->envelope); /* not the last one */
    heap_free(shard->heap, told, sizeof *told);
    return MAIKO_ENOMEM;
}

void last_values_tell_untold(struct shard *shard, uint32_t target)
{
    uint64_t bit = UINT64_C(1) << target;
    struct list *link;
    struct list *after;

    shard->untold_shards &= ~bit;
    LIST_FOR_EACH_SAFE (link, after, &shard->untold_values) {
        struct untold *untold = CONTAINER_OF(link, struct untold, link);

        if (!(untold->shards & bit))
            continue;
        if (tell_late(shard, target, untold) != MAIKO_OK)
            supervisor_memory_failed(shard, "last value of a topic");
        untold->shards &= ~bit;
        if (untold->shards == 0)
            forget_untold(shard, untold->value);
    }
}

/* A shard tells late what is its latest still: what else came from there is older. */
static bool is_replaced_late(const struct last_value *value, const struct envelope *late, struct moment moment)
{
    if (value->newest_at.shard == moment.shard)
        return !maiko_id_equal(value->newest->id, late->id);
    return is_before(value->newest, value->newest_at, late, moment);
}

void last_values_keep_late(struct shard *shard, struct route *route, struct envelope *envelope, struct moment moment)
{
    struct last_value *value = value_of(shard, route);

    if (value == NULL) {
        supervisor_memory_failed(shard, "last value of a topic");
        return;
    }
    if (value->newest != NULL && !is_replaced_late(value, envelope, moment))
        return;
    release(shard, &value->newest);
    envelope_ref_heap(envelope);
    value->newest = envelope;
    value->newest_at = moment;
    value->order = ++shard->kept_values;
    value->routed_to = 0;
    give_way(shard, value);
}

/* --- to new subscriptions --- */

struct giving {
    const struct subscription *subscription;
    struct last_value *found;
};

/* Did an earlier subscription of the same actor bring it this value already? */
static bool had_last_value(const struct subscription *subscription, const struct route *route)
{
    const maiko_envelope *last = &newest_of(route)->head;
    const struct subscription *earlier = subscription->subscriber->first;

    for (; earlier != subscription; earlier = earlier->next) {
        if (maiko_topic_matches(earlier->pattern, route->topic->name) && subscription_wants(earlier, last))
            return true;
    }
    return false;
}

static void find(struct topic_set_entry *entry, void *userdata)
{
    struct giving *giving = userdata;
    struct route *route = CONTAINER_OF(entry, struct route, entry);
    const struct envelope *last = newest_of(route);
    const struct actor *actor = CONTAINER_OF(giving->subscription->subscriber, struct actor, subscriber);

    if (last == NULL || had_last_value(giving->subscription, route))
        return;
    if (!subscription_wants(giving->subscription, &last->head)) /* a later one may */
        return;
    if (last->sender->id == actor->sender.id && !actor->receives_own)
        return;
    route->last->given_to = giving->subscription;
    route->last->next_given = giving->found;
    giving->found = route->last;
}

void last_values_give(struct shard *shard, const struct subscription *first)
{
    struct giving giving = {.subscription = first};
    struct last_value *value;

    if (list_is_empty(&shard->last_values))
        return;
    for (; giving.subscription != NULL; giving.subscription = giving.subscription->next)
        (void)topic_set_for_each(&shard->broker.topics, giving.subscription->pattern, find, &giving);
    for (value = in_order(giving.found); value != NULL; value = value->next_given) {
        struct route_target target = {.subscriber = first->subscriber, .choice = (uintptr_t)value->given_to};

        envelope_hold(shard, value->newest);
        shard_dispatch_to(shard, value->route, &target, value->newest);
    }
}

static void destroy(struct envelope *value)
{
    if (value != NULL && envelope_unref_heap(value))
        envelope_destroy_heap(value);
}

void last_values_deinit(struct shard *shard)
{
    struct list *link;

    while ((link = list_first(&shard->last_values)) != NULL) {
        struct last_value *value = CONTAINER_OF(link, struct last_value, link);

        list_remove(link);
        if (value->untold != NULL) {
            destroy(value->untold->envelope);
            heap_free(shard->heap, value->untold, sizeof *value->untold);
        }
        destroy(value->newest);
        destroy(value->announced);
        heap_free(shard->heap, value, sizeof *value);
    }
}
