/* Names, paths, greetings of a space: the pure part. */
#include <stdio.h>
#include <string.h>

#include "lib/suite.h"
#include "space/greeting.h"
#include "space/path.h"

static char reason[512];
static struct text error;

static struct text *fresh_error(void)
{
    text_init_buffer(&error, reason, sizeof(reason));
    return &error;
}

static void names_are_short_text_that_is_safe_in_a_path(void)
{
    char name[SPACE_NAME_MAX + 2];

    CU_ASSERT(space_name_is_valid("wx"));
    CU_ASSERT(space_name_is_valid("погода 1"));
    CU_ASSERT_FALSE(space_name_is_valid(NULL));
    CU_ASSERT_FALSE(space_name_is_valid(""));
    CU_ASSERT_FALSE(space_name_is_valid(".."));
    CU_ASSERT_FALSE(space_name_is_valid(".new-1"));
    CU_ASSERT_FALSE(space_name_is_valid("-x"));
    CU_ASSERT_FALSE(space_name_is_valid("a/b"));
    CU_ASSERT_FALSE(space_name_is_valid("a\nb"));
    CU_ASSERT_FALSE(space_name_is_valid("a\xff"));
    memset(name, 'n', sizeof(name));
    name[SPACE_NAME_MAX] = '\0';
    CU_ASSERT(space_name_is_valid(name));
    name[SPACE_NAME_MAX] = 'n';
    name[SPACE_NAME_MAX + 1] = '\0';
    CU_ASSERT_FALSE(space_name_is_valid(name));
}

static void the_base_falls_back_to_tmp_when_the_runtime_directory_is_unset_or_relative(void)
{
    char path[SPACE_PATH_MAX];

    CU_ASSERT_EQUAL(space_base_path("/run/user/7", 7, path, fresh_error()), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(path, "/run/user/7/maiko");
    CU_ASSERT_EQUAL(space_base_path(NULL, 7, path, fresh_error()), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(path, "/tmp/maiko-7");
    CU_ASSERT_EQUAL(space_base_path("", 7, path, fresh_error()), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(path, "/tmp/maiko-7");
    CU_ASSERT_EQUAL(space_base_path("run/user/7", 7, path, fresh_error()), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(path, "/tmp/maiko-7");
}

static void the_base_of_a_group_is_no_users_own(void)
{
    char path[SPACE_PATH_MAX];

    CU_ASSERT_EQUAL(space_group_base_path("/run/robots", 7, path, fresh_error()), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(path, "/run/robots/maiko");
    CU_ASSERT_EQUAL(space_group_base_path("", 7, path, fresh_error()), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(path, "/tmp/maiko-group-7");
}

static void a_path_that_is_too_long_for_a_socket_becomes_a_hash(void)
{
    char base[80];
    char path[SPACE_SOCKET_PATH_MAX];
    char again[SPACE_SOCKET_PATH_MAX];
    char other[SPACE_SOCKET_PATH_MAX];

    CU_ASSERT_EQUAL(space_socket_path("/r/maiko", "s", "n", "link", path, fresh_error()), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(path, "/r/maiko/s/n/link");
    CU_ASSERT_FALSE(space_socket_path_is_short("/r/maiko", path));

    memset(base, 'b', sizeof(base));
    base[0] = '/';
    base[70] = '\0';
    CU_ASSERT_EQUAL(space_socket_path(base, "a space with a long name", "a node with a long name", "link", path, fresh_error()),
                    MAIKO_OK);
    CU_ASSERT(space_socket_path_is_short(base, path));
    CU_ASSERT_EQUAL(space_socket_path(base, "a space with a long name", "a node with a long name", "link", again, fresh_error()),
                    MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(path, again);
    CU_ASSERT_EQUAL(space_socket_path(base, "a space with a long namea", " node with a long name", "link", other, fresh_error()),
                    MAIKO_OK);
    CU_ASSERT_STRING_NOT_EQUAL(path, other);
}

static void a_base_that_is_too_long_for_any_socket_is_a_clear_error(void)
{
    char base[SPACE_SOCKET_PATH_MAX];
    char path[SPACE_SOCKET_PATH_MAX];

    memset(base, 'b', sizeof(base));
    base[0] = '/';
    base[SPACE_SOCKET_PATH_MAX - 10] = '\0';
    CU_ASSERT_EQUAL(space_socket_path(base, "s", "a node name that is rather long", "link", path, fresh_error()), MAIKO_ETOOLONG);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "shorter XDG_RUNTIME_DIR"));
}

static void a_greeting_comes_back_as_it_was_sent(void)
{
    struct greeting sent = {.version = GREETING_VERSION, .epoch = UINT64_C(0x0123456789abcdef), .name = "näme"};
    struct greeting got;
    unsigned char bytes[GREETING_SIZE];

    greeting_encode(&sent, bytes);
    CU_ASSERT_EQUAL(greeting_decode(bytes, sizeof(bytes), &got), MAIKO_OK);
    CU_ASSERT_EQUAL(got.version, sent.version);
    CU_ASSERT_EQUAL(got.epoch, sent.epoch);
    CU_ASSERT_STRING_EQUAL(got.name, "näme");
}

static void a_greeting_that_is_cut_or_spoilt_is_refused(void)
{
    struct greeting sent = {.version = GREETING_VERSION, .epoch = 1, .name = "n"};
    struct greeting got;
    unsigned char bytes[GREETING_SIZE];

    greeting_encode(&sent, bytes);
    CU_ASSERT_EQUAL(greeting_decode(bytes, sizeof(bytes) - 1, &got), MAIKO_EPROTOCOL);
    bytes[0] ^= 1;
    CU_ASSERT_EQUAL(greeting_decode(bytes, sizeof(bytes), &got), MAIKO_EPROTOCOL);
    bytes[0] ^= 1;
    bytes[6] = 255; /* length of the name */
    CU_ASSERT_EQUAL(greeting_decode(bytes, sizeof(bytes), &got), MAIKO_EPROTOCOL);
    bytes[6] = 2; /* a NUL inside */
    CU_ASSERT_EQUAL(greeting_decode(bytes, sizeof(bytes), &got), MAIKO_EPROTOCOL);
    bytes[6] = 1;
    bytes[16] = '/';
    CU_ASSERT_EQUAL(greeting_decode(bytes, sizeof(bytes), &got), MAIKO_EPROTOCOL);
    bytes[16] = 'n';
    CU_ASSERT_EQUAL(greeting_decode(bytes, sizeof(bytes), &got), MAIKO_OK);
}

static const struct test_case cases[] = {
    TEST_CASE(names_are_short_text_that_is_safe_in_a_path),
    TEST_CASE(the_base_falls_back_to_tmp_when_the_runtime_directory_is_unset_or_relative),
    TEST_CASE(the_base_of_a_group_is_no_users_own),
    TEST_CASE(a_path_that_is_too_long_for_a_socket_becomes_a_hash),
    TEST_CASE(a_base_that_is_too_long_for_any_socket_is_a_clear_error),
    TEST_CASE(a_greeting_comes_back_as_it_was_sent),
    TEST_CASE(a_greeting_that_is_cut_or_spoilt_is_refused),
};

SUITE_MAIN("space_path", cases)
