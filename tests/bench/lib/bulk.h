/* Bulk: payloads of any size for the rows across processes.  The first word is the sequence number, so that a receiver knows what
 * it missed.  Up to BULK_SUMMED bytes the sender makes all bytes and the receiver sums all bytes; above, the sender copies a
 * prepared block in once and the receiver reads one word of every 64-byte line. */
#ifndef BENCH_BULK_H
#define BENCH_BULK_H

#include "bench/lib/payload.h"

#include <stddef.h>

#define BULK_SUMMED 4096u
#define BULK_LINE 64u

/* len is a multiple of 64.  `prepared` is used above BULK_SUMMED only. */
static inline void bulk_fill(void *bytes, const void *prepared, size_t len, uint64_t sequence)
{
    if (len > BULK_SUMMED) {
        memcpy(bytes, prepared, len);
    } else {
        for (size_t j = 1; j < len / sizeof(uint64_t); j++) {
            const uint64_t word = (sequence % PAYLOAD_PERIOD + j) * UINT64_C(0x9e3779b97f4a7c15);

            memcpy((char *)bytes + j * sizeof word, &word, sizeof word);
        }
    }
    memcpy(bytes, &sequence, sizeof sequence);
}

static inline uint64_t bulk_sequence(const void *bytes)
{
    uint64_t sequence;

    memcpy(&sequence, bytes, sizeof sequence);
    return sequence;
}

static inline uint64_t bulk_sum(const void *bytes, size_t len)
{
    uint64_t sum = 0;

    if (len <= BULK_SUMMED) {
        for (size_t at = 0; at < len; at += PAYLOAD_LEN)
            sum += payload_sum((const struct payload *)((const char *)bytes + at));
        return sum;
    }
    for (size_t at = 0; at < len; at += BULK_LINE) {
        uint64_t word;

        memcpy(&word, (const char *)bytes + at, sizeof word);
        sum += word;
    }
    return sum;
}

/* A block of len bytes to copy from; the caller frees it. */
void *bulk_prepare(size_t len);

/* The sums of the events 0 … count-1 added up. */
uint64_t bulk_expected(uint64_t count, const void *prepared, size_t len);

#endif
