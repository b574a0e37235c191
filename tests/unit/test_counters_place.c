/* Counters place: where files go, who may take them over, what happens when they cannot be made. */
#include "monitor/counters_reader.h"

#include "lib/child.h"
#include "lib/failing_allocator.h"
#include "lib/scratch.h"
#include "lib/suite.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED = 77 };

/* What a child checks is part of its exit status. */
#define CHECK(condition)                                                                                                         \
    do {                                                                                                                         \
        if (!(condition)) {                                                                                                      \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                                                               \
            return 1;                                                                                                            \
        }                                                                                                                        \
    } while (0)

/* The children of a case print what failed. */
static int run(int (*body)(void *), void *userdata)
{
    struct child child;
    char output[4096];
    int status;

    if (!child_start(&child, body, userdata))
        return -1;
    child_read_output(&child, output, sizeof(output));
    status = child_end(&child, 60000);
    if (status == SKIPPED)
        suite_skip("needs its own mounts, which are not allowed here");
    else if (status != 0)
        SUITE_FAIL("exit status %d: %s", status, output);
    return status;
}

static maiko_status open_named(struct heap *heap, const char *name, struct counters_file **ret_file)
{
    return counters_file_open(heap, &(struct counters_options){.name = name}, ret_file);
}

static bool starts_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static mode_t mode_of(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0 ? info.st_mode & 07777 : 0;
}

/* In the default directory of this scratch, for this process and its children. */
static bool use_scratch(struct scratch *scratch)
{
    return scratch_init(scratch) && setenv("MAIKO_COUNTERS_DIR", scratch->path, 1) == 0;
}

static void a_file_is_made_below_the_runtime_directory_and_removed_by_a_clean_stop(void)
{
    struct counters_file *file;
    struct scratch scratch;
    char path[1100];
    char directory[1024];
    const char *why;

    CU_ASSERT_FATAL(scratch_init(&scratch));
    unsetenv("MAIKO_COUNTERS_DIR");
    setenv("XDG_RUNTIME_DIR", scratch.path, 1);
    CU_ASSERT_EQUAL(maiko_counters_directory(directory, sizeof(directory)), MAIKO_ENOTFOUND);
    CU_ASSERT_EQUAL_FATAL(open_named(heap_default(), "my app/1", &file), MAIKO_OK);
    CU_ASSERT_EQUAL(counters_file_status(file, &why), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(why, "");
    snprintf(path, sizeof(path), "%s/maiko/counters/my_app_1.%d.0", scratch.path, (int)getpid());
    CU_ASSERT_STRING_EQUAL(counters_file_path(file), path);
    CU_ASSERT_EQUAL(mode_of(path), 0600);
    CU_ASSERT_EQUAL(maiko_counters_directory(directory, sizeof(directory)), MAIKO_OK);
    CU_ASSERT_EQUAL(mode_of(directory), 0700);
    CU_ASSERT_EQUAL(maiko_counters_directory(directory, 5), MAIKO_ETOOLONG);
    counters_file_close(file, true, 0);
    CU_ASSERT_EQUAL(scratch_count(&scratch, "maiko/counters"), 0);
    unsetenv("XDG_RUNTIME_DIR");
    scratch_deinit(&scratch);
}

static void supervisors_of_one_process_have_a_file_each(void)
{
    struct counters_file *files[3];
    struct scratch scratch;
    size_t i;

    CU_ASSERT_FATAL(use_scratch(&scratch));
    for (i = 0; i < 3; i++)
        CU_ASSERT_EQUAL_FATAL(open_named(heap_default(), "same", &files[i]), MAIKO_OK);
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 3);
    counters_file_close(files[1], true, 0);
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 2);
    CU_ASSERT_EQUAL_FATAL(open_named(heap_default(), "same", &files[1]), MAIKO_OK);
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 3);
    for (i = 0; i < 3; i++)
        counters_file_close(files[i], true, 0);
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 0);
    scratch_deinit(&scratch);
}

