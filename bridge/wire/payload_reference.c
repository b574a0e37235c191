/* Payload, by reference: where a large event lies in memory that both processes have mapped, and the bytes of it that are not to
 * change under its reader: a msgpack ext of our own (PROTOCOL.md 5). */
#include <string.h>

#include "wire/payload_plan.h"

enum {
    EXT16 = 0xc8,
    EXT_TYPE = 1,
    AT_SLOT = 0, /* places in the ext, in the byte order of the machine */
    AT_LEN = 4,
    AT_HEAD = 12
};

static bool is_plain(const struct shape_field *field);

static bool are_plain(const struct shape *shape)
{
    size_t i;

    for (i = 0; i < shape->count; i++)
        if (!is_plain(&shape->fields[i]))
            return false;
    return true;
}

/* Is every value of its bytes a value of the field? */
static bool is_plain(const struct shape_field *field)
{
    switch ((maiko_kind)field->kind) {
    case MAIKO_KIND_INT8:
    case MAIKO_KIND_INT16:
    case MAIKO_KIND_INT32:
    case MAIKO_KIND_INT64:
    case MAIKO_KIND_UINT8:
    case MAIKO_KIND_UINT16:
    case MAIKO_KIND_UINT32:
    case MAIKO_KIND_UINT64:
    case MAIKO_KIND_FLOAT:
    case MAIKO_KIND_DOUBLE:
    case MAIKO_KIND_BYTES:
        return true;
    case MAIKO_KIND_STRUCT:
        return are_plain(field->nested);
    default:
        return false;
    }
}

bool payload_can_be_shared(const struct payload_plan *plan)
{
    return plan->tail != NULL && is_plain(plan->tail);
}

void payload_write_reference(struct pack *pack, const struct payload_reference *reference)
{
    size_t len = AT_HEAD + reference->head.len;
    uint8_t *at = len <= UINT16_MAX ? pack_space(pack, 4 + len) : NULL;

    if (at == NULL)
        return;
    *at++ = EXT16;
    *at++ = (uint8_t)(len >> 8);
    *at++ = (uint8_t)len;
    *at++ = EXT_TYPE;
    memcpy(at + AT_SLOT, &reference->slot, sizeof(reference->slot));
    memcpy(at + AT_LEN, &reference->len, sizeof(reference->len));
    memcpy(at + AT_HEAD, reference->head.data, reference->head.len);
    pack_add(pack, 4 + len);
}

bool payload_read_reference(struct slice payload, struct payload_reference *ret_reference)
{
    struct slice body;

    if (payload.len < 4 + AT_HEAD || payload.data[0] != EXT16 || payload.data[3] != EXT_TYPE)
        return false;
    body = (struct slice){.data = payload.data + 4, .len = payload.len - 4};
    if (body.len != ((size_t)payload.data[1] << 8 | payload.data[2]))
        return false;
    memcpy(&ret_reference->slot, body.data + AT_SLOT, sizeof(ret_reference->slot));
    memcpy(&ret_reference->len, body.data + AT_LEN, sizeof(ret_reference->len));
    ret_reference->head = (struct slice){.data = body.data + AT_HEAD, .len = body.len - AT_HEAD};
    return true;
}
