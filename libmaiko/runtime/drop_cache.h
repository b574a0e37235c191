/* Drop cache: the lines of the last few kinds of drops of a shard, so that a flood of drops takes no lock.  A line is good as
 * long as its actor is there, and ids of actors are never used again. */
#ifndef RUNTIME_DROP_CACHE_H
#define RUNTIME_DROP_CACHE_H

#include "message/envelope.h"
#include "runtime/counters_file.h"

#define DROP_CACHE_LINES 8u

struct drop_cache {
    struct {
        uint64_t owner; /* id of the actor; 0: the shard's own drops */
        uint64_t what;  /* topic and reason; 0: unused */
        struct counters_drop *line;
    } lines[DROP_CACHE_LINES];
};

/* `actor` NULL: drops of `shard` before they reached another one. */
static inline struct counters_drop *drop_cache_line(struct drop_cache *cache, struct counters_file *file,
                                                    struct counters_actor *actor, uint16_t shard, const struct topic *topic,
                                                    maiko_drop_reason reason)
{
    const uint64_t owner = actor == NULL ? 0 : counters_label(actor)->id;
    const uint64_t what = (uint64_t)topic->id << 8 | (uint64_t)reason;
    const size_t at = (size_t)(owner + topic->id + (uint64_t)reason) % DROP_CACHE_LINES;

    if (cache->lines[at].what != what || cache->lines[at].owner != owner) {
        cache->lines[at].line = counters_drop(file, actor, shard, topic->name, reason);
        cache->lines[at].owner = owner;
        cache->lines[at].what = what;
    }
    return cache->lines[at].line;
}

#endif
