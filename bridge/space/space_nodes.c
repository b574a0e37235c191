/* The other nodes of a space: who they are, who came, who left and how. */
#include "space/space_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "space/control.h"
#include "space/path.h"
#include "space/private_directory.h"

struct node *space_find(struct space *space, const char *name)
{
    struct list *link;

    LIST_FOR_EACH (link, &space->nodes) {
        struct node *node = CONTAINER_OF(link, struct node, link);

        if (strcmp(node->record.name, name) == 0)
            return node;
    }
    return NULL;
}

void space_node_free(struct space *space, struct node *node)
{
    list_remove(&node->link);
    space_channel_close(space, &node->control);
    space_source_remove(space, &node->pidfd);
    if (node->watch >= 0)
        inotify_rm_watch(space->inotify.fd, node->watch);
    node_record_deinit(&node->record);
    heap_free(space->heap, node, sizeof(*node));
}

/* ---- what the dead have left ---- */

/* Sockets with short names are outside the node's directory. */
void space_remove_short_sockets(const char *name, void *userdata)
{
    static const char *const files[] = {SPACE_CONTROL_SOCKET, SPACE_LINK_SOCKET};
    struct space *space = userdata;
    char path[SPACE_SOCKET_PATH_MAX];
    char ignored[128];
    struct text why;
    size_t i;

    text_init_buffer(&why, ignored, sizeof(ignored));
    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (space_socket_path(space->place.base, space->name, name, files[i], path, &why) == MAIKO_OK &&
            space_socket_path_is_short(space->place.base, path) && socket_path_life(path, SOCK_SEQPACKET) == SOCKET_STALE)
            unlink(path);
}

struct remains {
    struct fifo_link link;
    struct node_remains directory;
};

static void clear(struct space *space, struct remains *remains)
{
    (void)!node_directory_clear(space->place.space_fd, &remains->directory);
}

/* Has a later life of the node the name already, or does it live after all?  One of this process would not be held up by its own
 * locks, so its record is asked.  What cannot be read now is left alone. */
static bool is_another_life(struct space *space, const struct node *node)
{
    struct node_record record;
    char ignored[128];
    struct text why;
    maiko_status status;
    bool is_other;

    text_init_buffer(&why, ignored, sizeof(ignored));
    node_record_init(&record, space->heap);
    status = node_directory_read(space->place.space_fd, node->record.name, &record, &why);
    is_other = status == MAIKO_ENOMEM || status == MAIKO_ELIMIT ||
               (status == MAIKO_OK && ((node->record.epoch != 0 && record.epoch != node->record.epoch) ||
                                       node_directory_is_alive(space->place.space_fd, node->record.name, &record)));
    node_record_deinit(&record);
    return is_other;
}

/* The name is free at once; the rest can wait, but for sockets outside of the directory, which a next life binds again. */
static void bury(struct space *space, const char *name)
{
    struct remains *remains;
    struct remains now;

    space_remove_short_sockets(name, space);
    if (node_directory_bury(space->place.space_fd, name, &space->record.process, &now.directory) != MAIKO_OK)
        return; /* somebody else does it */
    remains = heap_alloc_zeroed(space->heap, 1, sizeof(*remains));
    if (remains == NULL) {
        clear(space, &now);
        return;
    }
    remains->directory = now.directory;
    fifo_push(&space->remains, &remains->link);
}

bool space_has_remains(const struct space *space)
{
    return !fifo_is_empty(&space->remains);
}

void space_clear_remains(struct space *space)
{
    struct fifo_link *link = fifo_pop(&space->remains);
    struct remains *remains;

    if (link == NULL)
        return;
    remains = CONTAINER_OF(link, struct remains, link);
    clear(space, remains);
    heap_free(space->heap, remains, sizeof(*remains));
}

/* ---- coming and going ---- */

static void node_leave(struct space *space, struct node *node, enum space_departure departure)
{
    if (departure == SPACE_DIED && is_another_life(space, node))
        space->needs_scan = true;
    else if (departure == SPACE_DIED)
        bury(space, node->record.name);
    if (node->is_shown && space->hooks.node_left != NULL)
        space->hooks.node_left(&node->record, departure, space->hooks.userdata);
    space_node_free(space, node);
}

