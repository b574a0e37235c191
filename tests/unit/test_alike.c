/* Events that share an entry of the retained log: log and streams do with them what they do with the same events one by one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "link/stream.h"

enum { TOPICS = 3, ROUNDS = 60, STEPS = 400, LOG_BYTES = 60000, WINDOW_BYTES = 20000, WINDOW_EVENTS = 120, TAIL = 20 };

/* A log with a stream and a channel; runs are appended whole, or event by event. */
struct side {
    struct failing_allocator memory;
    struct heap heap;
    struct retained log;
    struct stream stream;
    struct retained_channel channel;
    struct retained_topic *topics[TOPICS];
    bool is_whole;
};

static uint64_t chance;

static uint32_t below(uint32_t limit)
{
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(chance >> 33) % limit;
}

static const maiko_overflow policies[TOPICS] = {MAIKO_BLOCK, MAIKO_DROP_OLDEST, MAIKO_DROP_NEWEST};

static void side_open(struct side *side, bool is_whole)
{
    static const char *const names[TOPICS] = {"a", "b", "c"};
    size_t i;

    memset(side, 0, sizeof *side);
    side->is_whole = is_whole;
    failing_allocator_init(&side->memory);
    heap_init(&side->heap, &side->memory.allocator, 0);
    retained_init(&side->log, &side->heap, LOG_BYTES);
    for (i = 0; i < TOPICS; i++)
        CU_ASSERT_EQUAL_FATAL(retained_topic(&side->log, names[i], policies[i], &side->topics[i]), MAIKO_OK);
    stream_init(&side->stream, &side->heap, &side->log);
    side->stream.window_bytes = WINDOW_BYTES;
    side->stream.window_events = WINDOW_EVENTS;
    side->stream.oldest_tail = TAIL;
    stream_restart(&side->stream, 1);
    stream_connect(&side->stream, 1);
}

static void side_close(struct side *side)
{
    stream_deinit(&side->stream);
    retained_deinit(&side->log);
    CU_ASSERT_EQUAL(side->channel.refs, 0);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&side->memory));
}

/* As peer_offer() does. */
static void offer(struct side *side, uint64_t first, maiko_overflow overflow, uint64_t now)
{
    struct stream *stream = &side->stream;
    uint64_t end = side->log.next;

    while (first < end) {
        struct retained_entry *entry;

        first += stream_offer_run(stream, first, end);
        if (first == end)
            break;
        entry = retained_at(&side->log, first);
        (void)stream_offer(stream, entry, retained_index(entry, first), overflow, now);
        first++;
    }
}

/* `count` events of `len` bytes, the first of which is number `number`. */
static void append(struct side *side, uint32_t topic, uint64_t number, size_t count, size_t len, uint64_t now)
{
    uint8_t *data = heap_alloc(&side->heap, count * len);
    struct retained_block *block = retained_block_new(&side->heap, data, count * len);
    struct retained_run run = {.topic = side->topics[topic], .channel = &side->channel, .block = block, .len = len};
    size_t step = side->is_whole ? count : 1;
    size_t i;

    for (i = 0; i < count; i++)
        memset(data + i * len, (int)(number + i), len);
    for (i = 0; i < count; i += step) {
        uint64_t first = side->log.next;
        size_t done;

        run.bytes = data + i * len;
        run.count = step;
        CU_ASSERT_EQUAL(retained_append_run(&side->log, &run, &done), MAIKO_OK);
        CU_ASSERT_EQUAL(done, step);
        offer(side, first, policies[topic], now);
    }
    retained_block_unref(block);
    retained_evict(&side->log);
    stream_trim(&side->stream);
}

