/* Behaviour, part 1: who receives what, and what happens when a mailbox is full.  One test per line of
 * maiko_behaviour(7), named line_NN_the_outcome. */
#include "lib/stage.h"
#include "lib/suite.h"

#include <maiko/import.h>
#include <string.h>

static maiko_status send_two(struct player *player, maiko_context *ctx)
{
    (void)player;
    (void)maiko_send(ctx, number, .value = 7); /* the first one finds the way, the second knows it */
    return maiko_send(ctx, number, .value = 8);
}

static bool any(const void *event, const maiko_event_type *type, void *userdata)
{
    (void)event;
    (void)type;
    (void)userdata;
    return true;
}

static void line_01_an_actor_receives_its_own_events_only_on_request(void)
{
    struct stage stage;
    struct player topic = {.on_start = send_two};
    struct player all = {.on_start = send_two};
    struct player own = {.on_start = send_two};
    struct player picky = {.on_start = send_two};
    maiko_subscription subscriptions[] = {{.pattern = "number", .predicate = any}, {.pattern = NULL}};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("picky", &picky, .subscriptions = subscriptions)), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "topic", &topic), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("all", &all, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("own", &own, .subscribe = MAIKO_TOPICS("number", "#"), .receive_own = true)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(topic.events, 6);
    CU_ASSERT_EQUAL(all.events, 6);
    CU_ASSERT_EQUAL(picky.events, 6);
    CU_ASSERT_EQUAL(own.events, 8);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void line_01_an_actor_alone_on_its_topic_does_not_hear_itself(void)
{
    struct player player = {.on_start = send_two};
    struct player two[2] = {{.on_start = send_two}, {.on_start = send_two}};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "alone", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.events, 0);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "one", &two[0]), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "other", &two[1]), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_TRUE(two[0].events == 2 && two[1].events == 2);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* Who sent an event is not a matter of names: an event from elsewhere that says "topic" reaches the actor "topic". */
static void line_01_a_foreign_sender_of_the_same_name_is_somebody_else(void)
{
    struct stage stage;
    struct player topic = {.wanted = 0};
    maiko_importer *importer = NULL;
    number event = {.value = 5};
    maiko_import import = {.struct_size = sizeof import,
                           .topic = "number",
                           .type = MAIKO_TYPE(number),
                           .event = &event,
                           .len = sizeof event,
                           .sender = "topic"};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "topic", &topic), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_new(stage.sup, "door", NULL, &importer), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_send(importer, &import), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(topic.events, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void line_02_the_name_supervisor_is_refused(void)
{
    struct stage stage;
    struct player player = {.wanted = 0};
    maiko_importer *importer = NULL;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "supervisor", &player), MAIKO_ENAME);
    CU_ASSERT_EQUAL(maiko_importer_new(stage.sup, "supervisor", NULL, &importer), MAIKO_ENAME);
    CU_ASSERT_PTR_NULL(importer);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(stage.sup), "'supervisor'"));
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_ENAME);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ENAME);
    stage_close(&stage);
}

/* Sends 1 to wanted in one go. */
static maiko_step send_burst(struct player *player, maiko_context *ctx)
{
    int64_t i;

    for (i = 1; i <= player->wanted; i++) {
        if (maiko_send(ctx, number, .value = i) != MAIKO_OK)
            return maiko_error(ctx, MAIKO_EACTOR, "refused %lld", (long long)i);
    }
    return MAIKO_STEP_NEVER;
}

static void play_burst(struct stage *stage, struct player *sender, struct player *receiver, maiko_overflow_choice overflow)
{
    maiko_subscription subscriptions[] = {{.pattern = "number", .overflow = overflow}, {.pattern = NULL}};

    stage_open(stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER("receiver", receiver, .capacity = 2, .subscriptions = subscriptions)),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER("sender", sender)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage->sup), MAIKO_OK);
    stage_settle(stage);
}

