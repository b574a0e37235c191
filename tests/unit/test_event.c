/* Event: what the macros make of a list of fields. */
#include "lib/sample_events.h"
#include "lib/suite.h"

#include <maiko/schema.h>
#include <maiko/topics.h>
#include <stdio.h>

static const char *topic_of_routed(const void *event, char *buffer, size_t size);

#define ROUTED_FIELDS(F) F(UINT32, room)
MAIKO_EVENT_WITH(routed, MAIKO_COMPUTED_TOPIC, ROUTED_FIELDS, .overflow = MAIKO_DROP_OLDEST, .sticky = true, .control = true,
                 .topic_of = topic_of_routed)

static const char *topic_of_routed(const void *event, char *buffer, size_t size)
{
    const routed *at = event;

    snprintf(buffer, size, "rooms/%u", (unsigned)at->room);
    return at->room > 0 ? buffer : NULL;
}

/* One field each: may every value of its bytes be sent unseen? */
#define TEXT_FIELDS(F) F(STRING, a, 4)
MAIKO_EVENT(with_string, MAIKO_SELF_TOPIC, TEXT_FIELDS)
#define BYTES_FIELDS(F) F(BLOB, a, 4)
MAIKO_EVENT(with_blob, MAIKO_SELF_TOPIC, BYTES_FIELDS)
#define TRUTH_FIELDS(F) F(BOOL, a)
MAIKO_EVENT(with_bool, MAIKO_SELF_TOPIC, TRUTH_FIELDS)
#define TRUTHS_FIELDS(F) F(ARRAY, a, BOOL, 3)
MAIKO_EVENT(with_bools, MAIKO_SELF_TOPIC, TRUTHS_FIELDS)
#define INNER_FIELDS(F) F(STRUCT, a, mark)
MAIKO_EVENT(with_struct, MAIKO_SELF_TOPIC, INNER_FIELDS)
#define INNERS_FIELDS(F) F(STRUCT_ARRAY, a, mark, 2)
MAIKO_EVENT(with_structs, MAIKO_SELF_TOPIC, INNERS_FIELDS)
#define PLAIN_FIELDS(F) F(STRUCT, a, point) F(ENUM, b, color) F(ENUM_ARRAY, c, color, 2) F(ARRAY, d, INT8, 2)
MAIKO_EVENT(with_plain, MAIKO_SELF_TOPIC, PLAIN_FIELDS)

/* Descriptors and topic lists in constant expressions. */
static const maiko_event_type *const types[] = {MAIKO_TYPE(sample), MAIKO_TYPE(numbers), MAIKO_TYPE(tick),   MAIKO_TYPE(line),
                                                MAIKO_TYPE(body),   MAIKO_TYPE(path),    MAIKO_TYPE(routed), MAIKO_TYPE(local)};
static const char *const *const topics = MAIKO_TOPICS("a/b", "c/"
                                                             "#");

static void every_declared_type_passes_the_check(void)
{
    char text[200];
    size_t i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        CU_ASSERT_EQUAL(maiko_schema_check(types[i], text, sizeof(text)), MAIKO_OK);
        CU_ASSERT_STRING_EQUAL(text, "");
    }
}

