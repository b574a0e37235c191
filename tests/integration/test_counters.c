/* Counters of real programs: running, stopped in order, hung and killed; and the topology of a running supervisor. */
#include <maiko/maiko.h>

#include "lib/child.h"
#include "lib/scratch.h"
#include "lib/suite.h"
#include "lib/wait.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACKET_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(packet, "flow/packet", PACKET_FIELDS)
MAIKO_EVENT(echo, "flow/echo", PACKET_FIELDS)
MAIKO_EVENT_WITH(sample, "flow/sample", PACKET_FIELDS, .overflow = MAIKO_DROP_OLDEST)

/* Sends `limit` packets (0: for ever), one per step, and with each a sample that may be dropped. */
struct source {
    uint64_t sent;
    uint64_t limit;
};

static maiko_step produce(void *self, maiko_context *ctx)
{
    struct source *source = self;

    while (!maiko_is_sender_full(ctx)) {
        if (source->limit != 0 && source->sent == source->limit) {
            maiko_finish(ctx);
            return MAIKO_STEP_NEVER;
        }
        maiko_send(ctx, packet, .number = source->sent);
        maiko_send(ctx, sample, .number = source->sent);
        if (++source->sent % 64 == 0)
            break;
    }
    return MAIKO_STEP_CONTINUE;
}

static maiko_status relay(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const packet *event = maiko_event_as(envelope, packet);

    (void)self;
    return event == NULL ? MAIKO_OK : maiko_send_child(ctx, envelope, echo, .number = event->number);
}

static maiko_status consume(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)self;
    (void)ctx;
    (void)envelope;
    return MAIKO_OK;
}

static maiko_status hang(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)self;
    (void)ctx;
    (void)envelope;
    for (;;)
        pause();
    return MAIKO_OK;
}

static const maiko_actor_ops source_ops = {.step = produce};
static const maiko_actor_ops relay_ops = {.handle = relay};
static const maiko_actor_ops sink_ops = {.handle = consume};
static const maiko_actor_ops hung_ops = {.handle = hang};

struct program {
    maiko_config config;
    struct source source;
    const maiko_actor_ops *sink;
};

/* A pipeline with a branch that drops, over as many shards as the config allows. */
static maiko_supervisor *start(struct program *program)
{
    maiko_supervisor *sup = maiko_supervisor_new(&program->config);
    const int32_t shards = program->config.shards == 0 ? 1 : (int32_t)program->config.shards;
    const maiko_actor_spec specs[] = {
        {.name = "source", .ops = &source_ops, .self = &program->source, .publish = MAIKO_TOPICS("flow/packet", "flow/sample")},
        {.name = "relay",
         .ops = &relay_ops,
         .subscribe = MAIKO_TOPICS("flow/packet"),
         .publish = MAIKO_TOPICS("flow/echo"),
         .shard = MAIKO_SHARD(1 % shards)},
        {.name = "sink",
         .ops = program->sink,
         .subscribe = MAIKO_TOPICS("flow/#"),
         .shard = MAIKO_SHARD(2 % shards),
         .capacity = 8},
        {.name = "lossy", .ops = &sink_ops, .subscribe = MAIKO_TOPICS("flow/sample"), .capacity = 2},
    };

    maiko_supervisor_add_table(sup, specs, 4);
    if (maiko_supervisor_start(sup) != MAIKO_OK)
        SUITE_FAIL("start: %s", maiko_supervisor_error_text(sup));
    return sup;
}

static maiko_counters_actor actor_named(const maiko_counters *counters, const char *name)
{
    maiko_counters_actor actor;

    (void)maiko_counters_find_actor(counters, name, &actor);
    return actor;
}

static maiko_counters_balance balance_of(const maiko_counters *counters)
{
    maiko_counters_balance balance = {.is_balanced = false};

    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    if (!balance.is_balanced)
        SUITE_FAIL("%s", balance.text);
    return balance;
}

