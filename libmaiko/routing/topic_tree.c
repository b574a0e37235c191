/* Topic tree: all edges in one hash table, so that a node with one child and one with ten thousand cost the same. */
#include "routing/topic_tree.h"

#include <string.h>

#include "base/hash.h"

/* What a look-up in the edges compares with. */
struct edge {
    const struct topic_node *parent;
    struct topic_level level;
};

void topic_tree_init(struct topic_tree *tree, struct heap *heap)
{
    memset(tree, 0, sizeof(*tree));
    tree->heap = heap;
    hash_table_init(&tree->edges, heap, NULL);
}

static size_t node_size(const struct topic_node *node)
{
    return sizeof(*node) + node->len;
}

static struct topic_node *node_new(struct topic_tree *tree, struct topic_node *parent, struct topic_level level)
{
    struct topic_node *node = heap_alloc_zeroed(tree->heap, 1, sizeof(*node) + level.len);

    if (node == NULL)
        return NULL;
    node->parent = parent;
    node->number = tree->next_number++;
    node->len = (uint8_t)level.len;
    memcpy(node->level, level.text, level.len);
    list_init(&node->members);
    list_init(&node->children);
    list_init(&node->sibling);
    tree->node_count++;
    return node;
}

static void node_free(struct topic_tree *tree, struct topic_node *node)
{
    tree->node_count--;
    heap_free(tree->heap, node, node_size(node));
}

static uint64_t edge_hash(const struct topic_tree *tree, const struct edge *edge)
{
    return hash_bytes(edge->level.text, edge->level.len, hash_u64(edge->parent->number ^ tree->edges.seed));
}

static bool edge_matches(const void *value, const void *key)
{
    const struct topic_node *node = value;
    const struct edge *edge = key;

    return node->parent == edge->parent && node->len == edge->level.len && memcmp(node->level, edge->level.text, node->len) == 0;
}

struct topic_node *topic_tree_child(const struct topic_tree *tree, const struct topic_node *node, struct topic_level level)
{
    const struct edge edge = {.parent = node, .level = level};

    if (topic_level_is_plus(level))
        return node->plus;
    if (topic_level_is_hash(level))
        return node->hash;
    if (list_is_empty(&node->children))
        return NULL;
    return hash_table_find_hashed(&tree->edges, edge_hash(tree, &edge), edge_matches, &edge);
}

/* Joins a new node to its parent.  MAIKO_OK or MAIKO_ENOMEM. */
static maiko_status node_join(struct topic_tree *tree, struct topic_node *node)
{
    const struct edge edge = {.parent = node->parent, .level = {.text = node->level, .len = node->len}};

    if (topic_level_is_plus(edge.level)) {
        node->parent->plus = node;
    } else if (topic_level_is_hash(edge.level)) {
        node->parent->hash = node;
    } else {
        if (hash_table_insert_hashed(&tree->edges, edge_hash(tree, &edge), node) != MAIKO_OK)
            return MAIKO_ENOMEM;
        list_push_back(&node->parent->children, &node->sibling);
    }
    return MAIKO_OK;
}

static void node_leave(struct topic_tree *tree, struct topic_node *node)
{
    const struct edge edge = {.parent = node->parent, .level = {.text = node->level, .len = node->len}};

    if (node == node->parent->plus) {
        node->parent->plus = NULL;
    } else if (node == node->parent->hash) {
        node->parent->hash = NULL;
    } else {
        (void)hash_table_remove_hashed(&tree->edges, edge_hash(tree, &edge), edge_matches, &edge);
        list_remove(&node->sibling);
    }
}

static bool node_is_bare(const struct topic_node *node)
{
    return list_is_empty(&node->members) && list_is_empty(&node->children) && node->plus == NULL && node->hash == NULL;
}

static void topic_tree_empty(struct topic_tree *tree)
{
    tree->root = NULL;
    hash_table_deinit(&tree->edges);
}

void topic_tree_prune(struct topic_tree *tree, struct topic_node *node)
{
    while (node != NULL && node_is_bare(node)) {
        struct topic_node *parent = node->parent;

        if (parent != NULL)
            node_leave(tree, node);
        else
            topic_tree_empty(tree);
        node_free(tree, node);
        node = parent;
    }
}

static struct topic_node *child_make(struct topic_tree *tree, struct topic_node *node, struct topic_level level)
{
    struct topic_node *child = topic_tree_child(tree, node, level);

    if (child != NULL)
        return child;
    child = node_new(tree, node, level);
    if (child != NULL && node_join(tree, child) != MAIKO_OK) {
        node_free(tree, child);
        return NULL;
    }
    return child;
}

maiko_status topic_tree_reach(struct topic_tree *tree, const char *pattern, struct topic_node **ret_node)
{
    struct topic_node *node = tree->root;

    if (node == NULL)
        node = tree->root = node_new(tree, NULL, (struct topic_level){.text = ""});
    if (node == NULL)
        return MAIKO_ENOMEM;
    while (pattern != NULL) {
        struct topic_node *child = child_make(tree, node, topic_level_next(&pattern));

        if (child == NULL) {
            topic_tree_prune(tree, node);
            return MAIKO_ENOMEM;
        }
        node = child;
    }
    *ret_node = node;
    return MAIKO_OK;
}

struct topic_node *topic_tree_find(const struct topic_tree *tree, const char *pattern)
{
    struct topic_node *node = tree->root;

    while (node != NULL && pattern != NULL)
        node = topic_tree_child(tree, node, topic_level_next(&pattern));
    return node;
}

static struct topic_node *any_child(const struct topic_node *node)
{
    if (node->plus != NULL)
        return node->plus;
    if (node->hash != NULL)
        return node->hash;
    return list_is_empty(&node->children) ? NULL : CONTAINER_OF(list_first(&node->children), struct topic_node, sibling);
}

struct topic_node *topic_tree_leaf(const struct topic_tree *tree)
{
    struct topic_node *node = tree->root;
    struct topic_node *child;

    while (node != NULL && (child = any_child(node)) != NULL)
        node = child;
    return node;
}
