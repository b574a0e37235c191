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
    atomic_init(&registry->names_left, topic_limit);
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

static bool is_system(const char *name)
{
    return strncmp(name, "$sys/", 5) == 0;
}

static struct topic *topic_new(struct registry *registry, const char *name)
{
    size_t len = strlen(name);
    struct topic *topic = heap_alloc_zeroed(registry->heap, 1, sizeof *topic + len + 1);

    if (topic == NULL)
        return NULL;
    topic->len = (uint16_t)len;
    topic->is_system = is_system(name);
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
    if (atomic_load_explicit(&registry->names_left, memory_order_relaxed) == 0 && !is_system(name))
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
    if (!topic->is_system)
        atomic_fetch_sub_explicit(&registry->names_left, 1, memory_order_relaxed);
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

static maiko_status refuse_policy(const struct topic *topic, const maiko_event_type *first, const maiko_event_type *type,
                                  struct text *error)
{
    if (strcmp(first->name, type->name) == 0)
        text_append_format(error, "topic '%s': two declarations of type '%s' give it different policies", topic->name,
                           type->name);
    else
        text_append_format(error, "topic '%s': types '%s' and '%s' give it different policies", topic->name, first->name,
                           type->name);
    return MAIKO_ECONFLICT;
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
    return refuse_policy(topic, atomic_load_explicit(&topic->bound_by, memory_order_relaxed), type, error);
}

maiko_status registry_bind(struct registry *registry, struct topic *topic, const maiko_event_type *type, struct text *error)
{
    maiko_status status;

    pthread_mutex_lock(&registry->lock);
    status = bind(topic, type, error);
    pthread_mutex_unlock(&registry->lock);
    return status;
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
    if (status == MAIKO_ELIMIT)
        text_append_format(error, "topic '%s' of type '%s': %u topic names are in use, all that .dynamic_topics allows",
                           type->topic, type->name, registry->topic_limit);
    return status == MAIKO_OK && !maiko_topic_is_reserved(type->topic) ? bind(*ret_topic, type, error) : status;
}

static bool is_same_topic(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool says_the_same(const maiko_event_type *type, const maiko_event_type *other)
{
    return is_same_topic(type->topic, other->topic) && type->topic_of == other->topic_of &&
           maiko_event_overflow(type) == maiko_event_overflow(other) && type->control == other->control &&
           type->sticky == other->sticky;
}

enum { ENTRY_FIRST = 1, ENTRY_IMPORT = 2 };

/* Not listed yet. */
static maiko_status make_entry(struct registry *registry, const maiko_event_type *type, struct text *error,
                               struct type_entry **ret_entry)
{
    struct type_entry *entry = heap_alloc_zeroed(registry->heap, 1, sizeof *entry);
    maiko_status status;

    if (entry == NULL)
        return MAIKO_ENOMEM;
    entry->type = type;
    entry->name = type->name;
    entry->hash = schema_hash(type);
    entry->look = schema_look_of(type);
    entry->needs_validation = !type->plain || type->tail_size > 0;
    entry->is_reserved = maiko_topic_is_reserved(type->topic);
    status = constant_topic(registry, type, error, &entry->topic);
    if (status != MAIKO_OK) {
        heap_free(registry->heap, entry, sizeof *entry);
        return status;
    }
    *ret_entry = entry;
    return MAIKO_OK;
}

/* Of the first descriptor of a type, or of one that says something else of topic or policy. */
static maiko_status enter_new(struct registry *registry, const maiko_event_type *type, unsigned flags, struct text *error,
                              struct type_entry **ret_entry)
{
    const bool is_first = (flags & ENTRY_FIRST) != 0;
    struct type_entry *entry;
    maiko_status status = make_entry(registry, type, error, &entry);

    if (status != MAIKO_OK)
        return status;
    entry->is_import = (flags & ENTRY_IMPORT) != 0;
    if (is_first)
        status = hash_table_insert(&registry->types, entry);
    if (status != MAIKO_OK)
        goto fail;
    status = hash_table_insert_u64(&registry->descriptors, (uint64_t)(uintptr_t)type, entry);
    if (status != MAIKO_OK) {
        if (is_first)
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

static maiko_status share(struct registry *registry, const maiko_event_type *type, struct type_entry *entry,
                          const struct type_entry **ret_entry)
{
    if (hash_table_insert_u64(&registry->descriptors, (uint64_t)(uintptr_t)type, entry) != MAIKO_OK)
        return MAIKO_ENOMEM;
    *ret_entry = entry;
    return MAIKO_OK;
}

/* The first declaration of this program otherwise than `entry`: imports keep to it from now on, if `entry` is one.  One that only
 * gives the import's topic another policy finds it bound and goes out as the import says; on any other topic it is this program
 * that contradicts itself. */
static maiko_status differ(struct registry *registry, const maiko_event_type *type, struct type_entry *entry, struct text *error,
                           const struct type_entry **ret_entry)
{
    struct type_entry *own;
    maiko_status status = enter_new(registry, type, 0, error, &own);

    if (status == MAIKO_ECONFLICT && entry->is_import && is_same_topic(type->topic, entry->type->topic))
        return share(registry, type, entry, ret_entry);
    if (status != MAIKO_OK)
        return status;
    if (entry->is_import)
        entry->own = own;
    *ret_entry = own;
    return MAIKO_OK;
}

/* What another program declared otherwise is no error here, whoever came first. */
static maiko_status enter(struct registry *registry, const maiko_event_type *type, bool is_import, struct text *error,
                          const struct type_entry **ret_entry)
{
    struct type_entry *entry = hash_table_find(&registry->types, type->name);
    maiko_status status;

    if (entry != NULL && entry->own != NULL)
        entry = entry->own;
    if (entry != NULL && entry->hash != schema_hash(type)) {
        text_append_format(error, "two event types are called '%s'", type->name);
        return MAIKO_ECONFLICT;
    }
    if (entry != NULL && (is_import || says_the_same(type, entry->type)))
        return share(registry, type, entry, ret_entry);
    if (entry != NULL)
        return differ(registry, type, entry, error, ret_entry);
    status = enter_new(registry, type, ENTRY_FIRST | (is_import ? ENTRY_IMPORT : 0), error, &entry);
    if (status == MAIKO_OK)
        *ret_entry = entry;
    return status;
}

static maiko_status look_up(struct registry *registry, const maiko_event_type *type, bool is_import, struct text *error,
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
            status = enter(registry, type, is_import, error, &entry);
    }
    pthread_mutex_unlock(&registry->lock);
    if (status == MAIKO_OK)
        *ret_entry = entry;
    return status;
}

maiko_status registry_any_type(struct registry *registry, const maiko_event_type *type, struct text *error,
                               const struct type_entry **ret_entry)
{
    return look_up(registry, type, false, error, ret_entry);
}

static maiko_status refuse_reserved(const struct type_entry *entry, struct text *error)
{
    const maiko_event_type *type = entry->type;

    if (!entry->is_reserved)
        return MAIKO_OK;
    text_append_format(error, "only the library sends '%s' on '%s'", type->name, type->topic == NULL ? "" : type->topic);
    return MAIKO_EPERM;
}

maiko_status registry_type(struct registry *registry, const maiko_event_type *type, struct text *error,
                           const struct type_entry **ret_entry)
{
    maiko_status status = look_up(registry, type, false, error, ret_entry);

    return status == MAIKO_OK ? refuse_reserved(*ret_entry, error) : status;
}

maiko_status registry_import_type(struct registry *registry, const maiko_event_type *type, struct text *error,
                                  const struct type_entry **ret_entry)
{
    maiko_status status = look_up(registry, type, true, error, ret_entry);

    return status == MAIKO_OK ? refuse_reserved(*ret_entry, error) : status;
}
