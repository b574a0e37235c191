/* Topology: who publishes and who subscribes to what, as declared, drawn for people (Mermaid) and for programs (JSON).
 * Pure: works on a table of declarations, so that it needs no running supervisor. */
#ifndef MONITOR_TOPOLOGY_H
#define MONITOR_TOPOLOGY_H

#include "base/heap.h"
#include <maiko/status.h>

struct topology_actor {
    const char *name; /* NULL or "": anonymous */
    uint64_t id;
    const char *const *subscribe; /* patterns, NULL-terminated; NULL: none */
    const char *const *publish;   /* topics and patterns, NULL-terminated; NULL: not declared */
};

struct topology {
    const char *name; /* of the supervisor */
    const struct topology_actor *actors;
    size_t actor_count;
};

/* A flowchart: actors are boxes, topics rounded ones; actor --> topic --> actor.  A dotted arrow leaves a topic without a
 * declared publisher, and a pattern somebody publishes on, of which a subscriber may get only a part.
 * Both texts depend on the declarations only, not on their order, and are freed with heap_strfree.
 * MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status topology_to_mermaid(struct heap *heap, const struct topology *topology, char **ret_text);

/* One object: {"name", "actors": [{"name", "id", "subscribe", "publish"}], "topics": [{"name", "publishers", "subscribers"}]};
 * the name of an anonymous actor and a list that was not declared are null. */
MAIKO_MUST_CHECK maiko_status topology_to_json(struct heap *heap, const struct topology *topology, char **ret_text);

#endif
