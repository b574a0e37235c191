/* Printable: texts of others for a terminal. */
#include <stdint.h>
#include <stdio.h>

#include "maiko.h"

/* Bytes of the UTF-8 character that begins here, 0 when none does; *ret_codepoint is which. */
static size_t read_character(const unsigned char *text, uint32_t *ret_codepoint)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = text[0];
    size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    uint32_t codepoint = len == 1 ? first : first & (0x7fu >> len);
    size_t i;

    if ((first >= 0x80 && first < 0xc2) || first > 0xf4)
        return 0;
    for (i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        codepoint = codepoint << 6 | (text[i] & 0x3f);
    }
    *ret_codepoint = codepoint;
    return codepoint < least[len] || codepoint > 0x10ffff || (codepoint >= 0xd800 && codepoint < 0xe000) ? 0 : len;
}

static bool is_control(uint32_t codepoint)
{
    return codepoint < 0x20 || (codepoint >= 0x7f && codepoint < 0xa0) || codepoint == 0x2028 || codepoint == 0x2029;
}

void printable_copy(const char *text, char *buffer, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    char *end = buffer;

    while (*at != '\0' && size - (size_t)(end - buffer) >= PRINTABLE_ROOM) {
        uint32_t codepoint = 0;
        size_t len = read_character(at, &codepoint);
        bool is_plain = len > 0 && !is_control(codepoint);
        size_t rest = len > 0 ? len : 1;

        for (; rest > 0; rest--, at++)
            if (is_plain)
                *end++ = (char)*at;
            else
                end += snprintf(end, sizeof("\\x00"), "\\x%02x", *at);
    }
    *end = '\0';
}

const char *printable(const char *text, char buffer[PRINTABLE_SIZE])
{
    printable_copy(text, buffer, PRINTABLE_SIZE);
    return buffer;
}

/* Those of East Asia and emoji take two; what combines is not looked for. */
static bool is_wide(uint32_t codepoint)
{
    return (codepoint >= 0x1100 && codepoint < 0x1160) || (codepoint >= 0x2e80 && codepoint < 0xa4d0) ||
           (codepoint >= 0xac00 && codepoint < 0xd7a4) || (codepoint >= 0xf900 && codepoint < 0xfb00) ||
           (codepoint >= 0xfe30 && codepoint < 0xfe70) || (codepoint >= 0xff00 && codepoint < 0xff61) ||
           (codepoint >= 0x1f300 && codepoint < 0x1f700) || (codepoint >= 0x1f900 && codepoint < 0x1fa00) ||
           (codepoint >= 0x20000 && codepoint < 0x3fffe);
}

size_t columns_of(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t columns = 0;

    while (*at != '\0') {
        uint32_t codepoint = 0;
        size_t len = read_character(at, &codepoint);

        columns += is_wide(codepoint) ? 2 : 1;
        at += len == 0 ? 1 : len;
    }
    return columns;
}
