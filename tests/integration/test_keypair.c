/* Key pairs on disk: made, saved, loaded, and refused when the file or the keys are not right. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <maiko/keypair.h>

#include "lib/suite.h"

static char directory[64];
static char path[96];
static char reason[256];

static void begin(void)
{
    strcpy(directory, "/tmp/maiko-keys-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/key", directory);
    reason[0] = '\0';
}

static void end(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", directory);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void write_file(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
    CU_ASSERT_EQUAL(chmod(path, mode), 0);
}

static maiko_status load(maiko_keypair *keypair)
{
    return maiko_keypair_load(path, keypair, reason, sizeof(reason));
}

static void a_pair_is_saved_and_loaded(void)
{
    maiko_keypair made;
    maiko_keypair loaded;
    struct stat info;
    char public_path[128];

    begin();
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&made), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_keypair_save(&made, path, reason, sizeof(reason)), MAIKO_OK);
    CU_ASSERT_EQUAL(stat(path, &info), 0);
    CU_ASSERT_EQUAL(info.st_mode & 07777, 0600);
    snprintf(public_path, sizeof(public_path), "%s.pub", path);
    CU_ASSERT_EQUAL(stat(public_path, &info), 0);
    CU_ASSERT_EQUAL(load(&loaded), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(made.public_key, loaded.public_key);
    CU_ASSERT_STRING_EQUAL(made.secret_key, loaded.secret_key);
    CU_ASSERT_EQUAL(maiko_keypair_save(&made, path, reason, sizeof(reason)), MAIKO_EEXIST); /* never over an old one */
    end();
}

static void two_pairs_are_never_the_same(void)
{
    maiko_keypair a;
    maiko_keypair b;

    CU_ASSERT_EQUAL(maiko_keypair_generate(&a), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_keypair_generate(&b), MAIKO_OK);
    CU_ASSERT_STRING_NOT_EQUAL(a.secret_key, b.secret_key);
}

static void a_secret_that_others_can_read_is_refused(void)
{
    maiko_keypair made;

    begin();
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&made), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_keypair_save(&made, path, reason, sizeof(reason)), MAIKO_OK);
    CU_ASSERT_EQUAL(chmod(path, 0640), 0);
    CU_ASSERT_EQUAL(load(&made), MAIKO_EPERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "0640"));
    CU_ASSERT_EQUAL(chmod(path, 0600), 0);
    CU_ASSERT_EQUAL(load(&made), MAIKO_OK);
    if (geteuid() == 0) {
        CU_ASSERT_EQUAL(chown(path, 4711, 4711), 0);
        CU_ASSERT_EQUAL(load(&made), MAIKO_EPERM);
        CU_ASSERT_PTR_NOT_NULL(strstr(reason, "4711"));
    }
    end();
}

static void keys_that_do_not_belong_together_are_refused(void)
{
    maiko_keypair a;
    maiko_keypair b;
    maiko_keypair loaded;
    char text[200];

    begin();
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&a), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&b), MAIKO_OK);
    snprintf(text, sizeof(text), "public = %s\nsecret = %s\n", a.public_key, b.secret_key);
    write_file(text, 0600);
    CU_ASSERT_EQUAL(load(&loaded), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "belong together"));
    CU_ASSERT_PTR_NULL(strstr(reason, b.secret_key));
    memcpy(a.secret_key, b.secret_key, sizeof(a.secret_key));
    CU_ASSERT_EQUAL(maiko_keypair_save(&a, path, reason, sizeof(reason)), MAIKO_EINVAL);
    end();
}

