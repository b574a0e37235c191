/* Broker: routes against brute force over all subscriptions with maiko_topic_matches(). */
#include <maiko/topic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "routing/broker.h"

enum { SUBSCRIBERS = 6, PER_SUBSCRIBER = 3, TOPICS = 10, REMOTES = 3 };

static const char *const patterns[] = {"a", "a/b", "a/+", "a/#", "+", "+/b", "#", "b/c/d", "b/+/d", "b/#", "$sys/x", "$sys/#"};
static const char *const names[TOPICS] = {"a", "b", "a/b", "a/c", "b/c", "b/c/d", "b/x/d", "a/b/c", "$sys/x", "$sys/y"};
#define PATTERN_COUNT (sizeof patterns / sizeof patterns[0])

struct stage {
    struct failing_allocator memory;
    struct heap heap;
    struct broker broker;
    struct topic *topics[TOPICS];
    struct subscriber subscribers[SUBSCRIBERS];
    struct subscription subscriptions[SUBSCRIBERS][PER_SUBSCRIBER];
    struct subscription_terms terms[SUBSCRIBERS][PER_SUBSCRIBER];
    bool is_subscribed[SUBSCRIBERS][PER_SUBSCRIBER];
    uint32_t remote[REMOTES][PATTERN_COUNT][4]; /* by shard, pattern and policy: how often told */
    struct dice dice;
};

static bool odd(const void *event, const maiko_event_type *type, void *userdata)
{
    (void)type;
    (void)userdata;
    return *(const uint32_t *)event % 2 == 1;
}

static void init(struct stage *stage, uint64_t seed)
{
    uint32_t i;

    memset(stage, 0, sizeof *stage);
    failing_allocator_init(&stage->memory);
    heap_init(&stage->heap, &stage->memory.allocator, 0);
    broker_init(&stage->broker, &stage->heap, 0);
    dice_init_seeded(&stage->dice, seed);
    for (i = 0; i < TOPICS; i++) {
        stage->topics[i] = calloc(1, sizeof(struct topic) + 32);
        stage->topics[i]->id = i;
        stage->topics[i]->is_system = names[i][0] == '$';
        stage->topics[i]->overflow = (uint8_t)(MAIKO_BLOCK + (int)dice_below(&stage->dice, 4));
        strcpy(stage->topics[i]->name, names[i]);
    }
}

static void unsubscribe(struct stage *stage, uint32_t who, uint32_t which)
{
    struct subscription **at = &stage->subscribers[who].first;

    broker_unsubscribe(&stage->broker, &stage->subscriptions[who][which]);
    while (*at != &stage->subscriptions[who][which])
        at = &(*at)->next;
    *at = (*at)->next;
    stage->is_subscribed[who][which] = false;
}

static void subscribe(struct stage *stage, uint32_t who, uint32_t which)
{
    struct subscription *subscription = &stage->subscriptions[who][which];
    struct subscription_terms *terms = &stage->terms[who][which];
    struct subscription **last = &stage->subscribers[who].first;

    *terms = (struct subscription_terms){.choice = (int8_t)dice_below(&stage->dice, 3)};
    terms->predicate = dice_percent(&stage->dice, 30) ? odd : NULL;
    *subscription = (struct subscription){.subscriber = &stage->subscribers[who],
                                          .terms = terms->choice != 0 || terms->predicate != NULL ? terms : NULL,
                                          .pattern = patterns[dice_below(&stage->dice, PATTERN_COUNT)]};
    while (*last != NULL)
        last = &(*last)->next;
    *last = subscription;
    stage->is_subscribed[who][which] = true;
    if (broker_subscribe(&stage->broker, subscription) != MAIKO_OK) {
        *last = NULL;
        stage->is_subscribed[who][which] = false;
    }
}

static void change_remote(struct stage *stage)
{
    uint32_t shard = (uint32_t)dice_below(&stage->dice, REMOTES);
    size_t pattern = dice_below(&stage->dice, PATTERN_COUNT);
    size_t choice = dice_below(&stage->dice, 4);
    uint32_t *count = &stage->remote[shard][pattern][choice];
    int delta = *count > 0 && dice_percent(&stage->dice, 60) ? -1 : 1;

    if (broker_remote(&stage->broker, shard + 1, patterns[pattern], (int8_t)choice, delta) == MAIKO_OK)
        *count += (uint32_t)delta;
}

