/* Placement: usable cores, costs, balancing and moving. */
#include "runtime/placement.h"

#include "runtime/interest.h"
#include "runtime/supervisor_internal.h"
#include "runtime/world.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What one event must cost before a second core is worth its wake-ups and copies. */
#define HEAVY_NS 2000u
#define LIGHT_NS 500u /* what an actor that was moved must cost at most to be brought back */
#define SUSPICION_MAX 8u
#define BALANCE_EVERY_NS MAIKO_MS(10)
#define BALANCE_GAP_MAX_NS MAIKO_SECONDS(1)

/* --- cores --- */

/* cgroup v2: "max 100000" or "150000 100000", quota and period in microseconds.  Only our own group is looked at. */
static uint32_t cgroup_cores(uint32_t cores)
{
    char text[64];
    unsigned long quota;
    unsigned long period;
    ssize_t len;
    int fd = open("/sys/fs/cgroup/cpu.max", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return cores;
    len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0)
        return cores;
    text[len] = '\0';
    if (sscanf(text, "%lu %lu", &quota, &period) != 2 || period == 0)
        return cores;
    return (quota + period - 1) / period < cores ? (uint32_t)((quota + period - 1) / period) : cores;
}

uint32_t placement_usable_cores(void)
{
    cpu_set_t set;
    uint32_t cores = 1;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        cores = (uint32_t)CPU_COUNT(&set);
    cores = cgroup_cores(cores);
    return cores < 1 ? 1 : cores > SHARD_MAX ? SHARD_MAX : cores;
}

/* --- costs --- */

static bool is_away(const struct actor *actor)
{
    return actor->home != actor->shard->index;
}

/* The least of several activations in a row counts: one alone may have been preempted. */
void placement_note(struct shard *shard, struct actor *actor, uint64_t duration_ns, uint64_t units)
{
    uint64_t cost = units == 0 ? 0 : duration_ns / units;

    if (units == 0)
        return;
    cost = cost > UINT32_MAX ? UINT32_MAX : cost;
    if (actor->suspicion == 0 || cost < actor->least_ns)
        actor->least_ns = (uint32_t)cost;
    if (cost >= HEAVY_NS && actor->suspicion < SUSPICION_MAX) {
        actor->suspicion++;
        return;
    }
    actor->suspicion = 0;
    actor->cost_ns = actor->least_ns;
    if (!actor->is_pinned && (actor->cost_ns >= HEAVY_NS || (is_away(actor) && actor->cost_ns < LIGHT_NS)))
        shard->wants_balance = true;
}

static uint64_t units_so_far(const struct actor *actor)
{
    return COUNTED(actor->counters, handled) + COUNTED(actor->counters, sent);
}

/* What the actor took since the last look, in ns. */
static uint64_t load_of(struct actor *actor)
{
    uint32_t units = (uint32_t)units_so_far(actor) - actor->units_seen;

    return (uint64_t)units * actor->cost_ns;
}

static uint64_t load_of_shard(struct shard *shard)
{
    uint64_t load = 0;
    struct list *link;

    LIST_FOR_EACH (link, &shard->actors)
        load += load_of(CONTAINER_OF(link, struct actor, siblings));
    return load;
}

static void forget_loads(struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        struct list *link;

        LIST_FOR_EACH (link, &sup->shards[i]->actors) {
            struct actor *actor = CONTAINER_OF(link, struct actor, siblings);

            actor->units_seen = (uint32_t)units_so_far(actor);
        }
    }
}

/* --- moving --- */

static bool take_in_everywhere(struct maiko_supervisor *sup)
{
    bool any = false;
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        exchange_flush(sup->shards[i]);
        any |= exchange_drain(sup->shards[i]);
    }
    return any;
}

bool placement_settle_rings(struct maiko_supervisor *sup)
{
    uint32_t i;

    while (take_in_everywhere(sup))
        ;
    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++) {
        exchange_release_held(sup->shards[i]);
        if (sup->shards[i]->tail_rings != 0)
            return false;
    }
    return !take_in_everywhere(sup);
}

static bool is_movable(const struct actor *actor)
{
    return actor->state == ACTOR_RUNNING && !actor->is_pinned && !actor->is_gate && !actor_in_debt(actor) && actor->hold == 0 &&
           !atomic_load_explicit(&actor->is_on_wake_stack, memory_order_acquire) && !actor->fail_pending &&
           !actor->is_overdrawn && (actor->rare == NULL || actor->rare->retry_envelope == NULL);
}

