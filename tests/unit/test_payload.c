/* Payloads: events through msgpack and back, by position and by name, between equal and unequal types. */
#include "wire/payload.h"

#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/random_schema.h"
#include "lib/sample_events.h"
#include "lib/suite.h"
#include "wire/frame.h"
#include "wire/limits.h"

static struct payload_plan *plan_of(const maiko_event_type *type, const struct foreign_type *foreign)
{
    struct payload_plan *plan = NULL;

    CU_ASSERT_EQUAL(payload_plan_new(heap_default(), type, foreign, &plan, NULL), MAIKO_OK);
    return plan;
}

/* Reads the pack into a block of its own; NULL and the reason when it is refused. */
static void *read_back(const struct payload_plan *plan, const struct pack *pack, size_t *ret_len, char *reason)
{
    struct text error;
    void *event;

    text_init_buffer(&error, reason, 128);
    if (payload_len(plan, pack_slice(pack), ret_len, &error) != MAIKO_OK)
        return NULL;
    event = malloc(*ret_len + 1);
    if (payload_read(plan, pack_slice(pack), event, *ret_len, &error) != MAIKO_OK) {
        free(event);
        return NULL;
    }
    return event;
}

static void check_round_trip(const struct payload_plan *plan, const void *event, size_t len, bool by_name)
{
    char reason[128];
    struct pack pack;
    size_t read_len = 0;
    void *read;

    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    (by_name ? payload_write_map : payload_write_array)(plan, &pack, event);
    CU_ASSERT_EQUAL(pack_status(&pack), MAIKO_OK);
    CU_ASSERT_EQUAL(reader_check(pack.data, pack.len, WIRE_FRAME_MAX, NULL), MAIKO_OK);
    read = read_back(plan, &pack, &read_len, reason);
    if (read == NULL)
        SUITE_FAIL("refused: %s", reason);
    CU_ASSERT(read != NULL && read_len == len && memcmp(read, event, len) == 0);
    free(read);
    pack_deinit(&pack);
}

static void random_events_of_random_types_come_back_bit_by_bit(void)
{
    struct random random = {.state = 4711};
    unsigned long rounds = suite_scale(3000, 100000);

    for (; rounds > 0; rounds--) {
        const maiko_event_type *type;
        maiko_schema *schema = random_schema(&random, NULL);
        struct payload_plan *plan;
        size_t len;
        void *event;

        if (schema == NULL || maiko_schema_finish(schema, &type) != MAIKO_OK) {
            SUITE_FAIL("the generator made an illegal type");
            return;
        }
        plan = plan_of(type, NULL);
        event = random_event(&random, type, &len);
        CU_ASSERT_EQUAL(maiko_schema_validate(type, event, len, NULL, 0), MAIKO_OK);
        check_round_trip(plan, event, len, false);
        check_round_trip(plan, event, len, true);
        free(event);
        payload_plan_free(plan);
        maiko_schema_free(schema);
    }
}

/* The type as the other side knows it, sent over. */
static struct foreign_type *announce(const maiko_event_type *type)
{
    struct foreign_type *foreign = NULL;
    struct pack pack;

    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    foreign_type_write(&pack, type, maiko_schema_hash(type));
    CU_ASSERT_EQUAL(foreign_type_read(heap_default(), pack_slice(&pack), &foreign, NULL), MAIKO_OK);
    pack_deinit(&pack);
    return foreign;
}

static void announced_types_are_the_same_types(void)
{
    struct random random = {.state = 99};
    unsigned rounds;

    for (rounds = 0; rounds < 300; rounds++) {
        const maiko_event_type *type;
        maiko_schema *schema = random_schema(&random, NULL);
        struct foreign_type *foreign;

        CU_ASSERT_FATAL(schema != NULL && maiko_schema_finish(schema, &type) == MAIKO_OK);
        foreign = announce(type);
        CU_ASSERT_FATAL(foreign != NULL);
        CU_ASSERT_EQUAL(maiko_schema_hash(foreign->type), foreign->hash);
        CU_ASSERT(maiko_event_is(type, foreign->type));
        foreign_type_free(foreign);
        maiko_schema_free(schema);
    }
}

