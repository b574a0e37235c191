/* A mailbox bounded in bytes: whom large events hold, what passes them by, and that the largest gets through. */
#include "lib/failing_allocator.h"
#include "lib/stage.h"
#include "lib/suite.h"
#include <string.h>

/* Outside the pools, so that it counts; three of them fill ROOM. */
#define LARGE_FIELDS(F) F(INT64, value) F(BLOB, body, 8192)
MAIKO_EVENT(large, "large", LARGE_FIELDS)
MAIKO_EVENT_WITH(urgent, "urgent", LARGE_FIELDS, .control = true)

enum { ROOM = 20000 };

/* What a receiver got, in order. */
struct got {
    int64_t values[64];
    int count;
};

static maiko_status keep_value(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    const number *small = maiko_event_as(envelope, number);
    const large *event = maiko_event_as(envelope, large);
    struct got *got = player->data;

    (void)ctx;
    if (got->count < 64)
        got->values[got->count++] = small != NULL ? small->value : event != NULL ? event->value : -1;
    return MAIKO_OK;
}

static maiko_status send_large(maiko_context *ctx, int64_t value)
{
    static large event;

    event.value = value;
    event.body.len = 8192;
    return maiko_send_event(ctx, large, &event);
}

/* 1 to wanted in one go. */
static maiko_step send_burst(struct player *player, maiko_context *ctx)
{
    int64_t i;

    for (i = 1; i <= player->wanted; i++) {
        if (send_large(ctx, i) != MAIKO_OK)
            return maiko_error(ctx, MAIKO_EACTOR, "refused %lld", (long long)i);
    }
    return MAIKO_STEP_NEVER;
}

/* As many as are taken before it is held. */
static maiko_step send_until_full(struct player *player, maiko_context *ctx)
{
    while (!maiko_is_sender_full(ctx) && player->wanted < 100)
        (void)send_large(ctx, ++player->wanted);
    return MAIKO_STEP_NEVER;
}

/* Small ones until it is held, or a hundred. */
static maiko_step send_small_until_full(struct player *player, maiko_context *ctx)
{
    while (!maiko_is_sender_full(ctx) && player->wanted < 100)
        (void)maiko_send(ctx, number, .value = ++player->wanted);
    return MAIKO_STEP_NEVER;
}

/* The first three fill it; of what comes then the small one may not pass the large one. */
static maiko_step send_mixed(struct player *player, maiko_context *ctx)
{
    int64_t i;

    (void)player;
    for (i = 1; i <= 4; i++)
        (void)send_large(ctx, i);
    (void)maiko_send(ctx, number, .value = 5);
    (void)send_large(ctx, 6);
    return MAIKO_STEP_NEVER;
}

static void add_pair(struct stage *stage, struct player *sender, struct player *receiver, maiko_overflow_choice overflow,
                     uint64_t capacity_bytes)
{
    const maiko_subscription subscriptions[] = {{.pattern = "large", .overflow = overflow},
                                                {.pattern = "number", .overflow = overflow},
                                                {.pattern = "urgent", .overflow = overflow},
                                                {.pattern = NULL}};

    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER("receiver", receiver, .subscriptions = subscriptions,
                                                            .capacity_bytes = capacity_bytes)),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER("sender", sender)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage->sup), MAIKO_OK);
    stage_settle(stage);
}

static void got_in_order(const struct got *got, int64_t first, int64_t last)
{
    int i;

    CU_ASSERT_EQUAL_FATAL(got->count, last - first + 1);
    for (i = 0; i < got->count; i++)
        CU_ASSERT_EQUAL(got->values[i], first + i);
}

