/* Reader: the head of a value says its kind and how long it is; everything else follows from that. */
#include "wire/reader.h"

#include "wire/limits.h"

/* What the first bytes of a value say. */
struct head {
    enum reader_kind kind;
    uint8_t size;   /* bytes of the head itself */
    uint64_t value; /* number, bits of a number, or count of bytes or elements */
};

/* The lowest byte of a number in memory is the first: configure insists. */
static inline uint64_t big_endian(const uint8_t *at, unsigned size)
{
    uint64_t eight;
    uint32_t four;
    uint16_t two;

    switch (size) {
    case 1:
        return *at;
    case 2:
        memcpy(&two, at, sizeof(two));
        return __builtin_bswap16(two);
    case 4:
        memcpy(&four, at, sizeof(four));
        return __builtin_bswap32(four);
    case 8:
        memcpy(&eight, at, sizeof(eight));
        return __builtin_bswap64(eight);
    default:
        return 0;
    }
}

/* Kind and bytes of the number behind each first byte from 0xc0 to 0xdf. */
static const struct {
    uint8_t kind;
    uint8_t size;
} long_heads[32] = {
    {READ_NIL, 0},   {READ_END, 0},    {READ_BOOL, 0}, {READ_BOOL, 0},                                                  /* c0 */
    {READ_BIN, 1},   {READ_BIN, 2},    {READ_BIN, 4},  {READ_EXT, 1},   {READ_EXT, 2},   {READ_EXT, 4},                 /* c4 */
    {READ_FLOAT, 4}, {READ_DOUBLE, 8}, {READ_UINT, 1}, {READ_UINT, 2},  {READ_UINT, 4},  {READ_UINT, 8},                /* ca */
    {READ_INT, 1},   {READ_INT, 2},    {READ_INT, 4},  {READ_INT, 8},                                                   /* d0 */
    {READ_EXT, 0},   {READ_EXT, 0},    {READ_EXT, 0},  {READ_EXT, 0},   {READ_EXT, 0},                                  /* d4 */
    {READ_STR, 1},   {READ_STR, 2},    {READ_STR, 4},  {READ_ARRAY, 2}, {READ_ARRAY, 4}, {READ_MAP, 2},  {READ_MAP, 4}, /* d9 */
};

static inline struct head short_head(uint8_t first)
{
    if (first < 0x80)
        return (struct head){READ_UINT, 1, first};
    if (first < 0x90)
        return (struct head){READ_MAP, 1, first & 0x0f};
    if (first < 0xa0)
        return (struct head){READ_ARRAY, 1, first & 0x0f};
    if (first < 0xc0)
        return (struct head){READ_STR, 1, first & 0x1f};
    return (struct head){READ_INT, 1, (uint64_t)(int64_t)(int8_t)first};
}

/* A signed number that is not negative counts as unsigned, so that the width it was written in does not matter. */
static struct head signed_head(uint64_t bits, unsigned size)
{
    int64_t value = (int64_t)(bits << (64 - 8 * size)) >> (64 - 8 * size);

    return (struct head){value < 0 ? READ_INT : READ_UINT, (uint8_t)(1 + size), (uint64_t)value};
}

/* READ_END when there is nothing, not enough for the head, or no such head. */
static inline struct head head_at(const uint8_t *at, const uint8_t *end)
{
    static const struct head none = {READ_END, 0, 0};
    struct head head;
    unsigned size;
    uint8_t first;

    if (at == end)
        return none;
    first = *at;
    if (first < 0xc0 || first >= 0xe0)
        return short_head(first);
    head.kind = long_heads[first - 0xc0].kind;
    size = long_heads[first - 0xc0].size;
    if (head.kind == READ_END || (size_t)(end - at) < 1 + size)
        return none;
    head.value = big_endian(at + 1, size);
    head.size = (uint8_t)(1 + size);
    if (head.kind == READ_INT)
        return signed_head(head.value, size);
    if (head.kind == READ_BOOL)
        head.value = first & 1;
    if (head.kind == READ_EXT) {
        if (size == 0)
            head.value = (uint64_t)1 << (first - 0xd4);
        head.value += 1; /* its type byte */
    }
    return head;
}

static bool has_body(enum reader_kind kind)
{
    return kind == READ_STR || kind == READ_BIN || kind == READ_EXT;
}

