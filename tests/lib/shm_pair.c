/* Shm pair: see shm_pair.h. */
#include "lib/shm_pair.h"

#include <string.h>

#include "lib/suite.h"

static void attach(enum shm_area_kind kind, const struct shm_area *area, struct shm_area *ret_area)
{
    const char *reason = "";
    maiko_status status = shm_area_attach(kind, area->fd, SHM_PAIR_LINK, ret_area, &reason);

    if (status != MAIKO_OK)
        SUITE_FAIL("attach %d: %s", (int)kind, reason);
    CU_ASSERT_EQUAL_FATAL(status, MAIKO_OK);
}

void shm_pair_init(struct shm_pair *pair, uint64_t ring_bytes, uint64_t first)
{
    memset(pair, 0, sizeof(*pair));
    failing_allocator_init(&pair->memory);
    heap_init(&pair->heap, &pair->memory.allocator, 0);
    CU_ASSERT_EQUAL_FATAL(shm_area_create(SHM_AREA_DATA, ring_bytes, SHM_PAIR_LINK, &pair->data, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_area_create(SHM_AREA_CONTROL, 0, SHM_PAIR_LINK, &pair->control, NULL), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(shm_chunks_init(&pair->chunks, &pair->heap, (uint64_t)SHM_PAIR_PAGES * SHM_PAGE, SHM_PAIR_LINK, NULL),
                          MAIKO_OK);
    attach(SHM_AREA_DATA, &pair->data, &pair->seen_data);
    attach(SHM_AREA_CONTROL, &pair->control, &pair->own_control);
    attach(SHM_AREA_PAYLOAD, &pair->chunks.area, &pair->seen_payload);
    shm_lending_init(&pair->lending, &pair->chunks);
    shm_writer_init(&pair->writer, &pair->data, &pair->control, first);
    shm_reader_init(&pair->reader, &pair->seen_data, &pair->own_control, &pair->seen_payload, first);
}

void shm_pair_deinit(struct shm_pair *pair)
{
    shm_area_deinit(&pair->seen_data);
    shm_area_deinit(&pair->own_control);
    shm_area_deinit(&pair->seen_payload);
    shm_lending_deinit(&pair->lending);
    CU_ASSERT_EQUAL(pair->chunks.pages_out, 0);
    shm_chunks_deinit(&pair->chunks);
    shm_area_deinit(&pair->data);
    shm_area_deinit(&pair->control);
    CU_ASSERT(failing_allocator_is_balanced(&pair->memory));
}

static maiko_id throw_id(struct dice *dice)
{
    maiko_id id = {.hi = 0, .lo = 0};

    if (dice_percent(dice, 30)) {
        id.hi = dice_throw(dice);
        id.lo = dice_throw(dice);
    }
    return id;
}

struct shm_draft shm_draft_throw(struct dice *dice)
{
    struct shm_draft draft = {.event = {.kind = SHM_RECORD_EVENT}};

    if (dice_percent(dice, 10))
        draft.event.kind = dice_percent(dice, 50) ? SHM_RECORD_NOTE : SHM_RECORD_FRAME;
    draft.event.is_msgpack = dice_percent(dice, 20);
    draft.event.channel = (uint32_t)dice_throw(dice);
    draft.event.id_lo = dice_throw(dice);
    draft.event.time_ns = dice_throw(dice);
    draft.event.parent = throw_id(dice);
    draft.event.correlation = throw_id(dice);
    draft.event.len = (uint32_t)dice_below(dice, dice_percent(dice, 5) ? SHM_BODY_MAX + 1 : 100);
    draft.fill = (uint8_t)dice_throw(dice);
    if (dice_percent(dice, 5))
        draft.chunk_len = draft.event.len = 1 + (uint32_t)dice_below(dice, 4 * SHM_PAGE);
    return draft;
}

static maiko_status lend(struct shm_pair *pair, const struct shm_draft *draft, struct shm_chunk_ref *ret_ref)
{
    struct shm_chunk *chunk;
    maiko_status status = shm_writer_refresh(&pair->writer);

    if (status == MAIKO_OK)
        status = shm_lending_collect(&pair->lending, &pair->writer);
    if (status == MAIKO_OK)
        status = shm_chunks_take(&pair->chunks, draft->chunk_len, &chunk);
    if (status != MAIKO_OK)
        return status;
    memset(shm_chunk_bytes(&pair->chunks, chunk), draft->fill, draft->chunk_len);
    status = shm_lending_lend(&pair->lending, chunk, ret_ref);
    shm_chunk_unref(&pair->chunks, chunk);
    return status;
}

maiko_status shm_draft_write(struct shm_pair *pair, const struct shm_draft *draft)
{
    struct shm_event event = draft->event;
    struct shm_chunk_ref ref;
    maiko_status status = MAIKO_OK;
    void *payload;

    if (draft->chunk_len > 0) {
        status = lend(pair, draft, &ref);
        event.chunk = &ref;
    }
    if (status != MAIKO_OK)
        return status;
    status = shm_writer_reserve(&pair->writer, &event, &payload);
    if (status != MAIKO_OK) {
        if (draft->chunk_len > 0)
            shm_lending_revoke(&pair->lending, ref.slot);
        return status;
    }
    if (payload != NULL)
        memset(payload, draft->fill, event.len);
    shm_writer_commit(&pair->writer);
    return MAIKO_OK;
}

bool shm_draft_equals(const struct shm_draft *draft, const struct shm_record *record, unsigned char *copy)
{
    const struct shm_event *event = &draft->event;
    const unsigned char *bytes = record->payload;
    uint32_t i;

    if (record->kind != event->kind || record->is_msgpack != event->is_msgpack || record->channel != event->channel ||
        record->len != event->len || record->id_lo != event->id_lo || record->time_ns != event->time_ns ||
        !maiko_id_equal(record->parent, event->parent) || !maiko_id_equal(record->correlation, event->correlation) ||
        record->is_chunk != (draft->chunk_len > 0))
        return false;
    if (!record->is_chunk)
        bytes = memcpy(copy, record->payload, record->len);
    for (i = 0; i < record->len && bytes[i] == draft->fill; i++)
        ;
    return i == record->len;
}
