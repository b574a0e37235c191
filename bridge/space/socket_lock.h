/* Socket lock: whoever asks whether the unix socket at a path is a live one, and then takes the path or removes it, does so
 * alone.  A locked file beside it, PATH.maiko-lock, which is gone again when it is released, and is nobody's when its owner
 * dies: whoever may make files in that directory may lock it. */
#ifndef SPACE_SOCKET_LOCK_H
#define SPACE_SOCKET_LOCK_H

#include <stdint.h>

#include "base/text.h"
#include "space/limits.h"
#include <maiko/status.h>

struct socket_lock {
    int fd; /* -1: none is held */
    char path[SPACE_PATH_MAX];
};

/* Waits for whoever else is at it, at most so long.  MAIKO_OK; MAIKO_EEXIST: somebody still is; MAIKO_ETOOLONG; MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status socket_lock_take(struct socket_lock *lock, const char *socket_path, uint64_t wait_ns,
                                               struct text *error);

/* One that is not held is allowed. */
void socket_lock_release(struct socket_lock *lock);

#endif
