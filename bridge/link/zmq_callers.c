/* Callers: where the connections made to us come from.  A monitor says of a failed handshake only which of our endpoints it was
 * at. But it has the descriptor's number when a connection is accepted and when it ends, and it ends right behind its failure:
 * libzmq's thread for input and output, of which a port has one, says both.  So the address is looked up when a connection is
 * accepted, and is right when the monitor was seen to be empty since: had the number gone to another connection before, the end
 * would have stood there. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "link/zmq_internal.h"

enum { CALLERS_FIRST = 64, DESCRIPTORS_MOST = 1 << 20 };

struct caller {
    char address[PORT_ADDRESS_MAX]; /* "": unknown */
    uint64_t round;                 /* it was looked up in */
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

void port_caller_came(struct zmq_port *port, struct port_ear *ear, int fd)
{
    if (fd < 0 || fd >= DESCRIPTORS_MOST || !make_room(port, ear, (size_t)fd + 1))
        return;
    ear->callers[fd].round = ear->caller_round;
    look_up(fd, ear->callers[fd].address);
}

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
}
