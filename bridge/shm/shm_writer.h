/* Writer: the exporter's end of one ring.  Records are written in place and become visible together.
 *
 *     shm_writer_reserve(), fill, shm_writer_commit() or _abort(), …; then shm_writer_publish() once per batch
 *
 * who                         | may call                   | beside
 * the exporter's thread       | everything here            | anything of struct shm_reader in the other process
 *
 * No call blocks, allocates or makes a system call.  What the reader says is checked; a lie is MAIKO_EPROTOCOL, for good. */
#ifndef SHM_WRITER_H
#define SHM_WRITER_H

#include <stdbool.h>

#include "shm/shm_area.h"
#include <maiko/id.h>

/* One event or frame to write. */
struct shm_event {
    enum shm_kind kind; /* event, note or frame */
    bool is_msgpack;
    uint32_t channel;
    uint64_t id_lo;
    uint64_t time_ns;
    maiko_id parent;                   /* nil: none */
    maiko_id correlation;              /* nil: the event's own id */
    uint32_t len;                      /* bytes of payload; at most SHM_BODY_MAX without a chunk */
    const struct shm_chunk_ref *chunk; /* NULL: the payload is in the record */
};

struct shm_writer {
    struct shm_data *data;             /* ours */
    const struct shm_control *control; /* the reader's: every load is checked */
    uint64_t ring_bytes;
    /* the exporter's thread */
    uint64_t head;         /* bytes written, those of the batch under way included */
    uint64_t published;    /* what the reader can see */
    uint64_t consumed;     /* what the reader said last */
    uint64_t acknowledged; /* positions below were taken over by their receivers */
    uint64_t returned;     /* chunks ever */
    uint64_t first;        /* position the link began with */
    uint64_t room_end;     /* a record that ends here or before fits, in one piece */
    uint64_t position;     /* the next record or loss gets this one */
    uint32_t open;         /* bytes of the reserved record, 0: none */
    uint32_t sleeps;       /* how often it went to sleep */
    uint32_t last_woken;   /* the reader's sleep that was ended last */
    int open_loss;         /* reason of the loss it carries, -1: none */
    bool open_takes_position;
    bool has_losses;
    uint64_t losses[SHM_LOSS_REASONS]; /* by reason, not told yet */
    const char *broken;                /* what the reader did; NULL: all well */
};

/* `position`: of the first record.  The areas outlive the writer. */
void shm_writer_init(struct shm_writer *writer, const struct shm_area *data, const struct shm_area *control, uint64_t position);

/*
 * Room for one record behind those written before; its header is filled in, *ret_payload is where `len` bytes of payload belong
 * (NULL with a chunk).  Losses noted before go along.
 * MAIKO_OK; MAIKO_EFULL (no room: nothing changed), MAIKO_ETOOLONG, MAIKO_EPROTOCOL.
 */
MAIKO_MUST_CHECK maiko_status shm_writer_reserve(struct shm_writer *writer, const struct shm_event *event, void **ret_payload);

/* Events that differ in payload, and by one each in position and id: native layout, nothing optional. */
struct shm_run {
    uint32_t channel;
    uint32_t len;   /* bytes of each payload */
    uint64_t id_lo; /* of the first */
    uint64_t time_ns;
};

/*
 * The short way for most events: one record for up to `count` of them, at least 1, while no loss is to be told.  They belong to
 * the batch at once; before the next call `len` bytes of payload are filled in at each multiple of the stride.
 * How many; 0 (*ret_payloads is NULL): take the long way with the first.
 */
uint32_t shm_writer_put(struct shm_writer *writer, const struct shm_run *run, uint32_t count, void **ret_payloads);

/* The reserved record belongs to the batch; its position. */
uint64_t shm_writer_commit(struct shm_writer *writer);

/* The reserved record is forgotten, as if it had never been asked for. */
void shm_writer_abort(struct shm_writer *writer);

/* The batch becomes visible, all at once.  True: the reader sleeps, wake it. */
MAIKO_MUST_CHECK bool shm_writer_publish(struct shm_writer *writer);

/* Events that will not be written: each takes a position, and the next record tells how many. */
void shm_writer_lose(struct shm_writer *writer, uint64_t count, uint32_t reason);

/* Writes noted losses as records of their own, for a reader to whom nothing else is on the way.
 * MAIKO_OK (also when there is nothing to tell), MAIKO_EFULL, MAIKO_EPROTOCOL. */
maiko_status shm_writer_tell_loss(struct shm_writer *writer);

/* Reads what the reader has consumed, acknowledged and returned.  MAIKO_OK, MAIKO_EPROTOCOL. */
maiko_status shm_writer_refresh(struct shm_writer *writer);

/* Bytes on the way, by what was read last; ring_bytes: full. */
static inline uint64_t shm_writer_used(const struct shm_writer *writer)
{
    return writer->head - writer->consumed;
}

static inline bool shm_writer_has_batch(const struct shm_writer *writer)
{
    return writer->head != writer->published;
}

/*
 * Before waiting for room or chunks: says so and looks again.  True: the reader will wake us.  False:
 * something changed meanwhile, a batch is not published, or the reader broke the protocol: do not wait.
 */
MAIKO_MUST_CHECK bool shm_writer_sleep(struct shm_writer *writer);

/* After waiting. */
void shm_writer_awake(struct shm_writer *writer);

/* Brings the lines that are written next, to be written, while nobody waits for them: the reader had them. */
void shm_writer_fetch_room(const struct shm_writer *writer);

/* Bytes its record takes at most. */
size_t shm_event_size(const struct shm_event *event);

#endif
