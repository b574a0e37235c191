/* The JSON codec: the same envelopes for people and tools.  Payloads are those of <maiko/json.h>, which is strict about
 * fields. */
#include <maiko/json.h>

#include "base/utf8.h"
#include "message/json_number.h"
#include "message/json_scan.h"
#include "wire/envelope.h"
#include "wire/limits.h"

static bool is_frame(const uint8_t *bytes, size_t len)
{
    return len > 0 && bytes[0] == '{';
}

/* ---- Writing ---- */

static void put(struct pack *pack, const char *text)
{
    pack_raw(pack, text, strlen(text));
}

static void put_character(struct pack *pack, const char *bytes, size_t len, uint32_t codepoint)
{
    char escape[8];
    struct text text;

    if (codepoint == '"' || codepoint == '\\') {
        put(pack, "\\");
    } else if (codepoint < 0x20 || (codepoint >= 0x7f && codepoint < 0xa0) || codepoint == 0x2028 || codepoint == 0x2029) {
        text_init_buffer(&text, escape, sizeof(escape));
        text_append_format(&text, "\\u%04x", (unsigned)codepoint);
        put(pack, escape);
        return;
    }
    pack_raw(pack, bytes, len);
}

/* Bytes that are no UTF-8 become U+FFFD: names are checked before, so it is a reason or a sender from outside. */
static void put_string(struct pack *pack, const uint8_t *bytes, size_t len)
{
    const char *at = (const char *)bytes;
    size_t used;

    put(pack, "\"");
    for (; len > 0; at += used, len -= used) {
        uint32_t codepoint = 0;

        used = utf8_decode(at, len, &codepoint);
        if (used > 0) {
            put_character(pack, at, used, codepoint);
        } else {
            put(pack, "\xef\xbf\xbd");
            used = 1;
        }
    }
    put(pack, "\"");
}

static void put_key(struct pack *pack, const char *key)
{
    put(pack, pack->data[pack->len - 1] == '{' ? "\"" : ",\"");
    put(pack, key);
    put(pack, "\":");
}

static void put_text(struct pack *pack, const char *key, struct slice text)
{
    put_key(pack, key);
    put_string(pack, text.data, text.len);
}

/* Beyond 2^53 a string of digits, so that readers with doubles lose nothing. */
static void put_uint(struct pack *pack, const char *key, uint64_t value)
{
    const char *quote = value > JSON_INTEGER_MAX ? "\"" : "";
    char digits[32];
    struct text text;

    text_init_buffer(&text, digits, sizeof(digits));
    text_append_u64(&text, value);
    put_key(pack, key);
    put(pack, quote);
    put(pack, digits);
    put(pack, quote);
}

static void put_id(struct pack *pack, const char *key, maiko_id id)
{
    char text[MAIKO_ID_TEXT_SIZE];

    put_text(pack, key, slice_of(maiko_id_format(id, text)));
}

/* Into the room there is, which is nearly always enough once some were written, and again where it was not. */
static void put_payload(struct pack *pack, const maiko_event_type *type, const void *event, size_t len)
{
    maiko_status status;
    size_t json_len = 0;
    size_t room;

    put_key(pack, "payload");
    if (pack_space(pack, 1) == NULL)
        return;
    room = pack->size - pack->len;
    status = maiko_event_to_json(type, event, len, (char *)pack->data + pack->len, room, &json_len);
    if (status == MAIKO_ETOOLONG && pack_space(pack, json_len + 1) == NULL)
        return;
    if (status == MAIKO_ETOOLONG)
        status = maiko_event_to_json(type, event, len, (char *)pack->data + pack->len, json_len + 1, &json_len);
    if (status == MAIKO_OK)
        pack_add(pack, json_len);
    else
        pack->status = status;
}

/* An object begun: keys look at the byte before them, which without memory is not there. */
static bool begin_object(struct pack *pack)
{
    put(pack, "{");
    return pack_status(pack) == MAIKO_OK;
}

static void write_publication(struct pack *pack, const struct wire_envelope *envelope, const struct payload_plan *plan,
                              const void *event, size_t len)
{
    if (!begin_object(pack))
        return;
    put_text(pack, "topic", envelope->topic);
    put_text(pack, "type", envelope->type);
    put_id(pack, "id", envelope->id);
    if (!maiko_id_is_nil(envelope->parent))
        put_id(pack, "parent", envelope->parent);
    if (!maiko_id_is_nil(envelope->correlation) && !maiko_id_equal(envelope->correlation, envelope->id))
        put_id(pack, "correlation", envelope->correlation);
    put_uint(pack, "time", envelope->time_ns);
    put_text(pack, "sender", envelope->sender);
    if (envelope->node.len > 0)
        put_text(pack, "node", envelope->node);
    if (!maiko_id_is_nil(envelope->origin))
        put_id(pack, "origin", envelope->origin);
    if (envelope->hops > 0)
        put_uint(pack, "hops", envelope->hops);
    if (envelope->seq > 0)
        put_uint(pack, "seq", envelope->seq);
    put_uint(pack, "schema", envelope->schema);
    put_payload(pack, payload_plan_type(plan), event, len);
    put(pack, "}");
}

