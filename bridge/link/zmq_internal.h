/* Inside of the port; shared by the zmq_*.c files. */
#ifndef LINK_ZMQ_INTERNAL_H
#define LINK_ZMQ_INTERNAL_H

#include "base/hash_table.h"
#include "base/list.h"
#include "link/zmq_port.h"

enum {
    PORT_WATCHES_MAX = 4,
    PORT_INCOMING_MAX = 4096, /* routes remembered; those without an owner go first */
    PORT_FRAMES_PER_TURN = 256,
    PORT_BINDS_MAX = 16,
    PORT_PARTS_MAX = 3,
    ROUTE_ID_MAX = 255,
    ROUTE_ID_TEXT_SIZE = 2 * ROUTE_ID_MAX + 1,
};

/* How libzmq calls the other end of an ipc connection: localhost:UID:GID:PID.  TCP addresses are numbers. */
#define PORT_LOCAL_ADDRESS "localhost:"

struct zmq_msg_t; /* of <zmq.h> */

struct route {
    struct list link; /* in outgoing or incoming */
    bool is_incoming;
    bool is_local;
    void *owner;
    char key[KEY_TEXT_SIZE];
    char address[PORT_ENDPOINT_MAX];
    /* incoming */
    unsigned char id[ROUTE_ID_MAX];
    size_t id_len;
    char id_text[ROUTE_ID_TEXT_SIZE]; /* hex: key of the table */
    bool has_delimiter;               /* a REQ: wants an empty part before the frame */
    /* outgoing */
    void *socket;
    void *monitor;
    size_t item; /* of its socket, see zmq_poll.c */
    bool is_up;
    bool is_shaking;    /* connected, and nothing known of the handshake */
    bool is_probing;    /* connected without our keys, only to learn whether the listener has any; nothing is read or sent */
    bool is_connecting; /* libzmq is at it; else we try again at retry_ns */
    bool has_fault;
    enum route_fault fault; /* the last one told */
    unsigned failures;      /* handshakes in a row */
    uint64_t retry_ns;
};

struct port_watch {
    int fd;
    void (*ready)(void *userdata);
    void *userdata;
};

struct caller;

/* A handshake with us that failed; told when it is known whose it was. */
struct port_failure {
    bool is_pending;
    bool is_key; /* it does not have ours */
    uint32_t number;
    char endpoint[PORT_ENDPOINT_MAX];
};

struct port_bind {
    enum port_door door;
    bool is_encrypted;
    bool is_pending;                  /* to be bound again: libzmq lets go of an address some time after the unbind */
    char endpoint[PORT_ENDPOINT_MAX]; /* as bound, with the real port number */
};

/* A prefix plain listeners have asked for. */
struct listened {
    struct list link;
    unsigned count;  /* listeners, those that were refused included: libzmq does not say whose end it reports */
    bool is_granted; /* one of them at least */
    size_t len;
    unsigned char prefix[];
};

struct zmq_port {
    struct heap *heap;
    struct zmq_port_hooks hooks;
    char public_key[KEY_TEXT_SIZE];
    char secret_key[KEY_TEXT_SIZE];
    void *context;
    void *router;
    void *router_monitor;
    void *publisher; /* XPUB; NULL until somebody may listen */
    void *zap;
    struct port_watch watches[PORT_WATCHES_MAX];
    unsigned watch_count;
    struct port_bind binds[PORT_BINDS_MAX];
    unsigned bind_count;
    uint64_t rebind_ns; /* when to try the pending ones; UINT64_MAX: none */
    struct list outgoing;
    struct list incoming; /* least recently heard first */
    struct list ended;    /* disconnected, freed at the end of the turn: a hook may end the route it is called for */
    struct hash_table incoming_by_id;
    struct list listened;
    unsigned outgoing_count;
    unsigned next_name;       /* of inproc endpoints for monitors */
    struct port_items *items; /* what there is to sleep on; made anew after every change of the sockets */
    bool items_are_stale;
    bool is_closing;
    struct caller *callers; /* by descriptor */
    size_t caller_count;
    uint64_t caller_round; /* times the ROUTER's monitor was read to its end */
    struct port_failure failure;
};

/* zmq_socket.c */
maiko_status port_socket_new(struct zmq_port *port, int type, void **ret_socket, struct text *error);
void port_socket_set_int(void *socket, int option, int value);
void port_socket_set_server_keys(struct zmq_port *port, void *socket, bool is_encrypted);
void port_socket_set_client_keys(struct zmq_port *port, void *socket, const char *server_key);
maiko_status port_status_of_errno(int number);
void port_warn(struct zmq_port *port, const char *format, ...) MAIKO_PRINTF(2, 3);
void port_refuse(struct zmq_port *port, const char *who, const char *reason, const char *format, ...) MAIKO_PRINTF(4, 5);

/* zmq_poll.c */
void port_items_free(struct zmq_port *port);
void port_touched(struct zmq_port *port, const struct route *route); /* after any call on its socket; NULL: on the publisher */

/* zmq_port.c */
void port_rebind_pending(struct zmq_port *port, uint64_t now_ns);

/* zmq_monitor.c */
maiko_status port_monitor_open(struct zmq_port *port, void *socket, void **ret_monitor, struct text *error);
void port_monitor_close(void *socket, void *monitor);
void port_monitor_read_route(struct zmq_port *port, struct route *route);
void port_monitor_read_router(struct zmq_port *port);

/* zmq_callers.c */
const char *port_plain_address(const char *address);             /* of IPv4 as such, also when an IPv6 socket has it */
void port_caller_came(struct zmq_port *port, int fd);            /* accepted */
void port_plain_endpoint(char *endpoint);                        /* the same, in place: tcp://[::ffff:10.0.0.5]:7001 */
const char *port_caller_of(const struct zmq_port *port, int fd); /* whose connection has ended; in words when unknown */
void port_callers_free(struct zmq_port *port);

/* zmq_route.c */
bool port_route_read(struct zmq_port *port, struct route *route);  /* a bounded part; true: there is no more */
void port_route_drain(struct zmq_port *port, struct route *route); /* reads all there is: at most the high-water mark */
void port_route_redial(struct zmq_port *port, struct route *route, uint64_t now_ns);
void port_route_probe(struct zmq_port *port, struct route *route);
void port_route_fail(struct zmq_port *port, struct route *route, enum route_fault fault);
uint64_t port_next_retry(const struct zmq_port *port);
void port_retry(struct zmq_port *port, uint64_t now_ns);
void port_routes_close(struct zmq_port *port);
void port_free_ended(struct zmq_port *port);
void port_route_end(struct zmq_port *port, struct route *route); /* freed at the end of the turn */

/* Reads all parts of one message into PORT_PARTS_MAX places; those past it are thrown away, but counted.  False when there is
 * none. */
bool port_read_message(void *socket, struct zmq_msg_t *parts, int *ret_count);
void port_close_parts(struct zmq_msg_t *parts, int count);

/* zmq_incoming.c */
bool port_router_read(struct zmq_port *port); /* a bounded part; true: there is no more */
void port_incoming_forget(struct zmq_port *port, struct route *route);

/* zmq_zap.c */
maiko_status port_zap_open(struct zmq_port *port, struct text *error);
void port_zap_read(struct zmq_port *port);

/* zmq_publisher.c */
maiko_status port_publisher_open(struct zmq_port *port, struct text *error);
void port_publisher_read(struct zmq_port *port);
void port_publisher_close(struct zmq_port *port);

#endif
