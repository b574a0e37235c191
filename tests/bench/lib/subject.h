/* Subject: one program measured by the driver.  It is started as `program ROW key=value …`, does the work once, and
 * prints `key value` lines; the driver repeats, alternates and judges. */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

struct subject {
    const char *row;
    int argument_count;
    char **arguments; /* key=value */
    uint64_t started_ns;
    double seconds;
};

/* Exits with 2 and a usage line when the command line is not `ROW key=value …`. */
void subject_init(struct subject *subject, int argc, char **argv);

bool subject_is(const struct subject *subject, const char *row);
uint64_t subject_number(const struct subject *subject, const char *key, uint64_t fallback);
const char *subject_text(const struct subject *subject, const char *key, const char *fallback);

/* The measured part begins and ends here; set-up and tear-down stay outside. */
void subject_begin(struct subject *subject);
void subject_end(struct subject *subject);

void subject_report(const char *key, double value);
void subject_note(const char *text);

/* Prints count, time and validity and returns the exit status: 0, or 1 when anything was lost or damaged. */
int subject_finish(const struct subject *subject, uint64_t counted, uint64_t sent, uint64_t sum, uint64_t expected_sum);

/* An unknown row or a broken set-up: says so and exits with 2. */
_Noreturn void subject_die(const char *reason);

uint64_t bench_now_ns(void);         /* CLOCK_MONOTONIC */
void bench_pin(unsigned nth);        /* the calling thread to the nth usable processor, modulo their number */
unsigned bench_cpu_count(void);      /* usable processors */
uint64_t bench_resident_bytes(void); /* of this process, now */
double bench_percentile(double *values, uint64_t count, double percentile); /* sorts values */

static inline void bench_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* For loops that watch a word: lets another process have the processor when there are more of them than processors. */
static inline void bench_watch(unsigned *looks)
{
    if (++*looks % 256 == 0)
        sched_yield();
    else
        bench_relax();
}

#endif
