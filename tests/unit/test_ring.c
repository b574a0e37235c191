/* Ring: batches come out as they went in, through segments of every size, on one thread and on two. */
#include <pthread.h>
#include <string.h>

#include "lib/dice.h"
#include "lib/failing_allocator.h"
#include "lib/suite.h"
#include "runtime/ring.h"

enum { RECORDS = 20000, LARGEST = 900, LINE = 64 };

struct fixture {
    struct failing_allocator memory;
    struct heap heap;
    struct ring *ring;
    struct dice writer; /* the same numbers on both sides: what is written is what is expected */
    struct dice reader;
    _Atomic uint64_t published;
    uint64_t flush;
    uint64_t written;
    uint64_t read;
    uint64_t events;
};

static void init(struct fixture *fixture, uint64_t seed, size_t segment_bytes)
{
    memset(fixture, 0, sizeof *fixture);
    failing_allocator_init(&fixture->memory);
    heap_init(&fixture->heap, &fixture->memory.allocator, 0);
    dice_init_seeded(&fixture->writer, seed);
    dice_init_seeded(&fixture->reader, seed);
    fixture->ring = ring_new(&fixture->heap, segment_bytes);
    CU_ASSERT_PTR_NOT_NULL_FATAL(fixture->ring);
}

static void deinit(struct fixture *fixture)
{
    ring_free(fixture->ring);
    CU_ASSERT(failing_allocator_is_balanced(&fixture->memory));
}

struct record {
    enum ring_kind kind;
    size_t size;
    uint8_t fill;
};

static struct record next_record(struct dice *dice)
{
    struct record record = {.kind = dice_percent(dice, 20) ? RING_COMMAND : RING_EVENT};

    record.size = 1 + dice_below(dice, dice_percent(dice, 5) ? LARGEST : 64);
    record.fill = (uint8_t)dice_throw(dice);
    return record;
}

static void write_one(struct fixture *fixture)
{
    struct record record = next_record(&fixture->writer);
    struct ring_record *room = ring_reserve(fixture->ring, record.kind, record.size, 3);

    if (room == NULL) {
        SUITE_FAIL("no room for record %llu", (unsigned long long)fixture->written);
        return;
    }
    memset(ring_begin_record(room, record.kind, record.size), record.fill, record.size);
    fixture->written++;
}

static void close_batch(struct fixture *fixture)
{
    uint64_t deps[3] = {fixture->flush + 1, 2 * fixture->flush, 7};

    fixture->flush++;
    if (ring_has_open_batch(fixture->ring))
        ring_close_batch(fixture->ring, fixture->flush, deps);
    atomic_store_explicit(&fixture->published, fixture->flush, memory_order_release);
}

static bool read_one(struct fixture *fixture)
{
    struct record expected = next_record(&fixture->reader);
    struct ring_record *record = ring_next(fixture->ring);
    const uint8_t *body = (const uint8_t *)(record + 1);
    size_t i;

    for (i = 0; i < expected.size && body[i] == expected.fill; i++)
        ;
    fixture->read++;
    fixture->events += expected.kind == RING_EVENT;
    return record->kind == expected.kind && ring_body_size(record) == expected.size && i == expected.size;
}

/* All that is published; false when something came out otherwise than it went in. */
static bool read_all(struct fixture *fixture, uint64_t published)
{
    struct ring_batch *batch;
    bool is_good = true;

    while (is_good && (batch = ring_open_batch(fixture->ring, published)) != NULL) {
        uint64_t flush = ring_flush_of(batch);
        uint32_t left = batch->records;

        is_good = batch->dep_count == 3 && batch->deps[0] == flush && batch->deps[1] == 2 * (flush - 1) && batch->deps[2] == 7 &&
                  (uintptr_t)batch % LINE == 0;
        for (; left > 0 && is_good; left--) /* what comes within a batch, such as a command, finds no batch there */
            is_good = ring_open_batch(fixture->ring, published) == NULL && read_one(fixture);
    }
    ring_confirm(fixture->ring, published);
    return is_good;
}

