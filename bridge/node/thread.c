/* The bridge's thread: sleeps in the port, and after every wake-up moves what has come out of the supervisor to the peers and
 * what came from them into it. */
#include <string.h>

#include "node/announce.h"
#include "node/chores.h"
#include "node/door_queue.h"
#include "node/node.h"
#include "node/shm.h"
#include "runtime/thread.h"
#include <maiko/maiko.h>

enum { FINAL_LINGER_MS = 200 };

/* ---- waiting callers ---- */

static bool is_linked_with(const maiko_bridge *bridge, const char *actor)
{
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        const struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (text_list_has(&peer->actors, actor))
            return peer_state(peer->peer) == PEER_UP && peer_is_ready(peer->peer) && peer->is_subscribed_to;
    }
    return false;
}

/* True when none is missing; else their names. */
static bool all_are_here(const maiko_bridge *bridge, struct text *missing)
{
    bool is_complete = true;
    struct list *link;

    LIST_FOR_EACH (link, &bridge->expected) {
        const struct node_actor *actor = CONTAINER_OF(link, struct node_actor, link);

        if (actor->is_ended || is_linked_with(bridge, actor->name))
            continue;
        text_append(missing, is_complete ? "" : ", ");
        text_append(missing, actor->name);
        is_complete = false;
    }
    return is_complete;
}

static void name_unlinked(const maiko_bridge *bridge, struct text *unlinked)
{
    struct list *link;

    text_clear(unlinked);
    LIST_FOR_EACH (link, &bridge->peers) {
        const struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (peer->is_connector && !peer->is_from_space && peer_state(peer->peer) != PEER_UP)
            text_append_format(unlinked, "%s%s", unlinked->len > 0 ? ", " : "", peer->endpoint);
    }
}

static bool is_drained(maiko_bridge *bridge)
{
    /* This turn may have taken from the handover before the caller's last event was in it. */
    return handover_is_empty(&bridge->handover) && list_is_empty(&bridge->waiting) && fifo_is_empty(&bridge->dirty) &&
           exporter_is_drained(bridge->exporter);
}

/* Who does not have everything. */
static void name_waiting(const maiko_bridge *bridge, struct node_wait *wait)
{
    struct text missing;
    struct list *link;

    text_init_buffer(&missing, wait->missing, wait->missing_size);
    LIST_FOR_EACH (link, &bridge->peers) {
        const struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (peer_is_owed(peer->peer))
            text_append_format(&missing, "%s%s", missing.len > 0 ? ", " : "",
                               peer->name[0] != '\0' ? peer->name : peer->endpoint);
    }
}

static bool is_fulfilled(maiko_bridge *bridge, struct node_wait *wait)
{
    struct text missing;

    if (wait->is_for_drain) {
        name_waiting(bridge, wait);
        return is_drained(bridge);
    }
    if (wait->topic != NULL)
        return exporter_subscribers(bridge->exporter, wait->topic) >= wait->subscribers;
    if (wait->unlinked != NULL)
        name_unlinked(bridge, wait->unlinked);
    text_init_buffer(&missing, wait->missing, wait->missing_size);
    return all_are_here(bridge, &missing);
}

static void check_waits(maiko_bridge *bridge)
{
    bool is_news = false;
    struct list *link;

    pthread_mutex_lock(&bridge->lock);
    LIST_FOR_EACH (link, &bridge->waits) {
        struct node_wait *wait = CONTAINER_OF(link, struct node_wait, link);

        if (!wait->is_done && is_fulfilled(bridge, wait))
            is_news = wait->is_done = true;
    }
    if (is_news)
        pthread_cond_broadcast(&bridge->changed);
    pthread_mutex_unlock(&bridge->lock);
}

/* ---- what else it is woken for ---- */

static void space_ready(void *userdata)
{
    maiko_bridge *bridge = userdata;

    space_run(bridge->space);
    if (space_has_remains(bridge->space))
        node_chores_add(bridge, &bridge->clearing);
}

/* The chore. */
static bool clear_remains(struct chore *chore)
{
    struct space *space = CONTAINER_OF(chore, maiko_bridge, clearing)->space;

    space_clear_remains(space);
    return space_has_remains(space);
}

static void handover_ready(void *userdata)
{
    handover_clear_wake(&((maiko_bridge *)userdata)->handover);
}

/* ---- the loop ---- */

static void reload(maiko_bridge *bridge)
{
    char reason[512];
    struct text error;
    bool has_changed = false;
    maiko_status status;

    text_init_buffer(&error, reason, sizeof(reason));
    status = node_access_load(bridge, &has_changed, &error);
    if (status == MAIKO_OK)
        node_log(bridge, MAIKO_LOG_INFO, "keys and allow list were read again");
    else
        node_log(bridge, MAIKO_LOG_ERROR, "keys and allow list stay as they were: %s", reason);
    has_changed = peer_keys_renew(bridge) || has_changed;
    if (has_changed)
        node_access_review(bridge);
}

