/* Topic names: which one an event goes out on, and how many there may be. */
#include "lib/stage.h"
#include "lib/suite.h"
#include <maiko/import.h>
#include <maiko/system.h>
#include <stdio.h>
#include <string.h>

/* --- declarations of one type in several files --- */

#define WORD_FIELDS(F) F(INT64, value)
MAIKO_EVENT_WITH(word, "word", WORD_FIELDS, .overflow = MAIKO_DROP_OLDEST)

/* As another file declares it. */
static maiko_event_type number_on(const char *topic, maiko_overflow overflow)
{
    maiko_event_type type = *MAIKO_TYPE(number);

    type.topic = topic;
    type.overflow = overflow;
    return type;
}

static maiko_status send_as(maiko_context *ctx, const maiko_event_type *type, int64_t value)
{
    const number event = {.value = value};

    return maiko_send_bytes(ctx, type, &event, sizeof event);
}

struct notes {
    const maiko_event_type *types[2];
    char topics[256];
};

static maiko_status note_topic(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct notes *notes = player->data;

    (void)ctx;
    CU_ASSERT_PTR_NOT_NULL(maiko_event_as(envelope, number));
    strcat(strcat(notes->topics, maiko_envelope_topic(envelope)), " ");
    return MAIKO_OK;
}

static maiko_step send_both(struct player *player, maiko_context *ctx)
{
    struct notes *notes = player->data;
    int i;

    for (i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(send_as(ctx, notes->types[i % 2], i), MAIKO_OK);
    return MAIKO_STEP_NEVER;
}

/* From an actor, then from outside. */
static void expect_topics(const maiko_event_type *first, const maiko_event_type *second, const char *expected)
{
    struct notes notes = {.types = {first, second}};
    struct player writer = {.step = send_both, .data = &notes};
    struct player reader = {.handle = note_topic, .data = &notes};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("reader", &reader, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("writer", &writer)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_STRING_EQUAL(notes.topics, expected);
    notes.topics[0] = '\0';
    (void)send_both(&writer, maiko_supervisor_context(stage.sup));
    stage_settle(&stage);
    CU_ASSERT_STRING_EQUAL(notes.topics, expected);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void every_declaration_of_a_type_has_its_own_topic(void)
{
    const maiko_event_type other = number_on("other", MAIKO_FAIL);
    const maiko_event_type same = number_on("number", MAIKO_BLOCK);

    expect_topics(MAIKO_TYPE(number), &other, "number other number other ");
    expect_topics(&other, MAIKO_TYPE(number), "other number other number ");
    expect_topics(MAIKO_TYPE(number), &same, "number number number number ");
}

static void two_policies_of_one_topic_are_refused_at_start(void)
{
    static const maiko_actor_ops none = {.on_start = NULL};
    const maiko_event_type other = number_on("number", MAIKO_FAIL);
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(
            stage.sup, &(maiko_actor_spec){.name = "a", .ops = &none, .types = MAIKO_TYPES(MAIKO_TYPE(number), &other)}),
        MAIKO_ECONFLICT);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_ECONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(stage.sup), "two declarations of type 'number'"));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ECONFLICT);
    stage_close(&stage);
}

