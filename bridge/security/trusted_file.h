/* Trusted file: opens a file that says whom we trust or that nobody else may know.  A symbolic link is followed, because secrets
 * are mounted that way; what counts is the file that was opened, which nobody can swap between the check and the use. */
#ifndef SECURITY_TRUSTED_FILE_H
#define SECURITY_TRUSTED_FILE_H

#include <stdbool.h>

#include "base/text.h"
#include <maiko/status.h>

/*
 * Opens a plain file of this user's or root's that nobody else can write.  With `is_secret` nobody else can read it either, save
 * that a file of root's may be open to its group when we are not root: so it was given to us.
 * MAIKO_OK with a descriptor of the caller's; MAIKO_ENOTFOUND; MAIKO_EPERM: it may not be read, or is not as said above;
 * MAIKO_ESYSTEM. `error`, without the path, says which.
 */
MAIKO_MUST_CHECK maiko_status trusted_file_open(const char *path, bool is_secret, int *ret_fd, struct text *error);

#endif
