/* Events on `$sys/peer`: who may send there, what is said when peers come, go, stall, miss something or are refused. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <maiko/bridge.h>
#include <maiko/counters.h>
#include <maiko/keypair.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>
#include <maiko/system.h>

#include "lib/child.h"
#include "lib/suite.h"
#include "node/node.h"

#define COUNTED_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(counted, "count/up", COUNTED_FIELDS)

#define IMPOSTOR_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(impostor, "$sys/impostor", IMPOSTOR_FIELDS)

enum { REPORTS_KEPT = 64 };

/* One end, with an actor that keeps what it hears of the others. */
struct end {
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    _Atomic uint32_t received; /* of `counted` */
    _Atomic uint32_t count;    /* of reports */
    maiko_peer_report reports[REPORTS_KEPT];
    char log[1024]; /* the last warning */
    _Atomic uint32_t refused_lines;
};

static maiko_status on_counted(void *self, maiko_context *ctx, const void *event, const maiko_envelope *envelope)
{
    ((struct end *)self)->received++;
    return MAIKO_OK;
}

static maiko_status on_report(void *self, maiko_context *ctx, const void *event, const maiko_envelope *envelope)
{
    struct end *end = self;
    uint32_t count = atomic_load(&end->count);

    if (count < REPORTS_KEPT)
        end->reports[count] = *(const maiko_peer_report *)event;
    atomic_store(&end->count, count + 1);
    return MAIKO_OK;
}

static const maiko_handler counted_handlers[] = {{MAIKO_TYPE(counted), on_counted}, {NULL, NULL}};
static const maiko_actor_ops counting_ops = {.handlers = counted_handlers};
static const maiko_handler report_handlers[] = {{MAIKO_TYPE(maiko_peer_report), on_report}, {NULL, NULL}};
static const maiko_actor_ops listener_ops = {.handlers = report_handlers};

static void on_log(maiko_log_level level, const char *text, void *userdata)
{
    struct end *end = userdata;

    if (strncmp(text, "refused: ", 9) == 0)
        end->refused_lines++;
    if (level >= MAIKO_LOG_WARNING)
        snprintf(end->log, sizeof(end->log), "%s", text);
}

static char runtime_dir[64];

