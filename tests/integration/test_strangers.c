/* Who came and never had a link that was ready, and who has gone: neither keeps others out, and both are forgotten. */
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>

#include "lib/child.h"
#include "lib/report_end.h"
#include "lib/suite.h"
#include "link/zmq_internal.h"
#include "node/forget.h"
#include "node/peers.h"

enum { FRAME_SIZE = 4096, CROWD = KNOWN_MAX + STRANGERS_MAX + 1 };

static const maiko_bridge_pattern counts = {.pattern = "count/#"};

/* ---- which one, and when ---- */

static maiko_supervisor *sup;
static maiko_bridge *bridge;

static void begin(void)
{
    sup = maiko_supervisor_new(NULL);
    bridge = maiko_bridge_new(sup, &(maiko_bridge_config){.node = "here"});
    CU_ASSERT_EQUAL_FATAL(exporter_new(&(struct exporter_config){.heap = bridge->heap}, &bridge->exporter), MAIKO_OK);
}

static void end(void)
{
    node_peers_free(bridge);
    (void)maiko_bridge_stop(&bridge);
    (void)maiko_supervisor_stop(&sup, NULL);
}

static struct node_peer *meet(const char *kind, unsigned number, bool is_known)
{
    struct node_peer *peer;
    char name[32];

    snprintf(name, sizeof(name), "%s.%u", kind, number);
    peer = peers_make(bridge, name, is_known);
    CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
    return peer;
}

static void say(struct node_peer *peer, const struct frame *frame)
{
    struct pack pack;

    pack_init(&pack, heap_default(), FRAME_SIZE);
    frame_write(&pack, frame);
    peer_frame(peer->peer, pack.data, pack.len, node_now(bridge));
    pack_deinit(&pack);
}

static void say_hello(struct node_peer *peer)
{
    say(peer, &(struct frame){.kind = FRAME_HELLO,
                              .session = 1,
                              .hello = {.min = 1,
                                        .max = 1,
                                        .space = slice_of("maiko"),
                                        .name = slice_of(peer->name),
                                        .host = slice_of(""),
                                        .node = {7, 7},
                                        .epoch = 1}});
    CU_ASSERT_EQUAL(peer_state(peer->peer), PEER_UP);
}

/* Its connection is closed at the end of the turn, in which it may say something. */
static void a_server_that_is_not_admitted_is_not_listened_to(void)
{
    struct node_peer *peer;
    struct route route = {0};
    struct pack pack;

    begin();
    peer = meet("server", 1, true);
    peer->is_connector = true;
    strcpy(bridge->allow_file, "without a section");
    memset(peer->key, 'k', KEY_TEXT_LEN);
    route.owner = peer;
    node_peers_up(&route, bridge);
    CU_ASSERT(peer->wants_close);
    pack_init(&pack, heap_default(), FRAME_SIZE);
    frame_write(&pack, &(struct frame){.kind = FRAME_HELLO,
                                       .session = 1,
                                       .hello = {.min = 1,
                                                 .max = 1,
                                                 .space = slice_of("maiko"),
                                                 .name = slice_of("server.1"),
                                                 .host = slice_of(""),
                                                 .node = {7, 7},
                                                 .epoch = 1}});
    node_peers_frame(&route, pack.data, pack.len, bridge);
    CU_ASSERT_NOT_EQUAL(peer_state(peer->peer), PEER_UP);
    CU_ASSERT_PTR_NULL(peer_remote(peer->peer));
    pack_deinit(&pack);
    end();
}

static void fill(void)
{
    unsigned i;

    for (i = 0; i < KNOWN_MAX; i++)
        meet("known", i, true)->changed_ns = 1000 + i;
    for (i = 0; i < STRANGERS_MAX; i++)
        meet("stranger", i, false)->changed_ns = 10 + i;
}

