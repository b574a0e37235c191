/* Keys, allow lists and endpoints: the pure part of the bridge's security. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "security/allow.h"
#include "security/endpoint.h"
#include "security/key_text.h"
#include "security/z85.h"

/* Public key of the libzmq documentation's example pair. */
static const char good_key[] = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
static const char other_key[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

static char reason[512];
static struct text error;

static struct text *fresh_error(void)
{
    text_init_buffer(&error, reason, sizeof(reason));
    return &error;
}

/* ---- Z85 and key files ---- */

static void a_key_survives_decoding_and_encoding(void)
{
    unsigned char bytes[KEY_BYTES];
    char text[KEY_TEXT_SIZE];

    z85_decode_key(good_key, bytes);
    z85_encode_key(bytes, text);
    CU_ASSERT_STRING_EQUAL(text, good_key);
    memset(bytes, 0xff, sizeof(bytes));
    z85_encode_key(bytes, text);
    CU_ASSERT_STRING_EQUAL(text, "%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0");
}

static void a_key_of_the_wrong_length_alphabet_or_range_is_named_as_such(void)
{
    char text[KEY_TEXT_SIZE + 1];
    size_t at;

    CU_ASSERT_EQUAL(z85_check_key(good_key, &at), Z85_OK);
    CU_ASSERT_EQUAL(z85_check_key(good_key + 1, &at), Z85_LENGTH);
    snprintf(text, sizeof(text), "%sx", good_key);
    CU_ASSERT_EQUAL(z85_check_key(text, &at), Z85_LENGTH);
    CU_ASSERT_EQUAL(z85_check_key("", &at), Z85_LENGTH);
    strcpy(text, good_key);
    text[17] = '"';
    CU_ASSERT_EQUAL(z85_check_key(text, &at), Z85_ALPHABET);
    CU_ASSERT_EQUAL(at, 17);
    strcpy(text, good_key);
    memcpy(text + 35, "%nSc1", 5); /* 2^32 */
    CU_ASSERT_EQUAL(z85_check_key(text, &at), Z85_RANGE);
    CU_ASSERT_EQUAL(at, 35);
}

static maiko_status parse_keys(const char *text, struct key_text *keys)
{
    return key_text_parse(text, strlen(text), keys, fresh_error());
}

static void a_key_file_is_read_with_blanks_and_comments(void)
{
    struct key_text keys;
    char text[256];

    snprintf(text, sizeof(text), "# of the weather station\r\n\n  public\t=  %s \r\nsecret=%s", good_key, other_key);
    CU_ASSERT_EQUAL(parse_keys(text, &keys), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(keys.public_key, good_key);
    CU_ASSERT_STRING_EQUAL(keys.secret_key, other_key);
    snprintf(text, sizeof(text), "public = %s\n", good_key);
    CU_ASSERT_EQUAL(parse_keys(text, &keys), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(keys.secret_key, "");
}

static void a_bad_key_file_is_refused_by_line_and_without_showing_the_key(void)
{
    struct key_text keys;
    char text[256];

    CU_ASSERT_EQUAL(parse_keys("", &keys), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "no public key"));
    CU_ASSERT_EQUAL(parse_keys("public\n", &keys), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(parse_keys("\npublic = short\n", &keys), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "line 2"));
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "40 characters"));
    snprintf(text, sizeof(text), "secret = %.39s\"\n", good_key);
    CU_ASSERT_EQUAL(parse_keys(text, &keys), MAIKO_EINVAL);
    CU_ASSERT_PTR_NULL(strstr(reason, "Yne"));
    snprintf(text, sizeof(text), "public = %s\npublic = %s\n", good_key, good_key);
    CU_ASSERT_EQUAL(parse_keys(text, &keys), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "second"));
    snprintf(text, sizeof(text), "private = %s\n", good_key);
    CU_ASSERT_EQUAL(parse_keys(text, &keys), MAIKO_EINVAL);
}

/* ---- allow lists ---- */

static maiko_status parse_list(struct allow_list *list, struct heap *heap, const char *text)
{
    allow_list_init(list, heap);
    return allow_list_parse(list, text, fresh_error());
}

static const char example[] = "[north]\n"
                              "key = Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\n"
                              "publish = weather/#, alert/+\n"
                              "publish = exact\n"
                              "subscribe = #\n"
                              "[south]\n"
                              "key = rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n"
                              "subscribe = weather/#, a/+, exact\n";

