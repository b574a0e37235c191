/* Storm: eight outside threads add, remove, send, bring in, ask, let go, join and halt at once while the actors do the like.
 * What any call answers is left open, except that it returns; in the end nothing is left and the books close.
 * MAIKO_SEED=number plays one storm again, as far as threads allow. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/failing_allocator.h"
#include "lib/random.h"
#include "lib/stage.h"
#include "lib/suite.h"

#include <maiko/import.h>
#include <maiko/topology.h>

enum { CALLERS = 8, HALTERS = 2, NAMES = 12, IMPORTERS = 2, HOLDS = 16, CALLS = 60, SAILORS = 4096, FIRST_SAILORS = 6 };

struct storm;
#define BOX_FIELDS(F) F(POINTER, storm, struct storm) F(UINT32, ttl)
static void free_box(void *event);
MAIKO_EVENT_WITH(box, "box", BOX_FIELDS, .local_only = true, .destroy = free_box)
MAIKO_EVENT_WITH(last_box, "last/box", BOX_FIELDS, .local_only = true, .sticky = true, .destroy = free_box)

struct sailor {
    struct storm *storm;
    struct random random; /* its shard's */
};

struct caller {
    pthread_t thread;
    struct storm *storm;
    struct random random;
    int number;
};

struct storm {
    struct stage stage;
    struct failing_allocator memory;
    maiko_importer *importers[IMPORTERS];
    _Atomic(maiko_hold *) holds[HOLDS];
    struct sailor sailors[SAILORS];
    _Atomic uint32_t sailor_count;
    struct caller callers[CALLERS];
    uint64_t seed;
    bool is_polled;
    _Atomic int started;
    _Atomic int stopped;
    _Atomic int boxes;
    _Atomic int callers_left;
    _Atomic bool has_halted;
};

