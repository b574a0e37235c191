/* The ZeroMQ side with real sockets: order of starting, guests, faults, plain peers, limits, hostile bytes. */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "lib/child.h"
#include "lib/failing_allocator.h"
#include "lib/port_end.h"
#include "lib/suite.h"
#include "link/zmq_port.h"

/* ---- links ---- */

static void frames_travel_both_ways(void)
{
    struct port_end server;
    struct port_end client;
    struct route *route;

    port_end_open(&server, NULL);
    port_end_open(&client, NULL);
    route = port_end_connect(&client, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"), "");
    CU_ASSERT_EQUAL(port_end_send(&client, route, "too early"), MAIKO_ECLOSED);
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT_EQUAL(port_end_send(&client, route, "hello"), MAIKO_OK);
    CU_ASSERT(wait_for(&client, &server, server.frames == 1));
    CU_ASSERT_STRING_EQUAL(server.frame, "hello");
    CU_ASSERT(route_is_incoming(server.last));
    CU_ASSERT_FALSE(route_is_local(server.last));
    CU_ASSERT_STRING_EQUAL(route_key(server.last), "");
    CU_ASSERT_EQUAL(port_end_send(&server, server.last, "welcome"), MAIKO_OK);
    CU_ASSERT(wait_for(&client, &server, client.frames == 1));
    CU_ASSERT_STRING_EQUAL(client.frame, "welcome");
    CU_ASSERT_PTR_EQUAL(client.last, route);
    port_end_close(&client);
    port_end_close(&server);
}

static void a_connection_may_be_made_before_anybody_listens(void)
{
    char endpoint[PORT_ENDPOINT_MAX];
    struct port_end server;
    struct port_end client;

    port_end_open(&server, NULL);
    strcpy(endpoint, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"));
    port_end_close(&server);
    port_end_open(&client, NULL);
    port_end_connect(&client, endpoint, "");
    CU_ASSERT(wait_for(&client, NULL, client.downs == 1));
    CU_ASSERT_EQUAL(client.fault, ROUTE_NO_ANSWER);
    port_end_open(&server, NULL);
    port_end_bind(&server, PORT_LINKS, endpoint);
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT_EQUAL(client.downs, 1); /* told once */
    port_end_close(&server);
    CU_ASSERT(wait_for(&client, NULL, client.downs == 2));
    CU_ASSERT_EQUAL(client.fault, ROUTE_LOST);
    port_end_close(&client);
}

static void sending_to_a_peer_that_is_gone_is_an_error(void)
{
    struct port_end server;
    struct port_end client;
    struct route *route;

    port_end_open(&server, NULL);
    port_end_open(&client, NULL);
    route = port_end_connect(&client, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"), "");
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT_EQUAL(port_end_send(&client, route, "hello"), MAIKO_OK);
    CU_ASSERT(wait_for(&client, &server, server.frames == 1));
    route_set_owner(server.last, &server); /* else it is forgotten */
    port_end_close(&client);
    CU_ASSERT(wait_for(&server, NULL, port_end_send(&server, server.last, "?") == MAIKO_ECLOSED));
    port_end_close(&server);
}

static void a_caller_that_nobody_owns_is_forgotten_when_it_leaves(void)
{
    struct port_end server;
    struct port_end client;
    struct route *route;

    port_end_open(&server, NULL);
    port_end_open(&client, NULL);
    route = port_end_connect(&client, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"), "");
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT_EQUAL(port_end_send(&client, route, "hello"), MAIKO_OK);
    CU_ASSERT(wait_for(&client, &server, server.frames == 1));
    CU_ASSERT_EQUAL(server.forgotten, 0);
    port_end_close(&client);
    CU_ASSERT(wait_for(&server, NULL, server.forgotten == 1));
    port_end_close(&server);
    CU_ASSERT_EQUAL(server.forgotten, 1);
}

static void two_hundred_reconnects_leave_no_descriptor(void)
{
    struct port_end server;
    struct port_end client;
    const char *endpoint;
    unsigned i;

    port_end_open(&server, NULL);
    port_end_open(&client, NULL);
    endpoint = port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*");
    for (i = 1; i <= 200; i++) {
        struct route *route = port_end_connect(&client, endpoint, "");

        CU_ASSERT(wait_for(&client, &server, client.ups == i));
        CU_ASSERT_EQUAL(port_end_send(&client, route, "x"), MAIKO_OK);
        CU_ASSERT(wait_for(&client, &server, server.frames == i));
        zmq_port_disconnect(client.port, route, 0);
    }
    port_end_close(&client);
    port_end_close(&server);
    CU_ASSERT_EQUAL(server.forgotten, 200);
}

/* ---- room ---- */

static int room_of(int fd)
{
    socklen_t size = sizeof(int);
    int bytes = 0;

    return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &size) == 0 ? bytes : 0;
}

/* What this system gives who asks for a mebibyte. */
static int large_room(void)
{
    int bytes = 1024 * 1024;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    CU_ASSERT_EQUAL(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
    bytes = room_of(fd);
    close(fd);
    return bytes;
}

static bool is_connected_at(int fd, const char *path)
{
    struct sockaddr_un own = {.sun_family = AF_UNSPEC};
    struct sockaddr_un other = {.sun_family = AF_UNSPEC};
    socklen_t own_size = sizeof(own) - 1;
    socklen_t other_size = sizeof(other) - 1;

    return getpeername(fd, (struct sockaddr *)&other, &other_size) == 0 &&
           getsockname(fd, (struct sockaddr *)&own, &own_size) == 0 && own.sun_family == AF_UNIX &&
           (strcmp(own.sun_path, path) == 0 || strcmp(other.sun_path, path) == 0);
}

/* Ends of connections at this path that have so much room. */
static int ends_with_room(const char *path, int bytes)
{
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;
    int count = 0;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        int fd = atoi(entry->d_name);

        count += fd > 2 && is_connected_at(fd, path) && room_of(fd) >= bytes;
    }
    closedir(directory);
    return count;
}

static void a_local_connection_has_room_for_a_frame_at_both_ends(void)
{
    struct port_end server;
    struct port_end client;
    char path[64];
    char endpoint[80];

    snprintf(path, sizeof(path), "/tmp/maiko-port-%d", (int)getpid());
    snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
    port_end_open(&server, NULL);
    port_end_open(&client, NULL);
    port_end_bind(&server, PORT_LINKS, endpoint);
    port_end_connect(&client, endpoint, "");
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT(wait_for(&client, &server, ends_with_room(path, large_room()) == 2));
    port_end_close(&client);
    port_end_close(&server);
    unlink(path);
}

#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 33)
#define HAS_MALLINFO2
#endif
#endif

enum { FRAME_BYTES = 1024 * 1024, HUGE_BYTES = 64 * 1024 * 1024 };

#ifdef HAS_MALLINFO2
static bool is_mapped_alone(size_t size)
{
    size_t before = mallinfo2().hblks;
    void *block = malloc(size);
    bool is_mapped = mallinfo2().hblks > before;

    CU_ASSERT_PTR_NOT_NULL(block);
    free(block);
    return is_mapped;
}

/* What is said in the environment is malloc's law: it learns nothing then.  A sanitizer's says nothing of what it maps. */
static bool is_told_to_map_frames(void)
{
    const char *threshold = getenv("MALLOC_MMAP_THRESHOLD_");

    return threshold != NULL && strtoul(threshold, NULL, 0) <= FRAME_BYTES && is_mapped_alone(HUGE_BYTES);
}
#endif

/* What libzmq receives a frame into is not mapped for it alone, nor given back at once. */
static void malloc_keeps_room_for_frames(void)
{
#ifdef HAS_MALLINFO2
    struct port_end end;

    port_end_open(&end, NULL);
    CU_ASSERT_EQUAL(is_mapped_alone(FRAME_BYTES), is_told_to_map_frames());
    port_end_close(&end);
#else
    suite_skip("malloc does not say what it has mapped");
#endif
}

static int run_where_malloc_is_told(void *userdata)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

    (void)userdata;
    if (len <= 0)
        return EXIT_FAILURE;
    path[len] = '\0';
    (void)setenv("MALLOC_MMAP_THRESHOLD_", "131072", 1);
    (void)execl(path, path, "malloc_keeps_room_for_frames", (char *)NULL);
    return EXIT_FAILURE;
}

static void what_the_user_tells_malloc_stands(void)
{
    CU_ASSERT_EQUAL(child_run(run_where_malloc_is_told, NULL, 60000), EXIT_SUCCESS);
}

/* ---- guests ---- */

/* A thread that sleeps where a guest does, until something comes. */
struct sleeper {
    pthread_t thread;
    int fd;
    atomic_int id;
};

static void *sleep_once(void *userdata)
{
    struct sleeper *sleeper = userdata;
    struct epoll_event event;

    atomic_store(&sleeper->id, (int)syscall(SYS_gettid));
    (void)epoll_wait(sleeper->fd, &event, 1, 60000);
    return NULL;
}

static bool is_asleep(const struct sleeper *sleeper)
{
    char path[64];
    char state = '?';
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(&sleeper->id));
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    fclose(file);
    return state == 'S';
}

static bool is_readable(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 60000) == 1;
}

