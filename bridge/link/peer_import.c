/* Peer, receiving: what we asked for, where we are, what is acknowledged. */
#include "link/peer_state.h"

#include <string.h>

#include "link/told_count.h"

enum { CLOCKS_DIFFER = 4096 }; /* by one part in so many, at most */

static const char *from_word(enum pattern_from from)
{
    return from == FROM_LOG ? "log" : from == FROM_LAST ? "last" : "";
}

/* Does the other node say by our own clock when it started?  Copies of one virtual machine have other names at least. */
static bool has_our_clock(const struct peer *peer)
{
    const struct frame_hello *remote = &peer->remote;

    return remote->clock != 0 && remote->clock == peer->config.identity.clock && slice_is(remote->host, peer->host);
}

/* By two clocks it is only known that the node was up for so long when it wrote, which was before we heard of it: the wish may
 * seem older than it was, never younger.  A second of one clock may be that little shorter than one of the other. */
static bool seems_older(const struct peer *peer, const struct pattern *wish)
{
    uint64_t age = peer->met_ns - wish->made_at_ns;

    return wish->made_at_ns <= peer->met_ns && age + age / CLOCKS_DIFFER >= peer->remote.uptime_ns;
}

/* Was the wish there before the other node?  By one clock this is sure. */
static bool is_older(const struct peer *peer, const struct pattern *wish)
{
    return has_our_clock(peer) ? wish->made_at_ns <= peer->remote.started_ns : seems_older(peer, wish);
}

/* A wish older than the other node missed nothing by coming first: it gets all the node has. */
static enum pattern_from effective_from(const struct peer *peer, const struct pattern *wish)
{
    return is_older(peer, wish) ? FROM_LOG : wish->from;
}

/* The other node may know better, and tells us again how long it is up: peer_hear_again(). */
static uint64_t doubtful_age(const struct peer *peer, const struct pattern *wish, uint64_t now_ns)
{
    if (has_our_clock(peer) || wish->from == FROM_LOG || !seems_older(peer, wish))
        return 0;
    return now_ns > wish->made_at_ns ? now_ns - wish->made_at_ns : 1;
}

void peer_hear_again(struct peer *peer, const struct frame_hello *hello, uint64_t now_ns)
{
    if (has_our_clock(peer) || !maiko_id_equal(hello->node, peer->remote.node) || hello->uptime_ns <= peer->remote.uptime_ns)
        return; /* of no use, or older words on a longer way */
    peer->remote.uptime_ns = hello->uptime_ns;
    peer->met_ns = now_ns;
    if (!peer_is_ready(peer))
        peer->subscribe_due = now_ns > 0 ? now_ns : 1;
}

void peer_send_subscribe(struct peer *peer, uint64_t now_ns)
{
    struct frame subscribe = {.kind = FRAME_SUBSCRIBE,
                              .session = peer->session,
                              .number = peer->wish_number + 1,
                              .stream = peer->inflow.stream,
                              .next = peer->inflow.next,
                              .ack = peer_settled(peer),
                              .heard_ns = has_our_clock(peer) ? 0 : peer->remote.uptime_ns};
    size_t i;

    if (subscribe.stream > 0)
        subscribe.refused = peer_refusals(peer, subscribe.ack);
    peer->subscribe_due = now_ns + peer->config.answer_ns;
    pack_clear(&peer->frame);
    frame_begin_subscribe(&peer->frame, &subscribe);
    pack_array(&peer->frame, peer->wishes.count);
    for (i = 0; i < peer->wishes.count; i++) {
        const struct pattern *wish = &peer->wishes.list[i];
        const char *overflow =
            wish->overflow == MAIKO_OVERFLOW_OF_TOPIC ? "" : maiko_overflow_name((maiko_overflow)wish->overflow);

        frame_write_pattern(&peer->frame, &(struct frame_pattern){.text = slice_of(wish->text),
                                                                  .from = slice_of(from_word(effective_from(peer, wish))),
                                                                  .overflow = slice_of(overflow),
                                                                  .id = wish->id,
                                                                  .age_ns = doubtful_age(peer, wish, now_ns),
                                                                  .has_failed = wish->is_failed});
    }
    peer_send(peer, now_ns);
}

