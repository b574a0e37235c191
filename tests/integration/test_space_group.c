/* A space that the members of a group share: each is another user here. */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/bridge_end.h"
#include "lib/scratch.h"
#include "lib/suite.h"
#include "space/control.h"
#include "space/group.h"

enum { EVENTS = 500, GROUP = 4700, SUBSCRIBER = 4711, PUBLISHER = 4712, STRANGER = 4713, KNOWN_GROUP = 1 };

#define GROUP_NAME "4700"
#define DIRECTORY_VARIABLE "GROUP_DIRECTORY"

static struct scratch directory;

/* ---- the members: processes of their own ---- */

/* The group is one of several. */
static bool become(uid_t user, bool is_member)
{
    const gid_t groups[] = {(gid_t)user, GROUP, KNOWN_GROUP};

    return setgroups(is_member ? 3 : 1, groups) == 0 && setresgid((gid_t)user, (gid_t)user, (gid_t)user) == 0 &&
           setresuid(user, user, user) == 0;
}

static maiko_bridge_config config_of(unsigned long transport)
{
    return (maiko_bridge_config){
        .transport = (maiko_transport)transport, .runtime_dir = getenv(DIRECTORY_VARIABLE), .space_group = GROUP_NAME};
}

static int subscribe(unsigned long transport)
{
    maiko_bridge_config config = config_of(transport);
    struct bridge_end end;

    if (!become(SUBSCRIBER, true))
        return 77;
    bridge_end_make(&end, "subscriber", &config, "count/up");
    if (bridge_end_import(&end, "count/up", MAIKO_FROM_LIVE) != MAIKO_OK || bridge_end_start(&end) != MAIKO_OK)
        return 9;
    if (!wait_until(end.received == EVENTS, 60000) || end.not_rising + end.holes > 0)
        return 8;
    printf(".");
    fflush(stdout);
    for (;;)
        pause();
}

/* Ends well when the subscriber has died and all that was its is gone. */
static int publish(unsigned long transport)
{
    maiko_bridge_config config = config_of(transport);
    struct bridge_end end;
    char path[512];
    uint64_t i;

    if (!become(PUBLISHER, true))
        return 77;
    snprintf(path, sizeof(path), "%s/maiko/bridge/subscriber", getenv(DIRECTORY_VARIABLE));
    bridge_end_make(&end, "publisher", &config, NULL);
    if (bridge_end_export(&end, "count/#", NULL) != MAIKO_OK || bridge_end_start(&end) != MAIKO_OK)
        return 9;
    if (maiko_bridge_wait_ready(end.bridge, "count/up", 1, MAIKO_SECONDS(60)) != MAIKO_OK || access(path, F_OK) != 0)
        return 8;
    for (i = 1; i <= EVENTS; i++)
        if (bridge_end_publish(&end, i) != MAIKO_OK)
            return 7;
    if (!wait_until(bridge_end_counters(&end).acknowledged == EVENTS, 60000))
        return 6;
    printf(".");
    fflush(stdout);
    if (!wait_until(bridge_end_counters(&end).peers == 0, 60000) ||
        !wait_until(access(path, F_OK) != 0 && errno == ENOENT, 60000))
        return 5;
    bridge_end_stop(&end);
    return 0;
}

/* Says why not. */
static int try(unsigned long is_member)
{
    maiko_bridge_config config = config_of(MAIKO_TRANSPORT_AUTO);
    struct bridge_end end;
    maiko_status status;

    if (!become(STRANGER, is_member == 1 || is_member == 3))
        return 77;
    if (is_member == 2)
        config.space_group = "no group of this name";
    if (is_member == 3)
        config.space_group = "1";
    bridge_end_make(&end, "stranger", &config, NULL);
    status = bridge_end_start(&end);
    printf("%s: %s", maiko_status_name(status), maiko_bridge_error_text(end.bridge));
    bridge_end_stop(&end);
    return 0;
}

