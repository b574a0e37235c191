/* Life lock, see life_lock.h. */
#include "space/life_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "space/limits.h"
#include "space/path.h"
#include "space/private_directory.h"
#include "space/shortage.h"

static int lock_whole_file(int fd, int command, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

    if (fcntl(fd, command, &lock) != 0)
        return -1;
    return lock.l_type;
}

static maiko_status shortage_or_system(int number)
{
    return errno_is_shortage(number) ? MAIKO_ELIMIT : MAIKO_ESYSTEM;
}

maiko_status life_lock_create(int directory_fd, int *ret_fd)
{
    int fd = openat(directory_fd, SPACE_LIFE_FILE, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return errno == EEXIST ? MAIKO_EEXIST : errno == ENOENT ? MAIKO_ENOTFOUND : shortage_or_system(errno);
    private_file_share(directory_fd, fd, 0660); /* others of the group look whether it is held, and seize it when it is not */
    if (lock_whole_file(fd, F_SETLK, F_WRLCK) < 0) {
        bool is_taken = errno == EACCES || errno == EAGAIN;

        close(fd);
        return is_taken ? MAIKO_EEXIST : MAIKO_ESYSTEM;
    }
    *ret_fd = fd;
    return MAIKO_OK;
}

enum life life_lock_probe(int directory_fd)
{
    int fd = openat(directory_fd, SPACE_LIFE_FILE, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int type;

    if (fd < 0)
        return errno == ENOENT ? LIFE_ABSENT : LIFE_HELD; /* cannot tell: leave it alone */
    type = lock_whole_file(fd, F_GETLK, F_WRLCK);
    close(fd);
    return type == F_UNLCK ? LIFE_FREE : LIFE_HELD;
}

maiko_status life_lock_seize(int directory_fd, int *ret_fd)
{
    int fd = openat(directory_fd, SPACE_LIFE_FILE, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? MAIKO_ENOTFOUND : shortage_or_system(errno);
    /* flock excludes other threads of this process, to which the record lock means nothing. */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || lock_whole_file(fd, F_SETLK, F_WRLCK) < 0) {
        close(fd);
        return MAIKO_ESTATE;
    }
    *ret_fd = fd;
    return MAIKO_OK;
}

bool life_lock_is_in_place(int life_fd, int parent_fd, const char *node)
{
    char path[SPACE_PATH_MAX];
    struct stat held;
    struct stat there;

    snprintf(path, sizeof(path), "%s/" SPACE_LIFE_FILE, node);
    return fstat(life_fd, &held) == 0 && fstatat(parent_fd, path, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_ino == there.st_ino && held.st_dev == there.st_dev;
}
