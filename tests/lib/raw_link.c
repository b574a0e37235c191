/* Raw link: see raw_link.h. */
#include "lib/raw_link.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "lib/suite.h"
#include "lib/wait.h"

static const maiko_keypair *own_keys;
static const char *server_key;

void raw_link_use_keys(const maiko_keypair *own, const char *of_server)
{
    own_keys = own;
    server_key = of_server;
}

static void set_keys(void *socket)
{
    if (own_keys == NULL)
        return;
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own_keys->public_key, MAIKO_KEY_SIZE - 1);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, own_keys->secret_key, MAIKO_KEY_SIZE - 1);
    if (server_key != NULL)
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, MAIKO_KEY_SIZE - 1);
    else
        zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &(int){1}, sizeof(int));
}

static void make(struct raw_link *link, int type, const char *name, const char *space)
{
    static uint64_t nodes;

    memset(link, 0, sizeof(*link));
    link->context = zmq_ctx_new();
    link->socket = zmq_socket(link->context, type);
    link->name = name;
    link->space = space;
    link->session = 1;
    link->node = (maiko_id){0x7a77, ++nodes};
    zmq_setsockopt(link->socket, ZMQ_LINGER, &(int){0}, sizeof(int));
    zmq_setsockopt(link->socket, ZMQ_RCVTIMEO, &(int){100}, sizeof(int));
    set_keys(link->socket);
}

void raw_link_connect(struct raw_link *link, const char *name, const char *space, const char *endpoint)
{
    make(link, ZMQ_DEALER, name, space);
    CU_ASSERT_EQUAL_FATAL(zmq_connect(link->socket, endpoint), 0);
}

void raw_link_listen(struct raw_link *link, const char *name, const char *space)
{
    size_t size = sizeof(link->endpoint);

    make(link, ZMQ_ROUTER, name, space);
    link->listens = true;
    CU_ASSERT_EQUAL_FATAL(zmq_bind(link->socket, "tcp://127.0.0.1:*"), 0);
    CU_ASSERT_EQUAL_FATAL(zmq_getsockopt(link->socket, ZMQ_LAST_ENDPOINT, link->endpoint, &size), 0);
}

void raw_link_close(struct raw_link *link)
{
    zmq_close(link->socket);
    zmq_ctx_term(link->context);
}

void raw_link_send(struct raw_link *link, const void *bytes, size_t len)
{
    if (link->listens)
        CU_ASSERT_EQUAL(zmq_send(link->socket, link->caller, link->caller_len, ZMQ_SNDMORE), (int)link->caller_len);
    CU_ASSERT_EQUAL(zmq_send(link->socket, bytes, len, 0), (int)len);
}

void raw_link_say(struct raw_link *link, struct frame frame)
{
    struct pack pack;

    frame.session = link->session;
    pack_init(&pack, heap_default(), RAW_FRAME_SIZE);
    frame_write(&pack, &frame);
    CU_ASSERT_EQUAL_FATAL(pack_status(&pack), MAIKO_OK);
    raw_link_send(link, pack.data, pack.len);
    pack_deinit(&pack);
}

void raw_link_introduce(struct raw_link *link, enum frame_kind kind, uint64_t min, uint64_t max)
{
    raw_link_say(link, (struct frame){.kind = kind,
                                      .hello = {.min = min,
                                                .max = max,
                                                .version = min,
                                                .space = slice_of(link->space),
                                                .name = slice_of(link->name),
                                                .host = slice_of("raw"),
                                                .node = link->node,
                                                .epoch = 1}});
}

/* One message, or nothing within a tenth of a second, which is 0. */
static size_t receive(struct raw_link *link)
{
    int len = 0;

    if (link->listens)
        len = zmq_recv(link->socket, link->caller, sizeof(link->caller), 0);
    if (len < 0)
        return 0;
    link->caller_len = (size_t)len;
    len = zmq_recv(link->socket, link->bytes, sizeof(link->bytes), 0);
    return len > 0 && (size_t)len <= sizeof(link->bytes) ? (size_t)len : 0;
}

static bool receive_frame(struct raw_link *link)
{
    size_t len = receive(link);

    return len > 0 && frame_read(link->bytes, len, &link->frame, NULL) == MAIKO_OK;
}

bool raw_link_hears_bytes(struct raw_link *link, char *text, size_t size)
{
    size_t len = 0;

    if (!wait_until((len = receive(link)) > 0, 60000) || len >= size)
        return false;
    memcpy(text, link->bytes, len);
    text[len] = '\0';
    return true;
}

bool raw_link_hears(struct raw_link *link, enum frame_kind kind)
{
    if (!wait_until(receive_frame(link) && link->frame.kind == kind, 60000))
        return false;
    if (link->listens)
        link->session = link->frame.session;
    return true;
}

/* Each takes a tenth of a second when nothing comes. */
static bool hears_in_session(struct raw_link *link, enum frame_kind kind)
{
    enum { PER_SECOND = 10 };
    unsigned i;

    for (i = 0; i < PER_SECOND; i++)
        while (receive_frame(link))
            if (link->frame.kind == kind && link->frame.session == link->session)
                return true;
    return false;
}

bool raw_link_greets_until(struct raw_link *link, enum frame_kind kind)
{
    enum { ATTEMPTS = 60 };
    unsigned i;

    for (i = 0; i < ATTEMPTS; i++) {
        raw_link_introduce(link, FRAME_HELLO, 1, 1);
        if (hears_in_session(link, kind))
            return true;
    }
    return false;
}

bool raw_link_was_told(const struct raw_link *link, const char *reason)
{
    return slice_is(link->frame.reason, reason);
}
