/* Troupe: the promises, checked against what the actors wrote down. */
#include "sim/troupe.h"

#include "monitor/counters_reader.h"
#include "runtime/last_values.h"
#include "runtime/supervisor_internal.h"
#include <maiko/system.h>
#include <maiko/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- who should have got what --- */

/* Does it want the event by its subscriptions, and under which policy?  Several policies at once count as none. */
bool troupe_wants(const struct performer *performer, uint32_t number, maiko_overflow *ret_policy)
{
    const struct troupe *troupe = performer->troupe;
    const struct told *told = &troupe->told[number];
    const struct stage *stage = &troupe_stages[told->topic];
    bool wants = false;
    uint32_t i;

    *ret_policy = MAIKO_BLOCK;
    if (told->sender == performer->index && !performer->receives_own)
        return false;
    for (i = 0; performer->subscriptions[i].pattern != NULL; i++) {
        const maiko_subscription *subscription = &performer->subscriptions[i];
        int policy = subscription->overflow > 0 ? (int)subscription->overflow : (int)maiko_event_overflow(stage->type);

        if (!maiko_topic_matches(subscription->pattern, stage->topic))
            continue;
        if (!stage->is_control && policy != MAIKO_BLOCK)
            *ret_policy = MAIKO_DROP_NEWEST;
        if (subscription->predicate == NULL || number % 2 == 0)
            wants = true;
    }
    return wants;
}

/* Nothing can have made it miss an event of a BLOCK topic. */
static bool is_reliable(const struct performer *performer)
{
    const struct plot *plot = &performer->troupe->plot;
    uint32_t i;

    if (!performer->is_first || !performer->is_stable || performer->started == 0 || performer->ends > 0)
        return false;
    for (i = 0; plot->has_fail && performer->subscriptions[i].pattern != NULL; i++) {
        if (maiko_topic_matches(performer->subscriptions[i].pattern, "f/0"))
            return false;
    }
    return true;
}

static int by_number(const void *a, const void *b)
{
    const struct receipt *left = a;
    const struct receipt *right = b;

    return left->number < right->number ? -1 : left->number > right->number;
}

/* Once, and what it asked for; all of it under BLOCK.  Sorts the receipts. */
static void check_delivery(struct troupe *troupe, struct performer *performer)
{
    uint32_t count = atomic_load(&troupe->told_count);
    bool is_reliable_here = is_reliable(performer) && !troupe->plot.fails_to_allocate && troupe->hold_count == 0;
    uint32_t number;
    uint32_t at = 0;

    if (performer->receipt_count > 0)
        qsort(performer->receipts, performer->receipt_count, sizeof *performer->receipts, by_number);
    for (number = 0; number < count; number++) {
        const struct told *told = &troupe->told[number];
        maiko_overflow policy;
        bool wants = troupe_wants(performer, number, &policy);
        uint32_t got = 0;

        for (; at < performer->receipt_count && performer->receipts[at].number == number; at++)
            got++;
        if (got > 1 && (performer->is_stable || !troupe_stages[told->topic].is_sticky)) /* a last value: once per subscribe */
            troupe_fail(troupe, "%s got event %u %u times", performer->name, number, got);
        if (got > 0 && !told->accepted)
            troupe_fail(troupe, "%s got event %u, which was refused", performer->name, number);
        if (got > 0 && !wants && performer->is_stable)
            troupe_fail(troupe, "%s got event %u on %s, which it did not ask for", performer->name, number,
                        troupe_stages[told->topic].topic);
        if (got == 0 && wants && told->accepted && !told->is_last_word && policy == MAIKO_BLOCK && is_reliable_here)
            troupe_fail(troupe, "%s never got event %u of %s on %s", performer->name, number,
                        troupe->performers[told->sender].name, troupe_stages[told->topic].topic);
    }
}

/* --- ids --- */

struct named_event {
    maiko_id id;
    maiko_id correlation;
    bool is_known;
};

