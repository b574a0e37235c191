/* Peer, receiving: what we asked for, where we are, what is acknowledged. */
#include "link/peer_state.h"

#include <string.h>

#include "base/clock.h"

static const char *from_word(enum pattern_from from)
{
    return from == FROM_LOG ? "log" : from == FROM_LAST ? "last" : "";
}

/* A wish older than the other node missed nothing by coming first: it gets all the node has. */
static enum pattern_from effective_from(const struct peer *peer, const struct pattern *wish)
{
    uint64_t age = peer->met_ns > wish->made_at_ns ? peer->met_ns - wish->made_at_ns : 0;

    return age >= peer->remote.uptime_ns ? FROM_LOG : wish->from;
}

void peer_send_subscribe(struct peer *peer, uint64_t now_ns)
{
    struct frame subscribe = {.kind = FRAME_SUBSCRIBE,
                              .session = peer->session,
                              .number = peer->wish_number + 1,
                              .stream = peer->inflow.stream,
                              .next = peer->inflow.next,
                              .ack = peer_settled(peer)};
    size_t i;

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
                                                                  .id = wish->id});
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

static void tell_denied(struct peer *peer, struct slice denied)
{
    char text[WIRE_NAME_MAX + 1];
    struct reader reader;
    uint32_t count = frame_array(denied, &reader);
    struct slice pattern;
    uint32_t i;

    for (i = 0; i < count && frame_next_text(&reader, &pattern, NULL) == MAIKO_OK; i++) {
        struct pattern *wish = patterns_find(&peer->wishes, (const char *)pattern.data, pattern.len);

        if (wish != NULL)
            wish->is_ended = true;
        memcpy(text, pattern.data, pattern.len);
        text[pattern.len] = '\0';
        peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_REFUSED, .reason = "denied", .pattern = text});
    }
    patterns_forget_cache(&peer->wishes);
}

/* Events that came, or that we know will not. */
static uint64_t accounted(const struct peer *peer)
{
    const struct peer_counters *counters = &peer->counters;

    return counters->delivered + counters->lost_reported + counters->loops + counters->too_many_hops + counters->repeated +
           counters->denied;
}

static bool wants_all(const struct peer *peer)
{
    size_t i;

    for (i = 0; i < peer->wishes.count; i++)
        if (effective_from(peer, &peer->wishes.list[i]) != FROM_LOG)
            return false;
    return true;
}

bool peer_received(const struct peer *peer, uint64_t *ret_events)
{
    *ret_events = accounted(peer) - peer->before;
    return peer->inflow.stream != 0 && peer->is_whole;
}

/* The first answer of a session says where the stream goes on. */
static void enter_stream(struct peer *peer, const struct frame *frame)
{
    bool is_same = frame->stream == peer->inflow.stream && frame->next <= peer->inflow.next; /* never back: we have those */
    bool had_stream = peer->inflow.stream != 0 || peer->has_lost_stream;

    peer->inflow.is_ready = true;
    peer->has_lost_stream = false;
    if (is_same)
        return;
    inflow_restart(&peer->inflow, frame->stream, frame->next);
    peer->is_whole = wants_all(peer);
    peer->before = accounted(peer);
    if (!had_stream && (!frame->is_lost_known || frame->lost == 0))
        return;
    if (frame->is_lost_known && !had_stream)
        peer->counters.lost_reported += frame->lost;
    else
        peer->counters.gaps_unknown++;
    peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_GAP,
                                          .reason = "stream",
                                          .lost = frame->is_lost_known && !had_stream ? frame->lost : LOST_UNKNOWN});
}

