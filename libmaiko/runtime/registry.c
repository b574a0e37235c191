/* Registry of topics and types. */
#include "runtime/registry.h"

#include "message/schema.h"
#include "message/topic.h"
#include <string.h>

static const char *topic_key(const void *value)
{
    return ((const struct topic *)value)->name;
}

static const char *type_key(const void *value)
{
    return ((const struct type_entry *)value)->name;
}

void registry_init(struct registry *registry, struct heap *heap, uint32_t topic_limit)
{
    memset(registry, 0, sizeof *registry);
    registry->heap = heap;
    registry->topic_limit = topic_limit;
    pthread_mutex_init(&registry->lock, NULL);
    hash_table_init(&registry->topics, heap, topic_key);
    hash_table_init(&registry->types, heap, type_key);
    hash_table_init_u64(&registry->descriptors, heap);
}

static size_t topic_size(const struct topic *topic)
{
    return sizeof *topic + topic->len + 1u;
}

void registry_deinit(struct registry *registry)
{
    uint32_t i;

    while (registry->entries != NULL) {
        struct type_entry *entry = registry->entries;

        registry->entries = entry->next;
        heap_free(registry->heap, entry, sizeof *entry);
    }
    for (i = 0; i < registry->topic_count; i++)
        heap_free(registry->heap, registry->by_id[i], topic_size(registry->by_id[i]));
    heap_free(registry->heap, registry->by_id, registry->topic_size * sizeof(struct topic *));
    hash_table_deinit(&registry->topics);
    hash_table_deinit(&registry->types);
    hash_table_deinit(&registry->descriptors);
    pthread_mutex_destroy(&registry->lock);
}

static bool room_for_topic(struct registry *registry)
{
    uint32_t size = registry->topic_size == 0 ? 16 : 2 * registry->topic_size;
    struct topic **by_id;

    if (registry->topic_count < registry->topic_size)
        return true;
    by_id = heap_resize(registry->heap, registry->by_id, registry->topic_size * sizeof(struct topic *),
                        size * sizeof(struct topic *));
    if (by_id == NULL)
        return false;
    registry->by_id = by_id;
    registry->topic_size = size;
    return true;
}

static struct topic *topic_new(struct registry *registry, const char *name)
{
    size_t len = strlen(name);
    struct topic *topic = heap_alloc_zeroed(registry->heap, 1, sizeof *topic + len + 1);

    if (topic == NULL)
        return NULL;
    topic->len = (uint16_t)len;
    topic->is_system = strncmp(name, "$sys/", 5) == 0;
    memcpy(topic->name, name, len + 1);
    return topic;
}

static maiko_status find_or_make_topic(struct registry *registry, const char *name, struct topic **ret_topic)
{
    struct topic *topic = hash_table_find(&registry->topics, name);

    if (topic != NULL) {
        *ret_topic = topic;
        return MAIKO_OK;
    }
    if (registry->topic_count >= registry->topic_limit)
        return MAIKO_ELIMIT;
    if (!room_for_topic(registry))
        return MAIKO_ENOMEM;
    topic = topic_new(registry, name);
    if (topic == NULL)
        return MAIKO_ENOMEM;
    if (hash_table_insert(&registry->topics, topic) != MAIKO_OK) {
        heap_free(registry->heap, topic, topic_size(topic));
        return MAIKO_ENOMEM;
    }
    topic->id = registry->topic_count;
    registry->by_id[registry->topic_count++] = topic;
    *ret_topic = topic;
    return MAIKO_OK;
}

maiko_status registry_topic(struct registry *registry, const char *name, struct topic **ret_topic)
{
    maiko_status status;

    pthread_mutex_lock(&registry->lock);
    status = find_or_make_topic(registry, name, ret_topic);
    pthread_mutex_unlock(&registry->lock);
    return status;
}

struct topic *registry_topic_by_id(struct registry *registry, uint32_t id)
{
    struct topic *topic;

    pthread_mutex_lock(&registry->lock);
    topic = id < registry->topic_count ? registry->by_id[id] : NULL;
    pthread_mutex_unlock(&registry->lock);
    return topic;
}

static bool binds_alike(const struct topic *topic, const maiko_event_type *type)
{
    return topic->overflow == (uint8_t)maiko_event_overflow(type) && topic->is_control == type->control &&
           topic->is_sticky == type->sticky;
}

