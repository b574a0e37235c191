/* Wake-up: the two ways a shard sleeps, on a word and on descriptors, and how it comes from one to the other. */
#include "runtime/wakeup.h"

#include "base/clock.h"
#include "lib/suite.h"
#include "lib/wait.h"
#include "runtime/visit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const uint64_t never = UINT64_MAX;

static void count_run(void *userdata)
{
    ++*(int *)userdata;
}

/* A shard in all but its work: it sleeps until it is told to leave. */
struct sleeper {
    struct wakeup wakeup;
    struct maiko_visit visit;
    int fd; /* to be watched */
    int visits;
    _Atomic int sleeps;
    _Atomic int seen_visits;
    _Atomic bool must_leave;
    pthread_t thread;
};

static void *sleep_on(void *userdata)
{
    struct sleeper *sleeper = userdata;

    while (!atomic_load(&sleeper->must_leave)) {
        wakeup_announce(&sleeper->wakeup);
        if (atomic_load(&sleeper->must_leave)) {
            wakeup_withdraw(&sleeper->wakeup);
            break;
        }
        atomic_fetch_add(&sleeper->sleeps, 1);
        wakeup_sleep(&sleeper->wakeup, never);
        wakeup_run_visits(&sleeper->wakeup);
        atomic_store(&sleeper->seen_visits, sleeper->visits);
    }
    return NULL;
}

static void sleeper_init(struct sleeper *sleeper, bool is_outside)
{
    *sleeper = (struct sleeper){.visit = {.run = count_run, .userdata = &sleeper->visits}};
    CU_ASSERT_EQUAL_FATAL(wakeup_init(&sleeper->wakeup, is_outside), MAIKO_OK);
    sleeper->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CU_ASSERT_FATAL(sleeper->fd >= 0);
}

static void sleeper_deinit(struct sleeper *sleeper)
{
    close(sleeper->fd);
    wakeup_deinit(&sleeper->wakeup);
}

static void sleeper_start(struct sleeper *sleeper)
{
    CU_ASSERT_EQUAL_FATAL(pthread_create(&sleeper->thread, NULL, sleep_on, sleeper), 0);
}

static void wake(struct sleeper *sleeper)
{
    atomic_thread_fence(memory_order_seq_cst);
    wakeup_if_asleep(&sleeper->wakeup);
}

static void sleeper_stop(struct sleeper *sleeper)
{
    atomic_store(&sleeper->must_leave, true);
    wake(sleeper);
    pthread_join(sleeper->thread, NULL);
}

static bool sleeps_so(struct sleeper *sleeper, enum wakeup_sleep how)
{
    return wait_until(atomic_load(&sleeper->wakeup.asleep) == how, 60000);
}

static void make_readable(int fd)
{
    CU_ASSERT_EQUAL(eventfd_write(fd, 1), 0);
}

static void make_unreadable(int fd)
{
    eventfd_t count;

    CU_ASSERT_EQUAL(eventfd_read(fd, &count), 0);
}

