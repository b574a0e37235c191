/* Import and hold: what a bridge needs of the runtime.  An importer brings events into the topic space that were made
 * elsewhere and keep their id, sender and time; a hold keeps an actor from running until something outside is done. */
#ifndef MAIKO_IMPORT_H
#define MAIKO_IMPORT_H

#include <maiko/context.h>
#include <maiko/envelope.h>
#include <maiko/schema.h>

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
 * Threads: any, one at a time if order matters.  Blocking: until there is room (64 times the outbox limit in events, 4
 * times in bytes), unless try_only.
 */
MAIKO_API maiko_status maiko_importer_send(maiko_importer *importer, const maiko_import *import);

/** @return false when a send would wait now. */
MAIKO_API bool maiko_importer_has_room(maiko_importer *importer);

/**
 * Call `notify` once when there is room again after a send got MAIKO_EFULL.  It runs on a library thread and must not
 * block or call back into the library.  Set before start.
 */
MAIKO_API void maiko_importer_on_room(maiko_importer *importer, void (*notify)(void *userdata), void *userdata);

/**
 * It will bring in no more: its subscribers may end.  In order behind what was brought in.
 *
 * @return MAIKO_OK, MAIKO_EINVAL (NULL), MAIKO_ENOMEM (to be tried again), MAIKO_ECLOSED (stopping or stopped), MAIKO_EFORKED.
 * Threads: as maiko_importer_send().  Blocking: never, however much waits.
 */
MAIKO_API maiko_status maiko_importer_finish(maiko_importer *importer);

/**
 * Where events of one foreign sender on one topic come in: what maiko_importer_send() looks up per event, looked up once.
 */
typedef struct maiko_import_path maiko_import_path;

/**
 * Make a path.
 *
 * @param topic     1..255 bytes; copied.
 * @param sender    name of the foreign sender; copied.  NULL: the importer's own.
 * @param ret_path  set on success only; the caller frees it, events it brought in do not need it any more.
 * @return MAIKO_OK, MAIKO_EINVAL, MAIKO_ETOPIC, MAIKO_ETYPE, MAIKO_ENAME, MAIKO_ENOTSUP (types with a destructor), MAIKO_ENOMEM,
 *         MAIKO_EFORKED.
 * Threads: any.  Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_import_path_new(maiko_importer *importer, const char *topic,
                                                              const maiko_event_type *type, const char *sender,
                                                              maiko_import_path **ret_path);

/** Free it.  NULL is allowed; returns NULL.  Nothing may be reserved on it. */
MAIKO_API maiko_import_path *maiko_import_path_free(maiko_import_path *path);

/**
 * Room for one event, to be filled in and then committed or abandoned before the next one of the importer is reserved.
 *
 * @param len        bytes of the event, at least those of its type.
 * @param ret_event  set on success only: `len` bytes, aligned to 16, not zeroed.
 * @return MAIKO_OK, MAIKO_EFULL (what maiko_importer_on_room() set will be called), MAIKO_ETOOLONG, MAIKO_ECLOSED, MAIKO_ENOMEM,
 *         MAIKO_EFORKED.
 * Threads: one per importer, for all its paths; maiko_importer_send() of the same importer comes behind a flush.
 * Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_import_reserve(maiko_import_path *path, size_t len, void **ret_event);

/**
 * Instead of a reserve: an event that is there already and stays where it is, so that nothing is copied.
 *
 * @param event    `len` bytes, aligned to 8, not written to any more until it is released.  A memory cap counts them as the
 *                 supervisor's own.
 * @param release  called once, with `owner`, when the last reference to the event is gone (that may be long after the
 *                 supervisor's end: events can be kept) or it is abandoned or refused; from any thread, which it must not block,
 *                 and it must not call back into the library.  Not called when this call fails.
 * @return as maiko_import_reserve().
 * Threads: as maiko_import_reserve().  Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_import_lend(maiko_import_path *path, const void *event, size_t len,
                                                          void (*release)(void *owner), void *owner);

/** Accept what was reserved or lent; it must be valid for its type, which is not looked at again.  Of `meta` id, parent,
 * correlation, time and hops count. */
MAIKO_API void maiko_import_commit(maiko_import_path *path, const maiko_import *meta);

/** Give back what was reserved or lent. */
MAIKO_API void maiko_import_abandon(maiko_import_path *path);

/**
 * Hand over all that was committed, as one batch.
 * @return MAIKO_OK, MAIKO_ENOMEM (nothing is lost: flush again), MAIKO_ECLOSED (after a stop: the batch is refused and counted),
 *         MAIKO_EFORKED, MAIKO_EINVAL.
 * Threads: that of the paths.  Blocking: never.
 */
MAIKO_API maiko_status maiko_importer_flush(maiko_importer *importer);

/**
 * Take over a schema whose type the importer's events will have.
 *
 * It is freed when the supervisor and the last kept event are, so that no event outlives its type.
 * @return MAIKO_OK; MAIKO_EINVAL, MAIKO_ENOMEM, MAIKO_EFORKED: then it is still the caller's.
 * Threads: any.  Blocking: never.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_importer_adopt(maiko_importer *importer, maiko_schema *schema);

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

/**
 * Hold the sender of an event, as a full subscriber under BLOCK does: it does not run (an outside sender waits) until every
 * hold is released.
 *
 * @param ctx       the actor whose hook was lent the event.
 * @param envelope  the event, as it was lent; not a kept one.
 * @param ret_hold  set on success only; released exactly once.
 * @return MAIKO_OK, MAIKO_EINVAL (a kept event, or its sender is gone), MAIKO_ENOMEM, MAIKO_ETHREAD, MAIKO_ECLOSED,
 *         MAIKO_EFORKED.
 * Threads: the context's.
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_hold_sender(maiko_context *ctx, const maiko_envelope *envelope,
                                                          maiko_hold **ret_hold);

/** Let it run again; before the supervisor is freed.  NULL is allowed.  Threads: any.  Blocking: never. */
MAIKO_API void maiko_hold_release(maiko_hold *hold);

MAIKO_END_DECLS

#endif
