/* Connections we make, all by one socket of libzmq: they cost nothing but themselves, thousands of them that are refused, cut,
 * ended and made again at once end in order, and what came before an end is read. */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/dice.h"
#include "lib/suite.h"
#include "link/zmq_curve.h"
#include "link/zmq_internal.h"
#include "link/zmq_port.h"

enum { ENDS_MAX = 50 };

struct end {
    struct zmq_port *port;
    char endpoint[PORT_ENDPOINT_MAX];
    char public_key[KEY_TEXT_SIZE];
    struct route *from; /* of the last frame */
    unsigned ups;
    unsigned downs;
    unsigned frames;
};

/* Of a route; its owner. */
struct line {
    struct route *route;
    bool is_up;
    bool is_down;
    unsigned frames;
    enum route_fault fault;
};

static void on_frame(struct route *route, const unsigned char *bytes, size_t len, void *userdata)
{
    struct end *end = userdata;
    struct line *line = route_owner(route);

    end->frames++;
    end->from = route;
    if (line != NULL)
        line->frames++;
    if (line != NULL)
        CU_ASSERT_FALSE(line->is_down);
}

static void on_up(struct route *route, void *userdata)
{
    struct line *line = route_owner(route);

    ((struct end *)userdata)->ups++;
    if (line != NULL)
        line->is_up = true;
}

static void on_down(struct route *route, enum route_fault fault, void *userdata)
{
    struct line *line = route_owner(route);

    ((struct end *)userdata)->downs++;
    if (line == NULL)
        return;
    line->is_up = false;
    line->is_down = true;
    line->fault = fault;
}

static bool on_admit(const char *key, const char *address, void *userdata)
{
    return true;
}

static void on_refused(const char *who, const char *reason, const char *text, void *userdata)
{
}

static char reason[512];
static struct text error;

static struct text *fresh_error(void)
{
    text_init_buffer(&error, reason, sizeof(reason));
    return &error;
}

static void open_end(struct end *end, bool has_keys)
{
    struct zmq_port_config config = {
        .heap = heap_default(),
        .hooks = {.frame = on_frame, .up = on_up, .down = on_down, .admit = on_admit, .refused = on_refused, .userdata = end}};

    memset(end, 0, sizeof(*end));
    if (has_keys)
        CU_ASSERT_EQUAL_FATAL(curve_generate(config.public_key, config.secret_key), MAIKO_OK);
    memcpy(end->public_key, config.public_key, KEY_TEXT_SIZE);
    CU_ASSERT_EQUAL_FATAL(zmq_port_open(&config, &end->port, fresh_error()), MAIKO_OK);
}

static void open_listener(struct end *end, bool has_keys, const char *endpoint)
{
    open_end(end, has_keys);
    CU_ASSERT_EQUAL_FATAL(zmq_port_bind(end->port, PORT_LINKS, endpoint, end->endpoint, fresh_error()), MAIKO_OK);
}

static void close_end(struct end *end)
{
    end->port = zmq_port_close(end->port, 0);
}

static void connect_line(struct end *end, struct line *line, const char *endpoint, const char *key)
{
    memset(line, 0, sizeof(*line));
    CU_ASSERT_EQUAL_FATAL(zmq_port_connect(end->port, endpoint, key, &line->route, fresh_error()), MAIKO_OK);
    route_set_owner(line->route, line);
}

static void end_line(struct end *end, struct line *line, unsigned linger_ms)
{
    route_set_owner(line->route, NULL);
    zmq_port_disconnect(end->port, line->route, linger_ms);
    line->route = NULL;
}

static bool turn(struct end *end)
{
    struct clock clock;

    clock_init(&clock);
    zmq_port_run(end->port, clock_mono_ns(&clock) + MAIKO_MS(1));
    return true;
}

/* Without a wait. */
static bool turn_all(struct end *ends, unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++)
        zmq_port_run(ends[i].port, 0);
    return true;
}

static void ipc_endpoint(char endpoint[PORT_ENDPOINT_MAX], const char *name)
{
    snprintf(endpoint, PORT_ENDPOINT_MAX, "ipc:///tmp/maiko-dials-%d-%s", (int)getpid(), name);
}

/* ---- what they cost ---- */

