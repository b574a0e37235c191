/* Schema check: refuses every descriptor that could make other code read or write outside of an event. */
#include "base/utf8.h"
#include "message/layout.h"
#include "message/schema.h"
#include <maiko/topic.h>

struct check {
    const maiko_event_type *type;
    struct text *error;    /* may be NULL */
    size_t fields_left;    /* of MAIKO_SCHEMA_FIELDS_MAX: hand-made structs may nest each other exponentially */
    bool needs_validation; /* a field was seen that `plain` must not claim away */
};

static maiko_status refuse(struct check *check, const char *format, ...) MAIKO_PRINTF(2, 3);

static maiko_status refuse(struct check *check, const char *format, ...)
{
    va_list args;

    if (check->error != NULL) {
        va_start(args, format);
        text_append_vformat(check->error, format, args);
        va_end(args);
    }
    return MAIKO_ETYPE;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(const char *name, const char *further)
{
    size_t i;

    if (name == NULL || !is_letter(name[0]))
        return false;
    for (i = 0; name[i] != '\0'; i++) {
        if (i == MAIKO_NAME_MAX)
            return false;
        if (!is_letter(name[i]) && !(name[i] >= '0' && name[i] <= '9') && strchr(further, name[i]) == NULL)
            return false;
    }
    return true;
}

bool schema_is_field_name(const char *name)
{
    return is_name(name, "");
}

bool schema_is_type_name(const char *name)
{
    return is_name(name, ".:-");
}

bool schema_is_label(const char *label)
{
    size_t len = label != NULL ? strnlen(label, MAIKO_NAME_MAX + 1) : 0;
    size_t i;

    for (i = 0; i < len; i++) {
        if ((unsigned char)label[i] < 0x20 || label[i] == 0x7f)
            return false;
    }
    return len > 0 && len <= MAIKO_NAME_MAX && utf8_is_valid(label, len);
}

static maiko_status check_labels(struct check *check, const maiko_field *field)
{
    const maiko_enum *labels = field->labels;
    size_t i;

    if (labels == NULL || labels->labels == NULL || labels->label_count == 0)
        return refuse(check, "field %s: an enum needs labels", field->name);
    if (!schema_is_type_name(labels->name))
        return refuse(check, "field %s: bad name of an enum", field->name);
    if (labels->label_count > MAIKO_LABELS_MAX)
        return refuse(check, "field %s: enum %s has more than %d labels", field->name, labels->name, MAIKO_LABELS_MAX);
    for (i = 0; i < labels->label_count; i++) {
        if (!schema_is_label(labels->labels[i].label))
            return refuse(check, "field %s: enum %s: label %zu is not 1 to %d bytes of printable text", field->name, labels->name,
                          i, MAIKO_NAME_MAX);
    }
    return MAIKO_OK;
}

/* One element's size against what its kind needs. */
static maiko_status check_element(struct check *check, const maiko_field *field)
{
    size_t fixed = kind_size((maiko_kind)field->kind);

    switch ((maiko_kind)field->kind) {
    case MAIKO_KIND_STRING:
        if (field->capacity < 1 || field->size != field->capacity)
            return refuse(check, "field %s: a string's size must be its capacity and at least 1", field->name);
        break;
    case MAIKO_KIND_BLOB:
        if (field->capacity < 1 || field->size < sizeof(uint32_t) || field->size - sizeof(uint32_t) < field->capacity)
            return refuse(check, "field %s: a blob of capacity %u does not fit into %u bytes", field->name, field->capacity,
                          field->size);
        break;
    case MAIKO_KIND_ENUM:
        if (field->size != fixed)
            return refuse(check, "field %s: an enum has 4 bytes, not %u", field->name, field->size);
        return check_labels(check, field);
    case MAIKO_KIND_POINTER:
        if (!check->type->local_only)
            return refuse(check, "field %s: a pointer in a type that is not local_only", field->name);
        if (field->size != sizeof(void *))
            return refuse(check, "field %s: a pointer of %u bytes", field->name, field->size);
        break;
    case MAIKO_KIND_STRUCT:
        if (field->nested == NULL || field->size == 0 || field->nested->size != field->size)
            return refuse(check, "field %s: its size is not that of the nested struct", field->name);
        break;
    case MAIKO_KIND_TEXT:
    case MAIKO_KIND_BYTES:
        if (field->form != MAIKO_FORM_TAIL)
            return refuse(check, "field %s: %s outside of a tail", field->name, maiko_kind_name((maiko_kind)field->kind));
        break;
    default:
        if (fixed == 0)
            return refuse(check, "field %s: unknown kind %u", field->name, field->kind);
        break;
    }
    if (fixed != 0 && field->size != fixed && field->kind != MAIKO_KIND_POINTER)
        return refuse(check, "field %s: %s has %zu bytes, not %u", field->name, maiko_kind_name((maiko_kind)field->kind), fixed,
                      field->size);
    return MAIKO_OK;
}

/* Where the field ends in the fixed part is left in *end, which comes as the end of the field before. */
static maiko_status check_place(struct check *check, const struct layout *layout, const maiko_field *field, bool tail_allowed,
                                size_t *end)
{
    bool repeats = kind_is_scalar((maiko_kind)field->kind) || field->kind == MAIKO_KIND_STRUCT;

    if (field->form == MAIKO_FORM_TAIL) {
        if (!tail_allowed)
            return refuse(check, "field %s: a tail must be the last field of an event", field->name);
        if (field->kind == MAIKO_KIND_ENUM || !(repeats || kind_size((maiko_kind)field->kind) == 1))
            return refuse(check, "field %s: no tail of %s", field->name, maiko_kind_name((maiko_kind)field->kind));
        if (field->offset != layout->size || layout->size % MAIKO_TAIL_ALIGNMENT != 0 || layout->size < *end + sizeof(uint64_t))
            return refuse(check, "field %s: a tail begins at the end of the fixed part, behind its count", field->name);
        if (field->size != check->type->tail_size || field->count != 0)
            return refuse(check, "field %s: element size or count of the tail", field->name);
        return MAIKO_OK;
    }
    if (field->form == MAIKO_FORM_ARRAY ? !repeats : field->form != MAIKO_FORM_ONE || field->count != 1)
        return refuse(check, "field %s: no such form of %s", field->name, maiko_kind_name((maiko_kind)field->kind));
    if (field->count == 0)
        return refuse(check, "field %s: an array of 0 elements", field->name);
    if (field->offset < *end)
        return refuse(check, "field %s: overlaps the field before it", field->name);
    if (field->offset > layout->size || field->count > (layout->size - field->offset) / field->size)
        return refuse(check, "field %s: reaches past the end", field->name);
    *end = field->offset + (size_t)field->count * field->size;
    return MAIKO_OK;
}

static maiko_status check_names(struct check *check, const struct layout *layout)
{
    size_t i;

    for (i = 0; i < layout->count; i++) {
        const char *name = layout_field(layout, i)->name;

        if (!schema_is_field_name(name))
            return refuse(check, "%s: name of field %zu is not an identifier of 1 to %d bytes", layout->name, i, MAIKO_NAME_MAX);
        if (layout_find(layout, name, strlen(name)) != layout_field(layout, i))
            return refuse(check, "%s: two fields named %s", layout->name, name);
    }
    return MAIKO_OK;
}

static maiko_status check_layout_head(struct check *check, const struct layout *layout)
{
    if (!schema_is_type_name(layout->name))
        return refuse(check, "name of a type is not 1 to %d letters, digits, _ . : - that begin with a letter", MAIKO_NAME_MAX);
    if (layout->size < 1 || layout->size > MAIKO_EVENT_MAX)
        return refuse(check, "%s: size %zu is not 1 to %d", layout->name, layout->size, MAIKO_EVENT_MAX);
    if (layout->count > MAIKO_FIELDS_MAX || layout->count > check->fields_left)
        return refuse(check, "%s: too many fields", layout->name);
    if (layout->count > 0 && layout->fields == NULL)
        return refuse(check, "%s: no table of fields", layout->name);
    if (layout->field_size < sizeof(maiko_field) || layout->field_size > 4096 || layout->field_size % _Alignof(maiko_field) != 0)
        return refuse(check, "%s: field_size %zu", layout->name, layout->field_size);
    check->fields_left -= layout->count;
    return check_names(check, layout);
}

static maiko_status check_layout(struct check *check, struct layout layout, unsigned depth)
{
    maiko_status status = check_layout_head(check, &layout);
    size_t end = 0;
    size_t i;

    for (i = 0; status == MAIKO_OK && i < layout.count; i++) {
        const maiko_field *field = layout_field(&layout, i);

        status = check_element(check, field);
        if (status == MAIKO_OK)
            status = check_place(check, &layout, field, depth == 0 && i + 1 == layout.count, &end);
        if (status == MAIKO_OK && field->kind == MAIKO_KIND_STRUCT) {
            if (depth == MAIKO_NESTING_MAX)
                return refuse(check, "field %s: structs nested more than %d deep", field->name, MAIKO_NESTING_MAX);
            status = check_layout(check, layout_of_struct(field->nested), depth + 1);
        }
        if (field->kind == MAIKO_KIND_BOOL || field->kind == MAIKO_KIND_STRING || field->kind == MAIKO_KIND_BLOB ||
            field->form == MAIKO_FORM_TAIL)
            check->needs_validation = true;
    }
    return status;
}

static maiko_status check_options(struct check *check)
{
    const maiko_event_type *type = check->type;
    const maiko_field *last = type->field_count > 0 ? maiko_event_field(type, type->field_count - 1) : NULL;

    if (type->tail_size != 0 && (last == NULL || last->form != MAIKO_FORM_TAIL))
        return refuse(check, "%s: a tail_size but no tail", type->name);
    if (type->plain && check->needs_validation)
        return refuse(check, "%s: plain, but not every value of its bytes is legal", type->name);
    if ((unsigned)type->overflow > MAIKO_FAIL)
        return refuse(check, "%s: unknown overflow policy %d", type->name, (int)type->overflow);
    if (type->topic == NULL && type->topic_of == NULL)
        return refuse(check, "%s: neither topic nor topic_of", type->name);
    if (type->topic != NULL && maiko_topic_check(type->topic) != MAIKO_OK)
        return refuse(check, "%s: its topic is not a topic name", type->name);
    if (type->destroy != NULL && !type->local_only)
        return refuse(check, "%s: a destroy function in a type that is not local_only", type->name);
    return MAIKO_OK;
}

maiko_status schema_check(const maiko_event_type *type, struct text *error)
{
    struct check check = {.type = type, .error = error, .fields_left = MAIKO_SCHEMA_FIELDS_MAX};
    maiko_status status;

    if (type == NULL)
        return MAIKO_EINVAL;
    if (type->struct_size < sizeof(maiko_event_type))
        return refuse(&check, "struct_size %zu is smaller than any version's", type->struct_size);
    status = check_layout(&check, layout_of_type(type), 0);
    return status == MAIKO_OK ? check_options(&check) : status;
}

maiko_status maiko_schema_check(const maiko_event_type *type, char *text, size_t size)
{
    struct text error;

    if (text == NULL || size == 0)
        return schema_check(type, NULL);
    text_init_buffer(&error, text, size);
    return schema_check(type, &error);
}