static void play(uint64_t seed, size_t segment_bytes)
{
    struct fixture fixture;
    struct dice dice;

    init(&fixture, seed, segment_bytes);
    dice_init_seeded(&dice, seed + 1);
    while (fixture.written < RECORDS / 20) {
        size_t count = dice_below(&dice, 12);

        while (count-- > 0)
            write_one(&fixture);
        close_batch(&fixture);
        if (dice_percent(&dice, 40) && !read_all(&fixture, fixture.flush - dice_below(&dice, 2)))
            SUITE_FAIL("seed %llu, segments of %zu: record %llu came out otherwise", (unsigned long long)seed, segment_bytes,
                       (unsigned long long)fixture.read);
    }
    CU_ASSERT(read_all(&fixture, fixture.flush));
    CU_ASSERT_EQUAL(fixture.read, fixture.written);
    CU_ASSERT_EQUAL(ring_events_under_way(fixture.ring), 0);
    CU_ASSERT_EQUAL(ring_bytes_under_way(fixture.ring), 0);
    deinit(&fixture);
}

static void batches_come_out_as_they_went_in(void)
{
    uint64_t seed;

    for (seed = 1; seed <= suite_scale(300, 10000); seed++)
        play(seed, 64 + 8 * (seed % 200));
    play(seed, RING_SEGMENT_BYTES);
}

static void what_is_not_published_is_not_read(void)
{
    struct fixture fixture;

    init(&fixture, 1, 256);
    CU_ASSERT_PTR_NULL(ring_open_batch(fixture.ring, 0));
    write_one(&fixture);
    CU_ASSERT_PTR_NULL(ring_open_batch(fixture.ring, 5));
    close_batch(&fixture);
    CU_ASSERT_PTR_NULL(ring_open_batch(fixture.ring, 0));
    CU_ASSERT(read_all(&fixture, 1));
    CU_ASSERT_EQUAL(fixture.read, 1);
    deinit(&fixture);
}

/* What is alone in its flush is there without the publication. */
static void a_batch_that_is_alone_says_so_itself(void)
{
    struct fixture fixture;
    uint64_t flush;

    init(&fixture, 1, 256);
    for (flush = 5; flush < 300; flush++) { /* through many segments */
        const uint64_t expected[3] = {flush, 2 * (flush - 1), 7};

        CU_ASSERT_EQUAL(ring_peek(fixture.ring), 0);
        write_one(&fixture);
        CU_ASSERT_EQUAL(ring_peek(fixture.ring), 0);
        ring_close_batch(fixture.ring, flush == 5 ? flush : flush | RING_ALONE, expected);
        CU_ASSERT_EQUAL(ring_peek(fixture.ring), flush == 5 ? flush : flush | RING_ALONE);
        CU_ASSERT_PTR_NULL(ring_open_batch(fixture.ring, flush - 1));
        CU_ASSERT(read_all(&fixture, flush));
    }
    CU_ASSERT_EQUAL(fixture.read, 295);
    deinit(&fixture);
}

static void segments_are_used_again(void)
{
    struct fixture fixture;
    long blocks = 0;
    int i;

    init(&fixture, 3, 512);
    for (i = 0; i < 3000; i++) {
        write_one(&fixture);
        close_batch(&fixture);
        CU_ASSERT(read_all(&fixture, fixture.flush));
        if (i == 1000)
            blocks = atomic_load(&fixture.memory.blocks_out);
    }
    CU_ASSERT(atomic_load(&fixture.memory.blocks_out) <= blocks + 1);
    deinit(&fixture);
}

/* A reserve that fails changes nothing: what was written before and after it comes out. */
static void a_failed_allocation_changes_nothing(void)
{
    struct fixture fixture;
    int i;

    init(&fixture, 5, 128);
    for (i = 0; i < 400; i++) {
        struct dice before = fixture.writer;
        struct record record = next_record(&fixture.writer);
        struct ring_record *room;

        failing_allocator_fail_from(&fixture.memory, i % 3 == 0 ? 0 : -1);
        room = ring_reserve(fixture.ring, record.kind, record.size, 3);
        failing_allocator_fail_nth(&fixture.memory, -1);
        fixture.writer = before;
        if (room == NULL)
            write_one(&fixture);
        else
            memset(ring_begin_record(room, record.kind, record.size), record.fill, record.size), fixture.written++,
                (void)next_record(&fixture.writer);
        if (i % 5 == 0)
            close_batch(&fixture);
    }
    close_batch(&fixture);
    CU_ASSERT(read_all(&fixture, fixture.flush));
    CU_ASSERT_EQUAL(fixture.read, fixture.written);
    deinit(&fixture);
}

static void *write_many(void *arg)
{
    struct fixture *fixture = arg;
    struct dice dice;

    dice_init_seeded(&dice, 99);
    while (fixture->written < RECORDS) {
        size_t count = 1 + dice_below(&dice, 9);

        while (count-- > 0 && fixture->written < RECORDS)
            write_one(fixture);
        close_batch(fixture);
    }
    return NULL;
}

