/* Shard: the turn and the thread's loop. */
#include "runtime/shard.h"

#include "runtime/dead_letters.h"
#include "runtime/deadlock.h"
#include "runtime/inbox.h"
#include "runtime/interest.h"
#include "runtime/last_values.h"
#include "runtime/lookout.h"
#include "runtime/offline.h"
#include "runtime/placement.h"
#include "runtime/retire.h"
#include "runtime/supervisor_internal.h"
#include "runtime/world.h"
#include <string.h>
#include <unistd.h>

_Thread_local struct shard *shard_of_this_thread;
_Thread_local struct shard *shard_left_by_this_thread;

/* How often the clock is looked at within a turn, in activations, unless they prove heavy. */
#define LOOK_EVERY 64u
#define LOOK_PART 4u /* a look comes too late by such a part of the turn's budget at most, if the next turn is like the last */

#define SLOW_FIRST_RUN_NS MAIKO_MS(1)

/* Activations between two looks: a gate, who gets what has come, who gets what they send, and some more. */
#define QUICK_MOST 8u

static_assert(COUNTERS_STREAKS >= SHARD_MAX, "the counters file has a place for every shard's streak");

maiko_status shard_init(struct shard *shard, struct maiko_supervisor *sup, uint32_t index)
{
    maiko_status status;

    memset(shard, 0, sizeof *shard);
    shard->sup = sup;
    shard->heap = &sup->root->heap;
    shard->fork_word = sup->fork_word;
    shard->index = index;
    shard->stop_fd = -1;
    pool_init(&shard->pool, shard->heap);
    broker_init(&shard->broker, shard->heap, index);
    streams_init(&shard->streams, shard->heap);
    timer_heap_init(&shard->timers, shard->heap);
    list_init(&shard->actors);
    list_init(&shard->held_by_ring);
    list_init(&shard->untold_values);
    list_init(&shard->last_values);
    pthread_mutex_init(&shard->post_lock, NULL);
    pthread_mutex_init(&shard->announce_lock, NULL);
    pthread_mutex_init(&shard->duty, NULL);
    shard->peers = index + 1;
    shard->look_every = 1;
    shard->greeted = index + 1;
    shard->times_all = sup->config.mode != MAIKO_THREADS && sup->config.log != NULL;
    hash_table_init(&shard->interests, shard->heap, interest_key);
    shard->known_shards = index + 1;
    status = wakeup_init(&shard->wakeup, sup->config.mode == MAIKO_POLLED);
    if (status == MAIKO_ESYSTEM && index < sup->config.shards) { /* then it is not started */
        supervisor_note_failure(sup, status, NULL, "no descriptors for its threads");
        status = MAIKO_OK;
    }
    if (status != MAIKO_OK)
        return status;
    if (sup->config.mode == MAIKO_DETERMINISTIC)
        id_source_init_seeded(&shard->ids, sup->config.seed, index);
    else
        status = id_source_init(&shard->ids);
    if (status != MAIKO_OK)
        return status;
    streak_init(&shard->streak, counters_streak(sup->counters, index), shard->ids.next);
    shard->counters = counters_shard_add(sup->counters, (uint16_t)index, sup->config.name);
    return shard->counters == NULL ? MAIKO_ENOMEM : MAIKO_OK;
}

void shard_deinit(struct shard *shard)
{
    exchange_deinit(shard);
    last_values_deinit(shard);
    dead_letters_deinit(shard);
    name_cache_deinit(&shard->names, shard->heap);
    broker_deinit(&shard->broker);
    streams_deinit(&shard->streams);
    interests_deinit(shard);
    timer_heap_deinit(&shard->timers);
    retire_deinit(shard);
    load_list_deinit(&shard->loads, shard->heap);
    pool_deinit(&shard->pool);
    wakeup_deinit(&shard->wakeup);
    if (shard->stop_fd >= 0)
        close(shard->stop_fd);
    pthread_mutex_destroy(&shard->post_lock);
    pthread_mutex_destroy(&shard->announce_lock);
    pthread_mutex_destroy(&shard->duty);
}

