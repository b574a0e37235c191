/* Peer: nng over inproc, two threads and a pair socket each: W1 and W4. */
#include "bench/lib/payload.h"
#include "bench/lib/subject.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <pthread.h>

#define ADDRESS "inproc://bench"
#define BUFFERED 1024 /* messages; the default of none costs a wake-up each */

struct part {
    nng_socket socket;
    uint64_t count, sum;
};

static void check(int result)
{
    if (result != 0)
        subject_die(nng_strerror(result));
}

static nng_socket open_socket(bool listen)
{
    nng_socket socket;

    check(nng_pair0_open(&socket));
    check(nng_socket_set_int(socket, NNG_OPT_SENDBUF, BUFFERED));
    check(nng_socket_set_int(socket, NNG_OPT_RECVBUF, BUFFERED));
    check(listen ? nng_listen(socket, ADDRESS, NULL, 0) : nng_dial(socket, ADDRESS, NULL, 0));
    return socket;
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
        send_payload(part->socket, sequence);
    return NULL;
}

static void *answer_all(void *userdata)
{
    struct part *part = userdata;

    bench_pin(1);
    for (uint64_t sequence = 0; sequence < part->count; sequence++) {
        part->sum += receive_sum(part->socket);
        send_payload(part->socket, sequence);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct part here, there;
    struct subject subject;
    pthread_t thread;
    bool rounds;

    subject_init(&subject, argc, argv);
    rounds = subject_is(&subject, "W4");
    if (!rounds && !subject_is(&subject, "W1"))
        subject_die("no such row");
    here = (struct part){.socket = open_socket(true), .count = subject_number(&subject, "events", 100000)};
    there = (struct part){.socket = open_socket(false), .count = here.count};
    if (rounds)
        bench_pin(0);
    subject_begin(&subject);
    if (pthread_create(&thread, NULL, rounds ? answer_all : send_all, &there) != 0)
        subject_die("no thread");
    for (uint64_t i = 0; i < here.count; i++) {
        if (rounds)
            send_payload(here.socket, i);
        here.sum += receive_sum(here.socket);
    }
    pthread_join(thread, NULL);
    subject_end(&subject);
    nng_close(here.socket);
    nng_close(there.socket);
    return subject_finish(&subject, here.count, here.count, here.sum + there.sum,
                          payload_expected(here.count) * (rounds ? 2 : 1));
}
