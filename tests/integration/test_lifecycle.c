/* Life cycle: calls of several outside threads that meet adding, removing, moving, stopping and freeing half-way. */
#include "lib/failing_allocator.h"
#include "lib/stage.h"
#include "lib/suite.h"
#include "runtime/placement.h"
#include "runtime/supervisor_internal.h"

#include <maiko/import.h>
#include <stdio.h>
#include <string.h>

enum { LONG_MS = 30000, NEGATIVE_MS = 50 };

static const maiko_config one_thread = {.shards = 1};

/* Keeps its shard until it is told to go on; the player's data. */
struct valve {
    _Atomic bool is_entered;
    _Atomic bool go_on;
};

static void pass(struct valve *valve)
{
    atomic_store(&valve->is_entered, true);
    CU_ASSERT_TRUE(wait_until(atomic_load(&valve->go_on), LONG_MS));
}

static maiko_status stay_in_handle(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)envelope;
    pass(player->data);
    return MAIKO_OK;
}

/* One call of an outside thread. */
struct caller {
    pthread_t thread;
    struct stage *stage;
    struct player player; /* to be added */
    const char *name;
    maiko_status answer;
    _Atomic bool is_answered;
};

static void *add_it(void *userdata)
{
    struct caller *caller = userdata;

    caller->answer = stage_add(caller->stage, caller->name, &caller->player);
    atomic_store(&caller->is_answered, true);
    return NULL;
}

static void *remove_it(void *userdata)
{
    struct caller *caller = userdata;

    caller->answer = maiko_supervisor_remove(caller->stage->sup, caller->name);
    atomic_store(&caller->is_answered, true);
    return NULL;
}

static void *halt_it(void *userdata)
{
    struct caller *caller = userdata;

    caller->answer = maiko_supervisor_halt(caller->stage->sup, NULL);
    atomic_store(&caller->is_answered, true);
    return NULL;
}

static void call(struct caller *caller, void *(*body)(void *userdata), struct stage *stage, const char *name)
{
    caller->stage = stage;
    caller->name = name;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&caller->thread, NULL, body, caller), 0);
}

/* Calls that outside threads are in. */
static uint32_t visitors(struct maiko_supervisor *sup)
{
    uint32_t count;

    pthread_mutex_lock(&sup->lock);
    count = sup->visitors;
    pthread_mutex_unlock(&sup->lock);
    return count;
}

/* A running stage whose only shard is kept by "keeper". */
static void open_kept(struct stage *stage, const maiko_config *config, struct player *keeper, struct valve *valve)
{
    stage_open(stage, config);
    keeper->handle = stay_in_handle;
    keeper->data = valve;
    CU_ASSERT_EQUAL(stage_add(stage, "keeper", keeper), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage->sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&valve->is_entered), LONG_MS));
}

/* --- removing --- */

enum { STACK_BYTES = 2 * 1024 * 1024 }; /* what sanitizers want of a thread */

static bool is_filled(const unsigned char *bytes, size_t size, unsigned char with)
{
    size_t i;

    for (i = 0; i < size && bytes[i] == with; i++)
        ;
    return i == size;
}

/* The thread's stack is ours: what is written to it after the thread has ended shows. */
static void a_removal_that_timed_out_leaves_no_pointer_behind(void)
{
    static _Alignas(4096) unsigned char stack[STACK_BYTES];
    struct valve valve = {.go_on = false};
    struct player keeper = {.wanted = 0};
    struct caller remover = {.name = NULL};
    pthread_attr_t attributes;
    struct stage stage;

    open_kept(&stage, &(maiko_config){.shards = 1, .actor_stop_deadline_ns = MAIKO_MS(5)}, &keeper, &valve);
    pthread_attr_init(&attributes);
    CU_ASSERT_EQUAL_FATAL(pthread_attr_setstack(&attributes, stack, sizeof stack), 0);
    remover.stage = &stage;
    remover.name = "keeper";
    CU_ASSERT_EQUAL_FATAL(pthread_create(&remover.thread, &attributes, remove_it, &remover), 0);
    pthread_join(remover.thread, NULL);
    pthread_attr_destroy(&attributes);
    CU_ASSERT_EQUAL(remover.answer, MAIKO_ETIMEDOUT);
    memset(stack, 0x55, sizeof stack);
    stage.sup->config.actor_stop_deadline_ns = MAIKO_SECONDS(30); /* the stop is to have time */
    atomic_store(&valve.go_on, true);
    CU_ASSERT_TRUE(wait_until(atomic_load(&keeper.stops) == 1 && maiko_supervisor_actor_count(stage.sup) == 0, LONG_MS));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_TRUE(is_filled(stack, sizeof stack, 0x55));
    stage_close(&stage);
}

