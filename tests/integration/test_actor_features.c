/* What a spec and a context offer, one test each: handlers, predicates, sticky topics, the control lane, companions, actors
 * that add actors, ends of streams, the watchdog, idleness. */
#include "lib/stage.h"
#include "lib/suite.h"

#include <dirent.h>
#include <maiko/system.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- handlers and subscriptions --- */

#define TEXT_FIELDS(F) F(STRING, line, 32)
MAIKO_EVENT(note, "note", TEXT_FIELDS)

struct listener {
    int numbers;
    int notes;
    int others;
};

static maiko_status on_number(void *self, maiko_context *ctx, const number *event, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)event;
    (void)envelope;
    ((struct listener *)self)->numbers++;
    return MAIKO_OK;
}

static maiko_status on_note(void *self, maiko_context *ctx, const note *event, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)envelope;
    ((struct listener *)self)->notes += strcmp(event->line, "hello") == 0;
    return MAIKO_OK;
}

static maiko_status on_other(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)envelope;
    ((struct listener *)self)->others++;
    return MAIKO_OK;
}

#define OTHER_FIELDS(F) F(BOOL, flag)
MAIKO_EVENT(other, "other", OTHER_FIELDS)

static void handlers_come_before_handle(void)
{
    static const maiko_handler handlers[] = {MAIKO_ON(number, on_number), MAIKO_ON(note, on_note), MAIKO_HANDLERS_END};
    static const maiko_actor_ops ops = {.handlers = handlers, .handle = on_other};
    struct listener listener = {.numbers = 0};
    struct stage stage;
    maiko_context *ctx;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(
            stage.sup, &(maiko_actor_spec){.name = "listener", .ops = &ops, .self = &listener, .subscribe = MAIKO_ALL_TOPICS}),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    ctx = maiko_supervisor_context(stage.sup);
    CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(ctx, note, .line = "hello"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(ctx, other, .flag = true), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_TRUE(listener.numbers == 1 && listener.notes == 1 && listener.others == 1);
    stage_close(&stage);
}

static bool is_even(const void *event, const maiko_event_type *type, void *userdata)
{
    (void)userdata;
    return maiko_event_is(type, MAIKO_TYPE(number)) && ((const number *)event)->value % 2 == 0;
}

static void a_predicate_keeps_events_out_of_the_mailbox(void)
{
    maiko_subscription subscriptions[] = {{.pattern = "number", .predicate = is_even}, {.pattern = NULL}};
    struct stage stage;
    struct player player = {.wanted = 0};
    int i;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player, .subscriptions = subscriptions, .capacity = 2)),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(player.events, 5);
    CU_ASSERT_EQUAL(player.values[4], 8);
    CU_ASSERT_EQUAL(stage_counted(&stage, "player").received, 5);
    stage_close(&stage);
}

static maiko_status change_subscriptions(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    const number *event = maiko_event_as(envelope, number);

    (void)player;
    if (event->value == 1)
        return maiko_subscribe(ctx, &(maiko_subscription){.pattern = "more/+"});
    return event->value == 2 ? maiko_unsubscribe(ctx, "more/+") : MAIKO_OK;
}

static void subscriptions_come_and_go_while_running(void)
{
    struct stage stage;
    struct player player = {.handle = change_subscriptions};
    maiko_context *ctx;
    int64_t value;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2, .placement = MAIKO_PLACEMENT_SPREAD});
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    ctx = maiko_supervisor_context(stage.sup);
    for (value = 0; value <= 2; value++) { /* before, with, without */
        CU_ASSERT_EQUAL(stage_send(&stage, value), MAIKO_OK);
        stage_settle(&stage);
        CU_ASSERT_EQUAL(maiko_send_to(ctx, "more/news", number, .value = 10), MAIKO_OK);
        stage_settle(&stage);
    }
    CU_ASSERT_EQUAL(player.events, 4);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

MAIKO_EVENT_WITH(state, "state", NUMBER_FIELDS, .sticky = true)

static maiko_status note_state(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    player->wanted = maiko_event_as(envelope, state)->value;
    return MAIKO_OK;
}

static void a_sticky_topic_gives_its_last_value_to_those_who_come_late(void)
{
    struct stage stage;
    struct player late = {.handle = note_state};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(stage.sup), state, .value = 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(stage.sup), state, .value = 2), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("late", &late, .subscribe = MAIKO_TOPICS("state"))), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(late.events, 1);
    CU_ASSERT_EQUAL(late.wanted, 2);
    stage_close(&stage);
}

