/* Space, see space.h.  One thread at a time; nested in the owner's epoll by one descriptor. */
#include "space/space.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errno_text.h"
#include "base/list.h"
#include "space/control.h"
#include "space/node_directory.h"
#include "space/path.h"
#include "space/place.h"
#include "space/private_directory.h"
#include "space/shortage.h"

enum { VISITORS_MAX = 1024, EVENTS_PER_RUN = 256 };

static const uint64_t retry_min_ns = MAIKO_MS(20); /* doubles with every try in a row */
static const uint64_t retry_max_ns = MAIKO_SECONDS(5);

/* What a descriptor in the epoll set is; the pointer in the event leads here. */
enum source_kind { SOURCE_INOTIFY, SOURCE_LISTENER, SOURCE_RETRY, SOURCE_CONTROL, SOURCE_PIDFD, SOURCE_VISITOR };

struct source {
    enum source_kind kind;
    int fd; /* -1: none */
    void *owner;
};

struct space_channel {
    struct source source;
    char name[SPACE_NAME_MAX + 1]; /* as the other side greeted; "": it has not */
    uint16_t version;              /* of its greeting */
    void *owner;                   /* told of the end; NULL: nobody */
};

/* Another node. */
struct node {
    struct list link;
    struct node_record record;
    struct space_channel control; /* our connection to it */
    struct source pidfd;
    int watch;     /* inotify, on its directory */
    bool is_shown; /* node_arrived was called */
    bool is_dead;  /* nobody listens and nobody holds the lock: goes at the next retry */
    bool is_seen;  /* found by the scan that is running */
};

/* Somebody who connected to us. */
struct visitor {
    struct list link;
    struct space_channel channel;
};

struct space {
    struct heap *heap;
    struct space_hooks hooks;
    char name[SPACE_NAME_MAX + 1];
    struct place place;
    struct node_directory directory;
    struct node_record record; /* our own */
    char node_path[SPACE_PATH_MAX + SPACE_NAME_MAX + 2];
    char control_path[SPACE_SOCKET_PATH_MAX];
    char link_path[SPACE_SOCKET_PATH_MAX];
    char link_endpoint[SPACE_SOCKET_PATH_MAX + 8];
    int epoll_fd;
    struct source inotify;
    struct source listener;
    struct source retry; /* a timer, armed while a node could not be connected to yet */
    uint64_t retry_ns;   /* of the next try; back to the least when something in the space changes */
    bool needs_scan;     /* not all of the space could be looked at */
    bool is_deaf;        /* who connects waits in the listener, which is not listened to */
    bool is_starved;     /* since the last retry something failed for lack of descriptors or memory */
    bool is_told_starved;
    int space_watch;
    struct list nodes;
    struct list visitors;
    unsigned visitor_count;
};

const char *space_departure_name(enum space_departure departure)
{
    static const char *const names[] = {[SPACE_LEFT] = "left", [SPACE_DIED] = "died", [SPACE_REPLACED] = "replaced"};

    return names[departure];
}

static void warn(struct space *space, const char *text)
{
    if (space->hooks.warn != NULL)
        space->hooks.warn(text, space->hooks.userdata);
}

/* ---- descriptors ---- */

