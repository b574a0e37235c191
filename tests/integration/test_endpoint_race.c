/* Two processes that come for the path of one ipc endpoint at one time, where a dead one has left its socket: one gets it, and
 * the other is told so; nobody's live socket is taken away, neither at a start nor at an end. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>

#include "lib/child.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "space/control.h"
#include "space/socket_lock.h"

enum { ROUNDS = 300, RACERS = 2 };

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

static int hold_the_lock(void *userdata)
{
    struct socket_lock lock;
    char reason[256];
    struct text error;

    (void)userdata;
    text_init_buffer(&error, reason, sizeof(reason));
    if (socket_lock_take(&lock, path, &error) != MAIKO_OK)
        return 1;
    puts("held");
    fflush(stdout);
    for (;;)
        pause();
}

/* Whoever is at it is not waited for, and one that died at it is in nobody's way. */
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

static const struct test_case cases[] = {
    TEST_CASE(one_of_two_gets_the_path),
    TEST_CASE(a_lock_of_the_dead_holds_nobody_up),
};
SUITE_MAIN("endpoint_race", cases)
