/* Port: opening, binding, sleeping and closing; see zmq_port.h. */
#include "link/zmq_port.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <zmq.h>

#include "base/clock.h"
#include "link/zmq_internal.h"
#include "space/control.h"

static const char *id_text_of(const void *route)
{
    return ((const struct route *)route)->id_text;
}

static const char *spelling_of(const void *route)
{
    return ((const struct route *)route)->dialled;
}

static maiko_status open_router(struct zmq_port *port, struct text *error)
{
    maiko_status status = port_incoming_open(port);

    if (status == MAIKO_OK)
        status = port_socket_new(port, ZMQ_ROUTER, &port->router, error);
    if (status != MAIKO_OK)
        return status;
    port_socket_set_int(port->router, ZMQ_ROUTER_MANDATORY, 1); /* a peer that is gone is an error, not a silence */
    return port_monitor_open(port, port->router, &port->router_ear.monitor, error);
}

maiko_status zmq_port_open(const struct zmq_port_config *config, struct zmq_port **ret_port, struct text *error)
{
    struct zmq_port *port = heap_alloc_zeroed(config->heap, 1, sizeof(*port));
    maiko_status status = MAIKO_ESYSTEM;

    if (port == NULL)
        return MAIKO_ENOMEM;
    port->heap = config->heap;
    port->hooks = config->hooks;
    port->shared_fd = -1;
    port->spare_fd = -1;
    port_spare_open(port);
    port->items_are_stale = true;
    memcpy(port->public_key, config->public_key, sizeof(port->public_key));
    memcpy(port->secret_key, config->secret_key, sizeof(port->secret_key));
    list_init(&port->outgoing);
    list_init(&port->incoming);
    list_init(&port->ended);
    list_init(&port->listened);
    hash_table_init(&port->incoming_by_id, port->heap, id_text_of);
    hash_table_init(&port->dialled, port->heap, spelling_of);
    port->rebind_ns = UINT64_MAX;
    port_room_in_malloc();
    port->context = zmq_ctx_new();
    if (port->context != NULL)
        status = port_check_threads(error);
    if (status == MAIKO_OK)
        status = port_zap_open(port, error);
    if (status == MAIKO_OK)
        status = open_router(port, error);
    if (status != MAIKO_OK) {
        zmq_port_close(port, 0);
        return status;
    }
    *ret_port = port;
    return MAIKO_OK;
}

struct zmq_port *zmq_port_close(struct zmq_port *port, unsigned linger_ms)
{
    if (port == NULL)
        return NULL;
    port->is_closing = true;
    port_routes_close(port);
    port_publisher_forget(port);
    port_incoming_close(port);
    if (port->dialer != NULL) {
        port_unshare(port, port->dialer);
        port_monitor_close(port->dialer, port->dialer_monitor);
        zmq_close(port->dialer);
    }
    if (port->router != NULL)
        port_unshare(port, port->router);
    if (port->context != NULL)
        port_close_doors(port, linger_ms);
    hash_table_deinit(&port->incoming_by_id);
    hash_table_deinit(&port->dialled);
    heap_free(port->heap, port->slots, port->slot_count * sizeof(*port->slots));
    port_shared_close(port);
    port_spare_close(port);
    port_callers_free(port, &port->router_ear);
    port_callers_free(port, &port->publisher_ear);
    explicit_bzero(port->secret_key, sizeof(port->secret_key));
    heap_free(port->heap, port, sizeof(*port));
    return NULL;
}

/* ---- binding ---- */

static void *door_socket(const struct zmq_port *port, enum port_door door)
{
    return door == PORT_LINKS ? port->router : port->publisher;
}

/* libzmq removes whatever is at the path before it binds. */
static maiko_status check_path_is_free(const char *endpoint, struct text *error)
{
    const char *path = endpoint + strlen("ipc://");

    switch (socket_path_life(path, SOCK_STREAM)) {
    case SOCKET_LIVE:
        text_append_format(error, "somebody listens at %s", endpoint);
        return MAIKO_EEXIST;
    case SOCKET_OTHER_FILE:
        text_append_format(error, "%s is there and is not a socket", path);
        return MAIKO_EEXIST;
    default:
        return MAIKO_OK;
    }
}

static maiko_status bind_socket(struct zmq_port *port, struct port_bind *bind, const char *endpoint, struct text *error)
{
    void *socket = door_socket(port, bind->door);
    size_t size = sizeof(bind->endpoint);

    port_socket_set_server_keys(port, socket, bind->is_encrypted);
    port->items_are_stale = true; /* it was touched */
    if (zmq_bind(socket, endpoint) != 0) {
        text_append_format(error, "listening at %s: %s", endpoint, zmq_strerror(zmq_errno()));
        return port_status_of_errno(zmq_errno());
    }
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bind->endpoint, &size) != 0)
        return MAIKO_ESYSTEM;
    return MAIKO_OK;
}

