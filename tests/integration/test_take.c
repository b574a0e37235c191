/* Take: events that a subscriber gets inside of the send come in order with the others, and are counted as they are. */
#include "runtime/take.h"

#include "lib/random.h"
#include "lib/stage.h"
#include "lib/suite.h"
#include <maiko/import.h>
#include <string.h>

enum { MOST = 1000 };

/* What the subscriber got, one way or the other. */
struct taker {
    struct player player;
    int64_t values[MOST];
    size_t count;
    size_t taken;
    size_t asked;
    size_t refuse_every; /* 0: never */
    size_t taken_since;  /* its step ran last */
    maiko_id last;
    maiko_hold *hold; /* of its own, when it gets a negative value */
};

/* Sends on each value it is given that many numbers, in bursts. */
struct source {
    struct player player;
    int64_t next;
    int64_t end;
    int64_t burst;
};

static void note(struct taker *taker, int64_t value, maiko_id id)
{
    CU_ASSERT(taker->count < MOST);
    CU_ASSERT(maiko_id_equal(taker->last, (maiko_id){0, 0}) || id.hi != taker->last.hi || id.lo > taker->last.lo);
    taker->last = id;
    taker->values[taker->count++] = value;
}

static bool take(void *self, const struct maiko_taking *taking)
{
    struct taker *taker = self;

    CU_ASSERT_PTR_EQUAL(taking->type, MAIKO_TYPE(number));
    CU_ASSERT_EQUAL_FATAL(taking->len, sizeof(number));
    CU_ASSERT(taking->time_ns > 0);
    taker->asked++;
    if (taker->refuse_every > 0 && taker->asked % taker->refuse_every == 0)
        return false;
    note(taker, ((const number *)taking->event)->value, taking->id);
    taker->taken++;
    taker->taken_since++;
    return true;
}

static maiko_status begin_to_take(struct player *player, maiko_context *ctx)
{
    (void)player;
    return maiko_context_take(ctx, take);
}

static maiko_status get(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct taker *taker = (struct taker *)player;
    const number *event = maiko_event_as(envelope, number);

    if (event == NULL)
        return MAIKO_OK;
    note(taker, event->value, maiko_envelope_id(envelope));
    if (event->value < 0)
        CU_ASSERT_EQUAL(maiko_hold_new(ctx, &taker->hold), MAIKO_OK);
    return MAIKO_OK;
}

static maiko_step rest(struct player *player, maiko_context *ctx)
{
    (void)ctx;
    ((struct taker *)player)->taken_since = 0;
    return MAIKO_STEP_AWAIT_EVENT;
}

static maiko_step send_burst(struct player *player, maiko_context *ctx)
{
    struct source *source = (struct source *)player;
    int64_t i;

    for (i = 0; i < source->burst && source->next < source->end; i++)
        CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = source->next++), MAIKO_OK);
    return source->next < source->end ? MAIKO_STEP_CONTINUE : MAIKO_STEP_AWAIT_EVENT;
}

static const struct taker new_taker = {.player = {.on_start = begin_to_take, .handle = get, .step = rest}};
static const struct source new_source = {.player = {.step = send_burst}, .end = 200, .burst = 10};

static void add_taker(struct stage *stage, struct taker *taker)
{
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage->sup, PLAYER("taker", &taker->player, .subscribe = MAIKO_TOPICS("number"), .tick_limit = 256)),
        MAIKO_OK);
}

static void add_source(struct stage *stage, const char *name, struct source *source)
{
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER(name, &source->player, .subscribe = MAIKO_TOPICS("go"))), MAIKO_OK);
}

/* The sources go on with so many more. */
static void go_on(struct stage *stage, struct source *source, int64_t more)
{
    source->end += more;
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(stage->sup), "go", number, .value = 1), MAIKO_OK);
    stage_settle(stage);
}

