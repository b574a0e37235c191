/* Topic set: a walk through the tree of names, steered by a pattern. */
#include "routing/topic_set.h"

#include <string.h>

void topic_set_init(struct topic_set *set, struct heap *heap)
{
    set->count = 0;
    topic_tree_init(&set->names, heap);
}

maiko_status topic_set_add(struct topic_set *set, const char *name, struct topic_set_entry *entry)
{
    struct topic_node *node = NULL;

    if (topic_tree_reach(&set->names, name, &node) != MAIKO_OK)
        return MAIKO_ENOMEM;
    if (!list_is_empty(&node->members))
        return MAIKO_EEXIST;
    list_push_back(&node->members, &entry->link);
    entry->node = node;
    set->count++;
    return MAIKO_OK;
}

void topic_set_remove(struct topic_set *set, struct topic_set_entry *entry)
{
    struct topic_node *node = entry->node;

    if (node == NULL)
        return;
    list_remove(&entry->link);
    entry->node = NULL;
    set->count--;
    topic_tree_prune(&set->names, node);
}

static struct topic_set_entry *entry_of(const struct topic_node *node)
{
    struct list *link = list_first(&node->members);

    return link != NULL ? CONTAINER_OF(link, struct topic_set_entry, link) : NULL;
}

void topic_set_deinit(struct topic_set *set)
{
    struct topic_node *leaf;

    while ((leaf = topic_tree_leaf(&set->names)) != NULL)
        topic_set_remove(set, entry_of(leaf)); /* a leaf holds an entry, or it would have been pruned */
}

struct finding {
    const struct topic_set *set;
    void (*found)(struct topic_set_entry *entry, void *userdata);
    void *userdata;
    bool takes_dollar; /* also names that begin with '$', though a wildcard stands there */
    size_t count;
};

static void found_node(struct finding *finding, const struct topic_node *node)
{
    struct topic_set_entry *entry = entry_of(node);

    if (entry == NULL)
        return;
    finding->count++;
    finding->found(entry, finding->userdata);
}

static bool is_hidden(const struct finding *finding, const struct topic_node *child)
{
    return child->parent->parent == NULL && child->len > 0 && child->level[0] == '$' && !finding->takes_dollar;
}

/* Calls `visit` for the children a wildcard stands for.  Recursion is as deep as names have levels, 128 at most. */
static void each_child(struct finding *finding, const struct topic_node *node, const char *rest,
                       void (*visit)(struct finding *finding, const struct topic_node *node, const char *rest))
{
    struct list *link;

    LIST_FOR_EACH (link, &node->children) {
        const struct topic_node *child = CONTAINER_OF(link, struct topic_node, sibling);

        if (!is_hidden(finding, child))
            visit(finding, child, rest);
    }
}

static void visit_all(struct finding *finding, const struct topic_node *node, const char *rest)
{
    (void)rest;
    found_node(finding, node);
    each_child(finding, node, NULL, visit_all);
}

static void visit_under(struct finding *finding, const struct topic_node *node, const char *pattern)
{
    const struct topic_node *child;
    struct topic_level level;

    if (pattern == NULL) {
        found_node(finding, node);
        return;
    }
    level = topic_level_next(&pattern);
    if (topic_level_is_hash(level)) {
        visit_all(finding, node, NULL);
    } else if (topic_level_is_plus(level)) {
        each_child(finding, node, pattern, visit_under);
    } else {
        child = topic_tree_child(&finding->set->names, node, level);
        if (child != NULL)
            visit_under(finding, child, pattern);
    }
}

size_t topic_set_for_each(const struct topic_set *set, const char *pattern,
                          void (*found)(struct topic_set_entry *entry, void *userdata), void *userdata)
{
    struct finding finding = {.set = set, .found = found, .userdata = userdata, .takes_dollar = pattern == NULL};

    if (set->names.root == NULL)
        return 0;
    if (pattern == NULL)
        visit_all(&finding, set->names.root, NULL);
    else
        visit_under(&finding, set->names.root, pattern);
    return finding.count;
}