/* ---- the cases ---- */

static bool set_up(mode_t mode)
{
    char path[512];

    if (geteuid() != 0) {
        suite_skip("needs root to become other users");
        return false;
    }
    scratch_init(&directory);
    CU_ASSERT_EQUAL(chmod(directory.path, 0711), 0);
    snprintf(path, sizeof(path), "%.400s/shared", directory.path);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL(chown(path, 0, GROUP), 0);
    CU_ASSERT_EQUAL(chmod(path, mode), 0);
    setenv(DIRECTORY_VARIABLE, path, 1);
    return true;
}

static void tear_down(void)
{
    scratch_deinit(&directory);
}

static void link_by(maiko_transport transport)
{
    struct child subscriber;
    struct child publisher;
    char byte;

    if (!set_up(02770))
        return;
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&subscriber, "--subscribe", transport));
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&publisher, "--publish", transport));
    CU_ASSERT_EQUAL(read(subscriber.output_fd, &byte, 1), 1); /* all has come */
    CU_ASSERT_EQUAL(read(publisher.output_fd, &byte, 1), 1);  /* and been acknowledged */
    child_signal(&subscriber, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&subscriber, 60000), 128 + SIGKILL);
    CU_ASSERT_EQUAL(child_end(&publisher, 120000), 0);
    tear_down();
}

static void members_of_a_group_share_memory(void)
{
    link_by(MAIKO_TRANSPORT_SHM);
}

static void members_of_a_group_have_zeromq_links(void)
{
    link_by(MAIKO_TRANSPORT_ZMQ);
}

static void expect_refusal(unsigned long is_member, mode_t mode, const char *begin, const char *word)
{
    struct child child;
    char said[1024];

    if (!set_up(mode))
        return;
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--try", is_member));
    (void)child_read_output(&child, said, sizeof(said));
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    if (strncmp(said, begin, strlen(begin)) != 0 || strstr(said, word) == NULL)
        SUITE_FAIL("\"%s\" does not say \"%s\" and \"%s\"", said, begin, word);
    tear_down();
}

static void who_is_no_member_is_told(void)
{
    expect_refusal(0, 02770, "MAIKO_EPERM", "user 4713 is no member of group \"4700\"");
    expect_refusal(2, 02770, "MAIKO_ENOTFOUND", "there is no group \"no group of this name\"");
}

static void make_open(void)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/maiko", getenv(DIRECTORY_VARIABLE));
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL(chown(path, 0, GROUP), 0);
    CU_ASSERT_EQUAL(chmod(path, 02775), 0);
}

static void a_directory_that_others_reach_is_refused(void)
{
    struct child child;
    char said[1024];

    if (!set_up(02770))
        return;
    make_open();
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--try", 1));
    (void)child_read_output(&child, said, sizeof(said));
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    CU_ASSERT(strncmp(said, "MAIKO_EPERM", 11) == 0 && strstr(said, "is not a directory of group 4700 alone") != NULL);
    tear_down();
}

/* A directory of a group that the database knows, and its owner, who may have been a member once. */
static void expect_owner(uid_t owner, const char *begin, const char *word)
{
    char path[512];
    char said[1024];
    struct child child;

    if (!set_up(02770))
        return;
    snprintf(path, sizeof(path), "%s/maiko", getenv(DIRECTORY_VARIABLE));
    CU_ASSERT_EQUAL(chmod(getenv(DIRECTORY_VARIABLE), 0711), 0);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL(chown(path, owner, KNOWN_GROUP), 0);
    CU_ASSERT_EQUAL(chmod(path, 02770), 0);
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--try", 3));
    (void)child_read_output(&child, said, sizeof(said));
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    if (strncmp(said, begin, strlen(begin)) != 0 || strstr(said, word) == NULL)
        SUITE_FAIL("\"%s\" does not say \"%s\" and \"%s\"", said, begin, word);
    tear_down();
}