/* A turn that has to have something to do at once. */
static void turn_at_once(struct port_end *end)
{
    struct clock clock;

    clock_init(&clock);
    zmq_port_run(end->port, clock_mono_ns(&clock) + MAIKO_SECONDS(5));
}

/* Connects and says something, so that the other one can answer. */
static struct route *greet(struct port_end *client, struct port_end *server, const char *endpoint)
{
    struct route *route = port_end_connect(client, endpoint, "");
    unsigned ups = client->ups;
    unsigned frames = server->frames;

    CU_ASSERT_FATAL(wait_for(client, server, client->ups > ups));
    CU_ASSERT_EQUAL(port_end_send(client, route, "hello"), MAIKO_OK);
    CU_ASSERT_FATAL(wait_for(client, server, server->frames > frames));
    return route;
}

/* Only the guest was told of the connection we made, and it stops before that because of a stranger. */
static void what_a_guest_does_not_get_to_is_read_at_the_next_turn(void)
{
    struct sleeper sleeper;
    struct port_end end;
    struct port_end far;
    struct port_end stranger;
    struct route *from_stranger;

    port_end_open_with_guest(&end);
    port_end_open(&far, NULL);
    port_end_open(&stranger, NULL);
    greet(&end, &far, port_end_bind(&far, PORT_LINKS, "tcp://127.0.0.1:*"));
    from_stranger = greet(&stranger, &end, port_end_bind(&end, PORT_LINKS, "tcp://127.0.0.1:*"));
    CU_ASSERT(wait_for(&end, NULL, end.shared == 2));
    port_end_turn(&end, NULL);
    sleeper = (struct sleeper){.fd = end.guest_fd};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&sleeper.thread, NULL, sleep_once, &sleeper), 0);
    CU_ASSERT(wait_until(atomic_load(&sleeper.id) != 0 && is_asleep(&sleeper), 60000));
    CU_ASSERT_EQUAL(port_end_send(&far, far.last, "for the guest"), MAIKO_OK);
    pthread_join(sleeper.thread, NULL);
    CU_ASSERT(is_readable(end.shared_fd[1]));
    CU_ASSERT_EQUAL(port_end_send(&stranger, from_stranger, "for the thread"), MAIKO_OK);
    CU_ASSERT(is_readable(end.shared_fd[0]));
    end.frames = 0;
    CU_ASSERT(wait_until(!zmq_port_visit(end.port, 4), 60000));
    turn_at_once(&end);
    CU_ASSERT_EQUAL(end.frames, 2);
    port_end_close(&stranger);
    port_end_close(&far);
    port_end_close(&end);
}