static void a_kept_file_stays_and_says_that_it_is_final(void)
{
    struct counters_file *file;
    struct counters_actor *line;
    struct scratch scratch;
    maiko_counters *counters = NULL;
    maiko_counters_info info;
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    scratch_file(&scratch, "kept", path, sizeof(path));
    CU_ASSERT_EQUAL_FATAL(
        counters_file_open(heap_default(), &(struct counters_options){.name = "n", .path = path, .keep = true}, &file), MAIKO_OK);
    line = counters_actor_add(file, 1, "a", 1, 0);
    COUNT(line, received, 3);
    COUNT(line, handled, 1);
    counters_actor_remove(file, line);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(path, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_get_info(counters, &info), MAIKO_OK);
    CU_ASSERT(info.state == MAIKO_COUNTERS_LIVE && info.is_kept && info.stopped_ns == 0 && info.started_ns > 0);
    counters_file_close(file, true, 2);
    CU_ASSERT_EQUAL(maiko_counters_refresh(counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_get_info(counters, &info), MAIKO_OK);
    CU_ASSERT(info.state == MAIKO_COUNTERS_STOPPED && info.unfinished == 2 && info.stopped_ns >= info.started_ns);
    CU_ASSERT(strcmp(info.name, "n") == 0 && strcmp(info.path, path) == 0 && info.pid == (uint64_t)getpid());
    maiko_counters_free(counters);
    CU_ASSERT_EQUAL(mode_of(path), 0600);
    scratch_deinit(&scratch);
}

/* A program that dies without a word: its file stays. */
static int die(void *userdata)
{
    const struct counters_options *options = userdata;
    struct counters_file *file;
    struct counters_actor *line;

    CHECK(counters_file_open(heap_default(), options, &file) == MAIKO_OK);
    CHECK(counters_file_status(file, NULL) == MAIKO_OK);
    line = counters_actor_add(file, 1, "victim", 1, 0);
    COUNT(line, received, 9);
    COUNT(line, handled, 4);
    return 0;
}

static void a_dead_program_is_read_like_a_live_one(void)
{
    struct counters_options options = {.name = "n"};
    struct scratch scratch;
    maiko_counters *counters = NULL;
    maiko_counters_balance balance;
    maiko_counters_info info;
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    options.path = scratch_file(&scratch, "file", path, sizeof(path));
    run(die, &options);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(path, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_get_info(counters, &info), MAIKO_OK);
    CU_ASSERT(info.state == MAIKO_COUNTERS_DEAD && info.is_complete);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    CU_ASSERT(balance.is_balanced && balance.is_final && balance.matched == 9 && balance.unfinished == 5);
    maiko_counters_free(counters);
    scratch_deinit(&scratch);
}

/* Killed, and its parent has not asked for its end yet: still in the list of processes. */
static void a_killed_program_that_nobody_waited_for_is_dead(void)
{
    struct counters_options options = {.name = "n"};
    struct scratch scratch;
    struct child child;
    maiko_counters *counters = NULL;
    maiko_counters_info info;
    siginfo_t end;
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    options.path = scratch_file(&scratch, "file", path, sizeof(path));
    CU_ASSERT_FATAL(child_start(&child, die, &options));
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)child.pid, &end, WEXITED | WNOWAIT), 0);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(path, &counters), MAIKO_OK);
    CU_ASSERT(maiko_counters_get_info(counters, &info) == MAIKO_OK && info.state == MAIKO_COUNTERS_DEAD);
    maiko_counters_free(counters);
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    scratch_deinit(&scratch);
}

static void leftovers_of_dead_programs_do_not_pile_up(void)
{
    struct counters_options options = {.name = "crasher"};
    struct counters_options other = {.name = "other"};
    struct counters_options kept = {.name = "crasher", .keep = true};
    struct counters_file *file;
    struct scratch scratch;

    CU_ASSERT_FATAL(use_scratch(&scratch));
    run(die, &options);
    run(die, &other);
    run(die, &kept);
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 3);
    run(die, &options); /* leaves the one before it, to be looked at */
    run(die, &options);
    run(die, &options);
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 4); /* the last two, the kept one and the other's */
    CU_ASSERT_EQUAL(open_named(heap_default(), "crasher", &file), MAIKO_OK);
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 4); /* the last one, the kept one, the other's and the new one */
    counters_file_close(file, true, 0);
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 3);
    scratch_deinit(&scratch);
}