static void several_may_wait_for_the_same_removal(void)
{
    struct valve valve = {.go_on = false};
    struct player keeper = {.wanted = 0};
    struct caller removers[3] = {{.name = NULL}};
    struct stage stage;
    int i;

    open_kept(&stage, &one_thread, &keeper, &valve);
    for (i = 0; i < 3; i++)
        call(&removers[i], remove_it, &stage, "keeper");
    CU_ASSERT_TRUE(wait_until(visitors(stage.sup) == 3, LONG_MS));
    atomic_store(&valve.go_on, true);
    for (i = 0; i < 3; i++) {
        pthread_join(removers[i].thread, NULL);
        /* who came too late to wait found the name gone */
        CU_ASSERT_TRUE(removers[i].answer == MAIKO_OK || removers[i].answer == MAIKO_ENOTFOUND);
    }
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void an_importer_is_no_actor_to_remove(void)
{
    struct stage stage;
    maiko_importer *importer;
    struct player player = {.wanted = 0};

    stage_open(&stage, &one_thread);
    CU_ASSERT_EQUAL(maiko_importer_new(stage.sup, "door", NULL, &importer), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "door"), MAIKO_ENOTFOUND);
    CU_ASSERT_EQUAL(stage_add(&stage, "door", &player), MAIKO_EEXIST);
    CU_ASSERT_EQUAL(maiko_supervisor_actor_count(stage.sup), 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- moving --- */

static struct actor *actor_named(struct stage *stage, const char *name)
{
    struct actor *actor;

    pthread_mutex_lock(&stage->sup->lock);
    actor = actor_names_find(&stage->sup->names, name);
    pthread_mutex_unlock(&stage->sup->lock);
    return actor;
}

static bool move(struct stage *stage, const char *name, uint32_t target)
{
    struct actor *actor = actor_named(stage, name);
    bool has_moved;

    pthread_mutex_lock(&stage->sup->lock);
    has_moved = placement_move(actor, stage->sup->shards[target]);
    pthread_mutex_unlock(&stage->sup->lock);
    return has_moved;
}

static void a_removal_follows_an_actor_that_moves(void)
{
    struct stage stage;
    struct player player = {.wanted = 0};

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2});
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "player"), MAIKO_OK); /* asked for: nobody has run yet */
    CU_ASSERT_TRUE(move(&stage, "player", 1));
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.stops, 1);
    CU_ASSERT_EQUAL(maiko_supervisor_actor_count(stage.sup), 0);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* What stands in the mailboxes on its shard. */
static uint64_t depth(struct stage *stage, const char *name)
{
    struct actor *actor = actor_named(stage, name);

    return actor->mailbox.depth + (actor->rare == NULL ? 0 : actor->rare->control.depth);
}

#define URGENT_FIELDS(F) F(INT64, value)
MAIKO_EVENT_WITH(urgent, "urgent", URGENT_FIELDS, .control = true)

enum { QUEUED = 6, URGENT = 3 };