static void the_descriptor_says_what_the_macro_was_told(void)
{
    char buffer[256];

    CU_ASSERT_STRING_EQUAL(MAIKO_TYPE(sample)->name, "sample");
    CU_ASSERT_STRING_EQUAL(MAIKO_TYPE(sample)->topic, "sample/all");
    CU_ASSERT_STRING_EQUAL(MAIKO_TYPE(numbers)->topic, "default");
    CU_ASSERT_STRING_EQUAL(MAIKO_TYPE(tick)->topic, "tick");
    CU_ASSERT_EQUAL(MAIKO_TYPE(sample)->size, sizeof(sample));
    CU_ASSERT_EQUAL(MAIKO_TYPE(sample)->field_count, 20);
    CU_ASSERT_EQUAL(MAIKO_TYPE(sample)->tail_size, 2);
    CU_ASSERT_EQUAL(maiko_event_overflow(MAIKO_TYPE(sample)), MAIKO_BLOCK);
    CU_ASSERT_FALSE(MAIKO_TYPE(sample)->sticky || MAIKO_TYPE(sample)->control || MAIKO_TYPE(sample)->local_only);
    CU_ASSERT_FALSE(MAIKO_TYPE(sample)->plain);
    CU_ASSERT_TRUE(MAIKO_TYPE(numbers)->plain);
    CU_ASSERT_TRUE(MAIKO_TYPE(tick)->plain);
    CU_ASSERT_TRUE(MAIKO_TYPE(local)->local_only);

    CU_ASSERT_PTR_NULL(MAIKO_TYPE(routed)->topic);
    CU_ASSERT_EQUAL(maiko_event_overflow(MAIKO_TYPE(routed)), MAIKO_DROP_OLDEST);
    CU_ASSERT_TRUE(MAIKO_TYPE(routed)->sticky && MAIKO_TYPE(routed)->control);
    CU_ASSERT_STRING_EQUAL(MAIKO_TYPE(routed)->topic_of(&(routed){.room = 7}, buffer, sizeof(buffer)), "rooms/7");
    CU_ASSERT_PTR_NULL(MAIKO_TYPE(routed)->topic_of(&(routed){.room = 0}, buffer, sizeof(buffer)));
}

static void only_types_without_illegal_bytes_are_plain(void)
{
    static const maiko_event_type *const looked_at[] = {
        MAIKO_TYPE(with_string),  MAIKO_TYPE(with_blob), MAIKO_TYPE(with_bool), MAIKO_TYPE(with_bools), MAIKO_TYPE(with_struct),
        MAIKO_TYPE(with_structs), MAIKO_TYPE(line),      MAIKO_TYPE(body),      MAIKO_TYPE(path)};
    size_t i;

    for (i = 0; i < sizeof(looked_at) / sizeof(looked_at[0]); i++)
        CU_ASSERT_FALSE(looked_at[i]->plain);
    CU_ASSERT_TRUE(MAIKO_TYPE(with_plain)->plain);
    CU_ASSERT_EQUAL(maiko_schema_check(MAIKO_TYPE(with_plain), NULL, 0), MAIKO_OK);
}

static void fields_are_where_the_compiler_put_them(void)
{
    const maiko_event_type *type = MAIKO_TYPE(sample);
    const maiko_field *field = maiko_event_find_field(type, "key");
    const maiko_field *nested;

    CU_ASSERT_PTR_NOT_NULL_FATAL(field);
    CU_ASSERT_EQUAL(field->kind, MAIKO_KIND_BLOB);
    CU_ASSERT_EQUAL(field->offset, offsetof(sample, key));
    CU_ASSERT_EQUAL(field->size, sizeof(((sample *)0)->key));
    CU_ASSERT_EQUAL(field->capacity, 7);

    field = maiko_event_find_field(type, "marks");
    CU_ASSERT_EQUAL(field->form, MAIKO_FORM_ARRAY);
    CU_ASSERT_EQUAL(field->count, 2);
    CU_ASSERT_EQUAL(field->size, sizeof(mark));
    nested = maiko_struct_find_field(field->nested, "at");
    CU_ASSERT_EQUAL(nested->offset, offsetof(mark, at));
    CU_ASSERT_PTR_EQUAL(maiko_struct_field(field->nested, 1), nested);
    CU_ASSERT_PTR_NULL(maiko_struct_field(field->nested, 3));
    CU_ASSERT_PTR_NULL(maiko_struct_find_field(field->nested, "a"));

    field = maiko_event_field(type, type->field_count - 1);
    CU_ASSERT_STRING_EQUAL(field->name, "samples");
    CU_ASSERT_EQUAL(field->form, MAIKO_FORM_TAIL);
    CU_ASSERT_EQUAL(field->offset, sizeof(sample));
    CU_ASSERT_EQUAL(offsetof(sample, samples), sizeof(sample));
    CU_ASSERT_EQUAL(offsetof(sample, samples_count), sizeof(sample) - 8);
    CU_ASSERT_PTR_NULL(maiko_event_field(type, type->field_count));
    CU_ASSERT_PTR_NULL(maiko_event_find_field(type, "nam"));
    CU_ASSERT_PTR_NULL(maiko_event_find_field(NULL, "name"));
}

