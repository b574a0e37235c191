/* Routes: what connections we make (zmq_dial.c) and those made to us (zmq_incoming.c) have in common, sending first of all. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "link/zmq_internal.h"

const char *route_fault_word(enum route_fault fault)
{
    static const char *const words[] = {
#define ROUTE_FAULT_WORD_(name, word, text) [name] = word,
        ROUTE_FAULT_MAP(ROUTE_FAULT_WORD_)
#undef ROUTE_FAULT_WORD_
    };

    return words[fault];
}

const char *route_fault_text(enum route_fault fault)
{
    static const char *const texts[] = {
#define ROUTE_FAULT_TEXT_(name, word, text) [name] = text,
        ROUTE_FAULT_MAP(ROUTE_FAULT_TEXT_)
#undef ROUTE_FAULT_TEXT_
    };

    return texts[fault];
}

bool route_fault_is_refusal(enum route_fault fault)
{
    return fault == ROUTE_SERVER_KEY_WRONG || fault == ROUTE_KEY_REFUSED || fault == ROUTE_NOT_ENCRYPTED ||
           fault == ROUTE_PROTOCOL;
}

void *route_owner(const struct route *route)
{
    return route->owner;
}

void route_set_owner(struct route *route, void *owner)
{
    route->owner = owner;
}

bool route_is_incoming(const struct route *route)
{
    return route->is_incoming;
}

bool route_is_local(const struct route *route)
{
    return route->is_local;
}

const char *route_key(const struct route *route)
{
    return route->key;
}

const char *route_address(const struct route *route)
{
    return route->address;
}

/* ---- making and ending ---- */

void port_route_end(struct zmq_port *port, struct route *route)
{
    list_remove(&route->link);
    list_push_back(&port->ended, &route->link);
}

void port_free_ended(struct zmq_port *port)
{
    struct list *link;

    while ((link = list_pop_front(&port->ended)) != NULL) {
        struct route *route = CONTAINER_OF(link, struct route, link);

        heap_free(port->heap, route, sizeof(*route));
    }
}

maiko_status zmq_port_connect(struct zmq_port *port, const char *endpoint, const char *server_key, struct route **ret_route,
                              struct text *error)
{
    struct route *route;
    maiko_status status;

    if (strlen(endpoint) >= PORT_ENDPOINT_MAX || (server_key[0] != '\0' && port->public_key[0] == '\0')) {
        text_append_format(error, "connecting to %s: %s", endpoint,
                           server_key[0] != '\0' ? "an encrypted connection needs a key pair of our own" : "too long");
        return MAIKO_EINVAL;
    }
    status = port_dialer_open(port, error);
    if (status != MAIKO_OK)
        return status;
    route = heap_alloc_zeroed(port->heap, 1, sizeof(*route));
    if (route == NULL)
        return MAIKO_ENOMEM;
    memcpy(route->address, endpoint, strlen(endpoint) + 1);
    memcpy(route->key, server_key, strlen(server_key) + 1);
    route->is_local = strncmp(endpoint, "ipc://", 6) == 0;
    status = port_slot_take(port, route);
    if (status != MAIKO_OK) {
        heap_free(port->heap, route, sizeof(*route));
        return status;
    }
    list_push_back(&port->outgoing, &route->link); /* due at once: dialled at the next turn */
    port->outgoing_count++;
    *ret_route = route;
    return MAIKO_OK;
}

void zmq_port_disconnect(struct zmq_port *port, struct route *route, unsigned linger_ms)
{
    if (route->is_incoming) {
        port_incoming_forget(port, route);
        return;
    }
    port_route_hang_up(port, route, linger_ms);
    port->slots[route->slot] = NULL;
    port->outgoing_count--;
    port_route_end(port, route);
}

void port_routes_close(struct zmq_port *port)
{
    while (!list_is_empty(&port->outgoing))
        zmq_port_disconnect(port, CONTAINER_OF(list_first(&port->outgoing), struct route, link), 0);
    while (!list_is_empty(&port->incoming))
        port_incoming_forget(port, CONTAINER_OF(list_first(&port->incoming), struct route, link));
    port_free_ended(port);
}

/* ---- reading and sending ---- */

bool port_read_message(void *socket, zmq_msg_t *parts, int *ret_count)
{
    int count = 0;
    int more = 1;

    while (more) {
        zmq_msg_t part;

        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&part);
            return false; /* parts arrive together, so this is the first one */
        }
        more = zmq_msg_more(&part);
        if (count < PORT_PARTS_MAX) {
            zmq_msg_init(&parts[count]);
            zmq_msg_move(&parts[count], &part);
        }
        zmq_msg_close(&part);
        count++;
    }
    *ret_count = count;
    return true;
}

void port_close_parts(zmq_msg_t *parts, int count)
{
    int i;

    for (i = 0; i < count && i < PORT_PARTS_MAX; i++)
        zmq_msg_close(&parts[i]);
}

static maiko_status status_of_send(int result)
{
    if (result >= 0)
        return MAIKO_OK;
    return zmq_errno() == EAGAIN ? MAIKO_EFULL : zmq_errno() == ENOMEM ? MAIKO_ENOMEM : MAIKO_ECLOSED;
}

static void *socket_of(const struct zmq_port *port, const struct route *route)
{
    return route->is_incoming ? port->router : port->dialer;
}

/* What stands before a frame of this length: a ROUTER is told whom it is for. */
static maiko_status send_address(struct zmq_port *port, const struct route *route, void *socket, size_t len)
{
    maiko_status status;

    if (!route->is_incoming && !route->is_up)
        return MAIKO_ECLOSED;
    port_touched(port, route->is_incoming ? PORT_ROUTER : PORT_DIALER);
    pace_sent(&port->pace, len);
    status = status_of_send(zmq_send(socket, route->id, route->id_len, ZMQ_DONTWAIT | ZMQ_SNDMORE));
    if (status == MAIKO_OK && route->has_delimiter)
        status = status_of_send(zmq_send(socket, "", 0, ZMQ_DONTWAIT | ZMQ_SNDMORE));
    return status;
}

bool port_message_of(zmq_msg_t *message, const void *bytes, size_t len)
{
    if (zmq_msg_init_size(message, len) != 0)
        return false;
    if (len > 0)
        memcpy(zmq_msg_data(message), bytes, len);
    return true;
}

static maiko_status send_message(struct zmq_port *port, struct route *route, zmq_msg_t *message)
{
    void *socket = socket_of(port, route);
    maiko_status status = send_address(port, route, socket, zmq_msg_size(message));

    if (status == MAIKO_OK)
        status = status_of_send(zmq_msg_send(message, socket, ZMQ_DONTWAIT));
    if (status != MAIKO_OK)
        zmq_msg_close(message);
    return status;
}

maiko_status zmq_port_send(struct zmq_port *port, struct route *route, const void *bytes, size_t len)
{
    zmq_msg_t message;

    return port_message_of(&message, bytes, len) ? send_message(port, route, &message) : MAIKO_ENOMEM;
}

/* Called by a thread of libzmq. */
static void free_given(void *bytes, void *size)
{
    heap_free(heap_default(), bytes, (size_t)(uintptr_t)size);
}

maiko_status zmq_port_give(struct zmq_port *port, struct route *route, void *bytes, size_t len, size_t size)
{
    zmq_msg_t message;

    if (zmq_msg_init_data(&message, bytes, len, free_given, (void *)(uintptr_t)size) != 0) {
        heap_free(heap_default(), bytes, size);
        return MAIKO_ENOMEM;
    }
    return send_message(port, route, &message);
}
