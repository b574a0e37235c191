/* The ZeroMQ side with real sockets: who gets in, and what those who do not are told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/port_end.h"
#include "lib/suite.h"

static void an_admitted_key_comes_with_every_frame(void)
{
    struct port_keys server_keys = port_keys_make();
    struct port_keys client_keys = port_keys_make();
    struct port_end server;
    struct port_end client;
    struct route *route;

    port_end_open(&server, &server_keys);
    port_end_open(&client, &client_keys);
    route = port_end_connect(&client, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"), server_keys.public_key);
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT_STRING_EQUAL(server.admitted_key, client_keys.public_key);
    CU_ASSERT_EQUAL(port_end_send(&client, route, "hello"), MAIKO_OK);
    CU_ASSERT(wait_for(&client, &server, server.frames == 1));
    CU_ASSERT_STRING_EQUAL(route_key(server.last), client_keys.public_key);
    CU_ASSERT_STRING_EQUAL(route_key(route), server_keys.public_key);
    port_end_close(&client);
    port_end_close(&server);
}

static void a_wrong_server_key_is_named_as_such(void)
{
    struct port_keys server_keys = port_keys_make();
    struct port_keys other_keys = port_keys_make();
    struct port_keys client_keys = port_keys_make();
    struct port_end server;
    struct port_end client;

    port_end_open(&server, &server_keys);
    port_end_open(&client, &client_keys);
    port_end_connect(&client, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"), other_keys.public_key);
    CU_ASSERT(wait_for(&client, &server, client.downs > 0 && client.fault == ROUTE_SERVER_KEY_WRONG));
    CU_ASSERT(wait_for(&client, &server, strstr(server.warning, "does not have our public key") != NULL));
    CU_ASSERT_EQUAL(client.ups, 0);
    port_end_close(&client);
    port_end_close(&server);
}

static void a_refused_key_is_named_as_such_and_gets_in_once_it_is_admitted(void)
{
    struct port_keys server_keys = port_keys_make();
    struct port_keys client_keys = port_keys_make();
    struct port_end server;
    struct port_end client;

    port_end_open(&server, &server_keys);
    port_end_open(&client, &client_keys);
    server.admits = false;
    port_end_connect(&client, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"), server_keys.public_key);
    CU_ASSERT(wait_for(&client, &server, client.downs == 1));
    CU_ASSERT_EQUAL(client.fault, ROUTE_KEY_REFUSED);
    CU_ASSERT_EQUAL(server.warnings, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.warning, client_keys.public_key));
    CU_ASSERT_PTR_NOT_NULL(strstr(server.warning, "127.0.0.1"));
    server.admits = true; /* the file was changed and read again */
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    port_end_close(&client);
    port_end_close(&server);
}

static void a_peer_without_encryption_is_named_as_such(void)
{
    struct port_keys server_keys = port_keys_make();
    struct port_end server;
    struct port_end client;

    port_end_open(&server, &server_keys);
    port_end_open(&client, NULL);
    port_end_connect(&client, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"), "");
    CU_ASSERT(wait_for(&client, &server, client.downs > 0 && client.fault == ROUTE_NOT_ENCRYPTED));
    CU_ASSERT(wait_for(&client, &server, server.warnings > 0));
    port_end_close(&client);
    port_end_close(&server);
}

static void new_keys_take_effect_without_a_new_port(void)
{
    struct port_keys old_keys = port_keys_make();
    struct port_keys new_keys = port_keys_make();
    struct port_keys client_keys = port_keys_make();
    char endpoint[PORT_ENDPOINT_MAX];
    struct port_end server;
    struct port_end client;

    port_end_open(&server, &old_keys);
    port_end_open(&client, &client_keys);
    strcpy(endpoint, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"));
    port_end_connect(&client, endpoint, old_keys.public_key);
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    zmq_port_set_keys(server.port, new_keys.public_key, new_keys.secret_key);
    port_end_connect(&client, endpoint, new_keys.public_key);
    CU_ASSERT(wait_for(&client, &server, client.ups == 2));
    CU_ASSERT(wait_for(&client, &server, client.fault == ROUTE_SERVER_KEY_WRONG)); /* who has the old one learns why */
    port_end_close(&client);
    port_end_close(&server);
}

static void the_same_port_listens_without_keys_on_its_own_host(void)
{
    struct port_keys server_keys = port_keys_make();
    struct port_end server;
    struct port_end client;
    struct route *route;
    char path[64];
    char endpoint[80];

    port_end_open(&server, &server_keys);
    port_end_open(&client, NULL);
    port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*");
    snprintf(path, sizeof(path), "/tmp/maiko-port-%d", (int)getpid());
    snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
    port_end_bind(&server, PORT_LINKS, endpoint);
    route = port_end_connect(&client, endpoint, "");
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT_EQUAL(port_end_send(&client, route, "hello"), MAIKO_OK);
    CU_ASSERT(wait_for(&client, &server, server.frames == 1));
    CU_ASSERT(route_is_local(server.last));
    CU_ASSERT_STRING_EQUAL(route_key(server.last), "");
    port_end_close(&client);
    port_end_close(&server);
    unlink(path);
}

static int connect_as_another_user(void *userdata)
{
    struct port_end end;
    const char *endpoint = userdata;

    if (setresuid(4711, 4711, 4711) != 0)
        return 1;
    port_end_open(&end, NULL);
    port_end_connect(&end, endpoint, "");
    if (!wait_for(&end, NULL, end.downs > 0))
        return 2;
    port_end_close(&end);
    return end.ups == 0 && end.fault == ROUTE_KEY_REFUSED ? 0 : 3;
}

static void another_user_of_the_host_is_refused_on_ipc(void)
{
    struct port_end server;
    struct child child;
    char path[64];
    char endpoint[80];

    if (geteuid() != 0) {
        suite_skip("needs root to become another user");
        return;
    }
    if (getenv("MAIKO_SANITIZER") != NULL && strcmp(getenv("MAIKO_SANITIZER"), "thread") == 0) {
        suite_skip("the thread sanitizer allows no threads in a child forked beside others");
        return;
    }
    port_end_open(&server, NULL);
    snprintf(path, sizeof(path), "/tmp/maiko-port-%d", (int)getpid());
    snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
    port_end_bind(&server, PORT_LINKS, endpoint);
    CU_ASSERT_EQUAL(chmod(path, 0666), 0);
    CU_ASSERT_TRUE_FATAL(child_start(&child, connect_as_another_user, endpoint));
    CU_ASSERT(wait_for(&server, NULL, server.warnings > 0));
    CU_ASSERT_PTR_NOT_NULL(strstr(server.warning, "localhost:4711"));
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    port_end_close(&server);
    unlink(path);
}

static const struct test_case cases[] = {
    TEST_CASE(an_admitted_key_comes_with_every_frame),
    TEST_CASE(a_wrong_server_key_is_named_as_such),
    TEST_CASE(a_refused_key_is_named_as_such_and_gets_in_once_it_is_admitted),
    TEST_CASE(a_peer_without_encryption_is_named_as_such),
    TEST_CASE(new_keys_take_effect_without_a_new_port),
    TEST_CASE(the_same_port_listens_without_keys_on_its_own_host),
    TEST_CASE(another_user_of_the_host_is_refused_on_ipc),
};

SUITE_MAIN("zmq_port_keys", cases)
