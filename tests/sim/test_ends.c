/* Ends of streams, against their definition: whenever ends of cycles are looked for, those are ended that a search from
 * scratch finds, whether anything was looked at or not; and who hears only publishers that have finished does not go on for
 * want of being asked.  MAIKO_SEED=number plays one run again. */
#include "lib/suite.h"
#include "runtime/stay.h"
#include "runtime/supervisor_internal.h"
#include "runtime/world.h"
#include <maiko/maiko.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/dice.h"

enum { MEMBERS = 9, ORDERS = 24 };

#define ORDER_FIELDS(F) F(UINT32, what) F(UINT32, which)
MAIKO_EVENT(order, "order", ORDER_FIELDS)

/* What a member is told to do. */
enum what { FINISH, SUBSCRIBE, UNSUBSCRIBE, BECOME, FAIL_ONCE, STAY, SEND, STOP, WHATS };

static const char *const patterns[] = {"a", "b", "c", "a/x", "a/+", "a/#", "+/x", "d/x", "#"};
#define PATTERN_COUNT (sizeof patterns / sizeof patterns[0])

static const maiko_step becomes[] = {MAIKO_STEP_AWAIT_EVENT, MAIKO_STEP_AWAIT_EVENT, MAIKO_STEP_NEVER, MAIKO_STEP_BACKOFF(1000),
                                     MAIKO_STEP_CONTINUE};

struct member {
    bool is_there;
    struct actor *actor; /* NULL: not started yet, or no more */
    char name[16];
    char order[16];
    const char *publish[3];
    const char *subscribe[4];
    maiko_step step;
    uint32_t continues; /* steps until it falls back to waiting */
    bool is_failing;
    uint64_t changed_at; /* its subscriptions */
};

static struct play {
    struct member members[MEMBERS];
    uint32_t declared[PATTERN_COUNT];
    uint64_t moment;    /* counts changes of subscriptions and finishes */
    uint64_t closed_at; /* the last time that everybody who may end was to be asked */
    unsigned long seed;
    uint32_t shards;
} play;

static unsigned long searches_seen, searches_made, cycles_ended, ends_seen, wrong;

static void complain(const struct actor *actor, const char *what)
{
    printf("# %s %s, MAIKO_SEED=%lu\n", actor->sender.name, what, play.seed);
    wrong++;
}

/* --- the definition --- */

static bool hears(const struct actor *listener, const char *pattern)
{
    const struct subscription *heard;

    for (heard = listener->subscriber.first; heard != NULL; heard = heard->next) {
        if (maiko_patterns_overlap(heard->pattern, pattern))
            return true;
    }
    return false;
}

static bool publishes(const struct actor *actor, const char *pattern)
{
    const char **at = actor->rare == NULL ? NULL : actor->rare->publish;

    for (; at != NULL && *at != NULL; at++) {
        if (strcmp(*at, pattern) == 0)
            return true;
    }
    return false;
}

static bool heard_somebody(const struct actor *listener)
{
    size_t i;

    for (i = 0; i < PATTERN_COUNT; i++) {
        if (play.declared[i] > (publishes(listener, patterns[i]) ? 1u : 0u) && hears(listener, patterns[i]))
            return true;
    }
    return false;
}

static bool is_heard(const struct actor *publisher, const struct actor *listener)
{
    const char **at = publisher->rare == NULL ? NULL : publisher->rare->publish;

    if (publisher == listener || publisher->has_finished)
        return false;
    for (; at != NULL && *at != NULL; at++) {
        if (hears(listener, *at))
            return true;
    }
    return false;
}

static bool hears_any(const struct actor *listener, bool candidates_too, const bool *is_candidate)
{
    int i;

    for (i = 0; i < MEMBERS; i++) {
        const struct actor *actor = play.members[i].actor;

        if (actor != NULL && (candidates_too || !is_candidate[i]) && is_heard(actor, listener))
            return true;
    }
    return false;
}