static bool same(maiko_id a, maiko_id b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static void check_ids_of(struct troupe *troupe, struct named_event *events, const struct receipt *receipt)
{
    const struct told *told = &troupe->told[receipt->number];
    struct named_event *event = &events[receipt->number];
    const struct named_event *cause = told->cause > 0 ? &events[told->cause - 1] : NULL;

    if (event->is_known && (!same(event->id, receipt->id) || !same(event->correlation, receipt->correlation)))
        troupe_fail(troupe, "event %u has two ids", receipt->number);
    *event = (struct named_event){.id = receipt->id, .correlation = receipt->correlation, .is_known = true};
    if (told->is_child && cause != NULL && cause->is_known &&
        (!same(receipt->parent, cause->id) || !same(receipt->correlation, cause->correlation)))
        troupe_fail(troupe, "event %u is not the child of event %u", receipt->number, told->cause - 1);
    if (!maiko_id_is_nil(told->id) && !same(told->id, receipt->id))
        troupe_fail(troupe, "event %u did not keep the id it was given", receipt->number);
    if (!told->is_child && (!maiko_id_is_nil(receipt->parent) || !same(receipt->correlation, receipt->id)))
        troupe_fail(troupe, "event %u does not start a chain", receipt->number);
}

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(maiko_id));
}

static void check_unique(struct troupe *troupe, const struct named_event *events, uint32_t count)
{
    maiko_id *ids = calloc(count + 1, sizeof *ids);
    uint32_t known = 0;
    uint32_t i;

    for (i = 0; i < count; i++) {
        if (events[i].is_known)
            ids[known++] = events[i].id;
    }
    qsort(ids, known, sizeof *ids, by_id);
    for (i = 1; i < known; i++) {
        if (same(ids[i - 1], ids[i]))
            troupe_fail(troupe, "two events have one id");
    }
    free(ids);
}

static void check_ids(struct troupe *troupe)
{
    uint32_t count = atomic_load(&troupe->told_count);
    struct named_event *events = calloc(count + 1, sizeof *events);
    uint32_t i;
    uint32_t k;
    int round;

    for (round = 0; round < 2; round++) { /* once more, now that all causes are known */
        for (i = 1; i < atomic_load(&troupe->performer_count); i++) {
            for (k = 0; k < troupe->performers[i].receipt_count; k++)
                check_ids_of(troupe, events, &troupe->performers[i].receipts[k]);
        }
    }
    check_unique(troupe, events, count);
    free(events);
}

/* --- books --- */

/* What the library itself sent, in the supervisor's name: nobody told of it. */
static uint64_t count_reports(const maiko_counters *counters)
{
    maiko_counters_topic topic;
    uint64_t sent = 0;
    size_t i;

    for (i = 0; maiko_counters_get_topic(counters, i, &topic) == MAIKO_OK; i++)
        sent += strcmp(topic.name, MAIKO_TOPIC_DEAD) == 0 ? topic.sent : 0;
    return sent;
}

/* Without hooks having run what is queued stays so; where they ran it is dropped, and for that reason nothing else is. */
static uint64_t left_by_stop(const maiko_counters *counters, const maiko_counters_balance *balance)
{
    return balance->unfinished + maiko_counters_dropped_for(counters, MAIKO_DROPPED_STOPPED);
}

