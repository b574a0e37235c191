/* Contest: calibrates, measures, remembers. */
#include "bench/contest.h"

#include "bench/lib/machine.h"
#include "bench/lib/subject.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ARGUMENTS 24u
#define MOST_REMEMBERED 512u
#define DEFAULT_FIRST 100000.0

/* Every contender that has run, so that its runs can be shown in another figure. */
static struct {
    const struct contender *contender;
    const char *row;
    struct result *result;
} remembered[MOST_REMEMBERED];
static unsigned remembered_count;

const char *row_figure(const struct row *row)
{
    return row->figure != NULL ? row->figure : "rate";
}

const char *contest_arguments(const struct contest_options *options, const struct contender *contender)
{
    return options->quick && contender->quick_arguments != NULL ? contender->quick_arguments : contender->arguments;
}

/* --- results --- */

double result_figure(const struct result *result, const char *key)
{
    double values[CONTEST_MOST_RUNS];

    for (unsigned i = 0; i < result->runs; i++)
        values[i] = run_figure(&result->outcomes[i], key);
    return bench_percentile(values, result->runs, 50);
}

static double best_of_layout(const struct result *result, unsigned layout, const char *key)
{
    double best = 0;

    for (unsigned i = layout; i < result->runs; i += result->layouts)
        best = fmax(best, run_figure(&result->outcomes[i], key));
    return best;
}

static double ratio_of_layouts(const struct result *result, const struct result *limit, const char *key)
{
    double sum = 0;

    for (unsigned layout = 0; layout < result->layouts; layout++)
        sum += log(best_of_layout(result, layout, key) / best_of_layout(limit, layout, key));
    return exp(sum / result->layouts);
}

double result_ratio(const struct result *result, const struct result *limit, const char *key)
{
    double ratios[CONTEST_MOST_RUNS];
    const unsigned runs = result->runs < limit->runs ? result->runs : limit->runs;

    if (limit->skipped || !limit->valid || runs == 0)
        return NAN;
    if (result->layouts > 1 && result->layouts == limit->layouts && runs >= result->layouts)
        return ratio_of_layouts(result, limit, key);
    for (unsigned i = 0; i < runs; i++)
        ratios[i] = run_figure(&result->outcomes[i], key) / run_figure(&limit->outcomes[i], key);
    return bench_percentile(ratios, runs, 50);
}

/* --- one contender --- */

/* The row's name on the contender's command line. */
static const char *row_name(const struct row *row, const struct contender *contender)
{
    return contender->row != NULL ? contender->row : row->id;
}

/* Of the layouts, if there are, the one whose turn it is. */
static void program_path(char *path, size_t size, const struct contest_options *options, const struct row *row,
                         const struct contender *contender, unsigned nth)
{
    const char *folder = contender->interpreter != NULL ? options->sources : options->programs;

    if (row->layouts > 0)
        snprintf(path, size, "%s/%s-%u", folder, contender->program, 1 + nth % row->layouts);
    else
        snprintf(path, size, "%s/%s", folder, contender->program);
}

/* One process, the nth run; `events` of 0 leaves the number to the arguments. */
static void run_contender(struct run *run, const struct contest_options *options, const struct row *row,
                          const struct contender *contender, unsigned nth, double events)
{
    char path[512], arguments[256], count[48];
    char *argv[MOST_ARGUMENTS] = {0};
    unsigned argc = 0;

    program_path(path, sizeof path, options, row, contender, nth);
    snprintf(arguments, sizeof arguments, "%s", contest_arguments(options, contender));
    snprintf(count, sizeof count, "events=%.0f", events);
    if (contender->interpreter != NULL)
        argv[argc++] = (char *)contender->interpreter;
    argv[argc++] = path;
    argv[argc++] = (char *)row_name(row, contender);
    if (events > 0)
        argv[argc++] = count;
    for (char *word = strtok(arguments, " "); word != NULL && argc < MOST_ARGUMENTS - 1; word = strtok(NULL, " "))
        argv[argc++] = word;
    run_program(run, argv);
}

