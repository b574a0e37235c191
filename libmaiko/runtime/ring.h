/* Ring: what one shard sends to another.  A chain of segments with one writer and one reader, written in batches that
 * become visible together when the writing shard stores its flush number; the reader may not look past that number.
 *
 *   writer: ring_reserve()*, ring_close_batch(), then shard->published = flush (release)
 *   reader: P = published (acquire), while ring_open_batch(P): ring_next() x count; then ring_confirm()
 *
 * A batch that is the only one of its flush needs no other word: it says so itself, and is there as soon as its own flush number
 * is seen (ring_peek()).
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
    uint32_t size;   /* bytes, header included, a multiple of 8 */
    uint8_t kind;    /* enum ring_kind */
    uint8_t spare;   /* bytes behind the end of the body */
    uint8_t note[2]; /* the writer's */
};

/* Or-ed to the flush of a batch: it is the only one of its flush. */
#define RING_ALONE (UINT64_C(1) << 63)

struct ring_batch {
    /* 0 while the writer fills it in.  Relaxed: the value is only believed when it is at most the published one, and
     * that was loaded with acquire; but for RING_ALONE, stored with release. */
    _Atomic uint64_t flush;
    uint32_t records;
    uint32_t dep_count;
    uint64_t deps[]; /* per shard: what the writer had consumed of it when it flushed */
};

struct ring_segment {
    struct ring_segment *next; /* written before the mark that sends the reader there */
    size_t size;               /* bytes of data */
    char data[];
};

struct ring {
    struct heap *heap;
    size_t segment_bytes; /* of those made while the reader is behind; others are small */
    /* writer */
    _Alignas(128) struct ring_segment *tail;
    size_t write_offset;
    struct ring_batch *open; /* batch under construction; its head is written at the end, for the reader may be watching it */
    uint32_t open_records;
    uint32_t open_deps;
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

static inline uint32_t ring_record_size(size_t body)
{
    return (uint32_t)((sizeof(struct ring_record) + body + 7) & ~(size_t)7);
}

#define RING_LINE 64

/* Every segment keeps room behind its contents for a segment-end record or the next batch's first word. */
#define RING_TRAILER (RING_LINE + sizeof(struct ring_record))

/* For ring_reserve(): in the next segment. */
MAIKO_MUST_CHECK struct ring_record *ring_reserve_next(struct ring *ring, enum ring_kind kind, size_t body, uint32_t deps);

static inline size_t ring_batch_size(uint32_t deps)
{
    return sizeof(struct ring_batch) + deps * sizeof(uint64_t);
}

/* The room is there. */
static inline void ring_begin_batch(struct ring *ring, uint32_t deps)
{
    ring->open = (struct ring_batch *)(void *)(ring->tail->data + ring->write_offset);
    ring->open_records = 0;
    ring->open_deps = deps;
    ring->write_offset += ring_batch_size(deps);
}

static inline struct ring_record *ring_add_record(struct ring *ring, enum ring_kind kind, size_t size)
{
    struct ring_record *record = (struct ring_record *)(void *)(ring->tail->data + ring->write_offset);

    ring->write_offset += size;
    ring->open_records++;
    ring->written_bytes += size;
    if (kind != RING_COMMAND)
        ring->written_events++;
    return record;
}

/* Writer: room for one record of `body` bytes in the open batch (opened when needed, for `deps` dependencies).  NULL when out of
 * memory (nothing changed).  Nothing is written to it: ring_begin_record() does, at any time before the batch is closed. */
MAIKO_MUST_CHECK static inline struct ring_record *ring_reserve(struct ring *ring, enum ring_kind kind, size_t body,
                                                                uint32_t deps)
{
    size_t size = ring_record_size(body);
    size_t need = size + (ring->open == NULL ? ring_batch_size(deps) : 0);

    if (__builtin_expect(ring->write_offset + need + RING_TRAILER > ring->tail->size, 0))
        return ring_reserve_next(ring, kind, body, deps);
    if (ring->open == NULL)
        ring_begin_batch(ring, deps);
    return ring_add_record(ring, kind, size);
}

/* Writer: fills in the head of a record for which there is room; returns its body. */
static inline void *ring_begin_record(struct ring_record *record, enum ring_kind kind, size_t body)
{
    uint32_t size = ring_record_size(body);

    *record = (struct ring_record){.size = size, .kind = (uint8_t)kind, .spare = (uint8_t)(size - sizeof *record - body)};
    return record + 1;
}

/* Bytes of the body. */
static inline size_t ring_body_size(const struct ring_record *record)
{
    return record->size - sizeof *record - record->spare;
}

static inline bool ring_has_open_batch(const struct ring *ring)
{
    return ring->open != NULL;
}

/* Writer: finishes the open batch.  Visible once the shard publishes `flush`; at once with RING_ALONE or-ed to it. */
void ring_close_batch(struct ring *ring, uint64_t flush, const uint64_t *deps);

/* Writer: brings the lines that it writes next, to be written, while nothing waits for them.  The reader left them a round ago,
 * but its processor fetches lines behind those it reads, so that they may have to be brought again. */
void ring_fetch_room(const struct ring *ring);

/* Reader: brings the lines of the next batch, if it is a small one, all at once instead of one after the other. */
void ring_fetch_batch(const struct ring *ring);

/* In the place of a batch's flush: go on in the next segment. */
#define RING_NEXT_SEGMENT UINT64_MAX

uint64_t ring_peek_next(const struct ring *ring);

/* Reader, not within a batch: the flush of the next one, perhaps with RING_ALONE; 0: there is none yet. */
static inline uint64_t ring_peek(const struct ring *ring)
{
    const struct ring_batch *batch = (const struct ring_batch *)(const void *)(ring->head->data + ring->read_offset);
    /* acquire pairs with the release in ring_close_batch(), and with that of RING_NEXT_SEGMENT in make_room() */
    uint64_t flush = atomic_load_explicit(&batch->flush, memory_order_acquire); /* step: look_at_batch */

    return __builtin_expect(flush == RING_NEXT_SEGMENT, 0) ? ring_peek_next(ring) : flush;
}

/* Behind ring_peek(), whose acquire orders what is in the batch. */
static inline uint64_t ring_flush_of(const struct ring_batch *batch)
{
    return atomic_load_explicit(&batch->flush, memory_order_relaxed) & ~RING_ALONE;
}

/* Reader: the next batch if it is at most `published`, else NULL. */
struct ring_batch *ring_open_batch(struct ring *ring, uint64_t published);

/* Reader: the next record of the batch; its body follows.  Call it exactly batch->records times. */
struct ring_record *ring_next(struct ring *ring);

/* Reader: tells the writer how far it is.  Release: a writer that sees the position sees the debts posted before. */
void ring_confirm(struct ring *ring, uint64_t flush);

/* Writer: what the reader has not confirmed.  Relaxed: figures to hold senders by, nothing is written again because of them. */
static inline uint64_t ring_events_under_way(const struct ring *ring)
{
    return ring->written_events - atomic_load_explicit(&ring->confirmed_events, memory_order_relaxed);
}

/* As above. */
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
