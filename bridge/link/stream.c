/* Stream: the queue and the decisions about overflow. */
#include "link/stream.h"

#include <string.h>

#include "link/stream_queue.h"
#include "wire/limits.h"

enum { RING_FIRST_CAPACITY = 64 };

void stream_init(struct stream *stream, struct heap *heap, struct retained *log)
{
    *stream = (struct stream){.heap = heap, .log = log};
}

void stream_set_holding(struct stream *stream, struct stream_record *record, bool is_holding)
{
    if (record->is_holding == is_holding)
        return;
    record->is_holding = is_holding;
    stream->holding += is_holding ? 1 : (size_t)-1;
    record->entry->topic->holding += is_holding ? 1 : UINT32_MAX;
}

void stream_release(struct stream *stream, struct stream_record *record)
{
    if (record->state == STREAM_EVENT) {
        record->entry->topic->queued--;
        retained_unref(stream->log, record->entry);
    }
    if (record->state == STREAM_FAILED) {
        stream->failures--;
        heap_free(stream->heap, record->failure, record->failure->size);
    }
}

static void clear(struct stream *stream)
{
    size_t i;

    for (i = 0; i < stream->count; i++) {
        stream->counters.dropped += stream_at(stream, i)->state == STREAM_EVENT;
        stream_set_holding(stream, stream_at(stream, i), false);
        stream_release(stream, stream_at(stream, i));
    }
    stream->head = stream->sent = stream->admitted = stream->count = 0;
    stream->admitted_bytes = stream->waiting_bytes = 0;
    stream->droppable = 0;
}

void stream_deinit(struct stream *stream)
{
    clear(stream);
    heap_free(stream->heap, stream->records, stream->capacity * sizeof(*stream->records));
    stream->records = NULL;
    stream->capacity = 0;
}

void stream_restart(struct stream *stream, uint64_t id)
{
    clear(stream);
    stream->id = id;
    stream->base = 0;
    stream->is_lossy = false;
    stream->stuck_since = 0;
}

bool stream_grow(struct stream *stream, size_t more)
{
    size_t capacity = stream->capacity > 0 ? 2 * stream->capacity : RING_FIRST_CAPACITY;
    struct stream_record *records;
    size_t i;

    if (stream->count + more <= stream->capacity)
        return true;
    records = heap_alloc_zeroed(stream->heap, capacity, sizeof(*records));
    if (records == NULL)
        return false;
    for (i = 0; i < stream->count; i++)
        records[i] = *stream_at(stream, i);
    heap_free(stream->heap, stream->records, stream->capacity * sizeof(*stream->records));
    stream->records = records;
    stream->capacity = capacity;
    stream->head = 0;
    return true;
}

/* Who begins inside of the window fits, however long it is: of records of more than half a window one is sent while the one
 * before is read. */
static bool has_room(const struct stream *stream)
{
    return stream->admitted < stream->window_events && stream->admitted_bytes < stream->window_bytes;
}

void stream_admit(struct stream *stream)
{
    while (stream->admitted < stream->count) {
        struct stream_record *record = stream_at(stream, stream->admitted);

        if (!has_room(stream))
            return;
        stream->admitted++;
        stream->admitted_bytes += record->size;
        stream->waiting_bytes -= record->size;
        stream_set_holding(stream, record, false);
        stream->droppable -= record->is_droppable;
        record->is_droppable = false;
    }
}

void stream_push(struct stream *stream, struct stream_record record)
{
    *stream_at(stream, stream->count) = record;
    stream->count++;
    stream->waiting_bytes += record.size;
    stream->droppable += record.is_droppable;
    stream_admit(stream);
}

/* Pushes an event with a reference of its own, or its loss when there is no memory. */
static bool push_event(struct stream *stream, struct stream_record record)
{
    if (!stream_grow(stream, 2)) {
        stream_push_loss(stream, LOSS_LOG);
        return false;
    }
    retained_ref(record.entry);
    retained_note_queued(stream->log, record.entry->topic, 1);
    stream_push(stream, record);
    return true;
}

static enum offer offer_without_room(struct stream *stream, struct stream_record record, maiko_overflow overflow, uint64_t now_ns)
{
    if (!stream->is_connected && stream->is_lossy) /* gone: kept as long as the log has it */
        return push_event(stream, record) ? OFFER_QUEUED : OFFER_LOST;
    switch (overflow) {
    case MAIKO_DROP_NEWEST:
        stream_push_loss(stream, LOSS_WINDOW); /* step: drop_newest */
        return OFFER_LOST;
    case MAIKO_DROP_OLDEST:
        record.is_droppable = true;
        if (!push_event(stream, record))
            return OFFER_LOST;
        while (stream->droppable > stream->oldest_tail)
            stream_evict_oldest(stream);
        return OFFER_QUEUED;
    case MAIKO_FAIL:
        stream_push_loss(stream, LOSS_WINDOW); /* step: fail_subscription */
        return OFFER_FAILED;
    default:
        break;
    }
    if (stream->is_lossy) {
        stream_push_loss(stream, LOSS_DEADLINE); /* step: lose_by_deadline */
        return OFFER_LOST;
    }
    if (!push_event(stream, record))
        return OFFER_LOST;
    if (stream->admitted < stream->count)
        stream_set_holding(stream, stream_at(stream, stream->count - 1), true); /* step: hold */
    if (stream->stuck_since == 0)
        stream->stuck_since = now_ns;
    return OFFER_HELD;
}

