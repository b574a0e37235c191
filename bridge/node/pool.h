/* Pool: large events of types that leave through shared memory are made where the other processes can read them, and go there by
 * reference.  Decides which types, passes the pool to the peers that take it, and lends what is sent. */
#ifndef NODE_POOL_H
#define NODE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/payload.h"
#include <maiko/event.h>

struct control_message;
struct maiko_bridge;
struct node_peer;
struct node_pool;
struct payload_plan;

enum {
    POOL_FROM = 32 * 1024, /* bytes of an event */
    POOL_TYPES = 64        /* of which events are made in it */
};

/* Before the start: the supervisor's shards will ask it for room.  MAIKO_OK, MAIKO_ENOMEM. */
MAIKO_MUST_CHECK maiko_status node_pool_set_up(struct maiko_bridge *bridge);

/* Behind the end of all links.  What is in use stays. */
void node_pool_tear_down(struct maiko_bridge *bridge);

/* The export actor's: a large event of this type goes out as native bytes, so the next ones had better be made in the pool. */
void node_pool_note(struct maiko_bridge *bridge, const struct payload_plan *plan);

/* How often there was no room in the pool; any thread. */
uint64_t node_pool_starved(const struct maiko_bridge *bridge);

/* ---- the bridge's thread ---- */

/* Makes the pool, when it is wanted by now, and offers it to a peer with a link that has not got it. */
void node_pool_offer(struct node_peer *peer);

/* The peer has sent one of its own, or says that it has ours. */
void node_pool_came(struct node_peer *peer, const struct control_message *message);
void node_pool_taken(struct node_peer *peer);

/* Once per turn. */
void node_pool_tidy(struct maiko_bridge *bridge, uint64_t now_ns);

/* The link is over. */
void node_pool_leave(struct node_peer *peer);

/* What the peer did with our pool that it may not; NULL: nothing. */
const char *node_pool_fault(struct node_peer *peer);

/* As peer_sink asks. */
bool node_pool_lend(struct node_peer *peer, const maiko_event_type *type, const void *event, size_t len,
                    struct payload_reference *ret_reference);
void node_pool_pass(struct node_peer *peer, uint32_t slot);

/* Whoever has the turn: is the event in a slot of ours? */
bool node_pool_has(const struct maiko_bridge *bridge, const void *event);

/*
 * An event that came by reference.  On success it lies at *ret_event, checked; *ret_loan is for shm_view_return() and keeps it
 * there.
 * MAIKO_OK; MAIKO_ETYPE, or MAIKO_ELIMIT (an event in that slot is still read here, and a copy for each time it is named would be
 * memory without bound), with the reason: it was passed.
 */
MAIKO_MUST_CHECK maiko_status node_pool_take(struct node_peer *peer, const struct payload_plan *plan, struct slice payload,
                                             const void **ret_event, void **ret_loan, size_t *ret_len, struct text *error);

#endif
