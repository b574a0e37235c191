/* maiko topic: list, echo and pub on a running space, by the schemas its nodes announce. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <maiko/bridge.h>
#include <maiko/json.h>
#include <maiko/space.h>

#include "maiko.h"

struct topic_options {
    const char *space;
    const char *type;
    unsigned long count; /* 0: no end */
    double timeout_s;
    maiko_bridge_from from;
    bool is_verbose;
};

static int usage(FILE *file, int code)
{
    fputs("usage: maiko topic list [--space NAME]\n"
          "       maiko topic echo --space NAME [--count N] [--history | --last] PATTERN...\n"
          "       maiko topic pub --space NAME [--type NAME] [--timeout S] TOPIC JSON\n"
          "list: the patterns that nodes export.  echo: one line per event: time, topic, sender, payload.\n"
          "pub: exits with 0 only when a node has accepted the event.\n",
          file);
    return code;
}

/* ---- list ---- */

static void print_exports(const maiko_node_info *node, void *userdata)
{
    const char *const *pattern;

    for (pattern = node->exports; node->is_alive && *pattern != NULL; pattern++)
        printf("%-12s %-24s %s\n", node->space, node->name, *pattern);
}

static int list(const struct topic_options *options)
{
    char reason[256] = "";
    maiko_status status = maiko_space_list(NULL, options->space, print_exports, NULL, reason, sizeof(reason));

    if (status == MAIKO_OK)
        return EXIT_OK;
    return complain(exit_code_of(status), "topic", "%s", reason[0] != '\0' ? reason : maiko_strerror(status));
}

/* ---- echo ---- */

struct echo {
    unsigned long left; /* 0: no end */
};

static void print_time(uint64_t time_ns)
{
    time_t seconds = (time_t)(time_ns / 1000000000u);
    struct tm parts;
    char text[32];

    gmtime_r(&seconds, &parts);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    printf("%s.%09" PRIu64 "Z", text, time_ns % 1000000000u);
}

static maiko_status print_event(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct echo *echo = self;
    size_t len = 0;
    char *json;

    (void)maiko_event_to_json(envelope->type, envelope->payload, envelope->payload_len, NULL, 0, &len);
    json = malloc(len + 1);
    if (json == NULL)
        return MAIKO_ENOMEM;
    if (maiko_event_to_json(envelope->type, envelope->payload, envelope->payload_len, json, len + 1, NULL) != MAIKO_OK)
        strcpy(json, len > 0 ? "?" : "");
    print_time(maiko_envelope_time(envelope));
    printf(" %s %s %s\n", maiko_envelope_topic(envelope), maiko_envelope_sender(envelope), json);
    fflush(stdout);
    free(json);
    if (echo->left > 0 && --echo->left == 0)
        return maiko_stop_runtime(ctx);
    return MAIKO_OK;
}

static void on_log(maiko_log_level level, const char *text, void *userdata)
{
    if (level >= MAIKO_LOG_WARNING || *(const bool *)userdata)
        complain(0, "topic", "%s", text);
}

static const maiko_actor_ops echo_ops = {.handle = print_event};

static maiko_status set_up_echo(maiko_supervisor *sup, maiko_bridge *bridge, struct echo *echo, char **patterns, int count,
                                const struct topic_options *options)
{
    /* The publish list names a topic of its own, so that the actor never runs out of publishers and ends. */
    static const char *const endless[] = {"$echo", NULL};
    const char *subscribe[66] = {"$echo"};
    maiko_status status = MAIKO_OK;
    maiko_actor_spec spec = {.name = "echo", .ops = &echo_ops, .self = echo, .subscribe = subscribe, .publish = endless};
    int i;

    for (i = 0; i < count && i < 64 && status == MAIKO_OK; i++) {
        maiko_bridge_pattern pattern = {.pattern = patterns[i], .overflow = MAIKO_DROP_NEWEST, .from = options->from};

        subscribe[i + 1] = patterns[i];
        status = maiko_bridge_import(bridge, &pattern);
    }
    return status == MAIKO_OK ? maiko_supervisor_add(sup, &spec) : status;
}

