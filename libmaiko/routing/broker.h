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

#define BROKER_MAX_SHARDS 64

/* The subscribing side of an actor: embedded in it. */
struct subscriber {
    struct subscription *first; /* in order of subscription */
    uint64_t mark;              /* broker's: last route build that met it */
    uint32_t mark_at;
};

/* A standing interest: of a local subscriber, or of another shard on behalf of all its subscribers. */
struct subscription {
    struct topic_index_entry entry; /* its place in the index; first, so that one pointer serves for both */
    struct broker *broker;          /* where it is registered */
    struct subscription *next;      /* of the same subscriber */
    struct subscriber *subscriber;  /* NULL: another shard's */
    bool (*predicate)(const void *event, const maiko_event_type *type, void *userdata);
    void *userdata;
    const char *pattern;
    uint32_t shard; /* another shard's: which */
    uint32_t count; /* another shard's: how many subscriptions of it this stands for */
    int8_t choice;  /* a maiko_overflow that overrides the topic's, or -1 */
    bool is_heap;   /* own allocation (subscribed while running), freed on its own */
};

/* One subscriber of a topic.  Further matching subscriptions of it matter only when the first has a predicate. */
struct route_target {
    struct subscriber *subscriber;
    struct subscription *subscription;
    uint32_t more; /* 1 + index into extras of the next alternative; 0: none */
    int8_t choice;
    bool has_predicate;
};

struct route_extra {
    struct subscription *subscription;
    uint32_t more;
};

/* Does an event of this topic need anything but room in the subscribers' mailboxes? */
enum route_care {
    ROUTE_UNSEEN = 0, /* not looked at since the last change; always so while stale */
    ROUTE_SINGLE,     /* plain, one subscriber, none on other shards */
    ROUTE_PLAIN,      /* no predicate, priority lane, last value or DROP_OLDEST anywhere */
    ROUTE_SPECIAL,
};

/* One topic as this shard sees it. */
struct route {
    struct topic_set_entry entry; /* its place in the set of known topics */
    struct topic *topic;
    struct route_target *targets;
    struct route_extra *extras;
    uint32_t target_count;
    uint32_t target_size;
    uint32_t extra_count;
    uint32_t extra_size;
    uint64_t remote_shards;  /* bit per shard with at least one subscriber */
    uint64_t remote_holding; /* of those, where some subscriber asks for BLOCK or FAIL */
    uint64_t remote_newest;  /* of those, where all subscribers ask for DROP_NEWEST */
    bool is_stale;           /* to be built before it is used */
    uint8_t care;            /* enum route_care; the runtime's, back to unseen with every change of the targets */
    struct envelope *last;   /* sticky topics: the last value; the shard's reference */
    struct counters_topic *counters;
};

struct broker {
    struct heap *heap;
    uint32_t shard;       /* whose table this is */
    uint64_t all_remotes; /* bit per other shard: sticky topics go to all of them */
    struct topic_index index;
    struct topic_set topics;
    bool has_failed; /* out of memory in the route build under way */
    struct route *building;
    struct route **routes; /* by topic id; NULL where this shard never met the topic */
    uint32_t route_size;
    uint64_t build;            /* number of the last route build */
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

/* There is another shard, whether it subscribes to something or not. */
void broker_knows_shard(struct broker *broker, uint32_t shard);

/* The route of a topic, made when this shard first meets it.  NULL when out of memory. */
struct route *broker_route(struct broker *broker, struct topic *topic);

/* Builds a stale route.  MAIKO_OK or MAIKO_ENOMEM (still stale, targets unchanged). */
MAIKO_MUST_CHECK maiko_status broker_build(struct broker *broker, struct route *route);

/* Does the event pass the predicates of this target? */
static inline bool route_target_wants(const struct route *route, const struct route_target *target,
                                      const maiko_envelope *envelope, struct subscription **ret_subscription)
{
    struct subscription *subscription = target->subscription;
    uint32_t more = target->more;

    for (;;) {
        *ret_subscription = subscription;
        if (subscription->predicate == NULL || subscription->predicate(envelope->payload, envelope->type, subscription->userdata))
            return true;
        if (more == 0)
            return false;
        subscription = route->extras[more - 1].subscription;
        more = route->extras[more - 1].more;
    }
}

#endif
