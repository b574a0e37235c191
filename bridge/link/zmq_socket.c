/* Sockets of the port: made with the options they all share, and only while libzmq cannot run out of descriptors. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <zmq.h>

#include "link/zmq_internal.h"
#include "wire/limits.h"

enum {
    SOCKET_HIGH_WATER = 2 * PORT_WINDOW_EVENTS_MAX, /* frames; each has one event of a window at least, so it is never reached */
    SOCKET_RECONNECT_MS = 1 << 30,                  /* never: zmq_dial.c dials again, by a new id */
    SOCKET_CONNECT_TIMEOUT_MS = 2000,
    SOCKET_HANDSHAKE_MS = 2000,
    KEEPALIVE_IDLE_S = 30,
    KEEPALIVE_INTERVAL_S = 10,
    KEEPALIVE_COUNT = 5,
    ZMQ_THREADS = 2,       /* one for input and output, one that takes closed sockets apart */
    DESCRIPTORS_SPARE = 8, /* a socket's mailbox and monitor pair, a connection, and what is in the air */
};

maiko_status port_status_of_errno(int number)
{
    switch (number) {
    case EADDRINUSE:
        return MAIKO_EEXIST;
    case EACCES:
    case EPERM:
        return MAIKO_EPERM;
    case EMFILE:
    case ENFILE:
        return MAIKO_ELIMIT;
    case ENOMEM:
        return MAIKO_ENOMEM;
    case EINVAL:
    case ENODEV:
    case EADDRNOTAVAIL:
        return MAIKO_EINVAL;
    default:
        return MAIKO_ESYSTEM;
    }
}

void port_warn(struct zmq_port *port, const char *format, ...)
{
    char buffer[512];
    struct text text;
    va_list args;

    if (port->hooks.warn == NULL)
        return;
    text_init_buffer(&text, buffer, sizeof(buffer));
    va_start(args, format);
    text_append_vformat(&text, format, args);
    va_end(args);
    port->hooks.warn(buffer, port->hooks.userdata);
}

void port_refuse(struct zmq_port *port, const char *who, const char *reason, const char *format, ...)
{
    char buffer[512];
    struct text text;
    va_list args;

    text_init_buffer(&text, buffer, sizeof(buffer));
    va_start(args, format);
    text_append_vformat(&text, format, args);
    va_end(args);
    if (port->hooks.refused != NULL)
        port->hooks.refused(who, reason, buffer, port->hooks.userdata);
    else
        port_warn(port, "refused: %s", buffer);
}

void port_socket_set_int(void *socket, int option, int value)
{
    (void)zmq_setsockopt(socket, option, &value, sizeof(value));
}

/* `all`: how many there may be. */
static unsigned descriptors_in_use(unsigned all)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;

    if (directory == NULL && (errno == EMFILE || errno == ENFILE))
        return all; /* not even one is left to look */
    if (directory == NULL)
        return 0; /* no /proc */
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count - 3; /* ".", ".." and its own */
}

/* libzmq aborts the process when it cannot make an eventfd, so we do not let it come to that.  `promised`: connections that were
 * asked for and have no descriptor yet. */
maiko_status port_check_descriptors(unsigned promised, struct text *error)
{
    struct rlimit limit;
    unsigned used;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return MAIKO_OK;
    used = descriptors_in_use((unsigned)limit.rlim_cur) + promised;
    if (used + DESCRIPTORS_SPARE <= limit.rlim_cur)
        return MAIKO_OK;
    text_append_format(error, "%u descriptors are in use and RLIMIT_NOFILE is %llu: ZeroMQ needs up to %d more", used,
                       (unsigned long long)limit.rlim_cur, DESCRIPTORS_SPARE);
    return MAIKO_ELIMIT;
}

static void *pass(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* libzmq starts its threads with the first socket, and aborts the process when it cannot: so as many are tried before. */
maiko_status port_check_threads(struct text *error)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[ZMQ_THREADS];
    sigset_t all, before;
    unsigned count = 0;
    unsigned i;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the program's signals are not for them */
    pthread_mutex_lock(&gate);
    while (count < ZMQ_THREADS && pthread_create(&threads[count], NULL, pass, &gate) == 0)
        count++;
    pthread_mutex_unlock(&gate);
    for (i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (count == ZMQ_THREADS)
        return MAIKO_OK;
    text_append_format(error, "ZeroMQ needs %d threads, and %u could be started", ZMQ_THREADS, count);
    return MAIKO_ESYSTEM;
}

static void set_common_options(void *socket)
{
    int64_t frame_max = WIRE_FRAME_MAX;

    port_socket_set_int(socket, ZMQ_LINGER, 0);
    port_socket_set_int(socket, ZMQ_SNDHWM, SOCKET_HIGH_WATER);
    port_socket_set_int(socket, ZMQ_RCVHWM, SOCKET_HIGH_WATER);
    port_socket_set_int(socket, ZMQ_IPV6, 1);
    port_socket_set_int(socket, ZMQ_RECONNECT_IVL, SOCKET_RECONNECT_MS);
    port_socket_set_int(socket, ZMQ_CONNECT_TIMEOUT, SOCKET_CONNECT_TIMEOUT_MS);
    port_socket_set_int(socket, ZMQ_HANDSHAKE_IVL, SOCKET_HANDSHAKE_MS);
    port_socket_set_int(socket, ZMQ_TCP_KEEPALIVE, 1);
    port_socket_set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S);
    port_socket_set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL_S);
    port_socket_set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_COUNT);
    (void)zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_max, sizeof(frame_max));
}

maiko_status port_socket_new(struct zmq_port *port, int type, void **ret_socket, struct text *error)
{
    maiko_status status = port_check_descriptors(0, error);
    void *socket;

    if (status != MAIKO_OK)
        return status;
    socket = zmq_socket(port->context, type);
    if (socket == NULL) {
        text_append_format(error, "no ZeroMQ socket: %s", zmq_strerror(zmq_errno()));
        return port_status_of_errno(zmq_errno());
    }
    set_common_options(socket);
    *ret_socket = socket;
    port->items_are_stale = true;
    return MAIKO_OK;
}

/* Options are copied by each bind, so one socket listens with keys on TCP and without on the host's own ipc. */
void port_socket_set_server_keys(struct zmq_port *port, void *socket, bool is_encrypted)
{
    port_socket_set_int(socket, ZMQ_CURVE_SERVER, is_encrypted);
    if (is_encrypted)
        (void)zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, port->secret_key, KEY_TEXT_LEN);
    (void)zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "maiko", 5); /* with a domain, connections without keys are asked about, too */
}

/* They are copied by each connect.  "": none. */
void port_socket_set_client_keys(struct zmq_port *port, void *socket, const char *server_key)
{
    port_socket_set_int(socket, ZMQ_CURVE_SERVER, 0);
    if (server_key[0] == '\0')
        return;
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, KEY_TEXT_LEN);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, port->public_key, KEY_TEXT_LEN);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, port->secret_key, KEY_TEXT_LEN);
}