static void line_03_drop_newest_keeps_the_oldest_and_counts_the_rest(void)
{
    struct stage stage;
    struct player sender = {.step = send_burst, .wanted = 6};
    struct player receiver = {.wanted = 0};

    play_burst(&stage, &sender, &receiver, MAIKO_DROP_NEWEST);
    CU_ASSERT_EQUAL(receiver.events, 2);
    CU_ASSERT_EQUAL(receiver.values[0], 1);
    CU_ASSERT_EQUAL(receiver.values[1], 2);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&stage, MAIKO_DROPPED_NEWEST), 4);
    stage_close(&stage);
}

static void line_03_drop_oldest_keeps_the_newest_and_counts_the_rest(void)
{
    struct stage stage;
    struct player sender = {.step = send_burst, .wanted = 6};
    struct player receiver = {.wanted = 0};

    play_burst(&stage, &sender, &receiver, MAIKO_DROP_OLDEST);
    CU_ASSERT_EQUAL(receiver.events, 2);
    CU_ASSERT_EQUAL(receiver.values[0], 5);
    CU_ASSERT_EQUAL(receiver.values[1], 6);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_dropped_for(&stage, MAIKO_DROPPED_OLDEST), 4);
    stage_close(&stage);
}

static maiko_status stall(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    return player->events == 1 ? maiko_error(ctx, MAIKO_EACTOR, "not now") : MAIKO_OK;
}

static maiko_error_action try_in_an_hour(struct player *player, maiko_context *ctx, maiko_status error)
{
    (void)player;
    (void)ctx;
    (void)error;
    return maiko_error_retry(MAIKO_HOURS(1), 3);
}

static maiko_step send_one_after_another(struct player *player, maiko_context *ctx)
{
    if (maiko_send_to(ctx, player->data, number, .value = player->steps) != MAIKO_OK)
        return maiko_error(ctx, MAIKO_EACTOR, "refused");
    return player->steps < player->wanted ? MAIKO_STEP_CONTINUE : MAIKO_STEP_NEVER;
}

/* A is held because B does not get on; C and D share their shard. */
static void line_04_block_holds_the_sender_only_and_loses_nothing(void)
{
    enum { OTHERS = 100000 };
    struct stage stage;
    char held_topic[] = "held";
    char free_topic[] = "free";
    struct player a = {.step = send_one_after_another, .wanted = 100, .data = held_topic};
    struct player b = {.handle = stall, .on_error = try_in_an_hour};
    struct player c = {.step = send_one_after_another, .wanted = 2 * OTHERS, .data = free_topic};
    struct player d = {.wanted = 0};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("a", &a)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("b", &b, .capacity = 4, .subscribe = MAIKO_TOPICS("held"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("c", &c)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("d", &d, .subscribe = MAIKO_TOPICS("free"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    while (d.events < OTHERS && maiko_supervisor_poll(stage.sup, 1000) > 0) {
    }
    CU_ASSERT_TRUE(d.events >= OTHERS);
    CU_ASSERT_EQUAL(b.events, 1);
    CU_ASSERT_EQUAL(a.steps, 6); /* one in B's hands, four in its mailbox, one that waits */
    stage_settle(&stage);
    CU_ASSERT_EQUAL(a.steps, 100);
    CU_ASSERT_EQUAL(b.events, 101); /* the first one twice */
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_counted(&stage, "b").handled, 100);
    stage_close(&stage);
}

/* Every event is answered by three, for a while: more than all mailboxes together can hold. */
static maiko_status answer_three(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    int i;

    (void)envelope;
    for (i = 0; i < 3 && player->wanted > 0; i++, player->wanted--)
        (void)maiko_send_to(ctx, player->data, number, .value = player->wanted);
    return MAIKO_OK;
}

static void play_cycle(struct stage *stage, struct player players[2], const maiko_config *config)
{
    stage_open(stage, config);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage->sup, PLAYER("ping", &players[0], .capacity = 1, .subscribe = MAIKO_TOPICS("ping"))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage->sup, PLAYER("pong", &players[1], .capacity = 1, .subscribe = MAIKO_TOPICS("pong"))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage->sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(stage->sup), "ping", number, .value = 1), MAIKO_OK);
}

static void line_05_a_cycle_of_full_mailboxes_is_named_and_resolved(void)
{
    char ping[] = "ping";
    char pong[] = "pong";
    uint32_t shards;

    for (shards = 1; shards <= 2; shards++) {
        struct stage stage;
        struct player players[2] = {{.handle = answer_three, .data = pong, .wanted = 3000},
                                    {.handle = answer_three, .data = ping, .wanted = 3000}};

        play_cycle(
            &stage, players,
            &(maiko_config){
                .mode = MAIKO_DETERMINISTIC, .shards = shards, .placement = MAIKO_PLACEMENT_SPREAD, .overdraft_events = 2});
        stage_settle(&stage);
        CU_ASSERT_TRUE(players[0].events + players[1].events > 10);
        CU_ASSERT_TRUE(stage_logged(&stage, "ping -> pong -> ping") || stage_logged(&stage, "pong -> ping -> pong"));
        CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
        if (shards == 1) /* between shards the rings give room enough to get through */
            CU_ASSERT_TRUE(stage_counted(&stage, "ping").refused + stage_counted(&stage, "pong").refused > 0);
        CU_ASSERT_EQUAL(stage.report.unfinished, 0);
        stage_close(&stage);
    }
}

static void line_05_a_cycle_on_threads_does_not_hang(void)
{
    char ping[] = "ping";
    char pong[] = "pong";
    struct stage stage;
    struct player players[2] = {{.handle = answer_three, .data = pong, .wanted = 300},
                                {.handle = answer_three, .data = ping, .wanted = 300}};

    play_cycle(&stage, players,
               &(maiko_config){.shards = 2, .placement = MAIKO_PLACEMENT_SPREAD, .deadlock_check_ns = MAIKO_MS(1)});
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage.report.unfinished, 0);
    stage_close(&stage);
}