static void stop_in_order(uint32_t shards)
{
    struct program program = {.source = {.limit = 20000}, .sink = &sink_ops};
    struct scratch scratch;
    maiko_counters *counters = NULL;
    maiko_counters_balance balance;
    maiko_counters_info info;
    maiko_stop_report report;
    maiko_supervisor *sup;
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    program.config = (maiko_config){.name = "flow",
                                    .shards = shards,
                                    .placement = MAIKO_PLACEMENT_FIXED,
                                    .counters_path = scratch_file(&scratch, "file", path, sizeof(path)),
                                    .keep_counters = true};
    sup = start(&program);
    CU_ASSERT_STRING_EQUAL(maiko_supervisor_counters_path(sup), path);
    CU_ASSERT_EQUAL(maiko_supervisor_join(sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, &report), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(path, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_get_info(counters, &info), MAIKO_OK);
    CU_ASSERT(info.state == MAIKO_COUNTERS_STOPPED && info.is_complete && info.unfinished == report.unfinished);
    balance = balance_of(counters);
    CU_ASSERT(balance.is_final && balance.sent == 3 * 20000 && balance.unrouted == 0 && balance.unfinished == 0);
    /* packets to relay and sink, echoes to sink, samples to sink and lossy */
    CU_ASSERT(balance.matched == 5 * 20000 && balance.in_flight == 0);
    CU_ASSERT_EQUAL(balance.dropped, maiko_counters_dropped_for(counters, MAIKO_DROPPED_OLDEST));
    maiko_counters_free(counters);
    maiko_stop_report_deinit(&report);
    scratch_deinit(&scratch);
}

static void after_an_orderly_stop_the_books_balance(void)
{
    stop_in_order(1);
}

static void after_an_orderly_stop_of_three_shards_the_books_balance(void)
{
    stop_in_order(3);
}

/* The child runs for ever; what it counts is in the file given. */
static int run_for_ever(void *userdata)
{
    maiko_supervisor *sup = start(userdata);

    for (;;)
        pause();
    return maiko_exit_code(maiko_supervisor_stop(&sup, NULL));
}

/* A snapshot of a child that has got somewhere. */
static maiko_counters *open_when(const char *path, const char *actor, uint64_t received)
{
    maiko_counters *counters = NULL;

    CU_ASSERT(wait_until(maiko_counters_open(path, &counters) == MAIKO_OK, 60000));
    CU_ASSERT(
        wait_until(maiko_counters_refresh(counters) == MAIKO_OK && actor_named(counters, actor).received >= received, 60000));
    return counters;
}

static void the_books_of_a_killed_program_are_closed_from_its_file(void)
{
    const unsigned long rounds = suite_scale(5, 100);
    struct program program = {.sink = &sink_ops};
    struct scratch scratch;
    maiko_counters_balance balance;
    maiko_counters_info info;
    maiko_counters *counters;
    struct child child;
    unsigned long round;
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    program.config = (maiko_config){.name = "flow",
                                    .shards = 3,
                                    .placement = MAIKO_PLACEMENT_FIXED,
                                    .counters_path = scratch_file(&scratch, "file", path, sizeof(path))};
    for (round = 0; round < rounds; round++) {
        CU_ASSERT_FATAL(child_start(&child, run_for_ever, &program));
        counters = open_when(path, "sink", 100 + 977 * round);
        CU_ASSERT(maiko_counters_get_info(counters, &info) == MAIKO_OK && info.state == MAIKO_COUNTERS_LIVE);
        child_signal(&child, SIGKILL);
        child_end(&child, 60000);
        CU_ASSERT_EQUAL(maiko_counters_refresh(counters), MAIKO_OK);
        CU_ASSERT(maiko_counters_get_info(counters, &info) == MAIKO_OK && info.state == MAIKO_COUNTERS_DEAD);
        balance = balance_of(counters);
        CU_ASSERT(balance.is_final && balance.sent > 0 && balance.matched >= balance.handled);
        maiko_counters_free(counters);
        CU_ASSERT_EQUAL(unlink(path), 0); /* the next one would take it over, and we might see it before */
    }
    scratch_deinit(&scratch);
}

/* A sink's phase, its depth and who is held by it are written one after the other. */
static bool is_hung(const maiko_counters *counters)
{
    const maiko_counters_actor sink = actor_named(counters, "sink");

    return sink.handled == 0 && sink.depth > 0 && sink.phase == MAIKO_ACTOR_RUNNING &&
           actor_named(counters, "source").phase == MAIKO_ACTOR_HELD;
}

static void a_hung_program_shows_where_it_hangs(void)
{
    struct program program = {.sink = &hung_ops};
    struct scratch scratch;
    maiko_counters *counters;
    maiko_counters_actor sink;
    maiko_counters_shard shard;
    struct child child;
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    program.config =
        (maiko_config){.name = "flow", .shards = 1, .counters_path = scratch_file(&scratch, "file", path, sizeof(path))};
    CU_ASSERT_FATAL(child_start(&child, run_for_ever, &program));
    counters = open_when(path, "sink", 1);
    CU_ASSERT(wait_until(maiko_counters_refresh(counters) == MAIKO_OK && is_hung(counters), 60000));
    sink = actor_named(counters, "sink");
    CU_ASSERT(wait_until(maiko_counters_refresh(counters) == MAIKO_OK &&
                             maiko_counters_get_shard(counters, 0, &shard) == MAIKO_OK && shard.current_actor == sink.id,
                         5000));
    maiko_counters_free(counters);
    child_signal(&child, SIGKILL);
    child_end(&child, 60000);
    scratch_deinit(&scratch);
}

static void a_program_sees_its_own_counters_without_a_file(void)
{
    struct program program = {.config = {.no_counters_file = true, .mode = MAIKO_DETERMINISTIC, .shards = 2, .seed = 4},
                              .source = {.limit = 500},
                              .sink = &sink_ops};
    maiko_supervisor *sup = start(&program);
    maiko_counters *counters = NULL;
    maiko_counters_info info;

    CU_ASSERT_STRING_EQUAL(maiko_supervisor_counters_path(sup), "");
    while (maiko_supervisor_poll(sup, 7) > 0) {
        CU_ASSERT_EQUAL_FATAL(maiko_supervisor_counters(sup, &counters), MAIKO_OK);
        (void)balance_of(counters);
        counters = maiko_counters_free(counters);
    }
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_counters(sup, &counters), MAIKO_OK);
    CU_ASSERT(maiko_counters_get_info(counters, &info) == MAIKO_OK && info.path[0] == '\0' && info.is_complete);
    CU_ASSERT_EQUAL(balance_of(counters).sent, 1500);
    CU_ASSERT_EQUAL(maiko_counters_refresh(counters), MAIKO_ESTATE);
    maiko_counters_free(counters);
    CU_ASSERT_EQUAL(maiko_supervisor_counters(NULL, &counters), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_supervisor_counters(sup, NULL), MAIKO_EINVAL);
    maiko_supervisor_stop(&sup, NULL);
}