static void one_thread_writes_while_another_reads(void)
{
    struct fixture fixture;
    pthread_t writer;
    bool is_good = true;

    init(&fixture, 7, 1024);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&writer, NULL, write_many, &fixture), 0);
    while (is_good && fixture.read < RECORDS)
        is_good = read_all(&fixture, atomic_load_explicit(&fixture.published, memory_order_acquire));
    CU_ASSERT(is_good);
    pthread_join(writer, NULL);
    CU_ASSERT_EQUAL(ring_events_under_way(fixture.ring), 0);
    deinit(&fixture);
}

/* The writer looks at the reader's position only when it has to: what it knows may be old, but never too far. */
static void the_mark_follows_the_reader(void)
{
    struct fixture fixture;
    int round;

    init(&fixture, 5, RING_SEGMENT_BYTES);
    for (round = 0; round < 3; round++) {
        while (ring_events_under_way(fixture.ring) < 8) {
            CU_ASSERT_FALSE(ring_is_above(fixture.ring, 8, UINT64_MAX));
            write_one(&fixture);
        }
        close_batch(&fixture);
        CU_ASSERT(ring_is_above(fixture.ring, 8, UINT64_MAX) && !ring_is_above(fixture.ring, 9, UINT64_MAX));
        CU_ASSERT(ring_is_above(fixture.ring, 9, ring_bytes_under_way(fixture.ring)));
        CU_ASSERT(read_all(&fixture, fixture.flush));
        CU_ASSERT_FALSE(ring_is_above(fixture.ring, 1, 1));
    }
    deinit(&fixture);
}

/* A reader that keeps up and its writer go round in what the first caches of both hold; for one that is behind they are large. */
static void who_keeps_up_needs_two_small_segments(void)
{
    enum { SMALL = 4096 };
    struct fixture fixture;
    size_t round;

    init(&fixture, 5, RING_SEGMENT_BYTES);
    for (round = 0; round < 10 * RING_SEGMENT_BYTES / RING_LINE; round++) {
        write_one(&fixture);
        close_batch(&fixture);
        CU_ASSERT(fixture.ring->tail->size <= SMALL);
        CU_ASSERT(read_all(&fixture, fixture.flush));
    }
    CU_ASSERT(fixture.ring->segments_made > 10);
    while (ring_bytes_under_way(fixture.ring) < RING_SEGMENT_BYTES)
        write_one(&fixture);
    CU_ASSERT_EQUAL(fixture.ring->tail->size, RING_SEGMENT_BYTES);
    close_batch(&fixture);
    CU_ASSERT(read_all(&fixture, fixture.flush));
    deinit(&fixture);
}

/* Nobody who flushes would know of an open batch with nothing in it, and later it would say too little about what was read: it is
 * of a time with fewer shards. */
static void without_memory_for_its_first_record_no_batch_is_open(void)
{
    enum { SEGMENT = 512, TOO_LARGE = 600 };
    struct fixture fixture;
    uint64_t round;

    init(&fixture, 1, SEGMENT);
    for (round = 0; round < 200; round++) {
        failing_allocator_fail_from(&fixture.memory, 0);
        CU_ASSERT_PTR_NULL(ring_reserve(fixture.ring, RING_EVENT, (1 + round) * TOO_LARGE, 2));
        CU_ASSERT_FALSE(ring_has_open_batch(fixture.ring));
        failing_allocator_fail_nth(&fixture.memory, -1);
        write_one(&fixture);
        close_batch(&fixture);
        CU_ASSERT_TRUE(read_all(&fixture, fixture.flush));
    }
    CU_ASSERT_EQUAL(fixture.read, fixture.written);
    deinit(&fixture);
}

static const struct test_case cases[] = {
    TEST_CASE(batches_come_out_as_they_went_in),
    TEST_CASE(what_is_not_published_is_not_read),
    TEST_CASE(a_batch_that_is_alone_says_so_itself),
    TEST_CASE(segments_are_used_again),
    TEST_CASE(the_mark_follows_the_reader),
    TEST_CASE(who_keeps_up_needs_two_small_segments),
    TEST_CASE(a_failed_allocation_changes_nothing),
    TEST_CASE(without_memory_for_its_first_record_no_batch_is_open),
    TEST_CASE(one_thread_writes_while_another_reads),
};
SUITE_MAIN("ring", cases)
