/* Topic overlap: a random history of an index and of a tree, compared with asking each pattern. */
#include "lib/dice.h"
#include "lib/suite.h"
#include "lib/topic_dice.h"
#include "routing/topic_overlap.h"

#include <stdio.h>
#include <string.h>

enum { KEPT = 120, QUESTIONS = 40 };

struct kept {
    struct topic_index_entry entry;
    bool is_kept;
    unsigned met;
    char pattern[TOPIC_DICE_SIZE];
};

static bool meet(struct topic_node *node, void *userdata)
{
    struct list *link;

    (void)userdata;
    LIST_FOR_EACH (link, &node->members)
        CONTAINER_OF(link, struct kept, entry.link)->met++;
    return false;
}

static bool stop_at_once(struct topic_node *node, void *userdata)
{
    (void)node;
    ++*(unsigned *)userdata;
    return true;
}

static unsigned long compare(struct kept *kept, const char *pattern, bool ret_any)
{
    unsigned long wrong = 0;
    bool any = false;

    for (int i = 0; i < KEPT; i++) {
        bool expected = kept[i].is_kept && maiko_patterns_overlap(kept[i].pattern, pattern);

        if (kept[i].met != (expected ? 1u : 0u)) {
            printf("# %s was met %u times by %s\n", kept[i].pattern, kept[i].met, pattern);
            wrong++;
        }
        any = any || expected;
        kept[i].met = 0;
    }
    return wrong + (any != ret_any);
}

static void draw(struct dice *dice, char *pattern)
{
    static const char *const odd[] = {"+", "/#", "#", "+/#", "/", "/+", "$a", "$a/#", "+/+"};

    if (dice_percent(dice, 10))
        strcpy(pattern, odd[dice_below(dice, sizeof odd / sizeof odd[0])]);
    else
        topic_dice_pattern(dice, pattern);
}

static unsigned long ask_index(const struct topic_index *index, struct kept *kept, struct dice *dice)
{
    char pattern[TOPIC_DICE_SIZE];
    unsigned stops = 0;
    unsigned long wrong;
    bool any;

    draw(dice, pattern);
    any = topic_overlap_index(index, pattern, stop_at_once, &stops);
    wrong = compare(kept, pattern, topic_overlap_index(index, pattern, meet, NULL) || any);
    return wrong + (stops != any);
}

static void an_index_agrees_with_asking_each(void)
{
    const unsigned long rounds = suite_scale(150, 5000) / (suite_slowdown() > 1 ? 4 : 1) + 1;
    unsigned long wrong = 0;
    struct dice dice;

    dice_init(&dice);
    for (unsigned long round = 0; round < rounds && wrong == 0; round++) {
        static struct kept kept[KEPT];
        struct topic_index index;

        memset(kept, 0, sizeof kept);
        topic_index_init(&index, heap_default());
        for (int i = 0; i < KEPT; i++) {
            draw(&dice, kept[i].pattern);
            kept[i].is_kept = topic_index_add(&index, kept[i].pattern, &kept[i].entry) == MAIKO_OK;
        }
        for (int i = 0; i < QUESTIONS; i++) {
            struct kept *one = &kept[dice_below(&dice, KEPT)];

            wrong += ask_index(&index, kept, &dice);
            topic_index_remove(&index, &one->entry);
            one->is_kept = false;
        }
        topic_index_deinit(&index);
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* Where names stand in the tree, too. */
static void a_tree_agrees_with_asking_each(void)
{
    const unsigned long rounds = suite_scale(150, 5000) / (suite_slowdown() > 1 ? 4 : 1) + 1;
    unsigned long wrong = 0;
    struct dice dice;

    dice_init(&dice);
    for (unsigned long round = 0; round < rounds && wrong == 0; round++) {
        static struct kept kept[KEPT];
        struct topic_tree tree;

        memset(kept, 0, sizeof kept);
        topic_tree_init(&tree, heap_default());
        for (int i = 0; i < KEPT; i++) {
            draw(&dice, kept[i].pattern);
            CU_ASSERT_EQUAL_FATAL(topic_tree_reach(&tree, kept[i].pattern, &kept[i].entry.node), MAIKO_OK);
            CU_ASSERT_PTR_EQUAL(topic_tree_find(&tree, kept[i].pattern), kept[i].entry.node);
            list_push_back(&kept[i].entry.node->members, &kept[i].entry.link);
            kept[i].is_kept = true;
        }
        for (int i = 0; i < QUESTIONS; i++) {
            char pattern[TOPIC_DICE_SIZE];
            unsigned stops = 0;
            bool any;

            draw(&dice, pattern);
            any = topic_overlap_tree(&tree, pattern, stop_at_once, &stops);
            (void)topic_overlap_tree(&tree, pattern, meet, NULL);
            wrong += compare(kept, pattern, any) + (stops != any);
        }
        for (int i = 0; i < KEPT; i++) {
            list_remove(&kept[i].entry.link);
            topic_tree_prune(&tree, kept[i].entry.node);
        }
        CU_ASSERT_PTR_NULL(tree.root);
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* What agrees level by level has still nothing in common when every such name is too long. */
static void what_meets_in_no_name_does_not_overlap(void)
{
    struct topic_index_entry entry = {.node = NULL};
    struct topic_index index;
    char a[MAIKO_TOPIC_MAX + 1] = "";
    char b[MAIKO_TOPIC_MAX + 1] = "+/";
    unsigned met = 0;

    memset(a, 'a', 128);
    strcpy(a + 128, "/+");
    memset(b + 2, 'b', 127);
    topic_index_init(&index, heap_default());
    CU_ASSERT_EQUAL(topic_index_add(&index, a, &entry), MAIKO_OK);
    CU_ASSERT_FALSE(topic_overlap_index(&index, b, stop_at_once, &met));
    b[2 + 126] = '\0';
    CU_ASSERT_TRUE(topic_overlap_index(&index, b, stop_at_once, &met));
    CU_ASSERT_EQUAL(met, 1);
    topic_index_deinit(&index);
}

static const struct test_case cases[] = {
    TEST_CASE(an_index_agrees_with_asking_each),
    TEST_CASE(a_tree_agrees_with_asking_each),
    TEST_CASE(what_meets_in_no_name_does_not_overlap),
};
SUITE_MAIN("topic_overlap", cases)
