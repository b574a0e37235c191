/* Exchange, reading: what other shards wrote for this one, causes before effects. */
#include "runtime/shard.h"

#include "runtime/supervisor_internal.h"

static inline struct ring *ring_from(struct shard *shard, uint32_t source)
{
    if (__builtin_expect(shard->in[source] == NULL, 0))
        shard->in[source] = exchange_ring_from(shard, source);
    return shard->in[source];
}

/* What the record says, with the payload left where it is. */
static size_t read_event(const struct ring_record *record, const struct ring_event *event, struct envelope *envelope)
{
    envelope->head.type = event->type;
    envelope->hops = record->note[0];
    envelope->from_system = record->note[1];
    memcpy(&envelope->id, event->facts, sizeof event->facts);
    return ring_body_size(record) - (size_t)((const char *)(event + 1) - (const char *)(record + 1));
}

static __attribute__((noinline, cold)) void drop_event(struct shard *shard, const struct ring_record *record,
                                                       const struct ring_event *event, maiko_drop_reason reason)
{
    struct envelope envelope = {.home = HOME_POOL};

    (void)read_event(record, event, &envelope);
    exchange_count_drop(shard, &envelope, reason);
}

static void take_event(struct shard *shard, const struct ring_record *record, const struct ring_event *event)
{
    size_t len = ring_body_size(record) - (size_t)((const char *)(event + 1) - (const char *)(record + 1));
    struct envelope *envelope = pool_take(&shard->pool, pool_class(len), len);
    struct route *route;

    if (envelope != NULL)
        (void)read_event(record, event, envelope);
    route = envelope == NULL ? NULL : shard_route(shard, (struct topic *)(uintptr_t)envelope->topic);
    if (__builtin_expect(route == NULL, 0)) {
        drop_event(shard, record, event, MAIKO_DROPPED_RING_NO_MEMORY);
        supervisor_memory_failed(shard, "event from another shard");
        if (envelope != NULL)
            pool_give(&shard->pool, envelope);
        return;
    }
    shard_met_time(shard, envelope->time_ns);
    COUNT(shard->counters, dispatched, 1);
    memcpy(envelope_payload(envelope), event + 1, len);
    shard_dispatch(shard, route, envelope);
}

static void take_shared(struct shard *shard, struct envelope *envelope)
{
    /* an envelope on the heap has a topic of its own: the registry's is found by id */
    struct route *route = shard_route(shard, registry_topic_by_id(&shard->sup->registry, envelope->topic->id));

    shard->heap_live++;
    if (route == NULL) {
        exchange_count_drop(shard, envelope, MAIKO_DROPPED_RING_NO_MEMORY);
        supervisor_memory_failed(shard, "event from another shard");
        shard_release(shard, envelope);
        return;
    }
    shard_met_time(shard, envelope->time_ns);
    COUNT(shard->counters, dispatched, 1);
    shard_dispatch(shard, route, envelope);
}

/* It was held back at its sender, and something that came after it is here already: too late. */
static void drop_overtaken(struct shard *shard, const struct ring_record *record, uint32_t kind, const void *body)
{
    struct envelope *shared;

    if (kind == RING_EVENT) {
        drop_event(shard, record, body, MAIKO_DROPPED_RING);
        return;
    }
    shared = *(struct envelope *const *)body;
    shard->heap_live++;
    exchange_count_drop(shard, shared, MAIKO_DROPPED_RING);
    shard_release(shard, shared);
}

static void take_held_back(struct shard *shard, uint32_t source, const struct ring_record *record)
{
    const struct held_since *since = (const struct held_since *)(const void *)(record + 1);
    uint32_t kind = record->kind & ~(uint32_t)RING_HELD_BACK;
    const void *body = since + 1;
    struct moment batch = shard->taking;

    if (shard->depended[source] >= since->flush) {
        drop_overtaken(shard, record, kind, body);
        return;
    }
    shard->taking.sum = since->sum;
    if (kind == RING_EVENT)
        take_event(shard, record, body);
    else
        take_shared(shard, *(struct envelope *const *)body);
    shard->taking = batch;
}

static void take_record(struct shard *shard, uint32_t source, struct ring_record *record)
{
    void *body = record + 1;

    switch (record->kind) {
    case RING_EVENT:
        take_event(shard, record, body);
        break;
    case RING_EVENT_SHARED:
        take_shared(shard, *(struct envelope **)body);
        break;
    case RING_COMMAND: {
        struct command *command = *(struct command **)body;

        command->run(shard, command);
        break;
    }
    default:
        take_held_back(shard, source, record);
        break;
    }
}

static void take_in(struct shard *shard, uint32_t source, uint64_t upto);

/* Batches say how far their writer had read every shard it knew when they were opened: what is open is closed first. */
static void meet_new_shards(struct shard *shard)
{
    uint32_t count = atomic_load_explicit(&shard->sup->shard_count, memory_order_acquire);

    if (__builtin_expect(count == shard->known_shards, 1))
        return;
    exchange_flush(shard);
    shard->known_shards = count;
}

/* Everything the batch depends on is published already: its writer saw it before it published the batch.  The depth of
 * the recursion is bounded by the number of shards: a chain of causes never comes back to a source it passed. */
