/* Topic set: a random history of topics compared with matching each of them, and allocation failure. */
#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "lib/topic_dice.h"
#include "routing/topic_set.h"

#include <string.h>

enum { TOPICS = 200 };

struct topic {
    struct topic_set_entry entry;
    char name[TOPIC_DICE_SIZE];
    bool was_found;
};

static void note(struct topic_set_entry *entry, void *userdata)
{
    struct topic *topic = CONTAINER_OF(entry, struct topic, entry);
    unsigned *twice = userdata;

    *twice += topic->was_found;
    topic->was_found = true;
}

/* Exactly the matching ones are found, each once; NULL finds all. */
static bool finds_right(const struct topic_set *set, struct topic *topics, const char *pattern)
{
    unsigned twice = 0;
    unsigned wrong = 0;
    size_t expected = 0;
    const size_t count = topic_set_for_each(set, pattern, note, &twice);

    for (int i = 0; i < TOPICS; i++) {
        const bool is_in = topics[i].entry.node != NULL;
        const bool want = is_in && (pattern == NULL || maiko_topic_matches(pattern, topics[i].name));

        expected += want;
        wrong += want != topics[i].was_found;
        topics[i].was_found = false;
    }
    return twice == 0 && wrong == 0 && count == expected;
}

static const struct topic *namesake(const struct topic *topics, const struct topic *of)
{
    for (int i = 0; i < TOPICS; i++)
        if (&topics[i] != of && topics[i].entry.node != NULL && strcmp(topics[i].name, of->name) == 0)
            return &topics[i];
    return NULL;
}

static void a_random_history_agrees_with_matching_each(void)
{
    static struct topic topics[TOPICS];
    const unsigned long rounds = suite_scale(20000, 500000) / (suite_slowdown() > 1 ? 4 : 1);
    unsigned long wrong = 0;
    struct topic_set set;
    struct dice dice;
    struct heap heap;

    dice_init(&dice);
    heap_init(&heap, NULL, 0);
    topic_set_init(&set, &heap);
    for (unsigned long round = 0; round < rounds; round++) {
        struct topic *topic = &topics[dice_below(&dice, TOPICS)];
        char pattern[TOPIC_DICE_SIZE];

        if (topic->entry.node != NULL) {
            topic_set_remove(&set, &topic->entry);
        } else {
            topic_dice_name(&dice, topic->name);
            CU_ASSERT_EQUAL(topic_set_add(&set, topic->name, &topic->entry), namesake(topics, topic) ? MAIKO_EEXIST : MAIKO_OK);
        }
        topic_dice_pattern(&dice, pattern);
        wrong += !finds_right(&set, topics, dice_percent(&dice, 5) ? NULL : pattern);
        if (round % 5000 == 0) {
            for (int i = 0; i < TOPICS; i++)
                topic_set_remove(&set, &topics[i].entry);
            CU_ASSERT_EQUAL(heap_used(&heap), 0);
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    topic_set_deinit(&set);
    CU_ASSERT_EQUAL(heap_used(&heap), 0);
    CU_ASSERT_TRUE(finds_right(&set, topics, NULL));
}

static void every_allocation_failure_leaves_the_set_as_it_was(void)
{
    static struct topic topics[TOPICS];
    struct failing_allocator failing;
    struct topic_set set;
    struct dice dice;
    struct heap heap;

    dice_init(&dice);
    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    topic_set_init(&set, &heap);
    for (int i = 0; i < TOPICS; i++) {
        maiko_status status = MAIKO_ENOMEM;

        topic_dice_name(&dice, topics[i].name);
        for (long nth = 0; status == MAIKO_ENOMEM && nth < 20; nth++) {
            failing_allocator_fail_nth(&failing, nth);
            status = topic_set_add(&set, topics[i].name, &topics[i].entry);
            failing_allocator_fail_nth(&failing, -1);
            CU_ASSERT_EQUAL(topics[i].entry.node != NULL, status == MAIKO_OK);
        }
        CU_ASSERT_TRUE(status == MAIKO_OK || status == MAIKO_EEXIST);
        CU_ASSERT_TRUE(finds_right(&set, topics, "a/#"));
    }
    for (int i = 0; i < TOPICS; i++)
        topic_set_remove(&set, &topics[i].entry);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
}

static const struct test_case cases[] = {
    TEST_CASE(a_random_history_agrees_with_matching_each),
    TEST_CASE(every_allocation_failure_leaves_the_set_as_it_was),
};
SUITE_MAIN("topic_set", cases)
