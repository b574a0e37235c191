/* Status: the table of codes and what is made of it. */
#include "lib/suite.h"

#include <maiko/status.h>
#include <string.h>

static const maiko_status all[] = {
#define STATUS_VALUE(name, number, text) name,
    MAIKO_STATUS_MAP(STATUS_VALUE)
#undef STATUS_VALUE
};

enum { COUNT = sizeof(all) / sizeof(all[0]) };

static void every_status_has_a_number_a_name_and_a_text_of_its_own(void)
{
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < i; j++) {
            CU_ASSERT_NOT_EQUAL(all[i], all[j]);
            CU_ASSERT_STRING_NOT_EQUAL(maiko_strerror(all[i]), maiko_strerror(all[j]));
            CU_ASSERT_STRING_NOT_EQUAL(maiko_status_name(all[i]), maiko_status_name(all[j]));
        }
    }
}

static void published_numbers_stay(void)
{
    CU_ASSERT_EQUAL(MAIKO_OK, 0);
    CU_ASSERT_EQUAL(MAIKO_EFULL, -3);
    CU_ASSERT_EQUAL(MAIKO_EFORKED, -10);
    CU_ASSERT_EQUAL(MAIKO_ESYSTEM, -20);
    CU_ASSERT_EQUAL(MAIKO_EUNDECLARED, -25);
    for (int i = 0; i < COUNT; i++)
        CU_ASSERT_EQUAL(all[i], -i);
}

static void numbers_outside_the_table_have_a_text_too(void)
{
    CU_ASSERT_STRING_EQUAL(maiko_strerror((maiko_status)1), "unknown status");
    CU_ASSERT_STRING_EQUAL(maiko_strerror((maiko_status)-9999), "unknown status");
    CU_ASSERT_STRING_EQUAL(maiko_status_name((maiko_status)1), "MAIKO_E?");
    CU_ASSERT_STRING_EQUAL(maiko_status_name(MAIKO_EFULL), "MAIKO_EFULL");
    CU_ASSERT_STRING_EQUAL(maiko_strerror(MAIKO_EFULL), "mailbox is full");
}

static void only_success_exits_with_zero(void)
{
    CU_ASSERT_EQUAL(maiko_exit_code(MAIKO_OK), 0);
    for (int i = 1; i < COUNT; i++)
        CU_ASSERT_EQUAL(maiko_exit_code(all[i]), 1);
}

static void library_and_headers_agree_about_the_version(void)
{
    CU_ASSERT_STRING_EQUAL(maiko_version(), MAIKO_VERSION_STRING);
    CU_ASSERT_EQUAL(maiko_version_number(), MAIKO_VERSION_NUMBER);
    CU_ASSERT_TRUE(MAIKO_VERSION_AT_LEAST(MAIKO_VERSION_MAJOR, MAIKO_VERSION_MINOR, MAIKO_VERSION_PATCH));
    CU_ASSERT_FALSE(MAIKO_VERSION_AT_LEAST(MAIKO_VERSION_MAJOR + 1, 0, 0));
}

static void durations_take_fractions(void)
{
    CU_ASSERT_EQUAL(MAIKO_SECONDS(0.5), UINT64_C(500000000));
    CU_ASSERT_EQUAL(MAIKO_MS(20), UINT64_C(20000000));
    CU_ASSERT_EQUAL(MAIKO_HOURS(6), UINT64_C(21600000000000));
}

static const struct test_case cases[] = {
    TEST_CASE(every_status_has_a_number_a_name_and_a_text_of_its_own),
    TEST_CASE(published_numbers_stay),
    TEST_CASE(numbers_outside_the_table_have_a_text_too),
    TEST_CASE(only_success_exits_with_zero),
    TEST_CASE(library_and_headers_agree_about_the_version),
    TEST_CASE(durations_take_fractions),
};
SUITE_MAIN("status", cases)