/* The changed list goes out with the next flush: a hundred wishes are one frame. */
static void wishes_changed(struct peer *peer, uint64_t now_ns)
{
    peer->wish_number++;
    if (peer->state == PEER_UP)
        peer->subscribe_due = now_ns > 0 ? now_ns : 1;
}

maiko_status peer_subscribe(struct peer *peer, const struct pattern *pattern, uint64_t now_ns)
{
    struct pattern *known = patterns_find(&peer->wishes, pattern->text, strlen(pattern->text));
    maiko_status status;

    if (known == NULL && peer->wishes.count == WIRE_PATTERNS_MAX)
        return MAIKO_ELIMIT;
    status = patterns_add(&peer->wishes, pattern);
    if (status != MAIKO_OK)
        return status;
    known = patterns_find(&peer->wishes, pattern->text, strlen(pattern->text));
    if (known != &peer->wishes.list[peer->wishes.count - 1])
        patterns_remove(&peer->wishes, known);
    wishes_changed(peer, now_ns);
    return MAIKO_OK;
}

void peer_unsubscribe(struct peer *peer, const char *pattern, uint64_t now_ns)
{
    struct pattern *known = patterns_find(&peer->wishes, pattern, strlen(pattern));

    if (known == NULL)
        return;
    patterns_remove(&peer->wishes, known);
    wishes_changed(peer, now_ns);
}

bool peer_is_ready(const struct peer *peer)
{
    return peer->state == PEER_UP && peer->ready_number == peer->wish_number + 1;
}

/* What was denied before may be allowed by now: every answer says all that is not. */
static void allow_all(struct patterns *wishes)
{
    size_t i;

    for (i = 0; i < wishes->count; i++) {
        wishes->list[i].was_denied = wishes->list[i].is_denied;
        wishes->list[i].is_denied = false;
    }
}

/* Told once, as long as one answer after the other says it. */
static void hear_denied(struct peer *peer, struct slice denied)
{
    struct reader reader;
    uint32_t count = frame_array(denied, &reader);
    struct slice pattern;
    uint32_t i;

    allow_all(&peer->wishes);
    for (i = 0; i < count && frame_next_text(&reader, &pattern, NULL) == MAIKO_OK; i++) {
        struct pattern *wish = patterns_find(&peer->wishes, (const char *)pattern.data, pattern.len);

        if (wish == NULL)
            continue; /* withdrawn meanwhile */
        wish->is_denied = true;
        if (!wish->was_denied)
            peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_REFUSED, .reason = "denied", .pattern = wish->text});
    }
    patterns_changed(&peer->wishes);
}

void peer_wish_failed(struct peer *peer, struct slice text, uint64_t id)
{
    struct pattern *wish = patterns_find(&peer->wishes, (const char *)text.data, text.len);

    if (wish == NULL || wish->id != id || wish->is_failed)
        return; /* withdrawn meanwhile, or known */
    wish->is_failed = true;
    patterns_changed(&peer->wishes);
    peer_tell(peer,
              &(struct peer_notice){.news = PEER_NEWS_FAILED, .reason = "overflow", .pattern = wish->text, .is_ours = true});
}

/* What stays ended there, although we may have forgotten that, or were never told. */
static maiko_status hear_failed(struct peer *peer, struct slice failed, struct text *error)
{
    struct reader reader;
    uint32_t count = frame_array(failed, &reader);
    struct frame_pattern told;
    uint32_t i;

    for (i = 0; i < count; i++) {
        maiko_status status = frame_next_pattern(&reader, &told, error);

        if (status != MAIKO_OK)
            return status;
        peer_wish_failed(peer, told.text, told.id);
    }
    return MAIKO_OK;
}

/* Events that came, or that we know will not. */
static uint64_t accounted(const struct peer *peer)
{
    const struct peer_counters *counters = &peer->counters;

    return told_count_add(counters->lost_reported, counters->delivered + counters->loops + counters->too_many_hops +
                                                       counters->repeated + counters->denied);
}