static void a_peer_may_do_what_is_listed_and_nothing_else(void)
{
    struct allow_list list;
    const struct allow_peer *north;
    const struct allow_peer *south;

    CU_ASSERT_EQUAL_FATAL(parse_list(&list, heap_default(), example), MAIKO_OK);
    north = allow_list_find(&list, good_key);
    south = allow_list_find(&list, other_key);
    CU_ASSERT_PTR_NOT_NULL_FATAL(north);
    CU_ASSERT_PTR_NOT_NULL_FATAL(south);
    CU_ASSERT_PTR_NULL(allow_list_find(&list, "%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0"));
    CU_ASSERT_STRING_EQUAL(north->name, "north");

    CU_ASSERT(allow_peer_may_publish(north, "weather/reading"));
    CU_ASSERT(allow_peer_may_publish(north, "weather"));
    CU_ASSERT(allow_peer_may_publish(north, "alert/fire"));
    CU_ASSERT(allow_peer_may_publish(north, "exact"));
    CU_ASSERT_FALSE(allow_peer_may_publish(north, "alert/fire/now"));
    CU_ASSERT_FALSE(allow_peer_may_publish(north, "weatherman"));
    CU_ASSERT_FALSE(allow_peer_may_publish(south, "weather/reading"));
    CU_ASSERT(allow_peer_may_subscribe(north, "anything/at/all"));
    CU_ASSERT_FALSE(allow_peer_may_subscribe(north, "$sys/dead")); /* "#" does not cover it, here neither */
    CU_ASSERT_FALSE(allow_peer_may_subscribe(south, "alert/fire"));
    allow_list_deinit(&list);
}

static void a_pattern_is_allowed_only_when_a_listed_one_covers_it(void)
{
    static const struct {
        const char *listed;
        const char *asked;
        bool is_covered;
    } rows[] = {
        {"a/#", "a/#", true},    {"a/#", "a", true},      {"a/#", "a/+/c", true},     {"a/#", "#", false},
        {"a/#", "+/b", false},   {"a/+", "a/+", true},    {"a/+", "a/b", true},       {"a/+", "a/#", false},
        {"a/+", "a/b/c", false}, {"a/+", "a", false},     {"a/b", "a/b", true},       {"a/b", "a/+", false},
        {"#", "#", true},        {"#", "a/b/+", true},    {"#", "$sys/dead", false},  {"+/x", "$sys/x", false},
        {"a//b", "a//b", true},  {"a/+/b", "a//b", true}, {"$sys/#", "$sys/+", true},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct allow_peer peer = {.name = "p"};

        CU_ASSERT_EQUAL_FATAL(text_list_add(&peer.subscribe, heap_default(), rows[i].listed), MAIKO_OK);
        if (allow_peer_may_subscribe_pattern(&peer, rows[i].asked) != rows[i].is_covered)
            SUITE_FAIL("%s lists %s", rows[i].asked, rows[i].listed);
        text_list_clear(&peer.subscribe, heap_default());
    }
}

static bool may_listen(const struct allow_peer *peer, const char *prefix)
{
    return allow_peer_may_subscribe_prefix(peer, prefix, strlen(prefix));
}

static void a_prefix_is_allowed_only_when_everything_behind_it_is(void)
{
    struct allow_list list;
    const struct allow_peer *north;
    const struct allow_peer *south;

    CU_ASSERT_EQUAL_FATAL(parse_list(&list, heap_default(), example), MAIKO_OK);
    north = allow_list_find(&list, good_key);
    south = allow_list_find(&list, other_key);
    CU_ASSERT(may_listen(south, "weather/"));
    CU_ASSERT(may_listen(south, "weather/read"));
    CU_ASSERT(may_listen(south, "weather/a/b"));
    CU_ASSERT_FALSE(may_listen(south, "weather")); /* weatherman */
    CU_ASSERT_FALSE(may_listen(south, "exact"));   /* exactly */
    CU_ASSERT_FALSE(may_listen(south, "a/"));      /* a/b/c */
    CU_ASSERT_FALSE(may_listen(south, ""));
    CU_ASSERT(may_listen(north, "x"));
    CU_ASSERT_FALSE(may_listen(north, ""));
    CU_ASSERT_FALSE(may_listen(north, "$sys/"));
    CU_ASSERT_FALSE(allow_peer_may_subscribe_prefix(south, "weather/\0x", 10));
    allow_list_deinit(&list);
}

