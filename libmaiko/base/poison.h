/* Poison: memory that is ours and nobody's, for AddressSanitizer to refuse. */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#include <stddef.h>

#define MEMORY_POISONS 0
#ifdef __SANITIZE_ADDRESS__
#undef MEMORY_POISONS
#define MEMORY_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#undef MEMORY_POISONS
#define MEMORY_POISONS 1
#endif
#endif

#if MEMORY_POISONS
#include <sanitizer/asan_interface.h>
#endif

static inline void memory_poison(void *at, size_t size)
{
#if MEMORY_POISONS
    __asan_poison_memory_region(at, size);
#else
    (void)at;
    (void)size;
#endif
}

static inline void memory_unpoison(void *at, size_t size)
{
#if MEMORY_POISONS
    __asan_unpoison_memory_region(at, size);
#else
    (void)at;
    (void)size;
#endif
}

#endif
