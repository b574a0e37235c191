/* Reader: validated records out of the ring, see shm_reader.h.  A name behind `step:` is that of the same step in the models of
 * tests/model. */
#include "shm/shm_reader.h"

#include <string.h>

#include "shm/shm_fault.h"

enum { PAGE_FIRST = 1 /* of the payload memory: the header's page holds no chunk */ };

void shm_reader_init(struct shm_reader *reader, const struct shm_area *data, const struct shm_area *control,
                     const struct shm_area *payload, uint64_t position)
{
    memset(reader, 0, sizeof(*reader));
    reader->data = shm_area_data(data);
    reader->control = shm_area_control(control);
    reader->ring_bytes = data->bytes - SHM_PAGE;
    if (payload != NULL) {
        reader->chunks = payload->base;
        reader->chunk_pages = payload->bytes / SHM_PAGE;
    }
    reader->first = position;
    reader->position = position;
    reader->acknowledged = position;
}

static maiko_status broken(struct shm_reader *reader, const char *what)
{
    reader->broken = what;
    reader->head = reader->tail; /* nothing more is read */
    return MAIKO_EPROTOCOL;
}

/* ---- reading words of the other side: once each ---- */

/* Relaxed and atomic, so that the compiler reads it once; the acquire of head orders it behind the writer's stores. */
static inline uint64_t load_word(const unsigned char *place)
{
    return atomic_load_explicit((const _Atomic uint64_t *)(const void *)place, memory_order_relaxed); /* step: load_record */
}

static void load_words(void *ret, const unsigned char *place, size_t len)
{
    uint64_t word;
    size_t i;

    for (i = 0; i < len; i += sizeof(word)) {
        word = load_word(place + i);
        memcpy((unsigned char *)ret + i, &word, sizeof(word));
    }
}

/* Looks for more.  MAIKO_OK, MAIKO_ENOTFOUND, MAIKO_EPROTOCOL. */
static maiko_status load_head(struct shm_reader *reader)
{
    /* Acquire: pairs with the release in shm_writer_publish(); the records below are written. */
    uint64_t head = atomic_load_explicit(&reader->data->head, memory_order_acquire); /* step: load_head */

    /* An honest writer stays within the ring from what it was told is consumed: so nobody keeps us here for ever. */
    if (head - reader->confirmed > reader->ring_bytes || head - reader->confirmed < reader->tail - reader->confirmed ||
        (head & 7) != 0)
        return broken(reader, "head went back or too far");
    reader->head = head;
    return head != reader->tail ? MAIKO_OK : MAIKO_ENOTFOUND;
}

/* ---- one record ---- */

static bool takes_position(enum shm_kind kind)
{
    return kind == SHM_RECORD_EVENT || kind == SHM_RECORD_NOTE;
}

static bool is_slot_out(const struct shm_reader *reader, uint32_t slot)
{
    return (reader->slots_out[slot / 32] & ((uint32_t)1 << slot % 32)) != 0;
}

/* What stands for the payload of a large event. */
static const char *read_chunk(const struct shm_reader *reader, const unsigned char *place, struct shm_record *record)
{
    uint64_t pages = ((uint64_t)record->len + SHM_PAGE - 1) / SHM_PAGE;
    struct shm_chunk_ref ref;

    load_words(&ref, place, sizeof(ref));
    if (reader->chunks == NULL)
        return "a chunk without a payload memory";
    if (ref.slot >= SHM_CHUNKS_MAX || is_slot_out(reader, ref.slot))
        return "a chunk in a slot that is taken or none";
    if (ref.page < PAGE_FIRST || ref.page > reader->chunk_pages || pages > reader->chunk_pages - ref.page)
        return "a chunk outside of the payload memory";
    record->is_chunk = true;
    record->slot = ref.slot;
    record->payload = reader->chunks + (size_t)ref.page * SHM_PAGE;
    return NULL;
}

static const char *read_loss(const unsigned char *place, struct shm_record *record)
{
    load_words(&record->loss, place, sizeof(record->loss));
    if (record->loss.count == 0 || record->loss.reason >= SHM_LOSS_REASONS)
        return "a loss of nothing, or for no reason";
    return NULL;
}

/* Everything the flags announce; the sizes were checked before. */
static const char *read_parts(const struct shm_reader *reader, unsigned flags, const unsigned char *place,
                              struct shm_record *record)
{
    const char *wrong = NULL;

