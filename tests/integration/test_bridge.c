/* Bridges between supervisors: readiness, renaming, late joiners, order, plain peers, allow lists. */
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include <maiko/keypair.h>
#include <maiko/maiko.h>

#include "lib/bridge_end.h"
#include "lib/process.h"
#include "lib/suite.h"

static struct host host;

static void let_out(struct bridge_end *end, const char *pattern, const char *as)
{
    CU_ASSERT_EQUAL(bridge_end_export(end, pattern, as), MAIKO_OK);
}

static void let_in(struct bridge_end *end, const char *pattern, maiko_bridge_from from)
{
    CU_ASSERT_EQUAL(bridge_end_import(end, pattern, from), MAIKO_OK);
}

static void make_publisher(struct bridge_end *end, const maiko_bridge_config *config)
{
    bridge_end_make(end, "publisher", config, NULL);
    let_out(end, "count/#", NULL);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(end), MAIKO_OK);
}

/* ---- both in one process ---- */

static void the_first_event_after_ready_is_never_lost(void)
{
    struct bridge_end publisher;
    uint64_t i;

    host_init(&host);
    make_publisher(&publisher, NULL);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_MS(50)), MAIKO_ETIMEDOUT);
    for (i = 1; i <= 20; i++) {
        struct bridge_end subscriber;

        bridge_end_make(&subscriber, "subscriber", NULL, "count/up");
        let_in(&subscriber, "count/up", MAIKO_FROM_LIVE);
        CU_ASSERT_EQUAL_FATAL(bridge_end_start(&subscriber), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
        CU_ASSERT_EQUAL(bridge_end_publish(&publisher, i), MAIKO_OK);
        CU_ASSERT(wait_until(subscriber.received == 1, 60000));
        CU_ASSERT_EQUAL(subscriber.first, i); /* and nothing older: it asked for live */
        bridge_end_stop(&subscriber);
        CU_ASSERT(wait_until(bridge_end_counters(&publisher).peers == 0, 60000)); /* or the next one waits for this one */
    }
    bridge_end_stop(&publisher);
    host_deinit(&host);
}

static void an_export_may_be_called_something_else_outside(void)
{
    struct bridge_end publisher;
    struct bridge_end subscriber;

    host_init(&host);
    bridge_end_make(&publisher, "publisher", NULL, NULL);
    let_out(&publisher, "count/#", "north/count/#");
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&publisher), MAIKO_OK);
    bridge_end_make(&subscriber, "subscriber", NULL, "north/#");
    let_in(&subscriber, "north/#", MAIKO_FROM_LIVE);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&subscriber), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(publisher.bridge, "north/count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_publish(&publisher, 1), MAIKO_OK);
    CU_ASSERT(wait_until(subscriber.received == 1, 60000));
    CU_ASSERT_STRING_EQUAL(subscriber.topic, "north/count/up");
    bridge_end_stop(&subscriber);
    bridge_end_stop(&publisher);
    host_deinit(&host);
}

static void a_node_announces_as_many_actors_as_one_frame_holds(void)
{
    static const char *const nothing[] = {NULL};
    struct bridge_end end;
    unsigned i;

    host_init(&host);
    bridge_end_make(&end, "node", NULL, NULL);
    for (i = 0; i < 4096; i++)
        CU_ASSERT_PTR_NOT_NULL(maiko_bridge_announce(end.bridge, "actor", nothing, nothing));
    CU_ASSERT_PTR_NULL(maiko_bridge_announce(end.bridge, "one more", nothing, nothing));
    CU_ASSERT_EQUAL(bridge_end_start(&end), MAIKO_ELIMIT);
    bridge_end_stop(&end);
    host_deinit(&host);
}

