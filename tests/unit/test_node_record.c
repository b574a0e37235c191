/* The record of a node: JSON and back, hostile text, allocation failures. */
#include <stdio.h>
#include <string.h>

#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "space/record.h"

static char reason[256];

static struct text *fresh_error(struct text *error)
{
    text_init_buffer(error, reason, sizeof(reason));
    return error;
}

static maiko_status fill(struct node_record *record)
{
    maiko_status status = MAIKO_OK;

    strcpy(record->name, "north");
    record->process = (struct process_identity){.pid = 42, .pid_namespace = UINT64_C(4026531836), .start_time = 77};
    record->epoch = UINT64_C(1700000000000000001);
    record->started_ns = 5;
    record->is_ready = true;
    status = node_record_set_text(record, &record->program, "weather");
    if (status == MAIKO_OK)
        status = text_list_add(&record->endpoints, record->heap, "ipc:///run/x");
    if (status == MAIKO_OK)
        status = text_list_add(&record->actors, record->heap, "sensor");
    if (status == MAIKO_OK)
        status = text_list_add(&record->actors, record->heap, "späher");
    if (status == MAIKO_OK)
        status = text_list_add(&record->topics, record->heap, "weather/reading");
    if (status == MAIKO_OK)
        status = node_record_add_link(record, "south", "zmq", "ready");
    return status;
}

