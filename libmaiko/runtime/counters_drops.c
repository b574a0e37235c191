/* Counters drops: two hash tables over drop rows. */
#include "runtime/counters_drops.h"

#include <string.h>

#include "base/hash.h"

/* A row with what it is found by. */
struct drop_entry {
    struct counters_row *row;
    struct drop_entry *next_of_owner;
    uint64_t key; /* hash of owner, topic and reason */
    uint64_t owner;
    uint16_t reason;
};

static struct counters_row *make_row(struct counters_drops *drops, enum counters_row_state state, uint64_t id, uint16_t shard,
                                     const char *topic, unsigned reason, struct text *why)
{
    struct counters_row *row = counters_rows_take(drops->rows, why);

    if (row == NULL)
        return NULL;
    row->label.id = id;
    row->label.kind = COUNTERS_ROW_DROP;
    row->label.number = reason;
    row->label.shard = shard;
    if (!counters_rows_set_name(drops->rows, row, topic, strlen(topic), why)) {
        counters_rows_vacate(drops->rows, row);
        return NULL;
    }
    atomic_store_explicit(&row->label.state, state, memory_order_release); /* the label is complete */
    return row;
}

maiko_status counters_drops_init(struct counters_drops *drops, struct heap *heap, struct counters_rows *rows, struct text *why)
{
    unsigned reason;

    *drops = (struct counters_drops){.heap = heap, .rows = rows};
    hash_table_init_u64(&drops->by_key, heap);
    hash_table_init_u64(&drops->by_owner, heap);
    for (reason = 1; reason < COUNTERS_REASONS; reason++) {
        drops->totals[reason] = make_row(drops, COUNTERS_TOTAL, 0, 0, "", reason, why);
        drops->shared[reason] = make_row(drops, COUNTERS_LIVE, 0, 0, "", reason, why);
        if (drops->totals[reason] == NULL || drops->shared[reason] == NULL)
            return MAIKO_ENOMEM;
    }
    return MAIKO_OK;
}

void counters_drops_deinit(struct counters_drops *drops)
{
    struct drop_entry *entry;
    struct drop_entry *next;
    size_t position = 0;

    while ((entry = hash_table_next(&drops->by_owner, &position)) != NULL)
        for (; entry != NULL; entry = next) {
            next = entry->next_of_owner;
            heap_free(drops->heap, entry, sizeof(*entry));
        }
    hash_table_deinit(&drops->by_key);
    hash_table_deinit(&drops->by_owner);
}

static uint64_t key_of(const struct counters_drops *drops, uint64_t owner, const char *topic, size_t len, unsigned reason)
{
    return hash_bytes(topic, len, drops->by_key.seed) ^ hash_u64(hash_u64(owner) + reason);
}

static bool matches(const struct counters_drops *drops, const struct drop_entry *entry, uint64_t owner, const char *topic,
                    size_t len, unsigned reason)
{
    return entry->owner == owner && entry->reason == reason && counters_rows_name_is(drops->rows, entry->row, topic, len);
}

static bool add(struct counters_drops *drops, struct drop_entry *entry)
{
    struct drop_entry *first = hash_table_find_u64(&drops->by_owner, entry->owner);

    if (hash_table_insert_u64(&drops->by_key, entry->key, entry) != MAIKO_OK)
        return false;
    if (first != NULL) { /* behind the first, so that the table need not change */
        entry->next_of_owner = first->next_of_owner;
        first->next_of_owner = entry;
        return true;
    }
    if (hash_table_insert_u64(&drops->by_owner, entry->owner, entry) == MAIKO_OK)
        return true;
    (void)hash_table_remove_u64(&drops->by_key, entry->key);
    return false;
}

struct counters_row *counters_drops_find(struct counters_drops *drops, uint64_t owner, uint16_t shard, const char *topic,
                                         maiko_drop_reason reason_, struct text *why)
{
    const unsigned reason = (unsigned)reason_ - 1 < COUNTERS_REASONS - 1 ? (unsigned)reason_ : MAIKO_DROPPED_NO_MEMORY;
    const size_t len = strlen(topic);
    const uint64_t key = key_of(drops, owner, topic, len, reason);
    const bool is_shard = owner == counters_shard_owner(shard);
    struct drop_entry *entry = hash_table_find_u64(&drops->by_key, key);

    if (entry != NULL) /* two keys with one hash: once in 10^19, and still counted under the right reason */
        return matches(drops, entry, owner, topic, len, reason) ? entry->row : drops->shared[reason];
    entry = heap_alloc_zeroed(drops->heap, 1, sizeof(*entry));
    if (entry == NULL)
        return drops->shared[reason];
    entry->key = key;
    entry->owner = owner;
    entry->reason = (uint16_t)reason;
    entry->row = make_row(drops, COUNTERS_LIVE, is_shard ? 0 : owner, shard, topic, reason, why);
    if (entry->row != NULL && add(drops, entry))
        return entry->row;
    if (entry->row != NULL)
        counters_rows_vacate(drops->rows, entry->row);
    heap_free(drops->heap, entry, sizeof(*entry));
    return drops->shared[reason];
}

void counters_drops_end(struct counters_drops *drops, uint64_t owner)
{
    struct drop_entry *entry = hash_table_remove_u64(&drops->by_owner, owner);
    struct drop_entry *next;

    for (; entry != NULL; entry = next) {
        next = entry->next_of_owner;
        (void)hash_table_remove_u64(&drops->by_key, entry->key);
        counters_rows_fold(drops->rows, entry->row, drops->totals[entry->reason]);
        heap_free(drops->heap, entry, sizeof(*entry));
    }
}
