/* Forget: see forget.h. */
#include "node/forget.h"

#include "node/peers.h"

static const uint64_t known_ns = MAIKO_SECONDS(900);
static const uint64_t stranger_ns = MAIKO_SECONDS(60);

/* We connect to it, it is of this host and goes with its space, or it has gone and is about to be freed. */
static bool is_kept(const struct node_peer *peer)
{
    return peer->is_connector || peer->is_local || peer->ends_ns != UINT64_MAX;
}

static bool is_linked(const struct node_peer *peer)
{
    return peer_state(peer->peer) == PEER_UP;
}

/* It said goodbye, is kept nothing, and comes back as another life.  Who is of a space goes with that. */
static bool is_gone_for_good(const struct node_peer *peer)
{
    bool may_be_of_space = peer->is_local && peer->bridge->space != NULL;

    return peer_has_left(peer->peer) && !peer->is_connector && peer->ends_ns == UINT64_MAX && !may_be_of_space;
}

uint64_t forget_at(const struct node_peer *peer)
{
    if (!is_linked(peer) && is_gone_for_good(peer))
        return peer->changed_ns;
    if (is_kept(peer) || is_linked(peer))
        return UINT64_MAX;
    return clock_deadline(peer->changed_ns, peer->is_known ? known_ns : stranger_ns);
}

static bool is_owed(const struct node_peer *peer)
{
    uint64_t events;
    uint64_t bytes;

    peer_depth(peer->peer, &events, &bytes);
    return events > 0;
}

/* Strangers may be linked; of all others those that are not, first one that is kept nothing.  Where something waits of a node the
 * place is its own until that is done with, see backlog.h. */
static bool may_go(const struct node_peer *peer, bool is_known)
{
    return peer->is_known == is_known && !peer->is_connector && peer->ends_ns == UINT64_MAX && (!is_known || !is_linked(peer)) &&
           peer->backlog->waiting.events == 0;
}

static bool goes_before(const struct node_peer *peer, const struct node_peer *other)
{
    bool is_peer_owed = is_owed(peer);

    return is_peer_owed != is_owed(other) ? !is_peer_owed : peer->changed_ns < other->changed_ns;
}

static struct node_peer *find_first(const maiko_bridge *bridge, bool is_known)
{
    struct node_peer *first = NULL;
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (may_go(peer, is_known) && (first == NULL || goes_before(peer, first)))
            first = peer;
    }
    return first;
}

bool forget_for(maiko_bridge *bridge, bool is_known)
{
    size_t count = is_known ? bridge->known_count + bridge->left_count : bridge->stranger_count;
    struct node_peer *first;

    if (count < (is_known ? KNOWN_MAX : STRANGERS_MAX))
        return true;
    first = find_first(bridge, is_known);
    if (first == NULL)
        return false;
    peer_bye(first->peer, "limit", node_now(bridge)); /* nothing, when there is no link */
    peers_forget(first);
    return true;
}

static struct node_peer *find_ready_stranger(const maiko_bridge *bridge)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (!peer->is_known && peer->is_ready)
            return peer;
    }
    return NULL;
}

void forget_strangeness(maiko_bridge *bridge)
{
    struct node_peer *peer;

    while ((peer = find_ready_stranger(bridge)) != NULL) {
        if (!forget_for(bridge, true)) {
            peer_bye(peer->peer, "limit", node_now(bridge)); /* it is not ready any more */
            continue;
        }
        peer->is_known = true;
        bridge->known_count++;
        bridge->stranger_count--;
    }
}