static bool chance(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

/* --- what both sides do --- */

static void free_box(void *event)
{
    atomic_fetch_sub(&((box *)event)->storm->boxes, 1);
}

static void send_box(struct storm *storm, struct random *random, maiko_context *ctx, uint32_t ttl)
{
    const maiko_send_opts opts = {.struct_size = sizeof opts, .try_only = chance(random, 30)};
    const maiko_event_type *type = chance(random, 70) ? MAIKO_TYPE(box) : MAIKO_TYPE(last_box);
    const box event = {.storm = storm, .ttl = ttl};

    atomic_fetch_add(&storm->boxes, 1);
    if (maiko_send_options(ctx, &opts, type, &event, sizeof event) != MAIKO_OK)
        atomic_fetch_sub(&storm->boxes, 1);
}

static void send_something(struct storm *storm, struct random *random, maiko_context *ctx, uint32_t ttl)
{
    const maiko_send_opts opts = {.struct_size = sizeof opts, .try_only = chance(random, 30)};
    const number event = {.value = ttl};

    if (chance(random, 50))
        send_box(storm, random, ctx, ttl);
    else
        (void)maiko_send_options(ctx, &opts, MAIKO_TYPE(number), &event, sizeof event);
}

static void draw_name(struct random *random, char name[16])
{
    snprintf(name, 16, "s%u", (unsigned)random_below(random, NAMES));
}

static void add_somebody(struct storm *storm, struct random *random);

static void remove_somebody(struct storm *storm, struct random *random)
{
    char name[16];

    draw_name(random, name);
    (void)maiko_supervisor_remove(storm->stage.sup, name);
}

static void let_go(struct storm *storm, size_t slot)
{
    maiko_hold_release(atomic_exchange(&storm->holds[slot], NULL));
}

/* --- the actors --- */

static maiko_status embark(void *self, maiko_context *ctx)
{
    struct sailor *sailor = self;

    if (chance(&sailor->random, 3))
        return maiko_error(ctx, MAIKO_EACTOR, "seasick");
    atomic_fetch_add(&sailor->storm->started, 1);
    if (chance(&sailor->random, 20))
        send_something(sailor->storm, &sailor->random, ctx, 2);
    return MAIKO_OK;
}

static void take_hold(struct sailor *sailor, maiko_context *ctx, const maiko_envelope *envelope)
{
    _Atomic(maiko_hold *) *slot = &sailor->storm->holds[random_below(&sailor->random, HOLDS)];
    maiko_hold *hold = NULL;

    if ((chance(&sailor->random, 50) ? maiko_hold_new(ctx, &hold) : maiko_hold_sender(ctx, envelope, &hold)) == MAIKO_OK)
        maiko_hold_release(atomic_exchange(slot, hold));
}

static maiko_status work(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct sailor *sailor = self;
    struct random *random = &sailor->random;
    struct storm *storm = sailor->storm;
    const box *event = maiko_event_as(envelope, box);
    uint32_t ttl = event != NULL ? event->ttl : 0;

    if (ttl > 0)
        send_something(storm, random, ctx, ttl - 1);
    switch (random_below(random, 60)) {
    case 0:
        add_somebody(storm, random);
        break;
    case 1:
        remove_somebody(storm, random);
        break;
    case 2:
        (void)maiko_stop(ctx);
        break;
    case 3:
    case 4:
    case 5:
        take_hold(sailor, ctx, envelope);
        break;
    case 6:
        (void)maiko_subscribe(ctx, &(maiko_subscription){.pattern = "last/#"});
        break;
    case 7:
        (void)maiko_unsubscribe(ctx, "last/#");
        break;
    case 8:
        return maiko_error(ctx, MAIKO_EACTOR, "overboard");
    default:
        break;
    }
    return MAIKO_OK;
}

static maiko_error_action endure(void *self, maiko_context *ctx, maiko_status error)
{
    struct sailor *sailor = self;

    (void)ctx;
    (void)error;
    return chance(&sailor->random, 50) ? maiko_error_ignore() : maiko_error_retry(MAIKO_MS(1), 1);
}

static maiko_status disembark(void *self, maiko_context *ctx)
{
    struct sailor *sailor = self;

    atomic_fetch_add(&sailor->storm->stopped, 1);
    if (chance(&sailor->random, 20))
        send_something(sailor->storm, &sailor->random, ctx, 1);
    return MAIKO_OK;
}

static const maiko_actor_ops sailor_ops = {.on_start = embark, .handle = work, .on_error = endure, .on_stop = disembark};

static void add_somebody(struct storm *storm, struct random *random)
{
    static const char *const several[] = {"number", "box", NULL};
    static const char *const all[] = {"#", NULL};
    uint32_t index = atomic_fetch_add(&storm->sailor_count, 1);
    char name[16];
    maiko_actor_spec spec = {.name = name, .ops = &sailor_ops};

    if (index >= SAILORS)
        return;
    storm->sailors[index].storm = storm;
    storm->sailors[index].random.state = storm->seed * SAILORS + index;
    draw_name(random, name);
    spec.self = &storm->sailors[index];
    spec.subscribe = chance(random, 50) ? several : all;
    spec.capacity = 1 + (uint32_t)random_below(random, 8);
    spec.dedicated = chance(random, 3);
    if (!spec.dedicated && chance(random, 40))
        spec.shard = MAIKO_SHARD((int)random_below(random, 3));
    (void)maiko_supervisor_add(storm->stage.sup, &spec);
}

/* --- the outside threads --- */

static void bring_in(struct storm *storm, struct random *random)
{
    maiko_importer *importer = storm->importers[random_below(random, IMPORTERS)];
    const number event = {.value = 7};
    const maiko_import import = {.struct_size = sizeof import,
                                 .topic = "number",
                                 .type = MAIKO_TYPE(number),
                                 .event = &event,
                                 .len = sizeof event,
                                 .sender = chance(random, 50) ? "afar" : NULL,
                                 .try_only = true};

    if (maiko_importer_has_room(importer))
        (void)maiko_importer_send(importer, &import);
}

static void ask(struct storm *storm, struct random *random)
{
    maiko_supervisor *sup = storm->stage.sup;
    char *text = NULL;

    (void)maiko_supervisor_status(sup);
    (void)strlen(maiko_supervisor_error_text(sup));
    (void)maiko_supervisor_actor_count(sup);
    if (chance(random, 20) && maiko_supervisor_to_json(sup, &text) == MAIKO_OK)
        maiko_text_free(text);
}

static void call_something(struct storm *storm, struct random *random)
{
    size_t i;

    for (i = random_below(random, 3); i > 0; i--)
        let_go(storm, random_below(random, HOLDS));
    switch (random_below(random, 8)) {
    case 0:
    case 1:
        add_somebody(storm, random);
        break;
    case 2:
        remove_somebody(storm, random);
        break;
    case 3:
        bring_in(storm, random);
        break;
    case 4:
        ask(storm, random);
        break;
    default:
        send_something(storm, random, maiko_supervisor_context(storm->stage.sup), 3);
        break;
    }
}

static void let_all_go(struct storm *storm)
{
    size_t slot;

    for (slot = 0; slot < HOLDS; slot++)
        let_go(storm, slot);
}

/* Whoever is held keeps others waiting until it is let go: this one is there to the end. */
static void let_go_until_halted(struct storm *storm)
{
    while (!atomic_load(&storm->has_halted)) {
        let_all_go(storm);
        wait_a_moment(UINT64_MAX);
    }
}

/* The loop of a program that waits on the descriptor, with a time-out because it lets go, too. */
static void poll_until_left(struct storm *storm)
{
    struct pollfd readable = {.fd = maiko_supervisor_fd(storm->stage.sup), .events = POLLIN};

    while (atomic_load(&storm->callers_left) > 1) {
        let_all_go(storm);
        (void)poll(&readable, 1, 5);
        (void)maiko_supervisor_poll(storm->stage.sup, 100);
    }
}

static void *call_many(void *userdata)
{
    struct caller *caller = userdata;
    struct storm *storm = caller->storm;
    int calls = CALLS / 2 + (int)random_below(&caller->random, CALLS);
    int i;

    if (caller->number == 0 && storm->is_polled)
        poll_until_left(storm);
    else if (caller->number == 0)
        let_go_until_halted(storm);
    for (i = 0; i < calls && caller->number != 0; i++)
        call_something(storm, &caller->random);
    if (storm->is_polled) {
        atomic_fetch_sub(&storm->callers_left, 1);
    } else if (caller->number >= CALLERS - HALTERS) {
        (void)maiko_supervisor_halt(storm->stage.sup, NULL);
        atomic_store(&storm->has_halted, true);
    } else if (chance(&caller->random, 50)) {
        (void)maiko_supervisor_join(storm->stage.sup);
    }
    return NULL;
}

/* --- the whole --- */

static void open_storm(struct storm *storm, uint64_t seed, bool is_polled)
{
    struct random random = {.state = seed};
    const maiko_placement placements[] = {MAIKO_PLACEMENT_AUTO, MAIKO_PLACEMENT_SPREAD, MAIKO_PLACEMENT_FIXED};
    maiko_config config = {.mode = is_polled ? MAIKO_POLLED : MAIKO_THREADS,
                           .shards = is_polled ? 1 : 3,
                           .actor_stop_deadline_ns = MAIKO_SECONDS(30),
                           .deadlock_check_ns = MAIKO_MS(2),
                           .allocator = &storm->memory.allocator};
    size_t i;

    config.stop_deadline_ns = chance(&random, 25) ? 1 : 0; /* what is under way then is unfinished */
    config.placement = placements[random_below(&random, 3)];
    config.outbox_limit_events = 8 + (uint32_t)random_below(&random, 64);
    memset(storm, 0, sizeof *storm);
    storm->seed = seed;
    storm->is_polled = is_polled;
    failing_allocator_init(&storm->memory);
    stage_open(&storm->stage, &config);
    CU_ASSERT_EQUAL(maiko_importer_new(storm->stage.sup, "gull", NULL, &storm->importers[0]), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_new(storm->stage.sup, "tern", NULL, &storm->importers[1]), MAIKO_OK);
    for (i = 0; i < FIRST_SAILORS; i++) {
        char name[16];
        maiko_actor_spec spec = {.name = name, .ops = &sailor_ops, .self = &storm->sailors[i], .subscribe = MAIKO_TOPICS("#")};

        snprintf(name, sizeof name, "s%zu", i);
        storm->sailors[i].storm = storm;
        storm->sailors[i].random.state = seed * SAILORS + i;
        CU_ASSERT_EQUAL(maiko_supervisor_add(storm->stage.sup, &spec), MAIKO_OK);
    }
    atomic_store(&storm->sailor_count, FIRST_SAILORS);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_start(storm->stage.sup), MAIKO_OK);
    if (chance(&random, 20))
        failing_allocator_fail_nth(&storm->memory, (long)random_below(&random, 400));
}

