/* Keys and allow lists: who is refused hears why, the others see no difference, and files that change hold at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <maiko/bridge.h>
#include <maiko/counters.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>

#include "lib/child.h"
#include "lib/keyring.h"
#include "lib/process.h"
#include "lib/report_end.h"
#include "lib/suite.h"

static void refusals_have_distinct_reasons_and_one_line_each(void)
{
    struct keyring ring;
    const char *admitted[] = {ring.first.pair.public_key, NULL};
    struct report_end server;
    struct report_end client;
    uint32_t before;

    keyring_begin(&ring);
    keyring_admit_only(&ring, admitted);
    report_end_listen(&server, &ring.config);

    keyring_start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.first, ring.server.pair.public_key);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    report_end_stop(&client);
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_DOWN, "closed"));
    CU_ASSERT_EQUAL(report_end_counters(&server).refusals, 0);
    before = server.count;

    keyring_start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.second, ring.server.pair.public_key);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "key_refused"));
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT_TRUE(report_end_find(&server, MAIKO_PEER_REFUSED, "denied")->is_ours);
    CU_ASSERT_STRING_EQUAL(report_end_find(&server, MAIKO_PEER_REFUSED, "denied")->peer, "127.0.0.1");
    CU_ASSERT_PTR_NOT_NULL(strstr(report_end_find(&server, MAIKO_PEER_REFUSED, "denied")->text, ring.second.pair.public_key));
    report_end_stop(&client);

    keyring_start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.first, ring.second.pair.public_key);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "server_key_wrong"));
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_REFUSED, "server_key_wrong"));
    report_end_stop(&client);

    keyring_start_client(&client, maiko_bridge_endpoint(server.bridge, 0), NULL, NULL);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "not_encrypted"));
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_REFUSED, "protocol"));
    report_end_stop(&client);

    keyring_start_client(&client, "tcp://127.0.0.1:1", &ring.first, ring.server.pair.public_key);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_DOWN, "no_answer"));
    report_end_stop(&client);

    /* A report comes behind its line, and none after the supervisor was halted. */
    CU_ASSERT(wait_until(server.refused_lines == server.count - before, 60000));
    CU_ASSERT(server.refused_lines >= 3);
    report_end_stop(&server);
    report_ends_finish();
}

/* Nobody calls maiko_bridge_reload(). */
static void a_changed_allow_file_holds_at_once_and_a_bad_one_changes_nothing(void)
{
    struct keyring ring;
    struct report_end server;
    struct report_end client;

    keyring_begin(&ring);
    keyring_allow(ring.allow_file, &ring.first, NULL);
    report_end_listen(&server, &ring.config);

    keyring_start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.second, ring.server.pair.public_key);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "key_refused"));
    keyring_replace_file(ring.allow_file, "[second]\nkey = nonsense\n");
    CU_ASSERT(wait_until(strstr(server.log, "stay as they were") != NULL || server.count > 2, 60000));
    keyring_allow(ring.allow_file, &ring.first, &ring.second);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL)); /* it tries again by itself */
    report_end_stop(&client);
    report_end_stop(&server);
    report_ends_finish();
}

static void the_name_of_a_key_is_refused_to_all_others(void)
{
    struct keyring ring;
    char text[512];
    const char *endpoint;
    struct report_end server;
    struct report_end client;

    keyring_begin(&ring);
    snprintf(text, sizeof(text), "[first]\nkey = %s\nnode = alpha\nsubscribe = #\n[second]\nkey = %s\nsubscribe = #\n",
             ring.first.pair.public_key, ring.second.pair.public_key);
    keyring_replace_file(ring.allow_file, text);
    report_end_make(&server, "server", &ring.config);
    CU_ASSERT_EQUAL(maiko_bridge_listen(server.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    report_end_start(&server);
    endpoint = maiko_bridge_endpoint(server.bridge, 0);
    keyring_start_client_as(&client, "alpha", endpoint, &ring.second, ring.server.pair.public_key);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT_PTR_NOT_NULL(strstr(report_end_find(&server, MAIKO_PEER_REFUSED, "denied")->text, "may not be node alpha"));
    CU_ASSERT_PTR_NOT_NULL(strstr(report_end_find(&server, MAIKO_PEER_REFUSED, "denied")->text, "a node at 127.0.0.1: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(report_end_find(&server, MAIKO_PEER_REFUSED, "denied")->text, ring.second.pair.public_key));
    report_end_stop(&client);
    keyring_start_client_as(&client, "beta", endpoint, &ring.first, ring.server.pair.public_key);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "denied"));
    report_end_stop(&client);
    keyring_start_client_as(&client, "beta", endpoint, &ring.second, ring.server.pair.public_key);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    report_end_stop(&client);
    keyring_start_client_as(&client, "alpha", endpoint, &ring.first, ring.server.pair.public_key);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    report_end_stop(&client);
    report_end_stop(&server);
    report_ends_finish();
}

static void make_version(const char *version, const struct keys *first, const struct keys *second)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", report_ends_directory, version);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/%s/allow", report_ends_directory, version);
    keyring_allow(path, first, second);
}

