/* Backlog: how much of what a remote node sent waits for its receivers.  Events outlive the peer that brought them, and a node
 * that comes back, as whatever life, finds what waits of it counted: so nobody fills memory by leaving and coming again. */
#ifndef NODE_BACKLOG_H
#define NODE_BACKLOG_H

#include "node/node.h"

/* That of a node of this name ("": not known yet) which was gone, or a new one.  NULL: no memory. */
struct node_backlog *backlog_take(maiko_bridge *bridge, const char *name);

/* The node is gone; what waits stays counted under this name. */
void backlog_leave(maiko_bridge *bridge, struct node_backlog *backlog, const char *name);

/* It begins to wait, or is done with; an end, which is nobody's, does not count. */
void backlog_add(struct waiting_import *waiting);
void backlog_remove(maiko_bridge *bridge, const struct waiting_import *waiting);

#endif
