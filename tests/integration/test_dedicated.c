/* Dedicated actors, who may come and go while the runtime runs: their hooks may block, and nobody else is held up by it. */
#include "lib/failing_allocator.h"
#include "lib/stage.h"
#include "lib/suite.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

#define VALUE_FIELDS(F) F(INT64, value)
MAIKO_EVENT_WITH(latest, "latest", VALUE_FIELDS, .sticky = true)
MAIKO_EVENT(answer, "answer", VALUE_FIELDS)

/* A door that hooks wait at until the test opens it. */
struct door {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_open;
    int waiting;
};

#define DOOR_CLOSED                                                                                                              \
    {                                                                                                                            \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                                                   \
    }

static void door_pass(struct door *door)
{
    pthread_mutex_lock(&door->lock);
    door->waiting++;
    while (!door->is_open)
        pthread_cond_wait(&door->changed, &door->lock);
    door->waiting--;
    pthread_mutex_unlock(&door->lock);
}

static void door_open(struct door *door)
{
    pthread_mutex_lock(&door->lock);
    door->is_open = true;
    pthread_cond_broadcast(&door->changed);
    pthread_mutex_unlock(&door->lock);
}

static bool door_is_waited_at(struct door *door)
{
    bool is_waited_at;

    pthread_mutex_lock(&door->lock);
    is_waited_at = door->waiting > 0;
    pthread_mutex_unlock(&door->lock);
    return is_waited_at;
}

/* Blocks, then answers: by then others may have subscribed. */
static maiko_status wait_and_answer(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    door_pass(player->data);
    return maiko_send(ctx, answer, .value = 42);
}

/* Its hook has been blocked since before the others were added; what it sends afterwards reaches them. */
static void a_blocked_dedicated_actor_delays_nobody_who_is_added(void)
{
    struct door door = DOOR_CLOSED;
    struct player blocked = {.handle = wait_and_answer, .data = &door};
    struct player regular = {.wanted = 0};
    struct player dedicated = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 2});
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("blocked", &blocked, .subscribe = MAIKO_TOPICS("number"), .dedicated = true)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(blocked.starts, 1);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(door_is_waited_at(&door), 60000));
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("regular", &regular, .subscribe = MAIKO_TOPICS("answer", "number"))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("dedicated", &dedicated, .subscribe = MAIKO_TOPICS("answer"), .dedicated = true)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(dedicated.starts, 1);
    CU_ASSERT_EQUAL(stage_send(&stage, 2), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&regular.events) == 1, 60000));
    door_open(&door);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(blocked.events, 2);
    CU_ASSERT_EQUAL(regular.events, 3);
    CU_ASSERT_EQUAL(dedicated.events, 2);
    stage_close(&stage);
}

static maiko_status add_dedicated_child(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    if (player->data == NULL)
        return MAIKO_OK;
    return maiko_supervisor_add(maiko_context_supervisor(ctx),
                                PLAYER("child", player->data, .subscribe = MAIKO_TOPICS("number"), .dedicated = true));
}

