/* JSON: what an event looks like as text, and which texts are one. */
#include "lib/sample_events.h"
#include "lib/suite.h"
#include "message/json_number.h"

#include <locale.h>
#include <maiko/json.h>
#include <math.h>
#include <stdio.h>

static char json[4096];
static char error[256];

static const char *json_of(const maiko_event_type *type, const void *event)
{
    size_t len = 0;

    if (maiko_event_to_json(type, event, maiko_event_len(type, event), json, sizeof(json), &len) != MAIKO_OK)
        return "refused";
    return strlen(json) == len ? json : "wrong length";
}

/* Room for every sample type with a tail. */
union room {
    sample sample;
    numbers numbers;
    tick tick;
    line line;
    body body;
    path path;
    char bytes[1024];
};

static maiko_status parse(const maiko_event_type *type, const char *text, union room *room)
{
    size_t len = 0;
    maiko_status status;

    memset(room, 0xa5, sizeof(*room));
    status = maiko_event_from_json(type, text, strlen(text), room, sizeof(*room), &len, error, sizeof(error));
    if (status == MAIKO_OK && len != maiko_event_len(type, room))
        return MAIKO_EINTERNAL;
    return status;
}

/* The text is refused, with a reason that says so. */
static bool refuses(const maiko_event_type *type, const char *text, const char *reason)
{
    union room room;
    maiko_status status = parse(type, text, &room);

    if (status == MAIKO_ETYPE && strstr(error, reason) != NULL)
        return true;
    printf("# %s: %s, %s instead of %s\n", text, maiko_status_name(status), error, reason);
    return false;
}

static void an_event_is_one_line_in_the_order_of_its_fields(void)
{
    union room room = {.sample = {.on = true,
                                  .i8 = -128,
                                  .u64 = 5,
                                  .f32 = 0.1F,
                                  .f64 = 0.1,
                                  .name = "J\xc3\xb6rg \"x\"\n",
                                  .key = {.len = 4, .data = {0, 1, 2, 255}},
                                  .shade = COLOR_BLUE,
                                  .best = {.label = "b", .at = {.x = 1, .y = -2}, .visible = true},
                                  .values = {1, 2.5, -0.0},
                                  .flags = {true, false, true},
                                  .shades = {RED, (color)77},
                                  .samples_count = 2}};

    room.sample.samples[0] = -1;
    room.sample.samples[1] = 7;
    CU_ASSERT_STRING_EQUAL(json_of(MAIKO_TYPE(sample), &room),
                           "{\"on\":true,\"i8\":-128,\"i16\":0,\"i32\":0,\"i64\":0,\"u8\":0,\"u16\":0,\"u32\":0,\"u64\":5,"
                           "\"f32\":0.1,\"f64\":0.1,\"name\":\"J\xc3\xb6rg \\\"x\\\"\\n\",\"key\":{\"$bin\":\"AAEC/w==\"},"
                           "\"shade\":\"blue\",\"best\":{\"label\":\"b\",\"at\":{\"x\":1,\"y\":-2},\"visible\":true},"
                           "\"values\":[1,2.5,-0.0],\"flags\":[true,false,true],\"shades\":[\"RED\",77],"
                           "\"marks\":[{\"label\":\"\",\"at\":{\"x\":0,\"y\":0},\"visible\":false},"
                           "{\"label\":\"\",\"at\":{\"x\":0,\"y\":0},\"visible\":false}],\"samples\":[-1,7]}");
    CU_ASSERT_STRING_EQUAL(json_of(MAIKO_TYPE(tick), &(tick){0}), "{}");
}

static void integers_past_2_to_53_are_strings(void)
{
    numbers event = {.i64 = INT64_C(9007199254740992), .u64 = UINT64_C(9007199254740993)};

    CU_ASSERT_PTR_NOT_NULL(strstr(json_of(MAIKO_TYPE(numbers), &event), "\"i64\":9007199254740992,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(json_of(MAIKO_TYPE(numbers), &event), "\"u64\":\"9007199254740993\","));
    event.i64 = INT64_MIN;
    CU_ASSERT_PTR_NOT_NULL(strstr(json_of(MAIKO_TYPE(numbers), &event), "\"i64\":\"-9223372036854775808\","));
}

