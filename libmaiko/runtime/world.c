/* World: pausing, and what is decided in a pause about ends of cycles. */
#include "runtime/world.h"

#include "routing/topic_overlap.h"
#include "runtime/offline.h"
#include "runtime/supervisor_internal.h"
#include <time.h>

#define PAUSE_WAIT_NS MAIKO_MS(2)

static struct timespec after(const struct clock *clock, uint64_t wait_ns)
{
    uint64_t at = clock_mono_ns(clock) + wait_ns;

    return (struct timespec){.tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u)};
}

static uint64_t standing_still(const struct maiko_supervisor *sup)
{
    return sup->idle_shards | sup->paused_shards | sup->claimed_shards;
}

/* Those whose threads are in hooks of dedicated actors stand still as long as we keep them from coming back. */
static void claim_offline(struct maiko_supervisor *sup)
{
    uint64_t rest = supervisor_all_shards(sup) & ~standing_still(sup);

    for (; rest != 0; rest &= rest - 1) {
        if (offline_take(sup->shards[__builtin_ctzll(rest)]))
            sup->claimed_shards |= rest & -rest;
    }
}

static void give_back_claimed(struct maiko_supervisor *sup)
{
    for (; sup->claimed_shards != 0; sup->claimed_shards &= sup->claimed_shards - 1)
        offline_give(sup->shards[__builtin_ctzll(sup->claimed_shards)]);
}

uint64_t world_pause(struct shard *shard)
{
    struct maiko_supervisor *sup = shard->sup;
    uint64_t own = UINT64_C(1) << shard->index;
    struct timespec until;
    int waited = 0;

    if (sup->config.mode != MAIKO_THREADS) {
        pthread_mutex_lock(&sup->lock);
        return supervisor_all_shards(sup);
    }
    until = after(&sup->clock, PAUSE_WAIT_NS);
    pthread_mutex_lock(&sup->lock);
    if (atomic_load_explicit(&sup->is_pausing, memory_order_relaxed)) {
        pthread_mutex_unlock(&sup->lock);
        return 0;
    }
    atomic_store_explicit(&sup->is_pausing, true, memory_order_relaxed);
    claim_offline(sup);
    while (waited == 0 && (standing_still(sup) | own) != supervisor_all_shards(sup)) {
        waited = pthread_cond_timedwait(&sup->changed, &sup->lock, &until);
        claim_offline(sup);
    }
    return standing_still(sup) | own;
}

/* Sleepers whose rings were read for them, or to whom an actor was moved, may have events they have not seen yet: a stop that
 * waits for all to be quiet waits until they woke up. */
static void look_who_is_quiet(struct maiko_supervisor *sup)
{
    uint64_t idle = sup->idle_shards;

    for (; idle != 0; idle &= idle - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(idle);

        if (!shard_is_quiet(sup->shards[i]))
            sup->quiet_shards &= ~(UINT64_C(1) << i);
    }
}

void world_resume(struct shard *shard)
{
    struct maiko_supervisor *sup = shard->sup;

    look_who_is_quiet(sup);
    give_back_claimed(sup);
    if (sup->config.mode == MAIKO_THREADS) {
        atomic_store_explicit(&sup->is_pausing, false, memory_order_relaxed);
        pthread_cond_broadcast(&sup->changed);
    }
    pthread_mutex_unlock(&sup->lock);
}

void world_join_pause(struct shard *shard)
{
    struct maiko_supervisor *sup = shard->sup;
    uint64_t own = UINT64_C(1) << shard->index;

    pthread_mutex_lock(&sup->lock);
    sup->paused_shards |= own;
    pthread_cond_broadcast(&sup->changed);
    while (atomic_load_explicit(&sup->is_pausing, memory_order_relaxed))
        pthread_cond_wait(&sup->changed, &sup->lock);
    sup->paused_shards &= ~own;
    pthread_mutex_unlock(&sup->lock);
}

/* --- ends of cycles --- */

#define FOR_EACH_ACTOR(sup, s, link, actor)                                                                                      \
    for (s = 0; s < atomic_load_explicit(&(sup)->shard_count, memory_order_relaxed); s++)                                        \
        LIST_FOR_EACH (link, &(sup)->shards[s]->actors)                                                                          \
            if (((actor) = CONTAINER_OF(link, struct actor, siblings)) != NULL)

/* Since the last search; see has_new_ends in struct shard.  What only turns a candidate into an outsider, as an event does that
 * comes in, is no such change, or every event would be one. */
