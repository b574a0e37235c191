/* Thread masks, see thread_masks.h. */
#include "runtime/thread_masks.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IS_EXITING 0x4u /* PF_EXITING of Linux among the flags */

/* A file of a thread of this process; false when there is none any more. */
static bool read_file(const char *thread, const char *file, char *text, size_t size)
{
    char path[64];
    ssize_t len;
    int fd;

    snprintf(path, sizeof path, "/proc/self/task/%.20s/%s", thread, file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    len = read(fd, text, size - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    return len > 0;
}

/* One that was joined may be seen a little longer, with the mask it had. */
static bool is_exiting(const char *thread)
{
    char text[1024];
    const char *behind_name;
    unsigned flags = 0;

    if (!read_file(thread, "stat", text, sizeof text))
        return true;
    behind_name = strrchr(text, ')');
    return behind_name != NULL && sscanf(behind_name, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & IS_EXITING) != 0;
}

static bool is_blocked(uint64_t mask, int signal_number)
{
    return (mask >> (signal_number - 1) & 1) != 0;
}

static bool is_open(const char *thread, const sigset_t *signals, char *ret_name, size_t size)
{
    char text[4096];
    const char *line;
    unsigned long long mask = 0;
    bool is_open = false;
    int i;

    if (!read_file(thread, "status", text, sizeof text) || (line = strstr(text, "\nSigBlk:")) == NULL ||
        sscanf(line, " SigBlk: %llx", &mask) != 1)
        return false;
    for (i = 1; i < 32; i++) /* those with a meaning */
        is_open = is_open || (sigismember(signals, i) == 1 && !is_blocked(mask, i));
    if (!is_open || is_exiting(thread))
        return false;
    snprintf(ret_name, size, "%.*s", (int)strcspn(text + strlen("Name:\t"), "\n"), text + strlen("Name:\t"));
    return true;
}

bool thread_masks_find_open(const sigset_t *signals, char *ret_name, size_t size)
{
    DIR *threads = opendir("/proc/self/task");
    const struct dirent *entry;
    bool found = false;

    while (threads != NULL && !found && (entry = readdir(threads)) != NULL)
        found = entry->d_name[0] != '.' && is_open(entry->d_name, signals, ret_name, size);
    if (threads != NULL)
        closedir(threads);
    return found;
}
