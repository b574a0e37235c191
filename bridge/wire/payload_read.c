/* Payload, reading: msgpack from anybody into an event that is valid for its type, or a reason why not. */
#include "wire/payload_plan.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <maiko/schema.h>

/* An event being read. */
struct reading {
    struct reader reader;
    size_t tail_count;
    struct text *error;
    const char *path[MAIKO_NESTING_MAX + 2]; /* fields we are in */
    unsigned depth;
};

static bool read_struct(struct reading *reading, const struct shape *shape, uint8_t *base);

/* Always false, so that callers can return it. */
static bool refuse(struct reading *reading, const char *reason)
{
    unsigned i;

    if (reading->error == NULL || reading->error->len > 0)
        return false;
    text_append(reading->error, reading->depth > 0 ? "field " : "payload");
    for (i = 0; i < reading->depth; i++) {
        text_append(reading->error, i > 0 ? "." : "");
        text_append(reading->error, reading->path[i]);
    }
    text_append(reading->error, ": ");
    text_append(reading->error, reason);
    return false;
}

static bool refuse_kind(struct reading *reading, const char *wanted)
{
    char reason[96];
    struct text text;

    text_init_buffer(&text, reason, sizeof(reason));
    text_append_format(&text, "%s, not %s", reader_kind_name(reader_peek(&reading->reader)), wanted);
    return refuse(reading, reason);
}

static bool read_bool(struct reading *reading, uint8_t *at)
{
    bool value;

    if (!reader_bool(&reading->reader, &value))
        return refuse_kind(reading, "a bool");
    *at = value;
    return true;
}

static bool read_unsigned(struct reading *reading, uint8_t *at, unsigned size)
{
    uint64_t value;

    if (!reader_uint(&reading->reader, &value))
        return refuse_kind(reading, "an int from 0");
    if (size < 8 && value >> (8 * size) != 0)
        return refuse(reading, "out of range");
    memcpy(at, &value, size); /* the lowest byte is first: configure insists */
    return true;
}

static bool read_signed(struct reading *reading, uint8_t *at, unsigned size)
{
    int64_t limit = size < 8 ? (int64_t)1 << (8 * size - 1) : 0;
    int64_t value;

    if (!reader_int(&reading->reader, &value)) {
        if (reader_peek(&reading->reader) == READ_UINT)
            return refuse(reading, "out of range");
        return refuse_kind(reading, "an int");
    }
    if (size < 8 && (value < -limit || value >= limit))
        return refuse(reading, "out of range");
    memcpy(at, &value, size);
    return true;
}

/* An enum's label stands for its value. */
static bool read_enum(struct reading *reading, const maiko_enum *labels, uint8_t *at)
{
    char label[MAIKO_NAME_MAX + 1];
    struct slice text;
    int32_t value;

    if (!reader_str(&reading->reader, &text))
        return read_signed(reading, at, sizeof(value));
    if (text.len >= sizeof(label))
        return refuse(reading, "no such label");
    memcpy(label, text.data, text.len);
    label[text.len] = '\0';
    if (strlen(label) != text.len || maiko_enum_value(labels, label, &value) != MAIKO_OK)
        return refuse(reading, "no such label");
    memcpy(at, &value, sizeof(value));
    return true;
}

/* A number of any kind but float32. */
static bool read_number(struct reading *reading, double *ret_value)
{
    uint64_t positive;
    int64_t negative;

    if (reader_double(&reading->reader, ret_value))
        return true;
    if (reader_uint(&reading->reader, &positive)) {
        *ret_value = (double)positive;
        return true;
    }
    if (reader_int(&reading->reader, &negative)) {
        *ret_value = (double)negative;
        return true;
    }
    return refuse_kind(reading, "a number");
}

static bool read_float(struct reading *reading, uint8_t *at)
{
    double wide;
    float value;

    if (!reader_float(&reading->reader, &value)) {
        if (!read_number(reading, &wide))
            return false;
        if (isfinite(wide) && fabs(wide) > FLT_MAX)
            return refuse(reading, "out of range");
        value = (float)wide;
    }
    memcpy(at, &value, sizeof(value));
    return true;
}

static bool read_double(struct reading *reading, uint8_t *at)
{
    float narrow;
    double value;

    if (reader_float(&reading->reader, &narrow))
        value = narrow;
    else if (!read_number(reading, &value))
        return false;
    memcpy(at, &value, sizeof(value));
    return true;
}

