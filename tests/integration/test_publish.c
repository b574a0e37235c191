/* Events from outside any node, into a space: to everybody who would have had them from a node. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <maiko/maiko.h>
#include <maiko/space.h>

#include "lib/bridge_end.h"
#include "lib/process.h"
#include "lib/suite.h"
#include "node/door_queue.h"
#include "node/node.h"

static struct host host;

/* They come before the exporter in the list of the space. */
struct stage {
    struct bridge_end first; /* imports "north/#" */
    struct bridge_end other; /* the same, as "n/#" */
    struct bridge_end last;  /* exports "count/#" as "north/count/#" */
};

static void publish(const char *topic, const char *json, maiko_status expected)
{
    char answer[256] = "";
    maiko_status status = maiko_space_publish(NULL, "bridge", topic, "counted", json, MAIKO_SECONDS(60), answer, sizeof(answer));

    if (status != expected)
        SUITE_FAIL("%s: %s: %s", topic, maiko_strerror(status), answer);
}

static void set_up(struct stage *stage)
{
    host_init(&host);
    bridge_end_make(&stage->first, "a", NULL, "north/#");
    CU_ASSERT_EQUAL(bridge_end_import(&stage->first, "north/#", MAIKO_FROM_LIVE), MAIKO_OK);
    bridge_end_make(&stage->other, "b", NULL, "n/#");
    CU_ASSERT_EQUAL(maiko_bridge_import(stage->other.bridge, &(maiko_bridge_pattern){.pattern = "north/#", .as = "n/#"}),
                    MAIKO_OK);
    bridge_end_make(&stage->last, "c", NULL, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&stage->last, "count/#", "north/count/#"), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&stage->first), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&stage->other), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&stage->last), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(stage->last.bridge, "north/count/up", 2, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_publish(&stage->last, 1), MAIKO_OK); /* all know the type from now on */
    CU_ASSERT(wait_until(stage->first.received == 1 && stage->other.received == 1, 60000));
}

static void an_event_from_outside_comes_to_all_who_import_its_topic(void)
{
    struct stage stage;

    set_up(&stage);
    publish("north/count/up", "{\"number\": 2}", MAIKO_OK);
    CU_ASSERT(wait_until(stage.first.last == 2 && stage.other.last == 2, 60000));
    CU_ASSERT_STRING_EQUAL(stage.first.topic, "north/count/up");
    CU_ASSERT_STRING_EQUAL(stage.other.topic, "n/count/up");
    publish("north/count/up", "{\"number\": \"many\"}", MAIKO_ETYPE);
    bridge_end_stop(&stage.last);
    publish("north/count/up", "{\"number\": 3}", MAIKO_OK); /* nobody exports it now */
    CU_ASSERT(wait_until(stage.first.last == 3 && stage.other.last == 3, 60000));
    CU_ASSERT_EQUAL(stage.first.received, 3);
    CU_ASSERT_EQUAL(stage.other.received, 3);
    bridge_end_stop(&stage.other);
    bridge_end_stop(&stage.first);
    host_deinit(&host);
}

/* Sends one event and ends. */
static maiko_step send_one(void *self, maiko_context *ctx)
{
    (void)self;
    CU_ASSERT_EQUAL(maiko_send(ctx, counted, .number = 1), MAIKO_OK);
    (void)maiko_finish(ctx);
    return MAIKO_STEP_NEVER;
}

static const maiko_actor_ops once_ops = {.step = send_one};

static bool is_refused(const char *topic)
{
    char answer[256] = "";
    maiko_status status =
        maiko_space_publish(NULL, "bridge", topic, "counted", "{\"number\": 2}", MAIKO_SECONDS(60), answer, sizeof(answer));

    return status == MAIKO_ECLOSED && strstr(answer, "closed: all who published it in c have ended") != NULL;
}

/* An exporter ends with those who publish what it exports: what came then would go nowhere. */
static void an_event_nobody_would_get_any_more_is_refused(void)
{
    struct bridge_end end;

    host_init(&host);
    bridge_end_make(&end, "c", NULL, "other");
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(end.sup, &(maiko_actor_spec){.name = "once", .ops = &once_ops, .publish = MAIKO_TOPICS("count/up")}),
        MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_export(&end, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&end), MAIKO_OK);
    CU_ASSERT(wait_until(is_refused("count/up"), 60000));
    publish("other", "{\"number\": 3}", MAIKO_OK); /* nobody exports that */
    CU_ASSERT(wait_until(end.last == 3, 60000));
    bridge_end_stop(&end);
    host_deinit(&host);
}

