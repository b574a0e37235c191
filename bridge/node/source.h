/* Sources: who sends what out of this process (one per topic, type, sender, prefix of ids and hops), with all that is the same
 * for every event of theirs worked out once.  Found and made by the export actor; the bridge's thread gets them with the
 * events. */
#ifndef BRIDGE_SOURCE_H
#define BRIDGE_SOURCE_H

#include <stdatomic.h>

#include "base/hash_table.h"
#include "base/list.h"
#include "link/exporter.h"
#include <maiko/envelope.h>

struct known_type;
struct node_pattern;
struct topic;

/* A topic that is exported; lives as long as the bridge. */
struct source_topic {
    /* any thread: set by the bridge's, read by the export actor; nothing else depends on it */
    atomic_bool is_held;
    /* set at creation */
    char *outside;   /* its name there; the same as `name` without a rename */
    bool is_relayed; /* what came from other nodes leaves, too */
    maiko_status status;
    /* bridge's thread */
    bool is_shown;         /* in the space's record of this node, or counted there */
    struct list held_link; /* in the bridge's list while senders are held */
    struct fifo holds;     /* struct sender_hold */
    const struct retained_topic *retained;
    char name[];
};

struct source {
    /* set at creation */
    const maiko_event_type *type;
    const struct payload_plan *plan; /* NULL: its events cannot be exported, `status` says why */
    struct source_topic *topic;
    uint64_t prefix;
    uint64_t key;
    uint32_t hops;
    maiko_status status;
    /* any thread: set by the bridge's, read by the export actor; either form of an event is understood at any time */
    atomic_bool is_native;
    /* the same: the number of its channel, which is written into its events; a wrong one is put right later */
    _Atomic uint32_t number;
    /* the export actor's, then of the batch that gives it up */
    struct fifo_link link;
    /* bridge's thread */
    struct export_channel *channel; /* NULL: not introduced yet */
    uint32_t generation;            /* of the channel */
    struct known_type *known;
    maiko_id origin; /* the node where its events began; nil: this one */
    char sender[];
};

/* Who sent from this process, by what says it at a glance: topics of pooled events and ids of senders mean one thing for good. */
struct source_seen {
    const maiko_event_type *type;
    const struct topic *topic;
    uint64_t sender_id;
    uint64_t prefix;
    struct source *source; /* NULL: nobody yet */
};

enum { SOURCES_SEEN = 64 /* a power of two */ };

struct sources {
    struct heap *heap;
    const struct node_pattern *patterns;
    size_t pattern_count;
    struct hash_table sources; /* by key */
    struct hash_table topics;  /* by name */
    struct hash_table plans;   /* by type: struct payload_plan */
    struct source *last;
    struct source_seen seen[SOURCES_SEEN];
};

enum { SOURCES_MAX = 16384 /* remembered at a time */ };

void sources_init(struct sources *sources, struct heap *heap, const struct node_pattern *patterns);
void sources_deinit(struct sources *sources);

/* NULL: no memory.  The first pattern that the topic falls under decides what it is called outside. */
struct source *sources_find(struct sources *sources, const maiko_envelope *envelope);

/* Too many: all are forgotten.  Events that were handed over still refer to them, so they are freed behind those, with
 * sources_free_all(). */
bool sources_are_full(const struct sources *sources);
struct fifo sources_give_up(struct sources *sources);
void sources_free_all(struct heap *heap, struct fifo *given_up);

#endif
