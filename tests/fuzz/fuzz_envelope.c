/* Envelopes from anybody, in every codec; the first byte says what type the payload is read as.  What is taken is a legal
 * event. */
#include <stdlib.h>
#include <string.h>

#include "lib/sample_events.h"
#include "wire/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define WIDER_FIELDS(F)                                                                                                          \
    F(STRUCT, best, mark)                                                                                                        \
    F(INT64, i32) F(BOOL, on) F(FLOAT, f64) F(STRING, name, 4) F(ARRAY, values, DOUBLE, 2) F(TAIL, samples, INT64)
MAIKO_EVENT(wider, "wider", WIDER_FIELDS)

static const maiko_event_type *const types[] = {MAIKO_TYPE(sample), MAIKO_TYPE(path), MAIKO_TYPE(line),
                                                MAIKO_TYPE(body),   MAIKO_TYPE(tick), MAIKO_TYPE(wider)};

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void check_event(const maiko_event_type *type, const void *event, size_t event_len)
{
    require(maiko_schema_validate(type, event, event_len, NULL, 0) == MAIKO_OK);
}

/* What was understood, written and read again, is the same event. */
static void write_again(const struct codec *codec, const struct payload_plan *plan, const struct wire_envelope *envelope,
                        const void *event, size_t event_len)
{
    static struct wire_envelope again; /* large */
    struct wire_published answer = {.number = envelope->number, .status = "payload", .text = "a\"b\n\xff\xc3\xa4"};
    struct pack pack;
    struct slice kind;
    size_t again_len = 0;
    void *second;

    pack_init(&pack, heap_default(), 64u << 20);
    codec->write_publication(&pack, envelope, plan, event, event_len);
    require(pack_status(&pack) == MAIKO_OK && codec->read(pack.data, pack.len, &again, &kind, NULL) == MAIKO_OK);
    require(again.topic.len == envelope->topic.len && again.seq == envelope->seq && maiko_id_equal(again.id, envelope->id));
    require(maiko_id_equal(again.origin, envelope->origin) && again.hops == envelope->hops);
    require(codec->payload_len(plan, again.payload, &again_len, NULL) == MAIKO_OK && again_len == event_len);
    second = malloc(event_len > 0 ? event_len : 1);
    require(second != NULL && codec->read_payload(plan, again.payload, second, event_len, NULL) == MAIKO_OK);
    require(memcmp(second, event, event_len) == 0);
    free(second);
    pack_clear(&pack);
    codec->write_published(&pack, &answer);
    require(pack_status(&pack) == MAIKO_OK && codec_of_frame(pack.data, pack.len) == codec);
    pack_deinit(&pack);
}

static void read_payload(const struct codec *codec, const maiko_event_type *type, const struct foreign_type *foreign,
                         const struct wire_envelope *envelope)
{
    struct slice payload = envelope->payload;
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
        if (event != NULL && codec->read_payload(plan, payload, event, event_len, &error) == MAIKO_OK) {
            check_event(type, event, event_len);
            write_again(codec, plan, envelope, event, event_len);
        }
        free(event);
    }
    payload_plan_free(plan);
}

/* As a link does: written by a peer whose type differs from ours. */
static void read_as_foreign(const struct wire_envelope *envelope)
{
    struct foreign_type *foreign = NULL;
    struct pack pack;

    pack_init(&pack, heap_default(), 65536);
    foreign_type_write(&pack, MAIKO_TYPE(sample), 1);
    if (foreign_type_read(heap_default(), pack_slice(&pack), &foreign, NULL) == MAIKO_OK)
        read_payload(&codec_msgpack, MAIKO_TYPE(wider), foreign, envelope);
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
    read_payload(codec, types[data[0] % (sizeof(types) / sizeof(types[0]))], NULL, &envelope);
    if (codec == &codec_msgpack && data[0] >= 0x80)
        read_as_foreign(&envelope);
    return 0;
}
