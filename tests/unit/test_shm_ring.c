/* Shared ring: what is written comes out, in order, or is told as lost; sleepers are woken; chunks come back. */
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/shm_pair.h"
#include "lib/suite.h"

enum { RING = SHM_RING_BYTES_MIN };

static unsigned char copied[SHM_BODY_MAX];

/* ---- helpers ---- */

static struct shm_event small_event(uint64_t number)
{
    return (struct shm_event){.kind = SHM_RECORD_EVENT, .id_lo = number, .len = sizeof(number)};
}

static maiko_status write_number(struct shm_writer *writer, uint64_t number)
{
    struct shm_event event = small_event(number);
    void *payload;
    maiko_status status = shm_writer_reserve(writer, &event, &payload);

    if (status != MAIKO_OK)
        return status;
    memcpy(payload, &number, sizeof(number));
    shm_writer_commit(writer);
    return MAIKO_OK;
}

/* For a reader and a writer that do not sleep. */
static void publish(struct shm_writer *writer)
{
    bool must_wake = shm_writer_publish(writer);

    (void)must_wake;
}

static void confirm(struct shm_reader *reader, uint64_t acknowledged)
{
    bool must_wake = shm_reader_confirm(reader, acknowledged);

    (void)must_wake;
}

/* Fills the ring; how many records went in. */
static uint64_t fill(struct shm_writer *writer)
{
    uint64_t count = 0;

    while (write_number(writer, count) == MAIKO_OK)
        count++;
    publish(writer);
    return count;
}

/* Reads everything; how many events there were. */
static uint64_t drain(struct shm_reader *reader)
{
    struct shm_record record;
    uint64_t count = 0;

    while (shm_reader_peek(reader, &record) == MAIKO_OK) {
        count += record.kind == SHM_RECORD_EVENT;
        shm_reader_next(reader);
    }
    return count;
}

/* ---- order ---- */

/* Reads one record and compares; losses must be those that were noted. */
static bool read_one(struct shm_pair *pair, struct dice *expected, uint64_t *lost)
{
    struct shm_record record;
    struct shm_draft draft;
    bool is_equal = true;

    if (shm_reader_peek(&pair->reader, &record) != MAIKO_OK)
        return false;
    *lost += record.loss.count;
    if (record.kind != SHM_RECORD_LOST) {
        draft = shm_draft_throw(expected);
        is_equal = shm_draft_equals(&draft, &record, copied);
    }
    shm_reader_next(&pair->reader);
    if (record.is_chunk)
        shm_reader_return(&pair->reader, record.slot);
    if (!is_equal)
        SUITE_FAIL("position %llu came out otherwise", (unsigned long long)record.position);
    return is_equal;
}

static void play(uint64_t seed)
{
    struct shm_pair pair;
    struct dice dice;
    struct dice drafts;
    struct dice expected;
    struct shm_draft draft;
    uint64_t lost = 0;
    uint64_t told = 0;
    int written = 0;

    dice_init_seeded(&dice, seed);
    dice_init_seeded(&drafts, seed + 1);
    dice_init_seeded(&expected, seed + 1);
    shm_pair_init(&pair, RING, seed);
    draft = shm_draft_throw(&drafts);
    while (written < 400 && pair.reader.broken == NULL && pair.writer.broken == NULL) {
        if (shm_draft_write(&pair, &draft) == MAIKO_OK) {
            draft = shm_draft_throw(&drafts);
            written++;
        } else {
            publish(&pair.writer);
        }
        if (dice_percent(&dice, 5)) {
            shm_writer_lose(&pair.writer, 1, (uint32_t)dice_below(&dice, SHM_LOSS_REASONS));
            lost++;
        }
        if (dice_percent(&dice, 20))
            publish(&pair.writer);
        while (dice_percent(&dice, 60) && read_one(&pair, &expected, &told))
            ;
        if (dice_percent(&dice, 30))
            confirm(&pair.reader, pair.reader.position);
    }
    do {
        publish(&pair.writer);
        while (read_one(&pair, &expected, &told))
            ;
        confirm(&pair.reader, pair.reader.position);
    } while (shm_writer_tell_loss(&pair.writer) == MAIKO_EFULL || shm_writer_has_batch(&pair.writer));
    CU_ASSERT_EQUAL(written, 400);
    CU_ASSERT_EQUAL(told, lost);
    CU_ASSERT_EQUAL(pair.reader.position, pair.writer.position);
    CU_ASSERT_EQUAL(shm_writer_refresh(&pair.writer), MAIKO_OK);
    CU_ASSERT_EQUAL(pair.writer.acknowledged, pair.writer.position);
    CU_ASSERT_EQUAL(shm_writer_used(&pair.writer), 0);
    CU_ASSERT_EQUAL(shm_lending_collect(&pair.lending, &pair.writer), MAIKO_OK);
    CU_ASSERT_EQUAL(pair.lending.count, 0);
    shm_pair_deinit(&pair);
}

