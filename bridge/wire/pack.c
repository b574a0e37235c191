/* Pack: msgpack-c's packer on a buffer of a struct heap. */
#include "wire/pack.h"

#include <msgpack.h>
#include <string.h>

#include "base/utf8.h"

enum { PACK_FIRST_SIZE = 512 };

void pack_init(struct pack *pack, struct heap *heap, size_t max)
{
    *pack = (struct pack){.heap = heap, .max = max, .status = MAIKO_OK};
}

void pack_deinit(struct pack *pack)
{
    heap_free(pack->heap, pack->data, pack->size);
    *pack = (struct pack){.heap = pack->heap, .max = pack->max, .status = MAIKO_OK};
}

void pack_clear(struct pack *pack)
{
    pack->len = 0;
    pack->status = MAIKO_OK;
}

/* Makes room for len more bytes, or remembers why not. */
static bool grow(struct pack *pack, size_t len)
{
    size_t size = pack->size > 0 ? pack->size : PACK_FIRST_SIZE;
    void *data;

    if (pack->status != MAIKO_OK)
        return false;
    if (len > pack->max - pack->len) {
        pack->status = MAIKO_ETOOLONG;
        return false;
    }
    while (size < pack->len + len)
        size *= 2;
    data = heap_resize(pack->heap, pack->data, pack->size, size);
    if (data == NULL) {
        pack->status = MAIKO_ENOMEM;
        return false;
    }
    pack->data = data;
    pack->size = size;
    return true;
}

/* A failed pack takes nothing more, so that what is there stays a prefix. */
static inline int append(struct pack *pack, const void *bytes, size_t len)
{
    if ((pack->status != MAIKO_OK || len > pack->size - pack->len || len > pack->max - pack->len) && !grow(pack, len))
        return -1;
    if (len > 0)
        memcpy(pack->data + pack->len, bytes, len);
    pack->len += len;
    return 0;
}

static int append_callback(void *pack, const char *bytes, size_t len)
{
    return append(pack, bytes, len);
}

#define PACKER(pack)                                                                                                             \
    {                                                                                                                            \
        .data = (pack), .callback = append_callback                                                                              \
    }

void pack_array(struct pack *pack, size_t count)
{
    msgpack_packer packer = PACKER(pack);

    msgpack_pack_array(&packer, count);
}

void pack_map(struct pack *pack, size_t count)
{
    msgpack_packer packer = PACKER(pack);

    msgpack_pack_map(&packer, count);
}

void pack_nil(struct pack *pack)
{
    msgpack_packer packer = PACKER(pack);

    msgpack_pack_nil(&packer);
}

void pack_bool(struct pack *pack, bool value)
{
    msgpack_packer packer = PACKER(pack);

    if (value)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void pack_uint(struct pack *pack, uint64_t value)
{
    msgpack_packer packer = PACKER(pack);

    msgpack_pack_uint64(&packer, value);
}

void pack_int(struct pack *pack, int64_t value)
{
    msgpack_packer packer = PACKER(pack);

    msgpack_pack_int64(&packer, value);
}

void pack_float(struct pack *pack, float value)
{
    msgpack_packer packer = PACKER(pack);

    msgpack_pack_float(&packer, value);
}

void pack_double(struct pack *pack, double value)
{
    msgpack_packer packer = PACKER(pack);

    msgpack_pack_double(&packer, value);
}

void pack_bin(struct pack *pack, const void *bytes, size_t len)
{
    msgpack_packer packer = PACKER(pack);

    msgpack_pack_bin(&packer, len);
    append(pack, bytes, len);
}

static void pack_str_len(struct pack *pack, const char *text, size_t len)
{
    msgpack_packer packer = PACKER(pack);

    msgpack_pack_str(&packer, len);
    append(pack, text, len);
}

void pack_str(struct pack *pack, const char *text)
{
    pack_str_len(pack, text, strlen(text));
}

void pack_text(struct pack *pack, const char *text, size_t len)
{
    if (utf8_is_valid(text, len))
        pack_str_len(pack, text, len);
    else
        pack_bin(pack, text, len);
}

void pack_id(struct pack *pack, maiko_id id)
{
    uint8_t bytes[16];
    unsigned i;

    if (maiko_id_is_nil(id)) {
        pack_nil(pack);
        return;
    }
    for (i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(id.hi >> (56 - 8 * i));
        bytes[8 + i] = (uint8_t)(id.lo >> (56 - 8 * i));
    }
    pack_bin(pack, bytes, sizeof(bytes));
}

void pack_raw(struct pack *pack, const void *bytes, size_t len)
{
    append(pack, bytes, len);
}

size_t pack_array_begin(struct pack *pack)
{
    static const uint8_t array32[5] = {0xdd, 0, 0, 0, 0};
    size_t place = pack->len;

    append(pack, array32, sizeof(array32));
    return place;
}

void pack_array_end(struct pack *pack, size_t place, size_t count)
{
    unsigned i;

    if (pack->status != MAIKO_OK)
        return;
    for (i = 0; i < 4; i++)
        pack->data[place + 1 + i] = (uint8_t)(count >> (24 - 8 * i));
}