/* libzmq gives every socket an eventfd, and itself two or three. */
static unsigned count_eventfds(void)
{
    unsigned count = 0;
    int fd;

    for (fd = 0; fd < 1024; fd++) {
        char path[64];
        char target[64];
        ssize_t len;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        len = readlink(path, target, sizeof(target) - 1);
        if (len <= 0)
            continue;
        target[len] = '\0';
        count += strstr(target, "eventfd") != NULL;
    }
    return count;
}

static unsigned sockets_of_a_process_connected_to(struct end *servers, unsigned count)
{
    static struct line lines[ENDS_MAX];
    unsigned before = count_eventfds();
    unsigned sockets;
    struct end client;
    unsigned i;

    open_end(&client, false);
    for (i = 0; i < count; i++)
        connect_line(&client, &lines[i], servers[i].endpoint, "");
    CU_ASSERT(wait_until((turn_all(servers, count), turn(&client), client.ups == count), 60000));
    sockets = count_eventfds() - before;
    close_end(&client);
    return sockets;
}

static void ten_connections_have_as_many_sockets_as_one(void)
{
    static struct end servers[ENDS_MAX];
    unsigned one, i;

    for (i = 0; i < ENDS_MAX; i++)
        open_listener(&servers[i], false, "tcp://127.0.0.1:*");
    one = sockets_of_a_process_connected_to(servers, 1);
    CU_ASSERT(one > 0);
    CU_ASSERT_EQUAL(sockets_of_a_process_connected_to(servers, 10), one);
    CU_ASSERT_EQUAL(sockets_of_a_process_connected_to(servers, ENDS_MAX), one);
    for (i = 0; i < ENDS_MAX; i++)
        close_end(&servers[i]);
}

static void several_connections_to_one_endpoint_are_told_apart(void)
{
    enum { LINES = 20 };
    static struct line lines[LINES];
    struct end other;
    struct end ends[2]; /* client, server */
    unsigned i, k;

    open_end(&ends[0], true);
    open_end(&other, true);
    open_listener(&ends[1], true, "tcp://127.0.0.1:*");
    for (i = 0; i < LINES; i++)
        connect_line(&ends[0], &lines[i], ends[1].endpoint, i % 2 == 0 ? ends[1].public_key : other.public_key);
    for (i = 0; i < LINES; i++) {
        struct line *line = &lines[i];

        CU_ASSERT(wait_until((turn(&ends[0]), turn(&ends[1]), i % 2 == 0 ? line->is_up : line->fault == ROUTE_SERVER_KEY_WRONG),
                             60000));
        CU_ASSERT_EQUAL(line->is_down, i % 2 == 1);
    }
    for (i = 0; i < LINES; i += 4)
        end_line(&ends[0], &lines[i], 0);
    for (i = 2; i < LINES; i += 4) { /* an answer comes back on the one that asked */
        ends[1].frames = 0;
        CU_ASSERT_EQUAL(zmq_port_send(ends[0].port, lines[i].route, "?", 1), MAIKO_OK);
        CU_ASSERT(wait_until((turn(&ends[0]), turn(&ends[1]), ends[1].frames == 1), 60000));
        CU_ASSERT_EQUAL(zmq_port_send(ends[1].port, ends[1].from, "!", 1), MAIKO_OK);
        CU_ASSERT(wait_until((turn(&ends[0]), turn(&ends[1]), lines[i].frames == 1), 60000));
        for (k = 2; k < LINES; k += 4)
            CU_ASSERT_EQUAL(lines[k].frames, k <= i ? 1 : 0);
    }
    close_end(&ends[0]);
    close_end(&ends[1]);
    close_end(&other);
}

