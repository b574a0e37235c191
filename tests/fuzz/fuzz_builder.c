/*
 * Fuzz target: types as programs make them, from functions and from tables.  The first byte: even, the rest is a script of
 * calls; odd, the rest is changes to a table (three bytes: which type, where in it, what), and then it is asked.  What passes
 * the check can be used.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <maiko/schema.h>
#include <maiko/value.h>

#include "lib/failing_allocator.h"
#include "lib/sample_events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(int condition)
{
    if (!condition)
        abort();
}

struct script {
    const uint8_t *data;
    size_t len;
};

static unsigned take(struct script *script)
{
    if (script->len == 0)
        return 0;
    script->len--;
    return *script->data++;
}

static const char *name_of(unsigned number)
{
    static char longest[MAIKO_NAME_MAX + 2];
    static const char *const names[] = {"a", "b", "c", "d", "e", "point", "a b", ""};

    memset(longest, 'x', sizeof(longest) - 1);
    return number % 32 == 31 ? longest : number % 32 == 30 ? NULL : names[number % 8];
}

/* Some that are legal, and the first that are not. */
static size_t size_of(unsigned number)
{
    static const size_t sizes[] = {0, 1, 7, 300, MAIKO_EVENT_MAX, (size_t)MAIKO_EVENT_MAX + 1, SIZE_MAX, SIZE_MAX / 2};

    return sizes[number % 8];
}

static void add_enum(maiko_schema *schema, unsigned how)
{
    static const maiko_label labels[] = {{"one", 1}, {"two", 2}, {"", 3}};
    const maiko_enum sound = {.name = name_of(how / 8), .labels = labels, .label_count = how & 1 ? 3 : 2};
    const maiko_enum none = {.name = "none", .labels = NULL, .label_count = how & 1 ? 0 : (size_t)MAIKO_LABELS_MAX + 1};
    const maiko_enum many = {.name = "many", .labels = labels, .label_count = (size_t)MAIKO_LABELS_MAX + 1};

    (void)maiko_schema_add_enum(schema, name_of(how), how & 2 ? how & 4 ? &many : &none : &sound, how & 4 ? 1 : size_of(how));
}

static void call(maiko_schema *schema, struct script *script)
{
    unsigned what = take(script);
    unsigned how = take(script);
    maiko_kind kind = (maiko_kind)(what / 12);
    const char *name = name_of(how);

    switch (what % 12) {
    case 0:
        (void)maiko_schema_topic(schema, how & 1 ? "a topic" : how & 2 ? "no/#" : NULL);
        break;
    case 1:
        (void)maiko_schema_policy(schema, (maiko_overflow)(how % 8), (how & 8) != 0, (how & 16) != 0);
        break;
    case 2:
    case 3:
        (void)maiko_schema_add(schema, kind, name);
        break;
    case 4:
        (void)maiko_schema_add_array(schema, kind, name, size_of(how / 8));
        break;
    case 5:
        (void)maiko_schema_add_string(schema, name, size_of(how / 8));
        break;
    case 6:
        (void)maiko_schema_add_blob(schema, name, size_of(how / 8));
        break;
    case 7:
        add_enum(schema, how);
        break;
    case 8:
        (void)maiko_schema_add_tail(schema, kind, name);
        break;
    case 9:
        (void)maiko_schema_open_struct(schema, name, name_of(how / 8), how & 128 ? size_of(how / 8) : 1);
        break;
    case 10:
        (void)maiko_schema_open_tail(schema, name, name_of(how / 8));
        break;
    default:
        (void)maiko_schema_close_struct(schema);
    }
}

static void look_at(const maiko_event_type *type)
{
    const maiko_field *field;
    size_t i;

    require(maiko_schema_hash(type) == maiko_schema_hash(type));
    for (i = 0; (field = maiko_event_field(type, i)) != NULL; i++) {
        require(maiko_event_find_field(type, field->name) == field);
        if (field->kind == MAIKO_KIND_STRUCT && maiko_struct_field(field->nested, 0) != NULL)
            require(maiko_struct_find_field(field->nested, maiko_struct_field(field->nested, 0)->name) != NULL);
    }
    require(maiko_event_find_field(type, "none of them") == NULL);
}

static void run_script(struct script *script)
{
    struct failing_allocator allocator;
    const maiko_event_type *type = NULL;
    maiko_schema *schema;
    unsigned nth;

    failing_allocator_init(&allocator);
    nth = take(script);
    if (nth < 128)
        failing_allocator_fail_nth(&allocator, (long)nth);
    schema = maiko_schema_new(name_of(take(script)), &allocator.allocator);
    while (script->len > 0)
        call(schema, script);
    if (maiko_schema_finish(schema, &type) == MAIKO_OK) {
        require(maiko_schema_check(type, NULL, 0) == MAIKO_OK);
        look_at(type);
    } else {
        require(maiko_schema_error_text(schema) != NULL);
    }
    maiko_schema_free(schema);
    require(failing_allocator_is_balanced(&allocator));
}

