/* Topic: which texts are names and patterns, what matches what, and which patterns meet. */
#include "lib/suite.h"
#include "lib/topic_dice.h"
#include "message/topic.h"

#include <stdio.h>
#include <string.h>

static void names_are_judged(void)
{
    static const struct {
        const char *text;
        maiko_status name;
        maiko_status pattern;
    } table[] = {
        {"a", MAIKO_OK, MAIKO_OK},
        {"/", MAIKO_OK, MAIKO_OK},
        {"//", MAIKO_OK, MAIKO_OK},
        {"a/b c/D", MAIKO_OK, MAIKO_OK},
        {"$sys/dead", MAIKO_OK, MAIKO_OK},
        {"gr\xc3\xbc\xc3\x9f/\xf0\x9f\x98\x80", MAIKO_OK, MAIKO_OK},
        {"", MAIKO_ETOPIC, MAIKO_ETOPIC},
        {NULL, MAIKO_EINVAL, MAIKO_EINVAL},
        {"+", MAIKO_ETOPIC, MAIKO_OK},
        {"#", MAIKO_ETOPIC, MAIKO_OK},
        {"a/+/b", MAIKO_ETOPIC, MAIKO_OK},
        {"+/+/#", MAIKO_ETOPIC, MAIKO_OK},
        {"/+", MAIKO_ETOPIC, MAIKO_OK},
        {"a/#/b", MAIKO_ETOPIC, MAIKO_ETOPIC},
        {"#/", MAIKO_ETOPIC, MAIKO_ETOPIC},
        {"a#", MAIKO_ETOPIC, MAIKO_ETOPIC},
        {"a/b+", MAIKO_ETOPIC, MAIKO_ETOPIC},
        {"++", MAIKO_ETOPIC, MAIKO_ETOPIC},
        {"a\nb", MAIKO_ETOPIC, MAIKO_ETOPIC},
        {"\x1b[2J", MAIKO_ETOPIC, MAIKO_ETOPIC},
        {"a\x7f", MAIKO_ETOPIC, MAIKO_ETOPIC},
        {"a\xc2\x9b", MAIKO_ETOPIC, MAIKO_ETOPIC},
        {"a\xc2\xa0", MAIKO_OK, MAIKO_OK},
        {"a\xff", MAIKO_EUTF8, MAIKO_EUTF8},
        {"\xc0\x80", MAIKO_EUTF8, MAIKO_EUTF8},
        {"\xed\xa0\x80/+", MAIKO_EUTF8, MAIKO_EUTF8},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        CU_ASSERT_EQUAL(maiko_topic_check(table[i].text), table[i].name);
        CU_ASSERT_EQUAL(maiko_pattern_check(table[i].text), table[i].pattern);
    }
}

static void the_length_limit_counts_bytes(void)
{
    char text[MAIKO_TOPIC_MAX + 2];

    memset(text, 'x', sizeof(text)); /* without a NUL: no further byte is read */
    CU_ASSERT_EQUAL(maiko_topic_check(text), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(maiko_pattern_check(text), MAIKO_ETOOLONG);
    text[MAIKO_TOPIC_MAX] = '\0';
    CU_ASSERT_EQUAL(maiko_topic_check(text), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_pattern_check(text), MAIKO_OK);
}

static void only_the_library_sends_below_sys(void)
{
    static const char *const reserved[] = {"$sys", "$sys/", "$sys/dead"};
    static const char *const free_names[] = {"$system", "$SYS/dead", "sys", "a/$sys", "$"};

    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(maiko_topic_is_reserved(reserved[i]));
        CU_ASSERT_EQUAL(topic_check_sendable(reserved[i]), MAIKO_EPERM);
    }
    for (size_t i = 0; i < 5; i++) {
        CU_ASSERT_FALSE(maiko_topic_is_reserved(free_names[i]));
        CU_ASSERT_EQUAL(topic_check_sendable(free_names[i]), MAIKO_OK);
    }
    CU_ASSERT_FALSE(maiko_topic_is_reserved(NULL));
    CU_ASSERT_EQUAL(topic_check_sendable("a/#"), MAIKO_ETOPIC);
}

static void wildcards_are_recognised(void)
{
    CU_ASSERT_TRUE(maiko_pattern_has_wildcard("a/+"));
    CU_ASSERT_TRUE(maiko_pattern_has_wildcard("#"));
    CU_ASSERT_FALSE(maiko_pattern_has_wildcard("a/b"));
    CU_ASSERT_FALSE(maiko_pattern_has_wildcard("a+"));
    CU_ASSERT_FALSE(maiko_pattern_has_wildcard(NULL));
}

