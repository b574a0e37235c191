/* Topic, against an independent judge: the checks and the matcher of libmosquitto. */
#include "config.h"

#include "lib/suite.h"
#include "lib/topic_dice.h"

#include <maiko/topic.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_MOSQUITTO
#include <mosquitto.h>

enum { MOST_COMPLAINTS = 20 };

struct count {
    unsigned long wrong;
    unsigned long valid;
    unsigned long matching;
};

static void complain(struct count *count, const char *what, const char *pattern, const char *topic)
{
    if (count->wrong++ < MOST_COMPLAINTS)
        printf("# %s: pattern \"%s\", topic \"%s\"\n", what, pattern, topic);
}

static void compare(struct count *count, const char *pattern, const char *topic)
{
    const bool is_pattern = maiko_pattern_check(pattern) == MAIKO_OK;
    const bool is_topic = maiko_topic_check(topic) == MAIKO_OK;
    const bool matches = maiko_topic_matches(pattern, topic);
    bool theirs = false;

    if (is_pattern != (mosquitto_sub_topic_check(pattern) == MOSQ_ERR_SUCCESS))
        complain(count, "not agreed whether it is a pattern", pattern, topic);
    if (is_topic != (mosquitto_pub_topic_check(topic) == MOSQ_ERR_SUCCESS))
        complain(count, "not agreed whether it is a topic", pattern, topic);
    if (!is_pattern || !is_topic) {
        if (matches)
            complain(count, "an invalid text matches", pattern, topic);
        return;
    }
    count->valid++;
    count->matching += matches;
    if (mosquitto_topic_matches_sub(pattern, topic, &theirs) != MOSQ_ERR_SUCCESS || matches != theirs)
        complain(count, matches ? "matches here only" : "does not match here", pattern, topic);
}

/* A pattern made from the topic, so that it often matches: levels turned into '+', the end into '#'. */
static void loosen(struct dice *dice, const char *topic, char pattern[TOPIC_DICE_SIZE])
{
    char *out = pattern;

    for (;;) {
        const size_t len = strcspn(topic, "/");

        if (dice_percent(dice, 15)) {
            strcpy(out, "#");
            return;
        }
        if (dice_percent(dice, 30))
            *out++ = '+';
        else
            out = (char *)memcpy(out, topic, len) + len;
        topic += len;
        if (*topic == '\0')
            break;
        *out++ = *topic++;
    }
    strcpy(out, dice_percent(dice, 15) ? "/#" : "");
}

static void throw_pair(struct dice *dice, char pattern[TOPIC_DICE_SIZE], char topic[TOPIC_DICE_SIZE])
{
    if (dice_percent(dice, 20))
        topic_dice_any(dice, topic);
    else
        topic_dice_name(dice, topic);
    if (dice_percent(dice, 20))
        topic_dice_any(dice, pattern);
    else if (dice_percent(dice, 50))
        topic_dice_pattern(dice, pattern);
    else
        loosen(dice, topic, pattern);
}

static void a_million_random_pairs_agree_with_libmosquitto(void)
{
    struct count count = {0};
    struct dice dice;

    dice_init(&dice);
    for (unsigned long i = 0; i < 1000000; i++) {
        char pattern[TOPIC_DICE_SIZE];
        char topic[TOPIC_DICE_SIZE];

        throw_pair(&dice, pattern, topic);
        compare(&count, pattern, topic);
    }
    printf("# %lu valid pairs, %lu match\n", count.valid, count.matching);
    CU_ASSERT_EQUAL(count.wrong, 0);
    CU_ASSERT_TRUE(count.valid > 700000);
    CU_ASSERT_TRUE(count.matching > 200000);
}
#else
static void a_million_random_pairs_agree_with_libmosquitto(void)
{
    suite_skip("built without libmosquitto");
}
#endif

static const struct test_case cases[] = {
    TEST_CASE(a_million_random_pairs_agree_with_libmosquitto),
};
SUITE_MAIN_TIMEOUT("topic_mosquitto", cases, 300)
