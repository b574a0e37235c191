/* Parts: bytes of which most are written into a pack, and some, long runs that are there already, stay where they are until all
 * is copied to its place. */
#ifndef WIRE_PARTS_H
#define WIRE_PARTS_H

#include "wire/pack.h"

enum {
    PARTS_STAY_MAX = 64,   /* runs that stay */
    PARTS_STAY_FROM = 512, /* bytes: less is copied at once */
    PARTS_MAX = 2 * PARTS_STAY_MAX + 1
};

struct parts {
    size_t count;
    size_t len; /* bytes of all that stay */
    struct {
        size_t at; /* they follow so many bytes of the pack */
        struct slice bytes;
    } stays[PARTS_STAY_MAX];
};

static inline void parts_clear(struct parts *parts)
{
    parts->count = 0;
    parts->len = 0;
}

/* Bytes behind all that is in the pack.  False: they are to be written into it instead. */
static inline bool parts_add(struct parts *parts, const struct pack *pack, const void *bytes, size_t len)
{
    if (len < PARTS_STAY_FROM || parts->count == PARTS_STAY_MAX)
        return false;
    parts->stays[parts->count].at = pack->len;
    parts->stays[parts->count].bytes = (struct slice){.data = bytes, .len = len};
    parts->count++;
    parts->len += len;
    return true;
}

/* All in order, none of them empty; returns how many.  They are valid until the next write to the pack. */
static inline size_t parts_list(const struct parts *parts, const struct pack *pack, struct slice ret_list[PARTS_MAX])
{
    size_t count = 0;
    size_t done = 0;
    size_t i;

    for (i = 0; i <= parts->count; i++) {
        size_t until = i < parts->count ? parts->stays[i].at : pack->len;

        if (until > done)
            ret_list[count++] = (struct slice){.data = pack->data + done, .len = until - done};
        done = until;
        if (i < parts->count)
            ret_list[count++] = parts->stays[i].bytes;
    }
    return count;
}

#endif
