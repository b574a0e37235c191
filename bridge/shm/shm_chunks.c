/* Chunks: pages of the payload memory and who has them, see shm_chunks.h. */
#include "shm/shm_chunks.h"

#include <string.h>

enum {
    RESERVE_BYTES = 1048576, /* memory is taken from the system in steps of this */
    BITS = 64
};

static uint32_t page_total(const struct shm_chunks *chunks)
{
    return (uint32_t)(chunks->area.bytes / SHM_PAGE);
}

static size_t map_words(const struct shm_chunks *chunks)
{
    return (page_total(chunks) + BITS - 1) / BITS;
}

maiko_status shm_chunks_init(struct shm_chunks *chunks, struct heap *heap, uint64_t bytes, uint64_t link, int *error)
{
    maiko_status status;

    memset(chunks, 0, sizeof(*chunks));
    chunks->heap = heap;
    status = shm_area_create(SHM_AREA_PAYLOAD, bytes, link, &chunks->area, error);
    if (status != MAIKO_OK) {
        chunks->area.fd = -1;
        return status;
    }
    chunks->used = heap_alloc_zeroed(heap, map_words(chunks), sizeof(*chunks->used));
    if (chunks->used == NULL) {
        shm_area_deinit(&chunks->area);
        return MAIKO_ENOMEM;
    }
    chunks->page_count = page_total(chunks) - 1;
    chunks->reserved = SHM_PAGE;
    chunks->used[0] = 1; /* the header's page */
    chunks->lowest = 1;
    return MAIKO_OK;
}

void shm_chunks_deinit(struct shm_chunks *chunks)
{
    while (chunks->free_records != NULL) {
        struct shm_chunk *record = chunks->free_records;

        chunks->free_records = record->next_free;
        heap_free(chunks->heap, record, sizeof(*record));
    }
    if (chunks->used != NULL)
        heap_free(chunks->heap, chunks->used, map_words(chunks) * sizeof(*chunks->used));
    chunks->used = NULL;
    shm_area_deinit(&chunks->area);
}

static bool is_used(const struct shm_chunks *chunks, uint32_t page)
{
    return (chunks->used[page / BITS] >> page % BITS & 1) != 0;
}

static void mark(struct shm_chunks *chunks, uint32_t page, uint32_t pages, bool is_taken)
{
    for (; pages > 0; page++, pages--) {
        uint64_t bit = (uint64_t)1 << page % BITS;

        chunks->used[page / BITS] = is_taken ? chunks->used[page / BITS] | bit : chunks->used[page / BITS] & ~bit;
    }
}

/* First page of the lowest run of so many free ones; 0: there is none. */
static uint32_t find_run(struct shm_chunks *chunks, uint32_t pages)
{
    uint32_t total = page_total(chunks);
    uint32_t page = chunks->lowest;
    uint32_t run = 0;

    while (page < total) {
        if (run == 0 && page % BITS == 0 && chunks->used[page / BITS] == UINT64_MAX) {
            page += BITS;
            continue;
        }
        run = is_used(chunks, page) ? 0 : run + 1;
        page++;
        if (run == pages)
            return page - run;
    }
    return 0;
}

/* Memory behind the pages, taken in larger steps where there is that much.  False: the system has none. */
static bool back(struct shm_chunks *chunks, uint32_t page, uint32_t pages)
{
    size_t end = ((size_t)page + pages) * SHM_PAGE;
    size_t generous = (end + RESERVE_BYTES - 1) / RESERVE_BYTES * RESERVE_BYTES;

    if (end <= chunks->reserved)
        return true;
    if (generous > chunks->area.bytes)
        generous = chunks->area.bytes;
    if (shm_area_reserve(&chunks->area, chunks->reserved, generous) != MAIKO_OK) {
        if (shm_area_reserve(&chunks->area, chunks->reserved, end) != MAIKO_OK)
            return false;
        generous = end;
    }
    chunks->reserved = generous;
    return true;
}

static struct shm_chunk *new_record(struct shm_chunks *chunks)
{
    struct shm_chunk *record = chunks->free_records;

    if (record == NULL)
        return heap_alloc(chunks->heap, sizeof(*record));
    chunks->free_records = record->next_free;
    return record;
}

