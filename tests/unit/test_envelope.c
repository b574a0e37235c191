/* Frames and envelopes: what is written is read, what is required is missed, and both codecs say the same. */
#include "wire/envelope.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/sample_events.h"
#include "lib/suite.h"
#include "wire/frame.h"

static char reason[256];
static struct text error;

static struct text *fresh_error(void)
{
    text_init_buffer(&error, reason, sizeof(reason));
    return &error;
}

static struct pack fresh_pack(void)
{
    struct pack pack;

    pack_init(&pack, heap_default(), WIRE_FRAME_MAX);
    return pack;
}

static void frames_come_back_as_they_were(void)
{
    struct frame hello = {.kind = FRAME_HELLO,
                          .session = 7,
                          .hello = {.min = 1,
                                    .max = 3,
                                    .space = slice_of("wx"),
                                    .name = slice_of("n\xc3\xb6rd"),
                                    .host = slice_of("h"),
                                    .node = {1, 2},
                                    .epoch = UINT64_MAX,
                                    .uptime_ns = 5,
                                    .clock = UINT64_MAX - 1,
                                    .started_ns = 9,
                                    .window_bytes = 6,
                                    .window_events = 7,
                                    .pid = 8}};
    struct frame ready = {.kind = FRAME_READY, .session = 1, .number = 2, .stream = 3, .next = 4, .resumed = true};
    struct pack pack = fresh_pack();
    struct frame read;

    frame_write(&pack, &hello);
    CU_ASSERT_EQUAL(frame_read(pack.data, pack.len, &read, fresh_error()), MAIKO_OK);
    CU_ASSERT_EQUAL(read.kind, FRAME_HELLO);
    CU_ASSERT(slice_is(read.hello.name, "n\xc3\xb6rd"));
    CU_ASSERT(maiko_id_equal(read.hello.node, hello.hello.node));
    CU_ASSERT_EQUAL(read.hello.epoch, UINT64_MAX);
    CU_ASSERT_EQUAL(read.hello.clock, UINT64_MAX - 1);
    CU_ASSERT_EQUAL(read.hello.started_ns, 9);
    CU_ASSERT(frame_peek_hello(pack.data, pack.len, &read));
    pack_clear(&pack);
    frame_write(&pack, &ready);
    CU_ASSERT_EQUAL(frame_read(pack.data, pack.len, &read, fresh_error()), MAIKO_OK);
    CU_ASSERT(read.resumed && !read.is_lost_known && read.next == 4);
    ready.is_lost_known = true;
    ready.lost = 12;
    pack_clear(&pack);
    frame_write(&pack, &ready);
    CU_ASSERT_EQUAL(frame_read(pack.data, pack.len, &read, fresh_error()), MAIKO_OK);
    CU_ASSERT(read.is_lost_known && read.lost == 12);
    CU_ASSERT(!read.is_earlier_known && read.earlier == 0);
    ready.is_earlier_known = true;
    ready.earlier = UINT64_MAX;
    pack_clear(&pack);
    frame_write(&pack, &ready);
    CU_ASSERT_EQUAL(frame_read(pack.data, pack.len, &read, fresh_error()), MAIKO_OK);
    CU_ASSERT(read.is_earlier_known && read.earlier == UINT64_MAX);
    CU_ASSERT(!frame_peek_hello(pack.data, pack.len, &read));
    pack_deinit(&pack);
}

static void expect_frame(const char *bytes, size_t len, const char *expected)
{
    struct frame read;
    maiko_status status = frame_read((const uint8_t *)bytes, len, &read, fresh_error());

    if (strcmp(reason, expected) != 0 || (status == MAIKO_OK) != (expected[0] == '\0'))
        SUITE_FAIL("\"%s\" instead of \"%s\"", reason, expected);
}

#define EXPECT(bytes, expected) expect_frame(bytes, sizeof(bytes) - 1, expected)

static void expect_data(const uint8_t *bytes, size_t len)
{
    struct frame read;

    CU_ASSERT_EQUAL_FATAL(frame_read(bytes, len, &read, fresh_error()), MAIKO_OK);
    CU_ASSERT(read.kind == FRAME_DATA && read.session == 7 && read.first == 300 && read.is_lost_known);
    CU_ASSERT_EQUAL_FATAL(read.records.len, 3);
    CU_ASSERT_EQUAL(memcmp(read.records.data, "\x92\x01\xc0", 3), 0);
    CU_ASSERT(read.types.len == 0 && read.channels.len == 0 && read.next == 0 && read.reason.len == 0);
}

