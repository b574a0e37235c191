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

void refusal_tell(const struct actor *sender, const struct refusal *refusal, const maiko_event_type *type, const void *event,
                  size_t len)
{
    bool has_topic = is_printable(refusal->topic);
    char buffer[256];
    struct text why;

    if (!is_mistake(refusal->status) || refusal->status == refusal->before)
        return;
    text_init_buffer(&why, buffer, sizeof buffer);
    if (schema_explain(type, event, len, &why) != refusal->status || text_str(&why)[0] == '\0') {
        text_init_buffer(&why, buffer, sizeof buffer);
        text_append(&why, maiko_strerror(refusal->status));
    }
    supervisor_log(sender->shard->sup, MAIKO_LOG_WARNING, "send of '%s'%s%s%s by '%s' refused: %s", type->name,
                   has_topic ? " on '" : "", has_topic ? refusal->topic : "", has_topic ? "'" : "", sender->sender.name,
                   text_str(&why));
}
