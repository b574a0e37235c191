/* JSON: an event as one line from its schema alone, and back.  Nothing is lost on the way, not even in readers that keep
 * numbers as doubles:
 *
 *     BOOL            true, false
 *     integers        a number up to 2^53 in magnitude, beyond it a string of digits; both are read, exactly
 *     FLOAT, DOUBLE   the shortest number that reads back the same; "NaN", "Infinity", "-Infinity"; a NaN with other bits
 *                     than the usual ones as {"$bin": …}
 *     STRING, TEXT    a string; bytes that are not UTF-8 as {"$bin": "base64"}.  A TEXT may hold NULs (\u0000).
 *     BLOB, BYTES     {"$bin": "base64"}
 *     ENUM            its label, or the number of a value without one; both are read
 *     ARRAY, TAIL     an array; TEXT and BYTES as above
 *     STRUCT          an object
 *
 * Reading is strict: a missing field is zero, but an unknown field, a field given twice, a value of another kind, out of
 * range or too long, a lone surrogate, bytes that are not UTF-8 and anything after the object are errors that name field and
 * place.  Control characters and the line separators of Unicode are written as escapes, so the line stays one line. */
#ifndef MAIKO_JSON_H
#define MAIKO_JSON_H

#include <maiko/event.h>

MAIKO_BEGIN_DECLS

/**
 * Write an event as JSON.
 *
 * @param type     passes maiko_schema_check().
 * @param len      bytes of the event, its tail included; the event is validated first.
 * @param buffer   receives the text and its NUL, cut when it does not fit; NULL with size 0 to ask for the length.
 * @param ret_len  bytes the whole text has, without the NUL; set on MAIKO_OK and MAIKO_ETOOLONG.  May be NULL.
 * @return MAIKO_OK, MAIKO_ETOOLONG (does not fit), MAIKO_EINVAL (NULL), MAIKO_ETYPE (not a legal event), MAIKO_ENOTSUP
 *         (local_only).
 * Threads: any.  Blocking: never.  Allocates nothing.
 */
MAIKO_API maiko_status maiko_event_to_json(const maiko_event_type *type, const void *event, size_t len, char *buffer, size_t size,
                                           size_t *ret_len);

/**
 * Read an event from JSON.
 *
 * @param type      passes maiko_schema_check().
 * @param json      UTF-8, json_len bytes, need not end with a NUL; read once from front to back.
 * @param event     receives fixed part and tail, every byte of them; NULL with size 0 to ask for the length.
 * @param ret_len   bytes the event has; set on MAIKO_OK and MAIKO_ETOOLONG.  May be NULL.
 * @param text      filled with the reason on failure (field, what is wrong, at which byte), "" otherwise; may be NULL with
 *                  text_size 0.
 * @return MAIKO_OK, MAIKO_ETOOLONG (does not fit into size bytes; what is there is not a whole event), MAIKO_EINVAL (NULL),
 *         MAIKO_ETYPE (not JSON, not of this type, or over MAIKO_EVENT_MAX), MAIKO_ENOTSUP (local_only).
 * Threads: any.  Blocking: never.  Allocates nothing.
 */
MAIKO_API maiko_status maiko_event_from_json(const maiko_event_type *type, const char *json, size_t json_len, void *event,
                                             size_t size, size_t *ret_len, char *text, size_t text_size);

MAIKO_END_DECLS

#endif
