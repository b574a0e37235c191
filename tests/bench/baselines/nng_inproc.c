/* Peer: nng over inproc, a thread per part, a pair socket at each end of every way (W3: push and pull): W1 to W5.  Its publish
 * and subscribe drops what a subscriber has no room for, so fan-out sends a copy down each of eight ways. */
#include "bench/lib/payload.h"
#include "bench/lib/subject.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <pthread.h>
#include <stdio.h>

#define BUFFERED 1024 /* messages; the default of none costs a wake-up each */
#define MOST_PARTS 8u
#define HOPS 4u /* of W5 */

/* One thread: what it hears from and sends to, as its row has it. */
struct part {
    nng_socket in, out;
    uint64_t count, sum;
    pthread_t thread;
};

static void check(int result)
{
    if (result != 0)
        subject_die(nng_strerror(result));
}

static void open_end(nng_socket socket, unsigned way, bool listen)
{
    char address[32];

    snprintf(address, sizeof address, "inproc://bench-%u", way);
    /* the ends of a pipeline have one buffer each, and refuse the other one's option */
    (void)nng_socket_set_int(socket, NNG_OPT_SENDBUF, BUFFERED);
    (void)nng_socket_set_int(socket, NNG_OPT_RECVBUF, BUFFERED);
    check(listen ? nng_listen(socket, address, NULL, 0) : nng_dial(socket, address, NULL, 0));
}

static void open_way(unsigned way, nng_socket *from, nng_socket *to)
{
    check(nng_pair0_open(to));
    check(nng_pair0_open(from));
    open_end(*to, way, true);
    open_end(*from, way, false);
}

static void send_payload(nng_socket socket, uint64_t sequence)
{
    nng_msg *message;

    check(nng_msg_alloc(&message, sizeof(struct payload)));
    payload_fill(nng_msg_body(message), sequence);
    check(nng_sendmsg(socket, message, 0));
}

static uint64_t receive_sum(nng_socket socket)
{
    nng_msg *message;
    uint64_t sum;

    check(nng_recvmsg(socket, &message, 0));
    sum = payload_sum(nng_msg_body(message));
    nng_msg_free(message);
    return sum;
}

static void *send_all(void *userdata)
{
    struct part *part = userdata;

    for (uint64_t sequence = 0; sequence < part->count; sequence++)
        send_payload(part->out, sequence);
    return NULL;
}

static void *receive_all(void *userdata)
{
    struct part *part = userdata;

    for (uint64_t i = 0; i < part->count; i++)
        part->sum += receive_sum(part->in);
    return NULL;
}

/* Makes an event of its own for each one it hears. */
static void *relay_all(void *userdata)
{
    struct part *part = userdata;

    for (uint64_t sequence = 0; sequence < part->count; sequence++) {
        part->sum += receive_sum(part->in);
        send_payload(part->out, sequence);
    }
    return NULL;
}

static void *answer_all(void *userdata)
{
    bench_pin(1);
    return relay_all(userdata);
}

static void start(struct part *part, void *(*run)(void *))
{
    if (pthread_create(&part->thread, NULL, run, part) != 0)
        subject_die("no thread");
}

static uint64_t join_all(const struct part *parts, unsigned count)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++) {
        pthread_join(parts[i].thread, NULL);
        sum += parts[i].sum;
    }
    return sum;
}

static int run_fan_in(struct subject *subject, unsigned senders, uint64_t events)
{
    struct part parts[MOST_PARTS] = {0}, here = {.count = events / senders * senders};
    uint64_t sum;

    check(nng_pull0_open(&here.in));
    open_end(here.in, 0, true);
    for (unsigned i = 0; i < senders; i++) {
        parts[i].count = events / senders;
        check(nng_push0_open(&parts[i].out));
        open_end(parts[i].out, 0, false);
    }
    subject_begin(subject);
    for (unsigned i = 0; i < senders; i++)
        start(&parts[i], send_all);
    receive_all(&here);
    sum = here.sum + join_all(parts, senders);
    subject_end(subject);
    return subject_finish(subject, here.count, here.count, sum, payload_expected(events / senders) * senders);
}

