/* Peer, sending: what the other side wants, and what of it goes out now. */
#include "link/peer_state.h"

#include <string.h>

#include <maiko/topic.h>

size_t peer_window_bytes(const struct peer *peer)
{
    uint64_t theirs = peer->remote.window_bytes;

    return theirs > 0 && theirs < peer->config.window_bytes ? (size_t)theirs : peer->config.window_bytes;
}

uint32_t peer_window_events(const struct peer *peer)
{
    uint64_t theirs = peer->remote.window_events;

    return theirs > 0 && theirs < peer->config.window_events ? (uint32_t)theirs : peer->config.window_events;
}

/* ---- Subscriptions of the other side ---- */

static enum pattern_from from_of(struct slice word)
{
    return slice_is(word, "log") ? FROM_LOG : slice_is(word, "last") ? FROM_LAST : FROM_LIVE;
}

static maiko_overflow overflow_of(struct slice word)
{
    int overflow;

    for (overflow = MAIKO_BLOCK; overflow <= MAIKO_FAIL; overflow++)
        if (slice_is(word, maiko_overflow_name((maiko_overflow)overflow)))
            return (maiko_overflow)overflow;
    return MAIKO_OVERFLOW_OF_TOPIC;
}

static bool is_allowed(struct peer *peer, const char *pattern)
{
    const struct peer_sink *sink = peer->config.sink;

    return sink->may_subscribe == NULL || sink->may_subscribe(peer, pattern, peer->config.userdata);
}

/* Adds one element of the list; refused ones are ended from the start. */
static maiko_status add_pattern(struct peer *peer, struct patterns *list, const struct frame_pattern *told, uint32_t *denied)
{
    char text[WIRE_NAME_MAX + 1];
    struct pattern pattern = {.id = told->id, .from = from_of(told->from), .overflow = overflow_of(told->overflow), .text = text};
    const struct pattern *known;
    maiko_status status;

    memcpy(text, told->text.data, told->text.len);
    text[told->text.len] = '\0';
    known = patterns_find(&peer->interest, text, told->text.len);
    pattern.is_ended = known != NULL && known->id == told->id && known->is_ended;
    if (!is_allowed(peer, text)) {
        pattern.is_ended = true;
        pack_str(&peer->denied, text);
        (*denied)++;
    }
    status = patterns_add(list, &pattern);
    return status == MAIKO_OK || status == MAIKO_ENOMEM ? status : MAIKO_EPROTOCOL;
}

static maiko_status read_patterns(struct peer *peer, const struct frame *frame, struct patterns *list, struct text *error)
{
    struct reader reader;
    uint32_t count = frame_array(frame->patterns, &reader);
    size_t place;
    uint32_t denied = 0;
    uint32_t i;

    if (count > WIRE_PATTERNS_MAX) {
        text_append(error, "patterns: more than 4096");
        return MAIKO_EPROTOCOL;
    }
    pack_clear(&peer->denied);
    place = pack_array_begin(&peer->denied);
    for (i = 0; i < count; i++) {
        struct frame_pattern told;
        maiko_status status = frame_next_pattern(&reader, &told, error);

        if (status == MAIKO_OK)
            status = add_pattern(peer, list, &told, &denied);
        if (status != MAIKO_OK) {
            text_append(error, error->len == 0 ? "patterns: not a pattern" : "");
            return status;
        }
    }
    pack_array_end(&peer->denied, place, denied);
    return pack_status(&peer->denied);
}

/* Does a pattern that is new in the list ask for this much of the topic's past? */
static bool asks_for(const struct patterns *list, const struct patterns *before, const char *topic, enum pattern_from from)
{
    size_t i;

    if (before != NULL && patterns_match(before, topic))
        return false; /* it has been getting this topic */
    for (i = 0; i < list->count; i++)
        if (!list->list[i].is_ended && list->list[i].from == from && maiko_topic_matches(list->list[i].text, topic))
            return true;
    return false;
}

static bool has_from(const struct patterns *list, enum pattern_from from)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        if (list->list[i].from == from)
            return true;
    return false;
}

/* Events of these topics that the log no longer has: told as lost, before what it has. */
static void push_lost_past(struct peer *peer, const struct patterns *list, const struct patterns *before)
{
    struct retained *log = peer->stream.log;
    uint64_t lost = 0;
    uint64_t position;
    uint32_t i;

    for (i = 0; i < log->topic_count; i++)
        if (asks_for(list, before, log->topic_list[i]->name, FROM_LOG))
            lost += log->topic_list[i]->count;
    for (position = log->first; position < log->next; position++)
        lost -= asks_for(list, before, retained_at(log, position)->topic->name, FROM_LOG);
    if (lost > 0)
        stream_push_lost(&peer->stream, lost);
}

