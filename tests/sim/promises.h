/* Promises: each is a comparison of what the nodes say with what the world knows. */
#ifndef TESTS_SIM_PROMISES_H
#define TESTS_SIM_PROMISES_H

#include "sim/world_state.h"

/* The world is not sound; the first reason counts. */
__attribute__((format(printf, 2, 3))) void world_fail(struct world *world, const char *format, ...);

/* Lost by the exporter for its peer, for whatever reason but the peer's end. */
uint64_t world_lost(const struct peer_counters *counters);
/* Events from there that came and were not taken. */
uint64_t world_turned_away(const struct node *node, unsigned from);

/* When an event comes. */
void promises_check_order(struct node *node, const tally *event, bool is_refused);
void promises_check_age(struct node *node, const tally *event, uint64_t published_ns);
/* After every step, of a node that is there. */
void promises_check_node(struct world *world, struct node *node);
/* When everything is healed and drained. */
void promises_check_end(struct world *world);

#endif
