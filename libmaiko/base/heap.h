/* Heap: memory of one supervisor, taken from its maiko_allocator and counted against its cap.  Frees are sized:
 * the caller knows what it allocated, the heap keeps no headers. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/shelf.h"
#include <maiko/allocator.h>

struct heap {
    /* set at creation */
    maiko_allocator allocator;
    size_t cap;          /* bytes; 0: none */
    bool counted;        /* false in heap_default(), which is const, and in heap_uncounted() */
    struct shelf *shelf; /* NULL: none */
    /* any thread; relaxed, because only the sum matters and no other memory is published by it */
    _Atomic size_t used; /* bytes */
};

/* `allocator` NULL or without functions: malloc and free.  `cap` in bytes, 0 for none. */
void heap_init(struct heap *heap, const maiko_allocator *allocator, size_t cap);

/*
 * From now on, before anything is allocated, large blocks that are freed wait on `shelf` for the next ones of their size:
 * SHELF_BYTES at most, which do not count as used.  Nothing is done for a heap that has a cap or an allocator of the host's:
 * memory is theirs to keep.
 */
void heap_use_shelf(struct heap *heap, struct shelf *shelf);

/* Gives back what is on the shelf; nobody else uses the heap any more. */
void heap_clear_shelf(struct heap *heap);

/* The uncounted malloc heap for objects that belong to no supervisor.  Constant, shared by everybody. */
struct heap *heap_default(void);

/* The allocator of another, for what may outlive it: nothing is counted, and nothing needs the struct itself but who frees. */
static inline struct heap heap_uncounted(const struct heap *of)
{
    return (struct heap){.allocator = of->allocator};
}

/* Bytes in use; 0 for heap_default(). */
size_t heap_used(struct heap *heap);

/* All of these may overlap from any threads.  NULL: the allocator refused, or the cap would be passed.
 * 16-byte aligned.  A size of 0 gives a valid pointer that is freed with size 0. */
MAIKO_MUST_CHECK void *heap_alloc(struct heap *heap, size_t size);

/* n * size bytes of zeros; NULL also when the product overflows.  Freed with heap_free(heap, ptr, n * size). */
MAIKO_MUST_CHECK void *heap_alloc_zeroed(struct heap *heap, size_t n, size_t size);

/* Moves the block: contents up to the smaller size are kept.  On NULL the old block is untouched.
 * `ptr` may be NULL with old_size 0. */
MAIKO_MUST_CHECK void *heap_resize(struct heap *heap, void *ptr, size_t old_size, size_t new_size);

/* A copy with its NUL; freed with heap_strfree or with size strlen + 1. */
MAIKO_MUST_CHECK char *heap_strdup(struct heap *heap, const char *text);
MAIKO_MUST_CHECK char *heap_strndup(struct heap *heap, const char *text, size_t len);

/* NULL is allowed.  `size` is the size that was asked for. */
void heap_free(struct heap *heap, void *ptr, size_t size);

/* Counts memory that came from elsewhere, and goes back there, as used.  False: the cap would be passed. */
MAIKO_MUST_CHECK bool heap_charge(struct heap *heap, size_t size);
void heap_discharge(struct heap *heap, size_t size);

/* For text that has not been shortened since heap_strdup.  NULL is allowed. */
void heap_strfree(struct heap *heap, char *text);

#endif
