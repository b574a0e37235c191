/* The kit itself: what must fail a test program does fail it.  Broken cases run in children of this program. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"

static void passes(void)
{
    CU_ASSERT(true);
}

static void fails(void)
{
    CU_ASSERT(false);
}

static void skips(void)
{
    suite_skip("on purpose");
}

static void leaks_a_descriptor(void)
{
    CU_ASSERT(open("/dev/null", O_RDONLY) >= 0);
}

static void leaks_a_child(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        pause();
        _exit(0);
    }
    CU_ASSERT(pid > 0);
}

static void *wait_for_ever(void *userdata)
{
    pause();
    return userdata;
}

static void leaks_a_thread(void)
{
    pthread_t thread;

    CU_ASSERT_EQUAL(pthread_create(&thread, NULL, wait_for_ever, NULL), 0);
    pthread_detach(thread);
}

static void hangs(void)
{
    for (;;)
        pause();
}

static void crashes(void)
{
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

/* A second suite in this program, run in children: `test_kit --broken CASE`. */
static const struct test_case broken_cases[] = {
    TEST_CASE(passes),        TEST_CASE(fails),          TEST_CASE(skips), TEST_CASE(leaks_a_descriptor),
    TEST_CASE(leaks_a_child), TEST_CASE(leaks_a_thread), TEST_CASE(hangs), TEST_CASE(crashes),
};

/* Not /proc/self/exe: under valgrind that is valgrind. */
static char *own_path;

static int status_of(const char *name, char *output, size_t size)
{
    char option[] = "--broken";
    char only[64];
    char *argv[] = {own_path, option, only, NULL};
    struct child child;

    snprintf(only, sizeof(only), "%s", name);
    CU_ASSERT_TRUE_FATAL(child_start_program(&child, argv));
    child_read_output(&child, output, size);
    return child_end(&child, 20000);
}

static void a_passed_case_is_a_success(void)
{
    char output[8192];

    CU_ASSERT_EQUAL(status_of("passes", output, sizeof(output)), EXIT_SUCCESS);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "1..1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\nok 1 - passes\n"));
}

static void a_failed_assertion_is_a_failure(void)
{
    char output[8192];

    CU_ASSERT_EQUAL(status_of("fails", output, sizeof(output)), EXIT_FAILURE);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\nnot ok 1 - fails\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "test_kit.c:"));
}

static void a_skipped_case_says_why(void)
{
    char output[8192];

    CU_ASSERT_EQUAL(status_of("skips", output, sizeof(output)), EXIT_SUCCESS);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\nok 1 - skips # SKIP on purpose\n"));
}

static void a_descriptor_left_open_is_a_failure(void)
{
    char output[8192];

    CU_ASSERT_EQUAL(status_of("leaks_a_descriptor", output, sizeof(output)), EXIT_FAILURE);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "open: /dev/null"));
}

static void a_child_left_behind_is_a_failure(void)
{
    char output[8192];

    CU_ASSERT_EQUAL(status_of("leaks_a_child", output, sizeof(output)), EXIT_FAILURE);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "left a child process"));
}

static void a_thread_left_behind_is_a_failure(void)
{
    char output[8192];

    CU_ASSERT_EQUAL(status_of("leaks_a_thread", output, sizeof(output)), EXIT_FAILURE);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "threads running"));
}

static void a_hang_is_a_failure_that_names_the_case(void)
{
    char output[65536];

    CU_ASSERT_EQUAL(status_of("hangs", output, sizeof(output)), EXIT_FAILURE);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "Bail out! hung: hangs\n"));
}

static void a_crash_is_a_failure(void)
{
    char output[65536];

    CU_ASSERT_NOT_EQUAL(status_of("crashes", output, sizeof(output)), EXIT_SUCCESS);
    CU_ASSERT_PTR_NULL(strstr(output, "ok 1 - crashes"));
}

static void wait_until_ends_with_the_condition_or_the_time(void)
{
    int rounds = 0;

    CU_ASSERT(wait_until(++rounds == 3, 10000));
    CU_ASSERT_EQUAL(rounds, 3);
    CU_ASSERT_FALSE(wait_until(rounds == 4, 2));
}

static void the_nth_allocation_fails_once(void)
{
    struct failing_allocator failing;
    maiko_allocator *allocator = &failing.allocator;
    void *first;
    void *third;

    failing_allocator_init(&failing);
    failing_allocator_fail_nth(&failing, 1);
    first = allocator->allocate(10, allocator->userdata);
    CU_ASSERT_PTR_NULL(allocator->allocate(20, allocator->userdata));
    third = allocator->allocate(30, allocator->userdata);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT_PTR_NOT_NULL_FATAL(third);
    CU_ASSERT_TRUE(failing_allocator_has_failed(&failing));
    CU_ASSERT_FALSE(failing_allocator_is_balanced(&failing));
    allocator->release(first, 10, allocator->userdata);
    allocator->release(third, 30, allocator->userdata);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&failing));
}

static void all_allocations_from_the_nth_fail(void)
{
    struct failing_allocator failing;
    maiko_allocator *allocator = &failing.allocator;
    void *first;

    failing_allocator_init(&failing);
    failing_allocator_fail_from(&failing, 1);
    first = allocator->allocate(10, allocator->userdata);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT_PTR_NULL(allocator->allocate(20, allocator->userdata));
    CU_ASSERT_PTR_NULL(allocator->allocate(20, allocator->userdata));
    allocator->release(first, 9, allocator->userdata);
    CU_ASSERT_FALSE(failing_allocator_is_balanced(&failing)); /* released with another size */
}

static const struct test_case cases[] = {
    TEST_CASE(a_passed_case_is_a_success),
    TEST_CASE(a_failed_assertion_is_a_failure),
    TEST_CASE(a_skipped_case_says_why),
    TEST_CASE(a_descriptor_left_open_is_a_failure),
    TEST_CASE(a_child_left_behind_is_a_failure),
    TEST_CASE(a_thread_left_behind_is_a_failure),
    TEST_CASE(a_hang_is_a_failure_that_names_the_case),
    TEST_CASE(a_crash_is_a_failure),
    TEST_CASE(wait_until_ends_with_the_condition_or_the_time),
    TEST_CASE(the_nth_allocation_fails_once),
    TEST_CASE(all_allocations_from_the_nth_fail),
};

int main(int argc, char **argv)
{
    struct suite kit = {.name = "kit", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0])};
    struct suite broken = {
        .name = "broken", .cases = broken_cases, .case_count = sizeof(broken_cases) / sizeof(broken_cases[0]), .timeout_s = 4};

    own_path = argv[0];
    if (argc > 1 && strcmp(argv[1], "--broken") == 0) {
        unsetenv("MAIKO_TEST_SLOWDOWN"); /* hanging takes long enough */
        return suite_main(argc - 1, argv + 1, &broken);
    }
    return suite_main(argc, argv, &kit);
}
