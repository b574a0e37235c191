/* Frame, writing.  Only what means something for the kind is written. */
#include "wire/frame.h"

#include <string.h>

#include "wire/data_head.h"

static void write_uint(struct pack *pack, const char *key, uint64_t value)
{
    pack_str(pack, key);
    pack_uint(pack, value);
}

static void write_slice(struct pack *pack, const char *key, struct slice text)
{
    pack_str(pack, key);
    pack_text(pack, (const char *)text.data, text.len);
}

static void begin(struct pack *pack, enum frame_kind kind, uint64_t session, size_t more_keys)
{
    pack_map(pack, 2 + more_keys);
    pack_str(pack, "kind");
    pack_str(pack, frame_kind_name(kind));
    write_uint(pack, "session", session);
}

static void write_hello(struct pack *pack, const struct frame *frame)
{
    const struct frame_hello *hello = &frame->hello;
    bool is_hello = frame->kind == FRAME_HELLO;

    begin(pack, frame->kind, frame->session, is_hello ? 13 : 12);
    if (is_hello) {
        write_uint(pack, "min", hello->min);
        write_uint(pack, "max", hello->max);
    } else {
        write_uint(pack, "version", hello->version);
    }
    write_slice(pack, "space", hello->space);
    pack_str(pack, "node");
    pack_id(pack, hello->node);
    write_slice(pack, "name", hello->name);
    write_uint(pack, "epoch", hello->epoch);
    write_uint(pack, "uptime", hello->uptime_ns);
    write_uint(pack, "clock", hello->clock);
    write_uint(pack, "started", hello->started_ns);
    write_uint(pack, "window_bytes", hello->window_bytes);
    write_uint(pack, "window_events", hello->window_events);
    write_slice(pack, "host", hello->host);
    write_uint(pack, "pid", hello->pid);
}

static void write_ready(struct pack *pack, const struct frame *frame)
{
    begin(pack, FRAME_READY, frame->session, 5u + frame->is_earlier_known + (frame->denied.len > 0) + (frame->failed.len > 0));
    write_uint(pack, "number", frame->number);
    write_uint(pack, "stream", frame->stream);
    write_uint(pack, "next", frame->next);
    pack_str(pack, "resumed");
    pack_bool(pack, frame->resumed);
    pack_str(pack, "lost");
    if (frame->is_lost_known)
        pack_uint(pack, frame->lost);
    else
        pack_nil(pack);
    if (frame->is_earlier_known)
        write_uint(pack, "earlier", frame->earlier);
    if (frame->denied.len > 0) {
        pack_str(pack, "denied");
        pack_raw(pack, frame->denied.data, frame->denied.len);
    }
    if (frame->failed.len > 0) {
        pack_str(pack, "failed");
        pack_raw(pack, frame->failed.data, frame->failed.len);
    }
}

static void write_refused(struct pack *pack, const struct frame *frame)
{
    if (frame->refused.len == 0)
        return;
    pack_str(pack, "refused");
    pack_raw(pack, frame->refused.data, frame->refused.len);
}

void frame_write_refusal(struct pack *pack, const struct frame_refusal *refusal)
{
    pack_map(pack, 1u + (refusal->topic.len > 0) + (refusal->reason.len > 0));
    write_uint(pack, "events", refusal->events);
    if (refusal->topic.len > 0)
        write_slice(pack, "topic", refusal->topic);
    if (refusal->reason.len > 0)
        write_slice(pack, "reason", refusal->reason);
}

void frame_write(struct pack *pack, const struct frame *frame)
{
    switch (frame->kind) {
    case FRAME_HELLO:
    case FRAME_WELCOME:
        write_hello(pack, frame);
        break;
    case FRAME_REFUSE:
    case FRAME_BYE:
        begin(pack, frame->kind, frame->session, 2);
        write_slice(pack, "reason", frame->reason);
        write_slice(pack, "text", frame->text);
        break;
    case FRAME_READY:
        write_ready(pack, frame);
        break;
    case FRAME_ACK:
    case FRAME_REPLAY:
        begin(pack, frame->kind, frame->session, 1u + (frame->refused.len > 0));
        write_uint(pack, "next", frame->next);
        write_refused(pack, frame);
        break;
    case FRAME_HEARTBEAT:
        begin(pack, frame->kind, frame->session, 2u + (frame->refused.len > 0));
        write_uint(pack, "next", frame->next);
        write_uint(pack, "ack", frame->ack);
        write_refused(pack, frame);
        break;
    case FRAME_RESET:
        begin(pack, frame->kind, frame->session, 0);
        break;
    default: /* has a function of its own */
        pack->status = pack->status == MAIKO_OK ? MAIKO_EINTERNAL : pack->status;
        break;
    }
}