static void the_highest_depth_is_kept(void)
{
    struct program program = {
        .config = {.no_counters_file = true, .mode = MAIKO_POLLED}, .source = {.limit = 500}, .sink = &sink_ops};
    maiko_supervisor *sup = start(&program);
    maiko_counters *counters = NULL;
    maiko_counters_actor lossy;

    while (maiko_supervisor_poll(sup, 0) > 0) {
    }
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_counters(sup, &counters), MAIKO_OK);
    CU_ASSERT(maiko_counters_get_totals(counters, &lossy) == MAIKO_OK && lossy.high_water >= 8);
    maiko_counters_free(counters);
    maiko_supervisor_stop(&sup, NULL);
}

enum { FIRST_BURST = 5, SECOND_BURST = 3 };

static maiko_status talk_to_oneself(void *self, maiko_context *ctx)
{
    (void)self;
    for (uint64_t i = 0; i < FIRST_BURST; i++)
        maiko_send(ctx, packet, .number = i);
    return MAIKO_OK;
}

static maiko_status answer_oneself_once(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    bool *answered = self;

    (void)envelope;
    for (uint64_t i = 0; !*answered && i < SECOND_BURST; i++)
        maiko_send(ctx, packet, .number = i);
    *answered = true;
    return MAIKO_OK;
}

static void what_an_actor_sends_to_itself_counts_for_the_highest_depth(void)
{
    static const maiko_actor_ops ops = {.on_start = talk_to_oneself, .handle = answer_oneself_once};
    maiko_config config = {.no_counters_file = true, .mode = MAIKO_POLLED};
    maiko_supervisor *sup = maiko_supervisor_new(&config);
    maiko_counters *counters = NULL;
    bool answered = false;

    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "echo",
                                                                        .ops = &ops,
                                                                        .self = &answered,
                                                                        .subscribe = MAIKO_TOPICS("flow/packet"),
                                                                        .receive_own = true}),
                          MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_start(sup), MAIKO_OK);
    while (maiko_supervisor_poll(sup, 0) > 0) {
    }
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_counters(sup, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(actor_named(counters, "echo").handled, FIRST_BURST + SECOND_BURST);
    CU_ASSERT_EQUAL(actor_named(counters, "echo").high_water, FIRST_BURST - 1 + SECOND_BURST);
    maiko_counters_free(counters);
    maiko_supervisor_stop(&sup, NULL);
}

enum { DAWDLE_NS = 50000 };

static maiko_status dawdle(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const uint64_t end = wait_deadline_ns(0) + DAWDLE_NS;

    (void)self;
    (void)ctx;
    (void)envelope;
    while (wait_deadline_ns(0) < end) {
    }
    return MAIKO_OK;
}

