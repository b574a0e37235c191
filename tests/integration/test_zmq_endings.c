/* Connections that end on both sides at once, with half a message on its way: libzmq aborts the process for it when its session
 * has been told to end before (see bridge/README.md, Sockets). */
#include <pthread.h>
#include <string.h>
#include <zmq.h>

#include "lib/port_end.h"
#include "lib/suite.h"

enum { PEERS = 16, TOPIC_LEN = 240, EVENTS = 20000, ANSWERS = 60000, ASKERS = 4 };

static char topic[TOPIC_LEN + 1];

struct scene {
    struct port_keys keys;
    struct port_end server;
    void *context; /* of the peers */
    void *peers[PEERS + ASKERS];
};

static void open_server(struct scene *scene, bool has_keys)
{
    memset(topic, 't', TOPIC_LEN);
    scene->keys = port_keys_make();
    port_end_open(&scene->server, has_keys ? &scene->keys : NULL);
    strcpy(scene->server.allowed_prefix, "t");
    scene->context = zmq_ctx_new();
}

/* One that takes next to nothing: soon it stands in the middle of what is sent to it. */
static void *make_peer(struct scene *scene, int type, bool has_keys)
{
    struct port_keys keys = port_keys_make();
    void *peer = zmq_socket(scene->context, type);
    int little = 4096;
    int one = 1;
    int none = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
    (void)zmq_setsockopt(peer, ZMQ_RCVBUF, &little, sizeof(little));
    (void)zmq_setsockopt(peer, ZMQ_RCVHWM, &one, sizeof(one));
    (void)zmq_setsockopt(peer, ZMQ_LINGER, &none, sizeof(none));
    if (!has_keys)
        return peer;
    (void)zmq_setsockopt(peer, ZMQ_CURVE_SERVERKEY, scene->keys.public_key, KEY_TEXT_LEN);
    (void)zmq_setsockopt(peer, ZMQ_CURVE_PUBLICKEY, keys.public_key, KEY_TEXT_LEN);
    (void)zmq_setsockopt(peer, ZMQ_CURVE_SECRETKEY, keys.secret_key, KEY_TEXT_LEN);
    return peer;
}

/* Enough for all of them to stand still, with more waiting. */
static void publish_too_much(struct scene *scene)
{
    unsigned i;

    for (i = 0; i < EVENTS; i++)
        CU_ASSERT(zmq_port_publish(scene->server.port, topic, "event", 5) != MAIKO_ENOMEM);
}

static void let_listeners_come(struct scene *scene, bool has_keys)
{
    const char *endpoint = port_end_bind(&scene->server, PORT_LISTENERS, "tcp://127.0.0.1:*");
    size_t i;

    for (i = 0; i < PEERS; i++) {
        char own[TOPIC_LEN + 1];
        size_t len = TOPIC_LEN - i; /* each a prefix of its own: they are told one by one */

        memcpy(own, topic, len);
        scene->peers[i] = make_peer(scene, ZMQ_SUB, has_keys);
        CU_ASSERT_EQUAL(zmq_setsockopt(scene->peers[i], ZMQ_SUBSCRIBE, own, len), 0);
        CU_ASSERT_EQUAL_FATAL(zmq_connect(scene->peers[i], endpoint), 0);
    }
    CU_ASSERT_FATAL(wait_for(&scene->server, NULL, scene->server.listening == PEERS));
    publish_too_much(scene);
}

static void let_askers_come(struct scene *scene, bool has_keys)
{
    const char *endpoint = port_end_bind(&scene->server, PORT_LINKS, "tcp://127.0.0.1:*");
    unsigned i, k;

    for (i = 0; i < ASKERS; i++) {
        void *peer = scene->peers[PEERS + i] = make_peer(scene, ZMQ_DEALER, has_keys);

        CU_ASSERT_EQUAL_FATAL(zmq_connect(peer, endpoint), 0);
        CU_ASSERT_EQUAL(zmq_send(peer, "", 0, ZMQ_SNDMORE), 0);
        CU_ASSERT_EQUAL(zmq_send(peer, "?", 1, 0), 1);
        CU_ASSERT_FATAL(wait_for(&scene->server, NULL, scene->server.frames == i + 1));
        for (k = 0; k < ANSWERS; k++)
            (void)port_end_send(&scene->server, scene->server.last, "x");
    }
}