static void integers_are_read_exactly_from_numbers_and_strings(void)
{
    union room room;

    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(numbers), "{\"u64\":18446744073709551615,\"i64\":\"-9223372036854775808\"}", &room),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(room.numbers.u64, UINT64_MAX);
    CU_ASSERT_EQUAL(room.numbers.i64, INT64_MIN);
    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(numbers), "{\"i64\":9007199254740993, \"i8\": -0}", &room), MAIKO_OK);
    CU_ASSERT_EQUAL(room.numbers.i64, INT64_C(9007199254740993));
}

static void integers_out_of_range_or_not_whole_are_refused(void)
{
    static const char *const texts[] = {"{\"i8\":128}",
                                        "{\"i8\":-129}",
                                        "{\"u8\":256}",
                                        "{\"u8\":-1}",
                                        "{\"i16\":32768}",
                                        "{\"u16\":65536}",
                                        "{\"i32\":\"2147483648\"}",
                                        "{\"u32\":4294967296}",
                                        "{\"i64\":9223372036854775808}",
                                        "{\"i64\":-9223372036854775809}",
                                        "{\"u64\":18446744073709551616}",
                                        "{\"u64\":-1}",
                                        "{\"i32\":1.5}",
                                        "{\"i32\":1e3}",
                                        "{\"i32\":\"\"}",
                                        "{\"i32\":\"0x1\"}",
                                        "{\"i32\":\"+1\"}",
                                        "{\"i32\":\"01\"}",
                                        "{\"i32\":\" 1\"}"};
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CU_ASSERT_TRUE(refuses(MAIKO_TYPE(numbers), texts[i], "is no integer, or does not fit"));
}

static void integers_are_parsed_to_their_last_value(void)
{
    int64_t value = 0;
    uint64_t uvalue = 0;

    CU_ASSERT_TRUE(json_number_parse_i64("9223372036854775807", 19, &value));
    CU_ASSERT_EQUAL(value, INT64_MAX);
    CU_ASSERT_FALSE(json_number_parse_i64("9223372036854775808", 19, &value));
    CU_ASSERT_TRUE(json_number_parse_i64("-9223372036854775808", 20, &value));
    CU_ASSERT_EQUAL(value, INT64_MIN);
    CU_ASSERT_FALSE(json_number_parse_i64("-9223372036854775809", 20, &value));
    CU_ASSERT_TRUE(json_number_parse_u64("18446744073709551615", 20, &uvalue));
    CU_ASSERT_FALSE(json_number_parse_u64("18446744073709551616", 20, &uvalue));
    CU_ASSERT_FALSE(json_number_parse_u64("-1", 2, &uvalue));
}

static void special_floats_have_names(void)
{
    numbers event = {.f32 = -INFINITY, .f64 = (double)NAN};
    union room room;

    CU_ASSERT_PTR_NOT_NULL(strstr(json_of(MAIKO_TYPE(numbers), &event), "\"f32\":\"-Infinity\",\"f64\":\"NaN\""));
    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(numbers), json, &room), MAIKO_OK);
    CU_ASSERT_EQUAL(memcmp(&room.numbers, &event, sizeof(event)), 0);
    event.f32 = INFINITY;
    memset(&event.f64, 0xff, sizeof(event.f64)); /* a NaN too, of other bits */
    CU_ASSERT_PTR_NOT_NULL(
        strstr(json_of(MAIKO_TYPE(numbers), &event), "\"f32\":\"Infinity\",\"f64\":{\"$bin\":\"//////////8=\"}"));
    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(numbers), json, &room), MAIKO_OK);
    CU_ASSERT_EQUAL(memcmp(&room.numbers, &event, sizeof(event)), 0);
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(numbers), "{\"f64\":\"nan\"}", "none of NaN"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(numbers), "{\"f64\":\"1.5\"}", "none of NaN"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(numbers), "{\"f64\":NaN}", "bad number"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(numbers), "{\"f64\":{\"$bin\":\"AAAA\"}}", "3 bytes where a double has 8"));
}

