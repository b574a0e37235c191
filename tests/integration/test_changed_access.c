/* An allow file that takes something away: it holds for links and listeners that are there, from the next event on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>

#include "lib/child.h"
#include "lib/keyring.h"
#include "lib/relay.h"
#include "lib/suite.h"

static const maiko_bridge_pattern all = {.pattern = "#"};
static const maiko_bridge_pattern counts = {.pattern = "count/#"};

/* What the first key may; nothing at all: it has no section.  The second may listen to everything. */
static void let_first(struct keyring *ring, const char *may)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "[second]\nkey = %s\nsubscribe = #\n", ring->second.pair.public_key);

    if (may != NULL)
        snprintf(text + len, sizeof(text) - (size_t)len, "[first]\nkey = %s\n%s", ring->first.pair.public_key, may);
    keyring_replace_file(ring->allow_file, text);
}

/* The same of the key of the server, in the file of one who connects to it. */
static void let_server(struct keyring *ring, const char *may)
{
    char text[512] = "";

    if (may != NULL)
        snprintf(text, sizeof(text), "[server]\nkey = %s\n%s", ring->server.pair.public_key, may);
    keyring_replace_file(ring->allow_file, text);
}

/* A server that sends and takes everything its list allows, and listens for links and plain listeners. */
static void begin(struct keyring *ring, struct report_end *server, const char *may)
{
    keyring_begin(ring);
    let_first(ring, may);
    report_end_make(server, "server", &ring->config);
    CU_ASSERT_EQUAL(maiko_bridge_export(server->bridge, &all), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_import(server->bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(server->bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_publish_at(server->bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    report_end_start(server);
}

static void link_first(struct keyring *ring, struct report_end *server, struct report_end *client)
{
    report_end_make(client, "client", &(maiko_bridge_config){.key_file = ring->first.file});
    CU_ASSERT_EQUAL(maiko_bridge_import(client->bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_export(client->bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client->bridge, maiko_bridge_endpoint(server->bridge, 0), ring->server.pair.public_key),
                    MAIKO_OK);
    report_end_start(client);
    CU_ASSERT(report_end_hears(client, MAIKO_PEER_READY, NULL));
}

static void end(struct report_end *server, struct report_end *client)
{
    report_end_stop(client);
    report_end_stop(server);
    report_ends_finish();
}

static void send_count(struct report_end *end, uint64_t number)
{
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(end->sup), counted, .number = number), MAIKO_OK);
}

static void a_link_ends_when_its_key_is_taken_off_the_list(void)
{
    struct keyring ring;
    struct report_end server;
    struct report_end client;

    begin(&ring, &server, "publish = #\nsubscribe = #\n");
    link_first(&ring, &server, &client);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(server.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    send_count(&server, 1);
    CU_ASSERT(wait_until(client.received == 1, 60000));
    let_first(&ring, NULL);
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT_PTR_NOT_NULL(strstr(report_end_find(&server, MAIKO_PEER_REFUSED, "denied")->text, ring.first.pair.public_key));
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_DOWN, "denied"));
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_DOWN, "closed"));
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "key_refused"));
    send_count(&server, 2);
    CU_ASSERT_EQUAL(maiko_bridge_drain(server.bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(client.received, 1);
    let_first(&ring, "subscribe = count/#\n"); /* it tries again by itself; what it missed is not kept for it */
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(server.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    send_count(&server, 3);
    CU_ASSERT(wait_until(client.received == 2, 60000));
    end(&server, &client);
}

static void a_topic_that_is_taken_off_is_denied_from_the_next_event_on(void)
{
    struct keyring ring;
    struct report_end server;
    struct report_end client;
    uint32_t lines;

    begin(&ring, &server, "publish = #\nsubscribe = #\n");
    link_first(&ring, &server, &client);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(server.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(client.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    send_count(&client, 1); /* the verdict on its channel is remembered */
    CU_ASSERT(wait_until(server.received == 1, 60000));
    lines = server.refused_lines;
    let_first(&ring, "publish = other/#\nsubscribe = other/#\n");
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT_STRING_EQUAL(report_end_find(&client, MAIKO_PEER_REFUSED, "denied")->pattern, "count/#");
    send_count(&client, 2);
    send_count(&server, 3);
    CU_ASSERT(wait_until(report_end_counters(&client).refused_there == 1, 60000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(server.bridge), MAIKO_OK);
    CU_ASSERT(wait_until(client.received >= 2, 60000)); /* its own */
    CU_ASSERT(wait_until(server.received >= 2, 60000));
    CU_ASSERT_EQUAL(client.received, 2);
    CU_ASSERT_EQUAL(server.received, 2);
    CU_ASSERT_EQUAL(report_end_counters(&server).denied, 2);
    CU_ASSERT_EQUAL(server.refused_lines, lines + 2);
    CU_ASSERT_PTR_NULL(report_end_find(&client, MAIKO_PEER_DOWN, NULL));
    end(&server, &client);
}

/* Two that may do everything for the server; the client's list says what the server may there, though it trusts its key. */
static void dial(struct keyring *ring, struct report_end *server, struct report_end *client)
{
    static const char *clients[2];
    static const char *servers[2];

    keyring_begin(ring);
    clients[0] = ring->first.pair.public_key;
    servers[0] = ring->server.pair.public_key;
    report_end_make(server, "server", &(maiko_bridge_config){.key_file = ring->server.file, .peer_keys = clients});
    CU_ASSERT_EQUAL(maiko_bridge_export(server->bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_import(server->bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(server->bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    report_end_start(server);
    let_server(ring, "publish = other/#\nsubscribe = other/#\n");
    report_end_make(
        client, "client",
        &(maiko_bridge_config){.key_file = ring->first.file, .allow_file = ring->allow_file, .peer_keys = servers});
    CU_ASSERT_EQUAL(maiko_bridge_import(client->bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_export(client->bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client->bridge, maiko_bridge_endpoint(server->bridge, 0), servers[0]), MAIKO_OK);
    report_end_start(client);
    CU_ASSERT(report_end_hears(client, MAIKO_PEER_READY, NULL));
}

static void the_list_binds_whom_we_connect_to(void)
{
    struct keyring ring;
    struct report_end server;
    struct report_end client;

    dial(&ring, &server, &client);
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_REFUSED, "denied")); /* its subscription */
    CU_ASSERT_STRING_EQUAL(report_end_find(&server, MAIKO_PEER_REFUSED, "denied")->pattern, "count/#");
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(server.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    send_count(&server, 1);
    CU_ASSERT(wait_until(report_end_counters(&server).refused_there == 1, 60000));
    CU_ASSERT_EQUAL(client.received, 0);
    let_server(&ring, "publish = #\nsubscribe = #\n"); /* without a new link */
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(client.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    send_count(&server, 2);
    CU_ASSERT(wait_until(client.received == 1, 60000));
    CU_ASSERT_PTR_NULL(report_end_find(&client, MAIKO_PEER_DOWN, NULL));
    end(&server, &client);
}

static void a_key_we_connect_to_that_is_taken_off_ends_the_link(void)
{
    maiko_bridge_config config;
    struct keyring ring;
    struct report_end server;
    struct report_end client;

    begin(&ring, &server, "publish = #\nsubscribe = #\n");
    snprintf(ring.allow_file, sizeof(ring.allow_file), "%s/of-client", report_ends_directory);
    config = (maiko_bridge_config){.key_file = ring.first.file, .allow_file = ring.allow_file};
    let_server(&ring, "publish = #\nsubscribe = #\n");
    report_end_make(&client, "client", &config);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, maiko_bridge_endpoint(server.bridge, 0), ring.server.pair.public_key),
                    MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    let_server(&ring, NULL);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT_PTR_NOT_NULL(strstr(report_end_find(&client, MAIKO_PEER_REFUSED, "denied")->text, ring.server.pair.public_key));
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_DOWN, "denied"));
    client.count = 0;
    let_server(&ring, "publish = #\nsubscribe = #\n"); /* it tries again by itself */
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    end(&server, &client);
}

/* Nothing is kept for a key that has left, though the server is away then and cannot be told.  What it lost by that does not come
 * from the log later, whether the answer to its subscription had arrived before or not. */
static void what_is_kept_for_a_server_does_not_outlive_its_key(void)
{
    maiko_bridge_config config;
    struct report_end server;
    struct report_end client;
    struct keyring ring;
    struct relay relay;
    char endpoint[64];

    begin(&ring, &server, "publish = #\nsubscribe = #\n");
    CU_ASSERT_FATAL(relay_init(&relay, atoi(strrchr(maiko_bridge_endpoint(server.bridge, 0), ':') + 1)));
    snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%d", relay.port);
    snprintf(ring.allow_file, sizeof(ring.allow_file), "%s/of-client", report_ends_directory);
    config = (maiko_bridge_config){.key_file = ring.first.file, .allow_file = ring.allow_file};
    let_server(&ring, "publish = #\nsubscribe = #\n");
    report_end_make(&client, "client", &config);
    CU_ASSERT_EQUAL(maiko_bridge_export(client.bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, endpoint, ring.server.pair.public_key), MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(client.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    relay_part(&relay);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_DOWN, "lost"));
    send_count(&client, 1);
    CU_ASSERT(wait_until(report_end_counters(&client).exported == 1, 60000));
    let_server(&ring, NULL);
    CU_ASSERT(wait_until(report_end_counters(&client).lost == 1, 60000));
    let_server(&ring, "publish = #\nsubscribe = #\n");
    relay_join(&relay);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(client.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    send_count(&client, 2);
    CU_ASSERT_EQUAL(maiko_bridge_drain(client.bridge), MAIKO_OK);
    CU_ASSERT(wait_until(server.received >= 1, 60000));
    CU_ASSERT_EQUAL(server.received, 1);
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_GAP, "stream"));
    CU_ASSERT(wait_until(report_end_counters(&client).acknowledged == 1, 60000));
    CU_ASSERT_EQUAL(report_end_counters(&client).lost, 1);
    relay_deinit(&relay);
    end(&server, &client);
}

static void a_key_we_connect_to_that_is_nowhere_fails_the_start(void)
{
    struct keyring ring;
    struct report_end client;

    keyring_begin(&ring);
    let_first(&ring, NULL);
    report_end_make(&client, "client", &(maiko_bridge_config){.key_file = ring.first.file, .allow_file = ring.allow_file});
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, "tcp://127.0.0.1:1", ring.server.pair.public_key), MAIKO_OK);
    CU_ASSERT_EQUAL(report_end_try(&client), MAIKO_EPERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_bridge_error_text(client.bridge), ring.server.pair.public_key));
    report_end_stop(&client);
    report_ends_finish();
}

/* Its section says what it may, though it is a peer key as well. */
static void a_section_binds_a_peer_key_that_comes(void)
{
    const char *trusted[2] = {NULL, NULL};
    struct keyring ring;
    struct report_end server;
    struct report_end client;

    keyring_begin(&ring);
    trusted[0] = ring.first.pair.public_key;
    let_first(&ring, "publish = other/#\nsubscribe = other/#\n");
    ring.config.peer_keys = trusted;
    report_end_make(&server, "server", &ring.config);
    CU_ASSERT_EQUAL(maiko_bridge_export(server.bridge, &all), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(server.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    report_end_start(&server);
    link_first(&ring, &server, &client);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT_STRING_EQUAL(report_end_find(&client, MAIKO_PEER_REFUSED, "denied")->pattern, "count/#");
    end(&server, &client);
}

/* Another public key in the place of the first one's. */
static void replace_public_key(const struct keys *in_file_of, const struct keys *by)
{
    char from[160];
    char to[160];

    snprintf(from, sizeof(from), "%s.pub", by->file);
    snprintf(to, sizeof(to), "%s.pub", in_file_of->file);
    CU_ASSERT_EQUAL(rename(from, to), 0);
}

static void let_only(struct keyring *ring, const struct keys *keys, const char *may)
{
    char text[512];

    snprintf(text, sizeof(text), "[only]\nkey = %s\n%s", keys->pair.public_key, may);
    keyring_replace_file(ring->allow_file, text);
}

/* With its section renamed to its next key a link that is there may still do no more than that says. */
static void a_link_of_the_key_before_is_bound_by_the_section_of_the_next(void)
{
    const char *trusted[2] = {NULL, NULL};
    char file[160];
    struct keyring ring;
    struct report_end server;
    struct report_end client;

    keyring_begin(&ring);
    snprintf(file, sizeof(file), "%s.pub", ring.first.file);
    trusted[0] = file;
    let_only(&ring, &ring.first, "publish = other/#\nsubscribe = count/#\n");
    ring.config.peer_keys = trusted;
    report_end_make(&server, "server", &ring.config);
    CU_ASSERT_EQUAL(maiko_bridge_export(server.bridge, &all), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_import(server.bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(server.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    report_end_start(&server);
    link_first(&ring, &server, &client);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(client.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    let_only(&ring, &ring.second, "publish = other/#\nsubscribe = count/#\n");
    replace_public_key(&ring.first, &ring.second); /* behind the list, which is read first */
    CU_ASSERT(wait_until(server.new_keys == 1, 60000));
    send_count(&client, 1);
    CU_ASSERT(wait_until(report_end_counters(&client).refused_there == 1, 60000));
    CU_ASSERT_EQUAL(server.received, 0);
    CU_ASSERT_PTR_NULL(report_end_find(&client, MAIKO_PEER_DOWN, NULL));
    end(&server, &client);
}

/* A link is judged by the key it was made with, not by that of the next one. */
static void a_link_outlives_the_key_in_the_file_but_not_in_the_list(void)
{
    maiko_bridge_config config;
    struct keyring ring;
    struct report_end server;
    struct report_end client;
    char file[160];

    begin(&ring, &server, "publish = #\nsubscribe = #\n");
    snprintf(ring.allow_file, sizeof(ring.allow_file), "%s/of-client", report_ends_directory);
    snprintf(file, sizeof(file), "%s.pub", ring.server.file);
    config = (maiko_bridge_config){.key_file = ring.first.file, .allow_file = ring.allow_file};
    let_server(&ring, "publish = #\nsubscribe = #\n");
    report_end_make(&client, "client", &config);
    CU_ASSERT_EQUAL(maiko_bridge_import(client.bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, maiko_bridge_endpoint(server.bridge, 0), file), MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(server.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    replace_public_key(&ring.server, &ring.second); /* which is in no list yet */
    CU_ASSERT(wait_until(client.new_keys == 1, 60000));
    send_count(&server, 1);
    CU_ASSERT(wait_until(client.received == 1, 60000));
    CU_ASSERT_PTR_NULL(report_end_find(&client, MAIKO_PEER_DOWN, NULL));
    ring.server = ring.second;
    let_server(&ring, "publish = #\nsubscribe = #\n"); /* the one before is in none now */
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_DOWN, "denied"));
    end(&server, &client);
}

/* The second link would be refused as one too many. */
static void two_files_that_come_to_hold_one_key_are_told(void)
{
    struct keyring ring;
    struct report_end client;
    char first[160];
    char second[160];
    char next[170];

    keyring_begin(&ring);
    snprintf(first, sizeof(first), "%s.pub", ring.first.file);
    snprintf(second, sizeof(second), "%s.pub", ring.second.file);
    report_end_make(&client, "client", &(maiko_bridge_config){.key_file = ring.server.file});
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, "tcp://127.0.0.1:1", first), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, "tcp://127.0.0.1:2", second), MAIKO_OK);
    report_end_start(&client);
    snprintf(next, sizeof(next), "%s.next", second);
    CU_ASSERT_EQUAL(link(first, next), 0);
    CU_ASSERT_EQUAL(rename(next, second), 0);
    CU_ASSERT(wait_until(strstr(client.log, "has the key expected at tcp://127.0.0.1:1, too") != NULL, 60000));
    report_end_stop(&client);
    report_ends_finish();
}

static void *listen_with(void *context, const struct keyring *ring, const struct keys *own, struct report_end *server)
{
    void *socket = zmq_socket(context, ZMQ_SUB);

    zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int));
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &(int){60000}, sizeof(int));
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, ring->server.pair.public_key, 40);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own->pair.public_key, 40);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, own->pair.secret_key, 40);
    CU_ASSERT_EQUAL(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "count/", 6), 0);
    CU_ASSERT_EQUAL(zmq_connect(socket, maiko_bridge_endpoint(server->bridge, 1)), 0);
    return socket;
}

