/* Guest, see guest.h.
 *
 * Who owns the peers, their links and all else that is the bridge's thread's: whoever holds `turn`.  That thread holds it while
 * it is awake and gives it up around one call only, the poll it sleeps in; there `is_asleep` is true.  Guests try the lock and
 * never wait for it, and while they hold it they wait for nobody, so the thread waits for a guest at most as long as a little
 * work takes.  A ring so has one writer and one reader at a time, whichever thread that is; what ends a link (its control
 * connection, a pidfd, a timer, a stop) is done by the bridge's thread, before or after a guest, not beside one.  Events keep
 * their order: who has the turn takes all that was handed over, and only the export actor hands over.
 *
 * Nothing is left lying: whoever is told that there is something to do does it, or wakes the bridge's thread, which takes and
 * reads everything before it sleeps again.  That holds for a guest that does not get the turn, because the other one may have
 * looked at the rings already; for one that finds more than a little; and for one that leaves behind something that only the
 * thread does or a deadline earlier than the one it sleeps to.  Before it gives up the turn a guest says again what it found
 * said: the handover is at rest (node_guest_send), the readers of the links are asleep (node_guest_read).
 *
 * A shard that spins is a guest for as long as it spins, but gives up the turn as soon as the bridge's thread wants it
 * (node_guest_look).  Meanwhile it is as good as that thread awake: the readers of the links are awake, so nobody wakes anybody
 * for what is written, and what is handed over from another shard it takes.  Before it gives up the turn it says that it rests
 * and arms the readers, as above, and looks once more, as that thread does (node_guest_look_away).
 *
 * What it has read it does itself, and looks again behind that.  When that takes little time, as it does from one event to its
 * answer, it only lets the turn go and takes it again: who writes meanwhile wakes nobody, and is read a moment later
 * (node_guest_look_aside).  If it does not get the turn when it looks away in the end, it wakes the thread, which reads and arms.
 * Should it find that it may not go on, because a link waits for room by now, it looks away.  Its little work may prove to be
 * more: for what other shards hand over meanwhile they wake the thread.
 * What nobody waits for is not done with each event but when there are no more for a moment (settle).
 *
 * A ZeroMQ socket belongs to whoever holds the turn, too: to give it to another thread libzmq wants a full barrier, which the
 * lock is.  Its descriptor says that something has come and any call on it may take that away, so a guest asks what it has
 * touched before it gives up the turn, and wakes the thread when there is something.  A guest that was woken and does not get
 * the turn, or stops before it has read everything, has to say so (was_missed): the thread was not told, and asks only what it
 * was told of.  The socket of plain listeners is not for guests. */
#include "node/guest.h"

#include "node/chores.h"
#include "node/peers.h"
#include "node/pool.h"
#include "node/shm.h"

enum {
    FRAMES_AT_MOST = 4,
    OWED_MOST = 32, /* reads and sends before they are settled, while there are ever more */
    IDLE_LOOKS = 8  /* in vain, so there is time to settle them */
};

static bool has_waits(maiko_bridge *bridge)
{
    bool has;

    pthread_mutex_lock(&bridge->lock);
    has = !list_is_empty(&bridge->waits);
    pthread_mutex_unlock(&bridge->lock);
    return has;
}

static bool is_host_needed_for(const maiko_bridge *bridge, const struct node_peer *peer)
{
    bool is_over = peer->ends_ns != UINT64_MAX && peer_state(peer->peer) != PEER_UP;

    return is_over || peer->wants_close || peer->is_broken || peer->redial_ns < bridge->sleeps_until_ns ||
           peer_deadline(peer->peer) < bridge->sleeps_until_ns || node_shm_is_waiting(peer);
}

/* Is there anything that the bridge's thread does not know and a guest does not do? */
static bool is_host_needed(maiko_bridge *bridge)
{
    struct list *link;

    if (bridge->record_is_stale || bridge->record_due_ns < bridge->sleeps_until_ns || node_chores_are_news(bridge) ||
        !list_is_empty(&bridge->waiting) || !fifo_is_empty(&bridge->dirty) || !list_is_empty(&bridge->door_waits) ||
        has_waits(bridge))
        return true;
    LIST_FOR_EACH (link, &bridge->peers)
        if (is_host_needed_for(bridge, CONTAINER_OF(link, struct node_peer, link)))
            return true;
    return !zmq_port_is_settled(bridge->port);
}

static void flush(maiko_bridge *bridge, uint64_t now_ns)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (peers_is_connected(peer))
            peer_flush(peer->peer, now_ns);
    }
    node_outflow_release(bridge);
}

