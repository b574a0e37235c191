/* Event: filling fields, and which two descriptors are the same type. */
#include <maiko/event.h>

#include "base/utf8.h"
#include "message/layout.h"

const char *maiko_overflow_name(maiko_overflow overflow)
{
    switch (overflow) {
    case MAIKO_OVERFLOW_OF_TOPIC:
        return "of_topic";
    case MAIKO_BLOCK:
        return "block";
    case MAIKO_DROP_NEWEST:
        return "drop_newest";
    case MAIKO_DROP_OLDEST:
        return "drop_oldest";
    case MAIKO_FAIL:
        return "fail";
    }
    return "?";
}

maiko_status maiko_string_set(char *field, size_t capacity, const char *text)
{
    size_t len;

    if (field == NULL || text == NULL || capacity == 0)
        return MAIKO_EINVAL;
    len = strnlen(text, capacity);
    if (len == capacity)
        return MAIKO_ETOOLONG;
    if (!utf8_is_valid(text, len))
        return MAIKO_EUTF8;
    memmove(field, text, len); /* text may be the field itself */
    memset(field + len, 0, capacity - len);
    return MAIKO_OK;
}

maiko_status maiko_blob_set(void *field, size_t capacity, const void *bytes, size_t len)
{
    uint32_t len32 = (uint32_t)len;
    uint8_t *data;

    if (field == NULL || (bytes == NULL && len > 0))
        return MAIKO_EINVAL;
    if (len > capacity || len > UINT32_MAX)
        return MAIKO_ETOOLONG;
    data = (uint8_t *)field + sizeof(len32);
    if (len > 0)
        memmove(data, bytes, len);
    memset(data + len, 0, capacity - len);
    memcpy(field, &len32, sizeof(len32));
    return MAIKO_OK;
}

/* The linker merges equal strings of one program, so the pointers are mostly equal. */
static bool same_text(const char *a, const char *b)
{
    return a == b || strcmp(a, b) == 0;
}

static bool same_layout(struct layout a, struct layout b);

static bool same_field(const maiko_field *a, const maiko_field *b)
{
    if (a->kind != b->kind || a->form != b->form || a->offset != b->offset || a->size != b->size || a->count != b->count ||
        a->capacity != b->capacity || !same_text(a->name, b->name))
        return false;
    return a->kind != MAIKO_KIND_STRUCT || a->nested == b->nested ||
           same_layout(layout_of_struct(a->nested), layout_of_struct(b->nested));
}

static bool same_layout(struct layout a, struct layout b)
{
    size_t i;

    if (a.size != b.size || a.count != b.count || !same_text(a.name, b.name))
        return false;
    for (i = 0; i < a.count && a.fields != b.fields; i++) {
        if (!same_field(layout_field(&a, i), layout_field(&b, i)))
            return false;
    }
    return true;
}

/* Compares what maiko_schema_hash() hashes: as strict, and without collisions. */
bool maiko_event_is(const maiko_event_type *type, const maiko_event_type *other)
{
    if (type == NULL || other == NULL)
        return false;
    return type == other || same_layout(layout_of_type(type), layout_of_type(other)); /* tail_size is the tail field's size */
}
