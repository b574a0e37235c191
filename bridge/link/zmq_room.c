/* Room for what is on its way, where libzmq leaves it to others.
 *
 * A frame of a stream has 256 KiB, and a Unix socket takes 208 KiB before it wants to be read: so the threads for input and
 * output of both processes wait for each other in the middle of each frame.  libzmq sets the buffers of TCP connections only, but
 * it says which descriptors it has.
 *
 * What it receives it puts into memory of malloc(), and glibc's gives back to the kernel what is free at the end of a heap when
 * it is 128 KiB or more, so that a stream asks for the same pages again and again.  The mark is twice the size of the largest
 * block that was mapped by itself and freed, see mallopt(3): so it is shown one. */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "link/zmq_internal.h"

enum {
    SOCKET_BYTES = 1024 * 1024,     /* doubled by the kernel; less where net.core.wmem_max says so */
    MALLOC_BYTES = 2 * 1024 * 1024, /* a window */
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static bool is_named(const struct sockaddr_un *address, socklen_t size, const char *name)
{
    size_t len = strlen(name);

    return size > offsetof(struct sockaddr_un, sun_path) && address->sun_family == AF_UNIX && len > 0 &&
           strnlen(address->sun_path, sizeof(address->sun_path)) < sizeof(address->sun_path) &&
           strcmp(last_part(address->sun_path), name) == 0;
}

/* The connection may have ended meanwhile, and its number may be another one's.  Should that happen behind this look, the other
 * one gets the room. */
static bool is_connection_of(int fd, const char *endpoint)
{
    struct sockaddr_un address = {.sun_family = AF_UNSPEC};
    socklen_t size = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return false;
    if (is_named(&address, size, last_part(endpoint)))
        return true;
    size = sizeof(address);
    return getpeername(fd, (struct sockaddr *)&address, &size) == 0 && is_named(&address, size, last_part(endpoint));
}

void port_room_in_socket(int fd, const char *endpoint)
{
    socklen_t size = sizeof(int);
    int bytes = 0;

    if (strncmp(endpoint, "ipc://", 6) != 0 || !is_connection_of(fd, endpoint))
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &size) != 0 || bytes >= SOCKET_BYTES)
        return;
    bytes = SOCKET_BYTES;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)); /* without it there is less room */
}

void port_room_in_malloc(void)
{
    heap_free(heap_default(), heap_alloc(heap_default(), MALLOC_BYTES), MALLOC_BYTES);
}
