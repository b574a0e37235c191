/* Pack: msgpack on a buffer of a struct heap.  What every event has (ints, ids, bytes, arrays) is written here, one store each;
 * the rest is msgpack-c's. */
#include "wire/pack.h"

#include <msgpack.h>
#include <string.h>

#include "base/utf8.h"

enum { PACK_FIRST_SIZE = 512, LARGE = 64 << 10, BESIDE_LARGE = 4 << 10 };

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

bool pack_reserve(struct pack *pack, size_t len)
{
    void *data;

    if (len <= pack->size - pack->len)
        return true;
    if (len > pack->max - pack->len)
        return false;
    data = heap_resize(pack->heap, pack->data, pack->size, pack->len + len);
    if (data == NULL)
        return false;
    pack->data = data;
    pack->size = pack->len + len;
    return true;
}

uint8_t *pack_release(struct pack *pack, size_t *ret_size)
{
    uint8_t *data = pack->data;

    *ret_size = pack->size;
    pack->data = NULL;
    pack->size = 0;
    pack_clear(pack);
    return data;
}

bool pack_grow(struct pack *pack, size_t len)
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
    /* one value that is larger than all before it is most of what comes: twice its room would only be given back, by copying */
    if (len >= LARGE && len >= pack->len && size - (pack->len + len) > BESIDE_LARGE)
        size = pack->len + len + BESIDE_LARGE;
    if (size > pack->max)
        size = pack->max;
    data = heap_resize(pack->heap, pack->data, pack->size, size);
    if (data == NULL) {
        pack->status = MAIKO_ENOMEM;
        return false;
    }
    pack->data = data;
    pack->size = size;
    return true;
}

/* Room for len bytes at the end, which the caller fills; NULL when the pack has failed: it takes nothing more, so that what is
 * there stays a prefix. */
static inline uint8_t *extend(struct pack *pack, size_t len)
{
    uint8_t *at = pack_space(pack, len);

    if (at != NULL)
        pack_add(pack, len);
    return at;
}

static inline int append(struct pack *pack, const void *bytes, size_t len)
{
    uint8_t *at = extend(pack, len);

    if (at != NULL && len > 0)
        memcpy(at, bytes, len);
    return at != NULL ? 0 : -1;
}

static int append_callback(void *pack, const char *bytes, size_t len)
{
    return append(pack, bytes, len);
}

#define PACKER(pack)                                                                                                             \
    {                                                                                                                            \
        .data = (pack), .callback = append_callback                                                                              \
    }

/* A first byte and a number of two, four or eight bytes behind it. */
static inline void put16(struct pack *pack, uint8_t first, uint16_t value)
{
    uint8_t *at = extend(pack, 1 + sizeof(value));

    if (at == NULL)
        return;
    value = __builtin_bswap16(value);
    *at = first;
    memcpy(at + 1, &value, sizeof(value));
}

static inline void put32(struct pack *pack, uint8_t first, uint32_t value)
{
    uint8_t *at = extend(pack, 1 + sizeof(value));

    if (at == NULL)
        return;
    value = __builtin_bswap32(value);
    *at = first;
    memcpy(at + 1, &value, sizeof(value));
}

static inline void put64(struct pack *pack, uint8_t first, uint64_t value)
{
    uint8_t *at = extend(pack, 1 + sizeof(value));

    if (at == NULL)
        return;
    value = __builtin_bswap64(value);
    *at = first;
    memcpy(at + 1, &value, sizeof(value));
}

static inline void put_byte(struct pack *pack, uint8_t byte)
{
    uint8_t *at = extend(pack, 1);

    if (at != NULL)
        *at = byte;
}

static inline void put_short(struct pack *pack, uint8_t first, uint8_t value)
{
    uint8_t *at = extend(pack, 2);

    if (at == NULL)
        return;
    at[0] = first;
    at[1] = value;
}

void pack_array_any(struct pack *pack, size_t count)
{
    if (count < 16)
        put_byte(pack, (uint8_t)(0x90 | count));
    else if (count < 65536)
        put16(pack, 0xdc, (uint16_t)count);
    else
        put32(pack, 0xdd, (uint32_t)count);
}

void pack_map(struct pack *pack, size_t count)
{
    msgpack_packer packer = PACKER(pack);

    msgpack_pack_map(&packer, count);
}

void pack_nil(struct pack *pack)
{
    put_byte(pack, 0xc0);
}

void pack_bool(struct pack *pack, bool value)
{
    put_byte(pack, value ? 0xc3 : 0xc2);
}

void pack_uint(struct pack *pack, uint64_t value)
{
    if (value < 0x80)
        put_byte(pack, (uint8_t)value);
    else if (value <= UINT8_MAX)
        put_short(pack, 0xcc, (uint8_t)value);
    else if (value <= UINT16_MAX)
        put16(pack, 0xcd, (uint16_t)value);
    else if (value <= UINT32_MAX)
        put32(pack, 0xce, (uint32_t)value);
    else
        put64(pack, 0xcf, value);
}

void pack_int(struct pack *pack, int64_t value)
{
    msgpack_packer packer = PACKER(pack);

    if (value >= 0)
        pack_uint(pack, (uint64_t)value);
    else
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

void pack_bin_head(struct pack *pack, size_t len)
{
    if (len <= UINT8_MAX)
        put_short(pack, 0xc4, (uint8_t)len);
    else if (len <= UINT16_MAX)
        put16(pack, 0xc5, (uint16_t)len);
    else
        put32(pack, 0xc6, (uint32_t)len);
}

void pack_bin_any(struct pack *pack, const void *bytes, size_t len)
{
    pack_bin_head(pack, len);
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
    if (len == 0) /* an empty slice may point nowhere */
        pack_str_len(pack, "", 0);
    else if (utf8_is_valid(text, len))
        pack_str_len(pack, text, len);
    else
        pack_bin(pack, text, len);
}

void pack_id(struct pack *pack, maiko_id id)
{
    uint64_t halves[2] = {__builtin_bswap64(id.hi), __builtin_bswap64(id.lo)};
    uint8_t *at;

    if (maiko_id_is_nil(id)) {
        put_byte(pack, 0xc0);
        return;
    }
    at = extend(pack, 2 + sizeof(halves));
    if (at == NULL)
        return;
    at[0] = 0xc4;
    at[1] = sizeof(halves);
    memcpy(at + 2, halves, sizeof(halves));
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
