/* Waiting for what a space brings. */
#ifndef TESTS_LIB_SPACE_WAIT_H
#define TESTS_LIB_SPACE_WAIT_H

#include <poll.h>
#include <stdbool.h>

#include "lib/suite.h"
#include "space/space.h"

/* Sleeps until the space has news, then handles it and clears up behind the dead; for wait_until(). */
static inline bool space_turn(struct space *space)
{
    struct pollfd fd = {.fd = space_fd(space), .events = POLLIN};

    if (poll(&fd, 1, 20) > 0)
        space_run(space);
    while (space_has_remains(space))
        space_clear_remains(space);
    return true;
}

#define wait_for(space, condition) wait_until((space_turn(space), (condition)), 60000)

#endif
