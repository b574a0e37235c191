/* Thread masks, see thread_masks.h. */
#include "runtime/thread_masks.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IS_EXITING 0x4u /* PF_EXITING of Linux among the flags */

enum { NAME_BYTES = 64, TASKS_MAX = 1024 };

/* A file of a thread of this process; -1 when there is none any more. */
static int open_file(const char *tasks, const char *thread, const char *file)
{
    char path[TASKS_MAX + 64];

    snprintf(path, sizeof path, "%s/%.20s/%s", tasks, thread, file);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* One that was joined may be seen a little longer, with the mask it had. */
static bool is_exiting(const char *tasks, const char *thread)
{
    int fd = open_file(tasks, thread, "stat");
    const char *behind_name;
    unsigned flags = 0;
    char text[1024];
    ssize_t len;

    if (fd < 0)
        return true;
    len = read(fd, text, sizeof text - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    behind_name = strrchr(text, ')');
    return len <= 0 ||
           (behind_name != NULL && sscanf(behind_name, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & IS_EXITING) != 0);
}

static bool is_blocked(uint64_t mask, int signal_number)
{
    return (mask >> (signal_number - 1) & 1) != 0;
}

/* What of a thread's status counts.  The file has any length, by a line that lists all groups of the user. */
struct status {
    char name[NAME_BYTES];
    unsigned long long blocked;
    bool has_mask;
};

static void take_line(struct status *status, const char *line)
{
    if (strncmp(line, "Name:\t", 6) == 0)
        snprintf(status->name, sizeof status->name, "%.*s", NAME_BYTES - 1, line + 6);
    else
        status->has_mask = status->has_mask || sscanf(line, "SigBlk: %llx", &status->blocked) == 1;
}

/* Line by line, of each as much as there is room for. */
static void read_status(int fd, struct status *ret_status)
{
    char line[NAME_BYTES + 16];
    char text[2048];
    size_t len = 0;
    ssize_t got;
    ssize_t i;

    *ret_status = (struct status){.has_mask = false};
    while (!ret_status->has_mask && (got = read(fd, text, sizeof text)) > 0) {
        for (i = 0; i < got; i++) {
            if (text[i] != '\n' && len < sizeof line - 1)
                line[len++] = text[i];
            if (text[i] != '\n')
                continue;
            line[len] = '\0';
            take_line(ret_status, line);
            len = 0;
        }
    }
}

static bool is_open(const char *tasks, const char *thread, const sigset_t *signals, char *ret_name, size_t size)
{
    int fd = open_file(tasks, thread, "status");
    struct status status;
    bool is_open = false;
    int i;

    if (fd < 0)
        return false;
    read_status(fd, &status);
    close(fd);
    for (i = 1; status.has_mask && i < 32; i++) /* those with a meaning */
        is_open = is_open || (sigismember(signals, i) == 1 && !is_blocked(status.blocked, i));
    if (!is_open || is_exiting(tasks, thread))
        return false;
    snprintf(ret_name, size, "%s", status.name);
    return true;
}

bool thread_masks_find_open(const char *root, const sigset_t *signals, char *ret_name, size_t size)
{
    char tasks[TASKS_MAX];
    const struct dirent *entry;
    bool found = false;
    DIR *threads;

    if (snprintf(tasks, sizeof tasks, "%s/proc/self/task", root) >= (int)sizeof tasks || (threads = opendir(tasks)) == NULL)
        return false;
    while (!found && (entry = readdir(threads)) != NULL)
        found = entry->d_name[0] != '.' && is_open(tasks, entry->d_name, signals, ret_name, size);
    closedir(threads);
    return found;
}
