/* Shared ring with a peer that lies: every word it may write is set to what it should not be, once on purpose and then at random
 * by another process.  The answer is MAIKO_EPROTOCOL or something harmless, never a crash and never an endless loop. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/random.h"
#include "lib/shm_pair.h"
#include "lib/suite.h"

enum { RING = SHM_RING_BYTES_MIN };

static unsigned char copied[SHM_BODY_MAX];

static void publish(struct shm_writer *writer)
{
    bool must_wake = shm_writer_publish(writer);

    (void)must_wake;
}

/* ---- the reader lies ---- */

static void write_events(struct shm_pair *pair, int count)
{
    struct shm_event event = {.kind = SHM_RECORD_EVENT};
    void *payload;

    for (; count > 0; count--) {
        CU_ASSERT_EQUAL(shm_writer_reserve(&pair->writer, &event, &payload), MAIKO_OK);
        shm_writer_commit(&pair->writer);
    }
    publish(&pair->writer);
}

static void expect_broken_writer(struct shm_pair *pair, const char *reason)
{
    struct shm_event event = {.kind = SHM_RECORD_EVENT};
    void *payload;

    CU_ASSERT_EQUAL(shm_writer_refresh(&pair->writer), MAIKO_EPROTOCOL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pair->writer.broken);
    CU_ASSERT_STRING_EQUAL(pair->writer.broken, reason);
    CU_ASSERT_EQUAL(shm_writer_reserve(&pair->writer, &event, &payload), MAIKO_EPROTOCOL);
    CU_ASSERT_EQUAL(shm_writer_tell_loss(&pair->writer), MAIKO_EPROTOCOL);
    CU_ASSERT_FALSE(shm_writer_sleep(&pair->writer)); /* or it would wait for a liar */
}

static void a_reader_may_not_consume_what_is_not_there(void)
{
    struct shm_pair pair;
    struct shm_control *control;

    shm_pair_init(&pair, RING, 0);
    control = shm_area_control(&pair.own_control);
    write_events(&pair, 2);
    atomic_store(&control->consumed, pair.writer.head + 8);
    expect_broken_writer(&pair, "it consumed what was not written, or went back");
    shm_pair_deinit(&pair);
}

static void a_reader_may_not_go_back(void)
{
    struct shm_pair pair;
    struct shm_control *control;

    shm_pair_init(&pair, RING, 0);
    control = shm_area_control(&pair.own_control);
    write_events(&pair, 3);
    atomic_store(&control->consumed, pair.writer.head);
    CU_ASSERT_EQUAL(shm_writer_refresh(&pair.writer), MAIKO_OK);
    atomic_store(&control->consumed, pair.writer.head - 8);
    expect_broken_writer(&pair, "it consumed what was not written, or went back");
    shm_pair_deinit(&pair);
}

static void a_reader_may_not_acknowledge_what_was_not_sent(void)
{
    struct shm_pair pair;

    shm_pair_init(&pair, RING, 1000);
    write_events(&pair, 3);
    atomic_store(&shm_area_control(&pair.own_control)->acknowledged, 3);
    CU_ASSERT_EQUAL(shm_writer_refresh(&pair.writer), MAIKO_OK);
    CU_ASSERT_EQUAL(pair.writer.acknowledged, 1003);
    atomic_store(&shm_area_control(&pair.own_control)->acknowledged, 4);
    expect_broken_writer(&pair, "it acknowledged what was not written, or went back");
    shm_pair_deinit(&pair);
}

