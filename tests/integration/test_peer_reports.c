/* Events on `$sys/peer`: who may send there, what is said when peers come, go, or miss something. */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>
#include <maiko/system.h>

#include "lib/child.h"
#include "lib/report_end.h"
#include "lib/suite.h"
#include "node/node.h"

#define IMPOSTOR_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(impostor, "$sys/impostor", IMPOSTOR_FIELDS)

/* ---- who may send there ---- */

static void nobody_but_the_bridge_sends_reports(void)
{
    maiko_import import = {.struct_size = sizeof(import),
                           .topic = MAIKO_TOPIC_PEER,
                           .type = MAIKO_TYPE(counted),
                           .event = &(counted){.number = 1},
                           .len = sizeof(counted)};
    maiko_importer *importer = NULL;
    maiko_import_path *path = NULL;
    maiko_peer_report report;
    maiko_context *ctx;
    struct report_end end;

    report_ends_begin();
    report_end_make(&end, "n", NULL);
    CU_ASSERT_EQUAL(maiko_importer_new(end.sup, "importer", NULL, &importer), MAIKO_OK);
    report_end_start(&end);
    ctx = maiko_supervisor_context(end.sup);
    memset(&report, 0, sizeof(report));
    CU_ASSERT_EQUAL(maiko_send_event(ctx, maiko_peer_report, &report), MAIKO_EPERM);
    CU_ASSERT_EQUAL(maiko_send_event_to(ctx, "count/up", maiko_peer_report, &report), MAIKO_EPERM);
    CU_ASSERT_EQUAL(maiko_send(ctx, impostor, .number = 1), MAIKO_EPERM);
    CU_ASSERT_EQUAL(maiko_send_to(ctx, MAIKO_TOPIC_PEER, counted, .number = 1), MAIKO_EPERM);
    CU_ASSERT_EQUAL(maiko_importer_send(importer, &import), MAIKO_EPERM);
    import.type = MAIKO_TYPE(maiko_peer_report);
    import.event = &report;
    import.len = sizeof(report);
    CU_ASSERT_EQUAL(maiko_importer_send(importer, &import), MAIKO_EPERM);
    CU_ASSERT_EQUAL(maiko_import_path_new(importer, MAIKO_TOPIC_PEER, MAIKO_TYPE(maiko_peer_report), NULL, &path), MAIKO_EPERM);
    CU_ASSERT_EQUAL(end.count, 0);
    report_end_stop(&end);
    report_ends_finish();
}

static void reports_neither_leave_nor_enter(void)
{
    struct report_end end;

    report_ends_begin();
    report_end_make(&end, "a", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_export(end.bridge, &(maiko_bridge_pattern){.pattern = "$sys/#"}), MAIKO_EPERM);
    report_end_stop(&end);
    report_end_make(&end, "b", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_import(end.bridge, &(maiko_bridge_pattern){.pattern = MAIKO_TOPIC_PEER}), MAIKO_EPERM);
    report_end_stop(&end);
    report_end_make(&end, "c", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_import(end.bridge, &(maiko_bridge_pattern){.pattern = "a/+", .as = "$sys/+"}), MAIKO_EPERM);
    report_end_stop(&end);
    report_ends_finish();
}

/* 256 find room in front of a supervisor that does not run yet; the rest is a number in the one that comes next. */
static void reports_without_room_are_counted(void)
{
    struct node_news news = {.news = MAIKO_PEER_DOWN, .peer = "p", .reason = "test"};
    struct report_end end;
    unsigned i;

    report_ends_begin();
    report_end_make(&end, "n", NULL);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_start(end.bridge), MAIKO_OK);
    for (i = 0; i < 300; i++)
        node_news_send(end.bridge, &news);
    CU_ASSERT_EQUAL(report_end_counters(&end).reports, 256);
    CU_ASSERT_EQUAL(report_end_counters(&end).reports_dropped, 44);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_start(end.sup), MAIKO_OK);
    CU_ASSERT(wait_until(end.count > 0, 60000));
    CU_ASSERT_EQUAL(end.reports[0].unreported, 0);
    report_end_stop(&end);
    report_ends_finish();
}

