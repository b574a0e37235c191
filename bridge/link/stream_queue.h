/* Inside of a stream; shared by the stream*.c files only. */
#ifndef LINK_STREAM_QUEUE_H
#define LINK_STREAM_QUEUE_H

#include "link/stream.h"

enum { STREAM_SMALL_RECORD = 48 }; /* what a loss, an end, a failure count against the window */

static inline struct stream_record *stream_at(const struct stream *stream, size_t index)
{
    return &stream->records[(stream->head + index) & (stream->capacity - 1)];
}

/* ---- stream.c: the queue ---- */

/* Whether the record holds its sender: counted here, and at its topic for the exporter. */
void stream_set_holding(struct stream *stream, struct stream_record *record, bool is_holding);

/* Frees what a record owns. */
void stream_release(struct stream *stream, struct stream_record *record);

/* Room for `more` records. */
bool stream_grow(struct stream *stream, size_t more);

/* There is room. */
void stream_push(struct stream *stream, struct stream_record record);

/* Moves what waits into the window as far as it fits. */
void stream_admit(struct stream *stream);

/* ---- stream_loss.c ---- */

/* Notes a loss at the end of the queue.  Losses between two events are one record per reason, so that they take no more room than
 * the events do.  One place in the ring is kept free for one, see push_event(). */
void stream_push_loss(struct stream *stream, enum loss loss);

/* Losses there was no memory to note: acknowledged records have made room. */
void stream_push_unrecorded(struct stream *stream);

/* DROP_OLDEST: the oldest of those that wait goes. */
void stream_evict_oldest(struct stream *stream);

#endif
