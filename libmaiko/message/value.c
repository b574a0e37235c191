/* Values: paths to places in an event, and what may be read and written there. */
#include <maiko/value.h>

#include <math.h>

#include "message/layout.h"
#include "message/schema.h"

/* What a path leads to: one element, or a whole array or tail. */
struct place {
    const maiko_field *field;
    size_t offset;
    size_t count; /* elements from offset on */
    bool whole;   /* an array or tail without an index */
};

/* [number] at *at, which moves behind it. */
static bool parse_index(const char **at, size_t count, size_t *ret_index)
{
    const char *digit = *at + 1;
    size_t index = 0;

    if (*digit < '0' || *digit > '9')
        return false;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        index = index * 10 + (size_t)(*digit - '0');
        if (index >= count)
            return false;
    }
    if (*digit != ']')
        return false;
    *at = digit + 1;
    *ret_index = index;
    return true;
}

/* One name with its index; *at moves behind it, *place comes with the offset of the struct it is looked up in. */
static bool find_step(const struct layout *layout, const char **at, size_t tail_count, struct place *place)
{
    size_t len = strcspn(*at, ".[");
    size_t index;

    place->field = layout_find(layout, *at, len);
    if (place->field == NULL)
        return false;
    place->offset += place->field->offset;
    place->count = layout_element_count(place->field, tail_count);
    place->whole = place->field->form != MAIKO_FORM_ONE;
    *at += len;
    if (**at != '[')
        return true;
    if (!place->whole || !parse_index(at, place->count, &index))
        return false;
    place->offset += index * place->field->size;
    place->count = 1;
    place->whole = false;
    return true;
}

static maiko_status find_place(const maiko_event_type *type, const void *event, size_t len, const char *path,
                               struct place *ret_place)
{
    struct layout layout;
    size_t tail_count;
    maiko_status status;
    const char *at = path;

    if (type == NULL || event == NULL || path == NULL)
        return MAIKO_EINVAL;
    status = schema_validate(type, event, len);
    if (status != MAIKO_OK)
        return status;
    *ret_place = (struct place){.offset = 0};
    layout = layout_of_type(type);
    tail_count = (size_t)maiko_event_tail_count(type, event);
    for (;;) {
        if (!find_step(&layout, &at, tail_count, ret_place))
            return MAIKO_ENOTFOUND;
        if (*at == '\0')
            return MAIKO_OK;
        if (*at != '.' || ret_place->whole || ret_place->field->kind != MAIKO_KIND_STRUCT)
            return MAIKO_ENOTFOUND;
        at++;
        layout = layout_of_struct(ret_place->field->nested);
        tail_count = 0;
    }
}

static bool is_whole_number(const struct place *place)
{
    maiko_kind kind = (maiko_kind)place->field->kind;

    return !place->whole && (kind_is_integer(kind) || kind == MAIKO_KIND_BOOL || kind == MAIKO_KIND_ENUM);
}

static bool is_signed(const struct place *place)
{
    return kind_is_signed((maiko_kind)place->field->kind) || place->field->kind == MAIKO_KIND_ENUM;
}

/* The place of one integer, BOOL or ENUM. */
static maiko_status find_integer(const maiko_event_type *type, const void *event, size_t len, const char *path,
                                 struct place *ret_place)
{
    maiko_status status = find_place(type, event, len, path, ret_place);

    return status == MAIKO_OK && !is_whole_number(ret_place) ? MAIKO_ETYPE : status;
}

maiko_status maiko_value_get_int(const maiko_event_type *type, const void *event, size_t len, const char *path,
                                 int64_t *ret_value)
{
    union field_number number;
    struct place place;
    maiko_status status = ret_value != NULL ? find_integer(type, event, len, path, &place) : MAIKO_EINVAL;

    if (status != MAIKO_OK)
        return status;
    number = field_load(place.field, (const char *)event + place.offset);
    if (!is_signed(&place) && number.u > INT64_MAX)
        return MAIKO_ELIMIT;
    *ret_value = number.i;
    return MAIKO_OK;
}

maiko_status maiko_value_get_uint(const maiko_event_type *type, const void *event, size_t len, const char *path,
                                  uint64_t *ret_value)
{
    union field_number number;
    struct place place;
    maiko_status status = ret_value != NULL ? find_integer(type, event, len, path, &place) : MAIKO_EINVAL;

    if (status != MAIKO_OK)
        return status;
    number = field_load(place.field, (const char *)event + place.offset);
    if (is_signed(&place) && number.i < 0)
        return MAIKO_ELIMIT;
    *ret_value = number.u;
    return MAIKO_OK;
}

static bool is_real(const struct place *place)
{
    return !place->whole && (place->field->kind == MAIKO_KIND_FLOAT || place->field->kind == MAIKO_KIND_DOUBLE);
}

maiko_status maiko_value_get_double(const maiko_event_type *type, const void *event, size_t len, const char *path,
                                    double *ret_value)
{
    struct place place;
    maiko_status status = ret_value != NULL ? find_place(type, event, len, path, &place) : MAIKO_EINVAL;
    float as_float;

    if (status != MAIKO_OK)
        return status;
    if (!is_real(&place))
        return MAIKO_ETYPE;
    if (place.field->kind == MAIKO_KIND_FLOAT) {
        memcpy(&as_float, (const char *)event + place.offset, sizeof(as_float));
        *ret_value = (double)as_float;
    } else {
        memcpy(ret_value, (const char *)event + place.offset, sizeof(*ret_value));
    }
    return MAIKO_OK;
}

