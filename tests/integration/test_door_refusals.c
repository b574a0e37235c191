/* Events from outside that are refused: each in one line of the log, by the word of the answer, with where it came from; and no
 * flood of lines, whatever comes. */
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>

#include "lib/raw_link.h"
#include "lib/report_end.h"
#include "lib/suite.h"
#include "node/door_queue.h"
#include "node/news.h"

#define GOOD "\"payload\":{\"number\":1}"

/* ---- an outsider ---- */

static void tell(struct raw_link *outsider, const char *frame)
{
    raw_link_send(outsider, frame, strlen(frame));
}

static void expect_answer(struct raw_link *outsider, const char *status)
{
    char text[RAW_FRAME_SIZE] = "";
    json_t *answer;

    CU_ASSERT_FATAL(raw_link_hears_bytes(outsider, text, sizeof(text)));
    answer = json_loads(text, 0, NULL);
    if (strcmp(json_string_value(json_object_get(answer, "status")), status) != 0)
        SUITE_FAIL("\"%s\" instead of %s", text, status);
    json_decref(answer);
}

/* ---- the node ---- */

static void begin(struct report_end *end, struct raw_link *outsider)
{
    report_ends_begin();
    report_end_make(end, "node", &(maiko_bridge_config){.node = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_export(end->bridge, &(maiko_bridge_pattern){.pattern = "count/#"}), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_know_type(end->bridge, MAIKO_TYPE(counted)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(end->bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
}

static void start(struct report_end *end, struct raw_link *outsider)
{
    report_end_start(end);
    raw_link_connect(outsider, "outsider", "", maiko_bridge_endpoint(end->bridge, 0));
    tell(outsider, "{\"kind\":\"publish\",\"topic\":\"count/up\",\"type\":\"counted\"," GOOD "}");
    expect_answer(outsider, "ok");
    CU_ASSERT(wait_until(end->received == 1, 60000));
    CU_ASSERT_EQUAL(end->refused_lines, 0);
}

static void finish(struct report_end *end, struct raw_link *outsider)
{
    raw_link_close(outsider);
    report_end_stop(end);
    report_ends_finish();
}

/* What has been refused so far is `refused` events, and so many lines, reports and counts. */
static void expect_lines(struct report_end *end, uint32_t refused, const char *reason, const char *topic)
{
    const maiko_peer_report *report;

    if (!wait_until(end->count == refused, 60000))
        SUITE_FAIL("%s: %u reports, %u lines, %llu dropped", reason, (unsigned)end->count, (unsigned)end->refused_lines,
                   (unsigned long long)report_end_counters(end).reports_dropped);
    report = &end->reports[refused - 1];
    CU_ASSERT_EQUAL(report->news, MAIKO_PEER_REFUSED);
    CU_ASSERT_TRUE(report->is_ours);
    CU_ASSERT_STRING_EQUAL(report->reason, reason);
    CU_ASSERT_STRING_EQUAL(report->pattern, topic);
    CU_ASSERT_STRING_EQUAL(report->peer, "127.0.0.1");
    CU_ASSERT_EQUAL(end->refused_lines, refused);
    if (strncmp(end->log, "refused: an event", 17) != 0 || strstr(end->log, reason) == NULL ||
        strstr(end->log, " from 127.0.0.1: ") == NULL || strstr(end->log, topic) == NULL)
        SUITE_FAIL("%s: \"%s\"", reason, end->log);
    CU_ASSERT_EQUAL(report_end_counters(end).refusals, refused);
    CU_ASSERT_EQUAL(report_end_counters(end).import_refused, refused);
}

/* ---- cases ---- */

static void what_is_wrong_with_an_event_is_one_line(void)
{
    static const struct {
        const char *frame;
        const char *reason;
        const char *topic;
    } wrong[] = {
        {"{\"kind\":\"publish\",\"topic\":\"count/#\"," GOOD "}", "topic", ""},
        {"{\"kind\":\"publish\",\"topic\":\"\"," GOOD "}", "protocol", ""},
        {"{\"kind\":\"publish\",\"topic\":\"a\\nrefused: b\"," GOOD "}", "topic", ""},
        {"{\"kind\":\"publish\",\"topic\":\"$sys/peer\"," GOOD "}", "topic", ""},
        {"{\"kind\":\"publish\",\"topic\":\"new/one\"," GOOD "}", "type", "new/one"},
        {"{\"kind\":\"publish\",\"topic\":\"count/up\",\"type\":\"unheard of\"," GOOD "}", "type", "count/up"},
        {"{\"kind\":\"publish\",\"topic\":\"count/up\",\"type\":\"counted\",\"payload\":{\"number\":\"many\"}}", "payload",
         "count/up"},
        {"{\"kind\":\"publish\",\"topic\":\"count/up\",\"type\":\"counted\",\"payload\":{\"number\":-1}}", "payload", "count/up"},
        {"{\"kind\":\"publish\",\"topic\":\"count/up\",\"type\":\"counted\",\"payload\":{\"nummer\":1}}", "payload", "count/up"},
        {"{\"kind\":\"publish\",\"topic\":5," GOOD "}", "protocol", ""},
        {"{\"kind\":\"publish\",\"topic\":\"count/up\",\"type\":\"counted\",\"subscribers\":1," GOOD "}", "late", "count/up"},
        {"{\"kind\":\"publish\",\"topic\":\"elsewhere\",\"type\":\"counted\",\"subscribers\":1," GOOD "}", "topic", ""},
    };
    struct report_end end;
    struct raw_link outsider;
    uint32_t i;

    begin(&end, &outsider);
    start(&end, &outsider);
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        tell(&outsider, wrong[i].frame);
        expect_answer(&outsider, wrong[i].reason);
        expect_lines(&end, i + 1, wrong[i].reason, wrong[i].topic);
    }
    CU_ASSERT_EQUAL(end.received, 1);
    finish(&end, &outsider);
}

#define PATIENT                                                                                                                  \
    "{\"kind\":\"publish\",\"topic\":\"count/up\",\"type\":\"counted\",\"subscribers\":1,\"wait\":600000000000," GOOD "}"

static void more_that_wait_than_may_are_one_line_and_so_is_the_end_of_each(void)
{
    struct report_end end;
    struct raw_link outsider;
    uint32_t i;

    begin(&end, &outsider);
    start(&end, &outsider);
    for (i = 0; i <= DOOR_QUEUE_OF_ROUTE; i++)
        tell(&outsider, PATIENT);
    expect_answer(&outsider, "limit");
    expect_lines(&end, 1, "limit", "count/up");
    (void)maiko_supervisor_halt(end.sup, NULL);
    (void)maiko_bridge_stop(&end.bridge);
    for (i = 0; i < DOOR_QUEUE_OF_ROUTE; i++)
        expect_answer(&outsider, "closed");
    CU_ASSERT_EQUAL(end.refused_lines, 1 + DOOR_QUEUE_OF_ROUTE); /* nobody hears reports any more */
    (void)maiko_supervisor_stop(&end.sup, NULL);
    raw_link_close(&outsider);
    report_ends_finish();
}

/* Takes one event, and no more before it is told to. */
static maiko_status stand_still(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    CU_ASSERT(wait_until(atomic_load((atomic_bool *)self), 60000));
    return MAIKO_OK;
}

static void an_event_without_room_is_one_line(void)
{
    static const maiko_actor_ops stuck_ops = {.handle = stand_still};
    atomic_bool may_go = false;
    struct report_end end;
    struct raw_link outsider;
    char text[RAW_FRAME_SIZE] = "";
    unsigned sent = 0;

    begin(&end, &outsider);
    (void)maiko_supervisor_add(end.sup, &(maiko_actor_spec){.name = "stuck",
                                                            .ops = &stuck_ops,
                                                            .self = &may_go,
                                                            .capacity = 1,
                                                            .dedicated = true,
                                                            .subscribe = MAIKO_TOPICS("count/up")});
    start(&end, &outsider);
    do {
        tell(&outsider, "{\"kind\":\"publish\",\"topic\":\"count/up\",\"type\":\"counted\"," GOOD "}");
        CU_ASSERT_TRUE_FATAL(raw_link_hears_bytes(&outsider, text, sizeof(text)));
    } while (strstr(text, "\"ok\"") != NULL && ++sent < 100000);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"full\""));
    expect_lines(&end, 1, "full", "count/up");
    may_go = true;
    finish(&end, &outsider);
}

/* It publishes what is exported, and ends at once; and with it the export. */
static maiko_step end_at_once(void *self, maiko_context *ctx)
{
    (void)maiko_finish(ctx);
    return MAIKO_STEP_NEVER;
}

static bool is_closed(struct raw_link *outsider, struct report_end *end)
{
    char text[RAW_FRAME_SIZE] = "";

    tell(outsider, "{\"kind\":\"publish\",\"topic\":\"other/up\",\"type\":\"counted\"," GOOD "}");
    return raw_link_hears_bytes(outsider, text, sizeof(text)) && strstr(text, "\"closed\"") != NULL;
}

static void an_event_that_would_go_nowhere_is_one_line(void)
{
    static const maiko_actor_ops ends_ops = {.step = end_at_once};
    struct report_end end;
    struct raw_link outsider;

    report_ends_begin();
    report_end_make(&end, "node", &(maiko_bridge_config){.node = NULL});
    (void)maiko_supervisor_add(end.sup,
                               &(maiko_actor_spec){.name = "once", .ops = &ends_ops, .publish = MAIKO_TOPICS("other/up")});
    CU_ASSERT_EQUAL(maiko_bridge_export(end.bridge, &(maiko_bridge_pattern){.pattern = "other/#"}), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_know_type(end.bridge, MAIKO_TYPE(counted)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(end.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    start(&end, &outsider);
    CU_ASSERT(wait_until(is_closed(&outsider, &end), 60000));
    expect_lines(&end, 1, "closed", "other/up");
    finish(&end, &outsider);
}

enum { FLOOD = 1000 };

/* All are answered and counted; told are as many as somebody can read. */
static void a_flood_of_refusals_is_no_flood_of_lines(void)
{
    unsigned long long untold = 0;
    struct report_end end;
    struct raw_link outsider;
    uint32_t told;
    int i;

    begin(&end, &outsider);
    start(&end, &outsider);
    for (i = 0; i < FLOOD; i++) {
        tell(&outsider, "{\"kind\":\"publish\",\"topic\":\"count/up\",\"type\":\"counted\",\"payload\":{\"number\":\"x\"}}");
        expect_answer(&outsider, "payload");
    }
    CU_ASSERT_EQUAL(report_end_counters(&end).refusals, FLOOD);
    CU_ASSERT_EQUAL(report_end_counters(&end).import_refused, FLOOD);
    told = end.refused_lines;
    CU_ASSERT(told >= NEWS_REFUSALS_AT_ONCE && told < FLOOD);
    do { /* the next that is told says how many were not */
        tell(&outsider, "{\"kind\":\"publish\",\"topic\":\"new/one\"," GOOD "}");
        expect_answer(&outsider, "type");
        i++;
    } while (i < 2 * FLOOD && !wait_until(strstr(end.log, "new/one") != NULL, 10));
    CU_ASSERT_EQUAL(sscanf(end.log, "refused: (%llu before this were not told)", &untold), 1);
    CU_ASSERT(untold > 0 && untold <= (unsigned)i - end.refused_lines);
    CU_ASSERT_EQUAL(report_end_counters(&end).refusals, (unsigned)i);
    finish(&end, &outsider);
}

static const struct test_case cases[] = {
    TEST_CASE(what_is_wrong_with_an_event_is_one_line),
    TEST_CASE(more_that_wait_than_may_are_one_line_and_so_is_the_end_of_each),
    TEST_CASE(an_event_without_room_is_one_line),
    TEST_CASE(an_event_that_would_go_nowhere_is_one_line),
    TEST_CASE(a_flood_of_refusals_is_no_flood_of_lines),
};
SUITE_MAIN_TIMEOUT("door_refusals", cases, 300)
