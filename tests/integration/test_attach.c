/* Attaching: which transport a link gets, and that it is a working link either way. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zmq.h>

#include <maiko/space.h>

#include "lib/bridge_end.h"
#include "lib/leaks.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "link/shm_link.h"
#include "node/node.h"
#include "shm/shm_layout.h"
#include "space/attach.h"
#include "space/control.h"
#include "space/path.h"

enum { EVENTS = 500 };

static struct host host;

/* ---- a link between two nodes, one of which is this process ---- */

struct pair {
    struct bridge_end near; /* subscribes */
    struct bridge_end far;  /* publishes */
};

static void begin(struct pair *pair, const char *near, maiko_transport near_transport, const char *far,
                  maiko_transport far_transport)
{
    host_init(&host);
    bridge_end_make(&pair->near, near, &(maiko_bridge_config){.transport = near_transport}, "count/up");
    CU_ASSERT_EQUAL(bridge_end_import(&pair->near, "count/up", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&pair->near), MAIKO_OK);
    bridge_end_make(&pair->far, far, &(maiko_bridge_config){.transport = far_transport}, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&pair->far, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&pair->far), MAIKO_OK);
}

static void finish(struct pair *pair)
{
    bridge_end_stop(&pair->far);
    bridge_end_stop(&pair->near);
    host_deinit(&host);
}

struct looked {
    const char *transport;
    unsigned links;    /* ready ones, as both ends say */
    unsigned expected; /* of that transport */
};

static void look_at(const maiko_node_info *node, void *userdata)
{
    struct looked *looked = userdata;
    size_t i;

    for (i = 0; i < node->link_count; i++) {
        looked->links += strcmp(node->links[i].state, "ready") == 0;
        looked->expected +=
            strcmp(node->links[i].state, "ready") == 0 && strcmp(node->links[i].transport, looked->transport) == 0;
    }
}

/* Both ends say that the link is ready, and which transport it has. */
static bool both_are_linked_by(const char *transport)
{
    struct looked looked = {.transport = transport};

    return maiko_space_list(NULL, "bridge", look_at, &looked, NULL, 0) == MAIKO_OK && looked.links == 2 && looked.expected == 2;
}

static void expect_link(struct pair *pair, const char *transport)
{
    uint64_t i;

    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(pair->far.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT(wait_until(both_are_linked_by(transport), 60000));
    for (i = 1; i <= EVENTS; i++)
        CU_ASSERT_EQUAL(bridge_end_publish(&pair->far, i), MAIKO_OK);
    CU_ASSERT(wait_until(pair->near.received == EVENTS, 60000));
    CU_ASSERT_EQUAL(pair->near.not_rising + pair->near.holes, 0);
}

static void link_two(const char *near, maiko_transport near_transport, const char *far, maiko_transport far_transport,
                     const char *transport)
{
    struct pair pair;

    begin(&pair, near, near_transport, far, far_transport);
    expect_link(&pair, transport);
    finish(&pair);
}

/* The one with the smaller name connects: each end does once. */
static void nodes_of_a_space_share_memory(void)
{
    link_two("a", MAIKO_TRANSPORT_AUTO, "b", MAIKO_TRANSPORT_AUTO, "shm");
    link_two("b", MAIKO_TRANSPORT_AUTO, "a", MAIKO_TRANSPORT_AUTO, "shm");
    link_two("a", MAIKO_TRANSPORT_SHM, "b", MAIKO_TRANSPORT_AUTO, "shm");
    link_two("a", MAIKO_TRANSPORT_AUTO, "b", MAIKO_TRANSPORT_SHM, "shm");
}

static void who_wants_zeromq_gets_it(void)
{
    link_two("a", MAIKO_TRANSPORT_ZMQ, "b", MAIKO_TRANSPORT_AUTO, "zmq");
    link_two("b", MAIKO_TRANSPORT_ZMQ, "a", MAIKO_TRANSPORT_AUTO, "zmq");
    link_two("a", MAIKO_TRANSPORT_ZMQ, "b", MAIKO_TRANSPORT_ZMQ, "zmq");
}

/* ---- who does the work ---- */

static void publish(struct bridge_end *publisher, uint64_t from, uint64_t to)
{
    for (; from <= to; from++)
        CU_ASSERT_EQUAL(bridge_end_publish(publisher, from), MAIKO_OK);
}

/* One event at a time behind `last`: the shards are asleep, and so are the bridges' threads, which need not wake up for it.  They
 * do for other things, so only some of the events have to come without them.  Returns the last one's number. */
static uint64_t expect_guests(struct pair *pair, uint64_t last)
{
    enum { WITHOUT = 10, AT_MOST = 5000 };
    uint64_t sends = pair->far.bridge->guest_sends + WITHOUT;
    uint64_t reads = pair->near.bridge->guest_reads + WITHOUT;
    uint64_t end = last + AT_MOST;

    while (last < end && (pair->far.bridge->guest_sends < sends || pair->near.bridge->guest_reads < reads)) {
        CU_ASSERT_EQUAL(bridge_end_publish(&pair->far, ++last), MAIKO_OK);
        CU_ASSERT_FATAL(wait_until(pair->near.received == last, 60000));
    }
    CU_ASSERT(pair->far.bridge->guest_sends >= sends);
    CU_ASSERT(pair->near.bridge->guest_reads >= reads);
    return last;
}

/* In the middle of a stream there are none over ZeroMQ, behind it there are again. */
static void expect_guests_before_and_behind_a_stream(maiko_transport transport)
{
    enum { STREAM = 20000 };
    struct pair pair;
    uint64_t last;

    begin(&pair, "a", transport, "b", transport);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(pair.far.bridge, "count/up", 1, MAIKO_SECONDS(30)), MAIKO_OK);
    last = expect_guests(&pair, 0);
    publish(&pair.far, last + 1, last + STREAM);
    CU_ASSERT_FATAL(wait_until(pair.near.received == last + STREAM, 60000));
    expect_guests(&pair, last + STREAM);
    CU_ASSERT_EQUAL(pair.near.not_rising + pair.near.holes, 0);
    finish(&pair);
}

