/* JSON, reading: tokens come in, bytes of an event go out.  Every byte is stored by store(), which alone knows how much room
 * there is. */
#include <maiko/json.h>

#include <math.h>

#include "base/utf8.h"
#include "message/base64.h"
#include "message/json_number.h"
#include "message/json_scan.h"
#include "message/layout.h"
#include "message/schema.h"

struct json_reader {
    struct json_scanner scanner;
    const maiko_event_type *type;
    char *event;
    size_t size; /* room */
    uint64_t tail_count;
    const char *field;  /* being read, for the error text */
    struct text *error; /* may be NULL */
};

/* Where the bytes of one string or blob go. */
struct json_sink {
    struct json_reader *reader;
    size_t offset;
    size_t max; /* bytes that are allowed */
    size_t len;
    bool no_nul;
};

static maiko_status refuse(struct json_reader *reader, maiko_status status, const char *format, ...) MAIKO_PRINTF(3, 4);

static maiko_status refuse(struct json_reader *reader, maiko_status status, const char *format, ...)
{
    const struct json_scanner *scanner = &reader->scanner;
    va_list args;

    if (reader->error == NULL)
        return status;
    text_append_format(reader->error, "byte %zu: ", (size_t)(scanner->token_start - scanner->start));
    if (reader->field != NULL)
        text_append_format(reader->error, "field %s: ", reader->field);
    va_start(args, format);
    text_append_vformat(reader->error, format, args);
    va_end(args);
    return status;
}

static maiko_status refuse_token(struct json_reader *reader, const char *expected)
{
    const struct json_scanner *scanner = &reader->scanner;

    if (scanner->token == JSON_BAD)
        return refuse(reader, MAIKO_ETYPE, "%s", scanner->text);
    return refuse(reader, MAIKO_ETYPE, "%s where %s is expected", json_token_name(scanner->token), expected);
}

/* How much of a string or number token an error text repeats, at most max bytes. */
static int token_cut(const struct json_scanner *scanner, size_t max)
{
    return (int)utf8_floor(scanner->text, scanner->len, max);
}

/* The token found last must be this one; finds the next. */
static maiko_status expect(struct json_reader *reader, enum json_token token, const char *name)
{
    if (reader->scanner.token != token)
        return refuse_token(reader, name);
    json_scan(&reader->scanner);
    return MAIKO_OK;
}

/* Bytes past the room are only counted, by the caller. */
static void store(struct json_reader *reader, size_t offset, const void *bytes, size_t len)
{
    if (offset <= reader->size && len <= reader->size - offset)
        memcpy(reader->event + offset, bytes, len);
}

static void store_zeros(struct json_reader *reader, size_t offset, size_t len)
{
    if (offset < reader->size)
        memset(reader->event + offset, 0, len < reader->size - offset ? len : reader->size - offset);
}

static maiko_status sink_put(struct json_sink *sink, const char *bytes, size_t len)
{
    if (sink->no_nul && memchr(bytes, '\0', len) != NULL)
        return refuse(sink->reader, MAIKO_ETYPE, "a NUL inside of a string");
    if (len > sink->max - sink->len)
        return refuse(sink->reader, MAIKO_ETYPE, "longer than %zu bytes", sink->max);
    store(sink->reader, sink->offset + sink->len, bytes, len);
    sink->len += len;
    return MAIKO_OK;
}

static maiko_status read_characters(struct json_sink *sink)
{
    struct json_characters characters = json_characters_of(&sink->reader->scanner);
    maiko_status status = MAIKO_OK;
    char utf8[4];
    size_t len;

    while (status == MAIKO_OK && (len = json_characters_next(&characters, utf8)) > 0)
        status = sink_put(sink, utf8, len);
    return status;
}

static maiko_status read_base64(struct json_sink *sink)
{
    struct json_characters characters = json_characters_of(&sink->reader->scanner);
    maiko_status status = MAIKO_OK;
    char quad[4], utf8[4];
    uint8_t bytes[3];
    size_t filled = 0, len, used = 3;

    while (status == MAIKO_OK && (len = json_characters_next(&characters, utf8)) > 0) {
        if (len > 1 || used < 3)
            return refuse(sink->reader, MAIKO_ETYPE, "no base64");
        quad[filled++] = utf8[0];
        if (filled < sizeof(quad))
            continue;
        filled = 0;
        used = base64_decode(quad, bytes);
        if (used == 0)
            return refuse(sink->reader, MAIKO_ETYPE, "no base64");
        status = sink_put(sink, (const char *)bytes, used);
    }
    if (status == MAIKO_OK && filled > 0)
        return refuse(sink->reader, MAIKO_ETYPE, "no base64");
    return status;
}

