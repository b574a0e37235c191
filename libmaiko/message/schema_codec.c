/* Schema codec: a type as bytes, for peers and recordings, and back.  The form is described in message/README.md. */
#include <maiko/schema.h>

#include "message/layout.h"
#include "message/schema_builder.h"

static const char magic[4] = {'M', 'K', 'S', '1'};

enum { FLAG_STICKY = 1, FLAG_CONTROL = 2, FLAG_TOPIC = 4, FLAGS_ALL = 7 };

/* ---- Writing ---- */

struct writer {
    uint8_t *buffer;
    size_t size;
    size_t len; /* of all, may be past size */
};

static void put_byte(struct writer *writer, uint8_t byte)
{
    if (writer->len < writer->size)
        writer->buffer[writer->len] = byte;
    writer->len++;
}

static void put_number(struct writer *writer, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        put_byte(writer, (uint8_t)(number | 0x80));
    put_byte(writer, (uint8_t)number);
}

static void put_text(struct writer *writer, const char *text)
{
    size_t len = strlen(text);
    size_t i;

    put_number(writer, len);
    for (i = 0; i < len; i++)
        put_byte(writer, (uint8_t)text[i]);
}

static void put_enum(struct writer *writer, const maiko_enum *labels)
{
    size_t i;

    put_text(writer, labels->name);
    put_number(writer, labels->label_count);
    for (i = 0; i < labels->label_count; i++) {
        put_text(writer, labels->labels[i].label);
        put_number(writer, (uint32_t)labels->labels[i].value);
    }
}

static void put_fields(struct writer *writer, struct layout layout)
{
    size_t i;

    put_text(writer, layout.name);
    put_number(writer, layout.size);
    put_number(writer, layout.count);
    for (i = 0; i < layout.count; i++) {
        const maiko_field *field = layout_field(&layout, i);

        put_text(writer, field->name);
        put_number(writer, field->kind);
        put_number(writer, field->form);
        put_number(writer, field->offset);
        put_number(writer, field->size);
        put_number(writer, field->count);
        put_number(writer, field->capacity);
        if (field->kind == MAIKO_KIND_ENUM)
            put_enum(writer, field->labels);
        else if (field->kind == MAIKO_KIND_STRUCT)
            put_fields(writer, layout_of_struct(field->nested));
    }
}

maiko_status maiko_schema_encode(const maiko_event_type *type, void *buffer, size_t size, size_t *ret_len)
{
    struct writer writer = {.buffer = buffer, .size = size};
    size_t i;

    if (type == NULL || (buffer == NULL && size > 0))
        return MAIKO_EINVAL;
    if (type->local_only)
        return MAIKO_ENOTSUP;
    for (i = 0; i < sizeof(magic); i++)
        put_byte(&writer, (uint8_t)magic[i]);
    put_number(&writer,
               (type->sticky ? FLAG_STICKY : 0U) | (type->control ? FLAG_CONTROL : 0U) | (type->topic != NULL ? FLAG_TOPIC : 0U));
    put_number(&writer, (uint64_t)type->overflow);
    if (type->topic != NULL)
        put_text(&writer, type->topic);
    put_fields(&writer, layout_of_type(type));
    if (ret_len != NULL)
        *ret_len = writer.len;
    return writer.len <= size ? MAIKO_OK : MAIKO_ETOOLONG;
}

/* ---- Reading ---- */

struct reader {
    maiko_schema *schema; /* keeps the first failure */
    const uint8_t *at;
    const uint8_t *end;
};

static maiko_status bad(struct reader *reader, const char *reason)
{
    reader->at = reader->end;
    return schema_fail(reader->schema, MAIKO_ETYPE, "bytes of a type: %s", reason);
}

/* 0 after a failure, which is then in the schema.  One spelling per number: no leading zeros. */
static uint32_t get_number(struct reader *reader)
{
    uint64_t number = 0;
    unsigned shift;
    uint8_t byte;

    for (shift = 0; shift <= 28; shift += 7) {
        if (reader->at == reader->end) {
            bad(reader, "cut off");
            return 0;
        }
        byte = *reader->at++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) != 0)
            continue;
        if (number > UINT32_MAX || (byte == 0 && shift > 0))
            break;
        return (uint32_t)number;
    }
    bad(reader, "a number over 32 bits or with leading zeros");
    return 0;
}

/* NULL after a failure.  Copied; no NULs inside. */
static const char *get_text(struct reader *reader)
{
    size_t len = get_number(reader);
    const char *text = (const char *)reader->at;

    if (len > (size_t)(reader->end - reader->at)) {
        bad(reader, "cut off");
        return NULL;
    }
    reader->at += len;
    if (reader->schema->status != MAIKO_OK)
        return NULL;
    if (memchr(text, '\0', len) != NULL) {
        bad(reader, "a NUL inside of a text");
        return NULL;
    }
    return schema_copy_text(reader->schema, text, len);
}

