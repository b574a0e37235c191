/* SPSC ring of payloads between two threads or two processes: fixed slots, one publication word each way, on lines
 * of their own.  The writer publishes when told, so that batching is the caller's choice.
 *
 * Overlap: push and publish by one thread, peek and consume by another, at the same time. */
#ifndef BENCH_SPSC_H
#define BENCH_SPSC_H

#include "bench/lib/payload.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define SPSC_SLOTS 1024u /* power of two */

struct spsc {
    alignas(128) _Atomic uint64_t published; /* writer releases, reader acquires: slots below it are filled */
    alignas(128) _Atomic uint64_t consumed;  /* reader releases, writer acquires: slots below it are free again */
    alignas(128) uint64_t write;             /* writer's own */
    uint64_t seen_consumed, told_published;
    alignas(128) uint64_t read; /* reader's own */
    uint64_t seen_published, told_consumed;
    alignas(128) struct payload slots[SPSC_SLOTS];
};

/* The next free slot, or NULL while the ring is full. */
static inline struct payload *spsc_slot(struct spsc *ring)
{
    if (ring->write - ring->seen_consumed == SPSC_SLOTS) {
        ring->seen_consumed = atomic_load_explicit(&ring->consumed, memory_order_acquire);
        if (ring->write - ring->seen_consumed == SPSC_SLOTS)
            return NULL;
    }
    return &ring->slots[ring->write % SPSC_SLOTS];
}

static inline void spsc_push(struct spsc *ring)
{
    ring->write++;
}

static inline void spsc_publish(struct spsc *ring)
{
    if (ring->told_published == ring->write)
        return; /* an idle writer leaves the line with the reader */
    ring->told_published = ring->write;
    atomic_store_explicit(&ring->published, ring->write, memory_order_release);
}

/* The oldest unread payload, or NULL while there is none. */
static inline const struct payload *spsc_peek(struct spsc *ring)
{
    if (ring->read == ring->seen_published) {
        ring->seen_published = atomic_load_explicit(&ring->published, memory_order_acquire);
        if (ring->read == ring->seen_published)
            return NULL;
    }
    return &ring->slots[ring->read % SPSC_SLOTS];
}

static inline void spsc_pop(struct spsc *ring)
{
    ring->read++;
}

static inline void spsc_consume(struct spsc *ring)
{
    if (ring->told_consumed == ring->read)
        return;
    ring->told_consumed = ring->read;
    atomic_store_explicit(&ring->consumed, ring->read, memory_order_release);
}

#endif
