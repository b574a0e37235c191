/* Scenarios of overflow, deadlock, stop and end, on virtual shards: each has a name and one outcome. */
#include <maiko/counters.h>
#include <maiko/import.h>
#include <maiko/maiko.h>
#include <stdio.h>
#include <string.h>

#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "monitor/counters_reader.h"
#include "runtime/supervisor_internal.h"

#define ITEM_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(item, "item", ITEM_FIELDS)
MAIKO_EVENT_WITH(state, "state", ITEM_FIELDS, .sticky = true)

/* An actor that does what its script says: how often, on which topics. */
struct player {
    const char *sends_to; /* for each event handled, while there are any left */
    uint64_t per_event;
    uint64_t left;        /* events it may still send, by handler or step */
    bool stops_when_full; /* its step leaves off while maiko_is_sender_full() */
    bool holds_itself;    /* at the first event */
    bool finishes;        /* when its step has sent all */
    bool never_succeeds;  /* every event is retried for ever */
    maiko_hold *hold;
    uint64_t handled;
    uint64_t last;
    uint64_t most_waiting; /* in its mailbox */
    uint64_t deadlocks;    /* sends refused with MAIKO_EDEADLOCK */
    uint64_t most_at_once; /* sends in one step */
    unsigned ends;
    unsigned stops;
};

static bool send_one(struct player *player, maiko_context *ctx)
{
    maiko_status status = maiko_send_to(ctx, player->sends_to, item, .number = player->left);

    player->deadlocks += status == MAIKO_EDEADLOCK;
    player->left -= status == MAIKO_OK;
    return status == MAIKO_OK;
}

static maiko_status handle(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct player *player = self;
    uint64_t i;

    if (player->never_succeeds)
        return MAIKO_EACTOR;
    player->handled++;
    player->last = ((const item *)envelope->payload)->number;
    if (maiko_context_depth(ctx) > player->most_waiting)
        player->most_waiting = maiko_context_depth(ctx);
    for (i = 0; i < player->per_event && player->left > 0 && send_one(player, ctx); i++)
        ;
    if (player->holds_itself && player->hold == NULL)
        CU_ASSERT_EQUAL(maiko_hold_new(ctx, &player->hold), MAIKO_OK);
    return MAIKO_OK;
}

static maiko_step step(void *self, maiko_context *ctx)
{
    struct player *player = self;
    uint64_t count = 0;

    while (player->left > 0 && !(player->stops_when_full && maiko_is_sender_full(ctx)) && send_one(player, ctx))
        count++;
    if (count > player->most_at_once)
        player->most_at_once = count;
    if (player->left > 0)
        return MAIKO_STEP_CONTINUE;
    if (player->finishes)
        CU_ASSERT_EQUAL(maiko_finish(ctx), MAIKO_OK);
    return MAIKO_STEP_NEVER;
}

static maiko_error_action again(void *self, maiko_context *ctx, maiko_status error)
{
    (void)self;
    (void)ctx;
    (void)error;
    return maiko_error_retry(MAIKO_MS(10), UINT32_MAX);
}

static maiko_status on_end(void *self, maiko_context *ctx)
{
    (void)ctx;
    ((struct player *)self)->ends++;
    return MAIKO_OK;
}

static maiko_status on_stop(void *self, maiko_context *ctx)
{
    (void)ctx;
    ((struct player *)self)->stops++;
    return MAIKO_OK;
}

static const maiko_actor_ops reacting = {.handle = handle, .on_error = again, .on_end = on_end, .on_stop = on_stop};
static const maiko_actor_ops producing = {.handle = handle, .step = step, .on_end = on_end, .on_stop = on_stop};

static char last_log[1024];

static void keep_log(maiko_log_level level, const char *text, void *userdata)
{
    (void)level;
    (void)userdata;
    snprintf(last_log, sizeof last_log, "%s", text);
}