static void begin(void)
{
    strcpy(runtime_dir, "/tmp/maiko-reports-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(runtime_dir));
    setenv("XDG_RUNTIME_DIR", runtime_dir, 1);
}

static void finish(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", runtime_dir);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void make_end(struct end *end, const char *node, const maiko_bridge_config *given)
{
    /* Each with a topic of its own that keeps it from ending; one for both would be a circle, which ends when it is idle. */
    static const char *const endless[] = {"endless", NULL};
    static const char *const also_endless[] = {"endless too", NULL};
    static const char *const counted_topics[] = {"count/up", "endless", NULL};
    static const char *const report_topics[] = {MAIKO_TOPIC_PEER, "endless too", NULL};
    maiko_bridge_config config = {.space = "reports"};

    memset(end, 0, sizeof(*end));
    if (given != NULL)
        config = *given;
    config.node = node;
    config.log = on_log;
    config.log_userdata = end;
    end->sup = maiko_supervisor_new(NULL);
    end->bridge = maiko_bridge_new(end->sup, &config);
    (void)maiko_supervisor_add(
        end->sup, &(maiko_actor_spec){
                      .name = "counting", .ops = &counting_ops, .self = end, .subscribe = counted_topics, .publish = endless});
    /* An actor of its own: a mailbox full of events under BLOCK has no room for reports. */
    (void)maiko_supervisor_add(
        end->sup,
        &(maiko_actor_spec){
            .name = "listener", .ops = &listener_ops, .self = end, .subscribe = report_topics, .publish = also_endless});
}

static maiko_status try_to_start(struct end *end)
{
    maiko_status status = maiko_bridge_start(end->bridge);

    return status == MAIKO_OK ? maiko_supervisor_start(end->sup) : status;
}

static void start_end(struct end *end)
{
    CU_ASSERT_EQUAL_FATAL(try_to_start(end), MAIKO_OK);
}

static void start_server(struct end *end, const maiko_bridge_config *config)
{
    make_end(end, "server", config);
    CU_ASSERT_EQUAL(maiko_bridge_listen(end->bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    start_end(end);
}

static void stop_end(struct end *end)
{
    (void)maiko_supervisor_halt(end->sup, NULL);
    (void)maiko_bridge_stop(&end->bridge);
    (void)maiko_supervisor_stop(&end->sup, NULL);
}

/* The first report of this kind and reason (NULL: any), or NULL. */
static const maiko_peer_report *report_of(struct end *end, maiko_peer_news news, const char *reason)
{
    uint32_t count = atomic_load(&end->count);
    uint32_t i;

    for (i = 0; i < count && i < REPORTS_KEPT; i++)
        if (end->reports[i].news == news && (reason == NULL || strcmp(end->reports[i].reason, reason) == 0))
            return &end->reports[i];
    return NULL;
}

static bool hears(struct end *end, maiko_peer_news news, const char *reason)
{
    if (wait_until(report_of(end, news, reason) != NULL, 60000))
        return true;
    printf("# no report %d %s; %u came\n", news, reason == NULL ? "" : reason, (unsigned)end->count);
    return false;
}

static maiko_bridge_counters counters_of(struct end *end)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    CU_ASSERT_EQUAL(maiko_bridge_count(end->bridge, &counters), MAIKO_OK);
    return counters;
}

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
    struct end end;

    begin();
    make_end(&end, "n", NULL);
    CU_ASSERT_EQUAL(maiko_importer_new(end.sup, "importer", NULL, &importer), MAIKO_OK);
    start_end(&end);
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
    stop_end(&end);
    finish();
}

static void reports_neither_leave_nor_enter(void)
{
    struct end end;

    begin();
    make_end(&end, "a", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_export(end.bridge, &(maiko_bridge_pattern){.pattern = "$sys/#"}), MAIKO_EPERM);
    stop_end(&end);
    make_end(&end, "b", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_import(end.bridge, &(maiko_bridge_pattern){.pattern = MAIKO_TOPIC_PEER}), MAIKO_EPERM);
    stop_end(&end);
    make_end(&end, "c", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_import(end.bridge, &(maiko_bridge_pattern){.pattern = "a/+", .as = "$sys/+"}), MAIKO_EPERM);
    stop_end(&end);
    finish();
}

/* 256 find room in front of a supervisor that does not run yet; the rest is a number in the one that comes next. */
static void reports_without_room_are_counted(void)
{
    struct node_news news = {.news = MAIKO_PEER_DOWN, .peer = "p", .reason = "test"};
    struct end end;
    unsigned i;

    begin();
    make_end(&end, "n", NULL);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_start(end.bridge), MAIKO_OK);
    for (i = 0; i < 300; i++)
        node_news_send(end.bridge, &news);
    CU_ASSERT_EQUAL(counters_of(&end).reports, 256);
    CU_ASSERT_EQUAL(counters_of(&end).reports_dropped, 44);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_start(end.sup), MAIKO_OK);
    CU_ASSERT(wait_until(end.count > 0, 60000));
    CU_ASSERT_EQUAL(end.reports[0].unreported, 0);
    stop_end(&end);
    finish();
}

/* ---- what is said ---- */

/* On a busy machine a link may come about at the second attempt: the end that counts is the one asked for, and not a silence. */
static void peers_come_and_go(void)
{
    maiko_bridge_config config = {.space = "reports", .silence_ns = MAIKO_SECONDS(120)};
    struct end one;
    struct end other;

    begin();
    make_end(&one, "one", &config);
    start_end(&one);
    make_end(&other, "other", &config);
    start_end(&other);
    CU_ASSERT(hears(&one, MAIKO_PEER_UP, NULL) && hears(&one, MAIKO_PEER_READY, NULL));
    CU_ASSERT(hears(&other, MAIKO_PEER_UP, NULL) && hears(&other, MAIKO_PEER_READY, NULL));
    CU_ASSERT_STRING_EQUAL(report_of(&one, MAIKO_PEER_UP, NULL)->peer, "other");
    CU_ASSERT_STRING_EQUAL(report_of(&other, MAIKO_PEER_UP, NULL)->peer, "one");
    stop_end(&other);
    CU_ASSERT(hears(&one, MAIKO_PEER_DOWN, "closed"));
    CU_ASSERT_STRING_EQUAL(report_of(&one, MAIKO_PEER_DOWN, "closed")->text, "stop");
    CU_ASSERT(wait_until(counters_of(&one).reports >= 3, 60000)); /* counted a moment after it was sent */
    CU_ASSERT_EQUAL(counters_of(&one).reports_dropped, 0);
    stop_end(&one);
    finish();
}

