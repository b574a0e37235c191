/* Hostile bytes at every socket of a node that works: links over TCP and ipc, plain listeners' XPUB, the control socket; raw
 * bytes below ZeroMQ, frames that are none, frames that once were good ones, also inside a session.  Whoever is honest notices
 * nothing. */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "lib/bridge_end.h"
#include "lib/dice.h"
#include "lib/leaks.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "wire/frame.h"

/* The nodes may still be about to open a control connection each way when descriptors are counted first: two ends each.  A leak
 * of every round is many more, and whatever outlives the nodes is found when the case has ended. */
enum { FRAME_SIZE = 4096, ROUNDS = 150, CORPUS_MAX = 400, CONTROL_FDS = 4 };

static struct host host;
static struct dice dice;

/* ---- what is thrown ---- */

struct bytes {
    unsigned char data[FRAME_SIZE];
    size_t len;
};

/* Frames as they should be, and as fuzzing found them. */
static struct bytes *corpus;
static size_t corpus_count;

static void read_corpus(const char *target)
{
    const char *source = getenv("MAIKO_SRCDIR");
    struct dirent *entry;
    char path[1200];
    DIR *directory;

    snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", source != NULL ? source : "..", target);
    directory = opendir(path);
    while (directory != NULL && (entry = readdir(directory)) != NULL && corpus_count < CORPUS_MAX) {
        char file_path[1600];
        FILE *file;

        snprintf(file_path, sizeof(file_path), "%s/%s", path, entry->d_name);
        file = entry->d_name[0] == '.' ? NULL : fopen(file_path, "r");
        if (file == NULL)
            continue;
        corpus[corpus_count].len = fread(corpus[corpus_count].data, 1, FRAME_SIZE, file);
        corpus_count++;
        fclose(file);
    }
    if (directory != NULL)
        closedir(directory);
}

static void throw_bytes(struct bytes *bytes)
{
    static const char greeting[] = "\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL";
    size_t i;

    bytes->len = dice_below(&dice, 600);
    for (i = 0; i < bytes->len; i++)
        bytes->data[i] = (unsigned char)dice_throw(&dice);
    if (dice_percent(&dice, 50) && bytes->len >= 64) { /* a ZMTP greeting, to get past the door */
        memset(bytes->data, 0, 64);
        memcpy(bytes->data, greeting, sizeof(greeting) - 1);
    }
}

/* One of the corpus, often with some bytes changed or its end cut off. */
static void throw_frame(struct bytes *bytes)
{
    int changes = (int)dice_below(&dice, 4);

    *bytes = corpus[dice_below(&dice, corpus_count)];
    while (changes-- > 0 && bytes->len > 0) {
        size_t at = dice_below(&dice, bytes->len);

        bytes->data[at] = (unsigned char)dice_throw(&dice);
    }
    if (dice_percent(&dice, 10))
        bytes->len = dice_below(&dice, bytes->len + 1);
}

/* ---- below ZeroMQ ---- */

static void send_raw(int fd, const struct sockaddr *address, socklen_t len)
{
    struct bytes bytes;

    throw_bytes(&bytes);
    if (connect(fd, address, len) == 0)
        (void)!send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    close(fd);
}

static void send_raw_to_port(const char *endpoint)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1)),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    send_raw(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), (const struct sockaddr *)&address, sizeof(address));
}

static void send_raw_to_file(const char *name)
{
    static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t i;

    snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/maiko/bridge/publisher/%s", host.scratch.path, name);
    for (i = 0; i < 2; i++)
        send_raw(socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0), (const struct sockaddr *)&address, sizeof(address));
}

/* ---- through ZeroMQ ---- */

static void *open_socket(void *context, int type, const char *endpoint)
{
    void *socket = zmq_socket(context, type);
    const int linger_ms = 200;

    zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof(linger_ms));
    CU_ASSERT_EQUAL(zmq_connect(socket, endpoint), 0);
    return socket;
}

/* Some become a node of the space first. */
static void say_hello(void *socket, uint64_t session)
{
    struct pack pack;
    const uint64_t hi = dice_throw(&dice);
    const uint64_t lo = dice_throw(&dice);
    const struct frame hello = {.kind = FRAME_HELLO,
                                .session = session,
                                .hello = {.min = 1,
                                          .max = 1,
                                          .space = slice_of("bridge"),
                                          .name = slice_of("stranger"),
                                          .host = slice_of(""),
                                          .node = {.hi = hi, .lo = lo},
                                          .epoch = 1}};

    pack_init(&pack, heap_default(), FRAME_SIZE);
    frame_write(&pack, &hello);
    CU_ASSERT_EQUAL(zmq_send(socket, pack.data, pack.len, 0), (int)pack.len);
    pack_deinit(&pack);
}

