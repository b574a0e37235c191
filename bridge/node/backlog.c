/* Backlog: see backlog.h. */
#include "node/backlog.h"

#include <string.h>

struct node_backlog *backlog_take(maiko_bridge *bridge, const char *name)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->left_backlogs) {
        struct node_backlog *backlog = CONTAINER_OF(link, struct node_backlog, link);

        if (name[0] == '\0' || strcmp(backlog->name, name) != 0)
            continue;
        list_remove(&backlog->link);
        backlog->is_left = false;
        bridge->left_count--;
        return backlog;
    }
    return heap_alloc_zeroed(bridge->heap, 1, sizeof(struct node_backlog));
}

void backlog_leave(maiko_bridge *bridge, struct node_backlog *backlog, const char *name)
{
    if (backlog == NULL)
        return;
    if (backlog->waiting.events == 0) {
        heap_free(bridge->heap, backlog, sizeof(*backlog));
        return;
    }
    strcpy(backlog->name, name);
    backlog->is_left = true;
    list_push_back(&bridge->left_backlogs, &backlog->link);
    bridge->left_count++;
}

/* What was lent to us is in the memory of its sender, and counts for that as well as for ours. */
static uint64_t bytes_of(const struct waiting_import *waiting)
{
    return (uint64_t)waiting->count * waiting->len;
}

void backlog_add(struct waiting_import *waiting)
{
    struct node_backlog *backlog = waiting->peer != NULL ? waiting->peer->backlog : NULL;

    waiting->backlog = backlog;
    if (backlog == NULL)
        return;
    backlog->waiting.events += waiting->count;
    backlog->waiting.bytes += bytes_of(waiting);
}

void backlog_remove(maiko_bridge *bridge, const struct waiting_import *waiting)
{
    struct node_backlog *backlog = waiting->backlog;

    if (backlog == NULL)
        return;
    backlog->waiting.events -= waiting->count;
    backlog->waiting.bytes -= bytes_of(waiting);
    if (!backlog->is_left || backlog->waiting.events > 0)
        return;
    list_remove(&backlog->link);
    bridge->left_count--;
    heap_free(bridge->heap, backlog, sizeof(*backlog));
}
