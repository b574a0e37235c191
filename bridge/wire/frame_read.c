/* Frame, reading: one table of all keys, then what the kind requires. */
#include "wire/data_head.h"
#include "wire/frame.h"
#include "wire/map.h"

/* The frame, and what is turned into something else before it is handed out. */
struct raw_frame {
    struct frame frame;
    struct slice kind;
    struct slice lost;    /* an int or nil */
    struct slice earlier; /* the same */
};

#define KEY(key, kind, member)                                                                                                   \
    {                                                                                                                            \
        key, kind, false, offsetof(struct raw_frame, member)                                                                     \
    }

static const struct map_key frame_keys[] = {
    {"kind", MAP_NAME, true, offsetof(struct raw_frame, kind)},
    KEY("session", MAP_UINT, frame.session),
    KEY("first", MAP_UINT, frame.first),
    KEY("records", MAP_ARRAY, frame.records),
    KEY("types", MAP_ARRAY, frame.types),
    KEY("channels", MAP_ARRAY, frame.channels),
    KEY("next", MAP_UINT, frame.next),
    KEY("ack", MAP_UINT, frame.ack),
    KEY("number", MAP_UINT, frame.number),
    KEY("stream", MAP_UINT, frame.stream),
    KEY("resumed", MAP_BOOL, frame.resumed),
    KEY("lost", MAP_VALUE, lost),
    KEY("earlier", MAP_VALUE, earlier),
    KEY("denied", MAP_ARRAY, frame.denied),
    KEY("failed", MAP_ARRAY, frame.failed),
    KEY("refused", MAP_ARRAY, frame.refused),
    KEY("patterns", MAP_ARRAY, frame.patterns),
    KEY("heard", MAP_UINT, frame.heard_ns),
    KEY("actors", MAP_ARRAY, frame.actors),
    KEY("reason", MAP_NAME, frame.reason),
    KEY("text", MAP_NAME, frame.text),
    KEY("min", MAP_UINT, frame.hello.min),
    KEY("max", MAP_UINT, frame.hello.max),
    KEY("version", MAP_UINT, frame.hello.version),
    KEY("space", MAP_NAME, frame.hello.space),
    KEY("name", MAP_NAME, frame.hello.name),
    KEY("host", MAP_NAME, frame.hello.host),
    KEY("node", MAP_ID, frame.hello.node),
    KEY("epoch", MAP_UINT, frame.hello.epoch),
    KEY("uptime", MAP_UINT, frame.hello.uptime_ns),
    KEY("clock", MAP_UINT, frame.hello.clock),
    KEY("started", MAP_UINT, frame.hello.started_ns),
    KEY("window_bytes", MAP_UINT, frame.hello.window_bytes),
    KEY("window_events", MAP_UINT, frame.hello.window_events),
    KEY("pid", MAP_UINT, frame.hello.pid),
};

enum { FRAME_KEYS = sizeof(frame_keys) / sizeof(frame_keys[0]) };

const char *frame_kind_name(enum frame_kind kind)
{
    switch (kind) {
#define FRAME_KIND_CASE_(kind, word)                                                                                             \
    case kind:                                                                                                                   \
        return word;
        FRAME_KIND_MAP(FRAME_KIND_CASE_)
#undef FRAME_KIND_CASE_
    case FRAME_UNKNOWN:
        break;
    }
    return "?";
}

static enum frame_kind kind_of(struct slice word)
{
#define FRAME_KIND_TEST_(kind, text)                                                                                             \
    if (slice_is(word, text))                                                                                                    \
        return kind;
    FRAME_KIND_MAP(FRAME_KIND_TEST_)
#undef FRAME_KIND_TEST_
    return FRAME_UNKNOWN;
}

static maiko_status refuse(struct text *error, const char *reason)
{
    if (error != NULL)
        text_append(error, reason);
    return MAIKO_EPROTOCOL;
}

