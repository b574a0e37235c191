/* Two processes that come for the path of one ipc endpoint at one time, where a dead one has left its socket: one gets it, and
 * the other is told so; nobody's live socket is taken away, neither at a start nor at an end.  Who starts while the one before
 * ends gets the path when it is free. */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>

#include "lib/child.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "space/control.h"
#include "space/socket_lock.h"

enum { ROUNDS = 300, TURNS = 100, RACERS = 2, GROUP = 4700, ONE_MEMBER = 4711, ANOTHER_MEMBER = 4712 };

static struct host host;
static char path[700];
static char endpoint[720];

/* Of all processes. */
struct race {
    pthread_barrier_t barrier;
    _Atomic int owners;   /* in this round */
    _Atomic int refusals; /* with the right error, over all rounds */
    _Atomic int bad_rounds;
};

static struct race *race;

static void begin(void)
{
    pthread_barrierattr_t shared;

    host_init(&host);
    snprintf(path, sizeof(path), "%s/socket", host.scratch.path);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
    race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_FATAL(race != MAP_FAILED);
    CU_ASSERT_EQUAL(pthread_barrierattr_init(&shared), 0);
    CU_ASSERT_EQUAL(pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED), 0);
    CU_ASSERT_EQUAL(pthread_barrier_init(&race->barrier, &shared, RACERS), 0);
    CU_ASSERT_EQUAL(pthread_barrierattr_destroy(&shared), 0);
}

static void end(void)
{
    CU_ASSERT_EQUAL(munmap(race, sizeof(*race)), 0);
    host_deinit(&host);
}

/* What a process leaves behind that was killed. */
static bool leave_a_stale_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there;

    if (strlen(path) < sizeof(address.sun_path))
        memcpy(address.sun_path, path, strlen(path) + 1);
    is_there = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return is_there;
}

static void make(maiko_supervisor **ret_sup, maiko_bridge **ret_bridge)
{
    *ret_sup = maiko_supervisor_new(NULL);
    *ret_bridge = maiko_bridge_new(*ret_sup, NULL);
    (void)maiko_bridge_listen(*ret_bridge, endpoint);
}

static void stop(maiko_supervisor *sup, maiko_bridge *bridge)
{
    (void)maiko_bridge_stop(&bridge);
    (void)maiko_supervisor_stop(&sup, NULL);
}

/* The first racer looks after the path, between the rounds and when all have tried. */
static int run_races(bool is_first)
{
    int round;

    for (round = 0; round < ROUNDS; round++) {
        maiko_bridge *bridge;
        maiko_supervisor *sup;
        maiko_status status;

        if (is_first) {
            race->owners = 0;
            race->bad_rounds += !leave_a_stale_socket();
        }
        make(&sup, &bridge);
        pthread_barrier_wait(&race->barrier);
        status = maiko_bridge_start(bridge);
        race->owners += status == MAIKO_OK;
        race->refusals += status == MAIKO_EEXIST;
        pthread_barrier_wait(&race->barrier);
        if (is_first)
            race->bad_rounds += race->owners != 1 || socket_path_life(path, SOCK_STREAM) != SOCKET_LIVE;
        pthread_barrier_wait(&race->barrier);
        stop(sup, bridge);
        pthread_barrier_wait(&race->barrier);
        if (is_first)
            race->bad_rounds += socket_path_life(path, SOCK_STREAM) != SOCKET_ABSENT;
    }
    return 0;
}

static int race_in_a_child(void *userdata)
{
    (void)userdata;
    return run_races(false);
}

static int race_in_another(void *userdata)
{
    (void)userdata;
    return run_races(true);
}

