/* Socket lock, see socket_lock.h. */
#include "space/socket_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errno_text.h"

enum { TRIES = 64 /* each one lost to somebody who has come and gone meanwhile */ };

/* Who held it before may have removed the file between our open and our lock. */
static bool is_in_place(const struct socket_lock *lock)
{
    struct stat locked;
    struct stat there;

    return fstat(lock->fd, &locked) == 0 && lstat(lock->path, &there) == 0 && locked.st_dev == there.st_dev &&
           locked.st_ino == there.st_ino;
}

/* Another program's file of that name is not ours to lock, and not ours to remove. */
static bool is_a_lock(const struct socket_lock *lock)
{
    struct stat file;

    return fstat(lock->fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_size == 0 && file.st_nlink <= 1;
}

static maiko_status try_once(struct socket_lock *lock, bool *ret_is_held, struct text *error)
{
    lock->fd = open(lock->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock->fd < 0) {
        text_append_format(error, "%s: %s", lock->path, ERRNO_TEXT(errno));
        return MAIKO_ESYSTEM;
    }
    if (!is_a_lock(lock)) {
        text_append_format(error, "%s is somebody else's: remove it, or take another name", lock->path);
        return MAIKO_EEXIST;
    }
    if (flock(lock->fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_is_held = is_in_place(lock);
        return MAIKO_OK;
    }
    if (errno == EWOULDBLOCK) {
        text_append_format(error, "somebody else is taking it just now (%s)", lock->path);
        return MAIKO_EEXIST;
    }
    text_append_format(error, "locking %s: %s", lock->path, ERRNO_TEXT(errno));
    return MAIKO_ESYSTEM;
}

maiko_status socket_lock_take(struct socket_lock *lock, const char *socket_path, struct text *error)
{
    bool is_held = false;
    maiko_status status;
    int tries;

    lock->fd = -1;
    if (snprintf(lock->path, sizeof(lock->path), "%s.maiko-lock", socket_path) >= (int)sizeof(lock->path)) {
        text_append_format(error, "%s is too long", socket_path);
        return MAIKO_ETOOLONG;
    }
    for (tries = 0; tries < TRIES; tries++) {
        status = try_once(lock, &is_held, error);
        if (status == MAIKO_OK && is_held)
            return MAIKO_OK;
        if (lock->fd >= 0)
            close(lock->fd);
        lock->fd = -1;
        if (status != MAIKO_OK)
            return status;
    }
    text_append_format(error, "many others are taking it just now (%s)", lock->path);
    return MAIKO_EEXIST;
}

void socket_lock_release(struct socket_lock *lock)
{
    if (lock->fd < 0)
        return;
    (void)unlink(lock->path); /* first: who locks it after us finds that it is not in place */
    close(lock->fd);
    lock->fd = -1;
}