static bool wants_only(const struct peer *peer, enum pattern_from from)
{
    size_t i;

    for (i = 0; i < peer->wishes.count; i++)
        if (effective_from(peer, &peer->wishes.list[i]) != from)
            return false;
    return true;
}

/* It has not answered yet, in this life of it. */
static bool has_no_stream(const struct peer *peer)
{
    return peer->remote.name.len > 0 && peer->inflow.stream == 0 && !peer->has_lost_stream;
}

bool peer_awaits_nothing(const struct peer *peer)
{
    return has_no_stream(peer) && wants_only(peer, FROM_LIVE);
}

bool peer_received(const struct peer *peer, uint64_t *ret_events)
{
    *ret_events = told_count_add(accounted(peer) - peer->before, peer->is_earlier_known ? peer->earlier : 0);
    if (peer->inflow.stream == 0)
        return has_no_stream(peer) && wants_only(peer, FROM_LOG);
    return peer->is_whole || peer->is_earlier_known;
}

/* Never back: we have those. */
static bool goes_on(const struct peer *peer, const struct frame *ready)
{
    return ready->stream == peer->inflow.stream && ready->next <= peer->inflow.next;
}

/* It is about patterns of ours. */
static bool is_too_long(struct slice list)
{
    struct reader reader;

    return frame_array(list, &reader) > WIRE_PATTERNS_MAX;
}

/* The first answer of a session says where the stream goes on. */
static void enter_stream(struct peer *peer, const struct frame *frame)
{
    bool is_same = goes_on(peer, frame);
    bool had_stream = peer->inflow.stream != 0 || peer->has_lost_stream;

    peer->inflow.is_ready = true;
    peer->has_lost_stream = false;
    if (is_same)
        return;
    inflow_restart(&peer->inflow, frame->stream, frame->next);
    peer->is_whole = wants_only(peer, FROM_LOG);
    peer->before = accounted(peer);
    if (!had_stream && (!frame->is_lost_known || frame->lost == 0))
        return;
    if (frame->is_lost_known && !had_stream)
        peer->counters.lost_reported = told_count_add(peer->counters.lost_reported, frame->lost);
    else
        peer->counters.gaps_unknown++;
    peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_GAP,
                                          .reason = "stream",
                                          .lost = frame->is_lost_known && !had_stream ? frame->lost : LOST_UNKNOWN});
}

void peer_on_ready(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    char reason[WIRE_TEXT_MAX + 1];
    struct text error;
    maiko_status status;

    if (is_too_long(frame->denied) || is_too_long(frame->failed)) {
        peer_fail(peer, MAIKO_EPROTOCOL, "denied, failed: more than 4096", now_ns);
        return;
    }
    if (frame->number == 0 || frame->number < peer->ready_number || frame->number > peer->wish_number + 1)
        return;
    peer->is_earlier_known = frame->is_earlier_known;
    peer->earlier = frame->earlier;
    if (frame->number == peer->ready_number) { /* an answer that was repeated, or judged again there */
        hear_denied(peer, frame->denied);
        return;
    }
    if (!peer->inflow.is_ready && !goes_on(peer, frame) && peer_is_behind(peer))
        return; /* not heard: it is asked for again, and what came is asked for then */
    peer->ready_number = frame->number;
    if (!peer->inflow.is_ready)
        enter_stream(peer, frame);
    hear_denied(peer, frame->denied);
    text_init_buffer(&error, reason, sizeof(reason));
    status = hear_failed(peer, frame->failed, &error);
    if (status != MAIKO_OK) {
        peer_fail(peer, status, reason, now_ns);
        return;
    }
    if (!peer_is_ready(peer))
        return;
    peer->subscribe_due = 0;
    peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_READY});
}

/* ---- Acknowledging ---- */

uint64_t peer_settled(struct peer *peer)
{
    const struct peer_sink *sink = peer->config.sink;
    uint64_t done = inflow_done(&peer->inflow);

    if (done == peer->inflow.acked || sink->settle == NULL || sink->settle(peer, peer->config.userdata))
        return done;
    return peer->inflow.acked;
}

