/* Bridges between supervisors: readiness, renaming, late joiners, deaths and stops of either side, plain peers, allow lists. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <maiko/bridge.h>
#include <maiko/keypair.h>
#include <maiko/maiko.h>

#include "lib/child.h"
#include "lib/suite.h"

#define COUNTED_FIELDS(F) F(UINT64, number)
MAIKO_EVENT(counted, "count/up", COUNTED_FIELDS)

/* ---- one end ---- */

struct end {
    maiko_supervisor *sup;
    maiko_bridge *bridge;
    _Atomic uint64_t received;
    _Atomic uint64_t first; /* number of the first one */
    _Atomic uint64_t last;
    _Atomic uint64_t not_rising; /* duplicates and reorderings */
    char topic[64];
    char log[512]; /* the last warning */
};

static maiko_status note(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    const counted *event = maiko_event_as(envelope, counted);
    struct end *end = self;

    if (event == NULL)
        return MAIKO_OK;
    if (end->received == 0)
        end->first = event->number;
    else if (event->number <= end->last)
        end->not_rising++;
    end->last = event->number;
    snprintf(end->topic, sizeof(end->topic), "%s", maiko_envelope_topic(envelope));
    end->received++;
    return MAIKO_OK;
}

static const maiko_actor_ops note_ops = {.handle = note};

static void on_log(maiko_log_level level, const char *text, void *userdata)
{
    if (level >= MAIKO_LOG_WARNING)
        snprintf(((struct end *)userdata)->log, sizeof(((struct end *)userdata)->log), "%s", text);
}

static char runtime_dir[64];

static void begin(void)
{
    strcpy(runtime_dir, "/tmp/maiko-bridge-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(runtime_dir));
    setenv("XDG_RUNTIME_DIR", runtime_dir, 1);
}

static void finish(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", runtime_dir);
    CU_ASSERT_EQUAL(system(command), 0);
}

/* With a subscriber when `subscribe` is given. */
static void make_end(struct end *end, const char *node, const maiko_bridge_config *given, const char *subscribe)
{
    static const char *const endless[] = {"endless", NULL};
    maiko_bridge_config config = *given;

    memset(end, 0, sizeof(*end));
    config.space = "bridge";
    config.node = node;
    config.log = on_log;
    config.log_userdata = end;
    end->sup = maiko_supervisor_new(NULL);
    end->bridge = maiko_bridge_new(end->sup, &config);
    if (subscribe != NULL) {
        const char *topics[] = {subscribe, "endless", NULL};

        (void)maiko_supervisor_add(
            end->sup,
            &(maiko_actor_spec){.name = "note", .ops = &note_ops, .self = end, .subscribe = topics, .publish = endless});
    }
}

static maiko_status start_end(struct end *end)
{
    maiko_status status = maiko_bridge_start(end->bridge);

    return status == MAIKO_OK ? maiko_supervisor_start(end->sup) : status;
}

static void stop_end(struct end *end)
{
    (void)maiko_supervisor_halt(end->sup, NULL);
    (void)maiko_bridge_stop(&end->bridge);
    (void)maiko_supervisor_stop(&end->sup, NULL);
}

static void let_out(struct end *end, const char *pattern, const char *as)
{
    CU_ASSERT_EQUAL(maiko_bridge_export(end->bridge, &(maiko_bridge_pattern){.pattern = pattern, .as = as}), MAIKO_OK);
}

static void let_in(struct end *end, const char *pattern, maiko_bridge_from from)
{
    CU_ASSERT_EQUAL(maiko_bridge_import(end->bridge, &(maiko_bridge_pattern){.pattern = pattern, .from = from}), MAIKO_OK);
}

static void make_publisher(struct end *end, const maiko_bridge_config *config)
{
    make_end(end, "publisher", config, NULL);
    let_out(end, "count/#", NULL);
    CU_ASSERT_EQUAL_FATAL(start_end(end), MAIKO_OK);
}

static maiko_status publish(struct end *end, uint64_t number)
{
    return maiko_send(maiko_supervisor_context(end->sup), counted, .number = number);
}

static maiko_bridge_counters counters_of(struct end *end)
{
    maiko_bridge_counters counters = {.struct_size = sizeof(counters)};

    CU_ASSERT_EQUAL(maiko_bridge_count(end->bridge, &counters), MAIKO_OK);
    return counters;
}

static const maiko_bridge_config defaults = {0};

/* ---- both in one process ---- */

static void the_first_event_after_ready_is_never_lost(void)
{
    struct end publisher;
    uint64_t i;

    begin();
    make_publisher(&publisher, &defaults);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_MS(50)), MAIKO_ETIMEDOUT);
    for (i = 1; i <= 20; i++) {
        struct end subscriber;

        make_end(&subscriber, "subscriber", &defaults, "count/up");
        let_in(&subscriber, "count/up", MAIKO_FROM_LIVE);
        CU_ASSERT_EQUAL_FATAL(start_end(&subscriber), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_SECONDS(5)), MAIKO_OK);
        CU_ASSERT_EQUAL(publish(&publisher, i), MAIKO_OK);
        CU_ASSERT(wait_until(subscriber.received == 1, 5000));
        CU_ASSERT_EQUAL(subscriber.first, i); /* and nothing older: it asked for live */
        stop_end(&subscriber);
    }
    stop_end(&publisher);
    finish();
}

