/*
 * Failing allocator: malloc that fails on request and knows what is out.  A test runs the same operation with allocation
 * 0, 1, 2, ... failing until none fails, and asserts afterwards that nothing is out.
 */
#ifndef TESTS_LIB_FAILING_ALLOCATOR_H
#define TESTS_LIB_FAILING_ALLOCATOR_H

#include <stdatomic.h>
#include <stdbool.h>

#include <maiko/allocator.h>

struct failing_allocator {
    maiko_allocator allocator;  /* hand this to the code under test */
    _Atomic long until_failure; /* allocations that still succeed; negative: none fails */
    _Atomic bool stay_failed;   /* every later one fails too */
    _Atomic long attempts;      /* allocations asked for */
    _Atomic long failures;      /* allocations refused */
    _Atomic long blocks_out;    /* allocated and not released */
    _Atomic long bytes_out;     /* must return to 0: a release with another size shows here */
};

/* No allocation fails until one of the two below. */
void failing_allocator_init(struct failing_allocator *failing);

/* Allocation number nth (counted from 0, from now) fails, once; -1: none. */
void failing_allocator_fail_nth(struct failing_allocator *failing, long nth);

/* Allocation number nth and all after it fail. */
void failing_allocator_fail_from(struct failing_allocator *failing, long nth);

/* True when the planned failure has happened. */
bool failing_allocator_has_failed(const struct failing_allocator *failing);

/* True when everything allocated was released, with the sizes it was allocated with. */
bool failing_allocator_is_balanced(const struct failing_allocator *failing);

#endif
