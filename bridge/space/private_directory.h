/* Private directory: one that only this user can reach, or only the members of one group, opened without following a link and
 * checked through the open descriptor, so that nobody can swap it between the check and the use. */
#ifndef SPACE_PRIVATE_DIRECTORY_H
#define SPACE_PRIVATE_DIRECTORY_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/text.h"
#include <maiko/status.h>

/*
 * Opens `name` below `parent_fd`, making it first when `create`: with mode 0700, or, in a directory of a group, as one of the
 * same group.
 * MAIKO_OK with a descriptor of the caller's; MAIKO_ENOTFOUND; MAIKO_EPERM when it is a link, no directory, belongs to
 * somebody else or is open to others; MAIKO_ELIMIT (descriptors); MAIKO_ESYSTEM.  `error` says which.
 */
MAIKO_MUST_CHECK maiko_status private_directory_open(int parent_fd, const char *name, bool create, int *ret_fd,
                                                     struct text *error);

/* The same by an absolute name, with the group it is to be of: mode 2770.  SPACE_NO_GROUP: 0700. */
MAIKO_MUST_CHECK maiko_status private_directory_open_path(const char *path, gid_t group, bool create, int *ret_fd,
                                                          struct text *error);

/* Lets the group of the directory have a file of ours in it, which is ours alone otherwise. */
void private_file_share(int directory_fd, int fd, mode_t mode);

/* Removes the plain files, sockets and links in `name` below `parent_fd`, then the directory: one level, nothing deeper.
 * MAIKO_OK also when it was not there. */
maiko_status private_directory_remove(int parent_fd, const char *name);

/* The same of one that is open: `fd` is taken over, and no other descriptor is needed. */
maiko_status private_directory_remove_open(int parent_fd, const char *name, int fd);

/* Reads a whole file of at most `max` bytes below `parent_fd`, never through a link.  The caller frees *ret_text with
 * heap_free(heap, text, len + 1); it is NUL-terminated.  MAIKO_ENOTFOUND, MAIKO_ETOOLONG, MAIKO_ENOMEM, MAIKO_ELIMIT,
 * MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status private_file_read(int parent_fd, const char *name, size_t max, struct heap *heap, char **ret_text,
                                                size_t *ret_len);

/* The same of an open file. */
MAIKO_MUST_CHECK maiko_status file_read_all(int fd, size_t max, struct heap *heap, char **ret_text, size_t *ret_len);

/* Replaces a file in one step: readers see the old contents or the new, never a part.  MAIKO_OK or MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status private_file_replace(int parent_fd, const char *name, const char *bytes, size_t len,
                                                   struct text *error);

#endif
