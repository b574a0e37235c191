/* Links through shared memory: how this node offers, answers and ends them, and what its thread does for them.  The frames they
 * move are those of PROTOCOL.md; who is a peer and what it gets is decided where it always is. */
#ifndef NODE_SHM_H
#define NODE_SHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "space/attach.h"
#include "wire/pack.h"

struct control_message;
struct maiko_bridge;
struct node_peer;
struct space_channel;
struct text;

/* What shared memory there is between us and one peer. */
struct node_shm;

/* MAIKO_OK, MAIKO_ELIMIT, MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status node_shm_set_up(struct maiko_bridge *bridge, struct text *error);
void node_shm_tear_down(struct maiko_bridge *bridge);

enum shm_dial {
    SHM_DIAL_OFFERED, /* the answer comes later */
    SHM_DIAL_LATER,   /* the node has not greeted, or is gone: called again when it has */
    SHM_DIAL_REFUSED  /* no shared memory with this node now: why is in peer->shm_refusal */
};

/* Offers memory to a node of the space that we are to connect to. */
enum shm_dial node_shm_dial(struct node_peer *peer);

/* A link that frames can be sent on. */
bool node_shm_is_up(const struct node_peer *peer);

/* Is its link, or was its last one, or is what is being arranged, one through shared memory? */
bool node_shm_is_transport(const struct node_peer *peer);

/* Statuses of shm_link_send(). */
MAIKO_MUST_CHECK maiko_status node_shm_send(struct node_peer *peer, const void *bytes, size_t len);
MAIKO_MUST_CHECK maiko_status node_shm_send_parts(struct node_peer *peer, const struct slice *parts, size_t count);

/* Ends the attachment, if there is one, and tells the other side; what was written can still be read there. */
void node_shm_drop(struct node_peer *peer);

/* Reads all there is, for a peer that will write no more. */
void node_shm_read_out(struct node_peer *peer);

enum { SHM_FRAMES_PER_TURN = 256 };

/* Reads and writes what can be; at most so many frames of each link. */
void node_shm_run(struct maiko_bridge *bridge, size_t frames);

/* Of what there is between us and the peer: the number of the attachment, and one message about it. */
uint64_t node_shm_id(const struct node_peer *peer);
void node_shm_tell(struct node_peer *peer, enum attach_kind kind, const int *fds, size_t fd_count);

/* Frames wait for room. */
bool node_shm_is_waiting(const struct node_peer *peer);

/* Before sleeping: `deadline_ns`, or 0 when there is something to do already. */
uint64_t node_shm_arm(struct maiko_bridge *bridge, uint64_t deadline_ns);

/* Before looking at the links again and again instead: nobody is woken for them until node_shm_arm().  And such a look. */
void node_shm_watch(struct maiko_bridge *bridge);
bool node_shm_has_news(const struct maiko_bridge *bridge);

/* From the space. */
void node_shm_channel_ready(struct space_channel *channel, const char *node, void *bridge);
void node_shm_message(struct space_channel *channel, const char *node, struct control_message *message, void *bridge);
void node_shm_channel_ended(void *shm, void *bridge);

/* The port's watch: clears nothing, node_shm_run() follows. */
void node_shm_ready(void *bridge);

#endif