enum { FORGED = 100 };

/* The first link that has not ended, and the books of the whole program. */
static maiko_counters_link look_at_link(struct report_end *end, maiko_counters **ret_counters)
{
    maiko_counters_balance balance;
    maiko_counters_link link;

    memset(&link, 0, sizeof(link));
    CU_ASSERT_EQUAL_FATAL(maiko_counters_open(maiko_supervisor_counters_path(end->sup), ret_counters), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_get_link(*ret_counters, 0, &link), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_counters_check_balance(*ret_counters, &balance), MAIKO_OK);
    if (!balance.is_balanced)
        SUITE_FAIL("not balanced: %s", balance.text);
    return link;
}

static uint64_t turned_away_by(struct report_end *end)
{
    maiko_counters *counters = NULL;
    maiko_counters_link link = look_at_link(end, &counters);

    maiko_counters_free(counters);
    return link.turned_away;
}

/* How often it was told, a session at a time. */
static uint32_t count_refused(struct report_end *end)
{
    uint32_t refused = 0;
    uint32_t i;

    for (i = 0; i < end->count && i < REPORTS_KEPT; i++)
        refused += end->reports[i].news == MAIKO_PEER_REFUSED;
    return refused;
}

/* What was sent and not let in: acknowledged and refused on one side, turned away on the other, event by event. */
static void check_books_of_refused(struct report_end *server, struct report_end *client)
{
    maiko_counters *counters = NULL;
    maiko_counters_drop drop;
    maiko_counters_link link;

    link = look_at_link(client, &counters);
    CU_ASSERT_EQUAL(link.acknowledged, FORGED);
    CU_ASSERT_EQUAL(link.refused_there, FORGED);
    CU_ASSERT_EQUAL(link.lost, 0);
    CU_ASSERT_EQUAL(link.turned_away, 0);
    CU_ASSERT(count_refused(client) >= 1 && count_refused(client) <= link.sessions);
    CU_ASSERT_EQUAL(maiko_counters_dropped_for(counters, MAIKO_DROPPED_LINK_DENIED), FORGED);
    CU_ASSERT_EQUAL(maiko_counters_drop_count(counters), 1);
    CU_ASSERT_EQUAL(maiko_counters_get_drop(counters, 0, &drop), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(drop.topic, "count/up");
    CU_ASSERT_STRING_EQUAL(drop.peer, "server");
    CU_ASSERT_STRING_EQUAL(drop.actor, "");
    CU_ASSERT_EQUAL(drop.actor_id, 0);
    CU_ASSERT_EQUAL(drop.events, FORGED);
    maiko_counters_free(counters);
    CU_ASSERT(wait_until(turned_away_by(server) == FORGED, 60000));
    link = look_at_link(server, &counters);
    CU_ASSERT_EQUAL(link.turned_away, FORGED);
    CU_ASSERT_EQUAL(link.delivered, 0);
    CU_ASSERT_EQUAL(link.refused_there, 0);
    maiko_counters_free(counters);
    CU_ASSERT_EQUAL(server->received, 0);
}

/* What `maiko ps` says in the directory of that end. */
static void check_ps(const char *option, const char *expected)
{
    static char output[16384];
    char command[1200];

    snprintf(command, sizeof(command), "'%s' ps --space reports %s", host_built("tools/maiko"), option);
    CU_ASSERT_TRUE(shell_output(command, output, sizeof(output)));
    if (strstr(output, expected) == NULL)
        SUITE_FAIL("maiko ps %s: no %s in %s", option, expected, output);
}

/* The key may listen and not publish: who sends hears of it, once, and every event is in the books of both. */
static void events_a_key_may_not_publish_are_told_to_who_sent_them(void)
{
    const maiko_bridge_pattern counts = {.pattern = "count/#"};
    const maiko_peer_report *report;
    struct keyring ring;
    char directory[128];
    char text[256];
    struct report_end server;
    struct report_end client;
    uint64_t number;

    keyring_begin(&ring);
    snprintf(text, sizeof(text), "[first]\nkey = %s\nsubscribe = #\n", ring.first.pair.public_key);
    keyring_replace_file(ring.allow_file, text);
    ring.config.space = "reports";
    report_end_make(&server, "server", &ring.config);
    CU_ASSERT_EQUAL(maiko_bridge_import(server.bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(server.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    report_end_start(&server);

    snprintf(directory, sizeof(directory), "%s/elsewhere", report_ends_directory); /* another host, as it were */
    CU_ASSERT_EQUAL(mkdir(directory, 0700), 0);
    setenv("XDG_RUNTIME_DIR", directory, 1);
    report_end_make(&client, "client", &(maiko_bridge_config){.space = "reports", .key_file = ring.first.file});
    CU_ASSERT_EQUAL(maiko_bridge_export(client.bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, maiko_bridge_endpoint(server.bridge, 0), ring.server.pair.public_key),
                    MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(client.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    for (number = 1; number <= FORGED; number++)
        CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(client.sup), counted, .number = number), MAIKO_OK);

    CU_ASSERT(wait_until(report_end_counters(&client).refused_there == FORGED, 60000));
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "denied"));
    report = report_end_find(&client, MAIKO_PEER_REFUSED, "denied");
    CU_ASSERT_STRING_EQUAL(report->peer, "server");
    CU_ASSERT_STRING_EQUAL(report->pattern, "count/up");
    CU_ASSERT_FALSE(report->is_ours);
    CU_ASSERT(report->is_lost_known && report->lost > 0 && report->lost <= FORGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(client.log, "count/up"));
    CU_ASSERT_EQUAL(report_end_counters(&client).acknowledged, FORGED);
    CU_ASSERT_EQUAL(report_end_counters(&client).lost, 0);
    check_books_of_refused(&server, &client);
    if (access(host_built("tools/maiko"), X_OK) == 0) {
        check_ps("", "server(zmq,ready,refused=100)");
        check_ps("--json", "\"refused_there\":100");
        check_ps("--json", "\"refused\":[{\"topic\":\"count/up\",\"reason\":\"denied\",\"events\":100}]");
    }
    report_end_stop(&client);
    report_end_stop(&server);
    CU_ASSERT(server.refused_lines >= 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.log, " from 127.0.0.1 may not publish \"count/up\""));
    report_ends_finish();
}

/* In one step, as those who mount secrets do it. */
static void point_to(const char *version)
{
    char link[128];
    char beside[128];

    snprintf(link, sizeof(link), "%s/data", report_ends_directory);
    snprintf(beside, sizeof(beside), "%s/data.new", report_ends_directory);
    CU_ASSERT_EQUAL(symlink(version, beside), 0);
    CU_ASSERT_EQUAL(rename(beside, link), 0);
}

/* allow -> data/allow, data -> v1, then v2, v3: nothing of the name of the file itself ever changes. */
static void a_file_behind_links_is_read_again_when_they_lead_elsewhere(void)
{
    struct keyring ring;
    struct report_end server;
    struct report_end client;

    keyring_begin(&ring);
    make_version("v1", &ring.first, NULL);
    make_version("v2", &ring.first, &ring.second);
    make_version("v3", &ring.second, NULL);
    point_to("v1");
    CU_ASSERT_EQUAL(symlink("data/allow", ring.allow_file), 0);
    report_end_listen(&server, &ring.config);
    keyring_start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.second, ring.server.pair.public_key);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "key_refused"));
    point_to("v2");
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    report_end_stop(&client);
    point_to("v3");
    keyring_start_client(&client, maiko_bridge_endpoint(server.bridge, 0), &ring.second, ring.server.pair.public_key);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    report_end_stop(&client);
    report_end_stop(&server);
    report_ends_finish();
}

