/* Access: whose key is admitted, and what each may.  Read from files at the start and again on request: the lists in use are
 * replaced only by ones that are good. */
#include <string.h>
#include <unistd.h>

#include "node/peers.h"
#include "security/key_file.h"
#include "security/trusted_file.h"
#include "space/ini_text.h"

static maiko_status load_keys(maiko_bridge *bridge, struct key_text *ret_keys, struct text *error)
{
    if (bridge->key_file[0] == '\0')
        return MAIKO_OK;
    return key_file_load(bridge->key_file, true, ret_keys, error);
}

static maiko_status load_allow(maiko_bridge *bridge, struct allow_list *ret_list, struct text *error)
{
    char *text = NULL;
    maiko_status status;
    size_t len = 0;
    int fd = -1;

    if (bridge->allow_file[0] == '\0')
        return MAIKO_OK;
    text_append_format(error, "allow file %s: ", bridge->allow_file);
    status = trusted_file_open(bridge->allow_file, false, &fd, error);
    if (status != MAIKO_OK)
        return status;
    status = ini_text_read(fd, bridge->heap, &text, &len, error);
    close(fd);
    if (status != MAIKO_OK)
        return status;
    status = allow_list_parse(ret_list, text, error);
    heap_free(bridge->heap, text, len + 1);
    if (status == MAIKO_OK)
        text_clear(error);
    return status;
}

maiko_status node_access_load(maiko_bridge *bridge, bool *ret_has_changed, struct text *error)
{
    struct key_text keys = {"", ""};
    struct allow_list allow;
    maiko_status status;

    allow_list_init(&allow, bridge->heap);
    status = load_keys(bridge, &keys, error);
    if (status == MAIKO_OK)
        status = load_allow(bridge, &allow, error);
    if (status != MAIKO_OK) {
        explicit_bzero(&keys, sizeof(keys));
        return status;
    }
    *ret_has_changed = !allow_list_is_same(&allow, &bridge->allow);
    allow_list_deinit(&bridge->allow);
    bridge->allow = allow;
    if (bridge->port != NULL && strcmp(keys.secret_key, bridge->keys.secret_key) != 0)
        zmq_port_set_keys(bridge->port, keys.public_key, keys.secret_key);
    bridge->keys = keys;
    explicit_bzero(&keys, sizeof(keys));
    return MAIKO_OK;
}

/* Members of the group that shares our space.  Over a socket of libzmq only the process is known, not its groups. */
bool node_access_admit_user(uid_t user, pid_t process, void *userdata)
{
    const maiko_bridge *bridge = userdata;

    return bridge->space != NULL && group_has_process(space_group(bridge->space), user, process);
}

bool node_access_admit(const char *key, const char *address, void *userdata)
{
    const maiko_bridge *bridge = userdata;

    return peer_keys_have(bridge, key) || allow_list_find(&bridge->allow, key) != NULL;
}

/* A connection outlives the key in a peer's file that it was made with, so that both sides need not change at one time.  It may
 * do what one with the key that stands there now may, and no more, whatever has become of a section of its own. */
static const char *judged_as(const maiko_bridge *bridge, const char *key)
{
    const char *successor = NULL;

    if (key[0] != '\0' && !node_access_admit(key, "", (void *)(uintptr_t)bridge))
        successor = peer_keys_successor(bridge, key);
    return successor != NULL ? successor : key;
}

bool node_access_may_listen(const char *key, const char *prefix, size_t len, void *userdata)
{
    const maiko_bridge *bridge = userdata;
    const char *now = judged_as(bridge, key);
    const struct allow_peer *peer = key[0] == '\0' ? NULL : allow_list_find(&bridge->allow, now);

    if (peer == NULL)
        return key[0] == '\0' || peer_keys_have(bridge, now);
    return allow_peer_may_subscribe_prefix(peer, prefix, len);
}

/* Without an allow file whoever has the key that we expect there does everything, as the peer keys do. */
bool node_access_may_dial(const maiko_bridge *bridge, const char *key)
{
    return key[0] == '\0' || bridge->allow_file[0] == '\0' || node_access_admit(key, "", (void *)bridge);
}

/* NULL with *ret_is_free: no list binds it, because it is of this host, or trusted in full and in no section, or not encrypted at
 * all (and then listening that way was asked for). */
static const struct allow_peer *bound_by(const maiko_bridge *bridge, const char *key, bool *ret_is_free)
{
    const char *now = judged_as(bridge, key);
    const struct allow_peer *peer = key[0] == '\0' ? NULL : allow_list_find(&bridge->allow, now);

    *ret_is_free = peer == NULL && node_access_may_dial(bridge, now);
    return peer;
}

/* Also of keys that are trusted in full: a name that belongs to a key is that key's. */
bool node_access_may_be_named(const maiko_bridge *bridge, const char *key, const char *node)
{
    return key[0] == '\0' || allow_list_may_be_named(&bridge->allow, judged_as(bridge, key), node);
}

static bool report(maiko_bridge *bridge, const char *key, const char *address, bool is_allowed, const char *what,
                   const char *topic)
{
    if (is_allowed)
        return true;
    atomic_fetch_add_explicit(&bridge->denied, 1, memory_order_relaxed);
    node_news_refused(bridge, address, "denied", topic, "key %s from %s may not %s \"%s\"", key, address, what, topic);
    return false;
}

bool node_access_may_publish(maiko_bridge *bridge, const char *key, const char *address, const char *topic)
{
    bool is_free;
    const struct allow_peer *peer = bound_by(bridge, key, &is_free);

    return report(bridge, key, address, is_free || (peer != NULL && allow_peer_may_publish(peer, topic)), "publish", topic);
}

/* A pattern is allowed when something listed covers all of it: it is listed itself, or is one topic that is. */
bool node_access_may_subscribe(maiko_bridge *bridge, const char *key, const char *address, const char *pattern)
{
    bool is_free;
    const struct allow_peer *peer = bound_by(bridge, key, &is_free);

    return report(bridge, key, address, is_free || (peer != NULL && allow_peer_may_subscribe_pattern(peer, pattern)),
                  "subscribe to", pattern);
}

/* ---- lists that have changed ---- */

/* Its connection cannot be ended by us, but it is nobody's from now on. */
static void shut_out(maiko_bridge *bridge, struct node_peer *peer)
{
    if (peer_state(peer->peer) == PEER_UP)
        node_news_refused(bridge, peers_address_of(peer), "denied", NULL, "key %s of node %s is not admitted any more",
                          peer->access_key, peers_name_of(peer));
    peer_shut_out(peer->peer, node_now(bridge));
    if (!peer->is_connector)
        peer->wants_close = true; /* also without a session: its next hello is judged anew */
}

/* Who is called knows its name best: names are kept from those who come.  Without a session it is the next one that counts. */
static bool is_still_welcome(maiko_bridge *bridge, const struct node_peer *peer)
{
    const char *key = judged_as(bridge, peer->access_key);

    if (peer->is_connector)
        return node_access_may_dial(bridge, peer_state(peer->peer) == PEER_UP ? key : peer->key);
    return node_access_admit(key, "", bridge) && node_access_may_be_named(bridge, key, peer->name);
}

void node_access_review(maiko_bridge *bridge)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (peer->access_key[0] == '\0')
            continue;
        if (is_still_welcome(bridge, peer))
            peer_review(peer->peer, node_now(bridge));
        else
            shut_out(bridge, peer);
    }
    zmq_port_review_listeners(bridge->port);
}