#define OLD_FIELDS(F) F(INT32, a) F(STRING, name, 8) F(DOUBLE, gone) F(STRUCT, at, point) F(TAIL, values, INT16)
MAIKO_EVENT(old_version, "v", OLD_FIELDS)
#define NEW_FIELDS(F) F(STRING, name, 32) F(BOOL, added) F(INT64, a) F(STRUCT, at, point) F(TAIL, values, INT64)
MAIKO_EVENT(new_version, "v", NEW_FIELDS)
#define OTHER_FIELDS(F) F(STRING, a, 8)
MAIKO_EVENT(other_version, "v", OTHER_FIELDS)

static void fields_are_matched_by_name_between_versions(void)
{
    const old_version fixed = {.a = -5, .name = "x", .gone = 1.5, .at = {3, 4}, .values_count = 3};
    const int16_t values[] = {7, -8, 9};
    uint64_t old[(sizeof(fixed) + sizeof(values) + 7) / 8];
    struct foreign_type *foreign = announce(MAIKO_TYPE(old_version));
    struct payload_plan *old_plan = plan_of(MAIKO_TYPE(old_version), NULL);
    struct payload_plan *new_plan = plan_of(MAIKO_TYPE(new_version), foreign);
    const new_version *read;
    char reason[128];
    struct pack pack;
    size_t len = 0;

    memcpy(old, &fixed, sizeof(fixed));
    memcpy((char *)old + sizeof(fixed), values, sizeof(values));
    pack_init(&pack, heap_default(), 4096);
    payload_write_array(old_plan, &pack, old);
    read = read_back(new_plan, &pack, &len, reason);
    CU_ASSERT_FATAL(read != NULL);
    CU_ASSERT_EQUAL(read->a, -5);
    CU_ASSERT_STRING_EQUAL(read->name, "x");
    CU_ASSERT(!read->added);
    CU_ASSERT_EQUAL(read->at.y, 4);
    CU_ASSERT_EQUAL(read->values_count, 3);
    CU_ASSERT_EQUAL(read->values[1], -8);
    free((void *)(uintptr_t)read);
    pack_deinit(&pack);
    payload_plan_free(old_plan);
    payload_plan_free(new_plan);
    foreign_type_free(foreign);
}

static void a_field_of_another_kind_is_refused_by_name(void)
{
    struct foreign_type *foreign = announce(MAIKO_TYPE(other_version));
    struct payload_plan *plan = NULL;
    char reason[128];
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    CU_ASSERT_EQUAL(payload_plan_new(heap_default(), MAIKO_TYPE(old_version), foreign, &plan, &error), MAIKO_ETYPE);
    CU_ASSERT_STRING_EQUAL(reason, "field a: int32 here, string there");
    CU_ASSERT_EQUAL(payload_plan_new(heap_default(), MAIKO_TYPE(local), NULL, &plan, NULL), MAIKO_ENOTSUP);
    foreign_type_free(foreign);
}

/* Reads `json`-like msgpack made by the function into a sample; the reason must be this one ("": it is taken). */
static void expect(void (*write)(struct pack *pack), const char *expected)
{
    struct payload_plan *plan = plan_of(MAIKO_TYPE(sample), NULL);
    char reason[128];
    struct pack pack;
    size_t len = 0;
    void *event;

    pack_init(&pack, heap_default(), 65536);
    write(&pack);
    event = read_back(plan, &pack, &len, reason);
    if (strcmp(reason, expected) != 0 || (event != NULL) != (expected[0] == '\0'))
        SUITE_FAIL("\"%s\" instead of \"%s\"", reason, expected);
    free(event);
    pack_deinit(&pack);
    payload_plan_free(plan);
}

#define WRITER(name, ...)                                                                                                        \
    static void name(struct pack *pack)                                                                                          \
    {                                                                                                                            \
        __VA_ARGS__                                                                                                              \
    }
#define ONE(key, ...)                                                                                                            \
    pack_map(pack, 1);                                                                                                           \
    pack_str(pack, key);                                                                                                         \
    __VA_ARGS__