static void expect_refused_return(uint64_t returned, uint32_t slot, const char *reason)
{
    struct shm_draft draft = {.event = {.kind = SHM_RECORD_EVENT, .len = 1}, .chunk_len = 1};
    struct shm_pair pair;
    struct shm_control *control;

    shm_pair_init(&pair, RING, 0);
    control = shm_area_control(&pair.own_control);
    CU_ASSERT_EQUAL(shm_draft_write(&pair, &draft), MAIKO_OK);
    CU_ASSERT_EQUAL(shm_draft_write(&pair, &draft), MAIKO_OK);
    publish(&pair.writer);
    atomic_store(&control->slots[0], slot);
    atomic_store(&control->slots[1], slot);
    atomic_store(&control->returned, returned);
    if (shm_writer_refresh(&pair.writer) == MAIKO_OK)
        CU_ASSERT_EQUAL(shm_lending_collect(&pair.lending, &pair.writer), MAIKO_EPROTOCOL);
    expect_broken_writer(&pair, reason);
    shm_pair_deinit(&pair);
}

static void a_reader_may_only_return_what_it_has(void)
{
    expect_refused_return(2, 0, "it returned a chunk it did not have"); /* the same twice */
    expect_refused_return(1, 7, "it returned a chunk it did not have");
    expect_refused_return(1, SHM_CHUNKS_MAX, "it returned a chunk it did not have");
    expect_refused_return(3, 0, "it returned more chunks than it had");
    expect_refused_return(1u << 20, 0, "it returned more chunks than it had");
}

/* ---- the writer lies ---- */

struct forged {
    struct shm_pair pair;
    struct shm_record_header *header; /* of the only record */
    unsigned char *behind;            /* what follows the header */
};

/* One event with everything an event may have, published. */
static void forge(struct forged *forged, bool with_chunk)
{
    struct shm_draft draft = {
        .event = {.kind = SHM_RECORD_EVENT, .parent = {.hi = 1, .lo = 2}, .correlation = {.hi = 3, .lo = 4}}};

    shm_pair_init(&forged->pair, RING, 50);
    draft.chunk_len = draft.event.len = with_chunk ? 5000 : 0;
    shm_writer_lose(&forged->pair.writer, 3, 1);
    CU_ASSERT_EQUAL(shm_draft_write(&forged->pair, &draft), MAIKO_OK);
    publish(&forged->pair.writer);
    forged->header = (struct shm_record_header *)(void *)shm_area_data(&forged->pair.data)->ring;
    forged->behind = (unsigned char *)(forged->header + 1);
}