static void check_books(struct troupe *troupe, const maiko_stop_report *report)
{
    maiko_counters *counters;
    maiko_counters_balance balance;
    maiko_status status = counters_read_own(heap_default(), troupe->sup->counters, &counters);
    uint64_t accepted = 0;
    uint32_t i;

    if (status != MAIKO_OK) {
        troupe_fail(troupe, "no counters: %s", maiko_strerror(status));
        return;
    }
    for (i = 0; i < atomic_load(&troupe->told_count); i++)
        accepted += troupe->told[i].accepted;
    status = maiko_counters_check_balance(counters, &balance);
    if (status != MAIKO_OK)
        troupe_fail(troupe, "the books cannot be checked: %s", maiko_strerror(status));
    else if (!balance.is_balanced)
        troupe_fail(troupe, "the books do not balance: %s", balance.text);
    else if (balance.in_flight != 0)
        troupe_fail(troupe, "%llu copies are in flight after the stop", (unsigned long long)balance.in_flight);
    else if (left_by_stop(counters, &balance) != report->unfinished && troupe->hold_count == 0) /* else some came no further */
        troupe_fail(troupe, "%llu events are unfinished, the report says %llu",
                    (unsigned long long)left_by_stop(counters, &balance), (unsigned long long)report->unfinished);
    else if (balance.sent != accepted + count_reports(counters))
        troupe_fail(troupe, "%llu events were accepted, counted are %llu", (unsigned long long)accepted,
                    (unsigned long long)balance.sent);
    else if (atomic_load(&troupe->reported) > balance.dropped + balance.ring_dropped + atomic_load(&troupe->deadlocks))
        troupe_fail(troupe, "more was reported than was dropped or refused");
    (void)maiko_counters_free(counters);
}

/* Of a run that was asked for by its seed: what was drawn, and what was lost where. */
static void show(const struct troupe *troupe, const maiko_stop_report *report)
{
    const struct plot *plot = &troupe->plot;
    maiko_counters *counters;
    size_t i;
    size_t k;

    printf("# %u shards, %u actors, outbox %u, overdraft %u, mark %u, segment %u:%s%s%s%s%s%s%s%s%s%s%s%s%s%s\n", plot->shards,
           plot->actors, plot->outbox, plot->overdraft, plot->ring_mark, plot->segment, plot->has_errors ? " errors" : "",
           plot->has_changes ? " changes" : "", plot->has_arrivals ? " arrivals" : "", plot->has_fail ? " fail" : "",
           plot->has_streams ? " streams" : "", plot->has_steps ? " steps" : "", plot->has_bursts ? " bursts" : "",
           plot->stops_early ? " early" : "", plot->fails_to_allocate ? " allocation" : "",
           plot->has_dedicated ? " dedicated" : "", plot->has_holds ? " holds" : "", plot->has_import ? " import" : "",
           plot->has_clock_jumps ? " clock" : "", plot->is_polled ? " polled" : "");
    printf("# stop: %s, %llu unfinished\n", maiko_strerror(report->status), (unsigned long long)report->unfinished);
    for (i = 0; i < atomic_load(&troupe->performer_count); i++) {
        const struct performer *performer = &troupe->performers[i];

        printf("# %s on shard %d, capacity %u and %llu bytes, %u sent, %u got%s%s%s%s, %u ends, %u finishes:", performer->name,
               performer->spec.shard - 1, performer->spec.capacity, (unsigned long long)performer->spec.capacity_bytes,
               performer->serial, performer->receipt_count, performer->is_added ? "" : ", not added",
               performer->is_first ? "" : ", late", performer->started ? "" : ", not started",
               performer->is_stable ? "" : ", unstable", performer->ends, performer->finishes);
        for (k = 0; performer->subscriptions[k].pattern != NULL; k++)
            printf(" %s/%s%s", performer->subscriptions[k].pattern, maiko_overflow_name(performer->subscriptions[k].overflow),
                   performer->subscriptions[k].predicate != NULL ? "/even" : "");
        printf(" publish %s\n", performer->publish[0] != NULL ? performer->publish[0] : "-");
    }
    if (counters_read_own(heap_default(), troupe->sup->counters, &counters) != MAIKO_OK)
        return;
    for (i = 0; i < maiko_counters_drop_count(counters); i++) {
        maiko_counters_drop drop;

        if (maiko_counters_get_drop(counters, i, &drop) == MAIKO_OK)
            printf("# dropped %llu on %s at %s%u: %s\n", (unsigned long long)drop.events, drop.topic,
                   drop.actor[0] != '\0' ? drop.actor : "shard ", drop.shard, maiko_drop_reason_text(drop.reason));
    }
    (void)maiko_counters_free(counters);
}

