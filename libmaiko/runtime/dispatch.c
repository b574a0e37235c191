/* Dispatch: from a sender's event to the mailboxes of this shard, and back out of them.  Runs no user code except
 * predicates, so nothing changes under it; overflow is decided here and nowhere else. */
#include "runtime/shard.h"

#include "runtime/dead_letters.h"
#include "runtime/last_values.h"
#include "runtime/supervisor_internal.h"

static uintptr_t entry_of(struct envelope *envelope, uintptr_t tags)
{
    return (uintptr_t)envelope | tags;
}

void shard_release_last(struct shard *shard, struct envelope *envelope)
{
    /* after the end nobody would read the ring: whoever frees the supervisor destroys what is left */
    if (envelope->head.type->destroy == NULL || exchange_is_home(shard, envelope) ||
        supervisor_state(shard->sup) == SUP_STOPPED || !exchange_send_home(shard, envelope))
        envelope_destroy_heap(envelope);
}

void shard_release_heap(struct shard *shard, struct envelope *envelope)
{
    shard->heap_live--;
    if (envelope_unref_heap(envelope))
        shard_release_last(shard, envelope);
}

/* An event of `sender` waits here: it does not run before that is over. */
static void owe(struct shard *shard, struct actor *sender)
{
    shard->waiting++;
    if (sender->shard == shard) {
        sender->debt++;
        if (sender->is_overdrawn && sender->overdraft > 0)
            sender->overdraft--;
    } else {
        /* relaxed: the sender learns of it by ring position (see ring_confirm, a release) or by not being woken */
        atomic_fetch_add_explicit(&sender->remote_debt, 1, memory_order_relaxed);
    }
}

/* Any shard may push; the sender's shard takes all at once.  Release: what was done before the debt ended is seen by
 * the sender when it runs again. */
void shard_push_awake(struct actor *sender)
{
    struct shard *home = sender->shard;
    struct actor *top;

    if (atomic_exchange_explicit(&sender->is_on_wake_stack, true, memory_order_acq_rel))
        return;
    top = atomic_load_explicit(&home->wake_stack, memory_order_relaxed);
    do
        sender->wake_next = top;
    while (!atomic_compare_exchange_weak_explicit(&home->wake_stack, &top, sender, memory_order_release, memory_order_relaxed));
    shard_wake(home);
}

static void pay_remote(struct actor *actor)
{
    if (atomic_fetch_sub_explicit(&actor->remote_debt, 1, memory_order_acq_rel) == 1)
        shard_push_awake(actor);
}

/* Once the debt is 0 the actor may stop before it is on the wake stack.  Whoever sees the 0 (acquire) sees the payment that is
 * under way, and whoever sees that it is over (release) finds the actor on the stack. */
void shard_pay_from_outside(struct actor *actor)
{
    struct maiko_supervisor *sup = actor->shard->sup;

    atomic_fetch_add_explicit(&sup->payments, 1, memory_order_relaxed);
    pay_remote(actor);
    atomic_fetch_sub_explicit(&sup->payments, 1, memory_order_release);
}

/* A pooled event keeps the record of its sender by its epoch, and with it what is done here. */
static void pay(struct shard *shard, const struct envelope *envelope)
{
    struct actor *sender = envelope->origin;

    shard->waiting--;
    if (sender->shard != shard && envelope->home == HOME_HEAP) {
        shard_pay_from_outside(sender);
    } else if (sender->shard != shard) {
        pay_remote(sender);
    } else if (--sender->debt == 0) {
        if (!actor_in_debt(sender)) /* not elsewhere either */
            actor_end_overdraft(sender);
        shard_ready(shard, sender);
    }
}

void shard_count_drop(struct shard *shard, struct actor *subscriber, const struct topic *topic, struct envelope *envelope,
                      maiko_drop_reason reason)
{
    struct counters_drop *line =
        drop_cache_line(&shard->drops, shard->sup->counters, subscriber->counters, (uint16_t)shard->index, topic, reason);

    COUNT(subscriber->counters, dropped, 1);
    COUNT_SHARED(line, events, 1);
    dead_letter(shard, subscriber, envelope, reason);
}

