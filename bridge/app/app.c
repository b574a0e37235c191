/* App: a table of actors run as a command line says; see <maiko/app.h>.  The one part of the libraries that is a program and
 * talks to a terminal, by descriptor and only here. */
#include <maiko/app.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/options.h"
#include <maiko/maiko.h>

enum { EXIT_USAGE = 2, EXIT_LATE = 4 };

static const uint64_t default_wait_ns = MAIKO_SECONDS(30);

/* One run of an app. */
struct app_run {
    maiko_app app; /* as the library's version has it */
    struct app_options options;
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    const char ***publish; /* publish lists of the actors here, one per actor of the table; NULL: the table's own */
};

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

/* ---- the table ---- */

/* Specs of the calling program may be shorter or longer than ours. */
static maiko_actor_spec spec_at(const struct app_run *run, size_t index)
{
    maiko_actor_spec spec;

    memset(&spec, 0, sizeof(spec));
    memcpy(&spec, (const char *)run->app.actors + index * run->app.spec_size,
           run->app.spec_size < sizeof(spec) ? run->app.spec_size : sizeof(spec));
    return spec;
}

static bool is_placed(const struct app_run *run, const char *name)
{
    return !run->options.has_actors || text_list_has(&run->options.actors, name);
}

static void print_topics(const char *word, const char *const *topics)
{
    for (; topics != NULL && *topics != NULL; topics++)
        dprintf(STDOUT_FILENO, "    %s %s\n", word, *topics);
}

static void print_table(const struct app_run *run)
{
    size_t i;

    for (i = 0; i < run->app.actor_count; i++) {
        maiko_actor_spec spec = spec_at(run, i);
        const maiko_subscription *subscription = spec.subscriptions;

        dprintf(STDOUT_FILENO, "%s\n", spec.name);
        print_topics("publishes", spec.publish);
        print_topics("subscribes to", spec.subscribe);
        for (; subscription != NULL && subscription->pattern != NULL; subscription++)
            dprintf(STDOUT_FILENO, "    subscribes to %s\n", subscription->pattern);
    }
}

static void print_help(const struct app_run *run)
{
    dprintf(STDOUT_FILENO, "usage: %s [OPTION]... %s\n%s", run->app.name, run->app.arguments == NULL ? "" : run->app.arguments,
            app_options_help);
}

static int usage(const struct app_run *run, const char *reason)
{
    say(run->app.name, reason);
    dprintf(STDERR_FILENO, "usage: %s [OPTION]... %s   (--help says more)\n", run->app.name,
            run->app.arguments == NULL ? "" : run->app.arguments);
    return EXIT_USAGE;
}

/* An actor that is asked for must be in the table; and one that is not here must be somewhere. */
static maiko_status check_placement(const struct app_run *run, struct text *error)
{
    size_t placed = 0;
    size_t i;
    size_t j;

    for (i = 0; i < run->options.actors.count; i++) {
        bool is_known = false;

        for (j = 0; j < run->app.actor_count; j++)
            is_known = is_known || strcmp(spec_at(run, j).name, run->options.actors.items[i]) == 0;
        if (!is_known) {
            text_append_format(error, "--actors %s: not in the table (--list prints it)", run->options.actors.items[i]);
            return MAIKO_ENOTFOUND;
        }
    }
    for (i = 0; i < run->app.actor_count; i++)
        placed += is_placed(run, spec_at(run, i).name);
    if (placed < run->app.actor_count && !app_options_need_bridge(&run->options)) {
        text_append(error, "--actors without --space, --listen or --connect: the others could not be found");
        return MAIKO_EINVAL;
    }
    return MAIKO_OK;
}

/* ---- the bridge ---- */

enum way { WAY_OUT, WAY_IN, WAY_THROUGH };

static maiko_status give_pattern(struct app_run *run, const char *text, enum way way)
{
    char pattern[MAIKO_TOPIC_MAX + 1];
    maiko_bridge_pattern given = {.pattern = pattern, .relay = way == WAY_THROUGH};
    maiko_status status;
    size_t len = strcspn(text, "=");

    if (len >= sizeof(pattern))
        return MAIKO_ETOOLONG;
    memcpy(pattern, text, len);
    pattern[len] = '\0';
    given.as = text[len] == '=' ? text + len + 1 : NULL;
    if (way == WAY_IN)
        return maiko_bridge_import(run->bridge, &given);
    status = maiko_bridge_export(run->bridge, &given);
    if (status == MAIKO_OK && way == WAY_THROUGH)
        status = maiko_bridge_import(run->bridge, &(maiko_bridge_pattern){.pattern = pattern});
    return status;
}

