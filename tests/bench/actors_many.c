/* W6 to W8: many actors, many topics, many patterns. */
#include "bench/actors.h"

#include <stdio.h>
#include <stdlib.h>

#define MANY_TOPICS 1000u
#define HITS 100u /* subscriptions that match an event, W8 */

static const maiko_actor_ops source = {.step = bench_produce};
static const maiko_actor_ops sink = {.handle = bench_receive};

static void *allocate(size_t count, size_t size)
{
    void *memory = aligned_alloc(128, (count * size + 127) / 128 * 128);

    if (memory == NULL)
        subject_die("no memory");
    return memset(memory, 0, (count * size + 127) / 128 * 128);
}

/* W6: what each actor did, a byte, outside of what is measured. */
struct crowd {
    uint8_t *handled;
    uint32_t count;
    _Atomic uint32_t total;
};

struct crowd_member {
    struct crowd *crowd;
    uint32_t index;
};

static maiko_status handle_once(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct crowd_member *member = self;

    member->crowd->handled[member->index]++;
    if (atomic_fetch_add_explicit(&member->crowd->total, 1, memory_order_relaxed) + 1 == member->crowd->count)
        maiko_stop_runtime(ctx);
    return MAIKO_OK;
}

static void add_member(struct bench *bench, struct crowd_member *member)
{
    static const maiko_actor_ops ops = {.handle = handle_once};
    char name[32];

    snprintf(name, sizeof name, "actor-%u", member->index);
    bench_check(bench,
                maiko_supervisor_add(
                    bench->supervisor,
                    &(maiko_actor_spec){.name = name, .ops = &ops, .self = member, .subscribe = MAIKO_TOPICS("bench/packet")}));
}

/* Creation ends when start has returned: the actors can then be sent to.  The memory is taken when each has handled an event. */
static int run_many_actors(struct bench *bench)
{
    const uint32_t count = (uint32_t)subject_number(&bench->subject, "actors", 100000);
    struct crowd crowd = {.handled = allocate(count, 1), .count = count};
    struct crowd_member *members = allocate(count, sizeof *members);
    uint64_t before, handled_once = 0;
    packet event;

    for (uint32_t i = 0; i < count; i++)
        members[i] = (struct crowd_member){.crowd = &crowd, .index = i};
    payload_fill((struct payload *)&event, 0);
    before = bench_resident_bytes();
    bench_open(bench);
    subject_begin(&bench->subject);
    for (uint32_t i = 0; i < count; i++)
        add_member(bench, &members[i]);
    bench_check(bench, maiko_supervisor_start(bench->supervisor));
    subject_end(&bench->subject);
    bench_check(bench, maiko_send_event(maiko_supervisor_context(bench->supervisor), packet, &event));
    bench_check(bench, maiko_supervisor_join(bench->supervisor));
    subject_report("bytes_each", (double)(bench_resident_bytes() - before) / count);
    subject_report("us_each", bench->subject.seconds * 1e6 / count);
    bench_check(bench, maiko_supervisor_stop(&bench->supervisor, NULL));
    for (uint32_t i = 0; i < count; i++)
        handled_once += crowd.handled[i] == 1;
    free(members);
    free(crowd.handled);
    return subject_finish(&bench->subject, handled_once, count, 0, 0);
}

static int finish(struct bench *bench, const struct part *parts, unsigned count, uint64_t sent, uint64_t expected_sum)
{
    uint64_t received = 0, sum = 0;

    for (unsigned i = 0; i < count; i++) {
        received += parts[i].received;
        sum += parts[i].sum;
    }
    return subject_finish(&bench->subject, received, sent, sum, expected_sum);
}

/* W7: one source, 1 000 topics in turn, an actor on each. */
static int run_many_topics(struct bench *bench)
{
    static char topics[MANY_TOPICS][32];
    const uint64_t each = bench->events / MANY_TOPICS + (bench->events < MANY_TOPICS);
    struct part *parts = allocate(MANY_TOPICS, sizeof *parts);
    struct part producer = {.end = each * MANY_TOPICS, .topics = topics, .topic_count = MANY_TOPICS};
    int status;

    bench_open(bench);
    for (uint32_t i = 0; i < MANY_TOPICS; i++) {
        char name[32];

        snprintf(name, sizeof name, "sink-%u", i);
        snprintf(topics[i], sizeof topics[i], "bench/%u", i);
        parts[i].awaited = each;
        bench_add(bench, name, &sink, &parts[i], 1, MAIKO_TOPICS(topics[i]));
    }
    bench_add(bench, "source", &source, &producer, 0, NULL);
    bench_run(bench);
    status = finish(bench, parts, MANY_TOPICS, producer.end, payload_expected(producer.end));
    free(parts);
    return status;
}

/* W8: a hundred topics in turn, a hundred patterns that match all of them, `others` that match none. */
static int run_wildcards(struct bench *bench)
{
    static char topics[HITS][32];
    const uint32_t others = (uint32_t)subject_number(&bench->subject, "others", 10);
    const uint64_t each = bench->events / HITS + (bench->events < HITS);
    struct part *parts = allocate(HITS + others, sizeof *parts);
    struct part producer = {.end = each, .topics = topics, .topic_count = HITS};
    int status;

    bench_open(bench);
    for (uint32_t i = 0; i < HITS + others; i++) {
        char name[32], pattern[48];

        snprintf(name, sizeof name, "sink-%u", i);
        snprintf(pattern, sizeof pattern, i < HITS ? "bench/+/hit" : "bench/+/miss-%u", i);
        parts[i].awaited = i < HITS ? each : 0;
        bench_add(bench, name, &sink, &parts[i], 1, MAIKO_TOPICS(pattern));
    }
    for (uint32_t i = 0; i < HITS; i++)
        snprintf(topics[i], sizeof topics[i], "bench/%u/hit", i);
    bench_add(bench, "source", &source, &producer, 0, NULL);
    bench_run(bench);
    status = finish(bench, parts, HITS + others, each * HITS, payload_expected(each) * HITS);
    free(parts);
    return status;
}

int run_many_row(struct bench *bench)
{
    if (subject_is(&bench->subject, "W6"))
        return run_many_actors(bench);
    if (subject_is(&bench->subject, "W7"))
        return run_many_topics(bench);
    return run_wildcards(bench);
}
