/* Id source: hands out maiko_ids without a lock, a system call or a shared cache line.  One per shard (and one
 * per process for setup); an id never repeats, because every source has its own random prefix. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <maiko/id.h>

/* Owner thread only. */
struct id_source {
    uint64_t prefix; /* hi of all its ids: 60 random bits and the UUID version */
    uint64_t next;   /* lo of the next id: UUID variant, 14 random bits, a 48-bit count from 1 */
};

/* Draws the random bits from the kernel (getrandom, may block only while the machine boots).
 * Returns MAIKO_OK or MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status id_source_init(struct id_source *source);

/* The deterministic mode: the same seed and stream give the same ids.  Not unique across processes. */
void id_source_init_seeded(struct id_source *source, uint64_t seed, uint64_t stream);

/* Never nil.  The count runs over into the 14 random bits after 2^48 ids, which is harmless. */
static inline maiko_id id_source_next(struct id_source *source)
{
    uint64_t lo = source->next++;

    /* Or gcc reads both words at once, right after the lower one was written: the read waits for the store to retire. */
    __asm__("" : "+r"(lo));
    return (maiko_id){.hi = source->prefix, .lo = lo};
}

#endif
