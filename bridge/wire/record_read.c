/* Record, reading: events are arrays, for speed; everything rare is a map. */
#include <string.h>

#include "wire/frame.h"
#include "wire/map.h"

static maiko_status refuse(struct text *error, const char *reason)
{
    if (error != NULL)
        text_append_format(error, "record: %s", reason);
    return MAIKO_EPROTOCOL;
}

/* Written with a fixed width by our exporter, in any by others. */
static inline bool read_channel(struct reader *reader, uint64_t *ret_channel)
{
    if (reader_left(reader) < 3 || reader->at[0] != READER_UINT16)
        return reader_uint(reader, ret_channel);
    *ret_channel = (uint64_t)reader->at[1] << 8 | reader->at[2];
    reader->at += 3;
    return true;
}

static inline bool read_payload(struct reader *reader, struct record *record)
{
    const uint8_t *behind = reader_bin_at(reader->at, reader->end, &record->native);

    if (behind == NULL) {
        record->native = (struct slice){NULL, 0};
        return reader_skip(reader, &record->payload);
    }
    record->payload = (struct slice){reader->at, (size_t)(behind - reader->at)};
    reader->at = behind;
    return true;
}

static maiko_status read_event(struct reader *reader, uint32_t count, struct record *record, struct text *error)
{
    struct slice skipped;
    uint32_t i;

    record->kind = RECORD_EVENT;
    if (count < 6)
        return refuse(error, "an event with less than six elements");
    if (!read_channel(reader, &record->channel))
        return refuse(error, "its channel is not an int from 0");
    if (!reader_uint(reader, &record->id_lo))
        return refuse(error, "its id is not an int from 0");
    if (!reader_uint(reader, &record->time_ns))
        return refuse(error, "its time is not an int from 0");
    if (!reader_id(reader, &record->parent) || !reader_id(reader, &record->correlation))
        return refuse(error, "its parent or correlation is not an id");
    if (!read_payload(reader, record))
        return refuse(error, "its payload is cut");
    for (i = 6; i < count; i++)
        if (!reader_skip(reader, &skipped))
            return refuse(error, "cut");
    return MAIKO_OK;
}

/* An event that began a chain, as our exporter writes it: everything is at its place.  False: it is another record, or cut. */
static inline bool read_usual_event(struct reader *reader, struct record *record)
{
    const uint8_t *at = reader->at;
    struct reader rest = {at + EVENT_HEAD_MIN, reader->end};

    if (reader_left(reader) <= EVENT_HEAD_MIN || !reader_is_first_of_chain(at) || !read_payload(&rest, record))
        return false;
    record->kind = RECORD_EVENT;
    record->channel = (uint64_t)at[EVENT_CHANNEL + 1] << 8 | at[EVENT_CHANNEL + 2];
    record->id_lo = reader_eight_at(at + EVENT_ID + 1);
    record->time_ns = reader_eight_at(at + EVENT_TIME + 1);
    record->parent = record->correlation = (maiko_id){0, 0};
    reader->at = rest.at;
    return true;
}

struct raw_record {
    struct record record;
    struct slice lost;
    struct slice end;
    struct slice failed;
};

static const struct map_key record_keys[] = {
    {"lost", MAP_VALUE, false, offsetof(struct raw_record, lost)},
    {"reason", MAP_NAME, false, offsetof(struct raw_record, record.reason)},
    {"end", MAP_NAME, false, offsetof(struct raw_record, end)},
    {"publish", MAP_ARRAY, false, offsetof(struct raw_record, record.publish)},
    {"failed", MAP_NAME, false, offsetof(struct raw_record, failed)},
    {"id", MAP_UINT, false, offsetof(struct raw_record, record.id)},
};

static maiko_status read_rare(struct reader *reader, struct record *ret_record, struct text *error)
{
    struct raw_record raw = {.record = {.kind = RECORD_OTHER}};
    maiko_status status = map_read(reader, record_keys, sizeof(record_keys) / sizeof(record_keys[0]), &raw, error);
    struct reader lost = reader_of(raw.lost);

    if (status != MAIKO_OK)
        return status;
    *ret_record = raw.record;
    if (raw.lost.len > 0) {
        ret_record->kind = RECORD_LOST;
        if (!reader_uint(&lost, &ret_record->lost))
            return refuse(error, "lost is not an int from 0");
    } else if (raw.end.len > 0) {
        ret_record->kind = RECORD_END;
        ret_record->name = raw.end;
    } else if (raw.failed.len > 0) {
        ret_record->kind = RECORD_FAILED;
        ret_record->name = raw.failed;
    }
    return MAIKO_OK;
}

maiko_status frame_next_record(struct reader *reader, struct record *ret_record, struct text *error)
{
    uint32_t count;

    if (read_usual_event(reader, ret_record))
        return MAIKO_OK;
    if (reader_array(reader, &count)) {
        ret_record->kind = RECORD_EVENT;
        return read_event(reader, count, ret_record, error);
    }
    if (reader_peek(reader) == READ_MAP)
        return read_rare(reader, ret_record, error);
    return refuse(error, "neither an array nor a map");
}
