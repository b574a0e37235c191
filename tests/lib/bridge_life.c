/* Bridge life: see bridge_life.h. */
#include "lib/bridge_life.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <maiko/counters.h>

#include "lib/suite.h"

static void end_path(char *path, size_t size, pid_t pid)
{
    snprintf(path, size, "%s/end.%d", getenv("XDG_RUNTIME_DIR"), (int)pid);
}

struct bridge_end *bridge_life_map(pid_t pid)
{
    struct bridge_end *end = MAP_FAILED;
    char path[600];
    int fd;

    end_path(path, sizeof(path), pid);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && ftruncate(fd, sizeof(*end)) == 0)
        end = mmap(NULL, sizeof(*end), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return end == MAP_FAILED ? NULL : end;
}

void bridge_life_unmap(struct bridge_end *end)
{
    CU_ASSERT_EQUAL(munmap(end, sizeof(*end)), 0);
}

int bridge_life_subscribe(const char *node)
{
    struct bridge_end *end = bridge_life_map(getpid());

    if (end == NULL)
        return 9;
    bridge_end_make(end, node, NULL, "count/up");
    if (bridge_end_import(end, "count/up", MAIKO_FROM_LIVE) != MAIKO_OK || bridge_end_start(end) != MAIKO_OK)
        return 9;
    for (;;)
        pause();
}

pid_t bridge_life_kill(struct child *child)
{
    pid_t pid = child->pid;

    child_signal(child, SIGKILL);
    CU_ASSERT_EQUAL(child_end(child, 60000), 128 + SIGKILL);
    return pid;
}

uint64_t bridge_life_came_in(const maiko_counters *counters)
{
    maiko_counters_actor importer;
    char name[32] = "bridge import";
    uint64_t events = 0;
    unsigned nth;

    for (nth = 2; maiko_counters_find_actor(counters, name, &importer) == MAIKO_OK; nth++) {
        events += importer.sent;
        snprintf(name, sizeof(name), "bridge import %u", nth);
    }
    return events;
}

static void books_path(char *path, size_t size, const char *node, pid_t pid)
{
    snprintf(path, size, "%s/maiko/counters/%s.%d.0", getenv("XDG_RUNTIME_DIR"), node, (int)pid);
}

bool bridge_life_has_books(const char *node, pid_t pid)
{
    maiko_counters *counters = NULL;
    char path[700];

    books_path(path, sizeof(path), node, pid);
    if (maiko_counters_open(path, &counters) != MAIKO_OK)
        return false;
    maiko_counters_free(counters);
    return true;
}

uint64_t bridge_life_accepted(const char *node, pid_t pid)
{
    maiko_counters *counters = NULL;
    maiko_counters_balance balance = {0};
    maiko_counters_info info = {0};
    uint64_t accepted;
    char path[700];

    books_path(path, sizeof(path), node, pid);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(path, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_get_info(counters, &info), MAIKO_OK);
    CU_ASSERT_EQUAL(info.state, MAIKO_COUNTERS_DEAD);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    if (!balance.is_balanced)
        SUITE_FAIL("%s", balance.text);
    accepted = bridge_life_came_in(counters);
    maiko_counters_free(counters);
    remove(path);
    return accepted;
}

void bridge_life_forget(pid_t pid)
{
    char path[600];

    end_path(path, sizeof(path), pid);
    remove(path);
}
