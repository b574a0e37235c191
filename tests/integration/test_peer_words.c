/* The words of `$sys/peer` that no two bridges say to each other at will: what is at the other end of the socket speaks the
 * protocol, and no more.  Each refusal of ours is one line of the log. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <maiko/bridge.h>
#include <maiko/maiko.h>
#include <maiko/peer.h>

#include "lib/keyring.h"
#include "lib/raw_link.h"
#include "lib/report_end.h"
#include "lib/suite.h"
#include "node/forget.h"
#include "node/peers.h"
#include "wire/limits.h"

/* ---- set-up ---- */

static void begin_server(struct report_end *server, struct raw_link *raw)
{
    report_ends_begin();
    report_end_listen(server, &(maiko_bridge_config){.node = NULL});
    raw_link_connect(raw, "raw", "maiko", maiko_bridge_endpoint(server->bridge, 0));
}

static void finish_server(struct report_end *server, struct raw_link *raw)
{
    raw_link_close(raw);
    report_end_stop(server);
    report_ends_finish();
}

/* Up to the welcome. */
static void link_to_server(struct raw_link *raw)
{
    CU_ASSERT_TRUE_FATAL(raw_link_greets_until(raw, FRAME_WELCOME));
}

static void begin_client(struct report_end *client, struct raw_link *raw)
{
    report_ends_begin();
    raw_link_listen(raw, "raw", "maiko");
    report_end_make(client, "client", &(maiko_bridge_config){.node = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_import(client->bridge, &(maiko_bridge_pattern){.pattern = "count/#"}), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client->bridge, raw->endpoint, NULL), MAIKO_OK);
    report_end_start(client);
    CU_ASSERT_TRUE_FATAL(raw_link_hears(raw, FRAME_HELLO));
}

static void finish_client(struct report_end *client, struct raw_link *raw)
{
    report_end_stop(client);
    raw_link_close(raw);
    report_ends_finish();
}

/* One report, one line, one count. */
static void expect_one_refusal(struct report_end *end, const char *reason, const char *in_text)
{
    const maiko_peer_report *report;

    CU_ASSERT_TRUE_FATAL(report_end_hears(end, MAIKO_PEER_REFUSED, reason));
    report = report_end_find(end, MAIKO_PEER_REFUSED, reason);
    CU_ASSERT_TRUE(report->is_ours);
    if (strstr(report->text, in_text) == NULL || strstr(end->log, in_text) == NULL || strstr(end->log, reason) == NULL)
        SUITE_FAIL("no \"%s\" in \"%s\" and \"%s\"", in_text, report->text, end->log);
    CU_ASSERT_EQUAL(end->refused_lines, 1);
    CU_ASSERT_EQUAL(end->count, 1);
    CU_ASSERT_EQUAL(report_end_counters(end).refusals, 1);
}

/* ---- refused by us ---- */

static void another_version_is_refused_in_one_line(void)
{
    struct report_end server;
    struct raw_link raw;

    begin_server(&server, &raw);
    raw_link_introduce(&raw, FRAME_HELLO, 2, 9);
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_REFUSE));
    CU_ASSERT_TRUE(raw_link_was_told(&raw, "version"));
    raw_link_introduce(&raw, FRAME_HELLO, 2, 9); /* again, and again it is refused, but it is no news */
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_REFUSE));
    expect_one_refusal(&server, "version", "2 to 9 there");
    CU_ASSERT_STRING_EQUAL(report_end_find(&server, MAIKO_PEER_REFUSED, "version")->peer, "raw");
    finish_server(&server, &raw);
}

static void another_space_is_refused_in_one_line(void)
{
    struct report_end server;
    struct raw_link raw;

    begin_server(&server, &raw);
    raw.space = "elsewhere";
    raw_link_introduce(&raw, FRAME_HELLO, 1, 1);
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_REFUSE));
    CU_ASSERT_TRUE(raw_link_was_told(&raw, "space"));
    expect_one_refusal(&server, "space", "maiko");
    finish_server(&server, &raw);
}

