/*
 * Peer pair: two nodes, one link, frames in two queues that the test moves by hand, and a trace of what happened.
 */
#ifndef TESTS_LIB_PEER_PAIR_H
#define TESTS_LIB_PEER_PAIR_H

#include "base/text.h"
#include "link/peer.h"

enum { PAIR_FRAMES_MAX = 512, PAIR_SEEN = 32 };

struct pair_frame {
    uint8_t *bytes;
    size_t len;
};

struct pair_node {
    const char *name;
    struct peer_config config;
    struct exporter *exporter;
    struct peer *peer;
    struct pair_node *other;
    struct pair_frame out[PAIR_FRAMES_MAX]; /* sent, not yet with the other side */
    size_t out_count;
    size_t channels;             /* of its exporter; 0: the default */
    uint64_t ahead_ns;           /* of pair->now: its clock */
    bool keeps_events;           /* deliver answers "later" */
    bool knows_life;             /* that of the other side, as over shared memory */
    bool is_unsettled;           /* what was delivered is not with its receivers yet */
    bool is_near;                /* says that the other side shares its memory */
    uint64_t natives;            /* of the events, as native bytes */
    uint32_t run_most;           /* events of a run that are taken as one; 0: each alone */
    uint64_t runs;               /* that came */
    uint64_t parts;              /* of frames that were sent in parts */
    size_t longest;              /* bytes of a frame that was sent */
    struct peer_backlog backlog; /* of all streams, as the peer is told */
    const char *denied;
    uint64_t last_stream;
    uint64_t last_position;
    uint64_t events;
    struct inbound_event seen[PAIR_SEEN]; /* the last events; payload and native are gone with their frame */
    uint64_t seen_numbers[PAIR_SEEN];
    uint64_t last_number;
    char last_sender[32];
    uint64_t forgotten; /* channels that meant something else, or whose session was over */
    uint64_t lost;
    uint64_t unknown_gaps;
    unsigned closes;
    unsigned ends;
    char news[256]; /* the names of all news, in order */
    struct pair *pair;
};

struct pair {
    struct heap *heap;
    uint64_t now;
    struct pair_node a; /* connects */
    struct pair_node b; /* accepts */
    struct text trace;
};

/* Both nodes with their exporters and peers, not connected.  Change the configurations before pair_open(). */
void pair_init(struct pair *pair, struct heap *heap);
maiko_status pair_open(struct pair *pair);
void pair_deinit(struct pair *pair);

void pair_connect(struct pair *pair);

/* Moves the first frame a node has sent to the other one.  False when there is none. */
bool pair_move_one(struct pair_node *node);

/* Moves frames and ticks both sides until nothing is under way. */
void pair_settle(struct pair *pair);

/* Time passes in steps of at most 500 ms, both sides run. */
void pair_pass(struct pair *pair, uint64_t duration_ns);

/* The connection breaks: what is under way is gone. */
void pair_break(struct pair *pair);

maiko_status pair_subscribe(struct pair_node *node, const char *pattern, enum pattern_from from);
maiko_status pair_publish(struct pair_node *node, const char *topic, maiko_overflow overflow, uint64_t number);
maiko_status pair_publish_as(struct pair_node *node, const char *sender, const char *topic, maiko_overflow overflow,
                             uint64_t number);

/* What was kept is with its receivers now. */
void pair_deliver(struct pair_node *node);

#endif
