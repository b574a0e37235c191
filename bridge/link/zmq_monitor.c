/* Monitors: what libzmq says about connections, turned into one of our own few words.  Read on the port's thread only. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "base/clock.h"
#include "link/zmq_internal.h"

enum { MONITOR_EVENTS_PER_TURN = 64, HANDSHAKES_UNTIL_KEY_IS_BLAMED = 2 };

struct monitor_event {
    uint16_t kind;
    uint32_t value;
    char address[PORT_ENDPOINT_MAX];
};

maiko_status port_monitor_open(struct zmq_port *port, void *socket, void **ret_monitor, struct text *error)
{
    char name[64];
    maiko_status status;
    void *monitor;

    snprintf(name, sizeof(name), "inproc://monitor-%u", port->next_name++);
    status = port_socket_new(port, ZMQ_PAIR, &monitor, error);
    if (status != MAIKO_OK)
        return status;
    if (zmq_socket_monitor(socket, name, ZMQ_EVENT_ALL) == 0 && zmq_connect(monitor, name) == 0) {
        *ret_monitor = monitor;
        return MAIKO_OK;
    }
    text_append_format(error, "no monitor: %s", zmq_strerror(zmq_errno()));
    zmq_close(monitor);
    return MAIKO_ESYSTEM;
}

void port_monitor_close(void *socket, void *monitor)
{
    if (monitor == NULL)
        return;
    (void)zmq_socket_monitor(socket, NULL, 0);
    zmq_close(monitor);
}

static bool read_event(void *monitor, struct monitor_event *ret_event)
{
    unsigned char head[6];
    int len = zmq_recv(monitor, head, sizeof(head), ZMQ_DONTWAIT);

    if (len != (int)sizeof(head))
        return false;
    memcpy(&ret_event->kind, head, sizeof(ret_event->kind));
    memcpy(&ret_event->value, head + 2, sizeof(ret_event->value));
    len = zmq_recv(monitor, ret_event->address, sizeof(ret_event->address) - 1, ZMQ_DONTWAIT);
    if (len < 0)
        len = 0;
    ret_event->address[len < PORT_ENDPOINT_MAX ? len : PORT_ENDPOINT_MAX - 1] = '\0';
    return true;
}

/* The other side closed during the handshake without a word: that is how CURVE answers a hello it cannot decrypt, and also how
 * a dying process looks, so once is not enough. */
static void handshake_cut(struct zmq_port *port, struct route *route)
{
    if (++route->failures >= HANDSHAKES_UNTIL_KEY_IS_BLAMED)
        port_route_fail(port, route, route->key[0] != '\0' ? ROUTE_SERVER_KEY_WRONG : ROUTE_LOST);
}

static void handle_route_event(struct zmq_port *port, struct route *route, const struct monitor_event *event)
{
    switch (event->kind) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        route->is_up = true;
        route->has_fault = false;
        route->failures = 0;
        port->hooks.up(route, port->hooks.userdata);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        handshake_cut(port, route);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        port_route_fail(port, route, ROUTE_KEY_REFUSED);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        port_route_fail(port, route,
                        event->value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH ? ROUTE_NOT_ENCRYPTED
                                                                                   : ROUTE_SERVER_KEY_WRONG);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        port_route_drain(port, route); /* what came before the end is there by now, and counts */
        if (route->is_up)
            port_route_fail(port, route, ROUTE_LOST);
        break;
    case ZMQ_EVENT_CLOSED: /* of a connection that never came about */
        if (!route->is_up && !route->has_fault)
            port_route_fail(port, route, ROUTE_NO_ANSWER);
        break;
    default:
        break;
    }
}

void port_monitor_read_route(struct zmq_port *port, struct route *route)
{
    struct monitor_event event;
    int rounds;

    for (rounds = 0; rounds < MONITOR_EVENTS_PER_TURN && route->monitor != NULL && read_event(route->monitor, &event); rounds++)
        handle_route_event(port, route, &event);
}

/* Of the connections made to us only the failures are news: who is there says so itself, in frames. */
void port_monitor_read_router(struct zmq_port *port)
{
    struct monitor_event event;
    int rounds;

    for (rounds = 0; rounds < MONITOR_EVENTS_PER_TURN && read_event(port->router_monitor, &event); rounds++) {
        if (event.kind == ZMQ_EVENT_ACCEPT_FAILED)
            port_warn(port, "a connection to %s was not accepted: %s", event.address, zmq_strerror((int)event.value));
        else if (event.kind == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL && event.value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC)
            port_refuse(port, event.address, "server_key_wrong", "a connection to %s that does not have our public key",
                        event.address);
        else if (event.kind == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
            port_refuse(port, event.address, "protocol",
                        "a connection to %s that broke the ZeroMQ protocol or is not encrypted as asked (0x%08" PRIx32 ")",
                        event.address, event.value);
    }
}
