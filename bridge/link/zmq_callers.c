/* Callers: where the connections made to us come from.  A monitor says of a failed handshake only which of our endpoints it was
 * at. But it has the descriptor's number when a connection is accepted and when it ends, and it ends right behind its failure:
 * libzmq's thread for input and output, of which a port has one, says both.  So the address is looked up when a connection is
 * accepted, and is right when the monitor was seen to be empty since: had the number gone to another connection before, the end
 * would have stood there.
 *
 * A connection is cut by the same number, long after, when it may be that of a stranger: of another thread's socket, say, because
 * libzmq's closed ours.  So it is known by its cookie, which the kernel gives to one socket only, and looked at and shut down by
 * a descriptor of our own.  The cookie is taken of what has the name of the endpoint that accepted it: nothing else has. */
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "link/zmq_internal.h"

enum { CALLERS_FIRST = 64, DESCRIPTORS_MOST = 1 << 20 };

struct caller {
    char address[PORT_ADDRESS_MAX]; /* "": unknown */
    uint64_t round;                 /* it was looked up in */
    uint64_t cookie;                /* 0: it has ended, or cannot be cut */
    bool is_local;
    bool is_cut;
};

static bool make_room(struct zmq_port *port, struct port_ear *ear, size_t needed)
{
    size_t count = ear->caller_count > 0 ? ear->caller_count : CALLERS_FIRST;
    struct caller *callers;

    if (needed <= ear->caller_count)
        return true;
    while (count < needed)
        count *= 2;
    callers = heap_resize(port->heap, ear->callers, ear->caller_count * sizeof(*callers), count * sizeof(*callers));
    if (callers == NULL)
        return false;
    memset(callers + ear->caller_count, 0, (count - ear->caller_count) * sizeof(*callers));
    ear->callers = callers;
    ear->caller_count = count;
    return true;
}

/* ::ffff:10.0.0.5 is how an IPv6 socket calls 10.0.0.5; who reads a log does not. */
const char *port_plain_address(const char *address)
{
    static const char mapped[] = "::ffff:";
    const char *plain = address + sizeof(mapped) - 1;

    return strncmp(address, mapped, sizeof(mapped) - 1) == 0 && strchr(plain, '.') != NULL ? plain : address;
}

void port_plain_endpoint(char *endpoint)
{
    char *host = strstr(endpoint, "//[");
    char *end = host == NULL ? NULL : strchr(host, ']');
    const char *plain;
    size_t len;

    if (end == NULL)
        return;
    host += 2;
    *end = '\0';
    plain = port_plain_address(host + 1);
    if (plain == host + 1) {
        *end = ']';
        return;
    }
    len = strlen(plain);
    memmove(host, plain, len);
    memmove(host + len, end + 1, strlen(end + 1) + 1);
}

/* In the words of ZAP: an address in figures, or localhost:UID:GID:PID. */
static void look_up(int fd, char address[PORT_ADDRESS_MAX])
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof(peer);
    struct ucred who;

    address[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0)
        return;
    if (peer.ss_family != AF_UNIX) {
        if (getnameinfo((struct sockaddr *)&peer, size, address, PORT_ADDRESS_MAX, NULL, 0, NI_NUMERICHOST) != 0)
            address[0] = '\0';
        return;
    }
    size = sizeof(who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0)
        snprintf(address, PORT_ADDRESS_MAX, PORT_LOCAL_ADDRESS "%u:%u:%d", (unsigned)who.uid, (unsigned)who.gid, (int)who.pid);
}

/* ---- cutting ---- */

uint64_t port_cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);

    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

static bool is_named(int fd, const char *endpoint, bool *ret_is_local)
{
    char name[PORT_ENDPOINT_MAX];
    char host[PORT_ADDRESS_MAX];
    struct sockaddr_storage own = {0};
    socklen_t size = sizeof(own);
    char service[16];

    if (getsockname(fd, (struct sockaddr *)&own, &size) != 0)
        return false;
    *ret_is_local = own.ss_family == AF_UNIX;
    if (*ret_is_local)
        snprintf(name, sizeof(name), "ipc://%s", ((const struct sockaddr_un *)&own)->sun_path);
    else if (getnameinfo((struct sockaddr *)&own, size, host, sizeof(host), service, sizeof(service),
                         NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(name, sizeof(name), own.ss_family == AF_INET6 ? "tcp://[%s]:%s" : "tcp://%s:%s", host, service);
    else
        return false;
    port_plain_endpoint(name);
    return strcmp(name, endpoint) == 0;
}

void port_caller_came(struct zmq_port *port, struct port_ear *ear, int fd, const char *endpoint)
{
    struct caller *caller;

    if (fd < 0 || fd >= DESCRIPTORS_MOST || !make_room(port, ear, (size_t)fd + 1))
        return;
    caller = &ear->callers[fd];
    port_caller_left(ear, fd); /* untold, with the listener it came by */
    caller->round = ear->caller_round;
    caller->cookie = port_cookie_of(fd);
    if (!is_named(fd, endpoint, &caller->is_local))
        caller->cookie = 0;
    look_up(fd, caller->address);
}

uint64_t port_caller_cookie(const struct port_ear *ear, int fd)
{
    return fd >= 0 && (size_t)fd < ear->caller_count ? ear->callers[fd].cookie : 0;
}

void port_caller_left(struct port_ear *ear, int fd)
{
    if (fd < 0 || (size_t)fd >= ear->caller_count)
        return;
    ear->cut_count -= ear->callers[fd].is_cut;
    ear->callers[fd].is_cut = false;
    ear->callers[fd].cookie = 0;
}

/* What is not a socket of ours any more is not even duplicated, but in the moment between two calls. */
static bool shut_down(int fd, uint64_t cookie)
{
    int own = port_cookie_of(fd) == cookie ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    bool is_ours = own >= 0 && port_cookie_of(own) == cookie;

    if (is_ours)
        (void)shutdown(own, SHUT_RDWR);
    if (own >= 0)
        close(own);
    return is_ours;
}

void port_callers_cut(struct zmq_port *port, struct port_ear *ear, bool with_local)
{
    size_t i;

    port_spare_close(port); /* for the descriptor of our own */
    for (i = 0; i < ear->caller_count; i++) {
        struct caller *caller = &ear->callers[i];

        if (caller->cookie == 0 || (caller->is_local && !with_local))
            continue;
        if (!shut_down((int)i, caller->cookie)) {
            port_caller_left(ear, (int)i);
            continue;
        }
        ear->cut_count += !caller->is_cut;
        caller->is_cut = true;
    }
    port_spare_open(port);
}

/* ---- who it was ---- */

const char *port_caller_of(const struct port_ear *ear, int fd)
{
    const struct caller *caller = fd >= 0 && (size_t)fd < ear->caller_count ? &ear->callers[fd] : NULL;

    if (caller == NULL || caller->address[0] == '\0' || caller->round == ear->caller_round)
        return "an unknown address";
    return port_plain_address(caller->address);
}

void port_callers_free(struct zmq_port *port, struct port_ear *ear)
{
    heap_free(port->heap, ear->callers, ear->caller_count * sizeof(*ear->callers));
    ear->callers = NULL;
    ear->caller_count = 0;
    ear->cut_count = 0;
}
