/* Exchange: events and commands to other shards.  The writing side decides by the ring's mark and the sender's outbox limit. */
#include "runtime/shard.h"

#include "runtime/dead_letters.h"
#include "runtime/last_values.h"
#include "runtime/supervisor_internal.h"
#include <string.h>

#define SERVE_AFTER 64u /* commands to dedicated shards */

/* A ring to `target`, made on first use.  The pointer is stored with release and loaded with acquire, although the
 * reader only looks after it saw a publication: a reader may look for a ring that is being made for the next one. */
static struct ring *ring_to(struct shard *shard, uint32_t target)
{
    struct ring *ring = atomic_load_explicit(&shard->out[target], memory_order_relaxed);

    if (ring == NULL) {
        ring = ring_new(shard->heap, shard->sup->ring_segment_bytes);
        atomic_store_explicit(&shard->out[target], ring, memory_order_release);
    }
    return ring;
}

/* Acquire: of a ring that is there all is there; see ring_to(). */
struct ring *exchange_ring_from(const struct shard *shard, uint32_t source)
{
    return atomic_load_explicit(&shard->sup->shards[source]->out[shard->index], memory_order_acquire);
}

static bool ring_is_above_mark(const struct shard *shard, struct ring *ring)
{
    return ring_is_above(ring, shard->sup->ring_mark_events, RING_MARK_BYTES);
}

static bool ring_is_above_half(const struct shard *shard, struct ring *ring)
{
    return ring_is_above(ring, (shard->sup->ring_mark_events + 1) / 2, RING_MARK_BYTES / 2);
}

/* --- writing --- */

/* The copy is written as late as the flush, all at once: the reader may be watching the batch's first line. */
static void put_off(struct shard *shard, struct ring_record *record, struct envelope *envelope)
{
    shard->put_off_room = record;
    shard->put_off = envelope;
    envelope->refs++;
}

static void copy_event(struct ring_record *record, const struct envelope *envelope, const struct held_since *held_since)
{
    size_t prefix = held_since == NULL ? 0 : sizeof *held_since;
    unsigned kind = (unsigned)RING_EVENT | (held_since == NULL ? 0u : (unsigned)RING_HELD_BACK);
    char *room = ring_begin_record(record, (enum ring_kind)kind, prefix + sizeof(struct ring_event) + envelope->head.payload_len);
    struct ring_event *event = (struct ring_event *)(void *)(room + prefix);

    record->note[0] = envelope->hops;
    record->note[1] = envelope->from_system;
    if (held_since != NULL)
        memcpy(room, held_since, prefix);
    event->type = envelope->head.type;
    memcpy(event->facts, &envelope->id, sizeof event->facts);
    memcpy(event + 1, envelope->head.payload, envelope->head.payload_len);
}

static void write_put_off(struct shard *shard)
{
    struct envelope *envelope = shard->put_off;

    shard->put_off = NULL;
    copy_event(shard->put_off_room, envelope, NULL);
    shard_release(shard, envelope);
}

static inline struct ring_record *reserve(struct shard *shard, struct ring *ring, uint32_t target, enum ring_kind kind,
                                          size_t body)
{
    struct ring_record *record;

    if (__builtin_expect(shard->put_off != NULL, 0))
        write_put_off(shard);
    record = ring_reserve(ring, kind, body, shard->known_shards);
    if (record != NULL)
        shard->dirty_rings |= UINT64_C(1) << target;
    return record;
}

static __attribute__((noinline)) bool write_shared(struct shard *shard, struct ring *ring, uint32_t target,
                                                   struct envelope *envelope, const struct held_since *held_since)
{
    size_t prefix = held_since == NULL ? 0 : sizeof *held_since;
    unsigned kind = (unsigned)RING_EVENT_SHARED | (held_since == NULL ? 0u : (unsigned)RING_HELD_BACK);
    struct ring_record *record = reserve(shard, ring, target, (enum ring_kind)kind, prefix + sizeof envelope);
    char *room;

    if (record == NULL)
        return false;
    room = ring_begin_record(record, (enum ring_kind)kind, prefix + sizeof envelope);
    if (held_since != NULL)
        memcpy(room, held_since, prefix);
    envelope_ref_heap(envelope);
    memcpy(room + prefix, &envelope, sizeof envelope);
    return true;
}

