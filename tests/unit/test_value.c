/* Values: fields of an event by path. */
#include "lib/sample_events.h"
#include "lib/suite.h"

#include <maiko/value.h>
#include <math.h>

union sample_room {
    sample event;
    char bytes[sizeof(sample) + 3 * sizeof(int16_t)];
};

static union sample_room room;

static void room_init(void)
{
    memset(&room, 0, sizeof(room));
    room.event.samples_count = 3;
}

/* The arguments every call below begins with. */
#define AT(path) MAIKO_TYPE(sample), &room, sizeof(room.bytes), path

static void integers_are_set_and_read_by_path(void)
{
    int64_t value = 0;
    uint64_t uvalue = 0;

    room_init();
    CU_ASSERT_EQUAL(maiko_value_set_int(AT("i8"), -128), MAIKO_OK);
    CU_ASSERT_EQUAL(room.event.i8, -128);
    CU_ASSERT_EQUAL(maiko_value_set_int(AT("best.at.y"), -5), MAIKO_OK);
    CU_ASSERT_EQUAL(room.event.best.at.y, -5);
    CU_ASSERT_EQUAL(maiko_value_set_int(AT("marks[1].at.x"), 9), MAIKO_OK);
    CU_ASSERT_EQUAL(room.event.marks[1].at.x, 9);
    CU_ASSERT_EQUAL(maiko_value_set_int(AT("samples[2]"), -3), MAIKO_OK);
    CU_ASSERT_EQUAL(room.event.samples[2], -3);
    CU_ASSERT_EQUAL(maiko_value_set_uint(AT("u64"), UINT64_MAX), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_value_set_uint(AT("flags[2]"), 1), MAIKO_OK);
    CU_ASSERT_TRUE(room.event.flags[2]);
    CU_ASSERT_EQUAL(maiko_value_set_int(AT("shade"), 77), MAIKO_OK);

    CU_ASSERT_EQUAL(maiko_value_get_int(AT("i8"), &value), MAIKO_OK);
    CU_ASSERT_EQUAL(value, -128);
    CU_ASSERT_EQUAL(maiko_value_get_int(AT("samples[2]"), &value), MAIKO_OK);
    CU_ASSERT_EQUAL(value, -3);
    CU_ASSERT_EQUAL(maiko_value_get_int(AT("shade"), &value), MAIKO_OK);
    CU_ASSERT_EQUAL(value, 77);
    CU_ASSERT_EQUAL(maiko_value_get_int(AT("u64"), &value), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(maiko_value_get_uint(AT("u64"), &uvalue), MAIKO_OK);
    CU_ASSERT_EQUAL(uvalue, UINT64_MAX);
    CU_ASSERT_EQUAL(maiko_value_get_uint(AT("i8"), &uvalue), MAIKO_ELIMIT);
}

static void values_that_do_not_fit_are_refused(void)
{
    room_init();
    CU_ASSERT_EQUAL(maiko_value_set_int(AT("i8"), 128), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(maiko_value_set_int(AT("u8"), -1), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(maiko_value_set_int(AT("u64"), -1), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(maiko_value_set_uint(AT("i64"), (uint64_t)INT64_MAX + 1), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(maiko_value_set_int(AT("on"), 2), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(maiko_value_set_int(AT("on"), -1), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(maiko_value_set_double(AT("f32"), 1e39), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(maiko_value_set_text(AT("name"), "0123456789abcdef"), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(maiko_value_set_text(AT("name"), "\xff"), MAIKO_EUTF8);
    CU_ASSERT_EQUAL(maiko_value_set_bytes(AT("key"), "12345678", 8), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(room.event.i8 + room.event.on + (room.event.f32 > 0) + room.event.name[0], 0);
}

static void texts_bytes_and_reals_are_set_and_read(void)
{
    const char *text = NULL;
    const void *bytes = NULL;
    double value = 0;
    size_t len = 0;

    room_init();
    CU_ASSERT_EQUAL(maiko_value_set_text(AT("name"), "x"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_value_get_text(AT("name"), &text, &len), MAIKO_OK);
    CU_ASSERT_PTR_EQUAL(text, room.event.name);
    CU_ASSERT_EQUAL(len, 1);
    CU_ASSERT_EQUAL(maiko_value_set_text(AT("shade"), "blue"), MAIKO_OK);
    CU_ASSERT_EQUAL(room.event.shade, COLOR_BLUE);
    CU_ASSERT_EQUAL(maiko_value_get_text(AT("shade"), &text, &len), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(text, "blue");
    CU_ASSERT_EQUAL(maiko_value_set_text(AT("shade"), "BLUE"), MAIKO_ENOTFOUND);
    room.event.shade = (color)77;
    CU_ASSERT_EQUAL(maiko_value_get_text(AT("shade"), &text, &len), MAIKO_ENOTFOUND);

    CU_ASSERT_EQUAL(maiko_value_set_bytes(AT("key"), "\0\1", 2), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_value_get_bytes(AT("key"), &bytes, &len), MAIKO_OK);
    CU_ASSERT_EQUAL(len, 2);
    CU_ASSERT_PTR_EQUAL(bytes, room.event.key.data);

    CU_ASSERT_EQUAL(maiko_value_set_double(AT("values[1]"), 2.5), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_value_get_double(AT("values[1]"), &value), MAIKO_OK);
    CU_ASSERT_EQUAL(value, 2.5);
    CU_ASSERT_EQUAL(maiko_value_set_double(AT("f32"), (double)INFINITY), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_value_get_double(AT("f32"), &value), MAIKO_OK);
    CU_ASSERT_TRUE(isinf(value));
}

static void tails_of_text_and_bytes_are_read(void)
{
    union {
        line line;
        body body;
        char bytes[64];
    } tail;
    const char *text = NULL;
    const void *bytes = NULL;
    size_t len = 0;

    memset(&tail, 0, sizeof(tail));
    tail.line.text_count = 3;
    CU_ASSERT_EQUAL(maiko_value_get_text(MAIKO_TYPE(line), &tail, sizeof(line) + 3, "text", &text, &len), MAIKO_OK);
    CU_ASSERT_PTR_EQUAL(text, tail.line.text);
    CU_ASSERT_EQUAL(len, 3);
    CU_ASSERT_EQUAL(maiko_value_count(MAIKO_TYPE(line), &tail, sizeof(line) + 3, "text", &len), MAIKO_OK);
    CU_ASSERT_EQUAL(len, 3);
    tail.body.body_count = 2;
    CU_ASSERT_EQUAL(maiko_value_get_bytes(MAIKO_TYPE(body), &tail, sizeof(body) + 2, "body", &bytes, &len), MAIKO_OK);
    CU_ASSERT_PTR_EQUAL(bytes, tail.body.body);
    CU_ASSERT_EQUAL(maiko_value_get_text(MAIKO_TYPE(body), &tail, sizeof(body) + 2, "body", &text, &len), MAIKO_ETYPE);
}

static void arrays_and_tails_have_a_count(void)
{
    size_t count = 0;

    room_init();
    CU_ASSERT_EQUAL(maiko_value_count(AT("values"), &count), MAIKO_OK);
    CU_ASSERT_EQUAL(count, 3);
    CU_ASSERT_EQUAL(maiko_value_count(AT("samples"), &count), MAIKO_OK);
    CU_ASSERT_EQUAL(count, 3);
    CU_ASSERT_EQUAL(maiko_value_count(AT("name"), &count), MAIKO_OK);
    CU_ASSERT_EQUAL(count, 1);
}

static void wrong_paths_and_kinds_are_refused(void)
{
    static const char *const nowhere[] = {"",           "i",          "i8x",        "i8.x",
                                          "i8[0]",      "values[3]",  "values[]",   "values[0",
                                          "values[-1]", "values[0]x", "marks.at.x", "best.at.",
                                          "samples[3]", ".i8",        "best..at",   "values[18446744073709551616]",
                                          "marks[0][0]"};
    int64_t value = 0;
    double real = 0;
    const char *text = NULL;
    size_t len = 0, i;

    room_init();
    for (i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
        CU_ASSERT_EQUAL(maiko_value_get_int(AT(nowhere[i]), &value), MAIKO_ENOTFOUND);
    CU_ASSERT_EQUAL(maiko_value_get_int(AT("values"), &value), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_value_get_int(AT("name"), &value), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_value_get_int(AT("best"), &value), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_value_get_double(AT("i8"), &real), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_value_set_double(AT("i8"), 1), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_value_get_text(AT("key"), &text, &len), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_value_set_text(AT("i8"), "1"), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_value_set_bytes(AT("name"), "1", 1), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_value_get_int(AT(NULL), &value), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_value_get_int(AT("i8"), NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_value_get_int(NULL, &room, 1, "i8", &value), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_value_get_int(MAIKO_TYPE(sample), &room, sizeof(sample), "i8", &value),
                    MAIKO_ETYPE); /* the tail is missing */
}

static const struct test_case cases[] = {
    TEST_CASE(integers_are_set_and_read_by_path),      TEST_CASE(values_that_do_not_fit_are_refused),
    TEST_CASE(texts_bytes_and_reals_are_set_and_read), TEST_CASE(tails_of_text_and_bytes_are_read),
    TEST_CASE(arrays_and_tails_have_a_count),          TEST_CASE(wrong_paths_and_kinds_are_refused),
};
SUITE_MAIN("value", cases)
