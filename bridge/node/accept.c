/* Connections that are made to us: whose frame is this, and is its sender welcome? */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "node/peers.h"
#include "space/path.h"

static const uint64_t reset_interval_ns = MAIKO_SECONDS(1);

/* Attempts are repeated, each on a connection of its own, and what comes of them is told once, until there was a session with
 * anybody.  True: it was. */
static bool was_told(maiko_bridge *bridge, const char *address, const char *text)
{
    uint64_t hash = hash_bytes(text, strlen(text), hash_bytes(address, strlen(address), 0)) | 1;
    uint64_t *told = &bridge->told_attempts[hash % NODE_TOLD_ATTEMPTS];
    bool was_told = *told == hash;

    *told = hash;
    return was_told;
}

static void refuse(maiko_bridge *bridge, struct route *route, uint64_t session, const char *reason, const char *text)
{
    pack_clear(&bridge->pack);
    peer_write_refusal(&bridge->pack, session, reason, text);
    if (pack_status(&bridge->pack) == MAIKO_OK)
        (void)!zmq_port_send(bridge->port, route, bridge->pack.data, bridge->pack.len);
    if (!was_told(bridge, route_address(route), text))
        node_news_refused(bridge, route_address(route), reason, NULL, "a node at %s: %s: %s", route_address(route), reason, text);
}

/* A frame of a link from somebody without a session: left over from an earlier life of ours, and told so. */
static void answer_reset(maiko_bridge *bridge, struct route *route, const struct frame *frame)
{
    struct frame reset = {.kind = FRAME_RESET, .session = frame->session};
    uint64_t now_ns = node_now(bridge);

    if (frame->kind == FRAME_RESET || now_ns < clock_deadline(bridge->last_reset_ns, reset_interval_ns))
        return;
    bridge->last_reset_ns = now_ns;
    pack_clear(&bridge->pack);
    frame_write(&bridge->pack, &reset);
    if (pack_status(&bridge->pack) == MAIKO_OK)
        (void)!zmq_port_send(bridge->port, route, bridge->pack.data, bridge->pack.len);
}

/* We connect to the same node: one of the two connections goes.  True: the one that was made to us stays. */
static bool settle_double(maiko_bridge *bridge, struct node_peer *peer, struct route *route, const struct frame *hello)
{
    if (peer_state(peer->peer) == PEER_UP || peer_keeps_own_connection(bridge->node_id, hello->hello.node)) {
        refuse(bridge, route, hello->session, "duplicate", "linked already");
        return false;
    }
    peers_drop_route(peer, 0);
    peer_disconnected(peer->peer, "duplicate", node_now(bridge));
    peer->is_connector = false;
    peer->redial_ns = UINT64_MAX;
    return true;
}

/* With a key, a name may be somebody else's; and a connection outlives the list that admitted it. */
static bool is_welcome(maiko_bridge *bridge, struct route *route, const struct frame *hello, const char *name)
{
    const char *key = route_key(route);
    char text[KEY_TEXT_SIZE + SPACE_NAME_MAX + 64];

    if (key[0] != '\0' && !node_access_admit(key, route_address(route), bridge))
        snprintf(text, sizeof(text), "key %s is not admitted any more", key);
    else if (!node_access_may_be_named(bridge, key, name))
        snprintf(text, sizeof(text), "key %s may not be node %s", key, name);
    else
        return true;
    refuse(bridge, route, hello->session, "denied", text);
    return false;
}

static struct node_peer *accept_hello(maiko_bridge *bridge, struct route *route, const struct frame *hello)
{
    char name[SPACE_NAME_MAX + 1];
    struct node_peer *peer;

