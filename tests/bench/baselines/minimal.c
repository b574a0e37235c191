/* Minimal runtime: shards, mailboxes, topics. */
#include "bench/baselines/minimal.h"

#include "bench/lib/subject.h"

#include <stdlib.h>
#include <string.h>

#define POOL_EVENTS 256u

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL)
        subject_die("no memory");
    return memory;
}

void minimal_shard_init(struct minimal_shard *shard, unsigned index, uint32_t actors, uint32_t topics)
{
    uint32_t slots = 2;

    while (slots < actors)
        slots *= 2;
    *shard = (struct minimal_shard){.index = index, .run_mask = slots - 1, .topic_count = topics};
    shard->run_queue = allocate(slots, sizeof(struct minimal_actor *));
    shard->topics = allocate(topics, sizeof *shard->topics);
}

struct minimal_actor *minimal_actor_add(struct minimal_shard *shard, const char *name, minimal_handle handle, minimal_step step,
                                        void *userdata)
{
    struct minimal_actor *actor = allocate(1, sizeof *actor);

    actor->handle = handle;
    actor->step = step;
    actor->userdata = userdata;
    actor->shard = shard;
    actor->slots = actor->first_slots;
    actor->slot_count = MINIMAL_INLINE_SLOTS;
    actor->sends_on = MINIMAL_NO_TOPIC;
    if ((actor->name = strdup(name)) == NULL)
        subject_die("no memory");
    return actor;
}

void minimal_subscribe(struct minimal_actor *actor, uint32_t topic)
{
    struct minimal_topic *entry = &actor->shard->topics[topic];

    if ((entry->subscriber_count & (entry->subscriber_count - 1)) == 0) {
        const size_t wanted = entry->subscriber_count != 0 ? 2 * (size_t)entry->subscriber_count : 1;

        entry->subscribers = realloc(entry->subscribers, wanted * sizeof(struct minimal_actor *));
        if (entry->subscribers == NULL)
            subject_die("no memory");
    }
    entry->subscribers[entry->subscriber_count++] = actor;
    if (actor->shard->other != NULL)
        actor->shard->other->topics[topic].remote = true;
}

void minimal_connect(struct minimal_shard *shard, struct minimal_shard *other, struct spsc *to, struct spsc *from, uint32_t topic)
{
    shard->other = other;
    shard->outbound = to;
    shard->inbound = from;
    shard->ring_topic = topic;
}

uint32_t minimal_room(struct minimal_shard *shard, uint32_t topic)
{
    const struct minimal_topic *entry = &shard->topics[topic];
    uint32_t room = MINIMAL_BATCH;

    for (uint32_t i = 0; i < entry->subscriber_count; i++) {
        const uint32_t free_slots = MINIMAL_CAPACITY - minimal_depth(entry->subscribers[i]);

        room = free_slots < room ? free_slots : room;
    }
    if (entry->remote) {
        struct spsc *ring = shard->outbound;
        uint64_t free_slots;

        if (SPSC_SLOTS - (ring->write - ring->seen_consumed) < room)
            ring->seen_consumed = atomic_load_explicit(&ring->consumed, memory_order_acquire);
        free_slots = SPSC_SLOTS - (ring->write - ring->seen_consumed);
        room = free_slots < room ? (uint32_t)free_slots : room;
    }
    return room;
}

void minimal_pool_grow(struct minimal_shard *shard)
{
    struct minimal_event *events = allocate(POOL_EVENTS, sizeof *events);

    for (unsigned i = 0; i < POOL_EVENTS; i++) {
        events[i].next_free = shard->free_events;
        shard->free_events = &events[i];
    }
}

void minimal_mailbox_grow(struct minimal_actor *actor)
{
    const uint32_t depth = minimal_depth(actor);
    struct minimal_event **slots = allocate(2 * (size_t)actor->slot_count, sizeof(struct minimal_event *));

    for (uint32_t i = 0; i < depth; i++)
        slots[i] = actor->slots[(actor->head + i) & (actor->slot_count - 1)];
    if (actor->slots != actor->first_slots)
        free(actor->slots);
    actor->slots = slots;
    actor->slot_count *= 2;
    actor->head = 0;
    actor->tail = depth;
}

static void activate(struct minimal_shard *shard, struct minimal_actor *actor)
{
    uint32_t budget = actor->sends_on == MINIMAL_NO_TOPIC ? MINIMAL_BATCH : minimal_room(shard, actor->sends_on);
    bool more = false;

    actor->queued = false;
    while (minimal_depth(actor) > 0 && budget > 0) {
        struct minimal_event *event = actor->slots[actor->head & (actor->slot_count - 1)];

        actor->head++;
        budget--;
        actor->handle(actor, &event->payload);
        if (--event->refs == 0)
            minimal_event_free(shard, event);
    }
    if (actor->step != NULL)
        more = actor->step(actor, budget);
    if (more || minimal_depth(actor) > 0)
        minimal_wake(actor);
}

/* Takes over what the other shard sent, as far as every subscriber has room. */
static void receive(struct minimal_shard *shard)
{
    struct minimal_topic *entry = &shard->topics[shard->ring_topic];
    uint32_t room = UINT32_MAX;
    const struct payload *payload = spsc_peek(shard->inbound);

    for (uint32_t i = 0; payload != NULL && i < entry->subscriber_count; i++) {
        const uint32_t free_slots = MINIMAL_CAPACITY - minimal_depth(entry->subscribers[i]);

        room = free_slots < room ? free_slots : room;
    }
    for (; payload != NULL && room > 0; payload = spsc_peek(shard->inbound), room--) {
        struct minimal_event *event = minimal_event_new(shard);

        event->payload = *payload;
        spsc_pop(shard->inbound);
        minimal_deliver(entry, event);
    }
    spsc_consume(shard->inbound);
}

void minimal_run(struct minimal_shard *shard, _Atomic bool *stop)
{
    for (;;) {
        const uint32_t end = shard->run_tail;

        if (end == shard->run_head && (stop == NULL || atomic_load_explicit(stop, memory_order_relaxed)))
            return;
        while (shard->run_head != end)
            activate(shard, shard->run_queue[shard->run_head++ & shard->run_mask]);
        if (shard->other != NULL) {
            spsc_publish(shard->outbound);
            receive(shard);
        }
    }
}
