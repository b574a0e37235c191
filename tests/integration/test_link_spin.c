/* Links between shards that spin: they look at the memory they share with others themselves, and nobody is woken for it. */
#include "lib/bridge_end.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "node/guest.h"
#include "node/node.h"

/* Looks that brought something, and the events sent one at a time until there were so many. */
enum { LOOKS = 10, AT_MOST = 5000 };

static struct host host;

struct pair {
    struct bridge_end near; /* subscribes */
    struct bridge_end far;  /* publishes */
};

/* `more`: an actor beside the one of the near end that notes what comes, for a test of what is told unasked; NULL: none. */
static void begin_with(struct pair *pair, const maiko_config *config, const maiko_actor_spec *more)
{
    const maiko_bridge_config by_memory = {.transport = MAIKO_TRANSPORT_SHM,
                                           .heartbeat_ns = more != NULL ? MAIKO_SECONDS(300) : 0, /* nothing comes by itself */
                                           .silence_ns = more != NULL ? MAIKO_SECONDS(900) : 0};

    host_init(&host);
    bridge_end_configure(config);
    bridge_end_make(&pair->near, "a", &by_memory, "count/up");
    if (more != NULL)
        CU_ASSERT_EQUAL_FATAL(maiko_supervisor_add(pair->near.sup, more), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_import(&pair->near, "count/#", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&pair->near), MAIKO_OK);
    bridge_end_make(&pair->far, "b", &by_memory, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&pair->far, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&pair->far), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(pair->far.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
}

static void begin(struct pair *pair, const maiko_config *config)
{
    begin_with(pair, config, NULL);
}

static void finish(struct pair *pair)
{
    CU_ASSERT_EQUAL(pair->near.not_rising + pair->near.holes, 0);
    bridge_end_stop(&pair->far);
    bridge_end_stop(&pair->near);
    bridge_end_configure(&(maiko_config){.shards = 0});
    host_deinit(&host);
}

/* One event at a time, while the shards spin. */
static void expect_looks(struct pair *pair, const struct bridge_end *end)
{
    uint64_t i;

    for (i = 1; i <= AT_MOST && end->bridge->guest_looks < LOOKS; i++) {
        CU_ASSERT_EQUAL(bridge_end_publish(&pair->far, i), MAIKO_OK);
        CU_ASSERT_FATAL(wait_until(pair->near.received == i, 60000));
    }
    CU_ASSERT(end->bridge->guest_looks >= LOOKS);
}

static void a_shard_that_spins_reads_what_comes(void)
{
    struct pair pair;

    begin(&pair, &(maiko_config){.spin_ns = MAIKO_MS(100)});
    expect_looks(&pair, &pair.near);
    finish(&pair);
}

/* The exporting actor is on one shard, the one that spins on another. */
static void a_shard_that_spins_sends_what_others_hand_over(void)
{
    struct pair pair;

    begin(&pair, &(maiko_config){.spin_ns = MAIKO_MS(100), .shards = 4, .placement = MAIKO_PLACEMENT_SPREAD});
    expect_looks(&pair, &pair.far);
    finish(&pair);
}

/* A spin ends as often as it finds something. */
static void spins_that_end_lose_nothing(void)
{
    enum { EVENTS = 20000 };
    struct pair pair;
    uint64_t i;

    begin(&pair, &(maiko_config){.spin_ns = MAIKO_US(20)});
    for (i = 1; i <= EVENTS; i++) {
        CU_ASSERT_EQUAL(bridge_end_publish(&pair.far, i), MAIKO_OK);
        if (i % 1000 == 0)
            CU_ASSERT_FATAL(wait_until(pair.near.received == i, 60000));
    }
    CU_ASSERT_EQUAL(bridge_end_counters(&pair.far).lost + bridge_end_counters(&pair.near).gaps, 0);
    finish(&pair);
}

/* Acknowledgements are the bridge's thread's: it gets the turn from a shard that would keep it for as long as it spins. */
static void who_spins_for_long_lets_the_bridge_work(void)
{
    enum { ROUNDS = 40, ALL_MS = 12000 }; /* a round takes some 20 ms, or else as long as the spin */
    struct pair pair;
    uint64_t deadline_ns;
    uint64_t sent = 0;
    uint64_t arrived = 0;

    begin(&pair, &(maiko_config){.spin_ns = MAIKO_MS(500)});
    deadline_ns = wait_deadline_ns(ALL_MS);
    while (arrived < ROUNDS && wait_a_moment(deadline_ns)) {
        arrived = bridge_end_counters(&pair.far).acknowledged;
        if (arrived == sent)
            CU_ASSERT_EQUAL(bridge_end_publish(&pair.far, ++sent), MAIKO_OK);
    }
    CU_ASSERT_EQUAL(arrived, ROUNDS);
    finish(&pair);
}

#define LATE_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(late, "count/late", LATE_FIELDS)

/* Stays in each of some events until it is let go. */
struct stubborn {
    uint64_t from; /* number of the first of those */
    _Atomic uint64_t is_in;
    _Atomic uint64_t may_go;
    _Atomic uint64_t handled;
};

static maiko_status stay(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const late *event = maiko_event_as(envelope, late);
    struct stubborn *stubborn = self;

    if (event == NULL)
        return MAIKO_OK;
    if (event->number >= stubborn->from) {
        stubborn->is_in = event->number;
        CU_ASSERT(wait_until(stubborn->may_go >= event->number, 60000));
    }
    stubborn->handled++;
    return MAIKO_OK;
}

static const maiko_actor_ops stubborn_ops = {.handle = stay};

static void begin_with_stubborn(struct pair *pair, struct stubborn *stubborn)
{
    begin_with(pair, &(maiko_config){.spin_ns = MAIKO_SECONDS(1), .shards = 1},
               &(maiko_actor_spec){.name = "stubborn",
                                   .ops = &stubborn_ops,
                                   .self = stubborn,
                                   .subscribe = MAIKO_TOPICS("count/late", "endless")});
}

static void send_late(struct pair *pair, uint64_t number)
{
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(pair->far.sup), late, .number = number), MAIKO_OK);
}

