/* What is said of a handshake that fails: each reason again and again with real listeners, and the rare ways of ending by one
 * that does exactly what it is told. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/suite.h"
#include "link/zmq_curve.h"
#include "link/zmq_internal.h"

enum { TIMES = 20, FAULTS = ROUTE_NO_RESOURCES + 1 };

struct end {
    struct zmq_port *port;
    char public_key[KEY_TEXT_SIZE];
    bool admits;
    unsigned ups;
    unsigned told[FAULTS]; /* times each fault was */
    unsigned refusals;
    char who[PORT_ENDPOINT_MAX]; /* was refused last */
    char word[32];               /* why */
    char text[512];
};

static void on_frame(struct route *route, const unsigned char *bytes, size_t len, void *userdata)
{
    CU_FAIL("a frame that nobody has sent");
}

static void on_up(struct route *route, void *userdata)
{
    ((struct end *)userdata)->ups++;
}

static void on_down(struct route *route, enum route_fault fault, void *userdata)
{
    ((struct end *)userdata)->told[fault]++;
}

static bool on_admit(const char *key, const char *address, void *userdata)
{
    return ((struct end *)userdata)->admits;
}

static void on_refused(const char *who, const char *reason, const char *text, void *userdata)
{
    struct end *end = userdata;

    end->refusals++;
    snprintf(end->who, sizeof(end->who), "%s", who);
    snprintf(end->word, sizeof(end->word), "%s", reason);
    snprintf(end->text, sizeof(end->text), "%s", text);
}

static void open_end(struct end *end, bool has_keys)
{
    struct zmq_port_config config = {
        .heap = heap_default(),
        .hooks = {.frame = on_frame, .up = on_up, .down = on_down, .admit = on_admit, .refused = on_refused, .userdata = end}};
    struct text error;
    char reason[256];

    text_init_buffer(&error, reason, sizeof(reason));
    memset(end, 0, sizeof(*end));
    end->admits = true;
    if (has_keys)
        CU_ASSERT_EQUAL_FATAL(curve_generate(config.public_key, config.secret_key), MAIKO_OK);
    memcpy(end->public_key, config.public_key, KEY_TEXT_SIZE);
    CU_ASSERT_EQUAL_FATAL(zmq_port_open(&config, &end->port, &error), MAIKO_OK);
}

static void close_end(struct end *end)
{
    end->port = zmq_port_close(end->port, 0);
}

static void bind_door(struct end *end, enum port_door door, char endpoint[PORT_ENDPOINT_MAX])
{
    struct text error;
    char reason[256];

    text_init_buffer(&error, reason, sizeof(reason));
    CU_ASSERT_EQUAL_FATAL(zmq_port_bind(end->port, door, "tcp://127.0.0.1:*", endpoint, &error), MAIKO_OK);
}

static void bind_end(struct end *end, char endpoint[PORT_ENDPOINT_MAX])
{
    bind_door(end, PORT_LINKS, endpoint);
}

static void connect_end(struct end *end, const char *endpoint, const char *key)
{
    struct route *route;
    struct text error;
    char reason[256];

    text_init_buffer(&error, reason, sizeof(reason));
    CU_ASSERT_EQUAL_FATAL(zmq_port_connect(end->port, endpoint, key, &route, &error), MAIKO_OK);
}

static bool turn(struct end *end)
{
    struct clock clock;

    clock_init(&clock);
    zmq_port_run(end->port, clock_mono_ns(&clock) + MAIKO_MS(1));
    return true;
}

#define wait_for(end, condition) wait_until((turn(end), (condition)), 60000)
#define wait_for_two(one, other, condition) wait_until((turn(one), turn(other), (condition)), 60000)

/* How often it was told one of the reasons that say whose fault it is. */
static unsigned blames(const struct end *end)
{
    return end->told[ROUTE_SERVER_KEY_WRONG] + end->told[ROUTE_KEY_REFUSED] + end->told[ROUTE_NOT_ENCRYPTED] +
           end->told[ROUTE_PROTOCOL];
}

/* ---- listeners that are what they should be ---- */

struct meeting {
    bool server_has_keys;
    bool server_admits;
    bool key_is_right;
    enum route_fault fault;
};

