/* Work: keeps a processor busy for a known time without reading the clock each time (W9). */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <stdint.h>

/* A chain of dependent steps, so that neither compiler nor processor can shorten it. */
uint64_t work_steps(uint64_t steps);

/* Measures how many steps a nanosecond holds here; the best of several tries, against a busy machine. */
void work_calibrate(void);
void work_for_ns(uint64_t ns);

#endif
