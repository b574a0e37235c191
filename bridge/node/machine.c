/* The state machine of a peer (link/peer.h) and the bridge around it: what it wants sent, delivered and reported, and what it
 * is told of us. */
#include <string.h>
#include <unistd.h>

#include "link/told_count.h"
#include "node/peers.h"
#include "node/pool.h"
#include "node/shm.h"
#include <maiko/maiko.h>

/* ---- what the state machine wants ---- */

static void sink_send(struct peer *machine, const uint8_t *bytes, size_t len, void *userdata)
{
    struct node_peer *peer = userdata;
    maiko_status status = MAIKO_ECLOSED;

    if (node_shm_is_up(peer))
        status = node_shm_send(peer, bytes, len);
    else if (peer->route != NULL)
        status = zmq_port_send(peer->bridge->port, peer->route, bytes, len);
    if (status != MAIKO_OK)
        peer->is_broken = true; /* told to the machine when it has returned */
}

/* Shared memory is a copy, from wherever the bytes are. */
static bool sink_takes_parts(struct peer *machine, void *userdata)
{
    return node_shm_is_up(userdata);
}

static void sink_send_parts(struct peer *machine, const struct slice *parts, size_t count, void *userdata)
{
    struct node_peer *peer = userdata;

    if (!node_shm_is_up(peer) || node_shm_send_parts(peer, parts, count) != MAIKO_OK)
        peer->is_broken = true;
}