/* As long as a name can be in a frame, which is longer than one of a node, and with characters of two bytes. */
static void fill_to_255(char text[WIRE_NAME_MAX + 1])
{
    int i;

    for (i = 0; i < 127; i++)
        memcpy(text + 2 * i, "\xd0\xb6", 2);
    strcpy(text + 2 * 127, "-");
}

static void a_name_of_255_bytes_is_no_nodes(void)
{
    char name[WIRE_NAME_MAX + 1];
    struct report_end server;
    struct raw_link raw;

    fill_to_255(name);
    begin_server(&server, &raw);
    raw.name = name;
    raw_link_introduce(&raw, FRAME_HELLO, 1, 1);
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_REFUSE));
    CU_ASSERT_TRUE(raw_link_was_told(&raw, "protocol"));
    expect_one_refusal(&server, "protocol", "no name for a node");
    raw.name = "raw";
    link_to_server(&raw);
    finish_server(&server, &raw);
}

static void a_name_for_no_node_is_refused_in_one_line(void)
{
    struct report_end server;
    struct raw_link raw;
    int i;

    begin_server(&server, &raw);
    raw.name = "no/name";
    for (i = 0; i < 2; i++) {
        raw_link_introduce(&raw, FRAME_HELLO, 1, 1);
        CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_REFUSE));
        CU_ASSERT_TRUE(raw_link_was_told(&raw, "protocol"));
    }
    expect_one_refusal(&server, "protocol", "no name for a node");
    finish_server(&server, &raw);
}

/* All places are taken by nodes that we connect to ourselves. */
static void take_all_places(struct report_end *server)
{
    char name[32];
    unsigned i;

    pthread_mutex_lock(&server->bridge->turn);
    for (i = 0; i < KNOWN_MAX + STRANGERS_MAX; i++) {
        struct node_peer *peer;

        snprintf(name, sizeof(name), "taken.%u", i);
        peer = peers_make(server->bridge, name, i < KNOWN_MAX);
        CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
        peer->is_connector = true;
    }
    pthread_mutex_unlock(&server->bridge->turn);
}

static void without_a_place_for_it_a_node_is_refused_in_one_line(void)
{
    struct report_end server;
    struct raw_link raw;
    int i;

    begin_server(&server, &raw);
    take_all_places(&server);
    for (i = 0; i < 2; i++) {
        raw_link_introduce(&raw, FRAME_HELLO, 1, 1);
        CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_REFUSE));
        CU_ASSERT_TRUE(raw_link_was_told(&raw, "limit"));
    }
    expect_one_refusal(&server, "limit", "too many nodes");
    finish_server(&server, &raw);
}

/* ---- two connections between the same two nodes ---- */

/* The same node calls, as who listens at `raw`, with this id. */
static void call_too(struct raw_link *caller, struct raw_link *raw, struct report_end *client, uint64_t high)
{
    raw->node.hi = high;
    raw_link_connect(caller, raw->name, raw->space, maiko_bridge_endpoint(client->bridge, 0));
    caller->node = raw->node;
}