static void names_as_long_as_actors_may_have_are_announced(void)
{
    static const char *const publish[] = {"count/up", NULL};
    static const char *const nothing[] = {NULL};
    char name[256];
    struct bridge_end end;
    int i;

    host_init(&host);
    bridge_end_make(&end, "node", NULL, NULL);
    for (i = 0; i < 3; i++) { /* alike but for the end, and with characters of three bytes where it may be cut */
        snprintf(name, sizeof(name), "%0*d%s%d", i == 2 ? 227 : 229, 0, "\u5929\u6c17\u4e88\u5831", i);
        CU_ASSERT_PTR_NOT_NULL(maiko_bridge_announce(end.bridge, name, publish, nothing));
    }
    CU_ASSERT_EQUAL(bridge_end_start(&end), MAIKO_OK);
    bridge_end_stop(&end);
    host_deinit(&host);
}

struct gate {
    sem_t reached;
    sem_t open;
};

/* Where the bridge's thread waits when it has read its keys again. */
static void stand_at_gate(maiko_log_level level, const char *text, void *userdata)
{
    struct gate *gate = userdata;

    if (strstr(text, "were read again") == NULL)
        return;
    sem_post(&gate->reached);
    while (sem_wait(&gate->open) != 0)
        continue;
}

/* The bridge's thread may get no turn meanwhile. */
static void who_is_missing_is_named_however_short_the_wait_is(void)
{
    struct gate gate;
    const maiko_bridge_config config = {.space = "bridge", .node = "node", .log = stand_at_gate, .log_userdata = &gate};
    maiko_supervisor *sup = maiko_supervisor_new(NULL);
    maiko_bridge *bridge;
    char missing[64] = "?";

    host_init(&host);
    bridge = maiko_bridge_new(sup, &config);
    CU_ASSERT_FATAL(sem_init(&gate.reached, 0, 0) == 0 && sem_init(&gate.open, 0, 0) == 0);
    CU_ASSERT_EQUAL(maiko_bridge_expect(bridge, "near", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_expect(bridge, "far", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_start(bridge), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_start(sup), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_reload(bridge), MAIKO_OK);
    while (sem_wait(&gate.reached) != 0)
        continue;
    CU_ASSERT_EQUAL(maiko_bridge_wait_actors(bridge, 1, missing, sizeof(missing)), MAIKO_ETIMEDOUT);
    CU_ASSERT_STRING_EQUAL(missing, "near, far");
    sem_post(&gate.open);
    CU_ASSERT_EQUAL(maiko_bridge_wait_actors(bridge, 1, NULL, 0), MAIKO_ETIMEDOUT);
    (void)maiko_supervisor_halt(sup, NULL);
    (void)maiko_bridge_stop(&bridge);
    (void)maiko_supervisor_stop(&sup, NULL);
    sem_destroy(&gate.reached);
    sem_destroy(&gate.open);
    host_deinit(&host);
}

static void late_joiners_get_what_they_ask_for(void)
{
    static const maiko_bridge_from from[] = {MAIKO_FROM_LOG, MAIKO_FROM_LAST};
    static const uint64_t expected[] = {100, 1};
    struct bridge_end publisher;
    uint64_t i;

    host_init(&host);
    make_publisher(&publisher, NULL);
    for (i = 1; i <= 100; i++)
        CU_ASSERT_EQUAL(bridge_end_publish(&publisher, i), MAIKO_OK);
    CU_ASSERT(wait_until(bridge_end_counters(&publisher).exported == 100, 60000));
    for (i = 0; i < 2; i++) {
        struct bridge_end subscriber;

        bridge_end_make(&subscriber, "subscriber", NULL, "count/up");
        let_in(&subscriber, "count/up", from[i]);
        CU_ASSERT_EQUAL_FATAL(bridge_end_start(&subscriber), MAIKO_OK);
        CU_ASSERT(wait_until(subscriber.received == expected[i], 60000));
        CU_ASSERT_EQUAL(subscriber.last, 100);
        CU_ASSERT_EQUAL(subscriber.not_rising, 0);
        bridge_end_stop(&subscriber);
    }
    bridge_end_stop(&publisher);
    host_deinit(&host);
}

static maiko_status keep_it(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    _Atomic(maiko_envelope *) *place = self;
    maiko_envelope *kept = NULL;

    if (maiko_envelope_keep(envelope, &kept) == MAIKO_OK)
        atomic_store(place, kept);
    return MAIKO_OK;
}

/* The subscriber never heard of the type: it came over the link and is not the bridge's to free. */
static void a_kept_event_of_a_foreign_type_outlives_the_bridge(void)
{
    static const maiko_actor_ops keeper = {.handle = keep_it};
    _Atomic(maiko_envelope *) kept = NULL;
    struct bridge_end publisher, subscriber;

    host_init(&host);
    make_publisher(&publisher, NULL);
    bridge_end_make(&subscriber, "subscriber", NULL, NULL);
    let_in(&subscriber, "count/up", MAIKO_FROM_LIVE);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(
            subscriber.sup,
            &(maiko_actor_spec){.name = "keeper", .ops = &keeper, .self = (void *)&kept, .subscribe = MAIKO_TOPICS("count/up")}),
        MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&subscriber), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(publisher.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_publish(&publisher, 42), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(wait_until(atomic_load(&kept) != NULL, 60000));
    bridge_end_stop(&subscriber);
    CU_ASSERT_PTR_NOT_EQUAL(kept->type, MAIKO_TYPE(counted));
    CU_ASSERT_STRING_EQUAL(kept->type->name, "counted");
    CU_ASSERT_EQUAL(maiko_event_as(kept, counted)->number, 42);
    maiko_envelope_unref(kept);
    bridge_end_stop(&publisher);
    host_deinit(&host);
}

static void set_up_errors_stick_and_say_what(void)
{
    struct bridge_end end;

    host_init(&host);
    bridge_end_make(&end, "n", NULL, NULL);
    CU_ASSERT_EQUAL(maiko_bridge_listen(end.bridge, "tcp://0.0.0.0:*"), MAIKO_EPERM);
    CU_ASSERT_EQUAL(maiko_bridge_export(end.bridge, &(maiko_bridge_pattern){.pattern = "#"}), MAIKO_EPERM);
    CU_ASSERT_EQUAL(maiko_bridge_start(end.bridge), MAIKO_EPERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_bridge_error_text(end.bridge), "without keys"));
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(end.bridge, "t", 1, 1), MAIKO_ESTATE);
    bridge_end_stop(&end);
    CU_ASSERT_EQUAL(maiko_bridge_start(NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_bridge_stop(NULL), MAIKO_EINVAL);
    host_deinit(&host);
}

static maiko_status connect_twice(const char *endpoint, const char *key, const char *again, const char *other_key)
{
    maiko_bridge_config config = {.key_file = "a file that nobody reads before the start"};
    struct bridge_end end;
    maiko_status status;

    bridge_end_make(&end, "n", &config, NULL);
    CU_ASSERT_EQUAL(maiko_bridge_connect(end.bridge, endpoint, key), MAIKO_OK);
    status = maiko_bridge_connect(end.bridge, again, other_key);
    if (status != MAIKO_OK)
        CU_ASSERT_PTR_NOT_NULL(strstr(maiko_bridge_error_text(end.bridge), "twice"));
    bridge_end_stop(&end);
    return status;
}

/* The other node would refuse the second as long as the first is there. */
static void an_endpoint_is_connected_to_once(void)
{
    maiko_keypair one, other;
    struct bridge_end end;

    host_init(&host);
    CU_ASSERT_EQUAL(maiko_keypair_generate(&one), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_keypair_generate(&other), MAIKO_OK);
    CU_ASSERT_EQUAL(connect_twice("tcp://127.0.0.1:7", NULL, "tcp://127.0.0.1:007", NULL), MAIKO_EEXIST);
    CU_ASSERT_EQUAL(connect_twice("ipc:///run/x", NULL, "ipc:////run/x", NULL), MAIKO_EEXIST);
    CU_ASSERT_EQUAL(connect_twice("tcp://h:7", one.public_key, "tcp://H:7", one.public_key), MAIKO_EEXIST);
    CU_ASSERT_EQUAL(connect_twice("tcp://h:7", one.public_key, "tcp://h:7", other.public_key), MAIKO_OK);
    CU_ASSERT_EQUAL(connect_twice("tcp://h:7", NULL, "tcp://h:8", NULL), MAIKO_OK);
    bridge_end_make(&end, "n", NULL, NULL);
    CU_ASSERT_EQUAL(maiko_bridge_connect(end.bridge, "tcp://h:7", one.public_key), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_bridge_error_text(end.bridge), "key pair of our own"));
    bridge_end_stop(&end);
    host_deinit(&host);
}