static maiko_status bind(struct topic *topic, const maiko_event_type *type, struct text *error)
{
    if (!topic->is_bound) {
        topic->overflow = (uint8_t)maiko_event_overflow(type);
        topic->is_control = type->control;
        topic->is_sticky = type->sticky;
        atomic_store_explicit(&topic->bound_by, type, memory_order_release);
        topic->is_bound = true;
        return MAIKO_OK;
    }
    if (binds_alike(topic, type))
        return MAIKO_OK;
    text_append_format(error, "topic '%s': types '%s' and '%s' give it different policies", topic->name,
                       atomic_load_explicit(&topic->bound_by, memory_order_relaxed)->name, type->name);
    return MAIKO_ECONFLICT;
}

maiko_status registry_bind(struct registry *registry, struct topic *topic, const maiko_event_type *type, struct text *error)
{
    maiko_status status;

    pthread_mutex_lock(&registry->lock);
    status = bind(topic, type, error);
    pthread_mutex_unlock(&registry->lock);
    return status;
}

/* The entry of another descriptor of the same type, or MAIKO_ECONFLICT when only the name is the same. */
static maiko_status adopt(struct registry *registry, const maiko_event_type *type, struct type_entry *entry, struct text *error,
                          const struct type_entry **ret_entry)
{
    if (entry->hash != schema_hash(type)) {
        text_append_format(error, "two event types are called '%s'", type->name);
        return MAIKO_ECONFLICT;
    }
    if (hash_table_insert_u64(&registry->descriptors, (uint64_t)(uintptr_t)type, entry) != MAIKO_OK)
        return MAIKO_ENOMEM;
    *ret_entry = entry;
    return MAIKO_OK;
}

/* A topic that schema_check() has passed.  Below `$sys/` no type says what the policy is. */
static maiko_status constant_topic(struct registry *registry, const maiko_event_type *type, struct text *error,
                                   struct topic **ret_topic)
{
    maiko_status status;

    *ret_topic = NULL;
    if (type->topic == NULL)
        return MAIKO_OK;
    status = find_or_make_topic(registry, type->topic, ret_topic);
    return status == MAIKO_OK && !maiko_topic_is_reserved(type->topic) ? bind(*ret_topic, type, error) : status;
}

static maiko_status enter(struct registry *registry, const maiko_event_type *type, struct text *error,
                          const struct type_entry **ret_entry)
{
    struct type_entry *entry = hash_table_find(&registry->types, type->name);
    maiko_status status;

    if (entry != NULL)
        return adopt(registry, type, entry, error, ret_entry);
    entry = heap_alloc_zeroed(registry->heap, 1, sizeof *entry);
    if (entry == NULL)
        return MAIKO_ENOMEM;
    entry->type = type;
    entry->name = type->name;
    entry->hash = schema_hash(type);
    entry->needs_validation = !type->plain || type->tail_size > 0;
    entry->is_reserved = maiko_topic_is_reserved(type->topic);
    status = constant_topic(registry, type, error, &entry->topic);
    if (status != MAIKO_OK)
        goto fail;
    status = hash_table_insert(&registry->types, entry);
    if (status != MAIKO_OK)
        goto fail;
    status = hash_table_insert_u64(&registry->descriptors, (uint64_t)(uintptr_t)type, entry);
    if (status != MAIKO_OK) {
        (void)hash_table_remove(&registry->types, entry->name);
        goto fail;
    }
    entry->next = registry->entries;
    registry->entries = entry;
    *ret_entry = entry;
    return MAIKO_OK;
fail:
    heap_free(registry->heap, entry, sizeof *entry);
    return status;
}

maiko_status registry_any_type(struct registry *registry, const maiko_event_type *type, struct text *error,
                               const struct type_entry **ret_entry)
{
    maiko_status status = MAIKO_OK;
    const struct type_entry *entry;

    if (type == NULL) {
        text_append(error, "event type is NULL");
        return MAIKO_ETYPE;
    }
    pthread_mutex_lock(&registry->lock);
    entry = hash_table_find_u64(&registry->descriptors, (uint64_t)(uintptr_t)type);
    if (entry == NULL) {
        status = schema_check(type, error);
        if (status == MAIKO_OK)
            status = enter(registry, type, error, &entry);
    }
    pthread_mutex_unlock(&registry->lock);
    if (status == MAIKO_OK)
        *ret_entry = entry;
    return status;
}

maiko_status registry_type(struct registry *registry, const maiko_event_type *type, struct text *error,
                           const struct type_entry **ret_entry)
{
    const struct type_entry *entry;
    maiko_status status = registry_any_type(registry, type, error, &entry);

    if (status != MAIKO_OK)
        return status;
    if (entry->is_reserved) {
        text_append_format(error, "only the library sends '%s' on '%s'", type->name, type->topic == NULL ? "" : type->topic);
        return MAIKO_EPERM;
    }
    *ret_entry = entry;
    return MAIKO_OK;
}
