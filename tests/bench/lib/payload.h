/* The payload of every benchmark event: 64 bytes made anew for each event by the sender and summed by every
 * receiver, so that no runtime wins by not moving it. */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include <stdint.h>
#include <string.h>

#define PAYLOAD_LEN 64

struct payload {
    uint8_t bytes[PAYLOAD_LEN];
};

#define PAYLOAD_WORDS (PAYLOAD_LEN / sizeof(uint64_t))
#define PAYLOAD_PERIOD 4096u /* events after which the bytes repeat, so that the expected sum is cheap to know */

/* Eight words no two of which are equal within a period. */
static inline void payload_fill(struct payload *payload, uint64_t sequence)
{
    for (uint64_t j = 0; j < PAYLOAD_WORDS; j++) {
        const uint64_t word = (sequence % PAYLOAD_PERIOD + j) * UINT64_C(0x9e3779b97f4a7c15);

        memcpy(payload->bytes + j * sizeof word, &word, sizeof word);
    }
}

/* The sum of all 64 bytes, eight at a time: four 16-bit lanes, none of which can overflow. */
static inline uint64_t payload_sum(const struct payload *payload)
{
    const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);
    uint64_t lanes = 0;

    for (uint64_t j = 0; j < PAYLOAD_WORDS; j++) {
        uint64_t word;

        memcpy(&word, payload->bytes + j * sizeof word, sizeof word);
        lanes += (word & even) + ((word >> 8) & even);
    }
    return (lanes * UINT64_C(0x0001000100010001)) >> 48;
}

/* What the sums of the events 0 … count-1 of one sender add up to. */
static inline uint64_t payload_expected(uint64_t count)
{
    uint64_t per_period = 0, rest = 0;

    for (uint64_t sequence = 0; sequence < PAYLOAD_PERIOD; sequence++) {
        struct payload payload;

        payload_fill(&payload, sequence);
        per_period += payload_sum(&payload);
        if (sequence < count % PAYLOAD_PERIOD)
            rest += payload_sum(&payload);
    }
    return count / PAYLOAD_PERIOD * per_period + rest;
}

#endif
