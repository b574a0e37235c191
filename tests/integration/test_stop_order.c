/* The calls that end a bridge and its supervisor, in every order. */
#include "lib/bridge_end.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "node/node.h"
#include <string.h>

static struct host host;

static void make_end(struct bridge_end *end)
{
    maiko_bridge_config config = {.linger_ns = 1};

    host_init(&host);
    bridge_end_make(end, "n", &config, "count/#");
    CU_ASSERT_EQUAL(bridge_end_export(end, "count/#", NULL), MAIKO_OK);
}

static void make_running_end(struct bridge_end *end)
{
    make_end(end);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(end), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_publish(end, 1), MAIKO_OK);
}

static void check_last(struct bridge_end *end)
{
    CU_ASSERT_PTR_NULL(end->sup);
    CU_ASSERT_PTR_NULL(end->bridge);
    host_deinit(&host);
}

static void a_bridge_goes_on_while_its_supervisor_runs(void)
{
    struct bridge_end end;

    make_running_end(&end);
    CU_ASSERT_EQUAL(maiko_bridge_stop(&end.bridge), MAIKO_ESTATE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(end.bridge);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_bridge_error_text(end.bridge), "maiko_supervisor_halt"));
    CU_ASSERT_EQUAL(end.bridge->failure, MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_publish(&end, 2), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(end.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_counters(&end).struct_size, sizeof(maiko_bridge_counters));
    CU_ASSERT_EQUAL(maiko_bridge_stop(&end.bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&end.sup, NULL), MAIKO_OK);
    check_last(&end);
}

static void a_supervisor_that_is_stopped_first_goes_with_its_bridge(void)
{
    struct bridge_end end;

    make_running_end(&end);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&end.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_stop(&end.bridge), MAIKO_OK);
    check_last(&end);
}

static void a_bridge_that_was_refused_its_stop_stops_after_the_supervisor(void)
{
    struct bridge_end end;

    make_running_end(&end);
    CU_ASSERT_EQUAL(maiko_bridge_stop(&end.bridge), MAIKO_ESTATE);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&end.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_stop(&end.bridge), MAIKO_OK);
    check_last(&end);
}

static void a_bridge_that_did_not_start_keeps_its_supervisor_from_it(void)
{
    struct bridge_end end;

    make_end(&end);
    CU_ASSERT_EQUAL(maiko_bridge_listen(end.bridge, "ipc:///no/such/directory/socket"), MAIKO_OK);
    CU_ASSERT_NOT_EQUAL(maiko_bridge_start(end.bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_status(end.sup), MAIKO_OK);
    CU_ASSERT_NOT_EQUAL(maiko_supervisor_start(end.sup), MAIKO_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(end.sup), "its bridge did not start: "));
    CU_ASSERT_EQUAL(maiko_bridge_stop(&end.bridge), MAIKO_OK);
    CU_ASSERT_NOT_EQUAL(maiko_supervisor_stop(&end.sup, NULL), MAIKO_OK);
    check_last(&end);
}

static void a_supervisor_does_not_start_without_the_bridge_it_had(void)
{
    struct bridge_end end;

    make_end(&end);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_start(end.bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_stop(&end.bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(end.sup), MAIKO_ESTATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(end.sup), "bridge"));
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&end.sup, NULL), MAIKO_ESTATE);
    check_last(&end);
}

static void a_bridge_that_was_never_started_may_stop_at_any_time(void)
{
    struct bridge_end end;

    make_end(&end);
    CU_ASSERT_EQUAL(maiko_supervisor_start(end.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_start(end.bridge), MAIKO_ESTATE);
    CU_ASSERT_STRING_EQUAL(maiko_bridge_error_text(end.bridge), "maiko_bridge_start() comes before maiko_supervisor_start()");
    CU_ASSERT_EQUAL(maiko_bridge_stop(&end.bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&end.sup, NULL), MAIKO_OK);
    check_last(&end);
    make_end(&end);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&end.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_stop(&end.bridge), MAIKO_OK);
    check_last(&end);
}

static const struct test_case cases[] = {
    TEST_CASE(a_bridge_goes_on_while_its_supervisor_runs),
    TEST_CASE(a_supervisor_that_is_stopped_first_goes_with_its_bridge),
    TEST_CASE(a_bridge_that_was_refused_its_stop_stops_after_the_supervisor),
    TEST_CASE(a_bridge_that_did_not_start_keeps_its_supervisor_from_it),
    TEST_CASE(a_supervisor_does_not_start_without_the_bridge_it_had),
    TEST_CASE(a_bridge_that_was_never_started_may_stop_at_any_time),
};
SUITE_MAIN("stop order", cases)
