/* Topic figures, see topic_figures.h. */
#include "node/topic_figures.h"

#include "node/node.h"

enum { ROWS_MAX = 1024, RUNS_AT_ONCE = 16 * 1024 };

static const uint64_t pause_ns = MAIKO_MS(100);
static const uint64_t long_ns = MAIKO_SECONDS(2); /* with a peer that is connected it sleeps for a heartbeat at most */

void node_topic_figures_note(maiko_bridge *bridge, uint64_t activity, uint64_t queued)
{
    struct topic_figures *figures = &bridge->topic_figures;

    figures->activity = activity;
    figures->is_stale = (figures->is_surveying || activity != figures->surveyed) &&
                        (queued > 0 || figures->shows_some || exporter_log(bridge->exporter)->has_new_high);
}

bool node_topic_figures_are_late(const maiko_bridge *bridge)
{
    return bridge->topic_figures.is_stale && bridge->topic_figures.sleeps_long;
}

/* ---- in the counters file ---- */

/* Without memory the rest of them are told apart later. */
static void add_rows(maiko_bridge *bridge, const struct retained *log)
{
    struct topic_figures *figures = &bridge->topic_figures;

    if (figures->rows == NULL)
        figures->rows = heap_alloc_zeroed(bridge->heap, ROWS_MAX, sizeof(*figures->rows));
    while (figures->rows != NULL && figures->count < ROWS_MAX && figures->count < log->topic_count &&
           maiko_export_counters_new(bridge->sup, log->topic_list[figures->count]->name, &figures->rows[figures->count]) ==
               MAIKO_OK)
        figures->count++;
}

static void add_to(maiko_export_figures *sum, const struct retained_topic *topic)
{
    sum->queued += topic->queued;
    if (topic->high_water > sum->high_water)
        sum->high_water = topic->high_water;
    if (topic->oldest_ns > 0 && (sum->oldest_ns == 0 || topic->oldest_ns < sum->oldest_ns))
        sum->oldest_ns = topic->oldest_ns;
}

/* What is in no row of its own. */
static void show_rest(maiko_bridge *bridge, const struct retained *log)
{
    struct topic_figures *figures = &bridge->topic_figures;
    maiko_export_figures sum = {.high_water = figures->rest_high};
    uint32_t i;

    for (i = figures->count; i < log->topic_count; i++)
        add_to(&sum, log->topic_list[i]);
    if (sum.queued > sum.high_water)
        sum.high_water = sum.queued;
    figures->rest_high = sum.high_water;
    figures->shows_some = figures->shows_some || sum.queued > 0;
    if (figures->rest == NULL && figures->count < log->topic_count &&
        maiko_export_counters_new(bridge->sup, "", &figures->rest) != MAIKO_OK)
        return;
    maiko_export_counters_store(figures->rest, &sum);
}

static void show(maiko_bridge *bridge)
{
    const struct retained *log = exporter_log(bridge->exporter);
    struct topic_figures *figures = &bridge->topic_figures;
    uint32_t i;

    add_rows(bridge, log);
    figures->shows_some = false;
    for (i = 0; i < figures->count; i++) {
        const struct retained_topic *topic = log->topic_list[i];
        maiko_export_figures now = {.queued = 0};

        add_to(&now, topic);
        maiko_export_counters_store(figures->rows[i], &now);
        figures->shows_some = figures->shows_some || now.queued > 0;
    }
    show_rest(bridge, log);
}

/* ---- the survey ---- */

/* A piece of it.  True: it is done and shown. */
static bool survey(maiko_bridge *bridge)
{
    struct topic_figures *figures = &bridge->topic_figures;

    if (!figures->is_surveying)
        figures->surveyed = figures->activity;
    figures->is_surveying = !exporter_survey(bridge->exporter, RUNS_AT_ONCE);
    if (figures->is_surveying)
        return false;
    show(bridge);
    return true;
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

uint64_t node_topic_figures_run(maiko_bridge *bridge, uint64_t now_ns, uint64_t deadline_ns)
{
    struct topic_figures *figures = &bridge->topic_figures;

    figures->sleeps_long = deadline_ns > clock_deadline(now_ns, long_ns);
    if (!figures->is_stale) {
        figures->due_ns = 0;
        return deadline_ns;
    }
    if (figures->due_ns == 0)
        figures->due_ns = clock_deadline(now_ns, pause_ns);
    if (now_ns < figures->due_ns)
        return earlier(figures->due_ns, deadline_ns);
    if (!survey(bridge))
        return now_ns;
    figures->due_ns = clock_deadline(now_ns, pause_ns);
    return deadline_ns;
}

void node_topic_figures_end(maiko_bridge *bridge)
{
    struct topic_figures *figures = &bridge->topic_figures;

    if (bridge->exporter != NULL && exporter_log(bridge->exporter)->topic_count > 0)
        while (!survey(bridge))
            continue;
    heap_free(bridge->heap, figures->rows, ROWS_MAX * sizeof(*figures->rows));
    *figures = (struct topic_figures){.rows = NULL};
}