static maiko_supervisor *supervisor(uint32_t shards)
{
    last_log[0] = '\0';
    return maiko_supervisor_new(&(maiko_config){.mode = MAIKO_DETERMINISTIC,
                                                .placement = MAIKO_PLACEMENT_FIXED,
                                                .shards = shards,
                                                .no_counters_file = true,
                                                .log = keep_log,
                                                .outbox_limit_events = 8,
                                                .overdraft_events = 4,
                                                .seed = 7});
}

static void check_books(maiko_supervisor *sup)
{
    maiko_counters *counters;
    maiko_counters_balance balance;

    CU_ASSERT_EQUAL_FATAL(counters_read_own(heap_default(), sup->counters, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    if (!balance.is_balanced)
        SUITE_FAIL("%s", balance.text);
    (void)maiko_counters_free(counters);
}

static void stop(maiko_supervisor *sup)
{
    CU_ASSERT_EQUAL(maiko_supervisor_halt(sup, NULL), MAIKO_OK);
    check_books(sup);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_OK);
}

static void add(maiko_supervisor *sup, const char *name, int shard, struct player *player, const char *subscribe,
                uint32_t capacity)
{
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(sup, &(maiko_actor_spec){.name = name,
                                                      .ops = player->left > 0 && player->per_event == 0 ? &producing : &reacting,
                                                      .self = player,
                                                      .subscribe = MAIKO_TOPICS(subscribe),
                                                      .capacity = capacity,
                                                      .shard = MAIKO_SHARD(shard),
                                                      .receive_own = true}),
        MAIKO_OK);
}

static void while_one_pair_is_held_another_moves_100_000_events(void)
{
    struct player a = {.sends_to = "to/b", .left = 20, .stops_when_full = true};
    struct player b = {.holds_itself = true};
    struct player c = {.sends_to = "to/d", .left = 100000, .stops_when_full = true};
    struct player d = {.handled = 0};
    maiko_supervisor *sup = supervisor(1);

    add(sup, "a", 0, &a, "to/a", 2);
    add(sup, "b", 0, &b, "to/b", 2);
    add(sup, "c", 0, &c, "to/c", 2);
    add(sup, "d", 0, &d, "to/d", 16);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT(maiko_supervisor_poll(sup, 0) > 0);
    CU_ASSERT_EQUAL(b.handled, 1);
    CU_ASSERT(a.left > 0);
    CU_ASSERT_EQUAL(d.handled, 100000);
    maiko_hold_release(b.hold);
    CU_ASSERT(maiko_supervisor_poll(sup, 0) > 0);
    CU_ASSERT_EQUAL(a.left, 0);
    CU_ASSERT_EQUAL(b.handled, 20);
    stop(sup);
}

/* One starts, each answers twice, nobody has room: until the ttl of the whole, the events to be sent, is used up. */
static void run_cycle(uint32_t shards, uint64_t per_event, uint64_t events, struct player *a, struct player *b)
{
    maiko_supervisor *sup = supervisor(shards);

    *a = (struct player){.sends_to = "to/b", .per_event = per_event, .left = events};
    *b = (struct player){.sends_to = "to/a", .per_event = per_event, .left = events};
    add(sup, "a", 0, a, "to/a", 1);
    add(sup, "b", (int)shards - 1, b, "to/b", 1);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(sup), "to/a", item, .number = 1), MAIKO_OK);
    CU_ASSERT(maiko_supervisor_poll(sup, 0) > 0);
    stop(sup);
}

static void a_cycle_is_resolved_and_reported_with_its_names(void)
{
    uint32_t shards;

    for (shards = 1; shards <= 2; shards++) {
        struct player a;
        struct player b;

        run_cycle(shards, 3, 60, &a, &b);
        CU_ASSERT(strstr(last_log, "a -> b -> a") != NULL || strstr(last_log, "b -> a -> b") != NULL);
        CU_ASSERT_EQUAL(b.handled, 60 - a.left);
        CU_ASSERT_EQUAL(a.handled, 1 + 60 - b.left);
    }
}