/* Who may write it says whom we trust. */
static void an_allow_file_that_others_can_write_is_refused(void)
{
    struct keys keys;
    char allow_file[128];
    maiko_bridge_config config = {.key_file = keys.file, .allow_file = allow_file};
    struct report_end end;

    report_ends_begin();
    keyring_make_keys(&keys, "server");
    snprintf(allow_file, sizeof(allow_file), "%s/allow", report_ends_directory);
    keyring_allow(allow_file, &keys, NULL);
    CU_ASSERT_EQUAL(chmod(allow_file, 0666), 0);
    report_end_make(&end, "server", &config);
    CU_ASSERT_EQUAL(report_end_try(&end), MAIKO_EPERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_bridge_error_text(end.bridge), "0666"));
    report_end_stop(&end);
    report_ends_finish();
}

/* They meet once the file `better` has taken the place of `worse`. */
static void expect_to_meet_after(struct keyring *ring, const struct keys *own, const struct keys *expected, const char *reason,
                                 const struct keys *better, const struct keys *worse)
{
    const char *admitted[] = {ring->first.pair.public_key, NULL};
    struct report_end server;
    struct report_end client;

    keyring_admit_only(ring, admitted);
    report_end_listen(&server, &ring->config);
    keyring_start_client(&client, maiko_bridge_endpoint(server.bridge, 0), own, expected->pair.public_key);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, reason));
    CU_ASSERT_EQUAL(rename(better->file, worse->file), 0);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    report_end_stop(&client);
    report_end_stop(&server);
    report_ends_finish();
}