/* Out of memory: they come with a later one, because they are totals. */
struct slice peer_refusals(struct peer *peer, uint64_t acked)
{
    refusals_settle(&peer->inflow.refusals, acked, peer->inflow.next);
    refusals_write(&peer->inflow.refusals, &peer->refusals);
    return pack_status(&peer->refusals) == MAIKO_OK ? pack_slice(&peer->refusals) : (struct slice){NULL, 0};
}

void peer_refuse(struct peer *peer, uint64_t stream, const char *topic, const char *reason)
{
    if (stream == peer->inflow.stream)
        refusals_note(&peer->inflow.refusals, topic, reason);
}

void peer_send_ack(struct peer *peer, uint64_t now_ns)
{
    struct frame ack = {.kind = FRAME_ACK, .session = peer->session, .next = peer_settled(peer)};

    if (ack.next == peer->inflow.acked) {
        peer->ack_due = now_ns + peer->config.ack_delay_ns;
        return;
    }
    ack.refused = peer_refusals(peer, ack.next);
    peer->ack_due = 0;
    peer->inflow.acked = ack.next;
    peer->inflow.unacked_bytes = 0;
    pack_clear(&peer->frame);
    frame_write(&peer->frame, &ack);
    peer_send(peer, now_ns);
}

void peer_consider_ack(struct peer *peer, uint64_t now_ns)
{
    uint64_t done = inflow_done(&peer->inflow);

    if (peer->state != PEER_UP || !peer->inflow.is_ready || done <= peer->inflow.acked)
        return;
    if (done - peer->inflow.acked >= peer_window_events(peer) / 4 || peer->inflow.unacked_bytes >= peer_window_bytes(peer) / 4)
        peer_send_ack(peer, now_ns);
    else if (peer->ack_due == 0)
        peer->ack_due = now_ns + peer->config.ack_delay_ns;
}

void peer_delivered(struct peer *peer, uint64_t stream, uint64_t position, uint64_t now_ns)
{
    peer_notice_time(peer, now_ns);
    if (stream != peer->inflow.stream)
        return;
    inflow_delivered(&peer->inflow, position);
    peer_consider_ack(peer, now_ns);
}

void peer_ask_replay(struct peer *peer, uint64_t now_ns)
{
    struct frame replay = {.kind = FRAME_REPLAY, .session = peer->session, .next = peer->inflow.next};

    if (now_ns < peer->replay_due)
        return;
    peer->replay_due = now_ns + peer->config.replay_ns;
    peer->counters.replays++;
    pack_clear(&peer->frame);
    frame_write(&peer->frame, &replay);
    peer_send(peer, now_ns);
}

void peer_on_actors(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    char reason[WIRE_TEXT_MAX + 1];
    struct text error;
    struct reader reader;
    uint32_t count = frame_array(frame->actors, &reader);
    size_t size = count * (sizeof(struct frame_actor) + 2 * WIRE_TOPICS_MAX * sizeof(struct slice));
    maiko_status status = count > WIRE_ACTORS_MAX ? MAIKO_EPROTOCOL : MAIKO_OK;
    struct frame_actor *actors;
    struct slice *lists;
    uint32_t i;

    text_init_buffer(&error, reason, sizeof(reason));
    actors = status == MAIKO_OK ? heap_alloc(peer->heap, size) : NULL;
    if (actors == NULL) {
        peer_fail(peer, status == MAIKO_OK ? MAIKO_ENOMEM : status, "actors: too many", now_ns);
        return;
    }
    lists = (struct slice *)(actors + count);
    for (i = 0; status == MAIKO_OK && i < count; i++)
        status = frame_next_actor(&reader, &actors[i], lists + (size_t)i * 2 * WIRE_TOPICS_MAX, &error);
    if (status == MAIKO_OK && peer->config.sink->actors != NULL)
        peer->config.sink->actors(peer, actors, count, peer->config.userdata);
    heap_free(peer->heap, actors, size);
    if (status != MAIKO_OK)
        peer_fail(peer, status, reason, now_ns);
}