struct route *shard_route(struct shard *shard, struct topic *topic)
{
    struct route *route = topic == NULL ? NULL : broker_route(&shard->broker, topic);

    if (route != NULL && __builtin_expect(route->counters == NULL, 0))
        route->counters = counters_topic_add(shard->sup->counters, (uint16_t)shard->index, topic->name);
    return route != NULL && route->counters != NULL ? route : NULL;
}

void shard_ready(struct shard *shard, struct actor *actor)
{
    if (actor->is_queued || !actor_is_ready(actor))
        return;
    shard_queue(shard, actor);
}

void shard_unready(struct shard *shard, struct actor *actor)
{
    struct actor **at = &shard->run_first;
    struct actor *before = NULL;

    if (!actor->is_queued)
        return;
    for (; *at != NULL && *at != actor; at = &(*at)->run_next)
        before = *at;
    if (*at == actor) {
        *at = actor->run_next;
        if (shard->run_last == actor)
            shard->run_last = before;
    }
    actor->is_queued = false;
}

void shard_unready_all(struct shard *shard)
{
    struct actor *actor = shard->run_first;

    shard->run_first = NULL;
    while (actor != NULL) {
        struct actor *next = actor->run_next;

        actor->is_queued = false;
        actor = next;
    }
}

/* What gates wait for with their timers is memory, so theirs are there already. */
maiko_status shard_reserve_timers(struct shard *shard)
{
    return timer_heap_reserve(&shard->timers, shard->timers.count + shard->sup->inbox_count + 2);
}

static maiko_status set_timer(struct shard *shard, struct actor_timer *timer, uint64_t after_ns)
{
    uint64_t now = clock_mono_ns(&shard->sup->clock);

    if (!timer->actor->is_gate && shard_reserve_timers(shard) != MAIKO_OK)
        return MAIKO_ENOMEM;
    return timer_heap_insert(&shard->timers, &timer->timer, clock_deadline(now, after_ns));
}

maiko_status shard_delay_step(struct shard *shard, struct actor *actor, uint64_t after_ns)
{
    struct actor_rare *rare = actor_rare(actor);

    return rare == NULL ? MAIKO_ENOMEM : set_timer(shard, &rare->step_timer, after_ns);
}

maiko_status shard_hold_for_retry(struct shard *shard, struct actor *actor, uint64_t after_ns)
{
    struct actor_rare *rare = actor_rare(actor);
    maiko_status status = rare == NULL ? MAIKO_ENOMEM : set_timer(shard, &rare->retry_timer, after_ns);

    if (status == MAIKO_OK)
        actor->hold |= ACTOR_HELD_BY_RETRY;
    return status;
}

/* NULL when it has stopped in this activation, or there is no memory for the line. */
static struct counters_times *times_of(struct shard *shard, struct actor *actor)
{
    return actor->counters == NULL ? NULL : counters_actor_times(shard->sup->counters, actor->counters);
}

void shard_account_time(struct shard *shard, struct actor *actor, uint64_t duration_ns)
{
    struct counters_times *times;

    /* a quick first run says little and would give each of a million actors a second line */
    if (actor->activations == ACTIVATIONS_FIRST + 1 && duration_ns < SLOW_FIRST_RUN_NS)
        return;
    times = times_of(shard, actor);
    if (times == NULL)
        return;
    COUNT(times, samples, 1);
    COUNT(times, handler_ns, duration_ns);
    COUNT_MAX(times, handler_max_ns, duration_ns);
}

void shard_account_retry(struct shard *shard, struct actor *actor)
{
    struct counters_times *times = times_of(shard, actor);

    if (times != NULL)
        COUNT(times, retries, 1);
}

/* --- posts, wake stack, timers --- */

void shard_wake(struct shard *shard)
{
    /* Dekker with wakeup_announce(): the work is visible before we look whether the shard sleeps */
    atomic_thread_fence(memory_order_seq_cst); /* step: fence_post */
    wakeup_if_asleep(&shard->wakeup);
}

