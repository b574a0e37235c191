/* Id: sources that never meet, and the UUID text. */
#include "base/id.h"
#include "lib/suite.h"

#include <ctype.h>
#include <string.h>

static void the_text_of_an_id_reads_back_as_the_same_id(void)
{
    const maiko_id id = {.hi = UINT64_C(0x0123456789abcdef), .lo = UINT64_C(0xfedcba9876543210)};
    char text[MAIKO_ID_TEXT_SIZE];
    maiko_id read = {0, 0};

    CU_ASSERT_STRING_EQUAL(maiko_id_format(id, text), "01234567-89ab-cdef-fedc-ba9876543210");
    CU_ASSERT_EQUAL(maiko_id_parse(text, &read), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_id_equal(id, read));
    for (size_t i = 0; text[i] != '\0'; i++)
        text[i] = (char)toupper(text[i]);
    CU_ASSERT_EQUAL(maiko_id_parse(text, &read), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_id_equal(id, read));
}

static void any_wrong_character_or_length_is_refused(void)
{
    static const char good[] = "6ba7b810-9dad-81d1-80b4-000000000001";
    maiko_id untouched = {.hi = 1, .lo = 2};
    char text[64];

    for (size_t i = 0; i < strlen(good); i++) {
        strcpy(text, good);
        text[i] = good[i] == '-' ? '0' : 'g';
        CU_ASSERT_EQUAL(maiko_id_parse(text, &untouched), MAIKO_EINVAL);
        text[i] = '\0';
        CU_ASSERT_EQUAL(maiko_id_parse(text, &untouched), MAIKO_EINVAL);
    }
    strcat(strcpy(text, good), "0");
    CU_ASSERT_EQUAL(maiko_id_parse(text, &untouched), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_id_parse("", &untouched), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_id_parse(NULL, &untouched), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_id_parse(good, NULL), MAIKO_EINVAL);
    CU_ASSERT_TRUE(untouched.hi == 1 && untouched.lo == 2);
}

static void an_issued_id_is_a_version_8_uuid_and_counts_up(void)
{
    struct id_source source;
    char text[MAIKO_ID_TEXT_SIZE];
    maiko_id first;
    maiko_id second;

    CU_ASSERT_EQUAL_FATAL(id_source_init(&source), MAIKO_OK);
    first = id_source_next(&source);
    second = id_source_next(&source);
    maiko_id_format(first, text);
    CU_ASSERT_EQUAL(text[14], '8');
    CU_ASSERT_PTR_NOT_NULL(strchr("89ab", text[19]));
    CU_ASSERT_STRING_EQUAL(text + 24, "000000000001");
    CU_ASSERT_EQUAL(first.hi, second.hi);
    CU_ASSERT_EQUAL(second.lo, first.lo + 1);
    CU_ASSERT_FALSE(maiko_id_is_nil(first));
}

static void sources_differ_from_each_other(void)
{
    struct id_source sources[64];

    for (int i = 0; i < 64; i++) {
        CU_ASSERT_EQUAL_FATAL(id_source_init(&sources[i]), MAIKO_OK);
        for (int j = 0; j < i; j++)
            CU_ASSERT_NOT_EQUAL(sources[i].prefix, sources[j].prefix);
    }
}

static void the_same_seed_and_stream_give_the_same_ids(void)
{
    struct id_source a;
    struct id_source b;
    struct id_source other_stream;
    struct id_source other_seed;

    id_source_init_seeded(&a, 42, 0);
    id_source_init_seeded(&b, 42, 0);
    id_source_init_seeded(&other_stream, 42, 1);
    id_source_init_seeded(&other_seed, 43, 0);
    CU_ASSERT_TRUE(maiko_id_equal(id_source_next(&a), id_source_next(&b)));
    CU_ASSERT_NOT_EQUAL(a.prefix, other_stream.prefix);
    CU_ASSERT_NOT_EQUAL(a.prefix, other_seed.prefix);
}

static void nil_is_all_zero(void)
{
    char text[MAIKO_ID_TEXT_SIZE];
    maiko_id id = {.hi = 1, .lo = 1};

    CU_ASSERT_STRING_EQUAL(maiko_id_format((maiko_id){0, 0}, text), "00000000-0000-0000-0000-000000000000");
    CU_ASSERT_EQUAL(maiko_id_parse(text, &id), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_id_is_nil(id));
    CU_ASSERT_FALSE(maiko_id_is_nil((maiko_id){.hi = 0, .lo = 1}));
}

static const struct test_case cases[] = {
    TEST_CASE(the_text_of_an_id_reads_back_as_the_same_id),    TEST_CASE(any_wrong_character_or_length_is_refused),
    TEST_CASE(an_issued_id_is_a_version_8_uuid_and_counts_up), TEST_CASE(sources_differ_from_each_other),
    TEST_CASE(the_same_seed_and_stream_give_the_same_ids),     TEST_CASE(nil_is_all_zero),
};
SUITE_MAIN("id", cases)