static bool is_idle(const struct actor *actor)
{
    return actor->state == ACTOR_RUNNING && !actor->has_ended && !actor->end_pending && actor->subscriber.first != NULL &&
           !actor_has_events(actor) && !actor_step_goes_on(actor);
}

static void define_cycles(bool *is_candidate)
{
    bool any = true;
    int i;

    for (i = 0; i < MEMBERS; i++)
        is_candidate[i] =
            play.members[i].actor != NULL && is_idle(play.members[i].actor) && heard_somebody(play.members[i].actor);
    while (any) {
        any = false;
        for (i = 0; i < MEMBERS; i++) {
            if (!is_candidate[i] || !hears_any(play.members[i].actor, false, is_candidate))
                continue;
            is_candidate[i] = false;
            any = true;
        }
    }
}

/* Everybody has heard of every finish by now. */
static void check_nobody_was_forgotten(const struct member *member)
{
    const struct actor *actor = member->actor;

    if (actor->state == ACTOR_RUNNING && !actor->has_ended && !actor->end_pending && actor->subscriber.first != NULL &&
        heard_somebody(actor) && !hears_any(actor, true, NULL) && member->changed_at < play.closed_at)
        complain(actor, "hears nobody any more and was not asked");
}

bool __real_world_end_cycles(struct maiko_supervisor *sup);
bool __wrap_world_end_cycles(struct maiko_supervisor *sup);
bool __wrap_world_end_cycles(struct maiko_supervisor *sup)
{
    const uint64_t before = sup->cycle_searches;
    bool is_expected[MEMBERS];
    bool was_pending[MEMBERS];
    bool expects_any = false;
    bool any;
    int i;

    define_cycles(is_expected);
    for (i = 0; i < MEMBERS; i++) {
        was_pending[i] = play.members[i].actor != NULL && play.members[i].actor->end_pending;
        expects_any = expects_any || is_expected[i];
        if (play.members[i].actor != NULL)
            check_nobody_was_forgotten(&play.members[i]);
    }
    any = __real_world_end_cycles(sup);
    searches_seen++;
    searches_made += sup->cycle_searches - before;
    for (i = 0; i < MEMBERS; i++) {
        struct actor *actor = play.members[i].actor;

        if (actor != NULL && actor->end_pending != (was_pending[i] || is_expected[i]))
            complain(actor, is_expected[i] ? "should end" : "should not end");
        cycles_ended += is_expected[i];
    }
    if (any != expects_any)
        printf("# the answer is %d, MAIKO_SEED=%lu\n", any, play.seed);
    wrong += any != expects_any;
    return any;
}

/* On more shards than one a publisher may have begun that nobody has heard of yet here; who has not started is not counted. */
void __real_actor_check_end(struct actor *actor);
void __wrap_actor_check_end(struct actor *actor);
void __wrap_actor_check_end(struct actor *actor)
{
    const bool was_pending = actor->end_pending;

    __real_actor_check_end(actor);
    if (play.shards == 1 && actor->state == ACTOR_RUNNING && actor->end_pending && !was_pending &&
        (!heard_somebody(actor) || hears_any(actor, true, NULL)))
        complain(actor, "ends although somebody goes on whom it hears");
}

/* --- members --- */

/* Who has been added and not started yet counts as one who publishes. */
static bool may_publish(const struct member *member, const char *pattern)
{
    const char *const *at = member->publish;

    if (member->actor != NULL)
        return !member->actor->has_finished && publishes(member->actor, pattern);
    while (member->is_there && *at != NULL && strcmp(*at, pattern) != 0)
        at++;
    return member->is_there && *at != NULL;
}

/* The last but one of some pattern goes, or the last: all who may end are asked. */
static void note_finish(const struct actor *actor)
{
    size_t i;
    int k;

    play.moment++;
    for (i = 0; i < PATTERN_COUNT; i++) {
        int open = 0;

        for (k = 0; k < MEMBERS; k++)
            open += play.members[k].actor != actor && may_publish(&play.members[k], patterns[i]);
        if (open <= 1 && publishes(actor, patterns[i]) && !actor->has_finished)
            play.closed_at = play.moment;
    }
}