static void check_events(const struct retained_entry *a, uint8_t a_index, const struct retained_entry *b, uint8_t b_index)
{
    CU_ASSERT_EQUAL_FATAL(a->len, b->len);
    CU_ASSERT_EQUAL(memcmp(retained_bytes(a, a_index), retained_bytes(b, b_index), a->len), 0);
    CU_ASSERT_EQUAL(a->position + a_index, b->position + b_index);
    CU_ASSERT(a->count <= RETAINED_SHARED_EVENTS && (a->count == 1 || (size_t)a->count * a->len <= RETAINED_SHARED_BYTES));
    CU_ASSERT_EQUAL(b->count, 1);
}

static void check_logs(const struct retained *a, const struct retained *b)
{
    uint64_t position;
    uint32_t i;

    CU_ASSERT_EQUAL(a->bytes, b->bytes);
    CU_ASSERT_EQUAL_FATAL(a->first, b->first);
    CU_ASSERT_EQUAL_FATAL(a->next, b->next);
    for (position = a->first; position < a->next; position++) {
        const struct retained_entry *entry = retained_at(a, position);

        check_events(entry, retained_index(entry, position), retained_at(b, position), 0);
    }
    for (i = 0; i < a->topic_count; i++) {
        const struct retained_entry *last = a->topic_list[i]->last;

        CU_ASSERT_EQUAL(a->topic_list[i]->count, b->topic_list[i]->count);
        CU_ASSERT_EQUAL(a->topic_list[i]->holding, b->topic_list[i]->holding);
        CU_ASSERT_EQUAL_FATAL(last == NULL, b->topic_list[i]->last == NULL);
        if (last != NULL)
            check_events(last, (uint8_t)(last->count - 1), b->topic_list[i]->last, 0);
    }
}

static const struct stream_record *record_at(const struct stream *stream, size_t index)
{
    return &stream->records[(stream->head + index) & (stream->capacity - 1)];
}

/* Are those behind a record, as many as it says, events of its entry in a row? */
static void check_run(const struct stream *stream, size_t index)
{
    const struct stream_record *first = record_at(stream, index);
    size_t i;

    CU_ASSERT_FATAL(first->run > 0 && index + first->run <= stream->count);
    for (i = 1; i < first->run; i++) {
        const struct stream_record *record = record_at(stream, index + i);

        CU_ASSERT(record->state == STREAM_EVENT && record->entry == first->entry && record->index == first->index + i);
    }
}

static void check_streams(const struct stream *a, const struct stream *b)
{
    size_t i;

    CU_ASSERT_EQUAL_FATAL(a->count, b->count);
    CU_ASSERT(a->base == b->base && a->sent == b->sent && a->admitted == b->admitted);
    CU_ASSERT(a->admitted_bytes == b->admitted_bytes && a->waiting_bytes == b->waiting_bytes);
    CU_ASSERT(a->holding == b->holding && a->droppable == b->droppable && a->stuck_since == b->stuck_since);
    CU_ASSERT_EQUAL(memcmp(&a->counters, &b->counters, sizeof a->counters), 0);
    for (i = 0; i < a->count; i++) {
        const struct stream_record *one = record_at(a, i);
        const struct stream_record *other = record_at(b, i);

        CU_ASSERT_FATAL(one->state == other->state && one->size == other->size);
        CU_ASSERT(one->is_holding == other->is_holding && one->is_droppable == other->is_droppable);
        if (one->state == STREAM_EVENT)
            check_events(one->entry, one->index, other->entry, other->index);
        if (one->state == STREAM_EVENT)
            check_run(a, i);
        else
            CU_ASSERT(one->lost == other->lost && one->loss == other->loss);
    }
}

/* `part` of a thousand. */
static void use_stream(struct stream *stream, uint32_t what, size_t part, uint64_t now)
{
    size_t unsent = stream->admitted - stream->sent;

    if (what < 4 && stream->is_connected) {
        stream_mark_sent(stream, (unsent * part + 999) / 1000);
    } else if (what < 8 && stream->is_connected) {
        CU_ASSERT_TRUE(stream_acknowledge(stream, stream->base + (stream->sent * part + 999) / 1000, now));
    } else if (what == 8) {
        CU_ASSERT_TRUE(stream_rewind(stream, stream->base + stream->sent * part / 1000));
    } else if (what == 9) {
        if (part < 200)
            stream_disconnect(stream, now);
        else
            stream_connect(stream, now);
    } else if (what == 10 && part < 200) {
        stream_give_up(stream);
    } else if (what == 11) {
        (void)stream_has_recovered(stream);
    }
}

