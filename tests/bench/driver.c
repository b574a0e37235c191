/* The driver: runs every row, its contenders in turn (A B C A B C …), each as a process of its own, and prints one JSON line per
 * contender.  Exits with 1 when a run lost or damaged anything. */
#include "bench/lib/json.h"
#include "bench/lib/machine.h"
#include "bench/lib/run.h"
#include "bench/lib/subject.h"
#include "bench/row.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_RUNS 15u
#define MOST_ARGUMENTS 24u
#define DEFAULT_FIRST 100000.0
#define SANE_SHARE 0.8 /* of sane_ratio: below, the machine or the limit program is not to be trusted */

struct options {
    const char *programs, *sources; /* folders */
    const char *only;               /* comma-separated row ids, or NULL */
    bool quick, list;
    unsigned runs;
    double seconds; /* that a run should take */
};

struct result {
    bool skipped, valid;
    unsigned runs;
    double events;
    double figures[MOST_RUNS];
    double cpu_seconds[MOST_RUNS], cpu_us_per_event[MOST_RUNS];
    double peak_rss;
    char note[128];
};

static double median(const double *values, unsigned count)
{
    double sorted[MOST_RUNS];

    memcpy(sorted, values, count * sizeof *sorted);
    return bench_percentile(sorted, count, 50);
}

static const char *figure_key(const struct row *row)
{
    return row->figure != NULL ? row->figure : "rate";
}

/* One process; `events` of 0 leaves the number to the arguments. */
static void run_contender(struct run *run, const struct options *options, const struct row *row,
                          const struct contender *contender, double events)
{
    char path[512], arguments[256], count[48];
    char *argv[MOST_ARGUMENTS] = {0};
    unsigned argc = 0;

    snprintf(path, sizeof path, "%s/%s", contender->interpreter != NULL ? options->sources : options->programs,
             contender->program);
    snprintf(arguments, sizeof arguments, "%s", contender->arguments);
    snprintf(count, sizeof count, "events=%.0f", events);
    if (contender->interpreter != NULL)
        argv[argc++] = (char *)contender->interpreter;
    argv[argc++] = path;
    argv[argc++] = (char *)(contender->row != NULL ? contender->row : row->id);
    if (events > 0)
        argv[argc++] = count;
    for (char *word = strtok(arguments, " "); word != NULL && argc < MOST_ARGUMENTS - 1; word = strtok(NULL, " "))
        argv[argc++] = word;
    run_program(run, argv);
}