/* ---- what is said ---- */

/* On a busy machine a link may come about at the second attempt: the end that counts is the one asked for, and not a silence. */
static void peers_come_and_go(void)
{
    maiko_bridge_config config = {.space = "reports", .silence_ns = MAIKO_SECONDS(120)};
    struct report_end one;
    struct report_end other;

    report_ends_begin();
    report_end_make(&one, "one", &config);
    report_end_start(&one);
    report_end_make(&other, "other", &config);
    report_end_start(&other);
    CU_ASSERT(report_end_hears(&one, MAIKO_PEER_UP, NULL) && report_end_hears(&one, MAIKO_PEER_READY, NULL));
    CU_ASSERT(report_end_hears(&other, MAIKO_PEER_UP, NULL) && report_end_hears(&other, MAIKO_PEER_READY, NULL));
    CU_ASSERT_STRING_EQUAL(report_end_find(&one, MAIKO_PEER_UP, NULL)->peer, "other");
    CU_ASSERT_STRING_EQUAL(report_end_find(&other, MAIKO_PEER_UP, NULL)->peer, "one");
    report_end_stop(&other);
    CU_ASSERT(report_end_hears(&one, MAIKO_PEER_DOWN, "closed"));
    CU_ASSERT_STRING_EQUAL(report_end_find(&one, MAIKO_PEER_DOWN, "closed")->text, "stop");
    CU_ASSERT(wait_until(report_end_counters(&one).reports >= 3, 60000)); /* counted a moment after it was sent */
    CU_ASSERT_EQUAL(report_end_counters(&one).reports_dropped, 0);
    report_end_stop(&one);
    report_ends_finish();
}

static maiko_status stuck(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    CU_ASSERT(wait_until(atomic_load((atomic_bool *)self), 60000));
    return MAIKO_OK;
}

static void a_subscription_that_fails_is_said_at_both_ends(void)
{
    static const maiko_actor_ops stuck_ops = {.handle = stuck};
    maiko_bridge_config config = {.space = "reports", .window_events = 4};
    atomic_bool may_go = false;
    struct report_end publisher;
    struct report_end subscriber;
    uint64_t number;

    report_ends_begin();
    report_end_make(&publisher, "publisher", &config);
    CU_ASSERT_EQUAL(maiko_bridge_export(publisher.bridge, &(maiko_bridge_pattern){.pattern = "count/#"}), MAIKO_OK);
    report_end_start(&publisher);
    report_end_make(&subscriber, "subscriber", NULL);
    (void)maiko_supervisor_add(subscriber.sup, &(maiko_actor_spec){.name = "stuck",
                                                                   .ops = &stuck_ops,
                                                                   .self = &may_go,
                                                                   .capacity = 1,
                                                                   .shard = MAIKO_SHARD(1),
                                                                   .subscribe = MAIKO_TOPICS("count/up")});
    CU_ASSERT_EQUAL(
        maiko_bridge_import(subscriber.bridge, &(maiko_bridge_pattern){.pattern = "count/up", .overflow = MAIKO_FAIL}), MAIKO_OK);
    report_end_start(&subscriber);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    for (number = 1; number <= 20000 && report_end_find(&publisher, MAIKO_PEER_FAILED, NULL) == NULL; number++)
        (void)maiko_send(maiko_supervisor_context(publisher.sup), counted, .number = number);
    CU_ASSERT(report_end_hears(&publisher, MAIKO_PEER_FAILED, "overflow"));
    CU_ASSERT_STRING_EQUAL(report_end_find(&publisher, MAIKO_PEER_FAILED, NULL)->pattern, "count/up");
    CU_ASSERT_FALSE(report_end_find(&publisher, MAIKO_PEER_FAILED, NULL)->is_ours);
    may_go = true;
    CU_ASSERT(report_end_hears(&subscriber, MAIKO_PEER_FAILED, "overflow"));
    CU_ASSERT_TRUE(report_end_find(&subscriber, MAIKO_PEER_FAILED, NULL)->is_ours);
    report_end_stop(&subscriber);
    report_end_stop(&publisher);
    report_ends_finish();
}

