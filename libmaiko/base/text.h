/* Text: a string builder with a bound, in a caller's buffer or on a heap.  Appending never needs a check: the
 * first failure sticks and is asked for at the end.  What is there is always NUL-terminated. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>

#include "base/heap.h"
#include <maiko/status.h>

struct text {
    struct heap *heap; /* NULL: `data` is the caller's buffer */
    char *data;
    size_t len;  /* bytes without the NUL */
    size_t size; /* bytes of `data` */
    size_t max;  /* the most `len` may become */
    maiko_status status;
};

/* Into `size` bytes (at least 1) of the caller.  What does not fit is cut at a character, and the status becomes
 * MAIKO_ETOOLONG. */
void text_init_buffer(struct text *text, char *buffer, size_t size);

/* Grows on the heap up to `max` bytes without the NUL; MAIKO_ENOMEM or MAIKO_ETOOLONG stick. */
void text_init_heap(struct text *text, struct heap *heap, size_t max);

/* Frees what is on the heap; a caller's buffer stays as it is. */
void text_deinit(struct text *text);

/* Empties it, forgets the failure, keeps the memory. */
void text_clear(struct text *text);

/* Never NULL, "" when empty; valid until the next append, take or deinit. */
const char *text_str(const struct text *text);

/* MAIKO_OK, MAIKO_ETOOLONG (cut), MAIKO_ENOMEM (incomplete) or MAIKO_EINVAL (bad format): the first that happened. */
maiko_status text_status(const struct text *text);

/* Heap texts only: hands over the string, to be freed with heap_strfree (so not with NULs inside).  On a failure
 * that stuck, or when memory runs out here, its status is returned and the text stays with its owner. */
MAIKO_MUST_CHECK maiko_status text_take(struct text *text, char **ret_string);

void text_append(struct text *text, const char *string);
void text_append_bytes(struct text *text, const char *bytes, size_t len);
void text_append_char(struct text *text, char c);
void text_append_u64(struct text *text, uint64_t value);
void text_append_i64(struct text *text, int64_t value);
void text_append_format(struct text *text, const char *format, ...) MAIKO_PRINTF(2, 3);
void text_append_vformat(struct text *text, const char *format, va_list args) MAIKO_PRINTF(2, 0);

#endif
