/* What a bridge needs of the runtime: batches of ready-made events, their bounds, and holds on whoever sent. */
#include <maiko/import.h>
#include <string.h>

#include "lib/stage.h"
#include "lib/suite.h"

#define LETTER_FIELDS(F) F(UINT64, number) F(TAIL, text, BYTES)
MAIKO_EVENT(letter, "letter", LETTER_FIELDS)

/* What the receiver saw. */
struct seen {
    uint64_t letters;
    uint64_t disordered;
    uint64_t damaged;
    uint64_t len;
    char sender[32];
    maiko_id id;
    maiko_id parent;
    maiko_id correlation;
    uint64_t time_ns;
    uint8_t hops;
};

static maiko_status look(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    const letter *event = maiko_event_as(envelope, letter);
    struct seen *seen = player->data;
    uint64_t i;

    seen->disordered += event->number != seen->letters;
    seen->letters++;
    for (i = 0; i < event->text_count; i++)
        seen->damaged += event->text[i] != (uint8_t)(event->number + i);
    seen->len += event->text_count;
    strcpy(seen->sender, maiko_envelope_sender(envelope));
    seen->id = maiko_envelope_id(envelope);
    seen->parent = maiko_envelope_parent(envelope);
    seen->correlation = maiko_envelope_correlation(envelope);
    seen->time_ns = maiko_envelope_time(envelope);
    seen->hops = maiko_envelope_hops(envelope);
    return MAIKO_OK;
}

static maiko_status write_letter(maiko_import_path *path, uint64_t nth, size_t len)
{
    letter *event = NULL;
    maiko_status status = maiko_import_reserve(path, sizeof *event + len, (void **)&event);
    size_t i;

    if (status != MAIKO_OK)
        return status;
    event->number = nth;
    event->text_count = len;
    for (i = 0; i < len; i++)
        event->text[i] = (uint8_t)(nth + i);
    maiko_import_commit(path, &(maiko_import){.id = {7, nth + 1}, .parent = {1, 2}, .time_ns = 99, .hops = 3});
    return MAIKO_OK;
}

/* A stage with one reader of letters and a path to it; not started. */
struct door {
    struct stage stage;
    struct player reader;
    struct seen seen;
    maiko_importer *importer;
    maiko_import_path *path;
    int notified;
};

static void count_notice(void *userdata)
{
    ((struct door *)userdata)->notified++;
}