static void begin_listening_client(struct report_end *client, struct raw_link *raw)
{
    report_ends_begin();
    raw_link_listen(raw, "raw", "maiko");
    report_end_make(client, "client", &(maiko_bridge_config){.node = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_listen(client->bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client->bridge, raw->endpoint, NULL), MAIKO_OK);
    report_end_start(client);
    CU_ASSERT_TRUE_FATAL(raw_link_hears(raw, FRAME_HELLO));
}

static void a_link_that_is_there_is_not_made_twice(void)
{
    struct report_end client;
    struct raw_link caller;
    struct raw_link raw;

    begin_listening_client(&client, &raw);
    raw_link_introduce(&raw, FRAME_WELCOME, 1, 1);
    CU_ASSERT_TRUE_FATAL(raw_link_hears(&raw, FRAME_SUBSCRIBE));
    call_too(&caller, &raw, &client, raw.node.hi);
    raw_link_introduce(&caller, FRAME_HELLO, 1, 1);
    CU_ASSERT_TRUE(raw_link_hears(&caller, FRAME_REFUSE));
    CU_ASSERT_TRUE(raw_link_was_told(&caller, "duplicate"));
    CU_ASSERT_TRUE(report_end_hears(&client, MAIKO_PEER_REFUSED, "duplicate"));
    CU_ASSERT_TRUE(report_end_find(&client, MAIKO_PEER_REFUSED, "duplicate")->is_ours);
    CU_ASSERT_EQUAL(client.refused_lines, 1);
    CU_ASSERT_EQUAL(report_end_counters(&client).peers, 1);
    raw_link_close(&caller);
    finish_client(&client, &raw);
}

/* Both say hello before either is answered: the connection of the smaller id stays. */
static void meet_twice(struct report_end *client, struct raw_link *raw, struct raw_link *caller, uint64_t high)
{
    begin_listening_client(client, raw);
    call_too(caller, raw, client, high);
    raw_link_introduce(caller, FRAME_HELLO, 1, 1);
    CU_ASSERT_TRUE_FATAL(raw_link_hears(caller, FRAME_WELCOME));
    CU_ASSERT_TRUE_FATAL(raw_link_hears(caller, FRAME_SUBSCRIBE));
    raw_link_introduce(raw, FRAME_WELCOME, 1, 1);
}

static void of_two_at_the_same_time_that_of_the_larger_id_goes(void)
{
    struct report_end client;
    struct raw_link caller;
    struct raw_link raw;

    meet_twice(&client, &raw, &caller, 0);
    CU_ASSERT_TRUE(report_end_hears(&client, MAIKO_PEER_REFUSED, "duplicate"));
    CU_ASSERT_EQUAL(client.refused_lines, 1);
    CU_ASSERT_PTR_NULL(report_end_find(&client, MAIKO_PEER_DOWN, NULL));
    CU_ASSERT_EQUAL(report_end_counters(&client).peers, 1);
    raw_link_say(&caller, (struct frame){.kind = FRAME_BYE, .reason = slice_of("stop"), .text = slice_of("")});
    CU_ASSERT_TRUE(report_end_hears(&client, MAIKO_PEER_DOWN, "closed")); /* that was the link */
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_HELLO));                    /* and the other is tried again */
    raw_link_close(&caller);
    finish_client(&client, &raw);
}

static void and_that_of_the_smaller_id_stays(void)
{
    struct report_end client;
    struct raw_link caller;
    struct raw_link raw;

    meet_twice(&client, &raw, &caller, UINT64_MAX);
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_SUBSCRIBE));
    CU_ASSERT_TRUE(raw_link_hears(&caller, FRAME_BYE));
    CU_ASSERT_TRUE(raw_link_was_told(&caller, "duplicate"));
    CU_ASSERT_TRUE(report_end_hears(&client, MAIKO_PEER_DOWN, "duplicate"));
    CU_ASSERT_EQUAL(report_end_counters(&client).peers, 1);
    raw_link_close(&caller);
    finish_client(&client, &raw);
}

/* Who is called may say what it likes; with another key it is another node. */
static void who_says_it_is_another_node_does_not_end_its_link(void)
{
    struct keyring ring;
    struct report_end client;
    struct raw_link caller;
    struct raw_link raw;

    keyring_begin(&ring);
    keyring_allow(ring.allow_file, &ring.first, &ring.second);
    raw_link_use_keys(&ring.second.pair, NULL);
    raw_link_listen(&raw, "raw", "maiko");
    report_end_make(&client, "client", &ring.config);
    CU_ASSERT_EQUAL(maiko_bridge_listen(client.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client.bridge, raw.endpoint, ring.second.pair.public_key), MAIKO_OK);
    report_end_start(&client);
    CU_ASSERT_TRUE_FATAL(raw_link_hears(&raw, FRAME_HELLO));
    raw_link_use_keys(&ring.first.pair, ring.server.pair.public_key);
    call_too(&caller, &raw, &client, UINT64_MAX);
    raw_link_use_keys(NULL, NULL);
    raw_link_introduce(&caller, FRAME_HELLO, 1, 1);
    CU_ASSERT_TRUE_FATAL(raw_link_hears(&caller, FRAME_SUBSCRIBE));
    raw_link_introduce(&raw, FRAME_WELCOME, 1, 1);
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_SUBSCRIBE));
    CU_ASSERT_PTR_NULL(report_end_find(&client, MAIKO_PEER_DOWN, NULL));
    CU_ASSERT_EQUAL(report_end_counters(&client).peers, 2);
    raw_link_close(&caller);
    finish_client(&client, &raw);
}

