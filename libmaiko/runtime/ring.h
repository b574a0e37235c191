/* Ring: what one shard sends to another.  A chain of segments with one writer and one reader, written in batches that
 * become visible together when the writing shard stores its flush number; the reader may not look past that number.
 *
 *   writer: ring_reserve()*, ring_close_batch(), then shard->published = flush (release)
 *   reader: P = published (acquire), while ring_open_batch(P): ring_next() x count; then ring_confirm()
 */
#ifndef RUNTIME_RING_H
#define RUNTIME_RING_H

#include "base/heap.h"
#include <maiko/base.h>
#include <stdatomic.h>

enum ring_kind {
    RING_EVENT = 1,    /* a pooled envelope, copied */
    RING_EVENT_SHARED, /* a counted envelope, by pointer */
    RING_COMMAND,      /* a struct command, by pointer: ownership goes along */
    RING_SEGMENT_END,
    RING_HELD_BACK = 16, /* or-ed to the kind of an event: it begins with a struct held_since */
};

struct ring_record {
    uint32_t size; /* bytes, header included, a multiple of 8 */
    uint32_t kind;
};

struct ring_batch {
    /* 0 while the writer fills it in.  Relaxed: the value is only believed when it is at most the published one, and
     * that was loaded with acquire. */
    _Atomic uint64_t flush;
    uint32_t records;
    uint32_t dep_count;
    uint64_t deps[]; /* per shard: what the writer had consumed of it when it flushed */
};

struct ring {
    struct heap *heap;
    size_t segment_bytes; /* of every segment after the first */
    /* writer */
    _Alignas(128) struct ring_segment *tail;
    size_t write_offset;
    struct ring_batch *open; /* batch under construction */
    struct ring_segment *oldest;
    uint64_t segments_made;
    uint64_t written_events;
    uint64_t written_bytes;
    uint64_t written_flush; /* of the last batch */
    uint64_t seen_events;   /* confirmed when last looked: the reader's line stays with the reader while there is room */
    uint64_t seen_bytes;
    /* reader */
    _Alignas(128) struct ring_segment *head;
    size_t read_offset;
    uint32_t left; /* records of the open batch */
    uint64_t segments_left_count;
    uint64_t read_events;
    uint64_t read_bytes;
    /* written by the reader, read by the writer: on a line of their own */
    _Alignas(128) _Atomic uint64_t confirmed_flush; /* every batch up to here is dispatched and its debts are posted */
    _Atomic uint64_t confirmed_events;
    _Atomic uint64_t confirmed_bytes;
    _Atomic uint64_t segments_left;
};

#define RING_SEGMENT_BYTES ((size_t)65536)

/* Allocates the first segment, a small one.  NULL when out of memory. */
MAIKO_MUST_CHECK struct ring *ring_new(struct heap *heap, size_t segment_bytes);
void ring_free(struct ring *ring);

/* Writer: room for one record of `body` bytes in the open batch (opened when needed, for `deps` dependencies).  Returns
 * its body, NULL when out of memory (nothing changed). */
MAIKO_MUST_CHECK void *ring_reserve(struct ring *ring, enum ring_kind kind, size_t body, uint32_t deps);

static inline bool ring_has_open_batch(const struct ring *ring)
{
    return ring->open != NULL;
}

/* Writer: finishes the open batch.  Visible once the shard publishes `flush`. */
void ring_close_batch(struct ring *ring, uint64_t flush, const uint64_t *deps);

/* Writer: brings the lines that it writes next, to be written, while nothing waits for them.  The reader left them a round ago,
 * but its processor fetches lines behind those it reads, so that they may have to be brought again. */
void ring_fetch_room(const struct ring *ring);

/* Reader: brings the first lines of what was published, all at once instead of one after the other. */
void ring_fetch_batch(const struct ring *ring);

/* Reader: the next batch if it is at most `published`, else NULL. */
struct ring_batch *ring_open_batch(struct ring *ring, uint64_t published);

/* Reader: the next record of the batch; its body follows.  Call it exactly batch->records times. */
struct ring_record *ring_next(struct ring *ring);

/* Reader: tells the writer how far it is.  Release: a writer that sees the position sees the debts posted before. */
void ring_confirm(struct ring *ring, uint64_t flush);

/* Writer: what the reader has not confirmed. */
static inline uint64_t ring_events_under_way(const struct ring *ring)
{
    return ring->written_events - atomic_load_explicit(&ring->confirmed_events, memory_order_relaxed);
}

static inline uint64_t ring_bytes_under_way(const struct ring *ring)
{
    return ring->written_bytes - atomic_load_explicit(&ring->confirmed_bytes, memory_order_relaxed);
}

/* Writer: does the reader have so many events, or so many bytes, to confirm? */
static inline bool ring_is_above(struct ring *ring, uint64_t events, uint64_t bytes)
{
    if (ring->written_events - ring->seen_events < events && ring->written_bytes - ring->seen_bytes < bytes)
        return false;
    ring->seen_events = ring->written_events - ring_events_under_way(ring);
    ring->seen_bytes = ring->written_bytes - ring_bytes_under_way(ring);
    return ring->written_events - ring->seen_events >= events || ring->written_bytes - ring->seen_bytes >= bytes;
}

#endif
