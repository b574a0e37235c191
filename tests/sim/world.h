/*
 * World: 2 to 8 nodes with their exporters and peers on virtual time, joined by a network that a seed makes bad.  Nothing of it
 * is real: the same seed gives the same run, line by line.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "base/text.h"
#include "link/peer.h"

enum { WORLD_NODES_MAX = 8, WORLD_TOPICS = 4, WORLD_LIVES_MAX = 4, WORLD_PENDING_MAX = 8192 };

/* How bad. */
struct world_faults {
    bool is_datagram; /* frames are lost, doubled and reordered one by one; else connections break and lose what is in flight */
    unsigned loss_percent;  /* datagrams */
    unsigned break_percent; /* connections, per round */
    unsigned partition_percent;
    unsigned crash_percent; /* nodes, per round */
    unsigned stop_percent;  /* nodes stand still, per round */
    bool has_long_faults;   /* some last longer than the link's deadline */
    bool has_slow_receivers;
    bool is_one_host;    /* connections end with their processes only, and both sides know that those live: shared memory */
    uint64_t longest_ns; /* of the short ones */
};

struct world_config {
    uint64_t seed;
    unsigned nodes;
    unsigned rounds; /* of publishing and faults; then everything is healed and drained */
    struct world_faults faults;
    struct text *trace;   /* NULL: none */
    bool is_narrow;       /* a small window and a small log */
    bool has_refusals;    /* every node will not have one of the topics it asked for: half of them deny it, half cannot take it */
    bool is_live;         /* subscribers want nothing that was published before they were there */
    bool has_own_clocks;  /* each node another one, which is fast or slow as well; else there is one for all */
    unsigned only_sender; /* 0: all publish; else only node only_sender - 1 */
    unsigned near_mask;   /* nodes, a bit each, that share memory with each other: their events may be native bytes */
};

struct world_result {
    bool is_sound;
    char reason[512];
    uint64_t published;
    uint64_t delivered;
    uint64_t lost;
    uint64_t unknown_gaps;
    uint64_t duplicates;
    uint64_t replays;
    uint64_t sessions;
    uint64_t held;
    uint64_t natives;   /* delivered as native bytes */
    uint64_t converted; /* from native bytes for somebody else */
    uint64_t refused;
};

/* Runs one world from begin to end. */
void world_run(const struct world_config *config, struct world_result *ret_result);

/* A world drawn from a seed: how many nodes, what goes wrong. */
struct world_config world_of_seed(uint64_t seed);

#endif