/* Connects to the node's control socket, so that its end is noticed; tried again while it is not there yet. */
static void node_connect(struct space *space, struct node *node)
{
    char path[SPACE_SOCKET_PATH_MAX];
    char reason[256];
    struct text why;
    maiko_status status;
    int fd = -1;

    text_init_buffer(&why, reason, sizeof(reason));
    status = space_socket_path(space->place.base, space->name, node->record.name, SPACE_CONTROL_SOCKET, path, &why);
    if (status == MAIKO_OK)
        status = control_connect(path, space->place.group, &fd, &why);
    if (status == MAIKO_OK && space_source_add(space, &node->control.source, SOURCE_CONTROL, fd, node) == MAIKO_OK) {
        (void)space_greet(space, fd); /* when it fails the connection has ended, and that is noticed */
        return;
    }
    if (status == MAIKO_EPERM)
        space_warn(space, reason);
    if (status == MAIKO_ELIMIT)
        space_starve(space, reason);
    if (status == MAIKO_ENOTFOUND && !node_directory_is_alive(space->place.space_fd, node->record.name, &node->record))
        node->is_dead = true;
    space_arm_retry(space);
}

/* A pidfd of the node's process, at once, without waiting for it to greet (it may be stopped, or die before it does).  Its
 * number is the right one when the life lock is held after the descriptor was opened; in another pid namespace only the
 * greeting brings one. */
static void node_watch_process(struct space *space, struct node *node, const struct node_record *record)
{
    const struct process_identity *self = &space->record.process;
    int pidfd;

    if (node->pidfd.fd >= 0 || record->process.pid_namespace != self->pid_namespace || record->process.pid == self->pid)
        return;
    pidfd = process_open_pidfd(record->process.pid);
    if (pidfd < 0)
        return;
    if (node_directory_is_alive(space->place.space_fd, record->name, record))
        (void)space_source_add(space, &node->pidfd, SOURCE_PIDFD, pidfd, node);
    else
        close(pidfd);
}

/* The directory that has the name now, which may be that of a later life. */
static void node_watch_directory(struct space *space, struct node *node)
{
    char path[SPACE_PATH_MAX + SPACE_NAME_MAX + 2];
    int watch;

    snprintf(path, sizeof(path), "%s/%s", space->place.path, node->record.name);
    watch = inotify_add_watch(space->inotify.fd, path, IN_MOVED_TO | IN_ONLYDIR | IN_DONT_FOLLOW);
    if (node->watch >= 0 && node->watch != watch)
        inotify_rm_watch(space->inotify.fd, node->watch); /* fails when it went with its directory */
    node->watch = watch;
}

static struct node *node_new(struct space *space, const char *name)
{
    struct node *node = heap_alloc_zeroed(space->heap, 1, sizeof(*node));

    if (node == NULL)
        return NULL;
    node_record_init(&node->record, space->heap);
    memcpy(node->record.name, name, strlen(name) + 1);
    node->control.source.fd = -1;
    node->pidfd.fd = -1;
    node->watch = -1;
    list_push_back(&space->nodes, &node->link);
    return node;
}

static bool records_equal(const struct node_record *a, const struct node_record *b)
{
    struct text left;
    struct text right;
    bool is_equal;

    text_init_heap(&left, a->heap, SPACE_RECORD_MAX);
    text_init_heap(&right, b->heap, SPACE_RECORD_MAX);
    is_equal = node_record_format(a, &left) == MAIKO_OK && node_record_format(b, &right) == MAIKO_OK &&
               strcmp(text_str(&left), text_str(&right)) == 0;
    text_deinit(&left);
    text_deinit(&right);
    return is_equal;
}

/* Takes over the contents of `record`, which was just read, and tells when that is news. */
static void node_update(struct space *space, struct node *node, struct node_record *record)
{
    bool is_same = node->is_shown && records_equal(&node->record, record);

    if (is_same) {
        node_record_deinit(record);
        return;
    }
    node_record_deinit(&node->record);
    node->record = *record;
    if (node->is_shown) {
        if (space->hooks.node_changed != NULL)
            space->hooks.node_changed(&node->record, space->hooks.userdata);
    } else if (node->record.is_ready) {
        node->is_shown = true;
        if (space->hooks.node_arrived != NULL)
            space->hooks.node_arrived(&node->record, space->hooks.userdata);
    }
}