/* As our nodes write them, which is read by comparison, and as others may. */
static void data_frames_are_read_alike_in_every_form(void)
{
    static const char other[] = "\x84\xa7records\x92\x01\xc0\xa5"
                                "first\xcd\x01\x2c\xa4kind\xa4"
                                "data\xa7session\x07";
    struct frame data = {.kind = FRAME_DATA, .session = 7, .first = 300};
    struct pack pack = fresh_pack();
    struct frame read;
    size_t len;

    frame_begin_data(&pack, &data);
    pack_array(&pack, 2);
    pack_uint(&pack, 1);
    pack_nil(&pack);
    expect_data(pack.data, pack.len);
    expect_data((const uint8_t *)other, sizeof(other) - 1);
    for (len = 0; len < pack.len; len++)
        CU_ASSERT_EQUAL(frame_read(pack.data, len, &read, NULL), MAIKO_EPROTOCOL);
    pack_nil(&pack);
    CU_ASSERT_EQUAL(frame_read(pack.data, pack.len, &read, NULL), MAIKO_EPROTOCOL);
    frame_add_array(&pack, 0, "types", (struct slice){(const uint8_t *)"\x90", 1}); /* behind the nil: no map any more */
    CU_ASSERT_EQUAL(frame_read(pack.data, pack.len, &read, NULL), MAIKO_EPROTOCOL);
    pack_clear(&pack);
    data.session = 0;
    frame_begin_data(&pack, &data);
    pack_array(&pack, 0);
    CU_ASSERT_EQUAL(frame_read(pack.data, pack.len, &read, fresh_error()), MAIKO_EPROTOCOL);
    CU_ASSERT_STRING_EQUAL(reason, "session: missing");
    pack_deinit(&pack);
}

static void frames_without_what_they_need_are_refused(void)
{
    EXPECT("\x81\xa4kind\xa3"
           "ack",
           "session: missing");
    EXPECT("\x81\xa7session\x01", "kind: missing");
    EXPECT("\x82\xa4kind\xa3"
           "ack\xa7session\xff",
           "session: a negative int, not an int from 0");
    EXPECT("\x82\xa4kind\xa4"
           "data\xa7session\x01",
           "records: missing");
    EXPECT("\x82\xa4kind\xa6refuse\xa7session\x01", "reason: missing");
    EXPECT("\x82\xa4kind\xa9subscribe\xa7session\x01", "number: missing");
    EXPECT("\x82\xa4kind\xa5hello\xa7session\x01", "min, max: no range of versions");
    EXPECT("\x83\xa4kind\xa7welcome\xa7session\x01\xa7version\x01", "space: missing");
    EXPECT("\x83\xa4kind\xa5ready\xa7session\x01\xa4lost\xa1x", "lost: not an int from 0 or nil");
    EXPECT("\x83\xa4kind\xa5ready\xa7session\x01\xa7"
           "earlier\xff",
           "earlier: not an int from 0 or nil");
    EXPECT("\x83\xa4kind\xa5ready\xa7session\x01\xa7"
           "earlier\xc0",
           "");
    EXPECT("\x83\xa4kind\xa3"
           "ack\xa7session\x01\xa7session\x01",
           "session: given twice");
    EXPECT("\x83\xa4kind\xa3"
           "ack\xa7session\x01\x01\x01",
           "key: not a str");
    EXPECT("\x83\xa4kind\xa3"
           "ack\xa7session\x01\xa1x\x81\x01\x01",
           "");
    EXPECT("\x81\xa4kind\xa7unheard", "");
    EXPECT("\x93\x01\x02\x03", "an array: not a map");
    EXPECT("\x81\xa4kind\xa2\xff\xff", "kind: a str, not a str of at most 255 bytes");
    EXPECT("", "empty");
}

