/* maiko topic echo: events of a running space as lines, and on stderr why none come. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <maiko/json.h>
#include <maiko/peer.h>
#include <maiko/space.h>
#include <maiko/topic.h>

#include "maiko.h"
#include "topic.h"

enum { PATTERNS_MAX = 64 };

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

/* Why nothing of a pattern comes: who refuses it, or that its subscription has ended. */
static void print_report(const maiko_peer_report *report)
{
    if (report->news == MAIKO_PEER_REFUSED)
        complain(0, "topic", "%s: refused by %s: %s%s%s", report->pattern[0] != '\0' ? report->pattern : "everything",
                 report->peer, report->reason, report->text[0] != '\0' ? ", " : "", report->text);
    else if (report->news == MAIKO_PEER_GAP && report->is_lost_known)
        complain(0, "topic", "%" PRIu64 " events of %s are lost: %s", report->lost, report->peer, report->reason);
    else if (report->news == MAIKO_PEER_GAP)
        complain(0, "topic", "events of %s are lost, nobody knows how many: %s", report->peer, report->reason);
}

static maiko_status print_event(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const maiko_peer_report *report = maiko_event_as(envelope, maiko_peer_report);
    struct echo *echo = self;
    size_t len = 0;
    char *json;

    if (report != NULL) {
        print_report(report);
        return MAIKO_OK;
    }
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

static const maiko_actor_ops echo_ops = {.handle = print_event};

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

int topic_echo(const struct topic_options *options, char **patterns, int count)
{
    bool is_verbose = options->is_verbose;
    maiko_bridge_config config = {.space = options->space,
                                  .program = TOPIC_ECHO_PROGRAM,
                                  .log = on_log,
                                  .log_userdata = &is_verbose,
                                  .linger_ns = MAIKO_MS(100)};
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.name = TOPIC_ECHO_PROGRAM, .no_counters_file = true});
    maiko_bridge *bridge = maiko_bridge_new(sup, &config);
    struct echo state = {.left = options->count};
    maiko_status status = set_up(sup, bridge, &state, patterns, count, options->from);
    int code;
    int i;

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
    return code;
}
