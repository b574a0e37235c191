/* Publisher and subscriber killed with -9 and started again, round after round: nobody is held, nothing comes twice, every life
 * is heard from its first event on, and the books close with the counters file that the dead process left. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <maiko/counters.h>

#include "lib/bridge_end.h"
#include "lib/bridge_life.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "node/node.h"

enum { PER_LIFE = 1000000000 }; /* numbers of one publisher's life */

static struct host host;

/* ---- in the process that will be killed ---- */

static void end_path(char *path, size_t size, pid_t pid)
{
    snprintf(path, size, "%s/end.%d", getenv("XDG_RUNTIME_DIR"), (int)pid);
}

/* What a process knows of its events outlives it in a file. */
static struct bridge_end *map_end(pid_t pid)
{
    struct bridge_end *end = MAP_FAILED;
    char path[600];
    int fd;

    end_path(path, sizeof(path), pid);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && ftruncate(fd, sizeof(*end)) == 0)
        end = mmap(NULL, sizeof(*end), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return end == MAP_FAILED ? NULL : end;
}

static int subscribe_for_ever(void)
{
    struct bridge_end *end = map_end(getpid());

    if (end == NULL)
        return 9;
    bridge_end_make(end, "subscriber", NULL, "count/up");
    if (bridge_end_import(end, "count/up", MAIKO_FROM_LIVE) != MAIKO_OK || bridge_end_start(end) != MAIKO_OK)
        return 9;
    for (;;)
        pause();
}

struct counting {
    atomic_bool may_begin;
    uint64_t next;
};

static maiko_step count_up(void *self, maiko_context *ctx)
{
    struct counting *counting = self;

    if (!atomic_load(&counting->may_begin))
        return MAIKO_STEP_BACKOFF(MAIKO_MS(1));
    while (!maiko_is_sender_full(ctx))
        if (maiko_send(ctx, counted, .number = counting->next) == MAIKO_OK)
            counting->next++;
    return MAIKO_STEP_CONTINUE;
}

static int publish_for_ever(uint64_t base)
{
    static const maiko_actor_ops ops = {.step = count_up};
    struct counting counting = {.next = base};
    struct bridge_end end;

    bridge_end_make(&end, "publisher", NULL, NULL);
    if (maiko_supervisor_add(end.sup, &(maiko_actor_spec){.name = "counter", .ops = &ops, .self = &counting}) != MAIKO_OK ||
        bridge_end_export(&end, "count/#", NULL) != MAIKO_OK || bridge_end_start(&end) != MAIKO_OK ||
        maiko_bridge_wait_ready(end.bridge, "count/up", 1, MAIKO_SECONDS(60)) != MAIKO_OK)
        return 9;
    atomic_store(&counting.may_begin, true);
    for (;;)
        pause();
}

/* ---- books ---- */

/* The dead process' books, which must balance. */
static maiko_counters *books_of_the_dead(const char *node, pid_t pid, maiko_counters_balance *ret_balance)
{
    maiko_counters *counters = NULL;
    maiko_counters_balance balance = {0};
    maiko_counters_info info = {0};
    char path[700];

    snprintf(path, sizeof(path), "%s/maiko/counters/%s.%d.0", host.scratch.path, node, (int)pid);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(path, &counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_get_info(counters, &info), MAIKO_OK);
    CU_ASSERT_EQUAL(info.state, MAIKO_COUNTERS_DEAD);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    if (!balance.is_balanced)
        SUITE_FAIL("%s", balance.text);
    *ret_balance = balance;
    return counters;
}

/* Events on the topic that its shard had taken over; and what waited to be taken over, of no topic yet. */
static uint64_t sent_by_the_dead(const char *node, pid_t pid, uint64_t *ret_waiting)
{
    maiko_counters_balance balance;
    maiko_counters *counters = books_of_the_dead(node, pid, &balance);
    maiko_counters_topic topic;
    uint64_t sent = 0;
    size_t i;

    for (i = 0; i < maiko_counters_topic_count(counters); i++)
        if (maiko_counters_get_topic(counters, i, &topic) == MAIKO_OK && strcmp(topic.name, "count/up") == 0)
            sent = topic.sent;
    *ret_waiting = balance.waiting;
    maiko_counters_free(counters);
    return sent;
}

