/*
 * A ring of ours, and somebody who reads it and says how far: the words of the control memory and the slots in it may be
 * anything.  A script of what the writer does, and of what the reader says: true, as it follows from what can be read, or not.
 * Byte 0: the first position.
 *
 * Until it lies, everything arrives, in order, losses included.  A lie is seen or harmless: nothing is written over the end, no
 * more is out than was lent, and nothing is lost of the payload memory.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/failing_allocator.h"
#include "shm/shm_chunks.h"
#include "shm/shm_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { RING = SHM_RING_BYTES_MIN, CHUNK_PAGES = 16 };

struct play {
    const uint8_t *bytes;
    size_t len;
    struct heap heap;
    struct shm_area data;
    struct shm_area control; /* as the writer sees it */
    struct shm_area honest;  /* as an honest reader would have written it */
    struct shm_chunks chunks;
    struct shm_lending lending;
    struct shm_writer writer;
    struct shm_reader reader;
    bool has_lied;
};

static void require(bool truth)
{
    if (!truth)
        abort();
}

static unsigned take(struct play *play)
{
    if (play->len == 0)
        return 0;
    play->len--;
    return *play->bytes++;
}

static uint64_t take_number(struct play *play)
{
    uint64_t number = 0;
    unsigned digits = take(play) % 9;

    for (; digits > 0; digits--)
        number = number << 8 | take(play);
    return number;
}

/* Exactly as large as the memory would be, so that the address sanitizer sees one byte too many. */
static struct shm_area area_of(size_t bytes)
{
    struct shm_area area = {.fd = -1, .base = aligned_alloc(SHM_PAGE, bytes), .bytes = bytes};

    require(area.base != NULL);
    memset(area.base, 0, bytes);
    return area;
}

/* ---- the writer ---- */

static void commit(struct play *play, const struct shm_event *event, void *payload)
{
    uint64_t position;

    if (payload != NULL)
        memset(payload, (int)(event->id_lo & 0xff), event->len);
    position = shm_writer_commit(&play->writer);
    require(event->kind == SHM_RECORD_FRAME || position + 1 == play->writer.position);
}

static void write_record(struct play *play)
{
    static const enum shm_kind kinds[] = {SHM_RECORD_EVENT, SHM_RECORD_NOTE, SHM_RECORD_FRAME, SHM_RECORD_EVENT};
    unsigned how = take(play);
    struct shm_event event = {.kind = kinds[how % 4],
                              .is_msgpack = (how & 4) != 0,
                              .channel = how,
                              .id_lo = how,
                              .time_ns = 1,
                              .parent = {how & 8, 0},
                              .correlation = {how & 16, 0},
                              .len = how >> 5 == 7 ? SHM_BODY_MAX + (how & 1) : take(play) * (how >> 5) * 8};
    void *payload = NULL;
    maiko_status status = shm_writer_reserve(&play->writer, &event, &payload);

    require(status == MAIKO_OK || play->writer.open == 0);
    if (status != MAIKO_OK)
        return;
    require((unsigned char *)payload >= play->writer.data->ring &&
            (unsigned char *)payload + event.len <= play->writer.data->ring + RING);
    commit(play, &event, payload);
}

static void put_run(struct play *play)
{
    const struct shm_run run = {.channel = 1, .id_lo = 2, .time_ns = 3, .len = take(play) * 16};
    const uint32_t most = 1 + play->writer.position % 5;
    uint64_t before = play->writer.position;
    void *payloads;
    uint32_t count = shm_writer_put(&play->writer, &run, most, &payloads);

    require(count <= most && play->writer.position == before + count && (count == 0) == (payloads == NULL));
    if (count > 0)
        memset(payloads, 2, (count - 1) * shm_run_stride(run.len) + run.len);
}

static void abort_record(struct play *play)
{
    struct shm_event event = {.kind = SHM_RECORD_EVENT, .len = take(play)};
    uint64_t head = play->writer.head;
    void *payload;

    if (shm_writer_reserve(&play->writer, &event, &payload) != MAIKO_OK)
        return;
    shm_writer_abort(&play->writer);
    require(play->writer.head - head < RING); /* a pad at most */
}

static void write_chunk(struct play *play)
{
    size_t len = (size_t)take(play) * 512;
    struct shm_chunk *chunk = NULL;
    struct shm_chunk_ref ref;
    struct shm_event event = {.kind = SHM_RECORD_EVENT, .id_lo = 1, .len = (uint32_t)len, .chunk = &ref};
    void *payload = NULL;

    if (shm_chunks_take(&play->chunks, len, &chunk) != MAIKO_OK)
        return;
    memset(shm_chunk_bytes(&play->chunks, chunk), 1, len);
    if (shm_lending_lend(&play->lending, chunk, &ref) == MAIKO_OK) {
        if (shm_writer_reserve(&play->writer, &event, &payload) == MAIKO_OK)
            commit(play, &event, payload);
        else
            shm_lending_revoke(&play->lending, ref.slot);
    }
    shm_chunk_unref(&play->chunks, chunk);
}

