/* Peer, timers: what is due when nothing comes: hellos again, heartbeats, acknowledgements, the end of the silent. */
#include "link/peer_state.h"

#include "base/clock.h"

static bool is_due(uint64_t due_ns, uint64_t now_ns)
{
    return due_ns > 0 && now_ns >= due_ns;
}

static void send_heartbeat(struct peer *peer, uint64_t now_ns)
{
    struct frame heartbeat = {.kind = FRAME_HEARTBEAT,
                              .session = peer->session,
                              .next = stream_next(&peer->stream),
                              .ack = peer->inflow.is_ready ? peer_settled(peer) : 0};

    if (peer->inflow.is_ready)
        heartbeat.refused = peer_refusals(peer, heartbeat.ack);
    pack_clear(&peer->frame);
    frame_write(&peer->frame, &heartbeat);
    peer_send(peer, now_ns);
}

static void tick_greeting(struct peer *peer, uint64_t now_ns)
{
    if (!is_due(peer->hello_due, now_ns))
        return;
    if (!peer->has_said_no_answer && now_ns - peer->last_heard >= peer->config.answer_ns) {
        peer->has_said_no_answer = true;
        peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_DOWN, .reason = "no_answer"});
    }
    peer_send_hello(peer, now_ns);
}

/* Who says nothing gets ever fewer of them: nobody may be taking them out of the other end. */
static uint64_t heartbeat_due(const struct peer *peer)
{
    uint64_t interval_ns = peer->config.heartbeat_ns;

    if (peer->is_silent && peer->last_sent > peer->last_heard && peer->last_sent - peer->last_heard > interval_ns)
        interval_ns = peer->last_sent - peer->last_heard;
    return clock_deadline(peer->last_sent, interval_ns);
}

/* A process that lives is not given up: what is lost for it meanwhile is the deadline's. */
static void on_silence(struct peer *peer, uint64_t now_ns)
{
    const struct peer_sink *sink = peer->config.sink;

    if (sink->is_alive == NULL || !sink->is_alive(peer, peer->config.userdata)) {
        peer_end_session(peer, "silent", "", now_ns);
        return;
    }
    peer->is_silent = true;
    if (peer->is_stalled)
        return;
    peer->is_stalled = true;
    peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_STALLED, .reason = "silent"});
}

static void tick_up(struct peer *peer, uint64_t now_ns)
{
    if (!peer->is_silent && now_ns - peer->last_heard >= peer->config.silence_ns)
        on_silence(peer, now_ns);
    if (peer->state != PEER_UP)
        return;
    if (is_due(peer->subscribe_due, now_ns))
        peer_send_subscribe(peer, now_ns);
    if (peer->state == PEER_UP && is_due(peer->ack_due, now_ns))
        peer_send_ack(peer, now_ns);
    if (peer->state == PEER_UP && now_ns >= heartbeat_due(peer))
        send_heartbeat(peer, now_ns);
    if (peer->state == PEER_UP)
        peer_go_on_asking(peer, now_ns);
}

void peer_tick(struct peer *peer, uint64_t now_ns)
{
    peer_notice_time(peer, now_ns);
    if (peer->state == PEER_GREETING)
        tick_greeting(peer, now_ns);
    else if (peer->state == PEER_UP)
        tick_up(peer, now_ns);
    peer_check_deadline(peer, now_ns);
}

static void earlier(uint64_t *deadline, uint64_t due_ns)
{
    if (due_ns > 0 && due_ns < *deadline)
        *deadline = due_ns;
}

uint64_t peer_deadline(const struct peer *peer)
{
    uint64_t deadline = UINT64_MAX;

    if (peer->state == PEER_GREETING)
        earlier(&deadline, peer->hello_due);
    if (peer->state == PEER_UP) {
        if (!peer->is_silent)
            earlier(&deadline, clock_deadline(peer->last_heard, peer->config.silence_ns));
        earlier(&deadline, heartbeat_due(peer));
        earlier(&deadline, peer->subscribe_due);
        earlier(&deadline, peer->ack_due);
        if (peer->asking.is_there)
            earlier(&deadline, peer->last_now); /* as soon as others had their turn */
    }
    if (peer->stream.stuck_since > 0)
        earlier(&deadline, clock_deadline(peer->stream.stuck_since, peer->config.deadline_ns));
    return deadline;
}
