/* Mesh: 2 to 8 nodes that all relay what they import, joined as a seed draws it, over connections that break.  Virtual time. */
#ifndef TESTS_SIM_MESH_H
#define TESTS_SIM_MESH_H

#include <stdbool.h>
#include <stdint.h>

enum { MESH_NODES_MAX = 8, MESH_EVENTS_MAX = 64 };

enum mesh_shape { MESH_FULL, MESH_RING, MESH_LINE, MESH_RANDOM };

struct mesh_config {
    uint64_t seed;
    enum mesh_shape shape;
    unsigned nodes;
    unsigned hop_limit;
    unsigned events;        /* of each node */
    unsigned break_percent; /* per round, one connection */
};

struct mesh_result {
    bool is_sound;
    char reason[256];
    uint64_t delivered;
    uint64_t relayed;
    uint64_t repeated;
    uint64_t loops;
    uint64_t too_many_hops;
    unsigned received[MESH_NODES_MAX][MESH_NODES_MAX]; /* [receiver][origin] */
};

void mesh_run(const struct mesh_config *config, struct mesh_result *ret_result);

#endif
