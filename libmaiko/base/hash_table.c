/* Hash table: linear probing, at most three quarters full, removal by shifting back instead of tombstones. */
#include "base/hash_table.h"

#include <string.h>

#include "base/hash.h"
#include "base/hash_seed.h"

#define NO_SLOT SIZE_MAX

void hash_table_init(struct hash_table *table, struct heap *heap, const char *(*key_of)(const void *value))
{
    memset(table, 0, sizeof(*table));
    table->heap = heap;
    table->key_of = key_of;
    table->seed = hash_seed();
}

void hash_table_init_u64(struct hash_table *table, struct heap *heap)
{
    hash_table_init(table, heap, NULL);
}

void hash_table_deinit(struct hash_table *table)
{
    heap_free(table->heap, table->slots, table->slot_count * sizeof(*table->slots));
    table->slots = NULL;
    table->slot_count = 0;
    table->count = 0;
}

static size_t slot_home(const struct hash_table *table, uint64_t hash)
{
    return (size_t)hash & (table->slot_count - 1);
}

static size_t slot_after(const struct hash_table *table, size_t slot)
{
    return (slot + 1) & (table->slot_count - 1);
}

static void slot_place(struct hash_table *table, uint64_t hash, void *value)
{
    size_t slot = slot_home(table, hash);

    while (table->slots[slot].value != NULL)
        slot = slot_after(table, slot);
    table->slots[slot] = (struct hash_slot){.hash = hash, .value = value};
}

maiko_status hash_table_reserve(struct hash_table *table, size_t count)
{
    struct hash_table grown = *table;
    size_t slot_count = table->slot_count > 0 ? table->slot_count : 8;
    size_t i;

    while (count > slot_count - slot_count / 4)
        if (__builtin_mul_overflow(slot_count, 2, &slot_count))
            return MAIKO_ENOMEM;
    if (slot_count == table->slot_count)
        return MAIKO_OK;
    grown.slots = heap_alloc_zeroed(table->heap, slot_count, sizeof(*grown.slots));
    if (grown.slots == NULL)
        return MAIKO_ENOMEM;
    grown.slot_count = slot_count;
    for (i = 0; i < table->slot_count; i++)
        if (table->slots[i].value != NULL)
            slot_place(&grown, table->slots[i].hash, table->slots[i].value);
    heap_free(table->heap, table->slots, table->slot_count * sizeof(*table->slots));
    *table = grown;
    return MAIKO_OK;
}

/* Numbers have no text: their hash alone decides. */
static bool key_matches(const struct hash_table *table, const void *value, const char *key, size_t len)
{
    const char *found;

    if (table->key_of == NULL)
        return true;
    found = table->key_of(value);
    return strncmp(found, key, len) == 0 && found[len] == '\0';
}

static size_t slot_find(const struct hash_table *table, uint64_t hash, const char *key, size_t len)
{
    size_t slot;

    if (table->count == 0)
        return NO_SLOT;
    for (slot = slot_home(table, hash); table->slots[slot].value != NULL; slot = slot_after(table, slot))
        if (table->slots[slot].hash == hash && key_matches(table, table->slots[slot].value, key, len))
            return slot;
    return NO_SLOT;
}

static maiko_status table_insert(struct hash_table *table, uint64_t hash, const char *key, size_t len, void *value)
{
    if (slot_find(table, hash, key, len) != NO_SLOT)
        return MAIKO_EEXIST;
    return hash_table_insert_hashed(table, hash, value);
}

maiko_status hash_table_insert(struct hash_table *table, void *value)
{
    const char *key = table->key_of(value);
    const size_t len = strlen(key);

    return table_insert(table, hash_bytes(key, len, table->seed), key, len, value);
}

maiko_status hash_table_insert_u64(struct hash_table *table, uint64_t key, void *value)
{
    return table_insert(table, hash_u64(key ^ table->seed), NULL, 0, value);
}

static void *slot_value(const struct hash_table *table, size_t slot)
{
    return slot == NO_SLOT ? NULL : table->slots[slot].value;
}

void *hash_table_find_len(const struct hash_table *table, const char *key, size_t len)
{
    return slot_value(table, slot_find(table, hash_bytes(key, len, table->seed), key, len));
}

void *hash_table_find(const struct hash_table *table, const char *key)
{
    return hash_table_find_len(table, key, strlen(key));
}

void *hash_table_find_u64(const struct hash_table *table, uint64_t key)
{
    return slot_value(table, slot_find(table, hash_u64(key ^ table->seed), NULL, 0));
}

/* Is the home of `entry` outside the gap's run (gap, entry], so that it may move back into the gap? */
static bool slot_may_fill(const struct hash_table *table, size_t gap, size_t entry)
{
    const size_t mask = table->slot_count - 1;
    const size_t from_home = (entry - slot_home(table, table->slots[entry].hash)) & mask;

    return from_home >= ((entry - gap) & mask);
}

static void *slot_take(struct hash_table *table, size_t gap)
{
    void *value = slot_value(table, gap);
    size_t entry;

    if (gap == NO_SLOT)
        return NULL;
    for (entry = slot_after(table, gap); table->slots[entry].value != NULL; entry = slot_after(table, entry)) {
        if (!slot_may_fill(table, gap, entry))
            continue;
        table->slots[gap] = table->slots[entry];
        gap = entry;
    }
    table->slots[gap].value = NULL;
    table->count--;
    return value;
}

void *hash_table_remove(struct hash_table *table, const char *key)
{
    const size_t len = strlen(key);

    return slot_take(table, slot_find(table, hash_bytes(key, len, table->seed), key, len));
}

void *hash_table_remove_u64(struct hash_table *table, uint64_t key)
{
    return slot_take(table, slot_find(table, hash_u64(key ^ table->seed), NULL, 0));
}

maiko_status hash_table_insert_hashed(struct hash_table *table, uint64_t hash, void *value)
{
    if (hash_table_reserve(table, table->count + 1) != MAIKO_OK)
        return MAIKO_ENOMEM;
    slot_place(table, hash, value);
    table->count++;
    return MAIKO_OK;
}

static size_t slot_find_hashed(const struct hash_table *table, uint64_t hash, bool (*matches)(const void *value, const void *key),
                               const void *key)
{
    size_t slot;

    if (table->count == 0)
        return NO_SLOT;
    for (slot = slot_home(table, hash); table->slots[slot].value != NULL; slot = slot_after(table, slot))
        if (table->slots[slot].hash == hash && matches(table->slots[slot].value, key))
            return slot;
    return NO_SLOT;
}

void *hash_table_find_hashed(const struct hash_table *table, uint64_t hash, bool (*matches)(const void *value, const void *key),
                             const void *key)
{
    return slot_value(table, slot_find_hashed(table, hash, matches, key));
}

void *hash_table_remove_hashed(struct hash_table *table, uint64_t hash, bool (*matches)(const void *value, const void *key),
                               const void *key)
{
    return slot_take(table, slot_find_hashed(table, hash, matches, key));
}

void *hash_table_next(const struct hash_table *table, size_t *position)
{
    while (*position < table->slot_count) {
        void *value = table->slots[(*position)++].value;

        if (value != NULL)
            return value;
    }
    return NULL;
}