static void line_06_fail_is_a_failure_of_the_subscriber_alone(void)
{
    struct stage stage;
    struct player sender = {.step = send_burst, .wanted = 6};
    struct player receiver = {.wanted = 0};

    play_burst(&stage, &sender, &receiver, MAIKO_FAIL);
    CU_ASSERT_EQUAL(receiver.stops, 1);
    CU_ASSERT_EQUAL(receiver.errors, 0); /* on_error is for errors of its own hooks */
    CU_ASSERT_EQUAL(receiver.events, 0); /* what was queued is dropped, and counted */
    CU_ASSERT_EQUAL(maiko_supervisor_actor_count(stage.sup), 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EFULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(stage.report.text, "'receiver'"));
    CU_ASSERT_EQUAL(stage_dropped_for(&stage, MAIKO_DROPPED_FAILED), 3);
    stage_close(&stage);
}

static void line_07_forty_failures_at_once_disturb_nobody_else(void)
{
    enum { FAILING = 40 };
    struct stage stage;
    struct player failing[FAILING];
    struct player sender = {.step = send_burst, .wanted = 6};
    struct player unrelated = {.wanted = 0};
    maiko_subscription subscriptions[] = {{.pattern = "number", .overflow = MAIKO_FAIL}, {.pattern = NULL}};
    int i;

    memset(failing, 0, sizeof failing);
    stage_open(&stage, NULL);
    for (i = 0; i < FAILING; i++)
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER(NULL, &failing[i], .capacity = 2, .subscriptions = subscriptions)),
                        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sender", &sender)), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "unrelated", &unrelated), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    for (i = 0; i < FAILING; i++)
        CU_ASSERT_EQUAL(failing[i].stops, 1);
    CU_ASSERT_EQUAL(maiko_supervisor_actor_count(stage.sup), 2);
    CU_ASSERT_EQUAL(stage_send(&stage, 8), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(unrelated.events, 7);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EFULL);
    stage_close(&stage);
}

/* --- order --- */

struct relay {
    int64_t seen[2]; /* last number per sender: source, relay */
    int violations;
};

static maiko_status relay_on(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)player;
    return maiko_send_child_to(ctx, envelope, "relayed", number, .value = maiko_event_as(envelope, number)->value);
}

