/* Connections made to us: all come by the ROUTER and are told apart by the id it gives them. */
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "link/zmq_internal.h"

static void id_to_text(const unsigned char *id, size_t len, char ret_text[ROUTE_ID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    size_t i;

    for (i = 0; i < len; i++) {
        ret_text[2 * i] = digits[id[i] >> 4];
        ret_text[2 * i + 1] = digits[id[i] & 15];
    }
    ret_text[2 * len] = '\0';
}

void port_incoming_forget(struct zmq_port *port, struct route *route)
{
    if (port->hooks.forgotten != NULL)
        port->hooks.forgotten(route, port->hooks.userdata);
    hash_table_remove(&port->incoming_by_id, route->id_text);
    port_route_end(port, route);
}

/* The one that was silent longest of those nobody owns. */
static void make_room(struct zmq_port *port)
{
    struct list *link;

    if (port->incoming_by_id.count < PORT_INCOMING_MAX)
        return;
    LIST_FOR_EACH (link, &port->incoming) {
        struct route *route = CONTAINER_OF(link, struct route, link);

        if (route->owner == NULL) {
            port_incoming_forget(port, route);
            return;
        }
    }
}

/* What nobody owns is for one answer, which nobody waits for any more. */
void port_incoming_left(struct zmq_port *port, uint64_t cookie)
{
    struct list *after;
    struct list *link;

    LIST_FOR_EACH_SAFE (link, after, &port->incoming) {
        struct route *route = CONTAINER_OF(link, struct route, link);

        if (cookie != 0 && route->cookie == cookie && route->owner == NULL)
            port_incoming_forget(port, route);
    }
}

static void copy_property(zmq_msg_t *message, const char *property, char *text, size_t size)
{
    const char *value = zmq_msg_gets(message, property);

    snprintf(text, size, "%s", value == NULL ? "" : port_plain_address(value));
}

static struct route *incoming_new(struct zmq_port *port, zmq_msg_t *id, zmq_msg_t *frame, const char *id_text)
{
    struct route *route;

    make_room(port);
    if (port->incoming_by_id.count >= PORT_INCOMING_MAX)
        return NULL;
    route = heap_alloc_zeroed(port->heap, 1, sizeof(*route));
    if (route == NULL)
        return NULL;
    route->is_incoming = true;
    route->id_len = zmq_msg_size(id);
    memcpy(route->id, zmq_msg_data(id), route->id_len);
    memcpy(route->id_text, id_text, strlen(id_text) + 1);
    copy_property(frame, "User-Id", route->key, sizeof(route->key));
    copy_property(frame, "Peer-Address", route->address, sizeof(route->address));
    route->cookie = port_cookie_of(zmq_msg_get(frame, ZMQ_SRCFD));
    route->is_local = strncmp(route->address, PORT_LOCAL_ADDRESS, strlen(PORT_LOCAL_ADDRESS)) == 0;
    list_init(&route->link);
    if (hash_table_insert(&port->incoming_by_id, route) != MAIKO_OK) {
        heap_free(port->heap, route, sizeof(*route));
        return NULL;
    }
    list_push_back(&port->incoming, &route->link);
    return route;
}

static struct route *incoming_of(struct zmq_port *port, zmq_msg_t *id, zmq_msg_t *frame)
{
    char id_text[ROUTE_ID_TEXT_SIZE];
    struct route *route;

    if (zmq_msg_size(id) == 0 || zmq_msg_size(id) > ROUTE_ID_MAX)
        return NULL;
    id_to_text(zmq_msg_data(id), zmq_msg_size(id), id_text);
    route = hash_table_find(&port->incoming_by_id, id_text);
    if (route == NULL)
        return incoming_new(port, id, frame, id_text);
    list_remove(&route->link);
    list_push_back(&port->incoming, &route->link);
    return route;
}

/* Whoever makes links says its hello again; an event from outside is not answered. */
static void not_heard(struct zmq_port *port, zmq_msg_t *frame)
{
    char address[PORT_ADDRESS_MAX];

    copy_property(frame, "Peer-Address", address, sizeof(address));
    port_refuse(port, address, "limit", "a frame from %s: no memory for whom it is from, or %d others are linked", address,
                PORT_INCOMING_MAX);
}

static void incoming_message(struct zmq_port *port, zmq_msg_t *parts, int count)
{
    bool has_delimiter = count == 3 && zmq_msg_size(&parts[1]) == 0;
    struct route *route;

    if (count != 2 && !has_delimiter)
        return;
    route = incoming_of(port, &parts[0], &parts[count - 1]);
    if (route == NULL) {
        not_heard(port, &parts[count - 1]);
        return;
    }
    route->has_delimiter = has_delimiter;
    pace_read(&port->pace, zmq_msg_size(&parts[count - 1]));
    port->hooks.frame(route, zmq_msg_data(&parts[count - 1]), zmq_msg_size(&parts[count - 1]), port->hooks.userdata);
}

/* ---- reading ---- */

/* A guest brings frames to those who are somebody; whoever comes, and whoever wants to publish without being a node, is received
 * by the port's thread. */
struct port_left {
    int count; /* parts; 0: nothing is left */
    zmq_msg_t parts[PORT_PARTS_MAX];
};

maiko_status port_incoming_open(struct zmq_port *port)
{
    port->left = heap_alloc_zeroed(port->heap, 1, sizeof(*port->left));
    return port->left != NULL ? MAIKO_OK : MAIKO_ENOMEM;
}

void port_incoming_close(struct zmq_port *port)
{
    if (port->left == NULL)
        return;
    port_close_parts(port->left->parts, port->left->count);
    heap_free(port->heap, port->left, sizeof(*port->left));
    port->left = NULL;
}

bool port_incoming_is_left(const struct zmq_port *port)
{
    return port->left->count > 0;
}

static bool is_for_guest(const struct zmq_port *port, zmq_msg_t *id)
{
    char id_text[ROUTE_ID_TEXT_SIZE];
    const struct route *route;

    if (zmq_msg_size(id) == 0 || zmq_msg_size(id) > ROUTE_ID_MAX)
        return false;
    id_to_text(zmq_msg_data(id), zmq_msg_size(id), id_text);
    route = hash_table_find(&port->incoming_by_id, id_text);
    return route != NULL && route->owner != NULL;
}

static void leave(struct port_left *left, zmq_msg_t *parts, int count)
{
    int i;

    for (i = 0; i < count && i < PORT_PARTS_MAX; i++) {
        zmq_msg_init(&left->parts[i]);
        zmq_msg_move(&left->parts[i], &parts[i]);
    }
    left->count = count;
}

static void take_left(struct zmq_port *port)
{
    struct port_left *left = port->left;
    int count = left->count;

    left->count = 0;
    if (count > 0)
        incoming_message(port, left->parts, count);
    port_close_parts(left->parts, count);
}

bool port_router_read(struct zmq_port *port, int most)
{
    zmq_msg_t parts[PORT_PARTS_MAX];
    int rounds;
    int count;

    if (!port->is_visited)
        take_left(port);
    for (rounds = 0; rounds < most && !port_incoming_is_left(port); rounds++) {
        if (!port_read_message(port->router, parts, &count))
            return true;
        if (port->is_visited && !is_for_guest(port, &parts[0]))
            leave(port->left, parts, count);
        else
            incoming_message(port, parts, count);
        port_close_parts(parts, count);
    }
    return false;
}
