/* Peers, inside: shared by peers.c, machine.c and accept.c.
 *
 * Where transports meet: a peer is reached by its route, which is opened in peers.c (dial, or accept.c for those that come), or
 * by shared memory (shm.c); both are closed by peers_drop_route() and written to in machine.c (sink_send).  Frames that come
 * enter through node_peers_frame() or node_shm_run().
 * The state machine knows nothing of it. */
#ifndef BRIDGE_PEERS_H
#define BRIDGE_PEERS_H

#include "node/node.h"

/* NULL: none of that name. */
struct node_peer *peers_find(maiko_bridge *bridge, const char *name);

/* For people: its name, or where we connect. */
const char *peers_name_of(const struct node_peer *peer);

/* For people: where it is, or was last known to be. */
const char *peers_address_of(const struct node_peer *peer);

/* Without a connection; `is_known`: no stranger, see forget.h.  NULL: too many, or no memory. */
struct node_peer *peers_make(maiko_bridge *bridge, const char *name, bool is_known);

/* Closes its connection and frees it. */
void peers_end(struct node_peer *peer);

/* The same, told; what was kept for it is lost, and counted. */
void peers_forget(struct node_peer *peer);

/* Connects, by shared memory or ZeroMQ, or arranges for it. */
void peers_dial(struct node_peer *peer);

/* After a lost connection at once, after a refusal or failures in a row not so soon. */
void peers_redial_later(struct node_peer *peer, bool is_refused);

/* Has a way to the other side, or is about to. */
static inline bool peers_is_connected(const struct node_peer *peer)
{
    return peer->route != NULL || peer->shm != NULL;
}

/* The other side has no descriptors left: told once, and dialled slowly, because libzmq may abort there (bridge/README.md). */
void peers_redial_starved(struct node_peer *peer);

/* Lets the connection go; what was sent has `linger_ms` to leave.  The machine is not told. */
void peers_drop_route(struct node_peer *peer, unsigned linger_ms);

/* Its process has died: tells what died with it, and frees it. */
void peers_bury(struct node_peer *peer);

/* Makes its state machine, which knows what we want and who we are.  MAIKO_OK, MAIKO_ENOMEM and others. */
maiko_status machine_new(maiko_bridge *bridge, struct node_peer *peer);

/* Counts what its state machine says, and passes it on. */
void machine_tell(struct node_peer *peer, const struct peer_notice *notice);

/* Cut to what fits. */
static inline void slice_to_text(struct slice slice, char *text, size_t size)
{
    size_t len = slice.len < size ? slice.len : size - 1;

    if (len > 0) /* an empty slice may point nowhere */
        memcpy(text, slice.data, len);
    text[len] = '\0';
}

#endif
