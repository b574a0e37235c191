/* A space with real processes: arrivals, departures, deaths, forks, name collisions, permissions, leftovers. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/space_wait.h"
#include "lib/suite.h"
#include "space/control.h"
#include "space/node_directory.h"
#include "space/path.h"
#include "space/place.h"
#include "space/private_directory.h"
#include "space/space.h"

/* ---- what a node under test has seen ---- */

struct seen {
    unsigned arrived;
    unsigned changed;
    unsigned left[3]; /* by departure */
    uint64_t last_epoch;
    char last_actor[64];
    char warning[256];
    struct space *announced; /* when the next one leaves; NULL: none */
};

static void on_arrived(const struct node_record *node, void *userdata)
{
    ((struct seen *)userdata)->arrived++;
    ((struct seen *)userdata)->last_epoch = node->epoch;
}

static void on_changed(const struct node_record *node, void *userdata)
{
    struct seen *seen = userdata;

    seen->changed++;
    seen->last_epoch = node->epoch;
    if (node->actors.count > 0)
        snprintf(seen->last_actor, sizeof(seen->last_actor), "%s", node->actors.items[node->actors.count - 1]);
}

static void on_left(const struct node_record *node, enum space_departure departure, void *userdata)
{
    struct seen *seen = userdata;
    struct text error;

    seen->left[departure]++;
    if (seen->announced == NULL)
        return;
    text_init_buffer(&error, seen->warning, sizeof(seen->warning));
    CU_ASSERT_EQUAL(space_announce(seen->announced, &error), MAIKO_OK);
    seen->announced = NULL;
}

static void on_warning(const char *text, void *userdata)
{
    snprintf(((struct seen *)userdata)->warning, sizeof(((struct seen *)userdata)->warning), "%s", text);
}

static char reason[512];

static maiko_status join_unannounced(const char *runtime_dir, const char *node, struct seen *seen, struct space **ret_space)
{
    struct space_config config = {
        .heap = heap_default(),
        .runtime_dir = runtime_dir,
        .space = "test",
        .node = node,
        .hooks = {
            .node_arrived = on_arrived, .node_changed = on_changed, .node_left = on_left, .warn = on_warning, .userdata = seen}};
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    return space_join(&config, ret_space, &error);
}

static maiko_status join(const char *runtime_dir, const char *node, struct seen *seen, struct space **ret_space)
{
    maiko_status status = join_unannounced(runtime_dir, node, seen, ret_space);
    struct text error;

    if (status != MAIKO_OK)
        return status; /* `reason` says why */
    text_init_buffer(&error, reason, sizeof(reason));
    return space_announce(*ret_space, &error);
}

/* ---- a directory for every case ---- */

static char runtime_dir[64];