static bool read_string(struct reading *reading, uint8_t *at, size_t capacity)
{
    struct slice text;

    if (!reader_text(&reading->reader, &text))
        return refuse_kind(reading, "a str");
    if (text.len >= capacity)
        return refuse(reading, "too long");
    if (text.len > 0 && memchr(text.data, 0, text.len) != NULL)
        return refuse(reading, "a NUL inside");
    if (text.len > 0)
        memcpy(at, text.data, text.len);
    return true;
}

static bool read_blob(struct reading *reading, uint8_t *at, size_t capacity)
{
    struct slice bytes;
    uint32_t len;

    if (!reader_bin(&reading->reader, &bytes))
        return refuse_kind(reading, "a bin");
    if (bytes.len > capacity)
        return refuse(reading, "too long");
    len = (uint32_t)bytes.len;
    memcpy(at, &len, sizeof(len));
    if (len > 0)
        memcpy(at + sizeof(len), bytes.data, len);
    return true;
}

static bool read_element(struct reading *reading, const struct shape_field *field, uint8_t *at)
{
    switch (field->kind) {
    case MAIKO_KIND_BOOL:
        return read_bool(reading, at);
    case MAIKO_KIND_UINT8:
    case MAIKO_KIND_UINT16:
    case MAIKO_KIND_UINT32:
    case MAIKO_KIND_UINT64:
        return read_unsigned(reading, at, field->size);
    case MAIKO_KIND_FLOAT:
        return read_float(reading, at);
    case MAIKO_KIND_DOUBLE:
        return read_double(reading, at);
    case MAIKO_KIND_STRING:
        return read_string(reading, at, field->capacity);
    case MAIKO_KIND_BLOB:
        return read_blob(reading, at, field->capacity);
    case MAIKO_KIND_ENUM:
        return read_enum(reading, field->labels, at);
    case MAIKO_KIND_STRUCT:
        return read_struct(reading, field->nested, at);
    default:
        return read_signed(reading, at, field->size);
    }
}

/* The tail of characters or bytes; its length was found by payload_len(). */
static bool read_raw_tail(struct reading *reading, const struct shape_field *field, uint8_t *at)
{
    struct slice bytes;

    if (field_is_text(field) ? !reader_text(&reading->reader, &bytes) : !reader_bin(&reading->reader, &bytes))
        return refuse_kind(reading, field_is_text(field) ? "a str" : "a bin");
    if (bytes.len != reading->tail_count)
        return refuse(reading, "another length than before");
    if (bytes.len > 0)
        memcpy(at, bytes.data, bytes.len);
    return true;
}

static bool read_list(struct reading *reading, const struct shape_field *field, uint8_t *at)
{
    size_t most = field->form == MAIKO_FORM_TAIL ? reading->tail_count : field->count;
    uint32_t count;
    uint32_t i;

    if (!reader_array(&reading->reader, &count))
        return refuse_kind(reading, "an array");
    if (count > most)
        return refuse(reading, "too many elements");
    for (i = 0; i < count; i++)
        if (!read_element(reading, field, at + (size_t)i * field->size))
            return false;
    return true;
}

static bool read_field(struct reading *reading, const struct shape_field *field, uint8_t *base)
{
    uint8_t *at = base + field->offset;
    bool is_read;

    reading->path[reading->depth++] = field->name;
    if (field->form == MAIKO_FORM_ONE)
        is_read = read_element(reading, field, at);
    else if (field_is_text(field) || field_is_bin(field))
        is_read = read_raw_tail(reading, field, at);
    else
        is_read = read_list(reading, field, at);
    if (is_read)
        reading->depth--;
    return is_read;
}

static bool skip_value(struct reading *reading)
{
    struct slice skipped;

    return reader_skip(&reading->reader, &skipped) || refuse(reading, "cut");
}

static bool read_in_order(struct reading *reading, const struct shape *shape, uint8_t *base, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        int32_t index = i < shape->order_count ? shape->order[i] : -1;

        if (index < 0 ? !skip_value(reading) : !read_field(reading, &shape->fields[index], base))
            return false;
    }
    return true;
}

/* Fields mostly come in our order, so the one behind the last is tried first. */
static const struct shape_field *find_field(const struct shape *shape, struct slice name, size_t hint)
{
    size_t i;

    for (i = 0; i < shape->count; i++) {
        const struct shape_field *field = &shape->fields[(hint + i) % shape->count];

        if (field->name_len == name.len && memcmp(field->name, name.data, name.len) == 0)
            return field;
    }
    return NULL;
}

