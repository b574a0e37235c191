/* Limit: the rows W1 to W7 on the minimal runtime, on one shard or two (shards=2). */
#include "bench/baselines/minimal.h"
#include "bench/lib/subject.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_ACTORS 8u
#define MANY_TOPICS 1000u
#define PING_TOPIC 0u
#define PONG_TOPIC 1u

struct source {
    uint64_t next, end;
    uint32_t topic, topic_count; /* events go to topic, topic + 1, … in turn */
};

struct bench {
    struct subject subject;
    uint64_t events;
    unsigned shard_count;
    struct minimal_shard shards[MINIMAL_MOST_SHARDS];
    struct spsc rings[MINIMAL_MOST_SHARDS];
    _Atomic bool stop;
    _Atomic unsigned finished_sinks;
    unsigned sinks;
    uint64_t per_sink; /* events each sink waits for; 0: runs until idle */
};

static struct bench bench;

static void handle_sink(struct minimal_actor *self, const struct payload *payload)
{
    self->sum += payload_sum(payload);
    if (++self->count == bench.per_sink && atomic_fetch_add(&bench.finished_sinks, 1) + 1 == bench.sinks)
        atomic_store(&bench.stop, true);
}

static void send_payload(struct minimal_shard *shard, uint32_t topic, uint64_t sequence)
{
    struct minimal_event *event = minimal_event_new(shard);

    payload_fill(&event->payload, sequence);
    minimal_send(shard, topic, event);
}

static bool step_source(struct minimal_actor *self, unsigned budget)
{
    struct source *source = self->userdata;
    uint32_t topic = source->topic + (uint32_t)(source->next % source->topic_count);

    for (; budget > 0 && source->next < source->end; budget--) {
        send_payload(self->shard, topic, source->next++);
        if (++topic == source->topic + source->topic_count)
            topic = source->topic;
    }
    return source->next < source->end;
}

/* A relay sums what it got and makes a new event of its own. */
static void handle_relay(struct minimal_actor *self, const struct payload *payload)
{
    self->sum += payload_sum(payload);
    send_payload(self->shard, self->sends_on, self->count++);
}

/* Ping asks with event n, pong answers with an event n of its own. */
static void handle_ping(struct minimal_actor *self, const struct payload *payload)
{
    self->sum += payload_sum(payload);
    if (++self->count < bench.events)
        send_payload(self->shard, PING_TOPIC, self->count);
    else
        atomic_store(&bench.stop, true);
}

static void handle_pong(struct minimal_actor *self, const struct payload *payload)
{
    self->sum += payload_sum(payload);
    send_payload(self->shard, PONG_TOPIC, self->count++);
}

static struct minimal_shard *shard_of(unsigned index)
{
    return &bench.shards[index % bench.shard_count];
}

static struct minimal_actor *add_source(unsigned shard, uint32_t topic, uint32_t topic_count, uint64_t events)
{
    struct source *source = calloc(1, sizeof *source);
    struct minimal_actor *actor;

    if (source == NULL)
        subject_die("no memory");
    *source = (struct source){.end = events, .topic = topic, .topic_count = topic_count};
    actor = minimal_actor_add(shard_of(shard), "source", handle_sink, step_source, source);
    actor->sends_on = topic;
    minimal_wake(actor);
    return actor;
}

static void *run_shard(void *userdata)
{
    struct minimal_shard *shard = userdata;

    bench_pin(shard->index);
    minimal_run(shard, bench.shard_count > 1 ? &bench.stop : NULL);
    return NULL;
}

static void run_all(void)
{
    pthread_t second;

    subject_begin(&bench.subject);
    if (bench.shard_count > 1 && pthread_create(&second, NULL, run_shard, &bench.shards[1]) != 0)
        subject_die("no thread");
    run_shard(&bench.shards[0]);
    if (bench.shard_count > 1)
        pthread_join(second, NULL);
    subject_end(&bench.subject);
}

/* topic is what crosses between the two shards. */
static void init_shards(uint32_t actors, uint32_t topics, uint32_t crossing)
{
    for (unsigned i = 0; i < bench.shard_count; i++)
        minimal_shard_init(&bench.shards[i], i, actors, topics);
    if (bench.shard_count < 2)
        return;
    minimal_connect(&bench.shards[0], &bench.shards[1], &bench.rings[0], &bench.rings[1], crossing);
    minimal_connect(&bench.shards[1], &bench.shards[0], &bench.rings[1], &bench.rings[0], crossing);
}

/* W1, W2, W3: sources on the first shard, sinks on the last (W2: spread over all). */
static int run_sources_and_sinks(unsigned sources, unsigned sinks)
{
    struct minimal_actor *actors[MOST_ACTORS];
    uint64_t counted = 0, sum = 0;
    const uint64_t each = bench.events / (sources * sinks);

    bench.sinks = sinks;
    bench.per_sink = each * sources;
    init_shards(sources + sinks, 1, 0);
    for (unsigned i = 0; i < sinks; i++) {
        actors[i] = minimal_actor_add(shard_of(sinks > 1 ? i : bench.shard_count - 1), "sink", handle_sink, NULL, NULL);
        minimal_subscribe(actors[i], 0);
    }
    for (unsigned i = 0; i < sources; i++)
        add_source(0, 0, 1, each)->sends_on = 0;
    run_all();
    for (unsigned i = 0; i < sinks; i++) {
        counted += actors[i]->count;
        sum += actors[i]->sum;
    }
    return subject_finish(&bench.subject, counted, each * sources * sinks, sum, payload_expected(each) * sources * sinks);
}