static void make_runtime_dir(void)
{
    strcpy(runtime_dir, "/tmp/maiko-test-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(runtime_dir));
}

static void remove_runtime_dir(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", runtime_dir);
    CU_ASSERT_EQUAL(system(command), 0);
}

static unsigned entries_of_space(void)
{
    char command[256];
    unsigned count = 0;
    FILE *lines;

    snprintf(command, sizeof(command), "ls -A %s/maiko/test | wc -l", runtime_dir);
    lines = popen(command, "r");
    CU_ASSERT_EQUAL(fscanf(lines, "%u", &count), 1);
    pclose(lines);
    return count;
}

/* ---- nodes in other processes ---- */

struct other {
    const char *node;
    bool fork_holds;   /* a grandchild keeps all descriptors open and outlives the node */
    int pid_of_holder; /* pipe to send the grandchild's pid */
    uint64_t epoch;    /* 0: by the clock */
};

/* Joins and lives until it is told to end by SIGTERM (clean) or killed. */
static volatile sig_atomic_t is_told_to_end;

static void tell_to_end(int signal_number)
{
    is_told_to_end = 1;
}

static int live(void *userdata)
{
    struct other *other = userdata;
    struct seen seen = {0};
    struct space *space;

    is_told_to_end = 0;
    signal(SIGTERM, tell_to_end);
    if (join(runtime_dir, other->node, &seen, &space) != MAIKO_OK) {
        fprintf(stderr, "%s\n", reason);
        return 9;
    }
    if (other->epoch != 0) {
        struct text error;

        text_init_buffer(&error, reason, sizeof(reason));
        space_record(space)->epoch = other->epoch;
        if (space_announce(space, &error) != MAIKO_OK)
            return 7;
    }
    if (other->fork_holds) {
        pid_t pid = fork();

        if (pid == 0)
            for (;;)
                pause();
        if (write(other->pid_of_holder, &pid, sizeof(pid)) != sizeof(pid))
            return 8;
    }
    while (!is_told_to_end)
        space_turn(space);
    space_leave(space);
    return 0;
}

/* ---- cases ---- */

static void nodes_see_each_other_arrive_change_and_leave(void)
{
    struct seen north_seen = {0};
    struct seen south_seen = {0};
    struct space *north;
    struct space *south;
    struct text error;

    make_runtime_dir();
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "north", &north_seen, &north), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "south", &south_seen, &south), MAIKO_OK);
    CU_ASSERT_EQUAL(south_seen.arrived, 1); /* was there before: known when join returns */
    CU_ASSERT(wait_for(north, north_seen.arrived == 1));

    text_init_buffer(&error, reason, sizeof(reason));
    CU_ASSERT_EQUAL(text_list_add(&space_record(south)->actors, heap_default(), "logger"), MAIKO_OK);
    CU_ASSERT_EQUAL(space_announce(south, &error), MAIKO_OK);
    CU_ASSERT(wait_for(north, north_seen.changed == 1));
    CU_ASSERT_STRING_EQUAL(north_seen.last_actor, "logger");

    space_leave(south);
    CU_ASSERT(wait_for(north, north_seen.left[SPACE_LEFT] == 1));
    CU_ASSERT_EQUAL(north_seen.left[SPACE_DIED], 0);
    space_leave(north);
    CU_ASSERT_EQUAL(entries_of_space(), 0);
    remove_runtime_dir();
}

/* Its record says that it is ready while the other node is told that the life before has left. */
static void a_next_life_that_gets_ready_while_it_is_looked_at_is_seen(void)
{
    struct seen north_seen = {0};
    struct seen south_seen = {0};
    struct space *north;
    struct space *south;

    make_runtime_dir();
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "north", &north_seen, &north), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "south", &south_seen, &south), MAIKO_OK);
    CU_ASSERT(wait_for(north, north_seen.arrived == 1));

    space_leave(south);
    CU_ASSERT_EQUAL_FATAL(join_unannounced(runtime_dir, "south", &south_seen, &south), MAIKO_OK);
    north_seen.announced = south;
    CU_ASSERT(wait_for(north, north_seen.left[SPACE_REPLACED] == 1));
    CU_ASSERT_EQUAL(north_seen.left[SPACE_LEFT] + north_seen.left[SPACE_DIED], 0);
    CU_ASSERT(wait_for(north, north_seen.arrived == 2));
    space_leave(south);
    space_leave(north);
    remove_runtime_dir();
}

/* What it looked at was not yet, or no longer, the directory of the node. */
static void a_directory_that_takes_the_place_of_another_is_watched(void)
{
    struct seen north_seen = {0};
    struct seen south_seen = {0};
    struct space *north;
    struct space *south;
    struct text error;
    char path[128];

    make_runtime_dir();
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "north", &north_seen, &north), MAIKO_OK);
    snprintf(path, sizeof(path), "%s/maiko/test/south", runtime_dir);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
    space_turn(north); /* a directory without a record */
    CU_ASSERT_EQUAL_FATAL(join_unannounced(runtime_dir, "south", &south_seen, &south), MAIKO_OK);
    space_turn(north); /* one whose record says that it is not ready */
    CU_ASSERT_EQUAL(north_seen.arrived, 0);
    text_init_buffer(&error, reason, sizeof(reason));
    CU_ASSERT_EQUAL(space_announce(south, &error), MAIKO_OK);
    CU_ASSERT(wait_for(north, north_seen.arrived == 1));
    space_leave(south);
    space_leave(north);
    remove_runtime_dir();
}