/* The usual event is read in one step: neither parent nor correlation. */
static void an_event_that_begins_a_chain_comes_back_and_no_part_of_it_does(void)
{
    const struct event_head event = {.channel = 0xabcd, .id_lo = UINT64_MAX - 1, .time_ns = UINT64_C(1) << 60};
    struct record record = {.parent = {1, 1}, .correlation = {1, 1}};
    struct pack pack = fresh_pack();
    struct reader reader;
    size_t len;

    record_begin_event(&pack, &event);
    pack_array(&pack, 2);
    pack_bin(&pack, "abc", 3);
    pack_bool(&pack, true);
    for (len = 0; len < pack.len; len++) {
        reader = reader_of((struct slice){pack.data, len});
        CU_ASSERT_EQUAL(frame_next_record(&reader, &record, fresh_error()), MAIKO_EPROTOCOL);
    }
    pack_nil(&pack);
    reader = reader_of(pack_slice(&pack));
    CU_ASSERT_EQUAL(frame_next_record(&reader, &record, fresh_error()), MAIKO_OK);
    CU_ASSERT(record.kind == RECORD_EVENT && record.channel == event.channel);
    CU_ASSERT(record.id_lo == event.id_lo && record.time_ns == event.time_ns);
    CU_ASSERT(maiko_id_is_nil(record.parent) && maiko_id_is_nil(record.correlation));
    CU_ASSERT(record.payload.len == 7 && record.payload.data[0] == 0x92);
    CU_ASSERT_EQUAL(reader_left(&reader), 1);
    pack_deinit(&pack);
}

/* Written in one go and read in one look; the same record as from its parts, of any length of the bin's. */
static void a_native_record_comes_back_and_no_part_of_it_does(void)
{
    static const size_t lens[] = {0, 1, 255, 256, 65535, 65536};
    static uint8_t bytes[65536];
    struct event_head event = {.channel = 0xabcd, .id_lo = UINT64_MAX - 1, .time_ns = UINT64_C(1) << 60};
    struct pack whole = fresh_pack();
    struct pack parts = fresh_pack();
    struct record record = {.kind = RECORD_OTHER};
    struct reader reader;
    size_t len;
    unsigned i;

    memset(bytes, 'x', sizeof(bytes));
    for (i = 0; i < 2 * sizeof(lens) / sizeof(lens[0]); i++) {
        event.parent = i % 2 == 0 ? (maiko_id){0, 0} : (maiko_id){1, 2};
        pack_clear(&whole);
        pack_clear(&parts);
        record_write_native(&whole, &event, bytes, lens[i / 2]);
        record_begin_event(&parts, &event);
        pack_bin(&parts, bytes, lens[i / 2]);
        CU_ASSERT_FATAL(whole.len == parts.len && memcmp(whole.data, parts.data, whole.len) == 0);
        reader = reader_of(pack_slice(&whole));
        CU_ASSERT_EQUAL(frame_next_record(&reader, &record, fresh_error()), MAIKO_OK);
        CU_ASSERT(reader_left(&reader) == 0 && record.id_lo == event.id_lo && maiko_id_equal(record.parent, event.parent));
        CU_ASSERT(record.native.len == lens[i / 2] && record.native.data + record.native.len == whole.data + whole.len);
        CU_ASSERT(payload_is_native(record.payload) && record.payload.data + record.payload.len == whole.data + whole.len);
        for (len = 0; len < whole.len; len += len < 64 || whole.len - len < 64 ? 1 : 61) {
            reader = reader_of((struct slice){whole.data, len});
            CU_ASSERT_EQUAL(frame_next_record(&reader, &record, fresh_error()), MAIKO_EPROTOCOL);
        }
    }
    pack_deinit(&whole);
    pack_deinit(&parts);
}

static bool is_own(size_t at)
{
    return (at > EVENT_ID && at < EVENT_TIME) || (at > EVENT_TIME && at < EVENT_PARENT);
}

/* A record is like the one before only with the same bytes everywhere but in id, time and payload: one that is longer, shorter,
 * cut, or differs in any other byte is not. */