/* Debian's /etc/hosts gives it ::1 as well, which is taken first. */
static bool localhost_is_127_0_0_1(void)
{
    const struct addrinfo hints = {.ai_family = AF_INET6, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    bool has_ipv6 = getaddrinfo("localhost", NULL, &hints, &found) == 0;

    if (has_ipv6)
        freeaddrinfo(found);
    return !has_ipv6;
}

static void an_endpoint_may_be_spelt_in_any_way(void)
{
    static const char *const hosts[] = {"127.0.0.1", "[::ffff:127.0.0.1]", "localhost"};
    const unsigned count = localhost_is_127_0_0_1() ? 3 : 2;
    char endpoint[PORT_ENDPOINT_MAX];
    struct end ends[2]; /* client, server */
    struct line lines[3];
    unsigned i;

    open_end(&ends[0], false);
    open_listener(&ends[1], false, "tcp://127.0.0.1:*");
    for (i = 0; i < count; i++) {
        snprintf(endpoint, sizeof(endpoint), "tcp://%s%s", hosts[i], strrchr(ends[1].endpoint, ':'));
        connect_line(&ends[0], &lines[i], endpoint, "");
        CU_ASSERT(wait_until((turn(&ends[0]), turn(&ends[1]), lines[i].is_up), 60000));
        CU_ASSERT_STRING_EQUAL(route_address(lines[i].route), endpoint);
    }
    close_end(&ends[0]);
    close_end(&ends[1]);
}

/* ---- the end of one among many ---- */

enum { LAST_FRAMES = 5000, FLOOD = 400 };

static void flood(struct end *server)
{
    int i;

    for (i = 0; i < FLOOD; i++)
        CU_ASSERT_EQUAL(zmq_port_send(server->port, server->from, "flood", 5), MAIKO_OK);
}

static void introduce(struct end *client, struct line *line, struct end *server, const char *endpoint)
{
    open_listener(server, false, endpoint);
    connect_line(client, line, server->endpoint, "");
    CU_ASSERT(wait_until((turn(client), turn(server), line->is_up), 60000));
    CU_ASSERT_EQUAL(zmq_port_send(client->port, line->route, "hello", 5), MAIKO_OK);
    CU_ASSERT(wait_until((turn(client), turn(server), server->frames == 1), 60000));
}

/* Of three that send without a pause one goes: all it sent is there before its end is, and the end does not wait for a pause. */
static void what_came_before_an_end_is_read_first(const char *endpoint)
{
    struct end servers[3];
    struct line lines[3];
    struct end client;
    unsigned i;

    open_end(&client, false);
    for (i = 0; i < 3; i++)
        introduce(&client, &lines[i], &servers[i], i == 0 ? endpoint : "tcp://127.0.0.1:*");
    for (i = 0; i < 8; i++) { /* more than the client reads meanwhile */
        flood(&servers[1]);
        flood(&servers[2]);
    }
    for (i = 0; i < LAST_FRAMES; i++)
        CU_ASSERT_EQUAL(zmq_port_send(servers[0].port, servers[0].from, "last", 4), MAIKO_OK);
    servers[0].port = zmq_port_close(servers[0].port, 60000);
    CU_ASSERT(wait_until((flood(&servers[1]), flood(&servers[2]), turn(&client), lines[0].is_down), 60000));
    CU_ASSERT_EQUAL(lines[0].frames, LAST_FRAMES);
    CU_ASSERT_EQUAL(lines[0].fault, ROUTE_LOST);
    CU_ASSERT(lines[1].is_up && lines[2].is_up);
    close_end(&client);
    close_end(&servers[1]);
    close_end(&servers[2]);
}

static void what_came_before_an_end_is_read_first_over_tcp(void)
{
    what_came_before_an_end_is_read_first("tcp://127.0.0.1:*");
}

static void what_came_before_an_end_is_read_first_over_ipc(void)
{
    char endpoint[PORT_ENDPOINT_MAX];

    ipc_endpoint(endpoint, "end");
    what_came_before_an_end_is_read_first(endpoint);
    unlink(endpoint + strlen("ipc://"));
}

/* ---- thousands ---- */

enum { LINES = 48, CHANGES = 4000, SERVERS = 4 };

struct storm {
    struct end client;
    struct end servers[SERVERS]; /* plain over tcp and ipc, with keys over tcp, and one that is closed and opened again */
    struct end stranger;         /* its key is nobody's here */
    struct line lines[LINES];
    int cutter_fd;
    char nobody_tcp[PORT_ENDPOINT_MAX];
    char nobody_ipc[PORT_ENDPOINT_MAX];
    char cutter[PORT_ENDPOINT_MAX];
    struct dice dice;
};

static int listen_raw(char endpoint[PORT_ENDPOINT_MAX])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, size), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 64), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(endpoint, PORT_ENDPOINT_MAX, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

static void cut_all(int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        close(fd);
}

static void open_storm(struct storm *storm)
{
    char endpoint[PORT_ENDPOINT_MAX];

    memset(storm, 0, sizeof(*storm));
    dice_init(&storm->dice);
    storm->cutter_fd = listen_raw(storm->cutter);
    close(listen_raw(storm->nobody_tcp));
    ipc_endpoint(storm->nobody_ipc, "nobody");
    open_end(&storm->client, true);
    open_end(&storm->stranger, true);
    open_listener(&storm->servers[0], false, "tcp://127.0.0.1:*");
    ipc_endpoint(endpoint, "plain");
    open_listener(&storm->servers[1], false, endpoint);
    open_listener(&storm->servers[2], true, "tcp://127.0.0.1:*");
    ipc_endpoint(endpoint, "moody");
    open_listener(&storm->servers[3], false, endpoint);
}

static void close_storm(struct storm *storm)
{
    int i;

    close_end(&storm->client);
    close_end(&storm->stranger);
    for (i = 0; i < SERVERS; i++)
        close_end(&storm->servers[i]);
    close(storm->cutter_fd);
    unlink(storm->servers[1].endpoint + strlen("ipc://"));
    unlink(storm->servers[3].endpoint + strlen("ipc://"));
}

static void connect_somewhere(struct storm *storm, struct line *line)
{
    struct end *encrypted = &storm->servers[2];

    switch (dice_below(&storm->dice, 8)) {
    case 0:
        connect_line(&storm->client, line, storm->nobody_tcp, "");
        break;
    case 1:
        connect_line(&storm->client, line, storm->nobody_ipc, "");
        break;
    case 2:
        connect_line(&storm->client, line, storm->cutter, dice_percent(&storm->dice, 50) ? "" : encrypted->public_key);
        break;
    case 3:
        connect_line(&storm->client, line, encrypted->endpoint, storm->stranger.public_key);
        break;
    case 4:
        connect_line(&storm->client, line, encrypted->endpoint, encrypted->public_key);
        break;
    case 5:
        connect_line(&storm->client, line, storm->servers[3].endpoint, "");
        break;
    case 6:
        connect_line(&storm->client, line, storm->servers[1].endpoint, "");
        break;
    default:
        connect_line(&storm->client, line, storm->servers[0].endpoint, "");
        break;
    }
}

static void change_mood(struct storm *storm)
{
    char endpoint[PORT_ENDPOINT_MAX];
    struct end *moody = &storm->servers[3];

    memcpy(endpoint, moody->endpoint, sizeof(endpoint));
    close_end(moody);
    turn(&storm->client);
    open_listener(moody, false, endpoint);
}

static void change_something(struct storm *storm)
{
    struct line *line = &storm->lines[dice_below(&storm->dice, LINES)];

    if (line->route == NULL) {
        connect_somewhere(storm, line);
    } else if (line->is_up && dice_percent(&storm->dice, 50)) {
        CU_ASSERT_NOT_EQUAL(zmq_port_send(storm->client.port, line->route, "hello", 5), MAIKO_EFULL);
    } else {
        end_line(&storm->client, line, dice_percent(&storm->dice, 20) ? 50 : 0);
    }
}

static void thousands_that_fail_and_are_made_again_end_in_order(void)
{
    static struct storm storm;
    struct end *all = storm.servers;
    struct line *last = &storm.lines[0];
    int i;

    open_storm(&storm);
    for (i = 0; i < CHANGES; i++) {
        change_something(&storm);
        if (i % 100 == 99)
            change_mood(&storm);
        if (dice_percent(&storm.dice, 60))
            turn(&storm.client);
        if (dice_percent(&storm.dice, 20))
            turn_all(all, SERVERS);
        cut_all(storm.cutter_fd);
    }
    CU_ASSERT(storm.client.ups > 100);
    CU_ASSERT(storm.client.port->next_serial > 1000);
    for (i = 0; i < LINES; i++)
        if (storm.lines[i].route != NULL)
            end_line(&storm.client, &storm.lines[i], 0);
    CU_ASSERT_EQUAL(storm.client.port->dialled.count, 0);
    connect_line(&storm.client, last, all[2].endpoint, all[2].public_key);
    CU_ASSERT(wait_until((turn(&storm.client), turn_all(all, SERVERS), last->is_up), 60000));
    close_storm(&storm);
}

static const struct test_case cases[] = {
    TEST_CASE(ten_connections_have_as_many_sockets_as_one),
    TEST_CASE(several_connections_to_one_endpoint_are_told_apart),
    TEST_CASE(an_endpoint_may_be_spelt_in_any_way),
    TEST_CASE(what_came_before_an_end_is_read_first_over_tcp),
    TEST_CASE(what_came_before_an_end_is_read_first_over_ipc),
    TEST_CASE(thousands_that_fail_and_are_made_again_end_in_order),
};

SUITE_MAIN("dials", cases)
