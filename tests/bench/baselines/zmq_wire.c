/* Baseline across processes: what a careful programmer writes with libzmq and msgpack-c: an XPUB that blocks instead of dropping,
 * envelopes of eight fields as msgpack arrays, one frame per message with the topic in front.  batch=N envelopes a message, len=N
 * bytes each, readers=N, endpoint=ipc or tcp.  X3: percentiles of a round trip, one event under way, by two sockets. */
#include "bench/lib/bulk.h"
#include "bench/lib/port.h"
#include "bench/lib/team.h"

#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#define TOPIC "bench/packet" /* the first bytes of a frame, which libzmq matches; a NUL ends it */
#define TOPIC_LEN sizeof(TOPIC)
#define TYPE "packet"
#define SENDER "source"
#define FIELDS 8u
#define ID_LEN 16u
#define FIELDS_LEN 128u  /* of an envelope without its payload, at most */
#define COPIED_LEN 8192u /* frames up to here are copied into libzmq, longer ones handed over */

struct setup {
    char endpoints[2][64]; /* there, and back for X3 */
    uint64_t events, batch;
    size_t len;
    const void *prepared;
};

static void check(int result)
{
    if (result < 0)
        subject_die(zmq_strerror(zmq_errno()));
}

static void *open_publisher(void *context, const char *endpoint, unsigned subscribers)
{
    void *socket = zmq_socket(context, ZMQ_XPUB);
    char subscription[64];

    check(zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &(int){1}, sizeof(int)));
    check(zmq_setsockopt(socket, ZMQ_XPUB_VERBOSE, &(int){1}, sizeof(int)));
    check(zmq_bind(socket, endpoint));
    for (; subscribers > 0; subscribers--) /* or the first events are lost */
        check(zmq_recv(socket, subscription, sizeof subscription, 0));
    return socket;
}

static void *open_subscriber(void *context, const char *endpoint)
{
    void *socket = zmq_socket(context, ZMQ_SUB);

    check(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, TOPIC, TOPIC_LEN));
    check(zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &(int){5}, sizeof(int))); /* the publisher may bind later */
    check(zmq_connect(socket, endpoint));
    return socket;
}

static void pack_bin(msgpack_packer *packer, const void *bytes, size_t len)
{
    msgpack_pack_bin(packer, len);
    msgpack_pack_bin_body(packer, bytes, len);
}

static void pack_text(msgpack_packer *packer, const char *text, size_t len)
{
    msgpack_pack_str(packer, len);
    msgpack_pack_str_body(packer, text, len);
}

/* id, parent, correlation, time, sender, type, position, payload */
static void pack_envelope(msgpack_packer *packer, const struct setup *setup, uint64_t sequence)
{
    unsigned char payload[BULK_SUMMED];
    const uint64_t id[2] = {UINT64_C(0x5bd1e995), sequence};

    msgpack_pack_array(packer, FIELDS);
    pack_bin(packer, id, ID_LEN);
    msgpack_pack_nil(packer);
    pack_bin(packer, id, ID_LEN);
    msgpack_pack_uint64(packer, UINT64_C(1700000000000000000) + sequence);
    pack_text(packer, SENDER, sizeof SENDER - 1);
    pack_text(packer, TYPE, sizeof TYPE - 1);
    msgpack_pack_uint64(packer, sequence);
    if (setup->len <= BULK_SUMMED) {
        bulk_fill(payload, setup->prepared, setup->len, sequence);
        pack_bin(packer, payload, setup->len);
    } else {
        msgpack_pack_bin(packer, setup->len);
        packer->callback(packer->data, (const char *)&sequence, sizeof sequence);
        packer->callback(packer->data, (const char *)setup->prepared + sizeof sequence, setup->len - sizeof sequence);
    }
}

/* A frame under construction. */
struct frame {
    char *data;
    size_t len, capacity;
};

static void frame_init(struct frame *frame, const struct setup *setup)
{
    frame->len = 0;
    frame->capacity = TOPIC_LEN + setup->batch * (setup->len + FIELDS_LEN);
    frame->data = malloc(frame->capacity);
    if (frame->data == NULL)
        subject_die("no memory");
}

static int frame_write(void *userdata, const char *bytes, size_t len)
{
    struct frame *frame = userdata;

    if (len > frame->capacity - frame->len)
        return -1;
    memcpy(frame->data + frame->len, bytes, len);
    frame->len += len;
    return 0;
}

static void free_data(void *data, void *unused)
{
    (void)unused;
    free(data);
}

static void frame_send(struct frame *frame, void *socket, const struct setup *setup)
{
    zmq_msg_t message;

    if (frame->len <= COPIED_LEN) {
        check(zmq_send(socket, frame->data, frame->len, 0));
        return;
    }
    check(zmq_msg_init_data(&message, frame->data, frame->len, free_data, NULL));
    check(zmq_msg_send(&message, socket, 0));
    frame_init(frame, setup);
}

/* Topic, then `count` envelopes. */
static void send_batch(void *socket, struct frame *frame, const struct setup *setup, uint64_t first, uint64_t count)
{
    msgpack_packer packer;

    frame->len = 0;
    msgpack_packer_init(&packer, frame, frame_write);
    frame_write(frame, TOPIC, TOPIC_LEN);
    for (uint64_t i = 0; i < count; i++)
        pack_envelope(&packer, setup, first + i);
    frame_send(frame, socket, setup);
}

static void send_all(void *socket, const struct setup *setup)
{
    struct frame frame;

    frame_init(&frame, setup);
    for (uint64_t first = 0; first < setup->events; first += setup->batch) {
        const uint64_t left = setup->events - first;

        send_batch(socket, &frame, setup, first, left < setup->batch ? left : setup->batch);
    }
    free(frame.data);
}

