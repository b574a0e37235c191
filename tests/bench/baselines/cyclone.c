/* Peer across processes: Cyclone DDS, reliable and keep-all, so that nothing is lost.  The type's description is written by hand,
 * as its IDL compiler would: one array of octets.  len=N bytes each, readers=N; X3: percentiles of a round trip. */
#include "bench/lib/bulk.h"
#include "bench/lib/team.h"

#include <dds/dds.h>
#include <dds/ddsc/dds_opcodes.h>
#include <dds/ddsrt/log.h>
#include <stdlib.h>

#define TAKEN 64 /* samples per take */
#define PATIENCE DDS_SECS(60)

struct setup {
    uint64_t events;
    size_t len;
};

struct node {
    dds_entity_t participant, writer, reader, waitset;
};

static dds_entity_t check(dds_entity_t result)
{
    if (result < 0)
        subject_die(dds_strretcode(-result));
    return result;
}

/* It reports at each start that loopback has no multicast. */
static void log_nothing(void *userdata, const dds_log_data_t *data)
{
    (void)userdata;
    (void)data;
}

static dds_qos_t *reliable(void)
{
    dds_qos_t *qos = dds_create_qos();

    dds_qset_reliability(qos, DDS_RELIABILITY_RELIABLE, PATIENCE);
    dds_qset_history(qos, DDS_HISTORY_KEEP_ALL, 0);
    dds_qset_resource_limits(qos, 4096, DDS_LENGTH_UNLIMITED, DDS_LENGTH_UNLIMITED);
    return qos;
}

static dds_entity_t open_topic(dds_entity_t participant, const char *name, size_t len)
{
    const uint32_t operations[] = {DDS_OP_ADR | DDS_OP_TYPE_ARR | DDS_OP_SUBTYPE_1BY, 0, (uint32_t)len, DDS_OP_RTS};
    const dds_topic_descriptor_t descriptor = {
        .m_size = (uint32_t)len, .m_align = 1, .m_typename = "packet", .m_nops = 2, .m_ops = operations, .m_meta = ""};

    return check(dds_create_topic(participant, &descriptor, name, NULL, NULL));
}

/* A writer of one topic and a reader of another; either name may be NULL. */
static void node_open(struct node *node, const char *writes, const char *reads, size_t len)
{
    dds_qos_t *qos = reliable();

    node->participant = check(dds_create_participant(0, NULL, NULL));
    if (writes != NULL)
        node->writer = check(dds_create_writer(node->participant, open_topic(node->participant, writes, len), qos, NULL));
    if (reads != NULL) {
        node->reader = check(dds_create_reader(node->participant, open_topic(node->participant, reads, len), qos, NULL));
        node->waitset = check(dds_create_waitset(node->participant));
        check(dds_set_status_mask(node->reader, DDS_DATA_AVAILABLE_STATUS));
        check(dds_waitset_attach(node->waitset, node->reader, 0));
    }
    dds_delete_qos(qos);
}

/* Until the writer has found so many readers. */
static void await_readers(const struct node *node, uint32_t count)
{
    dds_publication_matched_status_t status = {0};

    while (status.current_count < count) {
        check(dds_get_publication_matched_status(node->writer, &status));
        dds_sleepfor(DDS_MSECS(2));
    }
}

static void await_writer(const struct node *node)
{
    dds_subscription_matched_status_t status = {0};

    while (status.current_count < 1) {
        check(dds_get_subscription_matched_status(node->reader, &status));
        dds_sleepfor(DDS_MSECS(2));
    }
}

/* Waits for samples and counts them; how many there were. */
static uint64_t take_some(const struct node *node, size_t len, struct team_result *result, uint64_t *next)
{
    void *samples[TAKEN] = {NULL};
    dds_sample_info_t infos[TAKEN];
    uint64_t taken = 0;
    int32_t count;

    while ((count = check(dds_take(node->reader, samples, infos, TAKEN, TAKEN))) == 0)
        check(dds_waitset_wait(node->waitset, NULL, 0, PATIENCE));
    for (int32_t i = 0; i < count; i++) {
        if (!infos[i].valid_data)
            continue;
        team_count(result, bulk_sequence(samples[i]), bulk_sum(samples[i], len), next);
        taken++;
    }
    check(dds_return_loan(node->reader, samples, count));
    return taken;
}