maiko_status shm_chunks_take(struct shm_chunks *chunks, size_t len, struct shm_chunk **ret_chunk)
{
    size_t need = len > 0 ? (len + SHM_PAGE - 1) / SHM_PAGE : 1;
    struct shm_chunk *chunk;
    uint32_t page;

    if (need > chunks->page_count)
        return MAIKO_ETOOLONG;
    page = find_run(chunks, (uint32_t)need);
    if (page == 0)
        return MAIKO_EFULL;
    if (!back(chunks, page, (uint32_t)need))
        return MAIKO_ENOMEM;
    chunk = new_record(chunks);
    if (chunk == NULL)
        return MAIKO_ENOMEM;
    *chunk = (struct shm_chunk){.page = page, .pages = (uint32_t)need, .refs = 1};
    mark(chunks, page, chunk->pages, true);
    if (page == chunks->lowest)
        chunks->lowest = page + chunk->pages;
    chunks->pages_out += chunk->pages;
    *ret_chunk = chunk;
    return MAIKO_OK;
}

void *shm_chunk_bytes(const struct shm_chunks *chunks, const struct shm_chunk *chunk)
{
    return (unsigned char *)chunks->area.base + (size_t)chunk->page * SHM_PAGE;
}

struct shm_chunk *shm_chunk_again(struct shm_chunk *chunk)
{
    chunk->refs++;
    return chunk;
}

void shm_chunk_unref(struct shm_chunks *chunks, struct shm_chunk *chunk)
{
    if (chunk == NULL || --chunk->refs > 0)
        return;
    mark(chunks, chunk->page, chunk->pages, false);
    if (chunk->page < chunks->lowest)
        chunks->lowest = chunk->page;
    chunks->pages_out -= chunk->pages;
    chunk->next_free = chunks->free_records;
    chunks->free_records = chunk;
}

/* ---- what one link has ---- */

void shm_lending_init(struct shm_lending *lending, struct shm_chunks *chunks)
{
    int slot;

    memset(lending, 0, sizeof(*lending));
    lending->chunks = chunks;
    for (slot = 0; slot < SHM_CHUNKS_MAX; slot++)
        lending->free_slots[slot] = (uint8_t)(SHM_CHUNKS_MAX - 1 - slot);
}

void shm_lending_deinit(struct shm_lending *lending)
{
    int slot;

    for (slot = 0; slot < SHM_CHUNKS_MAX && lending->count > 0; slot++)
        if (lending->lent[slot] != NULL)
            shm_lending_revoke(lending, (uint32_t)slot);
}

bool shm_lending_has_room(const struct shm_lending *lending, const struct shm_chunk *chunk)
{
    uint32_t share = lending->chunks->page_count / SHM_PAYLOAD_SHARE;

    return lending->count == 0 || (lending->count < SHM_CHUNKS_MAX && lending->pages + chunk->pages <= share);
}

maiko_status shm_lending_lend(struct shm_lending *lending, struct shm_chunk *chunk, struct shm_chunk_ref *ret_ref)
{
    uint8_t slot;

    if (!shm_lending_has_room(lending, chunk))
        return MAIKO_EFULL;
    slot = lending->free_slots[SHM_CHUNKS_MAX - 1 - lending->count];
    lending->count++;
    lending->pages += chunk->pages;
    lending->lent[slot] = shm_chunk_again(chunk);
    *ret_ref = (struct shm_chunk_ref){.slot = slot, .page = chunk->page};
    return MAIKO_OK;
}

void shm_lending_revoke(struct shm_lending *lending, uint32_t slot)
{
    struct shm_chunk *chunk = slot < SHM_CHUNKS_MAX ? lending->lent[slot] : NULL;

    if (chunk == NULL)
        return;
    lending->lent[slot] = NULL;
    lending->count--;
    lending->pages -= chunk->pages;
    lending->free_slots[SHM_CHUNKS_MAX - 1 - lending->count] = (uint8_t)slot;
    shm_chunk_unref(lending->chunks, chunk);
}

maiko_status shm_lending_collect(struct shm_lending *lending, struct shm_writer *writer)
{
    if (writer->broken == NULL && writer->returned - lending->collected > lending->count)
        writer->broken = "it returned more chunks than it had";
    while (writer->broken == NULL && lending->collected != writer->returned) {
        /* Relaxed: shm_writer_refresh() saw `returned` with acquire, and the reader does not write this slot again before the
         * chunk was lent anew.  A hostile one may: the value is checked like any other. */
        uint32_t slot = atomic_load_explicit(&writer->control->slots[lending->collected % SHM_CHUNKS_MAX],
                                             memory_order_relaxed); /* step: load_slot */

        if (slot >= SHM_CHUNKS_MAX || lending->lent[slot] == NULL) {
            writer->broken = "it returned a chunk it did not have";
            break;
        }
        shm_lending_revoke(lending, slot);
        lending->collected++;
    }
    return writer->broken == NULL ? MAIKO_OK : MAIKO_EPROTOCOL;
}