/* The lowest of the cycle would be the one to run, but something outside holds it: the other one does. */
static void a_cycle_is_resolved_without_those_that_are_held_from_outside(void)
{
    uint32_t shards;

    for (shards = 1; shards <= 2; shards++) {
        struct player a = {.sends_to = "to/b", .per_event = 3, .left = 30, .holds_itself = true};
        struct player b = {.sends_to = "to/a", .per_event = 3, .left = 30};
        maiko_supervisor *sup = supervisor(shards);

        add(sup, "a", 0, &a, "to/a", 1);
        add(sup, "b", (int)shards - 1, &b, "to/b", 1);
        CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(sup), "to/a", item, .number = 1), MAIKO_OK);
        CU_ASSERT(maiko_supervisor_poll(sup, 0) > 0);
        if (shards == 1) /* between shards the rings give room enough */
            CU_ASSERT_PTR_NOT_NULL(strstr(last_log, "'b' may run although in debt"));
        CU_ASSERT_EQUAL(a.handled, 1);
        maiko_hold_release(a.hold);
        CU_ASSERT(maiko_supervisor_poll(sup, 0) > 0);
        CU_ASSERT_EQUAL(b.handled, 30 - a.left);
        CU_ASSERT_EQUAL(a.handled, 1 + 30 - b.left);
        stop(sup);
    }
}

/* 4 of overdraft, 8 of the outbox limit and the events of the one run that went over it. */
static void an_overdraft_has_an_end(void)
{
    uint32_t shards;

    for (shards = 1; shards <= 2; shards++) {
        struct player a;
        struct player b;

        run_cycle(shards, 6, 3000, &a, &b);
        CU_ASSERT(a.deadlocks + b.deadlocks > 0);
        CU_ASSERT(a.most_waiting < 60);
        CU_ASSERT(b.most_waiting < 60);
    }
}

static void an_actor_may_fill_its_own_mailbox(void)
{
    struct player self = {.sends_to = "to/self", .per_event = 3, .left = 50};
    maiko_supervisor *sup = supervisor(1);

    add(sup, "self", 0, &self, "to/self", 1);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(sup), "to/self", item, .number = 1), MAIKO_OK);
    CU_ASSERT(maiko_supervisor_poll(sup, 0) > 0);
    CU_ASSERT_EQUAL(self.handled, 1 + 50 - self.left);
    CU_ASSERT(strstr(last_log, "self -> self") != NULL);
    stop(sup);
}

static void rings_hold_a_sender_and_let_it_go(void)
{
    struct player producer = {.sends_to = "to/consumer", .left = 1000, .stops_when_full = true};
    struct player eager = {.sends_to = "to/consumer", .left = 1000};
    struct player consumer = {.handled = 0};
    maiko_supervisor *sup = supervisor(2);
    uint64_t most = 0;

    sup->ring_mark_events = 16;
    add(sup, "producer", 0, &producer, "to/producer", 1);
    add(sup, "eager", 0, &eager, "to/producer", 1);
    add(sup, "consumer", 1, &consumer, "to/consumer", 4);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    while (maiko_supervisor_poll(sup, 1) > 0) {
        struct ring *ring = atomic_load(&sup->shards[0]->out[1]);

        if (ring != NULL && ring_events_under_way(ring) > most)
            most = ring_events_under_way(ring);
    }
    CU_ASSERT_EQUAL(consumer.handled, 2000);
    CU_ASSERT(producer.most_at_once <= 8);
    CU_ASSERT(most <= 16 + 8 + 8);
    CU_ASSERT(consumer.most_waiting <= 4 + 2 * (16 + 8));
    stop(sup);
}

static void a_late_subscriber_elsewhere_gets_the_last_value_once(void)
{
    struct player listener = {.handled = 0};
    maiko_supervisor *sup = supervisor(2);
    maiko_actor_spec spec = {
        .name = "late", .ops = &reacting, .self = &listener, .subscribe = MAIKO_TOPICS("state", "#"), .shard = MAIKO_SHARD(1)};

    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), state, .number = 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), state, .number = 2), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(sup, 0), 0);
    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &spec), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(sup, 0), 1);
    CU_ASSERT_EQUAL(listener.handled, 1);
    CU_ASSERT_EQUAL(listener.last, 2);
    stop(sup);
}

