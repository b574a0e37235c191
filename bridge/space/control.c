/* Control socket, see control.h. */
#include "space/control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/errno_text.h"
#include "space/process.h"
#include "space/shortage.h"

enum { CONTROL_BACKLOG = 128 };

static bool address_of(const char *path, struct sockaddr_un *ret_address)
{
    size_t len = strlen(path);

    memset(ret_address, 0, sizeof(*ret_address));
    ret_address->sun_family = AF_UNIX;
    if (len >= sizeof(ret_address->sun_path))
        return false;
    memcpy(ret_address->sun_path, path, len + 1);
    return true;
}

enum socket_life socket_path_life(const char *path, int type)
{
    struct sockaddr_un address;
    struct stat info;
    enum socket_life life = SOCKET_LIVE;
    int fd;

    if (lstat(path, &info) != 0)
        return errno == ENOENT ? SOCKET_ABSENT : SOCKET_OTHER_FILE;
    if (!S_ISSOCK(info.st_mode) || !address_of(path, &address))
        return SOCKET_OTHER_FILE;
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return SOCKET_LIVE; /* cannot tell */
    /* Refused is the one answer that proves that nobody listens; a full backlog or a wrong type means somebody does. */
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno == ECONNREFUSED)
        life = SOCKET_STALE;
    close(fd);
    return life;
}

static maiko_status clear_path(const char *path, struct text *error)
{
    switch (socket_path_life(path, SOCK_SEQPACKET)) {
    case SOCKET_LIVE:
        text_append_format(error, "somebody listens at %s", path);
        return MAIKO_EEXIST;
    case SOCKET_OTHER_FILE:
        text_append_format(error, "%s is there and is not a socket", path);
        return MAIKO_EEXIST;
    case SOCKET_STALE:
        unlink(path);
        return MAIKO_OK;
    case SOCKET_ABSENT:
        break;
    }
    return MAIKO_OK;
}

maiko_status control_listen(const char *path, gid_t group, int *ret_fd, struct text *error)
{
    struct sockaddr_un address;
    maiko_status status;
    int fd;

    if (!address_of(path, &address)) {
        text_append_format(error, "socket path %s is too long", path);
        return MAIKO_ETOOLONG;
    }
    status = clear_path(path, error);
    if (status != MAIKO_OK)
        return status;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        fchmodat(AT_FDCWD, path, group == SPACE_NO_GROUP ? 0600 : 0660, AT_SYMLINK_NOFOLLOW) == 0 &&
        listen(fd, CONTROL_BACKLOG) == 0) {
        *ret_fd = fd;
        return MAIKO_OK;
    }
    status = errno == EADDRINUSE ? MAIKO_EEXIST : MAIKO_ESYSTEM;
    text_append_format(error, "listening at %s: %s", path, ERRNO_TEXT(errno));
    if (fd >= 0)
        close(fd);
    return status;
}

/* Closes the connection when the other end belongs to somebody who is not admitted. */
static maiko_status check_peer(int fd, gid_t group, struct text *error)
{
    struct ucred peer;

    if (group_admits(group, fd, &peer))
        return MAIKO_OK;
    text_append_format(error, "control connection of user %lu (process %ld) refused", (unsigned long)peer.uid, (long)peer.pid);
    close(fd);
    return MAIKO_EPERM;
}

maiko_status control_accept(int listen_fd, gid_t group, int *ret_fd, struct text *error)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    maiko_status status;

    if (fd < 0) {
        if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
            return MAIKO_ENOTFOUND;
        status = errno_is_shortage(errno) ? MAIKO_ELIMIT : MAIKO_ESYSTEM;
        text_append_format(error, "accepting a control connection: %s", ERRNO_TEXT(errno));
        return status;
    }
    status = check_peer(fd, group, error);
    if (status == MAIKO_OK)
        *ret_fd = fd;
    return status;
}

