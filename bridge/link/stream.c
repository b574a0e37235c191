/* Stream: the queue and the decisions about overflow. */
#include "link/stream.h"

#include <string.h>

enum {
    RING_FIRST_CAPACITY = 64,
    SMALL_RECORD = 48, /* what a loss, an end, a failure count against the window */
    TRIM_AT_LEAST = 256
};

const char *loss_name(enum loss loss)
{
    static const char *const names[] = {"window", "oldest", "deadline", "log"};

    return names[loss];
}

void stream_init(struct stream *stream, struct heap *heap, struct retained *log)
{
    *stream = (struct stream){.heap = heap, .log = log};
}

static struct stream_record *at(const struct stream *stream, size_t index)
{
    return &stream->records[(stream->head + index) & (stream->capacity - 1)];
}

/* Whether the record holds its sender: counted here, and at its topic for the exporter. */
static void set_holding(struct stream *stream, struct stream_record *record, bool is_holding)
{
    if (record->is_holding == is_holding)
        return;
    record->is_holding = is_holding;
    stream->holding += is_holding ? 1 : (size_t)-1;
    record->entry->topic->holding += is_holding ? 1 : UINT32_MAX;
}

/* Frees what a record owns. */
static void release(struct stream *stream, struct stream_record *record)
{
    if (record->state == STREAM_EVENT)
        retained_unref(stream->log, record->entry);
    if (record->state == STREAM_FAILED)
        heap_strfree(stream->heap, record->pattern);
}

