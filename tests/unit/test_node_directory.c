/* A node's directory when descriptors run out while it is made: what was made is taken away, and who lives is left alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/scratch.h"
#include "lib/suite.h"
#include "space/node_directory.h"

static struct scratch scratch;
static int space;
static int left = -1; /* descriptors that can be opened; -1: any number */

int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);

/* From one of them on they all fail, as in a process that has none left. */
int __wrap_openat(int directory, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (left == 0) {
        errno = EMFILE;
        return -1;
    }
    left -= left > 0;
    return __real_openat(directory, path, flags, mode);
}

static void begin(void)
{
    char path[600];

    CU_ASSERT_FATAL(scratch_init(&scratch));
    space = open(scratch_file(&scratch, ".", path, sizeof(path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_FATAL(space >= 0);
}

static void end(void)
{
    close(space);
    scratch_deinit(&scratch);
}

static maiko_status create(const char *name, struct node_directory *directory)
{
    char reason[256];
    struct node_record record;
    struct text error;
    maiko_status status;

    text_init_buffer(&error, reason, sizeof(reason));
    node_record_init(&record, heap_default());
    record.process = process_identity_self();
    snprintf(record.name, sizeof(record.name), "%s", name);
    *directory = (struct node_directory){-1, -1};
    status = node_directory_create(space, &record, directory, &error);
    CU_ASSERT(status == MAIKO_OK || error.len > 0);
    node_record_deinit(&record);
    return status;
}

static void a_node_that_cannot_be_made_leaves_nothing(void)
{
    struct node_directory directory;
    maiko_status status = MAIKO_ELIMIT;
    int count;

    begin();
    for (count = 0; count < 32 && status != MAIKO_OK; count++) {
        left = count;
        status = create("node", &directory);
        left = -1;
        CU_ASSERT(status != MAIKO_EPERM && status != MAIKO_ENOTFOUND);
        CU_ASSERT_EQUAL(scratch_count(&scratch, ""), status == MAIKO_OK);
    }
    CU_ASSERT_EQUAL(status, MAIKO_OK);
    CU_ASSERT(count > 3);
    left = 0; /* and it goes without one, too */
    node_directory_remove(space, "node", &directory);
    left = -1;
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 0);
    end();
}

/* By its lock it would look dead to its own process. */
static void a_node_of_this_process_is_not_taken_for_dead(void)
{
    struct node_directory directory;
    struct node_directory other;
    int count;

    begin();
    CU_ASSERT_EQUAL_FATAL(create("node", &directory), MAIKO_OK);
    for (count = 0; count < 8; count++) {
        left = count;
        CU_ASSERT(create("node", &other) == (count < 2 ? MAIKO_ELIMIT : MAIKO_EEXIST));
        left = -1;
        CU_ASSERT(life_lock_is_in_place(directory.life_fd, space, "node"));
    }
    node_directory_remove(space, "node", &directory);
    CU_ASSERT_EQUAL(scratch_count(&scratch, ""), 0);
    end();
}

static const struct test_case cases[] = {
    TEST_CASE(a_node_that_cannot_be_made_leaves_nothing),
    TEST_CASE(a_node_of_this_process_is_not_taken_for_dead),
};
SUITE_MAIN("node_directory", cases)
