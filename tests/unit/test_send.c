/* Send: what the macros make of their arguments.  The functions behind them are replaced by ones that keep what they were
 * given. */
#include "lib/suite.h"

#include <stdlib.h>
#include <string.h>

#define maiko_send_bytes kept_send_bytes
#define maiko_send_options kept_send_options
#define maiko_reserve_bytes kept_reserve_bytes
#define maiko_commit_options kept_commit_options
#include <maiko/send.h>

#include "lib/sample_events.h"

#define HELLO_FIELDS(F) F(STRING, name, 16) F(INT32, count) F(ARRAY, list, INT32, 3)
MAIKO_EVENT(hello, "greeting", HELLO_FIELDS)

static struct kept {
    unsigned calls;
    maiko_context *ctx;
    const maiko_event_type *type;
    char event[256];
    size_t len;
    maiko_send_opts opts;
    char topic[32];
    void *reserved;
} kept;

maiko_status kept_send_bytes(maiko_context *ctx, const maiko_event_type *type, const void *event, size_t len)
{
    return kept_send_options(ctx, NULL, type, event, len);
}

maiko_status kept_send_options(maiko_context *ctx, const maiko_send_opts *opts, const maiko_event_type *type, const void *event,
                               size_t len)
{
    unsigned calls = kept.calls;

    memset(&kept, 0, sizeof(kept));
    kept.calls = calls + 1;
    kept.ctx = ctx;
    kept.type = type;
    kept.len = len;
    if (event == NULL)
        return MAIKO_EINVAL;
    memcpy(kept.event, event, len);
    if (opts != NULL)
        kept.opts = *opts;
    if (opts != NULL && opts->topic != NULL)
        snprintf(kept.topic, sizeof(kept.topic), "%s", opts->topic);
    return MAIKO_OK;
}

void *kept_reserve_bytes(maiko_context *ctx, const maiko_event_type *type, size_t len)
{
    memset(&kept, 0, sizeof(kept));
    kept.ctx = ctx;
    kept.type = type;
    kept.len = len;
    return len <= sizeof(kept.event) ? kept.event : NULL;
}

maiko_status kept_commit_options(maiko_context *ctx, const maiko_send_opts *opts, void *event)
{
    kept.ctx = ctx;
    kept.reserved = event;
    memset(&kept.opts, 0, sizeof(kept.opts));
    if (opts != NULL)
        kept.opts = *opts;
    return MAIKO_OK;
}

/* Contexts and envelopes are only handed on. */
static maiko_context *const contexts[2] = {(maiko_context *)&kept.calls, (maiko_context *)&kept.len};
static const maiko_envelope envelopes[2];

static const hello *sent_hello(void)
{
    return kept.type == MAIKO_TYPE(hello) && kept.len == sizeof(hello) ? (const hello *)(const void *)kept.event : NULL;
}

static void a_temporary_has_the_fields_named_and_zeros(void)
{
    int i = 0, n = 0;

    CU_ASSERT_EQUAL(maiko_send(contexts[i++], hello, .name = "World", .list = {1, ++n + 1, 3}), MAIKO_OK);
    CU_ASSERT_EQUAL(i, 1);
    CU_ASSERT_EQUAL(n, 1);
    CU_ASSERT_PTR_EQUAL(kept.ctx, contexts[0]);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sent_hello());
    CU_ASSERT_STRING_EQUAL(sent_hello()->name, "World");
    CU_ASSERT_EQUAL(sent_hello()->count, 0);
    CU_ASSERT_EQUAL(sent_hello()->list[1], 2);
    CU_ASSERT_EQUAL(kept.opts.struct_size, 0); /* nothing special: the short way */
}

static void without_fields_everything_is_zero(void)
{
    static const hello zero;

    CU_ASSERT_EQUAL(maiko_send(contexts[0], hello), MAIKO_OK);
    CU_ASSERT_EQUAL(memcmp(kept.event, &zero, sizeof(zero)), 0);
    CU_ASSERT_EQUAL(maiko_send(contexts[0], tick), MAIKO_OK);
    CU_ASSERT_PTR_EQUAL(kept.type, MAIKO_TYPE(tick));
    CU_ASSERT_EQUAL(kept.len, 1);
}

static void initialisers_may_be_anything_an_initialiser_may_be(void)
{
    int x = 3;

    maiko_send(contexts[0], hello, "positional", (x), {(x), 2});
    CU_ASSERT_STRING_EQUAL(sent_hello()->name, "positional");
    CU_ASSERT_EQUAL(sent_hello()->count, 3);
    CU_ASSERT_EQUAL(sent_hello()->list[0], 3);
    maiko_send(contexts[0], numbers, (int8_t)x, (x) + 1, 0, 0, 0, 0, 0, 0, 0, 0);
    CU_ASSERT_EQUAL(((const numbers *)(const void *)kept.event)->i8, 3);
    CU_ASSERT_EQUAL(((const numbers *)(const void *)kept.event)->i16, 4);
    maiko_send(contexts[0], hello, .count = maiko_send(contexts[1], tick)); /* inside each other */
    CU_ASSERT_PTR_EQUAL(kept.ctx, contexts[0]);
    CU_ASSERT_PTR_NOT_NULL(sent_hello());
}

static void a_child_names_its_parent(void)
{
    int i = 0;

    CU_ASSERT_EQUAL(maiko_send_child(contexts[0], &envelopes[++i], hello, .count = 5), MAIKO_OK);
    CU_ASSERT_EQUAL(i, 1);
    CU_ASSERT_PTR_EQUAL(kept.opts.parent, &envelopes[1]);
    CU_ASSERT_EQUAL(kept.opts.struct_size, sizeof(maiko_send_opts));
    CU_ASSERT_FALSE(kept.opts.try_only);
    CU_ASSERT_EQUAL(kept.topic[0], '\0');
}

