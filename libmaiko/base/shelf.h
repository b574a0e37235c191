/* Shelf: large blocks that were freed, for the next one of about that size.  malloc gives them back to the kernel when they lie
 * at the end of its memory, and gets fresh pages for the next one: a fault and 4 KiB of zeros for every page.  Still larger
 * blocks it learns to keep by itself. */
#ifndef BASE_SHELF_H
#define BASE_SHELF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    SHELF_SMALLEST = 32 * 1024,
    SHELF_LARGEST = 15 * 32 * 1024,
    SHELF_BYTES = 8 * 1024 * 1024, /* kept at most */
    SHELF_CLASSES = 4 * 8          /* eight per power of two */
};

struct shelf_block;

struct shelf {
    /* Who finds it taken goes to the allocator: nobody waits, a forked child neither.  Acquire and release hand on the rest. */
    atomic_flag is_taken;
    struct shelf_block *blocks[SHELF_CLASSES]; /* by size; last freed first used */
    size_t bytes;
};

void shelf_init(struct shelf *shelf);

/* True for sizes a shelf keeps. */
static inline bool shelf_keeps(size_t size)
{
    return size >= SHELF_SMALLEST && size <= SHELF_LARGEST;
}

/* What to allocate for a block of `size` bytes: blocks of nearly the same size can stand for each other. */
size_t shelf_round(size_t size);

/* A block of shelf_round(size) bytes, or NULL. */
void *shelf_take(struct shelf *shelf, size_t size);

/* False: it is full, the block is still the caller's.  `size` as in shelf_take(). */
bool shelf_put(struct shelf *shelf, void *block, size_t size);

/* One of the blocks that are there, with its rounded size; NULL: none (any more).  For the end, when nobody else uses it. */
void *shelf_empty(struct shelf *shelf, size_t *ret_size);

#endif
