/* Greeting: the first message each side of a control connection sends; a pidfd of the sender travels with it.
 * Pure: bytes in, struct out and back. */
#ifndef SPACE_GREETING_H
#define SPACE_GREETING_H

#include <stddef.h>
#include <stdint.h>

#include "space/limits.h"
#include <maiko/status.h>

enum {
    GREETING_VERSION = 2, /* since 2 a node answers offers of shared memory */
    GREETING_VERSION_ATTACH = 2,
    GREETING_SIZE = 4 + 2 + 2 + 8 + SPACE_NAME_MAX, /* bytes on the socket, little-endian, name padded with NULs */
};

struct greeting {
    uint16_t version;
    uint64_t epoch;
    char name[SPACE_NAME_MAX + 1]; /* of the node */
};

void greeting_encode(const struct greeting *greeting, unsigned char ret_bytes[GREETING_SIZE]);

/* MAIKO_OK; MAIKO_EPROTOCOL: wrong length, magic, name, or version 0.  Later versions only append bytes. */
MAIKO_MUST_CHECK maiko_status greeting_decode(const unsigned char *bytes, size_t len, struct greeting *ret_greeting);

#endif