static void got_all_in_order(const struct taker *taker, size_t count)
{
    size_t i;

    CU_ASSERT_EQUAL_FATAL(taker->count, count);
    for (i = 0; i < count; i++)
        CU_ASSERT_EQUAL(taker->values[i], (int64_t)i);
    CU_ASSERT_EQUAL(taker->taken_since, 0); /* its step came behind the last one */
}

static void end(struct stage *stage, const char *name, size_t count)
{
    maiko_counters_actor counted;

    CU_ASSERT_EQUAL(stage_stop(stage), MAIKO_OK);
    counted = stage_counted(stage, "taker");
    CU_ASSERT_EQUAL(counted.received, count);
    CU_ASSERT_EQUAL(counted.handled, count);
    CU_ASSERT_EQUAL(stage_counted(stage, name).sent, count);
    stage_close(stage);
}

static void they_come_in_order_and_are_counted(void)
{
    struct taker taker = new_taker;
    struct source source = new_source;
    struct stage stage;

    stage_open(&stage, NULL);
    add_taker(&stage, &taker);
    add_source(&stage, "source", &source);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    got_all_in_order(&taker, 200);
    CU_ASSERT_EQUAL(taker.taken, 190); /* with the first burst the topic gets to be known */
    end(&stage, "source", 200);
}

/* Behind one that was refused all others wait for it. */
static void what_is_refused_comes_in_its_place(void)
{
    size_t every;

    for (every = 1; every < 12; every++) {
        struct taker taker = new_taker;
        struct source source = new_source;
        struct stage stage;

        taker.refuse_every = every;
        stage_open(&stage, NULL);
        add_taker(&stage, &taker);
        add_source(&stage, "source", &source);
        CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
        stage_settle(&stage);
        got_all_in_order(&taker, 200);
        CU_ASSERT(every == 1 ? taker.taken == 0 : taker.taken > 0 && taker.taken < 190);
        end(&stage, "source", 200);
    }
}

/* A hook that sends more than a mailbox holds. */
static void a_long_burst_is_taken_as_a_whole(void)
{
    struct taker taker = new_taker;
    struct source source = new_source;
    struct stage stage;

    source.end = 1;
    stage_open(&stage, NULL);
    add_taker(&stage, &taker);
    add_source(&stage, "source", &source);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    source.burst = MOST;
    go_on(&stage, &source, MOST - 1);
    got_all_in_order(&taker, MOST);
    CU_ASSERT_EQUAL(taker.taken, MOST - 1);
    end(&stage, "source", MOST);
}

/* Another subscriber gets its own, as long as it is there. */
static void what_others_get_too_is_not_taken(void)
{
    struct taker taker = new_taker;
    struct source source = new_source;
    struct player other = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, NULL);
    add_taker(&stage, &taker);
    add_source(&stage, "source", &source);
    CU_ASSERT_EQUAL(stage_add(&stage, "other", &other), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(taker.taken, 0);
    CU_ASSERT_EQUAL(other.events, 200);
    CU_ASSERT_EQUAL(maiko_supervisor_remove(stage.sup, "other"), MAIKO_OK);
    stage_settle(&stage);
    go_on(&stage, &source, 100);
    got_all_in_order(&taker, 300);
    CU_ASSERT_EQUAL(taker.taken, 90);
    CU_ASSERT_EQUAL(other.events, 200);
    end(&stage, "source", 300);
}

/* While it may not run it is not asked, and what came meanwhile stays in front. */
static void who_is_held_takes_nothing(void)
{
    struct taker taker = new_taker;
    struct source source = new_source;
    struct stage stage;

    source.next = source.end = -1;
    stage_open(&stage, NULL);
    add_taker(&stage, &taker);
    add_source(&stage, "source", &source);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    go_on(&stage, &source, 1); /* its own: it is held by what comes first */
    CU_ASSERT_PTR_NOT_NULL_FATAL(taker.hold);
    go_on(&stage, &source, 100);
    CU_ASSERT_EQUAL(taker.asked, 0);
    CU_ASSERT_EQUAL(taker.count, 1);
    maiko_hold_release(taker.hold);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(taker.count, 101);
    go_on(&stage, &source, 100);
    CU_ASSERT_EQUAL_FATAL(taker.count, 201);
    CU_ASSERT_EQUAL(taker.taken, 100);
    CU_ASSERT_EQUAL(taker.values[1], 0);
    CU_ASSERT_EQUAL(taker.values[200], 199);
    end(&stage, "source", 201);
}