MAIKO_EVENT_WITH(order, "order", NUMBER_FIELDS, .control = true)

static maiko_step send_numbers_then_an_order(struct player *player, maiko_context *ctx)
{
    int i;

    (void)player;
    for (i = 0; i < 4; i++)
        (void)maiko_send(ctx, number, .value = i);
    (void)maiko_send(ctx, order, .value = 99);
    return MAIKO_STEP_NEVER;
}

static maiko_status note_place_of_order(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    if (maiko_event_as(envelope, order) != NULL)
        player->wanted = player->events;
    return MAIKO_OK;
}

static void control_events_pass_data_and_are_never_dropped(void)
{
    maiko_subscription subscriptions[] = {{.pattern = "#", .overflow = MAIKO_DROP_NEWEST}, {.pattern = NULL}};
    struct stage stage;
    struct player sender = {.step = send_numbers_then_an_order};
    struct player receiver = {.handle = note_place_of_order};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("receiver", &receiver, .subscriptions = subscriptions, .capacity = 2)),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sender", &sender)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(receiver.events, 3); /* two numbers fit */
    CU_ASSERT_EQUAL(receiver.wanted, 1); /* and the order came first */
    stage_close(&stage);
}

/* --- actors and where they run --- */

static maiko_status note_thread(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)envelope;
    *(pthread_t *)player->data = pthread_self();
    return MAIKO_OK;
}

static void companions_share_a_thread_and_shards_do_not(void)
{
    pthread_t threads[4];
    struct player players[4];
    struct stage stage;
    int i;

    memset(players, 0, sizeof players);
    for (i = 0; i < 4; i++) {
        players[i].handle = note_thread;
        players[i].data = &threads[i];
    }
    stage_open(&stage, &(maiko_config){.shards = 2});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("first", &players[0], .subscribe = MAIKO_TOPICS("number"),
                                                           .shard = MAIKO_SHARD(1), .thread_affine = true)),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("companion", &players[1], .subscribe = MAIKO_TOPICS("number"), .with = "first")),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("elsewhere", &players[2], .subscribe = MAIKO_TOPICS("number"),
                                                           .shard = MAIKO_SHARD(0))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("alone", &players[3], .subscribe = MAIKO_TOPICS("number"), .dedicated = true)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    for (i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(players[i].events, 1);
    CU_ASSERT_TRUE(pthread_equal(threads[0], threads[1]));
    CU_ASSERT_FALSE(pthread_equal(threads[0], threads[2]));
    CU_ASSERT_FALSE(pthread_equal(threads[0], threads[3]));
    CU_ASSERT_FALSE(pthread_equal(threads[2], threads[3]));
    stage_close(&stage);
}

static maiko_status add_a_child(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    if (player->data == NULL)
        return MAIKO_OK;
    return maiko_supervisor_add(maiko_context_supervisor(ctx), PLAYER(NULL, player->data, .subscribe = MAIKO_TOPICS("number")));
}

/* Each generation adds the next one, anonymous, when it hears of an event. */
static void actors_add_actors(void)
{
    struct stage stage;
    struct player generations[3] = {{.handle = add_a_child}, {.handle = add_a_child}, {.handle = add_a_child}};
    uint32_t shards;

    for (shards = 1; shards <= 3; shards += 2) {
        memset(generations, 0, sizeof generations);
        generations[0].handle = generations[1].handle = add_a_child;
        generations[0].data = &generations[1];
        stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = shards, .placement = MAIKO_PLACEMENT_SPREAD});
        CU_ASSERT_EQUAL(stage_add(&stage, "adam", &generations[0]), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
        CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
        stage_settle(&stage);
        CU_ASSERT_EQUAL(generations[1].starts, 1);
        CU_ASSERT_EQUAL(generations[1].events, 0);
        generations[0].data = NULL;
        CU_ASSERT_EQUAL(stage_send(&stage, 2), MAIKO_OK);
        stage_settle(&stage);
        CU_ASSERT_EQUAL(generations[1].events, 1);
        CU_ASSERT_EQUAL(maiko_supervisor_actor_count(stage.sup), 2);
        CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
        CU_ASSERT_EQUAL(generations[1].stops, 1);
        stage_close(&stage);
    }
}

/* --- word of a subscription --- */

/* What tellers have sent and a latecomer heard. */
struct gossip {
    _Atomic int64_t told;
    int64_t told_when_armed; /* -1: not yet */
    int64_t heard;
    int armed;
};