/* Events that it accepted from the link.  Not what waited: reports of the bridge wait among it. */
static uint64_t accepted_by_the_dead(const char *node, pid_t pid)
{
    maiko_counters_balance balance;
    maiko_counters *counters = books_of_the_dead(node, pid, &balance);
    uint64_t accepted = bridge_life_came_in(counters);

    maiko_counters_free(counters);
    return accepted;
}

static pid_t kill_child(struct child *child)
{
    pid_t pid = child->pid;

    child_signal(child, SIGKILL);
    CU_ASSERT_EQUAL(child_end(child, 60000), 128 + SIGKILL);
    return pid;
}

/* ---- the subscriber dies ---- */

/* All that was offered to one life is acknowledged or reported lost; it has what was acknowledged and maybe more, the rest of
 * which is the gap. */
static void check_subscriber(pid_t pid, uint64_t first, uint64_t acknowledged, uint64_t lost)
{
    struct bridge_end *end = map_end(pid);
    uint64_t accepted = accepted_by_the_dead("subscriber", pid);
    char path[600];

    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    CU_ASSERT(accepted >= acknowledged && accepted <= acknowledged + lost);
    CU_ASSERT(end->received <= accepted);
    CU_ASSERT_EQUAL(end->not_rising + end->holes, 0);
    if (end->received > 0 && end->first != first)
        SUITE_FAIL("%llu events from %llu on, instead of from %llu", (unsigned long long)end->received,
                   (unsigned long long)end->first, (unsigned long long)first);
    CU_ASSERT_EQUAL(munmap(end, sizeof(*end)), 0);
    end_path(path, sizeof(path), pid);
    remove(path);
}

/* Killed before it has anything, in the middle of it, or after it has acknowledged: by turns. */
static void wait_for_some(pid_t pid)
{
    struct bridge_end *end = map_end(pid);

    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    CU_ASSERT(wait_until(end->received > 0, 60000));
    CU_ASSERT_EQUAL(munmap(end, sizeof(*end)), 0);
}

static void kill_subscribers(maiko_transport transport)
{
    unsigned long rounds = suite_scale(30, 300);
    struct bridge_end publisher;
    maiko_bridge_counters before = {0};
    uint64_t number = 0;
    unsigned long i;

    host_init(&host);
    bridge_end_use(transport);
    bridge_end_make(&publisher, "publisher", NULL, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&publisher, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&publisher), MAIKO_OK);
    for (i = 0; i < rounds; i++) {
        uint64_t first = number + 1;
        maiko_bridge_counters after;
        struct child child;
        pid_t pid;
        int j;

        CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--subscriber", 0));
        CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
        for (j = 0; j < 200; j++)
            CU_ASSERT_EQUAL(bridge_end_publish(&publisher, ++number), MAIKO_OK);
        if (i % 3 == 1)
            wait_for_some(child.pid);
        if (i % 3 == 2)
            CU_ASSERT(wait_until(bridge_end_counters(&publisher).acknowledged > before.acknowledged, 60000));
        pid = kill_child(&child);
        for (j = 0; j < 200; j++)
            CU_ASSERT_EQUAL(bridge_end_publish(&publisher, ++number), MAIKO_OK);
        CU_ASSERT(wait_until(bridge_end_counters(&publisher).peers == 0, 60000));
        CU_ASSERT(wait_until(bridge_end_counters(&publisher).exported == number, 60000));
        CU_ASSERT_EQUAL(maiko_bridge_drain(publisher.bridge), MAIKO_OK);
        after = bridge_end_counters(&publisher);
        check_subscriber(pid, first, after.acknowledged - before.acknowledged, after.lost - before.lost);
        before = after;
    }
    bridge_end_stop(&publisher);
    host_deinit(&host);
}