static maiko_status fail_once(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)ctx;
    if (maiko_event_as(envelope, number)->value < 0 && atomic_load(&player->errors) == 0)
        return MAIKO_ETYPE;
    note((struct taker *)player, maiko_event_as(envelope, number)->value, maiko_envelope_id(envelope));
    return MAIKO_OK;
}

static maiko_error_action try_later(struct player *player, maiko_context *ctx, maiko_status error)
{
    (void)player, (void)ctx, (void)error;
    return maiko_error_retry(MAIKO_SECONDS(3600), 3);
}

/* The first one, and the others when it has failed: as long as something can run, the time to try again does not come. */
static maiko_step send_behind_failure(struct player *player, maiko_context *ctx)
{
    struct source *source = (struct source *)player;
    const struct taker *taker = player->data;

    if (source->next == -1 || atomic_load(&taker->player.errors) > 0)
        CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = source->next++), MAIKO_OK);
    if (source->next == 0 && atomic_load(&taker->player.errors) == 0)
        return MAIKO_STEP_CONTINUE;
    return source->next < source->end ? MAIKO_STEP_CONTINUE : MAIKO_STEP_AWAIT_EVENT;
}

/* What it is to handle again stays in front. */
static void who_tries_again_takes_nothing(void)
{
    struct taker taker = new_taker;
    struct source source = new_source;
    struct stage stage;

    taker.player.handle = fail_once;
    taker.player.on_error = try_later;
    source.player.step = send_behind_failure;
    source.player.data = &taker;
    source.next = -1;
    source.end = 100;
    stage_open(&stage, NULL);
    add_taker(&stage, &taker);
    add_source(&stage, "source", &source);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(taker.asked, 0);
    CU_ASSERT_EQUAL_FATAL(taker.count, 101);
    CU_ASSERT_EQUAL(taker.values[0], -1);
    CU_ASSERT_EQUAL(taker.values[100], 99);
    end(&stage, "source", 101);
}

static maiko_status answer(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    int64_t i;

    for (i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(maiko_send_child(ctx, envelope, number, .value = player->wanted++), MAIKO_OK);
    return MAIKO_OK;
}

/* Who its parent is would be lost. */
static void children_come_with_their_parents(void)
{
    struct taker taker = new_taker;
    struct player parent = {.handle = answer};
    struct stage stage;
    int i;

    stage_open(&stage, NULL);
    add_taker(&stage, &taker);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("parent", &parent, .subscribe = MAIKO_TOPICS("go"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(stage.sup), "go", number, .value = 1), MAIKO_OK);
        stage_settle(&stage);
    }
    got_all_in_order(&taker, 60);
    CU_ASSERT_EQUAL(taker.asked, 0);
    end(&stage, "parent", 60);
}

/* Two senders: one event of either, then bursts by turns; each one's come in its order. */
static void senders_keep_their_orders(void)
{
    struct taker taker = new_taker;
    struct source one = new_source;
    struct source two = new_source;
    int64_t next[2] = {0, 1000};
    struct stage stage;
    size_t i;

    two.next = 1000;
    two.end = 1200;
    two.burst = 7;
    taker.refuse_every = 5;
    stage_open(&stage, NULL);
    add_taker(&stage, &taker);
    add_source(&stage, "one", &one);
    add_source(&stage, "two", &two);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL_FATAL(taker.count, 400);
    for (i = 0; i < 400; i++)
        CU_ASSERT_EQUAL(taker.values[i], next[taker.values[i] >= 1000]++);
    CU_ASSERT(taker.taken > 0);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_counted(&stage, "taker").handled, 400);
    stage_close(&stage);
}

