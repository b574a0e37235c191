/* Door: listening and publishing without being a node (PROTOCOL.md 8 and 9).  Listeners are served only what somebody listens to;
 * publishers are answered each. */
#include <string.h>

#include "node/door_queue.h"
#include "node/node.h"
#include "node/rename.h"
#include <maiko/maiko.h>

/* ---- listeners ---- */

static struct wire_envelope envelope_of(const maiko_bridge *bridge, const struct export_event *event, uint64_t hash, uint64_t seq)
{
    return (struct wire_envelope){.topic = slice_of(event->topic),
                                  .type = slice_of(event->type->name),
                                  .sender = slice_of(event->sender),
                                  .node = slice_of(bridge->node_name),
                                  .id = event->id,
                                  .parent = event->parent,
                                  .correlation = event->correlation,
                                  .origin = event->origin,
                                  .time_ns = event->time_ns,
                                  .seq = seq,
                                  .schema = hash,
                                  .hops = event->hops};
}

void node_door_listen(maiko_bridge *bridge, const struct export_event *event, size_t payload_len, uint64_t seq)
{
    struct wire_envelope envelope;
    struct known_type *known;
    maiko_status status;

    if (!zmq_port_has_listener(bridge->port, event->topic) || maiko_topic_is_reserved(event->topic))
        return;
    status = types_learn(&bridge->types, event->type, &known);
    if (status == MAIKO_OK) {
        envelope = envelope_of(bridge, event, known->hash, seq);
        pack_clear(&bridge->pack);
        bridge->listener_codec->write_publication(&bridge->pack, &envelope, known->plan, event->payload, payload_len);
        status = pack_status(&bridge->pack);
    }
    if (status == MAIKO_OK)
        status = zmq_port_publish(bridge->port, event->topic, bridge->pack.data, bridge->pack.len);
    if (status == MAIKO_OK)
        atomic_fetch_add_explicit(&bridge->published, 1, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&bridge->publish_lost, 1, memory_order_relaxed);
}

/* ---- publishers ---- */

static bool copy_text(struct slice slice, char *text, size_t size)
{
    if (slice.len >= size || (slice.len > 0 && memchr(slice.data, '\0', slice.len) != NULL))
        return false;
    if (slice.len > 0) /* an empty slice may point nowhere */
        memcpy(text, slice.data, slice.len);
    text[slice.len] = '\0';
    return true;
}

static const char *word_of(maiko_status status)
{
    switch (status) {
    case MAIKO_OK:
        return "ok";
    case MAIKO_ETOPIC:
    case MAIKO_EUTF8:
        return "topic";
    case MAIKO_EFULL:
        return "full";
    case MAIKO_ENOMEM:
    case MAIKO_ELIMIT:
        return "limit";
    case MAIKO_ECLOSED:
    case MAIKO_ESTATE:
        return "closed";
    default:
        return "payload";
    }
}

/* An event that came through the door, on its way in. */
struct visitor_event {
    char topic[MAIKO_TOPIC_MAX + 1];
    char sender[NODE_NAME_SIZE];
    struct known_type *type;
};

static maiko_status check_topic(const struct wire_envelope *envelope, struct visitor_event *visitor, struct text *error)
{
    if (!copy_text(envelope->topic, visitor->topic, sizeof(visitor->topic)) || maiko_topic_check(visitor->topic) != MAIKO_OK) {
        text_append_format(error, "1 to %d bytes of UTF-8, without the wildcards + and #", MAIKO_TOPIC_MAX);
        return MAIKO_ETOPIC;
    }
    if (!topic_stays_here(visitor->topic))
        return MAIKO_OK;
    text_append_format(error, "only the library sends on %s", visitor->topic);
    return MAIKO_ETOPIC;
}

/* Outside names are those between nodes: an event gets the name here that it would have had from a node, or that makes it leave
 * under the one it came with. */
