/* Foreign type: an event type as a peer announced it (PROTOCOL.md 5), checked and rebuilt, so that its events can be read by
 * programs that were not compiled with it. */
#ifndef WIRE_FOREIGN_TYPE_H
#define WIRE_FOREIGN_TYPE_H

#include "wire/reader.h"
#include <maiko/event.h>
#include <maiko/schema.h>

struct foreign_type {
    struct heap *heap;
    maiko_schema *schema;         /* owns what `type` is made of */
    const maiko_event_type *type; /* passes maiko_schema_check() */
    uint64_t hash;                /* as announced: equal to that of a local type only when the layouts are equal, too */
    bool is_native;               /* the peer was asked for its native bytes */
};

/* Announces a type that passes maiko_schema_check() and holds no pointers. */
void foreign_type_write(struct pack *pack, const maiko_event_type *type, uint64_t hash);

/* MAIKO_OK, MAIKO_EPROTOCOL (with the reason in `error`, which may be NULL), MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status foreign_type_read(struct heap *heap, struct slice bytes, struct foreign_type **ret_type,
                                                struct text *error);

/* NULL is allowed; returns NULL. */
struct foreign_type *foreign_type_free(struct foreign_type *foreign);

#endif
