/* Peers: the remote nodes, each a state machine (link/peer.h) with the connection it has now.  Decides who connects to whom,
 * whose connection a frame came on, and when one is over; everything about the protocol itself is the machine's. */
#include <string.h>
#include <unistd.h>

#include "node/node.h"
#include <maiko/maiko.h>

enum { PEERS_MAX = 1024, CLOSE_LINGER_MS = 200 };

static const uint64_t redial_first_ns = MAIKO_MS(5); /* growing to: */
static const uint64_t redial_last_ns = MAIKO_SECONDS(1);
static const uint64_t reset_interval_ns = MAIKO_SECONDS(1);
static const uint64_t last_words_ns = MAIKO_SECONDS(1);
static const uint64_t last_words_of_dead_ns = MAIKO_MS(20);

static void slice_to_text(struct slice slice, char *text, size_t size)
{
    size_t len = slice.len < size ? slice.len : size - 1;

    if (len > 0) /* an empty slice may point nowhere */
        memcpy(text, slice.data, len);
    text[len] = '\0';
}

static struct node_peer *find_named(maiko_bridge *bridge, const char *name)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (strcmp(peer->name, name) == 0)
            return peer;
    }
    return NULL;
}

static const char *name_for_people(const struct node_peer *peer)
{
    return peer->name[0] != '\0' ? peer->name : peer->endpoint;
}

/* ---- what the state machine wants ---- */

static void sink_send(struct peer *machine, const uint8_t *bytes, size_t len, void *userdata)
{
    struct node_peer *peer = userdata;

    if (peer->route == NULL || zmq_port_send(peer->bridge->port, peer->route, bytes, len) != MAIKO_OK)
        peer->is_broken = true; /* told to the machine when it has returned */
}

static void sink_close(struct peer *machine, void *userdata)
{
    ((struct node_peer *)userdata)->wants_close = true;
}

static bool sink_deliver(struct peer *machine, const struct inbound_event *event, void *userdata)
{
    struct node_peer *peer = userdata;

    return node_import_event(peer->bridge, peer, event);
}

static void sink_forgotten(struct peer *machine, struct inbound_channel *channel, void *userdata)
{
    node_import_forget_channel(userdata, channel);
}

static void sink_ended(struct peer *machine, const char *publisher, const char *const *publish, void *userdata)
{
    node_import_end(((struct node_peer *)userdata)->bridge, publisher);
}

static void sink_actors(struct peer *machine, const struct frame_actor *actors, size_t count, void *userdata)
{
    struct node_peer *peer = userdata;
    size_t i;

    text_list_clear(&peer->actors, peer->bridge->heap);
    for (i = 0; i < count; i++) {
        char name[NODE_NAME_SIZE];

        slice_to_text(actors[i].name, name, sizeof(name));
        (void)!text_list_add(&peer->actors, peer->bridge->heap, name); /* out of memory: waited for, and named as missing */
    }
}

static void learn_name(struct node_peer *peer)
{
    const struct frame_hello *remote = peer_remote(peer->peer);

    if (remote != NULL)
        slice_to_text(remote->name, peer->name, sizeof(peer->name));
}

static void session_is_over(struct node_peer *peer)
{
    peer->is_ready = false;
    peer->is_subscribed_to = false;
}

static void sink_news(struct peer *machine, const struct peer_notice *notice, void *userdata)
{
    struct node_peer *peer = userdata;

    switch (notice->news) {
    case PEER_NEWS_UP:
        session_is_over(peer); /* the one before */
        learn_name(peer);
        break;
    case PEER_NEWS_READY:
        peer->is_ready = true;
        peer->redial_wait_ns = 0;
        break;
    case PEER_NEWS_SUBSCRIBED:
        peer->is_subscribed_to = true;
        break;
    case PEER_NEWS_GAP:
        atomic_fetch_add_explicit(&peer->bridge->gaps, 1, memory_order_relaxed);
        if (notice->lost != LOST_UNKNOWN)
            atomic_fetch_add_explicit(&peer->bridge->lost_for_us, notice->lost, memory_order_relaxed);
        break;
    case PEER_NEWS_DOWN:
        session_is_over(peer);
        break;
    case PEER_NEWS_REFUSED:
        if (peer_state(machine) != PEER_UP) /* else one pattern, or another attempt beside it */
            session_is_over(peer);
        break;
    case PEER_NEWS_STALLED:
    case PEER_NEWS_FAILED:
        break;
    }
    node_news_of_peer(peer->bridge, name_for_people(peer), notice);
    peer->bridge->record_is_stale = true;
}