static maiko_status give_patterns(struct app_run *run, const struct text_list *list, enum way way)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < list->count && status == MAIKO_OK; i++)
        status = give_pattern(run, list->items[i], way);
    return status;
}

/* Each pattern once; what the library says below `$sys/` stays in its process. */
static maiko_status collect(struct text_list *list, struct heap *heap, const char *pattern)
{
    return maiko_topic_is_reserved(pattern) || text_list_has(list, pattern) ? MAIKO_OK : text_list_add(list, heap, pattern);
}

/* What is not given follows from the lists of the actors placed here. */
static maiko_status derive_patterns(struct app_run *run, struct text_list *exports, struct text_list *imports)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < run->app.actor_count && status == MAIKO_OK; i++) {
        maiko_actor_spec spec = spec_at(run, i);
        const maiko_subscription *subscription = spec.subscriptions;
        const char *const *topic;

        if (!is_placed(run, spec.name))
            continue;
        for (topic = spec.publish; topic != NULL && *topic != NULL && status == MAIKO_OK; topic++)
            status = collect(exports, run->options.heap, *topic);
        for (topic = spec.subscribe; topic != NULL && *topic != NULL && status == MAIKO_OK; topic++)
            status = collect(imports, run->options.heap, *topic);
        for (; subscription != NULL && subscription->pattern != NULL && status == MAIKO_OK; subscription++)
            status = collect(imports, run->options.heap, subscription->pattern);
    }
    return status;
}

static maiko_status set_patterns(struct app_run *run)
{
    struct text_list exports = {NULL, 0};
    struct text_list imports = {NULL, 0};
    maiko_status status = derive_patterns(run, &exports, &imports);

    if (status == MAIKO_OK)
        status = give_patterns(run, &run->options.relays, WAY_THROUGH); /* first: it decides for what falls under it */
    if (status == MAIKO_OK)
        status = give_patterns(run, run->options.exports.count > 0 ? &run->options.exports : &exports, WAY_OUT);
    if (status == MAIKO_OK)
        status = give_patterns(run, run->options.imports.count > 0 ? &run->options.imports : &imports, WAY_IN);
    text_list_clear(&exports, run->options.heap);
    text_list_clear(&imports, run->options.heap);
    return status;
}

static maiko_status set_endpoints(struct app_run *run)
{
    const struct app_options *options = &run->options;
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < options->listen.count && status == MAIKO_OK; i++)
        status = maiko_bridge_listen(run->bridge, options->listen.items[i]);
    for (i = 0; i < options->publish_at.count && status == MAIKO_OK; i++)
        status = maiko_bridge_publish_at(run->bridge, options->publish_at.items[i]);
    for (i = 0; i < options->connect.count && status == MAIKO_OK; i++) {
        size_t last = options->peer_keys.count - 1;
        const char *key = options->peer_keys.count == 0 ? NULL : options->peer_keys.items[i < last ? i : last];

        status = maiko_bridge_connect(run->bridge, options->connect.items[i], key);
    }
    return status;
}

static maiko_status add_types(struct app_run *run)
{
    const maiko_event_type *const *type = run->app.types;
    maiko_status status = MAIKO_OK;

    for (; type != NULL && *type != NULL && status == MAIKO_OK; type++)
        status = maiko_bridge_know_type(run->bridge, *type);
    return status;
}

/* The actor's publish list with the topic of its end. */
static const char *const *extend_publish(struct app_run *run, size_t index, const char *const *publish, const char *end_topic)
{
    const char **list;
    size_t count = 0;

    while (publish[count] != NULL)
        count++;
    list = heap_alloc(run->options.heap, (count + 2) * sizeof(*list));
    if (list == NULL)
        return NULL;
    memcpy(list, publish, count * sizeof(*list));
    list[count] = end_topic;
    list[count + 1] = NULL;
    run->publish[index] = list;
    return list;
}

