/* Encoder, see <maiko/encoder.h>: a codec, a buffer, and what was worked out for each type so far. */
#include <maiko/encoder.h>
#include <maiko/schema.h>

#include "base/list.h"
#include "wire/envelope.h"

/* A type that was written before; the last one is in front, because runs of one type are usual. */
struct met_type {
    struct list link;
    const maiko_event_type *type;
    uint64_t hash;
    struct payload_plan *plan;
};

struct maiko_encoder {
    uint32_t magic;
    struct heap heap;
    const struct codec *codec;
    struct pack pack;
    struct list types;
};

#define ENCODER_MAGIC 0x6d61656eu /* "maen" */

maiko_status maiko_encoder_new(const char *codec, const maiko_allocator *allocator, maiko_encoder **ret_encoder)
{
    maiko_encoder *encoder;
    struct heap heap;

    if (codec == NULL || ret_encoder == NULL)
        return MAIKO_EINVAL;
    if (codec_by_name(codec) == NULL)
        return MAIKO_ENOTFOUND;
    heap_init(&heap, allocator, 0);
    encoder = heap_alloc_zeroed(&heap, 1, sizeof(*encoder));
    if (encoder == NULL)
        return MAIKO_ENOMEM;
    heap_init(&encoder->heap, allocator, 0);
    encoder->magic = ENCODER_MAGIC;
    encoder->codec = codec_by_name(codec);
    pack_init(&encoder->pack, &encoder->heap, PTRDIFF_MAX); /* an event is bounded, and no frame carries this */
    list_init(&encoder->types);
    *ret_encoder = encoder;
    return MAIKO_OK;
}

maiko_encoder *maiko_encoder_free(maiko_encoder *encoder)
{
    struct heap heap;
    struct list *link;

    if (encoder == NULL)
        return NULL;
    while ((link = list_pop_front(&encoder->types)) != NULL) {
        struct met_type *met = CONTAINER_OF(link, struct met_type, link);

        payload_plan_free(met->plan);
        heap_free(&encoder->heap, met, sizeof(*met));
    }
    pack_deinit(&encoder->pack);
    encoder->magic = 0;
    heap_init(&heap, &encoder->heap.allocator, 0);
    heap_free(&heap, encoder, sizeof(*encoder));
    return NULL;
}

static maiko_status meet(maiko_encoder *encoder, const maiko_event_type *type, struct met_type **ret_met)
{
    struct met_type *met = heap_alloc_zeroed(&encoder->heap, 1, sizeof(*met));
    maiko_status status = MAIKO_ENOMEM;

    if (met != NULL)
        status = payload_plan_new(&encoder->heap, type, NULL, &met->plan, NULL);
    if (status != MAIKO_OK) {
        heap_free(&encoder->heap, met, sizeof(*met));
        return status;
    }
    met->type = type;
    met->hash = maiko_schema_hash(type);
    list_push_front(&encoder->types, &met->link);
    *ret_met = met;
    return MAIKO_OK;
}

static maiko_status find_type(maiko_encoder *encoder, const maiko_event_type *type, struct met_type **ret_met)
{
    struct list *link;

    LIST_FOR_EACH (link, &encoder->types) {
        struct met_type *met = CONTAINER_OF(link, struct met_type, link);

        if (met->type != type)
            continue;
        list_remove(link);
        list_push_front(&encoder->types, link);
        *ret_met = met;
        return MAIKO_OK;
    }
    return meet(encoder, type, ret_met);
}

static struct wire_envelope envelope_of(const maiko_envelope *envelope, uint64_t hash)
{
    return (struct wire_envelope){.topic = slice_of(maiko_envelope_topic(envelope)),
                                  .type = slice_of(envelope->type->name),
                                  .sender = slice_of(maiko_envelope_sender(envelope)),
                                  .id = maiko_envelope_id(envelope),
                                  .parent = maiko_envelope_parent(envelope),
                                  .correlation = maiko_envelope_correlation(envelope),
                                  .time_ns = maiko_envelope_time(envelope),
                                  .schema = hash};
}

maiko_status maiko_encoder_write(maiko_encoder *encoder, const maiko_envelope *envelope, const void **ret_bytes, size_t *ret_len)
{
    struct wire_envelope written;
    struct met_type *met;
    maiko_status status;

    if (encoder == NULL || encoder->magic != ENCODER_MAGIC || envelope == NULL || ret_bytes == NULL || ret_len == NULL)
        return MAIKO_EINVAL;
    status = find_type(encoder, envelope->type, &met);
    if (status != MAIKO_OK)
        return status;
    written = envelope_of(envelope, met->hash);
    pack_clear(&encoder->pack);
    encoder->codec->write_publication(&encoder->pack, &written, met->plan, envelope->payload, envelope->payload_len);
    status = pack_status(&encoder->pack);
    if (status != MAIKO_OK)
        return status;
    *ret_bytes = encoder->pack.data;
    *ret_len = encoder->pack.len;
    return MAIKO_OK;
}
