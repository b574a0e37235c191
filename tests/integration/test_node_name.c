/* Nodes that were given no name: each has one of its own, also where all have the same program and process number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>
#include <maiko/space.h>

#include "lib/child.h"
#include "lib/report_end.h"
#include "lib/suite.h"

static const maiko_bridge_pattern counts = {.pattern = "count/#"};

static void listen_at(struct report_end *server, const char *space)
{
    report_end_make(server, "server", &(maiko_bridge_config){.space = space});
    CU_ASSERT_EQUAL(maiko_bridge_export(server->bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_listen(server->bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    report_end_start(server);
}

/* In a runtime directory of its own: as if in a container of its own, where it has the same process number. */
static void connect_elsewhere(struct report_end *client, struct report_end *server, const char *place, const char *space)
{
    char directory[128];

    snprintf(directory, sizeof(directory), "%s/%s", report_ends_directory, place);
    CU_ASSERT_EQUAL(mkdir(directory, 0700), 0);
    report_end_make(client, NULL, &(maiko_bridge_config){.space = space, .program = "same", .runtime_dir = directory});
    CU_ASSERT_EQUAL(maiko_bridge_import(client->bridge, &counts), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client->bridge, maiko_bridge_endpoint(server->bridge, 0), NULL), MAIKO_OK);
    report_end_start(client);
}

static void nodes_of_two_hosts_are_both_linked(const char *space)
{
    struct report_end server;
    struct report_end first;
    struct report_end second;

    report_ends_begin();
    listen_at(&server, space);
    connect_elsewhere(&first, &server, "first", space);
    CU_ASSERT(report_end_hears(&first, MAIKO_PEER_READY, NULL));
    connect_elsewhere(&second, &server, "second", space);
    CU_ASSERT(report_end_hears(&second, MAIKO_PEER_READY, NULL));
    CU_ASSERT_EQUAL(maiko_bridge_wait_ready(server.bridge, "count/up", 2, MAIKO_SECONDS(10)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(server.sup), counted, .number = 1), MAIKO_OK);
    CU_ASSERT(wait_until(first.received == 1 && second.received == 1, 10000));
    CU_ASSERT_EQUAL(report_end_counters(&server).peers, 2);
    CU_ASSERT_PTR_NULL(report_end_find(&server, MAIKO_PEER_DOWN, NULL));
    report_end_stop(&second);
    report_end_stop(&first);
    report_end_stop(&server);
    report_ends_finish();
}

static void two_hosts_may_have_the_same_program_and_process(void)
{
    nodes_of_two_hosts_are_both_linked(NULL);
}

static void two_hosts_may_have_the_same_in_spaces_of_their_own(void)
{
    nodes_of_two_hosts_are_both_linked("reports");
}

/* In the directory of a space alone the name is what `ps` says, too. */
static void a_program_is_cut_at_a_whole_character(void)
{
    char expected[64];
    struct report_end other;
    struct report_end end;

    snprintf(expected, sizeof(expected), "日本語の天気予報プロ.%d", (int)getpid());
    report_ends_begin();
    report_end_make(&other, "other", NULL);
    report_end_start(&other);
    report_end_make(&end, NULL, &(maiko_bridge_config){.space = "reports", .program = "日本語の天気予報プログラム"});
    report_end_start(&end);
    CU_ASSERT(report_end_hears(&other, MAIKO_PEER_READY, NULL));
    CU_ASSERT_STRING_EQUAL(report_end_find(&other, MAIKO_PEER_READY, NULL)->peer, expected);
    report_end_stop(&end);
    report_end_stop(&other);
    report_ends_finish();
}

