/* Peer: life, and the way in and out. */
#include "link/peer_state.h"

#include <string.h>

enum {
    WINDOW_BYTES = 2 * 1024 * 1024,
    OLDEST_TAIL = 128,
    BATCH_BYTES = 256 * 1024,
    HOP_LIMIT = 8,
    GIVE_FROM = 8 * 1024,
    KEPT_BYTES = 2 * 1024 * 1024 /* of the memory frames are made in */
};

const char *peer_state_name(enum peer_state state)
{
    switch (state) {
#define PEER_STATE_CASE_(state, name)                                                                                            \
    case state:                                                                                                                  \
        return name;
        PEER_STATE_MAP(PEER_STATE_CASE_)
#undef PEER_STATE_CASE_
    }
    return "?";
}

const char *peer_news_name(enum peer_news news)
{
    static const char *const names[] = {"up", "ready", "subscribed", "gap", "stalled", "down", "refused", "failed"};

    return names[news];
}

static void set_default(uint64_t *value, uint64_t fallback)
{
    if (*value == 0)
        *value = fallback;
}

static void set_defaults(struct peer_config *config)
{
    if (config->window_bytes == 0)
        config->window_bytes = WINDOW_BYTES;
    if (config->window_events == 0)
        config->window_events = PEER_WINDOW_EVENTS;
    if (config->oldest_tail == 0)
        config->oldest_tail = OLDEST_TAIL;
    if (config->batch_bytes == 0)
        config->batch_bytes = BATCH_BYTES;
    if (config->batch_bytes > WIRE_BATCH_MAX / 2) /* the other half is for what the records refer to */
        config->batch_bytes = WIRE_BATCH_MAX / 2;
    if (config->hop_limit == 0)
        config->hop_limit = HOP_LIMIT;
    set_default(&config->deadline_ns, MAIKO_SECONDS(5));
    set_default(&config->heartbeat_ns, MAIKO_SECONDS(1));
    set_default(&config->silence_ns, MAIKO_SECONDS(5));
    set_default(&config->answer_ns, MAIKO_SECONDS(1));
    set_default(&config->ack_delay_ns, MAIKO_MS(20));
    set_default(&config->replay_ns, MAIKO_MS(250));
}

static bool is_sound(const struct peer_config *config)
{
    const struct peer_identity *identity = &config->identity;

    return config->heap != NULL && config->exporter != NULL && config->sink != NULL && identity->space != NULL &&
           identity->name != NULL && strlen(identity->space) <= WIRE_NAME_MAX && strlen(identity->name) <= WIRE_NAME_MAX &&
           (identity->host == NULL || strlen(identity->host) <= WIRE_NAME_MAX) && !maiko_id_is_nil(identity->node);
}

static void channel_forgotten(struct inbound_channel *channel, void *userdata)
{
    struct peer *peer = userdata;

    if (peer->config.sink->forgotten != NULL)
        peer->config.sink->forgotten(peer, channel, peer->config.userdata);
}

maiko_status peer_new(const struct peer_config *config, struct peer **ret_peer)
{
    struct heap *heap = config->heap;
    struct peer *peer;

    if (!is_sound(config))
        return MAIKO_EINVAL;
    peer = heap_alloc_zeroed(heap, 1, sizeof(*peer));
    if (peer == NULL)
        return MAIKO_ENOMEM;
    peer->heap = heap;
    peer->config = *config;
    set_defaults(&peer->config);
    peer->session = config->session_seed;
    list_init(&peer->link);
    patterns_init(&peer->wishes, heap);
    patterns_init(&peer->interest, heap);
    patterns_init(&peer->asking.list, heap);
    inflow_init(&peer->inflow, heap);
    peer->inflow.forgotten = channel_forgotten;
    peer->inflow.userdata = peer;
    peer->inflow.origins = config->origins;
    stream_init(&peer->stream, heap, exporter_log_for_stream(config->exporter));
    refusals_init(&peer->refused, heap);
    pack_init(&peer->denied, heap, WIRE_BATCH_MAX);
    pack_init(&peer->asking.denied, heap, WIRE_BATCH_MAX);
    pack_init(&peer->failed, heap, WIRE_BATCH_MAX);
    pack_init(&peer->actors.pack, heap, WIRE_BATCH_MAX);
    pack_init(&peer->frame, heap, WIRE_FRAME_MAX);
    pack_init(&peer->types, heap, WIRE_BATCH_MAX / 2);
    pack_init(&peer->channels, heap, WIRE_BATCH_MAX / 2);
    pack_init(&peer->natives, heap, WIRE_BATCH_MAX / 2);
    pack_init(&peer->refusals, heap, WIRE_BATCH_MAX);
    peer->space = heap_strdup(heap, config->identity.space);
    peer->name = heap_strdup(heap, config->identity.name);
    peer->host = heap_strdup(heap, config->identity.host != NULL ? config->identity.host : "");
    if (peer->space == NULL || peer->name == NULL || peer->host == NULL) {
        peer_free(peer);
        return MAIKO_ENOMEM;
    }
    exporter_attach(config->exporter, &peer->link);
    *ret_peer = peer;
    return MAIKO_OK;
}