/* `held_since`: when it would have gone if it had not been held back; NULL: now. */
static inline bool write_event(struct shard *shard, struct ring *ring, uint32_t target, struct envelope *envelope,
                        const struct held_since *held_since)
{
    size_t size = (held_since == NULL ? 0 : sizeof *held_since) + sizeof(struct ring_event) + envelope->head.payload_len;
    bool is_first = shard->dirty_rings == 0;
    struct ring_record *record;

    if (envelope->home != HOME_POOL)
        return write_shared(shard, ring, target, envelope, held_since);
    record = reserve(shard, ring, target, RING_EVENT, size);
    if (record == NULL)
        return false;
    if (is_first && held_since == NULL)
        put_off(shard, record, envelope);
    else
        copy_event(record, envelope, held_since);
    return true;
}

void exchange_count_drop(struct shard *shard, const struct envelope *envelope, maiko_drop_reason reason)
{
    struct counters_drop *line =
        drop_cache_line(&shard->drops, shard->sup->counters, NULL, (uint16_t)shard->index, envelope->topic, reason);

    COUNT(shard->counters, ring_dropped, 1);
    COUNT_SHARED(line, events, 1);
    dead_letter(shard, NULL, envelope, reason);
}

struct actor_outbox *actor_outbox(struct actor *actor)
{
    if (actor->outbox == NULL) {
        actor->outbox = heap_alloc_zeroed(actor->shard->heap, 1, sizeof *actor->outbox);
        if (actor->outbox != NULL) {
            actor->outbox->actor = actor;
            list_init(&actor->outbox->held_link);
        }
    }
    return actor->outbox;
}

/* Notes that the sender has this much more under way, and holds it when that is too much. */
static void charge_sender(struct shard *shard, struct actor *sender, struct ring *ring, uint32_t target, size_t bytes)
{
    struct actor_outbox *outbox = sender->outbox;
    bool is_above = ring_is_above_mark(shard, ring);

    if (__builtin_expect(is_above, 0) && sender == shard->current)
        shard->over_mark++;
    sender->ring_events++;
    outbox->bytes += bytes;
    outbox->flush = shard->flush + 1;
    outbox->targets |= UINT64_C(1) << target;
    if (sender->hold & ACTOR_HELD_BY_RING)
        return;
    if (__builtin_expect(is_above || exchange_is_over_limit(shard, sender), 0)) {
        sender->hold |= ACTOR_HELD_BY_RING;
        list_push_back(&shard->held_by_ring, &outbox->held_link);
    }
}

bool exchange_is_over_limit(const struct shard *shard, const struct actor *actor)
{
    return actor->ring_events >= shard->sup->config.outbox_limit_events ||
           (actor->outbox != NULL && actor->outbox->bytes >= shard->sup->config.outbox_limit_bytes);
}

/* What was held back for one ring, and since when. */
struct exchange_tail {
    struct mailbox events;
    uint64_t first; /* number of the oldest; counts on */
    struct held_since since[];
};

static struct envelope *tail_pop(struct exchange_tail *tail, struct held_since *ret_since)
{
    *ret_since = tail->since[tail->first++ % tail->events.capacity];
    return mailbox_envelope(mailbox_pop(&tail->events));
}

/* Writes out what was held back for this ring: nothing may pass it. */
static void flush_tail(struct shard *shard, struct ring *ring, uint32_t target)
{
    struct exchange_tail *tail = shard->tails[target];

    while (tail != NULL && tail->events.depth > 0) {
        struct held_since since;
        struct envelope *envelope = tail_pop(tail, &since);

        if (!write_event(shard, ring, target, envelope, &since)) {
            exchange_count_drop(shard, envelope, MAIKO_DROPPED_RING_NO_MEMORY);
            supervisor_memory_failed(shard, "ring to another shard");
        }
        shard_release(shard, envelope);
    }
    shard->tail_rings &= ~(UINT64_C(1) << target);
}

struct moment exchange_now(const struct shard *shard)
{
    uint64_t sum = shard->flush + 1;
    uint32_t i;

    for (i = 0; i < shard->known_shards; i++)
        sum += shard->consumed[i];
    return (struct moment){.sum = sum, .shard = shard->index};
}

static size_t tail_size(const struct shard *shard)
{
    return sizeof(struct exchange_tail) + shard->sup->config.mailbox_capacity * sizeof(struct held_since);
}

static struct exchange_tail *tail_of(struct shard *shard, uint32_t target)
{
    if (shard->tails[target] == NULL) {
        shard->tails[target] = heap_alloc(shard->heap, tail_size(shard));
        if (shard->tails[target] != NULL) {
            mailbox_init(&shard->tails[target]->events, shard->sup->config.mailbox_capacity);
            shard->tails[target]->first = 0;
        }
    }
    return shard->tails[target];
}