static void a_replaced_key_pair_is_used_without_a_restart(void)
{
    struct keyring ring;

    keyring_begin(&ring);
    expect_to_meet_after(&ring, &ring.first, &ring.second, "server_key_wrong", &ring.second, &ring.server);
}

/* The one who connects has a new pair: the next attempt is made with it. */
static void a_pair_that_was_refused_may_be_replaced_without_a_restart(void)
{
    struct keyring ring;

    keyring_begin(&ring);
    expect_to_meet_after(&ring, &ring.second, &ring.server, "key_refused", &ring.first, &ring.second);
}

/* It asks for what its key may not have: it is told so by name, has a line in the log there, and gets the rest. */
static void a_subscription_a_key_may_not_have_is_refused_by_name(void)
{
    struct keyring ring;
    char text[256];
    struct report_end server;
    struct report_end client;

    keyring_begin(&ring);
    snprintf(text, sizeof(text), "[first]\nkey = %s\nsubscribe = count/#\n", ring.first.pair.public_key);
    keyring_replace_file(ring.allow_file, text);
    report_end_make(&server, "server", &ring.config);
    CU_ASSERT_EQUAL(maiko_bridge_export(server.bridge, &(maiko_bridge_pattern){.pattern = "#"}), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(server.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    report_end_start(&server);
    report_end_make(&client, "client", &(maiko_bridge_config){.key_file = ring.first.file});
    CU_ASSERT_EQUAL(maiko_bridge_import(client.bridge, &(maiko_bridge_pattern){.pattern = "count/#"}), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_import(client.bridge, &(maiko_bridge_pattern){.pattern = "secret/#"}), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, maiko_bridge_endpoint(server.bridge, 0), ring.server.pair.public_key),
                    MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT(report_end_hears(&client, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT_STRING_EQUAL(report_end_find(&client, MAIKO_PEER_REFUSED, "denied")->pattern, "secret/#");
    CU_ASSERT_FALSE(report_end_find(&client, MAIKO_PEER_REFUSED, "denied")->is_lost_known);
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT_PTR_NOT_NULL(strstr(server.log, "may not subscribe to \"secret/#\""));
    CU_ASSERT_EQUAL_FATAL(maiko_bridge_wait_ready(server.bridge, "count/up", 1, MAIKO_SECONDS(60)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(server.sup), "secret/x", counted, .number = 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(server.sup), counted, .number = 2), MAIKO_OK);
    CU_ASSERT(wait_until(client.received == 1, 60000));
    CU_ASSERT(wait_until(report_end_counters(&server).acknowledged == 1, 60000));
    CU_ASSERT_EQUAL(report_end_counters(&client).imported, 1);
    report_end_stop(&client);
    report_end_stop(&server);
    report_ends_finish();
}

static const struct test_case cases[] = {
    TEST_CASE(refusals_have_distinct_reasons_and_one_line_each),
    TEST_CASE(a_changed_allow_file_holds_at_once_and_a_bad_one_changes_nothing),
    TEST_CASE(the_name_of_a_key_is_refused_to_all_others),
    TEST_CASE(a_file_behind_links_is_read_again_when_they_lead_elsewhere),
    TEST_CASE(an_allow_file_that_others_can_write_is_refused),
    TEST_CASE(events_a_key_may_not_publish_are_told_to_who_sent_them),
    TEST_CASE(a_subscription_a_key_may_not_have_is_refused_by_name),
    TEST_CASE(a_pair_that_was_refused_may_be_replaced_without_a_restart),
    TEST_CASE(a_replaced_key_pair_is_used_without_a_restart),
};
SUITE_MAIN_TIMEOUT("peer_keys", cases, 300)
