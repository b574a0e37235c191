/* CURVE keys, see zmq_curve.h. */
#include "link/zmq_curve.h"

#include <zmq.h>

maiko_status curve_derive(const char *secret_key, char ret_public_key[KEY_TEXT_SIZE])
{
    if (zmq_has("curve") != 1)
        return MAIKO_ENOTSUP;
    return zmq_curve_public(ret_public_key, secret_key) == 0 ? MAIKO_OK : MAIKO_EINVAL;
}

maiko_status curve_generate(char ret_public_key[KEY_TEXT_SIZE], char ret_secret_key[KEY_TEXT_SIZE])
{
    if (zmq_has("curve") != 1)
        return MAIKO_ENOTSUP;
    return zmq_curve_keypair(ret_public_key, ret_secret_key) == 0 ? MAIKO_OK : MAIKO_ENOTSUP;
}