/* Of an event outside the pools: its bytes may count, too. */
static __attribute__((noinline)) void queue_hold_heap(struct shard *shard, struct mailbox *mailbox, struct envelope *envelope)
{
    envelope_ref_heap(envelope);
    shard->heap_live++;
    if (mailbox->is_bounded)
        mailbox_weigh_last(mailbox);
}

/* The reference of the entry that was just put into the mailbox. */
static inline void queue_hold(struct shard *shard, struct mailbox *mailbox, struct envelope *envelope)
{
    if (__builtin_expect(envelope->home == HOME_POOL, 1))
        envelope->refs++;
    else
        queue_hold_heap(shard, mailbox, envelope);
}

static void enqueue(struct shard *shard, struct actor *actor, struct mailbox *mailbox, struct route *route,
                    struct envelope *envelope, uintptr_t tags)
{
    if (mailbox_push(mailbox, shard->heap, entry_of(envelope, tags)) != MAIKO_OK) {
        shard_count_drop(shard, actor, route->topic, envelope, MAIKO_DROPPED_NO_MEMORY);
        actor_fail(actor, MAIKO_ENOMEM, MAIKO_DROPPED_FAILED, "no memory to queue an event");
        return;
    }
    queue_hold(shard, mailbox, envelope);
    if (tags & MAILBOX_WAITED) {
        owe(shard, envelope->origin);
        shard_note_crowded(shard, actor);
    }
    shard_ready_for_event(shard, actor);
}

/* The last of the queued has a place. */
static void pay_for_last(struct shard *shard, const struct mailbox *mailbox)
{
    uintptr_t *slot = &mailbox->slots[(mailbox->head + mailbox->capacity - 1) & mailbox->mask];

    if (!(*slot & MAILBOX_WAITED))
        return;
    *slot &= ~MAILBOX_WAITED;
    pay(shard, mailbox_envelope(*slot));
}

void shard_pay_for_room(struct shard *shard, struct mailbox *mailbox)
{
    if (mailbox->depth < mailbox->capacity)
        return;
    if (!mailbox->is_bounded) {
        pay_for_last(shard, mailbox);
        return;
    }
    while (mailbox_admit(mailbox))
        pay_for_last(shard, mailbox);
}

static void evict_and_enqueue(struct shard *shard, struct actor *actor, struct mailbox *mailbox, struct route *route,
                              struct envelope *envelope)
{
    uintptr_t evicted = mailbox_evict(mailbox);
    struct envelope *old = mailbox_envelope(evicted);

    if (evicted == 0) {
        shard_count_drop(shard, actor, route->topic, envelope, MAIKO_DROPPED_OLDEST);
        return;
    }
    shard_pay_for_room(shard, mailbox);
    shard_count_drop(shard, actor, old->topic, old, MAIKO_DROPPED_OLDEST);
    shard_release(shard, old);
    enqueue(shard, actor, mailbox, route, envelope, MAILBOX_EVICTABLE);
}

/* Older ones go until this one, whose bytes have no place, may come in. */
static void evict_bytes_and_enqueue(struct shard *shard, struct actor *actor, struct mailbox *mailbox, struct route *route,
                                    struct envelope *envelope)
{
    uint64_t bytes = mailbox_bytes_of(envelope);
    uint64_t freed = 0;

    while (!mailbox_has_made_room(mailbox, freed, bytes)) {
        struct envelope *old = mailbox_envelope(mailbox_evict_bytes(mailbox));

        freed += mailbox_bytes_of(old);
        if (!mailbox->bound->is_closed) /* while it is open each that goes lets one in that waits */
            shard_pay_for_room(shard, mailbox);
        shard_count_drop(shard, actor, old->topic, old, MAIKO_DROPPED_OLDEST);
        shard_release(shard, old);
    }
    shard_pay_for_room(shard, mailbox);
    enqueue(shard, actor, mailbox, route, envelope, MAILBOX_EVICTABLE);
}

