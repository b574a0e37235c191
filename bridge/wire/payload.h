/* Payload: the bytes of an event as msgpack and back, by schema.  How to do it for one type is worked out once, into a plan.
 * Links carry an array of the fields' values, the open door a map of their names. */
#ifndef WIRE_PAYLOAD_H
#define WIRE_PAYLOAD_H

#include "wire/foreign_type.h"
#include "wire/reader.h"

struct payload_plan;

/*
 * `type` passes maiko_schema_check() and outlives the plan; so does `foreign`, the peer's idea of the type, when arrays are
 * read that were written by it.  NULL: the same type, by position.
 * MAIKO_OK; MAIKO_ENOTSUP (holds pointers), MAIKO_ETYPE (a field is of another kind there: `error` names it), MAIKO_ENOMEM.
 */
MAIKO_MUST_CHECK maiko_status payload_plan_new(struct heap *heap, const maiko_event_type *type,
                                               const struct foreign_type *foreign, struct payload_plan **ret_plan,
                                               struct text *error);

/* NULL is allowed; returns NULL. */
struct payload_plan *payload_plan_free(struct payload_plan *plan);

const maiko_event_type *payload_plan_type(const struct payload_plan *plan);

/* `event` is valid for the type. */
void payload_write_array(const struct payload_plan *plan, struct pack *pack, const void *event);
/*
 * The same but for the bytes of the tail, which end it and are borrowed: *ret_rest, of the event.  For types with a
 * tail of bytes; false for others: nothing was written.
 */
bool payload_write_array_head(const struct payload_plan *plan, struct pack *pack, const void *event, struct slice *ret_rest);

void payload_write_map(const struct payload_plan *plan, struct pack *pack, const void *event);

/* Bytes the event will have: the fixed part and the tail as long as it is in these bytes, which are one whole value, an array
 * or a
 * map.  MAIKO_OK, MAIKO_ETOOLONG, MAIKO_ETYPE. */
MAIKO_MUST_CHECK maiko_status payload_len(const struct payload_plan *plan, struct slice payload, size_t *ret_len,
                                          struct text *error);

/* Fills all `len` bytes, which payload_len() has found; what the bytes do not say is zero.  MAIKO_OK or MAIKO_ETYPE, with the
 * field and
 * what is wrong with it in `error` (may be NULL); `event` then holds something, but no event. */
MAIKO_MUST_CHECK maiko_status payload_read(const struct payload_plan *plan, struct slice payload, void *event, size_t len,
                                           struct text *error);

/* ---- Native bytes: a bin that holds the event as it lies in memory ---- */

/* Can events of the type be short enough as native bytes?  Then each is asked how much its strings and blobs leave unused. */
bool payload_is_compact(const struct payload_plan *plan);
bool payload_event_is_compact(const struct payload_plan *plan, const void *event);

/* Whatever they leave unused? */
bool payload_is_always_compact(const struct payload_plan *plan);

/* Is this whole value a bin, and not the array or map of the functions above? */
static inline bool payload_is_native(struct slice payload)
{
    return payload.len > 0 && *payload.data >= READER_BIN8 && *payload.data <= READER_BIN32;
}

/* `event` is valid for the type. */
void payload_write_native(const struct payload_plan *plan, struct pack *pack, const void *event);

/* For a plan that was made without a foreign type: bytes from anybody, as long as an event of the type may be.  Copy them, then
 * check the copy.  MAIKO_OK, MAIKO_ETYPE, MAIKO_ETOOLONG. */
MAIKO_MUST_CHECK maiko_status payload_native_bytes(const struct payload_plan *plan, struct slice payload, struct slice *ret_bytes,
                                                   struct text *error);

/* Is it valid for the type, as the supervisor asks of every send?  MAIKO_OK, MAIKO_ETYPE, MAIKO_ETOOLONG. */
MAIKO_MUST_CHECK maiko_status payload_check_native(const struct payload_plan *plan, const void *event, size_t len,
                                                   struct text *error);

/* The same in the two steps of the functions above. */
MAIKO_MUST_CHECK maiko_status payload_native_len(const struct payload_plan *plan, struct slice payload, size_t *ret_len,
                                                 struct text *error);
MAIKO_MUST_CHECK maiko_status payload_read_native(const struct payload_plan *plan, struct slice payload, void *event, size_t len,
                                                  struct text *error);

/* ---- By reference: native bytes that lie in memory of the sender, which the reader has mapped ---- */

struct payload_reference {
    uint32_t slot;     /* where, see shm/shm_slots.h */
    uint64_t len;      /* of the event */
    struct slice head; /* its first bytes, which are private: the fixed part and a little of the tail */
};

/* May its tail be read while others can write to it, because any bytes are values? */
bool payload_can_be_shared(const struct payload_plan *plan);

void payload_write_reference(struct pack *pack, const struct payload_reference *reference);

/* Is this whole value a reference?  Nothing in it is believed so far; the head is borrowed. */
bool payload_read_reference(struct slice payload, struct payload_reference *ret_reference);

/* Native bytes that payload_write_native() wrote, as payload_write_array() writes them. */
void payload_convert_native(const struct payload_plan *plan, struct slice payload, struct pack *pack);

#endif
