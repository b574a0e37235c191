#include "message/schema_builder.h"

#include "base/utf8.h"
#include "message/layout.h"

struct schema_block {
    struct schema_block *next;
    size_t size; /* with this head */
    _Alignas(16) char bytes[];
};

void *schema_alloc(maiko_schema *schema, size_t size)
{
    struct schema_block *block = heap_alloc_zeroed(&schema->heap, 1, sizeof(*block) + size);

    if (block == NULL) {
        schema_fail(schema, MAIKO_ENOMEM, "out of memory");
        return NULL;
    }
    block->size = sizeof(*block) + size;
    block->next = schema->blocks;
    schema->blocks = block;
    return block->bytes;
}

char *schema_copy_text(maiko_schema *schema, const char *text, size_t len)
{
    char *copy = schema_alloc(schema, len + 1);

    if (copy != NULL)
        memcpy(copy, text, len); /* the NUL is there already */
    return copy;
}

maiko_status schema_fail(maiko_schema *schema, maiko_status status, const char *format, ...)
{
    struct text text;
    va_list args;

    if (schema->status != MAIKO_OK)
        return schema->status;
    schema->status = status;
    text_init_buffer(&text, schema->error, sizeof(schema->error));
    va_start(args, format);
    text_append_vformat(&text, format, args);
    va_end(args);
    return status;
}

maiko_schema *maiko_schema_new(const char *name, const maiko_allocator *allocator)
{
    struct heap heap;
    maiko_schema *schema;

    heap_init(&heap, allocator, 0);
    schema = heap_alloc_zeroed(&heap, 1, sizeof(*schema));
    if (schema == NULL)
        return NULL;
    heap_init(&schema->heap, allocator, 0);
    schema->levels[0].alignment = 1;
    schema->type.topic = MAIKO_DEFAULT_TOPIC;
    if (schema_is_type_name(name))
        schema->levels[0].name = schema_copy_text(schema, name, strlen(name));
    else
        schema_fail(schema, MAIKO_ENAME, "bad name of a type");
    return schema;
}

void maiko_schema_free(maiko_schema *schema)
{
    struct schema_block *block;
    struct heap heap;

    if (schema == NULL)
        return;
    while ((block = schema->blocks) != NULL) {
        schema->blocks = block->next;
        heap_free(&schema->heap, block, block->size);
    }
    heap_init(&heap, &schema->heap.allocator, 0);
    heap_free(&heap, schema, sizeof(*schema));
}

const char *maiko_schema_error_text(const maiko_schema *schema)
{
    return schema != NULL ? schema->error : "";
}

/* The first failure, or that the type is finished. */
static maiko_status open_status(maiko_schema *schema)
{
    if (schema == NULL)
        return MAIKO_EINVAL;
    if (schema->finished)
        return MAIKO_ESTATE;
    return schema->status;
}

maiko_status maiko_schema_topic(maiko_schema *schema, const char *topic)
{
    maiko_status status = open_status(schema);

    if (status == MAIKO_OK)
        schema->type.topic = topic != NULL ? schema_copy_text(schema, topic, strlen(topic)) : NULL;
    return status == MAIKO_OK ? schema->status : status;
}

maiko_status maiko_schema_policy(maiko_schema *schema, maiko_overflow overflow, bool sticky, bool control)
{
    maiko_status status = open_status(schema);

    if (status != MAIKO_OK)
        return status;
    schema->type.overflow = overflow;
    schema->type.sticky = sticky;
    schema->type.control = control;
    return MAIKO_OK;
}

static maiko_status grow_fields(maiko_schema *schema, struct schema_level *level)
{
    size_t room = level->room > 0 ? 2 * level->room : 8;
    maiko_field *fields = schema_alloc(schema, room * sizeof(*fields));

    if (fields == NULL)
        return schema->status;
    if (level->count > 0)
        memcpy(fields, level->fields, level->count * sizeof(*fields));
    level->fields = fields;
    level->room = room;
    return MAIKO_OK;
}

maiko_status schema_append(maiko_schema *schema, const maiko_field *field)
{
    struct schema_level *level = &schema->levels[schema->depth];

    if (level->count == MAIKO_FIELDS_MAX || schema->field_total == MAIKO_SCHEMA_FIELDS_MAX)
        return schema_fail(schema, MAIKO_ELIMIT, "field %s: too many fields", field->name);
    if (level->count == level->room && grow_fields(schema, level) != MAIKO_OK)
        return schema->status;
    level->fields[level->count++] = *field;
    schema->field_total++;
    return MAIKO_OK;
}

