/* maiko topic: list, echo and pub on a running space, by the schemas its nodes announce. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <maiko/bridge.h>
#include <maiko/peer.h>
#include <maiko/schema.h>
#include <maiko/space.h>
#include <maiko/topic.h>

#include "event_line.h"
#include "maiko.h"

#define ECHO_PROGRAM "maiko-echo"

enum { PATTERNS_MAX = 64 };

struct topic_options {
    const char *space;
    const char *group; /* whose members share it; NULL: this user's alone */
    const char *type;
    unsigned long count; /* 0: no end */
    double timeout_s;
    maiko_bridge_from from;
    bool is_verbose;
    bool is_json;
};

static int usage(FILE *file)
{
    fputs("usage: maiko topic list [--space NAME] [--json]\n"
          "       maiko topic echo --space NAME [--count N] [--history | --last] [--json] PATTERN...\n"
          "       maiko topic pub --space NAME [--type NAME] [--timeout S] TOPIC JSON\n"
          "list: the topics that nodes have exported, with type and first publisher; then patterns without a topic yet.\n"
          "echo: one line per event: time, topic, sender, payload; on stderr why none come.\n"
          "pub: exits with 0 only when a node has accepted the event.\n"
          "  -s, --space NAME   which space; list: of all when it is not given\n"
          "      --space-group GROUP  a space that the members of this group share\n"
          "  -c, --count N      end after N events\n"
          "      --history      what the nodes still have first\n"
          "      --last         the last event of each topic first\n"
          "      --json         one object per line\n"
          "      --type NAME    type of the event (the one its topic has)\n"
          "  -W, --timeout S    how long to wait for each node's answer (2)\n"
          "  -v, --verbose      echo: say more on stderr\n",
          file);
    return EXIT_OK;
}

/* ---- list ---- */

struct topic_listing {
    bool is_json;
    bool has_head;
};

static void print_line(const struct topic_listing *listing, const maiko_node_info *node, const char *topic, const char *type,
                       const char *publisher)
{
    char text[PRINTABLE_SIZE];
    json_t *object;
    char *line;

    if (!listing->is_json) {
        printf("%-12s %-24s %-32s %-24s %s\n", node->space, node->name, topic, type == NULL ? "-" : type,
               publisher == NULL ? "-" : printable(publisher, text));
        return;
    }
    object = json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "space", node->space, "node", node->name, "topic", topic, "type", type,
                       "publisher", publisher);
    line = json_dumps(object, JSON_COMPACT);
    if (line != NULL)
        puts(line);
    free(line);
    json_decref(object);
}

static bool has_topic_of(const maiko_node_info *node, const char *pattern)
{
    size_t i;

    for (i = 0; i < node->topic_count; i++)
        if (maiko_topic_matches(pattern, node->topics[i].topic))
            return true;
    return false;
}

/* What was published, then what is exported and nothing was published on yet. */
static void print_topics(const maiko_node_info *node, void *userdata)
{
    struct topic_listing *listing = userdata;
    const char *const *pattern;
    size_t i;

    if (!node->is_alive)
        return;
    if (!listing->has_head && !listing->is_json)
        printf("%-12s %-24s %-32s %-24s %s\n", "SPACE", "NODE", "TOPIC", "TYPE", "PUBLISHER");
    listing->has_head = true;
    for (i = 0; i < node->topic_count; i++)
        print_line(listing, node, node->topics[i].topic, node->topics[i].type, node->topics[i].publisher);
    for (pattern = node->exports; *pattern != NULL; pattern++)
        if (!has_topic_of(node, *pattern))
            print_line(listing, node, *pattern, NULL, NULL);
}

static int list(const struct topic_options *options)
{
    char reason[256] = "";
    struct topic_listing listing = {.is_json = options->is_json};
    maiko_status status =
        maiko_space_list_shared(NULL, options->group, options->space, print_topics, &listing, reason, sizeof(reason));

    if (status == MAIKO_OK && !listing.has_head && !listing.is_json)
        complain(EXIT_OK, "topic", "no live process");
    if (status == MAIKO_OK)
        return finish_output("topic");
    return complain_status(status, "topic", options->group == NULL ? options->space : NULL, reason);
}

/* ---- echo ---- */

struct echo {
    unsigned long count; /* 0: no end */
    unsigned long printed;
    bool is_json;
    bool is_verbose;
    int write_error; /* errno of what could not be printed; 0: none */
};

