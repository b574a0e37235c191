/* Import and hold: what a bridge needs of the runtime.  An importer brings events into the topic space that were made
 * elsewhere and keep their id, sender and time; a hold keeps an actor from running until something outside is done. */
#ifndef MAIKO_IMPORT_H
#define MAIKO_IMPORT_H

#include <maiko/context.h>
#include <maiko/envelope.h>

MAIKO_BEGIN_DECLS

/** A gate for ready-made events, with an outbox and a debt of its own: a full subscriber holds this importer only. */
typedef struct maiko_importer maiko_importer;

/** A ready-made event.  Zero means: none, and for id, correlation and time: made now. */
typedef struct maiko_import {
    size_t struct_size; /* sizeof(maiko_import) of the calling program */
    const char *topic;  /* required; copied */
    const maiko_event_type *type;
    const void *event; /* copied */
    size_t len;        /* bytes */
    maiko_id id;
    maiko_id parent;
    maiko_id correlation;
    uint64_t time_ns;
    const char *sender; /* name of the foreign sender; copied.  NULL: the importer's own */
    uint8_t hops;       /* links crossed so far */
    bool try_only;      /* MAIKO_EFULL instead of waiting */
} maiko_import;

/**
 * Make an importer.
 *
 * @param name          as an actor's: unique; it stands for the importer in counters.
 * @param publish       NULL, or the topics and patterns it will bring in: subscribers then do not end before it finished.
 * @param ret_importer  set on success only; lives until the supervisor is freed.
 * @return MAIKO_OK, MAIKO_EINVAL, MAIKO_ENAME, MAIKO_EEXIST, MAIKO_ETOPIC, MAIKO_ENOMEM, MAIKO_ESTATE (only before start).
 * Threads: any.  Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_importer_new(maiko_supervisor *sup, const char *name, const char *const *publish,
                                                           maiko_importer **ret_importer);

/**
 * Bring in one event.  Never delivered back to actors that hold this importer's name; errors and waiting as in
 * <maiko/send.h>.  Accepted means: it will be dispatched, in the order of the calls.
 * Threads: any, one at a time if order matters.  Blocking: until there is room (256 events or 1 MiB), unless try_only.
 */
MAIKO_API maiko_status maiko_importer_send(maiko_importer *importer, const maiko_import *import);

/** @return false when a send would wait now. */
MAIKO_API bool maiko_importer_has_room(maiko_importer *importer);

/**
 * Call `notify` once when there is room again after a send got MAIKO_EFULL.  It runs on a library thread and must not
 * block or call back into the library.  Set before start.
 */
MAIKO_API void maiko_importer_on_room(maiko_importer *importer, void (*notify)(void *userdata), void *userdata);

/** It will bring in no more: its subscribers may end.  In order behind what was brought in. */
MAIKO_API maiko_status maiko_importer_finish(maiko_importer *importer);

/** @return links the event has crossed. */
MAIKO_API uint8_t maiko_envelope_hops(const maiko_envelope *envelope);

/** @return true when the event came in through this importer. */
MAIKO_API bool maiko_envelope_is_from(const maiko_envelope *envelope, const maiko_importer *importer);

/** Keeps one actor from running. */
typedef struct maiko_hold maiko_hold;

/**
 * Hold the calling actor: after the hook it does not run, and its mailbox fills, until every hold is released.
 *
 * @param ret_hold  set on success only; released exactly once.
 * @return MAIKO_OK, MAIKO_EINVAL, MAIKO_ENOMEM, MAIKO_ETHREAD, MAIKO_ECLOSED, MAIKO_EFORKED.  Threads: the context's.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_hold_new(maiko_context *ctx, maiko_hold **ret_hold);

/** Let it run again.  NULL is allowed.  Threads: any.  Blocking: never. */
MAIKO_API void maiko_hold_release(maiko_hold *hold);

MAIKO_END_DECLS

#endif
