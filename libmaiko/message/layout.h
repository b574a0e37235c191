/* Layout: the fields of an event type or of a nested struct, seen in one way.  Tables made by programs compiled with older or
 * newer headers have rows of another size, so rows are only reached through here. */
#ifndef MESSAGE_LAYOUT_H
#define MESSAGE_LAYOUT_H

#include <maiko/event.h>

struct layout {
    const char *name;
    const maiko_field *fields;
    size_t count;
    size_t field_size;
    size_t size; /* bytes of the fixed part */
};

static inline struct layout layout_of_type(const maiko_event_type *type)
{
    return (struct layout){.name = type->name,
                           .fields = type->fields != NULL || type->field_table == NULL ? type->fields : type->field_table(),
                           .count = type->field_count,
                           .field_size = type->field_size,
                           .size = type->size};
}

static inline struct layout layout_of_struct(const maiko_struct *nested)
{
    return (struct layout){.name = nested->name,
                           .fields =
                               nested->fields != NULL || nested->field_table == NULL ? nested->fields : nested->field_table(),
                           .count = nested->field_count,
                           .field_size = nested->field_size,
                           .size = nested->size};
}

/* index must be below layout->count. */
static inline const maiko_field *layout_field(const struct layout *layout, size_t index)
{
    return (const maiko_field *)(const void *)((const char *)layout->fields + index * layout->field_size);
}

/* NULL when there is none.  The name need not end with a NUL. */
const maiko_field *layout_find(const struct layout *layout, const char *name, size_t len);

/* Elements of the field in this event or struct; `tail_count` is what the event says of its tail. */
static inline size_t layout_element_count(const maiko_field *field, size_t tail_count)
{
    return field->form == MAIKO_FORM_TAIL ? tail_count : field->count;
}

/* Bytes of one element of a kind, 0 when the field says. */
size_t kind_size(maiko_kind kind);

bool kind_is_integer(maiko_kind kind);
bool kind_is_signed(maiko_kind kind);

/* A kind that ARRAY and TAIL may repeat and whose element is one number or truth value. */
bool kind_is_scalar(maiko_kind kind);

/* The value of an integer, BOOL or ENUM element, widened with its sign. */
union field_number {
    int64_t i;
    uint64_t u;
};
union field_number field_load(const maiko_field *field, const void *at);

/* Does the value fit into the kind?  `negative` says that i is meant and below 0. */
bool kind_fits(maiko_kind kind, union field_number number, bool negative);

#endif
