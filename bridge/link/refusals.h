/* Refusals: how many events of one stream its receiver would not have, by topic and reason (PROTOCOL.md 4, `refused`).  The
 * importer keeps them to tell them, the exporter to know what has become of events that count as acknowledged.  Bounded: what
 * finds no row of its own is one number. */
#ifndef LINK_REFUSALS_H
#define LINK_REFUSALS_H

#include "wire/frame.h"

enum { REFUSALS_MAX = 16, REFUSAL_REASON_SIZE = 32 };

struct refusal {
    char topic[WIRE_NAME_MAX + 1];    /* "": the row for all others */
    char reason[REFUSAL_REASON_SIZE]; /* a word */
    uint64_t events;                  /* of the stream as it is: importer: acknowledged; exporter: as it was told last */
    uint64_t open;                    /* importer: refused, acknowledged later than `closed` */
    uint64_t closed;                  /* importer: refused, acknowledged with what lies below closed_below */
    uint64_t sum;                     /* exporter: over all streams */
    uint64_t session;                 /* exporter: the last one in which this was news; 0: none */
};

struct refusals {
    struct heap *heap;
    struct refusal *list; /* REFUSALS_MAX, made with the first; NULL: none yet */
    size_t count;
    struct refusal others;
    uint64_t closed_below; /* importer: a position */
    uint64_t stream;       /* exporter: the one `events` are of */
    uint64_t sum;          /* exporter: over all rows and streams */
};

void refusals_init(struct refusals *refusals, struct heap *heap);
void refusals_deinit(struct refusals *refusals);

/* NULL: there is no row number `index`.  The row for all others is the last. */
const struct refusal *refusals_at(const struct refusals *refusals, size_t index);

/* ---- importer ---- */

/* Another stream begins. */
void refusals_restart(struct refusals *refusals);

/* One more event. */
void refusals_note(struct refusals *refusals, const char *topic, const char *reason);

/* Everything below `acked` is being acknowledged, `next` is the position expected: what of it was refused may be told.  So what
 * is told never exceeds what is acknowledged with it. */
void refusals_settle(struct refusals *refusals, uint64_t acked, uint64_t next);

/* The array for a frame; nothing at all while there is nothing to be told. */
void refusals_write(const struct refusals *refusals, struct pack *pack);

/* ---- exporter ---- */

/* What the other side tells of this stream: reads the whole array.  `limit` is how many events it has acknowledged, over all
 * streams: more than that it cannot have refused.  `heard` is called for rows that grew and were no news in this session.
 * MAIKO_OK, MAIKO_EPROTOCOL. */
MAIKO_MUST_CHECK maiko_status refusals_hear(struct refusals *refusals, struct slice array, uint64_t stream, uint64_t session,
                                            uint64_t limit, void (*heard)(const struct refusal *refusal, void *userdata),
                                            void *userdata, struct text *error);

#endif
