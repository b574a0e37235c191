/* Troupe: what is drawn for a run, and the run. */
#include "sim/troupe.h"

#include "lib/suite.h"
#include "runtime/supervisor_internal.h"
#include <maiko/system.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool likely(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

static void draw_plot(struct plot *plot, struct random *random, bool is_threaded)
{
    plot->is_threaded = is_threaded;
    plot->shards = 1 + (uint32_t)random_below(random, 4);
    plot->actors = 2 + (uint32_t)random_below(random, 11);
    plot->events = 40 + (uint32_t)random_below(random, 260);
    plot->outbox = 1 + (uint32_t)random_below(random, 12);
    plot->overdraft = 1 + (uint32_t)random_below(random, 8);
    plot->ring_mark = likely(random, 60) ? 1 + (uint32_t)random_below(random, 12) : 4096;
    plot->segment = likely(random, 70) ? 256 + 8 * (uint32_t)random_below(random, 128) : 65536;
    plot->has_errors = likely(random, 30);
    plot->has_changes = likely(random, 40);
    plot->has_arrivals = likely(random, 40);
    plot->has_fail = likely(random, 20);
    plot->has_streams = likely(random, 30);
    plot->has_steps = likely(random, 50);
    plot->has_bursts = likely(random, 40);
    plot->stops_early = likely(random, 25);
    plot->fails_to_allocate = likely(random, 20);
    plot->has_dedicated = is_threaded || likely(random, 15);
    plot->has_holds = !is_threaded && likely(random, 25);
    plot->has_import = likely(random, 30);
    plot->has_clock_jumps = !is_threaded && likely(random, 25);
    plot->is_polled = !is_threaded && likely(random, 15);
    if (plot->is_polled)
        plot->shards = 1;
    if (is_threaded)
        plot->shards = 4;
}

static maiko_status note_report(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const maiko_dead_letter *letter = maiko_event_as(envelope, maiko_dead_letter);
    struct troupe *troupe = self;

    (void)ctx;
    if (letter == NULL || letter->topic[0] == '\0' || letter->reason[0] == '\0' || letter->topic[0] == '$')
        troupe_fail(troupe, "a report of no drop");
    else
        atomic_fetch_add(&troupe->reported, 1 + letter->unreported);
    return MAIKO_OK;
}

static const maiko_actor_ops listener_ops = {.handle = note_report};

static void log_line(maiko_log_level level, const char *text, void *userdata)
{
    (void)userdata;
    if (getenv("MAIKO_SEED") != NULL)
        printf("# log %d: %s\n", (int)level, text);
}

static bool make_supervisor(struct troupe *troupe, uint64_t seed)
{
    const struct plot *plot = &troupe->plot;
    maiko_config config = {.mode = plot->is_threaded ? MAIKO_THREADS
                                   : plot->is_polled ? MAIKO_POLLED
                                                     : MAIKO_DETERMINISTIC,
                           .placement = plot->is_threaded ? MAIKO_PLACEMENT_AUTO : MAIKO_PLACEMENT_FIXED,
                           .shards = plot->shards,
                           .outbox_limit_events = plot->outbox,
                           .overdraft_events = plot->overdraft,
                           .deadlock_check_ns = MAIKO_MS(2),
                           .allocator = &troupe->memory.allocator,
                           .no_counters_file = true,
                           .log = log_line,
                           .seed = seed};

    troupe->sup = maiko_supervisor_new(&config);
    if (troupe->sup == NULL)
        return false;
    troupe->sup->ring_mark_events = plot->ring_mark;
    troupe->sup->ring_segment_bytes = plot->segment;
    if (plot->is_polled)
        clock_init_virtual(&troupe->sup->clock, MAIKO_SECONDS(1), MAIKO_SECONDS(UINT64_C(1700000000)));
    return true;
}

bool troupe_pass_time(struct troupe *troupe)
{
    struct clock *clock = &troupe->sup->clock;
    uint64_t next = timer_heap_next_deadline(&troupe->sup->shards[0]->timers);

    if (!troupe->plot.is_polled || next == TIMER_NEVER)
        return false;
    clock_advance(clock, next > clock_mono_ns(clock) ? next - clock_mono_ns(clock) : 0);
    return true;
}

/* Somebody sets it, by up to ten seconds in either direction. */
static void set_clock(struct performer *outside)
{
    struct clock *clock = &outside->troupe->sup->clock;

    clock_set_wall(clock, clock->wall_ns - MAIKO_SECONDS(10) + random_below(&outside->random, MAIKO_SECONDS(20)));
}

/* Another sender than all others, from elsewhere. */
static bool cast_foreign(struct troupe *troupe, uint64_t seed)
{
    if (!troupe->plot.has_import)
        return true;
    troupe->foreign = troupe_cast(troupe, seed);
    snprintf(troupe->foreign->name, sizeof troupe->foreign->name, "elsewhere");
    return maiko_importer_new(troupe->sup, "import", NULL, &troupe->importer) == MAIKO_OK;
}