static void a_welcome_in_another_version_is_refused_in_one_line(void)
{
    struct report_end client;
    struct raw_link raw;

    begin_client(&client, &raw);
    raw_link_introduce(&raw, FRAME_WELCOME, 9, 9);
    expect_one_refusal(&client, "version", "welcome");
    finish_client(&client, &raw);
}

/* ---- refused by the other side ---- */

static void expect_to_be_refused_as(const char *reason, const char *told)
{
    const maiko_peer_report *report;
    struct report_end client;
    struct raw_link raw;

    begin_client(&client, &raw);
    raw_link_say(&raw, (struct frame){.kind = FRAME_REFUSE, .reason = slice_of(reason), .text = slice_of("by hand")});
    CU_ASSERT_TRUE_FATAL(report_end_hears(&client, MAIKO_PEER_REFUSED, told));
    report = report_end_find(&client, MAIKO_PEER_REFUSED, told);
    CU_ASSERT_FALSE(report->is_ours);
    CU_ASSERT_STRING_EQUAL(report->text, "by hand");
    CU_ASSERT_EQUAL(client.refused_lines, 0);
    CU_ASSERT_EQUAL(report_end_counters(&client).refusals, 0);
    finish_client(&client, &raw);
}

static void every_refusal_of_the_other_side_is_told_by_its_word(void)
{
    static const char *const reasons[] = {"version", "space", "self", "duplicate", "denied", "limit", "protocol", "shutdown"};
    size_t i;

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        expect_to_be_refused_as(reasons[i], reasons[i]);
}

/* All that a frame may have, to the last character. */
static void a_reason_of_255_bytes_is_told_whole(void)
{
    struct report_end client;
    struct raw_link raw;
    char text[WIRE_TEXT_MAX + 1];

    fill_to_255(text);
    begin_client(&client, &raw);
    raw_link_say(&raw, (struct frame){.kind = FRAME_REFUSE, .reason = slice_of("limit"), .text = slice_of(text)});
    CU_ASSERT_TRUE_FATAL(report_end_hears(&client, MAIKO_PEER_REFUSED, "limit"));
    CU_ASSERT_STRING_EQUAL(report_end_find(&client, MAIKO_PEER_REFUSED, "limit")->text, text);
    finish_client(&client, &raw);
}

/* A word that is none, and a name in the welcome that is none: whole characters of the one are told, and nothing of the other. */
static void a_word_or_a_name_of_255_bytes_is_cut_or_refused(void)
{
    char text[WIRE_NAME_MAX + 1];
    char cut[64];
    struct report_end client;
    struct raw_link raw;

    fill_to_255(text);
    memcpy(cut, text, 62); /* a byte more would fit, and be half of one */
    cut[62] = '\0';
    expect_to_be_refused_as(text, cut);
    begin_client(&client, &raw);
    raw.name = text;
    raw_link_introduce(&raw, FRAME_WELCOME, 1, 1);
    expect_one_refusal(&client, "protocol", "from its welcome");
    CU_ASSERT_PTR_NULL(strstr(client.log, "\xd0\xb6"));
    finish_client(&client, &raw);
}