static const maiko_enum *get_enum(struct reader *reader)
{
    const char *name = get_text(reader);
    size_t count = get_number(reader);
    maiko_enum *labels;
    maiko_label *rows;
    size_t i;

    if (count > MAIKO_LABELS_MAX || count > (size_t)(reader->end - reader->at) / 2) { /* a label has two bytes at least */
        bad(reader, "more labels than there can be");
        return NULL;
    }
    labels = schema_alloc(reader->schema, sizeof(*labels));
    rows = schema_alloc(reader->schema, count * sizeof(*rows));
    if (labels == NULL || rows == NULL)
        return NULL;
    for (i = 0; i < count && reader->schema->status == MAIKO_OK; i++) {
        rows[i].label = get_text(reader);
        rows[i].value = (int32_t)get_number(reader);
    }
    *labels = (maiko_enum){.name = name, .labels = rows, .label_count = count};
    return labels;
}

static maiko_status get_fields(struct reader *reader, size_t count);

/* A nested struct: its name, size and fields. */
static maiko_status get_struct(struct reader *reader, maiko_field *field)
{
    maiko_schema *schema = reader->schema;
    const char *name = get_text(reader);
    size_t size = get_number(reader);
    size_t count = get_number(reader);

    if (schema->status == MAIKO_OK)
        schema_open(schema, field, name);
    if (schema->status == MAIKO_OK)
        get_fields(reader, count);
    if (schema->status == MAIKO_OK)
        schema_close(schema, size, field);
    return schema->status;
}

static maiko_status get_field(struct reader *reader)
{
    maiko_schema *schema = reader->schema;
    maiko_field field = {.name = get_text(reader)};
    uint32_t kind = get_number(reader);
    uint32_t form = get_number(reader);

    if (schema->status == MAIKO_OK && (kind > UINT8_MAX || form > MAIKO_FORM_TAIL))
        return bad(reader, "unknown kind or form");
    field.kind = (uint8_t)kind;
    field.form = (uint8_t)form;
    field.offset = get_number(reader);
    field.size = get_number(reader);
    field.count = get_number(reader);
    field.capacity = get_number(reader);
    if (schema->status == MAIKO_OK && kind == MAIKO_KIND_ENUM)
        field.labels = get_enum(reader);
    if (schema->status == MAIKO_OK && kind == MAIKO_KIND_STRUCT)
        get_struct(reader, &field);
    if (form == MAIKO_FORM_TAIL)
        schema->has_tail = true; /* schema_check() says whether it may stand here */
    return schema->status == MAIKO_OK ? schema_append(schema, &field) : schema->status;
}

static maiko_status get_fields(struct reader *reader, size_t count)
{
    maiko_status status = MAIKO_OK;

    for (; count > 0 && status == MAIKO_OK; count--)
        status = get_field(reader);
    return status;
}

static maiko_status get_type(struct reader *reader)
{
    maiko_schema *schema = reader->schema;
    uint32_t flags, overflow;
    size_t size, count;

    if ((size_t)(reader->end - reader->at) < sizeof(magic) || memcmp(reader->at, magic, sizeof(magic)) != 0)
        return bad(reader, "not a type, or of another version");
    reader->at += sizeof(magic);
    flags = get_number(reader);
    overflow = get_number(reader);
    if (flags > FLAGS_ALL || overflow > MAIKO_FAIL)
        return bad(reader, "unknown options");
    schema->type.sticky = (flags & FLAG_STICKY) != 0;
    schema->type.control = (flags & FLAG_CONTROL) != 0;
    schema->type.overflow = (maiko_overflow)overflow;
    schema->type.topic = (flags & FLAG_TOPIC) != 0 ? get_text(reader) : NULL;
    schema->levels[0].name = get_text(reader);
    size = get_number(reader);
    count = get_number(reader);
    if (schema->status == MAIKO_OK)
        get_fields(reader, count);
    if (schema->status == MAIKO_OK && reader->at != reader->end)
        return bad(reader, "bytes behind the end");
    return schema->status == MAIKO_OK ? schema_complete(schema, size) : schema->status;
}

maiko_status maiko_schema_decode(const void *bytes, size_t len, const maiko_allocator *allocator, maiko_schema **ret_schema,
                                 char *text, size_t text_size)
{
    struct reader reader = {.at = bytes};
    maiko_status status;
    struct text error;

    if (bytes == NULL || ret_schema == NULL)
        return MAIKO_EINVAL;
    reader.end = reader.at + len;
    reader.schema = maiko_schema_new("decoded", allocator);
    status = reader.schema != NULL ? reader.schema->status : MAIKO_ENOMEM;
    if (status == MAIKO_OK)
        status = get_type(&reader);
    if (text != NULL && text_size > 0) {
        text_init_buffer(&error, text, text_size);
        text_append(&error, maiko_schema_error_text(reader.schema));
    }
    if (status != MAIKO_OK) {
        maiko_schema_free(reader.schema);
        return status;
    }
    *ret_schema = reader.schema;
    return MAIKO_OK;
}
