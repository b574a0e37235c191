/* Key file: a key pair or a public key on disk, checked before it is used: whose file it is, who else may read it, length and
 * alphabet of the keys, and that the two belong together. */
#ifndef SECURITY_KEY_FILE_H
#define SECURITY_KEY_FILE_H

#include "security/key_text.h"

/*
 * Loads a file that trusted_file_open() takes; with `wants_secret` it must hold a secret key, and is taken as a secret.
 * MAIKO_OK; MAIKO_ENOTFOUND; MAIKO_EPERM (owner, mode: a link's target is checked); MAIKO_EINVAL (contents, or a pair that does
 * not match); MAIKO_ETOOLONG; MAIKO_ENOTSUP (libzmq without CURVE); MAIKO_ESYSTEM.
 */
MAIKO_MUST_CHECK maiko_status key_file_load(const char *path, bool wants_secret, struct key_text *ret_keys, struct text *error);

/* Writes a new file, never over an old one: mode 0600 with a secret key, 0644 without.  MAIKO_OK, MAIKO_EEXIST, MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status key_file_save(const char *path, const struct key_text *keys, struct text *error);

#endif
