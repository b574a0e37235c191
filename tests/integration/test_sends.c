/* Sends in a running program: room that is reserved, topics that are computed, chains, older callers, types that clash. */
#include "lib/failing_allocator.h"
#include "lib/poison.h"
#include "lib/stage.h"
#include "lib/suite.h"
#include <stdio.h>
#include <string.h>

#define POLL_FIELDS(F) F(UINT32, station) F(TAIL, text, TEXT)
MAIKO_EVENT(note, "notes", POLL_FIELDS)

static const char *topic_of_station(const void *event, char *buffer, size_t size);
#define READING_FIELDS(F) F(UINT32, station)
MAIKO_EVENT_WITH(reading, MAIKO_COMPUTED_TOPIC, READING_FIELDS, .topic_of = topic_of_station)

/* Station 0 has no topic. */
static const char *topic_of_station(const void *event, char *buffer, size_t size)
{
    const reading *now = event;

    if (now->station == 0)
        return NULL;
    snprintf(buffer, size, "station/%u", (unsigned)now->station);
    return buffer;
}

/* What a sink saw of the last event. */
struct seen {
    char topic[32];
    char text[32];
    uint32_t station;
    maiko_id id;
    maiko_id parent;
    maiko_id correlation;
};

static maiko_status look(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct seen *seen = player->data;
    const note *text = maiko_event_as(envelope, note);
    const reading *now = maiko_event_as(envelope, reading);

    (void)ctx;
    snprintf(seen->topic, sizeof seen->topic, "%s", maiko_envelope_topic(envelope));
    if (text != NULL) {
        seen->station = text->station;
        snprintf(seen->text, sizeof seen->text, "%.*s", (int)text->text_count, text->text);
    }
    if (now != NULL)
        seen->station = now->station;
    seen->id = maiko_envelope_id(envelope);
    seen->parent = maiko_envelope_parent(envelope);
    seen->correlation = maiko_envelope_correlation(envelope);
    return MAIKO_OK;
}

/* A stage with a sink of everything, and one more player. */
static void open_with_sink(struct stage *stage, struct player *sink, struct seen *seen, struct player *other)
{
    *seen = (struct seen){.topic = ""};
    *sink = (struct player){.handle = look, .data = seen};
    stage_open(stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER("sink", sink, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    if (other != NULL)
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER("other", other)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage->sup), MAIKO_OK);
}

/* --- a temporary has no tail --- */

static maiko_step send_counts_of_nothing(struct player *player, maiko_context *ctx)
{
    const maiko_envelope *none = NULL;

    (void)player;
    CU_ASSERT_EQUAL(maiko_send(ctx, note, .station = 1, .text_count = 300), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_context_last_refusal(ctx), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_send_to(ctx, "elsewhere", note, .text_count = 1), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_send_child(ctx, none, note, .text_count = UINT64_MAX), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_try_send(ctx, note, .text_count = 1), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_send(ctx, note, .station = 9), MAIKO_OK);
    return MAIKO_STEP_NEVER;
}

static void a_temporary_with_a_count_of_a_tail_is_refused(void)
{
    struct player other = {.step = send_counts_of_nothing};
    struct player sink;
    struct seen seen;
    struct stage stage;

    open_with_sink(&stage, &sink, &seen, &other);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(stage.sup), note, .text_count = 300), MAIKO_ETYPE);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(sink.events, 1);
    CU_ASSERT_EQUAL(seen.station, 9);
    CU_ASSERT_STRING_EQUAL(seen.text, "");
    stage_close(&stage);
}

/* --- reserve, fill, commit --- */

static maiko_status reserve_and_send(maiko_context *ctx)
{
    note *shorter = maiko_reserve(ctx, note, 10);

    CU_ASSERT_PTR_NOT_NULL_FATAL(shorter);
    CU_ASSERT_EQUAL(shorter->text_count, 10);
    shorter->station = 7;
    memcpy(shorter->text, "hello", 5);
    shorter->text_count = 5;
    return maiko_commit(ctx, shorter);
}