/* A stage on two virtual shards; "player" on the first has got events, some of which wait with the gate in debt. */
static void open_queued(struct stage *stage, struct failing_allocator *memory, struct player *player)
{
    const maiko_subscription subscriptions[] = {{.pattern = "urgent"}, {0}};
    maiko_context *ctx;
    int i;

    failing_allocator_init(memory);
    stage_open(stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2, .allocator = &memory->allocator});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER("player", player, .subscriptions = subscriptions, .capacity = 2,
                                                            .subscribe = MAIKO_TOPICS("number", "many/+/topics/#"))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage->sup), MAIKO_OK);
    stage_settle(stage);
    ctx = maiko_supervisor_context(stage->sup);
    for (i = 0; i < QUEUED; i++)
        CU_ASSERT_EQUAL(stage_send(stage, i), MAIKO_OK);
    for (i = 0; i < URGENT; i++)
        CU_ASSERT_EQUAL(maiko_send(ctx, urgent, .value = i), MAIKO_OK);
    while (inbox_settle(stage->sup->inbox)) /* into the mailboxes, without a turn of anybody */
        ;
    CU_ASSERT_EQUAL(depth(stage, "player"), QUEUED + URGENT);
}

static void a_move_that_runs_out_of_memory_changes_nothing(void)
{
    struct failing_allocator memory;
    struct player player = {.wanted = 0};
    struct stage stage;
    bool has_moved = false;
    long nth;
    int i;

    open_queued(&stage, &memory, &player);
    for (nth = 0; nth < 200 && !has_moved; nth++) {
        failing_allocator_fail_nth(&memory, nth);
        has_moved = move(&stage, "player", 1);
        failing_allocator_fail_nth(&memory, -1);
        CU_ASSERT_TRUE(has_moved || maiko_supervisor_status(stage.sup) == MAIKO_OK);
        CU_ASSERT_EQUAL(actor_named(&stage, "player")->shard->index, has_moved ? 1 : 0);
        CU_ASSERT_EQUAL(depth(&stage, "player"), QUEUED + URGENT);
    }
    CU_ASSERT_TRUE(has_moved && nth > 5);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.events, QUEUED + URGENT);
    for (i = 0; i < QUEUED; i++)
        CU_ASSERT_EQUAL(player.values[URGENT + i], i);
    CU_ASSERT_EQUAL(stage_send(&stage, QUEUED), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.events, QUEUED + URGENT + 1);
    (void)stage_stop(&stage); /* MAIKO_ENOMEM when the others could not be told that the old shard is out of it */
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&memory));
    stage_close(&stage);
}

static maiko_status send_one(struct player *player, maiko_context *ctx)
{
    (void)player;
    return maiko_send(ctx, number, .value = 1);
}

/* Its record may be reused once every shard has passed its events: none may turn up again where that is said already. */
static void events_of_one_that_has_stopped_keep_an_actor_where_it_is(void)
{
    struct stage stage;
    struct player sender = {.on_stop = send_one};
    struct player player = {.wanted = 0};
    struct shard *shard;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sender", &sender)), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    shard = stage.sup->shards[0];
    shard_of_this_thread = shard;
    actor_stop_now(actor_named(&stage, "sender"));
    shard_of_this_thread = NULL;
    CU_ASSERT_EQUAL(depth(&stage, "player"), 1);
    CU_ASSERT_FALSE(move(&stage, "player", 1));
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.events, 1);
    CU_ASSERT_TRUE(move(&stage, "player", 1));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- holds --- */

static void unpack(void *event);

#define PARCEL_FIELDS(F) F(POINTER, alive, int)
MAIKO_EVENT_WITH(parcel, "parcel", PARCEL_FIELDS, .local_only = true, .destroy = unpack)

static void unpack(void *event)
{
    (*((parcel *)event)->alive)--;
}

struct holder {
    maiko_hold *own;
    maiko_hold *senders;
    maiko_status answer;
    int alive; /* parcels */
};

/* The first event holds the actor, the parcel tries to hold its sender. */
static maiko_status hold_oneself_then_the_sender(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct holder *holder = player->data;

    if (maiko_event_is(MAIKO_TYPE(number), envelope->type))
        return maiko_hold_new(ctx, &holder->own);
    holder->answer = maiko_hold_sender(ctx, envelope, &holder->senders);
    return MAIKO_OK;
}

static maiko_status send_parcel(struct player *player, maiko_context *ctx)
{
    struct holder *holder = player->data;

    holder->alive++;
    return maiko_send(ctx, parcel, .alive = &holder->alive);
}

