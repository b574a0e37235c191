/* maiko topic echo: events of a running space as lines, and on stderr why none come. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <maiko/id.h>
#include <maiko/json.h>
#include <maiko/peer.h>
#include <maiko/schema.h>
#include <maiko/space.h>
#include <maiko/topic.h>

#include "maiko.h"
#include "topic.h"

struct echo {
    unsigned long count; /* 0: no end */
    unsigned long printed;
    bool is_json;
    bool is_verbose;
    int write_error; /* errno of what could not be printed; 0: none */
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

static void print_text(const maiko_envelope *envelope, const char *payload)
{
    char sender[PRINTABLE_SIZE];

    print_time(maiko_envelope_time(envelope));
    printf(" %s %s %s\n", maiko_envelope_topic(envelope), printable(maiko_envelope_sender(envelope), sender), payload);
}

static void add_id(json_t *object, const char *key, maiko_id id)
{
    char text[MAIKO_ID_TEXT_SIZE];

    if (!maiko_id_is_nil(id))
        json_object_set_new(object, key, json_string(maiko_id_format(id, text)));
}

/* The payload's text is taken as it is, at the end of the object: numbers keep their digits. */
static void print_json(const maiko_envelope *envelope, const char *payload)
{
    json_t *object =
        json_pack("{s:I, s:s, s:s, s:s}", "time", (json_int_t)maiko_envelope_time(envelope), "topic",
                  maiko_envelope_topic(envelope), "type", envelope->type->name, "sender", maiko_envelope_sender(envelope));
    char *head;

    add_id(object, "id", maiko_envelope_id(envelope));
    add_id(object, "parent", maiko_envelope_parent(envelope));
    add_id(object, "correlation", maiko_envelope_correlation(envelope));
    head = json_dumps(object, JSON_COMPACT);
    if (head != NULL)
        printf("%.*s,\"payload\":%s}\n", (int)strlen(head) - 1, head, payload);
    free(head);
    json_decref(object);
}

static maiko_status print_event(struct echo *echo, const maiko_envelope *envelope)
{
    size_t len = 0;
    char *json;

    (void)maiko_event_to_json(envelope->type, envelope->payload, envelope->payload_len, NULL, 0, &len);
    json = malloc(len + 5);
    if (json == NULL)
        return MAIKO_ENOMEM;
    if (maiko_event_to_json(envelope->type, envelope->payload, envelope->payload_len, json, len + 1, NULL) != MAIKO_OK)
        strcpy(json, "null");
    if (echo->is_json)
        print_json(envelope, json);
    else
        print_text(envelope, json);
    free(json);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        echo->write_error = errno != 0 ? errno : EIO;
    return MAIKO_OK;
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
    status = print_event(echo, envelope);
    echo->printed++;
    return status == MAIKO_OK && is_done(echo) ? maiko_stop_runtime(ctx) : status;
}

/* ---- what can be said before anything comes ---- */

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

    if (!node->is_alive || strcmp(node->program, TOPIC_ECHO_PROGRAM) == 0)
        return;
    prospect->nodes++;
    for (exported = node->exports; *exported != NULL; exported++)
        if (prospect->exporter[0] == '\0' && maiko_patterns_overlap(*exported, prospect->pattern))
            snprintf(prospect->exporter, sizeof(prospect->exporter), "%s", node->name);
    for (i = 0; i < node->topic_count; i++)
        prospect->has_topic = prospect->has_topic || maiko_topic_matches(prospect->pattern, node->topics[i].topic);
}

static void explain(const char *space, const char *pattern)
{
    struct prospect prospect = {.pattern = pattern};

    if (maiko_space_list(NULL, space, look_at, &prospect, NULL, 0) != MAIKO_OK || prospect.nodes == 0)
        complain(0, "topic", "%s: nobody is in space %s yet; waiting", pattern, space);
    else if (prospect.exporter[0] == '\0')
        complain(0, "topic", "%s: no node exports such a topic yet (maiko topic list shows what there is); waiting", pattern);
    else if (!prospect.has_topic)
        complain(0, "topic", "%s: %s exports it, but nothing was published on it yet; waiting", pattern, prospect.exporter);
}

/* ---- the run ---- */

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
    const char *subscribe[TOPIC_PATTERNS_MAX + 3] = {"$echo", MAIKO_TOPIC_PEER};
    maiko_status status = MAIKO_OK;
    maiko_actor_spec spec = {.name = "echo", .ops = &echo_ops, .self = echo, .subscribe = subscribe, .publish = endless};
    int i;

    for (i = 0; i < count && i < TOPIC_PATTERNS_MAX && status == MAIKO_OK; i++) {
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

int topic_echo(const struct topic_options *options, char **patterns, int count)
{
    struct echo state = {.count = options->count, .is_json = options->is_json, .is_verbose = options->is_verbose};
    maiko_bridge_config config = {.space = options->space,
                                  .program = TOPIC_ECHO_PROGRAM,
                                  .log = on_log,
                                  .log_userdata = &state.is_verbose,
                                  .linger_ns = MAIKO_MS(100)};
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.name = TOPIC_ECHO_PROGRAM, .no_counters_file = true});
    maiko_bridge *bridge = maiko_bridge_new(sup, &config);
    maiko_status status = set_up(sup, bridge, &state, patterns, count, options->from);
    int code;
    int i;

    signal(SIGPIPE, SIG_IGN); /* the space is left first */
    if (status == MAIKO_OK)
        status = maiko_bridge_start(bridge);
    for (i = 0; i < count && status == MAIKO_OK; i++)
        explain(options->space, patterns[i]);
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