/* Warms up and finds how many events fill the wanted time.  Each try is allowed ten times more than the one before. */
static double calibrate(struct result *result, const struct options *options, const struct row *row,
                        const struct contender *contender)
{
    double events = contender->first > 0 ? contender->first : DEFAULT_FIRST;

    result->valid = true;
    if (row->runs == 1)
        return 0;
    for (int attempt = 0; attempt < 4; attempt++) {
        double seconds;
        struct run run;

        run_contender(&run, options, row, contender, row->fixed ? 0 : events);
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

static void measure_once(struct result *result, const struct options *options, const struct row *row,
                         const struct contender *contender)
{
    const unsigned nth = result->runs;
    struct run run;

    run_contender(&run, options, row, contender, result->events);
    result->valid = result->valid && run.valid;
    result->skipped = !run.started;
    if (result->skipped)
        return;
    if (run.note[0] != '\0')
        snprintf(result->note, sizeof result->note, "%s", run.note);
    result->figures[nth] = run_figure(&run, figure_key(row));
    result->cpu_seconds[nth] = run.cpu_seconds;
    result->cpu_us_per_event[nth] = run.cpu_seconds * 1e6 / fmax(run_figure(&run, "events"), 1);
    result->peak_rss = fmax(result->peak_rss, (double)run.peak_rss_bytes);
    result->runs++;
}

/* The median of the ratios of neighbours in time, which a slow phase of the machine does not bend. */
static double paired_ratio(const struct result *result, const struct result *limit)
{
    double ratios[MOST_RUNS];
    const unsigned runs = result->runs < limit->runs ? result->runs : limit->runs;

    if (limit->skipped || !limit->valid || runs == 0)
        return NAN;
    for (unsigned i = 0; i < runs; i++)
        ratios[i] = result->figures[i] / limit->figures[i];
    return median(ratios, runs);
}

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

static void print_values(const struct row *row, const struct contender *contender, const struct result *result, double ratio)
{
    double low = result->figures[0], high = result->figures[0];
    const double middle = median(result->figures, result->runs);

    for (unsigned i = 1; i < result->runs; i++) {
        low = fmin(low, result->figures[i]);
        high = fmax(high, result->figures[i]);
    }
    json_number(stdout, "events", result->events);
    json_number(stdout, "runs", result->runs);
    json_number(stdout, "median", middle);
    json_number(stdout, "min", low);
    json_number(stdout, "max", high);
    json_number(stdout, "cpu_seconds", median(result->cpu_seconds, result->runs));
    json_number(stdout, "cpu_us_per_event", median(result->cpu_us_per_event, result->runs));
    json_number(stdout, "peak_rss", result->peak_rss);
    json_number(stdout, "ratio", ratio);
    if (contender->role == ROLE_OURS && !contender->no_goal && (row->goal > 0 || row->ratio_goal > 0))
        json_flag(stdout, "met", reached(row, middle, row->goal) || reached(row, ratio, row->ratio_goal));
}

static void print_result(const struct row *row, const struct contender *contender, const struct result *result,
                         const struct result *limit)
{
    json_begin(stdout);
    json_text(stdout, "kind", "result");
    json_text(stdout, "row", row->id);
    json_text(stdout, "title", row->title);
    json_text(stdout, "name", contender->name);
    json_text(stdout, "role", role_name(contender->role));
    json_text(stdout, "parameters", contender->arguments);
    json_text(stdout, "unit", row->unit);
    json_flag(stdout, "lower_is_better", row->lower_is_better);
    json_flag(stdout, "skipped", result->skipped);
    json_flag(stdout, "valid", result->valid);
    if (row->goal_text != NULL)
        json_text(stdout, "goal", row->goal_text);
    if (result->note[0] != '\0')
        json_text(stdout, "note", result->note);
    if (!result->skipped && result->runs > 0)
        print_values(row, contender, result, row->contenders[0].role == ROLE_LIMIT ? paired_ratio(result, limit) : NAN);
    json_end(stdout);
}

/* The row's limit against the plain call, compared with the ratio where the goals were set. */
static void print_sanity(const struct row *row, const struct result *limit, const struct result *call)
{
    double ratio;

    if (row->sane_ratio <= 0 || limit->skipped || limit->runs == 0 || call->skipped || call->runs == 0)
        return;
    ratio = paired_ratio(limit, call);
    json_begin(stdout);
    json_text(stdout, "kind", "sanity");
    json_text(stdout, "row", row->id);
    json_number(stdout, "limit_to_call", ratio);
    json_number(stdout, "expected", row->sane_ratio);
    json_flag(stdout, "sane", ratio >= SANE_SHARE * row->sane_ratio);
    json_end(stdout);
}

static bool taken(const struct options *options, const struct contender *contender)
{
    return contender->name != NULL && !(options->quick && contender->slow);
}

static bool run_row(const struct options *options, const struct row *row)
{
    const unsigned runs = row->runs > 0 && row->runs < options->runs ? row->runs : options->runs;
    struct result results[ROW_MOST_CONTENDERS];
    bool sound = true;

    memset(results, 0, sizeof results);
    fprintf(stderr, "%-10s %s\n", row->id, row->title);
    for (unsigned i = 0; i < ROW_MOST_CONTENDERS; i++)
        if (taken(options, &row->contenders[i]))
            results[i].events = calibrate(&results[i], options, row, &row->contenders[i]);
    for (unsigned run = 0; run < runs; run++)
        for (unsigned i = 0; i < ROW_MOST_CONTENDERS; i++)
            if (taken(options, &row->contenders[i]) && !results[i].skipped && results[i].valid)
                measure_once(&results[i], options, row, &row->contenders[i]);
    for (unsigned i = 0; i < ROW_MOST_CONTENDERS; i++) {
        if (!taken(options, &row->contenders[i]))
            continue;
        print_result(row, &row->contenders[i], &results[i], &results[0]);
        sound = sound && (results[i].skipped || results[i].valid);
        if (results[i].runs > 0)
            fprintf(stderr, "           %-34s %10.4g %s\n", row->contenders[i].name, median(results[i].figures, results[i].runs),
                    row->unit);
        else
            fprintf(stderr, "           %-34s %s\n", row->contenders[i].name, results[i].skipped ? "skipped" : "INVALID");
    }
    print_sanity(row, &results[0], &results[1]);
    return sound;
}

static bool wanted(const struct options *options, const char *id)
{
    const char *at = options->only;
    const size_t len = strlen(id);

    while (at != NULL) {
        if (strncmp(at, id, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
        at = strchr(at, ',');
        at = at != NULL ? at + 1 : NULL;
    }
    return options->only == NULL;
}

static bool run_table(const struct options *options, const struct row *rows)
{
    bool sound = true;

    for (const struct row *row = rows; row->id != NULL; row++) {
        if (!wanted(options, row->id))
            continue;
        if (options->list)
            printf("%-10s %s\n", row->id, row->title);
        else
            sound = run_row(options, row) && sound;
    }
    return sound;
}

static void print_constants(const struct options *options)
{
    for (const struct constant *constant = bench_constants; constant->row != NULL; constant++) {
        if (!wanted(options, constant->row))
            continue;
        json_begin(stdout);
        json_text(stdout, "kind", "constant");
        json_text(stdout, "row", constant->row);
        json_text(stdout, "name", constant->name);
        json_number(stdout, "median", constant->value);
        json_text(stdout, "origin", bench_constants_origin);
        json_end(stdout);
    }
}

static void read_options(struct options *options, int argc, char **argv)
{
    static const struct option names[] = {{"programs", required_argument, NULL, 'p'}, {"sources", required_argument, NULL, 's'},
                                          {"rows", required_argument, NULL, 'r'},     {"runs", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 't'},  {"quick", no_argument, NULL, 'q'},
                                          {"list", no_argument, NULL, 'l'},           {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case 'p':
            options->programs = optarg;
            break;
        case 's':
            options->sources = optarg;
            break;
        case 'r':
            options->only = optarg;
            break;
        case 'n':
            options->runs = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 't':
            options->seconds = strtod(optarg, NULL);
            break;
        case 'q':
            options->quick = true;
            break;
        case 'l':
            options->list = true;
            break;
        default:
            subject_die(
                "usage: driver [--quick] [--rows W1,W2] [--runs N] [--seconds S] [--programs DIR] [--sources DIR] [--list]");
        }
    }
    if (options->runs == 0)
        options->runs = options->quick ? 3 : 5;
    if (options->runs > MOST_RUNS)
        options->runs = MOST_RUNS;
    if (options->seconds <= 0)
        options->seconds = options->quick ? 0.08 : 0.35;
}

int main(int argc, char **argv)
{
    struct options options = {.programs = ".", .sources = "."};
    double round_trip_us;
    bool sound = true;

    read_options(&options, argc, argv);
    if (!options.list) {
        round_trip_us = machine_round_trip_us();
        fprintf(stderr, "core to core round trip %.2f us (%s)\n", round_trip_us, round_trip_us > MACHINE_FAR_US ? "far" : "near");
        machine_describe(stdout, round_trip_us);
    }
    sound = run_table(&options, bench_actor_rows) && sound;
    sound = run_table(&options, bench_link_rows) && sound;
    sound = run_table(&options, bench_trouble_rows) && sound;
    if (!options.list)
        print_constants(&options);
    return sound ? EXIT_SUCCESS : EXIT_FAILURE;
}