static void a_node_of_another_process_that_stops_is_seen_to_leave(void)
{
    struct other other = {.node = "other"};
    struct seen seen = {0};
    struct child child;
    struct space *space;

    make_runtime_dir();
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "here", &seen, &space), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(child_start(&child, live, &other));
    CU_ASSERT(wait_for(space, seen.arrived == 1));
    child_signal(&child, SIGTERM);
    CU_ASSERT(wait_for(space, seen.left[SPACE_LEFT] == 1));
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    CU_ASSERT_EQUAL(seen.left[SPACE_DIED], 0);
    space_leave(space);
    remove_runtime_dir();
}

static void a_killed_node_is_noticed_at_once_and_its_directory_goes(void)
{
    unsigned long rounds = suite_scale(5, 100);
    unsigned long late = 0;
    struct other other = {.node = "victim"};
    struct seen seen = {0};
    struct child child;
    struct space *space;
    unsigned long i;

    make_runtime_dir();
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "witness", &seen, &space), MAIKO_OK);
    for (i = 1; i <= rounds; i++) {
        uint64_t deadline;

        CU_ASSERT_TRUE_FATAL(child_start(&child, live, &other));
        CU_ASSERT(wait_for(space, seen.arrived == i));
        child_signal(&child, SIGKILL);
        deadline = wait_deadline_ns(1000);
        CU_ASSERT(wait_for(space, seen.left[SPACE_DIED] == i));
        late += !wait_a_moment(deadline); /* than a second: the machine may have been busy */
        child_end(&child, 60000);
        CU_ASSERT_EQUAL(entries_of_space(), 1);
    }
    CU_ASSERT(late <= rounds / 2);
    space_leave(space);
    remove_runtime_dir();
}

/* Of "victim"; what it has left is not cleared up yet. */
static struct space *witness_a_death(struct seen *seen)
{
    struct other other = {.node = "victim"};
    struct pollfd news = {.events = POLLIN};
    struct space *space = NULL;
    struct child child;

    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "witness", seen, &space), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(child_start(&child, live, &other));
    CU_ASSERT(wait_for(space, seen->arrived == 1));
    child_signal(&child, SIGKILL);
    news.fd = space_fd(space);
    while (seen->left[SPACE_DIED] == 0 && poll(&news, 1, 60000) > 0)
        space_run(space);
    child_end(&child, 60000);
    CU_ASSERT_TRUE(space_has_remains(space));
    return space;
}

static void what_a_dead_node_has_left_goes_later_and_its_name_is_free_at_once(void)
{
    struct seen seen = {0};
    struct seen next_seen = {0};
    struct space *space;
    struct space *next;

    make_runtime_dir();
    space = witness_a_death(&seen);
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "victim", &next_seen, &next), MAIKO_OK);
    CU_ASSERT_EQUAL(entries_of_space(), 3); /* ours to remove, nobody else's */
    space_clear_remains(space);
    CU_ASSERT_FALSE(space_has_remains(space));
    CU_ASSERT_EQUAL(entries_of_space(), 2);
    space_leave(next);
    space_leave(space);
    remove_runtime_dir();
}

static void what_a_dead_node_has_left_goes_at_last_with_the_one_it_fell_to(void)
{
    struct seen seen = {0};

    make_runtime_dir();
    space_leave(witness_a_death(&seen));
    CU_ASSERT_EQUAL(entries_of_space(), 0);
    remove_runtime_dir();
}

static void a_killed_node_is_noticed_although_a_forked_child_holds_its_sockets(void)
{
    struct other other = {.node = "parent", .fork_holds = true};
    struct seen seen = {0};
    struct child child;
    struct space *space;
    pid_t holder = 0;
    int pipe_fds[2];

    make_runtime_dir();
    CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_CLOEXEC), 0);
    other.pid_of_holder = pipe_fds[1];
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "witness", &seen, &space), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(child_start(&child, live, &other));
    CU_ASSERT_EQUAL(read(pipe_fds[0], &holder, sizeof(holder)), (ssize_t)sizeof(holder));
    CU_ASSERT(wait_for(space, seen.arrived == 1));
    child_signal(&child, SIGKILL);
    CU_ASSERT(wait_for(space, seen.left[SPACE_DIED] == 1));
    CU_ASSERT_EQUAL(kill(holder, 0), 0); /* which is still there */
    CU_ASSERT_EQUAL(entries_of_space(), 1);
    kill(holder, SIGKILL);
    child_end(&child, 60000);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    space_leave(space);
    remove_runtime_dir();
}