static void write_published(struct pack *pack, const struct wire_published *answer)
{
    if (!begin_object(pack))
        return;
    put_text(pack, "kind", slice_of("published"));
    put_uint(pack, "number", answer->number);
    put_text(pack, "status", slice_of(answer->status));
    put_text(pack, "text", slice_of(answer->text));
    put(pack, "}");
}

/* ---- Reading ---- */

enum json_kind { JSON_NAME_KEY, JSON_UINT_KEY, JSON_ID_KEY, JSON_VALUE_KEY };

struct json_key {
    const char *key;
    enum json_kind kind;
    size_t offset; /* in struct json_envelope */
};

struct json_envelope {
    struct wire_envelope *envelope; /* strings with escapes are written into its scratch */
    struct slice kind;
    struct json_scanner scanner;
    struct text *error;
};

#define KEY(key, kind, member)                                                                                                   \
    {                                                                                                                            \
        key, kind, offsetof(struct wire_envelope, member)                                                                        \
    }

static const struct json_key json_keys[] = {KEY("topic", JSON_NAME_KEY, topic),
                                            KEY("type", JSON_NAME_KEY, type),
                                            KEY("sender", JSON_NAME_KEY, sender),
                                            KEY("node", JSON_NAME_KEY, node),
                                            KEY("id", JSON_ID_KEY, id),
                                            KEY("parent", JSON_ID_KEY, parent),
                                            KEY("correlation", JSON_ID_KEY, correlation),
                                            KEY("origin", JSON_ID_KEY, origin),
                                            KEY("time", JSON_UINT_KEY, time_ns),
                                            KEY("seq", JSON_UINT_KEY, seq),
                                            KEY("schema", JSON_UINT_KEY, schema),
                                            KEY("hops", JSON_UINT_KEY, hops),
                                            KEY("number", JSON_UINT_KEY, number),
                                            KEY("subscribers", JSON_UINT_KEY, subscribers),
                                            KEY("wait", JSON_UINT_KEY, wait_ns),
                                            KEY("payload", JSON_VALUE_KEY, payload)};

enum { JSON_KEYS = sizeof(json_keys) / sizeof(json_keys[0]) };

static bool refuse(struct json_envelope *reading, const char *key, const char *reason)
{
    if (reading->error != NULL && reading->error->len == 0)
        text_append_format(reading->error, "%s: %s", key, reason);
    return false;
}

/* The characters of the string token; with escapes they are written out into the scratch. */
static bool read_name(struct json_envelope *reading, const char *key, struct slice *ret_name)
{
    struct wire_envelope *envelope = reading->envelope;
    struct json_characters characters;
    size_t start = envelope->scratch_len;
    char character[4];
    size_t len;

    if (reading->scanner.token != JSON_STRING)
        return refuse(reading, key, "not a string");
    characters = json_characters_of(&reading->scanner);
    while ((len = json_characters_next(&characters, character)) > 0) {
        if (envelope->scratch_len - start + len > WIRE_NAME_MAX || envelope->scratch_len + len > sizeof(envelope->scratch))
            return refuse(reading, key, "over 255 bytes");
        if (character[0] == '\0')
            return refuse(reading, key, "a NUL inside");
        memcpy(envelope->scratch + envelope->scratch_len, character, len);
        envelope->scratch_len += len;
    }
    *ret_name = (struct slice){envelope->scratch + start, envelope->scratch_len - start};
    return true;
}

static bool read_uint(struct json_envelope *reading, const char *key, uint64_t *ret_value)
{
    const struct json_scanner *scanner = &reading->scanner;

    if ((scanner->token != JSON_NUMBER && scanner->token != JSON_STRING) ||
        !json_number_parse_u64(scanner->text, scanner->len, ret_value))
        return refuse(reading, key, "not an int from 0");
    return true;
}

