/* Wait: short pauses up to a deadline. */
#include "lib/wait.h"

#include <time.h>

#include "lib/suite.h"

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Long runs go on beside other work, for hours: no wait in them is lost because the machine was busy for a while. */
uint64_t wait_deadline_ns(unsigned timeout_ms)
{
    return monotonic_ns() + (uint64_t)timeout_ms * suite_slowdown() * (suite_is_long() ? 5 : 1) * UINT64_C(1000000);
}

bool wait_a_moment(uint64_t deadline_ns)
{
    if (monotonic_ns() >= deadline_ns)
        return false;
    /* The condition is any expression, often about another process: nothing would wake us when it becomes true. */
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return true;
}