    if (flags & SHM_HAS_PARENT) {
        load_words(&record->parent, place, sizeof(record->parent));
        place += sizeof(record->parent);
    }
    if (flags & SHM_HAS_CORRELATION) {
        load_words(&record->correlation, place, sizeof(record->correlation));
        place += sizeof(record->correlation);
    }
    if (flags & SHM_HAS_LOSS) {
        wrong = read_loss(place, record);
        place += sizeof(record->loss);
    }
    if (wrong != NULL)
        return wrong;
    if (flags & SHM_IS_CHUNK)
        return read_chunk(reader, place, record);
    record->payload = place;
    return NULL;
}

/* Bytes of the record with these flags and payload; `len` may be anything, so 64 bits. */
static uint64_t size_of(unsigned flags, uint64_t len)
{
    uint64_t size = sizeof(struct shm_record_header);

    if ((flags & ~(unsigned)SHM_IS_MSGPACK) != 0) {
        size += flags & SHM_HAS_PARENT ? sizeof(maiko_id) : 0;
        size += flags & SHM_HAS_CORRELATION ? sizeof(maiko_id) : 0;
        size += flags & SHM_HAS_LOSS ? sizeof(struct shm_loss) : 0;
        len = flags & SHM_IS_CHUNK ? sizeof(struct shm_chunk_ref) : len;
    }
    return (size + len + 7) & ~(uint64_t)7;
}

static const char *check_shape(const struct shm_record_header *header)
{
    if (header->kind <= SHM_RECORD_PAD || header->kind >= SHM_RECORD_KINDS || (header->flags & ~SHM_FLAGS) != 0)
        return "a record of no kind";
    if (header->alike != 0)
        return "a run that is none";
    if (size_of(header->flags, header->len) != header->size)
        return "a record that is not as long as its parts";
    if (header->len > SHM_BODY_MAX && (header->flags & SHM_IS_CHUNK) == 0)
        return "a record longer than any";
    if (header->kind == SHM_RECORD_LOST && (header->flags != SHM_HAS_LOSS || header->len != 0))
        return "a loss with more than its number";
    return NULL;
}

/* Reads the whole record at `place`, whose first word is in the header already.  NULL: it is one. */
static const char *read_record(const struct shm_reader *reader, const unsigned char *place, struct shm_record_header *header,
                               struct shm_record *record)
{
    static const maiko_id none;
    uint64_t word = load_word(place + 8);
    const char *wrong;

    header->channel = (uint32_t)word;
    header->len = (uint32_t)(word >> 32);
    header->position = load_word(place + 16);
    wrong = check_shape(header);
    if (wrong != NULL)
        return wrong;
    record->kind = header->kind;
    record->is_msgpack = (header->flags & SHM_IS_MSGPACK) != 0;
    record->is_chunk = false;
    record->alike = 0;
    record->slot = 0;
    record->channel = header->channel;
    record->len = header->len;
    record->position = header->position;
    record->id_lo = load_word(place + 24);
    record->time_ns = load_word(place + 32);
    record->parent = none;
    record->correlation = none;
    record->loss.count = 0;
    record->loss.reason = 0;
    record->payload = place + sizeof(*header);
    if ((header->flags & ~(unsigned)SHM_IS_MSGPACK) != 0)
        wrong = read_parts(reader, header->flags, place + sizeof(*header), record);
    if (wrong == NULL && header->position - reader->position != record->loss.count)
        wrong = "a position that does not follow";
    return wrong;
}

/* The record's bytes lie within what is written and in one piece; only its first word was read so far, and of a pad there is
 * no more. */
static inline const char *check_place(const struct shm_reader *reader, uint64_t offset, uint32_t size, unsigned kind)
{
    uint64_t to_end = reader->ring_bytes - offset;

    if (size < 8 || (size & 7) != 0 || size > reader->head - reader->tail || size > to_end)
        return "a record that reaches past what is written";
    if (kind == SHM_RECORD_PAD && size != to_end)
        return "a pad that does not end the ring";
    if (kind != SHM_RECORD_PAD && size < sizeof(struct shm_record_header))
        return "a record shorter than its header";
    return NULL;
}

static inline void take_note(struct shm_reader *reader, uint32_t size, uint32_t slot, uint64_t next_position)
{
    reader->peeked = size;
    reader->peeked_slot = slot;
    reader->peeked_next = next_position;
    reader->peeked_rest.count = 0;
}

