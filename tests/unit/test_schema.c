/* Schema: what a descriptor and the bytes of an event must keep. */
#include "lib/random_schema.h"
#include "lib/sample_events.h"
#include "lib/suite.h"
#include "message/schema.h"

#include <maiko/schema.h>
#include <stdio.h>
#include <stdlib.h>

/* A copy of a type's descriptor that a test may spoil. */
struct spoiled {
    maiko_event_type type;
    maiko_field fields[32];
};

static void spoiled_init(struct spoiled *spoiled, const maiko_event_type *type)
{
    spoiled->type = *type;
    if (type->field_count > 0)
        memcpy(spoiled->fields, maiko_event_field(type, 0), type->field_count * sizeof(maiko_field));
    spoiled->type.fields = spoiled->fields;
}

static maiko_field *spoiled_field(struct spoiled *spoiled, const char *name)
{
    return &spoiled->fields[maiko_event_find_field(&spoiled->type, name) - spoiled->fields];
}

static bool is_refused(const struct spoiled *spoiled, const char *reason)
{
    char text[256];
    maiko_status status = maiko_schema_check(&spoiled->type, text, sizeof(text));

    if (status == MAIKO_ETYPE && strstr(text, reason) != NULL)
        return true;
    printf("# %s: %s instead of %s\n", maiko_status_name(status), text, reason);
    return false;
}

/* One line per lie: spoil one thing of the sample type, expect the reason. */
#define REFUSES(change, reason)                                                                                                  \
    do {                                                                                                                         \
        struct spoiled bad;                                                                                                      \
        spoiled_init(&bad, MAIKO_TYPE(sample));                                                                                  \
        change;                                                                                                                  \
        CU_ASSERT_TRUE(is_refused(&bad, reason));                                                                                \
    } while (0)

static void the_head_of_a_descriptor_is_checked(void)
{
    char long_name[70];

    memset(long_name, 'x', sizeof(long_name));
    long_name[64] = '\0';
    REFUSES(bad.type.struct_size = 16, "struct_size");
    REFUSES(bad.type.name = NULL, "name of a type");
    REFUSES(bad.type.name = "", "name of a type");
    REFUSES(bad.type.name = "a b", "name of a type");
    REFUSES(bad.type.name = "1a", "name of a type");
    REFUSES(bad.type.name = long_name, "name of a type");
    REFUSES(bad.type.size = 0, "size 0");
    REFUSES(bad.type.size = MAIKO_EVENT_MAX + 1, "size 16777217");
    REFUSES(bad.type.field_count = 257, "too many fields");
    REFUSES(bad.type.fields = NULL; bad.type.field_table = NULL, "no table");
    REFUSES(bad.type.field_size = 8, "field_size");
    REFUSES(bad.type.field_size = sizeof(maiko_field) + 1, "field_size");
    REFUSES(bad.type.plain = true, "plain");
    REFUSES(bad.type.overflow = (maiko_overflow)5, "overflow");
    REFUSES(bad.type.topic = NULL, "neither topic");
    REFUSES(bad.type.topic = "", "not a topic name");
    REFUSES(bad.type.topic = "a/#", "not a topic name");
    REFUSES(bad.type.destroy = free, "destroy");
    CU_ASSERT_EQUAL(maiko_schema_check(NULL, NULL, 0), MAIKO_EINVAL);
}

static void fields_are_checked_one_by_one(void)
{
    REFUSES(bad.fields[1].name = NULL, "name of field 1");
    REFUSES(bad.fields[1].name = "a.b", "name of field 1");
    REFUSES(bad.fields[1].name = "on", "two fields named on");
    REFUSES(bad.fields[1].kind = 0, "unknown kind 0");
    REFUSES(bad.fields[1].kind = 19, "unknown kind 19");
    REFUSES(bad.fields[1].form = 3, "no such form");
    REFUSES(bad.fields[1].size = 2, "int8 has 1 bytes, not 2");
    REFUSES(bad.fields[1].count = 2, "no such form");
    REFUSES(bad.fields[1].offset = 0, "overlaps");
    REFUSES(spoiled_field(&bad, "values")->count = 0, "array of 0");
    REFUSES(spoiled_field(&bad, "values")->count = UINT32_MAX, "past the end");
    REFUSES(spoiled_field(&bad, "values")->offset = UINT32_MAX, "past the end");
    REFUSES(spoiled_field(&bad, "name")->size = 15, "a string's size");
    REFUSES(spoiled_field(&bad, "name")->form = MAIKO_FORM_ARRAY, "no such form");
    REFUSES(spoiled_field(&bad, "key")->capacity = 9, "does not fit");
    REFUSES(spoiled_field(&bad, "key")->capacity = 0, "does not fit");
    REFUSES(spoiled_field(&bad, "shade")->labels = NULL, "needs labels");
    REFUSES(spoiled_field(&bad, "shade")->size = 8, "an enum has 4");
    REFUSES(spoiled_field(&bad, "best")->nested = NULL, "nested struct");
    REFUSES(spoiled_field(&bad, "best")->size = 4, "nested struct");
    REFUSES(spoiled_field(&bad, "i8")->kind = MAIKO_KIND_BYTES, "outside of a tail");
    REFUSES(spoiled_field(&bad, "u64")->kind = MAIKO_KIND_POINTER, "not local_only");
}

