/* Lines: a row's results as JSON, one line each. */
#ifndef BENCH_LINES_H
#define BENCH_LINES_H

#include "bench/contest.h"

/* Name, parameters, unit, median, min, max, CPU seconds, peak RSS, runs, validity, and how far the processors were apart. */
void lines_print(const struct contest *contest, const struct contest_options *options);

#endif
