/* ZAP (ZeroMQ RFC 27): libzmq asks, for every encrypted connection made to us, whether its key is admitted.  The answer's user
 * id is the key, so that every frame and subscription of the connection carries it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "link/zmq_internal.h"

enum { ZAP_PARTS = 7, ZAP_PART_MAX = 255, ZAP_REQUESTS_PER_TURN = 64 };

/* The parts of a request, in order. */
enum { ZAP_VERSION, ZAP_REQUEST_ID, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_ROUTING_ID, ZAP_MECHANISM, ZAP_CREDENTIALS };

struct zap_part {
    unsigned char bytes[ZAP_PART_MAX + 1];
    size_t len;
};

maiko_status port_zap_open(struct zmq_port *port, struct text *error)
{
    maiko_status status = port_socket_new(port, ZMQ_REP, &port->zap, error);

    if (status == MAIKO_OK && zmq_bind(port->zap, "inproc://zeromq.zap.01") != 0) {
        text_append_format(error, "the handler of keys: %s", zmq_strerror(zmq_errno()));
        status = MAIKO_ESYSTEM;
    }
    return status;
}

static int read_request(void *socket, struct zap_part parts[ZAP_PARTS])
{
    size_t size = sizeof(int);
    int count = 0;
    int more = 1;

    while (more) {
        struct zap_part ignored;
        struct zap_part *part = count < ZAP_PARTS ? &parts[count] : &ignored;
        int len = zmq_recv(socket, part->bytes, ZAP_PART_MAX, ZMQ_DONTWAIT);

        if (len < 0)
            return count == 0 ? -1 : count;
        part->len = len < ZAP_PART_MAX ? (size_t)len : ZAP_PART_MAX;
        part->bytes[part->len] = '\0';
        count++;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0)
            more = 0;
    }
    return count;
}

/* An ipc connection, from user:group:process: is it of this user, or of one of those who share the space?  The directory keeps
 * others out; this holds where it does not. */
static bool is_one_of_us(const struct zmq_port *port, const char *address)
{
    char *end;
    uid_t user = (uid_t)strtoul(address + strlen(PORT_LOCAL_ADDRESS), &end, 10);
    const char *process = strrchr(end, ':');

    if (user == geteuid())
        return true;
    return process != NULL && port->hooks.admit_user != NULL &&
           port->hooks.admit_user(user, (pid_t)strtol(process + 1, NULL, 10), port->hooks.userdata);
}

/* Without encryption only sockets were bound that may be: ipc ones, loopback, and what was asked for as insecure. */
static bool decide(struct zmq_port *port, const struct zap_part *parts, int count, char ret_key[KEY_TEXT_SIZE])
{
    const char *address = port_plain_address((const char *)parts[ZAP_ADDRESS].bytes);

    ret_key[0] = '\0';
    if (count == ZAP_MECHANISM + 1 && strcmp((const char *)parts[ZAP_MECHANISM].bytes, "NULL") == 0)
        return strncmp(address, PORT_LOCAL_ADDRESS, strlen(PORT_LOCAL_ADDRESS)) != 0 || is_one_of_us(port, address);
    if (count != ZAP_PARTS || strcmp((const char *)parts[ZAP_MECHANISM].bytes, "CURVE") != 0 ||
        parts[ZAP_CREDENTIALS].len != KEY_BYTES)
        return false;
    z85_encode_key(parts[ZAP_CREDENTIALS].bytes, ret_key);
    return port->hooks.admit(ret_key, address, port->hooks.userdata);
}

static void answer(void *socket, const struct zap_part *parts, bool is_admitted, const char *key)
{
    const char *text = is_admitted ? "admitted" : "key not admitted";

    (void)zmq_send(socket, "1.0", 3, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(socket, parts[ZAP_REQUEST_ID].bytes, parts[ZAP_REQUEST_ID].len, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(socket, is_admitted ? "200" : "400", 3, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(socket, text, strlen(text), ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(socket, key, is_admitted ? strlen(key) : 0, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(socket, "", 0, ZMQ_DONTWAIT);
}

void port_zap_read(struct zmq_port *port)
{
    struct zap_part parts[ZAP_PARTS];
    char key[KEY_TEXT_SIZE];
    int rounds;
    int count;

    for (rounds = 0; rounds < ZAP_REQUESTS_PER_TURN && (count = read_request(port->zap, parts)) > 0; rounds++) {
        bool is_admitted = decide(port, parts, count, key);

        const char *address = count > ZAP_ADDRESS ? port_plain_address((const char *)parts[ZAP_ADDRESS].bytes) : "?";

        if (!is_admitted)
            port_refuse(port, address, "denied", "key %s from %s is not admitted", key[0] != '\0' ? key : "(none)", address);
        if (count > ZAP_REQUEST_ID)
            answer(port->zap, parts, is_admitted, key);
    }
}
