/* Inbox, the gate's side: what is there is sent on. */
#include "runtime/inbox_record.h"

#include "runtime/send.h"
#include "runtime/shard.h"
#include "runtime/supervisor_internal.h"
#include <string.h>

#define MEMORY_WAIT_NS MAIKO_MS(1)
#define FEW_BYTES 256u
#define MEMORY_TRIES 100u /* before a stop takes it that there will be none */

static bool swap(struct inbox *inbox)
{
    struct inbox_buffer empty = inbox->drain;
    bool notify;

    if (!atomic_load_explicit(&inbox->has_events, memory_order_relaxed))
        return false;
    empty.used = empty.large = 0;
    empty.events = 0;
    pthread_mutex_lock(&inbox->lock);
    atomic_store_explicit(&inbox->has_events, false, memory_order_relaxed);
    if (inbox->is_cut) {
        pthread_mutex_unlock(&inbox->lock);
        return false;
    }
    inbox->drain = inbox->fill;
    inbox->fill = empty;
    inbox->drain_at = 0;
    if (inbox->waiting > 0)
        pthread_cond_broadcast(&inbox->room);
    notify = inbox->was_full && inbox->notify != NULL;
    inbox->was_full = false;
    pthread_mutex_unlock(&inbox->lock);
    if (notify)
        inbox->notify(inbox->notify_userdata);
    return true;
}

/* It was accepted, so it waits for memory as it would for a place.  Gates always have a timer. */
static void wait_for_memory(struct inbox *inbox)
{
    struct shard *shard = inbox->gate->shard;

    if (inbox->memory_tries == 0)
        supervisor_memory_failed(shard, "event from outside");
    if (inbox->memory_tries < MEMORY_TRIES)
        inbox->memory_tries++;
    if (shard_hold_for_retry(shard, inbox->gate, MEMORY_WAIT_NS) != MAIKO_OK)
        shard_ready(shard, inbox->gate); /* gates have room for a timer: cannot be */
}

bool inbox_is_starved(const struct inbox *inbox)
{
    return inbox->memory_tries == MEMORY_TRIES && (inbox->gate->hold & ACTOR_HELD_BY_RETRY) != 0;
}

/* `last`: the route of the one before, NULL at first.  NULL: no memory. */
static inline struct route *route_of(struct shard *shard, const struct inbox_record *record, struct route *last)
{
    return last != NULL && last->topic == record->topic ? last : shard_route(shard, record->topic);
}

/* What all events of a record have in common. */
static inline void fill_envelope(struct inbox *inbox, const struct inbox_record *record, struct envelope *envelope)
{
    envelope->head.type = record->entry->type;
    envelope->owner_shard = (uint16_t)inbox->gate->shard->index;
    envelope->hops = record->hops;
    envelope->from_system = record->topic->is_system;
    envelope->origin = inbox->gate;
}

/* False when it has to be tried again. */
static inline bool send_on(struct inbox *inbox, struct inbox_record *record, struct route **last)
{
    struct shard *shard = inbox->gate->shard;
    struct route *route = route_of(shard, record, *last);
    struct envelope *envelope = record->large;

    if (route != NULL && envelope == NULL)
        envelope = pool_take(&shard->pool, pool_class(record->payload_len), record->payload_len);
    if (route == NULL || envelope == NULL)
        return false;
    *last = route;
    if (record->large != NULL) {
        shard->heap_live++;
        record->large = NULL;
    } else {
        memcpy(envelope_payload(envelope), record + 1, record->payload_len);
        envelope->topic = record->topic;
        envelope->sender = record->sender;
    }
    fill_envelope(inbox, record, envelope);
    envelope->id = record->id;
    envelope->parent = record->parent;
    envelope->correlation = record->correlation;
    envelope->time_ns = record->time_ns;
    shard_met_time(shard, record->time_ns);
    shard_publish(shard, inbox->gate, route, envelope);
    return true;
}

/* A run on its way out: what its envelopes have in common, and where the next event is. */
struct run_out {
    struct envelope like;
    const struct inbox_record *record;
    struct maiko_import_run slots;
    unsigned size_class;
};

