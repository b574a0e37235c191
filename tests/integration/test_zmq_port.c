/* The ZeroMQ side with real sockets: order of starting, keys, faults, plain peers, limits, hostile bytes. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
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
#include "lib/suite.h"
#include "link/zmq_curve.h"
#include "link/zmq_port.h"

/* ---- one end ---- */

struct end {
    struct zmq_port *port;
    struct route *last; /* the frame came from */
    char frame[256];
    unsigned frames;
    unsigned ups;
    unsigned downs;
    unsigned forgotten;
    enum route_fault fault;
    bool admits;
    char admitted_key[KEY_TEXT_SIZE];
    char allowed_prefix[32];
    char warning[512];
    unsigned warnings;
    unsigned listening;
    int guest_fd;     /* epoll: what a guest sleeps on first; 0: there is none */
    int shared_fd[8]; /* in the order in which they came */
    unsigned shared;
};

static void on_frame(struct route *route, const unsigned char *bytes, size_t len, void *userdata)
{
    struct end *end = userdata;

    end->last = route;
    end->frames++;
    snprintf(end->frame, sizeof(end->frame), "%.*s", (int)len, (const char *)bytes);
}

static void on_up(struct route *route, void *userdata)
{
    ((struct end *)userdata)->ups++;
}

static void on_down(struct route *route, enum route_fault fault, void *userdata)
{
    ((struct end *)userdata)->downs++;
    ((struct end *)userdata)->fault = fault;
}

static void on_forgotten(struct route *route, void *userdata)
{
    ((struct end *)userdata)->forgotten++;
}

static bool on_admit(const char *key, const char *address, void *userdata)
{
    struct end *end = userdata;

    snprintf(end->admitted_key, sizeof(end->admitted_key), "%s", key);
    return end->admits;
}

static bool on_may_listen(const char *key, const char *prefix, size_t len, void *userdata)
{
    struct end *end = userdata;

    return len >= strlen(end->allowed_prefix) && memcmp(prefix, end->allowed_prefix, strlen(end->allowed_prefix)) == 0;
}

static void on_listening(const char *prefix, size_t len, bool is_on, void *userdata)
{
    struct end *end = userdata;

    end->listening += is_on ? 1 : (unsigned)-1;
}

static void on_warning(const char *text, void *userdata)
{
    struct end *end = userdata;

    end->warnings++;
    snprintf(end->warning, sizeof(end->warning), "%s", text);
}

static char reason[512];
static struct text error;

static struct text *fresh_error(void)
{
    text_init_buffer(&error, reason, sizeof(reason));
    return &error;
}

struct keys {
    char public_key[KEY_TEXT_SIZE];
    char secret_key[KEY_TEXT_SIZE];
};

static struct keys make_keys(void)
{
    struct keys keys;

    CU_ASSERT_EQUAL_FATAL(curve_generate(keys.public_key, keys.secret_key), MAIKO_OK);
    return keys;
}

static maiko_status try_open(struct end *end, const struct keys *keys)
{
    struct zmq_port_config config = {.heap = heap_default(),
                                     .hooks = {on_frame, on_up, on_down, on_forgotten, on_admit, on_may_listen, on_listening,
                                               .warn = on_warning, .userdata = end}};

    memset(end, 0, sizeof(*end));
    end->admits = true;
    if (keys != NULL) {
        memcpy(config.public_key, keys->public_key, KEY_TEXT_SIZE);
        memcpy(config.secret_key, keys->secret_key, KEY_TEXT_SIZE);
    }
    return zmq_port_open(&config, &end->port, fresh_error());
}