static void write_names(struct pack *pack, const char *key, const struct slice *names, size_t count)
{
    size_t i;

    pack_str(pack, key);
    pack_array(pack, count);
    for (i = 0; i < count; i++)
        pack_text(pack, (const char *)names[i].data, names[i].len);
}

void frame_begin_actors(struct pack *pack, uint64_t session, uint64_t number)
{
    begin(pack, FRAME_ACTORS, session, 2);
    write_uint(pack, "number", number);
    pack_str(pack, "actors");
}

void frame_write_actors(struct pack *pack, const struct frame_actor *actors, size_t count)
{
    size_t i;

    pack_array(pack, count);
    for (i = 0; i < count; i++) {
        pack_map(pack, 3);
        write_slice(pack, "name", actors[i].name);
        write_names(pack, "publish", actors[i].publish, actors[i].publish_count);
        write_names(pack, "subscribe", actors[i].subscribe, actors[i].subscribe_count);
    }
}

void frame_begin_subscribe(struct pack *pack, const struct frame *frame)
{
    begin(pack, FRAME_SUBSCRIBE, frame->session, 5u + (frame->heard_ns > 0) + (frame->refused.len > 0));
    write_uint(pack, "number", frame->number);
    write_uint(pack, "stream", frame->stream);
    write_uint(pack, "next", frame->next);
    write_uint(pack, "ack", frame->ack);
    if (frame->heard_ns > 0)
        write_uint(pack, "heard", frame->heard_ns);
    write_refused(pack, frame);
    pack_str(pack, "patterns");
}

void frame_write_pattern(struct pack *pack, const struct frame_pattern *pattern)
{
    pack_map(pack, 2u + (pattern->from.len > 0) + (pattern->overflow.len > 0) + (pattern->age_ns > 0) + pattern->has_failed);
    write_slice(pack, "pattern", pattern->text);
    if (pattern->from.len > 0)
        write_slice(pack, "from", pattern->from);
    if (pattern->overflow.len > 0)
        write_slice(pack, "overflow", pattern->overflow);
    write_uint(pack, "id", pattern->id);
    if (pattern->age_ns > 0)
        write_uint(pack, "age", pattern->age_ns);
    if (pattern->has_failed) {
        pack_str(pack, "failed");
        pack_bool(pack, true);
    }
}

void frame_begin_data(struct pack *pack, const struct frame *frame)
{
    uint64_t session = __builtin_bswap64(frame->session);
    uint64_t first = __builtin_bswap64(frame->first);
    uint8_t *at = pack_space(pack, DATA_HEAD_BYTES);

    if (at == NULL)
        return;
    memcpy(at, DATA_HEAD, DATA_HEAD_BYTES);
    memcpy(at + DATA_HEAD_SESSION, &session, sizeof(session));
    memcpy(at + DATA_HEAD_FIRST, &first, sizeof(first));
    pack_add(pack, DATA_HEAD_BYTES);
}

void frame_add_array(struct pack *pack, size_t at, const char *key, struct slice array)
{
    pack_str(pack, key);
    pack_raw(pack, array.data, array.len);
    if (pack_status(pack) == MAIKO_OK)
        pack->data[at]++; /* a map of less than 15 */
}

void frame_write_channel(struct pack *pack, const struct frame_channel *channel)
{
    bool has_origin = !maiko_id_is_nil(channel->origin);

    pack_map(pack, 6u + has_origin + (channel->hops > 0));
    write_uint(pack, "channel", channel->number);
    write_slice(pack, "topic", channel->topic);
    write_slice(pack, "type", channel->type);
    write_uint(pack, "schema", channel->schema);
    write_slice(pack, "sender", channel->sender);
    write_uint(pack, "prefix", channel->prefix);
    if (has_origin) {
        pack_str(pack, "origin");
        pack_id(pack, channel->origin);
    }
    if (channel->hops > 0)
        write_uint(pack, "hops", channel->hops);
}