static void the_file_of_an_ipc_endpoint_goes_with_a_clean_stop(void)
{
    char path[128];
    char endpoint[160];
    struct report_end end;

    report_ends_begin();
    snprintf(path, sizeof(path), "%s/socket", report_ends_directory);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
    report_end_make(&end, "n", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_listen(end.bridge, endpoint), MAIKO_OK);
    report_end_start(&end);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    report_end_stop(&end);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    report_ends_finish();
}

/* ---- what has run out ---- */

/* Of this process, and back again. */
static struct rlimit limit_to(int resource, rlim_t most)
{
    struct rlimit before;
    struct rlimit less;

    CU_ASSERT_EQUAL_FATAL(getrlimit((__rlimit_resource_t)resource, &before), 0);
    less = before;
    less.rlim_cur = most;
    CU_ASSERT_EQUAL_FATAL(setrlimit((__rlimit_resource_t)resource, &less), 0);
    return before;
}

static unsigned count_ready(struct report_end *end)
{
    unsigned count = 0;
    uint32_t i;

    for (i = 0; i < end->count && i < REPORTS_KEPT; i++)
        count += end->reports[i].news == MAIKO_PEER_READY;
    return count;
}

static void listen_at(struct report_end *server, const char *endpoint)
{
    report_end_make(server, "server", &(maiko_bridge_config){.space = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_listen(server->bridge, endpoint), MAIKO_OK);
    report_end_start(server);
}

enum { DESCRIPTORS = 256 }; /* more than this process has in use */

static void a_link_that_finds_no_descriptors_says_so_and_comes_back(void)
{
    char endpoint[128];
    struct report_end client;
    struct report_end server;
    struct rlimit before;
    int taken[DESCRIPTORS];
    int count = 0;

    report_ends_begin();
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/socket", report_ends_directory);
    listen_at(&server, endpoint);
    report_end_make(&client, "client", &(maiko_bridge_config){.space = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, endpoint, NULL), MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    report_end_stop(&server);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_DOWN, "closed"));

    before = limit_to(RLIMIT_NOFILE, DESCRIPTORS);
    while (count < DESCRIPTORS && (taken[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_DOWN, "no_resources"));
    while (count > 0)
        close(taken[--count]);
    setrlimit(RLIMIT_NOFILE, &before);
    listen_at(&server, endpoint);
    CU_ASSERT(wait_until(count_ready(&client) == 2, 60000));
    report_end_stop(&client);
    report_end_stop(&server);
    report_ends_finish();
}

static unsigned count_starved(struct report_end *end)
{
    unsigned count = 0;
    uint32_t i;

    for (i = 0; i < end->count && i < REPORTS_KEPT; i++)
        count += end->reports[i].news == MAIKO_PEER_DOWN && end->reports[i].peer[0] == '\0' &&
                 strcmp(end->reports[i].reason, "no_resources") == 0;
    return count;
}

/* Until one of them has come; those that were sent while the thread slept as it always did came at once. */
static bool is_starved_after_sending(struct report_end *from, struct report_end *to, unsigned times)
{
    (void)maiko_send(maiko_supervisor_context(from->sup), counted, .number = 1);
    return count_starved(from) == times && count_starved(to) == times;
}

static void a_limit_below_what_a_bridge_sleeps_on_is_said_and_stops_nothing(void)
{
    char endpoint[128];
    struct report_end client;
    struct report_end server;
    struct rlimit before;
    uint32_t received;

    report_ends_begin();
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/socket", report_ends_directory);
    report_end_make(&server, "server", &(maiko_bridge_config){.space = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_listen(server.bridge, endpoint), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_import(server.bridge, &(maiko_bridge_pattern){.pattern = "count/up"}), MAIKO_OK);
    report_end_start(&server);
    report_end_make(&client, "client", &(maiko_bridge_config){.space = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_export(client.bridge, &(maiko_bridge_pattern){.pattern = "count/#"}), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, endpoint, NULL), MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(client.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);

    before = limit_to(RLIMIT_NOFILE, 3);
    CU_ASSERT(wait_until(is_starved_after_sending(&client, &server, 1), 60000));
    received = server.received;
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(client.sup), counted, .number = 2), MAIKO_OK);
    CU_ASSERT(wait_until(server.received > received, 60000));
    CU_ASSERT_EQUAL(count_starved(&client), 1);
    CU_ASSERT_PTR_NULL(report_end_find(&client, MAIKO_PEER_DOWN, "lost"));
    setrlimit(RLIMIT_NOFILE, &before);
    CU_ASSERT(wait_until(client.heard_of_descriptors == 1 && server.heard_of_descriptors == 1, 60000));
    limit_to(RLIMIT_NOFILE, 3);
    CU_ASSERT(wait_until(is_starved_after_sending(&client, &server, 2), 60000));
    setrlimit(RLIMIT_NOFILE, &before);
    report_end_stop(&client);
    report_end_stop(&server);
    report_ends_finish();
}

static void a_link_that_finds_no_memory_to_share_says_so_and_comes_about_later(void)
{
    maiko_bridge_config config = {.space = "reports", .transport = MAIKO_TRANSPORT_SHM};
    struct report_end one;
    struct report_end other;
    struct rlimit before;

    report_ends_begin();
    report_end_make(&one, "a", &config); /* the one that dials */
    report_end_make(&other, "b", &config);
    report_end_start(&one);
    before = limit_to(RLIMIT_FSIZE, 128 * 1024); /* memory to share has a size as files have */
    report_end_start(&other);
    CU_ASSERT(report_end_hears(&one, MAIKO_PEER_DOWN, "no_resources"));
    CU_ASSERT_STRING_EQUAL(report_end_find(&one, MAIKO_PEER_DOWN, "no_resources")->peer, "b");
    setrlimit(RLIMIT_FSIZE, &before);
    CU_ASSERT(report_end_hears(&one, MAIKO_PEER_READY, NULL));
    CU_ASSERT(report_end_hears(&other, MAIKO_PEER_READY, NULL));
    CU_ASSERT_EQUAL(report_end_counters(&one).refusals, 0);
    report_end_stop(&one);
    report_end_stop(&other);
    report_ends_finish();
}

/* ---- another process ---- */

/* Listens at the endpoint, says where that is, and lives until it is killed. */
static int listen_until_killed(const char *endpoint)
{
    struct report_end server;

    report_end_make(&server, "server", &(maiko_bridge_config){.silence_ns = MAIKO_SECONDS(3600)});
    if (maiko_bridge_listen(server.bridge, endpoint) != MAIKO_OK || report_end_try(&server) != MAIKO_OK)
        return 9;
    puts(maiko_bridge_endpoint(server.bridge, 0));
    fflush(stdout);
    for (;;)
        pause();
}

static void start_listener(struct child *child, char endpoint[64])
{
    char program[] = "/proc/self/exe"; /* a fork of a process with threads may not do much */
    char role[] = "--listen";
    char *argv[] = {program, role, endpoint, NULL};
    ssize_t len;

    CU_ASSERT_TRUE_FATAL(child_start_program(child, argv));
    len = read(child->output_fd, endpoint, 63);
    CU_ASSERT_FATAL(len > 1);
    endpoint[len - 1] = '\0';
}

static uint32_t count_news(struct report_end *end, maiko_peer_news news)
{
    uint32_t count = 0;
    uint32_t i;

    for (i = 0; i < end->count && i < REPORTS_KEPT; i++)
        count += end->reports[i].news == news;
    return count;
}

/* Its silence would say so after an hour only. */
static void the_end_of_a_connection_we_made_is_heard_and_it_is_made_again(void)
{
    char endpoint[64] = "tcp://127.0.0.1:*";
    struct report_end client;
    struct child server;

    report_ends_begin();
    start_listener(&server, endpoint);
    report_end_make(&client, "client", &(maiko_bridge_config){.silence_ns = MAIKO_SECONDS(3600)});
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, endpoint, NULL), MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    child_signal(&server, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&server, 60000), 128 + SIGKILL);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_DOWN, "lost"));
    start_listener(&server, endpoint);
    CU_ASSERT(wait_until(count_news(&client, MAIKO_PEER_READY) == 2, 60000));
    child_signal(&server, SIGKILL);
    CU_ASSERT_EQUAL(child_end(&server, 60000), 128 + SIGKILL);
    report_end_stop(&client);
    report_ends_finish();
}

