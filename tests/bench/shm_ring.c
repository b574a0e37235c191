/* libmaiko's shared ring alone (bridge/shm), without actors: validated records with ids and times, one ring per reader, payloads
 * over 4 KiB in chunks that are written once and read in place.  batch=N publishes every N events, len=N bytes each, readers=N.
 * Both sides watch, and yield now and then, like baselines/shared_ring.  alone=1: one process does both by turns, to count
 * instructions. */
#include "bench/lib/bulk.h"
#include "bench/lib/team.h"
#include "shm/shm_chunks.h"
#include "shm/shm_reader.h"

#include <stdlib.h>

enum { LINK = 1, CONFIRM_EVERY = 256 };

struct outlet {
    struct shm_area data, control;
    struct shm_writer writer;
    struct shm_lending lending;
};

struct setup {
    struct outlet outlets[TEAM_MOST];
    struct shm_chunks chunks;
    uint64_t events, batch;
    size_t len;
};

static void must(maiko_status status, const char *what)
{
    if (status != MAIKO_OK)
        subject_die(what);
}

static void open_reader(const struct setup *setup, unsigned nth, struct shm_reader *reader)
{
    static struct shm_area data, control, payload;

    must(shm_area_attach(SHM_AREA_DATA, setup->outlets[nth].data.fd, LINK, &data, NULL), "no data memory");
    must(shm_area_attach(SHM_AREA_CONTROL, setup->outlets[nth].control.fd, LINK, &control, NULL), "no control memory");
    must(shm_area_attach(SHM_AREA_PAYLOAD, setup->chunks.area.fd, LINK, &payload, NULL), "no payload memory");
    shm_reader_init(reader, &data, &control, &payload, 0);
}

/* Tells the writer; whether it sleeps is of no interest, it never does. */
static void confirm(struct shm_reader *reader)
{
    if (shm_reader_confirm(reader, reader->position))
        subject_die("a sleeping writer");
}

/* The next record and those that are alike, if there is one; what they take from the ring is copied.  How many. */
static uint64_t receive_run(struct shm_reader *reader, struct team_result *result, uint64_t *next)
{
    unsigned char copy[SHM_BODY_MAX];
    struct shm_record record;
    const unsigned char *bytes;
    const maiko_status status = shm_reader_peek(reader, &record);
    size_t stride;

    if (status == MAIKO_EPROTOCOL)
        subject_die(reader->broken);
    if (status != MAIKO_OK)
        return 0;
    stride = shm_run_stride(record.len);
    bytes = record.is_chunk ? record.payload : memcpy(copy, record.payload, (record.alike + 1) * stride);
    for (uint32_t i = 0; i <= record.alike; i++)
        team_count(result, bulk_sequence(bytes + i * stride), bulk_sum(bytes + i * stride, record.len), next);
    shm_reader_next_run(reader);
    if (record.is_chunk)
        shm_reader_return(reader, record.slot);
    return record.alike + 1;
}

static void receive(struct team *team, unsigned nth)
{
    const struct setup *setup = team->setup;
    const uint64_t confirm_every = setup->len > SHM_INLINE_MAX ? 1 : CONFIRM_EVERY;
    struct team_result result = {0};
    struct shm_reader reader;
    uint64_t next = 0, unconfirmed = 0;
    unsigned looks = 0;

    open_reader(setup, nth, &reader);
    atomic_fetch_add(&team->ready, 1);
    while (result.received < setup->events) {
        const uint64_t count = receive_run(&reader, &result, &next);

        unconfirmed += count;
        if (unconfirmed >= confirm_every || (count == 0 && unconfirmed > 0)) {
            confirm(&reader);
            unconfirmed = 0;
        }
        if (count == 0)
            bench_watch(&looks);
    }
    confirm(&reader);
    team->results[nth] = result;
}

static void publish(struct outlet *outlet)
{
    if (shm_writer_publish(&outlet->writer))
        subject_die("a sleeping reader");
}

/* Until the link has room for the record. */
static void *reserve(struct outlet *outlet, const struct shm_event *event)
{
    unsigned looks = 0;
    void *payload;
    maiko_status status;

    while ((status = shm_writer_reserve(&outlet->writer, event, &payload)) == MAIKO_EFULL) {
        publish(outlet);
        bench_watch(&looks);
    }
    must(status, "a broken reader");
    return payload;
}

static void collect(struct outlet *outlet)
{
    must(shm_writer_refresh(&outlet->writer), "a broken reader");
    must(shm_lending_collect(&outlet->lending, &outlet->writer), "a chunk that was not out");
}

/* A chunk for the next event; waits until readers give some back. */
static struct shm_chunk *take(struct setup *setup, unsigned readers)
{
    struct shm_chunk *chunk;
    unsigned looks = 0;
    maiko_status status;

    while ((status = shm_chunks_take(&setup->chunks, setup->len, &chunk)) == MAIKO_EFULL) {
        for (unsigned i = 0; i < readers; i++)
            collect(&setup->outlets[i]);
        bench_watch(&looks);
    }
    must(status, "no chunk");
    return chunk;
}

static void lend(struct outlet *outlet, struct shm_chunk *chunk, struct shm_event *event)
{
    struct shm_chunk_ref ref;
    unsigned looks = 0;

    collect(outlet);
    while (!shm_lending_has_room(&outlet->lending, chunk)) {
        publish(outlet);
        bench_watch(&looks);
        collect(outlet);
    }
    must(shm_lending_lend(&outlet->lending, chunk, &ref), "no slot");
    event->chunk = &ref;
    reserve(outlet, event);
    shm_writer_commit(&outlet->writer);
    event->chunk = NULL;
}

