/* While a dedicated actor is in a hook its shard is served by others: nothing piles up, and all the hook may call still holds. */
#include "lib/stage.h"
#include "lib/suite.h"
#include "lib/wait.h"
#include <maiko/import.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANY_FIELDS(F) F(INT64, value)
MAIKO_EVENT(answer, "answer", ANY_FIELDS)

/* --- memory --- */

static _Atomic long live_bytes;

static void *allocate(size_t size, void *userdata)
{
    (void)userdata;
    atomic_fetch_add(&live_bytes, (long)size);
    return malloc(size);
}

static void release(void *memory, size_t size, void *userdata)
{
    (void)userdata;
    atomic_fetch_sub(&live_bytes, (long)size);
    free(memory);
}

static const maiko_allocator counting = {.allocate = allocate, .release = release};

/* Waits in its first hook until the test lets it go. */
struct blocked {
    struct player player;
    sem_t door;
    _Atomic bool is_waiting;
    _Atomic bool is_through;
    _Atomic int wrong; /* of what the hook found */
};

static void pass_door(struct blocked *blocked)
{
    atomic_store(&blocked->is_waiting, true);
    while (sem_wait(&blocked->door) != 0) {
    }
    atomic_store(&blocked->is_waiting, false);
    sem_post(&blocked->door); /* it stays open */
}

static maiko_status wait_at_door(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)envelope;
    pass_door(player->data);
    return MAIKO_OK;
}

static void add_blocked(struct stage *stage, struct blocked *blocked)
{
    sem_init(&blocked->door, 0, 0);
    blocked->player.data = blocked;
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER("blocked", &blocked->player,
                                                            .subscribe = MAIKO_TOPICS("number", "answer"), .dedicated = true)),
                    MAIKO_OK);
}

static const maiko_actor_ops visitor_ops = {.handle = NULL};

/* Each of them is told to every shard when it comes and when it goes, and its record waits for all of them. */
static int come_and_go(struct stage *stage, int times)
{
    int failed = 0;

    for (int i = 0; i < times; i++) {
        failed += maiko_supervisor_add(stage->sup, &(maiko_actor_spec){.name = "visitor",
                                                                       .ops = &visitor_ops,
                                                                       .subscribe = MAIKO_TOPICS("visits/#"),
                                                                       .publish = MAIKO_TOPICS("reports")}) != MAIKO_OK;
        failed += maiko_supervisor_remove(stage->sup, "visitor") != MAIKO_OK;
    }
    return failed;
}

enum { QUEUED = 10, VISITS = 100000, FEW_BYTES = 65536 };

static void nothing_piles_up_while_a_handler_blocks(void)
{
    static struct blocked blocked = {.player = {.handle = wait_at_door}};
    struct stage stage;
    long before;

    stage_open(&stage, &(maiko_config){.shards = 2, .allocator = &counting});
    add_blocked(&stage, &blocked);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (int i = 0; i < QUEUED; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&blocked.is_waiting), 60000));
    CU_ASSERT_EQUAL(come_and_go(&stage, 1000), 0);
    before = atomic_load(&live_bytes);
    CU_ASSERT_EQUAL(come_and_go(&stage, VISITS / suite_slowdown()), 0);
    CU_ASSERT_TRUE(atomic_load(&live_bytes) < before + FEW_BYTES);
    CU_ASSERT_TRUE(atomic_load(&blocked.is_waiting));
    sem_post(&blocked.door);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(blocked.player.events, QUEUED);
    stage_close(&stage);
    CU_ASSERT_EQUAL(atomic_load(&live_bytes), 0);
}

/* --- what an event that waits there knows of its sender, who has gone --- */

static maiko_status wait_and_look(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct blocked *blocked = player->data;
    char expected[32];

    (void)ctx;
    if (player->events == 1)
        pass_door(blocked);
    if (maiko_event_is(MAIKO_TYPE(answer), envelope->type)) {
        snprintf(expected, sizeof expected, "sender-%d", (int)((const struct answer *)envelope->payload)->value);
        blocked->wrong += strcmp(maiko_envelope_sender(envelope), expected) != 0;
    }
    return MAIKO_OK;
}

static maiko_status send_wanted(struct player *player, maiko_context *ctx)
{
    return maiko_send(ctx, answer, .value = player->wanted);
}

enum { SENDERS = 100 };

static void names_stay_as_long_as_events_wait(void)
{
    static struct blocked blocked = {.player = {.handle = wait_and_look}};
    static struct player senders[SENDERS];
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 2});
    add_blocked(&stage, &blocked);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 0), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&blocked.is_waiting), 60000));
    for (int i = 0; i < SENDERS; i++) {
        char name[32];

        snprintf(name, sizeof name, "sender-%d", i);
        senders[i] = (struct player){.on_start = send_wanted, .wanted = i};
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER(name, &senders[i])), MAIKO_OK);
        CU_ASSERT_EQUAL(come_and_go(&stage, 3), 0);
        CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, name), MAIKO_OK);
    }
    CU_ASSERT_EQUAL(come_and_go(&stage, 1000), 0);
    sem_post(&blocked.door);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(blocked.player.events, SENDERS + 1);
    CU_ASSERT_EQUAL(atomic_load(&blocked.wrong), 0);
    stage_close(&stage);
}

