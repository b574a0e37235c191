/* Patient poll: what it finds and how long it sleeps where RLIMIT_NOFILE is below the number of descriptors.  No unit test:
 * valgrind plays such a limit to the program and keeps it from the kernel. */
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/patient_poll.h"
#include "lib/suite.h"
#include <maiko/base.h>

enum { FDS = 5 };

static struct pollfd fds[FDS];
static struct rlimit before;

static void limit_to(rlim_t most)
{
    struct rlimit less = before;

    less.rlim_cur = most;
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &less), 0);
}

static void set_up(void)
{
    int i;

    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (i = 0; i < FDS; i++)
        fds[i] = (struct pollfd){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .events = POLLIN};
}

static void tear_down(void)
{
    int i;

    limit_to(before.rlim_cur);
    for (i = 0; i < FDS; i++)
        close(fds[i].fd);
}

static void without_a_limit_it_is_poll(void)
{
    bool is_limited = true;

    set_up();
    CU_ASSERT_EQUAL(patient_poll(fds, FDS, 0, &is_limited), 0);
    CU_ASSERT_FALSE(is_limited);
    CU_ASSERT_EQUAL(eventfd_write(fds[3].fd, 1), 0);
    CU_ASSERT_EQUAL(patient_poll(fds, FDS, -1, NULL), 1);
    CU_ASSERT_EQUAL(fds[3].revents, POLLIN);
    tear_down();
}

static void every_part_is_looked_at(void)
{
    bool is_limited;
    rlim_t most;
    int i;

    set_up();
    for (most = 1; most < FDS; most++)
        for (i = 0; i < FDS; i++) {
            eventfd_t value;

            limit_to(most);
            CU_ASSERT_EQUAL(eventfd_write(fds[i].fd, 1), 0);
            CU_ASSERT_EQUAL(patient_poll(fds, FDS, -1, &is_limited), 1);
            CU_ASSERT_TRUE(is_limited);
            CU_ASSERT_EQUAL(fds[i].revents, POLLIN);
            CU_ASSERT_EQUAL(fds[(i + 1) % FDS].revents, 0);
            CU_ASSERT_EQUAL(eventfd_read(fds[i].fd, &value), 0);
        }
    tear_down();
}

/* Each call sleeps, so only so many of them fit. */
static void nobody_spins(void)
{
    struct clock clock;
    uint64_t end_ns;
    rlim_t most;

    set_up();
    clock_init(&clock);
    for (most = 0; most < FDS; most++) {
        unsigned calls = 0;

        limit_to(most);
        end_ns = clock_mono_ns(&clock) + MAIKO_MS(10 * PATIENT_POLL_MS);
        for (; clock_mono_ns(&clock) < end_ns; calls++)
            CU_ASSERT_EQUAL(patient_poll(fds, FDS, -1, NULL), 0);
        CU_ASSERT(calls <= 11);
    }
    tear_down();
}

static void a_sleep_is_not_longer_than_asked_for(void)
{
    bool is_limited = false;

    set_up();
    limit_to(2);
    CU_ASSERT_EQUAL(patient_poll(fds, FDS, 0, &is_limited), 0);
    CU_ASSERT_TRUE(is_limited);
    limit_to(FDS);
    CU_ASSERT_EQUAL(patient_poll(fds, FDS, 0, &is_limited), 0);
    CU_ASSERT_FALSE(is_limited);
    tear_down();
}

static const struct test_case cases[] = {
    TEST_CASE(without_a_limit_it_is_poll),
    TEST_CASE(every_part_is_looked_at),
    TEST_CASE(nobody_spins),
    TEST_CASE(a_sleep_is_not_longer_than_asked_for),
};
SUITE_MAIN("patient_poll", cases)