/* What late joiners get first.  `before`: the list that is replaced, NULL for a new stream. */
static void push_past(struct peer *peer, const struct patterns *list, const struct patterns *before)
{
    struct retained *log = peer->stream.log;
    uint64_t position;
    uint32_t i;

    for (i = 0; has_from(list, FROM_LAST) && i < log->topic_count; i++) {
        const struct retained_topic *topic = log->topic_list[i];

        if (topic->last != NULL && asks_for(list, before, topic->name, FROM_LAST) &&
            !asks_for(list, before, topic->name, FROM_LOG))
            stream_push_past(&peer->stream, topic->last);
    }
    if (!has_from(list, FROM_LOG))
        return;
    push_lost_past(peer, list, before);
    for (position = log->first; position < log->next; position++) {
        struct retained_entry *entry = retained_at(log, position);

        if (asks_for(list, before, entry->topic->name, FROM_LOG))
            stream_push_past(&peer->stream, entry);
    }
}

static void forget_told(struct peer *peer)
{
    if (peer->told_channels_size > 0)
        memset(peer->told_channels, 0, peer->told_channels_size);
    if (peer->told_types_size > 0)
        memset(peer->told_types, 0, peer->told_types_size);
}

/* The first subscribe of a session: goes on where the other side is, or begins a stream.  True when it is a new one. */
static bool enter_stream(struct peer *peer, const struct frame *frame)
{
    struct stream *stream = &peer->stream;
    bool is_known =
        stream->id != 0 && frame->stream == stream->id && frame->next >= stream->base && frame->next <= stream_next(stream);

    peer->ready = (struct frame){.kind = FRAME_READY, .resumed = is_known, .is_lost_known = is_known || frame->stream == 0};
    stream->window_bytes = peer_window_bytes(peer);
    stream->window_events = peer_window_events(peer);
    stream->oldest_tail = peer->config.oldest_tail;
    forget_told(peer);
    if (is_known) {
        (void)stream_acknowledge(stream, frame->ack < frame->next ? frame->ack : frame->next, peer->last_now);
        (void)stream_rewind(stream, frame->next);
    } else {
        stream_restart(stream, exporter_next_stream(peer->config.exporter));
        peer->ends_queued = 0;
    }
    stream_connect(stream, peer->last_now);
    peer->ready.stream = stream->id;
    peer->ready.next = stream_next(stream);
    return !is_known;
}

static void send_ready(struct peer *peer, uint64_t number, uint64_t now_ns)
{
    peer->ready.number = number;
    peer->ready.session = peer->session;
    peer->ready.denied = pack_slice(&peer->denied);
    pack_clear(&peer->frame);
    frame_write(&peer->frame, &peer->ready);
    peer_send(peer, now_ns);
}

void peer_on_subscribe(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    char reason[WIRE_TEXT_MAX + 1];
    struct text error;
    struct patterns list;
    bool is_new_stream = false;
    maiko_status status;

    if (frame->number <= peer->interest_number) {
        if (frame->number == peer->interest_number)
            send_ready(peer, frame->number, now_ns); /* the first answer may be lost */
        return;
    }
    text_init_buffer(&error, reason, sizeof(reason));
    patterns_init(&list, peer->heap);
    status = read_patterns(peer, frame, &list, &error);
    if (status != MAIKO_OK) {
        patterns_deinit(&list);
        peer_fail(peer, status, reason, now_ns);
        return;
    }
    if (peer->interest_number == 0)
        is_new_stream = enter_stream(peer, frame);
    if (!is_new_stream || frame->stream == 0) /* who lost its stream is told of a gap, not given old events twice */
        push_past(peer, &list, is_new_stream ? NULL : &peer->interest);
    patterns_deinit(&peer->interest);
    peer->interest = list;
    peer->interest_number = frame->number;
    peer_offer_ends(peer, now_ns);
    send_ready(peer, frame->number, now_ns);
    if (peer->state != PEER_UP)
        return;
    peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_SUBSCRIBED});
    peer_flush(peer, now_ns);
}

