/* Events that come over shared memory and find no room in the topic space wait together, as the runs they came in: in order, once
 * each, refused one by one if need be, whatever becomes of who sent them. */
#include <string.h>

#include "lib/bridge_end.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "node/node.h"

#define CRATE_FIELDS(F) F(UINT64, number) F(STRING, text, 8)
MAIKO_EVENT(crate, "crate", CRATE_FIELDS)

enum { MET = 50, MANY = 8000, BAD_EVERY = 1009 };

static struct host host;

/* The reader of the near end is held behind the last crate that is sent alone. */
struct dock {
    struct bridge_end near, far;
    _Atomic(maiko_hold *) hold;
    _Atomic uint64_t received;
    _Atomic uint64_t not_rising;
    _Atomic uint64_t wrong; /* other than the bad ones and what is behind them */
    uint64_t last;
};

static bool is_bad(uint64_t number)
{
    return number > MET && number % BAD_EVERY == 0;
}

static maiko_status unload(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const crate *event = maiko_event_as(envelope, crate);
    struct dock *dock = self;
    uint64_t next = dock->last + 1;
    maiko_hold *hold = NULL;

    next += is_bad(next);
    dock->not_rising += event->number <= dock->last;
    dock->wrong += event->number != next || strcmp(event->text, "fine") != 0 || maiko_envelope_time(envelope) == 0;
    dock->last = event->number;
    dock->received++;
    if (event->number != MET)
        return MAIKO_OK;
    CU_ASSERT_EQUAL(maiko_hold_new(ctx, &hold), MAIKO_OK);
    dock->hold = hold;
    return MAIKO_OK;
}

/* A subscriber that writes where it must not: behind the checks of the send, before the event leaves. */
static bool spoil(const void *event, const maiko_event_type *type, void *userdata)
{
    crate *changed = (crate *)(uintptr_t)event;

    if (type == MAIKO_TYPE(crate) && is_bad(changed->number))
        memset(changed->text, 'x', sizeof(changed->text));
    return false;
}

static maiko_status ignore(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    return MAIKO_EINTERNAL;
}

static void send_crates(struct dock *dock, uint64_t first, uint64_t last)
{
    for (; first <= last; first++)
        CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(dock->far.sup), crate, .number = first, .text = "fine"), MAIKO_OK);
}

/* A small inbox there, so that runs are cut where there happens to be room; and a large window, so that much comes. */
static void open_dock(struct dock *dock)
{
    static const maiko_actor_ops unloads = {.handle = unload};
    static const maiko_actor_ops nothing = {.handle = ignore};
    const maiko_subscription spoils[] = {{.pattern = "crate", .predicate = spoil}, {.pattern = NULL}};
    uint64_t i;

    memset(dock, 0, sizeof(*dock));
    host_init(&host);
    bridge_end_configure(&(maiko_config){.outbox_limit_events = 7, .mailbox_capacity = 16});
    bridge_end_make(&dock->near, "a", &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM}, NULL);
    CU_ASSERT_EQUAL(bridge_end_import(&dock->near, "crate", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(dock->near.sup, &(maiko_actor_spec){.name = "unloads",
                                                                             .ops = &unloads,
                                                                             .self = dock,
                                                                             .subscribe = MAIKO_TOPICS("crate"),
                                                                             .types = MAIKO_TYPES(MAIKO_TYPE(crate))}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&dock->near), MAIKO_OK);
    bridge_end_configure(&(maiko_config){.name = NULL});
    bridge_end_make(&dock->far, "b", &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM, .linger_ns = MAIKO_MS(1)}, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&dock->far, "crate", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(dock->far.sup, &(maiko_actor_spec){.name = "spoiler", .ops = &nothing, .subscriptions = spoils}),
        MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&dock->far), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(dock->far.bridge, "crate", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    for (i = 1; i <= MET; i++) { /* one at a time: the type is met, and asked for */
        send_crates(dock, i, i);
        CU_ASSERT(wait_until(dock->received == i, 60000));
    }
}

