/* Stream, for a peer that is away: what waits at its end and the log has anyway is not kept twice. */
#include "link/stream_queue.h"

bool stream_ends_with(const struct stream *stream, size_t back, uint64_t position)
{
    const struct stream_record *record;

    if (back >= stream->count - stream->sent)
        return false;
    record = stream_at(stream, stream->count - 1 - back);
    return record->state == STREAM_EVENT && record->entry->position + record->index == position;
}

static void take_back_last(struct stream *stream)
{
    struct stream_record *record = stream_at(stream, stream->count - 1);

    stream_set_holding(stream, record, false);
    if (stream->admitted == stream->count) {
        stream->admitted--;
        stream->admitted_bytes -= record->size;
    } else {
        stream->waiting_bytes -= record->size;
        stream->droppable -= record->is_droppable;
    }
    stream_release(stream, record);
    stream->count--;
}

void stream_take_back(struct stream *stream, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        take_back_last(stream);
    stream->counters.offered -= count;
    stream_end_runs(stream, stream->count);
    stream_shrink(stream);
}