static void a_record_is_alike_in_all_but_id_time_and_payload(void)
{
    static const size_t lens[] = {0, 1, 255, 256, 65535, 65536};
    static uint8_t bytes[65536];
    const struct event_head event = {.channel = 0xabcd, .id_lo = UINT64_MAX - 1, .time_ns = UINT64_C(1) << 60};
    unsigned i;

    for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct pack pack = fresh_pack();
        size_t size;
        size_t head;
        size_t at;
        uint8_t *next;
        struct reader reader;

        record_write_native(&pack, &event, bytes, lens[i]);
        size = pack.len;
        head = size - lens[i];
        record_write_native(&pack, &event, bytes, lens[i]);
        next = pack.data + size;
        reader = reader_of((struct slice){next, size});
        CU_ASSERT_TRUE(reader_is_alike(&reader, pack.data, size, head));
        for (at = 0; at < size; at += at < 64 || size - at < 64 ? 1 : 61) {
            next[at] ^= 1;
            CU_ASSERT_EQUAL(reader_is_alike(&reader, pack.data, size, head), at >= head || is_own(at));
            next[at] ^= 1;
            reader.end = next + at;
            CU_ASSERT_FALSE(reader_is_alike(&reader, pack.data, size, head));
            reader.end = next + size;
        }
        pack_deinit(&pack);
    }
}

/* Behind every kind of record, and with every kind of number: what is repeated is what would have been written. */
static void a_repeated_record_is_the_one_that_would_be_written(void)
{
    static const size_t lens[] = {0, 1, 252, 253, 254, 255, 256, 257, 258, 65533, 65535, 65536, 65538};
    static const uint64_t values[] = {0, 0x7f, 0x80, 0xffff, UINT64_C(1) << 60, UINT64_MAX};
    static uint8_t bytes[65538];
    const struct event_head firsts[] = {{.channel = 0xabcd, .id_lo = UINT64_MAX - 1, .time_ns = UINT64_C(1) << 60},
                                        {.channel = 0xabcd, .id_lo = 5, .time_ns = UINT64_C(1) << 60},
                                        {.channel = 0xabcd, .id_lo = 500, .time_ns = 5},
                                        {.channel = 0xabcd, .id_lo = 500, .time_ns = 500, .parent = {6, 7}},
                                        {.channel = 0xabcd, .id_lo = 500, .time_ns = 500, .correlation = {6, 7}}};
    enum { LENS = sizeof(lens) / sizeof(lens[0]), NUMBERS = sizeof(values) / sizeof(values[0]) };
    size_t repeated = 0;
    size_t i;

    memset(bytes, 'x', sizeof(bytes));
    for (i = 0; i < (size_t)5 * LENS * LENS * NUMBERS * NUMBERS; i++) {
        const struct event_head *first = &firsts[i % 5];
        size_t len = lens[i / 5 % LENS];
        size_t len_before = lens[i / 5 / LENS % LENS];
        struct event_head head = {
            .channel = 0xabcd, .id_lo = values[i / 5 / LENS / LENS % NUMBERS], .time_ns = values[i / 5 / LENS / LENS / NUMBERS]};
        struct record_like like;
        struct pack pack;
        struct pack other;
        size_t size;

        if (len > 300 && len_before < 300)
            continue;
        pack = fresh_pack();
        other = fresh_pack();
        record_write_native(&pack, first, bytes, len_before);
        size = pack.len;
        if (record_like_of(pack.data, size, len, &like) && record_write_like(&pack, &like, head.id_lo, head.time_ns, bytes)) {
            repeated++;
            CU_ASSERT(first == &firsts[0] && len == len_before && head.id_lo > 0x7f && head.time_ns > 0x7f);
            record_write_native(&other, &head, bytes, len);
            CU_ASSERT_FATAL(pack.len - size == other.len);
            CU_ASSERT_EQUAL(memcmp(pack.data + size, other.data, other.len), 0);
        }
        CU_ASSERT_EQUAL(pack_status(&pack), MAIKO_OK);
        pack_deinit(&pack);
        pack_deinit(&other);
    }
    CU_ASSERT_EQUAL(repeated, (size_t)LENS * (NUMBERS - 2) * (NUMBERS - 2));
}