static void only_its_own_hook_may_ask(void)
{
    struct taker taker = new_taker;
    struct stage stage;

    CU_ASSERT_EQUAL(maiko_context_take(NULL, take), MAIKO_EINVAL);
    stage_open(&stage, NULL);
    add_taker(&stage, &taker);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(maiko_context_take(atomic_load(&taker.player.ctx), take), MAIKO_ETHREAD);
    CU_ASSERT_EQUAL(maiko_context_take(maiko_supervisor_context(stage.sup), take), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* --- whatever happens --- */

enum { SENDERS = 3, EACH = 400, FAR = 100000 };

/* A taker that refuses, holds itself and fails by chance, and what it is to get next of each sender. */
struct moody {
    struct taker taker;
    struct random random;
    int64_t next[SENDERS];
    size_t others; /* also gets the topic that is taken: so many were there so far */
};

struct chancer {
    struct source source;
    struct moody *moody;
};

static struct moody *moody_now; /* of the case: a `take` gets only the actor's own */

static void note_next(struct moody *moody, int64_t value)
{
    CU_ASSERT_EQUAL_FATAL(value % FAR, moody->next[value / FAR]);
    moody->next[value / FAR]++;
    moody->taker.count++;
}

static bool take_by_chance(void *self, const struct maiko_taking *taking)
{
    struct moody *moody = self;

    CU_ASSERT_PTR_EQUAL(self, moody_now);
    if (moody->taker.hold != NULL || random_below(&moody->random, 32) == 0)
        return false;
    note_next(moody, ((const number *)taking->event)->value);
    moody->taker.taken++;
    return true;
}

static maiko_status begin_by_chance(struct player *player, maiko_context *ctx)
{
    (void)player;
    return maiko_context_take(ctx, take_by_chance);
}

static maiko_status get_by_chance(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct moody *moody = (struct moody *)player;

    if (random_below(&moody->random, 150) == 0)
        return MAIKO_ETYPE; /* again, before anything else */
    note_next(moody, maiko_event_as(envelope, number)->value);
    if (moody->taker.hold == NULL && random_below(&moody->random, 300) == 0)
        CU_ASSERT_EQUAL(maiko_hold_new(ctx, &moody->taker.hold), MAIKO_OK);
    return MAIKO_OK;
}

static maiko_error_action again(struct player *player, maiko_context *ctx, maiko_status error)
{
    (void)player, (void)ctx, (void)error;
    return maiko_error_retry(MAIKO_MS(1), 1000);
}

static maiko_step send_by_chance(struct player *player, maiko_context *ctx)
{
    struct chancer *chancer = (struct chancer *)player;
    struct source *source = &chancer->source;
    size_t left = random_below(&chancer->moody->random, 30);

    for (; left > 0 && source->next < source->end && !maiko_is_sender_full(ctx); left--) {
        const char *topic = random_below(&chancer->moody->random, 24) == 0 ? "both" : "number";
        size_t elsewhere = random_below(&chancer->moody->random, 16) == 0 ? 12 : 0; /* counted as one streak */

        while (elsewhere-- > 0)
            CU_ASSERT_EQUAL(maiko_send_to(ctx, "elsewhere", number, .value = 0), MAIKO_OK);

        CU_ASSERT_EQUAL(maiko_send_to(ctx, topic, number, .value = source->next++), MAIKO_OK);
    }
    return source->next < source->end ? MAIKO_STEP_CONTINUE : MAIKO_STEP_NEVER;
}

/* It is let go, and another subscriber comes or goes. */
static void meddle(struct stage *stage, struct moody *moody, struct player *other)
{
    maiko_hold *hold = moody->taker.hold;
    char name[32];

    moody->taker.hold = NULL;
    maiko_hold_release(hold);
    if (random_below(&moody->random, 16) > 0)
        return;
    snprintf(name, sizeof(name), "other %zu", moody->others++ / 2);
    if (moody->others % 2 == 1) {
        CU_ASSERT_EQUAL(stage_add(stage, name, other), MAIKO_OK);
    } else {
        CU_ASSERT_EQUAL(maiko_supervisor_remove(stage->sup, name), MAIKO_OK);
    }
}

static void add_all(struct stage *stage, struct moody *moody, struct chancer chancers[SENDERS])
{
    static const char *const names[SENDERS] = {"a", "b", "c"};
    int64_t i;

    CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER("taker", &moody->taker.player,
                                                            .subscribe = MAIKO_TOPICS("number", "both"), .tick_limit = 256)),
                    MAIKO_OK);
    for (i = 0; i < SENDERS; i++) {
        chancers[i] = (struct chancer){.source = {.player = {.step = send_by_chance}, .next = i * FAR, .end = i * FAR + EACH},
                                       .moody = moody};
        CU_ASSERT_EQUAL(maiko_supervisor_add(stage->sup, PLAYER(names[i], &chancers[i].source.player)), MAIKO_OK);
    }
}