/* --- what hooks call meanwhile --- */

static int call_all(struct player *player, maiko_context *ctx)
{
    struct answer *room = maiko_reserve(ctx, answer, 0);
    maiko_hold *hold = NULL;
    int wrong = 0;

    wrong += room == NULL || maiko_commit(ctx, room) != MAIKO_OK;
    wrong += maiko_send(ctx, answer, .value = player->steps) != MAIKO_OK;
    wrong += maiko_subscribe(ctx, &(maiko_subscription){.pattern = "more"}) != MAIKO_OK;
    wrong += maiko_unsubscribe(ctx, "more") != MAIKO_OK;
    wrong += maiko_context_time(ctx) == 0;
    wrong += maiko_context_depth(ctx) > 1000;
    wrong += strcmp(maiko_context_name(ctx), "blocked") != 0;
    wrong += maiko_error(ctx, MAIKO_EACTOR, "in step %d", player->steps) != MAIKO_EACTOR;
    wrong += maiko_supervisor_stop(&(maiko_supervisor *){maiko_context_supervisor(ctx)}, NULL) != MAIKO_ETHREAD;
    wrong += maiko_hold_new(ctx, &hold) != MAIKO_OK;
    maiko_hold_release(hold);
    (void)maiko_is_sender_full(ctx);
    return wrong;
}

/* Also within one hook, which lasts as long as the test. */
static maiko_step call_on(struct player *player, maiko_context *ctx)
{
    struct blocked *blocked = player->data;

    atomic_store(&blocked->is_waiting, true);
    for (int i = 0; i < 50 && maiko_context_is_alive(ctx); i++)
        blocked->wrong += call_all(player, ctx);
    return MAIKO_STEP_CONTINUE;
}

static maiko_status keep_it(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct blocked *blocked = player->data;
    maiko_envelope *kept = NULL;

    (void)ctx;
    blocked->wrong += maiko_envelope_keep(envelope, &kept) != MAIKO_OK;
    maiko_envelope_unref(kept);
    return MAIKO_OK;
}

static void hooks_may_call_what_they_may(void)
{
    static struct blocked blocked = {.player = {.step = call_on, .handle = keep_it}};
    struct player listener = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 2});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("listener", &listener, .subscribe = MAIKO_TOPICS("answer"))),
                    MAIKO_OK);
    add_blocked(&stage, &blocked);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&blocked.is_waiting), 60000));
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(come_and_go(&stage, 100), 0);
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    }
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(atomic_load(&blocked.wrong), 0);
    CU_ASSERT_EQUAL(blocked.player.events, 20);
    CU_ASSERT_TRUE(listener.events > 0);
    stage_close(&stage);
}

static maiko_status remove_itself(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct blocked *blocked = player->data;

    (void)envelope;
    blocked->wrong += maiko_supervisor_remove(maiko_context_supervisor(ctx), "blocked") != MAIKO_OK;
    blocked->wrong += maiko_context_is_alive(ctx);
    return MAIKO_OK;
}

static void a_hook_may_remove_its_actor(void)
{
    static struct blocked blocked = {.player = {.handle = remove_itself}};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 1});
    add_blocked(&stage, &blocked);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&blocked.player.stops) == 1, 60000));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(atomic_load(&blocked.wrong), 0);
    stage_close(&stage);
}

/* --- another supervisor, run from within a hook --- */

static maiko_status answer_number(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct blocked *blocked = player->data;

    (void)envelope;
    blocked->wrong += maiko_context_time(ctx) == 0;
    blocked->wrong += maiko_send(ctx, answer, .value = 1) != MAIKO_OK;
    blocked->wrong += maiko_subscribe(ctx, &(maiko_subscription){.pattern = "more"}) != MAIKO_OK;
    return maiko_unsubscribe(ctx, "more");
}

static maiko_status run_another(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct blocked *blocked = player->data;
    struct player inner = {.handle = answer_number, .data = blocked};
    struct stage stage;

    (void)envelope;
    stage_open(&stage, &(maiko_config){.mode = MAIKO_POLLED});
    blocked->wrong += stage_add(&stage, "inner", &inner) != MAIKO_OK;
    blocked->wrong += maiko_supervisor_start(stage.sup) != MAIKO_OK;
    for (int i = 0; i < 3; i++)
        blocked->wrong += stage_send(&stage, i) != MAIKO_OK;
    stage_settle(&stage);
    blocked->wrong += inner.events != 3;
    blocked->wrong += stage_stop(&stage) != MAIKO_OK;
    stage_close(&stage);
    return maiko_send(ctx, answer, .value = 2);
}

