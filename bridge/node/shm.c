/* Links through shared memory, see shm.h.  Of two nodes the one that connects offers over its control connection to the other;
 * the attachment lives as long as that connection, both processes, and the session of the link. */
#include "node/shm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/errno_text.h"
#include "link/shm_link.h"
#include "node/chores.h"
#include "node/peers.h"
#include "node/pool.h"
#include "shm/shm_fault.h"
#include "shm/shm_layout.h"
#include "space/attach.h"

enum { FRAMES_IN_RING = SHM_RING_BYTES / (int)sizeof(struct shm_record_header) };

struct node_shm {
    struct chore taking_apart; /* when it has ended */
    struct heap *heap;
    struct node_peer *peer; /* NULL: it has ended */
    struct shm_link *link;
    struct space_channel *channel; /* NULL: it has ended */
    uint64_t id;
};

maiko_status node_shm_set_up(maiko_bridge *bridge, struct text *error)
{
    maiko_status status;

    if (bridge->space == NULL)
        return MAIKO_OK;
    bridge->shm_fd = epoll_create1(EPOLL_CLOEXEC);
    if (bridge->shm_fd >= 0)
        return zmq_port_watch(bridge->port, bridge->shm_fd, node_shm_ready, bridge);
    status = errno == EMFILE || errno == ENFILE ? MAIKO_ELIMIT : MAIKO_ESYSTEM;
    text_append_format(error, "epoll: %s", ERRNO_TEXT(errno));
    return status;
}

void node_shm_tear_down(maiko_bridge *bridge)
{
    if (bridge->shm_fd >= 0)
        close(bridge->shm_fd);
    bridge->shm_fd = -1;
}

/* ---- messages ---- */

static void tell_with(struct space_channel *channel, enum attach_kind kind, uint64_t id, const char *reason, const int *fds,
                      size_t fd_count)
{
    struct attach_message message = {.kind = kind, .version = ATTACH_VERSION, .abi = SHM_ABI, .layout = SHM_VERSION, .link = id};
    unsigned char bytes[ATTACH_SIZE];

    snprintf(message.reason, sizeof(message.reason), "%s", reason);
    attach_encode(&message, bytes);
    (void)!space_channel_send(channel, bytes, sizeof(bytes), fds, fd_count); /* else the end of the connection says it */
}

static void tell(struct space_channel *channel, enum attach_kind kind, uint64_t id, const char *reason)
{
    tell_with(channel, kind, id, reason, NULL, 0);
}

uint64_t node_shm_id(const struct node_peer *peer)
{
    return peer->shm->id;
}

void node_shm_tell(struct node_peer *peer, enum attach_kind kind, const int *fds, size_t fd_count)
{
    if (peer->shm->channel != NULL)
        tell_with(peer->shm->channel, kind, peer->shm->id, "", fds, fd_count);
}

static maiko_status send_memory(struct node_shm *shm, enum attach_kind kind)
{
    struct attach_message message = {
        .kind = kind, .version = ATTACH_VERSION, .abi = SHM_ABI, .layout = SHM_VERSION, .link = shm->id};
    unsigned char bytes[ATTACH_SIZE];
    int fds[SHM_LINK_FDS];

    attach_encode(&message, bytes);
    shm_link_fds(shm->link, fds);
    return space_channel_send(shm->channel, bytes, sizeof(bytes), fds, SHM_LINK_FDS);
}

/* ---- making and ending ---- */

/* The chore. */
static bool take_apart(struct chore *chore)
{
    struct node_shm *shm = CONTAINER_OF(chore, struct node_shm, taking_apart);

    if (shm_link_take_apart(shm->link))
        return true;
    heap_free(shm->heap, shm, sizeof(*shm));
    return false;
}

/* Its peer is without it at once; unmapping and closing it all takes longer. */
static void shm_free(struct node_shm *shm)
{
    maiko_bridge *bridge = shm->peer->bridge;

    if (shm->channel != NULL)
        space_channel_set_owner(shm->channel, NULL);
    if (shm->link != NULL) { /* the other side holds it, too */
        maiko_importer_unwatch(bridge->importers[0].importer, shm_link_wake_fd(shm->link));
        epoll_ctl(bridge->shm_fd, EPOLL_CTL_DEL, shm_link_wake_fd(shm->link), NULL);
    }
    node_pool_leave(shm->peer);
    shm->peer->shm = NULL;
    shm->peer = NULL;
    if (shm->link != NULL)
        node_chores_add(bridge, &shm->taking_apart);
    else
        heap_free(shm->heap, shm, sizeof(*shm));
}

