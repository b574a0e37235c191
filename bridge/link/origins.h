/* Origins: whose events have come, by whatever way, and how far each has been heard.  An origin is one sender on one topic, by
 * the prefix of its ids: within it the low halves of the ids rise, so an event that comes by a second way is known by a number
 * that is not above the highest one.  Pure; one per node, shared by its peers. */
#ifndef LINK_ORIGINS_H
#define LINK_ORIGINS_H

#include "base/hash_table.h"
#include "base/list.h"
#include <maiko/id.h>

struct origin {
    struct list link; /* of those no channel refers to, the longest unused first */
    uint64_t prefix;
    maiko_id node; /* where its events began */
    maiko_id way;  /* the node they came from first */
    uint64_t highest;
    unsigned users;    /* channels */
    bool has_ways;     /* more than one */
    bool is_heard;     /* `highest` is a number */
    const char *topic; /* these two in the block of the origin */
    const char *sender;
    size_t size;
};

struct origins {
    struct heap *heap;
    struct hash_table table;    /* by prefix, topic and sender */
    struct hash_table prefixes; /* struct origin_prefix */
    struct list idle;
    size_t limit; /* of origins without a channel; the table is larger by those with one */
    size_t idle_count;
};

void origins_init(struct origins *origins, struct heap *heap);

/* No channel refers to any. */
void origins_deinit(struct origins *origins);

/* A channel of this origin was told by the node `way`.  NULL: no memory. */
struct origin *origins_join(struct origins *origins, uint64_t prefix, const char *topic, const char *sender, maiko_id node,
                            maiko_id way);

/* The channel is gone.  What was heard is remembered. */
void origins_leave(struct origins *origins, struct origin *origin);

/* Where events with this id prefix began; nil: nothing of them came from elsewhere, or it is long ago. */
maiko_id origins_of_prefix(const struct origins *origins, uint64_t prefix);

/* Notes an event.  False: it was heard already, by another way. */
static inline bool origin_hear(struct origin *origin, uint64_t id_lo)
{
    if (origin->is_heard && id_lo <= origin->highest)
        return !origin->has_ways;
    origin->highest = id_lo;
    origin->is_heard = true;
    return true;
}

#endif
