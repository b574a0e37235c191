/* Connections we make: all by one ROUTER, whose number of sockets so does not depend on theirs.  Four things follow.
 *
 * - Each has a routing id that is never used again: libzmq aborts the process when an id is given to a connection while the one
 *   before has not quite ended.  So libzmq is not left to connect again; we do, with a new id, when it is due.
 * - The monitor names a connection by its endpoint, and zmq_disconnect() takes all of that endpoint.  So no two have the same:
 *   each is spelt another way, with zeros before the port or slashes before the name, and a spelling lately used comes last.
 * - What came before a connection ended counts, and comes by the same socket as everything else.  So the end is told when the
 *   socket had nothing more, or had so much from others that, as it serves all in turns, nothing can be left of this one.
 *   libzmq keeps what came until zmq_disconnect(), as long as it believes that it will connect again.
 * - zmq_disconnect() of a connection that libzmq ended by itself must come before the next zmq_connect(): libzmq remembers an
 *   address in memory that may be the next one's.  So a connection is made only behind the last word of the monitor. */
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <zmq.h>

#include "base/clock.h"
#include "link/zmq_internal.h"

enum {
    SPELLINGS = 32, /* at most as many connections to one endpoint */
    SLOTS_FIRST = 8,
    TURNS_TO_BE_SURE = 4, /* rounds of the socket's among all connections */
};

static const uint64_t redial_first_ns = MAIKO_MS(5); /* doubles up to: */
static const uint64_t redial_most_ns = MAIKO_SECONDS(1);
static const uint64_t refused_first_ns = MAIKO_MS(100); /* likewise */
static const uint64_t probe_ns = MAIKO_SECONDS(5);      /* longer than libzmq's time for a handshake */
static const uint64_t call_ns = MAIKO_SECONDS(60);      /* longer than libzmq's, names looked up included: a last resort */

static uint64_t now(void)
{
    struct clock clock;

    clock_init(&clock);
    return clock_mono_ns(&clock);
}

maiko_status port_dialer_open(struct zmq_port *port, struct text *error)
{
    unsigned promised = 0;
    maiko_status status;
    struct list *link;

    LIST_FOR_EACH (link, &port->outgoing)
        promised += CONTAINER_OF(link, struct route, link)->state < DIAL_SHAKING;
    status = port_check_descriptors(promised, error);
    if (status != MAIKO_OK || port->dialer != NULL)
        return status;
    status = port_socket_new(port, ZMQ_ROUTER, &port->dialer, error);
    if (status != MAIKO_OK)
        return status;
    port_socket_set_int(port->dialer, ZMQ_ROUTER_MANDATORY, 1);
    status = port_monitor_open(port, port->dialer, &port->dialer_monitor, error);
    if (status == MAIKO_OK)
        return status;
    zmq_close(port->dialer);
    port->dialer = NULL;
    return status;
}

/* ---- ids ---- */

struct dial_id {
    uint64_t serial;
    uint32_t slot;
};

enum { DIAL_ID_LEN = sizeof(uint64_t) + sizeof(uint32_t) };

static void make_id(struct zmq_port *port, struct route *route)
{
    struct dial_id id = {.serial = port->next_serial++, .slot = route->slot};

    memcpy(route->id, &id, DIAL_ID_LEN);
    route->id_len = DIAL_ID_LEN;
}

static struct route *route_of_id(const struct zmq_port *port, zmq_msg_t *part)
{
    struct route *route;
    struct dial_id id;

    if (zmq_msg_size(part) != DIAL_ID_LEN)
        return NULL;
    memcpy(&id, zmq_msg_data(part), DIAL_ID_LEN);
    route = id.slot < port->slot_count ? port->slots[id.slot] : NULL;
    return route != NULL && route->state != DIAL_IDLE && memcmp(route->id, zmq_msg_data(part), DIAL_ID_LEN) == 0 ? route : NULL;
}

maiko_status port_slot_take(struct zmq_port *port, struct route *route)
{
    size_t count = port->slot_count > 0 ? 2 * port->slot_count : SLOTS_FIRST;
    struct route **slots;
    size_t i = 0;

    while (i < port->slot_count && port->slots[i] != NULL)
        i++;
    if (i == port->slot_count) {
        slots = heap_resize(port->heap, port->slots, port->slot_count * sizeof(*slots), count * sizeof(*slots));
        if (slots == NULL)
            return MAIKO_ENOMEM;
        memset(slots + port->slot_count, 0, (count - port->slot_count) * sizeof(*slots));
        port->slots = slots;
        port->slot_count = count;
    }
    port->slots[i] = route;
    route->slot = (uint32_t)i;
    return MAIKO_OK;
}

/* ---- spellings ---- */

/* The same endpoint in other letters: "tcp://host:00080" or "ipc:///run///name".  Never as a resolved one is spelt.  False: too
 * long. */
