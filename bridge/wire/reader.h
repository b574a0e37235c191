/* Reader: msgpack in place.  A frame is first walked once by reader_check() (shape, depth, lengths; no allocation, no recursion);
 * then values are read one after the other.  Every read is checked against the end all the same. */
#ifndef WIRE_READER_H
#define WIRE_READER_H

#include <string.h>

#include "base/text.h"
#include "wire/pack.h"

enum reader_kind {
    READ_END, /* nothing left, or bytes that are not msgpack */
    READ_NIL,
    READ_BOOL,
    READ_UINT, /* an int that is not negative */
    READ_INT,  /* a negative one */
    READ_FLOAT,
    READ_DOUBLE,
    READ_STR,
    READ_BIN,
    READ_ARRAY,
    READ_MAP,
    READ_EXT
};

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

/* For messages: "an array", "a str", … */
const char *reader_kind_name(enum reader_kind kind);

/* Is this exactly one well-formed value, nested at most WIRE_DEPTH_MAX deep, at most `max` bytes?
 * MAIKO_OK, MAIKO_ETOOLONG, MAIKO_EPROTOCOL with the reason in `error` (may be NULL). */
MAIKO_MUST_CHECK maiko_status reader_check(const void *bytes, size_t len, size_t max, struct text *error);

/* The slice may be empty and without data. */
static inline struct reader reader_of(struct slice slice)
{
    const uint8_t *data = slice.len > 0 ? slice.data : (const uint8_t *)"";

    return (struct reader){.at = data, .end = data + slice.len};
}

enum reader_kind reader_peek(const struct reader *reader);

/* Each returns false, and stays where it is, when the next value is of another kind or out of range.  Those that events are full
 * of look for the usual form first; the _any ones take all forms. */
bool reader_nil(struct reader *reader);
bool reader_bool(struct reader *reader, bool *ret_value);
bool reader_uint_any(struct reader *reader, uint64_t *ret_value);
bool reader_int(struct reader *reader, int64_t *ret_value);
bool reader_float(struct reader *reader, float *ret_value);   /* a float32 only: its bits are kept */
bool reader_double(struct reader *reader, double *ret_value); /* a float64 only */
bool reader_str(struct reader *reader, struct slice *ret_value);
bool reader_bin_any(struct reader *reader, struct slice *ret_value);
bool reader_array_any(struct reader *reader, uint32_t *ret_count);
bool reader_map(struct reader *reader, uint32_t *ret_count);

/* A str or a bin. */
bool reader_text(struct reader *reader, struct slice *ret_value);

/* Nil, a bin of 16 bytes, or a str of UUID text. */
bool reader_id_any(struct reader *reader, maiko_id *ret_value);

/* Any one value with all in it: its bytes.  As strict as reader_check(), for a value inside another one. */
bool reader_skip(struct reader *reader, struct slice *ret_value);

/* First bytes of the usual forms. */
enum {
    READER_NIL = 0xc0,
    READER_BIN8 = 0xc4,
    READER_BIN16 = 0xc5,
    READER_BIN32 = 0xc6,
    READER_UINT16 = 0xcd,
    READER_UINT64 = 0xcf,
    READER_FIXARRAY = 0x90,
    READER_FIXARRAY_MAX = 0x9f
};

static inline size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* A bin that begins there: its bytes, and what is behind it; NULL when it is another value or cut. */
static inline const uint8_t *reader_bin_at(const uint8_t *at, const uint8_t *end, struct slice *ret_bytes)
{
    size_t left = (size_t)(end - at);
    size_t len;

    if (left >= 2 && *at == READER_BIN8) {
        len = at[1];
        at += 2;
        left -= 2;
    } else if (left >= 3 && *at == READER_BIN16) {
        len = (size_t)at[1] << 8 | at[2];
        at += 3;
        left -= 3;
    } else if (left >= 5 && *at == READER_BIN32) {
        len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
        at += 5;
        left -= 5;
    } else {
        return NULL;
    }
    if (len > left)
        return NULL;
    *ret_bytes = (struct slice){.data = at, .len = len};
    return at + len;
}

/* Eight bytes as a number, the first one the highest. */
static inline uint64_t reader_eight_at(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return __builtin_bswap64(value); /* the lowest byte in memory is the first: configure insists */
}

/* An event record as our exporter writes it (record_begin_event()) begins with an array of six, a channel of two bytes, and id
 * and time of eight. */