/* ---- plain peers ---- */

static void a_plain_request_is_answered_with_its_delimiter(void)
{
    struct port_end server;
    void *context = zmq_ctx_new();
    void *request = zmq_socket(context, ZMQ_REQ);
    char answer[64] = "";

    port_end_open(&server, NULL);
    CU_ASSERT_EQUAL(zmq_connect(request, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*")), 0);
    CU_ASSERT_EQUAL(zmq_send(request, "question", 8, 0), 8);
    CU_ASSERT(wait_for(&server, NULL, server.frames == 1));
    CU_ASSERT_STRING_EQUAL(server.frame, "question");
    CU_ASSERT_EQUAL(port_end_send(&server, server.last, "answer"), MAIKO_OK);
    CU_ASSERT_EQUAL(zmq_recv(request, answer, sizeof(answer), 0), 6);
    CU_ASSERT_STRING_EQUAL(answer, "answer");
    zmq_close(request);
    zmq_ctx_term(context);
    port_end_close(&server);
}

static bool receives(void *subscriber, char *text, size_t size)
{
    int len = zmq_recv(subscriber, text, size - 1, ZMQ_DONTWAIT);

    text[len < 0 ? 0 : len] = '\0';
    if (len >= 0)
        zmq_recv(subscriber, text + strlen(text), size - 1 - strlen(text), 0);
    return len >= 0;
}

static void a_plain_listener_gets_what_it_may_have_and_nothing_else(void)
{
    struct port_end server;
    void *context = zmq_ctx_new();
    void *subscriber = zmq_socket(context, ZMQ_SUB);
    const char *endpoint;
    char got[64] = "";

    port_end_open(&server, NULL);
    strcpy(server.allowed_prefix, "weather/");
    endpoint = port_end_bind(&server, PORT_LISTENERS, "tcp://127.0.0.1:*");
    CU_ASSERT_FALSE(zmq_port_has_listener(server.port, "weather/reading"));
    CU_ASSERT_EQUAL(zmq_setsockopt(subscriber, ZMQ_SUBSCRIBE, "secret", 6), 0);
    CU_ASSERT_EQUAL(zmq_setsockopt(subscriber, ZMQ_SUBSCRIBE, "weather/", 8), 0);
    CU_ASSERT_EQUAL(zmq_connect(subscriber, endpoint), 0);
    CU_ASSERT(wait_for(&server, NULL, server.listening == 1 && server.warnings == 1));
    CU_ASSERT_PTR_NOT_NULL(strstr(server.warning, "may not listen to \"secret\""));
    CU_ASSERT(zmq_port_has_listener(server.port, "weather/reading"));
    CU_ASSERT_FALSE(zmq_port_has_listener(server.port, "secret/plan"));
    CU_ASSERT_EQUAL(zmq_port_publish(server.port, "secret/plan", "s", 1), MAIKO_OK);
    CU_ASSERT_EQUAL(zmq_port_publish(server.port, "weather/reading", "w", 1), MAIKO_OK);
    CU_ASSERT(wait_until(receives(subscriber, got, sizeof(got)), 60000));
    CU_ASSERT_STRING_EQUAL(got, "weather/readingw");
    zmq_close(subscriber);
    zmq_ctx_term(context);
    CU_ASSERT(wait_for(&server, NULL, server.listening == 0));
    CU_ASSERT_FALSE(zmq_port_has_listener(server.port, "weather/reading"));
    port_end_close(&server);
}

static void a_listener_there_is_no_memory_for_is_reported(void)
{
    struct failing_allocator failing;
    struct port_end server;
    void *context = zmq_ctx_new();
    void *subscriber = zmq_socket(context, ZMQ_SUB);
    const char *endpoint;
    struct heap heap;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    CU_ASSERT_EQUAL_FATAL(port_end_try_open_on(&server, &heap, NULL), MAIKO_OK);
    endpoint = port_end_bind(&server, PORT_LISTENERS, "tcp://127.0.0.1:*");
    failing_allocator_fail_from(&failing, 0);
    CU_ASSERT_EQUAL(zmq_setsockopt(subscriber, ZMQ_SUBSCRIBE, "weather/", 8), 0);
    CU_ASSERT_EQUAL(zmq_connect(subscriber, endpoint), 0);
    CU_ASSERT(wait_for(&server, NULL, server.warnings > 0));
    CU_ASSERT_PTR_NOT_NULL(strstr(server.warning, "no memory for key (none) to listen to \"weather/\""));
    CU_ASSERT_EQUAL(server.listening, 0);
    failing_allocator_fail_nth(&failing, -1);
    zmq_close(subscriber);
    zmq_ctx_term(context);
    port_end_close(&server);
    CU_ASSERT(failing_allocator_is_balanced(&failing));
}

static void a_frame_there_is_no_memory_for_is_reported(void)
{
    struct failing_allocator failing;
    struct port_end server;
    void *context = zmq_ctx_new();
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    const char *endpoint;
    struct heap heap;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    CU_ASSERT_EQUAL_FATAL(port_end_try_open_on(&server, &heap, NULL), MAIKO_OK);
    endpoint = port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*");
    failing_allocator_fail_from(&failing, 0);
    CU_ASSERT_EQUAL(zmq_connect(dealer, endpoint), 0);
    CU_ASSERT_EQUAL(zmq_send(dealer, "x", 1, 0), 1);
    CU_ASSERT(wait_for(&server, NULL, server.warnings > 0));
    CU_ASSERT_PTR_NOT_NULL(strstr(server.warning, "a frame from 127.0.0.1: no memory"));
    CU_ASSERT_EQUAL(server.frames, 0);
    failing_allocator_fail_nth(&failing, -1);
    zmq_close(dealer);
    zmq_ctx_term(context);
    port_end_close(&server);
    CU_ASSERT(failing_allocator_is_balanced(&failing));
}

struct listener {
    void *socket;
    unsigned long received;
};

static void *listen_slowly(void *context, const char *endpoint)
{
    void *socket = zmq_socket(context, ZMQ_SUB);
    int one = 1;
    int none = 0;

    CU_ASSERT_EQUAL(zmq_setsockopt(socket, ZMQ_RCVHWM, &one, sizeof(one)), 0);
    CU_ASSERT_EQUAL(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof(none)), 0);
    CU_ASSERT_EQUAL(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "t", 1), 0);
    CU_ASSERT_EQUAL(zmq_connect(socket, endpoint), 0);
    return socket;
}

