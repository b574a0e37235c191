/* Report end: two actors, see report_end.h. */
#include "lib/report_end.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <maiko/system.h>

#include "lib/child.h"
#include "lib/suite.h"

static maiko_status on_counted(void *self, maiko_context *ctx, const void *event, const maiko_envelope *envelope)
{
    ((struct report_end *)self)->received++;
    return MAIKO_OK;
}

static maiko_status on_report(void *self, maiko_context *ctx, const void *event, const maiko_envelope *envelope)
{
    struct report_end *end = self;
    uint32_t count = atomic_load(&end->count);

    if (count < REPORTS_KEPT)
        end->reports[count] = *(const maiko_peer_report *)event;
    atomic_store(&end->count, count + 1);
    return MAIKO_OK;
}

static const maiko_handler counted_handlers[] = {{MAIKO_TYPE(counted), on_counted}, {NULL, NULL}};
static const maiko_actor_ops counting_ops = {.handlers = counted_handlers};
static const maiko_handler report_handlers[] = {{MAIKO_TYPE(maiko_peer_report), on_report}, {NULL, NULL}};
static const maiko_actor_ops listener_ops = {.handlers = report_handlers};

static void on_log(maiko_log_level level, const char *text, void *userdata)
{
    struct report_end *end = userdata;

    if (strncmp(text, "refused: ", 9) == 0)
        end->refused_lines++;
    if (strncmp(text, "the record of this node could not be written", 44) == 0)
        end->unwritten_lines++;
    if (strncmp(text, "an event of ", 12) == 0 || strncmp(text, "an event on ", 12) == 0)
        end->unwelcome_lines++;
    if (strncmp(text, "what others send to actors that have stopped", 44) == 0)
        end->stopped_lines++;
    if (strncmp(text, "peer key file ", 14) == 0)
        end->new_keys++;
    if (strcmp(text, "there are descriptors again") == 0)
        end->heard_of_descriptors++;
    if (level >= MAIKO_LOG_WARNING)
        snprintf(end->log, sizeof(end->log), "%s", text);
}

char report_ends_directory[64];

void report_ends_begin(void)
{
    strcpy(report_ends_directory, "/tmp/maiko-reports-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(report_ends_directory));
    setenv("XDG_RUNTIME_DIR", report_ends_directory, 1);
}

void report_ends_finish(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", report_ends_directory);
    CU_ASSERT_EQUAL(system(command), 0);
}

void report_end_make(struct report_end *end, const char *node, const maiko_bridge_config *given)
{
    report_end_make_on(end, NULL, node, given);
}

void report_end_make_on(struct report_end *end, const maiko_config *supervisor, const char *node,
                        const maiko_bridge_config *given)
{
    /* Each with a topic of its own that keeps it from ending; one for both would be a circle, which ends when it is idle. */
    static const char *const endless[] = {"endless", NULL};
    static const char *const also_endless[] = {"endless too", NULL};
    static const char *const counted_topics[] = {"count/up", "endless", NULL};
    static const char *const report_topics[] = {MAIKO_TOPIC_PEER, "endless too", NULL};
    maiko_bridge_config config = {.space = "reports"};

    memset(end, 0, sizeof(*end));
    if (given != NULL)
        config = *given;
    config.node = node;
    config.log = on_log;
    config.log_userdata = end;
    end->sup = maiko_supervisor_new(supervisor);
    end->bridge = maiko_bridge_new(end->sup, &config);
    (void)maiko_supervisor_add(
        end->sup, &(maiko_actor_spec){
                      .name = "counting", .ops = &counting_ops, .self = end, .subscribe = counted_topics, .publish = endless});
    /* An actor of its own: a mailbox full of events under BLOCK has no room for reports. */
    (void)maiko_supervisor_add(
        end->sup,
        &(maiko_actor_spec){
            .name = "listener", .ops = &listener_ops, .self = end, .subscribe = report_topics, .publish = also_endless});
}

maiko_status report_end_try(struct report_end *end)
{
    maiko_status status = maiko_bridge_start(end->bridge);

    return status == MAIKO_OK ? maiko_supervisor_start(end->sup) : status;
}

void report_end_start(struct report_end *end)
{
    CU_ASSERT_EQUAL_FATAL(report_end_try(end), MAIKO_OK);
}

void report_end_listen(struct report_end *end, const maiko_bridge_config *config)
{
    report_end_make(end, "server", config);
    CU_ASSERT_EQUAL(maiko_bridge_listen(end->bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    report_end_start(end);
}

void report_end_stop(struct report_end *end)
{
    (void)maiko_supervisor_halt(end->sup, NULL);
    (void)maiko_bridge_stop(&end->bridge);
    (void)maiko_supervisor_stop(&end->sup, NULL);
}

const maiko_peer_report *report_end_find(struct report_end *end, maiko_peer_news news, const char *reason)
{
    uint32_t count = atomic_load(&end->count);
    uint32_t i;

    for (i = 0; i < count && i < REPORTS_KEPT; i++)
        if (end->reports[i].news == news && (reason == NULL || strcmp(end->reports[i].reason, reason) == 0))
            return &end->reports[i];
    return NULL;
}

bool report_end_hears(struct report_end *end, maiko_peer_news news, const char *reason)
{
    if (wait_until(report_end_find(end, news, reason) != NULL, 60000))
        return true;
    printf("# no report %d %s; %u came\n", news, reason == NULL ? "" : reason, (unsigned)end->count);
    return false;
}

maiko_bridge_counters report_end_counters(struct report_end *end)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    CU_ASSERT_EQUAL(maiko_bridge_count(end->bridge, &counters), MAIKO_OK);
    return counters;
}
