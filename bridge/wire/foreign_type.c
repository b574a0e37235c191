/* Foreign type: written as names for everybody and as a layout for libmaiko, read from either. */
#include "wire/foreign_type.h"

#include <string.h>

#include "wire/limits.h"
#include "wire/map.h"

enum { DEFAULT_CAPACITY = 256 };

/* ---- Writing ---- */

static void write_fields(struct pack *pack, const maiko_event_type *type, const maiko_struct *nested, size_t count)
{
    size_t i;

    pack_array(pack, count);
    for (i = 0; i < count; i++) {
        const maiko_field *field = type != NULL ? maiko_event_field(type, i) : maiko_struct_field(nested, i);

        pack_array(pack, field->nested != NULL ? 5 : 4);
        pack_str(pack, field->name);
        pack_uint(pack, field->kind);
        pack_uint(pack, field->form);
        pack_uint(pack, field->capacity > 0 ? field->capacity : field->count);
        if (field->nested != NULL)
            write_fields(pack, NULL, field->nested, field->nested->field_count);
    }
}

/* The layout in a bin: its length is asked for first. */
static void write_layout(struct pack *pack, const maiko_event_type *type)
{
    size_t len = 0;
    void *bytes;

    if (maiko_schema_encode(type, NULL, 0, &len) != MAIKO_ETOOLONG && len == 0) {
        pack_nil(pack);
        return;
    }
    bytes = heap_alloc(pack->heap, len);
    if (bytes == NULL || maiko_schema_encode(type, bytes, len, &len) != MAIKO_OK) {
        if (pack->status == MAIKO_OK)
            pack->status = MAIKO_ENOMEM;
    } else {
        pack_bin(pack, bytes, len);
    }
    heap_free(pack->heap, bytes, len);
}

void foreign_type_write(struct pack *pack, const maiko_event_type *type, uint64_t hash)
{
    pack_map(pack, 4);
    pack_str(pack, "type");
    pack_str(pack, type->name);
    pack_str(pack, "schema");
    pack_uint(pack, hash);
    pack_str(pack, "fields");
    write_fields(pack, type, NULL, type->field_count);
    pack_str(pack, "layout");
    write_layout(pack, type);
}

/* ---- Reading ---- */

struct announcement {
    struct slice name;
    uint64_t hash;
    struct slice fields;
    struct slice layout;
};

static const struct map_key announcement_keys[] = {
    {"type", MAP_NAME, true, offsetof(struct announcement, name)},
    {"schema", MAP_UINT, true, offsetof(struct announcement, hash)},
    {"fields", MAP_ARRAY, true, offsetof(struct announcement, fields)},
    {"layout", MAP_BIN, false, offsetof(struct announcement, layout)},
};

/* One row of `fields`. */
struct row {
    char name[MAIKO_NAME_MAX + 1];
    uint64_t kind;
    uint64_t form;
    uint64_t length;
    struct slice fields;
};

static maiko_status refuse(struct text *error, const char *reason)
{
    if (error != NULL)
        text_append_format(error, "fields: %s", reason);
    return MAIKO_EPROTOCOL;
}

static bool copy_name(struct slice name, char *buffer)
{
    if (name.len > MAIKO_NAME_MAX)
        return false;
    memcpy(buffer, name.data, name.len);
    buffer[name.len] = '\0';
    return true;
}

static bool read_row(struct reader *reader, struct row *row)
{
    struct slice name, skipped;
    uint32_t count;
    uint32_t i;

    *row = (struct row){.form = MAIKO_FORM_ONE};
    if (!reader_array(reader, &count) || count < 2 || !map_read_name(reader, &name) || !copy_name(name, row->name) ||
        !reader_uint(reader, &row->kind))
        return false;
    if ((count > 2 && !reader_uint(reader, &row->form)) || (count > 3 && !reader_uint(reader, &row->length)))
        return false;
    for (i = 4; i < count; i++)
        if (!reader_skip(reader, i == 4 ? &row->fields : &skipped))
            return false;
    return row->length <= MAIKO_EVENT_MAX && row->kind <= UINT8_MAX;
}

static maiko_status add_fields(maiko_schema *schema, struct slice fields, unsigned depth, struct text *error);

static maiko_status add_struct(maiko_schema *schema, const struct row *row, unsigned depth, struct text *error)
{
    maiko_status status;

    if (depth == MAIKO_NESTING_MAX || row->fields.len == 0)
        return refuse(error, "a struct nested too deep or without fields");
    if (row->form == MAIKO_FORM_TAIL)
        (void)maiko_schema_open_tail(schema, row->name, row->name);
    else
        (void)maiko_schema_open_struct(schema, row->name, row->name, row->form == MAIKO_FORM_ARRAY ? row->length : 0);
    status = add_fields(schema, row->fields, depth + 1, error);
    (void)maiko_schema_close_struct(schema);
    return status;
}

