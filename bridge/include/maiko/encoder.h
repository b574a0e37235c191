/* An encoder writes events that a handler was given as publications (PROTOCOL.md 8): maps of names that a reader without the
 * schema understands, in any codec the bridge has. */
#ifndef MAIKO_ENCODER_H
#define MAIKO_ENCODER_H

#include <maiko/allocator.h>
#include <maiko/base.h>
#include <maiko/envelope.h>
#include <maiko/status.h>

MAIKO_BEGIN_DECLS

typedef struct maiko_encoder maiko_encoder;

/**
 * Create an encoder.
 *
 * @param codec        "msgpack" or "json".
 * @param allocator    of its memory; copied; NULL: malloc and free.
 * @param ret_encoder  set on success only; the caller's.
 * @return MAIKO_OK, MAIKO_EINVAL (NULL), MAIKO_ENOTFOUND (no such codec), MAIKO_ENOMEM.
 * Threads: any.  Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_encoder_new(const char *codec, const maiko_allocator *allocator,
                                                          maiko_encoder **ret_encoder);

/**
 * Write one event with its metadata: a whole map in msgpack, an object on one line without a line end in JSON.  `node`, `seq`,
 * `origin` and `hops` are what links know and an envelope does not have: they are left out.
 *
 * @param envelope   borrowed for the call; its type must live as long as the encoder, which remembers how to write it.
 * @param ret_bytes  set on success only: borrowed from the encoder, valid until its next call.
 * @param ret_len    their number.
 * @return MAIKO_OK, MAIKO_EINVAL (NULL), MAIKO_ENOTSUP (local_only), MAIKO_ETYPE (not a legal event), MAIKO_ENOMEM.
 * Threads: one at a time, which may use the envelope.  Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_encoder_write(maiko_encoder *encoder, const maiko_envelope *envelope,
                                                            const void **ret_bytes, size_t *ret_len);

/** NULL is allowed; returns NULL. */
MAIKO_API maiko_encoder *maiko_encoder_free(maiko_encoder *encoder);

MAIKO_END_DECLS

#endif