static void a_dead_programs_file_is_taken_over_and_other_files_are_not(void)
{
    struct counters_options options = {.name = "n"};
    struct counters_file *file;
    struct counters_file *second;
    struct scratch scratch;
    const char *why;
    char path[600];
    char foreign[600];
    FILE *written;

    CU_ASSERT_FATAL(scratch_init(&scratch));
    options.path = scratch_file(&scratch, "file", path, sizeof(path));
    run(die, &options);
    CU_ASSERT_EQUAL_FATAL(counters_file_open(heap_default(), &options, &file), MAIKO_OK);
    CU_ASSERT_EQUAL(counters_file_status(file, NULL), MAIKO_OK);
    /* a second supervisor with the same path counts privately, and the first keeps its file */
    CU_ASSERT_EQUAL_FATAL(counters_file_open(heap_default(), &options, &second), MAIKO_OK);
    CU_ASSERT_EQUAL(counters_file_status(second, &why), MAIKO_EEXIST);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, path));
    CU_ASSERT_STRING_EQUAL(counters_file_path(second), "");
    CU_ASSERT_PTR_NOT_NULL(counters_actor_add(second, 1, "a", 1, 0));
    counters_file_close(second, true, 0);
    CU_ASSERT_EQUAL(mode_of(path), 0600);
    counters_file_close(file, true, 0);
    CU_ASSERT_EQUAL(mode_of(path), 0);
    options.path = scratch_file(&scratch, "foreign", foreign, sizeof(foreign));
    written = fopen(foreign, "w");
    fputs("precious", written);
    fclose(written);
    CU_ASSERT_EQUAL(truncate(foreign, 1 << 16), 0);
    CU_ASSERT_EQUAL_FATAL(counters_file_open(heap_default(), &options, &file), MAIKO_OK);
    CU_ASSERT_EQUAL(counters_file_status(file, NULL), MAIKO_EEXIST);
    counters_file_close(file, true, 0);
    written = fopen(foreign, "r");
    CU_ASSERT(fread(path, 1, 8, written) == 8 && memcmp(path, "precious", 8) == 0);
    fclose(written);
    scratch_deinit(&scratch);
}

/* In another process than the owner. */
static int find_it_taken(void *userdata)
{
    const struct counters_options *options = userdata;
    struct counters_file *file;

    CHECK(counters_file_open(heap_default(), options, &file) == MAIKO_OK);
    CHECK(counters_file_status(file, NULL) == MAIKO_EEXIST);
    counters_file_close(file, true, 0);
    return 0;
}

static void a_live_programs_file_is_not_taken(void)
{
    struct counters_options options = {.name = "n"};
    struct counters_file *file;
    struct scratch scratch;
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    options.path = scratch_file(&scratch, "file", path, sizeof(path));
    CU_ASSERT_EQUAL_FATAL(counters_file_open(heap_default(), &options, &file), MAIKO_OK);
    run(find_it_taken, &options);
    CU_ASSERT_EQUAL(mode_of(path), 0600);
    counters_file_close(file, true, 0);
    scratch_deinit(&scratch);
}

/* In a forked child the rows are not there, so it cannot count in its parent's name. */
static int touch_a_row(void *userdata)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    signal(SIGSEGV, SIG_DFL);
    COUNT((struct counters_actor *)userdata, received, 1);
    return 0;
}

static void a_forked_child_neither_counts_nor_ends_the_parents_life(void)
{
    struct counters_options options = {.name = "n"};
    struct counters_file *file;
    struct counters_actor *line;
    struct scratch scratch;
    struct child child;
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    options.path = scratch_file(&scratch, "file", path, sizeof(path));
    CU_ASSERT_EQUAL_FATAL(counters_file_open(heap_default(), &options, &file), MAIKO_OK);
    line = counters_actor_add(file, 1, "a", 1, 0);
    CU_ASSERT_FATAL(child_start(&child, touch_a_row, line));
    CU_ASSERT_NOT_EQUAL(child_end(&child, 60000), 0);
    CU_ASSERT_EQUAL(COUNTED(line, received), 0);
    run(find_it_taken, &options);
    counters_file_close(file, true, 0);
    scratch_deinit(&scratch);
}