static void refresh(struct play *play)
{
    maiko_status status = shm_writer_refresh(&play->writer);

    if (status == MAIKO_OK)
        status = shm_lending_collect(&play->lending, &play->writer);
    require((status == MAIKO_OK) == (play->writer.broken == NULL));
    require(status == MAIKO_OK || play->has_lied);
    require(play->lending.count <= SHM_CHUNKS_MAX && play->chunks.pages_out <= CHUNK_PAGES);
}

static void sleep_or_not(struct play *play)
{
    if (!shm_writer_sleep(&play->writer))
        return;
    require(play->writer.broken == NULL && !shm_writer_has_batch(&play->writer));
    shm_writer_awake(&play->writer);
}

/* ---- the reader ---- */

/* What is there, at most so many; what was a lie before may have ruined it. */
static void read_some(struct play *play, unsigned most)
{
    struct shm_record record;
    volatile unsigned sum = 0;

    for (; most > 0 && shm_reader_peek(&play->reader, &record) == MAIKO_OK; most--) {
        uint64_t before = play->reader.position;
        uint32_t i;

        for (i = 0; i < record.alike * shm_run_stride(record.len) + record.len; i++)
            sum += ((const unsigned char *)record.payload)[i];
        if (most % 2 == 0)
            shm_reader_next_run(&play->reader);
        else
            shm_reader_next(&play->reader);
        require(play->reader.position - before >= record.loss.count);
        if (record.is_chunk)
            shm_reader_return(&play->reader, record.slot);
    }
    (void)sum;
    require(play->reader.broken == NULL || play->has_lied);
    if (play->reader.broken == NULL)
        (void)!shm_reader_confirm(&play->reader, play->reader.position);
}

/* As it is. */
static void tell(struct play *play)
{
    struct shm_control *honest = shm_area_control(&play->honest);
    struct shm_control *control = shm_area_control(&play->control);
    unsigned i;

    for (i = 0; i < SHM_CHUNKS_MAX; i++)
        atomic_store(&control->slots[i], atomic_load(&honest->slots[i]));
    atomic_store(&control->acknowledged, atomic_load(&honest->acknowledged));
    atomic_store(&control->returned, atomic_load(&honest->returned));
    atomic_store(&control->consumed, atomic_load(&honest->consumed));
}

/* From what it said last, or anything. */
static void lie(struct play *play)
{
    struct shm_control *control = shm_area_control(&play->control);
    _Atomic uint64_t *const words[] = {&control->consumed, &control->acknowledged, &control->returned};
    unsigned how = take(play);
    uint64_t number = take_number(play);

    play->has_lied = true;
    if (how % 4 < 3)
        atomic_store(words[how % 4], (how & 4 ? atomic_load(words[how % 4]) : 0) + number);
    else
        atomic_store(&control->slots[how / 4], (uint32_t)number);
}

static void step(struct play *play)
{
    switch (take(play) % 12) {
    case 0:
        write_record(play);
        break;
    case 1:
        put_run(play);
        break;
    case 2:
        abort_record(play);
        break;
    case 3:
        (void)!shm_writer_publish(&play->writer);
        break;
    case 4:
        shm_writer_lose(&play->writer, take(play), take(play) % 5);
        break;
    case 5:
        (void)!shm_writer_tell_loss(&play->writer);
        break;
    case 6:
        refresh(play);
        break;
    case 7:
        sleep_or_not(play);
        break;
    case 8:
        write_chunk(play);
        break;
    case 9:
        read_some(play, 1 + take(play));
        break;
    case 10:
        tell(play);
        break;
    default:
        lie(play);
    }
    require(shm_writer_used(&play->writer) <= RING && play->writer.published - play->writer.consumed <= RING);
    require(play->writer.acknowledged <= play->writer.position && play->writer.open <= RING);
}

/* What was written until now is what can be read. */
static void read_rest(struct play *play)
{
    (void)!shm_writer_publish(&play->writer);
    read_some(play, UINT32_MAX);
    tell(play);
    refresh(play);
    if (!play->has_lied)
        require(play->reader.position == play->writer.position && play->writer.acknowledged == play->writer.position &&
                play->lending.count == 0 && play->chunks.pages_out == 0);
}

static void play_all(struct play *play)
{
    uint64_t first = take(play);

    play->data = area_of(SHM_PAGE + RING);
    play->control = area_of(SHM_PAGE);
    play->honest = area_of(SHM_PAGE);
    require(shm_chunks_init(&play->chunks, &play->heap, (uint64_t)CHUNK_PAGES * SHM_PAGE, 1, NULL) == MAIKO_OK);
    shm_lending_init(&play->lending, &play->chunks);
    shm_writer_init(&play->writer, &play->data, &play->control, first);
    shm_reader_init(&play->reader, &play->data, &play->honest, &play->chunks.area, first);
    while (play->len > 0)
        step(play);
    read_rest(play);
    shm_lending_deinit(&play->lending);
    require(play->chunks.pages_out == 0);
    shm_chunks_deinit(&play->chunks);
    free(play->data.base);
    free(play->control.base);
    free(play->honest.base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct failing_allocator allocator;
    struct play play = {.bytes = data, .len = len};

    failing_allocator_init(&allocator);
    heap_init(&play.heap, &allocator.allocator, 0);
    play_all(&play);
    require(failing_allocator_is_balanced(&allocator));
    return 0;
}