static maiko_status start(void *self, maiko_context *ctx)
{
    struct member *member = self;
    size_t i;

    member->actor = actor_of_context(ctx);
    member->changed_at = ++play.moment;
    for (i = 0; i < PATTERN_COUNT; i++)
        play.declared[i] += publishes(member->actor, patterns[i]);
    return MAIKO_OK;
}

static maiko_status obey(struct member *member, maiko_context *ctx, const order *told)
{
    const char *pattern = patterns[told->which % PATTERN_COUNT];

    switch ((enum what)told->what) {
    case FINISH:
        note_finish(member->actor);
        return maiko_finish(ctx);
    case SUBSCRIBE:
        (void)maiko_subscribe(ctx, &(maiko_subscription){.pattern = pattern});
        member->changed_at = ++play.moment;
        break;
    case UNSUBSCRIBE:
        (void)maiko_unsubscribe(ctx, pattern);
        member->changed_at = ++play.moment;
        break;
    case BECOME:
        member->step = becomes[told->which % (sizeof becomes / sizeof becomes[0])];
        member->continues = told->which % 7;
        break;
    case FAIL_ONCE:
        member->is_failing = !member->is_failing;
        return member->is_failing ? MAIKO_EACTOR : MAIKO_OK;
    case STAY:
        return maiko_context_stay(ctx);
    case SEND:
        (void)maiko_send_to(ctx, pattern, order, .what = WHATS);
        break;
    case STOP:
        return maiko_stop(ctx);
    default:
        break;
    }
    return MAIKO_OK;
}

static maiko_status handle(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const order *told = maiko_event_as(envelope, order);

    return told == NULL ? MAIKO_OK : obey(self, ctx, told);
}

static maiko_step step(void *self, maiko_context *ctx)
{
    struct member *member = self;

    (void)ctx;
    if (member->step == MAIKO_STEP_CONTINUE && member->continues-- == 0)
        member->step = MAIKO_STEP_AWAIT_EVENT;
    return member->step;
}

static maiko_error_action on_error(void *self, maiko_context *ctx, maiko_status error)
{
    (void)self;
    (void)ctx;
    (void)error;
    return maiko_error_retry(2000, 3);
}

static maiko_status on_end(void *self, maiko_context *ctx)
{
    (void)self;
    (void)ctx;
    ends_seen++;
    return MAIKO_OK;
}

static maiko_status on_stop(void *self, maiko_context *ctx)
{
    struct member *member = self;

    (void)ctx;
    note_finish(member->actor);
    member->actor = NULL;
    member->is_there = false;
    return MAIKO_OK;
}

static const maiko_actor_ops reacting = {
    .on_start = start, .handle = handle, .on_error = on_error, .on_end = on_end, .on_stop = on_stop};
static const maiko_actor_ops stepping = {
    .on_start = start, .handle = handle, .step = step, .on_error = on_error, .on_end = on_end, .on_stop = on_stop};

/* --- a play --- */

static const char *draw_pattern(struct dice *dice)
{
    return patterns[dice_below(dice, dice_percent(dice, 10) ? PATTERN_COUNT : PATTERN_COUNT - 1)];
}

static void draw_list(struct dice *dice, const char **list)
{
    size_t count = dice_below(dice, 3);

    if (count > 0)
        *list++ = draw_pattern(dice);
    if (count > 1) {
        list[0] = draw_pattern(dice);
        list += list[0] != list[-1];
    }
    *list = NULL;
}

static void add_member(maiko_supervisor *sup, struct dice *dice, int i)
{
    struct member *member = &play.members[i];
    maiko_actor_spec spec = {.name = member->name, .self = member, .subscribe = member->subscribe};

    *member = (struct member){.is_there = true, .step = becomes[dice_below(dice, 4)]};
    snprintf(member->name, sizeof member->name, "m%d", i);
    snprintf(member->order, sizeof member->order, "order/%d", i);
    draw_list(dice, member->publish);
    member->subscribe[0] = member->order;
    draw_list(dice, member->subscribe + 1);
    spec.ops = dice_percent(dice, 50) ? &stepping : &reacting;
    spec.publish = dice_percent(dice, 85) ? member->publish : NULL;
    spec.shard = MAIKO_SHARD((int)dice_below(dice, play.shards));
    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &spec), MAIKO_OK);
}

