/* Stream, losses: records that stand for events, one per reason between two events. */
#include "link/stream_queue.h"

enum { TRIM_AT_LEAST = 256 };

const char *loss_name(enum loss loss)
{
    static const char *const names[] = {"window", "oldest", "deadline", "log"};

    return names[loss];
}

/* Among the losses right before `end` that were not sent, the one for this reason; NULL: there is none. */
static struct stream_record *loss_before(const struct stream *stream, size_t end, uint8_t loss)
{
    for (; end > stream->sent && stream_at(stream, end - 1)->state == STREAM_LOST; end--)
        if (stream_at(stream, end - 1)->loss == loss)
            return stream_at(stream, end - 1);
    return NULL;
}

void stream_push_loss(struct stream *stream, enum loss loss)
{
    struct stream_record *last = stream->count > stream->sent ? stream_at(stream, stream->count - 1) : NULL;
    struct stream_record *same = loss_before(stream, stream->count, (uint8_t)loss);

    stream->counters.lost[loss]++;
    if (same == NULL && last != NULL && last->state == STREAM_LOST && stream->count == stream->capacity)
        same = last;
    if (same != NULL)
        same->lost++;
    else if (stream_grow(stream, 1))
        stream_push(stream,
                    (struct stream_record){.state = STREAM_LOST, .loss = (uint8_t)loss, .size = STREAM_SMALL_RECORD, .lost = 1});
    else
        stream->unrecorded++;
}

void stream_push_lost(struct stream *stream, uint64_t lost)
{
    stream->counters.offered += lost;
    stream->counters.lost[LOSS_LOG] += lost;
    stream->counters.past += lost;
    if (stream_grow(stream, 2))
        stream_push(stream,
                    (struct stream_record){.state = STREAM_LOST, .loss = LOSS_LOG, .size = STREAM_SMALL_RECORD, .lost = lost});
    else
        stream->unrecorded += lost;
}

/* Takes record `index`, which was not sent, out of the queue. */
static void remove_at(struct stream *stream, size_t index)
{
    struct stream_record *record = stream_at(stream, index);
    size_t i;

    if (index < stream->admitted) {
        stream->admitted--;
        stream->admitted_bytes -= record->size;
    } else {
        stream->waiting_bytes -= record->size;
        stream->droppable -= record->is_droppable;
    }
    for (i = index; i + 1 < stream->count; i++)
        *stream_at(stream, i) = *stream_at(stream, i + 1);
    stream->count--;
}

/* What was sent may be of a run whose rest is lost: it goes up to there. */
static void end_runs_before(const struct stream *stream, size_t index)
{
    size_t i;

    for (i = index; i-- > 0;) {
        struct stream_record *record = stream_at(stream, i);

        if (record->state != STREAM_EVENT || record->run <= index - i)
            return;
        record->run = (uint8_t)(index - i);
    }
}

/* An event becomes a loss, in its place. */
static void lose_at(struct stream *stream, size_t index, enum loss loss)
{
    struct stream_record *record = stream_at(stream, index);
    size_t saved = record->size > STREAM_SMALL_RECORD ? record->size - STREAM_SMALL_RECORD : 0;

    *(index < stream->admitted ? &stream->admitted_bytes : &stream->waiting_bytes) -= saved;
    stream_set_holding(stream, record, false);
    stream->droppable -= record->is_droppable;
    stream_release(stream, record);
    end_runs_before(stream, index);
    *record =
        (struct stream_record){.state = STREAM_LOST, .loss = (uint8_t)loss, .size = (uint32_t)(record->size - saved), .lost = 1};
    stream->counters.lost[loss]++;
}

/* Losses from `index` on join those right before them. */
static void merge_losses(struct stream *stream, size_t index)
{
    while (index < stream->count && stream_at(stream, index)->state == STREAM_LOST) {
        struct stream_record *same = loss_before(stream, index, stream_at(stream, index)->loss);

        if (same == NULL) {
            index++;
            continue;
        }
        same->lost += stream_at(stream, index)->lost;
        remove_at(stream, index);
    }
}

void stream_evict_oldest(struct stream *stream)
{
    size_t i = stream->admitted;

    while (i < stream->count && !stream_at(stream, i)->is_droppable)
        i++;
    if (i == stream->count)
        return;
    lose_at(stream, i, LOSS_OLDEST); /* step: evict_oldest */
    merge_losses(stream, i);
    stream_admit(stream);
}

void stream_push_unrecorded(struct stream *stream)
{
    if (stream->unrecorded == 0 || !stream_grow(stream, 1))
        return;
    stream_push(stream, (struct stream_record){
                            .state = STREAM_LOST, .loss = LOSS_LOG, .size = STREAM_SMALL_RECORD, .lost = stream->unrecorded});
    stream->unrecorded = 0;
}

static bool has_left_log(const struct stream *stream, size_t index)
{
    const struct stream_record *record = stream_at(stream, index);

    return record->state == STREAM_EVENT && record->entry->position + record->index < stream->log->first;
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
        same = stream_at(stream, i)->state == STREAM_LOST ? loss_before(stream, to, stream_at(stream, i)->loss) : NULL;
        if (same != NULL)
            same->lost += stream_at(stream, i)->lost;
        else
            *stream_at(stream, to++) = *stream_at(stream, i);
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
        stream->admitted_bytes += stream_at(stream, i)->size;
    for (; i < stream->count; i++) {
        stream->waiting_bytes += stream_at(stream, i)->size;
        stream->droppable += stream_at(stream, i)->is_droppable;
    }
    stream_admit(stream);
}

void stream_trim(struct stream *stream)
{
    size_t unsent = stream->count - stream->sent;

    if (stream->is_connected || !stream->is_lossy || unsent < TRIM_AT_LEAST || !has_left_log(stream, stream->sent + unsent / 2))
        return;
    compact(stream);
    recount(stream);
}
