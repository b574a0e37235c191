/* Arming: a fence through every ring, behind the announcement of the subscription; the last shard that meets it sends word
 * back.  Dedicated shards are not asked: they take in what has arrived before each of their sends. */
#include "runtime/arming.h"

#include "runtime/supervisor_internal.h"
#include <maiko/system.h>
#include <string.h>

struct fence {
    struct command command;
    struct arming *arming;
};

struct arming {
    struct arming *next;   /* of the same actor; its shard's */
    struct actor *actor;   /* NULL: stopped meanwhile; its shard's */
    _Atomic uint32_t left; /* shards that have not met the fence, and one for us until all are on their way */
    bool is_void;          /* some could not be sent; set before we leave */
    uint32_t home;         /* the actor's shard: it is not moved while this is under way */
    struct command back;
    const char *pattern; /* behind the fences */
    uint32_t size;
    struct fence fences[]; /* by shard */
};

/* --- the event --- */

static struct route *armed_route(struct shard *shard)
{
    char buffer[128];
    struct text error;
    const struct type_entry *entry;

    text_init_buffer(&error, buffer, sizeof buffer);
    if (registry_any_type(&shard->sup->registry, MAIKO_TYPE(maiko_armed), &error, &entry) != MAIKO_OK)
        return NULL;
    return shard_route(shard, entry->topic);
}

/* To this one actor, whatever it subscribes to, in its priority lane. */
static bool deliver(struct shard *shard, struct actor *actor, const char *pattern)
{
    struct route *route = armed_route(shard);
    struct envelope *envelope =
        route == NULL ? NULL : pool_take(&shard->pool, pool_class(sizeof(maiko_armed)), sizeof(maiko_armed));
    struct subscription plain = {.subscriber = &actor->subscriber}; /* no predicate is asked */
    struct route_target target = {.subscriber = &actor->subscriber, .choice = (uintptr_t)&plain};
    maiko_armed *note;

    if (envelope == NULL)
        return false;
    note = envelope_payload(envelope);
    memset(note, 0, sizeof *note);
    memcpy(note->pattern, pattern, strlen(pattern) + 1);
    envelope->head.type = MAIKO_TYPE(maiko_armed);
    envelope->topic = route->topic;
    envelope->sender = &shard->sup->inbox->gate->sender;
    envelope->hops = 0;
    envelope->from_system = 0;
    streak_stop(&shard->streak);
    envelope->id = shard_next_id(shard);
    envelope->parent = (maiko_id){0, 0};
    envelope->correlation = envelope->id;
    envelope->time_ns = shard_wall(shard);
    envelope->origin = NULL;
    shard_dispatch_to(shard, route, &target, envelope);
    return true;
}

static bool is_wanted(const struct actor *actor, const char *pattern)
{
    const struct subscription *subscription;

    if (actor->state != ACTOR_RUNNING || actor->fail_pending)
        return false;
    for (subscription = actor->subscriber.first; subscription != NULL; subscription = subscription->next) {
        if (strcmp(subscription->pattern, pattern) == 0)
            return true;
    }
    return false;
}

/* --- beginning and end --- */

static void unlink_from_actor(struct arming *arming)
{
    struct arming **at;

    if (arming->actor == NULL)
        return;
    for (at = &arming->actor->rare->armings; *at != arming; at = &(*at)->next)
        ;
    *at = arming->next;
}

/* On the actor's shard. */
static void end(struct shard *shard, struct arming *arming)
{
    struct actor *actor = arming->actor;

    unlink_from_actor(arming);
    if (actor != NULL && !arming->is_void && is_wanted(actor, arming->pattern) && !deliver(shard, actor, arming->pattern))
        supervisor_memory_failed(shard, "word of a subscription");
    heap_free(shard->heap, arming, arming->size);
}

static void run_back(struct shard *shard, struct command *command)
{
    end(shard, CONTAINER_OF(command, struct arming, back));
}

/* Acquire and release: whoever is last sees what the others did.  The way back is in order with what the last shard sent. */
static void leave(struct shard *shard, struct arming *arming, uint32_t count)
{
    if (atomic_fetch_sub_explicit(&arming->left, count, memory_order_acq_rel) != count)
        return;
    arming->back.run = run_back;
    /* a single shard posts to itself: the word never comes while the hook that subscribed still runs */
    if (arming->home == shard->index)
        shard_post(shard, &arming->back);
    else if (exchange_command(shard, arming->home, &arming->back) != MAIKO_OK) /* a post needs no memory */
        shard_post(shard->sup->shards[arming->home], &arming->back);
}

static void run_fence(struct shard *shard, struct command *command)
{
    leave(shard, CONTAINER_OF(command, struct fence, command)->arming, 1);
}

static struct arming *arming_new(struct actor *actor, const char *pattern)
{
    struct shard *shard = actor->shard;
    uint32_t count = shard->sup->config.shards;
    size_t size = sizeof(struct arming) + count * sizeof(struct fence) + strlen(pattern) + 1;
    struct arming *arming = actor_rare(actor) == NULL ? NULL : heap_alloc_zeroed(shard->heap, 1, size);
    char *at;
    uint32_t i;

    if (arming == NULL)
        return NULL;
    at = (char *)(arming->fences + count);
    arming->pattern = supervisor_copy_text(&at, pattern);
    arming->size = (uint32_t)size;
    arming->home = shard->index;
    arming->left = count + 1;
    arming->actor = actor;
    arming->next = actor->rare->armings;
    actor->rare->armings = arming;
    for (i = 0; i < count; i++)
        arming->fences[i] = (struct fence){.command = {.run = run_fence}, .arming = arming};
    return arming;
}

maiko_status arming_begin(struct actor *actor, const struct subscription *subscription)
{
    struct shard *shard = actor->shard;
    struct arming *arming = arming_new(actor, subscription->pattern);
    maiko_status status = arming == NULL ? MAIKO_ENOMEM : MAIKO_OK;
    uint32_t met = 1; /* for us until all are on their way */
    uint32_t i;

    for (i = 0; arming != NULL && i < shard->sup->config.shards; i++) {
        if (status == MAIKO_OK && i != shard->index)
            status = exchange_command(shard, i, &arming->fences[i].command);
        if (status != MAIKO_OK || i == shard->index)
            met++;
    }
    if (arming != NULL) {
        arming->is_void = status != MAIKO_OK;
        leave(shard, arming, met);
    }
    return status;
}

void arming_forget(struct actor *actor)
{
    struct arming *arming;

    if (actor->rare == NULL)
        return;
    for (arming = actor->rare->armings; arming != NULL; arming = arming->next)
        arming->actor = NULL;
    actor->rare->armings = NULL;
}
