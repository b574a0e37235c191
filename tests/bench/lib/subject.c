/* Subject: command line, clock and result lines of a measured program. */
#include "bench/lib/subject.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void subject_init(struct subject *subject, int argc, char **argv)
{
    if (argc < 2 || strchr(argv[1], '=') != NULL) {
        fprintf(stderr, "usage: %s ROW [key=value …]\n", argv[0]);
        exit(2);
    }
    *subject = (struct subject){.row = argv[1], .argument_count = argc - 2, .arguments = argv + 2};
}

bool subject_is(const struct subject *subject, const char *row)
{
    return strcmp(subject->row, row) == 0;
}

const char *subject_text(const struct subject *subject, const char *key, const char *fallback)
{
    const size_t len = strlen(key);

    for (int i = 0; i < subject->argument_count; i++) {
        const char *argument = subject->arguments[i];

        if (strncmp(argument, key, len) == 0 && argument[len] == '=')
            return argument + len + 1;
    }
    return fallback;
}

uint64_t subject_number(const struct subject *subject, const char *key, uint64_t fallback)
{
    const char *text = subject_text(subject, key, NULL);

    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

void subject_begin(struct subject *subject)
{
    subject->started_ns = bench_now_ns();
}

void subject_end(struct subject *subject)
{
    subject->seconds = (double)(bench_now_ns() - subject->started_ns) * 1e-9;
}

void subject_report(const char *key, double value)
{
    printf("%s %.9g\n", key, value);
}

void subject_note(const char *text)
{
    printf("note %s\n", text);
}

int subject_finish(const struct subject *subject, uint64_t counted, uint64_t sent, uint64_t sum, uint64_t expected_sum)
{
    const bool valid = counted == sent && sum == expected_sum;

    printf("events %" PRIu64 "\n", counted);
    printf("seconds %.9f\n", subject->seconds);
    printf("rate %.9g\n", (double)counted / subject->seconds * 1e-6);
    printf("valid %d\n", valid);
    if (!valid)
        fprintf(stderr, "%s: received %" PRIu64 " of %" PRIu64 ", sum %" PRIu64 ", expected %" PRIu64 "\n", subject->row, counted,
                sent, sum, expected_sum);
    return valid ? EXIT_SUCCESS : EXIT_FAILURE;
}

void subject_die(const char *reason)
{
    fprintf(stderr, "benchmark: %s\n", reason);
    exit(2);
}

uint64_t bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Taken before main: a thread that pinned itself would hide the other processors from those it starts. */
static cpu_set_t usable_cpus;

__attribute__((constructor)) static void read_usable_cpus(void)
{
    if (sched_getaffinity(0, sizeof usable_cpus, &usable_cpus) != 0)
        CPU_ZERO(&usable_cpus);
}

unsigned bench_cpu_count(void)
{
    const int count = CPU_COUNT(&usable_cpus);

    return count > 0 ? (unsigned)count : 1;
}

void bench_pin(unsigned nth)
{
    unsigned seen = 0;
    cpu_set_t one;

    nth %= bench_cpu_count();
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &usable_cpus) || seen++ != nth)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

uint64_t bench_resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

double bench_percentile(double *values, uint64_t count, double percentile)
{
    uint64_t at;

    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, compare_doubles);
    at = (uint64_t)(percentile / 100 * (double)(count - 1) + 0.5);
    return values[at];
}
