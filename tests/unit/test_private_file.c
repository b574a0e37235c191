/* Files of a node's directory, which members of a group may write to, too: what stands in the way is not followed, waited for or
 * written to. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/scratch.h"
#include "lib/suite.h"
#include "space/private_directory.h"

static struct scratch scratch;
static char path[512];
static int directory;

static void open_directory(void)
{
    CU_ASSERT_FATAL(scratch_init(&scratch));
    directory = open(scratch_file(&scratch, ".", path, sizeof(path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_FATAL(directory >= 0);
}

static void close_directory(void)
{
    close(directory);
    scratch_deinit(&scratch);
}

static maiko_status replace(const char *text)
{
    char reason[256];
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    return private_file_replace(directory, "record", text, strlen(text), &error);
}

static bool has(const char *name, const char *text)
{
    char bytes[64] = "";
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes) - 1);

    if (fd >= 0)
        close(fd);
    return len >= 0 && strcmp(bytes, text) == 0;
}

static void a_file_is_replaced_as_a_whole(void)
{
    open_directory();
    CU_ASSERT_EQUAL(replace("the first one"), MAIKO_OK);
    CU_ASSERT_EQUAL(replace("another"), MAIKO_OK);
    CU_ASSERT(has("record", "another"));
    CU_ASSERT(faccessat(directory, ".record.tmp", F_OK, AT_SYMLINK_NOFOLLOW) != 0);
    close_directory();
}

/* Opening it for writing would wait for a reader for ever. */
static void a_fifo_in_its_way_is_removed(void)
{
    open_directory();
    CU_ASSERT_EQUAL_FATAL(mkfifoat(directory, ".record.tmp", 0600), 0);
    CU_ASSERT_EQUAL(replace("text"), MAIKO_OK);
    CU_ASSERT(has("record", "text"));
    close_directory();
}

static void what_links_in_its_way_lead_to_is_left_alone(void)
{
    open_directory();
    CU_ASSERT_EQUAL(replace("of the victim"), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(renameat(directory, "record", directory, "victim"), 0);
    CU_ASSERT_EQUAL_FATAL(linkat(directory, "victim", directory, ".record.tmp", 0), 0);
    CU_ASSERT_EQUAL(replace("hard"), MAIKO_OK);
    CU_ASSERT(has("record", "hard") && has("victim", "of the victim"));
    CU_ASSERT_EQUAL_FATAL(symlinkat("victim", directory, ".record.tmp"), 0);
    CU_ASSERT_EQUAL(replace("soft"), MAIKO_OK);
    CU_ASSERT(has("record", "soft") && has("victim", "of the victim"));
    close_directory();
}

static const struct test_case cases[] = {TEST_CASE(a_file_is_replaced_as_a_whole), TEST_CASE(a_fifo_in_its_way_is_removed),
                                         TEST_CASE(what_links_in_its_way_lead_to_is_left_alone)};
SUITE_MAIN("private_file", cases)
