/* maiko topic: list, echo and pub on a running space, by the schemas its nodes announce. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <maiko/space.h>
#include <maiko/topic.h>

#include "event_form.h"
#include "exported.h"
#include "listener.h"
#include "maiko.h"
#include "table.h"

enum { TOPICS_NAMED = 1024 /* see <maiko/space.h> */ };

static const double answer_s = 2; /* of pub, for each node */

struct topic_options {
    const char *space;
    const char *group;       /* whose members share it; NULL: this user's alone */
    const char *runtime_dir; /* NULL: the usual one */
    const char *type;
    unsigned long count;       /* 0: no end */
    double timeout_s;          /* 0: none was given */
    unsigned long subscribers; /* of pub: not before there are so many */
    double max_wait_s;
    maiko_bridge_from from;
    const struct event_form *form; /* of echo */
    bool is_verbose;
    bool is_json;
};

static int usage(FILE *file)
{
    fputs("usage: maiko topic list [--space NAME] [--json]\n"
          "       maiko topic echo --space NAME [--count N] [--timeout S] [--history | --last] [--format FORM] PATTERN...\n"
          "       maiko topic pub --space NAME [--type NAME] [--wait N] [--timeout S] TOPIC JSON\n"
          "list: the topics that nodes have exported, with type and first publisher; then patterns without a topic yet.\n"
          "echo: what is sent, as text: time, topic, sender, payload, on a line; on stderr why none comes.\n"
          "pub: exits with 0 only when a node has accepted the event.\n"
          "  -s, --space NAME   which space; list: of all when it is not given\n"
          "      --space-group GROUP  a space that the members of this group share\n"
          "      --runtime-dir DIR    where spaces are ($XDG_RUNTIME_DIR, or a checked directory below /tmp)\n"
          "  -c, --count N      end after N events\n"
          "      --history      what the nodes still have first\n"
          "      --last         the last event of each topic first\n"
          "  -f, --format FORM  echo: text, or\n"
          "                       json     one object per line, nothing left out or rounded\n"
          "                       pretty   on several lines, for people\n"
          "                       hex      the payload's bytes, dumped\n"
          "                       raw      the payload's bytes as they are, one event behind the other\n"
          "                       msgpack  a map per event, one behind the other\n"
          "      --json         list: one object per line; echo: short for --format json\n"
          "      --type NAME    type of the event (the one its topic has)\n"
          "  -w, --wait N       pub: not before N other processes are subscribed\n"
          "      --max-wait S   and not later (30); exits with 4 then\n"
          "  -W, --timeout S    pub: how long to wait for each node's answer (2)\n"
          "                     echo: end after that time; exits with 4 when fewer than N came, or none (for ever)\n"
          "  -v, --verbose      echo: say more on stderr\n",
          file);
    return EXIT_OK;
}

/* ---- list ---- */

struct topic_listing {
    bool is_json;
    bool has_node;
    uint64_t left_out; /* topics */
    struct table table;
};

/* Takes the object. */
static void put_json(json_t *object)
{
    char *line = json_dumps(object, JSON_COMPACT);

    if (line != NULL)
        puts(line);
    free(line);
    json_decref(object);
}

/* One that is listed.  `type` and `publisher` are NULL when nothing was published on it. */
struct topic_line {
    const char *topic;
    const char *type;
    const char *publisher;
    maiko_counters_export exported; /* what of it waits for other nodes; all 0 when that is not known */
};

static void print_json(const maiko_node_info *node, const struct topic_line *line)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "space", node->space, "node", node->name, "topic", line->topic,
                               "type", line->type, "publisher", line->publisher);
    uint64_t age_ns = exported_age(&line->exported);

    json_object_set_new(object, "queued", json_integer((json_int_t)line->exported.queued));
    json_object_set_new(object, "age_ms", age_ns == 0 ? json_null() : json_integer((json_int_t)(age_ns / 1000000)));
    put_json(object);
}