static maiko_status introduce(struct app_run *run, size_t index, maiko_actor_spec *spec)
{
    const char *end_topic;

    if (!is_placed(run, spec->name))
        return maiko_bridge_expect(run->bridge, spec->name, spec->publish);
    end_topic = maiko_bridge_announce(run->bridge, spec->name, spec->publish, spec->subscribe);
    if (end_topic == NULL)
        return MAIKO_ENOMEM;
    if (spec->publish == NULL || spec->publish[0] == NULL)
        return MAIKO_OK;
    spec->publish = extend_publish(run, index, spec->publish, end_topic);
    return spec->publish == NULL ? MAIKO_ENOMEM : MAIKO_OK;
}

static void make_bridge(struct app_run *run)
{
    const struct app_options *options = &run->options;
    const char **keys = heap_alloc_zeroed(options->heap, options->peer_keys.count + 1, sizeof(*keys));
    maiko_bridge_config config = {.space = options->space,
                                  .node = options->node,
                                  .program = run->app.name,
                                  .key_file = options->key_file,
                                  .allow_file = options->allow_file,
                                  .peer_keys = keys,
                                  .insecure = options->insecure,
                                  .transport = options->transport,
                                  .window_bytes = options->window,
                                  .log = on_log,
                                  .log_userdata = run};

    if (keys == NULL)
        return;
    if (options->peer_keys.count > 0)
        memcpy(keys, options->peer_keys.items, options->peer_keys.count * sizeof(*keys));
    run->bridge = maiko_bridge_new(run->sup, &config);
    heap_free(options->heap, keys, (options->peer_keys.count + 1) * sizeof(*keys));
}

static maiko_status set_up_bridge(struct app_run *run)
{
    maiko_status status;

    if (!app_options_need_bridge(&run->options))
        return MAIKO_OK;
    make_bridge(run);
    if (run->bridge == NULL)
        return MAIKO_ENOMEM;
    status = set_patterns(run);
    if (status == MAIKO_OK)
        status = set_endpoints(run);
    return status == MAIKO_OK ? add_types(run) : status;
}

/* ---- the run ---- */

static maiko_status add_actors(struct app_run *run)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < run->app.actor_count && status == MAIKO_OK; i++) {
        maiko_actor_spec spec = spec_at(run, i);

        if (run->bridge != NULL)
            status = introduce(run, i, &spec);
        if (status == MAIKO_OK && is_placed(run, spec.name))
            status = maiko_supervisor_add_sized(run->sup, &spec, 1, sizeof(spec), run->app.ops_size);
    }
    return status;
}

/* Keeps the supervisor running when all others have ended. */
static maiko_status add_lingerer(struct app_run *run)
{
    static const maiko_actor_ops none = {.handle = NULL};
    static const char *const topics[] = {"$maiko/linger", NULL};
    const maiko_actor_spec spec = {.name = "app linger", .ops = &none, .subscribe = topics, .publish = topics};

    return run->options.linger ? maiko_supervisor_add(run->sup, &spec) : MAIKO_OK;
}

static maiko_supervisor *make_supervisor(struct app_run *run)
{
    maiko_config config;

    memset(&config, 0, sizeof(config));
    if (run->app.config != NULL)
        config = *run->app.config;
    if (config.name == NULL)
        config.name = run->app.name;
    if (run->options.keep_counters)
        config.keep_counters = true;
    if (run->options.mailbox > 0)
        config.mailbox_capacity = (uint32_t)run->options.mailbox;
    if (config.log == NULL) {
        config.log = on_log;
        config.log_userdata = run;
    }
    return maiko_supervisor_new(&config);
}

static int fail(const struct app_run *run, maiko_status status)
{
    const char *text = run->bridge != NULL ? maiko_bridge_error_text(run->bridge) : "";

    if (text[0] == '\0' && run->sup != NULL)
        text = maiko_supervisor_error_text(run->sup);
    say(run->app.name, text[0] != '\0' ? text : maiko_strerror(status));
    return maiko_exit_code(status);
}

