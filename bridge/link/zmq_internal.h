/* Inside of the port; shared by the zmq_*.c files. */
#ifndef LINK_ZMQ_INTERNAL_H
#define LINK_ZMQ_INTERNAL_H

#include <poll.h>

#include "base/hash_table.h"
#include "base/list.h"
#include "link/pace.h"
#include "link/zmq_port.h"
#include "space/text_list.h"

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

/* The sockets, in the order in which they are slept on. */
enum port_socket {
    PORT_ZAP,
    PORT_ROUTER,
    PORT_ROUTER_MONITOR,
    PORT_DIALER,
    PORT_DIALER_MONITOR,
    PORT_PUBLISHER,
    PORT_PUBLISHER_MONITOR,
    PORT_SOCKETS,
};

enum { PORT_ITEMS_MAX = PORT_WATCHES_MAX + PORT_SOCKETS + 1 };

/* A connection we make. */
enum dial_state {
    DIAL_IDLE,    /* there is none; one is made when it is due */
    DIAL_CALLING, /* libzmq is at it */
    DIAL_SHAKING, /* connected; the handshake is under way, or has failed and the end is not said yet */
    DIAL_UP,
    DIAL_ENDING, /* it has ended, and what came before may not all have been read */
};

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
    uint64_t cookie;                  /* of its connection, see zmq_callers.c; 0: unknown */
    /* outgoing; see zmq_dial.c */
    enum dial_state state;
    char dialled[PORT_ENDPOINT_MAX]; /* how the endpoint is spelt this time; key of the table */
    uint32_t slot;                   /* in the port's */
    int fd;                          /* of the connection */
    uint16_t failed_as;              /* what the monitor said of the handshake, 0: nothing */
    uint32_t failed_with;
    bool is_up;
    bool is_probing; /* connected without our keys, only to learn whether the listener has any; nothing is read or sent */
    bool has_fault;
    enum route_fault fault; /* the last one told */
    unsigned failures;      /* handshakes in a row */
    uint64_t redial_wait_ns;
    uint64_t due_ns;   /* when to dial, or to give up */
    uint64_t heard_at; /* in messages read by then */
};

/* What there is to sleep on: watches come first, then the sockets, then `shared_fd`. */
struct port_item {
    void *socket;    /* NULL: a watch, or a socket that is not there */
    int shared_fd;   /* guests sleep on it, too, see zmq_guest.c; -1: they do not */
    bool is_touched; /* asked for its events before the next sleep */
    bool is_ready;
};

struct port_items {
    struct port_item items[PORT_ITEMS_MAX];
    struct pollfd fds[PORT_ITEMS_MAX]; /* beside them; -1 where shared */
    size_t count;
};

struct port_left; /* see zmq_incoming.c */

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

/* What is heard of the connections made to one socket. */
struct port_ear {
    void *monitor;
    struct caller *callers; /* by descriptor */
    size_t caller_count;
    uint64_t caller_round; /* times the monitor was read to its end */
    size_t cut_count;      /* callers that were cut and have not been told as ended */
    struct port_failure failure;
};

struct port_bind {
    enum port_door door;
    bool is_encrypted;
    bool is_pending;                  /* to be bound again: libzmq lets go of an address some time after the unbind */
    int listener_fd;                  /* libzmq's; -1: unknown */
    char endpoint[PORT_ENDPOINT_MAX]; /* as bound, with the real port number */
};

/* A prefix plain listeners have asked for. */
struct listened {
    struct list link;
    unsigned count;        /* listeners, those that were refused included: libzmq does not say whose end it reports */
    bool is_granted;       /* one of them at least */
    struct text_list keys; /* to whom, since they were last made to come again; some may have left */
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
    void *dialer; /* ROUTER for the connections we make; NULL until there is one to make */
    void *dialer_monitor;
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
    bool has_full_listener; /* one at least was full, since there was none at all */
    unsigned outgoing_count;
    struct route **slots; /* of outgoing routes, by the number in their ids */
    size_t slot_count;
    uint64_t next_serial;      /* of ids: none is ever used twice */
    struct hash_table dialled; /* outgoing routes that are not idle, by spelling */
    unsigned next_spelling;
    unsigned ending_count;
    uint64_t reads;          /* messages of the dialer, ever */
    unsigned next_name;      /* of inproc endpoints for monitors */
    struct port_items items; /* what there is to sleep on; made anew after every change of the sockets */
    bool items_are_stale;
    bool is_limited; /* RLIMIT_NOFILE is below the number of them */
    int spare_fd;    /* -1: it is gone, too */
    bool is_turning_away;
    bool is_closing;
    /* guests */
    struct pace pace;
    bool is_kept;           /* by the port's thread: guests do not sleep on anything */
    int shared_fd;          /* epoll: what guests sleep on, too; -1: nothing */
    bool is_visited;        /* who reads is a guest */
    struct port_left *left; /* what a guest has read and leaves to the port's thread */
    struct port_ear router_ear;
    struct port_ear publisher_ear;
};

/* zmq_socket.c */
maiko_status port_socket_new(struct zmq_port *port, int type, void **ret_socket, struct text *error);
maiko_status port_check_descriptors(unsigned promised, struct text *error);
maiko_status port_check_threads(struct text *error); /* before the first socket */
void port_socket_set_int(void *socket, int option, int value);
void port_socket_set_server_keys(struct zmq_port *port, void *socket, bool is_encrypted);
void port_socket_set_client_keys(struct zmq_port *port, void *socket, const char *server_key);
maiko_status port_status_of_errno(int number);
void port_warn(struct zmq_port *port, const char *format, ...) MAIKO_PRINTF(2, 3);
void port_refuse(struct zmq_port *port, const char *who, const char *reason, const char *format, ...) MAIKO_PRINTF(4, 5);