static int run_ping_pong(void)
{
    struct minimal_actor *ping, *pong;

    init_shards(2, 2, PING_TOPIC);
    bench.shards[0].ring_topic = PONG_TOPIC; /* each shard receives the other's topic */
    ping = minimal_actor_add(shard_of(0), "ping", handle_ping, NULL, NULL);
    pong = minimal_actor_add(shard_of(1), "pong", handle_pong, NULL, NULL);
    minimal_subscribe(ping, PONG_TOPIC);
    minimal_subscribe(pong, PING_TOPIC);
    send_payload(shard_of(0), PING_TOPIC, 0);
    run_all();
    return subject_finish(&bench.subject, ping->count, bench.events, ping->sum + pong->sum, 2 * payload_expected(bench.events));
}

static int run_relays(void)
{
    struct minimal_actor *relays[3], *sink;
    uint64_t sum = 0;

    bench.sinks = 1;
    bench.per_sink = bench.events;
    init_shards(5, 4, 1); /* the first relay stays with the source */
    for (uint32_t i = 0; i < 3; i++) {
        relays[i] = minimal_actor_add(shard_of(i != 0), "relay", handle_relay, NULL, NULL);
        relays[i]->sends_on = i + 1;
        minimal_subscribe(relays[i], i);
    }
    sink = minimal_actor_add(shard_of(1), "sink", handle_sink, NULL, NULL);
    minimal_subscribe(sink, 3);
    add_source(0, 0, 1, bench.events);
    run_all();
    for (int i = 0; i < 3; i++)
        sum += relays[i]->sum;
    return subject_finish(&bench.subject, sink->count, bench.events, sum + sink->sum, 4 * payload_expected(bench.events));
}

/* W6: every actor with a name of its own, all on one topic, each handles one event. */
static int run_many_actors(void)
{
    const uint32_t count = (uint32_t)subject_number(&bench.subject, "actors", 100000);
    uint64_t before, handled = 0;
    struct minimal_topic *topic;

    init_shards(count, 1, 0);
    before = bench_resident_bytes();
    subject_begin(&bench.subject);
    for (uint32_t i = 0; i < count; i++) {
        char name[32];

        snprintf(name, sizeof name, "actor-%u", i);
        minimal_subscribe(minimal_actor_add(&bench.shards[0], name, handle_sink, NULL, NULL), 0);
    }
    subject_end(&bench.subject);
    send_payload(&bench.shards[0], 0, 0);
    minimal_run(&bench.shards[0], NULL);
    subject_report("bytes_each", (double)(bench_resident_bytes() - before) / count);
    subject_report("us_each", bench.subject.seconds * 1e6 / count);
    topic = &bench.shards[0].topics[0];
    for (uint32_t i = 0; i < topic->subscriber_count; i++)
        handled += topic->subscribers[i]->count;
    return subject_finish(&bench.subject, handled, count, 0, 0);
}

/* W7: one source, 1 000 topics in turn, an actor on each. */
static int run_many_topics(void)
{
    uint64_t counted = 0, sum = 0;

    init_shards(MANY_TOPICS + 1, MANY_TOPICS, 0);
    for (uint32_t i = 0; i < MANY_TOPICS; i++)
        minimal_subscribe(minimal_actor_add(shard_of(0), "sink", handle_sink, NULL, NULL), i);
    add_source(0, 0, MANY_TOPICS, bench.events);
    run_all();
    for (uint32_t i = 0; i < MANY_TOPICS; i++) {
        counted += bench.shards[0].topics[i].subscribers[0]->count;
        sum += bench.shards[0].topics[i].subscribers[0]->sum;
    }
    return subject_finish(&bench.subject, counted, bench.events, sum, payload_expected(bench.events));
}

int main(int argc, char **argv)
{
    subject_init(&bench.subject, argc, argv);
    bench.events = subject_number(&bench.subject, "events", 1000000);
    bench.shard_count = (unsigned)subject_number(&bench.subject, "shards", 1) > 1 ? 2 : 1;
    if (subject_is(&bench.subject, "W1"))
        return run_sources_and_sinks(1, 1);
    if (subject_is(&bench.subject, "W2"))
        return run_sources_and_sinks(1, 8);
    if (subject_is(&bench.subject, "W3"))
        return run_sources_and_sinks(4, 1);
    if (subject_is(&bench.subject, "W4"))
        return run_ping_pong();
    if (subject_is(&bench.subject, "W5"))
        return run_relays();
    if (subject_is(&bench.subject, "W6"))
        return run_many_actors();
    if (subject_is(&bench.subject, "W7"))
        return run_many_topics();
    subject_die("no such row");
}
