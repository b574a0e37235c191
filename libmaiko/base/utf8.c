/* UTF-8: decoding one character decides, everything else is a loop around it. */
#include "base/utf8.h"

#include <string.h>

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Length announced by a first byte, and the bits of the character it carries. */
static size_t lead_decode(unsigned char lead, uint32_t *ret_bits)
{
    if (lead < 0x80) {
        *ret_bits = lead;
        return 1;
    }
    if (lead >= 0xc2 && lead < 0xe0) {
        *ret_bits = lead & 0x1f;
        return 2;
    }
    if (lead >= 0xe0 && lead < 0xf0) {
        *ret_bits = lead & 0x0f;
        return 3;
    }
    if (lead >= 0xf0 && lead < 0xf5) {
        *ret_bits = lead & 0x07;
        return 4;
    }
    return 0;
}

static bool codepoint_needs(uint32_t codepoint, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    return codepoint >= least[len] && codepoint <= 0x10ffff && (codepoint < 0xd800 || codepoint > 0xdfff);
}

size_t utf8_decode(const char *text, size_t len, uint32_t *ret_codepoint)
{
    uint32_t codepoint;
    size_t need;
    size_t i;

    if (len == 0)
        return 0;
    need = lead_decode((unsigned char)text[0], &codepoint);
    if (need == 0 || need > len)
        return 0;
    for (i = 1; i < need; i++) {
        if (!is_continuation(text[i]))
            return 0;
        codepoint = codepoint << 6 | ((unsigned char)text[i] & 0x3f);
    }
    if (!codepoint_needs(codepoint, need))
        return 0;
    *ret_codepoint = codepoint;
    return need;
}

/* How many bytes at the beginning are ASCII, as far as whole words say so. */
static size_t ascii_words(const char *text, size_t len)
{
    size_t at = 0;
    uint64_t word;

    for (; at + sizeof word <= len; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return at;
}

bool utf8_is_valid(const char *text, size_t len)
{
    const size_t ascii = ascii_words(text, len);
    uint32_t codepoint;
    size_t used;

    text += ascii;
    len -= ascii;
    while (len > 0) {
        used = (unsigned char)*text < 0x80 ? 1 : utf8_decode(text, len, &codepoint);
        if (used == 0)
            return false;
        text += used;
        len -= used;
    }
    return true;
}

size_t utf8_encode(uint32_t codepoint, char out[4])
{
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    const size_t len = codepoint < 0x80 ? 1 : codepoint < 0x800 ? 2 : codepoint < 0x10000 ? 3 : 4;
    size_t i;

    if (!codepoint_needs(codepoint, len))
        return 0;
    for (i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (codepoint & 0x3f));
        codepoint >>= 6;
    }
    out[0] = (char)(lead[len] | codepoint);
    return len;
}

size_t utf8_floor(const char *text, size_t len, size_t limit)
{
    if (len <= limit)
        return len;
    while (limit > 0 && is_continuation(text[limit]))
        limit--;
    return limit;
}

static bool is_control(uint32_t codepoint)
{
    return codepoint < 0x20 || (codepoint >= 0x7f && codepoint < 0xa0);
}

bool utf8_has_control(const char *text, size_t len)
{
    while (len > 0) {
        uint32_t codepoint = 0;
        const size_t used = utf8_decode(text, len, &codepoint);

        if (is_control(codepoint))
            return true;
        text += used;
        len -= used;
    }
    return false;
}