/* Shared memory copies, and what libzmq gives back later than everything else has ended is no supervisor's. */
static bool sink_give(struct peer *machine, uint8_t *bytes, size_t len, size_t size, void *userdata)
{
    struct node_peer *peer = userdata;

    if (peer->route == NULL || node_shm_is_up(peer) || peer->bridge->heap != heap_default())
        return false;
    if (zmq_port_give(peer->bridge->port, peer->route, bytes, len, size) != MAIKO_OK)
        peer->is_broken = true;
    return true;
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

static uint32_t sink_deliver_run(struct peer *machine, const struct inbound_run *run, bool *ret_is_pending, void *userdata)
{
    struct node_peer *peer = userdata;

    return node_import_run(peer->bridge, peer, run, ret_is_pending);
}

static void sink_backlog(struct peer *machine, struct peer_backlog *ret_backlog, void *userdata)
{
    *ret_backlog = ((struct node_peer *)userdata)->backlog->waiting;
}

/* What was acknowledged is nobody's to send again, so it has to be in the topic space by then. */
static bool sink_settle(struct peer *machine, void *userdata)
{
    maiko_bridge *bridge = ((struct node_peer *)userdata)->bridge;

    node_import_flush(bridge);
    return fifo_is_empty(&bridge->dirty);
}

/* Native bytes have padding and ends of strings in them, which are for the eyes of one user only. */
static bool sink_is_near(struct peer *machine, void *userdata)
{
    const struct node_peer *peer = userdata;

    return node_shm_is_up(peer) && space_group(peer->bridge->space) == SPACE_NO_GROUP;
}

static bool sink_lend(struct peer *machine, const maiko_event_type *type, const void *event, size_t len,
                      struct payload_reference *ret_reference, void *userdata)
{
    return node_pool_lend(userdata, type, event, len, ret_reference);
}

static void sink_pass(struct peer *machine, uint32_t slot, void *userdata)
{
    node_pool_pass(userdata, slot);
}

static void sink_forgotten(struct peer *machine, struct inbound_channel *channel, void *userdata)
{
    node_import_forget_channel(userdata, channel);
}

static void sink_ended(struct peer *machine, const char *publisher, const char *const *publish, void *userdata)
{
    node_import_end(((struct node_peer *)userdata)->bridge, publisher);
}

/* Scaling out is one's own affair, but a second start by mistake does everything twice: told once. */
static void warn_of_double(const struct node_peer *peer, const char *name)
{
    maiko_bridge *bridge = peer->bridge;
    struct list *link;

    LIST_FOR_EACH (link, &bridge->placed) {
        struct node_actor *actor = CONTAINER_OF(link, struct node_actor, link);

        if (actor->is_told_double || strcmp(actor->name, name) != 0)
            continue;
        actor->is_told_double = true;
        node_log(bridge, MAIKO_LOG_WARNING, "actor %s runs here (node %s) and at node %s: each gets what both subscribe to", name,
                 bridge->node_name, peers_name_of(peer));
    }
}

static void sink_actors(struct peer *machine, const struct frame_actor *actors, size_t count, void *userdata)
{
    struct node_peer *peer = userdata;
    size_t i;

    text_list_clear(&peer->actors, peer->bridge->heap);
    for (i = 0; i < count; i++) {
        char name[NODE_NAME_SIZE];

        slice_to_text(actors[i].name, name, sizeof(name));
        warn_of_double(peer, name);
        (void)!text_list_add(&peer->actors, peer->bridge->heap, name); /* out of memory: waited for, and named as missing */
    }
}

static void learn_name(struct node_peer *peer)
{
    const struct frame_hello *remote = peer_remote(peer->peer);

    if (remote != NULL)
        slice_to_text(remote->name, peer->name, sizeof(peer->name));
}

/* Words of a connection that ended by itself, or has brought nothing for too long. */
static bool is_cut_by(const char *reason)
{
    return strcmp(reason, route_fault_word(ROUTE_LOST)) == 0 || strcmp(reason, "forgotten") == 0 || strcmp(reason, "silent") == 0;
}

static void session_is_over(struct node_peer *peer)
{
    peer->is_ready = false;
    peer->is_subscribed_to = false;
    peer->changed_ns = node_now(peer->bridge);
}

/* Written by whoever has the turn. */
static void add_told(_Atomic uint64_t *count, uint64_t more)
{
    atomic_store_explicit(count, told_count_add(atomic_load_explicit(count, memory_order_relaxed), more), memory_order_relaxed);
}

void machine_tell(struct node_peer *peer, const struct peer_notice *notice)
{
    switch (notice->news) {
    case PEER_NEWS_UP:
        session_is_over(peer); /* the one before */
        peer->is_cut = peer->may_be_cut = false;
        peer->is_told_no_resources = false;
        peer->told_shm_refusal[0] = '\0';
        memset(peer->bridge->told_attempts, 0, sizeof(peer->bridge->told_attempts));
        learn_name(peer);
        node_figures_met(peer);
        break;
    case PEER_NEWS_READY:
        peer->is_ready = true;
        peer->redial_wait_ns = 0;
        peer->bridge->has_ready_stranger |= !peer->is_known;
        break;
    case PEER_NEWS_SUBSCRIBED:
        peer->is_subscribed_to = true;
        break;
    case PEER_NEWS_GAP:
        peer->gaps++;
        atomic_fetch_add_explicit(&peer->bridge->gaps, 1, memory_order_relaxed);
        if (notice->lost != LOST_UNKNOWN)
            add_told(&peer->bridge->lost_for_us, notice->lost);
        break;
    case PEER_NEWS_DOWN:
        session_is_over(peer);
        peer->is_cut = is_cut_by(notice->reason);
        break;
    case PEER_NEWS_REFUSED:
        if (peer_state(peer->peer) != PEER_UP) /* else one pattern, or another attempt beside it */
            session_is_over(peer);
        break;
    case PEER_NEWS_STALLED:
    case PEER_NEWS_FAILED:
        break;
    }
    node_news_of_peer(peer->bridge, peers_name_of(peer), notice);
    peer->bridge->record_is_stale = true;
}

static void sink_news(struct peer *machine, const struct peer_notice *notice, void *userdata)
{
    machine_tell(userdata, notice);
}

/* A link through shared memory ends with the process at its other end, see shm.h.  Of what is at the other end of a socket only
 * its words are known. */
static bool sink_is_alive(struct peer *machine, void *userdata)
{
    return node_shm_is_up(userdata);
}

static bool sink_may_subscribe(struct peer *machine, const char *pattern, void *userdata)
{
    struct node_peer *peer = userdata;

    return node_access_may_subscribe(peer->bridge, peer->access_key, peers_address_of(peer), pattern);
}

static bool sink_may_publish(struct peer *machine, const char *topic, void *userdata)
{
    struct node_peer *peer = userdata;

    return node_access_may_publish(peer->bridge, peer->access_key, peers_address_of(peer), topic);
}

static const struct peer_sink sink = {
    .send = sink_send,
    .give = sink_give,
    .takes_parts = sink_takes_parts,
    .send_parts = sink_send_parts,
    .close = sink_close,
    .deliver = sink_deliver,
    .deliver_run = sink_deliver_run,
    .backlog = sink_backlog,
    .settle = sink_settle,
    .is_near = sink_is_near,
    .lend = sink_lend,
    .pass = sink_pass,
    .forgotten = sink_forgotten,
    .ended = sink_ended,
    .actors = sink_actors,
    .news = sink_news,
    .is_alive = sink_is_alive,
    .may_subscribe = sink_may_subscribe,
    .may_publish = sink_may_publish,
};

/* ---- what it is told of us ---- */

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

maiko_status machine_new(maiko_bridge *bridge, struct node_peer *peer)
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
                                              .clock = bridge->clock_name,
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
