/* Peer: libzmq over inproc, a thread per part.  W1, W4 and W5 on PAIR, W2 and W7 on XPUB that blocks instead of dropping, W3 on
 * PUSH/PULL. */
#include "bench/lib/payload.h"
#include "bench/lib/subject.h"

#include <pthread.h>
#include <stdio.h>
#include <zmq.h>

#define ADDRESS "inproc://bench"
#define MOST_PARTS 8u
#define HOPS 4u      /* of W5 */
#define TOPICS 1000u /* of W7 */

struct part {
    void *socket;
    void *out; /* of relays */
    uint64_t count, sum;
    pthread_t thread;
};

static void check(int result)
{
    if (result < 0)
        subject_die(zmq_strerror(zmq_errno()));
}

static void *open_socket(void *context, int kind, bool bind)
{
    void *socket = zmq_socket(context, kind);

    if (socket == NULL)
        subject_die("no socket");
    if (kind == ZMQ_XPUB)
        check(zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &(int){1}, sizeof(int)));
    if (kind == ZMQ_SUB)
        check(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0));
    check(bind ? zmq_bind(socket, ADDRESS) : zmq_connect(socket, ADDRESS));
    return socket;
}

static void send_payload(void *socket, uint64_t sequence)
{
    zmq_msg_t message;

    check(zmq_msg_init_size(&message, sizeof(struct payload)));
    payload_fill(zmq_msg_data(&message), sequence);
    check(zmq_msg_send(&message, socket, 0));
}

static uint64_t receive_sum(void *socket)
{
    zmq_msg_t message;
    uint64_t sum;

    check(zmq_msg_init(&message));
    check(zmq_msg_recv(&message, socket, 0));
    sum = payload_sum(zmq_msg_data(&message));
    zmq_msg_close(&message);
    return sum;
}

static void *send_all(void *userdata)
{
    struct part *part = userdata;

    for (uint64_t sequence = 0; sequence < part->count; sequence++)
        send_payload(part->socket, sequence);
    return NULL;
}

static void *receive_all(void *userdata)
{
    struct part *part = userdata;

    for (uint64_t i = 0; i < part->count; i++)
        part->sum += receive_sum(part->socket);
    return NULL;
}