static int wait_for_others(struct app_run *run)
{
    uint64_t wait_ns = run->options.wait_ns > 0 ? run->options.wait_ns : default_wait_ns;
    char missing[1024];
    maiko_status status;

    if (run->bridge == NULL)
        return 0;
    status = maiko_bridge_wait_actors(run->bridge, wait_ns, missing, sizeof(missing));
    if (status == MAIKO_OK)
        return 0;
    if (status != MAIKO_ETIMEDOUT)
        return fail(run, status);
    dprintf(STDERR_FILENO, "%s: not present after %.1f s: %s\n", run->app.name, (double)wait_ns / 1e9, missing);
    return EXIT_LATE;
}

static void print_stats(const struct app_run *run)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    if (!run->options.stats || run->bridge == NULL || maiko_bridge_count(run->bridge, &counters) != MAIKO_OK)
        return;
    dprintf(STDERR_FILENO,
            "{\"exported\":%llu,\"export_refused\":%llu,\"acknowledged\":%llu,\"lost\":%llu,\"imported\":%llu,"
            "\"import_refused\":%llu,\"gaps\":%llu,\"lost_for_us\":%llu,\"denied\":%llu,\"window_waits\":%llu,"
            "\"window_turns\":%llu}\n",
            (unsigned long long)counters.exported, (unsigned long long)counters.export_refused,
            (unsigned long long)counters.acknowledged, (unsigned long long)counters.lost, (unsigned long long)counters.imported,
            (unsigned long long)counters.import_refused, (unsigned long long)counters.gaps,
            (unsigned long long)counters.lost_for_us, (unsigned long long)counters.denied,
            (unsigned long long)counters.window_waits, (unsigned long long)counters.window_turns);
}

static int run_actors(struct app_run *run)
{
    maiko_status status = maiko_supervisor_run(run->sup);
    int code = status == MAIKO_OK ? 0 : fail(run, status);

    if (run->bridge == NULL)
        return code;
    if (maiko_bridge_drain(run->bridge) != MAIKO_OK && code == 0) {
        say(run->app.name, "not everything arrived at the other processes");
        code = 1;
    }
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
    status = set_up_bridge(run);
    if (status == MAIKO_OK)
        status = add_actors(run);
    if (status == MAIKO_OK)
        status = add_lingerer(run);
    if (status == MAIKO_OK && run->bridge != NULL)
        status = maiko_bridge_start(run->bridge);
    if (status != MAIKO_OK)
        return fail(run, status);
    code = wait_for_others(run);
    return code != 0 ? code : run_actors(run);
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
        print_table(run);
        return 0;
    }
    if (check_placement(run, &error) != MAIKO_OK)
        return usage(run, reason);
    argc -= run->options.arguments_at;
    argv += run->options.arguments_at;
    if (run->app.prepare == NULL && argc > 0)
        return usage(run, "too many arguments");
    if (run->app.prepare != NULL && run->app.prepare(argc, argv, run->app.userdata) != MAIKO_OK)
        return usage(run, "bad arguments");
    return go(run);
}

static void clean_up(struct app_run *run)
{
    size_t i;

    if (run->bridge != NULL)
        (void)maiko_bridge_stop(&run->bridge);
    if (run->sup != NULL)
        (void)maiko_supervisor_stop(&run->sup, NULL);
    for (i = 0; run->publish != NULL && i < run->app.actor_count; i++) {
        size_t count = 0;

        while (run->publish[i] != NULL && run->publish[i][count] != NULL)
            count++;
        heap_free(run->options.heap, run->publish[i], (count + 1) * sizeof(run->publish[i][0]));
    }
    heap_free(run->options.heap, run->publish, run->app.actor_count * sizeof(*run->publish));
    app_options_deinit(&run->options);
}

int maiko_app_main(int argc, char **argv, const maiko_app *app)
{
    struct app_run run;
    int code;

    if (app == NULL || app->struct_size < offsetof(maiko_app, config) || app->name == NULL || app->actors == NULL)
        return EXIT_USAGE;
    memset(&run, 0, sizeof(run));
    memcpy(&run.app, app, app->struct_size < sizeof(run.app) ? app->struct_size : sizeof(run.app));
    app_options_init(&run.options, heap_default());
    run.publish = heap_alloc_zeroed(heap_default(), run.app.actor_count, sizeof(*run.publish));
    code = run.publish == NULL ? 1 : with_options(&run, argc, argv);
    clean_up(&run);
    return code;
}
