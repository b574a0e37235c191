/* Placement: moving one actor.  Everything that needs memory is prepared first, so that a failure changes nothing. */
#include "runtime/placement.h"

#include "runtime/deadlock.h"
#include "runtime/interest.h"
#include "runtime/supervisor_internal.h"
#include <string.h>

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
        if (shard_rings_held_back(sup->shards[i]) != 0)
            return false;
    }
    return !take_in_everywhere(sup);
}

bool placement_is_movable(const struct actor *actor)
{
    return actor->state == ACTOR_RUNNING && !actor->is_pinned && !actor->is_gate && actor_has_paid(actor) && actor->hold == 0 &&
           !atomic_load_explicit(&actor->is_on_wake_stack, memory_order_acquire) && !actor->fail_pending &&
           !actor->is_overdrawn &&
           (actor->rare == NULL || (actor->rare->retry_envelope == NULL && actor->rare->armings == NULL)) &&
           atomic_load_explicit(&actor->shard->sup->payments, memory_order_acquire) == 0;
}

/* --- what is prepared --- */

struct move {
    struct actor *actor;
    struct shard *from;
    struct shard *to;
    struct mailbox *mailboxes[2];
    struct envelope **copies[2]; /* of what is queued, in the target's pool */
    uint32_t copied[2];
    struct topic_index_entry *places; /* one per subscription: the target's index has a node for each */
    uint32_t place_count;
    uint32_t placed;
    uint32_t announced; /* subscriptions of the target that the others were told of */
};

static void give_copies(struct move *move, int lane)
{
    struct envelope **copies = move->copies[lane];

    while (move->copied[lane] > 0) {
        struct envelope *copy = copies[--move->copied[lane]];

        if (copy->home == HOME_POOL)
            pool_give(&move->to->pool, copy);
    }
}

/* NULL: no memory, or its sender has stopped.  A record is reused when every shard is known to have passed the events of its
 * actor: none of them may turn up again on a shard that has said so. */
static struct envelope *copy_event(struct move *move, struct envelope *from)
{
    struct envelope *copy;

    if (from->home == HOME_HEAP)
        return from;
    if (from->origin != NULL && from->origin->state == ACTOR_STOPPED)
        return NULL;
    copy = pool_take(&move->to->pool, from->size_class, from->head.payload_len);
    if (copy == NULL)
        return NULL;
    copy->head.type = from->head.type;
    copy->hops = from->hops;
    memcpy(&copy->id, &from->id, sizeof *from - offsetof(struct envelope, id) + from->head.payload_len);
    return copy;
}

static bool copy_events(struct move *move, int lane)
{
    struct mailbox *mailbox = move->mailboxes[lane];
    uint32_t *copied = &move->copied[lane];

    if (mailbox == NULL || mailbox->depth == 0)
        return true;
    move->copies[lane] = heap_alloc(move->from->heap, mailbox->depth * sizeof *move->copies[lane]);
    if (move->copies[lane] == NULL)
        return false;
    for (; *copied < mailbox->depth; (*copied)++) {
        struct envelope *copy = copy_event(move, mailbox_envelope(mailbox_at(mailbox, *copied)));

        if (copy == NULL)
            return false;
        move->copies[lane][*copied] = copy;
    }
    return true;
}

static bool reserve_places(struct move *move)
{
    struct subscription *subscription;

    for (subscription = move->actor->subscriber.first; subscription != NULL; subscription = subscription->next)
        move->place_count++;
    if (move->place_count == 0)
        return true;
    move->places = heap_alloc_zeroed(move->from->heap, move->place_count, sizeof *move->places);
    if (move->places == NULL)
        return false;
    for (subscription = move->actor->subscriber.first; subscription != NULL; subscription = subscription->next) {
        if (topic_index_add(&move->to->broker.index, subscription->pattern, &move->places[move->placed]) != MAIKO_OK)
            return false;
        move->placed++;
    }
    return true;
}

static bool announce(struct move *move)
{
    struct subscription *subscription;

    for (subscription = move->actor->subscriber.first; subscription != NULL; subscription = subscription->next) {
        if (interest_add(move->to, subscription, NULL) != MAIKO_OK)
            return false;
        move->announced++;
    }
    return true;
}

static bool prepare(struct move *move)
{
    return shard_reserve_timers(move->to) == MAIKO_OK && copy_events(move, 0) && copy_events(move, 1) && reserve_places(move) &&
           announce(move);
}