static void an_export_may_be_called_something_else_outside(void)
{
    struct end publisher;
    struct end subscriber;

    begin();
    make_end(&publisher, "publisher", &defaults, NULL);
    let_out(&publisher, "count/#", "north/count/#");
    CU_ASSERT_EQUAL_FATAL(start_end(&publisher), MAIKO_OK);
    make_end(&subscriber, "subscriber", &defaults, "north/#");
    let_in(&subscriber, "north/#", MAIKO_FROM_LIVE);
    CU_ASSERT_EQUAL_FATAL(start_end(&subscriber), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(publisher.bridge, "north/count/up", 1, MAIKO_SECONDS(5)), MAIKO_OK);
    CU_ASSERT_EQUAL(publish(&publisher, 1), MAIKO_OK);
    CU_ASSERT(wait_until(subscriber.received == 1, 5000));
    CU_ASSERT_STRING_EQUAL(subscriber.topic, "north/count/up");
    stop_end(&subscriber);
    stop_end(&publisher);
    finish();
}

static void late_joiners_get_what_they_ask_for(void)
{
    static const maiko_bridge_from from[] = {MAIKO_FROM_LOG, MAIKO_FROM_LAST};
    static const uint64_t expected[] = {100, 1};
    struct end publisher;
    uint64_t i;

    begin();
    make_publisher(&publisher, &defaults);
    for (i = 1; i <= 100; i++)
        CU_ASSERT_EQUAL(publish(&publisher, i), MAIKO_OK);
    CU_ASSERT(wait_until(counters_of(&publisher).exported == 100, 5000));
    for (i = 0; i < 2; i++) {
        struct end subscriber;

        make_end(&subscriber, "subscriber", &defaults, "count/up");
        let_in(&subscriber, "count/up", from[i]);
        CU_ASSERT_EQUAL_FATAL(start_end(&subscriber), MAIKO_OK);
        CU_ASSERT(wait_until(subscriber.received == expected[i], 5000));
        CU_ASSERT_EQUAL(subscriber.last, 100);
        CU_ASSERT_EQUAL(subscriber.not_rising, 0);
        stop_end(&subscriber);
    }
    stop_end(&publisher);
    finish();
}

static void set_up_errors_stick_and_say_what(void)
{
    struct end end;

    begin();
    make_end(&end, "n", &defaults, NULL);
    CU_ASSERT_EQUAL(maiko_bridge_listen(end.bridge, "tcp://0.0.0.0:*"), MAIKO_EPERM);
    CU_ASSERT_EQUAL(maiko_bridge_export(end.bridge, &(maiko_bridge_pattern){.pattern = "#"}), MAIKO_EPERM);
    CU_ASSERT_EQUAL(maiko_bridge_start(end.bridge), MAIKO_EPERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_bridge_error_text(end.bridge), "without keys"));
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(end.bridge, "t", 1, 1), MAIKO_ESTATE);
    stop_end(&end);
    CU_ASSERT_EQUAL(maiko_bridge_start(NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_bridge_stop(NULL), MAIKO_EINVAL);
    finish();
}

/* ---- the other one in a process of its own ---- */

/* Writes its totals to the pipe once per change of the count, until it is killed or told to end. */
static volatile sig_atomic_t is_told_to_end;

static void tell_to_end(int signal_number)
{
    is_told_to_end = 1;
}

