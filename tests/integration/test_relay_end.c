/* The end of a relay's export: what came before it is passed on, and what comes later is counted, here and where it came from. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <maiko/maiko.h>

#include "lib/bridge_end.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "node/node.h"

enum { EVENTS = 5, MAKERS = 12 };

static struct host host;

/* Publishes what the relay passes on, and ends when it may. */
static atomic_bool may_end;

static maiko_step wait_and_end(void *self, maiko_context *ctx)
{
    (void)self;
    if (!atomic_load(&may_end))
        return MAIKO_STEP_BACKOFF(MAIKO_MS(1));
    (void)maiko_finish(ctx);
    return MAIKO_STEP_NEVER;
}

static const maiko_actor_ops own_ops = {.step = wait_and_end};

/* Stays, whoever ends, because somebody might send on another topic. */
static _Atomic uint64_t kept;

static maiko_status keep(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)self;
    (void)ctx;
    kept += maiko_event_as(envelope, counted) != NULL;
    return MAIKO_OK;
}

static const maiko_actor_ops keeper_ops = {.handle = keep};
static const maiko_actor_ops stayer_ops = {.handle = NULL};

struct scene {
    struct bridge_end relay;
    struct bridge_end giver;
};

static void open_scene(struct scene *scene)
{
    atomic_store(&may_end, false);
    kept = 0;
    host_init(&host);
    bridge_end_make(&scene->relay, "a", NULL, NULL);
    CU_ASSERT_EQUAL(bridge_end_import(&scene->relay, "count/#", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_bridge_export(scene->relay.bridge, &(maiko_bridge_pattern){.pattern = "count/#", .relay = true}), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(scene->relay.sup, &(maiko_actor_spec){.name = "own",
                                                                               .ops = &own_ops,
                                                                               .publish = MAIKO_TOPICS("count/up")}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(scene->relay.sup, &(maiko_actor_spec){.name = "keeper",
                                                                               .ops = &keeper_ops,
                                                                               .subscribe = MAIKO_TOPICS("count/up", "stays")}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(scene->relay.sup, &(maiko_actor_spec){.name = "stayer",
                                                                               .ops = &stayer_ops,
                                                                               .publish = MAIKO_TOPICS("stays")}),
                    MAIKO_OK);
    bridge_end_make(&scene->giver, "b", NULL, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&scene->giver, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&scene->relay), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&scene->giver), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(scene->giver.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
}

static void close_scene(struct scene *scene)
{
    bridge_end_stop(&scene->giver);
    bridge_end_stop(&scene->relay);
    host_deinit(&host);
}

static void publish_some(struct scene *scene)
{
    uint64_t i;

    for (i = 1; i <= EVENTS; i++)
        CU_ASSERT_EQUAL(bridge_end_publish(&scene->giver, i), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_drain(scene->giver.bridge), MAIKO_OK);
}

/* Its own subscribers have it all the same. */
static void what_is_not_passed_on_any_more_is_counted_at_both_ends(void)
{
    struct scene scene;

    open_scene(&scene);
    publish_some(&scene);
    CU_ASSERT(wait_until(bridge_end_counters(&scene.relay).relayed == EVENTS, 60000));
    atomic_store(&may_end, true);
    CU_ASSERT(wait_until(atomic_load(&scene.relay.bridge->has_export_stopped), 60000));
    CU_ASSERT_EQUAL(bridge_end_counters(&scene.relay).export_refused, 0);
    publish_some(&scene);
    CU_ASSERT(wait_until(kept == (uint64_t)2 * EVENTS, 60000));
    CU_ASSERT_EQUAL(bridge_end_counters(&scene.relay).imported, (uint64_t)2 * EVENTS);
    CU_ASSERT_EQUAL(bridge_end_counters(&scene.relay).relayed, EVENTS);
    CU_ASSERT_EQUAL(bridge_end_counters(&scene.relay).export_refused, EVENTS);
    CU_ASSERT(wait_until(bridge_end_counters(&scene.giver).refused_there == EVENTS, 60000));
    CU_ASSERT_EQUAL(bridge_end_counters(&scene.giver).acknowledged, (uint64_t)2 * EVENTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.relay.log, "\"count/up\" cannot be exported"));
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.giver.log, "closed count/up"));
    close_scene(&scene);
}

/* ---- while it ends ---- */

/* Makes events until it is enough, and some more. */
static atomic_bool is_enough;

struct maker {
    uint64_t made;
    uint64_t more;
    _Atomic bool is_done;
};

static maiko_step make_events(void *self, maiko_context *ctx)
{
    struct maker *maker = self;

    while (maker->more < EVENTS && !maiko_is_sender_full(ctx) &&
           maiko_send(ctx, counted, .number = maker->made + 1) == MAIKO_OK) {
        maker->made++;
        maker->more += atomic_load(&is_enough);
    }
    atomic_store(&maker->is_done, maker->more == EVENTS);
    return maker->more < EVENTS ? MAIKO_STEP_CONTINUE : MAIKO_STEP_NEVER;
}

static const maiko_actor_ops maker_ops = {.step = make_events};

/* By eight ways, over as many shards as there are: each event is passed on or counted. */
static void every_event_is_passed_on_or_counted_while_it_ends(void)
{
    struct maker makers[MAKERS] = {{.made = 0}};
    maiko_bridge_counters counters;
    struct scene scene;
    uint64_t all = 0;
    char name[32];
    unsigned i;

    atomic_store(&is_enough, false);
    open_scene(&scene);
    for (i = 0; i < MAKERS; i++) {
        snprintf(name, sizeof(name), "maker %u", i);
        CU_ASSERT_EQUAL(
            maiko_supervisor_add(scene.giver.sup, &(maiko_actor_spec){.name = name, .ops = &maker_ops, .self = &makers[i]}),
            MAIKO_OK);
    }
    CU_ASSERT(wait_until(bridge_end_counters(&scene.relay).relayed > 0, 60000));
    atomic_store(&may_end, true);
    CU_ASSERT(wait_until(atomic_load(&scene.relay.bridge->has_export_stopped), 60000));
    atomic_store(&is_enough, true);
    for (i = 0; i < MAKERS; i++) {
        CU_ASSERT(wait_until(atomic_load(&makers[i].is_done), 60000));
        all += makers[i].made;
    }
    CU_ASSERT_EQUAL(maiko_bridge_drain(scene.giver.bridge), MAIKO_OK);
    CU_ASSERT(wait_until(kept == all, 60000));
    CU_ASSERT_EQUAL(maiko_supervisor_halt(scene.relay.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_drain(scene.relay.bridge), MAIKO_OK);
    counters = bridge_end_counters(&scene.relay);
    CU_ASSERT_EQUAL(counters.imported, all);
    CU_ASSERT_EQUAL(counters.relayed + counters.export_refused, all);
    CU_ASSERT(counters.export_refused >= (uint64_t)MAKERS * EVENTS);
    CU_ASSERT(wait_until(bridge_end_counters(&scene.giver).refused_there == counters.export_refused, 60000));
    close_scene(&scene);
}

static const struct test_case cases[] = {
    TEST_CASE(what_is_not_passed_on_any_more_is_counted_at_both_ends),
    TEST_CASE(every_event_is_passed_on_or_counted_while_it_ends),
};
SUITE_MAIN("relay_end", cases)
