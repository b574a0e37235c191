/* Z85: 4 bytes as 5 printable characters (ZeroMQ RFC 32); keys are 32 bytes, so 40 characters.  Pure. */
#ifndef SECURITY_Z85_H
#define SECURITY_Z85_H

#include <stdbool.h>
#include <stddef.h>

enum { KEY_BYTES = 32, KEY_TEXT_LEN = 40, KEY_TEXT_SIZE = KEY_TEXT_LEN + 1 };

enum z85_fault { Z85_OK, Z85_LENGTH, Z85_ALPHABET, Z85_RANGE };

/* What is wrong with the text of a key; *ret_at is the offending character for the last two. */
enum z85_fault z85_check_key(const char *text, size_t *ret_at);

/* In words, without a full stop. */
const char *z85_fault_text(enum z85_fault fault);

/* Decodes a checked key. */
void z85_decode_key(const char *text, unsigned char ret_bytes[KEY_BYTES]);
void z85_encode_key(const unsigned char bytes[KEY_BYTES], char ret_text[KEY_TEXT_SIZE]);

#endif