static bool spell(const char *endpoint, unsigned count, char ret_spelt[PORT_ENDPOINT_MAX])
{
    bool is_ipc = strncmp(endpoint, "ipc://", 6) == 0;
    const char *last = strrchr(endpoint, is_ipc ? '/' : ':');
    size_t room = is_ipc ? strlen("ipc://") + sizeof(((struct sockaddr_un *)NULL)->sun_path) : PORT_ENDPOINT_MAX;
    size_t len = strlen(endpoint);
    size_t head = last == NULL ? len : (size_t)(last - endpoint) + 1;

    if (len + count >= room || (is_ipc && endpoint[strlen("ipc://")] != '/' && count > 0))
        return false;
    memcpy(ret_spelt, endpoint, head);
    memset(ret_spelt + head, is_ipc ? '/' : '0', count);
    memcpy(ret_spelt + head + count, endpoint + head, len - head + 1);
    return true;
}

/* A long name of a local socket has few spellings, at worst the one it was given. */
static bool find_spelling(struct zmq_port *port, struct route *route)
{
    unsigned i;

    for (i = 0; i < SPELLINGS; i++)
        if (spell(route->address, 1 + port->next_spelling++ % SPELLINGS, route->dialled) &&
            hash_table_find(&port->dialled, route->dialled) == NULL)
            return true;
    return route->is_local && spell(route->address, 0, route->dialled) && hash_table_find(&port->dialled, route->dialled) == NULL;
}

/* ---- making and ending a connection ---- */

static maiko_status connect_route(struct zmq_port *port, struct route *route, struct text *error)
{
    maiko_status status = port_check_descriptors(0, error);

    if (status != MAIKO_OK)
        return status;
    if (!find_spelling(port, route)) {
        text_append_format(error, "connected to %s as often as can be", route->address);
        return MAIKO_ELIMIT;
    }
    status = hash_table_insert(&port->dialled, route);
    if (status != MAIKO_OK)
        return status;
    make_id(port, route);
    port_touched(port, PORT_DIALER);
    port_socket_set_client_keys(port, port->dialer, route->is_probing ? "" : route->key);
    if (zmq_setsockopt(port->dialer, ZMQ_CONNECT_ROUTING_ID, route->id, route->id_len) == 0 &&
        zmq_connect(port->dialer, route->dialled) == 0)
        return MAIKO_OK;
    text_append_format(error, "connecting to %s: %s", route->address, zmq_strerror(zmq_errno()));
    hash_table_remove(&port->dialled, route->dialled);
    return port_status_of_errno(zmq_errno());
}

/* Tried again when there may be more of what is missing; told once, as by port_route_fail(). */
static void not_dialled(struct zmq_port *port, struct route *route, enum route_fault fault, const char *reason, uint64_t now_ns)
{
    bool is_news = !route->has_fault || route->fault != fault;

    route->is_probing = false;
    route->due_ns = clock_deadline(now_ns, redial_most_ns);
    route->has_fault = true;
    route->fault = fault;
    if (!is_news)
        return;
    port_warn(port, "%s", reason);
    port->hooks.down(route, fault, port->hooks.userdata);
}

static void dial(struct zmq_port *port, struct route *route, uint64_t now_ns)
{
    maiko_status status;
    char reason[512];
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    status = connect_route(port, route, &error);
    if (status != MAIKO_OK) {
        not_dialled(port, route, status == MAIKO_ELIMIT || status == MAIKO_ENOMEM ? ROUTE_NO_RESOURCES : ROUTE_NO_ANSWER,
                    reason[0] != '\0' ? reason : maiko_strerror(status), now_ns);
        return;
    }
    if (route->fault == ROUTE_NO_RESOURCES)
        route->has_fault = false; /* what comes now is news again */
    route->state = DIAL_CALLING;
    route->fd = -1;
    route->failed_as = 0;
    route->due_ns = clock_deadline(now_ns, route->is_probing ? probe_ns : call_ns);
}

/* Nothing of it is read any more, and what was sent has `linger_ms` to leave. */
void port_route_hang_up(struct zmq_port *port, struct route *route, unsigned linger_ms)
{
    if (route->state == DIAL_IDLE)
        return;
    port_touched(port, PORT_DIALER);
    port_socket_set_int(port->dialer, ZMQ_LINGER, (int)linger_ms);
    (void)zmq_disconnect(port->dialer, route->dialled);
    hash_table_remove(&port->dialled, route->dialled);
    port->ending_count -= route->state == DIAL_ENDING;
    route->state = DIAL_IDLE;
    route->is_up = false;
}

void port_route_redial(struct zmq_port *port, struct route *route)
{
    uint64_t wait_ns = route->redial_wait_ns < redial_first_ns ? redial_first_ns : route->redial_wait_ns;

    port_route_hang_up(port, route, 0);
    route->is_probing = false;
    route->redial_wait_ns = 2 * wait_ns < redial_most_ns ? 2 * wait_ns : redial_most_ns;
    route->due_ns = clock_deadline(now(), wait_ns);
}

static void redial_after_refusal(struct zmq_port *port, struct route *route)
{
    uint64_t wait_ns = refused_first_ns << (route->failures < 4 ? route->failures : 4);

    port_route_hang_up(port, route, 0);
    route->is_probing = false;
    route->failures++;
    route->due_ns = clock_deadline(now(), wait_ns < redial_most_ns ? wait_ns : redial_most_ns);
}

