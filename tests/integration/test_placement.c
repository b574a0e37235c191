/* Automatic placement on threads: heavy actors come apart, and those that may not move stay. */
#include "lib/stage.h"
#include "lib/suite.h"
#include "lib/wait.h"
#include "runtime/deadlock.h"
#include "runtime/placement.h"
#include "runtime/supervisor_internal.h"
#include "runtime/world.h"
#include <poll.h>

enum { WORK_US = 30, ENOUGH_TO_MOVE = 6000 };

/* An actor whose events take a while. */
struct heavy {
    struct player player;
    _Atomic pthread_t thread; /* of the last event */
    pthread_t first;
    _Atomic bool has_moved;
};

static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static maiko_status work(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct heavy *heavy = player->data;
    uint64_t end = cpu_ns() + MAIKO_US(WORK_US);

    (void)ctx;
    (void)envelope;
    while (cpu_ns() < end) {
    }
    if (player->events == 1)
        heavy->first = pthread_self();
    else if (!pthread_equal(heavy->first, pthread_self()))
        atomic_store(&heavy->has_moved, true);
    atomic_store(&heavy->thread, pthread_self());
    return MAIKO_OK;
}

static maiko_step send_for_ever(struct player *player, maiko_context *ctx)
{
    (void)player;
    while (!maiko_is_sender_full(ctx) && maiko_send(ctx, number, .value = 1) == MAIKO_OK) {
    }
    return MAIKO_STEP_CONTINUE;
}

static void add_heavy(struct stage *stage, struct heavy *heavy, maiko_actor_spec spec)
{
    heavy->player.handle = work;
    heavy->player.data = heavy;
    spec.ops = &player_ops;
    spec.self = &heavy->player;
    spec.subscribe = MAIKO_TOPICS("number");
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, &spec), MAIKO_OK);
}

static bool are_apart(struct heavy *a, struct heavy *b)
{
    pthread_t one = atomic_load(&a->thread);
    pthread_t other = atomic_load(&b->thread);

    return one != 0 && other != 0 && !pthread_equal(one, other);
}

static void heavy_actors_come_apart(void)
{
    struct heavy a = {.first = 0};
    struct heavy b = {.first = 0};
    struct player source = {.step = send_for_ever};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 2});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source)), MAIKO_OK);
    add_heavy(&stage, &a, (maiko_actor_spec){.name = "a"});
    add_heavy(&stage, &b, (maiko_actor_spec){.name = "b"});
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(are_apart(&a, &b), 60000));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_TRUE(a.has_moved || b.has_moved);
    CU_ASSERT_EQUAL(a.player.events, b.player.events);
    stage_close(&stage);
}

static maiko_step wait_for_the_end(struct player *player, maiko_context *ctx)
{
    struct pollfd stop = {.fd = maiko_context_stop_fd(ctx), .events = POLLIN};

    (void)player;
    while (poll(&stop, 1, -1) != 1) {
    }
    return MAIKO_STEP_NEVER;
}

/* Which is what dedicated actors are for. */
static void heavy_actors_come_apart_although_a_dedicated_one_blocks(void)
{
    struct heavy a = {.first = 0};
    struct heavy b = {.first = 0};
    struct player source = {.step = send_for_ever};
    struct player waiting = {.step = wait_for_the_end};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 2});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("waiting", &waiting, .dedicated = true)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source)), MAIKO_OK);
    add_heavy(&stage, &a, (maiko_actor_spec){.name = "a"});
    add_heavy(&stage, &b, (maiko_actor_spec){.name = "b"});
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(are_apart(&a, &b), 60000));
    CU_ASSERT_EQUAL(atomic_load(&waiting.steps), 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(a.player.events, b.player.events);
    stage_close(&stage);
}

/* Two that would come apart if they might. */
static void expect_to_stay(maiko_placement placement, maiko_actor_spec first, maiko_actor_spec second)
{
    struct heavy a = {.first = 0};
    struct heavy b = {.first = 0};
    struct player source = {.step = send_for_ever};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 2, .placement = placement});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &source)), MAIKO_OK);
    add_heavy(&stage, &a, first);
    add_heavy(&stage, &b, second);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&b.player.events) >= ENOUGH_TO_MOVE, 60000));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_FALSE(a.has_moved);
    CU_ASSERT_FALSE(b.has_moved);
    stage_close(&stage);
}