static void check_hooks(struct troupe *troupe, const struct performer *performer)
{
    if (performer->stops != performer->started)
        troupe_fail(troupe, "%s: %u on_start succeeded, %u on_stop ran", performer->name, performer->started, performer->stops);
    if (is_reliable(performer) && performer->starts != 1)
        troupe_fail(troupe, "%s never started", performer->name);
}

void troupe_check(struct troupe *troupe, const maiko_stop_report *report)
{
    uint32_t i;

    if (getenv("MAIKO_SEED") != NULL)
        show(troupe, report);
    if (report->status == MAIKO_ETIMEDOUT && troupe->hold_count == 0)
        troupe_fail(troupe, "the stop ran out of time");
    check_ids(troupe);
    for (i = 1; i < atomic_load(&troupe->performer_count); i++) {
        check_hooks(troupe, &troupe->performers[i]);
        check_delivery(troupe, &troupe->performers[i]);
    }
    check_books(troupe, report);
}

/* --- between two polls --- */

struct debts {
    uint32_t here[64]; /* by slot in `actors` */
    uint32_t elsewhere[64];
    struct actor *actors[64];
    uint32_t count;
    uint64_t waiting; /* on the shard that is looked at */
};

static uint32_t slot_of(struct debts *debts, struct actor *actor)
{
    uint32_t i;

    for (i = 0; i < debts->count; i++) {
        if (debts->actors[i] == actor)
            return i;
    }
    if (debts->count == 64)
        return 63;
    debts->actors[debts->count] = actor;
    return debts->count++;
}

/* Promise 3: what one sender may have waiting in one mailbox: its outbox limit, that and the mark of the ring from elsewhere, and
 * what it may add to resolve a deadlock. */
static void inspect_bound(struct troupe *troupe, const struct actor *owner, const struct mailbox *mailbox,
                          const struct actor *from)
{
    const struct plot *plot = &troupe->plot;
    uint32_t bound = plot->outbox + plot->overdraft + (from->shard == owner->shard ? 0 : plot->ring_mark);
    uint32_t waiting = 0;
    uint32_t i;

    for (i = mailbox->capacity; i < mailbox->depth; i++)
        waiting += (mailbox_at(mailbox, i) & MAILBOX_WAITED) && mailbox_envelope(mailbox_at(mailbox, i))->origin == from;
    if (waiting > bound)
        troupe_fail(troupe, "%u events of %s wait for %s, past the bound of %u", waiting, from->sender.name, owner->sender.name,
                    bound);
}

/* Bytes of what came under DROP_OLDEST, wherever it stands, without the largest. */
static uint64_t evictable_but_one(const struct mailbox *mailbox)
{
    uint64_t bytes = 0;
    uint64_t largest = 0;
    uint32_t i;

    for (i = 0; i < mailbox->depth; i++) {
        uint64_t weight = mailbox_at(mailbox, i) & MAILBOX_EVICTABLE ? mailbox_weight(mailbox_at(mailbox, i)) : 0;

        bytes += weight;
        largest = weight > largest ? weight : largest;
    }
    return bytes - largest;
}

/* The bound in bytes: one event at most is past it, and nobody waits while there is room. */
static void inspect_bytes(struct troupe *troupe, const struct actor *owner, const struct mailbox *mailbox)
{
    uint32_t queued = mailbox->depth < mailbox->capacity ? mailbox->depth : mailbox->capacity;
    uint64_t bytes = 0;
    uint64_t before = 0; /* the last of those that weigh anything */
    uint32_t i;

    if (!mailbox->is_bounded)
        return;
    for (i = 0; i < queued; i++) {
        uint64_t weight = mailbox_weight(mailbox_at(mailbox, i));

        before = weight > 0 ? bytes : before;
        bytes += weight;
    }
    if (bytes != mailbox->bound->bytes || before >= mailbox->bound->limit)
        troupe_fail(troupe, "%s counts %llu bytes, it has %llu and room for %llu", owner->sender.name,
                    (unsigned long long)mailbox->bound->bytes, (unsigned long long)bytes,
                    (unsigned long long)mailbox->bound->limit);
    if (!mailbox->bound->is_for_block && evictable_but_one(mailbox) >= mailbox->bound->limit)
        troupe_fail(troupe, "%s has more than one event past its %llu bytes that might be evicted", owner->sender.name,
                    (unsigned long long)mailbox->bound->limit);
    if (bytes < mailbox->bound->limit && mailbox->capacity != mailbox->bound->capacity)
        troupe_fail(troupe, "%s has room for bytes and lets nobody in", owner->sender.name);
}

