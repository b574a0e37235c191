/* Ids: 128 bits, unique across processes and hosts without coordination; printed as a UUID (RFC 9562 version 8,
 * a random prefix followed by a counter). */
#ifndef MAIKO_ID_H
#define MAIKO_ID_H

#include <stdbool.h>

#include <maiko/status.h>

/** An id.  All zero is the nil id: "none". */
typedef struct maiko_id {
    uint64_t hi; /* random prefix of the source */
    uint64_t lo; /* counts up within the source */
} maiko_id;

/* Bytes for the text of an id with its final NUL. */
#define MAIKO_ID_TEXT_SIZE 37

MAIKO_BEGIN_DECLS

static inline bool maiko_id_is_nil(maiko_id id)
{
    return (id.hi | id.lo) == 0;
}

static inline bool maiko_id_equal(maiko_id a, maiko_id b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

/**
 * Write an id as lower-case UUID text, such as "6ba7b810-9dad-81d1-80b4-000000000001".
 *
 * @param id      any id, nil included.
 * @param buffer  at least MAIKO_ID_TEXT_SIZE bytes of the caller; NUL-terminated afterwards.
 * @return buffer.
 *
 * Threads: any.  Blocking: never.
 */
MAIKO_API const char *maiko_id_format(maiko_id id, char *buffer);

/**
 * Read UUID text: 36 characters with four dashes, upper or lower case, any UUID version.
 *
 * @param text    NUL-terminated; borrowed.
 * @param ret_id  set on success only.
 * @return MAIKO_OK; MAIKO_EINVAL when an argument is NULL or the text is anything else.
 *
 * Threads: any.  Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_id_parse(const char *text, maiko_id *ret_id);

MAIKO_END_DECLS

#endif
