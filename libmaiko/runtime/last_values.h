/* Last values of sticky topics: each shard keeps them, for those who subscribe there later.
 *
 * A shard that comes later reads what the others have announced, all at one instant (dedicated.c).  A shard announces its own
 * values together with the flush they go out with, under `announce_lock`: so each value is either read, or sent to the
 * newcomer in order with everything else. */
#ifndef RUNTIME_LAST_VALUES_H
#define RUNTIME_LAST_VALUES_H

#include "runtime/shard.h"

/* What a shard keeps of one sticky topic; made at the first event. */
struct last_value {
    struct list link; /* of the shard, in the order of the announcements; under announce_lock, like the next two */
    struct route *route;
    struct envelope *announced; /* what a newcomer reads; NULL: nothing yet */
    struct envelope *newest;    /* what local subscribers get; the owner's */
    struct envelope *outdated;  /* was announced until now; the owner's, and so is the rest */
    uint64_t order;             /* the newest was kept as the shard's so-many-eth */
    uint64_t routed_to;         /* bit per shard that the newest was sent to as an event; what became of it is its policy's */
    struct last_value *next_fresh;
    struct last_value *next_given;
    const struct subscription *given_to;
    bool is_fresh; /* the newest is our own, and goes out with the next flush */
};

/* An event of a sticky topic was dispatched here.  `is_own`: it was sent here, and is in no batch that is closed. */
void last_values_keep(struct shard *shard, struct route *route, struct envelope *envelope, bool is_own);

/* Around the flush of a shard with fresh values: newcomers that were not sent them are told, what was announced is replaced.
 * In between `announce_lock` is held. */
void last_values_begin_flush(struct shard *shard);
void last_values_end_flush(struct shard *shard);

/* To a shard that does not run yet; under the announce_lock of the first.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status last_values_teach(const struct shard *shard, struct shard *newcomer);

/* To an actor's subscriptions from this one on, in the order they were kept in; not what an earlier one brought it. */
void last_values_give(struct shard *shard, const struct subscription *first);

void last_values_deinit(struct shard *shard);

#endif