static void labels_are_checked(void)
{
    static const maiko_label empty[] = {{"", 0}};
    static const maiko_label control[] = {{"a\nb", 0}};
    maiko_enum labels = {"color", empty, 1};

    REFUSES(spoiled_field(&bad, "shade")->labels = &labels, "label 0");
    labels.labels = control;
    REFUSES(spoiled_field(&bad, "shade")->labels = &labels, "label 0");
    labels.label_count = 0;
    REFUSES(spoiled_field(&bad, "shade")->labels = &labels, "needs labels");
    labels.label_count = MAIKO_LABELS_MAX + 1;
    REFUSES(spoiled_field(&bad, "shade")->labels = &labels, "more than 4096 labels");
    labels.name = "a b";
    REFUSES(spoiled_field(&bad, "shade")->labels = &labels, "bad name of an enum");
}

static void tails_are_checked(void)
{
    struct spoiled tight;

    REFUSES(bad.type.tail_size = 4, "element size");
    REFUSES(bad.type.tail_size = 0, "element size");
    REFUSES(bad.type.field_count--, "a tail_size but no tail");
    REFUSES(spoiled_field(&bad, "samples")->offset -= 8, "begins at the end");
    REFUSES(spoiled_field(&bad, "samples")->count = 1, "element size or count");
    REFUSES(spoiled_field(&bad, "samples")->kind = MAIKO_KIND_STRING;
            spoiled_field(&bad, "samples")->capacity = 2, "no tail of string");
    REFUSES(bad.type.size = bad.fields[19].offset -= 4, "begins at the end");
    REFUSES(spoiled_field(&bad, "f64")->form = MAIKO_FORM_TAIL, "must be the last");
    spoiled_init(&tight, MAIKO_TYPE(path));
    tight.type.size = tight.fields[1].offset = 16; /* where the name ends: no place for the count */
    CU_ASSERT_TRUE(is_refused(&tight, "behind its count"));
}

/* Structs that hold each other would be walked for ever; structs nested twice at each of eight levels are 256 times the fields.
 */
static void nesting_is_bounded(void)
{
    maiko_field field = {.name = "self", .kind = MAIKO_KIND_STRUCT, .size = 4, .count = 1};
    maiko_struct self = {.name = "self", .size = 4, .fields = &field, .field_count = 1, .field_size = sizeof(field)};
    maiko_struct level[MAIKO_NESTING_MAX];
    maiko_field twice[MAIKO_NESTING_MAX][2];
    struct spoiled wide;
    size_t i, k;

    field.nested = &self;
    REFUSES(bad.type.fields = &field; bad.type.field_count = 1; bad.type.size = 4, "nested more than 8 deep");

    memset(twice, 0, sizeof(twice));
    for (i = 0; i < MAIKO_NESTING_MAX; i++) {
        level[i] = (maiko_struct){
            .name = "level", .size = 1U << (12 + i), .fields = twice[i], .field_count = 2, .field_size = sizeof(field)};
        for (k = 0; k < 2; k++)
            twice[i][k] = (maiko_field){.name = k == 0 ? "a" : "b",
                                        .kind = i == 0 ? MAIKO_KIND_STRING : MAIKO_KIND_STRUCT,
                                        .size = 1U << (11 + i),
                                        .capacity = 1U << (11 + i),
                                        .count = 1,
                                        .offset = (uint32_t)(k << (11 + i)),
                                        .nested = i == 0 ? NULL : &level[i - 1]};
    }
    twice[7][0].nested = twice[7][1].nested = &level[6];
    spoiled_init(&wide, MAIKO_TYPE(sample));
    for (k = 0; k < 20; k++) {
        wide.fields[k].kind = MAIKO_KIND_STRUCT;
        wide.fields[k].form = MAIKO_FORM_ONE;
        wide.fields[k].size = 1U << 19;
        wide.fields[k].count = 1;
        wide.fields[k].offset = (uint32_t)(k << 19);
        wide.fields[k].nested = &level[7];
    }
    wide.type.size = MAIKO_EVENT_MAX;
    CU_ASSERT_TRUE(is_refused(&wide, "too many fields"));
}