/* Why nothing comes any more, or not everything. */
static void print_report(const maiko_peer_report *report, bool is_verbose)
{
    if (report->news == MAIKO_PEER_REFUSED)
        complain(0, "topic", "%s: refused by %s: %s%s%s", report->pattern[0] != '\0' ? report->pattern : "everything",
                 report->peer, report->reason, report->text[0] != '\0' ? ", " : "", report->text);
    else if (report->news == MAIKO_PEER_GAP && report->is_lost_known)
        complain(0, "topic", "%" PRIu64 " events of %s are lost: %s", report->lost, report->peer, report->reason);
    else if (report->news == MAIKO_PEER_GAP)
        complain(0, "topic", "events of %s are lost, nobody knows how many: %s", report->peer, report->reason);
    else if (report->news == MAIKO_PEER_DOWN)
        complain(0, "topic", "%s is gone: %s; waiting", report->peer, report->reason);
    else if (is_verbose)
        complain(0, "topic", "%s: %s", report->peer, maiko_enum_label(&maiko_enum_maiko_peer_news, (int32_t)report->news));
}

static bool is_done(const struct echo *echo)
{
    return echo->write_error != 0 || (echo->count > 0 && echo->printed == echo->count);
}

static maiko_status take_event(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const maiko_peer_report *report = maiko_event_as(envelope, maiko_peer_report);
    struct echo *echo = self;
    maiko_status status;

    if (report != NULL) {
        print_report(report, echo->is_verbose);
        return MAIKO_OK;
    }
    if (is_done(echo)) /* a stop drains what has come */
        return MAIKO_OK;
    status = print_event(envelope, echo->is_json, &echo->write_error);
    echo->printed++;
    return status == MAIKO_OK && is_done(echo) ? maiko_stop_runtime(ctx) : status;
}

/* What can be said before anything comes. */
struct prospect {
    const char *pattern;
    unsigned nodes;
    char exporter[128]; /* the first node that exports something of it */
    bool has_topic;
};

static void look_at(const maiko_node_info *node, void *userdata)
{
    struct prospect *prospect = userdata;
    const char *const *exported;
    size_t i;

    if (!node->is_alive || strcmp(node->program, ECHO_PROGRAM) == 0)
        return;
    prospect->nodes++;
    for (exported = node->exports; *exported != NULL; exported++)
        if (prospect->exporter[0] == '\0' && maiko_patterns_overlap(*exported, prospect->pattern))
            snprintf(prospect->exporter, sizeof(prospect->exporter), "%s", node->name);
    for (i = 0; i < node->topic_count; i++)
        prospect->has_topic = prospect->has_topic || maiko_topic_matches(prospect->pattern, node->topics[i].topic);
}

static void explain(const struct topic_options *options, const char *pattern)
{
    struct prospect prospect = {.pattern = pattern};

    if (maiko_space_list_shared(NULL, options->group, options->space, look_at, &prospect, NULL, 0) != MAIKO_OK ||
        prospect.nodes == 0)
        complain(0, "topic", "%s: nobody is in space %s yet; waiting", pattern, options->space);
    else if (prospect.exporter[0] == '\0')
        complain(0, "topic", "%s: no node exports such a topic yet (maiko topic list shows what there is); waiting", pattern);
    else if (!prospect.has_topic)
        complain(0, "topic", "%s: %s exports it, but nothing was published on it yet; waiting", pattern, prospect.exporter);
}

static void on_log(maiko_log_level level, const char *text, void *userdata)
{
    if (*(const bool *)userdata)
        complain(0, "topic", "%s", text);
}

static const maiko_actor_ops echo_ops = {.handle = take_event};

static maiko_status set_up(maiko_supervisor *sup, maiko_bridge *bridge, struct echo *echo, char **patterns, int count,
                           maiko_bridge_from from)
{
    /* The publish list names a topic of its own, so that the actor never runs out of publishers and ends. */
    static const char *const endless[] = {"$echo", NULL};
    const char *subscribe[PATTERNS_MAX + 3] = {"$echo", MAIKO_TOPIC_PEER};
    maiko_status status = MAIKO_OK;
    maiko_actor_spec spec = {.name = "echo", .ops = &echo_ops, .self = echo, .subscribe = subscribe, .publish = endless};
    int i;

    for (i = 0; i < count && i < PATTERNS_MAX && status == MAIKO_OK; i++) {
        maiko_bridge_pattern pattern = {.pattern = patterns[i], .overflow = MAIKO_DROP_NEWEST, .from = from};

        subscribe[i + 2] = patterns[i];
        status = maiko_bridge_import(bridge, &pattern);
    }
    return status == MAIKO_OK ? maiko_supervisor_add(sup, &spec) : status;
}

/* A reader that is gone ends the command the way it ends every other one. */
static int end_of_output(int write_error)
{
    if (write_error == EPIPE) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return write_error == 0 ? EXIT_OK : complain(EXIT_ERROR, "topic", "cannot write: %s", strerror(write_error));
}