maiko_status zmq_port_bind(struct zmq_port *port, enum port_door door, const char *endpoint, char ret_endpoint[PORT_ENDPOINT_MAX],
                           struct text *error)
{
    bool is_ipc = strncmp(endpoint, "ipc://", 6) == 0;
    struct port_bind *bind = &port->binds[port->bind_count];
    maiko_status status = MAIKO_OK;

    if (port->bind_count == PORT_BINDS_MAX) {
        text_append_format(error, "listening at more than %d endpoints", PORT_BINDS_MAX);
        return MAIKO_ELIMIT;
    }
    if (is_ipc)
        status = check_path_is_free(endpoint, error);
    if (status == MAIKO_OK && door == PORT_LISTENERS)
        status = port_publisher_open(port, error);
    if (status != MAIKO_OK)
        return status;
    bind->door = door;
    bind->listener_fd = -1;
    bind->is_encrypted = !is_ipc && port->public_key[0] != '\0';
    status = bind_socket(port, bind, endpoint, error);
    if (status != MAIKO_OK)
        return status;
    if (is_ipc)
        (void)fchmodat(AT_FDCWD, endpoint + strlen("ipc://"), 0600,
                       AT_SYMLINK_NOFOLLOW);                      /* libzmq makes them 0755; the directory is the guard */
    memcpy(ret_endpoint, bind->endpoint, sizeof(bind->endpoint)); /* libzmq's own words are what unbinds it */
    port_plain_endpoint(ret_endpoint);
    port->bind_count++;
    return MAIKO_OK;
}

static const uint64_t rebind_retry_ns = MAIKO_MS(5);

/* Binds what was unbound for new keys, as soon as libzmq has let go of it. */
void port_rebind_pending(struct zmq_port *port, uint64_t now_ns)
{
    unsigned i;

    port->rebind_ns = UINT64_MAX;
    for (i = 0; i < port->bind_count; i++) {
        struct port_bind *bind = &port->binds[i];
        char endpoint[PORT_ENDPOINT_MAX];
        char reason[256];
        struct text error;
        maiko_status status;

        if (!bind->is_pending)
            continue;
        memcpy(endpoint, bind->endpoint, sizeof(endpoint));
        text_init_buffer(&error, reason, sizeof(reason));
        status = bind_socket(port, bind, endpoint, &error);
        /* EAGAIN: libzmq lost the reason while it cleaned up */
        bind->is_pending = status == MAIKO_EEXIST || (status != MAIKO_OK && zmq_errno() == EAGAIN);
        if (bind->is_pending)
            port->rebind_ns = clock_deadline(now_ns, rebind_retry_ns);
        else if (status != MAIKO_OK)
            port_warn(port, "with the new keys: %s", reason);
    }
}

static bool has_encrypted(const struct zmq_port *port, enum port_door door)
{
    unsigned i;

    for (i = 0; i < port->bind_count; i++)
        if (port->binds[i].door == door && port->binds[i].is_encrypted && !port->binds[i].is_pending)
            return true;
    return false;
}

/* Their ends come before the unbind: see zmq_ends.c. */
void port_bind_anew(struct zmq_port *port, enum port_door door)
{
    struct clock clock;
    unsigned i;

    if (has_encrypted(port, door))
        port_end_door(port, door);
    for (i = 0; i < port->bind_count; i++) {
        struct port_bind *bind = &port->binds[i];

        if (bind->door != door || !bind->is_encrypted || bind->is_pending)
            continue;
        (void)zmq_unbind(door_socket(port, door), bind->endpoint);
        port->items_are_stale = true;
        bind->is_pending = true;
        bind->listener_fd = -1;
    }
    clock_init(&clock);
    port_rebind_pending(port, clock_mono_ns(&clock));
}

void zmq_port_set_keys(struct zmq_port *port, const char *public_key, const char *secret_key)
{
    struct list *link;

    memcpy(port->public_key, public_key, KEY_TEXT_SIZE);
    memcpy(port->secret_key, secret_key, KEY_TEXT_SIZE);
    port_bind_anew(port, PORT_LINKS);
    port_bind_anew(port, PORT_LISTENERS);
    LIST_FOR_EACH (link, &port->outgoing) {
        struct route *route = CONTAINER_OF(link, struct route, link);

        if (route->key[0] == '\0' || route->is_up)
            continue;
        port_route_hang_up(port, route, 0);
        route->is_probing = false;
        route->due_ns = 0;
    }
}