bool shard_post(struct shard *shard, struct command *command)
{
    bool is_open;

    pthread_mutex_lock(&shard->post_lock);
    is_open = !shard->is_closed;
    if (is_open) {
        fifo_push(&shard->posted, &command->link);
        atomic_store_explicit(&shard->has_posted, true, memory_order_relaxed); /* step: store_has_posted */
    }
    pthread_mutex_unlock(&shard->post_lock);
    if (is_open)
        shard_wake(shard);
    return is_open;
}

void shard_close_posts(struct shard *shard)
{
    pthread_mutex_lock(&shard->post_lock);
    shard->is_closed = true;
    pthread_mutex_unlock(&shard->post_lock);
}

static __attribute__((noinline)) void run_all_posted(struct shard *shard)
{
    struct fifo posted;
    struct fifo_link *link;

    shard_met_time(shard, UINT64_MAX);
    pthread_mutex_lock(&shard->post_lock);
    posted = shard->posted;
    shard->posted.first = NULL;
    atomic_store_explicit(&shard->has_posted, false, memory_order_relaxed);
    pthread_mutex_unlock(&shard->post_lock);
    while ((link = fifo_pop(&posted)) != NULL) {
        struct command *command = CONTAINER_OF(link, struct command, link);

        command->run(shard, command);
    }
}

static inline bool run_posted(struct shard *shard)
{
    if (__builtin_expect(!atomic_load_explicit(&shard->has_posted, memory_order_relaxed), 1))
        return false;
    run_all_posted(shard);
    return true;
}

bool shard_settle(struct shard *shard)
{
    bool any;

    exchange_flush(shard);
    any = exchange_drain(shard);
    any |= run_posted(shard);
    any |= exchange_release_held(shard); /* last words above a ring's mark */
    exchange_flush(shard);
    return any;
}

/* Actors whose debt elsewhere is paid.  Acquire pairs with the release of shard_push_awake(). */
bool shard_take_wake_stack(struct shard *shard)
{
    struct actor *actor;

    if (atomic_load_explicit(&shard->wake_stack, memory_order_relaxed) == NULL)
        return false;
    actor = atomic_exchange_explicit(&shard->wake_stack, NULL, memory_order_acquire);
    while (actor != NULL) {
        struct actor *next = actor->wake_next;

        /* An exchange, not a store: a payer that still found it set pushes nothing, so its payment has to be visible here.
         * Acquire pairs with its release in shard_push_awake(); release orders our use of wake_next before the next push. */
        (void)atomic_exchange_explicit(&actor->is_on_wake_stack, false, memory_order_acq_rel);
        if (actor->shard != shard) { /* it moved while somebody outside let it go */
            shard_push_awake(actor);
        } else {
            if (!actor_in_debt(actor))
                actor_end_overdraft(actor);
            shard_ready(shard, actor);
        }
        actor = next;
    }
    return true;
}

static void timer_fired(struct shard *shard, const struct actor_timer *timer)
{
    struct actor *actor = timer->actor;

    shard_met_time(shard, UINT64_MAX);
    if (timer->ends_retry)
        actor->hold &= (uint8_t)~ACTOR_HELD_BY_RETRY;
    else if (actor->step_state == ACTOR_STEP_TIMER)
        actor->step_state = ACTOR_STEP_READY;
    shard_ready(shard, actor);
}

static __attribute__((noinline)) bool fire_due_timers(struct shard *shard)
{
    struct timer *timer;
    bool any = false;

    shard->mono_ns = clock_mono_ns(&shard->sup->clock);
    while ((timer = timer_heap_pop_due(&shard->timers, shard->mono_ns)) != NULL) {
        timer_fired(shard, CONTAINER_OF(timer, struct actor_timer, timer));
        any = true;
    }
    return any;
}

static inline bool fire_timers(struct shard *shard)
{
    return __builtin_expect(timer_heap_next_deadline(&shard->timers) != TIMER_NEVER, 0) && fire_due_timers(shard);
}

void shard_check_ends(struct shard *shard)
{
    struct list *link;

    LIST_FOR_EACH (link, &shard->actors)
        actor_check_end(CONTAINER_OF(link, struct actor, siblings));
}

