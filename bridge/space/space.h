/* Space: this process as a node among the processes of one topic space on this host.  Joins, announces what the node is,
 * and tells who arrives, changes and leaves.  No daemon: directories, a lock and a socket per node do it all. */
#ifndef SPACE_SPACE_H
#define SPACE_SPACE_H

#include "space/control.h"
#include "space/record.h"

struct space;

/* A control connection to one other node, made by us or to us.  Whatever two nodes of a host have to agree on goes over it, and
 * descriptors with it; its end is the end of that agreement. */
struct space_channel;

enum space_departure {
    SPACE_LEFT,    /* took its directory away: a clean stop */
    SPACE_DIED,    /* the process is gone; what it left is removed by somebody */
    SPACE_REPLACED /* another life of the same name is there already */
};

const char *space_departure_name(enum space_departure departure);

/* All are called from space_run() only.  Records are borrowed for the call. */
struct space_hooks {
    void (*node_arrived)(const struct node_record *node, void *userdata); /* it is ready: its sockets listen */
    void (*node_changed)(const struct node_record *node, void *userdata);
    void (*node_left)(const struct node_record *node, enum space_departure departure, void *userdata);
    /* The node has greeted on the connection we made to it. */
    void (*channel_ready)(struct space_channel *channel, const char *node, void *userdata);
    /* A message came from this node, which greeted before.  What is not taken out of it is closed afterwards. */
    void (*message)(struct space_channel *channel, const char *node, struct control_message *message, void *userdata);
    /* A channel that had an owner is no more. */
    void (*channel_ended)(void *owner, void *userdata);
    void (*warn)(const char *text, void *userdata); /* somebody was refused, something could not be read */
    /* Descriptors or memory have run out, which is told once; NULL: there are some again.  The hook itself may be NULL. */
    void (*starved)(const char *text, void *userdata);
    void *userdata;
};

struct space_config {
    struct heap *heap;
    const char *runtime_dir; /* as $XDG_RUNTIME_DIR; NULL or "": the checked fallback below /tmp */
    const char *group;       /* of the users who share it; NULL or "": this user's alone */
    const char *space;
    const char *node;
    struct space_hooks hooks;
};

/*
 * Makes the node's directory, takes its name, removes what the dead left, listens at the control socket.  The node shows to
 * others as not ready until space_announce().
 * MAIKO_OK, MAIKO_EINVAL, MAIKO_ENAME, MAIKO_EEXIST (a live node has the name), MAIKO_EPERM (a directory is not ours alone, or
 * not the group's; we are no member), MAIKO_ENOTFOUND (no such group), MAIKO_ETOOLONG, MAIKO_ENOMEM, MAIKO_ESYSTEM; `error` says
 * what and where.
 */
MAIKO_MUST_CHECK maiko_status space_join(const struct space_config *config, struct space **ret_space, struct text *error);

/* Takes the directory away and frees; others are told of a clean stop.  NULL is allowed; returns NULL. */
struct space *space_leave(struct space *space);

/* What the node says about itself; change it, then announce.  Name, process and epoch are set by join and stay. */
struct node_record *space_record(struct space *space);

/* Writes the record for all to see.  MAIKO_OK, MAIKO_ENOMEM, MAIKO_ESYSTEM. */
maiko_status space_announce(struct space *space, struct text *error);

/* The same in two steps: the first makes a line of the record (`line` on a heap, SPACE_RECORD_MAX), the second is all that takes
 * long, and needs nothing of the space that hooks or other calls change. */
MAIKO_MUST_CHECK maiko_status space_put_down(struct space *space, struct text *line);
MAIKO_MUST_CHECK maiko_status space_write_down(struct space *space, const struct text *line, struct text *error);

/* Where the node's link socket belongs, as an ipc:// endpoint. */
const char *space_link_endpoint(const struct space *space);

/* There is a socket now.  MAIKO_OK, MAIKO_ESYSTEM: the group cannot get at it. */
MAIKO_MUST_CHECK maiko_status space_link_bound(const struct space *space, struct text *error);

/* Who shares it; SPACE_NO_GROUP: nobody. */
gid_t space_group(const struct space *space);

/* The directory of the node, for files beside the record. */
const char *space_node_path(const struct space *space);

/* Our connection to the node of that name, once it has greeted; NULL when there is none (yet). */
struct space_channel *space_channel_to(struct space *space, const char *node);

/* Does the node at the other end answer offers of shared memory? */
bool space_channel_can_attach(const struct space_channel *channel);

/* Statuses of control_send(). */
MAIKO_MUST_CHECK maiko_status space_channel_send(struct space_channel *channel, const void *bytes, size_t len, const int *fds,
                                                 size_t fd_count);

/* Who is told of its end; NULL: nobody (any more). */
void space_channel_set_owner(struct space_channel *channel, void *owner);

/* Readable when space_run() has something to do. */
int space_fd(const struct space *space);

/* Handles one thing that has happened and calls the hooks; the descriptor stays readable while there are more.  Never blocks. */
void space_run(struct space *space);

/* Are there directories of dead nodes that fell to us?  Removes one; without it, the end or the next start of a node does. */
bool space_has_remains(const struct space *space);
void space_clear_remains(struct space *space);

/* For onlookers that are no node: calls `visit` for every node of the space, dead ones with is_alive false.
 * MAIKO_OK, MAIKO_ENOTFOUND (no such space), MAIKO_EPERM, MAIKO_ETOOLONG, MAIKO_ESYSTEM. */
maiko_status space_list(struct heap *heap, const char *runtime_dir, gid_t group, const char *space,
                        void (*visit)(const struct node_record *node, bool is_alive, void *userdata), void *userdata,
                        struct text *error);

/* Names of the spaces of this user or this group.  MAIKO_OK (also when there is none). */
maiko_status space_list_spaces(const char *runtime_dir, gid_t group, void (*visit)(const char *space, void *userdata),
                               void *userdata, struct text *error);

#endif
