/* Listener, see listener.h. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <maiko/peer.h>
#include <maiko/schema.h>
#include <maiko/space.h>
#include <maiko/topic.h>

#include "listener.h"
#include "maiko.h"

#define LISTENER_PROGRAM "maiko-echo"

/* What waits for the verb: as much as a link brings at once. */
enum { BATCH_EVENTS = 256, MAILBOX_EVENTS = 1024 };

/* ---- the actor ---- */

struct listening {
    const struct listener *listener;
    bool is_enough;
};

/* Why nothing comes any more, or not everything. */
static void print_report(const struct listener *listener, const maiko_peer_report *report)
{
    const char *verb = listener->verb;

    if (report->news == MAIKO_PEER_REFUSED)
        complain(0, verb, "%s: refused by %s: %s%s%s", report->pattern[0] != '\0' ? report->pattern : "everything", report->peer,
                 report->reason, report->text[0] != '\0' ? ", " : "", report->text);
    else if (report->news == MAIKO_PEER_GAP && report->is_lost_known)
        complain(0, verb, "%" PRIu64 " events of %s are lost: %s", report->lost, report->peer, report->reason);
    else if (report->news == MAIKO_PEER_GAP)
        complain(0, verb, "events of %s are lost, nobody knows how many: %s", report->peer, report->reason);
    else if (report->news == MAIKO_PEER_DOWN)
        complain(0, verb, "%s is gone: %s; waiting", report->peer, report->reason);
    else if (listener->is_verbose)
        complain(0, verb, "%s: %s", report->peer, maiko_enum_label(&maiko_enum_maiko_peer_news, (int32_t)report->news));
}

static maiko_status stop_if_enough(struct listening *listening, maiko_context *ctx)
{
    return listening->is_enough ? maiko_stop_runtime(ctx) : MAIKO_OK;
}

static maiko_status take_event(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const maiko_peer_report *report = maiko_event_as(envelope, maiko_peer_report);
    struct listening *listening = self;
    const struct listener *listener = listening->listener;
    maiko_status status;

    if (listening->is_enough) /* a stop drains what has come */
        return MAIKO_OK;
    if (report != NULL) {
        listening->is_enough = !listener->pause(listener->userdata);
        print_report(listener, report);
        return stop_if_enough(listening, ctx);
    }
    status = listener->take(listener->userdata, envelope, &listening->is_enough);
    return status == MAIKO_OK ? stop_if_enough(listening, ctx) : status;
}

static maiko_step rest(void *self, maiko_context *ctx)
{
    struct listening *listening = self;

    if (maiko_context_depth(ctx) == 0 && !listening->is_enough) {
        listening->is_enough = !listening->listener->pause(listening->listener->userdata);
        (void)stop_if_enough(listening, ctx);
    }
    return MAIKO_STEP_AWAIT_EVENT;
}

static maiko_status leave(void *self, maiko_context *ctx)
{
    struct listening *listening = self;

    (void)ctx;
    (void)listening->listener->pause(listening->listener->userdata);
    return MAIKO_OK;
}

static const maiko_actor_ops ops = {.handle = take_event, .step = rest, .on_stop = leave};

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

    if (!node->is_alive || strcmp(node->program, LISTENER_PROGRAM) == 0)
        return;
    prospect->nodes++;
    for (exported = node->exports; *exported != NULL; exported++)
        if (prospect->exporter[0] == '\0' && maiko_patterns_overlap(*exported, prospect->pattern))
            snprintf(prospect->exporter, sizeof(prospect->exporter), "%s", node->name);
    for (i = 0; i < node->topic_count; i++)
        prospect->has_topic = prospect->has_topic || maiko_topic_matches(prospect->pattern, node->topics[i].topic);
}

