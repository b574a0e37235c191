/* Plan: a type's fields ready for the two loops of payload_write.c and payload_read.c. */
#ifndef WIRE_PAYLOAD_PLAN_H
#define WIRE_PAYLOAD_PLAN_H

#include "wire/payload.h"

struct shape;

struct shape_field {
    const char *name;
    size_t name_len;
    uint8_t kind;
    uint8_t form;
    uint32_t offset;
    uint32_t size;     /* of one element */
    uint32_t count;    /* elements; 0 for a tail */
    uint32_t capacity; /* STRING and BLOB */
    const maiko_enum *labels;
    struct shape *nested; /* STRUCT */
};

/* The fields of an event or nested struct. */
struct shape {
    struct shape_field *fields;
    size_t count;
    int32_t *order;     /* which of our fields stands at each place of an array; -1: none, skip the value */
    size_t order_count; /* places */
};

struct payload_plan {
    struct heap *heap;
    const maiko_event_type *type;
    const struct shape_field *tail; /* NULL: none */
    struct shape *shape;
    size_t slack;        /* bytes that strings and blobs may leave unused, all together */
    size_t slack_inside; /* of those: what is in arrays, nested structs and the tail */
};

/* Fills in the two. */
void payload_plan_measure(struct payload_plan *plan);

/* STRING and TEXT are one thing on the wire, so are BLOB and BYTES. */
static inline bool field_is_text(const struct shape_field *field)
{
    return field->kind == MAIKO_KIND_STRING || field->kind == MAIKO_KIND_TEXT;
}

static inline bool field_is_bin(const struct shape_field *field)
{
    return field->kind == MAIKO_KIND_BLOB || field->kind == MAIKO_KIND_BYTES;
}

#endif
