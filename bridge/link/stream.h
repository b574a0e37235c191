/* Stream: what one peer is sent, as a queue of records numbered from 0 (PROTOCOL.md 4): sent and unacknowledged, then admitted to
 * the window, then waiting.  Its events are references to entries of the retained log, which may leave the log meanwhile: a slow
 * peer's window is not pushed out by events it does not even want.  Decides about overflow.
 *
 *     base            sent             admitted           count
 *      |---------------|-----------------|------------------|
 *      unacknowledged    to be sent        waiting: no room in the window
 *
 * Positions of records that were sent are fixed; those behind are given when they are sent. */
#ifndef LINK_STREAM_H
#define LINK_STREAM_H

#include "base/hash_table.h"
#include "retained/retained.h"

enum record_state { STREAM_EVENT, STREAM_LOST, STREAM_END, STREAM_FAILED };

/* Why events were lost; the words are those of PROTOCOL.md 4. */
enum loss { LOSS_WINDOW, LOSS_OLDEST, LOSS_DEADLINE, LOSS_LOG, LOSS_COUNT };

const char *loss_name(enum loss loss);

/* A subscription that ended. */
struct stream_failure {
    uint64_t id;
    size_t size; /* of the block */
    char pattern[];
};

/* A window holds many thousands of them, so they are small. */
struct stream_record {
    uint8_t state;
    union {
        uint8_t loss; /* STREAM_LOST */
        uint8_t run;  /* STREAM_EVENT: so many from here on, this one too, are events of its entry in a row; perhaps more */
    };
    uint8_t index;         /* STREAM_EVENT: which of the entry */
    bool is_holding : 1;   /* waiting under BLOCK: its sender is held */
    bool is_droppable : 1; /* waiting under DROP_OLDEST */
    uint32_t size;         /* bytes, against the window */
    union {
        struct retained_entry *entry;   /* STREAM_EVENT: a reference for this one */
        uint64_t lost;                  /* STREAM_LOST */
        uint32_t end;                   /* STREAM_END: see exporter_end() */
        struct stream_failure *failure; /* STREAM_FAILED: owned */
    };
};

struct stream_counters {
    uint64_t offered;
    uint64_t acknowledged;
    uint64_t acknowledged_bytes; /* of all its records, as the window counts them */
    uint64_t lost[LOSS_COUNT];
    uint64_t past;    /* of those that left the log: before the peer asked for them */
    uint64_t dropped; /* queued when the stream ended */
};

struct stream {
    struct heap *heap;
    struct retained *log;
    size_t window_bytes;
    size_t window_events;
    size_t oldest_tail;
    uint64_t id;
    uint64_t base;
    struct stream_record *records; /* ring, a power of two */
    size_t capacity;
    size_t head;
    size_t sent;
    size_t admitted;
    size_t count;
    size_t admitted_bytes;
    size_t waiting_bytes;
    size_t holding;   /* records waiting under BLOCK */
    size_t droppable; /* records waiting under DROP_OLDEST */
    size_t failures;  /* records of subscriptions that ended */
    bool is_connected;
    bool is_lossy;
    uint64_t stuck_since; /* no progress although somebody waits, or no connection; 0: not stuck */
    uint64_t unrecorded;  /* losses there was no memory to note yet */
    struct stream_counters counters;
};

enum offer { OFFER_QUEUED, OFFER_HELD, OFFER_LOST, OFFER_FAILED };

void stream_init(struct stream *stream, struct heap *heap, struct retained *log);
void stream_deinit(struct stream *stream);

/* Begins anew under another id: what was queued is lost with the peer it was for. */
void stream_restart(struct stream *stream, uint64_t id);

/* An event its peer wants: number `index` of the entry.  OFFER_FAILED: no room under FAIL, the event is lost and the caller ends
 * the subscription. */
enum offer stream_offer(struct stream *stream, struct retained_entry *entry, uint8_t index, maiko_overflow overflow,
                        uint64_t now_ns);

/* Of the events of the log from `first` to before `end`, which are alike in length, as many as find room without a question;
 * returns how many.  The others are to be offered one by one. */
size_t stream_offer_run(struct stream *stream, uint64_t first, uint64_t end);

/* What a late joiner gets first: an event of the log or a last value.  Waits without holding anybody. */
void stream_push_past(struct stream *stream, struct retained_entry *entry, uint8_t index);

/* Events that had left the log before they could be offered. */
void stream_push_lost(struct stream *stream, uint64_t lost);

/* MAIKO_OK, MAIKO_ENOMEM: then try again later.  Of failures no more wait than a list has patterns: MAIKO_ELIMIT. */
MAIKO_MUST_CHECK maiko_status stream_push_end(struct stream *stream, uint32_t end);
MAIKO_MUST_CHECK maiko_status stream_push_failed(struct stream *stream, const char *pattern, uint64_t id);

/* The failures whose records are on the way, by pattern, the newest of each: struct stream_failure.  MAIKO_OK, MAIKO_ENOMEM; the
 * table is for hash_table_deinit() in any case. */
MAIKO_MUST_CHECK maiko_status stream_collect_failures(const struct stream *stream, struct hash_table *ret_failures);

/* Record number `index` of those that may be sent now, NULL when there is none. */
const struct stream_record *stream_sendable(const struct stream *stream, size_t index);

/* Of the records from that event on, at most `most` and at least one, those that are events of its entry, one behind the
 * other. */
size_t stream_sendable_run(const struct stream *stream, size_t index, size_t most);
void stream_mark_sent(struct stream *stream, size_t count);

/* Position of the next record to be sent. */
static inline uint64_t stream_next(const struct stream *stream)
{
    return stream->base + stream->sent;
}

/* The peer has everything below `next`.  False when it cannot (it was never sent). */
bool stream_acknowledge(struct stream *stream, uint64_t next, uint64_t now_ns);

/* Goes back to `next` and sends again from there.  False when that is not between base and what was sent. */
bool stream_rewind(struct stream *stream, uint64_t next);

/* A connection that knows this stream: no longer lossy, what waits may hold its senders from now on. */
void stream_connect(struct stream *stream, uint64_t now_ns);
void stream_disconnect(struct stream *stream, uint64_t now_ns);

/* The link's deadline has passed: nobody is held any more. */
void stream_give_up(struct stream *stream);

/* True once, when a lossy stream has nothing waiting any more: the peer has caught up. */
bool stream_has_recovered(struct stream *stream);

/* After events have left the log: a peer that is gone loses them, when they are many. */
void stream_trim(struct stream *stream);

#endif