/* What a peer does with its stream, chosen once and done on both sides. */
static void use_streams(struct side *sides, uint64_t now)
{
    uint32_t what = below(12);
    uint32_t part = below(1000);
    size_t i;

    for (i = 0; i < 2; i++)
        use_stream(&sides[i].stream, what, part, now);
}

static void play(uint64_t seed)
{
    struct side sides[2];
    uint64_t number = 0;
    uint64_t step;

    chance = seed;
    side_open(&sides[0], true);
    side_open(&sides[1], false);
    for (step = 1; step <= STEPS; step++) {
        if (below(3) == 0) {
            uint32_t topic = below(TOPICS);
            size_t count = 1 + below(below(4) == 0 ? 100 : 6);
            size_t len = 1 + below(below(4) == 0 ? 3000 : 200);

            append(&sides[0], topic, number, count, len, step);
            append(&sides[1], topic, number, count, len, step);
            number += count;
        } else {
            use_streams(sides, step);
        }
        check_logs(&sides[0].log, &sides[1].log);
        check_streams(&sides[0].stream, &sides[1].stream);
    }
    side_close(&sides[0]);
    side_close(&sides[1]);
}

static void events_that_share_an_entry_go_the_ways_of_single_ones(void)
{
    uint64_t seed;

    for (seed = 1; seed <= ROUNDS; seed++)
        play(seed);
}

/* A log of one event, whose stream and last value refer to others: they take no more than their entries do. */
static void what_outlives_the_log_keeps_no_more_than_its_entry(void)
{
    enum { COUNT = 500, LEN = 100, PER_ENTRY = RETAINED_SHARED_EVENTS * LEN };
    const struct stream_record *first;
    struct side side;
    long before;

    side_open(&side, true);
    append(&side, 2, 0, COUNT, LEN, 1); /* the window takes the first ones, and the log lets go of most */
    CU_ASSERT_EQUAL(side.stream.count, WINDOW_EVENTS + 1);
    stream_mark_sent(&side.stream, WINDOW_EVENTS + 1);
    while (side.log.first < side.log.next)
        CU_ASSERT_TRUE(retained_give_up(&side.log));
    before = atomic_load(&side.memory.bytes_out);
    CU_ASSERT_TRUE(stream_acknowledge(&side.stream, WINDOW_EVENTS - 1, 2)); /* one event and the loss are left */
    CU_ASSERT(before - atomic_load(&side.memory.bytes_out) >= (WINDOW_EVENTS - RETAINED_SHARED_EVENTS) * LEN - PER_ENTRY);
    first = record_at(&side.stream, 0);
    CU_ASSERT_EQUAL(retained_bytes(first->entry, first->index)[0], WINDOW_EVENTS - 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(side.topics[2]->last);
    CU_ASSERT(side.topics[2]->last->block->size <= 2 * PER_ENTRY);
    CU_ASSERT(side.log.kept_bytes <= sizeof(struct retained_entry) + PER_ENTRY);
    CU_ASSERT_EQUAL(retained_bytes(side.topics[2]->last, (uint8_t)(side.topics[2]->last->count - 1))[0], (COUNT - 1) & 255);
    side_close(&side);
}

enum { LASTS = 50, SHORT = 64 };

/* Runs of as many topics as have last values, the first of which somebody refers to as long as `is_read`. */
static void append_lasts(struct side *side, struct retained_topic **topics, bool is_read, struct retained_entry **read)
{
    size_t i;

    for (i = 0; i < LASTS; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "last/%zu", i);
        CU_ASSERT_EQUAL_FATAL(retained_topic(&side->log, name, MAIKO_BLOCK, &topics[i]), MAIKO_OK);
        side->topics[0] = topics[i];
        append(side, 0, i, RETAINED_SHARED_EVENTS, SHORT, 1);
        read[i] = is_read ? retained_ref(topics[i]->last) : NULL;
    }
}