/* DROP_OLDEST above the mark: the newest wait here, bounded like a mailbox. */
static void hold_back(struct shard *shard, uint32_t target, struct envelope *envelope)
{
    struct exchange_tail *tail = tail_of(shard, target);

    if (tail != NULL && tail->events.depth == tail->events.capacity) {
        struct held_since since;
        struct envelope *oldest = tail_pop(tail, &since);

        exchange_count_drop(shard, oldest, MAIKO_DROPPED_RING);
        shard_release(shard, oldest);
    }
    if (tail == NULL || mailbox_push(&tail->events, shard->heap, (uintptr_t)envelope) != MAIKO_OK) {
        exchange_count_drop(shard, envelope, MAIKO_DROPPED_RING_NO_MEMORY);
        return;
    }
    tail->since[(tail->first + tail->events.depth - 1) % tail->events.capacity] =
        (struct held_since){.flush = shard->flush + 1, .sum = exchange_now(shard).sum};
    envelope_hold(shard, envelope);
    shard->tail_rings |= UINT64_C(1) << target;
}

static void publish_to(struct shard *shard, struct actor *sender, struct route *route, struct envelope *envelope, uint32_t target)
{
    uint64_t bit = UINT64_C(1) << target;
    struct ring *ring = ring_to(shard, target);
    bool above = ring != NULL && ring_is_above_mark(shard, ring);
    bool is_charged = (route->remote_holding & bit) && sender != NULL && sender->shard == shard;

    COUNT(shard->counters, routed, 1);
    COUNT(route->counters, routed, 1);
    if (above && !(route->remote_holding & bit)) {
        if (route->remote_newest & bit)
            exchange_count_drop(shard, envelope, MAIKO_DROPPED_RING);
        else
            hold_back(shard, target, envelope);
        if (atomic_load_explicit(&route->topic->is_sticky, memory_order_relaxed)) /* said when the topic's type was, before */
            last_values_note_untold(shard, route, envelope, target);
        return;
    }
    if (ring != NULL && (shard->tail_rings & bit))
        flush_tail(shard, ring, target);
    if (ring == NULL || (is_charged && actor_outbox(sender) == NULL) || !write_event(shard, ring, target, envelope, NULL)) {
        exchange_count_drop(shard, envelope, MAIKO_DROPPED_RING_NO_MEMORY);
        supervisor_memory_failed(shard, "ring to another shard");
        return;
    }
    if (is_charged)
        charge_sender(shard, sender, ring, target, sizeof *envelope + envelope->head.payload_len);
}

void exchange_publish(struct shard *shard, struct actor *sender, struct route *route, struct envelope *envelope)
{
    uint64_t targets = route->remote_shards;

    while (targets != 0) {
        uint32_t target = (uint32_t)__builtin_ctzll(targets);

        targets &= targets - 1;
        publish_to(shard, sender, route, envelope, target);
    }
}

/* A dedicated shard may be in a hook for ever, and nothing else bounds what it is told. */
static void note_told(struct shard *shard, uint32_t target)
{
    shard->told_dedicated |= UINT64_C(1) << target;
    if (++shard->told_count >= SERVE_AFTER)
        shard->is_to_serve = true;
}

maiko_status exchange_command(struct shard *shard, uint32_t target, struct command *command)
{
    struct ring *ring = ring_to(shard, target);
    struct ring_record *record;

    if (ring != NULL && (shard->tail_rings & (UINT64_C(1) << target)))
        flush_tail(shard, ring, target);
    record = ring == NULL ? NULL : reserve(shard, ring, target, RING_COMMAND, sizeof command);

    if (record == NULL)
        return MAIKO_ENOMEM;
    command->from = shard->index;
    *(struct command **)ring_begin_record(record, RING_COMMAND, sizeof command) = command;
    if (shard->sup->shards[target]->is_dedicated)
        note_told(shard, target);
    return MAIKO_OK;
}

static uint64_t publish(struct shard *shard)
{
    uint64_t dirty = shard->dirty_rings;
    uint64_t number;
    uint64_t rest;

    if (dirty == 0)
        return 0;
    if (shard->put_off != NULL)
        write_put_off(shard);
    shard->flush++;
    number = shard->flush | ((dirty & (dirty - 1)) == 0 ? RING_ALONE : 0);
    for (rest = dirty; rest != 0; rest &= rest - 1)
        ring_close_batch(ring_to(shard, (uint32_t)__builtin_ctzll(rest)), number, shard->consumed);
    shard->dirty_rings = 0;
    /* release pairs with the acquire in published_by(): the batches, and all that we had consumed, are visible with it */
    atomic_store_explicit(&shard->published, shard->flush, memory_order_release); /* step: publish_flush */
    return dirty;
}

/* What is held back for shards that are about to be greeted goes first, while nothing is locked: it may fail, and say so. */
static void flush_tails_of_newcomers(struct shard *shard)
{
    uint64_t rings = shard->tail_rings;

    for (; rings != 0; rings &= rings - 1) {
        uint32_t target = (uint32_t)__builtin_ctzll(rings);

        if (target >= shard->greeted)
            flush_tail(shard, ring_to(shard, target), target);
    }
}

