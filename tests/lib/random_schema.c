/* Random schema: walks the builder forwards and the finished table for the values. */
#include "lib/random_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t random_below(struct random_source *source, uint64_t below)
{
    source->state = source->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return below > 0 ? (source->state >> 33) % below : 0;
}

static const maiko_label colour_labels[] = {{"red", 0}, {"green", 5}, {"blue", -7}};
static const maiko_enum colours = {"colour", colour_labels, 3};

static void add_field(struct random_source *source, maiko_schema *schema, unsigned index, unsigned depth)
{
    unsigned what = (unsigned)random_below(source, depth < 3 ? 16 : 14);
    char name[16];
    unsigned i;

    snprintf(name, sizeof(name), "f%u", index);
    if (what < 9) {
        (void)maiko_schema_add(schema, (maiko_kind)(MAIKO_KIND_BOOL + random_below(source, 11)), name);
    } else if (what == 9) {
        (void)maiko_schema_add_array(schema, (maiko_kind)(MAIKO_KIND_BOOL + random_below(source, 11)), name,
                                     1 + random_below(source, 5));
    } else if (what < 12) {
        (void)maiko_schema_add_string(schema, name, 1 + random_below(source, 40));
    } else if (what == 12) {
        (void)maiko_schema_add_blob(schema, name, 1 + random_below(source, 40));
    } else if (what == 13) {
        (void)maiko_schema_add_enum(schema, name, &colours, random_below(source, 3));
    } else {
        (void)maiko_schema_open_struct(schema, name, name, random_below(source, 3));
        for (i = 0; i < 1 + index % 3; i++)
            add_field(source, schema, i, depth + 1);
        (void)maiko_schema_close_struct(schema);
    }
}

static void add_tail(struct random_source *source, maiko_schema *schema)
{
    switch (random_below(source, 8)) {
    case 0:
        (void)maiko_schema_add_tail(schema, MAIKO_KIND_TEXT, "tail");
        break;
    case 1:
        (void)maiko_schema_add_tail(schema, MAIKO_KIND_BYTES, "tail");
        break;
    case 2:
        (void)maiko_schema_add_tail(schema, (maiko_kind)(MAIKO_KIND_BOOL + random_below(source, 11)), "tail");
        break;
    case 3:
        (void)maiko_schema_open_tail(schema, "tail", "element");
        add_field(source, schema, 0, 3);
        add_field(source, schema, 1, 3);
        (void)maiko_schema_close_struct(schema);
        break;
    default:
        break;
    }
}

maiko_schema *random_schema(struct random_source *source, const maiko_event_type **ret_type)
{
    maiko_schema *schema = maiko_schema_new("random", NULL);
    unsigned count = (unsigned)random_below(source, 9);
    unsigned i;

    for (i = 0; i < count; i++)
        add_field(source, schema, i, 0);
    add_tail(source, schema);
    if (schema == NULL || maiko_schema_finish(schema, ret_type) != MAIKO_OK) {
        maiko_schema_free(schema);
        return NULL;
    }
    return schema;
}

static void fill_struct(struct random_source *source, const maiko_event_type *type, const maiko_struct *nested, uint8_t *base,
                        size_t tail_count);

static void fill_text(struct random_source *source, char *at, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        at[i] = (char)(random_below(source, 20) == 0 ? 0xe9 : 'a' + (char)random_below(source, 26));
}

static void fill_number(struct random_source *source, uint8_t *at, size_t size)
{
    uint64_t value = random_below(source, 4) == 0 ? random_below(source, 3) - 1
                                                  : random_below(source, UINT32_MAX) << 32 ^ random_below(source, UINT32_MAX);

    memcpy(at, &value, size);
}

static void fill_element(struct random_source *source, const maiko_field *field, uint8_t *at)
{
    uint32_t len;

    switch (field->kind) {
    case MAIKO_KIND_BOOL:
        *at = (uint8_t)random_below(source, 2);
        break;
    case MAIKO_KIND_STRING:
        fill_text(source, (char *)at, random_below(source, field->capacity));
        break;
    case MAIKO_KIND_BLOB:
        len = (uint32_t)random_below(source, field->capacity + 1);
        memcpy(at, &len, sizeof(len));
        fill_text(source, (char *)at + sizeof(len), len);
        break;
    case MAIKO_KIND_STRUCT:
        fill_struct(source, NULL, field->nested, at, 0);
        break;
    default:
        fill_number(source, at, field->size);
        break;
    }
}

static void fill_struct(struct random_source *source, const maiko_event_type *type, const maiko_struct *nested, uint8_t *base,
                        size_t tail_count)
{
    size_t count = type != NULL ? type->field_count : nested->field_count;
    size_t i, element;

    for (i = 0; i < count; i++) {
        const maiko_field *field = type != NULL ? maiko_event_field(type, i) : maiko_struct_field(nested, i);
        size_t elements = field->form == MAIKO_FORM_TAIL ? tail_count : field->count;

        for (element = 0; element < elements; element++)
            fill_element(source, field, base + field->offset + element * field->size);
    }
}

void *random_event(struct random_source *source, const maiko_event_type *type, size_t *ret_len)
{
    uint64_t count = type->tail_size > 0 ? random_below(source, 20) : 0;
    size_t len = type->size + (size_t)count * type->tail_size;
    uint8_t *event = calloc(1, len > 0 ? len : 1);

    fill_struct(source, type, NULL, event, (size_t)count);
    if (type->tail_size > 0)
        memcpy(event + type->size - sizeof(count), &count, sizeof(count));
    *ret_len = len;
    return event;
}