/* An event without anything optional, and those behind it that are alike; all of it was checked. */
static inline void give_plain(struct shm_reader *reader, const struct shm_rest_of_run *all, const unsigned char *payload,
                              struct shm_record *record)
{
    *record = (struct shm_record){.kind = SHM_RECORD_EVENT,
                                  .channel = all->channel,
                                  .len = all->len,
                                  .alike = all->count - 1,
                                  .position = reader->position,
                                  .id_lo = all->id_lo,
                                  .time_ns = all->time_ns,
                                  .payload = payload};
    reader->peeked_rest = *all;
    reader->peeked_rest.count--;
    reader->peeked_rest.id_lo++;
}

/* Most records are events of native layout without anything optional: two comparisons say so, and that all of it is as it
 * should be.  False: look at it more closely; nothing was believed. */
static inline bool read_plain_of(struct shm_reader *reader, const unsigned char *place, uint64_t left, struct shm_record *record)
{
    uint64_t first = load_word(place);
    uint64_t second = load_word(place + 8);
    uint64_t position = load_word(place + 16);
    uint64_t len = second >> 32;
    uint64_t alike = first >> 48;
    uint64_t stride = (len + 7) & ~(uint64_t)7;
    uint64_t size = sizeof(struct shm_record_header) + (alike + 1) * stride;
    uint64_t gap = (first & 0xffffffffffff) - (size | (uint64_t)SHM_RECORD_EVENT << 32);
    struct shm_rest_of_run all;

    if (gap > (alike > 0 ? SHM_GAP_MAX : 0) || size + gap > left || position != reader->position)
        return false;
    if (size > sizeof(struct shm_record_header) + SHM_BODY_MAX || (alike > 0 && len == 0) || (gap & 7) != 0)
        return false;
    all = (struct shm_rest_of_run){.count = (uint32_t)alike + 1,
                                   .channel = (uint32_t)second,
                                   .len = (uint32_t)len,
                                   .id_lo = load_word(place + 24),
                                   .time_ns = load_word(place + 32)};
    take_note(reader, (uint32_t)(sizeof(struct shm_record_header) + gap + stride), SHM_CHUNKS_MAX, position + 1);
    give_plain(reader, &all, place + sizeof(struct shm_record_header) + gap, record);
    return true;
}

/* The same of the next record, whatever it is. */
static inline bool read_plain(struct shm_reader *reader, struct shm_record *record)
{
    uint64_t offset = reader->tail & (reader->ring_bytes - 1);
    uint64_t left = reader->head - reader->tail; /* 0 once the exporter was caught lying */

    left = left < reader->ring_bytes - offset ? left : reader->ring_bytes - offset;
    return left >= sizeof(struct shm_record_header) && read_plain_of(reader, reader->data->ring + offset, left, record);
}

/* The next event of a run: nothing of it but its payload is in the ring. */
static void give_rest(struct shm_reader *reader, struct shm_record *record)
{
    const struct shm_rest_of_run all = reader->rest;

    take_note(reader, (uint32_t)shm_run_stride(all.len), SHM_CHUNKS_MAX, reader->position + 1);
    give_plain(reader, &all, reader->data->ring + (reader->tail & (reader->ring_bytes - 1)), record);
}

/* Any record, behind pads.  MAIKO_ENOTFOUND after a pad that was the last. */
static maiko_status read_any(struct shm_reader *reader, struct shm_record *ret_record)
{
    struct shm_record_header header;

    while (reader->tail != reader->head && !read_plain(reader, ret_record)) {
        uint64_t offset = reader->tail & (reader->ring_bytes - 1);
        const unsigned char *place = reader->data->ring + offset;
        uint64_t word = load_word(place);
        const char *wrong;

        memcpy(&header, &word, sizeof(word));
        wrong = check_place(reader, offset, header.size, header.kind);
        if (wrong == NULL && header.kind == SHM_RECORD_PAD) {
            reader->tail += header.size;
            continue;
        }
        if (wrong == NULL)
            wrong = read_record(reader, place, &header, ret_record);
        if (wrong != NULL)
            return broken(reader, wrong);
        take_note(reader, header.size, ret_record->is_chunk ? ret_record->slot : SHM_CHUNKS_MAX,
                  header.position + takes_position(ret_record->kind));
        return MAIKO_OK;
    }
    return reader->tail != reader->head ? MAIKO_OK : MAIKO_ENOTFOUND;
}

static maiko_status __attribute__((noinline)) peek_closely(struct shm_reader *reader, struct shm_record *ret_record)
{
    maiko_status status = reader->broken != NULL ? MAIKO_EPROTOCOL : MAIKO_ENOTFOUND;

    while (status == MAIKO_ENOTFOUND) { /* a pad may end what is there: by now there may be more */
        if (reader->tail == reader->head) {
            status = load_head(reader);
            if (status != MAIKO_OK)
                return status;
        }
        status = read_any(reader, ret_record);
    }
    return status;
}

