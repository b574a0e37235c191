/* Clock: clock_gettime, or two numbers somebody else moves. */
#include "base/clock.h"

#include <time.h>

#include <maiko/base.h>

void clock_init(struct clock *clock)
{
    *clock = (struct clock){.is_virtual = false};
}

void clock_init_virtual(struct clock *clock, uint64_t mono_ns, uint64_t wall_ns)
{
    *clock = (struct clock){.is_virtual = true, .mono_ns = mono_ns, .wall_ns = wall_ns};
}

/* Cannot fail for the two clocks asked here.  A wall clock before 1970 reads as 0. */
static uint64_t system_ns(clockid_t which)
{
    struct timespec now;

    if (clock_gettime(which, &now) != 0 || now.tv_sec < 0)
        return 0;
    return MAIKO_SECONDS((uint64_t)now.tv_sec) + (uint64_t)now.tv_nsec;
}

uint64_t clock_mono_ns(const struct clock *clock)
{
    return clock->is_virtual ? clock->mono_ns : system_ns(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(const struct clock *clock)
{
    return clock->is_virtual ? clock->wall_ns : system_ns(CLOCK_REALTIME);
}

uint64_t clock_wall_clamped(const struct clock *clock, uint64_t *last)
{
    return clock_clamp(clock_wall_ns(clock), last);
}

void clock_advance(struct clock *clock, uint64_t duration_ns)
{
    if (!clock->is_virtual)
        return;
    clock->mono_ns = clock_deadline(clock->mono_ns, duration_ns);
    clock->wall_ns = clock_deadline(clock->wall_ns, duration_ns);
}

void clock_set_wall(struct clock *clock, uint64_t wall_ns)
{
    if (clock->is_virtual)
        clock->wall_ns = wall_ns;
}
