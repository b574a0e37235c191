/* Topology as a Mermaid flowchart. */
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"
#include "monitor/topology_graph.h"

/* Inside a quoted label Mermaid still reads entities ("#35;"), HTML and Markdown; everything that could start one is written
 * as an entity itself, and so are control characters. */
static bool is_plain(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0xa0 ||
           (c != 0 && c < 0x80 && strchr(" /.,:$+-()", (int)c) != NULL);
}

static void append_label(struct text *text, const char *name)
{
    size_t len = strlen(name);
    size_t used;
    uint32_t c;

    for (; len > 0; name += used, len -= used) {
        used = utf8_decode(name, len, &c);
        if (used == 0) { /* no character: shown as such, byte by byte */
            c = 0xfffd;
            used = 1;
            text_append_format(text, "#%u;", (unsigned)c);
        } else if (is_plain(c) && c != 0x2028 && c != 0x2029) {
            text_append_bytes(text, name, used);
        } else {
            text_append_format(text, "#%u;", (unsigned)c);
        }
    }
}

static void append_actor(struct text *text, const struct topology_actor *actor, size_t number)
{
    text_append_format(text, "    a%zu[\"", number);
    if (topology_is_anonymous(actor))
        text_append_format(text, "actor %llu", (unsigned long long)actor->id);
    else
        append_label(text, actor->name);
    text_append(text, "\"]\n");
}

static void append_topic(struct text *text, const struct topology_topic *topic, size_t number)
{
    text_append_format(text, "    t%zu([\"", number);
    append_label(text, topic->name);
    text_append(text, "\"])\n");
}

static void append_arrows(struct text *text, const struct topology_graph *graph, size_t number)
{
    const struct topology_topic *topic = &graph->topics[number];
    const bool is_sure = topic->is_published && !topic->is_pattern;
    size_t i;

    for (i = 0; i < graph->actor_count; i++)
        if (topology_publishes(graph->actors[i], topic))
            text_append_format(text, "    a%zu --> t%zu\n", i, number);
    for (i = 0; i < graph->actor_count; i++)
        if (topology_subscribes(graph->actors[i], topic))
            text_append_format(text, "    t%zu %s a%zu\n", number, is_sure ? "-->" : "-.->", i);
}

maiko_status topology_to_mermaid(struct heap *heap, const struct topology *topology, char **ret_text)
{
    struct topology_graph graph;
    struct text text;
    maiko_status status = topology_graph_init(&graph, heap, topology);
    size_t i;

    text_init_heap(&text, heap, SIZE_MAX / 4);
    text_append(&text, "flowchart LR\n");
    for (i = 0; status == MAIKO_OK && i < graph.actor_count; i++)
        append_actor(&text, graph.actors[i], i);
    for (i = 0; status == MAIKO_OK && i < graph.topic_count; i++)
        append_topic(&text, &graph.topics[i], i);
    for (i = 0; status == MAIKO_OK && i < graph.topic_count; i++)
        append_arrows(&text, &graph, i);
    if (status == MAIKO_OK)
        status = text_take(&text, ret_text);
    text_deinit(&text);
    topology_graph_deinit(&graph);
    return status;
}