void peer_on_ready(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    if (frame->number <= peer->ready_number || frame->number > peer->wish_number + 1)
        return;
    peer->ready_number = frame->number;
    if (!peer->inflow.is_ready)
        enter_stream(peer, frame);
    tell_denied(peer, frame->denied);
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

void peer_send_ack(struct peer *peer, uint64_t now_ns)
{
    struct frame ack = {.kind = FRAME_ACK, .session = peer->session, .next = peer_settled(peer)};

    if (ack.next == peer->inflow.acked) {
        peer->ack_due = now_ns + peer->config.ack_delay_ns;
        return;
    }
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

/* ---- Records ---- */

/* Decided once per channel, again when our subscriptions have changed. */
static enum verdict judge(struct peer *peer, struct inflow_channel *channel)
{
    const struct inbound_channel *told = &channel->channel;
    const struct peer_sink *sink = peer->config.sink;

    if (channel->judged == peer->wish_number + 1)
        return (enum verdict)channel->verdict;
    channel->judged = peer->wish_number + 1;
    if (maiko_id_equal(told->origin, peer->config.identity.node))
        channel->verdict = VERDICT_LOOP;
    else if (told->hops > peer->config.hop_limit)
        channel->verdict = VERDICT_HOPS;
    else if (!patterns_match(&peer->wishes, told->topic) ||
             (sink->may_publish != NULL && !sink->may_publish(peer, told->topic, peer->config.userdata)))
        channel->verdict = VERDICT_DENIED;
    else
        channel->verdict = VERDICT_TAKE;
    return (enum verdict)channel->verdict;
}

/* Where its events began is looked up once per channel. */
static maiko_status find_origin(struct peer *peer, struct inflow_channel *channel)
{
    const struct inbound_channel *told = &channel->channel;

    if (channel->origin != NULL || peer->config.origins == NULL)
        return MAIKO_OK;
    channel->origin =
        origins_join(peer->config.origins, told->prefix, told->topic, told->sender, told->origin, peer->inflow.remote);
    return channel->origin != NULL ? MAIKO_OK : MAIKO_ENOMEM;
}

static void take_event(struct peer *peer, const struct record *record, struct inflow_channel *channel, uint64_t position)
{
    struct inbound_event event = {.channel = &channel->channel,
                                  .id = {.hi = channel->channel.prefix, .lo = record->id_lo},
                                  .parent = record->parent,
                                  .correlation = record->correlation,
                                  .time_ns = record->time_ns,
                                  .payload = record->payload,
                                  .stream = peer->inflow.stream,
                                  .position = position};

    if (maiko_id_is_nil(event.correlation))
        event.correlation = event.id;
    peer->counters.delivered++;
    if (!peer->config.sink->deliver(peer, &event, peer->config.userdata))
        inflow_pending(&peer->inflow, position);
}

static maiko_status on_event(struct peer *peer, const struct record *record, uint64_t position, struct text *error)
{
    struct inflow_channel *channel = inflow_channel(&peer->inflow, record->channel);

    if (channel == NULL) {
        text_append(error, "record: of a channel that was not told");
        return MAIKO_EPROTOCOL;
    }
    switch (judge(peer, channel)) {
    case VERDICT_LOOP:
        peer->counters.loops++;
        break;
    case VERDICT_HOPS:
        peer->counters.too_many_hops++;
        break;
    case VERDICT_DENIED:
        peer->counters.denied++;
        break;
    case VERDICT_TAKE:
        if (find_origin(peer, channel) != MAIKO_OK)
            return MAIKO_ENOMEM;
        if (channel->origin == NULL || origin_hear(channel->origin, record->id_lo))
            take_event(peer, record, channel, position);
        else
            peer->counters.repeated++;
        break;
    }
    return MAIKO_OK;
}

static void on_lost(struct peer *peer, const struct record *record)
{
    char reason[WIRE_NAME_MAX + 1];

    memcpy(reason, record->reason.len > 0 ? (const char *)record->reason.data : "", record->reason.len);
    reason[record->reason.len] = '\0';
    peer->counters.lost_reported += record->lost;
    peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_GAP, .reason = reason, .lost = record->lost});
}

