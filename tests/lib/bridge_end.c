/* Bridge end: see bridge_end.h. */
#include "lib/bridge_end.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static maiko_status note(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const counted *event = maiko_event_as(envelope, counted);
    struct bridge_end *end = self;

    (void)ctx;
    if (event == NULL || (end->only_from != 0 && (event->number < end->only_from || event->number > end->only_to)))
        return MAIKO_OK;
    if (end->received == 0)
        end->first = event->number;
    else if (event->number <= end->last)
        end->not_rising++;
    else if (event->number > end->last + 1)
        end->holes++;
    end->last = event->number;
    snprintf(end->topic, sizeof(end->topic), "%s", maiko_envelope_topic(envelope));
    end->received++;
    return MAIKO_OK;
}

static const maiko_actor_ops note_ops = {.handle = note};

static void on_log(maiko_log_level level, const char *text, void *userdata)
{
    if (level >= MAIKO_LOG_WARNING)
        snprintf(((struct bridge_end *)userdata)->log, sizeof(((struct bridge_end *)userdata)->log), "%s", text);
}

#define TRANSPORT_VARIABLE "BRIDGE_END_TRANSPORT"

void bridge_end_use(maiko_transport transport)
{
    char text[8];

    snprintf(text, sizeof(text), "%d", (int)transport);
    setenv(TRANSPORT_VARIABLE, text, 1);
}

static maiko_config supervisors;

void bridge_end_configure(const maiko_config *config)
{
    supervisors = *config;
}

void bridge_end_make(struct bridge_end *end, const char *node, const maiko_bridge_config *given, const char *subscribe)
{
    static const char *const endless[] = {"endless", NULL};
    maiko_bridge_config config = {0};

    memset(end, 0, sizeof(*end));
    if (given != NULL)
        config = *given;
    config.space = "bridge";
    if (getenv(TRANSPORT_VARIABLE) != NULL)
        config.transport = (maiko_transport)strtol(getenv(TRANSPORT_VARIABLE), NULL, 10);
    config.node = node;
    config.log = on_log;
    config.log_userdata = end;
    supervisors.name = node;
    end->sup = maiko_supervisor_new(&supervisors);
    end->bridge = maiko_bridge_new(end->sup, &config);
    if (subscribe != NULL) {
        const char *topics[] = {subscribe, "endless", NULL};

        (void)maiko_supervisor_add(
            end->sup,
            &(maiko_actor_spec){.name = "note", .ops = &note_ops, .self = end, .subscribe = topics, .publish = endless});
    }
}

maiko_status bridge_end_start(struct bridge_end *end)
{
    maiko_status status = maiko_bridge_start(end->bridge);

    return status == MAIKO_OK ? maiko_supervisor_start(end->sup) : status;
}

void bridge_end_stop(struct bridge_end *end)
{
    (void)maiko_supervisor_halt(end->sup, NULL);
    (void)maiko_bridge_stop(&end->bridge);
    (void)maiko_supervisor_stop(&end->sup, NULL);
}

maiko_status bridge_end_export(struct bridge_end *end, const char *pattern, const char *as)
{
    return maiko_bridge_export(end->bridge, &(maiko_bridge_pattern){.pattern = pattern, .as = as});
}

maiko_status bridge_end_import(struct bridge_end *end, const char *pattern, maiko_bridge_from from)
{
    return maiko_bridge_import(end->bridge, &(maiko_bridge_pattern){.pattern = pattern, .from = from});
}

maiko_status bridge_end_publish(struct bridge_end *end, uint64_t number)
{
    return maiko_send(maiko_supervisor_context(end->sup), counted, .number = number);
}

maiko_bridge_counters bridge_end_counters(struct bridge_end *end)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    (void)maiko_bridge_count(end->bridge, &counters);
    return counters;
}

bool bridge_end_start_other(struct child *child, const char *role, uint64_t number)
{
    char program[] = "/proc/self/exe";
    char option[64];
    char text[32];
    char *argv[] = {program, option, text, NULL};

    snprintf(option, sizeof(option), "%s", role);
    snprintf(text, sizeof(text), "%" PRIu64, number);
    return child_start_program(child, argv);
}