maiko_status shm_reader_peek(struct shm_reader *reader, struct shm_record *ret_record)
{
    if (reader->rest.count > 0) {
        give_rest(reader, ret_record);
        return MAIKO_OK;
    }
    return read_plain(reader, ret_record) ? MAIKO_OK : peek_closely(reader, ret_record);
}

/* ---- confirming, sleeping, waking ---- */

bool shm_reader_confirm(struct shm_reader *reader, uint64_t acknowledged)
{
    uint32_t asleep;

    if (acknowledged != reader->acknowledged) {
        reader->acknowledged = acknowledged;
        FAULT_POINT(before_acknowledge);
        /* Relaxed: the number stands for itself. */
        atomic_store_explicit(&reader->control->acknowledged, acknowledged - reader->first, memory_order_relaxed);
        FAULT_POINT(after_acknowledge);
    }
    reader->confirmed = reader->tail;
    FAULT_POINT(before_confirm);
    /* Release: pairs with the acquire in shm_writer_refresh(); our last reads of these bytes are done. */
    atomic_store_explicit(&reader->control->consumed, reader->tail, memory_order_release); /* step: store_consumed */
    FAULT_POINT(after_confirm);
    /* Dekker with shm_writer_sleep(): here consumed is stored and then asleep loaded, there asleep is stored and then consumed
     * loaded.  The stores of shm_reader_return() are covered, too. */
    atomic_thread_fence(memory_order_seq_cst); /* step: fence_confirm */
    /* Relaxed: ordered by the fence; the number stands for itself. */
    asleep = atomic_load_explicit(&reader->data->asleep, memory_order_relaxed); /* step: load_writer_asleep */
    if (asleep == 0 || asleep == reader->last_woken)
        return false;
    reader->last_woken = asleep;
    return true;
}

void shm_reader_return(struct shm_reader *reader, uint32_t slot)
{
    if (slot >= SHM_CHUNKS_MAX || !is_slot_out(reader, slot))
        return;
    reader->slots_out[slot / 32] &= ~((uint32_t)1 << slot % 32);
    FAULT_POINT(before_return_slot);
    /* Relaxed: the release below publishes it. */
    atomic_store_explicit(&reader->control->slots[reader->returned % SHM_CHUNKS_MAX], slot,
                          memory_order_relaxed); /* step: store_slot */
    FAULT_POINT(after_return_slot);
    reader->returned++;
    FAULT_POINT(before_return);
    /* Release: pairs with the acquire in shm_writer_refresh(); the slot is written and our last reads of the chunk are done. */
    atomic_store_explicit(&reader->control->returned, reader->returned, memory_order_release); /* step: store_returned */
    FAULT_POINT(after_return);
}

bool shm_reader_has_more(const struct shm_reader *reader)
{
    /* Relaxed: whoever reads on loads it again with acquire. */
    return reader->tail != reader->head || atomic_load_explicit(&reader->data->head, memory_order_relaxed) != reader->tail;
}

bool shm_reader_sleep(struct shm_reader *reader)
{
    reader->sleeps = reader->sleeps + 1 != 0 ? reader->sleeps + 1 : 1;
    FAULT_POINT(before_reader_asleep);
    /* Relaxed: ordered by the fence. */
    atomic_store_explicit(&reader->control->asleep, reader->sleeps, memory_order_relaxed); /* step: store_reader_asleep */
    FAULT_POINT(after_reader_asleep);
    /* Dekker with shm_writer_publish(), which stores head and then loads this word. */
    atomic_thread_fence(memory_order_seq_cst); /* step: fence_reader_sleep */
    if (!shm_reader_has_more(reader))
        return true;
    shm_reader_awake(reader);
    return false;
}

void shm_reader_awake(struct shm_reader *reader)
{
    FAULT_POINT(before_reader_awake);
    /* Relaxed: a writer that still sees the old number wakes somebody who is awake. */
    atomic_store_explicit(&reader->control->asleep, 0, memory_order_relaxed); /* step: store_reader_awake */
    FAULT_POINT(after_reader_awake);
}

void shm_reader_fetch(const struct shm_reader *reader)
{
    uint64_t line;

    for (line = 0; line < SHM_SMALL_LINES; line++)
        __builtin_prefetch(reader->data->ring + ((reader->tail + line * 64) & (reader->ring_bytes - 1)), 0);
}