static void listen_on(struct listener *listener)
{
    char bytes[4096];

    while (zmq_recv(listener->socket, bytes, sizeof(bytes), ZMQ_DONTWAIT) >= 0)
        listener->received += zmq_recv(listener->socket, bytes, sizeof(bytes), 0) == (int)sizeof(bytes);
}

/* So many; returns how many of them were said to be lost. */
static unsigned long publish_many(struct port_end *server, unsigned long count, struct listener *quick)
{
    static const char bytes[4096] = "";
    unsigned long lost = 0;
    unsigned long i;

    for (i = 0; i < count; i++) {
        maiko_status status = zmq_port_publish(server->port, "t", bytes, sizeof(bytes));

        CU_ASSERT(status == MAIKO_OK || status == MAIKO_EFULL);
        lost += status == MAIKO_EFULL;
        if (quick != NULL)
            listen_on(quick);
    }
    return lost;
}

/* libzmq says so of the first it loses, and no more until half of what waits has left; that nobody got one is seen for each. */
static void what_the_only_listener_loses_is_counted_exactly(void)
{
    enum { MANY = 30000, ROUNDS = 3 };
    void *context = zmq_ctx_new();
    struct port_end server;
    struct listener slow;
    unsigned long lost = 0;
    unsigned round;

    port_end_open(&server, NULL);
    slow = (struct listener){.socket = listen_slowly(context, port_end_bind(&server, PORT_LISTENERS, "tcp://127.0.0.1:*"))};
    CU_ASSERT(wait_for(&server, NULL, server.listening == 1));
    for (round = 1; round <= ROUNDS; round++) {
        lost += publish_many(&server, MANY, NULL);
        CU_ASSERT(wait_until((listen_on(&slow), slow.received + lost >= (unsigned long)MANY * round), 60000));
        CU_ASSERT_EQUAL(slow.received + lost, (unsigned long)MANY * round);
    }
    CU_ASSERT(lost > MANY / 2);
    zmq_close(slow.socket);
    zmq_ctx_term(context);
    CU_ASSERT(wait_for(&server, NULL, server.listening == 0));
    CU_ASSERT_EQUAL(publish_many(&server, 10, NULL), 0); /* nobody has lost anything */
    port_end_close(&server);
}

