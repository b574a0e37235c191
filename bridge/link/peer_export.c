/* Peer, sending: what of the events and ends goes out now, and what is told with them. */
#include "link/peer_state.h"

#include <string.h>

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

/* ---- Events to send ---- */

/* FAIL without room: every pattern that wants the topic ends. */
static void end_subscriptions(struct peer *peer, const char *topic)
{
    size_t i;

    for (i = 0; i < peer->interest.count; i++) {
        struct pattern *pattern = &peer->interest.list[i];

        if (!pattern_is_live(pattern) || !pattern_matches(pattern, topic))
            continue;
        pattern->is_failed = true;
        if (stream_push_failed(&peer->stream, pattern->text, pattern->id) != MAIKO_OK)
            peer->stream.unrecorded++; /* then at least the loss is told */
        peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_FAILED, .reason = "overflow", .pattern = pattern->text});
    }
    patterns_changed(&peer->interest);
}

void peer_offer(struct peer *peer, const struct retained_topic *topic, uint64_t first, uint64_t end, uint64_t now_ns)
{
    struct stream *stream = &peer->stream;
    maiko_overflow overflow;

    while (first < end && peer->interest.count > 0 && patterns_want(&peer->interest, topic, &overflow)) {
        struct retained_entry *entry;

        first += stream_offer_run(stream, first, end);
        if (first == end)
            break;
        entry = retained_at(stream->log, first);
        if (stream_offer(stream, entry, retained_index(entry, first++), overflow, now_ns) == OFFER_FAILED)
            end_subscriptions(peer, topic->name);
    }
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

void peer_forget_told(struct peer *peer)
{
    if (peer->told_channels_size > 0)
        memset(peer->told_channels, 0, peer->told_channels_size);
    if (peer->told_types_size > 0)
        memset(peer->told_types, 0, peer->told_types_size);
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

bool peer_is_owed(const struct peer *peer)
{
    return peer->stream.count > 0 && !peer->has_left;
}

bool peer_holds(const struct peer *peer)
{
    return peer->stream.holding > 0;
}

uint64_t peer_acknowledged(const struct peer *peer)
{
    return peer->stream.base;
}

bool peer_is_lossy(const struct peer *peer)
{
    return peer->stream.is_lossy;
}

bool peer_is_stalled(const struct peer *peer)
{
    return peer->is_silent || peer->stream.is_lossy;
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
bool peer_tell_once(struct peer *peer, uint8_t **told, size_t *size, size_t index)
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
    const struct retained_channel *last;
    bool is_native; /* of the last: its events may go out as native bytes */
};

static void refer(struct peer *peer, const struct retained_channel *base, struct references *references)
{
    const struct export_channel *channel = CONTAINER_OF(base, const struct export_channel, base);
    const struct export_type *type = channel->type;

    references->last = base;
    references->is_native = peer_takes_native(peer, type->index);
    if (!peer_tell_once(peer, &peer->told_channels, &peer->told_channels_size, base->number))
        return;
    if (peer_tell_once(peer, &peer->told_types, &peer->told_types_size, type->index)) {
        exporter_review_type(peer->config.exporter, type->index);
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

/* Events whose bytes lie one behind the other in one block: copied in one go, at once or into their place. */
struct run {
    const struct retained_block *block;
    const uint8_t *bytes;
    size_t len;
};

static void add_bytes(struct peer *peer, const uint8_t *bytes, size_t len)
{
    if (!peer->takes_parts || !parts_add(&peer->parts, &peer->frame, bytes, len))
        pack_raw(&peer->frame, bytes, len);
}

static void end_run(struct peer *peer, struct run *run)
{
    if (run->len > 0)
        add_bytes(peer, run->bytes, run->len);
    *run = (struct run){.len = 0};
}

/* Bytes until the frame is full, 0 when it is. */
static size_t room(const struct peer *peer, const struct run *run)
{
    size_t len = peer->frame.len + peer->parts.len + run->len + peer->types.len + peer->channels.len;

    return len < peer->config.batch_bytes ? peer->config.batch_bytes - len : 0;
}

/* A large event that the other side can read where it is.  False: its bytes are to be sent. */
static bool add_lent(struct peer *peer, const struct retained_entry *entry, struct run *run)
{
    const struct peer_sink *sink = peer->config.sink;
    const struct retained_block *block = entry->block;
    const struct export_channel *channel = CONTAINER_OF(entry->channel, const struct export_channel, base);
    struct payload_reference reference;

    if (block->owner == NULL || sink->lend == NULL || !payload_can_be_shared(channel->type->plan) ||
        !sink->lend(peer, channel->type->type, block->event, block->event_len, &reference, peer->config.userdata))
        return false;
    end_run(peer, run);
    pack_raw(&peer->frame, entry->bytes, block->head_len);
    payload_write_reference(&peer->frame, &reference);
    peer->counters.native_out++;
    peer->counters.lent_out++;
    return true;
}

/* Record `index` of those to be sent, an event, and those behind it that are one run with it and find room; returns how many. */
static size_t add_events(struct peer *peer, size_t index, struct references *references, struct run *run)
{
    const struct stream_record *record = stream_sendable(&peer->stream, index);
    const struct retained_entry *entry = record->entry;
    const uint8_t *bytes = retained_bytes(entry, record->index);
    size_t count;

    if (entry->channel != references->last)
        refer(peer, entry->channel, references);
    if (references->is_native && entry->block->rest != NULL && add_lent(peer, entry, run))
        return 1;
    if (entry->is_native && !references->is_native) {
        end_run(peer, run);
        peer_write_converted(peer, entry, record->index);
        return 1;
    }
    if (entry->block->rest != NULL) {
        peer->counters.native_out += entry->is_native;
        end_run(peer, run);
        pack_raw(&peer->frame, bytes, entry->block->size);
        add_bytes(peer, entry->block->rest, entry->block->rest_len);
        return 1;
    }
    if (entry->block != run->block || bytes != run->bytes + run->len) {
        end_run(peer, run);
        run->block = entry->block;
        run->bytes = bytes;
    }
    count = stream_sendable_run(&peer->stream, index, (room(peer, run) + entry->len - 1) / entry->len);
    peer->counters.native_out += entry->is_native ? count : 0;
    run->len += count * entry->len;
    return count;
}

static void write_rare(struct peer *peer, const struct stream_record *record)
{
    const struct export_end *end;

    switch ((enum record_state)record->state) {
    case STREAM_EVENT:
        break;
    case STREAM_LOST:
        record_write_lost(&peer->frame, record->lost, loss_name((enum loss)record->loss));
        break;
    case STREAM_END:
        end = exporter_end(peer->config.exporter, record->end);
        record_write_end(&peer->frame, end->publisher, end->publish);
        break;
    case STREAM_FAILED:
        record_write_failed(&peer->frame, record->failure->pattern, record->failure->id);
        break;
    }
}

/* Collects records until the frame is full; returns how many.  What they refer to comes behind them. */
static size_t collect(struct peer *peer, struct references *references)
{
    const struct stream_record *record;
    size_t place = pack_array_begin(&peer->frame);
    struct run run = {.len = 0};
    size_t count = 0;

    while (room(peer, &run) > 0 && (record = stream_sendable(&peer->stream, count)) != NULL) {
        if (record->state == STREAM_EVENT) {
            count += add_events(peer, count, references, &run);
            continue;
        }
        end_run(peer, &run);
        write_rare(peer, record);
        count++;
    }
    end_run(peer, &run);
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
    if (peer->parts.len > peer->frame.max - peer->frame.len)
        return MAIKO_ETOOLONG;
    return pack_status(&peer->types) != MAIKO_OK ? pack_status(&peer->types) : pack_status(&peer->channels);
}

static bool send_data(struct peer *peer, uint64_t now_ns)
{
    const struct peer_sink *sink = peer->config.sink;
    struct frame data = {.kind = FRAME_DATA, .session = peer->session, .first = stream_next(&peer->stream)};
    struct references references = {.last = NULL};
    size_t count;

    if (stream_sendable(&peer->stream, 0) == NULL)
        return false;
    pack_clear(&peer->types);
    pack_clear(&peer->channels);
    pack_array_begin(&peer->types);
    pack_array_begin(&peer->channels);
    pack_clear(&peer->frame);
    parts_clear(&peer->parts);
    peer->takes_parts = sink->takes_parts != NULL && sink->takes_parts(peer, peer->config.userdata);
    (void)pack_reserve(&peer->frame, peer->last_frame); /* likely as long as the one before */
    frame_begin_data(&peer->frame, &data);
    count = collect(peer, &references);
    add_references(peer, &references);
    if (packs_status(peer) != MAIKO_OK) {
        peer_end_session(peer, "memory", maiko_strerror(packs_status(peer)), now_ns);
        return false;
    }
    stream_mark_sent(&peer->stream, count);
    peer->last_frame = peer->frame.len;
    if (peer->parts.count > 0)
        peer_send_parts(peer, now_ns);
    else
        peer_send(peer, now_ns);
    return peer->state == PEER_UP;
}

void peer_flush(struct peer *peer, uint64_t now_ns)
{
    peer_notice_time(peer, now_ns);
    if (peer->state != PEER_UP)
        return;
    if (peer->subscribe_due > 0 && now_ns >= peer->subscribe_due)
        peer_send_subscribe(peer, now_ns);
    if (peer->state != PEER_UP || peer->interest_number == 0)
        return;
    peer_offer_ends(peer, now_ns);
    while (send_data(peer, now_ns))
        continue;
    (void)stream_has_recovered(&peer->stream);
    if (peer->is_stalled && !peer_is_stalled(peer)) {
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

static void tell_refused(const struct refusal *refusal, void *userdata)
{
    peer_tell(userdata, &(struct peer_notice){.news = PEER_NEWS_REFUSED,
                                              .reason = refusal->reason[0] != '\0' ? refusal->reason : "others",
                                              .text = "events on this topic are refused there",
                                              .pattern = refusal->topic,
                                              .lost = refusal->events});
}

void peer_on_refused(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    char reason[WIRE_TEXT_MAX + 1];
    struct text error;

    if (peer->state != PEER_UP || peer->interest_number == 0 || frame->refused.len == 0)
        return;
    text_init_buffer(&error, reason, sizeof(reason));
    if (refusals_hear(&peer->refused, frame->refused, peer->stream.id, peer->session, peer->stream.counters.acknowledged,
                      tell_refused, peer, &error) != MAIKO_OK)
        peer_fail(peer, MAIKO_EPROTOCOL, reason, now_ns);
}

void peer_on_replay(struct peer *peer, uint64_t next, uint64_t now_ns)
{
    if (peer->interest_number == 0 || next < peer->stream.base)
        return; /* an old one */
    if (peer->replayed_ns > 0 && now_ns - peer->replayed_ns < peer->config.replay_ns / 2)
        return; /* nobody asks so soon again who reads what comes; a window each time fills our memory */
    peer->replayed_ns = now_ns > 0 ? now_ns : 1;
    if (!stream_rewind(&peer->stream, next)) {
        peer_fail(peer, MAIKO_EPROTOCOL, "replay: of what was never sent", now_ns);
        return;
    }
    peer_forget_told(peer);
    peer_flush(peer, now_ns);
}