static bool name_here(const maiko_bridge *bridge, char topic[MAIKO_TOPIC_MAX + 1])
{
    char outside[MAIKO_TOPIC_MAX + 1];
    size_t i;

    strcpy(outside, topic);
    for (i = 0; i < bridge->export_count; i++)
        if (bridge->exports[i].as[0] != '\0' && maiko_topic_matches(bridge->exports[i].as, outside))
            return rename_topic(bridge->exports[i].as, bridge->exports[i].pattern, outside, topic);
    for (i = 0; i < bridge->import_count; i++)
        if (maiko_topic_matches(bridge->imports[i].pattern, outside))
            return bridge->imports[i].as[0] == '\0' ||
                   rename_topic(bridge->imports[i].pattern, bridge->imports[i].as, outside, topic);
    return true;
}

static struct known_type *find_type(maiko_bridge *bridge, const struct wire_envelope *envelope, const char *topic,
                                    struct text *error)
{
    const char *name = (const char *)envelope->type.data;
    size_t len = envelope->type.len;
    struct known_type *type = len > 0 ? types_find(&bridge->types, name, len) : types_of_topic(&bridge->types, topic);

    if (type != NULL)
        return type;
    if (len == 0)
        text_append_format(error, "%s has no type in %s yet: name one (maiko topic pub --type)", topic, bridge->node_name);
    else
        text_append_format(error, "%s knows no type of that name", bridge->node_name);
    return NULL;
}

static bool is_exported(const maiko_bridge *bridge, const char *topic)
{
    size_t i;

    for (i = 0; i < bridge->export_count; i++)
        if (maiko_topic_matches(bridge->exports[i].pattern, topic))
            return true;
    return false;
}

/* NULL, or what is wrong in a word. */
static const char *look_up(maiko_bridge *bridge, const struct route *route, const struct wire_envelope *envelope,
                           struct visitor_event *visitor, struct text *error)
{
    if (check_topic(envelope, visitor, error) != MAIKO_OK)
        return "topic";
    if (!copy_text(envelope->sender, visitor->sender, sizeof(visitor->sender))) {
        text_append_format(error, "sender: at most %d bytes, without NUL", NODE_NAME_SIZE - 1);
        return "protocol";
    }
    if (visitor->sender[0] == '\0')
        strcpy(visitor->sender, "outside");
    if (!node_access_may_publish(bridge, route_key(route), route_address(route), visitor->topic)) {
        text_append_format(error, "the allow list of %s does not have %s for this key", bridge->node_name, visitor->topic);
        return "denied";
    }
    if (!name_here(bridge, visitor->topic)) {
        text_append_format(error, "its name in %s would be too long", bridge->node_name);
        return "topic";
    }
    if (topic_stays_here(visitor->topic)) {
        text_append_format(error, "in %s it would be %s, on which only the library sends", bridge->node_name, visitor->topic);
        return "topic";
    }
    if (atomic_load(&bridge->has_export_ended) && is_exported(bridge, visitor->topic)) {
        text_append_format(error, "all who published it in %s have ended, and nothing leaves there any more", bridge->node_name);
        return "closed";
    }
    visitor->type = find_type(bridge, envelope, visitor->topic, error);
    return visitor->type == NULL ? "type" : NULL;
}

static maiko_status send_in(maiko_bridge *bridge, const struct codec *codec, const struct wire_envelope *envelope,
                            const struct visitor_event *visitor, struct text *error)
{
    maiko_import import = {.struct_size = sizeof(import),
                           .topic = visitor->topic,
                           .type = visitor->type->type,
                           .id = envelope->id,
                           .parent = envelope->parent,
                           .correlation = envelope->correlation,
                           .time_ns = envelope->time_ns,
                           .sender = visitor->sender,
                           .try_only = true};
    maiko_status status = codec->payload_len(visitor->type->plan, envelope->payload, &import.len, error);
    void *bytes;

    if (status != MAIKO_OK)
        return status;
    bytes = heap_alloc(bridge->heap, import.len);
    if (bytes == NULL)
        return MAIKO_ENOMEM;
    status = codec->read_payload(visitor->type->plan, envelope->payload, bytes, import.len, error);
    import.event = bytes;
    if (status == MAIKO_OK)
        status = maiko_importer_send(bridge->importers[0].importer, &import);
    heap_free(bridge->heap, bytes, import.len);
    if (status == MAIKO_OK)
        atomic_fetch_add_explicit(&bridge->imported, 1, memory_order_relaxed);
    return status;
}