/* What a node has counted and not named, where programs read on. */
static void print_left_out(const maiko_node_info *node)
{
    put_json(json_pack("{s:s, s:s, s:n, s:I}", "space", node->space, "node", node->name, "topic", "left_out",
                       (json_int_t)node->topics_left_out));
}

static void add_waiting(struct table *table, const maiko_counters_export *exported)
{
    uint64_t age_ns = exported_age(exported);
    char text[32] = "-";

    if (exported->queued > 0)
        snprintf(text, sizeof(text), "%llu", (unsigned long long)exported->queued);
    table_add(table, text);
    if (age_ns > 0)
        snprintf(text, sizeof(text), "%.1fs", (double)age_ns / 1e9);
    table_add(table, age_ns > 0 ? text : "-");
}

static void print_line(struct topic_listing *listing, const maiko_node_info *node, const struct topic_line *line)
{
    if (listing->is_json) {
        print_json(node, line);
        return;
    }
    table_add(&listing->table, node->space);
    table_add(&listing->table, line->topic);
    table_add(&listing->table, line->type == NULL ? "-" : line->type);
    table_add(&listing->table, node->name);
    table_add(&listing->table, line->publisher == NULL ? "-" : line->publisher);
    add_waiting(&listing->table, &line->exported);
}

static bool has_topic_of(const maiko_node_info *node, const char *pattern)
{
    size_t i;

    for (i = 0; i < node->topic_count; i++)
        if (maiko_topic_matches(pattern, node->topics[i].topic))
            return true;
    return false;
}

static void print_published(struct topic_listing *listing, const maiko_node_info *node)
{
    maiko_counters *counters = counters_of(node);
    size_t i;

    for (i = 0; i < node->topic_count; i++) {
        const maiko_topic_info *topic = &node->topics[i];
        struct topic_line line = {.topic = topic->topic, .type = topic->type, .publisher = topic->publisher};

        if (!exported_find(counters, topic->topic, &line.exported))
            line.exported = (maiko_counters_export){.topic = ""};
        print_line(listing, node, &line);
    }
    maiko_counters_free(counters);
}

/* What was published, then what is exported and nothing was published on yet. */
static void print_topics(const maiko_node_info *node, void *userdata)
{
    struct topic_listing *listing = userdata;
    const char *const *pattern;

    if (!node->is_alive)
        return;
    listing->has_node = true;
    print_published(listing, node);
    for (pattern = node->exports; *pattern != NULL; pattern++)
        if (!has_topic_of(node, *pattern))
            print_line(listing, node, &(struct topic_line){.topic = *pattern});
    listing->left_out += node->topics_left_out;
    if (listing->is_json && node->topics_left_out > 0)
        print_left_out(node);
}

static int list(const struct topic_options *options)
{
    static const char *const heads[] = {"SPACE", "TOPIC", "TYPE", "NODE", "PUBLISHER", ">WAITING", ">AGE", NULL};
    struct topic_listing listing = {.is_json = options->is_json};
    char reason[256] = "";
    maiko_status status;
    bool is_whole;

    table_init(&listing.table, heads);
    status = maiko_space_list_shared(options->runtime_dir, options->group, options->space, print_topics, &listing, reason,
                                     sizeof(reason));
    is_whole = status != MAIKO_OK || table_print(&listing.table);
    table_deinit(&listing.table);
    if (status != MAIKO_OK)
        return complain_status(status, "topic", options->group == NULL ? options->space : NULL, reason);
    if (!is_whole)
        return complain_status(MAIKO_ENOMEM, "topic", NULL, "");
    if (!listing.has_node && !listing.is_json)
        complain(EXIT_OK, "topic", "no live process");
    if (listing.left_out > 0)
        complain(EXIT_OK, "topic", "%llu more topics are not listed: a process names its first %d at most",
                 (unsigned long long)listing.left_out, TOPICS_NAMED);
    return finish_output("topic");
}

