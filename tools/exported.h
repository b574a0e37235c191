/* Exported: what of the topics of a node other nodes have not acknowledged, from its counters file. */
#ifndef TOOLS_EXPORTED_H
#define TOOLS_EXPORTED_H

#include <stdbool.h>
#include <stddef.h>

#include <maiko/counters.h>
#include <maiko/space.h>

/* NULL: it has none that can be read. */
maiko_counters *counters_of(const maiko_node_info *node);

/* False: nothing of the topic was ever exported, or it has no row of its own. */
bool exported_find(const maiko_counters *counters, const char *topic, maiko_counters_export *ret_exported);

/* How long ago the oldest event that waits was sent, in nanoseconds; 0: none waits. */
uint64_t exported_age(const maiko_counters_export *exported);

#endif