static void on_share(int fd, void *userdata)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, .data.fd = fd};
    struct end *end = userdata;

    if (end->shared < sizeof(end->shared_fd) / sizeof(end->shared_fd[0]) &&
        epoll_ctl(end->guest_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        end->shared_fd[end->shared++] = fd;
}

static void on_unshare(int fd, void *userdata)
{
    (void)epoll_ctl(((struct end *)userdata)->guest_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* Its guest is this thread, which calls zmq_port_visit() between two turns. */
static void open_end_with_guest(struct end *end)
{
    struct zmq_port_config config = {.heap = heap_default(),
                                     .hooks = {.frame = on_frame,
                                               .up = on_up,
                                               .down = on_down,
                                               .forgotten = on_forgotten,
                                               .admit = on_admit,
                                               .share = on_share,
                                               .unshare = on_unshare,
                                               .userdata = end}};

    memset(end, 0, sizeof(*end));
    end->admits = true;
    end->guest_fd = epoll_create1(EPOLL_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(zmq_port_open(&config, &end->port, fresh_error()), MAIKO_OK);
}

static void open_end(struct end *end, const struct keys *keys)
{
    CU_ASSERT_EQUAL_FATAL(try_open(end, keys), MAIKO_OK);
}

static void close_end(struct end *end)
{
    end->port = zmq_port_close(end->port, 0);
    if (end->guest_fd > 0)
        close(end->guest_fd);
}

/* One turn of each, a few milliseconds at most; for wait_until(). */
static bool turn(struct end *a, struct end *b)
{
    struct clock clock;

    clock_init(&clock);
    zmq_port_run(a->port, clock_mono_ns(&clock) + MAIKO_MS(1));
    if (b != NULL)
        zmq_port_run(b->port, clock_mono_ns(&clock) + MAIKO_MS(1));
    return true;
}

#define wait_for(a, b, condition) wait_until((turn(a, b), (condition)), 60000)

static const char *bind_end(struct end *end, enum port_door door, const char *endpoint)
{
    static char bound[PORT_ENDPOINT_MAX];

    CU_ASSERT_EQUAL_FATAL(zmq_port_bind(end->port, door, endpoint, bound, fresh_error()), MAIKO_OK);
    return bound;
}

static struct route *connect_end(struct end *end, const char *endpoint, const char *server_key)
{
    struct route *route = NULL;

    CU_ASSERT_EQUAL_FATAL(zmq_port_connect(end->port, endpoint, server_key, &route, fresh_error()), MAIKO_OK);
    return route;
}

static maiko_status send_text(struct end *end, struct route *route, const char *text)
{
    return zmq_port_send(end->port, route, text, strlen(text));
}

/* ---- links ---- */

static void frames_travel_both_ways(void)
{
    struct end server;
    struct end client;
    struct route *route;

    open_end(&server, NULL);
    open_end(&client, NULL);
    route = connect_end(&client, bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*"), "");
    CU_ASSERT_EQUAL(send_text(&client, route, "too early"), MAIKO_ECLOSED);
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT_EQUAL(send_text(&client, route, "hello"), MAIKO_OK);
    CU_ASSERT(wait_for(&client, &server, server.frames == 1));
    CU_ASSERT_STRING_EQUAL(server.frame, "hello");
    CU_ASSERT(route_is_incoming(server.last));
    CU_ASSERT_FALSE(route_is_local(server.last));
    CU_ASSERT_STRING_EQUAL(route_key(server.last), "");
    CU_ASSERT_EQUAL(send_text(&server, server.last, "welcome"), MAIKO_OK);
    CU_ASSERT(wait_for(&client, &server, client.frames == 1));
    CU_ASSERT_STRING_EQUAL(client.frame, "welcome");
    CU_ASSERT_PTR_EQUAL(client.last, route);
    close_end(&client);
    close_end(&server);
}

static void a_connection_may_be_made_before_anybody_listens(void)
{
    char endpoint[PORT_ENDPOINT_MAX];
    struct end server;
    struct end client;

    open_end(&server, NULL);
    strcpy(endpoint, bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*"));
    close_end(&server);
    open_end(&client, NULL);
    connect_end(&client, endpoint, "");
    CU_ASSERT(wait_for(&client, NULL, client.downs == 1));
    CU_ASSERT_EQUAL(client.fault, ROUTE_NO_ANSWER);
    open_end(&server, NULL);
    bind_end(&server, PORT_LINKS, endpoint);
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT_EQUAL(client.downs, 1); /* told once */
    close_end(&server);
    CU_ASSERT(wait_for(&client, NULL, client.downs == 2));
    CU_ASSERT_EQUAL(client.fault, ROUTE_LOST);
    close_end(&client);
}

static void sending_to_a_peer_that_is_gone_is_an_error(void)
{
    struct end server;
    struct end client;
    struct route *route;

    open_end(&server, NULL);
    open_end(&client, NULL);
    route = connect_end(&client, bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*"), "");
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT_EQUAL(send_text(&client, route, "hello"), MAIKO_OK);
    CU_ASSERT(wait_for(&client, &server, server.frames == 1));
    close_end(&client);
    CU_ASSERT(wait_for(&server, NULL, send_text(&server, server.last, "?") == MAIKO_ECLOSED));
    close_end(&server);
}

static void two_hundred_reconnects_leave_no_descriptor(void)
{
    struct end server;
    struct end client;
    const char *endpoint;
    unsigned i;

    open_end(&server, NULL);
    open_end(&client, NULL);
    endpoint = bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*");
    for (i = 1; i <= 200; i++) {
        struct route *route = connect_end(&client, endpoint, "");

        CU_ASSERT(wait_for(&client, &server, client.ups == i));
        CU_ASSERT_EQUAL(send_text(&client, route, "x"), MAIKO_OK);
        CU_ASSERT(wait_for(&client, &server, server.frames == i));
        zmq_port_disconnect(client.port, route, 0);
    }
    close_end(&client);
    close_end(&server);
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
    struct end server;
    struct end client;
    char path[64];
    char endpoint[80];

    snprintf(path, sizeof(path), "/tmp/maiko-port-%d", (int)getpid());
    snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
    open_end(&server, NULL);
    open_end(&client, NULL);
    bind_end(&server, PORT_LINKS, endpoint);
    connect_end(&client, endpoint, "");
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT(wait_for(&client, &server, ends_with_room(path, large_room()) == 2));
    close_end(&client);
    close_end(&server);
    unlink(path);
}

#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 33)
#define HAS_MALLINFO2
#endif
#endif

/* What libzmq receives a frame into is not mapped for it alone, nor given back at once. */
static void malloc_keeps_room_for_frames(void)
{
#ifdef HAS_MALLINFO2
    struct end end;
    size_t mapped;
    void *block;

    open_end(&end, NULL);
    mapped = mallinfo2().hblks;
    block = malloc(1024 * 1024);
    CU_ASSERT_PTR_NOT_NULL(block);
    CU_ASSERT_EQUAL(mallinfo2().hblks, mapped);
    free(block);
    close_end(&end);
#else
    suite_skip("malloc does not say what it has mapped");
#endif
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
static void turn_at_once(struct end *end)
{
    struct clock clock;

    clock_init(&clock);
    zmq_port_run(end->port, clock_mono_ns(&clock) + MAIKO_SECONDS(5));
}

/* Connects and says something, so that the other one can answer. */
static struct route *greet(struct end *client, struct end *server, const char *endpoint)
{
    struct route *route = connect_end(client, endpoint, "");
    unsigned ups = client->ups;
    unsigned frames = server->frames;

    CU_ASSERT_FATAL(wait_for(client, server, client->ups > ups));
    CU_ASSERT_EQUAL(send_text(client, route, "hello"), MAIKO_OK);
    CU_ASSERT_FATAL(wait_for(client, server, server->frames > frames));
    return route;
}

/* Only the guest was told of the connection we made, and it stops before that because of a stranger. */
static void what_a_guest_does_not_get_to_is_read_at_the_next_turn(void)
{
    struct sleeper sleeper;
    struct end end;
    struct end far;
    struct end stranger;
    struct route *from_stranger;

    open_end_with_guest(&end);
    open_end(&far, NULL);
    open_end(&stranger, NULL);
    greet(&end, &far, bind_end(&far, PORT_LINKS, "tcp://127.0.0.1:*"));
    from_stranger = greet(&stranger, &end, bind_end(&end, PORT_LINKS, "tcp://127.0.0.1:*"));
    CU_ASSERT(wait_for(&end, NULL, end.shared == 2));
    turn(&end, NULL);
    sleeper = (struct sleeper){.fd = end.guest_fd};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&sleeper.thread, NULL, sleep_once, &sleeper), 0);
    CU_ASSERT(wait_until(atomic_load(&sleeper.id) != 0 && is_asleep(&sleeper), 60000));
    CU_ASSERT_EQUAL(send_text(&far, far.last, "for the guest"), MAIKO_OK);
    pthread_join(sleeper.thread, NULL);
    CU_ASSERT(is_readable(end.shared_fd[1]));
    CU_ASSERT_EQUAL(send_text(&stranger, from_stranger, "for the thread"), MAIKO_OK);
    CU_ASSERT(is_readable(end.shared_fd[0]));
    end.frames = 0;
    CU_ASSERT(wait_until(!zmq_port_visit(end.port, 4), 60000));
    turn_at_once(&end);
    CU_ASSERT_EQUAL(end.frames, 2);
    close_end(&stranger);
    close_end(&far);
    close_end(&end);
}

/* ---- keys ---- */

static void an_admitted_key_comes_with_every_frame(void)
{
    struct keys server_keys = make_keys();
    struct keys client_keys = make_keys();
    struct end server;
    struct end client;
    struct route *route;

    open_end(&server, &server_keys);
    open_end(&client, &client_keys);
    route = connect_end(&client, bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*"), server_keys.public_key);
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT_STRING_EQUAL(server.admitted_key, client_keys.public_key);
    CU_ASSERT_EQUAL(send_text(&client, route, "hello"), MAIKO_OK);
    CU_ASSERT(wait_for(&client, &server, server.frames == 1));
    CU_ASSERT_STRING_EQUAL(route_key(server.last), client_keys.public_key);
    CU_ASSERT_STRING_EQUAL(route_key(route), server_keys.public_key);
    close_end(&client);
    close_end(&server);
}

static void a_wrong_server_key_is_named_as_such(void)
{
    struct keys server_keys = make_keys();
    struct keys other_keys = make_keys();
    struct keys client_keys = make_keys();
    struct end server;
    struct end client;

    open_end(&server, &server_keys);
    open_end(&client, &client_keys);
    connect_end(&client, bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*"), other_keys.public_key);
    CU_ASSERT(wait_for(&client, &server, client.downs > 0 && client.fault == ROUTE_SERVER_KEY_WRONG));
    CU_ASSERT(wait_for(&client, &server, strstr(server.warning, "does not have our public key") != NULL));
    CU_ASSERT_EQUAL(client.ups, 0);
    close_end(&client);
    close_end(&server);
}

static void a_refused_key_is_named_as_such_and_gets_in_once_it_is_admitted(void)
{
    struct keys server_keys = make_keys();
    struct keys client_keys = make_keys();
    struct end server;
    struct end client;

    open_end(&server, &server_keys);
    open_end(&client, &client_keys);
    server.admits = false;
    connect_end(&client, bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*"), server_keys.public_key);
    CU_ASSERT(wait_for(&client, &server, client.downs == 1));
    CU_ASSERT_EQUAL(client.fault, ROUTE_KEY_REFUSED);
    CU_ASSERT_EQUAL(server.warnings, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.warning, client_keys.public_key));
    CU_ASSERT_PTR_NOT_NULL(strstr(server.warning, "127.0.0.1"));
    server.admits = true; /* the file was changed and read again */
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    close_end(&client);
    close_end(&server);
}

static void a_peer_without_encryption_is_named_as_such(void)
{
    struct keys server_keys = make_keys();
    struct end server;
    struct end client;

    open_end(&server, &server_keys);
    open_end(&client, NULL);
    connect_end(&client, bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*"), "");
    CU_ASSERT(wait_for(&client, &server, client.downs > 0 && client.fault == ROUTE_NOT_ENCRYPTED));
    CU_ASSERT(wait_for(&client, &server, server.warnings > 0));
    close_end(&client);
    close_end(&server);
}

static void new_keys_take_effect_without_a_new_port(void)
{
    struct keys old_keys = make_keys();
    struct keys new_keys = make_keys();
    struct keys client_keys = make_keys();
    char endpoint[PORT_ENDPOINT_MAX];
    struct end server;
    struct end client;

    open_end(&server, &old_keys);
    open_end(&client, &client_keys);
    strcpy(endpoint, bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*"));
    connect_end(&client, endpoint, old_keys.public_key);
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    zmq_port_set_keys(server.port, new_keys.public_key, new_keys.secret_key);
    connect_end(&client, endpoint, new_keys.public_key);
    CU_ASSERT(wait_for(&client, &server, client.ups == 2));
    CU_ASSERT(wait_for(&client, &server, client.fault == ROUTE_SERVER_KEY_WRONG)); /* who has the old one learns why */
    close_end(&client);
    close_end(&server);
}

static void the_same_port_listens_without_keys_on_its_own_host(void)
{
    struct keys server_keys = make_keys();
    struct end server;
    struct end client;
    struct route *route;
    char path[64];
    char endpoint[80];

    open_end(&server, &server_keys);
    open_end(&client, NULL);
    bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*");
    snprintf(path, sizeof(path), "/tmp/maiko-port-%d", (int)getpid());
    snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
    bind_end(&server, PORT_LINKS, endpoint);
    route = connect_end(&client, endpoint, "");
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    CU_ASSERT_EQUAL(send_text(&client, route, "hello"), MAIKO_OK);
    CU_ASSERT(wait_for(&client, &server, server.frames == 1));
    CU_ASSERT(route_is_local(server.last));
    CU_ASSERT_STRING_EQUAL(route_key(server.last), "");
    close_end(&client);
    close_end(&server);
    unlink(path);
}

static int connect_as_another_user(void *userdata)
{
    struct end end;
    const char *endpoint = userdata;

    if (setresuid(4711, 4711, 4711) != 0)
        return 1;
    open_end(&end, NULL);
    connect_end(&end, endpoint, "");
    if (!wait_for(&end, NULL, end.downs > 0))
        return 2;
    close_end(&end);
    return end.ups == 0 && end.fault == ROUTE_KEY_REFUSED ? 0 : 3;
}

static void another_user_of_the_host_is_refused_on_ipc(void)
{
    struct end server;
    struct child child;
    char path[64];
    char endpoint[80];

    if (geteuid() != 0) {
        suite_skip("needs root to become another user");
        return;
    }
    if (getenv("MAIKO_SANITIZER") != NULL && strcmp(getenv("MAIKO_SANITIZER"), "thread") == 0) {
        suite_skip("the thread sanitizer allows no threads in a child forked beside others");
        return;
    }
    open_end(&server, NULL);
    snprintf(path, sizeof(path), "/tmp/maiko-port-%d", (int)getpid());
    snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
    bind_end(&server, PORT_LINKS, endpoint);
    CU_ASSERT_EQUAL(chmod(path, 0666), 0);
    CU_ASSERT_TRUE_FATAL(child_start(&child, connect_as_another_user, endpoint));
    CU_ASSERT(wait_for(&server, NULL, server.warnings > 0));
    CU_ASSERT_PTR_NOT_NULL(strstr(server.warning, "localhost:4711"));
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    close_end(&server);
    unlink(path);
}

/* ---- plain peers ---- */

static void a_plain_request_is_answered_with_its_delimiter(void)
{
    struct end server;
    void *context = zmq_ctx_new();
    void *request = zmq_socket(context, ZMQ_REQ);
    char answer[64] = "";

    open_end(&server, NULL);
    CU_ASSERT_EQUAL(zmq_connect(request, bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*")), 0);
    CU_ASSERT_EQUAL(zmq_send(request, "question", 8, 0), 8);
    CU_ASSERT(wait_for(&server, NULL, server.frames == 1));
    CU_ASSERT_STRING_EQUAL(server.frame, "question");
    CU_ASSERT_EQUAL(send_text(&server, server.last, "answer"), MAIKO_OK);
    CU_ASSERT_EQUAL(zmq_recv(request, answer, sizeof(answer), 0), 6);
    CU_ASSERT_STRING_EQUAL(answer, "answer");
    zmq_close(request);
    zmq_ctx_term(context);
    close_end(&server);
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
    struct end server;
    void *context = zmq_ctx_new();
    void *subscriber = zmq_socket(context, ZMQ_SUB);
    const char *endpoint;
    char got[64] = "";

    open_end(&server, NULL);
    strcpy(server.allowed_prefix, "weather/");
    endpoint = bind_end(&server, PORT_LISTENERS, "tcp://127.0.0.1:*");
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
    close_end(&server);
}

static void a_listener_that_does_not_keep_up_loses_and_is_noticed(void)
{
    struct end server;
    void *context = zmq_ctx_new();
    void *slow = zmq_socket(context, ZMQ_SUB);
    char bytes[4096] = "";
    const char *endpoint;
    int one = 1;
    unsigned long lost = 0;
    unsigned long i;

    open_end(&server, NULL);
    endpoint = bind_end(&server, PORT_LISTENERS, "tcp://127.0.0.1:*");
    CU_ASSERT_EQUAL(zmq_setsockopt(slow, ZMQ_RCVHWM, &one, sizeof(one)), 0);
    CU_ASSERT_EQUAL(zmq_setsockopt(slow, ZMQ_SUBSCRIBE, "t", 1), 0);
    CU_ASSERT_EQUAL(zmq_connect(slow, endpoint), 0);
    CU_ASSERT(wait_for(&server, NULL, server.listening == 1));
    for (i = 0; i < 20000 && lost == 0; i++)
        lost += zmq_port_publish(server.port, "t", bytes, sizeof(bytes)) == MAIKO_EFULL;
    CU_ASSERT_EQUAL(lost, 1);
    zmq_close(slow);
    zmq_ctx_term(context);
    close_end(&server);
}

/* ---- what must not happen ---- */

static int hold_endpoint(void *userdata)
{
    struct end end;

    if (try_open(&end, NULL) != MAIKO_OK)
        return 1;
    bind_end(&end, PORT_LINKS, userdata);
    puts("bound");
    fflush(stdout);
    for (;;)
        turn(&end, NULL);
}

static void a_live_owners_socket_is_never_stolen_and_a_stale_one_replaced(void)
{
    char bound[PORT_ENDPOINT_MAX];
    char endpoint[80];
    char line[16] = "";
    struct child child;
    struct end end;

    snprintf(endpoint, sizeof(endpoint), "ipc:///tmp/maiko-port-%d", (int)getpid());
    CU_ASSERT_TRUE_FATAL(child_start(&child, hold_endpoint, endpoint));
    CU_ASSERT(read(child.output_fd, line, 6) == 6);
    open_end(&end, NULL);
    CU_ASSERT_EQUAL(zmq_port_bind(end.port, PORT_LINKS, endpoint, bound, fresh_error()), MAIKO_EEXIST);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "somebody listens"));
    child_signal(&child, 9);
    child_end(&child, 60000);
    CU_ASSERT_EQUAL(zmq_port_bind(end.port, PORT_LINKS, endpoint, bound, fresh_error()), MAIKO_OK);
    close_end(&end);
    unlink(endpoint + 6);
}

static int run_out_of_descriptors(void *userdata)
{
    struct rlimit limit = {.rlim_cur = 40, .rlim_max = 40};
    struct route *route;
    struct end end;
    maiko_status status = MAIKO_OK;
    int connections = 0;

    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || try_open(&end, NULL) != MAIKO_OK)
        return 1;
    while (status == MAIKO_OK && connections++ < 100)
        status = zmq_port_connect(end.port, "tcp://127.0.0.1:9", "", &route, fresh_error());
    close_end(&end);
    printf("%s\n", reason);
    return status == MAIKO_ELIMIT && connections > 1 && strstr(reason, "RLIMIT_NOFILE") != NULL ? 0 : 2;
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
    struct keys server_keys = make_keys();
    char links[PORT_ENDPOINT_MAX];
    char listeners[PORT_ENDPOINT_MAX];
    unsigned char bytes[512];
    struct end server;
    struct end client;
    void *context = zmq_ctx_new();
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    int i;

    open_end(&server, &server_keys);
    strcpy(links, bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*"));
    strcpy(listeners, bind_end(&server, PORT_LISTENERS, "tcp://127.0.0.1:*"));
    for (i = 0; i < 64; i++) {
        memset(bytes, i * 37, sizeof(bytes));
        if (i % 2)
            memcpy(bytes, "\xff\0\0\0\0\0\0\0\1\x7f\3\0CURVE", 17);
        send_raw(i % 3 ? links : listeners, bytes, (size_t)(i * 8));
        turn(&server, NULL);
    }
    close_end(&server);
    open_end(&server, NULL); /* and more message parts than anybody sends */
    CU_ASSERT_EQUAL(zmq_connect(dealer, bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*")), 0);
    for (i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(zmq_send(dealer, "x", 1, i < 9 ? ZMQ_SNDMORE : 0), 1);
    CU_ASSERT_EQUAL(zmq_send(dealer, "good", 4, 0), 4);
    CU_ASSERT(wait_for(&server, NULL, server.frames == 1));
    CU_ASSERT_STRING_EQUAL(server.frame, "good");
    open_end(&client, NULL);
    close_end(&client);
    zmq_close(dealer);
    zmq_ctx_term(context);
    close_end(&server);
}

static void closing_does_not_wait_for_a_peer_that_does_not_read(void)
{
    struct end server;
    struct end client;
    struct route *route;
    char *bytes = calloc(1, 1 << 20);
    uint64_t deadline;
    int i;

    open_end(&server, NULL);
    open_end(&client, NULL);
    route = connect_end(&client, bind_end(&server, PORT_LINKS, "tcp://127.0.0.1:*"), "");
    CU_ASSERT(wait_for(&client, &server, client.ups == 1));
    for (i = 0; i < 64; i++) /* the server never turns */
        CU_ASSERT_EQUAL(zmq_port_send(client.port, route, bytes, 1 << 20), MAIKO_OK);
    deadline = wait_deadline_ns(20000);
    client.port = zmq_port_close(client.port, 50);
    CU_ASSERT(wait_a_moment(deadline));
    close_end(&server);
    free(bytes);
}

static const struct test_case cases[] = {
    TEST_CASE(frames_travel_both_ways),
    TEST_CASE(a_connection_may_be_made_before_anybody_listens),
    TEST_CASE(sending_to_a_peer_that_is_gone_is_an_error),
    TEST_CASE(two_hundred_reconnects_leave_no_descriptor),
    TEST_CASE(a_local_connection_has_room_for_a_frame_at_both_ends),
    TEST_CASE(malloc_keeps_room_for_frames),
    TEST_CASE(what_a_guest_does_not_get_to_is_read_at_the_next_turn),
    TEST_CASE(an_admitted_key_comes_with_every_frame),
    TEST_CASE(a_wrong_server_key_is_named_as_such),
    TEST_CASE(a_refused_key_is_named_as_such_and_gets_in_once_it_is_admitted),
    TEST_CASE(a_peer_without_encryption_is_named_as_such),
    TEST_CASE(new_keys_take_effect_without_a_new_port),
    TEST_CASE(the_same_port_listens_without_keys_on_its_own_host),
    TEST_CASE(another_user_of_the_host_is_refused_on_ipc),
    TEST_CASE(a_plain_request_is_answered_with_its_delimiter),
    TEST_CASE(a_plain_listener_gets_what_it_may_have_and_nothing_else),
    TEST_CASE(a_listener_that_does_not_keep_up_loses_and_is_noticed),
    TEST_CASE(a_live_owners_socket_is_never_stolen_and_a_stale_one_replaced),
    TEST_CASE(running_out_of_descriptors_is_an_error_and_no_abort),
    TEST_CASE(garbage_at_the_sockets_hurts_nobody),
    TEST_CASE(closing_does_not_wait_for_a_peer_that_does_not_read),
};

SUITE_MAIN("zmq_port", cases)
