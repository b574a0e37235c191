/* A space and a bridge without a descriptor left: what cannot be done is told once, done later, and nobody spins or is taken for
 * dead meanwhile. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/child.h"
#include "lib/report_end.h"
#include "lib/shortage.h"
#include "lib/space_wait.h"
#include "lib/suite.h"
#include "shm/shm_layout.h"
#include "space/attach.h"
#include "space/control.h"
#include "space/node_directory.h"
#include "space/path.h"
#include "space/space.h"

/* ---- a space ---- */

struct seen {
    unsigned arrived;
    unsigned left;
    unsigned starved; /* times it was told so */
    bool is_starved;
    unsigned warnings;
};

static void on_arrived(const struct node_record *node, void *userdata)
{
    ((struct seen *)userdata)->arrived++;
}

static void on_left(const struct node_record *node, enum space_departure departure, void *userdata)
{
    ((struct seen *)userdata)->left++;
}

static void on_starved(const char *text, void *userdata)
{
    struct seen *seen = userdata;

    seen->starved += text != NULL;
    seen->is_starved = text != NULL;
}

static void on_warning(const char *text, void *userdata)
{
    ((struct seen *)userdata)->warnings++;
}

static struct space *join(const char *node, struct seen *seen)
{
    struct space_config config = {
        .heap = heap_default(),
        .runtime_dir = report_ends_directory,
        .space = "reports",
        .node = node,
        .hooks = {.node_arrived = on_arrived, .node_left = on_left, .warn = on_warning, .starved = on_starved, .userdata = seen}};
    char reason[512];
    struct space *space = NULL;
    struct text error;

    memset(seen, 0, sizeof(*seen));
    text_init_buffer(&error, reason, sizeof(reason));
    CU_ASSERT_EQUAL_FATAL(space_join(&config, &space, &error), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(space_announce(space, &error), MAIKO_OK);
    return space;
}

static const char *path_of(const char *node, const char *file)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/maiko/reports/%s/%s", report_ends_directory, node, file);
    return path;
}

static struct sockaddr_un address_of(const char *node)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path_of(node, SPACE_CONTROL_SOCKET));
    return address;
}

static int make_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

