/* Peer, receiving: the records of data frames, each taken once, in order, or refused with the session. */
#include "link/peer_state.h"

#include <string.h>

#include "link/told_count.h"

/* Decided once per channel, again when our subscriptions, or what became of them, have changed. */
static enum verdict judge(struct peer *peer, struct inflow_channel *channel)
{
    const struct inbound_channel *told = &channel->channel;
    const struct peer_sink *sink = peer->config.sink;

    if (channel->judged == peer->wishes.generation + 1)
        return (enum verdict)channel->verdict;
    channel->judged = peer->wishes.generation + 1;
    if (maiko_id_equal(told->origin, peer->config.identity.node))
        channel->verdict = VERDICT_LOOP;
    else if (told->hops > peer->config.hop_limit)
        channel->verdict = VERDICT_HOPS;
    else if (!patterns_match(&peer->wishes, told->topic))
        channel->verdict = VERDICT_UNASKED;
    else if (sink->may_publish != NULL && !sink->may_publish(peer, told->topic, peer->config.userdata))
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

/* It counts against the window as if it had come in the frame. */
static bool note_reference(struct peer *peer, const struct record *record)
{
    struct payload_reference reference;

    if (record->kind != RECORD_EVENT || !payload_read_reference(record->payload, &reference))
        return false;
    peer->inflow.unacked_bytes += reference.len;
    return true;
}

/* An event that nobody gets, and that was perhaps lent to us. */
static void pass(struct peer *peer, const struct record *record)
{
    const struct peer_sink *sink = peer->config.sink;
    struct payload_reference reference;

    if (sink->pass != NULL && record->kind == RECORD_EVENT && payload_read_reference(record->payload, &reference))
        sink->pass(peer, reference.slot, peer->config.userdata);
}

static void take_event(struct peer *peer, const struct record *record, struct inflow_channel *channel, uint64_t position)
{
    bool is_lent = note_reference(peer, record);
    struct inbound_event event = {.channel = &channel->channel,
                                  .id = {.hi = channel->channel.prefix, .lo = record->id_lo},
                                  .parent = record->parent,
                                  .correlation = record->correlation,
                                  .time_ns = record->time_ns,
                                  .payload = record->payload,
                                  .native = record->native,
                                  .stream = peer->inflow.stream,
                                  .position = position};

    if (maiko_id_is_nil(event.correlation))
        event.correlation = event.id;
    peer->counters.delivered++;
    peer->counters.native_in += channel->channel.type->is_native && (event.native.data != NULL || is_lent);
    peer->counters.lent_in += is_lent;
    if (!peer->config.sink->deliver(peer, &event, peer->config.userdata))
        inflow_pending(&peer->inflow, position, 1);
    if (channel->channel.is_native && !channel->channel.type->is_native)
        peer_want_native(peer, channel);
}

static void deliver_first(struct peer *peer, const struct inbound_run *run)
{
    maiko_id id = {.hi = run->channel->prefix, .lo = record_run_id(&run->records, 0)};
    struct inbound_event event = {.channel = run->channel,
                                  .id = id,
                                  .correlation = id,
                                  .time_ns = record_run_time(&run->records, 0),
                                  .payload = record_run_payload(&run->records, 0),
                                  .native = record_run_native(&run->records, 0),
                                  .stream = run->stream,
                                  .position = run->position};

    if (!peer->config.sink->deliver(peer, &event, peer->config.userdata))
        inflow_pending(&peer->inflow, event.position, 1);
}

static void deliver_run(struct peer *peer, struct inbound_run run)
{
    const struct peer_sink *sink = peer->config.sink;

    peer->counters.delivered += run.records.count;
    peer->counters.native_in += run.records.count;
    while (run.records.count > 0) {
        bool is_pending = false;
        uint32_t taken = sink->deliver_run == NULL ? 0 : sink->deliver_run(peer, &run, &is_pending, peer->config.userdata);

        if (taken > 0 && is_pending)
            inflow_pending(&peer->inflow, run.position, taken);
        if (taken == 0) {
            deliver_first(peer, &run);
            taken = 1;
        }
        run.records.first += taken * run.records.size;
        run.records.count -= taken;
        run.position += taken;
    }
}

/* How many of the next `most` records are alike and were not heard by another way; the reader moves behind them. */
static uint32_t hear_alike(struct reader *reader, const struct record_run *like, struct origin *origin, uint32_t most)
{
    uint32_t count;

    for (count = 0; count < most && reader_is_alike(reader, like->first, like->size, like->head); count++) {
        if (origin != NULL && !origin_hear(origin, reader_eight_at(reader->at + EVENT_ID + 1)))
            break;
        reader->at += like->size;
    }
    return count;
}

/* Native events behind one of `channel` that was taken, and lies at `like` in the frame, and differ from it in id, time and
 * bytes only: what was asked for it is not asked again.  Returns how many; at most `most`. */
static uint32_t take_alike(struct peer *peer, struct reader *reader, const uint8_t *like, const struct record *first,
                           struct inflow_channel *channel, uint32_t most)
{
    const struct record_run known = {like, (size_t)(reader->at - like), (size_t)(first->native.data - like), 1};
    uint32_t count = 0;

