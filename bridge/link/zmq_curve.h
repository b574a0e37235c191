/* CURVE keys by libzmq. */
#ifndef LINK_ZMQ_CURVE_H
#define LINK_ZMQ_CURVE_H

#include "security/z85.h"
#include <maiko/status.h>

/* The public key that belongs to a checked secret one.  MAIKO_OK, MAIKO_EINVAL, MAIKO_ENOTSUP (libzmq without CURVE). */
MAIKO_MUST_CHECK maiko_status curve_derive(const char *secret_key, char ret_public_key[KEY_TEXT_SIZE]);

/* MAIKO_OK, MAIKO_ENOTSUP. */
MAIKO_MUST_CHECK maiko_status curve_generate(char ret_public_key[KEY_TEXT_SIZE], char ret_secret_key[KEY_TEXT_SIZE]);

#endif