static void expect_private(const char *part_of_reason)
{
    struct counters_file *file;
    struct counters_actor *line;
    const char *why;

    CU_ASSERT_EQUAL_FATAL(open_named(heap_default(), "n", &file), MAIKO_OK);
    CU_ASSERT_NOT_EQUAL(counters_file_status(file, &why), MAIKO_OK);
    if (strstr(why, part_of_reason) == NULL)
        SUITE_FAIL("\"%s\" does not say \"%s\"", why, part_of_reason);
    CU_ASSERT_STRING_EQUAL(counters_file_path(file), "");
    line = counters_actor_add(file, 1, "a", 1, 0);
    COUNT(line, received, 1);
    CU_ASSERT_EQUAL(COUNTED(line, received), 1);
    counters_file_close(file, true, 0);
}

static void without_a_directory_counting_goes_on_in_private(void)
{
    struct scratch scratch;
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    setenv("MAIKO_COUNTERS_DIR", scratch_file(&scratch, "a/b", path, sizeof(path)), 1);
    expect_private("No such file");
    setenv("MAIKO_COUNTERS_DIR", "/dev/null", 1);
    expect_private("/dev/null");
    setenv("MAIKO_COUNTERS_DIR", scratch_file(&scratch, "link", path, sizeof(path)), 1);
    CU_ASSERT_EQUAL(symlink(scratch.path, path), 0);
    expect_private("link");
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 1);
    setenv("MAIKO_COUNTERS_DIR", scratch_file(&scratch, "open", path, sizeof(path)), 1);
    CU_ASSERT(mkdir(path, 0700) == 0 && chmod(path, 0777) == 0);
    expect_private("others may write");
    CU_ASSERT_EQUAL(scratch_count(&scratch, "open"), 0);
    scratch_deinit(&scratch);
}

/* Threads that hang were left behind and may still count: nothing may go away under them. */
static void after_a_stop_that_left_threads_behind_everything_stays(void)
{
    struct counters_file *file;
    struct counters_actor *line;
    struct scratch scratch;
    maiko_counters *counters = NULL;
    maiko_counters_info info;

    CU_ASSERT_FATAL(use_scratch(&scratch));
    CU_ASSERT_EQUAL_FATAL(open_named(heap_default(), "n", &file), MAIKO_OK);
    line = counters_actor_add(file, 1, "a", 1, 0);
    counters_file_close(file, false, 3);
    COUNT(line, received, 1);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(counters_file_path(file), &counters), MAIKO_OK);
    CU_ASSERT(maiko_counters_get_info(counters, &info) == MAIKO_OK && info.state == MAIKO_COUNTERS_LIVE && info.unfinished == 0);
    maiko_counters_free(counters);
    counters_file_close(file, true, 0);
    counters_file_close(NULL, true, 0);
    scratch_deinit(&scratch);
}

static void no_file_wanted_is_no_failure(void)
{
    struct counters_file *file;
    struct scratch scratch;
    const char *why;

    CU_ASSERT_FATAL(use_scratch(&scratch));
    CU_ASSERT_EQUAL_FATAL(counters_file_open(heap_default(), &(struct counters_options){.name = "n", .no_file = true}, &file),
                          MAIKO_OK);
    CU_ASSERT_EQUAL(counters_file_status(file, &why), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(why, "");
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 0);
    counters_file_close(file, true, 0);
    scratch_deinit(&scratch);
}

