/* Who is held when a subscriber has no room for what comes over links: the sender of that, and what is behind it of the same
 * sender.  Others go on, of other peers and of the same one; what they sent is acknowledged behind what waits. */
#include <stdio.h>
#include <string.h>

#include <maiko/counters.h>

#include "lib/bridge_end.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "node/node.h"

enum { HELD_EVENTS = 2000, OTHER_EVENTS = 100, OTHERS = 20, PREFIXES = 7, EVENTS_PER_SHARD = 100, ENDS_MAX = 2 };

static struct host host;

/* Sends numbered events on its topic. */
struct maker {
    const char *topic;
    uint64_t wanted;
    uint64_t made;
};

static maiko_step produce(void *self, maiko_context *ctx)
{
    struct maker *maker = self;

    while (maker->made < maker->wanted && !maiko_is_sender_full(ctx) &&
           maiko_send_to(ctx, maker->topic, counted, .number = maker->made + 1) == MAIKO_OK)
        maker->made++;
    return maker->made < maker->wanted ? MAIKO_STEP_CONTINUE : MAIKO_STEP_NEVER;
}

static const maiko_actor_ops maker_ops = {.step = produce};

/* One who stands at the first event it gets, beside the near end's own actor, which takes everything at once. */
struct yard {
    struct bridge_end near;
    struct bridge_end far[ENDS_MAX];
    _Atomic(maiko_hold *) hold;
    _Atomic uint64_t held_received;
    _Atomic uint64_t not_rising;
    uint64_t last;
};

static maiko_status stand(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const counted *event = maiko_event_as(envelope, counted);
    struct yard *yard = self;
    maiko_hold *hold = NULL;

    yard->not_rising += event->number <= yard->last;
    yard->last = event->number;
    if (yard->held_received++ > 0)
        return MAIKO_OK;
    CU_ASSERT_EQUAL(maiko_hold_new(ctx, &hold), MAIKO_OK);
    yard->hold = hold;
    return MAIKO_OK;
}

static const maiko_actor_ops stand_ops = {.handle = stand};

static void open_near(struct yard *yard, const maiko_bridge_config *config, bool expects)
{
    static const char *const held[] = {"held", NULL};
    static const char *const up[] = {"count/up", NULL};

    memset(yard, 0, sizeof(*yard));
    host_init(&host);
    bridge_end_configure(&(maiko_config){.outbox_limit_events = 7, .mailbox_capacity = 16});
    bridge_end_make(&yard->near, "a", config, "count/up");
    bridge_end_configure(&(maiko_config){.name = NULL});
    CU_ASSERT_EQUAL(bridge_end_import(&yard->near, "held", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_import(&yard->near, "count/up", MAIKO_FROM_LIVE), MAIKO_OK);
    if (expects) {
        CU_ASSERT_EQUAL(maiko_bridge_expect(yard->near.bridge, "pusher", held), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_bridge_expect(yard->near.bridge, "counter", up), MAIKO_OK);
    }
    CU_ASSERT_EQUAL(maiko_supervisor_add(yard->near.sup, &(maiko_actor_spec){.name = "stands",
                                                                             .ops = &stand_ops,
                                                                             .self = yard,
                                                                             .subscribe = MAIKO_TOPICS("held", "stands"),
                                                                             .publish = MAIKO_TOPICS("stands")}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&yard->near), MAIKO_OK);
}

static void make_far(struct yard *yard, unsigned index, const maiko_bridge_config *config)
{
    const char name[] = {(char)('b' + (int)index), '\0'};

    bridge_end_make(&yard->far[index], name, config, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&yard->far[index], "#", NULL), MAIKO_OK);
}

static void start_far(struct yard *yard, unsigned index)
{
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&yard->far[index]), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(yard->far[index].bridge, "held", 1, MAIKO_SECONDS(60)), MAIKO_OK);
}

static void open_far(struct yard *yard, unsigned index, const maiko_bridge_config *config)
{
    make_far(yard, index, config);
    start_far(yard, index);
}

static void add_maker(struct bridge_end *far, const char *name, struct maker *maker)
{
    CU_ASSERT_EQUAL(maiko_supervisor_add(far->sup, &(maiko_actor_spec){.name = name, .ops = &maker_ops, .self = maker}),
                    MAIKO_OK);
}

