/* A mailbox bounded in bytes: what large events do there under each policy, what passes them by, and that the largest gets in. */
#include "lib/failing_allocator.h"
#include "lib/stage.h"
#include "lib/suite.h"
#include <string.h>

/* Outside the pools, so that it counts; three of them fill ROOM. */
#define LARGE_FIELDS(F) F(INT64, value) F(BLOB, body, 8192)
MAIKO_EVENT(large, "large", LARGE_FIELDS)
MAIKO_EVENT(report, "report", LARGE_FIELDS)
#define HUGE_FIELDS(F) F(INT64, value) F(BLOB, body, 20000)
MAIKO_EVENT(huge, "huge", HUGE_FIELDS)
MAIKO_EVENT_WITH(urgent, "urgent", LARGE_FIELDS, .control = true)

enum { ROOM = 20000 };

static const maiko_overflow_choice lossy[] = {MAIKO_DROP_NEWEST, MAIKO_DROP_OLDEST, MAIKO_FAIL};

/* A sender and a receiver that notes the values it got, in order. */
struct scene {
    struct stage stage;
    struct player sender;
    struct player receiver;
    int64_t values[64];
    int count;
};

static maiko_status keep_value(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct scene *scene = player->data;
    const number *small = maiko_event_as(envelope, number);

    (void)ctx;
    if (scene->count < 64) /* the value comes first in all of them */
        scene->values[scene->count++] = small != NULL ? small->value : ((const large *)envelope->payload)->value;
    return MAIKO_OK;
}

/* The sender does this step; the receiver has what `spec` says and, unless it subscribes to something else, all types. */
static void scene_begin(struct scene *scene, const maiko_config *config, maiko_step (*step)(struct player *, maiko_context *),
                        maiko_actor_spec spec)
{
    static const char *const all[] = {"large", "report", "number", "urgent", NULL};

    memset(scene, 0, sizeof *scene);
    scene->sender = (struct player){.step = step};
    scene->receiver = (struct player){.handle = keep_value, .data = scene};
    spec.name = "receiver";
    spec.ops = &player_ops;
    spec.self = &scene->receiver;
    if (spec.subscriptions == NULL)
        spec.subscribe = all;
    stage_open(&scene->stage, config);
    CU_ASSERT_EQUAL(maiko_supervisor_add(scene->stage.sup, &spec), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(scene->stage.sup, PLAYER("sender", &scene->sender)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(scene->stage.sup), MAIKO_OK);
}

static void scene_end(struct scene *scene, maiko_status status)
{
    CU_ASSERT_EQUAL(stage_stop(&scene->stage), status);
    stage_close(&scene->stage);
}

static void scene_play(struct scene *scene, maiko_step (*step)(struct player *, maiko_context *), maiko_actor_spec spec)
{
    scene_begin(scene, NULL, step, spec);
    stage_settle(&scene->stage);
}

/* The same, the receiver taking large ones and reports, or small ones, under these policies. */
static void scene_play_under(struct scene *scene, maiko_step (*step)(struct player *, maiko_context *),
                             maiko_overflow_choice of_large, maiko_overflow_choice of_others, maiko_actor_spec spec)
{
    const maiko_subscription subscriptions[] = {{.pattern = "large", .overflow = of_large},
                                                {.pattern = "report", .overflow = of_others},
                                                {.pattern = "huge", .overflow = of_others},
                                                {.pattern = "number", .overflow = of_others},
                                                {.pattern = NULL}};

    spec.subscriptions = subscriptions;
    scene_play(scene, step, spec);
}

static void expect_got(const struct scene *scene, int64_t first, int64_t last)
{
    int i;

    CU_ASSERT_EQUAL_FATAL(scene->count, last - first + 1);
    for (i = 0; i < scene->count; i++)
        CU_ASSERT_EQUAL(scene->values[i], first + i);
}

/* --- what senders do --- */

static maiko_status send_large(maiko_context *ctx, int64_t value)
{
    static large event;

    event.value = value;
    event.body.len = 8192;
    return maiko_send_event(ctx, large, &event);
}

static maiko_status send_report(maiko_context *ctx, int64_t value)
{
    static report event;

    event.value = value;
    event.body.len = 8192;
    return maiko_send_event(ctx, report, &event);
}

enum { BURST = 40 };

static maiko_step send_burst(struct player *player, maiko_context *ctx)
{
    int64_t i;

    (void)player;
    for (i = 1; i <= BURST; i++) {
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

static void send_small(maiko_context *ctx, int64_t count)
{
    int64_t i;

    for (i = 1; i <= count; i++)
        (void)maiko_send(ctx, number, .value = i);
}

static maiko_step send_large_then_seven(struct player *player, maiko_context *ctx)
{
    (void)player;
    (void)send_large(ctx, 0);
    send_small(ctx, 7);
    return MAIKO_STEP_NEVER;
}

static maiko_step send_large_then_ten(struct player *player, maiko_context *ctx)
{
    (void)player;
    (void)send_large(ctx, 0);
    send_small(ctx, 10);
    return MAIKO_STEP_NEVER;
}

/* --- under BLOCK --- */

static void block_holds_the_sender_when_the_bytes_are_full(void)
{
    struct scene scene;

    scene_play(&scene, send_until_full, (maiko_actor_spec){.capacity_bytes = ROOM});
    CU_ASSERT_EQUAL(scene.sender.wanted, 4); /* three fill it, the fourth waits */
    expect_got(&scene, 1, 4);
    scene_end(&scene, MAIKO_OK);
}

static void nothing_passes_what_waits_for_bytes(void)
{
    struct scene scene;

    scene_play(&scene, send_mixed, (maiko_actor_spec){.capacity_bytes = ROOM});
    expect_got(&scene, 1, 6);
    scene_end(&scene, MAIKO_OK);
}

static void an_event_larger_than_the_bound_goes_alone(void)
{
    struct scene scene;

    scene_play(&scene, send_burst, (maiko_actor_spec){.capacity_bytes = 1});
    expect_got(&scene, 1, BURST);
    scene_end(&scene, MAIKO_OK);
}

/* --- under the others --- */

static void drop_newest_keeps_the_first_that_find_room(void)
{
    struct scene scene;

    scene_play_under(&scene, send_burst, MAIKO_DROP_NEWEST, MAIKO_BLOCK, (maiko_actor_spec){.capacity_bytes = ROOM});
    expect_got(&scene, 1, 3);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_NEWEST), BURST - 3);
    stage_close(&scene.stage);
}

static void drop_oldest_keeps_the_last_that_find_room(void)
{
    struct scene scene;

    scene_play_under(&scene, send_burst, MAIKO_DROP_OLDEST, MAIKO_BLOCK, (maiko_actor_spec){.capacity_bytes = ROOM});
    expect_got(&scene, BURST - 2, BURST);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_OLDEST), BURST - 3);
    stage_close(&scene.stage);
}