enum offer stream_offer(struct stream *stream, struct retained_entry *entry, uint8_t index, maiko_overflow overflow,
                        uint64_t now_ns)
{
    const struct stream_record record = {.state = STREAM_EVENT, .run = 1, .index = index, .size = entry->len, .entry = entry};

    stream->counters.offered++;
    if (stream->admitted < stream->count || !has_room(stream))
        return offer_without_room(stream, record, overflow, now_ns);
    return push_event(stream, record) ? OFFER_QUEUED : OFFER_LOST;
}

/* Records of `len` bytes that fit behind the last one where nobody waits, with the place in the ring that is kept free; 0: look
 * closer. */
static size_t room_for(const struct stream *stream, uint32_t len)
{
    size_t places = stream->capacity - stream->count;
    size_t events = stream->window_events - stream->admitted;
    size_t fitting;

    if (stream->admitted < stream->count || stream->count + 1 >= stream->capacity || len == 0 || !has_room(stream))
        return 0;
    fitting = (stream->window_bytes - stream->admitted_bytes - 1) / len + 1; /* the last one begins inside */
    fitting = fitting < events ? fitting : events;
    return fitting < places - 1 ? fitting : places - 1;
}

/* A slow reader may get few events of each entry: a whole window of them is not to keep all the others. */
static bool is_small_part(const struct retained_entry *entry, size_t count)
{
    return count * 4 < entry->count;
}

/* `count` records, like the first but for their numbers, from `at` on. */
static void put_records(const struct stream *stream, size_t at, struct stream_record record, size_t count)
{
    struct stream_record *records = stream->records;
    size_t first = stream->head + at;
    size_t mask = stream->capacity - 1;
    size_t i;

    for (i = 0; i < count; i++) {
        struct stream_record *to = &records[(first + i) & mask];

        *to = record;
        to->run = (uint8_t)(count - i);
        to->index = (uint8_t)(record.index + i);
    }
}

/* Behind the last one, as many of the entry's events from `position` on as there are before `end`; the caller counts them. */
static size_t put_entry(struct stream *stream, size_t at, struct retained_entry *entry, uint64_t position, uint64_t end)
{
    uint8_t index = retained_index(entry, position);
    size_t left = (size_t)(entry->count - index);
    size_t count = end - position < left ? (size_t)(end - position) : left;
    struct retained_entry *part = is_small_part(entry, count) ? retained_part(stream->log, entry, index, (uint32_t)count) : NULL;

    if (part == NULL) {
        entry->refs += (uint32_t)count & RETAINED_REFS_MAX;
    } else {
        entry = part;
        index = 0;
    }
    put_records(stream, at, (struct stream_record){.state = STREAM_EVENT, .index = index, .size = entry->len, .entry = entry},
                count);
    return count;
}

size_t stream_offer_run(struct stream *stream, uint64_t first, uint64_t end)
{
    const struct retained_entry *entry = retained_at(stream->log, first);
    uint32_t len = entry->len;
    size_t room = room_for(stream, len);
    size_t count = end - first < room ? (size_t)(end - first) : room;
    size_t done = 0;

    while (done < count)
        done += put_entry(stream, stream->count + done, retained_at(stream->log, first + done), first + done, first + count);
    retained_note_queued(stream->log, entry->topic, count);
    stream->counters.offered += count;
    stream->count += count;
    stream->admitted += count;
    stream->admitted_bytes += count * len;
    return count;
}

void stream_push_past(struct stream *stream, struct retained_entry *entry, uint8_t index)
{
    stream->counters.offered++;
    (void)push_event(stream,
                     (struct stream_record){.state = STREAM_EVENT, .run = 1, .index = index, .size = entry->len, .entry = entry});
}

maiko_status stream_push_end(struct stream *stream, uint32_t end)
{
    if (!stream_grow(stream, 2))
        return MAIKO_ENOMEM;
    stream_push(stream, (struct stream_record){.state = STREAM_END, .size = STREAM_SMALL_RECORD, .end = end});
    return MAIKO_OK;
}

maiko_status stream_push_failed(struct stream *stream, const char *pattern, uint64_t id)
{
    size_t len = strlen(pattern);
    size_t size = sizeof(struct stream_failure) + len + 1;
    struct stream_failure *failure;

    if (stream->failures >= WIRE_PATTERNS_MAX)
        return MAIKO_ELIMIT;
    failure = heap_alloc(stream->heap, size);
    if (failure == NULL || !stream_grow(stream, 2)) {
        heap_free(stream->heap, failure, size);
        return MAIKO_ENOMEM;
    }
    *failure = (struct stream_failure){.id = id, .size = size};
    memcpy(failure->pattern, pattern, len + 1);
    stream->failures++;
    stream_push(stream, (struct stream_record){.state = STREAM_FAILED, .size = STREAM_SMALL_RECORD, .failure = failure});
    return MAIKO_OK;
}

