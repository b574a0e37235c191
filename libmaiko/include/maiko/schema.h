/* Schemas: what a type's descriptor says, checked, hashed, read, written to bytes, and built at run time.  What MAIKO_EVENT does
 * for a C program, these functions do for programs without the macros: other languages, tools, types that arrive from a peer. */
#ifndef MAIKO_SCHEMA_H
#define MAIKO_SCHEMA_H

#include <maiko/allocator.h>
#include <maiko/event.h>

MAIKO_BEGIN_DECLS

enum {
    MAIKO_SCHEMA_FIELDS_MAX = 4096, /* fields of a type, those of nested structs counted each time they are nested */
    MAIKO_LABELS_MAX = 4096         /* labels of one enum */
};

/* ---- Reading a descriptor ---- */

/** "int32", "string", …; "?" for other numbers.  Threads: any. */
MAIKO_API const char *maiko_kind_name(maiko_kind kind);

/** @return field number `index` of the type, NULL past the last.  Borrowed from the descriptor.  Threads: any. */
MAIKO_API const maiko_field *maiko_event_field(const maiko_event_type *type, size_t index);

/** @return the field of that name, or NULL. */
MAIKO_API const maiko_field *maiko_event_find_field(const maiko_event_type *type, const char *name);

/** The same two for a nested struct. */
MAIKO_API const maiko_field *maiko_struct_field(const maiko_struct *nested, size_t index);
MAIKO_API const maiko_field *maiko_struct_find_field(const maiko_struct *nested, const char *name);

/** @return the label of a value, or NULL when it has none. */
MAIKO_API const char *maiko_enum_label(const maiko_enum *labels, int32_t value);

/** @return MAIKO_OK and the value of a label, or MAIKO_ENOTFOUND. */
MAIKO_API maiko_status maiko_enum_value(const maiko_enum *labels, const char *label, int32_t *ret_value);

/**
 * Check a descriptor, however it was made: names, kinds, sizes, offsets in order without overlap and inside the struct, nesting
 * at most MAIKO_NESTING_MAX deep, nothing past the limits.  The library checks every type when it first meets it; its other
 * functions expect a descriptor that passes.
 *
 * @param text  filled with the reason on failure, "" otherwise; may be NULL with size 0.
 * @return MAIKO_OK, MAIKO_EINVAL (NULL), MAIKO_ETYPE.
 * Threads: any.  Blocking: never.
 */
MAIKO_API maiko_status maiko_schema_check(const maiko_event_type *type, char *text, size_t size);

/**
 * A number for what the bytes of an event mean: equal on every host, compiler and day for equal name and layout.
 *
 * It is FNV-1a with 64 bits over: the type's name with its NUL; size, tail_size, field count; then per field in order its name
 * with NUL, kind, form, offset, size, count, capacity; behind a STRUCT field the nested struct's name with NUL, size, field count
 * and fields.  Numbers are fed as eight bytes, lowest first.  Labels, topic and policies are not part of it: they may change
 * without changing the bytes.
 * Threads: any.  Blocking: never.
 */
MAIKO_API uint64_t maiko_schema_hash(const maiko_event_type *type);

/**
 * Are these bytes a legal event of the type?  Every send asks this.
 *
 * Refused: a length other than fixed part plus tail, a STRING without a final NUL, a BLOB longer than its capacity, a BOOL other
 * than 0 and 1.  Any value of an ENUM is legal, with a label or not: a peer may know more labels than we do.  Text need not be
 * valid UTF-8 (only maiko_set() insists).
 * @param text  filled with the reason (which field) on failure, "" otherwise; may be NULL with size 0.
 * @return MAIKO_OK, MAIKO_EINVAL (NULL), MAIKO_ETYPE (illegal bytes), MAIKO_ETOOLONG (over MAIKO_EVENT_MAX).
 * Threads: any.  Blocking: never.
 */
MAIKO_API maiko_status maiko_schema_validate(const maiko_event_type *type, const void *event, size_t len, char *text,
                                             size_t size);

MAIKO_END_DECLS

#endif
