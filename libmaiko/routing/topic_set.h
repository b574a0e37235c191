/* Topic set: the topics a shard knows, asked "which of them fall under this pattern?" when a subscription is made.  A
 * tree and not a loop: one pattern per session and one topic per session would make the loop quadratic. */
#ifndef ROUTING_TOPIC_SET_H
#define ROUTING_TOPIC_SET_H

#include "routing/topic_tree.h"

/* A topic's place in the set; embedded in it.  All zero: not in any set. */
struct topic_set_entry {
    struct list link;
    struct topic_node *node;
};

/* One thread at a time. */
struct topic_set {
    struct topic_tree names;
    size_t count;
};

void topic_set_init(struct topic_set *set, struct heap *heap);

/* Entries still in it are marked as not in any set. */
void topic_set_deinit(struct topic_set *set);

/* `name` is valid (maiko_topic_check) and not kept.  MAIKO_OK, MAIKO_EEXIST (another entry has that name) or MAIKO_ENOMEM;
 * on failure nothing changed. */
MAIKO_MUST_CHECK maiko_status topic_set_add(struct topic_set *set, const char *name, struct topic_set_entry *entry);

/* Harmless when it is not in the set.  Cannot fail; leaves nothing behind. */
void topic_set_remove(struct topic_set *set, struct topic_set_entry *entry);

/* Calls back for every topic under a valid pattern, or for all with NULL; the order depends on the history of the set
 * only.  Returns how many.  The callback must not change the set. */
size_t topic_set_for_each(const struct topic_set *set, const char *pattern,
                          void (*found)(struct topic_set_entry *entry, void *userdata), void *userdata);

#endif