static void a_name_of_a_key_is_nobody_elses(void)
{
    static const char third_key[] = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";
    struct allow_list list;
    char text[256];

    snprintf(text, sizeof(text), "[a]\nkey = %s\nnode = one, two\n[b]\nkey = %s\n", good_key, other_key);
    CU_ASSERT_EQUAL_FATAL(parse_list(&list, heap_default(), text), MAIKO_OK);
    CU_ASSERT(allow_list_may_be_named(&list, good_key, "one") && allow_list_may_be_named(&list, good_key, "two"));
    CU_ASSERT_FALSE(allow_list_may_be_named(&list, good_key, "three")); /* only these */
    CU_ASSERT_FALSE(allow_list_may_be_named(&list, other_key, "one"));
    CU_ASSERT(allow_list_may_be_named(&list, other_key, "three"));
    CU_ASSERT_FALSE(allow_list_may_be_named(&list, third_key, "two")); /* listed or not */
    CU_ASSERT(allow_list_may_be_named(&list, third_key, "three"));
    allow_list_deinit(&list);
}

static void a_bad_allow_file_is_refused_as_a_whole(void)
{
    static const char *const bad[][2] = {
        {"key = x\n", "outside"},
        {"[a]\nkey = short\n", "40 characters"},
        {"[a]\npublish = x\n", "missing"},
        {"[a]\nkey = Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\n[b]\nkey = Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\n", "another"},
        {"[a]\nkey = Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\nsubscribe = a/#/b\n", "pattern"},
        {"[a]\nkey = Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\nsubcribe = a\n", "unknown"},
        {"[a]\nnode = a/b\n", "name of a node"},
        {"[a]\nnode = ,\n", "no name"},
        {"[a]\nnode = x\n[b]\nnode = y, x\n", "another peer has this name"},
        {"[a]\nwhat is this\n", "line 2"},
    };
    struct allow_list list;
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(parse_list(&list, heap_default(), bad[i][0]), MAIKO_EINVAL);
        CU_ASSERT_EQUAL(list.count, 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(reason, bad[i][1]));
    }
}

static void a_line_that_the_reader_would_cut_is_refused(void)
{
    struct allow_list list;
    char text[512];

    memset(text, 'a', sizeof(text));
    memcpy(text, "[a]\npublish = ", 14);
    text[sizeof(text) - 1] = '\0';
    CU_ASSERT_EQUAL(parse_list(&list, heap_default(), text), MAIKO_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "line 2 is longer"));
}

static void every_allocation_failure_is_reported_and_leaks_nothing(void)
{
    struct failing_allocator failing;
    maiko_status status = MAIKO_ENOMEM;
    struct allow_list list;
    struct heap heap;
    long nth;

    failing_allocator_init(&failing);
    heap_init(&heap, &failing.allocator, 0);
    for (nth = 0; status == MAIKO_ENOMEM && nth < 100; nth++) {
        failing_allocator_fail_nth(&failing, nth);
        status = parse_list(&list, &heap, example);
        failing_allocator_fail_nth(&failing, -1);
        allow_list_deinit(&list);
        CU_ASSERT(failing_allocator_is_balanced(&failing));
    }
    CU_ASSERT_EQUAL(status, MAIKO_OK);
    CU_ASSERT(nth > 5);
}

/* ---- endpoints ---- */

static maiko_status bind_status(const char *text, bool has_keys, bool is_insecure)
{
    struct endpoint endpoint;
    maiko_status status = endpoint_parse(text, &endpoint, fresh_error());

    return status == MAIKO_OK ? endpoint_check_bind(&endpoint, has_keys, is_insecure, fresh_error()) : status;
}

static void a_bind_that_others_can_reach_needs_keys_or_insecure(void)
{
    static const char *const open[] = {"tcp://*:7001",           "tcp://0.0.0.0:7001",     "tcp://10.0.0.5:7001",
                                       "tcp://[::]:7001",        "tcp://eth0:*",           "tcp://127.0.0.1.example.org:7001",
                                       "tcp://127.example:7001", "tcp://localhost.evil:1", "tcp://127.1:7001"};
    static const char *const local[] = {"tcp://127.0.0.1:7001", "tcp://127.8.9.1:*", "tcp://localhost:7001", "tcp://[::1]:7001",
                                        "ipc:///run/x"};
    size_t i;

    for (i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        CU_ASSERT_EQUAL(bind_status(open[i], false, false), MAIKO_EPERM);
        CU_ASSERT_PTR_NOT_NULL(strstr(reason, "without keys"));
        CU_ASSERT_EQUAL(bind_status(open[i], true, false), MAIKO_OK);
        CU_ASSERT_EQUAL(bind_status(open[i], false, true), MAIKO_OK);
    }
    for (i = 0; i < sizeof(local) / sizeof(local[0]); i++)
        CU_ASSERT_EQUAL(bind_status(local[i], false, false), MAIKO_OK);
}