static void what_others_say_stays_in_one_line(void)
{
    struct report_end client;
    struct raw_link raw;

    begin_client(&client, &raw);
    raw_link_say(
        &raw, (struct frame){.kind = FRAME_REFUSE, .reason = slice_of("denied"), .text = slice_of("by\nrefused: hand\033[2J\r")});
    CU_ASSERT_TRUE_FATAL(report_end_hears(&client, MAIKO_PEER_REFUSED, "denied"));
    CU_ASSERT_PTR_NOT_NULL(strstr(client.log, "by?refused: hand?[2J?"));
    CU_ASSERT_PTR_NULL(strpbrk(client.log, "\n\r\033"));
    finish_client(&client, &raw);
}

/* ---- sessions that end ---- */

static void who_is_told_to_begin_anew_says_reset(void)
{
    struct report_end client;
    struct raw_link raw;
    uint64_t first;

    begin_client(&client, &raw);
    raw_link_introduce(&raw, FRAME_WELCOME, 1, 1);
    CU_ASSERT_TRUE(report_end_hears(&client, MAIKO_PEER_UP, NULL));
    first = raw.session;
    raw_link_say(&raw, (struct frame){.kind = FRAME_RESET});
    CU_ASSERT_TRUE(report_end_hears(&client, MAIKO_PEER_DOWN, "reset"));
    CU_ASSERT_STRING_EQUAL(report_end_find(&client, MAIKO_PEER_DOWN, "reset")->peer, "raw");
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_HELLO));
    CU_ASSERT(raw.session > first);
    finish_client(&client, &raw);
}

/* `count` types that nobody knows. */
static void say_types(struct raw_link *raw, unsigned count)
{
    struct pack pack;
    struct pack types;
    char name[16];
    unsigned i;

    pack_init(&types, heap_default(), WIRE_FRAME_MAX);
    pack_array(&types, count);
    for (i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "type%u", i);
        pack_map(&types, 3);
        pack_str(&types, "type");
        pack_str(&types, name);
        pack_str(&types, "schema");
        pack_uint(&types, i + 1);
        pack_str(&types, "fields");
        pack_array(&types, 0);
    }
    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    frame_begin_data(&pack, &(struct frame){.kind = FRAME_DATA, .session = raw->session});
    pack_array(&pack, 0);
    frame_add_array(&pack, 0, "types", pack_slice(&types));
    CU_ASSERT_EQUAL_FATAL(pack_status(&pack), MAIKO_OK);
    raw_link_send(raw, pack.data, pack.len);
    pack_deinit(&pack);
    pack_deinit(&types);
}

/* The answer to what it asks for first, in stream 7. */
static void answer_client(struct raw_link *raw, uint64_t lost)
{
    raw_link_introduce(raw, FRAME_WELCOME, 1, 1);
    CU_ASSERT_TRUE_FATAL(raw_link_hears(raw, FRAME_SUBSCRIBE));
    raw_link_say(
        raw, (struct frame){.kind = FRAME_READY, .number = raw->frame.number, .stream = 7, .is_lost_known = true, .lost = lost});
}

static void more_types_than_a_session_may_have_end_it_with_limit(void)
{
    struct report_end client;
    struct raw_link raw;

    begin_client(&client, &raw);
    answer_client(&raw, 0);
    CU_ASSERT_TRUE(report_end_hears(&client, MAIKO_PEER_READY, NULL));
    say_types(&raw, WIRE_TYPES_MAX + 1);
    CU_ASSERT_TRUE(report_end_hears(&client, MAIKO_PEER_DOWN, "limit"));
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_BYE));
    CU_ASSERT_TRUE(raw_link_was_told(&raw, "limit"));
    finish_client(&client, &raw);
}

static bool has_heard_goodbye(struct report_end *end, const char *text)
{
    uint32_t i;

    for (i = 0; i < end->count && i < REPORTS_KEPT; i++)
        if (end->reports[i].news == MAIKO_PEER_DOWN && strcmp(end->reports[i].reason, "closed") == 0 &&
            strcmp(end->reports[i].text, text) == 0)
            return true;
    return false;
}