static void a_stopped_node_is_not_a_dead_one(void)
{
    struct other other = {.node = "stopped"};
    struct seen seen = {0};
    struct seen late_seen = {0};
    struct child child;
    struct space *space;
    struct space *late;
    int rounds;

    make_runtime_dir();
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "witness", &seen, &space), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(child_start(&child, live, &other));
    CU_ASSERT(wait_for(space, seen.arrived == 1));
    child_signal(&child, SIGSTOP);
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "late", &late_seen, &late), MAIKO_OK);
    for (rounds = 0; rounds < 10; rounds++) {
        space_turn(space);
        space_turn(late);
    }
    CU_ASSERT_EQUAL(seen.left[SPACE_DIED] + seen.left[SPACE_LEFT], 0);
    CU_ASSERT_EQUAL(late_seen.arrived, 2);
    CU_ASSERT_EQUAL(late_seen.left[SPACE_DIED] + late_seen.left[SPACE_LEFT], 0);
    child_signal(&child, SIGKILL);
    CU_ASSERT(wait_for(late, late_seen.left[SPACE_DIED] == 1)); /* known although it never greeted */
    CU_ASSERT(wait_for(space, seen.left[SPACE_DIED] + seen.left[SPACE_LEFT] == 1));
    child_end(&child, 60000);
    space_leave(late);
    space_leave(space);
    remove_runtime_dir();
}

static void a_live_nodes_name_is_refused_and_the_error_says_whose_it_is(void)
{
    struct other other = {.node = "same"};
    struct seen seen = {0};
    struct child child;
    struct space *space;
    struct space *second = NULL;
    char pid[32];

    make_runtime_dir();
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "witness", &seen, &space), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(child_start(&child, live, &other));
    CU_ASSERT(wait_for(space, seen.arrived == 1));
    CU_ASSERT_EQUAL(join(runtime_dir, "same", &seen, &second), MAIKO_EEXIST);
    snprintf(pid, sizeof(pid), "process %d", (int)child.pid);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, pid));
    CU_ASSERT_EQUAL(join(runtime_dir, "witness", &seen, &second), MAIKO_EEXIST); /* within a process, too */
    child_signal(&child, SIGTERM);
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0); /* unharmed */
    space_leave(space);
    remove_runtime_dir();
}

static void a_dead_nodes_name_is_taken_over_with_a_greater_epoch(void)
{
    struct other other = {.node = "same", .epoch = UINT64_C(1) << 62}; /* its clock was ahead of ours */
    struct seen seen = {0};
    struct child child;
    struct space *space;
    struct space *witness;

    make_runtime_dir();
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "witness", &seen, &witness), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(child_start(&child, live, &other));
    CU_ASSERT(wait_for(witness, seen.last_epoch == other.epoch));
    space_leave(witness); /* nobody is there to clean up */
    child_signal(&child, SIGKILL);
    child_end(&child, 60000);
    CU_ASSERT_EQUAL(entries_of_space(), 1);
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "same", &seen, &space), MAIKO_OK);
    CU_ASSERT(space_record(space)->epoch > other.epoch);
    space_leave(space);
    CU_ASSERT_EQUAL(entries_of_space(), 0);
    remove_runtime_dir();
}

static void leftovers_of_the_dead_go_with_the_next_start(void)
{
    char path[128];
    struct other other = {.node = "dead"};
    struct seen seen = {0};
    struct child child;
    struct space *space;

    make_runtime_dir();
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "first", &seen, &space), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(child_start(&child, live, &other));
    CU_ASSERT(wait_for(space, seen.arrived == 1));
    space_leave(space);
    child_signal(&child, SIGKILL);
    child_end(&child, 60000);
    snprintf(path, sizeof(path), "%s/maiko/test/.new-1-2-3-abc", runtime_dir); /* half-made and half-removed */
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/maiko/test/.dead-1-2-3-abc", runtime_dir);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL(entries_of_space(), 3);
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "next", &seen, &space), MAIKO_OK);
    CU_ASSERT_EQUAL(entries_of_space(), 1);
    space_leave(space);
    remove_runtime_dir();
}

