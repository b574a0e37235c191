/* App: a table of actors run as a command line says; see <maiko/app.h>.  The one part of the libraries that is a program and
 * talks to a terminal, by descriptor and only here. */
#include <maiko/app.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/interrupt.h"
#include "app/run.h"
#include "node/node.h"
#include <maiko/maiko.h>

enum { EXIT_USAGE = 2, EXIT_LATE = 4, EXIT_SIGNALLED = 128 };

static const uint64_t default_wait_ns = MAIKO_SECONDS(30);

static void say(const char *name, const char *text)
{
    dprintf(STDERR_FILENO, "%s: %s\n", name, text);
}

static void on_log(maiko_log_level level, const char *text, void *userdata)
{
    const struct app_run *run = userdata;

    if (level >= MAIKO_LOG_WARNING || run->options.verbose)
        say(run->app.name, text);
}

static void print_help(const struct app_run *run)
{
    dprintf(STDOUT_FILENO, "usage: %s [OPTION]... %s\n%s", run->app.name, run->app.arguments == NULL ? "" : run->app.arguments,
            app_options_help);
    if (run->app.prepare != NULL)
        dprintf(STDOUT_FILENO, "  --\n        what follows is the app's, also where it begins with -\n");
}

static int usage(const struct app_run *run, const char *reason)
{
    say(run->app.name, reason);
    dprintf(STDERR_FILENO, "usage: %s [OPTION]... %s   (--help says more)\n", run->app.name,
            run->app.arguments == NULL ? "" : run->app.arguments);
    return EXIT_USAGE;
}

/* ---- the run ---- */

static maiko_status add_actors(struct app_run *run)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < run->app.actor_count && status == MAIKO_OK; i++) {
        maiko_actor_spec spec = app_spec_at(run, i);

        if (run->bridge != NULL)
            status = app_introduce(run, i, &spec);
        if (status == MAIKO_OK && app_is_placed(run, spec.name))
            status = maiko_supervisor_add_sized(run->sup, &spec, 1, sizeof(spec), run->app.ops_size);
    }
    return status;
}

/* Keeps the supervisor running when all others have ended, and what leaves it: somebody may come and publish. */
static maiko_status add_lingerer(struct app_run *run)
{
    static const maiko_actor_ops none = {.handle = NULL};
    static const char *const topics[] = {"$maiko/linger", NULL};
    const maiko_actor_spec spec = {.name = "app linger", .ops = &none, .subscribe = topics, .publish = topics};

    if (!run->options.linger)
        return MAIKO_OK;
    if (run->bridge != NULL)
        node_export_stay(run->bridge, topics[0]);
    return maiko_supervisor_add(run->sup, &spec);
}

/* What the calling program knows of a config may be less than we do. */
static void take_config(struct app_run *run)
{
    maiko_config *config = &run->config;
    size_t size = run->app.config_size < sizeof(*config) ? run->app.config_size : sizeof(*config);

    if (run->app.config != NULL)
        memcpy(config, run->app.config, size);
    if (config->name == NULL)
        config->name = run->app.name;
    if (config->log == NULL) {
        config->log = on_log;
        config->log_userdata = run;
    }
}

static maiko_supervisor *make_supervisor(struct app_run *run)
{
    if (run->options.keep_counters)
        run->config.keep_counters = true;
    if (run->options.mailbox > 0)
        run->config.mailbox_capacity = (uint32_t)run->options.mailbox;
    return maiko_supervisor_new(&run->config);
}

static int fail(const struct app_run *run, maiko_status status)
{
    const char *text = run->bridge != NULL ? maiko_bridge_error_text(run->bridge) : "";

    if (text[0] == '\0' && run->sup != NULL)
        text = maiko_supervisor_error_text(run->sup);
    say(run->app.name, text[0] != '\0' ? text : maiko_strerror(status));
    return maiko_exit_code(status);
}

static void say_where_to_look(const struct app_run *run)
{
    const struct app_options *options = &run->options;
    const char *path = space_node_path(run->bridge->space); /* DIRECTORY/NODE */
    const char *option = options->runtime_dir != NULL ? " --runtime-dir " : "";
    const char *directory = options->runtime_dir != NULL ? options->runtime_dir : "";

    dprintf(STDERR_FILENO, "%s: looked for in %.*s\n", run->app.name, (int)(strrchr(path, '/') - path), path);
    dprintf(STDERR_FILENO, "%s: maiko ps%s%s --space %s shows who is there; %s%s%s --space %s --actors NAMES starts the others\n",
            run->app.name, option, directory, options->space, run->app.name, option, directory, options->space);
}

