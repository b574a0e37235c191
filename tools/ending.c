/* Ending, see ending.h. */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ending.h"

static void tell(int fd)
{
    (void)!write(fd, &(uint64_t){1}, sizeof(uint64_t));
}

bool ending_init(struct ending *ending)
{
    sigset_t signals;

    *ending = (struct ending){.timeout_ms = -1, .stop_fd = eventfd(0, EFD_CLOEXEC), .over_fd = eventfd(0, EFD_CLOEXEC)};
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, &ending->before);
    ending->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    return ending->stop_fd >= 0 && ending->over_fd >= 0 && ending->signal_fd >= 0;
}

/* False: the time was over first.  All signals that have handlers are blocked, so nothing makes it longer. */
static bool wait_for(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    int ready;

    do
        ready = poll(fds, count, timeout_ms);
    while (ready < 0 && errno == EINTR);
    return ready != 0;
}

/* Poll says of its own accord that the other end of stdout is closed. */
static void *wait_for_it(void *userdata)
{
    struct ending *ending = userdata;
    struct pollfd fds[] = {
        {.fd = ending->over_fd, .events = POLLIN}, {.fd = ending->signal_fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};
    struct signalfd_siginfo info;

    ending->is_late = !wait_for(fds, 3, ending->timeout_ms);
    if (fds[0].revents != 0)
        return NULL;
    ending->is_abandoned = !ending->is_late && fds[1].revents == 0;
    if (fds[1].revents != 0)
        (void)!read(ending->signal_fd, &info, sizeof(info));
    tell(ending->stop_fd);
    ending->end(ending->userdata);
    pthread_sigmask(SIG_SETMASK, &ending->before, NULL); /* the next signal kills, which needs a thread that takes it */
    (void)wait_for(fds, 1, -1);
    return NULL;
}

bool ending_begin(struct ending *ending, void (*end)(void *userdata), void *userdata)
{
    ending->end = end;
    ending->userdata = userdata;
    errno = pthread_create(&ending->thread, NULL, wait_for_it, ending);
    ending->has_thread = errno == 0;
    return ending->has_thread;
}

void ending_finish(struct ending *ending)
{
    if (!ending->has_thread)
        return;
    tell(ending->over_fd);
    pthread_join(ending->thread, NULL);
    ending->has_thread = false;
}

void ending_deinit(struct ending *ending)
{
    const int fds[] = {ending->stop_fd, ending->over_fd, ending->signal_fd};
    size_t i;

    for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    pthread_sigmask(SIG_SETMASK, &ending->before, NULL);
}
