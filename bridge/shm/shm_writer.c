/* Writer: records into the ring, and what the reader says about them, see shm_writer.h.  A name behind `step:` is that of the
 * same step in the models of tests/model. */
#include "shm/shm_writer.h"

#include <string.h>

#include "shm/shm_fault.h"

enum { CACHE_LINE = 64, AHEAD = 4096 /* bytes: what is written meanwhile */ };

void shm_writer_init(struct shm_writer *writer, const struct shm_area *data, const struct shm_area *control, uint64_t position)
{
    memset(writer, 0, sizeof(*writer));
    writer->data = shm_area_data(data);
    writer->control = shm_area_control(control);
    writer->ring_bytes = data->bytes - SHM_PAGE;
    writer->first = position;
    writer->position = position;
    writer->acknowledged = position;
    writer->open_loss = -1;
}

/* ---- what the reader says ---- */

static maiko_status broken(struct shm_writer *writer, const char *what)
{
    writer->broken = what;
    return MAIKO_EPROTOCOL;
}

maiko_status shm_writer_refresh(struct shm_writer *writer)
{
    uint64_t consumed;
    uint64_t acknowledged;
    uint64_t returned;

    if (writer->broken != NULL)
        return MAIKO_EPROTOCOL;
    /* Acquire: pairs with the release in shm_reader_confirm().  The reader's last reads of these bytes happened before, so
     * they may be written over. */
    consumed = atomic_load_explicit(&writer->control->consumed, memory_order_acquire); /* step: load_consumed */
    /* Relaxed: the number stands for itself; nothing else is believed because of it. */
    acknowledged = writer->first + atomic_load_explicit(&writer->control->acknowledged, memory_order_relaxed);
    /* Acquire: pairs with the release in shm_reader_return().  The slot numbers below it are written, and the reader's last
     * reads of the chunks happened before. */
    returned = atomic_load_explicit(&writer->control->returned, memory_order_acquire); /* step: load_returned */
    if (consumed - writer->consumed > writer->published - writer->consumed)
        return broken(writer, "it consumed what was not written, or went back");
    if (acknowledged - writer->acknowledged > writer->position - writer->acknowledged)
        return broken(writer, "it acknowledged what was not written, or went back");
    if (returned - writer->returned > SHM_CHUNKS_MAX)
        return broken(writer, "it returned more chunks than it had");
    writer->consumed = consumed;
    writer->acknowledged = acknowledged;
    writer->returned = returned;
    return MAIKO_OK;
}

/* ---- records ---- */

static inline unsigned flags_of(const struct shm_event *event)
{
    return (maiko_id_is_nil(event->parent) ? 0u : SHM_HAS_PARENT) |
           (maiko_id_is_nil(event->correlation) ? 0u : SHM_HAS_CORRELATION) | (event->is_msgpack ? SHM_IS_MSGPACK : 0u) |
           (event->chunk != NULL ? SHM_IS_CHUNK : 0u);
}

static inline size_t record_size(unsigned flags, size_t len)
{
    size_t size = sizeof(struct shm_record_header);

    if ((flags & ~(unsigned)SHM_IS_MSGPACK) != 0) {
        size += flags & SHM_HAS_PARENT ? sizeof(maiko_id) : 0;
        size += flags & SHM_HAS_CORRELATION ? sizeof(maiko_id) : 0;
        size += flags & SHM_HAS_LOSS ? sizeof(struct shm_loss) : 0;
        len = flags & SHM_IS_CHUNK ? sizeof(struct shm_chunk_ref) : len;
    }
    return (size + len + 7) & ~(size_t)7;
}

size_t shm_event_size(const struct shm_event *event)
{
    return record_size(flags_of(event) | SHM_HAS_LOSS, event->len);
}

/* How far the head may go before it needs another look: to where the reader is, or to the end of the ring. */
static void set_room(struct shm_writer *writer)
{
    uint64_t full = writer->consumed + writer->ring_bytes;
    uint64_t wrap = (writer->head | (writer->ring_bytes - 1)) + 1;

    writer->room_end = full < wrap ? full : wrap;
}