static void a_small_event_wakes_no_bridge(void)
{
    expect_guests_before_and_behind_a_stream(MAIKO_TRANSPORT_SHM);
    expect_guests_before_and_behind_a_stream(MAIKO_TRANSPORT_ZMQ);
}

/* ---- what late joiners get ---- */

/* Published before the subscriber comes, and while it gets that: more than a ring holds at once. */
enum { PAST = 60000, SINCE = 5000, LOG_BYTES = 16 * 1024 * 1024 };

/* By no other way: neither end has a ZeroMQ link, or would make one. */
static void join_late(struct pair *pair, const char *name, maiko_bridge_from from)
{
    bridge_end_make(&pair->near, name, &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM}, "count/up");
    CU_ASSERT_EQUAL(bridge_end_import(&pair->near, "count/up", from), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&pair->near), MAIKO_OK);
}

static void replay_to(const char *near, const char *far)
{
    struct pair pair;

    host_init(&host);
    bridge_end_make(&pair.far, far, &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM, .log_bytes = LOG_BYTES}, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&pair.far, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&pair.far), MAIKO_OK);
    publish(&pair.far, 1, PAST);
    CU_ASSERT(wait_until(bridge_end_counters(&pair.far).exported == PAST, 60000));
    join_late(&pair, near, MAIKO_FROM_LOG);
    publish(&pair.far, PAST + 1, PAST + SINCE);
    CU_ASSERT(wait_until(pair.near.received == PAST + SINCE, 60000));
    CU_ASSERT(wait_until(both_are_linked_by("shm"), 60000));
    CU_ASSERT_EQUAL(pair.near.first, 1);
    CU_ASSERT_EQUAL(pair.near.last, PAST + SINCE);
    CU_ASSERT_EQUAL(pair.near.not_rising + pair.near.holes, 0);
    CU_ASSERT_EQUAL(bridge_end_counters(&pair.far).lost + bridge_end_counters(&pair.near).gaps, 0);
    bridge_end_stop(&pair.near);
    join_late(&pair, near, MAIKO_FROM_LAST);
    CU_ASSERT(wait_until(pair.near.received == 1, 60000));
    CU_ASSERT(wait_until(both_are_linked_by("shm"), 60000));
    CU_ASSERT_EQUAL(pair.near.first, PAST + SINCE);
    publish(&pair.far, PAST + SINCE + 1, PAST + SINCE + 1);
    CU_ASSERT(wait_until(pair.near.received == 2, 60000));
    CU_ASSERT_EQUAL(pair.near.not_rising + pair.near.holes, 0);
    finish(&pair);
}

static void what_is_in_the_log_comes_through_shared_memory_and_runs_on(void)
{
    replay_to("a", "b");
    replay_to("b", "a");
}

