/* Overflow: every cell of the table, and what the table as a whole promises. */
#include "lib/dice.h"
#include "lib/suite.h"
#include "routing/overflow.h"

#include <string.h>

static enum overflow_action decide(maiko_overflow policy, size_t depth, bool has_evictable)
{
    const struct overflow_state state = {.depth = depth, .capacity = 4, .has_evictable = has_evictable};

    return overflow_decide(policy, &state);
}

static const maiko_overflow policies[] = {MAIKO_OVERFLOW_OF_TOPIC, MAIKO_BLOCK, MAIKO_DROP_NEWEST, MAIKO_DROP_OLDEST, MAIKO_FAIL};

static void below_capacity_everything_is_queued(void)
{
    for (size_t i = 0; i < 5; i++) {
        for (size_t depth = 0; depth < 4; depth++) {
            CU_ASSERT_EQUAL(decide(policies[i], depth, false), OVERFLOW_ENQUEUE);
            CU_ASSERT_EQUAL(decide(policies[i], depth, true), OVERFLOW_ENQUEUE);
        }
    }
}

/* depth 4: full; depth 5 and more: somebody waits, whom nobody may pass. */
static void without_room_the_policy_decides(void)
{
    for (size_t depth = 4; depth < 8; depth++) {
        for (int evictable = 0; evictable < 2; evictable++) {
            CU_ASSERT_EQUAL(decide(MAIKO_BLOCK, depth, evictable), OVERFLOW_WAIT);
            CU_ASSERT_EQUAL(decide(MAIKO_OVERFLOW_OF_TOPIC, depth, evictable), OVERFLOW_WAIT);
            CU_ASSERT_EQUAL(decide((maiko_overflow)77, depth, evictable), OVERFLOW_WAIT);
            CU_ASSERT_EQUAL(decide(MAIKO_DROP_NEWEST, depth, evictable), OVERFLOW_DROP_NEWEST);
            CU_ASSERT_EQUAL(decide(MAIKO_FAIL, depth, evictable), OVERFLOW_FAIL_SUBSCRIBER);
        }
        CU_ASSERT_EQUAL(decide(MAIKO_DROP_OLDEST, depth, true), OVERFLOW_EVICT_OLDEST);
        CU_ASSERT_EQUAL(decide(MAIKO_DROP_OLDEST, depth, false), OVERFLOW_DROP_NO_VICTIM);
    }
}

/* A mailbox as the runtime has it, reduced to what each entry arrived under. */
struct model {
    maiko_overflow entries[1000];
    size_t depth;
};

static size_t count_evictable(const struct model *model)
{
    size_t count = 0;

    for (size_t i = 0; i < model->depth; i++)
        count += model->entries[i] == MAIKO_DROP_OLDEST;
    return count;
}

static void model_remove(struct model *model, size_t place)
{
    model->depth--;
    memmove(model->entries + place, model->entries + place + 1, (model->depth - place) * sizeof(model->entries[0]));
}

static void model_evict(struct model *model)
{
    size_t place = 0;

    while (model->entries[place] != MAIKO_DROP_OLDEST)
        place++;
    model_remove(model, place);
}

static void only_blocked_senders_make_a_mailbox_longer_than_its_capacity(void)
{
    static struct model model;
    struct dice dice;

    dice_init(&dice);
    for (int round = 0; round < 20000; round++) {
        const maiko_overflow policy = policies[dice_below(&dice, 5)];
        const size_t before = model.depth;
        const enum overflow_action action = decide(policy, before, count_evictable(&model) > 0);

        if (model.depth > 0 && dice_percent(&dice, 60)) {
            model_remove(&model, 0);
            continue;
        }
        if (action == OVERFLOW_EVICT_OLDEST)
            model_evict(&model);
        if (action == OVERFLOW_ENQUEUE || action == OVERFLOW_WAIT || action == OVERFLOW_EVICT_OLDEST)
            model.entries[model.depth++] = policy;
        if (before >= 4 && action != OVERFLOW_WAIT)
            CU_ASSERT_EQUAL(model.depth, before);
        CU_ASSERT_EQUAL(action == OVERFLOW_WAIT, before >= 4 && policy < MAIKO_DROP_NEWEST);
        CU_ASSERT_TRUE_FATAL(model.depth < 1000);
    }
}

static void actions_have_names(void)
{
    CU_ASSERT_STRING_EQUAL(overflow_action_name(OVERFLOW_ENQUEUE), "enqueue");
    CU_ASSERT_STRING_EQUAL(overflow_action_name(OVERFLOW_FAIL_SUBSCRIBER), "fail_subscriber");
    CU_ASSERT_STRING_EQUAL(overflow_action_name((enum overflow_action)99), "?");
}

static const struct test_case cases[] = {
    TEST_CASE(below_capacity_everything_is_queued),
    TEST_CASE(without_room_the_policy_decides),
    TEST_CASE(only_blocked_senders_make_a_mailbox_longer_than_its_capacity),
    TEST_CASE(actions_have_names),
};
SUITE_MAIN("overflow", cases)