static int subscribe_until_told(void)
{
    struct end end;

    is_told_to_end = 0;
    signal(SIGTERM, tell_to_end);
    make_end(&end, "subscriber", &defaults, "count/up");
    if (maiko_bridge_import(end.bridge, &(maiko_bridge_pattern){.pattern = "count/up"}) != MAIKO_OK ||
        start_end(&end) != MAIKO_OK)
        return 9;
    while (!wait_until(is_told_to_end, 1000)) {
    }
    stop_end(&end);
    printf("%" PRIu64 " %" PRIu64 "\n", (uint64_t)end.received, (uint64_t)end.not_rising);
    fflush(stdout);
    return end.not_rising == 0 ? 0 : 8;
}

/* This program again: a fork of one with threads may not do much (and nothing under the thread sanitizer). */
static bool start_other(struct child *child, const char *role, uint64_t base)
{
    char program[] = "/proc/self/exe";
    char option[32];
    char number[32];
    char *argv[] = {program, option, number, NULL};

    snprintf(option, sizeof(option), "%s", role);
    snprintf(number, sizeof(number), "%" PRIu64, base);
    return child_start_program(child, argv);
}

static void a_killed_subscriber_holds_nobody_and_its_next_life_joins(void)
{
    unsigned long rounds = suite_scale(10, 100);
    struct end publisher;
    uint64_t number = 0;
    unsigned long i;
    maiko_bridge_counters counters;

    begin();
    make_publisher(&publisher, &defaults);
    for (i = 0; i < rounds; i++) {
        struct child child;
        int j;

        CU_ASSERT_TRUE_FATAL(start_other(&child, "--subscriber", 0));
        CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_SECONDS(10)), MAIKO_OK);
        for (j = 0; j < 50; j++)
            CU_ASSERT_EQUAL(publish(&publisher, ++number), MAIKO_OK);
        child_signal(&child, SIGKILL);
        child_end(&child, 5000);
        for (j = 0; j < 50; j++)
            CU_ASSERT_EQUAL(publish(&publisher, ++number), MAIKO_OK);
        CU_ASSERT(wait_until(counters_of(&publisher).peers == 0, 2000));
    }
    CU_ASSERT(wait_until(counters_of(&publisher).exported == number, 5000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(publisher.bridge), MAIKO_OK);
    counters = counters_of(&publisher);
    CU_ASSERT(counters.acknowledged + counters.lost >= 50 * rounds); /* each life was owed at least what came while it lived */
    CU_ASSERT(counters.acknowledged + counters.lost <= number);
    stop_end(&publisher);
    finish();
}

static int publish_for_ever(uint64_t base)
{
    struct end end;
    uint64_t number;

    make_end(&end, "publisher", &defaults, NULL);
    if (maiko_bridge_export(end.bridge, &(maiko_bridge_pattern){.pattern = "count/#"}) != MAIKO_OK ||
        start_end(&end) != MAIKO_OK || maiko_bridge_wait_ready(end.bridge, "count/up", 1, MAIKO_SECONDS(10)) != MAIKO_OK)
        return 9;
    for (number = base;; number++)
        if (publish(&end, number) != MAIKO_OK)
            return 8;
}

static void a_killed_publisher_leaves_no_duplicate_and_its_next_life_is_heard(void)
{
    unsigned long rounds = suite_scale(10, 100);
    struct end subscriber;
    unsigned long i;

    begin();
    make_end(&subscriber, "subscriber", &defaults, "count/up");
    let_in(&subscriber, "count/up", MAIKO_FROM_LIVE);
    CU_ASSERT_EQUAL_FATAL(start_end(&subscriber), MAIKO_OK);
    for (i = 1; i <= rounds; i++) {
        uint64_t base = i * 1000000000;
        struct child child;

        CU_ASSERT_TRUE_FATAL(start_other(&child, "--publisher", base));
        CU_ASSERT(wait_until(subscriber.last > base + 100, 10000));
        child_signal(&child, SIGKILL);
        child_end(&child, 5000);
    }
    CU_ASSERT_EQUAL(subscriber.not_rising, 0);
    CU_ASSERT_EQUAL(subscriber.first, 1000000000); /* from the very first event */
    stop_end(&subscriber);
    finish();
}