/* Native bytes or msgpack: the exporter chooses from one event to the next.  A node comes that shares memory, then one that does
 * not, then a plain listener. */
static void all_get_the_same_whoever_shares_memory(void)
{
    static struct bridge_end third; /* like those of a pair */
    void *context = zmq_ctx_new();
    void *listener = zmq_socket(context, ZMQ_SUB);
    int timeout_ms = 60000;
    char text[256] = "";
    struct pair pair;
    uint64_t i;

    host_init(&host);
    bridge_end_make(&pair.near, "a", &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_AUTO}, "count/up");
    CU_ASSERT_EQUAL(bridge_end_import(&pair.near, "count/up", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&pair.near), MAIKO_OK);
    bridge_end_make(&pair.far, "b", &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_AUTO}, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&pair.far, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_publish_at(pair.far.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&pair.far), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(pair.far.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    for (i = 1; i <= 50; i++) { /* one at a time: the type is met, and asked for */
        CU_ASSERT_EQUAL(bridge_end_publish(&pair.far, i), MAIKO_OK);
        CU_ASSERT(wait_until(pair.near.received == i, 60000));
    }

    bridge_end_make(&third, "c", &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_ZMQ}, "count/up");
    CU_ASSERT_EQUAL(bridge_end_import(&third, "count/up", MAIKO_FROM_LOG), MAIKO_OK); /* native bytes are in the log */
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&third), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(pair.far.bridge, "count/up", 2, MAIKO_SECONDS(60)), MAIKO_OK);
    for (; i <= EVENTS; i++)
        CU_ASSERT_EQUAL(bridge_end_publish(&pair.far, i), MAIKO_OK);
    CU_ASSERT(wait_until(pair.near.received == EVENTS && third.received == EVENTS, 60000));
    CU_ASSERT_EQUAL(pair.near.not_rising + pair.near.holes, 0);
    CU_ASSERT_EQUAL(third.not_rising + third.holes, 0);
    bridge_end_stop(&third);

    zmq_setsockopt(listener, ZMQ_RCVTIMEO, &timeout_ms, sizeof(timeout_ms));
    CU_ASSERT_EQUAL(zmq_connect(listener, maiko_bridge_endpoint(pair.far.bridge, 0)), 0);
    CU_ASSERT_EQUAL(zmq_setsockopt(listener, ZMQ_SUBSCRIBE, "count/", 6), 0);
    CU_ASSERT(wait_until(bridge_end_publish(&pair.far, 77) == MAIKO_OK && bridge_end_counters(&pair.far).published >= 20, 60000));
    for (i = 0; i < 20; i++) {
        int len;

        CU_ASSERT(zmq_recv(listener, text, sizeof(text), 0) == 8 && memcmp(text, "count/up", 8) == 0);
        len = zmq_recv(listener, text, sizeof(text), 0);
        CU_ASSERT(len > 0 && len < (int)sizeof(text) && memmem(text, (size_t)len, "\xa6number\x4d", 8) != NULL);
    }
    zmq_close(listener);
    zmq_ctx_term(context);
    finish(&pair);
}

/* ---- what is checked behind the copy ---- */

#define WORD_FIELDS(F) F(STRING, text, 8)
MAIKO_EVENT(word, "count/word", WORD_FIELDS)

/* A subscriber that writes where it must not: behind the checks of the send, before the event leaves. */
static bool spoil(const void *event, const maiko_event_type *type, void *userdata)
{
    if (type == MAIKO_TYPE(word) && ((const word *)event)->text[0] == '!')
        memset((void *)(uintptr_t)event, 'x', sizeof(word));
    return false;
}

static maiko_status take_nothing(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    return MAIKO_EINTERNAL;
}

static uint64_t brought_in(struct pair *pair)
{
    const maiko_bridge_counters counters = bridge_end_counters(&pair->near);

    return counters.imported + counters.import_refused;
}