static bool take_changes(struct maiko_supervisor *sup)
{
    bool any = false;
    uint32_t s;

    for (s = 0; s < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); s++) {
        any = any || sup->shards[s]->has_new_ends;
        sup->shards[s]->has_new_ends = false;
    }
    return any;
}

/* Has it come to rest, so that nothing but events can make it produce something?  One that has not is looked at again when its
 * step stops going on; or, if it is on its way to something else, the next time in any case. */
static bool is_at_rest(struct actor *actor)
{
    bool is_under_way = actor->state != ACTOR_RUNNING || actor_has_events(actor);

    if (!is_under_way && !actor_step_goes_on(actor))
        return true;
    if (is_under_way || actor->step_state == ACTOR_STEP_READY || actor->rare == NULL)
        actor->shard->has_new_ends = true;
    else
        actor->rare->step_went_on = true;
    return false;
}

/* Idle, hears declared publishers, and produces nothing on its own. */
static bool may_end_in_cycle(struct actor *actor)
{
    return !actor->has_ended && !actor->end_pending && !actor->is_gate && actor->subscriber.first != NULL && is_at_rest(actor) &&
           actor_streams(actor) != STREAMS_NONE;
}

/* One search: those who were candidates until an outsider was found whom they hear, and whose own listeners are not told yet. */
struct cycle_search {
    struct maiko_supervisor *sup;
    struct actor *dropped; /* linked by `blocked_by`, which is the search for deadlocks' otherwise */
};

static bool drop_node(struct topic_node *node, void *userdata)
{
    struct cycle_search *search = userdata;
    struct list *link;

    LIST_FOR_EACH (link, &node->members) {
        struct subscriber *subscriber = CONTAINER_OF(link, struct subscription, entry.link)->subscriber;
        struct actor *actor = subscriber == NULL ? NULL : CONTAINER_OF(subscriber, struct actor, subscriber);

        if (actor == NULL || !actor->is_candidate)
            continue;
        actor->is_candidate = false;
        actor->blocked_by = search->dropped;
        search->dropped = actor;
    }
    return false;
}

/* Whoever hears this outsider may still get something: each pattern is looked up once, whoever publishes on it. */
static void drop_listeners(struct cycle_search *search, const struct actor *publisher)
{
    struct maiko_supervisor *sup = search->sup;
    const char **pattern;
    uint32_t s;

    if (publisher->has_finished || publisher->rare == NULL || !publisher->rare->is_publisher)
        return;
    for (pattern = publisher->rare->publish; *pattern != NULL; pattern++) {
        if (!streams_visit(&sup->shards[0]->streams, *pattern, sup->cycle_searches))
            continue;
        for (s = 0; s < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); s++)
            (void)topic_overlap_index(&sup->shards[s]->broker.index, *pattern, drop_node, search);
    }
}

/* From the outsiders, importers among them, to all whom they reach. */
static void drop_reached(struct cycle_search *search)
{
    const struct inbox *inbox;
    struct list *link;
    struct actor *actor;
    uint32_t s;

    for (inbox = search->sup->inboxes; inbox != NULL; inbox = inbox->next)
        drop_listeners(search, inbox->gate);
    FOR_EACH_ACTOR(search->sup, s, link, actor)
    {
        if (!actor->is_candidate)
            drop_listeners(search, actor);
    }
    while ((actor = search->dropped) != NULL) {
        search->dropped = actor->blocked_by;
        actor->blocked_by = NULL;
        drop_listeners(search, actor);
    }
}

static bool end_candidates(struct maiko_supervisor *sup)
{
    struct list *link;
    struct actor *actor;
    bool any = false;
    uint32_t s;

    FOR_EACH_ACTOR(sup, s, link, actor)
    {
        if (!actor->is_candidate)
            continue;
        actor->is_candidate = false;
        actor->end_pending = true;
        shard_ready(actor->shard, actor);
        wakeup_if_asleep(&actor->shard->wakeup);
        any = true;
    }
    return any;
}

bool world_end_cycles(struct maiko_supervisor *sup)
{
    struct cycle_search search = {.sup = sup};
    struct list *link;
    struct actor *actor;
    uint32_t s;

    if (!take_changes(sup) || streams_is_empty(&sup->shards[0]->streams))
        return false;
    sup->cycle_searches++;
    FOR_EACH_ACTOR(sup, s, link, actor)
    actor->is_candidate = may_end_in_cycle(actor);
    drop_reached(&search);
    return end_candidates(sup);
}
