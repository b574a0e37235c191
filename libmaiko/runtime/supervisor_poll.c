/* Running a supervisor inside somebody else's loop: one shard for real, or virtual ones on a virtual clock. */
#include "runtime/deadlock.h"
#include "runtime/supervisor_internal.h"
#include "runtime/world.h"

static uint64_t next_random(struct maiko_supervisor *sup)
{
    uint64_t x = sup->poll_random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    sup->poll_random = x;
    return x;
}

/* The thread may be another supervisor's, in a hook. */
static bool turn_as_thread(struct shard *shard, uint64_t budget)
{
    struct shard *before = shard_of_this_thread;
    struct shard *left = shard_left_by_this_thread;
    bool any;

    shard_left_by_this_thread = NULL;
    shard_of_this_thread = shard;
    any = shard_turn(shard, budget);
    shard_of_this_thread = before;
    shard_left_by_this_thread = left;
    return any;
}

/* A turn that finds nothing to do may still tell another shard something, one that had its turn already. */
static bool is_anybody_busy(const struct maiko_supervisor *sup)
{
    uint32_t count = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    uint32_t i;

    for (i = 0; i < count; i++) {
        if (!shard_is_idle(sup->shards[i]))
            return true;
    }
    return false;
}

/* One turn of a shard drawn by the seed, with a budget drawn by the seed; false when no shard has anything to do. */
static bool turn_of_somebody(struct maiko_supervisor *sup)
{
    uint32_t count = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    uint32_t first = (uint32_t)(next_random(sup) % count);
    uint64_t budget = 1 + next_random(sup) % 8;
    uint32_t i;

    for (i = 0; i < count; i++) {
        if (turn_as_thread(sup->shards[(first + i) % count], budget))
            return true;
    }
    return is_anybody_busy(sup);
}

/* False when there is no timer until then. */
static bool advance_to_timer(struct maiko_supervisor *sup, uint64_t until_ns)
{
    uint64_t next = TIMER_NEVER;
    uint64_t now = clock_mono_ns(&sup->clock);
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        uint64_t deadline = timer_heap_next_deadline(&sup->shards[i]->timers);

        next = deadline < next ? deadline : next;
    }
    if (next == TIMER_NEVER)
        return false;
    if (next > now && until_ns > now)
        clock_advance(&sup->clock, (next < until_ns ? next : until_ns) - now);
    return next <= until_ns;
}

static bool end_cycles(struct maiko_supervisor *sup)
{
    bool any;

    if (supervisor_state(sup) != SUP_RUNNING)
        return false;
    pthread_mutex_lock(&sup->lock);
    any = world_end_cycles(sup);
    pthread_mutex_unlock(&sup->lock);
    return any;
}

bool supervisor_poll_once(struct maiko_supervisor *sup, uint64_t until_ns, uint64_t budget)
{
    if (sup->config.mode == MAIKO_POLLED) {
        struct shard *shard = sup->shards[0];
        uint64_t most = sup->config.turn_budget_events;

        return turn_as_thread(shard, budget < most ? budget : most) || is_anybody_busy(sup) ||
               (shard->waiting > 0 && deadlock_search(shard)) || end_cycles(sup);
    }
    return turn_of_somebody(sup) || deadlock_search(sup->shards[0]) || end_cycles(sup) ||
           (until_ns != 0 && advance_to_timer(sup, until_ns));
}

static uint64_t retry_at(const struct actor *actor)
{
    return (actor->hold & ACTOR_HELD_BY_RETRY) && actor->rare != NULL && timer_is_queued(&actor->rare->retry_timer.timer)
               ? actor->rare->retry_timer.timer.deadline_ns
               : TIMER_NEVER;
}

/* Of events, and of sends from outside that wait for memory. */
static uint64_t next_retry(const struct maiko_supervisor *sup)
{
    uint64_t next = TIMER_NEVER;
    const struct inbox *inbox;
    const struct list *link;

    LIST_FOR_EACH (link, &sup->shards[0]->actors) {
        uint64_t at = retry_at(CONTAINER_OF(link, struct actor, siblings));

        next = at < next ? at : next;
    }
    for (inbox = sup->inboxes; inbox != NULL; inbox = inbox->next)
        next = retry_at(inbox->gate) < next ? retry_at(inbox->gate) : next;
    return next;
}

