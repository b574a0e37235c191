/* Topic index: a random history of subscriptions compared with matching each of them, order, and allocation failure. */
#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "lib/topic_dice.h"
#include "routing/topic_index.h"

#include <stdio.h>
#include <string.h>

enum { SUBSCRIPTIONS = 200 };

struct subscription {
    struct topic_index_entry entry;
    char pattern[TOPIC_DICE_SIZE]; /* "": everything */
};

/* What one question was answered with. */
struct answer {
    struct topic_index_entry *entries[SUBSCRIPTIONS];
    size_t count;
};

static void note(struct topic_index_entry *entry, void *userdata)
{
    struct answer *answer = userdata;

    answer->entries[answer->count++] = entry;
}

static size_t ask(struct topic_index *index, const char *topic, struct answer *answer)
{
    answer->count = 0;
    return topic_index_resolve(index, topic, note, answer);
}

static bool is_for(const struct subscription *subscription, const char *topic)
{
    return topic_index_has(&subscription->entry) &&
           (subscription->pattern[0] == '\0' || maiko_topic_matches(subscription->pattern, topic));
}

/* The answer holds exactly those that match, in the order they were added. */
static bool answers_right(struct topic_index *index, const struct subscription *subscriptions, const char *topic)
{
    struct answer answer;
    size_t expected = 0;

    for (int i = 0; i < SUBSCRIPTIONS; i++)
        expected += is_for(&subscriptions[i], topic);
    if (ask(index, topic, &answer) != expected || answer.count != expected)
        return false;
    for (size_t i = 0; i < answer.count; i++) {
        if (!is_for(CONTAINER_OF(answer.entries[i], struct subscription, entry), topic))
            return false;
        if (i > 0 && answer.entries[i]->order <= answer.entries[i - 1]->order)
            return false;
    }
    return true;
}

static maiko_status subscribe(struct topic_index *index, struct subscription *subscription, struct dice *dice)
{
    topic_dice_pattern(dice, subscription->pattern);
    if (dice_percent(dice, 3))
        subscription->pattern[0] = '\0';
    return topic_index_add(index, subscription->pattern[0] != '\0' ? subscription->pattern : NULL, &subscription->entry);
}