/* On threads the child has one of its own, on virtual shards a shard of its own, polled it shares the only one. */
static void a_handler_adds_a_dedicated_actor(maiko_mode mode)
{
    struct player child = {.handle = add_dedicated_child};
    struct player parent = {.handle = add_dedicated_child, .data = &child};
    struct stage stage;
    int i;

    stage_open(&stage, &(maiko_config){.mode = mode, .shards = 1});
    CU_ASSERT_EQUAL(stage_add(&stage, "parent", &parent), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    if (mode == MAIKO_THREADS)
        CU_ASSERT_TRUE(wait_until(atomic_load(&child.starts) == 1, 60000));
    if (mode != MAIKO_THREADS)
        stage_settle(&stage);
    parent.data = NULL;
    for (i = 0; i < 300; i++) { /* more than its mailbox holds */
        CU_ASSERT_EQUAL(stage_send(&stage, 2), MAIKO_OK);
        if (mode != MAIKO_THREADS && i % 100 == 0)
            stage_settle(&stage);
    }
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(child.starts, 1);
    CU_ASSERT_EQUAL(child.events, 300);
    CU_ASSERT_EQUAL(child.stops, 1);
    stage_close(&stage);
}

static void a_handler_adds_a_dedicated_actor_on_threads(void)
{
    a_handler_adds_a_dedicated_actor(MAIKO_THREADS);
}

static void a_handler_adds_a_dedicated_actor_on_virtual_shards(void)
{
    a_handler_adds_a_dedicated_actor(MAIKO_DETERMINISTIC);
}

/* The outside sender may not wait in a polled runtime, so it sends what fits. */
static void a_dedicated_actor_shares_the_only_shard_of_a_polled_runtime(void)
{
    struct player child = {.wanted = 0};
    struct player parent = {.handle = add_dedicated_child, .data = &child};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_POLLED});
    CU_ASSERT_EQUAL(stage_add(&stage, "parent", &parent), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    stage_settle(&stage);
    parent.data = NULL;
    CU_ASSERT_EQUAL(stage_send(&stage, 2), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(child.events, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* Their shards are used again: there may be 64 at most. */
static void threads_of_removed_actors_serve_the_next(void)
{
    struct player players[2] = {{.wanted = 0}, {.wanted = 0}};
    struct stage stage;
    int rounds = (int)(200 / suite_slowdown()) + 70;
    int i;

    stage_open(&stage, &(maiko_config){.shards = 1});
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (i = 0; i < rounds; i++) {
        CU_ASSERT_EQUAL(
            maiko_supervisor_add(stage.sup, PLAYER("one", &players[0], .subscribe = MAIKO_TOPICS("number"), .dedicated = true)),
            MAIKO_OK);
        CU_ASSERT_EQUAL(
            maiko_supervisor_add(stage.sup, PLAYER("two", &players[1], .subscribe = MAIKO_TOPICS("number"), .dedicated = true)),
            MAIKO_OK);
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "one"), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "two"), MAIKO_OK);
    }
    CU_ASSERT_EQUAL(players[0].starts, rounds);
    CU_ASSERT_EQUAL(players[0].stops, rounds);
    CU_ASSERT_EQUAL(players[1].stops, rounds);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void the_sixty_fifth_shard_is_refused(void)
{
    static struct player players[64];
    struct stage stage;
    maiko_status status = MAIKO_OK;
    int i;

    memset(players, 0, sizeof players);
    stage_open(&stage, &(maiko_config){.shards = 1});
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (i = 0; i < 64 && status == MAIKO_OK; i++)
        status =
            maiko_supervisor_add(stage.sup, PLAYER(NULL, &players[i], .subscribe = MAIKO_TOPICS("number"), .dedicated = true));
    CU_ASSERT_EQUAL(i, 64);
    CU_ASSERT_EQUAL(status, MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    for (i = 0; i < 63; i++)
        CU_ASSERT_EQUAL(players[i].events, 1);
    stage_close(&stage);
}

static maiko_status publish_latest(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)player;
    return maiko_send(ctx, latest, .value = maiko_event_as(envelope, number)->value);
}

static maiko_status keep_latest(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    const latest *event = maiko_event_as(envelope, latest);

    (void)ctx;
    __atomic_store_n(&player->wanted, event->value, __ATOMIC_RELAXED);
    return MAIKO_OK;
}

/* A thread that comes later has to be told the last values of sticky topics. */
static void last_values_reach_a_thread_that_comes_later(void)
{
    struct player source = {.handle = publish_latest};
    struct player early = {.handle = keep_latest};
    struct player late = {.handle = keep_latest};
    struct stage stage;
    int i;

    stage_open(&stage, &(maiko_config){.shards = 2});
    CU_ASSERT_EQUAL(stage_add(&stage, "source", &source), MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("early", &early, .subscribe = MAIKO_TOPICS("latest"), .shard = MAIKO_SHARD(1))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (i = 1; i <= 3; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&early.events) == 3, 60000));
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("late", &late, .subscribe = MAIKO_TOPICS("latest"), .dedicated = true)), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(__atomic_load_n(&late.wanted, __ATOMIC_RELAXED) == 3, 60000));
    CU_ASSERT_EQUAL(stage_send(&stage, 4), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(late.events, 2);
    CU_ASSERT_EQUAL(late.wanted, 4);
    stage_close(&stage);
}

static maiko_status finish_now(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)player;
    (void)envelope;
    return maiko_finish(ctx);
}