static void a_stranger_takes_the_place_of_the_first_stranger(void)
{
    begin();
    fill();
    say_hello(peers_find(bridge, "stranger.0")); /* a link that is not ready is nothing */
    peers_find(bridge, "stranger.0")->changed_ns = 1;
    meet("new", 0, false);
    CU_ASSERT_PTR_NULL(peers_find(bridge, "stranger.0"));
    CU_ASSERT_PTR_NOT_NULL(peers_find(bridge, "stranger.1"));
    CU_ASSERT_EQUAL(bridge->known_count, KNOWN_MAX);
    CU_ASSERT_EQUAL(bridge->stranger_count, STRANGERS_MAX);
    end();
}

static void who_is_known_takes_the_place_of_the_first_that_has_gone(void)
{
    begin();
    fill();
    say_hello(peers_find(bridge, "known.0"));
    peers_find(bridge, "known.1")->is_connector = true;
    peers_find(bridge, "stranger.5")->is_ready = true;
    forget_strangeness(bridge);
    CU_ASSERT_PTR_NOT_NULL(peers_find(bridge, "known.0"));
    CU_ASSERT_PTR_NOT_NULL(peers_find(bridge, "known.1"));
    CU_ASSERT_PTR_NULL(peers_find(bridge, "known.2"));
    CU_ASSERT_TRUE(peers_find(bridge, "stranger.5")->is_known);
    CU_ASSERT_EQUAL(bridge->known_count, KNOWN_MAX);
    CU_ASSERT_EQUAL(bridge->stranger_count, STRANGERS_MAX - 1);
    end();
}

static void subscribe_to_all(struct node_peer *peer)
{
    struct pack pack;

    pack_init(&pack, heap_default(), FRAME_SIZE);
    frame_begin_subscribe(&pack, &(struct frame){.kind = FRAME_SUBSCRIBE, .session = 1, .number = 1});
    pack_array(&pack, 1);
    frame_write_pattern(&pack, &(struct frame_pattern){.text = slice_of("#"), .from = slice_of("live")});
    peer_frame(peer->peer, pack.data, pack.len, node_now(bridge));
    pack_deinit(&pack);
    CU_ASSERT_TRUE(peer_is_subscribed(peer->peer, "t"));
}

static void who_is_kept_something_is_forgotten_last(void)
{
    const counted number = {.number = 1};
    const struct export_event event = {.topic = "t", .type = MAIKO_TYPE(counted), .sender = "s", .payload = &number};
    struct node_peer *owed;

    begin();
    fill();
    owed = peers_find(bridge, "known.0");
    say_hello(owed);
    subscribe_to_all(owed);
    peer_disconnected(owed->peer, "lost", node_now(bridge));
    owed->changed_ns = 1;
    CU_ASSERT_EQUAL(exporter_publish(bridge->exporter, &event, node_now(bridge)), MAIKO_OK);
    meet("new", 0, true);
    CU_ASSERT_PTR_EQUAL(peers_find(bridge, "known.0"), owed);
    CU_ASSERT_PTR_NULL(peers_find(bridge, "known.1"));
    end();
}

static void without_room_a_stranger_is_told_to_come_later(void)
{
    struct list *link;

    begin();
    fill();
    LIST_FOR_EACH (link, &bridge->peers)
        CONTAINER_OF(link, struct node_peer, link)->is_connector = true;
    peers_find(bridge, "stranger.5")->is_connector = false;
    say_hello(peers_find(bridge, "stranger.5"));
    peers_find(bridge, "stranger.5")->is_ready = true;
    forget_strangeness(bridge);
    CU_ASSERT_FALSE(peers_find(bridge, "stranger.5")->is_known);
    CU_ASSERT_EQUAL(peer_state(peers_find(bridge, "stranger.5")->peer), PEER_DOWN);
    CU_ASSERT_PTR_NULL(peers_make(bridge, "more", true));
    end();
}