static void a_random_history_agrees_with_matching_each(void)
{
    static struct subscription subscriptions[SUBSCRIPTIONS];
    const unsigned long rounds = suite_scale(20000, 500000) / (suite_slowdown() > 1 ? 4 : 1);
    struct topic_index index;
    struct dice dice;
    struct heap heap;
    unsigned long wrong = 0;

    dice_init(&dice);
    heap_init(&heap, NULL, 0);
    topic_index_init(&index, &heap);
    for (unsigned long round = 0; round < rounds; round++) {
        struct subscription *subscription = &subscriptions[dice_below(&dice, SUBSCRIPTIONS)];
        char topic[TOPIC_DICE_SIZE];

        if (topic_index_has(&subscription->entry))
            topic_index_remove(&index, &subscription->entry);
        else
            CU_ASSERT_EQUAL(subscribe(&index, subscription, &dice), MAIKO_OK);
        topic_dice_name(&dice, topic);
        wrong += !answers_right(&index, subscriptions, topic);
        if (round % 5000 == 0) {
            for (int i = 0; i < SUBSCRIPTIONS; i++)
                topic_index_remove(&index, &subscriptions[i].entry);
            CU_ASSERT_EQUAL(heap_used(&heap), 0);
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    topic_index_deinit(&index);
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
    for (int i = 0; i < SUBSCRIPTIONS; i++)
        CU_ASSERT_FALSE(topic_index_has(&subscriptions[i].entry));
}

static void every_allocation_failure_leaves_the_index_as_it_was(void)
{
    static struct subscription subscriptions[SUBSCRIPTIONS];
    struct failing_allocator failing;
    struct topic_index index;
    struct dice dice;
    struct heap heap;
    unsigned refused = 0;

    dice_init(&dice);
    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    topic_index_init(&index, &heap);
    for (int i = 0; i < SUBSCRIPTIONS; i++) {
        maiko_status status = MAIKO_ENOMEM;

        topic_dice_pattern(&dice, subscriptions[i].pattern);
        for (long nth = 0; status == MAIKO_ENOMEM && nth < 20; nth++) {
            const long blocks = failing.blocks_out;

            failing_allocator_fail_nth(&failing, nth);
            status = topic_index_add(&index, subscriptions[i].pattern, &subscriptions[i].entry);
            failing_allocator_fail_nth(&failing, -1);
            if (status == MAIKO_OK)
                break;
            refused++;
            CU_ASSERT_FALSE(topic_index_has(&subscriptions[i].entry));
            CU_ASSERT_TRUE(failing.blocks_out <= blocks + 1); /* a table that grew may stay grown */
            CU_ASSERT_EQUAL(index.count, (size_t)i);
        }
        CU_ASSERT_EQUAL(status, MAIKO_OK);
        CU_ASSERT_TRUE(answers_right(&index, subscriptions, "a/b"));
    }
    CU_ASSERT_TRUE(refused > SUBSCRIPTIONS / 4);
    for (int i = 0; i < SUBSCRIPTIONS; i++)
        topic_index_remove(&index, &subscriptions[i].entry);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
}

static void a_first_subscription_refused_leaves_nothing_behind(void)
{
    static const char *const patterns[] = {"a/b/c", "a/+/c/#", NULL};

    for (int i = 0; i < 3; i++) {
        maiko_status status = MAIKO_ENOMEM;
        long nth;

        for (nth = 0; status == MAIKO_ENOMEM && nth < 20; nth++) {
            struct topic_index_entry entry = {.node = NULL};
            struct failing_allocator failing;
            struct topic_index index;
            struct heap heap;

            failing_allocator_init(&failing);
            heap_init(&heap, &failing.allocator, 0);
            topic_index_init(&index, &heap);
            failing_allocator_fail_nth(&failing, nth);
            status = topic_index_add(&index, patterns[i], &entry);
            topic_index_deinit(&index);
            CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
        }
        CU_ASSERT_EQUAL(status, MAIKO_OK);
        CU_ASSERT_TRUE(nth >= 2);
    }
}

static void everything_means_also_what_no_wildcard_reaches(void)
{
    struct topic_index_entry everything = {.node = NULL};
    struct topic_index_entry hash = {.node = NULL};
    struct topic_index index;
    struct answer answer;

    topic_index_init(&index, heap_default());
    CU_ASSERT_EQUAL(ask(&index, "a", &answer), 0);
    CU_ASSERT_EQUAL(topic_index_add(&index, "#", &hash), MAIKO_OK);
    CU_ASSERT_EQUAL(topic_index_add(&index, NULL, &everything), MAIKO_OK);
    CU_ASSERT_EQUAL(ask(&index, "a", &answer), 2);
    CU_ASSERT_PTR_EQUAL(answer.entries[0], &hash);
    CU_ASSERT_EQUAL(ask(&index, "$sys/dead", &answer), 1);
    CU_ASSERT_PTR_EQUAL(answer.entries[0], &everything);
    topic_index_remove(&index, &everything);
    topic_index_remove(&index, &everything);
    CU_ASSERT_EQUAL(ask(&index, "$sys/dead", &answer), 0);
    topic_index_deinit(&index);
}

static void the_deepest_topic_is_walked_to_its_end(void)
{
    struct topic_index_entry entries[2] = {{.node = NULL}};
    struct topic_index index;
    struct answer answer;
    char pattern[MAIKO_TOPIC_MAX + 1];
    char topic[MAIKO_TOPIC_MAX + 1];

    for (int i = 0; i < MAIKO_TOPIC_MAX; i++) {
        pattern[i] = i % 2 == 0 ? '+' : '/';
        topic[i] = '/';
    }
    pattern[MAIKO_TOPIC_MAX] = '\0';
    topic[MAIKO_TOPIC_MAX] = '\0';
    topic_index_init(&index, heap_default());
    CU_ASSERT_EQUAL(topic_index_add(&index, pattern, &entries[0]), MAIKO_OK);
    topic[MAIKO_TOPIC_MAX / 2] = '\0'; /* 127 slashes: 128 empty levels, as many as the pattern has */
    CU_ASSERT_EQUAL(ask(&index, topic, &answer), 1);
    topic[MAIKO_TOPIC_MAX / 2] = '/';
    CU_ASSERT_EQUAL(ask(&index, topic, &answer), 0);
    CU_ASSERT_EQUAL(topic_index_add(&index, topic, &entries[1]), MAIKO_OK);
    CU_ASSERT_EQUAL(ask(&index, topic, &answer), 1);
    topic_index_deinit(&index);
}

static const struct test_case cases[] = {
    TEST_CASE(a_random_history_agrees_with_matching_each),
    TEST_CASE(every_allocation_failure_leaves_the_index_as_it_was),
    TEST_CASE(a_first_subscription_refused_leaves_nothing_behind),
    TEST_CASE(everything_means_also_what_no_wildcard_reaches),
    TEST_CASE(the_deepest_topic_is_walked_to_its_end),
};
SUITE_MAIN("topic_index", cases)