/* While it stays in its event nobody but the bridge's thread reads and acknowledges the next one. */
static void expect_bridge_beside(struct pair *pair, struct stubborn *stubborn, uint64_t number, uint64_t lates)
{
    uint64_t sent = pair->near.received;

    CU_ASSERT(wait_until(bridge_end_counters(&pair->far).acknowledged == sent + lates, 60000));
    send_late(pair, number);
    CU_ASSERT_FATAL(wait_until(stubborn->is_in == number, 60000));
    CU_ASSERT_EQUAL(bridge_end_publish(&pair->far, sent + 1), MAIKO_OK);
    CU_ASSERT(wait_until(bridge_end_counters(&pair->far).acknowledged == sent + lates + 2, 60000));
    CU_ASSERT(stubborn->may_go < number);
    stubborn->may_go = number;
    CU_ASSERT(wait_until(pair->near.received == sent + 1, 60000));
}

/* Of an actor that gets its second event it is not known how long that takes, and nothing else wakes the bridge's thread: the
 * first one made the channel known. */
static void an_actor_that_may_take_long_ends_the_looks_first(void)
{
    struct stubborn stubborn = {.from = 1};
    struct pair pair;

    begin_with_stubborn(&pair, &stubborn);
    send_late(&pair, 0);
    expect_looks(&pair, &pair.near);
    expect_bridge_beside(&pair, &stubborn, 1, 1);
    finish(&pair);
}

