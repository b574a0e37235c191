/* Schema: the hash of a type, and whether bytes are a legal event of it.  Expects types that passed schema_check(). */
#include "message/schema.h"

#include "base/hash.h"
#include "message/layout.h"

static uint64_t hash_layout(uint64_t hash, const struct layout *layout)
{
    size_t i;

    for (i = 0; i < layout->count; i++) {
        const maiko_field *field = layout_field(layout, i);

        hash = hash_stable(hash, field->name, strlen(field->name) + 1);
        hash = hash_stable_u64(hash, field->kind);
        hash = hash_stable_u64(hash, field->form);
        hash = hash_stable_u64(hash, field->offset);
        hash = hash_stable_u64(hash, field->size);
        hash = hash_stable_u64(hash, field->count);
        hash = hash_stable_u64(hash, field->capacity);
        if (field->kind == MAIKO_KIND_STRUCT) {
            struct layout nested = layout_of_struct(field->nested);

            hash = hash_stable(hash, nested.name, strlen(nested.name) + 1);
            hash = hash_stable_u64(hash, nested.size);
            hash = hash_stable_u64(hash, nested.count);
            hash = hash_layout(hash, &nested);
        }
    }
    return hash;
}

uint64_t schema_hash(const maiko_event_type *type)
{
    struct layout layout = layout_of_type(type);
    uint64_t hash = hash_stable(HASH_STABLE_INIT, layout.name, strlen(layout.name) + 1);

    hash = hash_stable_u64(hash, layout.size);
    hash = hash_stable_u64(hash, type->tail_size);
    hash = hash_stable_u64(hash, layout.count);
    return hash_layout(hash, &layout);
}

uint64_t maiko_schema_hash(const maiko_event_type *type)
{
    return type != NULL ? schema_hash(type) : 0;
}

static maiko_status refuse(struct text *error, const maiko_field *field, const char *reason)
{
    if (error != NULL)
        text_append_format(error, "field %s: %s", field->name, reason);
    return MAIKO_ETYPE;
}

static bool are_bools(const unsigned char *at, size_t count)
{
    while (count > 0 && *at <= 1) {
        at++;
        count--;
    }
    return count == 0;
}

static maiko_status validate_layout(const struct layout *layout, const char *base, size_t tail_count, struct text *error);

static maiko_status validate_structs(const maiko_field *field, const char *at, size_t count, struct text *error)
{
    struct layout layout = layout_of_struct(field->nested);
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; status == MAIKO_OK && i < count; i++)
        status = validate_layout(&layout, at + i * field->size, 0, error);
    return status;
}

static inline maiko_status validate_field(const maiko_field *field, const char *at, size_t tail_count, struct text *error)
{
    uint32_t len;

    switch ((maiko_kind)field->kind) {
    case MAIKO_KIND_BOOL:
        return are_bools((const unsigned char *)at, layout_element_count(field, tail_count))
                   ? MAIKO_OK
                   : refuse(error, field, "a bool that is neither 0 nor 1");
    case MAIKO_KIND_STRING:
        return memchr(at, '\0', field->capacity) != NULL ? MAIKO_OK : refuse(error, field, "a string without a final NUL");
    case MAIKO_KIND_BLOB:
        memcpy(&len, at, sizeof(len));
        return len <= field->capacity ? MAIKO_OK : refuse(error, field, "a blob longer than its capacity");
    case MAIKO_KIND_STRUCT:
        return validate_structs(field, at, layout_element_count(field, tail_count), error);
    default:
        return MAIKO_OK;
    }
}

/* By value and inline: a table of one or two fields is seen through registers. */
static inline maiko_status validate_fields(struct layout layout, const char *base, size_t tail_count, struct text *error)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; status == MAIKO_OK && i < layout.count; i++) {
        const maiko_field *field = layout_field(&layout, i);

        status = validate_field(field, base + field->offset, tail_count, error);
    }
    return status;
}

static maiko_status validate_layout(const struct layout *layout, const char *base, size_t tail_count, struct text *error)
{
    return validate_fields(*layout, base, tail_count, error);
}

static bool has_only_legal_bytes(const maiko_field *field)
{
    return kind_is_scalar((maiko_kind)field->kind) && field->kind != MAIKO_KIND_BOOL && field->form != MAIKO_FORM_TAIL;
}