static void expect_refused(struct forged *forged, const char *reason)
{
    struct shm_record record;

    CU_ASSERT_EQUAL(shm_reader_peek(&forged->pair.reader, &record), MAIKO_EPROTOCOL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(forged->pair.reader.broken);
    if (strcmp(forged->pair.reader.broken, reason) != 0)
        SUITE_FAIL("\"%s\" instead of \"%s\"", forged->pair.reader.broken, reason);
    CU_ASSERT_EQUAL(shm_reader_peek(&forged->pair.reader, &record), MAIKO_EPROTOCOL); /* for good */
    shm_pair_deinit(&forged->pair);
}

#define FORGED(with_chunk, lie, reason)                                                                                          \
    do {                                                                                                                         \
        struct forged forged;                                                                                                    \
        forge(&forged, with_chunk);                                                                                              \
        lie;                                                                                                                     \
        expect_refused(&forged, reason);                                                                                         \
    } while (0)

static void set_head(struct forged *forged, uint64_t head)
{
    atomic_store(&shm_area_data(&forged->pair.data)->head, head);
}

static void head_is_checked(void)
{
    struct shm_record record;
    struct forged taken;

    FORGED(false, set_head(&forged, RING + 8), "head went back or too far");
    FORGED(false, set_head(&forged, UINT64_MAX - 7), "head went back or too far");
    FORGED(false, set_head(&forged, 44), "head went back or too far");
    FORGED(false, set_head(&forged, 8), "a record that reaches past what is written");
    forge(&taken, false);
    CU_ASSERT_EQUAL(shm_reader_peek(&taken.pair.reader, &record), MAIKO_OK);
    shm_reader_next(&taken.pair.reader);
    set_head(&taken, 8);
    expect_refused(&taken, "head went back or too far");
}

static void sizes_are_checked(void)
{
    FORGED(false, forged.header->size = 0, "a record that reaches past what is written");
    FORGED(false, forged.header->size = 41, "a record that reaches past what is written");
    FORGED(false, forged.header->size = UINT32_MAX, "a record that reaches past what is written");
    FORGED(false, forged.header->size = RING + 8, "a record that reaches past what is written");
    FORGED(false, forged.header->size = 32, "a record shorter than its header");
    FORGED(false, forged.header->size -= 8, "a record that is not as long as its parts");
    FORGED(false, forged.header->len = 8, "a record that is not as long as its parts");
    FORGED(false, forged.header->len = UINT32_MAX, "a record that is not as long as its parts");
    FORGED(false, forged.header->kind = SHM_RECORD_PAD, "a pad that does not end the ring");
    FORGED(false, (forged.header->len = 30000, forged.header->size = 30088, set_head(&forged, 30088)),
           "a record longer than any");
}

static void kinds_flags_and_positions_are_checked(void)
{
    FORGED(false, forged.header->kind = 0, "a record of no kind");
    FORGED(false, forged.header->kind = SHM_RECORD_KINDS, "a record of no kind");
    FORGED(false, forged.header->flags |= 128, "a record of no kind");
    FORGED(false, forged.header->flags ^= SHM_HAS_PARENT, "a record that is not as long as its parts");
    FORGED(false, forged.header->kind = SHM_RECORD_LOST, "a loss with more than its number");
    FORGED(false, forged.header->position++, "a position that does not follow");
    FORGED(false, forged.header->position = 50, "a position that does not follow");
    FORGED(false, memset(forged.behind + 32, 0, 8), "a loss of nothing, or for no reason");
    FORGED(false, memset(forged.behind + 32, 0xff, 8), "a position that does not follow");
    FORGED(false, forged.behind[40] = SHM_LOSS_REASONS, "a loss of nothing, or for no reason");
}

/* A run of four behind nothing, of five bytes each. */
static void forge_run(struct forged *forged)
{
    struct shm_run run = {.channel = 1, .len = 5};
    const struct shm_event event = {.kind = SHM_RECORD_FRAME};
    struct shm_record record;
    void *payloads;

    shm_pair_init(&forged->pair, RING, 50);
    CU_ASSERT_EQUAL(shm_writer_reserve(&forged->pair.writer, &event, &payloads), MAIKO_OK);
    shm_writer_commit(&forged->pair.writer);
    CU_ASSERT_EQUAL_FATAL(shm_writer_put(&forged->pair.writer, &run, 4, &payloads), 4);
    publish(&forged->pair.writer);
    CU_ASSERT_EQUAL(shm_reader_peek(&forged->pair.reader, &record), MAIKO_OK);
    shm_reader_next(&forged->pair.reader);
    forged->behind = payloads;
    forged->header = (struct shm_record_header *)(void *)(shm_area_data(&forged->pair.data)->ring + forged->pair.reader.tail);
    CU_ASSERT_EQUAL(forged->behind - (unsigned char *)(forged->header + 1), 16); /* a line ends with it */
}

#define FORGED_RUN(lie, reason)                                                                                                  \
    do {                                                                                                                         \
        struct forged forged;                                                                                                    \
        forge_run(&forged);                                                                                                      \
        lie;                                                                                                                     \
        expect_refused(&forged, reason);                                                                                         \
    } while (0)

static void runs_are_checked(void)
{
    FORGED_RUN(forged.header->alike = 6, "a run that is none");
    FORGED_RUN((forged.header->size += 48, forged.pair.reader.head += 48), "a run that is none");
    FORGED_RUN((forged.header->size += 4, forged.pair.reader.head += 8), "a record that reaches past what is written");
    FORGED_RUN(forged.header->alike = 0, "a record that is not as long as its parts");
    FORGED_RUN(forged.header->alike = UINT16_MAX, "a run that is none");
    FORGED_RUN(forged.header->len = 9, "a run that is none");
    FORGED_RUN((forged.header->len = 0, forged.header->size = sizeof(*forged.header)), "a run that is none");
    FORGED_RUN(forged.header->len = UINT32_MAX, "a run that is none");
    FORGED_RUN(forged.header->position++, "a run that is none");
    FORGED_RUN(forged.header->kind = SHM_RECORD_NOTE, "a run that is none");
    FORGED_RUN(forged.header->flags = SHM_IS_MSGPACK, "a run that is none");
    FORGED_RUN((forged.header->alike = 4, forged.header->size += 8), "a record that reaches past what is written");
    FORGED_RUN((forged.header->alike = 1024, forged.header->size = sizeof(*forged.header) + 1025 * 8,
                forged.pair.reader.head += 1021 * 8),
               "a run that is none"); /* longer than SHM_BODY_MAX */
}

static void set_chunk(struct forged *forged, uint32_t slot, uint32_t page)
{
    struct shm_chunk_ref ref = {.slot = slot, .page = page};

    memcpy(forged->behind + 48, &ref, sizeof(ref));
}

static void chunks_are_checked(void)
{
    FORGED(true, set_chunk(&forged, SHM_CHUNKS_MAX, 1), "a chunk in a slot that is taken or none");
    FORGED(true, set_chunk(&forged, 0, 0), "a chunk outside of the payload memory");
    FORGED(true, set_chunk(&forged, 0, SHM_PAIR_PAGES), "a chunk outside of the payload memory");
    FORGED(true, set_chunk(&forged, 0, UINT32_MAX), "a chunk outside of the payload memory");
    FORGED(true, forged.header->len = UINT32_MAX, "a chunk outside of the payload memory");
    FORGED(true, forged.pair.reader.chunks = NULL, "a chunk without a payload memory");
    FORGED(true, forged.pair.reader.slots_out[0] = 1, "a chunk in a slot that is taken or none");
}

static void pads_for_ever_are_noticed(void)
{
    struct shm_record record;
    struct forged forged;
    struct shm_record_header pad = {.size = RING, .kind = SHM_RECORD_PAD};

    forge(&forged, false);
    memcpy(forged.header, &pad, sizeof(pad));
    set_head(&forged, RING);
    CU_ASSERT_EQUAL(shm_reader_peek(&forged.pair.reader, &record), MAIKO_ENOTFOUND);
    set_head(&forged, 2 * (uint64_t)RING); /* nothing was confirmed in between */
    expect_refused(&forged, "head went back or too far");
}

/* ---- every byte ---- */

static bool lies_within(const void *bytes, size_t len, const void *from, size_t room)
{
    const unsigned char *place = bytes;
    const unsigned char *start = from;

    return place >= start && place <= start + room && len <= room - (size_t)(place - start);
}

/* All a reader may be told lies in the ring or in the payload memory, whatever it says. */
static void read_to_the_end(struct shm_pair *pair)
{
    const struct shm_data *data = shm_area_data(&pair->seen_data);
    struct shm_record record;
    maiko_status status;
    unsigned count = 0;

    shm_reader_init(&pair->reader, &pair->seen_data, &pair->own_control, &pair->seen_payload, 0);
    while ((status = shm_reader_peek(&pair->reader, &record)) == MAIKO_OK) {
        size_t len = record.alike * shm_run_stride(record.len) + record.len;
        bool is_good = record.is_chunk ? lies_within(record.payload, record.len, (const char *)pair->seen_payload.base + SHM_PAGE,
                                                     pair->seen_payload.bytes - SHM_PAGE)
                                       : len <= SHM_BODY_MAX && lies_within(record.payload, len, data->ring, RING);

        CU_ASSERT(is_good);
        if (count % 2 == 0)
            shm_reader_next_run(&pair->reader);
        else
            shm_reader_next(&pair->reader);
        CU_ASSERT_FATAL(++count <= RING / 8);
    }
    CU_ASSERT(status == MAIKO_ENOTFOUND || pair->reader.broken != NULL);
}

/* One record of each shape. */
static size_t write_one_of_each(struct shm_pair *pair)
{
    static const enum shm_kind kinds[] = {SHM_RECORD_EVENT, SHM_RECORD_NOTE, SHM_RECORD_FRAME};
    void *payloads;
    unsigned shape;

    for (shape = 0; shape < 24; shape++) {
        struct shm_draft draft = {.event = {.kind = kinds[shape % 3], .is_msgpack = shape % 2, .len = shape}};

        draft.event.parent.lo = shape & 4;
        draft.event.correlation.hi = shape & 8;
        if (shape % 5 == 0)
            shm_writer_lose(&pair->writer, 2, shape % SHM_LOSS_REASONS);
        if (shape % 7 == 0)
            draft.chunk_len = draft.event.len = 5000;
        CU_ASSERT_EQUAL_FATAL(shm_draft_write(pair, &draft), MAIKO_OK);
    }
    CU_ASSERT_EQUAL(shm_writer_put(&pair->writer, &(struct shm_run){.len = 9}, 3, &payloads), 3);
    memset(payloads, 1, 3 * shm_run_stride(9));
    shm_writer_lose(&pair->writer, 1, 2);
    CU_ASSERT_EQUAL(shm_writer_tell_loss(&pair->writer), MAIKO_OK);
    publish(&pair->writer);
    return (size_t)pair->writer.head;
}

static void any_value_in_any_byte_harms_nobody(void)
{
    struct shm_pair pair;
    unsigned char *ring;
    size_t written;
    size_t i;
    unsigned step = suite_is_long() ? 1 : 5 * suite_slowdown();

    shm_pair_init(&pair, RING, 0);
    ring = shm_area_data(&pair.data)->ring;
    written = write_one_of_each(&pair);
    read_to_the_end(&pair);
    CU_ASSERT_PTR_NULL(pair.reader.broken);
    CU_ASSERT_EQUAL(pair.reader.position, pair.writer.position);
    for (i = 0; i < written; i++) {
        unsigned char was = ring[i];
        unsigned value;

        for (value = (unsigned)i % step; value < 256; value += step) {
            ring[i] = (unsigned char)value;
            read_to_the_end(&pair);
        }
        ring[i] = was;
    }
    shm_pair_deinit(&pair);
}

/* ---- a process that scribbles ---- */

static uint64_t plausible(struct dice *dice, uint64_t near)
{
    switch (dice_below(dice, 4)) {
    case 0:
        return dice_throw(dice);
    case 1:
        return near + 8 * dice_below(dice, 64);
    case 2:
        return dice_below(dice, 300);
    default:
        return near;
    }
}

struct scribbler {
    struct shm_area area;
    uint64_t seed;
};

/* Words of the control page, until it is killed. */
static int scribble_control(void *userdata)
{
    struct scribbler *scribbler = userdata;
    struct shm_area area;
    struct shm_control *control;
    struct dice dice;
    size_t at;

    if (shm_area_attach(SHM_AREA_CONTROL, scribbler->area.fd, SHM_PAIR_LINK, &area, NULL) != MAIKO_OK)
        return 1;
    control = shm_area_control(&area);
    dice_init_seeded(&dice, scribbler->seed);
    while (control != NULL) {
        atomic_store(&control->consumed, plausible(&dice, atomic_load(&control->consumed)));
        atomic_store(&control->acknowledged, plausible(&dice, atomic_load(&control->acknowledged)));
        atomic_store(&control->asleep, (uint32_t)dice_throw(&dice));
        at = dice_below(&dice, SHM_CHUNKS_MAX);
        atomic_store(&control->slots[at], (uint32_t)plausible(&dice, 0));
        atomic_store(&control->returned, plausible(&dice, atomic_load(&control->returned)));
        at = dice_below(&dice, SHM_PAGE / 8);
        atomic_store((_Atomic uint64_t *)area.base + at, dice_throw(&dice));
    }
    return 1;
}

static void restart_writer(struct shm_pair *pair)
{
    shm_lending_deinit(&pair->lending);
    shm_lending_init(&pair->lending, &pair->chunks);
    shm_writer_init(&pair->writer, &pair->data, &pair->control, 0);
}

static void a_scribbling_reader_harms_nobody(void)
{
    struct shm_pair pair;
    struct scribbler scribbler = {.seed = random_first_seed(1)};
    struct child child;
    struct dice dice;
    unsigned long caught = 0;
    unsigned long rounds = suite_scale(1000000, 20000000) / suite_slowdown();

    shm_pair_init(&pair, RING, 0);
    scribbler.area = pair.control;
    dice_init_seeded(&dice, scribbler.seed + 1);
    CU_ASSERT_TRUE_FATAL(child_start(&child, scribble_control, &scribbler));
    for (; rounds > 0 || caught == 0; rounds -= rounds > 0) { /* the child may begin late */
        struct shm_draft draft = shm_draft_throw(&dice);

        if (shm_draft_write(&pair, &draft) != MAIKO_OK) {
            publish(&pair.writer);
            if (shm_lending_collect(&pair.lending, &pair.writer) != MAIKO_OK)
                CU_ASSERT_PTR_NOT_NULL(pair.writer.broken);
            if (shm_writer_sleep(&pair.writer))
                shm_writer_awake(&pair.writer);
        }
        CU_ASSERT(pair.lending.count <= SHM_CHUNKS_MAX && shm_writer_used(&pair.writer) <= RING);
        if (pair.writer.broken != NULL) {
            caught++;
            restart_writer(&pair);
        }
    }
    child_signal(&child, SIGKILL);
    (void)child_end(&child, 60000);
    shm_pair_deinit(&pair);
}

static void scribble_record(struct shm_data *data, struct dice *dice)
{
    struct shm_record_header header = {.size = (uint32_t)(8 * dice_below(dice, 30))};

    header.kind = (uint8_t)dice_below(dice, SHM_RECORD_KINDS);
    header.flags = dice_percent(dice, 50) ? (uint8_t)dice_below(dice, 64) : 0;
    header.alike = dice_percent(dice, 30) ? (uint16_t)dice_below(dice, 4) : 0;
    header.len = (uint32_t)plausible(dice, 0);
    header.position = dice_below(dice, 4);
    if (dice_percent(dice, 50))
        header.len = (header.size - (uint32_t)sizeof(header)) / (header.alike + 1u);
    memcpy(data->ring + 8 * dice_below(dice, (RING - sizeof(header)) / 8), &header, sizeof(header));
}

/* The whole data memory, until it is killed. */
static int scribble_data(void *userdata)
{
    struct scribbler *scribbler = userdata;
    struct shm_data *data = shm_area_data(&scribbler->area);
    struct dice dice;

    dice_init_seeded(&dice, scribbler->seed);
    while (data != NULL) {
        scribble_record(data, &dice);
        if (dice_percent(&dice, 10)) {
            _Atomic uint64_t *word = (_Atomic uint64_t *)(void *)data->ring + dice_below(&dice, RING / 8);

            *word = dice_throw(&dice);
        }
        atomic_store(&data->head, plausible(&dice, atomic_load(&data->head)));
        atomic_store(&data->asleep, (uint32_t)dice_throw(&dice));
    }
    return 1;
}

/* A data memory that the child goes on writing to: mapped before the seal and, unlike ours, inherited. */
static void forge_data(struct shm_area *ret_area)
{
    struct shm_header header = {
        .magic = SHM_DATA_MAGIC, .version = SHM_VERSION, .abi = SHM_ABI, .bytes = RING + SHM_PAGE, .link = SHM_PAIR_LINK};
    int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CU_ASSERT_FATAL(fd >= 0 && ftruncate(fd, RING + SHM_PAGE) == 0);
    CU_ASSERT_EQUAL_FATAL(pwrite(fd, &header, sizeof(header), 0), (ssize_t)sizeof(header));
    *ret_area = (struct shm_area){.fd = fd, .kind = SHM_AREA_DATA, .bytes = RING + SHM_PAGE};
    ret_area->base = mmap(NULL, ret_area->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CU_ASSERT_FATAL(ret_area->base != MAP_FAILED);
    CU_ASSERT_EQUAL_FATAL(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | 0x10 | F_SEAL_SEAL), 0);
}

/* Reads from a random place until the first lie, which mostly comes at once. */
static unsigned long read_lies(struct shm_pair *pair, const struct shm_area *data, struct dice *dice)
{
    struct shm_reader *reader = &pair->reader;
    struct shm_record record;
    unsigned long believed = 0;

    shm_reader_init(reader, data, &pair->own_control, &pair->seen_payload, dice_below(dice, 4));
    reader->tail = reader->head = reader->confirmed = 8 * dice_below(dice, RING / 8);
    if (dice_percent(dice, 50))
        reader->head += 8 * dice_below(dice, RING / 8);
    while (believed < 100 && shm_reader_peek(reader, &record) == MAIKO_OK) {
        const unsigned char *payload = record.payload;

        if (record.payload != NULL && !record.is_chunk)
            memcpy(copied, record.payload, record.alike * shm_run_stride(record.len) + record.len);
        if (record.is_chunk && record.len > 0)
            copied[0] = payload[record.len - 1];
        shm_reader_next(reader);
        if (record.is_chunk)
            shm_reader_return(reader, record.slot);
        believed++;
    }
    if (shm_reader_sleep(reader))
        shm_reader_awake(reader);
    return believed;
}

static void a_scribbling_writer_harms_nobody(void)
{
    struct shm_pair pair;
    struct shm_area seen;
    struct scribbler scribbler = {.seed = random_first_seed(1)};
    struct child child;
    struct dice dice;
    unsigned long believed = 0;
    unsigned long rounds = suite_scale(1000000, 20000000) / suite_slowdown();

    shm_pair_init(&pair, RING, 0);
    forge_data(&scribbler.area);
    CU_ASSERT_EQUAL_FATAL(shm_area_attach(SHM_AREA_DATA, scribbler.area.fd, SHM_PAIR_LINK, &seen, NULL), MAIKO_OK);
    dice_init_seeded(&dice, scribbler.seed + 1);
    CU_ASSERT_TRUE_FATAL(child_start(&child, scribble_data, &scribbler));
    for (; rounds > 0 || believed == 0; rounds -= rounds > 0) /* lies that nobody believes test little */
        believed += read_lies(&pair, &seen, &dice);
    child_signal(&child, SIGKILL);
    (void)child_end(&child, 60000);
    shm_area_deinit(&seen);
    shm_area_deinit(&scribbler.area);
    shm_pair_deinit(&pair);
}

static const struct test_case cases[] = {
    TEST_CASE(a_reader_may_not_consume_what_is_not_there),
    TEST_CASE(a_reader_may_not_go_back),
    TEST_CASE(a_reader_may_not_acknowledge_what_was_not_sent),
    TEST_CASE(a_reader_may_only_return_what_it_has),
    TEST_CASE(head_is_checked),
    TEST_CASE(sizes_are_checked),
    TEST_CASE(kinds_flags_and_positions_are_checked),
    TEST_CASE(runs_are_checked),
    TEST_CASE(chunks_are_checked),
    TEST_CASE(pads_for_ever_are_noticed),
    TEST_CASE(any_value_in_any_byte_harms_nobody),
    TEST_CASE(a_scribbling_reader_harms_nobody),
    TEST_CASE(a_scribbling_writer_harms_nobody),
};

SUITE_MAIN("shm_hostile", cases)
