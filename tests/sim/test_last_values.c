/* Last values of sticky topics on virtual shards: a shard that comes later is told nothing in the wrong order. */
#include <maiko/import.h>
#include <maiko/maiko.h>

#include "lib/suite.h"
#include "runtime/supervisor_internal.h"

#define ITEM_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(item, "item", ITEM_FIELDS)
MAIKO_EVENT_WITH(state, "state", ITEM_FIELDS, .sticky = true)
MAIKO_EVENT_WITH(mode, "mode", ITEM_FIELDS, .sticky = true)

static maiko_supervisor *supervisor_of(uint32_t shards, uint64_t seed)
{
    return maiko_supervisor_new(&(maiko_config){.mode = MAIKO_DETERMINISTIC,
                                                .placement = MAIKO_PLACEMENT_FIXED,
                                                .shards = shards,
                                                .no_counters_file = true,
                                                .seed = seed});
}

static maiko_supervisor *supervisor(uint64_t seed)
{
    return supervisor_of(2, seed);
}

/* What it heard, in its order. */
struct listener {
    uint64_t state;     /* the latest */
    uint64_t effect;    /* the latest */
    uint64_t too_early; /* events that came before the state they were sent because of */
    uint64_t too_late;  /* states that came after such events */
    uint64_t heard;
};

static maiko_status listen(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct listener *listener = self;
    uint64_t number = ((const item *)envelope->payload)->number;

    (void)ctx;
    listener->heard++;
    if (maiko_event_as(envelope, state) != NULL) {
        listener->state = number;
        listener->too_late += listener->effect >= number;
    } else {
        listener->effect = number;
        listener->too_early += listener->state < number;
    }
    return MAIKO_OK;
}

static const maiko_actor_ops listening = {.handle = listen};

static maiko_status add_late_listener(maiko_supervisor *sup, struct listener *listener)
{
    return maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "late",
                                                         .ops = &listening,
                                                         .self = listener,
                                                         .subscribe = MAIKO_TOPICS("mode", "state", "effect"),
                                                         .dedicated = true});
}

/* The mode, known first, was set again because of the state. */
static void last_values_come_to_a_late_shard_in_their_order(void)
{
    struct listener listener = {.heard = 0};
    maiko_supervisor *sup = supervisor(7);

    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), mode, .number = 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), state, .number = 2), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), mode, .number = 2), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(sup, 0), 0);
    CU_ASSERT_EQUAL(add_late_listener(sup, &listener), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(sup, 0), 2);
    CU_ASSERT_EQUAL(listener.heard, 2);
    CU_ASSERT_EQUAL(listener.too_early, 0);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_OK);
}

/* What comes from elsewhere keeps its time, and clocks differ: that says nothing about the order here. */
static void times_from_elsewhere_do_not_change_the_order(void)
{
    static const state made = {.number = 2};
    struct listener listener = {.heard = 0};
    maiko_supervisor *sup = supervisor(7);
    maiko_importer *importer = NULL;

    CU_ASSERT_EQUAL_FATAL(maiko_importer_new(sup, "elsewhere", NULL, &importer), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), mode, .number = 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_send(importer, &(maiko_import){.struct_size = sizeof(maiko_import),
                                                                  .topic = "state",
                                                                  .type = MAIKO_TYPE(state),
                                                                  .event = &made,
                                                                  .len = sizeof made,
                                                                  .time_ns = UINT64_MAX / 4,
                                                                  .sender = "somebody",
                                                                  .try_only = true}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(sup, 0), 0);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), mode, .number = 2), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(sup, 0), 0);
    CU_ASSERT_EQUAL(add_late_listener(sup, &listener), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(sup, 0), 2);
    CU_ASSERT_EQUAL(listener.state, 2);
    CU_ASSERT_EQUAL(listener.too_early, 0);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_OK);
}

/* For each item a new state, and a word that somebody on another shard answers with an effect. */
static maiko_status cause(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    uint64_t number = ((const item *)envelope->payload)->number;

    (void)self;
    (void)maiko_send(ctx, state, .number = number);
    return maiko_send_to(ctx, "word", item, .number = number);
}

static maiko_status answer(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)self;
    return maiko_send_to(ctx, "effect", item, .number = ((const item *)envelope->payload)->number);
}

static const maiko_actor_ops causing = {.handle = cause};
static const maiko_actor_ops answering = {.handle = answer};

