/* Forget: how many remote nodes are known at a time, how long one that has gone is, and which is forgotten first.  There are two
 * kinds:
 *
 * - strangers came to us over TCP and never had a link that was ready.  There is little room for them, and they take it from each
 *   other.
 * - all others are known, and no stranger displaces them.  For one that has gone what is published is kept, for a while. */
#ifndef BRIDGE_FORGET_H
#define BRIDGE_FORGET_H

#include "node/node.h"

enum { KNOWN_MAX = 1024, STRANGERS_MAX = 128 };

/* UINT64_MAX: not by itself. */
uint64_t forget_at(const struct node_peer *peer);

/* Is there room for one more of that kind?  Forgets one for it, when it has to and can. */
bool forget_for(maiko_bridge *bridge, bool is_known);

/* Strangers whose link is ready by now are known from here on; where there is no room for them, they are told to come later. */
void forget_strangeness(maiko_bridge *bridge);

#endif