/* The later one of a name takes the place of the first, who hears that and comes again: they change places. */
static void a_second_node_of_a_name_takes_the_place_of_the_first(void)
{
    struct report_end server;
    struct report_end first;
    struct report_end second;

    report_ends_begin();
    report_end_listen(&server, &(maiko_bridge_config){.node = NULL});
    report_end_make(&first, "twin", &(maiko_bridge_config){.node = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_connect(first.bridge, maiko_bridge_endpoint(server.bridge, 0), NULL), MAIKO_OK);
    report_end_start(&first);
    CU_ASSERT(report_end_hears(&first, MAIKO_PEER_READY, NULL));
    report_end_make(&second, "twin", &(maiko_bridge_config){.node = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_connect(second.bridge, maiko_bridge_endpoint(server.bridge, 0), NULL), MAIKO_OK);
    report_end_start(&second);
    CU_ASSERT(report_end_hears(&second, MAIKO_PEER_READY, NULL));
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_DOWN, "replaced"));
    report_end_stop(&first);
    report_end_stop(&second);
    report_end_stop(&server);
    report_ends_finish();
}

static void a_node_that_connects_to_itself_is_told_so(void)
{
    char endpoint[128];
    struct report_end end;

    report_ends_begin();
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/socket", report_ends_directory);
    report_end_make(&end, "self", &(maiko_bridge_config){.node = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_listen(end.bridge, endpoint), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(end.bridge, endpoint, NULL), MAIKO_OK);
    report_end_start(&end);
    CU_ASSERT(report_end_hears(&end, MAIKO_PEER_REFUSED, "self"));
    report_end_stop(&end);
    report_ends_finish();
}

static const struct test_case cases[] = {
    TEST_CASE(the_end_of_a_connection_we_made_is_heard_and_it_is_made_again),
    TEST_CASE(a_second_node_of_a_name_takes_the_place_of_the_first),
    TEST_CASE(a_node_that_connects_to_itself_is_told_so),
    TEST_CASE(nobody_but_the_bridge_sends_reports),
    TEST_CASE(reports_neither_leave_nor_enter),
    TEST_CASE(reports_without_room_are_counted),
    TEST_CASE(peers_come_and_go),
    TEST_CASE(a_subscription_that_fails_is_said_at_both_ends),
    TEST_CASE(the_file_of_an_ipc_endpoint_goes_with_a_clean_stop),
    TEST_CASE(a_link_that_finds_no_descriptors_says_so_and_comes_back),
    TEST_CASE(a_limit_below_what_a_bridge_sleeps_on_is_said_and_stops_nothing),
    TEST_CASE(a_link_that_finds_no_memory_to_share_says_so_and_comes_about_later),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "peer_reports", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 2 && strcmp(argv[1], "--listen") == 0)
        return listen_until_killed(argv[2]);
    return suite_main(argc, argv, &suite);
}