/* Beside one that keeps up the slow one is left out without a word: what is counted is less than what it lost. */
static void what_one_of_several_listeners_loses_is_counted_at_least(void)
{
    enum { MANY = 30000 };
    void *context = zmq_ctx_new();
    struct listener quick = {.received = 0};
    struct listener slow = {.received = 0};
    struct port_end server;
    const char *endpoint;
    unsigned long lost;

    port_end_open(&server, NULL);
    endpoint = port_end_bind(&server, PORT_LISTENERS, "tcp://127.0.0.1:*");
    slow.socket = listen_slowly(context, endpoint);
    quick.socket = zmq_socket(context, ZMQ_SUB);
    CU_ASSERT_EQUAL(zmq_setsockopt(quick.socket, ZMQ_SUBSCRIBE, "", 0), 0);
    CU_ASSERT_EQUAL(zmq_connect(quick.socket, endpoint), 0);
    CU_ASSERT(wait_for(&server, NULL, server.listening == 2));
    lost = publish_many(&server, MANY, &quick);
    CU_ASSERT(lost >= 1);
    CU_ASSERT(wait_until((listen_on(&slow), listen_on(&quick), port_end_turn(&server, NULL), slow.received > 0), 60000));
    CU_ASSERT(slow.received + lost <= MANY);
    zmq_close(quick.socket);
    zmq_close(slow.socket);
    zmq_ctx_term(context);
    port_end_close(&server);
}