static void who_has_gone_is_forgotten_after_a_while(void)
{
    struct node_peer *peer;

    begin();
    peer = meet("known", 0, true);
    peer->changed_ns = 5;
    CU_ASSERT_EQUAL(forget_at(peer), MAIKO_SECONDS(900) + 5);
    peer->is_local = true;
    CU_ASSERT_EQUAL(forget_at(peer), UINT64_MAX);
    peer = meet("dialled", 0, true);
    peer->is_connector = true;
    CU_ASSERT_EQUAL(forget_at(peer), UINT64_MAX);
    peer = meet("stranger", 0, false);
    peer->changed_ns = 5;
    CU_ASSERT_EQUAL(forget_at(peer), MAIKO_SECONDS(60) + 5);
    say_hello(peer);
    CU_ASSERT_EQUAL(forget_at(peer), UINT64_MAX);
    peer_disconnected(peer->peer, "lost", node_now(bridge));
    CU_ASSERT(forget_at(peer) > node_now(bridge));
    peer->changed_ns = 1; /* long ago */
    (void)node_peers_run(bridge);
    CU_ASSERT_PTR_NULL(peers_find(bridge, "stranger.0"));
    CU_ASSERT_PTR_NOT_NULL(peers_find(bridge, "dialled.0"));
    end();
}

static size_t peers_of(struct report_end *end)
{
    size_t count;

    pthread_mutex_lock(&end->bridge->turn); /* its thread sleeps */
    count = end->bridge->known_count + end->bridge->stranger_count;
    pthread_mutex_unlock(&end->bridge->turn);
    return count;
}

static void visit_once(const char *endpoint)
{
    struct report_end client;

    report_end_make(&client, NULL, &(maiko_bridge_config){.space = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, endpoint, NULL), MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    report_end_stop(&client);
}

/* Each under a name of its own: what is kept for one of them is for nobody. */
static void who_says_goodbye_is_forgotten_at_once(void)
{
    char ipc[128];
    struct report_end server;
    size_t i;

    report_ends_begin();
    snprintf(ipc, sizeof(ipc), "ipc://%s/goodbye", report_ends_directory);
    report_end_make(&server, "server", &(maiko_bridge_config){.space = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_listen(server.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(server.bridge, ipc), MAIKO_OK);
    report_end_start(&server);
    for (i = 0; i < 2; i++) {
        visit_once(maiko_bridge_endpoint(server.bridge, i));
        CU_ASSERT(wait_until(peers_of(&server) == 0, 60000));
    }
    report_end_stop(&server);
    report_ends_finish();
}

static uint64_t changed_at(struct report_end *server, const char *name)
{
    const struct node_peer *peer;
    uint64_t changed_ns;

    pthread_mutex_lock(&server->bridge->turn); /* its thread sleeps */
    peer = peers_find(server->bridge, name);
    changed_ns = peer != NULL ? peer->changed_ns : 0;
    pthread_mutex_unlock(&server->bridge->turn);
    return changed_ns;
}

static void be_refused(struct report_end *server)
{
    struct report_end client;

    report_end_make(&client, "client", &(maiko_bridge_config){.space = "another", .runtime_dir = report_ends_directory});
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, maiko_bridge_endpoint(server->bridge, 0), NULL), MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "space"));
    report_end_stop(&client);
}

/* Every attempt puts off that it is forgotten, so that it is not told as somebody new again and again. */
static void who_is_refused_again_and_again_is_told_once(void)
{
    struct report_end server;
    uint64_t changed_ns;

    report_ends_begin();
    report_end_listen(&server, NULL);
    be_refused(&server);
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_REFUSED, "space"));
    changed_ns = changed_at(&server, "client");
    CU_ASSERT(changed_ns > 0);
    be_refused(&server);
    CU_ASSERT(changed_at(&server, "client") > changed_ns);
    CU_ASSERT_EQUAL(server.count, 1);
    report_end_stop(&server);
    report_ends_finish();
}

/* ---- a crowd ---- */

/* Each on a connection of its own; it is welcome, and goes. */
static void come_and_go(void *context, const char *endpoint, unsigned number)
{
    void *socket = zmq_socket(context, ZMQ_DEALER);
    char name[32];
    struct pack pack;
    char answer[FRAME_SIZE];

    snprintf(name, sizeof(name), "app.%u", number);
    zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int));
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &(int){60000}, sizeof(int));
    CU_ASSERT_EQUAL(zmq_connect(socket, endpoint), 0);
    pack_init(&pack, heap_default(), FRAME_SIZE);
    frame_write(&pack, &(struct frame){.kind = FRAME_HELLO,
                                       .session = 1,
                                       .hello = {.min = 1,
                                                 .max = 1,
                                                 .space = slice_of("maiko"),
                                                 .name = slice_of(name),
                                                 .host = slice_of(""),
                                                 .node = {1, number},
                                                 .epoch = 1}});
    CU_ASSERT_EQUAL(zmq_send(socket, pack.data, pack.len, 0), (int)pack.len);
    pack_deinit(&pack);
    CU_ASSERT(zmq_recv(socket, answer, sizeof(answer), 0) > 0);
    zmq_close(socket);
}

