/* Paths of a space: where its directory is and how the sockets in it are called.  Pure: nothing here touches a file. */
#ifndef SPACE_PATH_H
#define SPACE_PATH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/text.h"
#include "space/limits.h"
#include <maiko/status.h>

/* The files of one node's directory. */
#define SPACE_LIFE_FILE "life"   /* locked for as long as the node lives */
#define SPACE_RECORD_FILE "node" /* what the node says about itself, JSON, replaced by rename */
#define SPACE_CONTROL_SOCKET "control"
#define SPACE_LINK_SOCKET "link" /* ZeroMQ, ipc:// */

/* Directories that begin with a dot are never nodes. */
#define SPACE_NEW_PREFIX ".new-"   /* being made */
#define SPACE_DEAD_PREFIX ".dead-" /* being removed */
#define SPACE_SHORT_DIRECTORY ".s" /* sockets whose own path would be too long, by hash */

#define SPACE_COUNTERS_DIRECTORY "counters" /* of the supervisors, beside the spaces */

/* 1..64 bytes of UTF-8 without '/', control characters and a leading '.' or '-'. */
bool space_name_is_valid(const char *name);

/* Directories beside the spaces that are none. */
bool space_name_is_reserved(const char *name);

/*
 * The directory that holds all spaces of a user: `runtime_dir`/maiko, or /tmp/maiko-UID when runtime_dir is NULL, empty or
 * not absolute (the XDG specification says to ignore such a value).
 * MAIKO_OK, or MAIKO_ETOOLONG with the reason in `error`.
 */
maiko_status space_base_path(const char *runtime_dir, uid_t uid, char ret_path[SPACE_PATH_MAX], struct text *error);

/* The same for a group, whose members have runtime directories of their own: /tmp/maiko-group-GID when runtime_dir is NULL or
 * empty. */
maiko_status space_group_base_path(const char *runtime_dir, gid_t group, char ret_path[SPACE_PATH_MAX], struct text *error);

/*
 * Where a socket of a node is: `base`/SPACE/NODE/`file`, or, when the kernel would not take a path of that length,
 * `base`/.s/HASH-`file` (HASH of space and node, so everybody finds the same place).
 * MAIKO_OK, or MAIKO_ETOOLONG with the reason in `error` when even the short form does not fit.
 */
maiko_status space_socket_path(const char *base, const char *space, const char *node, const char *file,
                               char ret_path[SPACE_SOCKET_PATH_MAX], struct text *error);

/* True when the socket is in the directory of short names. */
bool space_socket_path_is_short(const char *base, const char *path);

#endif