/* Events on the heap do not keep the record of their sender: it is the next actor's by the time the parcel is looked at. */
static void a_hold_on_a_sender_that_has_gone_holds_nobody_else(void)
{
    struct holder holder = {.answer = MAIKO_OK};
    struct player player = {.handle = hold_oneself_then_the_sender, .data = &holder};
    struct player sender = {.on_start = send_parcel, .data = &holder};
    struct player next = {.wanted = 0};
    const struct actor *record;
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("number", "parcel"))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sender", &sender)), MAIKO_OK);
    record = actor_named(&stage, "sender");
    stage_settle(&stage);
    CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "sender"), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("next", &next)), MAIKO_OK);
    CU_ASSERT_PTR_EQUAL(actor_named(&stage, "next"), record);
    stage_settle(&stage);
    maiko_hold_release(holder.own);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.events, 2);
    CU_ASSERT_EQUAL(holder.answer, MAIKO_EINVAL);
    maiko_hold_release(holder.senders);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(holder.alive, 0);
    stage_close(&stage);
}

/* --- stopping --- */

static maiko_status fail_to_handle(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)player;
    (void)envelope;
    return maiko_error(ctx, MAIKO_EACTOR, "not now");
}

static maiko_error_action retry_in_an_hour(struct player *player, maiko_context *ctx, maiko_status error)
{
    (void)player;
    (void)ctx;
    (void)error;
    return maiko_error_retry(MAIKO_HOURS(1), 1);
}

static maiko_status send_and_note(struct player *player, maiko_context *ctx)
{
    player->wanted = maiko_send(ctx, number, .value = 1) == MAIKO_OK;
    return MAIKO_OK;
}

static void a_dedicated_actor_that_was_to_try_again_sends_in_its_on_stop(void)
{
    struct player player = {.handle = fail_to_handle, .on_error = retry_in_an_hour, .on_stop = send_and_note, .wanted = 0};
    struct stage stage;

    stage_open(&stage,
               &(maiko_config){.shards = 1, .stop_deadline_ns = MAIKO_MS(5), .actor_stop_deadline_ns = MAIKO_SECONDS(600)});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("number"), .dedicated = true)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&player.errors) == 1, LONG_MS));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL(player.wanted, 1);
    stage_close(&stage);
}

static maiko_status stay_in_stop(struct player *player, maiko_context *ctx)
{
    (void)ctx;
    pass(player->data);
    return MAIKO_OK;
}

/* The queues are empty, so next to no time is left for what comes after them: the hook has an actor's part all the same. */
static void a_stop_whose_time_is_up_still_waits_for_the_last_hooks(void)
{
    struct valve valve = {.go_on = false};
    struct player player = {.on_stop = stay_in_stop, .data = &valve};
    struct caller halter = {.name = NULL};
    struct stage stage;

    stage_open(&stage,
               &(maiko_config){.shards = 1, .stop_deadline_ns = MAIKO_MS(5), .actor_stop_deadline_ns = MAIKO_SECONDS(600)});
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_TRUE(wait_until(atomic_load(&player.starts) == 1, LONG_MS));
    call(&halter, halt_it, &stage, NULL);
    CU_ASSERT_TRUE(wait_until(atomic_load(&valve.is_entered), LONG_MS));
    CU_ASSERT_FALSE(wait_until(atomic_load(&halter.is_answered), NEGATIVE_MS));
    atomic_store(&valve.go_on, true);
    pthread_join(halter.thread, NULL);
    CU_ASSERT_FALSE_FATAL(stage.sup->is_abandoned);
    CU_ASSERT_EQUAL(maiko_supervisor_actor_count(stage.sup), 0);
    (void)stage_stop(&stage); /* late when the machine was too busy to find the queues empty in time */
    stage_close(&stage);
}

static bool pass_predicate(const void *event, const maiko_event_type *type, void *userdata)
{
    (void)event;
    (void)type;
    pass(userdata);
    return true;
}

