/* Port end: a ZeroMQ port that notes what its hooks are told, for tests with real sockets. */
#ifndef TESTS_LIB_PORT_END_H
#define TESTS_LIB_PORT_END_H

#include "lib/suite.h"
#include "lib/wait.h"
#include "link/zmq_port.h"

struct port_end {
    struct zmq_port *port;
    struct route *last; /* the frame came from */
    char frame[256];
    unsigned frames;
    unsigned ups;
    unsigned downs;
    unsigned forgotten;
    enum route_fault fault;
    bool admits;
    char admitted_key[KEY_TEXT_SIZE];
    char allowed_prefix[32];
    char warning[512];
    unsigned warnings;
    unsigned starved; /* times it was told so */
    bool is_starved;
    unsigned listening;
    int guest_fd;     /* epoll: what a guest sleeps on first; 0: there is none */
    int shared_fd[8]; /* in the order in which they came */
    unsigned shared;
};

struct port_keys {
    char public_key[KEY_TEXT_SIZE];
    char secret_key[KEY_TEXT_SIZE];
};

struct port_keys port_keys_make(void);

/* Where calls with a struct text for the reason put it, and what the last one said. */
struct text *port_end_error(void);
extern char port_end_reason[512];

/* keys: NULL for none.  The others fail the test where this one returns an error. */
maiko_status port_end_try_open(struct port_end *end, const struct port_keys *keys);
maiko_status port_end_try_open_on(struct port_end *end, struct heap *heap, const struct port_keys *keys);
void port_end_open(struct port_end *end, const struct port_keys *keys);

/* Its guest is this thread, which calls zmq_port_visit() between two turns. */
void port_end_open_with_guest(struct port_end *end);
void port_end_close(struct port_end *end);

/* One turn of each, a few milliseconds at most; b may be NULL.  True, for wait_for(). */
bool port_end_turn(struct port_end *a, struct port_end *b);

#define wait_for(a, b, condition) wait_until((port_end_turn(a, b), (condition)), 60000)

/* What it is bound to, until the next call. */
const char *port_end_bind(struct port_end *end, enum port_door door, const char *endpoint);
struct route *port_end_connect(struct port_end *end, const char *endpoint, const char *server_key);
maiko_status port_end_send(struct port_end *end, struct route *route, const char *text);

#endif
