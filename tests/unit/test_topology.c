/* Topology: declarations as Mermaid and JSON. */
#include "monitor/topology.h"

#include "lib/failing_allocator.h"
#include "lib/suite.h"

#include <stdlib.h>
#include <string.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_mermaid(const struct topology *topology, const char *expected)
{
    char *text = NULL;

    CU_ASSERT_EQUAL_FATAL(topology_to_mermaid(heap_default(), topology, &text), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected) != 0)
        SUITE_FAIL("got:\n%s", text);
    heap_strfree(heap_default(), text);
}

static void expect_json(const struct topology *topology, const char *expected)
{
    char *text = NULL;

    CU_ASSERT_EQUAL_FATAL(topology_to_json(heap_default(), topology, &text), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected) != 0)
        SUITE_FAIL("got: %s", text);
    heap_strfree(heap_default(), text);
}

static const char *const weather_mermaid = "flowchart LR\n"
                                           "    a0[\"alerter\"]\n"
                                           "    a1[\"logger\"]\n"
                                           "    a2[\"sensor\"]\n"
                                           "    t0([\"weather/alert\"])\n"
                                           "    t1([\"weather/reading\"])\n"
                                           "    a0 --> t0\n"
                                           "    t0 --> a1\n"
                                           "    a2 --> t1\n"
                                           "    t1 --> a0\n"
                                           "    t1 --> a1\n";
static const char *const weather_json =
    "{\"name\":\"weather\",\"actors\":["
    "{\"name\":\"alerter\",\"id\":2,\"subscribe\":[\"weather/reading\"],\"publish\":[\"weather/alert\"]},"
    "{\"name\":\"logger\",\"id\":3,\"subscribe\":[\"weather/#\"],\"publish\":null},"
    "{\"name\":\"sensor\",\"id\":1,\"subscribe\":[],\"publish\":[\"weather/reading\"]}],"
    "\"topics\":["
    "{\"name\":\"weather/alert\",\"publishers\":[\"alerter\"],\"subscribers\":[\"logger\"]},"
    "{\"name\":\"weather/reading\",\"publishers\":[\"sensor\"],\"subscribers\":[\"alerter\",\"logger\"]}]}";

static void fill_weather(struct topology_actor actors[3])
{
    static const char *const readings[] = {"weather/reading", NULL};
    static const char *const alerts[] = {"weather/alert", NULL};
    static const char *const all[] = {"weather/#", NULL};

    actors[0] = (struct topology_actor){.name = "sensor", .id = 1, .publish = readings};
    actors[1] = (struct topology_actor){.name = "alerter", .id = 2, .subscribe = readings, .publish = alerts};
    actors[2] = (struct topology_actor){.name = "logger", .id = 3, .subscribe = all};
}

static void a_pipeline_is_drawn_from_publisher_to_subscriber(void)
{
    struct topology_actor actors[3];
    const struct topology topology = {.name = "weather", .actors = actors, .actor_count = 3};

    fill_weather(actors);
    expect_mermaid(&topology, weather_mermaid);
    expect_json(&topology, weather_json);
}