/* One that was quick in its sample, which is among the first, and then was not. */
static void an_actor_that_took_long_is_not_quick_any_more(void)
{
    enum { QUICK = 10 };
    struct stubborn stubborn = {.from = QUICK};
    struct pair pair;
    uint64_t i;

    begin_with_stubborn(&pair, &stubborn);
    expect_looks(&pair, &pair.near);
    for (i = 0; i < QUICK; i++) {
        send_late(&pair, i);
        CU_ASSERT_FATAL(wait_until(stubborn.handled == i + 1, 60000));
    }
    send_late(&pair, QUICK);
    CU_ASSERT_FATAL(wait_until(stubborn.is_in == QUICK, 60000));
    stubborn.may_go = QUICK;
    CU_ASSERT_FATAL(wait_until(stubborn.handled == QUICK + 1, 60000));
    expect_bridge_beside(&pair, &stubborn, QUICK + 1, QUICK + 1);
    finish(&pair);
}

#define BULK_FIELDS(F) F(ARRAY, filler, DOUBLE, 512)
MAIKO_EVENT(bulk, "count/bulk", BULK_FIELDS)

static maiko_status count_bulk(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    if (maiko_event_as(envelope, bulk) != NULL)
        ++*(_Atomic uint64_t *)self;
    return MAIKO_OK;
}

static const maiko_actor_ops bulk_ops = {.handle = count_bulk};

/* As a shard does that finds work of its own when it has looked for a moment. */
static void look_and_aside(maiko_bridge *bridge)
{
    enum { LOOKS_BETWEEN = 64 };
    int i;

    for (i = 0; i < LOOKS_BETWEEN; i++)
        node_guest_look(bridge);
    node_guest_look_aside(bridge);
}

/* What waits for room goes out when there is some, although work of its own keeps a shard looking, here this thread: no
 * acknowledgement has come that would be read, and the bridge's thread wakes up by itself much later. */
static void a_link_that_waits_for_room_ends_the_looks(void)
{
    enum { FIRST = 3, EVENTS = 260 }; /* there is room for some 245, and 30 more are not settled */
    static const bulk event = {.filler = {0}};
    _Atomic uint64_t bulks = 0;
    maiko_bridge *bridge;
    struct pair pair;
    uint64_t i;

    begin_with(&pair, &(maiko_config){.shards = 1},
               &(maiko_actor_spec){
                   .name = "bulks", .ops = &bulk_ops, .self = &bulks, .subscribe = MAIKO_TOPICS("count/bulk", "endless")});
    bridge = pair.far.bridge;
    for (i = 1; i <= FIRST; i++) { /* whatever has to be told once */
        CU_ASSERT_EQUAL(maiko_send_event(maiko_supervisor_context(pair.far.sup), bulk, &event), MAIKO_OK);
        CU_ASSERT_FATAL(wait_until(bridge_end_counters(&pair.far).acknowledged == i, 60000));
    }
    CU_ASSERT_FATAL(wait_until((node_guest_look(bridge), bridge->is_looked_at), 60000));
    pthread_mutex_lock(&pair.near.bridge->turn); /* nobody reads */
    for (; i <= FIRST + EVENTS; i++) {
        look_and_aside(bridge);
        CU_ASSERT_EQUAL(maiko_send_event(maiko_supervisor_context(pair.far.sup), bulk, &event), MAIKO_OK);
        CU_ASSERT(wait_until(bridge_end_counters(&pair.far).exported == i, 60000));
    }
    pthread_mutex_unlock(&pair.near.bridge->turn);
    CU_ASSERT(wait_until((look_and_aside(bridge), bulks == FIRST + EVENTS), 60000));
    node_guest_look_away(bridge);
    finish(&pair);
}

static const struct test_case cases[] = {
    TEST_CASE(a_shard_that_spins_reads_what_comes),
    TEST_CASE(a_shard_that_spins_sends_what_others_hand_over),
    TEST_CASE(spins_that_end_lose_nothing),
    TEST_CASE(who_spins_for_long_lets_the_bridge_work),
    TEST_CASE(an_actor_that_may_take_long_ends_the_looks_first),
    TEST_CASE(an_actor_that_took_long_is_not_quick_any_more),
    TEST_CASE(a_link_that_waits_for_room_ends_the_looks),
};

SUITE_MAIN_TIMEOUT("link_spin", cases, 300)
