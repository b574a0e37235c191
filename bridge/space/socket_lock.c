/* Socket lock, see socket_lock.h. */
#include "space/socket_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errno_text.h"
#include "base/patient_poll.h"

enum {
    TRIES = 64, /* each one lost to somebody who has come and gone meanwhile */
    SLEEP_MS_MAX = 60000
};

enum outcome { HELD, BUSY, PASSED /* somebody has come and gone meanwhile */, FAILED };

/* ---- the file ---- */

/* Who held it before may have removed the file between our open and our lock. */
static bool is_in_place(const struct socket_lock *lock)
{
    struct stat locked;
    struct stat there;

    return fstat(lock->fd, &locked) == 0 && lstat(lock->path, &there) == 0 && locked.st_dev == there.st_dev &&
           locked.st_ino == there.st_ino;
}

/* Another program's file of that name is not ours to lock, and not ours to remove. */
static bool is_a_lock(const struct stat *file)
{
    return S_ISREG(file->st_mode) && file->st_size == 0 && file->st_nlink <= 1;
}

/* "." for a name alone, as libzmq takes it. */
static void directory_of(const struct socket_lock *lock, char ret_directory[SPACE_PATH_MAX])
{
    const char *slash = strrchr(lock->path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - lock->path);

    memcpy(ret_directory, slash == NULL ? "." : lock->path, slash == NULL || len == 0 ? 1 : len);
    ret_directory[slash == NULL || len == 0 ? 1 : len] = '\0';
}

/* Whoever may make files in the directory, and so come for the path, may lock it: else what one user leaves behind by dying keeps
 * the others out. */
static void share(const struct socket_lock *lock)
{
    char name[SPACE_PATH_MAX];
    struct stat directory;
    mode_t mode = 0600;

    directory_of(lock, name);
    if (stat(name, &directory) != 0)
        return;
    if (directory.st_mode & S_IWGRP && fchown(lock->fd, (uid_t)-1, directory.st_gid) == 0)
        mode |= 0060;
    if (directory.st_mode & S_IWOTH)
        mode |= 0006;
    (void)!fchmod(lock->fd, mode);
}

/* Made by us or there already.  Not with one call: /tmp may refuse that for files of others (fs.protected_regular). */
static enum outcome open_file(struct socket_lock *lock, struct text *error)
{
    struct stat file;
    bool was_there;
    int reason;