static enum what draw_what(struct dice *dice)
{
    static const enum what often[] = {FINISH, FINISH, SUBSCRIBE, UNSUBSCRIBE, BECOME, BECOME, SEND, SEND};

    return dice_percent(dice, 80) ? often[dice_below(dice, sizeof often / sizeof often[0])] : (enum what)dice_below(dice, WHATS);
}

static void disturb(maiko_supervisor *sup, struct dice *dice)
{
    int i = (int)dice_below(dice, MEMBERS);
    struct member *member = &play.members[i];

    if (!member->is_there) {
        add_member(sup, dice, i);
    } else if (member->actor == NULL) {
        return; /* about to start */
    } else if (dice_percent(dice, 4)) {
        (void)maiko_supervisor_remove(sup, member->name);
    } else {
        enum what what = draw_what(dice);
        uint32_t which = (uint32_t)dice_throw(dice);

        (void)maiko_send_to(maiko_supervisor_context(sup), member->order, order, .what = what, .which = which);
    }
}

static maiko_supervisor *draw_supervisor(struct dice *dice)
{
    bool is_polled = dice_percent(dice, 40);
    maiko_supervisor *sup;

    play.shards = is_polled ? 1 : 1 + (uint32_t)dice_below(dice, 3);
    sup = maiko_supervisor_new(&(maiko_config){.mode = is_polled ? MAIKO_POLLED : MAIKO_DETERMINISTIC,
                                               .shards = play.shards,
                                               .seed = dice_throw(dice) | 1,
                                               .no_counters_file = true});
    if (sup != NULL) /* polled, too: a run of one seed is the same everywhere */
        clock_init_virtual(&sup->clock, MAIKO_SECONDS(1), MAIKO_SECONDS(UINT64_C(1700000000)));
    return sup;
}

static void perform(unsigned long seed)
{
    maiko_supervisor *sup;
    struct dice dice;
    size_t more;
    int i;

    memset(&play, 0, sizeof play);
    play.seed = seed;
    dice_init_seeded(&dice, seed);
    sup = draw_supervisor(&dice);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sup);
    for (i = 0; i < MEMBERS; i++) {
        if (dice_percent(&dice, 70))
            add_member(sup, &dice, i);
    }
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_OK);
    for (i = 0; i < ORDERS; i++) {
        (void)maiko_supervisor_poll(sup, 1 + (uint32_t)dice_below(&dice, 60));
        clock_advance(&sup->clock, 500); /* a back-off lasts two polls */
        for (more = dice_below(&dice, 4); more > 0; more--)
            disturb(sup, &dice);
    }
    (void)maiko_supervisor_stop(&sup, NULL);
}

static void ends_are_those_of_the_definition(void)
{
    const char *wanted = getenv("MAIKO_SEED");
    unsigned long first = wanted == NULL ? 1 : strtoul(wanted, NULL, 10);
    unsigned long last = wanted == NULL ? suite_scale(4000, 60000) / suite_slowdown() : first;
    unsigned long seed;

    for (seed = first; seed <= last && wrong == 0; seed++)
        perform(seed);
    printf("# seeds %lu..%lu: %lu ends, %lu of them of cycles; %lu searches, %lu of them made\n", first, seed - 1, ends_seen,
           cycles_ended, searches_seen, searches_made);
    CU_ASSERT_EQUAL(wrong, 0);
    if (wanted == NULL)
        CU_ASSERT(cycles_ended > last / 4 && ends_seen > cycles_ended && searches_made > last && searches_made < searches_seen);
}

static const struct test_case cases[] = {TEST_CASE(ends_are_those_of_the_definition)};
SUITE_MAIN_TIMEOUT("ends", cases, 300)
