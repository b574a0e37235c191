/* Broker: the daemon, the processes on both sides, and the rows. */
#include "bench/baselines/broker.h"

#include "bench/lib/bulk.h"
#include "bench/lib/daemon.h"
#include "bench/lib/team.h"

#include <stdlib.h>

#define THERE "bench/there"
#define BACK "bench/back"

struct setup {
    const struct broker *broker;
    struct daemon daemon;
    uint64_t events;
    size_t len;
    const void *prepared;
};

/* Who receives: what came, and for X3 where the answer goes. */
struct ear {
    const struct setup *setup;
    struct team_result result;
    uint64_t next;
    struct line *answers;
};

static void take(void *userdata, const void *bytes, size_t len)
{
    struct ear *ear = userdata;

    if (len != ear->setup->len)
        subject_die("an event that nobody sent");
    team_count(&ear->result, bulk_sequence(bytes), bulk_sum(bytes, len), &ear->next);
    if (ear->answers != NULL) {
        ear->setup->broker->publish(ear->answers, BACK, bytes, len, 1);
        ear->setup->broker->flush(ear->answers);
    }
}

static void receive_all(struct ear *ear, struct team *team, unsigned nth)
{
    const struct broker *broker = ear->setup->broker;
    struct line *line = broker->open(ear->setup->daemon.socket);

    broker->subscribe(line, THERE);
    atomic_fetch_add(&team->ready, 1);
    while (ear->result.received < ear->setup->events)
        broker->receive(line, take, ear);
    team->results[nth] = ear->result;
    broker->close(line);
}

static void receive_only(struct team *team, unsigned nth)
{
    struct ear ear = {.setup = team->setup};

    receive_all(&ear, team, nth);
}

static void receive_and_answer(struct team *team, unsigned nth)
{
    const struct setup *setup = team->setup;
    struct ear ear = {.setup = setup, .answers = setup->broker->open(setup->daemon.socket)};

    receive_all(&ear, team, nth);
    setup->broker->close(ear.answers);
}

static void send_one(const struct setup *setup, struct line *line, void *bytes, uint64_t sequence, unsigned receivers)
{
    bulk_fill(bytes, setup->prepared, setup->len, sequence);
    setup->broker->publish(line, THERE, bytes, setup->len, receivers);
}

static void run_round_trips(const struct setup *setup, struct subject *subject, struct line *out, void *bytes)
{
    struct line *in = setup->broker->open(setup->daemon.socket);
    double *microseconds = calloc(setup->events, sizeof *microseconds);
    struct ear ear = {.setup = setup};

    setup->broker->subscribe(in, BACK);
    subject_begin(subject);
    for (uint64_t i = 0; i < setup->events; i++) {
        const uint64_t before = bench_now_ns();

        send_one(setup, out, bytes, i, 1);
        setup->broker->flush(out);
        while (ear.result.received == i)
            setup->broker->receive(in, take, &ear);
        microseconds[i] = (double)(bench_now_ns() - before) * 1e-3;
    }
    subject_end(subject);
    subject_report("p50_us", bench_percentile(microseconds, setup->events, 50));
    subject_report("p99_us", bench_percentile(microseconds, setup->events, 99));
    free(microseconds);
    setup->broker->close(in);
}

static void start_broker(struct setup *setup)
{
    FILE *config = daemon_prepare(&setup->daemon);
    const char *with_option[] = {setup->broker->option, setup->daemon.config, NULL};

    setup->broker->configure(config, setup->daemon.directory, setup->daemon.socket);
    fclose(config);
    daemon_start(&setup->daemon, setup->broker->programs, setup->broker->option != NULL ? with_option : with_option + 1);
}

static void run_row(struct team *team, struct setup *setup, struct subject *subject, bool rounds)
{
    struct line *line = setup->broker->open(setup->daemon.socket);
    void *bytes = malloc(setup->len);
    unsigned looks = 0;

    if (bytes == NULL)
        subject_die("no memory");
    while (atomic_load(&team->ready) < team->count)
        bench_watch(&looks);
    if (rounds) {
        run_round_trips(setup, subject, line, bytes);
        team_join(team);
    } else {
        subject_begin(subject);
        for (uint64_t i = 0; i < setup->events; i++)
            send_one(setup, line, bytes, i, team->count);
        setup->broker->flush(line);
        team_join(team);
        subject_end(subject);
    }
    setup->broker->close(line);
    free(bytes);
}

int broker_main(const struct broker *broker, int argc, char **argv)
{
    struct setup setup = {.broker = broker};
    struct subject subject;
    struct team *team;
    void *prepared;
    bool rounds;

    subject_init(&subject, argc, argv);
    rounds = subject_is(&subject, "X3");
    setup.events = subject_number(&subject, "events", 10000);
    setup.len = subject_number(&subject, "len", 64);
    setup.prepared = prepared = bulk_prepare(setup.len);
    start_broker(&setup);
    team = team_new(rounds ? 1 : (unsigned)subject_number(&subject, "readers", 1), &setup);
    team_start(team, rounds ? receive_and_answer : receive_only);
    run_row(team, &setup, &subject, rounds);
    daemon_stop(&setup.daemon);
    return team_finish(team, &subject, setup.events, bulk_expected(setup.events, prepared, setup.len), setup.len, false);
}
