/* Output, see output.h. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"

enum {
    FULL = 64 << 10,         /* bytes that are worth a write of their own */
    LAST_PATIENCE_MS = 1000, /* with a reader that takes nothing, once the command shall end */
};

void output_init(struct output *output, int stop_fd)
{
    *output = (struct output){.stop_fd = stop_fd};
}

void output_deinit(struct output *output)
{
    free(output->bytes);
    output->bytes = NULL;
}

char *output_room(struct output *output, size_t len)
{
    size_t size = output->size > 0 ? output->size : 4096;
    char *bytes;

    if (output->error != 0)
        return NULL;
    if (len <= output->size - output->len)
        return output->bytes + output->len;
    while (size - output->len < len)
        size *= 2;
    bytes = realloc(output->bytes, size);
    if (bytes == NULL) {
        output->error = ENOMEM;
        return NULL;
    }
    output->bytes = bytes;
    output->size = size;
    return bytes + output->len;
}

void output_add(struct output *output, size_t len)
{
    output->len += len;
}

void output_put(struct output *output, const void *bytes, size_t len)
{
    char *room = output_room(output, len);

    if (room == NULL)
        return;
    memcpy(room, bytes, len);
    output_add(output, len);
}

void output_text(struct output *output, const char *text)
{
    output_put(output, text, strlen(text));
}

bool output_is_full(const struct output *output)
{
    return output->len >= FULL;
}

/* How much can be written without waiting for a reader, once poll() has said that there is room: a pipe has PIPE_BUF. */
static size_t most_at_once(void)
{
    struct stat file;

    return fstat(STDOUT_FILENO, &file) == 0 && S_ISREG(file.st_mode) ? SSIZE_MAX : PIPE_BUF;
}

/* False: the command shall end, and nobody reads. */
static bool wait_for_room(const struct output *output)
{
    struct pollfd fds[] = {{.fd = STDOUT_FILENO, .events = POLLOUT}, {.fd = output->stop_fd, .events = POLLIN}};

    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    if (fds[0].revents != 0)
        return true;
    while (poll(fds, 1, LAST_PATIENCE_MS) < 0 && errno == EINTR)
        ;
    return fds[0].revents != 0;
}

static int write_all(const struct output *output, size_t most)
{
    size_t done = 0;

    while (done < output->len) {
        size_t part = output->len - done < most ? output->len - done : most;
        ssize_t written;

        if (!wait_for_room(output))
            return ETIMEDOUT;
        written = write(STDOUT_FILENO, output->bytes + done, part);
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return errno;
        done += written > 0 ? (size_t)written : 0;
    }
    return 0;
}

bool output_flush(struct output *output)
{
    if (output->error == 0 && output->len > 0)
        output->error = write_all(output, most_at_once());
    output->len = 0;
    return output->error == 0;
}