struct peer *peer_free(struct peer *peer)
{
    if (peer == NULL)
        return NULL;
    list_remove(&peer->link);
    exporter_review_types(peer->config.exporter);
    stream_deinit(&peer->stream);
    refusals_deinit(&peer->refused);
    inflow_deinit(&peer->inflow);
    patterns_deinit(&peer->wishes);
    patterns_deinit(&peer->interest);
    peer_drop_asking(peer);
    heap_free(peer->heap, peer->given, peer->given_size);
    pack_deinit(&peer->denied);
    pack_deinit(&peer->asking.denied);
    pack_deinit(&peer->failed);
    pack_deinit(&peer->actors.pack);
    pack_deinit(&peer->frame);
    pack_deinit(&peer->types);
    pack_deinit(&peer->channels);
    pack_deinit(&peer->natives);
    pack_deinit(&peer->refusals);
    heap_free(peer->heap, peer->told_channels, peer->told_channels_size);
    heap_free(peer->heap, peer->told_types, peer->told_types_size);
    heap_free(peer->heap, peer->native_types, peer->native_types_size);
    heap_strfree(peer->heap, peer->space);
    heap_strfree(peer->heap, peer->name);
    heap_strfree(peer->heap, peer->host);
    heap_free(peer->heap, peer, sizeof(*peer));
    return NULL;
}

/* ---- Out ---- */

void peer_tell(struct peer *peer, const struct peer_notice *notice)
{
    struct peer_notice whole = *notice;

    if (whole.reason == NULL)
        whole.reason = "";
    if (whole.text == NULL)
        whole.text = "";
    if (whole.pattern == NULL)
        whole.pattern = "";
    if (peer->config.sink->news != NULL)
        peer->config.sink->news(peer, &whole, peer->config.userdata);
}

/* False: it is to be sent like a small one. */
static bool give(struct peer *peer)
{
    struct pack *frame = &peer->frame;
    size_t size;

    if (frame->len < GIVE_FROM || peer->config.sink->give == NULL ||
        !peer->config.sink->give(peer, frame->data, frame->len, frame->size, peer->config.userdata))
        return false;
    (void)pack_release(frame, &size); /* the sink's now */
    return true;
}

static void note_sent(struct peer *peer, size_t len, uint64_t now_ns)
{
    peer->last_sent = now_ns;
    peer->counters.frames_out++;
    peer->counters.bytes_out += len;
}

void peer_send_parts(struct peer *peer, uint64_t now_ns)
{
    struct slice list[PARTS_MAX];
    size_t count = parts_list(&peer->parts, &peer->frame, list);

    note_sent(peer, peer->frame.len + peer->parts.len, now_ns);
    peer->config.sink->send_parts(peer, list, count, peer->config.userdata);
}

void peer_send(struct peer *peer, uint64_t now_ns)
{
    maiko_status status = pack_status(&peer->frame);

    if (status != MAIKO_OK) {
        peer_end_session(peer, "memory", maiko_strerror(status), now_ns);
        return;
    }
    note_sent(peer, peer->frame.len, now_ns);
    if (give(peer))
        return;
    peer->config.sink->send(peer, peer->frame.data, peer->frame.len, peer->config.userdata);
    if (peer->frame.size > KEPT_BYTES)
        pack_deinit(&peer->frame);
}

void peer_end_session(struct peer *peer, const char *reason, const char *text, uint64_t now_ns)
{
    bool was_up = peer->state == PEER_UP;
    bool was_down = peer->state == PEER_DOWN || peer->state == PEER_REFUSED;

    peer->state = PEER_DOWN;
    peer->hello_due = peer->subscribe_due = peer->ack_due = 0;
    peer->interest_number = 0;
    peer->ready_number = 0;
    peer->inflow.is_ready = false;
    peer->is_silent = false;
    peer_drop_asking(peer);
    if (was_up) {
        stream_disconnect(&peer->stream, now_ns);
        exporter_review_types(peer->config.exporter);
    }
    if (was_down)
        return;
    if (was_up)
        peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_DOWN, .reason = reason, .text = text});
    peer->config.sink->close(peer, peer->config.userdata);
}

