/* Types, see types.h. */
#include "node/types.h"

#include <string.h>

struct topic_type {
    struct known_type *type;
    size_t len;
    char topic[];
};

static const char *topic_of_entry(const void *entry)
{
    return ((const struct topic_type *)entry)->topic;
}

void types_init(struct types *types, struct heap *heap)
{
    types->heap = heap;
    types->count = 0;
    list_init(&types->list);
    hash_table_init(&types->topics, heap, topic_of_entry);
}

void types_deinit(struct types *types)
{
    struct topic_type *entry;
    size_t position = 0;
    struct list *link;

    while ((entry = hash_table_next(&types->topics, &position)) != NULL)
        heap_free(types->heap, entry, sizeof(*entry) + entry->len + 1);
    hash_table_deinit(&types->topics);
    while ((link = list_pop_front(&types->list)) != NULL) {
        struct known_type *known = CONTAINER_OF(link, struct known_type, link);

        payload_plan_free(known->plan);
        heap_free(types->heap, known, sizeof(*known));
    }
}

static struct known_type *find_exact(const struct types *types, const maiko_event_type *type)
{
    struct list *link;

    LIST_FOR_EACH (link, &types->list) {
        struct known_type *known = CONTAINER_OF(link, struct known_type, link);

        if (known->type == type)
            return known;
    }
    return NULL;
}

struct known_type *types_find(const struct types *types, const char *name, size_t len)
{
    struct known_type *found = NULL;
    struct list *link;

    LIST_FOR_EACH (link, &types->list) {
        struct known_type *known = CONTAINER_OF(link, struct known_type, link);

        if (strlen(known->type->name) != len || memcmp(known->type->name, name, len) != 0)
            continue;
        if (known->is_local)
            return known;
        found = known;
    }
    return found;
}

static struct known_type *find_same(const struct types *types, const struct foreign_type *foreign)
{
    struct list *link;

    LIST_FOR_EACH (link, &types->list) {
        struct known_type *known = CONTAINER_OF(link, struct known_type, link);

        if (known->hash == foreign->hash && maiko_event_is(known->type, foreign->type))
            return known;
    }
    return NULL;
}

static maiko_status add(struct types *types, const maiko_event_type *type, bool is_local, struct known_type **ret_type)
{
    struct known_type *known = types->count < TYPES_MAX ? heap_alloc_zeroed(types->heap, 1, sizeof(*known)) : NULL;
    maiko_status status = types->count < TYPES_MAX ? MAIKO_ENOMEM : MAIKO_ELIMIT;

    if (known != NULL)
        status = payload_plan_new(types->heap, type, NULL, &known->plan, NULL);
    if (status != MAIKO_OK) {
        heap_free(types->heap, known, sizeof(*known));
        return status;
    }
    known->type = type;
    known->hash = maiko_schema_hash(type);
    known->is_local = is_local;
    list_push_back(&types->list, &known->link);
    types->count++;
    *ret_type = known;
    return MAIKO_OK;
}

maiko_status types_learn(struct types *types, const maiko_event_type *type, struct known_type **ret_type)
{
    struct known_type *known = find_exact(types, type);

    if (known == NULL)
        return add(types, type, true, ret_type);
    *ret_type = known;
    return MAIKO_OK;
}

static maiko_status rebuild(const maiko_event_type *type, maiko_schema **ret_schema, const maiko_event_type **ret_type,
                            struct heap *heap)
{
    size_t size = 0;
    maiko_status status = maiko_schema_encode(type, NULL, 0, &size);
    size_t len = 0;
    void *bytes;

    if (status != MAIKO_OK && status != MAIKO_ETOOLONG)
        return status;
    bytes = heap_alloc(heap, size);
    if (bytes == NULL)
        return MAIKO_ENOMEM;
    status = maiko_schema_encode(type, bytes, size, &len);
    if (status == MAIKO_OK)
        status = maiko_schema_decode(bytes, len, NULL, ret_schema, NULL, 0);
    heap_free(heap, bytes, size);
    return status == MAIKO_OK ? maiko_schema_finish(*ret_schema, ret_type) : status;
}

maiko_status types_adopt(struct types *types, const struct foreign_type *foreign, struct known_type **ret_type)
{
    struct known_type *known = types_find(types, foreign->type->name, strlen(foreign->type->name));
    const maiko_event_type *type = NULL;
    maiko_schema *schema = NULL;
    maiko_status status;

    if (foreign->is_native)
        known = find_same(types, foreign);
    if (known != NULL && (known->is_local || known->hash == foreign->hash)) {
        *ret_type = known;
        return MAIKO_OK;
    }
    status = types->count < TYPES_MAX ? rebuild(foreign->type, &schema, &type, types->heap) : MAIKO_ELIMIT;
    if (status == MAIKO_OK)
        status = maiko_importer_adopt(types->keeper, schema);
    if (status == MAIKO_OK)
        return add(types, type, false, ret_type);
    maiko_schema_free(schema);
    return status;
}

void types_note_topic(struct types *types, const char *topic, struct known_type *type)
{
    struct topic_type *entry = hash_table_find(&types->topics, topic);
    size_t len = strlen(topic);

    if (entry != NULL) {
        entry->type = type;
        return;
    }
    if (types->topics.count >= TYPE_TOPICS_MAX)
        return;
    entry = heap_alloc(types->heap, sizeof(*entry) + len + 1);
    if (entry == NULL)
        return;
    entry->type = type;
    entry->len = len;
    memcpy(entry->topic, topic, len + 1);
    if (hash_table_insert(&types->topics, entry) != MAIKO_OK)
        heap_free(types->heap, entry, sizeof(*entry) + len + 1);
}

struct known_type *types_of_topic(const struct types *types, const char *topic)
{
    const struct topic_type *entry = hash_table_find(&types->topics, topic);

    return entry == NULL ? NULL : entry->type;
}