/* What to do about it: where else to look, and how the missing ones are started. */
static void say_who_is_missing(const struct app_run *run, uint64_t wait_ns, const char *missing, const struct text *unlinked)
{
    const struct app_options *options = &run->options;

    dprintf(STDERR_FILENO, "%s: not present after %.1f s: %s\n", run->app.name, (double)wait_ns / 1e9, missing);
    if (unlinked->len > 0)
        dprintf(STDERR_FILENO, "%s: no link with %s: does somebody --listen there?\n", run->app.name, text_str(unlinked));
    if (options->space != NULL)
        say_where_to_look(run);
}

static int wait_for_others(struct app_run *run)
{
    uint64_t wait_ns = run->options.wait_ns > 0 ? run->options.wait_ns : default_wait_ns;
    char missing[1024];
    char endpoints[1024];
    struct text unlinked;
    maiko_status status;

    if (run->options.waits_for_nobody)
        return 0;
    text_init_buffer(&unlinked, endpoints, sizeof(endpoints));
    status = node_wait_actors(run->bridge, wait_ns, missing, sizeof(missing), &unlinked);
    if (status == MAIKO_OK || status == MAIKO_ECLOSED) /* closed: by a signal */
        return 0;
    if (status != MAIKO_ETIMEDOUT)
        return fail(run, status);
    say_who_is_missing(run, wait_ns, missing, &unlinked);
    return EXIT_LATE;
}

static bool leaves_signals_alone(const struct app_run *run)
{
    return run->config.handle_no_signals;
}

/* From the first socket until the supervisor runs, which takes signals itself. */
static int meet_others(struct app_run *run)
{
    maiko_status status;
    int signal = 0;
    int code;

    if (!leaves_signals_alone(run))
        app_interrupt_begin(&run->at_start, run->bridge, node_cancel_waits);
    status = maiko_bridge_start(run->bridge);
    code = status == MAIKO_OK ? wait_for_others(run) : fail(run, status);
    if (!leaves_signals_alone(run))
        signal = app_interrupt_end(&run->at_start);
    return signal != 0 ? EXIT_SIGNALLED + signal : code;
}

static void print_stats(const struct app_run *run)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    if (!run->options.stats || run->bridge == NULL || maiko_bridge_count(run->bridge, &counters) != MAIKO_OK)
        return;
    dprintf(STDERR_FILENO,
            "{\"exported\":%llu,\"export_refused\":%llu,\"acknowledged\":%llu,\"lost\":%llu,\"imported\":%llu,"
            "\"import_refused\":%llu,\"gaps\":%llu,\"lost_for_us\":%llu,\"denied\":%llu,\"window_waits\":%llu,"
            "\"window_turns\":%llu,\"refused_there\":%llu}\n",
            (unsigned long long)counters.exported, (unsigned long long)counters.export_refused,
            (unsigned long long)counters.acknowledged, (unsigned long long)counters.lost, (unsigned long long)counters.imported,
            (unsigned long long)counters.import_refused, (unsigned long long)counters.gaps,
            (unsigned long long)counters.lost_for_us, (unsigned long long)counters.denied,
            (unsigned long long)counters.window_waits, (unsigned long long)counters.window_turns,
            (unsigned long long)counters.refused_there);
}

/* False: something that should have arrived did not, and the user is told. */
static bool drain(const struct app_run *run)
{
    char missing[512];
    maiko_status status = node_drain(run->bridge, missing, sizeof(missing));
    uint64_t overdue = node_overdue(run->bridge);

    if (status != MAIKO_OK)
        dprintf(STDERR_FILENO, "%s: not everything arrived at the other processes%s%s\n", run->app.name,
                missing[0] != '\0' ? ": " : "", missing);
    if (overdue > 0)
        dprintf(STDERR_FILENO, "%s: %llu events are lost: who should have them took none for too long, or was away\n",
                run->app.name, (unsigned long long)overdue);
    return status == MAIKO_OK && overdue == 0;
}

