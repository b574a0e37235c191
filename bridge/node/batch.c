/* Batch: a pack and a list. */
#include "node/batch.h"

#include <string.h>

#include "message/envelope.h"
#include "wire/frame.h"

#define HOT static inline __attribute__((always_inline))

enum {
    FIRST_RECORDS = 8,
    SCRATCH_MAX = 256 * 1024,
    REFER_FROM = 32 * 1024 /* bytes of payload: a copy of as many costs several times the two small blocks that refer to them */
};

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

    for (i = 0; i < count; i++) {
        if (records[i].hold != NULL)
            sender_hold_release(heap, records[i].hold);
        if (records[i].block != NULL)
            retained_block_unref(records[i].block);
    }
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

static bool grow_records(struct batch_builder *builder, size_t capacity)
{
    void *records = heap_resize(builder->heap, builder->records, builder->capacity * sizeof(*builder->records),
                                capacity * sizeof(*builder->records));

    if (records == NULL)
        return false;
    builder->records = records;
    builder->capacity = capacity;
    return true;
}

/* NULL: no memory. */
static inline struct batch_record *new_record(struct batch_builder *builder)
{
    if (builder->count + builder->ends_due == builder->capacity &&
        !grow_records(builder, builder->capacity > 0 ? 2 * builder->capacity : FIRST_RECORDS))
        return NULL;
    return &builder->records[builder->count];
}

static struct event_head head_of(const struct envelope *event, uint32_t channel)
{
    struct event_head head = {.channel = channel, .id_lo = event->id.lo, .time_ns = event->time_ns, .parent = event->parent};

    if (!maiko_id_equal(event->correlation, event->id))
        head.correlation = event->correlation;
    return head;
}

/* relaxed: nothing but the form depends on it */
static bool goes_native(const struct source *source, const void *payload)
{
    return atomic_load_explicit(&source->is_native, memory_order_relaxed) && source->plan != NULL &&
           payload_event_is_compact(source->plan, payload);
}

static void write_event(struct pack *pack, const struct source *source, const maiko_envelope *envelope, uint32_t channel,
                        bool is_native)
{
    struct event_head head = head_of(envelope_of(envelope), channel);

    if (is_native) {
        record_write_native(pack, &head, envelope->payload, envelope->payload_len);
        return;
    }
    record_begin_event(pack, &head);
    payload_write_array(source->plan, pack, envelope->payload);
}

/* ---- large events ---- */

/* Is it one that may be kept as long as the log wants?  With a cap it would take from what the supervisor may allocate. */
static bool may_be_kept(const maiko_envelope *envelope)
{
    return envelope->payload_len >= REFER_FROM && envelope_of(envelope)->home == HOME_HEAP &&
           envelope_of(envelope)->root->heap.cap == 0;
}

static void let_go(void *owner)
{
    (void)maiko_envelope_unref(owner);
}

/* Moves what the pack has from `offset` into a block whose rest is `rest`, of the envelope.  NULL: no memory. */
static struct retained_block *new_block(struct pack *pack, size_t offset, size_t head_len, struct slice rest,
                                        const maiko_envelope *envelope)
{
    size_t len = pack->len - offset;
    uint8_t *data = heap_alloc(pack->heap, len);
    struct retained_block *block = data == NULL ? NULL : retained_block_new(pack->heap, data, len);
    maiko_envelope *kept = NULL;

    if (block == NULL || maiko_envelope_keep(envelope, &kept) != MAIKO_OK) {
        if (block != NULL)
            retained_block_unref(block);
        else
            heap_free(pack->heap, data, len);
        return NULL;
    }
    memcpy(data, pack->data + offset, len);
    block->rest = rest.data;
    block->rest_len = rest.len;
    block->owner = kept;
    block->let_go = let_go;
    block->event = kept->payload;
    block->event_len = kept->payload_len;
    block->head_len = head_len;
    return block;
}

/* Are the bytes most of what a reference to them would keep?  Then memory stays within twice what the log counts. */
static bool is_mostly(struct slice rest, const maiko_envelope *envelope)
{
    return rest.len >= envelope_kept_bytes(envelope_of(envelope)) / 2;
}

