/* Subscription order: of several patterns of one actor that match an event the earliest decides.  What tells them apart is their
 * policy, which shows at a full mailbox. */
#include "lib/stage.h"
#include "lib/suite.h"
#include <string.h>

enum { BURST = 6, CAPACITY = 2 };

struct play {
    struct stage stage;
    struct player sender;
    struct player receiver;
};

static maiko_status send_burst(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    int64_t i;

    (void)player;
    (void)envelope;
    for (i = 1; i <= BURST; i++)
        CU_ASSERT_EQUAL(maiko_send_to(ctx, "a/b", number, .value = i), MAIKO_OK);
    return MAIKO_OK;
}

static bool is_from_3_on(const void *event, const maiko_event_type *type, void *userdata)
{
    (void)type;
    (void)userdata;
    return ((const number *)event)->value >= 3;
}

static bool is_never(const void *event, const maiko_event_type *type, void *userdata)
{
    (void)event;
    (void)type;
    (void)userdata;
    return false;
}

/* On one shard or, with the sender elsewhere, on two. */
static void play_open(struct play *play, uint32_t shards, const char *const *subscribe, const maiko_subscription *subscriptions)
{
    struct player *receiver = &play->receiver;

    *play = (struct play){.sender = {.handle = send_burst}};
    stage_open(&play->stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = shards});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(play->stage.sup, PLAYER("receiver", receiver, .capacity = CAPACITY, .subscribe = subscribe,
                                                     .subscriptions = subscriptions, .shard = MAIKO_SHARD(0))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(play->stage.sup, PLAYER("sender", &play->sender, .subscribe = MAIKO_TOPICS("go"),
                                                                 .shard = MAIKO_SHARD((maiko_shard)shards - 1))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(play->stage.sup), MAIKO_OK);
    stage_settle(&play->stage);
}

/* What a burst leaves: so many, beginning with this one. */
static void expect_burst(struct play *play, int events, int64_t first)
{
    int before = play->receiver.events;

    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(play->stage.sup), "go", number, .value = 0), MAIKO_OK);
    stage_settle(&play->stage);
    CU_ASSERT_EQUAL(play->receiver.events - before, events);
    CU_ASSERT_EQUAL(play->receiver.values[before], first);
}

#define EXPECT_ALL(play) expect_burst((play), BURST, 1)
#define EXPECT_FIRST_ONES(play) expect_burst((play), CAPACITY, 1)
#define EXPECT_LAST_ONES(play) expect_burst((play), CAPACITY, BURST - CAPACITY + 1)

static void play_close(struct play *play)
{
    CU_ASSERT_EQUAL(stage_stop(&play->stage), MAIKO_OK);
    stage_close(&play->stage);
}

/* Plain names and patterns are found in different ways: each of them comes first once. */
static void the_first_in_the_list_decides(void)
{
    const maiko_subscription newest = {.pattern = "a/b", .overflow = MAIKO_DROP_NEWEST};
    const maiko_subscription oldest = {.pattern = "a/+", .overflow = MAIKO_DROP_OLDEST};
    const maiko_subscription block = {.pattern = "a/#", .overflow = MAIKO_BLOCK};
    struct play play;
    uint32_t shards;

    for (shards = 1; shards <= 2; shards++) {
        play_open(&play, shards, NULL, (maiko_subscription[]){newest, oldest, block, {.pattern = NULL}});
        EXPECT_FIRST_ONES(&play);
        play_close(&play);
        play_open(&play, shards, NULL, (maiko_subscription[]){oldest, block, newest, {.pattern = NULL}});
        EXPECT_LAST_ONES(&play);
        play_close(&play);
        play_open(&play, shards, NULL, (maiko_subscription[]){block, newest, oldest, {.pattern = NULL}});
        EXPECT_ALL(&play);
        play_close(&play);
    }
}

static void those_without_terms_come_before_those_with(void)
{
    struct play play;

    play_open(&play, 1, MAIKO_TOPICS("a/#"),
              (maiko_subscription[]){{.pattern = "a/b", .overflow = MAIKO_DROP_NEWEST}, {.pattern = NULL}});
    EXPECT_ALL(&play);
    play_close(&play);
}

/* The first wants nothing, 1 and 2 are for the last, and 3 to 6 for the second, whose policy drops what finds no room. */
static void a_predicate_that_says_no_leaves_it_to_the_next(void)
{
    struct play play;

    play_open(&play, 1, NULL,
              (maiko_subscription[]){{.pattern = "a/b", .overflow = MAIKO_DROP_OLDEST, .predicate = is_never},
                                     {.pattern = "a/+", .overflow = MAIKO_DROP_NEWEST, .predicate = is_from_3_on},
                                     {.pattern = "a/#", .overflow = MAIKO_BLOCK},
                                     {.pattern = NULL}});
    EXPECT_FIRST_ONES(&play);
    play_close(&play);
}

/* Hooks of the receiver: what one event says is done before the next burst. */
static maiko_status change(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    const char *topic = maiko_envelope_topic(envelope);

    (void)player;
    if (strcmp(topic, "add newest") == 0)
        return maiko_subscribe(ctx, &(maiko_subscription){.pattern = "a/b", .overflow = MAIKO_DROP_NEWEST});
    if (strcmp(topic, "remove newest") == 0)
        return maiko_unsubscribe(ctx, "a/b");
    if (strcmp(topic, "add oldest") == 0)
        return maiko_subscribe(ctx, &(maiko_subscription){.pattern = "a/+", .overflow = MAIKO_DROP_OLDEST});
    return strcmp(topic, "remove oldest") == 0 ? maiko_unsubscribe(ctx, "a/+") : MAIKO_OK;
}

static void tell(struct play *play, const char *topic)
{
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(play->stage.sup), topic, number, .value = 0), MAIKO_OK);
    stage_settle(&play->stage);
}

static void what_is_subscribed_later_decides_when_all_before_are_gone(void)
{
    struct play play;
    uint32_t shards;

    for (shards = 1; shards <= 2; shards++) {
        play_open(&play, shards, MAIKO_TOPICS("add newest", "add oldest", "remove newest", "remove oldest"), NULL);
        play.receiver.handle = change;
        tell(&play, "add newest");
        EXPECT_FIRST_ONES(&play);
        tell(&play, "add oldest");
        EXPECT_FIRST_ONES(&play);
        tell(&play, "remove newest");
        EXPECT_LAST_ONES(&play);
        tell(&play, "add newest"); /* again: now it is the last */
        EXPECT_LAST_ONES(&play);
        tell(&play, "remove oldest");
        EXPECT_FIRST_ONES(&play);
        play_close(&play);
    }
}

static const struct test_case cases[] = {
    TEST_CASE(the_first_in_the_list_decides),
    TEST_CASE(those_without_terms_come_before_those_with),
    TEST_CASE(a_predicate_that_says_no_leaves_it_to_the_next),
    TEST_CASE(what_is_subscribed_later_decides_when_all_before_are_gone),
};
SUITE_MAIN("subscription order", cases)