/* Joins and leaves all the time: its directories are half-made whenever somebody looks. */
static int come_and_go(void *userdata)
{
    unsigned long rounds = suite_scale(300, 5000);
    struct other *other = userdata;
    unsigned long i;

    for (i = 0; i < rounds; i++) {
        struct seen seen = {0};
        struct space *space;

        if (join(runtime_dir, other->node, &seen, &space) != MAIKO_OK) {
            fprintf(stderr, "round %lu: %s\n", i, reason);
            return 9;
        }
        space_leave(space);
    }
    return 0;
}

static void many_that_join_at_once_do_not_take_each_other_for_dead(void)
{
    struct other others[4] = {{.node = "a"}, {.node = "b"}, {.node = "c"}, {.node = "d"}};
    struct child children[4];
    char output[512];
    int i;

    make_runtime_dir();
    for (i = 0; i < 4; i++)
        CU_ASSERT_TRUE_FATAL(child_start(&children[i], come_and_go, &others[i]));
    for (i = 0; i < 4; i++) {
        child_read_output(&children[i], output, sizeof(output));
        CU_ASSERT_EQUAL(child_end(&children[i], 60000), 0);
        if (output[0] != '\0')
            printf("# %s", output);
    }
    CU_ASSERT_EQUAL(entries_of_space(), 0);
    remove_runtime_dir();
}

static void a_directory_that_others_can_reach_is_refused(void)
{
    char path[128];
    struct seen seen = {0};
    struct space *space;

    make_runtime_dir();
    snprintf(path, sizeof(path), "%s/maiko", runtime_dir);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL(chmod(path, 0755), 0);
    CU_ASSERT_EQUAL(join(runtime_dir, "n", &seen, &space), MAIKO_EPERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "mode 0755"));
    CU_ASSERT_EQUAL(rmdir(path), 0);
    CU_ASSERT_EQUAL(symlink("/tmp", path), 0);
    CU_ASSERT_EQUAL(join(runtime_dir, "n", &seen, &space), MAIKO_EPERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "link"));
    remove_runtime_dir();
}

static void the_directory_of_another_user_is_refused(void)
{
    char path[128];
    struct seen seen = {0};
    struct space *space;

    if (geteuid() != 0) {
        suite_skip("needs root to give a directory away");
        return;
    }
    make_runtime_dir();
    snprintf(path, sizeof(path), "%s/maiko", runtime_dir);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL(chown(path, 4711, 4711), 0);
    CU_ASSERT_EQUAL(join(runtime_dir, "n", &seen, &space), MAIKO_EPERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "belongs to user 4711"));
    remove_runtime_dir();
}

static int connect_as_another_user(void *userdata)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char byte;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    /* The directories keep others out; here the descriptor's own check is tested, so the path is opened first. */
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", (const char *)userdata);
    if (setresuid(4711, 4711, 4711) != 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return errno;
    return (int)recv(fd, &byte, 1, 0) == 0 ? 0 : 99; /* closed without a greeting */
}

