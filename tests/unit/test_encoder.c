/* Encoder: what a handler was given is written whole in every codec, and what links alone know is left out. */
#include <maiko/encoder.h>
#include <maiko/maiko.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/failing_allocator.h"
#include "lib/sample_events.h"
#include "lib/suite.h"
#include "wire/envelope.h"

/* A supervisor whose actor keeps the last event it was given. */
struct reader_end {
    maiko_supervisor *sup;
    maiko_envelope *kept;
};

static maiko_status keep(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct reader_end *end = self;

    (void)ctx;
    maiko_envelope_unref(end->kept);
    return maiko_envelope_keep(envelope, &end->kept);
}

static const maiko_actor_ops keep_ops = {.handle = keep};

static void open_end(struct reader_end *end)
{
    const maiko_actor_spec spec = {.name = "keeper", .ops = &keep_ops, .self = end, .subscribe = MAIKO_ALL_TOPICS};

    end->kept = NULL;
    end->sup = maiko_supervisor_new(&(maiko_config){.mode = MAIKO_POLLED, .no_counters_file = true});
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_add(end->sup, &spec), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_supervisor_start(end->sup), MAIKO_OK);
}

static void close_end(struct reader_end *end)
{
    end->kept = maiko_envelope_unref(end->kept);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&end->sup, NULL), MAIKO_OK);
}

/* The event as a handler gets it; valid until the next one. */
static const maiko_envelope *pass(struct reader_end *end, const maiko_event_type *type, const void *event, size_t len)
{
    CU_ASSERT_EQUAL(maiko_send_bytes(maiko_supervisor_context(end->sup), type, event, len), MAIKO_OK);
    while (maiko_supervisor_poll(end->sup, 0) > 0)
        ;
    CU_ASSERT_PTR_NOT_NULL_FATAL(end->kept);
    return end->kept;
}

static maiko_encoder *encoder_of(const char *codec)
{
    maiko_encoder *encoder = NULL;

    CU_ASSERT_EQUAL_FATAL(maiko_encoder_new(codec, NULL, &encoder), MAIKO_OK);
    return encoder;
}

