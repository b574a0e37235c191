/* Key text: the contents of a key file, lines of `public = KEY` and `secret = KEY`; '#' begins a comment line.  Pure. */
#ifndef SECURITY_KEY_TEXT_H
#define SECURITY_KEY_TEXT_H

#include <stdbool.h>

#include "base/text.h"
#include "security/z85.h"
#include <maiko/status.h>

struct key_text {
    char public_key[KEY_TEXT_SIZE]; /* "": none */
    char secret_key[KEY_TEXT_SIZE]; /* "": none */
};

/* MAIKO_OK with at least a public key; MAIKO_EINVAL: `error` says which line and what is wrong with it, never the key. */
MAIKO_MUST_CHECK maiko_status key_text_parse(const char *bytes, size_t len, struct key_text *ret_keys, struct text *error);

/* What key_text_parse() reads; the secret is left out when it is "". */
void key_text_format(const struct key_text *keys, struct text *ret_text);

#endif
