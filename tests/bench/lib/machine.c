/* Machine: description and core-to-core probe. */
#include "bench/lib/machine.h"

#include "bench/lib/json.h"
#include "bench/lib/subject.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define PROBE_ROUNDS 2000u
#define PROBE_BURSTS 10u

struct probe {
    alignas(128) _Atomic uint32_t there; /* each released by one thread, acquired by the other */
    alignas(128) _Atomic uint32_t back;
};

static void *answer(void *userdata)
{
    struct probe *probe = userdata;

    bench_pin(1);
    for (uint32_t round = 1; round <= PROBE_ROUNDS * PROBE_BURSTS; round++) {
        while (atomic_load_explicit(&probe->there, memory_order_acquire) != round)
            bench_relax();
        atomic_store_explicit(&probe->back, round, memory_order_release);
    }
    return NULL;
}

static double ask(struct probe *probe)
{
    double best = 1e9;
    uint32_t round = 0;

    for (unsigned burst = 0; burst < PROBE_BURSTS; burst++) {
        const uint64_t before = bench_now_ns();
        double us;

        for (unsigned i = 0; i < PROBE_ROUNDS; i++) {
            atomic_store_explicit(&probe->there, ++round, memory_order_release);
            while (atomic_load_explicit(&probe->back, memory_order_acquire) != round)
                bench_relax();
        }
        us = (double)(bench_now_ns() - before) * 1e-3 / PROBE_ROUNDS;
        best = us < best ? us : best;
    }
    return best;
}

static void *ask_pinned(void *userdata)
{
    double *us = userdata;
    struct probe probe = {0};
    pthread_t answering;

    bench_pin(0);
    if (pthread_create(&answering, NULL, answer, &probe) != 0)
        return NULL;
    *us = ask(&probe);
    pthread_join(answering, NULL);
    return NULL;
}

double machine_round_trip_us(void)
{
    double us = 0;
    pthread_t asking; /* a thread of its own, so that the caller is not pinned and neither is what it starts */

    if (bench_cpu_count() < 2 || pthread_create(&asking, NULL, ask_pinned, &us) != 0)
        return 0;
    pthread_join(asking, NULL);
    return us;
}

const char *machine_distance(double round_trip_us)
{
    return round_trip_us > MACHINE_FAR_US ? "far" : "near";
}

static void read_cpu_model(char *model, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];

    snprintf(model, size, "unknown processor");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');

        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        snprintf(model, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    fclose(file);
}

void machine_describe(FILE *out, double round_trip_us)
{
    const time_t now = time(NULL);
    char model[128], date[32], kernel[32];
    struct utsname host;
    struct tm utc;
    double load;

    read_cpu_model(model, sizeof model);
    uname(&host);
    snprintf(kernel, sizeof kernel, "%.*s", (int)strspn(host.release, "0123456789."), host.release);
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%Y-%m-%d", &utc);
    json_begin(out);
    json_text(out, "kind", "machine");
    json_text(out, "date", date);
    json_text(out, "processor", model);
    json_number(out, "processors", bench_cpu_count());
    json_text(out, "kernel", kernel);
    json_text(out, "architecture", host.machine);
    json_text(out, "compiler", "gcc compatible " __VERSION__);
    json_number(out, "load", getloadavg(&load, 1) == 1 ? load : 0);
    json_number(out, "round_trip_us", round_trip_us);
    json_text(out, "distance", machine_distance(round_trip_us));
    json_end(out);
}
