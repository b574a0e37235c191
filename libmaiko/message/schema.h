/* Schema: the rules a type's descriptor and an event's bytes must keep. */
#ifndef MESSAGE_SCHEMA_H
#define MESSAGE_SCHEMA_H

#include <string.h>

#include "base/text.h"
#include <maiko/schema.h>

/* maiko_schema_check() with the reason in `error`, which may be NULL.  Once per type, when it is first seen. */
maiko_status schema_check(const maiko_event_type *type, struct text *error);

/* maiko_schema_hash().  Walks the table: keep the result. */
uint64_t schema_hash(const maiko_event_type *type);

/* maiko_schema_validate() without a reason, on a type that passed schema_check(). */
maiko_status schema_validate(const maiko_event_type *type, const void *payload, size_t len);

/* Of `count` events of `len` bytes each, one every `step` bytes: how many come before the first that is not legal. */
size_t schema_legal_in_run(const maiko_event_type *type, const void *first, size_t step, size_t count, size_t len);

/* schema_validate() with the reason in `error`, which may be NULL. */
maiko_status schema_explain(const maiko_event_type *type, const void *payload, size_t len, struct text *error);

/* What of the bytes of an event may be illegal, for who sends many of a type: with one blob and nothing else it is its length. */
struct schema_look {
    uint32_t blob_at;
    uint32_t blob_max; /* UINT32_MAX: there is more to look at, or nothing */
};

/* Of a type that passed schema_check(). */
struct schema_look schema_look_of(const maiko_event_type *type);

/* Are `type->size` bytes, without a tail, such an event? */
static inline bool schema_is_met(const maiko_event_type *type, struct schema_look look, const void *event)
{
    uint32_t len;

    if (look.blob_max == UINT32_MAX)
        return schema_validate(type, event, type->size) == MAIKO_OK;
    memcpy(&len, (const char *)event + look.blob_at, sizeof(len));
    return len <= look.blob_max;
}

/* The rules for names: a field's is a C identifier, a type's or struct's may hold `. : -` too; at most MAIKO_NAME_MAX bytes. */
bool schema_is_field_name(const char *name);
bool schema_is_type_name(const char *name);

/* What a label may be: 1..MAIKO_NAME_MAX bytes of UTF-8 without control characters. */
bool schema_is_label(const char *label);

#endif