static bool read_by_name(struct reading *reading, const struct shape *shape, uint8_t *base, uint32_t count)
{
    uint64_t seen[MAIKO_FIELDS_MAX / 64] = {0};
    size_t hint = 0;
    uint32_t i;

    for (i = 0; i < count; i++) {
        const struct shape_field *field;
        struct slice name;
        size_t index;

        if (!reader_str(&reading->reader, &name))
            return refuse_kind(reading, "a field name");
        field = find_field(shape, name, hint);
        if (field == NULL) {
            if (!skip_value(reading))
                return false;
            continue;
        }
        index = (size_t)(field - shape->fields);
        if (seen[index / 64] >> (index % 64) & 1) {
            reading->path[reading->depth++] = field->name;
            return refuse(reading, "given twice");
        }
        seen[index / 64] |= (uint64_t)1 << (index % 64);
        hint = index + 1;
        if (!read_field(reading, field, base))
            return false;
    }
    return true;
}

static bool read_struct(struct reading *reading, const struct shape *shape, uint8_t *base)
{
    uint32_t count;

    if (reader_array(&reading->reader, &count))
        return read_in_order(reading, shape, base, count);
    if (reader_map(&reading->reader, &count))
        return read_by_name(reading, shape, base, count);
    return refuse_kind(reading, "an array or a map");
}

/* Elements or bytes of the next value; anything that cannot be a tail has none and is refused when it is read. */
static size_t tail_count(const struct shape_field *tail, struct reader *reader)
{
    struct slice bytes;
    uint32_t count;

    if (field_is_text(tail))
        return reader_text(reader, &bytes) ? bytes.len : 0;
    if (field_is_bin(tail))
        return reader_bin(reader, &bytes) ? bytes.len : 0;
    return reader_array(reader, &count) ? count : 0;
}

/* Moves to the value of the tail; false when it is not there. */
static bool find_tail(const struct payload_plan *plan, struct reader *reader)
{
    struct slice skipped, name;
    uint32_t count, i;
    bool is_map = false;

    if (!reader_array(reader, &count)) {
        is_map = true;
        if (!reader_map(reader, &count))
            return false;
    }
    for (i = 0; i < count; i++) {
        if (is_map && !reader_str(reader, &name))
            return false;
        if (is_map ? name.len == plan->tail->name_len && memcmp(name.data, plan->tail->name, name.len) == 0
                   : i < plan->shape->order_count && plan->shape->order[i] == (int32_t)plan->shape->count - 1)
            return true;
        if (!reader_skip(reader, &skipped))
            return false;
    }
    return false;
}

maiko_status payload_len(const struct payload_plan *plan, struct slice payload, size_t *ret_len, struct text *error)
{
    struct reader reader = reader_of(payload);
    size_t count = 0;

    if (plan->tail == NULL) {
        *ret_len = plan->type->size;
        return MAIKO_OK;
    }
    if (find_tail(plan, &reader))
        count = tail_count(plan->tail, &reader);
    if (count > (MAIKO_EVENT_MAX - plan->type->size) / plan->type->tail_size) {
        if (error != NULL)
            text_append_format(error, "field %s: an event of more than %d bytes", plan->tail->name, MAIKO_EVENT_MAX);
        return MAIKO_ETOOLONG;
    }
    *ret_len = plan->type->size + count * plan->type->tail_size;
    return MAIKO_OK;
}

maiko_status payload_read(const struct payload_plan *plan, struct slice payload, void *event, size_t len, struct text *error)
{
    struct reading reading;
    uint64_t count = 0;

    reading.reader = reader_of(payload);
    reading.tail_count = 0;
    reading.error = error;
    reading.depth = 0; /* nothing of the path is read */
    if (len < plan->type->size || (plan->tail == NULL && len != plan->type->size))
        return MAIKO_EINVAL;
    if (plan->tail != NULL) {
        count = (len - plan->type->size) / plan->type->tail_size;
        reading.tail_count = (size_t)count;
    }
    /* a tail of bytes is copied as a whole, or the event is refused */
    memset(event, 0, plan->tail != NULL && (field_is_text(plan->tail) || field_is_bin(plan->tail)) ? plan->type->size : len);
    if (plan->tail != NULL)
        memcpy((uint8_t *)event + plan->type->size - sizeof(count), &count, sizeof(count));
    return read_struct(&reading, plan->shape, event) ? MAIKO_OK : MAIKO_ETYPE;
}
