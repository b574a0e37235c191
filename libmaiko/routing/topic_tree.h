/* Topic tree: names and patterns by their levels.  One hash look-up per level, whatever stands beside it; a node lives
 * as long as something is kept in it or below it.  The ground of topic_index (patterns) and topic_set (names). */
#ifndef ROUTING_TOPIC_TREE_H
#define ROUTING_TOPIC_TREE_H

#include "base/hash_table.h"
#include "base/list.h"
#include "message/topic.h"

struct topic_node {
    struct topic_node *parent; /* NULL: the root */
    struct list members;       /* what is kept under exactly this name or pattern; the user's links */
    struct list *cursor;       /* the user's, while it walks through several nodes at once */
    struct list children;      /* literal levels, oldest first */
    struct list sibling;       /* in the parent's children */
    struct topic_node *plus;   /* the child '+' */
    struct topic_node *hash;   /* the child '#', which has no children */
    uint64_t number;           /* unique in the tree; makes equal levels of different parents hash apart */
    uint8_t len;
    char level[]; /* not NUL-terminated */
};

/* One thread at a time.  Holds no memory while it is empty; its users empty it, node by node. */
struct topic_tree {
    struct heap *heap;
    struct topic_node *root; /* made with the first name */
    struct hash_table edges; /* parent and level -> node */
    uint64_t next_number;
    size_t node_count; /* root included */
};

void topic_tree_init(struct topic_tree *tree, struct heap *heap);

/* The node of a valid name or pattern, made if need be.  Put something into it, or call topic_tree_prune().
 * MAIKO_OK or MAIKO_ENOMEM (the tree is as before). */
MAIKO_MUST_CHECK maiko_status topic_tree_reach(struct topic_tree *tree, const char *pattern, struct topic_node **ret_node);

/* The node of a name or pattern; NULL when there is none. */
struct topic_node *topic_tree_find(const struct topic_tree *tree, const char *pattern);

/* The child for a level, wildcards included; NULL when there is none. */
struct topic_node *topic_tree_child(const struct topic_tree *tree, const struct topic_node *node, struct topic_level level);

/* Some node without children; NULL when the tree is empty. */
struct topic_node *topic_tree_leaf(const struct topic_tree *tree);

/* Frees the node and its ancestors as far up as they hold nothing. */
void topic_tree_prune(struct topic_tree *tree, struct topic_node *node);

#endif
