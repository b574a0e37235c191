/* The msgpack codec: envelopes as maps of names. */
#include "wire/envelope.h"
#include "wire/limits.h"
#include "wire/map.h"

/* fixmap, map16, map32 */
static bool is_frame(const uint8_t *bytes, size_t len)
{
    return len > 0 && ((bytes[0] >= 0x80 && bytes[0] < 0x90) || bytes[0] == 0xde || bytes[0] == 0xdf);
}

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

static void write_id(struct pack *pack, const char *key, maiko_id id)
{
    pack_str(pack, key);
    pack_id(pack, id);
}

static void write_publication(struct pack *pack, const struct wire_envelope *envelope, const struct payload_plan *plan,
                              const void *event, size_t len)
{
    bool has_parent = !maiko_id_is_nil(envelope->parent);
    bool has_correlation = !maiko_id_is_nil(envelope->correlation) && !maiko_id_equal(envelope->correlation, envelope->id);
    bool has_node = envelope->node.len > 0;
    bool has_origin = !maiko_id_is_nil(envelope->origin);

    pack_map(pack, 7u + has_parent + has_correlation + has_node + has_origin + (envelope->hops > 0) + (envelope->seq > 0));
    write_slice(pack, "topic", envelope->topic);
    write_slice(pack, "type", envelope->type);
    write_id(pack, "id", envelope->id);
    if (has_parent)
        write_id(pack, "parent", envelope->parent);
    if (has_correlation)
        write_id(pack, "correlation", envelope->correlation);
    write_uint(pack, "time", envelope->time_ns);
    write_slice(pack, "sender", envelope->sender);
    if (has_node)
        write_slice(pack, "node", envelope->node);
    if (has_origin)
        write_id(pack, "origin", envelope->origin);
    if (envelope->hops > 0)
        write_uint(pack, "hops", envelope->hops);
    if (envelope->seq > 0)
        write_uint(pack, "seq", envelope->seq);
    write_uint(pack, "schema", envelope->schema);
    pack_str(pack, "payload");
    payload_write_map(plan, pack, event);
}

struct raw_envelope {
    struct wire_envelope envelope;
    struct slice kind;
};

static const struct map_key envelope_keys[] = {
    {"kind", MAP_NAME, false, offsetof(struct raw_envelope, kind)},
    {"topic", MAP_NAME, true, offsetof(struct raw_envelope, envelope.topic)},
    {"type", MAP_NAME, false, offsetof(struct raw_envelope, envelope.type)},
    {"id", MAP_ID, false, offsetof(struct raw_envelope, envelope.id)},
    {"parent", MAP_ID, false, offsetof(struct raw_envelope, envelope.parent)},
    {"correlation", MAP_ID, false, offsetof(struct raw_envelope, envelope.correlation)},
    {"time", MAP_UINT, false, offsetof(struct raw_envelope, envelope.time_ns)},
    {"sender", MAP_NAME, false, offsetof(struct raw_envelope, envelope.sender)},
    {"node", MAP_NAME, false, offsetof(struct raw_envelope, envelope.node)},
    {"origin", MAP_ID, false, offsetof(struct raw_envelope, envelope.origin)},
    {"hops", MAP_UINT, false, offsetof(struct raw_envelope, envelope.hops)},
    {"seq", MAP_UINT, false, offsetof(struct raw_envelope, envelope.seq)},
    {"schema", MAP_UINT, false, offsetof(struct raw_envelope, envelope.schema)},
    {"number", MAP_UINT, false, offsetof(struct raw_envelope, envelope.number)},
    {"subscribers", MAP_UINT, false, offsetof(struct raw_envelope, envelope.subscribers)},
    {"wait", MAP_UINT, false, offsetof(struct raw_envelope, envelope.wait_ns)},
    {"payload", MAP_VALUE, false, offsetof(struct raw_envelope, envelope.payload)},
};

static maiko_status read_envelope(const uint8_t *bytes, size_t len, struct wire_envelope *ret_envelope, struct slice *ret_kind,
                                  struct text *error)
{
    static const uint8_t empty_map[] = {0x80};
    struct raw_envelope raw = {.kind = slice_of("")};
    struct reader reader = reader_of((struct slice){bytes, len});
    maiko_status status = reader_check(bytes, len, WIRE_FRAME_MAX, error);

    raw.envelope.payload = (struct slice){empty_map, sizeof(empty_map)};
    if (status == MAIKO_OK)
        status = map_read(&reader, envelope_keys, sizeof(envelope_keys) / sizeof(envelope_keys[0]), &raw, error);
    if (status != MAIKO_OK)
        return status;
    *ret_envelope = raw.envelope;
    *ret_kind = raw.kind;
    return MAIKO_OK;
}

static void write_published(struct pack *pack, const struct wire_published *answer)
{
    pack_map(pack, 4);
    pack_str(pack, "kind");
    pack_str(pack, "published");
    write_uint(pack, "number", answer->number);
    pack_str(pack, "status");
    pack_str(pack, answer->status);
    write_slice(pack, "text", slice_of(answer->text));
}

const struct codec codec_msgpack = {.name = "msgpack",
                                    .is_frame = is_frame,
                                    .write_publication = write_publication,
                                    .read = read_envelope,
                                    .payload_len = payload_len,
                                    .read_payload = payload_read,
                                    .write_published = write_published};