/* One block for the pointers and the texts behind them. */
static maiko_status on_end(struct peer *peer, const struct record *record, struct text *error)
{
    struct reader reader;
    uint32_t count = frame_array(record->publish, &reader);
    size_t size = (count + 1) * sizeof(char *) + record->name.len + 1 + record->publish.len + count;
    char **list;
    char *at;
    uint32_t i;

    if (count > WIRE_TOPICS_MAX) {
        text_append(error, "record: more than 256 topics");
        return MAIKO_EPROTOCOL;
    }
    list = heap_alloc_zeroed(peer->heap, 1, size);
    if (list == NULL)
        return MAIKO_ENOMEM;
    at = (char *)(list + count + 1);
    memcpy(at, record->name.data, record->name.len);
    at += record->name.len + 1;
    for (i = 0; i < count; i++) {
        struct slice topic;

        if (frame_next_text(&reader, &topic, error) != MAIKO_OK) {
            heap_free(peer->heap, list, size);
            return MAIKO_EPROTOCOL;
        }
        list[i] = at;
        memcpy(at, topic.data, topic.len);
        at += topic.len + 1;
    }
    if (peer->config.sink->ended != NULL)
        peer->config.sink->ended(peer, (char *)(list + count + 1), (const char *const *)list, peer->config.userdata);
    heap_free(peer->heap, list, size);
    return MAIKO_OK;
}

static void on_failed(struct peer *peer, const struct record *record)
{
    struct pattern *wish = patterns_find(&peer->wishes, (const char *)record->name.data, record->name.len);

    if (wish == NULL || wish->id != record->id)
        return; /* withdrawn meanwhile */
    wish->is_ended = true;
    patterns_forget_cache(&peer->wishes);
    peer_tell(peer,
              &(struct peer_notice){.news = PEER_NEWS_FAILED, .reason = "overflow", .pattern = wish->text, .is_ours = true});
}

static maiko_status on_record(struct peer *peer, const struct record *record, uint64_t position, struct text *error)
{
    switch (record->kind) {
    case RECORD_EVENT:
        return on_event(peer, record, position, error);
    case RECORD_LOST:
        on_lost(peer, record);
        return MAIKO_OK;
    case RECORD_END:
        return on_end(peer, record, error);
    case RECORD_FAILED:
        on_failed(peer, record);
        return MAIKO_OK;
    case RECORD_OTHER:
        break;
    }
    return MAIKO_OK;
}

static maiko_status take_records(struct peer *peer, const struct frame *frame, struct text *error)
{
    struct reader reader;
    uint32_t count = frame_array(frame->records, &reader);
    struct record record = {.kind = RECORD_OTHER};
    uint32_t i;

    if (frame->first + count < frame->first) {
        text_append(error, "first: too large");
        return MAIKO_EPROTOCOL;
    }
    for (i = 0; i < count; i++) {
        uint64_t position = frame->first + i;
        maiko_status status = frame_next_record(&reader, &record, error);

        if (status != MAIKO_OK)
            return status;
        if (position < peer->inflow.next) {
            peer->counters.duplicates++;
            continue;
        }
        peer->inflow.next = position + 1;
        status = on_record(peer, &record, position, error);
        if (status != MAIKO_OK) {
            peer->inflow.next = position; /* asked for again in the next session */
            return status;
        }
    }
    return MAIKO_OK;
}

void peer_on_data(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    char reason[WIRE_TEXT_MAX + 1];
    struct text error;
    maiko_status status;

    if (!peer->inflow.is_ready) {
        peer->counters.stale++;
        return;
    }
    if (frame->first > peer->inflow.next) {
        peer_ask_replay(peer, now_ns);
        return;
    }
    text_init_buffer(&error, reason, sizeof(reason));
    status = inflow_learn(&peer->inflow, frame, &error);
    if (status == MAIKO_OK)
        status = take_records(peer, frame, &error);
    if (status != MAIKO_OK) {
        peer_fail(peer, status, reason, now_ns);
        return;
    }
    peer->inflow.unacked_bytes += frame->records.len;
    peer_consider_ack(peer, now_ns);
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