/* Adds actors until rows are private, and some more; all must count. */
static int outgrow_the_file(struct counters_file *file)
{
    enum { ACTORS = 20000 };
    static struct counters_actor *lines[ACTORS];
    maiko_counters_actor totals;
    maiko_counters_balance balance;
    maiko_counters *counters;
    uint64_t i;

    CHECK(counters_file_status(file, NULL) == MAIKO_OK);
    for (i = 0; i < ACTORS; i++) {
        lines[i] = counters_actor_add(file, i + 1, "a", 1, 0);
        CHECK(lines[i] != NULL);
        COUNT(lines[i], received, 1);
    }
    for (i = 0; i < ACTORS; i++)
        COUNT(lines[i], handled, 1);
    CHECK(counters_file_status(file, NULL) == MAIKO_ESYSTEM);
    CHECK(counters_read_own(heap_default(), file, &counters) == MAIKO_OK);
    CHECK(maiko_counters_get_totals(counters, &totals) == MAIKO_OK && totals.handled == ACTORS);
    CHECK(maiko_counters_check_balance(counters, &balance) == MAIKO_OK && balance.is_balanced);
    maiko_counters_free(counters);
    /* from outside, what is in the file can be read, and that it is not all */
    CHECK(maiko_counters_open(counters_file_path(file), &counters) == MAIKO_OK);
    CHECK(maiko_counters_get_totals(counters, &totals) == MAIKO_OK && totals.handled > 100 && totals.handled < ACTORS);
    CHECK(maiko_counters_check_balance(counters, &balance) == MAIKO_ENOTSUP);
    maiko_counters_free(counters);
    counters_file_close(file, true, 0);
    return 0;
}

/* A mount name space of its own, with a small tmpfs at `path`. */
static bool mount_small_tmpfs(const char *path, const char *options)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV;
    const uid_t uid = getuid();
    char map[64];
    FILE *file;

    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return false;
        file = fopen("/proc/self/uid_map", "w");
        if (file == NULL)
            return false;
        snprintf(map, sizeof(map), "%lu %lu 1\n", (unsigned long)uid, (unsigned long)uid);
        fputs(map, file);
        if (fclose(file) != 0)
            return false;
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("tmpfs", path, "tmpfs", flags, options) == 0;
}

static int fill_a_tmpfs(void *userdata)
{
    struct counters_file *file;

    if (!mount_small_tmpfs(userdata, "size=512k,mode=700"))
        return SKIPPED;
    setenv("MAIKO_COUNTERS_DIR", userdata, 1);
    CHECK(open_named(heap_default(), "n", &file) == MAIKO_OK);
    return outgrow_the_file(file);
}

static void a_full_tmpfs_makes_later_rows_private(void)
{
    struct scratch scratch;

    CU_ASSERT_FATAL(scratch_init(&scratch));
    run(fill_a_tmpfs, scratch.path);
    scratch_deinit(&scratch);
}

static int start_on_a_full_tmpfs(void *userdata)
{
    struct counters_file *file;
    const char *why;

    if (!mount_small_tmpfs(userdata, "size=16k,mode=700"))
        return SKIPPED;
    setenv("MAIKO_COUNTERS_DIR", userdata, 1);
    CHECK(open_named(heap_default(), "n", &file) == MAIKO_OK);
    CHECK(counters_file_status(file, &why) == MAIKO_ESYSTEM && strstr(why, "No space") != NULL);
    CHECK(counters_actor_add(file, 1, "a", 1, 0) != NULL);
    counters_file_close(file, true, 0);
    return 0;
}

static void a_tmpfs_full_from_the_start_leaves_no_file(void)
{
    struct scratch scratch;

    CU_ASSERT_FATAL(scratch_init(&scratch));
    run(start_on_a_full_tmpfs, scratch.path);
    scratch_deinit(&scratch);
}

/* Past the limit the kernel would send a signal that ends the program. */
static int pass_the_file_size_limit(void *userdata)
{
    struct rlimit limit = {.rlim_cur = 200000, .rlim_max = 200000};
    struct counters_file *file;

    (void)userdata;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(open_named(heap_default(), "n", &file) == MAIKO_OK);
    return outgrow_the_file(file);
}

static void a_file_size_limit_makes_later_rows_private(void)
{
    struct scratch scratch;

    CU_ASSERT_FATAL(use_scratch(&scratch));
    run(pass_the_file_size_limit, NULL);
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 0);
    scratch_deinit(&scratch);
}