/* What stands in the way of an event?  Under BLOCK, and where its own bytes have no place, the line behind what is queued.  Small
 * ones under other policies stand behind full bytes at nobody's cost: their number alone decides on them. */
static struct overflow_state state_for(const struct mailbox *mailbox, const struct envelope *envelope, maiko_overflow policy)
{
    bool lacks_bytes = mailbox_lacks_bytes(mailbox, envelope);

    return (struct overflow_state){
        .depth = mailbox->depth,
        .capacity = policy == MAIKO_BLOCK || lacks_bytes ? mailbox->capacity : mailbox_nominal(mailbox),
        .has_evictable = lacks_bytes ? mailbox_can_make_room(mailbox, mailbox_bytes_of(envelope)) : mailbox->evictable != 0};
}

/* The mailbox is full, or somebody waits already.  Without a debtor (a last value, which the subscriber asked for itself)
 * an event that has to wait does so at nobody's cost. */
static void overflow(struct shard *shard, struct actor *actor, struct mailbox *mailbox, struct route *route,
                     struct envelope *envelope, maiko_overflow policy, const struct actor *debtor)
{
    struct overflow_state state = state_for(mailbox, envelope, policy);

    switch (overflow_decide(policy, &state)) {
    case OVERFLOW_ENQUEUE:
        enqueue(shard, actor, mailbox, route, envelope, policy == MAIKO_DROP_OLDEST ? MAILBOX_EVICTABLE : 0);
        break;
    case OVERFLOW_WAIT:
        enqueue(shard, actor, mailbox, route, envelope, debtor == NULL ? 0 : MAILBOX_WAITED);
        break;
    case OVERFLOW_DROP_NEWEST:
        shard_count_drop(shard, actor, route->topic, envelope, MAIKO_DROPPED_NEWEST);
        break;
    case OVERFLOW_DROP_NO_VICTIM:
        shard_count_drop(shard, actor, route->topic, envelope, MAIKO_DROPPED_OLDEST);
        break;
    case OVERFLOW_EVICT_OLDEST:
        if (mailbox_lacks_bytes(mailbox, envelope))
            evict_bytes_and_enqueue(shard, actor, mailbox, route, envelope);
        else
            evict_and_enqueue(shard, actor, mailbox, route, envelope);
        break;
    case OVERFLOW_FAIL_SUBSCRIBER:
        shard_count_drop(shard, actor, route->topic, envelope, MAIKO_DROPPED_FAILED);
        actor_fail(actor, MAIKO_EFULL, MAIKO_DROPPED_FAILED, "mailbox is full and the policy is FAIL");
        break;
    }
}

maiko_overflow shard_policy_of(const struct route *route, const struct subscription *subscription)
{
    uint8_t topic_policy;

    if (route->topic->is_system)
        return MAIKO_DROP_OLDEST;
    if (subscription_choice(subscription) > 0)
        return (maiko_overflow)subscription_choice(subscription);
    topic_policy = atomic_load_explicit(&route->topic->overflow, memory_order_relaxed);
    return topic_policy == MAIKO_OVERFLOW_OF_TOPIC ? MAIKO_BLOCK : (maiko_overflow)topic_policy;
}

/* The priority lane: like a mailbox of its own that only BLOCK applies to. */
static void deliver_control(struct shard *shard, struct actor *actor, struct route *route, struct envelope *envelope,
                            const struct actor *debtor)
{
    struct actor_rare *rare = actor_rare(actor);

    if (rare == NULL) {
        shard_count_drop(shard, actor, route->topic, envelope, MAIKO_DROPPED_NO_MEMORY);
        actor_fail(actor, MAIKO_ENOMEM, MAIKO_DROPPED_FAILED, "no memory for the priority lane");
        return;
    }
    if (rare->control.capacity == 0)
        mailbox_init(&rare->control, mailbox_nominal(&actor->mailbox));
    overflow(shard, actor, &rare->control, route, envelope, MAIKO_BLOCK, debtor);
}