static void let_peers_go(struct scene *scene)
{
    size_t i;

    for (i = 0; i < PEERS + ASKERS; i++)
        if (scene->peers[i] != NULL)
            zmq_close(scene->peers[i]);
    memset(scene->peers, 0, sizeof(scene->peers));
    if (scene->context != NULL)
        zmq_ctx_term(scene->context); /* their connections are closed behind it */
    scene->context = NULL;
}

static void end(struct scene *scene)
{
    unsigned turns;

    for (turns = 0; turns < 20; turns++)
        port_end_turn(&scene->server, NULL);
    port_end_close(&scene->server);
}

static void change_keys(struct scene *scene)
{
    struct port_keys next = port_keys_make();

    zmq_port_set_keys(scene->server.port, next.public_key, next.secret_key);
}

static void listeners_leave_while_keys_change(void)
{
    struct scene scene = {0};

    open_server(&scene, true);
    let_listeners_come(&scene, true);
    change_keys(&scene);
    let_peers_go(&scene);
    end(&scene);
}

static void listeners_leave_while_they_lose_their_rights(void)
{
    struct scene scene = {0};

    open_server(&scene, true);
    let_listeners_come(&scene, true);
    strcpy(scene.server.allowed_prefix, "none");
    zmq_port_review_listeners(scene.server.port);
    let_peers_go(&scene);
    end(&scene);
}

static void askers_leave_while_keys_change(void)
{
    struct scene scene = {0};

    open_server(&scene, true);
    let_askers_come(&scene, true);
    change_keys(&scene);
    let_peers_go(&scene);
    end(&scene);
}

/* ---- closing ---- */

static void *close_all(void *userdata)
{
    let_peers_go(userdata);
    return NULL;
}

static void close_beside_peers_that_leave(void (*come)(struct scene *scene, bool has_keys))
{
    unsigned round;

    for (round = 0; round < 5; round++) {
        struct scene scene = {0};
        pthread_t thread;

        open_server(&scene, false);
        come(&scene, false);
        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, close_all, &scene), 0);
        port_end_close(&scene.server);
        pthread_join(thread, NULL);
    }
}

static void listeners_leave_while_the_port_is_closed(void)
{
    close_beside_peers_that_leave(let_listeners_come);
}

static void askers_leave_while_the_port_is_closed(void)
{
    close_beside_peers_that_leave(let_askers_come);
}

static void who_stands_still_does_not_hold_the_port(void)
{
    struct scene scene = {0};

    open_server(&scene, false);
    let_listeners_come(&scene, false);
    let_askers_come(&scene, false);
    scene.server.port = zmq_port_close(scene.server.port, 20);
    let_peers_go(&scene);
}

static void who_reads_gets_what_was_published_before_the_port_was_closed(void)
{
    struct scene scene = {0};
    char bytes[TOPIC_LEN];
    void *listener;
    unsigned events = 0;
    unsigned i;

    open_server(&scene, false);
    listener = zmq_socket(scene.context, ZMQ_SUB);
    CU_ASSERT_EQUAL(zmq_setsockopt(listener, ZMQ_SUBSCRIBE, "t", 1), 0);
    CU_ASSERT_EQUAL_FATAL(zmq_connect(listener, port_end_bind(&scene.server, PORT_LISTENERS, "tcp://127.0.0.1:*")), 0);
    CU_ASSERT_FATAL(wait_for(&scene.server, NULL, scene.server.listening == 1));
    for (i = 0; i < 500; i++)
        CU_ASSERT_EQUAL(zmq_port_publish(scene.server.port, topic, "event", 5), MAIKO_OK);
    scene.server.port = zmq_port_close(scene.server.port, 60000);
    while (events < 1000 && wait_until(zmq_recv(listener, bytes, sizeof(bytes), ZMQ_DONTWAIT) >= 0, 10000))
        events++;
    CU_ASSERT_EQUAL(events, 1000); /* parts */
    zmq_close(listener);
    let_peers_go(&scene);
}

static const struct test_case cases[] = {
    TEST_CASE(listeners_leave_while_keys_change),
    TEST_CASE(listeners_leave_while_they_lose_their_rights),
    TEST_CASE(askers_leave_while_keys_change),
    TEST_CASE(listeners_leave_while_the_port_is_closed),
    TEST_CASE(askers_leave_while_the_port_is_closed),
    TEST_CASE(who_stands_still_does_not_hold_the_port),
    TEST_CASE(who_reads_gets_what_was_published_before_the_port_was_closed),
};
SUITE_MAIN_TIMEOUT("zmq_endings", cases, 300)
