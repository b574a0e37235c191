/* Port: what a guest does, a thread that works while the port's sleeps.
 *
 * Frames come by two sockets, and guests sleep on their descriptors first, with the port's thread behind them, in an epoll of its
 * own, because a descriptor that one waits on exclusively must be waited on so by all.  So what comes is told to one of them,
 * and that one reads it, or the port's thread is told to look again.
 *
 * A call on a socket may take the sign away for which the port's thread would wake up.  A guest therefore asks every socket it
 * has touched before it lets that thread sleep on. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

#include "link/zmq_internal.h"

static const struct way_in {
    enum port_socket socket;
    bool (*read)(struct zmq_port *port, int most);
} ways_in[] = {{PORT_ROUTER, port_router_read}, {PORT_DIALER, port_dialer_read}};

enum { WAYS_IN = sizeof(ways_in) / sizeof(ways_in[0]) };

/* ---- who is woken ---- */

/* The guest first: exclusive sleepers are woken in the order they came. */
static bool share_fd(struct zmq_port *port, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = fd};

    port->hooks.share(fd, port->hooks.userdata);
    if (epoll_ctl(port->shared_fd, EPOLL_CTL_ADD, fd, &event) == 0 || errno == EEXIST)
        return true;
    port->hooks.unshare(fd, port->hooks.userdata);
    return false;
}

void port_share(struct zmq_port *port)
{
    size_t i;

    if (port->hooks.share == NULL || port->is_kept)
        return;
    if (port->shared_fd < 0)
        port->shared_fd = epoll_create1(EPOLL_CLOEXEC);
    for (i = 0; i < WAYS_IN && port->shared_fd >= 0; i++) {
        struct port_item *item = port_item_of(port, ways_in[i].socket);
        struct pollfd *fd = &port->items.fds[item - port->items.items];

        if (fd->fd < 0 || !share_fd(port, fd->fd))
            continue;
        item->shared_fd = fd->fd;
        fd->fd = -1;
    }
}

static void unshare_fd(struct zmq_port *port, int fd)
{
    port->hooks.unshare(fd, port->hooks.userdata);
    (void)epoll_ctl(port->shared_fd, EPOLL_CTL_DEL, fd, NULL);
}

void port_unshare(struct zmq_port *port, void *socket)
{
    size_t size = sizeof(int);
    int fd;

    if (port->shared_fd >= 0 && zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0)
        unshare_fd(port, fd);
}

static void keep_all(struct zmq_port *port)
{
    size_t i;

    for (i = 0; i < WAYS_IN; i++) {
        struct port_item *item = port_item_of(port, ways_in[i].socket);

        if (item->shared_fd < 0)
            continue;
        unshare_fd(port, item->shared_fd);
        port->items.fds[item - port->items.items].fd = item->shared_fd; /* step: poll_what_is_kept */
        item->shared_fd = -1;
    }
}

/* Descriptors are added behind each other, so the guest comes first again. */
void port_share_or_keep(struct zmq_port *port)
{
    pace_turn(&port->pace);
    if (port->is_kept == port->pace.is_stream)
        return;
    port->is_kept = port->pace.is_stream;
    if (port->is_kept)
        keep_all(port);
    else
        port_share(port);
    port->items.fds[port->items.count - 1].fd = port->shared_fd;
}

void port_shared_close(struct zmq_port *port)
{
    if (port->shared_fd >= 0)
        close(port->shared_fd);
    port->shared_fd = -1;
}

/* ---- the port's thread ---- */

void zmq_port_look_again(struct zmq_port *port)
{
    size_t i;

    if (port->items_are_stale)
        return; /* all are looked at when they are made anew */
    for (i = 0; i < WAYS_IN; i++) {
        struct port_item *item = port_item_of(port, ways_in[i].socket);

        item->is_touched = item->is_touched || item->shared_fd >= 0;
    }
}

void port_shared_look(struct zmq_port *port)
{
    struct epoll_event events[WAYS_IN];
    int count = epoll_wait(port->shared_fd, events, WAYS_IN, 0);

    while (count-- > 0) {
        size_t i;

        for (i = 0; i < WAYS_IN; i++) {
            struct port_item *item = port_item_of(port, ways_in[i].socket);

            if (item->shared_fd == events[count].data.fd && !item->is_ready)
                port_item_ask(item);
        }
    }
}

/* ---- the guest ---- */

static bool has_items(const struct zmq_port *port)
{
    return !port->items_are_stale;
}

/* What the end of a connection brings with it is not for guests. */
static bool can_be_visited(const struct zmq_port *port)
{
    return has_items(port) && port->ending_count == 0 && !port_incoming_is_left(port);
}

bool zmq_port_visit(struct zmq_port *port, int frames)
{
    bool is_stream;
    size_t i;

    port->is_visited = true;
    pace_begin(&port->pace);
    for (i = 0; i < WAYS_IN && has_items(port); i++) {
        struct port_item *item = port_item_of(port, ways_in[i].socket);
        bool is_read_out;

        if (item->shared_fd < 0)
            continue;
        is_read_out = can_be_visited(port) && ways_in[i].read(port, frames);
        if (!port->items_are_stale)
            item->is_touched = !is_read_out;
    }
    port->is_visited = false;
    is_stream = pace_visit(&port->pace);
    return can_be_visited(port) && !is_stream;
}

bool zmq_port_is_streaming(const struct zmq_port *port)
{
    return port->pace.is_stream;
}

bool zmq_port_is_settled(struct zmq_port *port)
{
    bool is_settled = can_be_visited(port);
    size_t i;

    for (i = 0; is_settled && i < port->items.count; i++) {
        struct port_item *item = &port->items.items[i];

        if (!item->is_touched)
            continue;
        port_item_ask(item); /* step: ask_what_was_touched */
        is_settled = !item->is_ready;
        item->is_touched = item->is_ready;
        item->is_ready = false;
    }
    return is_settled;
}