/* Whoever has the turn is the only one who writes them. */
static void count(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* What is left to do behind some reads and sends.  True: that was all.  The figures say nothing that the bridge's thread has
 * yet to act on: who sees that a peer has gone may count on its being closed. */
static bool settle(maiko_bridge *bridge)
{
    bridge->owed = 0;
    exporter_evict(bridge->exporter);
    if (is_host_needed(bridge))
        return false;
    node_figures_update(bridge);
    return !node_topic_figures_are_late(bridge);
}

/* Relaxed: a figure, by which nobody loses anything. */
static bool are_too_many(const maiko_bridge *bridge)
{
    return atomic_load_explicit(&bridge->peers_up, memory_order_relaxed) > GUEST_PEERS_MAX;
}

static bool is_welcome(const maiko_bridge *bridge, const struct batch *batch)
{
    return batch->events <= GUEST_EVENTS_MAX && batch->len - batch->referred_len <= GUEST_BYTES_MAX &&
           atomic_load_explicit(&bridge->is_asleep, memory_order_relaxed) && !are_too_many(bridge); /* hints, for its peace */
}

static bool all_have_the_pool(const maiko_bridge *bridge)
{
    const struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        const struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (peers_is_connected(peer) && !peer->has_pool)
            return false;
    }
    return true;
}

/* A large event is little work where it goes as a reference: to all who are there. */
static bool is_little_work(const maiko_bridge *bridge, const struct batch *batch)
{
    size_t i;

    for (i = 0; batch->referred_len > 0 && i < batch->count; i++) {
        const struct batch_record *record = &batch->records[i];

        if (record->block != NULL && (!record->is_native || !node_pool_has(bridge, record->block->event)))
            return false;
    }
    return batch->referred_len == 0 || all_have_the_pool(bridge);
}

/* What was handed over before goes first, and whoever was told of it is on the way. */
static bool may_send_at_once(const maiko_bridge *bridge)
{
    return bridge->is_asleep && !zmq_port_is_listened_to(bridge->port) && !zmq_port_is_streaming(bridge->port) &&
           !handover_has_some(&bridge->handover);
}

/* Whoever looked aside settles it: it is about to look again, or away.  Should it have found that it does not get the turn and
 * woken the bridge's thread before this was seen, that thread does. */
static void send_at_once(maiko_bridge *bridge, struct batch *batch)
{
    uint64_t now_ns = node_now(bridge);

    node_outflow_batch(bridge, batch, now_ns);
    flush(bridge, now_ns);
    count(&bridge->guest_sends);
    if (atomic_load_explicit(&bridge->is_looked_aside, memory_order_relaxed) && bridge->owed < OWED_MOST)
        bridge->owed++;
    else if (!settle(bridge))
        handover_wake(&bridge->handover); /* step: wake_behind_sending */
}

bool node_guest_send(maiko_bridge *bridge, struct batch *batch)
{
    bool is_sent;

    if (!is_welcome(bridge, batch) || pthread_mutex_trylock(&bridge->turn) != 0)
        return false;
    is_sent = may_send_at_once(bridge) && is_little_work(bridge, batch);
    if (is_sent)
        send_at_once(bridge, batch);
    pthread_mutex_unlock(&bridge->turn);
    return is_sent;
}

/* True: that was all. */
static bool read_a_little(maiko_bridge *bridge)
{
    bool is_all;

    node_shm_run(bridge, FRAMES_AT_MOST);
    is_all = zmq_port_visit(bridge->port, FRAMES_AT_MOST);
    flush(bridge, node_now(bridge));
    is_all = node_shm_arm(bridge, UINT64_MAX) != 0 && is_all; /* step: arm_again */
    if (!is_all || !settle(bridge))
        return false;
    count(&bridge->guest_reads);
    return true;
}

void node_guest_read(void *userdata)
{
    maiko_bridge *bridge = userdata;
    bool has_looked = false;
    bool is_done = false;

    if (pthread_mutex_trylock(&bridge->turn) == 0) {
        has_looked = bridge->is_asleep;
        is_done = has_looked && read_a_little(bridge);
        pthread_mutex_unlock(&bridge->turn);
    }
    if (!has_looked)
        atomic_store(&bridge->was_missed, true); /* step: say_it_was_missed */
    if (!is_done)
        handover_wake(&bridge->handover); /* step: pass_on */
}

/* ---- a shard that spins ---- */

/* Plain listeners are the bridge's thread's, so what is handed over is, too. */
static bool may_send(const maiko_bridge *bridge)
{
    return !zmq_port_is_listened_to(bridge->port);
}

/* A link that waits for room wants its bell, which only the bridge's thread hears. */
static bool is_waiting_for_room(const maiko_bridge *bridge)
{
    const struct list *link;

    LIST_FOR_EACH (link, &bridge->peers)
        if (node_shm_is_waiting(CONTAINER_OF(link, struct node_peer, link)))
            return true;
    return false;
}