void frame_begin_native(struct pack *pack, uint64_t session)
{
    begin(pack, FRAME_NATIVE, session, 1);
    pack_str(pack, "types");
}

void frame_write_native(struct pack *pack, const struct frame_native *native)
{
    pack_map(pack, 2);
    write_slice(pack, "type", native->type);
    write_uint(pack, "schema", native->schema);
}

/* Every event has one of these, so it is written in one go: array of six, channel, id, time, parent and correlation. */
enum { EVENT_ELEMENTS = 6, UINT16 = 0xcd, UINT64 = 0xcf, NIL = 0xc0, BIN8 = 0xc4, EVENT_HEAD_MAX = 4 + 9 + 9 + 18 + 18 };

static inline uint8_t *put_number(uint8_t *at, uint64_t value)
{
    if (value < 0x80) {
        *at = (uint8_t)value;
        return at + 1;
    }
    value = __builtin_bswap64(value);
    *at = UINT64;
    memcpy(at + 1, &value, sizeof(value));
    return at + 1 + sizeof(value);
}

static inline uint8_t *put_id(uint8_t *at, maiko_id id)
{
    uint64_t halves[2] = {__builtin_bswap64(id.hi), __builtin_bswap64(id.lo)};

    if (maiko_id_is_nil(id)) {
        *at = NIL;
        return at + 1;
    }
    at[0] = BIN8;
    at[1] = sizeof(halves);
    memcpy(at + 2, halves, sizeof(halves));
    return at + 2 + sizeof(halves);
}

static inline uint8_t *put_event_head(uint8_t *at, const struct event_head *event)
{
    at[0] = 0x90 | EVENT_ELEMENTS;
    at[1] = UINT16;
    at[2] = (uint8_t)(event->channel >> 8);
    at[3] = (uint8_t)event->channel;
    at = put_number(at + 4, event->id_lo);
    at = put_number(at, event->time_ns);
    at = put_id(at, event->parent);
    return put_id(at, event->correlation);
}

void record_begin_event(struct pack *pack, const struct event_head *event)
{
    uint8_t *head = pack_space(pack, EVENT_HEAD_MAX);

    if (head != NULL)
        pack_add(pack, (size_t)(put_event_head(head, event) - head));
}

void record_write_native(struct pack *pack, const struct event_head *event, const void *bytes, size_t len)
{
    uint8_t *head = pack_space(pack, EVENT_HEAD_MAX + PACK_BIN_HEAD_MAX + len);
    uint8_t *at;

    if (head == NULL)
        return;
    at = pack_put_bin_head(put_event_head(head, event), len);
    memcpy(at, bytes, len);
    pack_add(pack, (size_t)(at - head) + len);
}

/* A payload of another length has a record of another length, whatever form the bin's head takes. */
bool record_like_of(const uint8_t *record, size_t size, size_t len, struct record_like *ret_like)
{
    size_t head = size - len;

    if (len > size || head != EVENT_HEAD_MIN + pack_bin_head_len(len) || !reader_is_first_of_chain(record))
        return false;
    ret_like->size = size;
    ret_like->head = head;
    memset(ret_like->bytes, 0, sizeof(ret_like->bytes));
    memcpy(ret_like->bytes, record, head);
    return true;
}

void record_set_channel(uint8_t *record, uint32_t channel)
{
    record[2] = (uint8_t)(channel >> 8);
    record[3] = (uint8_t)channel;
}

void record_write_lost(struct pack *pack, uint64_t lost, const char *reason)
{
    pack_map(pack, 2);
    write_uint(pack, "lost", lost);
    pack_str(pack, "reason");
    pack_str(pack, reason);
}

void record_write_end(struct pack *pack, const char *publisher, const char *const *publish)
{
    size_t count = 0;
    size_t i;

    while (publish != NULL && publish[count] != NULL)
        count++;
    pack_map(pack, 2);
    pack_str(pack, "end");
    pack_str(pack, publisher);
    pack_str(pack, "publish");
    pack_array(pack, count);
    for (i = 0; i < count; i++)
        pack_str(pack, publish[i]);
}

void record_write_failed(struct pack *pack, const char *pattern, uint64_t id)
{
    pack_map(pack, 2);
    pack_str(pack, "failed");
    pack_str(pack, pattern);
    write_uint(pack, "id", id);
}