static void a_stop_handles_all_that_was_accepted(void)
{
    struct player relay = {.sends_to = "to/sink", .per_event = 1, .left = 1000};
    struct player sink = {.handled = 0};
    maiko_stop_report report;
    maiko_supervisor *sup = supervisor(3);
    int i;

    add(sup, "relay", 1, &relay, "to/relay", 1);
    add(sup, "sink", 2, &sink, "to/sink", 1);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    for (i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(sup), "to/relay", item, .number = 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(sup, &report), MAIKO_OK);
    CU_ASSERT_EQUAL(sink.handled, 8);
    CU_ASSERT_EQUAL(report.handled, 16);
    CU_ASSERT_EQUAL(report.unfinished, 0);
    CU_ASSERT_EQUAL(sink.stops, 1);
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(sup), "to/relay", item, .number = 1), MAIKO_ECLOSED);
    maiko_stop_report_deinit(&report);
    stop(sup);
}

static void a_stop_out_of_time_names_who_held_it_up(void)
{
    struct player stubborn = {.never_succeeds = true};
    maiko_stop_report report;
    maiko_supervisor *sup = supervisor(2);
    int i;

    add(sup, "stubborn", 1, &stubborn, "to/stubborn", 8);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    for (i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(sup), "to/stubborn", item, .number = 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(sup, &report), MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL(report.status, MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL(report.unfinished, 3);
    CU_ASSERT_EQUAL_FATAL(report.actor_count, 1);
    CU_ASSERT_STRING_EQUAL(report.actors[0].name, "stubborn");
    CU_ASSERT_EQUAL(report.actors[0].events, 3);
    CU_ASSERT(strstr(report.text, "stubborn") != NULL);
    CU_ASSERT_EQUAL(stubborn.stops, 1);
    maiko_stop_report_deinit(&report);
    check_books(sup);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_ETIMEDOUT);
}

static void add_stage(maiko_supervisor *sup, const char *name, int shard, struct player *player, const char *const *subscribe,
                      const char *const *publish)
{
    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &(maiko_actor_spec){.name = name,
                                                                  .ops = player->finishes ? &producing : &reacting,
                                                                  .self = player,
                                                                  .subscribe = subscribe,
                                                                  .publish = publish,
                                                                  .shard = MAIKO_SHARD(shard)}),
                    MAIKO_OK);
}