/* Has its shard wait, with the export actor that is there, too, and then ends. */
struct blocker {
    atomic_bool is_in;
    atomic_bool may_end;
};

static maiko_step wait_and_end(void *self, maiko_context *ctx)
{
    struct blocker *blocker = self;

    atomic_store(&blocker->is_in, true);
    CU_ASSERT(wait_until(atomic_load(&blocker->may_end), 60000));
    (void)maiko_finish(ctx);
    return MAIKO_STEP_NEVER;
}

static const maiko_actor_ops blocker_ops = {.step = wait_and_end};

/* It is accepted while its exporter is about to end, which has not taken it yet. */
static void an_event_that_was_accepted_leaves_before_its_exporter_ends(void)
{
    struct blocker blocker = {.is_in = false};
    struct bridge_end taker;
    struct bridge_end giver;

    host_init(&host);
    bridge_end_make(&taker, "a", NULL, "count/up");
    CU_ASSERT_EQUAL(bridge_end_import(&taker, "count/#", MAIKO_FROM_LIVE), MAIKO_OK);
    bridge_end_configure(&(maiko_config){.shards = 1});
    bridge_end_make(&giver, "c", NULL, NULL);
    bridge_end_configure(&(maiko_config){.shards = 0});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(
            giver.sup,
            &(maiko_actor_spec){.name = "blocker", .ops = &blocker_ops, .self = &blocker, .publish = MAIKO_TOPICS("count/up")}),
        MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_export(&giver, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_know_type(giver.bridge, MAIKO_TYPE(counted)), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&taker), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&giver), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(giver.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT(wait_until(atomic_load(&blocker.is_in), 60000));
    publish("count/up", "{\"number\": 1}", MAIKO_OK);
    atomic_store(&blocker.may_end, true);
    CU_ASSERT_EQUAL(maiko_supervisor_join(giver.sup), MAIKO_OK); /* all actors there have ended */
    CU_ASSERT_EQUAL(maiko_supervisor_halt(giver.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_drain(giver.bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_counters(&giver).exported, 1);
    CU_ASSERT_EQUAL(bridge_end_counters(&giver).acknowledged, 1);
    CU_ASSERT(wait_until(taker.last == 1, 60000));
    bridge_end_stop(&giver);
    bridge_end_stop(&taker);
    host_deinit(&host);
}

/* ---- the exporter's own end ---- */

/* One topic after the other, until no further name is to be had. */
static maiko_step use_all_names(void *self, maiko_context *ctx)
{
    uint64_t number = 0;
    maiko_status status;
    char topic[32];

    (void)self;
    do {
        snprintf(topic, sizeof(topic), "count/%u", (unsigned)++number);
        status = maiko_send_to(ctx, topic, counted, .number = number);
    } while (status == MAIKO_OK);
    CU_ASSERT_EQUAL(status, MAIKO_ELIMIT);
    (void)maiko_finish(ctx);
    return MAIKO_STEP_NEVER;
}

static const maiko_actor_ops greedy_ops = {.step = use_all_names};

static maiko_step finish(void *self, maiko_context *ctx)
{
    (void)self;
    (void)maiko_finish(ctx);
    return MAIKO_STEP_NEVER;
}

static const maiko_actor_ops finishing_ops = {.step = finish};

static void make_ending_exporter(struct bridge_end *end, const maiko_config *config, const maiko_actor_ops *publisher)
{
    bridge_end_configure(config);
    bridge_end_make(end, "c", NULL, NULL);
    bridge_end_configure(&(maiko_config){.shards = 0});
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(end->sup, &(maiko_actor_spec){.name = "once", .ops = publisher, .publish = MAIKO_TOPICS("count/#")}),
        MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_export(end, "count/#", NULL), MAIKO_OK);
}

static void an_exporter_ends_although_all_topic_names_are_used(void)
{
    struct bridge_end end;

    host_init(&host);
    make_ending_exporter(&end, &(maiko_config){.dynamic_topics = 3}, &greedy_ops);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&end), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_join(end.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(end.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_stop(&end.bridge), MAIKO_OK);
    CU_ASSERT_PTR_NULL(strstr(end.log, "last word"));
    bridge_end_stop(&end);
    host_deinit(&host);
}

/* By an importer that lets in reports only, in its own's place. */
static void an_exporter_ends_although_its_last_word_is_refused(void)
{
    struct bridge_end end;
    maiko_importer *own;

    host_init(&host);
    make_ending_exporter(&end, &(maiko_config){.shards = 0}, &finishing_ops);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_start(end.bridge), MAIKO_OK);
    pthread_mutex_lock(&end.bridge->turn);
    own = end.bridge->importers[0].importer;
    end.bridge->importers[0].importer = end.bridge->reporter;
    pthread_mutex_unlock(&end.bridge->turn);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_start(end.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_join(end.sup), MAIKO_OK);
    pthread_mutex_lock(&end.bridge->turn);
    end.bridge->importers[0].importer = own;
    pthread_mutex_unlock(&end.bridge->turn);
    bridge_end_stop(&end);
    CU_ASSERT_PTR_NOT_NULL(strstr(end.log, "the export of c ends without its last word, which was refused"));
    host_deinit(&host);
}

