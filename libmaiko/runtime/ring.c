/* Ring segments: reserving, closing and reading batches. */
#include "runtime/ring.h"

#include <string.h>

/* Two of them while the reader keeps up: both sides go round in lines that their first caches hold. */
#define SMALL_SEGMENT ((size_t)4096)
#define LINE RING_LINE
#define SMALL_BATCH_LINES 3     /* a batch of one event of up to 64 bytes, among two shards */
#define NEXT_SEGMENT RING_NEXT_SEGMENT

/* Where a batch begins: with a line of its own, so that what the next one is written to is not what the reader still has of the
 * one before. */
static size_t batch_begin(const struct ring_segment *segment, size_t offset)
{
    return offset + (-(uintptr_t)(segment->data + offset) & (LINE - 1));
}

/* Nothing stands there yet. */
static void put_no_batch(struct ring_segment *segment, size_t offset)
{
    atomic_store_explicit((_Atomic uint64_t *)(void *)(segment->data + offset), 0, memory_order_relaxed);
}

static struct ring_segment *segment_clear(struct ring_segment *segment)
{
    segment->next = NULL;
    put_no_batch(segment, batch_begin(segment, 0));
    return segment;
}

static struct ring_segment *segment_new(struct ring *ring, size_t size)
{
    struct ring_segment *segment = heap_alloc(ring->heap, sizeof *segment + size);

    if (segment == NULL)
        return NULL;
    segment->size = size;
    return segment_clear(segment);
}

static size_t small_segment(const struct ring *ring)
{
    return ring->segment_bytes < SMALL_SEGMENT ? ring->segment_bytes : SMALL_SEGMENT;
}

struct ring *ring_new(struct heap *heap, size_t segment_bytes)
{
    /* aligned by hand: the heap aligns to 16, the groups want lines of their own */
    struct ring *ring = heap_alloc(heap, sizeof *ring + 128);
    char *aligned = (char *)(((uintptr_t)ring + 128) & ~(uintptr_t)127);

    if (ring == NULL)
        return NULL;
    memset(aligned, 0, sizeof *ring);
    ((char **)(void *)aligned)[-1] = (char *)ring;
    ring = (struct ring *)(void *)aligned;
    ring->heap = heap;
    ring->segment_bytes = segment_bytes;
    ring->tail = segment_new(ring, small_segment(ring));
    if (ring->tail == NULL) {
        ring_free(ring);
        return NULL;
    }
    ring->head = ring->tail;
    ring->oldest = ring->tail;
    ring->write_offset = batch_begin(ring->tail, 0);
    ring->read_offset = ring->write_offset;
    ring->segments_made = 1;
    return ring;
}

void ring_free(struct ring *ring)
{
    if (ring == NULL)
        return;
    while (ring->oldest != NULL) {
        struct ring_segment *segment = ring->oldest;

        ring->oldest = segment->next;
        heap_free(ring->heap, segment, sizeof *segment + segment->size);
    }
    heap_free(ring->heap, ((char **)(void *)ring)[-1], sizeof *ring + 128);
}

static uint64_t chain_length(const struct ring *ring)
{
    const struct ring_segment *at;
    uint64_t length = 0;

    for (at = ring->oldest; at != NULL; at = at->next)
        length++;
    return length;
}

/* A segment the reader has left, or a new one; those it left that are too small go, or they would stand in the way for
 * ever.  The acquire pairs with the release in ring_confirm(): the reader's last reads of the segment are done before we
 * write to it. */
static struct ring_segment *next_segment(struct ring *ring, size_t need)
{
    uint64_t in_use = ring->segments_made - atomic_load_explicit(&ring->segments_left, memory_order_acquire);
    size_t size = in_use == 1 ? small_segment(ring) : ring->segment_bytes;
    uint64_t left;

    for (left = chain_length(ring); left > in_use && ring->oldest != ring->tail; left--) {
        struct ring_segment *segment = ring->oldest;

        ring->oldest = segment->next;
        if (segment->size >= need)
            return segment_clear(segment);
        heap_free(ring->heap, segment, sizeof *segment + segment->size);
    }
    return segment_new(ring, need > size ? need : size);
}

/* Makes room for `need` bytes and the trailer; `mid_batch` says which mark sends the reader on. */
static bool make_room(struct ring *ring, size_t need, bool mid_batch)
{
    struct ring_segment *segment;
    char *mark = ring->tail->data + ring->write_offset;

    if (ring->write_offset + need + RING_TRAILER <= ring->tail->size)
        return true;
    segment = next_segment(ring, LINE + need + RING_TRAILER);
    if (segment == NULL)
        return false;
    ring->tail->next = segment;
    if (mid_batch)
        *(struct ring_record *)(void *)mark = (struct ring_record){.size = sizeof(struct ring_record), .kind = RING_SEGMENT_END};
    else /* release: the reader may meet this mark before the next publication, and follows `next` */
        atomic_store_explicit((_Atomic uint64_t *)(void *)mark, NEXT_SEGMENT, memory_order_release);
    ring->tail = segment;
    ring->write_offset = batch_begin(segment, 0);
    ring->segments_made++;
    return true;
}

