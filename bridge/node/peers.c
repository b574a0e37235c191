/* Peers: the remote nodes, each a state machine (link/peer.h) with the connection it has now.  Decides who connects to whom,
 * whose connection a frame came on, and when one is over; everything about the protocol itself is the machine's. */
#include <string.h>
#include <unistd.h>

#include "node/backlog.h"
#include "node/door_queue.h"
#include "node/forget.h"
#include "node/obituary.h"
#include "node/peers.h"
#include "node/pool.h"
#include "node/shm.h"
#include <maiko/maiko.h>

enum { CLOSE_LINGER_MS = 200 };

static const uint64_t redial_first_ns = MAIKO_MS(5); /* growing to: */
static const uint64_t redial_last_ns = MAIKO_SECONDS(1);
static const uint64_t redial_unchanged_ns = MAIKO_SECONDS(5); /* refused until somebody changes something */
static const uint64_t last_words_ns = MAIKO_SECONDS(1);
static const uint64_t last_words_of_dead_ns = MAIKO_MS(20);
static const uint64_t doubt_ns = MAIKO_MS(200); /* a process that is being ended looks alive until it has let everything go */

struct node_peer *peers_find(maiko_bridge *bridge, const char *name)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (strcmp(peer->name, name) == 0)
            return peer;
    }
    return NULL;
}

const char *peers_name_of(const struct node_peer *peer)
{
    return peer->name[0] != '\0' ? peer->name : peer->endpoint;
}

const char *peers_address_of(const struct node_peer *peer)
{
    return peer->route != NULL ? route_address(peer->route) : peers_name_of(peer);
}

/* ---- making and ending peers ---- */

void peers_drop_route(struct node_peer *peer, unsigned linger_ms)
{
    struct route *route = peer->route;

    node_shm_drop(peer);
    peer->route = NULL;
    peer->is_broken = false;
    peer->wants_close = false;
    if (route == NULL)
        return;
    route_set_owner(route, NULL);
    zmq_port_disconnect(peer->bridge->port, route, linger_ms);
}

static size_t *count_of(maiko_bridge *bridge, bool is_known)
{
    return is_known ? &bridge->known_count : &bridge->stranger_count;
}

void peers_end(struct node_peer *peer)
{
    maiko_bridge *bridge = peer->bridge;

    peers_drop_route(peer, CLOSE_LINGER_MS); /* for a goodbye */
    node_import_forget_peer(bridge, peer);
    if (peer->peer != NULL) {
        node_figures_gone(peer);
        peer_free(peer->peer);
    }
    backlog_leave(bridge, peer->backlog, peer->name);
    obituary_close(peer);
    text_list_clear(&peer->actors, bridge->heap);
    list_remove(&peer->link);
    *count_of(bridge, peer->is_known) -= 1;
    bridge->record_is_stale = true;
    heap_free(bridge->heap, peer, sizeof(*peer));
}

void peers_forget(struct node_peer *peer)
{
    uint64_t events;
    uint64_t bytes;

    peer_depth(peer->peer, &events, &bytes);
    node_log(peer->bridge, events > 0 ? MAIKO_LOG_WARNING : MAIKO_LOG_INFO,
             "peer %s: forgotten, and %llu events that were kept for it", peers_name_of(peer), (unsigned long long)events);
    peers_end(peer);
}

/* Its backlog is its own before there has to be room for it. */
static struct node_peer *make(maiko_bridge *bridge, const char *name, bool is_known)
{
    struct node_backlog *backlog = backlog_take(bridge, name);
    struct node_peer *peer = NULL;

    if (backlog != NULL && forget_for(bridge, is_known))
        peer = heap_alloc_zeroed(bridge->heap, 1, sizeof(*peer));
    if (peer == NULL) {
        backlog_leave(bridge, backlog, name);
        return NULL;
    }
    peer->backlog = backlog;
    return peer;
}

struct node_peer *peers_make(maiko_bridge *bridge, const char *name, bool is_known)
{
    struct node_peer *peer = make(bridge, name, is_known);

    if (peer == NULL)
        return NULL;
    peer->bridge = bridge;
    peer->redial_ns = UINT64_MAX;
    peer->ends_ns = UINT64_MAX;
    peer->is_known = is_known;
    list_init(&peer->waiting);
    peer->changed_ns = node_now(bridge);
    memcpy(peer->name, name, strlen(name) + 1);
    list_push_back(&bridge->peers, &peer->link);
    *count_of(bridge, is_known) += 1;
    if (machine_new(bridge, peer) == MAIKO_OK)
        return peer;
    peers_end(peer);
    return NULL;
}

/* ---- connections we make ---- */