    lock->fd = open(lock->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    was_there = lock->fd < 0 && errno == EEXIST;
    if (lock->fd >= 0)
        share(lock);
    else if (was_there)
        lock->fd = open(lock->path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (lock->fd >= 0)
        return HELD;
    reason = errno;
    if (was_there && reason == ENOENT)
        return PASSED;
    text_append_format(error, "%s: %s", lock->path, ERRNO_TEXT(reason));
    /* of somebody else, who has just made it and is about to share it */
    return was_there && reason == EACCES && lstat(lock->path, &file) == 0 && is_a_lock(&file) ? BUSY : FAILED;
}

static void close_file(struct socket_lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    lock->fd = -1;
}

/* ---- the lock ---- */

static enum outcome lock_file(struct socket_lock *lock, maiko_status *ret_status, struct text *error)
{
    struct stat file;

    if (fstat(lock->fd, &file) != 0 || !is_a_lock(&file)) {
        text_append_format(error, "%s is somebody else's: remove it, or take another name", lock->path);
        *ret_status = MAIKO_EEXIST;
        return FAILED;
    }
    if (flock(lock->fd, LOCK_EX | LOCK_NB) == 0)
        return is_in_place(lock) ? HELD : PASSED;
    if (errno != EWOULDBLOCK) {
        text_append_format(error, "locking %s: %s", lock->path, ERRNO_TEXT(errno));
        return FAILED;
    }
    if (!is_in_place(lock))
        return PASSED;
    text_append_format(error, "somebody else is taking it just now (%s)", lock->path);
    return BUSY;
}

/* The file stays open while somebody else has it: a close of ours would look like theirs. */
static enum outcome try_once(struct socket_lock *lock, maiko_status *ret_status, struct text *error)
{
    enum outcome outcome = HELD;

    *ret_status = MAIKO_ESYSTEM;
    if (lock->fd < 0)
        outcome = open_file(lock, error);
    if (outcome == HELD)
        outcome = lock_file(lock, ret_status, error);
    if (outcome == PASSED || outcome == FAILED)
        close_file(lock);
    return outcome;
}

/* ---- waiting for it ---- */

/* Tells of everybody who lets go of it, or dies; -1: nothing does. */
static int watch(const struct socket_lock *lock)
{
    char directory[SPACE_PATH_MAX];
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    directory_of(lock, directory);
    if (fd >= 0 && inotify_add_watch(fd, directory, IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_ATTRIB | IN_ONLYDIR) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* False: the time is over. */
static bool wait_for_news(int watch_fd, const struct clock *clock, uint64_t end_ns)
{
    struct pollfd news = {.fd = watch_fd, .events = POLLIN};
    char events[4096];
    uint64_t now_ns = clock_mono_ns(clock);
    uint64_t left_ms;

    if (watch_fd < 0 || now_ns >= end_ns)
        return false;
    left_ms = (end_ns - now_ns) / 1000000 + 1;
    (void)patient_poll(&news, 1, left_ms < SLEEP_MS_MAX ? (int)left_ms : SLEEP_MS_MAX, NULL);
    while (read(watch_fd, events, sizeof(events)) > 0) {
    }
    return true;
}

/* Those who come and go are many, but not for ever. */
static enum outcome try_often(struct socket_lock *lock, maiko_status *ret_status, struct text *error)
{
    enum outcome outcome = PASSED;
    int tries;

    text_clear(error);
    for (tries = 0; tries < TRIES && outcome == PASSED; tries++)
        outcome = try_once(lock, ret_status, error);
    if (outcome == PASSED)
        text_append_format(error, "many others are taking it just now (%s)", lock->path);
    if (outcome == PASSED || outcome == BUSY)
        *ret_status = MAIKO_EEXIST;
    return outcome;
}

static enum outcome take(struct socket_lock *lock, uint64_t wait_ns, maiko_status *ret_status, struct text *error)
{
    enum outcome outcome = try_often(lock, ret_status, error);
    struct clock clock;
    uint64_t end_ns;
    int watch_fd;

    if (outcome != BUSY || wait_ns == 0)
        return outcome;
    clock_init(&clock);
    end_ns = clock_deadline(clock_mono_ns(&clock), wait_ns);
    watch_fd = watch(lock);
    do
        outcome = try_often(lock, ret_status, error); /* who let go of it before the watch is not told of */
    while (outcome == BUSY && wait_for_news(watch_fd, &clock, end_ns));
    if (watch_fd >= 0)
        close(watch_fd);
    return outcome;
}

maiko_status socket_lock_take(struct socket_lock *lock, const char *socket_path, uint64_t wait_ns, struct text *error)
{
    char reason[SPACE_PATH_MAX + 128];
    struct text last;
    maiko_status status;

    lock->fd = -1;
    if (snprintf(lock->path, sizeof(lock->path), "%s.maiko-lock", socket_path) >= (int)sizeof(lock->path)) {
        text_append_format(error, "%s is too long", socket_path);
        return MAIKO_ETOOLONG;
    }
    text_init_buffer(&last, reason, sizeof(reason));
    if (take(lock, wait_ns, &status, &last) == HELD)
        return MAIKO_OK;
    close_file(lock);
    text_append(error, reason);
    return status;
}

void socket_lock_release(struct socket_lock *lock)
{
    if (lock->fd < 0)
        return;
    (void)unlink(lock->path); /* first: who locks it after us finds that it is not in place */
    close_file(lock);
}
