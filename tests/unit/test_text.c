/* Text: bounds, failures that stick, and memory that runs out. */
#include "base/text.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"

#include <stdlib.h>
#include <string.h>

static void everything_appended_stands_there(void)
{
    char buffer[128];
    struct text text;

    text_init_buffer(&text, buffer, sizeof(buffer));
    CU_ASSERT_STRING_EQUAL(text_str(&text), "");
    text_append(&text, "a");
    text_append_char(&text, ',');
    text_append_bytes(&text, "bcd", 2);
    text_append_format(&text, ",%d-%s,", 7, "x");
    text_append_u64(&text, 0);
    text_append_char(&text, ',');
    text_append_u64(&text, UINT64_MAX);
    text_append_char(&text, ',');
    text_append_i64(&text, INT64_MIN);
    text_append_char(&text, ',');
    text_append_i64(&text, -1);
    CU_ASSERT_STRING_EQUAL(text_str(&text), "a,bc,7-x,0,18446744073709551615,-9223372036854775808,-1");
    CU_ASSERT_EQUAL(text_status(&text), MAIKO_OK);
    CU_ASSERT_EQUAL(text.len, strlen(buffer));
    text_deinit(&text);
}

static void what_does_not_fit_is_cut_at_a_character_and_said(void)
{
    char buffer[8];
    struct text text;

    memset(buffer, 'z', sizeof(buffer));
    text_init_buffer(&text, buffer, 6);
    text_append(&text, "1234\xc3\xbc");
    CU_ASSERT_STRING_EQUAL(text_str(&text), "1234");
    CU_ASSERT_EQUAL(text_status(&text), MAIKO_ETOOLONG);
    text_append(&text, "5");
    CU_ASSERT_STRING_EQUAL(text_str(&text), "1234");
    text_clear(&text);
    text_append(&text, "12345");
    CU_ASSERT_EQUAL(text_status(&text), MAIKO_OK);
    text_append_format(&text, "%s", "");
    CU_ASSERT_EQUAL(text_status(&text), MAIKO_OK);
    text_append_char(&text, '6');
    CU_ASSERT_STRING_EQUAL(text_str(&text), "12345");
    CU_ASSERT_EQUAL(text_status(&text), MAIKO_ETOOLONG);
    CU_ASSERT_TRUE(buffer[6] == 'z' && buffer[7] == 'z');
    text_init_buffer(&text, buffer, 1);
    text_append(&text, "x");
    CU_ASSERT_STRING_EQUAL(text_str(&text), "");
}

static void a_heap_text_grows_up_to_its_bound(void)
{
    struct heap heap;
    struct text text;

    heap_init(&heap, NULL, 0);
    text_init_heap(&text, &heap, 1000);
    for (int i = 0; i < 999; i++)
        text_append_char(&text, 'x');
    CU_ASSERT_EQUAL(text_status(&text), MAIKO_OK);
    text_append(&text, "yz");
    CU_ASSERT_EQUAL(text_status(&text), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(strlen(text_str(&text)), 1000);
    text_deinit(&text);
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
}

static maiko_status build(struct heap *heap, char **ret_string)
{
    struct text text;
    maiko_status status;

    text_init_heap(&text, heap, SIZE_MAX);
    for (int i = 0; i < 30; i++)
        text_append_format(&text, "%0300d|", i);
    text_append_format(&text, "%0700d", 1);
    status = text_take(&text, ret_string);
    text_deinit(&text);
    return status;
}

static void every_allocation_failure_is_reported_and_leaks_nothing(void)
{
    struct failing_allocator failing;
    struct heap heap;
    char *string = NULL;
    maiko_status status = MAIKO_ENOMEM;
    long nth;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    for (nth = 0; status == MAIKO_ENOMEM && nth < 50; nth++) {
        failing_allocator_fail_nth(&failing, nth);
        status = build(&heap, &string);
        if (status != MAIKO_OK)
            CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
    }
    CU_ASSERT_EQUAL_FATAL(status, MAIKO_OK);
    CU_ASSERT_TRUE(nth > 5);
    CU_ASSERT_EQUAL(strlen(string), 30 * 301 + 700);
    heap_strfree(&heap, string);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
}

static void a_taken_text_belongs_to_the_taker(void)
{
    struct heap heap;
    struct text text;
    char *string = NULL;

    heap_init(&heap, NULL, 0);
    text_init_heap(&text, &heap, 10);
    CU_ASSERT_EQUAL(text_take(&text, &string), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(string, "");
    heap_strfree(&heap, string);
    text_init_heap(&text, &heap, 1);
    text_append(&text, "long");
    CU_ASSERT_EQUAL(text_take(&text, &string), MAIKO_ETOOLONG);
    text_deinit(&text);
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
}

static const struct test_case cases[] = {
    TEST_CASE(everything_appended_stands_there),  TEST_CASE(what_does_not_fit_is_cut_at_a_character_and_said),
    TEST_CASE(a_heap_text_grows_up_to_its_bound), TEST_CASE(every_allocation_failure_is_reported_and_leaks_nothing),
    TEST_CASE(a_taken_text_belongs_to_the_taker),
};
SUITE_MAIN("text", cases)