static void receive_all(struct team *team, unsigned nth)
{
    const struct setup *setup = team->setup;
    struct team_result result = {0};
    struct node node = {0};
    uint64_t next = 0;

    node_open(&node, NULL, "there", setup->len);
    while (result.received < setup->events)
        take_some(&node, setup->len, &result, &next);
    team->results[nth] = result;
    dds_delete(node.participant);
}

static void write_one(const struct node *node, void *buffer, const void *prepared, size_t len, uint64_t sequence)
{
    bulk_fill(buffer, prepared, len, sequence);
    check(dds_write(node->writer, buffer));
}

static void answer_all(struct team *team, unsigned nth)
{
    const struct setup *setup = team->setup;
    void *prepared = bulk_prepare(setup->len), *buffer = malloc(setup->len);
    struct team_result result = {0};
    struct node node = {0};
    uint64_t next = 0;

    node_open(&node, "back", "there", setup->len);
    await_readers(&node, 1);
    while (result.received < setup->events) {
        take_some(&node, setup->len, &result, &next);
        write_one(&node, buffer, prepared, setup->len, result.received - 1);
    }
    team->results[nth] = result;
    while (!atomic_load(&team->ended)) /* the last answer must have arrived */
        dds_sleepfor(DDS_MSECS(1));
    dds_delete(node.participant);
}

static void run_round_trips(struct team *team, const struct setup *setup, const struct node *node, void *buffer,
                            const void *prepared)
{
    double *microseconds = calloc(setup->events, sizeof *microseconds);
    struct team_result answers = {0};
    uint64_t next = 0;

    for (uint64_t i = 0; i < setup->events; i++) {
        const uint64_t before = bench_now_ns();

        write_one(node, buffer, prepared, setup->len, i);
        take_some(node, setup->len, &answers, &next);
        microseconds[i] = (double)(bench_now_ns() - before) * 1e-3;
    }
    atomic_store(&team->ended, true);
    subject_report("p50_us", bench_percentile(microseconds, setup->events, 50));
    subject_report("p99_us", bench_percentile(microseconds, setup->events, 99));
    free(microseconds);
}

int main(int argc, char **argv)
{
    struct node node = {0};
    struct subject subject;
    struct setup setup;
    struct team *team;
    void *prepared, *buffer;
    bool rounds;

    subject_init(&subject, argc, argv);
    rounds = subject_is(&subject, "X3");
    setup.events = subject_number(&subject, "events", 10000);
    setup.len = subject_number(&subject, "len", 64);
    dds_set_log_sink(log_nothing, NULL);
    setenv("CYCLONEDDS_URI",
           "<General><Interfaces><NetworkInterface "
           "name='lo'/></Interfaces></General>",
           0);
    prepared = bulk_prepare(setup.len);
    buffer = malloc(setup.len);
    team = team_new(rounds ? 1 : (unsigned)subject_number(&subject, "readers", 1), &setup);
    team_start(team, rounds ? answer_all : receive_all);
    node_open(&node, "there", rounds ? "back" : NULL, setup.len);
    await_readers(&node, team->count);
    if (rounds)
        await_writer(&node);
    subject_begin(&subject);
    if (rounds)
        run_round_trips(team, &setup, &node, buffer, prepared);
    else
        for (uint64_t i = 0; i < setup.events; i++)
            write_one(&node, buffer, prepared, setup.len, i);
    team_join(team);
    subject_end(&subject);
    dds_delete(node.participant);
    return team_finish(team, &subject, setup.events, bulk_expected(setup.events, prepared, setup.len), setup.len, false);
}