/* The one that answers takes its turn between the newcomer's and the other's. */
static void play_with_a_late_listener(uint64_t seed)
{
    struct listener listener = {.heard = 0};
    maiko_supervisor *sup = supervisor(seed);
    maiko_actor_spec specs[] = {
        {.name = "causing", .ops = &causing, .self = sup, .subscribe = MAIKO_TOPICS("item"), .shard = MAIKO_SHARD(1)},
        {.name = "answering", .ops = &answering, .self = sup, .subscribe = MAIKO_TOPICS("word"), .shard = MAIKO_SHARD(0)}};
    uint64_t number;

    CU_ASSERT_EQUAL(maiko_supervisor_add_table(sup, specs, 2), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    for (number = 1; number <= 12; number++) {
        CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), item, .number = number), MAIKO_OK);
        (void)maiko_supervisor_poll(sup, 1);
        if (number == 2 + seed % 7)
            CU_ASSERT_EQUAL(add_late_listener(sup, &listener), MAIKO_OK);
    }
    (void)maiko_supervisor_poll(sup, 0);
    CU_ASSERT_EQUAL(listener.state, 12);
    CU_ASSERT(listener.heard > 0);
    CU_ASSERT_EQUAL(listener.too_early, 0);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_OK);
}

static void a_late_shard_hears_no_effect_before_its_last_value(void)
{
    uint64_t seed;

    for (seed = 1; seed <= 200; seed++)
        play_with_a_late_listener(seed);
}

/* The first fills the ring to its mark, where the state is dropped. */
static maiko_status burst(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)self;
    (void)envelope;
    (void)maiko_send_to(ctx, "effect", item, .number = 0);
    (void)maiko_send(ctx, state, .number = 1);
    return maiko_send_to(ctx, "effect", item, .number = 1);
}

static const maiko_actor_ops bursting = {.handle = burst};

static void what_a_late_shard_lost_by_its_policy_does_not_come_later(void)
{
    static const maiko_subscription wanted[] = {
        {.pattern = "state", .overflow = MAIKO_DROP_NEWEST}, {.pattern = "effect"}, {.pattern = NULL}};
    struct listener listener = {.heard = 0};
    maiko_supervisor *sup = supervisor(7);
    maiko_actor_spec source = {
        .name = "bursting", .ops = &bursting, .self = sup, .subscribe = MAIKO_TOPICS("item"), .shard = MAIKO_SHARD(0)};
    maiko_actor_spec late = {.name = "late", .ops = &listening, .self = &listener, .subscriptions = wanted, .dedicated = true};

    sup->ring_mark_events = 1;
    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &source), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &late), MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), item, .number = 1), MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    CU_ASSERT_EQUAL(listener.heard, 2);
    CU_ASSERT_EQUAL(listener.effect, 1);
    CU_ASSERT_EQUAL(listener.too_late, 0);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_OK);
}

/* --- what a ring's mark kept from a shard --- */

/* The mode is set on another shard, because of the state. */
static maiko_status set_mode(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)self;
    return maiko_send(ctx, mode, .number = ((const item *)envelope->payload)->number);
}

static const maiko_actor_ops setting_mode = {.handle = set_mode};

/* On the last of three shards somebody loses states by this policy and somebody hears of the modes. */
static maiko_supervisor *open_with_mark(uint64_t seed, maiko_overflow policy, struct listener *before)
{
    const maiko_subscription wanted[] = {{.pattern = "state", .overflow = policy}, {.pattern = "effect"}, {.pattern = NULL}};
    maiko_supervisor *sup = supervisor_of(3, seed);
    maiko_actor_spec specs[] = {
        {.name = "bursting", .ops = &bursting, .self = sup, .subscribe = MAIKO_TOPICS("item"), .shard = MAIKO_SHARD(0)},
        {.name = "setting", .ops = &setting_mode, .self = sup, .subscribe = MAIKO_TOPICS("effect"), .shard = MAIKO_SHARD(1)},
        {.name = "before", .ops = &listening, .self = before, .subscriptions = wanted, .shard = MAIKO_SHARD(2)}};

    sup->ring_mark_events = 1;
    CU_ASSERT_EQUAL(maiko_supervisor_add_table(sup, specs, 3), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    return sup;
}

/* It hears the last values, causes first, and nothing twice. */
static void subscribe_on_the_last_shard(maiko_supervisor *sup)
{
    struct listener after = {.heard = 0};

    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "after",
                                                                  .ops = &listening,
                                                                  .self = &after,
                                                                  .subscribe = MAIKO_TOPICS("+"),
                                                                  .shard = MAIKO_SHARD(2)}),
                    MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    CU_ASSERT_EQUAL(after.state, 1);
    CU_ASSERT_EQUAL(after.effect, 1);
    CU_ASSERT_EQUAL(after.heard, 2);
    CU_ASSERT_EQUAL(after.too_early, 0);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_OK);
}

