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

/* ---- Building a type at run time ---- */

/** A type under construction, and then the owner of the finished one. */
typedef struct maiko_schema maiko_schema;

/**
 * Begin a type.
 *
 * @param name       of the type; copied, as is every text below.
 * @param allocator  NULL: malloc and free; copied.
 * @return the schema, owned by the caller, or NULL when out of memory.  A bad name sticks as the first failure.
 * Threads: one at a time, this and all below.  Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_schema *maiko_schema_new(const char *name, const maiko_allocator *allocator);

/** Free it and the type it made, which no supervisor, subscription or event may use any more.  NULL is allowed. */
MAIKO_API void maiko_schema_free(maiko_schema *schema);

/*
 * The calls below add to the type.  The first failure sticks: later calls return it and change nothing, and
 * maiko_schema_finish() hands it out, so that building needs no ladder of ifs.  They return MAIKO_OK, MAIKO_EINVAL (NULL),
 * MAIKO_ENAME (not an identifier, or given twice), MAIKO_ETYPE (kind or form that cannot stand there, or behind a tail),
 * MAIKO_ETOOLONG (over MAIKO_EVENT_MAX), MAIKO_ELIMIT (too many fields or labels, nested too deep), MAIKO_ESTATE (already
 * finished), MAIKO_ENOMEM.  Fields are laid out as a C compiler would.
 */

/** The constant topic; MAIKO_DEFAULT_TOPIC when never called; NULL: none, every send names its topic. */
MAIKO_API maiko_status maiko_schema_topic(maiko_schema *schema, const char *topic);

/** What MAIKO_EVENT_WITH takes as options. */
MAIKO_API maiko_status maiko_schema_policy(maiko_schema *schema, maiko_overflow overflow, bool sticky, bool control);

/** One number or truth value: BOOL, INT8 to UINT64, FLOAT, DOUBLE. */
MAIKO_API maiko_status maiko_schema_add(maiko_schema *schema, maiko_kind kind, const char *name);

/** `count` of them in an array. */
MAIKO_API maiko_status maiko_schema_add_array(maiko_schema *schema, maiko_kind kind, const char *name, size_t count);

/** A STRING of `capacity` bytes with its NUL, or a BLOB of `capacity` bytes. */
MAIKO_API maiko_status maiko_schema_add_string(maiko_schema *schema, const char *name, size_t capacity);
MAIKO_API maiko_status maiko_schema_add_blob(maiko_schema *schema, const char *name, size_t capacity);

/** An ENUM (count 0) or an array of them; the labels are copied. */
MAIKO_API maiko_status maiko_schema_add_enum(maiko_schema *schema, const char *name, const maiko_enum *labels, size_t count);

/** The variable tail, last: elements of BOOL to DOUBLE, or TEXT, or BYTES.  For structs: maiko_schema_open_tail(). */
MAIKO_API maiko_status maiko_schema_add_tail(maiko_schema *schema, maiko_kind kind, const char *name);

/** What is added between open and close are the fields of a nested struct: one (count 0), an array, or the elements of the
 * tail. */
MAIKO_API maiko_status maiko_schema_open_struct(maiko_schema *schema, const char *name, const char *struct_name, size_t count);
MAIKO_API maiko_status maiko_schema_open_tail(maiko_schema *schema, const char *name, const char *struct_name);
MAIKO_API maiko_status maiko_schema_close_struct(maiko_schema *schema);

/**
 * Finish and check the type.  @param ret_type  set on success only; owned by the schema, valid until maiko_schema_free().
 * @return MAIKO_OK (again when finished before), or the first failure; its text is maiko_schema_error_text().
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_schema_finish(maiko_schema *schema, const maiko_event_type **ret_type);

/** @return the reason of the first failure, "" when there is none.  Borrowed until maiko_schema_free(). */
MAIKO_API const char *maiko_schema_error_text(const maiko_schema *schema);

/* ---- A type as bytes ---- */

/**
 * Write a type so that another process can rebuild it with maiko_schema_decode(): name, constant topic, policies, fields with
 * their offsets, labels.  "MKS1", then numbers as LEB128 and texts with their length before them; message/README.md has the
 * whole form.
 *
 * @param type     passes maiko_schema_check().
 * @param buffer   NULL with size 0 to ask for the length.
 * @param ret_len  bytes; set on MAIKO_OK and MAIKO_ETOOLONG.
 * @return MAIKO_OK, MAIKO_ETOOLONG (does not fit), MAIKO_EINVAL (NULL), MAIKO_ENOTSUP (local_only).
 * Threads: any.  Blocking: never.  Allocates nothing.
 */
MAIKO_API maiko_status maiko_schema_encode(const maiko_event_type *type, void *buffer, size_t size, size_t *ret_len);

/**
 * Rebuild a type from bytes, which may come from anywhere: what is returned passes maiko_schema_check(), has the hash of the
 * original, and took memory in proportion to len.  A type whose topic was computed has none here: every send names its topic.
 *
 * @param ret_schema  set on success only; finished, owned by the caller.
 * @param text        filled with the reason on failure, "" otherwise; may be NULL with text_size 0.
 * @return MAIKO_OK, MAIKO_EINVAL (NULL), MAIKO_ETYPE, MAIKO_ELIMIT, MAIKO_ENAME, MAIKO_ENOMEM.
 * Threads: any.  Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_schema_decode(const void *bytes, size_t len, const maiko_allocator *allocator,
                                                            maiko_schema **ret_schema, char *text, size_t text_size);

MAIKO_END_DECLS

#endif
