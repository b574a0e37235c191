/* Slow clock: preloaded into a program whose instructions are counted, it moves 100 ns each time it is read.  Under a counter a
 * program runs some fifty times slower, on a busy machine slower still, and what measures its turns then decides otherwise; with
 * this one the decisions, and so the counts, are the same everywhere. */
#include <stdatomic.h>
#include <time.h>

#define NS_PER_READING 100u

int clock_gettime(clockid_t which, struct timespec *now)
{
    static _Atomic unsigned long long readings;
    unsigned long long ns = atomic_fetch_add_explicit(&readings, 1, memory_order_relaxed) * NS_PER_READING;

    (void)which;
    now->tv_sec = (time_t)(1 + ns / 1000000000u);
    now->tv_nsec = (long)(ns % 1000000000u);
    return 0;
}