/* ---- tables ---- */

enum { FIELDS = 32 };

/* A copy that may be changed, down to one nested struct and one enum. */
struct table {
    maiko_event_type type;
    maiko_field fields[FIELDS];
    maiko_struct nested;
    maiko_field nested_fields[FIELDS];
    maiko_enum labels;
    maiko_label label_list[4];
};

static void copy_struct(struct table *table, maiko_field *field)
{
    size_t i;

    table->nested = *field->nested;
    for (i = 0; i < table->nested.field_count; i++)
        table->nested_fields[i] = *maiko_struct_field(field->nested, i);
    table->nested.fields = table->nested_fields;
    field->nested = &table->nested;
}

static void copy_enum(struct table *table, maiko_field *field)
{
    table->labels = *field->labels;
    memcpy(table->label_list, field->labels->labels, field->labels->label_count * sizeof(table->label_list[0]));
    table->labels.labels = table->label_list;
    field->labels = &table->labels;
}

static void make_table(struct table *table, const maiko_event_type *type)
{
    size_t i;

    memset(table, 0, sizeof(*table));
    table->type = *type;
    table->type.fields = table->fields;
    for (i = 0; i < type->field_count; i++) {
        maiko_field *field = &table->fields[i];

        *field = *maiko_event_field(type, i);
        if (field->kind == MAIKO_KIND_STRUCT && table->nested.fields == NULL)
            copy_struct(table, field);
        if (field->kind == MAIKO_KIND_ENUM)
            copy_enum(table, field);
    }
}

static void change_field(maiko_field *field, unsigned where, unsigned what)
{
    switch (where) {
    case 0:
        field->kind = (uint8_t)what;
        break;
    case 1:
        field->form = (uint8_t)what;
        break;
    case 2:
        field->offset += what;
        break;
    case 3:
        field->size = what;
        break;
    case 4:
        field->count = what;
        break;
    case 5:
        field->capacity = what;
        break;
    case 6:
        field->name = name_of(what);
        break;
    default:
        if (what & 1)
            field->labels = NULL;
        else
            field->nested = NULL;
    }
}

static void no_destroy(void *event)
{
}

static void change_type(struct table *table, unsigned where, unsigned what)
{
    switch (where) {
    case 0:
        table->type.name = name_of(what);
        break;
    case 1:
        table->type.size = what & 128 ? (size_t)MAIKO_EVENT_MAX + 1 : what;
        break;
    case 2:
        table->type.field_count = what & 128 ? 100000 : what % FIELDS;
        break;
    case 3:
        table->type.fields = NULL;
        table->type.field_table = NULL;
        break;
    case 4:
        table->type.field_size = what < sizeof(maiko_field) ? what : 4104;
        break;
    case 5:
        table->type.tail_size = what;
        break;
    case 6:
        table->type.plain = (what & 1) != 0;
        break;
    case 7:
        table->type.overflow = (maiko_overflow)what;
        break;
    case 8:
        table->type.topic = what & 1 ? "no/#" : NULL;
        break;
    case 9:
        table->type.topic_of = NULL;
        break;
    case 10:
        table->type.destroy = no_destroy;
        break;
    case 11:
        table->type.struct_size = what;
        break;
    case 12:
        table->nested.fields = table->fields; /* its own container: how deep it nests is found out */
        table->nested.field_count = what % FIELDS;
        break;
    case 13:
        table->nested.size = what;
        break;
    case 14:
        table->labels.label_count = what * 40;
        break;
    case 15:
        table->labels.name = name_of(what);
        break;
    default:
        table->label_list[what % 4].label = name_of(what / 4);
    }
}

static void run_changes(struct script *script)
{
    static const maiko_event_type *const types[] = {MAIKO_TYPE(sample), MAIKO_TYPE(line), MAIKO_TYPE(path), MAIKO_TYPE(local)};
    static struct table table;
    char text[200];

    make_table(&table, types[take(script) % 4]);
    while (script->len >= 3) {
        unsigned which = take(script);
        unsigned where = take(script);
        unsigned what = take(script);

        if (which < 64)
            change_type(&table, where % 17, what);
        else if (which < 192)
            change_field(&table.fields[which % FIELDS], where % 8, what);
        else
            change_field(&table.nested_fields[which % FIELDS], where % 8, what);
    }
    if (table.labels.label_count > 4 && table.labels.label_count <= MAIKO_LABELS_MAX)
        table.labels.label_count = 4; /* there are no more in the table */
    if (maiko_schema_check(&table.type, text, sizeof(text)) != MAIKO_OK)
        require(text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct script script = {.data = data, .len = len};

    if (len == 0)
        return 0;
    if (take(&script) % 2 == 0)
        run_script(&script);
    else
        run_changes(&script);
    return 0;
}