/* Failures of the builder stick to the schema. */
static maiko_status add_row(maiko_schema *schema, const struct row *row, unsigned depth, struct text *error)
{
    static const maiko_label no_label[] = {{"-", INT32_MIN}};
    static const maiko_enum no_labels = {"foreign", no_label, 1};
    size_t length = (size_t)row->length;
    maiko_kind kind = (maiko_kind)row->kind;

    if (kind == MAIKO_KIND_STRUCT)
        return add_struct(schema, row, depth, error);
    if (kind == MAIKO_KIND_STRING)
        (void)maiko_schema_add_string(schema, row->name, length > 0 ? length : DEFAULT_CAPACITY);
    else if (kind == MAIKO_KIND_BLOB)
        (void)maiko_schema_add_blob(schema, row->name, length > 0 ? length : DEFAULT_CAPACITY);
    else if (kind == MAIKO_KIND_ENUM)
        (void)maiko_schema_add_enum(schema, row->name, &no_labels, row->form == MAIKO_FORM_ARRAY ? length : 0);
    else if (row->form == MAIKO_FORM_TAIL)
        (void)maiko_schema_add_tail(schema, kind, row->name);
    else if (row->form == MAIKO_FORM_ARRAY)
        (void)maiko_schema_add_array(schema, kind, row->name, length);
    else
        (void)maiko_schema_add(schema, kind, row->name);
    return MAIKO_OK;
}

static maiko_status add_fields(maiko_schema *schema, struct slice fields, unsigned depth, struct text *error)
{
    struct reader reader = reader_of(fields);
    uint32_t count;
    uint32_t i;

    if (!reader_array(&reader, &count) || count > MAIKO_FIELDS_MAX)
        return refuse(error, "not an array of at most 256");
    for (i = 0; i < count; i++) {
        struct row row;
        maiko_status status;

        if (!read_row(&reader, &row))
            return refuse(error, "not [name, kind, form, length, fields]");
        status = add_row(schema, &row, depth, error);
        if (status != MAIKO_OK)
            return status;
    }
    return MAIKO_OK;
}

static maiko_status build(struct foreign_type *foreign, const char *name, struct slice fields, struct text *error)
{
    maiko_status status;

    foreign->schema = maiko_schema_new(name, &foreign->heap->allocator);
    if (foreign->schema == NULL)
        return MAIKO_ENOMEM;
    status = add_fields(foreign->schema, fields, 0, error);
    if (status != MAIKO_OK)
        return status;
    status = maiko_schema_finish(foreign->schema, &foreign->type);
    if (status == MAIKO_OK || status == MAIKO_ENOMEM)
        return status;
    return refuse(error, maiko_schema_error_text(foreign->schema));
}

static maiko_status decode(struct foreign_type *foreign, const char *name, struct slice layout, struct text *error)
{
    char reason[WIRE_TEXT_MAX + 1];
    maiko_status status =
        maiko_schema_decode(layout.data, layout.len, &foreign->heap->allocator, &foreign->schema, reason, sizeof(reason));

    if (status == MAIKO_OK)
        status = maiko_schema_finish(foreign->schema, &foreign->type);
    if (status == MAIKO_ENOMEM)
        return status;
    if (status != MAIKO_OK || strcmp(foreign->type->name, name) != 0) {
        if (error != NULL)
            text_append_format(error, "layout: %s", status != MAIKO_OK ? reason : "of another type");
        return MAIKO_EPROTOCOL;
    }
    return MAIKO_OK;
}

maiko_status foreign_type_read(struct heap *heap, struct slice bytes, struct foreign_type **ret_type, struct text *error)
{
    struct reader reader = reader_of(bytes);
    struct announcement announced = {.hash = 0};
    char name[MAIKO_NAME_MAX + 1];
    struct foreign_type *foreign;
    maiko_status status =
        map_read(&reader, announcement_keys, sizeof(announcement_keys) / sizeof(announcement_keys[0]), &announced, error);

    if (status != MAIKO_OK)
        return status;
    if (!copy_name(announced.name, name)) {
        if (error != NULL)
            text_append(error, "type: a name over 63 bytes");
        return MAIKO_EPROTOCOL;
    }
    foreign = heap_alloc_zeroed(heap, 1, sizeof(*foreign));
    if (foreign == NULL)
        return MAIKO_ENOMEM;
    foreign->heap = heap;
    foreign->hash = announced.hash;
    status =
        announced.layout.len > 0 ? decode(foreign, name, announced.layout, error) : build(foreign, name, announced.fields, error);
    if (status != MAIKO_OK) {
        foreign_type_free(foreign);
        return status;
    }
    *ret_type = foreign;
    return MAIKO_OK;
}

struct foreign_type *foreign_type_free(struct foreign_type *foreign)
{
    if (foreign == NULL)
        return NULL;
    maiko_schema_free(foreign->schema);
    heap_free(foreign->heap, foreign, sizeof(*foreign));
    return NULL;
}
