/* Counters place: directories and names. */
#include "runtime/counters_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errno_text.h"
#include "runtime/counters_header.h"

#define NAME_MAX_IN_FILE 64 /* bytes of a supervisor's name that its file shows */
#define NUMBERS_TRIED 65536 /* supervisors of one process */

static maiko_status failed(struct text *why, const char *path, int reason)
{
    text_append_format(why, "counters: %s: %s", path, ERRNO_TEXT(reason));
    return reason == ENOENT                                         ? MAIKO_ENOTFOUND
           : reason == EACCES || reason == EPERM || reason == EROFS ? MAIKO_EPERM
                                                                    : MAIKO_ESYSTEM;
}

/* Opens a directory of ours that nobody else may write to; `fd` -1: AT_FDCWD. */
static maiko_status open_checked(int parent_fd, const char *name, bool create, int *ret_fd, struct text *why)
{
    struct stat info;
    int fd;

    if (create && mkdirat(parent_fd, name, 0700) != 0 && errno != EEXIST)
        return failed(why, name, errno);
    fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return failed(why, name, errno);
    if (fstat(fd, &info) != 0 || info.st_uid != geteuid() || (info.st_mode & 022) != 0) {
        close(fd);
        text_append_format(why, "counters: %s belongs to somebody else or others may write to it", name);
        return MAIKO_EPERM;
    }
    *ret_fd = fd;
    return MAIKO_OK;
}

/* `base`/maiko/counters, or `base`/counters when base is the fallback; closes base_fd. */
static maiko_status open_below(int base_fd, const char *first, const char *second, bool create, int *ret_fd, struct text *why)
{
    maiko_status status = MAIKO_OK;
    int fd = base_fd;

    if (first != NULL) {
        status = open_checked(base_fd, first, create, &fd, why);
        close(base_fd);
    }
    if (status != MAIKO_OK)
        return status;
    status = open_checked(fd, second, create, ret_fd, why);
    close(fd);
    return status;
}

static maiko_status set_path(char path[COUNTERS_PATH_SIZE], const char *base, const char *rest, struct text *why)
{
    if (snprintf(path, COUNTERS_PATH_SIZE, "%s%s", base, rest) < COUNTERS_PATH_SIZE)
        return MAIKO_OK;
    text_append_format(why, "counters: the directory's name is longer than %d bytes", COUNTERS_PATH_SIZE - 1);
    return MAIKO_ETOOLONG;
}

static maiko_status open_fallback(bool create, char path[COUNTERS_PATH_SIZE], int *ret_fd, struct text *why)
{
    char base[40];
    int fd;
    maiko_status status;

    snprintf(base, sizeof(base), "/tmp/maiko-%lu", (unsigned long)geteuid());
    status = set_path(path, base, "/counters", why);
    if (status == MAIKO_OK)
        status = open_checked(AT_FDCWD, base, create, &fd, why);
    return status != MAIKO_OK ? status : open_below(fd, NULL, "counters", create, ret_fd, why);
}

maiko_status counters_directory_open(bool create, char path[COUNTERS_PATH_SIZE], int *ret_fd, struct text *why)
{
    const char *chosen = secure_getenv("MAIKO_COUNTERS_DIR");
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    struct text ignored;
    char buffer[1];
    maiko_status status;
    int fd;

    if (chosen != NULL && chosen[0] != '\0') {
        status = set_path(path, chosen, "", why);
        return status != MAIKO_OK ? status : open_checked(AT_FDCWD, chosen, create, ret_fd, why);
    }
    text_init_buffer(&ignored, buffer, sizeof(buffer));
    /* After su it is often still the other user's: then it is as good as not set. */
    if (runtime == NULL || runtime[0] != '/' || open_checked(AT_FDCWD, runtime, false, &fd, &ignored) != MAIKO_OK)
        return open_fallback(create, path, ret_fd, why);
    status = set_path(path, runtime, "/maiko/counters", why);
    if (status != MAIKO_OK) {
        close(fd);
        return status;
    }
    return open_below(fd, "maiko", "counters", create, ret_fd, why);
}

/* A POSIX record lock: it belongs to the process, so a forked child does not keep it.  Best effort: a file system without
 * locks costs only what readers in other pid namespaces learn from it. */
static bool lock_for_life(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);
}