static void write_bye(struct peer *peer, const char *reason, const char *text)
{
    struct frame bye = {.kind = FRAME_BYE, .session = peer->session, .reason = slice_of(reason), .text = slice_of(text)};

    pack_clear(&peer->frame);
    frame_write(&peer->frame, &bye);
}

void peer_fail(struct peer *peer, maiko_status status, const char *text, uint64_t now_ns)
{
    const char *reason = status == MAIKO_ENOMEM ? "memory" : status == MAIKO_ELIMIT ? "limit" : "protocol";

    if (status == MAIKO_EPROTOCOL || status == MAIKO_ETOOLONG)
        peer->counters.malformed++;
    if (peer->state == PEER_UP) {
        write_bye(peer, reason, text);
        if (pack_status(&peer->frame) == MAIKO_OK)
            peer_send(peer, now_ns);
    }
    peer_end_session(peer, reason, text, now_ns);
}

void peer_bye(struct peer *peer, const char *reason, uint64_t now_ns)
{
    if (peer->state == PEER_UP) {
        if (inflow_done(&peer->inflow) > peer->inflow.acked)
            peer_send_ack(peer, now_ns); /* what was taken over until now is the other side's to know */
        write_bye(peer, reason, "");
        if (pack_status(&peer->frame) == MAIKO_OK)
            peer_send(peer, now_ns);
    }
    peer_end_session(peer, reason, "", now_ns);
}

/* ---- In ---- */

/* After its own stall a node gives everybody the time again that it did not have itself. */
void peer_notice_time(struct peer *peer, uint64_t now_ns)
{
    uint64_t silent = now_ns - peer->last_now;
    uint64_t usual = peer->config.heartbeat_ns + peer->config.silence_ns / 2;

    if (peer->last_now > 0 && silent > usual && (peer->state == PEER_UP || peer->state == PEER_GREETING)) {
        peer->counters.own_stalls++;
        peer->last_heard = now_ns;
        if (peer->stream.stuck_since > 0)
            peer->stream.stuck_since = now_ns;
    }
    peer->last_now = now_ns;
}

void peer_connected(struct peer *peer, uint64_t now_ns)
{
    peer_notice_time(peer, now_ns);
    if (peer->state == PEER_UP)
        peer_end_session(peer, "replaced", "", now_ns);
    peer->role = ROLE_CONNECTING;
    peer->state = PEER_GREETING;
    peer->is_refused_for_good = false;
    peer->has_said_no_answer = false;
    peer_number_session(peer);
    peer->last_heard = now_ns;
    peer_send_hello(peer, now_ns);
}

void peer_disconnected(struct peer *peer, const char *reason, uint64_t now_ns)
{
    peer_notice_time(peer, now_ns);
    peer_end_session(peer, reason, "", now_ns);
}

void peer_died(struct peer *peer, uint64_t now_ns)
{
    peer_disconnected(peer, "died", now_ns);
    peer_keep_nothing(peer);
}

/* What was to come is lost and counted, so it is not read from the log when the key is admitted again. */
void peer_shut_out(struct peer *peer, uint64_t now_ns)
{
    uint64_t before = peer->stream.counters.dropped;

    peer_bye(peer, "denied", now_ns);
    peer->is_barred = peer->is_barred || peer->interest.count > 0;
    peer_keep_nothing(peer);
    peer->barred += peer->stream.counters.dropped - before;
}

