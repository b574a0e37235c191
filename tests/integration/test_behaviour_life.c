/* Behaviour, part 2: starting, errors, steps, stopping.  One test per line of maiko_behaviour(7), named
 * line_NN_the_outcome. */
#include "lib/stage.h"
#include "lib/suite.h"

#include <string.h>
#include <time.h>

static const maiko_config threads = {.shards = 2};

/* --- errors --- */

static maiko_status fail_with_reason(struct player *player, maiko_context *ctx)
{
    return maiko_error(ctx, MAIKO_EACTOR, "reason %lld", (long long)player->wanted);
}

static maiko_status fail_to_handle(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    return fail_with_reason(player, ctx);
}

static void line_08_an_error_of_a_handler_runs_on_stop_and_comes_out_of_stop(void)
{
    struct stage stage;
    struct player failing = {.handle = fail_to_handle, .wanted = 8};

    stage_open(&stage, &threads);
    CU_ASSERT_EQUAL(stage_add(&stage, "failing", &failing), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_join(stage.sup), MAIKO_EACTOR);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EACTOR);
    CU_ASSERT_STRING_EQUAL(stage.report.text, "actor 'failing': reason 8");
    CU_ASSERT_EQUAL(failing.errors, 1);
    CU_ASSERT_EQUAL(failing.stops, 1);
    stage_close(&stage);
}

static void line_09_an_error_of_on_start_ends_the_actor_without_on_stop(void)
{
    struct stage stage;
    struct player failing = {.on_start = fail_with_reason, .wanted = 9};

    stage_open(&stage, &threads);
    CU_ASSERT_EQUAL(stage_add(&stage, "failing", &failing), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_join(stage.sup), MAIKO_EACTOR);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EACTOR);
    CU_ASSERT_STRING_EQUAL(stage.report.text, "actor 'failing': reason 9");
    CU_ASSERT_EQUAL(failing.errors, 0);
    CU_ASSERT_EQUAL(failing.stops, 0);
    stage_close(&stage);
}

static void line_10_of_errors_of_on_stop_the_first_is_kept(void)
{
    struct stage stage;
    struct player first = {.on_stop = fail_with_reason, .wanted = 1};
    struct player second = {.on_stop = fail_with_reason, .wanted = 2};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "first", &first), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "second", &second), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EACTOR);
    CU_ASSERT_STRING_EQUAL(stage.report.text, "actor 'first': reason 1");
    CU_ASSERT_EQUAL(second.stops, 1);
    CU_ASSERT_TRUE(stage_logged(&stage, "actor 'second': reason 2")); /* the others are in the log */
    stage_close(&stage);
}

/* There are no exceptions in C: what an actor can do is fail, and a crash is the process's. */
static void line_11_a_failed_actor_leaves_the_others_alive_until_stop(void)
{
    struct stage stage;
    struct player failing = {.handle = fail_to_handle, .wanted = 11};
    struct player other = {.wanted = 0};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "failing", &failing), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "other", &other), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(maiko_supervisor_status(stage.sup), MAIKO_EACTOR);
    CU_ASSERT_EQUAL(stage_send(&stage, 2), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(failing.events, 1);
    CU_ASSERT_EQUAL(other.events, 2);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EACTOR);
    stage_close(&stage);
}

/* --- adding and starting --- */

static void line_12_a_name_is_taken_until_its_actor_has_gone(void)
{
    struct stage stage;
    struct player first = {.wanted = 0};
    struct player second = {.wanted = 0};

    stage_open(&stage, &threads);
    CU_ASSERT_EQUAL(stage_add(&stage, "twin", &first), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "twin", &second), MAIKO_EEXIST);
    CU_ASSERT_EQUAL(second.starts, 0);
    CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "twin"), MAIKO_OK);
    CU_ASSERT_EQUAL(first.stops, 1);
    CU_ASSERT_EQUAL(stage_add(&stage, "twin", &second), MAIKO_OK);
    CU_ASSERT_EQUAL(second.starts, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void line_12_a_duplicate_before_start_sticks(void)
{
    struct stage stage;
    struct player first = {.wanted = 0};
    struct player second = {.wanted = 0};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "twin", &first), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "twin", &second), MAIKO_EEXIST);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_EEXIST);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(stage.sup), "'twin'"));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EEXIST);
    CU_ASSERT_EQUAL(first.starts + first.stops, 0);
    stage_close(&stage);
}

