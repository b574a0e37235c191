/* Placement: usable cores. */
#include "runtime/placement.h"

#include "runtime/shard.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* cgroup v2: "max 100000" or "150000 100000", quota and period in microseconds.  Only our own group is looked at. */
static uint32_t cgroup_cores(uint32_t cores)
{
    char text[64];
    unsigned long quota;
    unsigned long period;
    ssize_t len;
    int fd = open("/sys/fs/cgroup/cpu.max", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return cores;
    len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0)
        return cores;
    text[len] = '\0';
    if (sscanf(text, "%lu %lu", &quota, &period) != 2 || period == 0)
        return cores;
    return (quota + period - 1) / period < cores ? (uint32_t)((quota + period - 1) / period) : cores;
}

uint32_t placement_usable_cores(void)
{
    cpu_set_t set;
    uint32_t cores = 1;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        cores = (uint32_t)CPU_COUNT(&set);
    cores = cgroup_cores(cores);
    return cores < 1 ? 1 : cores > SHARD_MAX ? SHARD_MAX : cores;
}
