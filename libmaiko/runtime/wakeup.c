/* Wake-up over epoll, eventfd and timerfd. */
#include "runtime/wakeup.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static bool watch(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

maiko_status wakeup_init(struct wakeup *wakeup)
{
    wakeup->armed_ns = 0;
    atomic_init(&wakeup->asleep, false);
    wakeup->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    wakeup->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    wakeup->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (wakeup->epoll_fd >= 0 && wakeup->event_fd >= 0 && wakeup->timer_fd >= 0 && watch(wakeup->epoll_fd, wakeup->event_fd) &&
        watch(wakeup->epoll_fd, wakeup->timer_fd))
        return MAIKO_OK;
    wakeup_deinit(wakeup);
    return MAIKO_ESYSTEM;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void wakeup_deinit(struct wakeup *wakeup)
{
    close_one(&wakeup->timer_fd);
    close_one(&wakeup->event_fd);
    close_one(&wakeup->epoll_fd);
}

void wakeup_arm(struct wakeup *wakeup, uint64_t deadline_ns)
{
    struct itimerspec at = {{0, 0}, {0, 0}};

    if (deadline_ns == UINT64_MAX)
        deadline_ns = 0;
    if (deadline_ns == wakeup->armed_ns)
        return;
    at.it_value.tv_sec = (time_t)(deadline_ns / 1000000000u);
    at.it_value.tv_nsec = (long)(deadline_ns % 1000000000u);
    timerfd_settime(wakeup->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
    wakeup->armed_ns = deadline_ns;
}

static void drain(int fd)
{
    uint64_t count;
    int saved_errno = errno;

    while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}

void wakeup_clear(struct wakeup *wakeup)
{
    drain(wakeup->event_fd);
    drain(wakeup->timer_fd);
    wakeup->armed_ns = 0;
}

void wakeup_sleep(struct wakeup *wakeup, uint64_t deadline_ns)
{
    struct epoll_event events[2];
    int count;
    int i;

    wakeup_arm(wakeup, deadline_ns);
    count = epoll_wait(wakeup->epoll_fd, events, 2, -1);
    wakeup_withdraw(wakeup);
    for (i = 0; i < count; i++) {
        drain(events[i].data.fd);
        if (events[i].data.fd == wakeup->timer_fd)
            wakeup->armed_ns = 0;
    }
}

void wakeup_signal(struct wakeup *wakeup)
{
    const uint64_t one = 1;
    int saved_errno = errno;

    while (write(wakeup->event_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}
