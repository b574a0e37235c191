/* Wake-up over epoll, eventfd and timerfd. */
#include "runtime/wakeup.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "runtime/visit.h"

enum { EVENTS_AT_ONCE = 8 };

/* Our own descriptors lead to the place where they stand, others to a visit. */
static bool watch(int epoll_fd, int *fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};

    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, *fd, &event) == 0;
}

maiko_status wakeup_init(struct wakeup *wakeup)
{
    wakeup->armed_ns = 0;
    wakeup->visits = NULL;
    atomic_init(&wakeup->to_look, NULL);
    atomic_init(&wakeup->asleep, false);
    wakeup->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    wakeup->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    wakeup->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (wakeup->epoll_fd >= 0 && wakeup->event_fd >= 0 && wakeup->timer_fd >= 0 && watch(wakeup->epoll_fd, &wakeup->event_fd) &&
        watch(wakeup->epoll_fd, &wakeup->timer_fd))
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

/* Once, however many of its descriptors are ready. */
static void note_visit(struct wakeup *wakeup, struct maiko_visit *visit)
{
    if (visit->is_due)
        return;
    visit->is_due = true;
    visit->next = wakeup->visits;
    wakeup->visits = visit;
}

static void note(struct wakeup *wakeup, void *what)
{
    if (what == &wakeup->event_fd) {
        drain(wakeup->event_fd);
    } else if (what == &wakeup->timer_fd) {
        drain(wakeup->timer_fd);
        wakeup->armed_ns = 0;
    } else {
        note_visit(wakeup, what);
    }
}

/* All that is ready: a wake-up that came to us came to nobody else. */
void wakeup_sleep(struct wakeup *wakeup, uint64_t deadline_ns)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count;
    int i;

    wakeup_arm(wakeup, deadline_ns);
    count = epoll_wait(wakeup->epoll_fd, events, EVENTS_AT_ONCE, -1);
    wakeup_withdraw(wakeup);
    while (count > 0) {
        for (i = 0; i < count; i++)
            note(wakeup, events[i].data.ptr);
        count = count < EVENTS_AT_ONCE ? 0 : epoll_wait(wakeup->epoll_fd, events, EVENTS_AT_ONCE, 0);
    }
}

void wakeup_run_visits(struct wakeup *wakeup)
{
    struct maiko_visit *visit;

    while ((visit = wakeup->visits) != NULL) {
        wakeup->visits = visit->next;
        visit->is_due = false;
        visit->run(visit->userdata);
    }
}

static struct maiko_visit *first_to_look(const struct wakeup *wakeup)
{
    return atomic_load_explicit(&wakeup->to_look, memory_order_acquire); /* pairs with the release in add_to_look() */
}

void wakeup_look(struct wakeup *wakeup)
{
    const struct maiko_visit *visit;

    for (visit = first_to_look(wakeup); visit != NULL; visit = visit->next_to_look)
        visit->look(visit->userdata);
}

void wakeup_look_aside(struct wakeup *wakeup)
{
    const struct maiko_visit *visit;

    for (visit = first_to_look(wakeup); visit != NULL; visit = visit->next_to_look)
        visit->look_aside(visit->userdata);
}

void wakeup_look_away(struct wakeup *wakeup)
{
    const struct maiko_visit *visit;

    for (visit = first_to_look(wakeup); visit != NULL; visit = visit->next_to_look)
        visit->look_away(visit->userdata);
}

static void add_to_look(struct wakeup *wakeup, struct maiko_visit *visit)
{
    if (visit->look == NULL || atomic_exchange(&visit->is_looked_at, true))
        return;
    visit->next_to_look = atomic_load_explicit(&wakeup->to_look, memory_order_relaxed); /* only ever put behind it */
    /* release: pairs with the acquire in first_to_look() */
    while (!atomic_compare_exchange_weak_explicit(&wakeup->to_look, &visit->next_to_look, visit, memory_order_release,
                                                  memory_order_relaxed))
        continue;
}

maiko_status wakeup_watch(struct wakeup *wakeup, int fd, struct maiko_visit *visit)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, .data.ptr = visit};

    if (epoll_ctl(wakeup->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return MAIKO_ESYSTEM;
    add_to_look(wakeup, visit);
    return MAIKO_OK;
}

void wakeup_unwatch(struct wakeup *wakeup, int fd)
{
    int saved_errno = errno;

    (void)epoll_ctl(wakeup->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    errno = saved_errno;
}

void wakeup_signal(struct wakeup *wakeup)
{
    const uint64_t one = 1;
    int saved_errno = errno;

    while (write(wakeup->event_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}