static void a_hook_may_run_another_supervisor(void)
{
    static struct blocked blocked = {.player = {.handle = run_another}};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 1});
    add_blocked(&stage, &blocked);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&blocked.player.events) == 1, 60000));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(atomic_load(&blocked.wrong), 0);
    stage_close(&stage);
}

/* --- what a predicate looks at may be the hooks' --- */

static struct blocked picky;
static _Atomic bool is_changing;

static bool is_wanted(const void *event, const maiko_event_type *type, void *userdata)
{
    (void)event;
    (void)type;
    (void)userdata;
    picky.wrong += atomic_load(&is_changing);
    return true;
}

static maiko_status change_at_door(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)envelope;
    atomic_store(&is_changing, true);
    pass_door(player->data);
    atomic_store(&is_changing, false);
    return MAIKO_OK;
}

static void predicates_are_not_asked_while_a_hook_runs(void)
{
    const maiko_subscription asking[] = {{.pattern = "number", .predicate = is_wanted}, {.pattern = NULL}};
    struct stage stage;

    picky.player = (struct player){.handle = change_at_door, .data = &picky};
    sem_init(&picky.door, 0, 0);
    stage_open(&stage, &(maiko_config){.shards = 2});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("picky", &picky.player, .dedicated = true, .subscriptions = asking)),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (int i = 0; i < QUEUED; i++)
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&picky.is_waiting), 60000));
    for (int i = 0; i < QUEUED; i++) {
        CU_ASSERT_EQUAL(stage_send(&stage, i), MAIKO_OK);
        CU_ASSERT_EQUAL(come_and_go(&stage, 100), 0);
    }
    sem_post(&picky.door);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(picky.player.events, 2 * QUEUED);
    CU_ASSERT_EQUAL(atomic_load(&picky.wrong), 0);
    stage_close(&stage);
}

/* --- hooks that tell each other, and rooms --- */

/* The ordinary shard, which is told as well, is waited for. */
static maiko_step subscribe_for_ever(struct player *player, maiko_context *ctx)
{
    struct blocked *blocked = player->data;
    const long before = atomic_load(&live_bytes);

    pass_door(blocked);
    for (int i = 0; i < 20000 && blocked->wrong == 0; i++) {
        blocked->wrong += maiko_subscribe(ctx, &(maiko_subscription){.pattern = "more"}) != MAIKO_OK;
        blocked->wrong += maiko_unsubscribe(ctx, "more") != MAIKO_OK;
        if (i % 100 == 0)
            blocked->wrong += !wait_until(atomic_load(&live_bytes) < before + 16 * FEW_BYTES, 10000);
    }
    atomic_store(&blocked->is_through, true);
    return MAIKO_STEP_NEVER;
}

static void nothing_piles_up_from_hook_to_hook(void)
{
    static struct blocked blocked = {.player = {.handle = wait_at_door}};
    static struct blocked busy = {.player = {.step = subscribe_for_ever}};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.shards = 1, .allocator = &counting});
    add_blocked(&stage, &blocked);
    sem_init(&busy.door, 0, 0);
    busy.player.data = &busy;
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("busy", &busy.player, .dedicated = true)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&blocked.is_waiting) && atomic_load(&busy.is_waiting), 60000));
    sem_post(&busy.door);
    CU_ASSERT_TRUE(wait_until(atomic_load(&busy.is_through), 60000));
    sem_post(&blocked.door);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(atomic_load(&busy.wrong), 0);
    stage_close(&stage);
}

static maiko_status reserve_at_door(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct answer *room = maiko_reserve(ctx, answer, 0);

    (void)envelope;
    pass_door(player->data);
    maiko_abandon(ctx, room);
    return MAIKO_OK;
}

static void nothing_piles_up_while_a_room_is_filled(void)
{
    static struct blocked blocked = {.player = {.handle = reserve_at_door}};
    struct stage stage;
    long before;

    stage_open(&stage, &(maiko_config){.shards = 2, .allocator = &counting});
    add_blocked(&stage, &blocked);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&blocked.is_waiting), 60000));
    CU_ASSERT_EQUAL(come_and_go(&stage, 1000), 0);
    before = atomic_load(&live_bytes);
    CU_ASSERT_EQUAL(come_and_go(&stage, 5000 / suite_slowdown()), 0);
    CU_ASSERT_TRUE(atomic_load(&live_bytes) < before + FEW_BYTES);
    sem_post(&blocked.door);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(nothing_piles_up_while_a_handler_blocks),
    TEST_CASE(names_stay_as_long_as_events_wait),
    TEST_CASE(hooks_may_call_what_they_may),
    TEST_CASE(a_hook_may_remove_its_actor),
    TEST_CASE(a_hook_may_run_another_supervisor),
    TEST_CASE(predicates_are_not_asked_while_a_hook_runs),
    TEST_CASE(nothing_piles_up_from_hook_to_hook),
    TEST_CASE(nothing_piles_up_while_a_room_is_filled),
};
SUITE_MAIN_TIMEOUT("offline", cases, 300)