/* What was sent before start is dispatched by the stop, so the predicate holds the stop up where it settles. */
static void a_second_halt_returns_when_everything_has_settled(void)
{
    struct valve valve = {.go_on = false};
    struct player player = {.wanted = 0};
    struct caller callers[2] = {{.name = NULL}};
    const maiko_subscription subscriptions[] = {{.pattern = "number", .predicate = pass_predicate, .userdata = &valve}, {0}};
    struct stage stage;
    int i;

    stage_open(&stage, &one_thread);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player, .subscriptions = subscriptions)), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    call(&callers[0], halt_it, &stage, NULL);
    CU_ASSERT_TRUE(wait_until(atomic_load(&valve.is_entered), LONG_MS));
    call(&callers[1], halt_it, &stage, NULL);
    CU_ASSERT_FALSE(wait_until(atomic_load(&callers[1].is_answered), NEGATIVE_MS));
    atomic_store(&valve.go_on, true);
    for (i = 0; i < 2; i++) {
        pthread_join(callers[i].thread, NULL);
        CU_ASSERT_EQUAL(callers[i].answer, MAIKO_OK);
    }
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

struct stopper {
    pthread_t thread;
    maiko_supervisor *sup; /* a copy of its own */
    _Atomic bool *is_open;
    bool joins;
};

static void *stop_it(void *userdata)
{
    struct stopper *stopper = userdata;

    while (!atomic_load(stopper->is_open))
        ;
    if (stopper->joins)
        (void)maiko_supervisor_join(stopper->sup);
    else
        (void)maiko_supervisor_stop(&stopper->sup, NULL);
    return NULL;
}

/* Each has its own copy of the pointer.  All are in their calls before the stop gets on: the actor's on_stop waits for that. */
static maiko_status wait_for_visitors(struct player *player, maiko_context *ctx)
{
    CU_ASSERT_TRUE(wait_until(visitors(maiko_context_supervisor(ctx)) == player->wanted, LONG_MS));
    return MAIKO_OK;
}

static void threads_that_stop_and_join_at_once_free_once(void)
{
    enum { STOPPERS = 6 };
    int round;

    for (round = 0; round < 20; round++) {
        struct stopper stoppers[STOPPERS];
        struct failing_allocator memory;
        _Atomic bool is_open = false;
        struct player player = {.on_stop = wait_for_visitors, .wanted = STOPPERS / 2 * 3}; /* who stops is also in a halt */
        maiko_supervisor *sup;
        int i;

        failing_allocator_init(&memory);
        sup = maiko_supervisor_new(&(maiko_config){.shards = 2, .no_counters_file = true, .allocator = &memory.allocator});
        CU_ASSERT_EQUAL(maiko_supervisor_add(sup, PLAYER("player", &player)), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
        for (i = 0; i < STOPPERS; i++) {
            stoppers[i] = (struct stopper){.sup = sup, .is_open = &is_open, .joins = i % 2 == 1};
            CU_ASSERT_EQUAL_FATAL(pthread_create(&stoppers[i].thread, NULL, stop_it, &stoppers[i]), 0);
        }
        atomic_store(&is_open, true);
        for (i = 0; i < STOPPERS; i++)
            pthread_join(stoppers[i].thread, NULL);
        CU_ASSERT_TRUE(failing_allocator_is_balanced(&memory));
    }
}

static void every_joiner_returns(void)
{
    enum { JOINERS = 4 };
    int round;

    for (round = 0; round < 50; round++) {
        struct stopper joiners[JOINERS];
        _Atomic bool is_open = true;
        struct player player = {.wanted = 0};
        struct stage stage;
        int i;

        stage_open(&stage, &one_thread);
        CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
        for (i = 0; i < JOINERS; i++) {
            joiners[i] = (struct stopper){.sup = stage.sup, .is_open = &is_open, .joins = true};
            CU_ASSERT_EQUAL_FATAL(pthread_create(&joiners[i].thread, NULL, stop_it, &joiners[i]), 0);
        }
        CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "player"), MAIKO_OK);
        for (i = 0; i < JOINERS; i++)
            pthread_join(joiners[i].thread, NULL);
        CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
        stage_close(&stage);
    }
}

