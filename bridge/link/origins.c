/* Origins, see origins.h. */
#include "link/origins.h"

#include <string.h>

#include "base/hash.h"

/* Origins nobody refers to any more that are remembered; what comes by another way after that is taken for new. */
enum { IDLE_MAX = 65536 };

/* Where the events of a prefix began, as long as there is an origin with it. */
struct origin_prefix {
    maiko_id node;
    size_t origins;
};

struct origin_key {
    uint64_t prefix;
    const char *topic;
    const char *sender;
};

void origins_init(struct origins *origins, struct heap *heap)
{
    *origins = (struct origins){.heap = heap, .limit = IDLE_MAX};
    hash_table_init_u64(&origins->table, heap);
    hash_table_init_u64(&origins->prefixes, heap);
    list_init(&origins->idle);
}

static bool is_origin_of(const void *value, const void *key)
{
    const struct origin *origin = value;
    const struct origin_key *wanted = key;

    return origin->prefix == wanted->prefix && strcmp(origin->topic, wanted->topic) == 0 &&
           strcmp(origin->sender, wanted->sender) == 0;
}

static uint64_t hash_of(const struct origins *origins, const struct origin_key *key)
{
    uint64_t hash = hash_bytes(key->topic, strlen(key->topic), key->prefix ^ origins->table.seed);

    return hash_bytes(key->sender, strlen(key->sender), hash);
}

static maiko_status add_prefix(struct origins *origins, uint64_t prefix, maiko_id node)
{
    struct origin_prefix *known = hash_table_find_u64(&origins->prefixes, prefix);
    maiko_status status;

    if (known == NULL) {
        known = heap_alloc_zeroed(origins->heap, 1, sizeof(*known));
        status = known == NULL ? MAIKO_ENOMEM : hash_table_insert_u64(&origins->prefixes, prefix, known);
        if (status != MAIKO_OK) {
            heap_free(origins->heap, known, sizeof(*known));
            return status;
        }
        known->node = node;
    }
    known->origins++;
    return MAIKO_OK;
}

static void remove_prefix(struct origins *origins, uint64_t prefix)
{
    struct origin_prefix *known = hash_table_find_u64(&origins->prefixes, prefix);

    if (known == NULL || --known->origins > 0)
        return;
    (void)hash_table_remove_u64(&origins->prefixes, prefix);
    heap_free(origins->heap, known, sizeof(*known));
}

static struct origin *add(struct origins *origins, const struct origin_key *key, maiko_id node, maiko_id way)
{
    size_t topic_size = strlen(key->topic) + 1;
    size_t sender_size = strlen(key->sender) + 1;
    size_t size = sizeof(struct origin) + topic_size + sender_size;
    struct origin *origin = heap_alloc_zeroed(origins->heap, 1, size);

    if (origin == NULL || add_prefix(origins, key->prefix, node) != MAIKO_OK) {
        heap_free(origins->heap, origin, size);
        return NULL;
    }
    list_init(&origin->link);
    origin->size = size;
    origin->prefix = key->prefix;
    origin->node = node;
    origin->way = way;
    origin->topic = memcpy(origin + 1, key->topic, topic_size);
    origin->sender = memcpy((char *)(origin + 1) + topic_size, key->sender, sender_size);
    if (hash_table_insert_hashed(&origins->table, hash_of(origins, key), origin) == MAIKO_OK)
        return origin;
    remove_prefix(origins, key->prefix);
    heap_free(origins->heap, origin, size);
    return NULL;
}

static void forget(struct origins *origins, struct origin *origin)
{
    const struct origin_key key = {origin->prefix, origin->topic, origin->sender};

    (void)hash_table_remove_hashed(&origins->table, hash_of(origins, &key), is_origin_of, &key);
    list_remove(&origin->link);
    origins->idle_count--;
    remove_prefix(origins, origin->prefix);
    heap_free(origins->heap, origin, origin->size);
}

void origins_deinit(struct origins *origins)
{
    while (!list_is_empty(&origins->idle))
        forget(origins, CONTAINER_OF(list_first(&origins->idle), struct origin, link));
    hash_table_deinit(&origins->table);
    hash_table_deinit(&origins->prefixes);
}

struct origin *origins_join(struct origins *origins, uint64_t prefix, const char *topic, const char *sender, maiko_id node,
                            maiko_id way)
{
    const struct origin_key key = {prefix, topic, sender};
    struct origin *origin = hash_table_find_hashed(&origins->table, hash_of(origins, &key), is_origin_of, &key);

    if (origin == NULL) {
        origin = add(origins, &key, node, way);
        if (origin == NULL)
            return NULL;
    } else if (origin->users == 0) {
        list_remove(&origin->link);
        origins->idle_count--;
    }
    origin->users++;
    origin->has_ways = origin->has_ways || !maiko_id_equal(origin->way, way);
    return origin;
}

void origins_leave(struct origins *origins, struct origin *origin)
{
    if (origin == NULL || --origin->users > 0)
        return;
    list_push_back(&origins->idle, &origin->link);
    origins->idle_count++;
    if (origins->idle_count > origins->limit)
        forget(origins, CONTAINER_OF(list_first(&origins->idle), struct origin, link));
}

maiko_id origins_of_prefix(const struct origins *origins, uint64_t prefix)
{
    const struct origin_prefix *known = hash_table_find_u64(&origins->prefixes, prefix);

    return known == NULL ? (maiko_id){0, 0} : known->node;
}