/* Events of the pusher wait in front of the one who stands. */
static void push(struct yard *yard, struct maker *pusher)
{
    *pusher = (struct maker){.topic = "held", .wanted = HELD_EVENTS};
    add_maker(&yard->far[0], "pusher", pusher);
    CU_ASSERT(wait_until(yard->held_received == 1, 60000));
    CU_ASSERT(wait_until(bridge_end_counters(&yard->far[0]).exported >= HELD_EVENTS, 60000));
}

static void let_go(struct yard *yard)
{
    maiko_hold_release(yard->hold);
    CU_ASSERT(wait_until(yard->held_received == HELD_EVENTS, 60000));
    CU_ASSERT_EQUAL(yard->not_rising, 0);
}

static void close_yard(struct yard *yard, unsigned ends)
{
    while (ends > 0)
        bridge_end_stop(&yard->far[--ends]);
    bridge_end_stop(&yard->near);
    host_deinit(&host);
}

static void a_peer_goes_on_beside_one_that_is_held(maiko_transport transport)
{
    const maiko_bridge_config config = {.transport = transport, .deadline_ns = MAIKO_SECONDS(60)};
    struct maker counter = {.topic = "count/up", .wanted = OTHER_EVENTS};
    struct maker pusher;
    struct yard yard;

    open_near(&yard, &config, true);
    open_far(&yard, 0, &config);
    open_far(&yard, 1, &config);
    push(&yard, &pusher);
    add_maker(&yard.far[1], "counter", &counter);
    CU_ASSERT(wait_until(yard.near.received == OTHER_EVENTS, 60000));
    CU_ASSERT(wait_until(bridge_end_counters(&yard.far[1]).acknowledged == OTHER_EVENTS, 60000));
    CU_ASSERT(bridge_end_counters(&yard.far[0]).acknowledged < HELD_EVENTS);
    CU_ASSERT_EQUAL(yard.held_received, 1);
    let_go(&yard);
    CU_ASSERT(wait_until(bridge_end_counters(&yard.far[0]).acknowledged == HELD_EVENTS, 60000));
    CU_ASSERT_EQUAL(yard.near.holes + yard.near.not_rising, 0);
    close_yard(&yard, 2);
}

static void peers_through_shared_memory_go_on_beside_one_that_is_held(void)
{
    a_peer_goes_on_beside_one_that_is_held(MAIKO_TRANSPORT_SHM);
}

static void peers_over_zmq_go_on_beside_one_that_is_held(void)
{
    a_peer_goes_on_beside_one_that_is_held(MAIKO_TRANSPORT_ZMQ);
}