enum { EVENT_CHANNEL = 1, EVENT_ID = 4, EVENT_TIME = 13, EVENT_PARENT = 22, EVENT_HEAD_MIN = 24 };

/* `at` has EVENT_PARENT bytes at least. */
static inline bool reader_is_usual_event(const uint8_t *at)
{
    return (reader_eight_at(at) & UINT64_C(0xffff0000ff000000)) == UINT64_C(0x96cd0000cf000000) &&
           at[EVENT_TIME] == READER_UINT64;
}

/* One without parent and correlation. */
static inline bool reader_is_first_of_chain(const uint8_t *at)
{
    return reader_is_usual_event(at) && at[EVENT_PARENT] == READER_NIL && at[EVENT_PARENT + 1] == READER_NIL;
}

static inline uint32_t reader_four_at(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

/* Is the next value an event record that differs only in id, time and the bytes of its payload from the one at `like`?  That is a
 * usual one, of `size` bytes, without parent and correlation, and with a bin whose bytes begin at `head`. */
static inline bool reader_is_alike(const struct reader *reader, const uint8_t *like, size_t size, size_t head)
{
    const uint8_t *at = reader->at;

    return reader_left(reader) >= size && reader_four_at(at) == reader_four_at(like) && at[EVENT_ID] == READER_UINT64 &&
           at[EVENT_TIME] == READER_UINT64 && reader_four_at(at + EVENT_PARENT) == reader_four_at(like + EVENT_PARENT) &&
           reader_four_at(at + head - 4) == reader_four_at(like + head - 4);
}

/* Such records, one behind the other. */
struct record_run {
    const uint8_t *first;
    size_t size;
    size_t head;
    uint32_t count;
};

static inline uint64_t record_run_id(const struct record_run *run, size_t index)
{
    return reader_eight_at(run->first + index * run->size + EVENT_ID + 1);
}

static inline uint64_t record_run_time(const struct record_run *run, size_t index)
{
    return reader_eight_at(run->first + index * run->size + EVENT_TIME + 1);
}

/* The whole value of the payload, and its native bytes. */
static inline struct slice record_run_payload(const struct record_run *run, size_t index)
{
    return (struct slice){run->first + index * run->size + EVENT_HEAD_MIN, run->size - EVENT_HEAD_MIN};
}

static inline struct slice record_run_native(const struct record_run *run, size_t index)
{
    return (struct slice){run->first + index * run->size + run->head, run->size - run->head};
}

static inline bool reader_uint(struct reader *reader, uint64_t *ret_value)
{
    uint64_t value;

    if (reader_left(reader) > 0 && *reader->at < 0x80) {
        *ret_value = *reader->at++;
        return true;
    }
    if (reader_left(reader) <= sizeof(value) || *reader->at != READER_UINT64)
        return reader_uint_any(reader, ret_value);
    memcpy(&value, reader->at + 1, sizeof(value));
    reader->at += 1 + sizeof(value);
    *ret_value = __builtin_bswap64(value); /* the lowest byte in memory is the first: configure insists */
    return true;
}

static inline bool reader_bin(struct reader *reader, struct slice *ret_value)
{
    if (reader_left(reader) < 2 || reader->at[0] != READER_BIN8 || reader->at[1] > reader_left(reader) - 2)
        return reader_bin_any(reader, ret_value);
    ret_value->data = reader->at + 2;
    ret_value->len = reader->at[1];
    reader->at += 2 + ret_value->len;
    return true;
}

static inline bool reader_array(struct reader *reader, uint32_t *ret_count)
{
    if (reader_left(reader) == 0 || *reader->at < READER_FIXARRAY || *reader->at > READER_FIXARRAY_MAX ||
        (*reader->at & 0x0fu) >= reader_left(reader)) /* every value takes a byte */
        return reader_array_any(reader, ret_count);
    *ret_count = *reader->at++ & 0x0fu;
    return true;
}

static inline bool reader_id(struct reader *reader, maiko_id *ret_value)
{
    if (reader_left(reader) == 0 || *reader->at != READER_NIL)
        return reader_id_any(reader, ret_value);
    *ret_value = (maiko_id){0, 0};
    reader->at++;
    return true;
}

static inline bool slice_is(struct slice slice, const char *text)
{
    size_t len = strlen(text);

    return slice.len == len && memcmp(slice.data, text, len) == 0;
}

#endif