static bool open_batch(struct ring *ring, uint32_t deps)
{
    if (!make_room(ring, ring_batch_size(deps), false))
        return false;
    ring_begin_batch(ring, deps);
    return true;
}

/* Nothing got into it: whoever flushes does not know of it, and later it would not say how far shards that come meanwhile were
 * read.  Its flush is 0 still, as it has to be where the next one may begin. */
static void *withdraw_batch(struct ring *ring)
{
    if (ring->open_records == 0) {
        ring->write_offset = (size_t)((char *)ring->open - ring->tail->data);
        ring->open = NULL;
    }
    return NULL;
}

struct ring_record *ring_reserve_next(struct ring *ring, enum ring_kind kind, size_t body, uint32_t deps)
{
    size_t size = ring_record_size(body);

    if (ring->open == NULL && !open_batch(ring, deps))
        return NULL;
    if (!make_room(ring, size, true))
        return withdraw_batch(ring);
    return ring_add_record(ring, kind, size);
}

void ring_close_batch(struct ring *ring, uint64_t flush, const uint64_t *deps)
{
    struct ring_batch *batch = ring->open;
    uint32_t i;

    ring->write_offset = batch_begin(ring->tail, ring->write_offset);
    put_no_batch(ring->tail, ring->write_offset);
    batch->records = ring->open_records;
    batch->dep_count = ring->open_deps;
    for (i = 0; i < ring->open_deps; i++)
        batch->deps[i] = deps[i];
    ring->written_flush = flush & ~RING_ALONE;
    ring->open = NULL;
    /* release pairs with the acquire in ring_peek(): with a batch that is alone all that its writer did before is seen */
    atomic_store_explicit(&batch->flush, flush, memory_order_release); /* step: publish_alone */
}

/* Without the attribute this fetches for reading, and each line has to be asked for again.  Old processors ignore it. */
#if defined(__x86_64__)
__attribute__((target("prfchw")))
#endif
void ring_fetch_room(const struct ring *ring)
{
    const char *next = ring->tail->data + ring->write_offset;
    int line;

    for (line = 0; line <= SMALL_BATCH_LINES; line++) /* behind the last stands the first word of the one after it */
        __builtin_prefetch(next + line * LINE, 1);
}

void ring_fetch_batch(const struct ring *ring)
{
    const char *next = ring->head->data + ring->read_offset;
    int line;

    for (line = 0; line < SMALL_BATCH_LINES; line++)
        __builtin_prefetch(next + line * LINE, 0);
}

static void leave_segment(struct ring *ring)
{
    ring->head = ring->head->next;
    ring->read_offset = batch_begin(ring->head, 0);
    ring->segments_left_count++;
}

static void *read_position(const struct ring *ring)
{
    return ring->head->data + ring->read_offset;
}

static void end_batch_if_read(struct ring *ring)
{
    if (ring->left == 0)
        ring->read_offset = batch_begin(ring->head, ring->read_offset);
}

uint64_t ring_peek_next(const struct ring *ring)
{
    const struct ring_segment *next = ring->head->next;
    const struct ring_batch *batch = (const struct ring_batch *)(const void *)(next->data + batch_begin(next, 0));

    return atomic_load_explicit(&batch->flush, memory_order_acquire); /* pairs with the release in ring_close_batch() */
}

struct ring_batch *ring_open_batch(struct ring *ring, uint64_t published)
{
    struct ring_batch *batch = read_position(ring);
    uint64_t flush;

    if (ring->left != 0) /* within a batch: what is there is none */
        return NULL;
    /* acquire: as in ring_peek() */
    flush = atomic_load_explicit(&batch->flush, memory_order_acquire);
    if (flush == NEXT_SEGMENT) {
        leave_segment(ring);
        batch = read_position(ring);
        flush = atomic_load_explicit(&batch->flush, memory_order_acquire);
    }
    if (flush == 0 || (flush & ~RING_ALONE) > published)
        return NULL;
    ring->read_offset += ring_batch_size(batch->dep_count);
    ring->left = batch->records;
    end_batch_if_read(ring);
    return batch;
}

struct ring_record *ring_next(struct ring *ring)
{
    struct ring_record *record = read_position(ring);

    if (record->kind == RING_SEGMENT_END) {
        leave_segment(ring);
        record = read_position(ring);
    }
    ring->read_offset += record->size;
    ring->left--;
    end_batch_if_read(ring);
    ring->read_bytes += record->size;
    if (record->kind != RING_COMMAND)
        ring->read_events++;
    return record;
}

void ring_confirm(struct ring *ring, uint64_t flush)
{
    atomic_store_explicit(&ring->segments_left, ring->segments_left_count, memory_order_release);
    atomic_store_explicit(&ring->confirmed_events, ring->read_events, memory_order_relaxed);
    atomic_store_explicit(&ring->confirmed_bytes, ring->read_bytes, memory_order_relaxed);
    atomic_store_explicit(&ring->confirmed_flush, flush, memory_order_release); /* step: store_confirmed */
}
