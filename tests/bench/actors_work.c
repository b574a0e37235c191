/* W9: handlers that cost something, to see whether the processors are used without being told. */
#include "bench/actors.h"
#include "bench/lib/work.h"

#include <stdio.h>

#define WORKERS 8u
#define WORK_NS 10000u

static maiko_status work(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const packet *event = maiko_event_as(envelope, packet);

    if (event == NULL)
        return MAIKO_OK;
    work_for_ns(WORK_NS);
    bench_count(self, ctx, event);
    return MAIKO_OK;
}

int run_work_row(struct bench *bench)
{
    static const maiko_actor_ops source = {.step = bench_produce}, worker = {.handle = work};
    static char topics[WORKERS][32];
    const uint64_t each = bench->events / WORKERS + (bench->events < WORKERS);
    struct part parts[WORKERS] = {0}, producer = {.end = each * WORKERS, .topics = topics, .topic_count = WORKERS};
    uint64_t received = 0, sum = 0;

    work_calibrate();
    bench_open(bench);
    for (uint32_t i = 0; i < WORKERS; i++) {
        char name[32];

        snprintf(name, sizeof name, "worker-%u", i);
        snprintf(topics[i], sizeof topics[i], "bench/%u", i);
        parts[i].awaited = each;
        bench_add(bench, name, &worker, &parts[i], i, MAIKO_TOPICS(topics[i]));
    }
    bench_add(bench, "source", &source, &producer, 0, NULL);
    bench_run(bench);
    for (uint32_t i = 0; i < WORKERS; i++) {
        received += parts[i].received;
        sum += parts[i].sum;
    }
    return subject_finish(&bench->subject, received, producer.end, sum, payload_expected(producer.end));
}
