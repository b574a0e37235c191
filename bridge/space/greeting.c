/* Greeting, see greeting.h. */
#include "space/greeting.h"

#include <string.h>

#include "space/path.h"

static const unsigned char magic[4] = {'M', 'K', 'O', 'C'};

void greeting_encode(const struct greeting *greeting, unsigned char ret_bytes[GREETING_SIZE])
{
    size_t len = strnlen(greeting->name, SPACE_NAME_MAX);
    unsigned i;

    memset(ret_bytes, 0, GREETING_SIZE);
    memcpy(ret_bytes, magic, sizeof(magic));
    ret_bytes[4] = (unsigned char)(greeting->version & 0xff);
    ret_bytes[5] = (unsigned char)(greeting->version >> 8);
    ret_bytes[6] = (unsigned char)len;
    for (i = 0; i < 8; i++)
        ret_bytes[8 + i] = (unsigned char)(greeting->epoch >> (8 * i));
    memcpy(ret_bytes + 16, greeting->name, len);
}

maiko_status greeting_decode(const unsigned char *bytes, size_t len, struct greeting *ret_greeting)
{
    struct greeting greeting = {0};
    unsigned i;

    if (len < GREETING_SIZE || memcmp(bytes, magic, sizeof(magic)) != 0 || bytes[6] > SPACE_NAME_MAX)
        return MAIKO_EPROTOCOL;
    greeting.version = (uint16_t)(bytes[4] | bytes[5] << 8);
    for (i = 0; i < 8; i++)
        greeting.epoch |= (uint64_t)bytes[8 + i] << (8 * i);
    memcpy(greeting.name, bytes + 16, bytes[6]);
    if (greeting.version == 0 || strlen(greeting.name) != bytes[6] || !space_name_is_valid(greeting.name))
        return MAIKO_EPROTOCOL;
    *ret_greeting = greeting;
    return MAIKO_OK;
}