/* ---- the publisher dies ---- */

/* A life of the publisher, as it is known when it is over. */
struct past_life {
    uint64_t base;     /* its first number */
    uint64_t accepted; /* by its books */
    uint64_t waiting;  /* to be taken over when it died (a report of its bridge, on a busy machine): of no topic yet */
    uint32_t others;   /* peers that live on */
};

static uint64_t delivered_of(const struct bridge_end *subscriber, const struct past_life *life)
{
    return subscriber->last - life->base + 1;
}

/* What the dead one accepted and we do not have is the gap we are told of: of known size, unless something waited that might have
 * been for us. */
static uint64_t missing_of(const struct bridge_end *subscriber, const struct past_life *life)
{
    return life->waiting > 0 ? 0 : life->accepted - delivered_of(subscriber, life);
}

static bool is_settled(struct bridge_end *subscriber, const struct past_life *life, const maiko_bridge_counters *before)
{
    maiko_bridge_counters now = bridge_end_counters(subscriber);
    uint64_t missing = missing_of(subscriber, life); /* what came but waits for room in the mailbox is not missing for long */

    return now.peers == life->others && now.imported == subscriber->received &&
           now.lost_for_us - before->lost_for_us == missing && now.gaps - before->gaps == (life->waiting > 0 || missing > 0);
}

static void check_life(struct bridge_end *subscriber, const struct past_life *life, const maiko_bridge_counters *before)
{
    maiko_bridge_counters now;

    if (wait_until(is_settled(subscriber, life, before), 60000))
        return;
    now = bridge_end_counters(subscriber);
    SUITE_FAIL("%" PRIu32 " peers, %" PRIu64 " imported, %" PRIu64 " received, %" PRIu64 " gaps and %" PRIu64 " lost of %" PRIu64
               " accepted, %" PRIu64 " delivered and %" PRIu64 " waiting",
               now.peers, now.imported, subscriber->received, now.gaps - before->gaps, now.lost_for_us - before->lost_for_us,
               life->accepted, delivered_of(subscriber, life), life->waiting);
}

static void kill_publishers(maiko_transport transport)
{
    unsigned long rounds = suite_scale(30, 300);
    struct bridge_end subscriber;
    maiko_bridge_counters before = {0};
    uint64_t received = 0;
    unsigned long i;

    host_init(&host);
    bridge_end_use(transport);
    bridge_end_make(&subscriber, "subscriber", NULL, "count/up");
    CU_ASSERT_EQUAL(bridge_end_import(&subscriber, "count/up", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&subscriber), MAIKO_OK);
    for (i = 1; i <= rounds; i++) {
        struct past_life life = {.base = i * PER_LIFE};
        struct child child;

        CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--publisher", life.base));
        CU_ASSERT_TRUE_FATAL(wait_until(subscriber.last > life.base + 100, 60000));
        life.accepted = sent_by_the_dead("publisher", kill_child(&child), &life.waiting);
        check_life(&subscriber, &life, &before);
        received += delivered_of(&subscriber, &life);
        CU_ASSERT_EQUAL(subscriber.received, received); /* each life from its first event on, nothing left out */
        before = bridge_end_counters(&subscriber);
    }
    CU_ASSERT_EQUAL(subscriber.not_rising, 0);
    CU_ASSERT_EQUAL(subscriber.first, PER_LIFE);
    CU_ASSERT_EQUAL(subscriber.holes, rounds - 1); /* from one life to the next */
    bridge_end_stop(&subscriber);
    host_deinit(&host);
}

/* ---- and somebody else clears up behind it ---- */

static bool is_cleared_up(void)
{
    char path[700];

    snprintf(path, sizeof(path), "%s/maiko/bridge/publisher", host.scratch.path);
    return access(path, F_OK) != 0;
}