static maiko_status check_hello(const struct frame *frame, struct text *error)
{
    const struct frame_hello *hello = &frame->hello;

    if (frame->kind == FRAME_HELLO && (hello->min == 0 || hello->max < hello->min))
        return refuse(error, "min, max: no range of versions");
    if (frame->kind == FRAME_WELCOME && hello->version == 0)
        return refuse(error, "version: missing");
    if (hello->space.len == 0)
        return refuse(error, "space: missing");
    if (hello->name.len == 0)
        return refuse(error, "name: missing");
    if (maiko_id_is_nil(hello->node))
        return refuse(error, "node: missing");
    return MAIKO_OK;
}

static maiko_status check_frame(const struct frame *frame, struct text *error)
{
    if (frame->kind != FRAME_UNKNOWN && frame->session == 0)
        return refuse(error, "session: missing");
    switch (frame->kind) {
    case FRAME_HELLO:
    case FRAME_WELCOME:
        return check_hello(frame, error);
    case FRAME_SUBSCRIBE:
        return frame->number > 0 ? MAIKO_OK : refuse(error, "number: missing");
    case FRAME_DATA:
        return frame->records.len > 0 ? MAIKO_OK : refuse(error, "records: missing");
    case FRAME_REFUSE:
        return frame->reason.len > 0 ? MAIKO_OK : refuse(error, "reason: missing");
    default:
        return MAIKO_OK;
    }
}

/* Nil is a number that is not known.  False: it is neither. */
static bool read_number(struct slice raw, bool *ret_is_known, uint64_t *ret_number)
{
    struct reader reader = reader_of(raw);

    if (reader_nil(&reader))
        return true;
    *ret_is_known = reader_uint(&reader, ret_number);
    return *ret_is_known;
}

static maiko_status read_numbers(const struct raw_frame *raw, struct frame *frame, struct text *error)
{
    frame->is_lost_known = raw->lost.len == 0;
    if (raw->lost.len > 0 && !read_number(raw->lost, &frame->is_lost_known, &frame->lost))
        return refuse(error, "lost: not an int from 0 or nil");
    if (raw->earlier.len > 0 && !read_number(raw->earlier, &frame->is_earlier_known, &frame->earlier))
        return refuse(error, "earlier: not an int from 0 or nil");
    return MAIKO_OK;
}

/* Every value of the map is walked as it is read, so the frame need not be walked before; only what is wrong is said better by
 * the walk, when it is not even msgpack. */
static maiko_status read_map(const uint8_t *bytes, size_t len, struct raw_frame *raw, struct text *error)
{
    struct reader reader = reader_of((struct slice){bytes, len});
    maiko_status status = len > WIRE_FRAME_MAX ? MAIKO_ETOOLONG : map_read(&reader, frame_keys, FRAME_KEYS, raw, error);
    maiko_status reason;

    if (status == MAIKO_OK && reader.at == bytes + len)
        return MAIKO_OK;
    if (error == NULL)
        return status == MAIKO_OK ? MAIKO_EPROTOCOL : status;
    text_clear(error);
    reason = reader_check(bytes, len, WIRE_FRAME_MAX, error);
    if (reason != MAIKO_OK)
        return reason;
    reader = reader_of((struct slice){bytes, len});
    *raw = (struct raw_frame){.frame = {.kind = FRAME_UNKNOWN}};
    return map_read(&reader, frame_keys, FRAME_KEYS, raw, error);
}

/* Does it begin as ours do, but for the numbers? */
static bool has_data_head(const uint8_t *bytes, size_t len)
{
    static const char head[] = DATA_HEAD;
    enum { BEHIND_SESSION = DATA_HEAD_SESSION + DATA_HEAD_NUMBER, BEHIND_FIRST = DATA_HEAD_FIRST + DATA_HEAD_NUMBER };

    return len > DATA_HEAD_BYTES && memcmp(bytes, head, DATA_HEAD_SESSION) == 0 &&
           memcmp(bytes + BEHIND_SESSION, head + BEHIND_SESSION, DATA_HEAD_FIRST - BEHIND_SESSION) == 0 &&
           memcmp(bytes + BEHIND_FIRST, head + BEHIND_FIRST, DATA_HEAD_BYTES - BEHIND_FIRST) == 0;
}