void node_shm_drop(struct node_peer *peer)
{
    struct node_shm *shm = peer->shm;

    if (shm == NULL)
        return;
    node_pool_leave(peer); /* what it keeps is said when the other side hears of the end */
    FAULT_POINT(before_tell_the_end);
    if (shm->channel != NULL)
        tell(shm->channel, ATTACH_END, shm->id, ""); /* step: tell_the_end */
    FAULT_POINT(after_tell_the_end);
    shm_free(shm);
}

/* A wake-up goes to one sleeper, the first one there is: the shard where the events go, or else the bridge's thread. */
static maiko_status watch(maiko_bridge *bridge, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};

    (void)!maiko_importer_watch(bridge->importers[0].importer, fd, &bridge->visit); /* else the bridge's thread does it all */
    return epoll_ctl(bridge->shm_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? MAIKO_OK : MAIKO_ESYSTEM;
}

static maiko_status shm_make(struct node_peer *peer, struct space_channel *channel, uint64_t id)
{
    maiko_bridge *bridge = peer->bridge;
    struct node_shm *shm = heap_alloc_zeroed(bridge->heap, 1, sizeof(*shm));
    maiko_status status;

    if (shm == NULL)
        return MAIKO_ENOMEM;
    shm->heap = bridge->heap;
    shm->taking_apart.work = take_apart;
    shm->peer = peer;
    shm->id = id;
    peer->shm = shm;
    status = shm_link_new(bridge->large, id, &shm->link);
    if (status == MAIKO_OK)
        status = watch(bridge, shm_link_wake_fd(shm->link));
    if (status != MAIKO_OK) {
        shm_free(shm);
        return status;
    }
    shm->channel = channel;
    space_channel_set_owner(channel, shm);
    return MAIKO_OK;
}

static const char *word_for(maiko_status status)
{
    switch (status) {
    case MAIKO_ENOMEM:
        return "memory";
    case MAIKO_ELIMIT:
        return "limit";
    case MAIKO_ENOTSUP:
        return "kernel";
    case MAIKO_EPROTOCOL:
        return "protocol";
    default:
        return "system";
    }
}

static enum shm_dial be_refused(struct node_peer *peer, const char *reason)
{
    snprintf(peer->shm_refusal, sizeof(peer->shm_refusal), "%s", reason);
    peer->has_no_memory_to_share = false;
    return SHM_DIAL_REFUSED;
}

static enum shm_dial fail(struct node_peer *peer, maiko_status status)
{
    (void)be_refused(peer, word_for(status));
    peer->has_no_memory_to_share = status == MAIKO_ENOMEM || status == MAIKO_ELIMIT;
    return SHM_DIAL_REFUSED;
}

enum shm_dial node_shm_dial(struct node_peer *peer)
{
    maiko_bridge *bridge = peer->bridge;
    struct space_channel *channel = bridge->space != NULL ? space_channel_to(bridge->space, peer->name) : NULL;
    maiko_status status;
    uint64_t id;

    if (channel == NULL) /* also while we are joining the space */
        return SHM_DIAL_LATER;
    if (!space_channel_can_attach(channel))
        return be_refused(peer, "version");
    if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
        return be_refused(peer, "system");
    status = shm_make(peer, channel, id);
    FAULT_POINT(before_send_offer);
    if (status == MAIKO_OK)
        status = send_memory(peer->shm, ATTACH_OFFER); /* step: send_offer */
    FAULT_POINT(after_send_offer);
    if (status == MAIKO_OK)
        return SHM_DIAL_OFFERED;
    if (peer->shm != NULL)
        shm_free(peer->shm);
    return status == MAIKO_ECLOSED ? SHM_DIAL_LATER : fail(peer, status); /* it has just left */
}

bool node_shm_is_up(const struct node_peer *peer)
{
    return peer->shm != NULL && shm_link_is_joined(peer->shm->link);
}

bool node_shm_is_transport(const struct node_peer *peer)
{
    return peer->route == NULL && (peer->shm != NULL || peer->was_shm);
}

/* Joined: frames can be sent from now on. */
static void note_link(struct node_peer *peer)
{
    peer->was_shm = true;
    peer->bridge->record_is_stale = true;
}

/* ---- messages that came ---- */

/* The machine is told unless it knows; who connects tries again. */
static void lose(struct node_peer *peer, const char *reason)
{
    maiko_bridge *bridge = peer->bridge;

    node_shm_drop(peer);
    peer_disconnected(peer->peer, reason, node_now(bridge));
    peer->wants_close = peer->is_broken = false; /* it is closed */
    bridge->record_is_stale = true;
    if (peer->is_connector && peer->ends_ns == UINT64_MAX)
        peers_redial_later(peer, false);
}

static void shm_down(struct node_shm *shm, const char *reason)
{
    node_shm_read_out(shm->peer);
    lose(shm->peer, reason);
}