void exchange_flush(struct shard *shard)
{
    bool has_fresh_values = __builtin_expect(shard->fresh_values != NULL, 0);
    bool told_all = true;
    uint64_t dirty;

    if (shard->dirty_rings == 0 && !has_fresh_values)
        return;
    if (has_fresh_values) {
        flush_tails_of_newcomers(shard);
        told_all = last_values_begin_flush(shard);
    }
    dirty = publish(shard);
    if (has_fresh_values) {
        last_values_end_flush(shard, told_all);
        dirty |= publish(shard); /* what was replaced may have to go home */
    }
    /* Dekker with wakeup_sleep(): our publication is ordered before our look at the sleepers' words */
    atomic_thread_fence(memory_order_seq_cst); /* step: fence_flush */
    for (; dirty != 0; dirty &= dirty - 1) {
        uint32_t target = (uint32_t)__builtin_ctzll(dirty);

        wakeup_if_asleep(&shard->sup->shards[target]->wakeup);
        ring_fetch_room(ring_to(shard, target));
    }
}

/* A number that no batch has is skipped: for readers of the next one it is a flush without anything for them. */
void exchange_end_flush(struct shard *shard)
{
    uint64_t before = shard->flush;

    exchange_flush(shard);
    if (shard->flush == before)
        shard->flush++;
}

/* --- held senders --- */

/* Everything an actor had under way is dispatched, with its debts posted: acquire pairs with ring_confirm(). */
static bool is_confirmed(const struct shard *shard, const struct actor_outbox *outbox)
{
    uint64_t targets = outbox->targets;

    for (; targets != 0; targets &= targets - 1) {
        struct ring *ring = atomic_load_explicit(&shard->out[__builtin_ctzll(targets)], memory_order_relaxed);

        if (atomic_load_explicit(&ring->confirmed_flush, memory_order_acquire) < outbox->flush && /* step: load_confirmed */
            ring->written_flush > atomic_load_explicit(&ring->confirmed_flush, memory_order_acquire))
            return false;
        if (ring_is_above_half(shard, ring))
            return false;
    }
    return true;
}

bool exchange_release_held(struct shard *shard)
{
    bool any = false;
    struct list *link;
    struct list *after;
    uint64_t rings;

    LIST_FOR_EACH_SAFE (link, after, &shard->held_by_ring) {
        struct actor_outbox *outbox = CONTAINER_OF(link, struct actor_outbox, held_link);
        struct actor *actor = outbox->actor;

        if (!is_confirmed(shard, outbox))
            continue;
        list_remove(link);
        actor->hold &= (uint8_t)~ACTOR_HELD_BY_RING;
        actor->ring_events = 0;
        outbox->bytes = 0;
        outbox->targets = 0;
        shard_ready(shard, actor);
    }
    for (rings = shard_rings_held_back(shard); rings != 0; rings &= rings - 1) {
        uint32_t target = (uint32_t)__builtin_ctzll(rings);
        struct ring *ring = ring_to(shard, target);

        if (ring_is_above_half(shard, ring))
            continue;
        flush_tail(shard, ring, target);
        if (shard->untold_shards & UINT64_C(1) << target)
            last_values_tell_untold(shard, target);
        any = true;
    }
    return any;
}

bool exchange_has_news(const struct shard *shard)
{
    const struct list *link;
    uint64_t rings;

    for (link = shard->held_by_ring.next; link != &shard->held_by_ring; link = link->next) {
        if (is_confirmed(shard, CONTAINER_OF(link, struct actor_outbox, held_link)))
            return true;
    }
    for (rings = shard_rings_held_back(shard); rings != 0; rings &= rings - 1) { /* ours: we are their only writer */
        if (!ring_is_above_half(shard, atomic_load_explicit(&shard->out[__builtin_ctzll(rings)], memory_order_relaxed)))
            return true;
    }
    return false;
}

void exchange_deinit(struct shard *shard)
{
    uint32_t target;

    for (target = 0; target < SHARD_MAX; target++) {
        struct exchange_tail *tail = shard->tails[target];

        while (tail != NULL && tail->events.depth > 0)
            shard_release(shard, mailbox_envelope(mailbox_pop(&tail->events)));
        if (tail != NULL) {
            mailbox_deinit(&tail->events, shard->heap);
            heap_free(shard->heap, tail, tail_size(shard));
        }
        ring_free(atomic_load_explicit(&shard->out[target], memory_order_relaxed)); /* ours, and no reader runs any more */
    }
}