static int echo_events(const struct topic_options *options, char **patterns, int count)
{
    struct echo state = {.count = options->count, .is_json = options->is_json, .is_verbose = options->is_verbose};
    maiko_bridge_config config = {.space = options->space,
                                  .program = ECHO_PROGRAM,
                                  .log = on_log,
                                  .log_userdata = &state.is_verbose,
                                  .linger_ns = MAIKO_MS(100),
                                  .space_group = options->group};
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.name = ECHO_PROGRAM, .no_counters_file = true});
    maiko_bridge *bridge = maiko_bridge_new(sup, &config);
    maiko_status status = set_up(sup, bridge, &state, patterns, count, options->from);
    int code;
    int i;

    signal(SIGPIPE, SIG_IGN); /* the space is left first */
    if (status == MAIKO_OK)
        status = maiko_bridge_start(bridge);
    for (i = 0; i < count && status == MAIKO_OK; i++)
        explain(options, patterns[i]);
    if (status == MAIKO_OK)
        status = maiko_supervisor_run(sup);
    code = exit_code_of(status);
    if (status != MAIKO_OK)
        complain(code, "topic", "%s",
                 maiko_bridge_error_text(bridge)[0] != '\0' ? maiko_bridge_error_text(bridge) : maiko_supervisor_error_text(sup));
    (void)maiko_bridge_stop(&bridge);
    (void)maiko_supervisor_stop(&sup, NULL);
    return code == EXIT_OK ? end_of_output(state.write_error) : code;
}

/* ---- pub ---- */

static int pub(const struct topic_options *options, const char *topic, const char *json)
{
    char answer[512] = "";
    maiko_status status = maiko_space_publish_shared(NULL, options->group, options->space, topic, options->type, json,
                                                     (uint64_t)(options->timeout_s * 1e9), answer, sizeof(answer));

    if (status == MAIKO_OK)
        return EXIT_OK;
    return complain_status(status, "topic", options->group == NULL ? options->space : NULL, answer);
}

/* ---- */

/* False: its value is none. */
static bool read_option(struct topic_options *options, int letter)
{
    char *end;

    switch (letter) {
    case 's':
        options->space = optarg;
        return true;
    case 'G':
        options->group = optarg;
        return true;
    case 't':
        options->type = optarg;
        return true;
    case 'c':
        options->count = strtoul(optarg, &end, 10);
        return optarg[0] >= '0' && optarg[0] <= '9' && *end == '\0' && options->count > 0 && options->count < ULONG_MAX;
    case 'W':
        options->timeout_s = strtod(optarg, &end);
        return end != optarg && *end == '\0' && options->timeout_s > 0 && options->timeout_s < 1e6;
    case 'j':
        options->is_json = true;
        return true;
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

static int bad_usage(const char *text)
{
    complain(0, "topic", "%s", text);
    return complain(EXIT_BAD_USAGE, "topic", "try maiko topic --help");
}

static int run_echo(const struct topic_options *options, char **patterns, int count)
{
    int i;

    if (count == 0)
        return bad_usage("echo: which PATTERN?  ('#' for everything)");
    if (count > PATTERNS_MAX)
        return bad_usage("echo: more than 64 patterns");
    for (i = 0; i < count; i++)
        if (maiko_pattern_check(patterns[i]) != MAIKO_OK)
            return complain(EXIT_BAD_USAGE, "topic", "%s: not a topic pattern: '#' stands alone and last, '+' alone",
                            patterns[i]);
    return echo_events(options, patterns, count);
}

static int run(const struct topic_options *options, char **argv, int argc)
{
    const char *verb = argc > 0 ? argv[0] : "";
    bool is_list = strcmp(verb, "list") == 0;
    bool is_echo = strcmp(verb, "echo") == 0;

    if (!is_list && !is_echo && strcmp(verb, "pub") != 0)
        return bad_usage("list, echo or pub?");
    if (is_list)
        return argc == 1 ? list(options) : bad_usage("list takes no arguments");
    if (options->space == NULL)
        return complain(EXIT_BAD_USAGE, "topic", "which --space?  (maiko ps lists them)");
    if (is_echo)
        return run_echo(options, argv + 1, argc - 1);
    return argc == 3 ? pub(options, argv[1], argv[2]) : bad_usage("pub takes a TOPIC and the event as JSON, in quotes");
}

int cmd_topic(int argc, char **argv)
{
    static const struct option long_options[] = {{"space", required_argument, NULL, 's'},
                                                 {"space-group", required_argument, NULL, 'G'},
                                                 {"type", required_argument, NULL, 't'},
                                                 {"count", required_argument, NULL, 'c'},
                                                 {"timeout", required_argument, NULL, 'W'},
                                                 {"history", no_argument, NULL, 'H'},
                                                 {"last", no_argument, NULL, 'L'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {"verbose", no_argument, NULL, 'v'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {NULL, 0, NULL, 0}};
    struct topic_options options = {.timeout_s = 2};
    int letter;

    while ((letter = getopt_long(argc, argv, ":s:c:W:vh", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage(stdout);
        if (letter == '?' || letter == ':')
            return complain_option("topic", letter, argv);
        if (!read_option(&options, letter))
            return complain(EXIT_BAD_USAGE, "topic", "%s: not a number above 0", optarg);
    }
    return run(&options, argv + optind, argc - optind);
}
