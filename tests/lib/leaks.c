/* Leaks: reads /proc/self before and after a case. */
#include "lib/leaks.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/wait.h"

static unsigned count_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    unsigned count = 0;

    if (dir == NULL)
        return 0;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void note_fds(struct leaks *leaks)
{
    DIR *dir = opendir("/proc/self/fd");

    if (dir == NULL)
        return;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] == '.' || fd == dirfd(dir))
            continue;
        leaks->fd_count++;
        if (fd < LEAKS_MAX_FD)
            leaks->fd_open[fd] = true;
    }
    closedir(dir);
}

unsigned leaks_count_fds(void)
{
    struct leaks now = {.fd_count = 0};

    note_fds(&now);
    return now.fd_count;
}

void leaks_note(struct leaks *ret_leaks)
{
    memset(ret_leaks, 0, sizeof(*ret_leaks));
    note_fds(ret_leaks);
    ret_leaks->thread_count = count_threads();
}

static bool report_fd(int fd, char *text, size_t size)
{
    char link[64];
    char target[PATH_MAX];
    ssize_t len;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, target, sizeof(target) - 1);
    target[len < 0 ? 0 : len] = '\0';
    snprintf(text, size, "the case left descriptor %d open: %.160s", fd, target);
    return false;
}

static bool no_new_fd(const struct leaks *before, char *text, size_t size)
{
    struct leaks after = {.fd_count = 0};

    note_fds(&after);
    for (int fd = 0; fd < LEAKS_MAX_FD; fd++) {
        if (after.fd_open[fd] && !before->fd_open[fd])
            return report_fd(fd, text, size);
    }
    if (after.fd_count > before->fd_count) {
        snprintf(text, size, "the case left %u descriptors open", after.fd_count - before->fd_count);
        return false;
    }
    return true;
}

unsigned leaks_count_shared_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned count = 0;
    char line[512];

    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
        count += strstr(line, "memfd:maiko") != NULL;
    if (maps != NULL)
        fclose(maps);
    return count;
}

/* The thread sanitizer starts a thread of its own at some time. */
static unsigned foreign_threads(void)
{
    const char *sanitizer = getenv("MAIKO_SANITIZER");

    return sanitizer != NULL && strstr(sanitizer, "thread") != NULL ? 1 : 0;
}

/* A child left behind would hold the pipe of the test driver open. */
static void kill_children_of_this_thread(void)
{
    FILE *list = fopen("/proc/thread-self/children", "re");
    int pid;

    if (list == NULL)
        return;
    while (fscanf(list, "%d", &pid) == 1)
        kill(pid, SIGKILL);
    fclose(list);
}

bool leaks_none_since(const struct leaks *before, char *text, size_t size)
{
    unsigned allowed = before->thread_count + foreign_threads();

    if (!wait_until(count_threads() <= allowed, 3000)) {
        snprintf(text, size, "the case left %u threads running", count_threads() - allowed);
        return false;
    }
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
        snprintf(text, size, "the case left a child process");
        kill_children_of_this_thread();
        return false;
    }
    return no_new_fd(before, text, size);
}