const char *reader_kind_name(enum reader_kind kind)
{
    static const char *const names[] = {"nothing",   "nil",   "a bool", "an int",   "a negative int", "a float32",
                                        "a float64", "a str", "a bin",  "an array", "a map",          "an extension"};

    return names[kind];
}

#define SIXTEEN(n) n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n

/* Bytes of a value that holds nothing but a number, nil or a bool, by its first byte; 0 for the others. */
static const uint8_t plain_sizes[256] =
    {
        SIXTEEN(1), SIXTEEN(1), SIXTEEN(1), SIXTEEN(1), SIXTEEN(1), SIXTEEN(1), SIXTEEN(1), SIXTEEN(1), /* small ints */
        SIXTEEN(0), SIXTEEN(0), SIXTEEN(0), SIXTEEN(0), /* small maps, arrays, strs */
        1,          0,          1,          1,          0,          0,          0,          0,          0, 0, 5, 9, 2,
        3,          5,          9,          2,          3,          5,          9,          0,          0, 0, 0, 0, 0,
        0,          0,          0,          0,          0,          0,          SIXTEEN(1), SIXTEEN(1), /* negative ones */
};

/* A short array of numbers, bytes up to 64 KiB and short texts, which most payloads are: what is behind it, NULL when it is
 * another value or cut. */
static inline const uint8_t *walk_flat(const uint8_t *at, const uint8_t *end)
{
    unsigned left;

    if (at == end || *at < READER_FIXARRAY || *at > READER_FIXARRAY_MAX)
        return NULL;
    for (left = *at++ & 0x0fu; left > 0; left--) {
        size_t size;

        if (end - at < 2) /* with one byte behind it a value is found without looking twice */
            return NULL;
        size = plain_sizes[*at];
        if (*at == READER_BIN8)
            size = (size_t)2 + at[1];
        else if (*at == READER_BIN16 && end - at > 2)
            size = (size_t)3 + ((size_t)at[1] << 8 | at[2]);
        else if (size == 0 && *at > READER_FIXARRAY_MAX && *at < READER_NIL)
            size = (size_t)1 + (*at & 0x1f); /* a short text */
        if (size == 0 || size > (size_t)(end - at))
            return NULL;
        at += size;
    }
    return at;
}

/* Up to 64 KiB of bytes, which native payloads are.  The same as walk_flat(). */
static inline const uint8_t *walk_bin(const uint8_t *at, const uint8_t *end)
{
    size_t left = (size_t)(end - at);
    size_t size = 0;

    if (left >= 2 && *at == READER_BIN8)
        size = (size_t)2 + at[1];
    else if (left >= 3 && *at == READER_BIN16)
        size = (size_t)3 + ((size_t)at[1] << 8 | at[2]);
    return size > 0 && size <= left ? at + size : NULL;
}

static inline const uint8_t *walk_payload(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *behind = walk_bin(at, end);

    return behind != NULL ? behind : walk_flat(at, end);
}

/* What nearly every array of a data frame is: an event as our exporter writes it (record_begin_event()) with a flat payload.
 * The same as walk_flat(). */
static inline const uint8_t *walk_event(const uint8_t *at, const uint8_t *end)
{
    enum { ID_BYTES = 18 };
    unsigned i;

    if (end - at < EVENT_PARENT + 2 * ID_BYTES || !reader_is_usual_event(at))
        return NULL;
    at += EVENT_PARENT;
    for (i = 0; i < 2; i++) {
        if (*at == READER_NIL)
            at++;
        else if (at[0] == READER_BIN8 && at[1] == ID_BYTES - 2)
            at += ID_BYTES;
        else
            return NULL;
    }
    return walk_payload(at, end);
}

/* Where the bytes of its payload begin, of an event without parent and correlation whose payload is bytes; 0: it is another. */
static inline size_t head_of(const uint8_t *event)
{
    if (!reader_is_first_of_chain(event))
        return 0;
    return event[EVENT_HEAD_MIN] == READER_BIN8    ? EVENT_HEAD_MIN + 2
           : event[EVENT_HEAD_MIN] == READER_BIN16 ? EVENT_HEAD_MIN + 3
                                                   : 0;
}

/* Behind the event at `like`, `size` bytes: those that are as long, because they begin alike. */
static inline const uint8_t *walk_alike(struct reader rest, const uint8_t *like, size_t size, uint64_t *here)
{
    size_t head = head_of(like);

    while (head > 0 && *here > 0 && reader_is_alike(&rest, like, size, head)) {
        rest.at += size;
        --*here;
    }
    return rest.at;
}

