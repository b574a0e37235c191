/* Z85, see z85.h. */
#include "security/z85.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/* Five digits of base 85, highest first; may exceed 32 bits. */
static uint64_t group_value(const char *group)
{
    uint64_t value = 0;
    int i;

    for (i = 0; i < 5; i++)
        value = value * 85 + (uint64_t)(strchr(alphabet, group[i]) - alphabet);
    return value;
}

enum z85_fault z85_check_key(const char *text, size_t *ret_at)
{
    size_t i;

    *ret_at = 0;
    if (strnlen(text, KEY_TEXT_LEN + 1) != KEY_TEXT_LEN)
        return Z85_LENGTH;
    for (i = 0; i < KEY_TEXT_LEN; i++)
        if (strchr(alphabet, text[i]) == NULL) {
            *ret_at = i;
            return Z85_ALPHABET;
        }
    for (i = 0; i < KEY_TEXT_LEN; i += 5)
        if (group_value(text + i) > UINT32_MAX) {
            *ret_at = i;
            return Z85_RANGE;
        }
    return Z85_OK;
}

const char *z85_fault_text(enum z85_fault fault)
{
    switch (fault) {
    case Z85_OK:
        return "fine";
    case Z85_LENGTH:
        return "a key has 40 characters";
    case Z85_ALPHABET:
        return "a character that Z85 does not have";
    case Z85_RANGE:
        return "five characters that stand for more than 32 bits";
    }
    return "unknown fault";
}

void z85_decode_key(const char *text, unsigned char ret_bytes[KEY_BYTES])
{
    size_t i;

    for (i = 0; i < KEY_BYTES / 4; i++) {
        uint32_t value = (uint32_t)group_value(text + i * 5);

        ret_bytes[i * 4] = (unsigned char)(value >> 24);
        ret_bytes[i * 4 + 1] = (unsigned char)(value >> 16);
        ret_bytes[i * 4 + 2] = (unsigned char)(value >> 8);
        ret_bytes[i * 4 + 3] = (unsigned char)value;
    }
}

void z85_encode_key(const unsigned char bytes[KEY_BYTES], char ret_text[KEY_TEXT_SIZE])
{
    size_t i;
    int digit;

    for (i = 0; i < KEY_BYTES / 4; i++) {
        uint32_t value =
            (uint32_t)bytes[i * 4] << 24 | (uint32_t)bytes[i * 4 + 1] << 16 | (uint32_t)bytes[i * 4 + 2] << 8 | bytes[i * 4 + 3];

        for (digit = 4; digit >= 0; digit--, value /= 85)
            ret_text[i * 5 + (size_t)digit] = alphabet[value % 85];
    }
    ret_text[KEY_TEXT_LEN] = '\0';
}