static void meet(const struct meeting *meeting)
{
    char endpoint[PORT_ENDPOINT_MAX];
    struct end server;
    struct end other;
    struct end client;

    open_end(&server, meeting->server_has_keys);
    open_end(&other, true);
    open_end(&client, true);
    server.admits = meeting->server_admits;
    bind_end(&server, endpoint);
    connect_end(&client, endpoint, meeting->key_is_right ? server.public_key : other.public_key);
    CU_ASSERT(wait_for_two(&client, &server, blames(&client) > 0));
    CU_ASSERT_EQUAL(client.told[meeting->fault], 1);
    CU_ASSERT_EQUAL(blames(&client), 1);
    CU_ASSERT_EQUAL(client.ups, 0);
    close_end(&client);
    close_end(&other);
    close_end(&server);
}

static void each_fault_is_told_as_what_it_is_every_time(void)
{
    static const struct meeting meetings[] = {{true, true, false, ROUTE_SERVER_KEY_WRONG},
                                              {true, false, true, ROUTE_KEY_REFUSED},
                                              {false, true, false, ROUTE_NOT_ENCRYPTED}};
    size_t i;
    int k;

    for (k = 0; k < TIMES; k++)
        for (i = 0; i < sizeof(meetings) / sizeof(meetings[0]); i++)
            meet(&meetings[i]);
}

static void nobody_there_is_no_answer_every_time(void)
{
    char endpoint[PORT_ENDPOINT_MAX];
    struct end client;
    int k;

    for (k = 0; k < TIMES; k++) {
        open_end(&client, true);
        bind_end(&client, endpoint);
        close_end(&client);
        open_end(&client, true);
        connect_end(&client, endpoint, client.public_key);
        CU_ASSERT(wait_for(&client, client.told[ROUTE_NO_ANSWER] == 1));
        CU_ASSERT_EQUAL(blames(&client), 0);
        close_end(&client);
    }
}

/* ---- a listener that does what it is told ---- */

enum manner { CUTS_ALL, CUTS_THE_ENCRYPTED, SAYS_NOTHING, SPEAKS_OTHERWISE };

enum { GREETING = 64, SIGNATURE_AND_MAJOR = 11, MECHANISM_AT = 12 };

static const unsigned char greeting[GREETING] = "\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL";
static const unsigned char ready[] = "\4\x1c\5READY\xbSocket-Type\0\0\0\6ROUTER";

static int listen_raw(char endpoint[PORT_ENDPOINT_MAX])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, size), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 16), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(endpoint, PORT_ENDPOINT_MAX, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

static bool is_readable(int fd)
{
    struct pollfd ready_fd = {.fd = fd, .events = POLLIN};

    return poll(&ready_fd, 1, 0) == 1;
}

/* Reads until there are `len` bytes or the end; how many there are. */
static size_t read_all(struct end *client, int fd, unsigned char *bytes, size_t len)
{
    size_t have = 0;
    ssize_t more = 1;

    while (have < len && more > 0 && wait_for(client, is_readable(fd))) {
        more = recv(fd, bytes + have, len - have, 0);
        have += more > 0 ? (size_t)more : 0;
    }
    return have;
}

static void write_all(int fd, const void *bytes, size_t len)
{
    (void)!send(fd, bytes, len, MSG_NOSIGNAL); /* so little always fits */
}

/* One connection, to its end. */
static void serve(struct end *client, int fd, enum manner manner)
{
    unsigned char theirs[GREETING];
    unsigned char rest[256];

    if (manner == SPEAKS_OTHERWISE)
        write_all(fd, "SSH-2.0-other\r\n", 15);
    else if (manner != SAYS_NOTHING)
        write_all(fd, greeting, SIGNATURE_AND_MAJOR);
    if (read_all(client, fd, theirs, GREETING) == GREETING && manner == CUTS_THE_ENCRYPTED &&
        memcmp(theirs + MECHANISM_AT, "NULL", 5) == 0) {
        write_all(fd, greeting + SIGNATURE_AND_MAJOR, GREETING - SIGNATURE_AND_MAJOR);
        write_all(fd, ready, sizeof(ready) - 1);
        (void)read_all(client, fd, rest, sizeof(rest));
    }
    close(fd);
}

/* Until the client was told something; what it was told. */
static enum route_fault told_by(enum manner manner)
{
    char endpoint[PORT_ENDPOINT_MAX];
    enum route_fault fault = ROUTE_LOST;
    int listener = listen_raw(endpoint);
    struct end client;

    open_end(&client, true);
    connect_end(&client, endpoint, client.public_key);
    while (blames(&client) == 0 && client.told[ROUTE_NO_ANSWER] == 0 &&
           wait_for(&client, is_readable(listener) || blames(&client) > 0 || client.told[ROUTE_NO_ANSWER] > 0))
        if (is_readable(listener))
            serve(&client, accept4(listener, NULL, NULL, SOCK_CLOEXEC), manner);
    CU_ASSERT_EQUAL(blames(&client) + client.told[ROUTE_NO_ANSWER], 1);
    CU_ASSERT_EQUAL(client.ups, 0);
    while (fault < FAULTS - 1 && client.told[fault] == 0)
        fault++;
    close_end(&client);
    close(listener);
    return fault;
}

/* It sees our mechanism before it has told its own, and ends the connection: nothing on it says why. */
static void a_listener_without_keys_that_is_quick_to_end_is_not_one_with_another_key(void)
{
    int k;

    for (k = 0; k < TIMES; k++)
        CU_ASSERT_EQUAL(told_by(CUTS_THE_ENCRYPTED), ROUTE_NOT_ENCRYPTED);
}

static void who_ends_every_handshake_does_not_have_the_key(void)
{
    CU_ASSERT_EQUAL(told_by(CUTS_ALL), ROUTE_SERVER_KEY_WRONG);
}

static void a_listener_that_says_nothing_gives_no_answer(void)
{
    CU_ASSERT_EQUAL(told_by(SAYS_NOTHING), ROUTE_NO_ANSWER);
}

static void who_speaks_another_protocol_is_said_to(void)
{
    CU_ASSERT_EQUAL(told_by(SPEAKS_OTHERWISE), ROUTE_PROTOCOL);
}

/* ---- whom a refusal names ---- */

/* A caller that the server has noticed, and that has said nothing yet. */
static int call(struct end *server, enum port_door door, const char *endpoint)
{
    const struct port_ear *ear = door == PORT_LINKS ? &server->port->router_ear : &server->port->publisher_ear;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1));
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT(wait_for(server, ear->caller_count > 0));
    return fd;
}