static void inspect_mailbox(struct troupe *troupe, struct debts *debts, struct actor *owner, const struct mailbox *mailbox)
{
    uint32_t evictable = 0;
    uint32_t i;

    for (i = 0; i < mailbox->depth; i++) {
        uintptr_t entry = mailbox_at(mailbox, i);
        struct actor *from = mailbox_envelope(entry)->origin;

        evictable += (entry & MAILBOX_EVICTABLE) != 0;
        if ((entry & MAILBOX_WAITED) && i < mailbox->capacity)
            troupe_fail(troupe, "an event has its place in %s and its sender is still in debt", owner->sender.name);
        if (!(entry & MAILBOX_WAITED))
            continue;
        debts->waiting++;
        if (from->shard == owner->shard)
            debts->here[slot_of(debts, from)]++;
        else
            debts->elsewhere[slot_of(debts, from)]++;
        inspect_bound(troupe, owner, mailbox, from);
    }
    inspect_bytes(troupe, owner, mailbox);
    if (evictable != mailbox->evictable)
        troupe_fail(troupe, "%s counts %u evictable events, it has %u", owner->sender.name, mailbox->evictable, evictable);
}

static void inspect_shard(struct troupe *troupe, struct debts *debts, struct shard *shard)
{
    struct list *link;

    debts->waiting = 0;
    LIST_FOR_EACH (link, &shard->actors) {
        struct actor *actor = CONTAINER_OF(link, struct actor, siblings);

        inspect_mailbox(troupe, debts, actor, &actor->mailbox);
        if (actor->rare != NULL && actor->rare->control.capacity != 0)
            inspect_mailbox(troupe, debts, actor, &actor->rare->control);
        (void)slot_of(debts, actor);
    }
    if (debts->waiting != shard->waiting)
        troupe_fail(troupe, "shard %u counts %llu waiting events, it has %llu", shard->index, (unsigned long long)shard->waiting,
                    (unsigned long long)debts->waiting);
}

static uint32_t holds_of(const struct troupe *troupe, const struct actor *actor)
{
    uint32_t holds = 0;
    uint32_t i;

    for (i = 0; i < troupe->hold_count; i++)
        holds += strcmp(troupe->held[i]->name, actor->sender.name) == 0 && actor->self == troupe->held[i];
    return holds;
}

static void inspect_debt(struct troupe *troupe, const struct debts *debts, uint32_t slot)
{
    const struct actor *actor = debts->actors[slot];
    uint32_t remote = atomic_load(&actor->remote_debt);
    uint32_t held = holds_of(troupe, actor);

    if (actor->state == ACTOR_STOPPED) /* of its holds nothing is known any more */
        return;
    if (actor->debt != debts->here[slot] || remote != debts->elsewhere[slot] + held)
        troupe_fail(troupe, "%s is in debt for %u here and %u elsewhere, but %u and %u events wait and %u holds are out",
                    actor->sender.name, actor->debt, remote, debts->here[slot], debts->elsewhere[slot], held);
}

/* --- last values --- */

static const struct told *kept_by(const struct troupe *troupe, struct shard *shard, const struct stage *stage)
{
    struct topic *topic;
    const struct route *route;

    if (registry_topic(&troupe->sup->registry, stage->topic, &topic) != MAIKO_OK)
        return NULL;
    route = shard_route(shard, topic);
    if (route == NULL || route->last == NULL || route->last->newest == NULL)
        return NULL;
    return &troupe->told[*(const uint32_t *)route->last->newest->head.payload]; /* all notes begin with their number */
}

