/* Stopping a supervisor: close the sources, drain, run the last hooks, end the threads. */
#ifndef RUNTIME_SUPERVISOR_STOP_H
#define RUNTIME_SUPERVISOR_STOP_H

#include "runtime/supervisor_internal.h"

/* Makes the threads exit and joins them.  Waits until the deadline (monotonic ns; 0: as long as it takes); false when a
 * thread is stuck in a hook, which is then left behind. */
bool supervisor_end_threads(struct maiko_supervisor *sup, uint64_t deadline_ns);

/* Whoever stops it, or will, waits for the queues no longer; the last hooks still run.  Any thread. */
void supervisor_hurry(struct maiko_supervisor *sup);

#endif
