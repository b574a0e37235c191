/* Minimal runtime: what any complete runtime is measured against.  Bounded mailboxes, topics, run to completion in
 * batches, per-shard pools and plain counts; no ids, times, tracing, supervision, failure handling or shutdown. */
#ifndef BENCH_MINIMAL_H
#define BENCH_MINIMAL_H

#include "bench/lib/payload.h"
#include "bench/lib/spsc.h"

#include <stdbool.h>
#include <stddef.h>

#define MINIMAL_MOST_SHARDS 2u
#define MINIMAL_INLINE_SLOTS 2u
#define MINIMAL_CAPACITY 128u /* events a mailbox may hold */
#define MINIMAL_BATCH 128u    /* events an activation may handle or make */
#define MINIMAL_NO_TOPIC UINT32_MAX

struct minimal_event {
    struct minimal_event *next_free;
    uint32_t refs;
    alignas(16) struct payload payload;
};

struct minimal_actor;
struct minimal_shard;

typedef void (*minimal_handle)(struct minimal_actor *self, const struct payload *payload);
/* Makes up to `budget` events, returns false when it has no more to make. */
typedef bool (*minimal_step)(struct minimal_actor *self, unsigned budget);

struct minimal_actor {
    minimal_handle handle;
    minimal_step step; /* NULL: only handles */
    void *userdata;
    char *name;
    struct minimal_shard *shard;
    struct minimal_event **slots; /* a power of two of them, doubled up to MINIMAL_CAPACITY */
    struct minimal_event *first_slots[MINIMAL_INLINE_SLOTS];
    uint32_t slot_count, head, tail; /* counts of events taken out and put in */
    uint32_t sends_on;               /* the topic whose room bounds an activation, or MINIMAL_NO_TOPIC */
    bool queued;
    uint64_t count, sum;
};

struct minimal_topic {
    struct minimal_actor **subscribers;
    uint32_t subscriber_count;
    bool remote; /* the other shard has subscribers of it */
};

struct minimal_shard {
    unsigned index;
    struct minimal_event *free_events;
    struct minimal_actor **run_queue; /* as many slots as actors, a power of two */
    uint32_t run_mask, run_head, run_tail;
    struct minimal_topic *topics;
    uint32_t topic_count;
    struct minimal_shard *other;
    struct spsc *inbound, *outbound; /* NULL with one shard; the payload's topic is ring_topic */
    uint32_t ring_topic;
};

void minimal_shard_init(struct minimal_shard *shard, unsigned index, uint32_t actors, uint32_t topics);
struct minimal_actor *minimal_actor_add(struct minimal_shard *shard, const char *name, minimal_handle handle, minimal_step step,
                                        void *userdata);
void minimal_subscribe(struct minimal_actor *actor, uint32_t topic);
void minimal_connect(struct minimal_shard *shard, struct minimal_shard *other, struct spsc *to, struct spsc *from,
                     uint32_t topic);

/* Events `topic` can take before one of its subscribers is full. */
uint32_t minimal_room(struct minimal_shard *shard, uint32_t topic);
/* Runs until *stop, or until nothing is left to do when stop is NULL. */
void minimal_run(struct minimal_shard *shard, _Atomic bool *stop);

/* What grows on demand, off the hot path. */
void minimal_pool_grow(struct minimal_shard *shard);
void minimal_mailbox_grow(struct minimal_actor *actor);

/* The hot path is inline, as in a runtime of one file. */
static inline uint32_t minimal_depth(const struct minimal_actor *actor)
{
    return actor->tail - actor->head;
}

static inline struct minimal_event *minimal_event_new(struct minimal_shard *shard)
{
    struct minimal_event *event;

    if (shard->free_events == NULL)
        minimal_pool_grow(shard);
    event = shard->free_events;
    shard->free_events = event->next_free;
    event->refs = 0;
    return event;
}

static inline void minimal_event_free(struct minimal_shard *shard, struct minimal_event *event)
{
    event->next_free = shard->free_events;
    shard->free_events = event;
}

static inline void minimal_wake(struct minimal_actor *actor)
{
    struct minimal_shard *shard = actor->shard;

    if (actor->queued)
        return;
    actor->queued = true;
    shard->run_queue[shard->run_tail++ & shard->run_mask] = actor;
}

static inline void minimal_deliver(struct minimal_topic *topic, struct minimal_event *event)
{
    const uint32_t count = topic->subscriber_count;

    event->refs += count;
    for (uint32_t i = 0; i < count; i++) {
        struct minimal_actor *actor = topic->subscribers[i];

        if (actor->tail - actor->head == actor->slot_count)
            minimal_mailbox_grow(actor);
        actor->slots[actor->tail++ & (actor->slot_count - 1)] = event;
        minimal_wake(actor);
    }
}

static inline void minimal_send(struct minimal_shard *shard, uint32_t topic, struct minimal_event *event)
{
    struct minimal_topic *entry = &shard->topics[topic];

    if (entry->remote) {
        *spsc_slot(shard->outbound) = event->payload;
        spsc_push(shard->outbound);
    }
    minimal_deliver(entry, event);
    if (event->refs == 0)
        minimal_event_free(shard, event);
}

#endif