/* Makes an event of its own for each one it hears. */
static void *relay_all(void *userdata)
{
    struct part *part = userdata;

    for (uint64_t sequence = 0; sequence < part->count; sequence++) {
        part->sum += receive_sum(part->socket);
        send_payload(part->out, sequence);
    }
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

static void start(struct part *part, void *(*run)(void *))
{
    if (pthread_create(&part->thread, NULL, run, part) != 0)
        subject_die("no thread");
}

static int finish(struct subject *subject, void *context, struct part *parts, unsigned count, uint64_t received,
                  uint64_t expected)
{
    uint64_t sum = 0;

    subject_end(subject);
    for (unsigned i = 0; i < count; i++) {
        sum += parts[i].sum;
        zmq_close(parts[i].socket);
        if (parts[i].out != NULL)
            zmq_close(parts[i].out);
    }
    zmq_ctx_term(context);
    return subject_finish(subject, received, received, sum, expected);
}

static int run_fan_in(struct subject *subject, void *context, unsigned senders, uint64_t events)
{
    struct part parts[MOST_PARTS + 1] = {0};
    const uint64_t each = events / senders;
    const bool pair = senders == 1;

    parts[0] = (struct part){.socket = open_socket(context, pair ? ZMQ_PAIR : ZMQ_PULL, true), .count = each * senders};
    for (unsigned i = 1; i <= senders; i++)
        parts[i] = (struct part){.socket = open_socket(context, pair ? ZMQ_PAIR : ZMQ_PUSH, false), .count = each};
    subject_begin(subject);
    for (unsigned i = 1; i <= senders; i++)
        start(&parts[i], send_all);
    receive_all(&parts[0]);
    for (unsigned i = 1; i <= senders; i++)
        pthread_join(parts[i].thread, NULL);
    return finish(subject, context, parts, senders + 1, each * senders, payload_expected(each) * senders);
}

static int run_fan_out(struct subject *subject, void *context, unsigned receivers, uint64_t events)
{
    struct part parts[MOST_PARTS + 1] = {0};
    const uint64_t each = events / receivers;
    char subscription[2];

    parts[0] = (struct part){.socket = open_socket(context, ZMQ_XPUB, true), .count = each};
    check(zmq_setsockopt(parts[0].socket, ZMQ_XPUB_VERBOSE, &(int){1}, sizeof(int)));
    for (unsigned i = 1; i <= receivers; i++)
        parts[i] = (struct part){.socket = open_socket(context, ZMQ_SUB, false), .count = each};
    for (unsigned i = 1; i <= receivers; i++) /* all have subscribed */
        check(zmq_recv(parts[0].socket, subscription, sizeof subscription, 0));
    subject_begin(subject);
    for (unsigned i = 1; i <= receivers; i++)
        start(&parts[i], receive_all);
    send_all(&parts[0]);
    for (unsigned i = 1; i <= receivers; i++)
        pthread_join(parts[i].thread, NULL);
    return finish(subject, context, parts, receivers + 1, each * receivers, payload_expected(each) * receivers);
}

static int run_ping_pong(struct subject *subject, void *context, uint64_t events)
{
    struct part parts[2] = {{.socket = open_socket(context, ZMQ_PAIR, true), .count = events},
                            {.socket = open_socket(context, ZMQ_PAIR, false), .count = events}};

    subject_begin(subject);
    bench_pin(0);
    start(&parts[1], answer_all);
    for (uint64_t sequence = 0; sequence < events; sequence++) {
        send_payload(parts[0].socket, sequence);
        parts[0].sum += receive_sum(parts[0].socket);
    }
    pthread_join(parts[1].thread, NULL);
    return finish(subject, context, parts, 2, events, 2 * payload_expected(events));
}

static void open_way(void *context, unsigned way, void **from, void **to)
{
    char address[32];

    snprintf(address, sizeof address, ADDRESS "-%u", way);
    *to = zmq_socket(context, ZMQ_PAIR);
    *from = zmq_socket(context, ZMQ_PAIR);
    check(zmq_bind(*to, address));
    check(zmq_connect(*from, address));
}

/* W5: parts[0] is the source, the last one the sink. */
static int run_relays(struct subject *subject, void *context, uint64_t events)
{
    struct part parts[HOPS + 1] = {0};

    open_way(context, 0, &parts[0].socket, &parts[1].socket);
    for (unsigned i = 1; i < HOPS; i++)
        open_way(context, i, &parts[i].out, &parts[i + 1].socket);
    for (unsigned i = 0; i <= HOPS; i++)
        parts[i].count = events;
    subject_begin(subject);
    for (unsigned i = 0; i < HOPS; i++)
        start(&parts[i], i == 0 ? send_all : relay_all);
    receive_all(&parts[HOPS]);
    for (unsigned i = 0; i < HOPS; i++)
        pthread_join(parts[i].thread, NULL);
    return finish(subject, context, parts, HOPS + 1, events, HOPS * payload_expected(events));
}

/* W7: the topic is in front of the payload, as the subscriptions want it; each has eight bytes. */
static void name_topic(char *topic, uint64_t number)
{
    char text[16];

    snprintf(text, sizeof text, "t/%05u/", (unsigned)(number % TOPICS));
    memcpy(topic, text, sizeof(uint64_t));
}

static void *send_to_topics(void *userdata)
{
    struct part *part = userdata;
    char topics[TOPICS][sizeof(uint64_t)];

    for (unsigned i = 0; i < TOPICS; i++)
        name_topic(topics[i], i);
    for (uint64_t sequence = 0; sequence < part->count; sequence++) {
        zmq_msg_t message;
        struct payload payload;

        check(zmq_msg_init_size(&message, sizeof topics[0] + sizeof payload));
        payload_fill(&payload, sequence);
        memcpy(zmq_msg_data(&message), topics[sequence % TOPICS], sizeof topics[0]);
        memcpy((char *)zmq_msg_data(&message) + sizeof topics[0], &payload, sizeof payload);
        check(zmq_msg_send(&message, part->socket, 0));
    }
    return NULL;
}

static uint64_t receive_from_topic(void *socket)
{
    struct payload payload;
    zmq_msg_t message;

    check(zmq_msg_init(&message));
    check(zmq_msg_recv(&message, socket, 0));
    if (zmq_msg_size(&message) != sizeof(uint64_t) + sizeof payload)
        subject_die("an event that nobody sent");
    memcpy(&payload, (char *)zmq_msg_data(&message) + sizeof(uint64_t), sizeof payload);
    zmq_msg_close(&message);
    return payload_sum(&payload);
}

/* One socket with all subscriptions: a socket each would measure zmq_poll() instead. */
static int run_topics(struct subject *subject, void *context, uint64_t events)
{
    struct part parts[2] = {{.socket = zmq_socket(context, ZMQ_XPUB), .count = events},
                            {.socket = zmq_socket(context, ZMQ_SUB), .count = events}};
    char topic[sizeof(uint64_t)];

    check(zmq_setsockopt(parts[0].socket, ZMQ_XPUB_NODROP, &(int){1}, sizeof(int)));
    check(zmq_setsockopt(parts[1].socket, ZMQ_RCVHWM, &(int){2 * TOPICS}, sizeof(int)));
    check(zmq_setsockopt(parts[0].socket, ZMQ_SNDHWM, &(int){2 * TOPICS}, sizeof(int)));
    check(zmq_bind(parts[0].socket, ADDRESS));
    check(zmq_connect(parts[1].socket, ADDRESS));
    for (unsigned i = 0; i < TOPICS; i++) {
        char subscription[16];

        name_topic(topic, i);
        check(zmq_setsockopt(parts[1].socket, ZMQ_SUBSCRIBE, topic, sizeof topic));
        check(zmq_recv(parts[0].socket, subscription, sizeof subscription, 0));
    }
    subject_begin(subject);
    start(&parts[0], send_to_topics);
    for (uint64_t i = 0; i < events; i++)
        parts[1].sum += receive_from_topic(parts[1].socket);
    pthread_join(parts[0].thread, NULL);
    return finish(subject, context, parts, 2, events, payload_expected(events));
}

int main(int argc, char **argv)
{
    void *context = zmq_ctx_new();
    struct subject subject;
    uint64_t events;

    subject_init(&subject, argc, argv);
    events = subject_number(&subject, "events", 100000);
    zmq_ctx_set(context, ZMQ_IO_THREADS, 0); /* inproc needs none */
    if (subject_is(&subject, "W1"))
        return run_fan_in(&subject, context, 1, events);
    if (subject_is(&subject, "W2"))
        return run_fan_out(&subject, context, 8, events);
    if (subject_is(&subject, "W3"))
        return run_fan_in(&subject, context, 4, events);
    if (subject_is(&subject, "W4"))
        return run_ping_pong(&subject, context, events);
    if (subject_is(&subject, "W5"))
        return run_relays(&subject, context, events);
    if (subject_is(&subject, "W7"))
        return run_topics(&subject, context, events);
    subject_die("no such row");
}