static void floats_read_back_the_same(void)
{
    static const double values[] = {0.1, 1.0 / 3, 1e308, 5e-324, 123456789012345680.0, -0.0, 2.2250738585072014e-308};
    union room room;
    size_t i;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        numbers event = {.f64 = values[i], .f32 = (float)(values[i] > 1e38 ? 3.4028234e38 : values[i])};

        CU_ASSERT_EQUAL(parse(MAIKO_TYPE(numbers), json_of(MAIKO_TYPE(numbers), &event), &room), MAIKO_OK);
        CU_ASSERT_EQUAL(memcmp(&room.numbers, &event, sizeof(event)), 0);
    }
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(numbers), "{\"f64\":1e309}", "too large for a double"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(numbers), "{\"f32\":1e39}", "too large for a float"));
    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(numbers), "{\"f64\":1e-400,\"f32\":12}", &room), MAIKO_OK);
    CU_ASSERT_EQUAL(room.numbers.f64, 0);
}

/* A decimal comma in the program's locale must not reach JSON. */
static void the_locale_of_the_program_does_not_matter(void)
{
    numbers event = {.f64 = 1.5};
    union room room;

    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL && setlocale(LC_ALL, "de_DE.utf8") == NULL)
        printf("# no locale with a decimal comma here\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(json_of(MAIKO_TYPE(numbers), &event), "\"f64\":1.5"));
    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(numbers), "{\"f64\":2.5}", &room), MAIKO_OK);
    CU_ASSERT_EQUAL(room.numbers.f64, 2.5);
    setlocale(LC_ALL, "C");
}

static void text_that_is_not_utf8_is_kept_as_base64(void)
{
    path event = {.name = "a\xff"
                          "b"};
    union room room;

    CU_ASSERT_STRING_EQUAL(json_of(MAIKO_TYPE(path), &event), "{\"name\":{\"$bin\":\"Yf9i\"},\"points\":[]}");
    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(path), json, &room), MAIKO_OK);
    CU_ASSERT_EQUAL(memcmp(&room.path, &event, sizeof(event)), 0);
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(path), "{\"name\":{\"$bin\":\"YQBi\"}}", "a NUL inside of a string"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(path), "{\"name\":\"a\\u0000b\"}", "a NUL inside of a string"));
}

static void text_tails_may_hold_nuls(void)
{
    union room room = {.line = {.number = 1, .text_count = 4}};
    union room back;

    memcpy(room.line.text, "a\0\n\x7f", 4);
    CU_ASSERT_STRING_EQUAL(json_of(MAIKO_TYPE(line), &room), "{\"number\":1,\"text\":\"a\\u0000\\n\\u007f\"}");
    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(line), json, &back), MAIKO_OK);
    CU_ASSERT_EQUAL(memcmp(&back, &room, sizeof(line) + 4), 0);
}

static void the_line_stays_one_line(void)
{
    union room room = {.line = {.text_count = 8}};

    memcpy(room.line.text, "\xc2\x85\xe2\x80\xa8\xe2\x80\xa9", 8);
    CU_ASSERT_STRING_EQUAL(json_of(MAIKO_TYPE(line), &room), "{\"number\":0,\"text\":\"\\u0085\\u2028\\u2029\"}");
}

static void byte_tails_are_base64(void)
{
    union room room = {.body = {.body_count = 2}};
    union room back;

    memcpy(room.body.body, "\xfb\xff", 2);
    CU_ASSERT_STRING_EQUAL(json_of(MAIKO_TYPE(body), &room), "{\"body\":{\"$bin\":\"+/8=\"}}");
    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(body), "{\"body\":{\"$bin\":\"+\\/8=\"}}", &back), MAIKO_OK); /* as PHP escapes it */
    CU_ASSERT_EQUAL(memcmp(&back, &room, sizeof(body) + 2), 0);
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(body), "{\"body\":\"text\"}", "a string where {\"$bin\": base64}"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(body), "{\"body\":{\"bin\":\"\"}}", "where \"$bin\" is expected"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(body), "{\"body\":{\"$bin\":7}}", "a number where base64"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(body), "{\"body\":{\"$bin\":\"+/8=\",\"x\":1}}", "a comma where }"));
}

static void base64_has_one_spelling(void)
{
    static const char *const texts[] = {"+/9=", "+/8", "+/8==", "+/8=+/8=", "====", "+===", "+/ 8", "+/-_", "+/8\xc3\xa4"};
    char text[64];
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        snprintf(text, sizeof(text), "{\"body\":{\"$bin\":\"%s\"}}", texts[i]);
        CU_ASSERT_TRUE(refuses(MAIKO_TYPE(body), text, "no base64"));
    }
}