static bool read_id(struct json_envelope *reading, const char *key, maiko_id *ret_id)
{
    char text[MAIKO_ID_TEXT_SIZE];

    if (reading->scanner.token == JSON_NULL)
        return true;
    if (reading->scanner.token != JSON_STRING || reading->scanner.len != sizeof(text) - 1)
        return refuse(reading, key, "not a UUID");
    memcpy(text, reading->scanner.text, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    return maiko_id_parse(text, ret_id) == MAIKO_OK || refuse(reading, key, "not a UUID");
}

/* The whole value whose first token was found: objects and arrays to their end. */
static bool read_value(struct json_envelope *reading, const char *key, struct slice *ret_value)
{
    const char *start = reading->scanner.token_start;
    size_t depth = 0;

    for (;; json_scan(&reading->scanner)) {
        enum json_token token = reading->scanner.token;

        if (token == JSON_BAD || token == JSON_END)
            return refuse(reading, key, token == JSON_BAD ? reading->scanner.text : "it ends in the middle");
        if (token == JSON_OBJECT || token == JSON_ARRAY)
            depth++;
        if ((token == JSON_OBJECT_END || token == JSON_ARRAY_END) && depth-- == 0)
            return refuse(reading, key, "no value");
        if (depth == 0 && (token == JSON_COMMA || token == JSON_COLON))
            return refuse(reading, key, "no value");
        if (depth == 0)
            break;
    }
    *ret_value = (struct slice){(const uint8_t *)start, (size_t)(reading->scanner.at - start)};
    return true;
}

static bool read_member(struct json_envelope *reading, size_t index)
{
    const struct json_key *key = &json_keys[index];
    void *place = (char *)reading->envelope + key->offset;

    switch (key->kind) {
    case JSON_NAME_KEY:
        return read_name(reading, key->key, place);
    case JSON_UINT_KEY:
        return read_uint(reading, key->key, place);
    case JSON_ID_KEY:
        return read_id(reading, key->key, place);
    case JSON_VALUE_KEY:
        break;
    }
    return read_value(reading, key->key, place);
}

/* One `"key": value`; the key is the token found last. */
static bool read_pair(struct json_envelope *reading, uint64_t *seen)
{
    struct json_scanner *scanner = &reading->scanner;
    struct slice skipped;
    bool is_kind;
    size_t i;

    if (scanner->token != JSON_STRING)
        return refuse(reading, "key", scanner->token == JSON_BAD ? scanner->text : "not a string");
    is_kind = json_string_is(scanner, "kind");
    for (i = 0; i < JSON_KEYS && !json_string_is(scanner, json_keys[i].key); i++)
        continue;
    if (json_scan(scanner) != JSON_COLON)
        return refuse(reading, "key", "no colon behind it");
    json_scan(scanner);
    if ((i < JSON_KEYS || is_kind) && *seen >> i & 1)
        return refuse(reading, is_kind ? "kind" : json_keys[i].key, "given twice");
    if (is_kind || i < JSON_KEYS)
        *seen |= (uint64_t)1 << i;
    if (is_kind)
        return read_name(reading, "kind", &reading->kind);
    return i < JSON_KEYS ? read_member(reading, i) : read_value(reading, "value", &skipped);
}

static bool read_object(struct json_envelope *reading)
{
    struct json_scanner *scanner = &reading->scanner;
    uint64_t seen = 0;

    if (json_scan(scanner) != JSON_OBJECT)
        return refuse(reading, "frame", "not an object");
    if (json_scan(scanner) != JSON_OBJECT_END) {
        for (;; json_scan(scanner)) {
            if (!read_pair(reading, &seen))
                return false;
            if (json_scan(scanner) == JSON_OBJECT_END)
                break;
            if (scanner->token != JSON_COMMA)
                return refuse(reading, "frame", scanner->token == JSON_BAD ? scanner->text : "neither a comma nor the end");
        }
    }
    if (json_scan(scanner) != JSON_END)
        return refuse(reading, "frame", "something behind the object");
    return reading->envelope->topic.len > 0 || refuse(reading, "topic", "missing");
}

static maiko_status read_envelope(const uint8_t *bytes, size_t len, struct wire_envelope *ret_envelope, struct slice *ret_kind,
                                  struct text *error)
{
    struct json_envelope reading = {.envelope = ret_envelope, .kind = slice_of(""), .error = error};

    if (len > WIRE_FRAME_MAX)
        return MAIKO_ETOOLONG;
    *ret_envelope = (struct wire_envelope){.payload = slice_of("{}")};
    json_scanner_init(&reading.scanner, (const char *)bytes, len);
    if (!read_object(&reading))
        return MAIKO_EPROTOCOL;
    *ret_kind = reading.kind;
    return MAIKO_OK;
}

static maiko_status json_payload_len(const struct payload_plan *plan, struct slice payload, size_t *ret_len, struct text *error)
{
    char reason[WIRE_TEXT_MAX + 1];
    maiko_status status = maiko_event_from_json(payload_plan_type(plan), (const char *)payload.data, payload.len, NULL, 0,
                                                ret_len, reason, sizeof(reason));

    if (status == MAIKO_OK || status == MAIKO_ETOOLONG)
        return MAIKO_OK;
    if (error != NULL)
        text_append(error, reason);
    return status;
}

static maiko_status json_read_payload(const struct payload_plan *plan, struct slice payload, void *event, size_t len,
                                      struct text *error)
{
    char reason[WIRE_TEXT_MAX + 1];
    size_t whole = 0;
    maiko_status status = maiko_event_from_json(payload_plan_type(plan), (const char *)payload.data, payload.len, event, len,
                                                &whole, reason, sizeof(reason));

    if (status != MAIKO_OK && error != NULL)
        text_append(error, reason);
    return status == MAIKO_OK && whole != len ? MAIKO_EINVAL : status;
}

const struct codec codec_json = {.name = "json",
                                 .is_frame = is_frame,
                                 .write_publication = write_publication,
                                 .read = read_envelope,
                                 .payload_len = json_payload_len,
                                 .read_payload = json_read_payload,
                                 .write_published = write_published};
