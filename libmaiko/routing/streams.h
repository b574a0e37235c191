/* Streams: when has everybody finished whom an actor listens to?  Publishers declare patterns of topics; they are
 * counted per pattern, so that a million actors on few patterns cost little, and found by what they overlap, so that those on
 * other patterns cost nothing.  One table per shard, pure. */
#ifndef ROUTING_STREAMS_H
#define ROUTING_STREAMS_H

#include "routing/broker.h"

/* Of the patterns whose publishers have all finished, so many are remembered, the latest: for who subscribes after the end. */
#define STREAMS_REMEMBERED 4096u

/* Publishers of a pattern. */
struct publication_count {
    int32_t open;  /* declared and not finished */
    int32_t total; /* ever declared, as far as it is remembered */
};

/* A declared pattern and who still publishes on it. */
struct publication {
    struct list link;        /* in its node of the tree, alone */
    struct topic_node *node; /* of the tree of open ones, or of past ones */
    struct list sibling;     /* in the list of these */
    struct publication_count all;
    struct publication_count own; /* of these, what lives on this table's shard: a shard that comes later is told that */
    uint64_t visited;             /* see streams_visit() */
    char pattern[];
};

/* Patterns of which some publisher has not finished, or of which none has left. */
struct publications {
    struct topic_tree tree;
    struct list list; /* those of past ones in the order of their ends */
    size_t count;
};

struct streams {
    struct heap *heap;
    struct publications open;
    struct publications past;
};

void streams_init(struct streams *streams, struct heap *heap);
void streams_deinit(struct streams *streams);

/* A publisher with these patterns (NULL-terminated) begins; `is_own`: on this table's own shard.  MAIKO_OK or
 * MAIKO_ENOMEM (nothing changed). */
MAIKO_MUST_CHECK maiko_status streams_open(struct streams *streams, const char *const *patterns, bool is_own);

/* It has finished; exactly once per streams_open().  True: some pattern may have nobody left but one. */
bool streams_close(struct streams *streams, const char *const *patterns, bool is_own);

/* It never began: takes a streams_open() back.  True: likewise. */
bool streams_take_back(struct streams *streams, const char *const *patterns, bool is_own);

/* A publisher that has not finished moves from one shard to another: `own` of both tables. */
void streams_move(struct streams *from, struct streams *to, const char *const *patterns);

/* Adds what lives on another shard and publishes on one pattern, before this table knew of it.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status streams_add(struct streams *streams, const char *pattern, struct publication_count count);

/* Everything one shard has to tell to another that comes later.  MAIKO_OK or MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status streams_teach(const struct streams *streams, struct streams *newcomer);

/* Did nobody ever declare anything? */
static inline bool streams_is_empty(const struct streams *streams)
{
    return streams->open.count == 0 && streams->past.count == 0;
}

/* How it stands with whom a listener hears. */
enum streams_state {
    STREAMS_NONE = 0, /* there never was anybody */
    STREAMS_OPEN,     /* somebody has not finished */
    STREAMS_ENDED,    /* all have */
};

/* Of a listener with these subscriptions, without what it publishes itself (`own`, may be NULL; `own_open`: it has not
 * finished). */
enum streams_state streams_heard(const struct streams *streams, const struct subscription *heard, const char *const *own,
                                 bool own_open);

/* Is it the first time that this pattern is met in that round?  Rounds have rising numbers, from 1; of a pattern that nobody
 * declared it always is. */
bool streams_visit(struct streams *streams, const char *pattern, uint64_t round);

#endif
