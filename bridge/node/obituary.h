/* Obituary: the events for us that died with the process of another node, which had accepted but not sent them. */
#ifndef NODE_OBITUARY_H
#define NODE_OBITUARY_H

#include "node/node.h"

#define OBITUARY_UNKNOWN UINT64_MAX

/* It has left without a word that was heard: how?  Its counters file says that; reads it. */
void obituary_ask(struct node_peer *peer, const struct node_record *record);

/* The same later: peer->departure as it is by now. */
void obituary_ask_again(struct node_peer *peer);

void obituary_close(struct node_peer *peer);

/* When the process is dead: sets peer->accepted from what its counters file says.  Reads files. */
void obituary_prepare(struct node_peer *peer, const struct node_record *record);

/* When no more of what it sent can come: tells of a gap, when there is or may be one. */
void obituary_write(struct node_peer *peer);

#endif
