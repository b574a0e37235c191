/* Events of one path that come in as a run (runtime/import_run.h): whole, in order, between others, as far as there is room, and
 * what becomes of the rest of one when the gate is held, memory ends or everything stops. */
#include <maiko/import.h>
#include <string.h>

#include "lib/failing_allocator.h"
#include "lib/stage.h"
#include "lib/suite.h"
#include "runtime/import_run.h"

#define PARCEL_FIELDS(F) F(UINT64, number) F(TAIL, text, BYTES)
MAIKO_EVENT(parcel, "parcel", PARCEL_FIELDS)

enum { PREFIX = 7, HOPS = 3, SHORT = 16, LONG = 3000 };

/* A stage with one reader of parcels and a path to it. */
struct yard {
    struct stage stage;
    struct failing_allocator memory;
    struct player reader;
    maiko_importer *importer;
    maiko_import_path *path;
    uint64_t made;
    uint64_t read;
    uint64_t next; /* the number of the last one plus one */
    uint64_t wrong;
    uint64_t lost; /* for want of memory, by yard_close() */
    maiko_hold *hold; /* of the reader, taken at the event `held_at` */
    uint64_t held_at;
};

static bool is_as_it_was_made(const maiko_envelope *envelope, uint64_t nth)
{
    const parcel *event = maiko_event_as(envelope, parcel);
    const maiko_id id = {PREFIX, nth + 1};
    size_t i;

    for (i = 0; event != NULL && i < event->text_count; i++)
        if (event->text[i] != (uint8_t)(nth + i))
            return false;
    return event != NULL && event->number == nth && maiko_id_equal(maiko_envelope_id(envelope), id) &&
           maiko_id_equal(maiko_envelope_correlation(envelope), id) && maiko_id_is_nil(maiko_envelope_parent(envelope)) &&
           maiko_envelope_time(envelope) == 1000 + nth && maiko_envelope_hops(envelope) == HOPS &&
           strcmp(maiko_envelope_sender(envelope), "far/away") == 0;
}

static maiko_status look(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct yard *yard = player->data;

    const parcel *event = maiko_event_as(envelope, parcel);

    yard->wrong += event->number < yard->next || !is_as_it_was_made(envelope, event->number);
    yard->next = event->number + 1;
    yard->read++;
    return yard->read == yard->held_at ? maiko_hold_new(ctx, &yard->hold) : MAIKO_OK;
}

static void yard_open(struct yard *yard, uint32_t capacity)
{
    memset(yard, 0, sizeof *yard);
    failing_allocator_init(&yard->memory);
    yard->reader.handle = look;
    yard->reader.data = yard;
    stage_open(&yard->stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 1, .allocator = &yard->memory.allocator});
    CU_ASSERT_EQUAL(maiko_supervisor_add(yard->stage.sup, PLAYER("reader", &yard->reader, .capacity = capacity,
                                                                 .subscribe = MAIKO_TOPICS("parcel"))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_new(yard->stage.sup, "yard", NULL, &yard->importer), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_import_path_new(yard->importer, "parcel", MAIKO_TYPE(parcel), "far/away", &yard->path), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(yard->stage.sup), MAIKO_OK);
}

static maiko_status yard_close(struct yard *yard)
{
    maiko_status status;

    maiko_import_path_free(yard->path);
    status = stage_stop(&yard->stage);
    CU_ASSERT_EQUAL(yard->wrong, 0);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&yard->memory));
    yard->lost =
        stage_dropped_for(&yard->stage, MAIKO_DROPPED_NO_MEMORY) + stage_dropped_for(&yard->stage, MAIKO_DROPPED_FAILED);
    stage_close(&yard->stage);
    return status;
}

static void fill(void *room, uint64_t nth, size_t len)
{
    parcel *event = room;
    size_t i;

    event->number = nth;
    event->text_count = len;
    for (i = 0; i < len; i++)
        event->text[i] = (uint8_t)(nth + i);
}

/* Reserves up to `most` and commits `some` of what there is room for, at most all. */
static maiko_status bring_run(struct yard *yard, uint32_t most, uint32_t some, size_t len)
{
    struct maiko_import_run run;
    maiko_status status = maiko_import_reserve_run(yard->path, sizeof(parcel) + len, most, &run);
    uint32_t i;

    if (status != MAIKO_OK)
        return status;
    CU_ASSERT(run.count > 0 && run.count <= most);
    for (i = 0; i < run.count; i++) {
        struct maiko_import_slot *slot = maiko_import_slot_at(&run, i);

        *slot = (struct maiko_import_slot){.id_lo = yard->made + i + 1, .time_ns = 1000 + yard->made + i};
        fill(slot + 1, yard->made + i, len);
    }
    some = some < run.count ? some : run.count;
    maiko_import_commit_run(yard->path, PREFIX, HOPS, some);
    yard->made += some;
    return MAIKO_OK;
}