/* FNV-1a as maiko_schema_hash() describes it, computed once with another program: these numbers never change. */
static void the_hash_is_the_documented_one(void)
{
    CU_ASSERT_EQUAL(maiko_schema_hash(MAIKO_TYPE(tick)), UINT64_C(0xb74976af87b1a12d));
    CU_ASSERT_EQUAL(maiko_schema_hash(MAIKO_TYPE(path)), UINT64_C(0x871d362f81931409));
    CU_ASSERT_EQUAL(maiko_schema_hash(NULL), 0);
}

static void any_change_of_the_layout_changes_the_hash(void)
{
    static const size_t at[] = {offsetof(maiko_field, kind), offsetof(maiko_field, form),  offsetof(maiko_field, offset),
                                offsetof(maiko_field, size), offsetof(maiko_field, count), offsetof(maiko_field, capacity)};
    uint64_t hash = maiko_schema_hash(MAIKO_TYPE(sample));
    struct spoiled other;
    size_t i;

    for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        spoiled_init(&other, MAIKO_TYPE(sample));
        ++*((uint8_t *)&other.fields[2] + at[i]);
        CU_ASSERT_NOT_EQUAL(maiko_schema_hash(&other.type), hash);
        CU_ASSERT_FALSE(maiko_event_is(&other.type, MAIKO_TYPE(sample)));
    }
    spoiled_init(&other, MAIKO_TYPE(sample));
    other.fields[2].name = "i_16";
    CU_ASSERT_NOT_EQUAL(maiko_schema_hash(&other.type), hash);
}

static bool is_illegal(const void *event, size_t len, maiko_status expected, const char *reason)
{
    char text[200];

    return maiko_schema_validate(MAIKO_TYPE(sample), event, len, text, sizeof(text)) == expected && strstr(text, reason) != NULL;
}

/* The event with room for a tail of four. */
union sample_room {
    sample event;
    char bytes[sizeof(sample) + 4 * sizeof(int16_t)];
};

static void legal_events_are_accepted(void)
{
    union sample_room room = {.event = {.name = "fifteen bytes..", .key = {.len = 7}, .shade = (color)77, .samples_count = 4}};

    memset(room.event.best.label, 'x', 7);
    CU_ASSERT_EQUAL(maiko_schema_validate(MAIKO_TYPE(sample), &room, sizeof(room.bytes), NULL, 0), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_schema_validate(MAIKO_TYPE(tick), &(tick){0}, 1, NULL, 0), MAIKO_OK);
}

static void illegal_events_are_refused_with_the_field(void)
{
    union sample_room room = {.event = {.samples_count = 4}};
    size_t len = sizeof(room.bytes);

    CU_ASSERT_TRUE(is_illegal(&room, len - 1, MAIKO_ETYPE, "tail of 4"));
    CU_ASSERT_TRUE(is_illegal(&room, len + 1, MAIKO_ETYPE, "tail of 4"));
    CU_ASSERT_TRUE(is_illegal(&room, 3, MAIKO_ETYPE, "3 bytes"));
    CU_ASSERT_TRUE(is_illegal(&room, SIZE_MAX, MAIKO_ETOOLONG, ""));
    CU_ASSERT_TRUE(is_illegal(NULL, len, MAIKO_EINVAL, ""));
    CU_ASSERT_EQUAL(maiko_schema_validate(MAIKO_TYPE(tick), &room, 2, NULL, 0), MAIKO_ETYPE);

    room.event.samples_count = UINT64_MAX;
    CU_ASSERT_TRUE(is_illegal(&room, len, MAIKO_ETYPE, "tail"));
    room.event.samples_count = 4;

    memset(room.event.name, 'x', sizeof(room.event.name));
    CU_ASSERT_TRUE(is_illegal(&room, len, MAIKO_ETYPE, "field name: a string without a final NUL"));
    room.event.name[15] = '\0';
    room.event.key.len = 8;
    CU_ASSERT_TRUE(is_illegal(&room, len, MAIKO_ETYPE, "field key"));
    room.event.key.len = 0;
    memset(&room.event.flags[2], 2, 1);
    CU_ASSERT_TRUE(is_illegal(&room, len, MAIKO_ETYPE, "field flags"));
    room.event.flags[2] = false;
    memset(room.event.marks[1].label, 'x', 8);
    CU_ASSERT_TRUE(is_illegal(&room, len, MAIKO_ETYPE, "field label"));
}

