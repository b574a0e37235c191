/* Without memory for a frame nothing of it goes out: half of one would be the beginning of the next, which somebody else gets. */
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "lib/port_end.h"
#include "lib/suite.h"

enum { LARGE = 40000 };

static _Thread_local bool is_short; /* of blocks of LARGE bytes */
static _Thread_local unsigned refused;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OWN_MALLOC 1
#endif
#endif

#ifndef HAS_OWN_MALLOC
/* libzmq asks the program for it, too. */
void *__libc_malloc(size_t size); // NOLINT: glibc's name
void *malloc(size_t size);

void *malloc(size_t size)
{
    if (is_short && size >= LARGE) {
        refused++;
        return NULL;
    }
    return __libc_malloc(size);
}
#endif

static bool can_be_short(void)
{
    zmq_msg_t message;

    refused = 0;
    is_short = true;
    if (zmq_msg_init_size(&message, LARGE) == 0)
        zmq_msg_close(&message);
    is_short = false;
    if (refused == 0)
        suite_skip("memory is a sanitizer's");
    return refused > 0;
}

static const unsigned char large[LARGE];

static void connect_one(struct port_end *client, struct port_end *server, const char *endpoint)
{
    unsigned frames = server->frames;
    struct route *route;

    port_end_open(client, NULL);
    route = port_end_connect(client, endpoint, "");
    CU_ASSERT(wait_for(client, server, client->ups == 1));
    CU_ASSERT_EQUAL(port_end_send(client, route, "hello"), MAIKO_OK);
    CU_ASSERT(wait_for(client, server, server->frames == frames + 1));
}

static void a_frame_without_memory_is_no_beginning_of_anothers(void)
{
    char endpoint[PORT_ENDPOINT_MAX];
    struct port_end server;
    struct port_end one;
    struct port_end two;
    struct route *first;

    if (!can_be_short())
        return;
    port_end_open(&server, NULL);
    strcpy(endpoint, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"));
    connect_one(&one, &server, endpoint);
    first = server.last;
    connect_one(&two, &server, endpoint);
    CU_ASSERT_PTR_NOT_EQUAL(server.last, first);
    is_short = true;
    CU_ASSERT_EQUAL(zmq_port_send(server.port, first, large, LARGE), MAIKO_ENOMEM);
    is_short = false;
    CU_ASSERT_EQUAL(port_end_send(&server, server.last, "for two"), MAIKO_OK);
    CU_ASSERT_EQUAL(port_end_send(&server, first, "for one"), MAIKO_OK);
    CU_ASSERT(wait_for(&two, &server, two.frames == 1));
    CU_ASSERT_STRING_EQUAL(two.frame, "for two");
    CU_ASSERT(wait_for(&one, &server, one.frames == 1));
    CU_ASSERT_STRING_EQUAL(one.frame, "for one");
    port_end_close(&two);
    port_end_close(&one);
    port_end_close(&server);
}

/* The parts of the next message, one behind the other. */
static bool receives(void *socket, char *text, size_t size)
{
    size_t len = 0;
    int more = 1;

    while (more) {
        int got = zmq_recv(socket, text + len, size - 1 - len, ZMQ_DONTWAIT);
        size_t more_size = sizeof(more);

        if (got < 0)
            return false;
        len += (size_t)got;
        CU_ASSERT_EQUAL(zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size), 0);
    }
    text[len] = '\0';
    return true;
}

/* It may not have what the other topic has. */
static void nor_is_a_publication_of_another_topic(void)
{
    struct port_end server;
    void *context;
    void *subscriber;
    const char *endpoint;
    char got[64] = "";

    if (!can_be_short())
        return;
    context = zmq_ctx_new();
    subscriber = zmq_socket(context, ZMQ_SUB);
    port_end_open(&server, NULL);
    endpoint = port_end_bind(&server, PORT_LISTENERS, "tcp://127.0.0.1:*");
    CU_ASSERT_EQUAL(zmq_setsockopt(subscriber, ZMQ_SUBSCRIBE, "open", 4), 0);
    CU_ASSERT_EQUAL(zmq_connect(subscriber, endpoint), 0);
    CU_ASSERT(wait_for(&server, NULL, server.listening == 1));
    is_short = true;
    CU_ASSERT_EQUAL(zmq_port_publish(server.port, "open", large, LARGE), MAIKO_ENOMEM);
    is_short = false;
    CU_ASSERT_EQUAL(zmq_port_publish(server.port, "secret", "s", 1), MAIKO_OK);
    CU_ASSERT_EQUAL(zmq_port_publish(server.port, "open", "o", 1), MAIKO_OK);
    CU_ASSERT(wait_until(receives(subscriber, got, sizeof(got)), 60000));
    CU_ASSERT_STRING_EQUAL(got, "openo");
    zmq_close(subscriber);
    zmq_ctx_term(context);
    port_end_close(&server);
}

static const struct test_case cases[] = {
    TEST_CASE(a_frame_without_memory_is_no_beginning_of_anothers),
    TEST_CASE(nor_is_a_publication_of_another_topic),
};
SUITE_MAIN("zmq_memory", cases)