/* The subscriber's bridge sees nothing of the death until the bystander has removed what the dead one left. */
static pid_t kill_behind_its_back(struct bridge_end *subscriber, struct child *child)
{
    pid_t pid;

    pthread_mutex_lock(&subscriber->bridge->turn);
    pid = kill_child(child);
    CU_ASSERT(wait_until(is_cleared_up(), 60000));
    pthread_mutex_unlock(&subscriber->bridge->turn);
    return pid;
}

/* By its name it connects to the publisher or is connected to. */
static void kill_publishers_beside_a_bystander(maiko_transport transport, const char *name)
{
    unsigned long rounds = suite_scale(10, 50);
    struct bridge_end subscriber;
    struct bridge_end bystander;
    unsigned long i;

    host_init(&host);
    bridge_end_use(transport);
    bridge_end_make(&subscriber, name, NULL, "count/up");
    bridge_end_make(&bystander, "bystander", NULL, NULL);
    CU_ASSERT_EQUAL(bridge_end_import(&subscriber, "count/up", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&subscriber), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&bystander), MAIKO_OK);
    for (i = 1; i <= rounds; i++) {
        maiko_bridge_counters before = bridge_end_counters(&subscriber);
        struct past_life life = {.base = i * PER_LIFE, .others = 1};
        struct child child;

        CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--publisher", life.base));
        CU_ASSERT_TRUE_FATAL(wait_until(subscriber.last > life.base + 100, 60000));
        life.accepted = sent_by_the_dead("publisher", kill_behind_its_back(&subscriber, &child), &life.waiting);
        check_life(&subscriber, &life, &before);
    }
    CU_ASSERT(bridge_end_counters(&subscriber).gaps > 0);
    bridge_end_stop(&bystander);
    bridge_end_stop(&subscriber);
    host_deinit(&host);
}

static void what_died_is_told_when_a_bystander_was_quicker(void)
{
    kill_publishers_beside_a_bystander(MAIKO_TRANSPORT_SHM, "subscriber");
    kill_publishers_beside_a_bystander(MAIKO_TRANSPORT_SHM, "a");
}

static void the_same_over_zmq_beside_a_bystander(void)
{
    kill_publishers_beside_a_bystander(MAIKO_TRANSPORT_ZMQ, "subscriber");
    kill_publishers_beside_a_bystander(MAIKO_TRANSPORT_ZMQ, "a");
}

/* ---- cases ---- */

static void a_killed_subscriber_holds_nobody_and_its_next_life_joins(void)
{
    kill_subscribers(MAIKO_TRANSPORT_ZMQ);
}

static void the_same_over_shared_memory_for_subscribers(void)
{
    kill_subscribers(MAIKO_TRANSPORT_SHM);
}

static void a_killed_publisher_leaves_no_duplicate_and_its_next_life_is_heard(void)
{
    kill_publishers(MAIKO_TRANSPORT_ZMQ);
}

static void the_same_over_shared_memory_for_publishers(void)
{
    kill_publishers(MAIKO_TRANSPORT_SHM);
}

static const struct test_case cases[] = {
    TEST_CASE(a_killed_subscriber_holds_nobody_and_its_next_life_joins),
    TEST_CASE(the_same_over_shared_memory_for_subscribers),
    TEST_CASE(a_killed_publisher_leaves_no_duplicate_and_its_next_life_is_heard),
    TEST_CASE(the_same_over_shared_memory_for_publishers),
    TEST_CASE(what_died_is_told_when_a_bystander_was_quicker),
    TEST_CASE(the_same_over_zmq_beside_a_bystander),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "deaths", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 1 && strcmp(argv[1], "--subscriber") == 0)
        return subscribe_for_ever();
    if (argc > 2 && strcmp(argv[1], "--publisher") == 0)
        return publish_for_ever(strtoull(argv[2], NULL, 10));
    return suite_main(argc, argv, &suite);
}