/* source -> forth <-> back, forth -> sink: the two in the middle hear each other and end when nothing moves any more. */
static void the_end_of_a_source_runs_through_a_cycle_over_shards(void)
{
    struct player source = {.sends_to = "in", .left = 10, .finishes = true};
    struct player forth = {.sends_to = "forth", .per_event = 1, .left = 40};
    struct player back = {.sends_to = "back", .per_event = 1, .left = 20};
    struct player sink = {.handled = 0};
    maiko_supervisor *sup = supervisor(4);

    add_stage(sup, "source", 0, &source, NULL, MAIKO_TOPICS("in"));
    add_stage(sup, "forth", 1, &forth, MAIKO_TOPICS("in", "back"), MAIKO_TOPICS("forth"));
    add_stage(sup, "back", 2, &back, MAIKO_TOPICS("forth"), MAIKO_TOPICS("back"));
    add_stage(sup, "sink", 3, &sink, MAIKO_TOPICS("forth"), NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT(maiko_supervisor_poll(sup, 0) > 0);
    CU_ASSERT_EQUAL(sink.handled, 30);
    CU_ASSERT_EQUAL(forth.ends, 1);
    CU_ASSERT_EQUAL(back.ends, 1);
    CU_ASSERT_EQUAL(sink.ends, 1);
    CU_ASSERT_EQUAL(source.stops, 1);
    CU_ASSERT_EQUAL(sink.stops, 1);
    CU_ASSERT_EQUAL(maiko_supervisor_actor_count(sup), 0);
    stop(sup);
}

static maiko_step sleep_on(void *self, maiko_context *ctx)
{
    (void)self;
    (void)ctx;
    return MAIKO_STEP_BACKOFF(MAIKO_MS(1));
}

static const maiko_actor_ops sleeping = {.handle = handle, .step = sleep_on, .on_end = on_end, .on_stop = on_stop};

static void play_source(maiko_supervisor *sup, const char *topic)
{
    struct player source = {.sends_to = topic, .left = 3, .finishes = true};

    add_stage(sup, "source", 0, &source, NULL, MAIKO_TOPICS(topic));
    CU_ASSERT(maiko_supervisor_poll(sup, 40) > 0);
    CU_ASSERT_EQUAL(source.stops, 1);
}

/* Whom it hears has finished: when nothing moves it ends, or with the next publisher that finishes if it goes on by itself. */
static void who_subscribes_after_the_end_ends_too(void)
{
    struct player late = {.handled = 0};
    struct player waiting = {.handled = 0};
    struct player going_on = {.handled = 0};
    maiko_supervisor *sup = supervisor(2);

    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    play_source(sup, "in/1");
    add_stage(sup, "late", 1, &late, MAIKO_TOPICS("in/+"), NULL);
    add_stage(sup, "waiting", 1, &waiting, MAIKO_TOPICS("in/2"), NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "going_on",
                                                                  .ops = &sleeping,
                                                                  .self = &going_on,
                                                                  .subscribe = MAIKO_TOPICS("in/1", "out"),
                                                                  .shard = MAIKO_SHARD(1)}),
                    MAIKO_OK);
    CU_ASSERT(maiko_supervisor_poll(sup, 20) > 0);
    CU_ASSERT_EQUAL(late.ends, 1);
    CU_ASSERT_EQUAL(waiting.ends, 0);
    CU_ASSERT_EQUAL(going_on.ends, 0);
    play_source(sup, "elsewhere");
    CU_ASSERT_EQUAL(going_on.ends, 1);
    CU_ASSERT_EQUAL(waiting.ends, 0);
    play_source(sup, "in/2");
    CU_ASSERT_EQUAL(waiting.ends, 1);
    stop(sup);
}

/* Where nothing changes that could end a cycle, nobody looks for one: a beat down a chain costs its events. */
static void a_beat_is_no_reason_to_look_for_cycles(void)
{
    enum { STAGES = 300 };
    struct player beating = {.handled = 0};
    struct player stages = {.handled = 0};
    maiko_supervisor *sup = supervisor(2);
    uint64_t searches;
    int i;

    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &(maiko_actor_spec){.ops = &sleeping,
                                                                  .self = &beating,
                                                                  .subscribe = MAIKO_TOPICS("control"),
                                                                  .publish = MAIKO_TOPICS("stage/0")}),
                    MAIKO_OK);
    for (i = 0; i < STAGES; i++) {
        char from[16];
        char to[16];

        snprintf(from, sizeof from, "stage/%d", i);
        snprintf(to, sizeof to, "stage/%d", i + 1);
        add_stage(sup, NULL, i % 2, &stages, MAIKO_TOPICS(from), MAIKO_TOPICS(to));
    }
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT(maiko_supervisor_poll(sup, 1000) > 0);
    searches = sup->cycle_searches;
    CU_ASSERT(searches > 0);
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(sup), "stage/7", item, .number = 1), MAIKO_OK);
    CU_ASSERT(maiko_supervisor_poll(sup, 1000) > 0);
    CU_ASSERT_EQUAL(stages.handled, 1);
    CU_ASSERT_EQUAL(sup->cycle_searches, searches);
    CU_ASSERT_EQUAL(stages.ends, 0);
    stop(sup);
}

/* Adds a publisher of its topic when it is told 1, with an allocation failing, and finishes when it is told 2. */
struct adder {
    maiko_supervisor *sup;
    struct failing_allocator memory;
    long failing;
    struct player added;
    maiko_status status;
};

