/* Port: all ZeroMQ sockets of a process, owned by one thread: a ROUTER others connect to, one for all connections we make, an
 * XPUB for plain listeners, and the ZAP handler that admits keys.  It moves frames and knows nothing of what is in them.
 *
 * Nothing here blocks except zmq_port_wait(), which sleeps until there is something to do, zmq_port_close(), which has a
 * deadline, and zmq_port_set_keys().  What may be in flight is bounded by the windows of the protocol, below every high-water
 * mark: libzmq never drops. */
#ifndef LINK_ZMQ_PORT_H
#define LINK_ZMQ_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/heap.h"
#include "base/text.h"
#include "security/z85.h"
#include <maiko/status.h>

struct zmq_port;

/* One way to one other process: a connection we made, or one that was made to us. */
struct route;

enum { PORT_ENDPOINT_MAX = 320, PORT_ADDRESS_MAX = 64, PORT_WINDOW_EVENTS_MAX = 65536 /* that may be in flight on a route */ };

/* X(name, word, text) */
#define ROUTE_FAULT_MAP(X)                                                                                                       \
    X(ROUTE_LOST, "lost", "the connection ended")                                                                                \
    X(ROUTE_NO_ANSWER, "no_answer", "nobody answers there")                                                                      \
    X(ROUTE_SERVER_KEY_WRONG, "server_key_wrong", "the peer does not have the key we expect of it")                              \
    X(ROUTE_KEY_REFUSED, "key_refused", "the peer does not admit our key")                                                       \
    X(ROUTE_NOT_ENCRYPTED, "not_encrypted", "one side wants encryption and the other does not")                                  \
    X(ROUTE_PROTOCOL, "protocol", "what answers there does not speak the ZeroMQ protocol")                                       \
    X(ROUTE_NO_RESOURCES, "no_resources", "descriptors, sockets or memory have run out")

enum route_fault {
#define ROUTE_FAULT_ENUM_(name, word, text) name,
    ROUTE_FAULT_MAP(ROUTE_FAULT_ENUM_)
#undef ROUTE_FAULT_ENUM_
};

/* Refused or misunderstood: trying again helps only when somebody changes something. */
bool route_fault_is_refusal(enum route_fault fault);

const char *route_fault_word(enum route_fault fault);
const char *route_fault_text(enum route_fault fault);

/* Called by whoever has the turn: zmq_port_read() on the port's thread, and `frame` by zmq_port_visit() as well. */
struct zmq_port_hooks {
    /* A frame came; the bytes are borrowed for the call. */
    void (*frame)(struct route *route, const unsigned char *bytes, size_t len, void *userdata);
    /* A connection we made can be used. */
    void (*up)(struct route *route, void *userdata);
    /* It cannot be used (any more).  A connection we made is tried again by itself; told once per reason. */
    void (*down)(struct route *route, enum route_fault fault, void *userdata);
    /* A connection that was made to us is forgotten: the handle is invalid after the call. */
    void (*forgotten)(struct route *route, void *userdata);
    /* May the owner of this public key connect? */
    bool (*admit)(const char *key, const char *address, void *userdata);
    /* May a plain listener have all topics with this prefix?  `key` is "" for one of this host without encryption. */
    bool (*may_listen)(const char *key, const char *prefix, size_t len, void *userdata);
    /* The first listener of a prefix came, or the last one left. */
    void (*listening)(const char *prefix, size_t len, bool is_on, void *userdata);
    /* Somebody was refused at a socket: `who` is where it came from, `reason` a word, `text` for people.  NULL: a warning. */
    void (*refused)(const char *who, const char *reason, const char *text, void *userdata);
    void (*warn)(const char *text, void *userdata);
    /* Descriptors have run out, which is told once; NULL: there are some again.  The hook itself may be NULL. */
    void (*starved)(const char *text, void *userdata);
    /* The port's thread is about to sleep, or has slept; meanwhile it touches nothing but descriptors.  NULL: nobody cares. */
    void (*sleeps)(bool is_asleep, void *userdata);
    /* A descriptor on which a guest may sleep first, exclusively; one on which it may not any more.  NULL: no guests. */
    void (*share)(int fd, void *userdata);
    void (*unshare)(int fd, void *userdata);
    /* A process of another user of this host wants in; NULL: none may. */
    bool (*admit_user)(uid_t user, pid_t process, void *userdata);
    void *userdata;
};

struct zmq_port_config {
    struct heap *heap;
    struct zmq_port_hooks hooks;
    char public_key[KEY_TEXT_SIZE]; /* "": no encryption */
    char secret_key[KEY_TEXT_SIZE];
};

/* MAIKO_OK, MAIKO_ENOMEM, MAIKO_ELIMIT (descriptors or sockets: libzmq would abort the process later), MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status zmq_port_open(const struct zmq_port_config *config, struct zmq_port **ret_port, struct text *error);

/* What was sent and published has `linger_ms` to leave, and who does not read holds this up a quarter of a second longer at most.
 * NULL is allowed; returns NULL. */
struct zmq_port *zmq_port_close(struct zmq_port *port, unsigned linger_ms);