/* A waiting entry's debt is kept where its sender sees it from the mailbox's new place. */
static void rebook_debt(struct actor *sender, const struct shard *from, const struct shard *to)
{
    bool was_local = sender->shard == from;
    bool is_local = sender->shard == to;

    if (was_local && !is_local) {
        sender->debt--;
        atomic_fetch_add_explicit(&sender->remote_debt, 1, memory_order_relaxed);
    } else if (!was_local && is_local) {
        atomic_fetch_sub_explicit(&sender->remote_debt, 1, memory_order_relaxed);
        sender->debt++;
    }
}

/* Copies of pooled events on the target's pool, first all, so that a failure changes nothing. */
static bool copy_events(struct mailbox *mailbox, struct shard *target, struct envelope **copies)
{
    uint32_t i;

    for (i = 0; i < mailbox->depth; i++) {
        struct envelope *from = mailbox_envelope(mailbox_at(mailbox, i));

        copies[i] = from;
        if (from->home == HOME_HEAP)
            continue;
        copies[i] = pool_take(&target->pool, from->size_class, from->head.payload_len);
        if (copies[i] == NULL)
            break;
        copies[i]->head.type = from->head.type;
        copies[i]->hops = from->hops;
        memcpy(&copies[i]->id, &from->id, sizeof *from - offsetof(struct envelope, id) + from->head.payload_len);
    }
    if (i == mailbox->depth)
        return true;
    while (i-- > 0) {
        if (copies[i]->home == HOME_POOL)
            pool_give(&target->pool, copies[i]);
    }
    return false;
}

static void replace_events(struct mailbox *mailbox, struct shard *from, struct shard *to, struct envelope **copies)
{
    uint32_t i;

    for (i = 0; i < mailbox->depth; i++) {
        uintptr_t *slot = &mailbox->slots[(mailbox->head + i) & mailbox->mask];
        struct envelope *old = mailbox_envelope(*slot);
        uintptr_t tags = *slot & MAILBOX_TAGS;

        if (tags & MAILBOX_WAITED) {
            rebook_debt(old->origin, from, to);
            from->waiting--;
            to->waiting++;
        }
        *slot = (uintptr_t)copies[i] | tags;
        if (old->home == HOME_POOL) {
            shard_release(from, old);
        } else {
            from->heap_live--;
            to->heap_live++;
        }
    }
}

static bool move_mailbox(struct mailbox *mailbox, struct shard *from, struct shard *to)
{
    size_t size = mailbox->depth * sizeof(struct envelope *);
    struct envelope **copies;

    if (mailbox->depth == 0)
        return true;
    copies = heap_alloc(from->heap, size);
    if (copies == NULL)
        return false;
    if (!copy_events(mailbox, to, copies)) {
        heap_free(from->heap, copies, size);
        return false;
    }
    replace_events(mailbox, from, to, copies);
    heap_free(from->heap, copies, size);
    return true;
}

/* First everything new, then nothing old: a failure half-way undoes the new. */
static bool move_subscriptions(struct actor *actor, struct shard *from, struct shard *to)
{
    struct subscription *subscription;
    struct subscription *failed = NULL;

    for (subscription = actor->subscriber.first; subscription != NULL; subscription = subscription->next) {
        if (interest_add(to, subscription, NULL) != MAIKO_OK) {
            failed = subscription;
            break;
        }
    }
    if (failed != NULL) {
        for (subscription = actor->subscriber.first; subscription != failed; subscription = subscription->next)
            interest_remove(to, subscription);
        return false;
    }
    for (subscription = actor->subscriber.first; subscription != NULL; subscription = subscription->next) {
        if (!topic_index_has(&subscription->entry))
            continue;
        broker_unsubscribe(&from->broker, subscription);
        interest_remove(from, subscription);
    }
    for (subscription = actor->subscriber.first; subscription != NULL; subscription = subscription->next) {
        if (broker_subscribe(&to->broker, subscription) != MAIKO_OK)
            supervisor_memory_failed(to, "routing table");
    }
    return true;
}

static void leave_run_queue(struct shard *shard, struct actor *actor)
{
    struct actor **at = &shard->run_first;
    struct actor *before = NULL;

    if (!actor->is_queued)
        return;
    while (*at != actor) {
        before = *at;
        at = &(*at)->run_next;
    }
    *at = actor->run_next;
    if (shard->run_last == actor)
        shard->run_last = before;
    actor->is_queued = false;
}

