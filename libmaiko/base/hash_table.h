/* Hash table: text, 64-bit numbers or keys of the caller's to pointers; open addressing, 16 bytes per slot.  The key of a text
 * table is part of the value and read back through `key_of`, so it is stored once, by its owner. */
#ifndef BASE_HASH_TABLE_H
#define BASE_HASH_TABLE_H

#include "base/heap.h"
#include <maiko/status.h>

struct hash_slot {
    uint64_t hash; /* for numbers: a bijection of the key, so equal hashes are equal keys */
    void *value;   /* NULL: empty */
};

/* One thread at a time.  Iteration order differs from process to process: nothing that is seen may depend on it. */
struct hash_table {
    struct heap *heap;
    const char *(*key_of)(const void *value); /* NULL: keys are numbers */
    uint64_t seed;                            /* the process's, against keys chosen to collide */
    struct hash_slot *slots;
    size_t slot_count; /* 0 or a power of two */
    size_t count;
};

/* Nothing is allocated before the first insert.  `key_of` returns the NUL-terminated key of a value, the same one
 * as long as the value is in the table. */
void hash_table_init(struct hash_table *table, struct heap *heap, const char *(*key_of)(const void *value));
void hash_table_init_u64(struct hash_table *table, struct heap *heap);

/* Frees the slots; the values are the caller's. */
void hash_table_deinit(struct hash_table *table);

/* Makes room, so that the table can hold `count` values without another allocation.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status hash_table_reserve(struct hash_table *table, size_t count);

/* `value` is not NULL.  MAIKO_OK, MAIKO_EEXIST (table unchanged) or MAIKO_ENOMEM (table unchanged). */
MAIKO_MUST_CHECK maiko_status hash_table_insert(struct hash_table *table, void *value);
MAIKO_MUST_CHECK maiko_status hash_table_insert_u64(struct hash_table *table, uint64_t key, void *value);

/* NULL when absent.  `key` of the _len form needs no NUL. */
void *hash_table_find(const struct hash_table *table, const char *key);
void *hash_table_find_len(const struct hash_table *table, const char *key, size_t len);
void *hash_table_find_u64(const struct hash_table *table, uint64_t key);

/* Takes the value out and returns it, NULL when absent.  Never fails, allocates nothing, leaves no trace. */
void *hash_table_remove(struct hash_table *table, const char *key);
void *hash_table_remove_u64(struct hash_table *table, uint64_t key);

/* Other keys: the caller hashes, with the table's seed in it, and `matches` compares a value with `key` (as with numbers, init
 * with key_of NULL).  Insert only what is not there yet.  MAIKO_OK or MAIKO_ENOMEM; NULL when absent. */
MAIKO_MUST_CHECK maiko_status hash_table_insert_hashed(struct hash_table *table, uint64_t hash, void *value);
void *hash_table_find_hashed(const struct hash_table *table, uint64_t hash, bool (*matches)(const void *value, const void *key),
                             const void *key);
void *hash_table_remove_hashed(struct hash_table *table, uint64_t hash, bool (*matches)(const void *value, const void *key),
                               const void *key);

/* All values, one per call, NULL at the end; `*position` starts at 0.  Insert and remove nothing meanwhile. */
void *hash_table_next(const struct hash_table *table, size_t *position);

#endif
