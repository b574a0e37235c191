/* Topology graph: the declarations in a fixed order, and which of them meet. */
#ifndef MONITOR_TOPOLOGY_GRAPH_H
#define MONITOR_TOPOLOGY_GRAPH_H

#include <stdbool.h>

#include "monitor/topology.h"

struct topology_topic {
    const char *name;
    bool is_published; /* some actor declares it; else it is a pattern that no declared topic falls under */
    bool is_pattern;
};

struct topology_graph {
    struct heap *heap;
    const struct topology_actor **actors; /* by name, then by id */
    size_t actor_count;
    struct topology_topic *topics; /* by name */
    size_t topic_count;
    size_t topic_size;
};

/* MAIKO_OK or MAIKO_ENOMEM; deinit in either case. */
MAIKO_MUST_CHECK maiko_status topology_graph_init(struct topology_graph *graph, struct heap *heap,
                                                  const struct topology *topology);
void topology_graph_deinit(struct topology_graph *graph);

bool topology_publishes(const struct topology_actor *actor, const struct topology_topic *topic);

/* Could it ever get an event of the topic? */
bool topology_subscribes(const struct topology_actor *actor, const struct topology_topic *topic);

static inline bool topology_is_anonymous(const struct topology_actor *actor)
{
    return actor->name == NULL || actor->name[0] == '\0';
}

#endif