/* In every fourth run somebody listens to what is dropped: reports are events of the books like all others. */
static bool cast_listener(struct troupe *troupe, uint64_t seed)
{
    maiko_actor_spec spec = {.name = "listener",
                             .ops = &listener_ops,
                             .self = troupe,
                             .subscribe = MAIKO_TOPICS(MAIKO_TOPIC_DEAD),
                             .capacity = 1 + (uint32_t)(seed % 7),
                             .shard = MAIKO_SHARD((int32_t)(seed % troupe->plot.shards))};

    return seed % 4 != 0 || maiko_supervisor_add(troupe->sup, &spec) == MAIKO_OK;
}

bool troupe_init(struct troupe *troupe, uint64_t seed, bool is_threaded)
{
    struct random random = {.state = seed};
    struct performer *outside;
    uint32_t i;

    memset(troupe, 0, sizeof *troupe);
    failing_allocator_init(&troupe->memory);
    draw_plot(&troupe->plot, &random, is_threaded);
    troupe->told = calloc(troupe->plot.events, sizeof *troupe->told);
    if (!make_supervisor(troupe, seed))
        return false;
    outside = troupe_cast(troupe, seed);
    snprintf(outside->name, sizeof outside->name, "supervisor");
    if (!cast_foreign(troupe, seed))
        troupe_fail(troupe, "no importer: %s", maiko_supervisor_error_text(troupe->sup));
    for (i = 0; i < troupe->plot.actors; i++) {
        struct performer *performer = troupe_cast(troupe, seed + i);

        performer->is_first = true;
        performer->is_added = maiko_supervisor_add(troupe->sup, &performer->spec) == MAIKO_OK;
        if (!performer->is_added)
            troupe_fail(troupe, "%s was not added: %s", performer->name, maiko_supervisor_error_text(troupe->sup));
    }
    if (!cast_listener(troupe, seed))
        troupe_fail(troupe, "no listener: %s", maiko_supervisor_error_text(troupe->sup));
    if (troupe->plot.fails_to_allocate)
        failing_allocator_fail_nth(&troupe->memory, (long)random_below(&random, likely(&random, 50) ? 60 : 400));
    if (maiko_supervisor_start(troupe->sup) != MAIKO_OK)
        troupe_fail(troupe, "no start: %s", maiko_supervisor_error_text(troupe->sup));
    return true;
}

void troupe_disturb(struct troupe *troupe)
{
    struct performer *outside = &troupe->performers[0];

    performer_say_some(outside, maiko_supervisor_context(troupe->sup), NULL, 4);
    if (troupe->foreign != NULL)
        performer_say_some(troupe->foreign, NULL, NULL, 4);
    if (performer_chance(outside, 50))
        (void)troupe_let_go(troupe);
    if (troupe->plot.has_clock_jumps && performer_chance(outside, 30))
        set_clock(outside);
    if (troupe->plot.has_arrivals && performer_chance(outside, 10))
        performer_arrive(outside);
    if (troupe->plot.has_arrivals && performer_chance(outside, 10))
        performer_remove_somebody(outside);
}

/* --- one run --- */

static void leave_nothing(struct troupe *troupe)
{
    if (!failing_allocator_is_balanced(&troupe->memory))
        troupe_fail(troupe, "%ld blocks were not released", atomic_load(&troupe->memory.blocks_out));
    if (atomic_load(&troupe->boxes) != 0)
        troupe_fail(troupe, "%ld events were not destroyed", atomic_load(&troupe->boxes));
}

bool troupe_play(uint64_t seed, bool is_threaded, void (*perform)(struct troupe *troupe))
{
    static struct troupe troupe;
    maiko_stop_report report;
    bool has_failed;

    if (troupe_init(&troupe, seed, is_threaded)) {
        perform(&troupe);
        (void)maiko_supervisor_halt(troupe.sup, &report);
        troupe_check(&troupe, &report);
        while (troupe_let_go(&troupe)) /* after the stop it has no effect, and does no harm */
            ;
        maiko_stop_report_deinit(&report);
        (void)maiko_supervisor_stop(&troupe.sup, NULL);
        troupe_deinit(&troupe);
        leave_nothing(&troupe);
    }
    has_failed = atomic_load(&troupe.has_failed);
    if (has_failed)
        SUITE_FAIL("MAIKO_SEED=%llu: %s", (unsigned long long)seed, troupe.failure);
    return !has_failed;
}

bool troupe_play_seeds(uint64_t first, unsigned long count, bool is_threaded, void (*perform)(struct troupe *troupe))
{
    const char *value = getenv("MAIKO_SEED");
    unsigned failures = 0;
    unsigned long i;

    if (value != NULL) {
        first = strtoull(value, NULL, 0);
        count = 1;
    }
    printf("# seeds %llu to %llu\n", (unsigned long long)first, (unsigned long long)(first + count - 1));
    for (i = 0; i < count && failures < 10; i++)
        failures += !troupe_play(first + i, is_threaded, perform);
    return i > 0 && failures == 0;
}

void troupe_deinit(struct troupe *troupe)
{
    uint32_t i;
    uint32_t k;

    for (i = 0; i < TROUPE_ACTORS; i++) {
        for (k = 0; k < TROUPE_KEPT; k++)
            performer_check_kept(&troupe->performers[i], k);
        free(troupe->performers[i].receipts);
    }
    free(troupe->told);
}
