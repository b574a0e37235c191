/* Refusal, see refusal.h. */
#include "runtime/refusal.h"

#include "base/utf8.h"
#include "message/schema.h"
#include "runtime/supervisor_internal.h"
#include <maiko/topic.h>
#include <string.h>

static bool is_mistake(maiko_status status)
{
    return status == MAIKO_ETYPE || status == MAIKO_ETOPIC || status == MAIKO_EUNDECLARED || status == MAIKO_ETOOLONG ||
           status == MAIKO_EPERM || status == MAIKO_EINVAL;
}

/* What goes into a log as it is. */
static bool is_printable(const char *topic)
{
    return topic != NULL && topic[0] != '\0' && strlen(topic) <= MAIKO_TOPIC_MAX && utf8_is_valid(topic, strlen(topic)) &&
           !utf8_has_control(topic, strlen(topic));
}

/* Where the sender finds it: beside its own errors, or with what else was refused to the thread. */
static void note(struct actor *sender, const char *topic, const maiko_event_type *type, const char *why)
{
    struct actor_rare *rare = sender->is_gate ? NULL : actor_rare(sender);
    char buffer[256];
    struct text text;

    if (rare != NULL)
        text_init_buffer(&text, rare->error_text, sizeof rare->error_text);
    else
        text_init_buffer(&text, buffer, sizeof buffer);
    text_append_format(&text, "send of '%s'%s%s%s refused: %s", type->name, topic == NULL ? "" : " on '",
                       topic == NULL ? "" : topic, topic == NULL ? "" : "'", why);
    if (rare != NULL)
        rare->tells_refusal = true;
    else if (sender->is_gate)
        supervisor_note_refusal(sender->shard->sup, buffer);
}

/* A log that sends makes mistakes as others do: of those there is the text, and no line, which would be its next mistake. */
static _Thread_local bool log_of_this_thread_is_told;

static void log_mistake(const struct actor *sender, const char *topic, const maiko_event_type *type, const char *why)
{
    if (log_of_this_thread_is_told)
        return;
    log_of_this_thread_is_told = true;
    supervisor_log(sender->shard->sup, MAIKO_LOG_WARNING, "send of '%s'%s%s%s by '%s' refused: %s", type->name,
                   topic == NULL ? "" : " on '", topic == NULL ? "" : topic, topic == NULL ? "" : "'", sender->sender.name, why);
    log_of_this_thread_is_told = false;
}

void refusal_tell(struct actor *sender, const struct refusal *refusal, const maiko_event_type *type, const void *event,
                  size_t len)
{
    const char *topic = is_printable(refusal->topic) ? refusal->topic : NULL;
    char buffer[256];
    struct text why;

    if (!is_mistake(refusal->status) && refusal->status != MAIKO_ECONFLICT) /* the log has that, with both types */
        return;
    text_init_buffer(&why, buffer, sizeof buffer);
    if (schema_explain(type, event, len, &why) != refusal->status || text_str(&why)[0] == '\0') {
        text_init_buffer(&why, buffer, sizeof buffer);
        text_append(&why, maiko_strerror(refusal->status));
    }
    note(sender, topic, type, text_str(&why));
    if (is_mistake(refusal->status) && refusal->status != refusal->before)
        log_mistake(sender, topic, type, text_str(&why));
}
