/* Wait: the only place in the tests that lets time pass. */
#ifndef TESTS_LIB_WAIT_H
#define TESTS_LIB_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Evaluate `condition` until it is true or `timeout_ms` have passed (multiplied by suite_slowdown()); the last value, so that
 * CU_ASSERT(wait_until(atomic_load(&count) == 3, 1000)) reads as a sentence.
 */
#define wait_until(condition, timeout_ms)                                                                                        \
    __extension__({                                                                                                              \
        uint64_t wait_deadline_ns_ = wait_deadline_ns(timeout_ms);                                                               \
        bool wait_done_;                                                                                                         \
        while (!(wait_done_ = (condition)) && wait_a_moment(wait_deadline_ns_)) {                                                \
        }                                                                                                                        \
        wait_done_;                                                                                                              \
    })

/* Monotonic time that many (slowed-down) milliseconds from now. */
uint64_t wait_deadline_ns(unsigned timeout_ms);

/* Give others about a millisecond; false when the deadline has passed. */
bool wait_a_moment(uint64_t deadline_ns);

#endif