static maiko_status bring_one(struct yard *yard, size_t len)
{
    void *event = NULL;
    maiko_status status = maiko_import_reserve(yard->path, sizeof(parcel) + len, &event);

    if (status != MAIKO_OK)
        return status;
    fill(event, yard->made, len);
    maiko_import_commit(yard->path, &(maiko_import){.id = {PREFIX, yard->made + 1}, .time_ns = 1000 + yard->made, .hops = HOPS});
    yard->made++;
    return MAIKO_OK;
}

static void flush_and_settle(struct yard *yard)
{
    CU_ASSERT_EQUAL(maiko_importer_flush(yard->importer), MAIKO_OK);
    stage_settle(&yard->stage);
}

static void runs_come_in_whole_and_in_order_between_others(void)
{
    struct yard yard;
    size_t len;

    yard_open(&yard, 0);
    for (len = 0; len < 40; len++) {
        CU_ASSERT_EQUAL(bring_run(&yard, 100, 100, len), MAIKO_OK);
        CU_ASSERT_EQUAL(bring_one(&yard, len % 3 == 0 ? 6000 : len), MAIKO_OK); /* 6000: not from a pool */
        CU_ASSERT_EQUAL(bring_run(&yard, 5, 2, LONG), MAIKO_OK);                /* the rest is given back */
        CU_ASSERT_EQUAL(bring_run(&yard, 5, 0, LONG), MAIKO_OK);
        CU_ASSERT_EQUAL(bring_run(&yard, 1, 1, SHORT), MAIKO_OK);
        if (len % 8 == 0)
            CU_ASSERT_EQUAL(maiko_importer_flush(yard.importer), MAIKO_OK); /* what follows comes behind what is not taken yet */
    }
    CU_ASSERT_EQUAL(yard.read, 0);
    flush_and_settle(&yard);
    CU_ASSERT_EQUAL(yard.made, 40 * 104);
    CU_ASSERT_EQUAL(yard.read, yard.made);
    CU_ASSERT_EQUAL(yard_close(&yard), MAIKO_OK);
}

static void what_is_no_run_is_refused(void)
{
    struct maiko_import_run run;
    struct yard yard;

    yard_open(&yard, 0);
    CU_ASSERT_EQUAL(maiko_import_reserve_run(NULL, 100, 1, &run), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_import_reserve_run(yard.path, 100, 0, &run), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_import_reserve_run(yard.path, 1, 1, &run), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_import_reserve_run(yard.path, 4097, 1, &run), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(yard.stage.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_import_reserve_run(yard.path, 100, 1, &run), MAIKO_ECLOSED);
    CU_ASSERT_EQUAL(yard_close(&yard), MAIKO_OK);
}

/* In events and in bytes; the last one that finds room may be the only one of its run. */
static void a_run_gets_the_room_there_is(void)
{
    static const size_t lens[] = {SHORT, LONG};
    size_t i;

    for (i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        maiko_status status = MAIKO_OK;
        struct yard yard;

        yard_open(&yard, 0);
        while (status == MAIKO_OK && yard.made < 100000)
            status = bring_run(&yard, 1000, 1000, lens[i]);
        CU_ASSERT_EQUAL(status, MAIKO_EFULL);
        CU_ASSERT(yard.made <= 16384 && yard.made * lens[i] <= 4 * 1048576 + LONG);
        CU_ASSERT(yard.made == 16384 || yard.made * (lens[i] + 64) > 4 * 1048576);
        CU_ASSERT_EQUAL(bring_one(&yard, lens[i]), MAIKO_EFULL);
        flush_and_settle(&yard);
        CU_ASSERT_EQUAL(yard.read, yard.made);
        CU_ASSERT_EQUAL(bring_run(&yard, 1000, 1000, lens[i]), MAIKO_OK);
        flush_and_settle(&yard);
        CU_ASSERT_EQUAL(yard.read, yard.made);
        CU_ASSERT_EQUAL(yard_close(&yard), MAIKO_OK);
    }
}

/* A full mailbox under BLOCK holds the gate at any event of a run; it goes on where it was. */
static void a_held_gate_keeps_the_rest_of_a_run(void)
{
    uint64_t at;

    for (at = 1; at < 64; at++) {
        struct yard yard;

        yard_open(&yard, 4);
        yard.held_at = at;
        CU_ASSERT_EQUAL(bring_run(&yard, 32, 32, SHORT), MAIKO_OK);
        CU_ASSERT_EQUAL(bring_run(&yard, 32, 32, LONG), MAIKO_OK);
        flush_and_settle(&yard);
        CU_ASSERT(yard.read >= at && yard.read < at + 64);
        CU_ASSERT(yard.read < 64 || at > 56);
        maiko_hold_release(yard.hold);
        stage_settle(&yard.stage);
        CU_ASSERT_EQUAL(yard.read, 64);
        CU_ASSERT_EQUAL(yard_close(&yard), MAIKO_OK);
    }
}

/* What no actor had yet is in the report, of the run under way only what is left of it; and the books agree (yard_close()). */
static void a_stop_counts_the_rest_of_a_run(void)
{
    maiko_stop_report report;
    struct yard yard;

    yard_open(&yard, 4);
    yard.held_at = 3;
    CU_ASSERT_EQUAL(bring_run(&yard, 100, 100, SHORT), MAIKO_OK);
    CU_ASSERT_EQUAL(bring_one(&yard, SHORT), MAIKO_OK);
    flush_and_settle(&yard);
    CU_ASSERT(yard.read < 10);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(yard.stage.sup, &report), MAIKO_ETIMEDOUT);
    CU_ASSERT_EQUAL(report.unfinished, 101 - yard.read);
    maiko_stop_report_deinit(&report);
    maiko_hold_release(yard.hold);
    (void)yard_close(&yard);
}