maiko_status maiko_value_get_text(const maiko_event_type *type, const void *event, size_t len, const char *path,
                                  const char **ret_text, size_t *ret_len)
{
    struct place place;
    maiko_status status = ret_text != NULL && ret_len != NULL ? find_place(type, event, len, path, &place) : MAIKO_EINVAL;
    const char *text;

    if (status != MAIKO_OK)
        return status;
    text = (const char *)event + place.offset;
    if (place.field->kind == MAIKO_KIND_TEXT && place.whole) {
        *ret_len = place.count;
    } else if (place.field->kind == MAIKO_KIND_STRING) {
        *ret_len = strlen(text);
    } else if (place.field->kind == MAIKO_KIND_ENUM && !place.whole) {
        text = maiko_enum_label(place.field->labels, (int32_t)field_load(place.field, text).i);
        if (text == NULL)
            return MAIKO_ENOTFOUND;
        *ret_len = strlen(text);
    } else {
        return MAIKO_ETYPE;
    }
    *ret_text = text;
    return MAIKO_OK;
}

maiko_status maiko_value_get_bytes(const maiko_event_type *type, const void *event, size_t len, const char *path,
                                   const void **ret_bytes, size_t *ret_len)
{
    struct place place;
    maiko_status status = ret_bytes != NULL && ret_len != NULL ? find_place(type, event, len, path, &place) : MAIKO_EINVAL;
    const char *bytes;
    uint32_t len32;

    if (status != MAIKO_OK)
        return status;
    bytes = (const char *)event + place.offset;
    if (place.field->kind == MAIKO_KIND_BYTES && place.whole) {
        *ret_len = place.count;
        *ret_bytes = bytes;
    } else if (place.field->kind == MAIKO_KIND_BLOB) {
        memcpy(&len32, bytes, sizeof(len32));
        *ret_len = len32;
        *ret_bytes = bytes + sizeof(len32);
    } else {
        return MAIKO_ETYPE;
    }
    return MAIKO_OK;
}

maiko_status maiko_value_count(const maiko_event_type *type, const void *event, size_t len, const char *path, size_t *ret_count)
{
    struct place place;
    maiko_status status = ret_count != NULL ? find_place(type, event, len, path, &place) : MAIKO_EINVAL;

    if (status == MAIKO_OK)
        *ret_count = place.count;
    return status;
}

static maiko_status set_integer(const maiko_event_type *type, void *event, size_t len, const char *path,
                                union field_number number, bool negative)
{
    struct place place;
    maiko_status status = find_integer(type, event, len, path, &place);

    if (status != MAIKO_OK)
        return status;
    if (!kind_fits((maiko_kind)place.field->kind, number, negative))
        return MAIKO_ELIMIT;
    memcpy((char *)event + place.offset, &number, place.field->size);
    return MAIKO_OK;
}

maiko_status maiko_value_set_int(const maiko_event_type *type, void *event, size_t len, const char *path, int64_t value)
{
    return set_integer(type, event, len, path, (union field_number){.i = value}, value < 0);
}

maiko_status maiko_value_set_uint(const maiko_event_type *type, void *event, size_t len, const char *path, uint64_t value)
{
    return set_integer(type, event, len, path, (union field_number){.u = value}, false);
}

maiko_status maiko_value_set_double(const maiko_event_type *type, void *event, size_t len, const char *path, double value)
{
    struct place place;
    maiko_status status = find_place(type, event, len, path, &place);
    float as_float = (float)value;

    if (status != MAIKO_OK)
        return status;
    if (!is_real(&place))
        return MAIKO_ETYPE;
    if (place.field->kind == MAIKO_KIND_FLOAT) {
        if (isfinite(value) && !isfinite(as_float))
            return MAIKO_ELIMIT;
        memcpy((char *)event + place.offset, &as_float, sizeof(as_float));
    } else {
        memcpy((char *)event + place.offset, &value, sizeof(value));
    }
    return MAIKO_OK;
}

maiko_status maiko_value_set_text(const maiko_event_type *type, void *event, size_t len, const char *path, const char *text)
{
    struct place place;
    maiko_status status = text != NULL ? find_place(type, event, len, path, &place) : MAIKO_EINVAL;
    int32_t value = 0;

    if (status != MAIKO_OK)
        return status;
    if (place.field->kind == MAIKO_KIND_STRING)
        return maiko_string_set((char *)event + place.offset, place.field->capacity, text);
    if (place.field->kind != MAIKO_KIND_ENUM || place.whole)
        return MAIKO_ETYPE;
    status = maiko_enum_value(place.field->labels, text, &value);
    if (status == MAIKO_OK)
        memcpy((char *)event + place.offset, &value, sizeof(value));
    return status;
}

maiko_status maiko_value_set_bytes(const maiko_event_type *type, void *event, size_t len, const char *path, const void *bytes,
                                   size_t bytes_len)
{
    struct place place;
    maiko_status status = find_place(type, event, len, path, &place);

    if (status != MAIKO_OK)
        return status;
    if (place.field->kind != MAIKO_KIND_BLOB)
        return MAIKO_ETYPE;
    return maiko_blob_set((char *)event + place.offset, place.field->capacity, bytes, bytes_len);
}