/* Warms up and finds how many events fill the wanted time.  Each try is allowed ten times more than the one before. */
static double calibrate(struct result *result, const struct contest_options *options, const struct row *row,
                        const struct contender *contender)
{
    double events = contender->first > 0 ? contender->first : DEFAULT_FIRST;

    if (row->runs == 1)
        return 0;
    for (int attempt = 0; attempt < 4; attempt++) {
        double seconds;
        struct run run;

        run_contender(&run, options, row, contender, 0, row->fixed ? 0 : events);
        result->skipped = !run.started;
        result->valid = run.valid;
        snprintf(result->note, sizeof result->note, "%s", run.started ? run.note : "not installed, or not built");
        if (!run.valid || row->fixed)
            return 0;
        seconds = run_figure(&run, "seconds");
        if (seconds > options->seconds / 8)
            return events * options->seconds / seconds;
        events *= seconds > options->seconds / 80 ? options->seconds / seconds : 10;
    }
    return events;
}

static void measure_once(struct result *result, const struct contest_options *options, const struct row *row,
                         const struct contender *contender)
{
    struct run *run = &result->outcomes[result->runs];

    run_contender(run, options, row, contender, result->runs, result->events);
    result->valid = result->valid && run->valid;
    result->skipped = !run->started;
    if (result->skipped)
        return;
    if (run->note[0] != '\0')
        snprintf(result->note, sizeof result->note, "%s", run->note);
    result->peak_rss = fmax(result->peak_rss, (double)run->peak_rss_bytes);
    result->runs++;
}

/* --- all of a row --- */

static bool is_same_run(const struct row *row, const struct contender *contender, unsigned nth)
{
    const struct contender *other = remembered[nth].contender;

    return strcmp(contender->program, other->program) == 0 && strcmp(contender->arguments, other->arguments) == 0 &&
           strcmp(row_name(row, contender), remembered[nth].row) == 0;
}

static struct result *find_result(const struct row *row, const struct contender *contender)
{
    for (unsigned i = 0; row->again && i < remembered_count; i++)
        if (is_same_run(row, contender, i))
            return remembered[i].result;
    return NULL;
}

static struct result *new_result(const struct row *row, const struct contender *contender)
{
    struct result *result = calloc(1, sizeof *result);

    if (result == NULL || remembered_count == MOST_REMEMBERED)
        subject_die("no memory for results");
    result->valid = true;
    remembered[remembered_count].contender = contender;
    remembered[remembered_count].row = row_name(row, contender);
    remembered[remembered_count++].result = result;
    return result;
}

static unsigned runs_of(const struct contest_options *options, const struct row *row, const struct contender *contender)
{
    const bool decides = contender->role == ROLE_LIMIT || (contender->role == ROLE_OURS && !contender->no_goal);
    const unsigned runs = decides ? options->runs : options->other_runs;

    if (row->layouts > 0) /* each half as often, rounded up */
        return (runs + 1) / 2 * row->layouts <= CONTEST_MOST_RUNS ? (runs + 1) / 2 * row->layouts : CONTEST_MOST_RUNS;
    return row->runs > 0 && row->runs < runs ? row->runs : runs;
}

void contest_run(struct contest *contest, const struct contest_options *options, const struct row *row)
{
    bool found[ROW_MOST_CONTENDERS] = {false};

    const double round_trip_us = machine_round_trip_us();

    *contest = (struct contest){.row = row};
    for (unsigned i = 0; i < ROW_MOST_CONTENDERS; i++) {
        const struct contender *contender = &row->contenders[i];

        if (contender->name == NULL || (options->quick && contender->slow))
            continue;
        contest->results[i] = find_result(row, contender);
        found[i] = contest->results[i] != NULL;
        if (found[i])
            continue;
        contest->results[i] = new_result(row, contender);
        contest->results[i]->round_trip_us = round_trip_us;
        contest->results[i]->layouts = row->layouts;
        contest->results[i]->events = calibrate(contest->results[i], options, row, contender);
    }
    for (unsigned run = 0; run < CONTEST_MOST_RUNS; run++)
        for (unsigned i = 0; i < ROW_MOST_CONTENDERS; i++) {
            struct result *result = contest->results[i];

            if (result != NULL && !found[i] && !result->skipped && result->valid &&
                run < runs_of(options, row, &row->contenders[i]))
                measure_once(result, options, row, &row->contenders[i]);
        }
}