static maiko_status check_order(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct relay *relay = player->data;
    int64_t value = maiko_event_as(envelope, number)->value;
    bool is_relayed = strcmp(maiko_envelope_topic(envelope), "relayed") == 0;

    (void)ctx;
    relay->violations += value != relay->seen[is_relayed] + 1;
    relay->seen[is_relayed] = value;
    relay->violations += relay->seen[1] > relay->seen[0];
    return MAIKO_OK;
}

static void play_relay(const maiko_config *config, int64_t count)
{
    struct stage stage;
    struct relay books[3] = {{.violations = 0}};
    char topic[] = "number";
    struct player source = {.step = send_one_after_another, .wanted = count, .data = topic};
    struct player relay = {.handle = relay_on};
    struct player receivers[3] = {{.handle = check_order, .data = &books[0]},
                                  {.handle = check_order, .data = &books[1]},
                                  {.handle = check_order, .data = &books[2]}};
    int i;

    stage_open(&stage, config);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source, .capacity = 4)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("relay", &relay, .capacity = 4, .subscribe = MAIKO_TOPICS("number"))),
                    MAIKO_OK);
    for (i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(
            maiko_supervisor_add(stage.sup, PLAYER(NULL, &receivers[i], .capacity = 4, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    if (config->mode == MAIKO_DETERMINISTIC)
        stage_settle(&stage);
    else
        CU_ASSERT_TRUE(wait_until(atomic_load(&source.steps) == count, 60000));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    for (i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(receivers[i].events, 2 * count);
        CU_ASSERT_EQUAL(books[i].violations, 0);
    }
    stage_close(&stage);
}

static void line_31_causes_come_before_effects_with_small_mailboxes(void)
{
    uint32_t shards;

    for (shards = 1; shards <= 4; shards++)
        play_relay(
            &(maiko_config){
                .mode = MAIKO_DETERMINISTIC, .shards = shards, .placement = MAIKO_PLACEMENT_SPREAD, .seed = 31 + shards},
            20000);
}

static void line_31_causes_come_before_effects_on_threads(void)
{
    play_relay(&(maiko_config){.shards = 4, .placement = MAIKO_PLACEMENT_SPREAD}, 2000);
}

/* --- the rest --- */

static maiko_step note_when_full(struct player *player, maiko_context *ctx)
{
    while (!maiko_is_sender_full(ctx)) {
        player->wanted++;
        if (maiko_send(ctx, number, .value = player->wanted) != MAIKO_OK)
            return maiko_error(ctx, MAIKO_EACTOR, "refused");
    }
    return MAIKO_STEP_NEVER;
}

static void line_36_a_sender_is_full_when_it_is_in_debt(void)
{
    struct stage stage;
    struct player sender = {.step = note_when_full};
    struct player receiver = {.wanted = 0};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sender", &sender)), MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("receiver", &receiver, .capacity = 3, .subscribe = MAIKO_TOPICS("number"))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(sender.wanted, 4); /* three fit, the fourth waits */
    CU_ASSERT_EQUAL(receiver.events, 4);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void line_36_the_supervisors_context_is_full_at_256_events(void)
{
    struct stage stage;
    int i;

    stage_open(&stage, NULL);
    for (i = 0; i < 256; i++) {
        CU_ASSERT_FALSE(maiko_is_sender_full(maiko_supervisor_context(stage.sup)));
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    }
    CU_ASSERT_TRUE(maiko_is_sender_full(maiko_supervisor_context(stage.sup)));
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_FALSE(maiko_is_sender_full(maiko_supervisor_context(stage.sup)));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static maiko_status remember_envelope(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    maiko_import *seen = player->data;

    (void)ctx;
    seen->id = maiko_envelope_id(envelope);
    seen->parent = maiko_envelope_parent(envelope);
    seen->correlation = maiko_envelope_correlation(envelope);
    seen->time_ns = maiko_envelope_time(envelope);
    player->wanted = strcmp(maiko_envelope_sender(envelope), "far/away") == 0;
    return MAIKO_OK;
}

static void line_37_a_ready_made_event_keeps_foreign_id_sender_and_time(void)
{
    struct stage stage;
    maiko_import seen = {.struct_size = sizeof seen};
    struct player receiver = {.handle = remember_envelope, .data = &seen};
    maiko_importer *importer = NULL;
    number event = {.value = 5};
    maiko_import import = {.struct_size = sizeof import,
                           .topic = "number",
                           .type = MAIKO_TYPE(number),
                           .event = &event,
                           .len = sizeof event,
                           .sender = "far/away",
                           .id = {1, 2},
                           .parent = {3, 4},
                           .correlation = {5, 6},
                           .time_ns = 77};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "receiver", &receiver), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_new(stage.sup, "door", NULL, &importer), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_send(importer, &import), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_TRUE(receiver.wanted);
    CU_ASSERT_TRUE(maiko_id_equal(seen.id, import.id));
    CU_ASSERT_TRUE(maiko_id_equal(seen.parent, import.parent));
    CU_ASSERT_TRUE(maiko_id_equal(seen.correlation, import.correlation));
    CU_ASSERT_EQUAL(seen.time_ns, 77);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void line_38_capacity_0_is_the_default_and_an_absurd_one_is_refused(void)
{
    struct stage stage;
    struct player player = {.wanted = 0};

    stage_open(&stage, &(maiko_config){.mode = MAIKO_POLLED, .mailbox_capacity = 0});
    CU_ASSERT_EQUAL(stage_add(&stage, "default", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("large", &player, .capacity = UINT32_MAX)), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(stage.sup), "'large'"));
    CU_ASSERT_EQUAL(stage_counted(&stage, "default").capacity, 128);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EINVAL);
    stage_close(&stage);
    stage_open(&stage, &(maiko_config){.mode = MAIKO_POLLED, .mailbox_capacity = UINT32_MAX});
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(stage.sup), "mailbox_capacity"));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EINVAL);
    stage_close(&stage);
}

