/* Attach messages: what goes in comes out, and what is no message is refused. */
#include <string.h>

#include "lib/suite.h"
#include "space/attach.h"

static const struct attach_message offer = {
    .kind = ATTACH_OFFER, .version = 0x1234, .abi = 0x01020308, .layout = 7, .link = UINT64_C(0x0123456789abcdef)};

static maiko_status change_and_decode(size_t at, unsigned char value, struct attach_message *ret_message)
{
    unsigned char bytes[ATTACH_SIZE];

    attach_encode(&offer, bytes);
    bytes[at] = value;
    return attach_decode(bytes, sizeof(bytes), ret_message);
}

static void a_message_comes_back_as_it_was_sent(void)
{
    static const char *const reasons[] = {"", "memory", "abcdefghijklmnopqrstuvwxyz_abcd"};
    unsigned char bytes[ATTACH_SIZE];
    struct attach_message sent = offer;
    struct attach_message got;
    unsigned kind;
    size_t i;

    for (kind = ATTACH_OFFER; kind <= ATTACH_TAKEN; kind++) {
        for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
            sent.kind = (enum attach_kind)kind;
            memcpy(sent.reason, reasons[i], strlen(reasons[i]) + 1);
            attach_encode(&sent, bytes);
            CU_ASSERT_EQUAL_FATAL(attach_decode(bytes, sizeof(bytes), &got), MAIKO_OK);
            CU_ASSERT_EQUAL(got.kind, sent.kind);
            CU_ASSERT_EQUAL(got.version, sent.version);
            CU_ASSERT_EQUAL(got.abi, sent.abi);
            CU_ASSERT_EQUAL(got.layout, sent.layout);
            CU_ASSERT_EQUAL(got.link, sent.link);
            CU_ASSERT_STRING_EQUAL(got.reason, sent.reason);
        }
    }
}

/* Two builds that differ must understand each other well enough to part. */
static void its_bytes_are_these(void)
{
    static const unsigned char expected[ATTACH_SIZE] = {'M', 'K', 'O', 'A', 0x34, 0x12, 1,    0,    0x08, 0x03, 0x02, 0x01,
                                                        7,   0,   0,   0,   0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01};
    unsigned char bytes[ATTACH_SIZE];

    attach_encode(&offer, bytes);
    CU_ASSERT_EQUAL(memcmp(bytes, expected, sizeof(bytes)), 0);
}

static void a_later_version_may_say_more(void)
{
    unsigned char bytes[ATTACH_SIZE + 8];
    struct attach_message got;

    memset(bytes, 0xff, sizeof(bytes));
    attach_encode(&offer, bytes);
    CU_ASSERT_EQUAL(attach_decode(bytes, sizeof(bytes), &got), MAIKO_OK);
    CU_ASSERT_EQUAL(got.link, offer.link);
}

static void what_is_no_message_is_refused(void)
{
    struct attach_message got = {.link = 99};
    unsigned char bytes[ATTACH_SIZE];
    size_t len;

    attach_encode(&offer, bytes);
    for (len = 0; len < ATTACH_SIZE; len++)
        CU_ASSERT_EQUAL(attach_decode(bytes, len, &got), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(change_and_decode(0, 'X', &got), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(change_and_decode(6, 0, &got), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(change_and_decode(6, ATTACH_TAKEN + 1, &got), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(change_and_decode(7, 1, &got), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(change_and_decode(24, '\x1b', &got), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(change_and_decode(24, ' ', &got), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(got.link, 99);
}

static const struct test_case cases[] = {
    TEST_CASE(a_message_comes_back_as_it_was_sent),
    TEST_CASE(its_bytes_are_these),
    TEST_CASE(a_later_version_may_say_more),
    TEST_CASE(what_is_no_message_is_refused),
};

SUITE_MAIN("attach", cases)
