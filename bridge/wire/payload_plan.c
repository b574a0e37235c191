/* Plan: made once per type, or per pair of our type and a peer's. */
#include "wire/payload_plan.h"

#include <string.h>

#include <maiko/schema.h>

/* A type or a nested struct: the same questions. */
struct fields {
    const maiko_event_type *type;
    const maiko_struct *nested;
    size_t count;
};

static struct fields fields_of_type(const maiko_event_type *type)
{
    return (struct fields){.type = type, .count = type->field_count};
}

static struct fields fields_of_struct(const maiko_struct *nested)
{
    return (struct fields){.nested = nested, .count = nested->field_count};
}

static const maiko_field *field_at(const struct fields *fields, size_t index)
{
    return fields->type != NULL ? maiko_event_field(fields->type, index) : maiko_struct_field(fields->nested, index);
}

/* What two fields must agree in to be the same on the wire. */
enum wire_class { CLASS_BOOL, CLASS_INT, CLASS_FLOAT, CLASS_TEXT, CLASS_BIN, CLASS_ENUM, CLASS_STRUCT, CLASS_NONE };

static enum wire_class class_of(uint8_t kind)
{
    switch (kind) {
    case MAIKO_KIND_BOOL:
        return CLASS_BOOL;
    case MAIKO_KIND_FLOAT:
    case MAIKO_KIND_DOUBLE:
        return CLASS_FLOAT;
    case MAIKO_KIND_STRING:
    case MAIKO_KIND_TEXT:
        return CLASS_TEXT;
    case MAIKO_KIND_BLOB:
    case MAIKO_KIND_BYTES:
        return CLASS_BIN;
    case MAIKO_KIND_ENUM:
        return CLASS_ENUM;
    case MAIKO_KIND_STRUCT:
        return CLASS_STRUCT;
    case MAIKO_KIND_POINTER:
        return CLASS_NONE;
    default:
        return CLASS_INT;
    }
}

static bool is_list(const maiko_field *field)
{
    return field->form != MAIKO_FORM_ONE && field->kind != MAIKO_KIND_TEXT && field->kind != MAIKO_KIND_BYTES;
}

static bool is_compatible(const maiko_field *ours, const maiko_field *theirs)
{
    return class_of(ours->kind) == class_of(theirs->kind) && is_list(ours) == is_list(theirs);
}

static struct shape *shape_free(struct heap *heap, struct shape *shape)
{
    size_t i;

    if (shape == NULL)
        return NULL;
    for (i = 0; shape->fields != NULL && i < shape->count; i++)
        shape_free(heap, shape->fields[i].nested);
    heap_free(heap, shape->fields, shape->count * sizeof(*shape->fields));
    heap_free(heap, shape->order, shape->order_count * sizeof(*shape->order));
    heap_free(heap, shape, sizeof(*shape));
    return NULL;
}

static void set_field(struct shape_field *to, const maiko_field *from)
{
    *to = (struct shape_field){.name = from->name,
                               .name_len = strlen(from->name),
                               .kind = from->kind,
                               .form = from->form,
                               .offset = from->offset,
                               .size = from->size,
                               .count = from->count,
                               .capacity = from->capacity,
                               .labels = from->labels};
}

static int32_t index_of(const struct shape *shape, const char *name)
{
    size_t i;

    for (i = 0; i < shape->count; i++)
        if (strcmp(shape->fields[i].name, name) == 0)
            return (int32_t)i;
    return -1;
}

/* Where each place of the other side's arrays goes. */
static maiko_status set_order(struct heap *heap, struct shape *shape, const struct fields *ours, const struct fields *theirs,
                              struct text *error)
{
    size_t count = theirs != NULL ? theirs->count : ours->count;
    size_t i;