static bool is_envelope(const msgpack_object *object, size_t len)
{
    const msgpack_object *fields = object->via.array.ptr;

    return object->type == MSGPACK_OBJECT_ARRAY && object->via.array.size == FIELDS && fields[0].type == MSGPACK_OBJECT_BIN &&
           fields[0].via.bin.size == ID_LEN && fields[2].type == MSGPACK_OBJECT_BIN &&
           fields[3].type == MSGPACK_OBJECT_POSITIVE_INTEGER && fields[4].type == MSGPACK_OBJECT_STR &&
           fields[5].type == MSGPACK_OBJECT_STR && fields[6].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
           fields[7].type == MSGPACK_OBJECT_BIN && fields[7].via.bin.size == len;
}

static void receive_frame(void *socket, msgpack_zone *zone, const struct setup *setup, struct team_result *result, uint64_t *next)
{
    size_t at = TOPIC_LEN;
    zmq_msg_t message;

    check(zmq_msg_init(&message));
    check(zmq_msg_recv(&message, socket, 0));
    while (at < zmq_msg_size(&message)) {
        const msgpack_object *payload;
        msgpack_object object;

        msgpack_unpack(zmq_msg_data(&message), zmq_msg_size(&message), &at, zone, &object);
        if (!is_envelope(&object, setup->len))
            subject_die("not an envelope");
        payload = &object.via.array.ptr[7];
        team_count(result, bulk_sequence(payload->via.bin.ptr), bulk_sum(payload->via.bin.ptr, setup->len), next);
        msgpack_zone_clear(zone);
    }
    zmq_msg_close(&message);
}

static void receive_all(struct team *team, unsigned nth)
{
    const struct setup *setup = team->setup;
    void *context = zmq_ctx_new(), *socket = open_subscriber(context, setup->endpoints[0]);
    struct team_result result = {0};
    uint64_t next = 0;
    msgpack_zone zone;

    msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE);
    while (result.received < setup->events)
        receive_frame(socket, &zone, setup, &result, &next);
    team->results[nth] = result;
    zmq_close(socket);
    zmq_ctx_term(context);
}

static void answer_all(struct team *team, unsigned nth)
{
    const struct setup *setup = team->setup;
    void *context = zmq_ctx_new(), *in = open_subscriber(context, setup->endpoints[0]);
    void *out = open_publisher(context, setup->endpoints[1], 1);
    struct team_result result = {0};
    struct frame frame;
    uint64_t next = 0;
    msgpack_zone zone;

    frame_init(&frame, setup);
    msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE);
    while (result.received < setup->events) {
        receive_frame(in, &zone, setup, &result, &next);
        send_batch(out, &frame, setup, result.received - 1, 1);
    }
    team->results[nth] = result;
    free(frame.data);
    zmq_close(in);
    zmq_close(out);
    zmq_ctx_term(context);
}

static void run_round_trips(struct team *team, struct subject *subject, void *context, const struct setup *setup)
{
    void *out = open_publisher(context, setup->endpoints[0], 1), *in = open_subscriber(context, setup->endpoints[1]);
    double *microseconds = calloc(setup->events, sizeof *microseconds);
    struct team_result answers = {0};
    struct frame frame;
    uint64_t next = 0;
    msgpack_zone zone;

    frame_init(&frame, setup);
    msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE);
    subject_begin(subject);
    for (uint64_t i = 0; i < setup->events; i++) {
        const uint64_t before = bench_now_ns();

        send_batch(out, &frame, setup, i, 1);
        receive_frame(in, &zone, setup, &answers, &next);
        microseconds[i] = (double)(bench_now_ns() - before) * 1e-3;
    }
    team_join(team);
    subject_end(subject);
    subject_report("p50_us", bench_percentile(microseconds, setup->events, 50));
    subject_report("p99_us", bench_percentile(microseconds, setup->events, 99));
    free(frame.data);
    zmq_close(in);
    zmq_close(out);
    free(microseconds);
}

static void name_endpoints(struct setup *setup, const char *transport)
{
    const bool tcp = strcmp(transport, "tcp") == 0;
    const unsigned port = tcp ? bench_free_ports(2) : 0;

    for (unsigned i = 0; i < 2; i++) {
        if (tcp)
            snprintf(setup->endpoints[i], sizeof setup->endpoints[i], "tcp://127.0.0.1:%u", port + i);
        else
            snprintf(setup->endpoints[i], sizeof setup->endpoints[i], "ipc://@bench-%d-%u", getpid(), i);
    }
}

int main(int argc, char **argv)
{
    struct subject subject;
    struct setup setup;
    struct team *team;
    void *context, *prepared;
    bool rounds;

    subject_init(&subject, argc, argv);
    rounds = subject_is(&subject, "X3");
    setup.events = subject_number(&subject, "events", 10000);
    setup.batch = subject_number(&subject, "batch", 1);
    setup.len = subject_number(&subject, "len", 64);
    setup.prepared = prepared = bulk_prepare(setup.len);
    name_endpoints(&setup, subject_text(&subject, "endpoint", "ipc"));
    team = team_new(rounds ? 1 : (unsigned)subject_number(&subject, "readers", 1), &setup);
    team_start(team, rounds ? answer_all : receive_all); /* before the context: libzmq and fork do not mix */
    context = zmq_ctx_new();
    if (rounds) {
        run_round_trips(team, &subject, context, &setup);
    } else {
        void *socket = open_publisher(context, setup.endpoints[0], team->count);

        subject_begin(&subject);
        send_all(socket, &setup);
        team_join(team);
        subject_end(&subject);
        zmq_close(socket);
    }
    zmq_ctx_term(context);
    return team_finish(team, &subject, setup.events, bulk_expected(setup.events, prepared, setup.len), setup.len, false);
}
