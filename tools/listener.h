/* Listener: a node of its own that joins a space and hands what comes to a verb, until it has enough or is
 * ended. */
#ifndef TOOLS_LISTENER_H
#define TOOLS_LISTENER_H

#include <stdbool.h>

#include <maiko/bridge.h>

#include "ending.h"

enum { LISTENER_PATTERNS_MAX = 64 };

struct listener {
    const char *verb; /* for complaints */
    const char *space;
    const char *group;       /* whose members share it; NULL: this user's alone */
    const char *runtime_dir; /* NULL: the usual one */
    char **patterns;         /* checked */
    int pattern_count;       /* LISTENER_PATTERNS_MAX at most */
    maiko_bridge_from from;
    bool is_verbose;

    /* One event.  *ret_is_enough: no more. */
    maiko_status (*take)(void *userdata, const maiko_envelope *envelope, bool *ret_is_enough);
    /* Nothing more has come so far, or something is about to be said on stderr, or it is the end.  False: no more. */
    bool (*pause)(void *userdata);
    void *userdata;
};

/* Returns an exit code; what went wrong has been said.  Begins and finishes the ending. */
int listener_run(const struct listener *listener, struct ending *ending);

#endif