static bool is_readable(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

static void a_deadline_ends_either_sleep(void)
{
    struct sleeper sleeper;
    struct clock clock;
    uint64_t deadline_ns;

    clock_init(&clock);
    sleeper_init(&sleeper, false);
    for (int watched = 0; watched < 2; watched++) {
        if (watched)
            CU_ASSERT_EQUAL(wakeup_watch(&sleeper.wakeup, sleeper.fd, &sleeper.visit), MAIKO_OK);
        deadline_ns = clock_mono_ns(&clock) + 2000000;
        wakeup_announce(&sleeper.wakeup);
        CU_ASSERT_EQUAL(atomic_load(&sleeper.wakeup.asleep), watched ? WAKEUP_ON_DESCRIPTORS : WAKEUP_ON_WORD);
        errno = 7;
        wakeup_sleep(&sleeper.wakeup, deadline_ns);
        CU_ASSERT(errno == 7 || watched);
        CU_ASSERT(clock_mono_ns(&clock) >= deadline_ns);
        CU_ASSERT_EQUAL(atomic_load(&sleeper.wakeup.asleep), WAKEUP_AWAKE);
        wakeup_announce(&sleeper.wakeup);
        wakeup_sleep(&sleeper.wakeup, 1); /* long past */
    }
    sleeper_deinit(&sleeper);
}

/* Between announcement and sleep. */
static void who_was_woken_before_does_not_sleep(void)
{
    struct sleeper sleeper;

    sleeper_init(&sleeper, false);
    for (int watched = 0; watched < 2; watched++) {
        if (watched)
            CU_ASSERT_EQUAL(wakeup_watch(&sleeper.wakeup, sleeper.fd, &sleeper.visit), MAIKO_OK);
        wakeup_announce(&sleeper.wakeup);
        wake(&sleeper);
        wakeup_sleep(&sleeper.wakeup, never);
        CU_ASSERT_EQUAL(atomic_load(&sleeper.wakeup.asleep), WAKEUP_AWAKE);
    }
    sleeper_deinit(&sleeper);
}

static void others_wake_it(void)
{
    struct sleeper sleeper;

    sleeper_init(&sleeper, false);
    sleeper_start(&sleeper);
    for (int i = 1; i <= 1000; i++) {
        CU_ASSERT_FATAL(sleeps_so(&sleeper, WAKEUP_ON_WORD));
        wake(&sleeper);
    }
    CU_ASSERT(wait_until(atomic_load(&sleeper.sleeps) > 1000, 60000));
    CU_ASSERT_FALSE(is_readable(sleeper.wakeup.event_fd)); /* no descriptor had a part in it */
    sleeper_stop(&sleeper);
    sleeper_deinit(&sleeper);
}

/* It sleeps already when it is asked to: it moves over, and back when the descriptor goes. */
static void what_is_watched_wakes_who_slept_on_the_word(void)
{
    struct sleeper sleeper;

    sleeper_init(&sleeper, false);
    sleeper_start(&sleeper);
    for (int i = 1; i <= 100; i++) {
        CU_ASSERT_FATAL(sleeps_so(&sleeper, WAKEUP_ON_WORD));
        CU_ASSERT_EQUAL(wakeup_watch(&sleeper.wakeup, sleeper.fd, &sleeper.visit), MAIKO_OK);
        make_readable(sleeper.fd);
        CU_ASSERT_FATAL(wait_until(atomic_load(&sleeper.seen_visits) == i, 60000));
        CU_ASSERT_FATAL(sleeps_so(&sleeper, WAKEUP_ON_DESCRIPTORS));
        wakeup_unwatch(&sleeper.wakeup, sleeper.fd);
        wakeup_unwatch(&sleeper.wakeup, sleeper.fd); /* harmless */
        make_unreadable(sleeper.fd);
        wake(&sleeper);
    }
    CU_ASSERT_FATAL(sleeps_so(&sleeper, WAKEUP_ON_WORD));
    sleeper_stop(&sleeper);
    sleeper_deinit(&sleeper);
}

/* Announced, and watching began before the sleep, which nobody has had to end yet. */
static void what_is_watched_since_is_not_slept_past(void)
{
    struct sleeper sleeper;

    sleeper_init(&sleeper, false);
    wakeup_announce(&sleeper.wakeup);
    atomic_fetch_add(&sleeper.wakeup.watched, 1);
    wakeup_sleep(&sleeper.wakeup, never);
    CU_ASSERT_EQUAL(atomic_load(&sleeper.wakeup.asleep), WAKEUP_AWAKE);
    wakeup_announce(&sleeper.wakeup);
    CU_ASSERT_EQUAL(atomic_load(&sleeper.wakeup.asleep), WAKEUP_ON_DESCRIPTORS);
    atomic_fetch_sub(&sleeper.wakeup.watched, 1); /* as announced all the same: others write the eventfd */
    wake(&sleeper);
    CU_ASSERT(is_readable(sleeper.wakeup.event_fd));
    wakeup_sleep(&sleeper.wakeup, never);
    CU_ASSERT_FALSE(is_readable(sleeper.wakeup.event_fd));
    sleeper_deinit(&sleeper);
}

static void an_outside_loop_is_woken_by_its_descriptor(void)
{
    struct sleeper sleeper;

    sleeper_init(&sleeper, true);
    wakeup_announce(&sleeper.wakeup);
    CU_ASSERT_FALSE(is_readable(sleeper.wakeup.epoll_fd));
    wake(&sleeper);
    CU_ASSERT(is_readable(sleeper.wakeup.epoll_fd));
    wakeup_clear(&sleeper.wakeup);
    CU_ASSERT_FALSE(is_readable(sleeper.wakeup.epoll_fd));
    wake(&sleeper); /* awake: nobody is told */
    CU_ASSERT_FALSE(is_readable(sleeper.wakeup.epoll_fd));
    sleeper_deinit(&sleeper);
}

static const struct test_case cases[] = {
    TEST_CASE(a_deadline_ends_either_sleep),
    TEST_CASE(who_was_woken_before_does_not_sleep),
    TEST_CASE(others_wake_it),
    TEST_CASE(what_is_watched_wakes_who_slept_on_the_word),
    TEST_CASE(what_is_watched_since_is_not_slept_past),
    TEST_CASE(an_outside_loop_is_woken_by_its_descriptor),
};
SUITE_MAIN("wakeup", cases)
