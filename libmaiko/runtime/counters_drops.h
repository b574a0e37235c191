/* Counters drops: finds the row that counts the drops of one actor (or shard), topic and reason.  Most never exist, so they
 * are made when the first such event is dropped.  Under the mutex of the counters file. */
#ifndef RUNTIME_COUNTERS_DROPS_H
#define RUNTIME_COUNTERS_DROPS_H

#include "base/hash_table.h"
#include "runtime/counters_rows.h"
#include <maiko/counters.h>

#define COUNTERS_REASON_ONE_(name, number, before_dispatch, text) +1
/* Reasons are numbered from 1 without holes. */
#define COUNTERS_REASONS (1 MAIKO_DROP_REASON_MAP(COUNTERS_REASON_ONE_))

struct counters_drops {
    struct heap *heap;
    struct counters_rows *rows;
    struct hash_table by_key;
    struct hash_table by_owner;
    struct counters_row *totals[COUNTERS_REASONS]; /* drops of ended owners */
    struct counters_row *shared[COUNTERS_REASONS]; /* when there can be no row of its own; any thread */
};

/* MAIKO_OK or MAIKO_ENOMEM; deinit in either case. */
MAIKO_MUST_CHECK maiko_status counters_drops_init(struct counters_drops *drops, struct heap *heap, struct counters_rows *rows,
                                                  struct text *why);
void counters_drops_deinit(struct counters_drops *drops);

/* Shards own drop rows beside actors; actors' ids never have this bit, except UINT64_MAX. */
static inline uint64_t counters_shard_owner(uint16_t shard)
{
    return (UINT64_C(1) << 63) | shard;
}

/* Never NULL.  A reason out of range counts as MAIKO_DROPPED_NO_MEMORY. */
struct counters_row *counters_drops_find(struct counters_drops *drops, uint64_t owner, uint16_t shard, const char *topic,
                                         maiko_drop_reason reason, struct text *why);

/* Folds all rows of this owner into the totals. */
void counters_drops_end(struct counters_drops *drops, uint64_t owner);

#endif