static maiko_step reserve_many_ways(struct player *player, maiko_context *ctx)
{
    note *longer = maiko_reserve(ctx, note, 2);
    note *given_up = maiko_reserve(ctx, note, 4);
    note *forgotten[3];
    int i;

    (void)player;
    CU_ASSERT_EQUAL(reserve_and_send(ctx), MAIKO_OK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(longer);
    longer->text_count = 3;
    CU_ASSERT_EQUAL(maiko_commit(ctx, longer), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_context_last_refusal(ctx), MAIKO_ETYPE);
    maiko_abandon(ctx, given_up);
    maiko_abandon(ctx, NULL);
    for (i = 0; i < 3; i++)
        forgotten[i] = maiko_reserve(ctx, note, 1);
    maiko_abandon(ctx, forgotten[1]); /* the others are given up when the hook returns */
    return MAIKO_STEP_NEVER;
}

static maiko_status reserve_and_forget(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)player;
    (void)envelope;
    CU_ASSERT_PTR_NOT_NULL(maiko_reserve(ctx, note, 100));
    return MAIKO_OK;
}

static void reserved_room_is_sent_refused_given_up_or_forgotten(void)
{
    struct player other = {.step = reserve_many_ways};
    struct player sink;
    struct seen seen;
    struct stage stage;

    open_with_sink(&stage, &sink, &seen, &other);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(sink.events, 1);
    CU_ASSERT_EQUAL(seen.station, 7);
    CU_ASSERT_STRING_EQUAL(seen.text, "hello");
    CU_ASSERT_EQUAL(reserve_and_send(maiko_supervisor_context(stage.sup)), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(sink.events, 2);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void a_handler_may_forget_what_it_reserved(void)
{
    struct player forgetful = {.handle = reserve_and_forget};
    struct failing_allocator memory;
    struct stage stage;

    failing_allocator_init(&memory);
    stage_open(&stage, &(maiko_config){.mode = MAIKO_POLLED, .allocator = &memory.allocator});
    CU_ASSERT_EQUAL(stage_add(&stage, "forgetful", &forgetful), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 2), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(forgetful.events, 2);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&memory));
    stage_close(&stage);
}

/* --- topics and chains --- */