static void fail_fails_at_the_first_without_room(void)
{
    struct scene scene;

    scene_play_under(&scene, send_burst, MAIKO_FAIL, MAIKO_BLOCK, (maiko_actor_spec){.capacity_bytes = ROOM});
    CU_ASSERT_EQUAL(scene.count, 0);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_EFULL);
    CU_ASSERT_EQUAL(stage_counted(&scene.stage, "receiver").dropped, 4);
    stage_close(&scene.stage);
}

/* One is taken by an empty mailbox, whatever its size. */
static void of_events_larger_than_the_bound_there_is_one(void)
{
    struct scene scene;

    scene_play_under(&scene, send_burst, MAIKO_DROP_NEWEST, MAIKO_BLOCK, (maiko_actor_spec){.capacity_bytes = 1});
    expect_got(&scene, 1, 1);
    scene_end(&scene, MAIKO_OK);
    scene_play_under(&scene, send_burst, MAIKO_DROP_OLDEST, MAIKO_BLOCK, (maiko_actor_spec){.capacity_bytes = 1});
    expect_got(&scene, BURST, BURST);
    scene_end(&scene, MAIKO_OK);
}

/* A report, two large ones that close the mailbox, and a report for which the first can go. */
static maiko_step send_reports_around(struct player *player, maiko_context *ctx)
{
    (void)player;
    (void)send_report(ctx, 0);
    (void)send_large(ctx, 1);
    (void)send_large(ctx, 2);
    (void)send_report(ctx, 3);
    return MAIKO_STEP_NEVER;
}

/* Three fill it, and the report finds none to go in its place. */
static maiko_step send_report_behind(struct player *player, maiko_context *ctx)
{
    int64_t i;

    (void)player;
    for (i = 1; i <= 3; i++)
        (void)send_large(ctx, i);
    (void)send_report(ctx, 4);
    return MAIKO_STEP_NEVER;
}