static void expect_no_start(const maiko_bridge_config *config, const char *text)
{
    maiko_supervisor *sup = maiko_supervisor_new(NULL);
    maiko_bridge *bridge = maiko_bridge_new(sup, config);

    CU_ASSERT_NOT_EQUAL(maiko_bridge_start(bridge), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(maiko_bridge_error_text(bridge), text);
    (void)maiko_bridge_stop(&bridge);
    (void)maiko_supervisor_stop(&sup, NULL);
}

static void see_node(const maiko_node_info *node, void *userdata)
{
    (void)node;
    ++*(int *)userdata;
}

/* NULL means the default; what is given and cannot be is no reason to take that. */
static void an_empty_name_and_a_relative_directory_are_errors(void)
{
    char reason[128] = "";
    int nodes = 0;

    expect_no_start(&(maiko_bridge_config){.space = "x", .node = ""}, "\"\" is no name for a node");
    expect_no_start(&(maiko_bridge_config){.space = ""}, "\"\" is no name for a space");
    expect_no_start(&(maiko_bridge_config){.space = "a/b"}, "\"a/b\" is no name for a space");
    expect_no_start(&(maiko_bridge_config){.space = "x", .runtime_dir = "run"}, "runtime_dir \"run\" is no absolute path");
    expect_no_start(&(maiko_bridge_config){.space = "x", .runtime_dir = ""}, "runtime_dir \"\" is no absolute path");
    CU_ASSERT_EQUAL(maiko_space_list("run", NULL, see_node, &nodes, reason, sizeof(reason)), MAIKO_EINVAL);
    CU_ASSERT_STRING_EQUAL(reason, "runtime_dir \"run\" is no absolute path");
    CU_ASSERT_EQUAL(nodes, 0);
}

/* The longest name is that of directories, sockets, reports and hellos; one byte more is nobody's. */
static void a_name_has_64_bytes_at_most(void)
{
    char longest[64 + 1];
    char too_long[65 + 1];
    struct report_end other;
    struct report_end end;

    memset(longest, 'n', 64);
    longest[64] = '\0';
    memset(too_long, 'n', 65);
    too_long[65] = '\0';
    report_ends_begin();
    report_end_make(&other, "other", NULL);
    report_end_start(&other);
    report_end_make(&end, longest, NULL);
    report_end_start(&end);
    CU_ASSERT(report_end_hears(&other, MAIKO_PEER_READY, NULL));
    CU_ASSERT_STRING_EQUAL(report_end_find(&other, MAIKO_PEER_READY, NULL)->peer, longest);
    report_end_stop(&end);
    expect_no_start(&(maiko_bridge_config){.space = "x", .node = too_long}, "the name of the node is longer than 64 bytes");
    expect_no_start(&(maiko_bridge_config){.space = too_long}, "the name of the space is longer than 64 bytes");
    report_end_stop(&other);
    report_ends_finish();
}

/* PROGRAM.PID, which bridge of the process it is, and eight characters of its own. */
static void a_name_that_nobody_chose_is_no_longer(void)
{
    char program[200];
    struct report_end server;
    struct report_end client;

    memset(program, 'p', sizeof(program) - 1);
    program[sizeof(program) - 1] = '\0';
    report_ends_begin();
    listen_at(&server, "reports");
    report_end_make(&client, NULL, &(maiko_bridge_config){.space = "reports", .program = program});
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, maiko_bridge_endpoint(server.bridge, 0), NULL), MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT(report_end_hears(&server, MAIKO_PEER_READY, NULL));
    CU_ASSERT(strlen(report_end_find(&server, MAIKO_PEER_READY, NULL)->peer) <= 32 + sizeof(".4194304.64.12345678") - 1);
    CU_ASSERT_EQUAL(strncmp(report_end_find(&server, MAIKO_PEER_READY, NULL)->peer, program, 32), 0);
    report_end_stop(&client);
    report_end_stop(&server);
    report_ends_finish();
}

static const struct test_case cases[] = {
    TEST_CASE(a_name_has_64_bytes_at_most),
    TEST_CASE(a_name_that_nobody_chose_is_no_longer),
    TEST_CASE(an_empty_name_and_a_relative_directory_are_errors),
    TEST_CASE(two_hosts_may_have_the_same_program_and_process),
    TEST_CASE(two_hosts_may_have_the_same_in_spaces_of_their_own),
    TEST_CASE(a_program_is_cut_at_a_whole_character),
};
SUITE_MAIN_TIMEOUT("node_name", cases, 300)
