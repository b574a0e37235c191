/* Shm pair: both ends of one shared-memory link in this process, each over mappings of its own. */
#ifndef TESTS_LIB_SHM_PAIR_H
#define TESTS_LIB_SHM_PAIR_H

#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "shm/shm_chunks.h"
#include "shm/shm_reader.h"

enum { SHM_PAIR_LINK = 4711, SHM_PAIR_PAGES = 64 };

struct shm_pair {
    struct failing_allocator memory;
    struct heap heap;
    /* exporter */
    struct shm_area data;
    struct shm_area control;
    struct shm_chunks chunks;
    struct shm_lending lending;
    struct shm_writer writer;
    /* importer */
    struct shm_area seen_data;
    struct shm_area own_control;
    struct shm_area seen_payload;
    struct shm_reader reader;
};

/* Fails the running test when something does not work.  `first`: position of the first record. */
void shm_pair_init(struct shm_pair *pair, uint64_t ring_bytes, uint64_t first);
void shm_pair_deinit(struct shm_pair *pair);

/* A record thrown with dice: the same dice give the same one on both sides. */
struct shm_draft {
    struct shm_event event;
    size_t chunk_len; /* 0: the payload is inline */
    uint8_t fill;
};

struct shm_draft shm_draft_throw(struct dice *dice);

/* Writes it.  MAIKO_OK, MAIKO_EFULL (try later), or what went wrong. */
maiko_status shm_draft_write(struct shm_pair *pair, const struct shm_draft *draft);

/* Is the record it, payload included?  `copy` has room for SHM_BODY_MAX bytes. */
bool shm_draft_equals(const struct shm_draft *draft, const struct shm_record *record, unsigned char *copy);

#endif