maiko_status control_connect(const char *path, gid_t group, int *ret_fd, struct text *error)
{
    struct sockaddr_un address;
    maiko_status status;
    int fd;

    if (!address_of(path, &address))
        return MAIKO_ETOOLONG;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        status = errno_is_shortage(errno) ? MAIKO_ELIMIT : MAIKO_ESYSTEM;
        text_append_format(error, "control connection to %s: %s", path, ERRNO_TEXT(errno));
        return status;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int reason = errno;

        close(fd);
        text_append_format(error, "control connection to %s: %s", path, ERRNO_TEXT(reason));
        return reason == EAGAIN ? MAIKO_EFULL : reason == ENOENT || reason == ECONNREFUSED ? MAIKO_ENOTFOUND : MAIKO_ESYSTEM;
    }
    status = check_peer(fd, group, error);
    if (status == MAIKO_OK)
        *ret_fd = fd;
    return status;
}

maiko_status control_send(int fd, const void *bytes, size_t len, const int *fds, size_t fd_count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * CONTROL_FDS_MAX)];
        struct cmsghdr align;
    } control = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    if (fd_count > 0) {
        struct cmsghdr *header;

        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
    }
    sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == (ssize_t)len)
        return MAIKO_OK;
    if (sent < 0 && (errno == EAGAIN || errno == ETOOMANYREFS))
        return MAIKO_EFULL;
    return sent < 0 && (errno == EPIPE || errno == ECONNRESET) ? MAIKO_ECLOSED : MAIKO_ESYSTEM;
}

maiko_status control_send_greeting(int fd, const struct greeting *greeting)
{
    unsigned char bytes[GREETING_SIZE];
    int pidfd = process_open_pidfd(getpid());
    maiko_status status;

    greeting_encode(greeting, bytes);
    status = control_send(fd, bytes, sizeof(bytes), &pidfd, pidfd >= 0 ? 1 : 0);
    if (pidfd >= 0)
        close(pidfd);
    return status;
}

/* The kernel has cut off what `control` or this process has no room for, and closed it. */
static void take_descriptors(struct msghdr *from, struct control_message *message)
{
    struct cmsghdr *header;

    for (header = CMSG_FIRSTHDR(from); header != NULL; header = CMSG_NXTHDR(from, header)) {
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        size_t i;

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        for (i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
            if (message->fd_count < CONTROL_FDS_MAX)
                message->fds[message->fd_count++] = fd;
            else
                close(fd);
        }
    }
}

maiko_status control_receive(int fd, struct control_message *ret_message)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * CONTROL_FDS_MAX)];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = ret_message->bytes, .iov_len = sizeof(ret_message->bytes)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    ssize_t len = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    ret_message->len = 0;
    ret_message->fd_count = 0;
    ret_message->is_cut = false;
    if (len < 0)
        return errno == EAGAIN || errno == EINTR ? MAIKO_ENOTFOUND : MAIKO_ECLOSED;
    take_descriptors(&message, ret_message);
    if (len == 0) {
        control_message_close(ret_message);
        return MAIKO_ECLOSED;
    }
    ret_message->len = message.msg_flags & MSG_TRUNC ? 0 : (size_t)len;
    ret_message->is_cut = (message.msg_flags & MSG_CTRUNC) != 0;
    return MAIKO_OK;
}

void control_message_close(struct control_message *message)
{
    size_t i;

    for (i = 0; i < message->fd_count; i++)
        if (message->fds[i] >= 0)
            close(message->fds[i]);
    message->fd_count = 0;
}

maiko_status control_receive_greeting(int fd, struct greeting *ret_greeting, int *ret_pidfd)
{
    struct control_message message;
    maiko_status status = control_receive(fd, &message);

    if (status == MAIKO_OK)
        status = greeting_decode(message.bytes, message.len, ret_greeting);
    if (status == MAIKO_OK && message.fd_count > 0) {
        *ret_pidfd = message.fds[0];
        message.fds[0] = -1;
    } else if (status == MAIKO_OK) {
        *ret_pidfd = -1;
    }
    control_message_close(&message);
    return status;
}