static void block_holds_the_sender_when_the_bytes_are_full(void)
{
    struct stage stage;
    struct got got = {.count = 0};
    struct player sender = {.step = send_until_full};
    struct player receiver = {.handle = keep_value, .data = &got};

    stage_open(&stage, NULL);
    add_pair(&stage, &sender, &receiver, MAIKO_OVERFLOW_OF_TOPIC, ROOM);
    CU_ASSERT_EQUAL(sender.wanted, 4); /* three fill it, the fourth waits */
    got_in_order(&got, 1, 4);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void nothing_passes_what_waits_for_bytes(void)
{
    struct stage stage;
    struct got got = {.count = 0};
    struct player sender = {.step = send_mixed};
    struct player receiver = {.handle = keep_value, .data = &got};

    stage_open(&stage, NULL);
    add_pair(&stage, &sender, &receiver, MAIKO_OVERFLOW_OF_TOPIC, ROOM);
    got_in_order(&got, 1, 6);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void an_event_larger_than_the_bound_goes_alone(void)
{
    struct stage stage;
    struct got got = {.count = 0};
    struct player sender = {.step = send_burst, .wanted = 40};
    struct player receiver = {.handle = keep_value, .data = &got};

    stage_open(&stage, NULL);
    add_pair(&stage, &sender, &receiver, MAIKO_BLOCK, 1);
    got_in_order(&got, 1, 40);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* What does not wait counts by number alone, also when its bytes are full: nothing is dropped, and nobody fails. */
static void other_policies_count_by_number(void)
{
    const maiko_overflow_choice policies[] = {MAIKO_DROP_NEWEST, MAIKO_DROP_OLDEST, MAIKO_FAIL};
    size_t i;

    for (i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        struct stage stage;
        struct got got = {.count = 0};
        struct player sender = {.step = send_burst, .wanted = 40};
        struct player receiver = {.handle = keep_value, .data = &got};

        stage_open(&stage, NULL);
        add_pair(&stage, &sender, &receiver, policies[i], ROOM);
        got_in_order(&got, 1, 40);
        CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
        stage_close(&stage);
    }
}

/* A large one under BLOCK, then small ones. */
static maiko_step send_large_then_small(struct player *player, maiko_context *ctx)
{
    int64_t i;

    (void)send_large(ctx, 0);
    for (i = 1; i <= player->wanted; i++)
        (void)maiko_send(ctx, number, .value = i);
    return MAIKO_STEP_NEVER;
}

static void send_behind_full_bytes(struct got *got, struct stage *stage, maiko_overflow_choice policy, int64_t wanted)
{
    static struct player sender, receiver;
    const maiko_subscription subscriptions[] = {
        {.pattern = "large", .overflow = MAIKO_BLOCK}, {.pattern = "number", .overflow = policy}, {.pattern = NULL}};

    sender = (struct player){.step = send_large_then_small, .wanted = wanted};
    receiver = (struct player){.handle = keep_value, .data = got};
    got->count = 0;
    stage_open(stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER("receiver", &receiver, .subscriptions = subscriptions, .capacity = 8,
                                                            .capacity_bytes = 1)),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER("sender", &sender)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage->sup), MAIKO_OK);
    stage_settle(stage);
}

static void small_ones_behind_a_large_one_have_all_places(void)
{
    const maiko_overflow_choice policies[] = {MAIKO_DROP_NEWEST, MAIKO_DROP_OLDEST, MAIKO_FAIL};
    struct stage stage;
    struct got got;
    size_t i;

    for (i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        send_behind_full_bytes(&got, &stage, policies[i], 7);
        got_in_order(&got, 0, 7);
        CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
        stage_close(&stage);
    }
}

static void past_its_number_each_policy_does_what_it_says(void)
{
    struct stage stage;
    struct got got;

    send_behind_full_bytes(&got, &stage, MAIKO_DROP_NEWEST, 10);
    got_in_order(&got, 0, 7);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&stage, MAIKO_DROPPED_NEWEST), 3);
    stage_close(&stage);

    send_behind_full_bytes(&got, &stage, MAIKO_DROP_OLDEST, 10); /* the oldest of those that may go, though bytes have no place */
    CU_ASSERT_EQUAL_FATAL(got.count, 8);
    CU_ASSERT(got.values[0] == 0 && got.values[1] == 4 && got.values[7] == 10);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&stage, MAIKO_DROPPED_OLDEST), 3);
    stage_close(&stage);

    send_behind_full_bytes(&got, &stage, MAIKO_FAIL, 8);
    CU_ASSERT_EQUAL(got.count, 0);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EFULL);
    stage_close(&stage);
}