static void line_13_an_actor_added_right_after_start_runs(void)
{
    struct stage stage;
    struct player early = {.wanted = 0};
    struct player late = {.wanted = 0};

    stage_open(&stage, &threads);
    CU_ASSERT_EQUAL(stage_add(&stage, "early", &early), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "late", &late), MAIKO_OK);
    CU_ASSERT_EQUAL(late.starts, 1); /* its on_start has returned */
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(late.events, 1);
    stage_close(&stage);
}

static void line_14_a_second_start_is_refused_and_harms_nothing(void)
{
    struct stage stage;
    struct player player = {.wanted = 0};

    stage_open(&stage, &threads);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_ESTATE);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(player.starts, 1);
    CU_ASSERT_EQUAL(player.events, 1);
    stage_close(&stage);
}

static void line_15_stop_before_start_runs_no_hook_and_reports_what_was_sent(void)
{
    struct stage stage;
    struct player player = {.wanted = 0};

    stage_open(&stage, &threads);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 2), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(player.starts + player.stops, 0);
    CU_ASSERT_EQUAL(stage.report.unfinished, 2);
    stage_close(&stage);
}

static void line_16_256_events_sent_before_start_are_delivered_and_the_next_is_refused(void)
{
    struct stage stage;
    struct player player = {.wanted = 0};
    int i;

    stage_open(&stage, &threads);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    for (i = 0; i < 256; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 257), MAIKO_EFULL);
    CU_ASSERT_EQUAL(maiko_context_last_refusal(maiko_supervisor_context(stage.sup)), MAIKO_EFULL);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(player.events, 256);
    CU_ASSERT_EQUAL(stage_counted(&stage, "player").handled, 256);
    stage_close(&stage);
}

static void line_17_sends_after_a_stop_are_refused(void)
{
    struct stage stage;
    struct player player = {.wanted = 0};

    stage_open(&stage, &threads);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(stage.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_ECLOSED);
    CU_ASSERT_EQUAL(maiko_send(player.ctx, number, .value = 1), MAIKO_ECLOSED);
    CU_ASSERT_EQUAL(maiko_stop(player.ctx), MAIKO_ECLOSED);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(player.events, 0);
    stage_close(&stage);
}

/* --- sending while stopping --- */

static maiko_status send_300(struct player *player, maiko_context *ctx)
{
    int i;

    for (i = 0; i < 300; i++)
        player->wanted += maiko_send(ctx, number, .value = i) == MAIKO_OK;
    return MAIKO_OK;
}

/* on_stop hooks run in order of addition: who is behind still handles what they send. */
static void line_18_sends_in_on_stop_reach_those_that_stop_later(void)
{
    struct stage stage;
    struct player before = {.wanted = 0};
    struct player sender = {.on_stop = send_300};
    struct player behind = {.wanted = 0};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "before", &before), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sender", &sender)), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "behind", &behind), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(sender.wanted, 300);
    CU_ASSERT_EQUAL(before.events, 0);
    CU_ASSERT_EQUAL(behind.events, 300);
    stage_close(&stage);
}

static void line_18_sends_in_on_stop_do_not_hang_on_threads(void)
{
    struct stage stage;
    struct player sender = {.on_stop = send_300};
    struct player other = {.wanted = 0};

    stage_open(&stage, &(maiko_config){.shards = 2, .placement = MAIKO_PLACEMENT_SPREAD});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sender", &sender)), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "other", &other), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK); /* handled by the other shard, or counted as dropped there */
    CU_ASSERT_EQUAL(sender.stops + other.stops, 2);
    stage_close(&stage);
}