static void bound_actors_stay(void)
{
    expect_to_stay(MAIKO_PLACEMENT_AUTO, (maiko_actor_spec){.name = "affine", .thread_affine = true},
                   (maiko_actor_spec){.name = "companion", .with = "affine"});
    expect_to_stay(MAIKO_PLACEMENT_AUTO, (maiko_actor_spec){.name = "a", .shard = MAIKO_SHARD(1)},
                   (maiko_actor_spec){.name = "b", .shard = MAIKO_SHARD(1)});
}

static void fixed_placement_moves_nobody(void)
{
    expect_to_stay(MAIKO_PLACEMENT_FIXED, (maiko_actor_spec){.name = "a"}, (maiko_actor_spec){.name = "b"});
}

/* Is the world stopped while the thread of shard 1 looks for work, not because it sleeps? */
static bool stops_who_spins(struct stage *stage, struct player *there)
{
    struct shard *shard = stage->sup->shards[0];
    int before = there->events;
    bool is_stopped;
    uint64_t still;

    CU_ASSERT_EQUAL(stage_send(stage, 1), MAIKO_OK); /* it may sleep by now: it has a turn, and looks again */
    CU_ASSERT_TRUE(wait_until(atomic_load(&there->events) > before, 30000));
    (void)wait_until(false, 20); /* the turn is over */
    still = world_pause(shard);
    is_stopped = still == supervisor_all_shards(stage->sup) && (stage->sup->paused_shards & 2) != 0;
    if (still != 0)
        world_resume(shard);
    return is_stopped;
}

static void a_shard_that_spins_for_long_stands_still_when_it_is_to(void)
{
    struct player idle = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 2, .spin_ns = MAIKO_SECONDS(1)});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("idle", &idle, .subscribe = MAIKO_TOPICS("number"), .shard = MAIKO_SHARD(1))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(stops_who_spins(&stage, &idle), 30000));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- decisions, with figures of the test's --- */

static struct actor *actor_of(struct stage *stage, const char *name)
{
    struct actor *actor = actor_names_find(&stage->sup->names, name);

    CU_ASSERT_PTR_NOT_NULL_FATAL(actor);
    return actor;
}

/* As if it had handled so many events since the last look. */
static void pretend(struct actor *actor, uint32_t events, uint32_t cost_ns)
{
    struct shard *shard = actor->shard;
    uint32_t seen = (uint32_t)(COUNTED(actor->counters, handled) + COUNTED(actor->counters, sent)) - events;

    actor->cost_ns = cost_ns;
    load_list_add(&shard->loads, shard->heap, actor, seen);
    for (uint32_t i = 0; i < shard->loads.count; i++) {
        if (shard->loads.entries[i].actor == actor)
            shard->loads.entries[i].units_seen = seen;
    }
}

/* Events that are in its mailbox and not handled. */
static void pile_up(struct stage *stage, struct actor *actor, uint32_t events)
{
    uint32_t i;

    for (i = 0; i < events; i++)
        CU_ASSERT_EQUAL(stage_send(stage, i), MAIKO_OK);
    shard_of_this_thread = stage->sup->shards[0];
    (void)shard_turn(stage->sup->shards[0], events);
    shard_of_this_thread = actor->shard;
    (void)exchange_drain(actor->shard);
    shard_of_this_thread = NULL;
    CU_ASSERT_EQUAL(actor->mailbox.depth, events);
}

enum { CROWD = 4, PILE = 20 };

/* In 10 ms four actors had 5 ms of work each on one shard.  On the other one waits more than that for its only actor, which could
 * take no more than all of a core in that time. */
