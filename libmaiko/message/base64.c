#include "message/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const uint8_t *bytes, size_t len, char out[4])
{
    uint32_t bits = (uint32_t)bytes[0] << 16 | (len > 1 ? (uint32_t)bytes[1] << 8 : 0) | (len > 2 ? bytes[2] : 0U);

    out[0] = alphabet[bits >> 18 & 63];
    out[1] = alphabet[bits >> 12 & 63];
    out[2] = len > 1 ? alphabet[bits >> 6 & 63] : '=';
    out[3] = len > 2 ? alphabet[bits & 63] : '=';
}

/* 0..63, or 64 for a character outside of the alphabet. */
static uint32_t digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

size_t base64_decode(const char in[4], uint8_t out[3])
{
    size_t len = in[3] != '=' ? 3 : in[2] != '=' ? 2 : 1;
    uint32_t bits = 0;
    size_t i;

    for (i = 0; i <= len; i++) {
        uint32_t value = digit_value(in[i]);

        if (value > 63)
            return 0;
        bits |= value << (18 - 6 * i);
    }
    if ((bits & ((1U << (24 - 8 * len)) - 1)) != 0)
        return 0;
    out[0] = (uint8_t)(bits >> 16);
    out[1] = (uint8_t)(bits >> 8);
    out[2] = (uint8_t)bits;
    return len;
}