static maiko_step tell_on(struct player *player, maiko_context *ctx)
{
    struct gossip *gossip = player->data;

    if (gossip->told == player->wanted)
        return MAIKO_STEP_NEVER;
    if (maiko_send(ctx, note, .line = "hello") == MAIKO_OK)
        atomic_fetch_add(&gossip->told, 1);
    return MAIKO_STEP_YIELD;
}

static maiko_status come_late(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct gossip *gossip = player->data;
    const maiko_armed *armed = maiko_event_as(envelope, maiko_armed);

    if (maiko_event_as(envelope, number) != NULL)
        return maiko_subscribe(ctx, &(maiko_subscription){.pattern = "+", .notify = true});
    if (armed == NULL) {
        gossip->heard++;
        return MAIKO_OK;
    }
    CU_ASSERT_STRING_EQUAL(armed->pattern, "+");
    CU_ASSERT_STRING_EQUAL(maiko_envelope_topic(envelope), MAIKO_TOPIC_ARMED);
    gossip->armed++;
    gossip->told_when_armed = gossip->told;
    gossip->heard = 0;
    return MAIKO_OK;
}

/* Others send all the while; from the word on nothing of it is missed. */
static void a_subscriber_hears_when_it_is_armed_everywhere(void)
{
    uint64_t seed;

    for (seed = 1; seed <= suite_scale(200, 5000); seed++) {
        struct gossip gossip = {.told_when_armed = -1};
        struct player tellers[2] = {{.step = tell_on, .data = &gossip, .wanted = 400},
                                    {.step = tell_on, .data = &gossip, .wanted = 400}};
        struct player late = {.handle = come_late, .data = &gossip};
        struct stage stage;

        stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 3, .seed = seed});
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("late", &late, .subscribe = MAIKO_TOPICS("number"))), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("one", &tellers[0], .shard = MAIKO_SHARD(1))), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("two", &tellers[1], .shard = MAIKO_SHARD(2))), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
        CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
        stage_settle(&stage);
        CU_ASSERT_EQUAL(gossip.armed, 1);
        CU_ASSERT(gossip.told_when_armed < 400);
        CU_ASSERT_EQUAL(gossip.told, 400);
        CU_ASSERT(gossip.heard >= 400 - gossip.told_when_armed);
        CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
        stage_close(&stage);
    }
}

/* The same while the teller's thread is in the middle of its turn.  It counts an event after it was sent. */
static void a_subscriber_hears_when_it_is_armed_on_threads(void)
{
    uint64_t round;

    for (round = 0; round < suite_scale(100, 2000); round++) {
        struct gossip gossip = {.told_when_armed = -1};
        struct player teller = {.step = tell_on, .data = &gossip, .wanted = 20000};
        struct player late = {.handle = come_late, .data = &gossip};
        struct stage stage;

        stage_open(&stage, &(maiko_config){.shards = 2});
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("late", &late, .subscribe = MAIKO_TOPICS("number"))), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("teller", &teller, .shard = MAIKO_SHARD(1))), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
        CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
        CU_ASSERT_TRUE(wait_until(atomic_load(&gossip.told) == 20000, 60000));
        CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
        CU_ASSERT_EQUAL(gossip.armed, 1);
        CU_ASSERT(gossip.heard + 1 >= 20000 - gossip.told_when_armed);
        stage_close(&stage);
    }
}

static maiko_status change_its_mind(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    const number *event = maiko_event_as(envelope, number);

    player->wanted += event == NULL;
    if (event == NULL)
        return MAIKO_OK;
    CU_ASSERT_EQUAL(maiko_subscribe(ctx, &(maiko_subscription){.pattern = "note", .notify = true}), MAIKO_OK);
    if (event->value == 1)
        CU_ASSERT_EQUAL(maiko_unsubscribe(ctx, "note"), MAIKO_OK);
    return event->value == 2 ? maiko_stop(ctx) : MAIKO_OK;
}

/* No word of what was undone, and none to those who have stopped; on one shard it comes at once. */
static void word_comes_once_and_only_to_those_who_still_want_it(void)
{
    uint32_t shards;
    int64_t what;

    for (shards = 1; shards <= 3; shards++) {
        for (what = 1; what <= 3; what++) {
            struct player player = {.handle = change_its_mind};
            struct stage stage;

            stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = shards});
            CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
            CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
            CU_ASSERT_EQUAL(stage_send(&stage, what), MAIKO_OK);
            stage_settle(&stage);
            CU_ASSERT_EQUAL(player.wanted, what == 3);
            CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
            stage_close(&stage);
        }
    }
}

