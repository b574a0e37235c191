/* Lookout: names the actor that holds its shard for too long while it does so, from the first activation on and also when
 * the hook never returns.  A thread of its own looks at what each shard says anyway, a few times per `watchdog_ns` while some
 * shard is busy, and not at all while all sleep.  There is none without a log, and in the polled modes every activation is
 * timed instead. */
#ifndef RUNTIME_LOOKOUT_H
#define RUNTIME_LOOKOUT_H

#include "runtime/supervisor_internal.h"

/* By start, under the supervisor's lock.  MAIKO_OK or MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status lookout_start(struct maiko_supervisor *sup);

/* Ends the thread, if there is one; it never blocks for long. */
void lookout_stop(struct maiko_supervisor *sup);

/* By a shard that wakes, under the supervisor's lock. */
static inline void lookout_wake(struct maiko_supervisor *sup)
{
    if (__builtin_expect(!sup->lookout.is_asleep, 1))
        return;
    sup->lookout.is_asleep = false;
    pthread_cond_signal(&sup->lookout.wanted);
}

/* By a shard at the end of a turn in which an actor was named: its time is counted, too. */
void lookout_account(struct shard *shard);

/* The log line of an actor that held its shard for so long. */
void lookout_report(struct maiko_supervisor *sup, const char *actor, uint64_t duration_ns);

#endif