/* ---- the other one in a process of its own ---- */

static int subscribe_until_killed(void)
{
    static struct end end;

    make_end(&end, "subscriber", NULL);
    if (maiko_bridge_import(end.bridge, &(maiko_bridge_pattern){.pattern = "count/up"}) != MAIKO_OK ||
        try_to_start(&end) != MAIKO_OK)
        return 9;
    /* What it misses is said here: the test reads the line and kills it. */
    while (!hears(&end, MAIKO_PEER_GAP, NULL)) {
    }
    printf("gap %s %llu\n", report_of(&end, MAIKO_PEER_GAP, NULL)->reason,
           (unsigned long long)report_of(&end, MAIKO_PEER_GAP, NULL)->lost);
    fflush(stdout);
    while (!wait_until(false, 1000)) {
    }
    return 0;
}

enum { SENT = 20000 };

/* The counters file has what the bridge counts, link by link.  A drain is about what has left the mailboxes: here, all. */
static void check_link(struct end *end, const char *peer)
{
    maiko_counters *counters = NULL;
    maiko_bridge_counters sums;
    maiko_counters_link link;

    CU_ASSERT(wait_until(counters_of(end).exported == SENT, 60000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(end->bridge), MAIKO_OK);
    sums = counters_of(end);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(maiko_supervisor_counters_path(end->sup), &counters), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_get_link(counters, 0, &link), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(link.peer, peer);
    CU_ASSERT_EQUAL(link.offered, SENT);
    CU_ASSERT_EQUAL(link.offered, link.acknowledged + link.lost + link.queued);
    CU_ASSERT_EQUAL(link.acknowledged, sums.acknowledged);
    CU_ASSERT_EQUAL(link.lost_deadline, sums.lost);
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(counters, MAIKO_DROPPED_LINK_DEADLINE), sums.lost);
    CU_ASSERT_EQUAL(link.window, 64);
    maiko_counters_free(counters);
}

/* A publisher, and a subscriber in a process that is stopped when it is ready. */
static void begin_with_stopped(struct end *publisher, const maiko_bridge_config *config, struct child *child)
{
    char program[] = "/proc/self/exe";
    char role[] = "--subscriber";
    char *argv[] = {program, role, NULL};

    begin();
    make_end(publisher, "publisher", config);
    CU_ASSERT_EQUAL(maiko_bridge_export(publisher->bridge, &(maiko_bridge_pattern){.pattern = "count/#"}), MAIKO_OK);
    start_end(publisher);
    CU_ASSERT_TRUE_FATAL(child_start_program(child, argv));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher->bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    child_signal(child, SIGSTOP);
}

static void publish_to_stopped(struct end *publisher)
{
    uint64_t number;

    for (number = 1; number <= SENT; number++)
        CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(publisher->sup), counted, .number = number), MAIKO_OK);
}

/* What the subscriber was told of its first gap. */
static void read_gap(struct child *child, char *reason, size_t size, unsigned long long *lost)
{
    char line[64] = "";
    char word[32] = "";

    *lost = 0;
    CU_ASSERT(read(child->output_fd, line, sizeof(line) - 1) > 0);
    CU_ASSERT_EQUAL(sscanf(line, "gap %31s %llu", word, lost), 2);
    snprintf(reason, size, "%s", word);
}