    if (hello->hello.name.len <= SPACE_NAME_MAX)
        slice_to_text(hello->hello.name, name, sizeof(name));
    if (hello->hello.name.len > SPACE_NAME_MAX || !space_name_is_valid(name)) {
        refuse(bridge, route, hello->session, "protocol", "no name for a node");
        return NULL;
    }
    if (!is_welcome(bridge, route, hello, name))
        return NULL;
    peer = peers_find(bridge, name);
    if (peer != NULL && peer->is_dead && peer->ends_ns != UINT64_MAX) { /* this is its next life */
        peers_bury(peer);
        peer = NULL;
    }
    if (peer == NULL)
        peer = peers_make(bridge, name, route_is_local(route));
    else if (peer->is_connector && !settle_double(bridge, peer, route, hello))
        return NULL;
    if (peer == NULL) {
        refuse(bridge, route, hello->session, "limit", "too many nodes");
        return NULL;
    }
    peer->ends_ns = UINT64_MAX;
    if (!peer->is_known)
        peer->changed_ns = node_now(bridge); /* who is refused and comes again and again is no news */
    peer->is_local = route_is_local(route);
    memcpy(peer->access_key, route_key(route), KEY_TEXT_SIZE);
    if (peer->route != route) { /* also when it was linked by shared memory */
        peers_drop_route(peer, 0);
        peer->route = route;
        peer->was_shm = false;
        route_set_owner(route, peer);
    }
    return peer;
}

/* A connection with a key stays that of the node it was accepted as: another hello says the same name. */
static bool changes_its_name(struct node_peer *peer, struct route *route, const unsigned char *bytes, size_t len)
{
    struct frame hello;

    if (!route_is_incoming(route) || route_key(route)[0] == '\0' || !frame_peek_hello(bytes, len, &hello) ||
        slice_is(hello.hello.name, peer->name))
        return false;
    refuse(peer->bridge, route, hello.session, "protocol", "another name than before");
    return true;
}

/* Who is called may say any name and id.  Without a key on one of the two it is believed. */
static bool may_be_same(const struct node_peer *peer, const struct node_peer *other)
{
    return peer->access_key[0] == '\0' || other->access_key[0] == '\0' || strcmp(peer->access_key, other->access_key) == 0;
}

static struct node_peer *find_accepted(maiko_bridge *bridge, const struct node_peer *called, const struct frame_hello *hello)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (!peer->is_connector && peer_state(peer->peer) == PEER_UP && slice_is(hello->name, peer->name) &&
            maiko_id_equal(peer_remote(peer->peer)->node, hello->node) && may_be_same(called, peer))
            return peer;
    }
    return NULL;
}

/* Both said hello before either knew whom it had called, and both were let in: the same connection goes at both ends, before
 * anything was asked for over it.  False: it is the one we made. */
static bool stays(struct node_peer *peer, const unsigned char *bytes, size_t len)
{
    maiko_bridge *bridge = peer->bridge;
    struct node_peer *other = NULL;
    struct frame welcome;

    if (peer->is_connector && peer_state(peer->peer) == PEER_GREETING && frame_read(bytes, len, &welcome, NULL) == MAIKO_OK &&
        welcome.kind == FRAME_WELCOME)
        other = find_accepted(bridge, peer, &welcome.hello);
    if (other == NULL)
        return true;
    if (peer_keeps_own_connection(bridge->node_id, welcome.hello.node)) {
        peer_bye(other->peer, "duplicate", node_now(bridge));
        peers_end(other);
        return true;
    }
    node_news_refused(bridge, peers_name_of(peer), "duplicate", NULL, "node %s: duplicate, linked already", other->name);
    peers_drop_route(peer, 0);
    peer_disconnected(peer->peer, "duplicate", node_now(bridge));
    peers_redial_later(peer, true);
    return false;
}

void node_peers_frame(struct route *route, const unsigned char *bytes, size_t len, void *userdata)
{
    struct node_peer *peer = route_owner(route);
    maiko_bridge *bridge = userdata;
    struct frame frame;

    if (peer == NULL && frame_peek_hello(bytes, len, &frame))
        peer = accept_hello(bridge, route, &frame);
    else if (peer == NULL && frame_read(bytes, len, &frame, NULL) == MAIKO_OK && frame.kind != FRAME_UNKNOWN)
        answer_reset(bridge, route, &frame);
    else if (peer == NULL)
        node_door_publish(bridge, route, bytes, len);
    /* A connection that is to be closed is nobody's: who is not admitted (any more) may have said more in it. */
    if (peer == NULL || peer->wants_close || changes_its_name(peer, route, bytes, len) || !stays(peer, bytes, len))
        return;
    peer_frame(peer->peer, bytes, len, node_now(bridge));
    node_import_flush(bridge);
}