/* The library's topic is its own from the start on; a program that has another type of that name is told at once. */
#define BOGUS_FIELDS(F) F(DOUBLE, other)
MAIKO_EVENT(maiko_bridge_ended, "bogus", BOGUS_FIELDS)

static void a_type_in_the_way_of_the_last_word_fails_the_start(void)
{
    maiko_importer *importer = NULL;
    maiko_import_path *path = NULL;
    struct bridge_end end;

    host_init(&host);
    bridge_end_make(&end, "c", NULL, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&end, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_new(end.sup, "other", NULL, &importer), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_import_path_new(importer, "bogus", MAIKO_TYPE(maiko_bridge_ended), NULL, &path), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_start(end.bridge), MAIKO_ECONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_bridge_error_text(end.bridge), "$maiko/ended"));
    CU_ASSERT_EQUAL(maiko_supervisor_start(end.sup), MAIKO_ECONFLICT);
    maiko_import_path_free(path);
    bridge_end_stop(&end);
    host_deinit(&host);
}

/* Neither by its name nor by one that becomes it here, and neither from a plain publisher nor from a node. */
static void the_topics_of_the_library_are_nobody_elses(void)
{
    struct bridge_end taker;
    struct bridge_end giver;

    host_init(&host);
    bridge_end_make(&taker, "a", NULL, "up");
    CU_ASSERT_EQUAL(maiko_bridge_import(taker.bridge, &(maiko_bridge_pattern){.pattern = "count/#", .as = "#"}), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_know_type(taker.bridge, MAIKO_TYPE(counted)), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&taker), MAIKO_OK);
    publish("$maiko/ended", "{\"number\": 1}", MAIKO_ETOPIC);
    publish("count/$maiko/ended", "{\"number\": 1}", MAIKO_ETOPIC);
    bridge_end_make(&giver, "c", NULL, "other");
    CU_ASSERT_EQUAL(bridge_end_export(&giver, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&giver), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(giver.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(giver.sup), "count/$maiko/ended", counted, .number = 1), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_publish(&giver, 2), MAIKO_OK);
    CU_ASSERT(wait_until(taker.received == 1, 60000));
    CU_ASSERT_EQUAL(taker.last, 2);
    CU_ASSERT_EQUAL(bridge_end_counters(&taker).import_refused, 3);
    bridge_end_stop(&giver);
    bridge_end_make(&giver, "d", NULL, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&giver, "$maiko/#", NULL), MAIKO_EPERM);
    bridge_end_stop(&giver);
    bridge_end_stop(&taker);
    host_deinit(&host);
}

/* ---- when there are subscribers ---- */

static maiko_status publish_for(uint32_t subscribers, uint64_t wait_ns, char answer[256])
{
    const maiko_publication publication = {.space = "bridge",
                                           .topic = "count/up",
                                           .type = "counted",
                                           .json = "{\"number\": 1}",
                                           .timeout_ns = MAIKO_SECONDS(60),
                                           .subscribers = subscribers,
                                           .wait_ns = wait_ns};

    answer[0] = '\0';
    return maiko_space_send(&publication, answer, 256);
}

struct asker {
    pthread_t thread;
    maiko_status status;
    char answer[256];
    atomic_bool is_answered;
};

static void *ask(void *userdata)
{
    struct asker *asker = userdata;

    asker->status = publish_for(1, MAIKO_SECONDS(60), asker->answer);
    atomic_store(&asker->is_answered, true);
    return NULL;
}