/* Publishers that began before the thread came count there, and its own count elsewhere. */
static void streams_end_across_a_thread_that_comes_later(void)
{
    struct player source = {.handle = finish_now};
    struct player late_source = {.handle = finish_now};
    struct player listener = {.wanted = 0};
    struct player late_listener = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 2});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source, .subscribe = MAIKO_TOPICS("number"),
                                                           .publish = MAIKO_TOPICS("answer"), .shard = MAIKO_SHARD(1))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("listener", &listener, .subscribe = MAIKO_TOPICS("answer"))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("late source", &late_source, .subscribe = MAIKO_TOPICS("latest"),
                                                           .publish = MAIKO_TOPICS("answer"), .dedicated = true)),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("late listener", &late_listener, .subscribe = MAIKO_TOPICS("answer"),
                                                           .dedicated = true)),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&source.events) == 1, 60000));
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(stage.sup), latest, .value = 1), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&listener.ends) == 1 && atomic_load(&late_listener.ends) == 1, 60000));
    CU_ASSERT_EQUAL(late_source.events, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* Nothing is left of a thread that could not be made; when there is room again it can. */
static void a_thread_that_cannot_be_made_is_an_error_of_add(void)
{
    struct player players[40] = {{.wanted = 0}};
    struct rlimit before;
    struct rlimit tight;
    maiko_status status = MAIKO_OK;
    struct stage stage;
    int added;

    if (suite_slowdown() > 1) {
        suite_skip("sanitizers and valgrind need address space");
        return;
    }
    stage_open(&stage, &(maiko_config){.shards = 1});
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    getrlimit(RLIMIT_AS, &before);
    tight = before;
    tight.rlim_cur = 1;
    setrlimit(RLIMIT_AS, &tight);
    for (added = 0; added < 40 && status == MAIKO_OK; added += status == MAIKO_OK) /* a C library keeps some stacks */
        status = maiko_supervisor_add(stage.sup,
                                      PLAYER(NULL, &players[added], .subscribe = MAIKO_TOPICS("number"), .dedicated = true));
    setrlimit(RLIMIT_AS, &before);
    CU_ASSERT_TRUE(status == MAIKO_ESYSTEM || status == MAIKO_ENOMEM);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER(NULL, &players[added], .subscribe = MAIKO_TOPICS("number"), .dedicated = true)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(players[added].events, 1);
    stage_close(&stage);
}

static void nobody_shares_a_dedicated_thread(void)
{
    struct player players[2] = {{.wanted = 0}, {.wanted = 0}};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 1});
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("alone", &players[0], .dedicated = true)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("guest", &players[1], .with = "alone")), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("alone", &players[1], .dedicated = true)), MAIKO_EEXIST);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- told to stop while a hook runs --- */

/* As a gateway that waits for what never comes. */
static maiko_step wait_in_poll(struct player *player, maiko_context *ctx)
{
    struct pollfd stop = {.fd = maiko_context_stop_fd(ctx), .events = POLLIN};

    CU_ASSERT_TRUE(stop.fd >= 0);
    CU_ASSERT_EQUAL(stop.fd, maiko_context_stop_fd(ctx));
    CU_ASSERT_EQUAL(poll(&stop, 1, 60000), 1);
    CU_ASSERT_FALSE(maiko_context_is_alive(ctx));
    player->wanted++;
    return MAIKO_STEP_NEVER;
}

static maiko_step ask_again_and_again(struct player *player, maiko_context *ctx)
{
    while (maiko_context_is_alive(ctx))
        sched_yield();
    player->wanted++;
    return MAIKO_STEP_NEVER;
}

/* The second one gets the thread of the first, with nothing left of its notice. */
static void a_lasting_hook_hears(maiko_step (*step)(struct player *player, maiko_context *ctx))
{
    struct player removed = {.step = step};
    struct player stopped = {.step = step};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 1});
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("removed", &removed, .dedicated = true)), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&removed.steps) == 1, 60000));
    CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "removed"), MAIKO_OK);
    CU_ASSERT_EQUAL(removed.stops, 1);
    CU_ASSERT_EQUAL(removed.wanted, 1);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("stopped", &stopped, .dedicated = true)), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&stopped.steps) == 1, 60000));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stopped.stops, 1);
    CU_ASSERT_EQUAL(stopped.wanted, 1);
    stage_close(&stage);
}

static void a_hook_in_poll_hears_of_a_removal_and_a_stop(void)
{
    a_lasting_hook_hears(wait_in_poll);
}

static void a_hook_that_asks_hears_of_a_removal_and_a_stop(void)
{
    a_lasting_hook_hears(ask_again_and_again);
}

static maiko_step have_no_descriptor(struct player *player, maiko_context *ctx)
{
    player->wanted = maiko_context_stop_fd(ctx);
    return MAIKO_STEP_NEVER;
}

static void only_dedicated_actors_have_a_descriptor_for_it(void)
{
    struct player player = {.step = have_no_descriptor};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 1});
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_context_stop_fd(NULL), -1);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&player.steps) == 1, 60000));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(player.wanted, -1);
    stage_close(&stage);
}

