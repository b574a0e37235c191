/* JSON, writing: walks the schema, appends to a buffer and counts on when that is full. */
#include <maiko/json.h>

#include <math.h>
#include <stdio.h>

#include "base/utf8.h"
#include "message/base64.h"
#include "message/json_number.h"
#include "message/layout.h"
#include "message/schema.h"

struct json_writer {
    char *buffer;
    size_t size;
    size_t len; /* of the whole text, may be past size */
};

static void put(struct json_writer *writer, const char *bytes, size_t len)
{
    if (writer->len < writer->size)
        memcpy(writer->buffer + writer->len, bytes, len < writer->size - writer->len ? len : writer->size - writer->len);
    writer->len += len;
}

static void put_text(struct json_writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

static void put_bin(struct json_writer *writer, const void *bytes, size_t len)
{
    char quad[4];
    size_t at;

    put_text(writer, "{\"$bin\":\"");
    for (at = 0; at < len; at += 3) {
        base64_encode((const uint8_t *)bytes + at, len - at, quad);
        put(writer, quad, sizeof(quad));
    }
    put_text(writer, "\"}");
}

static void put_character(struct json_writer *writer, const char *bytes, size_t len, uint32_t codepoint)
{
    static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    const char *pair;
    char escape[8];

    for (pair = shorts; *pair != '\0'; pair += 2) {
        if ((uint32_t)*pair == codepoint) {
            put(writer, "\\", 1);
            put(writer, pair + 1, 1);
            return;
        }
    }
    if (codepoint < 0x20 || (codepoint >= 0x7f && codepoint < 0xa0) || codepoint == 0x2028 || codepoint == 0x2029) {
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)codepoint);
        put_text(writer, escape);
    } else {
        put(writer, bytes, len);
    }
}

static void put_string(struct json_writer *writer, const char *bytes, size_t len)
{
    uint32_t codepoint = 0;
    size_t used;

    if (!utf8_is_valid(bytes, len)) {
        put_bin(writer, bytes, len);
        return;
    }
    put(writer, "\"", 1);
    for (; len > 0; bytes += used, len -= used) {
        used = utf8_decode(bytes, len, &codepoint);
        put_character(writer, bytes, used, codepoint);
    }
    put(writer, "\"", 1);
}

static void put_integer(struct json_writer *writer, uint64_t magnitude, bool negative)
{
    bool quoted = magnitude > JSON_INTEGER_MAX;
    char text[JSON_NUMBER_SIZE];

    snprintf(text, sizeof(text), "%s%s%llu%s", quoted ? "\"" : "", negative ? "-" : "", (unsigned long long)magnitude,
             quoted ? "\"" : "");
    put_text(writer, text);
}

static void put_special(struct json_writer *writer, double value)
{
    put_text(writer, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

static void put_double(struct json_writer *writer, const char *at)
{
    const double nan_value = (double)NAN;
    char text[JSON_NUMBER_SIZE];
    double value;

    memcpy(&value, at, sizeof(value));
    if (isfinite(value))
        put(writer, text, json_number_format_double(value, text));
    else if (isnan(value) && memcmp(at, &nan_value, sizeof(value)) != 0)
        put_bin(writer, at, sizeof(value));
    else
        put_special(writer, value);
}

static void put_float(struct json_writer *writer, const char *at)
{
    const float nan_value = NAN;
    char text[JSON_NUMBER_SIZE];
    float value;

    memcpy(&value, at, sizeof(value));
    if (isfinite(value))
        put(writer, text, json_number_format_float(value, text));
    else if (isnan(value) && memcmp(at, &nan_value, sizeof(value)) != 0)
        put_bin(writer, at, sizeof(value));
    else
        put_special(writer, (double)value);
}

static void put_enum(struct json_writer *writer, const maiko_enum *labels, int32_t value)
{
    const char *label = maiko_enum_label(labels, value);
    int32_t same = 0;

    /* A label that two values share would come back as the first of them. */
    if (label != NULL && maiko_enum_value(labels, label, &same) == MAIKO_OK && same == value)
        put_string(writer, label, strlen(label));
    else
        put_integer(writer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

static void put_layout(struct json_writer *writer, struct layout layout, const char *base, size_t tail_count);

static void put_element(struct json_writer *writer, const maiko_field *field, const char *at)
{
    union field_number number;
    uint32_t len;

    switch ((maiko_kind)field->kind) {
    case MAIKO_KIND_BOOL:
        put_text(writer, *at != 0 ? "true" : "false");
        break;
    case MAIKO_KIND_FLOAT:
        put_float(writer, at);
        break;
    case MAIKO_KIND_DOUBLE:
        put_double(writer, at);
        break;
    case MAIKO_KIND_STRING:
        put_string(writer, at, strnlen(at, field->capacity));
        break;
    case MAIKO_KIND_BLOB:
        memcpy(&len, at, sizeof(len));
        put_bin(writer, at + sizeof(len), len);
        break;
    case MAIKO_KIND_ENUM:
        put_enum(writer, field->labels, (int32_t)field_load(field, at).i);
        break;
    case MAIKO_KIND_STRUCT:
        put_layout(writer, layout_of_struct(field->nested), at, 0);
        break;
    default: /* the integers */
        number = field_load(field, at);
        if (kind_is_signed((maiko_kind)field->kind) && number.i < 0)
            put_integer(writer, 0 - number.u, true);
        else
            put_integer(writer, number.u, false);
        break;
    }
}

static void put_field(struct json_writer *writer, const maiko_field *field, const char *at, size_t count)
{
    size_t i;

    if (field->kind == MAIKO_KIND_TEXT) {
        put_string(writer, at, count);
    } else if (field->kind == MAIKO_KIND_BYTES) {
        put_bin(writer, at, count);
    } else if (field->form == MAIKO_FORM_ONE) {
        put_element(writer, field, at);
    } else {
        put(writer, "[", 1);
        for (i = 0; i < count; i++) {
            if (i > 0)
                put(writer, ",", 1);
            put_element(writer, field, at + i * field->size);
        }
        put(writer, "]", 1);
    }
}

static void put_layout(struct json_writer *writer, struct layout layout, const char *base, size_t tail_count)
{
    size_t i;

    put(writer, "{", 1);
    for (i = 0; i < layout.count; i++) {
        const maiko_field *field = layout_field(&layout, i);

        put_text(writer, i > 0 ? ",\"" : "\"");
        put_text(writer, field->name); /* an identifier: nothing to escape */
        put_text(writer, "\":");
        put_field(writer, field, base + field->offset, layout_element_count(field, tail_count));
    }
    put(writer, "}", 1);
}

maiko_status maiko_event_to_json(const maiko_event_type *type, const void *event, size_t len, char *buffer, size_t size,
                                 size_t *ret_len)
{
    struct json_writer writer = {.buffer = buffer, .size = size};
    maiko_status status;

    if (type == NULL || event == NULL || (buffer == NULL && size > 0))
        return MAIKO_EINVAL;
    if (type->local_only)
        return MAIKO_ENOTSUP;
    status = schema_validate(type, event, len);
    if (status != MAIKO_OK)
        return status;
    put_layout(&writer, layout_of_type(type), event, (size_t)maiko_event_tail_count(type, event));
    if (ret_len != NULL)
        *ret_len = writer.len;
    if (size > 0)
        buffer[writer.len < size ? writer.len : size - 1] = '\0';
    return writer.len < size ? MAIKO_OK : MAIKO_ETOOLONG;
}
