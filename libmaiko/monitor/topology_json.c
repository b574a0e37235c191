/* Topology as one JSON object on one line. */
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"
#include "monitor/topology_graph.h"

/* Also escapes what is legal in JSON but not in JavaScript or a terminal. */
static void append_character(struct text *text, const char *bytes, size_t len, uint32_t c)
{
    if (c == '"' || c == '\\') {
        text_append_char(text, '\\');
        text_append_char(text, (char)c);
    } else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029) {
        text_append_format(text, "\\u%04x", (unsigned)c);
    } else {
        text_append_bytes(text, bytes, len);
    }
}

static void append_string(struct text *text, const char *string)
{
    size_t len = strlen(string);
    size_t used;
    uint32_t c;

    text_append_char(text, '"');
    for (; len > 0; string += used, len -= used) {
        used = utf8_decode(string, len, &c);
        if (used > 0) {
            append_character(text, string, used, c);
            continue;
        }
        text_append(text, "\\ufffd"); /* no character at all */
        used = 1;
    }
    text_append_char(text, '"');
}

/* Beyond 2^53 readers with doubles would round: then it is a string. */
static void append_id(struct text *text, uint64_t id)
{
    const char *quote = id > (UINT64_C(1) << 53) ? "\"" : "";

    text_append_format(text, "%s%llu%s", quote, (unsigned long long)id, quote);
}

/* In the order given: it is the author's, and says something about the actor. */
static void append_list(struct text *text, const char *const *list)
{
    size_t i;

    if (list == NULL) {
        text_append(text, "null");
        return;
    }
    text_append_char(text, '[');
    for (i = 0; list[i] != NULL; i++) {
        text_append(text, i > 0 ? "," : "");
        append_string(text, list[i]);
    }
    text_append_char(text, ']');
}

static void append_actor(struct text *text, const struct topology_actor *actor)
{
    static const char *const nothing[] = {NULL};

    text_append(text, "{\"name\":");
    if (topology_is_anonymous(actor))
        text_append(text, "null");
    else
        append_string(text, actor->name);
    text_append(text, ",\"id\":");
    append_id(text, actor->id);
    text_append(text, ",\"subscribe\":");
    append_list(text, actor->subscribe == NULL ? nothing : actor->subscribe);
    text_append(text, ",\"publish\":");
    append_list(text, actor->publish);
    text_append_char(text, '}');
}

/* Named ones by name, anonymous ones by id. */
static void append_parties(struct text *text, const struct topology_graph *graph, const struct topology_topic *topic,
                           bool (*takes_part)(const struct topology_actor *, const struct topology_topic *))
{
    bool is_first = true;
    size_t i;

    text_append_char(text, '[');
    for (i = 0; i < graph->actor_count; i++) {
        if (!takes_part(graph->actors[i], topic))
            continue;
        text_append(text, is_first ? "" : ",");
        is_first = false;
        if (topology_is_anonymous(graph->actors[i]))
            append_id(text, graph->actors[i]->id);
        else
            append_string(text, graph->actors[i]->name);
    }
    text_append_char(text, ']');
}

static void append_topic(struct text *text, const struct topology_graph *graph, const struct topology_topic *topic)
{
    text_append(text, "{\"name\":");
    append_string(text, topic->name);
    text_append(text, ",\"publishers\":");
    append_parties(text, graph, topic, topology_publishes);
    text_append(text, ",\"subscribers\":");
    append_parties(text, graph, topic, topology_subscribes);
    text_append_char(text, '}');
}

static void append_graph(struct text *text, const struct topology_graph *graph, const char *name)
{
    size_t i;

    text_append(text, "{\"name\":");
    append_string(text, name);
    text_append(text, ",\"actors\":[");
    for (i = 0; i < graph->actor_count; i++) {
        text_append(text, i > 0 ? "," : "");
        append_actor(text, graph->actors[i]);
    }
    text_append(text, "],\"topics\":[");
    for (i = 0; i < graph->topic_count; i++) {
        text_append(text, i > 0 ? "," : "");
        append_topic(text, graph, &graph->topics[i]);
    }
    text_append(text, "]}");
}

maiko_status topology_to_json(struct heap *heap, const struct topology *topology, char **ret_text)
{
    struct topology_graph graph;
    struct text text;
    maiko_status status = topology_graph_init(&graph, heap, topology);

    text_init_heap(&text, heap, SIZE_MAX / 4);
    if (status == MAIKO_OK)
        append_graph(&text, &graph, topology->name);
    if (status == MAIKO_OK)
        status = text_take(&text, ret_text);
    text_deinit(&text);
    topology_graph_deinit(&graph);
    return status;
}