static void drop_all(void *socket)
{
    char bytes[1024];

    while (zmq_recv(socket, bytes, sizeof(bytes), ZMQ_DONTWAIT) >= 0)
        ;
}

/* A plain socket subscribes anew in its own thread, when it is used. */
static bool is_refused(struct report_end *server, void *socket, const char *reason)
{
    size_t len = strlen(server->log);

    drop_all(socket);
    return len >= strlen(reason) && strcmp(server->log + len - strlen(reason), reason) == 0;
}

/* Sends until this one gets something. */
static bool is_served(struct report_end *server, void *socket)
{
    char bytes[1024];

    send_count(server, 0);
    return zmq_recv(socket, bytes, sizeof(bytes), ZMQ_DONTWAIT) > 0;
}

/* All that have keys come again; who may still listen goes on. */
static void a_plain_listener_gets_nothing_more_without_the_right_to(const char *later, const char *reason)
{
    void *context = zmq_ctx_new();
    struct keyring ring;
    struct report_end server;
    void *first;
    void *second;
    char bytes[1024];
    int i;

    begin(&ring, &server, "subscribe = #\n");
    first = listen_with(context, &ring, &ring.first, &server);
    second = listen_with(context, &ring, &ring.second, &server);
    CU_ASSERT(wait_until(is_served(&server, first), 60000));
    CU_ASSERT(wait_until(is_served(&server, second), 60000));
    let_first(&ring, later);
    CU_ASSERT(wait_until(is_refused(&server, first, reason), 60000)); /* it came again, and was refused */
    drop_all(first);
    drop_all(second);
    CU_ASSERT(wait_until(is_served(&server, second), 60000));
    for (i = 0; i < 100; i++)
        send_count(&server, 1);
    CU_ASSERT(zmq_recv(second, bytes, sizeof(bytes), 0) > 0);
    CU_ASSERT_EQUAL(maiko_bridge_drain(server.bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(zmq_recv(first, bytes, sizeof(bytes), ZMQ_DONTWAIT), -1);
    zmq_close(first);
    zmq_close(second);
    zmq_ctx_term(context);
    report_end_stop(&server);
    report_ends_finish();
}

static void a_listener_whose_key_is_taken_off_gets_nothing_more(void)
{
    a_plain_listener_gets_nothing_more_without_the_right_to(NULL, "is not admitted");
}

static void a_listener_whose_topic_is_taken_off_gets_nothing_more(void)
{
    a_plain_listener_gets_nothing_more_without_the_right_to("subscribe = other/#\n", "may not listen to \"count/\"");
}

static const struct test_case cases[] = {
    TEST_CASE(a_link_ends_when_its_key_is_taken_off_the_list),
    TEST_CASE(a_topic_that_is_taken_off_is_denied_from_the_next_event_on),
    TEST_CASE(the_list_binds_whom_we_connect_to),
    TEST_CASE(a_key_we_connect_to_that_is_taken_off_ends_the_link),
    TEST_CASE(what_is_kept_for_a_server_does_not_outlive_its_key),
    TEST_CASE(a_key_we_connect_to_that_is_nowhere_fails_the_start),
    TEST_CASE(a_section_binds_a_peer_key_that_comes),
    TEST_CASE(a_link_of_the_key_before_is_bound_by_the_section_of_the_next),
    TEST_CASE(a_link_outlives_the_key_in_the_file_but_not_in_the_list),
    TEST_CASE(two_files_that_come_to_hold_one_key_are_told),
    TEST_CASE(a_listener_whose_key_is_taken_off_gets_nothing_more),
    TEST_CASE(a_listener_whose_topic_is_taken_off_gets_nothing_more),
};
SUITE_MAIN_TIMEOUT("changed_access", cases, 300)