bool supervisor_poll_wait(struct maiko_supervisor *sup, uint64_t until_ns)
{
    struct shard *shard = sup->shards[0];
    uint64_t next = next_retry(sup);

    if (next == TIMER_NEVER)
        return false;
    if (sup->clock.is_virtual)
        return advance_to_timer(sup, until_ns);
    wakeup_announce(&shard->wakeup);
    if (shard_is_idle(shard))
        wakeup_sleep(&shard->wakeup, next < until_ns ? next : until_ns);
    else
        wakeup_withdraw(&shard->wakeup);
    return true;
}

/* What a poll's budget counts: events, but steps too, or one that sends what nobody handles would never give the loop back. */
static uint64_t work_done(const struct maiko_supervisor *sup)
{
    uint64_t work = supervisor_handled(sup);
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
        work += sup->shards[i]->steps;
    return work;
}

static maiko_status check_pollable(struct maiko_supervisor *sup)
{
    if (!supervisor_is_valid(sup))
        return MAIKO_EINVAL;
    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    if (sup->config.mode == MAIKO_THREADS)
        return MAIKO_ENOTSUP;
    if (supervisor_is_inside(sup))
        return MAIKO_ETHREAD;
    return supervisor_state(sup) == SUP_RUNNING ? MAIKO_OK : supervisor_state(sup) == SUP_NEW ? MAIKO_ESTATE : MAIKO_ECLOSED;
}

static uint64_t poll_some(struct maiko_supervisor *sup, uint64_t most)
{
    uint64_t before = work_done(sup);
    uint64_t work = 0;

    if (sup->config.mode == MAIKO_POLLED) {
        wakeup_clear(&sup->shards[0]->wakeup);
        wakeup_withdraw(&sup->shards[0]->wakeup);
    }
    while (work < most && supervisor_state(sup) == SUP_RUNNING && supervisor_poll_once(sup, UINT64_MAX, most - work))
        work = work_done(sup) - before;
    if (sup->config.mode == MAIKO_POLLED)
        supervisor_prepare_sleep(sup);
    return work;
}

/* A stop may wait for it: it looks and sleeps under the lock. */
static void end_poll(struct maiko_supervisor *sup)
{
    pthread_mutex_lock(&sup->lock);
    atomic_store_explicit(&sup->is_polled, false, memory_order_release); /* pairs with the next one's acquire */
    pthread_cond_broadcast(&sup->changed);
    pthread_mutex_unlock(&sup->lock);
}

static int64_t poll_alone(struct maiko_supervisor *sup, uint32_t budget)
{
    uint64_t work = 0;

    if (atomic_exchange_explicit(&sup->is_polled, true, memory_order_acquire))
        return supervisor_state(sup) == SUP_RUNNING ? MAIKO_ETHREAD : MAIKO_ECLOSED;
    work = poll_some(sup, budget == 0 ? UINT64_MAX : budget);
    end_poll(sup);
    return (int64_t)work;
}

int64_t maiko_supervisor_poll(maiko_supervisor *sup, uint32_t budget)
{
    maiko_status status = check_pollable(sup);
    int64_t work;

    if (status != MAIKO_OK)
        return status;
    supervisor_enter(sup); /* a stop that begins meanwhile frees nothing before we have left */
    work = poll_alone(sup, budget);
    supervisor_leave(sup);
    return work;
}

/* The outside loop is about to sleep on our descriptor: arm the timer, and make it readable if work is left. */
void supervisor_prepare_sleep(struct maiko_supervisor *sup)
{
    struct shard *shard = sup->shards[0];

    wakeup_arm(&shard->wakeup, timer_heap_next_deadline(&shard->timers));
    wakeup_announce(&shard->wakeup);
    if (!shard_is_idle(shard))
        wakeup_if_asleep(&shard->wakeup);
}

int maiko_supervisor_fd(maiko_supervisor *sup)
{
    if (!supervisor_is_valid(sup) || supervisor_is_forked(sup))
        return -1;
    return sup->config.mode == MAIKO_POLLED ? sup->shards[0]->wakeup.epoll_fd : -1;
}