WRITER(write_nil, pack_nil(pack);)
WRITER(write_int_for_bool, ONE("on", pack_uint(pack, 1);))
WRITER(write_large_int8, ONE("i8", pack_uint(pack, 128);))
WRITER(write_low_int8, ONE("i8", pack_int(pack, -129);))
WRITER(write_large_uint16, ONE("u16", pack_uint(pack, 65536);))
WRITER(write_negative_uint, ONE("u64", pack_int(pack, -1);))
WRITER(write_huge_int, ONE("i64", pack_uint(pack, UINT64_MAX);))
WRITER(write_text_number, ONE("f64", pack_str(pack, "1");))
WRITER(write_large_float, ONE("f32", pack_double(pack, 1e300);))
WRITER(write_int_for_float, ONE("f32", pack_int(pack, -3);))
WRITER(write_wide_for_float, ONE("f32", pack_double(pack, 0.5);))
WRITER(write_long_string, ONE("name", pack_str(pack, "0123456789abcdef");))
WRITER(write_nul_string, ONE("name", pack_bin(pack, "a\0b", 3);))
WRITER(write_bin_string, ONE("name", pack_bin(pack, "\xff", 1);))
WRITER(write_str_blob, ONE("key", pack_str(pack, "x");))
WRITER(write_long_blob, ONE("key", pack_bin(pack, "12345678", 8);))
WRITER(write_label, ONE("shade", pack_str(pack, "GREEN");))
WRITER(write_no_label, ONE("shade", pack_str(pack, "mauve");))
WRITER(write_long_array, ONE("values", pack_array(pack, 4); pack_nil(pack); pack_nil(pack); pack_nil(pack); pack_nil(pack);))
WRITER(write_short_array, ONE("values", pack_array(pack, 1); pack_double(pack, 1);))
WRITER(write_no_array, ONE("values", pack_uint(pack, 1);))
WRITER(write_nested,
       ONE("best", pack_map(pack, 1); pack_str(pack, "at"); pack_map(pack, 1); pack_str(pack, "x"); pack_str(pack, "!");))
WRITER(write_twice, pack_map(pack, 2); pack_str(pack, "on"); pack_bool(pack, true); pack_str(pack, "on"); pack_bool(pack, true);)
WRITER(write_unknown, ONE("unheard of", pack_array(pack, 1); pack_map(pack, 0);))
WRITER(write_number_key, pack_map(pack, 1); pack_uint(pack, 1); pack_uint(pack, 1);)
WRITER(write_long_tail, ONE("samples", pack_array(pack, 1); pack_str(pack, "x");))

static void what_does_not_fit_is_refused_with_the_reason(void)
{
    expect(write_nil, "payload: nil, not an array or a map");
    expect(write_int_for_bool, "field on: an int, not a bool");
    expect(write_large_int8, "field i8: out of range");
    expect(write_low_int8, "field i8: out of range");
    expect(write_large_uint16, "field u16: out of range");
    expect(write_negative_uint, "field u64: a negative int, not an int from 0");
    expect(write_huge_int, "field i64: out of range");
    expect(write_text_number, "field f64: a str, not a number");
    expect(write_large_float, "field f32: out of range");
    expect(write_int_for_float, "");
    expect(write_wide_for_float, "");
    expect(write_long_string, "field name: too long");
    expect(write_nul_string, "field name: a NUL inside");
    expect(write_bin_string, "");
    expect(write_str_blob, "field key: a str, not a bin");
    expect(write_long_blob, "field key: too long");
    expect(write_label, "");
    expect(write_no_label, "field shade: no such label");
    expect(write_long_array, "field values: too many elements");
    expect(write_short_array, "");
    expect(write_no_array, "field values: an int, not an array");
    expect(write_nested, "field best.at.x: a str, not an int");
    expect(write_twice, "field on: given twice");
    expect(write_unknown, "");
    expect(write_number_key, "payload: an int, not a field name");
    expect(write_long_tail, "field samples: a str, not an int");
}

static void a_nan_keeps_its_bits(void)
{
    struct payload_plan *plan = plan_of(MAIKO_TYPE(numbers), NULL);
    numbers event = {.u64 = UINT64_MAX, .i64 = INT64_MIN};
    uint64_t bits = UINT64_C(0x7ff80000deadbeef);
    uint32_t bits32 = 0x7fc0beef;

    memcpy(&event.f64, &bits, sizeof(bits));
    memcpy(&event.f32, &bits32, sizeof(bits32));
    check_round_trip(plan, &event, sizeof(event), false);
    event.f64 = -INFINITY;
    check_round_trip(plan, &event, sizeof(event), true);
    payload_plan_free(plan);
}

static bool msgpack_c_takes(const uint8_t *bytes, size_t len)
{
    msgpack_unpacked unpacked;
    msgpack_unpack_return result;
    size_t used = 0;

    msgpack_unpacked_init(&unpacked);
    result = msgpack_unpack_next(&unpacked, (const char *)bytes, len, &used);
    msgpack_unpacked_destroy(&unpacked);
    return result == MSGPACK_UNPACK_SUCCESS && used == len;
}