/* The third large one waits, gets the place of the first report, and is before the second one. */
static maiko_step send_report_behind_a_waiter(struct player *player, maiko_context *ctx)
{
    int64_t i;

    (void)player;
    (void)send_report(ctx, 0);
    for (i = 1; i <= 3; i++)
        (void)send_large(ctx, i);
    (void)send_report(ctx, 4);
    (void)send_report(ctx, 5);
    return MAIKO_STEP_NEVER;
}

static maiko_step send_huge_behind_large(struct player *player, maiko_context *ctx)
{
    static huge event;

    (void)player;
    (void)send_large(ctx, 1);
    (void)send_large(ctx, 2);
    event.body.len = 20000;
    for (event.value = 3; event.value <= 4; event.value++)
        (void)maiko_send_event(ctx, huge, &event);
    return MAIKO_STEP_NEVER;
}

/* The first one closes the mailbox.  For the second there is no room before all have gone. */
static void for_a_huge_one_as_many_go_as_have_to(void)
{
    struct scene scene;

    scene_play_under(&scene, send_huge_behind_large, MAIKO_DROP_OLDEST, MAIKO_DROP_OLDEST,
                     (maiko_actor_spec){.capacity_bytes = ROOM});
    expect_got(&scene, 4, 4);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_OLDEST), 3);
    stage_close(&scene.stage);
}

static void only_old_ones_of_the_policy_make_room(void)
{
    struct scene scene;

    scene_play_under(&scene, send_reports_around, MAIKO_BLOCK, MAIKO_DROP_OLDEST, (maiko_actor_spec){.capacity_bytes = ROOM});
    expect_got(&scene, 1, 3);
    scene_end(&scene, MAIKO_OK);
    scene_play_under(&scene, send_report_behind, MAIKO_BLOCK, MAIKO_DROP_OLDEST, (maiko_actor_spec){.capacity_bytes = ROOM});
    expect_got(&scene, 1, 3);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_OLDEST), 1);
    stage_close(&scene.stage);
}

static void what_comes_in_for_an_old_one_passes_no_waiter(void)
{
    struct scene scene;

    scene_play_under(&scene, send_report_behind_a_waiter, MAIKO_BLOCK, MAIKO_DROP_OLDEST,
                     (maiko_actor_spec){.capacity_bytes = ROOM});
    expect_got(&scene, 1, 4); /* and for the last report none could go */
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_OLDEST), 2);
    stage_close(&scene.stage);
}

static void where_bytes_only_hold_other_policies_count_by_number(void)
{
    size_t i;

    for (i = 0; i < sizeof lossy / sizeof lossy[0]; i++) {
        struct scene scene;

        scene_play_under(&scene, send_burst, lossy[i], MAIKO_BLOCK,
                         (maiko_actor_spec){.capacity_bytes = ROOM, .bytes_hold_only = true});
        expect_got(&scene, 1, BURST);
        scene_end(&scene, MAIKO_OK);
    }
}

/* --- small ones --- */

static void small_ones_behind_a_large_one_have_all_places(void)
{
    size_t i;

    for (i = 0; i < sizeof lossy / sizeof lossy[0]; i++) {
        struct scene scene;

        scene_play_under(&scene, send_large_then_seven, MAIKO_BLOCK, lossy[i],
                         (maiko_actor_spec){.capacity = 8, .capacity_bytes = 1});
        expect_got(&scene, 0, 7);
        scene_end(&scene, MAIKO_OK);
    }
}

static void past_their_number_each_policy_does_what_it_says(void)
{
    const maiko_actor_spec eight = {.capacity = 8, .capacity_bytes = 1};
    struct scene scene;

    scene_play_under(&scene, send_large_then_ten, MAIKO_BLOCK, MAIKO_DROP_NEWEST, eight);
    expect_got(&scene, 0, 7);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_NEWEST), 3);
    stage_close(&scene.stage);

    scene_play_under(&scene, send_large_then_ten, MAIKO_BLOCK, MAIKO_DROP_OLDEST, eight); /* bytes have no place, they go */
    CU_ASSERT_EQUAL_FATAL(scene.count, 8);
    CU_ASSERT(scene.values[0] == 0 && scene.values[1] == 4 && scene.values[7] == 10);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_OLDEST), 3);
    stage_close(&scene.stage);

    scene_play_under(&scene, send_large_then_ten, MAIKO_BLOCK, MAIKO_FAIL, eight);
    CU_ASSERT_EQUAL(scene.count, 0);
    scene_end(&scene, MAIKO_EFULL);
}

