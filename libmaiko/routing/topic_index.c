/* Topic index: collect the nodes that match, each with its entries in order, and merge them by order. */
#include "routing/topic_index.h"

#include <string.h>

/* Node of a plain name: the same struct, outside the tree, its level the whole name with a NUL. */
static const char *name_of(const void *value)
{
    return ((const struct topic_node *)value)->level;
}

static size_t name_node_size(size_t len)
{
    return sizeof(struct topic_node) + len + 1;
}

void topic_index_init(struct topic_index *index, struct heap *heap)
{
    memset(index, 0, sizeof(*index));
    index->heap = heap;
    topic_tree_init(&index->patterns, heap);
    hash_table_init(&index->names, heap, name_of);
    list_init(&index->names_in_order);
}

static struct topic_node *name_node_new(struct heap *heap, const char *name)
{
    const size_t len = strlen(name);
    struct topic_node *node = heap_alloc_zeroed(heap, 1, name_node_size(len));

    if (node == NULL)
        return NULL;
    node->len = (uint8_t)len;
    memcpy(node->level, name, len);
    list_init(&node->members);
    list_init(&node->sibling);
    return node;
}

static void name_node_free(struct heap *heap, struct topic_node *node)
{
    heap_free(heap, node, name_node_size(node->len));
}

static maiko_status name_reach(struct topic_index *index, const char *name, struct topic_node **ret_node)
{
    struct topic_node *node = index->last_name;

    if (node == NULL || strcmp(node->level, name) != 0)
        node = hash_table_find(&index->names, name);
    if (node == NULL) {
        node = name_node_new(index->heap, name);
        if (node == NULL)
            return MAIKO_ENOMEM;
        if (hash_table_insert(&index->names, node) != MAIKO_OK) {
            name_node_free(index->heap, node);
            return MAIKO_ENOMEM;
        }
        list_push_back(&index->names_in_order, &node->sibling);
    }
    index->last_name = node;
    *ret_node = node;
    return MAIKO_OK;
}

static maiko_status everything_reach(struct topic_index *index, struct topic_node **ret_node)
{
    if (index->everything == NULL)
        index->everything = name_node_new(index->heap, "");
    *ret_node = index->everything;
    return index->everything != NULL ? MAIKO_OK : MAIKO_ENOMEM;
}

/* Every node of the tree, one name and `everything` may match the same topic. */
static maiko_status merge_reserve(struct topic_index *index)
{
    const size_t need = index->patterns.node_count + 2;
    size_t size = index->merge_size > 0 ? index->merge_size : 8;
    struct topic_node **merge;

    if (need <= index->merge_size)
        return MAIKO_OK;
    while (size < need)
        size *= 2;
    merge = heap_alloc(index->heap, size * sizeof(*merge));
    if (merge == NULL)
        return MAIKO_ENOMEM;
    heap_free(index->heap, index->merge, index->merge_size * sizeof(*merge));
    index->merge = merge;
    index->merge_size = size;
    return MAIKO_OK;
}

static void node_release(struct topic_index *index, struct topic_node *node)
{
    if (!list_is_empty(&node->members))
        return;
    if (node == index->everything) {
        index->everything = NULL;
        name_node_free(index->heap, node);
    } else if (node->parent == NULL) { /* no pattern stands at the root of the tree */
        (void)hash_table_remove(&index->names, node->level);
        list_remove(&node->sibling);
        index->last_name = index->last_name == node ? NULL : index->last_name;
        name_node_free(index->heap, node);
    } else {
        topic_tree_prune(&index->patterns, node);
    }
}

static maiko_status node_reach(struct topic_index *index, const char *pattern, struct topic_node **ret_node)
{
    if (pattern == NULL)
        return everything_reach(index, ret_node);
    if (strpbrk(pattern, "+#") == NULL)
        return name_reach(index, pattern, ret_node);
    return topic_tree_reach(&index->patterns, pattern, ret_node);
}

maiko_status topic_index_add(struct topic_index *index, const char *pattern, struct topic_index_entry *entry)
{
    struct topic_node *node = NULL;

    if (node_reach(index, pattern, &node) != MAIKO_OK)
        return MAIKO_ENOMEM;
    if (merge_reserve(index) != MAIKO_OK) {
        node_release(index, node);
        return MAIKO_ENOMEM;
    }
    entry->node = node;
    entry->order = index->next_order++;
    list_push_back(&node->members, &entry->link);
    index->count++;
    return MAIKO_OK;
}

static void shrink_to_nothing(struct topic_index *index)
{
    heap_free(index->heap, index->merge, index->merge_size * sizeof(*index->merge));
    index->merge = NULL;
    index->merge_size = 0;
    hash_table_deinit(&index->names);
}

