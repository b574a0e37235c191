/* Peer, receiving: the window that the other side was told of is enforced.  Who is honest never goes beyond: what it has sent and
 * not heard acknowledged is at least what came and is not done, and it counts the bytes of no event as fewer than we do, but for
 * what it keeps as native bytes and sends as arrays (PROTOCOL.md 4). */
#include "link/peer_state.h"

enum { BYTES_FACTOR = 4 }; /* arrays are up to so many times as long as what their sender counts */

static struct peer_backlog backlog_of(struct peer *peer)
{
    struct peer_backlog backlog = {.events = 0};

    if (peer->config.sink->backlog != NULL)
        peer->config.sink->backlog(peer, &backlog, peer->config.userdata);
    return backlog;
}

static uint64_t most_bytes(const struct peer *peer)
{
    uint64_t window = peer->config.window_bytes;

    return window < UINT64_MAX / BYTES_FACTOR ? BYTES_FACTOR * window : UINT64_MAX;
}

/* Of what waits less than this is of its stream: the rest only becomes less. */
static uint64_t bytes_left(struct peer *peer, uint64_t waiting)
{
    uint64_t most = most_bytes(peer);

    if (waiting <= peer->left_bytes)
        return most;
    return waiting - peer->left_bytes < most ? most - (waiting - peer->left_bytes) : 0;
}

uint32_t peer_take_within(struct peer *peer, uint32_t most, size_t len)
{
    uint64_t open = peer->inflow.next - inflow_done(&peer->inflow);
    uint64_t places = open < peer->config.window_events ? peer->config.window_events - open : 0;
    uint64_t bytes;

    if (places < most)
        most = (uint32_t)places;
    if (most == 0 || (open == 0 && (uint64_t)most * len <= most_bytes(peer)))
        return most;
    bytes = bytes_left(peer, backlog_of(peer).bytes);
    if (bytes == 0 && open > 0)
        return 0;
    return len > 0 && bytes / len + 1 < most ? (uint32_t)(bytes / len + 1) : most; /* one record always fits */
}

bool peer_is_behind(struct peer *peer)
{
    const struct peer_backlog backlog = backlog_of(peer);
    bool is_behind = backlog.events >= peer->config.window_events || backlog.bytes >= most_bytes(peer);

    if (!is_behind) /* else the stream it has may come back, and finds the room it had */
        peer->left_bytes = backlog.bytes;
    if (is_behind && !peer->is_told_behind)
        peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_REFUSED,
                                              .reason = "limit",
                                              .text = "too much of its earlier lives waits here",
                                              .is_ours = true});
    peer->is_told_behind = is_behind;
    return is_behind;
}