static bool sink_may_subscribe(struct peer *machine, const char *pattern, void *userdata)
{
    struct node_peer *peer = userdata;

    return node_access_may_subscribe(peer->bridge, peer->route, pattern);
}

static bool sink_may_publish(struct peer *machine, const char *topic, void *userdata)
{
    struct node_peer *peer = userdata;

    return node_access_may_publish(peer->bridge, peer->route, topic);
}

static const struct peer_sink sink = {
    .send = sink_send,
    .close = sink_close,
    .deliver = sink_deliver,
    .forgotten = sink_forgotten,
    .ended = sink_ended,
    .actors = sink_actors,
    .news = sink_news,
    .may_subscribe = sink_may_subscribe,
    .may_publish = sink_may_publish,
};

/* ---- making and ending peers ---- */

static maiko_status subscribe_all(maiko_bridge *bridge, struct peer *machine)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < bridge->import_count && status == MAIKO_OK; i++) {
        struct node_pattern *import = &bridge->imports[i];
        struct pattern pattern = {.id = i,
                                  .from = import->from,
                                  .overflow = import->overflow,
                                  .made_at_ns = bridge->started_ns,
                                  .text = import->pattern};

        status = peer_subscribe(machine, &pattern, node_now(bridge));
    }
    return status;
}

static size_t to_slices(const char *const *texts, struct slice *slices, size_t size)
{
    size_t count = 0;

    while (texts != NULL && texts[count] != NULL && count < size) {
        slices[count] = slice_of(texts[count]);
        count++;
    }
    return count;
}

static maiko_status announce_to(maiko_bridge *bridge, struct peer *machine)
{
    size_t count = bridge->placed_count;
    size_t slices_size = count * 2 * WIRE_TOPICS_MAX * sizeof(struct slice);
    struct frame_actor *actors = heap_alloc_zeroed(bridge->heap, count, sizeof(*actors));
    struct slice *slices = heap_alloc(bridge->heap, slices_size);
    maiko_status status = MAIKO_ENOMEM;
    struct list *link;
    size_t i = 0;

    if (actors != NULL && slices != NULL) {
        LIST_FOR_EACH (link, &bridge->placed) {
            const struct node_actor *actor = CONTAINER_OF(link, struct node_actor, link);
            struct slice *own = slices + i * 2 * WIRE_TOPICS_MAX;

            actors[i].name = slice_of(actor->name);
            actors[i].publish = own;
            actors[i].publish_count = to_slices(actor->publish, own, WIRE_TOPICS_MAX);
            actors[i].subscribe = own + WIRE_TOPICS_MAX;
            actors[i].subscribe_count = to_slices(actor->subscribe, own + WIRE_TOPICS_MAX, WIRE_TOPICS_MAX);
            i++;
        }
        status = peer_announce(machine, actors, i, node_now(bridge));
    }
    heap_free(bridge->heap, slices, slices_size);
    heap_free(bridge->heap, actors, count * sizeof(*actors));
    return status;
}

static maiko_status make_machine(maiko_bridge *bridge, struct node_peer *peer)
{
    char host[256] = "";
    struct peer_config config = {.heap = bridge->heap,
                                 .exporter = bridge->exporter,
                                 .origins = &bridge->origins,
                                 .identity = {.space = bridge->space_name,
                                              .name = bridge->node_name,
                                              .node = bridge->node_id,
                                              .epoch = bridge->epoch,
                                              .started_ns = bridge->started_ns,
                                              .host = host,
                                              .pid = (uint64_t)getpid()},
                                 .sink = &sink,
                                 .userdata = peer,
                                 .session_seed = clock_wall_ns(&bridge->clock),
                                 .window_bytes = bridge->config.window_bytes,
                                 .window_events = bridge->config.window_events,
                                 .hop_limit = bridge->config.hop_limit,
                                 .deadline_ns = bridge->config.deadline_ns,
                                 .heartbeat_ns = bridge->config.heartbeat_ns,
                                 .silence_ns = bridge->config.silence_ns};
    maiko_status status;

    (void)gethostname(host, sizeof(host) - 1);
    status = peer_new(&config, &peer->peer);
    if (status == MAIKO_OK)
        status = subscribe_all(bridge, peer->peer);
    if (status == MAIKO_OK)
        status = announce_to(bridge, peer->peer);
    return status;
}