static void the_examples_of_the_standard_hold(void)
{
    static const struct {
        const char *pattern;
        const char *topic;
        bool matches;
    } table[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/#", "sport", true},
        {"sport/#", "sports", false},
        {"#", "any/thing", true},
        {"#", "/", true},
        {"sport/tennis/+", "sport/tennis/player1", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+", "finance", true},
        {"+", "/finance", false},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+/tennis/#", "sport/tennis", true},
        {"#", "$SYS/monitor", false},
        {"+/monitor/Clients", "$SYS/monitor/Clients", false},
        {"$SYS/#", "$SYS/monitor", true},
        {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
        {"a/#", "a/$sys", true},
        {"a/+", "a/$sys", true},
        {"ACCOUNTS", "Accounts", false},
        {"a/b", "a/b", true},
        {"a/b", "a/b/", false},
        {"a/b/", "a/b", false},
        {"a+", "a+", false},
        {"a", "a/#", false},
        {NULL, "a", false},
        {"a", NULL, false},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        CU_ASSERT_EQUAL(maiko_topic_matches(table[i].pattern, table[i].topic), table[i].matches);
}

/* Every topic of up to four levels over these, which is all that two patterns of up to three can be told apart by. */
static const char *const levels[] = {"", "a", "b", "ab", "$", "$sys", "\xc3\xbc", "else"};
enum { LEVELS = sizeof(levels) / sizeof(levels[0]) };

static bool meet_below(const char *a, const char *b, const char *prefix, int depth)
{
    for (int i = 0; i < LEVELS; i++) {
        char topic[TOPIC_DICE_SIZE];

        snprintf(topic, sizeof(topic), "%s%s", prefix, levels[i]);
        if (topic[0] != '\0' && topic_matches(a, topic) && topic_matches(b, topic))
            return true;
        if (depth < 4) {
            strcat(topic, "/");
            if (meet_below(a, b, topic, depth + 1))
                return true;
        }
    }
    return false;
}

static int level_count(const char *text)
{
    int count = 1;

    while ((text = strchr(text, '/')) != NULL) {
        count++;
        text++;
    }
    return count;
}

static void patterns_overlap_when_some_topic_matches_both(void)
{
    const unsigned long pairs = suite_scale(8000, 100000) / (suite_slowdown() > 1 ? 10 : 1);
    unsigned long wrong = 0;
    unsigned long meeting = 0;
    struct dice dice;

    dice_init(&dice);
    for (unsigned long i = 0; i < pairs;) {
        char a[TOPIC_DICE_SIZE];
        char b[TOPIC_DICE_SIZE];
        bool meet;

        topic_dice_pattern(&dice, a);
        topic_dice_pattern(&dice, b);
        if (level_count(a) > 3 || level_count(b) > 3)
            continue;
        i++;
        meet = maiko_patterns_overlap(a, b);
        meeting += meet;
        if (meet != meet_below(a, b, "", 1) || meet != maiko_patterns_overlap(b, a)) {
            wrong++;
            printf("# overlap of %s and %s is not %d\n", a, b, meet);
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_TRUE(meeting > pairs / 20);
}

static void the_empty_name_is_no_place_to_meet(void)
{
    CU_ASSERT_FALSE(maiko_patterns_overlap("+", "/#"));
    CU_ASSERT_FALSE(maiko_patterns_overlap("/#", "+"));
    CU_ASSERT_TRUE(maiko_patterns_overlap("#", "/#"));
    CU_ASSERT_TRUE(maiko_patterns_overlap("+/#", "/#"));
    CU_ASSERT_TRUE(maiko_patterns_overlap("+", "+"));
}

static void topics_too_long_to_exist_do_not_count_as_overlap(void)
{
    char a[MAIKO_TOPIC_MAX + 1] = "";
    char b[MAIKO_TOPIC_MAX + 1] = "+/";

    memset(a, 'a', 128);
    strcpy(a + 128, "/+");
    memset(b + 2, 'b', 126);
    CU_ASSERT_TRUE(maiko_patterns_overlap(a, b) && maiko_patterns_overlap(b, a));
    memset(b + 2, 'b', 127);
    CU_ASSERT_FALSE(maiko_patterns_overlap(a, b) || maiko_patterns_overlap(b, a));
    strcpy(a + 128, "/#");
    CU_ASSERT_FALSE(maiko_patterns_overlap(a, b) || maiko_patterns_overlap(b, a));
    b[2 + 126] = '\0';
    CU_ASSERT_TRUE(maiko_patterns_overlap(a, b) && maiko_patterns_overlap(b, a));
    CU_ASSERT_FALSE(maiko_patterns_overlap("a+", "a"));
    CU_ASSERT_FALSE(maiko_patterns_overlap(NULL, "a"));
    CU_ASSERT_FALSE(maiko_patterns_overlap("a", NULL));
}

static const struct test_case cases[] = {
    TEST_CASE(names_are_judged),
    TEST_CASE(the_length_limit_counts_bytes),
    TEST_CASE(only_the_library_sends_below_sys),
    TEST_CASE(wildcards_are_recognised),
    TEST_CASE(the_examples_of_the_standard_hold),
    TEST_CASE(patterns_overlap_when_some_topic_matches_both),
    TEST_CASE(the_empty_name_is_no_place_to_meet),
    TEST_CASE(topics_too_long_to_exist_do_not_count_as_overlap),
};
SUITE_MAIN("topic", cases)