static void records_of_every_kind_come_back(void)
{
    struct event_head event = {.channel = 3, .id_lo = 4, .time_ns = 5, .parent = {6, 7}};
    static const char *const publish[] = {"a", "b/#", NULL};
    struct pack pack = fresh_pack();
    struct reader reader;
    struct record record = {.kind = RECORD_OTHER};
    struct reader list;
    struct slice topic;

    record_begin_event(&pack, &event);
    pack_array(&pack, 0);
    record_write_lost(&pack, 9, "window");
    record_write_end(&pack, "sensor", publish);
    record_write_failed(&pack, "x/+", 11);
    pack_map(&pack, 0);
    pack_nil(&pack);
    reader = reader_of(pack_slice(&pack));
    CU_ASSERT_EQUAL(frame_next_record(&reader, &record, fresh_error()), MAIKO_OK);
    CU_ASSERT(record.kind == RECORD_EVENT && record.channel == 3 && record.id_lo == 4 && record.parent.lo == 7);
    CU_ASSERT_EQUAL(frame_next_record(&reader, &record, fresh_error()), MAIKO_OK);
    CU_ASSERT(record.kind == RECORD_LOST && record.lost == 9 && slice_is(record.reason, "window"));
    CU_ASSERT_EQUAL(frame_next_record(&reader, &record, fresh_error()), MAIKO_OK);
    CU_ASSERT(record.kind == RECORD_END && slice_is(record.name, "sensor"));
    CU_ASSERT_EQUAL(frame_array(record.publish, &list), 2);
    CU_ASSERT(frame_next_text(&list, &topic, NULL) == MAIKO_OK && slice_is(topic, "a"));
    CU_ASSERT_EQUAL(frame_next_record(&reader, &record, fresh_error()), MAIKO_OK);
    CU_ASSERT(record.kind == RECORD_FAILED && slice_is(record.name, "x/+") && record.id == 11);
    CU_ASSERT_EQUAL(frame_next_record(&reader, &record, fresh_error()), MAIKO_OK);
    CU_ASSERT_EQUAL(record.kind, RECORD_OTHER);
    CU_ASSERT_EQUAL(frame_next_record(&reader, &record, fresh_error()), MAIKO_EPROTOCOL);
    pack_deinit(&pack);
}

/* Through one codec and back, the payload as well. */
static void check_codec(const struct codec *codec)
{
    const numbers event = {.i64 = INT64_MIN, .u64 = UINT64_MAX, .f64 = 0.1, .i8 = -1};
    struct wire_envelope out = {.topic = slice_of("t/\xd0\xb6"),
                                .type = slice_of("numbers"),
                                .sender = slice_of("a \"quoted\"\\ sender\n"),
                                .node = slice_of("n"),
                                .id = {1, 2},
                                .parent = {3, UINT64_MAX},
                                .correlation = {5, 6},
                                .origin = {7, 8},
                                .time_ns = UINT64_MAX - 1,
                                .seq = (UINT64_C(1) << 53) + 1,
                                .schema = 9,
                                .hops = 2};
    struct payload_plan *plan = NULL;
    struct pack pack = fresh_pack();
    struct wire_envelope in;
    struct slice kind;
    numbers read;
    size_t len = 0;

    CU_ASSERT_EQUAL(payload_plan_new(heap_default(), MAIKO_TYPE(numbers), NULL, &plan, NULL), MAIKO_OK);
    codec->write_publication(&pack, &out, plan, &event, sizeof(event));
    CU_ASSERT_EQUAL(pack_status(&pack), MAIKO_OK);
    CU_ASSERT_PTR_EQUAL(codec_of_frame(pack.data, pack.len), codec);
    if (codec->read(pack.data, pack.len, &in, &kind, fresh_error()) != MAIKO_OK) {
        SUITE_FAIL("%s: %s", codec->name, reason);
    } else {
        CU_ASSERT(slice_is(in.topic, "t/\xd0\xb6") && slice_is(in.sender, "a \"quoted\"\\ sender\n"));
        CU_ASSERT(maiko_id_equal(in.parent, out.parent) && maiko_id_equal(in.origin, out.origin));
        CU_ASSERT(in.time_ns == out.time_ns && in.seq == out.seq && in.hops == 2 && in.schema == 9);
        CU_ASSERT_EQUAL(codec->payload_len(plan, in.payload, &len, NULL), MAIKO_OK);
        CU_ASSERT_EQUAL(len, sizeof(read));
        CU_ASSERT_EQUAL(codec->read_payload(plan, in.payload, &read, len, NULL), MAIKO_OK);
        CU_ASSERT(memcmp(&read, &event, sizeof(read)) == 0);
    }
    payload_plan_free(plan);
    pack_deinit(&pack);
}