static void native_bytes_are_not_believed(void)
{
    static const maiko_actor_ops nothing = {.handle = take_nothing};
    const maiko_subscription spoils[] = {{.pattern = "count/word", .predicate = spoil}, {.pattern = NULL}};
    struct pair pair;
    uint64_t i;

    host_init(&host);
    bridge_end_make(&pair.near, "a", &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM}, NULL);
    CU_ASSERT_EQUAL(bridge_end_import(&pair.near, "count/word", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&pair.near), MAIKO_OK);
    bridge_end_make(&pair.far, "b", &(maiko_bridge_config){.transport = MAIKO_TRANSPORT_SHM}, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&pair.far, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(pair.far.sup, &(maiko_actor_spec){.name = "spoiler", .ops = &nothing, .subscriptions = spoils}),
        MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&pair.far), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(pair.far.bridge, "count/word", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    for (i = 1; i <= 50; i++) { /* one at a time: the type is met, and asked for */
        CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(pair.far.sup), word, .text = "fine"), MAIKO_OK);
        CU_ASSERT(wait_until(brought_in(&pair) == i, 60000));
    }
    CU_ASSERT_EQUAL(bridge_end_counters(&pair.near).import_refused, 0);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(pair.far.sup), word, .text = "!"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(pair.far.sup), word, .text = "fine"), MAIKO_OK);
    CU_ASSERT(wait_until(brought_in(&pair) == 52, 60000));
    CU_ASSERT_EQUAL(bridge_end_counters(&pair.near).import_refused, 1);
    CU_ASSERT(wait_until(bridge_end_counters(&pair.far).refused_there == 1, 60000));
    finish(&pair); /* from here on nobody writes to the log */
    CU_ASSERT_PTR_NOT_NULL(strstr(pair.near.log, "native payload: field text: a string without a final NUL"));
}

/* ---- links that cannot be ---- */

/* The one that connects says so, once, however often it asks. */
static void wishes_that_exclude_each_other_make_no_link_and_are_told(void)
{
    struct pair pair;

    begin(&pair, "a", MAIKO_TRANSPORT_SHM, "b", MAIKO_TRANSPORT_ZMQ);
    CU_ASSERT(wait_until(bridge_end_counters(&pair.near).refusals > 0, 60000));
    CU_ASSERT_EQUAL(bridge_end_counters(&pair.near).refusals, 1);
    CU_ASSERT_EQUAL(bridge_end_counters(&pair.near).peers, 0);
    CU_ASSERT_EQUAL(bridge_end_counters(&pair.far).peers, 0);
    finish(&pair);
}

/* ---- systems that have no memory to share ---- */

struct lack {
    const char *role;
    long call; /* which fails */
    int error;
};

static const struct lack lacks[] = {
    {"--no-memfd", SYS_memfd_create, ENOSYS}, /* an old kernel */
    {"--forbidden", SYS_memfd_create, EPERM}, /* a sandbox */
    {"--no-space", SYS_fallocate, ENOSPC},    /* a full system */
};

/* From now on this process gets `error` from that system call. */
static bool go_without(const struct lack *lack)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)lack->call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)lack->error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* The other process: publishes all, and ends when all has arrived. */
static int publish_without(const struct lack *lack, bool is_first)
{
    struct bridge_end end;
    uint64_t i;

    if (!go_without(lack))
        return 77;
    bridge_end_make(&end, is_first ? "a" : "z", NULL, NULL);
    if (bridge_end_export(&end, "count/#", NULL) != MAIKO_OK || bridge_end_start(&end) != MAIKO_OK ||
        maiko_bridge_wait_ready(end.bridge, "count/up", 1, MAIKO_SECONDS(60)) != MAIKO_OK)
        return 9;
    if (!wait_until(both_are_linked_by("zmq"), 60000))
        return 8;
    for (i = 1; i <= EVENTS; i++)
        if (bridge_end_publish(&end, i) != MAIKO_OK)
            return 7;
    bridge_end_stop(&end);
    return 0;
}

static void link_with_one_without(const struct lack *lack, bool is_first)
{
    struct bridge_end near;
    struct child child;
    int code;

    host_init(&host);
    bridge_end_make(&near, "m", NULL, "count/up");
    CU_ASSERT_EQUAL(bridge_end_import(&near, "count/up", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&near), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, lack->role, is_first));
    code = child_end(&child, 60000);
    if (code == 77)
        suite_skip("system calls cannot be forbidden here");
    else
        CU_ASSERT_EQUAL(code, 0);
    CU_ASSERT(code == 77 || wait_until(near.received == EVENTS, 60000));
    CU_ASSERT_EQUAL(near.not_rising + near.holes, 0);
    bridge_end_stop(&near);
    host_deinit(&host);
}

static void who_cannot_have_memory_gets_a_zeromq_link(void)
{
    size_t i;

    for (i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++) {
        link_with_one_without(&lacks[i], true);
        link_with_one_without(&lacks[i], false);
    }
}