static void call(int fd, const char *node)
{
    struct sockaddr_un address = address_of(node);

    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

/* How often it had something to do in that time. */
static unsigned turns_within(struct space *space, uint64_t time_ns)
{
    struct clock clock;
    unsigned turns = 0;
    uint64_t end_ns;

    clock_init(&clock);
    end_ns = clock_mono_ns(&clock) + time_ns;
    while (clock_mono_ns(&clock) < end_ns) {
        struct pollfd fd = {.fd = space_fd(space), .events = POLLIN};

        if (poll(&fd, 1, 20) <= 0)
            continue;
        space_run(space);
        turns++;
    }
    return turns;
}

static void who_connects_without_a_descriptor_for_it_is_let_in_later(void)
{
    struct control_message greeting;
    struct shortage shortage;
    struct space *space;
    struct seen seen;
    int visitor;

    report_ends_begin();
    space = join("here", &seen);
    visitor = make_socket();
    shortage_begin(&shortage);
    call(visitor, "here");
    CU_ASSERT(wait_for(space, seen.is_starved));
    CU_ASSERT(turns_within(space, MAIKO_MS(300)) < 50);
    CU_ASSERT_EQUAL(seen.starved, 1);
    CU_ASSERT_EQUAL(seen.warnings, 0);
    CU_ASSERT_EQUAL(control_receive(visitor, &greeting), MAIKO_ENOTFOUND);
    shortage_end(&shortage);
    CU_ASSERT(wait_for(space, control_receive(visitor, &greeting) == MAIKO_OK));
    control_message_close(&greeting);
    CU_ASSERT(wait_for(space, !seen.is_starved));
    CU_ASSERT_EQUAL(seen.starved, 1);
    close(visitor);
    space_leave(space);
    report_ends_finish();
}

static int live(void *userdata)
{
    struct seen seen;
    struct space *space = join("other", &seen);

    for (;;)
        space_turn(space);
    return 0;
}

static void who_comes_while_there_are_no_descriptors_is_found_later(void)
{
    struct shortage shortage;
    struct space *space;
    struct child child;
    struct seen seen;

    report_ends_begin();
    space = join("here", &seen);
    CU_ASSERT_TRUE_FATAL(child_start(&child, live, NULL));
    shortage_begin(&shortage);
    CU_ASSERT(wait_for(space, seen.is_starved));
    CU_ASSERT(wait_until((space_turn(space), access(path_of("other", SPACE_RECORD_FILE), F_OK) == 0), 60000));
    CU_ASSERT(turns_within(space, MAIKO_MS(300)) < 50);
    CU_ASSERT_EQUAL(seen.arrived, 0);
    CU_ASSERT_EQUAL(seen.starved, 1);
    shortage_end(&shortage);
    CU_ASSERT(wait_for(space, seen.arrived == 1));
    CU_ASSERT(wait_for(space, !seen.is_starved));
    CU_ASSERT_EQUAL(seen.left, 0);
    child_signal(&child, SIGKILL);
    CU_ASSERT(wait_for(space, seen.left == 1));
    child_end(&child, 60000);
    space_leave(space);
    report_ends_finish();
}

static void nobody_is_taken_for_dead_without_descriptors(void)
{
    struct node_record record;
    struct shortage shortage;
    struct space *space;
    struct child child;
    struct text error;
    struct seen seen;
    char reason[256];
    int space_fd;

    report_ends_begin();
    space = join("here", &seen);
    CU_ASSERT_TRUE_FATAL(child_start(&child, live, NULL));
    CU_ASSERT(wait_for(space, seen.arrived == 1));
    space_fd = open(path_of("other", ".."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    text_init_buffer(&error, reason, sizeof(reason));
    node_record_init(&record, heap_default());
    CU_ASSERT_EQUAL(node_directory_read(space_fd, "here", &record, &error), MAIKO_OK);
    shortage_begin(&shortage);
    CU_ASSERT_TRUE(node_directory_is_alive(space_fd, "here", &record));
    CU_ASSERT_TRUE(node_directory_is_alive(space_fd, "other", NULL));
    node_record_deinit(&record);
    node_record_init(&record, heap_default());
    CU_ASSERT_EQUAL(node_directory_read(space_fd, "other", &record, &error), MAIKO_ELIMIT);
    shortage_end(&shortage);
    CU_ASSERT_TRUE(node_directory_is_alive(space_fd, "other", NULL));
    CU_ASSERT_FALSE(node_directory_is_alive(space_fd, "nobody", NULL));
    child_signal(&child, SIGKILL);
    CU_ASSERT(wait_for(space, seen.left == 1));
    child_end(&child, 60000);
    close(space_fd);
    space_leave(space);
    report_ends_finish();
}

/* ---- a bridge ---- */

static const maiko_peer_report *find_starved(struct report_end *end)
{
    const maiko_peer_report *report = report_end_find(end, MAIKO_PEER_DOWN, "no_resources");

    return report != NULL && report->peer[0] == '\0' ? report : NULL;
}

static void who_cannot_be_accepted_is_said_on_sys_peer(void)
{
    struct control_message greeting;
    struct shortage shortage;
    struct report_end end;
    int visitor;

    report_ends_begin();
    report_end_make(&end, "here", NULL);
    report_end_start(&end);
    visitor = make_socket();
    shortage_begin(&shortage);
    call(visitor, "here");
    CU_ASSERT(wait_until(find_starved(&end) != NULL, 60000));
    shortage_end(&shortage);
    CU_ASSERT(wait_until(control_receive(visitor, &greeting) == MAIKO_OK, 60000));
    control_message_close(&greeting);
    CU_ASSERT(wait_until(end.heard_of_descriptors == 1, 60000));
    CU_ASSERT_PTR_NOT_NULL_FATAL(find_starved(&end));
    CU_ASSERT_PTR_NOT_NULL(strstr(find_starved(&end)->text, "accepting a control connection"));
    CU_ASSERT_EQUAL(report_end_counters(&end).reports, 1);
    close(visitor);
    report_end_stop(&end);
    report_ends_finish();
}

static struct attach_message answer_at(int fd)
{
    struct attach_message answer = {.kind = ATTACH_NONE};
    struct control_message message;

    CU_ASSERT(wait_until(control_receive(fd, &message) == MAIKO_OK, 60000));
    CU_ASSERT_EQUAL(attach_decode(message.bytes, message.len, &answer), MAIKO_OK);
    control_message_close(&message);
    return answer;
}

/* The kernel cuts off what would be too many. */
static void memory_that_finds_no_descriptors_is_refused_in_a_word(void)
{
    struct attach_message offer = {
        .kind = ATTACH_OFFER, .version = ATTACH_VERSION, .abi = SHM_ABI, .layout = SHM_VERSION, .link = 7};
    struct greeting greeting = {.version = GREETING_VERSION, .epoch = 1, .name = "stranger"};
    unsigned char bytes[ATTACH_SIZE];
    struct control_message message;
    struct attach_message answer;
    struct shortage shortage;
    struct report_end end;
    int visitor;
    int fds[3];

    report_ends_begin();
    report_end_make(&end, "here", NULL);
    report_end_start(&end);
    visitor = make_socket();
    call(visitor, "here");
    CU_ASSERT_EQUAL(control_send_greeting(visitor, &greeting), MAIKO_OK);
    CU_ASSERT(wait_until(control_receive(visitor, &message) == MAIKO_OK, 60000));
    control_message_close(&message);
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    fds[2] = fds[1];
    attach_encode(&offer, bytes);
    shortage_begin(&shortage);
    CU_ASSERT_EQUAL(control_send(visitor, bytes, sizeof(bytes), fds, 3), MAIKO_OK);
    answer = answer_at(visitor);
    CU_ASSERT_EQUAL(answer.kind, ATTACH_REFUSE);
    CU_ASSERT_STRING_EQUAL(answer.reason, "limit");
    shortage_end(&shortage);
    close(visitor);
    close(fds[0]);
    close(fds[1]);
    report_end_stop(&end);
    report_ends_finish();
}

/* ---- two processes ---- */

static volatile sig_atomic_t is_told_to_go_on;

static void tell_to_go_on(int signal_number)
{
    (void)signal_number;
    is_told_to_go_on = 1;
}

/* A node that has two descriptors left, a connection's and a process's, so that somebody can ask, until it is told; then it lives
 * on until it is killed. */
static int live_with_two_descriptors(void)
{
    int last[2] = {open("/dev/null", O_RDONLY | O_CLOEXEC), open("/dev/null", O_RDONLY | O_CLOEXEC)};
    struct shortage shortage;
    struct report_end end;

    signal(SIGUSR1, tell_to_go_on);
    report_end_make(&end, "there", NULL);
    if (report_end_try(&end) != MAIKO_OK || !shortage_try(&shortage) || close(last[0]) != 0 || close(last[1]) != 0)
        return 9;
    fputs("short\n", stdout);
    fflush(stdout);
    while (!wait_until(is_told_to_go_on, 1000)) {
    }
    (void)shortage_give_back(&shortage);
    for (;;)
        pause();
}

/* libzmq would abort there when it found no descriptor for a connection. */
static void who_has_no_descriptors_for_memory_is_not_dialled_instead(void)
{
    char program[] = "/proc/self/exe";
    char role[] = "--two-descriptors";
    char *argv[] = {program, role, NULL};
    struct report_end here;
    struct child there;
    char word[8] = "";

    report_ends_begin();
    CU_ASSERT_TRUE_FATAL(child_start_program(&there, argv));
    CU_ASSERT_EQUAL_FATAL(read(there.output_fd, word, sizeof(word) - 1), 6);
    report_end_make(&here, "here", NULL);
    report_end_start(&here);
    CU_ASSERT_FATAL(report_end_hears(&here, MAIKO_PEER_DOWN, "no_resources"));
    CU_ASSERT_STRING_EQUAL(report_end_find(&here, MAIKO_PEER_DOWN, "no_resources")->peer, "there");
    child_signal(&there, SIGUSR1);
    CU_ASSERT(report_end_hears(&here, MAIKO_PEER_READY, NULL));
    child_signal(&there, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&there, 60000), 128 + SIGKILL);
    report_end_stop(&here);
    report_ends_finish();
}

#define LINK_IS_READY "\"state\":\"ready\""

static bool record_names(const char *node, const char *text)
{
    char bytes[4096];
    FILE *file = fopen(path_of(node, SPACE_RECORD_FILE), "r");
    size_t len = file != NULL ? fread(bytes, 1, sizeof(bytes) - 1, file) : 0;

    if (file != NULL)
        fclose(file);
    bytes[len] = '\0';
    return strstr(bytes, text) != NULL;
}

/* The record of a node tells its links.  Nothing else happens after the descriptors are there again. */
static void a_record_that_cannot_be_written_is_written_later(void)
{
    struct shortage shortage;
    struct report_end here;
    struct report_end server;
    char elsewhere[128];
    char endpoint[192];

    report_ends_begin();
    snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", report_ends_directory);
    CU_ASSERT_EQUAL(mkdir(elsewhere, 0700), 0);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/socket", elsewhere);
    report_end_make(&here, "here", NULL); /* first: what the other one closes is above the limit */
    CU_ASSERT_EQUAL(maiko_bridge_connect(here.bridge, endpoint, NULL), MAIKO_OK);
    report_end_start(&here);
    report_end_make(&server, "server", &(maiko_bridge_config){.space = "reports", .runtime_dir = elsewhere});
    CU_ASSERT_EQUAL(maiko_bridge_listen(server.bridge, endpoint), MAIKO_OK);
    report_end_start(&server);
    CU_ASSERT_FATAL(wait_until(record_names("here", LINK_IS_READY), 60000));
    shortage_begin(&shortage);
    report_end_stop(&server);
    CU_ASSERT(wait_until(here.unwritten_lines == 1, 60000));
    shortage_end(&shortage);
    CU_ASSERT(wait_until(record_names("here", "server") && !record_names("here", LINK_IS_READY), 60000));
    CU_ASSERT_EQUAL(here.unwritten_lines, 1);
    report_end_stop(&here);
    report_ends_finish();
}

/* A user of its own, because the limit is the user's and root has none. */
static int start_without_threads(void *userdata)
{
    const struct rlimit none = {1, 1};
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.no_counters_file = true});
    maiko_bridge *bridge = maiko_bridge_new(sup, NULL);
    maiko_status status;

    if (geteuid() == 0 && (setresgid(65533, 65533, 65533) != 0 || setresuid(65533, 65533, 65533) != 0))
        return 2;
    if (setrlimit(RLIMIT_NPROC, &none) != 0 || maiko_bridge_listen(bridge, "tcp://127.0.0.1:*") != MAIKO_OK)
        return 3;
    status = maiko_bridge_start(bridge);
    puts(maiko_bridge_error_text(bridge));
    fflush(stdout);
    (void)maiko_bridge_stop(&bridge);
    (void)maiko_supervisor_stop(&sup, NULL);
    _exit(status == MAIKO_ESYSTEM ? 0 : 4); /* what looks for leaks would want a thread */
}

/* libzmq would abort the process. */
static void a_bridge_without_threads_does_not_start_and_says_so(void)
{
    struct child child;
    char text[512];

    CU_ASSERT_FATAL(child_start(&child, start_without_threads, NULL));
    child_read_output(&child, text, sizeof(text));
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "ZeroMQ needs 2 threads"));
}

static const struct test_case cases[] = {
    TEST_CASE(a_bridge_without_threads_does_not_start_and_says_so),
    TEST_CASE(who_connects_without_a_descriptor_for_it_is_let_in_later),
    TEST_CASE(who_comes_while_there_are_no_descriptors_is_found_later),
    TEST_CASE(nobody_is_taken_for_dead_without_descriptors),
    TEST_CASE(who_cannot_be_accepted_is_said_on_sys_peer),
    TEST_CASE(memory_that_finds_no_descriptors_is_refused_in_a_word),
    TEST_CASE(a_record_that_cannot_be_written_is_written_later),
    TEST_CASE(who_has_no_descriptors_for_memory_is_not_dialled_instead),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "shortage", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 1 && strcmp(argv[1], "--two-descriptors") == 0)
        return live_with_two_descriptors();
    return suite_main(argc, argv, &suite);
}
