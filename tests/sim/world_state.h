/* What a world is made of: for what runs it (world.c) and what checks it (promises.c). */
#ifndef TESTS_SIM_WORLD_STATE_H
#define TESTS_SIM_WORLD_STATE_H

#include "sim/network.h"
#include "sim/world.h"

#define TALLY_FIELDS(F) F(UINT32, node) F(UINT32, life) F(UINT64, number)
MAIKO_EVENT(tally, MAIKO_COMPUTED_TOPIC, TALLY_FIELDS)

/* What a receiver has of one life of one sender. */
struct seen {
    uint64_t last;
    uint64_t delivered;
    uint64_t reported;
    uint64_t unknown;
};

/* An exporter's counters when it met the life of the receiver that is there now. */
struct base {
    uint64_t epoch;
    uint64_t offered;
    uint64_t acknowledged;
    uint64_t lost;
    uint64_t dropped;
    uint64_t refused;     /* of ours */
    uint64_t turned_away; /* of theirs */
    uint64_t past;        /* had left the log before the receiver came */
    uint64_t asking_ns;   /* from its first subscribe of a session to the one that counted */
};

struct pending {
    unsigned from;
    uint64_t stream;
    uint64_t position;
    uint64_t bytes;
    bool is_refused;
};

struct node {
    unsigned index;
    unsigned life;
    uint64_t started_ns;
    uint64_t ahead_ns; /* its clock, see world_clock() */
    int drift;
    uint64_t number;                      /* of the last event published */
    uint64_t held_since[WORLD_NODES_MAX]; /* by each peer */
    uint64_t progress[WORLD_NODES_MAX];
    uint64_t stopped_until;
    const char *wish;
    struct exporter *exporter;
    struct peer *peers[WORLD_NODES_MAX];
    struct seen seen[WORLD_NODES_MAX][WORLD_LIVES_MAX];
    uint64_t published[WORLD_LIVES_MAX][WORLD_TOPICS];
    struct pending *pending; /* events taken and not delivered, oldest first */
    size_t pending_count;
    uint64_t stream_from[WORLD_NODES_MAX]; /* the one the newest event came by */
    uint64_t taken_from[WORLD_NODES_MAX];  /* events the sink got from there, this life */
    uint64_t not_taken[WORLD_NODES_MAX];   /* of these, events it would not have */
    struct base base[WORLD_NODES_MAX];
    uint64_t asked_session[WORLD_NODES_MAX]; /* the newest in which each other asked for something, and when it first did */
    uint64_t asked_ns[WORLD_NODES_MAX];
    struct world *world;
};

struct world {
    const struct world_config *config;
    struct world_result *result;
    struct heap heap;
    uint64_t now;
    uint64_t random;
    struct network network;
    struct node nodes[WORLD_NODES_MAX];
    unsigned window_events;
};

struct world_topic {
    const char *name;
    maiko_overflow overflow;
};

extern const struct world_topic world_topics[WORLD_TOPICS];

/* What the node's own clock shows at a time of the world: ahead, and one part in 10 000 fast (drift 1) or slow (-1). */
static inline uint64_t world_clock(const struct node *node, uint64_t at_ns)
{
    return at_ns + node->ahead_ns + (uint64_t)((int64_t)(at_ns / 10000) * node->drift);
}

#endif