/* One attempt, at the next turn. */
void port_route_probe(struct zmq_port *port, struct route *route)
{
    port_route_hang_up(port, route, 0);
    route->is_probing = true;
    route->due_ns = 0;
}

void zmq_port_expect(struct zmq_port *port, struct route *route, const char *server_key)
{
    memcpy(route->key, server_key, strlen(server_key) + 1);
    if (route->state == DIAL_UP || route->state == DIAL_ENDING)
        return;
    port_route_hang_up(port, route, 0);
    route->is_probing = false;
    route->has_fault = false; /* what comes now is news again */
    route->failures = 0;
    route->redial_wait_ns = 0;
    route->due_ns = 0;
}

/* Tells the owner, once per reason, and sees to it that it is dialled again: after a refusal not so soon. */
void port_route_fail(struct zmq_port *port, struct route *route, enum route_fault fault)
{
    bool is_news = !route->has_fault || route->fault != fault || route->is_up;

    if (route->is_probing || route_fault_is_refusal(fault))
        redial_after_refusal(port, route);
    else
        port_route_redial(port, route);
    route->has_fault = true;
    route->fault = fault;
    if (is_news)
        port->hooks.down(route, fault, port->hooks.userdata);
}

/* Of a connection that never came about. */
void port_route_not_connected(struct zmq_port *port, struct route *route)
{
    route->failures = 0;
    if (route->is_probing || !route->has_fault)
        port_route_fail(port, route, ROUTE_NO_ANSWER);
    else
        port_route_redial(port, route);
}

/* ---- when ---- */

uint64_t port_next_retry(const struct zmq_port *port)
{
    uint64_t next = port->ending_count > 0 ? 0 : port->rebind_ns;
    struct list *link;

    LIST_FOR_EACH (link, &port->outgoing) {
        const struct route *route = CONTAINER_OF(link, struct route, link);

        if (route->due_ns < next)
            next = route->due_ns;
    }
    return next;
}

static struct route *find_due(const struct zmq_port *port, uint64_t now_ns)
{
    struct list *link;

    LIST_FOR_EACH (link, &port->outgoing) {
        struct route *route = CONTAINER_OF(link, struct route, link);

        if (route->due_ns <= now_ns)
            return route;
    }
    return NULL;
}

void port_retry(struct zmq_port *port, uint64_t now_ns)
{
    struct route *route;

    while (port->ending_count == 0 && find_due(port, now_ns) != NULL && port_monitor_read_dialer(port)) {
        route = find_due(port, now_ns); /* the monitor may have changed that */
        if (route != NULL && route->state != DIAL_IDLE)
            port_route_not_connected(port, route);
        else if (route != NULL && port->ending_count == 0)
            dial(port, route, now_ns);
    }
}

/* ---- reading ---- */

void port_route_ended(struct zmq_port *port, struct route *route)
{
    int events;
    size_t size = sizeof(events);

    (void)zmq_getsockopt(port->dialer, ZMQ_EVENTS, &events, &size); /* from here on what came is counted among the waiting */
    port_touched(port, PORT_DIALER);
    route->state = DIAL_ENDING;
    route->heard_at = port->reads;
    port->ending_count++;
}

static struct route *find_read_out(const struct zmq_port *port, bool is_empty)
{
    uint64_t sure = TURNS_TO_BE_SURE * ((uint64_t)port->outgoing_count + 1);
    struct list *link;

    LIST_FOR_EACH (link, &port->outgoing) {
        struct route *route = CONTAINER_OF(link, struct route, link);

        if (route->state == DIAL_ENDING && (is_empty || port->reads - route->heard_at > sure))
            return route;
    }
    return NULL;
}

static void take_message(struct zmq_port *port, zmq_msg_t *parts, int count)
{
    struct route *route = route_of_id(port, &parts[0]);

    port->reads++;
    if (route == NULL)
        return;
    route->heard_at = port->reads;
    if (count != 2 || route->is_probing)
        return;
    pace_read(&port->pace, zmq_msg_size(&parts[1]));
    port->hooks.frame(route, zmq_msg_data(&parts[1]), zmq_msg_size(&parts[1]), port->hooks.userdata);
}

bool port_dialer_read(struct zmq_port *port, int most)
{
    zmq_msg_t parts[PORT_PARTS_MAX];
    struct route *route;
    bool is_read_out;
    bool has_ended = false;
    int rounds;
    int count;

    for (rounds = 0; rounds < most && port_read_message(port->dialer, parts, &count); rounds++) {
        take_message(port, parts, count);
        port_close_parts(parts, count);
    }
    is_read_out = rounds < most;
    while (port->ending_count > 0 && (route = find_read_out(port, is_read_out)) != NULL) {
        port_route_fail(port, route, ROUTE_LOST);
        has_ended = true; /* that was a call on the socket: what has come since is not told any more */
    }
    return is_read_out && !has_ended;
}