static void a_sender_is_held_by_a_stopped_subscriber_and_nothing_is_lost(void)
{
    maiko_bridge_config config = {.deadline_ns = MAIKO_SECONDS(60), .silence_ns = MAIKO_SECONDS(60), .window_events = 64};
    struct end publisher;
    struct child child;
    maiko_bridge_counters counters;
    uint64_t accepted = 0;
    maiko_status status = MAIKO_OK;

    begin();
    make_publisher(&publisher, &config);
    CU_ASSERT_TRUE_FATAL(start_other(&child, "--subscriber", 0));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_SECONDS(10)), MAIKO_OK);
    child_signal(&child, SIGSTOP);
    while (accepted < 1000000 && status == MAIKO_OK) {
        status = maiko_try_send(maiko_supervisor_context(publisher.sup), counted, .number = accepted + 1);
        accepted += status == MAIKO_OK;
        if (status == MAIKO_EFULL && wait_until(!maiko_is_sender_full(maiko_supervisor_context(publisher.sup)), 300))
            status = MAIKO_OK; /* the shards are only busy */
    }
    CU_ASSERT_EQUAL(status, MAIKO_EFULL);
    CU_ASSERT(accepted < 20000); /* window, handover, mailbox, outbox: bounded */
    CU_ASSERT_EQUAL(counters_of(&publisher).lost, 0);
    child_signal(&child, SIGCONT);
    CU_ASSERT(wait_until(counters_of(&publisher).exported == accepted, 10000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(publisher.bridge), MAIKO_OK);
    counters = counters_of(&publisher);
    CU_ASSERT_EQUAL(counters.acknowledged, accepted);
    CU_ASSERT_EQUAL(counters.lost, 0);
    child_signal(&child, SIGTERM);
    CU_ASSERT_EQUAL(child_end(&child, 10000), 0);
    stop_end(&publisher);
    finish();
}

static void a_stopped_subscriber_holds_senders_up_to_the_deadline_and_catches_up(void)
{
    maiko_bridge_config config = {
        .deadline_ns = MAIKO_MS(300), .window_events = 64, .silence_ns = MAIKO_SECONDS(60), .log_bytes = 64 * 1024};
    struct end publisher;
    struct child child;
    char output[64] = "";
    maiko_bridge_counters counters;
    uint64_t number;

    begin();
    make_publisher(&publisher, &config);
    CU_ASSERT_TRUE_FATAL(start_other(&child, "--subscriber", 0));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_SECONDS(10)), MAIKO_OK);
    child_signal(&child, SIGSTOP);
    for (number = 1; number <= 20000; number++) /* more than window, log and mailboxes hold */
        CU_ASSERT_EQUAL(publish(&publisher, number), MAIKO_OK);
    counters = counters_of(&publisher);
    CU_ASSERT(counters.window_waits > 0);
    CU_ASSERT(counters.lost > 0);
    child_signal(&child, SIGCONT);
    CU_ASSERT(wait_until(counters_of(&publisher).exported == 20000, 10000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(publisher.bridge), MAIKO_OK);
    counters = counters_of(&publisher);
    CU_ASSERT_EQUAL(counters.acknowledged + counters.lost, 20000); /* the books close */
    child_signal(&child, SIGTERM);
    child_read_output(&child, output, sizeof(output));
    CU_ASSERT_EQUAL(child_end(&child, 10000), 0);
    CU_ASSERT_EQUAL(strtoull(output, NULL, 10), counters.acknowledged);
    stop_end(&publisher);
    finish();
}

/* ---- plain peers ---- */

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

/* A socket of plain libzmq with a key of its own. */
static void *plain_socket(void *context, int type, const maiko_keypair *own, const char *server_key, const char *endpoint)
{
    void *socket = zmq_socket(context, type);
    int zero = 0;
    int timeout_ms = 10000;

    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof(zero));
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof(timeout_ms));
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, 40);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own->public_key, 40);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, own->secret_key, 40);
    CU_ASSERT_EQUAL(zmq_connect(socket, endpoint), 0);
    return socket;
}

static bool ask(void *dealer, const char *frame, const char *expected)
{
    char answer[512] = "";

    if (zmq_send(dealer, frame, strlen(frame), 0) < 0 || zmq_recv(dealer, answer, sizeof(answer) - 1, 0) < 0)
        return false;
    if (strstr(answer, expected) != NULL)
        return true;
    printf("# answer: %s\n", answer);
    return false;
}