static void dispatch(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    switch (frame->kind) {
    case FRAME_ACTORS:
        peer_on_actors(peer, frame, now_ns);
        break;
    case FRAME_SUBSCRIBE:
        peer_on_subscribe(peer, frame, now_ns);
        break;
    case FRAME_READY:
        peer_on_ready(peer, frame, now_ns);
        break;
    case FRAME_DATA:
        peer_on_data(peer, frame, now_ns);
        break;
    case FRAME_NATIVE:
        peer_on_native(peer, frame, now_ns);
        break;
    case FRAME_ACK:
        peer_on_ack(peer, frame->next, now_ns);
        peer_on_refused(peer, frame, now_ns);
        break;
    case FRAME_REPLAY:
        peer_on_replay(peer, frame->next, now_ns);
        break;
    case FRAME_HEARTBEAT:
        if (peer->inflow.is_ready && frame->next > peer->inflow.next)
            peer_ask_replay(peer, now_ns);
        if (peer->interest_number > 0)
            peer_on_ack(peer, frame->ack, now_ns);
        peer_on_refused(peer, frame, now_ns);
        break;
    case FRAME_RESET:
        peer_on_reset(peer, now_ns);
        break;
    case FRAME_BYE:
        peer_on_bye(peer, frame, now_ns);
        break;
    default: /* kinds of a later version */
        break;
    }
}

void peer_frame(struct peer *peer, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
    char reason[WIRE_TEXT_MAX + 1];
    struct text error;
    struct frame frame;
    maiko_status status;

    peer_notice_time(peer, now_ns);
    peer->counters.frames_in++;
    peer->counters.bytes_in += len;
    text_init_buffer(&error, reason, sizeof(reason));
    status = frame_read(bytes, len, &frame, &error);
    if (status != MAIKO_OK) {
        peer_fail(peer, status, reason, now_ns);
        return;
    }
    if (frame.kind == FRAME_HELLO) {
        peer_on_hello(peer, &frame, now_ns);
    } else if (frame.kind == FRAME_WELCOME && peer->state == PEER_UP && peer->role == ROLE_CONNECTING &&
               frame.session == peer->session) {
        peer->last_heard = now_ns;
        peer_hear_again(peer, &frame.hello, now_ns);
    } else if (frame.kind == FRAME_WELCOME || frame.kind == FRAME_REFUSE) {
        if (peer->state != PEER_GREETING || frame.session != peer->session)
            peer->counters.stale++;
        else if (frame.kind == FRAME_WELCOME)
            peer_on_welcome(peer, &frame, now_ns);
        else
            peer_on_refuse(peer, &frame, now_ns);
    } else if (frame.kind == FRAME_RESET && peer->state == PEER_GREETING && frame.session == peer->session) {
        peer_on_reset(peer, now_ns);
    } else if (peer->state != PEER_UP || frame.session != peer->session) {
        peer->counters.stale++;
        if (peer->state == PEER_DOWN && frame.session > 0 && frame.kind != FRAME_RESET && frame.kind != FRAME_BYE)
            peer_send_reset(peer, frame.session, now_ns);
    } else {
        peer->last_heard = now_ns;
        peer->is_silent = false;
        dispatch(peer, &frame, now_ns);
    }
}

/* ---- Looking ---- */

enum peer_state peer_state(const struct peer *peer)
{
    return peer->state;
}

bool peer_has_left(const struct peer *peer)
{
    return peer->has_left;
}

bool peer_may_retry(const struct peer *peer)
{
    return !peer->is_refused_for_good;
}

const struct frame_hello *peer_remote(const struct peer *peer)
{
    return peer->remote.name.len > 0 ? &peer->remote : NULL;
}

const struct refusals *peer_refused(const struct peer *peer)
{
    return &peer->refused;
}

void *peer_userdata(const struct peer *peer)
{
    return peer->config.userdata;
}

struct peer *peer_of_link(struct list *link)
{
    return CONTAINER_OF(link, struct peer, link);
}

const struct patterns *peer_interest(const struct peer *peer)
{
    return &peer->interest;
}

const struct peer_counters *peer_counters(struct peer *peer)
{
    const struct stream_counters *stream = &peer->stream.counters;

    peer->counters.offered = stream->offered;
    peer->counters.acknowledged = stream->acknowledged;
    peer->counters.window_turns = stream->acknowledged_bytes / peer_window_bytes(peer);
    peer->counters.lost_window = stream->lost[LOSS_WINDOW];
    peer->counters.lost_oldest = stream->lost[LOSS_OLDEST];
    peer->counters.lost_deadline = stream->lost[LOSS_DEADLINE];
    peer->counters.lost_log = stream->lost[LOSS_LOG];
    peer->counters.lost_past = stream->past;
    peer->counters.lost_peer = stream->dropped;
    peer->counters.refused = peer->refused.sum;
    return &peer->counters;
}

bool peer_keeps_own_connection(maiko_id own_node, maiko_id remote_node)
{
    return own_node.hi != remote_node.hi ? own_node.hi < remote_node.hi : own_node.lo < remote_node.lo;
}
