/* Retained log: a ring of pointers to entries, each one block. */
#include "retained/retained.h"

#include <string.h>

enum { RING_FIRST_CAPACITY = 64, TOPICS_FIRST_CAPACITY = 16 };

static size_t entry_size(const struct retained_entry *entry)
{
    return sizeof(*entry) + entry->len;
}

static const char *topic_name(const void *topic)
{
    return ((const struct retained_topic *)topic)->name;
}

void retained_init(struct retained *retained, struct heap *heap, size_t max_bytes)
{
    *retained = (struct retained){.heap = heap, .max_bytes = max_bytes};
    hash_table_init(&retained->topics, heap, topic_name);
}

struct retained_entry *retained_ref(struct retained_entry *entry)
{
    entry->refs++;
    return entry;
}

void retained_unref(struct retained *retained, struct retained_entry *entry)
{
    if (--entry->refs == 0)
        heap_free(retained->heap, entry, entry_size(entry));
}

static struct retained_entry **slot(const struct retained *retained, uint64_t position)
{
    return &retained->entries[position & (retained->capacity - 1)];
}

struct retained_entry *retained_at(const struct retained *retained, uint64_t position)
{
    if (position < retained->first || position >= retained->next)
        return NULL;
    return *slot(retained, position);
}

void retained_deinit(struct retained *retained)
{
    uint32_t i;

    for (; retained->first < retained->next; retained->first++)
        retained_unref(retained, *slot(retained, retained->first));
    for (i = 0; i < retained->topic_count; i++) {
        struct retained_topic *topic = retained->topic_list[i];

        if (topic->last != NULL)
            retained_unref(retained, topic->last);
        heap_free(retained->heap, topic, sizeof(*topic) + strlen(topic->name) + 1);
    }
    hash_table_deinit(&retained->topics);
    heap_free(retained->heap, retained->topic_list, retained->topic_capacity * sizeof(struct retained_topic *));
    heap_free(retained->heap, retained->entries, retained->capacity * sizeof(struct retained_entry *));
}

struct retained_topic *retained_find_topic(const struct retained *retained, const char *name)
{
    return hash_table_find(&retained->topics, name);
}

static maiko_status grow_topics(struct retained *retained)
{
    uint32_t capacity = retained->topic_capacity > 0 ? 2 * retained->topic_capacity : TOPICS_FIRST_CAPACITY;
    void *list;

    if (retained->topic_count < retained->topic_capacity)
        return MAIKO_OK;
    list = heap_resize(retained->heap, retained->topic_list, retained->topic_capacity * sizeof(struct retained_topic *),
                       capacity * sizeof(struct retained_topic *));
    if (list == NULL)
        return MAIKO_ENOMEM;
    retained->topic_list = list;
    retained->topic_capacity = capacity;
    return MAIKO_OK;
}

maiko_status retained_topic(struct retained *retained, const char *name, maiko_overflow overflow,
                            struct retained_topic **ret_topic)
{
    struct retained_topic *topic = hash_table_find(&retained->topics, name);
    size_t size = sizeof(*topic) + strlen(name) + 1;

    if (topic == NULL) {
        if (grow_topics(retained) != MAIKO_OK)
            return MAIKO_ENOMEM;
        topic = heap_alloc_zeroed(retained->heap, 1, size);
        if (topic == NULL)
            return MAIKO_ENOMEM;
        topic->index = retained->topic_count;
        topic->overflow = overflow;
        memcpy(topic->name, name, strlen(name) + 1);
        if (hash_table_insert(&retained->topics, topic) != MAIKO_OK) {
            heap_free(retained->heap, topic, size);
            return MAIKO_ENOMEM;
        }
        retained->topic_list[retained->topic_count++] = topic;
    }
    *ret_topic = topic;
    return MAIKO_OK;
}

static maiko_status grow_ring(struct retained *retained)
{
    size_t capacity = retained->capacity > 0 ? 2 * retained->capacity : RING_FIRST_CAPACITY;
    struct retained_entry **entries;
    uint64_t position;

    if (retained->next - retained->first < retained->capacity)
        return MAIKO_OK;
    entries = heap_alloc_zeroed(retained->heap, capacity, sizeof(struct retained_entry *));
    if (entries == NULL)
        return MAIKO_ENOMEM;
    for (position = retained->first; position < retained->next; position++)
        entries[position & (capacity - 1)] = *slot(retained, position);
    heap_free(retained->heap, retained->entries, retained->capacity * sizeof(struct retained_entry *));
    retained->entries = entries;
    retained->capacity = capacity;
    return MAIKO_OK;
}

/* ---- Last values that have left the log: a queue of topics, so that the oldest can be given up ---- */

static void unkeep(struct retained *retained, struct retained_topic *topic)
{
    if (!topic->is_kept)
        return;
    topic->is_kept = false;
    retained->kept_bytes -= entry_size(topic->last);
    *(topic->older_kept != NULL ? &topic->older_kept->newer_kept : &retained->oldest_kept) = topic->newer_kept;
    *(topic->newer_kept != NULL ? &topic->newer_kept->older_kept : &retained->newest_kept) = topic->older_kept;
    topic->older_kept = topic->newer_kept = NULL;
}

static void set_last(struct retained *retained, struct retained_topic *topic, struct retained_entry *entry)
{
    unkeep(retained, topic);
    if (topic->last != NULL)
        retained_unref(retained, topic->last);
    topic->last = entry != NULL ? retained_ref(entry) : NULL;
}

static void keep(struct retained *retained, struct retained_topic *topic)
{
    topic->is_kept = true;
    topic->older_kept = retained->newest_kept;
    *(topic->older_kept != NULL ? &topic->older_kept->newer_kept : &retained->oldest_kept) = topic;
    retained->newest_kept = topic;
    retained->kept_bytes += entry_size(topic->last);
    while (retained->kept_bytes > retained->max_bytes && retained->oldest_kept != NULL) {
        retained->forgotten++;
        set_last(retained, retained->oldest_kept, NULL);
    }
}

maiko_status retained_append(struct retained *retained, struct retained_topic *topic, uint32_t channel, const void *bytes,
                             size_t len, struct retained_entry **ret_entry)
{
    struct retained_entry *entry;

    if (len > UINT32_MAX)
        return MAIKO_ETOOLONG;
    if (grow_ring(retained) != MAIKO_OK)
        return MAIKO_ENOMEM;
    entry = heap_alloc(retained->heap, sizeof(*entry) + len);
    if (entry == NULL)
        return MAIKO_ENOMEM;
    entry->position = retained->next;
    entry->topic = topic;
    entry->channel = channel;
    entry->len = (uint32_t)len;
    entry->refs = 1;
    memcpy(entry->bytes, bytes, len);
    *slot(retained, retained->next) = entry;
    retained->next++;
    retained->bytes += entry_size(entry);
    topic->count++;
    set_last(retained, topic, entry);
    *ret_entry = entry;
    return MAIKO_OK;
}

static void drop_oldest(struct retained *retained)
{
    struct retained_entry *entry = *slot(retained, retained->first);

    retained->first++;
    retained->bytes -= entry_size(entry);
    if (entry->topic->last == entry)
        keep(retained, entry->topic);
    retained_unref(retained, entry);
}

void retained_evict(struct retained *retained)
{
    while (retained->bytes > retained->max_bytes && retained->next - retained->first > 1)
        drop_oldest(retained);
}