static void the_reader_and_msgpack_c_agree(void)
{
    struct random random = {.state = 7};
    unsigned long rounds = suite_scale(20000, 1000000);
    unsigned long taken = 0;

    for (; rounds > 0; rounds--) {
        uint8_t bytes[24];
        size_t len = 1 + random_below(&random, sizeof(bytes));
        size_t i;

        for (i = 0; i < len; i++)
            bytes[i] = (uint8_t)(random_below(&random, 3) == 0 ? 0x80 + random_below(&random, 0x60) : random_below(&random, 256));
        if (reader_check(bytes, len, sizeof(bytes), NULL) != MAIKO_OK)
            continue;
        taken++;
        CU_ASSERT(msgpack_c_takes(bytes, len));
    }
    CU_ASSERT(taken > 100);
}

/* `depth` arrays of one around two events: one whose payload is flat, one whose payload is not. */
static void write_events(struct pack *pack, unsigned depth)
{
    static const uint8_t many[300];
    struct event_head event = {.id_lo = UINT64_MAX, .time_ns = UINT64_MAX / 3, .correlation = {1, 2}};

    for (; depth > 0; depth--)
        pack_array(pack, 1);
    pack_array(pack, 2);
    record_begin_event(pack, &event);
    pack_array(pack, 5);
    pack_bin(pack, "bytes", 5);
    pack_bin(pack, many, sizeof(many));
    pack_uint(pack, 1 << 20);
    pack_str(pack, "text");
    pack_nil(pack);
    event.parent = event.correlation;
    record_begin_event(pack, &event);
    pack_array(pack, 2);
    pack_array(pack, 1);
    pack_bool(pack, true);
    pack_bin(pack, "", 0);
}

