/* Peer across processes: nng publish and subscribe over ipc.  It drops when a subscriber falls behind; the share is noted.
 * len=N bytes each, readers=N. */
#include "bench/lib/bulk.h"
#include "bench/lib/team.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/supplemental/util/platform.h>
#include <stdio.h>
#include <unistd.h>

#define BUFFERED 8192   /* messages, the most nng takes */
#define PATIENCE_MS 200 /* without a message after the end: there is none left */
#define HELLO UINT64_MAX

struct setup {
    char endpoint[64];
    uint64_t events;
    size_t len;
};

static void check(int result)
{
    if (result != 0)
        subject_die(nng_strerror(result));
}

static void receive_all(struct team *team, unsigned nth)
{
    const struct setup *setup = team->setup;
    struct team_result result = {0};
    uint64_t next = 0;
    bool ready = false;
    nng_socket socket;

    check(nng_sub0_open(&socket));
    check(nng_socket_set(socket, NNG_OPT_SUB_SUBSCRIBE, "", 0));
    check(nng_socket_set_int(socket, NNG_OPT_RECVBUF, BUFFERED));
    check(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, PATIENCE_MS));
    check(nng_dial(socket, setup->endpoint, NULL, NNG_FLAG_NONBLOCK));
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

static void send_one(nng_socket socket, const struct setup *setup, const void *prepared, uint64_t sequence)
{
    nng_msg *message;

    check(nng_msg_alloc(&message, setup->len));
    bulk_fill(nng_msg_body(message), prepared, setup->len, sequence);
    check(nng_sendmsg(socket, message, 0));
}

int main(int argc, char **argv)
{
    struct subject subject;
    struct setup setup;
    struct team *team;
    nng_socket socket;
    void *prepared;

    subject_init(&subject, argc, argv);
    setup.events = subject_number(&subject, "events", 10000);
    setup.len = subject_number(&subject, "len", 64);
    snprintf(setup.endpoint, sizeof setup.endpoint, "abstract://bench-%d", getpid());
    prepared = bulk_prepare(setup.len);
    team = team_new((unsigned)subject_number(&subject, "readers", 1), &setup);
    team_start(team, receive_all);
    check(nng_pub0_open(&socket));
    check(nng_socket_set_int(socket, NNG_OPT_SENDBUF, BUFFERED));
    check(nng_listen(socket, setup.endpoint, NULL, 0));
    while (atomic_load(&team->ready) < team->count) { /* greets until everybody has heard it */
        send_one(socket, &setup, prepared, HELLO);
        nng_msleep(1);
    }
    subject_begin(&subject);
    for (uint64_t i = 0; i < setup.events; i++)
        send_one(socket, &setup, prepared, i);
    subject_end(&subject);
    atomic_store(&team->ended, true);
    team_join(team);
    nng_close(socket);
    return team_finish(team, &subject, setup.events, 0, setup.len, true);
}