/* --- the turn --- */

/* Actors that stopped while they were queued are retired here: nobody refers to them any more. */
static struct actor *next_ready(struct shard *shard)
{
    struct actor *actor;

    while ((actor = shard->run_first) != NULL) {
        shard->run_first = actor->run_next;
        actor_fetch_rest(shard->run_first);
        actor->is_queued = false;
        if (__builtin_expect(actor->state != ACTOR_STOPPED, 1))
            return actor;
        retire_begin(shard, actor);
    }
    return NULL;
}

/* Looks at the clock as often as the last late turn makes advisable: a turn of heavy actors ends after one or two of them, and
 * one of so many light ones that it ends by the time is not a reading for each of them. */
static bool is_late(struct shard *shard, uint32_t count, uint64_t begin_ns)
{
    uint64_t budget_ns = shard->sup->config.turn_budget_ns;
    uint64_t took_ns = clock_mono_ns(&shard->sup->clock) - begin_ns;

    if (took_ns < budget_ns)
        return false;
    while (shard->look_every > 1 && took_ns > 2 * budget_ns && shard->look_every * took_ns > count * budget_ns)
        shard->look_every /= 2;
    while (shard->look_every < LOOK_EVERY && 2 * shard->look_every * took_ns <= count * budget_ns / LOOK_PART)
        shard->look_every *= 2;
    return true;
}

/* The looks of a spin are over: from now on others are woken for what they were for. */
static void stop_looking(struct shard *shard)
{
    shard->looks_on = false;
    wakeup_look_away(&shard->wakeup);
}

/* Not the first time, and the last time it was looked at it took little time. */
static bool is_quick(const struct actor *actor)
{
    return actor->state == ACTOR_RUNNING && !actor->fail_pending && !actor->end_pending && (actor->is_gate || actor->is_quick);
}

/* One sample says little, and while somebody takes long nobody looks: who does is not quick until it is sampled again.  Gates
 * have no hooks.  Returns whether it was quick. */
static bool activate_quick(struct shard *shard, struct actor *actor, uint64_t *at_ns)
{
    uint64_t begin_ns = *at_ns;

    actor_activate(actor);
    *at_ns = clock_mono_ns(&shard->sup->clock);
    if (*at_ns - begin_ns <= ACTOR_LIGHT_NS || actor->is_gate || actor->state == ACTOR_STOPPED)
        return true;
    actor->is_quick = false;
    return false;
}

/* What the looks of a spin have brought, and what that leads to, as long as it is a little.  The looks end before anything else
 * runs. */
static bool run_between_looks(struct shard *shard)
{
    bool goes_on = true;
    uint32_t count = 0;
    uint64_t at_ns;

    if (shard->run_first == NULL)
        return false;
    at_ns = clock_mono_ns(&shard->sup->clock);
    while (goes_on && shard->run_first != NULL && count < QUICK_MOST && is_quick(shard->run_first)) {
        goes_on = activate_quick(shard, next_ready(shard), &at_ns);
        count++;
    }
    if (!goes_on || shard->run_first != NULL)
        stop_looking(shard);
    return count > 0;
}

static bool run_ready(struct shard *shard, uint64_t budget_events)
{
    uint64_t until = shard->handled + budget_events;
    uint64_t begin_ns = 0;
    uint32_t count = 0;
    bool late = false;
    struct actor *actor;

    /* activations bound the turn too: steps that handle nothing */
    while (!late && shard->handled < until && count < budget_events && (actor = next_ready(shard)) != NULL) {
        actor_activate(actor);
        count++;
        if (shard->run_first == NULL)
            continue;
        if (begin_ns == 0) /* a turn of one actor needs no clock */
            begin_ns = clock_mono_ns(&shard->sup->clock);
        else if ((count & (shard->look_every - 1)) == 0)
            late = is_late(shard, count, begin_ns);
    }
    if (!late && count >= shard->look_every && shard->look_every < LOOK_EVERY)
        shard->look_every *= 2;
    if (__builtin_expect(atomic_load_explicit(&shard->slow_actor, memory_order_relaxed) != NULL, 0))
        lookout_account(shard);
    return count > 0;
}

