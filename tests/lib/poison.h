/* Poison: what the address sanitizer was told nobody may touch.  Other builds know of none. */
#ifndef TESTS_LIB_POISON_H
#define TESTS_LIB_POISON_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __SANITIZE_ADDRESS__
#define POISON_IS_KNOWN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_IS_KNOWN 1
#endif
#endif

#ifdef POISON_IS_KNOWN
#include <sanitizer/asan_interface.h>
#else
#define POISON_IS_KNOWN 0
#endif

static inline size_t poisoned_bytes(const void *at, size_t len)
{
    size_t count = 0;
#if POISON_IS_KNOWN
    size_t i;

    for (i = 0; i < len; i++)
        count += __asan_address_is_poisoned((const char *)at + i) != 0;
#else
    (void)at;
    (void)len;
#endif
    return count;
}

#endif
