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

/* libzmq's number for an end during the handshake: the connection was closed, or else it took too long. */
static bool was_closed(uint32_t number)
{
    return number == EPIPE || number == ECONNRESET || number == ECONNABORTED;
}

/* The other side closed during the handshake without a word: that is how CURVE answers a hello it cannot decrypt, how a dying
 * process looks, so once is not enough, and also how a listener without keys looks that was quicker to see ours than to tell
 * that it has none. So before a key is blamed one connection is made without keys: who has none takes it. */
static void handshake_cut(struct zmq_port *port, struct route *route)
{
    if (!was_closed(route->failed_with))
        port_route_fail(port, route, ROUTE_NO_ANSWER);
    else if (route->is_probing)
        port_route_fail(port, route, ROUTE_SERVER_KEY_WRONG);
    else if (++route->failures < HANDSHAKES_UNTIL_KEY_IS_BLAMED)
        port_route_redial(port, route);
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
    route->state = DIAL_UP;
    route->due_ns = UINT64_MAX;
    route->is_up = true;
    route->has_fault = false;
    route->failures = 0;
    port->hooks.up(route, port->hooks.userdata);
}

/* Its connection ended during the handshake. */
static void handshake_failed(struct zmq_port *port, struct route *route)
{
    switch (route->failed_as) {
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        handshake_cut(port, route);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: /* nobody's keys are asked for in a probe */
        port_route_fail(port, route, route->is_probing ? ROUTE_NOT_ENCRYPTED : ROUTE_KEY_REFUSED);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        port_route_fail(port, route, fault_of_protocol(route, route->failed_with));
        break;
    default: /* libzmq says nothing of the handshake when an answer is none at all */
        port_route_fail(port, route, ROUTE_PROTOCOL);
        break;
    }
}

/* An end has the number of its descriptor.  That of a connection that was let go does not have ours: it ended before ours began,
 * or both were open. */
static void disconnected(struct zmq_port *port, struct route *route, int fd)
{
    if (fd != route->fd)
        route->failed_as = 0; /* nor was the failure that stood before it */
    else if (route->state == DIAL_UP)
        port_route_ended(port, route);
    else if (route->state == DIAL_SHAKING)
        handshake_failed(port, route);
}

static void connected(struct route *route, int fd)
{
    route->state = DIAL_SHAKING;
    route->fd = fd;
    route->failed_as = 0;
    route->redial_wait_ns = 0; /* somebody is there: waits grow only while nobody answers */
}

static void note_handshake(struct route *route, const struct monitor_event *event)
{
    if (route->failed_as != 0)
        return;
    route->failed_as = event->kind;
    route->failed_with = event->value;
}

/* Events have the endpoint as it was dialled, which is not that of another connection there is. */
static void handle_dialer_event(struct zmq_port *port, const struct monitor_event *event)
{
    struct route *route = hash_table_find(&port->dialled, event->address);

    if (route == NULL)
        return;
    switch (event->kind) {
    case ZMQ_EVENT_CONNECTED:
        port_room_in_socket((int)event->value, event->address);
        if (route->state == DIAL_CALLING)
            connected(route, (int)event->value);
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        if (route->state == DIAL_SHAKING)
            handshake_succeeded(port, route);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        note_handshake(route, event);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        disconnected(port, route, (int)event->value);
        break;
    case ZMQ_EVENT_CLOSED:
    case ZMQ_EVENT_CONNECT_RETRIED: /* also of a name nobody knows */
        if (route->state == DIAL_CALLING)
            port_route_not_connected(port, route);
        break;
    default:
        break;
    }
}

bool port_monitor_read_dialer(struct zmq_port *port)
{
    struct monitor_event event;
    int rounds;

    for (rounds = 0; rounds < MONITOR_EVENTS_PER_TURN; rounds++) {
        if (!read_event(port->dialer_monitor, &event))
            return true;
        handle_dialer_event(port, &event);
    }
    port_touched(port, PORT_DIALER_MONITOR);
    return false;
}

/* ---- connections made to us ---- */

static void tell_failure(struct zmq_port *port, struct port_ear *ear, const char *who)
{
    struct port_failure *failure = &ear->failure;

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

static void note_failure(struct port_ear *ear, const struct monitor_event *event)
{
    ear->failure.is_pending = true;
    ear->failure.is_key = event->value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC;
    ear->failure.number = event->value;
    memcpy(ear->failure.endpoint, event->address, sizeof(event->address));
}

/* Only the failures are news: who is there says so itself, in frames. */
static void handle_caller_event(struct zmq_port *port, struct port_ear *ear, const struct monitor_event *event)
{
    switch (event->kind) {
    case ZMQ_EVENT_LISTENING:
        port_listener_opened(port, event->address, (int)event->value);
        break;
    case ZMQ_EVENT_CLOSED:
        port_listener_closed(port, event->address, (int)event->value);
        break;
    case ZMQ_EVENT_ACCEPTED:
        port_accepted(port);
        port_room_in_socket((int)event->value, event->address);
        port_caller_came(port, ear, (int)event->value, event->address);
        break;
    case ZMQ_EVENT_ACCEPT_FAILED:
        port_not_accepted(port, event->address, (int)event->value);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        tell_failure(port, ear, port_caller_of(ear, -1)); /* whose end was not said */
        note_failure(ear, event);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        tell_failure(port, ear, port_caller_of(ear, (int)event->value));
        if (ear == &port->router_ear)
            port_incoming_left(port, port_caller_cookie(ear, (int)event->value));
        port_caller_left(ear, (int)event->value);
        break;
    default:
        break;
    }
}

/* A bounded part; true: there is no more. */
bool port_monitor_read_ear(struct zmq_port *port, struct port_ear *ear)
{
    struct monitor_event event;
    int rounds;

    for (rounds = 0; rounds < MONITOR_EVENTS_PER_TURN && read_event(ear->monitor, &event); rounds++) {
        port_plain_endpoint(event.address);
        handle_caller_event(port, ear, &event);
    }
    if (rounds == MONITOR_EVENTS_PER_TURN)
        return false;
    ear->caller_round++;
    return true;
}

bool port_monitor_has_stopped(void *monitor)
{
    struct monitor_event event = {0};

    while (event.kind != ZMQ_EVENT_MONITOR_STOPPED && read_event(monitor, &event)) {
    }
    return event.kind == ZMQ_EVENT_MONITOR_STOPPED;
}