/* ---- the other one in a process of its own ---- */

enum { TOPICS = 16, INTERLEAVED = 50000 };

/* One number after the other, each on the next topic. */
static maiko_step interleave(void *self, maiko_context *ctx)
{
    uint64_t *number = self;
    char topic[32];

    while (*number < INTERLEAVED) {
        if (maiko_is_sender_full(ctx))
            return MAIKO_STEP_CONTINUE;
        snprintf(topic, sizeof(topic), "count/%d", (int)(*number % TOPICS));
        if (maiko_send_to(ctx, topic, counted, .number = *number + 1) != MAIKO_OK)
            return MAIKO_STEP_CONTINUE;
        ++*number;
    }
    return MAIKO_STEP_NEVER;
}

static volatile sig_atomic_t is_told_to_end;

static void tell_to_end(int signal_number)
{
    (void)signal_number;
    is_told_to_end = 1;
}

static int publish_interleaved(void)
{
    static const maiko_actor_ops ops = {.step = interleave};
    const maiko_bridge_config config = {.window_bytes = 4096};
    struct bridge_end end;
    uint64_t number = 0;

    signal(SIGTERM, tell_to_end);
    bridge_end_make(&end, "publisher", &config, NULL);
    if (maiko_supervisor_add(end.sup, &(maiko_actor_spec){.name = "interleaver", .ops = &ops, .self = &number}) != MAIKO_OK ||
        bridge_end_export(&end, "count/#", NULL) != MAIKO_OK || bridge_end_start(&end) != MAIKO_OK)
        return 9;
    while (!wait_until(is_told_to_end, 1000)) {
    }
    bridge_end_stop(&end);
    return 0;
}