static void line_39_an_empty_list_of_topics_is_none(void)
{
    static const char *const nothing[] = {NULL};
    struct stage stage;
    struct player player = {.wanted = 0};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("none", &player, .subscribe = nothing)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.starts, 1);
    CU_ASSERT_EQUAL(player.steps, 1);
    CU_ASSERT_EQUAL(player.events, 0);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(player.stops, 1);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(line_01_an_actor_receives_its_own_events_only_on_request),
    TEST_CASE(line_01_an_actor_alone_on_its_topic_does_not_hear_itself),
    TEST_CASE(line_01_a_foreign_sender_of_the_same_name_is_somebody_else),
    TEST_CASE(line_02_the_name_supervisor_is_refused),
    TEST_CASE(line_03_drop_newest_keeps_the_oldest_and_counts_the_rest),
    TEST_CASE(line_03_drop_oldest_keeps_the_newest_and_counts_the_rest),
    TEST_CASE(line_04_block_holds_the_sender_only_and_loses_nothing),
    TEST_CASE(line_05_a_cycle_of_full_mailboxes_is_named_and_resolved),
    TEST_CASE(line_05_a_cycle_on_threads_does_not_hang),
    TEST_CASE(line_06_fail_is_a_failure_of_the_subscriber_alone),
    TEST_CASE(line_07_forty_failures_at_once_disturb_nobody_else),
    TEST_CASE(line_31_causes_come_before_effects_with_small_mailboxes),
    TEST_CASE(line_31_causes_come_before_effects_on_threads),
    TEST_CASE(line_36_a_sender_is_full_when_it_is_in_debt),
    TEST_CASE(line_36_the_supervisors_context_is_full_at_256_events),
    TEST_CASE(line_37_a_ready_made_event_keeps_foreign_id_sender_and_time),
    TEST_CASE(line_38_capacity_0_is_the_default_and_an_absurd_one_is_refused),
    TEST_CASE(line_39_an_empty_list_of_topics_is_none),
};
SUITE_MAIN("behaviour: flow", cases)