static void small_events_count_by_number_alone(void)
{
    struct scene scene;

    scene_play(&scene, send_small_until_full, (maiko_actor_spec){.capacity_bytes = 1});
    CU_ASSERT_EQUAL(scene.sender.wanted, 100);
    CU_ASSERT_EQUAL(scene.receiver.events, 100);
    scene_end(&scene, MAIKO_OK);
}

static maiko_step fill_and_send_urgent(struct player *player, maiko_context *ctx)
{
    static urgent event = {.value = -1};

    (void)send_large(ctx, 1);
    event.body.len = 8192;
    (void)maiko_send_event(ctx, urgent, &event);
    (void)maiko_send_event(ctx, urgent, &event);
    player->wanted = maiko_is_sender_full(ctx);
    return MAIKO_STEP_NEVER;
}

static void the_priority_lane_counts_by_number_alone(void)
{
    struct scene scene;

    scene_play(&scene, fill_and_send_urgent, (maiko_actor_spec){.capacity_bytes = 1});
    CU_ASSERT_EQUAL(scene.sender.wanted, 0);
    CU_ASSERT_EQUAL_FATAL(scene.count, 3);
    CU_ASSERT(scene.values[0] == -1 && scene.values[1] == -1 && scene.values[2] == 1);
    scene_end(&scene, MAIKO_OK);
}

/* --- where the bound comes from, and its end --- */

static void the_supervisor_has_a_bound_for_those_that_have_none(void)
{
    const maiko_config config = {.mode = MAIKO_DETERMINISTIC, .mailbox_bytes = ROOM / 2};
    struct scene scene;

    scene_begin(&scene, &config, send_until_full, (maiko_actor_spec){.capacity_bytes = 0});
    stage_settle(&scene.stage);
    CU_ASSERT_EQUAL(scene.sender.wanted, 3);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_counted(&scene.stage, "receiver").capacity, 128);
    stage_close(&scene.stage);

    scene_begin(&scene, &config, send_until_full, (maiko_actor_spec){.capacity_bytes = ROOM});
    stage_settle(&scene.stage);
    CU_ASSERT_EQUAL(scene.sender.wanted, 4);
    scene_end(&scene, MAIKO_OK);
}

/* What is queued is put down where it is still full, and the next takes its place. */
static void a_removed_actor_leaves_its_senders_free(void)
{
    struct scene scene;

    scene_begin(&scene, NULL, send_burst, (maiko_actor_spec){.capacity_bytes = ROOM});
    while (scene.sender.steps == 0)
        (void)maiko_supervisor_poll(scene.stage.sup, 1);
    CU_ASSERT_EQUAL(maiko_supervisor_remove(scene.stage.sup, "receiver"), MAIKO_OK);
    stage_settle(&scene.stage);
    expect_got(&scene, 1, BURST);
    CU_ASSERT_EQUAL(maiko_supervisor_add(scene.stage.sup, PLAYER("receiver", &scene.receiver, .subscribe = MAIKO_TOPICS("large"),
                                                                 .capacity_bytes = ROOM)),
                    MAIKO_OK);
    stage_settle(&scene.stage);
    scene_end(&scene, MAIKO_OK);
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

/* Small ones that fill the number, one that waits for it, and large ones that each evict a small one. */
static maiko_step fill_the_number_then_the_line(struct player *player, maiko_context *ctx)
{
    int64_t i;

    (void)player;
    for (i = 1; i <= 4; i++)
        CU_ASSERT_EQUAL(maiko_send_to(ctx, "tick", number, .value = i), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = 5), MAIKO_OK);
    for (i = 6; i <= 9; i++)
        CU_ASSERT_EQUAL(send_large(ctx, i), MAIKO_OK);
    return MAIKO_STEP_NEVER;
}