void topic_index_remove(struct topic_index *index, struct topic_index_entry *entry)
{
    struct topic_node *node = entry->node;

    if (node == NULL)
        return;
    list_remove(&entry->link);
    entry->node = NULL;
    node_release(index, node);
    if (--index->count == 0)
        shrink_to_nothing(index);
}

static void members_forget(struct topic_node *node)
{
    struct list *link;

    while ((link = list_pop_front(&node->members)) != NULL)
        CONTAINER_OF(link, struct topic_index_entry, link)->node = NULL;
}

void topic_index_deinit(struct topic_index *index)
{
    struct topic_node *node;
    size_t position = 0;

    while ((node = topic_tree_leaf(&index->patterns)) != NULL) {
        members_forget(node);
        topic_tree_prune(&index->patterns, node);
    }
    while ((node = hash_table_next(&index->names, &position)) != NULL) {
        members_forget(node);
        name_node_free(index->heap, node);
    }
    if (index->everything != NULL) {
        members_forget(index->everything);
        name_node_free(index->heap, index->everything);
    }
    shrink_to_nothing(index);
    topic_index_init(index, index->heap);
}

/* One question being answered: the matching nodes as a binary heap, the one with the earliest next entry on top. */
struct resolving {
    struct topic_index *index;
    bool skips_wildcards; /* at the first level, because the topic begins with '$' */
    size_t node_count;
};

static uint64_t next_order(const struct topic_node *node)
{
    return CONTAINER_OF(node->cursor, struct topic_index_entry, link)->order;
}

static void merge_add(struct resolving *resolving, struct topic_node *node)
{
    struct topic_node **merge = resolving->index->merge;
    size_t place = resolving->node_count;

    if (node == NULL || list_is_empty(&node->members))
        return;
    node->cursor = list_first(&node->members);
    resolving->node_count++;
    while (place > 0 && next_order(merge[(place - 1) / 2]) > next_order(node)) {
        merge[place] = merge[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    merge[place] = node;
}

/* Puts a node on top and lets it sink to its place. */
static void merge_replace_top(struct resolving *resolving, struct topic_node *node)
{
    struct topic_node **merge = resolving->index->merge;
    const size_t count = resolving->node_count;
    size_t place = 0;
    size_t child;

    while ((child = 2 * place + 1) < count) {
        if (child + 1 < count && next_order(merge[child + 1]) < next_order(merge[child]))
            child++;
        if (next_order(merge[child]) > next_order(node))
            break;
        merge[place] = merge[child];
        place = child;
    }
    merge[place] = node;
}

/* The entry whose turn it is; NULL at the end. */
static struct topic_index_entry *merge_next(struct resolving *resolving)
{
    struct topic_node **merge = resolving->index->merge;
    struct topic_node *top;
    struct list *link;

    if (resolving->node_count == 0)
        return NULL;
    top = merge[0];
    link = top->cursor;
    top->cursor = link->next;
    if (top->cursor == &top->members)
        top = merge[--resolving->node_count];
    if (resolving->node_count > 0)
        merge_replace_top(resolving, top);
    return CONTAINER_OF(link, struct topic_index_entry, link);
}

/* Recursion is as deep as the topic has levels, 128 at most. */
static void collect(struct resolving *resolving, struct topic_node *node, const char *topic)
{
    const bool takes_wildcards = node->parent != NULL || !resolving->skips_wildcards;
    struct topic_level level;
    struct topic_node *child;

    if (takes_wildcards)
        merge_add(resolving, node->hash);
    if (topic == NULL) {
        merge_add(resolving, node);
        return;
    }
    level = topic_level_next(&topic);
    child = topic_tree_child(&resolving->index->patterns, node, level);
    if (child != NULL)
        collect(resolving, child, topic);
    if (takes_wildcards && node->plus != NULL)
        collect(resolving, node->plus, topic);
}

size_t topic_index_resolve(struct topic_index *index, const char *topic,
                           void (*found)(struct topic_index_entry *entry, void *userdata), void *userdata)
{
    struct resolving resolving = {.index = index, .skips_wildcards = topic[0] == '$'};
    struct topic_index_entry *entry;
    size_t count = 0;

    if (index->patterns.root != NULL)
        collect(&resolving, index->patterns.root, topic);
    merge_add(&resolving, hash_table_find(&index->names, topic));
    merge_add(&resolving, index->everything);
    while ((entry = merge_next(&resolving)) != NULL) {
        found(entry, userdata);
        count++;
    }
    return count;
}
