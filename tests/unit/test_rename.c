/* Topics that are called something else at the other end. */
#include <string.h>

#include "lib/suite.h"
#include "node/rename.h"

static void patterns_with_the_same_wildcards_can_stand_for_each_other(void)
{
    CU_ASSERT_EQUAL(rename_check("weather/#", "north/weather/#"), MAIKO_OK);
    CU_ASSERT_EQUAL(rename_check("a/+/b/#", "+/x/#"), MAIKO_OK);
    CU_ASSERT_EQUAL(rename_check("a", "b/c"), MAIKO_OK);
    CU_ASSERT_EQUAL(rename_check("#", "all/#"), MAIKO_OK);
    CU_ASSERT_EQUAL(rename_check("a/+", "b"), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(rename_check("a", "b/+"), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(rename_check("a/+", "b/#"), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(rename_check("a/#/b", "c"), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(rename_check("a", ""), MAIKO_ETOPIC);
}

static void a_topic_keeps_what_the_wildcards_stand_for(void)
{
    static const char *const rows[][4] = {
        {"weather/#", "north/weather/#", "weather/reading/1", "north/weather/reading/1"},
        {"weather/#", "wx/#", "weather", "wx"},
        {"a/+/c", "x/+", "a/b/c", "x/b"},
        {"+/+/#", "+/y/+/#", "1/2/3/4", "1/y/2/3/4"},
        {"+/+", "+/+", "a/", "a/"},
        {"#", "all/#", "/x", "all//x"},
        {"a/#", "b/#", "a//", "b//"},
        {"exact", "other/name", "exact", "other/name"},
    };
    char renamed[MAIKO_TOPIC_MAX + 1];
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CU_ASSERT_EQUAL(rename_check(rows[i][0], rows[i][1]), MAIKO_OK);
        CU_ASSERT(rename_topic(rows[i][0], rows[i][1], rows[i][2], renamed));
        CU_ASSERT_STRING_EQUAL(renamed, rows[i][3]);
    }
}

static void a_name_that_becomes_too_long_is_refused_and_not_cut(void)
{
    char topic[MAIKO_TOPIC_MAX + 1];
    char renamed[MAIKO_TOPIC_MAX + 1];

    memset(topic, 't', sizeof(topic));
    memcpy(topic, "a/", 2);
    topic[MAIKO_TOPIC_MAX] = '\0';
    CU_ASSERT(rename_topic("a/#", "b/#", topic, renamed));
    CU_ASSERT_FALSE(rename_topic("a/#", "bb/#", topic, renamed));
}

static const struct test_case cases[] = {
    TEST_CASE(patterns_with_the_same_wildcards_can_stand_for_each_other),
    TEST_CASE(a_topic_keeps_what_the_wildcards_stand_for),
    TEST_CASE(a_name_that_becomes_too_long_is_refused_and_not_cut),
};

SUITE_MAIN("rename", cases)