static const char *failure_text(const void *failure)
{
    return ((const struct stream_failure *)failure)->pattern;
}

maiko_status stream_collect_failures(const struct stream *stream, struct hash_table *ret_failures)
{
    size_t left = stream->failures;
    size_t i;

    hash_table_init(ret_failures, stream->heap, failure_text);
    for (i = stream->count; left > 0 && i > 0; i--) {
        const struct stream_record *record = stream_at(stream, i - 1);

        if (record->state != STREAM_FAILED)
            continue;
        left--;
        if (hash_table_insert(ret_failures, record->failure) == MAIKO_ENOMEM)
            return MAIKO_ENOMEM;
    }
    return MAIKO_OK;
}

const struct stream_record *stream_sendable(const struct stream *stream, size_t index)
{
    size_t i = stream->sent + index;

    return i < stream->admitted ? stream_at(stream, i) : NULL;
}

size_t stream_sendable_run(const struct stream *stream, size_t index, size_t most)
{
    const size_t first = stream->sent + index;
    const struct stream_record *record = stream_at(stream, first);
    const size_t left = stream->admitted - first;
    size_t count = record->run;

    most = most < left ? most : left;
    most = most > 0 ? most : 1;
    while (count < most && stream_at(stream, first + count)->state == STREAM_EVENT &&
           stream_at(stream, first + count)->entry == record->entry &&
           stream_at(stream, first + count)->index == record->index + count)
        count += stream_at(stream, first + count)->run;
    return count < most ? count : most;
}

void stream_mark_sent(struct stream *stream, size_t count)
{
    stream->sent += count;
}

/* How many of the records from `index` on, before `end`, are events of one entry? */
static size_t events_of_entry(const struct stream *stream, size_t index, size_t end)
{
    const struct retained_entry *entry = stream_at(stream, index)->entry;
    size_t i = index;

    while (i < end && stream_at(stream, i)->state == STREAM_EVENT && stream_at(stream, i)->entry == entry)
        i += stream_at(stream, i)->run;
    return (i < end ? i : end) - index;
}

/* The first `count` records, which were sent. */
static void take_off(struct stream *stream, size_t count)
{
    uint64_t bytes = 0;
    uint64_t events = 0;
    size_t i = 0;

    while (i < count) {
        struct stream_record *record = stream_at(stream, i);
        bool is_event = record->state == STREAM_EVENT;
        size_t some = is_event ? events_of_entry(stream, i, count) : 1;

        bytes += (uint64_t)record->size * some;
        events += is_event ? some : 0;
        if (is_event) {
            record->entry->topic->queued -= some;
            retained_unref_some(stream->log, record->entry, (uint32_t)some);
        } else {
            stream_release(stream, record);
        }
        i += some;
    }
    stream->counters.acknowledged += events;
    stream->counters.acknowledged_bytes += bytes;
    stream->admitted_bytes -= bytes;
    stream->head = (stream->head + count) & (stream->capacity - 1); /* step: acknowledge */
    stream->base += count;
    stream->sent -= count;
    stream->admitted -= count;
    stream->count -= count;
}

bool stream_acknowledge(struct stream *stream, uint64_t next, uint64_t now_ns)
{
    if (next > stream->base + stream->sent)
        return false;
    if (next <= stream->base)
        return true;
    take_off(stream, (size_t)(next - stream->base));
    stream_admit(stream);
    stream_push_unrecorded(stream);
    stream->stuck_since = stream->holding > 0 ? now_ns : 0;
    return true;
}

bool stream_rewind(struct stream *stream, uint64_t next)
{
    if (next < stream->base || next > stream->base + stream->sent)
        return false;
    stream->sent = (size_t)(next - stream->base);
    return true;
}

/* A peer that keeps coming back without taking anything does not get a new deadline every time. */
void stream_connect(struct stream *stream, uint64_t now_ns)
{
    stream->is_connected = true;
    stream->is_lossy = false;
    stream_admit(stream);
    if (stream->holding == 0)
        stream->stuck_since = 0;
    else if (stream->stuck_since == 0)
        stream->stuck_since = now_ns;
}

void stream_disconnect(struct stream *stream, uint64_t now_ns)
{
    stream->is_connected = false;
    if (stream->stuck_since == 0 && !stream->is_lossy)
        stream->stuck_since = now_ns;
}

void stream_give_up(struct stream *stream)
{
    size_t i;

    for (i = stream->admitted; stream->holding > 0 && i < stream->count; i++)
        stream_set_holding(stream, stream_at(stream, i), false);
    stream->is_lossy = true; /* step: give_up */
    stream->stuck_since = 0;
}

bool stream_has_recovered(struct stream *stream)
{
    if (!stream->is_lossy || !stream->is_connected || stream->admitted < stream->count)
        return false;
    stream->is_lossy = false; /* step: recover */
    return true;
}
