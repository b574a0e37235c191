/* Key pairs that are replaced while two processes are linked: both live on, and no event is lost, whichever file is first. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <maiko/counters.h>
#include <maiko/keypair.h>

#include "lib/bridge_end.h"
#include "lib/process.h"
#include "lib/suite.h"

enum { EVENTS = 200 /* between two steps */ };

static struct host host;
static char listeners[160];     /* its key file */
static char listeners_pub[170]; /* its public key, as those who connect have it */
static char dialers[160];
static char dialers_pub[170];

static void name_files(void)
{
    const char *directory = getenv("XDG_RUNTIME_DIR");

    snprintf(listeners, sizeof(listeners), "%s/listener", directory);
    snprintf(listeners_pub, sizeof(listeners_pub), "%s.pub", listeners);
    snprintf(dialers, sizeof(dialers), "%s/dialer", directory);
    snprintf(dialers_pub, sizeof(dialers_pub), "%s.pub", dialers);
}

/* ---- the process that connects ---- */

static volatile sig_atomic_t is_told_to_end;

static void tell_to_end(int signal_number)
{
    (void)signal_number;
    is_told_to_end = 1;
}

/* On another host, as it were: in a space of the same name elsewhere. */
static void move_away(void)
{
    char directory[160];

    snprintf(directory, sizeof(directory), "%s/elsewhere", getenv("XDG_RUNTIME_DIR"));
    (void)mkdir(directory, 0700);
    setenv("XDG_RUNTIME_DIR", directory, 1);
}

static int subscribe_until_told(unsigned port)
{
    const char *peer_keys[] = {listeners_pub, NULL};
    struct bridge_end end;
    char endpoint[64];

    signal(SIGTERM, tell_to_end);
    name_files();
    move_away();
    snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", port);
    bridge_end_make(&end, "subscriber", &(maiko_bridge_config){.key_file = dialers, .peer_keys = peer_keys}, "count/up");
    if (bridge_end_import(&end, "count/up", MAIKO_FROM_LIVE) != MAIKO_OK ||
        maiko_bridge_connect(end.bridge, endpoint, listeners_pub) != MAIKO_OK || bridge_end_start(&end) != MAIKO_OK)
        return 9;
    while (!wait_until(is_told_to_end, 1000)) {
    }
    bridge_end_stop(&end);
    printf("{\"received\":%" PRIu64 ",\"not_rising\":%" PRIu64 ",\"holes\":%" PRIu64 ",\"last\":%" PRIu64 "}\n",
           (uint64_t)end.received, (uint64_t)end.not_rising, (uint64_t)end.holes, (uint64_t)end.last);
    fflush(stdout);
    return 0;
}

/* ---- the one that listens ---- */

struct pair_of_processes {
    struct bridge_end publisher;
    struct process subscriber;
    uint64_t published;
};

/* A new pair beside the old one, with ".next" before what follows its name. */
static void prepare(const char *file)
{
    maiko_keypair pair;
    char next[170];

    snprintf(next, sizeof(next), "%s.next", file);
    (void)remove(next); /* that was never used */
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&pair), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_save(&pair, next, NULL, 0), MAIKO_OK);
}

static void replace_pair(const char *file)
{
    char next[170];

    snprintf(next, sizeof(next), "%s.next", file);
    CU_ASSERT_EQUAL(rename(next, file), 0);
}

static void replace_public(const char *file)
{
    char next[180];
    char public[170];

    snprintf(next, sizeof(next), "%s.next.pub", file);
    snprintf(public, sizeof(public), "%s.pub", file);
    CU_ASSERT_EQUAL(rename(next, public), 0);
}

