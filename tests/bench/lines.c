/* Lines: what the report is made of. */
#include "bench/lines.h"

#include "bench/lib/json.h"
#include "bench/lib/machine.h"
#include "bench/lib/subject.h"

#include <math.h>

#define SANE_SHARE 0.8 /* of sane_ratio: below, the machine or the limit program is not to be trusted */

static bool reached(const struct row *row, double value, double goal)
{
    return goal > 0 && (row->lower_is_better ? value <= goal : value >= goal);
}

static const char *role_name(enum role role)
{
    switch (role) {
    case ROLE_LIMIT:
        return "limit";
    case ROLE_OURS:
        return "ours";
    case ROLE_BASELINE:
        return "baseline";
    case ROLE_PEER:
        return "peer";
    }
    return "";
}

/* Over the runs; where one run counts many cases, over those. */
static void print_spread(const struct row *row, const struct result *result)
{
    double values[CONTEST_MOST_RUNS];

    if (row->cases) {
        json_number(stdout, "min", result_figure(result, "min_ms"));
        json_number(stdout, "max", result_figure(result, "max_ms"));
        json_number(stdout, "p95", result_figure(result, "p95_ms"));
        json_number(stdout, "cases", result_figure(result, "cases"));
        return;
    }
    for (unsigned i = 0; i < result->runs; i++)
        values[i] = run_figure(&result->outcomes[i], row_figure(row));
    json_number(stdout, "min", bench_percentile(values, result->runs, 0));
    json_number(stdout, "max", bench_percentile(values, result->runs, 100));
}

static void print_cost(const struct result *result)
{
    double seconds[CONTEST_MOST_RUNS], us_per_event[CONTEST_MOST_RUNS];

    for (unsigned i = 0; i < result->runs; i++) {
        seconds[i] = result->outcomes[i].cpu_seconds;
        us_per_event[i] = seconds[i] * 1e6 / fmax(run_figure(&result->outcomes[i], "events"), 1);
    }
    json_number(stdout, "cpu_seconds", bench_percentile(seconds, result->runs, 50));
    json_number(stdout, "cpu_us_per_event", bench_percentile(us_per_event, result->runs, 50));
    json_number(stdout, "peak_rss", result->peak_rss);
}

static void print_values(const struct row *row, const struct contender *contender, const struct result *result, double ratio)
{
    const double middle = result_figure(result, row_figure(row));

    json_number(stdout, "events", result->events);
    json_number(stdout, "runs", result->runs);
    json_number(stdout, "median", middle);
    print_spread(row, result);
    print_cost(result);
    json_number(stdout, "ratio", ratio);
    if (contender->role == ROLE_OURS && !contender->no_goal && (row->goal > 0 || row->ratio_goal > 0))
        json_flag(stdout, "met", reached(row, middle, row->goal) || reached(row, ratio, row->ratio_goal));
}

static void print_result(const struct contest *contest, const struct contest_options *options, unsigned nth)
{
    const struct row *row = contest->row;
    const struct contender *contender = &row->contenders[nth];
    const struct result *result = contest->results[nth];
    const bool has_limit = row->contenders[0].role == ROLE_LIMIT && contest->results[0] != NULL;

    json_begin(stdout);
    json_text(stdout, "kind", "result");
    json_text(stdout, "row", row->id);
    json_text(stdout, "title", row->title);
    json_text(stdout, "name", contender->name);
    json_text(stdout, "role", role_name(contender->role));
    json_text(stdout, "parameters", contest_arguments(options, contender));
    json_text(stdout, "unit", row->unit);
    json_flag(stdout, "lower_is_better", row->lower_is_better);
    json_flag(stdout, "skipped", result->skipped);
    json_flag(stdout, "valid", result->valid && !result->skipped);
    json_number(stdout, "round_trip_us", result->round_trip_us);
    json_text(stdout, "distance", machine_distance(result->round_trip_us));
    if (row->goal_text != NULL)
        json_text(stdout, "goal", row->goal_text);
    if (result->note[0] != '\0')
        json_text(stdout, "note", result->note);
    if (!result->skipped && result->runs > 0)
        print_values(row, contender, result, has_limit ? result_ratio(result, contest->results[0], row_figure(row)) : NAN);
    json_end(stdout);
}

/* The row's limit against the plain call, compared with the ratio where the goals were set. */
static void print_sanity(const struct contest *contest)
{
    const struct result *limit = contest->results[0], *call = contest->results[1];
    const struct row *row = contest->row;
    double ratio;

    if (row->sane_ratio <= 0 || limit->skipped || limit->runs == 0 || call->skipped || call->runs == 0)
        return;
    ratio = result_ratio(limit, call, row_figure(row));
    json_begin(stdout);
    json_text(stdout, "kind", "sanity");
    json_text(stdout, "row", row->id);
    json_number(stdout, "limit_to_call", ratio);
    json_number(stdout, "expected", row->sane_ratio);
    json_flag(stdout, "sane", ratio >= SANE_SHARE * row->sane_ratio);
    json_end(stdout);
}

void lines_print(const struct contest *contest, const struct contest_options *options)
{
    for (unsigned i = 0; i < ROW_MOST_CONTENDERS; i++)
        if (contest->results[i] != NULL)
            print_result(contest, options, i);
    print_sanity(contest);
}
