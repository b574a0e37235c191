/* The driver: runs every row, its contenders in turn (A B C A B C …), each as a process of its own, and prints one JSON line per
 * contender.  Exits with 1 when a run lost or damaged anything. */
#include "bench/contest.h"
#include "bench/lib/json.h"
#include "bench/lib/machine.h"
#include "bench/lib/subject.h"
#include "bench/lines.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define OTHER_RUNS 3u

struct options {
    struct contest_options contest;
    const char *only; /* comma-separated row ids, or NULL */
    bool list;
};

/* For who watches; tells whether every contender that ran was sound. */
static bool show_results(const struct contest *contest)
{
    const struct row *row = contest->row;
    bool sound = true;

    for (unsigned i = 0; i < ROW_MOST_CONTENDERS; i++) {
        const struct result *result = contest->results[i];

        if (result == NULL)
            continue;
        sound = sound && (result->skipped || result->valid);
        if (result->runs > 0)
            fprintf(stderr, "           %-34s %10.4g %s\n", row->contenders[i].name, result_figure(result, row_figure(row)),
                    row->unit);
        else
            fprintf(stderr, "           %-34s %s\n", row->contenders[i].name, result->skipped ? "skipped" : "INVALID");
    }
    return sound;
}

static bool run_row(const struct options *options, const struct row *row)
{
    struct contest contest;

    fprintf(stderr, "%-10s %s\n", row->id, row->title);
    contest_run(&contest, &options->contest, row);
    lines_print(&contest, &options->contest);
    fflush(stdout);
    return show_results(&contest);
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
            options->contest.programs = optarg;
            break;
        case 's':
            options->contest.sources = optarg;
            break;
        case 'r':
            options->only = optarg;
            break;
        case 'n':
            options->contest.runs = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 't':
            options->contest.seconds = strtod(optarg, NULL);
            break;
        case 'q':
            options->contest.quick = true;
            break;
        case 'l':
            options->list = true;
            break;
        default:
            subject_die(
                "usage: driver [--quick] [--rows W1,W2] [--runs N] [--seconds S] [--programs DIR] [--sources DIR] [--list]");
        }
    }
    if (options->contest.runs == 0)
        options->contest.runs = options->contest.quick ? 3 : 5;
    if (options->contest.runs > CONTEST_MOST_RUNS)
        options->contest.runs = CONTEST_MOST_RUNS;
    options->contest.other_runs = options->contest.runs < OTHER_RUNS ? options->contest.runs : OTHER_RUNS;
    if (options->contest.seconds <= 0)
        options->contest.seconds = options->contest.quick ? 0.08 : 0.35;
}

int main(int argc, char **argv)
{
    struct options options = {.contest = {.programs = ".", .sources = "."}};
    double round_trip_us;
    bool sound = true;

    read_options(&options, argc, argv);
    if (!options.list) {
        round_trip_us = machine_round_trip_us();
        fprintf(stderr, "core to core round trip %.2f us (%s)\n", round_trip_us, machine_distance(round_trip_us));
        machine_describe(stdout, round_trip_us);
    }
    sound = run_table(&options, bench_actor_rows) && sound;
    sound = run_table(&options, bench_link_rows) && sound;
    sound = run_table(&options, bench_trouble_rows) && sound;
    sound = run_table(&options, bench_shell_rows) && sound;
    if (!options.list)
        print_constants(&options);
    return sound ? EXIT_SUCCESS : EXIT_FAILURE;
}