static void what_subscribers_lost_at_a_mark_is_the_last_value_still(void)
{
    static const maiko_overflow policies[] = {MAIKO_DROP_NEWEST, MAIKO_DROP_OLDEST};
    uint64_t seed;

    for (seed = 1; seed <= 100; seed++) {
        struct listener before = {.heard = 0};
        maiko_supervisor *sup = open_with_mark(seed, policies[seed % 2], &before);

        CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), item, .number = 1), MAIKO_OK);
        (void)maiko_supervisor_poll(sup, 0);
        CU_ASSERT_EQUAL(before.effect, 1);
        CU_ASSERT_EQUAL(before.too_late, 0);
        subscribe_on_the_last_shard(sup);
    }
}

/* A later state, set because of the first, that a mark keeps from the first one's shard: which so does not know of it. */
static maiko_status set_state(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    uint64_t number = ((const item *)envelope->payload)->number;

    (void)self;
    if (number == 0)
        return MAIKO_OK;
    (void)maiko_send_to(ctx, "back", item, .number = number);
    return maiko_send(ctx, state, .number = number + 1);
}

static const maiko_actor_ops setting_state = {.handle = set_state};

static void check_state_on(maiko_supervisor *sup, uint32_t shard, uint64_t number)
{
    struct listener after = {.heard = 0};

    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &(maiko_actor_spec){.ops = &listening,
                                                                  .self = &after,
                                                                  .subscribe = MAIKO_TOPICS("state"),
                                                                  .shard = MAIKO_SHARD((int32_t)shard)}),
                    MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    CU_ASSERT_EQUAL(after.heard, 1);
    CU_ASSERT_EQUAL(after.state, number);
}

static void play_with_two_states(uint64_t seed)
{
    struct listener back = {.heard = 0};
    struct listener before = {.heard = 0};
    maiko_supervisor *sup = supervisor_of(3, seed);
    maiko_actor_spec specs[] = {
        {.name = "bursting", .ops = &bursting, .self = sup, .subscribe = MAIKO_TOPICS("item"), .shard = MAIKO_SHARD(0)},
        {.name = "back", .ops = &listening, .self = &back, .subscribe = MAIKO_TOPICS("back"), .shard = MAIKO_SHARD(0)},
        {.name = "setting", .ops = &setting_state, .self = sup, .subscribe = MAIKO_TOPICS("effect"), .shard = MAIKO_SHARD(1)},
        {.name = "before", .ops = &listening, .self = &before, .subscribe = MAIKO_TOPICS("effect"), .shard = MAIKO_SHARD(2)}};
    uint32_t shard;

    sup->ring_mark_events = 1;
    CU_ASSERT_EQUAL(maiko_supervisor_add_table(sup, specs, 4), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), item, .number = 1), MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    for (shard = 0; shard < 3; shard++)
        check_state_on(sup, shard, 2);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_OK);
}

static void an_older_value_told_later_is_not_the_last(void)
{
    uint64_t seed;

    for (seed = 1; seed <= 100; seed++)
        play_with_two_states(seed);
}

/* --- of two values from different shards, one sent because of the other --- */

/* The first shard announces state 1 still when the other one has announced state 2, at the same time by the clock. */
static void play_with_a_reply(uint64_t seed)
{
    struct listener late = {.heard = 0};
    maiko_supervisor *sup = supervisor(seed);
    maiko_actor_spec specs[] = {
        {.name = "bursting", .ops = &bursting, .self = sup, .subscribe = MAIKO_TOPICS("item"), .shard = MAIKO_SHARD(0)},
        {.name = "setting", .ops = &setting_state, .self = sup, .subscribe = MAIKO_TOPICS("effect"), .shard = MAIKO_SHARD(1)}};
    uint64_t polls;

    CU_ASSERT_EQUAL(maiko_supervisor_add_table(sup, specs, 2), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), item, .number = 1), MAIKO_OK);
    for (polls = 0; polls < seed % 8; polls++)
        (void)maiko_supervisor_poll(sup, 1);
    CU_ASSERT_EQUAL(add_late_listener(sup, &late), MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    CU_ASSERT_EQUAL(late.state, 2);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_OK);
}