/* {"$bin":"…"}, the brace already found. */
static maiko_status read_bin(struct json_sink *sink)
{
    struct json_reader *reader = sink->reader;
    maiko_status status;

    json_scan(&reader->scanner);
    if (reader->scanner.token != JSON_STRING || !json_string_is(&reader->scanner, "$bin"))
        return refuse_token(reader, "\"$bin\"");
    json_scan(&reader->scanner);
    status = expect(reader, JSON_COLON, "a colon");
    if (status != MAIKO_OK)
        return status;
    if (reader->scanner.token != JSON_STRING)
        return refuse_token(reader, "base64 in a string");
    status = read_base64(sink);
    if (status != MAIKO_OK)
        return status;
    json_scan(&reader->scanner);
    return expect(reader, JSON_OBJECT_END, "}");
}

static maiko_status read_text(struct json_sink *sink)
{
    struct json_reader *reader = sink->reader;
    maiko_status status;

    if (reader->scanner.token == JSON_OBJECT)
        return read_bin(sink);
    if (reader->scanner.token != JSON_STRING)
        return refuse_token(reader, "a string");
    status = read_characters(sink);
    json_scan(&reader->scanner);
    return status;
}

static maiko_status read_blob(struct json_sink *sink)
{
    return sink->reader->scanner.token == JSON_OBJECT ? read_bin(sink) : refuse_token(sink->reader, "{\"$bin\": base64}");
}

static maiko_status read_blob_field(struct json_reader *reader, const maiko_field *field, size_t offset)
{
    struct json_sink sink = {.reader = reader, .offset = offset + sizeof(uint32_t), .max = field->capacity};
    maiko_status status = read_blob(&sink);
    uint32_t len = (uint32_t)sink.len;

    store(reader, offset, &len, sizeof(len));
    return status;
}

static maiko_status read_bool(struct json_reader *reader, size_t offset)
{
    uint8_t value = reader->scanner.token == JSON_TRUE;

    if (!value && reader->scanner.token != JSON_FALSE)
        return refuse_token(reader, "true or false");
    store(reader, offset, &value, sizeof(value));
    json_scan(&reader->scanner);
    return MAIKO_OK;
}

static maiko_status read_integer(struct json_reader *reader, const maiko_field *field, size_t offset)
{
    const struct json_scanner *scanner = &reader->scanner;
    union field_number number = {.u = 0};
    bool negative, parsed;

    if (scanner->token != JSON_NUMBER && scanner->token != JSON_STRING)
        return refuse_token(reader, field->kind == MAIKO_KIND_ENUM ? "a label or number" : "an integer");
    negative = scanner->len > 0 && scanner->text[0] == '-';
    parsed = negative ? json_number_parse_i64(scanner->text, scanner->len, &number.i)
                      : json_number_parse_u64(scanner->text, scanner->len, &number.u);
    if (!parsed || !kind_fits((maiko_kind)field->kind, number, number.i < 0 && negative))
        return refuse(reader, MAIKO_ETYPE, "%.*s is no integer, or does not fit into %s", token_cut(scanner, 40), scanner->text,
                      maiko_kind_name((maiko_kind)field->kind));
    store(reader, offset, &number, field->size);
    json_scan(&reader->scanner);
    return MAIKO_OK;
}

static maiko_status read_enum(struct json_reader *reader, const maiko_field *field, size_t offset)
{
    const maiko_enum *labels = field->labels;
    size_t i;

    if (reader->scanner.token != JSON_STRING)
        return read_integer(reader, field, offset);
    for (i = 0; i < labels->label_count; i++) {
        if (json_string_is(&reader->scanner, labels->labels[i].label)) {
            store(reader, offset, &labels->labels[i].value, sizeof(labels->labels[i].value));
            json_scan(&reader->scanner);
            return MAIKO_OK;
        }
    }
    return refuse(reader, MAIKO_ETYPE, "no such label of %s", labels->name);
}

/* "NaN" and the infinities; false for other texts. */
static bool read_special(const struct json_scanner *scanner, double *ret_value)
{
    if (json_string_is(scanner, "NaN"))
        *ret_value = (double)NAN;
    else if (json_string_is(scanner, "Infinity"))
        *ret_value = (double)INFINITY;
    else if (json_string_is(scanner, "-Infinity"))
        *ret_value = -(double)INFINITY;
    else
        return false;
    return true;
}