static void envelopes_come_back_through_every_codec(void)
{
    size_t i;

    for (i = 0; codec_at(i) != NULL; i++) {
        check_codec(codec_at(i));
        CU_ASSERT_PTR_EQUAL(codec_by_name(codec_at(i)->name), codec_at(i));
    }
    CU_ASSERT_EQUAL(i, 2);
    CU_ASSERT_PTR_NULL(codec_by_name("smoke signals"));
    CU_ASSERT_PTR_NULL(codec_of_frame((const uint8_t *)"\x01", 1));
}

static void expect_json(const char *json, const char *expected)
{
    struct wire_envelope envelope;
    struct slice kind;
    maiko_status status = codec_json.read((const uint8_t *)json, strlen(json), &envelope, &kind, fresh_error());

    if (strcmp(reason, expected) != 0 || (status == MAIKO_OK) != (expected[0] == '\0'))
        SUITE_FAIL("%s: \"%s\" instead of \"%s\"", json, reason, expected);
}

static void json_that_is_wrong_is_refused_with_the_reason(void)
{
    expect_json("{\"kind\":\"publish\",\"topic\":\"a\"}", "");
    expect_json("{\"topic\":\"a\",\"unheard\":[1,{\"of\":null}],\"payload\":{\"x\":[1,2]}}", "");
    expect_json("{\"topic\":\"a\",\"id\":null,\"number\":\"18446744073709551615\"}", "");
    expect_json("{}", "topic: missing");
    expect_json("[]", "frame: not an object");
    expect_json("{\"topic\":1}", "topic: not a string");
    expect_json("{\"topic\":\"a\",\"topic\":\"b\"}", "topic: given twice");
    expect_json("{\"kind\":\"a\",\"kind\":\"b\"}", "kind: given twice");
    expect_json("{\"topic\":\"a\",\"id\":\"no\"}", "id: not a UUID");
    expect_json("{\"topic\":\"a\",\"time\":-1}", "time: not an int from 0");
    expect_json("{\"topic\":\"a\",\"x\":,}", "value: no value");
    expect_json("{\"topic\":\"a\\u0000\"}", "topic: a NUL inside");
    expect_json("{\"topic\":\"a\",\"payload\":{\"x\":1}", "frame: neither a comma nor the end");
    expect_json("{\"topic\":\"a\",\"payload\":{", "payload: it ends in the middle");
    expect_json("{\"topic\":\"a\"} 1", "frame: something behind the object");
    expect_json("{\"topic\" 1}", "key: no colon behind it");
}

static void answers_are_written_in_the_codec_of_the_question(void)
{
    struct wire_published answer = {.number = 3, .status = "payload", .text = "field \"x\": \xff"};
    struct pack pack = fresh_pack();

    codec_json.write_published(&pack, &answer);
    CU_ASSERT_EQUAL(pack.len, strlen("{\"kind\":\"published\",\"number\":3,\"status\":\"payload\",\"text\":\"field \\\"x\\\": "
                                     "\xef\xbf\xbd\"}"));
    pack_clear(&pack);
    codec_msgpack.write_published(&pack, &answer);
    CU_ASSERT_EQUAL(reader_check(pack.data, pack.len, 1000, NULL), MAIKO_OK);
    pack_deinit(&pack);
}

static const struct test_case cases[] = {TEST_CASE(frames_come_back_as_they_were),
                                         TEST_CASE(data_frames_are_read_alike_in_every_form),
                                         TEST_CASE(frames_without_what_they_need_are_refused),
                                         TEST_CASE(an_event_that_begins_a_chain_comes_back_and_no_part_of_it_does),
                                         TEST_CASE(a_native_record_comes_back_and_no_part_of_it_does),
                                         TEST_CASE(a_record_is_alike_in_all_but_id_time_and_payload),
                                         TEST_CASE(a_repeated_record_is_the_one_that_would_be_written),
                                         TEST_CASE(records_of_every_kind_come_back),
                                         TEST_CASE(envelopes_come_back_through_every_codec),
                                         TEST_CASE(json_that_is_wrong_is_refused_with_the_reason),
                                         TEST_CASE(answers_are_written_in_the_codec_of_the_question)};
SUITE_MAIN("envelope on the wire", cases)