/* zmq_poll.c */
void port_touched(struct zmq_port *port, enum port_socket which); /* after any call on it */
struct port_item *port_item_of(struct zmq_port *port, enum port_socket which);
void port_item_ask(struct port_item *item);

/* zmq_guest.c */
void port_share(struct zmq_port *port);                 /* the items are new */
void port_share_or_keep(struct zmq_port *port);         /* before the sleep: according to the pace */
void port_unshare(struct zmq_port *port, void *socket); /* before it is closed */
void port_shared_look(struct zmq_port *port);           /* after the sleep: asks those that ended it */
void port_shared_close(struct zmq_port *port);

/* zmq_port.c */
void port_bind_anew(struct zmq_port *port, enum port_door door); /* what is encrypted: ends the connections made to it */
void port_rebind_pending(struct zmq_port *port, uint64_t now_ns);

/* zmq_monitor.c */
maiko_status port_monitor_open(struct zmq_port *port, void *socket, void **ret_monitor, struct text *error);
void port_monitor_close(void *socket, void *monitor);
bool port_monitor_read_dialer(struct zmq_port *port); /* a bounded part; true: there is no more */
bool port_monitor_read_ear(struct zmq_port *port, struct port_ear *ear);
bool port_monitor_has_stopped(void *monitor); /* reads all there is, for nothing else */

/* zmq_callers.c */
const char *port_plain_address(const char *address);                        /* of IPv4 as such, also when an IPv6 socket has it */
void port_plain_endpoint(char *endpoint);                                   /* the same, in place: tcp://[::ffff:10.0.0.5]:7001 */
void port_caller_came(struct zmq_port *port, struct port_ear *ear, int fd, const char *endpoint); /* accepted */
void port_caller_left(struct port_ear *ear, int fd);
uint64_t port_caller_cookie(const struct port_ear *ear, int fd); /* 0: unknown */
uint64_t port_cookie_of(int fd);                                 /* of whatever socket that is; 0: none */
void port_callers_cut(struct zmq_port *port, struct port_ear *ear, bool with_local);
const char *port_caller_of(const struct port_ear *ear, int fd); /* whose connection has ended; in words when unknown */
void port_callers_free(struct zmq_port *port, struct port_ear *ear);

/* zmq_ends.c */
void port_cut_door(struct zmq_port *port, enum port_door door); /* connections made to it, but by ipc */
void port_end_door(struct zmq_port *port, enum port_door door); /* the same, and waits until libzmq has seen it */
void port_close_doors(struct zmq_port *port, unsigned linger_ms); /* with the handler of keys, and the context */

/* zmq_dial.c */
maiko_status port_dialer_open(struct zmq_port *port, struct text *error);
maiko_status port_slot_take(struct zmq_port *port, struct route *route);
bool port_dialer_read(struct zmq_port *port, int most); /* frames; true: there is no more */
void port_route_hang_up(struct zmq_port *port, struct route *route, unsigned linger_ms);
void port_route_redial(struct zmq_port *port, struct route *route); /* in a while */
void port_route_probe(struct zmq_port *port, struct route *route);
void port_route_ended(struct zmq_port *port, struct route *route);
void port_route_not_connected(struct zmq_port *port, struct route *route);
void port_route_fail(struct zmq_port *port, struct route *route, enum route_fault fault);
uint64_t port_next_retry(const struct zmq_port *port);
void port_retry(struct zmq_port *port, uint64_t now_ns);

/* zmq_route.c */
void port_routes_close(struct zmq_port *port);
void port_free_ended(struct zmq_port *port);
void port_route_end(struct zmq_port *port, struct route *route); /* freed at the end of the turn */

/* A copy; made before the part in front of it is sent: without memory for it nothing may have begun.  False: there is none. */
MAIKO_MUST_CHECK bool port_message_of(struct zmq_msg_t *message, const void *bytes, size_t len);

/* Reads all parts of one message into PORT_PARTS_MAX places; those past it are thrown away, but counted.  False when there is
 * none. */
bool port_read_message(void *socket, struct zmq_msg_t *parts, int *ret_count);
void port_close_parts(struct zmq_msg_t *parts, int count);

/* zmq_incoming.c */
maiko_status port_incoming_open(struct zmq_port *port);
void port_incoming_close(struct zmq_port *port);
bool port_incoming_is_left(const struct zmq_port *port);
bool port_router_read(struct zmq_port *port, int most); /* frames; true: there is no more, or nothing for a guest */
void port_incoming_forget(struct zmq_port *port, struct route *route);
void port_incoming_left(struct zmq_port *port, uint64_t cookie); /* a connection that nobody owns has ended */

/* zmq_spare.c */
void port_spare_open(struct zmq_port *port);
void port_spare_close(struct zmq_port *port);
void port_listener_opened(struct zmq_port *port, const char *endpoint, int fd);
void port_listener_closed(struct zmq_port *port, const char *endpoint, int fd);
void port_not_accepted(struct zmq_port *port, const char *endpoint, int reason);
void port_accepted(struct zmq_port *port);

/* zmq_room.c */
void port_room_in_socket(int fd, const char *endpoint); /* of a new connection */
void port_room_in_malloc(void);

/* zmq_zap.c */
maiko_status port_zap_open(struct zmq_port *port, struct text *error);
void port_zap_read(struct zmq_port *port);

/* zmq_publisher.c */
maiko_status port_publisher_open(struct zmq_port *port, struct text *error);
void port_publisher_read(struct zmq_port *port);
void port_publisher_forget(struct zmq_port *port); /* whoever listens */

#endif