/* Behind a look aside nobody reads or wakes anybody, so who may not go on looks away. */
static bool begin_to_look(maiko_bridge *bridge)
{
    bool was_aside = atomic_load_explicit(&bridge->is_looked_aside, memory_order_relaxed);

    /* hints, so that a thread that works is not disturbed by somebody who tries its lock again and again */
    if (!atomic_load_explicit(&bridge->is_asleep, memory_order_relaxed) ||
        atomic_load_explicit(&bridge->wants_turn, memory_order_relaxed) || (are_too_many(bridge) && !was_aside) ||
        pthread_mutex_trylock(&bridge->turn) != 0)
        return false;
    if (!bridge->is_asleep || is_waiting_for_room(bridge) || are_too_many(bridge)) {
        pthread_mutex_unlock(&bridge->turn);
        if (was_aside)
            node_guest_look_away(bridge); /* step: look_away_for_room */
        return false;
    }
    atomic_store_explicit(&bridge->is_looked_aside, false, memory_order_relaxed);
    node_shm_watch(bridge);
    if (may_send(bridge))
        handover_rise(&bridge->handover);
    return true;
}

/* Who wakes up wants the turn, and gets it. */
static void settle_looks(maiko_bridge *bridge)
{
    flush(bridge, node_now(bridge));
    if (!settle(bridge))
        handover_wake(&bridge->handover);
}

static void do_a_little(maiko_bridge *bridge)
{
    bridge->idle_looks = 0;
    count(&bridge->guest_looks);
    node_shm_run(bridge, FRAMES_AT_MOST);
    node_outflow_release(bridge); /* what was acknowledged has made room */
    if (handover_has_some(&bridge->handover) && may_send(bridge)) {
        node_outflow_run(bridge);
        flush(bridge, node_now(bridge));
    } else if (handover_has_some(&bridge->handover)) {
        handover_wake(&bridge->handover);
    }
    if (++bridge->owed >= OWED_MOST)
        settle_looks(bridge);
}

void node_guest_look(void *userdata)
{
    maiko_bridge *bridge = userdata;

    bridge->is_looked_at = bridge->is_looked_at || begin_to_look(bridge);
    if (!bridge->is_looked_at)
        return;
    if (atomic_load_explicit(&bridge->wants_turn, memory_order_relaxed)) /* seen a little later it waits a little longer */
        node_guest_look_away(bridge);
    else if (node_shm_has_news(bridge) || handover_has_some(&bridge->handover))
        do_a_little(bridge);
    else if (bridge->owed > 0 && ++bridge->idle_looks >= IDLE_LOOKS)
        settle_looks(bridge);
}

void node_guest_look_aside(void *userdata)
{
    maiko_bridge *bridge = userdata;

    if (!bridge->is_looked_at)
        return;
    bridge->is_looked_at = false;
    atomic_store_explicit(&bridge->is_looked_aside, true, memory_order_relaxed); /* see send_at_once() */
    pthread_mutex_unlock(&bridge->turn);
    atomic_thread_fence(memory_order_seq_cst); /* what is given meanwhile is seen here, or who gives sees that we look aside */
    if (handover_has_some(&bridge->handover))
        handover_wake(&bridge->handover); /* step: wake_aside */
}

bool node_guest_is_looking_aside(const maiko_bridge *bridge)
{
    atomic_thread_fence(memory_order_seq_cst); /* see above */
    return atomic_load_explicit(&bridge->is_looked_aside, memory_order_relaxed);
}

/* Looks again with the turn, or sees to it that the bridge's thread does. */
static bool take_turn_again(maiko_bridge *bridge)
{
    if (pthread_mutex_trylock(&bridge->turn) != 0) {
        handover_wake(&bridge->handover); /* step: pass_on_aside */
        return false;
    }
    if (bridge->is_asleep)
        return true;
    pthread_mutex_unlock(&bridge->turn); /* it has ended */
    return false;
}

void node_guest_look_away(void *userdata)
{
    maiko_bridge *bridge = userdata;
    bool was_aside = atomic_load_explicit(&bridge->is_looked_aside, memory_order_relaxed);
    bool is_all;

    if (!bridge->is_looked_at && !was_aside)
        return;
    atomic_store_explicit(&bridge->is_looked_aside, false, memory_order_relaxed);
    if (!bridge->is_looked_at && !take_turn_again(bridge))
        return;
    bridge->is_looked_at = false;
    if (bridge->owed > 0)
        settle_looks(bridge);
    is_all = handover_rest(&bridge->handover);                /* step: rest_after_spinning */
    is_all = node_shm_arm(bridge, UINT64_MAX) != 0 && is_all; /* step: arm_after_spinning */
    pthread_mutex_unlock(&bridge->turn);
    if (!is_all)
        handover_wake(&bridge->handover); /* step: pass_on_after_spinning */
}

void node_guest_sleeps(bool is_asleep, void *userdata)
{
    maiko_bridge *bridge = userdata;

    if (is_asleep) {
        bridge->is_asleep = true;
        pthread_mutex_unlock(&bridge->turn);
    } else {
        atomic_store_explicit(&bridge->wants_turn, true, memory_order_relaxed); /* a shard that spins gives it up */
        pthread_mutex_lock(&bridge->turn);
        atomic_store_explicit(&bridge->wants_turn, false, memory_order_relaxed);
        bridge->is_asleep = false;
        bridge->owed = 0; /* it does all that, and behind its first batch the log is cut */
    }
}
