/* Id source and the text form of ids: RFC 9562 version 8, variant 10, so that every UUID tool accepts them. */
#include "base/id.h"

#include <errno.h>
#include <sys/random.h>

#include "base/hash.h"

#define VERSION_MASK UINT64_C(0x000000000000f000)
#define VERSION_8 UINT64_C(0x0000000000008000)
#define VARIANT_10 UINT64_C(0x8000000000000000)
#define SEQUENCE_MASK UINT64_C(0x3fff000000000000)

static void source_set(struct id_source *source, const uint64_t random[2])
{
    source->prefix = (random[0] & ~VERSION_MASK) | VERSION_8;
    source->next = VARIANT_10 | (random[1] & SEQUENCE_MASK) | 1;
}

maiko_status id_source_init(struct id_source *source)
{
    uint64_t random[2];
    ssize_t n;

    do
        n = getrandom(random, sizeof(random), 0);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(random))
        return MAIKO_ESYSTEM;
    source_set(source, random);
    return MAIKO_OK;
}

void id_source_init_seeded(struct id_source *source, uint64_t seed, uint64_t stream)
{
    const uint64_t mixed = hash_u64(hash_u64(seed) + stream);
    const uint64_t random[2] = {mixed, hash_u64(~mixed)};

    source_set(source, random);
}

/* Dashes of 8-4-4-4-12 stand before these nibbles. */
static bool dash_before(unsigned nibble)
{
    return nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20;
}

const char *maiko_id_format(maiko_id id, char *buffer)
{
    static const char digits[] = "0123456789abcdef";
    char *out = buffer;
    unsigned i;

    for (i = 0; i < 32; i++) {
        const uint64_t half = i < 16 ? id.hi : id.lo;

        if (dash_before(i))
            *out++ = '-';
        *out++ = digits[(half >> (60 - 4 * (i % 16))) & 15];
    }
    *out = '\0';
    return buffer;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

maiko_status maiko_id_parse(const char *text, maiko_id *ret_id)
{
    uint64_t half[2] = {0, 0};
    unsigned i;

    if (text == NULL || ret_id == NULL)
        return MAIKO_EINVAL;
    for (i = 0; i < 32; i++) {
        int value;

        if (dash_before(i) && *text++ != '-')
            return MAIKO_EINVAL;
        value = digit_value(*text);
        if (value < 0) /* also the NUL of a text that is too short: nothing behind it is read */
            return MAIKO_EINVAL;
        half[i / 16] = half[i / 16] << 4 | (uint64_t)value;
        text++;
    }
    if (*text != '\0')
        return MAIKO_EINVAL;
    *ret_id = (maiko_id){.hi = half[0], .lo = half[1]};
    return MAIKO_OK;
}