bool peer_is_subscribed(const struct peer *peer, const char *topic)
{
    return peer->state == PEER_UP && peer->interest_number > 0 && patterns_match(&peer->interest, topic);
}

/* ---- Events to send ---- */

/* FAIL without room: every pattern that wants the topic ends. */
static void end_subscriptions(struct peer *peer, const char *topic)
{
    size_t i;

    for (i = 0; i < peer->interest.count; i++) {
        struct pattern *pattern = &peer->interest.list[i];

        if (pattern->is_ended || !maiko_topic_matches(pattern->text, topic))
            continue;
        pattern->is_ended = true;
        if (stream_push_failed(&peer->stream, pattern->text, pattern->id) != MAIKO_OK)
            peer->stream.unrecorded++; /* then at least the loss is told */
        peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_FAILED, .reason = "overflow", .pattern = pattern->text});
    }
    patterns_forget_cache(&peer->interest);
}

void peer_offer(struct peer *peer, struct retained_entry *entry, uint64_t now_ns)
{
    maiko_overflow overflow;

    if (peer->interest.count == 0 || !patterns_want(&peer->interest, entry->topic, &overflow))
        return;
    if (stream_offer(&peer->stream, entry, overflow, now_ns) == OFFER_FAILED)
        end_subscriptions(peer, entry->topic->name);
}

/* Without memory the rest is tried again with the next flush. */
void peer_offer_ends(struct peer *peer, uint64_t now_ns)
{
    size_t count = exporter_end_count(peer->config.exporter);

    (void)now_ns;
    if (peer->stream.id == 0)
        return;
    while (peer->ends_queued < count && stream_push_end(&peer->stream, (uint32_t)peer->ends_queued) == MAIKO_OK)
        peer->ends_queued++;
}

void peer_forget_channel(struct peer *peer, uint32_t number)
{
    if (number < peer->told_channels_size)
        peer->told_channels[number] = 0;
}

void peer_trim(struct peer *peer)
{
    stream_trim(&peer->stream);
}

bool peer_is_drained(const struct peer *peer)
{
    return peer->stream.count == 0;
}

bool peer_is_lossy(const struct peer *peer)
{
    return peer->stream.is_lossy;
}

void peer_depth(const struct peer *peer, uint64_t *ret_events, uint64_t *ret_bytes)
{
    *ret_events = peer->stream.count;
    *ret_bytes = peer->stream.admitted_bytes + peer->stream.waiting_bytes;
}

void peer_check_deadline(struct peer *peer, uint64_t now_ns)
{
    struct stream *stream = &peer->stream;

    if (stream->stuck_since == 0 || now_ns - stream->stuck_since < peer->config.deadline_ns)
        return;
    stream_give_up(stream);
    if (!stream->is_connected)
        return;
    peer->is_stalled = true;
    peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_STALLED, .reason = "deadline"});
}

/* ---- Frames of data ---- */

/* Remembers that something was told; without memory it is told again, which is harmless. */
static bool tell_once(struct peer *peer, uint8_t **told, size_t *size, size_t index)
{
    size_t larger = *size > 0 ? *size : 16;
    uint8_t *grown;

    if (index < *size) {
        if ((*told)[index])
            return false;
        (*told)[index] = 1;
        return true;
    }
    while (larger <= index)
        larger *= 2;
    grown = heap_resize(peer->heap, *told, *size, larger);
    if (grown == NULL)
        return true;
    memset(grown + *size, 0, larger - *size);
    *told = grown;
    *size = larger;
    grown[index] = 1;
    return true;
}

/* What goes into one frame beside the records. */
struct references {
    size_t types;
    size_t channels;
};

static void refer(struct peer *peer, const struct retained_channel *base, struct references *references)
{
    const struct export_channel *channel = CONTAINER_OF(base, const struct export_channel, base);
    const struct export_type *type = channel->type;

    if (!tell_once(peer, &peer->told_channels, &peer->told_channels_size, base->number))
        return;
    if (tell_once(peer, &peer->told_types, &peer->told_types_size, type->index)) {
        foreign_type_write(&peer->types, type->type, type->hash);
        references->types++;
    }
    frame_write_channel(&peer->channels, &(struct frame_channel){.number = base->number,
                                                                 .topic = slice_of(channel->topic->name),
                                                                 .type = slice_of(type->type->name),
                                                                 .sender = slice_of(channel->sender),
                                                                 .schema = type->hash,
                                                                 .prefix = channel->prefix,
                                                                 .origin = channel->origin,
                                                                 .hops = channel->hops});
    references->channels++;
}