static void labels_have_texts_and_values(void)
{
    const maiko_enum *labels = maiko_event_find_field(MAIKO_TYPE(sample), "shade")->labels;
    int32_t value = 99;

    CU_ASSERT_STRING_EQUAL(labels->name, "color");
    CU_ASSERT_STRING_EQUAL(maiko_enum_label(labels, RED), "RED");
    CU_ASSERT_STRING_EQUAL(maiko_enum_label(labels, COLOR_BLUE), "blue");
    CU_ASSERT_PTR_NULL(maiko_enum_label(labels, 77));
    CU_ASSERT_EQUAL(maiko_enum_value(labels, "GREEN", &value), MAIKO_OK);
    CU_ASSERT_EQUAL(value, 5);
    CU_ASSERT_EQUAL(maiko_enum_value(labels, "green", &value), MAIKO_ENOTFOUND);
    CU_ASSERT_EQUAL(maiko_enum_value(NULL, "GREEN", &value), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(value, 5);
}

static void kinds_and_policies_have_names(void)
{
    CU_ASSERT_STRING_EQUAL(maiko_kind_name(MAIKO_KIND_UINT64), "uint64");
    CU_ASSERT_STRING_EQUAL(maiko_kind_name((maiko_kind)77), "?");
    CU_ASSERT_STRING_EQUAL(maiko_overflow_name(MAIKO_DROP_NEWEST), "drop_newest");
    CU_ASSERT_STRING_EQUAL(maiko_overflow_name((maiko_overflow)77), "?");
}

static void set_copies_text_or_says_why_not(void)
{
    sample event = {.name = "0123456789abcde"};
    sample *events[] = {NULL, &event};
    int i = 0;

    CU_ASSERT_EQUAL(maiko_set(&events[++i]->name, "Grü"
                                                  "ße"),
                    MAIKO_OK); /* evaluated once */
    CU_ASSERT_EQUAL(i, 1);
    CU_ASSERT_EQUAL(memcmp(event.name, "Grüße\0\0\0\0\0\0\0\0", 16), 0); /* nothing of the old text is left */
    CU_ASSERT_EQUAL(maiko_set(&event.name, "fifteen bytes.."), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_set(&event.name, "sixteen bytes..."), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(maiko_set(&event.name, "\xc3("), MAIKO_EUTF8);
    CU_ASSERT_EQUAL(maiko_set(&event.name, NULL), MAIKO_EINVAL);
    CU_ASSERT_STRING_EQUAL(event.name, "fifteen bytes..");
    CU_ASSERT_EQUAL(maiko_set(&event.name, event.name + 8), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(event.name, "bytes..");
}

static void set_blob_copies_bytes_or_says_why_not(void)
{
    sample event = {.key = {.len = 7, .data = {9, 9, 9, 9, 9, 9, 9}}};
    int evaluated = 0;

    CU_ASSERT_EQUAL(maiko_set_blob(&(evaluated++, &event)->key,
                                   "\0\1"
                                   "2",
                                   1 + 2),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(evaluated, 1);
    CU_ASSERT_EQUAL(event.key.len, 3);
    CU_ASSERT_EQUAL(memcmp(event.key.data,
                           "\0\1"
                           "2\0\0\0\0",
                           7),
                    0);
    CU_ASSERT_EQUAL(maiko_set_blob(&event.key, "12345678", 8), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(maiko_set_blob(&event.key, NULL, 1), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(event.key.len, 3);
    CU_ASSERT_EQUAL(maiko_set_blob(&event.key, NULL, 0), MAIKO_OK);
    CU_ASSERT_EQUAL(event.key.len, 0);
}

static void an_event_comes_back_as_its_own_type_only(void)
{
    const tick event = {0};
    const maiko_envelope envelope = {.type = MAIKO_TYPE(tick), .payload = &event, .payload_len = sizeof(event)};
    const maiko_envelope *list[] = {&envelope, NULL};
    int i = 0;

    CU_ASSERT_PTR_EQUAL(maiko_event_as(list[i++], tick), &event);
    CU_ASSERT_EQUAL(i, 1);
    CU_ASSERT_PTR_NULL(maiko_event_as(list[i], tick));
    CU_ASSERT_PTR_NULL(maiko_event_as(&envelope, line));
}

static void copies_of_a_descriptor_are_the_same_type(void)
{
    maiko_event_type copy = *MAIKO_TYPE(sample);
    maiko_field fields[20];
    char name[] = "sample";

    memcpy(fields, maiko_event_field(&copy, 0), sizeof(fields));
    copy.fields = fields;
    copy.name = name;
    copy.topic = "elsewhere";
    CU_ASSERT_TRUE(maiko_event_is(&copy, MAIKO_TYPE(sample)));
    CU_ASSERT_EQUAL(maiko_schema_hash(&copy), maiko_schema_hash(MAIKO_TYPE(sample)));

    fields[3].kind = MAIKO_KIND_UINT32;
    CU_ASSERT_FALSE(maiko_event_is(&copy, MAIKO_TYPE(sample)));
    CU_ASSERT_NOT_EQUAL(maiko_schema_hash(&copy), maiko_schema_hash(MAIKO_TYPE(sample)));

    fields[3] = *maiko_event_field(MAIKO_TYPE(sample), 3);
    copy.size += 8;
    CU_ASSERT_FALSE(maiko_event_is(&copy, MAIKO_TYPE(sample)));
    copy.size -= 8;
    CU_ASSERT_TRUE(maiko_event_is(&copy, MAIKO_TYPE(sample)));
    name[0] = 'S';
    CU_ASSERT_FALSE(maiko_event_is(&copy, MAIKO_TYPE(sample)));
    CU_ASSERT_FALSE(maiko_event_is(NULL, MAIKO_TYPE(sample)));
    CU_ASSERT_FALSE(maiko_event_is(MAIKO_TYPE(sample), NULL));
}

static void length_follows_the_tail(void)
{
    sample event = {.samples_count = 5};

    CU_ASSERT_EQUAL(maiko_event_len(MAIKO_TYPE(sample), &event), sizeof(sample) + 10);
    CU_ASSERT_EQUAL(maiko_event_tail_count(MAIKO_TYPE(sample), &event), 5);
    event.samples_count = UINT64_MAX / 2 + 1;
    CU_ASSERT_EQUAL(maiko_event_len(MAIKO_TYPE(sample), &event), SIZE_MAX);
    CU_ASSERT_EQUAL(maiko_event_len(MAIKO_TYPE(tick), &(tick){0}), 1);
}

static void topic_lists_end_with_null(void)
{
    CU_ASSERT_STRING_EQUAL(topics[0], "a/b");
    CU_ASSERT_STRING_EQUAL(topics[1], "c/#");
    CU_ASSERT_PTR_NULL(topics[2]);
}

static const struct test_case cases[] = {
    TEST_CASE(every_declared_type_passes_the_check),
    TEST_CASE(the_descriptor_says_what_the_macro_was_told),
    TEST_CASE(only_types_without_illegal_bytes_are_plain),
    TEST_CASE(fields_are_where_the_compiler_put_them),
    TEST_CASE(labels_have_texts_and_values),
    TEST_CASE(kinds_and_policies_have_names),
    TEST_CASE(set_copies_text_or_says_why_not),
    TEST_CASE(set_blob_copies_bytes_or_says_why_not),
    TEST_CASE(an_event_comes_back_as_its_own_type_only),
    TEST_CASE(copies_of_a_descriptor_are_the_same_type),
    TEST_CASE(length_follows_the_tail),
    TEST_CASE(topic_lists_end_with_null),
};
SUITE_MAIN("event", cases)
