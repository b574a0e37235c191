/* Looking at the spaces of this host from outside: who is there, and sending one event in.  Nothing
 * here joins a space. */
#ifndef MAIKO_SPACE_H
#define MAIKO_SPACE_H

#include <stdbool.h>

#include <maiko/base.h>
#include <maiko/status.h>

MAIKO_BEGIN_DECLS

/** A link of a node to another, as the node itself sees it. */
typedef struct maiko_link_info {
    const char *peer;
    const char *transport; /* "zmq", "shm" */
    const char *state;     /* "ready", "up", "stalled", "greeting", "down", "refused" */
} maiko_link_info;

/** A topic that a node has exported something on. */
typedef struct maiko_topic_info {
    const char *topic;
    const char *type;
    const char *publisher; /* who sent the first event */
} maiko_topic_info;

/** A node as it describes itself.  Lists are NULL-terminated. */
typedef struct maiko_node_info {
    const char *space;
    const char *name;
    const char *program;
    int64_t pid;
    uint64_t epoch;      /* greater in every later life of the name */
    uint64_t started_ns; /* nanoseconds since 1970 */
    bool is_alive;       /* false: the process is gone and left this behind */
    bool is_ready;
    const char *counters_path; /* "" when there is none */
    const char *const *endpoints;
    const char *const *publishers;
    const char *const *actors;
    const char *const *finished;
    const char *const *exports;
    const char *const *imports;
    const maiko_link_info *links;
    size_t link_count;
    const maiko_topic_info *topics; /* the first 1024, fewer when their names are long */
    size_t topic_count;
    uint64_t topics_left_out; /* exported, too, and not among them */
} maiko_node_info;

/**
 * Call `visit` for every node of a space.
 *
 * @param runtime_dir  absolute; NULL: $XDG_RUNTIME_DIR, or the checked directory below /tmp.
 * @param space        NULL: of all spaces of this user.
 * @param error        room for the reason of a failure, or NULL.
 * @return MAIKO_OK (also when there is none), MAIKO_EINVAL, MAIKO_ENOTFOUND (no such space), MAIKO_EPERM, MAIKO_ETOOLONG,
 *         MAIKO_ENOMEM, MAIKO_ESYSTEM.
 * Threads: any.  Blocking: for the disk.
 */
MAIKO_API maiko_status maiko_space_list(const char *runtime_dir, const char *space,
                                        void (*visit)(const maiko_node_info *node, void *userdata), void *userdata, char *error,
                                        size_t error_size);

/**
 * The same of spaces that the members of a group share (maiko_bridge_config.space_group).
 *
 * @param runtime_dir  that of their nodes; NULL: the checked directory of the group below /tmp.
 * @param group        a name or a number; NULL: spaces of this user alone, as above.
 * @return as above, and MAIKO_ENOTFOUND (no such group), MAIKO_EPERM (this process is no member).
 * Threads: any.  Blocking: for the disk and the group database.
 */
MAIKO_API maiko_status maiko_space_list_shared(const char *runtime_dir, const char *group, const char *space,
                                               void (*visit)(const maiko_node_info *node, void *userdata), void *userdata,
                                               char *error, size_t error_size);

/**
 * Send one event into a space, given as JSON (<maiko/json.h>): through a node that exports the topic, so that it comes to all who
 * import it; when no node does, to each that imports it; when none does either, to the first that knows its type.
 *
 * @param topic       as it is called between the nodes, where exports and imports rename it.
 *
 * @param type        name of the type; NULL: the one the topic has there.
 * @param answer      room for the node's answer, or NULL: a text such as "ok" or "type: unknown".
 * @return MAIKO_OK (accepted), MAIKO_EINVAL, MAIKO_ENOTFOUND (no live node), MAIKO_ETYPE (no node knows the type, or the
 *         fields do not fit), MAIKO_EPERM, MAIKO_ETOPIC, MAIKO_EFULL, MAIKO_ELIMIT (the node's memory or names),
 *         MAIKO_ETIMEDOUT, MAIKO_ENOMEM, MAIKO_ESYSTEM.
 * Threads: any.  Blocking: at most timeout_ns per node.
 */
MAIKO_API maiko_status maiko_space_publish(const char *runtime_dir, const char *space, const char *topic, const char *type,
                                           const char *json, uint64_t timeout_ns, char *answer, size_t answer_size);

/** The same into a space that the members of a group share; NULL: into one of this user alone.  Also MAIKO_ENOTFOUND (no such
 * group) and MAIKO_EPERM (this process is no member). */
MAIKO_API maiko_status maiko_space_publish_shared(const char *runtime_dir, const char *group, const char *space,
                                                  const char *topic, const char *type, const char *json, uint64_t timeout_ns,
                                                  char *answer, size_t answer_size);

/** An event for a space, as maiko_space_publish() takes it, and when to send it.  Zero means: not given. */
typedef struct maiko_publication {
    const char *runtime_dir;
    const char *group;
    const char *space; /* required, as are topic and json */
    const char *topic;
    const char *type;
    const char *json;
    uint64_t timeout_ns; /* for a node's answer, beside wait_ns */
    /* Not before so many nodes are subscribed to the topic at the node that exports it, and this node knows it: all of them get
     * the event. */
    uint32_t subscribers;
    uint64_t wait_ns; /* how long to wait for them: an hour at most */
} maiko_publication;

MAIKO_API maiko_status maiko_space_send_sized(const maiko_publication *publication, size_t size, char *answer,
                                              size_t answer_size);

/**
 * The same as maiko_space_publish(), when there are subscribers.
 * @return as that; MAIKO_ETIMEDOUT also when there were too few of them in time, MAIKO_ENOTFOUND when nobody exports the topic
 *         for which some shall be there, MAIKO_ELIMIT when 64 events wait at that node.
 * Threads: any.  Blocking: at most wait_ns + timeout_ns per node.
 */
static inline maiko_status maiko_space_send(const maiko_publication *publication, char *answer, size_t answer_size)
{
    return maiko_space_send_sized(publication, sizeof(*publication), answer, answer_size);
}

MAIKO_END_DECLS

#endif