static void finish_with_killed(struct end *publisher, struct child *child)
{
    child_signal(child, SIGKILL);
    child_end(child, 60000);
    stop_end(publisher);
    finish();
}

static void a_stopped_peer_is_stalled_then_ready_and_told_of_its_gap(void)
{
    maiko_bridge_config config = {.space = "reports",
                                  .deadline_ns = MAIKO_MS(300),
                                  .window_events = 64,
                                  .silence_ns = MAIKO_SECONDS(60),
                                  .log_bytes = 64 * 1024};
    struct end publisher;
    struct child child;
    unsigned long long lost;
    char reason[32];

    begin_with_stopped(&publisher, &config, &child);
    publish_to_stopped(&publisher);
    CU_ASSERT(hears(&publisher, MAIKO_PEER_STALLED, "deadline"));
    publisher.count = 0; /* only this thread's own reports follow: the peer does not run */
    child_signal(&child, SIGCONT);
    CU_ASSERT(hears(&publisher, MAIKO_PEER_READY, NULL));
    check_link(&publisher, "subscriber");
    read_gap(&child, reason, sizeof(reason), &lost);
    CU_ASSERT_STRING_EQUAL(reason, "deadline");
    child_signal(&child, SIGKILL);
    child_end(&child, 60000);
    CU_ASSERT(hears(&publisher, MAIKO_PEER_DOWN, NULL));
    CU_ASSERT_STRING_EQUAL(report_of(&publisher, MAIKO_PEER_DOWN, NULL)->peer, "subscriber");
    stop_end(&publisher);
    finish();
}

static maiko_counters_link link_of(struct end *end)
{
    maiko_counters *counters = NULL;
    maiko_counters_link link;

    memset(&link, 0, sizeof(link));
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(maiko_supervisor_counters_path(end->sup), &counters), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_counters_get_link(counters, 0, &link), MAIKO_OK);
    maiko_counters_free(counters);
    return link;
}

static bool is_settled(struct end *publisher)
{
    maiko_bridge_counters counters = counters_of(publisher);

    return counters.acknowledged + counters.lost == SENT;
}

/* On one host its process is known to live: it is stalled, however long that takes, and what it misses is the deadline's. */
static void a_process_stopped_for_longer_than_the_silence_is_stalled_over_shared_memory(void)
{
    maiko_bridge_config config = {.space = "reports",
                                  .transport = MAIKO_TRANSPORT_SHM,
                                  .deadline_ns = MAIKO_MS(300),
                                  .window_events = 64,
                                  .silence_ns = MAIKO_SECONDS(2),
                                  .log_bytes = 64 * 1024};
    maiko_counters_link link;
    struct end publisher;
    struct child child;
    unsigned long long lost;
    char reason[32];

    begin_with_stopped(&publisher, &config, &child);
    CU_ASSERT(hears(&publisher, MAIKO_PEER_STALLED, "silent"));
    CU_ASSERT_EQUAL(counters_of(&publisher).peers, 1);
    publish_to_stopped(&publisher);
    CU_ASSERT(hears(&publisher, MAIKO_PEER_STALLED, "deadline"));
    CU_ASSERT(wait_until(counters_of(&publisher).exported == SENT, 60000));
    child_signal(&child, SIGCONT);
    CU_ASSERT(hears(&publisher, MAIKO_PEER_READY, "caught up"));
    CU_ASSERT(wait_until(is_settled(&publisher), 60000));
    check_link(&publisher, "subscriber");
    link = link_of(&publisher);
    CU_ASSERT_EQUAL(link.sessions, 1);
    CU_ASSERT_EQUAL(link.lost_deadline, link.lost);
    read_gap(&child, reason, sizeof(reason), &lost);
    CU_ASSERT_STRING_EQUAL(reason, "deadline");
    CU_ASSERT_EQUAL(lost, link.lost);
    CU_ASSERT_PTR_NULL(report_of(&publisher, MAIKO_PEER_DOWN, NULL));
    finish_with_killed(&publisher, &child);
}

/* Over a socket silence is all there is to know: it is down.  Nobody is held for it past the deadline; it goes on where it was
 * and is told how much the log does not have any more. */