static maiko_status source_add(struct space *space, struct source *source, enum source_kind kind, int fd, void *owner)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = source}};

    *source = (struct source){.kind = kind, .fd = fd, .owner = owner};
    if (fd < 0)
        return MAIKO_ESYSTEM;
    if (epoll_ctl(space->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return MAIKO_OK;
    close(fd);
    source->fd = -1;
    return MAIKO_ESYSTEM;
}

static void source_close(struct source *source)
{
    if (source->fd >= 0)
        close(source->fd); /* leaves the epoll set by itself unless a forked child has it; then its owner pointer is stale */
    source->fd = -1;
}

/* A forked child keeps the open file alive, so closing alone would leave it in the epoll set. */
static void source_remove(struct space *space, struct source *source)
{
    if (source->fd >= 0)
        epoll_ctl(space->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    source_close(source);
}

static void channel_close(struct space *space, struct space_channel *channel)
{
    void *owner = channel->owner;

    source_remove(space, &channel->source);
    channel->name[0] = '\0';
    channel->owner = NULL;
    if (owner != NULL)
        space->hooks.channel_ended(owner, space->hooks.userdata);
}

/* One message.  False: the other side is gone. */
static bool channel_read(struct space *space, struct space_channel *channel)
{
    struct control_message message;
    maiko_status status = control_receive(channel->source.fd, &message);

    if (status == MAIKO_OK && space->hooks.message != NULL)
        space->hooks.message(channel, channel->name, &message, space->hooks.userdata);
    if (status == MAIKO_OK)
        control_message_close(&message);
    return status == MAIKO_OK || status == MAIKO_ENOTFOUND;
}

/* The first message of the other side.  MAIKO_OK, MAIKO_ENOTFOUND (not there yet), or the connection is of no use. */
static maiko_status channel_greeted(struct space_channel *channel, struct greeting *ret_greeting, int *ret_pidfd)
{
    maiko_status status = control_receive_greeting(channel->source.fd, ret_greeting, ret_pidfd);

    if (status == MAIKO_OK) {
        memcpy(channel->name, ret_greeting->name, sizeof(channel->name));
        channel->version = ret_greeting->version;
    }
    return status;
}

static void arm_retry(struct space *space)
{
    struct itimerspec in = {
        .it_value = {.tv_sec = (time_t)(space->retry_ns / 1000000000u), .tv_nsec = (long)(space->retry_ns % 1000000000u)}};

    timerfd_settime(space->retry.fd, 0, &in, NULL);
}

/* Whatever it was is tried again with everything else. */
static void starve(struct space *space, const char *text)
{
    if (!space->is_told_starved) {
        space->is_told_starved = true;
        space->retry_ns = retry_min_ns;
        if (space->hooks.starved != NULL)
            space->hooks.starved(text, space->hooks.userdata);
    }
    space->is_starved = true;
    arm_retry(space);
}

/* Other failures are tried again, too, but not told. */
static void starve_by_errno(struct space *space, const char *what)
{
    char reason[256];
    struct text text;

    if (!errno_is_shortage(errno)) {
        arm_retry(space);
        return;
    }
    text_init_buffer(&text, reason, sizeof(reason));
    text_append_format(&text, "%s: %s", what, ERRNO_TEXT(errno));
    starve(space, reason);
}

static void note_plenty(struct space *space)
{
    if (space->is_starved || !space->is_told_starved)
        return;
    space->is_told_starved = false;
    if (space->hooks.starved != NULL)
        space->hooks.starved(NULL, space->hooks.userdata);
}

/* ---- other nodes ---- */

static struct node *node_find(struct space *space, const char *name)
{
    struct list *link;

    LIST_FOR_EACH (link, &space->nodes) {
        struct node *node = CONTAINER_OF(link, struct node, link);

        if (strcmp(node->record.name, name) == 0)
            return node;
    }
    return NULL;
}

static void node_free(struct space *space, struct node *node)
{
    list_remove(&node->link);
    channel_close(space, &node->control);
    source_remove(space, &node->pidfd);
    if (node->watch >= 0)
        inotify_rm_watch(space->inotify.fd, node->watch);
    node_record_deinit(&node->record);
    heap_free(space->heap, node, sizeof(*node));
}

/* Sockets with short names are outside the node's directory. */
static void remove_short_sockets(const char *name, void *userdata)
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

static void node_leave(struct space *space, struct node *node, enum space_departure departure)
{
    if (departure == SPACE_DIED && node_directory_reap(space->place.space_fd, node->record.name) == MAIKO_OK)
        remove_short_sockets(node->record.name, space);
    if (node->is_shown && space->hooks.node_left != NULL)
        space->hooks.node_left(&node->record, departure, space->hooks.userdata);
    node_free(space, node);
}

static maiko_status greet(struct space *space, int fd)
{
    struct greeting greeting = {.version = GREETING_VERSION, .epoch = space->record.epoch};

    memcpy(greeting.name, space->record.name, sizeof(greeting.name));
    return control_send_greeting(fd, &greeting);
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
    if (status == MAIKO_OK && source_add(space, &node->control.source, SOURCE_CONTROL, fd, node) == MAIKO_OK) {
        (void)greet(space, fd); /* when it fails the connection has ended, and that is noticed */
        return;
    }
    if (status == MAIKO_EPERM)
        warn(space, reason);
    if (status == MAIKO_ELIMIT)
        starve(space, reason);
    if (status == MAIKO_ENOTFOUND && !node_directory_is_alive(space->place.space_fd, node->record.name, &node->record))
        node->is_dead = true;
    arm_retry(space);
}

/* A pidfd of the node's process, at once, without waiting for it to greet (it may be stopped, or die before it does).  Its
 * number is the right one when the life lock is held after the descriptor was opened; in another pid namespace only the
 * greeting brings one. */
static void node_watch_process(struct space *space, struct node *node, const struct node_record *record)
{
    struct process_identity self = process_identity_self();
    int pidfd;

    if (node->pidfd.fd >= 0 || record->process.pid_namespace != self.pid_namespace || record->process.pid == self.pid)
        return;
    pidfd = process_open_pidfd(record->process.pid);
    if (pidfd < 0)
        return;
    if (node_directory_is_alive(space->place.space_fd, record->name, record))
        (void)source_add(space, &node->pidfd, SOURCE_PIDFD, pidfd, node);
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
    struct node *node = node_find(space, name);
    struct node_record record;
    char reason[256];
    struct text why;
    maiko_status status;

    if (node == NULL)
        node = node_new(space, name);
    if (node == NULL) {
        space->needs_scan = true;
        starve(space, "no memory for another node of the space");
        return;
    }
    node->is_seen = true;
    node_watch_directory(space, node); /* before the reading, or a change in between would be missed */
    text_init_buffer(&why, reason, sizeof(reason));
    node_record_init(&record, space->heap);
    status = node_directory_read(space->place.space_fd, name, &record, &why);
    if (status == MAIKO_ELIMIT || status == MAIKO_ENOMEM) {
        space->needs_scan = true;
        starve(space, reason[0] != '\0' ? reason : maiko_strerror(status));
    } else if (status != MAIKO_OK && reason[0] != '\0') {
        warn(space, reason);
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
static void scan(struct space *space)
{
    int fd = openat(space->place.space_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    struct list *link;

    space->needs_scan = directory == NULL;
    if (directory == NULL) {
        starve_by_errno(space, "the space cannot be looked at");
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

/* ---- events ---- */

static void read_inotify(struct space *space)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool is_news = false;
    ssize_t len;

    while ((len = read(space->inotify.fd, events, sizeof(events))) > 0)
        is_news = true;
    if (!is_news)
        return;
    space->retry_ns = retry_min_ns;
    scan(space);
}

/* While there is no descriptor for a visitor the listener would be ready without end. */
static void listen_to_visitors(struct space *space, bool is_on)
{
    struct epoll_event event = {.events = is_on ? EPOLLIN : 0, .data = {.ptr = &space->listener}};

    space->is_deaf = !is_on;
    epoll_ctl(space->epoll_fd, EPOLL_CTL_MOD, space->listener.fd, &event);
}

/* True: there was one. */
static bool accept_visitor(struct space *space)
{
    struct visitor *visitor;
    char reason[256];
    struct text why;
    maiko_status status;
    int fd = -1;

    text_init_buffer(&why, reason, sizeof(reason));
    status = control_accept(space->listener.fd, space->place.group, &fd, &why);
    if (status == MAIKO_ELIMIT)
        starve(space, reason);
    else if (status != MAIKO_OK && status != MAIKO_ENOTFOUND)
        warn(space, reason);
    if (status == MAIKO_ELIMIT || status == MAIKO_ESYSTEM) {
        listen_to_visitors(space, false);
        arm_retry(space);
    }
    if (status != MAIKO_OK)
        return status == MAIKO_EPERM;
    visitor = space->visitor_count < VISITORS_MAX ? heap_alloc_zeroed(space->heap, 1, sizeof(*visitor)) : NULL;
    if (visitor == NULL || source_add(space, &visitor->channel.source, SOURCE_VISITOR, fd, visitor) != MAIKO_OK) {
        if (visitor == NULL)
            close(fd);
        heap_free(space->heap, visitor, sizeof(*visitor));
        warn(space, "a control connection was turned away: too many");
        return true;
    }
    list_init(&visitor->link);
    list_push_back(&space->visitors, &visitor->link);
    space->visitor_count++;
    if (greet(space, fd) != MAIKO_OK)
        warn(space, "greeting a visitor failed");
    return true;
}

/* Those who came meanwhile, while there are descriptors for them. */
static void accept_waiting(struct space *space)
{
    listen_to_visitors(space, true);
    while (accept_visitor(space))
        ;
}

static void visitor_free(struct space *space, struct visitor *visitor)
{
    list_remove(&visitor->link);
    channel_close(space, &visitor->channel);
    heap_free(space->heap, visitor, sizeof(*visitor));
    space->visitor_count--;
}

static void read_visitor(struct space *space, struct visitor *visitor)
{
    struct greeting greeting;
    maiko_status status = MAIKO_OK;
    int pidfd = -1;

    if (visitor->channel.name[0] != '\0') {
        if (!channel_read(space, &visitor->channel))
            visitor_free(space, visitor);
        return;
    }
    status = channel_greeted(&visitor->channel, &greeting, &pidfd);
    if (pidfd >= 0)
        close(pidfd); /* our own connection to this node brings one */
    if (status != MAIKO_OK && status != MAIKO_ENOTFOUND)
        visitor_free(space, visitor);
}

static bool has_directory(struct space *space, const struct node *node)
{
    return faccessat(space->place.space_fd, node->record.name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The connection ended, but a stopping node, a busy one and a dead one all look like this: the lock decides.  The kernel may
 * close the socket of a dying process before it drops the lock; the retry looks again then. */
static void control_ended(struct space *space, struct node *node)
{
    channel_close(space, &node->control);
    if (node_directory_is_alive(space->place.space_fd, node->record.name, &node->record))
        arm_retry(space);
    else
        node_leave(space, node, has_directory(space, node) ? SPACE_DIED : SPACE_LEFT);
}

static void pidfd_ended(struct space *space, struct node *node)
{
    node_leave(space, node, has_directory(space, node) ? SPACE_DIED : SPACE_LEFT);
}

static void read_control(struct space *space, struct node *node)
{
    struct greeting greeting;
    maiko_status status;
    int pidfd = -1;

    if (node->control.name[0] != '\0') {
        if (!channel_read(space, &node->control))
            control_ended(space, node);
        return;
    }
    status = channel_greeted(&node->control, &greeting, &pidfd);
    if (status == MAIKO_ENOTFOUND)
        return;
    if (status != MAIKO_OK) {
        control_ended(space, node);
        return;
    }
    if (node->pidfd.fd < 0 && pidfd >= 0)
        (void)source_add(space, &node->pidfd, SOURCE_PIDFD, pidfd, node); /* without it the end of the socket has to do */
    else if (pidfd >= 0)
        close(pidfd);
    if (strcmp(greeting.name, node->record.name) != 0 || (node->record.epoch != 0 && greeting.epoch != node->record.epoch))
        scan(space); /* a later life of the name */
    else if (space->hooks.channel_ready != NULL)
        space->hooks.channel_ready(&node->control, node->record.name, space->hooks.userdata);
}

static void node_retry(struct space *space, struct node *node)
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

static void retry(struct space *space)
{
    uint64_t expirations;
    struct list *link;
    struct list *after;

    if (read(space->retry.fd, &expirations, sizeof(expirations)) < 0)
        return;
    space->retry_ns = space->retry_ns * 2 < retry_max_ns ? space->retry_ns * 2 : retry_max_ns;
    space->is_starved = false;
    if (space->is_deaf)
        accept_waiting(space);
    if (space->needs_scan)
        scan(space);
    LIST_FOR_EACH_SAFE (link, after, &space->nodes)
        node_retry(space, CONTAINER_OF(link, struct node, link));
    note_plenty(space);
}

static void handle(struct space *space, struct source *source)
{
    switch (source->kind) {
    case SOURCE_INOTIFY:
        read_inotify(space);
        break;
    case SOURCE_LISTENER:
        (void)accept_visitor(space);
        break;
    case SOURCE_RETRY:
        retry(space);
        break;
    case SOURCE_CONTROL:
        read_control(space, source->owner);
        break;
    case SOURCE_PIDFD:
        pidfd_ended(space, source->owner);
        break;
    case SOURCE_VISITOR:
        read_visitor(space, source->owner);
        break;
    }
}

/* One event per call of epoll_wait: handling one may free what the next would point to. */
void space_run(struct space *space)
{
    struct epoll_event event;
    int rounds;

    for (rounds = 0; rounds < EVENTS_PER_RUN && epoll_wait(space->epoll_fd, &event, 1, 0) == 1; rounds++)
        handle(space, event.data.ptr);
}

/* ---- joining and leaving ---- */

static maiko_status fail(struct text *error, const char *what)
{
    text_append_format(error, "%s: %s", what, ERRNO_TEXT(errno));
    return MAIKO_ESYSTEM;
}

static maiko_status set_up_names(struct space *space, const struct space_config *config, struct text *error)
{
    maiko_status status;

    memcpy(space->name, config->space, strlen(config->space) + 1);
    memcpy(space->record.name, config->node, strlen(config->node) + 1);
    snprintf(space->node_path, sizeof(space->node_path), "%s/%s", space->place.path, config->node);
    status = place_socket_path(&space->place, config->space, config->node, SPACE_CONTROL_SOCKET, space->control_path, error);
    if (status == MAIKO_OK)
        status = place_socket_path(&space->place, config->space, config->node, SPACE_LINK_SOCKET, space->link_path, error);
    snprintf(space->link_endpoint, sizeof(space->link_endpoint), "ipc://%s", space->link_path);
    return status;
}

static maiko_status take_name(struct space *space, struct text *error)
{
    struct clock clock;

    clock_init(&clock);
    space->record.process = process_identity_self();
    space->record.started_ns = clock_wall_ns(&clock);
    space->record.epoch = space->record.started_ns; /* grows from life to life as long as the clock does; else create raises it */
    return node_directory_create(space->place.space_fd, &space->record, &space->directory, error);
}

static maiko_status start_watching(struct space *space, struct text *error)
{
    int listen_fd = -1;
    maiko_status status;

    space->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (space->epoll_fd < 0)
        return fail(error, "epoll");
    if (source_add(space, &space->inotify, SOURCE_INOTIFY, inotify_init1(IN_CLOEXEC | IN_NONBLOCK), NULL) != MAIKO_OK)
        return fail(error, "inotify");
    if (source_add(space, &space->retry, SOURCE_RETRY, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), NULL) !=
        MAIKO_OK)
        return fail(error, "timerfd");
    space->space_watch = inotify_add_watch(space->inotify.fd, space->place.path,
                                           IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ONLYDIR | IN_DONT_FOLLOW);
    if (space->space_watch < 0)
        return fail(error, "watching the space");
    status = control_listen(space->control_path, space->place.group, &listen_fd, error);
    if (status != MAIKO_OK)
        return status;
    return source_add(space, &space->listener, SOURCE_LISTENER, listen_fd, NULL);
}

static struct space *space_new(const struct space_config *config)
{
    struct space *space = heap_alloc_zeroed(config->heap, 1, sizeof(*space));

    if (space == NULL)
        return NULL;
    space->heap = config->heap;
    space->hooks = config->hooks;
    space->place.space_fd = -1;
    space->directory = (struct node_directory){.fd = -1, .life_fd = -1};
    space->epoll_fd = -1;
    space->inotify.fd = -1;
    space->listener.fd = -1;
    space->retry.fd = -1;
    space->retry_ns = retry_min_ns;
    node_record_init(&space->record, config->heap);
    list_init(&space->nodes);
    list_init(&space->visitors);
    return space;
}

static maiko_status check_names(const struct space_config *config, struct text *error)
{
    const char *bad = space_name_is_valid(config->space) && !space_name_is_reserved(config->space) ? config->node : config->space;

    if (space_name_is_valid(config->space) && space_name_is_valid(config->node) && !space_name_is_reserved(config->space))
        return MAIKO_OK;
    text_append_format(error,
                       "\"%s\" is no name for a space or a node: 1 to %d bytes of UTF-8 without '/', not beginning with "
                       "'.' or '-', and not \"" SPACE_COUNTERS_DIRECTORY "\"",
                       bad == NULL ? "" : bad, SPACE_NAME_MAX);
    return MAIKO_ENAME;
}

maiko_status space_join(const struct space_config *config, struct space **ret_space, struct text *error)
{
    maiko_status status = check_names(config, error);
    gid_t group = SPACE_NO_GROUP;
    struct space *space;

    if (status == MAIKO_OK && config->group != NULL && config->group[0] != '\0')
        status = group_find(config->group, &group, error);
    if (status != MAIKO_OK)
        return status;
    space = space_new(config);
    if (space == NULL)
        return MAIKO_ENOMEM;
    status = place_open(config->runtime_dir, group, config->space, true, &space->place, error);
    if (status == MAIKO_OK)
        status = set_up_names(space, config, error);
    if (status == MAIKO_OK)
        status = take_name(space, error);
    if (status == MAIKO_OK)
        status = start_watching(space, error);
    if (status != MAIKO_OK) {
        space_leave(space);
        return status;
    }
    node_directory_reap_all(space->place.space_fd, space->heap, remove_short_sockets, space);
    scan(space);
    *ret_space = space;
    return MAIKO_OK;
}

static void remove_sockets(struct space *space)
{
    if (space->listener.fd < 0)
        return; /* never ours */
    unlink(space->control_path);
    unlink(space->link_path);
}

struct space *space_leave(struct space *space)
{
    if (space == NULL)
        return NULL;
    while (!list_is_empty(&space->nodes))
        node_free(space, CONTAINER_OF(list_first(&space->nodes), struct node, link));
    while (!list_is_empty(&space->visitors)) {
        struct visitor *visitor = CONTAINER_OF(list_first(&space->visitors), struct visitor, link);

        visitor_free(space, visitor);
    }
    remove_sockets(space);
    if (space->directory.fd >= 0) /* before the sockets close: who sees them end finds the directory gone and no corpse */
        node_directory_remove(space->place.space_fd, space->record.name, &space->directory);
    source_close(&space->listener);
    source_close(&space->inotify);
    source_close(&space->retry);
    if (space->epoll_fd >= 0)
        close(space->epoll_fd);
    place_close(&space->place);
    node_record_deinit(&space->record);
    heap_free(space->heap, space, sizeof(*space));
    return NULL;
}

struct node_record *space_record(struct space *space)
{
    return &space->record;
}

maiko_status space_announce(struct space *space, struct text *error)
{
    struct text line;
    maiko_status status;

    space->record.is_ready = true;
    text_init_heap(&line, space->heap, SPACE_RECORD_MAX);
    status = node_record_format(&space->record, &line);
    if (status == MAIKO_OK)
        status = private_file_replace(space->directory.fd, SPACE_RECORD_FILE, text_str(&line), line.len, error);
    text_deinit(&line);
    return status;
}

struct space_channel *space_channel_to(struct space *space, const char *name)
{
    struct node *node = node_find(space, name);

    return node != NULL && node->control.name[0] != '\0' ? &node->control : NULL;
}

bool space_channel_can_attach(const struct space_channel *channel)
{
    return channel->version >= GREETING_VERSION_ATTACH;
}

maiko_status space_channel_send(struct space_channel *channel, const void *bytes, size_t len, const int *fds, size_t fd_count)
{
    return control_send(channel->source.fd, bytes, len, fds, fd_count);
}

void space_channel_set_owner(struct space_channel *channel, void *owner)
{
    channel->owner = owner;
}

const char *space_link_endpoint(const struct space *space)
{
    return space->link_endpoint;
}

maiko_status space_link_bound(const struct space *space, struct text *error)
{
    if (space->place.group == SPACE_NO_GROUP || chmod(space->link_path, 0660) == 0)
        return MAIKO_OK;
    return fail(error, space->link_path);
}

gid_t space_group(const struct space *space)
{
    return space->place.group;
}

const char *space_node_path(const struct space *space)
{
    return space->node_path;
}

int space_fd(const struct space *space)
{
    return space->epoll_fd;
}