/* The head of the record with a reference to the bytes that end it.  NULL: it is to be written as usual. */
static struct retained_block *refer(struct pack *pack, const struct source *source, const maiko_envelope *envelope,
                                    uint32_t channel, bool is_native)
{
    struct slice rest = {.data = envelope->payload, .len = envelope->payload_len};
    struct retained_block *block = NULL;
    size_t offset = pack->len;
    struct event_head head = head_of(envelope_of(envelope), channel);
    bool is_written = true;
    size_t head_len;

    record_begin_event(pack, &head);
    head_len = pack->len - offset;
    if (is_native)
        pack_bin_head(pack, rest.len);
    else
        is_written = payload_write_array_head(source->plan, pack, envelope->payload, &rest);
    if (is_written && pack_status(pack) == MAIKO_OK && rest.len >= REFER_FROM / 2 && is_mostly(rest, envelope) &&
        pack->len - offset + rest.len < pack->max)
        block = new_block(pack, offset, head_len, rest, envelope);
    pack->len = offset;
    return block;
}

/* Is an event of `len` bytes, which was written behind it, like those of the last record? */
static inline bool continues_run(const struct batch_builder *builder, const struct source *source, size_t len, uint32_t channel,
                                 bool is_native)
{
    const struct batch_record *last = builder->count > 0 ? &builder->records[builder->count - 1] : NULL;

    return last != NULL && last->source == source && last->len == len && last->is_native == is_native &&
           last->channel == channel && last->kind == BATCH_EVENT && last->block == NULL && last->hold == NULL && len > 0;
}

/* What was there before is whole, and the next may find memory again. */
static void forget_failure(struct pack *pack, size_t offset)
{
    pack_clear(pack);
    pack->len = offset;
}

/* Likely about as much as the last time. */
static void expect(struct batch_builder *builder)
{
    if (builder->pack.data == NULL && builder->expected > 0)
        (void)pack_reserve(&builder->pack, builder->expected + builder->expected / 8);
}

static maiko_status add_event(struct batch_builder *builder, struct source *source, const maiko_envelope *envelope,
                              struct sender_hold *hold)
{
    struct batch_record *record = new_record(builder);
    struct pack *pack = &builder->pack;
    struct retained_block *block = NULL;
    size_t offset = pack->len;
    uint32_t channel;
    maiko_status status;
    bool is_native;

    if (record == NULL) {
        forget_failure(pack, offset); /* repeat()'s */
        return MAIKO_ENOMEM;
    }
    expect(builder);
    is_native = goes_native(source, envelope->payload);
    channel = atomic_load_explicit(&source->number, memory_order_relaxed); /* right or not, it is noted in the record */
    if (source->plan != NULL && may_be_kept(envelope))
        block = refer(pack, source, envelope, channel, is_native);
    if (source->plan != NULL && block == NULL)
        write_event(pack, source, envelope, channel, is_native);
    status = pack_status(pack);
    if (status != MAIKO_OK) {
        forget_failure(pack, offset);
        return status;
    }
    builder->events++;
    if (block == NULL && hold == NULL && continues_run(builder, source, pack->len - offset, channel, is_native)) {
        record[-1].events++;
        return MAIKO_OK;
    }
    *record = (struct batch_record){.source = source,
                                    .hold = hold,
                                    .block = block,
                                    .offset = block != NULL ? 0 : offset,
                                    .len = (uint32_t)(block != NULL ? block->size + block->rest_len : pack->len - offset),
                                    .events = 1,
                                    .channel = channel,
                                    .kind = source->plan != NULL ? BATCH_EVENT : BATCH_REFUSED,
                                    .is_native = is_native};
    builder->referred_len += block != NULL ? record->len : 0;
    builder->count++;
    return MAIKO_OK;
}

/* ---- events like the last one ---- */

static bool is_first_of_chain(const struct envelope *event)
{
    return maiko_id_is_nil(event->parent) && maiko_id_equal(event->correlation, event->id);
}

/* An event on the heap has a copy, whose address is somebody else's when the event is gone. */
static void note_topic(struct batch_like *like, const struct envelope *event)
{
    like->topic = event->home == HOME_POOL ? event->topic : NULL;
}