static void what_a_goodbye_says_is_the_text(void)
{
    static const char *const reasons[] = {"stop", "denied", "protocol", "limit", "memory"};
    struct report_end server;
    struct raw_link raw;
    size_t i;

    begin_server(&server, &raw);
    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        raw.session++;
        link_to_server(&raw);
        raw_link_say(&raw, (struct frame){.kind = FRAME_BYE, .reason = slice_of(reasons[i]), .text = slice_of("")});
        CU_ASSERT_TRUE(wait_until(has_heard_goodbye(&server, reasons[i]), 60000));
    }
    finish_server(&server, &raw);
}

/* ---- memory ---- */

enum { LARGE = 200 * 1024, MANY_ACTORS = 64 };

static atomic_bool is_short; /* of memory for anything large */

static void *take(size_t size, void *userdata)
{
    return size >= LARGE && is_short ? NULL : malloc(size);
}

static void give_back(void *block, size_t size, void *userdata)
{
    free(block);
}

static void say_actors(struct raw_link *raw)
{
    struct frame_actor actors[MANY_ACTORS];
    struct pack pack;
    int i;

    for (i = 0; i < MANY_ACTORS; i++)
        actors[i] = (struct frame_actor){.name = slice_of("actor")};
    pack_init(&pack, heap_default(), RAW_FRAME_SIZE);
    frame_begin_actors(&pack, raw->session, 1);
    frame_write_actors(&pack, actors, MANY_ACTORS);
    raw_link_send(raw, pack.data, pack.len);
    pack_deinit(&pack);
}

static void a_session_without_memory_ends_with_that_word(void)
{
    const maiko_allocator allocator = {.allocate = take, .release = give_back};
    struct report_end server;
    struct raw_link raw;

    report_ends_begin();
    report_end_make_on(&server, &(maiko_config){.allocator = &allocator}, "server", &(maiko_bridge_config){.node = NULL});
    CU_ASSERT_EQUAL(maiko_bridge_listen(server.bridge, "tcp://127.0.0.1:*"), MAIKO_OK);
    report_end_start(&server);
    raw_link_connect(&raw, "raw", "maiko", maiko_bridge_endpoint(server.bridge, 0));
    link_to_server(&raw);
    is_short = true;
    say_actors(&raw);
    CU_ASSERT_TRUE(report_end_hears(&server, MAIKO_PEER_DOWN, "memory"));
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_BYE));
    CU_ASSERT_TRUE(raw_link_was_told(&raw, "memory"));
    is_short = false;
    raw.session++;
    link_to_server(&raw); /* and the next one is begun */
    finish_server(&server, &raw);
}

/* ---- gaps ---- */

static void say_lost(struct raw_link *raw, uint64_t position, uint64_t lost, const char *reason)
{
    struct pack pack;

    pack_init(&pack, heap_default(), RAW_FRAME_SIZE);
    frame_begin_data(&pack, &(struct frame){.kind = FRAME_DATA, .session = raw->session, .first = position});
    pack_array(&pack, 1);
    record_write_lost(&pack, lost, reason);
    raw_link_send(raw, pack.data, pack.len);
    pack_deinit(&pack);
}

static void expect_gap(struct report_end *client, const char *reason, uint64_t lost)
{
    CU_ASSERT_TRUE_FATAL(report_end_hears(client, MAIKO_PEER_GAP, reason));
    CU_ASSERT_TRUE(report_end_find(client, MAIKO_PEER_GAP, reason)->is_lost_known);
    CU_ASSERT_EQUAL(report_end_find(client, MAIKO_PEER_GAP, reason)->lost, lost);
}

static void every_loss_is_told_with_its_word_and_number(void)
{
    static const char *const reasons[] = {"window", "oldest", "deadline", "log"};
    struct report_end client;
    struct raw_link raw;
    size_t i;

    begin_client(&client, &raw);
    answer_client(&raw, 9);
    expect_gap(&client, "stream", 9);
    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        say_lost(&raw, i, 10 + i, reasons[i]);
        expect_gap(&client, reasons[i], 10 + i);
    }
    CU_ASSERT_EQUAL(report_end_counters(&client).gaps, 5);
    CU_ASSERT_EQUAL(report_end_counters(&client).lost_for_us, 9 + 10 + 11 + 12 + 13);
    finish_client(&client, &raw);
}