static maiko_status read_real_bits(struct json_reader *reader, const maiko_field *field, size_t offset)
{
    struct json_sink sink = {.reader = reader, .offset = offset, .max = field->size};
    maiko_status status = read_bin(&sink);

    if (status == MAIKO_OK && sink.len != field->size)
        return refuse(reader, MAIKO_ETYPE, "%zu bytes where a %s has %u", sink.len, maiko_kind_name((maiko_kind)field->kind),
                      field->size);
    return status;
}

static maiko_status read_real(struct json_reader *reader, const maiko_field *field, size_t offset)
{
    const struct json_scanner *scanner = &reader->scanner;
    bool is_float = field->kind == MAIKO_KIND_FLOAT;
    double as_double = 0;
    float as_float = 0;

    if (scanner->token == JSON_OBJECT)
        return read_real_bits(reader, field, offset);
    if (scanner->token == JSON_STRING) {
        if (!read_special(scanner, &as_double))
            return refuse(reader, MAIKO_ETYPE, "a string that is none of NaN, Infinity, -Infinity");
        as_float = isnan(as_double) ? NAN : (float)as_double;
    } else if (scanner->token != JSON_NUMBER) {
        return refuse_token(reader, "a number");
    } else if (is_float ? !json_number_parse_float(scanner->text, scanner->len, &as_float)
                        : !json_number_parse_double(scanner->text, scanner->len, &as_double)) {
        return refuse(reader, MAIKO_ETYPE, "too large for a %s", maiko_kind_name((maiko_kind)field->kind));
    }
    store(reader, offset, is_float ? (const void *)&as_float : (const void *)&as_double, field->size);
    json_scan(&reader->scanner);
    return MAIKO_OK;
}

static maiko_status read_object(struct json_reader *reader, struct layout layout, size_t base);

static maiko_status read_element(struct json_reader *reader, const maiko_field *field, size_t offset)
{
    struct json_sink sink = {
        .reader = reader, .offset = offset, .max = field->capacity > 0 ? field->capacity - 1 : 0, .no_nul = true};

    switch ((maiko_kind)field->kind) {
    case MAIKO_KIND_BOOL:
        return read_bool(reader, offset);
    case MAIKO_KIND_FLOAT:
    case MAIKO_KIND_DOUBLE:
        return read_real(reader, field, offset);
    case MAIKO_KIND_STRING:
        return read_text(&sink);
    case MAIKO_KIND_BLOB:
        return read_blob_field(reader, field, offset);
    case MAIKO_KIND_ENUM:
        return read_enum(reader, field, offset);
    case MAIKO_KIND_STRUCT:
        return read_object(reader, layout_of_struct(field->nested), offset);
    default:
        return read_integer(reader, field, offset);
    }
}

/* The elements of an array, at most max of them; how many there were goes to *ret_count. */
static maiko_status read_elements(struct json_reader *reader, const maiko_field *field, size_t offset, size_t max,
                                  size_t *ret_count)
{
    maiko_status status = expect(reader, JSON_ARRAY, "an array");
    size_t count = 0;

    if (status != MAIKO_OK)
        return status;
    while (reader->scanner.token != JSON_ARRAY_END) {
        if (count > 0)
            status = expect(reader, JSON_COMMA, "a comma or ]");
        if (status == MAIKO_OK && count == max)
            status = refuse(reader, MAIKO_ETYPE, "more than %zu elements", max);
        if (status != MAIKO_OK)
            return status;
        store_zeros(reader, offset + count * field->size, field->size);
        status = read_element(reader, field, offset + count * field->size);
        count++;
        if (status != MAIKO_OK)
            return status;
    }
    json_scan(&reader->scanner);
    *ret_count = count;
    return MAIKO_OK;
}

static maiko_status read_tail(struct json_reader *reader, const maiko_field *field, size_t offset)
{
    size_t max = (MAIKO_EVENT_MAX - reader->type->size) / field->size;
    struct json_sink sink = {.reader = reader, .offset = offset, .max = max};
    maiko_status status;

    if (field->kind == MAIKO_KIND_TEXT)
        status = read_text(&sink);
    else if (field->kind == MAIKO_KIND_BYTES)
        status = read_blob(&sink);
    else
        status = read_elements(reader, field, offset, max, &sink.len);
    reader->tail_count = sink.len;
    return status;
}