static void the_order_of_declaration_does_not_show(void)
{
    static const int orders[][3] = {{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct topology_actor actors[3];
    struct topology_actor mixed[3];
    const struct topology topology = {.name = "weather", .actors = mixed, .actor_count = 3};
    size_t i;
    size_t n;

    fill_weather(actors);
    for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        for (n = 0; n < 3; n++)
            mixed[n] = actors[orders[i][n]];
        expect_mermaid(&topology, weather_mermaid);
        expect_json(&topology, weather_json);
    }
}

static void a_subscription_without_a_publisher_is_a_dotted_arrow(void)
{
    const struct topology_actor actors[] = {{.name = "a", .id = 1, .subscribe = LIST("x/+", "y")},
                                            {.name = "b", .id = 2, .subscribe = LIST("x/1"), .publish = LIST("y")}};
    const struct topology topology = {.name = "s", .actors = actors, .actor_count = 2};

    expect_mermaid(&topology, "flowchart LR\n"
                              "    a0[\"a\"]\n    a1[\"b\"]\n"
                              "    t0([\"x/+\"])\n    t1([\"x/1\"])\n    t2([\"y\"])\n"
                              "    t0 -.-> a0\n    t1 -.-> a1\n    a1 --> t2\n    t2 --> a0\n");
}

static void a_published_pattern_reaches_whoever_could_hear_part_of_it(void)
{
    const struct topology_actor actors[] = {
        {.name = "rooms", .id = 1, .publish = LIST("room/+/temp")},
        {.name = "one", .id = 2, .subscribe = LIST("room/1/#")},
        {.name = "other", .id = 3, .subscribe = LIST("house/#")},
    };
    const struct topology topology = {.name = "s", .actors = actors, .actor_count = 3};

    expect_mermaid(&topology, "flowchart LR\n"
                              "    a0[\"one\"]\n    a1[\"other\"]\n    a2[\"rooms\"]\n"
                              "    t0([\"house/#35;\"])\n    t1([\"room/+/temp\"])\n"
                              "    t0 -.-> a1\n    a2 --> t1\n    t1 -.-> a0\n");
}

static void several_matching_patterns_are_one_arrow(void)
{
    const struct topology_actor actors[] = {
        {.name = "a", .id = 1, .subscribe = LIST("x", "+", "#", "x"), .publish = LIST("x", "x")}};
    const struct topology topology = {.name = "s", .actors = actors, .actor_count = 1};

    expect_mermaid(&topology, "flowchart LR\n    a0[\"a\"]\n    t0([\"x\"])\n    a0 --> t0\n    t0 --> a0\n");
}

static void anonymous_actors_are_told_apart_by_id(void)
{
    const struct topology_actor actors[] = {
        {.id = 9, .subscribe = LIST("x")}, {.name = "", .id = 4, .publish = LIST("x")}, {.name = "b", .id = UINT64_MAX}};
    const struct topology topology = {.name = "s", .actors = actors, .actor_count = 3};

    expect_mermaid(&topology, "flowchart LR\n    a0[\"actor 4\"]\n    a1[\"actor 9\"]\n    a2[\"b\"]\n    t0([\"x\"])\n"
                              "    a0 --> t0\n    t0 --> a1\n");
    expect_json(&topology, "{\"name\":\"s\",\"actors\":[{\"name\":null,\"id\":4,\"subscribe\":[],\"publish\":[\"x\"]},"
                           "{\"name\":null,\"id\":9,\"subscribe\":[\"x\"],\"publish\":null},"
                           "{\"name\":\"b\",\"id\":\"18446744073709551615\",\"subscribe\":[],\"publish\":null}],"
                           "\"topics\":[{\"name\":\"x\",\"publishers\":[4],\"subscribers\":[9]}]}");
}

static void names_cannot_break_out_of_their_label(void)
{
    const struct topology_actor actors[] = {
        {.name = "\"]; end <b>`_*\\n\n\x7f", .id = 1, .publish = LIST("a&b;c#d")},
        {.name = "\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\xff!", .id = 2},
    };
    const struct topology topology = {.name = "\"\\\t", .actors = actors, .actor_count = 2};

    expect_mermaid(&topology, "flowchart LR\n"
                              "    a0[\"#34;#93;#59; end #60;b#62;#96;#95;#42;#92;n#10;#127;\"]\n"
                              "    a1[\"\xc3\xa9#8232;\xf0\x9f\x98\x80#65533;#33;\"]\n"
                              "    t0([\"a#38;b#59;c#35;d\"])\n    a0 --> t0\n");
    expect_json(&topology,
                "{\"name\":\"\\\"\\\\\\u0009\",\"actors\":["
                "{\"name\":\"\\\"]; end <b>`_*\\\\n\\u000a\\u007f\",\"id\":1,\"subscribe\":[],\"publish\":[\"a&b;c#d\"]},"
                "{\"name\":\"\xc3\xa9\\u2028\xf0\x9f\x98\x80\\ufffd!\",\"id\":2,\"subscribe\":[],\"publish\":null}],"
                "\"topics\":[{\"name\":\"a&b;c#d\",\"publishers\":[\"\\\"]; end <b>`_*\\\\n\\u000a\\u007f\"],"
                "\"subscribers\":[]}]}");
}

static void nothing_declared_is_an_empty_picture(void)
{
    const struct topology topology = {.name = ""};

    expect_mermaid(&topology, "flowchart LR\n");
    expect_json(&topology, "{\"name\":\"\",\"actors\":[],\"topics\":[]}");
}

static void every_allocation_failure_is_reported_and_leaks_nothing(void)
{
    maiko_status (*const formats[])(struct heap *, const struct topology *, char **) = {topology_to_mermaid, topology_to_json};
    struct topology_actor actors[3];
    const struct topology topology = {.name = "weather", .actors = actors, .actor_count = 3};
    struct failing_allocator failing;
    struct heap heap;
    size_t format;
    long nth;

    fill_weather(actors);
    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    for (format = 0; format < 2; format++)
        for (nth = 0; nth < 100; nth++) {
            char *text = NULL;
            maiko_status status;

            failing_allocator_fail_nth(&failing, nth);
            status = formats[format](&heap, &topology, &text);
            CU_ASSERT(status == (failing_allocator_has_failed(&failing) ? MAIKO_ENOMEM : MAIKO_OK));
            CU_ASSERT((text != NULL) == (status == MAIKO_OK));
            heap_strfree(&heap, text);
            CU_ASSERT(failing_allocator_is_balanced(&failing));
            if (status == MAIKO_OK)
                break;
        }
}

static const struct test_case cases[] = {
    TEST_CASE(a_pipeline_is_drawn_from_publisher_to_subscriber),
    TEST_CASE(the_order_of_declaration_does_not_show),
    TEST_CASE(a_subscription_without_a_publisher_is_a_dotted_arrow),
    TEST_CASE(a_published_pattern_reaches_whoever_could_hear_part_of_it),
    TEST_CASE(several_matching_patterns_are_one_arrow),
    TEST_CASE(anonymous_actors_are_told_apart_by_id),
    TEST_CASE(names_cannot_break_out_of_their_label),
    TEST_CASE(nothing_declared_is_an_empty_picture),
    TEST_CASE(every_allocation_failure_is_reported_and_leaks_nothing),
};
SUITE_MAIN("topology", cases)