static maiko_status burst_of_1000(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    int i;

    (void)envelope;
    for (i = 0; i < 1000; i++)
        player->wanted += maiko_send_to(ctx, "out", number, .value = i) == MAIKO_OK;
    return MAIKO_OK;
}

static void line_19_a_handler_that_sends_a_thousand_during_stop_does_not_hang(void)
{
    struct stage stage;
    struct player sender = {.handle = burst_of_1000};
    struct player receiver = {.wanted = 0};

    stage_open(&stage, &threads);
    CU_ASSERT_EQUAL(stage_add(&stage, "sender", &sender), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("receiver", &receiver, .subscribe = MAIKO_TOPICS("out"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 2), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(receiver.events, sender.wanted);                    /* what was accepted was handled */
    CU_ASSERT_TRUE(sender.wanted >= 128 + 256 && sender.wanted < 2000); /* mailbox and outbox limit; the rest was refused */
    stage_close(&stage);
}

/* --- steps --- */

static maiko_step await_event(struct player *player, maiko_context *ctx)
{
    (void)player;
    (void)ctx;
    return MAIKO_STEP_AWAIT_EVENT;
}

/* Steps taken by an actor that awaits events and finds 12 in its mailbox; the first one is its first. */
static int steps_over_12_events(uint32_t tick_limit)
{
    struct stage stage;
    struct player player = {.step = await_event};
    int steps;
    int i;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("number"), .tick_limit = tick_limit)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.steps, 1);
    for (i = 0; i < 12; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.events, 12);
    steps = player.steps - 1;
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
    return steps;
}

static void line_20_await_event_runs_once_per_batch(void)
{
    CU_ASSERT_EQUAL(steps_over_12_events(100), 1);
}

static void line_26_a_batch_is_exactly_the_tick_limit(void)
{
    CU_ASSERT_EQUAL(steps_over_12_events(1), 12);
    CU_ASSERT_EQUAL(steps_over_12_events(3), 4);
    CU_ASSERT_EQUAL(steps_over_12_events(0), 2); /* the default, 10 */
}

static maiko_status call_player(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    return ((struct player *)self)->handle(self, ctx, envelope);
}

static const maiko_actor_ops light_ops = {.handle = call_player}; /* a player has a step */

struct row {
    int who;
    int length;
    int longest;
};

struct diner {
    struct row *row;
    int who;
};

static maiko_status dine(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    const struct diner *diner = player->data;
    struct row *row = diner->row;

    (void)ctx;
    (void)envelope;
    row->length = row->who == diner->who ? row->length + 1 : 1;
    row->who = diner->who;
    row->longest = row->length > row->longest ? row->length : row->longest;
    return MAIKO_OK;
}

/* The most events one of two actors handles while the other waits, both light and each with 100 of them. */
static int longest_row(uint32_t tick_limit)
{
    struct row row = {.who = -1};
    struct diner diners[2] = {{&row, 0}, {&row, 1}};
    struct player players[2] = {{.handle = dine, .data = &diners[0]}, {.handle = dine, .data = &diners[1]}};
    struct stage stage;
    int i;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC});
    for (i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, &(maiko_actor_spec){.ops = &light_ops,
                                                                            .self = &players[i],
                                                                            .subscribe = MAIKO_TOPICS("number"),
                                                                            .tick_limit = tick_limit}),
                        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (i = 0; i < 130; i++) { /* until they are known to be light */
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
        stage_settle(&stage);
    }
    row.longest = row.length = 0;
    for (i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
    return row.longest;
}

static void line_26_light_actors_get_some_batches_in_a_row_unless_they_say_how_many_events(void)
{
    CU_ASSERT_EQUAL(longest_row(10), 10);
    CU_ASSERT_EQUAL(longest_row(3), 3);
    CU_ASSERT(longest_row(0) <= 60);
    CU_ASSERT(longest_row(0) > 10);
}

