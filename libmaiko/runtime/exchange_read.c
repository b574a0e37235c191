/* Exchange, reading: what other shards wrote for this one, causes before effects. */
#include "runtime/shard.h"

#include "runtime/supervisor_internal.h"

static void take_event(struct shard *shard, const struct envelope *copy)
{
    unsigned size_class = pool_class(copy->head.payload_len);
    struct envelope *envelope = pool_take(&shard->pool, size_class, copy->head.payload_len);
    struct route *route = shard_route(shard, (struct topic *)(uintptr_t)copy->topic);

    if (envelope == NULL || route == NULL) {
        exchange_count_drop(shard, copy, MAIKO_DROPPED_RING_NO_MEMORY);
        supervisor_memory_failed(shard, "event from another shard");
        if (envelope != NULL)
            pool_give(&shard->pool, envelope);
        return;
    }
    shard_met_time(shard, copy->time_ns);
    COUNT(shard->counters, dispatched, 1);
    envelope->head.type = copy->head.type;
    envelope->hops = copy->hops;
    memcpy(&envelope->id, &copy->id, sizeof *copy - offsetof(struct envelope, id) + copy->head.payload_len);
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
static void drop_overtaken(struct shard *shard, uint32_t kind, const void *body)
{
    struct envelope *shared;

    if (kind == RING_EVENT) {
        exchange_count_drop(shard, body, MAIKO_DROPPED_RING);
        return;
    }
    shared = *(struct envelope *const *)body;
    shard->heap_live++;
    exchange_count_drop(shard, shared, MAIKO_DROPPED_RING);
    shard_release(shard, shared);
}

static void take_held_back(struct shard *shard, uint32_t source, uint32_t kind, const struct held_since *since)
{
    const void *body = since + 1;
    struct moment batch = shard->taking;

    if (shard->depended[source] >= since->flush) {
        drop_overtaken(shard, kind, body);
        return;
    }
    shard->taking.sum = since->sum;
    if (kind == RING_EVENT)
        take_event(shard, body);
    else
        take_shared(shard, *(struct envelope *const *)body);
    shard->taking = batch;
}

static void take_record(struct shard *shard, uint32_t source, struct ring_record *record)
{
    void *body = record + 1;

    switch (record->kind) {
    case RING_EVENT:
        take_event(shard, body);
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
        take_held_back(shard, source, record->kind & ~(uint32_t)RING_HELD_BACK, body);
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
    uint64_t sum = atomic_load_explicit(&batch->flush, memory_order_relaxed);
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
    struct ring *ring = exchange_ring_from(shard, source);
    struct ring_batch *batch;

    while (ring != NULL && shard->consumed[source] < upto && (batch = ring_open_batch(ring, upto)) != NULL) {
        uint64_t flush = atomic_load_explicit(&batch->flush, memory_order_relaxed);
        uint32_t records = batch->records;

        take_causes(shard, source, batch);
        while (records-- > 0)
            take_record(shard, source, ring_next(ring));
        shard->consumed[source] = flush;
    }
    if (shard->consumed[source] < upto)
        shard->consumed[source] = upto;
}

/* Tells the writers how far we are, and wakes those that sleep until then. */
static void confirm(struct shard *shard)
{
    uint64_t told = 0;
    uint32_t source;

    for (source = 0; source < shard->known_shards; source++) {
        struct ring *ring = exchange_ring_from(shard, source);

        if (ring == NULL || shard->confirmed[source] == shard->consumed[source])
            continue;
        shard->confirmed[source] = shard->consumed[source];
        ring_confirm(ring, shard->consumed[source]);
        told |= UINT64_C(1) << source;
    }
    if (told == 0)
        return;
    /* Dekker with sleep_until_work(): all positions are ordered before our look at the first writer's words */
    atomic_thread_fence(memory_order_seq_cst); /* step: fence_tell */
    for (; told != 0; told &= told - 1) {
        source = (uint32_t)__builtin_ctzll(told);
        if (atomic_load_explicit(&shard->sup->shards[source]->wants_confirm, memory_order_relaxed)) /* step: load_wants_confirm */
            wakeup_if_asleep(&shard->sup->shards[source]->wakeup);
    }
}

/* What it published, as soon as that is known, and meanwhile the lines that an answer is written to. */
static void fetch_from(const struct shard *shard, uint32_t source)
{
    const struct ring *in = exchange_ring_from(shard, source);
    const struct ring *out = atomic_load_explicit(&shard->out[source], memory_order_relaxed);

    if (in != NULL)
        ring_fetch_batch(in);
    if (out != NULL)
        ring_fetch_room(out);
}

bool exchange_drain(struct shard *shard)
{
    bool any = false;
    uint32_t source;

    if (shard->is_draining) /* a send from within: what is left is read behind it */
        return false;
    shard->is_draining = true;
    if (shard->fresh_values != NULL) /* within a hook: they go before we hear who subscribed since */
        exchange_flush(shard);
    meet_new_shards(shard);
    for (source = 0; source < shard->known_shards; source++) {
        uint64_t published;

        if (source == shard->index)
            continue;
        published = atomic_load_explicit(&shard->sup->shards[source]->published, memory_order_acquire); /* step: load_published */
        if (published <= shard->consumed[source])
            continue;
        any = true;
        fetch_from(shard, source);
        take_in(shard, source, published);
    }
    shard->is_draining = false;
    if (any)
        confirm(shard);
    return any;
}

bool exchange_has_input(const struct shard *shard)
{
    uint32_t count = atomic_load_explicit(&shard->sup->shard_count, memory_order_acquire);
    uint32_t source;

    for (source = 0; source < count; source++) {
        if (source == shard->index ||
            atomic_load_explicit(&shard->sup->shards[source]->published, memory_order_acquire) <= shard->consumed[source])
            continue;
        fetch_from(shard, source);
        return true;
    }
    return false;
}

bool exchange_has_unread(const struct shard *shard)
{
    uint32_t count = atomic_load_explicit(&shard->sup->shard_count, memory_order_acquire);
    uint32_t source;

    for (source = 0; source < count; source++) {
        const struct ring *ring = source == shard->index ? NULL : exchange_ring_from(shard, source);

        if (ring != NULL && ring->written_flush > shard->consumed[source])
            return true;
    }
    return false;
}