/* --- publications and ends --- */

static maiko_status send_undeclared(struct player *player, maiko_context *ctx)
{
    player->wanted = maiko_send_to(ctx, "secret", number, .value = 1);
    return maiko_send(ctx, number, .value = 1);
}

static void a_publish_list_is_a_promise(void)
{
    struct stage stage;
    struct player player = {.on_start = send_undeclared};
    struct player all = {.wanted = 0};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("all", &all, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player, .publish = MAIKO_TOPICS("num+", "number"))),
                    MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ETOPIC);
    stage_close(&stage);
    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("all", &all, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player, .publish = MAIKO_TOPICS("number"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(player.wanted, MAIKO_EUNDECLARED);
    CU_ASSERT_EQUAL(all.events, 1);
    stage_close(&stage);
}

static maiko_step finish_after_three(struct player *player, maiko_context *ctx)
{
    if (player->steps == 3) {
        CU_ASSERT_EQUAL(maiko_finish(ctx), MAIKO_OK);
        player->wanted = maiko_send(ctx, number, .value = 4);
        return MAIKO_STEP_NEVER;
    }
    return maiko_send(ctx, number, .value = player->steps) == MAIKO_OK ? MAIKO_STEP_CONTINUE
                                                                       : maiko_error(ctx, MAIKO_EACTOR, "no");
}

static void the_end_of_a_source_runs_down_the_pipeline(void)
{
    struct stage stage;
    struct player source = {.step = finish_after_three};
    struct player middle = {.wanted = 0};
    struct player sink = {.wanted = 0};

    stage_open(&stage, &(maiko_config){.shards = 2});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source, .publish = MAIKO_TOPICS("number"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("middle", &middle, .subscribe = MAIKO_TOPICS("number"),
                                                           .publish = MAIKO_TOPICS("out"))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sink", &sink, .subscribe = MAIKO_TOPICS("out"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_join(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(source.wanted, MAIKO_ECLOSED);
    CU_ASSERT_TRUE(middle.events == 2 && middle.ends == 1 && sink.ends == 1 && sink.stops == 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- errors --- */

static maiko_status fail_twice(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    return player->events <= 2 ? maiko_error(ctx, MAIKO_EACTOR, "not yet") : MAIKO_OK;
}

static maiko_error_action retry_thrice(struct player *player, maiko_context *ctx, maiko_status error)
{
    player->wanted = error == MAIKO_EACTOR && strcmp(maiko_context_error_text(ctx), "not yet") == 0;
    return maiko_error_retry(MAIKO_SECONDS(1), 3);
}

static void a_retry_handles_the_same_event_again(void)
{
    struct stage stage;
    struct player player = {.handle = fail_twice, .on_error = retry_thrice};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 5), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 6), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.events, 4);
    CU_ASSERT_TRUE(player.values[0] == 5 && player.values[2] == 5 && player.values[3] == 6);
    CU_ASSERT_TRUE(player.wanted);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_counted(&stage, "player").handled, 2);
    stage_close(&stage);
}

static maiko_error_action ask_for_restart(struct player *player, maiko_context *ctx, maiko_status error)
{
    (void)player;
    (void)ctx;
    (void)error;
    return maiko_error_restart();
}

static maiko_error_action try_in_20_ms(struct player *player, maiko_context *ctx, maiko_status error)
{
    (void)player;
    (void)ctx;
    (void)error;
    return maiko_error_retry(MAIKO_MS(20), 5);
}

/* Nothing can be done just now, but it was accepted: a stop waits for it, also in the caller's own loop. */
static void a_polled_stop_waits_for_a_retry(void)
{
    struct stage stage;
    struct player player = {.handle = fail_twice, .on_error = try_in_20_ms};

    stage_open(&stage, &(maiko_config){.mode = MAIKO_POLLED});
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 5), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.events, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(player.events, 3);
    CU_ASSERT_EQUAL(stage.report.unfinished, 0);
    stage_close(&stage);
}

static void a_restart_is_refused_until_there_is_supervision(void)
{
    struct stage stage;
    struct player player = {.handle = fail_twice, .on_error = ask_for_restart};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 5), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ENOTSUP);
    CU_ASSERT_EQUAL(player.stops, 1);
    stage_close(&stage);
}

/* --- time --- */