static void one_of_two_gets_the_path(void)
{
    struct child first;
    struct child second;

    begin();
    CU_ASSERT_TRUE_FATAL(child_start(&first, race_in_another, NULL));
    CU_ASSERT_TRUE_FATAL(child_start(&second, race_in_a_child, NULL));
    CU_ASSERT_EQUAL(child_end(&first, 60000), 0);
    CU_ASSERT_EQUAL(child_end(&second, 60000), 0);
    CU_ASSERT_EQUAL(race->bad_rounds, 0);
    CU_ASSERT_EQUAL(race->refusals, ROUNDS);
    end();
}

/* ---- one starts while the other ends ---- */

/* As often as somebody still listens there; any other refusal is a bad one. */
static void start_in_the_end(maiko_supervisor **ret_sup, maiko_bridge **ret_bridge)
{
    for (;;) {
        maiko_status status;
        const char *text;

        make(ret_sup, ret_bridge);
        status = maiko_bridge_start(*ret_bridge);
        text = maiko_bridge_error_text(*ret_bridge);
        if (status == MAIKO_OK)
            return;
        if (status != MAIKO_EEXIST || strstr(text, "somebody listens at") == NULL) {
            race->bad_rounds++;
            puts(text);
            fflush(stdout);
        }
        stop(*ret_sup, *ret_bridge);
    }
}

static int take_turns(bool is_mine)
{
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    int turn;

    if (is_mine)
        start_in_the_end(&sup, &bridge);
    for (turn = 0; turn < TURNS; turn++) {
        pthread_barrier_wait(&race->barrier);
        if (is_mine)
            stop(sup, bridge);
        else
            start_in_the_end(&sup, &bridge);
        pthread_barrier_wait(&race->barrier);
        is_mine = !is_mine;
        if (is_mine)
            race->bad_rounds += socket_path_life(path, SOCK_STREAM) != SOCKET_LIVE;
    }
    if (is_mine)
        stop(sup, bridge);
    return 0;
}

static int begin_without(void *userdata)
{
    (void)userdata;
    return take_turns(false);
}

static int begin_with(void *userdata)
{
    (void)userdata;
    return take_turns(true);
}

static void who_starts_when_another_ends_gets_the_path(void)
{
    struct child first;
    struct child second;
    char said[1024];

    begin();
    CU_ASSERT_TRUE_FATAL(child_start(&first, begin_with, NULL));
    CU_ASSERT_TRUE_FATAL(child_start(&second, begin_without, NULL));
    if (child_read_output(&first, said, sizeof(said)) + child_read_output(&second, said, sizeof(said)) > 0)
        SUITE_FAIL("%s", said);
    CU_ASSERT_EQUAL(child_end(&first, 60000), 0);
    CU_ASSERT_EQUAL(child_end(&second, 60000), 0);
    CU_ASSERT_EQUAL(race->bad_rounds, 0);
    CU_ASSERT_EQUAL(socket_path_life(path, SOCK_STREAM), SOCKET_ABSENT);
    end();
}

/* ---- the lock ---- */

/* One of several groups; with none it stays who it is. */
static bool become(const uid_t *user)
{
    const gid_t groups[] = {GROUP};

    return user == NULL ||
           (setgroups(1, groups) == 0 && setresgid(*user, *user, *user) == 0 && setresuid(*user, *user, *user) == 0);
}

static int hold_the_lock(void *userdata)
{
    struct socket_lock lock;
    char reason[256];
    struct text error;

    if (!become(userdata))
        return 2;
    text_init_buffer(&error, reason, sizeof(reason));
    if (socket_lock_take(&lock, path, 0, &error) != MAIKO_OK)
        return 1;
    puts("held");
    fflush(stdout);
    for (;;)
        pause();
}