static void door_open(struct door *door)
{
    memset(door, 0, sizeof *door);
    door->reader.handle = look;
    door->reader.data = &door->seen;
    stage_open(&door->stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(door->stage.sup, PLAYER("reader", &door->reader, .subscribe = MAIKO_TOPICS("letter"))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_new(door->stage.sup, "door", NULL, &door->importer), MAIKO_OK);
    maiko_importer_on_room(door->importer, count_notice, door);
    CU_ASSERT_EQUAL(maiko_import_path_new(door->importer, "letter", MAIKO_TYPE(letter), "far/away", &door->path), MAIKO_OK);
}

static void door_close(struct door *door)
{
    maiko_import_path_free(door->path);
    if (door->stage.sup != NULL)
        CU_ASSERT_EQUAL(stage_stop(&door->stage), MAIKO_OK);
    stage_close(&door->stage);
}

static void a_batch_comes_in_whole_and_in_order(void)
{
    struct door door;
    uint64_t i;

    door_open(&door);
    CU_ASSERT_EQUAL(maiko_supervisor_start(door.stage.sup), MAIKO_OK);
    for (i = 0; i < 200; i++)
        CU_ASSERT_EQUAL(write_letter(door.path, i, i % 3 == 0 ? 6000 : i), MAIKO_OK); /* 6000: not from a pool */
    stage_settle(&door.stage);
    CU_ASSERT_EQUAL(door.seen.letters, 0);
    CU_ASSERT_EQUAL(maiko_importer_flush(door.importer), MAIKO_OK);
    CU_ASSERT_EQUAL(write_letter(door.path, 200, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_flush(door.importer), MAIKO_OK); /* behind what was not taken yet */
    stage_settle(&door.stage);
    CU_ASSERT_EQUAL(door.seen.letters, 201);
    CU_ASSERT_EQUAL(door.seen.disordered, 0);
    CU_ASSERT_EQUAL(door.seen.damaged, 0);
    CU_ASSERT_STRING_EQUAL(door.seen.sender, "far/away");
    CU_ASSERT(maiko_id_equal(door.seen.id, (maiko_id){7, 201}));
    CU_ASSERT(maiko_id_equal(door.seen.parent, (maiko_id){1, 2}));
    CU_ASSERT(maiko_id_equal(door.seen.correlation, door.seen.id));
    CU_ASSERT_EQUAL(door.seen.time_ns, 99);
    CU_ASSERT_EQUAL(door.seen.hops, 3);
    CU_ASSERT_EQUAL(maiko_importer_flush(door.importer), MAIKO_OK); /* nothing to do */
    door_close(&door);
}

/* Room for one more would mean to hand over what there is, and nobody takes it. */
static void a_full_batch_that_a_halt_overtakes_is_refused_when_it_is_flushed(void)
{
    struct door door;
    uint64_t full = 0;
    uint64_t i;

    door_open(&door);
    while (write_letter(door.path, full, 1) == MAIKO_OK)
        full++;
    door_close(&door);
    door_open(&door);
    CU_ASSERT_EQUAL(maiko_supervisor_start(door.stage.sup), MAIKO_OK);
    for (i = 0; i < full; i++)
        CU_ASSERT_EQUAL(write_letter(door.path, i, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(door.stage.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(write_letter(door.path, full, 1), MAIKO_ECLOSED);
    CU_ASSERT_EQUAL(maiko_importer_flush(door.importer), MAIKO_ECLOSED);
    CU_ASSERT_EQUAL(door.seen.letters, 0);
    door_close(&door);
}

/* Nobody could tell it later: an end that found no room would be one that never comes. */
static void the_end_needs_no_room(void)
{
    struct door door;
    maiko_importer *ending = NULL;
    maiko_import_path *path = NULL;
    uint64_t full = 0;

    door_open(&door);
    CU_ASSERT_EQUAL(maiko_importer_new(door.stage.sup, "ending", MAIKO_TOPICS("letter"), &ending), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_import_path_new(ending, "letter", MAIKO_TYPE(letter), "far/away", &path), MAIKO_OK);
    while (write_letter(path, full, 1) == MAIKO_OK)
        full++;
    CU_ASSERT_EQUAL(maiko_importer_flush(ending), MAIKO_OK);
    CU_ASSERT_EQUAL(write_letter(path, full, 1), MAIKO_EFULL);
    CU_ASSERT_EQUAL(maiko_importer_finish(ending), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(door.stage.sup), MAIKO_OK);
    stage_settle(&door.stage);
    CU_ASSERT_EQUAL(door.seen.letters, full);
    CU_ASSERT_EQUAL(atomic_load(&door.reader.ends), 1);
    maiko_import_path_free(path);
    door_close(&door);
}

static void what_was_abandoned_does_not_come(void)
{
    struct door door;
    void *event;

    door_open(&door);
    CU_ASSERT_EQUAL(maiko_supervisor_start(door.stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_import_reserve(door.path, 1, &event), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_import_reserve(door.path, sizeof(letter) + 6000, &event), MAIKO_OK);
    maiko_import_abandon(door.path);
    CU_ASSERT_EQUAL(maiko_import_reserve(door.path, sizeof(letter) + 60, &event), MAIKO_OK);
    maiko_import_abandon(door.path);
    CU_ASSERT_EQUAL(write_letter(door.path, 0, 10), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_flush(door.importer), MAIKO_OK);
    stage_settle(&door.stage);
    CU_ASSERT_EQUAL(door.seen.letters, 1);
    CU_ASSERT_EQUAL(door.seen.damaged, 0);
    door_close(&door);
}

/* In events and in bytes, also those of large events, which are not in the buffer. */
static void a_full_importer_says_so_and_tells_when_there_is_room(void)
{
    static const size_t lens[] = {0, 2000, 65536};
    size_t i;

    for (i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        struct door door;
        uint64_t count = 0;
        maiko_status status = MAIKO_OK;

        door_open(&door);
        CU_ASSERT_EQUAL(maiko_supervisor_start(door.stage.sup), MAIKO_OK);
        while (count < 100000 && status == MAIKO_OK) {
            status = write_letter(door.path, count, lens[i]);
            count += status == MAIKO_OK;
        }
        CU_ASSERT_EQUAL(status, MAIKO_EFULL);
        CU_ASSERT(count <= 16385 && count * lens[i] <= 4 * 1048576 + 65536);
        CU_ASSERT_EQUAL(maiko_importer_flush(door.importer), MAIKO_OK);
        CU_ASSERT_EQUAL(write_letter(door.path, count, lens[i]), MAIKO_EFULL);
        CU_ASSERT_EQUAL(door.notified, 0);
        stage_settle(&door.stage);
        CU_ASSERT_EQUAL(door.notified, 1);
        CU_ASSERT_EQUAL(door.seen.letters, count);
        CU_ASSERT_EQUAL(door.seen.damaged, 0);
        CU_ASSERT_EQUAL(write_letter(door.path, count, lens[i]), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_importer_flush(door.importer), MAIKO_OK);
        stage_settle(&door.stage);
        CU_ASSERT_EQUAL(door.seen.letters, count + 1);
        door_close(&door);
    }
}

static void after_a_stop_nothing_comes_in_and_nothing_leaks(void)
{
    struct door door;

    door_open(&door);
    CU_ASSERT_EQUAL(maiko_supervisor_start(door.stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(write_letter(door.path, 0, 6000), MAIKO_OK); /* never flushed: freed with the importer */
    CU_ASSERT_EQUAL(maiko_supervisor_halt(door.stage.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_flush(door.importer), MAIKO_ECLOSED);
    CU_ASSERT_EQUAL(write_letter(door.path, 0, 10), MAIKO_ECLOSED);
    CU_ASSERT_EQUAL(door.seen.letters, 0);
    door_close(&door);
}

static void a_path_is_refused_with_its_reason(void)
{
    struct door door;
    maiko_import_path *path = NULL;

    door_open(&door);
    CU_ASSERT_EQUAL(maiko_import_path_new(NULL, "letter", MAIKO_TYPE(letter), NULL, &path), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_import_path_new(door.importer, NULL, MAIKO_TYPE(letter), NULL, &path), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(maiko_import_path_new(door.importer, "a/#", MAIKO_TYPE(letter), NULL, &path), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(maiko_import_path_new(door.importer, "letter", NULL, NULL, &path), MAIKO_ETYPE);
    CU_ASSERT_PTR_NULL(path);
    CU_ASSERT_PTR_NULL(maiko_import_path_free(NULL));
    door_close(&door);
}

/* ---- lent events ---- */

enum { LENT = 4, LENT_LEN = 40 };

/* Memory of whoever lends; released: how often. */
struct lent {
    uint64_t words[(sizeof(letter) + LENT_LEN) / sizeof(uint64_t)];
    int released;
};

static void take_back(void *owner)
{
    ((struct lent *)owner)->released++;
}

static maiko_status lend_letter(maiko_import_path *path, uint64_t nth, struct lent *lent)
{
    letter *event = (letter *)(void *)lent->words;
    size_t i;

    memset(lent, 0, sizeof *lent);
    event->number = nth;
    event->text_count = LENT_LEN;
    for (i = 0; i < LENT_LEN; i++)
        event->text[i] = (uint8_t)(nth + i);
    return maiko_import_lend(path, event, sizeof *event + LENT_LEN, take_back, lent);
}

static void commit_letter(maiko_import_path *path, uint64_t nth)
{
    maiko_import_commit(path, &(maiko_import){.id = {7, nth + 1}, .time_ns = 99, .hops = 3});
}

/* What the receiver was given, kept. */
struct shelf_of_letters {
    const void *payloads[LENT];
    maiko_envelope *kept[LENT];
    uint64_t letters;
};

static maiko_status keep_letter(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct shelf_of_letters *shelf = player->data;

    if (shelf->letters >= LENT)
        return MAIKO_EINTERNAL;
    shelf->payloads[shelf->letters] = envelope->payload;
    return maiko_envelope_keep(envelope, &shelf->kept[shelf->letters++]);
}

static void a_lent_event_is_handed_on_where_it_is(void)
{
    struct shelf_of_letters shelf = {.letters = 0};
    struct lent lent[LENT];
    struct door door;
    uint64_t i;

    door_open(&door);
    door.reader.handle = keep_letter;
    door.reader.data = &shelf;
    CU_ASSERT_EQUAL(maiko_supervisor_start(door.stage.sup), MAIKO_OK);
    for (i = 0; i < LENT; i++) {
        CU_ASSERT_EQUAL(lend_letter(door.path, i, &lent[i]), MAIKO_OK);
        commit_letter(door.path, i);
    }
    CU_ASSERT_EQUAL(maiko_importer_flush(door.importer), MAIKO_OK);
    stage_settle(&door.stage);
    CU_ASSERT_EQUAL(shelf.letters, LENT);
    door_close(&door); /* what is kept outlives the supervisor */
    for (i = 0; i < LENT; i++) {
        CU_ASSERT_PTR_EQUAL(shelf.payloads[i], lent[i].words);
        CU_ASSERT_PTR_EQUAL(shelf.kept[i]->payload, lent[i].words);
        CU_ASSERT_STRING_EQUAL(maiko_envelope_sender(shelf.kept[i]), "far/away");
        CU_ASSERT_EQUAL(lent[i].released, 0);
        (void)maiko_envelope_unref(shelf.kept[i]);
        CU_ASSERT_EQUAL(lent[i].released, 1);
    }
}

static void a_lent_event_goes_back_when_it_is_given_up(void)
{
    struct lent lent[LENT];
    struct door door;

    door_open(&door);
    CU_ASSERT_EQUAL(maiko_supervisor_start(door.stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(lend_letter(door.path, 0, &lent[0]), MAIKO_OK);
    maiko_import_abandon(door.path);
    CU_ASSERT_EQUAL(lent[0].released, 1);
    CU_ASSERT_EQUAL(lend_letter(door.path, 0, &lent[1]), MAIKO_OK);
    commit_letter(door.path, 0);
    CU_ASSERT_EQUAL(write_letter(door.path, 1, LENT_LEN), MAIKO_OK); /* the next one is not lent */
    CU_ASSERT_EQUAL(maiko_importer_flush(door.importer), MAIKO_OK);
    stage_settle(&door.stage);
    CU_ASSERT_EQUAL(door.seen.letters, 2);
    CU_ASSERT_EQUAL(door.seen.damaged, 0);
    CU_ASSERT_EQUAL(lent[1].released, 1); /* nobody kept it */
    CU_ASSERT_EQUAL(lend_letter(door.path, 2, &lent[2]), MAIKO_OK);
    commit_letter(door.path, 2);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(door.stage.sup, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_importer_flush(door.importer), MAIKO_ECLOSED);
    CU_ASSERT_EQUAL(lent[2].released, 1);
    CU_ASSERT_EQUAL(lend_letter(door.path, 3, &lent[3]), MAIKO_ECLOSED);
    door_close(&door);
    CU_ASSERT_EQUAL(lent[0].released + lent[1].released + lent[2].released, 3);
    CU_ASSERT_EQUAL(lent[3].released, 0);
}

static void what_cannot_be_lent_is_refused(void)
{
    struct lent lent = {.released = 0};
    char *odd = (char *)lent.words + 4;
    struct door door;

    door_open(&door);
    CU_ASSERT_EQUAL(maiko_supervisor_start(door.stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_import_lend(NULL, lent.words, sizeof(letter), take_back, &lent), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_import_lend(door.path, NULL, sizeof(letter), take_back, &lent), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_import_lend(door.path, lent.words, sizeof(letter), NULL, &lent), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_import_lend(door.path, odd, sizeof(letter), take_back, &lent), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_import_lend(door.path, lent.words, sizeof(letter) - 1, take_back, &lent), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_import_lend(door.path, lent.words, (size_t)1 << 30, take_back, &lent), MAIKO_ETOOLONG);
    CU_ASSERT_EQUAL(lent.released, 0);
    door_close(&door);
}

/* ---- holds on senders ---- */

static maiko_status hold_the_sender(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    maiko_hold **hold = player->data;

    return *hold == NULL ? maiko_hold_sender(ctx, envelope, hold) : MAIKO_OK;
}

static maiko_step send_on_topic(struct player *player, maiko_context *ctx)
{
    int i;

    for (i = 0; i < 4 && player->wanted > 0 && !maiko_is_sender_full(ctx); i++)
        if (maiko_send_to(ctx, player->data, number, .value = player->wanted) == MAIKO_OK)
            player->wanted--;
    return player->wanted > 0 ? MAIKO_STEP_CONTINUE : MAIKO_STEP_NEVER;
}

static void one_sender_is_held_and_the_others_go_on(uint32_t shards)
{
    struct stage stage;
    maiko_hold *hold = NULL;
    char a[] = "to/a";
    char b[] = "to/b";
    struct player held = {.step = send_on_topic, .wanted = 5000, .data = a};
    struct player other = {.step = send_on_topic, .wanted = 5000, .data = b};
    struct player receiver = {.handle = hold_the_sender, .data = &hold};

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = shards});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("held", &held)), MAIKO_OK);
    CU_ASSERT_EQUAL(
        maiko_supervisor_add(stage.sup, PLAYER("receiver", &receiver, .subscribe = MAIKO_TOPICS("to/#"), .shard = shards)),
        MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("other", &other)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_PTR_NOT_NULL(hold);
    CU_ASSERT((held.wanted == 0) != (other.wanted == 0)); /* who came first is held, at most what it had under way behind */
    CU_ASSERT(held.wanted + other.wanted > 4000);
    maiko_hold_release(hold);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(held.wanted + other.wanted, 0);
    CU_ASSERT_EQUAL(receiver.events, 10000);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void a_sender_is_held_by_whom_it_sent_to(void)
{
    one_sender_is_held_and_the_others_go_on(1);
    one_sender_is_held_and_the_others_go_on(2);
}

static void an_outside_sender_is_held_too(void)
{
    struct stage stage;
    maiko_hold *hold = NULL;
    struct player receiver = {.handle = hold_the_sender, .data = &hold};
    int64_t accepted = 0;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "receiver", &receiver), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 0), MAIKO_OK);
    stage_settle(&stage);
    while (maiko_try_send(maiko_supervisor_context(stage.sup), number, .value = accepted) == MAIKO_OK && accepted < 100000) {
        accepted++;
        stage_settle(&stage);
    }
    CU_ASSERT(accepted < 1000);
    CU_ASSERT_EQUAL(receiver.events, 1);
    maiko_hold_release(hold);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(receiver.events, 1 + accepted);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void a_hold_needs_an_event_that_somebody_sends_now(void)
{
    struct stage stage;
    maiko_hold *hold = NULL;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_hold_sender(maiko_supervisor_context(stage.sup), NULL, &hold), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_hold_sender(NULL, NULL, NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static const struct test_case cases[] = {
    TEST_CASE(a_batch_comes_in_whole_and_in_order),
    TEST_CASE(a_full_batch_that_a_halt_overtakes_is_refused_when_it_is_flushed),
    TEST_CASE(the_end_needs_no_room),
    TEST_CASE(what_was_abandoned_does_not_come),
    TEST_CASE(a_full_importer_says_so_and_tells_when_there_is_room),
    TEST_CASE(after_a_stop_nothing_comes_in_and_nothing_leaks),
    TEST_CASE(a_path_is_refused_with_its_reason),
    TEST_CASE(a_lent_event_is_handed_on_where_it_is),
    TEST_CASE(a_lent_event_goes_back_when_it_is_given_up),
    TEST_CASE(what_cannot_be_lent_is_refused),
    TEST_CASE(a_sender_is_held_by_whom_it_sent_to),
    TEST_CASE(an_outside_sender_is_held_too),
    TEST_CASE(a_hold_needs_an_event_that_somebody_sends_now),
};
SUITE_MAIN("import", cases)