static void count_gone(maiko_bridge *bridge, const struct peer_counters *counters)
{
    bridge->gone_looped += counters->loops + counters->too_many_hops;
    bridge->gone_repeated += counters->repeated;
    bridge->gone_acknowledged += counters->acknowledged;
    bridge->gone_window_turns += counters->window_turns;
    bridge->gone_lost += counters->lost_window + counters->lost_oldest + counters->lost_deadline + counters->lost_log +
                         counters->lost_peer +
                         (counters->offered - counters->acknowledged - counters->lost_window - counters->lost_oldest -
                          counters->lost_deadline - counters->lost_log - counters->lost_peer);
}

static void drop_route(struct node_peer *peer, unsigned linger_ms)
{
    struct route *route = peer->route;

    peer->route = NULL;
    peer->is_broken = false;
    peer->wants_close = false;
    if (route == NULL)
        return;
    route_set_owner(route, NULL);
    zmq_port_disconnect(peer->bridge->port, route, linger_ms);
}

static void peer_end(struct node_peer *peer)
{
    maiko_bridge *bridge = peer->bridge;

    drop_route(peer, CLOSE_LINGER_MS); /* for a goodbye */
    node_import_forget_peer(bridge, peer);
    if (peer->peer != NULL) {
        count_gone(bridge, peer_counters(peer->peer));
        peer_free(peer->peer);
    }
    text_list_clear(&peer->actors, bridge->heap);
    list_remove(&peer->link);
    bridge->peer_count--;
    bridge->record_is_stale = true;
    heap_free(bridge->heap, peer, sizeof(*peer));
}

static struct node_peer *peer_make(maiko_bridge *bridge, const char *name)
{
    struct node_peer *peer;

    if (bridge->peer_count >= PEERS_MAX)
        return NULL;
    peer = heap_alloc_zeroed(bridge->heap, 1, sizeof(*peer));
    if (peer == NULL)
        return NULL;
    peer->bridge = bridge;
    peer->redial_ns = UINT64_MAX;
    peer->ends_ns = UINT64_MAX;
    memcpy(peer->name, name, strlen(name) + 1);
    list_push_back(&bridge->peers, &peer->link);
    bridge->peer_count++;
    if (make_machine(bridge, peer) == MAIKO_OK)
        return peer;
    peer_end(peer);
    return NULL;
}

/* ---- connections we make ---- */

/* After a lost connection at once, after a refusal or failures in a row not so soon. */
static void redial_later(struct node_peer *peer, bool is_refused)
{
    uint64_t wait_ns = is_refused ? redial_last_ns : peer->redial_wait_ns;

    if (wait_ns < redial_first_ns)
        wait_ns = redial_first_ns;
    peer->redial_ns = clock_deadline(node_now(peer->bridge), wait_ns);
    peer->redial_wait_ns = 2 * wait_ns < redial_last_ns ? 2 * wait_ns : redial_last_ns;
}

static void dial(struct node_peer *peer)
{
    char reason[256];
    struct text error;
    maiko_status status;

    text_init_buffer(&error, reason, sizeof(reason));
    peer->redial_ns = UINT64_MAX;
    status = zmq_port_connect(peer->bridge->port, peer->endpoint, peer->key, &peer->route, &error);
    if (status == MAIKO_OK) {
        route_set_owner(peer->route, peer);
        return;
    }
    node_log(peer->bridge, MAIKO_LOG_ERROR, "%s", reason);
    redial_later(peer, false);
}

static maiko_status connect_to(maiko_bridge *bridge, const char *name, const char *endpoint, const char *key, bool is_from_space)
{
    struct node_peer *peer = peer_make(bridge, name);

    if (peer == NULL)
        return MAIKO_ENOMEM;
    peer->is_connector = true;
    peer->is_from_space = is_from_space;
    memcpy(peer->endpoint, endpoint, strlen(endpoint) + 1);
    memcpy(peer->key, key, strlen(key) + 1);
    dial(peer);
    return MAIKO_OK;
}