static void answer(maiko_bridge *bridge, const struct codec *codec, struct route *route, const struct wire_published *published)
{
    pack_clear(&bridge->pack);
    codec->write_published(&bridge->pack, published);
    if (pack_status(&bridge->pack) == MAIKO_OK)
        (void)!zmq_port_send(bridge->port, route, bridge->pack.data, bridge->pack.len); /* who is gone gets no answer */
}

/* NULL: as many nodes are subscribed as shall be. */
static const char *count_nodes(const maiko_bridge *bridge, const struct wire_envelope *envelope,
                               const struct visitor_event *visitor, struct text *error)
{
    char topic[MAIKO_TOPIC_MAX + 1];
    size_t subscribers;

    if (envelope->subscribers == 0)
        return NULL;
    if (!is_exported(bridge, visitor->topic)) {
        text_append_format(error, "%s does not export it, and so does not know who is subscribed", bridge->node_name);
        return "topic";
    }
    (void)copy_text(envelope->topic, topic, sizeof(topic)); /* it was looked at */
    subscribers = exporter_subscribers(bridge->exporter, topic);
    if (subscribers >= envelope->subscribers)
        return NULL;
    text_append_format(error, "%zu of %llu nodes are subscribed to %s at %s", subscribers,
                       (unsigned long long)envelope->subscribers, topic, bridge->node_name);
    return "late";
}

/* What the allow list does not have was told when it was looked up. */
static void tell_refused(maiko_bridge *bridge, const struct route *route, const struct visitor_event *visitor,
                         const struct wire_published *published)
{
    bool has_topic = strcmp(published->status, "topic") != 0 && strcmp(published->status, "protocol") != 0;

    atomic_fetch_add_explicit(&bridge->import_refused, 1, memory_order_relaxed);
    if (strcmp(published->status, "denied") != 0)
        node_news_refused(bridge, route_address(route), published->status, has_topic ? visitor->topic : NULL,
                          "an event%s%s from %s: %s%s%s", has_topic ? " on " : "", has_topic ? visitor->topic : "",
                          route_address(route), published->status, published->text[0] != '\0' ? ": " : "", published->text);
}

void node_door_publish(maiko_bridge *bridge, struct route *route, const unsigned char *bytes, size_t len)
{
    node_door_let_in(bridge, route, bytes, len, DOOR_FIRST);
}

void node_door_let_in(maiko_bridge *bridge, struct route *route, const unsigned char *bytes, size_t len,
                      enum door_attempt attempt)
{
    const struct codec *codec = codec_of_frame(bytes, len);
    struct wire_published published = {.status = NULL, .text = ""};
    struct wire_envelope envelope;
    struct visitor_event visitor;
    struct slice kind;
    char reason[256];
    struct text error;
    maiko_status status;

    if (codec == NULL)
        return;
    text_init_buffer(&error, reason, sizeof(reason));
    memset(&envelope, 0, sizeof(envelope));
    status = codec->read(bytes, len, &envelope, &kind, &error);
    if (status == MAIKO_OK && !slice_is(kind, "publish"))
        return;
    published.number = envelope.number;
    published.text = reason;
    published.status = status == MAIKO_OK ? look_up(bridge, route, &envelope, &visitor, &error) : "protocol";
    if (published.status == NULL && attempt == DOOR_CLOSED)
        published.status = "closed";
    if (published.status == NULL)
        published.status = count_nodes(bridge, &envelope, &visitor, &error);
    if (published.status != NULL && strcmp(published.status, "late") == 0 && attempt == DOOR_FIRST && envelope.wait_ns > 0) {
        published.status = door_queue_add(bridge, route, &envelope, bytes, len);
        if (published.status == NULL)
            return; /* until later */
    }
    if (published.status == NULL)
        published.status = word_of(send_in(bridge, codec, &envelope, &visitor, &error));
    if (strcmp(published.status, "ok") != 0)
        tell_refused(bridge, route, &visitor, &published);
    answer(bridge, codec, route, &published);
}
