/* Topic overlap: what is kept under names and patterns that share a topic with a pattern.  The walk meets only what agrees so
 * far, level by level, as the one through the names that a pattern matches does. */
#ifndef ROUTING_TOPIC_OVERLAP_H
#define ROUTING_TOPIC_OVERLAP_H

#include "routing/topic_index.h"

/* Something is kept in the node.  True: that is enough. */
typedef bool topic_overlap_found(struct topic_node *node, void *userdata);

/* Calls back for each node under whose name or pattern something is kept and which overlaps `pattern` (valid) in the sense of
 * maiko_patterns_overlap(), until one says that it is enough.  Returns whether one did.  The callback changes nothing there. */
bool topic_overlap_tree(const struct topic_tree *tree, const char *pattern, topic_overlap_found *found, void *userdata);

/* Likewise for the entries of an index, without those of everything, who asked for no topic.  Plain names are met one by one
 * when `pattern` has wildcards. */
bool topic_overlap_index(const struct topic_index *index, const char *pattern, topic_overlap_found *found, void *userdata);

#endif
