/* Announce: what this node says about itself in its space. */
#ifndef NODE_ANNOUNCE_H
#define NODE_ANNOUNCE_H

#include <stdint.h>

#include "base/text.h"
#include "node/chores.h"
#include <maiko/status.h>

struct maiko_bridge;

/* The record on its way to its file. */
struct announcing {
    struct chore chore;
    struct text line;
    struct text error;
    char reason[256];
    maiko_status status;
};

/* Once per turn: has the record of us to be written again?  Returns when to be called again, at the latest `deadline_ns`. */
uint64_t node_announce_run(struct maiko_bridge *bridge, uint64_t deadline_ns);

#endif