static void line_21_never_is_for_life(void)
{
    struct stage stage;
    struct player player = {.step = NULL};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.steps, 1);
    CU_ASSERT_EQUAL(player.events, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

struct times {
    uint64_t at[4]; /* virtual time of the first steps */
};

static void note_time(struct player *player, maiko_context *ctx)
{
    struct times *times = player->data;

    if (player->steps <= 4)
        times->at[player->steps - 1] = maiko_context_time(ctx);
}

static maiko_step step_every_10_s(struct player *player, maiko_context *ctx)
{
    note_time(player, ctx);
    return player->steps < 2 ? MAIKO_STEP_BACKOFF(MAIKO_SECONDS(10)) : MAIKO_STEP_NEVER;
}

static maiko_step step_every_3_s(struct player *player, maiko_context *ctx)
{
    (void)maiko_send(ctx, number, .value = player->steps);
    return player->steps < 5 ? MAIKO_STEP_BACKOFF(MAIKO_SECONDS(3)) : MAIKO_STEP_NEVER;
}

static void line_22_events_do_not_change_a_backoff(void)
{
    struct stage stage;
    struct times times = {.at = {0}};
    struct player waiting = {.step = step_every_10_s, .data = &times};
    struct player disturbing = {.step = step_every_3_s};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "waiting", &waiting), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("disturbing", &disturbing)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(waiting.events, 5);
    CU_ASSERT_EQUAL(times.at[1] - times.at[0], MAIKO_SECONDS(10));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static maiko_step step_for_ever(struct player *player, maiko_context *ctx)
{
    (void)player;
    (void)ctx;
    return MAIKO_STEP_CONTINUE;
}

static void line_23_continue_for_ever_does_not_freeze_the_thread(void)
{
    struct stage stage;
    struct player busy = {.step = step_for_ever};
    struct player other = {.wanted = 0};

    stage_open(&stage, &(maiko_config){.shards = 1});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("busy", &busy)), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "other", &other), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&busy.steps) > 100, 60000));
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&other.events) == 1, 60000));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static maiko_status answer_oneself(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    return player->events < player->wanted ? maiko_send(ctx, number, .value = player->events) : MAIKO_OK;
}

static void line_24_a_busy_mailbox_does_not_starve_step(void)
{
    struct stage stage;
    struct player player = {.handle = answer_oneself, .step = step_for_ever, .wanted = 1000};

    stage_open(&stage, &(maiko_config){.mode = MAIKO_POLLED});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("number"),
                                                           .receive_own = true, .tick_limit = 5)),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 0), MAIKO_OK);
    CU_ASSERT_TRUE(maiko_supervisor_poll(stage.sup, 1000) >= 1000);
    CU_ASSERT_TRUE(player.steps >= player.events / 5);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* Blocks, which a dedicated actor may, until it is told to go on. */
static maiko_step step_that_takes_time(struct player *player, maiko_context *ctx)
{
    _Atomic bool *go_on = player->data;

    (void)ctx;
    CU_ASSERT_TRUE(wait_until(atomic_load(go_on), 60000));
    player->wanted++;
    return MAIKO_STEP_NEVER;
}

static void line_25_a_step_is_never_abandoned(void)
{
    struct stage stage;
    _Atomic bool go_on = false;
    struct player slow = {.step = step_that_takes_time, .data = (void *)&go_on};
    struct player other = {.wanted = 0};

    stage_open(&stage, &threads);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("slow", &slow, .subscribe = MAIKO_TOPICS("number"), .dedicated = true)), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "other", &other), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&slow.steps) == 1, 60000));
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "other"), MAIKO_OK);
    CU_ASSERT_EQUAL(slow.events, 0);
    atomic_store(&go_on, true);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(slow.steps, 1);
    CU_ASSERT_EQUAL(slow.wanted, 1);
    CU_ASSERT_EQUAL(slow.events, 1);
    stage_close(&stage);
}