/* Over one link, through a window and a mailbox that are full most of the time.  The subscription is older than the publisher, so
 * nothing is missed at the start. */
static void what_one_sender_sends_on_many_topics_stays_in_order(void)
{
    struct bridge_end subscriber;
    struct child child;

    host_init(&host);
    bridge_end_make(&subscriber, "subscriber", NULL, "count/#");
    let_in(&subscriber, "count/#", MAIKO_FROM_LIVE);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&subscriber), MAIKO_OK);
    CU_ASSERT_TRUE_FATAL(bridge_end_start_other(&child, "--interleaved", 0));
    CU_ASSERT(wait_until(subscriber.last == INTERLEAVED, 60000));
    CU_ASSERT_EQUAL(subscriber.first, 1);
    CU_ASSERT_EQUAL(subscriber.received, INTERLEAVED);
    CU_ASSERT_EQUAL(subscriber.not_rising + subscriber.holes, 0);
    child_signal(&child, SIGTERM);
    CU_ASSERT_EQUAL(child_end(&child, 60000), 0);
    bridge_end_stop(&subscriber);
    host_deinit(&host);
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
    int timeout_ms = 60000;

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

/* The two parts of a message, the second as text. */
static bool receive_publication(void *listener, char *topic, char *text, size_t size)
{
    int len = zmq_recv(listener, topic, size - 1, 0);
    int rest = zmq_recv(listener, text, size - 1, 0);

    if (len < 0 || len >= (int)size || rest < 0 || rest >= (int)size)
        return false;
    topic[len] = text[rest] = '\0';
    return true;
}

