/* Broker: who gets what.  One routing table per shard, changed in place by that shard alone; it knows subscribers by
 * pointer, other shards by number, and neither threads nor clocks. */
#ifndef ROUTING_BROKER_H
#define ROUTING_BROKER_H

#include "base/hash_table.h"
#include "base/list.h"
#include "message/envelope.h"
#include "routing/overflow.h"
#include "routing/topic_index.h"
#include "routing/topic_set.h"
#include <assert.h>
#include <stddef.h>

#define BROKER_MAX_SHARDS 64

/* The subscribing side of an actor: embedded in it. */
struct subscriber {
    struct subscription *first; /* in order of subscription */
    uint32_t mark_at;           /* broker's: its target in the route under way, if it is there */
};

/* What few subscriptions ask for. */
struct subscription_terms {
    bool (*predicate)(const void *event, const maiko_event_type *type, void *userdata);
    void *userdata;
    int8_t choice; /* a maiko_overflow that overrides the topic's, or 0 */
};

/* A standing interest: of a local subscriber, or of another shard on behalf of all its subscribers. */
struct subscription {
    struct topic_index_entry entry;         /* its place in the index; first, so that one pointer serves for both */
    struct subscription *next;              /* of the same subscriber */
    struct subscriber *subscriber;          /* NULL: another shard's */
    const struct subscription_terms *terms; /* NULL: none */
    const char *pattern;
};

static inline bool subscription_has_predicate(const struct subscription *subscription)
{
    return subscription->terms != NULL && subscription->terms->predicate != NULL;
}

static inline int8_t subscription_choice(const struct subscription *subscription)
{
    return subscription->terms == NULL ? 0 : subscription->terms->choice;
}

static inline bool subscription_wants(const struct subscription *subscription, const maiko_envelope *envelope)
{
    const struct subscription_terms *terms = subscription->terms;

    return terms == NULL || terms->predicate == NULL || terms->predicate(envelope->payload, envelope->type, terms->userdata);
}

/* One subscriber of a topic.  Further matching subscriptions of it, its alternatives, matter only when the first has a
 * predicate. */
struct route_target {
    struct subscriber *subscriber;
    uintptr_t choice; /* a struct subscription; or, odd, where in the route's alternatives its own begin: 2 * index + 1 */
};

struct route_alternative {
    struct subscription *subscription;
    uint32_t more; /* 1 + index of the next; 0: none */
};

/* Does an event of this topic need anything but room in the subscribers' mailboxes? */
enum route_care {
    ROUTE_UNSEEN = 0, /* not looked at since the last change; always so while stale */
    ROUTE_SINGLE,     /* plain, one subscriber, none on other shards */
    ROUTE_PLAIN,      /* no predicate, priority lane, last value or DROP_OLDEST anywhere */
    ROUTE_TAKEN,      /* as ROUTE_SINGLE, and the subscriber may take events at once: see runtime/take.h */
    ROUTE_SPECIAL,
    ROUTE_STREAK, /* as ROUTE_SINGLE, and what goes there is counted by the streak of the shard: see runtime/streak.h */
};

#define ROUTE_SHORT_NAME 13 /* bytes of a name, its NUL included, that stand in the route as well */

/* One topic as this shard sees it. */
struct route {
    /* one cache line, which is all that an event for a single subscriber touches */
    struct topic *topic;
    const char *name; /* of the topic */
    struct counters_topic *counters;
    const maiko_event_type *bound_by; /* the topic's, once it was seen */
    struct subscriber *single;        /* ROUTE_SINGLE, _TAKEN, _STREAK: the subscriber */
    struct route *named_next;         /* the runtime's: whose name followed last time; NULL: not known */
    uint8_t care;                     /* enum route_care; the runtime's, back to unseen with every change of the targets */
    bool is_stale;                    /* to be built before it is used */
    uint8_t name_len;                 /* bytes */
    char short_name[ROUTE_SHORT_NAME];
    /* what other events touch as well */
    struct route_target *targets;
    uint64_t remote_shards; /* bit per shard with at least one subscriber */
    uint32_t target_count;
    /* the rest */
    struct topic_set_entry entry; /* its place in the set of known topics */
    struct route_alternative *alternatives;
    uint32_t target_size;
    uint32_t alternative_count;
    uint32_t alternative_size;
    uint64_t remote_holding; /* of the remote shards, where some subscriber asks for BLOCK or FAIL */
    uint64_t remote_newest;  /* of those, where all subscribers ask for DROP_NEWEST */
    struct last_value *last; /* sticky topics: the runtime's; NULL: none yet */
    void *block;             /* allocation that holds this struct */
};

static_assert(offsetof(struct route, targets) == 64, "the first cache line");

struct broker {
    struct heap *heap;
    uint32_t shard;       /* whose table this is */
    uint64_t all_remotes; /* bit per other shard: sticky topics go to all of them */
    struct topic_index index;
    struct topic_set topics;
    struct route *building;   /* under way; with it: */
    uint32_t missing_targets; /* found, but no room for them */
    bool has_failed;          /* out of memory */
    struct route **routes;    /* by topic id; NULL where this shard never met the topic */
    uint32_t route_size;
    struct hash_table remotes; /* shard and pattern -> subscription of another shard */
};

void broker_init(struct broker *broker, struct heap *heap, uint32_t shard);

/* Frees routes and remote subscriptions; local subscriptions are their actors'. */
void broker_deinit(struct broker *broker);

/* MAIKO_OK or MAIKO_ENOMEM (nothing changed). */
MAIKO_MUST_CHECK maiko_status broker_subscribe(struct broker *broker, struct subscription *subscription);

/* Takes effect at once; targets built from it are gone before the next dispatch. */
void broker_unsubscribe(struct broker *broker, struct subscription *subscription);

/* Another shard begins (or ends, delta -1) to be interested in a pattern.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status broker_remote(struct broker *broker, uint32_t shard, const char *pattern, int8_t choice, int delta);

/* What is to be done with events is looked at anew, topic by topic. */
void broker_look_again(struct broker *broker);

/* There is another shard, whether it subscribes to something or not. */
void broker_knows_shard(struct broker *broker, uint32_t shard);

/* The route of a topic, made when this shard first meets it.  NULL when out of memory. */
struct route *broker_route(struct broker *broker, struct topic *topic);

/* Builds a stale route.  MAIKO_OK or MAIKO_ENOMEM (still stale, with some of its targets). */
MAIKO_MUST_CHECK maiko_status broker_build(struct broker *broker, struct route *route);

/* The first subscription that made it a target. */
static inline struct subscription *route_target_first(const struct route *route, const struct route_target *target)
{
    return target->choice & 1 ? route->alternatives[target->choice / 2].subscription : (struct subscription *)target->choice;
}

/* The subscription by which the target takes the event; NULL when all have predicates that say no. */
static inline struct subscription *route_target_taking(const struct route *route, const struct route_target *target,
                                                       const maiko_envelope *envelope)
{
    struct subscription *subscription = route_target_first(route, target);
    uint32_t more = target->choice & 1 ? route->alternatives[target->choice / 2].more : 0;

    while (!subscription_wants(subscription, envelope)) {
        if (more == 0)
            return NULL;
        subscription = route->alternatives[more - 1].subscription;
        more = route->alternatives[more - 1].more;
    }
    return subscription;
}

#endif
