/* Guest: a shard that does the work of the bridge's thread while that thread sleeps, because to wake it would take longer than
 * the work.  Only what goes and comes over links there are, and only a little of it at a time: large amounts, everything else,
 * and whatever turns up while the guest is at work are left to the bridge's thread, which is woken then. */
#ifndef NODE_GUEST_H
#define NODE_GUEST_H

#include <stdbool.h>
#include <stddef.h>

struct batch;
struct maiko_bridge;

/* More than this is handed to the bridge's thread, which sends while the shard goes on. */
enum { GUEST_EVENTS_MAX = 32, GUEST_BYTES_MAX = 16 * 1024, GUEST_PEERS_MAX = 16 };

/* Export actor: sends the batch, when it is little and nobody else is at work, and frees it.  False: it is to be handed over. */
bool node_guest_send(struct maiko_bridge *bridge, struct batch *batch);

/* A shard that slept, and was woken by a link instead of the bridge's thread: reads what has come, wakes that thread if need
 * be. */
void node_guest_read(void *bridge);

/* A shard that spins, over and over: reads what has come, and sends what was handed over.  Keeps the turn until it looks away, or
 * aside: then it looks again in a moment, or away. */
void node_guest_look(void *bridge);
void node_guest_look_aside(void *bridge);
void node_guest_look_away(void *bridge);

/* Export actor, behind what it has handed over: it may be a while before that shard looks again, so the bridge's thread had
 * better be woken. */
bool node_guest_is_looking_aside(const struct maiko_bridge *bridge);

/* The bridge's thread, which holds the turn, is about to sleep, or has slept. */
void node_guest_sleeps(bool is_asleep, void *bridge);

#endif