/* What senders at speed make: native bytes of chains of their own. */
static void note_like(struct batch_builder *builder, struct source *source, const maiko_envelope *envelope)
{
    const struct batch_record *last = &builder->records[builder->count - 1];
    const struct envelope *event = envelope_of(envelope);
    struct batch_like *like = &builder->like;

    if (!last->is_native || last->block != NULL || last->hold != NULL || envelope->payload_len >= REFER_FROM ||
        !is_first_of_chain(event) ||
        !record_like_of(builder->pack.data + builder->pack.len - last->len, last->len, envelope->payload_len, &like->record))
        return;
    like->source = source;
    like->type = event->head.type;
    note_topic(like, event);
    like->sender_id = event->sender->id;
    like->prefix = event->id.hi;
    like->channel = last->channel;
    like->is_compact = payload_is_always_compact(source->plan);
}

/* A record for the first event of a batch, which counts when that is written.  False: it has another number by now, or there is
 * no memory. */
static __attribute__((noinline)) bool begin_record(struct batch_builder *builder)
{
    const struct batch_like *like = &builder->like;
    struct batch_record *record = new_record(builder);

    if (record == NULL || atomic_load_explicit(&like->source->number, memory_order_relaxed) != like->channel)
        return false;
    expect(builder);
    *record = (struct batch_record){.source = like->source,
                                    .offset = builder->pack.len,
                                    .len = (uint32_t)like->record.size,
                                    .channel = like->channel,
                                    .kind = BATCH_EVENT,
                                    .is_native = true};
    return true;
}

/* relaxed: as in goes_native() */
HOT bool goes_native_again(const struct batch_like *like, const void *payload)
{
    return atomic_load_explicit(&like->source->is_native, memory_order_relaxed) &&
           (like->is_compact || payload_event_is_compact(like->source->plan, payload));
}

/* One more of the source of the last one, of which a batch may have none yet. */
HOT bool repeat(struct batch_builder *builder, uint64_t id_lo, uint64_t time_ns, const void *payload, size_t len)
{
    const struct batch_like *like = &builder->like;

    if (len != like->record.size - like->record.head || !goes_native_again(like, payload) ||
        (__builtin_expect(builder->count == 0, 0) && !begin_record(builder)) ||
        !record_write_like(&builder->pack, &like->record, id_lo, time_ns, payload))
        return false;
    builder->count += builder->count == 0;
    builder->records[builder->count - 1].events++;
    builder->events++;
    return true;
}

HOT bool repeat_event(struct batch_builder *builder, const maiko_envelope *envelope)
{
    const struct envelope *event = envelope_of(envelope);

    return is_first_of_chain(event) && repeat(builder, event->id.lo, event->time_ns, envelope->payload, envelope->payload_len);
}

/* relaxed: seen a little later it holds a little later */
static bool goes_unheld(const struct source *source)
{
    return !atomic_load_explicit(&source->topic->is_held, memory_order_relaxed);
}

/* Those on the heap bring their own copies of topic and sender; senders of other processes have one id. */
static bool is_like_at_a_glance(const struct batch_like *like, const struct envelope *event)
{
    return like->source != NULL && event->topic == like->topic && event->head.type == like->type && event->home == HOME_POOL &&
           event->hops == 0 && event->id.hi == like->prefix && event->sender->id == like->sender_id &&
           like->sender_id != UINT64_MAX;
}

bool batch_add_like(struct batch_builder *builder, const maiko_envelope *envelope)
{
    const struct batch_like *like = &builder->like;

    return is_like_at_a_glance(like, envelope_of(envelope)) && goes_unheld(like->source) && repeat_event(builder, envelope);
}

/* A failure that sticks in the pack is none of the events that are there, and this one comes again. */
bool batch_take_like(struct batch_builder *builder, const struct maiko_taking *taking)
{
    const struct batch_like *like = &builder->like;
    size_t offset = builder->pack.len;

    if (like->source == NULL || taking->topic != like->topic || taking->type != like->type || taking->id.hi != like->prefix ||
        taking->sender->id != like->sender_id || like->sender_id == UINT64_MAX || !goes_unheld(like->source))
        return false;
    if (repeat(builder, taking->id.lo, taking->time_ns, taking->event, taking->len))
        return true;
    if (pack_status(&builder->pack) != MAIKO_OK)
        forget_failure(&builder->pack, offset);
    return false;
}