static maiko_step step_that_fails(struct player *player, maiko_context *ctx)
{
    note_time(player, ctx);
    return player->steps <= 3 ? maiko_error(ctx, MAIKO_EACTOR, "again") : MAIKO_STEP_NEVER;
}

static maiko_error_action ignore(struct player *player, maiko_context *ctx, maiko_status error)
{
    (void)player;
    (void)ctx;
    (void)error;
    return maiko_error_ignore();
}

static void line_27_a_failed_step_that_is_ignored_waits_twice_as_long_each_time(void)
{
    struct stage stage;
    struct times times = {.at = {0}};
    struct player player = {.step = step_that_fails, .on_error = ignore, .data = &times};

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.steps, 4);
    CU_ASSERT_EQUAL(times.at[1] - times.at[0], MAIKO_MS(1));
    CU_ASSERT_EQUAL(times.at[2] - times.at[1], MAIKO_MS(2));
    CU_ASSERT_EQUAL(times.at[3] - times.at[2], MAIKO_MS(4));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- the end --- */

static maiko_status stop_oneself(struct player *player, maiko_context *ctx)
{
    (void)player;
    return maiko_stop(ctx);
}

static void line_28_join_returns_when_all_actors_have_stopped(void)
{
    struct stage stage;
    struct player first = {.on_start = stop_oneself};
    struct player second = {.on_start = stop_oneself};

    stage_open(&stage, &threads);
    CU_ASSERT_EQUAL(stage_add(&stage, "first", &first), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "second", &second), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_join(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_actor_count(stage.sup), 0);
    CU_ASSERT_EQUAL(first.stops + second.stops, 2);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return MAIKO_SECONDS((uint64_t)now.tv_sec) + (uint64_t)now.tv_nsec;
}

/* A handler with a millisecond of work. */
static maiko_status work_1_ms(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    uint64_t until = now_ns() + MAIKO_MS(1);

    (void)player;
    (void)ctx;
    (void)envelope;
    while (now_ns() < until) {
    }
    return MAIKO_OK;
}

static void line_29_a_stop_waits_for_a_slow_consumer(void)
{
    struct stage stage;
    struct player slow = {.handle = work_1_ms};
    int i;

    stage_open(&stage, &threads);
    CU_ASSERT_EQUAL(stage_add(&stage, "slow", &slow), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (i = 0; i < 30; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(slow.events, 30);
    CU_ASSERT_EQUAL(stage.report.unfinished, 0);
    stage_close(&stage);
}

static maiko_error_action retry_in_an_hour(struct player *player, maiko_context *ctx, maiko_status error)
{
    (void)player;
    (void)ctx;
    (void)error;
    return maiko_error_retry(MAIKO_HOURS(1), 1);
}

static void line_29_a_stop_past_its_deadline_names_who_held_it_up(void)
{
    struct stage stage;
    struct player stuck = {.handle = fail_to_handle, .on_error = retry_in_an_hour};
    struct player other = {.wanted = 0};
    int i;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "other", &other), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "stuck", &stuck), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(stage.sup, 7), 7); /* two first steps, then the events */
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL(stage.report.unfinished, 5);
    CU_ASSERT_EQUAL(stage.report.actor_count, 1);
    CU_ASSERT_STRING_EQUAL(stage.report.actors[0].name, "stuck");
    CU_ASSERT_STRING_EQUAL(stage.report.text, "actor 'stuck': did not finish before the stop deadline");
    CU_ASSERT_EQUAL(stuck.stops, 1);
    CU_ASSERT_EQUAL(other.events, 5);
    CU_ASSERT_EQUAL(stage_counted(&stage, "stuck").dropped, 5);
    stage_close(&stage);
}

