/* W1 to W5: a few actors and many events. */
#include "bench/actors.h"

#define MOST_PARTS 8u

static const maiko_actor_ops source = {.step = bench_produce};
static const maiko_actor_ops sink = {.handle = bench_receive};

/* W1, W2, W3: every source's events go to every sink. */
static int run_sources_and_sinks(struct bench *bench, unsigned sources, unsigned sinks)
{
    struct part source_parts[MOST_PARTS] = {0}, sink_parts[MOST_PARTS] = {0};
    const uint64_t each = bench->events / (sources * sinks);
    uint64_t received = 0, sum = 0;

    bench_open(bench);
    for (unsigned i = 0; i < sinks; i++) {
        const char name[] = {'s', 'i', 'n', 'k', (char)('0' + i), '\0'};

        sink_parts[i].awaited = each * sources;
        bench_add(bench, name, &sink, &sink_parts[i], sinks > 1 ? i : 1, MAIKO_TOPICS("bench/packet"));
    }
    for (unsigned i = 0; i < sources; i++) {
        const char name[] = {'s', 'o', 'u', 'r', 'c', 'e', (char)('0' + i), '\0'};

        source_parts[i].end = each;
        bench_add(bench, name, &source, &source_parts[i], 0, NULL);
    }
    bench_run(bench);
    for (unsigned i = 0; i < sinks; i++) {
        received += sink_parts[i].received;
        sum += sink_parts[i].sum;
    }
    return subject_finish(&bench->subject, received, each * sources * sinks, sum, payload_expected(each) * sources * sinks);
}

/* W4: ping asks with event n, pong answers with an event n of its own; ping stops when it has all answers.  Where the row says
 * so, each binds its shard's thread to a processor. */
static maiko_status get_ready(void *self, maiko_context *ctx)
{
    struct part *part = self;

    if (part->bench->bound)
        bench_pin(part->shard);
    return MAIKO_OK;
}

static maiko_status serve(void *self, maiko_context *ctx)
{
    struct part *part = self;
    ping event;

    (void)get_ready(self, ctx);
    payload_fill((struct payload *)&event, part->made++);
    return maiko_send_event(ctx, ping, &event);
}

static maiko_status ask_again(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const pong *answer = maiko_event_as(envelope, pong);
    struct part *part = self;
    ping event;

    if (answer == NULL)
        return MAIKO_OK;
    bench_count(part, ctx, answer);
    if (part->received == part->awaited)
        return MAIKO_OK;
    payload_fill((struct payload *)&event, part->made++);
    return maiko_send_child_event(ctx, envelope, ping, &event);
}

static maiko_status answer(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const ping *question = maiko_event_as(envelope, ping);
    struct part *part = self;
    pong event;

    if (question == NULL)
        return MAIKO_OK;
    bench_count(part, ctx, question);
    payload_fill((struct payload *)&event, part->made++);
    return maiko_send_child_event(ctx, envelope, pong, &event);
}

static int run_ping_pong(struct bench *bench)
{
    static const maiko_actor_ops ping_ops = {.on_start = serve, .handle = ask_again},
                                 pong_ops = {.on_start = get_ready, .handle = answer};
    struct part asking = {.awaited = bench->events}, answering = {0};

    bench_open(bench);
    bench_add(bench, "pong", &pong_ops, &answering, 1, MAIKO_TOPICS("bench/ping"));
    bench_add(bench, "ping", &ping_ops, &asking, 0, MAIKO_TOPICS("bench/pong"));
    bench_run(bench);
    return subject_finish(&bench->subject, asking.received, bench->events, asking.sum + answering.sum,
                          2 * payload_expected(bench->events));
}

/* W5: a relay sums what it got and makes a child event of its own. */
#define RELAY(function, hears, sends)                                                                                            \
    static maiko_status function(void *self, maiko_context *ctx, const maiko_envelope *envelope)                                 \
    {                                                                                                                            \
        const hears *heard = maiko_event_as(envelope, hears);                                                                    \
        struct part *part = self;                                                                                                \
        sends event;                                                                                                             \
                                                                                                                                 \
        if (heard == NULL)                                                                                                       \
            return MAIKO_OK;                                                                                                     \
        bench_count(part, ctx, heard);                                                                                           \
        payload_fill((struct payload *)&event, part->made++);                                                                    \
        return maiko_send_child_event(ctx, envelope, sends, &event);                                                             \
    }

RELAY(relay_first, packet, first_hop)
RELAY(relay_second, first_hop, second_hop)
RELAY(relay_third, second_hop, third_hop)

static maiko_status receive_last(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const third_hop *event = maiko_event_as(envelope, third_hop);

    if (event != NULL)
        bench_count(self, ctx, event);
    return MAIKO_OK;
}

static int run_relays(struct bench *bench)
{
    static const maiko_actor_ops ops[] = {{.handle = relay_first}, {.handle = relay_second}, {.handle = relay_third}};
    static const maiko_actor_ops last_ops = {.handle = receive_last};
    struct part first = {.end = bench->events}, last = {.awaited = bench->events}, relays[3] = {0};

    bench_open(bench);
    bench_add(bench, "source", &source, &first, 0, NULL);
    bench_add(bench, "relay1", &ops[0], &relays[0], 0, MAIKO_TOPICS("bench/packet"));
    bench_add(bench, "relay2", &ops[1], &relays[1], 1, MAIKO_TOPICS("bench/hop/1"));
    bench_add(bench, "relay3", &ops[2], &relays[2], 1, MAIKO_TOPICS("bench/hop/2"));
    bench_add(bench, "sink", &last_ops, &last, 1, MAIKO_TOPICS("bench/hop/3"));
    bench_run(bench);
    return subject_finish(&bench->subject, last.received, bench->events, relays[0].sum + relays[1].sum + relays[2].sum + last.sum,
                          4 * payload_expected(bench->events));
}

int run_flow_row(struct bench *bench)
{
    if (subject_is(&bench->subject, "W1"))
        return run_sources_and_sinks(bench, 1, 1);
    if (subject_is(&bench->subject, "W2"))
        return run_sources_and_sinks(bench, 1, 8);
    if (subject_is(&bench->subject, "W3"))
        return run_sources_and_sinks(bench, 4, 1);
    if (subject_is(&bench->subject, "W4"))
        return run_ping_pong(bench);
    return run_relays(bench);
}