/* Could whoever sent this one have known of the other? */
static bool comes_after(const struct told *told, const struct told *other)
{
    return told != other && told->known[other->sender] >= other->serial;
}

/* All shards keep a value that no later one was sent because of, or by the same sender. */
static void check_last_values(struct troupe *troupe, const struct stage *stage)
{
    uint32_t shard;
    uint32_t i;

    for (shard = 0; shard < atomic_load(&troupe->sup->shard_count); shard++) {
        const struct told *kept = kept_by(troupe, troupe->sup->shards[shard], stage);

        for (i = 0; i < atomic_load(&troupe->told_count); i++) {
            const struct told *told = &troupe->told[i];

            if (!told->accepted || &troupe_stages[told->topic] != stage || (kept != NULL && !comes_after(told, kept)))
                continue;
            troupe_fail(troupe, "shard %u keeps %ld of %s, event %u came later", shard,
                        kept == NULL ? -1L : (long)(kept - troupe->told), stage->topic, i);
            return;
        }
    }
}

/* Nothing can run any more: so nothing may be left to run. */
static void check_shard_is_done(struct troupe *troupe, const struct shard *shard)
{
    uint64_t live = 0;
    uint32_t i;

    for (i = 0; i < POOL_EPOCHS; i++)
        live += shard->pool.live[i];
    if (!shard_is_empty(shard))
        troupe_fail(troupe, "shard %u has %llu events left in its pool and %llu on the heap", shard->index,
                    (unsigned long long)live, (unsigned long long)shard->heap_live);
    if (!shard_is_idle(shard))
        troupe_fail(troupe, "shard %u has work left: %s", shard->index,
                    shard->run_first != NULL    ? shard->run_first->sender.name
                    : inbox_wants_gate(shard)   ? "its gate is wanted"
                    : exchange_has_input(shard) ? "its rings are not read"
                                                : "posts or payments");
    if (shard->tail_rings != 0)
        troupe_fail(troupe, "shard %u holds events back for %llx", shard->index, (unsigned long long)shard->tail_rings);
    if (!list_is_empty(&shard->held_by_ring))
        troupe_fail(troupe, "shard %u holds %s because of a ring", shard->index,
                    CONTAINER_OF(shard->held_by_ring.next, struct actor_outbox, held_link)->actor->sender.name);
}

void troupe_settled(struct troupe *troupe)
{
    struct maiko_supervisor *sup = troupe->sup;
    uint32_t i;

    for (i = 0; i < TROUPE_TOPICS && !troupe->plot.fails_to_allocate; i++) {
        if (troupe_stages[i].is_sticky)
            check_last_values(troupe, &troupe_stages[i]);
    }
    for (i = 0; i < atomic_load(&sup->shard_count); i++) {
        struct shard *shard = sup->shards[i];
        struct list *link;

        LIST_FOR_EACH (link, &shard->actors) {
            struct actor *actor = CONTAINER_OF(link, struct actor, siblings);

            if (actor_has_events(actor))
                troupe_fail(troupe, "%s has %u events left: hold %u, debt %u here and %u elsewhere, %s, state %u",
                            actor->sender.name, actor->mailbox.depth, actor->hold, actor->debt, atomic_load(&actor->remote_debt),
                            actor->is_overdrawn ? "overdrawn" : "not overdrawn", actor->state);
        }
        check_shard_is_done(troupe, shard);
    }
}

void troupe_inspect(struct troupe *troupe)
{
    struct maiko_supervisor *sup = troupe->sup;
    struct debts debts;
    uint32_t count = atomic_load(&sup->shard_count);
    uint32_t i;

    memset(&debts, 0, sizeof debts);
    for (i = 0; i < count; i++)
        inspect_shard(troupe, &debts, sup->shards[i]);
    for (i = 0; i < debts.count; i++)
        inspect_debt(troupe, &debts, i);
}
