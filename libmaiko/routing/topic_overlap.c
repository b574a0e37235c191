/* Topic overlap: the walk goes down wherever a level of the pattern and one of the tree can be the same. */
#include "routing/topic_overlap.h"

#include <string.h>

/* One question being answered. */
struct walk {
    const struct topic_tree *tree;
    const char *pattern;
    bool has_wildcard;   /* else whatever the walk meets overlaps */
    bool is_from_dollar; /* no wildcard stands for its first level */
    topic_overlap_found *found;
    void *userdata;
};

/* The name or pattern of a node of a tree. */
static void write_pattern(const struct topic_node *node, char text[MAIKO_TOPIC_MAX + 1])
{
    char buffer[MAIKO_TOPIC_MAX + 1];
    char *at = buffer + MAIKO_TOPIC_MAX;

    *at = '\0';
    for (; node->parent != NULL; node = node->parent) {
        at -= node->len;
        memcpy(at, node->level, node->len);
        if (node->parent->parent != NULL)
            *--at = '/';
    }
    memcpy(text, at, (size_t)(buffer + sizeof buffer - at));
}

/* Two patterns that agree level by level may still have nothing in common but a name that is too long, or the empty one. */
static bool overlaps(const struct walk *walk, const struct topic_node *node)
{
    char pattern[MAIKO_TOPIC_MAX + 1];

    if (!walk->has_wildcard)
        return true;
    write_pattern(node, pattern);
    return maiko_patterns_overlap(walk->pattern, pattern);
}

static bool meet(const struct walk *walk, struct topic_node *node)
{
    return node != NULL && !list_is_empty(&node->members) && overlaps(walk, node) && walk->found(node, walk->userdata);
}

typedef bool visit_fn(const struct walk *walk, struct topic_node *node, const char *rest);

/* Recursion is as deep as patterns have levels, 128 at most. */
static bool visit_children(const struct walk *walk, const struct topic_node *node, const char *rest, visit_fn *visit)
{
    struct list *link;

    LIST_FOR_EACH (link, &node->children) {
        if (visit(walk, CONTAINER_OF(link, struct topic_node, sibling), rest))
            return true;
    }
    return node->plus != NULL && visit(walk, node->plus, rest);
}

static bool visit_all(const struct walk *walk, struct topic_node *node, const char *rest)
{
    return meet(walk, node) || meet(walk, node->hash) || visit_children(walk, node, rest, visit_all);
}

static bool visit_literal(const struct walk *walk, struct topic_node *node, struct topic_level level, const char *rest,
                          visit_fn *visit)
{
    struct topic_node *child = topic_tree_child(walk->tree, node, level);

    if (child != NULL && visit(walk, child, rest))
        return true;
    return node->plus != NULL && !(node->parent == NULL && walk->is_from_dollar) && visit(walk, node->plus, rest);
}

static bool visit_under(const struct walk *walk, struct topic_node *node, const char *rest)
{
    struct topic_level level;

    if (!(node->parent == NULL && walk->is_from_dollar) && meet(walk, node->hash))
        return true;
    if (rest == NULL)
        return meet(walk, node);
    level = topic_level_next(&rest);
    if (topic_level_is_hash(level))
        return meet(walk, node) || visit_children(walk, node, NULL, visit_all);
    if (topic_level_is_plus(level))
        return visit_children(walk, node, rest, visit_under);
    return visit_literal(walk, node, level, rest, visit_under);
}

bool topic_overlap_tree(const struct topic_tree *tree, const char *pattern, topic_overlap_found *found, void *userdata)
{
    const struct walk walk = {.tree = tree,
                              .pattern = pattern,
                              .has_wildcard = strpbrk(pattern, "+#") != NULL,
                              .is_from_dollar = pattern[0] == '$',
                              .found = found,
                              .userdata = userdata};

    return tree->root != NULL && visit_under(&walk, tree->root, pattern);
}

static bool visit_names(const struct topic_index *index, const char *pattern, topic_overlap_found *found, void *userdata)
{
    struct list *link;

    LIST_FOR_EACH (link, &index->names_in_order) {
        struct topic_node *node = CONTAINER_OF(link, struct topic_node, sibling);

        if (topic_matches(pattern, node->level) && found(node, userdata))
            return true;
    }
    return false;
}

bool topic_overlap_index(const struct topic_index *index, const char *pattern, topic_overlap_found *found, void *userdata)
{
    struct topic_node *node;

    if (topic_overlap_tree(&index->patterns, pattern, found, userdata))
        return true;
    if (strpbrk(pattern, "+#") != NULL)
        return visit_names(index, pattern, found, userdata);
    node = hash_table_find(&index->names, pattern);
    return node != NULL && found(node, userdata);
}