static void a_late_shard_learns_the_later_of_two_states(void)
{
    uint64_t seed;

    for (seed = 1; seed <= 200; seed++)
        play_with_a_reply(seed);
}

/* --- values that cross, and somebody who has not read all of one sender's --- */

static void turn_of(maiko_supervisor *sup, uint32_t shard, uint64_t budget)
{
    shard_of_this_thread = sup->shards[shard];
    (void)shard_turn(sup->shards[shard], budget);
    shard_of_this_thread = NULL;
}

/* The rest of a turn that has begun, as a thread runs it while others publish: nothing is read meanwhile. */
static void end_turn_of(maiko_supervisor *sup, uint32_t shard)
{
    struct shard *one = sup->shards[shard];
    struct list *link;

    shard_of_this_thread = one;
    LIST_FOR_EACH (link, &one->actors)
        actor_activate(CONTAINER_OF(link, struct actor, siblings));
    exchange_flush(one);
    shard_of_this_thread = NULL;
}

static maiko_status tell_state(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)self;
    return maiko_send(ctx, state, .number = ((const item *)envelope->payload)->number);
}

static const maiko_actor_ops telling_state = {.handle = tell_state};

static void say(maiko_supervisor *sup, const char *topic, uint64_t number)
{
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(sup), topic, item, .number = number), MAIKO_OK);
}

static void check_what_a_late_shard_learns(maiko_supervisor *sup, uint64_t number)
{
    struct listener late = {.heard = 0};

    CU_ASSERT_EQUAL(add_late_listener(sup, &late), MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    CU_ASSERT_EQUAL(late.heard, 1);
    CU_ASSERT_EQUAL(late.state, number);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_OK);
}