static void a_directory_of_somebody_who_has_left_the_group_is_refused(void)
{
    struct passwd *member = getpwuid(KNOWN_GROUP); /* of the same number and name: daemon */
    struct passwd *other = getpwnam("nobody");

    if (member == NULL || member->pw_gid != KNOWN_GROUP || other == NULL) {
        suite_skip("needs the users daemon and nobody");
        return;
    }
    expect_owner(other->pw_uid, "MAIKO_EPERM", "who is no member of group 1: that user, or root");
    expect_owner(member->pw_uid, "MAIKO_OK", "");
    expect_owner(0, "MAIKO_OK", "");
    expect_owner(STRANGER + 1, "MAIKO_OK", ""); /* only processes have it: the database says nothing */
}

/* ---- who is let in, wherever the directory is ---- */

static int connect_as(void *userdata)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = userdata;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    char byte;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path + 1);
    if (!become(STRANGER, path[0] == 'm') || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return errno;
    return (int)recv(fd, &byte, 1, 0) == 0 ? 0 : 99; /* closed without a greeting */
}

/* `path`: with a letter in front, m of a member. */
static void expect_visitor(int listen_fd, char *path, maiko_status expected)
{
    struct pollfd waiting = {.fd = listen_fd, .events = POLLIN};
    char reason[200];
    struct child child;
    struct text error;
    int fd = -1;

    text_init_buffer(&error, reason, sizeof(reason));
    CU_ASSERT_TRUE_FATAL(child_start(&child, connect_as, path));
    CU_ASSERT_EQUAL(poll(&waiting, 1, 60000), 1);
    CU_ASSERT_EQUAL(group_has_process(GROUP, STRANGER, child.pid), expected == MAIKO_OK);
    CU_ASSERT_FALSE(group_has_process(GROUP, STRANGER + 1, child.pid));
    CU_ASSERT_EQUAL(control_accept(listen_fd, GROUP, &fd, &error), expected);
    if (expected != MAIKO_OK)
        CU_ASSERT_PTR_NOT_NULL(strstr(reason, "control connection of user 4713 "));
    if (fd >= 0)
        close(fd);
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
}

static void only_members_are_let_in(void)
{
    char path[128];
    char reason[200];
    struct text error;
    int listen_fd = -1;

    if (!set_up(02770))
        return;
    text_init_buffer(&error, reason, sizeof(reason));
    CU_ASSERT_EQUAL(chmod(getenv(DIRECTORY_VARIABLE), 0711), 0);
    snprintf(path, sizeof(path), "m%s/control", getenv(DIRECTORY_VARIABLE));
    CU_ASSERT_EQUAL_FATAL(control_listen(path + 1, GROUP, &listen_fd, &error), MAIKO_OK);
    CU_ASSERT_EQUAL(chmod(path + 1, 0666), 0);
    expect_visitor(listen_fd, path, MAIKO_OK);
    path[0] = 's';
    expect_visitor(listen_fd, path, MAIKO_EPERM);
    close(listen_fd);
    tear_down();
}

static const struct test_case cases[] = {
    TEST_CASE(members_of_a_group_share_memory), TEST_CASE(members_of_a_group_have_zeromq_links),
    TEST_CASE(who_is_no_member_is_told),        TEST_CASE(a_directory_that_others_reach_is_refused),
    TEST_CASE(only_members_are_let_in),         TEST_CASE(a_directory_of_somebody_who_has_left_the_group_is_refused),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "space_group", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 2 && strcmp(argv[1], "--subscribe") == 0)
        return subscribe(strtoul(argv[2], NULL, 10));
    if (argc > 2 && strcmp(argv[1], "--publish") == 0)
        return publish(strtoul(argv[2], NULL, 10));
    if (argc > 2 && strcmp(argv[1], "--try") == 0)
        return try(strtoul(argv[2], NULL, 10));
    return suite_main(argc, argv, &suite);
}
