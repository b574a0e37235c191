/* Peer: which types travel as native bytes.  The receiving side asks for those it knows with the same layout, type by type, once
 * it has met them; the sending side writes them so from then on, and turns what somebody else did not ask for into arrays. */
#include "link/peer_state.h"

#include <string.h>

/* ---- receiving ---- */

/* Without memory the type goes on as arrays. */
void peer_want_native(struct peer *peer, const struct inflow_channel *channel)
{
    const struct foreign_type *type = channel->channel.type;

    frame_write_native(&peer->natives, &(struct frame_native){.type = slice_of(type->type->name), .schema = type->hash});
    if (pack_status(&peer->natives) != MAIKO_OK) {
        pack_clear(&peer->natives);
        peer->native_count = 0;
        return;
    }
    peer->native_count++;
    inflow_take_native(&peer->inflow, channel);
}

void peer_ask_native(struct peer *peer, uint64_t now_ns)
{
    pack_clear(&peer->frame);
    frame_begin_native(&peer->frame, peer->session);
    pack_array(&peer->frame, peer->native_count);
    pack_raw(&peer->frame, peer->natives.data, peer->natives.len);
    pack_clear(&peer->natives);
    peer->native_count = 0;
    peer_send(peer, now_ns);
}

/* ---- sending ---- */

static bool is_set(const uint8_t *list, size_t size, uint32_t index)
{
    return index < size && list[index];
}

bool peer_knows_type(const struct peer *peer, uint32_t index)
{
    return peer->state == PEER_UP && is_set(peer->told_types, peer->told_types_size, index);
}

bool peer_takes_native(const struct peer *peer, uint32_t index)
{
    return peer->state == PEER_UP && is_set(peer->native_types, peer->native_types_size, index);
}

void peer_forget_native(struct peer *peer)
{
    if (peer->native_types_size > 0)
        memset(peer->native_types, 0, peer->native_types_size);
    exporter_review_types(peer->config.exporter);
}

/* Several descriptors of one type have one name and hash, and one layout. */
static void allow(struct peer *peer, const struct frame_native *native)
{
    struct exporter *exporter = peer->config.exporter;
    const struct export_type *type = NULL;

    while ((type = exporter_find_type(exporter, native->type, native->schema, type)) != NULL) {
        (void)peer_tell_once(peer, &peer->native_types, &peer->native_types_size, type->index);
        exporter_review_type(exporter, type->index);
    }
}

void peer_on_native(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    const struct peer_sink *sink = peer->config.sink;
    char reason[WIRE_TEXT_MAX + 1];
    struct frame_native native;
    struct text error;
    struct reader reader;
    uint32_t count = frame_array(frame->types, &reader);
    uint32_t i;

    text_init_buffer(&error, reason, sizeof(reason));
    if (peer->interest_number == 0 || sink->is_near == NULL || !sink->is_near(peer, peer->config.userdata))
        return; /* it gets arrays */
    if (count > WIRE_TYPES_MAX) {
        peer_fail(peer, MAIKO_EPROTOCOL, "native: too many types", now_ns);
        return;
    }
    for (i = 0; i < count; i++) {
        maiko_status status = frame_next_native(&reader, &native, &error);

        if (status != MAIKO_OK) {
            peer_fail(peer, status, reason, now_ns);
            return;
        }
        allow(peer, &native);
    }
}

/* An event record of the log whose payload is native bytes, for a peer that did not ask for them. */
void peer_write_converted(struct peer *peer, const struct retained_entry *entry, uint8_t index)
{
    const struct export_channel *channel = CONTAINER_OF(entry->channel, const struct export_channel, base);
    const struct retained_block *block = entry->block;
    const uint8_t *bytes = retained_bytes(entry, index);
    struct reader reader = reader_of((struct slice){bytes, entry->len});
    struct record record;

    peer->counters.converted++;
    if (block->rest != NULL) {
        pack_raw(&peer->frame, bytes, block->size - pack_bin_head_len(block->rest_len));
        payload_write_array(channel->type->plan, &peer->frame, block->rest);
        return;
    }
    if (frame_next_record(&reader, &record, NULL) != MAIKO_OK) {
        peer->frame.status = MAIKO_EINTERNAL; /* we wrote it */
        return;
    }
    pack_raw(&peer->frame, bytes, (size_t)(record.payload.data - bytes));
    payload_convert_native(channel->type->plan, record.payload, &peer->frame);
}