static void a_record_comes_back_as_it_was_written(void)
{
    struct node_record record;
    struct node_record got;
    struct text line;
    struct text error;

    node_record_init(&record, heap_default());
    node_record_init(&got, heap_default());
    text_init_heap(&line, heap_default(), SPACE_RECORD_MAX);
    CU_ASSERT_EQUAL(fill(&record), MAIKO_OK);
    CU_ASSERT_EQUAL(node_record_format(&record, &line), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(node_record_parse(text_str(&line), line.len, &got, fresh_error(&error)), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(got.name, "north");
    CU_ASSERT(process_identity_equal(&got.process, &record.process));
    CU_ASSERT_EQUAL(got.epoch, record.epoch);
    CU_ASSERT_TRUE(got.is_ready);
    CU_ASSERT_STRING_EQUAL(got.program, "weather");
    CU_ASSERT_STRING_EQUAL(got.counters_path, "");
    CU_ASSERT_EQUAL(got.actors.count, 2);
    CU_ASSERT(text_list_has(&got.actors, "späher"));
    CU_ASSERT_FALSE(text_list_has(&got.actors, "sens"));
    CU_ASSERT_TRUE(text_list_has(&got.topics, "weather/reading"));
    CU_ASSERT_EQUAL(got.link_count, 1);
    CU_ASSERT_STRING_EQUAL(got.links[0].state, "ready");
    text_deinit(&line);
    node_record_deinit(&record);
    node_record_deinit(&got);
}

/* Each once; what does not fit is counted, and the count comes back. */
static void topics_that_do_not_fit_are_counted(void)
{
    struct node_record record;
    struct node_record got;
    struct text line;
    struct text error;
    char topic[256];
    unsigned i;

    node_record_init(&record, heap_default());
    node_record_init(&got, heap_default());
    text_init_heap(&line, heap_default(), SPACE_RECORD_MAX);
    strcpy(record.name, "n");
    for (i = 0; i < NODE_RECORD_TOPICS_MAX + 7; i++) {
        snprintf(topic, sizeof(topic), "many/%u", i);
        CU_ASSERT(node_record_add_topic(&record, topic, "t", "s"));
    }
    CU_ASSERT_FALSE(node_record_add_topic(&record, "many/0", "u", "v"));
    CU_ASSERT_EQUAL(record.topics.count, 3 * NODE_RECORD_TOPICS_MAX);
    CU_ASSERT_EQUAL(node_record_format(&record, &line), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(node_record_parse(text_str(&line), line.len, &got, fresh_error(&error)), MAIKO_OK);
    CU_ASSERT_EQUAL(got.topics_left_out, 7);
    CU_ASSERT_STRING_EQUAL(got.topics.items[3], "many/1");
    text_deinit(&line);
    node_record_deinit(&record);
    node_record_deinit(&got);
}

/* The worst names there are, each byte of which takes two. */
static void a_record_full_of_long_topics_is_not_too_long(void)
{
    struct node_record record;
    struct text line;
    char topic[256] = "";
    unsigned i;

    node_record_init(&record, heap_default());
    text_init_heap(&line, heap_default(), SPACE_RECORD_MAX);
    strcpy(record.name, "n");
    memset(topic, '"', 255);
    for (i = 0; i < 1000; i++) {
        memcpy(topic, (char[4]){(char)('0' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10), '/'}, 4);
        CU_ASSERT(node_record_add_topic(&record, topic, "t", topic));
    }
    CU_ASSERT_EQUAL(node_record_format(&record, &line), MAIKO_OK);
    CU_ASSERT(line.len < SPACE_RECORD_MAX);
    CU_ASSERT_EQUAL(record.topics.count / 3 + record.topics_left_out, 1000);
    text_deinit(&line);
    node_record_deinit(&record);
}

static void without_memory_topics_are_counted_and_none_is_half_there(void)
{
    struct failing_allocator failing;
    struct heap heap;
    long nth;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    for (nth = 0; nth < 12; nth++) {
        struct node_record record;

        failing_allocator_fail_nth(&failing, nth);
        node_record_init(&record, &heap);
        (void)node_record_add_topic(&record, "a", "t", "s");
        (void)node_record_add_topic(&record, "b", "t", "s");
        CU_ASSERT(failing_allocator_has_failed(&failing));
        CU_ASSERT_EQUAL(record.topics.count % 3, 0);
        CU_ASSERT_EQUAL(record.topics.count / 3 + record.topics_left_out, 2);
        failing_allocator_fail_nth(&failing, -1);
        node_record_deinit(&record);
        CU_ASSERT(failing_allocator_is_balanced(&failing));
    }
}

static maiko_status parse(const char *text, struct node_record *record)
{
    struct text error;

    node_record_init(record, heap_default());
    return node_record_parse(text, strlen(text), record, fresh_error(&error));
}

static void members_of_later_versions_are_ignored_and_missing_ones_defaulted(void)
{
    struct node_record record;

    CU_ASSERT_EQUAL(parse("{\"version\":9,\"name\":\"n\",\"colour\":[1,{\"a\":null}]}", &record), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(record.name, "n");
    CU_ASSERT_FALSE(record.is_ready);
    CU_ASSERT_EQUAL(record.actors.count, 0);
    CU_ASSERT_STRING_EQUAL(record.program, "");
    node_record_deinit(&record);
}

static void what_is_no_record_is_refused_with_the_reason(void)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"version\":1}",
        "{\"version\":1,\"name\":7}",
        "{\"version\":1,\"name\":\"../x\"}",
        "{\"version\":1,\"name\":\"n\",\"actors\":\"a\"}",
        "{\"version\":1,\"name\":\"n\",\"actors\":[1]}",
        "{\"version\":1,\"name\":\"n\",\"program\":{}}",
        "{\"version\":1,\"name\":\"n\",\"links\":[{\"peer\":\"p\"}]}",
        "{\"version\":1,\"name\":\"n\",\"name\":\"m\"}",
    };
    struct node_record record;
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        reason[0] = '\0';
        CU_ASSERT_EQUAL(parse(bad[i], &record), MAIKO_EPROTOCOL);
        CU_ASSERT_STRING_NOT_EQUAL(reason, "");
        node_record_deinit(&record);
    }
}

static void every_allocation_failure_is_reported_and_leaks_nothing(void)
{
    struct failing_allocator failing;
    maiko_status status = MAIKO_ENOMEM;
    struct heap heap;
    long nth;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    for (nth = 0; status == MAIKO_ENOMEM && nth < 100; nth++) {
        struct node_record record;
        struct node_record got;
        struct text error;
        struct text line;

        failing_allocator_fail_nth(&failing, nth);
        node_record_init(&record, &heap);
        node_record_init(&got, &heap);
        text_init_heap(&line, &heap, SPACE_RECORD_MAX);
        status = fill(&record);
        if (status == MAIKO_OK)
            status = node_record_format(&record, &line);
        if (status == MAIKO_OK)
            status = node_record_parse(text_str(&line), line.len, &got, fresh_error(&error));
        failing_allocator_fail_nth(&failing, -1);
        node_record_deinit(&record);
        node_record_deinit(&got);
        text_deinit(&line);
        CU_ASSERT(failing_allocator_is_balanced(&failing));
    }
    CU_ASSERT_EQUAL(status, MAIKO_OK);
    CU_ASSERT(nth > 10);
}

static const struct test_case cases[] = {
    TEST_CASE(a_record_comes_back_as_it_was_written),
    TEST_CASE(members_of_later_versions_are_ignored_and_missing_ones_defaulted),
    TEST_CASE(topics_that_do_not_fit_are_counted),
    TEST_CASE(a_record_full_of_long_topics_is_not_too_long),
    TEST_CASE(without_memory_topics_are_counted_and_none_is_half_there),
    TEST_CASE(what_is_no_record_is_refused_with_the_reason),
    TEST_CASE(every_allocation_failure_is_reported_and_leaks_nothing),
};

SUITE_MAIN("node_record", cases)