void peers_redial_later(struct node_peer *peer, bool is_refused)
{
    uint64_t wait_ns = is_refused ? redial_last_ns : peer->redial_wait_ns;
    bool is_unchanged = is_refused && peer_state(peer->peer) == PEER_REFUSED && !peer_may_retry(peer->peer);

    peer->shm_refusal[0] = '\0';
    if (wait_ns < redial_first_ns)
        wait_ns = redial_first_ns;
    peer->redial_ns = clock_deadline(node_now(peer->bridge), is_unchanged ? redial_unchanged_ns : wait_ns);
    peer->redial_wait_ns = 2 * wait_ns < redial_last_ns ? 2 * wait_ns : redial_last_ns;
}

/* Once, until there is a session. */
static void tell_no_resources(struct node_peer *peer, const char *text)
{
    if (peer->is_told_no_resources)
        return;
    peer->is_told_no_resources = true;
    node_log(peer->bridge, MAIKO_LOG_ERROR, "no link to %s yet: %s", peers_name_of(peer), text);
    node_news_of_peer(
        peer->bridge, peers_name_of(peer),
        &(struct peer_notice){.news = PEER_NEWS_DOWN, .reason = route_fault_word(ROUTE_NO_RESOURCES), .text = text});
}

void peers_redial_starved(struct node_peer *peer)
{
    tell_no_resources(peer, "there is no descriptor there, or no room for another node");
    peer->shm_refusal[0] = '\0';
    peer->redial_ns = clock_deadline(node_now(peer->bridge), redial_unchanged_ns);
}

static void dial_zmq(struct node_peer *peer)
{
    char reason[256];
    struct text error;
    maiko_status status;

    text_init_buffer(&error, reason, sizeof(reason));
    status = zmq_port_connect(peer->bridge->port, peer->endpoint, peer->key, &peer->route, &error);
    if (status == MAIKO_OK) {
        route_set_owner(peer->route, peer);
        peer->was_shm = false;
        return;
    }
    tell_no_resources(peer, reason[0] != '\0' ? reason : maiko_strerror(status));
    peers_redial_later(peer, false);
}

/* Once, until there is a session or another reason. */
static void tell_no_memory(struct node_peer *peer)
{
    if (strcmp(peer->told_shm_refusal, peer->shm_refusal) == 0)
        return;
    memcpy(peer->told_shm_refusal, peer->shm_refusal, sizeof(peer->told_shm_refusal));
    node_news_refused(peer->bridge, peer->name, peer->shm_refusal, NULL,
                      "no shared memory with node %s, and nothing else is wanted: %s", peer->name, peer->shm_refusal);
}

/* Shared memory first, where it is wanted and was not refused just now. */
void peers_dial(struct node_peer *peer)
{
    maiko_bridge *bridge = peer->bridge;
    bool wants_shm = peer->is_from_space && bridge->config.transport != MAIKO_TRANSPORT_ZMQ;

    peer->redial_ns = UINT64_MAX;
    if (wants_shm && peer->shm_refusal[0] == '\0' && node_shm_dial(peer) != SHM_DIAL_REFUSED)
        return;
    if (!node_access_may_dial(bridge, peer->key)) { /* any more; it was told */
        peers_redial_later(peer, true);
        return;
    }
    if (!wants_shm || bridge->config.transport == MAIKO_TRANSPORT_AUTO) {
        dial_zmq(peer);
        return;
    }
    if (peer->has_no_memory_to_share) {
        tell_no_resources(peer, "descriptors or memory to share have run out");
        peers_redial_later(peer, false);
        return;
    }
    tell_no_memory(peer);
    peers_redial_later(peer, true);
}

static maiko_status connect_to(maiko_bridge *bridge, const char *name, const char *endpoint, const char *key, bool is_from_space)
{
    struct node_peer *peer = peers_make(bridge, name, true);

    if (peer == NULL)
        return MAIKO_ENOMEM;
    peer->is_connector = true;
    peer->is_from_space = is_from_space;
    memcpy(peer->endpoint, endpoint, strlen(endpoint) + 1);
    memcpy(peer->key, key, strlen(key) + 1);
    memcpy(peer->access_key, key, strlen(key) + 1);
    peers_dial(peer);
    return MAIKO_OK;
}

maiko_status node_peers_connect(maiko_bridge *bridge, const char *endpoint, const char *key)
{
    return connect_to(bridge, "", endpoint, key, false);
}