/* One of those with nothing but records.  False: it is to be read as others are, which says what is wrong with it. */
static bool read_plain_data(const uint8_t *bytes, size_t len, struct frame *ret_frame)
{
    struct reader reader = {.at = bytes + DATA_HEAD_BYTES, .end = bytes + len};
    uint64_t session;
    struct slice records;

    if (len > WIRE_FRAME_MAX || !has_data_head(bytes, len) || reader_peek(&reader) != READ_ARRAY ||
        !reader_skip(&reader, &records) || reader.at != reader.end)
        return false;
    session = reader_eight_at(bytes + DATA_HEAD_SESSION);
    if (session == 0)
        return false;
    *ret_frame = (struct frame){.kind = FRAME_DATA,
                                .session = session,
                                .first = reader_eight_at(bytes + DATA_HEAD_FIRST),
                                .is_lost_known = true,
                                .records = records};
    return true;
}

static maiko_status read_any(const uint8_t *bytes, size_t len, struct frame *ret_frame, struct text *error)
{
    struct raw_frame raw = {.frame = {.kind = FRAME_UNKNOWN}};
    maiko_status status = read_map(bytes, len, &raw, error);

    if (status != MAIKO_OK)
        return status;
    raw.frame.kind = kind_of(raw.kind);
    status = read_numbers(&raw, &raw.frame, error);
    if (status == MAIKO_OK)
        status = check_frame(&raw.frame, error);
    if (status == MAIKO_OK)
        *ret_frame = raw.frame;
    return status;
}

maiko_status frame_read(const uint8_t *bytes, size_t len, struct frame *ret_frame, struct text *error)
{
    return read_plain_data(bytes, len, ret_frame) ? MAIKO_OK : read_any(bytes, len, ret_frame, error);
}

bool frame_peek_hello(const uint8_t *bytes, size_t len, struct frame *ret_frame)
{
    return frame_read(bytes, len, ret_frame, NULL) == MAIKO_OK && ret_frame->kind == FRAME_HELLO;
}

uint32_t frame_array(struct slice array, struct reader *ret_reader)
{
    uint32_t count = 0;

    *ret_reader = reader_of(array);
    return array.len > 0 && reader_array(ret_reader, &count) ? count : 0;
}

maiko_status frame_next_text(struct reader *reader, struct slice *ret_text, struct text *error)
{
    if (!map_read_name(reader, ret_text) || ret_text->len == 0)
        return refuse(error, "not a str of 1 to 255 bytes");
    return MAIKO_OK;
}

static const struct map_key pattern_keys[] = {
    {"pattern", MAP_NAME, true, offsetof(struct frame_pattern, text)},
    {"from", MAP_NAME, false, offsetof(struct frame_pattern, from)},
    {"overflow", MAP_NAME, false, offsetof(struct frame_pattern, overflow)},
    {"id", MAP_UINT, false, offsetof(struct frame_pattern, id)},
    {"age", MAP_UINT, false, offsetof(struct frame_pattern, age_ns)},
    {"failed", MAP_BOOL, false, offsetof(struct frame_pattern, has_failed)},
};

maiko_status frame_next_pattern(struct reader *reader, struct frame_pattern *ret_pattern, struct text *error)
{
    struct frame_pattern pattern = {.id = 0};
    maiko_status status = map_read(reader, pattern_keys, sizeof(pattern_keys) / sizeof(pattern_keys[0]), &pattern, error);

    if (status == MAIKO_OK)
        *ret_pattern = pattern;
    return status;
}

static const struct map_key refusal_keys[] = {
    {"events", MAP_UINT, true, offsetof(struct frame_refusal, events)},
    {"topic", MAP_NAME, false, offsetof(struct frame_refusal, topic)},
    {"reason", MAP_NAME, false, offsetof(struct frame_refusal, reason)},
};