bool placement_move(struct actor *actor, struct shard *target)
{
    struct shard *from = actor->shard;
    struct timer *timer = actor->rare != NULL && timer_is_queued(&actor->rare->timer) ? &actor->rare->timer : NULL;

    if (from == target || !is_movable(actor) || timer_heap_reserve(&target->timers, target->timers.count + 1) != MAIKO_OK)
        return false;
    if (!move_subscriptions(actor, from, target))
        return false;
    if (!move_mailbox(&actor->mailbox, from, target) ||
        (actor->rare != NULL && actor->rare->control.capacity != 0 && !move_mailbox(&actor->rare->control, from, target))) {
        supervisor_memory_failed(from, "moving an actor"); /* half of it is there: the rest cannot follow */
    }
    if (timer != NULL)
        timer_heap_remove(&from->timers, timer);
    leave_run_queue(from, actor);
    list_remove(&actor->siblings);
    list_push_back(&target->actors, &actor->siblings);
    actor->shard = target;
    actor->ring_events = 0;
    if (actor->outbox != NULL) {
        actor->outbox->bytes = 0;
        actor->outbox->targets = 0;
    }
    if (timer != NULL && timer_heap_insert(&target->timers, timer, timer->deadline_ns) != MAIKO_OK)
        supervisor_memory_failed(target, "timer of a moved actor");
    counters_actor_set_shard(actor->counters, (uint16_t)target->index);
    shard_ready(target, actor);
    (void)take_in_everywhere(from->sup); /* everybody knows where it lives now */
    return true;
}

/* --- balancing --- */

static struct shard *least_loaded(struct maiko_supervisor *sup, uint64_t *ret_load)
{
    struct shard *best = NULL;
    uint32_t i;

    for (i = 0; i < sup->config.shards; i++) {
        uint64_t load = load_of_shard(sup->shards[i]);

        if (best == NULL || load < *ret_load) {
            best = sup->shards[i];
            *ret_load = load;
        }
    }
    return best;
}

/* The heavy actor whose load comes nearest to half the difference without passing the difference. */
static struct actor *best_to_move(struct shard *shard, uint64_t difference)
{
    struct actor *best = NULL;
    uint64_t best_distance = UINT64_MAX;
    struct list *link;

    LIST_FOR_EACH (link, &shard->actors) {
        struct actor *actor = CONTAINER_OF(link, struct actor, siblings);
        uint64_t load = load_of(actor);
        uint64_t distance = load > difference / 2 ? load - difference / 2 : difference / 2 - load;

        if (actor->cost_ns < HEAVY_NS || load == 0 || load >= difference || !is_movable(actor) || distance >= best_distance)
            continue;
        best = actor;
        best_distance = distance;
    }
    return best;
}

/* Sleepers whose rings were read for them look at their run queues. */
static void wake_all(struct maiko_supervisor *sup)
{
    uint32_t i;

    for (i = 0; i < atomic_load_explicit(&sup->shard_count, memory_order_relaxed); i++)
        wakeup_signal(&sup->shards[i]->wakeup);
}

static bool balance_once(struct shard *shard)
{
    uint64_t own = load_of_shard(shard);
    uint64_t least = 0;
    struct shard *target = least_loaded(shard->sup, &least);
    struct actor *actor;

    if (target == shard || own <= least + own / 8)
        return false;
    actor = best_to_move(shard, own - least);
    return actor != NULL && placement_move(actor, target);
}

/* Actors that turned out light go back to where they were added: together they are fastest. */
static uint32_t bring_back(struct shard *shard)
{
    uint32_t moved = 0;
    struct list *link;
    struct list *after;

    LIST_FOR_EACH_SAFE (link, after, &shard->actors) {
        struct actor *actor = CONTAINER_OF(link, struct actor, siblings);

        if (is_away(actor) && actor->cost_ns < LIGHT_NS && placement_move(actor, shard->sup->shards[actor->home]))
            moved++;
    }
    return moved;
}

void placement_balance(struct shard *shard)
{
    struct maiko_supervisor *sup = shard->sup;
    uint64_t now = clock_mono_ns(&sup->clock);
    uint32_t count = atomic_load_explicit(&sup->shard_count, memory_order_relaxed);
    uint64_t all = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
    uint32_t moved = 0;
    uint64_t visible;

    shard->wants_balance = false;
    if (now < shard->balance_at_ns)
        return;
    visible = world_pause(shard);
    if (visible == all && placement_settle_rings(sup)) {
        moved = bring_back(shard);
        while (moved < 64 && balance_once(shard))
            moved++;
        forget_loads(sup);
        wake_all(sup);
    }
    if (visible != 0)
        world_resume(shard);
    if (moved > 0 || shard->balance_gap_ns == 0)
        shard->balance_gap_ns = BALANCE_EVERY_NS;
    else if (visible == all && shard->balance_gap_ns < BALANCE_GAP_MAX_NS)
        shard->balance_gap_ns *= 2;
    shard->balance_at_ns = now + shard->balance_gap_ns;
}
