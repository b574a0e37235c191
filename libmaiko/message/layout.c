#include "message/layout.h"

#include <maiko/schema.h>

const maiko_field *layout_find(const struct layout *layout, const char *name, size_t len)
{
    size_t i;

    for (i = 0; i < layout->count; i++) {
        const maiko_field *field = layout_field(layout, i);

        if (strncmp(field->name, name, len) == 0 && field->name[len] == '\0')
            return field;
    }
    return NULL;
}

size_t kind_size(maiko_kind kind)
{
    switch (kind) {
#define KIND_SIZE(name, number, text, bytes)                                                                                     \
    case name:                                                                                                                   \
        return bytes;
        MAIKO_KIND_MAP(KIND_SIZE)
#undef KIND_SIZE
    }
    return 0;
}

bool kind_is_integer(maiko_kind kind)
{
    return kind >= MAIKO_KIND_INT8 && kind <= MAIKO_KIND_UINT64;
}

bool kind_is_signed(maiko_kind kind)
{
    return kind >= MAIKO_KIND_INT8 && kind <= MAIKO_KIND_INT64;
}

bool kind_is_scalar(maiko_kind kind)
{
    return (kind >= MAIKO_KIND_BOOL && kind <= MAIKO_KIND_DOUBLE) || kind == MAIKO_KIND_ENUM;
}

union field_number field_load(const maiko_field *field, const void *at)
{
    union field_number number = {.u = 0};
    unsigned shift;

    memcpy(&number.u, at, field->size); /* little-endian, as configure insists */
    shift = 64 - 8 * field->size;
    if (kind_is_signed((maiko_kind)field->kind) || field->kind == MAIKO_KIND_ENUM)
        number.i = (int64_t)(number.u << shift) >> shift;
    return number;
}

bool kind_fits(maiko_kind kind, union field_number number, bool negative)
{
    size_t bits = 8 * kind_size(kind);
    uint64_t limit;

    if (kind == MAIKO_KIND_BOOL)
        return number.u <= 1;
    if (!kind_is_signed(kind) && kind != MAIKO_KIND_ENUM)
        return !negative && (bits == 64 || number.u >> bits == 0);
    limit = UINT64_C(1) << (bits - 1);
    return negative ? 0 - number.u <= limit : number.u < limit;
}

const char *maiko_kind_name(maiko_kind kind)
{
    switch (kind) {
#define KIND_NAME(name, number, text, bytes)                                                                                     \
    case name:                                                                                                                   \
        return text;
        MAIKO_KIND_MAP(KIND_NAME)
#undef KIND_NAME
    }
    return "?";
}

static const maiko_field *field_at(struct layout layout, size_t index)
{
    return index < layout.count && layout.fields != NULL ? layout_field(&layout, index) : NULL;
}

static const maiko_field *field_named(struct layout layout, const char *name)
{
    return name != NULL && layout.fields != NULL ? layout_find(&layout, name, strlen(name)) : NULL;
}

const maiko_field *maiko_event_field(const maiko_event_type *type, size_t index)
{
    return type != NULL ? field_at(layout_of_type(type), index) : NULL;
}

const maiko_field *maiko_event_find_field(const maiko_event_type *type, const char *name)
{
    return type != NULL ? field_named(layout_of_type(type), name) : NULL;
}

const maiko_field *maiko_struct_field(const maiko_struct *nested, size_t index)
{
    return nested != NULL ? field_at(layout_of_struct(nested), index) : NULL;
}

const maiko_field *maiko_struct_find_field(const maiko_struct *nested, const char *name)
{
    return nested != NULL ? field_named(layout_of_struct(nested), name) : NULL;
}

const char *maiko_enum_label(const maiko_enum *labels, int32_t value)
{
    size_t i;

    for (i = 0; labels != NULL && i < labels->label_count; i++) {
        if (labels->labels[i].value == value)
            return labels->labels[i].label;
    }
    return NULL;
}

maiko_status maiko_enum_value(const maiko_enum *labels, const char *label, int32_t *ret_value)
{
    size_t i;

    if (labels == NULL || label == NULL || ret_value == NULL)
        return MAIKO_EINVAL;
    for (i = 0; i < labels->label_count; i++) {
        if (strcmp(labels->labels[i].label, label) == 0) {
            *ret_value = labels->labels[i].value;
            return MAIKO_OK;
        }
    }
    return MAIKO_ENOTFOUND;
}