maiko_status schema_open(maiko_schema *schema, const maiko_field *outer, const char *struct_name)
{
    struct schema_level *level;

    if (schema->depth == MAIKO_NESTING_MAX)
        return schema_fail(schema, MAIKO_ELIMIT, "field %s: structs nested more than %d deep", outer->name, MAIKO_NESTING_MAX);
    level = &schema->levels[++schema->depth];
    *level = (struct schema_level){.name = struct_name, .alignment = 1, .outer = *outer};
    return MAIKO_OK;
}

maiko_status schema_close(maiko_schema *schema, size_t size, maiko_field *ret_outer)
{
    struct schema_level *level = &schema->levels[schema->depth];
    maiko_struct *nested = schema_alloc(schema, sizeof(*nested));

    if (nested == NULL)
        return schema->status;
    *nested = (maiko_struct){.name = level->name,
                             .size = size,
                             .fields = level->fields,
                             .field_count = level->count,
                             .field_size = sizeof(maiko_field)};
    *ret_outer = level->outer;
    ret_outer->nested = nested;
    schema->depth--;
    return MAIKO_OK;
}

/* Topic of types that were built without one. */
static const char *no_topic(const void *event, char *buffer, size_t size)
{
    (void)event;
    (void)buffer;
    (void)size;
    return NULL;
}

static bool level_is_plain(const struct schema_level *level)
{
    size_t i;

    for (i = 0; i < level->count; i++) {
        const maiko_field *field = &level->fields[i];

        if (field->form == MAIKO_FORM_TAIL || field->kind == MAIKO_KIND_STRUCT || field->kind == MAIKO_KIND_BOOL ||
            field->kind == MAIKO_KIND_STRING || field->kind == MAIKO_KIND_BLOB)
            return false;
    }
    return true;
}

maiko_status schema_complete(maiko_schema *schema, size_t size)
{
    const struct schema_level *level = &schema->levels[0];
    maiko_event_type *type = &schema->type;
    struct text error;
    char reason[sizeof(schema->error)];
    maiko_status status;

    type->struct_size = sizeof(*type);
    type->name = level->name;
    type->size = size;
    type->fields = level->fields;
    type->field_count = level->count;
    type->field_size = sizeof(maiko_field);
    type->plain = level_is_plain(level);
    if (schema->has_tail && level->count > 0)
        type->tail_size = level->fields[level->count - 1].size;
    if (type->topic == NULL)
        type->topic_of = no_topic;
    text_init_buffer(&error, reason, sizeof(reason));
    status = schema_check(type, &error);
    if (status != MAIKO_OK)
        return schema_fail(schema, status, "%s", reason);
    schema->finished = true;
    return MAIKO_OK;
}

/* ---- Fields with the layout a C compiler gives them ---- */

static size_t round_up(size_t size, size_t alignment)
{
    return (size + alignment - 1) / alignment * alignment;
}

static size_t kind_alignment(maiko_kind kind)
{
    size_t size = kind_size(kind);

    return kind == MAIKO_KIND_BLOB ? sizeof(uint32_t)
           : size > 0              ? size
                                   : 1; /* every kind is aligned to its size, up to 8 bytes */
}

/* A field of the open level with a copy of its name, not yet placed. */
static maiko_status begin_field(maiko_schema *schema, const char *name, maiko_field *ret_field)
{
    maiko_status status = open_status(schema);
    struct layout layout;
    char *copy;

    if (status != MAIKO_OK)
        return status;
    if (!schema_is_field_name(name))
        return schema_fail(schema, MAIKO_ENAME, "name of a field is not an identifier of 1 to %d bytes", MAIKO_NAME_MAX);
    layout = (struct layout){.fields = schema->levels[schema->depth].fields,
                             .count = schema->levels[schema->depth].count,
                             .field_size = sizeof(maiko_field)};
    if (layout_find(&layout, name, strlen(name)) != NULL)
        return schema_fail(schema, MAIKO_ENAME, "two fields named %s", name);
    if (schema->has_tail && schema->depth == 0)
        return schema_fail(schema, MAIKO_ETYPE, "field %s: behind the tail", name);
    copy = schema_copy_text(schema, name, strlen(name));
    if (copy == NULL)
        return schema->status;
    *ret_field = (maiko_field){.name = copy, .form = MAIKO_FORM_ONE, .count = 1};
    return MAIKO_OK;
}

