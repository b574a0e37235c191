/* Bridge life: a process with one end of a bridge that will be killed.  What it noted of its events outlives it in a file, what
 * it accepted in its counters file; both are in the runtime directory of the test. */
#ifndef TESTS_LIB_BRIDGE_LIFE_H
#define TESTS_LIB_BRIDGE_LIFE_H

#include <maiko/counters.h>
#include <sys/types.h>

#include "lib/bridge_end.h"

/* The end of process `pid`, made when it is not there; NULL: impossible.  To be unmapped by bridge_life_unmap(). */
struct bridge_end *bridge_life_map(pid_t pid);
void bridge_life_unmap(struct bridge_end *end);

/* In the process that will be killed: a node that notes what comes on count/up.  Returns only when that fails. */
int bridge_life_subscribe(const char *node);

/* Kills it and waits for its end; the case fails when it has ended before.  Its pid. */
pid_t bridge_life_kill(struct child *child);

/* Events that dead process `pid` accepted from the link; its books must balance.  Removes its counters file. */
uint64_t bridge_life_accepted(const char *node, pid_t pid);

/* Events that came in over links, taken over by a shard or not.  What waits by the balance may be reports of the bridge, too. */
uint64_t bridge_life_came_in(const maiko_counters *counters);

/* Has the process got as far as a counters file? */
bool bridge_life_has_books(const char *node, pid_t pid);

/* Removes the file of its end. */
void bridge_life_forget(pid_t pid);

#endif
