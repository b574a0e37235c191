/* What each policy does where a ring to another shard is full: the table "When a queue is full" of maiko(7), column "ring". */
#include "lib/stage.h"
#include "lib/suite.h"
#include "runtime/supervisor_internal.h"

MAIKO_EVENT_WITH(urgent, "number", NUMBER_FIELDS, .control = true)

enum { SENT = 100, MARK = 8, TAIL = 16 };

struct scene {
    struct stage stage;
    struct player source;
    struct player sink;
};

static maiko_step send_all(struct player *player, maiko_context *ctx)
{
    const maiko_event_type *type = player->data;
    number event;

    for (event.value = 1; event.value <= SENT; event.value++)
        CU_ASSERT_EQUAL(maiko_send_bytes(ctx, type, &event, sizeof event), MAIKO_OK);
    return MAIKO_STEP_NEVER;
}

/* One step of a source sends all to a sink on another shard, whose mailbox has room for it. */
static void play(struct scene *scene, maiko_event_type *type)
{
    *scene = (struct scene){.source = {.step = send_all, .data = type}};
    stage_open(&scene->stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2, .mailbox_capacity = TAIL});
    scene->stage.sup->ring_mark_events = MARK;
    CU_ASSERT_EQUAL(maiko_supervisor_add(scene->stage.sup, PLAYER("sink", &scene->sink, .shard = MAIKO_SHARD(1), .capacity = 1000,
                                                                  .subscribe = MAIKO_TOPICS("number"))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(scene->stage.sup, PLAYER("source", &scene->source, .shard = MAIKO_SHARD(0))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(scene->stage.sup), MAIKO_OK);
    stage_settle(&scene->stage);
    CU_ASSERT_EQUAL(stage_stop(&scene->stage), MAIKO_OK);
}

static void play_policy(struct scene *scene, maiko_overflow overflow)
{
    maiko_event_type type = *MAIKO_TYPE(number);

    type.overflow = overflow;
    play(scene, &type);
}

static void expect_values(const struct scene *scene, int from, int until, int64_t first)
{
    int i;

    for (i = from; i < until; i++)
        CU_ASSERT_EQUAL(scene->sink.values[i], first + i - from);
}

/* All arrive; for what stands above the mark the sender was held, and not before it had sent all. */
static void expect_all(struct scene *scene)
{
    CU_ASSERT_EQUAL(scene->sink.events, SENT);
    expect_values(scene, 0, PLAYER_KEEPS, 1);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene->stage, MAIKO_DROPPED_RING), 0);
    stage_close(&scene->stage);
}

static void block_is_taken(void)
{
    struct scene scene;

    play_policy(&scene, MAIKO_BLOCK);
    expect_all(&scene);
}

static void fail_is_taken(void)
{
    struct scene scene;

    play_policy(&scene, MAIKO_FAIL);
    expect_all(&scene);
}

static void control_is_taken(void)
{
    struct scene scene;
    maiko_event_type type = *MAIKO_TYPE(urgent);

    type.name = "number"; /* for the player, which keeps numbers */
    type.overflow = MAIKO_DROP_NEWEST;
    play(&scene, &type);
    expect_all(&scene);
}

static void drop_newest_is_dropped_above_the_mark(void)
{
    struct scene scene;

    play_policy(&scene, MAIKO_DROP_NEWEST);
    CU_ASSERT_EQUAL(scene.sink.events, MARK);
    expect_values(&scene, 0, MARK, 1);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_RING), SENT - MARK);
    stage_close(&scene.stage);
}

/* What is above the mark waits at the sender's, as many as a mailbox holds, and then the oldest of these goes. */
static void drop_oldest_keeps_the_newest_above_the_mark(void)
{
    struct scene scene;

    play_policy(&scene, MAIKO_DROP_OLDEST);
    CU_ASSERT_EQUAL(scene.sink.events, MARK + TAIL);
    expect_values(&scene, 0, MARK, 1);
    expect_values(&scene, MARK, MARK + TAIL, SENT - TAIL + 1);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_RING), SENT - MARK - TAIL);
    stage_close(&scene.stage);
}

static const struct test_case cases[] = {
    TEST_CASE(block_is_taken),
    TEST_CASE(fail_is_taken),
    TEST_CASE(control_is_taken),
    TEST_CASE(drop_newest_is_dropped_above_the_mark),
    TEST_CASE(drop_oldest_keeps_the_newest_above_the_mark),
};
SUITE_MAIN("rings", cases)
