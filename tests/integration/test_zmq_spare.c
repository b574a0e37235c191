/* Who connects by TCP while there is no descriptor for it is turned away, instead of keeping libzmq's thread busy. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/port_end.h"
#include "lib/shortage.h"
#include "lib/suite.h"

enum { CALLERS = 5 };

static struct port_end server;
static struct port_end client;

/* One that knows nothing of ZeroMQ; its socket is made before the shortage. */
static int make_caller(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

static void call(int fd, const char *endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    address.sin_port = htons((uint16_t)strtoul(strrchr(endpoint, ':') + 1, NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
}

static bool has_ended(int fd)
{
    char byte;
    ssize_t len = recv(fd, &byte, 1, MSG_DONTWAIT);

    return len == 0 || (len < 0 && errno == ECONNRESET);
}

/* With the first bytes of ZMTP. */
static bool is_greeted(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT) == 1;
}

static void who_connects_without_a_descriptor_for_it_is_turned_away(void)
{
    int callers[CALLERS];
    struct shortage shortage;
    char endpoint[PORT_ENDPOINT_MAX];
    struct route *route;
    int late;
    size_t i;

    port_end_open(&server, NULL); /* first: the descriptors of small numbers are those the shortage leaves it */
    port_end_open(&client, NULL);
    snprintf(endpoint, sizeof(endpoint), "%s", port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"));
    route = port_end_connect(&client, endpoint, "");
    CU_ASSERT_FATAL(wait_for(&client, &server, client.ups == 1));
    for (i = 0; i < CALLERS; i++)
        callers[i] = make_caller();
    late = make_caller();
    shortage_begin(&shortage);
    for (i = 0; i < CALLERS; i++)
        call(callers[i], endpoint);
    for (i = 0; i < CALLERS; i++)
        CU_ASSERT(wait_for(&client, &server, has_ended(callers[i])));
    CU_ASSERT(wait_for(&client, &server, server.is_starved));
    CU_ASSERT_EQUAL(port_end_send(&client, route, "still here"), MAIKO_OK);
    CU_ASSERT(wait_for(&client, &server, server.frames == 1));
    /* Once, unless libzmq's thread took the spare descriptor for one of them, which is an end of the shortage. */
    CU_ASSERT(server.starved >= 1 && server.starved <= CALLERS);
    CU_ASSERT_EQUAL(server.warnings, 0);
    CU_ASSERT_EQUAL(client.downs, 0);
    shortage_end(&shortage);
    call(late, endpoint);
    CU_ASSERT(wait_for(&client, &server, is_greeted(late)));
    CU_ASSERT(wait_for(&client, &server, !server.is_starved));
    for (i = 0; i < CALLERS; i++)
        close(callers[i]);
    close(late);
    port_end_close(&client);
    port_end_close(&server);
}

static const struct test_case cases[] = {
    TEST_CASE(who_connects_without_a_descriptor_for_it_is_turned_away),
};
SUITE_MAIN_TIMEOUT("zmq_spare", cases, 300)