maiko_status node_peers_connect(maiko_bridge *bridge, const char *endpoint, const char *key)
{
    return connect_to(bridge, "", endpoint, key, false);
}

/* Of two nodes the one with the smaller name connects, so there is one connection. */
void node_peers_arrived(maiko_bridge *bridge, const struct node_record *record)
{
    struct node_peer *peer = find_named(bridge, record->name);

    if (record->endpoints.count == 0 || strcmp(bridge->node_name, record->name) > 0)
        return;
    if (peer != NULL && peer->ends_ns == UINT64_MAX && (peer->route != NULL || !peer->is_from_space))
        return;
    if (peer != NULL)
        peer_end(peer);
    if (strlen(record->endpoints.items[0]) >= PORT_ENDPOINT_MAX ||
        connect_to(bridge, record->name, record->endpoints.items[0], "", true) != MAIKO_OK)
        node_log(bridge, MAIKO_LOG_ERROR, "no link to node %s: out of memory, or too many", record->name);
}

void node_peers_left(maiko_bridge *bridge, const char *name, bool is_dead)
{
    struct node_peer *peer = find_named(bridge, name);

    if (peer == NULL || (peer->route != NULL && !route_is_local(peer->route)))
        return;
    /* What it said last may still be in the socket: its acknowledgements, its goodbye. */
    peer->is_dead = is_dead;
    peer->ends_ns = clock_deadline(node_now(bridge), is_dead ? last_words_of_dead_ns : last_words_ns);
    peer->redial_ns = UINT64_MAX;
}

/* True when it has gone and was freed. */
static bool end_if_gone(struct node_peer *peer, uint64_t now_ns)
{
    bool is_over = peer->ends_ns != UINT64_MAX && (peer_state(peer->peer) != PEER_UP || peer->ends_ns <= now_ns);

    if (!is_over)
        return false;
    if (peer->is_dead)
        peer_died(peer->peer, now_ns);
    peer_end(peer);
    return true;
}

void node_peers_up(struct route *route, void *userdata)
{
    struct node_peer *peer = route_owner(route);

    if (peer != NULL)
        peer_connected(peer->peer, node_now(userdata));
}

static bool is_refusal(enum route_fault fault)
{
    return fault == ROUTE_SERVER_KEY_WRONG || fault == ROUTE_KEY_REFUSED || fault == ROUTE_NOT_ENCRYPTED;
}

void node_peers_down(struct route *route, enum route_fault fault, void *userdata)
{
    struct node_peer *peer = route_owner(route);

    if (peer == NULL)
        return;
    if (peer_state(peer->peer) != PEER_UP) /* else the end of the session is the news */
        node_news_of_peer(userdata, name_for_people(peer),
                          &(struct peer_notice){.news = is_refusal(fault) ? PEER_NEWS_REFUSED : PEER_NEWS_DOWN,
                                                .reason = route_fault_word(fault),
                                                .text = route_fault_text(fault)});
    peer_disconnected(peer->peer, route_fault_word(fault), node_now(userdata));
}

void node_peers_forgotten(struct route *route, void *userdata)
{
    struct node_peer *peer = route_owner(route);

    if (peer == NULL || peer->route != route)
        return;
    peer->route = NULL;
    peer_disconnected(peer->peer, "forgotten", node_now(userdata));
}

/* ---- connections that are made to us ---- */

static void refuse(maiko_bridge *bridge, struct route *route, uint64_t session, const char *reason, const char *text)
{
    pack_clear(&bridge->pack);
    peer_write_refusal(&bridge->pack, session, reason, text);
    if (pack_status(&bridge->pack) == MAIKO_OK)
        (void)!zmq_port_send(bridge->port, route, bridge->pack.data, bridge->pack.len);
    node_news_refused(bridge, route_address(route), reason, NULL, "a node at %s: %s", route_address(route), text);
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
    drop_route(peer, 0);
    peer_disconnected(peer->peer, "duplicate", node_now(bridge));
    peer->is_connector = false;
    peer->redial_ns = UINT64_MAX;
    return true;
}