/* The reader knows events by their first bytes; that must not make a difference. */
static void events_are_walked_like_other_arrays(void)
{
    struct random random = {.state = 11};
    unsigned taken = 0;
    uint8_t byte;
    struct pack pack;
    size_t len;

    pack_init(&pack, heap_default(), 4096);
    write_events(&pack, 0);
    for (len = 1; len < pack.len; len++)
        CU_ASSERT_EQUAL(reader_check(pack.data, len, 4096, NULL), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(reader_check(pack.data, pack.len, 4096, NULL), MAIKO_OK);
    for (len = 0; len < 64 * pack.len; len++) {
        uint8_t *changed = &pack.data[len % pack.len];

        byte = *changed;
        *changed = (uint8_t)random_below(&random, 256);
        if (reader_check(pack.data, pack.len, 4096, NULL) == MAIKO_OK) {
            taken++;
            CU_ASSERT(msgpack_c_takes(pack.data, pack.len));
        }
        *changed = byte;
    }
    CU_ASSERT(taken > 1000);
    pack_clear(&pack);
    write_events(&pack, WIRE_DEPTH_MAX - 4); /* array of two, event, payload, array in it */
    CU_ASSERT_EQUAL(reader_check(pack.data, pack.len, 4096, NULL), MAIKO_OK);
    pack_clear(&pack);
    write_events(&pack, WIRE_DEPTH_MAX - 3);
    CU_ASSERT_EQUAL(reader_check(pack.data, pack.len, 4096, NULL), MAIKO_EPROTOCOL);
    pack_deinit(&pack);
}

/* Those that begin as the one before are passed over without a look at what is in them, which must make no difference either. */
static void events_that_are_alike_are_walked_like_others(void)
{
    static const uint8_t bytes[300];
    struct random random = {.state = 12};
    struct event_head event = {.channel = 3, .id_lo = UINT64_MAX, .time_ns = UINT64_MAX / 3};
    unsigned taken = 0;
    struct pack pack;
    size_t len;
    size_t i;

    pack_init(&pack, heap_default(), 8192);
    pack_array(&pack, 12);
    for (i = 0; i < 12; i++)
        record_write_native(&pack, &event, bytes, i < 6 ? 40 : sizeof(bytes));
    for (len = 1; len < pack.len; len++)
        CU_ASSERT_EQUAL(reader_check(pack.data, len, 8192, NULL), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(reader_check(pack.data, pack.len, 8192, NULL), MAIKO_OK);
    for (len = 0; len < 64 * pack.len; len++) {
        uint8_t *changed = &pack.data[len % pack.len];
        bool is_taken;
        uint8_t byte = *changed;

        *changed = (uint8_t)random_below(&random, 256);
        is_taken = reader_check(pack.data, pack.len, 8192, NULL) == MAIKO_OK;
        CU_ASSERT(!is_taken || msgpack_c_takes(pack.data, pack.len));
        taken += is_taken;
        *changed = byte;
    }
    CU_ASSERT(taken > len - len / 10 && taken < len); /* most bytes are of ids, times and payloads, which may be any */
    pack_deinit(&pack);
}

static void counts_are_not_believed(void)
{
    /* Arrays that say they hold 2^32 - 1 arrays: msgpack-c 4.0.0 asks for 128 GiB. */
    uint8_t bomb[48];
    uint8_t deep[WIRE_DEPTH_MAX + 2];
    size_t i;

    for (i = 0; i < sizeof(bomb); i++)
        bomb[i] = (uint8_t[]){0xdd, 0xff, 0xff, 0xff, 0xff}[i % 5];
    CU_ASSERT_EQUAL(reader_check(bomb, sizeof(bomb), 1000, NULL), MAIKO_EPROTOCOL);
    memset(deep, 0x91, sizeof(deep));
    deep[sizeof(deep) - 1] = 0xc0;
    CU_ASSERT_EQUAL(reader_check(deep, sizeof(deep), 1000, NULL), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(reader_check(deep + 1, sizeof(deep) - 1, 1000, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(reader_check(deep, sizeof(deep), 10, NULL), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(reader_check("\xc0\xc0", 2, 10, NULL), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(reader_check("", 0, 10, NULL), MAIKO_EPROTOCOL);
}

/* Or the log would copy it once more, to give the rest back. */
static void a_large_value_is_not_given_twice_its_room(void)
{
    const size_t len = 1 << 20;
    char *bytes = calloc(1, len);
    struct pack pack;

    pack_init(&pack, heap_default(), 4 * len);
    pack_array(&pack, 3);
    pack_uint(&pack, 7);
    pack_bin(&pack, bytes, len);
    CU_ASSERT_EQUAL(pack_status(&pack), MAIKO_OK);
    CU_ASSERT_TRUE(pack.size < len + len / 8);
    pack_bin(&pack, bytes, len); /* as large as what is there: room as ever */
    CU_ASSERT_EQUAL(pack_status(&pack), MAIKO_OK);
    CU_ASSERT_TRUE(pack.len > 2 * len && pack.len <= pack.size && pack.size <= 4 * len);
    pack_bin(&pack, bytes, 2 * len); /* more than it may hold */
    CU_ASSERT_EQUAL(pack_status(&pack), MAIKO_ETOOLONG);
    pack_deinit(&pack);
    free(bytes);
}

/* ---- native bytes ---- */

/* Into a block of exactly their length, so that a sanitizer sees what is read past it. */
static maiko_status read_native(const struct payload_plan *plan, struct slice payload, void **ret_event, size_t *ret_len,
                                struct text *error)
{
    maiko_status status = payload_native_len(plan, payload, ret_len, error);

    *ret_event = NULL;
    if (status != MAIKO_OK)
        return status;
    *ret_event = malloc(*ret_len > 0 ? *ret_len : 1);
    return payload_read_native(plan, payload, *ret_event, *ret_len, error);
}

static void native_bytes_are_the_event_and_become_the_same_array(void)
{
    struct random random = {.state = 815};
    unsigned long rounds = suite_scale(2000, 50000);

    for (; rounds > 0; rounds--) {
        const maiko_event_type *type;
        maiko_schema *schema = random_schema(&random, NULL);
        struct payload_plan *plan;
        struct pack native, array, converted;
        size_t len, native_len = 0;
        void *event, *read;

        CU_ASSERT_FATAL(schema != NULL && maiko_schema_finish(schema, &type) == MAIKO_OK);
        plan = plan_of(type, NULL);
        event = random_event(&random, type, &len);
        pack_init(&native, heap_default(), WIRE_FRAME_MAX);
        pack_init(&array, heap_default(), WIRE_FRAME_MAX);
        pack_init(&converted, heap_default(), WIRE_FRAME_MAX);
        payload_write_native(plan, &native, event);
        payload_write_array(plan, &array, event);
        payload_convert_native(plan, pack_slice(&native), &converted);
        CU_ASSERT(payload_is_native(pack_slice(&native)) && !payload_is_native(pack_slice(&array)));
        CU_ASSERT_EQUAL(reader_check(native.data, native.len, WIRE_FRAME_MAX, NULL), MAIKO_OK);
        CU_ASSERT(converted.len == array.len && memcmp(converted.data, array.data, array.len) == 0);
        CU_ASSERT_EQUAL(read_native(plan, pack_slice(&native), &read, &native_len, NULL), MAIKO_OK);
        CU_ASSERT(native_len == len && memcmp(read, event, len) == 0);
        free(read);
        free(event);
        pack_deinit(&native);
        pack_deinit(&array);
        pack_deinit(&converted);
        payload_plan_free(plan);
        maiko_schema_free(schema);
    }
}

/* What comes out is legal or refused, whatever the bytes. */
static void hostile_native_bytes_are_refused_or_legal(void)
{
    struct random random = {.state = 4};
    unsigned long rounds = suite_scale(20000, 500000);
    struct payload_plan *plan = plan_of(MAIKO_TYPE(sample), NULL);
    unsigned long taken = 0;
    size_t len;
    void *event = random_event(&random, MAIKO_TYPE(sample), &len);
    unsigned long i;

    for (i = 0; i < rounds; i++) {
        uint8_t *bytes = malloc(len + 8);
        size_t given = i % 5 == 0 ? random_below(&random, (uint32_t)len + 8) : len;
        size_t at = random_below(&random, (uint32_t)len);
        struct pack pack;
        size_t read_len = 0;
        void *read;

        memset(bytes, 0xff, len + 8);
        memcpy(bytes, event, len);
        bytes[at] = (uint8_t)random_below(&random, 256);
        pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
        pack_bin(&pack, bytes, given);
        if (read_native(plan, pack_slice(&pack), &read, &read_len, NULL) == MAIKO_OK) {
            taken++;
            CU_ASSERT_EQUAL(maiko_schema_validate(MAIKO_TYPE(sample), read, read_len, NULL, 0), MAIKO_OK);
        }
        free(read);
        free(bytes);
        pack_deinit(&pack);
    }
    CU_ASSERT(taken > rounds / 4 && taken < rounds);
    free(event);
    payload_plan_free(plan);
}

static void expect_native(const maiko_event_type *type, const void *bytes, size_t len, const char *expected)
{
    struct payload_plan *plan = plan_of(type, NULL);
    char reason[128];
    struct text error;
    struct pack pack;
    size_t read_len = 0;
    void *event;

    text_init_buffer(&error, reason, sizeof(reason));
    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    pack_bin(&pack, bytes, len);
    if ((read_native(plan, pack_slice(&pack), &event, &read_len, &error) == MAIKO_OK) != (expected[0] == '\0') ||
        strcmp(reason, expected) != 0)
        SUITE_FAIL("\"%s\" instead of \"%s\"", reason, expected);
    free(event);
    pack_deinit(&pack);
    payload_plan_free(plan);
}

static void native_bytes_that_are_no_event_are_refused_with_the_reason(void)
{
    struct payload_plan *plan = plan_of(MAIKO_TYPE(numbers), NULL);
    mark bad = {.label = "1234567", .visible = true};
    uint8_t names[sizeof(sample)] = {0};
    path points = {.name = "p", .points_count = UINT64_MAX / 4};
    numbers number = {.u8 = 1};
    size_t len;

    expect_native(MAIKO_TYPE(numbers), &number, sizeof(number), "");
    expect_native(MAIKO_TYPE(numbers), &number, sizeof(number) - 1, "native payload: not as long as the type");
    expect_native(MAIKO_TYPE(numbers), names, sizeof(number) + 1, "native payload: not as long as the type");
    expect_native(MAIKO_TYPE(path), &points, sizeof(points) - 1, "native payload: not as long as the type");
    memset(names + offsetof(sample, name), 'x', 16);
    expect_native(MAIKO_TYPE(sample), names, sizeof(names), "native payload: field name: a string without a final NUL");
    memset(names, 0, sizeof(names));
    names[offsetof(sample, on)] = 2;
    expect_native(MAIKO_TYPE(sample), names, sizeof(names), "native payload: field on: a bool that is neither 0 nor 1");
    memset(names, 0, sizeof(names));
    names[offsetof(sample, key)] = 8;
    expect_native(MAIKO_TYPE(sample), names, sizeof(names), "native payload: field key: a blob longer than its capacity");
    memset(names, 0, sizeof(names));
    memset(bad.label, 'x', sizeof(bad.label));
    memcpy(names + offsetof(sample, marks) + sizeof(bad), &bad, sizeof(bad));
    expect_native(MAIKO_TYPE(sample), names, sizeof(names), "native payload: field label: a string without a final NUL");
    CU_ASSERT_EQUAL(payload_native_len(plan, (struct slice){(const uint8_t *)"\xc0", 1}, &len, NULL), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(payload_native_len(plan, (struct slice){NULL, 0}, &len, NULL), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(payload_read_native(plan, (struct slice){(const uint8_t *)"\xc4\0", 2}, &number, 1, NULL), MAIKO_EINVAL);
    payload_plan_free(plan);
}

/* A tail whose count says more, or less, than what is there; also when count times size overflows. */
static void a_native_tail_is_as_long_as_it_says(void)
{
    static const uint64_t counts[] = {0, 2, 4, UINT64_MAX, UINT64_MAX / 2 + 2, (uint64_t)1 << 61, MAIKO_EVENT_MAX};
    enum { LEN = sizeof(path) + 3 * sizeof(point) };
    path fixed = {.name = "p", .points_count = 3};
    uint8_t event[LEN] = {0};
    struct payload_plan *plan = plan_of(MAIKO_TYPE(path), NULL);
    size_t i;

    memcpy(event, &fixed, sizeof(fixed));
    expect_native(MAIKO_TYPE(path), event, LEN, "");
    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct pack pack;
        size_t len = 0;
        void *read;

        fixed.points_count = counts[i];
        memcpy(event, &fixed, sizeof(fixed));
        pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
        pack_bin(&pack, event, LEN);
        CU_ASSERT_EQUAL(read_native(plan, pack_slice(&pack), &read, &len, NULL), MAIKO_ETYPE);
        free(read);
        pack_deinit(&pack);
    }
    payload_plan_free(plan);
}

#define ROOMY_FIELDS(F) F(STRING, text, 400) F(BLOB, key, 113)
MAIKO_EVENT(roomy, "roomy", ROOMY_FIELDS)
#define SNUG_FIELDS(F) F(STRING, text, 400) F(BLOB, key, 112) F(ARRAY, values, DOUBLE, 500) F(TAIL, more, INT64)
MAIKO_EVENT(snug, "snug", SNUG_FIELDS)
#define MARKS_FIELDS(F) F(STRUCT_TAIL, marks, mark)
MAIKO_EVENT(tail_of_marks, "marks", MARKS_FIELDS)
#define MANY_FIELDS(F) F(STRUCT_ARRAY, marks, mark, 65)
MAIKO_EVENT(many_marks, "many", MANY_FIELDS)

static void half_empty_strings_are_not_worth_their_native_bytes(void)
{
    static const struct {
        const maiko_event_type *type;
        bool is_compact;
    } types[] = {{MAIKO_TYPE(roomy), true},       {MAIKO_TYPE(snug), true},   {MAIKO_TYPE(tail_of_marks), false},
                 {MAIKO_TYPE(many_marks), false}, {MAIKO_TYPE(sample), true}, {MAIKO_TYPE(line), true}};
    size_t i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct payload_plan *plan = plan_of(types[i].type, NULL);

        if (payload_is_compact(plan) != types[i].is_compact)
            SUITE_FAIL("%s", types[i].type->name);
        payload_plan_free(plan);
    }
}

#define NESTED_FIELDS(F) F(STRUCT_ARRAY, marks, mark, 64) F(BLOB, key, 1000)
MAIKO_EVENT(roomy_with_marks, "roomy with marks", NESTED_FIELDS)

static bool is_compact(const maiko_event_type *type, const void *event)
{
    struct payload_plan *plan = plan_of(type, NULL);
    bool answer = payload_event_is_compact(plan, event);

    payload_plan_free(plan);
    return answer;
}

static void a_full_event_goes_native_and_a_half_empty_one_does_not(void)
{
    snug empty = {.key.len = 0};
    roomy event = {.key.len = 0};
    roomy_with_marks with_marks = {.key.len = 1000};

    CU_ASSERT_TRUE(is_compact(MAIKO_TYPE(snug), &empty));
    CU_ASSERT_FALSE(is_compact(MAIKO_TYPE(roomy), &event));
    event.key.len = 1;
    CU_ASSERT_TRUE(is_compact(MAIKO_TYPE(roomy), &event));
    event.key.len = 0;
    strcpy(event.text, "t");
    CU_ASSERT_TRUE(is_compact(MAIKO_TYPE(roomy), &event));
    CU_ASSERT_TRUE(is_compact(MAIKO_TYPE(roomy_with_marks), &with_marks));
    with_marks.key.len--; /* the marks count as empty */
    CU_ASSERT_FALSE(is_compact(MAIKO_TYPE(roomy_with_marks), &with_marks));
}

/* ---- references ---- */

static void a_tail_that_can_be_shared_is_legal_whatever_its_bytes(void)
{
    struct random random = {.state = 4711};
    unsigned long rounds = suite_scale(3000, 50000);
    unsigned long shared = 0;

    for (; rounds > 0; rounds--) {
        const maiko_event_type *type;
        maiko_schema *schema = random_schema(&random, NULL);
        struct payload_plan *plan;
        unsigned char *event;
        size_t len;

        CU_ASSERT_FATAL(schema != NULL && maiko_schema_finish(schema, &type) == MAIKO_OK);
        plan = plan_of(type, NULL);
        event = random_event(&random, type, &len);
        if (payload_can_be_shared(plan)) {
            shared++;
            random_bytes(&random, event + type->size, len - type->size);
            CU_ASSERT_EQUAL(payload_check_native(plan, event, len, NULL), MAIKO_OK);
        }
        free(event);
        payload_plan_free(plan);
        maiko_schema_free(schema);
    }
    CU_ASSERT(shared > 0);
}

static void a_reference_comes_back_and_anything_else_is_none(void)
{
    const uint8_t head[32] = "the first bytes of an event";
    const struct payload_reference sent = {.slot = 77, .len = UINT64_C(0x123456789a), .head = {head, sizeof(head)}};
    struct payload_reference got;
    struct slice payload;
    struct pack pack;
    size_t i;

    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    payload_write_reference(&pack, &sent);
    CU_ASSERT_EQUAL(pack_status(&pack), MAIKO_OK);
    payload = pack_slice(&pack);
    CU_ASSERT_EQUAL(reader_check(payload.data, payload.len, WIRE_FRAME_MAX, NULL), MAIKO_OK);
    CU_ASSERT_FALSE(payload_is_native(payload));
    CU_ASSERT_TRUE_FATAL(payload_read_reference(payload, &got));
    CU_ASSERT(got.slot == sent.slot && got.len == sent.len && got.head.len == sizeof(head));
    CU_ASSERT_EQUAL(memcmp(got.head.data, head, sizeof(head)), 0);
    for (i = 0; i < payload.len; i++)
        CU_ASSERT_FALSE(payload_read_reference((struct slice){payload.data, i}, &got));
    for (i = 0; i < 4; i++) {
        pack.data[i] ^= 1;
        CU_ASSERT_FALSE(payload_read_reference(payload, &got));
        pack.data[i] ^= 1;
    }
    pack_deinit(&pack);
}

static const struct test_case cases[] = {TEST_CASE(random_events_of_random_types_come_back_bit_by_bit),
                                         TEST_CASE(native_bytes_are_the_event_and_become_the_same_array),
                                         TEST_CASE(hostile_native_bytes_are_refused_or_legal),
                                         TEST_CASE(native_bytes_that_are_no_event_are_refused_with_the_reason),
                                         TEST_CASE(a_native_tail_is_as_long_as_it_says),
                                         TEST_CASE(half_empty_strings_are_not_worth_their_native_bytes),
                                         TEST_CASE(a_full_event_goes_native_and_a_half_empty_one_does_not),
                                         TEST_CASE(a_tail_that_can_be_shared_is_legal_whatever_its_bytes),
                                         TEST_CASE(a_reference_comes_back_and_anything_else_is_none),
                                         TEST_CASE(announced_types_are_the_same_types),
                                         TEST_CASE(fields_are_matched_by_name_between_versions),
                                         TEST_CASE(a_field_of_another_kind_is_refused_by_name),
                                         TEST_CASE(what_does_not_fit_is_refused_with_the_reason),
                                         TEST_CASE(a_nan_keeps_its_bits),
                                         TEST_CASE(the_reader_and_msgpack_c_agree),
                                         TEST_CASE(events_are_walked_like_other_arrays),
                                         TEST_CASE(events_that_are_alike_are_walked_like_others),
                                         TEST_CASE(counts_are_not_believed),
                                         TEST_CASE(a_large_value_is_not_given_twice_its_room)};
SUITE_MAIN("payload", cases)