static void send_frames(void *context, int type, const char *endpoint)
{
    void *socket = open_socket(context, type, endpoint);
    size_t count = 1 + dice_below(&dice, 8);
    struct bytes bytes;

    if (type == ZMQ_DEALER && dice_percent(&dice, 50))
        say_hello(socket, 1);
    while (count-- > 0) {
        if (dice_percent(&dice, 20))
            throw_bytes(&bytes);
        else
            throw_frame(&bytes);
        if (type == ZMQ_XSUB && bytes.len > 0)
            bytes.data[0] = (unsigned char)dice_below(&dice, 3);
        (void)!zmq_send(socket, bytes.data, bytes.len, dice_percent(&dice, 20) ? ZMQ_SNDMORE : 0);
    }
    zmq_close(socket);
}

/* ---- the node ---- */

static void attack(void *context, struct bridge_end *node)
{
    char ipc[600];

    snprintf(ipc, sizeof(ipc), "ipc://%.500s/maiko/bridge/publisher/link", host.scratch.path);
    send_raw_to_port(maiko_bridge_endpoint(node->bridge, 0));
    send_raw_to_port(maiko_bridge_endpoint(node->bridge, 1));
    send_raw_to_file("control");
    send_raw_to_file("link");
    send_frames(context, ZMQ_DEALER, maiko_bridge_endpoint(node->bridge, 0));
    send_frames(context, ZMQ_DEALER, ipc);
    send_frames(context, ZMQ_XSUB, maiko_bridge_endpoint(node->bridge, 1));
}

/* What say_hello() says makes a session; without that, half of the attacks would end at the door. */
static void check_hello(void *context, struct bridge_end *node)
{
    void *socket = open_socket(context, ZMQ_DEALER, maiko_bridge_endpoint(node->bridge, 0));

    say_hello(socket, 1);
    CU_ASSERT(wait_until(bridge_end_counters(node).peers == 2, 60000));
    zmq_close(socket);
    CU_ASSERT(wait_until(bridge_end_counters(node).peers == 1, 60000));
}

static void start_pair(struct bridge_end *publisher, struct bridge_end *subscriber)
{
    bridge_end_make(publisher, "publisher", NULL, "#");
    CU_ASSERT_EQUAL(bridge_end_export(publisher, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_import(publisher, "#", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_know_type(publisher->bridge, MAIKO_TYPE(counted)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(publisher->bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_publish_at(publisher->bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(publisher), MAIKO_OK);
    bridge_end_make(subscriber, "subscriber", NULL, "count/up");
    CU_ASSERT_EQUAL(bridge_end_import(subscriber, "count/up", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(subscriber), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher->bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
}

static void hostile_bytes_at_every_socket_hurt_nobody(void)
{
    struct bridge_end publisher;
    struct bridge_end subscriber;
    void *context;
    unsigned fds;
    uint64_t number;

    dice_init(&dice);
    host_init(&host);
    bridge_end_use(MAIKO_TRANSPORT_ZMQ);
    corpus = calloc(CORPUS_MAX, sizeof(*corpus));
    CU_ASSERT_PTR_NOT_NULL_FATAL(corpus);
    read_corpus("fuzz_frame");
    read_corpus("fuzz_envelope");
    CU_ASSERT_FATAL(corpus_count > 50);
    start_pair(&publisher, &subscriber);
    fds = leaks_count_fds();
    context = zmq_ctx_new();
    check_hello(context, &publisher);
    for (number = 1; number <= ROUNDS; number++) {
        attack(context, &publisher);
        CU_ASSERT_EQUAL(bridge_end_publish(&publisher, number), MAIKO_OK);
        CU_ASSERT_TRUE_FATAL(wait_until(subscriber.last == number, 60000));
    }
    zmq_ctx_term(context);
    CU_ASSERT_EQUAL(subscriber.received, ROUNDS);
    CU_ASSERT_EQUAL(subscriber.not_rising + subscriber.holes, 0);
    CU_ASSERT_EQUAL(bridge_end_counters(&subscriber).gaps, 0);
    CU_ASSERT_EQUAL(bridge_end_counters(&publisher).imported, 0);
    CU_ASSERT(wait_until(bridge_end_counters(&publisher).peers == 1, 60000));
    CU_ASSERT(wait_until(leaks_count_fds() <= fds + CONTROL_FDS, 60000));
    bridge_end_stop(&subscriber);
    bridge_end_stop(&publisher);
    free(corpus);
    host_deinit(&host);
}

static const struct test_case cases[] = {TEST_CASE(hostile_bytes_at_every_socket_hurt_nobody)};
SUITE_MAIN_TIMEOUT("hostile", cases, 300)