static uint64_t waiting_for(const struct node_importer *importer, uint64_t *in_runs)
{
    const struct fifo_link *link;
    uint64_t events = 0;

    for (link = importer->waiting.first; link != NULL; link = link->next) {
        const struct waiting_import *waiting = CONTAINER_OF(link, struct waiting_import, link);

        events += waiting->count - waiting->done;
        *in_runs += waiting->is_run ? waiting->count - waiting->done : 0;
    }
    return events;
}

/* Events that wait, and how many of them in runs. */
static uint64_t waiting_in(struct bridge_end *end, uint64_t *ret_in_runs)
{
    struct list *link;
    uint64_t events = 0;

    *ret_in_runs = 0;
    pthread_mutex_lock(&end->bridge->turn);
    LIST_FOR_EACH (link, &end->bridge->waiting)
        events += waiting_for(CONTAINER_OF(link, struct node_importer, link), ret_in_runs);
    pthread_mutex_unlock(&end->bridge->turn);
    return events;
}

static uint64_t bad_up_to(uint64_t last)
{
    return last / BAD_EVERY;
}

static void fill_dock(struct dock *dock)
{
    uint64_t in_runs = 0;

    open_dock(dock);
    send_crates(dock, MET + 1, MANY);
    CU_ASSERT(wait_until(bridge_end_counters(&dock->near).imported + bridge_end_counters(&dock->near).import_refused +
                                 waiting_in(&dock->near, &in_runs) ==
                             MANY,
                         60000));
    CU_ASSERT(in_runs > MANY / 2);
    CU_ASSERT_EQUAL(dock->received, MET);
}

static void expect_all(struct dock *dock)
{
    uint64_t in_runs = 0;

    maiko_hold_release(dock->hold);
    CU_ASSERT(wait_until(dock->received == MANY - bad_up_to(MANY), 60000));
    CU_ASSERT_EQUAL(dock->not_rising + dock->wrong, 0);
    CU_ASSERT(wait_until(waiting_in(&dock->near, &in_runs) == 0, 60000));
    CU_ASSERT_EQUAL(bridge_end_counters(&dock->near).imported, MANY - bad_up_to(MANY));
    CU_ASSERT_EQUAL(bridge_end_counters(&dock->near).import_refused, bad_up_to(MANY));
}

static void what_finds_no_room_waits_as_it_came(void)
{
    struct dock dock;

    fill_dock(&dock);
    expect_all(&dock);
    CU_ASSERT(wait_until(bridge_end_counters(&dock.far).acknowledged == MANY, 60000));
    CU_ASSERT(wait_until(bridge_end_counters(&dock.far).refused_there == bad_up_to(MANY), 60000));
    bridge_end_stop(&dock.far);
    bridge_end_stop(&dock.near);
    CU_ASSERT_PTR_NOT_NULL(strstr(dock.near.log, "was not brought in"));
    host_deinit(&host);
}

static void runs_wait_on_when_their_sender_is_gone(void)
{
    struct dock dock;

    fill_dock(&dock);
    bridge_end_stop(&dock.far);
    expect_all(&dock);
    bridge_end_stop(&dock.near);
    host_deinit(&host);
}

static void runs_that_wait_when_everything_ends_are_let_go(void)
{
    struct dock dock;

    fill_dock(&dock);
    (void)maiko_supervisor_request_stop(dock.near.sup);
    maiko_hold_release(dock.hold);
    bridge_end_stop(&dock.near);
    CU_ASSERT_EQUAL(dock.not_rising, 0);
    CU_ASSERT(dock.received <= MANY);
    bridge_end_stop(&dock.far);
    host_deinit(&host);
}

static const struct test_case cases[] = {
    TEST_CASE(what_finds_no_room_waits_as_it_came),
    TEST_CASE(runs_wait_on_when_their_sender_is_gone),
    TEST_CASE(runs_that_wait_when_everything_ends_are_let_go),
};
SUITE_MAIN("import_wait", cases)