static sample some_sample(void)
{
    sample event;

    memset(&event, 0, sizeof(event));
    event.i64 = INT64_MIN;
    event.u64 = UINT64_MAX;
    event.f64 = 0.1;
    event.shade = COLOR_BLUE;
    CU_ASSERT_EQUAL(maiko_set(&event.name, "\xd1\x84\xe4\xb8\xad\xf0\x9f\x98\x80"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_set_blob(&event.key, "\x00\xff\x1b", 3), MAIKO_OK);
    return event;
}

/* What was written, read by the codec it says it is of. */
static void check_reading(const struct codec *codec, const maiko_envelope *envelope, const void *bytes, size_t len)
{
    struct payload_plan *plan = NULL;
    struct wire_envelope in;
    struct slice kind;
    size_t event_len = 0;
    void *event = malloc(envelope->payload_len);

    CU_ASSERT_PTR_EQUAL(codec_of_frame(bytes, len), codec);
    CU_ASSERT_EQUAL_FATAL(codec->read(bytes, len, &in, &kind, NULL), MAIKO_OK);
    CU_ASSERT(slice_is(in.topic, "sample/all") && slice_is(in.type, "sample") && slice_is(in.sender, "supervisor"));
    CU_ASSERT(maiko_id_equal(in.id, maiko_envelope_id(envelope)));
    CU_ASSERT(maiko_id_is_nil(in.parent) && maiko_id_is_nil(in.correlation) && maiko_id_is_nil(in.origin));
    CU_ASSERT(in.time_ns == maiko_envelope_time(envelope) && in.schema == maiko_schema_hash(MAIKO_TYPE(sample)));
    CU_ASSERT(in.node.len == 0 && in.seq == 0 && in.hops == 0);
    CU_ASSERT_EQUAL(payload_plan_new(heap_default(), MAIKO_TYPE(sample), NULL, &plan, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(codec->payload_len(plan, in.payload, &event_len, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(event_len, envelope->payload_len);
    CU_ASSERT_EQUAL(codec->read_payload(plan, in.payload, event, event_len, NULL), MAIKO_OK);
    CU_ASSERT(memcmp(event, envelope->payload, event_len) == 0);
    payload_plan_free(plan);
    free(event);
}

static void an_event_comes_back_from_what_every_codec_wrote(void)
{
    sample event = some_sample();
    struct reader_end end;
    size_t i;

    open_end(&end);
    pass(&end, MAIKO_TYPE(sample), &event, sizeof(event));
    for (i = 0; codec_at(i) != NULL; i++) {
        maiko_encoder *encoder = encoder_of(codec_at(i)->name);
        const void *bytes = NULL;
        size_t len = 0;

        CU_ASSERT_EQUAL(maiko_encoder_write(encoder, end.kept, &bytes, &len), MAIKO_OK);
        check_reading(codec_at(i), end.kept, bytes, len);
        CU_ASSERT_PTR_NULL(maiko_encoder_free(encoder));
    }
    CU_ASSERT_EQUAL(i, 2);
    close_end(&end);
}

static void expect_json(maiko_encoder *encoder, const maiko_envelope *envelope, const char *payload)
{
    char id[MAIKO_ID_TEXT_SIZE];
    char expected[512];
    const void *bytes = NULL;
    size_t len = 0;

    snprintf(expected, sizeof(expected),
             "{\"topic\":\"%s\",\"type\":\"%s\",\"id\":\"%s\",\"time\":\"%llu\",\"sender\":\"supervisor\",\"schema\":\"%llu\","
             "\"payload\":%s}",
             maiko_envelope_topic(envelope), envelope->type->name, maiko_id_format(maiko_envelope_id(envelope), id),
             (unsigned long long)maiko_envelope_time(envelope), (unsigned long long)maiko_schema_hash(envelope->type), payload);
    CU_ASSERT_EQUAL(maiko_encoder_write(encoder, envelope, &bytes, &len), MAIKO_OK);
    if (len != strlen(expected) || memcmp(bytes, expected, len) != 0)
        SUITE_FAIL("%.*s instead of %s", (int)len, (const char *)bytes, expected);
}

static void json_is_one_line_that_rounds_nothing_and_moves_no_terminal(void)
{
    union {
        body event;
        unsigned char bytes[sizeof(body) + 4];
    } binary = {.event = {.body_count = 4}};
    union {
        line event;
        unsigned char bytes[sizeof(line) + 16];
    } text = {.event = {.number = 1, .text_count = 6}};
    maiko_encoder *encoder = encoder_of("json");
    struct reader_end end;
    tick empty;

    memset(&empty, 0, sizeof(empty));
    memcpy(binary.event.body, "\x00\x1b\xff\n", 4);
    memcpy(text.event.text, "\n\xc2\x9b\xd0\xb6\x1b", 6);
    open_end(&end);
    expect_json(encoder, pass(&end, MAIKO_TYPE(body), &binary, sizeof(body) + 4), "{\"body\":{\"$bin\":\"ABv/Cg==\"}}");
    expect_json(encoder, pass(&end, MAIKO_TYPE(line), &text, sizeof(line) + 6),
                "{\"number\":1,\"text\":\"\\n\\u009b\xd0\xb6\\u001b\"}");
    expect_json(encoder, pass(&end, MAIKO_TYPE(tick), &empty, sizeof(empty)), "{}");
    maiko_encoder_free(encoder);
    close_end(&end);
}

/* Far more text than bytes, so that its room grows on the way. */
static void the_largest_event_has_room(void)
{
    size_t most = (MAIKO_EVENT_MAX - sizeof(sample)) / sizeof(int16_t);
    size_t count = getenv("MAIKO_VALGRIND") != NULL ? most / 64 : most; /* there it would take minutes */
    size_t len = sizeof(sample) + count * sizeof(int16_t);
    sample *event = calloc(1, len);
    struct reader_end end;
    size_t i;

    open_end(&end);
    event->samples_count = count;
    for (i = 0; i < count; i++)
        event->samples[i] = INT16_MIN;
    pass(&end, MAIKO_TYPE(sample), event, len);
    for (i = 0; codec_at(i) != NULL; i++) {
        maiko_encoder *encoder = encoder_of(codec_at(i)->name);
        const void *bytes = NULL;

        CU_ASSERT_EQUAL(maiko_encoder_write(encoder, end.kept, &bytes, &len), MAIKO_OK);
        CU_ASSERT(len > count * 3);
        maiko_encoder_free(encoder);
    }
    free(event);
    close_end(&end);
}

static void what_cannot_be_written_is_refused(void)
{
    maiko_encoder *encoder = NULL;
    const void *bytes = &encoder;
    struct reader_end end;
    size_t len = 7;

    open_end(&end);
    CU_ASSERT_EQUAL(maiko_encoder_new("smoke signals", NULL, &encoder), MAIKO_ENOTFOUND);
    CU_ASSERT_EQUAL(maiko_encoder_new(NULL, NULL, &encoder), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_encoder_new("json", NULL, NULL), MAIKO_EINVAL);
    CU_ASSERT_PTR_NULL(encoder);
    CU_ASSERT_PTR_NULL(maiko_encoder_free(NULL));
    encoder = encoder_of("msgpack");
    pass(&end, MAIKO_TYPE(local), &(local){.next = NULL}, sizeof(local));
    CU_ASSERT_EQUAL(maiko_encoder_write(encoder, end.kept, &bytes, &len), MAIKO_ENOTSUP);
    CU_ASSERT_EQUAL(maiko_encoder_write(NULL, end.kept, &bytes, &len), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_encoder_write(encoder, NULL, &bytes, &len), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_encoder_write(encoder, end.kept, NULL, &len), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_encoder_write(encoder, end.kept, &bytes, NULL), MAIKO_EINVAL);
    CU_ASSERT(bytes == &encoder && len == 7);
    maiko_encoder_free(encoder);
    close_end(&end);
}

/* Two events of two types, so that both are met and the buffer is used again. */
static maiko_status write_both(const struct failing_allocator *memory, const char *codec, struct reader_end *ends)
{
    maiko_encoder *encoder = NULL;
    maiko_status status = maiko_encoder_new(codec, &memory->allocator, &encoder);
    const void *bytes;
    size_t len;
    int i;

    for (i = 0; i < 2 && status == MAIKO_OK; i++)
        status = maiko_encoder_write(encoder, ends[i].kept, &bytes, &len);
    maiko_encoder_free(encoder);
    return status;
}

static void every_allocation_failure_is_reported_and_leaks_nothing(void)
{
    sample event = some_sample();
    struct failing_allocator memory;
    struct reader_end ends[2];
    size_t i;

    open_end(&ends[0]);
    open_end(&ends[1]);
    pass(&ends[0], MAIKO_TYPE(sample), &event, sizeof(event));
    pass(&ends[1], MAIKO_TYPE(numbers), &(numbers){.i8 = 1}, sizeof(numbers));
    for (i = 0; codec_at(i) != NULL; i++) {
        maiko_status status = MAIKO_ENOMEM;
        long nth;

        for (nth = 0; status == MAIKO_ENOMEM && nth < 100; nth++) {
            failing_allocator_init(&memory);
            failing_allocator_fail_nth(&memory, nth);
            status = write_both(&memory, codec_at(i)->name, ends);
            CU_ASSERT_EQUAL(status, failing_allocator_has_failed(&memory) ? MAIKO_ENOMEM : MAIKO_OK);
            CU_ASSERT(failing_allocator_is_balanced(&memory));
        }
        CU_ASSERT_EQUAL(status, MAIKO_OK);
        CU_ASSERT(nth > 5);
    }
    close_end(&ends[0]);
    close_end(&ends[1]);
}

static const struct test_case cases[] = {TEST_CASE(an_event_comes_back_from_what_every_codec_wrote),
                                         TEST_CASE(json_is_one_line_that_rounds_nothing_and_moves_no_terminal),
                                         TEST_CASE(the_largest_event_has_room), TEST_CASE(what_cannot_be_written_is_refused),
                                         TEST_CASE(every_allocation_failure_is_reported_and_leaks_nothing)};
SUITE_MAIN("encoder", cases)
