/* Schema builder and codec: types made at run time, as bytes, and rebuilt. */
#include "lib/failing_allocator.h"
#include "lib/sample_events.h"
#include "lib/suite.h"

#include <maiko/json.h>
#include <maiko/schema.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/random_schema.h"

static const maiko_label color_labels[] = {{"RED", 0}, {"GREEN", 5}, {"blue", 6}, {"deep \"blue\"", -1}};
static const maiko_enum color_enum = {"color", color_labels, 4};

static void add_numbers(maiko_schema *schema)
{
    static const char *const names[] = {"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        maiko_schema_add(schema, (maiko_kind)(MAIKO_KIND_INT8 + i), names[i]);
}

static void add_mark(maiko_schema *schema, const char *name, size_t count)
{
    maiko_schema_open_struct(schema, name, "mark", count);
    maiko_schema_add_string(schema, "label", 8);
    maiko_schema_open_struct(schema, "at", "point", 0);
    maiko_schema_add(schema, MAIKO_KIND_INT32, "x");
    maiko_schema_add(schema, MAIKO_KIND_INT32, "y");
    maiko_schema_close_struct(schema);
    maiko_schema_add(schema, MAIKO_KIND_BOOL, "visible");
    maiko_schema_close_struct(schema);
}

/* What SAMPLE_FIELDS says, said by functions. */
static maiko_status build_sample(const maiko_allocator *allocator, maiko_schema **ret_schema, const maiko_event_type **ret_type)
{
    maiko_schema *schema = maiko_schema_new("sample", allocator);
    maiko_status status;

    if (schema == NULL)
        return MAIKO_ENOMEM;
    maiko_schema_topic(schema, "sample/all");
    maiko_schema_add(schema, MAIKO_KIND_BOOL, "on");
    add_numbers(schema);
    maiko_schema_add_string(schema, "name", 16);
    maiko_schema_add_blob(schema, "key", 7);
    maiko_schema_add_enum(schema, "shade", &color_enum, 0);
    add_mark(schema, "best", 0);
    maiko_schema_add_array(schema, MAIKO_KIND_DOUBLE, "values", 3);
    maiko_schema_add_array(schema, MAIKO_KIND_BOOL, "flags", 3);
    maiko_schema_add_enum(schema, "shades", &color_enum, 2);
    add_mark(schema, "marks", 2);
    maiko_schema_add_tail(schema, MAIKO_KIND_INT16, "samples");
    status = maiko_schema_finish(schema, ret_type);
    if (status == MAIKO_OK)
        *ret_schema = schema;
    else
        maiko_schema_free(schema);
    return status;
}

static void a_built_type_is_the_type_the_macro_makes(void)
{
    maiko_schema *schema = NULL;
    const maiko_event_type *type = NULL;

    CU_ASSERT_EQUAL_FATAL(build_sample(NULL, &schema, &type), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_event_is(type, MAIKO_TYPE(sample)));
    CU_ASSERT_EQUAL(maiko_schema_hash(type), maiko_schema_hash(MAIKO_TYPE(sample)));
    CU_ASSERT_STRING_EQUAL(type->topic, "sample/all");
    CU_ASSERT_EQUAL(type->plain, MAIKO_TYPE(sample)->plain);
    CU_ASSERT_STRING_EQUAL(maiko_schema_error_text(schema), "");
    CU_ASSERT_EQUAL(maiko_schema_finish(schema, &type), MAIKO_OK); /* again */
    CU_ASSERT_EQUAL(maiko_schema_add(schema, MAIKO_KIND_BOOL, "more"), MAIKO_ESTATE);
    maiko_schema_free(schema);
}

static void small_types_are_laid_out_as_by_the_compiler(void)
{
    maiko_schema *schema = maiko_schema_new("numbers", NULL);
    const maiko_event_type *type = NULL;

    add_numbers(schema);
    CU_ASSERT_EQUAL(maiko_schema_finish(schema, &type), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_event_is(type, MAIKO_TYPE(numbers)));
    CU_ASSERT_TRUE(type->plain);
    CU_ASSERT_STRING_EQUAL(type->topic, "default");
    maiko_schema_free(schema);

    schema = maiko_schema_new("tick", NULL);
    CU_ASSERT_EQUAL(maiko_schema_finish(schema, &type), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_event_is(type, MAIKO_TYPE(tick)));
    maiko_schema_free(schema);

    schema = maiko_schema_new("path", NULL);
    maiko_schema_add_string(schema, "name", 16);
    maiko_schema_open_tail(schema, "points", "point");
    maiko_schema_add(schema, MAIKO_KIND_INT32, "x");
    maiko_schema_add(schema, MAIKO_KIND_INT32, "y");
    maiko_schema_close_struct(schema);
    CU_ASSERT_EQUAL(maiko_schema_finish(schema, &type), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_event_is(type, MAIKO_TYPE(path)));
    maiko_schema_free(schema);
    maiko_schema_free(NULL);
}

/* The first failure sticks, with its reason. */
#define FAILS(call, expected, reason)                                                                                            \
    do {                                                                                                                         \
        maiko_schema *schema = maiko_schema_new("broken", NULL);                                                                 \
        const maiko_event_type *type = NULL;                                                                                     \
        maiko_schema_add(schema, MAIKO_KIND_BOOL, "on");                                                                         \
        CU_ASSERT_EQUAL(call, expected);                                                                                         \
        CU_ASSERT_EQUAL(maiko_schema_add(schema, MAIKO_KIND_BOOL, "later"), expected);                                           \
        CU_ASSERT_EQUAL(maiko_schema_finish(schema, &type), expected);                                                           \
        CU_ASSERT_PTR_NULL(type);                                                                                                \
        CU_ASSERT_PTR_NOT_NULL(strstr(maiko_schema_error_text(schema), reason));                                                 \
        maiko_schema_free(schema);                                                                                               \
    } while (0)

static maiko_status nest(maiko_schema *schema, unsigned levels)
{
    maiko_status status = MAIKO_OK;

    for (; levels > 0; levels--)
        status = maiko_schema_open_struct(schema, "deeper", "level", 0);
    return status;
}

static maiko_status add_many(maiko_schema *schema, unsigned count)
{
    maiko_status status = MAIKO_OK;
    char name[16];

    for (; count > 0; count--) {
        snprintf(name, sizeof(name), "f%u", count);
        status = maiko_schema_add(schema, MAIKO_KIND_BOOL, name);
    }
    return status;
}

static maiko_status add_behind_tail(maiko_schema *schema)
{
    maiko_schema_add_tail(schema, MAIKO_KIND_BYTES, "tail");
    return maiko_schema_add(schema, MAIKO_KIND_BOOL, "more");
}

static maiko_status add_tail_in_struct(maiko_schema *schema)
{
    nest(schema, 1);
    return maiko_schema_add_tail(schema, MAIKO_KIND_BYTES, "tail");
}

static maiko_status finish(maiko_schema *schema)
{
    const maiko_event_type *type;

    return maiko_schema_finish(schema, &type);
}

static maiko_status finish_with_open_struct(maiko_schema *schema)
{
    nest(schema, 1);
    return finish(schema);
}

static void the_first_failure_sticks_with_its_reason(void)
{
    static const maiko_label bad_labels[] = {{"a\nb", 0}};
    static const maiko_enum bad_enum = {"bad", bad_labels, 1};
    static const maiko_enum bad_name = {"a b", color_labels, 1};

    FAILS(maiko_schema_add(schema, MAIKO_KIND_BOOL, "on"), MAIKO_ENAME, "two fields named on");
    FAILS(maiko_schema_add(schema, MAIKO_KIND_BOOL, "a b"), MAIKO_ENAME, "not an identifier");
    FAILS(maiko_schema_add(schema, MAIKO_KIND_BOOL, NULL), MAIKO_ENAME, "not an identifier");
    FAILS(maiko_schema_add(schema, MAIKO_KIND_STRING, "x"), MAIKO_ETYPE, "string is not a kind of number");
    FAILS(maiko_schema_add(schema, MAIKO_KIND_ENUM, "x"), MAIKO_ETYPE, "enum is not");
    FAILS(maiko_schema_add(schema, (maiko_kind)99, "x"), MAIKO_ETYPE, "? is not");
    FAILS(maiko_schema_add_array(schema, MAIKO_KIND_INT8, "x", 0), MAIKO_ETYPE, "0 elements");
    FAILS(maiko_schema_add_array(schema, MAIKO_KIND_INT8, "x", SIZE_MAX), MAIKO_ETOOLONG, "elements");
    FAILS(maiko_schema_add_array(schema, MAIKO_KIND_INT64, "x", MAIKO_EVENT_MAX), MAIKO_ETOOLONG, "bytes");
    FAILS(maiko_schema_add_string(schema, "x", 0), MAIKO_ETOOLONG, "capacity");
    FAILS(maiko_schema_add_blob(schema, "x", MAIKO_EVENT_MAX + 1), MAIKO_ETOOLONG, "capacity");
    FAILS(maiko_schema_add_enum(schema, "x", NULL, 0), MAIKO_EINVAL, "labels");
    FAILS(maiko_schema_add_enum(schema, "x", &bad_enum, 0), MAIKO_ENAME, "bad label 0");
    FAILS(maiko_schema_add_enum(schema, "x", &bad_name, 0), MAIKO_ENAME, "name of an enum");
    FAILS(maiko_schema_add_tail(schema, MAIKO_KIND_STRING, "x"), MAIKO_ETYPE, "no tail of string");
    FAILS(add_behind_tail(schema), MAIKO_ETYPE, "behind the tail");
    FAILS(add_tail_in_struct(schema), MAIKO_ETYPE, "inside of a struct");
    FAILS(nest(schema, MAIKO_NESTING_MAX + 1), MAIKO_ELIMIT, "nested more than 8 deep");
    FAILS(add_many(schema, MAIKO_FIELDS_MAX), MAIKO_ELIMIT, "too many fields");
    FAILS(maiko_schema_open_struct(schema, "x", "a b", 0), MAIKO_ENAME, "name of a struct");
    FAILS(maiko_schema_close_struct(schema), MAIKO_ESTATE, "no struct is open");
    FAILS(finish_with_open_struct(schema), MAIKO_ESTATE, "level is still open");
}

static void null_is_an_argument_error(void)
{
    const maiko_event_type *type;
    maiko_schema *schema = maiko_schema_new("a b", NULL);

    CU_ASSERT_EQUAL(maiko_schema_finish(schema, &type), MAIKO_ENAME);
    maiko_schema_free(schema);
    CU_ASSERT_EQUAL(maiko_schema_add(NULL, MAIKO_KIND_BOOL, "x"), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_schema_topic(NULL, "x"), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_schema_policy(NULL, MAIKO_BLOCK, false, false), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_schema_finish(NULL, &type), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_schema_encode(NULL, NULL, 0, NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_schema_decode(NULL, 0, NULL, &schema, NULL, 0), MAIKO_EINVAL);
    CU_ASSERT_STRING_EQUAL(maiko_schema_error_text(NULL), "");
}

static void every_allocation_failure_of_the_builder_is_reported_and_leaks_nothing(void)
{
    struct failing_allocator failing;
    maiko_status status = MAIKO_ENOMEM;
    long nth;

    failing_allocator_init(&failing);
    for (nth = 0; status == MAIKO_ENOMEM && nth < 500; nth++) {
        maiko_schema *schema = NULL;
        const maiko_event_type *type = NULL;

        failing_allocator_fail_nth(&failing, nth);
        status = build_sample(&failing.allocator, &schema, &type);
        failing_allocator_fail_nth(&failing, -1);
        CU_ASSERT_EQUAL(type != NULL, status == MAIKO_OK);
        maiko_schema_free(schema);
        CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
    }
    CU_ASSERT_EQUAL(status, MAIKO_OK);
    CU_ASSERT_TRUE(nth > 30);
}

static uint8_t encoded[8192];

static size_t encode(const maiko_event_type *type)
{
    size_t len = 0;

    CU_ASSERT_EQUAL(maiko_schema_encode(type, encoded, sizeof(encoded), &len), MAIKO_OK);
    return len;
}

static void every_allocation_failure_of_the_decoder_is_reported_and_leaks_nothing(void)
{
    size_t len = encode(MAIKO_TYPE(sample));
    struct failing_allocator failing;
    maiko_status status = MAIKO_ENOMEM;
    long nth;

    failing_allocator_init(&failing);
    for (nth = 0; status == MAIKO_ENOMEM && nth < 500; nth++) {
        maiko_schema *schema = NULL;

        failing_allocator_fail_nth(&failing, nth);
        status = maiko_schema_decode(encoded, len, &failing.allocator, &schema, NULL, 0);
        failing_allocator_fail_nth(&failing, -1);
        CU_ASSERT_EQUAL(schema != NULL, status == MAIKO_OK);
        maiko_schema_free(schema);
        CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
    }
    CU_ASSERT_EQUAL(status, MAIKO_OK);
    CU_ASSERT_TRUE(nth > 30);
}

static void a_type_survives_the_way_through_bytes(void)
{
    size_t len = encode(MAIKO_TYPE(sample));
    size_t needed = 0;
    maiko_schema *schema = NULL;
    const maiko_event_type *type = NULL;
    char text[100];

    CU_ASSERT_EQUAL(maiko_schema_encode(MAIKO_TYPE(sample), NULL, 0, &needed), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(needed, len);
    CU_ASSERT_EQUAL_FATAL(maiko_schema_decode(encoded, len, NULL, &schema, text, sizeof(text)), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(text, "");
    CU_ASSERT_EQUAL(maiko_schema_finish(schema, &type), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_event_is(type, MAIKO_TYPE(sample)));
    CU_ASSERT_STRING_EQUAL(type->topic, "sample/all");
    CU_ASSERT_STRING_EQUAL(maiko_enum_label(maiko_event_find_field(type, "shade")->labels, COLOR_DEEP), "deep \"blue\"");
    maiko_schema_free(schema);
    CU_ASSERT_EQUAL(maiko_schema_encode(MAIKO_TYPE(local), encoded, sizeof(encoded), &len), MAIKO_ENOTSUP);
}

static void a_rebuilt_type_without_topic_refuses_to_name_one(void)
{
    maiko_schema *schema = maiko_schema_new("dynamic", NULL);
    const maiko_event_type *type = NULL;
    char buffer[256];
    size_t len;

    maiko_schema_topic(schema, NULL);
    CU_ASSERT_EQUAL(maiko_schema_finish(schema, &type), MAIKO_OK);
    len = encode(type);
    maiko_schema_free(schema);
    CU_ASSERT_EQUAL_FATAL(maiko_schema_decode(encoded, len, NULL, &schema, NULL, 0), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_schema_finish(schema, &type), MAIKO_OK);
    CU_ASSERT_PTR_NULL(type->topic);
    CU_ASSERT_PTR_NULL(type->topic_of("", buffer, sizeof(buffer)));
    maiko_schema_free(schema);
}

static bool is_refused(size_t len, const char *reason)
{
    maiko_schema *schema = NULL;
    char text[200];
    maiko_status status = maiko_schema_decode(encoded, len, NULL, &schema, text, sizeof(text));

    maiko_schema_free(schema);
    if (status != MAIKO_OK && strstr(text, reason) != NULL)
        return true;
    printf("# %s, %s instead of %s\n", maiko_status_name(status), text, reason);
    return false;
}

static void bytes_that_are_no_type_are_refused(void)
{
    size_t len = encode(MAIKO_TYPE(numbers));
    size_t cut;

    for (cut = 0; cut < len; cut++)
        CU_ASSERT_TRUE(is_refused(cut, cut < 4 ? "not a type" : "cut off"));
    encoded[len] = 0;
    CU_ASSERT_TRUE(is_refused(len + 1, "bytes behind the end"));
    encoded[3] = '2';
    CU_ASSERT_TRUE(is_refused(len, "of another version"));
    encoded[3] = '1';
    encoded[4] = 8;
    CU_ASSERT_TRUE(is_refused(len, "unknown options"));
    memcpy(encoded + 4, "\x84\x00", 2);
    CU_ASSERT_TRUE(is_refused(len, "leading zeros"));
    memcpy(encoded + 4, "\xff\xff\xff\xff\xff\x7f", 6);
    CU_ASSERT_TRUE(is_refused(len, "over 32 bits"));
    memcpy(encoded + 4, "\xff\xff\xff\xff\x1f", 5);
    CU_ASSERT_TRUE(is_refused(len, "over 32 bits"));
    len = encode(MAIKO_TYPE(numbers));
    memset(memmem(encoded, len, "i16", 3), 0, 1);
    CU_ASSERT_TRUE(is_refused(len, "a NUL inside of a text"));
}

/* One byte of a good type changed in every way: refused, or a type that passes the check. */
static void every_changed_byte_is_refused_or_harmless(void)
{
    size_t len = encode(MAIKO_TYPE(sample));
    size_t at;
    unsigned bit;

    for (at = 0; at < len; at++) {
        for (bit = 0; bit < 8; bit++) {
            maiko_schema *schema = NULL;
            const maiko_event_type *type = NULL;

            encoded[at] ^= (uint8_t)(1U << bit);
            if (maiko_schema_decode(encoded, len, NULL, &schema, NULL, 0) == MAIKO_OK) {
                CU_ASSERT_EQUAL(maiko_schema_finish(schema, &type), MAIKO_OK);
                CU_ASSERT_EQUAL(maiko_schema_check(type, NULL, 0), MAIKO_OK);
                maiko_schema_free(schema);
            }
            encoded[at] ^= (uint8_t)(1U << bit);
        }
    }
}

/* JSON there and back gives the same bytes, by the type itself and by the type rebuilt from bytes. */
static bool survives(const maiko_event_type *type, const maiko_event_type *rebuilt, const void *event, size_t len)
{
    size_t json_len = 0, back_len = 0;
    char text[256] = "";
    bool same;

    maiko_event_to_json(type, event, len, NULL, 0, &json_len);
    char *json = malloc(json_len + 1);
    char *back = malloc(len);

    same = json != NULL && back != NULL && maiko_schema_validate(type, event, len, text, sizeof(text)) == MAIKO_OK &&
           maiko_event_to_json(type, event, len, json, json_len + 1, &json_len) == MAIKO_OK &&
           maiko_event_from_json(rebuilt, json, json_len, back, len, &back_len, text, sizeof(text)) == MAIKO_OK &&
           back_len == len && memcmp(back, event, len) == 0 && strchr(json, '\n') == NULL;
    if (!same)
        printf("# %s\n# %s\n", json != NULL ? json : "", text);
    free(json);
    free(back);
    return same;
}

static bool round_trips(uint64_t seed)
{
    struct random random = {seed};
    maiko_schema *schema = random_schema(&random, NULL);
    maiko_schema *rebuilt = NULL;
    const maiko_event_type *type = NULL, *same = NULL;
    unsigned i;
    bool good = schema != NULL && maiko_schema_finish(schema, &type) == MAIKO_OK &&
                maiko_schema_decode(encoded, encode(type), NULL, &rebuilt, NULL, 0) == MAIKO_OK &&
                maiko_schema_finish(rebuilt, &same) == MAIKO_OK && maiko_event_is(type, same) &&
                maiko_schema_hash(type) == maiko_schema_hash(same) && type->sticky == same->sticky &&
                type->overflow == same->overflow;

    for (i = 0; good && i < 5; i++) {
        size_t len = 0;
        void *event = random_event(&random, type, &len);

        good = event != NULL && survives(type, same, event, len) && survives(same, type, event, len);
        free(event);
    }
    maiko_schema_free(schema);
    maiko_schema_free(rebuilt);
    return good;
}

static void random_events_of_random_types_survive_json_and_bytes(void)
{
    uint64_t seed = random_first_seed(1);
    unsigned count = random_seed_count((unsigned)suite_scale(1000, 50000));
    unsigned i;

    for (i = 0; i < count; i++) {
        if (!round_trips(seed + i)) {
            printf("# MAIKO_TEST_SEED=%llu fails\n", (unsigned long long)(seed + i));
            CU_FAIL("a random event did not come back");
            return;
        }
    }
    printf("# seeds %llu to %llu\n", (unsigned long long)seed, (unsigned long long)(seed + count - 1));
}

static const struct test_case cases[] = {
    TEST_CASE(a_built_type_is_the_type_the_macro_makes),
    TEST_CASE(small_types_are_laid_out_as_by_the_compiler),
    TEST_CASE(the_first_failure_sticks_with_its_reason),
    TEST_CASE(null_is_an_argument_error),
    TEST_CASE(every_allocation_failure_of_the_builder_is_reported_and_leaks_nothing),
    TEST_CASE(every_allocation_failure_of_the_decoder_is_reported_and_leaks_nothing),
    TEST_CASE(a_type_survives_the_way_through_bytes),
    TEST_CASE(a_rebuilt_type_without_topic_refuses_to_name_one),
    TEST_CASE(bytes_that_are_no_type_are_refused),
    TEST_CASE(every_changed_byte_is_refused_or_harmless),
    TEST_CASE(random_events_of_random_types_survive_json_and_bytes),
};
SUITE_MAIN("schema_builder", cases)