static void clear(struct stream *stream)
{
    size_t i;

    for (i = 0; i < stream->count; i++) {
        stream->counters.dropped += at(stream, i)->state == STREAM_EVENT;
        set_holding(stream, at(stream, i), false);
        release(stream, at(stream, i));
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

/* Room for `more` records. */
static bool grow(struct stream *stream, size_t more)
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
        records[i] = *at(stream, i);
    heap_free(stream->heap, stream->records, stream->capacity * sizeof(*stream->records));
    stream->records = records;
    stream->capacity = capacity;
    stream->head = 0;
    return true;
}

static bool fits(const struct stream *stream, uint32_t size)
{
    if (stream->admitted == 0)
        return true; /* one record always fits */
    return stream->admitted < stream->window_events && stream->admitted_bytes + size <= stream->window_bytes;
}

/* Moves what waits into the window as far as it fits. */
static void admit(struct stream *stream)
{
    while (stream->admitted < stream->count) {
        struct stream_record *record = at(stream, stream->admitted);

        if (!fits(stream, record->size))
            return;
        stream->admitted++;
        stream->admitted_bytes += record->size;
        stream->waiting_bytes -= record->size;
        set_holding(stream, record, false);
        stream->droppable -= record->is_droppable;
        record->is_droppable = false;
    }
}

static void push(struct stream *stream, struct stream_record record)
{
    *at(stream, stream->count) = record;
    stream->count++;
    stream->waiting_bytes += record.size;
    stream->droppable += record.is_droppable;
    admit(stream);
}

/* Among the losses right before `end` that were not sent, the one for this reason; NULL: there is none. */
static struct stream_record *loss_before(const struct stream *stream, size_t end, uint8_t loss)
{
    for (; end > stream->sent && at(stream, end - 1)->state == STREAM_LOST; end--)
        if (at(stream, end - 1)->loss == loss)
            return at(stream, end - 1);
    return NULL;
}

/* Notes a loss at the end of the queue.  Losses between two events are one record per reason, so that they take no more room than
 * the events do.  One place in the ring is kept free for one, see push_event(). */
static void push_loss(struct stream *stream, enum loss loss)
{
    struct stream_record *last = stream->count > stream->sent ? at(stream, stream->count - 1) : NULL;
    struct stream_record *same = loss_before(stream, stream->count, (uint8_t)loss);

    stream->counters.lost[loss]++;
    if (same == NULL && last != NULL && last->state == STREAM_LOST && stream->count == stream->capacity)
        same = last;
    if (same != NULL)
        same->lost++;
    else if (grow(stream, 1))
        push(stream, (struct stream_record){.state = STREAM_LOST, .loss = (uint8_t)loss, .size = SMALL_RECORD, .lost = 1});
    else
        stream->unrecorded++;
}

/* Pushes an event with a reference of its own, or its loss when there is no memory. */
static bool push_event(struct stream *stream, struct stream_record record)
{
    if (!grow(stream, 2)) {
        push_loss(stream, LOSS_LOG);
        return false;
    }
    retained_ref(record.entry);
    push(stream, record);
    return true;
}

/* Takes record `index`, which was not sent, out of the queue. */
static void remove_at(struct stream *stream, size_t index)
{
    struct stream_record *record = at(stream, index);
    size_t i;

    if (index < stream->admitted) {
        stream->admitted--;
        stream->admitted_bytes -= record->size;
    } else {
        stream->waiting_bytes -= record->size;
        stream->droppable -= record->is_droppable;
    }
    for (i = index; i + 1 < stream->count; i++)
        *at(stream, i) = *at(stream, i + 1);
    stream->count--;
}

/* An event becomes a loss, in its place. */
static void lose_at(struct stream *stream, size_t index, enum loss loss)
{
    struct stream_record *record = at(stream, index);
    size_t saved = record->size > SMALL_RECORD ? record->size - SMALL_RECORD : 0;

    *(index < stream->admitted ? &stream->admitted_bytes : &stream->waiting_bytes) -= saved;
    set_holding(stream, record, false);
    stream->droppable -= record->is_droppable;
    release(stream, record);
    *record =
        (struct stream_record){.state = STREAM_LOST, .loss = (uint8_t)loss, .size = (uint32_t)(record->size - saved), .lost = 1};
    stream->counters.lost[loss]++;
}

/* Losses from `index` on join those right before them. */
static void merge_losses(struct stream *stream, size_t index)
{
    while (index < stream->count && at(stream, index)->state == STREAM_LOST) {
        struct stream_record *same = loss_before(stream, index, at(stream, index)->loss);

        if (same == NULL) {
            index++;
            continue;
        }
        same->lost += at(stream, index)->lost;
        remove_at(stream, index);
    }
}

/* DROP_OLDEST: the oldest of those that wait goes. */
static void evict_oldest(struct stream *stream)
{
    size_t i = stream->admitted;

    while (i < stream->count && !at(stream, i)->is_droppable)
        i++;
    if (i == stream->count)
        return;
    lose_at(stream, i, LOSS_OLDEST); /* step: evict_oldest */
    merge_losses(stream, i);
    admit(stream);
}

static enum offer offer_without_room(struct stream *stream, struct stream_record record, maiko_overflow overflow, uint64_t now_ns)
{
    if (!stream->is_connected && stream->is_lossy) /* gone: kept as long as the log has it */
        return push_event(stream, record) ? OFFER_QUEUED : OFFER_LOST;
    switch (overflow) {
    case MAIKO_DROP_NEWEST:
        push_loss(stream, LOSS_WINDOW); /* step: drop_newest */
        return OFFER_LOST;
    case MAIKO_DROP_OLDEST:
        record.is_droppable = true;
        if (!push_event(stream, record))
            return OFFER_LOST;
        while (stream->droppable > stream->oldest_tail)
            evict_oldest(stream);
        return OFFER_QUEUED;
    case MAIKO_FAIL:
        push_loss(stream, LOSS_WINDOW); /* step: fail_subscription */
        return OFFER_FAILED;
    default:
        break;
    }
    if (stream->is_lossy) {
        push_loss(stream, LOSS_DEADLINE); /* step: lose_by_deadline */
        return OFFER_LOST;
    }
    if (!push_event(stream, record))
        return OFFER_LOST;
    if (stream->admitted < stream->count)
        set_holding(stream, at(stream, stream->count - 1), true); /* step: hold */
    if (stream->stuck_since == 0)
        stream->stuck_since = now_ns;
    return OFFER_HELD;
}

enum offer stream_offer(struct stream *stream, struct retained_entry *entry, maiko_overflow overflow, uint64_t now_ns)
{
    struct stream_record record = {.state = STREAM_EVENT, .size = entry->len, .entry = entry};

    stream->counters.offered++;
    if (stream->admitted == stream->count && fits(stream, record.size))
        return push_event(stream, record) ? OFFER_QUEUED : OFFER_LOST;
    return offer_without_room(stream, record, overflow, now_ns);
}

void stream_push_past(struct stream *stream, struct retained_entry *entry)
{
    stream->counters.offered++;
    (void)push_event(stream, (struct stream_record){.state = STREAM_EVENT, .size = entry->len, .entry = entry});
}

void stream_push_lost(struct stream *stream, uint64_t lost)
{
    stream->counters.offered += lost;
    stream->counters.lost[LOSS_LOG] += lost;
    if (grow(stream, 2))
        push(stream, (struct stream_record){.state = STREAM_LOST, .loss = LOSS_LOG, .size = SMALL_RECORD, .lost = lost});
    else
        stream->unrecorded += lost;
}

maiko_status stream_push_end(struct stream *stream, uint32_t end)
{
    if (!grow(stream, 2))
        return MAIKO_ENOMEM;
    push(stream, (struct stream_record){.state = STREAM_END, .size = SMALL_RECORD, .end = end});
    return MAIKO_OK;
}

maiko_status stream_push_failed(struct stream *stream, const char *pattern, uint64_t id)
{
    char *copy = heap_strdup(stream->heap, pattern);

    if (copy == NULL || !grow(stream, 2)) {
        heap_strfree(stream->heap, copy);
        return MAIKO_ENOMEM;
    }
    push(stream, (struct stream_record){.state = STREAM_FAILED, .size = SMALL_RECORD, .pattern = copy, .id = id});
    return MAIKO_OK;
}

const struct stream_record *stream_sendable(const struct stream *stream, size_t index)
{
    size_t i = stream->sent + index;

    return i < stream->admitted ? at(stream, i) : NULL;
}

void stream_mark_sent(struct stream *stream, size_t count)
{
    stream->sent += count;
}

/* Losses there was no memory to note: acknowledged records have made room. */
static void push_unrecorded(struct stream *stream)
{
    if (stream->unrecorded == 0 || !grow(stream, 1))
        return;
    push(stream,
         (struct stream_record){.state = STREAM_LOST, .loss = LOSS_LOG, .size = SMALL_RECORD, .lost = stream->unrecorded});
    stream->unrecorded = 0;
}

bool stream_acknowledge(struct stream *stream, uint64_t next, uint64_t now_ns)
{
    if (next > stream->base + stream->sent)
        return false;
    if (next <= stream->base)
        return true;
    while (stream->base < next) {
        struct stream_record *record = at(stream, 0);

        stream->counters.acknowledged += record->state == STREAM_EVENT;
        stream->counters.acknowledged_bytes += record->size;
        stream->admitted_bytes -= record->size;
        release(stream, record);
        stream->head = (stream->head + 1) & (stream->capacity - 1); /* step: acknowledge */
        stream->base++;
        stream->sent--;
        stream->admitted--;
        stream->count--;
    }
    admit(stream);
    push_unrecorded(stream);
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
    admit(stream);
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
        set_holding(stream, at(stream, i), false);
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

static bool has_left_log(const struct stream *stream, size_t index)
{
    const struct stream_record *record = at(stream, index);

    return record->state == STREAM_EVENT && record->entry->position < stream->log->first;
}

/* One pass over what was not sent: losses that follow each other become one record per reason. */
static void compact(struct stream *stream)
{
    size_t to = stream->sent;
    size_t i;

    for (i = stream->sent; i < stream->count; i++) {
        struct stream_record *same;

        if (has_left_log(stream, i))
            lose_at(stream, i, LOSS_LOG);
        same = at(stream, i)->state == STREAM_LOST ? loss_before(stream, to, at(stream, i)->loss) : NULL;
        if (same != NULL)
            same->lost += at(stream, i)->lost;
        else
            *at(stream, to++) = *at(stream, i);
    }
    stream->count = to;
}

/* What is admitted and waiting, counted again. */
static void recount(struct stream *stream)
{
    size_t i;

    stream->admitted = stream->sent;
    stream->admitted_bytes = stream->waiting_bytes = 0;
    stream->droppable = 0;
    for (i = 0; i < stream->sent; i++)
        stream->admitted_bytes += at(stream, i)->size;
    for (; i < stream->count; i++) {
        stream->waiting_bytes += at(stream, i)->size;
        stream->droppable += at(stream, i)->is_droppable;
    }
    admit(stream);
}

void stream_trim(struct stream *stream)
{
    size_t unsent = stream->count - stream->sent;

    if (stream->is_connected || !stream->is_lossy || unsent < TRIM_AT_LEAST || !has_left_log(stream, stream->sent + unsent / 2))
        return;
    compact(stream);
    recount(stream);
}
