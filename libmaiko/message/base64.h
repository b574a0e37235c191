/* Base64 as RFC 4648 section 4 has it, with padding. */
#ifndef MESSAGE_BASE64_H
#define MESSAGE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Four characters for up to three bytes. */
void base64_encode(const uint8_t *bytes, size_t len, char out[4]);

/*
 * Up to three bytes from four characters: their number, or 0 when these are no base64.  Strict: padding is at the end only, and
 * bits that stand for nothing are zero, so that there is one spelling for every value.
 */
size_t base64_decode(const char in[4], uint8_t out[3]);

#endif
