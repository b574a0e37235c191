/* What is dropped, or refused to end a deadlock, is reported on $sys/dead: which event, of whom, to whom, why; sampled, and never
 * because of a report. */
#include "lib/stage.h"
#include "lib/suite.h"
#include <maiko/system.h>
#include <string.h>

enum { KEEPS = 64 };

/* An actor on $sys/dead. */
struct ear {
    int letters;
    uint64_t unreported;
    maiko_dead_letter kept[KEEPS];
    bool answers; /* sends a number per letter, which may be dropped in its turn */
};

static maiko_status listen(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct ear *ear = player->data;
    const maiko_dead_letter *letter = maiko_event_as(envelope, maiko_dead_letter);

    CU_ASSERT_PTR_NOT_NULL_FATAL(letter);
    if (ear->letters < KEEPS)
        ear->kept[ear->letters] = *letter;
    ear->letters++;
    ear->unreported += letter->unreported;
    return ear->answers ? maiko_send(ctx, number, .value = -1) : MAIKO_OK;
}

static void add_ear(struct stage *stage, struct player *player, maiko_shard shard)
{
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage->sup, PLAYER("ear", player, .shard = shard, .subscribe = MAIKO_TOPICS(MAIKO_TOPIC_DEAD))),
        MAIKO_OK);
}

static void add_sink(struct stage *stage, struct player *player, maiko_overflow overflow, uint32_t capacity, maiko_shard shard)
{
    const maiko_subscription numbers[] = {{.pattern = "number", .overflow = overflow}, {NULL}};

    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage->sup, PLAYER("sink", player, .capacity = capacity, .subscriptions = numbers, .shard = shard)),
        MAIKO_OK);
}

/* In one step, so that nothing is handled in between. */
static maiko_step send_all(struct player *player, maiko_context *ctx)
{
    int64_t i;

    for (i = 1; i <= player->wanted; i++)
        CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = i), MAIKO_OK);
    return MAIKO_STEP_NEVER;
}

struct scene {
    struct stage stage;
    struct ear ear;
    struct player source;
    struct player sink;
    struct player listener;
};

/* `count` numbers at once to a sink of two places. */
static void drop_some(struct scene *scene, maiko_overflow overflow, int count, uint32_t shards)
{
    maiko_shard elsewhere = shards > 1 ? MAIKO_SHARD(1) : MAIKO_SHARD(0);

    *scene = (struct scene){.source = {.step = send_all, .wanted = count}, .listener = {.handle = listen, .data = &scene->ear}};
    stage_open(&scene->stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = shards});
    add_ear(&scene->stage, &scene->listener, MAIKO_SHARD(0));
    add_sink(&scene->stage, &scene->sink, overflow, 2, elsewhere);
    CU_ASSERT_EQUAL(maiko_supervisor_add(scene->stage.sup, PLAYER("source", &scene->source, .shard = elsewhere)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(scene->stage.sup), MAIKO_OK);
    stage_settle(&scene->stage);
}

static void expect_letter(const maiko_dead_letter *letter, maiko_drop_reason reason, const char *receiver)
{
    CU_ASSERT_STRING_EQUAL(letter->topic, "number");
    CU_ASSERT_STRING_EQUAL(letter->type, "number");
    CU_ASSERT_STRING_EQUAL(letter->sender, "source");
    CU_ASSERT_STRING_EQUAL(letter->receiver, receiver);
    CU_ASSERT_EQUAL(letter->reason_code, (uint32_t)reason);
    CU_ASSERT_TRUE(letter->reason[0] != '\0');
    CU_ASSERT_TRUE(letter->id_hi != 0 || letter->id_lo != 0);
}

