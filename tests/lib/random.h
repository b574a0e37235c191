/* Random: numbers for property tests, the same for the same seed everywhere (splitmix64).
 * At most one call per expression, unless && or ?: orders them: the order of arguments is the compiler's choice. */
#ifndef TESTS_LIB_RANDOM_H
#define TESTS_LIB_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_u64(struct random *random)
{
    uint64_t value = random->state += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* 0..n-1; n is at least 1. */
static inline size_t random_below(struct random *random, size_t n)
{
    return (size_t)(random_u64(random) % n);
}

static inline void random_bytes(struct random *random, void *bytes, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)random_u64(random);
}

/* The first seed of a property test: MAIKO_TEST_SEED when it is set (a failure prints it), else the one given. */
static inline uint64_t random_first_seed(uint64_t otherwise)
{
    const char *value = getenv("MAIKO_TEST_SEED");

    return value != NULL ? strtoull(value, NULL, 0) : otherwise;
}

/* How many seeds: one when a seed was named. */
static inline unsigned random_seed_count(unsigned otherwise)
{
    return getenv("MAIKO_TEST_SEED") != NULL ? 1 : otherwise;
}

#endif