maiko_status batch_add_event(struct batch_builder *builder, struct source *source, const maiko_envelope *envelope,
                             struct sender_hold *hold)
{
    maiko_status status;

    if (hold == NULL && builder->like.source == source && repeat_event(builder, envelope)) {
        note_topic(&builder->like, envelope_of(envelope));
        return MAIKO_OK;
    }
    builder->like.source = NULL;
    status = add_event(builder, source, envelope, hold);
    if (status == MAIKO_OK)
        note_like(builder, source, envelope);
    return status;
}

maiko_status batch_await_ends(struct batch_builder *builder, size_t ends)
{
    if (builder->count + ends + FIRST_RECORDS > builder->capacity &&
        !grow_records(builder, builder->count + ends + FIRST_RECORDS))
        return MAIKO_ENOMEM;
    builder->ends_due = ends;
    return MAIKO_OK;
}

maiko_status batch_add_end(struct batch_builder *builder, uint32_t index)
{
    struct batch_record *record = builder->ends_due > 0 ? &builder->records[builder->count] : new_record(builder);

    if (record == NULL)
        return MAIKO_ENOMEM;
    builder->ends_due -= builder->ends_due > 0;
    builder->like.source = NULL;
    *record = (struct batch_record){.kind = BATCH_END, .index = index};
    builder->count++;
    return MAIKO_OK;
}

/* Memory that was reserved and not used would stay as long as the log has the events. */
static void trim(struct pack *pack)
{
    void *data;

    if (pack->size - pack->len < pack->size / 4)
        return;
    data = heap_resize(pack->heap, pack->data, pack->size, pack->len);
    if (data == NULL)
        return;
    pack->data = data;
    pack->size = pack->len;
}

/* Events that fill the memory they were written into stay there; few are copied in one go into a block that is just as long, and
 * the next are written where they were.  NULL: no memory. */
static struct retained_block *close_block(struct pack *pack)
{
    struct retained_block *block;
    uint8_t *data;
    size_t size;

    if (pack->size > SCRATCH_MAX || pack->len >= pack->size / 2) {
        trim(pack);
        block = retained_block_new(pack->heap, pack->data, pack->size);
        if (block != NULL)
            (void)pack_release(pack, &size); /* the block's now */
        return block;
    }
    data = heap_alloc(pack->heap, pack->len);
    block = data == NULL ? NULL : retained_block_new(pack->heap, data, pack->len);
    if (block == NULL) {
        heap_free(pack->heap, data, pack->len);
        return NULL;
    }
    memcpy(data, pack->data, pack->len);
    pack_clear(pack);
    return block;
}

/* The same for the list. */
static bool close_records(struct batch_builder *builder, struct batch *batch)
{
    size_t size = builder->count * sizeof(*builder->records);

    batch->records = heap_alloc(builder->heap, size);
    if (batch->records == NULL)
        return false;
    memcpy(batch->records, builder->records, size);
    batch->count = batch->capacity = builder->count;
    return true;
}

struct batch *batch_close(struct batch_builder *builder)
{
    struct batch *batch = builder->count > 0 ? heap_alloc_zeroed(builder->heap, 1, sizeof(*batch)) : NULL;
    bool is_made;

    if (batch == NULL)
        return NULL;
    batch->heap = builder->heap;
    batch->len = batch_builder_len(builder);
    batch->referred_len = builder->referred_len;
    batch->events = builder->events;
    builder->expected = builder->pack.len;
    is_made = close_records(builder, batch);
    if (is_made && builder->pack.len > 0) {
        batch->block = close_block(&builder->pack);
        is_made = batch->block != NULL;
    }
    if (!is_made) {
        heap_free(builder->heap, batch->records, batch->capacity * sizeof(*batch->records));
        heap_free(builder->heap, batch, sizeof(*batch));
        return NULL;
    }
    batch->given_up = builder->given_up;
    builder->count = 0;
    builder->events = 0;
    builder->referred_len = 0;
    builder->given_up = (struct fifo){.first = NULL};
    return batch;
}
