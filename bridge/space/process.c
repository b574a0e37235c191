/* Process identity, see process.h. */
#include "space/process.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hash.h"

/* Field 22 of /proc/self/stat; the second field is a name in brackets that may contain anything. */
static uint64_t own_start_time(void)
{
    char line[1024];
    const char *at;
    ssize_t len;
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    int field;

    if (fd < 0)
        return 0;
    len = read(fd, line, sizeof(line) - 1);
    close(fd);
    line[len > 0 ? len : 0] = '\0';
    at = strrchr(line, ')');
    for (field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

struct process_identity process_identity_self(void)
{
    struct process_identity identity = {.pid = getpid(), .start_time = own_start_time()};
    struct stat info;

    if (stat("/proc/self/ns/pid", &info) == 0)
        identity.pid_namespace = info.st_ino;
    return identity;
}

uint64_t process_clock(void)
{
    struct stat info;
    char boot[64];
    ssize_t len;
    uint64_t hash;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    len = read(fd, boot, sizeof(boot));
    close(fd);
    if (len <= 0)
        return 0;
    hash = hash_stable(HASH_STABLE_INIT, boot, (size_t)len);
    return hash_stable_u64(hash, stat("/proc/self/ns/time", &info) == 0 ? info.st_ino : 0);
}

int process_open_pidfd(int64_t pid)
{
#ifdef SYS_pidfd_open
    return pid > 0 && pid <= INT32_MAX ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;
#else
    return -1;
#endif
}
