/* Map: one loop for all frames. */
#include "wire/map.h"

#include <string.h>

#include "base/utf8.h"
#include "wire/limits.h"

static maiko_status refuse(struct text *error, const char *key, const char *reason)
{
    if (error != NULL)
        text_append_format(error, "%s: %s", key, reason);
    return MAIKO_EPROTOCOL;
}

bool map_read_name(struct reader *reader, struct slice *ret_name)
{
    struct reader copy = *reader;
    struct slice name;

    if (!reader_str(&copy, &name) || name.len > WIRE_NAME_MAX || !utf8_is_valid((const char *)name.data, name.len) ||
        (name.len > 0 && memchr(name.data, 0, name.len) != NULL))
        return false;
    *reader = copy;
    *ret_name = name;
    return true;
}

static bool read_array(struct reader *reader, struct slice *ret_array)
{
    return reader_peek(reader) == READ_ARRAY && reader_skip(reader, ret_array);
}

static bool read_value(struct reader *reader, uint8_t kind, void *place)
{
    switch (kind) {
    case MAP_UINT:
        return reader_uint(reader, place);
    case MAP_BOOL:
        return reader_bool(reader, place);
    case MAP_ID:
        return reader_id(reader, place);
    case MAP_NAME:
        return map_read_name(reader, place);
    case MAP_ARRAY:
        return read_array(reader, place);
    case MAP_BIN:
        return reader_bin(reader, place);
    default:
        return reader_skip(reader, place);
    }
}

static const char *expected(uint8_t kind)
{
    static const char *const texts[] = {"an int from 0", "a bool",  "an id", "a str of at most 255 bytes",
                                        "an array",      "a value", "a bin"};

    return texts[kind];
}

static const struct map_key *find(const struct map_key *keys, size_t key_count, struct slice key)
{
    size_t i;

    for (i = 0; i < key_count; i++)
        if (slice_is(key, keys[i].key))
            return &keys[i];
    return NULL;
}

static maiko_status check_required(const struct map_key *keys, size_t key_count, uint64_t seen, const void *base,
                                   struct text *error)
{
    size_t i;

    for (i = 0; i < key_count; i++) {
        const struct slice *name = (const void *)((const char *)base + keys[i].offset);

        if (!keys[i].is_required)
            continue;
        if ((seen >> i & 1) == 0)
            return refuse(error, keys[i].key, "missing");
        if (keys[i].kind == MAP_NAME && name->len == 0)
            return refuse(error, keys[i].key, "empty");
    }
    return MAIKO_OK;
}

maiko_status map_read(struct reader *reader, const struct map_key *keys, size_t key_count, void *ret_struct, struct text *error)
{
    uint64_t seen = 0;
    uint32_t count;
    uint32_t i;

    if (!reader_map(reader, &count))
        return refuse(error, reader_kind_name(reader_peek(reader)), "not a map");
    for (i = 0; i < count; i++) {
        const struct map_key *known;
        struct slice key, skipped;
        size_t index;

        if (!reader_str(reader, &key))
            return refuse(error, "key", "not a str");
        known = find(keys, key_count, key);
        if (known == NULL) {
            if (!reader_skip(reader, &skipped))
                return refuse(error, "value", "cut");
            continue;
        }
        index = (size_t)(known - keys);
        if (seen >> index & 1)
            return refuse(error, known->key, "given twice");
        seen |= (uint64_t)1 << index;
        if (!read_value(reader, known->kind, (char *)ret_struct + known->offset)) {
            if (error != NULL)
                text_append_format(error, "%s: %s, not %s", known->key, reader_kind_name(reader_peek(reader)),
                                   expected(known->kind));
            return MAIKO_EPROTOCOL;
        }
    }
    return check_required(keys, key_count, seen, ret_struct, error);
}