static __attribute__((noinline)) void stand_still(struct shard *shard)
{
    if (shard->looks_on)
        stop_looking(shard);
    world_join_pause(shard);
    shard->wall_ahead = 0; /* that was before */
}

bool shard_turn(struct shard *shard, uint64_t budget_events)
{
    bool any = false;

    if (__builtin_expect(atomic_load_explicit(&shard->sup->is_pausing, memory_order_relaxed), 0))
        stand_still(shard);
    shard_begin_time(shard);
    COUNT(shard->counters, turns, 1);
    any |= exchange_drain(shard);
    any |= run_posted(shard);
    any |= shard_take_wake_stack(shard);
    if (!list_is_empty(&shard->held_by_ring) || shard_rings_held_back(shard) != 0)
        any |= exchange_release_held(shard);
    any |= fire_timers(shard);
    any |= inbox_wake_gates(shard);
    if (shard->looks_on && wakeup_is_anybody_to_look(&shard->wakeup)) /* else nobody waits for looks, and no clock is asked */
        any |= run_between_looks(shard);
    any |= run_ready(shard, budget_events);
    any |= dead_letters_send(shard);
    if (__builtin_expect(shard->stop_hooks, 0))
        supervisor_run_stop_hooks(shard);
    if (__builtin_expect(!fifo_is_empty(&shard->retiring), 0))
        retire_advance(shard);
    if (__builtin_expect(shard->is_to_serve, 0))
        offline_serve(shard);
    exchange_flush(shard);
    deadlock_look(shard);
    if (__builtin_expect(shard->wants_balance, 0))
        placement_balance(shard);
    return any;
}

bool shard_is_empty(const struct shard *shard)
{
    uint64_t live = shard->heap_live;
    uint32_t i;

    for (i = 0; i < POOL_EPOCHS; i++)
        live += shard->pool.live[i];
    return live == 0;
}

static bool has_more_arrivals(const struct shard *shard)
{
    return atomic_load_explicit(&shard->wake_stack, memory_order_relaxed) != NULL ||
           atomic_load_explicit(&shard->has_posted, memory_order_relaxed);
}

static bool has_arrivals(const struct shard *shard)
{
    return exchange_has_input(shard) || has_more_arrivals(shard);
}

bool shard_is_idle(const struct shard *shard)
{
    return shard->run_first == NULL && !has_arrivals(shard) && !inbox_wants_gate(shard);
}

static void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static bool look_often(struct shard *shard)
{
    int i;

    for (i = 0; i < 64; i++) {
        if (atomic_load_explicit(&shard->must_exit, memory_order_acquire))
            return true; /* what is looked at may be about to be freed */
        wakeup_look(&shard->wakeup);
        if (exchange_look(shard) || has_more_arrivals(shard) || shard->run_first != NULL || inbox_wants_gate(shard))
            return true;
        pause_cpu();
    }
    return false;
}

static bool look_for_a_while(struct shard *shard)
{
    uint64_t until;

    /* a few looks before the clock is asked: what comes at once is not made to wait for it.  Nor is what is sent because of it:
     * its time is read while there is nothing else to do */
    shard->wall_ahead = clock_wall_ns(&shard->sup->clock);
    if (look_often(shard))
        return true;
    shard->wall_ahead = 0;
    until = clock_mono_ns(&shard->sup->clock) + shard->sup->config.spin_ns;
    do {
        if (look_often(shard) || atomic_load_explicit(&shard->sup->is_pausing, memory_order_relaxed))
            return true; /* who stops the world does not wait until we have looked enough */
    } while (clock_mono_ns(&shard->sup->clock) < until);
    return false;
}

/* Spins for the configured time; true when work came. */
static bool spin(struct shard *shard)
{
    bool has_work;

    if (shard->sup->config.spin_ns == 0)
        return false;
    has_work = look_for_a_while(shard);
    shard->looks_on = has_work && !atomic_load_explicit(&shard->must_exit, memory_order_acquire);
    if (shard->looks_on)
        wakeup_look_aside(&shard->wakeup);
    else
        wakeup_look_away(&shard->wakeup);
    return has_work;
}

