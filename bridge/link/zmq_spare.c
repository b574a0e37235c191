/* Spare: a descriptor kept back for connections there is none for.
 *
 * Without a free descriptor libzmq leaves who waits at a TCP listener where it is, and as poll() goes on to say that somebody is
 * there, its thread goes round.  Unbinding would end that, but also every connection that was ever made to the listener: its
 * sessions belong to it.  So the spare one is let go of, the connection taken by ourselves, on the listener's descriptor, which
 * the monitor tells, and closed: whoever made it makes another one later.
 *
 * A listener of ipc does not come to that: libzmq aborts the process there (4.3.4, EMFILE is not among the errors it expects of
 * accept() in src/ipc_listener.cpp), before anybody could be told. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "link/zmq_internal.h"
#include "space/shortage.h"

enum { TURNED_AWAY_AT_ONCE = 64 };

void port_spare_open(struct zmq_port *port)
{
    if (port->spare_fd < 0)
        port->spare_fd = open("/", O_PATH | O_CLOEXEC);
}

void port_spare_close(struct zmq_port *port)
{
    if (port->spare_fd >= 0)
        close(port->spare_fd);
    port->spare_fd = -1;
}

static struct port_bind *find_bind(struct zmq_port *port, const char *endpoint)
{
    char plain[PORT_ENDPOINT_MAX];
    unsigned i;

    for (i = 0; i < port->bind_count; i++) {
        memcpy(plain, port->binds[i].endpoint, sizeof(plain));
        port_plain_endpoint(plain);
        if (strcmp(plain, endpoint) == 0)
            return &port->binds[i];
    }
    return NULL;
}

/* libzmq accepts only when there is somebody; with two who do, one of them finds nobody. */
void port_listener_opened(struct zmq_port *port, const char *endpoint, int fd)
{
    struct port_bind *bind = find_bind(port, endpoint);
    int flags = fcntl(fd, F_GETFL);

    if (bind == NULL || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return;
    bind->listener_fd = fd;
}

void port_listener_closed(struct zmq_port *port, const char *endpoint, int fd)
{
    struct port_bind *bind = find_bind(port, endpoint);

    if (bind != NULL && bind->listener_fd == fd)
        bind->listener_fd = -1;
}

static bool is_listening(int fd)
{
    socklen_t size = sizeof(int);
    int is_on = 0;

    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_on, &size) == 0 && is_on != 0;
}

/* Another thread may take the spare one while it is free: then it is had again when there is one. */
static void turn_away(struct zmq_port *port, int listener_fd)
{
    int most;

    for (most = TURNED_AWAY_AT_ONCE; most > 0 && port->spare_fd >= 0; most--) {
        int fd;

        port_spare_close(port);
        fd = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
        port_spare_open(port);
        if (fd < 0)
            return;
    }
}

static void tell(struct zmq_port *port, const char *endpoint, int reason)
{
    char buffer[512];
    struct text text;

    if (port->is_turning_away)
        return;
    port->is_turning_away = true;
    text_init_buffer(&text, buffer, sizeof(buffer));
    text_append_format(&text, "a connection to %s was turned away: %s", endpoint, zmq_strerror(reason));
    if (port->hooks.starved != NULL)
        port->hooks.starved(buffer, port->hooks.userdata);
}

/* The monitor may have said so long ago, and many times: libzmq's thread was quicker than its reader. */
static bool is_over(void)
{
    int fd = open("/", O_PATH | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

void port_not_accepted(struct zmq_port *port, const char *endpoint, int reason)
{
    const struct port_bind *bind = find_bind(port, endpoint);

    if (!errno_is_shortage(reason)) {
        port_warn(port, "a connection to %s was not accepted: %s", endpoint, zmq_strerror(reason));
        return;
    }
    port_spare_open(port);
    if (is_over())
        return; /* libzmq takes whoever is there */
    tell(port, endpoint, reason);
    if (bind != NULL && is_listening(bind->listener_fd))
        turn_away(port, bind->listener_fd);
}

void port_accepted(struct zmq_port *port)
{
    if (!port->is_turning_away)
        return;
    port->is_turning_away = false;
    if (port->hooks.starved != NULL)
        port->hooks.starved(NULL, port->hooks.userdata);
}