/* ---- echo ---- */

struct echo {
    unsigned long count; /* 0: no end */
    unsigned long printed;
    struct output output;
    struct event_writer writer;
};

static maiko_status take_event(void *userdata, const maiko_envelope *envelope, bool *ret_is_enough)
{
    struct echo *echo = userdata;
    maiko_status status = event_writer_put(&echo->writer, envelope);

    if (status != MAIKO_OK) {
        complain(0, "topic", "an event of %s cannot be written as %s: %s", maiko_envelope_topic(envelope),
                 echo->writer.form->name, maiko_strerror(status));
        return status;
    }
    echo->printed++;
    if (output_is_full(&echo->output))
        (void)output_flush(&echo->output);
    *ret_is_enough = echo->output.error != 0 || (echo->count > 0 && echo->printed == echo->count);
    return MAIKO_OK;
}

static bool pause_output(void *userdata)
{
    struct echo *echo = userdata;

    return output_flush(&echo->output);
}

/* A reader that is gone ends the command the way it ends every other one. */
static int end_of_output(int error)
{
    if (error == EPIPE) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return error == 0 ? EXIT_OK
                      : complain(EXIT_ERROR, "topic", "cannot write: %s",
                                 error == ETIMEDOUT ? "nobody reads, and it shall end" : strerror(error));
}

/* Its reader may go as soon as it has them all. */
static bool is_complete(const struct echo *echo)
{
    return echo->count > 0 && echo->printed == echo->count;
}

/* Its time was over before there were as many as were asked for: without a number, one. */
static int say_late(const struct echo *echo)
{
    if (echo->printed >= (echo->count > 0 ? echo->count : 1))
        return EXIT_OK;
    return complain(EXIT_NO_DATA, "topic", "time is up after %lu events", echo->printed);
}

static int listen_and_write(const struct listener *listener, struct echo *echo, const struct topic_options *options)
{
    struct ending ending;
    int code;

    signal(SIGPIPE, SIG_IGN); /* the space is left first */
    if (!ending_init(&ending)) {
        code = complain(EXIT_ERROR, "topic", "no descriptors: %s", strerror(errno));
    } else {
        output_init(&echo->output, ending.stop_fd);
        if (options->timeout_s > 0)
            ending.timeout_ms = (int)(options->timeout_s * 1e3) + 1;
        code = exit_code_of(event_writer_init(&echo->writer, options->form, &echo->output));
        if (code == EXIT_OK)
            code = listener_run(listener, &ending);
        event_writer_deinit(&echo->writer);
        output_deinit(&echo->output);
        if (ending.is_abandoned && !is_complete(echo) && echo->output.error == 0)
            echo->output.error = EPIPE;
        if (ending.is_late && code == EXIT_OK && echo->output.error == 0)
            code = say_late(echo);
    }
    ending_deinit(&ending);
    return code == EXIT_OK ? end_of_output(echo->output.error) : code;
}

static int echo_events(const struct topic_options *options, char **patterns, int count)
{
    struct echo echo = {.count = options->count};
    struct listener listener = {.verb = "topic",
                                .space = options->space,
                                .group = options->group,
                                .runtime_dir = options->runtime_dir,
                                .patterns = patterns,
                                .pattern_count = count,
                                .from = options->from,
                                .is_verbose = options->is_verbose,
                                .take = take_event,
                                .pause = pause_output,
                                .userdata = &echo};

    return listen_and_write(&listener, &echo, options);
}

/* ---- pub ---- */