void node_peers_expect(maiko_bridge *bridge, const char *endpoint, const char *former, const char *key)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (!peer->is_connector || strcmp(peer->endpoint, endpoint) != 0 || strcmp(peer->key, former) != 0)
            continue;
        memcpy(peer->key, key, KEY_TEXT_SIZE); /* of the next connection; the one there is remains that of the key before */
        if (peer->route != NULL)
            zmq_port_expect(bridge->port, peer->route, key);
        else
            peer->redial_ns = 0;
        return;
    }
}

/* Of two nodes the one with the smaller name connects, so there is one connection. */
void node_peers_arrived(maiko_bridge *bridge, const struct node_record *record)
{
    struct node_peer *peer = peers_find(bridge, record->name);

    if (record->endpoints.count == 0 || strcmp(bridge->node_name, record->name) > 0)
        return;
    if (peer != NULL && peer->ends_ns == UINT64_MAX && (peers_is_connected(peer) || !peer->is_from_space))
        return;
    if (peer != NULL && peer->is_dead)
        peers_bury(peer);
    else if (peer != NULL)
        peers_end(peer);
    if (strlen(record->endpoints.items[0]) >= PORT_ENDPOINT_MAX ||
        connect_to(bridge, record->name, record->endpoints.items[0], "", true) != MAIKO_OK) {
        node_log(bridge, MAIKO_LOG_ERROR, "no link to node %s: out of memory, or too many", record->name);
        node_news_of_peer(bridge, record->name,
                          &(struct peer_notice){.news = PEER_NEWS_DOWN,
                                                .reason = route_fault_word(ROUTE_NO_RESOURCES),
                                                .text = "out of memory, or too many"});
    }
}

void peers_bury(struct node_peer *peer)
{
    obituary_write(peer);
    peer_died(peer->peer, node_now(peer->bridge));
    peers_end(peer);
}

static void vanish(struct node_peer *peer)
{
    peer->is_dead = true;
    node_log(peer->bridge, MAIKO_LOG_WARNING, "node %s died: it said no goodbye, and another survivor has cleared up behind it",
             peers_name_of(peer));
}

static bool has_said_nothing(const struct node_peer *peer)
{
    return peer->is_cut || peer->may_be_cut || peer_state(peer->peer) == PEER_UP;
}

/* Its directory may be gone only because another survivor was quicker; but who ends says so first, to whom it has a link, and
 * its counters file is in order. */
static bool has_vanished(const struct node_peer *peer)
{
    if (!has_said_nothing(peer) || peer->departure == DEPARTURE_IN_ORDER || peer->departure == DEPARTURE_LIVES)
        return false;
    return peer->is_cut || peer->departure == DEPARTURE_DEATH;
}

/* Its link was over before, or it has just ended, and its process is there: looked at again when the last words are over. */
static bool is_in_doubt(const struct node_peer *peer)
{
    return !peer->is_dead && peer->departure == DEPARTURE_LIVES && has_said_nothing(peer);
}

static uint64_t last_words_of(const struct node_peer *peer)
{
    if (peer->is_dead)
        return peer->route == NULL ? 0 : last_words_of_dead_ns;
    return peer_state(peer->peer) != PEER_UP && is_in_doubt(peer) ? doubt_ns : last_words_ns;
}

void node_peers_left(maiko_bridge *bridge, const struct node_record *record, bool is_dead)
{
    struct node_peer *peer = peers_find(bridge, record->name);
    const struct frame_hello *remote = peer != NULL ? peer_remote(peer->peer) : NULL;
    bool is_up;

    if (peer == NULL || (peer->route != NULL && !route_is_local(peer->route)))
        return;
    if (remote != NULL && record->epoch != 0 && remote->epoch > record->epoch)
        return; /* a later life of that name is linked with us already */
    /* What it said last may still be in the socket: its acknowledgements, its goodbye.  What is in memory is read now. */
    node_shm_read_out(peer);
    is_up = peer_state(peer->peer) == PEER_UP;
    if (has_said_nothing(peer))
        obituary_ask(peer, record);
    peer->is_dead = is_dead;
    if (!is_dead && (has_vanished(peer) || (peer->route == NULL && is_up)))
        vanish(peer);
    if (peer->is_dead || is_up || is_in_doubt(peer)) /* there may be no goodbye in the socket either */
        obituary_prepare(peer, record);
    peer->ends_ns = clock_deadline(node_now(bridge), last_words_of(peer));
    peer->redial_ns = UINT64_MAX;
}

/* True when it has gone and was freed. */
static bool end_if_gone(struct node_peer *peer, uint64_t now_ns)
{
    bool is_up = peer_state(peer->peer) == PEER_UP;
    bool is_over = peer->ends_ns != UINT64_MAX && ((!is_up && !is_in_doubt(peer)) || peer->ends_ns <= now_ns);

    if (!is_over && forget_at(peer) > now_ns)
        return false;
    if (is_over && is_in_doubt(peer))
        obituary_ask_again(peer);
    if (is_over && !peer->is_dead && has_vanished(peer)) /* no goodbye was in the socket */
        vanish(peer);
    if (!is_over)
        peers_forget(peer);
    else if (peer->is_dead)
        peers_bury(peer);
    else
        peers_end(peer);
    return true;
}