static uint64_t turn(maiko_bridge *bridge, uint64_t deadline_ns)
{
    deadline_ns = node_chores_run(bridge, deadline_ns);
    deadline_ns = node_shm_arm(bridge, deadline_ns);
    bridge->sleeps_until_ns = deadline_ns;
    if (atomic_exchange(&bridge->was_missed, false)) /* step: look_again */
        zmq_port_look_again(bridge->port);
    zmq_port_wait(bridge->port, handover_rest(&bridge->handover) ? deadline_ns : 0);
    handover_rise(&bridge->handover);
    zmq_port_read(bridge->port);
    node_shm_run(bridge, SHM_FRAMES_PER_TURN);
    if (atomic_exchange(&bridge->wants_reload, false))
        reload(bridge);
    node_import_retry(bridge);
    node_outflow_run(bridge);
    deadline_ns = node_peers_run(bridge);
    node_outflow_release(bridge); /* what was acknowledged has made room */
    deadline_ns = node_topic_figures_run(bridge, bridge->turn_ns, deadline_ns);
    if (bridge->record_is_stale || bridge->record_due_ns != UINT64_MAX)
        deadline_ns = node_announce_run(bridge, deadline_ns);
    if (atomic_load_explicit(&bridge->wants_last_word, memory_order_relaxed)) /* woken behind it */
        deadline_ns = node_export_end(bridge, deadline_ns);
    if (!list_is_empty(&bridge->door_waits))
        deadline_ns = door_queue_run(bridge, deadline_ns);
    check_waits(bridge);
    return deadline_ns;
}

/* Everything accepted goes out while there is time, then everybody is told. */
static void say_goodbye(maiko_bridge *bridge)
{
    uint64_t end_ns = clock_deadline(node_now(bridge), bridge->config.linger_ns);
    uint64_t next_ns = 0;

    do {
        next_ns = turn(bridge, next_ns < end_ns ? next_ns : end_ns);
    } while (!is_drained(bridge) && node_now(bridge) < end_ns && !atomic_load(&bridge->wants_haste));
    bridge->is_drained = is_drained(bridge);
    node_peers_bye(bridge);
    node_peers_run(bridge);
}

/* Whoever gave what nobody took has been left behind by the supervisor, or comes yet. */
static void close_handover(maiko_bridge *bridge)
{
    uint64_t dropped;

    handover_close(&bridge->handover);
    dropped = atomic_load_explicit(&bridge->handover.dropped, memory_order_relaxed);
    if (dropped > 0)
        node_log(bridge, MAIKO_LOG_WARNING, "%llu events are not exported: the bridge has ended", (unsigned long long)dropped);
}

static void *run(void *userdata)
{
    maiko_bridge *bridge = userdata;
    uint64_t next_ns = 0;

    pthread_mutex_lock(&bridge->turn);
    while (!atomic_load(&bridge->wants_stop))
        next_ns = turn(bridge, next_ns);
    say_goodbye(bridge);
    door_queue_end(bridge);
    close_handover(bridge);
    node_outflow_stop(bridge);
    node_import_drop_all(bridge);
    node_peers_free(bridge);
    node_topic_figures_end(bridge);
    node_chores_finish(bridge);
    bridge->port = zmq_port_close(bridge->port, FINAL_LINGER_MS);
    node_remove_sockets(bridge);
    bridge->space = space_leave(bridge->space);
    node_shm_tear_down(bridge);
    pthread_mutex_unlock(&bridge->turn); /* nobody sleeps, so guests find nothing to do */
    pthread_mutex_lock(&bridge->lock);
    bridge->is_closed = true;
    pthread_cond_broadcast(&bridge->changed);
    pthread_mutex_unlock(&bridge->lock);
    return NULL;
}

maiko_status node_thread_start(maiko_bridge *bridge, struct text *error)
{
    maiko_status status;

    status = zmq_port_watch(bridge->port, bridge->handover.wake_fd, handover_ready, bridge);
    if (status == MAIKO_OK && bridge->space != NULL)
        status = zmq_port_watch(bridge->port, space_fd(bridge->space), space_ready, bridge);
    if (status == MAIKO_OK)
        status = node_shm_set_up(bridge, error);
    if (status != MAIKO_OK)
        return status;
    node_key_watch_start(bridge);
    bridge->clearing.work = clear_remains;
    status = thread_start(&bridge->thread, run, bridge, "maiko-bridge");
    if (status == MAIKO_OK)
        bridge->is_started = true;
    else
        text_append(error, "no thread for the bridge");
    return status;
}

void node_thread_stop(maiko_bridge *bridge)
{
    if (!bridge->is_started)
        return;
    atomic_store(&bridge->wants_stop, true);
    handover_wake(&bridge->handover);
    pthread_join(bridge->thread, NULL);
    bridge->is_started = false;
}