static void a_process_of_another_user_is_turned_away_with_a_warning(void)
{
    char path[192];
    struct seen seen = {0};
    struct child child;
    struct space *space;

    if (geteuid() != 0) {
        suite_skip("needs root to become another user");
        return;
    }
    make_runtime_dir();
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "n", &seen, &space), MAIKO_OK);
    CU_ASSERT_EQUAL(chmod(runtime_dir, 0711), 0);
    snprintf(path, sizeof(path), "%s/maiko", runtime_dir);
    CU_ASSERT_EQUAL(chmod(path, 0711), 0);
    snprintf(path, sizeof(path), "%s/maiko/test", runtime_dir);
    CU_ASSERT_EQUAL(chmod(path, 0711), 0);
    snprintf(path, sizeof(path), "%s/maiko/test/n", runtime_dir);
    CU_ASSERT_EQUAL(chmod(path, 0711), 0);
    snprintf(path, sizeof(path), "%s/maiko/test/n/control", runtime_dir);
    CU_ASSERT_EQUAL(chmod(path, 0666), 0);
    CU_ASSERT_TRUE_FATAL(child_start(&child, connect_as_another_user, path));
    CU_ASSERT(wait_for(space, seen.warning[0] != '\0'));
    CU_ASSERT_PTR_NOT_NULL(strstr(seen.warning, "user 4711"));
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    space_leave(space);
    remove_runtime_dir();
}

static void nodes_with_long_paths_meet_through_short_socket_names(void)
{
    char deep[128];
    char command[256];
    struct seen first_seen = {0};
    struct seen second_seen = {0};
    struct space *first;
    struct space *second;

    make_runtime_dir();
    snprintf(deep, sizeof(deep), "%s/%0*d", runtime_dir, 40, 0);
    CU_ASSERT_EQUAL(mkdir(deep, 0700), 0);
    CU_ASSERT_EQUAL_FATAL(join(deep, "a node whose name is long enough, really", &first_seen, &first), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(join(deep, "another node whose name is long enough", &second_seen, &second), MAIKO_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(space_link_endpoint(first), "/.s/"));
    CU_ASSERT(wait_for(first, first_seen.arrived == 1));
    space_leave(second);
    CU_ASSERT(wait_for(first, first_seen.left[SPACE_LEFT] == 1));
    space_leave(first);
    snprintf(command, sizeof(command), "test -z \"$(ls -A %s/maiko/.s)\"", deep);
    CU_ASSERT_EQUAL(system(command), 0);
    remove_runtime_dir();
}

static void a_live_socket_is_never_stolen_and_a_stale_one_replaced(void)
{
    char path[96];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct text error;
    int stale;
    int live_fd = -1;
    int thief = -1;
    int file;

    make_runtime_dir();
    snprintf(path, sizeof(path), "%s/socket", runtime_dir);
    text_init_buffer(&error, reason, sizeof(reason));
    stale = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    CU_ASSERT_EQUAL(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
    close(stale);
    CU_ASSERT_EQUAL(control_listen(path, SPACE_NO_GROUP, &live_fd, &error), MAIKO_OK);
    CU_ASSERT_EQUAL(control_listen(path, SPACE_NO_GROUP, &thief, &error), MAIKO_EEXIST);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "somebody listens"));
    close(live_fd);
    CU_ASSERT_EQUAL(unlink(path), 0);
    file = open(path, O_CREAT | O_WRONLY, 0600);
    CU_ASSERT_EQUAL(control_listen(path, SPACE_NO_GROUP, &thief, &error), MAIKO_EEXIST);
    CU_ASSERT_EQUAL(access(path, F_OK), 0); /* a plain file is nobody's leftover */
    close(file);
    remove_runtime_dir();
}

static void garbage_at_the_control_socket_hurts_nobody(void)
{
    char path[SPACE_SOCKET_PATH_MAX];
    unsigned char bytes[300];
    struct seen seen = {0};
    struct seen other_seen = {0};
    struct space *space;
    struct space *other;
    struct text error;
    int fds[40];
    size_t i;

    make_runtime_dir();
    text_init_buffer(&error, reason, sizeof(reason));
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "n", &seen, &space), MAIKO_OK);
    snprintf(path, sizeof(path), "%s/maiko/test/n/control", runtime_dir);
    memset(bytes, 0xa5, sizeof(bytes));
    for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        CU_ASSERT_EQUAL_FATAL(control_connect(path, SPACE_NO_GROUP, &fds[i], &error), MAIKO_OK);
        CU_ASSERT(send(fds[i], bytes, (i * 7) % sizeof(bytes) + 1, MSG_NOSIGNAL) > 0);
    }
    for (i = 0; i < 4; i++)
        space_turn(space);
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "m", &other_seen, &other), MAIKO_OK);
    CU_ASSERT(wait_for(space, seen.arrived == 1));
    for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        close(fds[i]);
    space_turn(space);
    space_leave(other);
    space_leave(space);
    remove_runtime_dir();
}

