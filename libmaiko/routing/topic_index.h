/* Topic index: the subscriptions of one shard, asked "who gets this topic?".  Plain names are one hash look-up,
 * patterns a walk through a tree that meets only what matches so far: neither depends on how many others there are. */
#ifndef ROUTING_TOPIC_INDEX_H
#define ROUTING_TOPIC_INDEX_H

#include "routing/topic_tree.h"

/* A subscription's place in the index; embedded in it (CONTAINER_OF gets back there).  All zero: not in any index. */
struct topic_index_entry {
    struct list link;        /* among those with the same pattern, in order */
    struct topic_node *node; /* where that is: a node of the tree, or of a plain name */
    uint64_t order;          /* number of the registration */
};

/* One thread at a time. */
struct topic_index {
    struct heap *heap;
    struct topic_tree patterns;    /* with wildcards */
    struct hash_table names;       /* without: whole name -> node */
    struct list names_in_order;   /* the same nodes by `sibling`, oldest first: the table's order is another in each process */
    struct topic_node *last_name;  /* of the latest registration without wildcards; NULL: gone */
    struct topic_node *everything; /* subscriptions to all topics, `$sys/` included; NULL: none */
    struct topic_node **merge;     /* room to walk all matching nodes in order */
    size_t merge_size;
    size_t count; /* entries */
    uint64_t next_order;
};

void topic_index_init(struct topic_index *index, struct heap *heap);

/* Entries still in it are marked as not in any index. */
void topic_index_deinit(struct topic_index *index);

/* `pattern` is valid (maiko_pattern_check) and not kept; NULL means every topic, also those with '$' at the front.
 * The entry stays where it is until it is removed.  MAIKO_OK or MAIKO_ENOMEM (nothing changed). */
MAIKO_MUST_CHECK maiko_status topic_index_add(struct topic_index *index, const char *pattern, struct topic_index_entry *entry);

/* Harmless when it is not in the index.  Cannot fail; leaves nothing behind. */
void topic_index_remove(struct topic_index *index, struct topic_index_entry *entry);

static inline bool topic_index_has(const struct topic_index_entry *entry)
{
    return entry->node != NULL;
}

/* Calls back for every entry whose pattern matches the topic (a valid name), once each, in the order they were added.
 * Returns how many.  Allocates nothing and cannot fail.  The callback must not change or ask the index. */
size_t topic_index_resolve(struct topic_index *index, const char *topic,
                           void (*found)(struct topic_index_entry *entry, void *userdata), void *userdata);

#endif
