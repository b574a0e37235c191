/* Thread masks: threads that a signal would find, in trees of files made for it and in this process. */
#include "runtime/thread_masks.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/scratch.h"
#include "lib/suite.h"

enum { GROUPS = 65536 }; /* NGROUPS_MAX of Linux */

#define BLOCKED "0000000000004002" /* SIGINT and SIGTERM */
#define OPEN "0000000000000002"

static struct scratch scratch;

/* A thread's status as Linux writes it, with the line of groups at its length. */
static void put_thread(const char *id, const char *name, unsigned groups, const char *mask, unsigned flags)
{
    char *text = malloc(16u * groups + 1024);
    char path[64];
    size_t len;
    unsigned i;

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    len = (size_t)sprintf(text, "Name:\t%s\nUmask:\t0022\nState:\tS (sleeping)\nGroups:\t", name);
    for (i = 0; i < groups; i++)
        len += (size_t)sprintf(text + len, "%u ", 4294900000u + i);
    sprintf(text + len, "\nVmPeak:\t 1 kB\nSigQ:\t0/1\nSigBlk:\t%s\nSigIgn:\t0000000000000000\n", mask);
    snprintf(path, sizeof path, "proc/self/task/%s/status", id);
    CU_ASSERT_TRUE(scratch_put(&scratch, path, text));
    snprintf(path, sizeof path, "proc/self/task/%s/stat", id);
    sprintf(text, "%s (%s) S 1 1 1 0 -1 %u 0\n", id, name, flags);
    CU_ASSERT_TRUE(scratch_put(&scratch, path, text));
    free(text);
}

static sigset_t deadly(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    return signals;
}

/* `expected`: NULL for none. */
static void expect(const char *root, const char *expected)
{
    const sigset_t signals = deadly();
    char name[32] = "";
    bool found = thread_masks_find_open(root, &signals, name, sizeof name);

    if (found != (expected != NULL) || (found && strcmp(name, expected) != 0))
        SUITE_FAIL("%s, not %s", found ? name : "none", expected == NULL ? "none" : expected);
}

static void a_thread_that_does_not_block_a_signal_is_named(void)
{
    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    put_thread("10", "main", 0, BLOCKED, 0);
    expect(scratch.path, NULL);
    put_thread("11", "worker one", 3, OPEN, 0);
    expect(scratch.path, "worker one");
    scratch_deinit(&scratch);
}

static void any_number_of_groups_hides_nothing(void)
{
    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    put_thread("10", "main", GROUPS, BLOCKED, 0);
    expect(scratch.path, NULL);
    put_thread("11", "worker", GROUPS, OPEN, 0);
    expect(scratch.path, "worker");
    scratch_deinit(&scratch);
}

/* Whatever it says of itself. */
static void a_name_is_no_mask(void)
{
    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    put_thread("10", "SigBlk: 0", 0, BLOCKED, 0);
    put_thread("11", "x) S 1 1", 0, BLOCKED, 0);
    expect(scratch.path, NULL);
    scratch_deinit(&scratch);
}

static void a_thread_that_ends_is_none(void)
{
    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    put_thread("10", "gone", 0, OPEN, 4);
    expect(scratch.path, NULL);
    put_thread("10", "x) S 1 1 1 0 -1 0 ", 0, OPEN, 4);
    expect(scratch.path, NULL);
    scratch_deinit(&scratch);
}

static void without_proc_or_masks_there_is_none(void)
{
    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    expect(scratch.path, NULL);
    CU_ASSERT_TRUE(scratch_put(&scratch, "proc/self/task/10/status", "Name:\tx\n"));
    CU_ASSERT_TRUE(scratch_put(&scratch, "proc/self/task/11/status", ""));
    CU_ASSERT_TRUE(scratch_put(&scratch, "proc/self/task/12/stat", "12 (x) S\n"));
    expect(scratch.path, NULL);
    scratch_deinit(&scratch);
}

static void this_process_is_read_like_any_other(void)
{
    const sigset_t signals = deadly();
    sigset_t before;

    CU_ASSERT_EQUAL(pthread_sigmask(SIG_UNBLOCK, &signals, &before), 0);
    CU_ASSERT_EQUAL(pthread_setname_np(pthread_self(), "the only one"), 0);
    expect("", "the only one");
    CU_ASSERT_EQUAL(pthread_sigmask(SIG_BLOCK, &signals, NULL), 0);
    expect("", NULL);
    CU_ASSERT_EQUAL(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

static const struct test_case cases[] = {
    TEST_CASE(a_thread_that_does_not_block_a_signal_is_named), TEST_CASE(any_number_of_groups_hides_nothing),
    TEST_CASE(a_name_is_no_mask),                              TEST_CASE(a_thread_that_ends_is_none),
    TEST_CASE(without_proc_or_masks_there_is_none),            TEST_CASE(this_process_is_read_like_any_other),
};
SUITE_MAIN("thread masks", cases)