static void records_come_out_as_they_went_in(void)
{
    uint64_t seed;

    for (seed = 1; seed <= suite_scale(100, 3000); seed++)
        play(seed);
}

static void what_is_not_published_is_not_read(void)
{
    struct shm_pair pair;
    struct shm_record record;

    shm_pair_init(&pair, RING, 0);
    CU_ASSERT_EQUAL(write_number(&pair.writer, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(shm_reader_peek(&pair.reader, &record), MAIKO_ENOTFOUND);
    CU_ASSERT_FALSE(shm_writer_publish(&pair.writer));
    CU_ASSERT_EQUAL(shm_reader_peek(&pair.reader, &record), MAIKO_OK);
    CU_ASSERT_EQUAL(record.id_lo, 1);
    CU_ASSERT_EQUAL(shm_reader_peek(&pair.reader, &record), MAIKO_OK); /* looking does not take */
    CU_ASSERT_EQUAL(drain(&pair.reader), 1);
    shm_pair_deinit(&pair);
}

static void an_aborted_record_was_never_there(void)
{
    struct shm_pair pair;
    struct shm_event event = small_event(1);
    struct shm_record record;
    void *payload;

    shm_pair_init(&pair, RING, 0);
    shm_writer_lose(&pair.writer, 3, 1);
    CU_ASSERT_EQUAL(shm_writer_reserve(&pair.writer, &event, &payload), MAIKO_OK);
    memset(payload, 0xff, event.len);
    shm_writer_abort(&pair.writer);
    CU_ASSERT_FALSE(shm_writer_has_batch(&pair.writer));
    CU_ASSERT_EQUAL(write_number(&pair.writer, 2), MAIKO_OK);
    publish(&pair.writer);
    CU_ASSERT_EQUAL(shm_reader_peek(&pair.reader, &record), MAIKO_OK);
    CU_ASSERT_EQUAL(record.id_lo, 2);
    CU_ASSERT_EQUAL(record.position, 3);
    CU_ASSERT_EQUAL(record.loss.count, 3);
    CU_ASSERT_EQUAL(record.loss.reason, 1);
    shm_pair_deinit(&pair);
}

static void a_full_ring_refuses_and_loses_nothing(void)
{
    struct shm_pair pair;
    struct shm_event large = small_event(0);
    void *payload;
    uint64_t count;

    shm_pair_init(&pair, RING, 0);
    count = fill(&pair.writer);
    CU_ASSERT(count > RING / 100);
    CU_ASSERT_EQUAL(write_number(&pair.writer, 0), MAIKO_EFULL);
    CU_ASSERT_EQUAL(drain(&pair.reader), count);
    CU_ASSERT_EQUAL(write_number(&pair.writer, 0), MAIKO_EFULL); /* read, but not confirmed */
    confirm(&pair.reader, 0);
    CU_ASSERT_EQUAL(write_number(&pair.writer, 0), MAIKO_OK);
    large.len = SHM_BODY_MAX + 1;
    CU_ASSERT_EQUAL(shm_writer_reserve(&pair.writer, &large, &payload), MAIKO_ETOOLONG);
    shm_pair_deinit(&pair);
}

static void every_loss_keeps_its_reason_and_takes_positions(void)
{
    struct shm_pair pair;
    struct shm_record record;
    uint64_t by_reason[SHM_LOSS_REASONS] = {0};

    shm_pair_init(&pair, RING, 100);
    shm_writer_lose(&pair.writer, 5, 0);
    shm_writer_lose(&pair.writer, 7, 2);
    shm_writer_lose(&pair.writer, 1, 0);
    CU_ASSERT_EQUAL(write_number(&pair.writer, 1), MAIKO_OK);
    shm_writer_lose(&pair.writer, 9, 3);
    CU_ASSERT_EQUAL(shm_writer_tell_loss(&pair.writer), MAIKO_OK);
    CU_ASSERT_EQUAL(shm_writer_tell_loss(&pair.writer), MAIKO_OK); /* nothing more to tell */
    publish(&pair.writer);
    while (shm_reader_peek(&pair.reader, &record) == MAIKO_OK) {
        if (record.loss.count > 0)
            by_reason[record.loss.reason] += record.loss.count;
        if (record.kind == SHM_RECORD_EVENT)
            CU_ASSERT_EQUAL(record.position, 113);
        shm_reader_next(&pair.reader);
    }
    CU_ASSERT_EQUAL(by_reason[0], 6);
    CU_ASSERT_EQUAL(by_reason[1], 0);
    CU_ASSERT_EQUAL(by_reason[2], 7);
    CU_ASSERT_EQUAL(by_reason[3], 9);
    CU_ASSERT_EQUAL(pair.reader.position, 123);
    CU_ASSERT_EQUAL(pair.writer.position, 123);
    shm_pair_deinit(&pair);
}

/* ---- runs ---- */

enum { RUN_LEN = 13 };

/* So many numbered events alike, as the writer takes them; how many of them went the short way. */
static uint64_t put_numbers(struct shm_writer *writer, uint64_t from, uint32_t count, uint32_t len)
{
    const struct shm_run run = {.channel = 5, .len = len, .id_lo = from, .time_ns = 7};
    void *payloads;
    uint32_t taken = shm_writer_put(writer, &run, count, &payloads);
    uint32_t i;

    CU_ASSERT_FATAL(taken <= count);
    for (i = 0; i < taken; i++)
        memset((unsigned char *)payloads + i * shm_run_stride(len), (int)((from + i) & 0xff), len);
    return taken;
}

static bool is_number(const struct shm_record *record, uint32_t nth, uint32_t len)
{
    const unsigned char *payload = (const unsigned char *)record->payload + nth * shm_run_stride(len);
    uint32_t i;

    for (i = 0; i < len && payload[i] == ((record->id_lo + nth) & 0xff); i++)
        ;
    return i == len && record->kind == SHM_RECORD_EVENT && record->len == len && record->channel == 5 && record->time_ns == 7;
}

static void make_room(struct shm_writer *writer)
{
    CU_ASSERT_EQUAL(write_number(writer, 0), MAIKO_OK); /* the long way, once: there is none before the first look */
}

static void a_run_comes_out_one_by_one_or_at_once(void)
{
    struct shm_pair pair;
    struct shm_record record;
    uint32_t taken;

    shm_pair_init(&pair, RING, 40);
    make_room(&pair.writer);
    CU_ASSERT_EQUAL(put_numbers(&pair.writer, 1, 10, RUN_LEN), 10);
    CU_ASSERT_EQUAL(pair.writer.head % 64, 0); /* the next record shares no line with it */
    publish(&pair.writer);
    CU_ASSERT_EQUAL(shm_reader_peek(&pair.reader, &record), MAIKO_OK);
    shm_reader_next(&pair.reader);
    for (taken = 0; taken < 4; taken++) {
        CU_ASSERT_EQUAL(shm_reader_peek(&pair.reader, &record), MAIKO_OK);
        CU_ASSERT_EQUAL(shm_reader_peek(&pair.reader, &record), MAIKO_OK); /* looking does not take */
        CU_ASSERT_EQUAL(record.id_lo, 1 + taken);
        CU_ASSERT_EQUAL(record.position, 41 + taken);
        CU_ASSERT_EQUAL(record.alike, 9 - taken);
        CU_ASSERT(is_number(&record, 0, RUN_LEN));
        shm_reader_next(&pair.reader);
        confirm(&pair.reader, pair.reader.position); /* also within a run */
        CU_ASSERT_EQUAL(shm_writer_refresh(&pair.writer), MAIKO_OK);
    }
    CU_ASSERT_EQUAL(shm_reader_peek(&pair.reader, &record), MAIKO_OK);
    for (taken = 0; taken <= record.alike; taken++)
        CU_ASSERT(is_number(&record, taken, RUN_LEN));
    CU_ASSERT_EQUAL(taken, 6);
    shm_reader_next_run(&pair.reader);
    CU_ASSERT_EQUAL(shm_reader_peek(&pair.reader, &record), MAIKO_ENOTFOUND);
    CU_ASSERT_EQUAL(pair.reader.position, pair.writer.position);
    CU_ASSERT_EQUAL(pair.reader.tail, pair.writer.head);
    shm_pair_deinit(&pair);
}

static void a_run_is_no_longer_than_what_fits(void)
{
    struct shm_pair pair;
    struct shm_record record;

    shm_pair_init(&pair, RING, 0);
    CU_ASSERT_EQUAL(put_numbers(&pair.writer, 0, 3, 8), 0); /* room is found the long way */
    make_room(&pair.writer);
    CU_ASSERT_EQUAL(put_numbers(&pair.writer, 1, UINT32_MAX, 64), SHM_BODY_MAX / 64);
    CU_ASSERT_EQUAL(put_numbers(&pair.writer, 2, 100, 0), 1); /* without a payload each is a record */
    CU_ASSERT_EQUAL(put_numbers(&pair.writer, 3, 100, SHM_BODY_MAX), 1);
    CU_ASSERT_EQUAL(put_numbers(&pair.writer, 4, 100, SHM_BODY_MAX + 1), 0);
    shm_writer_lose(&pair.writer, 1, 0);
    CU_ASSERT_EQUAL(put_numbers(&pair.writer, 5, 2, 8), 0); /* a loss is told before */
    publish(&pair.writer);
    CU_ASSERT_EQUAL(drain(&pair.reader), 1 + SHM_BODY_MAX / 64 + 1 + 1);
    CU_ASSERT_EQUAL(shm_reader_peek(&pair.reader, &record), MAIKO_ENOTFOUND);
    shm_pair_deinit(&pair);
}

/* Runs and single records by turns, round the ring, each read as one of three. */
static void runs_go_round_the_ring(void)
{
    struct shm_pair pair;
    struct shm_record record;
    struct dice dice;
    uint64_t written = 0;
    uint64_t read = 0;
    uint32_t i;

    shm_pair_init(&pair, RING, 0);
    dice_init_seeded(&dice, 11);
    while (written < suite_scale(100000, 3000000)) {
        uint64_t some = put_numbers(&pair.writer, written, 1 + (uint32_t)dice_below(&dice, 200), RUN_LEN);

        if (some == 0) {
            const struct shm_event event = {
                .kind = SHM_RECORD_EVENT, .channel = 5, .id_lo = written, .time_ns = 7, .len = RUN_LEN};
            void *payload;

            some = shm_writer_reserve(&pair.writer, &event, &payload) == MAIKO_OK;
            if (some > 0)
                memset(payload, (int)(written & 0xff), RUN_LEN);
            if (some > 0)
                shm_writer_commit(&pair.writer);
        }
        written += some;
        if (some > 0 && dice_percent(&dice, 70))
            continue;
        publish(&pair.writer);
        while (shm_reader_peek(&pair.reader, &record) == MAIKO_OK) {
            CU_ASSERT_EQUAL_FATAL(record.id_lo, read);
            CU_ASSERT_EQUAL_FATAL(record.position, read);
            for (i = 0; i <= record.alike; i++)
                CU_ASSERT_FATAL(is_number(&record, i, RUN_LEN));
            if (dice_percent(&dice, 30))
                shm_reader_next(&pair.reader);
            else
                shm_reader_next_run(&pair.reader);
            read = pair.reader.position;
        }
        CU_ASSERT_PTR_NULL_FATAL(pair.reader.broken);
        confirm(&pair.reader, read);
    }
    publish(&pair.writer);
    drain(&pair.reader);
    CU_ASSERT_EQUAL(pair.reader.position, written);
    shm_pair_deinit(&pair);
}

/* ---- sleeping and waking ---- */

static void a_sleeping_reader_is_woken_once(void)
{
    struct shm_pair pair;

    shm_pair_init(&pair, RING, 0);
    CU_ASSERT_TRUE(shm_reader_sleep(&pair.reader));
    CU_ASSERT_EQUAL(write_number(&pair.writer, 1), MAIKO_OK);
    CU_ASSERT_TRUE(shm_writer_publish(&pair.writer));
    CU_ASSERT_EQUAL(write_number(&pair.writer, 2), MAIKO_OK);
    CU_ASSERT_FALSE(shm_writer_publish(&pair.writer)); /* its eventfd is written already */
    shm_reader_awake(&pair.reader);
    CU_ASSERT_FALSE(shm_reader_sleep(&pair.reader)); /* there is something to read */
    CU_ASSERT_EQUAL(drain(&pair.reader), 2);
    CU_ASSERT_EQUAL(write_number(&pair.writer, 3), MAIKO_OK);
    CU_ASSERT_FALSE(shm_writer_publish(&pair.writer)); /* awake */
    CU_ASSERT_FALSE(shm_reader_sleep(&pair.reader));
    CU_ASSERT_EQUAL(drain(&pair.reader), 1);
    CU_ASSERT_TRUE(shm_reader_sleep(&pair.reader));
    CU_ASSERT_EQUAL(write_number(&pair.writer, 4), MAIKO_OK);
    CU_ASSERT_TRUE(shm_writer_publish(&pair.writer));
    shm_pair_deinit(&pair);
}

static void a_waiting_writer_is_woken_by_room(void)
{
    struct shm_pair pair;
    uint64_t count;

    shm_pair_init(&pair, RING, 0);
    count = fill(&pair.writer);
    CU_ASSERT_TRUE(shm_writer_sleep(&pair.writer));
    CU_ASSERT_EQUAL(drain(&pair.reader), count);
    CU_ASSERT_TRUE(shm_reader_confirm(&pair.reader, count));
    CU_ASSERT_FALSE(shm_reader_confirm(&pair.reader, count)); /* once */
    shm_writer_awake(&pair.writer);
    CU_ASSERT_EQUAL(write_number(&pair.writer, 1), MAIKO_OK);
    CU_ASSERT_FALSE(shm_writer_sleep(&pair.writer)); /* it has a batch the reader does not know of */
    shm_pair_deinit(&pair);
}

static void a_waiting_writer_is_woken_by_a_chunk(void)
{
    struct shm_pair pair;
    struct shm_draft draft = {.event = {.kind = SHM_RECORD_EVENT, .len = SHM_PAGE}, .chunk_len = SHM_PAGE, .fill = 1};
    struct shm_record record;

    shm_pair_init(&pair, RING, 0);
    CU_ASSERT_EQUAL(shm_draft_write(&pair, &draft), MAIKO_OK);
    publish(&pair.writer);
    CU_ASSERT_EQUAL(shm_reader_peek(&pair.reader, &record), MAIKO_OK);
    shm_reader_next(&pair.reader);
    CU_ASSERT_FALSE(shm_reader_confirm(&pair.reader, 0));
    CU_ASSERT_FALSE(shm_writer_sleep(&pair.writer)); /* there is room it has not seen */
    CU_ASSERT_TRUE(shm_writer_sleep(&pair.writer));
    shm_reader_return(&pair.reader, record.slot);
    CU_ASSERT_TRUE(shm_reader_confirm(&pair.reader, 0));
    shm_writer_awake(&pair.writer);
    CU_ASSERT_EQUAL(shm_writer_refresh(&pair.writer), MAIKO_OK);
    CU_ASSERT_EQUAL(shm_lending_collect(&pair.lending, &pair.writer), MAIKO_OK);
    CU_ASSERT_EQUAL(pair.lending.count, 0);
    shm_pair_deinit(&pair);
}

/* ---- two threads ---- */

struct traffic {
    struct shm_pair pair;
    int reader_wake; /* eventfds */
    int writer_wake;
    uint64_t records;
    uint64_t seed;
    bool reader_failed;
};

/* In the place of epoll: until the other side writes the eventfd. */
static void wait_for(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    eventfd_t value;

    while (poll(&ready, 1, -1) != 1)
        ;
    (void)eventfd_read(fd, &value);
}

static void writer_flush(struct traffic *traffic)
{
    if (shm_writer_publish(&traffic->pair.writer))
        (void)eventfd_write(traffic->reader_wake, 1);
}

static bool write_waiting(struct traffic *traffic, struct shm_draft *draft)
{
    maiko_status status;

    while ((status = shm_draft_write(&traffic->pair, draft)) == MAIKO_EFULL) {
        writer_flush(traffic);
        if (shm_writer_sleep(&traffic->pair.writer)) {
            wait_for(traffic->writer_wake);
            shm_writer_awake(&traffic->pair.writer);
        }
    }
    return status == MAIKO_OK;
}

static void *reading_thread(void *userdata)
{
    struct traffic *traffic = userdata;
    struct shm_reader *reader = &traffic->pair.reader;
    struct shm_record record;
    struct shm_draft draft;
    struct dice dice;
    uint64_t read = 0;

    dice_init_seeded(&dice, traffic->seed);
    while (read < traffic->records && !traffic->reader_failed) {
        maiko_status status = shm_reader_peek(reader, &record);

        if (status == MAIKO_OK) {
            draft = shm_draft_throw(&dice);
            traffic->reader_failed = !shm_draft_equals(&draft, &record, copied);
            shm_reader_next(reader);
            if (record.is_chunk)
                shm_reader_return(reader, record.slot);
            read++;
        }
        if (status == MAIKO_EPROTOCOL)
            traffic->reader_failed = true;
        if (status == MAIKO_ENOTFOUND || read % 64 == 0 || traffic->reader_failed) {
            if (shm_reader_confirm(reader, reader->position))
                (void)eventfd_write(traffic->writer_wake, 1);
        }
        if (status == MAIKO_ENOTFOUND && shm_reader_sleep(reader)) {
            wait_for(traffic->reader_wake);
            shm_reader_awake(reader);
        }
    }
    if (shm_reader_confirm(reader, reader->position))
        (void)eventfd_write(traffic->writer_wake, 1);
    return NULL;
}

static void two_threads(uint64_t seed, uint64_t batch)
{
    struct traffic traffic = {.seed = seed, .records = suite_scale(20000, 400000) / suite_slowdown()};
    struct shm_draft draft;
    struct dice dice;
    pthread_t thread;
    uint64_t i;

    shm_pair_init(&traffic.pair, RING, 0);
    traffic.reader_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    traffic.writer_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    dice_init_seeded(&dice, seed);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, reading_thread, &traffic), 0);
    for (i = 0; i < traffic.records; i++) {
        draft = shm_draft_throw(&dice);
        if (!write_waiting(&traffic, &draft)) {
            SUITE_FAIL("record %llu: %s", (unsigned long long)i, traffic.pair.writer.broken);
            break;
        }
        if (i % batch == 0)
            writer_flush(&traffic);
    }
    writer_flush(&traffic);
    CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
    CU_ASSERT_FALSE(traffic.reader_failed);
    CU_ASSERT_PTR_NULL(traffic.pair.reader.broken);
    close(traffic.reader_wake);
    close(traffic.writer_wake);
    shm_pair_deinit(&traffic.pair);
}

static void two_threads_agree_and_none_sleeps_for_ever(void)
{
    two_threads(1, 1);
    two_threads(2, 32);
    two_threads(3, 1000000);
}

static const struct test_case cases[] = {
    TEST_CASE(records_come_out_as_they_went_in),
    TEST_CASE(what_is_not_published_is_not_read),
    TEST_CASE(an_aborted_record_was_never_there),
    TEST_CASE(a_full_ring_refuses_and_loses_nothing),
    TEST_CASE(every_loss_keeps_its_reason_and_takes_positions),
    TEST_CASE(a_run_comes_out_one_by_one_or_at_once),
    TEST_CASE(a_run_is_no_longer_than_what_fits),
    TEST_CASE(runs_go_round_the_ring),
    TEST_CASE(a_sleeping_reader_is_woken_once),
    TEST_CASE(a_waiting_writer_is_woken_by_room),
    TEST_CASE(a_waiting_writer_is_woken_by_a_chunk),
    TEST_CASE(two_threads_agree_and_none_sleeps_for_ever),
};

SUITE_MAIN("shm_ring", cases)