void node_peers_up(struct route *route, void *userdata)
{
    struct node_peer *peer = route_owner(route);
    maiko_bridge *bridge = userdata;

    if (peer == NULL)
        return;
    memcpy(peer->access_key, peer->key, KEY_TEXT_SIZE);
    if (node_access_may_dial(bridge, peer->key)) {
        peer_connected(peer->peer, node_now(bridge));
        return;
    }
    node_news_refused(bridge, peers_address_of(peer), "denied", NULL, "key %s of %s is not admitted", peer->key,
                      peers_name_of(peer));
    peer->wants_close = true;
}

void node_peers_down(struct route *route, enum route_fault fault, void *userdata)
{
    struct node_peer *peer = route_owner(route);

    if (peer == NULL)
        return;
    if (peer_state(peer->peer) != PEER_UP) /* else the end of the session is the news */
        node_news_of_peer(userdata, peers_name_of(peer),
                          &(struct peer_notice){.news = route_fault_is_refusal(fault) ? PEER_NEWS_REFUSED : PEER_NEWS_DOWN,
                                                .reason = route_fault_word(fault),
                                                .text = route_fault_text(fault)});
    peer_disconnected(peer->peer, route_fault_word(fault), node_now(userdata));
}

void node_peers_forgotten(struct route *route, void *userdata)
{
    struct node_peer *peer = route_owner(route);

    door_queue_forget(userdata, route);
    if (peer == NULL || peer->route != route)
        return;
    peer->route = NULL;
    peer_disconnected(peer->peer, "forgotten", node_now(userdata));
}

/* ---- the turn ---- */

static void settle_connection(struct node_peer *peer)
{
    maiko_bridge *bridge = peer->bridge;

    if (peer->is_broken && peers_is_connected(peer) && !peer->wants_close) {
        bool is_ours = peer->is_connector;

        peer->is_broken = false;
        peer->may_be_cut |= peer_state(peer->peer) == PEER_UP;
        if (!is_ours)
            peers_drop_route(peer, 0);
        peer_disconnected(peer->peer, "closed", node_now(bridge));
    }
    peer->is_broken = false;
    if (!peer->wants_close)
        return;
    peers_drop_route(peer, CLOSE_LINGER_MS);
    if (peer->is_connector && peer->ends_ns == UINT64_MAX)
        peers_redial_later(peer, peer_state(peer->peer) == PEER_REFUSED);
}

uint64_t node_peers_run(maiko_bridge *bridge)
{
    uint64_t now_ns = bridge->turn_ns = node_now(bridge);
    uint64_t next_ns = UINT64_MAX;
    struct list *after;
    struct list *link;

    LIST_FOR_EACH_SAFE (link, after, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);
        uint64_t deadline_ns;

        if (end_if_gone(peer, now_ns))
            continue;

        if (peer_deadline(peer->peer) <= now_ns)
            peer_tick(peer->peer, now_ns);
        peer_flush(peer->peer, now_ns);
        settle_connection(peer);
        if (peer->is_connector && !peers_is_connected(peer) && peer->redial_ns <= now_ns)
            peers_dial(peer);
        deadline_ns = peer_deadline(peer->peer);
        if (peer->redial_ns < deadline_ns)
            deadline_ns = peer->redial_ns;
        if (peer->ends_ns < deadline_ns)
            deadline_ns = peer->ends_ns;
        if (forget_at(peer) < deadline_ns)
            deadline_ns = forget_at(peer);
        if (deadline_ns < next_ns)
            next_ns = deadline_ns;
    }
    if (bridge->has_ready_stranger) {
        bridge->has_ready_stranger = false;
        forget_strangeness(bridge);
        next_ns = now_ns; /* one may have to go */
    }
    node_pool_tidy(bridge, now_ns);
    node_figures_update(bridge);
    return next_ns;
}

void node_peers_bye(maiko_bridge *bridge)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (peers_is_connected(peer))
            peer_bye(peer->peer, PEER_BYE_STOP, node_now(bridge));
    }
}

void node_peers_free(maiko_bridge *bridge)
{
    bridge->is_ending = true;
    while (!list_is_empty(&bridge->peers))
        peers_end(CONTAINER_OF(list_first(&bridge->peers), struct node_peer, link));
    node_figures_update(bridge);
}