static struct node_peer *accept_hello(maiko_bridge *bridge, struct route *route, const struct frame *hello)
{
    char name[SPACE_NAME_MAX + 1];
    struct node_peer *peer;

    if (hello->hello.name.len > SPACE_NAME_MAX) {
        refuse(bridge, route, hello->session, "protocol", "node names have at most 64 bytes");
        return NULL;
    }
    slice_to_text(hello->hello.name, name, sizeof(name));
    peer = find_named(bridge, name);
    if (peer == NULL)
        peer = peer_make(bridge, name);
    else if (peer->is_connector && !settle_double(bridge, peer, route, hello))
        return NULL;
    if (peer == NULL) {
        refuse(bridge, route, hello->session, "limit", "too many nodes");
        return NULL;
    }
    peer->ends_ns = UINT64_MAX;
    if (peer->route != route) {
        drop_route(peer, 0);
        peer->route = route;
        route_set_owner(route, peer);
    }
    return peer;
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
    if (peer == NULL)
        return;
    peer_frame(peer->peer, bytes, len, node_now(bridge));
    node_import_flush(bridge);
}

/* ---- the turn ---- */

static void settle_connection(struct node_peer *peer)
{
    maiko_bridge *bridge = peer->bridge;
    bool may_retry;

    if (peer->is_broken && peer->route != NULL && !peer->wants_close) {
        bool is_ours = peer->is_connector;

        peer->is_broken = false;
        if (!is_ours)
            drop_route(peer, 0);
        peer_disconnected(peer->peer, "closed", node_now(bridge));
    }
    peer->is_broken = false;
    if (!peer->wants_close)
        return;
    may_retry = peer_state(peer->peer) != PEER_REFUSED || peer_may_retry(peer->peer);
    drop_route(peer, CLOSE_LINGER_MS);
    if (peer->is_connector && may_retry && peer->ends_ns == UINT64_MAX)
        redial_later(peer, peer_state(peer->peer) == PEER_REFUSED);
}

static void add_up(maiko_bridge *bridge)
{
    uint64_t acknowledged = bridge->gone_acknowledged;
    uint64_t window_turns = bridge->gone_window_turns;
    uint64_t lost = bridge->gone_lost;
    uint64_t looped = bridge->gone_looped;
    uint64_t repeated = bridge->gone_repeated;
    uint32_t up = 0;
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        const struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);
        const struct peer_counters *counters = peer_counters(peer->peer);

        acknowledged += counters->acknowledged;
        window_turns += counters->window_turns;
        lost +=
            counters->lost_window + counters->lost_oldest + counters->lost_deadline + counters->lost_log + counters->lost_peer;
        looped += counters->loops + counters->too_many_hops;
        repeated += counters->repeated;
        up += peer_state(peer->peer) == PEER_UP;
    }
    atomic_store_explicit(&bridge->acknowledged, acknowledged, memory_order_relaxed);
    atomic_store_explicit(&bridge->window_turns, window_turns, memory_order_relaxed);
    atomic_store_explicit(&bridge->lost, lost, memory_order_relaxed);
    atomic_store_explicit(&bridge->looped, looped, memory_order_relaxed);
    atomic_store_explicit(&bridge->repeated, repeated, memory_order_relaxed);
    atomic_store_explicit(&bridge->peers_up, up, memory_order_relaxed);
}

uint64_t node_peers_run(maiko_bridge *bridge)
{
    uint64_t now_ns = node_now(bridge);
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
        if (peer->is_connector && peer->route == NULL && peer->redial_ns <= now_ns)
            dial(peer);
        deadline_ns = peer_deadline(peer->peer);
        if (peer->redial_ns < deadline_ns)
            deadline_ns = peer->redial_ns;
        if (peer->ends_ns < deadline_ns)
            deadline_ns = peer->ends_ns;
        if (deadline_ns < next_ns)
            next_ns = deadline_ns;
    }
    add_up(bridge);
    return next_ns;
}

void node_peers_bye(maiko_bridge *bridge)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (peer->route != NULL)
            peer_bye(peer->peer, "stop", node_now(bridge));
    }
}

void node_peers_free(maiko_bridge *bridge)
{
    while (!list_is_empty(&bridge->peers))
        peer_end(CONTAINER_OF(list_first(&bridge->peers), struct node_peer, link));
    add_up(bridge);
}