/* A pair socket each way for one sender and one receiver. */
static int run_pipeline(struct subject *subject, uint64_t events)
{
    struct part here = {.count = events}, there = {.count = events};
    uint64_t sum;

    open_way(0, &there.out, &here.in);
    subject_begin(subject);
    start(&there, send_all);
    receive_all(&here);
    sum = here.sum + join_all(&there, 1);
    subject_end(subject);
    return subject_finish(subject, events, events, sum, payload_expected(events));
}

static void send_copies(const nng_socket *ways, unsigned count, uint64_t sequence)
{
    nng_msg *message;

    check(nng_msg_alloc(&message, sizeof(struct payload)));
    payload_fill(nng_msg_body(message), sequence);
    for (unsigned i = 0; i + 1 < count; i++) {
        nng_msg *copy;

        check(nng_msg_dup(&copy, message));
        check(nng_sendmsg(ways[i], copy, 0));
    }
    check(nng_sendmsg(ways[count - 1], message, 0));
}

static int run_fan_out(struct subject *subject, unsigned receivers, uint64_t events)
{
    const uint64_t each = events / receivers;
    struct part parts[MOST_PARTS] = {0};
    nng_socket ways[MOST_PARTS];
    uint64_t sum;

    for (unsigned i = 0; i < receivers; i++) {
        parts[i].count = each;
        open_way(i, &ways[i], &parts[i].in);
    }
    subject_begin(subject);
    for (unsigned i = 0; i < receivers; i++)
        start(&parts[i], receive_all);
    for (uint64_t sequence = 0; sequence < each; sequence++)
        send_copies(ways, receivers, sequence);
    sum = join_all(parts, receivers);
    subject_end(subject);
    return subject_finish(subject, each * receivers, each * receivers, sum, payload_expected(each) * receivers);
}

static int run_ping_pong(struct subject *subject, uint64_t events)
{
    struct part here = {.count = events}, there = {.count = events};
    uint64_t sum;

    open_way(0, &here.out, &there.in);
    here.in = here.out; /* a pair goes both ways */
    there.out = there.in;
    bench_pin(0);
    subject_begin(subject);
    start(&there, answer_all);
    for (uint64_t i = 0; i < events; i++) {
        send_payload(here.out, i);
        here.sum += receive_sum(here.in);
    }
    sum = here.sum + join_all(&there, 1);
    subject_end(subject);
    return subject_finish(subject, events, events, sum, payload_expected(events) * 2);
}

/* W5: source, three relays, and the sink here. */
static int run_relays(struct subject *subject, uint64_t events)
{
    struct part parts[HOPS] = {0}, sink = {.count = events};
    uint64_t sum;

    for (unsigned i = 0; i < HOPS; i++) {
        parts[i].count = events;
        open_way(i, &parts[i].out, i + 1 < HOPS ? &parts[i + 1].in : &sink.in);
    }
    subject_begin(subject);
    for (unsigned i = 0; i < HOPS; i++)
        start(&parts[i], i == 0 ? send_all : relay_all);
    receive_all(&sink);
    sum = sink.sum + join_all(parts, HOPS);
    subject_end(subject);
    return subject_finish(subject, events, events, sum, payload_expected(events) * HOPS);
}

static int run_row(struct subject *subject, uint64_t events)
{
    if (subject_is(subject, "W1"))
        return run_pipeline(subject, events);
    if (subject_is(subject, "W2"))
        return run_fan_out(subject, 8, events);
    if (subject_is(subject, "W3"))
        return run_fan_in(subject, 4, events);
    if (subject_is(subject, "W4"))
        return run_ping_pong(subject, events);
    if (subject_is(subject, "W5"))
        return run_relays(subject, events);
    subject_die("no such row");
}

int main(int argc, char **argv)
{
    struct subject subject;
    int status;

    subject_init(&subject, argc, argv);
    status = run_row(&subject, subject_number(&subject, "events", 100000));
    nng_fini();
    return status;
}