static void change(struct stage *stage)
{
    uint32_t who = (uint32_t)dice_below(&stage->dice, SUBSCRIBERS);
    uint32_t which = (uint32_t)dice_below(&stage->dice, PER_SUBSCRIBER);

    if (dice_percent(&stage->dice, 30))
        change_remote(stage);
    else if (stage->is_subscribed[who][which])
        unsubscribe(stage, who, which);
    else
        subscribe(stage, who, which);
}

/* How often does the route deliver the event to the subscriber? */
static uint32_t delivered(const struct route *route, const struct subscriber *subscriber, uint32_t number)
{
    maiko_envelope envelope = {.payload = &number, .payload_len = sizeof number};
    uint32_t times = 0;
    uint32_t i;

    for (i = 0; i < route->target_count; i++) {
        if (route->targets[i].subscriber == subscriber)
            times += route_target_taking(route, &route->targets[i], &envelope) != NULL;
    }
    return times;
}

static uint32_t wanted(const struct stage *stage, uint32_t who, const char *name, uint32_t number)
{
    uint32_t i;

    for (i = 0; i < PER_SUBSCRIBER; i++) {
        const struct subscription *subscription = &stage->subscriptions[who][i];

        if (stage->is_subscribed[who][i] && maiko_topic_matches(subscription->pattern, name) &&
            (!subscription_has_predicate(subscription) || number % 2 == 1))
            return 1;
    }
    return 0;
}

static void check_remotes(const struct stage *stage, const struct route *route)
{
    uint64_t shards = 0;
    uint64_t holding = 0;
    uint64_t not_newest = 0;
    size_t shard;
    size_t pattern;
    size_t choice;

    for (shard = 0; shard < REMOTES; shard++) {
        for (pattern = 0; pattern < PATTERN_COUNT; pattern++) {
            for (choice = 0; choice < 4; choice++) {
                uint64_t bit = UINT64_C(2) << shard;
                size_t policy = choice > 0 ? choice : route->topic->overflow;

                if (stage->remote[shard][pattern][choice] == 0 || !maiko_topic_matches(patterns[pattern], route->topic->name))
                    continue;
                policy = route->topic->is_system ? MAIKO_DROP_OLDEST : policy;
                shards |= bit;
                holding |= policy == MAIKO_BLOCK || policy == MAIKO_FAIL ? bit : 0;
                not_newest |= policy != MAIKO_DROP_NEWEST ? bit : 0;
            }
        }
    }
    CU_ASSERT_EQUAL(route->remote_shards, shards);
    CU_ASSERT_EQUAL(route->remote_holding, holding);
    CU_ASSERT_EQUAL(route->remote_newest, shards & ~not_newest);
}

static void check_route(struct stage *stage, uint32_t topic)
{
    struct route *route = broker_route(&stage->broker, stage->topics[topic]);
    uint32_t number;
    uint32_t who;

    if (route == NULL || (route->is_stale && broker_build(&stage->broker, route) != MAIKO_OK))
        return; /* no memory this time */
    for (number = 0; number < 2; number++) {
        for (who = 0; who < SUBSCRIBERS; who++)
            CU_ASSERT_EQUAL(delivered(route, &stage->subscribers[who], number), wanted(stage, who, names[topic], number));
    }
    check_remotes(stage, route);
}

static void deinit(struct stage *stage)
{
    uint32_t i;

    broker_deinit(&stage->broker);
    for (i = 0; i < TOPICS; i++)
        free(stage->topics[i]);
    CU_ASSERT(failing_allocator_is_balanced(&stage->memory));
}

static void routes_are_what_the_subscriptions_say(void)
{
    static struct stage stage;
    uint64_t seed;
    int i;

    for (seed = 0; seed < suite_scale(300, 10000); seed++) {
        init(&stage, seed);
        for (i = 0; i < 120; i++) {
            if (seed % 3 == 0 && i % 20 == 0)
                failing_allocator_fail_nth(&stage.memory, (long)dice_below(&stage.dice, 6));
            change(&stage);
            check_route(&stage, (uint32_t)dice_below(&stage.dice, TOPICS));
        }
        failing_allocator_fail_nth(&stage.memory, -1);
        for (i = 0; i < TOPICS; i++)
            check_route(&stage, (uint32_t)i);
        deinit(&stage);
    }
}

static const struct test_case cases[] = {TEST_CASE(routes_are_what_the_subscriptions_say)};
SUITE_MAIN("broker", cases)