static void enums_are_read_by_label_and_by_number(void)
{
    union room room;

    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(sample), "{\"shade\":\"deep \\\"blue\\\"\",\"shades\":[5,\"\\u0052ED\"]}", &room), MAIKO_OK);
    CU_ASSERT_EQUAL(room.sample.shade, COLOR_DEEP);
    CU_ASSERT_EQUAL(room.sample.shades[0], GREEN);
    CU_ASSERT_EQUAL(room.sample.shades[1], RED);
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"shade\":\"red\"}", "field shade: no such label of color"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"shade\":2147483648}", "does not fit into enum"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"shade\":true}", "true where a label or number"));
}

static void missing_fields_are_zero(void)
{
    union room room;
    sample zero;

    memset(&zero, 0, sizeof(zero));
    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(sample), " { } ", &room), MAIKO_OK);
    CU_ASSERT_EQUAL(memcmp(&room, &zero, sizeof(zero)), 0);
    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(path), "{\"points\":[{\"y\":2},{}]}", &room), MAIKO_OK);
    CU_ASSERT_EQUAL(room.path.points_count, 2);
    CU_ASSERT_EQUAL(memcmp(room.path.points, ((point[]){{.y = 2}, {.y = 0}}), 2 * sizeof(point)), 0);
}

static void unknown_double_and_wrong_fields_are_refused_by_name(void)
{
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"onn\":true}", "sample has no field onn"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"on\\u0000\":true}", "sample has no field on"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"best\":{\"at\":{\"z\":1}}}", "field at: point has no field z"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"on\":true,\"on\":true}", "field on twice"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"on\":1}", "field on: a number where true or false"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"name\":null}", "field name: null where a string"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"best\":[]}", "field best: an array where an object"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"values\":{}}", "field values: an object where an array"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"values\":[1,2]}", "2 elements where 3"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"values\":[1,2,3,4]}", "more than 3 elements"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"name\":\"0123456789abcdef\"}", "field name: longer than 15 bytes"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"key\":{\"$bin\":\"AAAAAAAAAAA=\"}}", "field key: longer than 7 bytes"));
    CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), "{\"i8\":[]}", "an array where an integer"));
}

static void what_is_not_json_is_refused(void)
{
    static const char *const texts[] = {"",
                                        "[]",
                                        "{",
                                        "{\"on\"",
                                        "{\"on\":",
                                        "{\"on\":true",
                                        "{\"on\":true,",
                                        "{\"on\":true,}",
                                        "{\"on\" true}",
                                        "{on:true}",
                                        "{'on':true}",
                                        "{\"on\":tru}",
                                        "{} {}",
                                        "{}x",
                                        "{\"name\":\"a\nb\"}",
                                        "{\"name\":\"\\x\"}",
                                        "{\"name\":\"\\u12\"}",
                                        "{\"name\":\"\\ud800\"}",
                                        "{\"name\":\"\\ud800\\u0041\"}",
                                        "{\"name\":\"\\udc00\"}",
                                        "{\"name\":\"\xff\"}",
                                        "{\"name\":\"\xed\xa0\x80\"}",
                                        "{\"name\":\"abc",
                                        "{\"name\":\"abc\\",
                                        "{\"f64\":.5}",
                                        "{\"f64\":5.}",
                                        "{\"f64\":1e}",
                                        "{\"f64\":01}",
                                        "{\"f64\":+1}",
                                        "{\"f64\":0x1p3}",
                                        "{\"values\":[1,2,3}",
                                        "{\"values\":[1 2,3]}",
                                        "{\"values\":[,1,2,3]}"};
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CU_ASSERT_TRUE(refuses(MAIKO_TYPE(sample), texts[i], "byte "));
    CU_ASSERT_EQUAL(maiko_event_from_json(MAIKO_TYPE(sample), "{\"on\":true}\0", 12, NULL, 0, NULL, NULL, 0), MAIKO_ETYPE);
}

