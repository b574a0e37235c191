/* Run: starts one subject program, waits for it, and keeps what it printed and what it cost. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#define RUN_MOST_FIGURES 24u
#define RUN_DEADLINE_SECONDS 240u

struct figure {
    char key[32];
    double value;
};

struct run {
    bool started; /* false: no such program */
    bool valid;   /* it ended with 0 and said `valid 1` */
    struct figure figures[RUN_MOST_FIGURES];
    unsigned figure_count;
    double cpu_seconds;      /* of the program and everything it waited for */
    uint64_t peak_rss_bytes; /* of the largest of them */
    char note[128];
};

/* argv[0] is a path or a command found in PATH; argv ends with NULL. */
void run_program(struct run *run, char *const argv[]);

/* What the program printed under `key`, or 0. */
double run_figure(const struct run *run, const char *key);

#endif
