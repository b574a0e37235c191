/* Placement: which shard an actor lives on. */
#ifndef RUNTIME_PLACEMENT_H
#define RUNTIME_PLACEMENT_H

#include <stdint.h>

/* Cores this process may use: affinity mask and cgroup quota; at least 1, at most 64. */
uint32_t placement_usable_cores(void);

#endif