static int echo(const struct topic_options *options, char **patterns, int count)
{
    bool is_verbose = options->is_verbose;
    maiko_bridge_config config = {
        .space = options->space, .program = "maiko-echo", .log = on_log, .log_userdata = &is_verbose, .linger_ns = MAIKO_MS(100)};
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.name = "maiko-echo", .no_counters_file = true});
    maiko_bridge *bridge = maiko_bridge_new(sup, &config);
    struct echo state = {.left = options->count};
    maiko_status status = set_up_echo(sup, bridge, &state, patterns, count, options);
    int code;

    if (status == MAIKO_OK)
        status = maiko_bridge_start(bridge);
    if (status == MAIKO_OK)
        status = maiko_supervisor_run(sup);
    code = exit_code_of(status);
    if (status != MAIKO_OK)
        complain(code, "topic", "%s",
                 maiko_bridge_error_text(bridge)[0] != '\0' ? maiko_bridge_error_text(bridge) : maiko_supervisor_error_text(sup));
    (void)maiko_bridge_stop(&bridge);
    (void)maiko_supervisor_stop(&sup, NULL);
    return code;
}

/* ---- pub ---- */

static int pub(const struct topic_options *options, const char *topic, const char *json)
{
    char answer[512] = "";
    maiko_status status = maiko_space_publish(NULL, options->space, topic, options->type, json,
                                              (uint64_t)(options->timeout_s * 1e9), answer, sizeof(answer));

    if (status == MAIKO_OK)
        return EXIT_OK;
    return complain(exit_code_of(status), "topic", "%s", answer[0] != '\0' ? answer : maiko_strerror(status));
}

/* ---- */

static bool read_option(struct topic_options *options, int letter)
{
    switch (letter) {
    case 's':
        options->space = optarg;
        return true;
    case 't':
        options->type = optarg;
        return true;
    case 'c':
        options->count = strtoul(optarg, NULL, 10);
        return true;
    case 'W':
        options->timeout_s = strtod(optarg, NULL);
        return options->timeout_s > 0 && options->timeout_s < 1e6;
    case 'H':
        options->from = MAIKO_FROM_LOG;
        return true;
    case 'L':
        options->from = MAIKO_FROM_LAST;
        return true;
    case 'v':
        options->is_verbose = true;
        return true;
    default:
        return false;
    }
}

static int run(const struct topic_options *options, char **argv, int argc)
{
    if (argc == 1 && strcmp(argv[0], "list") == 0)
        return list(options);
    if (argc > 0 && strcmp(argv[0], "list") != 0 && options->space == NULL)
        return complain(EXIT_BAD_USAGE, "topic", "which --space?  (maiko ps lists them)");
    if (argc >= 2 && strcmp(argv[0], "echo") == 0)
        return echo(options, argv + 1, argc - 1);
    if (argc == 3 && strcmp(argv[0], "pub") == 0)
        return pub(options, argv[1], argv[2]);
    return usage(stderr, EXIT_BAD_USAGE);
}

int cmd_topic(int argc, char **argv)
{
    static const struct option long_options[] = {{"space", required_argument, NULL, 's'},
                                                 {"type", required_argument, NULL, 't'},
                                                 {"count", required_argument, NULL, 'c'},
                                                 {"timeout", required_argument, NULL, 'W'},
                                                 {"history", no_argument, NULL, 'H'},
                                                 {"last", no_argument, NULL, 'L'},
                                                 {"verbose", no_argument, NULL, 'v'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {NULL, 0, NULL, 0}};
    struct topic_options options = {.timeout_s = 2};
    int letter;

    while ((letter = getopt_long(argc, argv, "s:c:W:vh", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage(stdout, EXIT_OK);
        if (!read_option(&options, letter))
            return usage(stderr, EXIT_BAD_USAGE);
    }
    return run(&options, argv + optind, argc - optind);
}
