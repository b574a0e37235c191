/* Usable cores: how many this process may use at once, by its affinity and by the quotas of its cgroups. */
#ifndef RUNTIME_USABLE_CORES_H
#define RUNTIME_USABLE_CORES_H

#include <stdint.h>

/* At least 1. */
uint32_t usable_cores(void);

/* What the quotas of the groups of /proc/self/cgroup allow, of both versions, each group's and those above it, rounded up to
 * whole cores; UINT64_MAX without any.  Without /proc the groups that are mounted count.  `root` is the directory that /proc and
 * /sys are in: "" but in tests. */
uint64_t usable_cores_by_cgroup(const char *root);

#endif
