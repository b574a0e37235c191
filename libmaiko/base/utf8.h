/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True for len bytes of valid UTF-8; NUL bytes are valid characters here. */
bool utf8_is_valid(const char *text, size_t len);

/* Reads one character: returns its length in bytes, 1..4, or 0 when the bytes are invalid or len is 0. */
size_t utf8_decode(const char *text, size_t len, uint32_t *ret_codepoint);

/* Writes one character: returns its length in bytes, 1..4, or 0 when there is no such character. */
size_t utf8_encode(uint32_t codepoint, char out[4]);

/* Has valid text a control character, C1 and DEL included? */
bool utf8_has_control(const char *text, size_t len);

/* The longest prefix of at most `limit` bytes that does not cut a character of valid text. */
size_t utf8_floor(const char *text, size_t len, size_t limit);

#endif
