/* Topology graph: sorting and matching. */
#include "monitor/topology_graph.h"

#include <stdlib.h>
#include <string.h>

#include <maiko/topic.h>

static size_t list_count(const char *const *list)
{
    size_t count = 0;

    while (list != NULL && list[count] != NULL)
        count++;
    return count;
}

static int by_name_and_id(const void *a, const void *b)
{
    const struct topology_actor *first = *(const struct topology_actor *const *)a;
    const struct topology_actor *second = *(const struct topology_actor *const *)b;
    const int order = strcmp(first->name == NULL ? "" : first->name, second->name == NULL ? "" : second->name);

    return order != 0 ? order : (first->id > second->id) - (first->id < second->id);
}

static int by_topic(const void *a, const void *b)
{
    const struct topology_topic *first = a;
    const struct topology_topic *second = b;
    const int order = strcmp(first->name, second->name);

    return order != 0 ? order : second->is_published - first->is_published; /* published ones first: they stay */
}

static bool overlaps_published(const struct topology_graph *graph, size_t published, const char *pattern)
{
    size_t i;

    for (i = 0; i < published; i++)
        if (maiko_patterns_overlap(graph->topics[i].name, pattern))
            return true;
    return false;
}

static void add_topic(struct topology_graph *graph, const char *name, bool is_published)
{
    graph->topics[graph->topic_count++] =
        (struct topology_topic){.name = name, .is_published = is_published, .is_pattern = maiko_pattern_has_wildcard(name)};
}

/* Sorts what has been added and keeps one of each. */
static void settle(struct topology_graph *graph)
{
    const size_t count = graph->topic_count;
    size_t i;

    qsort(graph->topics, count, sizeof(*graph->topics), by_topic);
    graph->topic_count = 0;
    for (i = 0; i < count; i++)
        if (graph->topic_count == 0 || strcmp(graph->topics[graph->topic_count - 1].name, graph->topics[i].name) != 0)
            graph->topics[graph->topic_count++] = graph->topics[i];
}

/* First what is published, then the patterns that meet none of it. */
static void collect_topics(struct topology_graph *graph)
{
    size_t published;
    size_t i;
    size_t n;

    for (i = 0; i < graph->actor_count; i++)
        for (n = 0; n < list_count(graph->actors[i]->publish); n++)
            add_topic(graph, graph->actors[i]->publish[n], true);
    settle(graph);
    published = graph->topic_count;
    for (i = 0; i < graph->actor_count; i++)
        for (n = 0; n < list_count(graph->actors[i]->subscribe); n++)
            if (!overlaps_published(graph, published, graph->actors[i]->subscribe[n]))
                add_topic(graph, graph->actors[i]->subscribe[n], false);
    settle(graph);
}

maiko_status topology_graph_init(struct topology_graph *graph, struct heap *heap, const struct topology *topology)
{
    size_t i;

    *graph = (struct topology_graph){.heap = heap, .actor_count = topology->actor_count};
    for (i = 0; i < topology->actor_count; i++)
        graph->topic_size += list_count(topology->actors[i].publish) + list_count(topology->actors[i].subscribe);
    graph->actors = heap_alloc_zeroed(heap, graph->actor_count, sizeof(*graph->actors));
    graph->topics = heap_alloc_zeroed(heap, graph->topic_size, sizeof(*graph->topics));
    if (graph->actors == NULL || graph->topics == NULL)
        return MAIKO_ENOMEM;
    for (i = 0; i < graph->actor_count; i++)
        graph->actors[i] = &topology->actors[i];
    qsort(graph->actors, graph->actor_count, sizeof(*graph->actors), by_name_and_id);
    collect_topics(graph);
    return MAIKO_OK;
}

void topology_graph_deinit(struct topology_graph *graph)
{
    heap_free(graph->heap, graph->actors, graph->actor_count * sizeof(*graph->actors));
    heap_free(graph->heap, graph->topics, graph->topic_size * sizeof(*graph->topics));
}

bool topology_publishes(const struct topology_actor *actor, const struct topology_topic *topic)
{
    size_t i;

    for (i = 0; i < list_count(actor->publish); i++)
        if (strcmp(actor->publish[i], topic->name) == 0)
            return true;
    return false;
}

bool topology_subscribes(const struct topology_actor *actor, const struct topology_topic *topic)
{
    size_t i;

    for (i = 0; i < list_count(actor->subscribe); i++)
        if (topic->is_published ? maiko_patterns_overlap(actor->subscribe[i], topic->name)
                                : strcmp(actor->subscribe[i], topic->name) == 0)
            return true;
    return false;
}