/* New keys, without a new port: what listens with keys is bound anew, which ends the connections made to it (they are made
 * again, and the protocol loses nothing); connections we made stay until they end.  Waits until libzmq has ended them, a second
 * at most for each door. */
void zmq_port_set_keys(struct zmq_port *port, const char *public_key, const char *secret_key);

/* Which door an endpoint opens. */
enum port_door { PORT_LINKS, PORT_LISTENERS };

/* `endpoint` has been parsed and may be bound.  TCP is encrypted when the port has keys, IPC never is.
 * MAIKO_OK, MAIKO_EEXIST (in use; a live owner's socket is never taken), MAIKO_EPERM, MAIKO_ELIMIT, MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status zmq_port_bind(struct zmq_port *port, enum port_door door, const char *endpoint,
                                            char ret_endpoint[PORT_ENDPOINT_MAX], struct text *error);

/* Connects from the next turn on; `server_key` is the public key expected there, "" for none.  The endpoint has been parsed.
 * MAIKO_OK, MAIKO_ENOMEM, MAIKO_ELIMIT (descriptors), MAIKO_EINVAL (too long, or we have no keys), MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status zmq_port_connect(struct zmq_port *port, const char *endpoint, const char *server_key,
                                               struct route **ret_route, struct text *error);

/* Another key is expected at the other end of a connection we make, from the next one on: one that is up stays, one that is being
 * made is given up, and one that was refused is made at once. */
void zmq_port_expect(struct zmq_port *port, struct route *route, const char *server_key);

/* Ends a route of either kind; hooks may, also the one they were called for.  What was sent has `linger_ms` to leave when we
 * made the connection. */
void zmq_port_disconnect(struct zmq_port *port, struct route *route, unsigned linger_ms);

/* MAIKO_OK; MAIKO_EFULL: not now; MAIKO_ECLOSED: nobody is there; MAIKO_ENOMEM.  The bytes are copied. */
MAIKO_MUST_CHECK maiko_status zmq_port_send(struct zmq_port *port, struct route *route, const void *bytes, size_t len);

/* The same, and the memory, `size` bytes of heap_default(), is taken over whatever the result; freed by another thread later. */
MAIKO_MUST_CHECK maiko_status zmq_port_give(struct zmq_port *port, struct route *route, void *bytes, size_t len, size_t size);

/* To all listeners of the topic.  MAIKO_OK; MAIKO_EFULL: one of them at least lost it, because it was full; MAIKO_ENOMEM.  That
 * one of several is full is told of the first event of a row; that all are, of each. */
MAIKO_MUST_CHECK maiko_status zmq_port_publish(struct zmq_port *port, const char *topic, const void *bytes, size_t len);

/* Does anybody listen to anything? */
bool zmq_port_is_listened_to(const struct zmq_port *port);

/* Does anybody listen to this topic? */
bool zmq_port_has_listener(const struct zmq_port *port, const char *topic);

/* What may_listen() says has changed: when some listener has what it may not have any more, all that have keys are cut off at
 * once, come again and are asked anew. */
void zmq_port_review_listeners(struct zmq_port *port);

/* Calls `ready` from zmq_port_read() whenever `fd` is readable.  MAIKO_OK, MAIKO_ELIMIT (four at most). */
MAIKO_MUST_CHECK maiko_status zmq_port_watch(struct zmq_port *port, int fd, void (*ready)(void *userdata), void *userdata);

/* Sleeps until something can be done or the monotonic time is `deadline_ns`. */
void zmq_port_wait(struct zmq_port *port, uint64_t deadline_ns);

/* Does a bounded part of it, hooks included. */
void zmq_port_read(struct zmq_port *port);

/* Both. */
void zmq_port_run(struct zmq_port *port, uint64_t deadline_ns);

/* ---- guests ----
 *
 * Another thread, which has seen to it (hooks.sleeps) that the port's thread sleeps and goes on sleeping for the time of the
 * call.  It may send and publish, too, and calls zmq_port_is_settled() behind that. */

/* Reads up to `frames` frames of each connection that has an owner.  False: there is more, which the port's thread has to read;
 * it has to be woken. */
bool zmq_port_visit(struct zmq_port *port, int frames);

/* Does nothing wait that the port's thread would not be woken for?  A call on a socket may have taken its sign away. */
bool zmq_port_is_settled(struct zmq_port *port);

/* Does so much come and go that the port's thread keeps the sockets to itself?  See pace.h. */
bool zmq_port_is_streaming(const struct zmq_port *port);

/* The port's thread: a guest was woken and did not visit, so the shared ways in are looked at before the next sleep. */
void zmq_port_look_again(struct zmq_port *port);

/* ---- routes ---- */

/* The owner's pointer.  An incoming route without one is forgotten when its connection ends, or there are very many. */
void *route_owner(const struct route *route);
void route_set_owner(struct route *route, void *owner);

bool route_is_incoming(const struct route *route);
bool route_is_local(const struct route *route);       /* over ipc://, so of this user */
const char *route_key(const struct route *route);     /* public key of the other, "" without encryption */
const char *route_address(const struct route *route); /* for people: endpoint we connected to, or address it came from */

#endif