static void a_topic_may_be_given(void)
{
    int i = 1;

    CU_ASSERT_EQUAL(maiko_send_to(contexts[0], i-- ? "rooms/1" : "rooms/0", hello, .count = 7), MAIKO_OK);
    CU_ASSERT_EQUAL(i, 0);
    CU_ASSERT_STRING_EQUAL(kept.topic, "rooms/1");
    CU_ASSERT_PTR_NULL(kept.opts.parent);
    CU_ASSERT_EQUAL(sent_hello()->count, 7);
    CU_ASSERT_EQUAL(maiko_send_child_to(contexts[0], &envelopes[0], i ? "a" : "b", hello), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(kept.topic, "b");
    CU_ASSERT_PTR_EQUAL(kept.opts.parent, &envelopes[0]);
}

static void a_try_says_so(void)
{
    CU_ASSERT_EQUAL(maiko_try_send(contexts[0], hello, .count = 1), MAIKO_OK);
    CU_ASSERT_TRUE(kept.opts.try_only);
    CU_ASSERT_EQUAL(maiko_try_send_event(contexts[0], hello, MAIKO_VALUE(hello, .count = 2)), MAIKO_OK);
    CU_ASSERT_TRUE(kept.opts.try_only);
    CU_ASSERT_EQUAL(sent_hello()->count, 2);
}

static void filled_structs_are_sent_as_they_are(void)
{
    hello events[] = {{.count = 1}, {.count = 2}};
    hello *at = events;

    CU_ASSERT_EQUAL(maiko_send_event(contexts[1], hello, at++), MAIKO_OK);
    CU_ASSERT_PTR_EQUAL(at, &events[1]); /* evaluated once */
    CU_ASSERT_PTR_EQUAL(kept.ctx, contexts[1]);
    CU_ASSERT_EQUAL(sent_hello()->count, 1);
    CU_ASSERT_EQUAL(maiko_send_child_event(contexts[0], &envelopes[0], hello, at), MAIKO_OK);
    CU_ASSERT_PTR_EQUAL(kept.opts.parent, &envelopes[0]);
    CU_ASSERT_EQUAL(maiko_send_event_to(contexts[0], at == NULL ? "x" : "y", hello, at), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(kept.topic, "y");
    CU_ASSERT_EQUAL(maiko_send_child_event_to(contexts[0], &envelopes[0], "z", hello, at), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(kept.topic, "z");
    CU_ASSERT_PTR_EQUAL(kept.opts.parent, &envelopes[0]);
    CU_ASSERT_EQUAL(maiko_send_event(contexts[0], hello, NULL), MAIKO_EINVAL);
}

static void a_struct_with_a_tail_is_sent_whole(void)
{
    union {
        line event;
        char bytes[sizeof(line) + 3];
    } room = {.event = {.text_count = 3}};

    memcpy(room.event.text, "abc", 3);
    CU_ASSERT_EQUAL(maiko_send_event(contexts[0], line, &room.event), MAIKO_OK);
    CU_ASSERT_EQUAL(kept.len, sizeof(line) + 3);
    CU_ASSERT_EQUAL(memcmp(kept.event + sizeof(line), "abc", 3), 0);
}

static void reserved_room_knows_its_tail(void)
{
    size_t n = 4;
    path *event = maiko_reserve(contexts[n > 9], path, n + 1);

    CU_ASSERT_EQUAL(kept.len, sizeof(path) + 5 * sizeof(point));
    CU_ASSERT_PTR_NOT_NULL_FATAL(event);
    CU_ASSERT_EQUAL(event->points_count, 5);
    CU_ASSERT_EQUAL(maiko_commit(contexts[1], event), MAIKO_OK);
    CU_ASSERT_PTR_EQUAL(kept.reserved, event);
    CU_ASSERT_PTR_EQUAL(kept.ctx, contexts[1]);
    CU_ASSERT_EQUAL(maiko_commit_to(contexts[0], "topic", event), MAIKO_OK);
    CU_ASSERT_STRING_EQUAL(kept.opts.topic, "topic");
    CU_ASSERT_EQUAL(maiko_commit_child(contexts[0], &envelopes[1], event), MAIKO_OK);
    CU_ASSERT_PTR_EQUAL(kept.opts.parent, &envelopes[1]);

    CU_ASSERT_PTR_NOT_NULL(maiko_reserve(contexts[0], hello, 0));
    CU_ASSERT_EQUAL(kept.len, sizeof(hello));
}

static void impossible_tails_are_refused_by_the_function_behind(void)
{
    CU_ASSERT_PTR_NULL(maiko_reserve(contexts[0], path, SIZE_MAX / 4));
    CU_ASSERT_EQUAL(kept.len, SIZE_MAX);
    CU_ASSERT_PTR_NULL(maiko_reserve(contexts[0], hello, 1)); /* has none */
    CU_ASSERT_EQUAL(kept.len, SIZE_MAX);
}

static const struct test_case cases[] = {
    TEST_CASE(a_temporary_has_the_fields_named_and_zeros),
    TEST_CASE(without_fields_everything_is_zero),
    TEST_CASE(initialisers_may_be_anything_an_initialiser_may_be),
    TEST_CASE(a_child_names_its_parent),
    TEST_CASE(a_topic_may_be_given),
    TEST_CASE(a_try_says_so),
    TEST_CASE(filled_structs_are_sent_as_they_are),
    TEST_CASE(a_struct_with_a_tail_is_sent_whole),
    TEST_CASE(reserved_room_knows_its_tail),
    TEST_CASE(impossible_tails_are_refused_by_the_function_behind),
};
SUITE_MAIN("send", cases)