static void a_plain_peer_may_do_what_its_key_may_and_nothing_else(void)
{
    maiko_bridge_config config = {0};
    maiko_keypair here;
    maiko_keypair there;
    char key_file[96];
    char allow_file[96];
    char text[256];
    struct end end;
    void *context = zmq_ctx_new();
    void *dealer;
    void *listener;

    begin();
    snprintf(key_file, sizeof(key_file), "%s/key", runtime_dir);
    snprintf(allow_file, sizeof(allow_file), "%s/allow", runtime_dir);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&here), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&there), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_save(&here, key_file, NULL, 0), MAIKO_OK);
    snprintf(text, sizeof(text), "[plain]\nkey = %s\npublish = count/#\nsubscribe = count/#\n", there.public_key);
    write_text(allow_file, text);
    config.key_file = key_file;
    config.allow_file = allow_file;
    make_end(&end, "node", &config, "#");
    let_out(&end, "count/#", NULL);
    let_out(&end, "secret/#", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_know_type(end.bridge, MAIKO_TYPE(counted)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(end.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_publish_at(end.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(start_end(&end), MAIKO_OK);

    dealer = plain_socket(context, ZMQ_DEALER, &there, here.public_key, maiko_bridge_endpoint(end.bridge, 0));
    CU_ASSERT(ask(dealer,
                  "{\"kind\":\"publish\",\"number\":1,\"topic\":\"count/up\",\"type\":\"counted\",\"payload\":{\"number\":7}}",
                  "\"ok\""));
    CU_ASSERT(wait_until(end.received == 1 && end.last == 7, 5000));
    CU_ASSERT(ask(dealer, "{\"kind\":\"publish\",\"number\":2,\"topic\":\"secret/x\",\"type\":\"counted\",\"payload\":{}}",
                  "\"denied\""));
    CU_ASSERT(ask(dealer, "{\"kind\":\"publish\",\"number\":3,\"topic\":\"$sys/dead\",\"type\":\"counted\",\"payload\":{}}",
                  "\"topic\""));
    CU_ASSERT(ask(dealer, "{\"kind\":\"publish\",\"number\":4,\"topic\":\"count/up\",\"type\":\"unheard\",\"payload\":{}}",
                  "\"type\""));
    CU_ASSERT(ask(
        dealer, "{\"kind\":\"publish\",\"number\":5,\"topic\":\"count/up\",\"type\":\"counted\",\"payload\":{\"number\":\"x\"}}",
        "\"payload\""));
    CU_ASSERT_EQUAL(counters_of(&end).denied, 1);
    CU_ASSERT_EQUAL(counters_of(&end).imported, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(end.log, "may not publish \"secret/x\""));

    listener = plain_socket(context, ZMQ_SUB, &there, here.public_key, maiko_bridge_endpoint(end.bridge, 1));
    CU_ASSERT_EQUAL(zmq_setsockopt(listener, ZMQ_SUBSCRIBE, "secret/", 7), 0);
    CU_ASSERT_EQUAL(zmq_setsockopt(listener, ZMQ_SUBSCRIBE, "count/", 6), 0);
    CU_ASSERT(wait_until(publish(&end, 8) == MAIKO_OK && counters_of(&end).published > 0, 5000));
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(end.sup), "secret/x", counted, .number = 9), MAIKO_OK);
    CU_ASSERT_EQUAL(publish(&end, 10), MAIKO_OK);
    CU_ASSERT(zmq_recv(listener, text, sizeof(text), 0) == 8 && memcmp(text, "count/up", 8) == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(end.log, "may not listen to \"secret/\""));
    zmq_close(listener);
    zmq_close(dealer);
    zmq_ctx_term(context);
    stop_end(&end);
    finish();
}

static const struct test_case cases[] = {
    TEST_CASE(the_first_event_after_ready_is_never_lost),
    TEST_CASE(an_export_may_be_called_something_else_outside),
    TEST_CASE(late_joiners_get_what_they_ask_for),
    TEST_CASE(set_up_errors_stick_and_say_what),
    TEST_CASE(a_killed_subscriber_holds_nobody_and_its_next_life_joins),
    TEST_CASE(a_killed_publisher_leaves_no_duplicate_and_its_next_life_is_heard),
    TEST_CASE(a_sender_is_held_by_a_stopped_subscriber_and_nothing_is_lost),
    TEST_CASE(a_stopped_subscriber_holds_senders_up_to_the_deadline_and_catches_up),
    TEST_CASE(a_plain_peer_may_do_what_its_key_may_and_nothing_else),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "bridge", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 60};

    if (argc > 1 && strcmp(argv[1], "--subscriber") == 0)
        return subscribe_until_told();
    if (argc > 2 && strcmp(argv[1], "--publisher") == 0)
        return publish_for_ever(strtoull(argv[2], NULL, 10));
    return suite_main(argc, argv, &suite);
}