/* Behind a turn in which something was done: nothing is left, and the looks were not ended, so they go on. */
static bool may_look_on(struct shard *shard)
{
    if (!shard->looks_on)
        return false;
    if (shard_is_idle(shard) && list_is_empty(&shard->held_by_ring) && shard_rings_held_back(shard) == 0)
        return true;
    stop_looking(shard);
    return false;
}

static uint64_t wake_deadline(const struct shard *shard)
{
    uint64_t timers = timer_heap_next_deadline(&shard->timers);

    return shard->deadlock_at_ns != 0 && shard->deadlock_at_ns < timers ? shard->deadlock_at_ns : timers;
}

/* Inside a hook that waits nothing can be run: only what arrives counts then. */
static bool has_news(const struct shard *shard, bool in_hook)
{
    return (in_hook ? has_arrivals(shard) : !shard_is_idle(shard)) ||
           (atomic_load_explicit(&shard->wants_confirm, memory_order_relaxed) && exchange_has_news(shard)) ||
           atomic_load_explicit(&shard->must_exit, memory_order_relaxed);
}

static void sleep_until_work(struct shard *shard, bool in_hook)
{
    uint64_t deadline;

    if (shard->looks_on)
        stop_looking(shard);
    atomic_store_explicit(&shard->wants_confirm, !list_is_empty(&shard->held_by_ring) || shard_rings_held_back(shard) != 0,
                          memory_order_relaxed); /* step: store_wants_confirm */
    wakeup_announce(&shard->wakeup);
    if (has_news(shard, in_hook)) { /* step: second_look */
        wakeup_withdraw(&shard->wakeup);
        return;
    }
    deadline = wake_deadline(shard);   /* an idle shard's timers may be added to by whoever stops the world, who wakes it */
    COUNT(shard->counters, sleeps, 1); /* first: who sees that all shards are idle sees every sleep counted */
    supervisor_shard_idle(shard);
    wakeup_sleep(&shard->wakeup, deadline);
    supervisor_shard_busy(shard);
    if (wakeup_has_visits(&shard->wakeup)) /* also when it must exit: nobody else was woken */
        wakeup_run_visits(&shard->wakeup);
}

/* An actor that has failed waits for nobody: it is about to stop, and nothing that waits for it counts on more. */
static bool must_wait(const struct shard *shard, const struct actor *actor)
{
    return actor_is_held(actor) && !actor->fail_pending && !atomic_load_explicit(&shard->must_exit, memory_order_acquire);
}

/* Dispatches, pays and publishes, but runs no hook: the actor's is under way. */
void shard_wait_until_free(struct shard *shard, struct actor *actor)
{
    while (must_wait(shard, actor)) {
        exchange_flush(shard);
        (void)exchange_drain(shard);
        (void)run_posted(shard);
        (void)shard_take_wake_stack(shard);
        (void)fire_timers(shard);
        (void)exchange_release_held(shard);
        exchange_flush(shard);
        if (must_wait(shard, actor) && !deadlock_look_idle(shard))
            sleep_until_work(shard, true);
    }
}

void *shard_main(void *arg)
{
    struct shard *shard = arg;
    uint64_t budget;

    shard_of_this_thread = shard;
    pthread_mutex_lock(&shard->sup->lock); /* until start knows that all threads could be made */
    pthread_mutex_unlock(&shard->sup->lock);
    /* a dedicated actor's hooks may last: between two of them it hears what there is, and what it did is told */
    budget = shard->is_dedicated ? 1 : shard->sup->config.turn_budget_events;
    offline_begin(shard);
    while (!atomic_load_explicit(&shard->must_exit, memory_order_acquire)) {
        if (shard_turn(shard, budget) && !may_look_on(shard))
            continue;
        if (deadlock_look_idle(shard) || spin(shard))
            continue;
        sleep_until_work(shard, false);
    }
    if (shard->looks_on)
        stop_looking(shard);
    offline_end(shard);
    supervisor_shard_exited(shard);
    return NULL;
}