static maiko_status add_or_finish(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct adder *adder = self;

    if (((const item *)envelope->payload)->number == 2)
        return maiko_finish(ctx);
    failing_allocator_fail_nth(&adder->memory, adder->failing);
    adder->status = maiko_supervisor_add(adder->sup, &(maiko_actor_spec){.name = "added",
                                                                         .ops = &reacting,
                                                                         .self = &adder->added,
                                                                         .subscribe = MAIKO_TOPICS("x/#"),
                                                                         .publish = MAIKO_TOPICS("out", "more"),
                                                                         .shard = MAIKO_SHARD(0)});
    adder->failing = failing_allocator_has_failed(&adder->memory) ? adder->failing + 1 : -1;
    failing_allocator_fail_nth(&adder->memory, -1);
    return MAIKO_OK;
}

static const maiko_actor_ops adding = {.handle = add_or_finish};

static void add_without_memory(struct adder *adder)
{
    struct player listener = {.handled = 0};
    maiko_supervisor *sup = adder->sup = maiko_supervisor_new(&(maiko_config){.mode = MAIKO_DETERMINISTIC,
                                                                              .placement = MAIKO_PLACEMENT_FIXED,
                                                                              .shards = 4,
                                                                              .no_counters_file = true,
                                                                              .allocator = &adder->memory.allocator});

    /* its step goes on, so that nobody but those whom it counts decides whether it ends */
    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "listener",
                                                                  .ops = &sleeping,
                                                                  .self = &listener,
                                                                  .subscribe = MAIKO_TOPICS("out"),
                                                                  .shard = MAIKO_SHARD(2)}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "adder",
                                                                  .ops = &adding,
                                                                  .self = adder,
                                                                  .subscribe = MAIKO_TOPICS("go"),
                                                                  .publish = MAIKO_TOPICS("out"),
                                                                  .shard = MAIKO_SHARD(0)}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(sup), "go", item, .number = 1), MAIKO_OK);
    CU_ASSERT(maiko_supervisor_poll(sup, 30) > 0);
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(sup), "go", item, .number = 2), MAIKO_OK);
    CU_ASSERT(maiko_supervisor_poll(sup, 30) > 0);
    if (adder->status != MAIKO_OK && listener.ends != 1)
        SUITE_FAIL("allocation %ld: added %s, the listener goes on", adder->failing - 1, maiko_strerror(adder->status));
    CU_ASSERT(adder->status != MAIKO_OK || listener.ends == 0 || maiko_supervisor_status(sup) != MAIKO_OK);
    (void)maiko_supervisor_stop(&sup, NULL);
    CU_ASSERT(failing_allocator_is_balanced(&adder->memory));
}

/* Wherever it stops, nobody counts on a publisher that could not be added. */
static void a_publisher_that_could_not_be_added_keeps_nobody(void)
{
    struct adder adder = {.failing = 0};

    failing_allocator_init(&adder.memory);
    while (adder.failing >= 0)
        add_without_memory(&adder);
    CU_ASSERT_EQUAL(adder.status, MAIKO_OK);
}

static const struct test_case cases[] = {
    TEST_CASE(while_one_pair_is_held_another_moves_100_000_events),
    TEST_CASE(a_cycle_is_resolved_and_reported_with_its_names),
    TEST_CASE(a_cycle_is_resolved_without_those_that_are_held_from_outside),
    TEST_CASE(an_overdraft_has_an_end),
    TEST_CASE(an_actor_may_fill_its_own_mailbox),
    TEST_CASE(rings_hold_a_sender_and_let_it_go),
    TEST_CASE(a_late_subscriber_elsewhere_gets_the_last_value_once),
    TEST_CASE(a_stop_handles_all_that_was_accepted),
    TEST_CASE(a_stop_out_of_time_names_who_held_it_up),
    TEST_CASE(the_end_of_a_source_runs_through_a_cycle_over_shards),
    TEST_CASE(who_subscribes_after_the_end_ends_too),
    TEST_CASE(a_beat_is_no_reason_to_look_for_cycles),
    TEST_CASE(a_publisher_that_could_not_be_added_keeps_nobody),
};
SUITE_MAIN("scenarios", cases)