static void take_causes(struct shard *shard, uint32_t source, const struct ring_batch *batch)
{
    uint64_t sum = ring_flush_of(batch);
    uint32_t k;

    for (k = 0; k < batch->dep_count; k++) {
        sum += batch->deps[k];
        if (k == source || k == shard->index)
            continue;
        if (k >= shard->known_shards)
            meet_new_shards(shard);
        if (shard->consumed[k] < batch->deps[k])
            take_in(shard, k, batch->deps[k]);
        if (shard->depended[k] < batch->deps[k])
            shard->depended[k] = batch->deps[k];
    }
    shard->taking = (struct moment){.sum = sum, .shard = source};
}

/* Dispatches everything of one source up to the flush `upto`.  Does not look behind it: the writer is about to write there. */
static void take_in(struct shard *shard, uint32_t source, uint64_t upto)
{
    struct ring *ring = ring_from(shard, source);
    struct ring_batch *batch;

    while (ring != NULL && shard->consumed[source] < upto && (batch = ring_open_batch(ring, upto)) != NULL) {
        uint64_t flush = ring_flush_of(batch);
        uint32_t records = batch->records;

        take_causes(shard, source, batch);
        while (records-- > 0)
            take_record(shard, source, ring_next(ring));
        shard->consumed[source] = flush;
        shard->to_confirm |= UINT64_C(1) << source;
    }
    if (shard->consumed[source] < upto)
        shard->consumed[source] = upto;
}

/* Tells the writers how far we are, and wakes those that sleep until then. */
static void confirm(struct shard *shard)
{
    uint64_t told = shard->to_confirm;

    if (told == 0)
        return;
    for (; shard->to_confirm != 0; shard->to_confirm &= shard->to_confirm - 1) {
        uint32_t source = (uint32_t)__builtin_ctzll(shard->to_confirm);

        ring_confirm(shard->in[source], shard->consumed[source]);
    }
    /* Dekker with sleep_until_work(): all positions are ordered before our look at the first writer's words */
    atomic_thread_fence(memory_order_seq_cst); /* step: fence_tell */
    for (; told != 0; told &= told - 1) {
        struct shard *writer = shard->sup->shards[__builtin_ctzll(told)];

        if (atomic_load_explicit(&writer->wants_confirm, memory_order_relaxed)) /* step: load_wants_confirm */
            wakeup_if_asleep(&writer->wakeup);
    }
}

static uint64_t published_by(const struct shard *shard, uint32_t source)
{
    return atomic_load_explicit(&shard->sup->shards[source]->published, memory_order_acquire); /* step: load_published */
}

/* The next flush of that shard with something for this one, RING_ALONE and all; 0: none yet. */
static inline uint64_t next_flush(const struct shard *shard, uint32_t source, const struct ring *ring)
{
    uint64_t flush = ring == NULL ? 0 : ring_peek(ring);

    return flush == 0 || (flush & RING_ALONE) || flush <= published_by(shard, source) ? flush : 0;
}

static bool take_all(struct shard *shard)
{
    bool any = false;
    uint32_t source;

    for (source = 0; source < shard->known_shards; source++) {
        uint64_t published = source == shard->index ? 0 : published_by(shard, source);

        if (published <= shard->consumed[source])
            continue;
        any = true;
        take_in(shard, source, published);
    }
    return any;
}

bool exchange_drain(struct shard *shard)
{
    bool any = true;

    if (shard->is_draining) /* a send from within: what is left is read behind it */
        return false;
    shard->is_draining = true;
    if (shard->fresh_values != NULL) /* within a hook: they go before we hear who subscribed since */
        exchange_flush(shard);
    meet_new_shards(shard);
    if (shard->noticed != 0)
        take_in(shard, shard->noticed - 1, shard->noticed_flush);
    else
        any = take_all(shard);
    shard->noticed = 0;
    shard->is_draining = false;
    confirm(shard);
    return any;
}

bool exchange_has_input(const struct shard *shard)
{
    uint32_t count = atomic_load_explicit(&shard->sup->shard_count, memory_order_acquire); /* those counted are made */
    uint32_t source;

    for (source = 0; source < count; source++) {
        if (source != shard->index && next_flush(shard, source, exchange_ring_from(shard, source)) != 0)
            return true;
    }
    return false;
}

/* A shard that has nothing else takes in what is there and looks no further, where the writer is about to write; but for that
 * all the others have nothing for it.  Who looks has all lines of a small batch before it is there: its writer takes them away
 * together, and they are asked for again together with the first, not behind it. */
bool exchange_look(struct shard *shard)
{
    uint32_t count = atomic_load_explicit(&shard->sup->shard_count, memory_order_acquire);
    uint32_t found = 0;
    uint32_t source;

    for (source = 0; source < count; source++) {
        struct ring *ring = source == shard->index ? NULL : ring_from(shard, source);
        uint64_t flush = next_flush(shard, source, ring);

        if (ring != NULL)
            ring_fetch_batch(ring);
        if (flush == 0)
            continue;
        found++;
        shard->noticed = (flush & RING_ALONE) ? source + 1 : 0;
        shard->noticed_flush = flush & ~RING_ALONE;
    }
    if (found > 1)
        shard->noticed = 0;
    return found > 0;
}

bool exchange_has_unread(const struct shard *shard)
{
    uint32_t count = atomic_load_explicit(&shard->sup->shard_count, memory_order_acquire); /* those counted are made */
    uint32_t source;

    for (source = 0; source < count; source++) {
        const struct ring *ring = source == shard->index ? NULL : exchange_ring_from(shard, source);

        if (ring != NULL && ring->written_flush > shard->consumed[source])
            return true;
    }
    return false;
}
