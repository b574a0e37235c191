/* Streams: when has everybody finished whom an actor listens to?  Publishers declare patterns of topics; they are
 * counted per pattern, so that a million actors on few patterns cost little.  One table per shard, pure. */
#ifndef ROUTING_STREAMS_H
#define ROUTING_STREAMS_H

#include "base/hash_table.h"
#include "routing/broker.h"

/* A declared pattern and who still publishes on it. */
struct publication {
    struct publication *next;
    uint32_t open;  /* declared and not finished */
    uint32_t total; /* ever declared */
    char pattern[];
};

struct streams {
    struct heap *heap;
    struct hash_table by_pattern;
    struct publication *first;
};

void streams_init(struct streams *streams, struct heap *heap);
void streams_deinit(struct streams *streams);

/* A publisher with these patterns (NULL-terminated) begins.  MAIKO_OK or MAIKO_ENOMEM (nothing changed). */
MAIKO_MUST_CHECK maiko_status streams_open(struct streams *streams, const char *const *patterns);

/* It has finished; exactly once per streams_open().  True when some pattern may have nobody left but one. */
bool streams_close(struct streams *streams, const char *const *patterns);

/* What is left for one listener. */
struct streams_state {
    uint32_t open;  /* publishers, on overlapping patterns, that have not finished */
    uint32_t total; /* that there ever were */
};

/* Makes an empty table a copy of another one.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status streams_copy(struct streams *streams, const struct streams *from);

/* Adds up what a listener with these subscriptions hears, without what it publishes itself (`own`, may be NULL;
 * `own_open`: it has not finished). */
struct streams_state streams_heard(const struct streams *streams, const struct subscription *heard, const char *const *own,
                                   bool own_open);

#endif