/* Whoever is at it is not waited for for long, and one that died at it is in nobody's way. */
static void a_lock_of_the_dead_holds_nobody_up(void)
{
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    char word[8] = "";
    struct child child;

    begin();
    CU_ASSERT_TRUE_FATAL(child_start(&child, hold_the_lock, NULL));
    CU_ASSERT_EQUAL_FATAL(read(child.output_fd, word, 5), 5);
    make(&sup, &bridge);
    CU_ASSERT_EQUAL(maiko_bridge_start(bridge), MAIKO_EEXIST);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_bridge_error_text(bridge), "somebody else is taking it just now"));
    stop(sup, bridge);
    child_signal(&child, 9);
    CU_ASSERT_EQUAL(child_end(&child, 60000), 128 + 9);
    make(&sup, &bridge);
    CU_ASSERT_EQUAL(maiko_bridge_start(bridge), MAIKO_OK);
    strcat(path, ".maiko-lock");
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    stop(sup, bridge);
    end();
}

static int take_the_lock(void *userdata)
{
    struct socket_lock lock;
    char reason[256];
    struct text error;
    maiko_status status;

    text_init_buffer(&error, reason, sizeof(reason));
    if (!become(userdata))
        return 2;
    status = socket_lock_take(&lock, path, 0, &error);
    if (status != MAIKO_OK)
        puts(reason);
    else
        socket_lock_release(&lock);
    fflush(stdout);
    return status == MAIKO_OK ? 0 : 1;
}

static void take_after_a_death(mode_t mode, gid_t group)
{
    uid_t one = ONE_MEMBER;
    uid_t another = ANOTHER_MEMBER;
    struct child child;
    char said[512] = "";

    begin();
    CU_ASSERT_EQUAL(chown(host.scratch.path, 0, group), 0);
    CU_ASSERT_EQUAL(chmod(host.scratch.path, mode), 0);
    CU_ASSERT_TRUE_FATAL(child_start(&child, hold_the_lock, &one));
    CU_ASSERT_EQUAL_FATAL(read(child.output_fd, said, 5), 5);
    child_signal(&child, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&child, 60000), 128 + SIGKILL);
    CU_ASSERT_TRUE_FATAL(child_start(&child, take_the_lock, &another));
    (void)child_read_output(&child, said, sizeof(said));
    if (child_end(&child, 60000) != 0)
        SUITE_FAIL("mode %o: %s", (unsigned)mode, said);
    end();
}

static void who_died_keeps_no_other_user_out(void)
{
    if (geteuid() != 0) {
        suite_skip("needs root to become other users");
        return;
    }
    take_after_a_death(02770, GROUP);
    take_after_a_death(0770, GROUP);
    take_after_a_death(01777, 0);
}

static bool is_waiting(void)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    bool is_there = false;
    char target[64];

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        ssize_t len = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);

        target[len < 0 ? 0 : len] = '\0';
        is_there = is_there || strstr(target, "inotify") != NULL;
    }
    closedir(directory);
    return is_there;
}

static void *wait_for_the_lock(void *userdata)
{
    struct socket_lock lock;
    char reason[256];
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    if (socket_lock_take(&lock, path, UINT64_MAX, &error) != MAIKO_OK)
        return NULL;
    socket_lock_release(&lock);
    return userdata;
}

static void the_lock_is_waited_for(void)
{
    struct child child;
    pthread_t thread;
    void *result;
    char word[8];

    begin();
    CU_ASSERT_TRUE_FATAL(child_start(&child, hold_the_lock, NULL));
    CU_ASSERT_EQUAL_FATAL(read(child.output_fd, word, 5), 5);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, wait_for_the_lock, word), 0);
    CU_ASSERT(wait_until(is_waiting(), 60000));
    child_signal(&child, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&child, 60000), 128 + SIGKILL);
    CU_ASSERT_EQUAL(pthread_join(thread, &result), 0);
    CU_ASSERT_PTR_EQUAL(result, word);
    end();
}

static const struct test_case cases[] = {
    TEST_CASE(one_of_two_gets_the_path),
    TEST_CASE(who_starts_when_another_ends_gets_the_path),
    TEST_CASE(a_lock_of_the_dead_holds_nobody_up),
    TEST_CASE(who_died_keeps_no_other_user_out),
    TEST_CASE(the_lock_is_waited_for),
};
SUITE_MAIN("endpoint_race", cases)