static void explain(const struct listener *listener, const char *pattern)
{
    struct prospect prospect = {.pattern = pattern};

    if (maiko_space_list_shared(listener->runtime_dir, listener->group, listener->space, look_at, &prospect, NULL, 0) !=
            MAIKO_OK ||
        prospect.nodes == 0)
        complain(0, listener->verb, "%s: nobody is in space %s yet; waiting", pattern, listener->space);
    else if (prospect.exporter[0] == '\0')
        complain(0, listener->verb, "%s: no node exports such a topic yet (maiko topic list shows what there is); waiting",
                 pattern);
    else if (!prospect.has_topic)
        complain(0, listener->verb, "%s: %s exports it, but nothing was published on it yet; waiting", pattern,
                 prospect.exporter);
}

/* ---- the node ---- */

static void on_log(maiko_log_level level, const char *text, void *userdata)
{
    const struct listener *listener = userdata;

    (void)level;
    if (listener->is_verbose)
        complain(0, listener->verb, "%s", text);
}

static void request_stop(void *userdata)
{
    (void)maiko_supervisor_request_stop(userdata);
}

static maiko_status set_up(maiko_supervisor *sup, maiko_bridge *bridge, struct listening *listening)
{
    /* The publish list names a topic of its own, so that the actor never runs out of publishers and ends. */
    static const char *const endless[] = {"$echo", NULL};
    const struct listener *listener = listening->listener;
    const char *subscribe[LISTENER_PATTERNS_MAX + 3] = {"$echo", MAIKO_TOPIC_PEER};
    maiko_status status = MAIKO_OK;
    maiko_actor_spec spec = {.name = "echo",
                             .ops = &ops,
                             .self = listening,
                             .subscribe = subscribe,
                             .publish = endless,
                             .tick_limit = BATCH_EVENTS,
                             .capacity = MAILBOX_EVENTS};
    int i;

    for (i = 0; i < listener->pattern_count && i < LISTENER_PATTERNS_MAX && status == MAIKO_OK; i++) {
        maiko_bridge_pattern pattern = {.pattern = listener->patterns[i], .overflow = MAIKO_DROP_NEWEST, .from = listener->from};

        subscribe[i + 2] = listener->patterns[i];
        status = maiko_bridge_import(bridge, &pattern);
    }
    return status == MAIKO_OK ? maiko_supervisor_add(sup, &spec) : status;
}

static maiko_status run(const struct listener *listener, maiko_supervisor *sup, maiko_bridge *bridge, struct ending *ending)
{
    struct listening listening = {.listener = listener};
    maiko_status status = set_up(sup, bridge, &listening);
    int i;

    if (status == MAIKO_OK)
        status = maiko_bridge_start(bridge);
    for (i = 0; i < listener->pattern_count && status == MAIKO_OK; i++)
        explain(listener, listener->patterns[i]);
    if (status == MAIKO_OK && !ending_begin(ending, request_stop, sup))
        status = MAIKO_ESYSTEM;
    return status == MAIKO_OK ? maiko_supervisor_run(sup) : status;
}

int listener_run(const struct listener *listener, struct ending *ending)
{
    maiko_bridge_config config = {.space = listener->space,
                                  .program = LISTENER_PROGRAM,
                                  .runtime_dir = listener->runtime_dir,
                                  .log = on_log,
                                  .log_userdata = (void *)(uintptr_t)listener,
                                  .linger_ns = MAIKO_MS(100),
                                  .space_group = listener->group};
    maiko_supervisor *sup =
        maiko_supervisor_new(&(maiko_config){.name = LISTENER_PROGRAM, .no_counters_file = true, .handle_no_signals = true});
    maiko_bridge *bridge = maiko_bridge_new(sup, &config);
    maiko_status status = run(listener, sup, bridge, ending);
    const char *text = maiko_bridge_error_text(bridge);

    ending_finish(ending);
    if (text[0] == '\0')
        text = maiko_supervisor_error_text(sup);
    if (status != MAIKO_OK)
        complain(0, listener->verb, "%s", text[0] != '\0' ? text : maiko_strerror(status));
    (void)maiko_bridge_stop(&bridge);
    (void)maiko_supervisor_stop(&sup, NULL);
    return exit_code_of(status);
}