static void line_29_also_what_no_actor_has_yet_is_unfinished(void)
{
    struct stage stage;
    struct player stuck = {.handle = fail_to_handle, .on_error = retry_in_an_hour};
    int i;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1, .mailbox_capacity = 2});
    CU_ASSERT_EQUAL(stage_add(&stage, "stuck", &stuck), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (i = 0; i < 9; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL(stage.report.unfinished, 9); /* one is tried again, two are queued, one waits, the rest are outside */
    CU_ASSERT_EQUAL_FATAL(stage.report.actor_count, 2);
    CU_ASSERT_STRING_EQUAL(stage.report.actors[0].name, "stuck");
    CU_ASSERT_EQUAL(stage.report.actors[0].events, 4);
    CU_ASSERT_EQUAL(stage.report.actors[1].events, 5);
    CU_ASSERT_STRING_EQUAL(stage.report.text, "actor 'stuck': did not finish before the stop deadline");
    CU_ASSERT_EQUAL(stage_counted(&stage, "stuck").dropped, 4);
    stage_close(&stage);
}

static maiko_status stop_runtime_at_first(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    return player->events == 1 ? maiko_stop_runtime(ctx) : MAIKO_OK;
}

static void line_30_stop_runtime_discards_nothing(void)
{
    struct stage stage;
    struct player stopper = {.handle = stop_runtime_at_first};
    struct player slow = {.handle = work_1_ms};
    int i;

    stage_open(&stage, &(maiko_config){.shards = 1, .handle_no_signals = true});
    CU_ASSERT_EQUAL(stage_add(&stage, "stopper", &stopper), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "slow", &slow), MAIKO_OK);
    for (i = 0; i < 30; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_run(stage.sup), MAIKO_OK); /* start, join, halt */
    CU_ASSERT_EQUAL(stopper.events, 30);
    CU_ASSERT_EQUAL(slow.events, 30);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(line_08_an_error_of_a_handler_runs_on_stop_and_comes_out_of_stop),
    TEST_CASE(line_09_an_error_of_on_start_ends_the_actor_without_on_stop),
    TEST_CASE(line_10_of_errors_of_on_stop_the_first_is_kept),
    TEST_CASE(line_11_a_failed_actor_leaves_the_others_alive_until_stop),
    TEST_CASE(line_12_a_name_is_taken_until_its_actor_has_gone),
    TEST_CASE(line_12_a_duplicate_before_start_sticks),
    TEST_CASE(line_13_an_actor_added_right_after_start_runs),
    TEST_CASE(line_14_a_second_start_is_refused_and_harms_nothing),
    TEST_CASE(line_15_stop_before_start_runs_no_hook_and_reports_what_was_sent),
    TEST_CASE(line_16_256_events_sent_before_start_are_delivered_and_the_next_is_refused),
    TEST_CASE(line_17_sends_after_a_stop_are_refused),
    TEST_CASE(line_18_sends_in_on_stop_reach_those_that_stop_later),
    TEST_CASE(line_18_sends_in_on_stop_do_not_hang_on_threads),
    TEST_CASE(line_19_a_handler_that_sends_a_thousand_during_stop_does_not_hang),
    TEST_CASE(line_20_await_event_runs_once_per_batch),
    TEST_CASE(line_21_never_is_for_life),
    TEST_CASE(line_22_events_do_not_change_a_backoff),
    TEST_CASE(line_23_continue_for_ever_does_not_freeze_the_thread),
    TEST_CASE(line_24_a_busy_mailbox_does_not_starve_step),
    TEST_CASE(line_25_a_step_is_never_abandoned),
    TEST_CASE(line_26_a_batch_is_exactly_the_tick_limit),
    TEST_CASE(line_26_light_actors_get_some_batches_in_a_row_unless_they_say_how_many_events),
    TEST_CASE(line_27_a_failed_step_that_is_ignored_waits_twice_as_long_each_time),
    TEST_CASE(line_28_join_returns_when_all_actors_have_stopped),
    TEST_CASE(line_29_a_stop_waits_for_a_slow_consumer),
    TEST_CASE(line_29_a_stop_past_its_deadline_names_who_held_it_up),
    TEST_CASE(line_29_also_what_no_actor_has_yet_is_unfinished),
    TEST_CASE(line_30_stop_runtime_discards_nothing),
};
SUITE_MAIN("behaviour: life", cases)