static void start_client(struct report_end *client, const char *name, struct report_end *server)
{
    report_end_make(client, name, &(maiko_bridge_config){0});
    CU_ASSERT_EQUAL(maiko_bridge_import(client->bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client->bridge, maiko_bridge_endpoint(server->bridge, 0), NULL), MAIKO_OK);
    report_end_start(client);
    CU_ASSERT(report_end_hears(client, MAIKO_PEER_READY, NULL));
}

static void a_crowd_of_strangers_keeps_no_node_out(void)
{
    void *context = zmq_ctx_new();
    struct report_end server;
    struct report_end before;
    struct report_end behind;
    unsigned i;

    report_ends_begin();
    report_end_make(&server, "server", &(maiko_bridge_config){0});
    CU_ASSERT_EQUAL(maiko_bridge_export(server.bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(server.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    report_end_start(&server);
    start_client(&before, "before", &server);
    for (i = 0; i < CROWD; i++)
        come_and_go(context, maiko_bridge_endpoint(server.bridge, 0), i);
    start_client(&behind, "behind", &server);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(server.bridge, "count/up", 2, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(server.sup), counted, .number = 1), MAIKO_OK);
    CU_ASSERT(wait_until(before.received == 1 && behind.received == 1, 60000));
    CU_ASSERT_PTR_NULL(report_end_find(&before, MAIKO_PEER_DOWN, NULL));
    report_end_stop(&behind);
    report_end_stop(&before);
    report_end_stop(&server);
    zmq_ctx_term(context);
    report_ends_finish();
}

/* ---- who was refused ---- */

static void listen_in(struct report_end *server, const char *space, const char *endpoint)
{
    report_end_make(server, "server", &(maiko_bridge_config){.space = space});
    CU_ASSERT_EQUAL(maiko_bridge_listen(server->bridge, endpoint), MAIKO_OK);
    report_end_start(server);
}

/* The other side is configured anew, and this one is left alone. */
static void who_was_refused_is_linked_when_the_reason_is_gone(void)
{
    char endpoint[128];
    struct report_end server;
    struct report_end client;

    report_ends_begin();
    listen_in(&server, "another", "tcp://127.0.0.1:*");
    snprintf(endpoint, sizeof(endpoint), "%s", maiko_bridge_endpoint(server.bridge, 0));
    report_end_make(&client, "client", &(maiko_bridge_config){.space = "reports"});
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, endpoint, NULL), MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "space"));
    report_end_stop(&server);
    listen_in(&server, "reports", endpoint);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    report_end_stop(&client);
    report_end_stop(&server);
    report_ends_finish();
}

static const struct test_case cases[] = {
    TEST_CASE(a_server_that_is_not_admitted_is_not_listened_to),
    TEST_CASE(a_stranger_takes_the_place_of_the_first_stranger),
    TEST_CASE(who_is_known_takes_the_place_of_the_first_that_has_gone),
    TEST_CASE(who_is_kept_something_is_forgotten_last),
    TEST_CASE(without_room_a_stranger_is_told_to_come_later),
    TEST_CASE(who_has_gone_is_forgotten_after_a_while),
    TEST_CASE(who_says_goodbye_is_forgotten_at_once),
    TEST_CASE(who_is_refused_again_and_again_is_told_once),
    TEST_CASE(who_was_refused_is_linked_when_the_reason_is_gone),
    TEST_CASE(a_crowd_of_strangers_keeps_no_node_out),
};
SUITE_MAIN_TIMEOUT("strangers", cases, 300)