static void start_exporter(struct bridge_end *end)
{
    bridge_end_make(end, "c", NULL, "other");
    CU_ASSERT_EQUAL(bridge_end_export(end, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_know_type(end->bridge, MAIKO_TYPE(counted)), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(end), MAIKO_OK);
}

static void an_event_waits_for_its_subscribers(void)
{
    struct asker askers[3] = {{.status = MAIKO_EINTERNAL}};
    struct bridge_end taker;
    struct bridge_end giver;
    size_t i;

    host_init(&host);
    start_exporter(&giver);
    for (i = 0; i < 3; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
    CU_ASSERT(wait_until(atomic_load(&giver.bridge->door_waiting) == 3, 60000));
    CU_ASSERT_EQUAL(bridge_end_counters(&giver).exported, 0);
    bridge_end_make(&taker, "a", NULL, "count/up");
    CU_ASSERT_EQUAL(bridge_end_import(&taker, "count/#", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&taker), MAIKO_OK);
    for (i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(pthread_join(askers[i].thread, NULL), 0);
        CU_ASSERT_EQUAL(askers[i].status, MAIKO_OK);
    }
    CU_ASSERT(wait_until(taker.received == 3, 60000)); /* not one was sent before it was there */
    bridge_end_stop(&taker);
    bridge_end_stop(&giver);
    host_deinit(&host);
}

static void an_event_does_not_wait_for_ever(void)
{
    struct bridge_end giver;
    char answer[256];

    host_init(&host);
    start_exporter(&giver);
    CU_ASSERT_EQUAL(publish_for(2, MAIKO_MS(20), answer), MAIKO_ETIMEDOUT);
    CU_ASSERT_STRING_EQUAL(answer, "late: 0 of 2 nodes are subscribed to count/up at c");
    CU_ASSERT_EQUAL(publish_for(2, 0, answer), MAIKO_ETIMEDOUT);
    CU_ASSERT_STRING_EQUAL(answer, "late: 0 of 2 nodes are subscribed to count/up at c");
    CU_ASSERT_EQUAL(bridge_end_counters(&giver).exported, 0);
    bridge_end_stop(&giver);
    bridge_end_make(&giver, "d", NULL, "count/#"); /* exports nothing */
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&giver), MAIKO_OK);
    CU_ASSERT_EQUAL(publish_for(1, MAIKO_SECONDS(60), answer), MAIKO_ENOTFOUND);
    CU_ASSERT_STRING_EQUAL(answer, "no node exports count/up, and none knows who is subscribed");
    bridge_end_stop(&giver);
    host_deinit(&host);
}

static void who_waits_is_answered_when_the_node_ends(void)
{
    struct asker asker = {.status = MAIKO_OK};
    struct bridge_end giver;

    host_init(&host);
    start_exporter(&giver);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&asker.thread, NULL, ask, &asker), 0);
    CU_ASSERT(wait_until(atomic_load(&giver.bridge->door_waiting) == 1, 60000));
    bridge_end_stop(&giver);
    CU_ASSERT_EQUAL(pthread_join(asker.thread, NULL), 0);
    CU_ASSERT_EQUAL(asker.status, MAIKO_ECLOSED);
    host_deinit(&host);
}

static void *plain_socket(void *context, const char *endpoint)
{
    void *socket = zmq_socket(context, ZMQ_DEALER);
    int timeout_ms = 60000;
    int zero = 0;

    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof(zero));
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof(timeout_ms));
    CU_ASSERT_EQUAL(zmq_connect(socket, endpoint), 0);
    return socket;
}

#define WAITING_FRAME                                                                                                            \
    "{\"kind\":\"publish\",\"number\":7,\"topic\":\"count/up\",\"type\":\"counted\",\"payload\":{},\"subscribers\":1,"           \
    "\"wait\":18446744073709551615}"

/* It may ask for ever, and as often as it likes. */
static void one_publisher_does_not_fill_the_queue(void)
{
    const uint64_t hour_ns = MAIKO_SECONDS(3600);
    void *context = zmq_ctx_new();
    struct bridge_end giver;
    char endpoint[700];
    char answer[256] = "";
    uint64_t ends_ns;
    void *dealer;
    int i;

    host_init(&host);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/door", host.scratch.path);
    bridge_end_make(&giver, "c", NULL, "other");
    CU_ASSERT_EQUAL(bridge_end_export(&giver, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_know_type(giver.bridge, MAIKO_TYPE(counted)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(giver.bridge, endpoint), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&giver), MAIKO_OK);
    dealer = plain_socket(context, endpoint);
    for (i = 0; i < DOOR_QUEUE_OF_ROUTE + 1; i++)
        CU_ASSERT(zmq_send(dealer, WAITING_FRAME, strlen(WAITING_FRAME), 0) > 0);
    CU_ASSERT(zmq_recv(dealer, answer, sizeof(answer) - 1, 0) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"limit\""));
    CU_ASSERT_EQUAL(atomic_load(&giver.bridge->door_waiting), DOOR_QUEUE_OF_ROUTE);
    CU_ASSERT_EQUAL(publish_for(1, MAIKO_MS(1), answer), MAIKO_ETIMEDOUT); /* others wait all the same */
    pthread_mutex_lock(&giver.bridge->turn);
    ends_ns = door_queue_run(giver.bridge, UINT64_MAX);
    CU_ASSERT(ends_ns <= node_now(giver.bridge) + hour_ns && ends_ns + MAIKO_SECONDS(60) > node_now(giver.bridge) + hour_ns);
    pthread_mutex_unlock(&giver.bridge->turn);
    zmq_close(dealer);
    zmq_ctx_term(context);
    bridge_end_stop(&giver);
    host_deinit(&host);
}