maiko_status frame_next_refusal(struct reader *reader, struct frame_refusal *ret_refusal, struct text *error)
{
    struct frame_refusal refusal = {.events = 0};
    maiko_status status = map_read(reader, refusal_keys, sizeof(refusal_keys) / sizeof(refusal_keys[0]), &refusal, error);

    if (status == MAIKO_OK)
        *ret_refusal = refusal;
    return status;
}

struct raw_actor {
    struct slice name;
    struct slice publish;
    struct slice subscribe;
};

static const struct map_key actor_keys[] = {
    {"name", MAP_NAME, true, offsetof(struct raw_actor, name)},
    {"publish", MAP_ARRAY, false, offsetof(struct raw_actor, publish)},
    {"subscribe", MAP_ARRAY, false, offsetof(struct raw_actor, subscribe)},
};

static maiko_status read_list(struct slice array, struct slice *list, size_t *ret_count, struct text *error)
{
    struct reader reader;
    uint32_t count = frame_array(array, &reader);
    uint32_t i;

    if (count > WIRE_TOPICS_MAX)
        return refuse(error, "publish, subscribe: more than 256");
    for (i = 0; i < count; i++) {
        maiko_status status = frame_next_text(&reader, &list[i], error);

        if (status != MAIKO_OK)
            return status;
    }
    *ret_count = count;
    return MAIKO_OK;
}

maiko_status frame_next_actor(struct reader *reader, struct frame_actor *ret_actor, struct slice *lists, struct text *error)
{
    struct raw_actor raw = {.name = {NULL, 0}};
    struct frame_actor actor = {.publish = lists, .subscribe = lists + WIRE_TOPICS_MAX};
    maiko_status status = map_read(reader, actor_keys, sizeof(actor_keys) / sizeof(actor_keys[0]), &raw, error);

    if (status == MAIKO_OK)
        status = read_list(raw.publish, lists, &actor.publish_count, error);
    if (status == MAIKO_OK)
        status = read_list(raw.subscribe, lists + WIRE_TOPICS_MAX, &actor.subscribe_count, error);
    if (status != MAIKO_OK)
        return status;
    actor.name = raw.name;
    *ret_actor = actor;
    return MAIKO_OK;
}

static const struct map_key channel_keys[] = {
    {"channel", MAP_UINT, true, offsetof(struct frame_channel, number)},
    {"topic", MAP_NAME, true, offsetof(struct frame_channel, topic)},
    {"type", MAP_NAME, true, offsetof(struct frame_channel, type)},
    {"sender", MAP_NAME, false, offsetof(struct frame_channel, sender)},
    {"schema", MAP_UINT, false, offsetof(struct frame_channel, schema)},
    {"prefix", MAP_UINT, false, offsetof(struct frame_channel, prefix)},
    {"origin", MAP_ID, false, offsetof(struct frame_channel, origin)},
    {"hops", MAP_UINT, false, offsetof(struct frame_channel, hops)},
};

maiko_status frame_next_channel(struct reader *reader, struct frame_channel *ret_channel, struct text *error)
{
    struct frame_channel channel = {.number = 0};
    maiko_status status = map_read(reader, channel_keys, sizeof(channel_keys) / sizeof(channel_keys[0]), &channel, error);

    if (status == MAIKO_OK && channel.number >= WIRE_CHANNELS_MAX)
        return refuse(error, "channel: over 65535");
    if (status == MAIKO_OK)
        *ret_channel = channel;
    return status;
}

static const struct map_key native_keys[] = {
    {"type", MAP_NAME, true, offsetof(struct frame_native, type)},
    {"schema", MAP_UINT, true, offsetof(struct frame_native, schema)},
};

maiko_status frame_next_native(struct reader *reader, struct frame_native *ret_native, struct text *error)
{
    struct frame_native native = {.schema = 0};
    maiko_status status = map_read(reader, native_keys, sizeof(native_keys) / sizeof(native_keys[0]), &native, error);

    if (status == MAIKO_OK)
        *ret_native = native;
    return status;
}
