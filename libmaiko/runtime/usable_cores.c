/* Usable cores, see usable_cores.h.
 *
 * A group that is not where /proc says (a container sees the path of its host, and its own group at the top) leaves the groups
 * above it to be looked at, the top in any case. */
#include "runtime/usable_cores.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Without /proc: what is mounted is the own group in a container, and has no quota elsewhere. */
#define WITHOUT_PROC "0::/\n1:cpu,cpuacct:/\n"

enum { GROUPS_MAX = 8192, PATH_BYTES = 4096 + 256 };

/* Text of at most size - 1 bytes; false when there is none. */
static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t got;

    if (fd < 0)
        return false;
    do {
        got = read(fd, text + len, size - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    close(fd);
    text[len] = '\0';
    return len > 0;
}

/* One group of a hierarchy. */
struct group {
    const char *root;
    const char *mount; /* below /sys/fs/cgroup */
    const char *path;  /* within the mount, `len` bytes */
    size_t len;
};

static bool read_setting(const struct group *group, const char *name, char *text, size_t size)
{
    char path[PATH_BYTES];
    int len =
        snprintf(path, sizeof path, "%s/sys/fs/cgroup/%s%.*s/%s", group->root, group->mount, (int)group->len, group->path, name);

    return len > 0 && (size_t)len < sizeof path && read_text(path, text, size);
}

static uint64_t whole_cores(unsigned long long quota, unsigned long long period)
{
    return quota == 0 || period == 0 ? UINT64_MAX : (quota - 1) / period + 1;
}

/* "max 100000" or "150000 100000": microseconds of each period. */
static uint64_t cores_of_v2(const struct group *group)
{
    unsigned long long quota;
    unsigned long long period;
    char text[64];

    if (!read_setting(group, "cpu.max", text, sizeof text) || sscanf(text, "%llu %llu", &quota, &period) != 2)
        return UINT64_MAX;
    return whole_cores(quota, period);
}

/* The same in two files; a quota of -1 is none. */
static uint64_t cores_of_v1(const struct group *group)
{
    long long quota;
    long long period;
    char text[64];

    if (!read_setting(group, "cpu.cfs_quota_us", text, sizeof text) || sscanf(text, "%lld", &quota) != 1 || quota <= 0)
        return UINT64_MAX;
    if (!read_setting(group, "cpu.cfs_period_us", text, sizeof text) || sscanf(text, "%lld", &period) != 1 || period <= 0)
        return UINT64_MAX;
    return whole_cores((unsigned long long)quota, (unsigned long long)period);
}

/* The least of the group's and of those above it. */
static uint64_t least_up(struct group group, uint64_t (*cores_of)(const struct group *group))
{
    uint64_t least = cores_of(&group);

    while (group.len > 0) {
        uint64_t cores;

        do
            group.len--;
        while (group.len > 0 && group.path[group.len] != '/');
        cores = cores_of(&group);
        least = cores < least ? cores : least;
    }
    return least;
}

static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    while (strncmp(list, word, len) != 0 || (list[len] != ',' && list[len] != '\0')) {
        list = strchr(list, ',');
        if (list == NULL)
            return false;
        list++;
    }
    return true;
}

/* A line "4:cpu,cpuacct:/path"; of version 2 the list is empty, and the mount of its own beside mounts of version 1. */
static uint64_t cores_of_line(const char *root, char *line)
{
    char *list = strchr(line, ':');
    char *path = list == NULL ? NULL : strchr(list + 1, ':');
    uint64_t by_list;
    uint64_t by_name;

    if (path == NULL)
        return UINT64_MAX;
    list++;
    *path++ = '\0';
    if (strncmp(path, "/..", 3) == 0) /* outside of what is mounted here */
        path += strlen(path);
    if (list[0] != '\0' && !has_word(list, "cpu"))
        return UINT64_MAX;
    by_list = least_up((struct group){root, list, path, strlen(path)}, list[0] == '\0' ? cores_of_v2 : cores_of_v1);
    if (list[0] == '\0')
        by_name = least_up((struct group){root, "unified", path, strlen(path)}, cores_of_v2);
    else
        by_name = least_up((struct group){root, "cpu", path, strlen(path)}, cores_of_v1);
    return by_list < by_name ? by_list : by_name;
}

uint64_t usable_cores_by_cgroup(const char *root)
{
    uint64_t least = UINT64_MAX;
    char path[PATH_BYTES];
    char text[GROUPS_MAX];
    char *rest = text;
    char *line;

    if (snprintf(path, sizeof path, "%s/proc/self/cgroup", root) >= (int)sizeof path || !read_text(path, text, sizeof text))
        snprintf(text, sizeof text, "%s", WITHOUT_PROC);
    while ((line = strsep(&rest, "\n")) != NULL) {
        uint64_t cores = cores_of_line(root, line);

        least = cores < least ? cores : least;
    }
    return least;
}

uint32_t usable_cores(void)
{
    uint64_t by_cgroup = usable_cores_by_cgroup("");
    uint32_t cores = 1;
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        cores = (uint32_t)CPU_COUNT(&set);
    return by_cgroup < cores ? (uint32_t)by_cgroup : cores;
}