    while (count < most && reader_is_alike(reader, like, known.size, known.head)) {
        struct inbound_run run = {&channel->channel, known, peer->inflow.stream, peer->inflow.next};
        uint32_t room = peer_take_within(peer, most - count, known.size);

        if (room == 0)
            break;
        run.records.first = reader->at;
        run.records.count = hear_alike(reader, &known, channel->origin, room);
        if (run.records.count > 0) {
            count += run.records.count;
            peer->inflow.next += run.records.count;
            deliver_run(peer, run);
            continue;
        }
        reader->at += known.size;
        peer->inflow.next++;
        peer->counters.repeated++;
        count++;
    }
    return count;
}

/* Was it taken, and would others like it be? */
static struct inflow_channel *channel_of_more(const struct peer *peer, const uint8_t *like, const struct record *record)
{
    struct inflow_channel *channel = record->kind == RECORD_EVENT ? inflow_channel(&peer->inflow, record->channel) : NULL;
    bool is_usual = record->native.data != NULL && reader_is_first_of_chain(like);

    if (channel == NULL || !is_usual || channel->verdict != VERDICT_TAKE || !channel->channel.type->is_native)
        return NULL;
    return channel;
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
    case VERDICT_UNASKED:
    case VERDICT_DENIED:
        peer->counters.denied++;
        refusals_note(&peer->inflow.refusals, channel->topic, channel->verdict == VERDICT_DENIED ? "denied" : "unasked");
        break;
    case VERDICT_TAKE:
        if (find_origin(peer, channel) != MAIKO_OK)
            return MAIKO_ENOMEM;
        if (channel->origin == NULL || origin_hear(channel->origin, record->id_lo)) {
            take_event(peer, record, channel, position);
            return MAIKO_OK;
        }
        peer->counters.repeated++;
        break;
    }
    pass(peer, record);
    return MAIKO_OK;
}

static void on_lost(struct peer *peer, const struct record *record)
{
    char reason[WIRE_NAME_MAX + 1];

    memcpy(reason, record->reason.len > 0 ? (const char *)record->reason.data : "", record->reason.len);
    reason[record->reason.len] = '\0';
    peer->counters.lost_reported = told_count_add(peer->counters.lost_reported, record->lost);
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
        peer_wish_failed(peer, record->name, record->id);
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
        const uint8_t *begin = reader.at;
        struct inflow_channel *channel;
        maiko_status status = frame_next_record(&reader, &record, error);

        if (status != MAIKO_OK)
            return status;
        if (position < peer->inflow.next) {
            peer->counters.duplicates++;
            pass(peer, &record);
            continue;
        }
        if (inflow_waits(&peer->inflow) && peer_take_within(peer, 1, 0) == 0) {
            text_append(error, "data: beyond the window");
            return MAIKO_ELIMIT;
        }
        peer->inflow.next = position + 1;
        status = on_record(peer, &record, position, error);
        if (status != MAIKO_OK) {
            peer->inflow.next = position; /* asked for again in the next session */
            return status;
        }
        channel = channel_of_more(peer, begin, &record);
        if (channel != NULL)
            i += take_alike(peer, &reader, begin, &record, channel, count - i - 1);
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
    if (peer->native_count > 0)
        peer_ask_native(peer, now_ns);
    if (peer->state != PEER_UP)
        return;
    peer->inflow.unacked_bytes += frame->records.len;
    peer_consider_ack(peer, now_ns);
}
