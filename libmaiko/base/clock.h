/* Clock: the only place that asks the system for the time.  A virtual clock moves only when told to, which makes
 * the deterministic mode and the tests possible.
 *
 * Monotonic time is for deadlines and durations.  Wall time is for showing to people and may jump, backwards too
 * (someone sets it, NTP steps); the time stamped on events goes through clock_wall_clamped() and never goes back
 * within one shard. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A real clock is never written after init: any thread.  A virtual one belongs to the thread that runs all shards. */
struct clock {
    bool is_virtual;
    uint64_t mono_ns; /* virtual only */
    uint64_t wall_ns; /* virtual only */
};

void clock_init(struct clock *clock);

/* Starts at the given times, in nanoseconds; wall since 1970. */
void clock_init_virtual(struct clock *clock, uint64_t mono_ns, uint64_t wall_ns);

/* CLOCK_MONOTONIC: never goes back, stops while the machine sleeps. */
uint64_t clock_mono_ns(const struct clock *clock);

/* CLOCK_REALTIME since 1970; may go back. */
uint64_t clock_wall_ns(const struct clock *clock);

/* Wall time, but never less than what was returned for the same `*last` before; `*last` starts at 0. */
uint64_t clock_wall_clamped(const struct clock *clock, uint64_t *last);

/* The same for a time that was read before. */
static inline uint64_t clock_clamp(uint64_t now_ns, uint64_t *last)
{
    if (now_ns > *last)
        *last = now_ns;
    return *last;
}

/* Virtual clocks only: moves both times on; does nothing to a real clock. */
void clock_advance(struct clock *clock, uint64_t duration_ns);

/* Virtual clocks only: wall time jumps, monotonic time does not notice. */
void clock_set_wall(struct clock *clock, uint64_t wall_ns);

/* now + duration, saturating: "forever" stays forever. */
static inline uint64_t clock_deadline(uint64_t now_ns, uint64_t duration_ns)
{
    return duration_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + duration_ns;
}

#endif