    shape->order = heap_alloc_zeroed(heap, count, sizeof(*shape->order));
    if (shape->order == NULL)
        return MAIKO_ENOMEM;
    shape->order_count = count;
    for (i = 0; i < count; i++) {
        const maiko_field *field = theirs != NULL ? field_at(theirs, i) : NULL;

        shape->order[i] = field != NULL ? index_of(shape, field->name) : (int32_t)i;
        if (field != NULL && shape->order[i] >= 0 && !is_compatible(field_at(ours, (size_t)shape->order[i]), field)) {
            if (error != NULL)
                text_append_format(error, "field %s: %s here, %s there", field->name,
                                   maiko_kind_name(shape->fields[shape->order[i]].kind), maiko_kind_name(field->kind));
            return MAIKO_ETYPE;
        }
    }
    return MAIKO_OK;
}

static const maiko_field *find_struct(const struct fields *fields, const char *name)
{
    size_t i;

    for (i = 0; fields != NULL && i < fields->count; i++) {
        const maiko_field *field = field_at(fields, i);

        if (strcmp(field->name, name) == 0)
            return field->kind == MAIKO_KIND_STRUCT ? field : NULL;
    }
    return NULL;
}

/* Recursion ends at MAIKO_NESTING_MAX: the types have passed maiko_schema_check(). */
static maiko_status shape_new(struct heap *heap, const struct fields *ours, const struct fields *theirs, struct shape **ret_shape,
                              struct text *error)
{
    struct shape *shape = heap_alloc_zeroed(heap, 1, sizeof(*shape));
    maiko_status status = MAIKO_ENOMEM;
    size_t i;

    if (shape == NULL)
        return MAIKO_ENOMEM;
    shape->count = ours->count;
    shape->fields = heap_alloc_zeroed(heap, ours->count, sizeof(*shape->fields));
    if (shape->fields == NULL)
        goto fail;
    for (i = 0; i < ours->count; i++)
        set_field(&shape->fields[i], field_at(ours, i));
    status = set_order(heap, shape, ours, theirs, error);
    for (i = 0; status == MAIKO_OK && i < ours->count; i++) {
        const maiko_field *field = field_at(ours, i);
        const maiko_field *theirs_field;
        struct fields nested, their_nested;

        if (field->kind == MAIKO_KIND_POINTER)
            status = MAIKO_ENOTSUP;
        if (field->kind != MAIKO_KIND_STRUCT)
            continue;
        nested = fields_of_struct(field->nested);
        theirs_field = find_struct(theirs, field->name);
        if (theirs_field != NULL)
            their_nested = fields_of_struct(theirs_field->nested);
        status = shape_new(heap, &nested, theirs_field != NULL ? &their_nested : NULL, &shape->fields[i].nested, error);
    }
    if (status != MAIKO_OK)
        goto fail;
    *ret_shape = shape;
    return MAIKO_OK;
fail:
    shape_free(heap, shape);
    return status;
}

maiko_status payload_plan_new(struct heap *heap, const maiko_event_type *type, const struct foreign_type *foreign,
                              struct payload_plan **ret_plan, struct text *error)
{
    struct fields ours = fields_of_type(type);
    struct fields theirs;
    struct payload_plan *plan;
    maiko_status status;

    if (type->local_only)
        return MAIKO_ENOTSUP;
    if (foreign != NULL)
        theirs = fields_of_type(foreign->type);
    plan = heap_alloc_zeroed(heap, 1, sizeof(*plan));
    if (plan == NULL)
        return MAIKO_ENOMEM;
    plan->heap = heap;
    plan->type = type;
    status = shape_new(heap, &ours, foreign != NULL ? &theirs : NULL, &plan->shape, error);
    if (status != MAIKO_OK) {
        payload_plan_free(plan);
        return status;
    }
    if (type->tail_size > 0)
        plan->tail = &plan->shape->fields[plan->shape->count - 1];
    payload_plan_measure(plan);
    *ret_plan = plan;
    return MAIKO_OK;
}

struct payload_plan *payload_plan_free(struct payload_plan *plan)
{
    if (plan == NULL)
        return NULL;
    shape_free(plan->heap, plan->shape);
    heap_free(plan->heap, plan, sizeof(*plan));
    return NULL;
}

const maiko_event_type *payload_plan_type(const struct payload_plan *plan)
{
    return plan->type;
}
