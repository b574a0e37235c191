/* Budget: how many slots of others' pools a bridge may have mapped at one time, whoever lends them.  A process has only so many
 * mappings (vm.max_map_count), and everybody in it lives on them.
 *
 * Any thread may call anything; no call waits. */
#ifndef SHM_BUDGET_H
#define SHM_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include <maiko/status.h>

struct shm_budget;

/* `heap`: its allocator is used, and nothing counted, as views outlive it.  MAIKO_OK, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status shm_budget_new(struct heap *heap, uint32_t slots, struct shm_budget **ret_budget);

struct shm_budget *shm_budget_ref(struct shm_budget *budget);
void shm_budget_unref(struct shm_budget *budget); /* NULL is allowed */

/* One slot more.  False: there are so many. */
bool shm_budget_take(struct shm_budget *budget);
void shm_budget_give(struct shm_budget *budget, uint32_t slots);

#endif