/* True when the event counts as matched. */
static inline bool deliver(struct shard *shard, struct route *route, const struct route_target *target, struct envelope *envelope,
                           const struct actor *debtor)
{
    struct actor *actor = CONTAINER_OF(target->subscriber, struct actor, subscriber);
    struct mailbox *mailbox = &actor->mailbox;
    const struct subscription *subscription;

    if (__builtin_expect(actor == debtor && !actor->receives_own, 0))
        return false;
    subscription = route_target_taking(route, target, &envelope->head);
    if (subscription == NULL)
        return false;
    COUNT(actor->counters, received, 1);
    if (__builtin_expect(atomic_load_explicit(&route->topic->is_control, memory_order_relaxed), 0)) {
        deliver_control(shard, actor, route, envelope, debtor);
    } else if (__builtin_expect(mailbox->depth < mailbox->limit, 1)) {
        uintptr_t tags = __builtin_expect(shard_policy_of(route, subscription) == MAIKO_DROP_OLDEST, 0) ? MAILBOX_EVICTABLE : 0;

        if (mailbox_push(mailbox, shard->heap, entry_of(envelope, tags)) == MAIKO_OK)
            queue_hold(shard, mailbox, envelope);
        shard_ready_for_event(shard, actor);
    } else {
        overflow(shard, actor, mailbox, route, envelope, shard_policy_of(route, subscription), debtor);
    }
    if (__builtin_expect(actor == debtor, 0))
        actor_note_depth(actor);
    return true;
}

void shard_dispatch_to(struct shard *shard, struct route *route, const struct route_target *target, struct envelope *envelope)
{
    streak_stop(&shard->streak);
    (void)deliver(shard, route, target, envelope, NULL);
    shard_release(shard, envelope);
}

/* A route that cannot be rebuilt has those targets that were found while there was memory, and stays stale: the next event tries
 * again.  What the others miss matched nobody; the supervisor's status says why. */
static void refresh(struct shard *shard, struct route *route)
{
    if (broker_build(&shard->broker, route) != MAIKO_OK)
        supervisor_memory_failed(shard, "routing table");
}

static bool is_special(const struct route *route)
{
    uint32_t i;

    if (route->topic->is_system || atomic_load_explicit(&route->topic->is_control, memory_order_relaxed) ||
        atomic_load_explicit(&route->topic->is_sticky, memory_order_relaxed))
        return true;
    for (i = 0; i < route->target_count; i++) {
        const struct subscription *first = route_target_first(route, &route->targets[i]);

        if (subscription_has_predicate(first) || shard_policy_of(route, first) == MAIKO_DROP_OLDEST)
            return true;
    }
    return false;
}

static bool may_take(const struct actor *actor)
{
    return actor->rare != NULL && actor->rare->take != NULL;
}

/* A topic that no type is bound to yet may still turn out special. */
static void look_at(struct route *route)
{
    if (route->is_stale || !atomic_load_explicit(&route->topic->is_bound, memory_order_relaxed))
        return;
    route->care = is_special(route)                                       ? ROUTE_SPECIAL
                  : route->target_count == 1 && route->remote_shards == 0 ? ROUTE_SINGLE
                                                                          : ROUTE_PLAIN;
    if (route->care != ROUTE_SINGLE)
        return;
    route->single = route->targets->subscriber;
    if (may_take(CONTAINER_OF(route->single, struct actor, subscriber)))
        route->care = ROUTE_TAKEN;
}

/* Before its targets and its care are believed. */
HOT void see(struct shard *shard, struct route *route)
{
    if (__builtin_expect(route->is_stale, 0))
        refresh(shard, route);
    if (__builtin_expect(route->care == ROUTE_UNSEEN, 0))
        look_at(route);
}