static maiko_status work_20_ms(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct timespec now;
    uint64_t until = 0;
    uint64_t ns;

    (void)player;
    (void)ctx;
    (void)envelope;
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        ns = MAIKO_SECONDS((uint64_t)now.tv_sec) + (uint64_t)now.tv_nsec;
        until = until == 0 ? ns + MAIKO_MS(20) : until;
    } while (ns < until);
    return MAIKO_OK;
}

/* Until the test opens the door: a hook that may never return. */
static maiko_status wait_for_the_door(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)envelope;
    pthread_mutex_lock(player->data);
    pthread_mutex_unlock(player->data);
    return MAIKO_OK;
}

/* The very first activation, and while it still goes on. */
static void the_watchdog_names_an_actor_whose_hook_does_not_return(void)
{
    pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
    struct player stuck = {.handle = wait_for_the_door, .data = &door};
    struct player allowed = {.handle = wait_for_the_door, .data = &door};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 2, .watchdog_ns = MAIKO_MS(20)});
    CU_ASSERT_EQUAL(stage_add(&stage, "stuck", &stuck), MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("allowed", &allowed, .subscribe = MAIKO_TOPICS("number"), .dedicated = true)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    pthread_mutex_lock(&door);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(stage_logged(&stage, "actor 'stuck' has held its shard for"), 60000));
    pthread_mutex_unlock(&door);
    /* a slow activation is counted although it is no sample */
    CU_ASSERT_TRUE(wait_until(stage_counted(&stage, "stuck").handler_max_ns >= MAIKO_MS(20), 60000));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_FALSE(stage_logged(&stage, "allowed")); /* it has a thread of its own for that */
    stage_close(&stage);
}

/* Nobody looks from outside: the activation itself is timed. */
static void the_watchdog_names_an_actor_of_a_polled_runtime(void)
{
    struct player slow = {.handle = work_20_ms};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_POLLED, .watchdog_ns = MAIKO_MS(10)});
    CU_ASSERT_EQUAL(stage_add(&stage, "sluggish", &slow), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_TRUE(stage_logged(&stage, "actor 'sluggish' has held its shard for"));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* Times a thread of the runtime gave up the processor to wait; they are known by their names.  Says whether all wait now. */
static uint64_t sleeps_of_threads(const char *prefix, bool *ret_all_sleep)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *task;
    uint64_t sleeps = 0;
    bool is_ours = false;

    *ret_all_sleep = true;
    CU_ASSERT_PTR_NOT_NULL_FATAL(tasks);
    while ((task = readdir(tasks)) != NULL) {
        char path[300];
        char line[200];
        FILE *status;

        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        if (task->d_name[0] == '.' || (status = fopen(path, "r")) == NULL)
            continue;
        while (fgets(line, sizeof line, status) != NULL) {
            if (strncmp(line, "Name:", 5) == 0)
                is_ours = strncmp(line + 6, prefix, strlen(prefix)) == 0;
            if (is_ours && strncmp(line, "State:", 6) == 0 && strchr(line, 'S') == strrchr(line, 'S'))
                *ret_all_sleep = false; /* State: S (sleeping) */
            if (is_ours && strncmp(line, "voluntary_ctxt_switches:", 24) == 0)
                sleeps += strtoull(line + 24, NULL, 10);
        }
        fclose(status);
    }
    closedir(tasks);
    return sleeps;
}

static uint64_t turns_of(struct stage *stage)
{
    maiko_counters *counters = NULL;
    maiko_counters_shard shard;
    uint64_t turns = 0;
    size_t i;

    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(stage->counters, &counters), MAIKO_OK);
    for (i = 0; maiko_counters_get_shard(counters, i, &shard) == MAIKO_OK; i++)
        turns += shard.turns;
    maiko_counters_free(counters);
    return turns;
}