static void *keep_sending(void *userdata)
{
    struct caller *caller = userdata;

    while (caller->answer == MAIKO_OK)
        caller->answer = stage_send(caller->stage, 1);
    return NULL;
}

static uint32_t waiting_senders(struct inbox *inbox)
{
    uint32_t count;

    pthread_mutex_lock(&inbox->lock);
    count = inbox->waiting;
    pthread_mutex_unlock(&inbox->lock);
    return count;
}

/* They wait for room, until the stop sends them away and frees what they waited on. */
static void senders_that_wait_are_let_go_before_the_supervisor_is_freed(void)
{
    enum { SENDERS = 4 };
    struct valve valve = {.go_on = false};
    struct player keeper = {.wanted = 0};
    struct caller senders[SENDERS] = {{.name = NULL}};
    struct stage stage;
    int i;

    open_kept(&stage, &one_thread, &keeper, &valve);
    for (i = 0; i < SENDERS; i++)
        call(&senders[i], keep_sending, &stage, NULL);
    CU_ASSERT_TRUE(wait_until(waiting_senders(stage.sup->inbox) == SENDERS, LONG_MS));
    atomic_store(&valve.go_on, true);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    for (i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
        CU_ASSERT_EQUAL(senders[i].answer, MAIKO_ECLOSED);
    }
    stage_close(&stage);
}

/* --- adding before start --- */

enum { ADDERS = 8, ADDS = 25 };

struct adder {
    pthread_t thread;
    struct stage *stage;
    int number;
    struct player players[ADDS];
};

static void *add_many(void *userdata)
{
    struct adder *adder = userdata;
    char name[16];
    int i;

    for (i = 0; i < ADDS; i++) {
        maiko_importer *importer;

        snprintf(name, sizeof name, "a%d-%d", adder->number, i);
        CU_ASSERT_EQUAL(stage_add(adder->stage, name, &adder->players[i]), MAIKO_OK);
        snprintf(name, sizeof name, "i%d-%d", adder->number, i);
        if (i % 8 == 0)
            CU_ASSERT_EQUAL(maiko_importer_new(adder->stage->sup, name, NULL, &importer), MAIKO_OK);
    }
    return NULL;
}

static void several_threads_may_set_up_at_once(void)
{
    static struct adder adders[ADDERS];
    struct stage stage;
    int handled = 0;
    int i;
    int k;

    memset(adders, 0, sizeof adders);
    stage_open(&stage, &(maiko_config){.shards = 4, .placement = MAIKO_PLACEMENT_SPREAD});
    for (i = 0; i < ADDERS; i++) {
        adders[i].stage = &stage;
        adders[i].number = i;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&adders[i].thread, NULL, add_many, &adders[i]), 0);
    }
    for (i = 0; i < ADDERS; i++)
        pthread_join(adders[i].thread, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_actor_count(stage.sup), ADDERS * ADDS);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    for (i = 0; i < ADDERS; i++)
        for (k = 0; k < ADDS; k++)
            handled += adders[i].players[k].events;
    CU_ASSERT_EQUAL(handled, ADDERS * ADDS);
    stage_close(&stage);
}

/* --- polled --- */

#define RELAYED_FIELDS(F) F(INT64, value)
MAIKO_EVENT(first_leg, "legs/first", RELAYED_FIELDS)
MAIKO_EVENT(second_leg, "legs/second", RELAYED_FIELDS)

static maiko_status send_and_stop(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)player;
    (void)envelope;
    CU_ASSERT_EQUAL(maiko_send(ctx, first_leg, .value = 1), MAIKO_OK);
    return maiko_stop(ctx);
}

static maiko_status send_on(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)player;
    (void)envelope;
    return maiko_send(ctx, second_leg, .value = 1);
}

static void add_to_shard(struct stage *stage, const char *name, struct player *player, int shard, const char *topic)
{
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER(name, player, .shard = MAIKO_SHARD(shard),
                                                            .subscribe = MAIKO_TOPICS(topic))), MAIKO_OK);
}