static void begin_run(struct inbox *inbox, const struct inbox_record *record, struct run_out *ret_run)
{
    ret_run->record = record;
    ret_run->slots = (struct maiko_import_run){.first = (void *)(uintptr_t)(record + 1),
                                               .step = maiko_import_slot_step(record->payload_len),
                                               .count = record->run};
    ret_run->size_class = pool_class(record->payload_len);
    ret_run->like = (struct envelope){.id = {record->id.hi, 0},
                                      .correlation = {record->id.hi, 0},
                                      .topic = record->topic,
                                      .sender = record->sender};
    fill_envelope(inbox, record, &ret_run->like);
}

/* A few blocks of 16 bytes, which slots and envelopes have, take less time than a call of memcpy() does. */
static inline void copy_payload(void *to, const void *from, size_t len)
{
    size_t at;

    if (len > FEW_BYTES) {
        memcpy(to, from, len);
        return;
    }
    for (at = 0; at < len; at += 16)
        memcpy((char *)to + at, (const char *)from + at, 16);
}

/* The next of a run, which is done with then.  NULL: no memory. */
static inline struct envelope *next_of_run(struct inbox *inbox, const struct run_out *run)
{
    enum { SHARED = offsetof(struct envelope, id), SHARED_BYTES = sizeof(struct envelope) - SHARED };
    const struct maiko_import_slot *slot = maiko_import_slot_at(&run->slots, inbox->drain_done);
    struct shard *shard = inbox->gate->shard;
    struct envelope *envelope = pool_take(&shard->pool, run->size_class, run->record->payload_len);

    if (__builtin_expect(envelope == NULL, 0))
        return NULL;
    copy_payload(envelope_payload(envelope), slot + 1, run->record->payload_len);
    envelope->head.type = run->like.head.type;
    envelope->hops = run->like.hops;
    memcpy((char *)envelope + SHARED, (const char *)&run->like + SHARED, SHARED_BYTES);
    envelope->id.lo = envelope->correlation.lo = slot->id_lo;
    envelope->time_ns = slot->time_ns;
    shard_met_time(shard, slot->time_ns);
    inbox->drain_done++;
    return envelope;
}

/* One event for whoever gets it.  False: no memory. */
static bool send_next(struct inbox *inbox, const struct run_out *run, struct route *route)
{
    struct envelope *envelope = next_of_run(inbox, run);

    if (envelope != NULL)
        shard_publish(inbox->gate->shard, inbox->gate, route, envelope);
    return envelope != NULL;
}

/* Up to `most` straight into the mailbox of the only one who gets them, as far as there is room; returns how many. */
static uint32_t hand_over(struct inbox *inbox, const struct run_out *run, struct route *route, uint32_t most)
{
    struct actor *actor = shard_single_receiver(inbox->gate->shard, route);
    struct mailbox *mailbox = actor == NULL ? NULL : &actor->mailbox;
    uint32_t count = 0;

    while (mailbox != NULL && count < most && mailbox->depth < mailbox->limit) {
        struct envelope *envelope = next_of_run(inbox, run);

        if (envelope == NULL)
            break;
        mailbox_put(mailbox, (uintptr_t)envelope);
        count++;
    }
    if (count > 0)
        shard_count_handed_over(inbox->gate->shard, route, actor, count);
    return count;
}

static inline uint32_t at_most(uint32_t one, uint32_t other)
{
    return one < other ? one : other;
}

/* A run, from where it is, as far as the budget goes and the gate is not held.  False when the rest has to be tried again. */
static bool send_run(struct inbox *inbox, const struct inbox_record *record, struct route **last, uint32_t *budget)
{
    struct route *route = route_of(inbox->gate->shard, record, *last);
    struct run_out run;

    if (route == NULL)
        return false;
    *last = route;
    begin_run(inbox, record, &run);
    while (inbox->drain_done < record->run && *budget > 0 && !actor_is_held(inbox->gate)) {
        uint32_t count = hand_over(inbox, &run, route, at_most(record->run - inbox->drain_done, *budget));

        if (count == 0 && !send_next(inbox, &run, route))
            return false;
        inbox->memory_tries = 0;
        *budget -= count > 0 ? count : 1;
    }
    return true;
}

static uint64_t events_from(const struct inbox_buffer *buffer, size_t from)
{
    uint64_t events = 0;

    while (from < buffer->used) {
        const struct inbox_record *record = inbox_record_at(buffer, from);

        events += record->run > 0 ? record->run : record->is_finish ? 0 : 1;
        from += record->size;
    }
    return events;
}