/* Nothing but room has to be looked at. */
HOT uint32_t dispatch_plain(struct shard *shard, struct route *route, struct envelope *envelope)
{
    const struct route_target *target = route->targets;
    const struct route_target *end = target + route->target_count;
    uint32_t matched = 0;

    for (; target < end; target++) {
        struct actor *actor = CONTAINER_OF(target->subscriber, struct actor, subscriber);
        struct mailbox *mailbox = &actor->mailbox;

        if (__builtin_expect(actor == envelope->origin && !actor->receives_own, 0))
            continue;
        matched++;
        COUNT(actor->counters, received, 1);
        if (__builtin_expect(mailbox->depth < mailbox->limit, 1)) {
            mailbox_put(mailbox, entry_of(envelope, 0));
            queue_hold(shard, mailbox, envelope);
            shard_ready_for_event(shard, actor);
        } else {
            overflow(shard, actor, mailbox, route, envelope, shard_policy_of(route, route_target_first(route, target)),
                     envelope->origin);
        }
        if (__builtin_expect(actor == envelope->origin, 0))
            actor_note_depth(actor);
    }
    return matched;
}

HOT uint32_t dispatch(struct shard *shard, struct route *route, struct envelope *envelope, bool is_own)
{
    uint32_t matched = 0;
    uint32_t i;

    see(shard, route);
    if (__builtin_expect(route->care == ROUTE_PLAIN || route->care == ROUTE_SINGLE || route->care == ROUTE_TAKEN, 1))
        return dispatch_plain(shard, route, envelope);
    for (i = 0; i < route->target_count; i++)
        matched += deliver(shard, route, &route->targets[i], envelope, envelope->origin);
    if (__builtin_expect(atomic_load_explicit(&route->topic->is_sticky, memory_order_relaxed), 0))
        last_values_keep(shard, route, envelope, is_own);
    return matched;
}

void shard_dispatch(struct shard *shard, struct route *route, struct envelope *envelope)
{
    (void)dispatch(shard, route, envelope, false);
    shard_release(shard, envelope);
}

void shard_dispatch_last(struct shard *shard, struct route *route, struct envelope *envelope)
{
    uint32_t i;

    streak_stop(&shard->streak);
    if (route->is_stale)
        refresh(shard, route);
    for (i = 0; i < route->target_count; i++) {
        const struct actor *actor = CONTAINER_OF(route->targets[i].subscriber, struct actor, subscriber);

        if (envelope->sender->id != actor->sender.id || actor->receives_own)
            (void)deliver(shard, route, &route->targets[i], envelope, NULL);
    }
}

void shard_publish(struct shard *shard, struct actor *sender, struct route *route, struct envelope *envelope)
{
    uint32_t matched = dispatch(shard, route, envelope, true);

    COUNT(route->counters, sent, 1);
    if (__builtin_expect(route->remote_shards != 0, 0))
        exchange_publish(shard, sender, route, envelope);
    else if (__builtin_expect(matched == 0, 0))
        COUNT(route->counters, unrouted, 1);
    shard_release(shard, envelope);
}

struct actor *shard_single_receiver(struct shard *shard, struct route *route)
{
    see(shard, route);
    if (route->care != ROUTE_SINGLE && route->care != ROUTE_TAKEN)
        return NULL;
    return CONTAINER_OF(route->single, struct actor, subscriber);
}

void shard_count_handed_over(struct shard *shard, struct route *route, struct actor *actor, uint32_t events)
{
    COUNT(route->counters, sent, events);
    COUNT(actor->counters, received, events);
    shard_ready_for_event(shard, actor);
}

void shard_discard(struct shard *shard, struct actor *actor, maiko_drop_reason reason)
{
    struct envelope *envelope;

    while ((envelope = shard_take(shard, actor)) != NULL) {
        shard_count_drop(shard, actor, envelope->topic, envelope, reason);
        shard_release(shard, envelope);
    }
}