static void a_plain_listener_gets_the_codec_that_was_named(void)
{
    maiko_bridge_config config = {.listener_codec = "json"};
    void *context = zmq_ctx_new();
    void *listener = zmq_socket(context, ZMQ_SUB);
    struct bridge_end end;
    char topic[1024] = "";
    char text[1024] = "";

    host_init(&host);
    bridge_end_make(&end, "node", &config, NULL);
    let_out(&end, "count/#", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_publish_at(end.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&end), MAIKO_OK);
    CU_ASSERT_EQUAL(zmq_setsockopt(listener, ZMQ_SUBSCRIBE, "count/", 6), 0);
    CU_ASSERT_EQUAL(zmq_connect(listener, maiko_bridge_endpoint(end.bridge, 0)), 0);
    CU_ASSERT(wait_until(bridge_end_publish(&end, 8) == MAIKO_OK && bridge_end_counters(&end).published > 0, 60000));
    CU_ASSERT_TRUE(receive_publication(listener, topic, text, sizeof(text)));
    CU_ASSERT_STRING_EQUAL(topic, "count/up");
    CU_ASSERT_EQUAL(text[0], '{');
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"payload\":{\"number\":8}"));
    zmq_close(listener);
    zmq_ctx_term(context);
    bridge_end_stop(&end);

    config.listener_codec = "morse";
    bridge_end_make(&end, "node", &config, NULL);
    CU_ASSERT_EQUAL(bridge_end_start(&end), MAIKO_ENOTFOUND);
    CU_ASSERT_STRING_EQUAL(maiko_bridge_error_text(end.bridge), "listener_codec \"morse\": there is none of that name");
    bridge_end_stop(&end);
    host_deinit(&host);
}

static void a_plain_peer_may_do_what_its_key_may_and_nothing_else(void)
{
    maiko_bridge_config config = {0};
    maiko_keypair here;
    maiko_keypair there;
    char key_file[600];
    char allow_file[600];
    char text[256];
    struct bridge_end end;
    void *context = zmq_ctx_new();
    void *dealer;
    void *listener;

    host_init(&host);
    snprintf(key_file, sizeof(key_file), "%s/key", host.scratch.path);
    snprintf(allow_file, sizeof(allow_file), "%s/allow", host.scratch.path);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&here), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&there), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_save(&here, key_file, NULL, 0), MAIKO_OK);
    snprintf(text, sizeof(text), "[plain]\nkey = %s\npublish = count/#\nsubscribe = count/#\n", there.public_key);
    write_text(allow_file, text);
    config.key_file = key_file;
    config.allow_file = allow_file;
    bridge_end_make(&end, "node", &config, "#");
    let_out(&end, "count/#", NULL);
    let_out(&end, "secret/#", NULL);
    CU_ASSERT_EQUAL(maiko_bridge_know_type(end.bridge, MAIKO_TYPE(counted)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(end.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_publish_at(end.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&end), MAIKO_OK);

    dealer = plain_socket(context, ZMQ_DEALER, &there, here.public_key, maiko_bridge_endpoint(end.bridge, 0));
    CU_ASSERT(ask(dealer,
                  "{\"kind\":\"publish\",\"number\":1,\"topic\":\"count/up\",\"type\":\"counted\",\"payload\":{\"number\":7}}",
                  "\"ok\""));
    CU_ASSERT(wait_until(end.received == 1 && end.last == 7, 60000));
    CU_ASSERT(ask(dealer, "{\"kind\":\"publish\",\"number\":2,\"topic\":\"secret/x\",\"type\":\"counted\",\"payload\":{}}",
                  "\"denied\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(end.log, "may not publish \"secret/x\""));
    CU_ASSERT(ask(dealer, "{\"kind\":\"publish\",\"number\":3,\"topic\":\"$sys/dead\",\"type\":\"counted\",\"payload\":{}}",
                  "\"topic\""));
    CU_ASSERT(ask(dealer, "{\"kind\":\"publish\",\"number\":4,\"topic\":\"count/up\",\"type\":\"unheard\",\"payload\":{}}",
                  "\"type\""));
    CU_ASSERT(ask(
        dealer, "{\"kind\":\"publish\",\"number\":5,\"topic\":\"count/up\",\"type\":\"counted\",\"payload\":{\"number\":\"x\"}}",
        "\"payload\""));
    CU_ASSERT_EQUAL(bridge_end_counters(&end).denied, 1);
    CU_ASSERT_EQUAL(bridge_end_counters(&end).refusals, 4);
    CU_ASSERT_EQUAL(bridge_end_counters(&end).imported, 1);

    listener = plain_socket(context, ZMQ_SUB, &there, here.public_key, maiko_bridge_endpoint(end.bridge, 1));
    CU_ASSERT_EQUAL(zmq_setsockopt(listener, ZMQ_SUBSCRIBE, "secret/", 7), 0);
    CU_ASSERT_EQUAL(zmq_setsockopt(listener, ZMQ_SUBSCRIBE, "count/", 6), 0);
    CU_ASSERT(wait_until(bridge_end_publish(&end, 8) == MAIKO_OK && bridge_end_counters(&end).published > 0, 60000));
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(end.sup), "secret/x", counted, .number = 9), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_publish(&end, 10), MAIKO_OK);
    CU_ASSERT(zmq_recv(listener, text, sizeof(text), 0) == 8 && memcmp(text, "count/up", 8) == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(end.log, "may not listen to \"secret/\""));
    zmq_close(listener);
    zmq_close(dealer);
    zmq_ctx_term(context);
    bridge_end_stop(&end);
    host_deinit(&host);
}

