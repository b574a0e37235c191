/* Routes: connections we made, each with its DEALER; and sending, over these and those made to us (zmq_incoming.c). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "base/clock.h"
#include "link/zmq_internal.h"

static const uint64_t redial_first_ns = MAIKO_MS(100); /* after a handshake that failed; doubles up to a second */
static const uint64_t redial_most_ns = MAIKO_SECONDS(1);
static const uint64_t probe_ns = MAIKO_SECONDS(5); /* longer than libzmq's time for a handshake */

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

/* ---- connections we made ---- */

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

static maiko_status route_open(struct zmq_port *port, struct route *route, struct text *error)
{
    maiko_status status = port_socket_new(port, ZMQ_DEALER, &route->socket, error);

    if (status != MAIKO_OK)
        return status;
    /* Not ZMQ_IMMEDIATE: with it libzmq throws away what has come and was not read yet when the connection ends.  Nothing is sent
     * before the connection is there, and what a lost one left over is of an old session, which the protocol ignores. */
    if (route->key[0] != '\0' && !route->is_probing)
        port_socket_set_client_keys(port, route->socket, route->key);
    status = port_monitor_open(port, route->socket, &route->monitor, error);
    if (status == MAIKO_OK && zmq_connect(route->socket, route->address) != 0) {
        text_append_format(error, "connecting to %s: %s", route->address, zmq_strerror(zmq_errno()));
        status = port_status_of_errno(zmq_errno());
    }
    route->is_connecting = status == MAIKO_OK;
    return status;
}

static void route_close(struct zmq_port *port, struct route *route, unsigned linger_ms)
{
    if (route->socket == NULL)
        return;
    port_monitor_close(route->socket, route->monitor);
    port_socket_set_int(route->socket, ZMQ_LINGER, (int)linger_ms);
    zmq_close(route->socket);
    route->socket = NULL;
    route->monitor = NULL;
    route->is_up = false;
    route->is_shaking = false;
    route->is_connecting = false;
    port->items_are_stale = true;
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
    route = heap_alloc_zeroed(port->heap, 1, sizeof(*route));
    if (route == NULL)
        return MAIKO_ENOMEM;
    memcpy(route->address, endpoint, strlen(endpoint) + 1);
    memcpy(route->key, server_key, strlen(server_key) + 1);
    route->is_local = strncmp(endpoint, "ipc://", 6) == 0;
    list_push_back(&port->outgoing, &route->link);
    port->outgoing_count++;
    status = route_open(port, route, error);
    if (status != MAIKO_OK) {
        zmq_port_disconnect(port, route, 0);
        return status;
    }
    *ret_route = route;
    return MAIKO_OK;
}

/* Tells the owner, once per reason, and sees to it that the connection is tried again: by libzmq where that does, else by us.
 * libzmq gives up after a refusal, and hammers a server whose key is wrong. */
void port_route_fail(struct zmq_port *port, struct route *route, enum route_fault fault)
{
    bool was_up = route->is_up;
    bool was_probing = route->is_probing;
    bool is_news = !route->has_fault || route->fault != fault;
    struct clock clock;

    route->is_up = false;
    route->is_probing = false;
    if (was_probing || route_fault_is_refusal(fault)) {
        unsigned doublings = route->failures < 4 ? route->failures : 4;
        uint64_t wait_ns = redial_first_ns << doublings;

        route->failures++;
        route_close(port, route, 0);
        clock_init(&clock);
        route->retry_ns = clock_deadline(clock_mono_ns(&clock), wait_ns < redial_most_ns ? wait_ns : redial_most_ns);
    }
    route->has_fault = true;
    route->fault = fault;
    if (is_news || was_up)
        port->hooks.down(route, fault, port->hooks.userdata);
}

static void reopen(struct zmq_port *port, struct route *route, bool is_probing, uint64_t now_ns)
{
    char reason[256];
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    route_close(port, route, 0);
    route->is_probing = is_probing;
    if (route_open(port, route, &error) == MAIKO_OK)
        return;
    route_close(port, route, 0);
    route->is_probing = false;
    route->retry_ns = clock_deadline(now_ns, redial_most_ns);
    port_warn(port, "%s", reason);
}

void port_route_redial(struct zmq_port *port, struct route *route, uint64_t now_ns)
{
    reopen(port, route, false, now_ns);
}

/* One attempt; libzmq is not left to repeat it. */
void port_route_probe(struct zmq_port *port, struct route *route)
{
    struct clock clock;
    uint64_t now_ns;

    clock_init(&clock);
    now_ns = clock_mono_ns(&clock);
    reopen(port, route, true, now_ns);
    if (!route->is_probing)
        return;
    route->is_connecting = false;
    route->retry_ns = clock_deadline(now_ns, probe_ns);
}