static maiko_status read_field(struct json_reader *reader, const maiko_field *field, size_t offset)
{
    maiko_status status;
    size_t count = 0;

    if (field->form == MAIKO_FORM_TAIL)
        return read_tail(reader, field, offset);
    if (field->form == MAIKO_FORM_ONE)
        return read_element(reader, field, offset);
    status = read_elements(reader, field, offset, field->count, &count);
    if (status == MAIKO_OK && count != field->count)
        return refuse(reader, MAIKO_ETYPE, "%zu elements where %u are expected", count, field->count);
    return status;
}

/* The field that the string token names; NULL when there is none. */
static const maiko_field *named_field(struct json_reader *reader, const struct layout *layout, size_t *ret_index)
{
    size_t i;

    for (i = 0; i < layout->count; i++) {
        const maiko_field *field = layout_field(layout, i);

        if (json_string_is(&reader->scanner, field->name)) {
            *ret_index = i;
            return field;
        }
    }
    return NULL;
}

/* "name": value; the name is the token found last. */
static maiko_status read_member(struct json_reader *reader, const struct layout *layout, size_t base, uint8_t *seen)
{
    const struct json_scanner *scanner = &reader->scanner;
    const char *outer = reader->field;
    const maiko_field *field;
    maiko_status status;
    size_t index = 0;

    if (scanner->token != JSON_STRING)
        return refuse_token(reader, "the name of a field");
    field = named_field(reader, layout, &index);
    if (field == NULL)
        return refuse(reader, MAIKO_ETYPE, "%s has no field %.*s", layout->name, token_cut(scanner, MAIKO_NAME_MAX),
                      scanner->text);
    if ((seen[index / 8] >> (index % 8) & 1) != 0)
        return refuse(reader, MAIKO_ETYPE, "field %s twice", field->name);
    seen[index / 8] |= (uint8_t)(1U << (index % 8));
    reader->field = field->name;
    json_scan(&reader->scanner);
    status = expect(reader, JSON_COLON, "a colon");
    if (status == MAIKO_OK)
        status = read_field(reader, field, base + field->offset);
    reader->field = outer;
    return status;
}

/* Nests as deep as the schema, not as deep as the text. */
static maiko_status read_object(struct json_reader *reader, struct layout layout, size_t base)
{
    uint8_t seen[MAIKO_FIELDS_MAX / 8] = {0};
    maiko_status status = expect(reader, JSON_OBJECT, "an object");
    bool first = true;

    while (status == MAIKO_OK && reader->scanner.token != JSON_OBJECT_END) {
        if (!first)
            status = expect(reader, JSON_COMMA, "a comma or }");
        if (status == MAIKO_OK)
            status = read_member(reader, &layout, base, seen);
        first = false;
    }
    if (status == MAIKO_OK)
        json_scan(&reader->scanner);
    return status;
}

static maiko_status read_event(struct json_reader *reader, size_t *ret_len)
{
    const maiko_event_type *type = reader->type;
    maiko_status status;
    size_t len;

    store_zeros(reader, 0, type->size);
    json_scan(&reader->scanner);
    status = read_object(reader, layout_of_type(type), 0);
    if (status == MAIKO_OK && reader->scanner.token != JSON_END)
        status = refuse_token(reader, "the end");
    if (status != MAIKO_OK)
        return status;
    if (type->tail_size > 0)
        store(reader, type->size - sizeof(reader->tail_count), &reader->tail_count, sizeof(reader->tail_count));
    len = type->size + (size_t)reader->tail_count * type->tail_size;
    if (ret_len != NULL)
        *ret_len = len;
    return len <= reader->size ? MAIKO_OK : MAIKO_ETOOLONG;
}

maiko_status maiko_event_from_json(const maiko_event_type *type, const char *json, size_t json_len, void *event, size_t size,
                                   size_t *ret_len, char *text, size_t text_size)
{
    struct json_reader reader = {.type = type, .event = event, .size = size};
    struct text error;

    if (text != NULL && text_size > 0) {
        text_init_buffer(&error, text, text_size);
        reader.error = &error;
    }
    if (type == NULL || json == NULL || (event == NULL && size > 0))
        return MAIKO_EINVAL;
    json_scanner_init(&reader.scanner, json, json_len);
    if (type->local_only)
        return refuse(&reader, MAIKO_ENOTSUP, "%s does not leave its process", type->name);
    return read_event(&reader, ret_len);
}