/* A pad up to the end of the ring, if there is room for it.  Its first word is enough: there may be no place for more. */
static bool write_pad(struct shm_writer *writer)
{
    uint64_t offset = writer->head & (writer->ring_bytes - 1);
    struct shm_record_header header = {.size = (uint32_t)(writer->ring_bytes - offset), .kind = SHM_RECORD_PAD};

    if (writer->head + header.size > writer->consumed + writer->ring_bytes)
        return false;
    memcpy(writer->data->ring + offset, &header, 8);
    writer->head += header.size;
    return true;
}

/* The reader has consumed as much as it says now.  MAIKO_OK, MAIKO_EFULL, MAIKO_EPROTOCOL. */
static maiko_status find_room(struct shm_writer *writer, size_t size)
{
    uint64_t to_end = writer->ring_bytes - (writer->head & (writer->ring_bytes - 1));
    uint64_t need = to_end < size ? to_end + size : size;
    maiko_status status = MAIKO_OK;

    if (shm_writer_used(writer) + need > writer->ring_bytes)
        status = shm_writer_refresh(writer);
    if (status != MAIKO_OK)
        return status;
    if (shm_writer_used(writer) + need > writer->ring_bytes || (to_end < size && !write_pad(writer)))
        return MAIKO_EFULL;
    set_room(writer);
    return MAIKO_OK;
}

/* Room for so many bytes in one piece, behind a pad if need be. */
static inline maiko_status make_room(struct shm_writer *writer, size_t size, unsigned char **ret_place)
{
    maiko_status status = MAIKO_OK;

    if (writer->head + size > writer->room_end)
        status = find_room(writer, size);
    *ret_place = writer->data->ring + (writer->head & (writer->ring_bytes - 1));
    return status;
}

static unsigned char *put(unsigned char *place, const void *bytes, size_t len)
{
    memcpy(place, bytes, len);
    return place + len;
}

static maiko_status write_loss_record(struct shm_writer *writer, uint32_t reason)
{
    struct shm_loss loss = {.count = writer->losses[reason], .reason = reason};
    struct shm_record_header header = {.size = sizeof(header) + sizeof(loss), .kind = SHM_RECORD_LOST, .flags = SHM_HAS_LOSS};
    unsigned char *place;
    maiko_status status = make_room(writer, header.size, &place);

    if (status != MAIKO_OK)
        return status;
    header.position = writer->position + loss.count;
    put(put(place, &header, sizeof(header)), &loss, sizeof(loss));
    writer->head += header.size;
    writer->position = header.position;
    writer->losses[reason] = 0;
    return MAIKO_OK;
}

/* Tells all losses but those of one reason, which *ret_left names (-1: none is left). */
static maiko_status tell_losses_but_one(struct shm_writer *writer, int *ret_left)
{
    int left = -1;
    int reason;

    for (reason = 0; reason < SHM_LOSS_REASONS; reason++) {
        if (writer->losses[reason] == 0)
            continue;
        if (left >= 0) {
            maiko_status status = write_loss_record(writer, (uint32_t)left);

            if (status != MAIKO_OK)
                return status;
        }
        left = reason;
    }
    *ret_left = left;
    return MAIKO_OK;
}

void shm_writer_lose(struct shm_writer *writer, uint64_t count, uint32_t reason)
{
    writer->losses[reason < SHM_LOSS_REASONS ? reason : 0] += count;
    writer->has_losses = writer->has_losses || count > 0;
}

maiko_status shm_writer_tell_loss(struct shm_writer *writer)
{
    int left = -1;
    maiko_status status = writer->broken != NULL ? MAIKO_EPROTOCOL : tell_losses_but_one(writer, &left);

    if (status == MAIKO_OK && left >= 0)
        status = write_loss_record(writer, (uint32_t)left);
    if (status == MAIKO_OK)
        writer->has_losses = false;
    return status;
}

/* What the flags announce; returns where the payload belongs. */
static unsigned char *write_parts(const struct shm_writer *writer, const struct shm_event *event, int loss_reason,
                                  struct shm_record_header *header)
{
    unsigned char *at = (unsigned char *)(header + 1);

    if (header->flags & SHM_HAS_PARENT)
        at = put(at, &event->parent, sizeof(event->parent));
    if (header->flags & SHM_HAS_CORRELATION)
        at = put(at, &event->correlation, sizeof(event->correlation));
    if (loss_reason >= 0) {
        struct shm_loss loss = {.count = writer->losses[loss_reason], .reason = (uint32_t)loss_reason};

        at = put(at, &loss, sizeof(loss));
    }
    if (event->chunk != NULL)
        at = put(at, event->chunk, sizeof(*event->chunk));
    return at;
}