/* Events in a row, up to as many values as are to come. */
static inline const uint8_t *walk_events(const uint8_t *at, const uint8_t *end, uint64_t *here)
{
    const uint8_t *behind;

    while (*here > 0 && at < end && (behind = walk_event(at, end)) != NULL) {
        --*here;
        at = walk_alike((struct reader){behind, end}, at, (size_t)(behind - at), here);
    }
    return at;
}

/* The head, and the body if there is one, of a value that is not plain.  NULL and the reason when it is not well-formed. */
static inline const uint8_t *walk_head(const uint8_t *at, const uint8_t *end, uint64_t *ret_children, const char **ret_reason)
{
    struct head head;

    *ret_children = 0;
    if (*at >= READER_FIXARRAY && *at <= READER_FIXARRAY_MAX && (*at & 0x0fu) < (size_t)(end - at)) {
        *ret_children = *at & 0x0fu;
        return at + 1;
    }
    if (*at == READER_BIN8 && end - at >= 2 && at[1] <= end - at - 2)
        return at + 2 + at[1];
    head = head_at(at, end);
    if (head.kind == READ_END) {
        *ret_reason = "a byte that begins no value, or a head that is cut";
        return NULL;
    }
    at += head.size;
    if (has_body(head.kind)) {
        if (head.value > (uint64_t)(end - at)) {
            *ret_reason = "longer than what is there";
            return NULL;
        }
        return at + head.value;
    }
    *ret_children = head.kind == READ_MAP ? 2 * head.value : head.value;
    if (*ret_children <= (uint64_t)(end - at)) /* every value takes a byte */
        return at;
    *ret_reason = "more elements than bytes";
    return NULL;
}

/* Walks one value with all in it, up to `depth_max` deep.  Returns NULL and the reason when it is not well-formed. */
static const uint8_t *walk(const uint8_t *at, const uint8_t *end, unsigned depth_max, const char **ret_reason)
{
    uint64_t left[WIRE_DEPTH_MAX + 1]; /* values still to come behind the present one, at every depth */
    uint64_t here = 1;                 /* the same, with the present one */
    unsigned depth = 0;

    for (;;) {
        uint64_t children;

        while (here > 0 && at < end && plain_sizes[*at] > 0 && plain_sizes[*at] <= (size_t)(end - at)) {
            at += plain_sizes[*at];
            here--;
        }
        while (here == 0) {
            if (depth == 0)
                return at;
            here = left[--depth];
        }
        if (depth + 2 <= depth_max)
            at = walk_events(at, end, &here);
        if (here == 0)
            continue;
        if (at == end) {
            *ret_reason = "it ends in the middle";
            return NULL;
        }
        if (plain_sizes[*at] > 0 && plain_sizes[*at] <= (size_t)(end - at))
            continue; /* the next one of the level above */
        at = walk_head(at, end, &children, ret_reason);
        if (at == NULL)
            return NULL;
        here--;
        if (children > 0) {
            if (depth == depth_max) {
                *ret_reason = "nested too deep";
                return NULL;
            }
            left[depth++] = here;
            here = children;
        }
    }
}

maiko_status reader_check(const void *bytes, size_t len, size_t max, struct text *error)
{
    const uint8_t *begin = bytes;
    const char *reason = "";
    const uint8_t *behind;

    if (len > max) {
        if (error != NULL)
            text_append_format(error, "%zu bytes, at most %zu are taken", len, max);
        return MAIKO_ETOOLONG;
    }
    if (len == 0) {
        if (error != NULL)
            text_append(error, "empty");
        return MAIKO_EPROTOCOL;
    }
    behind = walk(begin, begin + len, WIRE_DEPTH_MAX, &reason);
    if (behind == begin + len)
        return MAIKO_OK;
    if (error != NULL)
        text_append_format(error, "not msgpack: %s", behind == NULL ? reason : "something behind the value");
    return MAIKO_EPROTOCOL;
}

enum reader_kind reader_peek(const struct reader *reader)
{
    return head_at(reader->at, reader->end).kind;
}

/* The head of the next value when it is of this kind; the reader is moved behind it. */
static bool take(struct reader *reader, enum reader_kind kind, uint64_t *ret_value)
{
    struct head head = head_at(reader->at, reader->end);

    if (head.kind != kind)
        return false;
    reader->at += head.size;
    *ret_value = head.value;
    return true;
}