/* What came behind what waits is with its receivers, and acknowledged when the rest is. */
static void a_sender_goes_on_beside_one_of_its_process_that_is_held(void)
{
    const maiko_bridge_config config = {.deadline_ns = MAIKO_SECONDS(60)};
    struct maker counter = {.topic = "count/up", .wanted = OTHER_EVENTS};
    struct maker pusher;
    struct yard yard;

    open_near(&yard, &config, true);
    open_far(&yard, 0, &config);
    push(&yard, &pusher);
    add_maker(&yard.far[0], "counter", &counter);
    CU_ASSERT(wait_until(yard.near.received == OTHER_EVENTS, 60000));
    CU_ASSERT(bridge_end_counters(&yard.far[0]).acknowledged < HELD_EVENTS);
    let_go(&yard);
    CU_ASSERT(wait_until(bridge_end_counters(&yard.far[0]).acknowledged == HELD_EVENTS + OTHER_EVENTS, 60000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(yard.far[0].bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(yard.near.holes + yard.near.not_rising, 0);
    CU_ASSERT_EQUAL(bridge_end_counters(&yard.near).imported, HELD_EVENTS + OTHER_EVENTS);
    close_yard(&yard, 1);
}

/* What was behind one that waits is not acknowledged: whoever goes counts it as lost, and its books close. */
static void leave_with_books(struct bridge_end *far, uint64_t sent)
{
    maiko_counters *counters = NULL;
    maiko_counters_link link = {.peer = NULL};

    CU_ASSERT_EQUAL(maiko_supervisor_halt(far->sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_stop(&far->bridge), MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(maiko_supervisor_counters_path(far->sup), &counters), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_get_link(counters, 0, &link), MAIKO_OK);
    CU_ASSERT_EQUAL(link.offered, sent);
    CU_ASSERT(link.acknowledged < HELD_EVENTS);
    CU_ASSERT_EQUAL(link.acknowledged + link.lost_peer, sent);
    CU_ASSERT_EQUAL(link.lost, link.lost_peer);
    CU_ASSERT_EQUAL(link.queued, 0);
    maiko_counters_free(counters);
    bridge_end_stop(far);
}

/* Both senders' events are there when their process has gone: nothing of them is lost or comes twice, whatever that process had
 * to count as lost because nobody told it more. */
static void what_waits_of_a_process_that_has_gone_comes_in(void)
{
    const maiko_bridge_config config = {.deadline_ns = MAIKO_SECONDS(60), .linger_ns = MAIKO_MS(1)};
    struct maker counter = {.topic = "count/up", .wanted = OTHER_EVENTS};
    struct maker pusher;
    struct yard yard;

    open_near(&yard, &config, true);
    open_far(&yard, 0, &config);
    push(&yard, &pusher);
    add_maker(&yard.far[0], "counter", &counter);
    CU_ASSERT(wait_until(yard.near.received == OTHER_EVENTS, 60000));
    leave_with_books(&yard.far[0], HELD_EVENTS + OTHER_EVENTS);
    let_go(&yard);
    CU_ASSERT(wait_until(bridge_end_counters(&yard.near).imported == HELD_EVENTS + OTHER_EVENTS, 60000));
    CU_ASSERT_EQUAL(yard.near.received, OTHER_EVENTS);
    CU_ASSERT_EQUAL(yard.held_received, HELD_EVENTS);
    CU_ASSERT_EQUAL(yard.near.holes + yard.near.not_rising, 0);
    close_yard(&yard, 0);
}

/* They share a few ways in, and which is drawn: of so many some have others than the one that is held. */
static void senders_nobody_expected_go_on_too(void)
{
    const maiko_bridge_config config = {.deadline_ns = MAIKO_SECONDS(60)};
    struct maker counters[OTHERS];
    struct maker pusher;
    struct yard yard;
    unsigned i;

    open_near(&yard, &config, false);
    open_far(&yard, 0, &config);
    open_far(&yard, 1, &config);
    push(&yard, &pusher);
    for (i = 0; i < OTHERS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "counter %u", i);
        counters[i] = (struct maker){.topic = "count/up", .wanted = 1};
        add_maker(&yard.far[1], name, &counters[i]);
    }
    CU_ASSERT(wait_until(yard.near.received > 0, 60000));
    CU_ASSERT_EQUAL(yard.held_received, 1);
    let_go(&yard);
    CU_ASSERT(wait_until(yard.near.received == OTHERS, 60000));
    CU_ASSERT(wait_until(bridge_end_counters(&yard.far[1]).acknowledged == OTHERS, 60000));
    close_yard(&yard, 2);
}

/* Ids are the sender's own affair: what begins with another half of one is no other sender. */
static void send_by_many_prefixes(maiko_importer *importer)
{
    uint64_t i;

    for (i = 0; i < OTHER_EVENTS; i++) {
        counted event = {.number = i + 1};
        const maiko_import import = {.struct_size = sizeof(import),
                                     .topic = "count/up",
                                     .type = MAIKO_TYPE(counted),
                                     .event = &event,
                                     .len = sizeof(event),
                                     .id = {.hi = 1 + i % PREFIXES, .lo = i + 1},
                                     .sender = "robot"};

        CU_ASSERT_EQUAL(maiko_importer_send(importer, &import), MAIKO_OK);
    }
}

static void a_sender_keeps_its_order_whatever_its_ids_are(void)
{
    const maiko_bridge_config config = {.deadline_ns = MAIKO_SECONDS(60)};
    maiko_importer *importer = NULL;
    struct yard yard;

    open_near(&yard, &config, false);
    bridge_end_make(&yard.far[0], "b", &config, NULL);
    CU_ASSERT_EQUAL(maiko_importer_new(yard.far[0].sup, "door", NULL, &importer), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_export(&yard.far[0], "#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&yard.far[0]), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(yard.far[0].bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    send_by_many_prefixes(importer);
    CU_ASSERT(wait_until(yard.near.received == OTHER_EVENTS, 60000));
    CU_ASSERT_EQUAL(yard.near.holes + yard.near.not_rising, 0);
    close_yard(&yard, 1);
}

/* Ids of a sender that is moved to another shard have the prefix of that shard from then on. */
static void send_as_if_moved(maiko_importer *importer)
{
    uint64_t i;

    for (i = 1; i <= HELD_EVENTS; i++) {
        const counted event = {.number = i};
        const maiko_import import = {.struct_size = sizeof(import),
                                     .topic = "held",
                                     .type = MAIKO_TYPE(counted),
                                     .event = &event,
                                     .len = sizeof(event),
                                     .id = {.hi = 1 + i / EVENTS_PER_SHARD, .lo = i},
                                     .sender = "pusher"};

        CU_ASSERT_EQUAL(maiko_importer_send(importer, &import), MAIKO_OK);
    }
}

static void a_sender_that_is_moved_stays_behind_what_waits(maiko_transport transport)
{
    const maiko_bridge_config config = {.transport = transport, .deadline_ns = MAIKO_SECONDS(60)};
    maiko_importer *importer = NULL;
    struct yard yard;

    open_near(&yard, &config, false);
    make_far(&yard, 0, &config);
    CU_ASSERT_EQUAL_FATAL(maiko_importer_new(yard.far[0].sup, "door", NULL, &importer), MAIKO_OK);
    start_far(&yard, 0);
    send_as_if_moved(importer);
    CU_ASSERT(wait_until(yard.held_received == 1, 60000));
    CU_ASSERT(wait_until(bridge_end_counters(&yard.far[0]).exported == HELD_EVENTS, 60000));
    let_go(&yard);
    CU_ASSERT(wait_until(bridge_end_counters(&yard.far[0]).acknowledged == HELD_EVENTS, 60000));
    close_yard(&yard, 1);
}

static void one_that_is_moved_stays_behind_what_waits_in_shared_memory(void)
{
    a_sender_that_is_moved_stays_behind_what_waits(MAIKO_TRANSPORT_SHM);
}

static void one_that_is_moved_stays_behind_what_waits_over_zmq(void)
{
    a_sender_that_is_moved_stays_behind_what_waits(MAIKO_TRANSPORT_ZMQ);
}

/* Who publishes without being a node stands behind none of them, nor does the last word that ends an export. */
static void nobody_who_publishes_at_the_door_waits_for_nodes(void)
{
    enum { SENDERS = 64, EACH = 100 };
    const maiko_bridge_config config = {.deadline_ns = MAIKO_SECONDS(60)};
    const counted event = {.number = 1};
    const maiko_import import = {.struct_size = sizeof(import),
                                 .topic = "count/up",
                                 .type = MAIKO_TYPE(counted),
                                 .event = &event,
                                 .len = sizeof(event),
                                 .try_only = true};
    static struct maker makers[SENDERS];
    struct yard yard;
    char name[16];
    unsigned i;

    open_near(&yard, &config, false);
    open_far(&yard, 0, &config);
    for (i = 0; i < SENDERS; i++) { /* by every way there is for them */
        makers[i] = (struct maker){.topic = "held", .wanted = EACH};
        snprintf(name, sizeof(name), "sender %u", i);
        add_maker(&yard.far[0], name, &makers[i]);
    }
    CU_ASSERT(wait_until(bridge_end_counters(&yard.far[0]).exported == SENDERS * EACH, 60000));
    CU_ASSERT(wait_until(yard.held_received == 1, 60000));
    CU_ASSERT(wait_until(atomic_load(&yard.near.bridge->imported) >= 100, 60000));
    pthread_mutex_lock(&yard.near.bridge->turn);
    CU_ASSERT_EQUAL(maiko_importer_send(yard.near.bridge->importers[0].importer, &import), MAIKO_OK);
    pthread_mutex_unlock(&yard.near.bridge->turn);
    CU_ASSERT(wait_until(yard.near.received == 1, 20000));
    CU_ASSERT_EQUAL(yard.held_received, 1);
    maiko_hold_release(yard.hold);
    CU_ASSERT(wait_until(yard.held_received == SENDERS * EACH, 60000));
    close_yard(&yard, 1);
}

static const struct test_case cases[] = {
    TEST_CASE(peers_through_shared_memory_go_on_beside_one_that_is_held),
    TEST_CASE(peers_over_zmq_go_on_beside_one_that_is_held),
    TEST_CASE(a_sender_goes_on_beside_one_of_its_process_that_is_held),
    TEST_CASE(what_waits_of_a_process_that_has_gone_comes_in),
    TEST_CASE(senders_nobody_expected_go_on_too),
    TEST_CASE(a_sender_keeps_its_order_whatever_its_ids_are),
    TEST_CASE(one_that_is_moved_stays_behind_what_waits_in_shared_memory),
    TEST_CASE(one_that_is_moved_stays_behind_what_waits_over_zmq),
    TEST_CASE(nobody_who_publishes_at_the_door_waits_for_nodes),
};
SUITE_MAIN_TIMEOUT("held_senders", cases, 300)