/* What stands in the line weighs nothing yet; it is bounded all the same. */
static void large_ones_do_not_pile_up_behind_one_that_waits(void)
{
    static const int64_t expected[] = {4, 5, 7, 8, 9};
    const maiko_subscription subscriptions[] = {{.pattern = "tick", .overflow = MAIKO_DROP_OLDEST},
                                                {.pattern = "number", .overflow = MAIKO_BLOCK},
                                                {.pattern = "large", .overflow = MAIKO_DROP_OLDEST},
                                                {.pattern = NULL}};
    struct scene scene;

    scene_play(&scene, fill_the_number_then_the_line,
               (maiko_actor_spec){.capacity = 4, .capacity_bytes = ROOM, .subscriptions = subscriptions});
    CU_ASSERT_EQUAL_FATAL(scene.count, 5);
    CU_ASSERT_EQUAL(memcmp(scene.values, expected, sizeof expected), 0);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_OLDEST), 4);
    stage_close(&scene.stage);
}

#define MIDDLING_FIELDS(F) F(INT64, value) F(BLOB, body, 12000)
MAIKO_EVENT(middling, "middling", MIDDLING_FIELDS)

/* Three wait for a place; the last event evicts two, so that two of them get one. */
static maiko_step evict_two_before_those_that_wait(struct player *player, maiko_context *ctx)
{
    static const middling event = {.value = 10};
    int64_t i;

    if (player->steps > 1)
        return MAIKO_STEP_NEVER;
    for (i = 1; i <= 2; i++)
        CU_ASSERT_EQUAL(maiko_send_to(ctx, "tick", number, .value = i), MAIKO_OK);
    for (i = 3; i <= 4; i++)
        CU_ASSERT_EQUAL(send_large(ctx, i), MAIKO_OK);
    for (i = 5; i <= 7; i++)
        CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = i), MAIKO_OK);
    for (i = 8; i <= 9; i++)
        CU_ASSERT_EQUAL(send_large(ctx, i), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send_event(ctx, middling, &event), MAIKO_OK);
    return MAIKO_STEP_CONTINUE;
}

static void all_that_get_a_place_by_one_eviction_are_let_go(void)
{
    const maiko_subscription subscriptions[] = {{.pattern = "tick", .overflow = MAIKO_DROP_OLDEST},
                                                {.pattern = "number", .overflow = MAIKO_BLOCK},
                                                {.pattern = "large", .overflow = MAIKO_DROP_OLDEST},
                                                {.pattern = "middling", .overflow = MAIKO_DROP_OLDEST},
                                                {.pattern = NULL}};
    struct scene scene;

    scene_play(&scene, evict_two_before_those_that_wait,
               (maiko_actor_spec){.capacity = 4, .capacity_bytes = 30000, .subscriptions = subscriptions});
    CU_ASSERT_EQUAL(scene.sender.steps, 2); /* else it is in debt for ever */
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    stage_close(&scene.stage);
}

static const struct test_case cases[] = {TEST_CASE(block_holds_the_sender_when_the_bytes_are_full),
                                         TEST_CASE(nothing_passes_what_waits_for_bytes),
                                         TEST_CASE(an_event_larger_than_the_bound_goes_alone),
                                         TEST_CASE(drop_newest_keeps_the_first_that_find_room),
                                         TEST_CASE(drop_oldest_keeps_the_last_that_find_room),
                                         TEST_CASE(fail_fails_at_the_first_without_room),
                                         TEST_CASE(of_events_larger_than_the_bound_there_is_one),
                                         TEST_CASE(for_a_huge_one_as_many_go_as_have_to),
                                         TEST_CASE(only_old_ones_of_the_policy_make_room),
                                         TEST_CASE(what_comes_in_for_an_old_one_passes_no_waiter),
                                         TEST_CASE(where_bytes_only_hold_other_policies_count_by_number),
                                         TEST_CASE(small_ones_behind_a_large_one_have_all_places),
                                         TEST_CASE(large_ones_do_not_pile_up_behind_one_that_waits),
                                         TEST_CASE(all_that_get_a_place_by_one_eviction_are_let_go),
                                         TEST_CASE(past_their_number_each_policy_does_what_it_says),
                                         TEST_CASE(small_events_count_by_number_alone),
                                         TEST_CASE(the_priority_lane_counts_by_number_alone),
                                         TEST_CASE(the_supervisor_has_a_bound_for_those_that_have_none),
                                         TEST_CASE(a_removed_actor_leaves_its_senders_free),
                                         TEST_CASE(without_memory_for_it_the_actor_is_not_added)};
SUITE_MAIN("mailbox_bytes", cases)
