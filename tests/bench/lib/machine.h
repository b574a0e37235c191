/* Machine: what the figures were measured on, and how far apart its processors are right now. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdio.h>

/* Round trip of one cache line between the first two usable processors, in microseconds, the best of several bursts; 0 with one
 * processor only.  A virtual machine's host may move its processors apart: every figure across cores follows this one. */
double machine_round_trip_us(void);

#define MACHINE_FAR_US 0.25
const char *machine_distance(double round_trip_us); /* "near" or "far" */

/* One JSON line: processor, kernel, compiler, date, round trip. */
void machine_describe(FILE *out, double round_trip_us);

#endif