/* On a /tmp of its own: the fallback is used when it is ours, and never when it is not. */
static int use_the_fallback(void *userdata)
{
    struct counters_file *file;
    char fallback[64];
    char expected[128];

    (void)userdata;
    if (!mount_small_tmpfs("/tmp", "size=1m,mode=1777"))
        return SKIPPED;
    unsetenv("MAIKO_COUNTERS_DIR");
    unsetenv("XDG_RUNTIME_DIR");
    snprintf(fallback, sizeof(fallback), "/tmp/maiko-%lu", (unsigned long)geteuid());
    snprintf(expected, sizeof(expected), "%s/counters/n.", fallback);
    CHECK(symlink("/tmp", fallback) == 0);
    CHECK(open_named(heap_default(), "n", &file) == MAIKO_OK);
    CHECK(counters_file_status(file, NULL) != MAIKO_OK);
    counters_file_close(file, true, 0);
    CHECK(unlink(fallback) == 0 && mkdir(fallback, 0700) == 0 && chmod(fallback, 0777) == 0);
    CHECK(open_named(heap_default(), "n", &file) == MAIKO_OK);
    CHECK(counters_file_status(file, NULL) == MAIKO_EPERM);
    counters_file_close(file, true, 0);
    CHECK(rmdir(fallback) == 0);
    CHECK(open_named(heap_default(), "n", &file) == MAIKO_OK);
    CHECK(starts_with(counters_file_path(file), expected) && mode_of(fallback) == 0700);
    counters_file_close(file, true, 0);
    setenv("XDG_RUNTIME_DIR", "not/absolute", 1);
    CHECK(open_named(heap_default(), "n", &file) == MAIKO_OK);
    CHECK(starts_with(counters_file_path(file), expected));
    counters_file_close(file, true, 0);
    return 0;
}

static void without_a_runtime_directory_the_fallback_is_checked_and_used(void)
{
    run(use_the_fallback, NULL);
}

static void every_allocation_failure_of_an_open_leaves_no_file(void)
{
    struct failing_allocator failing;
    struct counters_file *file;
    struct scratch scratch;
    struct heap heap;
    maiko_status status = MAIKO_ENOMEM;
    long nth;

    CU_ASSERT_FATAL(use_scratch(&scratch));
    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    for (nth = 0; status != MAIKO_OK && nth < 100; nth++) {
        failing_allocator_fail_nth(&failing, nth);
        status = open_named(&heap, "n", &file);
        CU_ASSERT(status == MAIKO_OK || (status == MAIKO_ENOMEM && failing_allocator_has_failed(&failing)));
        if (status == MAIKO_OK)
            counters_file_close(file, true, 0);
        CU_ASSERT(failing_allocator_is_balanced(&failing));
        CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 0);
    }
    CU_ASSERT(nth > 2 && status == MAIKO_OK);
    scratch_deinit(&scratch);
}

static void names_are_checked(void)
{
    struct counters_file *file = NULL;
    char name[300];

    memset(name, 'n', sizeof(name));
    name[256] = '\0';
    CU_ASSERT_EQUAL(open_named(heap_default(), name, &file), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(open_named(heap_default(), NULL, &file), MAIKO_EINVAL);
    CU_ASSERT_PTR_NULL(file);
}

static const struct test_case cases[] = {
    TEST_CASE(a_file_is_made_below_the_runtime_directory_and_removed_by_a_clean_stop),
    TEST_CASE(supervisors_of_one_process_have_a_file_each),
    TEST_CASE(a_kept_file_stays_and_says_that_it_is_final),
    TEST_CASE(a_dead_program_is_read_like_a_live_one),
    TEST_CASE(a_killed_program_that_nobody_waited_for_is_dead),
    TEST_CASE(leftovers_of_dead_programs_do_not_pile_up),
    TEST_CASE(a_dead_programs_file_is_taken_over_and_other_files_are_not),
    TEST_CASE(a_live_programs_file_is_not_taken),
    TEST_CASE(a_forked_child_neither_counts_nor_ends_the_parents_life),
    TEST_CASE(without_a_directory_counting_goes_on_in_private),
    TEST_CASE(after_a_stop_that_left_threads_behind_everything_stays),
    TEST_CASE(no_file_wanted_is_no_failure),
    TEST_CASE(a_full_tmpfs_makes_later_rows_private),
    TEST_CASE(a_tmpfs_full_from_the_start_leaves_no_file),
    TEST_CASE(a_file_size_limit_makes_later_rows_private),
    TEST_CASE(without_a_runtime_directory_the_fallback_is_checked_and_used),
    TEST_CASE(every_allocation_failure_of_an_open_leaves_no_file),
    TEST_CASE(names_are_checked),
};
SUITE_MAIN("counters_place", cases)