static int pub(const struct topic_options *options, const char *topic, const char *json)
{
    const maiko_publication publication = {.runtime_dir = options->runtime_dir,
                                           .group = options->group,
                                           .space = options->space,
                                           .topic = topic,
                                           .type = options->type,
                                           .json = json,
                                           .timeout_ns =
                                               (uint64_t)((options->timeout_s > 0 ? options->timeout_s : answer_s) * 1e9),
                                           .subscribers = (uint32_t)options->subscribers,
                                           .wait_ns = (uint64_t)(options->max_wait_s * 1e9)};
    char answer[512] = "";
    maiko_status status = maiko_space_send(&publication, answer, sizeof(answer));
    bool is_of_topic = options->subscribers > 0 && answer[0] != '\0'; /* that nobody exports it */

    if (status == MAIKO_OK)
        return EXIT_OK;
    return complain_status(status, "topic", options->group == NULL && !is_of_topic ? options->space : NULL, answer);
}

/* ---- */

static bool read_count(unsigned long *ret_count, unsigned long most)
{
    char *end;

    *ret_count = strtoul(optarg, &end, 10);
    return optarg[0] >= '0' && optarg[0] <= '9' && *end == '\0' && *ret_count > 0 && *ret_count <= most;
}

static bool read_seconds(double *ret_seconds)
{
    char *end;

    *ret_seconds = strtod(optarg, &end);
    return end != optarg && *end == '\0' && *ret_seconds > 0 && *ret_seconds < 1e6;
}

/* False: its value is none. */
static bool read_option(struct topic_options *options, int letter)
{
    switch (letter) {
    case 's':
        options->space = optarg;
        return true;
    case 'G':
        options->group = optarg;
        return true;
    case 'D':
        options->runtime_dir = optarg;
        return true;
    case 't':
        options->type = optarg;
        return true;
    case 'c':
        return read_count(&options->count, ULONG_MAX - 1);
    case 'w':
        return read_count(&options->subscribers, 1024);
    case 'W':
        return read_seconds(&options->timeout_s);
    case 'M':
        return read_seconds(&options->max_wait_s);
    case 'f':
        options->form = event_form_by_name(optarg);
        return options->form != NULL;
    case 'j':
        options->is_json = true;
        options->form = event_form_by_name("json");
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
    if (count > LISTENER_PATTERNS_MAX)
        return bad_usage("echo: more than 64 patterns");
    for (i = 0; i < count; i++)
        if (maiko_pattern_check(patterns[i]) != MAIKO_OK)
            return complain(EXIT_BAD_USAGE, "topic", "%s: not a topic pattern: '#' stands alone and last, '+' alone",
                            patterns[i]);
    if (options->form->is_binary && isatty(STDOUT_FILENO))
        return complain(EXIT_BAD_USAGE, "topic", "%s: not to a terminal, which would take bytes for commands: | xxd shows them",
                        options->form->name);
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
                                                 {"runtime-dir", required_argument, NULL, 'D'},
                                                 {"type", required_argument, NULL, 't'},
                                                 {"count", required_argument, NULL, 'c'},
                                                 {"format", required_argument, NULL, 'f'},
                                                 {"timeout", required_argument, NULL, 'W'},
                                                 {"wait", required_argument, NULL, 'w'},
                                                 {"max-wait", required_argument, NULL, 'M'},
                                                 {"history", no_argument, NULL, 'H'},
                                                 {"last", no_argument, NULL, 'L'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {"verbose", no_argument, NULL, 'v'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {NULL, 0, NULL, 0}};
    struct topic_options options = {.max_wait_s = 30, .form = event_form_by_name("text")};
    int letter;

    while ((letter = getopt_long(argc, argv, ":s:c:f:w:W:vh", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage(stdout);
        if (letter == '?' || letter == ':')
            return complain_option("topic", letter, argv);
        if (letter == 'f' && event_form_by_name(optarg) == NULL)
            return complain(EXIT_BAD_USAGE, "topic", "%s: not a format: %s", optarg, event_form_names);
        if (letter == 'D' && optarg[0] != '/')
            return complain_path("topic", optarg);
        if (!read_option(&options, letter))
            return complain(EXIT_BAD_USAGE, "topic", "%s: not a number above 0", optarg);
    }
    return run(&options, argv + optind, argc - optind);
}