/* Gives the field its offset and appends it. */
static maiko_status place_field(maiko_schema *schema, maiko_field *field, size_t alignment)
{
    struct schema_level *level = &schema->levels[schema->depth];
    size_t offset;

    if (field->form == MAIKO_FORM_TAIL) {
        offset = round_up(level->end, MAIKO_TAIL_ALIGNMENT) + sizeof(uint64_t);
        alignment = MAIKO_TAIL_ALIGNMENT;
        schema->has_tail = true;
    } else {
        offset = round_up(level->end, alignment);
    }
    if (offset > MAIKO_EVENT_MAX || field->size > MAIKO_EVENT_MAX ||
        (uint64_t)field->count * field->size > MAIKO_EVENT_MAX - offset)
        return schema_fail(schema, MAIKO_ETOOLONG, "field %s: more than %d bytes", field->name, MAIKO_EVENT_MAX);
    field->offset = (uint32_t)offset;
    level->end = offset + (size_t)field->count * field->size;
    if (level->alignment < alignment)
        level->alignment = alignment;
    return schema_append(schema, field);
}

/* Form and count of an array, or of one element when count is 0 and that is allowed. */
static maiko_status set_count(maiko_schema *schema, maiko_field *field, size_t count)
{
    if (count > MAIKO_EVENT_MAX)
        return schema_fail(schema, MAIKO_ETOOLONG, "field %s: more than %d elements", field->name, MAIKO_EVENT_MAX);
    if (count > 0) {
        field->form = MAIKO_FORM_ARRAY;
        field->count = (uint32_t)count;
    }
    return MAIKO_OK;
}

static maiko_status add_scalar(maiko_schema *schema, maiko_kind kind, const char *name, size_t count)
{
    maiko_field field;
    maiko_status status = begin_field(schema, name, &field);

    if (status != MAIKO_OK)
        return status;
    if (!kind_is_scalar(kind) || kind == MAIKO_KIND_ENUM)
        return schema_fail(schema, MAIKO_ETYPE, "field %s: %s is not a kind of number", name, maiko_kind_name(kind));
    field.kind = (uint8_t)kind;
    field.size = (uint32_t)kind_size(kind);
    status = set_count(schema, &field, count);
    return status == MAIKO_OK ? place_field(schema, &field, kind_alignment(kind)) : status;
}

maiko_status maiko_schema_add(maiko_schema *schema, maiko_kind kind, const char *name)
{
    return add_scalar(schema, kind, name, 0);
}

maiko_status maiko_schema_add_array(maiko_schema *schema, maiko_kind kind, const char *name, size_t count)
{
    maiko_status status = open_status(schema);

    if (status != MAIKO_OK)
        return status;
    if (count == 0)
        return schema_fail(schema, MAIKO_ETYPE, "an array of 0 elements");
    return add_scalar(schema, kind, name, count);
}

static maiko_status add_sized(maiko_schema *schema, maiko_kind kind, const char *name, size_t capacity)
{
    maiko_field field;
    maiko_status status = begin_field(schema, name, &field);

    if (status != MAIKO_OK)
        return status;
    if (capacity < 1 || capacity > MAIKO_EVENT_MAX)
        return schema_fail(schema, MAIKO_ETOOLONG, "field %s: capacity is not 1 to %d bytes", name, MAIKO_EVENT_MAX);
    field.kind = (uint8_t)kind;
    field.capacity = (uint32_t)capacity;
    field.size = (uint32_t)(kind == MAIKO_KIND_STRING ? capacity : round_up(sizeof(uint32_t) + capacity, sizeof(uint32_t)));
    return place_field(schema, &field, kind_alignment(kind));
}

maiko_status maiko_schema_add_string(maiko_schema *schema, const char *name, size_t capacity)
{
    return add_sized(schema, MAIKO_KIND_STRING, name, capacity);
}

maiko_status maiko_schema_add_blob(maiko_schema *schema, const char *name, size_t capacity)
{
    return add_sized(schema, MAIKO_KIND_BLOB, name, capacity);
}

static const maiko_enum *copy_labels(maiko_schema *schema, const maiko_enum *labels)
{
    maiko_enum *copy = schema_alloc(schema, sizeof(*copy));
    maiko_label *rows = schema_alloc(schema, labels->label_count * sizeof(*rows));
    size_t i;

    if (copy == NULL || rows == NULL)
        return NULL;
    *copy = (maiko_enum){
        .name = schema_copy_text(schema, labels->name, strlen(labels->name)), .labels = rows, .label_count = labels->label_count};
    for (i = 0; i < labels->label_count && schema->status == MAIKO_OK; i++) {
        const char *label = labels->labels[i].label;

        if (!schema_is_label(label))
            schema_fail(schema, MAIKO_ENAME, "enum %s: bad label %zu", labels->name, i);
        else
            rows[i] = (maiko_label){.label = schema_copy_text(schema, label, strlen(label)), .value = labels->labels[i].value};
    }
    return schema->status == MAIKO_OK ? copy : NULL;
}