/* Nothing to do: no shard takes a turn, and no thread wakes, the watchdog's included; 5 s in make check-long. */
static void idle_shards_never_wake(void)
{
    struct stage stage;
    struct player players[2] = {{.wanted = 0}, {.wanted = 0}};
    uint64_t before = 0;
    uint64_t last = 1;
    uint64_t sleeps = 0;
    uint64_t last_sleeps = 1;
    bool all_sleep = false;

    stage_open(&stage, &(maiko_config){.watchdog_ns = MAIKO_MS(8), .shards = 4, .placement = MAIKO_PLACEMENT_SPREAD});
    CU_ASSERT_EQUAL(stage_add(&stage, "a", &players[0]), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "b", &players[1]), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&players[0].events) + atomic_load(&players[1].events) == 2, 60000));
    /* until they have gone to sleep: who only waits for a lock or for its next look is on the way there, and sleeps once more */
    while (before != last || sleeps != last_sleeps || !all_sleep) {
        last = turns_of(&stage);
        last_sleeps = sleeps_of_threads("maiko/", &all_sleep);
        (void)wait_until(false, 20);
        sleeps = sleeps_of_threads("maiko/", &all_sleep);
        before = turns_of(&stage);
    }
    (void)wait_until(false, (unsigned)suite_scale(200, 5000));
    CU_ASSERT_EQUAL(turns_of(&stage) - before, 0);
    CU_ASSERT_EQUAL(sleeps_of_threads("maiko/", &all_sleep) - sleeps, 0);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* Times the watchdog has waited while so many events came one by one. */
static uint64_t looks_during(int events)
{
    struct stage stage;
    struct player player = {.wanted = 0};
    bool all_sleep = false;
    uint64_t looks;
    int i;

    stage_open(&stage, &(maiko_config){.watchdog_ns = MAIKO_SECONDS(300), .shards = 1});
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (i = 1; i <= events; i++) {
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
        CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&player.events) == i, 60000));
    }
    looks = sleeps_of_threads("maiko/dog", &all_sleep);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
    return looks;
}

/* Shards that are woken often do not wake the watchdog as often: they would pay for it. */
static void short_sleeps_do_not_wake_the_watchdog(void)
{
    enum { ROUNDS = 20, EVENTS = 40, LOOKS_AT_MOST = 8 };
    int i;

    for (i = 0; i < ROUNDS; i++)
        CU_ASSERT(looks_during(EVENTS) <= LOOKS_AT_MOST);
}

static maiko_status count_all(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)envelope;
    ++*(uint64_t *)self;
    return MAIKO_OK;
}

/* Ten thousand actors, a million in make check-long, each of which handles an event. */
static void so_many_actors_each_handle_an_event(void)
{
    static const maiko_actor_ops ops = {.handle = count_all};
    const uint64_t count = suite_scale(10000, 1000000);
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.mode = MAIKO_POLLED, .no_counters_file = true});
    uint64_t handled = 0;
    uint64_t failed = 0;
    uint64_t i;

    for (i = 0; i < count; i++)
        failed += maiko_supervisor_add(
                      sup, &(maiko_actor_spec){.ops = &ops, .self = &handled, .subscribe = MAIKO_TOPICS("number")}) != MAIKO_OK;
    CU_ASSERT_EQUAL(failed, 0);
    CU_ASSERT_EQUAL(maiko_supervisor_actor_count(sup), count);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), number, .value = 1), MAIKO_OK);
    CU_ASSERT_EQUAL((uint64_t)maiko_supervisor_poll(sup, 0), count);
    CU_ASSERT_EQUAL(handled, count);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_OK);
}

static const struct test_case cases[] = {
    TEST_CASE(handlers_come_before_handle),
    TEST_CASE(a_predicate_keeps_events_out_of_the_mailbox),
    TEST_CASE(subscriptions_come_and_go_while_running),
    TEST_CASE(a_sticky_topic_gives_its_last_value_to_those_who_come_late),
    TEST_CASE(control_events_pass_data_and_are_never_dropped),
    TEST_CASE(companions_share_a_thread_and_shards_do_not),
    TEST_CASE(actors_add_actors),
    TEST_CASE(a_subscriber_hears_when_it_is_armed_everywhere),
    TEST_CASE(a_subscriber_hears_when_it_is_armed_on_threads),
    TEST_CASE(word_comes_once_and_only_to_those_who_still_want_it),
    TEST_CASE(a_publish_list_is_a_promise),
    TEST_CASE(the_end_of_a_source_runs_down_the_pipeline),
    TEST_CASE(a_retry_handles_the_same_event_again),
    TEST_CASE(a_polled_stop_waits_for_a_retry),
    TEST_CASE(a_restart_is_refused_until_there_is_supervision),
    TEST_CASE(the_watchdog_names_an_actor_whose_hook_does_not_return),
    TEST_CASE(the_watchdog_names_an_actor_of_a_polled_runtime),
    TEST_CASE(idle_shards_never_wake),
    TEST_CASE(short_sleeps_do_not_wake_the_watchdog),
    TEST_CASE(so_many_actors_each_handle_an_event),
};
SUITE_MAIN_TIMEOUT("actor features", cases, 300)