static void count_node(const struct node_record *node, bool is_alive, void *userdata)
{
    ((unsigned *)userdata)[is_alive ? 1 : 0]++;
}

static void onlookers_list_the_living_and_the_dead(void)
{
    struct other other = {.node = "dead"};
    struct seen seen = {0};
    struct child child;
    struct space *space;
    struct text error;
    unsigned counts[2] = {0, 0};

    make_runtime_dir();
    text_init_buffer(&error, reason, sizeof(reason));
    CU_ASSERT_EQUAL(space_list(heap_default(), runtime_dir, SPACE_NO_GROUP, "test", count_node, counts, &error), MAIKO_ENOTFOUND);
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "alive", &seen, &space), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(child_start(&child, live, &other));
    CU_ASSERT(wait_for(space, seen.arrived == 1));
    child_signal(&child, SIGKILL);
    child_end(&child, 60000);
    CU_ASSERT_EQUAL(space_list(heap_default(), runtime_dir, SPACE_NO_GROUP, "test", count_node, counts, &error), MAIKO_OK);
    CU_ASSERT_EQUAL(counts[1], 1);
    CU_ASSERT_EQUAL(counts[0], 1);
    space_leave(space);
    remove_runtime_dir();
}

static void two_hundred_nodes_come_and_go_without_a_descriptor_left(void)
{
    struct seen seen = {0};
    struct space *space;
    unsigned i;

    make_runtime_dir();
    CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "stays", &seen, &space), MAIKO_OK);
    for (i = 1; i <= 200; i++) {
        struct seen guest_seen = {0};
        struct space *guest;

        CU_ASSERT_EQUAL_FATAL(join(runtime_dir, "guest", &guest_seen, &guest), MAIKO_OK);
        CU_ASSERT(wait_for(space, seen.arrived == i));
        space_leave(guest);
        CU_ASSERT(wait_for(space, seen.left[SPACE_LEFT] == i));
    }
    space_leave(space);
    remove_runtime_dir();
}

static const struct test_case cases[] = {
    TEST_CASE(nodes_see_each_other_arrive_change_and_leave),
    TEST_CASE(a_next_life_that_gets_ready_while_it_is_looked_at_is_seen),
    TEST_CASE(a_directory_that_takes_the_place_of_another_is_watched),
    TEST_CASE(a_node_of_another_process_that_stops_is_seen_to_leave),
    TEST_CASE(a_killed_node_is_noticed_at_once_and_its_directory_goes),
    TEST_CASE(what_a_dead_node_has_left_goes_later_and_its_name_is_free_at_once),
    TEST_CASE(what_a_dead_node_has_left_goes_at_last_with_the_one_it_fell_to),
    TEST_CASE(a_killed_node_is_noticed_although_a_forked_child_holds_its_sockets),
    TEST_CASE(a_stopped_node_is_not_a_dead_one),
    TEST_CASE(a_live_nodes_name_is_refused_and_the_error_says_whose_it_is),
    TEST_CASE(a_dead_nodes_name_is_taken_over_with_a_greater_epoch),
    TEST_CASE(leftovers_of_the_dead_go_with_the_next_start),
    TEST_CASE(many_that_join_at_once_do_not_take_each_other_for_dead),
    TEST_CASE(a_directory_that_others_can_reach_is_refused),
    TEST_CASE(the_directory_of_another_user_is_refused),
    TEST_CASE(a_process_of_another_user_is_turned_away_with_a_warning),
    TEST_CASE(nodes_with_long_paths_meet_through_short_socket_names),
    TEST_CASE(a_live_socket_is_never_stolen_and_a_stale_one_replaced),
    TEST_CASE(garbage_at_the_control_socket_hurts_nobody),
    TEST_CASE(onlookers_list_the_living_and_the_dead),
    TEST_CASE(two_hundred_nodes_come_and_go_without_a_descriptor_left),
};

SUITE_MAIN("space", cases)