static maiko_step send_station_3(struct player *player, maiko_context *ctx)
{
    (void)player;
    CU_ASSERT_EQUAL(maiko_send(ctx, reading, .station = 0), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(maiko_send(ctx, reading, .station = 3), MAIKO_OK);
    return MAIKO_STEP_NEVER;
}

static void a_topic_is_computed_from_the_event(void)
{
    struct player other = {.step = send_station_3};
    struct player sink;
    struct seen seen;
    struct stage stage;
    maiko_context *outside;

    open_with_sink(&stage, &sink, &seen, &other);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(seen.station, 3);
    CU_ASSERT_STRING_EQUAL(seen.topic, "station/3");
    outside = maiko_supervisor_context(stage.sup);
    CU_ASSERT_EQUAL(maiko_send(outside, reading, .station = 0), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(maiko_send(outside, reading, .station = 41), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_STRING_EQUAL(seen.topic, "station/41");
    CU_ASSERT_EQUAL(sink.events, 2);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static maiko_status keep_it(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    return maiko_envelope_keep(envelope, player->data);
}

/* A thread outside answers an event that a handler kept for it. */
static void a_thread_outside_goes_on_with_a_chain(void)
{
    maiko_envelope *kept = NULL;
    struct player keeper = {.handle = keep_it, .data = &kept};
    struct seen seen = {.topic = ""};
    struct player sink = {.handle = look, .data = &seen};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "keeper", &keeper), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sink", &sink, .subscribe = MAIKO_TOPICS("notes"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_PTR_NOT_NULL_FATAL(kept);
    CU_ASSERT_EQUAL(maiko_send_child(maiko_supervisor_context(stage.sup), kept, note, .station = 2), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(sink.events, 1);
    CU_ASSERT_TRUE(maiko_id_equal(seen.parent, maiko_envelope_id(kept)));
    CU_ASSERT_TRUE(maiko_id_equal(seen.correlation, maiko_envelope_correlation(kept)));
    CU_ASSERT_FALSE(maiko_id_equal(seen.id, maiko_envelope_id(kept)));
    maiko_envelope_unref(kept);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- programs compiled against an older header --- */

static maiko_status never_called(void *self, maiko_context *ctx)
{
    (void)self;
    (void)ctx;
    return MAIKO_EINTERNAL;
}

static void callers_with_shorter_structs_get_zeros_for_the_rest(void)
{
    const note event = {.station = 9};
    const maiko_send_opts without_try = {
        .struct_size = offsetof(maiko_send_opts, try_only), .topic = "old/notes", .try_only = true};
    const maiko_actor_ops ops = {.on_stop = never_called};                           /* behind the part that the caller knows */
    const maiko_actor_spec spec = {.name = "old", .ops = &ops, .capacity = 1 << 30}; /* likewise */
    struct player sink;
    struct seen seen;
    struct stage stage;

    open_with_sink(&stage, &sink, &seen, NULL);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add_sized(stage.sup, &spec, 1, offsetof(maiko_actor_spec, capacity), offsetof(maiko_actor_ops, on_stop)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send_options(maiko_supervisor_context(stage.sup), &without_try, MAIKO_TYPE(note), &event, sizeof event),
                    MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_STRING_EQUAL(seen.topic, "old/notes");
    CU_ASSERT_EQUAL(seen.station, 9);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- types --- */

/* Another library's idea of a `number`, and a topic that is none. */
static const maiko_field text_field[] = {
    {.name = "text", .kind = MAIKO_KIND_STRING, .form = MAIKO_FORM_ONE, .size = 8, .count = 1, .capacity = 8}};
static const maiko_event_type other_number = {.struct_size = sizeof(maiko_event_type),
                                              .name = "number",
                                              .topic = "number",
                                              .size = 8,
                                              .fields = text_field,
                                              .field_count = 1,
                                              .field_size = sizeof(maiko_field)};
static const maiko_event_type bad_topic = {.struct_size = sizeof(maiko_event_type),
                                           .name = "bad_topic",
                                           .topic = "a/+/b",
                                           .size = 8,
                                           .fields = text_field,
                                           .field_count = 1,
                                           .field_size = sizeof(maiko_field)};

static void types_that_clash_are_refused_and_logged(void)
{
    const char bytes[8] = "text";
    struct player sink;
    struct seen seen;
    struct stage stage;
    maiko_context *outside;

    open_with_sink(&stage, &sink, &seen, NULL);
    outside = maiko_supervisor_context(stage.sup);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send_bytes(outside, &other_number, bytes, sizeof bytes), MAIKO_ECONFLICT);
    CU_ASSERT_TRUE(stage_logged(&stage, "two event types are called 'number'"));
    CU_ASSERT_EQUAL(maiko_send_bytes(outside, &bad_topic, bytes, sizeof bytes), MAIKO_ETYPE);
    CU_ASSERT_TRUE(stage_logged(&stage, "bad_topic: its topic is not a topic name"));
    CU_ASSERT_EQUAL(maiko_send_bytes(outside, NULL, bytes, sizeof bytes), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_context_last_refusal(outside), MAIKO_ETYPE);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(sink.events, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_counted(&stage, "supervisor").refused, 3);
    stage_close(&stage);
}

/* What a handler still has when it has returned. */
struct memory {
    const void *borrowed;
    maiko_envelope *kept;
};

static maiko_status remember(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct memory *memory = player->data;

    (void)ctx;
    CU_ASSERT_EQUAL(poisoned_bytes(envelope->payload, sizeof(number)), 0);
    memory->borrowed = envelope->payload;
    return maiko_envelope_keep(envelope, &memory->kept);
}

/* On this shard and from another one, where it is a copy. */
static void remember_on(maiko_shard shard)
{
    struct memory memory = {.kept = NULL};
    struct player player = {.handle = remember, .data = &memory};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("number"), .shard = shard)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 7), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_PTR_NOT_NULL_FATAL(memory.kept);
    CU_ASSERT_EQUAL(poisoned_bytes(memory.borrowed, sizeof(number)), POISON_IS_KNOWN ? sizeof(number) : 0);
    CU_ASSERT_EQUAL(poisoned_bytes(memory.kept->payload, sizeof(number)), 0);
    CU_ASSERT_EQUAL(maiko_event_as(memory.kept, number)->value, 7);
    maiko_envelope_unref(memory.kept);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void what_a_handler_borrowed_is_poisoned_when_it_has_returned(void)
{
    remember_on(MAIKO_SHARD(0));
    remember_on(MAIKO_SHARD(1));
}

static const struct test_case cases[] = {
    TEST_CASE(a_temporary_with_a_count_of_a_tail_is_refused),
    TEST_CASE(reserved_room_is_sent_refused_given_up_or_forgotten),
    TEST_CASE(a_handler_may_forget_what_it_reserved),
    TEST_CASE(a_topic_is_computed_from_the_event),
    TEST_CASE(a_thread_outside_goes_on_with_a_chain),
    TEST_CASE(callers_with_shorter_structs_get_zeros_for_the_rest),
    TEST_CASE(types_that_clash_are_refused_and_logged),
    TEST_CASE(what_a_handler_borrowed_is_poisoned_when_it_has_returned),
};
SUITE_MAIN("sends", cases)
