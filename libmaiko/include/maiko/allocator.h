/* Allocator: where a supervisor and all it owns take their memory from.  The host may replace it. */
#ifndef MAIKO_ALLOCATOR_H
#define MAIKO_ALLOCATOR_H

#include <maiko/base.h>

/**
 * Two functions and their context; copied when handed to the library, so the struct itself need not stay.
 * Both are called from any thread of the library, at the same time, and must not call the library.
 */
typedef struct maiko_allocator {
    /* `size` bytes (at least 1), aligned like malloc (16 bytes), or NULL: the library then fails with
     * MAIKO_ENOMEM and stays usable. */
    void *(*allocate)(size_t size, void *userdata);
    /* Give back what `allocate` returned for exactly this size; never called with NULL. */
    void (*release)(void *ptr, size_t size, void *userdata);
    /* Handed to both; must outlive everything allocated. */
    void *userdata;
} maiko_allocator;

#endif