uint64_t port_next_retry(const struct zmq_port *port)
{
    uint64_t next = port->rebind_ns;
    struct list *link;

    LIST_FOR_EACH (link, &port->outgoing) {
        const struct route *route = CONTAINER_OF(link, struct route, link);

        if (!route->is_connecting && route->retry_ns < next)
            next = route->retry_ns;
    }
    return next;
}

void port_retry(struct zmq_port *port, uint64_t now_ns)
{
    struct list *after;
    struct list *link;

    LIST_FOR_EACH_SAFE (link, after, &port->outgoing) {
        struct route *route = CONTAINER_OF(link, struct route, link);

        if (route->is_connecting || route->retry_ns > now_ns)
            continue;
        if (route->is_probing)
            port_route_fail(port, route, ROUTE_NO_ANSWER);
        else
            port_route_redial(port, route, now_ns);
    }
}

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

static bool read_frame(struct zmq_port *port, struct route *route)
{
    zmq_msg_t parts[PORT_PARTS_MAX];
    int count;

    if (route->socket == NULL || route->is_probing || !port_read_message(route->socket, parts, &count))
        return false;
    if (count == 1)
        port->hooks.frame(route, zmq_msg_data(&parts[0]), zmq_msg_size(&parts[0]), port->hooks.userdata);
    port_close_parts(parts, count);
    return true;
}

bool port_route_read(struct zmq_port *port, struct route *route)
{
    int rounds = 0;

    while (rounds < PORT_FRAMES_PER_TURN && read_frame(port, route))
        rounds++;
    return rounds < PORT_FRAMES_PER_TURN;
}

void port_route_drain(struct zmq_port *port, struct route *route)
{
    port_touched(port, route);
    while (read_frame(port, route)) {
    }
}

/* ---- either ---- */

static maiko_status status_of_send(int result)
{
    if (result >= 0)
        return MAIKO_OK;
    return zmq_errno() == EAGAIN ? MAIKO_EFULL : zmq_errno() == ENOMEM ? MAIKO_ENOMEM : MAIKO_ECLOSED;
}

/* What stands before a frame on the ROUTER. */
static maiko_status send_address(struct zmq_port *port, const struct route *route)
{
    maiko_status status = status_of_send(zmq_send(port->router, route->id, route->id_len, ZMQ_DONTWAIT | ZMQ_SNDMORE));

    if (status == MAIKO_OK && route->has_delimiter)
        status = status_of_send(zmq_send(port->router, "", 0, ZMQ_DONTWAIT | ZMQ_SNDMORE));
    return status;
}

maiko_status zmq_port_send(struct zmq_port *port, struct route *route, const void *bytes, size_t len)
{
    maiko_status status;

    if (!route->is_incoming && !route->is_up)
        return MAIKO_ECLOSED;
    port_touched(port, route);
    status = route->is_incoming ? send_address(port, route) : MAIKO_OK;
    if (status != MAIKO_OK)
        return status;
    return status_of_send(zmq_send(route->is_incoming ? port->router : route->socket, bytes, len, ZMQ_DONTWAIT));
}

/* Called by a thread of libzmq. */
static void free_given(void *bytes, void *size)
{
    heap_free(heap_default(), bytes, (size_t)(uintptr_t)size);
}

maiko_status zmq_port_give(struct zmq_port *port, struct route *route, void *bytes, size_t len, size_t size)
{
    maiko_status status = MAIKO_ENOMEM;
    zmq_msg_t message;

    if (zmq_msg_init_data(&message, bytes, len, free_given, (void *)(uintptr_t)size) != 0) {
        heap_free(heap_default(), bytes, size);
        return status;
    }
    port_touched(port, route);
    if (!route->is_incoming && !route->is_up)
        status = MAIKO_ECLOSED;
    else
        status = route->is_incoming ? send_address(port, route) : MAIKO_OK;
    if (status == MAIKO_OK)
        status = status_of_send(zmq_msg_send(&message, route->is_incoming ? port->router : route->socket, ZMQ_DONTWAIT));
    if (status != MAIKO_OK)
        zmq_msg_close(&message);
    return status;
}

void zmq_port_disconnect(struct zmq_port *port, struct route *route, unsigned linger_ms)
{
    if (route->is_incoming) {
        port_incoming_forget(port, route);
        return;
    }
    route_close(port, route, linger_ms);
    port->outgoing_count--;
    port->items_are_stale = true;
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
