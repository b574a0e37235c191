/* The system's words for an errno, without strerror()'s shared buffer. */
#ifndef BASE_ERRNO_TEXT_H
#define BASE_ERRNO_TEXT_H

#include <string.h>

enum { ERRNO_TEXT_SIZE = 128 };

/* Uses `buffer` when it needs one; returns a text that is valid as long as the buffer. */
static inline const char *errno_text(int number, char buffer[ERRNO_TEXT_SIZE])
{
    return strerror_r(number, buffer, ERRNO_TEXT_SIZE);
}

/* In an argument list: the buffer lives until the end of the enclosing block. */
#define ERRNO_TEXT(number) errno_text((number), (char[ERRNO_TEXT_SIZE]){""})

#endif