/* The directory of `name` is there: who is it now? */
static void node_look(struct space *space, const char *name)
{
    struct node *node = space_find(space, name);
    struct node_record record;
    char reason[256];
    struct text why;
    maiko_status status;

    if (node == NULL)
        node = node_new(space, name);
    if (node == NULL) {
        space->needs_scan = true;
        space_starve(space, "no memory for another node of the space");
        return;
    }
    node->is_seen = true;
    node->has_changed = false;
    node_watch_directory(space, node); /* before the reading, or a change in between would be missed */
    text_init_buffer(&why, reason, sizeof(reason));
    node_record_init(&record, space->heap);
    status = node_directory_read(space->place.space_fd, name, &record, &why);
    if (status == MAIKO_ELIMIT || status == MAIKO_ENOMEM) {
        space->needs_scan = true;
        space_starve(space, reason[0] != '\0' ? reason : maiko_strerror(status));
    } else if (status != MAIKO_OK && reason[0] != '\0') {
        space_warn(space, reason);
    }
    if (status != MAIKO_OK)
        return;
    if (node->record.epoch != 0 && node->record.epoch != record.epoch) {
        node_record_deinit(&record);
        node_leave(space, node, SPACE_REPLACED); /* and with it the watch */
        node_look(space, name);                  /* a new one, which has no epoch to be replaced */
        return;
    }
    node_watch_process(space, node, &record);
    if (node->control.source.fd < 0 && record.is_ready)
        node_connect(space, node);
    node_update(space, node, &record);
}

void space_look(struct space *space, struct node *node)
{
    char name[SPACE_NAME_MAX + 1];

    memcpy(name, node->record.name, sizeof(name)); /* the node may go */
    node_look(space, name);
}

static void forget_unseen(struct space *space)
{
    struct list *link;
    struct list *after;

    LIST_FOR_EACH_SAFE (link, after, &space->nodes) {
        struct node *node = CONTAINER_OF(link, struct node, link);

        if (!node->is_seen)
            node_leave(space, node, SPACE_LEFT);
    }
}

/* Looks at every directory of the space: the answer to "something changed" that cannot miss anything. */
void space_scan(struct space *space)
{
    int fd = openat(space->place.space_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    struct list *link;

    space->needs_scan = directory == NULL;
    if (directory == NULL) {
        space_starve_by_errno(space, "the space cannot be looked at");
        if (fd >= 0)
            close(fd);
        return;
    }
    LIST_FOR_EACH (link, &space->nodes)
        CONTAINER_OF(link, struct node, link)->is_seen = false;
    while ((entry = readdir(directory)) != NULL)
        if (space_name_is_valid(entry->d_name) && strcmp(entry->d_name, space->record.name) != 0)
            node_look(space, entry->d_name);
    closedir(directory);
    forget_unseen(space);
}

static bool has_directory(struct space *space, const struct node *node)
{
    return faccessat(space->place.space_fd, node->record.name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The connection ended, but a stopping node, a busy one and a dead one all look like this: the lock decides.  The kernel may
 * close the socket of a dying process before it drops the lock; the retry looks again then. */
static void control_ended(struct space *space, struct node *node)
{
    space_channel_close(space, &node->control);
    if (node_directory_is_alive(space->place.space_fd, node->record.name, &node->record))
        space_arm_retry(space);
    else
        node_leave(space, node, has_directory(space, node) ? SPACE_DIED : SPACE_LEFT);
}

void space_pidfd_ended(struct space *space, struct node *node)
{
    node_leave(space, node, has_directory(space, node) ? SPACE_DIED : SPACE_LEFT);
}

void space_read_control(struct space *space, struct node *node)
{
    struct greeting greeting;
    maiko_status status;
    int pidfd = -1;

    if (node->control.name[0] != '\0') {
        if (!space_channel_read(space, &node->control))
            control_ended(space, node);
        return;
    }
    status = space_channel_greeted(&node->control, &greeting, &pidfd);
    if (status == MAIKO_ENOTFOUND)
        return;
    if (status != MAIKO_OK) {
        control_ended(space, node);
        return;
    }
    if (node->pidfd.fd < 0 && pidfd >= 0)
        (void)space_source_add(space, &node->pidfd, SOURCE_PIDFD, pidfd, node); /* without it the end of the socket has to do */
    else if (pidfd >= 0)
        close(pidfd);
    if (strcmp(greeting.name, node->record.name) != 0 || (node->record.epoch != 0 && greeting.epoch != node->record.epoch))
        space_scan(space); /* a later life of the name */
    else if (space->hooks.channel_ready != NULL)
        space->hooks.channel_ready(&node->control, node->record.name, space->hooks.userdata);
}

void space_node_retry(struct space *space, struct node *node)
{
    if (node->control.source.fd >= 0)
        return;
    if (space->is_starved && node->record.epoch == 0)
        return; /* never looked at: by its lock alone one of this process would look dead */
    if (node->record.is_ready && !node->is_dead)
        node_connect(space, node);
    else if (node->is_dead || !node_directory_is_alive(space->place.space_fd, node->record.name, &node->record))
        node_leave(space, node, SPACE_DIED);
}
