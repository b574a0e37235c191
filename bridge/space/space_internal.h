/* The parts of a space, for its own files only: space.c joins, runs and leaves, space_nodes.c knows the others, space_changes.c
 * which of them to look at, space_visitors.c who came to us, space_source.c what both sleep on and what happens when that runs
 * out. */
#ifndef SPACE_SPACE_INTERNAL_H
#define SPACE_SPACE_INTERNAL_H

#include <limits.h>

#include "base/list.h"
#include "space/greeting.h"
#include "space/node_directory.h"
#include "space/place.h"
#include "space/space.h"

/* What a descriptor in the epoll set is; the pointer in the event leads here. */
enum source_kind { SOURCE_INOTIFY, SOURCE_LISTENER, SOURCE_RETRY, SOURCE_CONTROL, SOURCE_PIDFD, SOURCE_VISITOR };

struct source {
    enum source_kind kind;
    int fd; /* -1: none */
    void *owner;
};

struct space_channel {
    struct source source;
    char name[SPACE_NAME_MAX + 1]; /* as the other side greeted; "": it has not */
    uint16_t version;              /* of its greeting */
    void *owner;                   /* told of the end; NULL: nobody */
};

/* Another node. */
struct node {
    struct list link;
    struct node_record record;
    struct space_channel control; /* our connection to it */
    struct source pidfd;
    int watch;        /* inotify, on its directory */
    bool is_shown;    /* node_arrived was called */
    bool is_dead;     /* nobody listens and nobody holds the lock: goes at the next retry */
    bool is_seen;     /* found by the scan that is running */
    bool has_changed; /* its record was written since it was looked at */
};

/* Somebody who connected to us. */
struct visitor {
    struct list link;
    struct space_channel channel;
};

struct space {
    struct heap *heap;
    struct space_hooks hooks;
    char name[SPACE_NAME_MAX + 1];
    struct place place;
    struct node_directory directory;
    struct node_record record; /* our own */
    char node_path[SPACE_PATH_MAX + SPACE_NAME_MAX + 2];
    char control_path[SPACE_SOCKET_PATH_MAX];
    char link_path[SPACE_SOCKET_PATH_MAX];
    char link_endpoint[SPACE_SOCKET_PATH_MAX + 8];
    int epoll_fd;
    struct source inotify;
    struct source listener;
    struct source retry; /* a timer, armed while a node could not be connected to yet */
    uint64_t retry_ns;   /* of the next try; back to the least when something in the space changes */
    bool needs_scan;     /* not all of the space could be looked at */
    bool is_deaf;        /* who connects waits in the listener, which is not listened to */
    bool is_starved;     /* since the last retry something failed for lack of descriptors or memory */
    bool is_told_starved;
    int space_watch;
    struct fifo remains; /* of the dead, to be removed */
    struct list nodes;
    struct list visitors;
    unsigned visitor_count;
};

static const uint64_t space_retry_min_ns = MAIKO_MS(20); /* doubles with every try in a row */

void space_warn(struct space *space, const char *text);

/* ---- space_source.c ---- */

/* Into the epoll set.  MAIKO_OK, or MAIKO_ESYSTEM (`fd` was no descriptor, or is closed now; errno says why). */
maiko_status space_source_add(struct space *space, struct source *source, enum source_kind kind, int fd, void *owner);
void space_source_close(struct source *source);
void space_source_remove(struct space *space, struct source *source);

void space_channel_close(struct space *space, struct space_channel *channel);
bool space_channel_read(struct space *space, struct space_channel *channel);
maiko_status space_channel_greeted(struct space_channel *channel, struct greeting *ret_greeting, int *ret_pidfd);
/* Our own first message. */
maiko_status space_greet(struct space *space, int fd);

void space_arm_retry(struct space *space);
void space_starve(struct space *space, const char *text);
void space_starve_by_errno(struct space *space, const char *what);
void space_note_plenty(struct space *space);

/* ---- space_nodes.c ---- */

void space_scan(struct space *space);
void space_look(struct space *space, struct node *node); /* it may be another one afterwards */
struct node *space_find(struct space *space, const char *name);
void space_node_free(struct space *space, struct node *node);
void space_node_retry(struct space *space, struct node *node);
void space_read_control(struct space *space, struct node *node);
void space_pidfd_ended(struct space *space, struct node *node);
void space_remove_short_sockets(const char *name, void *userdata);

/* ---- space_changes.c ---- */

void space_read_changes(struct space *space);

/* ---- space_visitors.c ---- */

bool space_accept_visitor(struct space *space);
void space_accept_waiting(struct space *space);
void space_read_visitor(struct space *space, struct visitor *visitor);
void space_visitor_free(struct space *space, struct visitor *visitor);

#endif
