#include "lib/random_schema.h"

#include <stdio.h>
#include <string.h>

#include "message/layout.h"

static const maiko_label labels[] = {
    {"idle", 0}, {"busy", 1}, {"also busy", 1}, {"lost \"x\"", -7}, {"\xc3\xa9t\xc3\xa9", INT32_MAX}, {"idle", 5}};
static const maiko_enum states = {"state", labels, sizeof(labels) / sizeof(labels[0])};

static void add_fields(struct random *random, maiko_schema *schema, unsigned depth);

static maiko_kind scalar_kind(struct random *random)
{
    return (maiko_kind)(MAIKO_KIND_BOOL + random_below(random, MAIKO_KIND_DOUBLE - MAIKO_KIND_BOOL + 1));
}

static void add_array(struct random *random, maiko_schema *schema, const char *name)
{
    maiko_kind kind = scalar_kind(random);

    maiko_schema_add_array(schema, kind, name, 1 + random_below(random, 5));
}

static void add_field(struct random *random, maiko_schema *schema, const char *name, unsigned depth)
{
    switch (random_below(random, depth < 3 ? 8 : 7)) {
    case 0:
        maiko_schema_add_string(schema, name, 1 + random_below(random, 20));
        break;
    case 1:
        maiko_schema_add_blob(schema, name, 1 + random_below(random, 20));
        break;
    case 2:
        maiko_schema_add_enum(schema, name, &states, random_below(random, 3));
        break;
    case 3:
        add_array(random, schema, name);
        break;
    case 7:
        maiko_schema_open_struct(schema, name, "nested", random_below(random, 4));
        add_fields(random, schema, depth + 1);
        maiko_schema_close_struct(schema);
        break;
    default:
        maiko_schema_add(schema, scalar_kind(random), name);
        break;
    }
}

static void add_fields(struct random *random, maiko_schema *schema, unsigned depth)
{
    size_t count = random_below(random, depth == 0 ? 12 : 5);
    char name[16];
    size_t i;

    for (i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "f%zu", i);
        add_field(random, schema, name, depth);
    }
}

static void add_tail(struct random *random, maiko_schema *schema)
{
    switch (random_below(random, 6)) {
    case 0:
        maiko_schema_add_tail(schema, MAIKO_KIND_TEXT, "tail");
        break;
    case 1:
        maiko_schema_add_tail(schema, MAIKO_KIND_BYTES, "tail");
        break;
    case 2:
        maiko_schema_add_tail(schema, scalar_kind(random), "tail");
        break;
    case 3:
        maiko_schema_open_tail(schema, "tail", "element");
        add_fields(random, schema, 2);
        maiko_schema_close_struct(schema);
        break;
    default:
        break;
    }
}

maiko_schema *random_schema(struct random *random, const maiko_allocator *allocator)
{
    maiko_schema *schema = maiko_schema_new("random.type", allocator);
    const maiko_event_type *type;
    maiko_overflow overflow;
    bool is_sticky;

    if (schema == NULL)
        return NULL;
    maiko_schema_topic(schema, random_below(random, 2) > 0 ? "random/topic" : NULL);
    overflow = (maiko_overflow)random_below(random, MAIKO_FAIL + 1);
    is_sticky = random_below(random, 2) > 0;
    maiko_schema_policy(schema, overflow, is_sticky, random_below(random, 2) > 0);
    add_fields(random, schema, 0);
    add_tail(random, schema);
    if (maiko_schema_finish(schema, &type) == MAIKO_OK)
        return schema;
    maiko_schema_free(schema);
    return NULL;
}

/* Bytes of a text: ASCII with what JSON escapes, other UTF-8, or anything; no NULs unless they are allowed. */
static void fill_text(struct random *random, char *at, size_t len, bool nuls)
{
    static const char *const pieces[] = {
        "a", "\"", "\\", "/", "\n", "\x01", "\x7f", "\xc3\xa9", "\xe2\x80\xa8", "\xf0\x9f\x98\x80", "0"};
    bool any = random_below(random, 4) == 0;
    size_t i = 0;

    while (i < len) {
        const char *piece = pieces[random_below(random, sizeof(pieces) / sizeof(pieces[0]))];
        size_t piece_len = strlen(piece);

        if (any || piece_len > len - i) {
            at[i] = any ? (char)random_u64(random) : 'x';
            if (at[i] == '\0' && !nuls)
                at[i] = '\xff';
            i++;
        } else {
            memcpy(at + i, piece, piece_len);
            i += piece_len;
        }
    }
}

static void fill_number(struct random *random, const maiko_field *field, char *at)
{
    static const uint64_t edges[] = {0, 1, UINT64_MAX, UINT64_C(1) << 53, (UINT64_C(1) << 53) + 1, INT64_MAX, UINT64_C(1) << 63};
    uint64_t value =
        random_below(random, 3) == 0 ? edges[random_below(random, sizeof(edges) / sizeof(edges[0]))] : random_u64(random);
    double real = (double)(int64_t)value / 1000;
    float as_float = (float)real;

    if (field->kind == MAIKO_KIND_BOOL)
        value &= 1;
    if (field->kind == MAIKO_KIND_ENUM)
        value = random_below(random, 2) > 0 ? (uint32_t)labels[random_below(random, states.label_count)].value : value;
    if (field->kind == MAIKO_KIND_DOUBLE && random_below(random, 2) > 0)
        memcpy(&value, &real, sizeof(value));
    if (field->kind == MAIKO_KIND_FLOAT && random_below(random, 2) > 0)
        memcpy(&value, &as_float, sizeof(as_float));
    memcpy(at, &value, field->size);
}

static void fill_layout(struct random *random, struct layout layout, char *base, size_t tail_count);

static void fill_element(struct random *random, const maiko_field *field, char *at)
{
    uint32_t len;

    switch ((maiko_kind)field->kind) {
    case MAIKO_KIND_STRING:
        fill_text(random, at, random_below(random, field->capacity), false);
        break;
    case MAIKO_KIND_BLOB:
        len = (uint32_t)random_below(random, field->capacity + 1);
        memcpy(at, &len, sizeof(len));
        random_bytes(random, at + sizeof(len), len);
        break;
    case MAIKO_KIND_STRUCT:
        fill_layout(random, layout_of_struct(field->nested), at, 0);
        break;
    default:
        fill_number(random, field, at);
        break;
    }
}

static void fill_layout(struct random *random, struct layout layout, char *base, size_t tail_count)
{
    size_t i, k;

    for (i = 0; i < layout.count; i++) {
        const maiko_field *field = layout_field(&layout, i);
        size_t count = layout_element_count(field, tail_count);
        char *at = base + field->offset;

        if (field->kind == MAIKO_KIND_TEXT || field->kind == MAIKO_KIND_BYTES) {
            fill_text(random, at, count, true);
            continue;
        }
        for (k = 0; k < count; k++)
            fill_element(random, field, at + k * field->size);
    }
}

void *random_event(struct random *random, const maiko_event_type *type, size_t *ret_len)
{
    uint64_t tail_count = type->tail_size > 0 ? random_below(random, 20) : 0;
    size_t len = type->size + (size_t)tail_count * type->tail_size;
    char *event = calloc(1, len);

    if (event == NULL)
        return NULL;
    if (type->tail_size > 0)
        memcpy(event + type->size - sizeof(tail_count), &tail_count, sizeof(tail_count));
    fill_layout(random, layout_of_type(type), event, (size_t)tail_count);
    *ret_len = len;
    return event;
}
