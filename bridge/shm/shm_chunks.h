/* Chunks: large payloads of one exporter, in its payload memory, read in place by any number of links.
 *
 *     shm_chunks_take(), fill, then shm_lending_lend() per link, then shm_chunk_unref(): abort is that alone
 *
 * All of it belongs to the exporter's thread.  A chunk lives until the exporter and every link it was lent to have let go. */
#ifndef SHM_CHUNKS_H
#define SHM_CHUNKS_H

#include "base/heap.h"
#include "shm/shm_writer.h"

struct shm_chunk {
    uint32_t page;  /* first one */
    uint32_t pages; /* how many */
    uint32_t refs;
    struct shm_chunk *next_free; /* of records for chunks, not of chunks */
};

struct shm_chunks {
    struct heap *heap;
    struct shm_area area;
    uint32_t page_count;
    size_t reserved; /* bytes of the area that are backed by memory */
    uint64_t *used;  /* bit per page */
    uint32_t lowest; /* no page below is free */
    uint32_t pages_out;
    struct shm_chunk *free_records;
};

/* What one link has out. */
struct shm_lending {
    struct shm_chunks *chunks;
    struct shm_chunk *lent[SHM_CHUNKS_MAX]; /* by slot; NULL: free */
    uint8_t free_slots[SHM_CHUNKS_MAX];     /* stack */
    uint32_t count;
    uint32_t pages;
    uint64_t collected; /* of what the reader gave back */
};

/* Statuses of shm_area_create(). */
MAIKO_MUST_CHECK maiko_status shm_chunks_init(struct shm_chunks *chunks, struct heap *heap, uint64_t bytes, uint64_t link,
                                              int *error);

/* Every lending is closed before. */
void shm_chunks_deinit(struct shm_chunks *chunks);

/* A chunk of at least `len` bytes with one reference; the lowest place there is, because that one is warm.
 * MAIKO_OK; MAIKO_EFULL (no place now), MAIKO_ETOOLONG (never), MAIKO_ENOMEM (the system has no memory for it). */
MAIKO_MUST_CHECK maiko_status shm_chunks_take(struct shm_chunks *chunks, size_t len, struct shm_chunk **ret_chunk);

/* Where to write it. */
void *shm_chunk_bytes(const struct shm_chunks *chunks, const struct shm_chunk *chunk);

struct shm_chunk *shm_chunk_again(struct shm_chunk *chunk); /* one more reference */
void shm_chunk_unref(struct shm_chunks *chunks, struct shm_chunk *chunk);

void shm_lending_init(struct shm_lending *lending, struct shm_chunks *chunks);

/* Every chunk comes back at once: the peer is gone. */
void shm_lending_deinit(struct shm_lending *lending);

/* Room for one more of that size?  One chunk is always allowed, else 256 and a quarter of the area. */
bool shm_lending_has_room(const struct shm_lending *lending, const struct shm_chunk *chunk);

/* The link has the chunk from now on.  MAIKO_OK, MAIKO_EFULL. */
MAIKO_MUST_CHECK maiko_status shm_lending_lend(struct shm_lending *lending, struct shm_chunk *chunk,
                                               struct shm_chunk_ref *ret_ref);

/* Takes back what the record that was to carry it could not. */
void shm_lending_revoke(struct shm_lending *lending, uint32_t slot);

/* Collects what the reader gave back, as far as shm_writer_refresh() has seen it.  MAIKO_OK, MAIKO_EPROTOCOL (a slot that was
 * not out). */
MAIKO_MUST_CHECK maiko_status shm_lending_collect(struct shm_lending *lending, struct shm_writer *writer);

#endif
