/* Bulk: prepared blocks and expected sums. */
#include "bench/lib/bulk.h"

#include "bench/lib/subject.h"

#include <stdlib.h>

void *bulk_prepare(size_t len)
{
    uint64_t *words = malloc(len);

    if (words == NULL)
        subject_die("no memory");
    for (size_t j = 0; j < len / sizeof *words; j++)
        words[j] = (j + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return words;
}

/* The sum of the bytes of all numbers below count, byte by byte: byte k runs through 0 … 255 in steps of 256^k. */
static uint64_t sum_of_number_bytes(uint64_t count)
{
    uint64_t sum = 0;

    for (unsigned k = 0; k < 7 && count >> (8 * k) != 0; k++) {
        const uint64_t step = UINT64_C(1) << (8 * k), cycle = step * 256;
        const uint64_t rest = count % cycle, full = rest / step;

        sum += count / cycle * (step * (255 * 256 / 2)) + step * (full * (full - 1) / 2) + full * (rest % step);
    }
    return sum;
}

uint64_t bulk_expected(uint64_t count, const void *prepared, size_t len)
{
    uint64_t block[BULK_SUMMED / sizeof(uint64_t)], sum = 0;

    if (len > BULK_SUMMED) {
        const uint64_t one = bulk_sum(prepared, len) - bulk_sequence(prepared);

        return one * count + count * (count - 1) / 2;
    }
    for (uint64_t sequence = 0; sequence < PAYLOAD_PERIOD; sequence++) {
        bulk_fill(block, prepared, len, sequence);
        block[0] = 0;
        sum += bulk_sum(block, len) * (count / PAYLOAD_PERIOD + (sequence < count % PAYLOAD_PERIOD));
    }
    return sum + sum_of_number_bytes(count);
}
