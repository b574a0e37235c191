/* Contest: the contenders of one row, run in turn, and what they reached. */
#ifndef BENCH_CONTEST_H
#define BENCH_CONTEST_H

#include "bench/lib/run.h"
#include "bench/row.h"

#define CONTEST_MOST_RUNS 64u

struct contest_options {
    const char *programs, *sources; /* folders */
    bool quick;
    unsigned runs, other_runs; /* other_runs: of those that no goal is about */
    double seconds;            /* that a run should take */
};

struct result {
    bool skipped, valid;
    unsigned layouts; /* the runs are of programs laid out otherwise, by turns; 0 or 1: of one */
    unsigned runs;
    double events; /* that were asked for; 0: the arguments say how many */
    struct run outcomes[CONTEST_MOST_RUNS];
    double peak_rss;
    double round_trip_us; /* between processors, just before the row */
    char note[128];
};

struct contest {
    const struct row *row;
    struct result *results[ROW_MOST_CONTENDERS]; /* NULL: does not take part */
};

/* Runs the row's contenders, A B C A B C …, each as a process of its own.  Results live until the program ends: a row that shows
 * the same runs in another figure finds them again. */
void contest_run(struct contest *contest, const struct contest_options *options, const struct row *row);

/* The arguments as this run passes them. */
const char *contest_arguments(const struct contest_options *options, const struct contender *contender);

/* The median of what the runs printed under `key`. */
double result_figure(const struct result *result, const char *key);

/* The median of the ratios of neighbours in time, which a slow phase of the machine does not bend; NaN without a limit.  Of
 * several layouts the geometric mean of what each reached at its best: one by itself is worth a few per cent either way. */
double result_ratio(const struct result *result, const struct result *limit, const char *key);

/* What the row shows. */
const char *row_figure(const struct row *row);

#endif