static maiko_status check(const struct shm_writer *writer, const struct shm_event *event)
{
    if (writer->broken != NULL)
        return MAIKO_EPROTOCOL;
    if (event->chunk == NULL && event->len > SHM_BODY_MAX)
        return MAIKO_ETOOLONG;
    return MAIKO_OK;
}

maiko_status shm_writer_reserve(struct shm_writer *writer, const struct shm_event *event, void **ret_payload)
{
    unsigned flags = flags_of(event);
    struct shm_record_header *header;
    int loss_reason = -1;
    unsigned char *place;
    size_t size;
    maiko_status status = check(writer, event);

    if (status == MAIKO_OK && writer->has_losses)
        status = tell_losses_but_one(writer, &loss_reason);
    if (status != MAIKO_OK)
        return status;
    flags |= loss_reason >= 0 ? SHM_HAS_LOSS : 0u;
    size = record_size(flags, event->len);
    status = make_room(writer, size, &place);
    if (status != MAIKO_OK)
        return status;
    header = (struct shm_record_header *)(void *)place;
    *header = (struct shm_record_header){.size = (uint32_t)size,
                                         .kind = (uint8_t)event->kind,
                                         .flags = (uint8_t)flags,
                                         .channel = event->channel,
                                         .len = event->len,
                                         .position = writer->position + (loss_reason >= 0 ? writer->losses[loss_reason] : 0),
                                         .id_lo = event->id_lo,
                                         .time_ns = event->time_ns};
    if ((flags & ~(unsigned)SHM_IS_MSGPACK) != 0)
        place = write_parts(writer, event, loss_reason, header);
    else
        place += sizeof(*header);
    writer->open = (uint32_t)size;
    writer->open_loss = loss_reason;
    writer->open_takes_position = event->kind != SHM_RECORD_FRAME;
    *ret_payload = event->chunk == NULL ? place : NULL;
    return MAIKO_OK;
}

/* Without the attribute this fetches for reading, and each line has to be asked for again.  Old processors ignore it. */
#if defined(__x86_64__)
__attribute__((target("prfchw")))
#endif
static void
fetch_lines(const struct shm_writer *writer, uint64_t from, uint64_t lines)
{
    uint64_t line;

    for (line = 0; line < lines; line++)
        __builtin_prefetch(writer->data->ring + ((from + line * 64) & (writer->ring_bytes - 1)), 1);
}

/* A store that waits for its line holds up those behind it; so as many lines are asked for as were just taken, one run early.
 * None that the reader may still read: it would have to fetch them again. */
static void fetch_behind(const struct shm_writer *writer, uint64_t bytes)
{
    if (bytes > 64 && writer->head + AHEAD + bytes <= writer->consumed + writer->ring_bytes)
        fetch_lines(writer, writer->head + AHEAD, bytes / 64 + 1);
}

/* So many of them fit in one piece, without a look at what the reader has consumed. */
static uint32_t fitting(const struct shm_writer *writer, size_t stride, uint32_t count)
{
    const uint64_t room = writer->room_end - writer->head;
    uint64_t most;

    if (room < sizeof(struct shm_record_header) + stride || writer->has_losses || stride > SHM_BODY_MAX)
        return 0;
    if (stride == 0)
        return 1;
    most = room - sizeof(struct shm_record_header);
    most = (most < SHM_BODY_MAX ? most : SHM_BODY_MAX) / stride;
    return count < most ? count : (uint32_t)most;
}

/* What makes a run end with a line: the reader gets the last one when it is published, and the next record, were it in there,
 * would have to get it back first, with all that is written behind it waiting. */
static inline size_t gap_of(const struct shm_writer *writer, size_t size)
{
    const uint64_t gap = -(writer->head + size) & (CACHE_LINE - 1);

    return gap <= writer->room_end - writer->head - size ? (size_t)gap : 0;
}