static void write_record(struct peer *peer, const struct stream_record *record, struct references *references)
{
    const struct export_end *end;

    switch ((enum record_state)record->state) {
    case STREAM_EVENT:
        refer(peer, record->entry->channel, references);
        pack_raw(&peer->frame, record->entry->bytes, record->entry->len);
        break;
    case STREAM_LOST:
        record_write_lost(&peer->frame, record->lost, loss_name((enum loss)record->loss));
        break;
    case STREAM_END:
        end = exporter_end(peer->config.exporter, record->end);
        record_write_end(&peer->frame, end->publisher, end->publish);
        break;
    case STREAM_FAILED:
        record_write_failed(&peer->frame, record->pattern, record->id);
        break;
    }
}

/* Collects records until the frame is full; returns how many.  What they refer to comes behind them. */
static size_t collect(struct peer *peer, struct references *references)
{
    const struct stream_record *record;
    size_t place = pack_array_begin(&peer->frame);
    size_t count = 0;

    while (peer->frame.len + peer->types.len + peer->channels.len < peer->config.batch_bytes) {
        record = stream_sendable(&peer->stream, count);
        if (record == NULL)
            break;
        write_record(peer, record, references);
        count++;
    }
    pack_array_end(&peer->frame, place, count);
    return count;
}

static void add_references(struct peer *peer, const struct references *references)
{
    pack_array_end(&peer->types, 0, references->types);
    pack_array_end(&peer->channels, 0, references->channels);
    if (references->types > 0)
        frame_add_array(&peer->frame, 0, "types", pack_slice(&peer->types));
    if (references->channels > 0)
        frame_add_array(&peer->frame, 0, "channels", pack_slice(&peer->channels));
}

static maiko_status packs_status(const struct peer *peer)
{
    if (pack_status(&peer->frame) != MAIKO_OK)
        return pack_status(&peer->frame);
    return pack_status(&peer->types) != MAIKO_OK ? pack_status(&peer->types) : pack_status(&peer->channels);
}

static bool send_data(struct peer *peer, uint64_t now_ns)
{
    struct frame data = {.kind = FRAME_DATA, .session = peer->session, .first = stream_next(&peer->stream)};
    struct references references = {0, 0};
    size_t count;

    if (stream_sendable(&peer->stream, 0) == NULL)
        return false;
    pack_clear(&peer->types);
    pack_clear(&peer->channels);
    pack_array_begin(&peer->types);
    pack_array_begin(&peer->channels);
    pack_clear(&peer->frame);
    frame_begin_data(&peer->frame, &data);
    count = collect(peer, &references);
    add_references(peer, &references);
    if (packs_status(peer) != MAIKO_OK) {
        peer_end_session(peer, "memory", maiko_strerror(packs_status(peer)), now_ns);
        return false;
    }
    stream_mark_sent(&peer->stream, count);
    peer_send(peer, now_ns);
    return peer->state == PEER_UP;
}

void peer_flush(struct peer *peer, uint64_t now_ns)
{
    if (peer->state != PEER_UP)
        return;
    if (peer->subscribe_due > 0 && now_ns >= peer->subscribe_due)
        peer_send_subscribe(peer, now_ns);
    if (peer->state != PEER_UP || peer->interest_number == 0)
        return;
    peer_offer_ends(peer, now_ns);
    while (send_data(peer, now_ns))
        continue;
    if (stream_has_recovered(&peer->stream) && peer->is_stalled) {
        peer->is_stalled = false;
        peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_READY, .reason = "caught up"});
    }
}

void peer_on_ack(struct peer *peer, uint64_t next, uint64_t now_ns)
{
    if (peer->interest_number == 0)
        return; /* of a stream we do not know yet */
    if (!stream_acknowledge(&peer->stream, next, now_ns)) {
        peer_fail(peer, MAIKO_EPROTOCOL, "ack: of what was never sent", now_ns);
        return;
    }
    peer_flush(peer, now_ns);
}

void peer_on_replay(struct peer *peer, uint64_t next, uint64_t now_ns)
{
    if (peer->interest_number == 0 || next < peer->stream.base)
        return; /* an old one */
    if (!stream_rewind(&peer->stream, next)) {
        peer_fail(peer, MAIKO_EPROTOCOL, "replay: of what was never sent", now_ns);
        return;
    }
    forget_told(peer);
    peer_flush(peer, now_ns);
}