/* Who the offer comes from, without a connection; NULL: *ret_reason says why not. */
static struct node_peer *accept(maiko_bridge *bridge, const char *name, const char **ret_reason)
{
    struct node_peer *peer = peers_find(bridge, name);

    if (peer == NULL) {
        *ret_reason = "limit";
        peer = peers_make(bridge, name, true);
        if (peer != NULL)
            peer->is_local = true;
        return peer;
    }
    if (peer->is_connector && peer_state(peer->peer) == PEER_UP) { /* by an endpoint it was given */
        *ret_reason = "duplicate";
        return NULL;
    }
    peer_disconnected(peer->peer, "replaced", node_now(bridge));
    peers_drop_route(peer, 0);
    peer->access_key[0] = '\0'; /* of a connection it had; who shares our memory is the same user */
    peer->is_connector = false;
    peer->is_local = true;
    peer->is_dead = false;
    peer->redial_ns = peer->ends_ns = UINT64_MAX;
    return peer;
}

static const char *objection(const maiko_bridge *bridge, const struct attach_message *offer,
                             const struct control_message *message)
{
    if (bridge->config.transport == MAIKO_TRANSPORT_ZMQ)
        return "transport";
    if (offer->layout != SHM_VERSION)
        return "version";
    if (offer->abi != SHM_ABI)
        return "abi";
    if (message->is_cut && message->fd_count < ATTACH_FDS)
        return "limit"; /* the kernel had no descriptors for us */
    return message->fd_count == ATTACH_FDS ? NULL : "protocol";
}

static void on_offer(maiko_bridge *bridge, struct space_channel *channel, const char *name, const struct attach_message *offer,
                     struct control_message *message)
{
    const char *reason = objection(bridge, offer, message);
    struct node_peer *peer = reason == NULL ? accept(bridge, name, &reason) : NULL;
    const char *text = "";
    maiko_status status;

    if (peer == NULL) {
        tell(channel, ATTACH_REFUSE, offer->link, reason);
        return;
    }
    status = shm_make(peer, channel, offer->link);
    FAULT_POINT(before_join_offer);
    if (status == MAIKO_OK)
        status = shm_link_join(peer->shm->link, message->fds, &text); /* step: join_offer */
    FAULT_POINT(before_send_answer);
    if (status == MAIKO_OK)
        status = send_memory(peer->shm, ATTACH_ANSWER); /* step: send_answer */
    FAULT_POINT(after_send_answer);
    if (status == MAIKO_OK) {
        note_link(peer);
        return;
    }
    node_log(bridge, MAIKO_LOG_WARNING, "no shared memory with node %s: %s%s%s", name, maiko_strerror(status),
             text[0] != '\0' ? ": " : "", text);
    tell(channel, ATTACH_REFUSE, offer->link, word_for(status)); /* step: send_refusal */
    if (peer->shm != NULL)
        shm_free(peer->shm);
}

static void on_answer(struct node_shm *shm, struct control_message *message)
{
    struct node_peer *peer = shm->peer;
    bool is_cut = message->is_cut && message->fd_count < ATTACH_FDS;
    const char *text = is_cut ? "no descriptors for it" : "not three descriptors";
    maiko_status status = is_cut ? MAIKO_ELIMIT : MAIKO_EPROTOCOL;

    FAULT_POINT(before_join_answer);
    if (message->fd_count == ATTACH_FDS)
        status = shm_link_join(shm->link, message->fds, &text); /* step: join_answer */
    FAULT_POINT(after_join_answer);
    if (status == MAIKO_OK) {
        note_link(peer);
        peer_connected(peer->peer, node_now(peer->bridge));
        return;
    }
    node_log(peer->bridge, MAIKO_LOG_WARNING, "no shared memory with node %s: %s: %s", peer->name, maiko_strerror(status), text);
    node_shm_drop(peer);
    (void)fail(peer, status);
    peers_dial(peer);
}

static void on_refuse(struct node_shm *shm, const char *reason)
{
    struct node_peer *peer = shm->peer;

    shm_free(shm); /* step: take_refusal */
    if (strcmp(reason, word_for(MAIKO_ELIMIT)) == 0) {
        peers_redial_starved(peer);
        return;
    }
    (void)be_refused(peer, reason);
    peers_dial(peer);
}

/* Whose attachment is it?  NULL: one that is over here. */
static struct node_shm *find(maiko_bridge *bridge, const struct space_channel *channel, uint64_t id)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_shm *shm = CONTAINER_OF(link, struct node_peer, link)->shm;

        if (shm != NULL && shm->channel == channel && shm->id == id)
            return shm;
    }
    return NULL;
}