uint32_t shm_writer_put(struct shm_writer *writer, const struct shm_run *run, uint32_t count, void **ret_payloads)
{
    const size_t stride = shm_run_stride(run->len);
    struct shm_record_header *header;
    size_t size;
    size_t gap;

    *ret_payloads = NULL;
    count = fitting(writer, stride, count);
    if (count == 0)
        return 0;
    size = sizeof(*header) + count * stride;
    gap = count > 1 ? gap_of(writer, size) : 0;
    size += gap;
    header = (struct shm_record_header *)(void *)(writer->data->ring + (writer->head & (writer->ring_bytes - 1)));
    *header = (struct shm_record_header){.size = (uint32_t)size,
                                         .kind = SHM_RECORD_EVENT,
                                         .alike = (uint16_t)(count - 1),
                                         .channel = run->channel,
                                         .len = run->len,
                                         .position = writer->position,
                                         .id_lo = run->id_lo,
                                         .time_ns = run->time_ns};
    writer->head += size;
    writer->position += count;
    fetch_behind(writer, size);
    *ret_payloads = (unsigned char *)(header + 1) + gap;
    return count;
}

uint64_t shm_writer_commit(struct shm_writer *writer)
{
    uint64_t position;

    if (writer->open_loss >= 0) {
        writer->position += writer->losses[writer->open_loss];
        writer->losses[writer->open_loss] = 0;
        writer->has_losses = false;
    }
    position = writer->position;
    writer->position += writer->open_takes_position;
    writer->head += writer->open;
    writer->open = 0;
    return position;
}

void shm_writer_abort(struct shm_writer *writer)
{
    writer->open = 0;
}

/* ---- publishing, sleeping, waking ---- */

bool shm_writer_publish(struct shm_writer *writer)
{
    uint32_t asleep;

    if (writer->head == writer->published)
        return false;
    FAULT_POINT(before_publish_head);
    /* Release: pairs with the acquire loads of head in shm_reader.c; whoever sees it sees the records below. */
    atomic_store_explicit(&writer->data->head, writer->head, memory_order_release); /* step: publish_head */
    FAULT_POINT(after_publish_head);
    writer->published = writer->head;
    /* Dekker with shm_reader_sleep(): here head is stored and then asleep loaded, there asleep is stored and then head
     * loaded.  With a sequentially consistent fence in between on both sides at least one of the two sees the other. */
    atomic_thread_fence(memory_order_seq_cst); /* step: fence_publish */
    /* Relaxed: ordered by the fence; the number stands for itself. */
    asleep = atomic_load_explicit(&writer->control->asleep, memory_order_relaxed); /* step: load_reader_asleep */
    if (asleep == 0 || asleep == writer->last_woken)
        return false;
    writer->last_woken = asleep; /* once per sleep is enough */
    return true;
}

/* Number of a sleep: never 0, and unlike the one before. */
static uint32_t next_sleep(uint32_t sleeps)
{
    return sleeps + 1 != 0 ? sleeps + 1 : 1;
}

bool shm_writer_sleep(struct shm_writer *writer)
{
    uint64_t consumed = writer->consumed;
    uint64_t returned = writer->returned;

    if (shm_writer_has_batch(writer) || writer->broken != NULL)
        return false;
    writer->sleeps = next_sleep(writer->sleeps);
    FAULT_POINT(before_writer_asleep);
    /* Relaxed: ordered by the fence. */
    atomic_store_explicit(&writer->data->asleep, writer->sleeps, memory_order_relaxed); /* step: store_writer_asleep */
    FAULT_POINT(after_writer_asleep);
    /* Dekker with shm_reader_confirm(), which stores consumed and returned and then loads this word. */
    atomic_thread_fence(memory_order_seq_cst); /* step: fence_writer_sleep */
    if (shm_writer_refresh(writer) == MAIKO_OK && writer->consumed == consumed && writer->returned == returned)
        return true;
    shm_writer_awake(writer);
    return false;
}

void shm_writer_awake(struct shm_writer *writer)
{
    FAULT_POINT(before_writer_awake);
    /* Relaxed: a reader that still sees the old number wakes somebody who is awake. */
    atomic_store_explicit(&writer->data->asleep, 0, memory_order_relaxed); /* step: store_writer_awake */
    FAULT_POINT(after_writer_awake);
}

void shm_writer_fetch_room(const struct shm_writer *writer)
{
    fetch_lines(writer, writer->head, SHM_SMALL_LINES);
}
