/* Space, see space.h.  One thread at a time; nested in the owner's epoll by one descriptor. */
#include "space/space_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errno_text.h"
#include "space/control.h"
#include "space/path.h"
#include "space/private_directory.h"

static const uint64_t retry_max_ns = MAIKO_SECONDS(5);

const char *space_departure_name(enum space_departure departure)
{
    static const char *const names[] = {[SPACE_LEFT] = "left", [SPACE_DIED] = "died", [SPACE_REPLACED] = "replaced"};

    return names[departure];
}

void space_warn(struct space *space, const char *text)
{
    if (space->hooks.warn != NULL)
        space->hooks.warn(text, space->hooks.userdata);
}

/* ---- events ---- */

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
        space_accept_waiting(space);
    if (space->needs_scan)
        space_scan(space);
    LIST_FOR_EACH_SAFE (link, after, &space->nodes)
        space_node_retry(space, CONTAINER_OF(link, struct node, link));
    space_note_plenty(space);
}

static void handle(struct space *space, struct source *source)
{
    switch (source->kind) {
    case SOURCE_INOTIFY:
        space_read_changes(space);
        break;
    case SOURCE_LISTENER:
        (void)space_accept_visitor(space);
        break;
    case SOURCE_RETRY:
        retry(space);
        break;
    case SOURCE_CONTROL:
        space_read_control(space, source->owner);
        break;
    case SOURCE_PIDFD:
        space_pidfd_ended(space, source->owner);
        break;
    case SOURCE_VISITOR:
        space_read_visitor(space, source->owner);
        break;
    }
}

/* One event per call: handling one may free what the next would point to, and whoever sleeps on us has more to do. */
void space_run(struct space *space)
{
    struct epoll_event event;

    if (epoll_wait(space->epoll_fd, &event, 1, 0) == 1)
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
    if (space_source_add(space, &space->inotify, SOURCE_INOTIFY, inotify_init1(IN_CLOEXEC | IN_NONBLOCK), NULL) != MAIKO_OK)
        return fail(error, "inotify");
    if (space_source_add(space, &space->retry, SOURCE_RETRY, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), NULL) !=
        MAIKO_OK)
        return fail(error, "timerfd");
    space->space_watch = inotify_add_watch(space->inotify.fd, space->place.path,
                                           IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ONLYDIR | IN_DONT_FOLLOW);
    if (space->space_watch < 0)
        return fail(error, "watching the space");
    status = control_listen(space->control_path, space->place.group, &listen_fd, error);
    if (status != MAIKO_OK)
        return status;
    return space_source_add(space, &space->listener, SOURCE_LISTENER, listen_fd, NULL);
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
    space->retry_ns = space_retry_min_ns;
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
    node_directory_reap_all(space->place.space_fd, space->heap, space_remove_short_sockets, space);
    space_scan(space);
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
        space_node_free(space, CONTAINER_OF(list_first(&space->nodes), struct node, link));
    while (space_has_remains(space))
        space_clear_remains(space);
    while (!list_is_empty(&space->visitors)) {
        struct visitor *visitor = CONTAINER_OF(list_first(&space->visitors), struct visitor, link);

        space_visitor_free(space, visitor);
    }
    remove_sockets(space);
    if (space->directory.fd >= 0) /* before the sockets close: who sees them end finds the directory gone and no corpse */
        node_directory_remove(space->place.space_fd, space->record.name, &space->directory);
    space_source_close(&space->listener);
    space_source_close(&space->inotify);
    space_source_close(&space->retry);
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

maiko_status space_put_down(struct space *space, struct text *line)
{
    space->record.is_ready = true;
    return node_record_format(&space->record, line);
}

maiko_status space_write_down(struct space *space, const struct text *line, struct text *error)
{
    return private_file_replace(space->directory.fd, SPACE_RECORD_FILE, text_str(line), line->len, error);
}

maiko_status space_announce(struct space *space, struct text *error)
{
    struct text line;
    maiko_status status;

    text_init_heap(&line, space->heap, SPACE_RECORD_MAX);
    status = space_put_down(space, &line);
    if (status == MAIKO_OK)
        status = space_write_down(space, &line, error);
    text_deinit(&line);
    return status;
}

struct space_channel *space_channel_to(struct space *space, const char *name)
{
    struct node *node = space_find(space, name);

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
    if (space->place.group == SPACE_NO_GROUP || fchmodat(AT_FDCWD, space->link_path, 0660, AT_SYMLINK_NOFOLLOW) == 0)
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
