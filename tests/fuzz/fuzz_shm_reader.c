/* Records of a shared ring from anybody: what the reader believes must lie within the ring and follow in position.
 * Input: head (8 bytes), where to begin (2 bytes), position (1 byte), then the bytes of the ring. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/shm_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { RING = 4096, PAYLOAD_PAGES = 4, PREFIX = 11 };

struct fuzzed {
    struct shm_area data;
    struct shm_area control;
    struct shm_area payload;
    struct shm_reader reader;
};

/* Exactly as large as the memory would be, so that the address sanitizer sees one byte too many. */
static void *block(size_t bytes)
{
    void *place = aligned_alloc(SHM_PAGE, bytes);

    if (place == NULL)
        abort();
    return memset(place, 0, bytes);
}

static void begin(struct fuzzed *fuzzed, const uint8_t *data, size_t len)
{
    struct shm_data *shared;
    uint16_t start;
    uint64_t head;

    fuzzed->data = (struct shm_area){.fd = -1, .base = block(SHM_PAGE + RING), .bytes = SHM_PAGE + RING};
    fuzzed->control = (struct shm_area){.fd = -1, .base = block(SHM_PAGE), .bytes = SHM_PAGE};
    fuzzed->payload =
        (struct shm_area){.fd = -1, .base = block(PAYLOAD_PAGES * SHM_PAGE), .bytes = (size_t)PAYLOAD_PAGES * SHM_PAGE};
    memcpy(&head, data, sizeof(head));
    memcpy(&start, data + 8, sizeof(start));
    shared = shm_area_data(&fuzzed->data);
    memcpy(shared->ring, data + PREFIX, len - PREFIX < RING ? len - PREFIX : RING);
    shm_reader_init(&fuzzed->reader, &fuzzed->data, &fuzzed->control, &fuzzed->payload, data[10]);
    fuzzed->reader.tail = fuzzed->reader.head = fuzzed->reader.confirmed = (uint64_t)(start & 0xfff8);
    atomic_store(&shared->head, head);
}

static void end(struct fuzzed *fuzzed)
{
    free(fuzzed->data.base);
    free(fuzzed->control.base);
    free(fuzzed->payload.base);
}

/* Touches every byte that the record promises; the sum, so that nothing is left out. */
static unsigned touch(const struct shm_record *record)
{
    const unsigned char *payload = record->payload;
    unsigned sum = 0;
    size_t i;

    for (i = 0; i < record->alike * shm_run_stride(record->len) + record->len; i++)
        sum += payload[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzzed fuzzed;
    struct shm_record record;
    volatile unsigned sum = 0;
    uint64_t position;

    if (len < PREFIX)
        return 0;
    begin(&fuzzed, data, len);
    position = fuzzed.reader.position;
    while (shm_reader_peek(&fuzzed.reader, &record) == MAIKO_OK) {
        if (record.position - position != record.loss.count)
            __builtin_trap();
        sum += touch(&record);
        if (record.len % 3 == 0)
            shm_reader_next_run(&fuzzed.reader);
        else
            shm_reader_next(&fuzzed.reader);
        position = fuzzed.reader.position;
        if (record.is_chunk && record.len % 2 == 0)
            shm_reader_return(&fuzzed.reader, record.slot);
    }
    if (fuzzed.reader.tail - fuzzed.reader.confirmed > RING)
        __builtin_trap();
    if (shm_reader_confirm(&fuzzed.reader, position))
        sum++;
    end(&fuzzed);
    return 0;
}