static void a_process_stopped_for_longer_than_the_silence_is_down_over_zeromq(void)
{
    maiko_bridge_config config = {.space = "reports",
                                  .transport = MAIKO_TRANSPORT_ZMQ,
                                  .deadline_ns = MAIKO_MS(300),
                                  .window_events = 64,
                                  .silence_ns = MAIKO_SECONDS(3),
                                  .log_bytes = 64 * 1024};
    maiko_counters_link link;
    struct end publisher;
    struct child child;
    unsigned long long lost;
    char reason[32];

    begin_with_stopped(&publisher, &config, &child);
    CU_ASSERT(hears(&publisher, MAIKO_PEER_DOWN, "silent"));
    publish_to_stopped(&publisher);
    CU_ASSERT(wait_until(counters_of(&publisher).exported == SENT, 60000));
    child_signal(&child, SIGCONT);
    CU_ASSERT(wait_until(is_settled(&publisher), 60000));
    CU_ASSERT(wait_until(link_of(&publisher).queued == 0, 60000));
    link = link_of(&publisher);
    CU_ASSERT_EQUAL(link.offered, SENT);
    CU_ASSERT(link.sessions > 1);
    CU_ASSERT(link.acknowledged >= 64 && link.lost_log > 0);
    CU_ASSERT_EQUAL(link.lost, link.lost_log + link.lost_deadline); /* the second on a machine so slow that it was down before */
    CU_ASSERT_EQUAL(link.acknowledged + link.lost, SENT);
    read_gap(&child, reason, sizeof(reason), &lost);
    CU_ASSERT(lost > 0 && lost <= link.lost);
    finish_with_killed(&publisher, &child);
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
    struct end publisher;
    struct end subscriber;
    uint64_t number;

    begin();
    make_end(&publisher, "publisher", &config);
    CU_ASSERT_EQUAL(maiko_bridge_export(publisher.bridge, &(maiko_bridge_pattern){.pattern = "count/#"}), MAIKO_OK);
    start_end(&publisher);
    make_end(&subscriber, "subscriber", NULL);
    (void)maiko_supervisor_add(subscriber.sup, &(maiko_actor_spec){.name = "stuck",
                                                                   .ops = &stuck_ops,
                                                                   .self = &may_go,
                                                                   .capacity = 1,
                                                                   .shard = MAIKO_SHARD(1),
                                                                   .subscribe = MAIKO_TOPICS("count/up")});
    CU_ASSERT_EQUAL(
        maiko_bridge_import(subscriber.bridge, &(maiko_bridge_pattern){.pattern = "count/up", .overflow = MAIKO_FAIL}), MAIKO_OK);
    start_end(&subscriber);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    for (number = 1; number <= 20000 && report_of(&publisher, MAIKO_PEER_FAILED, NULL) == NULL; number++)
        (void)maiko_send(maiko_supervisor_context(publisher.sup), counted, .number = number);
    CU_ASSERT(hears(&publisher, MAIKO_PEER_FAILED, "overflow"));
    CU_ASSERT_STRING_EQUAL(report_of(&publisher, MAIKO_PEER_FAILED, NULL)->pattern, "count/up");
    CU_ASSERT_FALSE(report_of(&publisher, MAIKO_PEER_FAILED, NULL)->is_ours);
    may_go = true;
    CU_ASSERT(hears(&subscriber, MAIKO_PEER_FAILED, "overflow"));
    CU_ASSERT_TRUE(report_of(&subscriber, MAIKO_PEER_FAILED, NULL)->is_ours);
    stop_end(&subscriber);
    stop_end(&publisher);
    finish();
}

/* ---- keys ---- */

struct keys {
    maiko_keypair pair;
    char file[128];
};

static void make_keys(struct keys *keys, const char *name)
{
    snprintf(keys->file, sizeof(keys->file), "%s/%s", runtime_dir, name);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&keys->pair), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_save(&keys->pair, keys->file, NULL, 0), MAIKO_OK);
}