/* Nobody is left to be told, and nobody wants it any more; its place is free, and the event is counted. */
static void what_waits_is_withdrawn_when_its_sender_leaves(const char *endpoint)
{
    void *context = zmq_ctx_new();
    struct bridge_end taker;
    struct bridge_end giver;
    void *leaver;
    void *dealer;
    int i;

    host_init(&host);
    bridge_end_make(&giver, "c", NULL, "other");
    CU_ASSERT_EQUAL(bridge_end_export(&giver, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_know_type(giver.bridge, MAIKO_TYPE(counted)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(giver.bridge, endpoint), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&giver), MAIKO_OK);
    leaver = plain_socket(context, maiko_bridge_endpoint(giver.bridge, 0));
    dealer = plain_socket(context, maiko_bridge_endpoint(giver.bridge, 0));
    for (i = 0; i < 2; i++)
        CU_ASSERT(zmq_send(leaver, WAITING_FRAME, strlen(WAITING_FRAME), 0) > 0);
    CU_ASSERT(zmq_send(dealer, WAITING_FRAME, strlen(WAITING_FRAME), 0) > 0);
    CU_ASSERT(wait_until(atomic_load(&giver.bridge->door_waiting) == 3, 60000));
    zmq_close(leaver);
    CU_ASSERT(wait_until(atomic_load(&giver.bridge->door_waiting) == 1, 60000));
    CU_ASSERT_EQUAL(bridge_end_counters(&giver).import_refused, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(giver.log, "which has left and did not wait for its subscribers"));
    bridge_end_make(&taker, "a", NULL, "count/up");
    CU_ASSERT_EQUAL(bridge_end_import(&taker, "count/#", MAIKO_FROM_LIVE), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&taker), MAIKO_OK);
    CU_ASSERT(wait_until(taker.received == 1, 60000));
    CU_ASSERT_EQUAL(maiko_bridge_drain(giver.bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(bridge_end_counters(&giver).exported, 1);
    zmq_close(dealer);
    zmq_ctx_term(context);
    bridge_end_stop(&taker);
    bridge_end_stop(&giver);
    host_deinit(&host);
}

static void what_waits_goes_with_its_sender_over_tcp(void)
{
    what_waits_is_withdrawn_when_its_sender_leaves("tcp://127.0.0.1:*");
}

static void what_waits_goes_with_its_sender_over_ipc(void)
{
    char endpoint[64];

    snprintf(endpoint, sizeof(endpoint), "ipc:///tmp/maiko-door-%d", (int)getpid());
    what_waits_is_withdrawn_when_its_sender_leaves(endpoint);
}

static const struct test_case cases[] = {
    TEST_CASE(an_event_from_outside_comes_to_all_who_import_its_topic),
    TEST_CASE(an_event_nobody_would_get_any_more_is_refused),
    TEST_CASE(an_event_that_was_accepted_leaves_before_its_exporter_ends),
    TEST_CASE(an_exporter_ends_although_all_topic_names_are_used),
    TEST_CASE(an_exporter_ends_although_its_last_word_is_refused),
    TEST_CASE(a_type_in_the_way_of_the_last_word_fails_the_start),
    TEST_CASE(the_topics_of_the_library_are_nobody_elses),
    TEST_CASE(an_event_waits_for_its_subscribers),
    TEST_CASE(an_event_does_not_wait_for_ever),
    TEST_CASE(who_waits_is_answered_when_the_node_ends),
    TEST_CASE(one_publisher_does_not_fill_the_queue),
    TEST_CASE(what_waits_goes_with_its_sender_over_tcp),
    TEST_CASE(what_waits_goes_with_its_sender_over_ipc),
};
SUITE_MAIN("publish", cases)