/* The last shard sends 1 and 2; the first has read 1, the second sends 3 before it reads either, and the last has read 3. */
static void a_late_shard_learns_nobodys_value_before_the_last(void)
{
    maiko_supervisor *sup = supervisor_of(3, 7);
    maiko_actor_spec specs[] = {
        {.name = "two", .ops = &telling_state, .self = sup, .subscribe = MAIKO_TOPICS("item"), .shard = MAIKO_SHARD(2)},
        {.name = "one", .ops = &telling_state, .self = sup, .subscribe = MAIKO_TOPICS("word"), .shard = MAIKO_SHARD(1)}};

    CU_ASSERT_EQUAL(maiko_supervisor_add_table(sup, specs, 2), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    say(sup, "word", 3);
    say(sup, "item", 1);
    turn_of(sup, 0, 8);
    turn_of(sup, 1, 0);
    turn_of(sup, 2, 8);
    turn_of(sup, 0, 8);
    say(sup, "item", 2);
    turn_of(sup, 0, 8);
    turn_of(sup, 2, 8);
    end_turn_of(sup, 1);
    turn_of(sup, 2, 8);
    check_what_a_late_shard_learns(sup, 2);
}

static maiko_status send_state_from_elsewhere(maiko_importer *importer, uint64_t number)
{
    const state made = {.number = number};

    return maiko_importer_send(importer, &(maiko_import){.struct_size = sizeof(maiko_import),
                                                         .topic = "state",
                                                         .type = MAIKO_TYPE(state),
                                                         .event = &made,
                                                         .len = sizeof made,
                                                         .sender = "somebody",
                                                         .try_only = true});
}

/* The first shard sends 1 and 2 in one flush, from two sources of ids; the second loses 2 at the mark of its ring, the third has
 * both.  The fourth sends 3 before it reads them, and the first has read 3. */
static void of_two_values_of_one_flush_a_late_shard_learns_the_later(void)
{
    static const maiko_subscription losing[] = {{.pattern = "state", .overflow = MAIKO_DROP_NEWEST}, {.pattern = NULL}};
    struct listener heard[2] = {{.heard = 0}};
    maiko_supervisor *sup = supervisor_of(4, 7);
    maiko_importer *importer = NULL;
    maiko_actor_spec specs[] = {
        {.name = "zero", .ops = &telling_state, .self = sup, .subscribe = MAIKO_TOPICS("item"), .shard = MAIKO_SHARD(0)},
        {.name = "one", .ops = &listening, .self = &heard[0], .subscriptions = losing, .shard = MAIKO_SHARD(1)},
        {.name = "two",
         .ops = &listening,
         .self = &heard[1],
         .subscribe = MAIKO_TOPICS("state", "effect"),
         .shard = MAIKO_SHARD(2)},
        {.name = "three", .ops = &telling_state, .self = sup, .subscribe = MAIKO_TOPICS("word"), .shard = MAIKO_SHARD(3)}};

    CU_ASSERT_EQUAL(maiko_supervisor_add_table(sup, specs, 4), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_importer_new(sup, "elsewhere", NULL, &importer), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    say(sup, "word", 3);
    turn_of(sup, 0, 8);
    turn_of(sup, 3, 0);
    say(sup, "effect", 0); /* only for one flush more of the first shard */
    turn_of(sup, 0, 8);
    sup->ring_mark_events = 1;
    say(sup, "item", 1);
    turn_of(sup, 0, 1);
    CU_ASSERT_EQUAL(send_state_from_elsewhere(importer, 2), MAIKO_OK);
    turn_of(sup, 0, 8);
    turn_of(sup, 1, 8);
    CU_ASSERT_EQUAL(heard[0].state, 1);
    turn_of(sup, 2, 8);
    CU_ASSERT_EQUAL(heard[1].state, 2);
    end_turn_of(sup, 3);
    turn_of(sup, 0, 8);
    check_what_a_late_shard_learns(sup, 2);
}

/* On one shard a value from elsewhere, which the mark of a ring keeps from the other shard, and the mode that is set because of
 * it, which goes there: in one flush, and from two sources of ids. */
static void play_with_a_mode_set_because_of_what_is_told_late(maiko_overflow policy)
{
    const maiko_subscription losing[] = {
        {.pattern = "state", .overflow = policy}, {.pattern = "effect"}, {.pattern = "mode"}, {.pattern = NULL}};
    struct listener before = {.heard = 0};
    struct listener after = {.heard = 0};
    maiko_supervisor *sup = supervisor(7);
    maiko_importer *importer = NULL;
    maiko_actor_spec specs[] = {
        {.name = "setting", .ops = &setting_mode, .self = sup, .subscribe = MAIKO_TOPICS("state"), .shard = MAIKO_SHARD(0)},
        {.name = "before", .ops = &listening, .self = &before, .subscriptions = losing, .shard = MAIKO_SHARD(1)},
        {.name = "after", .ops = &listening, .self = &after, .subscribe = MAIKO_TOPICS("+"), .shard = MAIKO_SHARD(1)}};

    sup->ring_mark_events = 1;
    CU_ASSERT_EQUAL(maiko_supervisor_add_table(sup, specs, 2), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_importer_new(sup, "elsewhere", NULL, &importer), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    say(sup, "effect", 0);
    turn_of(sup, 0, 8);
    CU_ASSERT_EQUAL(send_state_from_elsewhere(importer, 1), MAIKO_OK);
    turn_of(sup, 0, 8);
    (void)maiko_supervisor_poll(sup, 0);
    CU_ASSERT_EQUAL(before.effect, 1);
    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &specs[2]), MAIKO_OK);
    (void)maiko_supervisor_poll(sup, 0);
    CU_ASSERT_EQUAL(after.heard, 2);
    CU_ASSERT_EQUAL(after.state, 1);
    CU_ASSERT_EQUAL(after.effect, 1);
    CU_ASSERT_EQUAL(after.too_early, 0);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_OK);
}

static void what_was_sent_because_of_a_value_told_late_comes_behind_it(void)
{
    play_with_a_mode_set_because_of_what_is_told_late(MAIKO_DROP_NEWEST);
    play_with_a_mode_set_because_of_what_is_told_late(MAIKO_DROP_OLDEST);
}

static const struct test_case cases[] = {
    TEST_CASE(last_values_come_to_a_late_shard_in_their_order),
    TEST_CASE(times_from_elsewhere_do_not_change_the_order),
    TEST_CASE(a_late_shard_hears_no_effect_before_its_last_value),
    TEST_CASE(what_a_late_shard_lost_by_its_policy_does_not_come_later),
    TEST_CASE(what_subscribers_lost_at_a_mark_is_the_last_value_still),
    TEST_CASE(an_older_value_told_later_is_not_the_last),
    TEST_CASE(a_late_shard_learns_the_later_of_two_states),
    TEST_CASE(a_late_shard_learns_nobodys_value_before_the_last),
    TEST_CASE(of_two_values_of_one_flush_a_late_shard_learns_the_later),
    TEST_CASE(what_was_sent_because_of_a_value_told_late_comes_behind_it),
};
SUITE_MAIN("last_values", cases)
