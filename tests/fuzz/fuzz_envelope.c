/* Envelopes from anybody, in every codec; the first byte says what type the payload is read as.  What is taken is a legal
 * event. */
#include <stdlib.h>

#include "lib/sample_events.h"
#include "wire/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define WIDER_FIELDS(F)                                                                                                          \
    F(STRUCT, best, mark)                                                                                                        \
    F(INT64, i32) F(BOOL, on) F(FLOAT, f64) F(STRING, name, 4) F(ARRAY, values, DOUBLE, 2) F(TAIL, samples, INT64)
MAIKO_EVENT(wider, "wider", WIDER_FIELDS)

static const maiko_event_type *const types[] = {MAIKO_TYPE(sample), MAIKO_TYPE(path), MAIKO_TYPE(line),
                                                MAIKO_TYPE(body),   MAIKO_TYPE(tick), MAIKO_TYPE(wider)};

static void check_event(const maiko_event_type *type, const void *event, size_t event_len)
{
    if (maiko_schema_validate(type, event, event_len, NULL, 0) != MAIKO_OK)
        __builtin_trap();
}

static void read_payload(const struct codec *codec, const maiko_event_type *type, const struct foreign_type *foreign,
                         struct slice payload)
{
    struct payload_plan *plan = NULL;
    char reason[256];
    struct text error;
    size_t event_len = 0;
    void *event;

    text_init_buffer(&error, reason, sizeof(reason));
    if (payload_plan_new(heap_default(), type, foreign, &plan, &error) != MAIKO_OK)
        return;
    if (codec->payload_len(plan, payload, &event_len, &error) == MAIKO_OK) {
        event = malloc(event_len > 0 ? event_len : 1);
        if (event != NULL && codec->read_payload(plan, payload, event, event_len, &error) == MAIKO_OK)
            check_event(type, event, event_len);
        free(event);
    }
    payload_plan_free(plan);
}

/* As a link does: written by a peer whose type differs from ours. */
static void read_as_foreign(struct slice payload)
{
    struct foreign_type *foreign = NULL;
    struct pack pack;

    pack_init(&pack, heap_default(), 65536);
    foreign_type_write(&pack, MAIKO_TYPE(sample), 1);
    if (foreign_type_read(heap_default(), pack_slice(&pack), &foreign, NULL) == MAIKO_OK)
        read_payload(&codec_msgpack, MAIKO_TYPE(wider), foreign, payload);
    foreign_type_free(foreign);
    pack_deinit(&pack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct wire_envelope envelope;
    const struct codec *codec;
    struct slice kind;
    char reason[256];
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    if (len < 1)
        return 0;
    codec = codec_of_frame(data + 1, len - 1);
    if (codec == NULL || codec->read(data + 1, len - 1, &envelope, &kind, &error) != MAIKO_OK)
        return 0;
    read_payload(codec, types[data[0] % (sizeof(types) / sizeof(types[0]))], NULL, envelope.payload);
    if (codec == &codec_msgpack && data[0] >= 0x80)
        read_as_foreign(envelope.payload);
    return 0;
}
