/* Wake-up over a futex, or over epoll, eventfd and timerfd. */
#include "runtime/wakeup.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
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

maiko_status wakeup_init(struct wakeup *wakeup, bool is_outside)
{
    wakeup->is_outside = is_outside;
    wakeup->armed_ns = 0;
    wakeup->visits = NULL;
    atomic_init(&wakeup->to_look, NULL);
    atomic_init(&wakeup->watched, 0);
    atomic_init(&wakeup->asleep, WAKEUP_AWAKE);
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

static struct timespec timespec_of(uint64_t at_ns)
{
    return (struct timespec){.tv_sec = (time_t)(at_ns / 1000000000u), .tv_nsec = (long)(at_ns % 1000000000u)};
}

void wakeup_arm(struct wakeup *wakeup, uint64_t deadline_ns)
{
    struct itimerspec at = {{0, 0}, {0, 0}};

    if (deadline_ns == UINT64_MAX)
        deadline_ns = 0;
    if (deadline_ns == wakeup->armed_ns)
        return;
    at.it_value = timespec_of(deadline_ns);
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

/* Returns at once when somebody took the word back since it was announced, and now and then for no reason. */
static void sleep_on_word(struct wakeup *wakeup, uint64_t deadline_ns)
{
    const struct timespec at = timespec_of(deadline_ns);
    int saved_errno = errno;

    syscall(SYS_futex, &wakeup->asleep, FUTEX_WAIT_BITSET_PRIVATE, WAKEUP_ON_WORD, deadline_ns == UINT64_MAX ? NULL : &at, NULL,
            FUTEX_BITSET_MATCH_ANY);
    errno = saved_errno;
    wakeup_withdraw(wakeup);
}

/* All that is ready: a wake-up that came to us came to nobody else. */
static void sleep_on_descriptors(struct wakeup *wakeup, uint64_t deadline_ns)
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

/* Dekker with wakeup_watch(): what is watched since we announced the other way of sleeping wakes nobody on the word. */
void wakeup_sleep(struct wakeup *wakeup, uint64_t deadline_ns)
{
    if (wakeup->announced == WAKEUP_ON_DESCRIPTORS)
        sleep_on_descriptors(wakeup, deadline_ns);
    else if (wakeup_is_by_word(wakeup)) /* step: look_at_watched */
        sleep_on_word(wakeup, deadline_ns);
    else
        wakeup_withdraw(wakeup);
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
    atomic_fetch_add_explicit(&wakeup->watched, 1, memory_order_relaxed); /* step: store_watched */
    /* Dekker with wakeup_sleep(): who sleeps on the word, where the descriptor does not wake it, moves over to all of them */
    atomic_thread_fence(memory_order_seq_cst); /* step: fence_watch */
    wakeup_if_asleep(wakeup);
    return MAIKO_OK;
}

void wakeup_unwatch(struct wakeup *wakeup, int fd)
{
    int saved_errno = errno;

    if (epoll_ctl(wakeup->epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0)
        atomic_fetch_sub_explicit(&wakeup->watched, 1, memory_order_relaxed); /* seen late it sleeps the other way once more */
    errno = saved_errno;
}

void wakeup_end_sleep(struct wakeup *wakeup, enum wakeup_sleep how)
{
    const uint64_t one = 1;
    int saved_errno = errno;

    if (how == WAKEUP_ON_WORD)
        syscall(SYS_futex, &wakeup->asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    else
        while (write(wakeup->event_fd, &one, sizeof one) < 0 && errno == EINTR)
            ;
    errno = saved_errno;
}