/* Of a run of `count` copies of a legal event, `step` bytes apart, some bytes are changed: the same of all is said as of each. */
static void judge_run(struct random *random, const maiko_event_type *type, const void *event, size_t len)
{
    enum { COUNT = 9 };
    size_t step = (len + 23) & ~(size_t)15;
    char *first = malloc(COUNT * step);
    size_t changes = random_below(random, 6);
    size_t legal = 0;
    size_t i;

    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    for (i = 0; i < COUNT; i++)
        memcpy(first + i * step, event, len);
    while (len > 0 && changes-- > 0) {
        size_t at = random_below(random, COUNT) * step;

        at += random_below(random, len);
        first[at] = (char)random_u64(random);
    }
    while (legal < COUNT && schema_validate(type, first + legal * step, len) == MAIKO_OK)
        legal++;
    for (i = 0; i <= COUNT; i++)
        CU_ASSERT_EQUAL(schema_legal_in_run(type, first, step, i, len), i < legal ? i : legal);
    CU_ASSERT_EQUAL(schema_legal_in_run(type, first, step, COUNT, len + 1), 0);
    free(first);
}

static void a_run_is_as_legal_as_its_events(void)
{
    uint64_t seed = random_first_seed(1);
    uint64_t end = seed + random_seed_count((unsigned)suite_scale(2000, 50000));

    for (; seed < end; seed++) {
        struct random random = {.state = seed};
        maiko_schema *schema = random_schema(&random, NULL);
        const maiko_event_type *type = NULL;
        size_t len = 0;
        void *event;

        CU_ASSERT_EQUAL_FATAL(maiko_schema_finish(schema, &type), MAIKO_OK);
        event = random_event(&random, type, &len);
        CU_ASSERT_PTR_NOT_NULL_FATAL(event);
        judge_run(&random, type, event, len);
        free(event);
        maiko_schema_free(schema);
    }
}

/* --- the look at one blob --- */

#define PARCEL_FIELDS(F) F(UINT32, number) F(BLOB, body, 10) F(DOUBLE, weight)
MAIKO_EVENT(parcel, "parcel", PARCEL_FIELDS)
#define PARCELS_FIELDS(F) F(BLOB, body, 10) F(BLOB, more, 10)
MAIKO_EVENT(parcels, "parcels", PARCELS_FIELDS)
#define SIGNED_FIELDS(F) F(BLOB, body, 10) F(BOOL, is_signed)
MAIKO_EVENT(signed_parcel, "signed", SIGNED_FIELDS)
#define NAMED_FIELDS(F) F(STRING, name, 10) F(BLOB, body, 10)
MAIKO_EVENT(named_parcel, "named", NAMED_FIELDS)

/* Whatever the bytes are, it says what a closer look says. */
static void agrees(const maiko_event_type *type, bool is_one_blob)
{
    const struct schema_look look = schema_look_of(type);
    unsigned char event[128] = {0};
    unsigned legal = 0;
    unsigned at;
    unsigned value;

    CU_ASSERT_FATAL(type->size <= sizeof(event));
    CU_ASSERT_EQUAL(look.blob_max != UINT32_MAX, is_one_blob);
    for (at = 0; at < type->size; at++) {
        for (value = 0; value < 256; value++) {
            bool is_legal;

            event[at] = (unsigned char)value;
            is_legal = schema_validate(type, event, type->size) == MAIKO_OK;
            CU_ASSERT_EQUAL(schema_is_met(type, look, event), is_legal);
            legal += is_legal;
        }
        event[at] = 0;
    }
    CU_ASSERT(legal > 0 && (type->plain || legal < 256 * type->size));
}

static void one_blob_is_looked_at_in_one_go(void)
{
    agrees(MAIKO_TYPE(parcel), true);
    agrees(MAIKO_TYPE(parcels), false);
    agrees(MAIKO_TYPE(signed_parcel), false);
    agrees(MAIKO_TYPE(named_parcel), false);
    agrees(MAIKO_TYPE(numbers), false);
}

static const struct test_case cases[] = {
    TEST_CASE(the_head_of_a_descriptor_is_checked),
    TEST_CASE(fields_are_checked_one_by_one),
    TEST_CASE(labels_are_checked),
    TEST_CASE(tails_are_checked),
    TEST_CASE(nesting_is_bounded),
    TEST_CASE(the_hash_is_the_documented_one),
    TEST_CASE(any_change_of_the_layout_changes_the_hash),
    TEST_CASE(legal_events_are_accepted),
    TEST_CASE(illegal_events_are_refused_with_the_field),
    TEST_CASE(a_run_is_as_legal_as_its_events),
    TEST_CASE(one_blob_is_looked_at_in_one_go),
};
SUITE_MAIN("schema", cases)