static void begin(struct pair_of_processes *both)
{
    const char *peer_keys[] = {dialers_pub, NULL};
    const char *endpoint;

    host_init(&host);
    name_files();
    prepare(listeners);
    replace_pair(listeners);
    replace_public(listeners);
    prepare(dialers);
    replace_pair(dialers);
    replace_public(dialers);
    memset(both, 0, sizeof(*both));
    bridge_end_make(&both->publisher, "publisher", &(maiko_bridge_config){.key_file = listeners, .peer_keys = peer_keys}, NULL);
    CU_ASSERT_EQUAL(bridge_end_export(&both->publisher, "count/#", NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_listen(both->publisher.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(bridge_end_start(&both->publisher), MAIKO_OK);
    endpoint = maiko_bridge_endpoint(both->publisher.bridge, 0);
    CU_ASSERT_TRUE_FATAL(
        bridge_end_start_other(&both->subscriber.child, "--subscriber", strtoul(strrchr(endpoint, ':') + 1, NULL, 10)));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(both->publisher.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
}

static void publish_some(struct pair_of_processes *both)
{
    uint64_t to = both->published + EVENTS;

    while (both->published < to)
        CU_ASSERT_EQUAL(bridge_end_publish(&both->publisher, ++both->published), MAIKO_OK);
}

static bool has_all(struct pair_of_processes *both)
{
    return bridge_end_counters(&both->publisher).acknowledged == both->published;
}

static uint64_t sessions(struct pair_of_processes *both)
{
    maiko_counters *counters = NULL;
    maiko_counters_link link = {.sessions = 0};

    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(maiko_supervisor_counters_path(both->publisher.sup), &counters), MAIKO_OK);
    (void)maiko_counters_get_link(counters, 0, &link);
    maiko_counters_free(counters);
    return link.sessions;
}

/* Everything arrived, once and in order, in one process that lived all the time. */
static void end(struct pair_of_processes *both)
{
    CU_ASSERT(wait_until(has_all(both), 60000));
    CU_ASSERT_EQUAL(bridge_end_counters(&both->publisher).lost, 0);
    child_signal(&both->subscriber.child, SIGTERM);
    process_finish(&both->subscriber);
    CU_ASSERT_EQUAL(both->subscriber.code, 0);
    CU_ASSERT_EQUAL(process_figure(&both->subscriber, "received"), both->published);
    CU_ASSERT_EQUAL(process_figure(&both->subscriber, "last"), both->published);
    CU_ASSERT_EQUAL(process_figure(&both->subscriber, "not_rising"), 0);
    CU_ASSERT_EQUAL(process_figure(&both->subscriber, "holes"), 0);
    bridge_end_stop(&both->publisher);
    host_deinit(&host);
}

/* ---- cases ---- */

/* The link stays until the pair is there, too; several times, because what was expected before has no part in it. */
static void a_listeners_pair_is_replaced_after_its_public_key_was(void)
{
    struct pair_of_processes both;
    uint64_t round;

    begin(&both);
    for (round = 1; round <= 3; round++) {
        prepare(listeners);
        publish_some(&both);
        replace_public(listeners);
        publish_some(&both);
        CU_ASSERT(wait_until(has_all(&both), 60000));
        CU_ASSERT_EQUAL(sessions(&both), round);
        replace_pair(listeners);
        publish_some(&both);
        CU_ASSERT(wait_until(sessions(&both) == round + 1, 60000));
        publish_some(&both);
    }
    end(&both);
}

/* Who connects is turned away meanwhile, and what is published is kept for it. */
static void a_listeners_pair_is_replaced_before_its_public_key_was(void)
{
    struct pair_of_processes both;

    begin(&both);
    prepare(listeners);
    publish_some(&both);
    replace_pair(listeners);
    CU_ASSERT(wait_until(strstr(both.publisher.log, "does not have our public key") != NULL, 60000));
    publish_some(&both);
    CU_ASSERT_EQUAL(sessions(&both), 1);
    replace_public(listeners);
    CU_ASSERT(wait_until(sessions(&both) == 2, 60000));
    publish_some(&both);
    end(&both);
}

/* Its link was made with the pair before, and stays; the next one is made with the new pair, and the one before admits nobody. */
static void a_dialers_pair_is_replaced_after_its_public_key_was(void)
{
    struct pair_of_processes both;

    begin(&both);
    prepare(dialers);
    publish_some(&both);
    replace_public(dialers);
    publish_some(&both);
    CU_ASSERT(wait_until(has_all(&both), 60000));
    CU_ASSERT_EQUAL(sessions(&both), 1);
    prepare(listeners);
    replace_public(listeners);
    replace_pair(listeners);
    CU_ASSERT(wait_until(strstr(both.publisher.log, " is not admitted") != NULL, 60000));
    publish_some(&both);
    CU_ASSERT_EQUAL(sessions(&both), 1);
    replace_pair(dialers);
    CU_ASSERT(wait_until(sessions(&both) == 2, 60000));
    publish_some(&both);
    end(&both);
}

/* What the bridge's thread has not looked at behind the first of these it has behind the second. */
static void reload(struct bridge_end *end)
{
    CU_ASSERT_EQUAL(maiko_bridge_reload(end->bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_drain(end->bridge), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_drain(end->bridge), MAIKO_OK);
}

/* However often the key in its file was replaced meanwhile. */
static void a_dialers_link_outlives_several_keys(void)
{
    struct pair_of_processes both;
    int round;

    begin(&both);
    for (round = 0; round < 4; round++) {
        prepare(dialers);
        replace_public(dialers);
        reload(&both.publisher);
        CU_ASSERT_STRING_EQUAL_FATAL(both.publisher.log, "");
        publish_some(&both);
        CU_ASSERT(wait_until(has_all(&both), 60000));
        CU_ASSERT_EQUAL(sessions(&both), 1);
    }
    end(&both);
}

static const struct test_case cases[] = {
    TEST_CASE(a_listeners_pair_is_replaced_after_its_public_key_was),
    TEST_CASE(a_listeners_pair_is_replaced_before_its_public_key_was),
    TEST_CASE(a_dialers_pair_is_replaced_after_its_public_key_was),
    TEST_CASE(a_dialers_link_outlives_several_keys),
};

int main(int argc, char **argv)
{
    static const struct suite suite = {
        .name = "key_rotation", .cases = cases, .case_count = sizeof(cases) / sizeof(cases[0]), .timeout_s = 300};

    if (argc > 2 && strcmp(argv[1], "--subscriber") == 0)
        return subscribe_until_told((unsigned)strtoul(argv[2], NULL, 10));
    return suite_main(argc, argv, &suite);
}
