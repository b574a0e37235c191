/* Payload, writing: an event that is valid for its type, as msgpack. */
#include "wire/payload_plan.h"

#include <string.h>

/* An event being written. */
struct writing {
    struct pack *pack;
    size_t tail_count;
    bool by_name;
};

static void write_struct(struct writing *writing, const struct shape *shape, const uint8_t *base);

static int64_t signed_at(const uint8_t *at, unsigned size)
{
    int64_t value;
    int32_t value32;
    int16_t value16;

    switch (size) {
    case 1:
        return *(const int8_t *)at;
    case 2:
        memcpy(&value16, at, sizeof(value16));
        return value16;
    case 4:
        memcpy(&value32, at, sizeof(value32));
        return value32;
    default:
        memcpy(&value, at, sizeof(value));
        return value;
    }
}

static uint64_t unsigned_at(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, at, size); /* the lowest byte is first: configure insists */
    return value;
}

static void write_double(struct pack *pack, const uint8_t *at)
{
    double value;

    memcpy(&value, at, sizeof(value));
    pack_double(pack, value);
}

static void write_float(struct pack *pack, const uint8_t *at)
{
    float value;

    memcpy(&value, at, sizeof(value));
    pack_float(pack, value);
}

static void write_element(struct writing *writing, const struct shape_field *field, const uint8_t *at)
{
    switch (field->kind) {
    case MAIKO_KIND_BOOL:
        pack_bool(writing->pack, *at != 0);
        break;
    case MAIKO_KIND_UINT8:
    case MAIKO_KIND_UINT16:
    case MAIKO_KIND_UINT32:
    case MAIKO_KIND_UINT64:
        pack_uint(writing->pack, unsigned_at(at, field->size));
        break;
    case MAIKO_KIND_FLOAT:
        write_float(writing->pack, at);
        break;
    case MAIKO_KIND_DOUBLE:
        write_double(writing->pack, at);
        break;
    case MAIKO_KIND_STRING:
        pack_text(writing->pack, (const char *)at, strnlen((const char *)at, field->capacity));
        break;
    case MAIKO_KIND_BLOB:
        pack_bin(writing->pack, at + sizeof(uint32_t), unsigned_at(at, sizeof(uint32_t)));
        break;
    case MAIKO_KIND_STRUCT:
        write_struct(writing, field->nested, at);
        break;
    default: /* INT8 to INT64, ENUM */
        pack_int(writing->pack, signed_at(at, field->size));
        break;
    }
}

static void write_field(struct writing *writing, const struct shape_field *field, const uint8_t *base)
{
    const uint8_t *at = base + field->offset;
    size_t count = field->form == MAIKO_FORM_TAIL ? writing->tail_count : field->count;
    size_t i;

    if (field->form == MAIKO_FORM_ONE) {
        write_element(writing, field, at);
    } else if (field_is_text(field)) {
        pack_text(writing->pack, (const char *)at, count);
    } else if (field_is_bin(field)) {
        pack_bin(writing->pack, at, count);
    } else {
        pack_array(writing->pack, count);
        for (i = 0; i < count; i++)
            write_element(writing, field, at + i * field->size);
    }
}

static void write_struct(struct writing *writing, const struct shape *shape, const uint8_t *base)
{
    size_t i;

    if (writing->by_name)
        pack_map(writing->pack, shape->count);
    else
        pack_array(writing->pack, shape->count);
    for (i = 0; i < shape->count; i++) {
        if (writing->by_name)
            pack_str(writing->pack, shape->fields[i].name);
        write_field(writing, &shape->fields[i], base);
    }
}

void payload_write_array(const struct payload_plan *plan, struct pack *pack, const void *event)
{
    struct writing writing = {.pack = pack, .tail_count = (size_t)maiko_event_tail_count(plan->type, event)};

    write_struct(&writing, plan->shape, event);
}

bool payload_write_array_head(const struct payload_plan *plan, struct pack *pack, const void *event, struct slice *ret_rest)
{
    struct writing writing = {.pack = pack, .tail_count = (size_t)maiko_event_tail_count(plan->type, event)};
    const struct shape *shape = plan->shape;
    const struct shape_field *last = shape->count > 0 ? &shape->fields[shape->count - 1] : NULL;
    size_t i;

    if (last == NULL || last->form != MAIKO_FORM_TAIL || last->kind != MAIKO_KIND_BYTES)
        return false;
    pack_array(pack, shape->count);
    for (i = 0; i + 1 < shape->count; i++)
        write_field(&writing, &shape->fields[i], event);
    *ret_rest = (struct slice){.data = (const uint8_t *)event + last->offset, .len = writing.tail_count};
    pack_bin_head(pack, ret_rest->len);
    return true;
}

void payload_write_map(const struct payload_plan *plan, struct pack *pack, const void *event)
{
    struct writing writing = {.pack = pack, .tail_count = (size_t)maiko_event_tail_count(plan->type, event), .by_name = true};

    write_struct(&writing, plan->shape, event);
}
