/* Send, outside threads: their checks, up to the inbox. */
#include "runtime/send.h"

#include "message/topic.h"
#include "runtime/inbox.h"
#include "runtime/refusal.h"
#include "runtime/supervisor_internal.h"
#include "runtime/topic_names.h"
#include <maiko/send.h>
#include <string.h>

/* Reports: their type's own topic below `$sys/`, nothing else. */
static maiko_status report_topic(const struct type_entry *entry, const char *name, struct topic **ret_topic)
{
    if (!entry->is_reserved || (name != NULL && strcmp(name, entry->topic->name) != 0))
        return MAIKO_EPERM;
    *ret_topic = entry->topic;
    return MAIKO_OK;
}

static maiko_status outside_topic(struct maiko_supervisor *sup, const struct type_entry *entry, const char *name,
                                  const void *event, struct topic **ret_topic)
{
    char name_buffer[SEND_TOPIC_BUFFER];
    char error_buffer[256];
    struct text error;
    maiko_status status;

    if (name == NULL && entry->topic != NULL) {
        *ret_topic = entry->topic;
        return MAIKO_OK;
    }
    if (name == NULL)
        name = send_computed_topic(entry->type, event, name_buffer);
    status = name == NULL ? MAIKO_ETOPIC : topic_check_sendable(name);
    if (status == MAIKO_OK)
        status = topic_names_find(sup, name, ret_topic);
    if (status != MAIKO_OK)
        return status;
    text_init_buffer(&error, error_buffer, sizeof error_buffer);
    return registry_bind(&sup->registry, *ret_topic, entry->type, &error);
}

static maiko_status outside_refuse(struct inbox *inbox, maiko_status status)
{
    pthread_mutex_lock(&inbox->lock);
    COUNT_SHARED(inbox->gate->counters, refused, 1);
    inbox->gate->last_refusal = status;
    pthread_mutex_unlock(&inbox->lock);
    return status;
}

static maiko_status outside_type(const struct inbox *inbox, const maiko_event_type *type, const struct type_entry **ret_entry)
{
    struct maiko_supervisor *sup = inbox->sup;
    char buffer[256];
    struct text error;
    maiko_status status;

    text_init_buffer(&error, buffer, sizeof buffer);
    if (inbox->is_for_reports)
        status = registry_any_type(&sup->registry, type, &error, ret_entry);
    else if (inbox == sup->inbox)
        status = registry_type(&sup->registry, type, &error, ret_entry);
    else
        status = registry_import_type(&sup->registry, type, &error, ret_entry);
    if (status != MAIKO_OK)
        supervisor_log(sup, MAIKO_LOG_ERROR, "event type refused: %s", text_str(&error));
    return status;
}

maiko_status send_look_up(const struct inbox *inbox, const maiko_event_type *type, const char *topic,
                          struct inbox_event *ret_event)
{
    maiko_status status = outside_type(inbox, type, &ret_event->entry);

    return status == MAIKO_OK ? outside_topic(inbox->sup, ret_event->entry, topic, NULL, &ret_event->topic) : status;
}

static maiko_status outside_check(struct inbox *inbox, const maiko_event_type *type, const void *event, size_t len,
                                  const char *topic, struct inbox_event *ret_event)
{
    struct maiko_supervisor *sup = inbox->sup;
    maiko_status status = outside_type(inbox, type, &ret_event->entry);

    if (status == MAIKO_OK)
        status = send_check_payload(sup->shards[0], ret_event->entry, event, len);
    if (status != MAIKO_OK)
        return status;
    ret_event->payload = event;
    ret_event->payload_len = len;
    return inbox->is_for_reports ? report_topic(ret_event->entry, topic, &ret_event->topic)
                                 : outside_topic(sup, ret_event->entry, topic, event, &ret_event->topic);
}

/* Told of the program's own only: what others send into it is theirs. */
static maiko_status refuse_event(struct inbox *inbox, const maiko_send_opts *opts, const struct type_entry *entry,
                                 const void *event, size_t len, maiko_status status)
{
    struct refusal refusal = {.status = status, .topic = opts == NULL ? NULL : opts->topic};

    pthread_mutex_lock(&inbox->lock);
    refusal.before = inbox->gate->last_refusal;
    pthread_mutex_unlock(&inbox->lock);
    (void)outside_refuse(inbox, status); /* first: the program's log may send, and be refused */
    if (entry != NULL && inbox == inbox->sup->inbox)
        refusal_tell(inbox->gate, &refusal, entry->type, event, len);
    return status;
}

maiko_status send_from_outside(struct inbox *inbox, const maiko_send_opts *opts, const maiko_event_type *type, const void *event,
                               size_t len, struct inbox_event *meta)
{
    maiko_status status;

    if (supervisor_is_forked(inbox->sup))
        return MAIKO_EFORKED;
    if (supervisor_state(inbox->sup) == SUP_STOPPED || supervisor_state(inbox->sup) == SUP_STOPPING)
        return outside_refuse(inbox, MAIKO_ECLOSED);
    status = outside_check(inbox, type, event, len, opts == NULL ? NULL : opts->topic, meta);
    if (status != MAIKO_OK)
        return refuse_event(inbox, opts, meta->entry, event, len, status);
    if (opts != NULL && opts->parent != NULL) {
        meta->parent = envelope_of(opts->parent)->id;
        meta->correlation = envelope_of(opts->parent)->correlation;
    }
    return inbox_send(inbox, meta, opts != NULL && opts->try_only);
}