/* ---- limits, and what is ignored ---- */

static void expect_nonsense(struct report_end *server, struct raw_link *raw, const char *text)
{
    CU_ASSERT_TRUE_FATAL(report_end_hears(server, MAIKO_PEER_DOWN, "protocol"));
    CU_ASSERT_STRING_EQUAL(report_end_find(server, MAIKO_PEER_DOWN, "protocol")->text, text);
    CU_ASSERT_TRUE(raw_link_hears(raw, FRAME_BYE));
    CU_ASSERT_TRUE(raw_link_was_told(raw, "protocol"));
}

static void more_patterns_than_a_list_may_have_end_the_session(void)
{
    struct report_end server;
    struct raw_link raw;
    struct pack pack;
    unsigned i;

    begin_server(&server, &raw);
    link_to_server(&raw);
    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    frame_begin_subscribe(&pack, &(struct frame){.kind = FRAME_SUBSCRIBE, .session = raw.session, .number = 1});
    pack_array(&pack, WIRE_PATTERNS_MAX + 1);
    for (i = 0; i <= WIRE_PATTERNS_MAX; i++)
        frame_write_pattern(&pack, &(struct frame_pattern){.text = slice_of("a/b"), .id = i});
    raw_link_send(&raw, pack.data, pack.len);
    pack_deinit(&pack);
    expect_nonsense(&server, &raw, "patterns: more than 4096");
    finish_server(&server, &raw);
}

static void more_actors_than_a_node_may_have_end_the_session(void)
{
    static struct frame_actor actors[WIRE_ACTORS_MAX + 1];
    struct report_end server;
    struct raw_link raw;
    struct pack pack;
    unsigned i;

    begin_server(&server, &raw);
    link_to_server(&raw);
    for (i = 0; i <= WIRE_ACTORS_MAX; i++)
        actors[i].name = slice_of("actor");
    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    frame_begin_actors(&pack, raw.session, 1);
    frame_write_actors(&pack, actors, WIRE_ACTORS_MAX + 1);
    raw_link_send(&raw, pack.data, pack.len);
    pack_deinit(&pack);
    expect_nonsense(&server, &raw, "actors: too many");
    finish_server(&server, &raw);
}

static void more_names_than_an_actor_may_have_end_the_session(void)
{
    struct slice names[WIRE_TOPICS_MAX + 1];
    struct report_end server;
    struct raw_link raw;
    struct pack pack;
    unsigned i;

    begin_server(&server, &raw);
    link_to_server(&raw);
    for (i = 0; i <= WIRE_TOPICS_MAX; i++)
        names[i] = slice_of("a/b");
    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    frame_begin_actors(&pack, raw.session, 1);
    frame_write_actors(
        &pack, &(struct frame_actor){.name = slice_of("actor"), .publish = names, .publish_count = WIRE_TOPICS_MAX + 1}, 1);
    raw_link_send(&raw, pack.data, pack.len);
    pack_deinit(&pack);
    expect_nonsense(&server, &raw, "publish, subscribe: more than 256");
    finish_server(&server, &raw);
}

/* So nobody says it of actors of ours: the bridge does not start. */
static void an_actor_with_more_names_is_refused_at_once(void)
{
    const char *names[WIRE_TOPICS_MAX + 2] = {NULL};
    struct report_end end;
    unsigned i;

    report_ends_begin();
    for (i = 0; i < WIRE_TOPICS_MAX; i++)
        names[i] = "a/b";
    report_end_make(&end, "most", NULL);
    CU_ASSERT_PTR_NOT_NULL(maiko_bridge_announce(end.bridge, "actor", names, names));
    CU_ASSERT_EQUAL(maiko_bridge_expect(end.bridge, "other", names), MAIKO_OK);
    names[WIRE_TOPICS_MAX] = "a/b";
    CU_ASSERT_PTR_NULL(maiko_bridge_announce(end.bridge, "third", NULL, names));
    CU_ASSERT_EQUAL(maiko_bridge_start(end.bridge), MAIKO_ELIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_bridge_error_text(end.bridge), "\"third\" declares more than 256 topics"));
    report_end_stop(&end);
    report_ends_finish();
}