static void escapes_are_read(void)
{
    union room room;

    CU_ASSERT_EQUAL(parse(MAIKO_TYPE(line), "{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"}", &room), MAIKO_OK);
    CU_ASSERT_EQUAL(room.line.text_count, 14);
    CU_ASSERT_EQUAL(memcmp(room.line.text, "\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80", 14), 0);
}

static void a_small_buffer_is_told_what_is_needed(void)
{
    line *event = &(line){.number = 12345};
    union room room;
    char small[8];
    size_t len = 0;

    CU_ASSERT_EQUAL(maiko_event_to_json(MAIKO_TYPE(line), event, sizeof(*event), NULL, 0, &len), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(len, strlen("{\"number\":12345,\"text\":\"\"}"));
    CU_ASSERT_EQUAL(maiko_event_to_json(MAIKO_TYPE(line), event, sizeof(*event), small, sizeof(small), &len), MAIKO_ETOOLONG);
    CU_ASSERT_STRING_EQUAL(small, "{\"numbe");
    CU_ASSERT_EQUAL(maiko_event_to_json(MAIKO_TYPE(line), event, sizeof(*event), json, len, NULL), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(maiko_event_to_json(MAIKO_TYPE(line), event, sizeof(*event), json, len + 1, NULL), MAIKO_OK);

    CU_ASSERT_EQUAL(maiko_event_from_json(MAIKO_TYPE(line), "{\"text\":\"abc\"}", 14, NULL, 0, &len, NULL, 0), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(len, sizeof(line) + 3);
    memset(&room, 0xa5, sizeof(room));
    CU_ASSERT_EQUAL(maiko_event_from_json(MAIKO_TYPE(line), "{\"text\":\"abc\"}", 14, &room, len - 1, &len, NULL, 0),
                    MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL((unsigned char)room.bytes[sizeof(line) + 2], 0xa5); /* nothing behind the buffer */
    CU_ASSERT_EQUAL(maiko_event_from_json(MAIKO_TYPE(line), "{\"text\":\"abc\"}", 14, &room, len, &len, NULL, 0), MAIKO_OK);
}

static void illegal_events_and_arguments_are_refused(void)
{
    sample event = {.samples_count = 3};

    CU_ASSERT_EQUAL(maiko_event_to_json(MAIKO_TYPE(sample), &event, sizeof(event), json, sizeof(json), NULL), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_event_to_json(NULL, &event, sizeof(event), json, sizeof(json), NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_event_to_json(MAIKO_TYPE(sample), NULL, 0, json, sizeof(json), NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_event_to_json(MAIKO_TYPE(tick), &(tick){0}, 1, NULL, 5, NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_event_to_json(MAIKO_TYPE(local), &(local){0}, sizeof(local), json, sizeof(json), NULL), MAIKO_ENOTSUP);
    CU_ASSERT_EQUAL(maiko_event_from_json(NULL, "{}", 2, NULL, 0, NULL, NULL, 0), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_event_from_json(MAIKO_TYPE(tick), NULL, 2, NULL, 0, NULL, NULL, 0), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_event_from_json(MAIKO_TYPE(tick), "{}", 2, NULL, 5, NULL, NULL, 0), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_event_from_json(MAIKO_TYPE(local), "{}", 2, NULL, 0, NULL, NULL, 0), MAIKO_ENOTSUP);
}

static const struct test_case cases[] = {
    TEST_CASE(an_event_is_one_line_in_the_order_of_its_fields),
    TEST_CASE(integers_past_2_to_53_are_strings),
    TEST_CASE(integers_are_read_exactly_from_numbers_and_strings),
    TEST_CASE(integers_out_of_range_or_not_whole_are_refused),
    TEST_CASE(integers_are_parsed_to_their_last_value),
    TEST_CASE(special_floats_have_names),
    TEST_CASE(floats_read_back_the_same),
    TEST_CASE(the_locale_of_the_program_does_not_matter),
    TEST_CASE(text_that_is_not_utf8_is_kept_as_base64),
    TEST_CASE(text_tails_may_hold_nuls),
    TEST_CASE(the_line_stays_one_line),
    TEST_CASE(byte_tails_are_base64),
    TEST_CASE(base64_has_one_spelling),
    TEST_CASE(enums_are_read_by_label_and_by_number),
    TEST_CASE(missing_fields_are_zero),
    TEST_CASE(unknown_double_and_wrong_fields_are_refused_by_name),
    TEST_CASE(what_is_not_json_is_refused),
    TEST_CASE(escapes_are_read),
    TEST_CASE(a_small_buffer_is_told_what_is_needed),
    TEST_CASE(illegal_events_and_arguments_are_refused),
};
SUITE_MAIN("json", cases)
