/*
 * Network of the simulation.  Two kinds: connections (in order while they last, everything in flight is gone when they break; the
 * connecting side learns of it, the accepting side may not), and datagrams (every frame is lost, doubled or delayed by itself).
 */
#ifndef TESTS_SIM_NETWORK_H
#define TESTS_SIM_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NETWORK_NODES_MAX = 8 };

struct network_frame {
    uint64_t at;
    uint64_t order; /* among frames of one instant */
    unsigned from;
    unsigned to;
    uint64_t incarnation; /* of the connection it was sent on */
    uint8_t *bytes;
    size_t len; /* 0: the connection broke */
};

struct network_pair {
    bool is_open;
    uint64_t incarnation;
    uint64_t reconnect_at;
    uint64_t cut_until;
    uint64_t last_at[2]; /* arrival of the newest frame each way: the next one comes later */
};

struct network {
    bool is_datagram;
    unsigned loss_percent;
    uint64_t random;
    uint64_t now;
    uint64_t next_order;
    struct network_frame *frames; /* binary heap */
    size_t count;
    size_t capacity;
    struct network_pair pairs[NETWORK_NODES_MAX][NETWORK_NODES_MAX]; /* [lower][higher] */
};

void network_init(struct network *network, uint64_t seed, bool is_datagram, unsigned loss_percent);
void network_deinit(struct network *network);

void network_send(struct network *network, unsigned from, unsigned to, const uint8_t *bytes, size_t len);

/* One side closes: what is under way still arrives. */
void network_close(struct network *network, unsigned from, unsigned to);

/* True when the pair is not connected and may be now: then it is. */
bool network_connect(struct network *network, unsigned lower, unsigned higher, uint64_t now);

void network_break(struct network *network, unsigned a, unsigned b, uint64_t now, uint64_t duration);
void network_cut(struct network *network, unsigned a, unsigned b, uint64_t until);

/* A node dies: its connections break. */
void network_kill(struct network *network, unsigned node);

/* No cut lasts any longer. */
void network_heal(struct network *network, uint64_t now);
void network_set_reliable(struct network *network);

/* When the next frame arrives, UINT64_MAX: never. */
uint64_t network_next(const struct network *network);

/* The frame is the caller's until network_release() or network_again(), which lets it arrive later. */
struct network_frame network_pop(struct network *network);
void network_release(struct network *network, struct network_frame *frame);
void network_again(struct network *network, struct network_frame *frame, uint64_t at);

#endif
