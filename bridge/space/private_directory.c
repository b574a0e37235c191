/* Private directory, see private_directory.h. */
#include "space/private_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errno_text.h"
#include "space/group.h"
#include "space/shortage.h"

enum { SHARED_MODE = 02770 };

/* The group of a directory that was checked when it was opened. */
static gid_t group_of(int directory_fd)
{
    struct stat info;

    return fstat(directory_fd, &info) == 0 && (info.st_mode & 07777) == SHARED_MODE ? info.st_gid : SPACE_NO_GROUP;
}

/* Who made it was a member then: only a member can give it to the group.  Who still is, place.c asks of the first one. */
static maiko_status check_shared(const struct stat *info, gid_t group, const char *name, struct text *error)
{
    if (info->st_gid == group && (info->st_mode & 07777) == SHARED_MODE)
        return MAIKO_OK;
    text_append_format(error, "%s is not a directory of group %lu alone (its group is %lu, its mode %04o, must be %04o)", name,
                       (unsigned long)group, (unsigned long)info->st_gid, (unsigned)(info->st_mode & 07777), SHARED_MODE);
    return MAIKO_EPERM;
}

static maiko_status check(int fd, gid_t group, const char *name, struct text *error)
{
    struct stat info;

    if (fstat(fd, &info) != 0) {
        text_append_format(error, "%s: %s", name, ERRNO_TEXT(errno));
        return MAIKO_ESYSTEM;
    }
    if (group != SPACE_NO_GROUP)
        return check_shared(&info, group, name, error);
    if (info.st_uid != geteuid()) {
        text_append_format(error, "%s belongs to user %lu, not to us (%lu)", name, (unsigned long)info.st_uid,
                           (unsigned long)geteuid());
        return MAIKO_EPERM;
    }
    if ((info.st_mode & 077) != 0) {
        text_append_format(error, "%s is open to others (mode %04o, must be 0700)", name, (unsigned)(info.st_mode & 07777));
        return MAIKO_EPERM;
    }
    return MAIKO_OK;
}

static maiko_status open_failed(const char *name, struct text *error)
{
    int reason = errno;

    if (reason == ELOOP || reason == ENOTDIR) {
        text_append_format(error, "%s is a link or not a directory", name);
        return MAIKO_EPERM;
    }
    text_append_format(error, "%s: %s", name, ERRNO_TEXT(reason));
    if (errno_is_shortage(reason))
        return MAIKO_ELIMIT;
    return reason == ENOENT ? MAIKO_ENOTFOUND : reason == EACCES ? MAIKO_EPERM : MAIKO_ESYSTEM;
}

