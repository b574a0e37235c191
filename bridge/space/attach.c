/* Attach messages, see attach.h. */
#include "space/attach.h"

#include <string.h>

static const unsigned char magic[4] = {'M', 'K', 'O', 'A'};

enum { AT_VERSION = 4, AT_KIND = 6, AT_ABI = 8, AT_LAYOUT = 12, AT_LINK = 16, AT_REASON = 24 };

static void put(unsigned char *at, uint64_t value, unsigned bytes)
{
    unsigned i;

    for (i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get(const unsigned char *at, unsigned bytes)
{
    uint64_t value = 0;
    unsigned i;

    for (i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

void attach_encode(const struct attach_message *message, unsigned char ret_bytes[ATTACH_SIZE])
{
    memset(ret_bytes, 0, ATTACH_SIZE);
    memcpy(ret_bytes, magic, sizeof(magic));
    put(ret_bytes + AT_VERSION, message->version, 2);
    put(ret_bytes + AT_KIND, (uint64_t)message->kind, 2);
    put(ret_bytes + AT_ABI, message->abi, 4);
    put(ret_bytes + AT_LAYOUT, message->layout, 4);
    put(ret_bytes + AT_LINK, message->link, 8);
    memcpy(ret_bytes + AT_REASON, message->reason, strnlen(message->reason, ATTACH_REASON_MAX));
}

maiko_status attach_decode(const unsigned char *bytes, size_t len, struct attach_message *ret_message)
{
    struct attach_message message = {.kind = ATTACH_NONE};
    uint64_t kind;
    size_t i;

    if (len < ATTACH_SIZE || memcmp(bytes, magic, sizeof(magic)) != 0)
        return MAIKO_EPROTOCOL;
    kind = get(bytes + AT_KIND, 2);
    if (kind <= ATTACH_NONE || kind > ATTACH_TAKEN)
        return MAIKO_EPROTOCOL;
    message.kind = (enum attach_kind)kind;
    message.version = (uint16_t)get(bytes + AT_VERSION, 2);
    message.abi = (uint32_t)get(bytes + AT_ABI, 4);
    message.layout = (uint32_t)get(bytes + AT_LAYOUT, 4);
    message.link = get(bytes + AT_LINK, 8);
    memcpy(message.reason, bytes + AT_REASON, ATTACH_REASON_MAX);
    for (i = 0; message.reason[i] != '\0'; i++)
        if ((message.reason[i] < 'a' || message.reason[i] > 'z') && message.reason[i] != '_')
            return MAIKO_EPROTOCOL; /* a word, nothing that could do harm in a log */
    *ret_message = message;
    return MAIKO_OK;
}