static uint64_t sent_by_all(struct stage *stage)
{
    return stage_counted(stage, "a").sent + stage_counted(stage, "b").sent + stage_counted(stage, "c").sent;
}

/* So many were taken. */
static size_t play(uint64_t seed)
{
    struct moody moody = {.taker.player = {.on_start = begin_by_chance, .handle = get_by_chance, .on_error = again, .step = rest},
                          .random = {seed}};
    struct chancer chancers[SENDERS];
    struct player other = {.wanted = 0}, both = {.wanted = 0}, elsewhere = {.wanted = 0};
    struct stage stage;
    unsigned rounds = 0;

    moody_now = &moody;
    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1 + (uint32_t)(seed % 2), .seed = seed});
    add_all(&stage, &moody, chancers);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("both", &both, .subscribe = MAIKO_TOPICS("both"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("elsewhere", &elsewhere, .subscribe = MAIKO_TOPICS("elsewhere"))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    for (; moody.taker.count < SENDERS * EACH && rounds < 10000; rounds++) {
        CU_ASSERT(maiko_supervisor_poll(stage.sup, 1 + (uint32_t)random_below(&moody.random, 200)) >= 0);
        meddle(&stage, &moody, &other);
    }
    stage_settle(&stage);
    CU_ASSERT_EQUAL(moody.taker.count, SENDERS * EACH);
    CU_ASSERT_EQUAL(moody.taker.taken_since, 0);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_counted(&stage, "taker").received, SENDERS * EACH);
    CU_ASSERT_EQUAL(stage_counted(&stage, "taker").handled, SENDERS * EACH);
    CU_ASSERT_EQUAL(sent_by_all(&stage), SENDERS * EACH + (uint64_t)elsewhere.events);
    stage_close(&stage);
    return moody.taker.taken;
}

static void in_order_and_counted_whatever_happens(void)
{
    const uint64_t first = random_first_seed(1);
    const unsigned count = random_seed_count(300);
    size_t taken = 0;
    unsigned i;

    for (i = 0; i < count; i++) {
        unsigned failures = CU_get_number_of_failures();

        taken += play(first + i);
        if (CU_get_number_of_failures() > failures) {
            printf("# MAIKO_TEST_SEED=%llu\n", (unsigned long long)(first + i));
            return;
        }
    }
    CU_ASSERT(count == 1 || taken > (size_t)count * EACH / 8);
    printf("# %zu of %u taken\n", taken, count * SENDERS * EACH);
}

static const struct test_case cases[] = {
    TEST_CASE(they_come_in_order_and_are_counted), TEST_CASE(what_is_refused_comes_in_its_place),
    TEST_CASE(a_long_burst_is_taken_as_a_whole),   TEST_CASE(what_others_get_too_is_not_taken),
    TEST_CASE(who_is_held_takes_nothing),          TEST_CASE(who_tries_again_takes_nothing),
    TEST_CASE(children_come_with_their_parents),   TEST_CASE(senders_keep_their_orders),
    TEST_CASE(only_its_own_hook_may_ask),          TEST_CASE(in_order_and_counted_whatever_happens),
};
SUITE_MAIN("take", cases)
