/* Map: a msgpack map read into a struct by a table of keys.  Unknown keys are skipped, missing ones leave what is there. */
#ifndef WIRE_MAP_H
#define WIRE_MAP_H

#include "wire/reader.h"

enum map_kind {
    MAP_UINT,  /* uint64_t */
    MAP_BOOL,  /* bool */
    MAP_ID,    /* maiko_id */
    MAP_NAME,  /* struct slice: a str of at most WIRE_NAME_MAX bytes, UTF-8 without NUL */
    MAP_ARRAY, /* struct slice: the whole value, an array */
    MAP_VALUE, /* struct slice: the whole value, of any kind */
    MAP_BIN    /* struct slice: what is in the bin */
};

struct map_key {
    const char *key;
    uint8_t kind;
    bool is_required; /* and, if a name, not empty */
    uint16_t offset;  /* in the struct */
};

enum { MAP_KEYS_MAX = 64 };

/* MAIKO_OK, or MAIKO_EPROTOCOL with the key and what is wrong with it in `error` (may be NULL). */
MAIKO_MUST_CHECK maiko_status map_read(struct reader *reader, const struct map_key *keys, size_t key_count, void *ret_struct,
                                       struct text *error);

/* A str as MAP_NAME takes it. */
bool map_read_name(struct reader *reader, struct slice *ret_name);

#endif
