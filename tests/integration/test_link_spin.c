/* Links between shards that spin: they look at the memory they share with others themselves, and nobody is woken for it. */
#include "lib/bridge_end.h"
#include "lib/process.h"
#include "lib/suite.h"
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

/* Stays in event 1 until it is let go. */
struct stubborn {
    _Atomic bool is_in;
    _Atomic bool may_go;
};

static maiko_status stay(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const late *event = maiko_event_as(envelope, late);
    struct stubborn *stubborn = self;

    if (event == NULL || event->number != 1)
        return MAIKO_OK;
    stubborn->is_in = true;
    CU_ASSERT(wait_until(stubborn->may_go, 60000));
    return MAIKO_OK;
}

/* Of an actor that gets its second event it is not known how long that takes; nobody but the bridge's thread then reads and
 * acknowledges the next one, and nothing else wakes that: the first one made the channel known. */
static void an_actor_that_may_take_long_ends_the_looks_first(void)
{
    static const maiko_actor_ops ops = {.handle = stay};
    struct stubborn stubborn = {.is_in = false};
    struct pair pair;
    uint64_t sent;

    begin_with(&pair, &(maiko_config){.spin_ns = MAIKO_SECONDS(1), .shards = 1},
               &(maiko_actor_spec){
                   .name = "stubborn", .ops = &ops, .self = &stubborn, .subscribe = MAIKO_TOPICS("count/late", "endless")});
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(pair.far.sup), late, .number = 0), MAIKO_OK);
    expect_looks(&pair, &pair.near);
    sent = pair.near.received;
    CU_ASSERT(wait_until(bridge_end_counters(&pair.far).acknowledged == sent + 1, 60000));
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(pair.far.sup), late, .number = 1), MAIKO_OK);
    CU_ASSERT_FATAL(wait_until(stubborn.is_in, 60000));
    CU_ASSERT_EQUAL(bridge_end_publish(&pair.far, sent + 1), MAIKO_OK);
    CU_ASSERT(wait_until(bridge_end_counters(&pair.far).acknowledged == sent + 3, 60000));
    CU_ASSERT(stubborn.is_in && !stubborn.may_go);
    stubborn.may_go = true;
    CU_ASSERT(wait_until(pair.near.received == sent + 1, 60000));
    finish(&pair);
}

static const struct test_case cases[] = {
    TEST_CASE(a_shard_that_spins_reads_what_comes),
    TEST_CASE(a_shard_that_spins_sends_what_others_hand_over),
    TEST_CASE(spins_that_end_lose_nothing),
    TEST_CASE(who_spins_for_long_lets_the_bridge_work),
    TEST_CASE(an_actor_that_may_take_long_ends_the_looks_first),
};

SUITE_MAIN_TIMEOUT("link_spin", cases, 300)