/* ---- messages ---- */

static struct attach_message offer_of(uint64_t link)
{
    return (struct attach_message){
        .kind = ATTACH_OFFER, .version = ATTACH_VERSION, .abi = SHM_ABI, .layout = SHM_VERSION, .link = link};
}

static void messages_come_out_as_they_went_in(void)
{
    struct attach_message message = offer_of(UINT64_C(0x0123456789abcdef));
    struct attach_message back;
    unsigned char bytes[ATTACH_SIZE + 1] = {0};

    strcpy(message.reason, "no_reason");
    attach_encode(&message, bytes);
    CU_ASSERT_EQUAL(attach_decode(bytes, ATTACH_SIZE, &back), MAIKO_OK);
    CU_ASSERT_EQUAL(back.kind, ATTACH_OFFER);
    CU_ASSERT_EQUAL(back.version, ATTACH_VERSION);
    CU_ASSERT_EQUAL(back.abi, SHM_ABI);
    CU_ASSERT_EQUAL(back.layout, SHM_VERSION);
    CU_ASSERT_EQUAL(back.link, message.link);
    CU_ASSERT_STRING_EQUAL(back.reason, "no_reason");
    CU_ASSERT_EQUAL(attach_decode(bytes, ATTACH_SIZE + 1, &back), MAIKO_OK); /* of a later version */
    CU_ASSERT_EQUAL(attach_decode(bytes, ATTACH_SIZE - 1, &back), MAIKO_EPROTOCOL);
    bytes[0] ^= 1;
    CU_ASSERT_EQUAL(attach_decode(bytes, ATTACH_SIZE, &back), MAIKO_EPROTOCOL);
    message.kind = (enum attach_kind)(ATTACH_TAKEN + 1);
    attach_encode(&message, bytes);
    CU_ASSERT_EQUAL(attach_decode(bytes, ATTACH_SIZE, &back), MAIKO_EPROTOCOL);
    message.kind = ATTACH_REFUSE;
    strcpy(message.reason, "\033[2J");
    attach_encode(&message, bytes);
    CU_ASSERT_EQUAL(attach_decode(bytes, ATTACH_SIZE, &back), MAIKO_EPROTOCOL);
}

/* A stranger at the control socket of node "m" that has greeted as `name`. */
static int visit(const char *name)
{
    struct greeting greeting = {.version = GREETING_VERSION, .epoch = 1};
    char path[600];
    int fd = -1;

    snprintf(path, sizeof(path), "%s/maiko/bridge/m/%s", host.scratch.path, SPACE_CONTROL_SOCKET);
    snprintf(greeting.name, sizeof(greeting.name), "%s", name);
    CU_ASSERT_EQUAL_FATAL(control_connect(path, SPACE_NO_GROUP, &fd, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(control_send_greeting(fd, &greeting), MAIKO_OK);
    return fd;
}

/* The next answer to an offer; the greeting comes first. */
static struct attach_message answer_at(int fd)
{
    struct attach_message answer = {.kind = ATTACH_NONE};
    struct control_message message;

    while (wait_until(control_receive(fd, &message) == MAIKO_OK, 60000)) {
        bool is_answer = attach_decode(message.bytes, message.len, &answer) == MAIKO_OK;

        control_message_close(&message);
        if (is_answer)
            break;
    }
    return answer;
}

static void offer(int fd, struct attach_message message, const int *fds, size_t fd_count, const char *expected)
{
    unsigned char bytes[ATTACH_SIZE];
    struct attach_message answer;

    attach_encode(&message, bytes);
    CU_ASSERT_EQUAL(control_send(fd, bytes, sizeof(bytes), fds, fd_count), MAIKO_OK);
    answer = answer_at(fd);
    CU_ASSERT_EQUAL(answer.kind, ATTACH_REFUSE);
    CU_ASSERT_EQUAL(answer.link, message.link);
    CU_ASSERT_STRING_EQUAL(answer.reason, expected);
}

static void offer_what_is_none(int fd, const int *fds)
{
    struct attach_message message = offer_of(7);

    offer(fd, message, fds, 3, "protocol"); /* pipes are neither wake-ups nor memory */
    offer(fd, message, fds, 2, "protocol");
    offer(fd, message, NULL, 0, "protocol");
    message.abi = SHM_ABI - 4; /* 32-bit */
    offer(fd, message, fds, 3, "abi");
    message.layout = SHM_VERSION + 1;
    offer(fd, message, fds, 3, "version");
}

/* When they are counted first, some of the last offer may still be open: fewer than one kind of leak would add. */
static void offers_that_are_none_are_refused_and_nothing_stays_open(void)
{
    enum { TIMES = 10 };
    struct bridge_end end;
    unsigned before;
    unsigned i;
    int fds[3];
    int fd;

    host_init(&host);
    bridge_end_make(&end, "m", NULL, NULL);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&end), MAIKO_OK);
    fd = visit("stranger");
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    fds[2] = fds[1];
    offer_what_is_none(fd, fds);
    before = leaks_count_fds();
    for (i = 0; i < TIMES; i++)
        offer_what_is_none(fd, fds);
    CU_ASSERT(wait_until(leaks_count_fds() <= before, 60000));
    CU_ASSERT_EQUAL(bridge_end_counters(&end).peers, 0);
    close(fd);
    close(fds[0]);
    close(fds[1]);
    bridge_end_stop(&end);
    host_deinit(&host);
}

