/* Streams: when has everybody finished whom an actor listens to?  Publishers declare patterns of topics; they are
 * counted per pattern, so that a million actors on few patterns cost little.  One table per shard, pure. */
#ifndef ROUTING_STREAMS_H
#define ROUTING_STREAMS_H

#include "base/hash_table.h"
#include "routing/broker.h"

/* Publishers of a pattern.  A publisher may begin on one shard and finish on another, so that either may be below 0 in
 * what a single shard announced. */
struct publication_count {
    int32_t open;  /* declared and not finished */
    int32_t total; /* ever declared */
};

/* A declared pattern and who still publishes on it. */
struct publication {
    struct publication *next;
    struct publication_count all;
    struct publication_count own; /* of these, what this table's shard announced: a shard that comes later is told that */
    char pattern[];
};

struct streams {
    struct heap *heap;
    struct hash_table by_pattern;
    struct publication *first;
};

void streams_init(struct streams *streams, struct heap *heap);
void streams_deinit(struct streams *streams);

/* A publisher with these patterns (NULL-terminated) begins; `is_own`: said by this table's own shard.  MAIKO_OK or
 * MAIKO_ENOMEM (nothing changed). */
MAIKO_MUST_CHECK maiko_status streams_open(struct streams *streams, const char *const *patterns, bool is_own);

/* It has finished; exactly once per streams_open().  `ret_may_end`: some pattern may have nobody left but one.  MAIKO_OK
 * or MAIKO_ENOMEM (nothing changed), the latter only for patterns that were never declared here. */
MAIKO_MUST_CHECK maiko_status streams_close(struct streams *streams, const char *const *patterns, bool is_own, bool *ret_may_end);

/* Adds what another shard announced on one pattern before this table knew of it.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status streams_add(struct streams *streams, const char *pattern, struct publication_count count);

/* What is left for one listener. */
struct streams_state {
    uint32_t open;  /* publishers, on overlapping patterns, that have not finished */
    uint32_t total; /* that there ever were */
};

/* Adds up what a listener with these subscriptions hears, without what it publishes itself (`own`, may be NULL;
 * `own_open`: it has not finished). */
struct streams_state streams_heard(const struct streams *streams, const struct subscription *heard, const char *const *own,
                                   bool own_open);

#endif