static void drops_are_reported_with_reason(maiko_overflow overflow, maiko_drop_reason reason, uint32_t shards)
{
    struct scene scene;
    int i;

    drop_some(&scene, overflow, 5, shards);
    CU_ASSERT_EQUAL(scene.ear.letters, 3);
    for (i = 0; i < 3; i++)
        expect_letter(&scene.ear.kept[i], reason, "sink");
    CU_ASSERT_TRUE(scene.ear.kept[0].id_lo != scene.ear.kept[1].id_lo);
    CU_ASSERT_EQUAL(scene.ear.unreported, 0);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, reason), 3);
    stage_close(&scene.stage);
}

static void drops_say_what_was_lost_by_whom_and_why(void)
{
    drops_are_reported_with_reason(MAIKO_DROP_NEWEST, MAIKO_DROPPED_NEWEST, 1);
    drops_are_reported_with_reason(MAIKO_DROP_OLDEST, MAIKO_DROPPED_OLDEST, 1);
}

static void reports_reach_listeners_on_other_shards(void)
{
    drops_are_reported_with_reason(MAIKO_DROP_NEWEST, MAIKO_DROPPED_NEWEST, 2);
    drops_are_reported_with_reason(MAIKO_DROP_OLDEST, MAIKO_DROPPED_OLDEST, 2);
}

/* All that its queue held, and what came too much. */
static void the_queue_of_a_failed_subscriber_is_reported(void)
{
    struct scene scene;
    int i;

    drop_some(&scene, MAIKO_FAIL, 3, 1);
    CU_ASSERT_EQUAL(scene.ear.letters, 3);
    for (i = 0; i < scene.ear.letters && i < 3; i++)
        expect_letter(&scene.ear.kept[i], MAIKO_DROPPED_FAILED, "sink");
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_EFULL);
    stage_close(&scene.stage);
}

/* A turn reports some one by one, and how many more there were. */
static void many_drops_are_sampled_and_add_up(void)
{
    struct scene scene;

    drop_some(&scene, MAIKO_DROP_NEWEST, 202, 1);
    CU_ASSERT_TRUE(scene.ear.letters > 0);
    CU_ASSERT_TRUE(scene.ear.letters < 100);
    CU_ASSERT_EQUAL((uint64_t)scene.ear.letters + scene.ear.unreported, 200);
    CU_ASSERT_EQUAL(stage_stop(&scene.stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&scene.stage, MAIKO_DROPPED_NEWEST), 200);
    stage_close(&scene.stage);
}

static maiko_status wait_for_ever(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)player;
    (void)ctx;
    (void)envelope;
    return MAIKO_EACTOR;
}

static maiko_error_action retry_in_an_hour(struct player *player, maiko_context *ctx, maiko_status error)
{
    (void)player;
    (void)ctx;
    (void)error;
    return maiko_error_retry(MAIKO_HOURS(1), 1);
}

/* The listener answers each report with an event that is dropped: those drops are counted and not reported. */
static void reports_do_not_feed_on_reports(void)
{
    struct ear ear = {.answers = true};
    struct player source = {.step = send_all, .wanted = 10};
    struct player sink = {.handle = wait_for_ever, .on_error = retry_in_an_hour};
    struct player listener = {.handle = listen, .data = &ear};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_POLLED, .stop_deadline_ns = MAIKO_MS(10)});
    add_ear(&stage, &listener, MAIKO_ANY_SHARD);
    add_sink(&stage, &sink, MAIKO_DROP_NEWEST, 1, MAIKO_ANY_SHARD);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_supervisor_poll(stage.sup, 10000) < 1000);
    CU_ASSERT_EQUAL(ear.letters, 9);
    CU_ASSERT_EQUAL(ear.unreported, 0);
    (void)stage_stop(&stage);
    CU_ASSERT_TRUE(stage_dropped_for(&stage, MAIKO_DROPPED_NEWEST) > 10);
    stage_close(&stage);
}