/* A server with a key pair, an allow file that is not written yet, and two more pairs. */
struct keyring {
    struct keys server;
    struct keys first;
    struct keys second;
    char allow_file[128];
    maiko_bridge_config config; /* of the server */
};

static void begin_with_keys(struct keyring *ring)
{
    begin();
    make_keys(&ring->server, "server");
    make_keys(&ring->first, "first");
    make_keys(&ring->second, "second");
    snprintf(ring->allow_file, sizeof(ring->allow_file), "%s/allow", runtime_dir);
    ring->config = (maiko_bridge_config){.key_file = ring->server.file, .allow_file = ring->allow_file};
}

/* Admitted by name instead. */
static void admit_only(struct keyring *ring, const char *const *keys)
{
    ring->config.allow_file = NULL;
    ring->config.peer_keys = keys;
}

/* A client that connects to `server` by `server_key`, with its own keys (NULL: none). */
static void start_client_as(struct end *client, const char *name, const char *endpoint, const struct keys *own,
                            const char *server_key)
{
    maiko_bridge_config config = {.key_file = own == NULL ? NULL : own->file};

    make_end(client, name, &config);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client->bridge, endpoint, server_key), MAIKO_OK);
    start_end(client);
}

static void start_client(struct end *client, const char *endpoint, const struct keys *own, const char *server_key)
{
    start_client_as(client, "client", endpoint, own, server_key);
}

static void refusals_have_distinct_reasons_and_one_line_each(void)
{
    struct keyring ring;
    const char *admitted[] = {ring.first.pair.public_key, NULL};
    struct end server;
    struct end client;
    uint32_t before;

    begin_with_keys(&ring);
    admit_only(&ring, admitted);
    start_server(&server, &ring.config);

    start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.first, ring.server.pair.public_key);
    CU_ASSERT(hears(&client, MAIKO_PEER_READY, NULL));
    stop_end(&client);
    CU_ASSERT(hears(&server, MAIKO_PEER_DOWN, "closed"));
    CU_ASSERT_EQUAL(counters_of(&server).refusals, 0);
    before = server.count;

    start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.second, ring.server.pair.public_key);
    CU_ASSERT(hears(&client, MAIKO_PEER_REFUSED, "key_refused"));
    CU_ASSERT(hears(&server, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT_TRUE(report_of(&server, MAIKO_PEER_REFUSED, "denied")->is_ours);
    CU_ASSERT_PTR_NOT_NULL(strstr(report_of(&server, MAIKO_PEER_REFUSED, "denied")->text, ring.second.pair.public_key));
    stop_end(&client);

    start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.first, ring.second.pair.public_key);
    CU_ASSERT(hears(&client, MAIKO_PEER_REFUSED, "server_key_wrong"));
    CU_ASSERT(hears(&server, MAIKO_PEER_REFUSED, "server_key_wrong"));
    stop_end(&client);

    start_client(&client, maiko_bridge_endpoint(server.bridge, 0), NULL, NULL);
    CU_ASSERT(hears(&client, MAIKO_PEER_REFUSED, "not_encrypted"));
    CU_ASSERT(hears(&server, MAIKO_PEER_REFUSED, "protocol"));
    stop_end(&client);

    start_client(&client, "tcp://127.0.0.1:1", &ring.first, ring.server.pair.public_key);
    CU_ASSERT(hears(&client, MAIKO_PEER_DOWN, "no_answer"));
    stop_end(&client);

    /* A report comes behind its line, and none after the supervisor was halted. */
    CU_ASSERT(wait_until(server.refused_lines == server.count - before, 60000));
    CU_ASSERT(server.refused_lines >= 3);
    stop_end(&server);
    finish();
}

