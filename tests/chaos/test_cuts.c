/* A link whose connection is cut again and again, with events under way: it comes back, goes on where it was, loses and repeats
 * nothing, and leaves no descriptor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bridge_end.h"
#include "lib/leaks.h"
#include "lib/process.h"
#include "lib/relay.h"
#include "lib/suite.h"

enum { CUTS = 200, SETTLED = 20, BURST = 50 };

static struct host hosts[2]; /* two runtime directories: the ends do not find each other by themselves */

static void begin(struct bridge_end *publisher, struct bridge_end *subscriber, struct relay *relay)
{
    maiko_bridge_config config = {0};
    char endpoint[64];

    host_init(&hosts[0]);
    host_init(&hosts[1]);
    config.runtime_dir = hosts[0].scratch.path;
    bridge_end_make(publisher, "publisher", &config, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(publisher, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(publisher->bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(publisher), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(relay_init(relay, atoi(strrchr(maiko_bridge_endpoint(publisher->bridge, 0), ':') + 1)));
    snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%d", relay->port);
    config.runtime_dir = hosts[1].scratch.path;
    bridge_end_make(subscriber, "subscriber", &config, "count/#");
    CU_ASSERT_EQUAL(bridge_end_import(subscriber, "count/#", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(subscriber->bridge, endpoint, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(subscriber), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher->bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
}

static void publish(struct bridge_end *publisher, uint64_t *number)
{
    int i;

    for (i = 0; i < BURST; i++)
        CU_ASSERT_EQUAL(bridge_end_publish(publisher, ++*number), MAIKO_OK);
}

static void two_hundred_cuts_lose_nothing_and_leave_no_descriptor(void)
{
    struct bridge_end publisher;
    struct bridge_end subscriber;
    struct relay relay;
    uint64_t number = 0;
    unsigned fds = 0;
    int i;

    begin(&publisher, &subscriber, &relay);
    for (i = 1; i <= CUTS; i++) {
        publish(&publisher, &number);
        relay_cut(&relay);
        publish(&publisher, &number);
        CU_ASSERT_TRUE_FATAL(wait_until(subscriber.received == number, 60000));
        if (i == SETTLED)
            fds = leaks_count_fds();
    }
    CU_ASSERT(wait_until(leaks_count_fds() <= fds, 60000)); /* what libzmq closes it closes a little later */
    CU_ASSERT_EQUAL(subscriber.first, 1);
    CU_ASSERT_EQUAL(subscriber.not_rising + subscriber.holes, 0);
    CU_ASSERT(wait_until(bridge_end_counters(&publisher).acknowledged == number, 60000));
    CU_ASSERT_EQUAL(bridge_end_counters(&publisher).lost, 0);
    CU_ASSERT_EQUAL(bridge_end_counters(&subscriber).gaps, 0);
    bridge_end_stop(&subscriber);
    bridge_end_stop(&publisher);
    relay_deinit(&relay);
    host_deinit(&hosts[1]);
    host_deinit(&hosts[0]);
}

static const struct test_case cases[] = {TEST_CASE(two_hundred_cuts_lose_nothing_and_leave_no_descriptor)};
SUITE_MAIN_TIMEOUT("cuts", cases, 300)