static void an_endpoint_that_is_none_is_refused_with_the_reason(void)
{
    static const char *const bad[] = {"",          "10.0.0.5:7001",  "tcp://",          "tcp://host",   "tcp://:7001",
                                      "tcp://h:0", "tcp://h:65536",  "tcp://h:7x",      "tcp://::1:70", "tcp://[::1:7",
                                      "udp://h:1", "ipc://relative", "ipc://@abstract", "inproc://x",   "tcp://a/b:1"};
    char text[300] = "ipc:///";
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(bind_status(bad[i], true, true), MAIKO_EINVAL);
        CU_ASSERT_STRING_NOT_EQUAL(reason, "");
    }
    memset(text + 7, 'x', 200);
    CU_ASSERT_EQUAL(bind_status(text, true, true), MAIKO_ETOOLONG);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "201 bytes"));
}

static void wildcards_are_for_listening_only(void)
{
    struct endpoint endpoint;

    CU_ASSERT_EQUAL(endpoint_parse("tcp://*:1", &endpoint, fresh_error()), MAIKO_OK);
    CU_ASSERT_EQUAL(endpoint_check_connect(&endpoint, fresh_error()), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(endpoint_parse("tcp://h:*", &endpoint, fresh_error()), MAIKO_OK);
    CU_ASSERT_EQUAL(endpoint_check_connect(&endpoint, fresh_error()), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(endpoint_parse("tcp://[fe80::1]:70", &endpoint, fresh_error()), MAIKO_OK);
    CU_ASSERT_EQUAL(endpoint_check_connect(&endpoint, fresh_error()), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(endpoint.host, "fe80::1");
    CU_ASSERT_EQUAL(endpoint.port, 70);
}

static bool are_same(const char *a, const char *b)
{
    struct endpoint one, other;

    CU_ASSERT_EQUAL(endpoint_parse(a, &one, fresh_error()), MAIKO_OK);
    CU_ASSERT_EQUAL(endpoint_parse(b, &other, fresh_error()), MAIKO_OK);
    CU_ASSERT_EQUAL(endpoint_is_same(&one, &other), endpoint_is_same(&other, &one));
    return endpoint_is_same(&one, &other);
}

static void an_endpoint_is_the_same_in_every_spelling(void)
{
    CU_ASSERT(are_same("tcp://h:80", "tcp://h:00080"));
    CU_ASSERT(are_same("tcp://North.example:80", "tcp://north.example:80"));
    CU_ASSERT(are_same("ipc:///run/x", "ipc:////run///x"));
    CU_ASSERT(are_same("ipc:///run/x", "ipc:///run/x"));
    CU_ASSERT_FALSE(are_same("tcp://h:80", "tcp://h:81"));
    CU_ASSERT_FALSE(are_same("tcp://h:80", "tcp://hh:80"));
    CU_ASSERT_FALSE(are_same("tcp://h:80", "ipc:///h"));
    CU_ASSERT_FALSE(are_same("ipc:///run/x", "ipc:///run/xy"));
    CU_ASSERT_FALSE(are_same("ipc:///run/x", "ipc:///runx"));
}

static const struct test_case cases[] = {
    TEST_CASE(a_key_survives_decoding_and_encoding),
    TEST_CASE(a_key_of_the_wrong_length_alphabet_or_range_is_named_as_such),
    TEST_CASE(a_key_file_is_read_with_blanks_and_comments),
    TEST_CASE(a_bad_key_file_is_refused_by_line_and_without_showing_the_key),
    TEST_CASE(a_peer_may_do_what_is_listed_and_nothing_else),
    TEST_CASE(a_pattern_is_allowed_only_when_a_listed_one_covers_it),
    TEST_CASE(a_prefix_is_allowed_only_when_everything_behind_it_is),
    TEST_CASE(a_name_of_a_key_is_nobody_elses),
    TEST_CASE(a_bad_allow_file_is_refused_as_a_whole),
    TEST_CASE(a_line_that_the_reader_would_cut_is_refused),
    TEST_CASE(every_allocation_failure_is_reported_and_leaks_nothing),
    TEST_CASE(a_bind_that_others_can_reach_needs_keys_or_insecure),
    TEST_CASE(an_endpoint_that_is_none_is_refused_with_the_reason),
    TEST_CASE(wildcards_are_for_listening_only),
    TEST_CASE(an_endpoint_is_the_same_in_every_spelling),
};

SUITE_MAIN("security", cases)