/* ---- what must not happen ---- */

static int hold_endpoint(void *userdata)
{
    struct port_end end;

    if (port_end_try_open(&end, NULL) != MAIKO_OK)
        return 1;
    port_end_bind(&end, PORT_LINKS, userdata);
    puts("bound");
    fflush(stdout);
    for (;;)
        port_end_turn(&end, NULL);
}

static void a_live_owners_socket_is_never_stolen_and_a_stale_one_replaced(void)
{
    char bound[PORT_ENDPOINT_MAX];
    char endpoint[80];
    char line[16] = "";
    struct child child;
    struct port_end end;

    snprintf(endpoint, sizeof(endpoint), "ipc:///tmp/maiko-port-%d", (int)getpid());
    CU_ASSERT_TRUE_FATAL(child_start(&child, hold_endpoint, endpoint));
    CU_ASSERT(read(child.output_fd, line, 6) == 6);
    port_end_open(&end, NULL);
    CU_ASSERT_EQUAL(zmq_port_bind(end.port, PORT_LINKS, endpoint, bound, port_end_error()), MAIKO_EEXIST);
    CU_ASSERT_PTR_NOT_NULL(strstr(port_end_reason, "somebody listens"));
    child_signal(&child, 9);
    child_end(&child, 60000);
    CU_ASSERT_EQUAL(zmq_port_bind(end.port, PORT_LINKS, endpoint, bound, port_end_error()), MAIKO_OK);
    port_end_close(&end);
    unlink(endpoint + 6);
}

