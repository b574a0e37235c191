/* Values: fields of an event by name, for programs that learn its type at run time only.
 *
 * A path names a field as C would: `name`, `best.at.x`, `values[2]`, `marks[1].label`, `samples[0]`.  All calls expect a type
 * that passes maiko_schema_check() and check type and length of the event themselves, never reading or writing outside of it.
 *  They return MAIKO_OK, MAIKO_EINVAL (NULL), MAIKO_ENOTFOUND (no such field or element), MAIKO_ETYPE (the field is of
 *  another kind, or the event is not legal),
 * and what is said below.  A ret_ is set, and an event changed, on MAIKO_OK only.
 * Threads: any, one at a time per event.  Blocking: never.  Nothing is allocated. */
#ifndef MAIKO_VALUE_H
#define MAIKO_VALUE_H

#include <maiko/event.h>

MAIKO_BEGIN_DECLS

/** An integer, BOOL or ENUM.  MAIKO_ELIMIT when the value does not fit into the result. */
MAIKO_API maiko_status maiko_value_get_int(const maiko_event_type *type, const void *event, size_t len, const char *path,
                                           int64_t *ret_value);
MAIKO_API maiko_status maiko_value_get_uint(const maiko_event_type *type, const void *event, size_t len, const char *path,
                                            uint64_t *ret_value);

/** A FLOAT or DOUBLE. */
MAIKO_API maiko_status maiko_value_get_double(const maiko_event_type *type, const void *event, size_t len, const char *path,
                                              double *ret_value);

/** A STRING, TEXT (no NUL behind it) or label of an ENUM; borrowed from event or type.  MAIKO_ENOTFOUND: a value without a
 * label. */
MAIKO_API maiko_status maiko_value_get_text(const maiko_event_type *type, const void *event, size_t len, const char *path,
                                            const char **ret_text, size_t *ret_len);

/** A BLOB or BYTES; borrowed from the event. */
MAIKO_API maiko_status maiko_value_get_bytes(const maiko_event_type *type, const void *event, size_t len, const char *path,
                                             const void **ret_bytes, size_t *ret_len);

/** Elements of an array or tail; 1 for other fields. */
MAIKO_API maiko_status maiko_value_count(const maiko_event_type *type, const void *event, size_t len, const char *path,
                                         size_t *ret_count);

/** An integer, BOOL or ENUM.  MAIKO_ELIMIT when the value does not fit into the field. */
MAIKO_API maiko_status maiko_value_set_int(const maiko_event_type *type, void *event, size_t len, const char *path,
                                           int64_t value);
MAIKO_API maiko_status maiko_value_set_uint(const maiko_event_type *type, void *event, size_t len, const char *path,
                                            uint64_t value);

/** A FLOAT (rounded to one; MAIKO_ELIMIT when a finite value is too large) or DOUBLE. */
MAIKO_API maiko_status maiko_value_set_double(const maiko_event_type *type, void *event, size_t len, const char *path,
                                              double value);

/** A STRING, or an ENUM by its label.  MAIKO_ETOOLONG, MAIKO_EUTF8; MAIKO_ENOTFOUND also for an unknown label. */
MAIKO_API maiko_status maiko_value_set_text(const maiko_event_type *type, void *event, size_t len, const char *path,
                                            const char *text);

/** A BLOB.  MAIKO_ETOOLONG.  A TEXT or BYTES tail is set by writing to the event: its length is part of the event's. */
MAIKO_API maiko_status maiko_value_set_bytes(const maiko_event_type *type, void *event, size_t len, const char *path,
                                             const void *bytes, size_t bytes_len);

MAIKO_END_DECLS

#endif