/* It is another program's word, and what comes from there says its topic. */
static void an_import_may_declare_its_type_otherwise(void)
{
    const maiko_event_type other = number_on("other", MAIKO_FAIL);
    const maiko_event_type loud = number_on("number", MAIKO_FAIL);
    const number event = {.value = 1};
    struct notes notes = {.types = {MAIKO_TYPE(number), MAIKO_TYPE(number)}};
    struct player writer = {.step = send_both, .data = &notes};
    struct player reader = {.handle = note_topic, .data = &notes};
    struct stage stage;
    maiko_importer *importer;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("reader", &reader, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("writer", &writer)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_new(stage.sup, "door", NULL, &importer), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_send(importer, &(maiko_import){.struct_size = sizeof(maiko_import), .topic = "here",
                                                                  .type = &other, .event = &event, .len = sizeof event}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(maiko_importer_send(importer, &(maiko_import){.struct_size = sizeof(maiko_import), .topic = "number",
                                                                  .type = &loud, .event = &event, .len = sizeof event}),
                    MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_PTR_NOT_NULL(strstr(notes.topics, "here "));
    CU_ASSERT_EQUAL(reader.events, 6);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* What an import declares excuses nothing that this program says of another topic: its events would go out on the import's. */
static void an_import_does_not_hide_that_the_program_contradicts_itself(void)
{
    static const maiko_actor_ops none = {.on_start = NULL};
    const maiko_event_type theirs = number_on("theirs", MAIKO_FAIL);
    const maiko_event_type ours = number_on("word", MAIKO_BLOCK);
    const number event = {.value = 1};
    struct stage stage;
    maiko_importer *importer;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_importer_new(stage.sup, "door", NULL, &importer), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_send(importer, &(maiko_import){.struct_size = sizeof(maiko_import), .topic = "theirs",
                                                                  .type = &theirs, .event = &event, .len = sizeof event}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(
                        stage.sup, &(maiko_actor_spec){.ops = &none, .types = MAIKO_TYPES(MAIKO_TYPE(word), &ours)}),
                    MAIKO_ECONFLICT);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_ECONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(stage.sup), "types 'word' and 'number'"));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ECONFLICT);
    stage_close(&stage);
}

/* --- how many --- */

enum { LIMIT = 4 };

static maiko_status send_on(maiko_context *ctx, const char *prefix, int i)
{
    char topic[64];

    snprintf(topic, sizeof topic, "%s/%d", prefix, i);
    return maiko_send_to(ctx, topic, number, .value = i);
}

static maiko_step send_undeclared(struct player *player, maiko_context *ctx)
{
    int i;

    (void)player;
    for (i = 0; i < 2 * LIMIT; i++)
        CU_ASSERT_EQUAL(send_on(ctx, "bad", i), MAIKO_EUNDECLARED);
    for (i = 0; i < LIMIT; i++)
        CU_ASSERT_EQUAL(send_on(ctx, "good", i), MAIKO_OK);
    CU_ASSERT_EQUAL(send_on(ctx, "good", LIMIT), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(send_on(ctx, "bad", 0), MAIKO_EUNDECLARED);
    return MAIKO_STEP_NEVER;
}

static void refused_sends_use_up_no_names(void)
{
    struct player writer = {.step = send_undeclared};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1, .dynamic_topics = LIMIT + 1});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("writer", &writer, .publish = MAIKO_TOPICS("x", "good/#"))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(writer.steps, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_counted(&stage, "writer").refused, 2 * LIMIT + 2);
    stage_close(&stage);
}