static void *go_on_letting_go(void *userdata)
{
    let_go_until_halted(userdata);
    return NULL;
}

/* A poll loop has ended by now: somebody else has to let go what is held while the stop drains. */
static void halt_while_letting_go(struct storm *storm)
{
    pthread_t letting_go;

    atomic_store(&storm->has_halted, false);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&letting_go, NULL, go_on_letting_go, storm), 0);
    (void)maiko_supervisor_halt(storm->stage.sup, NULL);
    atomic_store(&storm->has_halted, true);
    pthread_join(letting_go, NULL);
    let_all_go(storm);
}

/* Large, and easily found in a debugger. */
static struct storm the_storm;

static bool play_storm(uint64_t seed, bool is_polled)
{
    struct storm *storm = &the_storm;
    unsigned failures = CU_get_number_of_failures();
    int i;

    open_storm(storm, seed, is_polled);
    atomic_store(&storm->callers_left, CALLERS);
    for (i = 0; i < CALLERS; i++) {
        storm->callers[i] = (struct caller){.storm = storm, .number = i, .random = {.state = seed * CALLERS + (uint64_t)i}};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&storm->callers[i].thread, NULL, call_many, &storm->callers[i]), 0);
    }
    for (i = 0; i < CALLERS; i++)
        pthread_join(storm->callers[i].thread, NULL);
    halt_while_letting_go(storm);
    failing_allocator_fail_nth(&storm->memory, -1);
    (void)stage_stop(&storm->stage); /* some sailor failed, most often */
    CU_ASSERT_EQUAL(storm->started, storm->stopped);
    CU_ASSERT_EQUAL(storm->boxes, 0);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&storm->memory));
    stage_close(&storm->stage);
    if (CU_get_number_of_failures() != failures)
        printf("# MAIKO_SEED=%llu\n", (unsigned long long)seed);
    return CU_get_number_of_failures() == failures;
}

static void play_storms(bool is_polled)
{
    const char *chosen = getenv("MAIKO_SEED");
    uint64_t seed = chosen == NULL ? 1 : strtoull(chosen, NULL, 0);
    unsigned long count = chosen == NULL ? suite_scale(60, 3000) / suite_slowdown() + 1 : 1;

    printf("# seeds %llu to %llu\n", (unsigned long long)seed, (unsigned long long)(seed + count - 1));
    while (count-- > 0 && play_storm(seed, is_polled))
        seed++;
}

static void every_call_returns_and_nothing_is_left(void)
{
    play_storms(false);
}

static void the_same_around_a_poll_loop(void)
{
    play_storms(true);
}

static const struct test_case cases[] = {
    TEST_CASE(every_call_returns_and_nothing_is_left),
    TEST_CASE(the_same_around_a_poll_loop),
};
SUITE_MAIN_TIMEOUT("storm", cases, 300)