/* Written beside and renamed, as editors and deployments do. */
static void replace_file(const char *path, const char *text)
{
    char beside[160];
    FILE *file;

    snprintf(beside, sizeof(beside), "%s.new", path);
    file = fopen(beside, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
    CU_ASSERT_EQUAL(rename(beside, path), 0);
}

static void allow(const char *file, const struct keys *first, const struct keys *second)
{
    char text[512];
    int len;

    len = snprintf(text, sizeof(text), "[first]\nkey = %s\npublish = #\nsubscribe = #\n", first->pair.public_key);
    if (second != NULL)
        snprintf(text + len, sizeof(text) - (size_t)len, "[second]\nkey = %s\npublish = #\nsubscribe = #\n",
                 second->pair.public_key);
    replace_file(file, text);
}

/* Nobody calls maiko_bridge_reload(). */
static void a_changed_allow_file_holds_at_once_and_a_bad_one_changes_nothing(void)
{
    struct keyring ring;
    struct end server;
    struct end client;

    begin_with_keys(&ring);
    allow(ring.allow_file, &ring.first, NULL);
    start_server(&server, &ring.config);

    start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.second, ring.server.pair.public_key);
    CU_ASSERT(hears(&client, MAIKO_PEER_REFUSED, "key_refused"));
    replace_file(ring.allow_file, "[second]\nkey = nonsense\n");
    CU_ASSERT(wait_until(strstr(server.log, "stay as they were") != NULL || server.count > 2, 60000));
    allow(ring.allow_file, &ring.first, &ring.second);
    CU_ASSERT(hears(&client, MAIKO_PEER_READY, NULL)); /* it tries again by itself */
    stop_end(&client);
    stop_end(&server);
    finish();
}

static void the_name_of_a_key_is_refused_to_all_others(void)
{
    struct keyring ring;
    char text[512];
    const char *endpoint;
    struct end server;
    struct end client;

    begin_with_keys(&ring);
    snprintf(text, sizeof(text), "[first]\nkey = %s\nnode = alpha\nsubscribe = #\n[second]\nkey = %s\nsubscribe = #\n",
             ring.first.pair.public_key, ring.second.pair.public_key);
    replace_file(ring.allow_file, text);
    make_end(&server, "server", &ring.config);
    CU_ASSERT_EQUAL(maiko_bridge_listen(server.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    start_end(&server);
    endpoint = maiko_bridge_endpoint(server.bridge, 0);
    start_client_as(&client, "alpha", endpoint, &ring.second, ring.server.pair.public_key);
    CU_ASSERT(hears(&client, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT(hears(&server, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT_PTR_NOT_NULL(strstr(report_of(&server, MAIKO_PEER_REFUSED, "denied")->text, "may not be node alpha"));
    CU_ASSERT_PTR_NOT_NULL(strstr(report_of(&server, MAIKO_PEER_REFUSED, "denied")->text, ring.second.pair.public_key));
    stop_end(&client);
    start_client_as(&client, "beta", endpoint, &ring.first, ring.server.pair.public_key);
    CU_ASSERT(hears(&client, MAIKO_PEER_REFUSED, "denied"));
    stop_end(&client);
    start_client_as(&client, "beta", endpoint, &ring.second, ring.server.pair.public_key);
    CU_ASSERT(hears(&client, MAIKO_PEER_READY, NULL));
    stop_end(&client);
    start_client_as(&client, "alpha", endpoint, &ring.first, ring.server.pair.public_key);
    CU_ASSERT(hears(&client, MAIKO_PEER_READY, NULL));
    stop_end(&client);
    stop_end(&server);
    finish();
}

static void make_version(const char *version, const struct keys *first, const struct keys *second)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", runtime_dir, version);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/%s/allow", runtime_dir, version);
    allow(path, first, second);
}

/* In one step, as those who mount secrets do it. */
static void point_to(const char *version)
{
    char link[128];
    char beside[128];

    snprintf(link, sizeof(link), "%s/data", runtime_dir);
    snprintf(beside, sizeof(beside), "%s/data.new", runtime_dir);
    CU_ASSERT_EQUAL(symlink(version, beside), 0);
    CU_ASSERT_EQUAL(rename(beside, link), 0);
}

/* allow -> data/allow, data -> v1, then v2, v3: nothing of the name of the file itself ever changes. */
static void a_file_behind_links_is_read_again_when_they_lead_elsewhere(void)
{
    struct keyring ring;
    struct end server;
    struct end client;

    begin_with_keys(&ring);
    make_version("v1", &ring.first, NULL);
    make_version("v2", &ring.first, &ring.second);
    make_version("v3", &ring.second, NULL);
    point_to("v1");
    CU_ASSERT_EQUAL(symlink("data/allow", ring.allow_file), 0);
    start_server(&server, &ring.config);
    start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.second, ring.server.pair.public_key);
    CU_ASSERT(hears(&client, MAIKO_PEER_REFUSED, "key_refused"));
    point_to("v2");
    CU_ASSERT(hears(&client, MAIKO_PEER_READY, NULL));
    stop_end(&client);
    point_to("v3");
    start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.second, ring.server.pair.public_key);
    CU_ASSERT(hears(&client, MAIKO_PEER_READY, NULL));
    stop_end(&client);
    stop_end(&server);
    finish();
}

/* Who may write it says whom we trust. */
static void an_allow_file_that_others_can_write_is_refused(void)
{
    struct keys keys;
    char allow_file[128];
    maiko_bridge_config config = {.key_file = keys.file, .allow_file = allow_file};
    struct end end;

    begin();
    make_keys(&keys, "server");
    snprintf(allow_file, sizeof(allow_file), "%s/allow", runtime_dir);
    allow(allow_file, &keys, NULL);
    CU_ASSERT_EQUAL(chmod(allow_file, 0666), 0);
    make_end(&end, "server", &config);
    CU_ASSERT_EQUAL(try_to_start(&end), MAIKO_EPERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_bridge_error_text(end.bridge), "0666"));
    stop_end(&end);
    finish();
}

static void a_replaced_key_pair_is_used_without_a_restart(void)
{
    struct keyring ring;
    const char *admitted[] = {ring.first.pair.public_key, NULL};
    struct end server;
    struct end client;

    begin_with_keys(&ring);
    admit_only(&ring, admitted);
    start_server(&server, &ring.config);
    start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.first, ring.second.pair.public_key);
    CU_ASSERT(hears(&client, MAIKO_PEER_REFUSED, "server_key_wrong"));
    CU_ASSERT_EQUAL(rename(ring.second.file, ring.server.file), 0);
    CU_ASSERT(hears(&client, MAIKO_PEER_READY, NULL));
    stop_end(&client);
    stop_end(&server);
    finish();
}