static maiko_step fill_up_and_drop(struct player *player, maiko_context *ctx)
{
    int i;

    for (i = 0; i < LIMIT; i++)
        CU_ASSERT_EQUAL(send_on(ctx, "t", i), MAIKO_OK); /* to a mailbox of one place */
    CU_ASSERT_EQUAL(send_on(ctx, "t", LIMIT), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(send_on(maiko_supervisor_context(player->data), "t", LIMIT), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(send_on(ctx, "t", 0), MAIKO_OK); /* a name that is there is good */
    return MAIKO_STEP_NEVER;
}

static void without_names_dead_letters_are_still_sent(void)
{
    const maiko_subscription drops[] = {{.pattern = "t/#", .overflow = MAIKO_DROP_NEWEST}, {NULL}};
    struct player writer = {.step = fill_up_and_drop};
    struct player sink = {.wanted = 0};
    struct player ear = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1, .dynamic_topics = LIMIT + 1});
    writer.data = stage.sup;
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("writer", &writer)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sink", &sink, .capacity = 1, .subscriptions = drops)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("ear", &ear, .subscribe = MAIKO_TOPICS(MAIKO_TOPIC_DEAD))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(sink.events, 1);
    CU_ASSERT_EQUAL(ear.events, LIMIT);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static maiko_step send_until_refused(struct player *player, maiko_context *ctx)
{
    int i;

    (void)player;
    for (i = 0; send_on(ctx, "session", i) == MAIKO_OK; i++)
        ;
    CU_ASSERT_EQUAL(send_on(ctx, "session", i + 1), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(maiko_context_last_refusal(ctx), MAIKO_ELIMIT);
    return MAIKO_STEP_NEVER;
}

/* A program with a topic for each session hears of it before the end, and at the end; what has a name goes on. */
static void names_that_run_out_are_told_once_each(void)
{
    struct player writer = {.step = send_until_refused};
    struct player reader = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1, .dynamic_topics = 40 + 1});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("writer", &writer)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("reader", &reader, .subscribe = MAIKO_TOPICS("session/+"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(send_on(maiko_supervisor_context(stage.sup), "outside", 1), MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(send_on(maiko_supervisor_context(stage.sup), "session", 7), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(stage_count_logged(&stage, "most topic names are in use, now 'session/29', of 41"), 1);
    CU_ASSERT_EQUAL(
        stage_count_logged(&stage, "sends on 'session/40' and other new topics are refused: 41 topic names are in use"), 1);
    CU_ASSERT_EQUAL(stage_count_logged(&stage, "topic names"), 2);
    CU_ASSERT_EQUAL(reader.events, 40 + 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_counted(&stage, "writer").refused, 2);
    CU_ASSERT_EQUAL(stage_counted(&stage, "supervisor").refused, 1);
    stage_close(&stage);
}

static void a_declared_topic_beyond_the_limit_is_an_error_with_its_text(void)
{
    static const maiko_actor_ops none = {.on_start = NULL};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1, .dynamic_topics = 2});
    CU_ASSERT_EQUAL(send_on(maiko_supervisor_context(stage.sup), "first", 1), MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, &(maiko_actor_spec){.name = "a", .ops = &none, .types = MAIKO_TYPES(MAIKO_TYPE(word))}),
        MAIKO_ELIMIT);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_ELIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(stage.sup), "topic 'word' of type 'word': 2 topic names are"));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ELIMIT);
    stage_close(&stage);
}

/* --- computed --- */

static const char *fill_to(const void *event, char *buffer, size_t size)
{
    memset(buffer, 't', size);
    if (*(const uint32_t *)event < size)
        buffer[*(const uint32_t *)event] = '\0';
    return buffer;
}

#define LENGTH_FIELDS(F) F(UINT32, len)
MAIKO_EVENT_WITH(length, MAIKO_COMPUTED_TOPIC, LENGTH_FIELDS, .topic_of = fill_to)

static void send_lengths(maiko_context *ctx)
{
    CU_ASSERT_EQUAL(maiko_send(ctx, length, .len = 0), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(maiko_send(ctx, length, .len = MAIKO_TOPIC_MAX), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(ctx, length, .len = MAIKO_TOPIC_MAX + 1), MAIKO_ETOOLONG); /* no NUL in its room */
}

static maiko_step send_lengths_in_step(struct player *player, maiko_context *ctx)
{
    (void)player;
    send_lengths(ctx);
    return MAIKO_STEP_NEVER;
}

static void a_computed_topic_need_not_end(void)
{
    struct player writer = {.step = send_lengths_in_step};
    struct player reader = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("writer", &writer)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("reader", &reader, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    send_lengths(maiko_supervisor_context(stage.sup));
    stage_settle(&stage);
    CU_ASSERT_EQUAL(reader.events, 2);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(every_declaration_of_a_type_has_its_own_topic),
    TEST_CASE(an_import_may_declare_its_type_otherwise),
    TEST_CASE(an_import_does_not_hide_that_the_program_contradicts_itself),
    TEST_CASE(two_policies_of_one_topic_are_refused_at_start),
    TEST_CASE(refused_sends_use_up_no_names),
    TEST_CASE(names_that_run_out_are_told_once_each),
    TEST_CASE(a_declared_topic_beyond_the_limit_is_an_error_with_its_text),
    TEST_CASE(without_names_dead_letters_are_still_sent),
    TEST_CASE(a_computed_topic_need_not_end),
};
SUITE_MAIN("topic_names", cases)