/* Lowers the limit of this process below what a port sleeps on; in a child, as libzmq has the limit, too. */
static int sleep_on_more_than_there_may_be(void *userdata)
{
    struct rlimit before;
    struct rlimit less;
    struct port_end server;
    struct port_end client;
    struct route *route;
    struct clock clock;
    unsigned turns = 0;
    uint64_t end_ns;
    bool is_told;

    port_end_open(&server, NULL);
    port_end_open(&client, NULL);
    route = port_end_connect(&client, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"), "");
    if (!wait_for(&client, &server, client.ups == 1) || getrlimit(RLIMIT_NOFILE, &before) != 0)
        return 1;
    less = before;
    less.rlim_cur = 2;
    if (setrlimit(RLIMIT_NOFILE, &less) != 0)
        return 2;
    clock_init(&clock);
    end_ns = clock_mono_ns(&clock) + MAIKO_MS(300);
    for (; clock_mono_ns(&clock) < end_ns; turns++)
        zmq_port_run(server.port, end_ns);
    if (turns > 60 || server.starved != 1)
        return 3;
    if (port_end_send(&client, route, "hello") != MAIKO_OK || !wait_for(&client, &server, server.frames == 1))
        return 4;
    if (port_end_send(&server, server.last, "welcome") != MAIKO_OK || !wait_for(&client, &server, client.frames == 1))
        return 5;
    is_told = server.starved == 1 && client.starved == 1 && server.is_starved && client.is_starved;
    if (!is_told || setrlimit(RLIMIT_NOFILE, &before) != 0)
        return 6;
    if (!wait_for(&client, &server, !server.is_starved && !client.is_starved))
        return 7;
    port_end_close(&client);
    port_end_close(&server);
    return 0;
}

static void a_port_that_sleeps_on_more_than_there_may_be_neither_spins_nor_stops(void)
{
    CU_ASSERT_EQUAL(child_run(sleep_on_more_than_there_may_be, NULL, 60000), 0);
}

static int run_out_of_descriptors(void *userdata)
{
    struct rlimit limit = {.rlim_cur = 40, .rlim_max = 40};
    struct route *route;
    struct port_end end;
    maiko_status status = MAIKO_OK;
    int connections = 0;

    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || port_end_try_open(&end, NULL) != MAIKO_OK)
        return 1;
    while (status == MAIKO_OK && connections++ < 100)
        status = zmq_port_connect(end.port, "tcp://127.0.0.1:9", "", &route, port_end_error());
    port_end_close(&end);
    printf("%s\n", port_end_reason);
    return status == MAIKO_ELIMIT && connections > 1 && strstr(port_end_reason, "RLIMIT_NOFILE") != NULL ? 0 : 2;
}

static void running_out_of_descriptors_is_an_error_and_no_abort(void)
{
    CU_ASSERT_EQUAL(child_run(run_out_of_descriptors, NULL, 60000), 0);
}

static void send_raw(const char *endpoint, const void *bytes, size_t len)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1));
    CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT(send(fd, bytes, len, MSG_NOSIGNAL) >= 0);
    close(fd);
}

