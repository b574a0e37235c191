/* The name of a node that was given none: PROGRAM.PID, as people know it, and as much more as it takes to be the only one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "node/node.h"

enum { PROGRAM_SHOWN = 32 /* bytes */ };

/* Nodes that the space's directory does not know hear the name as well, and in containers every process may be PID 1. */
static bool is_known_elsewhere(const maiko_bridge *bridge)
{
    size_t i;

    for (i = 0; i < bridge->endpoint_count; i++)
        if (bridge->endpoints[i].use != USE_LISTENERS)
            return true;
    return bridge->config.space == NULL;
}

void node_make_name(maiko_bridge *bridge, unsigned attempt)
{
    const char *program = bridge->program[0] != '\0' ? bridge->program : "node";
    char which[16] = "";
    char unique[16] = "";

    if (attempt > 1)
        snprintf(which, sizeof(which), ".%u", attempt);
    if (is_known_elsewhere(bridge))
        snprintf(unique, sizeof(unique), ".%08" PRIx32, (uint32_t)bridge->node_id.lo);
    snprintf(bridge->node_name, sizeof(bridge->node_name), "%.*s.%d%s%s",
             (int)utf8_floor(program, strlen(program), PROGRAM_SHOWN), program, (int)getpid(), which, unique);
}
