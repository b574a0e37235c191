/* Hash functions.  hash_stable* never change, on any machine: schema hashes and everything stored or sent use
 * them.  hash_bytes is faster, for tables in memory only. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_STABLE_INIT UINT64_C(0xcbf29ce484222325)

/* FNV-1a with 64 bits; start with HASH_STABLE_INIT, feed parts one after the other. */
static inline uint64_t hash_stable(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    size_t i;

    for (i = 0; i < len; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Feeds the eight bytes of a number, lowest first, so that byte order of the machine does not matter. */
static inline uint64_t hash_stable_u64(uint64_t hash, uint64_t value)
{
    unsigned i;

    for (i = 0; i < 8; i++)
        hash = (hash ^ ((value >> (8 * i)) & 0xff)) * UINT64_C(0x100000001b3);
    return hash;
}

/* Mixes all bits into all bits; a bijection, so two different numbers never collide. */
static inline uint64_t hash_u64(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* Both halves of a product in one word. */
static inline uint64_t hash_fold(uint64_t one, uint64_t other)
{
    __extension__ typedef unsigned __int128 product;
    const product whole = (product)one * other;

    return (uint64_t)whole ^ (uint64_t)(whole >> 64);
}

/* Eight bytes per round; the result depends on the machine's byte order and may change between versions.  What the words are
 * multiplied by comes from the seed: with a constant, a difference in one word has a known one in the next that makes up for it,
 * whatever the seed is, and who chooses names chooses thousands with one hash.  With a seed nobody knows there is none. */
static inline uint64_t hash_bytes(const void *bytes, size_t len, uint64_t seed)
{
    const uint64_t key = (seed ^ UINT64_C(0xbf58476d1ce4e5b9)) | 1;
    const unsigned char *at = bytes;
    uint64_t hash = seed ^ (len * UINT64_C(0x9e3779b97f4a7c15));
    uint64_t word;

    for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        hash = hash_fold(hash ^ word, key);
    }
    word = 0;
    if (len > 0)
        memcpy(&word, at, len);
    return hash_u64(hash ^ word);
}

#endif