/* Whichever allocation fails once: where it is the gate's it is tried again, elsewhere the drop is counted.  False when there is
 * none of that number. */
static bool run_out_once(long nth, unsigned *waits)
{
    struct yard yard;
    bool is_unrouted;
    bool was_hit;
    size_t len;

    yard_open(&yard, 0);
    failing_allocator_fail_nth(&yard.memory, nth);
    for (len = SHORT; len <= LONG; len *= 2) {
        uint64_t end = yard.made + 200;

        while (yard.made < end) /* the same again after a failure */
            (void)!bring_run(&yard, (uint32_t)(end - yard.made), 200, len);
        while (maiko_importer_flush(yard.importer) == MAIKO_ENOMEM)
            continue;
        stage_settle(&yard.stage);
    }
    was_hit = failing_allocator_has_failed(&yard.memory);
    if (stage_logged(&yard.stage, "event from outside")) {
        ++*waits;
        CU_ASSERT_EQUAL(yard.read, yard.made);
    }
    is_unrouted = stage_logged(&yard.stage, "routing table"); /* then nobody was there yet */
    (void)yard_close(&yard);
    CU_ASSERT(yard.read == yard.made || yard.lost > 0 || is_unrouted);
    return was_hit;
}

static void without_memory_the_rest_of_a_run_waits(void)
{
    unsigned waits = 0;
    long nth = 0;

    while (nth < 500 && run_out_once(nth, &waits))
        nth++;
    CU_ASSERT(nth > 5 && nth < 500);
    CU_ASSERT(waits > 2);
}

/* Memory that never comes back: what was accepted is dropped one by one, and counted (the books, see stage_stop()). */
static void a_stop_without_memory_loses_the_rest_of_a_run(void)
{
    struct yard yard;

    yard_open(&yard, 0);
    CU_ASSERT_EQUAL(bring_run(&yard, 200, 200, LONG), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_flush(yard.importer), MAIKO_OK);
    failing_allocator_fail_from(&yard.memory, 1);
    CU_ASSERT_EQUAL(yard_close(&yard), MAIKO_ENOMEM);
    CU_ASSERT(yard.read < 200);
}

static const struct test_case cases[] = {
    TEST_CASE(runs_come_in_whole_and_in_order_between_others),
    TEST_CASE(what_is_no_run_is_refused),
    TEST_CASE(a_run_gets_the_room_there_is),
    TEST_CASE(a_held_gate_keeps_the_rest_of_a_run),
    TEST_CASE(a_stop_counts_the_rest_of_a_run),
    TEST_CASE(without_memory_the_rest_of_a_run_waits),
    TEST_CASE(a_stop_without_memory_loses_the_rest_of_a_run),
};
SUITE_MAIN("import_run", cases)
