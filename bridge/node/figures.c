/* Figures: what the peers have counted, summed up for maiko_bridge_count() and shown link by link in the counters file. */
#include <string.h>

#include "link/refusals.h"
#include "node/node.h"

static uint64_t lost_of(const struct peer_counters *counters)
{
    return counters->lost_window + counters->lost_oldest + counters->lost_deadline + counters->lost_log + counters->lost_peer;
}

/* Waiting, or sent and not acknowledged. */
static uint64_t queued_of(const struct peer_counters *counters)
{
    uint64_t settled = counters->acknowledged + lost_of(counters);

    return counters->offered > settled ? counters->offered - settled : 0;
}

static void add(struct node_sums *sums, const struct peer_counters *counters)
{
    sums->acknowledged += counters->acknowledged;
    sums->lost += lost_of(counters);
    sums->overdue += counters->lost_deadline + counters->lost_log - counters->lost_past;
    sums->looped += counters->loops + counters->too_many_hops;
    sums->repeated += counters->repeated;
    sums->window_turns += counters->window_turns;
    sums->refused_there += counters->refused;
    sums->lent += counters->lent_out;
}

/* ---- in the counters file ---- */

void node_figures_met(struct node_peer *peer)
{
    maiko_bridge *bridge = peer->bridge;
    uint32_t window = bridge->config.window_events > 0 ? bridge->config.window_events : PEER_WINDOW_EVENTS;

    if (peer->figures == NULL && maiko_link_counters_new(bridge->sup, peer->name, window, &peer->figures) != MAIKO_OK)
        node_log(bridge, MAIKO_LOG_ERROR, "peer %s: no memory for its counters", peer->name);
}

static maiko_link_figures figures_of(const struct peer_counters *counters, uint64_t gaps)
{
    return (maiko_link_figures){.offered = counters->offered,
                                .acknowledged = counters->acknowledged,
                                .lost_window = counters->lost_window,
                                .lost_oldest = counters->lost_oldest,
                                .lost_deadline = counters->lost_deadline,
                                .lost_log = counters->lost_log,
                                .lost_peer = counters->lost_peer,
                                .queued = queued_of(counters),
                                .delivered = counters->delivered,
                                .lost_here = counters->lost_reported,
                                .gaps = gaps,
                                .gaps_unknown = counters->gaps_unknown,
                                .repeated = counters->repeated + counters->duplicates,
                                .turned_away = counters->loops + counters->too_many_hops + counters->denied,
                                .sessions = counters->sessions,
                                .frames = counters->frames_in};
}

static maiko_drop_reason reason_of(const struct refusal *row)
{
    return strcmp(row->reason, "denied") == 0 ? MAIKO_DROPPED_LINK_DENIED : MAIKO_DROPPED_LINK_REFUSED;
}

/* Over all words that are one reason here. */
static uint64_t refused_for(const struct refusals *refused, const char *topic, maiko_drop_reason reason)
{
    const struct refusal *row;
    uint64_t events = 0;
    size_t i;

    for (i = 0; (row = refusals_at(refused, i)) != NULL; i++)
        if (reason_of(row) == reason && strcmp(row->topic, topic) == 0)
            events += row->sum;
    return events;
}

/* By topic and reason, when there is something new. */
static void show_refused(struct node_peer *peer, const struct peer_counters *counters)
{
    const struct refusals *refused = peer_refused(peer->peer);
    const struct refusal *row;
    size_t i;

    if (counters->refused == peer->refused_shown)
        return;
    peer->refused_shown = counters->refused;
    for (i = 0; (row = refusals_at(refused, i)) != NULL; i++)
        if (row->sum > 0)
            maiko_link_counters_refused(peer->figures, row->topic, reason_of(row),
                                        refused_for(refused, row->topic, reason_of(row)));
}

/* ---- the sums ---- */

static void store(_Atomic uint64_t *to, uint64_t value)
{
    atomic_store_explicit(to, value, memory_order_relaxed);
}

void node_figures_update(maiko_bridge *bridge)
{
    struct node_sums sums = bridge->gone;
    uint64_t queued = 0;
    uint64_t offered = 0;
    uint32_t up = 0;
    struct list *link;

    LIST_FOR_EACH (link, &bridge->peers) {
        struct node_peer *peer = CONTAINER_OF(link, struct node_peer, link);
        const struct peer_counters *counters = peer_counters(peer->peer);
        maiko_link_figures figures = figures_of(counters, peer->gaps);

        add(&sums, counters);
        offered += counters->offered;
        queued += figures.queued;
        up += peer_state(peer->peer) == PEER_UP;
        maiko_link_counters_store(peer->figures, &figures);
        show_refused(peer, counters);
    }
    store(&bridge->acknowledged, sums.acknowledged);
    store(&bridge->lost, sums.lost);
    store(&bridge->overdue, sums.overdue);
    store(&bridge->looped, sums.looped);
    store(&bridge->repeated, sums.repeated);
    store(&bridge->window_turns, sums.window_turns);
    store(&bridge->refused_there, sums.refused_there);
    store(&bridge->lent, sums.lent);
    atomic_store_explicit(&bridge->peers_up, up, memory_order_relaxed);
    node_topic_figures_note(bridge, offered + sums.acknowledged + sums.lost, queued);
}

/* What was under way is lost.  When the bridge itself ends, its links stay in the counters file one by one. */
void node_figures_gone(struct node_peer *peer)
{
    maiko_bridge *bridge = peer->bridge;
    struct peer_counters counters = *peer_counters(peer->peer);
    maiko_link_figures figures;

    counters.lost_peer += queued_of(&counters);
    figures = figures_of(&counters, peer->gaps);
    add(&bridge->gone, &counters);
    maiko_link_counters_store(peer->figures, &figures);
    show_refused(peer, &counters);
    peer->figures = maiko_link_counters_free(peer->figures, bridge->is_ending);
}