uint64_t inbox_end(struct inbox *inbox)
{
    uint64_t events;

    if (inbox->is_over)
        return 0;
    pthread_mutex_lock(&inbox->lock);
    inbox->is_over = true;
    events = events_from(&inbox->fill, 0) + events_from(&inbox->drain, inbox->drain_at) - inbox->drain_done;
    pthread_mutex_unlock(&inbox->lock);
    return events;
}

uint64_t inbox_cut(struct inbox *inbox)
{
    uint64_t events;

    pthread_mutex_lock(&inbox->lock);
    inbox->is_cut = true;
    events = inbox->is_over ? 0 : events_from(&inbox->fill, 0);
    pthread_mutex_unlock(&inbox->lock);
    return events;
}

static inline void done_with(struct inbox *inbox, const struct inbox_record *record)
{
    inbox->memory_tries = 0;
    inbox->drain_done = 0;
    inbox->drain_at += record->size;
}

void inbox_run(struct inbox *inbox)
{
    uint32_t budget = inbox->is_over ? 0 : inbox->sup->config.outbox_limit_events;
    struct route *route = NULL;

    while (budget > 0 && !actor_is_held(inbox->gate)) {
        struct inbox_record *record;

        if (inbox->drain_at >= inbox->drain.used && !swap(inbox))
            return;
        record = inbox_record_at(&inbox->drain, inbox->drain_at);
        if (record->run > 0 ? !send_run(inbox, record, &route, &budget) : !record->is_finish && !send_on(inbox, record, &route)) {
            wait_for_memory(inbox);
            return;
        }
        if (inbox->drain_done < record->run)
            continue; /* held, or its turn is over */
        if (record->is_finish)
            actor_finish(inbox->gate);
        budget -= record->run == 0;
        done_with(inbox, record);
    }
}

/* Nobody runs any more who could try again. */
static void lose(struct inbox *inbox, struct inbox_record *record)
{
    struct shard *shard = inbox->gate->shard;
    struct route *route = shard_route(shard, record->topic);

    supervisor_memory_failed(shard, "event from outside");
    if (route != NULL)
        COUNT(route->counters, sent, 1);
    else
        counters_topic_sent_unnamed(shard->sup->counters);
    COUNT(inbox->gate->counters, received, 1); /* nobody else got it: the gate's own loss */
    shard_count_drop(shard, inbox->gate, record->topic, NULL, MAIKO_DROPPED_NO_MEMORY);
    if (record->large != NULL && envelope_unref_heap(record->large))
        envelope_destroy_heap(record->large);
}

static void settle_run(struct inbox *inbox, struct inbox_record *record, struct route **last)
{
    struct route *route = route_of(inbox->gate->shard, record, *last);
    struct run_out run;

    if (route != NULL)
        *last = route;
    begin_run(inbox, record, &run);
    while (inbox->drain_done < record->run) {
        if (route != NULL && send_next(inbox, &run, route))
            continue;
        lose(inbox, record);
        inbox->drain_done++;
    }
}

bool inbox_settle(struct inbox *inbox)
{
    struct route *route = NULL;
    bool any = false;

    while (inbox->drain_at < inbox->drain.used || swap(inbox)) {
        struct inbox_record *record = inbox_record_at(&inbox->drain, inbox->drain_at);

        if (record->run > 0)
            settle_run(inbox, record, &route);
        else if (!record->is_finish && !send_on(inbox, record, &route))
            lose(inbox, record);
        done_with(inbox, record);
        any = true;
    }
    return any;
}

bool inbox_wake_gates(struct shard *shard)
{
    struct inbox *inbox;
    bool any = false;

    for (inbox = shard->gates; inbox != NULL; inbox = inbox->next_on_shard) {
        if (inbox->gate->is_queued || !inbox_has_events(inbox))
            continue;
        shard_ready(shard, inbox->gate);
        any |= inbox->gate->is_queued;
    }
    return any;
}

bool inbox_wants_gate(const struct shard *shard)
{
    const struct inbox *inbox;

    for (inbox = shard->gates; inbox != NULL; inbox = inbox->next_on_shard) {
        if (inbox_has_events(inbox) && !actor_is_held(inbox->gate))
            return true;
    }
    return false;
}
