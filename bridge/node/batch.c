/* Batch: a pack and a list. */
#include "node/batch.h"

#include <string.h>

#include "wire/frame.h"

enum { FIRST_RECORDS = 8, TRIM_FROM = 1024 };

void batch_builder_init(struct batch_builder *builder, struct heap *heap, struct heap *bytes)
{
    *builder = (struct batch_builder){.heap = heap};
    pack_init(&builder->pack, bytes, WIRE_FRAME_MAX);
}

void sender_hold_release(struct heap *heap, struct sender_hold *hold)
{
    if (hold == NULL)
        return;
    maiko_hold_release(hold->hold);
    heap_free(heap, hold, sizeof(*hold));
}

static void free_records(struct heap *heap, struct batch_record *records, size_t count, size_t capacity)
{
    size_t i;

    for (i = 0; i < count; i++)
        sender_hold_release(heap, records[i].hold);
    heap_free(heap, records, capacity * sizeof(*records));
}

void batch_builder_deinit(struct batch_builder *builder)
{
    free_records(builder->heap, builder->records, builder->count, builder->capacity);
    pack_deinit(&builder->pack);
    sources_free_all(builder->heap, &builder->given_up);
    builder->records = NULL;
    builder->count = builder->capacity = 0;
}

void batch_free(struct batch *batch)
{
    if (batch == NULL)
        return;
    free_records(batch->heap, batch->records, batch->count, batch->capacity);
    if (batch->block != NULL)
        retained_block_unref(batch->block);
    sources_free_all(batch->heap, &batch->given_up);
    heap_free(batch->heap, batch, sizeof(*batch));
}

/* NULL: no memory. */
static struct batch_record *new_record(struct batch_builder *builder)
{
    size_t capacity = builder->capacity > 0 ? 2 * builder->capacity : FIRST_RECORDS;
    void *records;

    if (builder->count == builder->capacity) {
        records = heap_resize(builder->heap, builder->records, builder->capacity * sizeof(*builder->records),
                              capacity * sizeof(*builder->records));
        if (records == NULL)
            return NULL;
        builder->records = records;
        builder->capacity = capacity;
    }
    return &builder->records[builder->count];
}

static void write_event(struct pack *pack, const struct source *source, const maiko_envelope *envelope, bool is_native)
{
    maiko_id id = maiko_envelope_id(envelope);
    struct event_head head = {.id_lo = id.lo,
                              .time_ns = maiko_envelope_time(envelope),
                              .parent = maiko_envelope_parent(envelope),
                              .correlation = maiko_envelope_correlation(envelope)};

    if (maiko_id_equal(head.correlation, id))
        head.correlation = (maiko_id){0, 0};
    record_begin_event(pack, &head);
    if (is_native)
        payload_write_native(source->plan, pack, envelope->payload);
    else
        payload_write_array(source->plan, pack, envelope->payload);
}

maiko_status batch_add_event(struct batch_builder *builder, struct source *source, const maiko_envelope *envelope,
                             struct sender_hold *hold)
{
    struct batch_record *record = new_record(builder);
    struct pack *pack = &builder->pack;
    size_t offset = pack->len;
    /* relaxed: nothing but the form depends on it */
    bool is_native = atomic_load_explicit(&source->is_native, memory_order_relaxed);
    maiko_status status;

    if (record == NULL)
        return MAIKO_ENOMEM;
    if (offset == 0)
        (void)pack_reserve(pack, builder->last_len);
    if (source->plan != NULL)
        write_event(pack, source, envelope, is_native);
    status = pack_status(pack);
    if (status != MAIKO_OK) {
        pack_clear(pack);
        pack->len = offset; /* what was there before is whole */
        return status;
    }
    *record = (struct batch_record){.source = source,
                                    .hold = hold,
                                    .offset = offset,
                                    .len = (uint32_t)(pack->len - offset),
                                    .kind = source->plan != NULL ? BATCH_EVENT : BATCH_REFUSED,
                                    .is_native = is_native};
    builder->count++;
    return MAIKO_OK;
}

maiko_status batch_add_end(struct batch_builder *builder, uint32_t index)
{
    struct batch_record *record = new_record(builder);

    if (record == NULL)
        return MAIKO_ENOMEM;
    *record = (struct batch_record){.kind = BATCH_END, .index = index};
    builder->count++;
    return MAIKO_OK;
}

/* Memory that was reserved and not used would stay as long as the log has the events. */
static void trim(struct pack *pack)
{
    void *data;

    if (pack->size < TRIM_FROM || pack->size - pack->len < pack->size / 4)
        return;
    data = heap_resize(pack->heap, pack->data, pack->size, pack->len);
    if (data == NULL)
        return;
    pack->data = data;
    pack->size = pack->len;
}

static bool move_bytes(struct batch_builder *builder, struct batch *batch)
{
    size_t len = builder->pack.len;
    size_t size;

    if (len == 0)
        return true;
    trim(&builder->pack);
    batch->block = retained_block_new(builder->pack.heap, builder->pack.data, builder->pack.size);
    if (batch->block == NULL)
        return false;
    (void)pack_release(&builder->pack, &size); /* the block's now */
    batch->len = len;
    builder->last_len = len;
    return true;
}

struct batch *batch_close(struct batch_builder *builder)
{
    struct batch *batch = builder->count > 0 ? heap_alloc_zeroed(builder->heap, 1, sizeof(*batch)) : NULL;

    if (batch == NULL)
        return NULL;
    batch->heap = builder->heap;
    if (!move_bytes(builder, batch)) {
        heap_free(builder->heap, batch, sizeof(*batch));
        return NULL;
    }
    batch->records = builder->records;
    batch->count = builder->count;
    batch->capacity = builder->capacity;
    batch->given_up = builder->given_up;
    builder->records = NULL;
    builder->count = builder->capacity = 0;
    builder->given_up = (struct fifo){.first = NULL};
    return batch;
}
