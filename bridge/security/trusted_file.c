/* Trusted file, see trusted_file.h. */
#include "security/trusted_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errno_text.h"

/* Bits of the mode that nobody may have set. */
static mode_t forbidden(const struct stat *info, bool is_secret)
{
    if (!is_secret)
        return S_IWGRP | S_IWOTH;
    return info->st_uid == 0 && geteuid() != 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
}

static maiko_status check(int fd, bool is_secret, struct text *error)
{
    struct stat info;

    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        text_append(error, "not a plain file");
        return MAIKO_EPERM;
    }
    if (info.st_uid != geteuid() && info.st_uid != 0) {
        text_append_format(error, "belongs to user %lu", (unsigned long)info.st_uid);
        return MAIKO_EPERM;
    }
    if ((info.st_mode & forbidden(&info, is_secret)) != 0) {
        text_append_format(error, "open to others (mode %04o, must be %s)", (unsigned)(info.st_mode & 07777),
                           is_secret ? "0600" : "0644");
        return MAIKO_EPERM;
    }
    return MAIKO_OK;
}

maiko_status trusted_file_open(const char *path, bool is_secret, int *ret_fd, struct text *error)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); /* neither a fifo nor a terminal does anything to us */
    maiko_status status;

    if (fd < 0) {
        int reason = errno;

        text_append(error, ERRNO_TEXT(reason));
        return reason == ENOENT ? MAIKO_ENOTFOUND : reason == EACCES ? MAIKO_EPERM : MAIKO_ESYSTEM;
    }
    status = check(fd, is_secret, error);
    if (status == MAIKO_OK)
        *ret_fd = fd;
    else
        close(fd);
    return status;
}