static void a_deep_mailbox_counts_no_more_than_a_core(void)
{
    static const char *const names[CROWD] = {"a", "b", "c", "d"};
    struct player players[CROWD] = {{.wanted = 0}};
    struct player deep = {.wanted = 0};
    struct stage stage;
    int moved = 0;
    int i;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2});
    for (i = 0; i < CROWD; i++)
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER(names[i], &players[i])), MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("deep", &deep, .subscribe = MAIKO_TOPICS("number"), .shard = MAIKO_SHARD(1))),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    pile_up(&stage, actor_of(&stage, "deep"), PILE);
    pretend(actor_of(&stage, "deep"), 0, MAIKO_MS(2));
    for (i = 0; i < CROWD; i++)
        pretend(actor_of(&stage, names[i]), 1000, MAIKO_US(5));
    stage.sup->loads_since_ns = clock_mono_ns(&stage.sup->clock);
    clock_advance(&stage.sup->clock, MAIKO_MS(10));
    placement_balance(stage.sup->shards[0]);
    for (i = 0; i < CROWD; i++)
        moved += actor_of(&stage, names[i])->shard->index == 1;
    CU_ASSERT_EQUAL(moved, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- with many who have nothing to do --- */

enum { IDLE = 200000, FEW = 100 };

static void add_idle(struct stage *stage)
{
    static const maiko_actor_ops idle = {.handle = NULL};
    int failed = 0;

    for (int i = 0; i < IDLE; i++)
        failed += maiko_supervisor_add(stage->sup, &(maiko_actor_spec){.ops = &idle}) != MAIKO_OK;
    CU_ASSERT_EQUAL(failed, 0);
}

/* Everybody stands still meanwhile. */
static void balancing_looks_at_those_who_work(void)
{
    struct player players[2] = {{.wanted = 0}};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2});
    add_idle(&stage);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("a", &players[0])), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("b", &players[1])), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    pretend(actor_of(&stage, "a"), 1000, MAIKO_US(5));
    pretend(actor_of(&stage, "b"), 1000, MAIKO_US(5));
    stage.sup->loads_since_ns = clock_mono_ns(&stage.sup->clock);
    clock_advance(&stage.sup->clock, MAIKO_MS(10));
    placement_balance(stage.sup->shards[0]);
    CU_ASSERT_NOT_EQUAL(actor_of(&stage, "a")->shard, actor_of(&stage, "b")->shard);
    CU_ASSERT_TRUE(stage.sup->looked_at > 0 && stage.sup->looked_at < FEW);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void searches_look_at_those_who_keep_others_waiting(void)
{
    struct player slow = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1});
    add_idle(&stage);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("slow", &slow, .subscribe = MAIKO_TOPICS("number"), .capacity = FEW / 2)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    for (int i = 0; i < FEW; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    inbox_run(stage.sup->inbox);
    CU_ASSERT_TRUE(stage.sup->shards[0]->waiting > 0);
    CU_ASSERT_FALSE(deadlock_search(stage.sup->shards[0]));
    CU_ASSERT_TRUE(stage.sup->looked_at > 0 && stage.sup->looked_at < FEW);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(slow.events, FEW);
    CU_ASSERT_FALSE(deadlock_search(stage.sup->shards[0]));
    CU_ASSERT_PTR_NULL(stage.sup->shards[0]->crowded);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* Its threads do not run, which is what a pause sees of those that are in hooks too long for it. */
static void pauses_that_fail_become_rare(void)
{
    struct stage stage;
    struct shard *shard;
    uint64_t gap_ns = MAIKO_MS(10);
    int i;

    stage_open(&stage, &(maiko_config){.shards = 2});
    shard = stage.sup->shards[0];
    for (i = 0; i < 9; i++) {
        shard->balance_at_ns = 0;
        placement_balance(shard);
        CU_ASSERT_EQUAL(shard->balance_gap_ns, gap_ns);
        gap_ns = 2 * gap_ns < MAIKO_SECONDS(1) ? 2 * gap_ns : MAIKO_SECONDS(1);
    }
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(heavy_actors_come_apart),
    TEST_CASE(heavy_actors_come_apart_although_a_dedicated_one_blocks),
    TEST_CASE(bound_actors_stay),
    TEST_CASE(fixed_placement_moves_nobody),
    TEST_CASE(a_deep_mailbox_counts_no_more_than_a_core),
    TEST_CASE(pauses_that_fail_become_rare),
    TEST_CASE(balancing_looks_at_those_who_work),
    TEST_CASE(searches_look_at_those_who_keep_others_waiting),
    TEST_CASE(a_shard_that_spins_for_long_stands_still_when_it_is_to),
};
SUITE_MAIN_TIMEOUT("placement", cases, 300)