maiko_status maiko_schema_add_enum(maiko_schema *schema, const char *name, const maiko_enum *labels, size_t count)
{
    maiko_field field;
    maiko_status status = begin_field(schema, name, &field);

    if (status != MAIKO_OK)
        return status;
    if (labels == NULL || labels->labels == NULL || labels->label_count == 0)
        return schema_fail(schema, MAIKO_EINVAL, "field %s: an enum needs labels", name);
    if (labels->label_count > MAIKO_LABELS_MAX)
        return schema_fail(schema, MAIKO_ELIMIT, "field %s: more than %d labels", name, MAIKO_LABELS_MAX);
    if (!schema_is_type_name(labels->name))
        return schema_fail(schema, MAIKO_ENAME, "field %s: bad name of an enum", name);
    field.kind = MAIKO_KIND_ENUM;
    field.size = (uint32_t)kind_size(MAIKO_KIND_ENUM);
    field.labels = copy_labels(schema, labels);
    if (field.labels == NULL)
        return schema->status;
    status = set_count(schema, &field, count);
    return status == MAIKO_OK ? place_field(schema, &field, kind_alignment(MAIKO_KIND_ENUM)) : status;
}

maiko_status maiko_schema_add_tail(maiko_schema *schema, maiko_kind kind, const char *name)
{
    maiko_field field;
    maiko_status status = begin_field(schema, name, &field);

    if (status != MAIKO_OK)
        return status;
    if (schema->depth > 0)
        return schema_fail(schema, MAIKO_ETYPE, "field %s: a tail inside of a struct", name);
    if (kind != MAIKO_KIND_TEXT && kind != MAIKO_KIND_BYTES && (!kind_is_scalar(kind) || kind == MAIKO_KIND_ENUM))
        return schema_fail(schema, MAIKO_ETYPE, "field %s: no tail of %s", name, maiko_kind_name(kind));
    field.kind = (uint8_t)kind;
    field.form = MAIKO_FORM_TAIL;
    field.size = (uint32_t)kind_size(kind);
    field.count = 0;
    return place_field(schema, &field, MAIKO_TAIL_ALIGNMENT);
}

static maiko_status open_struct(maiko_schema *schema, maiko_field *field, const char *struct_name)
{
    char *copy;

    field->kind = MAIKO_KIND_STRUCT;
    if (!schema_is_type_name(struct_name))
        return schema_fail(schema, MAIKO_ENAME, "field %s: bad name of a struct", field->name);
    copy = schema_copy_text(schema, struct_name, strlen(struct_name));
    return copy != NULL ? schema_open(schema, field, copy) : schema->status;
}

maiko_status maiko_schema_open_struct(maiko_schema *schema, const char *name, const char *struct_name, size_t count)
{
    maiko_field field;
    maiko_status status = begin_field(schema, name, &field);

    if (status == MAIKO_OK)
        status = set_count(schema, &field, count);
    return status == MAIKO_OK ? open_struct(schema, &field, struct_name) : status;
}

maiko_status maiko_schema_open_tail(maiko_schema *schema, const char *name, const char *struct_name)
{
    maiko_field field;
    maiko_status status = begin_field(schema, name, &field);

    if (status != MAIKO_OK)
        return status;
    if (schema->depth > 0)
        return schema_fail(schema, MAIKO_ETYPE, "field %s: a tail inside of a struct", name);
    field.form = MAIKO_FORM_TAIL;
    field.count = 0;
    return open_struct(schema, &field, struct_name);
}

maiko_status maiko_schema_close_struct(maiko_schema *schema)
{
    maiko_status status = open_status(schema);
    const struct schema_level *level;
    maiko_field field;
    size_t alignment, size;

    if (status != MAIKO_OK)
        return status;
    if (schema->depth == 0)
        return schema_fail(schema, MAIKO_ESTATE, "no struct is open");
    level = &schema->levels[schema->depth];
    alignment = level->alignment;
    size = level->end > 0 ? round_up(level->end, alignment) : 1;
    status = schema_close(schema, size, &field);
    if (status != MAIKO_OK)
        return status;
    field.size = (uint32_t)size;
    return place_field(schema, &field, alignment);
}

maiko_status maiko_schema_finish(maiko_schema *schema, const maiko_event_type **ret_type)
{
    const struct schema_level *level;
    maiko_status status;

    if (schema == NULL || ret_type == NULL)
        return MAIKO_EINVAL;
    if (!schema->finished) {
        if (schema->status == MAIKO_OK && schema->depth > 0)
            schema_fail(schema, MAIKO_ESTATE, "struct %s is still open", schema->levels[schema->depth].name);
        level = &schema->levels[0];
        status = schema->status;
        if (status == MAIKO_OK)
            status = schema_complete(schema, level->end > 0 ? round_up(level->end, level->alignment) : 1);
        if (status != MAIKO_OK)
            return status;
    }
    *ret_type = &schema->type;
    return MAIKO_OK;
}
