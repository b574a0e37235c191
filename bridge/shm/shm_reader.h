/* Reader: the importer's end of one ring.
 *
 *     while (shm_reader_peek() == MAIKO_OK) { copy its payload into your own memory; shm_reader_next(); }
 *     or, all events of a run at once: { copy all its payloads; shm_reader_next_run(); }
 *     shm_reader_confirm(), once per batch
 *
 * who                         | may call                   | beside
 * the importer's thread       | everything here            | anything of struct shm_writer in the other process
 *
 * No call blocks, allocates or makes a system call.  The exporter may write what it likes at any time: every word is read once
 * and checked; a lie is MAIKO_EPROTOCOL, for good, and `broken` says what it was. */
#ifndef SHM_READER_H
#define SHM_READER_H

#include <stdbool.h>

#include "shm/shm_area.h"
#include <maiko/id.h>

/* One record, copied out.  Only `payload` still points into shared memory. */
struct shm_record {
    enum shm_kind kind; /* event, frame or loss */
    bool is_msgpack;
    bool is_chunk; /* the payload may be read in place until shm_reader_return() of the slot */
    uint32_t slot;
    uint32_t channel;
    uint32_t len;   /* bytes of payload */
    uint32_t alike; /* events behind it that differ in payload, and by one each in position and id; shm_run_stride() apart */
    uint64_t position;
    uint64_t id_lo;
    uint64_t time_ns;
    maiko_id parent;
    maiko_id correlation; /* nil: the event's own id */
    struct shm_loss loss; /* just before this record; count 0: none */
    const void *payload;  /* shared: copy it, then check the copy */
};

/* Events of a run whose first ones were taken. */
struct shm_rest_of_run {
    uint32_t count; /* 0: none */
    uint32_t channel;
    uint32_t len;
    uint64_t id_lo; /* of the next */
    uint64_t time_ns;
};

struct shm_reader {
    const struct shm_data *data; /* the writer's: every load is checked */
    struct shm_control *control; /* ours */
    const unsigned char *chunks; /* NULL: no payload area */
    uint64_t chunk_pages;
    uint64_t ring_bytes;
    /* the importer's thread */
    uint64_t head;      /* what the writer said last */
    uint64_t tail;      /* where the next record begins */
    uint64_t confirmed; /* what the writer was told */
    uint64_t first;     /* position the link began with */
    uint64_t position;  /* of the next record or loss */
    uint64_t acknowledged;
    uint64_t returned;
    uint64_t peeked_next;               /* position behind the record that was looked at */
    uint32_t peeked_slot;               /* of its chunk, SHM_CHUNKS_MAX: none */
    uint32_t peeked;                    /* its size up to the first payload's end, 0: none was */
    struct shm_rest_of_run peeked_rest; /* behind it */
    struct shm_rest_of_run rest;
    uint32_t sleeps;
    uint32_t last_woken;
    uint32_t slots_out[SHM_CHUNKS_MAX / 32]; /* bit per slot the exporter lent us */
    const char *broken;                      /* NULL: all well */
};

/* `payload` may be NULL.  `position`: of the first record, as agreed over the control socket.  The areas outlive the reader. */
void shm_reader_init(struct shm_reader *reader, const struct shm_area *data, const struct shm_area *control,
                     const struct shm_area *payload, uint64_t position);

/* The next record, as it is now; the same one again until shm_reader_next().
 * MAIKO_OK, MAIKO_ENOTFOUND (none there), MAIKO_EPROTOCOL. */
MAIKO_MUST_CHECK maiko_status shm_reader_peek(struct shm_reader *reader, struct shm_record *ret_record);

/* The record that was peeked at is done with: what it needs of the ring was copied out. */
static inline void shm_reader_next(struct shm_reader *reader)
{
    if (reader->peeked == 0)
        return;
    if (reader->peeked_slot < SHM_CHUNKS_MAX)
        reader->slots_out[reader->peeked_slot / 32] |= (uint32_t)1 << reader->peeked_slot % 32;
    reader->position = reader->peeked_next;
    reader->tail += reader->peeked;
    reader->rest = reader->peeked_rest;
    reader->peeked = 0;
}

/* It and those that are alike. */
static inline void shm_reader_next_run(struct shm_reader *reader)
{
    shm_reader_next(reader);
    reader->position += reader->rest.count;
    reader->tail += reader->rest.count * shm_run_stride(reader->rest.len);
    reader->rest.count = 0;
}

/* Tells the writer that what was read may be written over and that every record below `acknowledged` was taken over by its
 * receivers.  True: the writer sleeps, wake it. */
MAIKO_MUST_CHECK bool shm_reader_confirm(struct shm_reader *reader, uint64_t acknowledged);

/* Gives a chunk back, in any order.  A slot that is not out is ignored.  The writer is woken by the next shm_reader_confirm(). */
void shm_reader_return(struct shm_reader *reader, uint32_t slot);

/* True when something was published that was not read yet; costs one load. */
bool shm_reader_has_more(const struct shm_reader *reader);

/* Brings the first lines of it, all at once instead of one after the other. */
void shm_reader_fetch(const struct shm_reader *reader);

/* Before waiting: says so and looks again.  True: the writer will wake us.  False: there is something to read. */
MAIKO_MUST_CHECK bool shm_reader_sleep(struct shm_reader *reader);

/* After waiting. */
void shm_reader_awake(struct shm_reader *reader);

#endif