static void the_time_in_handlers_is_sampled(void)
{
    static const maiko_actor_ops slow_ops = {.handle = dawdle};
    const maiko_config config = {.no_counters_file = true, .mode = MAIKO_POLLED};
    maiko_supervisor *sup = maiko_supervisor_new(&config);
    maiko_counters *counters = NULL;
    maiko_counters_actor slow;
    uint64_t i;

    maiko_supervisor_add(
        sup, &(maiko_actor_spec){.name = "slow", .ops = &slow_ops, .subscribe = MAIKO_TOPICS("flow/packet"), .tick_limit = 1});
    maiko_supervisor_start(sup);
    for (i = 0; i < 200; i++) {
        maiko_send(maiko_supervisor_context(sup), packet, .number = i);
        while (maiko_supervisor_poll(sup, 0) > 0) {
        }
    }
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_counters(sup, &counters), MAIKO_OK);
    slow = actor_named(counters, "slow");
    CU_ASSERT(slow.handled == 200 && slow.samples >= 2 && slow.samples <= slow.activations / 50);
    CU_ASSERT(slow.handler_max_ns >= DAWDLE_NS && slow.handler_ns >= slow.samples * DAWDLE_NS);
    maiko_counters_free(counters);
    maiko_supervisor_stop(&sup, NULL);
}

static void a_supervisor_draws_what_its_actors_declare(void)
{
    struct program program = {.config = {.name = "flow", .no_counters_file = true}, .sink = &sink_ops, .source = {.limit = 1}};
    maiko_supervisor *sup;
    char *text = NULL;

    CU_ASSERT_EQUAL(maiko_supervisor_to_mermaid(NULL, &text), MAIKO_EINVAL);
    sup = maiko_supervisor_new(&program.config);
    CU_ASSERT_EQUAL(maiko_supervisor_to_json(sup, NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_to_json(sup, &text), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(text, "{\"name\":\"flow\",\"actors\":[],\"topics\":[]}");
    maiko_text_free(text);
    maiko_supervisor_add(sup,
                         &(maiko_actor_spec){.name = "sink",
                                             .ops = &sink_ops,
                                             .subscribe = MAIKO_TOPICS("flow/#"),
                                             .subscriptions = (const maiko_subscription[]){{.pattern = "$sys/dead"}, {NULL}}});
    maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "source", .ops = &sink_ops, .publish = MAIKO_TOPICS("flow/packet")});
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_to_mermaid(sup, &text), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(
        text, "flowchart LR\n    a0[\"sink\"]\n    a1[\"source\"]\n    t0([\"$sys/dead\"])\n    t1([\"flow/packet\"])\n"
              "    t0 -.-> a0\n    a1 --> t1\n    t1 --> a0\n");
    maiko_text_free(text);
    maiko_text_free(NULL);
    maiko_supervisor_stop(&sup, NULL);
}

/* --- one hook that sends in a row --- */

enum { IN_A_ROW = 1000, MIXED = 600 };

static maiko_status send_and_hang(void *self, maiko_context *ctx)
{
    (void)self;
    for (uint64_t i = 0; i < IN_A_ROW; i++)
        maiko_send(ctx, packet, .number = i);
    for (;;)
        pause();
    return MAIKO_OK;
}

static int send_and_hang_for_ever(void *userdata)
{
    static const maiko_actor_ops ops = {.on_start = send_and_hang};
    maiko_config config = {.name = "row", .shards = 1, .counters_path = userdata};
    maiko_supervisor *sup = maiko_supervisor_new(&config);

    maiko_supervisor_add(
        sup, &(maiko_actor_spec){
                 .name = "sink", .ops = &sink_ops, .subscribe = MAIKO_TOPICS("flow/packet"), .capacity = 2 * IN_A_ROW});
    maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "source", .ops = &ops});
    (void)maiko_supervisor_start(sup);
    for (;;)
        pause();
    return 0;
}

static bool has_all_in_a_row(const maiko_counters *counters)
{
    maiko_counters_topic topic;

    return actor_named(counters, "source").sent == IN_A_ROW && actor_named(counters, "sink").received == IN_A_ROW &&
           actor_named(counters, "sink").depth == IN_A_ROW && maiko_counters_get_topic(counters, 0, &topic) == MAIKO_OK &&
           topic.sent == IN_A_ROW && maiko_counters_topic_count(counters) == 1;
}

