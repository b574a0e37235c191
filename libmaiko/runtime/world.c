/* World: pausing, and what is decided in a pause about ends of cycles. */
#include "runtime/world.h"

#include "runtime/supervisor_internal.h"
#include <time.h>

#define PAUSE_WAIT_NS MAIKO_MS(2)

static struct timespec after(const struct clock *clock, uint64_t wait_ns)
{
    uint64_t at = clock_mono_ns(clock) + wait_ns;

    return (struct timespec){.tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u)};
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
    while (waited == 0 && (sup->idle_shards | sup->paused_shards | own) != supervisor_all_shards(sup))
        waited = pthread_cond_timedwait(&sup->changed, &sup->lock, &until);
    return sup->idle_shards | sup->paused_shards | own;
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

static bool is_publisher_for(const struct actor *publisher, const struct actor *listener)
{
    const struct subscription *heard;
    size_t i;

    if (publisher == listener || publisher->has_finished || publisher->rare == NULL || !publisher->rare->is_publisher)
        return false;
    for (heard = listener->subscriber.first; heard != NULL; heard = heard->next) {
        for (i = 0; publisher->rare->publish[i] != NULL; i++) {
            if (maiko_patterns_overlap(heard->pattern, publisher->rare->publish[i]))
                return true;
        }
    }
    return false;
}

/* Idle, hears declared publishers, and produces nothing on its own. */
static bool may_end_in_cycle(const struct actor *actor)
{
    const char *const *own = actor->rare == NULL ? NULL : actor->rare->publish;

    if (actor->state != ACTOR_RUNNING || actor->has_ended || actor->end_pending || actor->subscriber.first == NULL ||
        actor->is_gate || actor_has_events(actor) || actor_step_goes_on(actor))
        return false;
    return streams_heard(&actor->shard->streams, actor->subscriber.first, own, !actor->has_finished).total > 0;
}

#define FOR_EACH_ACTOR(sup, s, link, actor)                                                                                      \
    for (s = 0; s < atomic_load_explicit(&(sup)->shard_count, memory_order_relaxed); s++)                                        \
        LIST_FOR_EACH (link, &(sup)->shards[s]->actors)                                                                          \
            if (((actor) = CONTAINER_OF(link, struct actor, siblings)) != NULL)

/* Somebody outside the candidates may still send to it: another actor, or an importer. */
static bool hears_outsider(struct maiko_supervisor *sup, const struct actor *listener)
{
    const struct inbox *inbox;
    struct list *link;
    struct actor *actor;
    uint32_t s;

    for (inbox = sup->inboxes; inbox != NULL; inbox = inbox->next)
        if (is_publisher_for(inbox->gate, listener))
            return true;
    FOR_EACH_ACTOR(sup, s, link, actor)
    {
        if (!actor->is_candidate && is_publisher_for(actor, listener))
            return true;
    }
    return false;
}

bool world_end_cycles(struct maiko_supervisor *sup)
{
    struct list *link;
    struct actor *actor;
    bool changed = true;
    bool any = false;
    uint32_t s;

    FOR_EACH_ACTOR(sup, s, link, actor)
    actor->is_candidate = may_end_in_cycle(actor);
    while (changed) {
        changed = false;
        FOR_EACH_ACTOR(sup, s, link, actor)
        {
            if (actor->is_candidate && hears_outsider(sup, actor)) {
                actor->is_candidate = false;
                changed = true;
            }
        }
    }
    FOR_EACH_ACTOR(sup, s, link, actor)
    {
        if (!actor->is_candidate)
            continue;
        actor->end_pending = true;
        shard_ready(actor->shard, actor);
        wakeup_if_asleep(&actor->shard->wakeup);
        any = true;
    }
    return any;
}
