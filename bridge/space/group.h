/* Group: the users that share a space by explicit choice.  Without one a space is one user's. */
#ifndef SPACE_GROUP_H
#define SPACE_GROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/text.h"
#include <maiko/status.h>

struct ucred;

#define SPACE_NO_GROUP ((gid_t)-1)

/* `name`: of the group database, or a number.  MAIKO_OK; MAIKO_ENOTFOUND: there is no such group; MAIKO_EPERM: this process is no
 * member; MAIKO_ENOMEM, MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status group_find(const char *name, gid_t *ret_group, struct text *error);

/* Does the database know both, and that the user is no member?  Not of a user or a group that only processes have. */
bool group_disowns(gid_t group, uid_t user);

/* Is the process at the other end of this unix connection the same user's, or (SPACE_NO_GROUP: not) a member of the group, as it
 * was when it connected or began to listen?  *ret_peer says whose it is. */
bool group_admits(gid_t group, int fd, struct ucred *ret_peer);

/* The same of a process that is known by its number only, by what the kernel says of it now: it may have gone, and another one
 * have its number, but hardly one of this user and this group. */
bool group_has_process(gid_t group, uid_t user, pid_t process);

#endif
