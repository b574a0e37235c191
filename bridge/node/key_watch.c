/* Key watch: notices that the key file, the allow file or a file with a peer's key was written anew or replaced, so that keys are
 * rotated without a restart and without a call.  The directories are watched, not the files: a replaced file is another one.  Of
 * a file that is a symbolic link the directory of its target is watched, too, and at whatever happens in either it is asked
 * whether the link leads to another file: secrets are mounted behind links to a directory that is itself replaced. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errno_text.h"
#include "node/node.h"

struct watched_file {
    const char *path;  /* the bridge's */
    struct stat known; /* where it led when it was looked last, if it is a link */
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* The directory a file is in; "." for a name alone. */
static void directory_of(const char *path, char ret_directory[PATH_MAX])
{
    size_t len = (size_t)(base_name(path) - path);

    if (len == 0) {
        strcpy(ret_directory, ".");
        return;
    }
    memcpy(ret_directory, path, len);
    ret_directory[len > 1 ? len - 1 : len] = '\0';
}

static bool watch_directory_of(const maiko_bridge *bridge, const char *path)
{
    char directory[PATH_MAX];

    directory_of(path, directory);
    return inotify_add_watch(bridge->key_watch_fd, directory, IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR) >= 0;
}

static bool is_link(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

/* A directory that is watched already stays so; that of an earlier target does until it is gone. */
static bool watch_file(const maiko_bridge *bridge, const char *path)
{
    char target[PATH_MAX];

    if (is_link(path) && realpath(path, target) != NULL && !watch_directory_of(bridge, target))
        return false;
    return watch_directory_of(bridge, path);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Does a link lead to another file than when this was asked last, or has its file other contents? */
static bool leads_elsewhere(const maiko_bridge *bridge, struct watched_file *file)
{
    struct stat now;

    if (!is_link(file->path) || stat(file->path, &now) != 0 || is_same_file(&now, &file->known))
        return false;
    file->known = now;
    (void)watch_file(bridge, file->path);
    return true;
}

static bool one_leads_elsewhere(const maiko_bridge *bridge)
{
    bool does = false;
    size_t i;

    for (i = 0; i < bridge->watched_count; i++)
        does = leads_elsewhere(bridge, &bridge->watched[i]) || does;
    return does;
}

static bool is_ours(const maiko_bridge *bridge, const char *name)
{
    size_t i;

    for (i = 0; i < bridge->watched_count; i++)
        if (strcmp(base_name(bridge->watched[i].path), name) == 0)
            return true;
    return false;
}

static void watch_ready(void *userdata)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    maiko_bridge *bridge = userdata;
    ssize_t len;

    while ((len = read(bridge->key_watch_fd, events, sizeof(events))) > 0) {
        ssize_t at = 0;

        while (at < len) {
            const struct inotify_event *event = (const void *)(events + at);

            if ((event->mask & IN_Q_OVERFLOW) != 0 ||
                (event->len > 0 && (event->mask & IN_CREATE) == 0 && is_ours(bridge, event->name)))
                atomic_store(&bridge->wants_reload, true);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    }
    if (one_leads_elsewhere(bridge))
        atomic_store(&bridge->wants_reload, true);
}

/* ---- which ---- */

static size_t most_files(const maiko_bridge *bridge)
{
    return 2 + bridge->peer_key_count + bridge->endpoint_count;
}

static void add_file(maiko_bridge *bridge, const char *path)
{
    if (path != NULL && path[0] != '\0')
        bridge->watched[bridge->watched_count++].path = path;
}

static bool list_files(maiko_bridge *bridge)
{
    size_t i;

    bridge->watched = heap_alloc_zeroed(bridge->heap, most_files(bridge), sizeof(*bridge->watched));
    if (bridge->watched == NULL) {
        errno = ENOMEM;
        return false;
    }
    add_file(bridge, bridge->key_file);
    add_file(bridge, bridge->allow_file);
    for (i = 0; i < bridge->peer_key_count; i++)
        add_file(bridge, bridge->peer_keys[i].file);
    for (i = 0; i < bridge->endpoint_count; i++)
        add_file(bridge, bridge->endpoints[i].peer_key.file);
    return true;
}

static bool watch_all(maiko_bridge *bridge)
{
    size_t i;

    bridge->key_watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (bridge->key_watch_fd < 0)
        return false;
    for (i = 0; i < bridge->watched_count; i++)
        if (!watch_file(bridge, bridge->watched[i].path))
            node_log(bridge, MAIKO_LOG_WARNING, "%s is read again on maiko_bridge_reload() only: %s", bridge->watched[i].path,
                     ERRNO_TEXT(errno));
    return zmq_port_watch(bridge->port, bridge->key_watch_fd, watch_ready, bridge) == MAIKO_OK;
}

void node_key_watch_start(maiko_bridge *bridge)
{
    bool is_listed = list_files(bridge);

    if (is_listed && bridge->watched_count == 0) {
        node_key_watch_stop(bridge);
        return;
    }
    if (is_listed && watch_all(bridge)) {
        (void)one_leads_elsewhere(bridge);
        atomic_store(&bridge->wants_reload, true); /* what changed since they were read */
        return;
    }
    node_log(bridge, MAIKO_LOG_WARNING, "changed key and allow files are read on maiko_bridge_reload() only: %s",
             ERRNO_TEXT(errno));
    node_key_watch_stop(bridge);
}

void node_key_watch_stop(maiko_bridge *bridge)
{
    heap_free(bridge->heap, bridge->watched, most_files(bridge) * sizeof(*bridge->watched));
    bridge->watched = NULL;
    bridge->watched_count = 0;
    if (bridge->key_watch_fd >= 0)
        close(bridge->key_watch_fd);
    bridge->key_watch_fd = -1;
}
