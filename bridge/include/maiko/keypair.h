/* Key pairs for encrypted links: made once per host or program, kept in files, the public half given to the peers. */
#ifndef MAIKO_KEYPAIR_H
#define MAIKO_KEYPAIR_H

#include <maiko/base.h>
#include <maiko/status.h>

/** Bytes of a key as Z85 text with its final NUL. */
#define MAIKO_KEY_SIZE 41

/** A CURVE key pair as text. */
typedef struct maiko_keypair {
    char public_key[MAIKO_KEY_SIZE]; /* give this one to the peers */
    char secret_key[MAIKO_KEY_SIZE]; /* and this one to nobody */
} maiko_keypair;

MAIKO_BEGIN_DECLS

/**
 * Make a new pair.
 *
 * @param ret_keypair  set on success only; the caller's, and the caller's to wipe.
 * @return MAIKO_OK, MAIKO_EINVAL (NULL), MAIKO_ENOTSUP (libzmq was built without CURVE).
 * Threads: any.  Blocking: never (the kernel's random numbers, once it has booted).
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_keypair_generate(maiko_keypair *ret_keypair);

/**
 * Write a pair to `path` (mode 0600) and its public key alone to `path`.pub (mode 0644); never over existing files.
 *
 * @param error       NULL, or room for the reason of a failure.
 * @param error_size  bytes of it.
 * @return MAIKO_OK, MAIKO_EINVAL (NULL, or keys that do not belong together), MAIKO_EEXIST, MAIKO_ESYSTEM, MAIKO_ENOTSUP.
 * Threads: any.  Blocking: for the disk.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_keypair_save(const maiko_keypair *keypair, const char *path, char *error,
                                                           size_t error_size);

/**
 * Load a pair: the file must be this user's (or root's) and closed to all others, the keys well-formed, and belong together.
 *
 * @param ret_keypair  set on success only.
 * @param error        NULL, or room for the reason of a failure, which never contains a key.
 * @return MAIKO_OK, MAIKO_EINVAL (contents), MAIKO_ENOTFOUND, MAIKO_EPERM, MAIKO_ETOOLONG, MAIKO_ENOTSUP, MAIKO_ESYSTEM.
 * Threads: any.  Blocking: for the disk.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_keypair_load(const char *path, maiko_keypair *ret_keypair, char *error,
                                                           size_t error_size);

MAIKO_END_DECLS

#endif