static void the_file_of_an_ipc_endpoint_goes_with_a_clean_stop(void)
{
    char path[128];
    char endpoint[160];
    struct end end;

    begin();
    snprintf(path, sizeof(path), "%s/socket", runtime_dir);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
    make_end(&end, "n", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_listen(end.bridge, endpoint), MAIKO_OK);
    start_end(&end);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    stop_end(&end);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    finish();
}

static const struct test_case cases[] = {
    TEST_CASE(nobody_but_the_bridge_sends_reports),
    TEST_CASE(reports_neither_leave_nor_enter),
    TEST_CASE(reports_without_room_are_counted),
    TEST_CASE(peers_come_and_go),
    TEST_CASE(a_stopped_peer_is_stalled_then_ready_and_told_of_its_gap),
    TEST_CASE(a_process_stopped_for_longer_than_the_silence_is_stalled_over_shared_memory),
    TEST_CASE(a_process_stopped_for_longer_than_the_silence_is_down_over_zeromq),
    TEST_CASE(a_subscription_that_fails_is_said_at_both_ends),
    TEST_CASE(refusals_have_distinct_reasons_and_one_line_each),
    TEST_CASE(a_changed_allow_file_holds_at_once_and_a_bad_one_changes_nothing),
    TEST_CASE(the_name_of_a_key_is_refused_to_all_others),
    TEST_CASE(a_file_behind_links_is_read_again_when_they_lead_elsewhere),
    TEST_CASE(an_allow_file_that_others_can_write_is_refused),
    TEST_CASE(a_replaced_key_pair_is_used_without_a_restart),
    TEST_CASE(the_file_of_an_ipc_endpoint_goes_with_a_clean_stop),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "peer_reports", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 1 && strcmp(argv[1], "--subscriber") == 0)
        return subscribe_until_killed();
    return suite_main(argc, argv, &suite);
}