/* ---- a link that is down ---- */

/* The transport of node "m"'s only link. */
static void look_at_transport(const maiko_node_info *node, void *userdata)
{
    if (strcmp(node->name, "m") == 0 && node->link_count == 1)
        snprintf(userdata, 16, "%s", node->links[0].transport);
}

static bool is_transport(const char *expected)
{
    char transport[16] = "";

    return maiko_space_list(NULL, "bridge", look_at_transport, transport, NULL, 0) == MAIKO_OK &&
           strcmp(transport, expected) == 0;
}

static void tell(int fd, enum attach_kind kind, uint64_t link, const int *fds, size_t fd_count)
{
    struct attach_message message = offer_of(link);
    unsigned char bytes[ATTACH_SIZE];

    message.kind = kind;
    attach_encode(&message, bytes);
    CU_ASSERT_EQUAL(control_send(fd, bytes, sizeof(bytes), fds, fd_count), MAIKO_OK);
}

/* The other one takes its memory back and stays.  Answers to offers show that turns have passed since. */
static void a_link_that_is_down_has_the_transport_it_had(void)
{
    struct shm_link *link = NULL;
    int fds[SHM_LINK_FDS];
    struct bridge_end end;
    int fd;

    host_init(&host);
    bridge_end_make(&end, "m", NULL, NULL);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&end), MAIKO_OK);
    fd = visit("stranger");
    CU_ASSERT_EQUAL_FATAL(shm_link_new(heap_default(), 7, &link), MAIKO_OK);
    shm_link_fds(link, fds);
    tell(fd, ATTACH_OFFER, 7, fds, SHM_LINK_FDS);
    CU_ASSERT_EQUAL(answer_at(fd).kind, ATTACH_ANSWER);
    CU_ASSERT(wait_until(is_transport("shm"), 60000));
    tell(fd, ATTACH_END, 7, NULL, 0);
    CU_ASSERT_EQUAL(answer_at(fd).kind, ATTACH_END);
    offer(fd, offer_of(8), NULL, 0, "protocol");
    offer(fd, offer_of(9), NULL, 0, "protocol");
    CU_ASSERT(is_transport("shm"));
    shm_link_free(link);
    close(fd);
    bridge_end_stop(&end);
    host_deinit(&host);
}

static const struct test_case cases[] = {
    TEST_CASE(nodes_of_a_space_share_memory),
    TEST_CASE(who_wants_zeromq_gets_it),
    TEST_CASE(a_small_event_wakes_no_bridge),
    TEST_CASE(what_is_in_the_log_comes_through_shared_memory_and_runs_on),
    TEST_CASE(all_get_the_same_whoever_shares_memory),
    TEST_CASE(native_bytes_are_not_believed),
    TEST_CASE(wishes_that_exclude_each_other_make_no_link_and_are_told),
    TEST_CASE(who_cannot_have_memory_gets_a_zeromq_link),
    TEST_CASE(a_link_that_is_down_has_the_transport_it_had),
    TEST_CASE(messages_come_out_as_they_went_in),
    TEST_CASE(offers_that_are_none_are_refused_and_nothing_stays_open),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "attach", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};
    size_t i;

    for (i = 0; argc > 2 && i < sizeof(lacks) / sizeof(lacks[0]); i++)
        if (strcmp(argv[1], lacks[i].role) == 0)
            return publish_without(&lacks[i], argv[2][0] == '1');
    return suite_main(argc, argv, &suite);
}
