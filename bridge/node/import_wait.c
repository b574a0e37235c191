/* Import, who waits for whom: a full subscriber holds the sender of what it has no room for, and what is behind that of the same
 * sender.  Others go on, also those of the same peer, until its window is full: what it sent is acknowledged in order. */
#include <string.h>

#include "base/hash.h"
#include "node/backlog.h"
#include "node/import_plan.h"

struct node_actor *import_expected(maiko_bridge *bridge, const char *name)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->expected) {
        struct node_actor *actor = CONTAINER_OF(link, struct node_actor, link);

        if (strcmp(actor->name, name) == 0)
            return actor;
    }
    return NULL;
}

/* Senders of one process have different names, those of one name different origins, whatever way their events come.  Their ids
 * are no part of it: a sender that is moved to another shard has another prefix from then on, or one for each event. */
struct node_importer *import_way_of(maiko_bridge *bridge, const struct inbound_channel *channel)
{
    struct node_actor *actor = import_expected(bridge, channel->sender);
    uint64_t hash;

    if (actor != NULL)
        return &actor->importer;
    hash = hash_bytes(&channel->origin, sizeof(channel->origin), 0);
    return &bridge->importers[1 + hash_bytes(channel->sender, strlen(channel->sender), hash) % NODE_WAYS];
}

void import_push_waiting(maiko_bridge *bridge, struct node_importer *importer, struct waiting_import *waiting)
{
    struct node_peer *peer = waiting->peer;

    if (fifo_is_empty(&importer->waiting))
        list_push_back(&bridge->waiting, &importer->link);
    fifo_push(&importer->waiting, &waiting->link);
    backlog_add(waiting);
    if (peer == NULL)
        return;
    list_push_back(&peer->waiting, &waiting->of_peer);
    peer->last_waiting = waiting->position + waiting->count - 1;
    peer->last_waiting_stream = waiting->stream;
}

void import_pop_waiting(maiko_bridge *bridge, struct node_importer *importer)
{
    struct waiting_import *waiting = CONTAINER_OF(fifo_pop(&importer->waiting), struct waiting_import, link);

    backlog_remove(bridge, waiting);
    if (waiting->peer != NULL)
        list_remove(&waiting->of_peer);
    if (fifo_is_empty(&importer->waiting))
        list_remove(&importer->link);
}

void import_tell_delivered(maiko_bridge *bridge, const struct node_peer *peer)
{
    struct list *first = list_first(&peer->waiting);
    const struct waiting_import *waiting;

    if (first == NULL) {
        peer_delivered(peer->peer, peer->last_waiting_stream, peer->last_waiting, node_now(bridge));
        return;
    }
    waiting = CONTAINER_OF(first, struct waiting_import, of_peer);
    peer_delivered(peer->peer, waiting->stream, waiting->position + waiting->done - 1, node_now(bridge));
}