/* The hook has not returned, so nothing of what it did at last has been brought to the rows. */
static void what_a_hook_sent_before_it_hung_is_seen_and_stays_in_the_books(void)
{
    struct scratch scratch;
    struct child child;
    maiko_counters *counters;
    maiko_counters_balance balance;
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    scratch_file(&scratch, "file", path, sizeof(path));
    CU_ASSERT_FATAL(child_start(&child, send_and_hang_for_ever, path));
    counters = open_when(path, "sink", IN_A_ROW);
    CU_ASSERT(has_all_in_a_row(counters));
    child_signal(&child, SIGKILL);
    child_end(&child, 60000);
    CU_ASSERT_EQUAL(maiko_counters_refresh(counters), MAIKO_OK);
    CU_ASSERT(has_all_in_a_row(counters));
    balance = balance_of(counters);
    CU_ASSERT(balance.is_final && balance.sent == IN_A_ROW && balance.unfinished == IN_A_ROW);
    maiko_counters_free(counters);
    scratch_deinit(&scratch);
}

struct mixed {
    uint64_t sent;
    uint64_t packets;
    uint64_t wrong;
};

/* Runs of sends in the usual way, now and then something else between them: to nobody, a try, one made in place. */
static void send_another(struct mixed *mixed, maiko_context *ctx, uint64_t i)
{
    const maiko_send_opts try = {.struct_size = sizeof(try), .try_only = true};
    const packet event = {.number = i};
    packet *made = i % 67 == 66 ? maiko_reserve_bytes(ctx, MAIKO_TYPE(packet), sizeof(*made)) : NULL;
    const bool is_packet = i % 41 != 40 || made != NULL;
    maiko_status status;

    if (made != NULL) {
        made->number = i;
        status = maiko_commit(ctx, made);
    } else if (!is_packet) {
        status = maiko_send(ctx, echo, .number = i);
    } else {
        status = i % 53 == 52 ? maiko_send_options(ctx, &try, MAIKO_TYPE(packet), &event, sizeof(event))
                              : maiko_send_event(ctx, packet, &event);
    }
    mixed->sent += status == MAIKO_OK;
    mixed->packets += status == MAIKO_OK && is_packet;
}

static maiko_status send_mixed(void *self, maiko_context *ctx)
{
    struct mixed *mixed = self;
    maiko_counters *counters = NULL;
    maiko_counters_balance balance;

    for (uint64_t i = 0; i < MIXED; i++) {
        send_another(mixed, ctx, i);
        CU_ASSERT_EQUAL_FATAL(maiko_supervisor_counters(maiko_context_supervisor(ctx), &counters), MAIKO_OK);
        balance = balance_of(counters);
        mixed->wrong += actor_named(counters, "source").sent != mixed->sent || balance.sent != mixed->sent ||
                        actor_named(counters, "sink").received != mixed->packets || balance.matched != mixed->packets ||
                        balance.unrouted != mixed->sent - mixed->packets;
        maiko_counters_free(counters);
    }
    return MAIKO_OK;
}

static void after_each_send_of_a_hook_the_figures_are_exact(void)
{
    static const maiko_actor_ops ops = {.on_start = send_mixed};
    maiko_config config = {.no_counters_file = true, .mode = MAIKO_DETERMINISTIC, .shards = 1};
    maiko_supervisor *sup = maiko_supervisor_new(&config);
    struct mixed mixed = {0};

    /* some have room, then one waits for each */
    maiko_supervisor_add(
        sup,
        &(maiko_actor_spec){.name = "sink", .ops = &sink_ops, .subscribe = MAIKO_TOPICS("flow/packet"), .capacity = MIXED - 100});
    maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "source", .ops = &ops, .self = &mixed});
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    while (maiko_supervisor_poll(sup, 0) > 0) {
    }
    CU_ASSERT(mixed.sent > MIXED - 50 && mixed.wrong == 0);
    maiko_supervisor_stop(&sup, NULL);
}

static const struct test_case cases[] = {
    TEST_CASE(after_an_orderly_stop_the_books_balance),
    TEST_CASE(after_an_orderly_stop_of_three_shards_the_books_balance),
    TEST_CASE(the_books_of_a_killed_program_are_closed_from_its_file),
    TEST_CASE(a_hung_program_shows_where_it_hangs),
    TEST_CASE(a_program_sees_its_own_counters_without_a_file),
    TEST_CASE(the_highest_depth_is_kept),
    TEST_CASE(what_an_actor_sends_to_itself_counts_for_the_highest_depth),
    TEST_CASE(what_a_hook_sent_before_it_hung_is_seen_and_stays_in_the_books),
    TEST_CASE(after_each_send_of_a_hook_the_figures_are_exact),
    TEST_CASE(the_time_in_handlers_is_sampled),
    TEST_CASE(a_supervisor_draws_what_its_actors_declare),
};
SUITE_MAIN("counters", cases)