/* The log goes on until it has nothing of them any more. */
static void roll_over(struct side *side)
{
    uint64_t end = side->log.next;

    while (side->log.first < end)
        append(side, 1, 0, RETAINED_SHARED_EVENTS, SHORT, 1);
}

static void keep_lasts(bool is_read, bool has_memory)
{
    struct retained_topic *topics[LASTS];
    struct retained_entry *read[LASTS];
    struct side side;
    size_t i;

    side_open(&side, true);
    side.log.max_bytes = (size_t)1 << 20;
    append_lasts(&side, topics, is_read, read);
    side.log.max_bytes = 2 * LASTS * (sizeof(struct retained_entry) + SHORT);
    stream_restart(&side.stream, 2);
    if (!has_memory)
        failing_allocator_fail_from(&side.memory, 0);
    retained_evict(&side.log);
    failing_allocator_fail_nth(&side.memory, -1);
    roll_over(&side);
    for (i = 0; i < LASTS; i++) {
        struct retained_entry *last = topics[i]->last;

        CU_ASSERT(last != NULL || !has_memory);
        if (last != NULL)
            CU_ASSERT_EQUAL(retained_bytes(last, (uint8_t)(last->count - 1))[0], i + RETAINED_SHARED_EVENTS - 1);
        if (is_read) {
            CU_ASSERT_EQUAL(retained_bytes(read[i], 0)[0], i);
            retained_unref(&side.log, read[i]);
        }
    }
    CU_ASSERT(side.log.kept_bytes <= side.log.max_bytes);
    CU_ASSERT(!has_memory || side.log.kept_bytes == LASTS * (sizeof(struct retained_entry) + SHORT));
    CU_ASSERT(!has_memory || side.log.forgotten == 0);
    side_close(&side);
}

/* What shared its entry is neither kept nor counted. */
static void last_values_take_the_room_of_one_event(void)
{
    keep_lasts(false, true);
    keep_lasts(true, true);
    keep_lasts(false, false);
    keep_lasts(true, false);
}

/* A reader that acknowledges one event at a time gets one of each run. */
static void a_slow_reader_keeps_no_more_than_it_gets(void)
{
    struct side side;
    size_t kept = 0;
    size_t i;

    side_open(&side, true);
    for (i = 0; i < (size_t)8 * WINDOW_EVENTS; i++) {
        append(&side, 2, i * RETAINED_SHARED_EVENTS, RETAINED_SHARED_EVENTS, SHORT, 1);
        stream_mark_sent(&side.stream, side.stream.admitted - side.stream.sent);
        if (side.stream.admitted == WINDOW_EVENTS)
            CU_ASSERT_TRUE(stream_acknowledge(&side.stream, side.stream.base + 1, 1));
    }
    for (i = 0; i < side.stream.count; i++) {
        const struct stream_record *record = record_at(&side.stream, i);

        kept += record->state == STREAM_EVENT ? record->entry->count : 0;
    }
    CU_ASSERT(side.stream.count >= WINDOW_EVENTS - 1);
    CU_ASSERT(kept < 2 * WINDOW_EVENTS);
    side_close(&side);
}

static const struct test_case cases[] = {
    TEST_CASE(events_that_share_an_entry_go_the_ways_of_single_ones),
    TEST_CASE(what_outlives_the_log_keeps_no_more_than_its_entry),
    TEST_CASE(last_values_take_the_room_of_one_event),
    TEST_CASE(a_slow_reader_keeps_no_more_than_it_gets),
};
SUITE_MAIN("alike", cases)
