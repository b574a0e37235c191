/* Counters place: where counters files are, how one is made there, and which leftovers are removed. */
#ifndef RUNTIME_COUNTERS_PLACE_H
#define RUNTIME_COUNTERS_PLACE_H

#include <stdbool.h>

#include "base/text.h"
#include <maiko/status.h>

#define COUNTERS_PATH_SIZE 1024

/* The default directory, made when `create` and missing: $MAIKO_COUNTERS_DIR, else $XDG_RUNTIME_DIR/maiko/counters, else (not
 * set, or not a directory of this user) /tmp/maiko-UID/counters.  Each is checked: a directory, no link, ours, and nobody
 * else may write into it.
 * MAIKO_OK with a descriptor of the caller's; MAIKO_ENOTFOUND, MAIKO_EPERM, MAIKO_ETOOLONG, MAIKO_ESYSTEM with the reason. */
MAIKO_MUST_CHECK maiko_status counters_directory_open(bool create, char path[COUNTERS_PATH_SIZE], int *ret_fd, struct text *why);

/* Makes NAME.PID.N in the default directory, empty, mode 0600, locked for the life of the process, and removes leftovers of
 * dead programs of the same name.  Descriptor and path (on `heap`) are the caller's. */
MAIKO_MUST_CHECK maiko_status counters_place_create(struct heap *heap, const char *name, int *ret_fd, char **ret_path,
                                                    struct text *why);

/* The same at an explicit path.  An existing file is taken over when it is empty or the counters of a dead process.
 * MAIKO_EEXIST: it belongs to a living one, or is no counters file. */
MAIKO_MUST_CHECK maiko_status counters_place_claim(struct heap *heap, const char *path, int *ret_fd, char **ret_path,
                                                   struct text *why);

/* Removes `path` if it still is the file `fd`. */
void counters_place_remove(const char *path, int fd);

/* Is the life lock of this file held by another process?  One of this process does not show. */
bool counters_place_is_locked(int fd);

#endif