static void on_signal(int number)
{
    (void)number;
}

/* A program with a timer of its own, whose signals interrupt system calls. */
static void signals_do_not_disturb_a_start(void)
{
    const struct sigaction handler = {.sa_handler = on_signal};
    const struct itimerspec often = {{0, 50000}, {0, 50000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    struct bridge_end end;
    timer_t timer;
    unsigned i;

    host_init(&host);
    sigaction(SIGUSR2, &handler, NULL);
    for (i = 0; i < 20; i++) {
        bridge_end_make(&end, "n", NULL, NULL);
        CU_ASSERT_EQUAL(maiko_bridge_listen(end.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
        CU_ASSERT_EQUAL(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
        CU_ASSERT_EQUAL(timer_settime(timer, 0, &often, NULL), 0);
        CU_ASSERT_EQUAL(maiko_bridge_start(end.bridge), MAIKO_OK);
        CU_ASSERT_EQUAL(timer_delete(timer), 0);
        bridge_end_stop(&end);
    }
    host_deinit(&host);
}

static const struct test_case cases[] = {
    TEST_CASE(signals_do_not_disturb_a_start),
    TEST_CASE(a_plain_listener_gets_the_codec_that_was_named),
    TEST_CASE(the_first_event_after_ready_is_never_lost),
    TEST_CASE(an_export_may_be_called_something_else_outside),
    TEST_CASE(a_node_announces_as_many_actors_as_one_frame_holds),
    TEST_CASE(names_as_long_as_actors_may_have_are_announced),
    TEST_CASE(who_is_missing_is_named_however_short_the_wait_is),
    TEST_CASE(late_joiners_get_what_they_ask_for),
    TEST_CASE(a_kept_event_of_a_foreign_type_outlives_the_bridge),
    TEST_CASE(set_up_errors_stick_and_say_what),
    TEST_CASE(an_endpoint_is_connected_to_once),
    TEST_CASE(what_one_sender_sends_on_many_topics_stays_in_order),
    TEST_CASE(a_plain_peer_may_do_what_its_key_may_and_nothing_else),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "bridge", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 1 && strcmp(argv[1], "--interleaved") == 0)
        return publish_interleaved();
    return suite_main(argc, argv, &suite);
}