static struct shm_event event_of(const struct setup *setup, uint64_t sequence)
{
    return (struct shm_event){
        .kind = SHM_RECORD_EVENT, .channel = 1, .id_lo = sequence, .time_ns = 1, .len = (uint32_t)setup->len};
}

static void send_large(struct setup *setup, unsigned readers, const void *prepared, uint64_t sequence)
{
    struct shm_event event = event_of(setup, sequence);
    struct shm_chunk *chunk = take(setup, readers);

    bulk_fill(shm_chunk_bytes(&setup->chunks, chunk), prepared, setup->len, sequence);
    for (unsigned i = 0; i < readers; i++)
        lend(&setup->outlets[i], chunk, &event);
    shm_chunk_unref(&setup->chunks, chunk);
}

/* The first one, behind the end of the ring or when the reader has made room.  1. */
static uint32_t put_slowly(const struct setup *setup, struct outlet *outlet, uint64_t sequence, void **ret_payload)
{
    const struct shm_event event = event_of(setup, sequence);

    *ret_payload = reserve(outlet, &event);
    shm_writer_commit(&outlet->writer);
    return 1;
}

static void send_small(const struct setup *setup, struct outlet *outlet, const void *prepared, uint64_t from, uint64_t to)
{
    const size_t stride = shm_run_stride((uint32_t)setup->len);

    while (from < to) {
        const struct shm_run run = {.channel = 1, .id_lo = from, .time_ns = 1, .len = (uint32_t)setup->len};
        void *payloads;
        uint32_t count = shm_writer_put(&outlet->writer, &run, (uint32_t)(to - from), &payloads);

        if (count == 0)
            count = put_slowly(setup, outlet, from, &payloads);
        for (unsigned char *payload = payloads; count > 0; count--, payload += stride)
            bulk_fill(payload, prepared, setup->len, from++);
    }
}

/* One batch. */
static void send_some(struct setup *setup, unsigned readers, const void *prepared, uint64_t from, uint64_t to)
{
    if (setup->len > SHM_INLINE_MAX)
        for (uint64_t sequence = from; sequence < to; sequence++)
            send_large(setup, readers, prepared, sequence);
    else
        for (unsigned i = 0; i < readers; i++)
            send_small(setup, &setup->outlets[i], prepared, from, to);
    for (unsigned i = 0; i < readers; i++)
        publish(&setup->outlets[i]);
}

static uint64_t end_of_batch(const struct setup *setup, uint64_t from)
{
    return setup->events - from < setup->batch ? setup->events : from + setup->batch;
}

static void send_all(struct setup *setup, unsigned readers, const void *prepared)
{
    for (uint64_t from = 0; from < setup->events; from = end_of_batch(setup, from))
        send_some(setup, readers, prepared, from, end_of_batch(setup, from));
}

static int run_alone(struct setup *setup, struct subject *subject, const void *prepared)
{
    struct team_result result = {0};
    struct shm_reader reader;
    uint64_t next = 0;

    open_reader(setup, 0, &reader);
    subject_begin(subject);
    for (uint64_t from = 0; from < setup->events; from = end_of_batch(setup, from)) {
        send_some(setup, 1, prepared, from, end_of_batch(setup, from));
        while (receive_run(&reader, &result, &next) > 0)
            continue;
        confirm(&reader);
    }
    subject_end(subject);
    return subject_finish(subject, result.received, setup->events, result.sum,
                          bulk_expected(setup->events, prepared, setup->len));
}

static void open_outlet(struct outlet *outlet, struct shm_chunks *chunks)
{
    must(shm_area_create(SHM_AREA_DATA, SHM_RING_BYTES, LINK, &outlet->data, NULL), "no data memory");
    must(shm_area_create(SHM_AREA_CONTROL, 0, LINK, &outlet->control, NULL), "no control memory");
    shm_writer_init(&outlet->writer, &outlet->data, &outlet->control, 0);
    shm_lending_init(&outlet->lending, chunks);
}

int main(int argc, char **argv)
{
    static struct setup setup;
    struct subject subject;
    struct team *team;
    void *prepared;
    unsigned readers;

    subject_init(&subject, argc, argv);
    setup.events = subject_number(&subject, "events", 100000);
    setup.batch = subject_number(&subject, "batch", 1);
    setup.len = subject_number(&subject, "len", 64);
    readers = (unsigned)subject_number(&subject, "readers", 1);
    if (setup.len == 0 || setup.len % PAYLOAD_LEN != 0)
        subject_die("len is a multiple of 64");
    must(shm_chunks_init(&setup.chunks, heap_default(), SHM_PAYLOAD_BYTES, LINK, NULL), "no payload memory");
    for (unsigned i = 0; i < readers && i < TEAM_MOST; i++)
        open_outlet(&setup.outlets[i], &setup.chunks);
    prepared = bulk_prepare(setup.len);
    if (subject_number(&subject, "alone", 0) != 0)
        return run_alone(&setup, &subject, prepared);
    team = team_new(readers, &setup);
    team_start(team, receive);
    team_watch();
    while (atomic_load(&team->ready) < team->count)
        bench_relax();
    subject_begin(&subject);
    send_all(&setup, readers, prepared);
    team_join(team);
    subject_end(&subject);
    return team_finish(team, &subject, setup.events, bulk_expected(setup.events, prepared, setup.len), setup.len, false);
}