static int run_actors(struct app_run *run)
{
    maiko_status status = maiko_supervisor_run(run->sup);
    int code = status == MAIKO_OK ? 0 : fail(run, status);

    if (run->bridge == NULL)
        return code;
    if (!leaves_signals_alone(run))
        app_interrupt_begin(&run->at_end, run->bridge, node_hurry);
    if (!drain(run) && code == 0)
        code = 1;
    print_stats(run);
    return code;
}

static int go(struct app_run *run)
{
    maiko_status status;
    int code;

    run->sup = make_supervisor(run);
    if (run->sup == NULL)
        return fail(run, MAIKO_ENOMEM);
    status = app_set_up_bridge(run);
    if (status == MAIKO_OK)
        status = add_actors(run);
    if (status == MAIKO_OK)
        status = add_lingerer(run);
    if (status != MAIKO_OK)
        return fail(run, status);
    if (run->bridge == NULL)
        return run_actors(run);
    code = meet_others(run);
    if (code == 0)
        return run_actors(run);
    app_interrupt_restore(&run->at_start);
    return code;
}

/* Options behind the first argument belong to the app, which seldom wants them. */
static int bad_arguments(const struct app_run *run, int argc, char **argv, const char *reason)
{
    char text[256];
    int i;

    for (i = 0; i < argc; i++)
        if (strncmp(argv[i], "--", 2) == 0 && argv[i][2] != '\0') {
            snprintf(text, sizeof(text), "%s: options come before the arguments: %s", reason, argv[i]);
            return usage(run, text);
        }
    return usage(run, reason);
}

static int with_arguments(struct app_run *run, int argc, char **argv)
{
    if (run->app.prepare == NULL && argc > 0)
        return bad_arguments(run, argc, argv, "too many arguments");
    if (run->app.prepare != NULL && run->app.prepare(argc, argv, run->app.userdata) != MAIKO_OK)
        return bad_arguments(run, argc, argv, "bad arguments");
    return go(run);
}

static int with_options(struct app_run *run, int argc, char **argv)
{
    char reason[512];
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    if (app_options_read(&run->options, argc, argv, &error) != MAIKO_OK)
        return usage(run, reason);
    if (run->options.wants_help) {
        print_help(run);
        return 0;
    }
    if (run->options.wants_list) {
        app_print_table(run);
        return 0;
    }
    if (app_check_placement(run, &error) != MAIKO_OK || app_options_check(&run->options, &error) != MAIKO_OK ||
        app_check_overflows(run, &error) != MAIKO_OK)
        return usage(run, reason);
    return with_arguments(run, argc - run->options.arguments_at, argv + run->options.arguments_at);
}

static void clean_up(struct app_run *run)
{
    if (run->bridge != NULL) {
        node_thread_stop(run->bridge); /* what a signal may cut short; the rest of the end waits for nobody */
        (void)app_interrupt_end(&run->at_end);
        (void)maiko_bridge_stop(&run->bridge);
    }
    app_interrupt_restore(&run->at_end);
    app_interrupt_restore(&run->at_start);
    if (run->sup != NULL)
        (void)maiko_supervisor_stop(&run->sup, NULL);
    app_free_publish_lists(run);
    app_options_deinit(&run->options);
}

/* What is closed when the program starts is the number of the next thing opened: what is printed would go into a socket. */
static void keep_standard_fds(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY); /* writing there fails, as it does on what is closed */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int maiko_app_main(int argc, char **argv, const maiko_app *app)
{
    struct app_run run;
    int code;

    if (app == NULL || app->struct_size < offsetof(maiko_app, config) || app->name == NULL || app->actors == NULL)
        return EXIT_USAGE;
    keep_standard_fds();
    memset(&run, 0, sizeof(run));
    memcpy(&run.app, app, app->struct_size < sizeof(run.app) ? app->struct_size : sizeof(run.app));
    take_config(&run);
    app_options_init(&run.options, heap_default());
    run.publish = heap_alloc_zeroed(heap_default(), run.app.actor_count, sizeof(*run.publish));
    code = run.publish == NULL ? 1 : with_options(&run, argc, argv);
    clean_up(&run);
    return code;
}
