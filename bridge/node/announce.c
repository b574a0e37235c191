/* Announce: what this node says about itself in its space, written again when it has changed, as a chore. */
#include "node/announce.h"

#include "node/node.h"
#include "node/shm.h"
#include <maiko/maiko.h>

static const uint64_t retry_ns = MAIKO_SECONDS(1);

static const char *link_state(const struct node_peer *peer)
{
    if (peer_state(peer->peer) != PEER_UP)
        return peer_state_name(peer_state(peer->peer));
    if (peer_is_stalled(peer->peer))
        return "stalled";
    return peer_is_ready(peer->peer) ? "ready" : "up";
}

static maiko_status fill_record(maiko_bridge *bridge, struct node_record *record)
{
    maiko_status status = MAIKO_OK;
    struct list *link;

    node_record_clear_links(record);
    text_list_clear(&record->finished, record->heap);
    LIST_FOR_EACH (link, &bridge->peers) {
        const struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);

        if (status == MAIKO_OK)
            status = node_record_add_link(record, peer->name[0] != '\0' ? peer->name : peer->endpoint,
                                          node_shm_is_transport(peer) ? "shm" : "zmq", link_state(peer));
    }
    LIST_FOR_EACH (link, &bridge->placed) {
        const struct node_actor *actor = CONTAINER_OF(link, struct node_actor, link);

        if (status == MAIKO_OK && actor->is_finished)
            status = text_list_add(&record->finished, record->heap, actor->name);
    }
    return status;
}

/* ---- the chore ---- */

static void begin(struct chore *chore)
{
    maiko_bridge *bridge = CONTAINER_OF(chore, maiko_bridge, announcing.chore);
    struct announcing *announcing = &bridge->announcing;

    text_init_heap(&announcing->line, bridge->heap, SPACE_RECORD_MAX);
    text_init_buffer(&announcing->error, announcing->reason, sizeof(announcing->reason));
    announcing->status = fill_record(bridge, space_record(bridge->space));
    if (announcing->status == MAIKO_OK)
        announcing->status = space_put_down(bridge->space, &announcing->line);
}

/* On a disk this takes as long as the disk likes. */
static bool work(struct chore *chore)
{
    maiko_bridge *bridge = CONTAINER_OF(chore, maiko_bridge, announcing.chore);
    struct announcing *announcing = &bridge->announcing;

    if (announcing->status == MAIKO_OK)
        announcing->status = space_write_down(bridge->space, &announcing->line, &announcing->error);
    return false;
}

static void end(struct chore *chore)
{
    maiko_bridge *bridge = CONTAINER_OF(chore, maiko_bridge, announcing.chore);
    struct announcing *announcing = &bridge->announcing;
    maiko_status status = announcing->status;
    bool was_told = bridge->record_has_failed;

    text_deinit(&announcing->line);
    bridge->record_has_failed = status != MAIKO_OK;
    if (status != MAIKO_OK)
        bridge->record_due_ns = clock_deadline(node_now(bridge), retry_ns);
    if (status != MAIKO_OK && !was_told)
        node_log(bridge, MAIKO_LOG_ERROR, "the record of this node could not be written: %s %s", maiko_strerror(status),
                 announcing->reason);
}

/* When it has to be written; once more when that failed. */
uint64_t node_announce_run(maiko_bridge *bridge, uint64_t deadline_ns)
{
    if (bridge->record_due_ns <= node_now(bridge))
        bridge->record_is_stale = true;
    if (bridge->record_is_stale)
        bridge->record_due_ns = UINT64_MAX;
    if (bridge->record_is_stale && bridge->space != NULL) {
        bridge->announcing.chore.begin = begin;
        bridge->announcing.chore.work = work;
        bridge->announcing.chore.end = end;
        node_chores_add(bridge, &bridge->announcing.chore);
    }
    bridge->record_is_stale = false;
    if (bridge->announcing.chore.is_waiting)
        return deadline_ns;
    return bridge->record_due_ns < deadline_ns ? bridge->record_due_ns : deadline_ns;
}
