/* Actors: command line, supervisor and the hooks that rows share. */
#include "bench/actors.h"

#include <stdio.h>

#define BURST 128u /* events a source makes before others have their turn */

void bench_check(const struct bench *bench, maiko_status status)
{
    if (status == MAIKO_OK)
        return;
    fprintf(stderr, "libmaiko: %s: %s\n", maiko_strerror(status), maiko_supervisor_error_text(bench->supervisor));
    subject_die("libmaiko refused");
}

void bench_open(struct bench *bench)
{
    maiko_config config = {.shards = bench->shards, .spin_ns = subject_number(&bench->subject, "spin_us", 0) * 1000};

    config.mailbox_capacity = (uint32_t)subject_number(&bench->subject, "capacity", 0);
    config.stop_deadline_ns = config.actor_stop_deadline_ns = MAIKO_SECONDS(300); /* a million of them on a busy machine */
    config.turn_budget_ns = subject_number(&bench->subject, "turn_us", 0) * 1000;
    config.tick_limit = (uint32_t)subject_number(&bench->subject, "tick", 0);
    if (bench->apart)
        config.placement = MAIKO_PLACEMENT_FIXED;
    bench->supervisor = maiko_supervisor_new(&config);
    if (bench->supervisor == NULL)
        subject_die("no supervisor");
}

void bench_add(struct bench *bench, const char *name, const maiko_actor_ops *ops, struct part *part, unsigned shard,
               const char *const *subscribe)
{
    maiko_actor_spec spec = {.name = name, .ops = ops, .self = part, .subscribe = subscribe};

    if (bench->apart)
        spec.shard = MAIKO_SHARD(shard % bench->shards);
    part->bench = bench;
    part->shard = shard;
    bench->undone += part->awaited > 0;
    bench_check(bench, maiko_supervisor_add(bench->supervisor, &spec));
}

void bench_run(struct bench *bench)
{
    subject_begin(&bench->subject);
    bench_check(bench, maiko_supervisor_start(bench->supervisor));
    bench_check(bench, maiko_supervisor_join(bench->supervisor));
    subject_end(&bench->subject);
    bench_check(bench, maiko_supervisor_stop(&bench->supervisor, NULL));
}

void bench_count(struct part *part, maiko_context *ctx, const void *event)
{
    part->sum += payload_sum(event);
    if (++part->received == part->awaited && atomic_fetch_add(&part->bench->done, 1) + 1 == part->bench->undone)
        maiko_stop_runtime(ctx);
}

maiko_status bench_receive(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const packet *event = maiko_event_as(envelope, packet);

    if (event != NULL)
        bench_count(self, ctx, event);
    return MAIKO_OK;
}

static maiko_status produce_one(struct part *part, maiko_context *ctx)
{
    packet event;

    payload_fill((struct payload *)&event, part->made);
    if (part->topics != NULL) {
        const char *topic = part->topics[part->next_topic];

        if (++part->next_topic == part->topic_count)
            part->next_topic = 0;
        return maiko_send_event_to(ctx, topic, packet, &event);
    }
    return maiko_send_event(ctx, packet, &event);
}

maiko_step bench_produce(void *self, maiko_context *ctx)
{
    struct part *part = self;
    const uint64_t pause = part->made + BURST < part->end ? part->made + BURST : part->end;

    while (part->made < pause && !maiko_is_sender_full(ctx)) {
        const maiko_status status = produce_one(part, ctx);

        if (status != MAIKO_OK)
            return maiko_error(ctx, status, "event %llu was refused", (unsigned long long)part->made);
        part->made++;
    }
    return part->made < part->end ? MAIKO_STEP_CONTINUE : MAIKO_STEP_NEVER;
}

int main(int argc, char **argv)
{
    struct bench bench = {0};

    subject_init(&bench.subject, argc, argv);
    bench.events = subject_number(&bench.subject, "events", 100000);
    bench.shards = (unsigned)subject_number(&bench.subject, "shards", 0);
    bench.apart = subject_number(&bench.subject, "apart", 0) != 0 && bench.shards > 0;
    bench.bound = bench.apart && subject_number(&bench.subject, "bound", 0) != 0;
    switch (bench.subject.row[0] == 'W' ? bench.subject.row[1] : '\0') {
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
        return run_flow_row(&bench);
    case '6':
    case '7':
    case '8':
        return run_many_row(&bench);
    case '9':
        return run_work_row(&bench);
    default:
        subject_die("no such row");
    }
}