/* The lists, not what they stand for. */
static void free_lists(struct move *move)
{
    int lane;

    while (move->placed > 0)
        topic_index_remove(&move->to->broker.index, &move->places[--move->placed]);
    heap_free(move->from->heap, move->places, move->place_count * sizeof *move->places);
    for (lane = 0; lane < 2; lane++) {
        if (move->copies[lane] != NULL)
            heap_free(move->from->heap, move->copies[lane], move->mailboxes[lane]->depth * sizeof *move->copies[lane]);
    }
}

static void give_up(struct move *move)
{
    struct subscription *subscription = move->actor->subscriber.first;

    for (; move->announced > 0; move->announced--, subscription = subscription->next)
        interest_remove(move->to, subscription);
    give_copies(move, 0);
    give_copies(move, 1);
    free_lists(move);
}

/* --- the change, which needs no memory --- */

static void move_subscriptions(struct move *move)
{
    struct subscription *subscription;

    for (subscription = move->actor->subscriber.first; subscription != NULL; subscription = subscription->next) {
        broker_unsubscribe(&move->from->broker, subscription);
        interest_remove(move->from, subscription);
        if (broker_subscribe(&move->to->broker, subscription) != MAIKO_OK)
            supervisor_memory_failed(move->to, "routing table"); /* its place is there: cannot be */
    }
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

static void move_events(struct move *move, int lane)
{
    struct mailbox *mailbox = move->mailboxes[lane];
    uint32_t i;

    for (i = 0; i < move->copied[lane]; i++) {
        uintptr_t *slot = &mailbox->slots[(mailbox->head + i) & mailbox->mask];
        struct envelope *old = mailbox_envelope(*slot);
        uintptr_t tags = *slot & MAILBOX_TAGS;

        if (tags & MAILBOX_WAITED) {
            rebook_debt(old->origin, move->from, move->to);
            move->from->waiting--;
            move->to->waiting++;
        }
        *slot = (uintptr_t)move->copies[lane][i] | tags;
        if (old->home == HOME_POOL) {
            shard_release(move->from, old);
        } else {
            move->from->heap_live--;
            move->to->heap_live++;
        }
    }
}

static void move_timer(struct move *move, struct timer *timer)
{
    if (!timer_is_queued(timer))
        return;
    timer_heap_remove(&move->from->timers, timer);
    if (timer_heap_insert(&move->to->timers, timer, timer->deadline_ns) != MAIKO_OK)
        supervisor_memory_failed(move->to, "timer of a moved actor"); /* it has room: cannot be */
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

/* Its old shard drops it from the list of the crowded when it next looks there, so that has to be now.  What it took since the
 * last look it takes along. */
static void move_lists(struct move *move)
{
    struct actor *actor = move->actor;

    actor->shard = move->to;
    if (actor->is_crowded) {
        deadlock_forget_crowded(move->from);
        shard_note_crowded(move->to, actor);
    }
    load_list_move(&move->from->loads, &move->to->loads, move->to->heap, actor);
}

static void move_record(struct move *move)
{
    struct actor *actor = move->actor;

    leave_run_queue(move->from, actor);
    move_lists(move);
    list_remove(&actor->siblings);
    list_push_back(&move->to->actors, &actor->siblings);
    actor->ring_events = 0;
    if (actor->outbox != NULL) {
        actor->outbox->bytes = 0;
        actor->outbox->targets = 0;
    }
    if (actor->rare != NULL && actor->rare->is_publisher && !actor->has_finished)
        streams_move(&move->from->streams, &move->to->streams, actor->rare->publish);
    move->to->has_late_listeners = move->to->has_late_listeners || move->from->has_late_listeners;
    counters_actor_set_shard(actor->counters, (uint16_t)move->to->index);
    shard_ready(move->to, actor);
}

bool placement_move(struct actor *actor, struct shard *target)
{
    struct move move = {.actor = actor, .from = actor->shard, .to = target, .mailboxes = {&actor->mailbox, NULL}};

    if (actor->shard == target || !placement_is_movable(actor))
        return false;
    if (actor->rare != NULL && actor->rare->control.capacity != 0)
        move.mailboxes[1] = &actor->rare->control;
    if (!prepare(&move)) {
        give_up(&move);
        return false;
    }
    move_subscriptions(&move);
    move_events(&move, 0);
    move_events(&move, 1);
    if (actor->rare != NULL) {
        move_timer(&move, &actor->rare->step_timer.timer);
        move_timer(&move, &actor->rare->retry_timer.timer);
    }
    move_record(&move);
    free_lists(&move);
    (void)take_in_everywhere(target->sup); /* everybody knows where it lives now */
    return true;
}