static void garbage_at_the_sockets_hurts_nobody(void)
{
    struct port_keys server_keys = port_keys_make();
    char links[PORT_ENDPOINT_MAX];
    char listeners[PORT_ENDPOINT_MAX];
    unsigned char bytes[512];
    struct port_end server;
    struct port_end client;
    void *context = zmq_ctx_new();
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    int i;

    port_end_open(&server, &server_keys);
    strcpy(links, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"));
    strcpy(listeners, port_end_bind(&server, PORT_LISTENERS, "tcp://127.0.0.1:*"));
    for (i = 0; i < 64; i++) {
        memset(bytes, i * 37, sizeof(bytes));
        if (i % 2)
            memcpy(bytes, "\xff\0\0\0\0\0\0\0\1\x7f\3\0CURVE", 17);
        send_raw(i % 3 ? links : listeners, bytes, (size_t)(i * 8));
        port_end_turn(&server, NULL);
    }
    port_end_close(&server);
    port_end_open(&server, NULL); /* and more message parts than anybody sends */
    CU_ASSERT_EQUAL(zmq_connect(dealer, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*")), 0);
    for (i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(zmq_send(dealer, "x", 1, i < 9 ? ZMQ_SNDMORE : 0), 1);
    CU_ASSERT_EQUAL(zmq_send(dealer, "good", 4, 0), 4);
    CU_ASSERT(wait_for(&server, NULL, server.frames == 1));
    CU_ASSERT_STRING_EQUAL(server.frame, "good");
    port_end_open(&client, NULL);
    port_end_close(&client);
    zmq_close(dealer);
    zmq_ctx_term(context);
    port_end_close(&server);
}

static void closing_does_not_wait_for_a_peer_that_does_not_read(void)
{
    struct port_end server;
    struct port_end client;
    struct route *route;
    char *bytes = calloc(1, 1 << 20);
    uint64_t deadline;
    int i;

    port_end_open(&server, NULL);
    port_end_open(&client, NULL);
    route = port_end_connect(&client, port_end_bind(&server, PORT_LINKS, "tcp://127.0.0.1:*"), "");
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    for (i = 0; i < 64; i++) /* the server never turns */
        CU_ASSERT_EQUAL(zmq_port_send(client.port, route, bytes, 1 << 20), MAIKO_OK);
    deadline = wait_deadline_ns(20000);
    client.port = zmq_port_close(client.port, 50);
    CU_ASSERT(wait_a_moment(deadline));
    port_end_close(&server);
    free(bytes);
}

static const struct test_case cases[] = {
    TEST_CASE(frames_travel_both_ways),
    TEST_CASE(a_connection_may_be_made_before_anybody_listens),
    TEST_CASE(sending_to_a_peer_that_is_gone_is_an_error),
    TEST_CASE(a_caller_that_nobody_owns_is_forgotten_when_it_leaves),
    TEST_CASE(two_hundred_reconnects_leave_no_descriptor),
    TEST_CASE(a_local_connection_has_room_for_a_frame_at_both_ends),
    TEST_CASE(malloc_keeps_room_for_frames),
    TEST_CASE(what_the_user_tells_malloc_stands),
    TEST_CASE(what_a_guest_does_not_get_to_is_read_at_the_next_turn),
    TEST_CASE(a_plain_request_is_answered_with_its_delimiter),
    TEST_CASE(a_plain_listener_gets_what_it_may_have_and_nothing_else),
    TEST_CASE(a_listener_there_is_no_memory_for_is_reported),
    TEST_CASE(a_frame_there_is_no_memory_for_is_reported),
    TEST_CASE(what_the_only_listener_loses_is_counted_exactly),
    TEST_CASE(what_one_of_several_listeners_loses_is_counted_at_least),
    TEST_CASE(a_live_owners_socket_is_never_stolen_and_a_stale_one_replaced),
    TEST_CASE(running_out_of_descriptors_is_an_error_and_no_abort),
    TEST_CASE(a_port_that_sleeps_on_more_than_there_may_be_neither_spins_nor_stops),
    TEST_CASE(garbage_at_the_sockets_hurts_nobody),
    TEST_CASE(closing_does_not_wait_for_a_peer_that_does_not_read),
};

SUITE_MAIN("zmq_port", cases)
