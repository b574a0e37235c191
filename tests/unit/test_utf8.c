/* UTF-8: every character there is, and everything that is none. */
#include "base/utf8.h"
#include "lib/suite.h"

#include <string.h>

static bool is_character(uint32_t codepoint)
{
    return codepoint <= 0x10ffff && (codepoint < 0xd800 || codepoint > 0xdfff);
}

static void every_character_is_written_and_read_back(void)
{
    unsigned long wrong = 0;

    for (uint32_t codepoint = 0; codepoint < 0x120000; codepoint++) {
        char bytes[4];
        uint32_t read = UINT32_MAX;
        const size_t len = utf8_encode(codepoint, bytes);

        if (!is_character(codepoint)) {
            wrong += len != 0;
            continue;
        }
        wrong += utf8_decode(bytes, len, &read) != len || read != codepoint;
        for (size_t cut = 0; cut < len; cut++)
            wrong += utf8_decode(bytes, cut, &read) != 0;
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* One way to write each character: so overlong forms, surrogates and stray bytes are all refused. */
static void what_is_read_would_be_written_the_same(void)
{
    unsigned long wrong = 0;

    for (uint32_t word = 0; word < 0x1000000; word += 1) {
        const char bytes[4] = {(char)(word >> 16), (char)(word >> 8), (char)word, (char)0x80};
        char again[4];
        uint32_t codepoint = 0;
        const size_t len = utf8_decode(bytes, 4, &codepoint);

        if (len != 0)
            wrong += utf8_encode(codepoint, again) != len || memcmp(bytes, again, len) != 0;
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static void whole_texts_are_judged(void)
{
    CU_ASSERT_TRUE(utf8_is_valid("", 0));
    CU_ASSERT_TRUE(utf8_is_valid("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 15));
    CU_ASSERT_TRUE(utf8_is_valid("a\0b", 3));
    CU_ASSERT_FALSE(utf8_is_valid("a\xff", 2));
    CU_ASSERT_FALSE(utf8_is_valid("\xc0\x80", 2));
    CU_ASSERT_FALSE(utf8_is_valid("\xed\xa0\x80", 3));
    CU_ASSERT_FALSE(utf8_is_valid("\xf4\x90\x80\x80", 4));
    CU_ASSERT_FALSE(utf8_is_valid("\xe2\x82", 2));
}

static void a_cut_never_splits_a_character(void)
{
    const char text[] = "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80";
    static const size_t floor[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

    for (size_t limit = 0; limit < sizeof(floor) / sizeof(floor[0]); limit++)
        CU_ASSERT_EQUAL(utf8_floor(text, 10, limit), floor[limit]);
}

static const struct test_case cases[] = {
    TEST_CASE(every_character_is_written_and_read_back),
    TEST_CASE(what_is_read_would_be_written_the_same),
    TEST_CASE(whole_texts_are_judged),
    TEST_CASE(a_cut_never_splits_a_character),
};
SUITE_MAIN("utf8", cases)
