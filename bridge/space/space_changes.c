/* What has changed in the directories of a space, as inotify tells it: which node to look at, or all of them.  Looking at one
 * takes some twenty system calls, and each node writes its record several times when another comes or goes. */
#include "space/space_internal.h"

#include <sys/inotify.h>
#include <unistd.h>

static struct node *find_by_watch(struct space *space, int watch)
{
    struct list *link;

    LIST_FOR_EACH (link, &space->nodes) {
        struct node *node = CONTAINER_OF(link, struct node, link);

        if (node->watch == watch)
            return node;
    }
    return NULL;
}

/* What is made or taken away under a name with a dot is renamed before or after, which is told, too. */
static bool is_of_no_node(struct space *space, const struct inotify_event *event)
{
    bool has_gone = (event->mask & (IN_MOVED_FROM | IN_DELETE)) != 0;

    return event->len > 0 && (event->name[0] == '.' || (has_gone && space_find(space, event->name) == NULL));
}

/* Without knowing better, all are looked at. */
static void note(struct space *space, const struct inotify_event *event)
{
    struct node *node;

    if (event->wd == space->space_watch) {
        space->needs_scan = space->needs_scan || !is_of_no_node(space, event);
        return;
    }
    if ((event->mask & IN_IGNORED) != 0)
        return; /* a directory that has gone, and the space was told to have changed */
    node = event->wd >= 0 ? find_by_watch(space, event->wd) : NULL; /* less: there were too many to tell */
    if (node != NULL)
        node->has_changed = true;
    else
        space->needs_scan = true;
}

static void look_at_changed(struct space *space)
{
    struct list *link;
    struct list *after;

    LIST_FOR_EACH_SAFE (link, after, &space->nodes) {
        struct node *node = CONTAINER_OF(link, struct node, link);

        if (node->has_changed)
            space_look(space, node);
    }
}

void space_read_changes(struct space *space)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool is_news = false;
    ssize_t len;

    while ((len = read(space->inotify.fd, events, sizeof(events))) > 0) {
        const char *at = events;

        for (is_news = true; at < events + len; at += sizeof(struct inotify_event) + ((const struct inotify_event *)at)->len)
            note(space, (const struct inotify_event *)at);
    }
    if (!is_news)
        return;
    space->retry_ns = space_retry_min_ns;
    if (space->needs_scan)
        space_scan(space);
    else
        look_at_changed(space);
}