static void small_events_count_by_number_alone(void)
{
    struct stage stage;
    struct got got = {.count = 0};
    struct player sender = {.step = send_small_until_full};
    struct player receiver = {.handle = keep_value, .data = &got};

    stage_open(&stage, NULL);
    add_pair(&stage, &sender, &receiver, MAIKO_BLOCK, 1);
    CU_ASSERT_EQUAL(sender.wanted, 100);
    CU_ASSERT_EQUAL(receiver.events, 100);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static maiko_step fill_and_send_urgent(struct player *player, maiko_context *ctx)
{
    static urgent event;

    (void)player;
    (void)send_large(ctx, 1);
    event.body.len = 8192;
    (void)maiko_send_event(ctx, urgent, &event);
    (void)maiko_send_event(ctx, urgent, &event);
    player->wanted = maiko_is_sender_full(ctx);
    return MAIKO_STEP_NEVER;
}

static void the_priority_lane_counts_by_number_alone(void)
{
    struct stage stage;
    struct got got = {.count = 0};
    struct player sender = {.step = fill_and_send_urgent};
    struct player receiver = {.handle = keep_value, .data = &got};

    stage_open(&stage, NULL);
    add_pair(&stage, &sender, &receiver, MAIKO_BLOCK, 1);
    CU_ASSERT_EQUAL(sender.wanted, 0);
    CU_ASSERT_EQUAL_FATAL(got.count, 3);
    CU_ASSERT(got.values[0] == -1 && got.values[1] == -1 && got.values[2] == 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void the_supervisor_has_a_bound_for_those_that_have_none(void)
{
    struct stage stage;
    struct got got = {.count = 0};
    struct player sender = {.step = send_until_full};
    struct player receiver = {.handle = keep_value, .data = &got};

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .mailbox_bytes = ROOM / 2});
    add_pair(&stage, &sender, &receiver, MAIKO_BLOCK, 0);
    CU_ASSERT_EQUAL(sender.wanted, 3);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_counted(&stage, "receiver").capacity, 128);
    stage_close(&stage);

    sender.wanted = 0;
    got.count = 0;
    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .mailbox_bytes = ROOM / 2});
    add_pair(&stage, &sender, &receiver, MAIKO_BLOCK, ROOM);
    CU_ASSERT_EQUAL(sender.wanted, 4);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* What is queued is put down where it is still full, and the next takes its place. */
static void a_removed_actor_leaves_its_senders_free(void)
{
    struct stage stage;
    struct got got = {.count = 0};
    struct player sender = {.step = send_burst, .wanted = 20};
    struct player receiver = {.handle = keep_value, .data = &got};
    const maiko_actor_spec again = {
        .name = "receiver", .ops = &player_ops, .self = &receiver, .subscribe = MAIKO_TOPICS("large"), .capacity_bytes = ROOM};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, &again), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sender", &sender)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    while (sender.steps == 0)
        (void)maiko_supervisor_poll(stage.sup, 1);
    CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "receiver"), MAIKO_OK);
    stage_settle(&stage);
    got_in_order(&got, 1, 20);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, &again), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void without_memory_for_it_the_actor_is_not_added(void)
{
    maiko_status status = MAIKO_ENOMEM;
    long nth;

    for (nth = 0; status == MAIKO_ENOMEM && nth < 40; nth++) {
        struct failing_allocator memory;
        struct stage stage;
        struct player receiver = {.wanted = 0};

        failing_allocator_init(&memory);
        stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .allocator = &memory.allocator});
        failing_allocator_fail_nth(&memory, nth);
        status = maiko_supervisor_add(stage.sup,
                                      PLAYER("receiver", &receiver, .subscribe = MAIKO_TOPICS("large"), .capacity_bytes = ROOM));
        failing_allocator_fail_nth(&memory, -1);
        CU_ASSERT(status == MAIKO_OK || status == MAIKO_ENOMEM);
        (void)stage_stop(&stage);
        stage_close(&stage);
        CU_ASSERT(failing_allocator_is_balanced(&memory));
    }
    CU_ASSERT(nth > 2);
    CU_ASSERT_EQUAL(status, MAIKO_OK);
}

static const struct test_case cases[] = {TEST_CASE(block_holds_the_sender_when_the_bytes_are_full),
                                         TEST_CASE(nothing_passes_what_waits_for_bytes),
                                         TEST_CASE(an_event_larger_than_the_bound_goes_alone),
                                         TEST_CASE(other_policies_count_by_number),
                                         TEST_CASE(small_ones_behind_a_large_one_have_all_places),
                                         TEST_CASE(past_its_number_each_policy_does_what_it_says),
                                         TEST_CASE(small_events_count_by_number_alone),
                                         TEST_CASE(the_priority_lane_counts_by_number_alone),
                                         TEST_CASE(the_supervisor_has_a_bound_for_those_that_have_none),
                                         TEST_CASE(a_removed_actor_leaves_its_senders_free),
                                         TEST_CASE(without_memory_for_it_the_actor_is_not_added)};
SUITE_MAIN("mailbox_bytes", cases)