static void a_file_that_is_no_key_file_is_refused_with_the_reason(void)
{
    maiko_keypair loaded;
    char text[8192];

    begin();
    CU_ASSERT_EQUAL(load(&loaded), MAIKO_ENOTFOUND);
    write_file("hello\n", 0600);
    CU_ASSERT_EQUAL(load(&loaded), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "line 1"));
    write_file("public = Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\n", 0600);
    CU_ASSERT_EQUAL(load(&loaded), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "no secret key"));
    memset(text, '#', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    write_file(text, 0600);
    CU_ASSERT_EQUAL(load(&loaded), MAIKO_ETOOLONG);
    snprintf(path, sizeof(path), "%s", directory);
    CU_ASSERT_EQUAL(load(&loaded), MAIKO_EPERM); /* a directory */
    CU_ASSERT_EQUAL(maiko_keypair_load(NULL, &loaded, NULL, 0), MAIKO_EINVAL);
    end();
}

/* As secrets are mounted: key -> data -> a directory of this version. */
static void a_link_is_followed_and_its_target_is_checked(void)
{
    maiko_keypair made;
    maiko_keypair loaded;
    char target[128];

    begin();
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&made), MAIKO_OK);
    snprintf(target, sizeof(target), "%s/v1", directory);
    CU_ASSERT_EQUAL(mkdir(target, 0700), 0);
    snprintf(target, sizeof(target), "%s/data", directory);
    CU_ASSERT_EQUAL(symlink("v1", target), 0);
    CU_ASSERT_EQUAL(symlink("data/key", path), 0);
    CU_ASSERT_EQUAL(load(&loaded), MAIKO_ENOTFOUND);
    snprintf(target, sizeof(target), "%s/v1/key", directory);
    CU_ASSERT_EQUAL(maiko_keypair_save(&made, target, reason, sizeof(reason)), MAIKO_OK);
    CU_ASSERT_EQUAL(load(&loaded), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(made.secret_key, loaded.secret_key);
    CU_ASSERT_EQUAL(chmod(target, 0604), 0);
    CU_ASSERT_EQUAL(load(&loaded), MAIKO_EPERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "0604"));
    CU_ASSERT_EQUAL(unlink(target), 0);
    CU_ASSERT_EQUAL(mkfifo(target, 0600), 0); /* nobody waits for a writer */
    CU_ASSERT_EQUAL(load(&loaded), MAIKO_EPERM);
    CU_ASSERT_EQUAL(unlink(target), 0);
    CU_ASSERT_EQUAL(symlink("/dev/tty", target), 0);
    CU_ASSERT_NOT_EQUAL(load(&loaded), MAIKO_OK);
    end();
}

/* How a service is given its secret that does not run as root. */
static void a_secret_of_roots_may_be_open_to_a_group(void)
{
    maiko_keypair made;

    begin();
    if (geteuid() == 0) {
        CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&made), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_keypair_save(&made, path, reason, sizeof(reason)), MAIKO_OK);
        CU_ASSERT(chmod(directory, 0755) == 0 && chmod(path, 0440) == 0 && chown(path, 0, 4711) == 0);
        CU_ASSERT_EQUAL(load(&made), MAIKO_EPERM); /* its own it can close */
        CU_ASSERT_FATAL(setegid(4711) == 0 && seteuid(4711) == 0);
        CU_ASSERT_EQUAL(load(&made), MAIKO_OK);
        CU_ASSERT_FATAL(seteuid(0) == 0 && setegid(0) == 0);
        CU_ASSERT_EQUAL(chmod(path, 0460), 0);
        CU_ASSERT_FATAL(setegid(4711) == 0 && seteuid(4711) == 0);
        CU_ASSERT_EQUAL(load(&made), MAIKO_EPERM);
        CU_ASSERT_FATAL(seteuid(0) == 0 && setegid(0) == 0);
    }
    end();
}

static const struct test_case cases[] = {
    TEST_CASE(a_pair_is_saved_and_loaded),
    TEST_CASE(two_pairs_are_never_the_same),
    TEST_CASE(a_secret_that_others_can_read_is_refused),
    TEST_CASE(keys_that_do_not_belong_together_are_refused),
    TEST_CASE(a_file_that_is_no_key_file_is_refused_with_the_reason),
    TEST_CASE(a_link_is_followed_and_its_target_is_checked),
    TEST_CASE(a_secret_of_roots_may_be_open_to_a_group),
};

SUITE_MAIN("keypair", cases)