/* A listener that cannot keep up loses reports, which is counted, and holds nobody. */
static void a_slow_listener_holds_nobody(void)
{
    struct player source = {.step = send_all, .wanted = 1000};
    struct player sink = {.wanted = 0};
    struct player listener = {.handle = wait_for_ever, .on_error = retry_in_an_hour};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_POLLED, .stop_deadline_ns = MAIKO_MS(10)});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("ear", &listener, .capacity = 2, .subscribe = MAIKO_TOPICS(MAIKO_TOPIC_DEAD))),
        MAIKO_OK);
    add_sink(&stage, &sink, MAIKO_DROP_OLDEST, 2, MAIKO_ANY_SHARD);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_supervisor_poll(stage.sup, 0) > 0);
    CU_ASSERT_EQUAL(sink.events, 2);
    CU_ASSERT_EQUAL(sink.values[1], 1000);
    (void)stage_stop(&stage);
    CU_ASSERT_EQUAL(stage_counted(&stage, "source").sent, 1000);
    CU_ASSERT_TRUE(stage_counted(&stage, "ear").dropped > 0);
    stage_close(&stage);
}

/* More for itself than it ever has room for; counts what is refused so that the deadlock ends. */
static maiko_status send_itself_more(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    int *deadlocks = player->data;
    maiko_status status = MAIKO_OK;

    (void)envelope;
    while (player->wanted > 0 && status == MAIKO_OK) {
        status = maiko_send(ctx, number, .value = player->wanted--);
        *deadlocks += status == MAIKO_EDEADLOCK;
    }
    return MAIKO_OK;
}

static void check_refused(const struct ear *ear, int deadlocks)
{
    int i;

    CU_ASSERT_EQUAL((uint64_t)ear->letters + ear->unreported, (uint64_t)deadlocks);
    for (i = 0; i < ear->letters && i < KEEPS; i++) {
        CU_ASSERT_STRING_EQUAL(ear->kept[i].topic, "number");
        CU_ASSERT_STRING_EQUAL(ear->kept[i].type, "number");
        CU_ASSERT_STRING_EQUAL(ear->kept[i].sender, "selfish");
        CU_ASSERT_STRING_EQUAL(ear->kept[i].receiver, "");
        CU_ASSERT_STRING_EQUAL(ear->kept[i].reason, maiko_strerror(MAIKO_EDEADLOCK));
        CU_ASSERT_EQUAL(ear->kept[i].reason_code, 0);
        CU_ASSERT_TRUE(ear->kept[i].id_hi == 0 && ear->kept[i].id_lo == 0);
    }
}

/* They are refused, counted as that, and the books balance without them. */
static void what_is_refused_to_end_a_deadlock_is_reported(void)
{
    struct ear ear = {.letters = 0};
    int deadlocks = 0;
    struct player selfish = {.handle = send_itself_more, .wanted = 100, .data = &deadlocks};
    struct player listener = {.handle = listen, .data = &ear};
    struct stage stage;

    stage_open(&stage,
               &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2, .overdraft_events = 4, .outbox_limit_events = 8});
    add_ear(&stage, &listener, MAIKO_SHARD(1));
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("selfish", &selfish, .subscribe = MAIKO_TOPICS("number"),
                                                           .capacity = 1, .receive_own = true, .shard = MAIKO_SHARD(0))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_TRUE(deadlocks > 0);
    check_refused(&ear, deadlocks);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_TRUE(stage_counted(&stage, "selfish").refused >= (uint64_t)deadlocks);
    CU_ASSERT_EQUAL(stage_counted(&stage, "selfish").dropped, 0);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(drops_say_what_was_lost_by_whom_and_why),
    TEST_CASE(reports_reach_listeners_on_other_shards),
    TEST_CASE(the_queue_of_a_failed_subscriber_is_reported),
    TEST_CASE(many_drops_are_sampled_and_add_up),
    TEST_CASE(reports_do_not_feed_on_reports),
    TEST_CASE(a_slow_listener_holds_nobody),
    TEST_CASE(what_is_refused_to_end_a_deadlock_is_reported),
};
SUITE_MAIN("dead letters", cases)