bool reader_nil(struct reader *reader)
{
    uint64_t none;

    return take(reader, READ_NIL, &none);
}

bool reader_bool(struct reader *reader, bool *ret_value)
{
    uint64_t value;

    if (!take(reader, READ_BOOL, &value))
        return false;
    *ret_value = value != 0;
    return true;
}

bool reader_uint_any(struct reader *reader, uint64_t *ret_value)
{
    return take(reader, READ_UINT, ret_value);
}

bool reader_int(struct reader *reader, int64_t *ret_value)
{
    struct head head = head_at(reader->at, reader->end);

    if (head.kind != READ_INT && (head.kind != READ_UINT || head.value > INT64_MAX))
        return false;
    reader->at += head.size;
    *ret_value = (int64_t)head.value;
    return true;
}

bool reader_float(struct reader *reader, float *ret_value)
{
    uint64_t bits;
    uint32_t bits32;

    if (!take(reader, READ_FLOAT, &bits))
        return false;
    bits32 = (uint32_t)bits;
    memcpy(ret_value, &bits32, sizeof(bits32));
    return true;
}

bool reader_double(struct reader *reader, double *ret_value)
{
    uint64_t bits;

    if (!take(reader, READ_DOUBLE, &bits))
        return false;
    memcpy(ret_value, &bits, sizeof(bits));
    return true;
}

static bool take_body(struct reader *reader, enum reader_kind kind, struct slice *ret_value)
{
    struct head head = head_at(reader->at, reader->end);

    if (head.kind != kind || head.value > (uint64_t)(reader->end - reader->at) - head.size)
        return false;
    ret_value->data = reader->at + head.size;
    ret_value->len = (size_t)head.value;
    reader->at += head.size + head.value;
    return true;
}

bool reader_str(struct reader *reader, struct slice *ret_value)
{
    return take_body(reader, READ_STR, ret_value);
}

bool reader_bin_any(struct reader *reader, struct slice *ret_value)
{
    return take_body(reader, READ_BIN, ret_value);
}

bool reader_text(struct reader *reader, struct slice *ret_value)
{
    return reader_str(reader, ret_value) || reader_bin(reader, ret_value);
}

/* A count is believed only as far as there are bytes. */
static bool take_count(struct reader *reader, enum reader_kind kind, unsigned values, uint32_t *ret_count)
{
    struct head head = head_at(reader->at, reader->end);

    if (head.kind != kind || head.value * values > (uint64_t)(reader->end - reader->at) - head.size)
        return false;
    reader->at += head.size;
    *ret_count = (uint32_t)head.value;
    return true;
}

bool reader_array_any(struct reader *reader, uint32_t *ret_count)
{
    return take_count(reader, READ_ARRAY, 1, ret_count);
}

bool reader_map(struct reader *reader, uint32_t *ret_count)
{
    return take_count(reader, READ_MAP, 2, ret_count);
}

static bool id_of_text(struct slice text, maiko_id *ret_id)
{
    char buffer[MAIKO_ID_TEXT_SIZE];

    if (text.len != MAIKO_ID_TEXT_SIZE - 1)
        return false;
    memcpy(buffer, text.data, text.len);
    buffer[text.len] = '\0';
    return maiko_id_parse(buffer, ret_id) == MAIKO_OK;
}

bool reader_id_any(struct reader *reader, maiko_id *ret_value)
{
    struct reader copy = *reader;
    struct slice bytes;

    if (reader_nil(&copy)) {
        *ret_value = (maiko_id){0, 0};
    } else if (reader_bin(&copy, &bytes) && bytes.len == 16) {
        ret_value->hi = big_endian(bytes.data, 8);
        ret_value->lo = big_endian(bytes.data + 8, 8);
    } else {
        copy = *reader;
        if (!reader_str(&copy, &bytes) || !id_of_text(bytes, ret_value))
            return false;
    }
    *reader = copy;
    return true;
}

bool reader_skip(struct reader *reader, struct slice *ret_value)
{
    const char *reason = "";
    const uint8_t *behind = walk_payload(reader->at, reader->end);

    if (behind == NULL)
        behind = walk(reader->at, reader->end, WIRE_DEPTH_MAX - 1, &reason);
    if (behind == NULL)
        return false;
    ret_value->data = reader->at;
    ret_value->len = (size_t)(behind - reader->at);
    reader->at = behind;
    return true;
}