/* The first event goes with the end of the first step, the others while the second lasts. */
static maiko_step send_and_stay(struct player *player, maiko_context *ctx)
{
    struct player *listener = player->data;
    int i;

    CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = 1), MAIKO_OK);
    if (player->steps == 1)
        return MAIKO_STEP_CONTINUE;
    for (i = 2; i <= 4; i++) {
        CU_ASSERT_TRUE(wait_until(atomic_load(&listener->events) == i, 60000));
        CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = i), MAIKO_OK);
    }
    CU_ASSERT_TRUE(wait_until(atomic_load(&listener->events) == 5, 60000));
    return MAIKO_STEP_NEVER;
}

static void what_it_sends_does_not_wait_for_its_hook(void)
{
    struct player listener = {.wanted = 0};
    struct player sender = {.step = send_and_stay, .data = &listener};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 1});
    CU_ASSERT_EQUAL(stage_add(&stage, "listener", &listener), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sender", &sender, .dedicated = true)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&sender.steps) == 2 && atomic_load(&listener.events) == 5, 60000));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void one_whose_removal_finds_no_memory_goes_on(void)
{
    struct failing_allocator memory;
    struct player player = {.wanted = 0};
    maiko_status status = MAIKO_ENOMEM;
    struct stage stage;
    long nth;

    failing_allocator_init(&memory);
    stage_open(&stage, &(maiko_config){.shards = 1, .allocator = &memory.allocator});
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (nth = 0; status == MAIKO_ENOMEM && nth < 20; nth++) {
        CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
        CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&player.events) == nth + 1, 60000));
        CU_ASSERT_TRUE(maiko_context_is_alive(player.ctx));
        failing_allocator_fail_nth(&memory, nth);
        status = maiko_supervisor_remove(stage.sup, "player");
        failing_allocator_fail_nth(&memory, -1);
    }
    CU_ASSERT(status == MAIKO_OK && nth > 2);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&memory));
    stage_close(&stage);
}

/* Goes on until it was named for that. */
static maiko_step linger(struct player *player, maiko_context *ctx)
{
    (void)ctx;
    while (!stage_logged(player->data, "actor 'late' is still busy 500 ms after the stop began"))
        sched_yield();
    return MAIKO_STEP_NEVER;
}

static void who_is_late_is_named(void)
{
    struct door door = DOOR_CLOSED;
    struct player blocked = {.handle = wait_and_answer, .data = &door};
    struct stage stage;
    struct player late = {.step = linger, .data = &stage};

    stage_open(&stage, &(maiko_config){
                           .shards = 1, .actor_stop_deadline_ns = MAIKO_MS(500), .stop_deadline_ns = MAIKO_SECONDS(60)});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("blocked", &blocked, .subscribe = MAIKO_TOPICS("number"), .dedicated = true)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(door_is_waited_at(&door), 60000));
    CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "blocked"), MAIKO_ETIMEDOUT);
    CU_ASSERT_TRUE(stage_logged(&stage, "actor 'blocked' has not ended 500 ms after its removal was asked for"));
    door_open(&door);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("late", &late, .dedicated = true)), MAIKO_OK);
    (void)stage_stop(&stage);
    CU_ASSERT_TRUE(stage_logged(&stage, "actor 'late' is still busy"));
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(a_hook_in_poll_hears_of_a_removal_and_a_stop),
    TEST_CASE(a_hook_that_asks_hears_of_a_removal_and_a_stop),
    TEST_CASE(only_dedicated_actors_have_a_descriptor_for_it),
    TEST_CASE(what_it_sends_does_not_wait_for_its_hook),
    TEST_CASE(one_whose_removal_finds_no_memory_goes_on),
    TEST_CASE(who_is_late_is_named),
    TEST_CASE(a_blocked_dedicated_actor_delays_nobody_who_is_added),
    TEST_CASE(a_handler_adds_a_dedicated_actor_on_threads),
    TEST_CASE(a_handler_adds_a_dedicated_actor_on_virtual_shards),
    TEST_CASE(a_dedicated_actor_shares_the_only_shard_of_a_polled_runtime),
    TEST_CASE(threads_of_removed_actors_serve_the_next),
    TEST_CASE(the_sixty_fifth_shard_is_refused),
    TEST_CASE(last_values_reach_a_thread_that_comes_later),
    TEST_CASE(streams_end_across_a_thread_that_comes_later),
    TEST_CASE(a_thread_that_cannot_be_made_is_an_error_of_add),
    TEST_CASE(nobody_shares_a_dedicated_thread),
};
SUITE_MAIN_TIMEOUT("dedicated actors", cases, 300)
