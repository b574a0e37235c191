/* Control socket: the unix socket in a node's directory.  Other nodes of the host connect and keep the connection open;
 * its end, or the readable pidfd that came with the greeting, is the exact and immediate word that a node died.
 * Both are watched, because a forked child keeps sockets open and a kernel may be too old for pidfds. */
#ifndef SPACE_CONTROL_H
#define SPACE_CONTROL_H

#include <stdbool.h>

#include "base/text.h"
#include "space/greeting.h"
#include "space/group.h"

/* Listens at `path`, mode 0600, or 0660 with a group, which the directory gives it.  A stale socket there is replaced, a live one
 * never.
 * MAIKO_OK, MAIKO_EEXIST (somebody listens there, or it is no socket), MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status control_listen(const char *path, gid_t group, int *ret_fd, struct text *error);

/* One waiting connection of a process that the group admits.  MAIKO_OK; MAIKO_ENOTFOUND: none waits; MAIKO_EPERM: one of another
 * user was turned away; MAIKO_ELIMIT: no descriptor for it, it still waits; MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status control_accept(int listen_fd, gid_t group, int *ret_fd, struct text *error);

/* MAIKO_OK; MAIKO_ENOTFOUND: nobody listens; MAIKO_EFULL: try again later; MAIKO_EPERM: another user's; MAIKO_ELIMIT: no
 * descriptor for it; MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status control_connect(const char *path, gid_t group, int *ret_fd, struct text *error);

/* Sends the greeting with a pidfd of this process (without one where the kernel has none).
 * MAIKO_OK, MAIKO_ECLOSED, MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status control_send_greeting(int fd, const struct greeting *greeting);

/* *ret_pidfd is the caller's, -1 when none came; descriptors that were not asked for are closed.
 * MAIKO_OK, MAIKO_ENOTFOUND (nothing there yet), MAIKO_ECLOSED, MAIKO_EPROTOCOL. */
MAIKO_MUST_CHECK maiko_status control_receive_greeting(int fd, struct greeting *ret_greeting, int *ret_pidfd);

enum { CONTROL_MESSAGE_MAX = 512, CONTROL_FDS_MAX = 8 };

/* One message of a control connection. */
struct control_message {
    unsigned char bytes[CONTROL_MESSAGE_MAX];
    size_t len; /* 0 for one that was longer than any of ours */
    int fds[CONTROL_FDS_MAX];
    size_t fd_count; /* the owner of the message closes them */
    bool is_cut;     /* more came than there was room for, or than this process may have */
};

/* The descriptors stay the caller's.  MAIKO_OK; MAIKO_EFULL: the other side does not read; MAIKO_ECLOSED, MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status control_send(int fd, const void *bytes, size_t len, const int *fds, size_t fd_count);

/* MAIKO_OK; MAIKO_ENOTFOUND: nothing there; MAIKO_ECLOSED: the other side is gone. */
MAIKO_MUST_CHECK maiko_status control_receive(int fd, struct control_message *ret_message);

/* Closes the descriptors nobody took out; what is taken out is replaced by -1. */
void control_message_close(struct control_message *message);

/* Does the path lead to a socket on which somebody listens? */
enum socket_life { SOCKET_ABSENT, SOCKET_STALE, SOCKET_LIVE, SOCKET_OTHER_FILE };
enum socket_life socket_path_life(const char *path, int type);

#endif