struct schema_look schema_look_of(const maiko_event_type *type)
{
    static const struct schema_look all = {.blob_max = UINT32_MAX};
    const struct layout layout = layout_of_type(type);
    struct schema_look look = all;
    size_t i;

    for (i = 0; i < layout.count; i++) {
        const maiko_field *field = layout_field(&layout, i);

        if (has_only_legal_bytes(field))
            continue;
        if (look.blob_max != UINT32_MAX || field->kind != MAIKO_KIND_BLOB || field->form != MAIKO_FORM_ONE)
            return all;
        look = (struct schema_look){.blob_at = field->offset, .blob_max = field->capacity};
    }
    return look;
}

static maiko_status refuse_len(const maiko_event_type *type, const void *payload, size_t len, struct text *error)
{
    if (error == NULL)
        return MAIKO_ETYPE;
    if (len < type->size || type->tail_size == 0)
        text_append_format(error, "%zu bytes where %s has %zu", len, type->name, type->size);
    else
        text_append_format(error, "%zu bytes where %s with a tail of %llu has %zu", len, type->name,
                           (unsigned long long)maiko_event_tail_count(type, payload), maiko_event_len(type, payload));
    return MAIKO_ETYPE;
}

maiko_status schema_explain(const maiko_event_type *type, const void *payload, size_t len, struct text *error)
{
    uint64_t tail_count = 0;

    if (type == NULL || payload == NULL)
        return MAIKO_EINVAL;
    if (len > MAIKO_EVENT_MAX)
        return MAIKO_ETOOLONG;
    if (len < type->size || (type->tail_size == 0 && len != type->size))
        return refuse_len(type, payload, len, error);
    if (type->plain)
        return MAIKO_OK;
    if (type->tail_size > 0) {
        tail_count = maiko_event_tail_count(type, payload);
        if (maiko_event_len(type, payload) != len)
            return refuse_len(type, payload, len, error);
    }
    return validate_fields(layout_of_type(type), payload, (size_t)tail_count, error);
}

maiko_status schema_validate(const maiko_event_type *type, const void *payload, size_t len)
{
    return schema_explain(type, payload, len, NULL);
}

/* Of one field of events one every `step` bytes: how many come before the first that is not legal. */
static size_t legal_in_column(const maiko_field *field, const char *at, size_t step, size_t count)
{
    uint32_t len;
    size_t i = 0;

    switch ((maiko_kind)field->kind) {
    case MAIKO_KIND_BLOB:
        for (; i < count; i++, at += step) {
            memcpy(&len, at, sizeof(len));
            if (len > field->capacity)
                break;
        }
        return i;
    case MAIKO_KIND_BOOL:
    case MAIKO_KIND_STRING:
    case MAIKO_KIND_STRUCT:
        while (i < count && validate_field(field, at + i * step, 0, NULL) == MAIKO_OK)
            i++;
        return i;
    default:
        return count;
    }
}

size_t schema_legal_in_run(const maiko_event_type *type, const void *first, size_t step, size_t count, size_t len)
{
    const char *at = first;
    struct layout layout;
    size_t i;

    if (count > 0 && type->tail_size == 0 && schema_validate(type, first, len) != MAIKO_OK)
        return 0;
    if (type->tail_size > 0) {
        for (i = 0; i < count && schema_validate(type, at + i * step, len) == MAIKO_OK; i++)
            continue;
        return i;
    }
    layout = layout_of_type(type);
    for (i = 0; !type->plain && i < layout.count; i++) {
        const maiko_field *field = layout_field(&layout, i);

        count = legal_in_column(field, at + field->offset, step, count);
    }
    return count;
}

static __attribute__((noinline)) maiko_status explain(const maiko_event_type *type, const void *event, size_t len, char *text,
                                                      size_t size)
{
    struct text error;

    text_init_buffer(&error, text, size);
    return schema_explain(type, event, len, &error);
}

maiko_status maiko_schema_validate(const maiko_event_type *type, const void *event, size_t len, char *text, size_t size)
{
    return text == NULL || size == 0 ? schema_explain(type, event, len, NULL) : explain(type, event, len, text, size);
}