bool counters_place_is_locked(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Only letters, digits, '-' and '_' of the name: it becomes part of a file name that tools take apart at its dots. */
static void name_for_file(const char *name, char *file_name, size_t size)
{
    size_t i;

    for (i = 0; i + 1 < size && name[i] != '\0'; i++) {
        const char c = name[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';

        file_name[i] = plain ? c : '_';
    }
    file_name[i] = '\0';
}

/* What of a leftover is needed to judge it; false when it is none of ours. */
static bool read_header(int directory_fd, const char *file_name, struct counters_header *header, bool *ret_is_locked)
{
    const int fd = openat(directory_fd, file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool is_whole;

    if (fd < 0)
        return false;
    is_whole = pread(fd, header, sizeof(*header), 0) == (ssize_t)sizeof(*header);
    *ret_is_locked = counters_place_is_locked(fd);
    close(fd);
    return is_whole && header->magic == COUNTERS_MAGIC && header->version == COUNTERS_VERSION;
}

static bool is_dead(const struct counters_header *header, bool is_locked)
{
    const enum counters_owner owner = counters_header_owner(header);

    return owner == COUNTERS_OWNER_DEAD || (owner == COUNTERS_OWNER_ELSEWHERE && !is_locked);
}

struct leftover {
    char file_name[NAME_MAX_IN_FILE + 48];
    uint64_t started_ns;
};

static bool is_own_pid(const char *suffix)
{
    return strtoull(suffix, NULL, 10) == (unsigned long long)getpid();
}

/* NAME.PID.N of this name? */
static const char *suffix_of(const char *file_name, const char *name)
{
    const size_t len = strlen(name);

    return strncmp(file_name, name, len) == 0 && file_name[len] == '.' ? file_name + len + 1 : NULL;
}

/* Keeps the newest and removes the one that is older. */
static void consider(int directory_fd, const char *file_name, uint64_t started_ns, struct leftover *newest)
{
    const bool is_newer = newest->file_name[0] == '\0' || started_ns > newest->started_ns;
    const char *older = is_newer ? newest->file_name : file_name;
    const size_t len = strnlen(file_name, sizeof(newest->file_name) - 1);

    if (older[0] != '\0')
        unlinkat(directory_fd, older, 0);
    if (!is_newer)
        return;
    memcpy(newest->file_name, file_name, len);
    newest->file_name[len] = '\0';
    newest->started_ns = started_ns;
}

/* Files that killed programs of this name left behind: the newest stays, to be looked at, until the next one dies; kept ones
 * stay for ever.  So what is left behind is bounded without anybody cleaning up. */
static void remove_leftovers(int directory_fd, const char *name)
{
    const int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct leftover newest = {.file_name = ""};
    struct counters_header header;
    struct dirent *entry;
    bool is_locked;

    if (directory == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((entry = readdir(directory)) != NULL) {
        const char *suffix = suffix_of(entry->d_name, name);

        /* Reading an own file would give up its lock; those of this process are alive anyway. */
        if (suffix == NULL || is_own_pid(suffix) || strlen(entry->d_name) >= sizeof(newest.file_name))
            continue;
        if (read_header(directory_fd, entry->d_name, &header, &is_locked) && (header.flags & COUNTERS_KEEP) == 0 &&
            is_dead(&header, is_locked))
            consider(directory_fd, entry->d_name, header.started_ns, &newest);
    }
    closedir(directory);
}

static maiko_status create_numbered(int directory_fd, const char *name, char *file_name, size_t size, int *ret_fd,
                                    struct text *why)
{
    int number;

    for (number = 0; number < NUMBERS_TRIED; number++) {
        snprintf(file_name, size, "%s.%lu.%d", name, (unsigned long)getpid(), number);
        *ret_fd = openat(directory_fd, file_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (*ret_fd >= 0)
            return MAIKO_OK;
        if (errno != EEXIST)
            return failed(why, file_name, errno);
    }
    text_append_format(why, "counters: %d files of this process in the directory", NUMBERS_TRIED);
    return MAIKO_ELIMIT;
}

maiko_status counters_place_create(struct heap *heap, const char *name, int *ret_fd, char **ret_path, struct text *why)
{
    char plain_name[NAME_MAX_IN_FILE + 1];
    char file_name[NAME_MAX_IN_FILE + 48];
    char path[COUNTERS_PATH_SIZE + sizeof(file_name)];
    int directory_fd;
    int fd;
    maiko_status status = counters_directory_open(true, path, &directory_fd, why);

    if (status != MAIKO_OK)
        return status;
    name_for_file(name, plain_name, sizeof(plain_name));
    remove_leftovers(directory_fd, plain_name);
    status = create_numbered(directory_fd, plain_name, file_name, sizeof(file_name), &fd, why);
    close(directory_fd);
    if (status != MAIKO_OK)
        return status;
    (void)lock_for_life(fd);
    snprintf(path + strlen(path), sizeof(file_name) + 1, "/%s", file_name);
    *ret_path = heap_strdup(heap, path);
    if (*ret_path == NULL) {
        counters_place_remove(path, fd);
        close(fd);
        return MAIKO_ENOMEM;
    }
    *ret_fd = fd;
    return MAIKO_OK;
}

/* May this existing file become ours?  It is locked by us already, so no second program takes it at the same time. */
static bool is_free_to_take(int fd, const struct stat *info)
{
    struct counters_header header;

    if (!S_ISREG(info->st_mode) || info->st_uid != geteuid() || info->st_nlink != 1)
        return false;
    if (info->st_size == 0)
        return true;
    return pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) && header.magic == COUNTERS_MAGIC &&
           (counters_header_owner(&header) != COUNTERS_OWNER_ALIVE || (header.flags & COUNTERS_CLEAN) != 0);
}

static bool is_still_there(const char *path, int fd)
{
    struct stat at_path;
    struct stat opened;

    return lstat(path, &at_path) == 0 && fstat(fd, &opened) == 0 && at_path.st_dev == opened.st_dev &&
           at_path.st_ino == opened.st_ino;
}

maiko_status counters_place_claim(struct heap *heap, const char *path, int *ret_fd, char **ret_path, struct text *why)
{
    struct stat info;
    const int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

    if (fd < 0)
        return failed(why, path, errno);
    if (!lock_for_life(fd) || fstat(fd, &info) != 0 || !is_free_to_take(fd, &info) || ftruncate(fd, 0) != 0 ||
        fchmod(fd, 0600) != 0 || !is_still_there(path, fd)) {
        close(fd);
        text_append_format(why, "counters: %s is in use, or is not a counters file", path);
        return MAIKO_EEXIST;
    }
    *ret_path = heap_strdup(heap, path);
    if (*ret_path == NULL) {
        counters_place_remove(path, fd);
        close(fd);
        return MAIKO_ENOMEM;
    }
    *ret_fd = fd;
    return MAIKO_OK;
}

void counters_place_remove(const char *path, int fd)
{
    if (is_still_there(path, fd))
        (void)unlink(path);
}