/* Others of the group see it when it is theirs, not before. */
static bool make_shared(int parent_fd, const char *name, gid_t group)
{
    char temporary[PATH_MAX];
    uint64_t random = 0;
    bool is_made;
    int fd;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        random = (uint64_t)(uintptr_t)temporary ^ (uint64_t)getpid();
    if (snprintf(temporary, sizeof(temporary), "%s.new-%016llx", name, (unsigned long long)random) >= (int)sizeof(temporary)) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (mkdirat(parent_fd, temporary, 0700) != 0)
        return false;
    fd = openat(parent_fd, temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    is_made = fd >= 0 && fchown(fd, (uid_t)-1, group) == 0 && fchmod(fd, SHARED_MODE) == 0 &&
              renameat2(parent_fd, temporary, parent_fd, name, RENAME_NOREPLACE) == 0;
    if (!is_made) {
        int reason = errno;

        unlinkat(parent_fd, temporary, AT_REMOVEDIR);
        errno = reason;
    }
    if (fd >= 0)
        close(fd);
    return is_made;
}

static bool make(int parent_fd, const char *name, gid_t group)
{
    if (group == SPACE_NO_GROUP)
        return mkdirat(parent_fd, name, 0700) == 0;
    if (faccessat(parent_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return false;
    }
    return make_shared(parent_fd, name, group);
}

static maiko_status open_and_check(int parent_fd, const char *name, gid_t group, bool create, int *ret_fd, struct text *error)
{
    maiko_status status;
    int fd;

    if (create && !make(parent_fd, name, group) && errno != EEXIST)
        return open_failed(name, error);
    fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return open_failed(name, error);
    status = check(fd, group, name, error);
    if (status == MAIKO_OK)
        *ret_fd = fd;
    else
        close(fd);
    return status;
}

maiko_status private_directory_open(int parent_fd, const char *name, bool create, int *ret_fd, struct text *error)
{
    return open_and_check(parent_fd, name, group_of(parent_fd), create, ret_fd, error);
}

maiko_status private_directory_open_path(const char *path, gid_t group, bool create, int *ret_fd, struct text *error)
{
    return open_and_check(AT_FDCWD, path, group, create, ret_fd, error);
}

void private_file_share(int directory_fd, int fd, mode_t mode)
{
    if (group_of(directory_fd) != SPACE_NO_GROUP)
        (void)!fchmod(fd, mode); /* it is ours; a file system without modes has nothing to share */
}

maiko_status private_directory_remove(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? MAIKO_OK : MAIKO_ESYSTEM;
    return private_directory_remove_open(parent_fd, name, fd);
}

maiko_status private_directory_remove_open(int parent_fd, const char *name, int fd)
{
    DIR *directory = fdopendir(fd);
    struct dirent *entry;

    if (directory == NULL) {
        close(fd);
        return MAIKO_ESYSTEM;
    }
    while ((entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(fd, entry->d_name, 0);
    closedir(directory);
    return unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? MAIKO_OK : MAIKO_ESYSTEM;
}

maiko_status file_read_all(int fd, size_t max, struct heap *heap, char **ret_text, size_t *ret_len)
{
    struct stat info;
    size_t len = 0;
    ssize_t got = 0;
    char *bytes;

    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return MAIKO_ESYSTEM;
    if ((uint64_t)info.st_size > max)
        return MAIKO_ETOOLONG;
    bytes = heap_alloc(heap, (size_t)info.st_size + 1);
    if (bytes == NULL)
        return MAIKO_ENOMEM;
    while (len < (size_t)info.st_size && (got = read(fd, bytes + len, (size_t)info.st_size - len)) > 0)
        len += (size_t)got;
    if (len != (size_t)info.st_size) { /* files here are replaced, never rewritten, so a short one is somebody else's work */
        heap_free(heap, bytes, (size_t)info.st_size + 1);
        return MAIKO_ESYSTEM;
    }
    bytes[len] = '\0';
    *ret_text = bytes;
    *ret_len = len;
    return MAIKO_OK;
}

maiko_status private_file_read(int parent_fd, const char *name, size_t max, struct heap *heap, char **ret_text, size_t *ret_len)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    maiko_status status;

    if (fd < 0)
        return errno == ENOENT ? MAIKO_ENOTFOUND : errno_is_shortage(errno) ? MAIKO_ELIMIT : MAIKO_ESYSTEM;
    status = file_read_all(fd, max, heap, ret_text, ret_len);
    close(fd);
    return status;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t wrote = write(fd, bytes + done, len - done);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        done += (size_t)wrote;
    }
    return true;
}

maiko_status private_file_replace(int parent_fd, const char *name, const char *bytes, size_t len, struct text *error)
{
    char temporary[64];
    bool is_written;
    int fd;

    snprintf(temporary, sizeof(temporary), ".%.48s.tmp", name);
    unlinkat(parent_fd, temporary, 0); /* of a writer that died, or put there by another member of a group */
    fd = openat(parent_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        private_file_share(parent_fd, fd, 0640);
    is_written = fd >= 0 && write_all(fd, bytes, len);
    if (!is_written || renameat(parent_fd, temporary, parent_fd, name) != 0) {
        text_append_format(error, "writing %s: %s", name, ERRNO_TEXT(errno));
        unlinkat(parent_fd, temporary, 0);
        is_written = false;
    }
    if (fd >= 0)
        close(fd);
    return is_written ? MAIKO_OK : MAIKO_ESYSTEM;
}
