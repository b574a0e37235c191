/* Peer across processes: nng publish and subscribe over ipc.  It drops when a subscriber falls behind; the share is noted.
 * len=N bytes each, readers=N.  X3: percentiles of a round trip, one event under way, by two pairs of sockets. */
#include "bench/lib/bulk.h"
#include "bench/lib/team.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/supplemental/util/platform.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFERED 8192   /* messages, the most nng takes */
#define PATIENCE_MS 200 /* without a message after the end: there is none left */
#define HELLO UINT64_MAX

struct setup {
    char endpoints[2][64]; /* there, and back for X3 */
    uint64_t events;
    size_t len;
};

static void check(int result)
{
    if (result != 0)
        subject_die(nng_strerror(result));
}

static nng_socket open_publisher(const char *endpoint)
{
    nng_socket socket;

    check(nng_pub0_open(&socket));
    check(nng_socket_set_int(socket, NNG_OPT_SENDBUF, BUFFERED));
    check(nng_listen(socket, endpoint, NULL, 0));
    return socket;
}

static nng_socket open_subscriber(const char *endpoint)
{
    nng_socket socket;

    check(nng_sub0_open(&socket));
    check(nng_socket_set(socket, NNG_OPT_SUB_SUBSCRIBE, "", 0));
    check(nng_socket_set_int(socket, NNG_OPT_RECVBUF, BUFFERED));
    check(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, PATIENCE_MS));
    check(nng_dial(socket, endpoint, NULL, NNG_FLAG_NONBLOCK));
    return socket;
}

static void send_one(nng_socket socket, const struct setup *setup, const void *prepared, uint64_t sequence)
{
    nng_msg *message;

    check(nng_msg_alloc(&message, setup->len));
    bulk_fill(nng_msg_body(message), prepared, setup->len, sequence);
    check(nng_sendmsg(socket, message, 0));
}

static void receive_all(struct team *team, unsigned nth)
{
    const struct setup *setup = team->setup;
    const nng_socket socket = open_subscriber(setup->endpoints[0]);
    struct team_result result = {0};
    uint64_t next = 0;
    bool ready = false;

    while (next < setup->events) {
        nng_msg *message;
        const int error = nng_recvmsg(socket, &message, 0);

        if (error == NNG_ETIMEDOUT && atomic_load(&team->ended))
            break;
        if (error == NNG_ETIMEDOUT)
            continue;
        check(error);
        if (bulk_sequence(nng_msg_body(message)) != HELLO) {
            team_count(&result, bulk_sequence(nng_msg_body(message)), bulk_sum(nng_msg_body(message), setup->len), &next);
        } else if (!ready) {
            ready = true;
            atomic_fetch_add(&team->ready, 1);
        }
        nng_msg_free(message);
    }
    team->results[nth] = result;
    nng_close(socket);
}

/* X3: the answer is the same message; greetings go back too, and tell the asker that both ways are open. */
static void answer_all(struct team *team, unsigned nth)
{
    const struct setup *setup = team->setup;
    const nng_socket out = open_publisher(setup->endpoints[1]), in = open_subscriber(setup->endpoints[0]);
    struct team_result result = {0};
    uint64_t next = 0;

    while (next < setup->events) {
        nng_msg *message;
        const int error = nng_recvmsg(in, &message, 0);
        uint64_t sequence;

        if (error == NNG_ETIMEDOUT)
            continue;
        check(error);
        sequence = bulk_sequence(nng_msg_body(message));
        if (sequence != HELLO)
            team_count(&result, sequence, bulk_sum(nng_msg_body(message), setup->len), &next);
        check(nng_sendmsg(out, message, 0));
    }
    team->results[nth] = result;
    nng_msleep(PATIENCE_MS); /* what is under way is lost with the socket */
    nng_close(in);
    nng_close(out);
}

/* Waits for the answer to that number, over greetings that come late. */
static bool hear(nng_socket in, const struct setup *setup, uint64_t awaited)
{
    for (;;) {
        nng_msg *message;
        const int error = nng_recvmsg(in, &message, 0);
        uint64_t sequence;

        if (error == NNG_ETIMEDOUT)
            return false;
        check(error);
        sequence = bulk_sequence(nng_msg_body(message));
        nng_msg_free(message);
        if (sequence == awaited)
            return true;
    }
}

static void run_round_trips(struct team *team, struct subject *subject, const struct setup *setup, const void *prepared)
{
    const nng_socket out = open_publisher(setup->endpoints[0]), in = open_subscriber(setup->endpoints[1]);
    double *microseconds = calloc(setup->events, sizeof *microseconds);

    do /* greets until the answerer has answered */
        send_one(out, setup, prepared, HELLO);
    while (!hear(in, setup, HELLO));
    subject_begin(subject);
    for (uint64_t i = 0; i < setup->events; i++) {
        const uint64_t before = bench_now_ns();

        send_one(out, setup, prepared, i);
        if (!hear(in, setup, i))
            subject_die("an answer is missing");
        microseconds[i] = (double)(bench_now_ns() - before) * 1e-3;
    }
    subject_end(subject);
    team_join(team);
    subject_report("p50_us", bench_percentile(microseconds, setup->events, 50));
    subject_report("p99_us", bench_percentile(microseconds, setup->events, 99));
    free(microseconds);
    nng_close(in);
    nng_close(out);
}

static void run_stream(struct team *team, struct subject *subject, const struct setup *setup, const void *prepared)
{
    const nng_socket socket = open_publisher(setup->endpoints[0]);

    while (atomic_load(&team->ready) < team->count) { /* greets until everybody has heard it */
        send_one(socket, setup, prepared, HELLO);
        nng_msleep(1);
    }
    subject_begin(subject);
    for (uint64_t i = 0; i < setup->events; i++)
        send_one(socket, setup, prepared, i);
    subject_end(subject);
    atomic_store(&team->ended, true);
    team_join(team);
    nng_close(socket);
}

int main(int argc, char **argv)
{
    struct subject subject;
    struct setup setup;
    struct team *team;
    void *prepared;
    bool rounds;

    subject_init(&subject, argc, argv);
    rounds = subject_is(&subject, "X3");
    setup.events = subject_number(&subject, "events", 10000);
    setup.len = subject_number(&subject, "len", 64);
    for (unsigned i = 0; i < 2; i++)
        snprintf(setup.endpoints[i], sizeof setup.endpoints[i], "abstract://bench-%d-%u", getpid(), i);
    prepared = bulk_prepare(setup.len);
    team = team_new(rounds ? 1 : (unsigned)subject_number(&subject, "readers", 1), &setup);
    team_start(team, rounds ? answer_all : receive_all);
    if (rounds)
        run_round_trips(team, &subject, &setup, prepared);
    else
        run_stream(team, &subject, &setup, prepared);
    return team_finish(team, &subject, setup.events, bulk_expected(setup.events, prepared, setup.len), setup.len, !rounds);
}