/* The relay's shard hears that the first actor has gone while it has an event for the third shard: it is through with that
 * actor's names behind it only, in a turn in which there is nothing else to do, and tells the actor's shard. */
static void nothing_is_left_to_do_when_a_poll_returns(void)
{
    uint64_t seed;
    uint32_t i;

    for (seed = 1; seed <= 100; seed++) {
        struct stage stage;
        struct player first = {.handle = send_and_stop};
        struct player relay = {.handle = send_on};
        struct player last = {.wanted = 0};

        stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 3, .seed = seed});
        add_to_shard(&stage, "first", &first, 0, "number");
        add_to_shard(&stage, "relay", &relay, 1, "legs/first");
        add_to_shard(&stage, "last", &last, 2, "legs/second");
        CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
        CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
        stage_settle(&stage);
        CU_ASSERT_EQUAL(last.events, 1);
        for (i = 0; i < 3; i++)
            CU_ASSERT_TRUE(shard_is_idle(stage.sup->shards[i]));
        CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
        stage_close(&stage);
    }
}

/* --- left behind --- */

static void a_call_that_waits_for_a_shard_left_behind_returns(void)
{
    static struct stage stage;
    static maiko_supervisor *left_behind; /* memory that a hook still uses stays for ever: reachable from here, so no leak */
    static struct valve valve;
    static struct player keeper;
    struct caller adder = {.name = NULL};
    struct caller remover = {.name = NULL};

    suite_allow_leaks(); /* what a thread that does not come back in time uses: descriptors */
    open_kept(&stage, &(maiko_config){.shards = 1, .stop_deadline_ns = MAIKO_MS(20), .actor_stop_deadline_ns = MAIKO_MS(20)},
              &keeper, &valve);
    stage.keeps_no_books = true;
    left_behind = stage.sup;
    call(&remover, remove_it, &stage, "keeper");
    call(&adder, add_it, &stage, "late");
    CU_ASSERT_TRUE(wait_until(visitors(stage.sup) > 0 && actor_named(&stage, "late") != NULL, LONG_MS));
    CU_ASSERT_EQUAL(maiko_supervisor_halt(stage.sup, NULL), MAIKO_ETIMEDOUT);
    pthread_join(adder.thread, NULL);
    pthread_join(remover.thread, NULL);
    CU_ASSERT_EQUAL(adder.answer, MAIKO_ECLOSED);
    CU_ASSERT_NOT_EQUAL(remover.answer, MAIKO_OK);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ETIMEDOUT);
    atomic_store(&valve.go_on, true); /* it finds that everybody has gone, and goes too */
    pthread_join(left_behind->shards[0]->thread, NULL);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(a_removal_that_timed_out_leaves_no_pointer_behind),
    TEST_CASE(several_may_wait_for_the_same_removal),
    TEST_CASE(an_importer_is_no_actor_to_remove),
    TEST_CASE(a_removal_follows_an_actor_that_moves),
    TEST_CASE(a_move_that_runs_out_of_memory_changes_nothing),
    TEST_CASE(events_of_one_that_has_stopped_keep_an_actor_where_it_is),
    TEST_CASE(a_hold_on_a_sender_that_has_gone_holds_nobody_else),
    TEST_CASE(a_dedicated_actor_that_was_to_try_again_sends_in_its_on_stop),
    TEST_CASE(a_stop_whose_time_is_up_still_waits_for_the_last_hooks),
    TEST_CASE(a_second_halt_returns_when_everything_has_settled),
    TEST_CASE(threads_that_stop_and_join_at_once_free_once),
    TEST_CASE(every_joiner_returns),
    TEST_CASE(senders_that_wait_are_let_go_before_the_supervisor_is_freed),
    TEST_CASE(several_threads_may_set_up_at_once),
    TEST_CASE(nothing_is_left_to_do_when_a_poll_returns),
    TEST_CASE(a_call_that_waits_for_a_shard_left_behind_returns),
};
SUITE_MAIN("life cycle", cases)
