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
    port_plain_endpoint(ret_event->address);
    return true;
}

/* libzmq's number for an end during the handshake: the connection was closed, or else it took too long. */
static bool was_closed(uint32_t number)
{
    return number == EPIPE || number == ECONNRESET || number == ECONNABORTED;
}

/* The other side closed during the handshake without a word: that is how CURVE answers a hello it cannot decrypt, how a dying
 * process looks, so once is not enough, and also how a listener without keys looks that was quicker to see ours than to tell
 * that it has none. So before a key is blamed one connection is made without keys: who has none takes it. */
static void handshake_cut(struct zmq_port *port, struct route *route, uint32_t number)
{
    if (!was_closed(number))
        port_route_fail(port, route, ROUTE_NO_ANSWER);
    else if (route->is_probing)
        port_route_fail(port, route, ROUTE_SERVER_KEY_WRONG);
    else if (++route->failures < HANDSHAKES_UNTIL_KEY_IS_BLAMED)
        return;
    else if (route->key[0] == '\0')
        port_route_fail(port, route, ROUTE_LOST);
    else if (route->has_fault && route->fault == ROUTE_SERVER_KEY_WRONG)
        port_route_fail(port, route, ROUTE_SERVER_KEY_WRONG); /* told, and nothing has changed */
    else
        port_route_probe(port, route);
}

static enum route_fault fault_of_protocol(const struct route *route, uint32_t number)
{
    if (number == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
        return route->is_probing ? ROUTE_SERVER_KEY_WRONG : ROUTE_NOT_ENCRYPTED;
    return number == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC ? ROUTE_SERVER_KEY_WRONG : ROUTE_PROTOCOL;
}

static void handshake_succeeded(struct zmq_port *port, struct route *route)
{
    if (route->is_probing) {
        port_route_fail(port, route, ROUTE_NOT_ENCRYPTED);
        return;
    }
    route->is_up = true;
    route->has_fault = false;
    route->failures = 0;
    port->hooks.up(route, port->hooks.userdata);
}

/* libzmq says nothing of the handshake when an answer is none at all, and does not try again. */
static void disconnected(struct zmq_port *port, struct route *route, bool was_shaking)
{
    port_route_drain(port, route); /* what came before the end is there by now, and counts */
    if (route->is_up)
        port_route_fail(port, route, ROUTE_LOST);
    else if (was_shaking)
        port_route_fail(port, route, ROUTE_PROTOCOL);
}

/* Of a connection that never came about. */
static void not_connected(struct zmq_port *port, struct route *route)
{
    route->failures = 0;
    if (route->is_probing || (!route->is_up && !route->has_fault))
        port_route_fail(port, route, ROUTE_NO_ANSWER);
}

static void handle_route_event(struct zmq_port *port, struct route *route, const struct monitor_event *event)
{
    bool was_shaking = route->is_shaking;

    route->is_shaking = event->kind == ZMQ_EVENT_CONNECTED;
    switch (event->kind) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        handshake_succeeded(port, route);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        handshake_cut(port, route, event->value);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: /* nobody's keys are asked for in a probe */
        port_route_fail(port, route, route->is_probing ? ROUTE_NOT_ENCRYPTED : ROUTE_KEY_REFUSED);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        port_route_fail(port, route, fault_of_protocol(route, event->value));
        break;
    case ZMQ_EVENT_DISCONNECTED:
        disconnected(port, route, was_shaking);
        break;
    case ZMQ_EVENT_CLOSED:
        not_connected(port, route);
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

/* ---- connections made to us ---- */

static void tell_failure(struct zmq_port *port, const char *who)
{
    struct port_failure *failure = &port->failure;

    if (!failure->is_pending)
        return;
    failure->is_pending = false;
    if (failure->is_key)
        port_refuse(port, who, "server_key_wrong", "a connection from %s to %s that does not have our public key", who,
                    failure->endpoint);
    else
        port_refuse(port, who, "protocol",
                    "a connection from %s to %s that broke the ZeroMQ protocol or is not encrypted as asked (0x%08" PRIx32 ")",
                    who, failure->endpoint, failure->number);
}

static void note_failure(struct zmq_port *port, const struct monitor_event *event)
{
    port->failure.is_pending = true;
    port->failure.is_key = event->value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC;
    port->failure.number = event->value;
    memcpy(port->failure.endpoint, event->address, sizeof(event->address));
}

/* Only the failures are news: who is there says so itself, in frames. */
static void handle_router_event(struct zmq_port *port, const struct monitor_event *event)
{
    switch (event->kind) {
    case ZMQ_EVENT_ACCEPTED:
        port_caller_came(port, (int)event->value);
        break;
    case ZMQ_EVENT_ACCEPT_FAILED:
        port_warn(port, "a connection to %s was not accepted: %s", event->address, zmq_strerror((int)event->value));
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        tell_failure(port, port_caller_of(port, -1)); /* whose end was not said */
        note_failure(port, event);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        tell_failure(port, port_caller_of(port, (int)event->value));
        break;
    default:
        break;
    }
}

void port_monitor_read_router(struct zmq_port *port)
{
    struct monitor_event event;
    int rounds;

    for (rounds = 0; rounds < MONITOR_EVENTS_PER_TURN && read_event(port->router_monitor, &event); rounds++)
        handle_router_event(port, &event);
    if (rounds < MONITOR_EVENTS_PER_TURN)
        port->caller_round++;
}
