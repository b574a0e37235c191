/* Door queue: events from outside that wait until enough nodes are subscribed to their topic, each for a time of its own.  The
 * bridge's thread alone. */
#ifndef NODE_DOOR_QUEUE_H
#define NODE_DOOR_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct maiko_bridge;
struct route;
struct wire_envelope;

/* Frames of at most DOOR_QUEUE_BYTES, so many of one connection; more are refused.  None waits for longer than
 * DOOR_QUEUE_SECONDS, whatever it asks for: its place is others', too. */
enum { DOOR_QUEUE_MAX = 64, DOOR_QUEUE_OF_ROUTE = 4, DOOR_QUEUE_BYTES = 64 * 1024, DOOR_QUEUE_SECONDS = 3600 };

/* NULL: it waits, and is answered later; else a word of PROTOCOL.md 9 that answers it. */
const char *door_queue_add(struct maiko_bridge *bridge, struct route *route, const struct wire_envelope *envelope,
                           const unsigned char *bytes, size_t len);

/* Lets in those that have waited enough, and answers those that have waited in vain.  Returns when to be called again at the
 * latest. */
uint64_t door_queue_run(struct maiko_bridge *bridge, uint64_t deadline_ns);

/* Answers all: the node stops. */
void door_queue_end(struct maiko_bridge *bridge);

/* Nobody is there to be answered any more. */
void door_queue_forget(struct maiko_bridge *bridge, const struct route *route);
void door_queue_clear(struct maiko_bridge *bridge);

#endif
