/* Last values of sticky topics: each shard keeps them, for those who subscribe there later.
 *
 * A shard that comes later reads what the others have announced, all at one instant (dedicated.c), and of each topic keeps what
 * was sent at the latest moment.  A shard announces its own values together with the flush they go out with, under
 * `announce_lock`: so each value is either read, or sent to the newcomer in order with everything else.  It announces nobody
 * else's: of several that one shard sent, only that shard knows which is the last, whatever a ring's mark keeps back, or others
 * have not read yet.
 *
 * What a ring's mark keeps from a shard, its policy allowing, would leave the last value there behind for ever.  So the shard is
 * told of it later, for keeping only: its subscribers have lost it, and may have got what was sent because of it. */
#ifndef RUNTIME_LAST_VALUES_H
#define RUNTIME_LAST_VALUES_H

#include "runtime/shard.h"

/* What a shard keeps of one sticky topic; made at the first event. */
struct last_value {
    struct list link; /* of the shard, in the order of the announcements; under announce_lock, like the next three */
    struct route *route;
    struct envelope *announced; /* our own latest, which a newcomer reads; NULL: none, or we know of a later one */
    struct moment announced_at; /* when it was sent */
    struct envelope *newest;    /* what local subscribers get; the owner's */
    struct moment newest_at;
    struct envelope *outdated; /* was announced until now; the owner's, and so is the rest */
    uint64_t order;            /* the newest was kept as the shard's so-many-eth */
    uint64_t routed_to;        /* bit per shard that the newest was sent to as an event; what became of it is its policy's */
    struct last_value *next_fresh;
    struct last_value *next_given;
    const struct subscription *given_to;
    bool is_fresh;         /* the newest is our own, and goes out with the next flush */
    struct untold *untold; /* our own latest, while a ring's mark keeps it from some shard; NULL: nothing */
};

/* An event of a sticky topic was dispatched here.  `is_own`: it was sent here, and is in no batch that is closed. */
void last_values_keep(struct shard *shard, struct route *route, struct envelope *envelope, bool is_own);

/* Around the flush of a shard with fresh values: newcomers that were not sent them are told, what was announced is replaced.
 * In between `announce_lock` is held.  False: there was no memory to tell all of them. */
bool last_values_begin_flush(struct shard *shard);
void last_values_end_flush(struct shard *shard, bool told_all);

/* To a shard that does not run yet; under the announce_lock of the first.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status last_values_teach(const struct shard *shard, struct shard *newcomer);

/* To an actor's subscriptions from this one on, in the order they were kept in; not what an earlier one brought it. */
void last_values_give(struct shard *shard, const struct subscription *first);

/* Our own event, just dispatched here, was kept from this shard by the mark of its ring. */
void last_values_note_untold(struct shard *shard, struct route *route, const struct envelope *envelope, uint32_t target);

/* Tells this shard what was kept from it, as far as it is our latest still. */
void last_values_tell_untold(struct shard *shard, uint32_t target);

/* What was sent at that moment is told later: what was sent because of it stays, and comes behind it.  Takes a reference of its
 * own. */
void last_values_keep_late(struct shard *shard, struct route *route, struct envelope *envelope, struct moment moment);

void last_values_deinit(struct shard *shard);

#endif