void node_shm_message(struct space_channel *channel, const char *node, struct control_message *message, void *userdata)
{
    maiko_bridge *bridge = userdata;
    struct attach_message attach;
    struct node_shm *shm;

    if (attach_decode(message->bytes, message->len, &attach) != MAIKO_OK)
        return; /* of a later version, or nonsense */
    if (attach.kind == ATTACH_OFFER) {
        on_offer(bridge, channel, node, &attach, message);
        return;
    }
    shm = find(bridge, channel, attach.link);
    if (shm == NULL)
        return;
    if (attach.kind == ATTACH_END)
        shm_down(shm, "closed"); /* step: take_the_end */
    else if (attach.kind == ATTACH_POOL && shm_link_is_joined(shm->link))
        node_pool_came(shm->peer, message);
    else if (attach.kind == ATTACH_TAKEN)
        node_pool_taken(shm->peer);
    else if (shm_link_is_joined(shm->link))
        return;
    else if (attach.kind == ATTACH_ANSWER)
        on_answer(shm, message);
    else if (attach.kind == ATTACH_REFUSE)
        on_refuse(shm, attach.reason);
}

void node_shm_channel_ready(struct space_channel *channel, const char *node, void *bridge)
{
    struct node_peer *peer = peers_find(bridge, node);

    if (peer != NULL && peer->is_connector && peer->is_from_space && !peers_is_connected(peer) && peer->ends_ns == UINT64_MAX)
        peers_dial(peer);
}

/* The process has gone, or has closed: what it wrote before is read. */
void node_shm_channel_ended(void *owner, void *bridge)
{
    struct node_shm *shm = owner;

    shm->channel = NULL; /* step: see_the_connection_end */
    shm_down(shm, "lost");
}

/* ---- frames ---- */

bool node_shm_is_waiting(const struct node_peer *peer)
{
    return node_shm_is_up(peer) && shm_link_waiting(peer->shm->link) > 0;
}

maiko_status node_shm_send(struct node_peer *peer, const void *bytes, size_t len)
{
    return shm_link_send(peer->shm->link, bytes, len);
}

maiko_status node_shm_send_parts(struct node_peer *peer, const struct slice *parts, size_t count)
{
    return shm_link_send_parts(peer->shm->link, parts, count);
}

/* Up to `most` frames.  The machine may end the session at any of them; nothing is read after that. */
static maiko_status read_frames(struct node_peer *peer, size_t most)
{
    maiko_bridge *bridge = peer->bridge;
    maiko_status status = MAIKO_OK;
    uint64_t now_ns = 0;
    struct slice frame;
    size_t i;

    for (i = 0; i < most && !peer->wants_close && !peer->is_broken; i++) {
        status = shm_link_receive(peer->shm->link, &frame);
        if (status != MAIKO_OK)
            break;
        if (now_ns == 0)
            now_ns = node_now(bridge); /* the same for all: they are there */
        peer_frame(peer->peer, frame.data, frame.len, now_ns);
    }
    if (i > 0)
        node_import_flush(bridge);
    return status;
}

void node_shm_read_out(struct node_peer *peer)
{
    if (node_shm_is_up(peer))
        (void)read_frames(peer, FRAMES_IN_RING);
}

static void run_one(struct node_peer *peer, size_t frames)
{
    struct shm_link *link = peer->shm->link;
    const char *fault = node_pool_fault(peer);
    maiko_status status;

    node_pool_offer(peer);
    shm_link_awake(link);
    status = shm_link_flush(link);
    if (status != MAIKO_EPROTOCOL && fault == NULL)
        status = read_frames(peer, frames);
    if (status == MAIKO_EPROTOCOL)
        fault = shm_link_fault(link);
    if (fault == NULL)
        return;
    node_log(peer->bridge, MAIKO_LOG_ERROR, "the memory shared with node %s is broken: %s", peer->name, fault);
    node_news_refused(peer->bridge, peer->name, "protocol", NULL, "%s", fault);
    lose(peer, "protocol");
}

void node_shm_run(maiko_bridge *bridge, size_t frames)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (node_shm_is_up(peer))
            run_one(peer, frames);
    }
}

uint64_t node_shm_arm(maiko_bridge *bridge, uint64_t deadline_ns)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (node_shm_is_up(peer) && !shm_link_sleep(peer->shm->link))
            deadline_ns = 0;
    }
    return deadline_ns;
}

void node_shm_watch(maiko_bridge *bridge)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        const struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (node_shm_is_up(peer))
            shm_link_watch(peer->shm->link);
    }
}

bool node_shm_has_news(const maiko_bridge *bridge)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        const struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (node_shm_is_up(peer) && shm_link_has_news(peer->shm->link))
            return true;
    }
    return false;
}

void node_shm_ready(void *bridge)
{
    /* Nothing: every turn looks at every link. */
}
