/* Pack: msgpack values one after the other into a growing buffer.  Writing needs no checks: the first failure sticks and is asked
 * for at the end.  With reader.h all that knows the bytes of msgpack. */
#ifndef WIRE_PACK_H
#define WIRE_PACK_H

#include <string.h>

#include "base/heap.h"
#include <maiko/id.h>

/* Bytes somewhere else: borrowed. */
struct slice {
    const uint8_t *data;
    size_t len;
};

struct pack {
    struct heap *heap;
    uint8_t *data;
    size_t len;
    size_t size;
    size_t max; /* the most `len` may become */
    maiko_status status;
};

/* Allocates nothing yet.  MAIKO_ENOMEM or, past `max` bytes, MAIKO_ETOOLONG stick. */
void pack_init(struct pack *pack, struct heap *heap, size_t max);
void pack_deinit(struct pack *pack);

/* Empties it, forgets the failure, keeps the memory. */
void pack_clear(struct pack *pack);

/* Room for so many more bytes without another allocation.  False: no memory, which does not stick. */
bool pack_reserve(struct pack *pack, size_t len);

/* The function behind pack_space(): makes room, or remembers why not.  `size` never grows beyond `max`. */
bool pack_grow(struct pack *pack, size_t len);

/* For values of known size that are written by hand: room for `len` bytes, NULL when the pack has failed.  Those that were
 * written, at most as many, are added by pack_add(). */
static inline uint8_t *pack_space(struct pack *pack, size_t len)
{
    if ((pack->status != MAIKO_OK || len > pack->size - pack->len) && !pack_grow(pack, len))
        return NULL;
    return pack->data + pack->len;
}

static inline void pack_add(struct pack *pack, size_t len)
{
    pack->len += len;
}

/* Hands its memory over to the caller, *ret_size bytes of the heap of which `len` were used, and begins anew.  NULL: nothing was
 * written. */
uint8_t *pack_release(struct pack *pack, size_t *ret_size);

static inline maiko_status pack_status(const struct pack *pack)
{
    return pack->status;
}

/* Valid until the next write. */
static inline struct slice pack_slice(const struct pack *pack)
{
    return (struct slice){.data = pack->data, .len = pack->len};
}

/* So many elements, or pairs of key and value, follow.  The usual forms of what events are full of are written here, the _any
 * ones write all. */
void pack_array_any(struct pack *pack, size_t count);
static inline void pack_array(struct pack *pack, size_t count)
{
    uint8_t *at = count < 16 ? pack_space(pack, 1) : NULL;

    if (at == NULL) {
        pack_array_any(pack, count);
        return;
    }
    *at = (uint8_t)(0x90 | count);
    pack_add(pack, 1);
}

void pack_map(struct pack *pack, size_t count);

void pack_nil(struct pack *pack);
void pack_bool(struct pack *pack, bool value);
void pack_uint(struct pack *pack, uint64_t value);
void pack_int(struct pack *pack, int64_t value);
void pack_float(struct pack *pack, float value);
void pack_double(struct pack *pack, double value);
void pack_bin_any(struct pack *pack, const void *bytes, size_t len);
static inline void pack_bin(struct pack *pack, const void *bytes, size_t len)
{
    uint8_t *at = len <= UINT8_MAX ? pack_space(pack, 2 + len) : NULL;

    if (at == NULL) {
        pack_bin_any(pack, bytes, len);
        return;
    }
    at[0] = 0xc4;
    at[1] = (uint8_t)len;
    if (len > 0)
        memcpy(at + 2, bytes, len);
    pack_add(pack, 2 + len);
}

/* The head of a bin in memory of the caller's; returns what is behind it. */
enum { PACK_BIN_HEAD_MAX = 5 };
static inline uint8_t *pack_put_bin_head(uint8_t *at, size_t len)
{
    uint32_t four = __builtin_bswap32((uint32_t)len); /* the lowest byte in memory is the first: configure insists */
    uint16_t two = __builtin_bswap16((uint16_t)len);

    if (len <= UINT8_MAX) {
        at[0] = 0xc4;
        at[1] = (uint8_t)len;
        return at + 2;
    }
    at[0] = len <= UINT16_MAX ? 0xc5 : 0xc6;
    if (len <= UINT16_MAX) {
        memcpy(at + 1, &two, sizeof(two));
        return at + 1 + sizeof(two);
    }
    memcpy(at + 1, &four, sizeof(four));
    return at + 1 + sizeof(four);
}

/* The head of a bin whose bytes follow from elsewhere, and how long it is. */
void pack_bin_head(struct pack *pack, size_t len);
static inline size_t pack_bin_head_len(size_t len)
{
    return len <= UINT8_MAX ? 2 : len <= UINT16_MAX ? 3 : 5;
}

/* A str; the text is valid UTF-8. */
void pack_str(struct pack *pack, const char *text);

/* A str, or a bin when the bytes are not valid UTF-8. */
void pack_text(struct pack *pack, const char *text, size_t len);

/* Nil for the nil id, else a bin of 16 bytes. */
void pack_id(struct pack *pack, maiko_id id);

/* Bytes that are msgpack already. */
void pack_raw(struct pack *pack, const void *bytes, size_t len);

/* A place for an array header of fixed width, filled in by pack_array_end() when the count is known. */
size_t pack_array_begin(struct pack *pack);
void pack_array_end(struct pack *pack, size_t place, size_t count);

#endif
