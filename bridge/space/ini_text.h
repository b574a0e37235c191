/* INI text: what is checked before the INI reader sees a file, because it would cut what it does not like without a word. */
#ifndef SPACE_INI_TEXT_H
#define SPACE_INI_TEXT_H

#include "base/text.h"
#include <maiko/status.h>

enum { INI_FILE_MAX = 1024 * 1024, INI_LINE_MAX = 198 /* bytes; the reader goes on with the rest as if it were another line */ };

/* Reads a whole file, links followed.  The caller frees *ret_text with heap_free(heap, text, *ret_len + 1).
 * MAIKO_OK; MAIKO_EINVAL: a NUL inside, which would be taken for the end; MAIKO_ENOTFOUND, MAIKO_ETOOLONG, MAIKO_ENOMEM,
 * MAIKO_ESYSTEM (also: not a plain file).  `error` has the reason, without the path. */
MAIKO_MUST_CHECK maiko_status ini_text_load(const char *path, struct heap *heap, char **ret_text, size_t *ret_len,
                                            struct text *error);

/* The same of an open file. */
MAIKO_MUST_CHECK maiko_status ini_text_read(int fd, struct heap *heap, char **ret_text, size_t *ret_len, struct text *error);

/* MAIKO_OK; MAIKO_EINVAL: `error` says which line is too long, or begins with a blank (the reader would add it to the value
 * before). */
MAIKO_MUST_CHECK maiko_status ini_text_check(const char *text, struct text *error);

#endif
