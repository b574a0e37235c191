/* Told count: sums of what other nodes say.  Whatever they say, a sum never becomes smaller: it stays at the most there is. */
#ifndef LINK_TOLD_COUNT_H
#define LINK_TOLD_COUNT_H

#include <stdint.h>

static inline uint64_t told_count_add(uint64_t count, uint64_t more)
{
    return more < UINT64_MAX - count ? count + more : UINT64_MAX;
}

#endif
