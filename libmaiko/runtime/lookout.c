/* Lookout: the thread and what it remembers of each shard. */
#include "runtime/lookout.h"

#include "runtime/thread.h"
#include <stdio.h>
#include <time.h>

/* Looks per watchdog_ns: an actor is named after that time and up to a quarter of it more. */
#define LOOKS 4u
#define LOOK_MIN_NS MAIKO_MS(1)

void lookout_report(struct maiko_supervisor *sup, const char *actor, uint64_t duration_ns)
{
    supervisor_log(sup, MAIKO_LOG_WARNING, "actor '%s' has held its shard for %llu ms", actor,
                   (unsigned long long)(duration_ns / 1000000u));
}

/* An activation is known by its actor, its number and the turn it happens in. */
static bool is_same(struct lookout_sight *sight, struct shard *shard, const struct actor *actor)
{
    uint16_t activation = __atomic_load_n(&actor->activations, __ATOMIC_RELAXED);
    uint64_t turn = COUNTED(shard->counters, turns);
    bool is_same = sight->actor == actor && sight->activation == activation && sight->turn == turn;

    sight->actor = actor;
    sight->activation = activation;
    sight->turn = turn;
    return is_same;
}

/* Under the lock, without which no record and no name is given up.  True when `name` is to be reported. */
static bool look_at(struct shard *shard, struct lookout_sight *sight, uint64_t now, char name[256], uint64_t *ret_duration_ns)
{
    struct actor *actor = __atomic_load_n(&shard->current, __ATOMIC_RELAXED);

    if (actor == NULL || shard->is_dedicated) {
        sight->actor = NULL;
        return false;
    }
    if (!is_same(sight, shard, actor)) {
        sight->since_ns = now;
        sight->next_ns = clock_deadline(now, shard->sup->config.watchdog_ns);
        return false;
    }
    if (now < sight->next_ns)
        return false;
    *ret_duration_ns = now - sight->since_ns;
    sight->next_ns = clock_deadline(now, *ret_duration_ns); /* again when it has doubled */
    snprintf(name, 256, "%s", actor->sender.name);
    atomic_store_explicit(&shard->slow_since_ns, sight->since_ns, memory_order_relaxed);
    atomic_store_explicit(&shard->slow_id, actor->sender.id, memory_order_relaxed);
    atomic_store_explicit(&shard->slow_actor, actor, memory_order_release); /* lookout_account() acquires */
    return true;
}

static void look(struct maiko_supervisor *sup)
{
    uint64_t now = clock_mono_ns(&sup->clock);
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        uint64_t duration_ns = 0;
        char name[256];

        if (!look_at(sup->shards[i], &sup->lookout.sights[i], now, name, &duration_ns))
            continue;
        pthread_mutex_unlock(&sup->lock); /* the program's log may take its time */
        lookout_report(sup, name, duration_ns);
        pthread_mutex_lock(&sup->lock);
    }
}

static bool all_sleep(const struct maiko_supervisor *sup)
{
    uint64_t all = supervisor_all_shards(sup);

    return ((sup->idle_shards | sup->exited_shards) & all) == all;
}

static void wait_until_wanted(struct maiko_supervisor *sup)
{
    sup->lookout.is_asleep = true;
    while (sup->lookout.is_asleep && !sup->lookout.must_exit)
        pthread_cond_wait(&sup->lookout.wanted, &sup->lock);
}

/* Whoever wakes it pays for that, so it is woken once for many short sleeps of shards: only after a whole gap it looks whether
 * all of them sleep. */
static void *lookout_main(void *arg)
{
    struct maiko_supervisor *sup = arg;
    uint64_t gap_ns = sup->config.watchdog_ns / LOOKS;

    gap_ns = gap_ns < LOOK_MIN_NS ? LOOK_MIN_NS : gap_ns;
    pthread_mutex_lock(&sup->lock);
    while (!sup->lookout.must_exit) {
        uint64_t at_ns;
        struct timespec at;

        if (all_sleep(sup))
            wait_until_wanted(sup);
        at_ns = clock_deadline(clock_mono_ns(&sup->clock), gap_ns);
        at = (struct timespec){.tv_sec = (time_t)(at_ns / 1000000000u), .tv_nsec = (long)(at_ns % 1000000000u)};
        while (!sup->lookout.must_exit && pthread_cond_timedwait(&sup->lookout.wanted, &sup->lock, &at) == 0)
            continue;
        if (!sup->lookout.must_exit)
            look(sup);
    }
    pthread_mutex_unlock(&sup->lock);
    return NULL;
}

maiko_status lookout_start(struct maiko_supervisor *sup)
{
    struct lookout *lookout = &sup->lookout;
    pthread_condattr_t monotonic;
    maiko_status status;
    char name[16];

    if (sup->config.log == NULL || sup->config.mode != MAIKO_THREADS)
        return MAIKO_OK;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&lookout->wanted, &monotonic);
    pthread_condattr_destroy(&monotonic);
    snprintf(name, sizeof name, "%.10s/dog", sup->name);
    status = thread_start(&lookout->thread, lookout_main, sup, name);
    if (status == MAIKO_OK)
        lookout->has_thread = true;
    else
        pthread_cond_destroy(&lookout->wanted);
    return status;
}

void lookout_stop(struct maiko_supervisor *sup)
{
    struct lookout *lookout = &sup->lookout;

    if (!lookout->has_thread)
        return;
    pthread_mutex_lock(&sup->lock);
    lookout->must_exit = true;
    pthread_cond_signal(&lookout->wanted);
    pthread_mutex_unlock(&sup->lock);
    pthread_join(lookout->thread, NULL);
    lookout->has_thread = false;
    pthread_cond_destroy(&lookout->wanted);
}

void lookout_account(struct shard *shard)
{
    struct actor *actor = atomic_exchange_explicit(&shard->slow_actor, NULL, memory_order_acquire);
    uint64_t id = atomic_load_explicit(&shard->slow_id, memory_order_relaxed);
    uint64_t since_ns = atomic_load_explicit(&shard->slow_since_ns, memory_order_relaxed);

    /* Its record may have become somebody else's meanwhile; and of two looks in a row either time will do. */
    if (actor != NULL && actor->sender.id == id && actor->state != ACTOR_STOPPED)
        shard_account_time(shard, actor, clock_mono_ns(&shard->sup->clock) - since_ns);
}