static void call_in_vain(enum port_door door, const char *mechanism, const char *word, const char *expected)
{
    unsigned char hello[202] = "\4\xc8\5HELLO\1";
    unsigned char ours[GREETING];
    char endpoint[PORT_ENDPOINT_MAX];
    char text[2 * PORT_ENDPOINT_MAX];
    struct end server;
    int fd;

    open_end(&server, true);
    bind_door(&server, door, endpoint);
    fd = call(&server, door, endpoint);
    memcpy(ours, greeting, GREETING);
    memcpy(ours + MECHANISM_AT, mechanism, strlen(mechanism));
    write_all(fd, ours, GREETING);
    write_all(fd, hello, sizeof(hello));
    CU_ASSERT(wait_for(&server, server.refusals > 0));
    CU_ASSERT_EQUAL(server.refusals, 1);
    CU_ASSERT_STRING_EQUAL(server.word, word);
    CU_ASSERT_STRING_EQUAL(server.who, "127.0.0.1"); /* not ::ffff:127.0.0.1, which the IPv6 socket has */
    CU_ASSERT_PTR_NULL(strstr(server.text, "ffff"));
    CU_ASSERT_EQUAL(strncmp(endpoint, "tcp://127.0.0.1:", strlen("tcp://127.0.0.1:")), 0);
    snprintf(text, sizeof(text), "a connection from %s to tcp://", server.who);
    CU_ASSERT_EQUAL(strncmp(server.text, text, strlen(text)), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.text, expected));
    close(fd);
    close_end(&server);
}

static void a_refusal_names_who_called(void)
{
    call_in_vain(PORT_LINKS, "NULL", "protocol", "broke the ZeroMQ protocol or is not encrypted as asked");
    call_in_vain(PORT_LINKS, "CURVE", "server_key_wrong", "does not have our public key");
}

static void so_does_a_refusal_at_the_open_door(void)
{
    call_in_vain(PORT_LISTENERS, "NULL", "protocol", "broke the ZeroMQ protocol or is not encrypted as asked");
    call_in_vain(PORT_LISTENERS, "CURVE", "server_key_wrong", "does not have our public key");
}

static const struct test_case cases[] = {
    TEST_CASE(each_fault_is_told_as_what_it_is_every_time),
    TEST_CASE(nobody_there_is_no_answer_every_time),
    TEST_CASE(a_listener_without_keys_that_is_quick_to_end_is_not_one_with_another_key),
    TEST_CASE(who_ends_every_handshake_does_not_have_the_key),
    TEST_CASE(a_listener_that_says_nothing_gives_no_answer),
    TEST_CASE(who_speaks_another_protocol_is_said_to),
    TEST_CASE(a_refusal_names_who_called),
    TEST_CASE(so_does_a_refusal_at_the_open_door),
};

SUITE_MAIN("handshakes", cases)