static void say_unknown(struct raw_link *raw)
{
    struct pack pack;

    pack_init(&pack, heap_default(), RAW_FRAME_SIZE);
    pack_map(&pack, 3);
    pack_str(&pack, "kind");
    pack_str(&pack, "of a later version");
    pack_str(&pack, "session");
    pack_uint(&pack, raw->session);
    pack_str(&pack, "more");
    pack_array(&pack, 0);
    raw_link_send(raw, pack.data, pack.len);
    pack_deinit(&pack);
}

/* Of an unknown kind, of another session, and a hello that is repeated, which is answered again. */
static void what_is_not_meant_for_the_session_leaves_it_alone(void)
{
    struct report_end server;
    struct raw_link raw;

    begin_server(&server, &raw);
    raw.session = 7;
    link_to_server(&raw);
    say_unknown(&raw);
    raw.session = 6;
    raw_link_say(&raw, (struct frame){.kind = FRAME_BYE, .reason = slice_of("denied"), .text = slice_of("")});
    raw.session = 7;
    raw_link_introduce(&raw, FRAME_HELLO, 1, 1);
    CU_ASSERT_TRUE(raw_link_hears(&raw, FRAME_WELCOME));
    raw_link_say(&raw, (struct frame){.kind = FRAME_BYE, .reason = slice_of("limit"), .text = slice_of("")});
    CU_ASSERT_TRUE(report_end_hears(&server, MAIKO_PEER_DOWN, NULL));
    CU_ASSERT_STRING_EQUAL(report_end_find(&server, MAIKO_PEER_DOWN, NULL)->text, "limit");
    CU_ASSERT_TRUE(raw_link_greets_until(&raw, FRAME_RESET)); /* of a session that has ended */
    CU_ASSERT_EQUAL(raw.frame.session, 7);
    finish_server(&server, &raw);
}

static const struct test_case cases[] = {
    TEST_CASE(more_patterns_than_a_list_may_have_end_the_session),
    TEST_CASE(more_actors_than_a_node_may_have_end_the_session),
    TEST_CASE(more_names_than_an_actor_may_have_end_the_session),
    TEST_CASE(an_actor_with_more_names_is_refused_at_once),
    TEST_CASE(what_is_not_meant_for_the_session_leaves_it_alone),
    TEST_CASE(another_version_is_refused_in_one_line),
    TEST_CASE(another_space_is_refused_in_one_line),
    TEST_CASE(a_name_for_no_node_is_refused_in_one_line),
    TEST_CASE(a_name_of_255_bytes_is_no_nodes),
    TEST_CASE(without_a_place_for_it_a_node_is_refused_in_one_line),
    TEST_CASE(a_link_that_is_there_is_not_made_twice),
    TEST_CASE(of_two_at_the_same_time_that_of_the_larger_id_goes),
    TEST_CASE(and_that_of_the_smaller_id_stays),
    TEST_CASE(who_says_it_is_another_node_does_not_end_its_link),
    TEST_CASE(a_welcome_in_another_version_is_refused_in_one_line),
    TEST_CASE(every_refusal_of_the_other_side_is_told_by_its_word),
    TEST_CASE(a_reason_of_255_bytes_is_told_whole),
    TEST_CASE(a_word_or_a_name_of_255_bytes_is_cut_or_refused),
    TEST_CASE(what_others_say_stays_in_one_line),
    TEST_CASE(who_is_told_to_begin_anew_says_reset),
    TEST_CASE(more_types_than_a_session_may_have_end_it_with_limit),
    TEST_CASE(what_a_goodbye_says_is_the_text),
    TEST_CASE(a_session_without_memory_ends_with_that_word),
    TEST_CASE(every_loss_is_told_with_its_word_and_number),
};
SUITE_MAIN_TIMEOUT("peer_words", cases, 300)
